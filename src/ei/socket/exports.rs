//! The socket layer's functions under the names the library exports: with callbacks (`_ctx`) and for descriptors.
//! Each returns 0 or an error number; milliseconds as in the callbacks.

use super::super::abi::ei_socket_callbacks;
use super::{Channel, Deadline, Errno, Piece};
use std::ffi::{c_char, c_int, c_uint, c_void};
use std::sync::atomic::AtomicI32;

/// 1 once a node was made with callbacks of the program's own; from then on only known descriptors are served.
#[no_mangle]
pub static ei_plugin_socket_impl__: AtomicI32 = AtomicI32::new(0);

fn number<T>(result: Result<T, Errno>) -> c_int {
    result.err().unwrap_or(0)
}

/// # Safety
/// `cbs` and `ctx` are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_socket_ctx__(
    cbs: *mut ei_socket_callbacks,
    ctx: *mut *mut c_void,
    setup: *mut c_void,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { number(Channel::open(cbs, setup).map(|channel| *ctx = channel.ctx)) }
}

/// # Safety
/// `cbs` is valid, and `ctx` one of its contexts.
#[no_mangle]
pub unsafe extern "C" fn ei_close_ctx__(cbs: *mut ei_socket_callbacks, ctx: *mut c_void) -> c_int {
    number(Channel { cbs, ctx }.close())
}

/// # Safety
/// `cbs` is valid, `ctx` one of its contexts, and `adr` an address of `*len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_listen_ctx__(
    cbs: *mut ei_socket_callbacks,
    ctx: *mut c_void,
    adr: *mut c_void,
    len: *mut c_int,
    backlog: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let Some(listen) = (*cbs).listen else {
            return libc::ENOTSUP;
        };
        loop {
            match listen(ctx, adr, len, backlog) {
                libc::EINTR => {}
                error => return error,
            }
        }
    }
}

/// # Safety
/// `cbs` is valid, `*ctx` one of its contexts, and `addr` has `*len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_accept_ctx_t__(
    cbs: *mut ei_socket_callbacks,
    ctx: *mut *mut c_void,
    addr: *mut c_void,
    len: *mut c_int,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let listener = Channel { cbs, ctx: *ctx };
        let caller = listener.accept(addr, len, Deadline::within(ms));
        number(caller.map(|caller| *ctx = caller.ctx))
    }
}

/// # Safety
/// `cbs` is valid, `ctx` one of its contexts, and `addr` an address of `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_connect_ctx_t__(
    cbs: *mut ei_socket_callbacks,
    ctx: *mut c_void,
    addr: *mut c_void,
    len: c_int,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    number(unsafe { Channel { cbs, ctx }.connect(addr, len, Deadline::within(ms)) })
}

/// Fills the buffer; `*len` becomes what was read, less only at the end of the stream.
///
/// # Safety
/// `cbs` is valid, `ctx` one of its contexts, and `buf` has `*len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_read_fill_ctx_t__(
    cbs: *mut ei_socket_callbacks,
    ctx: *mut c_void,
    buf: *mut c_char,
    len: *mut isize,
    ms: c_uint,
) -> c_int {
    let channel = Channel { cbs, ctx };
    // SAFETY: the caller's promise.
    unsafe {
        let want = (*len).max(0) as usize;
        let got = channel.read(buf.cast(), want, Deadline::within(ms), false);
        number(got.map(|got| *len = got as isize))
    }
}

/// # Safety
/// As `ei_read_fill_ctx_t__`.
#[no_mangle]
pub unsafe extern "C" fn ei_read_fill_ctx__(
    cbs: *mut ei_socket_callbacks,
    ctx: *mut c_void,
    buf: *mut c_char,
    len: *mut isize,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_read_fill_ctx_t__(cbs, ctx, buf, len, 0) }
}

/// Writes the whole buffer; `*len` becomes what was written.
///
/// # Safety
/// `cbs` is valid, `ctx` one of its contexts, and `buf` has `*len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_write_fill_ctx_t__(
    cbs: *mut ei_socket_callbacks,
    ctx: *mut c_void,
    buf: *const c_char,
    len: *mut isize,
    ms: c_uint,
) -> c_int {
    let channel = Channel { cbs, ctx };
    // SAFETY: the caller's promise.
    unsafe {
        let piece = Piece::new(buf.cast(), (*len).max(0) as usize);
        match channel.write_pieces([piece, Piece::EMPTY], Deadline::within(ms)) {
            Ok(()) => 0,
            Err((error, done)) => {
                *len = done as isize;
                error
            }
        }
    }
}

/// # Safety
/// As `ei_write_fill_ctx_t__`.
#[no_mangle]
pub unsafe extern "C" fn ei_write_fill_ctx__(
    cbs: *mut ei_socket_callbacks,
    ctx: *mut c_void,
    buf: *const c_char,
    len: *mut isize,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_write_fill_ctx_t__(cbs, ctx, buf, len, 0) }
}

/// Writes all pieces; `*len` becomes what was written.
///
/// # Safety
/// `cbs` is valid, `ctx` one of its contexts, and `iov` has `iovcnt` readable pieces.
#[no_mangle]
pub unsafe extern "C" fn ei_writev_fill_ctx_t__(
    cbs: *mut ei_socket_callbacks,
    ctx: *mut c_void,
    iov: *const libc::iovec,
    iovcnt: c_int,
    len: *mut isize,
    ms: c_uint,
) -> c_int {
    let channel = Channel { cbs, ctx };
    let deadline = Deadline::within(ms);
    let mut written = 0;
    // SAFETY: the caller's promise.
    unsafe {
        if (*cbs).writev.is_none() {
            return libc::ENOTSUP;
        }
        let piece = |i: c_int| {
            if i >= iovcnt {
                return Piece::EMPTY;
            }
            let piece = &*iov.offset(i as isize);
            Piece::new(piece.iov_base.cast(), piece.iov_len)
        };
        for i in (0..iovcnt).step_by(2) {
            let pair = [piece(i), piece(i + 1)];
            if let Err((error, done)) = channel.write_pieces(pair, deadline) {
                *len = (written + done) as isize;
                return error;
            }
            written += pair[0].len + pair[1].len;
        }
        *len = written as isize;
    }
    0
}

/// # Safety
/// `cbs` is valid.
#[no_mangle]
pub unsafe extern "C" fn ei_socket_callbacks_have_writev__(cbs: *mut ei_socket_callbacks) -> c_int {
    // SAFETY: the caller's promise.
    c_int::from(unsafe { (*cbs).writev.is_some() })
}

/// # Safety
/// `fd` is valid.
#[no_mangle]
pub unsafe extern "C" fn ei_socket__(fd: *mut c_int) -> c_int {
    // SAFETY: the library's own callbacks want no context.
    let opened = unsafe { Channel::open(Channel::of_fd(-1).cbs, std::ptr::null_mut()) };
    // SAFETY: the caller's promise.
    number(opened.and_then(|channel| channel.fd()).map(|number| unsafe { *fd = number }))
}

/// Closes a descriptor.
#[no_mangle]
pub extern "C" fn ei_close__(fd: c_int) -> c_int {
    number(Channel::of_fd(fd).close())
}

/// # Safety
/// `adr` is an address of `*len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_listen__(fd: c_int, adr: *mut c_void, len: *mut c_int, backlog: c_int) -> c_int {
    let channel = Channel::of_fd(fd);
    // SAFETY: the caller's promise.
    unsafe { ei_listen_ctx__(channel.cbs, channel.ctx, adr, len, backlog) }
}

/// # Safety
/// `fd` and `len` are valid, and `addr` has `*len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_accept_t__(
    fd: *mut c_int,
    addr: *mut c_void,
    len: *mut c_int,
    ms: c_uint,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let caller = Channel::of_fd(*fd).accept(addr, len, Deadline::within(ms));
        number(caller.and_then(|caller| caller.fd()).map(|number| *fd = number))
    }
}

/// # Safety
/// `addr` is an address of `len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_connect_t__(fd: c_int, addr: *mut c_void, len: c_int, ms: c_uint) -> c_int {
    // SAFETY: the caller's promise.
    number(unsafe { Channel::of_fd(fd).connect(addr, len, Deadline::within(ms)) })
}

/// # Safety
/// `buf` has `*len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_read_fill_t__(fd: c_int, buf: *mut c_char, len: *mut isize, ms: c_uint) -> c_int {
    let channel = Channel::of_fd(fd);
    // SAFETY: the caller's promise.
    unsafe { ei_read_fill_ctx_t__(channel.cbs, channel.ctx, buf, len, ms) }
}

/// # Safety
/// `buf` has `*len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_read_fill__(fd: c_int, buf: *mut c_char, len: *mut isize) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_read_fill_t__(fd, buf, len, 0) }
}

/// # Safety
/// `buf` has `*len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_write_fill_t__(
    fd: c_int,
    buf: *const c_char,
    len: *mut isize,
    ms: c_uint,
) -> c_int {
    let channel = Channel::of_fd(fd);
    // SAFETY: the caller's promise.
    unsafe { ei_write_fill_ctx_t__(channel.cbs, channel.ctx, buf, len, ms) }
}

/// # Safety
/// `buf` has `*len` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_write_fill__(fd: c_int, buf: *const c_char, len: *mut isize) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { ei_write_fill_t__(fd, buf, len, 0) }
}

/// # Safety
/// `iov` has `iovcnt` readable pieces.
#[no_mangle]
pub unsafe extern "C" fn ei_writev_fill_t__(
    fd: c_int,
    iov: *const libc::iovec,
    iovcnt: c_int,
    len: *mut isize,
    ms: c_uint,
) -> c_int {
    let channel = Channel::of_fd(fd);
    // SAFETY: the caller's promise.
    unsafe { ei_writev_fill_ctx_t__(channel.cbs, channel.ctx, iov, iovcnt, len, ms) }
}
