use std::time::Duration;

use erlnode::node::spawn::Class;
use erlnode::{Error, Target};

use crate::support::{next, send, settle, term, Cluster, PATIENCE};

const SOON: Option<Duration> = Some(Duration::from_millis(50));

#[test]
fn a_call_is_answered_while_other_messages_wait() {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    server.register("calc").unwrap();
    send(&server, &client.pid(), "unrelated");
    let target = Target::name_node("calc", b.name().as_str()).unwrap();
    let reply = std::thread::scope(|scope| {
        let caller = scope.spawn(|| client.call(&target, &term("{add,1,2}"), PATIENCE).unwrap());
        let call = next(&server);
        assert!(call.term().unwrap().to_string().starts_with("{'$gen_call',{"));
        server.reply(&call, &term("3"), PATIENCE).unwrap();
        caller.join().unwrap()
    });
    assert_eq!(reply.payload()[..], term("3")[..]);
    assert_eq!(next(&client).payload()[..], term("unrelated")[..]);
}

#[test]
fn a_reply_after_the_time_was_over_is_dropped() {
    let cluster = Cluster::new();
    let (_a, client, _b, server) = cluster.pair();
    let outcome = client.call(&Target::Pid(server.pid()), &term("slow"), SOON);
    assert!(matches!(outcome, Err(Error::Timeout(_))));
    let call = next(&server);
    server.reply(&call, &term("late"), PATIENCE).unwrap();
    settle(&server, &client);
    assert!(client.is_empty());
}

#[test]
fn a_server_that_is_not_there_or_ends_is_told() {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    let nobody = Target::name_node("nobody", b.name().as_str()).unwrap();
    assert!(matches!(client.call(&nobody, &term("x"), PATIENCE), Err(Error::NoProcess(_))));
    let target = Target::Pid(server.pid());
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| client.call(&target, &term("x"), PATIENCE));
        next(&server);
        server.close(&term("boom")).unwrap();
        let outcome = caller.join().unwrap();
        assert!(matches!(&outcome, Err(Error::Remote(text)) if text.contains("boom")), "{outcome:?}");
    });
    assert!(client.is_empty());
}

#[test]
fn what_is_no_call_cannot_be_answered() {
    let cluster = Cluster::new();
    let (_a, client, _b, server) = cluster.pair();
    send(&client, &server.pid(), "{'$gen_call',me,x}");
    assert!(matches!(server.reply(&next(&server), &term("x"), PATIENCE), Err(Error::Argument(_))));
}

#[test]
fn erpc_returns_values_and_exceptions() {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    server.export("calc", "run", None).unwrap();
    let name = b.name();
    let run = |answer: &(dyn Fn(erlnode::node::spawn::Request) + Sync)| {
        std::thread::scope(|scope| {
            let caller =
                scope.spawn(|| client.erpc(name.as_str(), "calc", "run", &term("[1]"), PATIENCE).unwrap());
            answer(next(&server).into_request().unwrap());
            caller.join().unwrap().term().unwrap().to_string()
        })
    };
    assert_eq!(run(&|request| request.reply(&term("{ok,1}")).unwrap()), "{return,{ok,1}}");
    assert_eq!(
        run(&|request| request.fail(Class::Throw, &term("ball"), &term("[]")).unwrap()),
        "{throw,ball}"
    );
    assert_eq!(run(&|request| request.fail(Class::Exit, &term("bye"), &term("[]")).unwrap()), "{exit,bye}");
    assert_eq!(
        run(&|request| request.fail(Class::Error, &term("oops"), &term("[]")).unwrap()),
        "{error,oops,[{calc,run,1,[]}]}"
    );
    let undef = client.erpc(name.as_str(), "no", "such", &term("[]"), PATIENCE).unwrap();
    assert_eq!(undef.term().unwrap().to_string(), "{error,undef,[{no,such,[],[]}]}");
    assert!(client.is_empty());
}

#[test]
fn erpc_to_a_node_that_is_not_there_or_stops_is_an_error() {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    server.export("calc", "run", None).unwrap();
    assert!(client.erpc("nobody@localhost", "calc", "run", &term("[]"), PATIENCE).is_err());
    let name = b.name();
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| client.erpc(name.as_str(), "calc", "run", &term("[]"), PATIENCE));
        let _request = next(&server);
        b.stop();
        let outcome = caller.join().unwrap();
        assert!(outcome.is_err(), "{outcome:?}");
    });
}
