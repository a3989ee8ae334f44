//! Lengths, headers, atom sections and fragments.

use super::{atom, tuple, Act, Case, Expect, Scene};

pub fn cases(scene: &Scene) -> Vec<Case> {
    let mut cases = Vec::new();
    frames(scene, &mut cases);
    headers(scene, &mut cases);
    atoms(scene, &mut cases);
    fragments(scene, &mut cases);
    cases
}

fn packet(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

fn whole(scene: &Scene) -> Vec<u8> {
    [&b"\x83\x44\x00"[..], &scene.to_echo(), &scene.asking(&atom("whole"))].concat()
}

fn frames(scene: &Scene, cases: &mut Vec<Case>) {
    const GROUP: &str = "frames: lengths and ticks";
    let mut add = |name: String, act: Act, expect| cases.push(Case { group: GROUP, name, act, expect });
    for length in [0x8000_0000u32, 0x8000_0001, 0xffff_ffff, 0xc000_0000, 0x8300_4400] {
        add(format!("length {length:#x}"), Act::Bytes(length.to_be_bytes().to_vec(), 4), Expect::Close);
    }
    for length in [1u32, 2, 0xffff, 0x1_0000, 0x100_0000, 0x0fff_ffff, 0x7fff_ffff] {
        let mut bytes = length.to_be_bytes().to_vec();
        add(format!("length {length:#x} and the end"), Act::Last(bytes.clone()), Expect::Close);
        bytes.push(131);
        add(format!("length {length:#x}, a byte and the end"), Act::Last(bytes), Expect::Close);
    }
    for cut in 1..4 {
        add(format!("{cut} bytes of a length and the end"), Act::Last(vec![0; cut]), Expect::Close);
    }
    add("the end".into(), Act::Last(vec![]), Expect::Close);
    for ticks in [1, 100, 10_000] {
        add(format!("{ticks} ticks"), Act::Bytes(vec![0; 4 * ticks], 4 * ticks), Expect::Stay);
    }
    // Pass-through peers have another header; they get the echo of their own form only.
    let message = packet(&whole(scene));
    for piece in [1, 2, 3, 5, 7, 11, 64] {
        add(format!("a message in pieces of {piece}"), Act::Bytes(message.clone(), piece), Expect::Echo);
    }
    for cut in 0..message.len() {
        add(format!("a message cut at {cut}"), Act::Last(message[..cut].to_vec()), Expect::Close);
    }
    let many = message.repeat(20);
    add("twenty messages in one piece".into(), Act::Bytes(many, usize::MAX), Expect::Echo);
}

fn headers(scene: &Scene, cases: &mut Vec<Case>) {
    const GROUP: &str = "frames: headers";
    let rest = whole(scene)[1..].to_vec();
    let mut add = |name: String, body: Vec<u8>, expect| {
        cases.push(Case { group: GROUP, name, act: Act::Packets(vec![body]), expect });
    };
    for first in (0..=255u8).filter(|first| *first != 131) {
        add(format!("first byte {first}"), [&[first][..], &rest].concat(), Expect::Close);
    }
    for second in (0..=255u8).filter(|second| !(68..=70).contains(second)) {
        add(format!("131 and {second}"), [&[131, second][..], &rest[1..]].concat(), Expect::Close);
    }
    add("131 alone".into(), vec![131], Expect::Close);
    add("131, 68 alone".into(), vec![131, 68], Expect::Close);
    add("131, 68, 0 alone".into(), vec![131, 68, 0], Expect::Close);
    let junk = [&whole(scene)[..], &[0xff; 100]].concat();
    add("bytes after the payload".into(), junk, Expect::Echo);
}

/// `131 68 N Flags References` and a message to `echo` whose name is the `echo`-th reference.
fn with_atoms(scene: &Scene, section: &[u8], echo: u8) -> Vec<u8> {
    let control = tuple(&[vec![97, 6], scene.mine(), atom(""), vec![82, echo]]);
    [&[131, 68][..], section, &control, &scene.asking(&atom("cached"))].concat()
}

fn atoms(scene: &Scene, cases: &mut Vec<Case>) {
    const GROUP: &str = "atom cache";
    let mut add = |name: String, packets: Vec<Vec<u8>>, expect| {
        cases.push(Case { group: GROUP, name, act: Act::Packets(packets), expect });
    };
    let new = b"\x01\x09\x07\x04echo"; // segment 1, index 7
    let again = b"\x01\x01\x07";
    let message = |section: &[u8]| with_atoms(scene, section, 0);
    add("new, and again".into(), vec![message(new), message(again)], Expect::Echo);
    add("two bytes for lengths".into(), vec![message(b"\x01\x18\x07\x00\x04echo")], Expect::Echo);
    add(
        "another in its slot".into(),
        vec![message(new), message(b"\x01\x09\x07\x06nobody"), message(again)],
        Expect::Echo,
    );
    let good = message(new);
    for cut in 2..2 + new.len() {
        add(format!("the section cut at {cut}"), vec![good[..cut].to_vec()], Expect::Close);
    }
    for index in [0, 1, 6, 8, 255] {
        add(format!("slot {index}, which nobody set"), vec![message(&[1, 1, index])], Expect::Close);
    }
    for segment in [0, 2, 3, 4, 5, 6, 7] {
        add(format!("segment {segment}, where nobody wrote"), vec![message(&[1, segment, 7])], Expect::Close);
        let section = [&[1, 8 | segment, 7, 4][..], b"echo"].concat();
        add(
            format!("segment {segment} and again"),
            vec![message(&section), message(&[1, segment, 7])],
            Expect::Echo,
        );
    }
    for length in [5u8, 60, 255] {
        let section = [&[1, 9, 7, length][..], b"echo"].concat();
        add(
            format!("an atom of {length} bytes that are not there"),
            vec![[&[131, 68][..], &section].concat()],
            Expect::Close,
        );
    }
    for count in [2u8, 3, 17, 128, 255] {
        add(
            format!("{count} references announced, one there"),
            vec![[&[131, 68, count, 9, 7, 4][..], b"echo"].concat()],
            Expect::Close,
        );
    }
    let texts: [(&str, Vec<u8>); 5] = [
        ("a surrogate", vec![0xed, 0xa0, 0x80]),
        ("half a character", vec![0xc3]),
        ("256 letters", vec![b'x'; 256]),
        ("1,021 bytes", vec![b'x'; 1021]),
        ("65,535 bytes", vec![b'x'; 65_535]),
    ];
    for (what, text) in texts {
        let section = [&[1, 0x18, 7][..], &(text.len() as u16).to_be_bytes(), &text].concat();
        add(format!("an atom of {what}"), vec![message(&section)], Expect::Close);
    }
    for reference in [1, 2, 128, 255] {
        add(format!("reference {reference} of one"), vec![with_atoms(scene, new, reference)], Expect::Close);
    }
    let inner = [&[131, 68][..], new, &scene.to_echo(), &scene.asking(&[82, 9])].concat();
    add("reference 9 of one, in the payload".into(), vec![inner], Expect::Close);
    add("references where there is no section".into(), vec![with_atoms(scene, &[0], 0)], Expect::Close);
    // A full house: 255 new ones, of which `echo` is the last.
    let mut full = vec![255];
    full.extend([0x88; 127]);
    full.push(0x08);
    for index in 0..255u8 {
        let text = if index == 254 { "echo".to_owned() } else { format!("atom{index}") };
        full.extend([index, text.len() as u8]);
        full.extend(text.as_bytes());
    }
    add("255 atoms".into(), vec![with_atoms(scene, &full, 254)], Expect::Echo);
    // The same slot 255 times in one packet: the last one counts, or it is refused.
    let mut same = vec![255];
    same.extend([0x88; 127]);
    same.push(0x08);
    (0..255).for_each(|_| same.extend(b"\x07\x04echo"));
    add("one slot 255 times".into(), vec![with_atoms(scene, &same, 254)], Expect::Free);
}

fn fragment(kind: u8, sequence: u64, number: u64, rest: &[u8]) -> Vec<u8> {
    [&[131, kind][..], &sequence.to_be_bytes(), &number.to_be_bytes(), rest].concat()
}

fn fragments(scene: &Scene, cases: &mut Vec<Case>) {
    const GROUP: &str = "fragments";
    let (control, payload) = (scene.to_echo(), scene.asking(&atom("in_pieces")));
    let cut = payload.len() / 2;
    let open =
        |sequence, count, rest: &[u8]| fragment(69, sequence, count, &[&[0][..], &control, rest].concat());
    let more = |sequence, number, rest: &[u8]| fragment(70, sequence, number, rest);
    let mut add = |name: String, packets: Vec<Vec<u8>>, expect| {
        cases.push(Case { group: GROUP, name, act: Act::Packets(packets), expect });
    };
    let (a, b) = payload.split_at(cut);
    add("one of one".into(), vec![open(7, 1, &payload)], Expect::Echo);
    for at in 0..=payload.len() {
        let (a, b) = payload.split_at(at);
        add(format!("two, cut at {at}"), vec![open(7, 2, a), more(7, 1, b)], Expect::Echo);
    }
    add(
        "with empty ones".into(),
        vec![open(7, 4, a), more(7, 3, b""), vec![], more(7, 2, b), more(7, 1, b"")],
        Expect::Echo,
    );
    add(
        "two sequences crosswise".into(),
        vec![open(7, 2, a), open(8, 2, a), more(7, 1, b), more(8, 1, b)],
        Expect::Echo,
    );
    add("a message in between".into(), vec![open(7, 2, a), whole(scene), more(7, 1, b)], Expect::Echo);
    add("the highest sequence".into(), vec![open(u64::MAX, 2, a), more(u64::MAX, 1, b)], Expect::Echo);
    add("skipped".into(), vec![open(7, 3, a), more(7, 1, b)], Expect::Close);
    add("repeated".into(), vec![open(7, 3, a), more(7, 2, b), more(7, 2, b)], Expect::Close);
    add("the first again".into(), vec![open(7, 3, a), open(7, 3, a)], Expect::Close);
    add("upwards".into(), vec![open(7, 3, a), more(7, 3, b)], Expect::Close);
    add("down to 0".into(), vec![open(7, 2, a), more(7, 0, b)], Expect::Close);
    add("after the end".into(), vec![open(7, 2, a), more(7, 1, b), more(7, 1, b)], Expect::Close);
    for sequence in [1, 7, u64::MAX] {
        for number in [0, 1, 2, u64::MAX] {
            add(
                format!("{number} of unknown sequence {sequence}"),
                vec![more(sequence, number, b)],
                Expect::Close,
            );
        }
    }
    add("none of none".into(), vec![open(7, 0, &payload)], Expect::Close);
    add("one of one and a second".into(), vec![open(7, 1, a)], Expect::Close);
    // Announcing costs nothing, and nothing may be taken for it.
    for count in [1_000_000u64, 1 << 40, 1 << 63, u64::MAX] {
        add(format!("one of {count}"), vec![open(7, count, a)], Expect::Free);
    }
    add(
        "the control tuple cut".into(),
        vec![fragment(69, 7, 2, &[&[0][..], &control[..9]].concat()), more(7, 1, &control[9..])],
        Expect::Free,
    );
    let first = open(7, 2, a);
    for at in 2..19 {
        add(format!("the header cut at {at}"), vec![first[..at].to_vec()], Expect::Close);
    }
    let next = more(7, 1, b"");
    for at in 2..18 {
        add(format!("the next header cut at {at}"), vec![first.clone(), next[..at].to_vec()], Expect::Close);
    }
    for open_ones in [64u64, 1024] {
        add(
            format!("{open_ones} sequences without an end"),
            (1..=open_ones).map(|s| open(s, 2, a)).collect(),
            Expect::Stay,
        );
    }
    add("5,000 sequences without an end".into(), (1..=5_000).map(|s| open(s, 2, a)).collect(), Expect::Free);
    add("a payload that is no term".into(), vec![open(7, 2, &[104, 9]), more(7, 1, &[1])], Expect::Close);
    // Sequence 0 stopped whole BEAMs.
    add("sequence 0".into(), vec![open(0, 2, a), more(0, 1, b)], Expect::Free);
}
