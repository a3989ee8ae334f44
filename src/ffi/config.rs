//! Config: the options of a node.
//!
//! Every option has a default; the ordinary program sets a cookie at most. A config can be used for several nodes, and
//! changed or freed as soon as erln_node_start has returned.

use std::ffi::c_char;
use std::time::Duration;

use super::bytes::{exclusive, optional_text, text};
use super::guard::{guard, guard_or};
use super::status::{erln_status, fail};
use crate::net::epmd::EpmdConfig;
use crate::node::config::{AutoConnect, Config, Names};
use crate::term::Atom;
use crate::{Error, Result};

/// The options of a node. Free with erln_config_free.
pub struct erln_config {
    config: Config,
}

/// How node names look on this network.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_name_kind {
    /// Decided by the host part of the name; a name without one is short.
    ERLN_NAMES_GUESS = 0,
    /// `name@host`, as with `erl -sname` and `iex --sname`.
    ERLN_NAMES_SHORT = 1,
    /// `name@host.domain` or an address, as with `erl -name` and `iex --name`.
    ERLN_NAMES_LONG = 2,
}

/// When a message to an unconnected node makes a connection.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum erln_auto_connect {
    /// Whenever needed.
    ERLN_CONNECT_ALWAYS = 0,
    /// Until the connection was lost once; then only erln_node_connect brings it back.
    ERLN_CONNECT_ONCE = 1,
    /// Only erln_node_connect connects.
    ERLN_CONNECT_NEVER = 2,
}

impl erln_config {
    /// The options inside.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

/// Changes one option.
///
/// # Safety
/// `config` is NULL or the caller's.
pub(super) unsafe fn set(
    config: *mut erln_config,
    change: impl FnOnce(Config) -> Result<Config>,
) -> Result<()> {
    // SAFETY: NULL or the caller's own.
    let config = unsafe { exclusive(config, "config") }?;
    config.config = change(config.config.clone())?;
    Ok(())
}

/// Makes the options of a node called `name`: "worker@host", or "worker" alone (this machine's host name is added), or "undefined" for
/// a node that asks the first peer it connects to for a name, or NULL for one that stays nonode@nohost. The answer is NULL, and
/// erln_last_error tells why, if `name` is not UTF-8. Free with erln_config_free.
#[no_mangle]
pub unsafe extern "C" fn erln_config_new(name: *const c_char) -> *mut erln_config {
    guard_or(std::ptr::null_mut(), || {
        // SAFETY: the caller's text.
        match unsafe { optional_text(name, "name") } {
            Ok(name) => {
                Box::into_raw(Box::new(erln_config { config: Config::new(name.unwrap_or_default()) }))
            }
            Err(error) => {
                fail(&error);
                std::ptr::null_mut()
            }
        }
    })
}

/// Makes options as the environment of a container gives them: ERLNODE_NAME (or RELEASE_NODE, as Elixir's releases call it), ERLNODE_COOKIE
/// (or RELEASE_COOKIE) or ERLNODE_COOKIE_FILE, ERLNODE_PORT (a fixed port), ERLNODE_VISIBLE (true or false). The answer is NULL, and
/// erln_last_error tells why, if one of them cannot be understood. Free with erln_config_free.
#[no_mangle]
pub extern "C" fn erln_config_from_env() -> *mut erln_config {
    guard_or(std::ptr::null_mut(), || match Config::from_env() {
        Ok(config) => Box::into_raw(Box::new(erln_config { config })),
        Err(error) => {
            fail(&error);
            std::ptr::null_mut()
        }
    })
}

/// Frees options. Nodes started with them go on.
#[no_mangle]
pub unsafe extern "C" fn erln_config_free(config: *mut erln_config) {
    guard_or((), || {
        if !config.is_null() {
            // SAFETY: made by erln_config_new, and not used after this by the caller's promise.
            drop(unsafe { Box::from_raw(config) });
        }
    })
}

/// The secret that all nodes of a cluster share, instead of the one in $HOME/.erlang.cookie.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_cookie(
    config: *mut erln_config,
    cookie: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config and text.
        unsafe { set(config, |options| Ok(options.cookie(text(cookie, "cookie")?))) }
    })
}

/// The file to read the cookie from, instead of $HOME/.erlang.cookie. It is made if it is missing.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_cookie_file(
    config: *mut erln_config,
    path: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config and text.
        unsafe { set(config, |options| Ok(options.cookie_file(text(path, "path")?))) }
    })
}

/// Whether peers list this node in nodes(), and connect each other through it; false unless set (a hidden node).
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_visible(config: *mut erln_config, visible: bool) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.visible(visible))) }
    })
}

/// Short or long names: one of erln_name_kind.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_names(config: *mut erln_config, names: i32) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe {
            set(config, |options| {
                let names = match names {
                    n if n == erln_name_kind::ERLN_NAMES_GUESS as i32 => Names::Guess,
                    n if n == erln_name_kind::ERLN_NAMES_SHORT as i32 => Names::Short,
                    n if n == erln_name_kind::ERLN_NAMES_LONG as i32 => Names::Long,
                    _ => return Err(Error::argument("kind is none of ERLN_NAMES_...")),
                };
                Ok(options.names(names))
            })
        }
    })
}

/// Whether others may connect to this node; true unless set. A node that does not listen is unknown to epmd.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_listen(config: *mut erln_config, listen: bool) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.listen(listen))) }
    })
}

/// The local address to listen on, such as "127.0.0.1"; all of them unless set.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_listen_address(
    config: *mut erln_config,
    address: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config and text.
        unsafe {
            set(config, |options| {
                let address = text(address, "address")?.parse();
                Ok(options.listen_address(
                    address.map_err(|_| Error::argument("address is no IPv4 or IPv6 address"))?,
                ))
            })
        }
    })
}

/// The ports to listen on: the first free one from `first` to `last`. Any free port unless set.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_port(
    config: *mut erln_config,
    first: u16,
    last: u16,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe {
            set(config, |options| {
                if last < first {
                    return Err(Error::argument("the last port is lower than the first"));
                }
                Ok(options.port_range(first, last))
            })
        }
    })
}

/// Do without epmd: all peers are dialled on this port, as with `erl -erl_epmd_port`. This node listens on it too,
/// unless erln_config_set_port said otherwise.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_known_port(config: *mut erln_config, port: u16) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.known_port(port))) }
    })
}

/// Where epmd is, instead of ERL_EPMD_ADDRESS and ERL_EPMD_PORT: an address (NULL: leave it) and a port (0: leave it).
/// With `embedded` false this process never serves epmd itself; true unless set.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_epmd(
    config: *mut erln_config,
    address: *const c_char,
    port: u16,
    embedded: bool,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config and text.
        unsafe {
            set(config, |options| {
                let mut epmd = EpmdConfig::from_env()?;
                if let Some(address) = optional_text(address, "address")? {
                    let address = address.parse();
                    epmd.addresses =
                        vec![address.map_err(|_| Error::argument("address is no IPv4 or IPv6 address"))?];
                }
                if port != 0 {
                    epmd.port = port;
                }
                epmd.embedded = embedded;
                Ok(options.epmd(epmd))
            })
        }
    })
}

/// Use IPv6 for listening, epmd and dialling, as `-proto_dist inet6_tcp`; false unless set.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_ipv6(config: *mut erln_config, ipv6: bool) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.ipv6(ipv6))) }
    })
}

/// Silence, in milliseconds, after which a peer counts as dead; must be the same in the whole cluster. 60,000 unless set,
/// as OTP's net_ticktime.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_ticktime(config: *mut erln_config, ticktime_ms: u32) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe {
            set(config, |options| {
                if ticktime_ms == 0 {
                    return Err(Error::argument("ticktime_ms is 0"));
                }
                Ok(options.ticktime(Duration::from_millis(ticktime_ms.into())))
            })
        }
    })
}

/// Time, in milliseconds, that a connection may take to be made; 7,000 unless set.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_setup_time(config: *mut erln_config, setup_ms: u32) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe {
            set(config, |options| {
                if setup_ms == 0 {
                    return Err(Error::argument("setup_ms is 0"));
                }
                Ok(options.setup_time(Duration::from_millis(setup_ms.into())))
            })
        }
    })
}

/// Whether sending connects: one of erln_auto_connect.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_auto_connect(config: *mut erln_config, when: i32) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe {
            set(config, |options| {
                let when = match when {
                    n if n == erln_auto_connect::ERLN_CONNECT_ALWAYS as i32 => AutoConnect::Always,
                    n if n == erln_auto_connect::ERLN_CONNECT_ONCE as i32 => AutoConnect::Once,
                    n if n == erln_auto_connect::ERLN_CONNECT_NEVER as i32 => AutoConnect::Never,
                    _ => return Err(Error::argument("when is none of ERLN_CONNECT_...")),
                };
                Ok(options.auto_connect(when))
            })
        }
    })
}

/// The only nodes that may connect, separated by blanks: `name@host`, `host` or `name@`. All nodes unless set.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_allow(
    config: *mut erln_config,
    nodes: *const c_char,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config and text.
        unsafe {
            set(config, |options| {
                let nodes =
                    text(nodes, "nodes")?.split_whitespace().map(Atom::new).collect::<Result<Vec<Atom>>>()?;
                Ok(options.allow(nodes))
            })
        }
    })
}

/// Bytes that wait for one peer after which senders wait; 1 MiB unless set, as OTP's +zdbbl.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_busy_limit(config: *mut erln_config, bytes: usize) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.busy_limit(bytes))) }
    })
}

/// Bytes of big messages (over 64 KiB) in a second to one peer while small ones are sent to it beside them, and for 100 ms after:
/// else those wait behind all that the peer has not read yet. 125 MiB unless set; 0 for as fast as the peer reads. Big messages
/// alone always leave so.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_shared_rate(
    config: *mut erln_config,
    bytes_per_second: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.shared_rate(bytes_per_second))) }
    })
}

/// The largest message, in bytes, that is accepted from a peer; 257 MiB unless set (256 MB and what surrounds it).
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_max_message(config: *mut erln_config, bytes: usize) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.max_message(bytes))) }
    })
}

/// Bytes that a mailbox holds before its connections are no longer read; 64 MiB unless set.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_mailbox_bytes(
    config: *mut erln_config,
    bytes: usize,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.mailbox_bytes(bytes))) }
    })
}

/// Whether atoms are sent once per connection and by number after that; true unless set.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_atom_cache(config: *mut erln_config, enabled: bool) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.atom_cache(enabled))) }
    })
}

/// Different atoms that one peer gets from this node, 100,000 unless set: a BEAM keeps each for ever and ends at 1,048,576. A
/// warning is logged at a tenth of it; beyond it, sending a message with new ones fails with ERLN_ERR_LIMIT.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_atom_limit(config: *mut erln_config, atoms: usize) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.atom_limit(atoms))) }
    })
}

/// How long a thread that waits for messages looks for the next one before it sleeps, when the last ones came within this time; 0: it
/// sleeps at once. It shortens calls that follow each other closely, and costs nothing while they do not. One setting for the whole
/// process: that of the node started last. 150 unless set.
#[no_mangle]
pub unsafe extern "C" fn erln_config_set_busy_wait(
    config: *mut erln_config,
    microseconds: u32,
) -> erln_status {
    guard(|| {
        // SAFETY: the caller's config.
        unsafe { set(config, |options| Ok(options.busy_wait(Duration::from_micros(microseconds.into())))) }
    })
}
