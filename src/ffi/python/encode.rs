//! Python objects to encoded terms.
//!
//! Walks with its own stack. What a peer would drop the connection for is refused here: NaN, duplicate keys, atoms
//! too long. Types are told apart by their exact class; everything else is asked to replace itself (`replace`).
//! Containers are held while they are walked; other code may change them meanwhile, which ends in an error at worst.

use std::ffi::c_int;
use std::ops::Range;
use std::ptr;

use super::api::{Fail, Owned, PyObject, PyResult, Python};
use crate::term::{put, tag};

/// Deeper than any real term; a list that contains itself ends here.
const MAX_DEPTH: usize = 1 << 20;
/// An object may be replaced by one of an unknown type again, but not for ever.
const MAX_REPLACEMENTS: usize = 8;
/// Longest list that Erlang writes as a string of bytes.
const MAX_BYTE_STRING: usize = 65_535;

/// A container that is being walked.
enum Frame {
    List { list: Owned, next: usize, len: usize, tail: Option<Owned> },
    Tuple { tuple: Owned, next: usize, len: usize },
    Dict(Dict),
}

struct Dict {
    dict: Owned,
    /// Place of Python's own walk.
    position: isize,
    left: usize,
    /// The value of the key just written.
    value: Option<Owned>,
    /// Encodings of the keys, where two might be the same though the objects differ.
    keys: Option<Vec<Range<usize>>>,
}

/// Writes the encoding of `object`.
pub(super) fn encode(python: &'static Python, object: *mut PyObject, out: &mut Vec<u8>) -> PyResult<()> {
    let mut encoder = Encoder { python, stack: Vec::new() };
    encoder.value(object, out)?;
    while let Some(frame) = encoder.stack.last_mut() {
        let next = match frame {
            Frame::Tuple { tuple, next, len } if *next < *len => {
                let at = *next as isize;
                *next += 1;
                // SAFETY: a tuple, and a place inside it.
                Some(borrowed(unsafe { (python.functions.tuple_get_item)(tuple.as_ptr(), at) })?)
            }
            Frame::List { list, next, len, .. } if *next < *len => {
                let at = *next as isize;
                *next += 1;
                // SAFETY: a list; NULL with an exception when somebody shortened it.
                Some(borrowed(unsafe { (python.functions.list_get_item)(list.as_ptr(), at) })?)
            }
            Frame::List { tail: Some(_), .. } => {
                let Some(Frame::List { tail: Some(tail), .. }) = encoder.stack.pop() else { unreachable!() };
                // Held by hand: nothing else might hold the tail of a list that somebody changes.
                encoder.value(tail.as_ptr(), out)?;
                continue;
            }
            Frame::List { .. } => {
                out.push(tag::NIL);
                None
            }
            Frame::Tuple { .. } => None,
            Frame::Dict(map) => match map.value.take() {
                Some(value) => {
                    if let Some(range) = map.keys.as_mut().and_then(|keys| keys.last_mut()) {
                        range.end = out.len();
                    }
                    encoder.value(value.as_ptr(), out)?;
                    continue;
                }
                None => map.next_key(python, out)?,
            },
        };
        match next {
            Some(object) => encoder.value(object, out)?,
            None => drop(encoder.stack.pop()),
        }
    }
    Ok(())
}

/// A borrowed reference, or the exception that stands instead of it.
#[inline]
fn borrowed(object: *mut PyObject) -> PyResult<*mut PyObject> {
    if object.is_null() {
        return Err(Fail::Raised);
    }
    Ok(object)
}

impl Dict {
    /// The next key, or nothing when all pairs are written.
    #[inline]
    fn next_key(&mut self, python: &'static Python, out: &mut [u8]) -> PyResult<Option<*mut PyObject>> {
        let (mut key, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: a dict; Python bounds the walk even when somebody changes it.
        let more = unsafe {
            (python.functions.dict_next)(self.dict.as_ptr(), &mut self.position, &mut key, &mut value) != 0
        };
        if more != (self.left > 0) {
            return Err(refused("a dict was changed while it was encoded"));
        }
        if !more {
            if let Some(keys) = self.keys.take() {
                unique(keys, out)?;
            }
            return Ok(None);
        }
        self.left -= 1;
        // The dict holds both at this moment.
        self.value = Some(python.share(value));
        if let Some(keys) = &mut self.keys {
            keys.push(out.len()..out.len());
        }
        Ok(Some(key))
    }
}

struct Encoder {
    python: &'static Python,
    stack: Vec<Frame>,
}

impl Encoder {
    /// Writes a leaf, or the head of a container whose frame it pushes.
    fn value(&mut self, object: *mut PyObject, out: &mut Vec<u8>) -> PyResult<()> {
        let (python, o, f) = (self.python, &self.python.objects, &self.python.functions);
        let class = python.class(object);
        // In the order of how often they come.
        if class == o.atom {
            // SAFETY: the atom holds its encoding, and somebody holds the atom.
            unsafe { wire(python, object, out) }
        } else if class == o.str {
            binary(out, python.text_of(object)?.as_bytes())
        } else if class == o.int {
            self.int(object, out)
        } else if class == o.bytes {
            // SAFETY: somebody holds it.
            binary(out, unsafe { python.borrow_bytes(object) }?)
        } else if class == o.tuple {
            // SAFETY: a tuple.
            let len = unsafe { (f.tuple_size)(object) } as usize;
            put::tuple(out, count(len)?);
            self.push(Frame::Tuple { tuple: python.share(object), next: 0, len })
        } else if class == o.dict {
            self.dict(object, out)
        } else if class == o.list {
            self.list(object, None, out)
        } else if class == o.float || class == o.exact_float {
            // SAFETY: a float.
            let value = unsafe { (f.float_as_f64)(object) };
            if !value.is_finite() {
                return Err(refused("Erlang has no NaN and no infinity"));
            }
            out.push(tag::NEW_FLOAT);
            out.extend_from_slice(&value.to_be_bytes());
            Ok(())
        } else if object == o.true_ || object == o.false_ {
            put::atom(out, if object == o.true_ { "true" } else { "false" }.as_bytes());
            Ok(())
        } else if object == o.none {
            put::atom(out, b"nil");
            Ok(())
        } else if self.holds_wire(class) {
            // SAFETY: as for atoms.
            unsafe { wire(python, object, out) }
        } else if class == o.improper_list {
            let items = python.attribute(object, o.items_name)?;
            let tail = python.attribute(object, o.tail_name)?;
            if python.class(items.as_ptr()) != o.list {
                return Err(refused("the items of an ImproperList are not a list"));
            }
            self.list(items.as_ptr(), Some(tail), out)
        } else {
            self.replaced(object, out)
        }
    }

    fn push(&mut self, frame: Frame) -> PyResult<()> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(refused("nested too deeply, or containing itself"));
        }
        self.stack.push(frame);
        Ok(())
    }

    #[inline]
    fn int(&mut self, object: *mut PyObject, out: &mut Vec<u8>) -> PyResult<()> {
        let mut overflow: c_int = 0;
        // SAFETY: an int.
        let value = unsafe { (self.python.functions.long_as_i64)(object, &mut overflow) };
        if overflow != 0 {
            return self.big(object, out);
        }
        put::i64(out, value);
        Ok(())
    }

    /// An int beyond 64 bits: Python gives its encoding.
    #[cold]
    fn big(&mut self, object: *mut PyObject, out: &mut Vec<u8>) -> PyResult<()> {
        let python = self.python;
        let encoded = python.call1(python.objects.int_to_bytes, python.share(object))?;
        out.extend_from_slice(python.bytes_of(&encoded)?);
        Ok(())
    }

    fn list(&mut self, object: *mut PyObject, tail: Option<Owned>, out: &mut Vec<u8>) -> PyResult<()> {
        let (python, f) = (self.python, &self.python.functions);
        // SAFETY: a list.
        let len = unsafe { (f.list_size)(object) } as usize;
        if len == 0 {
            return match tail {
                Some(_) => Err(refused("an ImproperList needs an item before its tail")),
                None => {
                    out.push(tag::NIL);
                    Ok(())
                }
            };
        }
        if tail.is_none() && len <= MAX_BYTE_STRING {
            if let Some(bytes) = self.byte_string(object, len)? {
                put::byte_string(out, &bytes);
                return Ok(());
            }
        }
        put::counted(out, tag::LIST, count(len)?);
        self.push(Frame::List { list: python.share(object), next: 0, len, tail })
    }

    /// The bytes of a list that holds nothing but ints from 0 to 255, which Erlang writes shorter.
    #[inline]
    fn byte_string(&self, list: *mut PyObject, len: usize) -> PyResult<Option<Vec<u8>>> {
        let (python, f) = (self.python, &self.python.functions);
        let mut bytes = Vec::new();
        for at in 0..len {
            // SAFETY: a list, and a place inside it; no Python code runs meanwhile.
            let item = borrowed(unsafe { (f.list_get_item)(list, at as isize) })?;
            if python.class(item) != python.objects.int {
                return Ok(None);
            }
            let mut overflow: c_int = 0;
            // SAFETY: an int.
            let value = unsafe { (f.long_as_i64)(item, &mut overflow) };
            match u8::try_from(value) {
                Ok(byte) if overflow == 0 => bytes.push(byte),
                _ => return Ok(None),
            }
        }
        Ok(Some(bytes))
    }

    fn dict(&mut self, object: *mut PyObject, out: &mut Vec<u8>) -> PyResult<()> {
        let (python, f) = (self.python, &self.python.functions);
        // SAFETY: a dict.
        let len = unsafe { (f.dict_size)(object) } as usize;
        put::counted(out, tag::MAP, count(len)?);
        let keys = if self.may_repeat(object) { Some(Vec::new()) } else { None };
        self.push(Frame::Dict(Dict { dict: python.share(object), position: 0, left: len, value: None, keys }))
    }

    /// Whether keys that are different to Python may be the same to Erlang: "a" and b"a", true and Atom("true").
    #[inline]
    fn may_repeat(&self, dict: *mut PyObject) -> bool {
        let (python, o) = (self.python, &self.python.objects);
        let (mut position, mut key, mut value) = (0, ptr::null_mut(), ptr::null_mut());
        let mut first: *mut PyObject = ptr::null_mut();
        // SAFETY: a dict, which nobody changes during this loop.
        while unsafe { (python.functions.dict_next)(dict, &mut position, &mut key, &mut value) } != 0 {
            let class = python.class(key);
            if first.is_null() {
                first = class;
                if ![o.atom, o.str, o.bytes, o.int, o.float].contains(&class) {
                    return true;
                }
            } else if class != first {
                return true;
            }
        }
        false
    }

    /// Whether objects of this class hold their own encoding.
    #[inline]
    fn holds_wire(&self, class: *mut PyObject) -> bool {
        let o = &self.python.objects;
        [o.pid, o.reference, o.port, o.fun, o.export, o.bit_string, o.frozen, o.record].contains(&class)
    }

    /// An object of a type the codec does not know: asks Python for one it does know.
    #[cold]
    fn replaced(&mut self, object: *mut PyObject, out: &mut Vec<u8>) -> PyResult<()> {
        let (python, o) = (self.python, &self.python.objects);
        let mut object = python.share(object);
        for _ in 0..MAX_REPLACEMENTS {
            object = python.call1(o.replace, object)?;
            let class = python.class(object.as_ptr());
            let known = [o.atom, o.str, o.int, o.bytes, o.tuple, o.dict, o.list, o.float, o.improper_list];
            let single = [o.true_, o.false_, o.none].contains(&object.as_ptr());
            if single || known.contains(&class) || class == o.exact_float || self.holds_wire(class) {
                // A container is held by its frame, a leaf until it is written.
                return self.value(object.as_ptr(), out);
            }
        }
        Err(refused("__erlang__ keeps answering objects that are no terms"))
    }
}

/// Writes the encoding that an object holds.
///
/// # Safety
/// `object` must be alive.
#[inline]
unsafe fn wire(python: &'static Python, object: *mut PyObject, out: &mut Vec<u8>) -> PyResult<()> {
    let wire = python.attribute(object, python.objects.wire_name)?;
    out.extend_from_slice(python.bytes_of(&wire)?);
    Ok(())
}

/// Refuses a map of which two keys have the same encoding.
fn unique(mut keys: Vec<Range<usize>>, data: &[u8]) -> PyResult<()> {
    keys.sort_unstable_by(|a, b| data[a.clone()].cmp(&data[b.clone()]));
    if keys.windows(2).any(|pair| data[pair[0].clone()] == data[pair[1].clone()]) {
        return Err(refused("two keys of a dict are the same Erlang term (\"a\" and b\"a\", for example)"));
    }
    Ok(())
}

#[cold]
fn refused(why: &'static str) -> Fail {
    Fail::Refused(why)
}

/// A binary.
#[inline]
fn binary(out: &mut Vec<u8>, data: &[u8]) -> PyResult<()> {
    put::counted(out, tag::BINARY, count(data.len())?);
    out.extend_from_slice(data);
    Ok(())
}

/// A size as the format can tell it.
#[inline]
fn count(len: usize) -> PyResult<usize> {
    match u32::try_from(len) {
        Ok(_) => Ok(len),
        Err(_) => Err(refused("longer than the 2^32 - 1 that the format can tell")),
    }
}
