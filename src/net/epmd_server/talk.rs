//! One connection to the embedded epmd, from its first byte to its end.

use super::half_open::Place;
use super::{Held, Shared};
use crate::proto::epmd::{split_request, Answer, Framed, MAX_BODY};
use bytes::Bytes;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{timeout_at, Instant};

/// A longest request with its length, and one byte that shows that there is more.
const MAX_RECEIVED: usize = 2 + MAX_BODY + 1;

/// Serves a fresh connection: at once if its request is already here, else in a task of its own.
pub(super) fn greet(socket: StdStream, peer: SocketAddr, shared: &Arc<Shared>, talks: &mut JoinSet<()>) {
    if socket.set_nonblocking(true).is_err() {
        return;
    }
    let mut received = [0; MAX_RECEIVED];
    let size = match (&socket).read(&mut received) {
        Ok(0) => return,
        Ok(size) => size,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(_) => return,
    };
    let answer = match split_request(&received[..size]) {
        Framed::Garbage => return,
        Framed::Incomplete => {
            return defer(socket, peer, shared, talks, Pending::Request(received[..size].into()))
        }
        Framed::Body(body) => shared.answer(body, &socket, peer),
    };
    match answer {
        Answer::Close => {}
        Answer::Reply(reply) => {
            if let Some(rest) = write_now(&socket, reply) {
                defer(socket, peer, shared, talks, Pending::Reply(rest));
            }
        }
        Answer::Registered(reply, token) => {
            let held = Held { shared: shared.clone(), token };
            // A fresh connection has room for six bytes; one that has not is gone.
            if write_now(&socket, reply).is_none() {
                if let Ok(socket) = TcpStream::from_std(socket) {
                    talks.spawn(hold(socket, held));
                }
            }
        }
        Answer::Refused(reply) => {
            if write_now(&socket, reply).is_none() {
                defer(socket, peer, shared, talks, Pending::End);
            }
        }
    }
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
fn defer(
    socket: StdStream,
    peer: SocketAddr,
    shared: &Arc<Shared>,
    talks: &mut JoinSet<()>,
    pending: Pending,
) {
    let Ok(socket) = TcpStream::from_std(socket) else {
        return;
    };
    let (place, evicted) = shared.half_open.lock().enter(peer.ip());
    if let Some(evicted) = evicted {
        evicted.abort();
    }
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

async fn talk(mut socket: TcpStream, peer: SocketAddr, seat: Seat, pending: Pending) {
    let deadline = Instant::now() + seat.shared.limits.idle;
    let shared = seat.shared.clone();
    let answer = match pending {
        Pending::End => return wait_for_end(&socket).await,
        Pending::Reply(rest) => Answer::Reply(rest),
        Pending::Request(received) => {
            let reading = read_request(&mut socket, received);
            match timeout_at(deadline, reading).await {
                Ok(Some(request)) => shared.answer(&request[2..], &socket, peer),
                Ok(None) | Err(_) => return,
            }
        }
    };
    match answer {
        Answer::Close => {}
        Answer::Reply(reply) => {
            let _ = timeout_at(deadline, socket.write_all(&reply)).await;
        }
        Answer::Registered(reply, token) => {
            let held = Held { shared, token };
            if let Ok(Ok(())) = timeout_at(deadline, socket.write_all(&reply)).await {
                drop(seat);
                hold(socket, held).await;
            }
        }
        Answer::Refused(reply) => {
            if let Ok(Ok(())) = timeout_at(deadline, socket.write_all(&reply)).await {
                wait_for_end(&socket).await;
            }
        }
    }
}

/// Reads until one whole request is here, length included; `None` when none will come.
async fn read_request(socket: &mut TcpStream, mut received: Vec<u8>) -> Option<Vec<u8>> {
    loop {
        match split_request(&received) {
            Framed::Body(_) => return Some(received),
            Framed::Garbage => return None,
            Framed::Incomplete => {}
        }
        // `split_request` finds garbage before this grows beyond the longest request.
        if socket.read_buf(&mut received).await.ok()? == 0 {
            return None;
        }
    }
}

/// Keeps the name until its connection ends or says anything more.
async fn hold(socket: TcpStream, held: Held) {
    wait_for_end(&socket).await;
    // In this order, so that whoever sees the connection closed finds the name free.
    drop(held);
    drop(socket);
}

async fn wait_for_end(socket: &TcpStream) {
    loop {
        if socket.readable().await.is_err() {
            return;
        }
        match socket.try_read(&mut [0; 1]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}

/// Writes what goes without waiting. Returns the rest, or `None` when nothing is left to write or nobody to read it.
fn write_now(mut socket: &StdStream, mut reply: Bytes) -> Option<Bytes> {
    match socket.write(&reply) {
        Ok(size) if size >= reply.len() => None,
        Ok(size) => Some(reply.split_off(size)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Some(reply),
        Err(_) => None,
    }
}

impl Shared {
    fn answer(&self, body: &[u8], socket: &impl Local, peer: SocketAddr) -> Answer {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as u32);
        let is_local = || peer.ip().to_canonical().is_loopback() || socket.local_ip() == Some(peer.ip());
        self.server.lock().answer(body, is_local, now, socket.as_raw_fd())
    }
}

/// The two kinds of stream, as far as an answer depends on them.
trait Local: AsRawFd {
    fn local_ip(&self) -> Option<std::net::IpAddr>;
}

impl Local for StdStream {
    fn local_ip(&self) -> Option<std::net::IpAddr> {
        self.local_addr().ok().map(|address| address.ip())
    }
}

impl Local for TcpStream {
    fn local_ip(&self) -> Option<std::net::IpAddr> {
        self.local_addr().ok().map(|address| address.ip())
    }
}
