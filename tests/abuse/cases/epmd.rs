//! What an epmd is asked, and what it answers, in every wrong form.

use super::Expect;

/// One conversation with epmd.
#[derive(Debug, Clone)]
pub struct Talk {
    pub group: &'static str,
    pub name: String,
    pub bytes: Vec<u8>,
    /// Nothing comes after it.
    pub last: bool,
    pub expect: Expect,
}

fn framed(body: &[u8]) -> Vec<u8> {
    crate::wire::framed(body)
}

/// `120 Port:16 Type:8 Proto:8 Highest:16 Lowest:16 NLen:16 Name ELen:16 Extra`.
pub fn alive2(name: &[u8], port: u16) -> Vec<u8> {
    let mut body = vec![120];
    body.extend(port.to_be_bytes());
    body.extend([77, 0, 0, 6, 0, 5]);
    body.extend((name.len() as u16).to_be_bytes());
    body.extend(name);
    body.extend([0, 0]);
    body
}

/// `119 0 Port:16 Type:8 Proto:8 Highest:16 Lowest:16 NLen:16 Name ELen:16 Extra`.
pub fn port2_reply(name: &[u8], port: u16) -> Vec<u8> {
    [&[119, 0][..], &alive2(name, port)[1..]].concat()
}

/// Requests to an epmd.
pub fn requests() -> Vec<Talk> {
    const GROUP: &str = "epmd: its clients";
    let mut all = Vec::new();
    let mut add = |name: String, bytes: Vec<u8>, last, expect| {
        all.push(Talk { group: GROUP, name, bytes, last, expect });
    };
    let proper = framed(&alive2(b"abused", 1));
    for at in 0..proper.len() {
        add(format!("ALIVE2 cut at {at}"), proper[..at].to_vec(), true, Expect::Close);
        let mut flipped = proper.clone();
        flipped[at] ^= 0xff;
        add(format!("ALIVE2 with byte {at} changed"), flipped, true, Expect::Free);
    }
    for length in [0u16, 1, 2, 13, 3057, 3058, 0x7fff, 0xffff] {
        let mut bytes = proper.clone();
        bytes[..2].copy_from_slice(&length.to_be_bytes());
        add(format!("ALIVE2 with length {length}"), bytes, true, Expect::Free);
    }
    for code in (0..=255u8).filter(|code| !b"xzndks".contains(code)) {
        add(format!("request {code}"), framed(&[code, b'a']), false, Expect::Close);
    }
    for code in *b"nxzdks" {
        add(format!("request {} alone", code as char), framed(&[code]), true, Expect::Free);
        add(
            format!("request {} with 3,000 bytes", code as char),
            framed(&[vec![code], vec![7; 3_000]].concat()),
            true,
            Expect::Free,
        );
    }
    let names: [(&str, Vec<u8>); 8] = [
        ("no name", vec![]),
        ("a NUL", b"a\0b".to_vec()),
        ("256 letters", vec![b'x'; 256]),
        ("1,021 letters", vec![b'x'; 1_021]),
        ("bytes that are no UTF-8", vec![0xc3, 0x28]),
        ("a line feed", b"a\nname b at port 1".to_vec()),
        ("a blank", b"a b".to_vec()),
        ("an at", b"a@b".to_vec()),
    ];
    for (what, name) in names {
        add(format!("ALIVE2 with {what}"), framed(&alive2(&name, 1)), true, Expect::Free);
        add(format!("PORT2 with {what}"), framed(&[&b"z"[..], &name].concat()), false, Expect::Free);
    }
    add("a request of the web".into(), b"GET / HTTP/1.0\r\n\r\n".to_vec(), true, Expect::Close);
    add("two requests at once".into(), framed(b"zabused").repeat(2), true, Expect::Free);
    add("PORT2 of nobody".into(), framed(b"znobody"), false, Expect::Answer(&[119]));
    add("NAMES".into(), framed(b"n"), false, Expect::Answer(&[0]));
    all
}

/// Answers of an epmd to the question where `evil` is.
pub fn replies() -> Vec<Talk> {
    const GROUP: &str = "epmd: its answers";
    let mut all = Vec::new();
    let mut add = |name: String, bytes: Vec<u8>, last| {
        all.push(Talk { group: GROUP, name, bytes, last, expect: Expect::Close });
    };
    // Nobody listens at port 1, so that a reply that is believed leads nowhere.
    let proper = port2_reply(b"evil", 1);
    for at in 0..proper.len() {
        add(format!("cut at {at}"), proper[..at].to_vec(), true);
        let mut flipped = proper.clone();
        flipped[at] ^= 0xff;
        // The other port must not be somebody's.
        if !(2..4).contains(&at) {
            add(format!("byte {at} changed"), flipped, true);
        }
    }
    for result in [1, 2, 99, 127, 128, 255] {
        add(format!("result {result}"), vec![119, result], true);
    }
    for length in [0u16, 3, 5, 255, 256, 1_020, 3_000, 0x7fff, 0xffff] {
        let mut bytes = proper.clone();
        bytes[10..12].copy_from_slice(&length.to_be_bytes());
        add(format!("a name of {length} bytes announced"), bytes, true);
        let mut bytes = proper.clone();
        let at = bytes.len() - 2;
        bytes[at..].copy_from_slice(&length.to_be_bytes());
        add(format!("an extra of {length} bytes announced"), bytes, true);
    }
    for tag in (0..=255u8).filter(|tag| *tag != 119 && tag % 5 == 0) {
        let mut bytes = proper.clone();
        bytes[0] = tag;
        add(format!("tag {tag}"), bytes, true);
    }
    add("nothing".into(), vec![], true);
    add("a page of the web".into(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec(), true);
    add("a megabyte".into(), [proper.clone(), vec![0xaa; 1 << 20]].concat(), true);
    add("a megabyte of 119".into(), vec![119; 1 << 20], true);
    all
}
