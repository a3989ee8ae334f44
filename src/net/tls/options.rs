//! What a program says about TLS: certificates, whom to believe, which versions. Nothing here opens a file but the option
//! file of OTP.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::optfile;
use super::revocation::CrlCheck;
use crate::error::Result;

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `'tlsv1.2'`
    V1_2,
    /// `'tlsv1.3'`
    V1_3,
}

/// Something in PEM: read from a file when it is needed, and again when the file changed.
#[derive(Clone)]
pub(super) enum Pem {
    File(PathBuf),
    Memory(Arc<Zeroizing<Vec<u8>>>),
}

impl Pem {
    pub(super) fn file(path: impl AsRef<Path>) -> Pem {
        Pem::File(path.as_ref().to_owned())
    }

    pub(super) fn memory(text: &[u8]) -> Pem {
        Pem::Memory(Arc::new(Zeroizing::new(text.to_vec())))
    }

    /// For messages.
    pub(super) fn title(&self) -> String {
        match self {
            Pem::File(path) => path.display().to_string(),
            Pem::Memory(_) => "the text given".to_owned(),
        }
    }
}

/// What this node does as the calling (client) or as the called (server) side.
#[derive(Clone)]
pub(super) struct Role {
    pub(super) certificate: Option<Pem>,
    /// The certificate's file holds it too, if this is `None`.
    pub(super) key: Option<Pem>,
    pub(super) authorities: Option<Pem>,
    /// Whether the peer's certificate is checked.
    pub(super) verify: bool,
    /// Server only: whether a caller without a certificate is refused.
    pub(super) demand_certificate: bool,
    pub(super) versions: Vec<TlsVersion>,
    /// Names of cipher suites, ours or OpenSSL's.
    pub(super) ciphers: Option<Vec<String>>,
    /// Certificates allowed between the peer's and the authority's.
    pub(super) depth: Option<usize>,
    /// Revocation lists: a file, or a directory as `ssl_crl_hash_dir` has it.
    pub(super) crls: Option<Pem>,
    /// `None`: they are not looked at.
    pub(super) crl_check: Option<CrlCheck>,
}

impl Default for Role {
    fn default() -> Role {
        Role {
            certificate: None,
            key: None,
            authorities: None,
            verify: true,
            demand_certificate: true,
            versions: vec![TlsVersion::V1_2, TlsVersion::V1_3],
            ciphers: None,
            depth: None,
            crls: None,
            crl_check: None,
        }
    }
}

/// Distribution over TLS, for [`Config::tls`](crate::Config::tls): how this node proves itself and whom it believes.
///
/// Made by [`from_optfile`](Tls::from_optfile), [`from_files`](Tls::from_files) or [`from_pem`](Tls::from_pem). Both sides
/// of a connection are verified unless [`danger_no_verify`](Tls::danger_no_verify) is called: certificates have to be
/// issued by the given authorities, and the one of a node we call has to be for the host of its name. Files are read when
/// the node starts, and again when they have changed.
#[derive(Clone)]
pub struct Tls {
    pub(super) client: Role,
    pub(super) server: Role,
    /// Whether a caller's certificate has to be for the host of its node name; `None`: if there is an allow-list.
    pub(super) check_callers: Option<bool>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verified = self.client.verify && self.server.verify;
        f.debug_struct("Tls").field("verified", &verified).finish_non_exhaustive()
    }
}

impl Tls {
    /// The options that a BEAM takes with `-ssl_dist_optfile`: `[{server, [...]}, {client, [...]}].`
    ///
    /// Understood are `certfile`, `keyfile`, `cacertfile`, `certs_keys` (one pair), `verify`, `fail_if_no_peer_cert`,
    /// `versions`, `ciphers`, `depth`, `crl_check` with `{crl_cache, {ssl_crl_hash_dir, _}}`, `{verify_fun, {inet_tls_dist, verify_client, _}}`, and options that do not concern
    /// the wire. Two things are stricter than in OTP: peers are verified unless `{verify, verify_none}` says otherwise, and
    /// callers need a certificate unless `{fail_if_no_peer_cert, false}` does.
    ///
    /// # Errors
    /// The file cannot be read, is no Erlang term, or has an option that would be ignored: the text names it.
    pub fn from_optfile(path: impl AsRef<Path>) -> Result<Tls> {
        optfile::read(path.as_ref())
    }

    /// The node's certificate with the chain that leads to the authority (the node's own first), its private key, and the
    /// certificates of the authorities to believe, all in PEM. They serve both sides, so the certificate needs the usages
    /// `serverAuth` and `clientAuth`.
    pub fn from_files(
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
        authorities: impl AsRef<Path>,
    ) -> Result<Tls> {
        Ok(Tls::of(Pem::file(certificate), Pem::file(key), Pem::file(authorities)))
    }

    /// The same from memory.
    pub fn from_pem(certificate: &[u8], key: &[u8], authorities: &[u8]) -> Result<Tls> {
        Ok(Tls::of(Pem::memory(certificate), Pem::memory(key), Pem::memory(authorities)))
    }

    fn of(certificate: Pem, key: Pem, authorities: Pem) -> Tls {
        let role = Role {
            certificate: Some(certificate),
            key: Some(key),
            authorities: Some(authorities),
            ..Role::default()
        };
        Tls { client: role.clone(), server: role, check_callers: None }
    }

    /// Only these versions; both unless set.
    pub fn versions(mut self, versions: &[TlsVersion]) -> Tls {
        self.client.versions = versions.to_vec();
        self.server.versions = versions.to_vec();
        self
    }

    /// Whether a caller's certificate has to be for the host of its node name. Unless set that is asked for if the node
    /// has an allow-list ([`Config::allow`](crate::Config::allow)), as OTP does.
    pub fn check_callers(mut self, check: bool) -> Tls {
        self.check_callers = Some(check);
        self
    }

    /// Refuses peers whose certificates were revoked, in both directions. `path` is a file with any number of lists in PEM or one in
    /// DER, or a directory with files named as for OTP's `ssl_crl_hash_dir` and OpenSSL (`HASH.r0`). Lists are read again when they
    /// have changed; connections that exist go on.
    pub fn crl_file(self, path: impl AsRef<Path>, check: CrlCheck) -> Tls {
        self.crls(Pem::file(path), check)
    }

    /// The same with lists in PEM from memory.
    pub fn crl_pem(self, lists: &[u8], check: CrlCheck) -> Tls {
        self.crls(Pem::memory(lists), check)
    }

    fn crls(mut self, lists: Pem, check: CrlCheck) -> Tls {
        for role in [&mut self.client, &mut self.server] {
            role.crls = Some(lists.clone());
            role.crl_check = Some(check);
        }
        self
    }

    /// Also takes callers that show no certificate. One that is shown is verified all the same.
    pub fn danger_anonymous_callers(mut self) -> Tls {
        self.server.demand_certificate = false;
        self
    }

    /// Believes any certificate, in both directions, and asks callers for none: whoever can change packets on the way can
    /// read and write everything, the cookie's digests included. The log says so at each start.
    pub fn danger_no_verify(mut self) -> Tls {
        self.client.verify = false;
        self.server.verify = false;
        self
    }
}
