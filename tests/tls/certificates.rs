//! Authorities and certificates made for one test: good ones, and each kind of bad one.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    date_time_ymd, BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

/// Who issues certificates.
pub struct Authority {
    certificate: Certificate,
    key: KeyPair,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

/// What is to be wrong with a certificate.
#[allow(dead_code)] // the live tests do not need each
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    Expired,
    NotYetValid,
    OtherHost,
    OnlyForServers,
    OnlyForClients,
    /// Signed by itself instead of the authority.
    SelfSigned,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        Authority { certificate: params.self_signed(&key).unwrap(), key }
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for `localhost`, for both usages.
    pub fn issue(&self) -> Identity {
        self.issue_with(Flaw::None)
    }

    pub fn issue_with(&self, flaw: Flaw) -> Identity {
        let host = if flaw == Flaw::OtherHost { "elsewhere.example" } else { "localhost" };
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, host);
        params.not_before = date_time_ymd(if flaw == Flaw::NotYetValid { 2090 } else { 2020 }, 1, 1);
        params.not_after = date_time_ymd(if flaw == Flaw::Expired { 2021 } else { 2099 }, 1, 1);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match flaw {
            Flaw::OnlyForServers => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Flaw::OnlyForClients => vec![ExtendedKeyUsagePurpose::ClientAuth],
            _ => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        };
        let key = KeyPair::generate().unwrap();
        let certificate = match flaw {
            Flaw::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.certificate, &self.key),
        };
        Identity { certificate: certificate.unwrap().pem(), key: key.serialize_pem() }
    }
}

/// A directory that goes with the test.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Below the directory for temporary files of the tree `root`.
    pub fn new(root: &Path) -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = root.join(format!("erlnode-tls-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder { path }
    }

    /// Writes a file and gives its path.
    pub fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
