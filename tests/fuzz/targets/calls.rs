//! Calls of the C ABI, in any order, beside a model of what is open.
//! Promises: an id answers as the model says, whoever closed it; a message arrives where it was sent, in order; nothing that a program
//! does with readers, writers, templates and text in between changes that or fails.
#![cfg_attr(fuzzing, no_main)]
// Every other line is a call of C; blocks around them would say nothing.
#![allow(unsafe_op_in_unsafe_fn)]

use std::ffi::{c_char, CString};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;

use erlnode::ffi::bytes::erln_bytes;
use erlnode::ffi::config::{erln_config_free, erln_config_new, erln_config_set_cookie};
use erlnode::ffi::mailbox::*;
use erlnode::ffi::message::*;
use erlnode::ffi::node::*;
use erlnode::ffi::pid::{erln_pid, erln_pid_print};
use erlnode::ffi::reader::*;
use erlnode::ffi::send::*;
use erlnode::ffi::status::erln_status::{self, *};
use erlnode::ffi::template::erln_template_letters;
use erlnode::ffi::text::{erln_print, erln_write_erlang};
use erlnode::ffi::writer::*;

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// Places for mailboxes; each is empty, open or closed.
const PLACES: usize = 4;

struct Place {
    id: erln_mailbox,
    open: bool,
    /// What waits in it.
    queue: Vec<u8>,
}

/// One node for all inputs: starting one takes longer than an input.
fn node() -> erln_node {
    static NODE: OnceLock<u64> = OnceLock::new();
    let id = *NODE.get_or_init(|| unsafe {
        let config = erln_config_new(ptr::null());
        assert_eq!(erln_config_set_cookie(config, c"calls".as_ptr()), ERLN_OK);
        let mut node = erln_node { id: 0 };
        assert_eq!(erln_node_start(config, &mut node), ERLN_OK);
        erln_config_free(config);
        node.id
    });
    erln_node { id }
}

/// The least that a message has on the wire; a call is two bytes of input.
const MESSAGE: usize = 40;

/// One input: an operation, the place it is about, and sometimes bytes that the rest of the input gives.
pub fn run(data: &[u8]) {
    node();
    crate::memory::within(data.len() / 2 * MESSAGE, || drive(data));
}

fn drive(data: &[u8]) {
    let mut places: Vec<Place> =
        (0..PLACES).map(|_| Place { id: erln_mailbox { id: 0 }, open: false, queue: Vec::new() }).collect();
    let mut rest = data;
    while let [what, which, tail @ ..] = rest {
        rest = tail;
        // SAFETY: every pointer is to something of ours that lives, or NULL where a mistake is meant.
        unsafe { step(&mut places, *what, usize::from(*which) % PLACES, rest) };
    }
    for place in &places {
        let closed = erln_mailbox_close(place.id);
        assert_eq!(closed == ERLN_OK, place.open);
    }
}

/// What using the id of a place answers.
fn answer(place: &Place) -> erln_status {
    match (place.id.id, place.open) {
        (0, _) => ERLN_ERR_ARGUMENT,
        (_, true) => ERLN_OK,
        (_, false) => ERLN_ERR_CLOSED,
    }
}

unsafe fn step(places: &mut [Place], what: u8, which: usize, rest: &[u8]) {
    let place = &mut places[which];
    match what % 12 {
        0 if !place.open => {
            assert_eq!(erln_mailbox_open(node(), ptr::null(), ptr::null(), &mut place.id), ERLN_OK);
            (place.open, place.queue) = (true, Vec::new());
        }
        1 => {
            assert_eq!(erln_mailbox_close(place.id), answer(place));
            place.open = false;
        }
        2 => {
            let mut pid = MaybeUninit::<erln_pid>::uninit();
            assert_eq!(erln_mailbox_pid(place.id, pid.as_mut_ptr()), answer(place));
        }
        3 | 4 => send(places, which, what, usize::from(what) / 12 % PLACES),
        5 | 6 => receive(place),
        7 => {
            let mut fd = -1;
            assert_eq!(erln_mailbox_fd(place.id, &mut fd), answer(place));
        }
        8 => read(rest),
        9 => write(rest),
        10 => spell(rest),
        _ => {
            let made_up = erln_mailbox { id: u64::from(what) << 56 | place.id.id >> 8 };
            assert_ne!(erln_mailbox_set_trap_exit(made_up, true), ERLN_OK);
        }
    }
}

unsafe fn send(places: &mut [Place], from: usize, what: u8, to: usize) {
    let mut pid = MaybeUninit::<erln_pid>::zeroed();
    if erln_mailbox_pid(places[to].id, pid.as_mut_ptr()) != ERLN_OK {
        return;
    }
    let target = erln_to { kind: 1, reserved: 0, to: pid.as_ptr().cast(), node: ptr::null() };
    let term = [97, what];
    let sent = erln_send_term(places[from].id, target, term.as_ptr(), term.len(), 0);
    assert_eq!(sent, answer(&places[from]));
    if sent == ERLN_OK {
        places[to].queue.push(what);
    }
}

unsafe fn receive(place: &mut Place) {
    let mut msg = ptr::null_mut();
    let received = erln_mailbox_recv(place.id, 0, &mut msg);
    if !place.open {
        assert_eq!(received, answer(place));
        return;
    }
    if place.queue.is_empty() {
        assert_eq!(received, ERLN_ERR_TIMEOUT);
        return;
    }
    assert_eq!(received, ERLN_OK);
    let mut payload = erln_bytes { ptr: ptr::null(), len: 0 };
    assert_eq!(erln_msg_payload(msg, &mut payload), ERLN_OK);
    assert_eq!(std::slice::from_raw_parts(payload.ptr, payload.len), [97, place.queue.remove(0)]);
    erln_msg_free(msg);
}

/// Reads the bytes as a term, by guesses that the bytes themselves choose.
unsafe fn read(bytes: &[u8]) {
    let mut reader = MaybeUninit::<erln_reader>::zeroed();
    if erln_reader_init(reader.as_mut_ptr(), bytes.as_ptr(), bytes.len()) != ERLN_OK {
        return;
    }
    let reader = reader.as_mut_ptr();
    let (mut number, mut count, mut found) = (0, 0, erln_bytes { ptr: ptr::null(), len: 0 });
    for guess in bytes.iter().take(64) {
        let before = *reader;
        let hit = match guess % 10 {
            0 => erln_read_int64(reader, &mut number),
            1 => erln_read_atom(reader, &mut found),
            2 => erln_read_tuple(reader, &mut count),
            3 => erln_read_list(reader, &mut count),
            4 => erln_read_map(reader, &mut count),
            5 => erln_read_binary(reader, &mut found),
            6 => erln_read_string(reader, &mut found),
            7 => erln_read_term(reader, &mut found),
            8 => erln_read_nil(reader),
            _ => erln_read_skip(reader),
        };
        if !hit && erln_reader_error(reader) == ERLN_OK {
            // Where an empty head `108 0 T` stood, T may stand now: the same value.
            assert_eq!(erln_reader_kind(&before), erln_reader_kind(reader), "a wrong guess moved");
        }
    }
    let finished = erln_reader_finish(reader);
    assert!(finished == ERLN_OK || finished == ERLN_ERR_MALFORMED);
    let mut text = [0; 40];
    let mut length = 0;
    erln_print(bytes.as_ptr(), bytes.len(), 0, text.as_mut_ptr(), text.len(), &mut length);
    assert!(text.contains(&0), "no NUL");
}

/// Writes what the bytes say; what is finished must be one term.
unsafe fn write(bytes: &[u8]) {
    let writer = erln_writer_new();
    for (n, byte) in bytes.iter().take(64).enumerate() {
        let size = usize::from(byte >> 4);
        match byte % 9 {
            0 => erln_write_int64(writer, i64::from(*byte) << (n % 56)),
            1 => erln_write_tuple(writer, size),
            2 => erln_write_list(writer, size),
            3 => erln_write_map(writer, size),
            4 => erln_write_nil(writer),
            5 => erln_write_atom(writer, c"ok".as_ptr()),
            6 => erln_write_binary(writer, bytes.as_ptr(), size.min(bytes.len())),
            7 => erln_write_term(writer, bytes.as_ptr(), bytes.len()),
            _ => erln_write_double(writer, f64::from(*byte) / 3.0),
        };
    }
    let mut term = erln_bytes { ptr: ptr::null(), len: 0 };
    if erln_writer_finish(writer, &mut term) == ERLN_OK {
        let term = std::slice::from_raw_parts(term.ptr, term.len);
        // Equal keys of a map are found when it is sent.
        let wrong = erlnode::term::Term::decode(term).err().map(|wrong| wrong.to_string());
        assert!(wrong.as_ref().is_none_or(|wrong| wrong.contains("a key comes twice")), "what was finished is no term");
    }
    erln_writer_free(writer);
}

/// Uses the bytes as a text in each place that takes one.
unsafe fn spell(bytes: &[u8]) {
    let text: Vec<u8> = bytes.iter().copied().take_while(|byte| *byte != 0).take(200).collect();
    let text = CString::new(text).expect("no zero inside");
    let mut letters = [0 as c_char; 8];
    erln_template_letters(text.as_ptr(), letters.as_mut_ptr(), letters.len());
    let writer = erln_writer_new();
    erln_write_erlang(writer, text.as_ptr());
    let mut term = erln_bytes { ptr: ptr::null(), len: 0 };
    let _ = erln_writer_finish(writer, &mut term);
    erln_writer_free(writer);
    assert!(!erln_match_args(ptr::null(), text.as_ptr(), ptr::null(), 0));
    assert_eq!(erln_pid_print(ptr::null(), letters.as_mut_ptr(), 8, ptr::null_mut()), ERLN_ERR_ARGUMENT);
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
