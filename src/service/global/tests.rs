//! What the name server promises, shown on clusters in memory.

use std::time::Duration;

use super::machine::{Outcome, Role};
use super::registrar::Request;
use super::resolve::Resolve;
use super::simulation::World;
use super::wire;
use crate::node::config::Overlap;
use crate::term::{Atom, Pid, Term};

const REST: Duration = Duration::from_secs(120);

fn atom(name: &'static str) -> Atom {
    Atom::from_static(name)
}

fn nodes(count: usize) -> Vec<&'static str> {
    const NAMES: [&str; 10] = ["a@h", "b@h", "c@h", "d@h", "e@h", "f@h", "g@h", "h@h", "i@h", "j@h"];
    NAMES[..count].to_vec()
}

#[test]
fn connecting_to_one_member_connects_to_all() {
    for seed in 1..=20 {
        let mut world = World::new(seed, &nodes(5), Overlap::Leave);
        for node in ["b@h", "c@h", "d@h", "e@h"] {
            world.connect(&atom("a@h"), &atom(node));
            world.run(REST);
        }
        world.assert_whole("one after the other");
    }
}

#[test]
fn ten_nodes_that_all_meet_at_once_become_one_cluster() {
    for seed in 1..=20 {
        let mut world = World::new(seed, &nodes(10), Overlap::Leave);
        let names = world.names();
        for node in &names[1..] {
            world.connect(&names[0], node);
        }
        world.run(REST);
        world.assert_whole("a herd");
    }
}

#[test]
fn two_halves_that_meet_become_one_cluster_with_the_names_of_both() {
    for seed in 1..=20 {
        let mut world = World::new(seed, &nodes(6), Overlap::Leave);
        for (one, other) in [("a@h", "b@h"), ("b@h", "c@h"), ("d@h", "e@h"), ("e@h", "f@h")] {
            world.connect(&atom(one), &atom(other));
            world.run(REST);
        }
        let left = world.spawn(&atom("c@h"));
        let right = world.spawn(&atom("d@h"));
        world.register(&atom("a@h"), "left", &left, &Resolve::RandomExit);
        world.register(&atom("f@h"), "right", &right, &Resolve::RandomExit);
        world.run(REST);
        world.connect(&atom("c@h"), &atom("e@h"));
        world.run(REST);
        world.assert_whole("two halves");
        let table = world.table(&atom("a@h"));
        assert_eq!(table.get(&Term::binary("left")), Some(&left));
        assert_eq!(table.get(&Term::binary("right")), Some(&right));
    }
}

#[test]
fn a_conflict_is_decided_once_and_everywhere() {
    for seed in 1..=20 {
        let mut world = World::new(seed, &nodes(4), Overlap::Leave);
        world.connect(&atom("a@h"), &atom("b@h"));
        world.connect(&atom("c@h"), &atom("d@h"));
        world.run(REST);
        let (one, other) = (world.spawn(&atom("b@h")), world.spawn(&atom("c@h")));
        let (third, fourth) = (world.spawn(&atom("a@h")), world.spawn(&atom("d@h")));
        world.register(&atom("a@h"), "same", &one, &Resolve::RandomExit);
        world.register(&atom("d@h"), "same", &other, &Resolve::RandomExit);
        world.register(&atom("a@h"), "neither", &third, &Resolve::NotifyAll);
        world.register(&atom("d@h"), "neither", &fourth, &Resolve::NotifyAll);
        world.run(REST);
        world.connect(&atom("a@h"), &atom("d@h"));
        world.run(REST);
        world.assert_whole("a conflict");
        assert_eq!(world.killed, [other], "one process is killed, once");
        assert_eq!(world.table(&atom("d@h")), [(Term::binary("same"), one.clone())].into());
    }
}

#[test]
fn a_name_is_given_once_however_many_ask() {
    for seed in 1..=20 {
        let mut world = World::new(seed, &nodes(5), Overlap::Leave);
        let names = world.names();
        for node in &names[1..] {
            world.connect(&names[0], node);
        }
        world.run(REST);
        let mut asked = Vec::new();
        for node in &names {
            let pid = world.spawn(node);
            asked.push((node.clone(), world.register(node, "wanted", &pid, &Resolve::RandomExit)));
        }
        world.run(REST);
        let outcomes: Vec<_> = asked.iter().map(|(node, ticket)| world.outcome(node, *ticket)).collect();
        assert_eq!(
            outcomes.iter().filter(|outcome| **outcome == Some(Outcome::Yes)).count(),
            1,
            "{outcomes:?}"
        );
        assert_eq!(
            outcomes.iter().filter(|outcome| **outcome == Some(Outcome::No)).count(),
            4,
            "{outcomes:?}"
        );
        world.assert_whole("many ask");
    }
}

#[test]
fn the_name_of_a_process_or_node_that_ends_vanishes_everywhere() {
    let mut world = World::new(7, &nodes(4), Overlap::Leave);
    let names = world.names();
    for node in &names[1..] {
        world.connect(&names[0], node);
    }
    world.run(REST);
    let (one, other) = (world.spawn(&names[1]), world.spawn(&names[3]));
    world.register(&names[2], "one", &one, &Resolve::RandomExit);
    world.register(&names[2], "other", &other, &Resolve::RandomExit);
    world.run(REST);
    assert_eq!(world.table(&names[0]).len(), 2);
    world.kill(&one);
    world.run(REST);
    assert_eq!(world.table(&names[0]).len(), 1);
    world.crash(&names[3]);
    world.run(REST);
    assert!(world.table(&names[0]).is_empty());
    world.assert_whole("after a crash");
    assert!(world.log.is_empty(), "a crash is no partition: {:?}", world.log);
}

#[test]
fn a_process_has_one_name_and_a_name_moves_by_reregistering() {
    let mut world = World::new(9, &nodes(3), Overlap::Leave);
    let names = world.names();
    world.connect(&names[0], &names[1]);
    world.connect(&names[0], &names[2]);
    world.run(REST);
    let (one, other) = (world.spawn(&names[0]), world.spawn(&names[1]));
    let first = world.register(&names[0], "n", &one, &Resolve::RandomExit);
    world.run(REST);
    let second = world.register(&names[0], "m", &one, &Resolve::RandomExit);
    world.run(REST);
    let method = Resolve::RandomExit.method();
    let name = Term::binary("n");
    let moved = Request::Reregister { name: name.clone(), pid: other.clone(), method };
    let third = world.ask(&names[2], moved);
    world.run(REST);
    assert_eq!(world.outcome(&names[0], first), Some(Outcome::Yes));
    assert_eq!(world.outcome(&names[0], second), Some(Outcome::No));
    assert_eq!(world.outcome(&names[2], third), Some(Outcome::Yes));
    assert_eq!(world.table(&names[1]), [(name.clone(), other)].into());
    world.ask(&names[1], Request::Unregister { name });
    world.run(REST);
    world.assert_whole("unregistered");
    assert!(world.table(&names[0]).is_empty());
}

#[test]
fn sync_waits_for_nodes_that_are_connected_and_never_for_ever() {
    for seed in 1..=20 {
        let mut world = World::new(seed, &nodes(4), Overlap::Leave);
        let names = world.names();
        world.connect(&names[0], &names[1]);
        world.connect(&names[2], &names[3]);
        world.run(REST);
        world.connect(&names[0], &names[2]);
        world.run(Duration::from_micros(100));
        let synced = world.sync(&names[0]);
        assert_eq!(world.outcome(&names[0], synced), None);
        if seed % 2 == 0 {
            for _ in 0..seed {
                world.tick();
            }
            world.disconnect(&names[0], &names[2]);
        }
        world.run(REST);
        assert_eq!(world.outcome(&names[0], synced), Some(Outcome::Yes));
    }
}

#[test]
fn a_member_that_is_cut_off_from_one_leaves_and_the_others_stay_together() {
    for seed in 1..=20 {
        let mut world = World::new(seed, &nodes(4), Overlap::Leave);
        let names = world.names();
        for node in &names[1..] {
            world.connect(&names[0], node);
        }
        world.run(REST);
        world.cut(&names[1], &names[2]);
        world.run(REST);
        assert!(world.is_connected(&names[0], &names[3]), "the healthy ones stay together");
        let left = [1, 2].map(|cut_off| world.known(&names[cut_off]).is_empty());
        assert!(left.contains(&true), "one of the two left");
        world.mend();
        for node in &names[1..] {
            world.connect(&names[0], node);
        }
        world.run(REST);
        world.assert_whole("back again");
    }
}

#[test]
fn nodes_that_report_losses_as_beams_do_end_in_partitions_that_do_not_overlap() {
    for seed in 1..=20 {
        let mut world = World::new(seed, &nodes(5), Overlap::Report);
        let names = world.names();
        for node in &names[1..] {
            world.connect(&names[0], node);
        }
        world.run(REST);
        world.cut(&names[1], &names[2]);
        world.run(REST);
        for one in &names {
            for other in world.known(one) {
                let mut mine = world.known(one);
                let mut theirs = world.known(&other);
                mine.insert(one.clone());
                theirs.insert(other.clone());
                assert_eq!(mine, theirs, "partitions of {one} and {other}");
            }
        }
    }
}

/// Some have heard of the name by then and some have not.
#[test]
fn a_change_whose_author_is_lost_in_the_middle_is_made_everywhere_or_nowhere() {
    let mut outcomes = [0; 2];
    for steps in 0..60 {
        let mut world = World::new(steps, &nodes(4), Overlap::Leave);
        let names = world.names();
        for node in &names[1..] {
            world.connect(&names[0], node);
        }
        world.run(REST);
        let pid = world.spawn(&names[2]);
        world.register(&names[0], "n", &pid, &Resolve::RandomExit);
        for _ in 0..steps {
            world.tick();
        }
        world.crash(&names[0]);
        world.run(REST);
        let tables: Vec<_> = names[1..].iter().map(|node| world.table(node)).collect();
        assert!(tables.iter().all(|table| *table == tables[0]), "after {steps} steps: {tables:?}");
        outcomes[tables[0].len()] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 5), "{outcomes:?}");
}

#[test]
fn garbage_is_said_once_and_changes_nothing() {
    let mut world = World::new(3, &nodes(3), Overlap::Leave);
    let names = world.names();
    world.connect(&names[0], &names[1]);
    world.connect(&names[0], &names[2]);
    world.run(REST);
    let garbage = [
        Term::atom("hello"),
        Term::from(42),
        Term::tuple([Term::atom("$gen_cast"), Term::atom("boo")]),
        wire::cast("init_connect", [1.into(), 2.into(), 3.into()]),
        wire::cast("exchange", [(&names[1]).into(), Term::atom("names"), Term::nil(), 1.into()]),
        wire::cast("resolved", [(&names[1]).into()]),
        wire::cast("new_nodes", [1.into(), 2.into(), 3.into(), 4.into(), 5.into()]),
        wire::info("lost_connection", [1.into(), 2.into(), 3.into(), 4.into()]),
        wire::info("stop", []),
    ];
    for _ in 0..100 {
        for message in &garbage {
            world.deliver(&names[1], &names[0], message);
        }
        // In the name of another.
        world.deliver(&names[1], &names[0], &wire::in_sync(&names[2]));
        world.deliver(&names[1], &names[0], &wire::info("remove_connection", [(&names[2]).into()]));
    }
    let liar = Pid { node: names[1].clone(), id: 99, serial: 0, creation: 1 };
    for request in [Term::atom("stop"), Term::atom("disconnect"), wire::info("set_lock", [Term::atom("x")])] {
        assert_eq!(world.call(&liar, &names[0], &request), None);
    }
    world.run(REST);
    world.assert_whole("after garbage");
    assert_eq!(world.log.len(), 3, "{:?}", world.log);
}

#[test]
fn a_flood_of_names_and_locks_is_bounded() {
    let mut world = World::new(4, &nodes(2), Overlap::Leave);
    let names = world.names();
    world.connect(&names[0], &names[1]);
    world.run(REST);
    let liar = world.spawn(&names[1]);
    // Names of processes on nodes that do not exist: each would be called.
    for number in 0..1000 {
        let stranger = Pid { node: Atom::new(&format!("s{number}@h")).unwrap(), ..liar.clone() };
        let request = wire::info("register", [number.into(), stranger.into(), Term::nil()]);
        assert_eq!(world.call(&liar, &names[0], &request), Some(Term::atom("yes")));
    }
    let long = Term::binary(vec![0; 1 << 20]);
    let set = |resource: Term| wire::info("set_lock", [Term::tuple([resource, Term::atom("me")])]);
    assert_eq!(world.call(&liar, &names[0], &set(long)), Some(false.into()));
    for number in 0..70_000 {
        world.call(&liar, &names[0], &set(number.into()));
    }
    assert_eq!(world.machine(&names[0]).locks.len(), 1 << 16);
    world.crash(&names[1]);
    world.run(REST);
    assert_eq!(world.machine(&names[0]).locks.len(), 0);
}

/// As a BEAM does: what it was asked over a connection that is gone it does all the same, and connects again to watch who asked.
#[test]
fn a_lock_that_is_set_when_its_question_was_given_up_is_taken_away() {
    let mut late = 0;
    for seed in 0..400 {
        let mut world = World::new(seed, &nodes(3), Overlap::Leave);
        let names = world.names();
        world.connect(&names[0], &names[1]);
        world.connect(&names[0], &names[2]);
        world.run(REST);
        for node in [&names[0], &names[2]] {
            let pid = world.spawn(node);
            world.register(node, node.as_str(), &pid, &Resolve::RandomExit);
        }
        for _ in 0..seed % 80 {
            world.tick();
        }
        let asked = world.asks(&names[0], &names[1], Role::Registrar);
        world.disconnect(&names[0], &names[1]);
        while world.machine(&names[1]).connected.contains(&names[0]) {
            world.tick();
        }
        if asked {
            let registrar = world.machine(&names[0]).registrar_pid.clone();
            let lock = wire::info("set_lock", [wire::global_lock(Term::from(&registrar))]);
            late += usize::from(world.call(&registrar, &names[1], &lock) == Some(true.into()));
        }
        world.run(REST);
        for node in &names[1..] {
            world.connect(&names[0], node);
        }
        world.run(REST);
        world.assert_whole(&format!("seed {seed}"));
    }
    assert!(late > 20, "{late}");
}

/// As a BEAM that did not hear of us from others, and gave its session up when it heard from us as a member.
#[test]
fn who_does_not_know_a_member_of_ours_gets_a_new_connection() {
    let mut world = World::new(5, &nodes(3), Overlap::Leave);
    let names = world.names();
    for node in &names[1..] {
        world.connect(&names[0], node);
    }
    world.run(REST);
    let locker = world.machine(&names[1]).locker_pid.clone();
    let hello = Term::tuple([Term::atom("locker"), Term::atom("none"), Term::nil(), (&locker).into()]);
    let version = Term::tuple([wire::VERSION.into(), 7.into()]);
    let begins = wire::cast("init_connect", [version, (&names[1]).into(), hello]);
    world.deliver(&names[1], &names[0], &begins);
    world.run(Duration::from_secs(6));
    assert!(!world.is_connected(&names[0], &names[1]));
    world.connect(&names[0], &names[1]);
    world.run(REST);
    world.connect(&names[0], &names[1]);
    world.run(REST);
    world.assert_whole("after a new connection");
}
