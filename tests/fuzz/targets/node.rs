//! Control messages of a peer and calls of the program against a node, beside a model of its state.
//! Promises: the same processes live, hold the same messages and names, and nothing is left over; see `src/node/model.rs`,
//! whose own test replays this.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| erlnode::node::model::run(data));
