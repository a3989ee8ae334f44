//! `ei_MD5*`: exported by the library although no header declares them, so the context is the caller's and has
//! the classic layout. The handshake uses the digest of `proto`.

use std::ffi::{c_uchar, c_uint};

/// `MD5_CTX` of RFC 1321's reference.
#[repr(C)]
pub struct Context {
    state: [u32; 4],
    /// Bits so far, low word first.
    count: [u32; 2],
    buffer: [u8; 64],
}

const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

/// `floor(abs(sin(i + 1)) * 2^32)`: RFC 1321, section 3.4.
const SINES: [u32; 64] = [
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
];

fn block(state: &mut [u32; 4], bytes: &[u8; 64]) {
    let mut words = [0u32; 16];
    for (word, four) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
    }
    let [mut a, mut b, mut c, mut d] = *state;
    for i in 0..64 {
        let (mix, word) = match i / 16 {
            0 => (b & c | !b & d, i),
            1 => (d & b | !d & c, 5 * i + 1),
            2 => (b ^ c ^ d, 3 * i + 5),
            _ => (c ^ (b | !d), 7 * i),
        };
        let sum = a.wrapping_add(mix).wrapping_add(SINES[i]).wrapping_add(words[word % 16]);
        (a, d, c) = (d, c, b);
        b = b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4]));
    }
    for (old, new) in state.iter_mut().zip([a, b, c, d]) {
        *old = old.wrapping_add(new);
    }
}

impl Context {
    fn new() -> Self {
        Self { state: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476], count: [0; 2], buffer: [0; 64] }
    }

    fn bits(&self) -> u64 {
        u64::from(self.count[1]) << 32 | u64::from(self.count[0])
    }

    fn update(&mut self, mut bytes: &[u8]) {
        let used = (self.bits() / 8 % 64) as usize;
        let bits = self.bits().wrapping_add(bytes.len() as u64 * 8);
        self.count = [bits as u32, (bits >> 32) as u32];
        let (head, rest) = bytes.split_at(bytes.len().min(64 - used));
        self.buffer[used..used + head.len()].copy_from_slice(head);
        if used + head.len() < 64 {
            return;
        }
        block(&mut self.state, &self.buffer);
        bytes = rest;
        let mut whole = bytes.chunks_exact(64);
        for chunk in whole.by_ref() {
            self.buffer.copy_from_slice(chunk);
            block(&mut self.state, &self.buffer);
        }
        let tail = whole.remainder();
        self.buffer[..tail.len()].copy_from_slice(tail);
    }

    fn finish(&mut self) -> [u8; 16] {
        let bits = self.bits().to_le_bytes();
        let used = (self.bits() / 8 % 64) as usize;
        let pad = if used < 56 { 56 - used } else { 120 - used };
        let mut padding = [0u8; 64];
        padding[0] = 0x80;
        self.update(&padding[..pad]);
        self.update(&bits);
        let mut digest = [0; 16];
        for (four, word) in digest.chunks_exact_mut(4).zip(self.state) {
            four.copy_from_slice(&word.to_le_bytes());
        }
        *self = Self::new();
        digest
    }
}

/// Starts a digest.
///
/// # Safety
/// `context` is writable.
#[no_mangle]
pub unsafe extern "C" fn ei_MD5Init(context: *mut Context) {
    // SAFETY: the caller's promise.
    unsafe { context.write(Context::new()) };
}

/// Adds `len` bytes.
///
/// # Safety
/// `context` was started, and `len` bytes are readable at `input`.
#[no_mangle]
pub unsafe extern "C" fn ei_MD5Update(context: *mut Context, input: *const c_uchar, len: c_uint) {
    if len == 0 {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe { (*context).update(std::slice::from_raw_parts(input, len as usize)) };
}

/// Writes the digest and clears the context.
///
/// # Safety
/// `context` was started, and 16 bytes are writable at `digest`.
#[no_mangle]
pub unsafe extern "C" fn ei_MD5Final(digest: *mut c_uchar, context: *mut Context) {
    // SAFETY: the caller's promise.
    unsafe { digest.cast::<[u8; 16]>().write_unaligned((*context).finish()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_rfc_1321_come_out() {
        let hex = |text: &[u8], step: usize| {
            let mut context = Context::new();
            text.chunks(step).for_each(|part| context.update(part));
            context.finish().iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        assert_eq!(hex(b"", 1), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex(b"message digest", 3), "f96b697d7cb7938d525a2f31aaf161d0");
        let long = b"12345678901234567890123456789012345678901234567890123456789012345678901234567890";
        assert_eq!(hex(long, 7), "57edf4a22be3c955ac49da2e2107b67a");
        assert_eq!(hex(long, 80), "57edf4a22be3c955ac49da2e2107b67a");
    }
}
