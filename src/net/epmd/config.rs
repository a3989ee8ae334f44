//! Where epmd is, and whether this process may be it.

use crate::error::{Error, Result};
use crate::proto::epmd::DEFAULT_PORT;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const V4_LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6_LOOPBACK: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const V4_ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const V6_ANY: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// Where epmd is, and whether this process may be it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpmdConfig {
    /// Port of every epmd, here and on other hosts.
    pub port: u16,
    /// Addresses on which the local epmd serves besides loopback. Empty: all of them.
    pub addresses: Vec<IpAddr>,
    /// Serve epmd in this process when nobody else does on this host.
    pub embedded: bool,
}

impl Default for EpmdConfig {
    /// Port 4369, all addresses, embedded allowed.
    fn default() -> Self {
        EpmdConfig { port: DEFAULT_PORT, addresses: Vec::new(), embedded: true }
    }
}

impl EpmdConfig {
    /// The defaults, changed by `ERL_EPMD_PORT` and `ERL_EPMD_ADDRESS` (a list separated by commas or blanks).
    ///
    /// Fails with `Argument` when one of them cannot be understood; using another epmd than the one meant would split the
    /// cluster silently.
    pub fn from_env() -> Result<Self> {
        let text = |name| std::env::var(name).unwrap_or_default();
        Self::from_texts(&text("ERL_EPMD_PORT"), &text("ERL_EPMD_ADDRESS"))
    }

    fn from_texts(port: &str, addresses: &str) -> Result<Self> {
        let mut config = EpmdConfig::default();
        if !port.trim().is_empty() {
            config.port = port.trim().parse().ok().filter(|&port| port != 0).ok_or_else(|| {
                Error::argument(format!("ERL_EPMD_PORT is \"{port}\": it must be a port from 1 to 65535"))
            })?;
        }
        for text in addresses.split(|c: char| c == ',' || c.is_whitespace()).filter(|text| !text.is_empty()) {
            config.addresses.push(text.parse().map_err(|_| {
                Error::argument(format!("ERL_EPMD_ADDRESS contains \"{text}\": it must list IP addresses"))
            })?);
        }
        Ok(config)
    }

    /// Where an embedded epmd listens; the first one decides who serves, the others are wished for.
    ///
    /// Loopback always belongs to it, because that is where nodes register; a wildcard covers the rest of its family.
    pub(crate) fn listen_addresses(&self) -> Vec<IpAddr> {
        let wished = |address| self.addresses.is_empty() || self.addresses.contains(&address);
        let v4 = if wished(V4_ANY) { V4_ANY } else { V4_LOOPBACK };
        let v6 = if wished(V6_ANY) { V6_ANY } else { V6_LOOPBACK };
        let mut all = vec![v4, v6];
        for &address in &self.addresses {
            let covered = all.contains(&if address.is_ipv4() { V4_ANY } else { V6_ANY });
            if !covered && !all.contains(&address) {
                all.push(address);
            }
        }
        all
    }

    /// Where to look for the local epmd, in this order.
    pub(crate) fn local_addresses(&self) -> Vec<IpAddr> {
        let mut all = vec![V4_LOOPBACK, V6_LOOPBACK];
        for &address in &self.addresses {
            if !address.is_unspecified() && !all.contains(&address) {
                all.push(address);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listens(port: &str, addresses: &str) -> Vec<String> {
        let config = EpmdConfig::from_texts(port, addresses).unwrap();
        config.listen_addresses().iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn an_empty_environment_gives_the_defaults() {
        assert_eq!(EpmdConfig::from_texts("", "").unwrap(), EpmdConfig::default());
        assert_eq!(listens("", ""), ["0.0.0.0", "::"]);
    }

    #[test]
    fn addresses_are_separated_by_commas_or_blanks_and_loopback_is_always_there() {
        assert_eq!(
            listens("1", "10.0.0.1, 10.0.0.2 fe80::1"),
            ["127.0.0.1", "::1", "10.0.0.1", "10.0.0.2", "fe80::1"]
        );
        assert_eq!(listens("1", "127.0.0.1"), ["127.0.0.1", "::1"]);
        assert_eq!(listens("1", "0.0.0.0,10.0.0.1"), ["0.0.0.0", "::1"]);
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for (port, addresses) in
            [("0", ""), ("65536", ""), ("x", ""), ("", "nohost"), ("", "1.2.3.4,256.1.1.1")]
        {
            assert!(EpmdConfig::from_texts(port, addresses).is_err(), "{port} {addresses}");
        }
    }
}
