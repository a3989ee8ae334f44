//! Talking to epmd: where a node listens, and making our own node known. Blocking, one connection per question.

use super::abi::{ei_cnode, EI_SCLBK_INF_TMO};
use super::errno;
use super::node::ei_thisalivename;
use super::socket::{Channel, Deadline, Errno, Piece};
use super::trace::{say, CONN, ERR};
use std::ffi::{c_char, c_int, c_uint, c_void, CStr};

/// Where epmd listens unless ERL_EPMD_PORT says otherwise.
const DEFAULT_PORT: u16 = 4369;
/// The longest name that a request has room for.
const MAX_NAME: usize = 508;

const ALIVE2_REQ: u8 = 120;
const ALIVE2_RESP: u8 = 121;
const ALIVE2_X_RESP: u8 = 118;
const PORT2_REQ: u8 = 122;
const PORT2_RESP: u8 = 119;
const STOP_REQ: u8 = 115;
/// What this library has always registered: a hidden node of the kind that epmd keeps no account of.
const HIDDEN_NODE: u8 = b'h';
/// The only version of the handshake that is spoken.
const VERSION: u16 = 6;

/// An open question.
struct Epmd {
    channel: Channel,
    fd: c_int,
    deadline: Deadline,
}

fn port() -> u16 {
    let given = std::env::var("ERL_EPMD_PORT").ok();
    given.map_or(DEFAULT_PORT, |text| text.trim().parse().unwrap_or(0))
}

/// An address for the socket layer.
pub(super) fn socket_address(address: [u8; 4], port: u16) -> libc::sockaddr_in {
    // SAFETY: zeros are a valid address.
    let mut full: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    full.sin_family = libc::AF_INET as libc::sa_family_t;
    full.sin_port = port.to_be();
    full.sin_addr.s_addr = u32::from_ne_bytes(address);
    full
}

impl Epmd {
    /// Connects to the epmd of a host, of this one when no address is given.
    fn connect(address: Option<[u8; 4]>, ms: c_uint) -> Result<Self, Errno> {
        let deadline = Deadline::after(ms);
        // SAFETY: the library's own callbacks want no context.
        let channel = unsafe { Channel::open(Channel::of_fd(-1).cbs, std::ptr::null_mut())? };
        let fd = channel.fd()?;
        let mut address = socket_address(address.unwrap_or([127, 0, 0, 1]), port());
        let len = size_of::<libc::sockaddr_in>() as c_int;
        let place = (&raw mut address).cast::<c_void>();
        // SAFETY: the address is our own.
        if let Err(error) = unsafe { channel.connect(place, len, deadline) } {
            // The first error is the one to tell.
            let _ = channel.close();
            return Err(error);
        }
        Ok(Self { channel, fd, deadline })
    }

    /// Sends `Len:16 Request`.
    fn ask(&self, request: &[u8]) -> Result<(), Errno> {
        let mut packet = (request.len() as u16).to_be_bytes().to_vec();
        packet.extend_from_slice(request);
        let piece = Piece::new(packet.as_ptr(), packet.len());
        // SAFETY: the packet outlives the call.
        let written = unsafe { self.channel.write([piece, Piece::EMPTY], self.deadline) };
        written.map_err(|error| if error == libc::ETIMEDOUT { error } else { libc::EIO })
    }

    fn read<const N: usize>(&self) -> Result<[u8; N], Errno> {
        let mut answer = [0; N];
        // SAFETY: the array has N bytes.
        match unsafe { self.channel.read(answer.as_mut_ptr(), N, self.deadline, false) } {
            Ok(got) if got == N => Ok(answer),
            Err(libc::ETIMEDOUT) => Err(libc::ETIMEDOUT),
            _ => Err(libc::EIO),
        }
    }

    /// Closes it, and passes on how it went.
    fn end<T>(self, result: Result<T, Errno>) -> Result<T, Errno> {
        // The answer is what counts.
        let _ = self.channel.close();
        result
    }
}

/// The result for C: -1 and `erl_errno`.
fn told(result: Result<c_int, Errno>) -> c_int {
    match result {
        Ok(value) => value,
        Err(error) => {
            errno::set(error);
            -1
        }
    }
}

/// The port of a node, by its alive name.
pub(super) fn lookup(address: [u8; 4], alive: &[u8], ms: c_uint) -> Result<(c_int, c_int), Errno> {
    if alive.len() > MAX_NAME {
        return Err(libc::ERANGE);
    }
    let request = [&[PORT2_REQ], alive].concat();
    let epmd = Epmd::connect(Some(address), ms)?;
    let answer = epmd.ask(&request).and_then(|()| {
        let [kind, result] = epmd.read()?;
        if kind != PORT2_RESP || result != 0 {
            say(ERR, c"ei_epmd_port", || format!("epmd answered {kind} {result}"));
            return Err(libc::EIO);
        }
        epmd.read::<8>()
    });
    let [p1, p0, _kind, protocol, h1, h0, l1, l0] = epmd.end(answer)?;
    let (port, high, low) =
        (u16::from_be_bytes([p1, p0]), u16::from_be_bytes([h1, h0]), u16::from_be_bytes([l1, l0]));
    say(CONN, c"ei_epmd_port", || format!("port {port}, versions {low} to {high}"));
    if protocol != 0 || low > VERSION || high < VERSION {
        return Err(libc::EIO);
    }
    Ok((c_int::from(port), c_int::from(high.min(VERSION))))
}

/// Makes an alive name known. The descriptor must stay open: epmd forgets the name when it closes.
fn publish(port: c_int, alive: &[u8], ms: c_uint) -> Result<c_int, Unpublished> {
    if alive.len() > MAX_NAME - 12 {
        return Err(Unpublished::Other(libc::ERANGE));
    }
    let mut request = vec![ALIVE2_REQ];
    request.extend_from_slice(&(port as u16).to_be_bytes());
    request.extend_from_slice(&[HIDDEN_NODE, 0]);
    request.extend_from_slice(&VERSION.to_be_bytes());
    request.extend_from_slice(&VERSION.to_be_bytes());
    request.extend_from_slice(&(alive.len() as u16).to_be_bytes());
    request.extend_from_slice(alive);
    request.extend_from_slice(&[0, 0]);
    let epmd = Epmd::connect(None, ms).map_err(Unpublished::Other)?;
    if let Err(error) = epmd.ask(&request) {
        return epmd.end(Err(error)).map_err(Unpublished::Other);
    }
    match epmd.read::<4>() {
        Ok([ALIVE2_RESP, 0, ..]) => Ok(epmd.fd),
        Ok([ALIVE2_X_RESP, 0, ..]) => {
            // The creation's other half: a program that polls the descriptor waits for its end, not for these.
            let mut rest = [0u8; 2];
            // SAFETY: the array has two bytes; whether they come makes no difference.
            unsafe { libc::recv(epmd.fd, rest.as_mut_ptr().cast(), rest.len(), libc::MSG_DONTWAIT) };
            Ok(epmd.fd)
        }
        Ok(_) => epmd.end(Err(libc::EIO)).map_err(Unpublished::Other),
        Err(error) => epmd.end(Err(error)).map_err(Unpublished::Silent),
    }
}

/// Why a name is not known at epmd.
enum Unpublished {
    /// It was reached but gave no answer.
    Silent(Errno),
    /// Everything else.
    Other(Errno),
}

/// What `ei_publish` returns for the first of the two.
const NO_ANSWER: c_int = -2;

/// Asks epmd to drop a name, which most epmds refuse.
fn unpublish(alive: &[u8], ms: c_uint) -> Result<c_int, Errno> {
    if alive.len() > MAX_NAME {
        return Err(libc::ERANGE);
    }
    let epmd = Epmd::connect(None, ms)?;
    let request = [&[STOP_REQ], alive].concat();
    let answer = epmd.ask(&request).and_then(|()| epmd.read::<7>());
    match epmd.end(answer)? {
        answer if &answer == b"STOPPED" => Ok(0),
        _ => Err(libc::EIO),
    }
}

unsafe fn name<'a>(alive: *const c_char) -> &'a [u8] {
    // SAFETY: the caller's text is NUL-terminated.
    unsafe { CStr::from_ptr(alive).to_bytes() }
}

unsafe fn address(place: *const libc::in_addr) -> Option<[u8; 4]> {
    if place.is_null() {
        return None;
    }
    // SAFETY: the caller's address.
    Some(unsafe { (*place).s_addr }.to_ne_bytes())
}

/// A connection to the epmd of an address; of this host when it is null.
///
/// # Safety
/// `inaddr` is null or valid.
#[no_mangle]
pub unsafe extern "C" fn ei_epmd_connect_tmo(inaddr: *mut libc::in_addr, ms: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    told(Epmd::connect(unsafe { address(inaddr) }, ms).map(|epmd| epmd.fd))
}

/// # Safety
/// `addr` and `dist` are valid, `alive` is NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_epmd_port(
    addr: *mut libc::in_addr,
    alive: *const c_char,
    dist: *mut c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_epmd_port_tmo(addr, alive, dist, 0) }
}

/// The port of a node; `*dist` becomes the version that both speak.
///
/// # Safety
/// `addr` and `dist` are valid, `alive` is NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_epmd_port_tmo(
    addr: *mut libc::in_addr,
    alive: *const c_char,
    dist: *mut c_int,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let address = address(addr).unwrap_or([127, 0, 0, 1]);
        told(lookup(address, name(alive), ms).map(|(port, version)| {
            *dist = version;
            port
        }))
    }
}

/// # Safety
/// `alive` is NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_epmd_publish(port: c_int, alive: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_epmd_publish_tmo(port, alive, 0) }
}

/// # Safety
/// `alive` is NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_epmd_publish_tmo(port: c_int, alive: *const c_char, ms: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    match publish(port, unsafe { name(alive) }, ms) {
        Err(Unpublished::Silent(error)) => {
            told(Err(error));
            NO_ANSWER
        }
        Err(Unpublished::Other(error)) => told(Err(error)),
        Ok(fd) => fd,
    }
}

/// Makes the node known at epmd; keep the descriptor open, close it to be forgotten.
///
/// # Safety
/// `ec` is valid.
#[no_mangle]
pub unsafe extern "C" fn ei_publish(ec: *mut ei_cnode, port: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_epmd_publish_tmo(port, ei_thisalivename(ec), 0) }
}

/// # Safety
/// `ec` is valid.
#[no_mangle]
pub unsafe extern "C" fn ei_publish_tmo(ec: *mut ei_cnode, port: c_int, ms: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_epmd_publish_tmo(port, ei_thisalivename(ec), ms) }
}

/// # Safety
/// `ec` is valid.
#[no_mangle]
pub unsafe extern "C" fn ei_unpublish(ec: *mut ei_cnode) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_unpublish_tmo(ei_thisalivename(ec), 0) }
}

/// # Safety
/// `alive` is NUL-terminated.
#[no_mangle]
pub unsafe extern "C" fn ei_unpublish_tmo(alive: *const c_char, ms: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    told(unpublish(unsafe { name(alive) }, ms))
}

/// Milliseconds of a `_tmo` function for a call of another.
pub(super) fn passed_on(deadline: Deadline) -> Result<c_uint, Errno> {
    match deadline.left() {
        EI_SCLBK_INF_TMO => Ok(0),
        0 => Err(libc::ETIMEDOUT),
        ms => Ok(ms),
    }
}
