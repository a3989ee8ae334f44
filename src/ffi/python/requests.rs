//! Calls of exported functions as Python sees them: the object `Request`, which holds an `erln_request` by its address.
//!
//! Made in one crossing, answered in one. Its arguments stay encoded until they are asked for.
//! Always true: an address is given to one object, and freed by the answer or by the end of that object.

use super::api::{Fail, Owned, PyObject, PyResult, Python};
use super::{arguments, decode, encoded, with_python};
use crate::ffi::spawn::erln_request;
use crate::node::spawn::Request;
use crate::term::Reader;
use crate::Error;

/// The object that owns a request.
pub(super) fn object(python: &'static Python, request: Request) -> PyResult<Owned> {
    let o = &python.objects;
    let object = python.call0(o.new_request)?;
    let set = |name: *mut PyObject, value: Owned| {
        // SAFETY: the class has a slot of this name.
        match unsafe { (python.functions.set_attr)(object.as_ptr(), name, value.as_ptr()) } {
            0 => Ok(()),
            _ => Err(Fail::Raised),
        }
    };
    set(o.module_name, decode::atom_object(python, request.module().as_str())?)?;
    set(o.function_name, decode::atom_object(python, request.function().as_str())?)?;
    set(o.caller_name, decode::pid_object(python, request.caller())?)?;
    let handle = erln_request::give(request);
    let set = python.int(handle as i64).and_then(|address| set(o.handle_name, address));
    if set.is_err() {
        // SAFETY: given out above, and nobody else has it.
        drop(unsafe { Box::from_raw(handle) });
    }
    set.map(|()| object)
}

/// The request that an object owns; `Closed` once it was answered.
fn open(python: &'static Python, object: *mut PyObject) -> PyResult<*mut erln_request> {
    let handle = python.attribute(object, python.objects.handle_name)?;
    match python.i64_of(handle.as_ptr())? {
        0 => Err(Fail::Error(Error::Closed("request (it was answered)"))),
        address => Ok(address as *mut erln_request),
    }
}

/// `request_args(request)`: the list of arguments.
pub(super) unsafe extern "C-unwind" fn request_args(
    _: *mut PyObject,
    args: *const *mut PyObject,
    count: isize,
) -> *mut PyObject {
    with_python(|python| {
        // SAFETY: Python's own arguments.
        let [object] = unsafe { arguments(args, count) }?;
        // SAFETY: the object owns it, and cannot lose it while no Python code runs.
        let data = unsafe { &*open(python, object)? }.open()?.args().clone();
        decode::decode(python, &mut Reader::new(&data))
    })
}

/// `request_is_wanted(request)`: whether anybody waits for the result.
pub(super) unsafe extern "C-unwind" fn request_is_wanted(
    _: *mut PyObject,
    args: *const *mut PyObject,
    count: isize,
) -> *mut PyObject {
    with_python(|python| {
        // SAFETY: Python's own arguments.
        let [object] = unsafe { arguments(args, count) }?;
        let wanted = match open(python, object) {
            // SAFETY: as for `request_args`.
            Ok(request) => unsafe { &*request }.open()?.is_wanted(),
            Err(Fail::Error(_)) => false,
            Err(fail) => return Err(fail),
        };
        Ok(python.share(if wanted { python.objects.true_ } else { python.objects.false_ }))
    })
}

/// `request_reply(request, term)`: answers, and frees what the object owned, unless `term` is no term.
pub(super) unsafe extern "C-unwind" fn request_reply(
    _: *mut PyObject,
    args: *const *mut PyObject,
    count: isize,
) -> *mut PyObject {
    with_python(|python| {
        // SAFETY: Python's own arguments.
        let [object, term] = unsafe { arguments(args, count) }?;
        // Before the request is looked at: encoding may run code of the program, which might answer.
        let reply = encoded(python, term)?;
        let request = open(python, object)?;
        // SAFETY: the class has this slot; no Python code runs, so that nobody else frees it.
        if unsafe { (python.functions.set_attr)(object, python.objects.handle_name, python.int(0)?.as_ptr()) }
            != 0
        {
            return Err(Fail::Raised);
        }
        // SAFETY: given out by `object`, and nobody has the address any more.
        let taken = unsafe { Box::from_raw(request) }.take();
        taken.map_or(Ok(()), |request| request.reply(&reply))?;
        Ok(python.share(python.objects.none))
    })
}
