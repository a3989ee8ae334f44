//! What a peer may do wrong, and what older and simpler peers do differently (protocol sections 4, 5.2, 18).

use std::time::Duration;

use erlnode::proto::control::{Control, SpawnRequest, Target};
use erlnode::proto::flags::Flags;
use erlnode::term::{Atom, Pid, Reference, Writer};
use erlnode::{Mailbox, MailboxOptions, MessageKind, MonitorNodes, Node};

use crate::peer::{Peer, CREATION, NAME};
use crate::support::{next, term, text, Cluster};

fn trapping(node: &Node) -> Mailbox {
    node.mailbox(MailboxOptions { trap_exit: true, ..MailboxOptions::default() }).unwrap()
}

fn atom(text: &str) -> Atom {
    Atom::new(text).unwrap()
}

/// Everything up to here has been handled when this returns.
fn settle(peer: &mut Peer, mailbox: &Mailbox) {
    let from = peer.pid(99);
    peer.send(&Control::SendSender { from, to: mailbox.pid(), token: None }, Some(&term("settled")));
    assert_eq!(text(mailbox), "settled");
}

#[test]
fn a_malformed_control_message_ends_its_connection_within_a_second_and_no_other() {
    let cluster = Cluster::new();
    let (a, in_a, b, in_b) = cluster.pair();
    a.connect(b.name().as_str(), crate::support::PATIENCE).unwrap();
    let local = in_a.pid();
    let third = Pid { node: atom("third@localhost"), id: 1, serial: 0, creation: 5 };
    type Bad = (&'static str, Box<dyn Fn(&mut Peer)>);
    let control = |make: Box<dyn Fn(&Peer) -> Control>, payload: Option<Vec<u8>>| -> Box<dyn Fn(&mut Peer)> {
        Box::new(move |peer| {
            let control = make(peer);
            peer.send_unchecked(&control, payload.as_deref().unwrap_or_default());
        })
    };
    let packet =
        |bytes: &'static [u8]| -> Box<dyn Fn(&mut Peer)> { Box::new(move |peer| peer.send_packet(bytes)) };
    let (l1, l2, l3, l4) = (local.clone(), local.clone(), local.clone(), local.clone());
    let (t1, t2, t3, t4) = (third.clone(), third.clone(), third.clone(), third);
    let bad: Vec<Bad> = vec![
        ("an unknown first byte", packet(b"\x01\x02\x03")),
        ("an unknown header", packet(b"\x83\x63\x00")),
        ("a header that ends", packet(b"\x83")),
        ("atoms that are missing", packet(b"\x83\x44\x05\x00")),
        ("an unset slot of the cache", packet(b"\x83\x44\x01\x00\x07\x68\x02\x61\x06\x52\x00")),
        ("no tuple", packet(b"\x83\x44\x00\x61\x01")),
        ("an empty tuple", packet(b"\x83\x44\x00\x68\x00")),
        ("an unknown operation", packet(b"\x83\x44\x00\x68\x01\x61\x63")),
        ("the operation that never comes", packet(b"\x83\x44\x00\x68\x01\x61\x05")),
        ("a wrong arity", packet(b"\x83\x44\x00\x68\x02\x61\x01\x61\x01")),
        (
            "a continuation of nothing",
            packet(b"\x83\x46\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x01x"),
        ),
        (
            "a sequence of no fragments",
            packet(b"\x83\x45\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
        ),
        (
            "a link from a third node",
            control(Box::new(move |_| Control::Link { from: t1.clone(), to: l1.clone() }), None),
        ),
        (
            "a link to a third node",
            control(Box::new(move |p| Control::Link { from: p.pid(1), to: t2.clone() }), None),
        ),
        (
            "a monitor from a third node",
            control(
                Box::new(move |p| Control::MonitorP {
                    from: t3.clone(),
                    to: Target::Pid(l2.clone()),
                    reference: p.reference(1),
                }),
                None,
            ),
        ),
        (
            "a monitor of a third node",
            control(
                Box::new(move |p| Control::MonitorP {
                    from: p.pid(1),
                    to: Target::Pid(t4.clone()),
                    reference: p.reference(1),
                }),
                None,
            ),
        ),
        (
            "a message without payload",
            control(
                Box::new(move |p| Control::SendSender { from: p.pid(1), to: l3.clone(), token: None }),
                None,
            ),
        ),
        (
            "a payload that is no term",
            control(
                Box::new(move |p| Control::SendSender { from: p.pid(1), to: l4.clone(), token: None }),
                Some(b"\x68\x7f\x61".to_vec()),
            ),
        ),
    ];
    let before = a.process_count();
    for (what, send) in bad {
        let mut peer = Peer::call(&a, Flags::HIDDEN_FULL.with(Flags::DIST_HDR_ATOM_CACHE));
        settle(&mut peer, &in_a);
        send(&mut peer);
        let took = peer.closed();
        assert!(took < Duration::from_secs(1), "{what}: closed after {took:?}");
    }
    assert_eq!(a.process_count(), before);
    crate::support::settle(&in_a, &in_b);
}

#[test]
fn what_is_addressed_to_nobody_is_dropped_and_answered_where_somebody_waits() {
    let cluster = Cluster::new();
    let a = cluster.node("a");
    let door = trapping(&a);
    let mut peer = Peer::call(&a, Flags::HIDDEN_FULL);
    let me = peer.pid(1);
    let dead = Pid { node: a.name(), id: 4_000, serial: 9, creation: a.creation() };
    let old = Pid { creation: a.creation() ^ 1, ..door.pid() };
    let send = |to: &Pid| Control::SendSender { from: peer.pid(1), to: to.clone(), token: None };
    let to_nobody = [send(&dead), send(&old)];
    for control in &to_nobody {
        peer.send(control, Some(&term("lost")));
    }
    peer.send(&Control::RegSend { from: me.clone(), to: atom("nobody"), token: None }, Some(&term("lost")));
    let alias = Reference::new(a.name(), a.creation(), &[1, 2, 3]).unwrap();
    peer.send(&Control::AliasSend { from: me.clone(), to: alias, token: None }, Some(&term("lost")));
    peer.send(&Control::UnlinkIdAck { id: 5, from: me.clone(), to: door.pid() }, None);
    let unknown = peer.reference(7);
    let ended =
        Control::PayloadMonitorPExit { from: Target::Pid(me.clone()), to: door.pid(), reference: unknown };
    peer.send(&ended, Some(&term("gone")));
    let link_exit = Control::PayloadExit { from: me.clone(), to: door.pid(), token: None };
    peer.send(&link_exit, Some(&term("no_such_link")));
    settle(&mut peer, &door);
    assert!(door.is_empty());
    // These are waited for.
    for target in [&dead, &old] {
        peer.send(&Control::Link { from: me.clone(), to: target.clone() }, None);
        let (control, reason) = peer.expect();
        assert_eq!(control, Control::PayloadExit { from: target.clone(), to: me.clone(), token: None });
        assert_eq!(reason.unwrap()[..], term("noproc")[..]);
        let reference = peer.reference(8);
        let to = Target::Pid(target.clone());
        peer.send(
            &Control::MonitorP { from: me.clone(), to: to.clone(), reference: reference.clone() },
            None,
        );
        let (control, reason) = peer.expect();
        assert_eq!(control, Control::PayloadMonitorPExit { from: to, to: me.clone(), reference });
        assert_eq!(reason.unwrap()[..], term("noproc")[..]);
        peer.send(&Control::UnlinkId { id: u64::MAX, from: me.clone(), to: target.clone() }, None);
        let (control, _) = peer.expect();
        assert_eq!(control, Control::UnlinkIdAck { id: u64::MAX, from: target.clone(), to: me.clone() });
    }
}

/// A peer cannot break links and monitors that other nodes have with us.
#[test]
fn a_peer_speaks_for_its_own_processes_only() {
    let cluster = Cluster::new();
    let (_a, in_a, b, in_b) = cluster.pair();
    in_b.set_trap_exit(true);
    in_b.link(&in_a.pid()).unwrap();
    let monitor = in_b.monitor(&in_a.pid().into()).unwrap();
    crate::support::settle(&in_a, &in_b);
    let mut peer = Peer::call(&b, Flags::HIDDEN_FULL);
    let forged = Control::PayloadExit { from: in_a.pid(), to: in_b.pid(), token: None };
    peer.send(&forged, Some(&term("forged")));
    let forged = Control::PayloadExit2 { from: in_a.pid(), to: in_b.pid(), token: None };
    peer.send(&forged, Some(&term("forged")));
    let forged = Control::PayloadMonitorPExit {
        from: Target::Pid(in_a.pid()),
        to: in_b.pid(),
        reference: monitor.clone(),
    };
    peer.send(&forged, Some(&term("forged")));
    settle(&mut peer, &in_b);
    assert!(in_b.is_empty());
    assert!(in_b.demonitor(&monitor, false));
}

/// A simple peer: pass-through packets, reasons inside the tuple, unlinks without id, no monitors, no spawn, no aliases.
#[test]
fn a_peer_with_few_flags_gets_the_forms_that_it_knows() {
    let cluster = Cluster::new();
    let a = cluster.node("a");
    let mut flags = Flags::HIDDEN_SIMPLE;
    for gone in [Flags::EXIT_PAYLOAD, Flags::UNLINK_ID, Flags::DIST_MONITOR, Flags::SEND_SENDER] {
        flags = flags.without(gone);
    }
    let mut peer = Peer::call(&a, flags);
    let me = peer.pid(1);
    let door = trapping(&a);
    let send = |peer: &mut Peer| {
        let control = Control::Send { to: door.pid(), token: None };
        peer.send(&control, Some(&term("hello")));
    };
    send(&mut peer);
    assert_eq!(text(&door), "hello");
    door.link(&me).unwrap();
    assert_eq!(peer.expect().0, Control::Link { from: door.pid(), to: me.clone() });
    door.unlink(&me).unwrap();
    assert_eq!(peer.expect().0, Control::Unlink { from: door.pid(), to: me.clone() });
    // Nobody acknowledges: the same link can be made again at once.
    door.link(&me).unwrap();
    assert_eq!(peer.expect().0, Control::Link { from: door.pid(), to: me.clone() });
    // A monitor is not told to it; spawning is not possible there.
    door.monitor(&me.clone().into()).unwrap();
    door.spawn_request(NAME, "m", "f", &term("[]"), Default::default()).unwrap();
    assert!(text(&door).ends_with(",error,notsup}"));
    door.exit(&me, &term("please")).unwrap();
    let reason = term("please").into();
    assert_eq!(peer.expect().0, Control::Exit2 { from: door.pid(), to: me.clone(), token: None, reason });
    door.send(&me.clone().into(), &term("answer"), crate::support::PATIENCE).unwrap();
    assert_eq!(peer.expect().0, Control::Send { to: me.clone(), token: None });
    let pid = door.pid();
    let watch = trapping(&a);
    watch.monitor(&me.clone().into()).unwrap();
    door.close(&term("over")).unwrap();
    let reason = term("over").into();
    assert_eq!(peer.expect().0, Control::Exit { from: pid, to: me, token: None, reason });
    drop(peer);
    assert!(text(&watch).ends_with(",noconnection}"));
}

#[test]
fn a_spawn_with_odd_options_or_arguments_is_answered_and_leaves_nothing() {
    let cluster = Cluster::new();
    let a = cluster.node("a");
    let door = trapping(&a);
    let mut peer = Peer::call(&a, Flags::HIDDEN_FULL);
    let me = peer.pid(1);
    let before = a.process_count();
    let request = |peer: &Peer, options: &str| {
        Control::SpawnRequest(Box::new(SpawnRequest {
            reference: peer.reference(5),
            from: peer.pid(1),
            leader: Pid { node: atom("third@localhost"), id: 3, serial: 0, creation: 9 },
            module: atom("m"),
            function: atom("f"),
            arity: 0,
            options: term(options).into(),
            token: None,
        }))
    };
    let refused = |peer: &mut Peer| match peer.expect().0 {
        Control::SpawnReply(reply) => reply.result.unwrap_err().as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    for options in ["odd", "[1]", "[link|monitor]", "{}"] {
        let control = request(&peer, options);
        peer.send(&control, Some(&term("[]")));
        assert_eq!(refused(&mut peer), "badopt", "{options}");
    }
    // Arguments that are no proper list: it starts, and ends with badarg, as a BEAM words it.
    for args in ["a", "[1|2]", "<<1>>"] {
        let control = request(&peer, "[monitor,{min_heap_size,1000},link]");
        peer.send(&control, Some(&term(args)));
        let Control::SpawnReply(reply) = peer.expect().0 else { panic!("the reply comes first") };
        assert!(reply.linked && reply.monitored && reply.result.is_ok());
        for _ in 0..2 {
            let (_, reason) = peer.expect();
            let apply =
                format!("{{erlang,apply,[m,f,{args}],[{{error_info,#{{module => erl_erts_errors}}}}]}}");
            let badarg = format!("{{badarg,[{apply},{{erts_internal,dist_spawn_init,1,[]}}]}}");
            assert_eq!(reason.unwrap()[..], term(&badarg)[..]);
        }
    }
    // Both orders of nested wrappers, and a depth that is no program's.
    let mut args = Writer::new();
    for _ in 0..1_000 {
        args.list(1);
    }
    args.atom("deep");
    for _ in 0..1_000 {
        args.nil();
    }
    let control = request(&peer, "[]");
    peer.send(&control, Some(&args.finish().unwrap()));
    let Control::SpawnReply(reply) = peer.expect().0 else { panic!("the reply comes first") };
    assert!(reply.result.is_ok());
    settle(&mut peer, &door);
    assert_eq!(a.process_count(), before);
    assert_eq!(peer.pid(1), me);
}

/// The same node calls again while its old connection is up: the old one ends first, and is told so before the new one.
#[test]
fn a_peer_that_calls_again_replaces_its_connection_in_order() {
    let cluster = Cluster::new();
    let a = cluster.node("a");
    let door = trapping(&a);
    door.monitor_nodes(MonitorNodes::default());
    let first = Peer::call(&a, Flags::HIDDEN_FULL);
    assert_eq!(text(&door), format!("{{nodeup,{NAME}}}"));
    door.link(&first.pid(1)).unwrap();
    let mut second = Peer::call_as(&a, Flags::HIDDEN_FULL, NAME, CREATION + 1);
    assert!(text(&door).ends_with(",noconnection}"));
    assert_eq!(text(&door), format!("{{nodedown,{NAME}}}"));
    assert_eq!(text(&door), format!("{{nodeup,{NAME}}}"));
    assert!(first.closed() < Duration::from_secs(1));
    // The pid of the first life is dead, and nothing is sent about it.
    let old = Pid { node: atom(NAME), id: 1, serial: 0, creation: CREATION };
    door.link(&old).unwrap();
    let exit = next(&door);
    assert_eq!(exit.kind(), MessageKind::Exit);
    assert!(exit.term().unwrap().to_string().ends_with(",noproc}"));
    door.unlink(&old).unwrap();
    settle(&mut second, &door);
}

/// A ring of a hundred thousand linked mailboxes ends by one exit, without a stack to end on.
#[test]
fn a_long_chain_of_links_ends_in_a_loop() {
    const LENGTH: usize = 100_000;
    let cluster = Cluster::new();
    let a = cluster.node("a");
    let before = a.process_count();
    let chain: Vec<Mailbox> = (0..LENGTH).map(|_| a.mailbox(MailboxOptions::default()).unwrap()).collect();
    for pair in chain.windows(2) {
        pair[0].link(&pair[1].pid()).unwrap();
    }
    let last = trapping(&a);
    last.link(&chain[LENGTH - 1].pid()).unwrap();
    chain[0].close(&term("domino")).unwrap();
    assert!(text(&last).ends_with(",domino}"));
    assert!(chain.iter().all(|mailbox| !mailbox.is_alive()));
    assert_eq!(a.process_count(), before + 1);
}

/// Scenario 13: half a handshake. It is ended in time, and nobody waits for it.
#[test]
fn half_a_handshake_ends_in_its_time_and_hinders_nobody() {
    use std::io::{Read, Write};
    let cluster = Cluster::new();
    let limit = Duration::from_secs(2);
    let a = erlnode::Node::start(cluster.config("a").setup_time(limit)).unwrap();
    let b = cluster.node("b");
    // Nothing at all, half a length, and a name that breaks off; none of them goes on.
    let began = std::time::Instant::now();
    let callers: Vec<_> = [&b""[..], b"\x00", b"\x00\x20N\x00\x00"]
        .iter()
        .map(|bytes| {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", a.port().unwrap())).unwrap();
            stream.write_all(bytes).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            stream
        })
        .collect();
    b.connect(a.name().as_str(), crate::support::PATIENCE).unwrap();
    assert!(began.elapsed() < limit, "a caller waited for others");
    for mut stream in callers {
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0, "the caller is sent away");
    }
    assert!(began.elapsed() < 3 * limit);
    assert!(b.ping(a.name().as_str(), crate::support::PATIENCE).unwrap());
}
