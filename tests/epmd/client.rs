//! Our client against servers that are right, slow, broken or hostile.

use crate::support::*;
use erlnode::net::epmd::{self, Registration};
use erlnode::net::epmd_server::EpmdServer;
use erlnode::proto::epmd::{write_alive2, write_port2, NodeInfo};
use erlnode::Error;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers one connection after the other with `reply`, byte by byte, and closes.
async fn fake(port: u16, reply: Vec<u8>) -> tokio::task::JoinHandle<()> {
    let listener = TcpListener::bind(loopback(port)).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            let mut size = [0; 2];
            if socket.read_exact(&mut size).await.is_err() {
                continue;
            }
            let mut body = vec![0; usize::from(u16::from_be_bytes(size))];
            socket.read_exact(&mut body).await.unwrap();
            for byte in &reply {
                if socket.write_all(&[*byte]).await.is_err() {
                    break;
                }
                // The client runs on this thread: it sees every byte alone.
                tokio::task::yield_now().await;
            }
        }
    })
}

#[tokio::test]
async fn lookup_and_names_find_what_was_registered() {
    let port = free_port();
    let config = config(port, true);
    let _server = EpmdServer::start(&config).unwrap();
    let info = NodeInfo { extra: vec![1, 2, 3], ..NodeInfo::new("worker", 4711).hidden(true) };
    let registration = Registration::start(config.clone(), info.clone()).await.unwrap();
    assert!(!registration.hosts_epmd() && registration.state().registered);
    assert!(registration.creation() >= 4);
    for host in ["127.0.0.1", "localhost"] {
        let found = epmd::lookup(&config, host, "worker", deadline()).await.unwrap();
        assert_eq!(found.info, info);
        assert_eq!(found.addresses[0], loopback(4711), "{host}");
        let names = epmd::names(&config, host, deadline()).await.unwrap();
        assert_eq!(names, [("worker".to_string(), 4711)]);
    }
    registration.stop().await;
    until("forgotten", SOON, || async {
        matches!(
            epmd::lookup(&config, "localhost", "worker", deadline()).await,
            Err(Error::NameUnknown { node, alive }) if node == "worker@localhost" && alive == "worker"
        )
    })
    .await;
}

#[tokio::test]
async fn replies_may_come_byte_by_byte_and_a_reply_cut_anywhere_is_not_an_answer() {
    let info = NodeInfo { extra: vec![7; 3], ..NodeInfo::new("a", 4711) };
    let mut whole = Vec::new();
    write_port2(&mut whole, Some(&info));
    for cut in 0..=whole.len() {
        let port = free_port();
        let server = fake(port, whole[..cut].to_vec()).await;
        let found = epmd::lookup(&config(port, false), "127.0.0.1", "a", deadline()).await;
        if cut == whole.len() {
            assert_eq!(found.unwrap().info, info);
        } else {
            assert!(matches!(found, Err(Error::NotANode { .. })), "cut at {cut}: {found:?}");
        }
        server.abort();
    }
}

#[tokio::test]
async fn a_names_reply_cut_anywhere_is_not_a_shorter_list() {
    let whole = b"\0\0\x11\x11name a at port 1\nname b at port 22\n";
    for cut in 0..=whole.len() {
        let port = free_port();
        let server = fake(port, whole[..cut].to_vec()).await;
        let names = epmd::names(&config(port, false), "127.0.0.1", deadline()).await;
        match (cut, names) {
            (4, Ok(names)) => assert!(names.is_empty()),
            (21, Ok(names)) => assert_eq!(names.len(), 1),
            (39, Ok(names)) => assert_eq!(names.len(), 2),
            (_, Err(Error::NotANode { .. })) if ![4, 21, 39].contains(&cut) => {}
            (_, other) => panic!("cut at {cut}: {other:?}"),
        }
        server.abort();
    }
}

#[tokio::test]
async fn what_is_not_an_epmd_is_named_so() {
    for reply in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        &[0],
        b"SSH-2.0-x\r\n",
        &[119, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255],
    ] {
        let port = free_port();
        let server = fake(port, reply.to_vec()).await;
        let config = config(port, false);
        let found = epmd::lookup(&config, "127.0.0.1", "a", deadline()).await.unwrap_err();
        assert!(matches!(found, Error::NotANode { .. }), "{found:?}");
        let names = epmd::names(&config, "127.0.0.1", deadline()).await.unwrap_err();
        assert!(matches!(names, Error::NotANode { .. }), "{names:?}");
        let registration = Registration::start(config, NodeInfo::new("a", 1)).await.unwrap_err();
        assert!(matches!(registration, Error::NotANode { .. }), "{registration:?}");
        server.abort();
    }
}

#[tokio::test]
async fn an_epmd_that_knows_only_two_bits_of_creation_does_not_give_us_a_small_one() {
    let mut reply = Vec::new();
    write_alive2(&mut reply, false, Some(2));
    let port = free_port();
    let _server = fake(port, reply).await;
    let registration = Registration::start(config(port, false), NodeInfo::new("a", 1)).await.unwrap();
    assert!(registration.creation() >= 4);
}

#[tokio::test]
async fn a_silent_epmd_costs_exactly_the_deadline() {
    let port = free_port();
    // Connections are completed by the kernel; nobody ever answers.
    let _listener = TcpListener::bind(loopback(port)).await.unwrap();
    let limit = Duration::from_millis(300);
    let started = tokio::time::Instant::now();
    let found = epmd::lookup(&config(port, false), "127.0.0.1", "a", started + limit).await.unwrap_err();
    assert!(matches!(found, Error::Timeout(_)), "{found:?}");
    let names = epmd::names(&config(port, false), "127.0.0.1", started + 2 * limit).await.unwrap_err();
    assert!(matches!(names, Error::Timeout(_)), "{names:?}");
    let lasted = started.elapsed();
    assert!(lasted >= 2 * limit && lasted < 10 * limit, "{lasted:?}");
}

#[tokio::test]
async fn nobody_there_and_no_such_host_are_told_apart() {
    let port = free_port();
    let config = config(port, false);
    let found = epmd::lookup(&config, "localhost", "a", deadline()).await.unwrap_err();
    let Error::EpmdUnreachable { address, .. } = found else { panic!("{found:?}") };
    assert!(address.ends_with(&format!(":{port}")), "{address}");
    let registration = Registration::start(config.clone(), NodeInfo::new("a", 1)).await.unwrap_err();
    assert!(matches!(registration, Error::EpmdUnreachable { .. }), "{registration:?}");
    let found = epmd::lookup(&config, "no-such-host.invalid", "a", deadline()).await.unwrap_err();
    let Error::HostUnknown { node, host, .. } = found else { panic!("{found:?}") };
    assert_eq!((node.as_str(), host.as_str()), ("a@no-such-host.invalid", "no-such-host.invalid"));
}

#[tokio::test]
async fn names_that_no_epmd_takes_are_refused_before_any_connection() {
    let config = config(free_port(), false);
    for name in ["", "a\0b", &"x".repeat(256)] {
        let found = epmd::lookup(&config, "127.0.0.1", name, deadline()).await.unwrap_err();
        assert!(matches!(found, Error::BadName { .. }), "{found:?}");
        let registration = Registration::start(config.clone(), NodeInfo::new(name, 1)).await.unwrap_err();
        assert!(matches!(registration, Error::Argument(_)), "{registration:?}");
    }
}
