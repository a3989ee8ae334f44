//! What our threads are inside somebody else's process: deaf to signals.
//!
//! A signal that the host program waits for or handles must never be delivered to a thread of ours.

use std::sync::Once;

use crate::runtime;

/// From now on each thread of ours blocks all signals before it does anything else.
pub(crate) fn keep_signals_away() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| runtime::on_thread_start(block_signals));
}

fn block_signals() {
    // SAFETY: both calls only write the set on our stack and the mask of this thread, which runs nothing of the host's.
    unsafe {
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        // Faults stay deliverable: a blocked SIGSEGV ends the process without a word to the host's crash handler.
        for fault in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGABRT] {
            libc::sigdelset(all.as_mut_ptr(), fault);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), std::ptr::null_mut());
    }
}
