//! Between the C struct of a reader and the `Reader` of `term`: each step takes the one up where the struct says, and puts it down.
//!
//! Leaves to `reader` what is asked of it. Always true: a step that fails leaves the output alone, and a struct that was never
//! initialized is noticed.

use std::mem::MaybeUninit;

use super::reader::{erln_reader, ERLN_READER_MAGIC, ERLN_READER_WORDS};
use super::status::fail;
use crate::term::{Reader, State};
use crate::{Error, Result};

impl erln_reader {
    /// The C struct of a reader. The caller sees to it that the bytes outlive the struct.
    pub(crate) fn new(reader: &Reader<'_>) -> Self {
        let bytes = reader.bytes();
        let mut made = erln_reader {
            next: bytes.as_ptr(),
            end: bytes.as_ptr(),
            start: bytes.as_ptr(),
            len: bytes.len(),
            magic: ERLN_READER_MAGIC,
            inside: 0,
            state: [MaybeUninit::uninit(); ERLN_READER_WORDS],
        };
        made.store(reader);
        made
    }

    /// The reader that stands where the struct says; nothing if it was never initialized.
    #[inline]
    pub(crate) fn load<'a>(&self) -> Option<Reader<'a>> {
        if self.magic != ERLN_READER_MAGIC {
            return None;
        }
        // SAFETY: set by `new` together with the magic word, to bytes that the caller keeps alive.
        let bytes = unsafe { std::slice::from_raw_parts(self.start, self.len) };
        let state = match self.inside {
            0 => State { position: self.next as usize - self.start as usize, string: 0, error: None },
            // SAFETY: `store` wrote a `State` there, and copies of the struct are copies of plain data.
            _ => unsafe { self.state.as_ptr().cast::<State>().read() },
        };
        Some(Reader::resume(bytes, &[], state))
    }

    /// Makes the struct stand where the reader does.
    #[inline]
    pub(crate) fn store(&mut self, reader: &Reader<'_>) {
        let state = reader.state();
        self.next = self.start.wrapping_add(state.position);
        if state.string == 0 && state.error.is_none() {
            self.end = self.start.wrapping_add(self.len);
            self.inside = 0;
            return;
        }
        self.end = self.next;
        self.inside = 1;
        // SAFETY: a `State` fits there by size and alignment, as asserted above.
        unsafe { self.state.as_mut_ptr().cast::<State>().write(state) };
    }

    /// `f` on the reader; nothing if it was never initialized.
    #[inline(always)]
    fn with<'a, T>(&mut self, f: impl FnOnce(&mut Reader<'a>) -> T) -> Option<T> {
        let mut reader = self.load()?;
        let value = f(&mut reader);
        self.store(&reader);
        Some(value)
    }
}

/// One reading step: `f` on the reader, its value into `out`.
///
/// # Safety
/// `reader` and `out` are NULL or the caller's.
#[inline(always)]
pub(super) unsafe fn read<T>(
    reader: *mut erln_reader,
    out: *mut T,
    f: impl FnOnce(&mut Reader<'static>) -> Option<T>,
) -> bool {
    // SAFETY: NULL or the caller's own.
    let (Some(reader), false) = (unsafe { reader.as_mut() }, out.is_null()) else {
        return misuse();
    };
    match reader.with(f) {
        Some(Some(value)) => {
            // SAFETY: not NULL, and writable by the caller's promise.
            unsafe { out.write(value) };
            true
        }
        Some(None) => false,
        None => misuse(),
    }
}

/// One step that gives only yes or no.
///
/// # Safety
/// `reader` is NULL or the caller's.
#[inline(always)]
pub(super) unsafe fn step(reader: *mut erln_reader, f: impl FnOnce(&mut Reader<'static>) -> bool) -> bool {
    // SAFETY: NULL or the caller's own.
    match unsafe { reader.as_mut() }.and_then(|reader| reader.with(f)) {
        Some(done) => done,
        None => misuse(),
    }
}

#[cold]
pub(super) fn misuse() -> bool {
    fail(&Error::argument("the reader or the output is NULL, or erln_reader_init was never called"));
    false
}

/// An id in the form that today's nodes send, decoded straight into the C struct; anything else is left to the reader.
///
/// # Safety
/// As for [`read`].
#[inline(always)]
pub(super) unsafe fn take_plain<T>(
    reader: *mut erln_reader,
    out: *mut T,
    decode: impl FnOnce(&[u8], &mut MaybeUninit<T>) -> Option<usize>,
) -> bool {
    // SAFETY: NULL or the caller's own; what stands at `out` need not be initialized.
    let (Some(reader), Some(out)) =
        (unsafe { reader.as_mut() }, unsafe { out.cast::<MaybeUninit<T>>().as_mut() })
    else {
        return false;
    };
    if reader.magic != ERLN_READER_MAGIC {
        return false;
    }
    // SAFETY: an initialized reader has readable bytes from `next` to `end`.
    let bytes =
        unsafe { std::slice::from_raw_parts(reader.next, reader.end as usize - reader.next as usize) };
    match decode(bytes, out) {
        Some(taken) => {
            reader.next = reader.next.wrapping_add(taken);
            true
        }
        None => false,
    }
}

/// A step whose value may not fit the C struct; then the cursor stays.
///
/// # Safety
/// As for [`read`].
#[inline(always)]
pub(super) unsafe fn read_id<T>(
    reader: *mut erln_reader,
    out: *mut T,
    f: impl FnOnce(&mut Reader<'static>) -> Option<Result<T>>,
) -> bool {
    // SAFETY: the caller's promise is ours.
    unsafe {
        read(reader, out, |reader| {
            let mut ahead = reader.clone();
            match f(&mut ahead)? {
                Ok(value) => {
                    *reader = ahead;
                    Some(value)
                }
                Err(error) => {
                    fail(&error);
                    None
                }
            }
        })
    }
}

/// # Safety
/// As for [`read`]; `out` is NULL or has room for `max` values.
#[inline(always)]
pub(super) unsafe fn read_array<T>(
    reader: *mut erln_reader,
    out: *mut T,
    max: usize,
    out_count: *mut usize,
    plain: impl FnOnce(&[u8], &mut [MaybeUninit<T>], &mut MaybeUninit<usize>) -> Option<usize>,
    mut element: impl FnMut(&mut Reader<'static>) -> Option<T>,
) -> bool {
    if out.is_null() && max > 0 {
        return misuse();
    }
    if max > 0 {
        // SAFETY: not NULL, and by the caller's promise with room for `max` values.
        let room = unsafe { std::slice::from_raw_parts_mut(out.cast::<MaybeUninit<T>>(), max) };
        // SAFETY: the caller's promise is ours.
        if unsafe { take_plain(reader, out_count, |bytes, count| plain(bytes, room, count)) } {
            return true;
        }
    }
    let elements = |reader: &mut Reader<'static>| {
        let before = reader.clone();
        let all = reader.list().filter(|count| *count <= max).and_then(|count| {
            for index in 0..count {
                let value = element(reader)?;
                // SAFETY: `index` is less than `max`, the room that the caller promises.
                unsafe { out.add(index).write(value) };
            }
            reader.nil().then_some(count)
        });
        if all.is_none() && reader.error().is_none() {
            *reader = before;
        }
        all
    };
    // SAFETY: the caller's promise is ours.
    unsafe { read(reader, out_count, elements) }
}

#[cold]
pub(super) fn never_initialized() -> Error {
    Error::argument("erln_reader_init was never called for this reader")
}
