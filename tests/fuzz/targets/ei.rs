//! The libei drop-in: its decoders over whole terms in buffers without a spare byte, and its receiver over whatever a peer sends.
//! Promises: no decoder reads or writes beyond; one that fails leaves the index alone; all of them agree with `ei_skip_term` where a
//! term ends; printing ends; the receiver answers with a message, a tick or an error.
#![cfg_attr(fuzzing, no_main)]
// Every other line is a call of C; blocks around them would say nothing.
#![allow(unsafe_op_in_unsafe_fn)]

use std::ffi::{c_char, c_int};
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::ptr;

use erlnode::ei::abi::{ei_term, ei_x_buff, erlang_fun, erlang_msg, erlang_pid, erlang_port, erlang_ref};
use erlnode::ei::decode::*;
use erlnode::ei::print::ei_s_print_term;
use erlnode::ei::receive::ei_xreceive_msg_tmo;

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// Room that a packet's announced length is given before its bytes are there.
const TRUSTED: usize = 64 << 10;
/// What `MAXATOMLEN_UTF8` promises programs.
const ATOM: usize = 1021;

/// One input.
pub fn run(data: &[u8]) {
    crate::memory::within(data.len(), || drive(data));
}

fn drive(data: &[u8]) {
    // SAFETY: the term is whole, and each place has the room that libei's documentation asks for.
    if erlnode::term::validate(data, &[]).is_ok_and(|length| length == data.len()) {
        unsafe { decode(data) };
    }
    unsafe { receive(data) };
}

unsafe fn decode(data: &[u8]) {
    // Exactly as long as the term, so that the sanitizer sees the next byte.
    let term: Box<[u8]> = data.into();
    let buffer = term.as_ptr().cast::<c_char>();
    let mut room = vec![0_u8; ATOM.max(data.len() + 1)];
    let place = room.as_mut_ptr();
    let mut end: c_int = 0;
    if ei_skip_term(buffer, &mut end) < 0 {
        return;
    }
    assert_eq!(end as usize, data.len(), "skips another length");
    let (mut kind, mut size) = (0, 0);
    ei_get_type(buffer, &0, &mut kind, &mut size);

    let decoders: [&dyn Fn(*mut c_int) -> c_int; 19] = [
        &|at| ei_decode_long(buffer, at, &mut 0),
        &|at| ei_decode_ulong(buffer, at, &mut 0),
        &|at| ei_decode_longlong(buffer, at, &mut 0),
        &|at| ei_decode_double(buffer, at, &mut 0.0),
        &|at| ei_decode_boolean(buffer, at, &mut 0),
        &|at| ei_decode_char(buffer, at, &mut 0),
        &|at| ei_decode_atom(buffer, at, place.cast()),
        &|at| ei_decode_atom(buffer, at, ptr::null_mut()),
        &|at| ei_decode_string(buffer, at, place.cast()),
        &|at| ei_decode_string(buffer, at, ptr::null_mut()),
        &|at| ei_decode_binary(buffer, at, place.cast(), &mut 0),
        &|at| ei_decode_bitstring(buffer, at, &mut ptr::null(), &mut 0, &mut 0),
        &|at| ei_decode_iodata(buffer, at, &mut 0, place.cast()),
        &|at| ei_decode_iodata(buffer, at, &mut 0, ptr::null_mut()),
        &|at| ei_decode_pid(buffer, at, MaybeUninit::<erlang_pid>::zeroed().as_mut_ptr()),
        &|at| ei_decode_port(buffer, at, MaybeUninit::<erlang_port>::zeroed().as_mut_ptr()),
        &|at| ei_decode_ref(buffer, at, MaybeUninit::<erlang_ref>::zeroed().as_mut_ptr()),
        &|at| ei_decode_fun(buffer, at, ptr::null_mut::<erlang_fun>()),
        &|at| ei_skip_term(buffer, at),
    ];
    for (n, decoder) in decoders.iter().enumerate() {
        let mut at = 0;
        if decoder(&mut at) < 0 {
            assert_eq!(at, 0, "decoder {n} failed and moved");
        } else {
            assert_eq!(at, end, "decoder {n} ends elsewhere");
        }
    }
    for header in [ei_decode_tuple_header, ei_decode_list_header, ei_decode_map_header] {
        let (mut at, mut arity) = (0, 0);
        let read = header(buffer, &mut at, &mut arity);
        assert!((0..=end).contains(&at) && (read == 0 || at == 0));
    }
    // The tail of a list is none of its integers.
    let (mut at, mut count) = (0, 0);
    ei_decode_intlist(buffer, &mut at, ptr::null_mut(), &mut count);
    assert!((0..=end).contains(&at));

    let (mut at, mut value) = (0, MaybeUninit::<ei_term>::zeroed());
    ei_decode_ei_term(buffer, &mut at, value.as_mut_ptr());
    assert!((0..=end).contains(&at));

    let (mut at, mut text) = (0, ptr::null_mut());
    ei_s_print_term(&mut text, buffer, &mut at);
    assert!((0..=end).contains(&at), "printing went beyond");
    libc::free(text.cast());
}

/// The bytes as what a peer sends on a connection, and then its end.
unsafe fn receive(data: &[u8]) {
    let Ok((mut peer, ours)) = UnixStream::pair() else { return };
    // More would wait for a reader.
    let data = &data[..data.len().min(32 << 10)];
    if peer.write_all(data).is_err() {
        return;
    }
    drop(peer);
    let mut message = MaybeUninit::<erlang_msg>::zeroed();
    let mut buffer = ei_x_buff { buff: ptr::null_mut(), buffsz: 0, index: 0 };
    for _ in 0..64 {
        if ei_xreceive_msg_tmo(ours.as_raw_fd(), message.as_mut_ptr(), &mut buffer, 1000) < 0 {
            break;
        }
        assert!((0..=buffer.buffsz).contains(&buffer.index));
    }
    assert!(buffer.buffsz as usize <= 4 * data.len() + TRUSTED, "{} bytes for {}", buffer.buffsz, data.len());
    libc::free(buffer.buff.cast());
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
