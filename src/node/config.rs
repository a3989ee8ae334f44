//! Options of a node, as one value with setters; nothing here touches the network.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::net::epmd::EpmdConfig;
use crate::net::tls::Tls;
use crate::proto::header::DEFAULT_ATOM_LIMIT;
use crate::runtime::BUSY_WAIT;
use crate::term::Atom;
use zeroize::Zeroizing;

/// Silence after which a peer counts as dead; OTP's default.
pub const DEFAULT_TICKTIME: Duration = Duration::from_secs(60);
/// Time for a whole connection set-up; OTP's `net_setuptime`.
pub const DEFAULT_SETUP_TIME: Duration = Duration::from_secs(7);
/// Bytes waiting for one peer after which senders wait; OTP's `+zdbbl` default.
pub const DEFAULT_BUSY_LIMIT: usize = 1 << 20;
/// Bytes of big messages in a second while somebody sends small ones beside them: a little more than a network of 1 Gbit/s carries,
/// and a tenth of what a BEAM reads, so that the small ones do not wait for it.
pub const DEFAULT_SHARED_RATE: usize = 125 << 20;
/// Largest message taken: 256 MB and what surrounds it.
pub const DEFAULT_MAX_MESSAGE: usize = 257 << 20;
/// Bytes a mailbox holds before its policy takes effect.
pub const DEFAULT_MAILBOX_BYTES: usize = 64 << 20;

/// How names on this network look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Decided by the host part that was given; a name without host is short.
    Guess,
    /// `alive@host` without dots, as with `erl -sname`.
    Short,
    /// `alive@host.domain` or an address, as with `erl -name`.
    Long,
}

/// When a message to an unconnected node makes a connection; OTP's `dist_auto_connect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoConnect {
    /// Whenever needed.
    Always,
    /// Until the connection was lost once; then only [`crate::Node::connect`] brings it back.
    Once,
    /// Only [`crate::Node::connect`] connects.
    Never,
}

/// What a visible node does about partitions that overlap: it has lost a member of the cluster that other members still
/// have (OTP: `prevent_overlapping_partitions`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// It leaves the cluster itself, so that no BEAM loses another one because of it. The default.
    Leave,
    /// It tells all members, as a BEAM does: they cut off the lost member, and the lost member's report cuts off this node.
    Report,
    /// Nothing, and reports of others are ignored, as with `-kernel prevent_overlapping_partitions false`.
    Allow,
}

/// Where the default cookie comes from.
#[derive(Clone)]
pub(crate) enum CookieSource {
    /// `$HOME/.erlang.cookie`, made if it is missing.
    Home,
    /// A file.
    File(PathBuf),
    /// Given as text.
    Given(Zeroizing<String>),
}

/// Options of a node. `Config::new("worker@host").cookie("secret")`.
#[derive(Clone)]
pub struct Config {
    pub(crate) name: String,
    pub(crate) names: Names,
    pub(crate) cookie: CookieSource,
    pub(crate) visible: bool,
    pub(crate) connect_all: bool,
    pub(crate) overlap: Overlap,
    pub(crate) listen: bool,
    pub(crate) listen_address: Option<IpAddr>,
    pub(crate) ports: (u16, u16),
    pub(crate) peer_port: Option<u16>,
    pub(crate) ipv6: bool,
    /// `None`: as the environment says.
    pub(crate) epmd: Option<EpmdConfig>,
    pub(crate) use_epmd: bool,
    pub(crate) tls: Option<Tls>,
    pub(crate) ticktime: Duration,
    pub(crate) tick_intensity: u32,
    pub(crate) setup_time: Duration,
    pub(crate) auto_connect: AutoConnect,
    pub(crate) allow: Option<Vec<Atom>>,
    pub(crate) keep_connected: Vec<String>,
    pub(crate) busy_limit: usize,
    pub(crate) shared_rate: usize,
    pub(crate) max_message: usize,
    pub(crate) mailbox_bytes: usize,
    pub(crate) atom_cache: bool,
    pub(crate) atom_limit: usize,
    pub(crate) busy_wait: Duration,
}

impl Config {
    /// Options for a node of this name: `alive@host`, or `alive` alone (the host name is added), or `""` for a node
    /// that stays `nonode@nohost`.
    pub fn new(name: impl Into<String>) -> Config {
        Config {
            name: name.into(),
            names: Names::Guess,
            cookie: CookieSource::Home,
            visible: false,
            connect_all: true,
            overlap: Overlap::Leave,
            listen: true,
            listen_address: None,
            ports: (0, 0),
            peer_port: None,
            ipv6: false,
            epmd: None,
            use_epmd: true,
            tls: None,
            ticktime: DEFAULT_TICKTIME,
            tick_intensity: 4,
            setup_time: DEFAULT_SETUP_TIME,
            auto_connect: AutoConnect::Always,
            allow: None,
            keep_connected: Vec::new(),
            busy_limit: DEFAULT_BUSY_LIMIT,
            shared_rate: DEFAULT_SHARED_RATE,
            max_message: DEFAULT_MAX_MESSAGE,
            mailbox_bytes: DEFAULT_MAILBOX_BYTES,
            atom_cache: true,
            atom_limit: DEFAULT_ATOM_LIMIT,
            busy_wait: BUSY_WAIT,
        }
    }

    /// Options as the environment of a container gives them: `ERLNODE_NAME` (or `RELEASE_NODE`, as Elixir's releases call
    /// it), `ERLNODE_COOKIE` (or `RELEASE_COOKIE`) or `ERLNODE_COOKIE_FILE`, `ERLNODE_PORT` (a fixed port), `ERLNODE_VISIBLE`
    /// (`true` or `1`). What is not set is as in [`new`](Self::new).
    ///
    /// # Errors
    /// `Argument` when one of them cannot be understood.
    pub fn from_env() -> Result<Config> {
        Config::from_texts(|name| std::env::var(name).ok())
    }

    fn from_texts(get: impl Fn(&str) -> Option<String>) -> Result<Config> {
        let text = |names: &[&str]| names.iter().find_map(|name| get(name)).filter(|text| !text.is_empty());
        let mut config = Config::new(text(&["ERLNODE_NAME", "RELEASE_NODE"]).unwrap_or_default());
        if let Some(path) = text(&["ERLNODE_COOKIE_FILE"]) {
            config = config.cookie_file(path);
        }
        if let Some(cookie) = text(&["ERLNODE_COOKIE", "RELEASE_COOKIE"]) {
            config = config.cookie(&cookie);
        }
        if let Some(port) = text(&["ERLNODE_PORT"]) {
            let number = port.trim().parse().ok().filter(|port| *port != 0);
            config = config.port(number.ok_or_else(|| {
                Error::argument(format!("ERLNODE_PORT is \"{port}\": it must be a port from 1 to 65535"))
            })?);
        }
        match text(&["ERLNODE_VISIBLE"]).as_deref() {
            None | Some("false" | "0") => Ok(config),
            Some("true" | "1") => Ok(config.visible(true)),
            Some(other) => {
                Err(Error::argument(format!("ERLNODE_VISIBLE is \"{other}\": it must be true or false")))
            }
        }
    }

    /// Short or long names; by default guessed from the name.
    pub fn names(mut self, names: Names) -> Config {
        self.names = names;
        self
    }

    /// The cookie, instead of `$HOME/.erlang.cookie`. Characters beyond Latin-1 are refused at start.
    pub fn cookie(mut self, cookie: &str) -> Config {
        self.cookie = CookieSource::Given(Zeroizing::new(cookie.to_owned()));
        self
    }

    /// A file to read the cookie from, instead of `$HOME/.erlang.cookie`; it is made if missing.
    pub fn cookie_file(mut self, path: impl Into<PathBuf>) -> Config {
        self.cookie = CookieSource::File(path.into());
        self
    }

    /// Whether peers list this node in `nodes()`; default false (hidden).
    pub fn visible(mut self, visible: bool) -> Config {
        self.visible = visible;
        self
    }

    /// Whether a visible node is a member of the mesh and of `global`: it connects to every node that the nodes it meets
    /// know, and owns and finds global names. Default true; `-connect_all false` of OTP otherwise. Hidden nodes never are.
    pub fn connect_all(mut self, connect_all: bool) -> Config {
        self.connect_all = connect_all;
        self
    }

    /// What a member of the mesh does about partitions that overlap.
    pub fn overlapping_partitions(mut self, overlap: Overlap) -> Config {
        self.overlap = overlap;
        self
    }

    /// Whether others may connect to us; default true. A node that does not listen is not registered at epmd either.
    pub fn listen(mut self, listen: bool) -> Config {
        self.listen = listen;
        self
    }

    /// The local address to listen on; default all.
    pub fn listen_address(mut self, address: IpAddr) -> Config {
        self.listen_address = Some(address);
        self
    }

    /// The port to listen on, 0 for any free one.
    pub fn port(mut self, port: u16) -> Config {
        self.ports = (port, port);
        self
    }

    /// The first free port of this range is used.
    pub fn port_range(mut self, first: u16, last: u16) -> Config {
        self.ports = (first, last);
        self
    }

    /// Do without epmd: peers are all dialled on this port, as with `erl -erl_epmd_port`.
    pub fn known_port(mut self, port: u16) -> Config {
        self.use_epmd = false;
        self.peer_port = Some(port);
        if self.ports == (0, 0) {
            self.ports = (port, port);
        }
        self
    }

    /// Use IPv6 for listening, epmd and dialling, as `-proto_dist inet6_tcp`.
    pub fn ipv6(mut self, ipv6: bool) -> Config {
        self.ipv6 = ipv6;
        self
    }

    /// epmd's address and port, and whether we may serve it ourselves.
    pub fn epmd(mut self, epmd: EpmdConfig) -> Config {
        self.epmd = Some(epmd);
        self
    }

    /// All connections over TLS, as with `erl -proto_dist inet_tls`. epmd is asked without it, as BEAMs do.
    pub fn tls(mut self, tls: Tls) -> Config {
        self.tls = Some(tls);
        self
    }

    /// Silence after which a peer counts as dead; must be the same in the whole cluster (OTP: `net_ticktime`, 60 s).
    pub fn ticktime(mut self, ticktime: Duration) -> Config {
        self.ticktime = ticktime;
        self
    }

    /// Time for a whole connection set-up, 7 s by default.
    pub fn setup_time(mut self, time: Duration) -> Config {
        self.setup_time = time;
        self
    }

    /// When sending connects.
    pub fn auto_connect(mut self, when: AutoConnect) -> Config {
        self.auto_connect = when;
        self
    }

    /// Only these nodes may connect: `name@host`, `host` or `name@`, as `net_kernel:allow/1`.
    pub fn allow(mut self, nodes: Vec<Atom>) -> Config {
        self.allow = Some(nodes);
        self
    }

    /// Nodes to connect to at once, and again whenever the connection was lost (see [`crate::Node::keep_connected`]).
    pub fn keep_connected<I: IntoIterator<Item: Into<String>>>(mut self, nodes: I) -> Config {
        self.keep_connected = nodes.into_iter().map(Into::into).collect();
        self
    }

    /// Bytes waiting for one peer after which senders wait; default 1 MiB.
    pub fn busy_limit(mut self, bytes: usize) -> Config {
        self.busy_limit = bytes;
        self
    }

    /// Bytes of big messages (over 64 KiB) in a second to one peer while small ones are sent to it beside them, and for 100 ms after:
    /// else those wait behind all that the peer has not read yet. Default 125 MiB; 0 for as fast as the peer reads. Big messages
    /// alone always leave so.
    pub fn shared_rate(mut self, bytes_per_second: usize) -> Config {
        self.shared_rate = bytes_per_second;
        self
    }

    /// Largest message accepted from a peer, in bytes; default 257 MiB.
    pub fn max_message(mut self, bytes: usize) -> Config {
        self.max_message = bytes;
        self
    }

    /// Bytes a mailbox holds before its policy takes effect; default 64 MiB.
    pub fn mailbox_bytes(mut self, bytes: usize) -> Config {
        self.mailbox_bytes = bytes;
        self
    }

    /// Whether to offer the atom cache (smaller packets, a table per connection); default true.
    pub fn atom_cache(mut self, atom_cache: bool) -> Config {
        self.atom_cache = atom_cache;
        self
    }

    /// Different atoms that one peer gets from this node: it keeps them for ever, and a BEAM ends at 1,048,576. A warning is
    /// logged at a tenth of it; beyond it a message that would bring new ones is refused. Default 100,000.
    pub fn atom_limit(mut self, atoms: usize) -> Config {
        self.atom_limit = atoms;
        self
    }

    /// How long a thread that waits for messages looks for the next one before it sleeps, when the last ones came within this time;
    /// zero: it sleeps at once. It shortens calls that follow each other closely, and costs nothing while they do not. One setting
    /// for the whole process: that of the node started last. Default 150 microseconds.
    pub fn busy_wait(mut self, time: Duration) -> Config {
        self.busy_wait = time;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_gives_name_cookie_port_and_visibility() {
        let set = |pairs: &'static [(&str, &str)]| {
            Config::from_texts(move |wanted| {
                pairs.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
            })
        };
        let config =
            set(&[("ERLNODE_NAME", "a@h"), ("ERLNODE_PORT", "4711"), ("ERLNODE_VISIBLE", "true")]).unwrap();
        assert_eq!((config.name.as_str(), config.ports, config.visible), ("a@h", (4711, 4711), true));
        assert!(matches!(config.cookie, CookieSource::Home));
        let config = set(&[("RELEASE_NODE", "b@h"), ("RELEASE_COOKIE", "secret")]).unwrap();
        assert_eq!((config.name.as_str(), config.visible), ("b@h", false));
        assert!(matches!(config.cookie, CookieSource::Given(_)));
        assert!(set(&[("ERLNODE_PORT", "0")]).is_err() && set(&[("ERLNODE_VISIBLE", "perhaps")]).is_err());
    }
}
