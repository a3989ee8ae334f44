//! One node per address that a DNS name has: `basename@address`, as behind a headless service of Kubernetes.
//!
//! Asks the resolver of the system for A and AAAA records; it cannot be asked for SRV records, which `srv` does.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::net::discovery::{Asker, Found, Strategy, MAX_NAMES};
use crate::proto::name::NodeName;

/// How long the resolver may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two questions; libcluster's default.
const PAUSE: Duration = Duration::from_secs(5);

/// Asks for the addresses of a host name.
#[derive(Debug, Clone)]
pub struct Dns {
    basename: String,
    query: String,
    pause: Duration,
}

impl Dns {
    /// Nodes `basename@ADDRESS` for each address of `query`.
    ///
    /// # Errors
    /// `BadName` if that cannot become the name of a node.
    pub fn new(basename: &str, query: &str) -> Result<Dns> {
        NodeName::new(&format!("{basename}@127.0.0.1"))?;
        if query.is_empty() {
            return Err(Error::argument("the DNS name to look up is empty"));
        }
        Ok(Dns { basename: basename.to_owned(), query: query.to_owned(), pause: PAUSE })
    }

    /// How long to wait between two questions; 5 s unless set.
    pub fn every(mut self, pause: Duration) -> Dns {
        self.pause = pause;
        self
    }

    async fn resolve(&self) -> Result<Vec<NodeName>> {
        let failed = |why: String| Error::HostUnknown {
            node: format!("{}@{}", self.basename, self.query),
            host: self.query.clone(),
            why,
        };
        let lookup = tokio::net::lookup_host((self.query.as_str(), 0));
        let found = tokio::time::timeout_at(Instant::now() + PATIENCE, lookup)
            .await
            .map_err(|_| failed("the resolver did not answer in time".into()))?
            .map_err(|error| failed(error.to_string()))?;
        let mut addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
        addresses.sort();
        addresses.dedup();
        let names =
            addresses.into_iter().filter_map(|ip| NodeName::new(&format!("{}@{ip}", self.basename)).ok());
        Ok(names.take(MAX_NAMES).collect())
    }
}

impl Strategy for Dns {
    fn find<'a>(&'a mut self, _asker: &'a Asker) -> Found<'a> {
        Box::pin(self.resolve())
    }

    fn pause(&self) -> Duration {
        self.pause
    }
}
