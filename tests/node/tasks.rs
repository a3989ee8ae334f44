//! Tasks between two nodes of ours; Elixir's side is in tests/interop/tasks.rs.

use erlnode::node::spawn::Class;
use erlnode::service::task::{Restart, SupervisorOptions, TaskEnd, TaskOptions};
use erlnode::{Error, Mailbox, Message, MessageKind, Target};

use crate::support::{next, settle, term, text, Cluster, PATIENCE};

/// A supervisor on the second node of a pair, whose tasks arrive in `functions`.
struct World {
    _cluster: Cluster,
    client: Mailbox,
    to: Target,
    supervisor: Mailbox,
    functions: Mailbox,
}

fn world(options: SupervisorOptions) -> World {
    let cluster = Cluster::new();
    let (_a, client, b, functions) = cluster.pair();
    let supervisor = b.mailbox(Default::default()).unwrap();
    supervisor.register("tasks").unwrap();
    supervisor.supervise_tasks(options).unwrap();
    functions.export("m", "run", None).unwrap();
    let to = Target::name_node("tasks", b.name().as_str()).unwrap();
    World { _cluster: cluster, client, to, supervisor, functions }
}

impl World {
    fn start(&self, link: bool) -> erlnode::service::task::Task {
        let options = TaskOptions { link, ..TaskOptions::default() };
        self.client.task_async(&self.to, "m", "run", &term("[1]"), options, PATIENCE).unwrap()
    }

    fn ask(&self, request: &str) -> String {
        self.client.call(&self.to, &term(request), PATIENCE).unwrap().term().unwrap().to_string()
    }
}

fn request(message: Message) -> erlnode::node::spawn::Request {
    assert_eq!(message.kind(), MessageKind::Request);
    message.into_request().unwrap()
}

fn shown(end: TaskEnd) -> String {
    erlnode::term::Term::decode(&end.to_term()).unwrap().to_string()
}

#[test]
fn a_task_brings_the_reply_to_its_request() {
    let world = world(SupervisorOptions::default());
    let task = world.start(false);
    let asked = request(next(&world.functions));
    assert_eq!((asked.caller(), asked.pid()), (&world.client.pid(), task.pid.clone()));
    asked.reply(&term("{done,1}")).unwrap();
    assert_eq!(shown(world.client.task_await(&task, PATIENCE).unwrap()), "{ok,{done,1}}");
    settle(&world.functions, &world.client);
    assert!(world.client.is_empty());
}

#[test]
fn a_task_that_fails_or_is_not_exported_ends_with_the_reason() {
    let world = world(SupervisorOptions::default());
    for (class, expected) in [
        (Class::Error, "{exit,{oops,["),
        (Class::Exit, "{exit,oops}"),
        (Class::Throw, "{exit,{{nocatch,oops},["),
    ] {
        let task = world.start(false);
        request(next(&world.functions)).fail(class, &term("oops"), &term("[]")).unwrap();
        let end = shown(world.client.task_await(&task, PATIENCE).unwrap());
        assert!(end.starts_with(expected), "{end}");
    }
    let nothing = world
        .client
        .task_async(&world.to, "no", "such", &term("[]"), TaskOptions::default(), PATIENCE)
        .unwrap();
    let end = shown(world.client.task_await(&nothing, PATIENCE).unwrap());
    assert_eq!(end, "{exit,{undef,[{no,such,[],[]}]}}");
}

#[test]
fn a_linked_task_takes_its_caller_along() {
    let world = world(SupervisorOptions::default());
    let _task = world.start(true);
    request(next(&world.functions)).fail(Class::Exit, &term("oops"), &term("[]")).unwrap();
    while world.client.is_alive() {
        let _ = world.client.recv(PATIENCE);
    }
    assert_eq!(world.client.exit_reason().unwrap()[..], term("oops")[..]);
}

#[test]
fn yield_may_be_asked_again_and_await_may_not() {
    let world = world(SupervisorOptions::default());
    let soon = Some(std::time::Duration::from_millis(5));
    let task = world.start(false);
    let asked = request(next(&world.functions));
    assert!(matches!(world.client.task_yield(&task, soon), Err(Error::Timeout(_))));
    asked.reply(&term("yes")).unwrap();
    assert_eq!(shown(world.client.task_yield(&task, PATIENCE).unwrap()), "{ok,yes}");
    let task = world.start(false);
    let asked = request(next(&world.functions));
    assert!(matches!(world.client.task_await(&task, soon), Err(Error::Timeout(_))));
    asked.reply(&term("late")).unwrap();
    settle(&world.functions, &world.client);
    assert!(world.client.is_empty(), "a late result is dropped");
}

#[test]
fn shutdown_ends_a_task_and_tells_of_a_result_that_was_faster() {
    let world = world(SupervisorOptions::default());
    for patience in [PATIENCE, Some(std::time::Duration::ZERO)] {
        let task = world.start(true);
        let asked = request(next(&world.functions));
        assert!(asked.is_wanted());
        assert!(world.client.task_shutdown(&task, patience).unwrap().is_none());
        assert!(!asked.is_wanted(), "whoever runs it can see that nobody waits any more");
        assert!(asked.reply(&term("late")).is_err());
    }
    let task = world.start(false);
    request(next(&world.functions)).reply(&term("fast")).unwrap();
    // By the same connection, so the result is there when this is.
    settle(&world.functions, &world.client.node().mailbox(Default::default()).unwrap());
    let end = world.client.task_shutdown(&task, PATIENCE).unwrap().unwrap();
    assert_eq!(shown(end), "{ok,fast}");
}

#[test]
fn children_are_limited_listed_and_ended() {
    let world = world(SupervisorOptions { max_children: 2, ..SupervisorOptions::default() });
    assert_eq!(world.ask("which_children"), "[]");
    let tasks = [world.start(false), world.start(false)];
    let asked = [request(next(&world.functions)), request(next(&world.functions))];
    let refused =
        world.client.task_async(&world.to, "m", "run", &term("[]"), TaskOptions::default(), PATIENCE);
    assert!(matches!(refused, Err(Error::Limit(_))), "{refused:?}");
    assert_eq!(world.ask("count_children"), "[{specs,2},{active,2},{supervisors,0},{workers,2}]");
    let children = world.ask("which_children");
    assert!(children.contains("{undefined,#Pid<"), "{children}");
    assert!(children.contains("worker,['Elixir.Task.Supervised']}"), "{children}");
    let mut terminate = erlnode::term::Writer::new();
    terminate.tuple(2).atom("terminate_child").pid(&tasks[0].pid);
    let terminate = terminate.finish().unwrap();
    for expected in ["ok", "{error,not_found}"] {
        let answer = world.client.call(&world.to, &terminate, PATIENCE).unwrap();
        assert_eq!(answer.term().unwrap().to_string(), expected);
    }
    assert_eq!(shown(world.client.task_await(&tasks[0], PATIENCE).unwrap()), "{exit,shutdown}");
    let [first, second] = asked;
    assert!(first.reply(&term("late")).is_err());
    second.reply(&term("fine")).unwrap();
    assert_eq!(shown(world.client.task_await(&tasks[1], PATIENCE).unwrap()), "{ok,fine}");
    assert_eq!(world.ask("bogus"), "{error,{bad_call,bogus}}");
    assert_eq!(world.ask("which_children"), "[]");
}

#[test]
fn closing_the_supervisor_ends_its_tasks_with_shutdown() {
    let world = world(SupervisorOptions::default());
    let task = world.start(false);
    let asked = request(next(&world.functions));
    world.supervisor.close(&term("normal")).unwrap();
    assert_eq!(shown(world.client.task_await(&task, PATIENCE).unwrap()), "{exit,shutdown}");
    assert!(!asked.is_wanted());
}

#[test]
fn tasks_nobody_waits_for_are_restarted_as_asked_and_not_for_ever() {
    let world = world(SupervisorOptions::default());
    let start = |restart| {
        world.client.task_start_child(&world.to, "m", "run", &term("[]"), restart, PATIENCE).unwrap()
    };
    let fail = || request(next(&world.functions)).fail(Class::Exit, &term("oops"), &term("[]")).unwrap();
    start(Restart::Temporary);
    fail();
    start(Restart::Transient);
    fail();
    // It runs again, and then it is content.
    request(next(&world.functions)).reply(&term("ok")).unwrap();
    settle(&world.functions, &world.client);
    assert!(world.functions.is_empty());
    assert_eq!(world.ask("which_children"), "[]");
    let watch = world.client.monitor(&world.to).unwrap();
    start(Restart::Permanent);
    // One restart is used up: two more are fine, the next is one too many.
    for _ in 0..2 {
        request(next(&world.functions)).reply(&term("ok")).unwrap();
    }
    fail();
    let down = world.client.recv_reply(&watch, PATIENCE).unwrap().term().unwrap().to_string();
    assert!(down.ends_with(",shutdown}"), "{down}");
    assert!(!world.supervisor.is_alive());
}

#[test]
fn a_task_whose_owner_ends_before_it_says_what_to_run_ends_too() {
    let world = world(SupervisorOptions::default());
    let node = world.client.node();
    let owner = node.mailbox(Default::default()).unwrap();
    let own = owner.pid();
    let mut start = erlnode::term::Writer::new();
    start.tuple(4).atom("start_task").list(2).tuple(3).atom_term(&own.node).pid(&own).pid(&own);
    start.atom("monitor").nil().atom("temporary").atom("nil");
    let started = world.client.call(&world.to, &start.finish().unwrap(), PATIENCE).unwrap();
    let mut reader = started.reader();
    assert!(reader.tuple_of(2) && reader.atom_is("ok"));
    let child = reader.pid().unwrap();
    let watch = world.client.monitor(&Target::Pid(child)).unwrap();
    owner.close(&term("gone")).unwrap();
    let down = world.client.recv_reply(&watch, PATIENCE).unwrap().term().unwrap().to_string();
    assert!(down.ends_with(",{shutdown,gone}}"), "{down}");
}

#[test]
fn malformed_requests_to_a_supervisor_change_nothing() {
    let world = world(SupervisorOptions::default());
    for bad in [
        "{start_task,[],temporary,nil}",
        "{start_task,[owner,monitor],temporary,nil}",
        "{start_task,[{a,b,c},monitor],temporary,nil}",
        "{start_task,x,temporary,nil}",
        "{start_task,[{a,b,c},[],{m,run}],sometimes,nil}",
        "{start_child,spec}",
        "{terminate_child,x}",
    ] {
        let answer = world.ask(bad);
        assert!(
            answer == format!("{{error,{{bad_call,{bad}}}}}") || answer == "{error,not_found}",
            "{answer}"
        );
    }
    assert_eq!(world.ask("which_children"), "[]");
    let task = world.start(false);
    request(next(&world.functions)).reply(&term("ok")).unwrap();
    assert_eq!(shown(world.client.task_await(&task, PATIENCE).unwrap()), "{ok,ok}");
}

impl World {
    /// Asks to run `m:run(Args)` with nobody waiting for its result, and does not wait for the answer.
    fn start_child(&self, args: &[u8]) {
        let me = self.client.pid();
        let mut call = erlnode::term::Writer::new();
        call.tuple(3).atom("$gen_call").tuple(2).pid(&me).atom("started").tuple(4).atom("start_task");
        call.list(3).tuple(3).atom("nonode@nohost").pid(&me).pid(&me).list(1).pid(&me).nil();
        call.tuple(3).atom("m").atom("run").raw(args).nil().atom("temporary").atom("undefined");
        self.client.send(&self.to, &call.finish().unwrap(), PATIENCE).unwrap();
    }
}

#[test]
fn a_flood_of_starts_is_refused_beyond_the_limit_and_delays_nobody() {
    const STARTS: usize = 3_000;
    const CHILDREN: usize = 1_000;
    let world = world(SupervisorOptions { max_children: CHILDREN, ..SupervisorOptions::default() });
    let other = world.client.node().mailbox(Default::default()).unwrap();
    for _ in 0..STARTS {
        world.start_child(&term("[1]"));
    }
    // What is asked after the flood is answered although nothing of it has ended.
    let count = other.call(&world.to, &term("count_children"), PATIENCE).unwrap().term().unwrap().to_string();
    assert_eq!(count, "[{specs,1000},{active,1000},{supervisors,0},{workers,1000}]");
    let node = world.supervisor.node().name();
    let alive = other.erpc(node.as_str(), "erlang", "is_alive", &term("[]"), PATIENCE).unwrap();
    assert_eq!(alive.term().unwrap().to_string(), "{return,true}");
    let (mut started, mut refused) = (0, 0);
    for _ in 0..STARTS {
        match text(&world.client) {
            answer if answer == "{started,{error,max_children}}" => refused += 1,
            answer if answer.starts_with("{started,{ok,") => started += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((started, refused), (CHILDREN, STARTS - CHILDREN));
    for _ in 0..CHILDREN {
        request(next(&world.functions)).reply(&term("done")).unwrap();
    }
    assert_eq!(world.ask("count_children"), "[{specs,0},{active,0},{supervisors,0},{workers,0}]");
}

#[test]
fn the_arguments_of_all_tasks_take_no_more_than_their_share() {
    let world = world(SupervisorOptions::default());
    let mut large = vec![108, 0, 0, 0, 1, 109];
    large.extend((1u32 << 20).to_be_bytes());
    large.resize(large.len() + (1 << 20), 7);
    large.push(106);
    let mut started = 0;
    loop {
        world.start_child(&large);
        match text(&world.client) {
            answer if answer == "{started,{error,max_children}}" => break,
            _ => started += 1,
        }
    }
    assert_eq!(started, 63, "64 MiB are allowed, and the frame of a list is a little more than its contents");
    // A task that is told by its owner what to run ends with the reason, and the others go on.
    let options = TaskOptions::default();
    let told = world.client.task_async(&world.to, "m", "run", &large, options, PATIENCE).unwrap();
    assert_eq!(shown(world.client.task_await(&told, PATIENCE).unwrap()), "{exit,system_limit}");
    let small = world.start(false);
    let mut asked = request(next(&world.functions));
    for _ in 1..started {
        asked.reply(&term("done")).unwrap();
        asked = request(next(&world.functions));
    }
    asked.reply(&term("done")).unwrap();
    request(next(&world.functions)).reply(&term("small")).unwrap();
    assert_eq!(shown(world.client.task_await(&small, PATIENCE).unwrap()), "{ok,small}");
    world.start_child(&large);
    assert!(text(&world.client).starts_with("{started,{ok,"));
}
