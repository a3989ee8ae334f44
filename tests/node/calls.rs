use std::time::Duration;

use erlnode::node::spawn::Class;
use erlnode::proto::control::Control;
use erlnode::proto::flags::Flags;
use erlnode::service::call::Outcome;
use erlnode::term::{Atom, Term, Writer};
use erlnode::{Error, Target};

use crate::peer::Peer;

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
        let Err(Error::Ended { reason, why, .. }) = &outcome else { panic!("{outcome:?}") };
        assert_eq!((&reason[..], why.as_str()), (&term("boom")[..], "boom"));
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

/// The request is given up before the peer has said that it runs.
#[test]
fn an_erpc_given_up_at_once_leaves_nothing_in_the_mailbox() {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    server.export("calc", "run", None).unwrap();
    for _ in 0..20 {
        let outcome = client.erpc(b.name().as_str(), "calc", "run", &term("[1]"), Some(Duration::ZERO));
        assert!(matches!(outcome, Err(Error::Timeout(_))), "{outcome:?}");
        let request = next(&server).into_request().unwrap();
        request.reply(&term("late")).unwrap_or_default();
    }
    settle(&server, &client);
    assert!(client.is_empty());
}

#[test]
fn many_calls_are_outstanding_and_answered_in_any_order() {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    server.register("calc").unwrap();
    let target = Target::name_node("calc", b.name().as_str()).unwrap();
    let ask = |number: usize| client.send_request(&target, &term(&number.to_string()), PATIENCE).unwrap();
    let calls: Vec<_> = (0..100).map(ask).collect();
    let mut waiting: Vec<_> = (0..100).map(|_| next(&server)).collect();
    while let Some(call) = waiting.pop() {
        let request = call.term().unwrap().as_tuple().unwrap()[2].clone();
        server.reply(&call, &request.to_bytes().unwrap(), PATIENCE).unwrap();
    }
    for (number, call) in calls.into_iter().enumerate() {
        let reply = client.receive_response(call, PATIENCE).unwrap();
        assert_eq!(reply.payload()[..], term(&number.to_string())[..]);
    }
    assert!(client.is_empty());
}

#[test]
fn a_response_is_waited_for_again_looked_for_by_hand_or_given_up() {
    let cluster = Cluster::new();
    let (_a, client, _b, server) = cluster.pair();
    let target = Target::Pid(server.pid());
    let call = client.send_request(&target, &term("x"), PATIENCE).unwrap();
    assert!(client.wait_response(&call, SOON).unwrap().is_none());
    server.reply(&next(&server), &term("y"), PATIENCE).unwrap();
    assert_eq!(client.wait_response(&call, PATIENCE).unwrap().unwrap().payload()[..], term("y")[..]);
    let call = client.send_request(&target, &term("x"), PATIENCE).unwrap();
    let asked = next(&server);
    send(&server, &client.pid(), "unrelated");
    server.reply(&asked, &term("z"), PATIENCE).unwrap();
    assert!(client.check_response(&call, &next(&client)).is_none());
    assert_eq!(client.check_response(&call, &next(&client)).unwrap().unwrap().payload()[..], term("z")[..]);
    let call = client.send_request(&target, &term("x"), PATIENCE).unwrap();
    client.abandon(call);
    server.reply(&next(&server), &term("late"), PATIENCE).unwrap();
    settle(&server, &client);
    assert!(client.is_empty());
}

#[test]
fn many_nodes_are_asked_at_once_and_each_answers_for_itself() {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    let (c, silent) = (cluster.node("c"), cluster.node("d"));
    let at_c = c.mailbox(Default::default()).unwrap();
    let at_d = silent.mailbox(Default::default()).unwrap();
    for mailbox in [&server, &at_c, &at_d] {
        mailbox.register("calc").unwrap();
        mailbox.export("calc", "run", None).unwrap();
    }
    let names = [b.name(), c.name(), silent.name()].map(|name| name.to_string());
    let nodes = [&names[0][..], &names[1], "nobody@localhost", &names[2], "no name"];
    let short = Some(Duration::from_millis(300));
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| client.multicall(&nodes, "calc", "run", &term("[1]"), short));
        next(&server).into_request().unwrap().reply(&term("b")).unwrap();
        next(&at_c).into_request().unwrap().fail(Class::Throw, &term("c"), &term("[]")).unwrap();
        let _never_answered = next(&at_d);
        let answers = caller.join().unwrap();
        let outcome = |place: usize| Outcome::of(answers[place].as_ref().unwrap()).unwrap();
        assert_eq!(outcome(0), Outcome::Return(term("b").into()));
        assert_eq!(outcome(1), Outcome::Throw(term("c").into()));
        assert!(matches!(answers[2], Err(Error::NoConnection { .. })), "{:?}", answers[2]);
        assert!(matches!(answers[3], Err(Error::Timeout(_))), "{:?}", answers[3]);
        assert!(answers[4].is_err());
        let caller = scope.spawn(|| client.multi_call(&nodes, "calc", &term("x"), short));
        server.reply(&next(&server), &term("b"), PATIENCE).unwrap();
        next(&at_c);
        at_c.close(&term("boom")).unwrap();
        next(&at_d);
        let answers = caller.join().unwrap();
        assert_eq!(answers[0].as_ref().unwrap().payload()[..], term("b")[..]);
        assert!(matches!(&answers[1], Err(Error::Ended { why, .. }) if why == "boom"), "{:?}", answers[1]);
        assert!(matches!(answers[2], Err(Error::NoConnection { .. })), "{:?}", answers[2]);
        assert!(matches!(answers[3], Err(Error::Timeout(_))), "{:?}", answers[3]);
        assert!(answers[4].is_err());
    });
    assert!(client.is_empty());
}

/// As C nodes ask for it: what the function prints comes first, then its result.
#[test]
fn the_output_of_a_call_through_rex_is_sent_to_the_caller_if_it_wants_that() {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    server.export("calc", "run", Some(0)).unwrap();
    let rex = Target::name_node("rex", b.name().as_str()).unwrap();
    let before = b.process_count();
    let mut call = Writer::new();
    call.tuple(2).pid(&client.pid()).tuple(5).atom("call").atom("calc").atom("run").nil();
    call.atom("send_stdout_to_caller");
    client.send(&rex, &call.finish().unwrap(), PATIENCE).unwrap();
    let request = next(&server).into_request().unwrap();
    let leader = Target::Pid(request.leader().clone());
    server.put_chars(&leader, "one\n", PATIENCE).unwrap();
    server.put_chars(&leader, "zw\u{f6}lf\n", PATIENCE).unwrap();
    request.reply(&term("done")).unwrap();
    let printed = |message: erlnode::Message| message.term().unwrap().to_string();
    assert_eq!(printed(next(&client)), "{rex_stdout,<<\"one\\n\">>}");
    assert!(printed(next(&client)).starts_with("{rex_stdout,<<"));
    assert_eq!(printed(next(&client)), "{rex,done}");
    assert_eq!(b.process_count(), before, "and the leader of that call is gone");
}

/// OTP's own C library does not ask for the sender's pid, and takes no message that tells it.
#[test]
fn a_plain_c_node_gets_its_answer_from_rex_in_the_form_that_it_knows() {
    let cluster = Cluster::new();
    let node = cluster.node("a");
    let mut peer = Peer::call(&node, Flags::HIDDEN_SIMPLE.without(Flags::SEND_SENDER));
    let from = peer.pid(7);
    let mut call = Writer::new();
    call.tuple(2).pid(&from).tuple(5).atom("call").atom("erlang").atom("node").nil().atom("user");
    let rex = Control::RegSend { from: from.clone(), to: Atom::from_static("rex"), token: None };
    peer.send(&rex, Some(&call.finish().unwrap()));
    let (control, payload) = peer.expect();
    assert_eq!(control, Control::Send { to: from, token: None });
    assert_eq!(Term::decode(&payload.unwrap()).unwrap().to_string(), format!("{{rex,{:?}}}", node.name()));
}
