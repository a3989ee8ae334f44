//! TLS: connections that nobody else can read, change or pretend to be.
//!
//! A node has TLS for all of its connections or for none, as a BEAM with `-proto_dist inet_tls`. Both sides are verified:
//! certificates have to be issued by the given authorities, and the one of a node we call has to be for the host of its
//! name. First say where the certificates are (one of erln_config_set_tls_optfile, _files and _pem), then change the rest.
//! A library built without TLS answers ERLN_ERR_UNSUPPORTED.

use std::ffi::c_char;

use super::bytes::text;
use super::config::{erln_config, set};
use super::guard::guard;
use super::node::{self, erln_node};
use super::status::erln_status;
use crate::node::config::Config;
use crate::{CrlCheck, Error, Result, Tls, TlsVersion};

/// Versions of TLS.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_tls_version {
    /// TLS 1.2
    ERLN_TLS_1_2 = 12,
    /// TLS 1.3
    ERLN_TLS_1_3 = 13,
}

/// Which certificates of a peer have to be cleared by a revocation list.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_crl_check {
    /// Each from the peer's own up to the authority's; one without a list in force is refused.
    ERLN_CRL_CHAIN = 1,
    /// The peer's own alone.
    ERLN_CRL_PEER = 2,
    /// Each, but one without a list in force is believed. What any list revokes is refused.
    ERLN_CRL_BEST_EFFORT = 3,
}

fn crl_check(number: i32) -> Result<CrlCheck> {
    let known = [
        (erln_crl_check::ERLN_CRL_CHAIN as i32, CrlCheck::Chain),
        (erln_crl_check::ERLN_CRL_PEER as i32, CrlCheck::Peer),
        (erln_crl_check::ERLN_CRL_BEST_EFFORT as i32, CrlCheck::BestEffort),
    ];
    let found = known.iter().find(|(known, _)| *known == number);
    found.map(|(_, check)| *check).ok_or_else(|| Error::argument("check is no ERLN_CRL_..."))
}

/// Changes the TLS options, which have to be there.
///
/// # Safety
/// `config` is NULL or the caller's.
unsafe fn change(config: *mut erln_config, change: impl FnOnce(Tls) -> Tls) -> Result<()> {
    // SAFETY: the caller's promise is ours.
    unsafe {
        set(config, |options: Config| match options.tls.clone() {
            Some(tls) => Ok(options.tls(change(tls))),
            None => Err(Error::argument(
                "say first where the certificates are: erln_config_set_tls_optfile, _files or _pem",
            )),
        })
    }
}

/// All connections over TLS, with the options that a BEAM takes with `-ssl_dist_optfile`. An option that would have no
/// effect is an error that names it. Two things are stricter than in OTP: peers are verified unless {verify, verify_none}
/// says otherwise, and callers need a certificate unless {fail_if_no_peer_cert, false} does.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_tls_optfile(
    config: *mut erln_config,
    path: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config and text.
        unsafe { set(config, |options| Ok(options.tls(Tls::from_optfile(text(path, "path")?)?))) }
    })
}

/// All connections over TLS, with these files in PEM: the node's certificate and the chain that leads to its authority, its
/// private key, and the certificates of the authorities to believe. They are read when a node starts, and again when they
/// have changed.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_tls_files(
    config: *mut erln_config,
    certificate: *const c_char,
    key: *const c_char,
    authorities: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config and texts.
        unsafe {
            let (certificate, key) = (text(certificate, "certificate")?, text(key, "key")?);
            let authorities = text(authorities, "authorities")?;
            set(config, |options| Ok(options.tls(Tls::from_files(certificate, key, authorities)?)))
        }
    })
}

/// The same with the PEM texts themselves. They are copied; the copy of the key is cleared with its last user.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_tls_pem(
    config: *mut erln_config,
    certificate: *const c_char,
    key: *const c_char,
    authorities: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config and texts.
        unsafe {
            let (certificate, key) = (text(certificate, "certificate")?, text(key, "key")?);
            let authorities = text(authorities, "authorities")?;
            let pem = || Tls::from_pem(certificate.as_bytes(), key.as_bytes(), authorities.as_bytes());
            set(config, |options| Ok(options.tls(pem()?)))
        }
    })
}

/// The lowest and the highest version of TLS to be spoken, each one of erln_tls_version. Both unless set.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_tls_versions(
    config: *mut erln_config,
    lowest: i32,
    highest: i32,
) -> erln_status {
    guard(|| {
        let known = [
            (erln_tls_version::ERLN_TLS_1_2 as i32, TlsVersion::V1_2),
            (erln_tls_version::ERLN_TLS_1_3 as i32, TlsVersion::V1_3),
        ];
        let is_known = |number| known.iter().any(|(known, _)| *known == number);
        if !is_known(lowest) || !is_known(highest) || highest < lowest {
            return Err(Error::argument("lowest and highest are no ERLN_TLS_... in this order"));
        }
        let wanted: Vec<TlsVersion> = known
            .iter()
            .filter(|(number, _)| (lowest..=highest).contains(number))
            .map(|(_, version)| *version)
            .collect();
        // SAFETY: the caller's config.
        unsafe { change(config, |tls| tls.versions(&wanted)) }
    })
}

/// Whether a caller's certificate has to be for the host of its node name. Unless set that is so if the node has an
/// allow-list, as in OTP.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_tls_check_callers(
    config: *mut erln_config,
    check: bool,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { change(config, |tls| tls.check_callers(check)) }
    })
}

/// Refuses peers whose certificates were revoked, in both directions. `path` is a file with any number of revocation lists in
/// PEM or one in DER, or a directory with files named as for OTP's ssl_crl_hash_dir and OpenSSL (HASH.r0); `check` is one of
/// erln_crl_check. Lists are read again when they have changed; connections that exist go on.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_tls_crl_file(
    config: *mut erln_config,
    path: *const c_char,
    check: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config and text.
        unsafe {
            let (path, check) = (text(path, "path")?, crl_check(check)?);
            change(config, |tls| tls.crl_file(path, check))
        }
    })
}

/// The same with the lists themselves, in PEM. They are copied.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_tls_crl_pem(
    config: *mut erln_config,
    lists: *const c_char,
    check: i32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config and text.
        unsafe {
            let (lists, check) = (text(lists, "lists")?, crl_check(check)?);
            change(config, |tls| tls.crl_pem(lists.as_bytes(), check))
        }
    })
}

/// Also takes callers that show no certificate. One that is shown is verified all the same.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_tls_danger_anonymous_callers(
    config: *mut erln_config,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { change(config, Tls::danger_anonymous_callers) }
    })
}

/// Believes any certificate, in both directions, and asks callers for none: whoever can change packets on the way can read
/// and write everything. The log says so whenever a node starts.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_tls_danger_no_verify(config: *mut erln_config) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { change(config, Tls::danger_no_verify) }
    })
}

/// Reads the files of the TLS options again, for connections made from now on; that also happens by itself when they have
/// changed. On failure the old certificates stay in force.
#[no_mangle]
pub unsafe extern "C" fn erln_node_reload_tls(node: erln_node) -> erln_status {
    guard(|| node::node(node)?.reload_tls())
}
