//! `ei_print_term` and `ei_s_print_term`: a term as text, the very text OTP's library prints.
//!
//! Walks with a stack on the heap, formats without fixed buffers, and leaves the index alone when a term is broken;
//! what was printed until then stays printed.

use super::abi::{
    ei_x_buff, erlang_fun, erlang_pid, erlang_port, erlang_ref, tag, EI_FUN_EXPORT, MAXATOMLEN,
};
use super::decode::{
    ei_decode_atom, ei_decode_bitstring, ei_decode_double, ei_decode_fun, ei_decode_long, ei_decode_pid,
    ei_decode_port, ei_decode_ref, free_fun,
};
use super::wire::{be16, be32};
use super::xbuff::{ei_x_append_buf, ei_x_new};
use std::ffi::{c_char, c_int, c_uint};
use std::fmt::{self, Write};
use std::mem::MaybeUninit;
use std::ptr;

/// Bytes of a binary that are shown.
const SHOWN_BYTES: usize = 30;

/// Where the text goes.
pub(super) enum Target {
    /// A stream of C.
    File(*mut libc::FILE),
    /// A growing buffer.
    Buffer(*mut ei_x_buff),
}

/// A target and how many characters it got.
pub(super) struct Out {
    target: Target,
    written: usize,
}

impl Out {
    pub(super) fn new(target: Target) -> Self {
        Self { target, written: 0 }
    }

    pub(super) fn bytes(&mut self, text: &[u8]) {
        self.written += text.len();
        // SAFETY: the C caller's stream or buffer is live. A stream that fails shows so to its owner.
        unsafe {
            match self.target {
                Target::File(file) => {
                    libc::fwrite(text.as_ptr().cast(), 1, text.len(), file);
                }
                Target::Buffer(x) => {
                    ei_x_append_buf(x, text.as_ptr().cast(), text.len() as c_int);
                }
            }
        }
    }

    /// A number as C's `%f` has it.
    pub(super) fn float(&mut self, value: f64) {
        // The longest finite number has 309 digits before the point.
        let mut text = [0u8; 400];
        // SAFETY: the format takes one double; the length bounds the text.
        let len = unsafe { libc::snprintf(text.as_mut_ptr().cast(), text.len(), c"%f".as_ptr(), value) };
        self.bytes(&text[..(len.max(0) as usize).min(text.len() - 1)]);
    }
}

impl Write for Out {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

/// `write!` into an [`Out`], which cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        let _ = write!($out, $($arg)*);
    }};
}

/// The bytes of a NUL-terminated array.
///
/// # Safety
/// `text` is NUL-terminated.
pub(super) unsafe fn c_text<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { std::ffi::CStr::from_ptr(text).to_bytes() }
}

/// A container whose elements are being printed.
struct Open {
    left: u64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Tuple,
    /// The last of the terms left is the tail.
    List,
    /// `left` counts keys and values.
    Map,
}

/// Decodes a struct at `s` with a function of the library and returns it with the place behind.
unsafe fn decoded<T>(
    s: *const u8,
    decode: unsafe extern "C" fn(*const c_char, *mut c_int, *mut T) -> c_int,
) -> Option<(T, *const u8)> {
    let mut value = MaybeUninit::<T>::zeroed();
    let mut end = 0;
    // SAFETY: a term stands at `s`; all structs here are plain data for which zeros are valid.
    unsafe {
        if decode(s.cast(), &mut end, value.as_mut_ptr()) < 0 {
            return None;
        }
        Some((value.assume_init(), s.add(end as usize)))
    }
}

/// Prints the term at `s`; the place behind it.
unsafe fn term(mut s: *const u8, out: &mut Out) -> Option<*const u8> {
    let mut open: Vec<Open> = Vec::new();
    loop {
        // SAFETY: the C caller promises whole terms.
        let (end, opened) = unsafe { one(s, out)? };
        s = end;
        if let Some(container) = opened {
            open.try_reserve(1).ok()?;
            open.push(container);
        }
        // What stands between this term and the next.
        loop {
            let Some(container) = open.last_mut() else {
                return Some(s);
            };
            let first = opened_now(container);
            container.left &= !FRESH;
            if container.left == 0 {
                out.bytes(if container.kind == Kind::List { b"]" } else { b"}" });
                open.pop();
                continue;
            }
            container.left -= 1;
            match container.kind {
                Kind::List if container.left == 0 => {
                    // SAFETY: the tail stands at `s`.
                    if unsafe { *s } == tag::NIL {
                        s = s.wrapping_add(1);
                        continue;
                    }
                    out.bytes(b" | ");
                }
                Kind::Map if container.left % 2 == 0 => out.bytes(b" => "),
                _ if first => {}
                _ => out.bytes(b", "),
            }
            break;
        }
    }
}

/// Marks a container of which nothing was printed yet.
const FRESH: u64 = 1 << 63;

fn opened_now(container: &Open) -> bool {
    container.left & FRESH != 0
}

/// A count from the wire that an int of the library can hold.
fn count(n: u32) -> Option<u64> {
    i32::try_from(n).ok().map(|n| n as u64)
}

/// Prints one term without its elements.
unsafe fn one(s: *const u8, out: &mut Out) -> Option<(*const u8, Option<Open>)> {
    // SAFETY: a term stands at `s`.
    unsafe {
        let kind = *s;
        let (text, left, size, container): (&[u8], _, _, _) = match kind {
            tag::SMALL_TUPLE => (b"{", u64::from(*s.add(1)), 2, Kind::Tuple),
            tag::LARGE_TUPLE => (b"{", count(be32(s.add(1)))?, 5, Kind::Tuple),
            tag::LIST => (b"[", count(be32(s.add(1)))? + 1, 5, Kind::List),
            tag::MAP => (b"#{", 2 * count(be32(s.add(1)))?, 5, Kind::Map),
            _ => return leaf(s, out).map(|end| (end, None)),
        };
        out.bytes(text);
        let left = left | FRESH;
        Some((s.add(size), Some(Open { left, kind: container })))
    }
}

/// Prints a term that has no elements; the place behind it.
unsafe fn leaf(s: *const u8, out: &mut Out) -> Option<*const u8> {
    // SAFETY: a term stands at `s`.
    unsafe {
        match *s {
            tag::SMALL_INTEGER | tag::INTEGER => {
                let (value, end) = decoded(s, ei_decode_long)?;
                put!(out, "{value}");
                Some(end)
            }
            tag::NEW_FLOAT | tag::FLOAT => {
                let (value, end) = decoded(s, ei_decode_double)?;
                out.float(value);
                Some(end)
            }
            tag::SMALL_ATOM_UTF8 | tag::ATOM_UTF8 | tag::SMALL_ATOM | tag::ATOM => atom(s, out),
            tag::NIL => {
                out.bytes(b"[]");
                Some(s.add(1))
            }
            tag::STRING => {
                let len = usize::from(be16(s.add(1)));
                string(std::slice::from_raw_parts(s.add(3), len), out);
                Some(s.add(3 + len))
            }
            tag::BINARY => binary(s, out),
            tag::BIT_BINARY => bits(s, out),
            tag::SMALL_BIG => big(s.add(2), usize::from(*s.add(1)), out),
            tag::LARGE_BIG => big(s.add(5), count(be32(s.add(1)))? as usize, out),
            tag::NEW_PID | tag::PID => {
                let (pid, end) = decoded::<erlang_pid>(s, ei_decode_pid)?;
                out.bytes(b"<");
                out.bytes(c_text(pid.node.as_ptr()));
                put!(out, ".{}.{}>", pid.num as i32, pid.serial as i32);
                Some(end)
            }
            tag::V4_PORT | tag::NEW_PORT | tag::PORT => {
                let (port, end) = decoded::<erlang_port>(s, ei_decode_port)?;
                put!(out, "#Port<{}.{}>", port.id as i32, port.creation as i32);
                Some(end)
            }
            tag::NEWER_REFERENCE | tag::NEW_REFERENCE | tag::REFERENCE => {
                let (reference, end) = decoded::<erlang_ref>(s, ei_decode_ref)?;
                out.bytes(b"#Ref<");
                for (i, word) in reference.n[..reference.len as usize].iter().enumerate() {
                    let dot = if i > 0 { "." } else { "" };
                    put!(out, "{dot}{}", *word as i32);
                }
                out.bytes(b">");
                Some(end)
            }
            tag::NEW_FUN | tag::FUN | tag::EXPORT => fun(s, out),
            _ => None,
        }
    }
}

unsafe fn atom(s: *const u8, out: &mut Out) -> Option<*const u8> {
    let mut text = [0 as c_char; MAXATOMLEN];
    let mut end = 0;
    // SAFETY: a term stands at `s`; the array takes any Latin-1 atom.
    unsafe {
        if ei_decode_atom(s.cast(), &mut end, text.as_mut_ptr()) < 0 {
            return None;
        }
        let text = c_text(text.as_ptr());
        // The locale decides what is a letter, as it does for the library this one replaces.
        let letter = |c: u8| c_int::from(c as i8);
        let bare = text.first().is_some_and(|&c| libc::islower(letter(c)) != 0)
            && text.iter().all(|&c| c == b'_' || c == b'@' || libc::isalnum(letter(c)) != 0);
        let quote: &[u8] = if bare { b"" } else { b"'" };
        out.bytes(quote);
        out.bytes(text);
        out.bytes(quote);
        Some(s.add(end as usize))
    }
}

/// Bytes above 127 are negative chars and are shown as such.
fn string(text: &[u8], out: &mut Out) {
    out.bytes(b"\"");
    for &byte in text {
        match byte {
            b' '..=0x7F => out.bytes(&[byte]),
            b'\n' => out.bytes(b"\\n"),
            b'\r' => out.bytes(b"\\r"),
            b'\t' => out.bytes(b"\\t"),
            0x0B => out.bytes(b"\\v"),
            0x08 => out.bytes(b"\\b"),
            0x0C => out.bytes(b"\\f"),
            _ => put!(out, "\\x{:x}", i32::from(byte as c_char)),
        }
    }
    out.bytes(b"\"");
}

fn byte_list(bytes: &[u8], out: &mut Out) {
    for (i, byte) in bytes.iter().enumerate() {
        let comma = if i > 0 { "," } else { "" };
        put!(out, "{comma}{byte}");
    }
}

unsafe fn binary(s: *const u8, out: &mut Out) -> Option<*const u8> {
    // SAFETY: a binary stands at `s`.
    unsafe {
        let len = count(be32(s.add(1)))? as usize;
        let bytes = std::slice::from_raw_parts(s.add(5), len);
        out.bytes(b"#Bin<");
        byte_list(&bytes[..len.min(SHOWN_BYTES)], out);
        if len > SHOWN_BYTES {
            out.bytes(b",...");
        }
        out.bytes(b">");
        Some(s.add(5 + len))
    }
}

unsafe fn bits(s: *const u8, out: &mut Out) -> Option<*const u8> {
    let (mut body, mut offset, mut bits, mut end) = (ptr::null(), 0 as c_uint, 0, 0);
    // SAFETY: a bit string stands at `s`, and what it says about its bits was checked.
    unsafe {
        if ei_decode_bitstring(s.cast(), &mut end, &mut body, &mut offset, &mut bits) < 0 {
            return None;
        }
        out.bytes(b"#Bits<");
        let cut = bits.div_ceil(8) > SHOWN_BYTES;
        let whole = if cut { SHOWN_BYTES } else { bits / 8 };
        if whole > 0 {
            byte_list(std::slice::from_raw_parts(body.cast(), whole), out);
        }
        if cut {
            out.bytes(b",...");
        } else if bits % 8 != 0 {
            let comma = if whole > 0 { "," } else { "" };
            let last = *body.cast::<u8>().add(whole) >> (8 - bits % 8);
            put!(out, "{comma}{last}:{}", bits % 8);
        }
        out.bytes(b">");
        Some(s.add(end as usize))
    }
}

/// Up to eight bytes in decimal, more in hexadecimal. `sign` is where the sign stands.
unsafe fn big(sign: *const u8, size: usize, out: &mut Out) -> Option<*const u8> {
    // SAFETY: a big integer's sign and `size` bytes stand here.
    unsafe {
        let bytes = std::slice::from_raw_parts(sign.add(1), size);
        if *sign != 0 {
            out.bytes(b"-");
        }
        if size <= 8 {
            let value = bytes.iter().rev().fold(0u64, |value, &b| value << 8 | u64::from(b));
            put!(out, "{value}");
        } else {
            out.bytes(b"16#");
            let used = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
            match bytes[..used].split_last() {
                None => out.bytes(b"0"),
                Some((first, rest)) => {
                    put!(out, "{first:X}");
                    for byte in rest.iter().rev() {
                        put!(out, "{byte:02X}");
                    }
                }
            }
        }
        Some(sign.add(1 + size))
    }
}

unsafe fn fun(s: *const u8, out: &mut Out) -> Option<*const u8> {
    // SAFETY: a function stands at `s`; `kind` says which member of the union holds.
    unsafe {
        let (mut fun, end) = decoded::<erlang_fun>(s, ei_decode_fun)?;
        if fun.kind == EI_FUN_EXPORT {
            out.bytes(b"fun ");
            out.bytes(c_text(fun.module.as_ptr()));
            out.bytes(b":");
            // The name may lie in the array of another copy of the struct, so it is looked up in this one.
            if fun.u.exprt.func_allocated == 0 {
                let used = c_text(fun.module.as_ptr()).len() + 1;
                fun.u.exprt.func = fun.module.as_mut_ptr().add(used);
            }
            out.bytes(c_text(fun.u.exprt.func));
            put!(out, "/{}", fun.arity);
        } else {
            out.bytes(b"#Fun{");
            out.bytes(c_text(fun.module.as_ptr()));
            let closure = fun.u.closure;
            put!(out, ".{}.{}}}", closure.index, closure.uniq as u64);
        }
        free_fun(&mut fun);
        Some(end)
    }
}

/// Prints the term at the index; the number of characters, or -1.
unsafe fn print(buf: *const c_char, index: *mut c_int, target: Target) -> c_int {
    let mut out = Out::new(target);
    // SAFETY: the C caller promises a term at the index.
    unsafe {
        let s = super::wire::at(buf, index);
        match term(s, &mut out) {
            Some(end) => {
                *index += end.offset_from(s) as c_int;
                c_int::try_from(out.written).unwrap_or(c_int::MAX)
            }
            None => -1,
        }
    }
}

/// Prints the term to a stream.
///
/// # Safety
/// `fp` is null (an error) or a live stream; a term stands at the index.
#[no_mangle]
pub unsafe extern "C" fn ei_print_term(fp: *mut libc::FILE, buf: *const c_char, index: *mut c_int) -> c_int {
    if fp.is_null() {
        return -1;
    }
    // SAFETY: the caller's promise.
    unsafe { print(buf, index, Target::File(fp)) }
}

/// Prints the term to a string: `*s` is null, or memory from `malloc` of at least `BUFSIZ` bytes. Free `*s`.
///
/// # Safety
/// `s` is valid as described; a term stands at the index.
#[no_mangle]
pub unsafe extern "C" fn ei_s_print_term(
    s: *mut *mut c_char,
    buf: *const c_char,
    index: *mut c_int,
) -> c_int {
    let mut x = ei_x_buff { buff: ptr::null_mut(), buffsz: libc::BUFSIZ as c_int, index: 0 };
    // SAFETY: the caller's promise.
    unsafe {
        if (*s).is_null() {
            ei_x_new(&mut x);
        } else {
            x.buff = *s;
        }
        let written = print(buf, index, Target::Buffer(&mut x));
        ei_x_append_buf(&mut x, c"".as_ptr(), 1);
        *s = x.buff;
        written
    }
}
