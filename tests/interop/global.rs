//! Visible nodes of ours as members of the mesh and of `global`, together with BEAMs.

use std::time::{Duration, Instant};

use erlnode::term::{Atom, Pid, Term};
use erlnode::{GlobalLock, Mailbox, Node, NodeFilter, Overlap, Resolve};

use crate::support::ours::{mailbox, next, next_text, start};
use crate::support::{Beam, Cluster, Signal, PATIENCE};

const WAIT: Option<Duration> = Some(PATIENCE);
const ALEX: &str = "alex@localhost";
const KATE: &str = "kate@localhost";

fn visible(cluster: &Cluster, alive: &str) -> Node {
    start(cluster.config(alive).visible(true))
}

fn atom(text: &'static str) -> Term {
    Term::atom(text)
}

fn encoded(term: &Term) -> Vec<u8> {
    term.to_bytes().unwrap()
}

/// Waits until `condition` holds here. What it looks at changes by messages between nodes, which nobody reports.
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{what} did not become true");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Waits until a condition holds on a BEAM.
fn beam_until(beam: &mut Beam, condition: &str) {
    let waited = beam.erlang(&format!(
        "Wait = fun W(0) -> false; W(N) -> case ({condition}) of true -> true; _ -> timer:sleep(10), W(N - 1) end end,
        Wait({})",
        PATIENCE.as_millis() / 10
    ));
    if waited != "true" {
        let seen = beam.erlang("{nodes(), global:info()}");
        panic!("{}: {condition}: {seen}", beam.name());
    }
}

fn nodes(node: &Node) -> Vec<String> {
    let mut nodes: Vec<String> = node.nodes(NodeFilter::Visible).iter().map(ToString::to_string).collect();
    nodes.sort();
    nodes
}

/// Two BEAMs that know each other.
fn two(cluster: &Cluster) -> (Beam, Beam) {
    let (mut alex, kate) = (cluster.beam("alex"), cluster.beam("kate"));
    assert_eq!(alex.erlang("pong = net_adm:ping('kate@localhost'), global:sync()"), "ok");
    (alex, kate)
}

fn join(node: &Node, beams: &mut [&mut Beam]) {
    node.connect(beams[0].name(), WAIT).unwrap();
    node.global_sync(WAIT).unwrap();
    let own = node.name();
    for beam in beams {
        beam_until(beam, &format!("lists:member('{own}', gen_server:call(global_name_server, get_known))"));
        assert_eq!(beam.erlang("global:sync()"), "ok");
    }
}

#[test]
fn connecting_to_one_member_connects_to_all_and_a_hidden_node_to_one() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = two(&cluster);
    let ours = visible(&cluster, "ours");
    join(&ours, &mut [&mut alex, &mut kate]);
    until("the mesh", || nodes(&ours) == [ALEX, KATE]);
    assert_eq!(kate.erlang("lists:sort(nodes())"), "[alex@localhost,ours@localhost]");
    let second = visible(&cluster, "second");
    join(&second, &mut [&mut kate, &mut alex]);
    until("the mesh of four", || nodes(&second) == [ALEX, KATE, "ours@localhost"]);
    until("the mesh of four, seen by ours", || nodes(&ours) == [ALEX, KATE, "second@localhost"]);
    let hidden = cluster.node("hidden");
    hidden.connect(ALEX, WAIT).unwrap();
    assert_eq!(alex.erlang("length(nodes())"), "3");
    assert_eq!(hidden.nodes(NodeFilter::Connected).len(), 1);
    let apart = start(cluster.config("apart").visible(true).connect_all(false));
    apart.connect(ALEX, WAIT).unwrap();
    assert_eq!(alex.erlang("global:sync()"), "ok");
    assert_eq!(nodes(&apart), [ALEX]);
}

#[test]
fn names_of_either_side_are_found_by_either_side_until_they_end() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = two(&cluster);
    let ours = visible(&cluster, "ours");
    join(&ours, &mut [&mut alex, &mut kate]);
    let pong = mailbox(&ours);
    assert!(pong.global_register(&atom("pong"), &Resolve::RandomExit, WAIT).unwrap());
    assert!(
        !pong.global_register(&atom("other"), &Resolve::RandomExit, WAIT).unwrap(),
        "one name per process"
    );
    for beam in [&mut alex, &mut kate] {
        assert_eq!(beam.erlang("node(global:whereis_name(pong))"), "ours@localhost");
        assert_eq!(beam.erlang("is_pid(global:send(pong, {ping, node()}))"), "true");
    }
    let mut texts = [next_text(&pong), next_text(&pong)];
    texts.sort();
    assert_eq!(texts, ["{ping,alex@localhost}", "{ping,kate@localhost}"]);
    assert_eq!(
        kate.erlang(
            "Pid = spawn(fun() -> receive {From, Text} -> From ! {got, Text} end end),
            yes = global:register_name({theirs, 1}, Pid), no = global:register_name(pong, self()), ok"
        ),
        "ok"
    );
    let theirs = Term::tuple([atom("theirs"), 1.into()]);
    let found = ours.global_whereis(&theirs, WAIT).unwrap().unwrap();
    assert_eq!(found.node.as_str(), KATE);
    let mut names: Vec<String> = ours.global_names(WAIT).unwrap().iter().map(ToString::to_string).collect();
    names.sort();
    assert_eq!(names, ["pong", "{theirs,1}"]);
    assert_eq!(alex.erlang("lists:sort(global:registered_names())"), "[pong,{theirs,1}]");
    let hello = encoded(&Term::tuple([pong.pid().into(), atom("hello")]));
    pong.global_send(&theirs, &hello, WAIT).unwrap();
    assert_eq!(next_text(&pong), "{got,hello}");
    // Its process has ended.
    until("the end of the name", || ours.global_whereis(&theirs, WAIT).unwrap().is_none());
    // Moved, taken back, and gone with the process.
    let heir = mailbox(&ours);
    ours.global_reregister(&atom("pong"), &heir.pid(), &Resolve::RandomExit, WAIT).unwrap();
    let serial = format!("global:whereis_name(pong) =:= {}", beam_pid(&heir.pid()));
    assert_eq!(alex.erlang(&serial), "true");
    ours.global_unregister(&atom("pong"), WAIT).unwrap();
    assert_eq!(alex.erlang("global:whereis_name(pong)"), "undefined");
    assert!(heir.global_register(&atom("pong"), &Resolve::RandomExit, WAIT).unwrap());
    assert_eq!(alex.erlang("is_pid(global:whereis_name(pong))"), "true");
    drop(heir);
    beam_until(&mut alex, "global:whereis_name(pong) =:= undefined");
    // Names of a node that dies.
    assert_eq!(kate.erlang("global:register_name(kates, whereis(init))"), "yes");
    assert!(ours.global_whereis(&atom("kates"), WAIT).unwrap().is_some());
    kate.end(Signal::Kill);
    until("the end of kate's name", || ours.global_whereis(&atom("kates"), WAIT).unwrap().is_none());
    assert_eq!(alex.erlang("global:sync(), lists:sort(nodes())"), "[ours@localhost]");
}

/// The pid as an Erlang expression.
fn beam_pid(pid: &Pid) -> String {
    let bytes = Term::from(pid).to_external().unwrap();
    let bytes: Vec<String> = bytes.iter().map(ToString::to_string).collect();
    format!("binary_to_term(<<{}>>)", bytes.join(","))
}

fn lock(resource: &'static str, mailbox: &Mailbox) -> GlobalLock {
    GlobalLock { resource: atom(resource), requester: mailbox.pid().into(), nodes: None }
}

#[test]
fn locks_exclude_each_other_whoever_sets_them() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = two(&cluster);
    let ours = visible(&cluster, "ours");
    join(&ours, &mut [&mut alex, &mut kate]);
    let holder = mailbox(&ours);
    assert!(holder.global_set_lock(&lock("tap", &holder), Some(0), WAIT).unwrap());
    assert_eq!(kate.erlang("global:set_lock({tap, self()}, [node() | nodes()], 0)"), "false");
    holder.global_del_lock(&lock("tap", &holder), WAIT).unwrap();
    assert_eq!(kate.erlang("global:set_lock({tap, kate}, [node() | nodes()], 0)"), "true");
    assert!(!holder.global_set_lock(&lock("tap", &holder), Some(0), WAIT).unwrap());
    let timeout = holder.global_set_lock(&lock("tap", &holder), None, Some(Duration::from_millis(300)));
    assert!(timeout.unwrap_err().is_timeout());
    assert_eq!(kate.erlang("global:del_lock({tap, kate})"), "true");
    let done = holder.global_trans(&lock("tap", &holder), None, WAIT, || {
        alex.erlang("global:trans({tap, self()}, fun() -> ok end, [node() | nodes()], 0)")
    });
    assert_eq!(done.unwrap().as_deref(), Some("aborted"));
    assert_eq!(alex.erlang("global:trans({tap, self()}, fun() -> fine end)"), "fine");
    // A lock goes with its holder.
    assert!(holder.global_set_lock(&lock("tap", &holder), Some(0), WAIT).unwrap());
    drop(holder);
    beam_until(&mut alex, "global:set_lock({tap, self()}, [node() | nodes()], 0)");
}

#[test]
fn servers_are_called_by_their_global_names() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = two(&cluster);
    let ours = visible(&cluster, "ours");
    join(&ours, &mut [&mut alex, &mut kate]);
    let server = mailbox(&ours);
    assert!(server.global_register(&Term::atom("Elixir.Calc"), &Resolve::RandomExit, WAIT).unwrap());
    alex.begin("elixir", "GenServer.call({:global, Calc}, {:add, 1, 2})");
    let call = next(&server);
    assert_eq!(call.term().unwrap().as_tuple().unwrap()[2].to_string(), "{add,1,2}");
    server.reply(&call, &encoded(&3.into()), WAIT).unwrap();
    assert_eq!(alex.finish(), "3");
    kate.elixir("GenServer.cast({:via, :global, Calc}, :hello)");
    assert_eq!(next_text(&server), "{'$gen_cast',hello}");
    kate.elixir("{:ok, _} = Agent.start(fn -> 41 end, name: {:global, :counter})");
    let client = mailbox(&ours);
    let answer = client.global_call(
        &atom("counter"),
        &encoded(&Term::tuple([
            atom("get"),
            Term::tuple([atom("erlang"), atom("+"), Term::list([1.into()])]),
        ])),
        WAIT,
    );
    assert_eq!(answer.unwrap().term().unwrap(), 42.into());
    assert!(client.global_call(&atom("nobody"), &encoded(&1.into()), WAIT).is_err());
}

/// Two partitions, each with a process called `same`; what is left when they meet.
#[test]
fn conflicts_are_resolved_once_and_everywhere() {
    let cluster = Cluster::new();
    // The smaller name decides: once a BEAM, once ours.
    for name in ["zoe", "aaron"] {
        let mut alex = cluster.beam("alex");
        let ours = visible(&cluster, name);
        for (method, resolve, outcome) in [
            ("fun global:random_exit_name/3", Resolve::RandomExit, "killed"),
            ("fun global:random_notify_name/3", Resolve::RandomNotify, "{global_name_conflict,same}"),
            ("fun global:notify_all_name/3", Resolve::NotifyAll, "all"),
            (
                "fun test_resolve:choose/3",
                Resolve::Function(Atom::from_static("test_resolve"), Atom::from_static("choose")),
                "chosen",
            ),
        ] {
            // The method of the decider's own entry counts, and it runs where that process lives.
            alex.erlang(
                "Code = [{attribute, 1, module, test_resolve}, {attribute, 1, export, [{choose, 3}]},
                {function, 1, choose, 3, [{clause, 1, [{var, 1, 'N'}, {var, 1, 'A'}, {var, 1, 'B'}], [],
                    [{call, 1, {remote, 1, {atom, 1, erlang}, {atom, 1, max}}, [{var, 1, 'A'}, {var, 1, 'B'}]}]}]}],
                {ok, M, B} = compile:forms(Code), {module, M} = code:load_binary(M, \"\", B), ok",
            );
            let chooser = mailbox(&ours);
            chooser.export("test_resolve", "choose", Some(3)).unwrap();
            alex.erlang(&format!(
                "Self = self(), Tag = make_ref(), put(tag, Tag),
                Got = spawn(fun() -> receive M -> Self ! {{got, Tag, M}} end end), put(same, Got),
                spawn(fun() -> R = monitor(process, Got), receive {{'DOWN', R, _, _, killed}} -> Self ! {{got, Tag, killed}} end end),
                yes = global:register_name(same, Got, {method}), ok"
            ));
            let mine =
                ours.mailbox(erlnode::MailboxOptions { trap_exit: false, ..Default::default() }).unwrap();
            assert!(mine.global_register(&atom("same"), &resolve, WAIT).unwrap());
            ours.connect(ALEX, WAIT).unwrap();
            if outcome == "chosen" && name == "aaron" {
                let request = next(&chooser).into_request().unwrap();
                assert_eq!(request.function().as_str(), "choose");
                let args = Term::decode(request.args()).unwrap();
                let pids: Vec<&Pid> = args.as_list().unwrap()[1..].iter().filter_map(Term::as_pid).collect();
                request.reply(&encoded(&(*pids.iter().max().unwrap()).into())).unwrap();
            }
            ours.global_sync(WAIT).unwrap();
            alex.erlang("global:sync()");
            let kept = ours.global_whereis(&atom("same"), WAIT).unwrap();
            let theirs = alex.erlang("global:whereis_name(same)");
            match outcome {
                "all" => {
                    assert_eq!(kept, None);
                    assert_eq!(theirs, "undefined");
                    assert!(next_text(&mine).starts_with("{global_name_conflict,same,"));
                    assert!(alex
                        .erlang("Tag = get(tag), receive {got, Tag, M} -> M after 5000 -> none end")
                        .starts_with("{global_name_conflict,same,"));
                }
                "chosen" => {
                    let kept = kept.unwrap();
                    assert_eq!(
                        alex.erlang(&format!("global:whereis_name(same) =:= {}", beam_pid(&kept))),
                        "true"
                    );
                }
                text => {
                    // The process on the smaller node stays.
                    let least = if name == "aaron" { ours.name() } else { Atom::new(ALEX).unwrap() };
                    assert_eq!(kept.unwrap().node, least);
                    assert_eq!(alex.erlang("node(global:whereis_name(same))"), least.to_string());
                    if name == "aaron" {
                        assert_eq!(
                            alex.erlang("Tag = get(tag), receive {got, Tag, M} -> M after 5000 -> none end"),
                            text
                        );
                    } else if text == "killed" {
                        until("the end of the loser", || !mine.is_alive());
                    } else {
                        assert_eq!(next_text(&mine), text);
                    }
                }
            }
            ours.global_unregister(&atom("same"), WAIT).unwrap();
            alex.erlang("exit(get(same), kill)");
            ours.disconnect(ALEX).unwrap();
            until("the end of the connection", || nodes(&ours).is_empty());
            beam_until(&mut alex, "nodes() =:= []");
            drop(mine);
            ours.unexport("test_resolve", "choose", Some(3)).unwrap();
        }
        ours.stop();
    }
}

#[test]
fn who_loses_one_member_leaves_and_beams_stay_together() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = two(&cluster);
    let ours = visible(&cluster, "ours");
    join(&ours, &mut [&mut alex, &mut kate]);
    until("the mesh", || nodes(&ours) == [ALEX, KATE]);
    kate.erlang("net_kernel:monitor_nodes(true)");
    assert!(ours.disconnect(ALEX).unwrap());
    // Alex reports the loss, as every BEAM does; kate lets us go, and keeps alex.
    until("leaving", || nodes(&ours).is_empty());
    assert_eq!(kate.erlang("receive {nodedown, N} -> N after 5000 -> none end"), "ours@localhost");
    assert_eq!(
        kate.erlang("{nodes(), receive {nodedown, N} -> N after 500 -> none end}"),
        "{[alex@localhost],none}"
    );
    join(&ours, &mut [&mut alex, &mut kate]);
    until("the mesh again", || nodes(&ours) == [ALEX, KATE]);
    // The other way round: a BEAM of the cluster lets us go.
    alex.erlang("erlang:disconnect_node('ours@localhost')");
    until("leaving again", || nodes(&ours).is_empty());
    beam_until(&mut kate, "nodes() =:= ['alex@localhost']");
    // And the report of a BEAM about another is obeyed.
    let jane = cluster.beam("jane");
    let mut jane = jane;
    jane.erlang("net_adm:ping('alex@localhost'), global:sync()");
    join(&ours, &mut [&mut alex, &mut kate, &mut jane]);
    until("the mesh of four", || nodes(&ours).len() == 3);
    alex.erlang("erlang:disconnect_node('jane@localhost')");
    beam_until(&mut kate, "not lists:member('jane@localhost', nodes())");
    until("jane is let go", || !nodes(&ours).contains(&"jane@localhost".to_owned()));
}

#[test]
fn a_node_that_starts_again_under_its_name_is_a_member_again() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = two(&cluster);
    for round in 0..3 {
        let ours = visible(&cluster, "ours");
        join(&ours, &mut [&mut alex, &mut kate]);
        let pong = mailbox(&ours);
        assert!(pong.global_register(&atom("pong"), &Resolve::RandomExit, WAIT).unwrap(), "round {round}");
        assert_eq!(kate.erlang("global:send(pong, hello), ok"), "ok");
        assert_eq!(next_text(&pong), "hello");
        ours.stop();
        beam_until(&mut kate, "{nodes(), global:registered_names()} =:= {['alex@localhost'], []}");
    }
}

#[test]
fn a_hidden_node_has_global_names_through_a_member() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = two(&cluster);
    let hidden = cluster.node("hidden");
    assert!(hidden.global_whereis(&atom("kates"), WAIT).is_err(), "it knows nobody to ask");
    hidden.connect(ALEX, WAIT).unwrap();
    assert_eq!(kate.erlang("global:register_name(kates, whereis(init))"), "yes");
    assert_eq!(hidden.global_whereis(&atom("kates"), WAIT).unwrap().unwrap().node.as_str(), KATE);
    let door = mailbox(&hidden);
    assert!(door.global_register(&atom("door"), &Resolve::RandomExit, WAIT).unwrap());
    assert!(!door.global_register(&atom("kates"), &Resolve::RandomExit, WAIT).unwrap());
    assert_eq!(alex.erlang("global:send(door, hello), ok"), "ok");
    assert_eq!(next_text(&door), "hello");
    assert_eq!(hidden.global_names(WAIT).unwrap().len(), 2);
    hidden.global_unregister(&atom("door"), WAIT).unwrap();
    assert_eq!(alex.erlang("global:whereis_name(door)"), "undefined");
    // One of our visible nodes serves it as well as a BEAM does.
    let ours = visible(&cluster, "ours");
    join(&ours, &mut [&mut alex, &mut kate]);
    hidden.disconnect(ALEX).unwrap();
    hidden.connect("ours@localhost", WAIT).unwrap();
    assert_eq!(hidden.global_whereis(&atom("kates"), WAIT).unwrap().unwrap().node.as_str(), KATE);
    assert!(door.global_register(&atom("door"), &Resolve::RandomExit, WAIT).unwrap());
    beam_until(&mut kate, "is_pid(global:whereis_name(door))");
}

#[test]
fn garbage_to_the_name_server_changes_nothing() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = two(&cluster);
    let ours = visible(&cluster, "ours");
    join(&ours, &mut [&mut alex, &mut kate]);
    kate.erlang(
        "S = {global_name_server, 'ours@localhost'},
        [begin
            S ! M, gen_server:cast(S, M), S ! {'$gen_call', {self(), make_ref()}, M},
            S ! {'$gen_call', M, M}, S ! {'$gen_call', {self(), M}, stop}
        end || _ <- lists:seq(1, 200), M <- [hello, 1, <<>>, [], {}, [a | b], #{}, stop, disconnect, make_ref(),
            {init_connect, {8, 1}, 'alex@localhost', {locker, no, #{}, self()}},
            {init_connect, {8, 1}, node(), {locker, no, #{}, nopid}}, {init_connect, 7, node(), {locker}},
            {init_connect_ack, node(), 1, 2}, {cancel_connect, node(), 1}, {exchange, node(), [a], [], 1},
            {exchange, node(), [{a, b, c} | d], [], 1}, {resolved, node(), [], [], x, [], 1},
            {new_nodes, node(), [{insert, 1}], [], [], []}, {lock_set, self(), true, [], 1},
            {lock_set, self(), 'maybe', []}, {lost_connection, node(), a, b, c}, {set_lock, 1}, {set_lock, {1, 2, 3}},
            {del_lock, {nobody, has}}, {register, 1}, {unregister, nothing}, {in_sync, 'alex@localhost', true},
            {nodedown, 'alex@localhost', #{}}, {'DOWN', make_ref(), process, self(), x}, {'EXIT', self(), kill}]], ok",
    );
    assert_eq!(alex.erlang("global:register_name(fine, self())"), "yes");
    assert!(ours.global_whereis(&atom("fine"), WAIT).unwrap().is_some());
    assert_eq!(kate.erlang("global:sync(), length(nodes())"), "2");
    assert_eq!(nodes(&ours), [ALEX, KATE]);
    let pong = mailbox(&ours);
    assert!(pong.global_register(&atom("pong"), &Resolve::RandomExit, WAIT).unwrap());
}

#[test]
fn a_node_may_report_losses_as_a_beam_or_ignore_them() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = two(&cluster);
    let ours = start(cluster.config("ours").visible(true).overlapping_partitions(Overlap::Allow));
    join(&ours, &mut [&mut alex, &mut kate]);
    until("the mesh", || nodes(&ours) == [ALEX, KATE]);
    ours.stop();
    beam_until(&mut kate, "nodes() =:= ['alex@localhost']");
    let ours = start(cluster.config("ours").visible(true).overlapping_partitions(Overlap::Report));
    join(&ours, &mut [&mut alex, &mut kate]);
    until("the mesh again", || nodes(&ours) == [ALEX, KATE]);
    ours.disconnect(ALEX).unwrap();
    // Both sides of the loss are let go by kate, as when a BEAM loses a BEAM.
    beam_until(&mut kate, "nodes() =:= []");
}

/// Whoever changes names may be lost after some members were told and before others were.
#[test]
fn names_that_only_some_members_were_told_of_become_equal() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = two(&cluster);
    let ours = visible(&cluster, "ours");
    join(&ours, &mut [&mut alex, &mut kate]);
    let mailbox = mailbox(&ours);
    // Two processes lock, tell one node of a name each and die: the node of a process knows better than others.
    let told = alex.erlang(&format!(
        "Tell = fun(Name, Pid) ->
            {{_, Ref}} = spawn_monitor(fun() ->
                {{[_, _, _], []}} = gen_server:multi_call([node() | nodes()], global_name_server,
                    {{set_lock, {{global, self()}}}}),
                yes = gen_server:call({{global_name_server, ours@localhost}},
                    {{register, Name, Pid, fun global:random_exit_name/3}}) end),
            receive {{'DOWN', Ref, process, _, Why}} -> Why end end,
        {{Tell(everywhere, {}), Tell(nowhere, self())}}",
        beam_pid(&mailbox.pid())
    ));
    assert_eq!(told, "{normal,normal}");
    beam_until(&mut kate, "is_pid(global:whereis_name(everywhere))");
    beam_until(&mut alex, "is_pid(global:whereis_name(everywhere))");
    until("the other is gone", || ours.global_whereis(&atom("nowhere"), WAIT).unwrap().is_none());
    assert_eq!(kate.erlang("global:registered_names()"), "[everywhere]");
    assert_eq!(
        kate.erlang(
            "[{N, P} || {N, P, _, _} <- erpc:call(ours@localhost, ets, tab2list, [global_names])] =:=
        [{everywhere, global:whereis_name(everywhere)}]"
        ),
        "true"
    );
}
