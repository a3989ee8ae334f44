//! What the scope processes of two nodes say to each other (protocol section 10), as bytes.
//!
//! We speak the form that OTP 23 to 28 speak and that 29 takes too, and read both. A scope process of a BEAM dies of
//! any message it does not know, and that of OTP 25 of the newer greeting: nothing else is ever sent to one.

use bytes::Bytes;

use crate::node::links::finish;
use crate::service::gen;
use crate::term::{Pid, Reader, Reference, Term, Writer};

/// Size of a group's name, encoded; names are atoms or small tuples.
const MAX_NAME_BYTES: usize = 64 << 10;

/// A message of a peer's scope, or a call of somebody's process.
#[derive(Debug)]
pub(crate) enum Heard {
    /// `{discover, Peer}` or, from OTP 29, `{discover, Peer, Version}`.
    Discover { peer: Pid },
    /// `{'$gen_cast', {sync, Peer, [{Group, [Pid]}]}}` or `{'$gen_cast', {local_data, Peer, Version, #{Group => [Pid]}}}`.
    Sync { peer: Pid, groups: Vec<(Term, Vec<Pid>)> },
    /// `{join, Peer, Group, Pid | [Pid]}`.
    Join { peer: Pid, group: Term, pids: Vec<Pid> },
    /// `{leave, Peer, Pid | [Pid], [Group]}`.
    Leave { peer: Pid, pids: Vec<Pid>, groups: Vec<Term> },
    /// `{update, Peer, [{Group, Added, Removed}]}`.
    Update { peer: Pid, changes: Vec<(Term, Vec<Pid>, Vec<Pid>)> },
    /// `{'$gen_call', From, monitor | {monitor, Group} | {demonitor, Ref}}`, as `pg` of a BEAM asks its own scope.
    Call { from: gen::From, request: Request },
}

/// What a process may ask of a scope.
#[derive(Debug)]
pub(crate) enum Request {
    /// To hear of all groups (`None`) or one.
    Monitor(Option<Term>),
    /// To hear no more.
    Demonitor(Reference),
    /// Something else.
    Unknown,
}

impl Heard {
    /// The scope process that says to have sent it.
    pub(crate) fn peer(&self) -> Option<&Pid> {
        match self {
            Heard::Discover { peer }
            | Heard::Sync { peer, .. }
            | Heard::Join { peer, .. }
            | Heard::Leave { peer, .. }
            | Heard::Update { peer, .. } => Some(peer),
            Heard::Call { .. } => None,
        }
    }
}

/// Reads a message; `None` if it is none that a scope knows.
pub(crate) fn read(payload: &[u8]) -> Option<Heard> {
    let mut reader = Reader::new(payload);
    let arity = reader.tuple()?;
    if reader.atom_is("$gen_cast") && arity == 2 {
        return read_cast(&mut reader);
    }
    if reader.atom_is("$gen_call") && arity == 3 {
        let from = gen::From::read(&mut reader)?;
        return Some(Heard::Call { from, request: read_request(&mut reader)? });
    }
    let verb = reader.atom()?;
    let peer = reader.pid()?;
    match (&*verb, arity) {
        ("discover", 2) => Some(Heard::Discover { peer }),
        ("discover", 3) => reader.skip().then_some(Heard::Discover { peer }),
        ("join", 4) => {
            let group = name(&mut reader)?;
            Some(Heard::Join { peer, group, pids: pids(&mut reader)? })
        }
        ("leave", 4) => {
            let pids = pids(&mut reader)?;
            let groups = list(&mut reader, name)?;
            Some(Heard::Leave { peer, pids, groups })
        }
        ("update", 3) => {
            let changes = list(&mut reader, |reader| {
                reader.tuple_of(3).then_some(())?;
                Some((name(reader)?, pids(reader)?, pids(reader)?))
            })?;
            Some(Heard::Update { peer, changes })
        }
        _ => None,
    }
}

fn read_cast(reader: &mut Reader<'_>) -> Option<Heard> {
    let arity = reader.tuple()?;
    let verb = reader.atom()?;
    let peer = reader.pid()?;
    let groups = match (&*verb, arity) {
        ("sync", 3) => list(reader, |reader| {
            reader.tuple_of(2).then_some(())?;
            Some((name(reader)?, pids(reader)?))
        })?,
        ("local_data", 4) => {
            reader.skip();
            let count = reader.map()?;
            let mut groups = Vec::new();
            for _ in 0..count {
                groups.push((name(reader)?, pids(reader)?));
            }
            groups
        }
        _ => return None,
    };
    Some(Heard::Sync { peer, groups })
}

fn read_request(reader: &mut Reader<'_>) -> Option<Request> {
    if reader.atom_is("monitor") {
        return Some(Request::Monitor(None));
    }
    if reader.tuple_of(2) {
        if reader.atom_is("monitor") {
            return Some(Request::Monitor(Some(name(reader)?)));
        }
        if reader.atom_is("demonitor") {
            return Some(Request::Demonitor(reader.reference()?));
        }
    }
    Some(Request::Unknown)
}

/// The name of a group: any term of a sensible size.
fn name(reader: &mut Reader<'_>) -> Option<Term> {
    let start = reader.position();
    let name = reader.term()?;
    (reader.position() - start <= MAX_NAME_BYTES).then_some(name)
}

/// A proper list of what `element` reads.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    mut element: impl FnMut(&mut Reader<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    if reader.nil() {
        return Some(Vec::new());
    }
    let count = reader.list()?;
    let mut elements = Vec::new();
    for _ in 0..count {
        elements.push(element(reader)?);
    }
    reader.nil().then_some(elements)
}

/// A pid or a proper list of pids.
fn pids(reader: &mut Reader<'_>) -> Option<Vec<Pid>> {
    match reader.pid() {
        Some(pid) => Some(vec![pid]),
        None => list(reader, Reader::pid),
    }
}

/// Pids as a proper list.
pub(crate) fn put_pids(writer: &mut Writer, pids: &[Pid]) {
    if !pids.is_empty() {
        writer.list(pids.len());
        for pid in pids {
            writer.pid(pid);
        }
    }
    writer.nil();
}

/// `{discover, Us}`.
pub(crate) fn discover(own: &Pid) -> Bytes {
    let mut writer = Writer::new();
    writer.tuple(2).atom("discover").pid(own);
    finish(writer)
}

/// `{'$gen_cast', {sync, Us, [{Group, [Pid]}]}}`.
pub(crate) fn sync<G: AsRef<Term>>(own: &Pid, groups: &[(G, Vec<Pid>)]) -> Bytes {
    let mut writer = Writer::new();
    writer.tuple(2).atom("$gen_cast").tuple(3).atom("sync").pid(own);
    if !groups.is_empty() {
        writer.list(groups.len());
        for (group, pids) in groups {
            writer.tuple(2).term(group.as_ref());
            put_pids(&mut writer, pids);
        }
    }
    writer.nil();
    finish(writer)
}

/// `{join, Us, Group, [Pid]}`.
pub(crate) fn join(own: &Pid, group: &Term, pids: &[Pid]) -> Bytes {
    let mut writer = Writer::new();
    writer.tuple(4).atom("join").pid(own).term(group);
    put_pids(&mut writer, pids);
    finish(writer)
}

/// `{leave, Us, [Pid], [Group]}`; a group stands there as often as each pid leaves it.
pub(crate) fn leave<G: AsRef<Term>>(own: &Pid, pids: &[Pid], groups: &[G]) -> Bytes {
    let mut writer = Writer::new();
    writer.tuple(4).atom("leave").pid(own);
    put_pids(&mut writer, pids);
    writer.list(groups.len());
    for group in groups {
        writer.term(group.as_ref());
    }
    writer.nil();
    finish(writer)
}

/// `{Ref, join | leave, Group, [Pid]}`, for who monitors.
pub(crate) fn event(reference: &Reference, joined: bool, group: &Term, pids: &[Pid]) -> Bytes {
    let mut writer = Writer::new();
    writer.tuple(4).reference(reference).atom(if joined { "join" } else { "leave" }).term(group);
    put_pids(&mut writer, pids);
    finish(writer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> Pid {
        Pid { node: crate::term::Atom::from_static("a@b"), id: 1, serial: 0, creation: 5 }
    }

    /// Reads the term of this text, in which PEER stands for a pid.
    fn heard(text: &str) -> Option<Heard> {
        let text = Term::parse(&text.replace("PEER", "'PEER'")).unwrap().to_bytes().unwrap();
        let pid = Term::Pid(Box::new(peer())).to_bytes().unwrap();
        let mut bytes = Vec::new();
        let mut rest = &text[..];
        while let Some(place) = rest.windows(6).position(|window| window == b"\x77\x04PEER") {
            bytes.extend_from_slice(&rest[..place]);
            bytes.extend_from_slice(&pid);
            rest = &rest[place + 6..];
        }
        bytes.extend_from_slice(rest);
        read(&bytes)
    }

    #[test]
    fn the_forms_of_all_releases_are_understood() {
        let form = heard;
        let Some(Heard::Sync { groups, .. }) = form("{'$gen_cast',{sync,PEER,[{red,[PEER,PEER]},{[],[]}]}}")
        else {
            panic!("sync")
        };
        assert_eq!((groups.len(), groups[0].1.len(), groups[1].1.len()), (2, 2, 0));
        assert!(matches!(form("{discover,PEER}"), Some(Heard::Discover { .. })));
        assert!(matches!(form("{discover,PEER,1}"), Some(Heard::Discover { .. })));
        assert!(matches!(form("{join,PEER,{a,1},PEER}"), Some(Heard::Join { pids, .. }) if pids.len() == 1));
        assert!(
            matches!(form("{join,PEER,\"x\",[PEER,PEER]}"), Some(Heard::Join { pids, .. }) if pids.len() == 2)
        );
        assert!(
            matches!(form("{leave,PEER,PEER,[a,a]}"), Some(Heard::Leave { groups, .. }) if groups.len() == 2)
        );
        let data = "{'$gen_cast',{local_data,PEER,0,#{red => [PEER],blue => []}}}";
        assert!(matches!(form(data), Some(Heard::Sync { groups, .. }) if groups.len() == 2));
        let update = "{update,PEER,[{red,[PEER],[]},{blue,[],[PEER]}]}";
        assert!(matches!(form(update), Some(Heard::Update { changes, .. }) if changes.len() == 2));
    }

    #[test]
    fn garbage_is_nothing() {
        for text in [
            "hello",
            "{}",
            "{discover,me}",
            "{discover,PEER,1,2}",
            "{join,PEER,red,[PEER|PEER]}",
            "{join,PEER,red,red}",
            "{join,PEER,red,[1,2]}",
            "{leave,PEER,[PEER],red}",
            "{leave,PEER,[PEER],[red|blue]}",
            "{'$gen_cast',{sync,PEER,[{red}]}}",
            "{'$gen_cast',{sync,PEER,#{}}}",
            "{'$gen_cast',{local_data,PEER,1,[]}}",
            "{update,PEER,[{red,[PEER]}]}",
        ] {
            assert!(heard(text).is_none(), "{text}");
        }
        assert!(read(&[]).is_none() && read(&[104, 2]).is_none());
    }

    #[test]
    fn what_we_write_we_can_read() {
        let own = peer();
        let red = Term::atom("red");
        let groups = [(std::sync::Arc::new(red.clone()), vec![own.clone()])];
        assert!(matches!(read(&sync(&own, &groups)), Some(Heard::Sync { .. })));
        assert!(matches!(read(&sync::<std::sync::Arc<Term>>(&own, &[])), Some(Heard::Sync { .. })));
        assert!(matches!(read(&discover(&own)), Some(Heard::Discover { .. })));
        assert!(matches!(read(&join(&own, &red, std::slice::from_ref(&own))), Some(Heard::Join { .. })));
        let names = [std::sync::Arc::new(red)];
        assert!(matches!(read(&leave(&own, std::slice::from_ref(&own), &names)), Some(Heard::Leave { .. })));
    }
}
