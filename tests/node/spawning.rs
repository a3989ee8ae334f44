use erlnode::node::spawn::{Class, SpawnOptions};
use erlnode::{MessageKind, Target};

use crate::support::{next, term, text, Cluster, PATIENCE};

fn options(link: bool, monitor: bool) -> SpawnOptions {
    SpawnOptions { link, monitor, ..SpawnOptions::default() }
}

#[test]
fn an_exported_function_runs_and_its_end_is_monitored() {
    let cluster = Cluster::new();
    let (_a, in_a, b, in_b) = cluster.pair();
    in_b.export("Elixir.Kate", "say_name", Some(1)).unwrap();
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            let name = b.name();
            in_a.spawn(
                name.as_str(),
                "Elixir.Kate",
                "say_name",
                &term("[you]"),
                options(false, true),
                PATIENCE,
            )
            .unwrap()
        });
        let message = next(&in_b);
        assert_eq!(message.kind(), MessageKind::Request);
        let request = message.into_request().unwrap();
        assert_eq!((request.module().as_str(), request.function().as_str()), ("Elixir.Kate", "say_name"));
        assert_eq!(request.args()[..], term("[you]")[..]);
        let (pid, _) = caller.join().unwrap();
        assert_eq!(request.pid(), pid);
        request.fail(Class::Error, &term("oops"), &term("[]")).unwrap();
    });
    assert!(text(&in_a).ends_with(",{oops,[{'Elixir.Kate',say_name,1,[]}]}}"));
}

#[test]
fn what_is_not_exported_ends_with_undef_and_a_closure_too() {
    let cluster = Cluster::new();
    let (_a, in_a, b, _in_b) = cluster.pair();
    let name = b.name();
    in_a.spawn(name.as_str(), "os", "cmd", &term(r#"["ls"]"#), options(false, true), PATIENCE).unwrap();
    assert!(text(&in_a).ends_with(r#",{undef,[{os,cmd,["ls"],[]}]}}"#));
}

#[test]
fn a_spawn_with_priority_tells_of_its_end_before_ordinary_messages() {
    let cluster = Cluster::new();
    let (_a, in_a, b, in_b) = cluster.pair();
    in_b.export("m", "f", None).unwrap();
    in_a.set_trap_exit(true);
    let name = b.name();
    for priority in [true, false] {
        let options = SpawnOptions { priority, ..options(true, true) };
        in_a.spawn(name.as_str(), "m", "f", &term("[]"), options, PATIENCE).unwrap();
        in_a.send(&Target::from(in_a.pid()), &term("before"), PATIENCE).unwrap();
        next(&in_b).into_request().unwrap().fail(Class::Exit, &term("over"), &term("[]")).unwrap();
        while in_a.len() < 3 {
            std::thread::yield_now();
        }
        let came: Vec<String> = (0..3).map(|_| text(&in_a)).collect();
        assert_eq!(
            came.iter().position(|text| text == "before"),
            Some(if priority { 2 } else { 0 }),
            "{came:?}"
        );
    }
}

#[test]
fn an_unanswered_request_ends_its_process_and_a_wanted_one_knows_it() {
    let cluster = Cluster::new();
    let (_a, in_a, b, in_b) = cluster.pair();
    in_b.export("m", "f", None).unwrap();
    let name = b.name();
    in_a.spawn(name.as_str(), "m", "f", &term("[]"), options(true, true), PATIENCE).unwrap();
    in_a.set_trap_exit(true);
    let request = next(&in_b).into_request().unwrap();
    assert!(request.is_wanted());
    drop(request);
    let mut ends = [text(&in_a), text(&in_a)];
    ends.sort();
    assert!(ends[0].starts_with("{'DOWN',") && ends[0].ends_with(",killed}"), "{ends:?}");
    assert!(ends[1].starts_with("{'EXIT',") && ends[1].ends_with(",killed}"), "{ends:?}");
}

#[test]
fn erlang_calls_of_built_in_functions_are_answered() {
    let cluster = Cluster::new();
    let (_a, in_a, b, _in_b) = cluster.pair();
    let call = term("[tag, erlang, node, []]");
    in_a.spawn(b.name().as_str(), "erpc", "execute_call", &call, options(false, true), PATIENCE).unwrap();
    assert!(text(&in_a).ends_with(&format!(",{{tag,return,{}}}}}", b.name())));
}

#[test]
fn text_is_written_on_a_leader_that_is_a_mailbox() {
    let cluster = Cluster::new();
    let (_a, in_a, _b, in_b) = cluster.pair();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| in_a.put_chars(&Target::from(in_b.pid()), "Hello", PATIENCE));
        let request = next(&in_b);
        let mut reader = request.reader();
        assert!(reader.tuple_of(4) && reader.atom_is("io_request"));
        let (from, reply_as) = (reader.pid().unwrap(), reader.term_bytes().unwrap());
        assert_eq!(reader.term().unwrap().to_string(), "{put_chars,unicode,<<\"Hello\">>}");
        let mut reply = erlnode::term::Writer::new();
        reply.tuple(3).atom("io_reply").raw(reply_as).atom("ok");
        in_b.send(&Target::from(from), &reply.finish().unwrap(), PATIENCE).unwrap();
        writer.join().unwrap().unwrap();
    });
}
