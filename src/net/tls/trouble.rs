//! Words for what goes wrong with TLS: what happened, at which end, and what cures it.

use std::io;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, ExtendedKeyPurpose};

use super::verify::TooDeep;

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// We called.
    Calling,
    /// We were called.
    Called,
}

/// What `error` means if it comes from TLS.
pub(crate) fn explain(error: &io::Error, direction: Direction) -> Option<String> {
    let inner = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(text(inner, direction))
}

fn text(error: &rustls::Error, direction: Direction) -> String {
    match error {
        rustls::Error::InvalidCertificate(why) => format!("its certificate {}", certificate(why, direction)),
        rustls::Error::InvalidCertRevocationList(why) => {
            format!("its certificate cannot be checked: a revocation list that names its authority is not valid ({why:?})")
        }
        rustls::Error::NoCertificatesPresented => {
            "it showed no certificate; its client options need certfile and keyfile".into()
        }
        rustls::Error::AlertReceived(alert) => refusal(*alert),
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS: is it a node without -proto_dist inet_tls?".into()
        }
        rustls::Error::PeerIncompatible(why) => {
            format!("no TLS version or cipher that both sides have ({why:?})")
        }
        other => other.to_string(),
    }
}

fn certificate(why: &CertificateError, direction: Direction) -> String {
    match why {
        CertificateError::Expired => "has expired: it needs a new one".into(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("expired on {}: it needs a new one (or our clock is wrong)", date(not_after))
        }
        CertificateError::NotValidYet => "is not valid yet".into(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid before {} (are both clocks right?)", date(not_before))
        }
        CertificateError::UnknownIssuer => {
            "was issued by none of our authorities (cacertfile), or a certificate between is missing in its certfile".into()
        }
        CertificateError::NotValidForName => "is not for the host of its node name".into(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let host = expected.to_str();
            let cure = format!("issue one with {host} as subjectAltName");
            match presented.is_empty() {
                true => format!("is not for the host {host}, having no subjectAltName: {cure}"),
                false => {
                    let names: Vec<String> = presented.iter().map(|name| plain(name)).collect();
                    format!("is not for the host {host} but for {}: {cure}, or call it by a name it has", names.join(", "))
                }
            }
        }
        CertificateError::InvalidPurpose => purpose(direction).into(),
        CertificateError::InvalidPurposeContext { required, .. } => match required {
            ExtendedKeyPurpose::ServerAuth => purpose(Direction::Calling).into(),
            ExtendedKeyPurpose::ClientAuth => purpose(Direction::Called).into(),
            ExtendedKeyPurpose::Other(_) => purpose(direction).into(),
        },
        CertificateError::Revoked => "was revoked".into(),
        CertificateError::UnknownRevocationStatus => {
            "is covered by none of our revocation lists, and crl_check wants one of each authority in its chain".into()
        }
        CertificateError::ExpiredRevocationList => {
            "cannot be checked: the revocation list of its authority is no longer in force".into()
        }
        CertificateError::ExpiredRevocationListContext { next_update, .. } => format!(
            "cannot be checked: the revocation list of its authority was in force until {}",
            date(next_update)
        ),
        CertificateError::BadSignature => "is not signed by the authority that it names".into(),
        CertificateError::Other(other) => match other.0.downcast_ref::<TooDeep>() {
            Some(deep) => deep.to_string(),
            None => format!("is not accepted: {other}"),
        },
        other => format!("is not accepted: {other}"),
    }
}

/// A name as it stands in a certificate, of rustls' `DnsName("db1.example")` or `IpAddress(10.0.0.7)`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"').escape_debug().to_string()
}

fn purpose(direction: Direction) -> &'static str {
    match direction {
        Direction::Calling => "is not made for servers (its extended key usage lacks serverAuth)",
        Direction::Called => "is not made for clients (its extended key usage lacks clientAuth)",
    }
}

/// The peer sent an alert: it refused us.
fn refusal(alert: AlertDescription) -> String {
    let why = match alert {
        AlertDescription::CertificateRequired => {
            "it wants a certificate from callers, and our client side has none"
        }
        AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => {
            "it does not accept our certificate; is that for the host of our name, and for what we do? Its log says more"
        }
        AlertDescription::CertificateExpired => {
            "our certificate is not valid at this time: it has to be renewed, or a clock is wrong"
        }
        AlertDescription::CertificateRevoked => "our certificate was revoked",
        AlertDescription::UnknownCA => "none of its authorities (its cacertfile) has issued our certificate",
        AlertDescription::HandshakeFailure => {
            "no cipher that both sides have, or it wants a certificate that we do not have"
        }
        AlertDescription::ProtocolVersion => "no TLS version that both sides have",
        AlertDescription::UnexpectedMessage => "it met something else than it expected",
        _ => "see its log",
    };
    format!("it refused us with the alert {alert:?}: {why}")
}

/// `2026-11-20` (UTC).
fn date(time: &UnixTime) -> String {
    // Days are counted from the first of March of the year 0, so that the odd day of leap years comes last.
    let days = time.as_secs() / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_as_they_stand_in_the_certificate() {
        assert_eq!(plain("DnsName(\"db1.example\")"), "db1.example");
        assert_eq!(plain("IpAddress(10.0.0.7)"), "10.0.0.7");
        assert_eq!(plain("odd\u{1b}"), "odd\\u{1b}");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let text = |secs: u64| date(&UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs)));
        assert_eq!(text(0), "1970-01-01");
        assert_eq!(text(951_782_400), "2000-02-29");
        assert_eq!(text(1_709_251_199), "2024-02-29");
        assert_eq!(text(1_709_251_200), "2024-03-01");
        assert_eq!(text(4_102_444_799), "2099-12-31");
    }
}
