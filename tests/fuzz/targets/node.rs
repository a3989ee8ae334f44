//! Control messages of a peer and calls of the program against a node, beside a model of its state.
//! Promises: the same processes live, hold the same messages and names, and nothing is left over; see `src/node/model.rs`,
//! whose own test replays this.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
#[path = "../memory.rs"]
mod memory;

/// The least that a control message with its payload has on the wire; an operation is two bytes of input.
#[cfg(fuzzing)]
const MESSAGE: usize = 40;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    crate::memory::within(data.len() / 2 * MESSAGE, || erlnode::node::model::run(data));
});
