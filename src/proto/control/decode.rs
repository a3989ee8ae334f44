//! Bytes to control tuples. Strict where a BEAM closes the connection, tolerant where it is.

use super::{altact, op, spawned, AltactSignal, Control, SignalTarget, SpawnReply, SpawnRequest, Target};
use crate::error::Malformed;
use crate::proto::header::walk;
use crate::term::tag;
use crate::term::{validate, Atom, Pid, Reference};
use bytes::Bytes;

/// The two node names that nearly every identifier on a connection bears. Their atoms are shared instead of made
/// anew for every pid.
#[derive(Debug, Clone)]
pub struct Names {
    /// Our name.
    pub ours: Atom,
    /// The peer's name.
    pub peer: Atom,
}

impl Control {
    /// Reads the control tuple at the front of `message`; returns it and the number of bytes it took. `atoms` is the
    /// table of the packet.
    ///
    /// # Errors
    /// Truncation, an unknown operation, a wrong arity or field. A BEAM closes the connection on all of them, and so
    /// should the caller.
    pub fn decode(message: &Bytes, atoms: &[Atom], names: &Names) -> Result<(Control, usize), Malformed> {
        let mut fields = Fields { message, at: 0, atoms, names };
        let (arity, op) = fields.head()?;
        let control = match fields.message_to(op, arity)? {
            Some(control) => control,
            None => fields.control(op, arity)?,
        };
        Ok((control, fields.at))
    }
}

/// A cursor over the elements of the tuple.
struct Fields<'a> {
    message: &'a Bytes,
    at: usize,
    atoms: &'a [Atom],
    names: &'a Names,
}

impl Fields<'_> {
    /// Ops 22 and 6 in their usual form. Nearly every packet is one of them, and the way through all operations
    /// costs half as much again.
    #[inline]
    fn message_to(&mut self, op: u8, arity: usize) -> Result<Option<Control>, Malformed> {
        let start = self.at;
        match (op, arity) {
            (op::SEND_SENDER, 3) => {
                if let (Some(from), Some(to)) = (self.usual_pid(), self.usual_pid()) {
                    return Ok(Some(Control::SendSender { from, to, token: None }));
                }
            }
            (op::REG_SEND, 4) => {
                if let Some(from) = self.usual_pid() {
                    self.skip()?;
                    return Ok(Some(Control::RegSend { from, to: self.atom()?, token: None }));
                }
            }
            _ => {}
        }
        self.at = start;
        Ok(None)
    }

    fn control(&mut self, op: u8, arity: usize) -> Result<Control, Malformed> {
        let exact = |expected: usize| match arity == expected {
            true => Ok(()),
            false => Err(Malformed::new("arity of a control tuple", 1)),
        };
        match op {
            op::LINK => {
                exact(3)?;
                Ok(Control::Link { from: self.pid()?, to: self.pid()? })
            }
            op::SEND => {
                exact(3)?;
                self.skip()?;
                Ok(Control::Send { to: self.pid()?, token: None })
            }
            op::SEND_TT => {
                exact(4)?;
                self.skip()?;
                Ok(Control::Send { to: self.pid()?, token: Some(self.raw()?) })
            }
            op::EXIT => {
                exact(4)?;
                Ok(Control::Exit { from: self.pid()?, to: self.pid()?, token: None, reason: self.raw()? })
            }
            op::EXIT_TT => {
                exact(5)?;
                let (from, to) = (self.pid()?, self.pid()?);
                Ok(Control::Exit { from, to, token: Some(self.raw()?), reason: self.raw()? })
            }
            op::UNLINK => {
                exact(3)?;
                Ok(Control::Unlink { from: self.pid()?, to: self.pid()? })
            }
            op::REG_SEND => {
                exact(4)?;
                let from = self.pid()?;
                self.skip()?;
                Ok(Control::RegSend { from, to: self.atom()?, token: None })
            }
            op::REG_SEND_TT => {
                exact(5)?;
                let from = self.pid()?;
                self.skip()?;
                Ok(Control::RegSend { from, to: self.atom()?, token: Some(self.raw()?) })
            }
            op::GROUP_LEADER => {
                exact(3)?;
                Ok(Control::GroupLeader { leader: self.pid()?, pid: self.pid()? })
            }
            op::EXIT2 => {
                exact(4)?;
                Ok(Control::Exit2 { from: self.pid()?, to: self.pid()?, token: None, reason: self.raw()? })
            }
            op::EXIT2_TT => {
                exact(5)?;
                let (from, to) = (self.pid()?, self.pid()?);
                Ok(Control::Exit2 { from, to, token: Some(self.raw()?), reason: self.raw()? })
            }
            op::MONITOR_P => {
                exact(4)?;
                let (from, to) = (self.pid()?, self.target()?);
                Ok(Control::MonitorP { from, to, reference: self.reference()? })
            }
            op::DEMONITOR_P => {
                exact(4)?;
                let (from, to) = (self.pid()?, self.target()?);
                Ok(Control::DemonitorP { from, to, reference: self.reference()? })
            }
            op::MONITOR_P_EXIT => {
                exact(5)?;
                let (from, to, reference) = (self.target()?, self.pid()?, self.reference()?);
                Ok(Control::MonitorPExit { from, to, reference, reason: self.raw()? })
            }
            op::SEND_SENDER => {
                exact(3)?;
                Ok(Control::SendSender { from: self.pid()?, to: self.pid()?, token: None })
            }
            op::SEND_SENDER_TT => {
                exact(4)?;
                Ok(Control::SendSender { from: self.pid()?, to: self.pid()?, token: Some(self.raw()?) })
            }
            op::PAYLOAD_EXIT => {
                exact(3)?;
                Ok(Control::PayloadExit { from: self.pid()?, to: self.pid()?, token: None })
            }
            op::PAYLOAD_EXIT_TT => {
                exact(4)?;
                Ok(Control::PayloadExit { from: self.pid()?, to: self.pid()?, token: Some(self.raw()?) })
            }
            op::PAYLOAD_EXIT2 => {
                exact(3)?;
                Ok(Control::PayloadExit2 { from: self.pid()?, to: self.pid()?, token: None })
            }
            op::PAYLOAD_EXIT2_TT => {
                exact(4)?;
                Ok(Control::PayloadExit2 { from: self.pid()?, to: self.pid()?, token: Some(self.raw()?) })
            }
            op::PAYLOAD_MONITOR_P_EXIT => {
                exact(4)?;
                let (from, to) = (self.target()?, self.pid()?);
                Ok(Control::PayloadMonitorPExit { from, to, reference: self.reference()? })
            }
            op::SPAWN_REQUEST => {
                exact(6)?;
                self.spawn_request(false)
            }
            op::SPAWN_REQUEST_TT => {
                exact(7)?;
                self.spawn_request(true)
            }
            op::SPAWN_REPLY => {
                exact(5)?;
                self.spawn_reply(false)
            }
            op::SPAWN_REPLY_TT => {
                exact(6)?;
                self.spawn_reply(true)
            }
            op::ALIAS_SEND => {
                exact(3)?;
                Ok(Control::AliasSend { from: self.pid()?, to: self.reference()?, token: None })
            }
            op::ALIAS_SEND_TT => {
                exact(4)?;
                Ok(Control::AliasSend { from: self.pid()?, to: self.reference()?, token: Some(self.raw()?) })
            }
            op::UNLINK_ID => {
                exact(4)?;
                Ok(Control::UnlinkId { id: self.unlink_id()?, from: self.pid()?, to: self.pid()? })
            }
            op::UNLINK_ID_ACK => {
                exact(4)?;
                Ok(Control::UnlinkIdAck { id: self.unlink_id()?, from: self.pid()?, to: self.pid()? })
            }
            op::ALTACT_SIG_SEND => self.altact_signal(arity),
            _ => Err(Malformed::new("operation of a control tuple", 2)),
        }
    }

    fn spawn_request(&mut self, traced: bool) -> Result<Control, Malformed> {
        let (reference, from, leader) = (self.reference()?, self.pid()?, self.pid()?);
        if self.tuple()? != 3 {
            return Err(self.wrong("module, function and arity"));
        }
        let (module, function) = (self.atom()?, self.atom()?);
        let arity = u8::try_from(self.integer()?).map_err(|_| self.wrong("arity of a function"))?;
        let options = self.raw()?;
        let token = if traced { Some(self.raw()?) } else { None };
        let request = SpawnRequest { reference, from, leader, module, function, arity, options, token };
        Ok(Control::SpawnRequest(Box::new(request)))
    }

    fn spawn_reply(&mut self, traced: bool) -> Result<Control, Malformed> {
        let (reference, to, flags) = (self.reference()?, self.pid()?, self.integer()?);
        let result = match self.target()? {
            Target::Pid(pid) => Ok(pid),
            Target::Name(error) => Err(error),
        };
        let token = if traced { Some(self.raw()?) } else { None };
        Ok(Control::SpawnReply(Box::new(SpawnReply {
            reference,
            to,
            linked: flags & spawned::LINKED != 0,
            monitored: flags & spawned::MONITORED != 0,
            result,
            token,
        })))
    }

    /// Higher flags and further elements are for releases to come.
    fn altact_signal(&mut self, arity: usize) -> Result<Control, Malformed> {
        if arity < 4 {
            return Err(self.wrong("arity of a control tuple"));
        }
        let flags = self.integer()?;
        let from = self.pid()?;
        let to = match (flags & altact::ALIAS != 0, flags & altact::NAME != 0) {
            (false, false) => SignalTarget::Pid(self.pid()?),
            (true, false) => SignalTarget::Alias(self.reference()?),
            (false, true) => SignalTarget::Name(self.atom()?),
            (true, true) => return Err(self.wrong("flags of a signal")),
        };
        let mut read = 4;
        let token = match flags & altact::TOKEN != 0 {
            true if arity >= 5 => {
                read = 5;
                Some(self.raw()?)
            }
            true => return Err(self.wrong("arity of a control tuple")),
            false => None,
        };
        // A tuple of a 32-bit arity cannot be longer than its bytes: skipping fails at their end.
        for _ in read..arity {
            self.skip()?;
        }
        let (priority, exit) = (flags & altact::PRIORITY != 0, flags & altact::EXIT != 0);
        Ok(Control::AltactSignal(Box::new(AltactSignal { priority, exit, from, to, token })))
    }

    fn wrong(&self, what: &'static str) -> Malformed {
        Malformed::new(what, self.at)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], Malformed> {
        let rest = self.message.get(self.at..).unwrap_or_default();
        let bytes = *rest.first_chunk::<N>().ok_or(self.wrong(what))?;
        self.at += N;
        Ok(bytes)
    }

    fn byte(&mut self, what: &'static str) -> Result<u8, Malformed> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        self.array(what).map(u32::from_be_bytes)
    }

    fn slice(&mut self, length: usize, what: &'static str) -> Result<&[u8], Malformed> {
        let end = self.at.saturating_add(length);
        let bytes = self.message.get(self.at..end).ok_or(Malformed::new(what, self.at))?;
        self.at = end;
        Ok(bytes)
    }

    fn tuple(&mut self) -> Result<usize, Malformed> {
        match self.byte("tuple")? {
            tag::SMALL_TUPLE => self.byte("tuple").map(usize::from),
            tag::LARGE_TUPLE => self.u32("tuple").map(|arity| arity as usize),
            _ => Err(self.wrong("tuple")),
        }
    }

    /// Arity and operation.
    #[inline]
    fn head(&mut self) -> Result<(usize, u8), Malformed> {
        if let Some(&[tag::SMALL_TUPLE, arity, tag::SMALL_INTEGER, op]) = self.message.first_chunk::<4>() {
            self.at = 4;
            return Ok((usize::from(arity), op));
        }
        let arity = self.tuple()?;
        let op =
            u8::try_from(self.integer()?).map_err(|_| Malformed::new("operation of a control tuple", 2))?;
        Ok((arity, op))
    }

    /// A number that is not negative. Of numbers beyond 64 bits the lower ones are kept: only flags can be that long,
    /// and the flags known lie there.
    fn integer(&mut self) -> Result<u64, Malformed> {
        const WHAT: &str = "number in a control tuple";
        let length = match self.byte(WHAT)? {
            tag::SMALL_INTEGER => return self.byte(WHAT).map(u64::from),
            tag::INTEGER => {
                let int = i32::from_be_bytes(self.array(WHAT)?);
                return u64::try_from(int).map_err(|_| self.wrong(WHAT));
            }
            tag::SMALL_BIG => usize::from(self.byte(WHAT)?),
            tag::LARGE_BIG => self.u32(WHAT)? as usize,
            _ => return Err(self.wrong(WHAT)),
        };
        let negative = self.byte(WHAT)? != 0;
        let bytes = self.slice(length, WHAT)?;
        let number = bytes.iter().take(8).rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        if negative && bytes.iter().any(|&byte| byte != 0) {
            return Err(self.wrong(WHAT));
        }
        Ok(number)
    }

    /// 1 to 2^64-1, told apart from longer numbers.
    fn unlink_id(&mut self) -> Result<u64, Malformed> {
        let start = self.at;
        let id = self.integer()?;
        // Only a big integer takes more than tag, length, sign and eight bytes; leading zeros are nobody's habit.
        if id == 0 || self.at - start > 11 {
            return Err(Malformed::new("unlink id", start));
        }
        Ok(id)
    }

    /// An atom. Node names and the packet's atoms are shared, others are made.
    #[inline]
    fn atom(&mut self) -> Result<Atom, Malformed> {
        const WHAT: &str = "atom in a control tuple";
        let start = self.at;
        let tag = self.byte(WHAT)?;
        let length = match tag {
            tag::SMALL_ATOM_UTF8 | tag::SMALL_ATOM => usize::from(self.byte(WHAT)?),
            tag::ATOM_UTF8 | tag::ATOM => usize::from(u16::from_be_bytes(self.array(WHAT)?)),
            tag::ATOM_CACHE_REF => {
                let index = usize::from(self.byte(WHAT)?);
                return self
                    .atoms
                    .get(index)
                    .cloned()
                    .ok_or(Malformed::new("reference beyond the atom section", start));
            }
            _ => return Err(Malformed::new(WHAT, start)),
        };
        let names = self.names;
        let bytes = self.slice(length, WHAT)?;
        if matches!(tag, tag::SMALL_ATOM | tag::ATOM) {
            let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
            return Atom::new(&text).map_err(|_| Malformed::new("length of an atom", start));
        }
        if bytes == names.peer.as_bytes() {
            return Ok(names.peer.clone());
        }
        if bytes == names.ours.as_bytes() {
            return Ok(names.ours.clone());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::new("UTF-8 of an atom", start))?;
        Atom::new(text).map_err(|_| Malformed::new("length of an atom", start))
    }

    /// A pid in the spelling of today, of a node that `names` knows: nearly all of them, and worth a short way.
    #[inline]
    fn usual_pid(&mut self) -> Option<Pid> {
        let Names { ours, peer } = self.names;
        let rest = self.message.get(self.at..)?;
        let ([tag::NEW_PID, tag::SMALL_ATOM_UTF8, length], rest) = rest.split_first_chunk()? else {
            return None;
        };
        let length = usize::from(*length);
        let (name, rest) = rest.split_at_checked(length)?;
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *rest.first_chunk::<12>()?;
        let node = match name {
            name if name == peer.as_bytes() => peer,
            name if name == ours.as_bytes() => ours,
            _ => return None,
        };
        self.at += 3 + length + 12;
        Some(Pid {
            node: node.clone(),
            id: u32::from_be_bytes([a, b, c, d]),
            serial: u32::from_be_bytes([e, f, g, h]),
            creation: u32::from_be_bytes([i, j, k, l]),
        })
    }

    fn pid(&mut self) -> Result<Pid, Malformed> {
        match self.usual_pid() {
            Some(pid) => Ok(pid),
            None => self.any_pid(),
        }
    }

    #[cold]
    fn any_pid(&mut self) -> Result<Pid, Malformed> {
        const WHAT: &str = "pid in a control tuple";
        match self.byte(WHAT)? {
            tag::NEW_PID => {
                let node = self.atom()?;
                let [a, b, c, d, e, f, g, h, i, j, k, l] = self.array::<12>(WHAT)?;
                Ok(Pid {
                    node,
                    id: u32::from_be_bytes([a, b, c, d]),
                    serial: u32::from_be_bytes([e, f, g, h]),
                    creation: u32::from_be_bytes([i, j, k, l]),
                })
            }
            tag::PID => {
                let (node, id, serial) = (self.atom()?, self.u32(WHAT)?, self.u32(WHAT)?);
                Ok(Pid { node, id, serial, creation: self.old_creation()? })
            }
            _ => {
                self.at -= 1;
                Err(self.wrong(WHAT))
            }
        }
    }

    fn old_creation(&mut self) -> Result<u32, Malformed> {
        match self.byte("creation")? {
            creation @ 0..=tag::MAX_OLD_CREATION => Ok(creation.into()),
            _ => Err(self.wrong("creation")),
        }
    }

    fn reference(&mut self) -> Result<Reference, Malformed> {
        const WHAT: &str = "reference in a control tuple";
        let tag = self.byte(WHAT)?;
        let count = match tag {
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE => usize::from(u16::from_be_bytes(self.array(WHAT)?)),
            tag::REFERENCE => 1,
            _ => return Err(self.wrong(WHAT)),
        };
        let node = self.atom()?;
        let mut words = [0; tag::MAX_REFERENCE_WORDS];
        if tag == tag::REFERENCE {
            words[0] = self.u32(WHAT)?;
        }
        let creation = match tag {
            tag::NEWER_REFERENCE => self.u32(WHAT)?,
            _ => self.old_creation()?,
        };
        let words = words.get_mut(..count).ok_or(self.wrong("words of a reference"))?;
        if tag != tag::REFERENCE {
            for word in &mut *words {
                *word = self.u32(WHAT)?;
            }
        }
        Reference::new(node, creation, words).map_err(|_| self.wrong(WHAT))
    }

    fn target(&mut self) -> Result<Target, Malformed> {
        match self.message.get(self.at) {
            Some(&(tag::NEW_PID | tag::PID)) => self.pid().map(Target::Pid),
            _ => self.atom().map(Target::Name),
        }
    }

    fn skip(&mut self) -> Result<(), Malformed> {
        // The empty atom of nearly every message.
        if let Some([tag::SMALL_ATOM_UTF8, 0]) = self.message.get(self.at..self.at + 2) {
            self.at += 2;
            return Ok(());
        }
        self.at = walk::skip(self.message, self.at)?;
        Ok(())
    }

    /// The bytes of one term. Checked in full: reasons are handed on to users and other nodes.
    fn raw(&mut self) -> Result<Bytes, Malformed> {
        let start = self.at;
        let rest = self.message.get(start..).unwrap_or_default();
        let length = validate(rest, self.atoms).map_err(|e| Malformed::new(e.what, start + e.offset))?;
        self.at = start + length;
        Ok(self.message.slice(start..self.at))
    }
}
