use std::time::Duration;

use erlnode::node::process::AliasMode;
use erlnode::{Error, Mailbox, NodeFilter, Target};

use crate::support::{next, send, term, text, Cluster, PATIENCE};

#[test]
fn messages_reach_pids_names_and_aliases_in_order() {
    let cluster = Cluster::new();
    let (a, in_a, b, in_b) = cluster.pair();
    in_b.register("inbox").unwrap();
    let named = Target::name_node("inbox", b.name().as_str()).unwrap();
    let alias = in_b.alias();
    in_a.send(&Target::from(in_b.pid()), &term("first"), PATIENCE).unwrap();
    in_a.send(&named, &term("{second, 2}"), PATIENCE).unwrap();
    in_a.send(&Target::Alias(alias.clone()), &term("third"), PATIENCE).unwrap();
    assert_eq!(text(&in_b), "first");
    assert_eq!(text(&in_b), "{second,2}");
    let third = next(&in_b);
    assert_eq!(third.alias(), Some(&alias));
    assert_eq!(third.from(), Some(&in_a.pid()));
    assert!(in_b.unalias(&alias));
    in_a.send(&Target::Alias(alias), &term("lost"), PATIENCE).unwrap();
    send(&in_a, &in_b.pid(), "last");
    assert_eq!(text(&in_b), "last", "a message to an ended alias must vanish");
    assert_eq!(a.nodes(NodeFilter::Hidden), [b.name()]);
    assert!(a.nodes(NodeFilter::Visible).is_empty());
}

/// Scenario 13: a flood, and a slow reader.
#[test]
fn a_flood_of_a_gigabyte_waits_at_the_mailbox_and_arrives_whole() {
    const SIZE: usize = 1 << 20;
    const LIMIT: usize = 4 << 20;
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let options = erlnode::MailboxOptions { max_bytes: Some(LIMIT), ..Default::default() };
    let (in_a, in_b) = (a.mailbox(Default::default()).unwrap(), b.mailbox(options).unwrap());
    let mut big = erlnode::term::Writer::with_capacity(SIZE + 5);
    big.binary(&vec![7; SIZE]);
    let big = big.finish().unwrap();
    let to = Target::from(in_b.pid());
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| (0..1024).for_each(|_| in_a.send(&to, &big, PATIENCE).unwrap()));
        for _ in 0..1024 {
            assert_eq!(next(&in_b).payload().len(), big.len());
            assert!(in_b.queued_bytes() <= LIMIT + 2 * SIZE, "{} bytes wait", in_b.queued_bytes());
        }
        sender.join().unwrap();
    });
    crate::support::settle(&in_a, &in_b);
}

#[test]
fn messages_with_priority_go_before_ordinary_ones_in_their_own_order() {
    let cluster = Cluster::new();
    let (_a, in_a, b, in_b) = cluster.pair();
    let local = b.mailbox(Default::default()).unwrap();
    in_b.set_trap_exit(true);
    let (urgent, ordinary) = (in_b.priority_alias(), in_b.alias());
    for from in [&in_a, &local] {
        send(from, &in_b.pid(), "one");
        from.send(&Target::PriorityAlias(ordinary.clone()), &term("two"), PATIENCE).unwrap();
        from.send(&Target::Alias(urgent.clone()), &term("three"), PATIENCE).unwrap();
        from.send(&Target::PriorityAlias(urgent.clone()), &term("first"), PATIENCE).unwrap();
        from.exit_priority(&urgent, &term("second")).unwrap();
        send(from, &in_b.pid(), "last");
        assert_eq!(text_of(&in_b.recv_reply(&ordinary, PATIENCE).unwrap()), "two");
        while in_b.len() < 5 {
            std::thread::yield_now();
        }
        let seen: Vec<String> = (0..5).map(|_| text(&in_b)).collect();
        assert_eq!([&seen[0], &seen[2], &seen[3], &seen[4]], ["first", "one", "three", "last"]);
        assert!(seen[1].starts_with("{'EXIT',") && seen[1].ends_with(",second}"), "{seen:?}");
    }
}

/// The last of several calls decides for a link; who is gone already answers with priority as well.
#[test]
fn monitors_and_links_with_priority_tell_of_an_end_before_ordinary_messages() {
    let cluster = Cluster::new();
    let (_a, in_a, b, watcher) = cluster.pair();
    let local = b.mailbox(Default::default()).unwrap();
    watcher.set_trap_exit(true);
    let all = |count: usize| -> String {
        while watcher.len() < count {
            std::thread::yield_now();
        }
        (0..count).map(|_| text(&watcher).chars().nth(2).unwrap()).collect()
    };
    for other in [in_a, local] {
        let pid = other.pid();
        let monitor = |other: &Mailbox| watcher.monitor(&Target::from(other.pid())).unwrap();
        send(&other, &watcher.pid(), "one");
        let reference = watcher.monitor_priority(&Target::from(&pid), Some(AliasMode::Demonitor)).unwrap();
        watcher.link_priority(&pid).unwrap();
        other.send(&Target::Alias(reference), &term("two"), PATIENCE).unwrap();
        monitor(&other);
        send(&watcher, &pid, "told");
        assert_eq!(text(&other), "told");
        other.close(b"w\x04boom").unwrap();
        // Both orders of EXIT and DOWN are true.
        let seen = all(5);
        assert!(["EDeoD", "DEeoD"].contains(&&seen[..]), "{seen}");
        send(&watcher, &watcher.pid(), "one");
        watcher.link_priority(&pid).unwrap();
        watcher.monitor_priority(&Target::from(&pid), None).unwrap();
        let seen = all(3);
        assert!(["EDe", "DEe"].contains(&&seen[..]), "{seen}");
    }
    let other = b.mailbox(Default::default()).unwrap();
    watcher.link_priority(&other.pid()).unwrap();
    watcher.link(&other.pid()).unwrap();
    send(&other, &watcher.pid(), "one");
    other.close(b"w\x04boom").unwrap();
    assert_eq!(all(2), "eE");
}

fn text_of(message: &erlnode::Message) -> String {
    message.term().unwrap().to_string()
}

#[test]
fn a_message_of_sixty_megabytes_arrives_whole_and_lets_small_ones_pass() {
    let cluster = Cluster::new();
    let (_a, in_a, _b, in_b) = cluster.pair();
    let size = 60 << 20;
    let mut big = erlnode::term::Writer::with_capacity(size + 5);
    big.binary(&vec![7; size]);
    let big = big.finish().unwrap();
    in_a.send(&Target::from(in_b.pid()), &big, PATIENCE).unwrap();
    send(&in_a, &in_b.pid(), "second");
    let first = next(&in_b);
    assert_eq!(first.payload().len(), size + 5);
    assert!(first.payload()[5..].iter().all(|byte| *byte == 7));
    assert_eq!(text(&in_b), "second");
}

#[test]
fn a_timeout_of_zero_does_not_wait_and_closing_wakes_a_waiting_thread() {
    let cluster = Cluster::new();
    let node = cluster.node("a");
    let mailbox = node.mailbox(Default::default()).unwrap();
    assert!(matches!(mailbox.recv(Some(Duration::ZERO)), Err(Error::Empty)));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| mailbox.recv(None));
        mailbox.close(&term("normal")).unwrap();
        assert!(matches!(waiter.join().unwrap(), Err(Error::Closed(_))));
    });
}

#[test]
fn malformed_terms_are_refused_before_they_leave() {
    let cluster = Cluster::new();
    let (_a, in_a, _b, in_b) = cluster.pair();
    for bytes in [&b""[..], b"\x68\x02\x61\x01", b"\x61\x01\x61\x02", b"\x83\x61\x01"] {
        assert!(in_a.send(&Target::from(in_b.pid()), bytes, PATIENCE).is_err(), "{bytes:?}");
    }
    send(&in_a, &in_b.pid(), "fine");
    assert_eq!(text(&in_b), "fine");
}

#[test]
fn a_wrong_cookie_is_told_on_the_calling_side_and_leaves_nothing() {
    let cluster = Cluster::new();
    let a = cluster.node("a");
    let b = erlnode::Node::start(cluster.config("b").cookie("other")).unwrap();
    let error = a.connect(b.name().as_str(), PATIENCE).unwrap_err();
    assert!(matches!(error, Error::CookieRejected { .. }), "{error}");
    assert!(!error.to_string().contains("secret"));
    assert!(a.nodes(NodeFilter::Connected).is_empty());
    b.set_cookie(None, "secret").unwrap();
    a.connect(b.name().as_str(), PATIENCE).unwrap();
    assert!(a.ping(b.name().as_str(), PATIENCE).unwrap());
}

#[test]
fn names_in_use_and_mixed_kinds_are_refused_with_the_reason() {
    let cluster = Cluster::new();
    let a = cluster.node("a");
    let again = erlnode::Node::start(cluster.config(a.name().as_str()));
    assert!(matches!(again, Err(Error::NameInUse { .. })), "{again:?}");
    let long = a.connect("b@127.0.0.1", PATIENCE);
    assert!(matches!(long, Err(Error::NameKind { .. })), "{long:?}");
    let unknown = a.connect("nobody@localhost", PATIENCE);
    assert!(matches!(unknown, Err(Error::NameUnknown { .. })), "{unknown:?}");
}

#[test]
fn many_threads_send_and_each_keeps_its_order() {
    const THREADS: u64 = 4;
    const EACH: u64 = 2_000;
    let cluster = Cluster::new();
    let (a, _in_a, _b, in_b) = cluster.pair();
    let to = in_b.pid();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (a, to) = (&a, &to);
            scope.spawn(move || {
                let mailbox = a.mailbox(Default::default()).unwrap();
                for number in 0..EACH {
                    send(&mailbox, to, &format!("{{{thread},{number}}}"));
                }
            });
        }
        let mut expected = [0; THREADS as usize];
        for _ in 0..THREADS * EACH {
            let message = next(&in_b);
            let mut reader = message.reader();
            assert!(reader.tuple_of(2));
            let (thread, number) = (reader.u64().unwrap(), reader.u64().unwrap());
            assert_eq!(number, expected[thread as usize]);
            expected[thread as usize] += 1;
        }
    });
}

#[test]
fn both_sides_dialling_at_once_end_with_one_connection() {
    let cluster = Cluster::new();
    for _ in 0..100 {
        let (a, b) = (cluster.node("a"), cluster.node("b"));
        let (name_a, name_b) = (a.name(), b.name());
        std::thread::scope(|scope| {
            let one = scope.spawn(|| a.connect(name_b.as_str(), PATIENCE));
            let two = scope.spawn(|| b.connect(name_a.as_str(), PATIENCE));
            one.join().unwrap().unwrap();
            two.join().unwrap().unwrap();
        });
        assert_eq!(a.nodes(NodeFilter::Connected), [name_b]);
        assert_eq!(b.nodes(NodeFilter::Connected), [name_a]);
    }
}

/// The long form of the race between two nodes that stay: ten thousand times both call, one connection each time.
#[test]
fn crossing_calls_between_lasting_nodes_end_in_one_connection_each() {
    let rounds = if std::env::var_os("ERLNODE_LONG").is_some() { 10_000 } else { 500 };
    let cluster = Cluster::new();
    let (a, in_a, b, in_b) = cluster.pair();
    let (name_a, name_b) = (a.name(), b.name());
    in_a.monitor_nodes(Default::default());
    in_b.monitor_nodes(Default::default());
    for round in 0..rounds {
        std::thread::scope(|scope| {
            let one = scope.spawn(|| a.connect(name_b.as_str(), PATIENCE));
            let two = scope.spawn(|| b.connect(name_a.as_str(), PATIENCE));
            one.join().unwrap().unwrap_or_else(|error| panic!("round {round}: {error}"));
            two.join().unwrap().unwrap_or_else(|error| panic!("round {round}: {error}"));
        });
        assert_eq!(a.nodes(NodeFilter::Connected), std::slice::from_ref(&name_b), "round {round}");
        assert_eq!(b.nodes(NodeFilter::Connected), std::slice::from_ref(&name_a), "round {round}");
        assert_eq!(text(&in_a), format!("{{nodeup,{name_b}}}"), "round {round}");
        assert_eq!(text(&in_b), format!("{{nodeup,{name_a}}}"), "round {round}");
        let (from, to) = if round % 2 == 0 { (&a, &name_b) } else { (&b, &name_a) };
        assert!(from.disconnect(to.as_str()).unwrap());
        assert_eq!(text(&in_a), format!("{{nodedown,{name_b}}}"), "round {round}");
        assert_eq!(text(&in_b), format!("{{nodedown,{name_a}}}"), "round {round}");
    }
}

/// Connections are cut under load: what arrives of each is a prefix of what was sent on it, and the end is told after it.
#[test]
fn what_arrives_of_a_connection_is_a_prefix_of_what_was_sent() {
    let cuts = if std::env::var_os("ERLNODE_LONG").is_some() { 2_000 } else { 100 };
    let cluster = Cluster::new();
    let (a, in_a, b, in_b) = cluster.pair();
    in_b.monitor_nodes(Default::default());
    let (to, name_a, name_b) = (Target::from(in_b.pid()), a.name(), b.name());
    let done = std::sync::atomic::AtomicBool::new(false);
    let (mut received, mut lost) = (0u64, 0u64);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut sent = 0u64;
            let padding = "x".repeat(300);
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                let mut writer = erlnode::term::Writer::new();
                // Now and then a big one, which leaves in fragments.
                let size = if sent % 97 == 0 { 200_000 } else { sent as usize % 300 };
                writer.tuple(2).i64(sent as i64).binary(padding.repeat(size / 300 + 1).as_bytes());
                match in_a.send(&to, &writer.finish().unwrap(), PATIENCE) {
                    // The number of a message that may or may not have left is not used again.
                    Ok(()) | Err(Error::NoConnection { .. }) => sent += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            in_a.send(&to, &term("finished"), PATIENCE).unwrap();
            sent
        });
        let mut expected = Some(0);
        let mut cut = 0;
        let (mut up, mut in_this) = (false, 0);
        loop {
            let message = next(&in_b);
            match message.kind() {
                erlnode::MessageKind::NodeUp => {
                    assert!(!up, "two connections at a time");
                    (up, in_this) = (true, 0);
                }
                erlnode::MessageKind::NodeDown => {
                    assert!(up, "an end without a beginning");
                    (up, expected) = (false, None);
                }
                _ => {
                    assert!(up, "a message outside of any connection");
                    let mut reader = message.reader();
                    if reader.atom_is("finished") {
                        break;
                    }
                    assert!(reader.tuple_of(2));
                    let number = reader.u64().unwrap();
                    assert!(number >= received + lost, "{number} came again");
                    if let Some(expected) = expected {
                        assert_eq!(number, expected, "a gap within a connection");
                    }
                    lost += number - received - lost;
                    received += 1;
                    expected = Some(number + 1);
                    in_this += 1;
                    if in_this == 200 && cut < cuts {
                        cut += 1;
                        // From both sides in turn.
                        let (node, peer) = if cut % 2 == 0 { (&a, &name_b) } else { (&b, &name_a) };
                        node.disconnect(peer.as_str()).unwrap();
                    } else if cut == cuts {
                        done.store(true, std::sync::atomic::Ordering::SeqCst);
                    }
                }
            }
        }
        let sent = sender.join().unwrap();
        lost += sent - received - lost;
        eprintln!("{sent} sent = {received} received + {lost} lost with {cuts} connections");
        assert!(lost < sent);
    });
}

#[test]
fn a_full_mailbox_makes_its_local_senders_wait_but_not_itself() {
    let cluster = Cluster::new();
    let node = cluster.node("a");
    let options = erlnode::MailboxOptions { max_count: 4, ..Default::default() };
    let (full, other) = (node.mailbox(options).unwrap(), node.mailbox(Default::default()).unwrap());
    for _ in 0..4 {
        send(&other, &full.pid(), "filler");
    }
    let to = Target::from(full.pid());
    let refused = other.send(&to, &term("late"), Some(Duration::from_millis(10)));
    assert!(matches!(refused, Err(Error::Busy { .. })), "{refused:?}");
    full.send(&to, &term("mine"), PATIENCE).unwrap();
    assert_eq!(full.len(), 5);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| other.send(&to, &term("waited"), None));
        for expected in ["filler", "filler", "filler", "filler", "mine", "waited"] {
            assert_eq!(text(&full), expected);
        }
        waiter.join().unwrap().unwrap();
    });
    // The end of the mailbox wakes them too.
    for _ in 0..4 {
        send(&other, &full.pid(), "filler");
    }
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| other.send(&to, &term("never"), None));
        full.close(&term("normal")).unwrap();
        waiter.join().unwrap().unwrap();
    });
}
