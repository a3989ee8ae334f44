//! The byte stream under a connection: today TCP.
//!
//! Any thread may send without waiting; one task reads, one task waits for room. Every send carries MSG_NOSIGNAL, so a
//! dead peer never raises SIGPIPE in the host program.

use std::io;
use std::net::Shutdown;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::TcpStream;

use crate::error::{Error, Result};

/// An open stream to a peer, with both ends still together, for the handshake.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) reader: Incoming,
    pub(crate) writer: Outgoing,
}

/// The end that one task reads.
#[derive(Debug)]
pub(crate) struct Incoming(OwnedReadHalf);

/// The end that anybody may write.
#[derive(Debug)]
pub(crate) struct Outgoing(OwnedWriteHalf);

impl Transport {
    /// Takes over a connected socket and switches Nagle's algorithm off: a message leaves when it is written.
    pub(crate) fn new(stream: TcpStream) -> Result<Transport> {
        stream.set_nodelay(true).map_err(|e| Error::io("cannot set TCP_NODELAY", &e))?;
        let (reader, writer) = stream.into_split();
        Ok(Transport { reader: Incoming(reader), writer: Outgoing(writer) })
    }
}

impl Outgoing {
    fn stream(&self) -> &TcpStream {
        self.0.as_ref()
    }

    /// Sends what the kernel takes now.
    pub(crate) fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        SockRef::from(self.stream()).send_with_flags(bytes, SEND_FLAGS)
    }

    /// Waits until the kernel takes more, then sends some of `bytes`.
    pub(crate) async fn send_some(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream().async_io(tokio::io::Interest::WRITABLE, || self.try_send(bytes)).await
    }

    /// Sends all of `bytes`.
    pub(crate) async fn send_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.send_some(bytes).await?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    /// Ends both directions; a waiting reader sees the end of the stream.
    pub(crate) fn shutdown(&self) {
        let _ = SockRef::from(self.stream()).shutdown(Shutdown::Both);
    }
}

impl Incoming {
    /// Waits for bytes and appends them; 0 at the end of the stream.
    pub(crate) async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        // Not `try_read`: after a short read this one knows that nothing is left, without asking the kernel.
        self.0.read_buf(buffer).await
    }
}

#[cfg(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
))]
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
)))]
const SEND_FLAGS: i32 = 0; // std and mio set SO_NOSIGPIPE on these
