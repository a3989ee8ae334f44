//! A mixed cluster that falls apart and heals: three BEAMs, of different releases where the machine has them, and two nodes
//! of ours, over a network that closes connections or falls silent, for as long as all need to notice or shorter.
//!
//! Afterwards, within two ticktimes, all have the same nodes, global names and group members, nothing that was begun during
//! the cut still waits (`global:sync`, registrations), and no BEAM lost another one because of us. That is demanded where BEAMs
//! alone would keep it: when sides part for long enough, and when only ways to us are cut. When BEAMs are cut so that what is left
//! overlaps, or for a moment, a cluster of BEAMs alone does not always heal either: there it is counted.
//! A cluster that does not heal is cut into single nodes for a moment, as by an operator; then it must.
//! The `pg` of OTP 25 ends at the greeting of OTP 29's, which it does not know: there is a scope without each of them.
//!
//! Here four partitions of the kinds that BEAMs alone get over must heal in two minutes, for a machine that runs all tests is
//! slow. ERLNODE_LONG=200 makes so many, of all kinds, and demands two ticktimes; five BEAMs go through the same beside it, and
//! what becomes of them is printed as well. ERLNODE_SEED=n is another history.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use erlnode::term::Term;
use erlnode::{Mailbox, MailboxOptions, Node, NodeFilter, Pg, Resolve};

use crate::support::ours::start;
use crate::support::{Beam, Cluster, Network, Way};

const TICKTIME: Duration = Duration::from_secs(6);
/// When silence has been noticed by everybody: a quarter more than the ticktime, and what follows from it.
const NOTICED: Duration = Duration::from_millis(9_000);
/// The same after connections broke.
const BROKEN: Duration = Duration::from_millis(2_500);
/// After this, nobody need wait any longer: it does not heal. The long form has no time to be patient.
const HOPELESS: [Duration; 2] = [Duration::from_secs(120), Duration::from_secs(30)];
/// Between two looks, and between two attempts to connect again.
const LOOK: Duration = Duration::from_millis(100);
const CONNECT: Duration = Duration::from_secs(1);

/// Name, release (`None`: ours) and the scopes of `pg` that it runs.
const MEMBERS: [(&str, Option<&str>, &[&str]); 5] = [
    ("b25", Some(""), &["older"]),
    ("b27", Some("27"), &["older", "newer"]),
    ("b29", Some("29"), &["newer"]),
    ("aaron", None, &["older", "newer"]),
    ("zoe", None, &["older", "newer"]),
];
const NAMES: [&str; 4] = ["same", "x", "y", "z"];

/// What a BEAM runs besides: it notes which nodes it lost and when, and counts what has not finished.
const WATCH: &str = "
    Watch = spawn(fun() -> net_kernel:monitor_nodes(true, [nodedown_reason]),
        (fun Loop(Lost, Busy) -> receive
            {nodedown, N, Why} -> Loop([{N, erlang:system_time(millisecond), proplists:get_value(nodedown_reason, Why)} | Lost], Busy);
            {work, P} -> erlang:monitor(process, P), Loop(Lost, Busy + 1);
            {'DOWN', _, _, _, _} -> Loop(Lost, Busy - 1);
            {busy, From} -> From ! {watch, Busy}, Loop(Lost, Busy);
            {lost, From} -> From ! {watch, Lost}, Loop([], Busy);
            _ -> Loop(Lost, Busy)
        end end)([], 0) end),
    register(watch, Watch)";

/// What one member knows.
struct View {
    nodes: String,
    names: String,
    groups: BTreeMap<&'static str, String>,
    busy: usize,
}

enum Kind {
    Beam(Beam),
    Ours { node: Node, scopes: Vec<Pg>, boxes: Vec<Mailbox>, work: Vec<JoinHandle<Option<Mailbox>>> },
}

struct Member {
    name: String,
    scopes: &'static [&'static str],
    kind: Kind,
}

fn group() -> Term {
    Term::atom("g")
}

fn sorted(mut terms: Vec<String>) -> String {
    terms.sort();
    format!("[{}]", terms.join(","))
}

impl Member {
    fn start(network: &Network, number: usize, who: Who) -> Member {
        let (alive, release, scopes) = MEMBERS[number];
        let cluster = Cluster::at(network.epmd_of(number));
        let kind = match release.or((who == Who::Beams).then_some("27")) {
            Some(release) => {
                let ticks = TICKTIME.as_secs().to_string();
                let mut beam = cluster.beam_of(alive, release, &["-kernel", "net_ticktime", &ticks]);
                beam.erlang(WATCH);
                for scope in scopes {
                    beam.erlang(&format!("{{ok, _}} = pg:start({scope})"));
                }
                Kind::Beam(beam)
            }
            None => {
                let node = start(cluster.config_with_stock_epmd(alive).visible(true).ticktime(TICKTIME));
                let scopes = scopes.iter().map(|scope| node.pg(scope).unwrap()).collect();
                Kind::Ours { node, scopes, boxes: Vec::new(), work: Vec::new() }
            }
        };
        Member { name: format!("{alive}@localhost"), scopes, kind }
    }

    /// Begins something on a BEAM that may take as long as the cut.
    fn begin(&mut self, erlang: &str, ours: impl FnOnce(Node) -> Option<Mailbox> + Send + 'static) {
        match &mut self.kind {
            Kind::Beam(beam) => {
                beam.erlang(&format!("watch ! {{work, spawn(fun() -> {erlang} end)}}"));
            }
            Kind::Ours { node, work, .. } => {
                let node = node.clone();
                work.push(std::thread::spawn(move || ours(node)));
            }
        }
    }

    fn begin_connect(&mut self, peer: &str) {
        let name = peer.to_owned();
        self.begin(&format!("net_kernel:connect_node('{peer}')"), move |node| {
            let _ = node.connect(&name, Some(HOPELESS[0]));
            None
        });
    }

    fn begin_register(&mut self, name: &'static str) {
        let erlang = format!(
            "P = spawn(fun() -> receive stop -> ok end end), global:register_name({name}, P) =:= yes orelse exit(P, kill)"
        );
        self.begin(&erlang, move |node| {
            let mailbox = node.mailbox(MailboxOptions::default()).unwrap();
            let taken = mailbox.global_register(&Term::atom(name), &Resolve::RandomExit, Some(HOPELESS[0]));
            taken.is_ok_and(|taken| taken).then_some(mailbox)
        });
    }

    fn begin_unregister(&mut self, name: &'static str) {
        self.begin(&format!("global:unregister_name({name})"), move |node| {
            let _ = node.global_unregister(&Term::atom(name), Some(HOPELESS[0]));
            None
        });
    }

    fn begin_sync(&mut self) {
        self.begin("ok = global:sync()", |node| {
            let _ = node.global_sync(Some(HOPELESS[0]));
            None
        });
    }

    /// One process of this member more in the group, or one fewer.
    fn change_group(&mut self, place: usize, join: bool) {
        let scope = self.scopes[place % self.scopes.len()];
        match &mut self.kind {
            Kind::Beam(beam) => {
                beam.erlang(&match join {
                    true => format!("ok = pg:join({scope}, g, spawn(fun() -> receive stop -> ok end end))"),
                    false => format!("[P ! stop || P <- lists:sublist(pg:get_local_members({scope}, g), 1)]"),
                });
            }
            Kind::Ours { node, scopes, boxes, .. } => {
                let pg = &scopes[place % scopes.len()];
                if join {
                    let mailbox = node.mailbox(MailboxOptions::default()).unwrap();
                    pg.join(&group(), &[mailbox.pid()]).unwrap();
                    boxes.push(mailbox);
                } else if let Some(pid) = pg.local_members(&group()).first() {
                    boxes.retain(|mailbox| mailbox.pid() != *pid);
                }
            }
        }
    }

    fn view(&mut self) -> View {
        match &mut self.kind {
            Kind::Beam(beam) => {
                let scopes = self.scopes.join(",");
                let shown = beam.erlang(&format!(
                    "watch ! {{busy, self()}}, Busy = receive {{watch, B}} -> B end,
                    {{lists:sort([node() | nodes()]),
                      lists:sort([{{N, node(P)}} || N <- global:registered_names(), P <- [global:whereis_name(N)], is_pid(P)]),
                      [lists:sort([node(P) || P <- pg:get_members(S, g)]) || S <- [{scopes}]], Busy}}"
                ));
                let view = Term::parse(&shown).unwrap();
                let [nodes, names, groups, busy] = view.as_tuple().unwrap() else { panic!("{shown}") };
                let groups = groups.as_list().unwrap().iter().map(ToString::to_string);
                View {
                    nodes: nodes.to_string(),
                    names: names.to_string(),
                    groups: self.scopes.iter().copied().zip(groups).collect(),
                    busy: busy.as_i64().unwrap() as usize,
                }
            }
            Kind::Ours { node, scopes, boxes, work } => {
                let (done, left): (Vec<_>, _) =
                    std::mem::take(work).into_iter().partition(JoinHandle::is_finished);
                *work = left;
                boxes.extend(done.into_iter().filter_map(|done| done.join().unwrap()));
                let mut nodes: Vec<String> =
                    node.nodes(NodeFilter::Visible).iter().map(ToString::to_string).collect();
                nodes.push(self.name.clone());
                let names = node.global_names(Some(HOPELESS[0])).unwrap();
                let shown = |name: &Term| {
                    let pid = node.global_whereis(name, Some(HOPELESS[0])).unwrap();
                    pid.map(|pid| format!("{{{name},{}}}", pid.node))
                };
                let members =
                    |pg: &Pg| sorted(pg.members(&group()).iter().map(|pid| pid.node.to_string()).collect());
                View {
                    nodes: sorted(nodes),
                    names: sorted(names.iter().filter_map(shown).collect()),
                    groups: self.scopes.iter().copied().zip(scopes.iter().map(members)).collect(),
                    busy: work.len(),
                }
            }
        }
    }

    /// The nodes that this BEAM lost since it was asked last, with the time and the reason.
    fn lost(&mut self) -> Vec<(String, u64, String)> {
        let Kind::Beam(beam) = &mut self.kind else { return Vec::new() };
        let shown = beam.erlang("watch ! {lost, self()}, receive {watch, L} -> L end");
        let lost = Term::parse(&shown).unwrap();
        let one = |loss: &Term| {
            let [node, when, why] = loss.as_tuple().unwrap() else { panic!("{shown}") };
            (node.to_string(), when.as_i64().unwrap() as u64, why.to_string())
        };
        lost.as_list().unwrap_or_default().iter().map(one).collect()
    }
}

/// Why the views are not those of one cluster yet.
fn difference(members: &[Member], views: &[View]) -> Option<String> {
    let all = sorted(members.iter().map(|member| member.name.clone()).collect());
    let mut text = String::new();
    let same_names = views.iter().all(|view| view.names == views[0].names);
    for (member, view) in members.iter().zip(views) {
        if view.nodes != all {
            let _ = write!(text, "\n  {} has {}", member.name, view.nodes);
        }
        if !same_names {
            let _ = write!(text, "\n  {} knows the names {}", member.name, view.names);
        }
        for (scope, group) in &view.groups {
            if views.iter().any(|other| other.groups.get(scope).is_some_and(|theirs| theirs != group)) {
                let _ = write!(text, "\n  {} has in {scope} {group}", member.name);
            }
        }
        if view.busy > 0 {
            let _ = write!(text, "\n  {} waits for {} things", member.name, view.busy);
        }
    }
    (!text.is_empty()).then_some(text)
}

/// What becomes of a cluster.
struct Played {
    /// How long each partition took that healed in time.
    times: Vec<Duration>,
    late: usize,
    never: usize,
    /// Partitions in which only ways to the last two were cut, and those of them in which BEAMs lost each other.
    ours: [usize; 2],
    /// What must not be.
    wrong: Vec<String>,
}

/// Who goes through the partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Mixed,
    /// BEAMs in our place.
    Beams,
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// Which pairs of members are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Up to three sides that do not reach each other.
    Sides,
    /// Any pairs: what is left overlaps.
    Overlapping,
    /// Some pairs, of which one is ours: the BEAMs all reach each other.
    Ours,
}

#[derive(Debug)]
struct Cut {
    shape: Shape,
    pairs: Vec<(usize, usize, Way)>,
    hold: Duration,
    /// It lasts until everybody noticed.
    full: bool,
}

impl Cut {
    /// Of the short form, only those that BEAMs alone get over.
    fn draw(round: usize, long: bool, dice: &mut Dice) -> Cut {
        let shapes = [Shape::Sides, Shape::Ours, Shape::Overlapping];
        let shape = shapes[round % if long { 3 } else { 2 }];
        let sides: Vec<usize> = MEMBERS.iter().map(|_| dice.below(3)).collect();
        let ways = [[Way::Silent, Way::Silent], [Way::Closed, Way::Closed], [Way::Silent, Way::Closed]];
        let ways = ways[dice.below(3)];
        let mut pairs = Vec::new();
        for other in 0..MEMBERS.len() {
            for one in 0..other {
                let cut = match shape {
                    Shape::Sides => sides[one] != sides[other],
                    Shape::Overlapping => dice.below(4) == 0,
                    Shape::Ours => MEMBERS[other].1.is_none() && dice.below(2) == 0,
                };
                if cut {
                    pairs.push((one, other, ways[dice.below(2)]));
                }
            }
        }
        let full = dice.below(2) == 0 || !long;
        let silent = pairs.iter().any(|(_, _, way)| *way == Way::Silent);
        let long = if silent { NOTICED } else { BROKEN };
        let hold =
            if full { long } else { Duration::from_millis(dice.below(long.as_millis() as usize) as u64) };
        Cut { shape, pairs, hold, full }
    }

    fn separates(&self, one: usize, other: usize) -> bool {
        self.pairs.iter().any(|(a, b, _)| (*a, *b) == (one.min(other), one.max(other)))
    }

    /// Whether BEAMs alone would get over it.
    fn is_ours_to_promise(&self) -> bool {
        match self.shape {
            Shape::Ours => true,
            Shape::Sides => self.full,
            Shape::Overlapping => false,
        }
    }
}

/// Waits for a time that belongs to the scene that is played, not for something to happen.
fn hold(time: Duration) {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Connects everybody to one, as somebody who knows its name would, until all know the same; gives the time it took and what
/// was wrong last, or what is wrong when there is no hope.
fn heal(members: &mut [Member], center: usize, patience: Duration) -> Result<(Duration, String), String> {
    let began = Instant::now();
    let mut last = String::new();
    let mut connected: Option<Instant> = None;
    let center = members[center].name.clone();
    loop {
        let views: Vec<View> = members.iter_mut().map(Member::view).collect();
        let Some(difference) = difference(members, &views) else { return Ok((began.elapsed(), last)) };
        if began.elapsed() > patience {
            return Err(difference);
        }
        last = difference;
        if connected.is_none_or(|when| when.elapsed() > CONNECT) {
            connected = Some(Instant::now());
            let apart = |view: &View| view.nodes.matches('@').count() < MEMBERS.len();
            for (member, _) in members.iter_mut().zip(&views).filter(|(_, view)| apart(view)) {
                if member.name != center {
                    member.begin_connect(&center);
                }
            }
        }
        std::thread::park_timeout(LOOK);
    }
}

/// Parts all members for a moment, and heals that.
fn start_over(network: &Network, members: &mut [Member]) {
    for way in [Way::Closed, Way::Open] {
        let pairs = |other| (0..other).map(move |one| (one, other, way));
        network.set((0..MEMBERS.len()).flat_map(pairs));
        if way == Way::Closed {
            hold(BROKEN);
        }
    }
    if let Err(difference) = heal(members, 0, HOPELESS[0]) {
        panic!("even single nodes do not become one cluster:{difference}");
    }
}

fn play(who: Who, seed: u64, rounds: usize, long: bool) -> Played {
    let patience = HOPELESS[usize::from(long)];
    let mut dice = Dice(seed);
    let network = Network::new(&MEMBERS.map(|(alive, ..)| alive));
    let mut members: Vec<Member> =
        (0..MEMBERS.len()).map(|number| Member::start(&network, number, who)).collect();
    start_over(&network, &mut members);
    members.iter_mut().for_each(|member| drop(member.lost()));
    let mut played = Played { times: Vec::new(), late: 0, never: 0, ours: [0; 2], wrong: Vec::new() };
    for round in 1..=rounds {
        let cut = Cut::draw(round, long, &mut dice);
        network.set(cut.pairs.iter().copied());
        let began = Instant::now();
        for member in &mut members {
            member.begin_sync();
            member.change_group(dice.below(2), dice.below(2) == 0);
        }
        hold(cut.hold.saturating_sub(began.elapsed()));
        // Every side gives the names anew. A name that is given while it is not settled who is a member may be missing on one of
        // them afterwards, with BEAMs alone as well: the simulation of `global` has that.
        if cut.full {
            for name in NAMES {
                match dice.below(4) {
                    0 => members[dice.below(MEMBERS.len())].begin_unregister(name),
                    _ => (0..2).for_each(|_| members[dice.below(MEMBERS.len())].begin_register(name)),
                }
            }
            let until = Instant::now() + BROKEN;
            while Instant::now() < until && members.iter_mut().any(|member| member.view().busy > 0) {
                std::thread::park_timeout(LOOK);
            }
        }
        let healed = now_ms();
        network.set(cut.pairs.iter().map(|(one, other, _)| (*one, *other, Way::Open)));
        let mut found = Vec::new();
        let result = heal(&mut members, dice.below(MEMBERS.len()), patience);
        match &result {
            Ok((took, _)) if *took <= 2 * TICKTIME || !long => played.times.push(*took),
            Ok((took, last)) => {
                played.late += 1;
                found.push(format!("healed late, after {took:?}; last:{last}"));
            }
            Err(difference) => {
                played.never += 1;
                start_over(&network, &mut members);
                found.push(format!("did not heal:{difference}"));
            }
        }
        let mut lost = 0;
        for one in 0..members.len() {
            for (node, when, why) in members[one].lost() {
                let Some(other) = members.iter().position(|member| member.name == node) else { continue };
                let beams = [one, other].iter().all(|place| MEMBERS[*place].1.is_some());
                let parted = cut.separates(one, other) || result.is_err();
                // After sides have met again, members that were apart may still be parted by what each had heard.
                if beams && !parted && (cut.shape == Shape::Ours || when < healed) {
                    lost += 1;
                    found.push(format!("{} lost {node}: {why}", members[one].name));
                }
            }
        }
        if cut.shape == Shape::Ours {
            played.ours[0] += 1;
            played.ours[1] += usize::from(lost > 0);
        }
        for what in found {
            let line = format!("{who:?}, seed {seed}, round {round}, {cut:?}: {what}");
            eprintln!("{line}");
            if cut.is_ours_to_promise() {
                played.wrong.push(line);
            }
        }
        let took = result.map_or_else(|_| "never".to_owned(), |(took, _)| format!("{took:.1?}"));
        eprintln!("{who:?}: round {round}, {:?}, whole after {took}", cut.shape);
    }
    played.times.sort();
    eprintln!(
        "{who:?}, seed {seed}: {} of {rounds} partitions healed in time, {:?} (median), {:?} (slowest), {} later, {} not; of {} in \
         which only ways to the last two were cut, BEAMs lost each other in {}",
        played.times.len(),
        played.times.get(played.times.len() / 2).copied().unwrap_or_default(),
        played.times.last().copied().unwrap_or_default(),
        played.late,
        played.never,
        played.ours[0],
        played.ours[1],
    );
    played
}

#[test]
fn a_mixed_cluster_is_whole_again_after_partitions_of_any_shape() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let long = number("ERLNODE_LONG");
    let rounds = long.unwrap_or(4) as usize;
    let seed = number("ERLNODE_SEED").unwrap_or(0x5eed);
    let beams = long.map(|_| std::thread::spawn(move || play(Who::Beams, seed, rounds, true)));
    let played = play(Who::Mixed, seed, rounds, long.is_some());
    if let Some(beams) = beams {
        let beams = beams.join().expect("five BEAMs get through it");
        let not = |played: &Played| played.late + played.never;
        assert!(
            not(&played) <= not(&beams),
            "{} not healed in time, of BEAMs alone {}",
            not(&played),
            not(&beams)
        );
    }
    assert!(played.wrong.is_empty(), "{}", played.wrong.join("\n"));
}
