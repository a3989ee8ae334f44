//! Control tuples to bytes, appended to whatever the caller is building.

use super::{altact, spawned, Control, SignalTarget, Target};
use crate::term::tag;
use crate::term::{Atom, Pid, Reference};
use bytes::Bytes;

impl Control {
    /// Appends the tuple, without version byte.
    pub fn encode_to(&self, out: &mut Vec<u8>) {
        let op = self.op();
        match self {
            Control::Link { from, to } | Control::Unlink { from, to } => pids(out, op, from, to, &None),
            Control::GroupLeader { leader, pid } => pids(out, op, leader, pid, &None),
            Control::SendSender { from, to, token }
            | Control::PayloadExit { from, to, token }
            | Control::PayloadExit2 { from, to, token } => pids(out, op, from, to, token),
            Control::Send { to, token } => {
                head(out, 3 + u8::from(token.is_some()), op);
                out.extend_from_slice(EMPTY_ATOM);
                put_pid(out, to);
                put_token(out, token);
            }
            Control::RegSend { from, to, token } => {
                head(out, 4 + u8::from(token.is_some()), op);
                put_pid(out, from);
                out.extend_from_slice(EMPTY_ATOM);
                put_atom(out, to);
                put_token(out, token);
            }
            Control::Exit { from, to, token, reason } | Control::Exit2 { from, to, token, reason } => {
                head(out, 4 + u8::from(token.is_some()), op);
                put_pid(out, from);
                put_pid(out, to);
                put_token(out, token);
                out.extend_from_slice(reason);
            }
            Control::MonitorP { from, to, reference } | Control::DemonitorP { from, to, reference } => {
                head(out, 4, op);
                put_pid(out, from);
                put_target(out, to);
                put_reference(out, reference);
            }
            Control::MonitorPExit { from, to, reference, reason } => {
                head(out, 5, op);
                put_target(out, from);
                put_pid(out, to);
                put_reference(out, reference);
                out.extend_from_slice(reason);
            }
            Control::PayloadMonitorPExit { from, to, reference } => {
                head(out, 4, op);
                put_target(out, from);
                put_pid(out, to);
                put_reference(out, reference);
            }
            Control::SpawnRequest(request) => {
                head(out, 6 + u8::from(request.token.is_some()), op);
                put_reference(out, &request.reference);
                put_pid(out, &request.from);
                put_pid(out, &request.leader);
                out.extend_from_slice(&[tag::SMALL_TUPLE, 3]);
                put_atom(out, &request.module);
                put_atom(out, &request.function);
                put_u64(out, request.arity.into());
                out.extend_from_slice(&request.options);
                put_token(out, &request.token);
            }
            Control::SpawnReply(reply) => {
                let linked = if reply.linked { spawned::LINKED } else { 0 };
                let monitored = if reply.monitored { spawned::MONITORED } else { 0 };
                head(out, 5 + u8::from(reply.token.is_some()), op);
                put_reference(out, &reply.reference);
                put_pid(out, &reply.to);
                put_u64(out, linked | monitored);
                match &reply.result {
                    Ok(pid) => put_pid(out, pid),
                    Err(error) => put_atom(out, error),
                }
                put_token(out, &reply.token);
            }
            Control::AliasSend { from, to, token } => {
                head(out, 3 + u8::from(token.is_some()), op);
                put_pid(out, from);
                put_reference(out, to);
                put_token(out, token);
            }
            Control::UnlinkId { id, from, to } | Control::UnlinkIdAck { id, from, to } => {
                head(out, 4, op);
                put_u64(out, *id);
                put_pid(out, from);
                put_pid(out, to);
            }
            Control::AltactSignal(signal) => {
                let bit = |set: bool, flag: u64| if set { flag } else { 0 };
                let flags = bit(signal.priority, altact::PRIORITY)
                    | bit(signal.exit, altact::EXIT)
                    | bit(signal.token.is_some(), altact::TOKEN)
                    | bit(matches!(signal.to, SignalTarget::Alias(_)), altact::ALIAS)
                    | bit(matches!(signal.to, SignalTarget::Name(_)), altact::NAME);
                head(out, 4 + u8::from(signal.token.is_some()), op);
                put_u64(out, flags);
                put_pid(out, &signal.from);
                match &signal.to {
                    SignalTarget::Pid(pid) => put_pid(out, pid),
                    SignalTarget::Name(name) => put_atom(out, name),
                    SignalTarget::Alias(alias) => put_reference(out, alias),
                }
                put_token(out, &signal.token);
            }
        }
    }
}

const EMPTY_ATOM: &[u8] = &[tag::SMALL_ATOM_UTF8, 0];

fn head(out: &mut Vec<u8>, arity: u8, op: u8) {
    out.extend_from_slice(&[tag::SMALL_TUPLE, arity, tag::SMALL_INTEGER, op]);
}

/// `{Op, A, B}` or `{Op, A, B, Token}`.
fn pids(out: &mut Vec<u8>, op: u8, first: &Pid, second: &Pid, token: &Option<Bytes>) {
    head(out, 3 + u8::from(token.is_some()), op);
    put_pid(out, first);
    put_pid(out, second);
    put_token(out, token);
}

fn put_token(out: &mut Vec<u8>, token: &Option<Bytes>) {
    if let Some(token) = token {
        out.extend_from_slice(token);
    }
}

fn put_target(out: &mut Vec<u8>, target: &Target) {
    match target {
        Target::Pid(pid) => put_pid(out, pid),
        Target::Name(name) => put_atom(out, name),
    }
}

fn put_atom(out: &mut Vec<u8>, atom: &Atom) {
    let text = atom.as_bytes();
    match u8::try_from(text.len()) {
        Ok(length) => out.extend_from_slice(&[tag::SMALL_ATOM_UTF8, length]),
        Err(_) => {
            out.push(tag::ATOM_UTF8);
            out.extend_from_slice(&(text.len() as u16).to_be_bytes()); // 255 characters are 1,020 bytes at most
        }
    }
    out.extend_from_slice(text);
}

fn put_pid(out: &mut Vec<u8>, pid: &Pid) {
    out.push(tag::NEW_PID);
    put_atom(out, &pid.node);
    let mut numbers = [0; 12];
    numbers[..4].copy_from_slice(&pid.id.to_be_bytes());
    numbers[4..8].copy_from_slice(&pid.serial.to_be_bytes());
    numbers[8..].copy_from_slice(&pid.creation.to_be_bytes());
    out.extend_from_slice(&numbers);
}

fn put_reference(out: &mut Vec<u8>, reference: &Reference) {
    let words = reference.words();
    out.extend_from_slice(&[tag::NEWER_REFERENCE, 0, words.len() as u8]); // 5 at most
    put_atom(out, reference.node());
    out.extend_from_slice(&reference.creation().to_be_bytes());
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

fn put_u64(out: &mut Vec<u8>, number: u64) {
    if let Ok(small) = u8::try_from(number) {
        out.extend_from_slice(&[tag::SMALL_INTEGER, small]);
    } else if let Ok(int) = i32::try_from(number) {
        out.push(tag::INTEGER);
        out.extend_from_slice(&int.to_be_bytes());
    } else {
        let bytes = number.to_le_bytes();
        let length = 8 - number.leading_zeros() as usize / 8;
        out.extend_from_slice(&[tag::SMALL_BIG, length as u8, 0]);
        out.extend_from_slice(bytes.get(..length).unwrap_or(&bytes));
    }
}
