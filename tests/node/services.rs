//! Every service says no to what was not exported: each is asked for functions in the forms that it knows, and in those that others
//! know. A service that this list does not know fails the test, and so does a module of `src/service` that it does not place.

use std::collections::BTreeSet;

use erlnode::service::task::SupervisorOptions;
use erlnode::term::Atom;
use erlnode::Target;

use crate::refusals::tell;
use crate::support::{text, Cluster, PATIENCE};

/// The modules of `src/service`, and the names that each registers on a node where it was started; `-`: it serves what others register.
const MODULES: &[(&str, &[&str])] = &[
    ("builtin", &["-"]),
    ("call", &["-"]),
    ("gen", &["-"]),
    ("global", &["global_name_server"]),
    ("io", &["user"]),
    ("net_kernel", &["net_kernel"]),
    ("pending", &["-"]),
    ("pg", &["pg", "scope", "Elixir.Phoenix.PubSub"]),
    ("pubsub", &["Elixir.PubSub.Adapter"]),
    ("rex", &["rex"]),
    ("server", &["-"]),
    ("serving", &["-"]),
    ("sys", &["-"]),
    ("task", &["tasks"]),
];

/// What must not run, whoever is asked: module, function, arguments.
const NOT_EXPORTED: &[(&str, &str, &str)] = &[
    ("os", "cmd", "[\"id\"]"),
    ("init", "stop", "[]"),
    ("erlang", "halt", "[0]"),
    ("erlang", "spawn", "[os,cmd,[\"id\"]]"),
    // Exported with another number of arguments, under another module, and no more.
    ("canary", "run", "[]"),
    ("canary", "run", "[1,2]"),
    ("'Elixir.Canary'", "run", "[1]"),
    ("canary", "left", "[1]"),
];

/// Registered by `src/service/mod.rs` itself.
const PLAIN: &[&str] = &["logger", "logger_proxy"];

/// What every service is asked, with M, F and A for the function.
const FORMS: &[&str] = &[
    "{me,{call,M,F,A,user}}",
    "{'$gen_call',{me,t},{call,M,F,A,me}}",
    "{'$gen_call',{me,t},{block_call,M,F,A,me}}",
    "{'$gen_cast',{cast,M,F,A,me}}",
    "{'$gen_call',{me,t},{spawn,M,F,A,me}}",
    "{'$gen_call',{me,t},{spawn_link,M,F,A,me}}",
    "{'$gen_call',{me,t},{apply,M,F,A}}",
    "{'$gen_call',{me,t},{get,{M,F,A}}}",
    "{'$gen_call',{me,t},{update,{M,F,A}}}",
    "{'$gen_call',{me,t},{register,forbidden,me,{M,F}}}",
    "{'$gen_call',{me,t},{start_child,{id,{M,F,A},permanent,5,worker,[M]}}}",
    "{'$gen_call',{me,t},{start_task,[{n,me,me},[me],{M,F,A}],temporary,undefined}}",
    "{system,{me,t},{replace_state,{M,F,A}}}",
    "{system,{me,t},{debug,{install,{{M,F},A}}}}",
    "{io_request,me,t,{get_until,'',M,F,A}}",
    "{io_request,me,t,{get_until,unicode,'',M,F,A}}",
    "{io_request,me,t,{requests,[{put_chars,unicode,M,F,A}]}}",
    "{spawn,me,M,F,A}",
    "{log,error,me,{M,F,A}}",
    "{forward_to_pubsub,{M,F,A}}",
];

/// The modules that `src/service/mod.rs` declares.
fn modules() -> BTreeSet<String> {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/service/mod.rs")).unwrap();
    let declared = source.lines().filter_map(|line| {
        let line = line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub ")).unwrap_or(line);
        line.strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned)
    });
    declared.collect()
}

#[test]
fn every_service_says_no_to_what_was_not_exported() {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    server.export("canary", "run", Some(1)).unwrap();
    server.export("canary", "left", Some(1)).unwrap();
    assert!(b.unexport("canary", "left", Some(1)).unwrap());
    // Everything that can be started is.
    let _scopes = [b.pg("pg").unwrap(), b.pg("scope").unwrap()];
    let _pubsub = b.pubsub("Elixir.PubSub", 1).unwrap();
    let supervisor = b.mailbox(Default::default()).unwrap();
    supervisor.register("tasks").unwrap();
    supervisor.supervise_tasks(SupervisorOptions::default()).unwrap();

    assert_eq!(modules(), MODULES.iter().map(|(module, _)| (*module).to_owned()).collect(), "a new module");
    let listed = MODULES.iter().flat_map(|(_, names)| *names).chain(PLAIN).filter(|name| **name != "-");
    let listed: BTreeSet<Atom> = listed.map(|name| Atom::new(name).unwrap()).collect();
    assert_eq!(
        b.registered().into_iter().collect::<BTreeSet<_>>(),
        listed,
        "a service that this test does not know"
    );

    let processes = b.process_count();
    for service in &listed {
        let target = Target::name_node(service.as_str(), b.name().as_str()).unwrap();
        for (module, function, args) in NOT_EXPORTED {
            for form in FORMS {
                let form = form.replace("M,F,A", &format!("{module},{function},{args}"));
                let form = form
                    .replace("{M,F}", &format!("{{{module},{function}}}"))
                    .replace("[M]", &format!("[{module}]"));
                tell(&client, &target, &form.replace(",A}", &format!(",{args}}}")));
            }
        }
        // What it said before this answer is all that it has to say.
        tell(
            &client,
            &Target::name_node("rex", b.name().as_str()).unwrap(),
            "{me,{call,erlang,is_alive,[],user}}",
        );
        loop {
            let answer = text(&client);
            let refused =
                ["badrpc", "error", "EXIT", "undef", "unknown"].iter().any(|word| answer.contains(word));
            match answer.as_str() {
                "{rex,true}" => break,
                _ if refused => {}
                // A name may be registered; its function is for a conflict, which is none.
                "{t,yes}" | "{t,no}" if service.as_str() == "global_name_server" => {}
                // Such a task begins, to end with undef.
                _ if service.as_str() == "tasks" && answer.starts_with("{t,{ok,#Pid<") => {}
                _ => panic!("{service} said {answer}"),
            }
        }
        assert!(server.is_empty(), "{service} has asked the program");
    }
    let children = client.call(
        &Target::name_node("tasks", b.name().as_str()).unwrap(),
        b"\x77\x0ecount_children",
        PATIENCE,
    );
    assert!(children.unwrap().term().unwrap().to_string().contains("{active,0}"));
    assert_eq!(b.process_count(), processes, "nothing of it runs");
    assert_eq!(b.registered().into_iter().collect::<BTreeSet<_>>(), listed, "all of them live");
}
