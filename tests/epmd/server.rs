//! Our server, spoken to byte by byte.

use crate::support::*;
use erlnode::net::epmd_server::{EpmdLimits, EpmdServer};
use erlnode::proto::epmd::{parse_names, NodeInfo, Request};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn serve() -> (EpmdServer, u16) {
    let port = free_port();
    (EpmdServer::start(&config(port, true)).unwrap(), port)
}

/// Nothing to read and not closed, after the server had a chance to do either.
async fn is_open(port: u16, socket: &TcpStream) -> bool {
    knows(port, "a chance to act").await;
    matches!(socket.try_read(&mut [0; 1]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[tokio::test]
async fn a_name_lives_until_its_socket_closes() {
    let (_server, port) = serve();
    let (socket, reply) = register(port, "a").await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as u32;
    let creation = u32::from_be_bytes(reply[2..].try_into().unwrap());
    assert_eq!(reply[..2], [118, 0]);
    assert!(creation.abs_diff(now) <= 2, "{creation} is not the clock {now}");
    assert!(is_open(port, &socket).await);
    assert!(knows(port, "a").await);
    drop(socket);
    until("the name is forgotten", SOON, || async { !knows(port, "a").await }).await;
    let (_socket, reply) = register(port, "a").await;
    assert_eq!(u32::from_be_bytes(reply[2..].try_into().unwrap()), creation + 1);
}

#[tokio::test]
async fn one_byte_on_a_registered_socket_unregisters_and_closes() {
    let (_server, port) = serve();
    let (mut socket, _) = register(port, "a").await;
    socket.write_all(b"!").await.unwrap();
    assert_eq!(until_closed(&mut socket).await, b"");
    assert!(!knows(port, "a").await, "closed, but the name is still there");
}

#[tokio::test]
async fn a_name_in_use_gets_99_and_the_socket_stays_open() {
    let (_server, port) = serve();
    let (_first, _) = register(port, "a").await;
    let (second, reply) = register(port, "a").await;
    assert_eq!(reply, [118, 1, 0, 0, 0, 99]);
    assert!(is_open(port, &second).await);
    let old = Request::alive2(&NodeInfo { highest: 5, ..NodeInfo::new("a", 9) }).unwrap();
    let mut third = sent(port, &old).await;
    let mut reply = [0; 4];
    third.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply, [121, 1, 0, 99]);
}

#[tokio::test]
async fn port2_and_names_answer_and_close() {
    let (_server, port) = serve();
    let info = NodeInfo {
        node_type: 104,
        protocol: 3,
        highest: 9,
        lowest: 2,
        extra: b"x\0y".to_vec(),
        ..NodeInfo::new("ä b@c", 4711)
    };
    let _held = {
        let mut socket = sent(port, &Request::alive2(&info).unwrap()).await;
        socket.read_exact(&mut [0; 6]).await.unwrap();
        socket
    };
    let found = talk(port, &Request::port2("ä b@c").unwrap()).await;
    let mut expected = vec![119, 0, 18, 103, 104, 3, 0, 9, 0, 2, 0, 6];
    expected.extend("ä b@c".as_bytes());
    expected.extend(b"\0\x03x\0y");
    assert_eq!(found, expected);
    assert_eq!(talk(port, &Request::port2("nobody").unwrap()).await, [119, 1]);
    let names = talk(port, &Request::names()).await;
    assert_eq!(names[..4], u32::from(port).to_be_bytes());
    assert_eq!(&names[4..], "name ä b@c at port 4711\n".as_bytes());
}

#[tokio::test]
async fn a_request_may_arrive_in_any_two_pieces() {
    let (_server, port) = serve();
    let (_held, _) = register(port, "a").await;
    let request = Request::port2("a").unwrap();
    for cut in 1..request.len() {
        let mut socket = sent(port, &request[..cut]).await;
        socket.set_nodelay(true).unwrap();
        assert!(is_open(port, &socket).await, "cut at {cut}");
        socket.write_all(&request[cut..]).await.unwrap();
        assert_eq!(until_closed(&mut socket).await[..2], [119, 0], "cut at {cut}");
    }
    let request = alive2("b");
    for cut in 1..request.len() {
        let mut socket = sent(port, &request[..cut]).await;
        socket.set_nodelay(true).unwrap();
        assert!(is_open(port, &socket).await, "cut at {cut}");
        socket.write_all(&request[cut..]).await.unwrap();
        soon("reply", socket.read_exact(&mut [0; 6])).await.unwrap();
        assert!(knows(port, "b").await);
        socket.write_all(b"!").await.unwrap();
        until_closed(&mut socket).await;
    }
}

#[tokio::test]
async fn hostile_requests_are_closed_without_a_word_and_change_nothing() {
    let (server, port) = serve();
    let (_held, _) = register(port, "a").await;
    let mut lying = alive2("liar");
    lying[11..13].copy_from_slice(&[255, 255]);
    let long = [&b"z"[..], &[b'a'; 256]].concat();
    let hostile: Vec<(&str, Vec<u8>)> = vec![
        ("length 0", vec![0, 0]),
        ("length 3058", [&3058u16.to_be_bytes()[..], &[b'z'; 3058]].concat()),
        ("more than declared", vec![0, 2, b'z', b'a', b'b']),
        ("unknown code", framed(b"?")),
        ("http", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("kill", framed(b"k")),
        ("stop", framed(b"sa")),
        ("short ALIVE2", framed(b"x\0\x09M\0\0\x06\0\x05\0")),
        ("ALIVE2 with a lying length", lying),
        ("ALIVE2 without a name", framed(b"x\0\x09M\0\0\x06\0\x05\0\0\0\0")),
        ("ALIVE2 with NUL", framed(b"x\0\x09M\0\0\x06\0\x05\0\x03a\0b\0\0")),
        ("PORT2 without a name", framed(b"z")),
        ("PORT2 with a long name", framed(&long)),
        ("PORT2 with bad text", framed(b"z\xff")),
    ];
    for (what, bytes) in hostile {
        assert_eq!(talk(port, &bytes).await, b"", "{what}");
    }
    assert!(knows(port, "a").await);
    assert_eq!(server.registered(), 1);
}

#[tokio::test]
async fn dump_shows_the_living_and_the_dead() {
    let (_server, port) = serve();
    let (mut dying, _) = register(port, "dead").await;
    dying.write_all(b"!").await.unwrap();
    until_closed(&mut dying).await;
    let (_held, _) = register(port, "living").await;
    let dump = talk(port, &Request::dump()).await;
    let text = String::from_utf8(dump[4..].to_vec()).unwrap();
    let lines: Vec<&str> = text.split_terminator('\0').collect();
    assert_eq!(lines.len(), 2, "{text:?}");
    assert!(lines[0].starts_with("active name     <living> at port 9, fd = "), "{text:?}");
    assert!(lines[1].starts_with("old/unused name <dead>, port = 9, fd = "), "{text:?}");
    assert!(lines[1].ends_with(" \n"), "{text:?}");
}

#[tokio::test]
async fn trickling_does_not_refresh_the_idle_deadline() {
    let port = free_port();
    let idle = Duration::from_millis(400);
    let limits = EpmdLimits { idle, ..EpmdLimits::default() };
    let server = EpmdServer::start_with(&config(port, true), limits).unwrap();
    let started = std::time::Instant::now();
    let mut socket = sent(port, &[1, 0, b'z']).await;
    let mut tick = tokio::time::interval(Duration::from_millis(40));
    let mut trickled = 0;
    loop {
        tokio::select! {
            read = socket.read_u8() => {
                assert!(read.is_err(), "the server answered half a request");
                break;
            }
            _ = tick.tick() => {
                // 256 bytes are announced: it never gets there.
                trickled += 1;
                let _ = socket.write_all(b"a").await;
            }
        }
    }
    let lasted = started.elapsed();
    assert!(lasted >= idle && trickled >= 3, "closed after {lasted:?} and {trickled} bytes");
    assert!(lasted < idle * 10, "trickling kept the connection for {lasted:?}");
    until("the place is free again", SOON, || async { server.half_open() == 0 }).await;
}

#[tokio::test]
async fn a_registered_socket_may_be_silent_beyond_the_idle_deadline() {
    let port = free_port();
    let limits = EpmdLimits { idle: Duration::from_millis(50), ..EpmdLimits::default() };
    let _server = EpmdServer::start_with(&config(port, true), limits).unwrap();
    let (held, _) = register(port, "a").await;
    let mut silent = sent(port, b"").await;
    // This one tells that the deadline of both is over.
    assert_eq!(until_closed(&mut silent).await, b"");
    assert!(is_open(port, &held).await && knows(port, "a").await);
}

#[tokio::test]
async fn the_oldest_silent_connection_makes_room_for_a_new_one() {
    let port = free_port();
    let limits = EpmdLimits { half_open: 3, ..EpmdLimits::default() };
    let server = EpmdServer::start_with(&config(port, true), limits).unwrap();
    let (_held, _) = register(port, "a").await;
    let mut silent = Vec::new();
    for count in 1..=3 {
        silent.push(sent(port, b"").await);
        until("seen", SOON, || async { server.half_open() == count }).await;
    }
    let _fourth = sent(port, b"").await;
    assert_eq!(until_closed(&mut silent[0]).await, b"");
    assert!(is_open(port, &silent[1]).await);
    assert!(knows(port, "a").await);
    assert!(server.half_open() <= 3);
}

#[tokio::test]
async fn a_slow_reader_gets_the_whole_names_reply() {
    let (_server, port) = serve();
    let mut held = Vec::new();
    for number in 0..300 {
        let name = format!("{number:03}{}", "😀".repeat(252));
        held.push(register(port, &name).await.0);
    }
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut socket = socket.connect(loopback(port)).await.unwrap();
    socket.write_all(&Request::names()).await.unwrap();
    let mut reply = Vec::new();
    let mut piece = [0; 1000];
    loop {
        match soon("more of the reply", socket.read(&mut piece)).await.unwrap() {
            0 => break,
            size => reply.extend_from_slice(&piece[..size]),
        }
        knows(port, "nobody").await;
    }
    let names = parse_names(&reply).unwrap();
    assert_eq!(names.len(), 300);
    assert!(names[0].alive.starts_with("299"), "newest first");
}

#[tokio::test]
async fn it_serves_both_families_and_the_port_is_free_after_stop() {
    let port = free_port();
    for _ in 0..3 {
        let server = EpmdServer::start(&config(port, true)).unwrap();
        let (_held, _) = register(port, "a").await;
        match TcpStream::connect(("::1", port)).await {
            Ok(mut socket) => {
                socket.write_all(&Request::port2("a").unwrap()).await.unwrap();
                assert_eq!(until_closed(&mut socket).await[..2], [119, 0]);
            }
            Err(_) => assert_eq!(server.addresses().len(), 1, "IPv6 was bound but does not answer"),
        }
        let second = EpmdServer::start(&config(port, true)).unwrap_err();
        assert_eq!(second.kind(), std::io::ErrorKind::AddrInUse);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_reset_instead_of_a_request_or_a_close_harms_nobody() {
    let (server, port) = serve();
    let (_held, _) = register(port, "a").await;
    for bytes in [&b""[..], &[0], &Request::names(), &alive2("b")] {
        let socket = sent(port, bytes).await;
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
        drop(socket);
    }
    until("b is forgotten", SOON, || async { !knows(port, "b").await }).await;
    until("no place is lost", SOON, || async { knows(port, "a").await && server.half_open() == 0 }).await;
    assert_eq!(server.registered(), 1);
}

#[tokio::test]
async fn a_peer_with_our_own_address_is_local_although_it_is_not_loopback() {
    // The address this host would use to reach others; connecting a datagram socket sends nothing.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let ours = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    let Some(ours) = ours.ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback()) else {
        eprintln!("SKIPPED: this host has no address but loopback");
        return;
    };
    let port = free_port();
    let mut config = config(port, true);
    config.addresses = vec![ours];
    let server = EpmdServer::start(&config).unwrap();
    assert!(server.addresses().iter().any(|address| address.ip() == ours));
    let mut socket = TcpStream::connect((ours, port)).await.unwrap();
    assert_eq!(socket.local_addr().unwrap().ip(), ours);
    socket.write_all(&alive2("a")).await.unwrap();
    let mut reply = [0; 6];
    soon("reply", socket.read_exact(&mut reply)).await.unwrap();
    assert_eq!(reply[..2], [118, 0]);
    assert!(knows(port, "a").await);
}
