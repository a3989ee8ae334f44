//! The Python package's way in: terms become Python objects, and back, in one crossing per message.
//!
//! Only the package `erlnode` calls these. It hands over the addresses of the functions of Python's stable ABI once
//! (erln_python_setup); the library does not link against Python. Those that return objects must be called with
//! the interpreter lock held, and give NULL when a Python exception is set; none of them waits or gives the lock away. Chosen by measurement (benches/python).

mod api;
mod cache;
mod decode;
mod encode;

use std::ffi::c_void;
use std::time::Duration;

use api::{Fail, Owned, PyObject, PyResult, Python};

use super::bytes::{bytes, timeout};
use super::guard::{guard, guard_or};
use super::mailbox::{erln_mailbox, mailbox};
use super::message::{erln_msg, erln_msg_type};
use super::pid::erln_ref;
use super::status::erln_status;
use crate::node::message::{Message, MessageKind};
use crate::node::send::Target;
use crate::term::{put, Atom, Pid, Reader, Reference};
use crate::Error;

/// For the Python package only: takes the addresses of the Python functions and objects that it uses, in the order of
/// `_abi.py`. The arrays are copied; the objects are kept for ever. May be called again.
#[no_mangle]
pub unsafe extern "C" fn erln_python_setup(
    functions: *const *const c_void,
    functions_len: usize,
    objects: *const *mut c_void,
    objects_len: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: both arrays hold as many valid addresses as their lengths say, by the caller's promise.
        unsafe { Python::setup(functions, functions_len, objects.cast(), objects_len) }
    })
}

/// For the Python package only: the object that an encoded term (without version byte) stands for. A new reference.
#[no_mangle]
pub unsafe extern "C" fn erln_python_decode(data: *const u8, len: usize) -> *mut c_void {
    guard_or(std::ptr::null_mut(), || {
        with_python(|python| {
            // SAFETY: the caller's bytes.
            let mut reader = Reader::new(unsafe { bytes(data, len, "data") }?);
            let object = decode::decode(python, &mut reader)?;
            reader.finish()?;
            Ok(object)
        })
    })
}

/// For the Python package only: the encoded term (without version byte) of an object, as `bytes`. A new reference.
#[no_mangle]
pub unsafe extern "C" fn erln_python_encode(object: *mut c_void) -> *mut c_void {
    guard_or(std::ptr::null_mut(), || with_python(|python| python.bytes(&encoded(python, object.cast())?)))
}

/// For the Python package only: sends an object to a `Pid`, `Reference`, name, or `(name, node)`, without waiting. None, as a
/// new reference; the object `NOTHING` if there is no connection yet, or no room, and nothing was sent.
#[no_mangle]
pub unsafe extern "C" fn erln_python_send(
    mailbox: erln_mailbox,
    to: *mut c_void,
    object: *mut c_void,
) -> *mut c_void {
    guard_or(std::ptr::null_mut(), || {
        with_python(|python| {
            let sender = self::mailbox(mailbox)?;
            let to = target(python, to.cast())?;
            let payload = encoded(python, object.cast())?;
            match sender.send(&to, &payload, Some(Duration::ZERO)) {
                Ok(()) => Ok(python.share(python.objects.none)),
                Err(Error::Timeout(_) | Error::Busy { .. }) => Ok(python.share(python.objects.nothing)),
                Err(error) => Err(error.into()),
            }
        })
    })
}

/// For the Python package only: the next message, or the next that answers `reference` (a `Reference` or None); the object
/// `NOTHING` if there is none. A call of an exported function comes as the object that `_abi.py` makes of its erln_msg.
/// With `detail`, a tuple of kind, term and sender. A new reference.
#[no_mangle]
pub unsafe extern "C" fn erln_python_take(
    mailbox: erln_mailbox,
    reference: *mut c_void,
    detail: bool,
) -> *mut c_void {
    guard_or(std::ptr::null_mut(), || {
        with_python(|python| {
            let receiver = self::mailbox(mailbox)?;
            let received = match reference.cast::<PyObject>() {
                none if none == python.objects.none => receiver.try_recv(),
                object => receiver.recv_reply(&reference_of(python, object)?, Some(Duration::ZERO)),
            };
            match received {
                Ok(message) => taken(python, message, detail),
                Err(error) if error.is_timeout() => Ok(python.share(python.objects.nothing)),
                Err(error) => Err(error.into()),
            }
        })
    })
}

/// For the Python package only, and the one that is called without the interpreter lock: waits until a message is there (or
/// one that answers `reference`, unless that is NULL) and leaves it there. ERLN_ERR_TIMEOUT if none came in time.
#[no_mangle]
pub unsafe extern "C" fn erln_python_wait(
    mailbox: erln_mailbox,
    reference: *const erln_ref,
    timeout_ms: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: NULL or the caller's reference.
        let reference =
            unsafe { reference.as_ref() }.map(|reference| reference.to_reference()).transpose()?;
        match self::mailbox(mailbox)?.wait(reference.as_ref(), timeout(timeout_ms)?)? {
            true => Ok(()),
            false => Err(Error::Timeout("no message arrived in time".into())),
        }
    })
}

/// A received message as the object that Python gets.
fn taken(python: &'static Python, message: Message, detail: bool) -> PyResult<Owned> {
    let kind = message.kind();
    let sender = match message.from() {
        Some(pid) if detail => pid_object(python, pid)?,
        _ => python.share(python.objects.none),
    };
    let term = if kind == MessageKind::Request {
        // The pointer belongs to the object from here on.
        python.call1(python.objects.request, python.int(erln_msg::give(message) as i64)?)?
    } else {
        decode::decode(python, &mut message.reader())?
    };
    if !detail {
        return Ok(term);
    }
    let kind = python.int(erln_msg_type::from(kind) as i64)?;
    python.tuple([kind, term, sender])
}

/// Runs `f` with the interpreter and hands its result to Python.
fn with_python(f: impl FnOnce(&'static Python) -> PyResult<Owned>) -> *mut c_void {
    match Python::get() {
        Some(python) => python.answer(f(python)),
        None => std::ptr::null_mut(),
    }
}

/// The encoding of an object.
fn encoded(python: &'static Python, object: *mut PyObject) -> PyResult<Vec<u8>> {
    /// Room for most messages.
    const ROOM: usize = 64;
    let mut out = Vec::with_capacity(ROOM);
    encode::encode(python, object, &mut out)?;
    Ok(out)
}

/// Where a message goes.
fn target(python: &'static Python, to: *mut PyObject) -> PyResult<Target> {
    let (o, class) = (&python.objects, python.class(to));
    if class == o.pid {
        let wire = python.attribute(to, o.wire_name)?;
        let pid = Reader::new(python.bytes_of(&wire)?).pid();
        return pid.map(Target::Pid).ok_or(Fail::Error(Error::argument("the pid is broken")));
    }
    if class == o.reference {
        return Ok(Target::Alias(reference_of(python, to)?));
    }
    // SAFETY: a tuple, and places inside it.
    if class == o.tuple && unsafe { (python.functions.tuple_size)(to) } == 2 {
        // SAFETY: as above.
        let (name, node) =
            unsafe { ((python.functions.tuple_get_item)(to, 0), (python.functions.tuple_get_item)(to, 1)) };
        return Ok(Target::NameNode(name_of(python, name)?, name_of(python, node)?));
    }
    name_of(python, to).map(Target::Name)
}

/// A name given as `Atom` or `str`.
fn name_of(python: &'static Python, object: *mut PyObject) -> PyResult<Atom> {
    let class = python.class(object);
    if class == python.objects.atom {
        let wire = python.attribute(object, python.objects.wire_name)?;
        if let Some(atom) = Reader::new(python.bytes_of(&wire)?).atom_term() {
            return Ok(atom);
        }
    }
    if class == python.objects.str {
        return Ok(Atom::new(python.text_of(object)?)?);
    }
    Err(Fail::Error(Error::argument(
        "messages go to a Pid, a Reference (an alias), a name as str or Atom, or a tuple (name, node)",
    )))
}

fn reference_of(python: &'static Python, object: *mut PyObject) -> PyResult<Reference> {
    if python.class(object) == python.objects.reference {
        let wire = python.attribute(object, python.objects.wire_name)?;
        if let Some(reference) = Reader::new(python.bytes_of(&wire)?).reference() {
            return Ok(reference);
        }
    }
    Err(Fail::Error(Error::argument("what is waited for is given as a Reference")))
}

fn pid_object(python: &'static Python, pid: &Pid) -> PyResult<Owned> {
    let mut wire = Vec::new();
    put::pid(&mut wire, pid);
    python.wire_object(python.objects.new_pid, &wire)
}
