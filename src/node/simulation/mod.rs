//! Nodes in one thread, driven by a seed: their processes link, monitor, send, exit and end while the connections between
//! them are slow, cut and half open, while clocks jump (a suspended host) and nodes start again. The same seed gives the same
//! history; a failing one prints itself, and `ERLNODE_SEED` shows it again.
//!
//! Always true, and checked: what a process gets from another over one connection is a prefix of what was sent, in order
//! and once; nodedown comes after the last message of its connection; every monitor ends by exactly one DOWN with the true
//! reason, and after what its process had sent; a connection is given up after a ticktime of silence and for nothing else,
//! whatever the clocks do; at rest both sides agree on links and monitors; when all processes have
//! ended, no table holds anything.

mod actor;
mod world;

use world::World;

/// Seeds of one run; each is another history.
const SEEDS: u64 = 10_000;

/// What happens in one history before the world is left to come to rest.
const STEPS: usize = 120;

#[test]
fn ten_thousand_histories_of_links_and_monitors_keep_the_promises() {
    let only = std::env::var("ERLNODE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    let runtime = crate::runtime::current().unwrap();
    let _inside = runtime.handle().enter();
    let mut totals = world::Totals::default();
    for seed in seeds {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step();
            }
            world.rest();
            world.finish()
        });
        match run {
            Ok(run) => totals.add(&run),
            Err(panic) => {
                eprintln!("ERLNODE_SEED={seed} shows it again");
                std::panic::resume_unwind(panic);
            }
        }
    }
    eprintln!("{totals:?}");
    // All of it must have happened, or nothing was shown.
    assert!(only.is_some() || totals.all_happened(), "{totals:?}");
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}
