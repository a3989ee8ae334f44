//! The Python package's way in: terms become Python objects, and back, in one crossing per message.
//!
//! Only the package `erlnode` uses this. It hands over the addresses of functions of Python's stable ABI, and gets functions
//! of Python back; the library does not link against Python. Chosen by measurement (benches/python).

mod api;
mod cache;
mod decode;
mod encode;
mod requests;

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

use api::{Fail, Method, Owned, PyObject, PyResult, Python};

use super::bytes::timeout;
use super::guard::{guard, guard_or};
use super::mailbox::{erln_mailbox, mailbox, Opened};
use super::message::erln_msg_type;
use super::status::erln_status;
use crate::node::message::Message;
use crate::node::process::AliasMode;
use crate::node::send::Target;

use crate::term::{put, tag, Atom, Reader, Reference};
use crate::Error;

/// For the Python package only: takes the addresses of the Python functions and objects that it uses, and gives the functions
/// it will call (new references to Python objects), all in the order of `_abi/codec.py`. The arrays are copied; the objects are kept
/// for ever. May be called again. The interpreter lock must be held.
#[no_mangle]
pub unsafe extern "C" fn erln_python_setup(
    functions: *const *const c_void,
    functions_len: usize,
    objects: *const *mut c_void,
    objects_len: usize,
    out: *mut *mut c_void,
    out_len: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the arrays hold as many valid addresses as their lengths say, by the caller's promise.
        let python = unsafe { Python::setup(functions, functions_len, objects.cast(), objects_len) }?;
        if out.is_null() || out_len != METHODS.len() {
            return Err(Error::argument(format!("out must have room for {} functions", METHODS.len())));
        }
        for (at, method) in METHODS.iter().enumerate() {
            let function =
                python.function(method).map_err(|_| Error::Internal("making a Python function".into()))?;
            // SAFETY: `out` has room for all of them, as was checked.
            unsafe { out.add(at).write(function.into_raw().cast()) };
        }
        Ok(())
    })
}

/// The functions that the package gets, in the order of `_abi/codec.py`. Real functions of Python, since a call by ctypes costs more
/// than most messages.
static METHODS: [Method; 9] = [
    Method::new(c"decode", decode_bytes),
    Method::new(c"encode", encode_object),
    Method::new(c"send_now", send_now),
    Method::new(c"take", take),
    Method::new(c"wait", wait),
    Method::new(c"ask", ask),
    Method::new(c"request_args", requests::request_args),
    Method::new(c"request_is_wanted", requests::request_is_wanted),
    Method::new(c"request_reply", requests::request_reply),
];

/// `decode(bytes)`: the term that is encoded there, without version byte.
unsafe extern "C-unwind" fn decode_bytes(
    _: *mut PyObject,
    args: *const *mut PyObject,
    count: isize,
) -> *mut PyObject {
    with_python(|python| {
        // SAFETY: Python's own arguments.
        let [data] = unsafe { arguments(args, count) }?;
        // SAFETY: Python holds the arguments during the call.
        let mut reader = Reader::new(unsafe { python.borrow_bytes(data) }?);
        let object = decode::decode(python, &mut reader)?;
        reader.finish()?;
        Ok(object)
    })
}

/// `encode(term)`: the encoding, without version byte, as `bytes`.
unsafe extern "C-unwind" fn encode_object(
    _: *mut PyObject,
    args: *const *mut PyObject,
    count: isize,
) -> *mut PyObject {
    with_python(|python| {
        // SAFETY: Python's own arguments.
        let [object] = unsafe { arguments(args, count) }?;
        python.bytes(&encoded(python, object)?)
    })
}

/// `send_now(mailbox, to, term)`: sends to a `Pid`, `Reference`, name, or `(name, node)` without waiting; `NOTHING` if there is no
/// connection yet, or no room, and nothing was sent.
unsafe extern "C-unwind" fn send_now(
    _: *mut PyObject,
    args: *const *mut PyObject,
    count: isize,
) -> *mut PyObject {
    with_python(|python| {
        // SAFETY: Python's own arguments.
        let [id, to, object] = unsafe { arguments(args, count) }?;
        let sender = self::mailbox(mailbox_id(python, id)?)?;
        let to = target(python, to)?;
        let payload = encoded(python, object)?;
        match sender.send(&to, &payload, Some(Duration::ZERO)) {
            Ok(()) => Ok(python.share(python.objects.none)),
            Err(Error::Timeout(_) | Error::Busy { .. }) => Ok(python.share(python.objects.nothing)),
            Err(error) => Err(error.into()),
        }
    })
}

/// `take(mailbox, reference, detail)`: the next message, or the next that answers `reference` (None: any); `NOTHING` if there is none.
/// A call of an exported function comes as a `Request`. With `detail`, a tuple of kind, term and sender.
unsafe extern "C-unwind" fn take(
    _: *mut PyObject,
    args: *const *mut PyObject,
    count: isize,
) -> *mut PyObject {
    with_python(|python| {
        // SAFETY: Python's own arguments.
        let [id, reference, detail] = unsafe { arguments(args, count) }?;
        let receiver = self::mailbox(mailbox_id(python, id)?)?;
        let received = match optional_reference(python, reference)? {
            None => receiver.try_recv(),
            Some(reference) => receiver.recv_reply(&reference, Some(Duration::ZERO)),
        };
        match received {
            Ok(message) => taken(python, message, detail == python.objects.true_),
            Err(error) if error.is_timeout() => Ok(python.share(python.objects.nothing)),
            Err(error) => Err(error.into()),
        }
    })
}

/// `wait(mailbox, reference, timeout_ms)`: waits, without the interpreter lock, until `take` would find something, and leaves it
/// there; False if the time is over.
unsafe extern "C-unwind" fn wait(
    _: *mut PyObject,
    args: *const *mut PyObject,
    count: isize,
) -> *mut PyObject {
    // A thread that asks for the lock while the interpreter ends never comes back: Python unwinds it from inside
    // `restore_thread`. So at that moment this frame holds nothing that would have to be dropped, and no guard is open.
    let mut plan = MaybeUninit::<Plan>::uninit();
    let mut planned = false;
    let failed = with_python(|python| {
        // SAFETY: Python's own arguments.
        let [id, reference, timeout_ms] = unsafe { arguments(args, count) }?;
        let receiver = self::mailbox(mailbox_id(python, id)?)?;
        let reference = optional_reference(python, reference)?;
        let wait = timeout(i32::try_from(python.i64_of(timeout_ms)?).unwrap_or(i32::MAX))?;
        plan.write(Plan { receiver, reference, wait });
        planned = true;
        Ok(python.share(python.objects.none))
    });
    let (true, Some(python)) = (planned, Python::get()) else { return failed };
    // SAFETY: `failed` is a reference to None; the lock is held; `plan` was written.
    let (state, found) = unsafe {
        (python.functions.dec_ref)(failed);
        let state = (python.functions.save_thread)();
        (state, guard_or(Waited::Closed, || plan.assume_init().run()))
    };
    // SAFETY: the state that `save_thread` gave on this thread.
    unsafe { (python.functions.restore_thread)(state) };
    with_python(|python| match found {
        Waited::Found => Ok(python.share(python.objects.true_)),
        Waited::Nothing => Ok(python.share(python.objects.false_)),
        Waited::Closed => Err(Fail::Error(Error::Closed("mailbox"))),
    })
}

/// `ask(mailbox, server, request)`: begins a call of a `gen_server` (`{'$gen_call', {Pid, [alias | Ref]}, Request}`) and gives
/// its reference, which the reply or a DOWN will answer; `NOTHING` if it cannot be sent without waiting.
unsafe extern "C-unwind" fn ask(_: *mut PyObject, args: *const *mut PyObject, count: isize) -> *mut PyObject {
    with_python(|python| {
        // SAFETY: Python's own arguments.
        let [id, to, request] = unsafe { arguments(args, count) }?;
        let sender = self::mailbox(mailbox_id(python, id)?)?;
        let to = target(python, to)?;
        // Encoded first: what is no term must not leave a monitor behind.
        let request = encoded(python, request)?;
        let reference = sender.monitor_alias(&to, AliasMode::ReplyDemonitor)?;
        let mut payload = Vec::with_capacity(request.len() + 160); // the rest of the message, with names of 40 letters
        put::tuple(&mut payload, 3);
        put::atom(&mut payload, b"$gen_call");
        put::tuple(&mut payload, 2);
        put::pid(&mut payload, &sender.pid());
        put::counted(&mut payload, tag::LIST, 1);
        put::atom(&mut payload, b"alias");
        put::reference(&mut payload, &reference);
        payload.extend_from_slice(&request);
        match sender.send(&to, &payload, Some(Duration::ZERO)) {
            Ok(()) => {
                let mut wire = Vec::with_capacity(64);
                put::reference(&mut wire, &reference);
                python.wire_object(python.objects.new_reference, &wire)
            }
            Err(error) => {
                sender.demonitor(&reference, true);
                match error {
                    Error::Timeout(_) | Error::Busy { .. } => Ok(python.share(python.objects.nothing)),
                    error => Err(error.into()),
                }
            }
        }
    })
}

/// What is waited for.
struct Plan {
    receiver: Arc<Opened>,
    reference: Option<Reference>,
    wait: Option<Duration>,
}

/// How a wait ended.
#[derive(Clone, Copy)]
enum Waited {
    Found,
    Nothing,
    Closed,
}

impl Plan {
    fn run(self) -> Waited {
        match self.receiver.wait(self.reference.as_ref(), self.wait) {
            Ok(true) => Waited::Found,
            Ok(false) => Waited::Nothing,
            Err(_) => Waited::Closed,
        }
    }
}

/// The arguments of a call.
///
/// # Safety
/// `args` are `count` objects that live during the call.
unsafe fn arguments<const N: usize>(
    args: *const *mut PyObject,
    count: isize,
) -> PyResult<[*mut PyObject; N]> {
    if count != N as isize {
        return Err(Fail::Error(Error::argument(format!("{N} arguments expected, {count} given"))));
    }
    // SAFETY: as many as were asked for.
    Ok(unsafe { args.cast::<[*mut PyObject; N]>().read() })
}

/// The id of a mailbox.
#[inline]
fn mailbox_id(python: &'static Python, object: *mut PyObject) -> PyResult<erln_mailbox> {
    Ok(erln_mailbox { id: python.i64_of(object)? as u64 })
}

/// A reference, or nothing for None.
#[inline]
fn optional_reference(python: &'static Python, object: *mut PyObject) -> PyResult<Option<Reference>> {
    if object == python.objects.none {
        return Ok(None);
    }
    reference_of(python, object).map(Some)
}

/// A received message as the object that Python gets.
fn taken(python: &'static Python, message: Message, detail: bool) -> PyResult<Owned> {
    let kind = message.kind();
    let sender = match message.from() {
        Some(pid) if detail => decode::pid_object(python, pid)?,
        _ => python.share(python.objects.none),
    };
    let term = match message.request {
        Some(request) => requests::object(python, *request)?,
        None => decode::decode(python, &mut message.reader())?,
    };
    if !detail {
        return Ok(term);
    }
    let kind = python.int(erln_msg_type::from(kind) as i64)?;
    python.tuple([kind, term, sender])
}

/// Runs `f` with the interpreter, under guard, and hands its result to Python.
fn with_python(f: impl FnOnce(&'static Python) -> PyResult<Owned>) -> *mut PyObject {
    guard_or(std::ptr::null_mut(), || match Python::get() {
        Some(python) => python.answer(f(python)),
        None => std::ptr::null_mut(),
    })
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
