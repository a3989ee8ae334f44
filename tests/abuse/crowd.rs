//! Many sockets: from any loopback address, and room for them in this process.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

/// A connection from this address to the port on loopback.
pub fn from(address: [u8; 4], port: u16) -> Option<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
    socket.bind(&SocketAddr::from((Ipv4Addr::from(address), 0)).into()).ok()?;
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()).ok()?;
    socket.set_tcp_nodelay(true).ok()?;
    Some(socket.into())
}

/// Lets this process have so many descriptors.
pub fn room_for(descriptors: usize) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a structure of our own is filled in and handed back.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_cur.max(descriptors as libc::rlim_t).min(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
    assert!(limit.rlim_cur as usize >= descriptors, "the system allows {} descriptors", limit.rlim_cur);
}
