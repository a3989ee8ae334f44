//! Authorities and certificates made for one test: good ones, and each kind of bad one.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rcgen::{
    date_time_ymd, BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};

/// Who issues certificates.
pub struct Authority {
    certificate: Certificate,
    key: KeyPair,
    serial: u64,
    /// What lies between it and the authority that others know, in PEM.
    chain: String,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
    pub serial: u64,
}

/// Each certificate is another one.
fn serial() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    COUNT.fetch_add(1, Ordering::Relaxed)
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
        let (params, key, serial) = Authority::params(name);
        Authority { certificate: params.self_signed(&key).unwrap(), key, serial, chain: String::new() }
    }

    /// One that this one vouches for.
    #[allow(dead_code)] // the live tests do not need each
    pub fn below(&self, name: &str) -> Authority {
        let (params, key, serial) = Authority::params(name);
        let certificate = params.signed_by(&key, &self.certificate, &self.key).unwrap();
        let chain = format!("{}{}", certificate.pem(), self.chain);
        Authority { certificate, key, serial, chain }
    }

    fn params(name: &str) -> (CertificateParams, KeyPair, u64) {
        let (mut params, serial) = (CertificateParams::default(), serial());
        params.serial_number = Some(SerialNumber::from(serial));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // No key usages: rcgen writes them longer than OTP does, which encodes the signer of a revocation list anew and then takes
        // its signature for a forgery.
        (params, KeyPair::generate().unwrap(), serial)
    }

    #[allow(dead_code)]
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// A list of what it revoked, in force until the end of the year `until`.
    pub fn revoke(&self, serials: &[u64], until: i32) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(until, 12, 31),
            crl_number: SerialNumber::from(serial()),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.certificate, &self.key).unwrap().pem().unwrap()
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
        let (mut params, serial) = (CertificateParams::new([host.to_owned()]).unwrap(), serial());
        params.serial_number = Some(SerialNumber::from(serial));
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
        let certificate = format!("{}{}", certificate.unwrap().pem(), self.chain);
        Identity { certificate, key: key.serialize_pem(), serial }
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
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
