//! The types of `include/ei.h` as Rust sees them: same sizes, same offsets, same numbers.
//!
//! Nothing here does anything. A program may copy these structs, edit them and keep them for a week, so no
//! field has a hidden meaning; the layout tests compare every offset with the C compiler's.

use std::ffi::{c_char, c_double, c_int, c_long, c_uint, c_ulonglong, c_void};

/// An atom of 255 Latin-1 characters and its NUL.
pub const MAXATOMLEN: usize = 256;
/// An atom of 255 UTF-8 characters and its NUL.
pub const MAXATOMLEN_UTF8: usize = 255 * 4 + 1;
/// Room for a cookie without its NUL.
pub const EI_MAX_COOKIE_SIZE: usize = 512;
/// Room for a host name without its NUL.
pub const EI_MAXHOSTNAMELEN: usize = MAXATOMLEN - 2;
/// Room for an alive name without its NUL.
pub const EI_MAXALIVELEN: usize = MAXATOMLEN - 2;
/// Room for a node name without its NUL.
pub const MAXNODELEN: usize = MAXATOMLEN;

/// Returned by most functions when they fail.
pub const ERL_ERROR: c_int = -1;
/// epmd was reached but knows no port for the name.
pub const ERL_NO_PORT: c_int = -3;
/// No connection to the node could be made.
pub const ERL_CONNECT_FAIL: c_int = -4;
/// `ei_rpc_from` ran out of time.
pub const ERL_TIMEOUT: c_int = -5;
/// A receive call met a tick and answered it.
pub const ERL_TICK: c_int = 0;
/// A receive call brought a message.
pub const ERL_MSG: c_int = 1;

/// No timeout, in the functions of the socket layer.
pub const EI_SCLBK_INF_TMO: c_uint = !0;
/// The callbacks honour their timeouts themselves.
pub const EI_SCLBK_FLG_FULL_IMPL: c_int = 1;

/// First byte of an encoded term.
pub mod tag {
    #![allow(missing_docs)]
    pub const VERSION: u8 = 131;
    pub const SMALL_INTEGER: u8 = 97;
    pub const INTEGER: u8 = 98;
    pub const FLOAT: u8 = 99;
    pub const NEW_FLOAT: u8 = 70;
    pub const ATOM: u8 = 100;
    pub const SMALL_ATOM: u8 = 115;
    pub const ATOM_UTF8: u8 = 118;
    pub const SMALL_ATOM_UTF8: u8 = 119;
    pub const REFERENCE: u8 = 101;
    pub const NEW_REFERENCE: u8 = 114;
    pub const NEWER_REFERENCE: u8 = 90;
    pub const PORT: u8 = 102;
    pub const NEW_PORT: u8 = 89;
    pub const V4_PORT: u8 = 120;
    pub const PID: u8 = 103;
    pub const NEW_PID: u8 = 88;
    pub const SMALL_TUPLE: u8 = 104;
    pub const LARGE_TUPLE: u8 = 105;
    pub const NIL: u8 = 106;
    pub const STRING: u8 = 107;
    pub const LIST: u8 = 108;
    pub const BINARY: u8 = 109;
    pub const BIT_BINARY: u8 = 77;
    pub const SMALL_BIG: u8 = 110;
    pub const LARGE_BIG: u8 = 111;
    pub const NEW_FUN: u8 = 112;
    pub const FUN: u8 = 117;
    pub const EXPORT: u8 = 113;
    pub const MAP: u8 = 116;
    pub const PASS_THROUGH: u8 = 112;
    pub const NEW_CACHE: u8 = 78;
    pub const CACHED_ATOM: u8 = 67;
}

/// `erlang_char_encoding`: a set of bits, so a plain integer on this side.
pub type Encoding = c_uint;
/// Only bytes below 128.
pub const ERLANG_ASCII: Encoding = 1;
/// One byte per character.
pub const ERLANG_LATIN1: Encoding = 2;
/// UTF-8.
pub const ERLANG_UTF8: Encoding = 4;

/// A process identifier.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub struct erlang_pid {
    pub node: [c_char; MAXATOMLEN_UTF8],
    pub num: c_uint,
    pub serial: c_uint,
    pub creation: c_uint,
}

/// A port identifier.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub struct erlang_port {
    pub node: [c_char; MAXATOMLEN_UTF8],
    pub id: c_ulonglong,
    pub creation: c_uint,
}

/// A reference.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub struct erlang_ref {
    pub node: [c_char; MAXATOMLEN_UTF8],
    pub len: c_int,
    pub n: [c_uint; 5],
    pub creation: c_uint,
}

/// A sequential trace token.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub struct erlang_trace {
    pub serial: c_long,
    pub prev: c_long,
    pub from: erlang_pid,
    pub label: c_long,
    pub flags: c_long,
}

/// What stood in the control part of a received message.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub struct erlang_msg {
    pub msgtype: c_long,
    pub from: erlang_pid,
    pub to: erlang_pid,
    pub toname: [c_char; MAXATOMLEN_UTF8],
    pub cookie: [c_char; MAXATOMLEN_UTF8],
    pub token: erlang_trace,
}

/// A function that closes over variables.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Closure {
    pub md5: [c_char; 16],
    pub index: c_long,
    pub old_index: c_long,
    pub uniq: c_long,
    pub n_free_vars: c_long,
    pub pid: erlang_pid,
    pub free_var_len: c_long,
    pub free_vars: *mut c_char,
}

/// A function by its exported name.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Export {
    pub func: *mut c_char,
    pub func_allocated: c_int,
}

/// One of the two, as `erlang_fun.type` says.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub union FunKind {
    pub closure: Closure,
    pub exprt: Export,
}

/// `type` of a closure.
pub const EI_FUN_CLOSURE: c_uint = 0;
/// `type` of an exported function.
pub const EI_FUN_EXPORT: c_uint = 1;

/// A function.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub struct erlang_fun {
    pub arity: c_long,
    pub module: [c_char; MAXATOMLEN_UTF8],
    pub kind: c_uint,
    pub u: FunKind,
}

/// A big integer: `arity` bytes of value in 16-bit digits, least significant first.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub struct erlang_big {
    pub arity: c_uint,
    pub is_neg: c_int,
    pub digits: *mut c_void,
}

/// The value of a decoded small term.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub union TermValue {
    pub i_val: c_long,
    pub d_val: c_double,
    pub atom_name: [c_char; MAXATOMLEN_UTF8],
    pub pid: erlang_pid,
    pub port: erlang_port,
    pub reference: erlang_ref,
}

/// Filled by `ei_decode_ei_term`.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs)]
pub struct ei_term {
    pub ei_type: c_char,
    pub arity: c_int,
    pub size: c_int,
    pub value: TermValue,
}

/// Who was accepted.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct ErlConnect {
    pub ipadr: [c_char; 4],
    pub nodename: [c_char; MAXNODELEN + 1],
}

/// A socket implementation of the program's own.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types, missing_docs, clippy::type_complexity)]
pub struct ei_socket_callbacks {
    pub flags: c_int,
    pub socket: Option<unsafe extern "C" fn(*mut *mut c_void, *mut c_void) -> c_int>,
    pub close: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    pub listen: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_int, c_int) -> c_int>,
    pub accept: Option<unsafe extern "C" fn(*mut *mut c_void, *mut c_void, *mut c_int, c_uint) -> c_int>,
    pub connect: Option<unsafe extern "C" fn(*mut c_void, *mut c_void, c_int, c_uint) -> c_int>,
    pub writev: Option<unsafe extern "C" fn(*mut c_void, *const c_void, c_int, *mut isize, c_uint) -> c_int>,
    pub write: Option<unsafe extern "C" fn(*mut c_void, *const c_char, *mut isize, c_uint) -> c_int>,
    pub read: Option<unsafe extern "C" fn(*mut c_void, *mut c_char, *mut isize, c_uint) -> c_int>,
    pub handshake_packet_header_size: Option<unsafe extern "C" fn(*mut c_void, *mut c_int) -> c_int>,
    pub connect_handshake_complete: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    pub accept_handshake_complete: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    pub get_fd: Option<unsafe extern "C" fn(*mut c_void, *mut c_int) -> c_int>,
}

/// A node of this program: its names, its cookie, its first pid.
#[repr(C)]
#[allow(non_camel_case_types, missing_docs)]
#[derive(Clone, Copy)]
pub struct ei_cnode {
    pub thishostname: [c_char; EI_MAXHOSTNAMELEN + 1],
    pub thisnodename: [c_char; MAXNODELEN + 1],
    pub thisalivename: [c_char; EI_MAXALIVELEN + 1],
    pub ei_connect_cookie: [c_char; EI_MAX_COOKIE_SIZE + 1],
    pub creation: c_uint,
    pub self_: erlang_pid,
    pub cbs: *mut ei_socket_callbacks,
    pub setup_context: *mut c_void,
    pub pidsn: c_uint,
}

/// A buffer that grows; `buff` comes from `malloc`.
#[repr(C)]
#[allow(non_camel_case_types, missing_docs)]
pub struct ei_x_buff {
    pub buff: *mut c_char,
    pub buffsz: c_int,
    pub index: c_int,
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn structs_have_the_sizes_of_the_c_header() {
        assert_eq!(size_of::<erlang_pid>(), 1036);
        assert_eq!(size_of::<erlang_port>(), 1040);
        assert_eq!(size_of::<erlang_ref>(), 1052);
        assert_eq!(size_of::<erlang_trace>(), 1072);
        assert_eq!(size_of::<erlang_msg>(), 5200);
        assert_eq!(size_of::<erlang_fun>(), 2144);
        assert_eq!(size_of::<erlang_big>(), 16);
        assert_eq!(size_of::<ei_term>(), 1072);
        assert_eq!(size_of::<ErlConnect>(), 261);
        assert_eq!(size_of::<ei_socket_callbacks>(), 104);
        assert_eq!(size_of::<ei_cnode>(), 2344);
        assert_eq!(size_of::<ei_x_buff>(), 16);
        assert_eq!(offset_of!(erlang_fun, u), 1040);
        assert_eq!(offset_of!(ei_cnode, self_), 1284);
        assert_eq!(offset_of!(ei_cnode, pidsn), 2336);
        assert_eq!(offset_of!(erlang_msg, token), 4128);
    }
}
