//! Atoms stay in a peer for ever: how many different ones each got is counted, over all connections to one life of it.

use erlnode::proto::flags::Flags;
use erlnode::{Error, Target};

use crate::peer::Peer;
use crate::support::{send, term, text, Cluster, PATIENCE};

/// A list of atoms that were not in any before.
fn atoms(from: usize, count: usize) -> Vec<u8> {
    let names: Vec<String> = (from..from + count).map(|number| format!("new_{number}")).collect();
    term(&format!("[{}]", names.join(",")))
}

#[test]
fn a_message_with_too_many_new_atoms_is_refused_and_known_ones_pass() {
    for cache in [true, false] {
        let cluster = Cluster::new();
        let a = erlnode::Node::start(cluster.config("a").atom_cache(cache).atom_limit(100)).unwrap();
        let b = cluster.node("b");
        let (in_a, in_b) = (a.mailbox(Default::default()).unwrap(), b.mailbox(Default::default()).unwrap());
        let to = Target::from(in_b.pid());
        in_a.send(&to, &atoms(0, 90), PATIENCE).unwrap();
        let count = a.atoms_sent(b.name().as_str()).unwrap();
        assert!((90..=100).contains(&count), "{count}");
        let refused = in_a.send(&to, &atoms(90, 20), PATIENCE);
        assert!(matches!(refused, Err(Error::Limit(_))), "{refused:?}");
        // A big message goes another way.
        let mut big = erlnode::term::Writer::new();
        big.tuple(2).raw(&atoms(200, 20)).binary(&vec![0; 200_000]);
        assert!(matches!(in_a.send(&to, &big.finish().unwrap(), PATIENCE), Err(Error::Limit(_))));
        assert_eq!(a.atoms_sent(b.name().as_str()), Some(count), "what was refused does not count");
        in_a.send(&to, &atoms(10, 80), PATIENCE).unwrap();
        in_a.send(&to, &term("<<\"text\">>"), PATIENCE).unwrap();
        for _ in 0..2 {
            assert!(in_b.recv(PATIENCE).unwrap().term().unwrap().to_string().starts_with("[new_"));
        }
        assert_eq!(text(&in_b), "<<\"text\">>");
        // A name that the peer has never heard of would be kept by it as well, and so would a function's.
        for number in 0..20 {
            let name = Target::name_node(&format!("name_{number}"), b.name().as_str()).unwrap();
            in_a.monitor(&name).unwrap();
            assert!(text(&in_a).ends_with(if number < 5 { ",noproc}" } else { "}" }));
        }
        in_a.monitor(&Target::name_node("one_more", b.name().as_str()).unwrap()).unwrap();
        assert!(text(&in_a).ends_with(",system_limit}"));
        let spawned = in_a.spawn(b.name().as_str(), "nobody", "knows", b"j", Default::default(), PATIENCE);
        assert!(spawned.unwrap_err().to_string().contains("system_limit"));
        // Signals are never lost.
        let other = a.mailbox(Default::default()).unwrap();
        in_b.monitor(&Target::from(other.pid())).unwrap();
        send(&in_b, &in_a.pid(), "watching");
        assert_eq!(text(&in_a), "watching");
        other.close(&term("a_reason_nobody_knows")).unwrap();
        assert!(text(&in_b).ends_with(",a_reason_nobody_knows}"));
    }
}

#[test]
fn the_count_outlives_the_connection_but_not_the_life_of_the_peer() {
    let cluster = Cluster::new();
    let a = cluster.node("a");
    let in_a = a.mailbox(Default::default()).unwrap();
    let greet = |creation: u32, number: usize| {
        let mut peer = Peer::call_as(&a, Flags::HIDDEN_FULL, "raw@localhost", creation);
        let pid = erlnode::term::Pid { creation, ..peer.pid(1) };
        in_a.send(&Target::from(&pid), &atoms(number, 10), PATIENCE).unwrap();
        peer.expect();
        let count = a.atoms_sent("raw@localhost").unwrap();
        assert!(a.disconnect("raw@localhost").unwrap());
        count
    };
    let first = greet(77, 0);
    assert!((10..20).contains(&first), "{first}");
    assert_eq!(greet(77, 0), first);
    assert_eq!(greet(77, 10), first + 10);
    assert_eq!(greet(78, 0), first, "a peer that started again has forgotten them");
}

#[test]
fn conversations_that_take_turns_are_understood_while_slots_of_the_cache_change_hands() {
    let cluster = Cluster::new();
    let (a, _, b, in_b) = cluster.pair();
    let senders: Vec<_> = (0..20).map(|_| a.mailbox(Default::default()).unwrap()).collect();
    in_b.register("inbox").unwrap();
    let named = Target::name_node("inbox", b.name().as_str()).unwrap();
    for round in 0..300 {
        let sender = &senders[round % 20];
        // Far more atoms than the cache has slots, so that those of the control tuples are overwritten again and again.
        sender.send(&named, &atoms(round * 40, 40), PATIENCE).unwrap();
        send(sender, &in_b.pid(), &format!("{{round,{round}}}"));
    }
    for round in 0..300 {
        let list = in_b.recv(PATIENCE).unwrap();
        assert_eq!(list.from(), Some(&senders[round % 20].pid()));
        assert_eq!(list.payload().as_ref(), &atoms(round * 40, 40)[..]);
        assert_eq!(text(&in_b), format!("{{round,{round}}}"));
    }
}
