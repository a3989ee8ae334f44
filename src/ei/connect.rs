//! Making connections: calling by name or address, listening, being called, closing.

use super::abi::*;
use super::epmd::{self, socket_address};
use super::handshake;
use super::node::put_text;
use super::resolve::address_of;
use super::socket::{Channel, Deadline, Errno};
use super::trace::{say, CONN, ERR};
use super::{errno, table};
use std::ffi::{c_char, c_int, c_uint, c_void, CStr};
use std::mem::offset_of;

const NAME: &CStr = c"ei_connect";
/// Only version 6 of the handshake is spoken.
const VERSION: c_int = 6;
const ADDRESS_SIZE: c_int = size_of::<libc::sockaddr_in>() as c_int;

/// A failed call: what to return, and the error number.
struct Failed(c_int, Errno);

impl Failed {
    /// In a conversation with the other side.
    fn talking(error: Errno) -> Self {
        let coarse = if error == libc::ETIMEDOUT { error } else { libc::EIO };
        Self(ERL_ERROR, coarse)
    }
}

fn told(result: Result<c_int, Failed>) -> c_int {
    match result {
        Ok(fd) => {
            errno::set(0);
            fd
        }
        Err(Failed(code, error)) => {
            say(ERR, NAME, || format!("failed: {error}"));
            errno::set(error);
            code
        }
    }
}

/// Calls a node at an address.
unsafe fn call(
    ec: *mut ei_cnode,
    address: [u8; 4],
    port: c_int,
    deadline: Deadline,
) -> Result<c_int, Failed> {
    say(CONN, NAME, || format!("calling port {port}"));
    // SAFETY: the C caller's node is valid.
    let opened = unsafe { Channel::open((*ec).cbs, (*ec).setup_context) };
    let channel = opened.map_err(|error| Failed(ERL_CONNECT_FAIL, error))?;
    let mut address = socket_address(address, port as u16);
    let place = (&raw mut address).cast::<c_void>();
    // SAFETY: the address is our own; the node is the caller's.
    let result = unsafe {
        match channel.connect(place, ADDRESS_SIZE, deadline) {
            Err(error) => Err(Failed(ERL_CONNECT_FAIL, error)),
            Ok(()) => called(channel, ec, deadline).map_err(Failed::talking),
        }
    };
    if result.is_err() {
        // The first error is the one to tell.
        let _ = channel.close();
    }
    result
}

/// The handshake on a connected socket.
unsafe fn called(channel: Channel, ec: *mut ei_cnode, deadline: Deadline) -> Result<c_int, Errno> {
    let fd = channel.fd()?;
    // SAFETY: the C caller's node is valid.
    unsafe {
        handshake::initiate(channel, ec, deadline)?;
        complete(channel, (*channel.cbs).connect_handshake_complete)?;
        if !table::put(fd, channel, VERSION, ec) {
            return Err(libc::EIO);
        }
    }
    Ok(fd)
}

/// Tells the callbacks that the handshake is over.
unsafe fn complete(
    channel: Channel,
    callback: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
) -> Result<(), Errno> {
    match callback {
        // SAFETY: the callback with its own context.
        Some(callback) => match unsafe { callback(channel.ctx) } {
            0 => Ok(()),
            error => Err(error),
        },
        None => Ok(()),
    }
}

/// Connects to `alive@host`.
///
/// # Safety
/// `ec` is valid and `nodename` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_connect(ec: *mut ei_cnode, nodename: *mut c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_connect_tmo(ec, nodename, 0) }
}

/// Connects to `alive@host`. The milliseconds are for all of it: epmd, the connection, the handshake.
///
/// # Safety
/// `ec` is valid and `nodename` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_connect_tmo(ec: *mut ei_cnode, nodename: *mut c_char, ms: c_uint) -> c_int {
    // SAFETY: the caller's promise; the host ends where the name does.
    unsafe {
        let name = CStr::from_ptr(nodename).to_bytes();
        let at = name.iter().position(|&b| b == b'@');
        let Some(at) = at.filter(|_| name.len() <= MAXNODELEN) else {
            say(ERR, NAME, || "this is no node name".to_owned());
            return ERL_ERROR;
        };
        let host = CStr::from_ptr(nodename.add(at + 1));
        let Some(address) = address_of(host) else {
            return told(Err(Failed(ERL_ERROR, libc::EHOSTUNREACH)));
        };
        told(by_name(ec, address, &name[..at], ms))
    }
}

/// Asks epmd for the port, then calls.
unsafe fn by_name(ec: *mut ei_cnode, address: [u8; 4], alive: &[u8], ms: c_uint) -> Result<c_int, Failed> {
    let deadline = Deadline::after(ms);
    let port = epmd::passed_on(deadline).and_then(|ms| epmd::lookup(address, alive, ms));
    let (port, _) = port.map_err(|error| Failed(ERL_NO_PORT, error))?;
    // SAFETY: the C caller's node is valid.
    unsafe { call(ec, address, port, deadline) }
}

/// # Safety
/// `ec` is valid and `hostname` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_connect_host_port(
    ec: *mut ei_cnode,
    hostname: *mut c_char,
    port: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_connect_host_port_tmo(ec, hostname, port, 0) }
}

/// Connects to a port of a host, without asking epmd.
///
/// # Safety
/// `ec` is valid and `hostname` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_connect_host_port_tmo(
    ec: *mut ei_cnode,
    hostname: *mut c_char,
    port: c_int,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(address) = address_of(CStr::from_ptr(hostname)) else {
            return told(Err(Failed(ERL_ERROR, libc::EHOSTUNREACH)));
        };
        told(call(ec, address, port, Deadline::after(ms)))
    }
}

/// An address; null is this host, as when epmd is asked.
unsafe fn octets(adr: *const libc::in_addr) -> [u8; 4] {
    // SAFETY: the C caller's address is null or valid.
    unsafe { adr.as_ref().map_or([127, 0, 0, 1], |adr| adr.s_addr.to_ne_bytes()) }
}

/// # Safety
/// `ec` and `adr` are valid, `alivename` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_xconnect(
    ec: *mut ei_cnode,
    adr: *mut libc::in_addr,
    alivename: *mut c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_xconnect_tmo(ec, adr, alivename, 0) }
}

/// Connects to an alive name at an address.
///
/// # Safety
/// `ec` and `adr` are valid, `alivename` NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_xconnect_tmo(
    ec: *mut ei_cnode,
    adr: *mut libc::in_addr,
    alivename: *mut c_char,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let address = octets(adr);
        told(by_name(ec, address, CStr::from_ptr(alivename).to_bytes(), ms))
    }
}

/// # Safety
/// `ec` and `adr` are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_xconnect_host_port(
    ec: *mut ei_cnode,
    adr: *mut libc::in_addr,
    port: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_xconnect_host_port_tmo(ec, adr, port, 0) }
}

/// Connects to a port of an address.
///
/// # Safety
/// `ec` and `adr` are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_xconnect_host_port_tmo(
    ec: *mut ei_cnode,
    adr: *mut libc::in_addr,
    port: c_int,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { told(call(ec, (*adr).s_addr.to_ne_bytes(), port, Deadline::after(ms))) }
}

/// Listens on all addresses; `*port` 0 lets the system choose and is told the choice.
///
/// # Safety
/// `ec` and `port` are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_listen(ec: *mut ei_cnode, port: *mut c_int, backlog: c_int) -> c_int {
    let mut any = libc::in_addr { s_addr: 0 };
    // SAFETY: the caller's promise.
    unsafe { ei_xlisten(ec, &mut any, port, backlog) }
}

/// Listens on one address; address and port become what was really taken.
///
/// # Safety
/// `ec`, `adr` and `port` are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_xlisten(
    ec: *mut ei_cnode,
    adr: *mut libc::in_addr,
    port: *mut c_int,
    backlog: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let channel = match Channel::open((*ec).cbs, (*ec).setup_context) {
            Ok(channel) => channel,
            Err(error) => return told(Err(Failed(ERL_ERROR, error))),
        };
        let result = listen(ec, channel, adr, port, backlog);
        if result.is_err() {
            // The first error is the one to tell.
            let _ = channel.close();
        }
        told(result.map_err(|error| Failed(ERL_ERROR, error)))
    }
}

unsafe fn listen(
    ec: *mut ei_cnode,
    channel: Channel,
    adr: *mut libc::in_addr,
    port: *mut c_int,
    backlog: c_int,
) -> Result<c_int, Errno> {
    // SAFETY: as in `ei_xlisten`.
    unsafe {
        let mut address = socket_address((*adr).s_addr.to_ne_bytes(), *port as u16);
        let mut len = ADDRESS_SIZE;
        let place = (&raw mut address).cast::<c_void>();
        match super::socket::ei_listen_ctx__(channel.cbs, channel.ctx, place, &mut len, backlog) {
            0 => {}
            error => return Err(error),
        }
        if (len as usize) < offset_of!(libc::sockaddr_in, sin_addr) + 4 {
            return Err(libc::EIO);
        }
        *adr = address.sin_addr;
        *port = c_int::from(u16::from_be(address.sin_port));
        let fd = channel.fd()?;
        if !table::put(fd, channel, 0, ec) {
            return Err(libc::EIO);
        }
        Ok(fd)
    }
}

/// # Safety
/// `ec` is valid, `conp` null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_accept(ec: *mut ei_cnode, lfd: c_int, conp: *mut ErlConnect) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_accept_tmo(ec, lfd, conp, 0) }
}

/// Waits for a caller on a listening socket, of `ei_listen` or of the program's own making, and lets it in.
///
/// # Safety
/// `ec` is valid, `conp` null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_accept_tmo(
    ec: *mut ei_cnode,
    lfd: c_int,
    conp: *mut ErlConnect,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    told(unsafe { accept(ec, lfd, conp, Deadline::after(ms)) }.map_err(Failed::talking))
}

unsafe fn accept(
    ec: *mut ei_cnode,
    lfd: c_int,
    conp: *mut ErlConnect,
    deadline: Deadline,
) -> Result<c_int, Errno> {
    if lfd < 0 {
        return Err(libc::EBADF);
    }
    // A socket that nobody told us about is a plain one that the program made.
    let listener = table::channel(lfd).unwrap_or_else(|_| Channel::of_fd(lfd));
    // SAFETY: the C caller's node is valid.
    unsafe {
        if (*ec).cbs != listener.cbs {
            return Err(libc::EINVAL);
        }
        let mut address = socket_address([0; 4], 0);
        let mut len = ADDRESS_SIZE;
        let channel = listener.accept((&raw mut address).cast(), &mut len, deadline)?;
        let result = accepted(channel, ec, conp, address.sin_addr.s_addr.to_ne_bytes(), deadline);
        if result.is_err() {
            // The first error is the one to tell.
            let _ = channel.close();
        }
        result
    }
}

/// The handshake with a caller.
unsafe fn accepted(
    channel: Channel,
    ec: *mut ei_cnode,
    conp: *mut ErlConnect,
    address: [u8; 4],
    deadline: Deadline,
) -> Result<c_int, Errno> {
    let fd = channel.fd()?;
    // SAFETY: the C caller's pointers are valid.
    unsafe {
        handshake::accept(channel, ec, deadline, |name| {
            if !conp.is_null() {
                put_text(&raw mut (*conp).nodename, name);
            }
        })?;
        complete(channel, (*channel.cbs).accept_handshake_complete)?;
        if !table::put(fd, channel, VERSION, ec) {
            return Err(libc::EIO);
        }
        if !conp.is_null() {
            (*conp).ipadr = address.map(|byte| byte as c_char);
        }
    }
    Ok(fd)
}

/// Closes a connection or a listening socket and forgets it.
#[no_mangle]
pub extern "C" fn ei_close_connection(fd: c_int) -> c_int {
    let closed = table::channel(fd).and_then(|channel| {
        table::remove(fd);
        channel.close()
    });
    match closed {
        Ok(()) => 0,
        Err(error) => {
            errno::set(error);
            ERL_ERROR
        }
    }
}
