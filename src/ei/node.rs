//! The node itself: its names, its cookie, its pids and references. All of it lies in the program's `ei_cnode`, which
//! may be copied, edited and freed at any time; nothing is remembered here but a counter for references.

use super::abi::*;
use super::resolve::{lookup, own_name, short};
use super::socket::{ei_default_socket_callbacks, ei_plugin_socket_impl__};
use super::trace::{ei_set_tracelevel, say, ERR};
use super::{errno, wire};
use std::ffi::{c_char, c_int, c_uint, c_void, CStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Creations below 4 mean something else to BEAMs; they are lifted by this.
const LIFT: c_uint = 0xE10000;
/// A home directory longer than this is not used.
const MAX_HOME: usize = 1024;

/// Initialises the library; always 0. Everything works without it, too.
#[no_mangle]
pub extern "C" fn ei_init() -> c_int {
    0
}

/// The part of `ei_init` for connections; always 0.
#[no_mangle]
pub extern "C" fn ei_init_connect() -> c_int {
    0
}

/// Puts a text and its NUL into an array; false when it does not fit.
///
/// # Safety
/// `to` is writable.
pub(super) unsafe fn put_text<const N: usize>(to: *mut [c_char; N], text: &[u8]) -> bool {
    if text.len() >= N {
        return false;
    }
    // SAFETY: the text and its NUL fit.
    unsafe {
        wire::copy(to.cast(), text.as_ptr(), text.len());
        *to.cast::<c_char>().add(text.len()) = 0;
    }
    true
}

/// The text in an array, up to its NUL or its end.
///
/// # Safety
/// `from` is readable and stays so.
pub(super) unsafe fn text<'a, const N: usize>(from: *const [c_char; N]) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe {
        let len = wire::length(from.cast(), N);
        std::slice::from_raw_parts(from.cast(), len)
    }
}

fn fail(name: &'static CStr, why: &str) -> c_int {
    say(ERR, name, || why.to_owned());
    ERL_ERROR
}

/// Describes a node by an alive name on this host; its name is a short one.
///
/// # Safety
/// `ec` is writable; the texts are NUL-terminated, `cookie` may be null.
#[no_mangle]
pub unsafe extern "C" fn ei_connect_init(
    ec: *mut ei_cnode,
    this_node_name: *const c_char,
    cookie: *const c_char,
    creation: c_uint,
) -> c_int {
    let (cbs, size) = default_callbacks();
    // SAFETY: the caller's promise.
    unsafe { ei_connect_init_ussi(ec, this_node_name, cookie, creation, cbs, size, ptr::null_mut()) }
}

fn default_callbacks() -> (*mut ei_socket_callbacks, c_int) {
    (&raw mut ei_default_socket_callbacks, size_of::<ei_socket_callbacks>() as c_int)
}

/// As `ei_connect_init`, with sockets of the program's own.
///
/// # Safety
/// As `ei_connect_init`; `cbs` lives as long as the node's connections.
#[no_mangle]
pub unsafe extern "C" fn ei_connect_init_ussi(
    ec: *mut ei_cnode,
    this_node_name: *const c_char,
    cookie: *const c_char,
    creation: c_uint,
    cbs: *mut ei_socket_callbacks,
    cbs_sz: c_int,
    setup_context: *mut c_void,
) -> c_int {
    const NAME: &CStr = c"ei_connect_init";
    if this_node_name.is_null() {
        return fail(NAME, "no name");
    }
    // SAFETY: the caller's promise.
    let alive = unsafe { CStr::from_ptr(this_node_name).to_bytes() };
    if alive.len() > EI_MAXALIVELEN {
        return fail(NAME, "the name is too long");
    }
    let Some(own) = own_name() else {
        return fail(NAME, "this host has no name");
    };
    let mut host = short(&own).to_vec();
    let mut c_host = own.clone();
    c_host.push(0);
    let found = CStr::from_bytes_with_nul(&c_host).ok().and_then(lookup);
    match found.or_else(|| lookup(c"localhost")) {
        None => return fail(NAME, "this host has no address"),
        Some(found) if found.name != b"localhost" => host = short(&found.name).to_vec(),
        Some(_) => {}
    }
    if alive.len() + 1 + host.len() > MAXNODELEN {
        return fail(NAME, "the node name is too long");
    }
    let (mut c_alive, mut node) = (alive.to_vec(), alive.to_vec());
    node.push(b'@');
    node.extend_from_slice(&host);
    for text in [&mut host, &mut c_alive, &mut node] {
        text.push(0);
    }
    // SAFETY: the texts are NUL-terminated; the rest is the caller's promise.
    unsafe {
        ei_connect_xinit_ussi(
            ec,
            host.as_ptr().cast(),
            c_alive.as_ptr().cast(),
            node.as_ptr().cast(),
            ptr::null_mut(),
            cookie,
            creation,
            cbs,
            cbs_sz,
            setup_context,
        )
    }
}

/// Describes a node by its names. The address is not used.
///
/// # Safety
/// `ec` is writable; the texts are NUL-terminated; `cookie` and both names may be null.
#[no_mangle]
pub unsafe extern "C" fn ei_connect_xinit(
    ec: *mut ei_cnode,
    thishostname: *const c_char,
    thisalivename: *const c_char,
    thisnodename: *const c_char,
    thisipaddr: *mut libc::in_addr,
    cookie: *const c_char,
    creation: c_uint,
) -> c_int {
    let (cbs, size) = default_callbacks();
    // SAFETY: the caller's promise.
    unsafe {
        ei_connect_xinit_ussi(
            ec,
            thishostname,
            thisalivename,
            thisnodename,
            thisipaddr,
            cookie,
            creation,
            cbs,
            size,
            ptr::null_mut(),
        )
    }
}

/// As `ei_connect_xinit`, with sockets of the program's own.
///
/// # Safety
/// As `ei_connect_xinit`; `cbs` lives as long as the node's connections.
#[no_mangle]
pub unsafe extern "C" fn ei_connect_xinit_ussi(
    ec: *mut ei_cnode,
    thishostname: *const c_char,
    thisalivename: *const c_char,
    thisnodename: *const c_char,
    _thisipaddr: *mut libc::in_addr,
    cookie: *const c_char,
    creation: c_uint,
    cbs: *mut ei_socket_callbacks,
    cbs_sz: c_int,
    setup_context: *mut c_void,
) -> c_int {
    const NAME: &CStr = c"ei_connect_xinit";
    let (default, size) = default_callbacks();
    if cbs != default {
        ei_plugin_socket_impl__.store(1, Ordering::Release);
    }
    if cbs_sz < size {
        return fail(NAME, "the struct of socket callbacks is too small");
    }
    // SAFETY: the caller's promise.
    unsafe {
        (*ec).creation = if creation < 4 { creation + LIFT } else { creation };
        (*ec).pidsn = 0;
        let stored = if cookie.is_null() {
            cookie_file(&raw mut (*ec).ei_connect_cookie)
        } else {
            put_text(&raw mut (*ec).ei_connect_cookie, CStr::from_ptr(cookie).to_bytes())
        };
        if !stored {
            return fail(NAME, "no usable cookie");
        }
        if thishostname.is_null()
            || !put_text(&raw mut (*ec).thishostname, CStr::from_ptr(thishostname).to_bytes())
        {
            return fail(NAME, "the host name is too long");
        }
        if thisalivename.is_null() {
            // The first peer gives us a name.
            (*ec).thisalivename[0] = 0;
            (*ec).thisnodename[0] = 0;
        } else {
            let alive = CStr::from_ptr(thisalivename).to_bytes();
            if !put_text(&raw mut (*ec).thisalivename, alive) {
                return fail(NAME, "the alive name is too long");
            }
            if thisnodename.is_null() || !adopt_name(ec, CStr::from_ptr(thisnodename).to_bytes()) {
                return fail(NAME, "the node name is too long");
            }
        }
        (*ec).cbs = cbs;
        (*ec).setup_context = setup_context;
    }
    let level = ["EI_TRACELEVEL", "ERL_DEBUG_DIST"].iter().find_map(std::env::var_os);
    if let Some(level) = level {
        // As atoi: leading digits, else 0.
        let digits: String =
            level.to_string_lossy().trim_start().chars().take_while(char::is_ascii_digit).collect();
        ei_set_tracelevel(digits.parse().unwrap_or(0));
    }
    0
}

/// Makes `name` the node's and its first pid's.
///
/// # Safety
/// `ec` is writable.
pub(super) unsafe fn adopt_name(ec: *mut ei_cnode, name: &[u8]) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if !put_text(&raw mut (*ec).thisnodename, name) {
            return false;
        }
        put_text(&raw mut (*ec).self_.node, name);
        (*ec).self_.num = 0;
        (*ec).self_.serial = 0;
        (*ec).self_.creation = (*ec).creation;
    }
    true
}

/// The first line of `~/.erlang.cookie`.
unsafe fn cookie_file(to: *mut [c_char; EI_MAX_COOKIE_SIZE + 1]) -> bool {
    let home = std::env::var_os("HOME").unwrap_or_else(|| OsString::from_vec(b".".to_vec()));
    let complain = |why: &str| {
        eprintln!("libei: no cookie given, and ~/.erlang.cookie {why}");
        false
    };
    if home.len() > MAX_HOME {
        return complain("has too long a path");
    }
    let Ok(mut file) = std::fs::File::open(std::path::Path::new(&home).join(".erlang.cookie")) else {
        return complain("cannot be opened");
    };
    let mut line = Vec::with_capacity(2 * EI_MAX_COOKIE_SIZE);
    if file.by_ref().take(EI_MAX_COOKIE_SIZE as u64 + 1).read_to_end(&mut line).is_err() {
        return complain("cannot be read");
    }
    if line.get(EI_MAX_COOKIE_SIZE).is_some_and(|c| !c.is_ascii_whitespace()) {
        return complain("is too long");
    }
    line.truncate(EI_MAX_COOKIE_SIZE);
    let end = line.iter().position(|&c| matches!(c, b'\r' | b'\n' | 0)).unwrap_or(line.len());
    // SAFETY: the caller's array.
    unsafe { put_text(to, &line[..end]) }
}

/// # Safety
/// `ec` is valid.
#[no_mangle]
pub unsafe extern "C" fn ei_thisnodename(ec: *const ei_cnode) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { (&raw const (*ec).thisnodename).cast() }
}

/// # Safety
/// `ec` is valid.
#[no_mangle]
pub unsafe extern "C" fn ei_thishostname(ec: *const ei_cnode) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { (&raw const (*ec).thishostname).cast() }
}

/// # Safety
/// `ec` is valid.
#[no_mangle]
pub unsafe extern "C" fn ei_thisalivename(ec: *const ei_cnode) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { (&raw const (*ec).thisalivename).cast() }
}

/// # Safety
/// `ec` is valid.
#[no_mangle]
pub unsafe extern "C" fn ei_thiscookie(ec: *const ei_cnode) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { (&raw const (*ec).ei_connect_cookie).cast() }
}

/// A node has a name once it was described, or once a peer gave it one.
unsafe fn has_name(ec: *const ei_cnode) -> bool {
    // SAFETY: the caller's promise.
    let name = unsafe { text(&raw const (*ec).thisnodename) };
    if name.len() > MAXNODELEN || !name.contains(&b'@') {
        errno::set(libc::EINVAL);
        return false;
    }
    true
}

/// The node's first pid, inside the struct; null (`EINVAL`) while the node has no name.
///
/// # Safety
/// `ec` is valid.
#[no_mangle]
pub unsafe extern "C" fn ei_self(ec: *mut ei_cnode) -> *mut erlang_pid {
    // SAFETY: the caller's promise.
    unsafe {
        if !has_name(ec) {
            return ptr::null_mut();
        }
        &raw mut (*ec).self_
    }
}

/// Text that no encoder takes: an id that could not be made must not be sent.
const NO_NODE: &[u8] = &[0xFF];

/// A new pid. Several threads may share the node.
///
/// # Safety
/// `ec` and `pid` are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_make_pid(ec: *mut ei_cnode, pid: *mut erlang_pid) -> c_int {
    /// The serial: 13 bits above the 15 of the number. 0 is left to programs that change the first pid's number.
    const SERIAL: u32 = 0x0FFF_8000;
    const FIRST: u32 = 0x8000;
    // SAFETY: the caller's promise; the counter is only ever changed atomically.
    unsafe {
        if !has_name(ec) {
            put_text(&raw mut (*pid).node, NO_NODE);
            (*pid).serial = !0;
            (*pid).num = !0;
            return ERL_ERROR;
        }
        put_text(&raw mut (*pid).node, text(&raw const (*ec).thisnodename));
        (*pid).creation = (*ec).creation;
        let next = |old: u32| match old.wrapping_add(1) {
            new if new & SERIAL == 0 => FIRST,
            new => new,
        };
        let counter = AtomicU32::from_ptr(&raw mut (*ec).pidsn);
        let old = counter.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |old| Some(next(old)));
        let new = next(old.unwrap_or_else(|old| old));
        (*pid).num = new & 0x7FFF;
        (*pid).serial = (new >> 15) & 0x1FFF;
    }
    0
}

/// One counter for all nodes of the process.
static REFERENCES: AtomicU64 = AtomicU64::new(0);

/// A new reference. Several threads may share the node.
///
/// # Safety
/// `ec` and `reference` are valid.
#[no_mangle]
pub unsafe extern "C" fn ei_make_ref(ec: *mut ei_cnode, reference: *mut erlang_ref) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        if !has_name(ec) {
            put_text(&raw mut (*reference).node, NO_NODE);
            (*reference).len = -1;
            return ERL_ERROR;
        }
        put_text(&raw mut (*reference).node, text(&raw const (*ec).thisnodename));
        (*reference).creation = (*ec).creation;
        let new = REFERENCES.fetch_add(1, Ordering::Relaxed) + 1;
        // A BEAM wants no more than 18 bits in the first word.
        (*reference).len = 3;
        (*reference).n = [new as u32 & 0x3FFFF, (new >> 18) as u32, (new >> 50) as u32, 0, 0];
    }
    0
}
