//! Speed of the codec: cursor, writer and skip beside libei's `ei_decode_*`, `ei_encode_*` and `ei_skip_term`, and
//! the owned term beside the crates eetf and erltf.
//!
//! Each figure is the fastest of many passes, in nanoseconds per item of the sample. `--check` makes one pass.
//! Words as arguments select lines: operations and samples.

mod data;
#[cfg(libei)]
mod ei;
mod ours;

use std::hint::black_box;
use std::time::{Duration, Instant};

use data::Sample;
use erlnode::term::Term;

/// How long each figure is measured.
struct Effort {
    time: Duration,
}

impl Effort {
    /// Nanoseconds of the fastest call: on a busy machine anything but the minimum measures the neighbours.
    fn measure(&self, mut call: impl FnMut()) -> f64 {
        let mut best = u128::MAX;
        let end = Instant::now() + self.time;
        loop {
            let start = Instant::now();
            call();
            let stop = Instant::now();
            best = best.min((stop - start).as_nanos());
            if stop >= end {
                return best as f64;
            }
        }
    }
}

fn line(what: &str, sample: &Sample, ours: f64, others: &[(&str, Option<f64>)]) {
    let items = sample.items as f64;
    print!("{what:13} {:12} erlnode {:8.2}", sample.name, ours / items);
    for (name, time) in others {
        match time {
            Some(time) => print!("   {name} {:8.2} ({:5.1}x)", time / items, time / ours),
            None => print!("   {name}        -         "),
        }
    }
    println!();
}

fn main() {
    let check = std::env::args().any(|arg| arg == "--check");
    let filters: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let effort = if check {
        Effort { time: Duration::ZERO }
    } else {
        Effort { time: Duration::from_millis(150) }
    };
    println!("nanoseconds per item, and the ratio to erlnode");
    for sample in data::samples() {
        let bytes = &sample.bytes[..];
        let wanted = |what: &str| filters.iter().all(|word| what.contains(word) || sample.name.contains(word));
        if wanted("cursor decode") {
            let cursor = effort.measure(|| (sample.read)(black_box(bytes)));
            #[cfg(libei)]
            let theirs = Some(effort.measure(|| (sample.ei_read)(black_box(bytes))));
            #[cfg(not(libei))]
            let theirs = None;
            line("cursor decode", &sample, cursor, &[("libei", theirs)]);
        }
        if wanted("encode") {
            let mut writer = erlnode::term::Writer::with_capacity(1 << 20);
            let encode = effort.measure(|| {
                writer.clear();
                writer = (sample.write)(std::mem::take(&mut writer), sample.count);
                black_box(writer.encoded().expect("complete"));
            });
            assert_eq!(writer.encoded().expect("complete"), bytes);
            #[cfg(libei)]
            let theirs = {
                let mut out = vec![0u8; 1 << 20];
                let mut len = 0;
                let time = effort.measure(|| len = (sample.ei_write)(black_box(&mut out), sample.count));
                assert_eq!(len, bytes.len());
                Some(time)
            };
            #[cfg(not(libei))]
            let theirs = None;
            line("encode", &sample, encode, &[("libei", theirs)]);
        }
        if wanted("skip") {
            let skip = effort.measure(|| {
                let mut reader = erlnode::term::Reader::new(black_box(bytes));
                assert!(black_box(reader.skip()));
            });
            #[cfg(libei)]
            let theirs = Some(effort.measure(|| ei::skip(black_box(bytes))));
            #[cfg(not(libei))]
            let theirs = None;
            line("skip", &sample, skip, &[("libei", theirs)]);
        }
        if wanted("validate") {
            let validate = effort.measure(|| {
                black_box(erlnode::term::validate(black_box(bytes), &[])).expect("valid");
            });
            line("validate", &sample, validate, &[]);
        }
        // Short lists for trees: long ones measure how fast the kernel hands out pages, for all three alike.
        let sample = sample.short();
        let bytes = &sample.bytes[..];
        let external = [&[131][..], bytes].concat();
        if wanted("owned decode") {
            let owned = effort.measure(|| drop(black_box(Term::decode(black_box(bytes)).expect("valid"))));
            let eetf = effort.measure(|| drop(black_box(eetf::Term::decode(black_box(&external[..])).expect("eetf"))));
            let erltf = effort.measure(|| drop(black_box(erltf::decode(black_box(&external)).expect("erltf"))));
            line("owned decode", &sample, owned, &[("eetf", Some(eetf)), ("erltf", Some(erltf))]);
        }
        if wanted("owned encode") {
            let term = Term::decode(bytes).expect("valid");
            let ours = effort.measure(|| drop(black_box(term.to_bytes().expect("encodes"))));
            let term = eetf::Term::decode(&external[..]).expect("eetf");
            let eetf = effort.measure(|| {
                let mut out = Vec::new();
                term.encode(&mut out).expect("eetf");
                black_box(out);
            });
            let term = erltf::decode(&external).expect("erltf");
            let erltf = effort.measure(|| drop(black_box(erltf::encode(&term).expect("erltf"))));
            line("owned encode", &sample, ours, &[("eetf", Some(eetf)), ("erltf", Some(erltf))]);
        }
    }
}
