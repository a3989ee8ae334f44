//! A decoded term takes at most 24 times its bytes on the wire and 64 KiB, and no more than twice that while it is
//! being decoded or refused; what a size announces and does not bring costs nothing.

#[path = "../abuse/counting.rs"]
mod counting;

use counting::measure;
use erlnode::term::{validate, Reader, Term};

const FACTOR: usize = 24;
const SLACK: usize = 64 * 1024;

fn counted(tag: u8, count: usize) -> Vec<u8> {
    [&[tag][..], &(count as u32).to_be_bytes()].concat()
}

// One test, because the counters are shared by all threads.
#[test]
fn memory_follows_the_bytes_and_not_what_they_claim() {
    let n = 200_000;
    let mut lies = Vec::new();
    for left in (0..50_000).rev() {
        lies.extend(counted(108, left));
    }
    let cases: [(&str, Vec<u8>); 16] = [
        ("nils", [counted(108, n), vec![106; n + 1]].concat()),
        ("string", [&[107, 0xff, 0xff][..], &[1; 0xffff]].concat()),
        ("strings", [counted(108, n), [107, 0, 1, 7].repeat(n), vec![106]].concat()),
        ("tuples in tuples", [[104, 1].repeat(n), vec![106]].concat()),
        ("pairs in pairs", [[104, 2, 106].repeat(n), vec![106]].concat()),
        ("lists in lists", [counted(108, 1).repeat(n), vec![106; n + 1]].concat()),
        ("tails", [[108, 0, 0, 0, 1, 106].repeat(n), vec![106]].concat()),
        ("improper tails", [counted(108, n), [108, 0, 0, 0, 1, 106, 97, 1].repeat(n), vec![106]].concat()),
        ("maps in maps", [[116, 0, 0, 0, 1, 106].repeat(n), vec![106]].concat()),
        ("empty atoms", [counted(108, n), [119, 0].repeat(n), vec![106]].concat()),
        (
            "long atoms",
            [counted(108, n), [&[119, 23][..], &[b'a'; 23]].concat().repeat(n), vec![106]].concat(),
        ),
        ("small binaries", [counted(108, n), [109, 0, 0, 0, 1, 9].repeat(n), vec![106]].concat()),
        (
            "big integers",
            [counted(108, n), [&[110, 9, 0][..], &[1; 9]].concat().repeat(n), vec![106]].concat(),
        ),
        (
            "short pids",
            [counted(108, n), [&[103, 119, 0][..], &[0; 9]].concat().repeat(n), vec![106]].concat(),
        ),
        ("references", [counted(108, n), [90, 0, 0, 119, 0, 0, 0, 0, 1].repeat(n), vec![106]].concat()),
        ("lies", lies),
    ];
    for (name, bytes) in cases {
        let limit = FACTOR * bytes.len() + SLACK;
        let (term, live, peak) = measure(|| Term::decode(&bytes).ok());
        assert!(live <= limit, "{name}: {live} bytes live for {} on the wire", bytes.len());
        assert!(peak <= 2 * limit, "{name}: {peak} bytes at the peak for {} on the wire", bytes.len());
        assert_eq!(term.is_some(), name != "lies", "{name}");
        let (valid, _, peak) = measure(|| validate(&bytes, &[]).is_ok());
        assert_eq!(valid, term.is_some(), "{name}");
        assert!(peak <= limit, "{name}: {peak} bytes to validate {} on the wire", bytes.len());
        let (_, _, peak) = measure(|| Reader::new(&bytes).skip());
        assert_eq!(peak, 0, "{name}: skipping allocates nothing");
        drop(term);
    }
}
