//! Terms that are cut, that lie about their size, that say what nobody may say, and that are deep.

use super::{atom, reference, vectors, Act, Case, Expect};

/// Truncations taken when not all are: enough to meet every tag in many places.
const PART: usize = 1_500;

pub fn cases(every: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    golden(&mut cases, every);
    lengths(&mut cases);
    values(&mut cases);
    deep(&mut cases, every);
    cases
}

fn add(cases: &mut Vec<Case>, group: &'static str, name: String, term: Vec<u8>, expect: Expect) {
    cases.push(Case { group, name, act: Act::Term(term), expect });
}

/// What OTP 25 decodes, or refuses, differently from the later releases and from us, on purpose.
const DIFFERENT: [&str; 5] =
    ["tag 73", "bit binary empty", "record", "compressed behind garbage", "map twice zero"];

fn golden(cases: &mut Vec<Case>, every: bool) {
    const CUT: &str = "terms: golden, cut short";
    let vectors = vectors();
    let open = |name: &str| DIFFERENT.iter().any(|start| name.starts_with(start));
    let mut cuts = Vec::new();
    for vector in &vectors {
        let expect = match vector.valid {
            _ if open(&vector.name) => Expect::Free,
            true => Expect::Echo,
            false => Expect::Close,
        };
        let group = if vector.valid { "terms: golden, whole" } else { "terms: refused by OTP" };
        // Long ones are only more of the same on the wire; they are whole in tests/vectors.
        if vector.bytes.len() <= 70_000 && (every || !vector.valid || vector.name.len() % 4 == 0) {
            add(cases, group, vector.name.clone(), vector.bytes.clone(), expect);
        }
        if vector.valid && !open(&vector.name) {
            let length = vector.bytes.len();
            let places: Vec<usize> = (0..length).filter(|at| *at < 48 || at % 997 == 0).collect();
            cuts.extend(places.into_iter().map(|at| (vector, at)));
        }
    }
    let step = if every { 1 } else { (cuts.len() / PART).max(1) };
    for (vector, at) in cuts.into_iter().step_by(step) {
        let name = format!("{} cut at {at}", vector.name);
        add(cases, CUT, name, vector.bytes[..at].to_vec(), Expect::Close);
    }
}

/// A field of a term: what stands before the length, how wide it is, the true length, and what follows.
type Sized = (&'static str, Vec<u8>, usize, u64, Vec<u8>);

fn lengths(cases: &mut Vec<Case>) {
    const GROUP: &str = "terms: lengths at their edges";
    let nils = |count: usize| vec![106; count];
    let fun_tail = [vec![1], vec![7; 16], vec![0, 0, 0, 0]].concat();
    let fun_rest = [atom("m"), vec![97, 0, 97, 0], super::pid("a@b", 1, 0, 1)].concat();
    let sized: Vec<Sized> = vec![
        ("small atom", vec![119], 1, 2, b"ok".to_vec()),
        ("atom", vec![118], 2, 2, b"ok".to_vec()),
        ("small Latin-1 atom", vec![115], 1, 2, b"ok".to_vec()),
        ("Latin-1 atom", vec![100], 2, 2, b"ok".to_vec()),
        ("small tuple", vec![104], 1, 3, nils(3)),
        ("tuple", vec![105], 4, 3, nils(3)),
        ("list", vec![108], 4, 3, nils(4)),
        ("map", vec![116], 4, 1, vec![97, 1, 97, 2]),
        ("string", vec![107], 2, 3, b"abc".to_vec()),
        ("binary", vec![109], 4, 3, b"abc".to_vec()),
        ("bit binary", vec![77], 4, 3, vec![3, 1, 2, 0xe0]),
        ("small big", vec![110], 1, 9, vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("big", vec![111], 4, 9, vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("reference", vec![90], 2, 3, reference("a@b", 1, &[1, 2, 3])[3..].to_vec()),
        ("old reference", vec![114], 2, 3, [atom("a@b"), vec![0], [0, 0, 0, 1].repeat(3)].concat()),
        ("free variables", [&[112, 0, 0, 0, 54][..], &fun_tail].concat(), 4, 0, fun_rest),
        ("record", vec![67], 4, 1, [vec![0], atom("m"), atom("r"), atom("f"), vec![97, 1]].concat()),
    ];
    for (what, head, width, real, rest) in sized {
        let most = if width == 8 { u64::MAX } else { (1 << (8 * width)) - 1 };
        let mut edges: Vec<u64> = vec![0, 1, real - real.min(1), real, real + 1, real + 2, most - 1, most];
        edges.extend([most / 2, most / 2 + 1, most / 24, most / 8, most / 16]);
        edges.sort_unstable();
        edges.dedup();
        for claim in edges {
            let field = &claim.to_be_bytes()[8 - width..];
            let term = [&head[..], field, &rest].concat();
            let expect = match claim {
                _ if what == "record" => Expect::Free,
                _ if claim == real => Expect::Echo,
                // What is not used of it is ignored, as after every payload; but then it may end as another term.
                _ if claim < real => Expect::Free,
                _ => Expect::Close,
            };
            add(cases, GROUP, format!("{what} of {claim}"), term.clone(), expect);
            // The same inside a list whose own size is a lie, too.
            if claim > real && claim >= most / 24 {
                let lie = [&[108, 0xff, 0xff, 0xff, 0xff][..], &term].concat();
                add(cases, GROUP, format!("{what} of {claim} in a list of 2^32-1"), lie, Expect::Close);
            }
        }
    }
}

fn values(cases: &mut Vec<Case>) {
    const GROUP: &str = "terms: values nobody may send";
    let float = |text: &str| [&[99][..], text.as_bytes(), &vec![0; 31 - text.len()]].concat();
    let binary =
        |bits: u8, bytes: &[u8]| [&[77][..], &(bytes.len() as u32).to_be_bytes(), &[bits], bytes].concat();
    let long =
        |tag: u8, text: &str| [&[tag][..], &(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
    let double = |number: f64| [&[70][..], &number.to_be_bytes()].concat();
    let big = |length: usize| [&[111][..], &(length as u32).to_be_bytes(), &[0], &vec![1; length]].concat();
    let mut bad: Vec<(String, Vec<u8>)> = vec![
        ("NaN".into(), double(f64::NAN)),
        ("infinity".into(), double(f64::INFINITY)),
        ("-infinity".into(), double(f64::NEG_INFINITY)),
        ("a float of letters".into(), float("abc")),
        ("a float without digits".into(), float(".")),
        ("a float too big".into(), float("1e999")),
        ("an integer over the limit".into(), big(524_281)),
        ("a bit binary of no bytes".into(), binary(3, b"")),
        ("an atom of 256 letters".into(), long(118, &"x".repeat(256))),
        ("an atom of 65,535 letters".into(), long(118, &"x".repeat(65_535))),
        ("an atom of 256 umlauts".into(), long(118, &"ü".repeat(256))),
        ("a Latin-1 atom of 256".into(), long(100, &"x".repeat(256))),
        ("a surrogate".into(), vec![119, 3, 0xed, 0xa0, 0x80]),
        ("an overlong slash".into(), vec![119, 2, 0xc0, 0xaf]),
        ("half a character".into(), vec![119, 1, 0xc3]),
        ("beyond Unicode".into(), vec![119, 4, 0xf4, 0x90, 0x80, 0x80]),
        ("a key twice".into(), vec![116, 0, 0, 0, 2, 97, 1, 97, 2, 97, 1, 97, 3]),
        ("a key in two spellings".into(), vec![116, 0, 0, 0, 2, 97, 1, 97, 2, 98, 0, 0, 0, 1, 97, 3]),
        (
            "an export of arity -1".into(),
            [vec![113], atom("m"), atom("f"), vec![98, 255, 255, 255, 255]].concat(),
        ),
        ("an export without arity".into(), [vec![113], atom("m"), atom("f"), atom("x")].concat()),
        ("an export of a number".into(), [vec![113, 97, 1], atom("f"), vec![97, 1]].concat()),
        ("a pid on a number".into(), [&[88, 97, 1][..], &[0; 12]].concat()),
        ("a port on a binary".into(), [&[89, 109, 0, 0, 0, 0][..], &[0; 8]].concat()),
        ("a reference on a list".into(), [&[90, 0, 1, 106][..], &[0; 8]].concat()),
        ("compressed".into(), vec![80, 0, 0, 0, 2, 0x78, 0x9c, 0x4b, 0x64, 0x04, 0, 0, 0xc5, 0, 0x63]),
        ("a version byte inside".into(), vec![131, 97, 1]),
        ("an atom of the cache that there is not".into(), vec![82, 0]),
        ("the last atom of the cache".into(), vec![82, 255]),
        ("nothing".into(), vec![]),
    ];
    bad.extend([0, 9, 128, 255].map(|bits| (format!("a last byte of {bits} bits"), binary(bits, b"ab"))));
    for words in [6, 7, 255] {
        bad.push((format!("a reference of {words} words"), reference("a@b", 1, &vec![1; words])));
    }
    for creation in [4, 5, 255] {
        let old =
            |tag: u8, numbers: usize| [vec![tag], atom("a@b"), vec![0; numbers], vec![creation]].concat();
        bad.push((format!("an old pid of creation {creation}"), old(103, 8)));
        bad.push((format!("an old port of creation {creation}"), old(102, 4)));
        bad.push((format!("an old reference of creation {creation}"), old(101, 4)));
    }
    for (name, term) in bad {
        add(cases, GROUP, name.clone(), term.clone(), Expect::Close);
        // Deep inside other things it is no better.
        let inside = [&[104, 2, 106, 108, 0, 0, 0, 1, 116, 0, 0, 0, 1, 97, 1][..], &term, &[106]].concat();
        if !term.is_empty() {
            add(cases, GROUP, format!("{name}, inside"), inside, Expect::Close);
        }
    }
    const TAGS: &str = "terms: unknown tags";
    const KNOWN: [u8; 28] = [
        67, 70, 77, 88, 89, 90, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112,
        113, 114, 115, 116, 118, 119,
    ];
    for tag in (0..=255).filter(|tag| !KNOWN.contains(tag) && *tag != 120) {
        // A BEAM takes its internal tags 73 and the like from the network; nobody sends them.
        for (body, what) in [(vec![], "alone"), (vec![0; 64], "with zeros")] {
            let expect = if matches!(tag, 72..=78 | 120) { Expect::Free } else { Expect::Close };
            add(cases, TAGS, format!("tag {tag} {what}"), [&[tag][..], &body].concat(), expect);
        }
    }
}

/// Levels of nesting; the most only where all cases are run.
const DEPTHS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

fn deep(cases: &mut Vec<Case>, every: bool) {
    const GROUP: &str = "terms: depth and lies in depth";
    let kinds: [(&str, &[u8], &[u8]); 4] = [
        ("tuples", &[104, 1], &[]),
        ("lists", &[108, 0, 0, 0, 1], &[106]),
        ("tails", &[108, 0, 0, 0, 1, 106], &[]),
        ("maps", &[116, 0, 0, 0, 1, 106], &[]),
    ];
    for depth in DEPTHS.into_iter().filter(|depth| every || *depth <= 100_000) {
        for (what, open, close) in kinds {
            let whole = [open.repeat(depth), vec![106], close.repeat(depth)].concat();
            let cut = whole[..open.len() * depth].to_vec();
            add(cases, GROUP, format!("{depth} {what}"), whole, Expect::Echo);
            add(cases, GROUP, format!("{depth} {what} and no end"), cut, Expect::Close);
        }
        let lies = [105, 0xff, 0xff, 0xff, 0xff].repeat(depth);
        add(cases, GROUP, format!("{depth} tuples of 2^32-1"), lies, Expect::Close);
        let lies = [116, 0x7f, 0xff, 0xff, 0xff].repeat(depth);
        add(cases, GROUP, format!("{depth} maps of 2^31-1"), lies, Expect::Close);
    }
}
