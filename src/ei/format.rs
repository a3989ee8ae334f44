//! `ei_x_format`: a term from a pattern such as `{ok, ~i, [~s | ~a]}` and arguments.
//!
//! Not the template engine of `term`: programs rely on this grammar's oddities (what follows an element is swallowed
//! unread, text behind the term is ignored), so it is kept to the letter. Always true: one loop, no recursion, no
//! look beyond the pattern's NUL, and a pattern that fails leaves in the buffer what stood there before the term.

use super::abi::{ei_x_buff, erlang_pid, tag, MAXATOMLEN};
use super::encode::{
    ei_x_encode_atom, ei_x_encode_atom_len, ei_x_encode_char, ei_x_encode_double, ei_x_encode_empty_list,
    ei_x_encode_long, ei_x_encode_pid, ei_x_encode_string, ei_x_encode_string_len, ei_x_encode_ulong,
    ei_x_encode_version,
};
use super::xbuff::make_place;
use std::ffi::{c_char, c_double, c_int, c_long, c_ulong, c_void};
use std::ptr;

/// The arguments not yet taken; only the C side knows how to take one.
#[repr(C)]
struct Args {
    _opaque: [u8; 0],
}

#[repr(C)]
#[derive(Clone, Copy)]
union Arg {
    number: c_long,
    natural: c_ulong,
    real: c_double,
    pointer: *const c_void,
}

extern "C" {
    fn erln_ei_next(args: *mut Args, kind: c_char, out: *mut Arg);
}

/// Arguments are taken into an array on the stack; patterns with more of them are rare.
const FEW: usize = 16;

/// All arguments of a pattern, taken before anything is encoded.
struct Taken {
    few: [Arg; FEW],
    many: Vec<Arg>,
    next: usize,
}

impl Taken {
    /// Takes one argument per directive anywhere in the pattern. `None`: an unknown directive.
    unsafe fn all(fmt: *const c_char, args: *mut Args) -> Option<Self> {
        let mut taken = Self { few: [Arg { number: 0 }; FEW], many: Vec::new(), next: 0 };
        let mut count = 0;
        let mut p = fmt;
        // SAFETY: the pattern ends with NUL, and the caller passed what it asks for.
        unsafe {
            while *p != 0 {
                let at = *p as u8;
                p = p.add(1);
                if at != b'~' {
                    continue;
                }
                if !matches!(*p as u8, b'a' | b'c' | b's' | b'i' | b'l' | b'u' | b'f' | b'd' | b'p') {
                    return None;
                }
                let mut arg = Arg { number: 0 };
                erln_ei_next(args, *p, &mut arg);
                if count < FEW {
                    taken.few[count] = arg;
                } else {
                    taken.many.try_reserve(1).ok()?;
                    taken.many.push(arg);
                }
                count += 1;
                p = p.add(1);
            }
        }
        Some(taken)
    }

    /// The next one. There are as many as directives.
    fn take(&mut self) -> Arg {
        let at = self.next;
        self.next += 1;
        match self.few.get(at) {
            Some(arg) => *arg,
            None => self.many.get(at - FEW).copied().unwrap_or(Arg { number: 0 }),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Tuple,
    List,
    /// A map of which nothing was read yet.
    Map,
    /// A map whose key was read.
    MapKey,
    /// A map whose value was read.
    MapValue,
}

/// A tuple, list or map whose elements are being encoded behind room for its header.
struct Open {
    kind: Kind,
    start: c_int,
    size: c_int,
    /// The element being read is the tail.
    tail: bool,
}

/// What a step inside an open container found.
enum Step {
    /// Another element comes.
    Element,
    /// The container is complete, with this many elements for its header.
    Closed(c_int),
    Failed,
}

/// Bytes kept free for the header of a list or map, and for the small header of a tuple.
const LIST_HEADER: c_int = 5;
const TUPLE_HEADER: c_int = 2;

struct Formatter {
    x: *mut ei_x_buff,
    /// The next unread character; never behind the NUL.
    p: *const c_char,
    args: Taken,
    open: Vec<Open>,
}

fn is_space(c: c_char) -> bool {
    // SAFETY: glibc's table covers every char.
    unsafe { libc::isspace(c_int::from(c)) != 0 }
}

fn is_digit(c: c_char) -> bool {
    (c as u8).is_ascii_digit()
}

fn is_name(c: c_char) -> bool {
    // SAFETY: as above.
    c as u8 == b'_' || c as u8 == b'@' || unsafe { libc::isalnum(c_int::from(c)) != 0 }
}

impl Formatter {
    fn peek(&self) -> c_char {
        // SAFETY: `p` never passes the NUL.
        unsafe { *self.p }
    }

    /// Reads one character; at the end it stays there.
    fn next(&mut self) -> u8 {
        let c = self.peek();
        if c != 0 {
            self.p = self.p.wrapping_add(1);
        }
        c as u8
    }

    fn skip_spaces(&mut self) {
        while is_space(self.peek()) {
            self.next();
        }
    }

    /// Encodes one term. 0 or -1.
    unsafe fn run(&mut self) -> c_int {
        loop {
            self.skip_spaces();
            // SAFETY: the buffer is live.
            let opened = unsafe {
                match self.peek() as u8 {
                    b'[' => self.open(Kind::List),
                    b'{' => self.open(Kind::Tuple),
                    b'#' => {
                        self.next();
                        self.peek() as u8 == b'{' && self.open(Kind::Map)
                    }
                    _ => self.scalar() >= 0,
                }
            };
            if !opened {
                return -1;
            }
            loop {
                let Some(mut container) = self.open.pop() else {
                    return 0;
                };
                // SAFETY: the buffer is live.
                let step = unsafe {
                    match container.kind {
                        Kind::List => self.list_step(&mut container),
                        Kind::Tuple => self.tuple_step(&mut container),
                        _ => self.map_step(&mut container),
                    }
                };
                match step {
                    Step::Failed => return -1,
                    Step::Element => {
                        self.open.push(container);
                        break;
                    }
                    // SAFETY: the buffer is live and has room for the header since the container was opened.
                    Step::Closed(size) => unsafe {
                        if !self.close(&container, size) {
                            return -1;
                        }
                    },
                }
            }
        }
    }

    /// Opens a container at the bracket; the bracket itself is read by the first step.
    unsafe fn open(&mut self, kind: Kind) -> bool {
        let header = if kind == Kind::Tuple { TUPLE_HEADER } else { LIST_HEADER };
        // SAFETY: the buffer is live; room is made before the index moves.
        unsafe {
            if self.open.try_reserve(1).is_err() || make_place(self.x, header).is_null() {
                return false;
            }
            let start = (*self.x).index;
            (*self.x).index += header;
            self.open.push(Open { kind, start, size: 0, tail: false });
        }
        true
    }

    unsafe fn list_step(&mut self, list: &mut Open) -> Step {
        if list.tail {
            self.skip_spaces();
            // The bracket stays unread, and the header is left out: so it has always been.
            return if self.peek() as u8 == b']' { Step::Closed(0) } else { Step::Failed };
        }
        loop {
            let mut after = self.peek() as u8;
            if after != b']' {
                after = self.next();
            }
            if after == 0 {
                return Step::Failed;
            }
            self.skip_spaces();
            match self.peek() as u8 {
                b']' => {
                    self.next();
                    if after == b',' {
                        return Step::Failed;
                    }
                    // SAFETY: the buffer is live.
                    if after != b'|' && unsafe { ei_x_encode_empty_list(self.x) } < 0 {
                        return Step::Failed;
                    }
                    return Step::Closed(list.size);
                }
                b'|' | b',' => {
                    if after == b'|' || after == b',' {
                        return Step::Failed;
                    }
                    self.next();
                }
                _ => {
                    list.size += 1;
                    list.tail = after == b'|';
                    return Step::Element;
                }
            }
        }
    }

    unsafe fn tuple_step(&mut self, tuple: &mut Open) -> Step {
        loop {
            let after = self.next();
            match after {
                0 => return Step::Failed,
                b'}' => return Step::Closed(tuple.size),
                _ => {}
            }
            self.skip_spaces();
            match self.peek() as u8 {
                b'}' => {
                    self.next();
                    return if after == b',' { Step::Failed } else { Step::Closed(tuple.size) };
                }
                b',' => {
                    if after == b',' || after == b'{' {
                        return Step::Failed;
                    }
                    self.next();
                }
                _ => {
                    tuple.size += 1;
                    return Step::Element;
                }
            }
        }
    }

    /// Unlike lists and tuples, maps came late and are strict: `#{Key => Value, ...}`.
    fn map_step(&mut self, map: &mut Open) -> Step {
        match map.kind {
            Kind::Map => {
                self.next();
                self.skip_spaces();
                if self.peek() as u8 == b'}' {
                    self.next();
                    return Step::Closed(0);
                }
                map.kind = Kind::MapKey;
            }
            Kind::MapKey => {
                self.skip_spaces();
                if self.next() != b'=' || self.next() != b'>' {
                    return Step::Failed;
                }
                map.kind = Kind::MapValue;
            }
            _ => {
                map.size += 1;
                self.skip_spaces();
                match self.next() {
                    b'}' => return Step::Closed(map.size),
                    b',' => map.kind = Kind::MapKey,
                    _ => return Step::Failed,
                }
            }
        }
        Step::Element
    }

    /// Fills in the header that was kept free, or closes the gap where it turned out another size.
    unsafe fn close(&mut self, container: &Open, size: c_int) -> bool {
        // SAFETY: the header's room and everything behind it lies before the index.
        unsafe {
            let x = self.x;
            if container.kind == Kind::Tuple && size > 255 {
                let more = LIST_HEADER - TUPLE_HEADER;
                if make_place(x, more).is_null() {
                    return false;
                }
                self.shift(container.start + TUPLE_HEADER, more);
            }
            let head = (*x).buff.cast::<u8>().add(container.start as usize);
            match container.kind {
                Kind::Tuple if size <= 255 => {
                    head.write(tag::SMALL_TUPLE);
                    head.add(1).write(size as u8);
                }
                Kind::List if size == 0 => self.shift(container.start + LIST_HEADER, -LIST_HEADER),
                kind => {
                    let tag = match kind {
                        Kind::Tuple => tag::LARGE_TUPLE,
                        Kind::List => tag::LIST,
                        _ => tag::MAP,
                    };
                    super::wire::put32(super::wire::put8(head, tag), size as u32);
                }
            }
        }
        true
    }

    /// Moves everything from `from` on by `by` bytes; room was made.
    unsafe fn shift(&mut self, from: c_int, by: c_int) {
        // SAFETY: both places lie inside the buffer.
        unsafe {
            let at = (*self.x).buff.offset(from as isize);
            ptr::copy(at, at.offset(by as isize), ((*self.x).index - from) as usize);
            (*self.x).index += by;
        }
    }

    unsafe fn scalar(&mut self) -> c_int {
        let c = self.peek();
        // SAFETY: the character behind `c` is readable because `c` is not the NUL when it is looked at.
        unsafe {
            match c as u8 {
                b'~' => self.argument(),
                b'"' => self.quoted(b'"'),
                b'\'' => self.quoted(b'\''),
                b'-' | b'+' if is_digit(*self.p.add(1)) => self.number(),
                _ if is_digit(c) => self.number(),
                _ if libc::islower(c_int::from(c)) != 0 => self.atom(),
                _ => -1,
            }
        }
    }

    unsafe fn argument(&mut self) -> c_int {
        self.next();
        let kind = self.next();
        let arg = self.args.take();
        // SAFETY: the argument was taken as its directive has it.
        unsafe {
            match kind {
                b'a' => ei_x_encode_atom(self.x, arg.pointer.cast()),
                b'c' => ei_x_encode_char(self.x, arg.number as c_char),
                b's' => ei_x_encode_string(self.x, arg.pointer.cast()),
                b'i' | b'l' => ei_x_encode_long(self.x, arg.number),
                b'u' => ei_x_encode_ulong(self.x, arg.natural),
                b'f' | b'd' => ei_x_encode_double(self.x, arg.real),
                b'p' => ei_x_encode_pid(self.x, arg.pointer.cast::<erlang_pid>()),
                _ => -1,
            }
        }
    }

    /// A string or a quoted atom; there are no escapes.
    unsafe fn quoted(&mut self, quote: u8) -> c_int {
        self.next();
        let start = self.p;
        loop {
            match self.next() {
                0 => return -1,
                c if c == quote => break,
                _ => {}
            }
        }
        // SAFETY: the text lies between the quotes.
        unsafe {
            let Ok(len) = c_int::try_from(self.p.offset_from(start) - 1) else {
                return -1;
            };
            if quote == b'"' {
                ei_x_encode_string_len(self.x, start, len)
            } else {
                ei_x_encode_atom_len(self.x, start, len)
            }
        }
    }

    unsafe fn number(&mut self) -> c_int {
        let start = self.p;
        let mut point = false;
        self.next();
        loop {
            let c = self.peek();
            if c as u8 == b'.' && !point {
                point = true;
            } else if !is_digit(c) {
                break;
            }
            self.next();
        }
        // SAFETY: the pattern ends with NUL; C's own functions decide what the number is.
        unsafe {
            if point {
                ei_x_encode_double(self.x, libc::strtod(start, ptr::null_mut()))
            } else {
                ei_x_encode_long(self.x, libc::strtol(start, ptr::null_mut(), 10))
            }
        }
    }

    unsafe fn atom(&mut self) -> c_int {
        let start = self.p;
        while is_name(self.peek()) {
            self.next();
        }
        // SAFETY: the name lies between the two.
        unsafe {
            let len = self.p.offset_from(start).min(MAXATOMLEN as isize - 1);
            ei_x_encode_atom_len(self.x, start, len as c_int)
        }
    }
}

/// Encodes a pattern and its arguments; called by the C side of `ei_x_format` and `ei_x_format_wo_ver`.
///
/// # Safety
/// `x` is a live buffer, `fmt` NUL-terminated, and `args` holds what the pattern asks for.
#[no_mangle]
unsafe extern "C" fn erln_ei_format(
    x: *mut ei_x_buff,
    fmt: *const c_char,
    with_version: c_int,
    args: *mut Args,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if with_version != 0 && ei_x_encode_version(x) < 0 {
            return -1;
        }
        let Some(args) = Taken::all(fmt, args) else {
            return -1;
        };
        let start = (*x).index;
        let mut formatter = Formatter { x, p: fmt, args, open: Vec::new() };
        let result = formatter.run();
        if result < 0 {
            (*x).index = start;
        }
        result
    }
}
