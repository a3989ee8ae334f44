//! How big a mesh gets and what it costs: many visible nodes of ours with a BEAM, and BEAMs with and without one of ours.
//! ERLNODE_LONG=1 goes up to fifty nodes and measures long enough for figures; both print what they find.

use std::time::{Duration, Instant};

use erlnode::{Node, NodeFilter};

use crate::support::ours::start;
use crate::support::{Beam, Cluster, PATIENCE};

fn long() -> bool {
    std::env::var_os("ERLNODE_LONG").is_some()
}

/// Resident memory of this process, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn many_visible_nodes_and_a_beam_form_a_full_mesh() {
    let sizes: &[usize] = if long() { &[5, 10, 20, 50] } else { &[8] };
    for size in sizes {
        let cluster = Cluster::new();
        let mut beam = cluster.beam("alex");
        let before = resident();
        let nodes: Vec<Node> =
            (0..*size).map(|n| start(cluster.config(&format!("n{n}")).visible(true))).collect();
        let began = Instant::now();
        for node in &nodes {
            node.connect(beam.name(), Some(PATIENCE)).unwrap();
        }
        let connected = began.elapsed();
        let full = |node: &Node| node.nodes(NodeFilter::Visible).len() == *size;
        while !nodes.iter().all(full) {
            let sizes: Vec<usize> = nodes.iter().map(|node| node.nodes(NodeFilter::Visible).len()).collect();
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{size} nodes do not become a mesh: {sizes:?}"
            );
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let mesh = began.elapsed();
        for node in &nodes {
            node.global_sync(Some(PATIENCE)).unwrap();
        }
        assert_eq!(beam.erlang("global:sync()"), "ok");
        assert_eq!(beam.erlang("length(nodes())"), size.to_string());
        let synced = began.elapsed();
        assert_eq!(beam.erlang("global:register_name(here, self())"), "yes");
        let known = nodes
            .iter()
            .filter(|node| node.global_whereis(&erlnode::term::Term::atom("here"), None).unwrap().is_some());
        assert_eq!(known.count(), *size);
        let memory = resident().saturating_sub(before);
        eprintln!(
            "mesh of {size} and a BEAM, {} links: connected in {connected:?}, full mesh in {mesh:?}, all in sync in {synced:?}, {} KiB a node",
            size * (size + 1) / 2,
            memory / *size as u64,
        );
    }
}

/// Microseconds for one registration with its unregistration, and for one lock with its unlocking, on the first BEAM.
fn measure(beam: &mut Beam, rounds: usize) -> (f64, f64) {
    let printed = beam.erlang(&format!(
        "Best = fun(F) -> lists:min([begin {{T, _}} = timer:tc(fun() -> [F() || _ <- lists:seq(1, {rounds})] end), T end || _ <- lists:seq(1, 5)]) end,
        P = spawn(fun() -> receive stop -> ok end end),
        Names = Best(fun() -> yes = global:register_name(speed, P), global:unregister_name(speed) end),
        Locks = Best(fun() -> true = global:set_lock({{speed, self()}}), global:del_lock({{speed, self()}}) end),
        exit(P, kill), [Names, Locks]"
    ));
    let numbers: Vec<f64> =
        printed.trim_matches(['[', ']']).split(',').map(|number| number.parse().unwrap()).collect();
    (numbers[0] / rounds as f64, numbers[1] / rounds as f64)
}

/// Waits until the BEAM has this member.
fn wait_for(beam: &mut Beam, node: &str) {
    let wait = format!(
        "Wait = fun W() -> lists:member('{node}', nodes()) andalso lists:member('{node}', gen_server:call(global_name_server, get_known))
            orelse (timer:sleep(5) =:= ok andalso W()) end, Wait(), global:sync()"
    );
    assert_eq!(beam.erlang(&wait), "ok");
}

#[test]
fn our_membership_does_not_slow_the_names_and_locks_of_beams() {
    let rounds = if long() { 300 } else { 20 };
    let cluster = Cluster::new();
    let mut beams = [cluster.beam("b1"), cluster.beam("b2"), cluster.beam("b3")];
    beams[0].erlang("[pong = net_adm:ping(N) || N <- ['b2@localhost', 'b3@localhost']], global:sync()");
    let three = measure(&mut beams[0], rounds);
    let ours = start(cluster.config("a4").visible(true));
    ours.connect(beams[0].name(), Some(PATIENCE)).unwrap();
    ours.global_sync(Some(PATIENCE)).unwrap();
    for beam in &mut beams {
        wait_for(beam, "a4@localhost");
    }
    let with_ours = measure(&mut beams[0], rounds);
    ours.stop();
    let mut fourth = cluster.beam("a5");
    fourth.erlang("net_adm:ping('b1@localhost'), global:sync()");
    for beam in &mut beams {
        wait_for(beam, "a5@localhost");
    }
    let with_a_beam = measure(&mut beams[0], rounds);
    let show = |what: &str, pick: fn(&(f64, f64)) -> f64| {
        eprintln!(
            "{what}: three BEAMs {:.0} us, and one of ours {:.0} us (x {:.2}), and a fourth BEAM instead {:.0} us (x {:.2})",
            pick(&three),
            pick(&with_ours),
            pick(&with_ours) / pick(&three),
            pick(&with_a_beam),
            pick(&with_a_beam) / pick(&three),
        );
    };
    show("register and unregister", |times| times.0);
    show("set and delete a lock", |times| times.1);
}
