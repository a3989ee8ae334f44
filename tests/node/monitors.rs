use erlnode::node::process::AliasMode;
use erlnode::{MessageKind, Target};

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
