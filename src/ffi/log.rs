//! Log: what the library has to tell an operator.
//!
//! Without a hook, warnings and errors go to standard error; the environment variable ERLNODE_LOG (off, error, warn, info, debug)
//! changes that. No cookie and no message content is ever logged.

use std::ffi::{c_char, c_void, CString};
use std::sync::Arc;

use super::guard::guard;
use super::status::erln_status;
use crate::log::{set_hook, Hook, Level};
use crate::Error;

/// How important a line is.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_log_level {
    /// Something does not work.
    ERLN_LOG_ERROR = 1,
    /// Somebody should look at this.
    ERLN_LOG_WARN = 2,
    /// Connections come and go.
    ERLN_LOG_INFO = 3,
    /// Why an attempt failed, step by step.
    ERLN_LOG_DEBUG = 4,
}

/// Receives a line, without line end. `level` is one of erln_log_level; `data` is what was given to erln_log_set. Called from any
/// thread, also from several at once; it must not wait for the node. `text` is borrowed; lives during the call.
pub type erln_log_fn = Option<unsafe extern "C" fn(level: i32, text: *const c_char, data: *mut c_void)>;

/// The caller's hook and its data.
struct CHook {
    hook: unsafe extern "C" fn(i32, *const c_char, *mut c_void),
    data: *mut c_void,
}

// SAFETY: the header tells that the hook is called from any thread, with this data.
unsafe impl Send for CHook {}
// SAFETY: as above; also from several threads at once.
unsafe impl Sync for CHook {}

impl CHook {
    fn call(&self, level: Level, text: &str) {
        let mut bytes = text.as_bytes().to_vec();
        bytes.retain(|&byte| byte != 0);
        if let Ok(text) = CString::new(bytes) {
            // SAFETY: the function that the caller gave, called as its type says.
            unsafe { (self.hook)(level as i32, text.as_ptr(), self.data) };
        }
    }
}

/// Sends lines of `level` (one of erln_log_level) and more important ones to `hook`; NULL goes back to standard error. One hook per
/// process. A line that was begun may still reach the former hook for a moment.
#[no_mangle]
pub extern "C" fn erln_log_set(hook: erln_log_fn, data: *mut c_void, level: i32) -> erln_status {
    guard(|| {
        let level = match level {
            l if l == erln_log_level::ERLN_LOG_ERROR as i32 => Level::Error,
            l if l == erln_log_level::ERLN_LOG_WARN as i32 => Level::Warn,
            l if l == erln_log_level::ERLN_LOG_INFO as i32 => Level::Info,
            l if l == erln_log_level::ERLN_LOG_DEBUG as i32 => Level::Debug,
            _ => return Err(Error::argument("level is none of ERLN_LOG_...")),
        };
        let hook = hook.map(|hook| -> Arc<Hook> {
            let hook = CHook { hook, data };
            Arc::new(move |level, text| hook.call(level, text))
        });
        set_hook(hook, level);
        Ok(())
    })
}
