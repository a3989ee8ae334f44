//! The name of this node: what the program wrote, completed by this host's name (protocol section 2).

use std::net::IpAddr;

use crate::error::{Error, Result};
use crate::node::config::Names;
use crate::proto::name::NodeName;

/// The full name of a node that is to be called `text`.
pub(crate) fn full_name(text: &str, names: Names) -> Result<NodeName> {
    let bad = |why| Error::BadName { name: text.to_owned(), why };
    let name = match text.split_once('@') {
        Some(_) => NodeName::new(text)?,
        None if names == Names::Long => NodeName::new(&format!("{text}@{}", long_host()?))?,
        None => NodeName::new(&format!("{text}@{}", short_host()?))?,
    };
    match names {
        Names::Short if name.is_long() => {
            Err(bad("its host part is long, and short names were asked for: leave the domain out"))
        }
        Names::Long if name.is_short() => Err(bad(
            "its host part has no dot, and long names were asked for: add the domain or use an address",
        )),
        _ => Ok(name),
    }
}

/// The host part for a name that the peer shall choose.
pub(crate) fn own_host(names: Names) -> Result<String> {
    match names {
        Names::Long => long_host(),
        _ => short_host(),
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn short_host() -> Result<String> {
    let host = host_name();
    let label = host.split('.').next().unwrap_or_default();
    match label.is_empty() {
        true => Err(unusable()),
        false => Ok(label.to_owned()),
    }
}

/// The host's full name: its own if that has a dot, else from /etc/hosts, else with the resolver's domain.
fn long_host() -> Result<String> {
    let host = host_name();
    if host.contains('.') || host.parse::<IpAddr>().is_ok() {
        return Ok(host);
    }
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    from_hosts(&hosts, &host)
        .or_else(|| domain(&resolver).map(|domain| format!("{host}.{domain}")))
        .ok_or_else(unusable)
}

fn unusable() -> Error {
    Error::BadName {
        name: host_name(),
        why: "this host's name is no use for a node name: write the name as alive@host",
    }
}

/// The dotted name on the line of /etc/hosts that has `host`.
fn from_hosts(hosts: &str, host: &str) -> Option<String> {
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines
        .map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>())
        .find(|names| names.contains(&host) && names.iter().any(|name| name.contains('.')))
        .and_then(|names| names.into_iter().find(|name| name.contains('.')).map(str::to_owned))
}

fn domain(resolver: &str) -> Option<String> {
    let mut lines = resolver.lines().map(|line| line.split_whitespace());
    lines.find_map(|mut words| match words.next() {
        Some("domain" | "search") => words.next().map(str::to_owned),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_host_comes_from_the_hosts_line_of_the_short_one() {
        let hosts = "127.0.0.1 localhost # comment\n10.0.0.7 box.example.org box\n";
        assert_eq!(from_hosts(hosts, "box").as_deref(), Some("box.example.org"));
        assert_eq!(from_hosts(hosts, "localhost"), None);
        assert_eq!(domain("nameserver 1.1.1.1\nsearch example.net other\n").as_deref(), Some("example.net"));
    }

    #[test]
    fn short_and_long_do_not_mix() {
        assert!(full_name("kate@host.example.org", Names::Short).is_err());
        assert!(full_name("kate@host", Names::Long).is_err());
        assert_eq!(full_name("kate@127.0.0.1", Names::Long).unwrap().as_str(), "kate@127.0.0.1");
        assert!(full_name("ka te@host", Names::Guess).is_err());
        assert!(full_name("kate@", Names::Guess).is_err());
    }
}
