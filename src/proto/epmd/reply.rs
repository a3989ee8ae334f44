//! Replies: how a server writes them and how a client reads them, at whatever place the network cut them.

use super::{name_fits, NodeInfo, MAX_BODY, MAX_EXTRA_BYTES, REFUSED_CREATION};
use crate::error::Malformed;

const ALIVE2_WIDE: u8 = 118;
const ALIVE2_NARROW: u8 = 121;
const PORT2: u8 = 119;

/// A reply of which not everything may be here yet: `Ok(None)` asks for more bytes.
pub type Partial<T> = Result<Option<T>, Malformed>;

/// Answer to a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alive2Reply {
    /// Registered. A creation below 4 came from an epmd that knows only 16 bits.
    Registered(u32),
    /// The name is in use or breaks epmd's limits; the byte is epmd's result.
    Refused(u8),
}

/// Answer to a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port2Reply {
    /// The node is registered.
    Known(NodeInfo),
    /// It is not; the byte is epmd's result.
    Unknown(u8),
}

/// A line of a NAMES reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPort {
    /// The part of the node name before the `@`.
    pub alive: String,
    /// The TCP port on which it listens.
    pub port: u16,
}

/// `118 Result:8 Creation:32` when `wide`, else `121 Result:8 Creation:16`. `None` refuses.
pub fn write_alive2(out: &mut Vec<u8>, wide: bool, creation: Option<u32>) {
    let result = u8::from(creation.is_none());
    let creation = creation.unwrap_or(REFUSED_CREATION);
    if wide {
        out.extend_from_slice(&[ALIVE2_WIDE, result]);
        out.extend_from_slice(&creation.to_be_bytes());
    } else {
        // Old nodes have two bits for it and keep 0 for "not alive".
        let narrow = if result == 0 { (creation % 3 + 1) as u16 } else { REFUSED_CREATION as u16 };
        out.extend_from_slice(&[ALIVE2_NARROW, result]);
        out.extend_from_slice(&narrow.to_be_bytes());
    }
}

/// Reads an ALIVE2 reply of either width.
pub fn parse_alive2(received: &[u8]) -> Partial<Alive2Reply> {
    let size = match received.first() {
        None => return Ok(None),
        Some(&ALIVE2_WIDE) => 6,
        Some(&ALIVE2_NARROW) => 4,
        Some(_) => return Err(Malformed::new("ALIVE2 reply", 0)),
    };
    let Some(reply) = received.get(..size) else {
        return Ok(None);
    };
    if received.len() > size {
        return Err(Malformed::new("ALIVE2 reply", size));
    }
    let creation = reply[2..].iter().fold(0u32, |sum, &byte| sum << 8 | u32::from(byte));
    Ok(Some(match reply[1] {
        0 => Alive2Reply::Registered(creation),
        refused => Alive2Reply::Refused(refused),
    }))
}

/// `119 0 Port:16 NodeType:8 Proto:8 Highest:16 Lowest:16 NLen:16 Name ELen:16 Extra`, or `119 1`.
pub fn write_port2(out: &mut Vec<u8>, node: Option<&NodeInfo>) {
    let Some(node) = node else {
        return out.extend_from_slice(&[PORT2, 1]);
    };
    out.reserve(14 + node.alive.len() + node.extra.len());
    out.extend_from_slice(&[PORT2, 0]);
    out.extend_from_slice(&node.port.to_be_bytes());
    out.extend_from_slice(&[node.node_type, node.protocol]);
    out.extend_from_slice(&node.highest.to_be_bytes());
    out.extend_from_slice(&node.lowest.to_be_bytes());
    // The table holds only what `NodeInfo::fits`: both lengths are below 2^16.
    out.extend_from_slice(&(node.alive.len() as u16).to_be_bytes());
    out.extend_from_slice(node.alive.as_bytes());
    out.extend_from_slice(&(node.extra.len() as u16).to_be_bytes());
    out.extend_from_slice(&node.extra);
}

/// Reads a PORT2 reply. It is complete before the server closes; do not wait for that.
pub fn parse_port2(received: &[u8]) -> Partial<Port2Reply> {
    match received {
        [] | [PORT2] => return Ok(None),
        [PORT2, 0, ..] => {}
        [PORT2, result, ..] => return Ok(Some(Port2Reply::Unknown(*result))),
        _ => return Err(Malformed::new("PORT2 reply", 0)),
    }
    if received.len() > MAX_BODY {
        return Err(Malformed::new("PORT2 reply", MAX_BODY));
    }
    let short = |at: usize| received.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let Some(name_len) = short(10).map(usize::from) else {
        return Ok(None);
    };
    if name_len > super::MAX_NAME_BYTES {
        return Err(Malformed::new("name in PORT2 reply", 10));
    }
    let extra_at = 12 + name_len;
    let Some(extra_len) = short(extra_at).map(usize::from) else {
        return Ok(None);
    };
    if extra_len > MAX_EXTRA_BYTES {
        return Err(Malformed::new("extra in PORT2 reply", extra_at));
    }
    let Some(extra) = received.get(extra_at + 2..extra_at + 2 + extra_len) else {
        return Ok(None);
    };
    let alive = std::str::from_utf8(&received[12..extra_at])
        .ok()
        .filter(|name| name_fits(name))
        .ok_or(Malformed::new("name in PORT2 reply", 12))?;
    Ok(Some(Port2Reply::Known(NodeInfo {
        alive: alive.into(),
        port: u16::from_be_bytes([received[2], received[3]]),
        node_type: received[4],
        protocol: received[5],
        highest: u16::from_be_bytes([received[6], received[7]]),
        lowest: u16::from_be_bytes([received[8], received[9]]),
        extra: extra.into(),
    })))
}

/// `EpmdPort:32`, the start of NAMES and DUMP replies; text lines follow.
pub fn write_names_header(out: &mut Vec<u8>, epmd_port: u16) {
    out.extend_from_slice(&u32::from(epmd_port).to_be_bytes());
}

/// The port that the answering epmd says it listens on: the first four bytes of a NAMES or DUMP reply.
pub fn names_port(reply: &[u8]) -> Option<u32> {
    reply.get(..4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

/// Reads a whole NAMES reply, that is, everything until the server closed.
///
/// `EpmdPort:32`, then per node `name NAME at port PORT\n`. epmd lets a name contain anything but NUL, a newline too:
/// a line that does not end in a port continues in the next one.
pub fn parse_names(reply: &[u8]) -> Result<Vec<NamedPort>, Malformed> {
    if names_port(reply).is_none() {
        return Err(Malformed::new("NAMES reply", reply.len()));
    }
    let text = std::str::from_utf8(&reply[4..])
        .map_err(|error| Malformed::new("text in NAMES reply", 4 + error.valid_up_to()))?;
    let mut nodes = Vec::new();
    let (mut start, mut searched) = (0, 0);
    while let Some(newline) = text[searched..].find('\n') {
        let end = searched + newline;
        searched = end + 1;
        if let Some(node) = parse_line(&text[start..end]) {
            nodes.push(node);
            start = searched;
        } else if end - start > MAX_BODY {
            break;
        }
    }
    if start == text.len() {
        Ok(nodes)
    } else {
        Err(Malformed::new("line in NAMES reply", 4 + start))
    }
}

/// Looks at both ends only, because a line may be tried again with more text behind it.
fn parse_line(line: &str) -> Option<NamedPort> {
    let rest = line.strip_prefix("name ")?;
    let before = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    let port = rest[before.len()..].parse().ok()?;
    let alive = before.strip_suffix(" at port ")?;
    Some(NamedPort { alive: alive.into(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alive2_replies_are_read_at_any_cut() {
        for (wide, creation, bytes) in [
            (true, Some(0x6b00_2203), &[118, 0, 0x6b, 0, 0x22, 3][..]),
            (true, None, &[118, 1, 0, 0, 0, 99]),
            (false, Some(0x6b00_2204), &[121, 0, 0, 2]),
            (false, None, &[121, 1, 0, 99]),
        ] {
            let mut written = Vec::new();
            write_alive2(&mut written, wide, creation);
            assert_eq!(written, bytes);
            for cut in 0..bytes.len() {
                assert_eq!(parse_alive2(&bytes[..cut]), Ok(None), "cut at {cut}");
            }
            let read = parse_alive2(bytes).unwrap().unwrap();
            match creation {
                None => assert_eq!(read, Alive2Reply::Refused(1)),
                Some(creation) if wide => assert_eq!(read, Alive2Reply::Registered(creation)),
                Some(_) => assert_eq!(read, Alive2Reply::Registered(2)),
            }
        }
        assert!(parse_alive2(b"HTTP").is_err());
        assert!(parse_alive2(&[121, 0, 0, 1, 1]).is_err());
    }

    #[test]
    fn narrow_creations_stay_between_1_and_3() {
        for creation in [0, 1, 2, 3, 4, u32::MAX] {
            let mut bytes = Vec::new();
            write_alive2(&mut bytes, false, Some(creation));
            assert!((1..=3).contains(&bytes[3]) && bytes[2] == 0, "{bytes:?}");
        }
    }

    #[test]
    fn port2_replies_are_read_at_any_cut() {
        let node = NodeInfo { extra: vec![9; 1020], ..NodeInfo::new("ö".repeat(255), 65535).hidden(true) };
        let mut bytes = Vec::new();
        write_port2(&mut bytes, Some(&node));
        for cut in 0..bytes.len() {
            assert_eq!(parse_port2(&bytes[..cut]), Ok(None), "cut at {cut}");
        }
        assert_eq!(parse_port2(&bytes), Ok(Some(Port2Reply::Known(node))));
        assert_eq!(parse_port2(&[119, 1]), Ok(Some(Port2Reply::Unknown(1))));
    }

    #[test]
    fn port2_replies_with_impossible_lengths_are_malformed() {
        let mut bytes = Vec::new();
        write_port2(&mut bytes, Some(&NodeInfo::new("a", 1)));
        bytes[10] = 255;
        assert!(parse_port2(&bytes).is_err());
        assert!(parse_port2(b"HTTP/1.1 400").is_err());
        assert!(parse_port2(&[119, 0, 0, 1, 77, 0, 0, 6, 0, 5, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn names_are_read_even_when_they_contain_the_separators() {
        let reply =
            b"\0\0\x11\x11name a at port 1\nname x at port 2 at port 65535\nname new\nline at port 7\n";
        let names = parse_names(reply).unwrap();
        let pairs: Vec<_> = names.iter().map(|node| (node.alive.as_str(), node.port)).collect();
        assert_eq!(pairs, [("a", 1), ("x at port 2", 65535), ("new\nline", 7)]);
        assert_eq!(parse_names(b"\0\0\x11\x11"), Ok(vec![]));
    }

    #[test]
    fn a_names_reply_that_stops_in_a_line_is_malformed() {
        let reply = b"\0\0\x11\x11name a at port 1\n";
        for cut in (0..4).chain(5..reply.len()) {
            assert!(parse_names(&reply[..cut]).is_err(), "cut at {cut}");
        }
        assert!(parse_names(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_err());
        assert!(parse_names(b"\0\0\x11\x11name a at port 65536\n").is_err());
        assert!(parse_names(b"\0\0\x11\x11name a at port +1\n").is_err());
    }

    #[test]
    fn a_long_reply_without_ports_is_given_up_early() {
        let mut reply = b"\0\0\x11\x11".to_vec();
        reply.extend(b"name \n".repeat(100_000));
        assert!(parse_names(&reply).is_err());
    }
}
