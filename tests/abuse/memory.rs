//! Memory: a reader that sleeps, peers that never finish, bombs. What is held follows what was consented to, not what is sent.

use std::io::Write;
use std::time::{Duration, Instant};

use erlnode::term::Term;

use crate::cases::{atom, pid, tuple};
use crate::counting;
use crate::long;
use crate::run::{Bench, HANG};
use crate::shim::SLEEPER_BYTES;
use crate::subjects::{Kind, Subject};
use crate::wire::{Wire, FLAGS};

/// One message to the sleeper.
const MESSAGE: usize = 60_000;
/// What a connection holds besides the mailbox: its read buffer, and the message that did not fit.
const CONNECTION: usize = 1 << 20;

fn to(name: &str) -> Vec<u8> {
    tuple(&[vec![97, 6], pid("flood@localhost", 1, 0, 9), atom(""), atom(name)])
}

fn binary(length: usize) -> Vec<u8> {
    [&[109][..], &(length as u32).to_be_bytes(), &vec![5; length]].concat()
}

/// Offers so many bytes to the sleeper, or fewer when it takes no more for a while; returns how many it took.
fn offer(wire: &mut Wire, bytes: usize) -> usize {
    let body = wire.body(&to("sleeper"), Some(&binary(MESSAGE)));
    let packet = [&(body.len() as u32).to_be_bytes()[..], &body].concat();
    wire.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut offered = 0;
    while offered < bytes {
        if wire.stream.write_all(&packet).is_err() {
            break;
        }
        offered += packet.len();
    }
    offered
}

#[test]
fn a_sleeping_reader_holds_what_it_may_under_each_policy() {
    let bytes = long(200 << 20, 10 << 30);
    for policy in ["stop", "drop", "kill"] {
        let mut bench = Bench::new(Subject::start(Kind::Ours));
        bench.subject.ask(&format!("sleeper {policy}"));
        let mut wire = Wire::call(&bench.subject.door, "flood@localhost", 9, HANG).unwrap();
        bench.subject.ask("reset");
        let (before, resident) = (bench.subject.counters().0, bench.subject.resident().0);
        let began = Instant::now();
        let taken = offer(&mut wire, bytes);
        let took = began.elapsed();
        let answer = bench.subject.ask("queued");
        let words: Vec<&str> = answer.split(' ').collect();
        let (queued, dropped, alive): (usize, u64, &str) =
            (words[1].parse().unwrap(), words[2].parse().unwrap(), words[3]);
        let grown = bench.subject.counters().1.saturating_sub(before);
        let resident = bench.subject.resident().1.saturating_sub(resident);
        eprintln!(
            "{policy}: {taken} of {bytes} bytes taken in {took:?}: {queued} queued, {dropped} dropped, \
             at most {grown} bytes more, resident +{resident}"
        );
        // The payloads are slices of read buffers, which they do not fill: a quarter more.
        assert!(grown < SLEEPER_BYTES / 4 * 5 + CONNECTION, "{policy}: {grown} bytes");
        assert!(resident < 4 * SLEEPER_BYTES, "{policy}: {resident} resident bytes");
        match policy {
            "stop" => assert!(taken < bytes && queued <= SLEEPER_BYTES + 2 * MESSAGE && alive == "true"),
            "drop" => assert!(taken >= bytes && dropped > 0 && alive == "true"),
            _ => assert!(taken >= bytes && alive == "false"),
        }
        // Everybody else was served all the time, and still is.
        assert!(bench.others_live());
    }
}

#[test]
fn a_thousand_peers_with_unfinished_messages_cost_what_they_sent_and_leave_nothing() {
    let peers = long(200, 1_000);
    const PART: usize = 64 << 10;
    crate::crowd::room_for(peers + 200);
    let mut bench = Bench::new(Subject::start(Kind::Ours));
    bench.subject.ask("reset");
    let before = bench.subject.counters().0;
    let mut wires = Vec::new();
    for number in 0..peers {
        let name = format!("half{number}@localhost");
        let mut wire = Wire::call_with(&bench.subject.door, &name, 9, FLAGS, HANG).expect("let in");
        // The first of a million fragments, and nothing more.
        let control = tuple(&[vec![97, 6], pid(&name, 1, 0, 9), atom(""), atom("echo")]);
        let head =
            [&[131, 69][..], &7u64.to_be_bytes(), &1_000_000u64.to_be_bytes(), &[0], &control].concat();
        let part = [&head[..], &[109, 0x7f, 0xff, 0xff, 0xff], &vec![1; PART]].concat();
        assert!(wire.packet(&part));
        wires.push(wire);
    }
    assert!(bench.others_live());
    let expected = peers * PART;
    bench.subject.wait_for("all parts", |subject| subject.counters().0 - before >= expected);
    let held = bench.subject.counters().1 - before;
    eprintln!("{peers} unfinished messages of {PART} bytes: {held} bytes held, {} each", held / peers);
    assert!(held < peers * (2 * PART + (100 << 10)), "{held} bytes");
    drop(wires);
    bench.subject.wait_for("their memory", |subject| subject.counters().0 < before + (1 << 20));
    assert!(bench.others_live());
}

/// A process that may not have what a message needs: the message's connection ends with a reason, and nothing else.
#[test]
fn a_message_for_which_there_is_no_memory_ends_its_connection_only() {
    // Threads take room for their stacks and heaps; three of these messages, or two while they grow, are too many.
    let mut bench = Bench::new(Subject::start_with(Kind::Ours, "kilobytes=700000"));
    const PART: usize = 60 << 10;
    let parts = (200 << 20) / PART as u64;
    let mark = bench.subject.process.mark();
    let mut ended = 0;
    let mut wires = Vec::new();
    for number in 0..4 {
        let name = format!("giant{number}@localhost");
        let mut wire = Wire::call(&bench.subject.door, &name, 9, HANG).expect("let in");
        let control = tuple(&[vec![97, 6], pid(&name, 1, 0, 9), atom(""), atom("echo")]);
        let head = [&[131, 69][..], &7u64.to_be_bytes(), &parts.to_be_bytes(), &[0], &control].concat();
        let mut open = wire.packet(&[&head[..], &[109, 0x0c, 0x80, 0, 0], &vec![1; PART]].concat());
        // All but the last one, so that none is ever given back.
        for left in (2..parts).rev() {
            let part = [&[131, 70][..], &7u64.to_be_bytes(), &left.to_be_bytes(), &vec![1; PART]].concat();
            open = open && wire.packet(&part);
        }
        if !open {
            let reason = [&name[..], "no memory for a message"];
            assert!(bench.subject.logged(mark, &reason, HANG), "{}", bench.subject.process.output());
            ended += 1;
        }
        wires.push(wire);
        assert!(bench.subject.is_alive() && bench.others_live(), "after {number}");
    }
    eprintln!("{ended} of 4 messages of 200 MB found no memory");
    assert!(ended > 0);
}

/// Other tests run in this process meanwhile; an inflated bomb would show all the same.
const SLACK: usize = 30 << 20;

/// What users decode may be compressed; what is claimed is not believed, and a bomb is refused at its claim.
#[test]
fn compressed_terms_never_take_more_than_they_claim_and_may_claim_little() {
    let compressed = |claim: u32, inner: &[u8]| {
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        zlib.write_all(inner).unwrap();
        [&[131, 80][..], &claim.to_be_bytes(), &zlib.finish().unwrap()].concat()
    };
    let zeros = binary(40 << 20);
    let bombs = [
        ("an honest claim", compressed(zeros.len() as u32, &zeros), true, 3 * zeros.len()),
        ("too small a claim", compressed(1_000, &zeros), false, SLACK),
        ("too big a claim", compressed(zeros.len() as u32 + 1, &zeros), false, 3 * zeros.len()),
        ("a claim of 4 GB", compressed(u32::MAX, &zeros), false, SLACK),
        ("a claim of 4 GB and no data", [131, 80, 255, 255, 255, 255].to_vec(), false, SLACK),
        ("a claim of 60 MB and little data", compressed(60 << 20, &[97, 1]), false, SLACK),
    ];
    for (what, bytes, valid, limit) in bombs {
        counting::reset();
        let before = counting::figures().0;
        let term = Term::decode_external(&bytes);
        let grown = counting::figures().1.saturating_sub(before);
        assert_eq!(term.is_ok(), valid, "{what}");
        assert!(grown < limit, "{what}: {grown} bytes for {}", bytes.len());
    }
}
