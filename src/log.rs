//! What the library has to tell an operator: one hook, or standard error.
//!
//! Without a hook, warnings and errors go to standard error; `ERLNODE_LOG=off|error|warn|info|debug` changes that.
//! No cookie, digest or message content is ever logged. No lock is held while the hook runs.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something does not work.
    Error = 1,
    /// Somebody should look at this.
    Warn = 2,
    /// Connections come and go.
    Info = 3,
    /// Why an attempt failed, step by step.
    Debug = 4,
}

impl Level {
    /// `"error"`, `"warn"`, `"info"` or `"debug"`.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// Receives each line. Called from any thread, ours included; it must not wait for the node.
pub type Hook = dyn Fn(Level, &str) + Send + Sync;

static HOOK: RwLock<Option<Arc<Hook>>> = RwLock::new(None);
/// Largest level that is passed on; 255 until it is known.
static LEVEL: AtomicU8 = AtomicU8::new(u8::MAX);

/// Sends lines up to `level` to `hook`; `None` goes back to standard error.
pub fn set_hook(hook: Option<Arc<Hook>>, level: Level) {
    *HOOK.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = hook;
    LEVEL.store(level as u8, Ordering::Release);
}

fn level() -> u8 {
    match LEVEL.load(Ordering::Acquire) {
        u8::MAX => {
            static FROM_ENV: OnceLock<u8> = OnceLock::new();
            *FROM_ENV.get_or_init(|| match std::env::var("ERLNODE_LOG").as_deref() {
                Ok("off") => 0,
                Ok("error") => 1,
                Ok("info") => 3,
                Ok("debug") => 4,
                _ => 2,
            })
        }
        level => level,
    }
}

/// Whether lines of this level are passed on.
pub(crate) fn wanted(severity: Level) -> bool {
    severity as u8 <= level()
}

pub(crate) fn log(severity: Level, text: fmt::Arguments<'_>) {
    if !wanted(severity) {
        return;
    }
    let hook = HOOK.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
    let line = text.to_string();
    match hook {
        Some(hook) => hook(severity, &line),
        None => drop(writeln!(std::io::stderr(), "erlnode {}: {line}", severity.as_str())),
    }
}

pub(crate) fn warn(text: fmt::Arguments<'_>) {
    log(Level::Warn, text);
}

pub(crate) fn info(text: fmt::Arguments<'_>) {
    log(Level::Info, text);
}

pub(crate) fn debug(text: fmt::Arguments<'_>) {
    log(Level::Debug, text);
}
