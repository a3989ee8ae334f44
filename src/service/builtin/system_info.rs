//! `erlang:system_info/1` and its kin: what a node that is no BEAM can say of itself.

use super::Call;
use crate::node::spawn::MAX_SPAWNED;

/// The newest release whose protocol this node speaks: what callers conclude from it about messages holds.
const OTP_RELEASE: &str = "29";

/// `erlang:system_info(Item)`; an item that means nothing here is `badarg`.
pub(super) fn answer(call: &mut Call<'_>) -> Option<()> {
    if call.args.tuple_of(2) {
        return word_size(call);
    }
    let item = call.args.atom()?;
    let processors = || std::thread::available_parallelism().map_or(1, |count| count.get() as i64);
    match item.as_ref() {
        "otp_release" => call.put(|answer| answer.charlist(OTP_RELEASE)),
        "version" => call.put(|answer| answer.charlist(env!("CARGO_PKG_VERSION"))),
        "machine" => call.put(|answer| answer.charlist("erlnode")),
        "system_version" => {
            let text = format!("erlnode {} [{}-bit]\n", env!("CARGO_PKG_VERSION"), usize::BITS);
            call.put(|answer| answer.charlist(&text))
        }
        "system_architecture" => {
            let text = format!("{}-unknown-{}", std::env::consts::ARCH, std::env::consts::OS);
            call.put(|answer| answer.charlist(&text))
        }
        "creation" => {
            let creation = i64::from(call.node.creation());
            call.put(|answer| answer.i64(creation))
        }
        "process_count" => {
            let count = call.node.processes.len() as i64;
            call.put(|answer| answer.i64(count))
        }
        "process_limit" => call.put(|answer| answer.i64(MAX_SPAWNED as i64)),
        "port_count" => call.put(|answer| answer.i64(0)),
        "wordsize" => call.put(|answer| answer.i64(size_of::<usize>() as i64)),
        "schedulers" | "schedulers_online" => call.put(|answer| answer.i64(1)),
        "logical_processors" | "logical_processors_available" | "logical_processors_online" => {
            let count = processors();
            call.put(|answer| answer.i64(count))
        }
        "smp_support" | "threads" => call.put(|answer| answer.bool(true)),
        _ => None,
    }
}

/// `{wordsize, internal | external}`.
fn word_size(call: &mut Call<'_>) -> Option<()> {
    call.args.atom_is("wordsize").then_some(())?;
    (call.args.atom_is("internal") || call.args.atom_is("external")).then_some(())?;
    call.put(|answer| answer.i64(size_of::<usize>() as i64))
}

/// `os:type()`.
pub(super) fn os_type(call: &mut Call<'_>) -> Option<()> {
    let name = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    call.put(|answer| answer.tuple(2).atom(std::env::consts::FAMILY).atom(name))
}

/// `os:getpid()`.
pub(super) fn os_pid(call: &mut Call<'_>) -> Option<()> {
    call.put(|answer| answer.charlist(&std::process::id().to_string()))
}

/// `System.pid()`.
pub(super) fn elixir_os_pid(call: &mut Call<'_>) -> Option<()> {
    call.put(|answer| answer.str_binary(&std::process::id().to_string()))
}

/// `System.otp_release()`.
pub(super) fn elixir_release(call: &mut Call<'_>) -> Option<()> {
    call.put(|answer| answer.str_binary(OTP_RELEASE))
}
