//! Cookies and the digests that prove their possession.
//!
//! The protocol prescribes MD5 over cookie and challenge. That keeps a cookie from casual listeners and nothing more;
//! the transport has to give the rest.
//! Always true: a [`Cookie`] shows itself to nobody and leaves no copy of its own behind.

use crate::error::{Error, Result};
use md5::{Digest as _, Md5};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Length of a digest in bytes.
pub const DIGEST_LEN: usize = 16;

/// A BEAM's cookie is an atom of at most 255 characters; `ei` allows twice as much.
const MAX_COOKIE: usize = 512;

/// The shared secret of a cluster.
///
/// Erased from memory when the last clone goes. It has neither `Debug` nor `Display`, so no log can show it by
/// accident; what it does tell is where it came from.
#[derive(Clone)]
pub struct Cookie {
    secret: Arc<Zeroizing<Box<[u8]>>>,
    source: Arc<str>,
}

impl Cookie {
    /// A cookie given as text. `source` says where it came from, for people who must make two cookies equal:
    /// "$HOME/.erlang.cookie", "the cookie option".
    ///
    /// # Errors
    /// [`Error::Argument`] if it is empty, longer than 512 characters, or has characters beyond Latin-1.
    pub fn new(text: &str, source: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::argument("the cookie is empty: any peer could connect"));
        }
        // Room for every byte at once: growing would leave copies of the secret behind.
        let mut latin1 = Zeroizing::new(Vec::with_capacity(text.len()));
        for c in text.chars() {
            let byte = u8::try_from(u32::from(c))
                .map_err(|_| Error::argument("a cookie has only Latin-1 characters (up to U+00FF)"))?;
            latin1.push(byte);
        }
        Self::from_latin1(&latin1, source)
    }

    /// A cookie given as bytes. An empty one is possible here, because an atom can be empty.
    ///
    /// # Errors
    /// [`Error::Argument`] if it is longer than 512 bytes.
    pub fn from_latin1(bytes: &[u8], source: &str) -> Result<Self> {
        if bytes.len() > MAX_COOKIE {
            return Err(Error::argument("a cookie has at most 512 characters"));
        }
        Ok(Cookie { secret: Arc::new(Zeroizing::new(bytes.into())), source: source.into() })
    }

    /// Where the cookie came from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The bytes themselves, one per character. For handing it over to a program that must know it
    /// (`erlang:get_cookie/0`); never for texts.
    pub fn expose(&self) -> &[u8] {
        &self.secret
    }

    /// The proof that we know the cookie, for this challenge.
    pub fn digest(&self, challenge: u32) -> [u8; DIGEST_LEN] {
        let mut md5 = Md5::new();
        md5.update(&**self.secret);
        md5.update(challenge.to_string().as_bytes());
        md5.finalize().into()
    }

    /// Does `digest` prove that its sender knows the cookie? Takes the same time for every answer.
    pub fn verify(&self, challenge: u32, digest: &[u8; DIGEST_LEN]) -> bool {
        self.digest(challenge).ct_eq(digest).into()
    }

    /// Equal secrets? Takes the same time for every pair of the same lengths.
    pub fn same_as(&self, other: &Cookie) -> bool {
        self.secret.ct_eq(&other.secret).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn digests_are_those_of_real_nodes() {
        let vectors = [
            ("secret", 305_419_896, "1f4d9b4e53cadc3999bcdb386a23c240"),
            ("c", 5, "25ea1682e16466c0667abdc095920f6c"),
            ("monster", 4_294_967_295, "9dffd90a48c46a8277429bfdefc02ebe"),
        ];
        for (cookie, challenge, expected) in vectors {
            let cookie = Cookie::new(cookie, "test").unwrap();
            let digest = cookie.digest(challenge);
            assert_eq!(hex(&digest), expected);
            assert!(cookie.verify(challenge, &digest));
            assert!(!cookie.verify(challenge ^ 1, &digest));
        }
    }

    #[test]
    fn a_cookie_is_latin1_and_not_empty() {
        assert!(Cookie::new("", "test").is_err());
        assert!(Cookie::new("a\u{100}", "test").is_err());
        assert!(Cookie::new(&"x".repeat(513), "test").is_err());
        let cookie = Cookie::new("caf\u{e9}", "test").unwrap();
        assert_eq!(cookie.expose(), b"caf\xe9");
        assert!(cookie.same_as(&Cookie::from_latin1(b"caf\xe9", "elsewhere").unwrap()));
        assert!(!cookie.same_as(&Cookie::new("cafe", "test").unwrap()));
    }
}
