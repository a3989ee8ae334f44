//! A little world of nodes in memory, driven by a seed: handshakes that cross, streams that are slow, cut and half open,
//! messages whole and in fragments. The same seed gives the same run; a failing one prints itself.
//!
//! Always true: between two processes, what arrives of one connection is a prefix of what was sent on it, in order and
//! once; two nodes never have two connections that both ends use; nothing stays in assembly when all is quiet.

mod world;

use world::World;

/// Seeds of one run; each is another history.
const SEEDS: u64 = 10_000;

/// What happens in one history before the world is left to come to rest.
const STEPS: usize = 250;

#[test]
fn ten_thousand_histories_keep_the_promises() {
    let only = std::env::var("ERLNODE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = only.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    let mut totals = world::Totals::default();
    for seed in seeds {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step();
            }
            world.rest();
            world.totals
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
    // The faults must have happened, or nothing was shown.
    assert!(
        only.is_some()
            || (totals.received > 0
                && totals.sent > totals.received
                && totals.crossed > 0
                && totals.replaced > 0)
    );
}
