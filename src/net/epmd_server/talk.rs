//! One connection to the embedded epmd, from its first byte to its end.

use super::half_open::Place;
use super::{Held, Shared};
use crate::net::hang_up::HangUp;
use crate::proto::epmd::{split_request, Answer, Framed, MAX_BODY};
use bytes::Bytes;
use socket2::SockRef;
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A longest request with its length, and one byte that shows that there is more.
const MAX_RECEIVED: usize = 2 + MAX_BODY + 1;

/// An accepted connection from which nothing was read.
pub(super) struct Fresh {
    socket: StdStream,
    peer: SocketAddr,
}

impl Fresh {
    /// `None` when the socket is of no use.
    pub(super) fn new((socket, peer): (StdStream, SocketAddr)) -> Option<Fresh> {
        socket.set_nonblocking(true).ok()?;
        Some(Fresh { socket, peer })
    }
}

/// Serves a fresh connection if its request is already here; gives it back when nothing arrived yet.
pub(super) fn greet(fresh: Fresh, shared: &Arc<Shared>, talks: &mut JoinSet<()>) -> Option<Fresh> {
    let mut received = [0; MAX_RECEIVED];
    match (&fresh.socket).read(&mut received) {
        Ok(0) => {}
        Ok(size) => serve_first(fresh, &received[..size], shared, talks),
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(fresh),
        Err(_) => {}
    }
    None
}

/// Gives a connection that is slow to ask a task of its own.
pub(super) fn wait_for_request(fresh: Fresh, shared: &Arc<Shared>, talks: &mut JoinSet<()>) {
    defer(fresh, shared, talks, Pending::Request(Vec::new()));
}

/// The first bytes are here.
fn serve_first(fresh: Fresh, received: &[u8], shared: &Arc<Shared>, talks: &mut JoinSet<()>) {
    let outcome = match split_request(received) {
        Framed::Garbage => return,
        Framed::Incomplete => return defer(fresh, shared, talks, Pending::Request(received.into())),
        Framed::Body(body) => shared.respond(body, &fresh.socket, fresh.peer),
    };
    match outcome {
        Outcome::Done => {}
        Outcome::Held(held) => {
            if let Ok(socket) = watch(fresh.socket) {
                talks.spawn(hold(socket, held));
            }
        }
        Outcome::Unsent(rest) => defer(fresh, shared, talks, Pending::Reply(rest)),
        Outcome::Refused => defer(fresh, shared, talks, Pending::End),
    }
}

/// What is left to do after a request was answered.
enum Outcome {
    /// Close.
    Done,
    /// Keep the name until the connection ends.
    Held(Held),
    /// Send the rest of the reply, then close.
    Unsent(Bytes),
    /// Leave it to the client to close.
    Refused,
}

/// What a connection without registration still waits for.
enum Pending {
    /// The rest of the request.
    Request(Vec<u8>),
    /// Room for the rest of the reply.
    Reply(Bytes),
    /// The client's end: its name was refused, and it reads the reply when it likes.
    End,
}

/// Gives the connection a task and a place among the half open ones.
fn defer(fresh: Fresh, shared: &Arc<Shared>, talks: &mut JoinSet<()>, pending: Pending) {
    let Fresh { socket, peer } = fresh;
    let Ok(socket) = watch(socket) else {
        return;
    };
    let place = shared.enter(peer.ip());
    let seat = Seat { shared: shared.clone(), place };
    let task = talks.spawn(talk(socket, peer, seat, pending));
    shared.half_open.lock().set_handle(place, task);
}

/// A place among the half-open connections, given back when dropped.
struct Seat {
    shared: Arc<Shared>,
    place: Place,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shared.half_open.lock().leave(self.place);
    }
}

/// Its deadline is kept by [`sweep`](super::sweep), which aborts the task: a timer here would cost more than the answer.
async fn talk(socket: AsyncFd<StdStream>, peer: SocketAddr, seat: Seat, pending: Pending) {
    let outcome = match pending {
        Pending::Reply(rest) => Outcome::Unsent(rest),
        Pending::End => Outcome::Refused,
        Pending::Request(received) => match read_request(&socket, received).await {
            Some(request) => seat.shared.respond(&request[2..], socket.get_ref(), peer),
            None => Outcome::Done,
        },
    };
    match outcome {
        Outcome::Done => {}
        Outcome::Held(held) => {
            drop(seat);
            hold(socket, held).await;
        }
        Outcome::Unsent(rest) => {
            if let Ok(mut socket) = TcpStream::from_std(socket.into_inner()) {
                let _ = socket.write_all(&rest).await;
            }
        }
        Outcome::Refused => {
            seat.shared.half_open.lock().keep(seat.place);
            wait_for_end(&socket).await;
        }
    }
}

/// Reads until one whole request is here, length included; `None` when none will come.
async fn read_request(socket: &AsyncFd<StdStream>, mut received: Vec<u8>) -> Option<Vec<u8>> {
    loop {
        match split_request(&received) {
            Framed::Body(_) => return Some(received),
            Framed::Garbage => return None,
            Framed::Incomplete => {}
        }
        let mut ready = socket.readable().await.ok()?;
        // `split_request` finds garbage before this grows beyond the longest request.
        if let Ok(size) = ready.try_io(|socket| append(socket.get_ref(), &mut received)) {
            if size.ok()? == 0 {
                return None;
            }
        }
    }
}

fn append(mut socket: &StdStream, received: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = [0; MAX_RECEIVED];
    let size = socket.read(&mut piece)?;
    received.extend_from_slice(&piece[..size]);
    Ok(size)
}

/// Keeps the name until its connection ends or says anything more.
async fn hold(socket: AsyncFd<StdStream>, held: Held) {
    let socket = HangUp::new(socket);
    wait_for_end(&socket).await;
    // In this order, so that whoever sees the connection closed finds the name free.
    drop(held);
    drop(socket);
}

async fn wait_for_end(socket: &AsyncFd<StdStream>) {
    loop {
        let Ok(mut ready) = socket.readable().await else {
            return;
        };
        if ready.try_io(|socket| socket.get_ref().read(&mut [0; 1])).is_ok() {
            return;
        }
    }
}

/// Asks the runtime for readability alone: a fresh socket is writable, and to hear so would wake its task for nothing.
fn watch(socket: StdStream) -> io::Result<AsyncFd<StdStream>> {
    // Deprecated because a type's `AsRawFd` might lie; that of a std stream does not. Its successor is `unsafe`.
    #[allow(deprecated)]
    AsyncFd::with_interest(socket, Interest::READABLE)
}

/// Tells the kernel that the end of the stream follows at once, so that both travel in one segment.
#[cfg(target_os = "linux")]
const LAST: i32 = libc::MSG_MORE;
#[cfg(not(target_os = "linux"))]
const LAST: i32 = 0;

/// A peer that is gone is an error and not a signal to the host program.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
/// Elsewhere the standard library forbids the signal for the whole socket.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const NO_SIGNAL: i32 = 0;

/// Writes what goes without waiting. Returns the rest, or `None` when nothing is left to write or nobody to read it.
fn write_now(socket: &StdStream, mut reply: Bytes, flags: i32) -> Option<Bytes> {
    match SockRef::from(socket).send_with_flags(&reply, flags | NO_SIGNAL) {
        Ok(size) if size >= reply.len() => None,
        Ok(size) => Some(reply.split_off(size)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Some(reply),
        Err(_) => None,
    }
}

impl Shared {
    /// Answers a request and sends what can be sent at once.
    fn respond(self: &Arc<Self>, body: &[u8], socket: &StdStream, peer: SocketAddr) -> Outcome {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as u32);
        let is_local = || {
            let peer = peer.ip().to_canonical();
            peer.is_loopback() || socket.local_addr().is_ok_and(|ours| ours.ip().to_canonical() == peer)
        };
        let answer = self.server.lock().answer(body, is_local, now, socket.as_raw_fd());
        match answer {
            Answer::Close => Outcome::Done,
            Answer::Reply(reply) => match write_now(socket, reply, LAST) {
                Some(rest) => Outcome::Unsent(rest),
                None => Outcome::Done,
            },
            Answer::Registered(reply, token) => {
                let held = Held { shared: self.clone(), token };
                // A fresh connection has room for six bytes; one that has not is not worth a name.
                match write_now(socket, reply, 0) {
                    Some(_) => Outcome::Done,
                    None => Outcome::Held(held),
                }
            }
            Answer::Refused(reply) => match write_now(socket, reply, 0) {
                Some(_) => Outcome::Done,
                None => Outcome::Refused,
            },
        }
    }
}
