//! Whether a peer's certificate is believed. The rules are those of webpki; added are OTP's `depth`, and no rules at all.
//!
//! Always true: the peer has proved that it owns the certificate, also where nobody asks who issued that.

use std::fmt;
use std::sync::Arc;

use super::revocation::{CrlCheck, Revocation};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature, CryptoProvider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};

/// More certificates stand between the peer's and the authority's than `depth` allows.
#[derive(Debug)]
pub(super) struct TooDeep {
    depth: usize,
}

impl fmt::Display for TooDeep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "has a longer chain than depth {} allows", self.depth)
    }
}

impl std::error::Error for TooDeep {}

fn check_depth(depth: Option<usize>, intermediates: &[CertificateDer<'_>]) -> Result<(), Error> {
    match depth {
        Some(depth) if intermediates.len() > depth => {
            Err(CertificateError::Other(OtherError(Arc::new(TooDeep { depth }))).into())
        }
        _ => Ok(()),
    }
}

/// Adds the revocation lists to one of rustls's two builders, which have these functions and no trait for them.
macro_rules! with_crls {
    ($rules:expr, $crls:expr) => {
        match $crls {
            None => $rules,
            Some(Revocation { lists, check }) => {
                let rules = $rules.with_crls(lists);
                match check {
                    CrlCheck::Chain => rules.enforce_revocation_expiration(),
                    CrlCheck::Peer => {
                        rules.only_check_end_entity_revocation().enforce_revocation_expiration()
                    }
                    CrlCheck::BestEffort => rules.allow_unknown_revocation_status(),
                }
            }
        }
    };
}

/// Checks the nodes that we call.
#[derive(Debug)]
pub(super) struct Called {
    /// `None` believes everything.
    rules: Option<Arc<WebPkiServerVerifier>>,
    depth: Option<usize>,
    provider: Arc<CryptoProvider>,
}

impl Called {
    pub(super) fn new(
        authorities: Option<RootCertStore>,
        crls: Option<Revocation>,
        depth: Option<usize>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Called, rustls::client::VerifierBuilderError> {
        let rules = authorities.map(|authorities| {
            let rules = WebPkiServerVerifier::builder_with_provider(authorities.into(), provider.clone());
            with_crls!(rules, crls).build()
        });
        Ok(Called { rules: rules.transpose()?, depth, provider })
    }
}

impl ServerCertVerifier for Called {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(rules) = &self.rules else { return Ok(ServerCertVerified::assertion()) };
        check_depth(self.depth, intermediates)?;
        rules.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks the nodes that call us.
#[derive(Debug)]
pub(super) struct Callers {
    rules: Arc<dyn ClientCertVerifier>,
    depth: Option<usize>,
}

impl Callers {
    pub(super) fn new(
        authorities: RootCertStore,
        crls: Option<Revocation>,
        demand_certificate: bool,
        depth: Option<usize>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Callers, rustls::client::VerifierBuilderError> {
        let mut rules = WebPkiClientVerifier::builder_with_provider(authorities.into(), provider);
        if !demand_certificate {
            rules = rules.allow_unauthenticated();
        }
        Ok(Callers { rules: with_crls!(rules, crls).build()?, depth })
    }
}

impl ClientCertVerifier for Callers {
    fn offer_client_auth(&self) -> bool {
        self.rules.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.rules.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.rules.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        check_depth(self.depth, intermediates)?;
        self.rules.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rules.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rules.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rules.supported_verify_schemes()
    }
}
