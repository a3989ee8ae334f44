//! One node per target of a DNS name's SRV records: `basename@target`, as behind a headless service with named hosts.
//!
//! The resolver of the system cannot be asked for them, so its name servers are: those of `/etc/resolv.conf`, one after the
//! other, by UDP, and by TCP for what does not fit. Priority, weight and port of a record do not matter: all nodes are
//! wanted, and epmd knows their ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::net::discovery::{Asker, Found, Strategy, MAX_NAMES};
use crate::proto::dns::{self, Answer};
use crate::proto::name::NodeName;

/// What one server may take for one question, as the C library's resolver.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the servers are asked one after the other: datagrams get lost.
const ATTEMPTS: usize = 2;
/// Between two questions, as for addresses.
const PAUSE: Duration = Duration::from_secs(5);
/// Servers looked at in `/etc/resolv.conf`, as the C library does.
const MAX_SERVERS: usize = 3;
const RESOLV_CONF: &str = "/etc/resolv.conf";
const DNS_PORT: u16 = 53;
/// A datagram without extensions.
const MAX_DATAGRAM_BYTES: usize = 512;

/// Asks for the SRV records of a name.
#[derive(Debug, Clone)]
pub struct Srv {
    basename: String,
    query: String,
    server: Option<SocketAddr>,
    pause: Duration,
}

impl Srv {
    /// Nodes `basename@TARGET` for each target of the SRV records of `query`, which is a whole name: `_epmd._tcp.example.org`,
    /// or `my-app.default.svc.cluster.local`.
    ///
    /// # Errors
    /// `BadName` if that cannot become the name of a node; `Argument` for what cannot be a DNS name.
    pub fn new(basename: &str, query: &str) -> Result<Srv> {
        NodeName::new(&format!("{basename}@target"))?;
        if dns::question(0, query).is_none() {
            return Err(Error::argument(format!("\"{query}\" cannot be the name of DNS records")));
        }
        Ok(Srv { basename: basename.to_owned(), query: query.to_owned(), server: None, pause: PAUSE })
    }

    /// The name server to ask, instead of those of `/etc/resolv.conf`.
    pub fn server(mut self, server: SocketAddr) -> Srv {
        self.server = Some(server);
        self
    }

    /// How long to wait between two questions; 5 s unless set.
    pub fn every(mut self, pause: Duration) -> Srv {
        self.pause = pause;
        self
    }

    async fn resolve(&self) -> Result<Vec<NodeName>> {
        let servers = match self.server {
            Some(server) => vec![server],
            None => servers(&std::fs::read_to_string(RESOLV_CONF).unwrap_or_default()),
        };
        let mut why = String::new();
        for server in servers.iter().cycle().take(servers.len() * ATTEMPTS) {
            let answer = timeout(PATIENCE, self.ask(*server)).await;
            why = match answer.unwrap_or_else(|_| Err(format!("{server} did not answer in time"))) {
                Ok(Answer::Targets(targets)) => return Ok(self.names(targets)),
                Ok(Answer::NoSuchName) => return Err(self.failed("there is no such name".into())),
                Ok(Answer::Failed(code)) => format!("{server} answers error {code}"),
                Ok(_) => format!("{server} answers something else"),
                Err(why) => why,
            };
        }
        Err(self.failed(why))
    }

    fn failed(&self, why: String) -> Error {
        let node = format!("{}@{}", self.basename, self.query);
        Error::HostUnknown { node, host: format!("{} (SRV)", self.query), why }
    }

    fn names(&self, mut targets: Vec<String>) -> Vec<NodeName> {
        targets.sort();
        targets.dedup();
        let names =
            targets.iter().filter_map(|target| NodeName::new(&format!("{}@{target}", self.basename)).ok());
        names.take(MAX_NAMES).collect()
    }

    /// Asks one server. The number and the port are from the system's random source: who cannot see the question cannot
    /// answer it.
    async fn ask(&self, server: SocketAddr) -> Result<Answer, String> {
        let failed = |error: std::io::Error| format!("{server}: {error}");
        let mut id = [0; 2];
        getrandom::fill(&mut id).map_err(|error| error.to_string())?;
        let question = dns::question(u16::from_ne_bytes(id), &self.query).ok_or("no DNS name")?;
        let any: IpAddr = match server.is_ipv4() {
            true => Ipv4Addr::UNSPECIFIED.into(),
            false => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await.map_err(failed)?;
        socket.connect(server).await.map_err(failed)?;
        socket.send(&question).await.map_err(failed)?;
        let mut packet = [0; MAX_DATAGRAM_BYTES];
        loop {
            let length = socket.recv(&mut packet).await.map_err(failed)?;
            match dns::answer(&question, &packet[..length]) {
                // Somebody else's, or an old one: ours may still come.
                Ok(Answer::Other) | Err(_) => {}
                Ok(Answer::Truncated) => break,
                Ok(answer) => return Ok(answer),
            }
        }
        let mut stream = TcpStream::connect(server).await.map_err(failed)?;
        let framed = [&(question.len() as u16).to_be_bytes()[..], &question].concat();
        stream.write_all(&framed).await.map_err(failed)?;
        let length = stream.read_u16().await.map_err(failed)?;
        let mut message = vec![0; usize::from(length)];
        stream.read_exact(&mut message).await.map_err(failed)?;
        dns::answer(&question, &message).map_err(|error| format!("{server}: {error}"))
    }
}

/// The name servers that `/etc/resolv.conf` names; this host, as the C library does, when it names none.
fn servers(text: &str) -> Vec<SocketAddr> {
    let servers = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next()?.parse::<IpAddr>().ok())?
    });
    let mut servers: Vec<SocketAddr> =
        servers.take(MAX_SERVERS).map(|address| SocketAddr::new(address, DNS_PORT)).collect();
    if servers.is_empty() {
        servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DNS_PORT));
    }
    servers
}

impl Strategy for Srv {
    fn find<'a>(&'a mut self, _asker: &'a Asker) -> Found<'a> {
        Box::pin(self.resolve())
    }

    fn pause(&self) -> Duration {
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_those_of_the_system() {
        let text = "# none\nsearch example.org\nnameserver 10.0.0.2\nnameserver ::1 \nnameserver bad\nnameserver 1.2.3.4\nnameserver 9.9.9.9\n";
        assert_eq!(
            servers(text).iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["10.0.0.2:53", "[::1]:53", "1.2.3.4:53"]
        );
        assert_eq!(servers("").iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1:53"]);
    }
}
