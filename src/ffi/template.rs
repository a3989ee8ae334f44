//! Templates and patterns: terms written as Erlang text with places for values.
//!
//! A template makes a term, a pattern takes one apart; both are the text of the term, in which `~` and a letter stands for a
//! value. Building takes the value, matching gives it to the place you point at:
//!
//! ```text
//! text  term                        value                     place
//! ~i    integer                     int                       int *, if it fits
//! ~l    integer                     int64_t                   int64_t *, if it fits
//! ~u    integer, not negative       uint64_t                  uint64_t *, if it fits
//! ~c    integer, 0 to 255           int                       uint8_t *
//! ~f    float                       double                    double *
//! ~d    float                       double                    double *, integers too
//! ~w    true or false               int                       bool *
//! ~a    atom                        const char *              erln_bytes *
//! ~s    string (list of codes)      const char *              erln_bytes *, one byte per code
//! ~S    binary of UTF-8 text        const char *              erln_bytes *
//! ~b    binary                      const void *, size_t      erln_bytes *
//! ~p    pid                         const erln_pid *          erln_pid *
//! ~r    reference                   const erln_ref *          erln_ref *
//! ~o    port                        const erln_port *         erln_port *
//! ~t    any term, encoded           const void *, size_t      erln_bytes *
//! _     any term (patterns only)                              nothing
//! ```
//!
//! With `...` the types must be exactly these: cast a length that is no size_t and a number for ~l that is no int64_t.
//! What a pattern captures is written only if the whole pattern matches. C++ and other languages fill an array of erln_arg
//! instead.

use std::borrow::Cow;
use std::ffi::{c_char, c_void, CStr};

use super::bytes::{bytes, erln_bytes, exclusive, input, text};
use super::cursor;
use super::guard::{guard_bool, guard_or};
use super::latin1;
use super::pid::{check_name, erln_pid, erln_port, erln_ref};
use super::reader::erln_reader;
use super::status::fail;
use super::writer::{self, erln_writer};
use crate::term::format::{self, Arg, Args, Captured, Directive};
use crate::term::{Pid, Port, Reader, Reference, Writer};
use crate::{Error, Result};

/// A value for a directive, or a place for one. Which member counts is the directive's matter.
#[repr(C)]
#[derive(Clone, Copy)]
pub union erln_value {
    /// ~i, ~l, ~c, ~w
    pub i: i64,
    /// ~u
    pub u: u64,
    /// ~f, ~d
    pub d: f64,
    /// All others, when building.
    pub ptr: *const c_void,
    /// When matching.
    pub out: *mut c_void,
}

/// An argument of a template or pattern.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erln_arg {
    /// The value, or the place for it.
    pub value: erln_value,
    /// The length that belongs to a pointer: ~b and ~t, when building.
    pub len: usize,
    /// The letter of the directive that it is meant for; checked.
    pub letter: c_char,
}

/// The values of a C caller, asked for one after the other.
struct Values<'a> {
    args: &'a [erln_arg],
    place: usize,
    /// Ids in the form the engine wants, in order; most templates have few.
    ids: std::slice::Iter<'a, Id>,
    /// Why there was no value.
    wrong: &'a mut Option<Error>,
}

/// An id that a template mentions.
enum Id {
    Pid(Pid),
    Reference(Reference),
    Port(Port),
}

impl<'a> Values<'a> {
    /// The next value, if it is what the directive wants.
    fn value(&mut self, directive: Directive) -> Result<Arg<'a>> {
        let number = self.place + 1;
        let Some(arg) = self.args.get(self.place) else {
            return Err(Error::argument(format!(
                "the template has more directives than the {} arguments",
                self.place
            )));
        };
        self.place = number;
        if arg.letter as u8 as char != directive.letter() {
            return Err(wrong_letter(arg, directive, number));
        }
        // SAFETY: the letter tells which member the caller has set; the numbers have no invalid values, and pointers are
        // NULL or point at what the letter asks for, for the length of the call.
        unsafe {
            Ok(match directive {
                Directive::Int32 | Directive::Int64 | Directive::Char => Arg::Int(arg.value.i),
                Directive::Uint64 => Arg::Uint(arg.value.u),
                Directive::Float | Directive::Number => Arg::Float(arg.value.d),
                Directive::Bool => Arg::Bool(arg.value.i != 0),
                Directive::Atom | Directive::Chars | Directive::Text => {
                    Arg::Str(text(arg.value.ptr.cast(), "a text argument")?)
                }
                Directive::Binary => Arg::Bytes(bytes(arg.value.ptr.cast(), arg.len, "the argument of ~b")?),
                Directive::Term => {
                    let term = bytes(arg.value.ptr.cast(), arg.len, "the argument of ~t")?;
                    Arg::Encoded(term.strip_prefix(&[131]).unwrap_or(term))
                }
                Directive::Pid | Directive::Reference | Directive::Port => match self.ids.next() {
                    Some(Id::Pid(pid)) => Arg::Pid(pid),
                    Some(Id::Reference(reference)) => Arg::Reference(reference),
                    Some(Id::Port(port)) => Arg::Port(port),
                    None => return Err(wrong_letter(arg, directive, number)),
                },
            })
        }
    }
}

#[cold]
fn wrong_letter(arg: &erln_arg, directive: Directive, number: usize) -> Error {
    let (given, wanted) = (arg.letter as u8 as char, directive.letter());
    Error::argument(format!("argument {number} is marked as ~{given}, but the text has ~{wanted} there"))
}

impl<'a> Args<'a> for Values<'a> {
    fn next(&mut self, directive: Directive) -> Option<Arg<'a>> {
        match self.value(directive) {
            Ok(value) => Some(value),
            Err(error) => {
                *self.wrong = Some(error);
                None
            }
        }
    }

    fn left(&self) -> usize {
        self.args.len() - self.place
    }
}

/// The ids among the arguments, as the engine wants them.
///
/// # Safety
/// Pointers are NULL or point at what the letters say.
unsafe fn ids(args: &[erln_arg]) -> Result<Vec<Id>> {
    let mut ids = Vec::new();
    for arg in args {
        // SAFETY: the caller's promise; NULL is checked.
        unsafe {
            match arg.letter as u8 {
                b'p' => {
                    ids.push(Id::Pid(input(arg.value.ptr.cast::<erln_pid>(), "a pid argument")?.to_pid()?))
                }
                b'r' => {
                    let reference = input(arg.value.ptr.cast::<erln_ref>(), "a ref argument")?;
                    ids.push(Id::Reference(reference.to_reference()?));
                }
                b'o' => ids
                    .push(Id::Port(input(arg.value.ptr.cast::<erln_port>(), "a port argument")?.to_port()?)),
                _ => {}
            }
        }
    }
    Ok(ids)
}

/// The array of a C caller.
///
/// # Safety
/// `args` is NULL or points at `count` arguments that nobody changes for `'a`.
unsafe fn array<'a>(template: &str, args: *const erln_arg, count: usize) -> Result<&'a [erln_arg]> {
    match (args.is_null(), count) {
        (_, 0) => Ok(&[]),
        (_, usize::MAX) => Err(not_collected(template)),
        (true, _) => Err(Error::argument("args is NULL")),
        (false, 1..=MAX_ARGS) => {
            // SAFETY: not NULL, and `count` long by the caller's promise.
            Ok(unsafe { std::slice::from_raw_parts(args, count) })
        }
        _ => Err(Error::argument("count is larger than any number of arguments")),
    }
}

/// More arguments than anybody writes by hand or program.
const MAX_ARGS: usize = 1 << 20;

/// Room that most messages fit in, so that building one asks for memory once.
pub(crate) const USUAL_ROOM: usize = 256;

/// Builds a term from a C caller's template and values.
///
/// # Safety
/// `format` is NULL or a text; `args` is NULL or `count` arguments whose pointers are NULL or what their letters say.
pub(crate) unsafe fn build(
    writer: &mut Writer,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
) -> Result<()> {
    // SAFETY: the caller's promise is ours.
    let template = unsafe { text(format, "format") }?;
    // SAFETY: as above.
    let args = unsafe { array(template, args, count) }?;
    // SAFETY: as above.
    let ids = unsafe { ids(args) }?;
    let mut wrong = None;
    let values = Values { args, place: 0, ids: ids.iter(), wrong: &mut wrong };
    let built = format::build_with(writer, template, values);
    match wrong {
        Some(error) => Err(error),
        None => built,
    }
}

/// Writes the letters of the directives of a template or pattern into `letters`, at most `size`, and gives how many there
/// are. SIZE_MAX if the text has a mistake.
#[no_mangle]
pub unsafe extern "C" fn erln_template_letters(
    format: *const c_char,
    letters: *mut c_char,
    size: usize,
) -> usize {
    guard_or(usize::MAX, || {
        // SAFETY: the caller's text and room.
        match unsafe { self::letters(format, letters, size) } {
            Ok(count) => count,
            Err(error) => {
                fail(&error);
                usize::MAX
            }
        }
    })
}

/// # Safety
/// `format` is NULL or a text; `letters` is NULL or has room for `size` characters.
unsafe fn letters(format: *const c_char, letters: *mut c_char, size: usize) -> Result<usize> {
    if letters.is_null() && size > 0 {
        return Err(Error::argument("letters is NULL"));
    }
    let mut count = 0;
    let mut put = |letter: u8| {
        if count < size {
            // SAFETY: not NULL, and `count` is less than the room that the caller promises.
            unsafe { letters.add(count).write(letter as c_char) };
        }
        count += 1;
    };
    // SAFETY: NULL is checked; a text by the caller's promise.
    if !format.is_null() && plain_letters(unsafe { CStr::from_ptr(format) }.to_bytes(), &mut put) {
        return Ok(count);
    }
    count = 0;
    // SAFETY: the caller's promise is ours.
    for directive in format::directives(unsafe { text(format, "format") }?) {
        let letter = directive?.letter() as u8;
        if count < size {
            // SAFETY: as above.
            unsafe { letters.add(count).write(letter as c_char) };
        }
        count += 1;
    }
    Ok(count)
}

/// Finds the directives of a template without quotes, comments and the like; false if it is not of that kind.
fn plain_letters(template: &[u8], put: &mut impl FnMut(u8)) -> bool {
    let mut bytes = template.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\'' | b'"' | b'$' | b'%' | b'\\' | 128.. => return false,
            b'~' => match bytes.next() {
                Some(b'_') => {}
                Some(&letter) if Directive::from_letter(letter).is_some() => put(letter),
                _ => return false,
            },
            _ => {}
        }
    }
    true
}

/// Why the header's functions with `...` could not collect arguments, which they tell by a count of SIZE_MAX.
fn not_collected(template: &str) -> Error {
    match format::directives(template).find_map(Result::err) {
        Some(error) => error,
        None => Error::argument("a template of a function with `...` has at most ERLN_MAX_ARGS directives"),
    }
}

/// Writes a term made from a template and an array of values; what erln_write does behind its `...`.
#[no_mangle]
pub unsafe extern "C" fn erln_write_args(
    writer: *mut erln_writer,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
) -> bool {
    // SAFETY: the caller's writer, template and values.
    guard_or(false, || unsafe { writer::write(writer, |writer| build(writer, format, args, count)) })
}

/// Takes the next term if it matches a pattern, what its directives match going to an array of places; what erln_read_match
/// does behind its `...`.
#[no_mangle]
pub unsafe extern "C" fn erln_read_match_args(
    reader: *mut erln_reader,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
) -> bool {
    guard_bool(|| {
        // SAFETY: the caller's reader, pattern and places.
        unsafe {
            let place = exclusive(reader, "reader")?;
            let mut reader = place.load().ok_or_else(cursor::never_initialized)?;
            let matched = matches(&mut reader, format, args, count, no_owner);
            place.store(&reader);
            matched
        }
    })
}

/// A reader owns nothing that could keep bytes alive.
fn no_owner<'a>(_: Vec<u8>) -> Result<&'a [u8]> {
    Err(Error::argument("this capture does not stand in the term in one piece (a long string, or the rest of a list): match the message with erln_match instead"))
}

/// Matches a C caller's pattern; only if all of it matches, the places are written. `keep` gives a life to bytes that do not
/// stand in the term in one piece.
///
/// # Safety
/// `format` is NULL or a text; `args` is NULL or `count` arguments whose places are NULL or what their letters say.
pub(crate) unsafe fn matches<'a>(
    reader: &mut Reader<'a>,
    format: *const c_char,
    args: *const erln_arg,
    count: usize,
    mut keep: impl FnMut(Vec<u8>) -> Result<&'a [u8]>,
) -> Result<bool> {
    // SAFETY: the caller's promise is ours.
    let pattern = unsafe { text(format, "format") }?;
    // SAFETY: as above.
    let args = unsafe { array(pattern, args, count) }?;
    let before = reader.clone();
    let mut captures = Vec::with_capacity(args.len());
    if !format::matches(pattern, reader, &mut captures)? {
        return Ok(false);
    }
    // SAFETY: as above.
    let given = unsafe { give(captures, args, &mut keep) };
    if given.is_err() {
        *reader = before;
    }
    given.map(|()| true)
}

/// Writes the captures to their places: all of them or, with an error, none.
///
/// # Safety
/// Places are NULL or what their letters say.
unsafe fn give<'a>(
    mut captures: Vec<Captured<'a>>,
    args: &[erln_arg],
    keep: &mut impl FnMut(Vec<u8>) -> Result<&'a [u8]>,
) -> Result<()> {
    if captures.len() != args.len() {
        let (places, found) = (args.len(), captures.len());
        return Err(Error::argument(format!(
            "the pattern has {found} directives, but {places} places were given"
        )));
    }
    for (number, (captured, arg)) in captures.iter_mut().zip(args).enumerate() {
        lend(captured, keep)?;
        // SAFETY: a pointer has no invalid values.
        if unsafe { arg.value.out }.is_null() {
            return Err(Error::argument(format!("place {} of the pattern is NULL", number + 1)));
        }
        if !suits(captured, arg.letter as u8) {
            let letter = arg.letter as u8 as char;
            return Err(Error::argument(format!(
                "place {} is marked as ~{letter}, which is not what stands there",
                number + 1
            )));
        }
    }
    for (captured, arg) in captures.into_iter().zip(args) {
        // SAFETY: not NULL, and by its letter, which suits the capture, a place of this type.
        unsafe { put(captured, arg) }?;
    }
    Ok(())
}

/// Sees to it that the bytes of a capture outlive it, and that an id fits its struct.
fn lend<'a>(captured: &mut Captured<'a>, keep: &mut impl FnMut(Vec<u8>) -> Result<&'a [u8]>) -> Result<()> {
    match captured {
        Captured::Atom(text @ Cow::Owned(_)) => {
            let kept = latin1::keep(std::mem::take(text).into_owned()).ok_or_else(latin1::full)?;
            *text = Cow::Borrowed(kept);
        }
        Captured::Bytes(bytes @ Cow::Owned(_)) | Captured::Term(bytes @ Cow::Owned(_)) => {
            *bytes = Cow::Borrowed(keep(std::mem::take(bytes).into_owned())?);
        }
        Captured::Pid(pid) => check_name(&pid.node)?,
        Captured::Reference(reference) => check_name(reference.node())?,
        Captured::Port(port) => check_name(&port.node)?,
        _ => {}
    }
    Ok(())
}

/// Writes one capture to its place.
///
/// # Safety
/// The place is of the type that its letter says, and the letter suits the capture.
#[inline(always)]
unsafe fn put(captured: Captured<'_>, arg: &erln_arg) -> Result<()> {
    // SAFETY: by the letter, a place of the type that is written; C compilers align what has a type, other languages may
    // not.
    unsafe {
        let out = arg.value.out;
        match (captured, arg.letter as u8) {
            (Captured::Int(n), b'i') => out.cast::<i32>().write_unaligned(n as i32),
            (Captured::Int(n), b'c') => out.cast::<u8>().write_unaligned(n as u8),
            (Captured::Int(n), _) => out.cast::<i64>().write_unaligned(n),
            (Captured::Uint(n), _) => out.cast::<u64>().write_unaligned(n),
            (Captured::Float(value), _) => out.cast::<f64>().write_unaligned(value),
            (Captured::Bool(value), _) => out.cast::<bool>().write_unaligned(value),
            (Captured::Atom(text), _) => out.cast::<erln_bytes>().write_unaligned(text.as_bytes().into()),
            (Captured::Str(text), _) => out.cast::<erln_bytes>().write_unaligned(text.as_bytes().into()),
            (Captured::Bytes(bytes) | Captured::Term(bytes), _) => {
                out.cast::<erln_bytes>().write_unaligned((&*bytes).into());
            }
            (Captured::Pid(pid), _) => out.cast::<erln_pid>().write_unaligned(erln_pid::new(&pid)?),
            (Captured::Reference(reference), _) => {
                out.cast::<erln_ref>().write_unaligned(erln_ref::new(&reference)?);
            }
            (Captured::Port(port), _) => out.cast::<erln_port>().write_unaligned(erln_port::new(&port)?),
        }
    }
    Ok(())
}

/// Whether a place with this letter can hold the capture.
fn suits(captured: &Captured<'_>, letter: u8) -> bool {
    match captured {
        Captured::Int(n) => match letter {
            b'i' => i32::try_from(*n).is_ok(),
            b'c' => u8::try_from(*n).is_ok(),
            _ => letter == b'l',
        },
        Captured::Uint(_) => letter == b'u',
        Captured::Float(_) => matches!(letter, b'f' | b'd'),
        Captured::Bool(_) => letter == b'w',
        Captured::Atom(_) | Captured::Str(_) | Captured::Bytes(_) | Captured::Term(_) => {
            matches!(letter, b'a' | b's' | b'S' | b'b' | b't')
        }
        Captured::Pid(_) => letter == b'p',
        Captured::Reference(_) => letter == b'r',
        Captured::Port(_) => letter == b'o',
    }
}
