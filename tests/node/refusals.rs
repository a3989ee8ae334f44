//! The allow-list says no: everything that a peer may not have is asked of every service, in every form, and refused; and
//! callers that ask too much, die, or wait for handlers that hang harm nobody else.

use erlnode::node::spawn::Class;
use erlnode::term::{Pid, Term};
use erlnode::{Mailbox, MessageKind, MonitorNodes, Node, Target};

use crate::support::{next, send, settle, term, text, Cluster, PATIENCE};

/// What would start, stop, read, write or change something, or tell a secret.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("os", "cmd", "[\"id\"]"),
    ("os", "putenv", "[\"A\",\"b\"]"),
    ("os", "getenv", "[]"),
    ("file", "read_file", "[\"/etc/passwd\"]"),
    ("file", "write_file", "[\"/tmp/x\",<<1>>]"),
    ("file", "delete", "[\"/tmp/x\"]"),
    ("init", "stop", "[]"),
    ("init", "restart", "[]"),
    ("init", "get_arguments", "[]"),
    ("erlang", "halt", "[]"),
    ("erlang", "halt", "[0]"),
    ("erlang", "exit", "[a,b]"),
    ("erlang", "get_cookie", "[]"),
    ("erlang", "get_cookie", "['a@localhost']"),
    ("erlang", "set_cookie", "[x]"),
    ("erlang", "set_cookie", "[n,x]"),
    ("erlang", "open_port", "[{spawn,\"id\"},[]]"),
    ("erlang", "spawn", "[os,cmd,[\"id\"]]"),
    ("erlang", "spawn_link", "[os,cmd,[\"id\"]]"),
    ("erlang", "register", "[rex,a]"),
    ("erlang", "unregister", "[rex]"),
    ("erlang", "disconnect_node", "['a@localhost']"),
    ("erlang", "monitor_node", "['a@localhost',true]"),
    ("erlang", "load_module", "[m,<<>>]"),
    ("erlang", "binary_to_term", "[<<131,106>>]"),
    ("erlang", "trace", "[all,true,[send]]"),
    ("erlang", "system_flag", "[multi_scheduling,block]"),
    ("erlang", "suspend_process", "[a]"),
    ("erlang", "group_leader", "[a,b]"),
    ("erlang", "process_flag", "[a,trap_exit,true]"),
    ("code", "load_binary", "[m,\"m\",<<>>]"),
    ("code", "load_file", "[m]"),
    ("code", "purge", "[m]"),
    ("net_kernel", "stop", "[]"),
    ("net_kernel", "start", "[[a]]"),
    ("net_kernel", "allow", "[[a]]"),
    ("net_kernel", "connect_node", "['b@localhost']"),
    ("net_kernel", "disconnect", "['b@localhost']"),
    ("net_kernel", "set_net_ticktime", "[1]"),
    ("application", "stop", "[kernel]"),
    ("application", "set_env", "[kernel,a,b]"),
    ("auth", "get_cookie", "[]"),
    ("rpc", "call", "[n,os,cmd,[\"id\"]]"),
    ("erpc", "call", "[n,os,cmd,[\"id\"]]"),
    ("gen_server", "stop", "[rex]"),
    ("sys", "terminate", "[rex,x]"),
    ("shell", "start", "[]"),
    ("user_drv", "start", "[]"),
    ("Elixir.System", "cmd", "[<<\"id\">>,[]]"),
    ("Elixir.System", "halt", "[]"),
    ("Elixir.System", "get_env", "[]"),
    ("Elixir.Code", "eval_string", "[<<\"1\">>]"),
    ("Elixir.File", "read", "[<<\"/etc/passwd\">>]"),
    ("Elixir.Node", "stop", "[]"),
    ("Elixir.Node", "connect", "['b@localhost']"),
    ("Elixir.Node", "get_cookie", "[]"),
    ("Elixir.Node", "set_cookie", "[x]"),
    ("Elixir.Process", "exit", "[a,kill]"),
    ("Elixir.Process", "register", "[a,b]"),
    ("Elixir.Process", "unregister", "[rex]"),
    ("Elixir.IEx", "start", "[]"),
];

fn rex(node: &Node) -> Target {
    Target::name_node("rex", node.name().as_str()).unwrap()
}

/// A term in which `me` is this mailbox.
pub fn tell(from: &Mailbox, to: &Target, template: &str) {
    from.send(to, &with_pid(template, &from.pid()), PATIENCE).unwrap();
}

/// The pid cannot be written as text, so it takes the place of an atom.
fn with_pid(template: &str, pid: &Pid) -> Vec<u8> {
    fn put(term: &Term, pid: &Pid) -> Term {
        match term {
            Term::Atom(atom) if atom.as_str() == "me" => Term::Pid(Box::new(pid.clone())),
            Term::Tuple(parts) => Term::tuple(parts.iter().map(|part| put(part, pid)).collect::<Vec<_>>()),
            Term::List(parts) => Term::list(parts.iter().map(|part| put(part, pid)).collect::<Vec<_>>()),
            other => other.clone(),
        }
    }
    put(&Term::parse(template).unwrap(), pid).to_bytes().unwrap()
}

#[test]
fn what_is_not_offered_is_undef_whichever_way_it_is_asked_for() {
    let cluster = Cluster::new();
    let (_a, client, b, _server) = cluster.pair();
    let name = b.name();
    let before = b.process_count();
    for (module, function, args) in FORBIDDEN {
        let quoted = format!("'{module}'");
        let undef = format!("{{undef,[{{{},{function},{args},[]}}]}}", Term::parse(&quoted).unwrap());
        let same = |found: &str| {
            let (found, wanted) = (Term::parse(found).unwrap(), Term::parse(&undef).unwrap());
            assert_eq!(found, wanted, "{module}:{function}{args}");
        };
        let answer = client.erpc(name.as_str(), module, function, &term(args), PATIENCE).unwrap();
        let answer = answer.term().unwrap().to_string();
        same(&format!("{{{}", answer.strip_prefix("{error,").unwrap_or_else(|| panic!("{answer}"))));
        for form in [
            "{me,{call,'M',F,A,user}}",
            "{'$gen_call',{me,rex},{call,'M',F,A,me}}",
            "{'$gen_call',{me,rex},{block_call,'M',F,A,me}}",
        ] {
            let form = form.replace("'M'", &quoted).replace(",F,A,", &format!(",{function},{args},"));
            tell(&client, &rex(&b), &form);
            let answer = text(&client);
            let answer = answer.strip_prefix("{rex,{badrpc,{'EXIT',").unwrap_or_else(|| panic!("{answer}"));
            same(answer.strip_suffix("}}}").unwrap());
        }
        let applied = format!("[{quoted},{function},{args}]");
        let answer = client.erpc(name.as_str(), "erlang", "apply", &term(&applied), PATIENCE).unwrap();
        assert!(answer.term().unwrap().to_string().starts_with("{error,undef,"), "{module}:{function}");
    }
    assert!(client.is_empty());
    assert_eq!(b.process_count(), before, "nothing of it runs");
}

#[test]
fn no_peer_ends_suspends_or_changes_a_service_of_the_node() {
    let cluster = Cluster::new();
    let (a, client, b, _server) = cluster.pair();
    let name = b.name();
    let mut services = b.registered();
    services.sort();
    assert!(services.len() >= 5);
    for service in &services {
        let pid = b.whereis(service.as_str()).unwrap();
        for reason in ["kill", "normal", "shutdown"] {
            client.exit(&pid, &term(reason)).unwrap();
        }
        let target = Target::name_node(service.as_str(), name.as_str()).unwrap();
        for request in
            ["suspend", "{terminate,x}", "{replace_state,f}", "{change_code,m,v,e}", "{debug,{install,f}}"]
        {
            tell(&client, &target, &format!("{{system,{{me,sys}},{request}}}"));
        }
        for request in [
            "stop",
            "{stop,x}",
            "{spawn,os,cmd,[\"id\"],me}",
            "{connect,'c@localhost'}",
            "{unregister_name,a}",
        ] {
            tell(&client, &target, &format!("{{'$gen_call',{{me,call}},{request}}}"));
        }
        tell(&client, &target, "{'$gen_cast',stop}");
        tell(&client, &target, "{'EXIT',me,kill}");
    }
    assert!(a.ping(name.as_str(), PATIENCE).unwrap());
    tell(&client, &rex(&b), "{me,{call,erlang,node,[],user}}");
    // Some answer with an error, most not at all; nobody says yes.
    let node = loop {
        let answer = text(&client);
        match answer.contains(",{error,") {
            true => {}
            false => break answer,
        }
    };
    assert_eq!(node, format!("{{rex,{name:?}}}"));
    let mut left = b.registered();
    left.sort();
    assert_eq!(left, services);
}

#[test]
fn an_export_of_the_name_of_a_built_in_is_asked_instead() {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    server.export("erlang", "processes", Some(0)).unwrap();
    let name = b.name();
    std::thread::scope(|scope| {
        let caller =
            scope.spawn(|| client.erpc(name.as_str(), "erlang", "processes", &term("[]"), PATIENCE).unwrap());
        next(&server).into_request().unwrap().reply(&term("[secret]")).unwrap();
        assert_eq!(caller.join().unwrap().term().unwrap().to_string(), "{return,[secret]}");
    });
    let other = client.erpc(name.as_str(), "erlang", "is_alive", &term("[]"), PATIENCE).unwrap();
    assert_eq!(other.term().unwrap().to_string(), "{return,true}");
}

/// Of more calls than rex takes on, the rest is refused at once; each that runs is answered when the handler ends.
#[test]
fn a_flood_of_calls_to_a_handler_that_hangs_is_bounded_and_hinders_no_other_call() {
    const CALLS: usize = 80;
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    server.export("slow", "hang", Some(1)).unwrap();
    // 64 MiB of arguments may be under way, so of these some are too many.
    let mut call = with_pid("{me,{call,slow,hang,[arg],user}}", &client.pid());
    let place = call.windows(3).position(|part| part == b"arg").unwrap() - 2;
    let mut argument = vec![109];
    argument.extend((1u32 << 20).to_be_bytes());
    argument.resize(argument.len() + (1 << 20), 7);
    call.splice(place..place + 5, argument);
    for _ in 0..CALLS {
        client.send(&rex(&b), &call, PATIENCE).unwrap();
        // What is asked after it is answered after it was taken.
        tell(&client, &rex(&b), "{me,{call,erlang,is_alive,[],user}}");
    }
    let (mut answered, mut refused) = (0, 0);
    while answered < CALLS {
        match text(&client).as_str() {
            "{rex,true}" => answered += 1,
            "{rex,{badrpc,{'EXIT',system_limit}}}" => refused += 1,
            other => panic!("{other}"),
        }
    }
    assert!((CALLS - 64..CALLS - 60).contains(&refused), "{refused}");
    server.close(&term("overrun")).unwrap();
    for _ in refused..CALLS {
        assert_eq!(text(&client), "{rex,{badrpc,{'EXIT',killed}}}");
    }
    tell(&client, &rex(&b), "{me,{call,erlang,is_alive,[],user}}");
    assert_eq!(text(&client), "{rex,true}");
    assert!(client.is_empty());
}

#[test]
fn block_calls_wait_for_each_other_and_for_nothing_else() {
    let cluster = Cluster::new();
    let (_a, client, b, server) = cluster.pair();
    server.export("slow", "run", Some(1)).unwrap();
    for number in 1..=3 {
        let call = format!("{{'$gen_call',{{me,tag}},{{block_call,slow,run,[{{{number}}}],me}}}}");
        tell(&client, &rex(&b), &call);
    }
    for number in 1..=3 {
        let request = next(&server).into_request().unwrap();
        assert_eq!(request.args()[..], term(&format!("[{{{number}}}]"))[..]);
        assert_eq!(request.caller(), &client.pid());
        tell(&client, &rex(&b), "{me,{call,erlang,is_alive,[],user}}");
        assert_eq!(text(&client), "{rex,true}");
        assert!(server.is_empty(), "the next one has not begun");
        match number {
            1 => request.reply(&term("first")).unwrap(),
            2 => drop(request),
            _ => request.fail(Class::Exit, &term("third"), &term("[]")).unwrap(),
        }
        let expected = ["{tag,first}", "{tag,{badrpc,{'EXIT',killed}}}", "{tag,{badrpc,{'EXIT',third}}}"];
        assert_eq!(text(&client), expected[number - 1]);
    }
}

#[test]
fn callers_that_die_in_mid_call_leave_nothing_behind() {
    let cluster = Cluster::new();
    let (a, client, b, server) = cluster.pair();
    server.export("slow", "run", Some(0)).unwrap();
    settle(&client, &server);
    let before = b.process_count();
    for number in 0..50 {
        let caller = a.mailbox(Default::default()).unwrap();
        match number % 2 {
            0 => {
                let _ = caller.erpc_request(b.name().as_str(), "slow", "run", &term("[]")).unwrap();
            }
            _ => tell(&caller, &rex(&b), "{me,{call,slow,run,[],user}}"),
        }
        let request = next(&server).into_request().unwrap();
        drop(caller);
        // Whether the node has heard of the end yet or not, nothing but an answer to nobody may come of it.
        let _ = request.reply(&term("late"));
    }
    settle(&server, &client);
    tell(&client, &rex(&b), "{me,{call,erlang,is_alive,[],user}}");
    assert_eq!(text(&client), "{rex,true}");
    assert_eq!(b.process_count(), before);
}

#[test]
fn what_comes_of_a_call_when_its_node_is_lost_is_noconnection() {
    let cluster = Cluster::new();
    let (a, client, b, server) = cluster.pair();
    server.export("slow", "run", Some(0)).unwrap();
    client.monitor_nodes(MonitorNodes::default());
    let pending = client.erpc_request(b.name().as_str(), "slow", "run", &term("[]")).unwrap();
    assert_eq!(next(&client).kind(), MessageKind::NodeUp);
    let _request = next(&server);
    send(&client, &client.pid(), "unrelated");
    a.disconnect(b.name().as_str()).unwrap();
    let lost = client.receive_response(pending, PATIENCE);
    assert!(matches!(lost, Err(erlnode::Error::NoConnection { .. })), "{lost:?}");
    assert_eq!(text(&client), "unrelated");
    assert_eq!(next(&client).kind(), MessageKind::NodeDown);
}
