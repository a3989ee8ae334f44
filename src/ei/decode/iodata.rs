//! iodata: binaries, and lists of bytes, binaries and such lists, flattened. Walks with a stack of its own.

use super::super::abi::tag;
use super::super::wire::{at, be16, be32, copy};
use super::text::fits;
use super::{done, ei_decode_long};
use std::ffi::{c_char, c_int};

/// Where the flattened bytes go, and how many there are so far.
struct Sink {
    out: *mut u8,
    size: usize,
}

impl Sink {
    unsafe fn put(&mut self, from: *const u8, len: usize) {
        // SAFETY: the C caller promises an output with room for all of it, or none.
        unsafe {
            if !self.out.is_null() {
                copy(self.out.add(self.size), from, len);
            }
        }
        self.size += len;
    }
}

/// Decodes iodata into `out` (or only measures it when that is null).
///
/// # Safety
/// A term stands at the index; `size` is null or valid; `out` is null or has room for the flattened bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_decode_iodata(
    buf: *const c_char,
    index: *mut c_int,
    size: *mut c_int,
    out: *mut c_char,
) -> c_int {
    let out = out.cast();
    let mut sink = Sink { out, size: 0 };
    // SAFETY: the caller's promise.
    unsafe {
        let s = at(buf, index);
        let end = match *s {
            tag::BINARY | tag::STRING | tag::NIL | tag::LIST => walk(s, &mut sink),
            _ => None,
        };
        if !size.is_null() {
            *size = c_int::try_from(sink.size).unwrap_or(-1);
        }
        match end {
            Some(end) => done(index, s, end),
            None => -1,
        }
    }
}

/// The place behind the iodata at `s`.
unsafe fn walk(mut s: *const u8, sink: &mut Sink) -> Option<*const u8> {
    // How many terms are still to come in each open list, its tail included.
    let mut open: Vec<u32> = Vec::new();
    loop {
        // SAFETY: the C caller promises whole terms.
        unsafe {
            let is_tail = open.last() == Some(&1);
            match *s {
                tag::BINARY if fits(be32(s.add(1))) => {
                    let len = be32(s.add(1)) as usize;
                    sink.put(s.add(5), len);
                    s = s.add(5 + len);
                }
                tag::STRING => {
                    let len = usize::from(be16(s.add(1)));
                    sink.put(s.add(3), len);
                    s = s.add(3 + len);
                }
                tag::NIL => s = s.add(1),
                tag::SMALL_INTEGER | tag::INTEGER if !is_tail => {
                    let (mut value, mut end) = (0, 0);
                    ei_decode_long(s.cast(), &mut end, &mut value);
                    let byte = u8::try_from(value).ok()?;
                    sink.put(&byte, 1);
                    s = s.add(end as usize);
                }
                tag::LIST if fits(be32(s.add(1))) => {
                    let terms = be32(s.add(1)) + 1;
                    s = s.add(5);
                    // A list in the tail goes on with its parent's place.
                    if is_tail {
                        open.pop();
                    }
                    open.try_reserve(1).ok()?;
                    open.push(terms);
                    continue;
                }
                _ => return None,
            }
        }
        loop {
            let Some(left) = open.last_mut() else {
                return Some(s);
            };
            *left -= 1;
            if *left > 0 {
                break;
            }
            open.pop();
        }
    }
}
