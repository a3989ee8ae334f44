//! The byte stream under a connection: TCP, and TLS on it where the node has certificates.
//!
//! Any thread may send without waiting; one task reads, one task waits for room. Every send carries MSG_NOSIGNAL, so a
//! dead peer never raises SIGPIPE in the host program.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::event::{poll, PollFd, PollFlags, Timespec};
use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::TcpStream;

use crate::error::{no_memory, Error, Result};
use crate::net::tls::{Cipher, Session, Stage};

/// How long a stream that failed in its TLS handshake stays open for the peer to read why.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// An open stream to a peer, with both ends still together, for the handshake.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) reader: Incoming,
    pub(crate) writer: Outgoing,
}

/// The end that one task reads.
#[derive(Debug)]
pub(crate) struct Incoming {
    half: OwnedReadHalf,
    tls: Option<(Arc<Session>, Cipher)>,
}

/// The end that anybody may write.
#[derive(Debug)]
pub(crate) struct Outgoing {
    half: OwnedWriteHalf,
    tls: Option<Arc<Session>>,
}

impl Transport {
    /// Takes over a connected socket and switches Nagle's algorithm off: a message leaves when it is written.
    pub(crate) fn new(stream: TcpStream) -> Result<Transport> {
        stream.set_nodelay(true).map_err(|e| Error::io("cannot set TCP_NODELAY", &e))?;
        hold(&stream, MIN_HOLD);
        let (reader, writer) = stream.into_split();
        Ok(Transport {
            reader: Incoming { half: reader, tls: None },
            writer: Outgoing { half: writer, tls: None },
        })
    }

    /// Performs the TLS handshake; from then on everything goes through `session`. The peer is told why it failed.
    pub(crate) async fn secure(&mut self, session: Session) -> io::Result<()> {
        let session = Arc::new(session);
        let outcome = self.agree(&session).await;
        match outcome {
            Ok(cipher) => {
                self.reader.tls = Some((session.clone(), cipher));
                self.writer.tls = Some(session);
                Ok(())
            }
            Err(error) => {
                self.part(&session).await;
                Err(error)
            }
        }
    }

    async fn agree(&mut self, session: &Session) -> io::Result<Cipher> {
        let mut cipher = Cipher::default();
        let mut early = BytesMut::new();
        loop {
            let stage = cipher.decrypt(session, &mut early)?;
            self.writer.flush(session).await?;
            if stage == Stage::Open {
                cipher.keep(early);
                return Ok(cipher);
            }
            if stage == Stage::Ended || self.reader.half.read_buf(cipher.room(0)?).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Sends what the session has to say about its end, and waits a moment for the peer to close: closing first with
    /// bytes unread would destroy what we sent.
    async fn part(&mut self, session: &Session) {
        let _ = tokio::time::timeout(LAST_WORDS, async {
            self.writer.flush(session).await?;
            SockRef::from(self.writer.stream()).shutdown(Shutdown::Write)?;
            let mut ignored = BytesMut::with_capacity(1 << 10);
            while self.reader.half.read_buf(&mut ignored).await? > 0 {
                ignored.clear();
            }
            io::Result::Ok(())
        })
        .await;
    }

    /// The TLS session, if there is one.
    pub(crate) fn session(&self) -> Option<&Session> {
        self.writer.tls.as_deref()
    }
}

/// Bytes that the kernel holds besides those on their way: what waits should wait in our queue, where ticks and short
/// messages pass between the parts of big ones.
pub(crate) const MIN_HOLD: usize = 16 << 10;
/// The most while the peer takes big messages fast: waking for every few bytes would cost more than the wait.
pub(crate) const MAX_HOLD: usize = 1 << 20;

#[cfg(any(target_os = "linux", target_os = "android"))]
fn hold(stream: &TcpStream, most: usize) {
    // A kernel that does not know it holds more; that is all.
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(most as u32); // MAX_HOLD at most
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn hold(_: &TcpStream, _most: usize) {}

impl Outgoing {
    /// Lets the kernel hold so many bytes besides those on their way.
    pub(crate) fn hold(&self, most: usize) {
        hold(self.stream(), most);
    }

    /// The end of a stream that nobody reads, for links of the simulation.
    #[cfg(test)]
    pub(crate) fn nowhere() -> Outgoing {
        let (one, _other) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
        one.set_nonblocking(true).expect("a socket that does not wait");
        let stream = std::net::TcpStream::from(std::os::fd::OwnedFd::from(one));
        let half = TcpStream::from_std(stream).expect("a runtime").into_split().1;
        Outgoing { half, tls: None }
    }

    fn stream(&self) -> &TcpStream {
        self.half.as_ref()
    }

    fn send_now(&self, bytes: &[u8]) -> io::Result<usize> {
        SockRef::from(self.stream()).send_with_flags(bytes, SEND_FLAGS)
    }

    /// Sends what the kernel takes now. What was refused has to be offered again before anything else.
    pub(crate) fn try_send(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.tls {
            None => self.send_now(bytes),
            Some(session) => session.try_send(bytes, |records| self.send_now(records)),
        }
    }

    /// True if [`try_send_slices`](Self::try_send_slices) saves copying: what is to be encrypted is copied anyway.
    pub(crate) fn takes_slices(&self) -> bool {
        self.tls.is_none()
    }

    /// Sends what the kernel takes now of several pieces with `total` bytes, in one call: less than that if it wants no
    /// more. Without TLS only.
    pub(crate) fn try_send_slices(&self, slices: &[IoSlice<'_>], total: usize) -> io::Result<usize> {
        let mut sent = 0;
        // Refused in here, so that `writable` knows it without asking the kernel again.
        let outcome = self.stream().try_io(tokio::io::Interest::WRITABLE, || loop {
            match SockRef::from(self.stream()).send_vectored_with_flags(slices, SEND_FLAGS) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    sent = count;
                    return if count < total { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) };
                }
            }
        });
        match outcome {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(sent),
        }
    }

    /// Whether the kernel holds less than half of what [`hold`](Self::hold) lets it. It takes up to 64 KiB more than that from who does
    /// not ask: a packet that it has begun is filled. If not, `writable` waits for it.
    pub(crate) fn has_room(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        let ask = || match poll(&mut [PollFd::new(self.stream(), PollFlags::OUT)], Some(&now)) {
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            // What is wrong shows when it is written to.
            _ => Ok(()),
        };
        self.stream().try_io(tokio::io::Interest::WRITABLE, ask).is_ok()
    }

    /// Waits until the kernel takes more.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.stream().writable().await
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

    /// Sends what the session itself has to say.
    async fn flush(&self, session: &Session) -> io::Result<()> {
        if !session.has_words() {
            return Ok(());
        }
        let flush = || session.flush(|records| self.send_now(records));
        self.stream().async_io(tokio::io::Interest::WRITABLE, flush).await
    }

    /// Ends both directions; a waiting reader sees the end of the stream.
    pub(crate) fn shutdown(&self) {
        self.end(Shutdown::Both);
    }

    /// Ends our direction: the peer sees the end of the stream after all that was sent.
    pub(crate) fn finish(&self) {
        self.end(Shutdown::Write);
    }

    fn end(&self, direction: Shutdown) {
        if let Some(session) = &self.tls {
            session.say_goodbye(|records| self.send_now(records));
        }
        let _ = SockRef::from(self.stream()).shutdown(direction);
    }
}

impl Incoming {
    /// Waits for bytes and appends them; 0 at the end of the stream, and all the free room of `buffer` (or more) when it
    /// looks as if more is there.
    pub(crate) async fn read(&mut self, buffer: &mut BytesMut) -> io::Result<usize> {
        match &mut self.tls {
            // Not `try_read`: after a short read this one knows that nothing is left, without asking the kernel.
            None => self.half.read_buf(buffer).await,
            Some((session, cipher)) => read_secured(&mut self.half, session, cipher, buffer).await,
        }
    }
}

/// Room for `more` bytes: the buffer's own if nobody holds it any more, else of a new one.
pub(crate) fn grow(buffer: &mut BytesMut, more: usize) -> Result<()> {
    if buffer.try_reclaim(more) {
        return Ok(());
    }
    let mut larger = Vec::new();
    // As much as a reserving buffer takes, so that a long packet is not copied at every read.
    let size = (buffer.len() + more).max(buffer.len() * 2);
    larger.try_reserve_exact(size).map_err(|_| no_memory())?;
    larger.extend_from_slice(buffer);
    *buffer = BytesMut::from(Bytes::from(larger));
    Ok(())
}

/// Whether these first bytes are those of a TLS record where a handshake of plain distribution was to begin: as a length
/// they would be above what a handshake may have.
pub(crate) fn speaks_tls(first: &[u8]) -> bool {
    matches!(first, [0x15 | 0x16, 3, ..])
}

/// Safe to drop while it waits: bytes that came stay in `cipher`.
async fn read_secured(
    half: &mut OwnedReadHalf,
    session: &Session,
    cipher: &mut Cipher,
    buffer: &mut BytesMut,
) -> io::Result<usize> {
    let free = buffer.capacity() - buffer.len();
    let mut full = false;
    loop {
        let before = buffer.len();
        let stage = cipher.decrypt(session, buffer)?;
        if session.has_words() {
            // An answer to new keys. What the kernel does not take now goes before the next message.
            let socket = SockRef::from(half.as_ref());
            let _ = session.flush(|records| socket.send_with_flags(records, SEND_FLAGS));
        }
        let came = buffer.len() - before;
        if came > 0 {
            return Ok(if full { came.max(free) } else { came });
        }
        if stage == Stage::Ended {
            return Ok(0);
        }
        let room = cipher.room(free)?;
        let space = room.capacity() - room.len();
        let count = half.read_buf(room).await?;
        if count == 0 {
            return Ok(0);
        }
        full = count == space;
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
