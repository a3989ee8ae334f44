//! Whatever happens to the network and to nodes, in the middle of whatever: once it is over, the cluster becomes whole.
//!
//! A history is decided by its seed. `ERLNODE_SEED=n` runs one, `ERLNODE_HISTORIES=n` as many as wanted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::machine::Outcome;
use super::registrar::Request;
use super::resolve::Resolve;
use super::simulation::{Pace, World};
use crate::node::config::Overlap;
use crate::term::{Atom, Pid, Term};

const NODES: [&str; 6] = ["a@h", "b@h", "c@h", "d@h", "e@h", "f@h"];
/// Histories in `make test`.
const HISTORIES: u64 = 2000;
/// After the network is mended: time for what was silent to be noticed, for those who have to leave and come back.
const HEALING: Duration = Duration::from_secs(120);

/// What the network of a history is like.
fn pace(world: &mut World) -> Pace {
    let [fast, slow] = [1000, 200_000];
    let wire = [fast, 20_000, slow][world.below(3) as usize];
    Pace {
        wire,
        slow: wire * 4,
        inbox: [100, 5000, 50_000][world.below(3) as usize],
        notice: [1000, 100_000, 2_000_000][world.below(3) as usize],
        ticktime: [0, 4_000_000, 10_000_000][world.below(3) as usize],
        work: [1000, 100_000, 1_000_000][world.below(3) as usize],
    }
}

struct History {
    world: World,
    names: Vec<Atom>,
    pids: Vec<Pid>,
}

impl History {
    fn any(&mut self) -> Atom {
        let place = self.world.below(self.names.len() as u64) as usize;
        self.names[place].clone()
    }

    /// One thing happens to the network, a node or a program.
    fn happens(&mut self) {
        let (one, other) = (self.any(), self.any());
        let running = self.world.is_running(&one) && self.world.is_running(&other);
        match self.world.below(40) {
            0..=13 => drop(self.world.connect(&one, &other)),
            14..=16 => self.world.disconnect(&one, &other),
            17..=20 if one != other => self.world.cut(&one, &other),
            21..=23 => self.world.mend(),
            24 => self.world.crash(&one),
            25..=27 => self.world.boot(&one),
            28..=32 if running => {
                let pid = self.world.spawn(&one);
                let name = ["x", "y", "z"][self.world.below(3) as usize];
                let resolve = [Resolve::RandomExit, Resolve::NotifyAll][self.world.below(2) as usize].clone();
                self.world.register(&other, name, &pid, &resolve);
                self.pids.push(pid);
            }
            33 if running => {
                let name = Term::binary(["x", "y", "z"][self.world.below(3) as usize]);
                self.world.ask(&one, Request::Unregister { name });
            }
            34 if running => {
                let pid = self.world.spawn(&one);
                let name = Term::binary(["x", "y", "z"][self.world.below(3) as usize]);
                let method = Resolve::RandomExit.method();
                self.world.ask(&other, Request::Reregister { name, pid: pid.clone(), method });
                self.pids.push(pid);
            }
            35..=36 if !self.pids.is_empty() => {
                let place = self.world.below(self.pids.len() as u64) as usize;
                let pid = self.pids.swap_remove(place);
                self.world.kill(&pid);
            }
            37 if running => drop(self.world.sync(&one)),
            _ => {}
        }
    }

    /// Up to the next thing: a few events, or a while.
    fn passes(&mut self) {
        match self.world.below(10) {
            0 => self.world.run(Duration::from_secs(10)),
            1..=2 => {
                let millis = self.world.below(3000);
                self.world.run(Duration::from_millis(millis));
            }
            _ => {
                for _ in 0..self.world.below(40) {
                    self.world.tick();
                }
            }
        }
    }

    /// Nothing is broken any more, and whoever is alone keeps trying to connect to the first, as discovery does. What is
    /// still missing in the end?
    fn becomes_whole(&mut self) -> Option<String> {
        self.world.mend();
        for node in self.names.clone() {
            self.world.boot(&node);
        }
        let end = self.world.now + HEALING;
        let mut flaw = None;
        while self.world.now < end {
            for node in &self.names[1..] {
                self.world.connect(&self.names[0], node);
            }
            // Not always when the same question is under way.
            for millis in [3700, 600, 900] {
                self.world.run(Duration::from_millis(millis));
                flaw = self.world.flaw();
                flaw.as_ref()?;
            }
            if let Some(flaw) = flaw.as_ref().filter(|_| self.world.trace) {
                println!("{:?} {}", self.world.now, flaw.lines().next().unwrap_or_default());
            }
        }
        flaw
    }
}

/// How a history ended: `None` if the cluster is whole, and after how long.
fn history(seed: u64) -> (Option<String>, Duration) {
    let overlap = [Overlap::Leave, Overlap::Report][(seed % 2) as usize];
    let count = 2 + (seed / 2 % 5) as usize;
    let mut world = World::new(seed, &NODES[..count], overlap);
    world.pace = pace(&mut world);
    world.trace = number("ERLNODE_SEED").is_some();
    let names = world.names();
    let mut history = History { world, names, pids: Vec::new() };
    let steps = 10 + history.world.below(80);
    for _ in 0..steps {
        history.happens();
        history.passes();
    }
    let start = history.world.now;
    let flaw = history.becomes_whole();
    let took = history.world.now - start;
    if let Some(flaw) = flaw {
        return (Some(format!("seed {seed}, {overlap:?}: {flaw}")), took);
    }
    // It is of use: every node may register a name, and all see it.
    let mut tickets = BTreeMap::new();
    for node in history.names.clone() {
        let pid = history.world.spawn(&node);
        let ticket = history.world.register(&node, node.as_str(), &pid, &Resolve::RandomExit);
        tickets.insert(node, ticket);
    }
    let mut flaw = history.becomes_whole();
    for (node, ticket) in tickets {
        let outcome = history.world.outcome(&node, ticket);
        if outcome != Some(Outcome::Yes) {
            flaw = flaw.or_else(|| Some(format!("{node} registers a name: {outcome:?}")));
        }
    }
    (flaw.map(|flaw| format!("seed {seed}, {overlap:?}, at last: {flaw}")), took)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn whatever_was_cut_in_the_middle_heals() {
    let seeds = match (number("ERLNODE_SEED"), number("ERLNODE_HISTORIES")) {
        (Some(seed), _) => seed..seed + 1,
        (None, histories) => 1..1 + histories.unwrap_or(HISTORIES),
    };
    let total = seeds.end - seeds.start;
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| {
                let seeds = seeds.clone().skip(thread as usize).step_by(threads as usize);
                scope.spawn(move || seeds.map(history).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let mut times: Vec<Duration> = results.iter().map(|(_, time)| *time).collect();
    times.sort();
    let at = |share: f64| times[(share * (times.len() - 1) as f64) as usize];
    println!(
        "{total} histories, healed after {:?} (half), {:?} (99 %), {:?} (last)",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    let flaws: Vec<String> = results.into_iter().filter_map(|(flaw, _)| flaw).collect();
    let seeds: Vec<&str> = flaws.iter().filter_map(|flaw| flaw.split(':').next()).collect();
    let brief: Vec<String> = flaws.iter().map(|flaw| flaw.chars().take(300).collect()).collect();
    let brief = if flaws.len() == 1 { flaws.clone() } else { brief };
    assert!(
        flaws.is_empty(),
        "{} of {total} histories do not heal: {seeds:?}\n{}",
        flaws.len(),
        brief.join("\n")
    );
}
