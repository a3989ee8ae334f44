//! Appending single items to a buffer, in the form a BEAM gives them.
//!
//! The caller checked everything. Growing is done on a buffer that is handed over and back, so that the compiler can
//! keep a buffer that is a local variable in registers; look at `benches/codec` when you change that.

use std::mem;

use super::atom::INLINE;
use super::tag::{self, MAX_STRING};
use super::{Atom, Export, Pid, Port, Reference};
use crate::error::reserve;

/// Makes room for `more` bytes.
#[inline(always)]
fn room(out: &mut Vec<u8>, more: usize) {
    while out.capacity() - out.len() < more {
        *out = grown(mem::take(out), more);
    }
}

#[cold]
#[inline(never)]
fn grown(mut out: Vec<u8>, more: usize) -> Vec<u8> {
    reserve(&mut out, more.max(64)); // a short message needs one allocation
    out
}

/// A few bytes.
#[inline(always)]
pub(crate) fn bytes<const N: usize>(out: &mut Vec<u8>, bytes: [u8; N]) {
    room(out, N);
    out.extend_from_slice(&bytes);
}

/// A few bytes and then data of any length.
#[inline(always)]
pub(crate) fn headed<const N: usize>(out: &mut Vec<u8>, head: [u8; N], data: &[u8]) {
    room(out, N + data.len());
    out.extend_from_slice(&head);
    out.extend_from_slice(data);
}

/// An atom of checked text, given as UTF-8.
#[inline(always)]
pub(crate) fn atom(out: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(len) => headed(out, [tag::SMALL_ATOM_UTF8, len], text),
        Err(_) => {
            let [.., a, b] = text.len().to_be_bytes();
            headed(out, [tag::ATOM_UTF8, a, b], text);
        }
    }
}

/// An atom. A short one is copied at its full room and then cut: that has no call in it.
#[inline(always)]
pub(crate) fn atom_term(out: &mut Vec<u8>, value: &Atom) {
    match value.as_inline() {
        Some((text, len)) => {
            room(out, 2 + INLINE);
            out.extend_from_slice(&[tag::SMALL_ATOM_UTF8, len]);
            let end = out.len() + usize::from(len);
            out.extend_from_slice(text);
            out.truncate(end);
        }
        None => atom(out, value.as_bytes()),
    }
}

/// An integer in its shortest form.
#[inline(always)]
pub(crate) fn i64(out: &mut Vec<u8>, value: i64) {
    room(out, 11); // of the longest form, so that there is one look at the room
    if let Ok(small) = u8::try_from(value) {
        out.extend_from_slice(&[tag::SMALL_INTEGER, small]);
    } else if let Ok(value) = i32::try_from(value) {
        let [a, b, c, d] = value.to_be_bytes();
        out.extend_from_slice(&[tag::INTEGER, a, b, c, d]);
    } else {
        u64(out, value < 0, value.unsigned_abs());
    }
}

/// A number of 4 to 8 bytes.
#[inline(always)]
pub(crate) fn u64(out: &mut Vec<u8>, negative: bool, value: u64) {
    let spare = value.leading_zeros() / 8;
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    bytes(out, [tag::SMALL_BIG, 8 - spare as u8, u8::from(negative), a, b, c, d, e, f, g, h]);
    out.truncate(out.len() - spare as usize);
}

/// An integer of trimmed little-endian magnitude.
pub(crate) fn big(out: &mut Vec<u8>, negative: bool, magnitude: &[u8]) {
    match u8::try_from(magnitude.len()) {
        Ok(len) => headed(out, [tag::SMALL_BIG, len, u8::from(negative)], magnitude),
        Err(_) => {
            let [a, b, c, d] = (magnitude.len() as u32).to_be_bytes();
            headed(out, [tag::LARGE_BIG, a, b, c, d, u8::from(negative)], magnitude);
        }
    }
}

/// A finite float.
#[inline(always)]
pub(crate) fn f64(out: &mut Vec<u8>, value: f64) {
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    bytes(out, [tag::NEW_FLOAT, a, b, c, d, e, f, g, h]);
}

/// A tag and a 32-bit count.
#[inline(always)]
pub(crate) fn counted(out: &mut Vec<u8>, tag: u8, count: usize) {
    let [a, b, c, d] = (count as u32).to_be_bytes();
    bytes(out, [tag, a, b, c, d]);
}

/// A binary.
#[inline(always)]
pub(crate) fn binary(out: &mut Vec<u8>, data: &[u8]) {
    let [a, b, c, d] = (data.len() as u32).to_be_bytes();
    headed(out, [tag::BINARY, a, b, c, d], data);
}

/// The head of a tuple.
#[inline(always)]
pub(crate) fn tuple(out: &mut Vec<u8>, arity: usize) {
    match u8::try_from(arity) {
        Ok(arity) => bytes(out, [tag::SMALL_TUPLE, arity]),
        Err(_) => counted(out, tag::LARGE_TUPLE, arity),
    }
}

#[inline(always)]
pub(crate) fn pid(out: &mut Vec<u8>, pid: &Pid) {
    bytes(out, [tag::NEW_PID]);
    atom_term(out, &pid.node);
    let [a, b, c, d] = pid.id.to_be_bytes();
    let [e, f, g, h] = pid.serial.to_be_bytes();
    let [i, j, k, l] = pid.creation.to_be_bytes();
    bytes(out, [a, b, c, d, e, f, g, h, i, j, k, l]);
}

pub(crate) fn port(out: &mut Vec<u8>, port: &Port) {
    bytes(out, [tag::V4_PORT]); // read by every OTP from 24 on
    atom_term(out, &port.node);
    bytes(out, port.id.to_be_bytes());
    bytes(out, port.creation.to_be_bytes());
}

#[inline(always)]
pub(crate) fn reference(out: &mut Vec<u8>, reference: &Reference) {
    bytes(out, [tag::NEWER_REFERENCE, 0, reference.words().len() as u8]);
    atom_term(out, reference.node());
    bytes(out, reference.creation().to_be_bytes());
    for word in reference.words() {
        bytes(out, word.to_be_bytes());
    }
}

pub(crate) fn export(out: &mut Vec<u8>, export: &Export) {
    bytes(out, [tag::EXPORT]);
    atom_term(out, &export.module);
    atom_term(out, &export.function);
    bytes(out, [tag::SMALL_INTEGER, export.arity]);
}

/// A list of bytes: STRING where it fits.
pub(crate) fn byte_string(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        bytes(out, [tag::NIL]);
    } else if data.len() <= MAX_STRING {
        let [.., a, b] = data.len().to_be_bytes();
        headed(out, [tag::STRING, a, b], data);
    } else {
        counted(out, tag::LIST, data.len());
        for &byte in data {
            bytes(out, [tag::SMALL_INTEGER, byte]);
        }
        bytes(out, [tag::NIL]);
    }
}
