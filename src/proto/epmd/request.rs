//! Requests: how a client writes them and how a server reads them.

use super::{NodeInfo, MAX_BODY, MAX_EXTRA_BYTES, MAX_NAME_BYTES, MAX_NAME_CHARS};
use crate::error::Malformed;

const ALIVE2: u8 = b'x';
const PORT2: u8 = b'z';
const NAMES: u8 = b'n';
const DUMP: u8 = b'd';
const KILL: u8 = b'k';
const STOP: u8 = b's';

/// What the bytes received so far on a server's connection are.
#[derive(Debug, PartialEq, Eq)]
pub enum Framed<'a> {
    /// Not a whole request yet.
    Incomplete,
    /// One whole request body, and nothing after it.
    Body(&'a [u8]),
    /// An impossible length, or more bytes than announced: close.
    Garbage,
}

/// Finds the one request that a connection carries. `Len:16, Request:Len`, 1 to 3057 bytes.
pub fn split_request(received: &[u8]) -> Framed<'_> {
    let [high, low, body @ ..] = received else {
        return Framed::Incomplete;
    };
    let announced = usize::from(u16::from_be_bytes([*high, *low]));
    if announced == 0 || announced > MAX_BODY || body.len() > announced {
        return Framed::Garbage;
    }
    if body.len() < announced {
        return Framed::Incomplete;
    }
    Framed::Body(body)
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Register; the name lives as long as the connection.
    Alive2(Alive2),
    /// Where does the node of this name listen?
    Port2(String),
    /// Which nodes are registered?
    Names,
    /// Everything the server remembers, for people.
    Dump,
    /// End the server.
    Kill,
    /// Unregister somebody else's name.
    Stop,
}

/// The body of an ALIVE2 request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alive2 {
    /// Name and extra keep the limits.
    Fits(NodeInfo),
    /// A readable request whose name or extra breaks a limit: refused with a reply. `wide` is true when the client
    /// expects the 32-bit reply.
    Breaks {
        /// True when the request's highest version asks for a 32-bit creation.
        wide: bool,
    },
}

impl Request {
    /// Reads a request body, as a server does. What cannot be read is answered by closing the connection.
    pub fn parse(body: &[u8]) -> Result<Request, Malformed> {
        let (&code, rest) = body.split_first().ok_or(Malformed::new("empty epmd request", 0))?;
        match code {
            ALIVE2 => parse_alive2(body).map(Request::Alive2),
            PORT2 => parse_port2(rest).map(Request::Port2),
            NAMES => Ok(Request::Names),
            DUMP => Ok(Request::Dump),
            KILL => Ok(Request::Kill),
            STOP => Ok(Request::Stop),
            _ => Err(Malformed::new("epmd request code", 0)),
        }
    }

    /// The bytes of an ALIVE2 request, length included. `None` when the info breaks epmd's limits.
    ///
    /// `120 Port:16 NodeType:8 Proto:8 Highest:16 Lowest:16 NLen:16 Name ELen:16 Extra`
    pub fn alive2(info: &NodeInfo) -> Option<Vec<u8>> {
        if !info.fits() {
            return None;
        }
        let name_len = u16::try_from(info.alive.len()).ok()?;
        let extra_len = u16::try_from(info.extra.len()).ok()?;
        let mut body = Vec::with_capacity(13 + info.alive.len() + info.extra.len());
        body.push(ALIVE2);
        body.extend_from_slice(&info.port.to_be_bytes());
        body.extend_from_slice(&[info.node_type, info.protocol]);
        body.extend_from_slice(&info.highest.to_be_bytes());
        body.extend_from_slice(&info.lowest.to_be_bytes());
        body.extend_from_slice(&name_len.to_be_bytes());
        body.extend_from_slice(info.alive.as_bytes());
        body.extend_from_slice(&extra_len.to_be_bytes());
        body.extend_from_slice(&info.extra);
        Some(framed(&body))
    }

    /// The bytes of a PORT2 request, length included. `None` when no node can have this name.
    pub fn port2(alive: &str) -> Option<Vec<u8>> {
        if !super::name_fits(alive) {
            return None;
        }
        let mut body = Vec::with_capacity(1 + alive.len());
        body.push(PORT2);
        body.extend_from_slice(alive.as_bytes());
        Some(framed(&body))
    }

    /// The bytes of a NAMES request, length included.
    pub fn names() -> Vec<u8> {
        framed(&[NAMES])
    }

    /// The bytes of a DUMP request, length included.
    pub fn dump() -> Vec<u8> {
        framed(&[DUMP])
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    // Every caller stays below MAX_BODY, which fits 16 bits.
    let mut bytes = Vec::with_capacity(2 + body.len());
    bytes.extend_from_slice(&(body.len() as u16).to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Malformed> {
    match bytes.get(at..at + 2) {
        Some(two) => Ok(u16::from_be_bytes([two[0], two[1]])),
        None => Err(Malformed::new("epmd request", at)),
    }
}

/// Bytes after `Extra` are ignored, an empty name or one with NUL is unreadable: both as in the stock epmd.
fn parse_alive2(body: &[u8]) -> Result<Alive2, Malformed> {
    let port = u16_at(body, 1)?;
    let (node_type, protocol) = match body.get(3..5) {
        Some(two) => (two[0], two[1]),
        None => return Err(Malformed::new("epmd request", 3)),
    };
    let (highest, lowest) = (u16_at(body, 5)?, u16_at(body, 7)?);
    let name_len = usize::from(u16_at(body, 9)?);
    let name = body.get(11..11 + name_len).ok_or(Malformed::new("name in ALIVE2", 11))?;
    let extra_at = 11 + name_len;
    let extra_len = usize::from(u16_at(body, extra_at)?);
    let extra = body
        .get(extra_at + 2..extra_at + 2 + extra_len)
        .ok_or(Malformed::new("extra in ALIVE2", extra_at))?;
    if name.is_empty() || name.contains(&0) {
        return Err(Malformed::new("name in ALIVE2", 11));
    }
    let breaks = Alive2::Breaks { wide: highest >= 6 };
    let Ok(alive) = std::str::from_utf8(name) else {
        return Ok(breaks);
    };
    let info =
        NodeInfo { alive: alive.into(), port, node_type, protocol, highest, lowest, extra: extra.into() };
    Ok(if info.fits() { Alive2::Fits(info) } else { breaks })
}

/// The name ends at the first NUL: old clients send one.
fn parse_port2(rest: &[u8]) -> Result<String, Malformed> {
    let name = rest.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = std::str::from_utf8(name).map_err(|_| Malformed::new("name in PORT2", 1))?;
    if super::name_fits(text) {
        Ok(text.into())
    } else {
        Err(Malformed::new("name in PORT2", 1))
    }
}

// The largest legal registration must fit the largest legal packet.
const _: () = assert!(13 + MAX_NAME_BYTES + MAX_EXTRA_BYTES <= MAX_BODY && MAX_NAME_CHARS <= MAX_NAME_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: &[u8]) -> &[u8] {
        match split_request(bytes) {
            Framed::Body(body) => body,
            other => panic!("{other:?}"),
        }
    }

    /// Bytes seen from OTP 25's erl_epmd: port 44001, name `a`.
    const BEAM_ALIVE2: &[u8] = &[0, 14, 120, 171, 225, 77, 0, 0, 6, 0, 5, 0, 1, b'a', 0, 0];

    #[test]
    fn alive2_is_written_as_a_beam_writes_it() {
        assert_eq!(Request::alive2(&NodeInfo::new("a", 44001)).unwrap(), BEAM_ALIVE2);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let info = NodeInfo { extra: vec![0, 255, 7], ..NodeInfo::new("näme", 1).hidden(true) };
        let bytes = Request::alive2(&info).unwrap();
        assert_eq!(Request::parse(body(&bytes)), Ok(Request::Alive2(Alive2::Fits(info))));
        assert_eq!(
            Request::parse(body(&Request::port2("b c").unwrap())),
            Ok(Request::Port2("b c".to_string()))
        );
        assert_eq!(Request::parse(body(&Request::names())), Ok(Request::Names));
        assert_eq!(Request::parse(body(&Request::dump())), Ok(Request::Dump));
    }

    #[test]
    fn a_request_cut_anywhere_is_incomplete() {
        for cut in 0..BEAM_ALIVE2.len() {
            assert_eq!(split_request(&BEAM_ALIVE2[..cut]), Framed::Incomplete, "cut at {cut}");
        }
    }

    #[test]
    fn impossible_lengths_and_surplus_bytes_are_garbage() {
        assert_eq!(split_request(&[0, 0]), Framed::Garbage);
        assert_eq!(split_request(&3058u16.to_be_bytes()), Framed::Garbage);
        assert_eq!(split_request(&3057u16.to_be_bytes()), Framed::Incomplete);
        assert_eq!(split_request(&[0, 1, b'n', b'n']), Framed::Garbage);
    }

    #[test]
    fn inner_lengths_beyond_the_body_are_malformed_at_every_cut() {
        let whole = body(BEAM_ALIVE2);
        for cut in 0..whole.len() {
            assert!(Request::parse(&whole[..cut]).is_err(), "cut at {cut}");
        }
        let mut lying = whole.to_vec();
        lying[9..11].copy_from_slice(&[255, 255]);
        assert!(Request::parse(&lying).is_err());
    }

    #[test]
    fn a_name_over_255_code_points_is_refused_with_a_reply_and_255_pass() {
        let alive2 = |name: &[u8], extra: usize| {
            let mut body = vec![ALIVE2, 0, 9, 77, 0, 0, 6, 0, 5];
            body.extend((name.len() as u16).to_be_bytes());
            body.extend(name);
            body.extend((extra as u16).to_be_bytes());
            body.resize(body.len() + extra, b'e');
            Request::parse(&body)
        };
        let breaks = Ok(Request::Alive2(Alive2::Breaks { wide: true }));
        assert!(matches!(alive2("😀".repeat(255).as_bytes(), 1020), Ok(Request::Alive2(Alive2::Fits(_)))));
        assert_eq!(alive2("x".repeat(256).as_bytes(), 0), breaks);
        assert_eq!(alive2(b"\xff", 0), breaks);
        assert_eq!(alive2(b"\xed\xa0\x80", 0), breaks);
        assert_eq!(alive2(b"a", 1021), breaks);
        assert!(alive2(b"", 0).is_err());
        assert!(alive2(b"a\0b", 0).is_err());
    }

    #[test]
    fn port2_tolerates_a_trailing_nul_and_nothing_longer_than_a_name() {
        assert_eq!(Request::parse(b"za\0"), Ok(Request::Port2("a".into())));
        assert!(Request::parse(b"z").is_err());
        assert!(Request::parse(b"z\0").is_err());
        assert!(Request::parse(&[&b"z"[..], &[b'a'; 256]].concat()).is_err());
    }

    #[test]
    fn unknown_codes_are_malformed() {
        for code in 0..=255u8 {
            let known = [ALIVE2, PORT2, NAMES, DUMP, KILL, STOP].contains(&code);
            if !known {
                assert!(Request::parse(&[code, 1, 2, 3]).is_err());
            }
        }
    }
}
