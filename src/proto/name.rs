//! Node names: `alive@host`, checked once and then carried by type.
//!
//! The rules are those of a BEAM, without its tolerance for control characters in the host. In the handshake a name
//! is one byte per character (Latin-1), in terms it is UTF-8; this module knows both spellings.
//! Always true: a [`NodeName`] has exactly one `@`, something on both sides of it, and at most 255 characters.

use crate::error::{Error, Result};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Node names are atoms, and those end at 255 characters.
pub const MAX_CHARS: usize = 255;

/// A valid node name, `alive@host`. Cheap to clone; compared by code points, as the rules for crossing
/// connections demand.
///
/// [`new`](Self::new), [`from_latin1`](Self::from_latin1), [`as_str`](Self::as_str), [`alive`](Self::alive),
/// [`host`](Self::host), [`to_latin1`](Self::to_latin1), [`kind`](Self::kind), [`check_call`](Self::check_call).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NodeName {
    text: Arc<str>,
    at: u8,
}

/// Whether hosts are written without or with their domain. All nodes of a cluster agree on one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// `a@machine` (`-sname`).
    Short,
    /// `a@machine.example.org` or `a@192.0.2.1` (`-name`).
    Long,
}

/// What is wrong with a name; decides what an acceptor does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameFault {
    /// Not of the form `alive@host` at all: close without a status.
    Shape(&'static str),
    /// The form is right, a character is not: `nok`.
    Chars(&'static str),
}

impl NameFault {
    pub(crate) fn why(self) -> &'static str {
        match self {
            NameFault::Shape(why) | NameFault::Chars(why) => why,
        }
    }
}

impl NodeName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Error::BadName`] with the rule that it breaks.
    pub fn new(text: &str) -> Result<Self> {
        match check(text) {
            Ok(at) => Ok(NodeName { text: text.into(), at }),
            Err(fault) => Err(Error::BadName { name: text.to_owned(), why: fault.why() }),
        }
    }

    /// Checks a name as it stands in handshake messages: one byte per character.
    ///
    /// # Errors
    /// [`Error::BadName`] with the rule that it breaks.
    pub fn from_latin1(bytes: &[u8]) -> Result<Self> {
        Self::new(&latin1_text(bytes))
    }

    pub(crate) fn parse_latin1(bytes: &[u8]) -> Result<Self, NameFault> {
        let text = latin1_text(bytes);
        let at = check(&text)?;
        Ok(NodeName { text: text.into(), at })
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the `@`; what epmd knows.
    pub fn alive(&self) -> &str {
        self.text.split_at(usize::from(self.at)).0
    }

    /// The part after the `@`.
    pub fn host(&self) -> &str {
        self.text.get(usize::from(self.at) + 1..).unwrap_or_default()
    }

    /// The name with one byte per character, as handshakes carry it.
    pub fn to_latin1(&self) -> Vec<u8> {
        latin1_bytes(&self.text)
    }

    /// Short or long, told from the host: a dot or an IPv6 literal makes it long.
    pub fn kind(&self) -> NameKind {
        if self.host().contains(['.', ':']) {
            NameKind::Long
        } else {
            NameKind::Short
        }
    }

    /// True for `a@machine`.
    pub fn is_short(&self) -> bool {
        self.kind() == NameKind::Short
    }

    /// True for `a@machine.example.org`.
    pub fn is_long(&self) -> bool {
        self.kind() == NameKind::Long
    }

    /// May a node with this name call `peer`? A BEAM refuses calls across short and long names, so a connection
    /// that we made in spite of it could never be made in the other direction.
    ///
    /// # Errors
    /// [`Error::NameKind`] says which side is which, and the cure.
    pub fn check_call(&self, peer: &NodeName) -> Result<()> {
        let why = match (self.kind(), peer.kind()) {
            (NameKind::Short, NameKind::Long) if peer.host().contains('.') => {
                "our name is short and the peer's is long: give this node a full name (worker@host.domain), or call the peer by its short one"
            }
            (NameKind::Long, NameKind::Short) => {
                "our name is long and the peer's is short: start the peer with a full name (-name), or this node with a short one"
            }
            _ => return Ok(()),
        };
        Err(Error::NameKind { node: peer.to_string(), ours: self.to_string(), why })
    }
}

/// Checks the host part alone, as dynamic names use it.
pub(crate) fn check_host(host: &str) -> Result<(), NameFault> {
    if host.is_empty() {
        return Err(NameFault::Shape("nothing stands after the @"));
    }
    if host.contains('@') {
        return Err(NameFault::Shape("it has more than one @"));
    }
    if host.chars().any(|c| c.is_whitespace() || c.is_control() || c > '\u{ff}') {
        return Err(NameFault::Chars(
            "the host may not have blanks, control characters or characters beyond U+00FF",
        ));
    }
    Ok(())
}

/// Returns the place of the `@`.
fn check(text: &str) -> Result<u8, NameFault> {
    // Counting stops early: the text may come from a peer and be of any length.
    if text.chars().take(MAX_CHARS + 1).count() > MAX_CHARS {
        return Err(NameFault::Shape("it has more than 255 characters"));
    }
    let Some((alive, host)) = text.split_once('@') else {
        return Err(NameFault::Shape("it has no @; write name@host"));
    };
    if alive.is_empty() {
        return Err(NameFault::Shape("nothing stands before the @"));
    }
    check_host(host).or_else(|fault| match fault {
        NameFault::Shape(_) => Err(fault),
        NameFault::Chars(_) if alive_ok(alive) => Err(fault),
        NameFault::Chars(_) => Ok(()), // the complaint about the first part comes first
    })?;
    if !alive_ok(alive) {
        return Err(NameFault::Chars("before the @ only letters A-Z a-z, digits, _ and - may stand"));
    }
    u8::try_from(alive.len()).map_err(|_| NameFault::Shape("it has more than 255 characters"))
}

fn alive_ok(alive: &str) -> bool {
    alive.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

pub(crate) fn latin1_text(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| char::from(b)).collect()
}

/// Characters beyond Latin-1 cannot occur in checked names; they would become `?`.
pub(crate) fn latin1_bytes(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

impl FromStr for NodeName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        NodeName::new(text)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl AsRef<str> for NodeName {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

// UTF-8 keeps the order of code points, so comparing bytes is comparing code points.
impl Ord for NodeName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.as_bytes().cmp(other.text.as_bytes())
    }
}

impl PartialOrd for NodeName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_at_its_only_at_sign() {
        let name: NodeName = "worker_1-x@host.example.org".parse().unwrap();
        assert_eq!((name.alive(), name.host()), ("worker_1-x", "host.example.org"));
        assert!(name.is_long());
        assert!(NodeName::new("a@h").unwrap().is_short());
        assert!(NodeName::new("a@::1").unwrap().is_long());
        assert_eq!(name.to_latin1(), b"worker_1-x@host.example.org");
    }

    #[test]
    fn bad_names_are_refused() {
        let long = format!("a@{}", "h".repeat(254));
        for bad in
            ["", "nohost", "@h", "a@", "a@b@c", "a.b@h", "a b@h", "ä@h", "a@h\n", "a@h h", "a@\u{100}", &long]
        {
            assert!(matches!(NodeName::new(bad), Err(Error::BadName { .. })), "{bad:?}");
        }
        assert!(NodeName::new(&format!("a@{}", "h".repeat(253))).is_ok());
        assert!(NodeName::new(&format!("{}@h", "a".repeat(253))).is_ok());
        assert!(NodeName::new(&format!("{}@h", "a".repeat(260))).is_err());
    }

    #[test]
    fn wrong_characters_are_told_from_a_wrong_shape() {
        for chars in ["a.b@h", "a b@h", "a@h h", "a.b@h h"] {
            assert!(matches!(check(chars), Err(NameFault::Chars(_))), "{chars}");
        }
        for shape in ["a.b@c@d", "a.b", "@", "a@"] {
            assert!(matches!(check(shape), Err(NameFault::Shape(_))), "{shape}");
        }
    }

    #[test]
    fn latin1_hosts_survive_the_handshake_spelling() {
        let name = NodeName::from_latin1(b"a@h\xe9").unwrap();
        assert_eq!(name.as_str(), "a@h\u{e9}");
        assert_eq!(name.to_latin1(), b"a@h\xe9");
    }

    #[test]
    fn names_are_ordered_by_code_points() {
        let name = |text: &str| NodeName::new(text).unwrap();
        assert!(name("B@h") < name("a@h"));
        assert!(name("a@h") < name("a@h\u{e9}"));
        assert!(name("a-b@h") < name("a@h"));
    }

    #[test]
    fn calls_across_short_and_long_names_are_refused() {
        let name = |text: &str| NodeName::new(text).unwrap();
        assert!(name("a@h").check_call(&name("b@h2")).is_ok());
        assert!(name("a@h.x").check_call(&name("b@10.0.0.1")).is_ok());
        assert!(name("a@h.x").check_call(&name("b@::1")).is_ok());
        assert!(name("a@h").check_call(&name("b@::1")).is_ok());
        assert!(matches!(name("a@h").check_call(&name("b@h.x")), Err(Error::NameKind { .. })));
        assert!(matches!(name("a@h.x").check_call(&name("b@h")), Err(Error::NameKind { .. })));
    }
}
