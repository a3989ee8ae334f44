//! Host names, through the C library's resolver: programs rely on its configuration.

use std::ffi::{c_char, c_int, CStr};
use std::ptr;

/// `struct hostent`; only passed through and read.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(missing_docs)]
pub struct Hostent {
    pub h_name: *mut c_char,
    pub h_aliases: *mut *mut c_char,
    pub h_addrtype: c_int,
    pub h_length: c_int,
    pub h_addr_list: *mut *mut c_char,
}

extern "C" {
    fn gethostbyname(name: *const c_char) -> *mut Hostent;
    fn gethostbyaddr(addr: *const c_char, len: libc::socklen_t, kind: c_int) -> *mut Hostent;
    #[cfg(target_os = "linux")]
    fn gethostbyname_r(
        name: *const c_char,
        host: *mut Hostent,
        buffer: *mut c_char,
        buflen: usize,
        result: *mut *mut Hostent,
        error: *mut c_int,
    ) -> c_int;
    #[cfg(target_os = "linux")]
    fn gethostbyaddr_r(
        addr: *const c_char,
        len: libc::socklen_t,
        kind: c_int,
        host: *mut Hostent,
        buffer: *mut c_char,
        buflen: usize,
        result: *mut *mut Hostent,
        error: *mut c_int,
    ) -> c_int;
}

/// Nothing to initialise; 0.
#[no_mangle]
pub extern "C" fn ei_init_resolve() -> c_int {
    0
}

/// # Safety
/// As the C library's `gethostbyname`.
#[no_mangle]
pub unsafe extern "C" fn ei_gethostbyname(name: *const c_char) -> *mut Hostent {
    // SAFETY: the caller's promise.
    unsafe { gethostbyname(name) }
}

/// # Safety
/// As the C library's `gethostbyaddr`.
#[no_mangle]
pub unsafe extern "C" fn ei_gethostbyaddr(addr: *const c_char, len: c_int, kind: c_int) -> *mut Hostent {
    // SAFETY: the caller's promise.
    unsafe { gethostbyaddr(addr, len.max(0) as libc::socklen_t, kind) }
}

/// The result lies in `hostp` and `buffer`. A buffer that is too small gives null and `ERANGE` in `h_errnop`.
///
/// # Safety
/// The pointers are valid, `buffer` for `buflen` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_gethostbyname_r(
    name: *const c_char,
    hostp: *mut Hostent,
    buffer: *mut c_char,
    buflen: c_int,
    h_errnop: *mut c_int,
) -> *mut Hostent {
    #[cfg(target_os = "linux")]
    // SAFETY: the caller's promise.
    unsafe {
        let mut found = ptr::null_mut();
        let size = buflen.max(0) as usize;
        if gethostbyname_r(name, hostp, buffer, size, &mut found, h_errnop) == libc::ERANGE {
            *h_errnop = libc::ERANGE;
        }
        found
    }
    #[cfg(not(target_os = "linux"))]
    // SAFETY: the caller's promise; elsewhere the plain function keeps its result per thread.
    unsafe {
        let _ = (hostp, buffer, buflen, h_errnop);
        gethostbyname(name)
    }
}

/// As `ei_gethostbyname_r`, from an address.
///
/// # Safety
/// The pointers are valid, `buffer` for `buflen` bytes.
#[no_mangle]
pub unsafe extern "C" fn ei_gethostbyaddr_r(
    addr: *const c_char,
    length: c_int,
    kind: c_int,
    hostp: *mut Hostent,
    buffer: *mut c_char,
    buflen: c_int,
    h_errnop: *mut c_int,
) -> *mut Hostent {
    #[cfg(target_os = "linux")]
    // SAFETY: the caller's promise.
    unsafe {
        let mut found = ptr::null_mut();
        let (size, length) = (buflen.max(0) as usize, length.max(0) as libc::socklen_t);
        gethostbyaddr_r(addr, length, kind, hostp, buffer, size, &mut found, h_errnop);
        found
    }
    #[cfg(not(target_os = "linux"))]
    // SAFETY: as above.
    unsafe {
        let _ = (hostp, buffer, buflen, h_errnop);
        gethostbyaddr(addr, length.max(0) as libc::socklen_t, kind)
    }
}

/// A host that was found.
pub struct Host {
    /// Its canonical name.
    pub name: Vec<u8>,
    /// Its first IPv4 address.
    pub address: [u8; 4],
}

/// More room than this no answer needs.
const MAX_ANSWER: usize = 1 << 20;

/// Looks a host up, with a buffer that grows until the answer fits.
pub fn lookup(name: &CStr) -> Option<Host> {
    let mut size = 1024;
    while size <= MAX_ANSWER {
        let mut buffer = vec![0u64; size / 8];
        let mut error = 0;
        let mut host = Hostent {
            h_name: ptr::null_mut(),
            h_aliases: ptr::null_mut(),
            h_addrtype: 0,
            h_length: 0,
            h_addr_list: ptr::null_mut(),
        };
        // SAFETY: all pointers are our own; the answer is read while the buffer lives.
        unsafe {
            let text = buffer.as_mut_ptr().cast();
            let found = ei_gethostbyname_r(name.as_ptr(), &mut host, text, size as c_int, &mut error);
            if !found.is_null() {
                let list = (*found).h_addr_list;
                if list.is_null() || (*list).is_null() || (*found).h_length != 4 {
                    return None;
                }
                return Some(Host {
                    name: CStr::from_ptr((*found).h_name).to_bytes().to_vec(),
                    address: (*list).cast::<[u8; 4]>().read_unaligned(),
                });
            }
        }
        if error != libc::ERANGE {
            return None;
        }
        size *= 2;
    }
    None
}

/// This machine's name.
pub fn own_name() -> Option<Vec<u8>> {
    let mut name = [0 as c_char; super::abi::EI_MAXHOSTNAMELEN + 1];
    // SAFETY: the array takes the name; a cut one lacks its NUL, so the last byte stays one.
    unsafe {
        if libc::gethostname(name.as_mut_ptr(), name.len() - 1) < 0 {
            return None;
        }
        Some(CStr::from_ptr(name.as_ptr()).to_bytes().to_vec())
    }
}

/// What stands before the first dot.
pub fn short(name: &[u8]) -> &[u8] {
    name.split(|&b| b == b'.').next().unwrap_or(name)
}

/// The address of a host in a node name. Our own host is found even when no resolver knows it.
pub fn address_of(host: &CStr) -> Option<[u8; 4]> {
    if let Some(host) = lookup(host) {
        return Some(host.address);
    }
    let own = own_name()?;
    if short(&own) == host.to_bytes() {
        return lookup(c"localhost").map(|host| host.address);
    }
    None
}
