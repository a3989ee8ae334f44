//! Revocation lists (CRLs): where they are, and what counts when a certificate is in none.
//!
//! They come from files alone, as for OTP's `ssl_crl_hash_dir`; nothing is fetched over the network. Whether a list is signed
//! by the authority it speaks for is checked with each certificate, by webpki.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateRevocationListDer;

use super::options::{Pem, Role};
use crate::error::{Error, Result};

/// Which certificates have to be cleared by a revocation list: OTP's `crl_check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrlCheck {
    /// Each from the peer's up to the authority's own (`true`): refused unless a list that is in force is silent about it.
    Chain,
    /// The peer's alone (`peer`).
    Peer,
    /// Each, but one without a list in force is believed (`best_effort`). What any list revokes is refused.
    BestEffort,
}

/// The lists of one role and how they count.
pub(super) struct Revocation {
    pub(super) lists: Vec<CertificateRevocationListDer<'static>>,
    pub(super) check: CrlCheck,
}

/// Reads the lists of `role`; `None` when it asks for no check.
pub(super) fn read(role: &Role, side: &str) -> Result<Option<Revocation>> {
    let Some(check) = role.crl_check else { return Ok(None) };
    let source = role.crls.as_ref().ok_or_else(|| {
        Error::argument(format!(
            "TLS: crl_check without revocation lists on the {side} side; \
             {{crl_cache, {{ssl_crl_hash_dir, {{internal, [{{dir, Dir}}]}}}}}} says where they are"
        ))
    })?;
    let mut lists = Vec::new();
    for pem in parts(source)? {
        lists.extend(lists_in(&pem)?);
    }
    if lists.is_empty() && check != CrlCheck::BestEffort {
        return Err(Error::argument(format!("TLS: no revocation list in {}", source.title())));
    }
    Ok(Some(Revocation { lists, check }))
}

/// The files behind `source`, and it itself: a change of any means reading again.
pub(super) fn paths(source: &Pem) -> Vec<PathBuf> {
    let Pem::File(path) = source else { return Vec::new() };
    let mut paths = vec![path.clone()];
    if path.is_dir() {
        paths.extend(hashed(path).unwrap_or_default());
    }
    paths
}

fn parts(source: &Pem) -> Result<Vec<Pem>> {
    match source {
        Pem::File(path) if path.is_dir() => Ok(hashed(path)?.iter().map(Pem::file).collect()),
        _ => Ok(vec![source.clone()]),
    }
}

/// The files of a directory that OTP and OpenSSL look into: `HASH.r0`, `HASH.r1` and so on, HASH being that of the issuer's name.
fn hashed(folder: &Path) -> Result<Vec<PathBuf>> {
    let step = |error| Error::io(format!("cannot read the revocation lists in {}", folder.display()), &error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(step)? {
        let path = entry.map_err(step)?.path();
        let number = path.extension().and_then(|end| end.to_str()).and_then(|end| end.strip_prefix('r'));
        if number
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Any number of lists in PEM, or one in DER.
fn lists_in(pem: &Pem) -> Result<Vec<CertificateRevocationListDer<'static>>> {
    let bytes = super::credentials::bytes(pem, "revocation list")?;
    // DER begins with a sequence, which no text does.
    if bytes.first() == Some(&0x30) {
        return Ok(vec![CertificateRevocationListDer::from(bytes.to_vec())]);
    }
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    match lists {
        Ok(lists) if !lists.is_empty() => Ok(lists),
        Ok(_) => Err(Error::argument(format!("TLS: no revocation list in {}", pem.title()))),
        Err(error) => Err(Error::argument(format!("TLS: {} is no PEM: {error}", pem.title()))),
    }
}
