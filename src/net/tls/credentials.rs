//! Options of TLS with the files behind them read: the configurations that connections are made with.
//!
//! Files that have changed are read again at the next connection, at most once a second; what cannot be used is reported
//! and leaves the old ones in force. Connections that exist go on with what they were made with.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::{
    version, CipherSuiteCommon, ClientConfig, RootCertStore, ServerConfig, SupportedCipherSuite,
    SupportedProtocolVersion, Tls12CipherSuite,
};
use zeroize::Zeroizing;

use super::options::{Pem, Role, Tls, TlsVersion};
use super::revocation;
use super::session::Session;
use super::verify::{Called, Callers};
use crate::error::{Error, Result};
use crate::log;

/// How often changed files are looked for, at most.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// Larger files hold no certificates.
const MAX_PEM: u64 = 16 << 20;

/// Records under one key of AES-GCM with TLS 1.2, which cannot agree on new ones: then the connection ends, and is made
/// again. rustls would end it after 2^24, for the worst case of full records; with many small messages that is an hour. A
/// BEAM changes its keys after as many.
const MAX_RECORDS_OF_TLS12: u64 = 1 << 28;

/// Cipher suites by their standard name and OpenSSL's (which OTP uses), in the order of our preference.
const SUITES: [(&str, &str); 9] = [
    ("TLS13_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
    ("TLS13_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
    ("TLS13_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
];

/// See the module.
pub(crate) struct Credentials {
    options: Tls,
    loaded: Mutex<Loaded>,
}

struct Loaded {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    stamps: Vec<Stamp>,
    looked_at: Instant,
}

/// What a file looked like when it was read.
#[derive(PartialEq)]
struct Stamp {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
}

impl Stamp {
    fn of(path: PathBuf) -> Stamp {
        let seen = std::fs::metadata(&path).ok().and_then(|data| Some((data.modified().ok()?, data.len())));
        Stamp { path, seen }
    }
}

impl Credentials {
    /// Reads everything that `options` name.
    pub(crate) fn load(options: Tls) -> Result<Credentials> {
        if !options.client.verify {
            log::warn(format_args!("TLS: nodes that we call are NOT verified: anybody can pose as them"));
        }
        if !options.server.verify {
            log::warn(format_args!(
                "TLS: nodes that call us are NOT verified: the cookie alone keeps others out"
            ));
        }
        let loaded = Mutex::new(read(&options)?);
        Ok(Credentials { options, loaded })
    }

    /// Reads the files again; what was in force stays so if that fails.
    pub(crate) fn reload(&self) -> Result<()> {
        let fresh = read(&self.options)?;
        *self.loaded.lock() = fresh;
        Ok(())
    }

    fn refresh(&self) {
        let changed = {
            let mut loaded = self.loaded.lock();
            if loaded.looked_at.elapsed() < LOOK_PAUSE {
                return;
            }
            loaded.looked_at = Instant::now();
            let now: Vec<Stamp> = loaded.stamps.iter().map(|stamp| Stamp::of(stamp.path.clone())).collect();
            let changed = now != loaded.stamps;
            // A file that cannot be used is complained about once.
            loaded.stamps = now;
            changed
        };
        if changed {
            match self.reload() {
                Ok(()) => {
                    log::info(format_args!("TLS: certificates were read again, for their files have changed"))
                }
                Err(error) => log::warn(format_args!("the changed certificates are not used: {error}")),
            }
        }
    }

    /// The session of a call to a node at `host`.
    pub(crate) fn call(&self, host: &str) -> Result<Session> {
        self.refresh();
        let name = ServerName::try_from(host)
            .map_err(|_| {
                Error::argument(format!("\"{host}\" is no host name that a certificate could have"))
            })?
            .to_owned();
        let config = self.loaded.lock().client.clone();
        Session::client(config, name).map_err(|error| Error::argument(format!("TLS: {error}")))
    }

    /// The session of a call that comes in.
    pub(crate) fn answer(&self) -> Result<Session> {
        self.refresh();
        let config = self.loaded.lock().server.clone();
        Session::server(config).map_err(|error| Error::argument(format!("TLS: {error}")))
    }

    /// Whether a caller may have a name at `host`. `listed`: the node has an allow-list.
    pub(crate) fn admits(&self, session: &Session, host: &str, listed: bool) -> bool {
        if !self.options.check_callers.unwrap_or(listed) || !self.options.server.verify {
            return true;
        }
        let fits = session.certificate(|certificate| {
            let Ok(host) = ServerName::try_from(host) else { return false };
            ParsedCertificate::try_from(certificate)
                .is_ok_and(|parsed| rustls::client::verify_server_name(&parsed, &host).is_ok())
        });
        // Without a certificate there is nothing to be checked: whether that is allowed was decided before.
        fits.unwrap_or(self.options.check_callers.is_none())
    }
}

fn read(options: &Tls) -> Result<Loaded> {
    let looked_at = Instant::now();
    let files = [&options.client, &options.server].into_iter().flat_map(|role| {
        let pems = [&role.certificate, &role.key, &role.authorities, &role.crls];
        pems.into_iter().flatten().flat_map(revocation::paths)
    });
    let stamps = files.map(Stamp::of).collect();
    let client = client(&options.client)?;
    let server = server(&options.server)?;
    Ok(Loaded { client: client.into(), server: server.into(), stamps, looked_at })
}

fn client(role: &Role) -> Result<ClientConfig> {
    let provider = provider(role)?;
    let authorities = if role.verify { Some(authorities(role, "client")?) } else { None };
    let crls = revocation::read(role, "client")?;
    let verifier = Called::new(authorities, crls, role.depth, provider.clone()).map_err(refused)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(role))
        .map_err(refused)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &role.certificate {
        Some(certificate) => {
            let (chain, key) = identity(certificate, role)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| unusable(certificate, error))?
        }
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn server(role: &Role) -> Result<ServerConfig> {
    let provider = provider(role)?;
    let certificate = role.certificate.as_ref().ok_or_else(|| {
        Error::argument("TLS: no certificate for the server side (certfile); every node needs one")
    })?;
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(role))
        .map_err(refused)?;
    let builder = match role.verify {
        true => {
            let (authorities, crls) = (authorities(role, "server")?, revocation::read(role, "server")?);
            let callers = Callers::new(authorities, crls, role.demand_certificate, role.depth, provider);
            builder.with_client_cert_verifier(Arc::new(callers.map_err(refused)?))
        }
        false => builder.with_no_client_auth(),
    };
    let (chain, key) = identity(certificate, role)?;
    let mut config = builder.with_single_cert(chain, key).map_err(|error| unusable(certificate, error))?;
    // A connection lasts for days: sessions to be taken up again would be made for nothing.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.ignore_client_order = true;
    Ok(config)
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::argument(format!("TLS: {error}"))
}

fn unusable(certificate: &Pem, error: rustls::Error) -> Error {
    let why = match error {
        rustls::Error::InconsistentKeys(_) => "the private key is not the one of this certificate".to_owned(),
        rustls::Error::General(why) => why,
        other => other.to_string(),
    };
    Error::argument(format!("TLS: the certificate in {} cannot be used: {why}", certificate.title()))
}

fn versions(role: &Role) -> Vec<&'static SupportedProtocolVersion> {
    let known = [(TlsVersion::V1_3, &version::TLS13), (TlsVersion::V1_2, &version::TLS12)];
    known.iter().filter(|(version, _)| role.versions.contains(version)).map(|(_, theirs)| *theirs).collect()
}

/// The cipher suites of `role`, best first.
fn provider(role: &Role) -> Result<Arc<CryptoProvider>> {
    let mut provider = ring::default_provider();
    provider.cipher_suites = suites().to_vec();
    let place = |suite: &SupportedCipherSuite| {
        let name = format!("{:?}", suite.suite());
        SUITES.iter().position(|(standard, _)| *standard == name)
    };
    let wanted = |place: usize| match &role.ciphers {
        None => true,
        Some(names) => names.iter().any(|name| {
            let (standard, short) = SUITES[place];
            name == standard || name == short
        }),
    };
    provider.cipher_suites.retain(|suite| place(suite).is_some_and(wanted));
    provider.cipher_suites.sort_by_key(place);
    if provider.cipher_suites.is_empty() {
        let known: Vec<&str> = SUITES.iter().map(|(_, short)| *short).collect();
        return Err(Error::argument(format!(
            "TLS: none of the ciphers is known here; those are {}",
            known.join(", ")
        )));
    }
    Ok(Arc::new(provider))
}

/// The cipher suites of ring, those of AES-GCM in TLS 1.2 with [`MAX_RECORDS_OF_TLS12`].
fn suites() -> &'static [SupportedCipherSuite] {
    static LONGER: OnceLock<Vec<Tls12CipherSuite>> = OnceLock::new();
    static ALL: OnceLock<Vec<SupportedCipherSuite>> = OnceLock::new();
    let longer = LONGER.get_or_init(|| {
        let tls12 = ring::ALL_CIPHER_SUITES.iter().filter_map(|suite| match suite {
            SupportedCipherSuite::Tls12(suite) => Some(*suite),
            SupportedCipherSuite::Tls13(_) => None,
        });
        let longer = |suite: &Tls12CipherSuite| Tls12CipherSuite {
            common: CipherSuiteCommon {
                suite: suite.common.suite,
                hash_provider: suite.common.hash_provider,
                confidentiality_limit: suite.common.confidentiality_limit.max(MAX_RECORDS_OF_TLS12),
            },
            prf_provider: suite.prf_provider,
            kx: suite.kx,
            sign: suite.sign,
            aead_alg: suite.aead_alg,
        };
        tls12.map(longer).collect()
    });
    ALL.get_or_init(|| {
        let tls13 = ring::ALL_CIPHER_SUITES.iter().filter(|suite| suite.tls13().is_some()).copied();
        tls13.chain(longer.iter().map(SupportedCipherSuite::Tls12)).collect()
    })
}

pub(super) fn bytes(pem: &Pem, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    match pem {
        Pem::Memory(text) => Ok((**text).clone()),
        Pem::File(path) => {
            let step = || format!("cannot read the {what} in {}", path.display());
            let data = std::fs::metadata(path).map_err(|error| Error::io(step(), &error))?;
            if data.len() > MAX_PEM {
                return Err(Error::argument(format!(
                    "TLS: {} is too large to hold a {what}",
                    path.display()
                )));
            }
            std::fs::read(path).map(Zeroizing::new).map_err(|error| Error::io(step(), &error))
        }
    }
}

fn certificates(pem: &Pem, what: &str) -> Result<Vec<CertificateDer<'static>>> {
    let text = bytes(pem, what)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let all = all.map_err(|error| Error::argument(format!("TLS: {} is no PEM: {error}", pem.title())))?;
    match all.is_empty() {
        true => Err(Error::argument(format!("TLS: no certificate in {} (PEM is expected)", pem.title()))),
        false => Ok(all),
    }
}

fn authorities(role: &Role, side: &str) -> Result<RootCertStore> {
    let pem = role.authorities.as_ref().ok_or_else(|| {
        Error::argument(format!(
            "TLS: no authorities to verify peers by on the {side} side (cacertfile); verification is only off where that was asked for"
        ))
    })?;
    let mut store = RootCertStore::empty();
    for certificate in certificates(pem, "authorities' certificates")? {
        store.add(certificate).map_err(|error| {
            Error::argument(format!("TLS: a certificate in {} cannot be an authority: {error}", pem.title()))
        })?;
    }
    Ok(store)
}

fn identity(
    certificate: &Pem,
    role: &Role,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificates(certificate, "certificate")?;
    let source = role.key.as_ref().unwrap_or(certificate);
    let text = bytes(source, "private key")?;
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        let why = match text.windows(9).any(|word| word == b"ENCRYPTED") {
            true => "the private key in it is encrypted; `openssl pkey` decrypts one",
            false => "there is no private key in it (PEM is expected)",
        };
        Error::argument(format!("TLS: {}: {why}", source.title()))
    })?;
    Ok((chain, key))
}
