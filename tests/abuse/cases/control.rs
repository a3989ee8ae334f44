//! Control tuples: every operation with every element wrong, missing or in excess; and ids of nobody.

use super::{atom, pid, port, reference, tuple, Act, Case, Expect, Scene};

/// What an element has to be.
#[derive(Clone, Copy, PartialEq)]
enum Is {
    /// The operation.
    Op(u8),
    /// A pid of the sender's node.
    From,
    /// A pid of the receiver's node.
    To,
    /// A pid anywhere.
    Pid,
    Name,
    /// A pid or a name.
    Target,
    MyRef,
    TheirRef,
    /// Any term: a reason, a trace token, a place that is not used.
    Any,
    /// 1 to 2^64-1.
    Id,
    /// `{M, F, Arity}`.
    Mfa,
    Flags,
}

use Is::*;

/// Operations with their tuples, and whether a payload follows (section 5.1).
const SHAPES: &[(&[Is], bool)] = &[
    (&[Op(1), From, To], false),
    (&[Op(2), Any, To], true),
    (&[Op(3), From, To, Any], false),
    (&[Op(6), From, Any, Name], true),
    (&[Op(7), Pid, To], false),
    (&[Op(8), From, To, Any], false),
    (&[Op(12), Any, To, Any], true),
    (&[Op(13), From, To, Any, Any], false),
    (&[Op(16), From, Any, Name, Any], true),
    (&[Op(18), From, To, Any, Any], false),
    (&[Op(19), From, Target, MyRef], false),
    (&[Op(20), From, Target, MyRef], false),
    (&[Op(21), Target, To, TheirRef, Any], false),
    (&[Op(22), From, To], true),
    (&[Op(23), From, To, Any], true),
    (&[Op(24), From, To], true),
    (&[Op(25), From, To, Any], true),
    (&[Op(26), From, To], true),
    (&[Op(27), From, To, Any], true),
    (&[Op(28), Target, To, TheirRef], true),
    (&[Op(29), MyRef, From, Pid, Mfa, Any], true),
    (&[Op(30), MyRef, From, Pid, Mfa, Any, Any], true),
    (&[Op(31), TheirRef, To, Flags, Target], false),
    (&[Op(32), TheirRef, To, Flags, Target, Any], false),
    (&[Op(33), From, TheirRef], true),
    (&[Op(34), From, TheirRef, Any], true),
    (&[Op(35), Id, From, To], false),
    (&[Op(36), Id, From, To], false),
    (&[Op(37), Flags, From, To], true),
];

pub fn cases(scene: &Scene) -> Vec<Case> {
    let mut cases = Vec::new();
    for (shape, payload) in SHAPES {
        elements(scene, shape, *payload, &mut cases);
    }
    operations(scene, &mut cases);
    strangers(scene, &mut cases);
    cases
}

fn proper(scene: &Scene, is: Is) -> Vec<u8> {
    match is {
        Op(number) => vec![97, number],
        From | Pid => scene.mine(),
        To => scene.theirs(),
        Name => atom("nobody"),
        Target => atom("nobody"),
        MyRef => scene.my_ref(),
        TheirRef => scene.their_ref(),
        Any => atom("x"),
        Id => vec![97, 7],
        Mfa => tuple(&[atom("m"), atom("f"), vec![97, 0]]),
        Flags => vec![97, 0],
    }
}

/// One of each kind of term.
fn kinds(scene: &Scene) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a small integer", vec![97, 3]),
        ("a negative integer", vec![98, 255, 255, 255, 255]),
        ("a big integer", vec![110, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("a float", [&[70][..], &1.5f64.to_be_bytes()].concat()),
        ("an atom", atom("odd")),
        ("nil", vec![106]),
        ("a string", vec![107, 0, 2, b'h', b'i']),
        ("a list", vec![108, 0, 0, 0, 1, 97, 1, 106]),
        ("an empty tuple", vec![104, 0]),
        ("a map", vec![116, 0, 0, 0, 0]),
        ("a binary", vec![109, 0, 0, 0, 1, 7]),
        ("a port", port(&scene.me)),
        ("a pid", scene.mine()),
        ("a reference", scene.my_ref()),
        ("NaN", [&[70][..], &f64::NAN.to_be_bytes()].concat()),
        ("a tag that is none", vec![1]),
    ]
}

/// Whether a term of this kind may stand there. `None`: it may be refused or not.
fn fits(is: Is, kind: &str) -> Option<bool> {
    let one = |accepted: &[&str]| Some(accepted.contains(&kind));
    match is {
        _ if kind == "a tag that is none" => Some(false),
        // A place that is not used need not be looked at.
        Any if kind == "NaN" => None,
        Any => Some(true),
        Op(_) => None,
        From | To | Pid => one(&["a pid"]),
        Name => one(&["an atom"]),
        Target => one(&["an atom", "a pid"]),
        MyRef | TheirRef => one(&["a reference"]),
        Id if kind == "a big integer" => Some(false),
        Id => one(&["a small integer"]),
        Mfa => Some(false),
        Flags if kind == "a big integer" => None,
        Flags => one(&["a small integer"]),
    }
}

fn elements(scene: &Scene, shape: &[Is], payload: bool, cases: &mut Vec<Case>) {
    const GROUP: &str = "control: an element wrong";
    const ARITY: &str = "control: an element missing or in excess";
    let Op(op) = shape[0] else { unreachable!("the operation is first") };
    let whole: Vec<Vec<u8>> = shape.iter().map(|is| proper(scene, *is)).collect();
    let payload = payload.then(|| atom("payload"));
    let mut add = |group, name: String, control: Vec<u8>, payload: &Option<Vec<u8>>, expect| {
        let act = Act::Message(control, payload.clone());
        cases.push(Case { group, name: format!("op {op}: {name}"), act, expect });
    };
    for (place, is) in shape.iter().enumerate().skip(1) {
        for (what, term) in kinds(scene) {
            let mut elements = whole.clone();
            elements[place] = term;
            let expect = match fits(*is, what) {
                Some(false) => Expect::Close,
                // A pid or a reference that fits may still be of the wrong node.
                _ => Expect::Free,
            };
            add(GROUP, format!("element {} is {what}", place + 1), tuple(&elements), &payload, expect);
        }
        let mut elements = whole.clone();
        elements.remove(place);
        add(ARITY, format!("without element {}", place + 1), tuple(&elements), &payload, Expect::Close);
    }
    // Op 37 may grow; of the others a BEAM takes none longer.
    let longer = if op == 37 { Expect::Free } else { Expect::Close };
    let mut elements = whole.clone();
    elements.push(atom("more"));
    add(ARITY, "one more".into(), tuple(&elements), &payload, longer);
    for arity in [0, 1, 200, 255] {
        let mut control = tuple(&whole);
        control[1] = arity;
        add(ARITY, format!("arity {arity} announced"), control, &payload, Expect::Close);
    }
    let huge = [&[105, 0xff, 0xff, 0xff, 0xff][..], &whole.concat()].concat();
    add(ARITY, "arity 2^32-1 announced".into(), huge, &payload, Expect::Close);
    let control = tuple(&whole);
    for cut in (1..control.len()).step_by(3) {
        add("control: cut short", format!("cut at {cut}"), control[..cut].to_vec(), &None, Expect::Close);
    }
    if payload.is_some() {
        add("control: without payload", "no payload".into(), control, &None, Expect::Close);
    }
}

fn operations(scene: &Scene, cases: &mut Vec<Case>) {
    const GROUP: &str = "control: unknown operations";
    let known: Vec<u8> = SHAPES.iter().map(|(shape, _)| if let Op(op) = shape[0] { op } else { 0 }).collect();
    let mut add = |name: String, control: Vec<u8>, expect| {
        let act = Act::Message(control, Some(atom("payload")));
        cases.push(Case { group: GROUP, name, act, expect });
    };
    for op in (0..=255).filter(|op| !known.contains(op)) {
        // 4 is of another age: some releases take it.
        let expect = if op == 4 { Expect::Free } else { Expect::Close };
        add(format!("op {op}"), tuple(&[vec![97, op], scene.mine(), scene.theirs()]), expect);
    }
    for (what, term) in kinds(scene).into_iter().skip(1) {
        add(
            format!("the operation is {what}"),
            tuple(&[term.clone(), scene.mine(), scene.theirs()]),
            Expect::Close,
        );
        if !what.contains("tuple") {
            add(format!("the control message is {what}"), term, Expect::Close);
        }
    }
    add(
        "the operation is 2^40+1".into(),
        tuple(&[vec![110, 6, 0, 1, 0, 0, 0, 0, 1], scene.mine(), scene.theirs()]),
        Expect::Close,
    );
}

/// Well-formed messages about processes of nobody, of an older life, and of third nodes.
fn strangers(scene: &Scene, cases: &mut Vec<Case>) {
    const NOBODY: &str = "control: ids of nobody";
    const THIRD: &str = "control: ids of third nodes";
    const STAY: Expect = Expect::Stay;
    const NOPROC: Expect = Expect::Answer(&[3, 24]);
    const DOWN: Expect = Expect::Answer(&[21, 28]);
    let (me, dead, ref_mine) = (scene.mine(), scene.theirs(), scene.my_ref());
    let old = pid(&scene.node, 4_000, 1, scene.node_creation ^ 1);
    let odd = pid(&scene.node, 9, u32::MAX, scene.node_creation);
    let third = pid("third@localhost", 1, 0, 5);
    let nobody = atom("nobody");
    let op = |number: u8, rest: &[&Vec<u8>]| {
        let mut elements = vec![vec![97, number]];
        elements.extend(rest.iter().map(|element| (*element).clone()));
        tuple(&elements)
    };
    let x = atom("x");
    let id = vec![97, 7];
    let unknown = scene.their_ref();
    let alias = reference(&scene.node, scene.node_creation, &[9, 9, 9, 9, 9]);
    let mut add = |group, name: &str, control: Vec<u8>, payload: bool, expect| {
        let act = Act::Message(control, payload.then(|| atom("payload")));
        cases.push(Case { group, name: name.to_owned(), act, expect });
    };
    for (what, pid) in [("a dead process", &dead), ("an older life", &old)] {
        add(NOBODY, &format!("a message to {what}"), op(22, &[&me, pid]), true, STAY);
        add(NOBODY, &format!("an old message to {what}"), op(2, &[&x, pid]), true, STAY);
        add(NOBODY, &format!("an exit to {what}"), op(26, &[&me, pid]), true, STAY);
        add(NOBODY, &format!("a link to {what}"), op(1, &[&me, pid]), false, NOPROC);
        add(NOBODY, &format!("a monitor of {what}"), op(19, &[&me, pid, &ref_mine]), false, DOWN);
        add(NOBODY, &format!("the end of a monitor of {what}"), op(20, &[&me, pid, &ref_mine]), false, STAY);
        add(NOBODY, &format!("a new leader for {what}"), op(7, &[&me, pid]), false, STAY);
    }
    add(NOBODY, "unlink of a dead process", op(35, &[&id, &me, &dead]), false, Expect::Answer(&[36]));
    add(NOBODY, "unlink with id 0", op(35, &[&vec![97, 0], &me, &dead]), false, Expect::Close);
    add(NOBODY, "unlink answered that nobody sent", op(36, &[&id, &me, &dead]), false, STAY);
    add(NOBODY, "a link broken that there is not", op(24, &[&me, &dead]), true, STAY);
    add(NOBODY, "a message to nobody", op(6, &[&me, &x, &nobody]), true, STAY);
    add(NOBODY, "a monitor of nobody", op(19, &[&me, &nobody, &ref_mine]), false, DOWN);
    add(NOBODY, "a DOWN that nobody asked for", op(28, &[&me, &dead, &unknown]), true, STAY);
    add(NOBODY, "an alias of nobody", op(33, &[&me, &alias]), true, STAY);
    add(
        NOBODY,
        "a spawn reply that nobody asked for",
        op(31, &[&unknown, &dead, &vec![97, 0], &me]),
        false,
        STAY,
    );
    add(NOBODY, "ids out of every range", op(22, &[&me, &odd]), true, Expect::Free);
    let mfa = tuple(&[atom("erlang"), atom("halt"), vec![97, 1]]);
    let refused = Expect::Answer(&[31, 32]);
    add(NOBODY, "a spawn with odd options", op(29, &[&ref_mine, &me, &me, &mfa, &x]), true, refused);
    add(THIRD, "a link from a third node", op(1, &[&third, &dead]), false, Expect::Close);
    add(THIRD, "a link to a third node", op(1, &[&me, &third]), false, Expect::Close);
    add(THIRD, "a monitor from a third node", op(19, &[&third, &nobody, &ref_mine]), false, Expect::Close);
    add(THIRD, "a monitor of a third node", op(19, &[&me, &third, &ref_mine]), false, Expect::Close);
    add(THIRD, "a message to a third node", op(22, &[&me, &third]), true, Expect::Stay);
}
