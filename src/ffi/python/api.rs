//! Python's stable ABI as a table of functions, and the few Python objects the codec knows.
//!
//! `Python` is filled once from `_abi/codec.py`. [`Owned`] is one counted reference. Nothing here keeps a lock while Python
//! code may run.

use std::ffi::{c_char, c_int, c_longlong, c_ulonglong, c_void, CStr};
use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::cache::Cache;
use crate::ffi::status::erln_status;
use crate::{Error, Result};

/// A Python object; only its type is ever looked at, at the place the stable ABI fixes.
#[repr(C)]
pub(super) struct PyObject {
    refcount: isize,
    class: *mut PyObject,
}

type Object = *mut PyObject;

/// Functions of Python's stable ABI, in the order of `_abi/codec.py`.
#[repr(C)]
pub(super) struct Functions {
    pub inc_ref: unsafe extern "C" fn(Object),
    pub dec_ref: unsafe extern "C" fn(Object),
    pub list_new: unsafe extern "C" fn(isize) -> Object,
    pub list_set_item: unsafe extern "C" fn(Object, isize, Object) -> c_int,
    pub list_append: unsafe extern "C" fn(Object, Object) -> c_int,
    pub list_size: unsafe extern "C" fn(Object) -> isize,
    pub list_get_item: unsafe extern "C" fn(Object, isize) -> Object,
    pub tuple_new: unsafe extern "C" fn(isize) -> Object,
    pub tuple_set_item: unsafe extern "C" fn(Object, isize, Object) -> c_int,
    pub tuple_size: unsafe extern "C" fn(Object) -> isize,
    pub tuple_get_item: unsafe extern "C" fn(Object, isize) -> Object,
    pub dict_new: unsafe extern "C" fn() -> Object,
    pub dict_set_item: unsafe extern "C" fn(Object, Object, Object) -> c_int,
    pub dict_size: unsafe extern "C" fn(Object) -> isize,
    pub dict_next: unsafe extern "C" fn(Object, *mut isize, *mut Object, *mut Object) -> c_int,
    pub long_from_i64: unsafe extern "C" fn(c_longlong) -> Object,
    pub long_from_u64: unsafe extern "C" fn(c_ulonglong) -> Object,
    pub long_as_i64: unsafe extern "C" fn(Object, *mut c_int) -> c_longlong,
    pub float_from_f64: unsafe extern "C" fn(f64) -> Object,
    pub float_as_f64: unsafe extern "C" fn(Object) -> f64,
    pub bytes_from: unsafe extern "C" fn(*const c_char, isize) -> Object,
    pub bytes_as: unsafe extern "C" fn(Object, *mut *mut c_char, *mut isize) -> c_int,
    pub str_from: unsafe extern "C" fn(*const c_char, isize) -> Object,
    pub str_as_utf8: unsafe extern "C" fn(Object, *mut isize) -> *const c_char,
    pub get_attr: unsafe extern "C" fn(Object, Object) -> Object,
    pub set_attr: unsafe extern "C" fn(Object, Object, Object) -> c_int,
    pub call: unsafe extern "C" fn(Object, Object) -> Object,
    pub set_error: unsafe extern "C" fn(Object, Object),
    pub save_thread: unsafe extern "C" fn() -> *mut c_void,
    /// Ends the thread from inside when the interpreter is ending.
    pub restore_thread: unsafe extern "C-unwind" fn(*mut c_void),
    pub function_new: unsafe extern "C" fn(*const Method, Object, Object) -> Object,
    pub error_occurred: unsafe extern "C" fn() -> Object,
    pub fetch_error: unsafe extern "C" fn(*mut Object, *mut Object, *mut Object),
    pub restore_error: unsafe extern "C" fn(Object, Object, Object),
}

/// A function for Python (its PyMethodDef), called with an array of arguments.
#[repr(C)]
pub(super) struct Method {
    name: *const c_char,
    function: unsafe extern "C-unwind" fn(Object, *const Object, isize) -> Object,
    flags: c_int,
    doc: *const c_char,
}

/// METH_FASTCALL: the arguments come as an array.
const FAST_CALL: c_int = 0x80;

// SAFETY: constants that nobody changes.
unsafe impl Sync for Method {}

impl Method {
    /// `function` under this name.
    pub(super) const fn new(
        name: &'static CStr,
        function: unsafe extern "C-unwind" fn(Object, *const Object, isize) -> Object,
    ) -> Method {
        Method { name: name.as_ptr(), function, flags: FAST_CALL, doc: ptr::null() }
    }
}

/// Python objects of the package, in the order of `_abi/codec.py`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Objects {
    pub none: Object,
    pub true_: Object,
    pub false_: Object,
    pub int: Object,
    pub float: Object,
    pub str: Object,
    pub bytes: Object,
    pub list: Object,
    pub tuple: Object,
    pub dict: Object,
    pub atom: Object,
    pub pid: Object,
    pub port: Object,
    pub reference: Object,
    pub fun: Object,
    pub export: Object,
    pub bit_string: Object,
    pub record: Object,
    pub frozen: Object,
    pub improper_list: Object,
    pub exact_float: Object,
    /// Makers of the classes that hold their encoding: called without arguments, then given `_wire`.
    pub new_pid: Object,
    pub new_port: Object,
    pub new_reference: Object,
    pub new_fun: Object,
    pub new_export: Object,
    pub new_bit_string: Object,
    pub new_record: Object,
    /// `bytes` of an encoded list or map to the `Frozen` that stands for it as a key.
    pub freeze: Object,
    /// Little-endian two's complement bytes to `int`, and back.
    pub int_from_bytes: Object,
    pub int_to_bytes: Object,
    /// A key, or all keys of a `dict`, as keys that cannot be mistaken for numbers of another type.
    pub exact_key: Object,
    pub exact_keys: Object,
    /// An object of a type the codec does not know to one it knows.
    pub replace: Object,
    /// The names `_wire`, `items`, `tail`.
    pub wire_name: Object,
    pub items_name: Object,
    pub tail_name: Object,
    /// Stops the collector of garbage and tells whether it ran, and starts it; None where that gains nothing.
    pub pause_collector: Object,
    pub resume_collector: Object,
    /// Maker of `Request`, and the names of its places.
    pub new_request: Object,
    pub handle_name: Object,
    pub module_name: Object,
    pub function_name: Object,
    pub caller_name: Object,
    /// Stands for "no message".
    pub nothing: Object,
    /// Status (0: a term that cannot be encoded) and text to the exception that is raised for it.
    pub failure: Object,
}

/// Why a conversion ended.
pub(super) enum Fail {
    /// A Python exception is set.
    Raised,
    /// An object that is no term a peer would accept.
    Refused(&'static str),
    /// One of ours, still to be raised.
    Error(Error),
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Fail::Error(error)
    }
}

impl From<crate::error::Malformed> for Fail {
    fn from(malformed: crate::error::Malformed) -> Self {
        Fail::Error(malformed.into())
    }
}

pub(super) type PyResult<T> = std::result::Result<T, Fail>;

/// The interpreter, as far as the codec needs it.
pub(super) struct Python {
    pub functions: Functions,
    pub objects: Objects,
    pub atoms: Cache,
    pub ids: Cache,
}

// SAFETY: the objects are immortal (one reference is kept for ever) and only touched with the interpreter lock held.
unsafe impl Send for Python {}
// SAFETY: as above.
unsafe impl Sync for Python {}

static PYTHON: AtomicPtr<Python> = AtomicPtr::new(ptr::null_mut());

/// Copies a table of pointers out of the caller's array.
unsafe fn table<T>(array: *const *const u8, len: usize, what: &str) -> Result<T> {
    let expected = size_of::<T>() / size_of::<usize>();
    if array.is_null() || len != expected || align_of::<T>() != align_of::<usize>() {
        return Err(Error::argument(format!("{what}: {expected} addresses expected, {len} given")));
    }
    for i in 0..len {
        // SAFETY: inside the caller's array.
        if unsafe { array.add(i).read() }.is_null() {
            return Err(Error::argument(format!("{what}: address {i} is NULL")));
        }
    }
    // SAFETY: T is a repr(C) struct of `len` pointers, none of them NULL.
    Ok(unsafe { array.cast::<T>().read() })
}

impl Python {
    /// Keeps the tables; see `erln_python_setup`. A second call replaces the first, whose table stays valid.
    pub(super) unsafe fn setup(
        functions: *const *const std::ffi::c_void,
        functions_len: usize,
        objects: *const *mut PyObject,
        objects_len: usize,
    ) -> Result<&'static Python> {
        // SAFETY: the caller's promise is ours.
        let functions: Functions = unsafe { table(functions.cast(), functions_len, "functions") }?;
        // SAFETY: as above.
        let copy: Objects = unsafe { table(objects.cast(), objects_len, "objects") }?;
        for i in 0..objects_len {
            // SAFETY: each was checked not to be NULL, and is an object by the caller's promise.
            unsafe { (functions.inc_ref)(objects.add(i).read()) };
        }
        let python =
            Python { functions, objects: copy, atoms: Cache::new(ATOM_SETS), ids: Cache::new(ID_SETS) };
        // Leaked on purpose: another thread may be using it, and there is one per import of the package.
        let python = Box::into_raw(Box::new(python));
        PYTHON.store(python, Ordering::Release);
        // SAFETY: leaked.
        Ok(unsafe { &*python })
    }

    /// The interpreter, once Python has introduced itself.
    #[inline]
    pub(super) fn get() -> Option<&'static Python> {
        // SAFETY: NULL or leaked by `setup`.
        unsafe { PYTHON.load(Ordering::Acquire).as_ref() }
    }

    /// A new reference that a Python function returned.
    #[inline]
    pub(super) fn owned(&'static self, object: Object) -> PyResult<Owned> {
        match NonNull::new(object) {
            Some(object) => Ok(Owned { object, python: self }),
            None => Err(Fail::Raised),
        }
    }

    /// One more reference to an object that somebody else holds.
    #[inline]
    pub(super) fn share(&'static self, object: Object) -> Owned {
        // SAFETY: the caller knows that the object is alive; it is never NULL.
        unsafe {
            (self.functions.inc_ref)(object);
            Owned { object: NonNull::new_unchecked(object), python: self }
        }
    }

    /// The type of an object.
    #[inline]
    pub(super) fn class(&'static self, object: Object) -> Object {
        // SAFETY: the type stands where the stable ABI fixes it.
        unsafe { (*object).class }
    }

    /// A `bytes` object.
    pub(super) fn bytes(&'static self, data: &[u8]) -> PyResult<Owned> {
        // SAFETY: copies `len` bytes.
        self.owned(unsafe { (self.functions.bytes_from)(data.as_ptr().cast(), data.len() as isize) })
    }

    /// What a `bytes` object holds.
    #[inline]
    pub(super) fn bytes_of<'a>(&'static self, object: &'a Owned) -> PyResult<&'a [u8]> {
        // SAFETY: the reference is held for 'a, and bytes do not change.
        unsafe { self.borrow_bytes(object.as_ptr()) }
    }

    /// What a `bytes` object holds, for as long as somebody holds the object.
    ///
    /// # Safety
    /// The object must stay alive for 'a.
    #[inline]
    pub(super) unsafe fn borrow_bytes<'a>(&'static self, object: Object) -> PyResult<&'a [u8]> {
        let (mut data, mut len) = (ptr::null_mut(), 0);
        // SAFETY: fails with an exception when the object is no `bytes`.
        if unsafe { (self.functions.bytes_as)(object, &mut data, &mut len) } != 0 {
            return Err(Fail::Raised);
        }
        // SAFETY: a bytes object owns `len` bytes there.
        Ok(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len as usize) })
    }

    /// An attribute.
    #[inline]
    pub(super) fn attribute(&'static self, object: Object, name: Object) -> PyResult<Owned> {
        // SAFETY: both are alive.
        self.owned(unsafe { (self.functions.get_attr)(object, name) })
    }

    /// Runs `f`, which may call Python, while an exception may be set already, and leaves that as it was.
    pub(super) fn undisturbed(&'static self, f: impl FnOnce()) {
        let (mut class, mut value, mut trace) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: takes the exception (or three NULLs) out, and puts it back in.
        unsafe {
            (self.functions.fetch_error)(&mut class, &mut value, &mut trace);
            f();
            (self.functions.restore_error)(class, value, trace);
        }
    }

    /// Calls without arguments.
    pub(super) fn call0(&'static self, callable: Object) -> PyResult<Owned> {
        // SAFETY: a callable; NULL stands for no arguments.
        self.owned(unsafe { (self.functions.call)(callable, ptr::null_mut()) })
    }

    /// Calls with one argument.
    pub(super) fn call1(&'static self, callable: Object, argument: Owned) -> PyResult<Owned> {
        let arguments = self.tuple([argument])?;
        // SAFETY: a callable and a tuple.
        self.owned(unsafe { (self.functions.call)(callable, arguments.as_ptr()) })
    }

    /// Calls with two arguments.
    pub(super) fn call2(&'static self, callable: Object, first: Owned, second: Owned) -> PyResult<Owned> {
        let arguments = self.tuple([first, second])?;
        // SAFETY: a callable and a tuple.
        self.owned(unsafe { (self.functions.call)(callable, arguments.as_ptr()) })
    }

    /// A tuple of these.
    pub(super) fn tuple<const N: usize>(&'static self, items: [Owned; N]) -> PyResult<Owned> {
        // SAFETY: a new tuple of N places, each filled once; the tuple takes over the references.
        unsafe {
            let tuple = self.owned((self.functions.tuple_new)(N as isize))?;
            for (i, item) in items.into_iter().enumerate() {
                if (self.functions.tuple_set_item)(tuple.as_ptr(), i as isize, item.into_raw()) != 0 {
                    return Err(Fail::Raised);
                }
            }
            Ok(tuple)
        }
    }

    /// An object of a class that holds its encoding.
    pub(super) fn wire_object(&'static self, maker: Object, wire: &[u8]) -> PyResult<Owned> {
        let object = self.call0(maker)?;
        let wire = self.bytes(wire)?;
        // SAFETY: the class has a slot of this name.
        if unsafe { (self.functions.set_attr)(object.as_ptr(), self.objects.wire_name, wire.as_ptr()) } != 0 {
            return Err(Fail::Raised);
        }
        Ok(object)
    }

    /// Hands the result to Python: a new reference, or NULL with an exception set.
    pub(super) fn answer<T>(&'static self, result: PyResult<Owned>) -> *mut T {
        match result {
            Ok(object) => object.into_raw().cast(),
            Err(fail) => {
                self.raise(fail);
                ptr::null_mut()
            }
        }
    }

    /// Sets the Python exception that says what went wrong.
    #[cold]
    pub(super) fn raise(&'static self, fail: Fail) {
        let (status, text) = match fail {
            Fail::Raised => return,
            Fail::Refused(why) => (0, why.to_owned()),
            Fail::Error(error) => (erln_status::from(&error) as i64, error.to_string()),
        };
        // When even this fails, the exception of that is set.
        let _ = self.set_exception(status, &text);
    }

    fn set_exception(&'static self, status: i64, text: &str) -> PyResult<()> {
        let status = self.int(status)?;
        let exception = self.call2(self.objects.failure, status, self.str(text)?)?;
        // SAFETY: an exception and its class.
        unsafe { (self.functions.set_error)(self.class(exception.as_ptr()), exception.as_ptr()) };
        Ok(())
    }

    /// An `int` object.
    pub(super) fn int(&'static self, value: i64) -> PyResult<Owned> {
        // SAFETY: makes an int.
        self.owned(unsafe { (self.functions.long_from_i64)(value) })
    }

    /// What an `int` holds.
    #[inline]
    pub(super) fn i64_of(&'static self, object: Object) -> PyResult<i64> {
        let mut overflow = 0;
        // SAFETY: an object; what is no int leaves an exception.
        let value = unsafe { (self.functions.long_as_i64)(object, &mut overflow) };
        match value {
            // SAFETY: asks for the exception of this thread.
            -1 if !unsafe { (self.functions.error_occurred)() }.is_null() => Err(Fail::Raised),
            _ if overflow != 0 => Err(Fail::Error(Error::argument("an integer is too large"))),
            _ => Ok(value),
        }
    }

    /// A function of Python.
    pub(super) fn function(&'static self, method: &'static Method) -> PyResult<Owned> {
        // SAFETY: the definition lives for ever; no self, no module.
        self.owned(unsafe { (self.functions.function_new)(method, ptr::null_mut(), ptr::null_mut()) })
    }

    /// What a `str` holds, for as long as somebody holds the object.
    #[inline]
    pub(super) fn text_of<'a>(&'static self, object: Object) -> PyResult<&'a str> {
        let mut len = 0;
        // SAFETY: a str; NULL with an exception when it holds surrogates.
        let text = unsafe { (self.functions.str_as_utf8)(object, &mut len) };
        if text.is_null() {
            return Err(Fail::Raised);
        }
        // SAFETY: the str keeps these bytes, which are UTF-8, as long as it lives.
        Ok(unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(text.cast(), len as usize)) })
    }

    /// A `str` object.
    pub(super) fn str(&'static self, text: &str) -> PyResult<Owned> {
        // SAFETY: copies `len` bytes of UTF-8.
        self.owned(unsafe { (self.functions.str_from)(text.as_ptr().cast(), text.len() as isize) })
    }
}

/// Sets of the atom cache, two entries each. Programs use some hundred atoms; a miss costs a call of `Atom`.
const ATOM_SETS: usize = 2048;
/// Sets of the cache of pids: the peers of a busy program.
const ID_SETS: usize = 512;

/// One counted reference.
pub(super) struct Owned {
    object: NonNull<PyObject>,
    python: &'static Python,
}

impl Owned {
    #[inline]
    pub(super) fn as_ptr(&self) -> Object {
        self.object.as_ptr()
    }

    /// Gives the reference away, to a function that takes it over.
    #[inline]
    pub(super) fn into_raw(self) -> Object {
        let object = self.object.as_ptr();
        std::mem::forget(self);
        object
    }
}

impl Drop for Owned {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this reference is ours to give back.
        unsafe { (self.python.functions.dec_ref)(self.object.as_ptr()) }
    }
}
