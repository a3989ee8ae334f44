//! A mixed cluster that falls apart and heals: three BEAMs, of different releases where the machine has them, and two nodes
//! of ours. (Their process groups are left out: the `pg` of OTP 25 does not survive that of OTP 29.) Connections between the sides are closed and refused. ERLNODE_LONG=1 makes 200 partitions instead of 4.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use erlnode::term::Term;
use erlnode::{Mailbox, MailboxOptions, Node, NodeFilter, Resolve};

use crate::support::ours::start;
use crate::support::{Beam, Cluster, PATIENCE};

const WAIT: Option<Duration> = Some(PATIENCE);
/// Twice the default ticktime: what healing may take.
const HEALING: Duration = Duration::from_secs(120);

/// One member, whichever kind it is.
enum Member {
    Beam(Beam),
    Ours { node: Node, named: Vec<Mailbox> },
}

impl Member {
    fn name(&self) -> String {
        match self {
            Member::Beam(beam) => beam.name().to_owned(),
            Member::Ours { node, .. } => node.name().to_string(),
        }
    }

    /// Refuses a peer from now on, and lets it go; or takes it again.
    fn refuse(&mut self, peer: &str, refuse: bool, cookie: &str) {
        let cookie = if refuse { "refused" } else { cookie };
        match self {
            Member::Beam(beam) => {
                beam.erlang(&format!(
                    "erlang:set_cookie('{peer}', '{cookie}'), {refuse} andalso erlang:disconnect_node('{peer}')"
                ));
            }
            Member::Ours { node, .. } => {
                node.set_cookie(Some(peer), cookie).unwrap();
                if refuse {
                    node.disconnect(peer).unwrap();
                }
            }
        }
    }

    fn begin_connect(&mut self, peer: &str) {
        match self {
            Member::Beam(beam) => drop(beam.erlang(&format!("net_kernel:connect_node('{peer}')"))),
            Member::Ours { node, .. } => drop(node.connect(peer, WAIT)),
        }
    }

    fn nodes(&mut self) -> BTreeSet<String> {
        match self {
            Member::Beam(beam) => list(&beam.erlang("[atom_to_list(N) || N <- nodes()]")),
            Member::Ours { node, .. } => {
                node.nodes(NodeFilter::Visible).iter().map(ToString::to_string).collect()
            }
        }
    }

    fn names(&mut self) -> BTreeSet<String> {
        match self {
            Member::Beam(beam) => list(&beam.erlang(
                "[lists:flatten(io_lib:format(\"~w ~w\", [N, node(global:whereis_name(N))])) || N <- global:registered_names(), N =/= no]",
            )),
            Member::Ours { node, .. } => {
                let names = node.global_names(WAIT).unwrap();
                let shown = |name: &Term| {
                    let pid = node.global_whereis(name, WAIT).unwrap();
                    pid.map(|pid| format!("{name} {}", pid.node))
                };
                names.iter().filter_map(shown).collect()
            }
        }
    }

    fn register(&mut self, name: &'static str) {
        match self {
            Member::Beam(beam) => {
                beam.erlang(&format!(
                    "global:register_name({name}, spawn(fun() -> receive stop -> ok end end))"
                ));
            }
            Member::Ours { node, named } => {
                let mailbox = node.mailbox(MailboxOptions::default()).unwrap();
                mailbox.global_register(&Term::atom(name), &Resolve::RandomExit, WAIT).unwrap();
                named.push(mailbox);
            }
        }
    }

    fn sync(&mut self) {
        match self {
            Member::Beam(beam) => assert_eq!(beam.erlang("global:sync()"), "ok"),
            Member::Ours { node, .. } => node.global_sync(WAIT).unwrap(),
        }
    }
}

/// The texts in a printed list of strings.
fn list(printed: &str) -> BTreeSet<String> {
    printed.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn random(state: &mut u64, bound: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % bound
}

fn whole(members: &mut [Member]) -> bool {
    let all: BTreeSet<String> = members.iter().map(Member::name).collect();
    members.iter_mut().all(|member| {
        let mut seen = member.nodes();
        seen.insert(member.name());
        seen == all
    })
}

#[test]
fn a_mixed_cluster_is_whole_again_after_partitions_of_any_shape() {
    let rounds = if std::env::var_os("ERLNODE_LONG").is_some() { 200 } else { 4 };
    let cluster = Cluster::new();
    let mut members = Vec::new();
    for (alive, release) in [("b25", ""), ("b27", "27"), ("b29", "29")] {
        members.push(Member::Beam(cluster.beam_of(alive, release)));
    }
    for alive in ["aaron", "zoe"] {
        let node = start(cluster.config(alive).visible(true));
        members.push(Member::Ours { node, named: Vec::new() });
    }
    let names: Vec<String> = members.iter().map(Member::name).collect();
    let mut seed = 0x5eed;
    let mut slowest = Duration::ZERO;
    for round in 0..=rounds {
        if round > 0 {
            let sides: Vec<u64> = names.iter().map(|_| random(&mut seed, 3)).collect();
            for (one, member) in members.iter_mut().enumerate() {
                for other in (0..names.len()).filter(|other| sides[*other] != sides[one]) {
                    member.refuse(&names[other], true, "");
                }
            }
            for name in ["same", "x", "y"] {
                for _ in 0..2 {
                    let place = random(&mut seed, names.len() as u64) as usize;
                    members[place].register(name);
                }
            }
            for member in &mut members {
                let own = member.name();
                for other in names.iter().filter(|other| **other != own) {
                    member.refuse(other, false, cluster.cookie());
                }
            }
        }
        let began = Instant::now();
        let center = random(&mut seed, names.len() as u64) as usize;
        while !whole(&mut members) {
            let seen: Vec<_> = members.iter_mut().map(|member| (member.name(), member.nodes())).collect();
            assert!(began.elapsed() < HEALING, "round {round} does not heal: {seen:?}");
            for member in members.iter_mut().filter(|member| member.name() != names[center]) {
                member.begin_connect(&names[center]);
            }
            std::thread::park_timeout(Duration::from_millis(200));
        }
        for member in &mut members {
            member.sync();
        }
        let mut tables;
        loop {
            tables = members.iter_mut().map(Member::names).collect::<Vec<_>>();
            if tables.iter().all(|table| *table == tables[0]) {
                break;
            }
            assert!(began.elapsed() < HEALING, "round {round}: the tables differ: {tables:?}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
        slowest = slowest.max(began.elapsed());
    }
    eprintln!("{rounds} partitions healed; the slowest took {slowest:?}");
}
