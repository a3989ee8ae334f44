//! The clocks of this node, in the units of Erlang and Elixir.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Call;
use crate::term::Reader;

/// What is called native here: nanoseconds.
const NATIVE_PER_SECOND: i128 = 1_000_000_000;

/// `monotonic_time/0,1`.
pub(super) fn monotonic(call: &mut Call<'_>) -> Option<()> {
    static START: OnceLock<Instant> = OnceLock::new();
    put(call, START.get_or_init(Instant::now).elapsed())
}

/// `system_time/0,1`.
pub(super) fn system(call: &mut Call<'_>) -> Option<()> {
    put(call, since_epoch())
}

/// `{MegaSecs, Secs, MicroSecs}`.
pub(super) fn timestamp(call: &mut Call<'_>) -> Option<()> {
    let now = since_epoch();
    let seconds = now.as_secs() as i64;
    let parts = (seconds / 1_000_000, seconds % 1_000_000, i64::from(now.subsec_micros()));
    call.put(|answer| answer.tuple(3).i64(parts.0).i64(parts.1).i64(parts.2))
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn put(call: &mut Call<'_>, time: Duration) -> Option<()> {
    let per_second = match call.request.arity() {
        0 => NATIVE_PER_SECOND,
        _ => unit(&mut call.args)?,
    };
    let nanoseconds = i128::try_from(time.as_nanos()).ok()?;
    let value = nanoseconds.checked_mul(per_second)? / 1_000_000_000;
    let value = i64::try_from(value).ok()?;
    call.put(|answer| answer.i64(value))
}

/// Parts per second.
fn unit(args: &mut Reader<'_>) -> Option<i128> {
    if let Some(parts) = args.i64() {
        return (parts > 0).then_some(i128::from(parts));
    }
    match args.atom()?.as_ref() {
        "second" | "seconds" => Some(1),
        "millisecond" | "milli_seconds" => Some(1_000),
        "microsecond" | "micro_seconds" => Some(1_000_000),
        "nanosecond" | "nano_seconds" => Some(1_000_000_000),
        "native" | "perf_counter" => Some(NATIVE_PER_SECOND),
        _ => None,
    }
}
