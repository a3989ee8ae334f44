//! What passes through a connection once it is secured: much, little, nothing, and a sudden end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use erlnode::term::{Term, Writer};
use erlnode::{Config, Error, MonitorNodes, NodeType, Target, TlsVersion};

use crate::certificates::Authority;
use crate::support::{next, send, text, Cluster, PATIENCE};
use crate::{pair, start, tls};

fn binary(bytes: &[u8]) -> Vec<u8> {
    let mut writer = Writer::with_capacity(bytes.len() + 16);
    writer.binary(bytes);
    writer.finish().unwrap()
}

/// Bytes that are wrong in any other place.
fn pattern(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

#[test]
fn big_messages_arrive_whole_and_small_ones_pass_between_their_fragments() {
    let cluster = Cluster::new();
    let (a, b) = pair(&cluster);
    let (in_a, in_b) = (a.mailbox(Default::default()).unwrap(), b.mailbox(Default::default()).unwrap());
    for size in [0, 1, 16_383, 16_384, 16_385, 65_536, 1_000_000, 20_000_000] {
        let bytes = pattern(size);
        in_a.send(&Target::from(&in_b.pid()), &binary(&bytes), PATIENCE).unwrap();
        assert!(next(&in_b).term().unwrap().as_bytes() == Some(&bytes[..]), "{size} bytes");
        in_b.send(&Target::from(&in_a.pid()), &binary(&bytes), PATIENCE).unwrap();
        assert!(next(&in_a).term().unwrap().as_bytes() == Some(&bytes[..]), "{size} bytes back");
    }
}

#[test]
fn messages_of_many_threads_keep_their_order() {
    const EACH: i64 = 5_000;
    let cluster = Cluster::new();
    let authority = Authority::new("cluster");
    for version in [TlsVersion::V1_2, TlsVersion::V1_3] {
        let side = || tls(&authority.issue(), &authority).versions(&[version]);
        let (a, b) = (start(cluster.config("a").tls(side())), start(cluster.config("b").tls(side())));
        let in_b = b.mailbox(Default::default()).unwrap();
        let target = in_b.pid();
        std::thread::scope(|scope| {
            for thread in 0..4_i64 {
                let (a, target) = (a.clone(), target.clone());
                scope.spawn(move || {
                    let box_a = a.mailbox(Default::default()).unwrap();
                    for number in 0..EACH {
                        send(&box_a, &target, &format!("{{{thread}, {number}}}"));
                    }
                });
            }
            let mut expected = [0; 4];
            for _ in 0..4 * EACH {
                let term = next(&in_b).term().unwrap();
                let [Term::Int(thread), Term::Int(number)] = term.as_tuple().unwrap() else {
                    panic!("{term}")
                };
                assert_eq!(*number, expected[*thread as usize]);
                expected[*thread as usize] += 1;
            }
        });
    }
}

#[test]
fn ticks_keep_an_idle_connection() {
    let cluster = Cluster::new();
    let authority = Authority::new("cluster");
    let node = |name| {
        let config = cluster.config(name).ticktime(Duration::from_millis(400));
        start(config.tls(tls(&authority.issue(), &authority)))
    };
    let (a, b) = (node("a"), node("b"));
    let events = a.mailbox(Default::default()).unwrap();
    a.connect(b.name().as_str(), PATIENCE).unwrap();
    events.monitor_nodes(MonitorNodes { node_type: NodeType::All, info: false });
    // Three times the ticktime without a word: no nodedown may come.
    assert!(matches!(events.recv(Some(Duration::from_millis(1200))), Err(Error::Timeout(_))));
    assert!(a.ping(b.name().as_str(), PATIENCE).unwrap());
}

/// Passes bytes on to `to` until so many went there, then cuts both sockets.
fn cut_after(limit: usize, to: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for (turn, caller) in listener.incoming().enumerate() {
            let (Ok(caller), Ok(called)) = (caller, TcpStream::connect(("127.0.0.1", to))) else { return };
            let limit = if turn == 0 { limit } else { usize::MAX };
            let (back_from, back_to) = (called.try_clone().unwrap(), caller.try_clone().unwrap());
            std::thread::spawn(move || pass(back_from, back_to, usize::MAX));
            std::thread::spawn(move || pass(caller, called, limit));
        }
    });
    port
}

fn pass(mut from: TcpStream, mut to: TcpStream, mut limit: usize) {
    let mut buffer = [0; 4096];
    while limit > 0 {
        let room = buffer.len().min(limit);
        match from.read(&mut buffer[..room]) {
            Ok(count @ 1..) if to.write_all(&buffer[..count]).is_ok() => limit -= count,
            _ => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_connection_that_is_cut_in_a_frame_goes_down_at_both_ends_and_comes_again() {
    let authority = Authority::new("cluster");
    let config = |name: &str| Config::new(name).cookie("secret").tls(tls(&authority.issue(), &authority));
    for limit in [100_000, 16_000, 5_001] {
        let b = start(config("b@localhost").known_port(1).port(0));
        let a = start(config("a@localhost").known_port(cut_after(limit, b.port().unwrap())).port(0));
        let (in_a, in_b) = (a.mailbox(Default::default()).unwrap(), b.mailbox(Default::default()).unwrap());
        let events = b.mailbox(Default::default()).unwrap();
        events.monitor_nodes(MonitorNodes { node_type: NodeType::All, info: false });
        a.connect("b@localhost", PATIENCE).unwrap();
        in_a.monitor_nodes(MonitorNodes { node_type: NodeType::All, info: false });
        let _ = in_a.send(&Target::from(&in_b.pid()), &binary(&pattern(1_000_000)), PATIENCE);
        assert!(text(&in_a).contains("nodedown"), "cut after {limit}");
        assert!(text(&events).contains("nodeup") && text(&events).contains("nodedown"), "cut after {limit}");
        assert!(matches!(in_b.try_recv(), Err(Error::Empty)), "half a message was delivered");
        a.connect("b@localhost", PATIENCE).unwrap();
        send(&in_a, &in_b.pid(), "whole");
        assert_eq!(text(&in_b), "whole");
    }
}
