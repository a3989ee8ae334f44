use erlnode::node::process::AliasMode;
use erlnode::proto::control::{Control, Target as ToWhom};
use erlnode::proto::flags::Flags;
use erlnode::term::Atom;
use erlnode::{MailboxOptions, MessageKind, Target};

use crate::peer::Peer;
use crate::support::{next, send, settle, term, text, Cluster, PATIENCE};

#[test]
fn a_down_tells_the_reason_once_by_pid_and_by_name() {
    let cluster = Cluster::new();
    let (_a, in_a, b, in_b) = cluster.pair();
    in_b.register("server").unwrap();
    let by_pid = in_a.monitor(&Target::from(in_b.pid())).unwrap();
    let by_name = in_a.monitor(&Target::name_node("server", b.name().as_str()).unwrap()).unwrap();
    settle(&in_a, &in_b);
    in_b.close(&term("{bad, day}")).unwrap();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let down = next(&in_a);
        assert_eq!(down.kind(), MessageKind::Down);
        seen.push(down.term().unwrap().to_string());
    }
    assert!(seen.iter().all(|down| down.starts_with("{'DOWN',") && down.ends_with(",{bad,day}}")));
    assert!(seen.iter().any(|down| down.contains(&format!("{{server,{}}}", b.name()))), "{seen:?}");
    assert!(!in_a.demonitor(&by_pid, true) && !in_a.demonitor(&by_name, true));
    assert!(in_a.is_empty());
}

#[test]
fn nobody_and_no_node_are_told_apart() {
    let cluster = Cluster::new();
    let (_a, in_a, b, _in_b) = cluster.pair();
    in_a.monitor(&Target::name_node("nobody", b.name().as_str()).unwrap()).unwrap();
    assert!(text(&in_a).ends_with(",noproc}"));
    in_a.monitor(&Target::name_node("any", "missing@localhost").unwrap()).unwrap();
    assert!(text(&in_a).ends_with(",noconnection}"));
}

#[test]
fn demonitor_with_flush_leaves_no_down_behind() {
    let cluster = Cluster::new();
    let (a, in_a, _b, in_b) = cluster.pair();
    let reference = in_a.monitor(&Target::from(in_b.pid())).unwrap();
    settle(&in_a, &in_b);
    in_b.close(&term("boom")).unwrap();
    let other = a.mailbox(Default::default()).unwrap();
    other.send(&Target::from(in_a.pid()), &term("marker"), PATIENCE).unwrap();
    let marker = in_a.recv(PATIENCE).unwrap();
    if marker.kind() == MessageKind::Message {
        in_a.demonitor(&reference, true);
    }
    assert!(in_a.is_empty() || text(&in_a) == "marker");
}

#[test]
fn a_reply_alias_takes_one_message_and_ends_its_monitor() {
    let cluster = Cluster::new();
    let (_a, in_a, _b, in_b) = cluster.pair();
    let alias = in_a.monitor_alias(&Target::from(in_b.pid()), AliasMode::ReplyDemonitor).unwrap();
    settle(&in_a, &in_b);
    for reply in ["one", "two"] {
        in_b.send(&Target::Alias(alias.clone()), &term(reply), PATIENCE).unwrap();
    }
    send(&in_b, &in_a.pid(), "last");
    assert_eq!(text(&in_a), "one");
    assert_eq!(text(&in_a), "last");
    assert!(!in_a.demonitor(&alias, true));
}

#[test]
fn node_watchers_hear_of_the_end_and_of_nodes_that_never_were() {
    let cluster = Cluster::new();
    let (a, in_a, b, _in_b) = cluster.pair();
    in_a.monitor_nodes(Default::default());
    a.connect(b.name().as_str(), PATIENCE).unwrap();
    assert_eq!(text(&in_a), format!("{{nodeup,{}}}", b.name()));
    let gone = b.name();
    b.stop();
    assert_eq!(text(&in_a), format!("{{nodedown,{gone}}}"));
    in_a.monitor_node("never@localhost").unwrap();
    assert_eq!(text(&in_a), "{nodedown,never@localhost}");
}

#[test]
fn a_down_by_name_does_not_overtake_a_big_message_that_is_still_leaving() {
    let cluster = Cluster::new();
    let a = cluster.node("a");
    let in_a = a.mailbox(Default::default()).unwrap();
    in_a.register("server").unwrap();
    let mut peer = Peer::call(&a, Flags::HIDDEN_FULL);
    let (me, reference) = (peer.pid(1), peer.reference(1));
    let name = Atom::from_static("server");
    peer.send(
        &Control::MonitorP { from: me.clone(), to: ToWhom::Name(name.clone()), reference: reference.clone() },
        None,
    );
    peer.send(&Control::SendSender { from: me.clone(), to: in_a.pid(), token: None }, Some(b"j"));
    next(&in_a);
    let mut big = erlnode::term::Writer::new();
    big.binary(&vec![7; 32 << 20]);
    let big = big.finish().unwrap();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| in_a.send(&Target::from(&me), &big, PATIENCE));
        // Nobody reads yet, and no kernel takes so much.
        peer.wait_for_bytes();
        in_a.close(&term("done")).unwrap();
        let (control, payload) = peer.expect();
        assert!(matches!(control, Control::SendSender { .. }), "{control:?}");
        assert_eq!(payload.unwrap().len(), big.len());
        let (control, payload) = peer.expect();
        assert_eq!(
            control,
            Control::PayloadMonitorPExit { from: ToWhom::Name(name), to: me.clone(), reference }
        );
        assert_eq!(payload.unwrap(), &b"w\x04done"[..]);
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn a_node_that_gets_its_name_by_the_first_monitor_hears_of_the_end() {
    let cluster = Cluster::new();
    let b = cluster.node("b");
    let in_b = b.mailbox(Default::default()).unwrap();
    in_b.register("server").unwrap();
    let target = Target::name_node("server", b.name().as_str()).unwrap();
    let nameless = || {
        let node = erlnode::Node::start(cluster.config("undefined")).unwrap();
        let mailbox = node.mailbox(MailboxOptions { trap_exit: true, ..Default::default() }).unwrap();
        (node, mailbox)
    };
    // What it made without a name still works with one: a local link and monitor, an alias, and the reference itself.
    let (first, in_first) = nameless();
    let (fellow, old_pid, alias) =
        (first.mailbox(Default::default()).unwrap(), in_first.pid(), in_first.alias());
    in_first.link(&fellow.pid()).unwrap();
    let local = in_first.monitor(&Target::from(fellow.pid())).unwrap();
    let monitor = in_first.monitor(&target).unwrap();
    in_first.send(&target, &term("hello"), PATIENCE).unwrap();
    let hello = next(&in_b);
    assert_ne!(in_first.pid(), old_pid);
    assert_eq!(hello.from(), Some(&in_first.pid()));
    fellow.close(&term("over")).unwrap();
    assert!(in_first.recv_reply(&local, PATIENCE).unwrap().term().unwrap().to_string().ends_with(",over}"));
    assert_eq!(next(&in_first).kind(), MessageKind::Exit);
    let alias_now = erlnode::term::Reference::new(first.name(), first.creation(), alias.words()).unwrap();
    in_b.send(&Target::Alias(alias_now), &term("by_alias"), PATIENCE).unwrap();
    assert_eq!(in_first.recv_reply(&alias, PATIENCE).unwrap().term().unwrap().to_string(), "by_alias");
    // A link as the very first thing.
    let (_second, in_second) = nameless();
    in_second.link(&in_b.pid()).unwrap();
    settle(&in_second, &in_b);
    in_b.close(&term("gone")).unwrap();
    assert!(in_first.recv_reply(&monitor, PATIENCE).unwrap().term().unwrap().to_string().ends_with(",gone}"));
    assert!(text(&in_second).ends_with(",gone}"));
}
