//! The byte stream under a connection: today TCP.
//!
//! Any thread may send without waiting; one task reads, one task waits for room. Every send carries MSG_NOSIGNAL, so a
//! dead peer never raises SIGPIPE in the host program.

use std::io;
use std::net::{Shutdown, SocketAddr};

use bytes::BytesMut;
use socket2::SockRef;
use tokio::net::TcpStream;

use crate::error::{Error, Result};

/// An open stream to a peer.
#[derive(Debug)]
pub(crate) struct Transport {
    stream: TcpStream,
    remote: SocketAddr,
}

impl Transport {
    /// Takes over a connected socket and switches Nagle's algorithm off: a message leaves when it is written.
    pub(crate) fn new(stream: TcpStream) -> Result<Transport> {
        stream.set_nodelay(true).map_err(|e| Error::io("cannot set TCP_NODELAY", &e))?;
        let remote = stream.peer_addr().map_err(|e| Error::io("the peer closed at once", &e))?;
        Ok(Transport { stream, remote })
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Sends what the kernel takes now.
    pub(crate) fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        SockRef::from(&self.stream).send_with_flags(bytes, SEND_FLAGS)
    }

    /// Waits until the kernel takes more, then sends some of `bytes`.
    pub(crate) async fn send_some(&self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.async_io(tokio::io::Interest::WRITABLE, || self.try_send(bytes)).await
    }

    /// Sends all of `bytes`.
    pub(crate) async fn send_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.send_some(bytes).await?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }

    /// Waits for bytes and appends them; 0 at the end of the stream.
    pub(crate) async fn read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        loop {
            match self.stream.try_read_buf(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.readable().await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Appends what has arrived already.
    pub(crate) fn try_read(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        self.stream.try_read_buf(buffer)
    }

    /// Ends both directions; a waiting reader sees the end of the stream.
    pub(crate) fn shutdown(&self) {
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Both);
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
