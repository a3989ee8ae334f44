//! Pids, ports and references.
//!
//! Plain structs for ever: copy them, compare them with memcmp, store them, send them on; there is nothing to free.
//! The node name is followed by zeros up to the end of its field, so that equal ids are equal bytes. Fill one by
//! hand only after clearing it.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use super::bytes::{input, Out};
use super::guard::guard;
use super::status::erln_status;
use crate::term::{tag, Atom, Pid, Port, Reference, Term};
use crate::{Error, Result};

/// Room for a node name and its NUL. Node names have at most 255 characters, all of them ASCII.
pub const ERLN_NAME_SIZE: usize = 256;

/// A process of some node. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erln_pid {
    /// The node it lives on, followed by zeros.
    pub node: [c_char; ERLN_NAME_SIZE],
    /// First number; the middle one in `<0.85.0>`.
    pub id: u32,
    /// Second number; the last one in `<0.85.0>`.
    pub serial: u32,
    /// Incarnation of the node.
    pub creation: u32,
}

/// A reference, such as a monitor, an alias or the tag of a call. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erln_ref {
    /// The node that made it, followed by zeros.
    pub node: [c_char; ERLN_NAME_SIZE],
    /// Incarnation of the node.
    pub creation: u32,
    /// How many of `words` count, 0 to 5.
    pub len: u32,
    /// The reference itself; zeros after `len` words.
    pub words: [u32; 5],
}

/// A port of some node. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erln_port {
    /// The node it lives on, followed by zeros.
    pub node: [c_char; ERLN_NAME_SIZE],
    /// Its number.
    pub id: u64,
    /// Incarnation of the node.
    pub creation: u32,
    /// Zero.
    pub reserved: u32,
}

/// The name of a node, or another short name. Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct erln_name {
    /// The name, followed by zeros.
    pub text: [c_char; ERLN_NAME_SIZE],
}

/// Writes a pid as text, such as `#Pid<a@host.85.0>`, with a NUL. At most `size` bytes are written; `*out_len` is the length
/// without NUL that the whole text has, so a result of `size` or more means that it was cut; it may be NULL.
#[no_mangle]
pub unsafe extern "C" fn erln_pid_print(
    pid: *const erln_pid,
    buffer: *mut c_char,
    size: usize,
    out_len: *mut usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's pid, read during the call.
        let pid = unsafe { input(pid, "pid") }?.to_pid()?;
        // SAFETY: the caller's buffer of `size` bytes.
        unsafe { print(&Term::Pid(pid.into()).to_string(), buffer, size, out_len) }
    })
}

/// Writes a reference as text, such as `#Ref<a@host.1.2.3>`, in the manner of erln_pid_print.
#[no_mangle]
pub unsafe extern "C" fn erln_ref_print(
    reference: *const erln_ref,
    buffer: *mut c_char,
    size: usize,
    out_len: *mut usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's reference, read during the call.
        let reference = unsafe { input(reference, "ref") }?.to_reference()?;
        // SAFETY: the caller's buffer of `size` bytes.
        unsafe { print(&Term::Reference(reference.into()).to_string(), buffer, size, out_len) }
    })
}

/// Copies as much of `text` as there is room for, and tells its whole length.
///
/// # Safety
/// `buffer` is NULL or has room for `size` bytes; `out_len` is NULL or writable.
pub(crate) unsafe fn print(text: &str, buffer: *mut c_char, size: usize, out_len: *mut usize) -> Result<()> {
    if buffer.is_null() && size > 0 {
        return Err(Error::argument("buffer is NULL"));
    }
    if size > 0 {
        let len = text.len().min(size - 1);
        // SAFETY: `len` + 1 bytes fit in the caller's buffer, which is not part of `text`.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr().cast(), buffer, len);
            buffer.add(len).write(0);
        }
    }
    if !out_len.is_null() {
        // SAFETY: not NULL, and writable by the caller's promise.
        unsafe { Out::new(out_len, "out_len") }?.set(text.len());
    }
    Ok(())
}

impl erln_pid {
    /// The C struct of a pid.
    pub(crate) fn new(pid: &Pid) -> Result<Self> {
        Ok(erln_pid { node: field(&pid.node)?, id: pid.id, serial: pid.serial, creation: pid.creation })
    }

    /// The pid of a C struct.
    pub(crate) fn to_pid(self) -> Result<Pid> {
        Ok(Pid { node: atom(&self.node, "pid")?, id: self.id, serial: self.serial, creation: self.creation })
    }
}

impl erln_ref {
    /// The C struct of a reference.
    pub(crate) fn new(reference: &Reference) -> Result<Self> {
        let mut words = [0; 5];
        words[..reference.words().len()].copy_from_slice(reference.words());
        Ok(erln_ref {
            node: field(reference.node())?,
            creation: reference.creation(),
            len: reference.words().len() as u32,
            words,
        })
    }

    /// The reference of a C struct.
    pub(crate) fn to_reference(self) -> Result<Reference> {
        let words = self
            .words
            .get(..self.len as usize)
            .ok_or_else(|| Error::argument("a ref has at most 5 words"))?;
        Reference::new(atom(&self.node, "ref")?, self.creation, words)
    }
}

impl erln_port {
    /// The C struct of a port.
    pub(crate) fn new(port: &Port) -> Result<Self> {
        Ok(erln_port { node: field(&port.node)?, id: port.id, creation: port.creation, reserved: 0 })
    }

    /// The port of a C struct.
    pub(crate) fn to_port(self) -> Result<Port> {
        Ok(Port { node: atom(&self.node, "port")?, id: self.id, creation: self.creation })
    }
}

impl erln_pid {
    /// A pid in its usual form, straight from the wire: how many bytes it took, or nothing if it has another form.
    pub(crate) fn decode(bytes: &[u8], out: &mut MaybeUninit<Self>) -> Option<usize> {
        let rest = bytes.strip_prefix(&[tag::NEW_PID, tag::SMALL_ATOM_UTF8])?;
        let (node, rest) = short_name(rest)?;
        let (numbers, _) = rest.split_first_chunk::<12>()?;
        let out = out.as_mut_ptr();
        // SAFETY: the pointer is that of a place for a whole pid, and every field is written.
        unsafe {
            put_field(&raw mut (*out).node, node);
            (*out).id = word(numbers, 0);
            (*out).serial = word(numbers, 1);
            (*out).creation = word(numbers, 2);
        }
        Some(3 + node.len() + 12)
    }

    /// The pid on the wire; nothing if its name needs a closer look.
    pub(crate) fn encode(&self, buffer: &mut [u8; MAX_ENCODED]) -> Option<usize> {
        let node = plain_name(&self.node)?;
        buffer[..3].copy_from_slice(&[tag::NEW_PID, tag::SMALL_ATOM_UTF8, node.len() as u8]);
        let mut at = 3 + node.len();
        buffer[3..at].copy_from_slice(node);
        for number in [self.id, self.serial, self.creation] {
            buffer[at..at + 4].copy_from_slice(&number.to_be_bytes());
            at += 4;
        }
        Some(at)
    }
}

impl erln_ref {
    /// A reference in its usual form, straight from the wire: how many bytes it took, or nothing if it has another form.
    pub(crate) fn decode(bytes: &[u8], out: &mut MaybeUninit<Self>) -> Option<usize> {
        let rest = bytes.strip_prefix(&[tag::NEWER_REFERENCE, 0])?;
        let (&len, rest) = rest.split_first()?;
        let (node, rest) = short_name(rest.strip_prefix(&[tag::SMALL_ATOM_UTF8])?)?;
        let numbers = rest.get(..4 + 4 * usize::from(len))?;
        let mut words = [0; 5];
        for (index, word) in words.get_mut(..usize::from(len))?.iter_mut().enumerate() {
            *word = self::word(numbers, index + 1);
        }
        let out = out.as_mut_ptr();
        // SAFETY: the pointer is that of a place for a whole reference, and every field is written.
        unsafe {
            put_field(&raw mut (*out).node, node);
            (*out).creation = word(numbers, 0);
            (*out).len = len.into();
            (*out).words = words;
        }
        Some(5 + node.len() + numbers.len())
    }

    /// The reference on the wire; nothing if its name needs a closer look or it has too many words.
    pub(crate) fn encode(&self, buffer: &mut [u8; MAX_ENCODED]) -> Option<usize> {
        let (node, words) = (plain_name(&self.node)?, self.words.get(..self.len as usize)?);
        buffer[..5].copy_from_slice(&[
            tag::NEWER_REFERENCE,
            0,
            self.len as u8,
            tag::SMALL_ATOM_UTF8,
            node.len() as u8,
        ]);
        let mut at = 5 + node.len();
        buffer[5..at].copy_from_slice(node);
        for number in std::iter::once(&self.creation).chain(words) {
            buffer[at..at + 4].copy_from_slice(&number.to_be_bytes());
            at += 4;
        }
        Some(at)
    }
}

/// Room for any id that [`erln_pid::encode`] and [`erln_ref::encode`] write.
pub(crate) const MAX_ENCODED: usize = 5 + ERLN_NAME_SIZE + 4 * 6;

/// The name that a length byte announces, if it is plain and fits a field with its NUL.
fn short_name(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(len.into())?;
    // 255 bytes fit with their NUL; what is not ASCII needs a look at its encoding.
    name.is_ascii().then_some((name, rest))
}

/// The name in a field, if it is there and plain.
fn plain_name(field: &[c_char; ERLN_NAME_SIZE]) -> Option<&[u8]> {
    let bytes = octets(field);
    // SAFETY: the length is that of the field.
    let len = unsafe { libc::strnlen(field.as_ptr(), ERLN_NAME_SIZE) };
    let name = &bytes[..len];
    (len > 0 && len < ERLN_NAME_SIZE && name.is_ascii()).then_some(name)
}

/// A field as bytes.
fn octets(field: &[c_char; ERLN_NAME_SIZE]) -> &[u8; ERLN_NAME_SIZE] {
    // SAFETY: `c_char` and `u8` have the same size and no invalid values.
    unsafe { &*(field as *const [c_char; ERLN_NAME_SIZE]).cast() }
}

/// Number `index` of some big-endian words.
fn word(numbers: &[u8], index: usize) -> u32 {
    let at = index * 4;
    u32::from_be_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]])
}

/// A name and zeros behind it, into a field.
///
/// # Safety
/// `field` can be written; `name` is shorter than it.
unsafe fn put_field(field: *mut [c_char; ERLN_NAME_SIZE], name: &[u8]) {
    // SAFETY: the field can be written, and the name fits. Clearing all of it first is a few wide stores.
    unsafe {
        field.write([0; ERLN_NAME_SIZE]);
        std::ptr::copy_nonoverlapping(name.as_ptr(), field.cast::<u8>(), name.len());
    }
}

impl erln_name {
    /// The C struct of a name.
    pub(crate) fn new(name: &Atom) -> Result<Self> {
        Ok(erln_name { text: field(name)? })
    }
}

/// Refuses a node name that does not fit a field with its NUL.
pub(crate) fn check_name(name: &Atom) -> Result<()> {
    match name.as_bytes().len() < ERLN_NAME_SIZE {
        true => Ok(()),
        false => Err(Error::Limit("a node name of more than 255 bytes does not fit the C structs".into())),
    }
}

/// A name with zeros behind it.
fn field(name: &Atom) -> Result<[c_char; ERLN_NAME_SIZE]> {
    check_name(name)?;
    let mut field = [0; ERLN_NAME_SIZE];
    for (to, from) in field.iter_mut().zip(name.as_bytes()) {
        *to = *from as c_char;
    }
    Ok(field)
}

/// The name in a field; it must end with a zero.
fn atom(field: &[c_char; ERLN_NAME_SIZE], what: &str) -> Result<Atom> {
    let bytes = octets(field);
    // SAFETY: the length is that of the field.
    let len = unsafe { libc::strnlen(field.as_ptr(), ERLN_NAME_SIZE) };
    if len == ERLN_NAME_SIZE {
        return Err(Error::argument(format!("the node name of this {what} has no end")));
    }
    if len == 0 {
        return Err(Error::argument(format!("this {what} is empty: it was never filled in")));
    }
    let text = std::str::from_utf8(&bytes[..len]);
    Atom::new(text.map_err(|_| Error::argument(format!("the node name of this {what} is not UTF-8")))?)
}
