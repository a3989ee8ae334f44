//! The fuzz targets without a fuzzer, on any toolchain: each runs over its committed seeds (`tests/fuzz/seeds`, one input a line, in
//! hexadecimal), and then over changed and crossed ones for a moment. The order is the same in every run.
//!
//! `ERLNODE_FUZZ_SECONDS=60` gives each target more time. An input that fails is printed, to be added to the seeds.

#[path = "../fuzz/memory.rs"]
mod memory;

use std::fs;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time of each target unless the environment says otherwise.
const MOMENT: Duration = Duration::from_secs(2);

/// Longer inputs show nothing that shorter ones do not, and take the time of many.
const LONGEST: usize = 4096;

/// The targets, each a module with `run` and a test of its name.
macro_rules! targets {
    ($($(#[$on:meta])? $name:ident: $path:literal),* $(,)?) => {
        $(
            $(#[$on])?
            #[path = $path]
            mod $name;
        )*

        $(
            $(#[$on])?
            #[test]
            fn $name() {
                replay(stringify!($name), entries::$name);
            }
        )*

        mod entries {
            $($(#[$on])? pub use super::$name::run as $name;)*
        }

        #[test]
        fn every_target_is_replayed() {
            let here = [$(concat!(stringify!($name), ".rs")),*];
            let mut there: Vec<_> = fs::read_dir(folder("targets"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name != MODEL)
                .collect();
            there.sort();
            assert_eq!(there, here);
        }
    };
}

/// The model of a node belongs to the unit tests, which run it over histories of their own (`src/node/model.rs`).
const MODEL: &str = "node.rs";

targets! {
    #[cfg(feature = "ffi")]
    calls: "../fuzz/targets/calls.rs",
    control: "../fuzz/targets/control.rs",
    decode: "../fuzz/targets/decode.rs",
    dns: "../fuzz/targets/dns.rs",
    #[cfg(feature = "ei")]
    ei: "../fuzz/targets/ei.rs",
    epmd: "../fuzz/targets/epmd.rs",
    fragments: "../fuzz/targets/fragments.rs",
    frame: "../fuzz/targets/frame.rs",
    handshake: "../fuzz/targets/handshake.rs",
    packets: "../fuzz/targets/packets.rs",
    pipe: "../fuzz/targets/pipe.rs",
    reader: "../fuzz/targets/reader.rs",
    text: "../fuzz/targets/text.rs",
}

fn folder(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(name)
}

/// One target at a time: what it takes is measured for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn replay(name: &str, run: fn(&[u8])) {
    let seeds = seeds(name);
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = std::env::var("ERLNODE_FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let time = seconds.map_or(MOMENT, Duration::from_secs);
    for seed in &seeds {
        one(name, run, seed);
    }
    let mut random = Random(0x6572_6c6e_6f64_6500);
    let (start, mut runs) = (Instant::now(), 0_u64);
    while start.elapsed() < time {
        one(name, run, &changed(&mut random, &seeds));
        runs += 1;
    }
    println!("{name}: {} seeds, {runs} inputs made of them", seeds.len());
}

fn one(name: &str, run: fn(&[u8]), input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(input))) {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        eprintln!("{name} fails for {hex}");
        std::panic::resume_unwind(panic);
    }
}

/// The committed inputs of a target, and the empty one.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(folder("seeds").join(name)).unwrap_or_default();
    let hex = |line: &str| {
        let digits = line.as_bytes().chunks_exact(2);
        digits.map(|two| u8::from_str_radix(std::str::from_utf8(two).unwrap(), 16).unwrap()).collect()
    };
    std::iter::once(Vec::new()).chain(text.lines().map(hex)).collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}

/// Bytes at which lengths, counts and tags have their edges.
const EDGES: [u8; 12] = [0, 1, 2, 0x7f, 0x80, 0xff, 104, 106, 108, 109, 119, 131];

/// A seed with up to eight changes.
fn changed(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() + 1);
        match random.below(8) {
            0 => bytes.insert(at, EDGES[random.below(EDGES.len())]),
            1 => bytes.insert(at, random.below(256) as u8),
            2 => bytes.truncate(at),
            3 => {
                let from = &seeds[random.below(seeds.len())];
                let start = random.below(from.len());
                let end = start + random.below(from.len() - start + 1);
                bytes.splice(at..at, from[start..end].iter().copied());
            }
            4 if at < bytes.len() => {
                let end = at + random.below((bytes.len() - at).min(64));
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            5 if at < bytes.len() => {
                bytes.remove(at);
            }
            6 if at < bytes.len() => bytes[at] = EDGES[random.below(EDGES.len())],
            _ if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
    bytes.truncate(LONGEST);
    bytes
}
