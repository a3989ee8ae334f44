//! `GenServer` in Rust, asked by another node of ours.

use std::sync::mpsc;

use erlnode::node::spawn::Request;
use erlnode::service::server::{Caller, GenServer, Reply, Stop};
use erlnode::term::{Atom, Term};
use erlnode::{Error, Mailbox, Message, Target};

use crate::support::{next, send, term, Cluster, PATIENCE};

/// Adds, remembers, answers late, stops, panics.
#[derive(Default)]
struct Calc {
    value: i64,
    late: Option<Caller>,
    infos: usize,
    ended: Option<mpsc::Sender<Term>>,
}

impl GenServer for Calc {
    async fn handle_call(
        &mut self,
        request: Term,
        caller: &Caller,
        mailbox: &Mailbox,
    ) -> Result<Reply, Stop> {
        let word = request.to_string();
        Ok(match word.as_str() {
            "recall" => Reply::Now(Term::Int(self.value)),
            "infos" => Reply::Now(Term::Int(self.infos as i64)),
            "later" => {
                self.late = Some(caller.clone());
                Reply::Later
            }
            "now" => {
                if let Some(late) = self.late.take() {
                    late.reply(mailbox, &Term::Atom(Atom::from_static("late"))).await.unwrap();
                }
                Reply::Now(Term::Int(0))
            }
            "stop" => {
                return Err(Stop {
                    reason: Term::Atom(Atom::from_static("shutdown")),
                    reply: Some(Term::Atom(Atom::from_static("bye"))),
                })
            }
            "panic" => panic!("as asked"),
            _ => Reply::Now(request),
        })
    }

    async fn handle_cast(&mut self, request: Term, _mailbox: &Mailbox) -> Result<(), Stop> {
        if let Term::Int(value) = request {
            self.value = value;
        }
        Ok(())
    }

    async fn handle_info(&mut self, _message: Message, _mailbox: &Mailbox) -> Result<(), Stop> {
        self.infos += 1;
        Ok(())
    }

    async fn handle_request(&mut self, request: Request, _mailbox: &Mailbox) -> Result<(), Stop> {
        let args = request.args().clone();
        let _ = request.reply(&args);
        Ok(())
    }

    async fn terminate(&mut self, reason: &Term) {
        if let Some(ended) = &self.ended {
            let _ = ended.send(reason.clone());
        }
    }

    fn state(&self) -> Term {
        Term::Int(self.value)
    }
}

/// Runs a server on a thread while `test` asks it from another node.
fn with_server(test: impl FnOnce(&Mailbox, &Target, &mpsc::Receiver<Term>)) {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    server.register("calc").unwrap();
    server.export("calc", "echo", None).unwrap();
    let target = Target::name_node("calc", b.name().as_str()).unwrap();
    let (ended, end) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut calc = Calc { ended: Some(ended), ..Calc::default() };
            server.serve_blocking(&mut calc)
        });
        // However the test ends, the server does.
        let _close = Close(&server);
        test(&client, &target, &end);
    });
}

struct Close<'a>(&'a Mailbox);

impl Drop for Close<'_> {
    fn drop(&mut self) {
        let _ = self.0.close(&term("normal"));
    }
}

fn ask(client: &Mailbox, target: &Target, request: &str) -> String {
    client.call(target, &term(request), PATIENCE).unwrap().term().unwrap().to_string()
}

#[test]
fn calls_casts_messages_and_functions_reach_their_handlers() {
    with_server(|client, target, _| {
        assert_eq!(ask(client, target, "{add,1,2}"), "{add,1,2}");
        client.send(target, &term("{'$gen_cast',5}"), PATIENCE).unwrap();
        client.send(target, &term("hello"), PATIENCE).unwrap();
        assert_eq!(ask(client, target, "recall"), "5");
        assert_eq!(ask(client, target, "infos"), "1");
        let Target::NameNode(_, node) = target else { unreachable!() };
        let echoed = client.erpc(node.as_str(), "calc", "echo", &term("[1,2]"), PATIENCE).unwrap();
        assert_eq!(echoed.term().unwrap().to_string(), "{return,[1,2]}");
    });
}

#[test]
fn a_reply_may_come_later() {
    with_server(|client, target, _| {
        let other = client.node().mailbox(Default::default()).unwrap();
        std::thread::scope(|scope| {
            let late = scope.spawn(|| ask(&other, target, "later"));
            // Asked until the other call has arrived.
            while !late.is_finished() {
                assert_eq!(ask(client, target, "now"), "0");
            }
            assert_eq!(late.join().unwrap(), "late");
        });
    });
}

#[test]
fn stopping_replies_terminates_and_tells_monitors() {
    with_server(|client, target, end| {
        let watch = client.monitor(target).unwrap();
        assert_eq!(ask(client, target, "stop"), "bye");
        assert_eq!(end.recv().unwrap().to_string(), "shutdown");
        let down = client.recv_reply(&watch, PATIENCE).unwrap().term().unwrap().to_string();
        assert!(down.ends_with(",shutdown}"), "{down}");
        assert!(matches!(client.call(target, &term("x"), PATIENCE), Err(Error::NoProcess(_))));
    });
}

#[test]
fn a_handler_that_panics_ends_the_server_and_its_caller_hears_of_it() {
    let cluster = Cluster::new();
    let (_a, client, _b, server) = cluster.pair();
    let target = Target::Pid(server.pid());
    let crashed = std::thread::spawn(move || server.serve_blocking(&mut Calc::default()));
    let outcome = client.call(&target, &term("panic"), PATIENCE);
    assert!(
        matches!(&outcome, Err(error @ Error::Ended { .. }) if error.to_string().contains("panic")),
        "{outcome:?}"
    );
    assert!(crashed.join().is_err());
}

#[test]
fn system_messages_are_answered_in_the_servers_name() {
    with_server(|client, target, end| {
        let system = |command: &str| {
            let reference = client.alias();
            let mut question = erlnode::term::Writer::new();
            question.tuple(3).atom("system").tuple(2).pid(&client.pid()).list(1).atom("alias");
            question.reference(&reference).raw(&term(command));
            client.send(target, &question.finish().unwrap(), PATIENCE).unwrap();
            let answer = client.recv_reply(&reference, PATIENCE).unwrap();
            client.unalias(&reference);
            let mut reader = answer.reader();
            assert!(reader.tuple_of(2) && reader.skip());
            reader.term().unwrap().to_string()
        };
        assert_eq!(system("get_state"), "{ok,0}");
        assert!(system("get_status").starts_with("{status,#Pid<"));
        assert_eq!(system("suspend"), "ok");
        client.send(target, &term("{'$gen_cast',7}"), PATIENCE).unwrap();
        assert_eq!(system("get_state"), "{ok,0}", "the cast waits");
        assert!(system("get_status").contains("suspended"));
        assert_eq!(system("resume"), "ok");
        assert_eq!(ask(client, target, "recall"), "7");
        assert_eq!(system("{debug,{trace,true}}"), "ok");
        assert_eq!(system("bogus"), "{error,{unknown_system_msg,bogus}}");
        assert_eq!(system("{terminate,done}"), "ok");
        assert_eq!(end.recv().unwrap().to_string(), "done");
    });
}

#[test]
fn a_cast_that_nobody_handles_ends_the_server() {
    struct Silent;
    impl GenServer for Silent {
        async fn handle_call(&mut self, request: Term, _: &Caller, _: &Mailbox) -> Result<Reply, Stop> {
            Ok(Reply::Now(request))
        }
    }
    let cluster = Cluster::new();
    let (_a, client, _b, server) = cluster.pair();
    let pid = server.pid();
    let served = std::thread::spawn(move || server.serve_blocking(&mut Silent));
    let watch = client.monitor(&Target::Pid(pid.clone())).unwrap();
    send(&client, &pid, "{'$gen_cast',what}");
    assert!(next(&client).answers(&watch));
    assert_eq!(served.join().unwrap().unwrap().to_string(), "{bad_cast,what}");
}
