//! Listening sockets of the embedded epmd, and the loop that accepts.

use super::talk::{greet, wait_for_request, Fresh};
use super::Shared;
use crate::net::hang_up::HangUp;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Connections waiting to be accepted; the kernel lowers it to its own limit.
const BACKLOG: i32 = 1024;
/// Connections accepted before other tasks of the runtime get their turn.
const BATCH: usize = 32;
/// Pause after running out of descriptors: long enough not to spin, short enough for a waiting client.
const EXHAUSTED: Duration = Duration::from_millis(50);
/// How often to try an address that could not be bound: it may belong to an interface that is not up yet.
const REBIND: Duration = Duration::from_secs(2);

/// Binds and listens. Of two processes that try at once, `listen` lets one through, whatever `SO_REUSEADDR` allowed before.
pub(super) fn bind(address: SocketAddr) -> io::Result<AsyncFd<TcpListener>> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // The server closes first, so that its port is full of TIME_WAIT when another process takes over.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    // Deprecated because a type's `AsRawFd` might lie; that of a std listener does not. Its successor is `unsafe`.
    #[allow(deprecated)]
    AsyncFd::new(socket.into())
}

pub(super) fn address(listener: &AsyncFd<TcpListener>) -> io::Result<SocketAddr> {
    listener.get_ref().local_addr()
}

/// Serves an address as soon as it can be bound.
pub(super) async fn bind_and_serve(address: SocketAddr, shared: Arc<Shared>) {
    loop {
        sleep(REBIND).await;
        if let Ok(listener) = bind(address) {
            return serve(listener, shared).await;
        }
    }
}

/// Accepts for ever; the connections end with it.
pub(super) async fn serve(listener: AsyncFd<TcpListener>, shared: Arc<Shared>) {
    let listener = HangUp::new(listener);
    let mut talks = JoinSet::new();
    let mut silent = Vec::with_capacity(BATCH);
    loop {
        while talks.try_join_next().is_some() {}
        let exhausted = accept_batch(&listener, &shared, &mut talks, &mut silent).await;
        // Clients ask microseconds after they connect: one more look costs less than a task.
        silent = silent.drain(..).filter_map(|fresh| greet(fresh, &shared, &mut talks)).collect();
        for fresh in silent.drain(..) {
            wait_for_request(fresh, &shared, &mut talks);
        }
        if exhausted {
            let victim = shared.half_open.lock().evict();
            if let Some(victim) = victim {
                victim.abort();
            }
            sleep(EXHAUSTED).await;
        }
    }
}

/// Waits for connections and greets each as soon as it is accepted; those with nothing to say yet go to `silent`. True
/// when the process has no descriptor or memory left for another connection.
async fn accept_batch(
    listener: &AsyncFd<TcpListener>,
    shared: &Arc<Shared>,
    talks: &mut JoinSet<()>,
    silent: &mut Vec<Fresh>,
) -> bool {
    let Ok(mut ready) = listener.readable().await else {
        return true;
    };
    for _ in 0..BATCH {
        match ready.try_io(|listener| listener.get_ref().accept()) {
            Ok(Ok(accepted)) => {
                silent.extend(Fresh::new(accepted).and_then(|fresh| greet(fresh, shared, talks)));
            }
            Ok(Err(error)) if concerns_one_connection(&error) => {}
            Ok(Err(_)) => return true,
            Err(_would_block) => return false,
        }
    }
    drop(ready);
    tokio::task::yield_now().await;
    false
}

/// True when the next `accept` may well succeed. Linux reports errors of the new connection here.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkUnreachable,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | HostUnreachable | NetworkUnreachable
    )
}
