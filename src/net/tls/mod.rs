//! Distribution over TLS, as OTP's `-proto_dist inet_tls` (protocol section 15).
//!
//! `options` and `optfile` say what the program wants, `credentials` (with `revocation` for CRLs) turns that into configurations of rustls and checks
//! peers, `session` is one connection, `trouble` has the words for what goes wrong. Handshake and packets inside are those
//! of plain TCP, but for lengths of four bytes from the start. Without the feature `tls`, `absent` takes the place of all.

mod credentials;
mod optfile;
mod options;
mod revocation;
mod session;
mod trouble;
mod verify;

pub(crate) use credentials::Credentials;
pub use options::{Tls, TlsVersion};
pub use revocation::CrlCheck;
pub(crate) use session::{Cipher, Session, Stage};
pub(crate) use trouble::{explain, Direction};
