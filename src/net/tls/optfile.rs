//! OTP's option file for TLS distribution: one Erlang term, read as a BEAM reads it, and refused where we would do less.

use std::path::Path;

use super::options::{Pem, Role, Tls, TlsVersion};
use super::revocation::CrlCheck;
use crate::error::{Error, Result};
use crate::term::Term;

/// Options that change nothing here: speed and logging of OTP's own implementation, things we always or never do.
const WITHOUT_EFFECT: &[&str] = &[
    "client_renegotiation",
    "dh",
    "dhfile",
    "handshake_completed_log",
    "hibernate_after",
    "high_watermark",
    "honor_cipher_order",
    "honor_ecc_order",
    "keepalive",
    "key_update_at",
    "ktls",
    "log_alert",
    "log_level",
    "low_watermark",
    "max_fragment_length",
    "nodelay",
    "renegotiate_at",
    "reuse_session",
    "reuse_sessions",
    "secure_renegotiate",
    "session_tickets",
];

/// Larger files are no option files.
const MAX_FILE: usize = 1 << 20;

/// Reads the file.
pub(super) fn read(path: &Path) -> Result<Tls> {
    let bytes = std::fs::read(path)
        .map_err(|error| Error::io(format!("cannot read the TLS option file {}", path.display()), &error))?;
    if bytes.len() > MAX_FILE {
        return Err(Error::argument(format!("{} is too large for a TLS option file", path.display())));
    }
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect());
    parse(&text).map_err(|error| Error::argument(format!("TLS option file {}: {error}", path.display())))
}

fn parse(text: &str) -> Result<Tls> {
    let term = Term::parse(text)?;
    let sections = term.as_list().ok_or_else(|| {
        Error::argument("not a list of {server, [Option]} and {client, [Option]} with a full stop after it")
    })?;
    let mut tls = Tls { client: Role::default(), server: Role::default(), check_callers: None };
    for section in sections {
        let (name, options) = pair(section)?;
        let options = options
            .as_list()
            .ok_or_else(|| Error::argument(format!("the options of {name} are no list: {options}")))?;
        match name {
            "server" | "client" => {
                let server = name == "server";
                let role = if server { &mut tls.server } else { &mut tls.client };
                // Of two with the same name the first counts, as in OTP.
                for option in options.iter().rev() {
                    set(role, server, &mut tls.check_callers, option)
                        .map_err(|error| Error::argument(format!("{name}: {error}")))?;
                }
            }
            _ => return Err(Error::argument(format!("unknown section {name}; there are server and client"))),
        }
    }
    Ok(tls)
}

/// `{name, Value}`.
fn pair(term: &Term) -> Result<(&str, &Term)> {
    match term.as_tuple() {
        Some([name, value]) if name.as_atom().is_some() => {
            Ok((name.as_atom().map_or("", |name| name.as_str()), value))
        }
        _ => Err(Error::argument(format!("{term} is no {{name, Value}}"))),
    }
}

fn set(role: &mut Role, server: bool, check_callers: &mut Option<bool>, option: &Term) -> Result<()> {
    let (name, value) = pair(option)?;
    let bad = |wanted: &str| Error::argument(format!("{name} is {value}; it has to be {wanted}"));
    match name {
        "certfile" => role.certificate = Some(file(value).ok_or_else(|| bad("a path"))?),
        "keyfile" => role.key = Some(file(value).ok_or_else(|| bad("a path"))?),
        "cacertfile" => role.authorities = Some(file(value).ok_or_else(|| bad("a path"))?),
        "certs_keys" => {
            let wanted = || bad("a list of one map with certfile and keyfile");
            let [one] = value.as_list().ok_or_else(wanted)? else { return Err(wanted()) };
            let map = one.as_map().ok_or_else(wanted)?;
            for (key, value) in map.iter() {
                match key.as_atom().map(|key| key.as_str()) {
                    Some("certfile") => role.certificate = Some(file(value).ok_or_else(wanted)?),
                    Some("keyfile") => role.key = Some(file(value).ok_or_else(wanted)?),
                    _ => return Err(wanted()),
                }
            }
        }
        "verify" => match value.as_atom().map(|value| value.as_str()) {
            Some("verify_peer") => role.verify = true,
            Some("verify_none") => role.verify = false,
            _ => return Err(bad("verify_peer or verify_none")),
        },
        "fail_if_no_peer_cert" if server => {
            role.demand_certificate = value.as_bool().ok_or_else(|| bad("true or false"))?;
        }
        "versions" => {
            role.versions = versions(value).ok_or_else(|| bad("a list of 'tlsv1.2' and 'tlsv1.3'"))?
        }
        "ciphers" => {
            role.ciphers = Some(names(value).ok_or_else(|| bad("a list of names (strings)"))?);
        }
        "depth" => {
            role.depth = Some(
                value
                    .as_u64()
                    .and_then(|n| usize::try_from(n).ok())
                    .ok_or_else(|| bad("a number from 0 on"))?,
            );
        }
        "verify_fun" if server && is_verify_client(value) => *check_callers = Some(true),
        "crl_check" => {
            role.crl_check = match value.as_atom().map(|value| value.as_str()) {
                Some("false") => None,
                Some("true") => Some(CrlCheck::Chain),
                Some("peer") => Some(CrlCheck::Peer),
                Some("best_effort") => Some(CrlCheck::BestEffort),
                _ => return Err(bad("true, false, peer or best_effort")),
            }
        }
        "crl_cache" => {
            role.crls = Some(hash_dir(value).ok_or_else(|| {
                bad("{ssl_crl_hash_dir, {internal, [{dir, Dir}]}} (lists are neither fetched nor kept by Erlang code)")
            })?);
        }
        "password" => {
            return Err(Error::argument(
                "password: encrypted private keys are not supported; `openssl pkey` decrypts one",
            ))
        }
        _ if WITHOUT_EFFECT.contains(&name) => {}
        _ => {
            return Err(Error::argument(format!(
                "the option {name} is not supported; leave it out if nothing depends on it"
            )))
        }
    }
    Ok(())
}

/// `{inet_tls_dist, verify_client, State}`: the caller's certificate has to be for its host.
fn is_verify_client(value: &Term) -> bool {
    matches!(value.as_tuple(), Some([module, function, _])
        if module.is_atom("inet_tls_dist") && function.is_atom("verify_client"))
}

/// `{ssl_crl_hash_dir, {internal, [{dir, Dir}]}}`: the directory.
fn hash_dir(value: &Term) -> Option<Pem> {
    let [module, place] = value.as_tuple()? else { return None };
    let [handle, arguments] = place.as_tuple()? else { return None };
    let [argument] = arguments.as_list()? else { return None };
    match pair(argument).ok()? {
        ("dir", dir) if module.is_atom("ssl_crl_hash_dir") && handle.is_atom("internal") => file(dir),
        _ => None,
    }
}

/// A string, as a list of characters or a binary.
fn text(term: &Term) -> Option<String> {
    if let Some(bytes) = term.as_bytes() {
        return String::from_utf8(bytes.to_vec()).ok();
    }
    let character = |item: &Term| item.as_u64().and_then(|n| u32::try_from(n).ok()).and_then(char::from_u32);
    term.as_list().filter(|list| !list.is_empty())?.iter().map(character).collect()
}

fn file(value: &Term) -> Option<Pem> {
    text(value).map(Pem::file)
}

fn versions(value: &Term) -> Option<Vec<TlsVersion>> {
    let version = |item: &Term| match item.as_atom()?.as_str() {
        "tlsv1.2" => Some(TlsVersion::V1_2),
        "tlsv1.3" => Some(TlsVersion::V1_3),
        _ => None,
    };
    value.as_list().filter(|list| !list.is_empty())?.iter().map(version).collect()
}

/// `["A", "B"]` or `"A:B"`.
fn names(value: &Term) -> Option<Vec<String>> {
    match text(value) {
        Some(all) => Some(all.split(':').map(str::to_owned).collect()),
        None => value.as_list().filter(|list| !list.is_empty())?.iter().map(text).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_file_of_otps_manual_is_understood() {
        let tls = parse(
            "%% both sides\n[{server, [{certfile, \"/etc/server.pem\"}, {keyfile, <<\"/etc/key.pem\">>},\n\
             {secure_renegotiate, true}, {cacertfile, \"/etc/ca.pem\"}, {verify, verify_peer}]},\n\
             {client, [{secure_renegotiate, true}, {verify, verify_none}, {versions, ['tlsv1.3', 'tlsv1.2']}]}].\n",
        )
        .unwrap();
        assert_eq!(tls.server.certificate.unwrap().title(), "/etc/server.pem");
        assert_eq!(tls.server.key.unwrap().title(), "/etc/key.pem");
        assert!(tls.server.verify && tls.server.demand_certificate && !tls.client.verify);
        assert!(tls.client.certificate.is_none());
        assert_eq!(tls.client.versions, [TlsVersion::V1_3, TlsVersion::V1_2]);
    }

    #[test]
    fn of_two_options_with_one_name_the_first_counts() {
        let tls =
            parse("[{client, [{verify, verify_peer}, {verify, verify_none}, {depth, 1}, {depth, 5}]}].")
                .unwrap();
        assert!(tls.client.verify);
        assert_eq!(tls.client.depth, Some(1));
    }

    #[test]
    fn one_pair_of_certificate_and_key_is_enough_for_certs_keys() {
        let tls = parse("[{server, [{certs_keys, [#{certfile => \"a\", keyfile => \"b\"}]}]}].").unwrap();
        assert_eq!(tls.server.certificate.unwrap().title(), "a");
        assert!(complaint("[{server, [{certs_keys, [#{certfile => \"a\"}, #{}]}]}].").contains("certs_keys"));
    }

    #[test]
    fn an_option_that_would_be_ignored_is_named() {
        for (text, named) in [
            ("[{server, [{crl_check, all}]}].", "best_effort"),
            ("[{server, [{crl_cache, {ssl_crl_cache, {internal, [{http, 1000}]}}}]}].", "ssl_crl_hash_dir"),
            ("[{server, [{verify_fun, {mine, check, []}}]}].", "verify_fun"),
            ("[{client, [{password, \"x\"}]}].", "password"),
            ("[{client, [{fail_if_no_peer_cert, true}]}].", "fail_if_no_peer_cert"),
            ("[{client, [inet6]}].", "inet6"),
            ("[{peer, []}].", "peer"),
            ("[{client, [{versions, ['tlsv1.1']}]}].", "tlsv1.1"),
            ("[{client, [{verify, true}]}].", "verify_peer or verify_none"),
            ("{server, []}.", "not a list"),
        ] {
            assert!(complaint(text).contains(named), "{text}: {}", complaint(text));
        }
    }

    #[test]
    fn revocation_lists_are_a_directory_as_otp_takes_it() {
        let cache = "{crl_cache, {ssl_crl_hash_dir, {internal, [{dir, \"/etc/crls\"}]}}}";
        let tls = parse(&format!(
            "[{{client, [{{crl_check, peer}}, {cache}]}}, {{server, [{{crl_check, false}}]}}]."
        ))
        .unwrap();
        assert_eq!(tls.client.crl_check, Some(CrlCheck::Peer));
        assert_eq!(tls.client.crls.unwrap().title(), "/etc/crls");
        assert_eq!(tls.server.crl_check, None);
    }

    #[test]
    fn cipher_suites_are_a_list_or_one_text() {
        let wanted = ["TLS_AES_256_GCM_SHA384", "ECDHE-RSA-AES128-GCM-SHA256"];
        for text in [
            "[{client, [{ciphers, [\"TLS_AES_256_GCM_SHA384\", \"ECDHE-RSA-AES128-GCM-SHA256\"]}]}].",
            "[{client, [{ciphers, \"TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES128-GCM-SHA256\"}]}].",
        ] {
            assert_eq!(parse(text).unwrap().client.ciphers.unwrap(), wanted);
        }
    }
}
