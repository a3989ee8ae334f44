//! Raw reads and writes at a pointer: big-endian numbers and short copies.
//!
//! The functions of the C library get a pointer and an index, never a length, so bounds are the caller's promise.
//! Everything here is inlined into a function that states that promise.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256i, _mm256_loadu_si256, _mm256_storeu_si256};
use std::ffi::{c_char, c_int};
use std::ptr;
#[cfg(target_arch = "x86_64")]
use std::sync::atomic::{AtomicPtr, Ordering};

/// The place `index` bytes into a buffer; computes without touching it, so a null buffer is fine.
///
/// # Safety
/// `index` must be readable.
#[inline(always)]
pub unsafe fn at(buf: *const c_char, index: *const c_int) -> *const u8 {
    // SAFETY: the caller's promise.
    buf.cast::<u8>().wrapping_offset(unsafe { *index } as isize)
}

/// # Safety
/// Two bytes must be readable at `s`.
#[inline(always)]
pub unsafe fn be16(s: *const u8) -> u16 {
    // SAFETY: the caller's promise; the read is unaligned.
    u16::from_be(unsafe { s.cast::<u16>().read_unaligned() })
}

/// # Safety
/// Four bytes must be readable at `s`.
#[inline(always)]
pub unsafe fn be32(s: *const u8) -> u32 {
    // SAFETY: the caller's promise; the read is unaligned.
    u32::from_be(unsafe { s.cast::<u32>().read_unaligned() })
}

/// # Safety
/// Eight bytes must be readable at `s`.
#[inline(always)]
pub unsafe fn be64(s: *const u8) -> u64 {
    // SAFETY: the caller's promise; the read is unaligned.
    u64::from_be(unsafe { s.cast::<u64>().read_unaligned() })
}

/// # Safety
/// Eight bytes must be readable at `s`.
#[inline(always)]
pub unsafe fn word(s: *const u8) -> u64 {
    // SAFETY: the caller's promise; the read is unaligned.
    u64::from_le(unsafe { s.cast::<u64>().read_unaligned() })
}

/// # Safety
/// One byte must be writable at `s`.
#[inline(always)]
pub unsafe fn put8(s: *mut u8, value: u8) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe {
        s.write(value);
        s.add(1)
    }
}

/// # Safety
/// Two bytes must be writable at `s`.
#[inline(always)]
pub unsafe fn put16(s: *mut u8, value: u16) -> *mut u8 {
    // SAFETY: the caller's promise; the write is unaligned.
    unsafe {
        s.cast::<u16>().write_unaligned(value.to_be());
        s.add(2)
    }
}

/// # Safety
/// Four bytes must be writable at `s`.
#[inline(always)]
pub unsafe fn put32(s: *mut u8, value: u32) -> *mut u8 {
    // SAFETY: the caller's promise; the write is unaligned.
    unsafe {
        s.cast::<u32>().write_unaligned(value.to_be());
        s.add(4)
    }
}

/// # Safety
/// Eight bytes must be writable at `s`.
#[inline(always)]
pub unsafe fn put64(s: *mut u8, value: u64) -> *mut u8 {
    // SAFETY: the caller's promise; the write is unaligned.
    unsafe {
        s.cast::<u64>().write_unaligned(value.to_be());
        s.add(8)
    }
}

/// Up to so many bytes a copy is a few moves, and no call.
const FEW: usize = 64;

/// Copies `len` bytes with at most a few moves when they are few, as names and atoms are.
///
/// # Safety
/// `len` bytes must be readable at `from` and writable at `to`, and the two must not overlap.
#[inline(always)]
pub unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: every access below stays within `len` bytes; two overlapping moves cover the odd lengths.
    unsafe {
        if len > FEW {
            ptr::copy_nonoverlapping(from, to, len);
        } else if len > 32 {
            let [a, b] = from.cast::<[u128; 2]>().read_unaligned();
            let [c, d] = from.add(len - 32).cast::<[u128; 2]>().read_unaligned();
            to.cast::<[u128; 2]>().write_unaligned([a, b]);
            to.add(len - 32).cast::<[u128; 2]>().write_unaligned([c, d]);
        } else if len >= 16 {
            let tail = from.add(len - 16).cast::<u128>().read_unaligned();
            to.cast::<u128>().write_unaligned(from.cast::<u128>().read_unaligned());
            to.add(len - 16).cast::<u128>().write_unaligned(tail);
        } else if len >= 8 {
            let tail = from.add(len - 8).cast::<u64>().read_unaligned();
            to.cast::<u64>().write_unaligned(from.cast::<u64>().read_unaligned());
            to.add(len - 8).cast::<u64>().write_unaligned(tail);
        } else if len >= 4 {
            let tail = from.add(len - 4).cast::<u32>().read_unaligned();
            to.cast::<u32>().write_unaligned(from.cast::<u32>().read_unaligned());
            to.add(len - 4).cast::<u32>().write_unaligned(tail);
        } else if len > 0 {
            let middle = from.add(len / 2).read();
            let last = from.add(len - 1).read();
            to.write(from.read());
            to.add(len / 2).write(middle);
            to.add(len - 1).write(last);
        }
    }
}

/// Every byte's top bit: set anywhere means "not ASCII".
const TOP_BITS: u64 = 0x8080_8080_8080_8080;

/// Whether all bytes are below 128.
///
/// # Safety
/// `len` bytes must be readable at `s`.
#[inline(always)]
pub unsafe fn is_ascii(s: *const u8, len: usize) -> bool {
    // SAFETY: every access stays within `len` bytes.
    unsafe {
        if len >= 8 {
            let mut i = 0;
            while i + 8 <= len {
                if word(s.add(i)) & TOP_BITS != 0 {
                    return false;
                }
                i += 8;
            }
            word(s.add(len - 8)) & TOP_BITS == 0
        } else if len >= 4 {
            let head = s.cast::<u32>().read_unaligned();
            let tail = s.add(len - 4).cast::<u32>().read_unaligned();
            (head | tail) & 0x8080_8080 == 0
        } else if len > 0 {
            (s.read() | s.add(len / 2).read() | s.add(len - 1).read()) < 0x80
        } else {
            true
        }
    }
}

/// Copies `len` bytes and tells whether all of them are below 128.
///
/// # Safety
/// As [`copy`].
#[inline(always)]
pub unsafe fn copy_ascii(to: *mut u8, from: *const u8, len: usize) -> bool {
    // SAFETY: every access stays within `len` bytes; two overlapping moves cover the odd lengths.
    unsafe {
        if len >= 16 {
            if len > 32 {
                return copy_ascii_long(to, from, len);
            }
            let head = from.cast::<[u64; 2]>().read_unaligned();
            let tail = from.add(len - 16).cast::<[u64; 2]>().read_unaligned();
            to.cast::<[u64; 2]>().write_unaligned(head);
            to.add(len - 16).cast::<[u64; 2]>().write_unaligned(tail);
            (head[0] | head[1] | tail[0] | tail[1]) & TOP_BITS == 0
        } else if len >= 8 {
            let head = from.cast::<u64>().read_unaligned();
            let tail = from.add(len - 8).cast::<u64>().read_unaligned();
            to.cast::<u64>().write_unaligned(head);
            to.add(len - 8).cast::<u64>().write_unaligned(tail);
            (head | tail) & TOP_BITS == 0
        } else if len >= 4 {
            let head = from.cast::<u32>().read_unaligned();
            let tail = from.add(len - 4).cast::<u32>().read_unaligned();
            to.cast::<u32>().write_unaligned(head);
            to.add(len - 4).cast::<u32>().write_unaligned(tail);
            (head | tail) & 0x8080_8080 == 0
        } else if len > 0 {
            let (head, middle, last) = (from.read(), from.add(len / 2).read(), from.add(len - 1).read());
            to.write(head);
            to.add(len / 2).write(middle);
            to.add(len - 1).write(last);
            (head | middle | last) < 0x80
        } else {
            true
        }
    }
}

/// [`copy_ascii`] for more than a few moves.
#[inline(never)]
unsafe fn copy_ascii_long(to: *mut u8, from: *const u8, len: usize) -> bool {
    // SAFETY: as there; there are more than eight bytes.
    unsafe {
        ptr::copy_nonoverlapping(from, to, len);
        is_ascii(from, len)
    }
}

/// Copies `len` bytes between places that may overlap.
///
/// # Safety
/// `len` bytes must be readable at `from` and writable at `to`.
#[inline(always)]
pub unsafe fn move_bytes(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: the caller's promise; `copy` loads before it stores when there are few bytes.
    unsafe {
        if len > FEW {
            ptr::copy(from, to, len);
        } else {
            copy(to, from, len);
        }
    }
}

/// [`move_bytes`] as the last step of a function that succeeds: 0.
///
/// # Safety
/// As [`move_bytes`].
#[inline(always)]
pub unsafe fn move_last(to: *mut u8, from: *const u8, len: usize) -> c_int {
    if len <= FEW {
        // SAFETY: the caller's promise; `copy` loads before it stores.
        unsafe { copy(to, from, len) };
        return 0;
    }
    #[cfg(target_arch = "x86_64")]
    if len <= WIDE {
        // SAFETY: the place holds nothing but such functions. The caller's promise.
        return unsafe { std::mem::transmute::<*mut (), Move>(MOVE.load(Ordering::Relaxed))(to, from, len) };
    }
    // SAFETY: the caller's promise.
    unsafe { ptr::copy(from, to, len) };
    0
}

/// What eight registers of 32 bytes hold.
#[cfg(target_arch = "x86_64")]
const WIDE: usize = 256;

#[cfg(target_arch = "x86_64")]
type Move = unsafe fn(*mut u8, *const u8, usize) -> c_int;

/// How this processor moves up to [`WIDE`] bytes; found out at the first time.
#[cfg(target_arch = "x86_64")]
static MOVE: AtomicPtr<()> = AtomicPtr::new(move_first as *mut ());

#[cfg(target_arch = "x86_64")]
#[cold]
unsafe fn move_first(to: *mut u8, from: *const u8, len: usize) -> c_int {
    let found: Move = if std::arch::is_x86_feature_detected!("avx") { move_wide } else { move_plain };
    MOVE.store(found as *mut (), Ordering::Relaxed);
    // SAFETY: the caller's promise; the processor has the registers that were asked for.
    unsafe { found(to, from, len) }
}

#[cfg(target_arch = "x86_64")]
unsafe fn move_plain(to: *mut u8, from: *const u8, len: usize) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ptr::copy(from, to, len) };
    0
}

/// Copies more than [`FEW`] and up to [`WIDE`] bytes between places that may overlap: everything is read before anything is
/// written.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn move_wide(to: *mut u8, from: *const u8, len: usize) -> c_int {
    // SAFETY: every access stays within `len` bytes; overlapping moves cover the odd lengths.
    unsafe {
        let end = len - 32;
        let take = |at: usize| _mm256_loadu_si256(from.add(at).cast());
        let put = |at: usize, what: __m256i| _mm256_storeu_si256(to.add(at).cast(), what);
        let outer = [take(0), take(32), take(end - 32), take(end)];
        if len > 128 {
            let inner = [take(64), take(96), take(end - 96), take(end - 64)];
            put(64, inner[0]);
            put(96, inner[1]);
            put(end - 96, inner[2]);
            put(end - 64, inner[3]);
        }
        put(0, outer[0]);
        put(32, outer[1]);
        put(end - 32, outer[2]);
        put(end, outer[3]);
    }
    0
}

/// The length of a C string, looking at no more than `limit` bytes.
///
/// # Safety
/// `s` is NUL-terminated or has `limit` readable bytes.
#[inline(always)]
pub unsafe fn length(s: *const c_char, limit: usize) -> usize {
    // SAFETY: the caller's promise.
    unsafe { libc::strnlen(s, limit) }
}
