//! Process groups together with BEAMs: their `pg` and ours, visible or hidden, parted and met again.

use erlnode::term::{Pid, Term};
use erlnode::{Node, Pg};

use crate::support::ours::{mailbox, next, start};
use crate::support::{Beam, Cluster, Signal, PATIENCE};

const ALEX: &str = "alex@localhost";

fn red() -> Term {
    Term::atom("red")
}

/// Waits on the BEAM until the group has `count` members; says how many of them live on which node, sorted.
fn beam_members(beam: &mut Beam, scope: &str, group: &str, count: usize) -> String {
    beam.erlang(&format!(
        "{{Ref, Known}} = pg:monitor({scope}, {group}),
        Wait = fun
            W(M) when length(M) =:= {count} -> M;
            W(M) -> receive {{Ref, join, _, P}} -> W(P ++ M); {{Ref, leave, _, P}} -> W(M -- P) end
        end,
        Members = Wait(Known), pg:demonitor({scope}, Ref),
        true = lists:sort(Members) =:= lists:sort(pg:get_members({scope}, {group})),
        lists:sort([node(P) || P <- Members])"
    ))
}

/// The members of a group once there are `count` of them, sorted.
fn members(node: &Node, pg: &Pg, group: &Term, count: usize) -> Vec<Pid> {
    let watcher = mailbox(node);
    let (reference, known) = pg.monitor(&watcher, Some(group)).unwrap();
    let mut left = count as i64 - known[0].1.len() as i64;
    while left != 0 {
        let event = next(&watcher).term().unwrap();
        let parts = event.as_tuple().unwrap();
        let changed = parts[3].as_list().unwrap().len() as i64;
        left += if parts[1].is_atom("join") { -changed } else { changed };
    }
    assert!(pg.demonitor(&reference));
    let mut members = pg.members(group);
    members.sort();
    members
}

/// A scope on the BEAM and one of ours, connected.
fn pair(visible: bool) -> (Cluster, Beam, Node, Pg) {
    let cluster = Cluster::new();
    let mut beam = cluster.beam("alex");
    beam.erlang("{ok, _} = pg:start(s), ok");
    let ours = start(cluster.config("ours").visible(visible));
    let pg = ours.pg("s").unwrap();
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    (cluster, beam, ours, pg)
}

fn members_are_seen_on_both_sides(visible: bool) {
    let (_cluster, mut beam, ours, pg) = pair(visible);
    let box_of_ours = mailbox(&ours);
    pg.join(&red(), &[box_of_ours.pid(), box_of_ours.pid()]).unwrap();
    assert_eq!(beam_members(&mut beam, "s", "red", 2), "[ours@localhost,ours@localhost]");
    beam.erlang("Join = [spawn(fun() -> receive stop -> ok end end) || _ <- [1,2,3]], ok = pg:join(s, red, Join ++ Join)");
    assert_eq!(members(&ours, &pg, &red(), 8).len(), 8);
    beam.erlang("[P | _] = pg:get_local_members(s, red), pg:leave(s, red, P)");
    assert_eq!(members(&ours, &pg, &red(), 7).len(), 7);
    beam.erlang("[P ! stop || P <- pg:get_local_members(s, red)], ok");
    assert_eq!(members(&ours, &pg, &red(), 2), [box_of_ours.pid(), box_of_ours.pid()]);
    assert!(pg.leave(&red(), &[box_of_ours.pid()]).unwrap());
    assert_eq!(beam_members(&mut beam, "s", "red", 1), "[ours@localhost]");
    // A process that dies leaves all its groups, as often as it was in.
    pg.join(&Term::parse("{other,[1]}").unwrap(), &[box_of_ours.pid(), box_of_ours.pid()]).unwrap();
    assert_eq!(beam_members(&mut beam, "s", "{other,[1]}", 2), "[ours@localhost,ours@localhost]");
    drop(box_of_ours);
    assert_eq!(beam_members(&mut beam, "s", "red", 0), "[]");
    assert_eq!(beam_members(&mut beam, "s", "{other,[1]}", 0), "[]");
    assert!(pg.groups().is_empty());
}

#[test]
fn a_visible_node_and_a_beam_see_each_others_members() {
    members_are_seen_on_both_sides(true);
}

#[test]
fn a_hidden_node_and_a_beam_see_each_others_members() {
    members_are_seen_on_both_sides(false);
}

#[test]
fn a_beam_that_was_there_first_or_comes_later_tells_all_it_has() {
    let cluster = Cluster::new();
    let mut first = cluster.beam("first");
    first.erlang("{ok, _} = pg:start(s), ok = pg:join(s, red, self())");
    let ours = start(cluster.config("ours").visible(true));
    let pg = ours.pg("s").unwrap();
    let member = mailbox(&ours);
    pg.join(&red(), &[member.pid()]).unwrap();
    // It dials us: we greet, too.
    assert_eq!(first.erlang("net_kernel:connect_node(ours@localhost)"), "true");
    assert_eq!(members(&ours, &pg, &red(), 2).len(), 2);
    let mut second = cluster.beam("second");
    second.erlang(
        "true = net_kernel:connect_node(ours@localhost), true = net_kernel:connect_node(first@localhost)",
    );
    second.erlang("{ok, _} = pg:start(s), ok = pg:join(s, red, [self()])");
    assert_eq!(members(&ours, &pg, &red(), 3).len(), 3);
    let all = "[first@localhost,ours@localhost,second@localhost]";
    assert_eq!(beam_members(&mut first, "s", "red", 3), all);
    assert_eq!(beam_members(&mut second, "s", "red", 3), all);
    // Messages reach the members.
    second.erlang("[P ! {hello, node()} || P <- pg:get_members(s, red)], ok");
    assert_eq!(next(&member).term().unwrap().to_string(), "{hello,second@localhost}");
}

#[test]
fn after_a_split_and_its_healing_all_nodes_know_the_same_members() {
    let cluster = Cluster::new();
    let mut beams = [cluster.beam("one"), cluster.beam("two")];
    for beam in &mut beams {
        beam.erlang("{ok, _} = pg:start(s), ok = pg:join(s, red, self())");
    }
    beams[0].erlang("true = net_kernel:connect_node(two@localhost)");
    let nodes = ["a", "b"].map(|name| start(cluster.config(name)));
    let pgs = [nodes[0].pg("s").unwrap(), nodes[1].pg("s").unwrap()];
    let boxes = [mailbox(&nodes[0]), mailbox(&nodes[1])];
    let peers = ["one@localhost", "two@localhost"];
    for round in 0..4 {
        for node in &nodes {
            peers.iter().for_each(|peer| node.connect(peer, Some(PATIENCE)).unwrap());
        }
        nodes[0].connect("b@localhost", Some(PATIENCE)).unwrap();
        let mine = round % 2;
        pgs[mine].join(&red(), &[boxes[mine].pid()]).unwrap();
        let count = 2 + round + 1;
        let expected = members(&nodes[0], &pgs[0], &red(), count);
        assert_eq!(members(&nodes[1], &pgs[1], &red(), count), expected);
        let seen = beams.each_mut().map(|beam| beam_members(beam, "s", "red", count));
        assert_eq!(seen[0], seen[1]);
        // Parted: one of ours from everybody, in different ways; what happens meanwhile is learnt later.
        let alone = &nodes[round % 2];
        for peer in peers {
            if round < 2 {
                alone.disconnect(peer).unwrap();
            } else {
                beams[round % 2].erlang(&format!("erlang:disconnect_node('{}')", alone.name()));
            }
        }
        alone.disconnect(nodes[(round + 1) % 2].name().as_str()).unwrap();
    }
}

#[test]
fn a_scope_restarted_on_the_beam_starts_without_members_and_is_met_again() {
    let (_cluster, mut beam, ours, pg) = pair(true);
    let member = mailbox(&ours);
    pg.join(&red(), &[member.pid()]).unwrap();
    beam.erlang("ok = pg:join(s, red, self())");
    members(&ours, &pg, &red(), 2);
    for _ in 0..5 {
        beam.erlang(
            "exit(whereis(s), kill), R = monitor(process, s), receive {'DOWN', R, _, _, _} -> ok end",
        );
        assert_eq!(members(&ours, &pg, &red(), 1), [member.pid()]);
        beam.erlang("{ok, _} = pg:start(s), ok = pg:join(s, red, self())");
        assert_eq!(members(&ours, &pg, &red(), 2).len(), 2);
        assert_eq!(beam_members(&mut beam, "s", "red", 2), "[alex@localhost,ours@localhost]");
    }
}

#[test]
fn a_beam_cannot_kill_our_scope_and_sees_a_restart_as_a_new_one() {
    let (_cluster, mut beam, ours, pg) = pair(true);
    let member = mailbox(&ours);
    pg.join(&red(), &[member.pid()]).unwrap();
    beam_members(&mut beam, "s", "red", 1);
    beam.erlang("exit(erpc:call(ours@localhost, erlang, whereis, [s]), kill), ok = pg:join(s, blue, self())");
    assert_eq!(members(&ours, &pg, &Term::atom("blue"), 1).len(), 1);
    assert_eq!(beam_members(&mut beam, "s", "red", 1), "[ours@localhost]");
    pg.stop();
    assert_eq!(beam_members(&mut beam, "s", "red", 0), "[]");
    let again = ours.pg("s").unwrap();
    again.join(&red(), &[member.pid()]).unwrap();
    assert_eq!(beam_members(&mut beam, "s", "red", 1), "[ours@localhost]");
    assert_eq!(members(&ours, &again, &Term::atom("blue"), 1).len(), 1);
}

#[test]
fn lies_and_garbage_of_a_beam_change_nothing_for_others() {
    let cluster = Cluster::new();
    let (mut alex, mut kate) = (cluster.beam("alex"), cluster.beam("kate"));
    let ours = start(cluster.config("ours").visible(true));
    let pg = ours.pg("s").unwrap();
    for beam in [&mut alex, &mut kate] {
        beam.erlang("{ok, _} = pg:start(s), net_kernel:connect_node(ours@localhost)");
    }
    kate.erlang("ok = pg:join(s, red, self())");
    assert_eq!(members(&ours, &pg, &red(), 1).len(), 1);
    alex.erlang(
        "S = {s, ours@localhost}, Kate = rpc:call(kate@localhost, erlang, whereis, [s]),
        [Their] = rpc:call(kate@localhost, pg, get_members, [s, red]),
        Own = whereis(s),
        [S ! M || M <- [hello, {}, {discover, Kate}, {join, Kate, red, self()}, {leave, Kate, Their, [red]},
            {join, Own, red, [Their, self()]}, {leave, Own, Their, [red, red]}, {join, Own, red, [self() | self()]},
            {'$gen_cast', {sync, Kate, []}}, {'$gen_cast', {sync, Own, [{red, Their}]}}, {update, Kate, [{red, [], [Their]}]},
            {leave, Own, self(), [nothing, red]}, {'$gen_call', {self(), make_ref()}, what},
            {join, Own, done, self()}]], ok",
    );
    assert_eq!(members(&ours, &pg, &Term::atom("done"), 1)[0].node.as_str(), ALEX);
    let left = pg.members(&red());
    assert!(left.len() == 1 && left[0].node.as_str() == "kate@localhost", "{left:?}");
    // And it still works for who told lies.
    alex.erlang("ok = pg:join(s, blue, self())");
    assert_eq!(members(&ours, &pg, &Term::atom("blue"), 1).len(), 1);
}

#[test]
fn a_thousand_processes_of_a_beam_that_end_at_once_have_all_left() {
    let (_cluster, mut beam, ours, pg) = pair(true);
    beam.erlang(
        "Herd = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 1000)],
        [pg:join(s, {N rem 10}, P) || {N, P} <- lists:zip(lists:seq(1, 1000), Herd)],
        pg:join(s, red, Herd)",
    );
    assert_eq!(members(&ours, &pg, &red(), 1000).len(), 1000);
    assert_eq!(pg.groups().len(), 11);
    // Leaving and ending race.
    beam.erlang(
        "Herd = pg:get_members(s, red), [P ! stop || P <- Herd], [pg:leave(s, red, P) || P <- lists:reverse(Herd)], ok",
    );
    assert!(members(&ours, &pg, &red(), 0).is_empty());
    for number in 0..10 {
        assert!(members(&ours, &pg, &Term::tuple([Term::Int(number)]), 0).is_empty());
    }
}

#[test]
fn processes_of_ours_that_leave_or_join_and_end_at_once_have_all_left() {
    let (_cluster, mut beam, ours, pg) = pair(true);
    let herd: Vec<_> = (0..300).map(|_| mailbox(&ours)).collect();
    let pids: Vec<Pid> = herd.iter().map(|member| member.pid()).collect();
    pg.join(&red(), &pids).unwrap();
    beam_members(&mut beam, "s", "red", 300);
    std::thread::scope(|scope| {
        scope.spawn(|| pids.iter().rev().for_each(|pid| drop(pg.leave(&red(), std::slice::from_ref(pid)))));
        scope.spawn(|| drop(herd));
    });
    assert_eq!(beam_members(&mut beam, "s", "red", 0), "[]");
    assert!(members(&ours, &pg, &red(), 0).is_empty());
    for _ in 0..300 {
        let member = mailbox(&ours);
        pg.join(&red(), &[member.pid(), member.pid()]).unwrap();
    }
    let last = mailbox(&ours);
    pg.join(&red(), &[last.pid()]).unwrap();
    assert_eq!(beam_members(&mut beam, "s", "red", 1), "[ours@localhost]");
    pg.leave(&red(), &[last.pid()]).unwrap();
    pg.join(&red(), &[last.pid()]).unwrap();
    ours.stop();
    assert_eq!(beam_members(&mut beam, "s", "red", 0), "[]");
}

#[test]
fn a_beam_killed_outright_takes_its_members_along() {
    let (_cluster, mut beam, ours, pg) = pair(false);
    beam.erlang("ok = pg:join(s, red, [self(), self()])");
    assert_eq!(members(&ours, &pg, &red(), 2).len(), 2);
    beam.end(Signal::Kill);
    assert!(members(&ours, &pg, &red(), 0).is_empty());
}

#[test]
fn a_call_from_a_beam_sees_our_table() {
    let (_cluster, mut beam, ours, pg) = pair(true);
    let member = mailbox(&ours);
    pg.join(&red(), &[member.pid()]).unwrap();
    beam.erlang("ok = pg:join(s, blue, self())");
    members(&ours, &pg, &Term::atom("blue"), 1);
    let mut ask = |call: &str| beam.erlang(&format!("erpc:call(ours@localhost, pg, {call})"));
    assert_eq!(ask("which_local_groups, [s]"), "[red]");
    assert_eq!(ask("get_local_members, [s, blue]"), "[]");
    assert_eq!(ask("get_members, [nothing]"), "[]");
    assert_eq!(beam.erlang("lists:sort(erpc:call(ours@localhost, pg, which_groups, [s]))"), "[blue,red]");
    assert_eq!(beam.erlang("erpc:call(ours@localhost, pg, get_members, [s, blue]) =:= [self()]"), "true");
}

/// Asks our scope as `pg` on a BEAM asks its own.
#[test]
fn a_process_of_a_beam_may_monitor_our_scope() {
    let (_cluster, mut beam, ours, pg) = pair(true);
    let member = mailbox(&ours);
    let started =
        "{Ref, #{}} = gen_server:call({s, ours@localhost}, monitor), register(me, self()), put(ref, Ref), ok";
    assert_eq!(beam.erlang(started), "ok");
    pg.join(&red(), &[member.pid()]).unwrap();
    let heard = "Ref = get(ref), receive {Ref, join, red, [P]} -> node(P) after 15000 -> nothing end";
    assert_eq!(beam.erlang(heard), "ours@localhost");
    assert_eq!(beam.erlang("gen_server:call({s, ours@localhost}, {demonitor, get(ref)})"), "ok");
    assert_eq!(beam.erlang("gen_server:call({s, ours@localhost}, {demonitor, get(ref)})"), "false");
}
