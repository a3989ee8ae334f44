//! Scopes in memory: two or three state machines whose actions are carried by hand.

use super::*;
use crate::term::Atom;

fn node(name: &str) -> Atom {
    Atom::new(name).unwrap()
}

fn pid(name: &str, id: u32) -> Pid {
    Pid { node: node(name), id, serial: 0, creation: 1 }
}

fn scope(name: &str) -> Scope {
    Scope::new(Atom::from_static("pg"), pid(name, 1))
}

fn red() -> Term {
    Term::atom("red")
}

fn reference(number: u32) -> Reference {
    Reference::new(node("a@h"), 1, &[number, 0, 0]).unwrap()
}

/// Everything the scope wants done.
fn actions(scope: &mut Scope) -> Vec<Action> {
    std::iter::from_fn(|| scope.next_action()).collect()
}

fn hear(scope: &mut Scope, from: &str, message: &[u8]) {
    scope.hear(&node(from), wire::read(message).expect("a message of pg"));
}

/// Carries messages until nobody has any; what goes to a node that is not listed is lost.
fn settle(scopes: &mut [(&str, Scope)]) {
    loop {
        let mut letters = Vec::new();
        for (name, scope) in scopes.iter_mut() {
            for action in actions(scope) {
                if let Action::Tell(to, message) = action {
                    letters.push((name.to_string(), to, message));
                }
            }
        }
        if letters.is_empty() {
            return;
        }
        for (from, to, message) in letters {
            if let Some((_, scope)) = scopes.iter_mut().find(|(_, scope)| scope.own == to) {
                hear(scope, &from, &message);
            }
        }
    }
}

/// Greets each with each.
fn connect(scopes: &mut [(&str, Scope)]) {
    let greetings: Vec<_> = scopes.iter().map(|(name, scope)| (name.to_string(), scope.greeting())).collect();
    for (from, greeting) in greetings {
        for (name, scope) in scopes.iter_mut() {
            if *name != from {
                hear(scope, &from, &greeting);
            }
        }
    }
    settle(scopes);
}

fn members(scope: &Scope, group: &Term) -> Vec<Pid> {
    let mut members = scope.groups().members(group);
    members.sort();
    members
}

#[test]
fn scopes_that_meet_know_each_others_members_and_what_changes_later() {
    let mut both = [("a@h", scope("a@h")), ("b@h", scope("b@h"))];
    both[0].1.join(&red(), vec![pid("a@h", 5), pid("a@h", 5)]);
    connect(&mut both);
    assert_eq!(members(&both[1].1, &red()), [pid("a@h", 5), pid("a@h", 5)]);
    both[1].1.join(&red(), vec![pid("b@h", 6)]);
    assert!(both[0].1.leave(&red(), vec![pid("a@h", 5)]));
    settle(&mut both);
    for (_, scope) in &both {
        assert_eq!(members(scope, &red()), [pid("a@h", 5), pid("b@h", 6)]);
    }
    assert!(!both[0].1.leave(&red(), vec![pid("a@h", 9)]), "it never joined");
}

#[test]
fn a_dead_process_leaves_everywhere_and_a_dead_scope_takes_its_members_along() {
    let mut both = [("a@h", scope("a@h")), ("b@h", scope("b@h"))];
    connect(&mut both);
    both[0].1.join(&red(), vec![pid("a@h", 5), pid("a@h", 5)]);
    both[0].1.join(&Term::atom("blue"), vec![pid("a@h", 5)]);
    both[1].1.join(&red(), vec![pid("b@h", 6)]);
    settle(&mut both);
    both[0].1.down(&pid("a@h", 5));
    settle(&mut both);
    assert_eq!(members(&both[1].1, &red()), [pid("b@h", 6)]);
    assert_eq!(both[1].1.groups().names().len(), 1);
    both[0].1.down(&pid("b@h", 1));
    assert!(both[0].1.groups().names().is_empty());
}

#[test]
fn a_join_before_the_greeting_or_after_the_end_is_nothing() {
    let mut a = scope("a@h");
    hear(&mut a, "b@h", &wire::join(&pid("b@h", 1), &red(), &[pid("b@h", 6)]));
    assert!(members(&a, &red()).is_empty());
    hear(&mut a, "b@h", &wire::discover(&pid("b@h", 1)));
    a.down(&pid("b@h", 1));
    hear(&mut a, "b@h", &wire::join(&pid("b@h", 1), &red(), &[pid("b@h", 6)]));
    hear(&mut a, "b@h", &wire::leave(&pid("b@h", 1), &[pid("b@h", 6)], &[Arc::new(red())]));
    assert!(members(&a, &red()).is_empty());
}

#[test]
fn a_restarted_scope_is_a_new_peer_and_the_order_of_its_news_does_not_matter() {
    let mut a = scope("a@h");
    hear(&mut a, "b@h", &wire::sync(&pid("b@h", 1), &[(Arc::new(red()), vec![pid("b@h", 6)])]));
    // The successor greets before the end of the former one is heard of.
    hear(&mut a, "b@h", &wire::discover(&pid("b@h", 2)));
    hear(&mut a, "b@h", &wire::sync(&pid("b@h", 2), &[(Arc::new(red()), vec![pid("b@h", 7)])]));
    assert_eq!(members(&a, &red()), [pid("b@h", 6), pid("b@h", 7)]);
    a.down(&pid("b@h", 1));
    assert_eq!(members(&a, &red()), [pid("b@h", 7)]);
}

#[test]
fn subscribers_hear_joins_and_leaves_of_any_cause() {
    let mut a = scope("a@h");
    hear(&mut a, "b@h", &wire::sync(&pid("b@h", 1), &[(Arc::new(red()), vec![pid("b@h", 6)])]));
    let known = a.subscribe(reference(1), pid("a@h", 9), Some(red())).unwrap();
    assert_eq!(known[0].1, [pid("b@h", 6)]);
    a.subscribe(reference(2), pid("a@h", 8), None).unwrap();
    actions(&mut a);
    a.join(&Term::atom("blue"), vec![pid("a@h", 5)]);
    a.down(&pid("b@h", 1));
    a.down(&pid("a@h", 5));
    let events: Vec<_> = actions(&mut a)
        .into_iter()
        .filter_map(|action| match action {
            Action::Event(pid, event) => {
                let event = Term::decode(&event).unwrap();
                let parts = event.as_tuple().unwrap();
                Some((pid.id, parts[1].to_string(), parts[2].to_string()))
            }
            _ => None,
        })
        .collect();
    let expected = [(8, "join", "blue"), (8, "leave", "red"), (9, "leave", "red"), (8, "leave", "blue")];
    assert_eq!(events, expected.map(|(id, verb, group)| (id, verb.to_owned(), group.to_owned())));
    a.down(&pid("a@h", 9));
    assert!(!a.unsubscribe(&reference(1)), "it ended with its process");
    assert!(a.unsubscribe(&reference(2)));
    assert!(a.watched.is_empty(), "{:?}", a.watched);
}

#[test]
fn a_peer_speaks_for_its_own_processes_only_and_is_complained_of_once() {
    let mut a = scope("a@h");
    hear(&mut a, "b@h", &wire::discover(&pid("b@h", 1)));
    hear(&mut a, "c@h", &wire::discover(&pid("c@h", 1)));
    hear(&mut a, "c@h", &wire::join(&pid("c@h", 1), &red(), &[pid("c@h", 5)]));
    actions(&mut a);
    // In another's name, about another's processes, about ours, and as us.
    hear(&mut a, "b@h", &wire::leave(&pid("c@h", 1), &[pid("c@h", 5)], &[Arc::new(red())]));
    hear(&mut a, "b@h", &wire::join(&pid("b@h", 1), &red(), &[pid("c@h", 6), pid("a@h", 7), pid("b@h", 8)]));
    hear(&mut a, "b@h", &wire::sync(&pid("a@h", 1), &[(Arc::new(red()), vec![pid("a@h", 6)])]));
    hear(&mut a, "b@h", &wire::discover(&pid("d@h", 1)));
    assert_eq!(members(&a, &red()), [pid("c@h", 5), pid("b@h", 8)]);
    let actions = actions(&mut a);
    assert!(matches!(&actions[..], [Action::Complain(text)] if text.contains("b@h")), "{actions:?}");
}

#[test]
fn a_flood_of_scopes_members_or_names_meets_a_limit() {
    let mut a = scope("a@h");
    for id in 1..1000 {
        hear(&mut a, "b@h", &wire::discover(&pid("b@h", id)));
    }
    assert_eq!(a.peers.len(), MAX_SCOPES_PER_NODE);
    let big = Term::binary(vec![0; 60_000]);
    for number in 0..1000 {
        let name = Term::tuple([Term::Int(number), big.clone()]);
        hear(&mut a, "b@h", &wire::join(&pid("b@h", 1), &name, &[pid("b@h", 5)]));
    }
    let (_, _, bytes) = a.groups.size_of(&Some(pid("b@h", 1)));
    assert!(bytes < MAX_NAME_BYTES + 64 * 1024, "{bytes}");
    let many = vec![pid("b@h", 5); MAX_MEMBERS / 2];
    for _ in 0..5 {
        hear(&mut a, "b@h", &wire::join(&pid("b@h", 2), &red(), &many));
    }
    assert!(a.groups.size_of(&Some(pid("b@h", 2))).0 <= MAX_MEMBERS + many.len());
}

/// Random histories of three nodes that part and meet: in the end all know the same.
#[test]
fn after_any_history_of_parting_and_meeting_all_know_the_same() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};
    let names = ["a@h", "b@h", "c@h"];
    let step = (0usize..3, 0u8..5, 0u32..4, 0usize..3);
    let history = proptest::collection::vec(step, 0..60);
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&history, |history| {
        let mut all: Vec<_> = names.iter().map(|name| (*name, scope(name))).collect();
        for (at, what, process, group) in history {
            let group = Term::Int(group as i64);
            let member = pid(names[at], 10 + process);
            match what {
                0 | 1 => all[at].1.join(&group, vec![member]),
                2 => drop(all[at].1.leave(&group, vec![member])),
                3 => {
                    all[at].1.down(&member);
                }
                // It loses everybody: news of either side are lost until they meet again.
                _ => {
                    let lost = all.remove(at);
                    for (_, scope) in &mut all {
                        scope.down(&lost.1.own);
                    }
                    settle(&mut all);
                    let (name, mut lost) = lost;
                    for (_, other) in &all {
                        lost.down(&other.own);
                    }
                    actions(&mut lost);
                    all.insert(at, (name, lost));
                }
            }
            settle(&mut all);
        }
        connect(&mut all);
        for group in 0..3 {
            let group = Term::Int(group);
            let expected = members(&all[0].1, &group);
            for (_, scope) in &all {
                prop_assert_eq!(&members(scope, &group), &expected);
            }
            let local: usize = all.iter().map(|(_, scope)| scope.groups().local_members(&group).len()).sum();
            prop_assert_eq!(local, expected.len());
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
