//! Phoenix.PubSub among nodes of ours.

use std::time::Duration;

use erlnode::{Error, Mailbox, Node, PubSub};

use crate::support::{term, text, Cluster, PATIENCE};

const NAME: &str = "MyApp.PubSub";

/// Two connected nodes with a pubsub and a mailbox each.
fn pair(pool: usize) -> [(Node, PubSub, Mailbox); 2] {
    let cluster = Cluster::new();
    let nodes = [cluster.node("a"), cluster.node("b")];
    nodes[0].connect(nodes[1].name().as_str(), PATIENCE).unwrap();
    nodes.map(|node| {
        let pubsub = node.pubsub(NAME, pool).unwrap();
        let mailbox = node.mailbox(Default::default()).unwrap();
        (node, pubsub, mailbox)
    })
}

/// Broadcasts from each until the other hears: the workers know each other from then on.
fn acquaint(pair: &[(Node, PubSub, Mailbox); 2]) {
    for (one, other) in [(0, 1), (1, 0)] {
        pair[other].1.subscribe(&pair[other].2, "acquaint").unwrap();
        let workers = erlnode::term::Term::atom("Elixir.MyApp.PubSub.Adapter");
        let pg = pair[one].0.pg("Elixir.Phoenix.PubSub").unwrap();
        let watcher = pair[one].0.mailbox(Default::default()).unwrap();
        let (_, known) = pg.monitor(&watcher, Some(&workers)).unwrap();
        if known[0].1.len() < 2 {
            watcher.recv(PATIENCE).unwrap();
        }
        pair[one].1.broadcast_from(&pair[one].2, "acquaint", &term("hello"), PATIENCE).unwrap();
        assert_eq!(text(&pair[other].2), "hello");
        assert!(pair[other].1.unsubscribe(&pair[other].2, "acquaint"));
    }
}

#[test]
fn a_broadcast_reaches_the_subscribers_of_its_topic_on_all_nodes() {
    let pair = pair(3);
    acquaint(&pair);
    let [(a, on_a, in_a), (b, on_b, in_b)] = &pair;
    on_a.subscribe(in_a, "room:1").unwrap();
    on_b.subscribe(in_b, "room:1").unwrap();
    on_b.subscribe(in_b, "room:1").unwrap();
    on_a.broadcast("room:2", &term("nobody"), PATIENCE).unwrap();
    on_a.broadcast("room:1", &term("{to,all}"), PATIENCE).unwrap();
    assert_eq!([text(in_a), text(in_b), text(in_b)], ["{to,all}", "{to,all}", "{to,all}"]);
    on_b.broadcast_from(in_b, "room:1", &term("{to,others}"), PATIENCE).unwrap();
    assert_eq!(text(in_a), "{to,others}");
    on_b.local_broadcast("room:1", &term("{to,local}")).unwrap();
    on_a.direct_broadcast(b.name().as_str(), "room:1", &term("{to,b}"), PATIENCE).unwrap();
    let mut heard = [text(in_b), text(in_b), text(in_b), text(in_b)];
    heard.sort();
    assert_eq!(heard, ["{to,b}", "{to,b}", "{to,local}", "{to,local}"]);
    on_a.direct_broadcast(a.name().as_str(), "room:1", &term("{to,a}"), PATIENCE).unwrap();
    assert_eq!(text(in_a), "{to,a}");
    assert!(on_b.unsubscribe(in_b, "room:1"), "both subscriptions end");
    assert!(!on_b.unsubscribe(in_b, "room:1"));
    on_b.broadcast("room:1", &term("last"), PATIENCE).unwrap();
    assert_eq!(text(in_a), "last");
    assert!(in_b.recv(Some(Duration::ZERO)).is_err());
}

#[test]
fn workers_are_registered_and_in_their_groups_as_the_adapters_are() {
    let cluster = Cluster::new();
    let node = cluster.node("a");
    let pubsub = node.pubsub(NAME, 2).unwrap();
    assert!(node.started_pubsub(NAME).is_some() && node.started_pubsub("Other").is_none());
    let pg = node.pg_scope("Elixir.Phoenix.PubSub").unwrap();
    for name in ["Elixir.MyApp.PubSub.Adapter", "Elixir.MyApp.PubSub.Adapter_2"] {
        let group = erlnode::term::Term::Atom(erlnode::term::Atom::new(name).unwrap());
        assert_eq!(pg.members(&group), [node.whereis(name).unwrap()]);
    }
    node.pubsub(NAME, 2).expect("the same one");
    assert!(matches!(node.pubsub(NAME, 0), Err(Error::Argument(_))));
    assert!(pubsub.broadcast("topic", b"no term", None).is_err());
}

#[test]
fn subscriptions_end_with_their_mailbox() {
    let cluster = Cluster::new();
    let node = cluster.node("a");
    let pubsub = node.pubsub(NAME, 1).unwrap();
    let lasting = node.mailbox(Default::default()).unwrap();
    pubsub.subscribe(&lasting, "topic").unwrap();
    for _ in 0..5000 {
        let passing = node.mailbox(Default::default()).unwrap();
        pubsub.subscribe(&passing, "topic").unwrap();
    }
    pubsub.broadcast("topic", &term("hello"), PATIENCE).unwrap();
    assert_eq!(text(&lasting), "hello");
    assert!(lasting.recv(Some(Duration::ZERO)).is_err());
}
