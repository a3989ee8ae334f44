//! The descriptor of a mailbox, for programs that poll.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use crate::error::{Error, Result};

/// A descriptor that is readable while it rings. A socket pair, as every platform has it.
pub(super) struct Bell {
    listen: UnixStream,
    ring: UnixStream,
}

impl Bell {
    pub(super) fn new() -> Result<Bell> {
        let (listen, ring) =
            UnixStream::pair().map_err(|e| Error::io("cannot make the mailbox's descriptor", &e))?;
        for end in [&listen, &ring] {
            end.set_nonblocking(true).map_err(|e| Error::io("cannot set up the mailbox's descriptor", &e))?;
        }
        Ok(Bell { listen, ring })
    }

    pub(super) fn descriptor(&self) -> i32 {
        self.listen.as_raw_fd()
    }

    pub(super) fn ring(&self) {
        // One byte at most is inside, so this cannot block; both ends are ours, so it cannot be a dead peer either.
        let _ = (&self.ring).write(&[1]);
    }

    pub(super) fn hush(&self) {
        let mut byte = [0];
        let _ = (&self.listen).read(&mut byte);
    }
}
