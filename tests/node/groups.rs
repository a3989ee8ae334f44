//! Process groups among nodes of ours: visible or hidden, joined and left, parted and met again.

use std::time::Duration;

use erlnode::term::{Pid, Term, Writer};
use erlnode::{Error, Mailbox, Node, Pg, Target};

use crate::support::{next, send, term, Cluster, PATIENCE};

fn red() -> Term {
    Term::atom("red")
}

fn mailbox(node: &Node) -> Mailbox {
    node.mailbox(Default::default()).unwrap()
}

/// The members of a group once there are `count` of them, sorted.
fn members(node: &Node, pg: &Pg, group: &Term, count: usize) -> Vec<Pid> {
    let watcher = mailbox(node);
    let (reference, known) = pg.monitor(&watcher, Some(group)).unwrap();
    let mut left = count as i64 - known[0].1.len() as i64;
    while left != 0 {
        let event = next(&watcher).term().unwrap();
        let parts = event.as_tuple().unwrap();
        let changed = parts[3].as_list().unwrap().len() as i64;
        left += if parts[1].is_atom("join") { -changed } else { changed };
    }
    assert!(pg.demonitor(&reference));
    let mut members = pg.members(group);
    members.sort();
    members
}

fn sorted<const N: usize>(mut pids: [Pid; N]) -> Vec<Pid> {
    pids.sort();
    pids.to_vec()
}

#[test]
fn members_of_all_nodes_are_known_on_each_also_between_hidden_ones() {
    let cluster = Cluster::new();
    let (a, in_a, b, in_b) = cluster.pair();
    let (pg_a, pg_b) = (a.pg("pg").unwrap(), b.pg("pg").unwrap());
    pg_a.join(&red(), &[in_a.pid(), in_a.pid()]).unwrap();
    a.connect(b.name().as_str(), PATIENCE).unwrap();
    assert_eq!(members(&b, &pg_b, &red(), 2), [in_a.pid(), in_a.pid()]);
    pg_b.join(&red(), &[in_b.pid()]).unwrap();
    assert_eq!(members(&a, &pg_a, &red(), 3), sorted([in_a.pid(), in_a.pid(), in_b.pid()]));
    assert_eq!(pg_a.local_members(&red()).len(), 2);
    assert_eq!((pg_b.groups(), pg_b.local_groups()), (vec![red()], vec![red()]));
    assert!(pg_a.leave(&red(), &[in_a.pid()]).unwrap());
    assert_eq!(members(&b, &pg_b, &red(), 2), sorted([in_a.pid(), in_b.pid()]));
    drop(in_a);
    assert_eq!(members(&b, &pg_b, &red(), 1), [in_b.pid()]);
    b.stop();
    assert!(members(&a, &pg_a, &red(), 0).is_empty());
}

#[test]
fn a_late_scope_learns_everything_and_other_scopes_nothing() {
    let cluster = Cluster::new();
    let (a, in_a, b, _in_b) = cluster.pair();
    a.connect(b.name().as_str(), PATIENCE).unwrap();
    let early = a.pg("blue").unwrap();
    early.join(&Term::parse("{deep,[\"name\",#{}]}").unwrap(), &[in_a.pid()]).unwrap();
    let (late, other) = (b.pg("blue").unwrap(), b.pg("green").unwrap());
    // The same term in another encoding is the same group.
    let group = Term::decode(b"\x68\x02\x64\x00\x04deep\x6c\x00\x00\x00\x02\x6c\x00\x00\x00\x04\x61n\x61a\x61m\x61e\x6a\x74\x00\x00\x00\x00\x6a").unwrap();
    assert_eq!(members(&b, &late, &group, 1), [in_a.pid()]);
    assert!(other.groups().is_empty());
    assert_eq!(late.name().as_str(), "blue");
    early.stop();
    assert!(members(&b, &late, &group, 0).is_empty());
    assert!(matches!(early.join(&group, &[in_a.pid()]), Err(Error::Closed(_))));
    let again = a.pg("blue").unwrap();
    again.join(&group, &[in_a.pid()]).unwrap();
    assert_eq!(members(&b, &late, &group, 1), [in_a.pid()]);
}

#[test]
fn only_processes_of_this_node_join_and_the_name_of_a_scope_is_registered() {
    let cluster = Cluster::new();
    let (a, in_a, _b, in_b) = cluster.pair();
    let pg = a.pg("pg").unwrap();
    assert!(matches!(pg.join(&red(), &[in_a.pid(), in_b.pid()]), Err(Error::Argument(_))));
    assert!(pg.members(&red()).is_empty());
    assert!(a.whereis("pg").is_some() && a.pg_scope("pg").is_some() && a.pg_scope("other").is_none());
    in_a.register("taken").unwrap();
    assert!(matches!(a.pg("taken"), Err(Error::NameTaken(_))));
    assert!(!pg.leave(&red(), &[in_a.pid()]).unwrap());
    pg.join(&red(), &[]).unwrap();
    assert!(pg.groups().is_empty());
}

#[test]
fn a_dead_process_that_joins_leaves_by_itself() {
    let cluster = Cluster::new();
    let node = cluster.node("a");
    let pg = node.pg("pg").unwrap();
    let dead = mailbox(&node).pid();
    pg.join(&red(), &[dead]).unwrap();
    assert!(members(&node, &pg, &red(), 0).is_empty());
}

#[test]
fn a_thousand_processes_that_end_at_once_have_all_left() {
    let cluster = Cluster::new();
    let (a, _in_a, b, _in_b) = cluster.pair();
    a.connect(b.name().as_str(), PATIENCE).unwrap();
    let (pg_a, pg_b) = (a.pg("pg").unwrap(), b.pg("pg").unwrap());
    let herd: Vec<_> = (0..1000).map(|_| mailbox(&a)).collect();
    let pids: Vec<_> = herd.iter().map(Mailbox::pid).collect();
    pg_a.join(&red(), &pids).unwrap();
    for pid in &pids {
        pg_a.join(&Term::atom("blue"), std::slice::from_ref(pid)).unwrap();
    }
    assert_eq!(members(&b, &pg_b, &Term::atom("blue"), 1000).len(), 1000);
    // Half of them leave while they end.
    std::thread::scope(|threads| {
        threads.spawn(|| {
            pids.iter().step_by(2).for_each(|pid| drop(pg_a.leave(&red(), std::slice::from_ref(pid))))
        });
        drop(herd);
    });
    for group in [red(), Term::atom("blue")] {
        assert!(members(&b, &pg_b, &group, 0).is_empty());
        assert!(members(&a, &pg_a, &group, 0).is_empty());
    }
}

#[test]
fn no_peer_can_kill_a_scope() {
    let cluster = Cluster::new();
    let (a, in_a, b, in_b) = cluster.pair();
    a.connect(b.name().as_str(), PATIENCE).unwrap();
    let (pg_a, pg_b) = (a.pg("pg").unwrap(), b.pg("pg").unwrap());
    pg_a.join(&red(), &[in_a.pid()]).unwrap();
    members(&b, &pg_b, &red(), 1);
    in_b.exit(&a.whereis("pg").unwrap(), &term("kill")).unwrap();
    pg_b.join(&red(), &[in_b.pid()]).unwrap();
    assert_eq!(members(&a, &pg_a, &red(), 2), sorted([in_a.pid(), in_b.pid()]));
    assert_eq!(pg_b.members(&red()).len(), 2);
}

#[test]
fn a_process_elsewhere_may_monitor_and_garbage_does_nothing() {
    let cluster = Cluster::new();
    let (a, in_a, b, in_b) = cluster.pair();
    a.connect(b.name().as_str(), PATIENCE).unwrap();
    let pg = a.pg("pg").unwrap();
    let scope = a.whereis("pg").unwrap();
    for garbage in ["hello", "{}", "{discover,you}", "{join,a,b,c}", "{'$gen_cast',sync}", "{nodeup,x@y}"] {
        send(&in_b, &scope, garbage);
    }
    let ask = |request: &Term| {
        let reference = in_b.alias();
        let mut call = Writer::new();
        call.tuple(3).atom("$gen_call").tuple(2).pid(&in_b.pid()).reference(&reference).term(request);
        in_b.send(&Target::from(&scope), &call.finish().unwrap(), PATIENCE).unwrap();
        let answer = in_b.recv_reply(&reference, PATIENCE).unwrap().term().unwrap();
        answer.as_tuple().unwrap()[1].clone()
    };
    let answer = ask(&Term::parse("{monitor,red}").unwrap());
    let reference = answer.as_tuple().unwrap()[0].clone();
    assert!(answer.as_tuple().unwrap()[1].is_nil());
    pg.join(&red(), &[in_a.pid()]).unwrap();
    let event = next(&in_b).term().unwrap();
    assert_eq!(event.as_tuple().unwrap()[0], reference);
    assert!(event.as_tuple().unwrap()[1].is_atom("join"));
    assert!(ask(&Term::tuple([Term::atom("demonitor"), reference])).is_atom("ok"));
    assert_eq!(ask(&Term::parse("{join_local,red,[]}").unwrap()).to_string(), "{error,notsup}");
    assert_eq!(pg.members(&red()), [in_a.pid()]);
    assert!(in_b.recv(Some(Duration::ZERO)).is_err());
}
