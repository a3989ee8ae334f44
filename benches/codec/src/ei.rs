//! Reading and writing the samples with libei, as its documentation shows it.

use std::ffi::{c_char, c_double, c_int, c_long, c_uint, c_void, CStr};

const MAXATOMLEN_UTF8: usize = 255 * 4 + 1;

#[repr(C)]
struct ErlangPid {
    node: [c_char; MAXATOMLEN_UTF8],
    num: c_uint,
    serial: c_uint,
    creation: c_uint,
}

#[repr(C)]
struct ErlangRef {
    node: [c_char; MAXATOMLEN_UTF8],
    len: c_int,
    n: [c_uint; 5],
    creation: c_uint,
}

extern "C" {
    fn ei_decode_long(buf: *const c_char, index: *mut c_int, p: *mut c_long) -> c_int;
    fn ei_decode_double(buf: *const c_char, index: *mut c_int, p: *mut c_double) -> c_int;
    fn ei_decode_atom(buf: *const c_char, index: *mut c_int, p: *mut c_char) -> c_int;
    fn ei_decode_binary(buf: *const c_char, index: *mut c_int, p: *mut c_void, len: *mut c_long) -> c_int;
    fn ei_decode_pid(buf: *const c_char, index: *mut c_int, p: *mut ErlangPid) -> c_int;
    fn ei_decode_ref(buf: *const c_char, index: *mut c_int, p: *mut ErlangRef) -> c_int;
    fn ei_decode_tuple_header(buf: *const c_char, index: *mut c_int, arity: *mut c_int) -> c_int;
    fn ei_decode_list_header(buf: *const c_char, index: *mut c_int, arity: *mut c_int) -> c_int;
    fn ei_decode_map_header(buf: *const c_char, index: *mut c_int, arity: *mut c_int) -> c_int;
    fn ei_skip_term(buf: *const c_char, index: *mut c_int) -> c_int;
    fn ei_encode_long(buf: *mut c_char, index: *mut c_int, p: c_long) -> c_int;
    fn ei_encode_double(buf: *mut c_char, index: *mut c_int, p: c_double) -> c_int;
    fn ei_encode_atom(buf: *mut c_char, index: *mut c_int, p: *const c_char) -> c_int;
    fn ei_encode_binary(buf: *mut c_char, index: *mut c_int, p: *const c_void, len: c_long) -> c_int;
    fn ei_encode_pid(buf: *mut c_char, index: *mut c_int, p: *const ErlangPid) -> c_int;
    fn ei_encode_ref(buf: *mut c_char, index: *mut c_int, p: *const ErlangRef) -> c_int;
    fn ei_encode_tuple_header(buf: *mut c_char, index: *mut c_int, arity: c_int) -> c_int;
    fn ei_encode_list_header(buf: *mut c_char, index: *mut c_int, arity: c_int) -> c_int;
    fn ei_encode_map_header(buf: *mut c_char, index: *mut c_int, arity: c_int) -> c_int;
}

pub fn skip(bytes: &[u8]) {
    let mut index = 0;
    // SAFETY: the samples are well-formed terms.
    assert_eq!(unsafe { ei_skip_term(bytes.as_ptr().cast(), &mut index) }, 0);
    assert_eq!(index as usize, bytes.len());
}

fn node_name() -> [c_char; MAXATOMLEN_UTF8] {
    let mut node = [0; MAXATOMLEN_UTF8];
    for (place, byte) in node.iter_mut().zip(crate::data::NODE.bytes()) {
        *place = byte as c_char;
    }
    node
}

pub mod read {
    use super::*;
    use std::hint::black_box;
    use std::mem::MaybeUninit;

    /// A cursor of libei: a buffer without end, and an index.
    struct In {
        buf: *const c_char,
        index: c_int,
        text: [c_char; 1100],
    }

    // SAFETY (all of these): the samples are well-formed terms, and the places written to are large enough.
    impl In {
        fn long(&mut self) {
            let mut value = 0;
            assert_eq!(unsafe { ei_decode_long(self.buf, &mut self.index, &mut value) }, 0);
            black_box(value);
        }
        fn double(&mut self) {
            let mut value = 0.0;
            assert_eq!(unsafe { ei_decode_double(self.buf, &mut self.index, &mut value) }, 0);
            black_box(value);
        }
        fn atom(&mut self) {
            assert_eq!(unsafe { ei_decode_atom(self.buf, &mut self.index, self.text.as_mut_ptr()) }, 0);
            black_box(&self.text);
        }
        fn atom_is(&mut self, text: &CStr) -> bool {
            self.atom();
            // Terminated by ei_decode_atom.
            (unsafe { CStr::from_ptr(self.text.as_ptr()) }) == text
        }
        fn binary(&mut self) {
            let mut len = 0;
            let place = self.text.as_mut_ptr().cast();
            assert_eq!(unsafe { ei_decode_binary(self.buf, &mut self.index, place, &mut len) }, 0);
            black_box(len);
        }
        fn pid(&mut self) {
            let mut pid = MaybeUninit::<ErlangPid>::uninit();
            assert_eq!(unsafe { ei_decode_pid(self.buf, &mut self.index, pid.as_mut_ptr()) }, 0);
            black_box(&pid);
        }
        fn reference(&mut self) {
            let mut reference = MaybeUninit::<ErlangRef>::uninit();
            assert_eq!(unsafe { ei_decode_ref(self.buf, &mut self.index, reference.as_mut_ptr()) }, 0);
            black_box(&reference);
        }
        fn tuple(&mut self) -> c_int {
            let mut arity = 0;
            assert_eq!(unsafe { ei_decode_tuple_header(self.buf, &mut self.index, &mut arity) }, 0);
            arity
        }
        fn list(&mut self) -> c_int {
            let mut arity = 0;
            assert_eq!(unsafe { ei_decode_list_header(self.buf, &mut self.index, &mut arity) }, 0);
            arity
        }
        fn map(&mut self) -> c_int {
            let mut arity = 0;
            assert_eq!(unsafe { ei_decode_map_header(self.buf, &mut self.index, &mut arity) }, 0);
            arity
        }
    }

    fn list(bytes: &[u8], each: impl Fn(&mut In)) {
        let mut input = In { buf: bytes.as_ptr().cast(), index: 0, text: [0; 1100] };
        for _ in 0..input.list() {
            each(&mut input);
        }
        assert_eq!(input.list(), 0);
        assert_eq!(input.index as usize, bytes.len());
    }

    pub fn small(bytes: &[u8]) {
        list(bytes, In::long);
    }

    pub fn ints(bytes: &[u8]) {
        list(bytes, In::long);
    }

    pub fn bigs(bytes: &[u8]) {
        list(bytes, In::long);
    }

    pub fn floats(bytes: &[u8]) {
        list(bytes, In::double);
    }

    pub fn atoms(bytes: &[u8]) {
        list(bytes, In::atom);
    }

    pub fn binaries(bytes: &[u8]) {
        list(bytes, In::binary);
    }

    pub fn pids(bytes: &[u8]) {
        list(bytes, In::pid);
    }

    pub fn rows(bytes: &[u8]) {
        list(bytes, |input| {
            assert!(input.tuple() == 5 && input.atom_is(c"user"));
            input.long();
            input.binary();
            input.double();
            input.atom();
        });
    }

    pub fn calls(bytes: &[u8]) {
        list(bytes, |input| {
            assert!(input.tuple() == 3 && input.atom_is(c"$gen_call") && input.tuple() == 2);
            input.pid();
            assert!(input.list() == 1 && input.atom_is(c"alias"));
            input.reference();
            assert!(input.tuple() == 3 && input.atom_is(c"put"));
            input.binary();
            for _ in 0..input.map() {
                if input.atom_is(c"age") {
                    input.long();
                } else if unsafe { CStr::from_ptr(input.text.as_ptr()) } == c"name" {
                    input.binary();
                } else if unsafe { CStr::from_ptr(input.text.as_ptr()) } == c"score" {
                    input.double();
                } else {
                    for _ in 0..input.list() {
                        input.atom();
                    }
                    input.list();
                }
            }
        });
    }
}

pub mod write {
    use super::*;

    struct Out {
        buf: *mut c_char,
        index: c_int,
    }

    // SAFETY (all of these): the buffer is larger than any sample.
    impl Out {
        fn long(&mut self, value: c_long) {
            assert_eq!(unsafe { ei_encode_long(self.buf, &mut self.index, value) }, 0);
        }
        fn double(&mut self, value: c_double) {
            assert_eq!(unsafe { ei_encode_double(self.buf, &mut self.index, value) }, 0);
        }
        fn atom(&mut self, text: &CStr) {
            assert_eq!(unsafe { ei_encode_atom(self.buf, &mut self.index, text.as_ptr()) }, 0);
        }
        fn binary(&mut self, data: &[u8]) {
            let (place, len) = (data.as_ptr().cast(), data.len() as c_long);
            assert_eq!(unsafe { ei_encode_binary(self.buf, &mut self.index, place, len) }, 0);
        }
        fn pid(&mut self, pid: &ErlangPid) {
            assert_eq!(unsafe { ei_encode_pid(self.buf, &mut self.index, pid) }, 0);
        }
        fn reference(&mut self, reference: &ErlangRef) {
            assert_eq!(unsafe { ei_encode_ref(self.buf, &mut self.index, reference) }, 0);
        }
        fn tuple(&mut self, arity: c_int) {
            assert_eq!(unsafe { ei_encode_tuple_header(self.buf, &mut self.index, arity) }, 0);
        }
        fn list(&mut self, arity: c_int) {
            assert_eq!(unsafe { ei_encode_list_header(self.buf, &mut self.index, arity) }, 0);
        }
        fn map(&mut self, arity: c_int) {
            assert_eq!(unsafe { ei_encode_map_header(self.buf, &mut self.index, arity) }, 0);
        }
    }

    fn list(buf: &mut [u8], count: usize, each: impl Fn(&mut Out, usize)) -> usize {
        let mut out = Out { buf: buf.as_mut_ptr().cast(), index: 0 };
        out.list(count as c_int);
        for n in 0..count {
            each(&mut out, n);
        }
        out.list(0);
        out.index as usize
    }

    fn pid() -> ErlangPid {
        ErlangPid { node: node_name(), num: 85, serial: 1, creation: 0x1122_3344 }
    }

    pub fn small(buf: &mut [u8], count: usize) -> usize {
        list(buf, count, |out, n| out.long((n % 256) as c_long))
    }

    pub fn ints(buf: &mut [u8], count: usize) -> usize {
        list(buf, count, |out, n| out.long((n * 1000 + 256) as c_long))
    }

    pub fn bigs(buf: &mut [u8], count: usize) -> usize {
        list(buf, count, |out, n| out.long(n as c_long + (1 << 40)))
    }

    pub fn floats(buf: &mut [u8], count: usize) -> usize {
        list(buf, count, |out, n| out.double(c_double::from(n as u32)))
    }

    pub fn atoms(buf: &mut [u8], count: usize) -> usize {
        list(buf, count, |out, n| out.atom(if n % 2 == 0 { c"undefined" } else { c"ok" }))
    }

    pub fn binaries(buf: &mut [u8], count: usize) -> usize {
        list(buf, count, |out, _| out.binary(b"0123456789abcdef"))
    }

    pub fn pids(buf: &mut [u8], count: usize) -> usize {
        let pid = pid();
        list(buf, count, |out, _| out.pid(&pid))
    }

    pub fn rows(buf: &mut [u8], count: usize) -> usize {
        list(buf, count, |out, n| {
            out.tuple(5);
            out.atom(c"user");
            out.long(n as c_long);
            out.binary(b"a name");
            out.double(1.5);
            out.atom(c"active");
        })
    }

    pub fn calls(buf: &mut [u8], count: usize) -> usize {
        let pid = pid();
        let reference = ErlangRef { node: node_name(), len: 3, n: [1, 2, 3, 0, 0], creation: 0x1122_3344 };
        list(buf, count, |out, n| {
            out.tuple(3);
            out.atom(c"$gen_call");
            out.tuple(2);
            out.pid(&pid);
            out.list(1);
            out.atom(c"alias");
            out.reference(&reference);
            out.tuple(3);
            out.atom(c"put");
            out.binary(b"user:42");
            out.map(4);
            out.atom(c"age");
            out.long(n as c_long);
            out.atom(c"name");
            out.binary(b"Alice");
            out.atom(c"score");
            out.double(1.5);
            out.atom(c"tags");
            out.list(3);
            out.atom(c"a");
            out.atom(c"b");
            out.atom(c"c");
            out.list(0);
        })
    }
}
