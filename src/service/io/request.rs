//! Requests of the I/O protocol, read.

use bytes::Bytes;

use super::chars::{self, Encoding};
use super::format;
use crate::service::written;
use crate::term::{Reader, Writer};

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Print this.
    Put(String),
    /// Print something that is no text: the complaint, encoded, as `group` of OTP words it.
    BadPut(Bytes),
    /// A line.
    GetLine { prompt: String, latin1: bool },
    /// So many characters.
    GetChars { prompt: String, count: usize, latin1: bool },
    /// Set options: whether text read is returned as binary, whether the terminal is a Latin-1 one; each if it is said.
    SetOpts { binary: Option<bool>, latin1: Option<bool> },
    /// Get options.
    GetOpts,
    /// `columns` or `rows`.
    Geometry { columns: bool },
    /// Several, in order.
    Many(Vec<Request>),
    /// Something we know and do not offer.
    NotSupported,
    /// Something unknown.
    Unknown,
}

impl Request {
    /// True if it waits for somebody to type.
    pub(super) fn reads(&self) -> bool {
        match self {
            Request::GetLine { .. } | Request::GetChars { .. } => true,
            Request::Many(all) => all.iter().any(|one| {
                // Lists in lists are not followed when they are read.
                matches!(one, Request::GetLine { .. } | Request::GetChars { .. })
            }),
            Request::Put(_)
            | Request::BadPut(_)
            | Request::SetOpts { .. }
            | Request::GetOpts
            | Request::Geometry { .. }
            | Request::NotSupported
            | Request::Unknown => false,
        }
    }
}

/// Most requests in one `requests` list.
const MAX_MANY: usize = 10_000;

/// Reads a request. Old forms without encoding are Latin-1.
pub(super) fn read(reader: &mut Reader<'_>) -> Request {
    let start = reader.clone();
    if let Some(list) = many(reader) {
        return list;
    }
    *reader = start;
    single(reader)
}

/// `{requests, [..]}`; lists in lists are not followed.
fn many(reader: &mut Reader<'_>) -> Option<Request> {
    (reader.tuple_of(2) && reader.atom_is("requests")).then_some(())?;
    let count = reader.list()?;
    if count > MAX_MANY {
        return Some(Request::Unknown);
    }
    let mut all = Vec::new();
    for _ in 0..count {
        let one = reader.term_bytes()?;
        all.push(single(&mut Reader::new(one)));
    }
    Some(Request::Many(all))
}

fn single(reader: &mut Reader<'_>) -> Request {
    if reader.atom_is("getopts") {
        return Request::GetOpts;
    }
    known(reader).unwrap_or(Request::Unknown)
}

fn known(reader: &mut Reader<'_>) -> Option<Request> {
    let arity = reader.tuple()?;
    let name = reader.atom()?;
    match (name.as_ref(), arity) {
        ("put_chars", 2) => put(reader, Encoding::Latin1),
        ("put_chars", 3) => {
            let encoding = encoding(reader)?;
            put(reader, encoding)
        }
        ("put_chars", 4) => put_call(reader, Encoding::Latin1),
        ("put_chars", 5) => {
            let encoding = encoding(reader)?;
            put_call(reader, encoding)
        }
        ("get_line", 2) => Some(Request::GetLine { prompt: prompt(reader), latin1: true }),
        ("get_line", 3) => {
            let latin1 = encoding(reader)? == Encoding::Latin1;
            Some(Request::GetLine { prompt: prompt(reader), latin1 })
        }
        ("get_chars", 3) => get_chars(reader, true),
        ("get_chars", 4) => {
            let latin1 = encoding(reader)? == Encoding::Latin1;
            get_chars(reader, latin1)
        }
        ("setopts", 2) => Some(set_opts(reader)),
        ("get_geometry", 2) => match reader.atom()?.as_ref() {
            "columns" => Some(Request::Geometry { columns: true }),
            "rows" => Some(Request::Geometry { columns: false }),
            _ => None,
        },
        ("get_password", _) => Some(Request::NotSupported),
        // Scanning Erlang source is the BEAM's business.
        ("get_until", _) => None,
        _ => None,
    }
}

fn encoding(reader: &mut Reader<'_>) -> Option<Encoding> {
    match reader.atom()?.as_ref() {
        "unicode" => Some(Encoding::Unicode),
        "latin1" => Some(Encoding::Latin1),
        _ => None,
    }
}

fn put(reader: &mut Reader<'_>, encoding: Encoding) -> Option<Request> {
    let mut raw = reader.clone();
    if let Some(text) = chars::read(reader, encoding) {
        return Some(Request::Put(text));
    }
    let mut complaint = Writer::new();
    complaint.tuple(3).atom("put_chars");
    complaint.atom(if encoding == Encoding::Latin1 { "latin1" } else { "unicode" });
    complaint.raw(raw.term_bytes()?);
    Some(Request::BadPut(written(complaint)))
}

/// `M, F, Args`: only the formatting functions of `io_lib`, which we do ourselves.
fn put_call(reader: &mut Reader<'_>, encoding: Encoding) -> Option<Request> {
    let module = reader.atom()?;
    let function = reader.atom()?;
    let text = (|| {
        (module == "io_lib").then_some(())?;
        let count = reader.list()?;
        match (function.as_ref(), count) {
            ("format" | "fwrite", 2) => {
                let template = match reader.atom() {
                    Some(atom) => atom.into_owned(),
                    None => chars::read(reader, encoding)?,
                };
                let args = reader.term_bytes()?;
                format::format(&template, args)
            }
            ("write", 1) => Some(format::write(reader.term_bytes()?)),
            ("nl", 0) => Some("\n".to_owned()),
            _ => None,
        }
    })();
    Some(text.map(Request::Put).unwrap_or_else(|| {
        let mut complaint = Writer::new();
        complaint.atom(&function);
        Request::BadPut(written(complaint))
    }))
}

fn prompt(reader: &mut Reader<'_>) -> String {
    let mut copy = reader.clone();
    if let Some(atom) = copy.atom() {
        return atom.into_owned();
    }
    chars::read(reader, Encoding::Unicode).unwrap_or_default()
}

fn get_chars(reader: &mut Reader<'_>, latin1: bool) -> Option<Request> {
    let shown = {
        let bytes = reader.term_bytes()?;
        prompt(&mut Reader::new(bytes))
    };
    let count = usize::try_from(reader.i64()?).ok()?;
    Some(Request::GetChars { prompt: shown, count, latin1 })
}

/// The options of OTP's `group` that concern us; `NotSupported` for others.
fn set_opts(reader: &mut Reader<'_>) -> Request {
    let (mut binary, mut latin1) = (None, None);
    let Some(count) = reader.list() else { return Request::NotSupported };
    for _ in 0..count {
        let Some((name, value)) = option(reader) else { return Request::NotSupported };
        match (name.as_str(), value.as_str()) {
            ("binary", "true") | ("list", "false") => binary = Some(true),
            ("binary", "false") | ("list", "true") => binary = Some(false),
            ("encoding", "unicode" | "utf8") | ("unicode" | "utf8", "true") => latin1 = Some(false),
            ("encoding", "latin1") | ("latin1", "true") => latin1 = Some(true),
            // What is typed is echoed by the terminal, or by nobody.
            ("echo", "true" | "false") => {}
            _ => return Request::NotSupported,
        }
    }
    match reader.nil() || count == 0 {
        true => Request::SetOpts { binary, latin1 },
        false => Request::NotSupported,
    }
}

/// `Name` or `{Name, Value}`, both atoms.
fn option(reader: &mut Reader<'_>) -> Option<(String, String)> {
    if let Some(name) = reader.atom() {
        return Some((name.into_owned(), "true".to_owned()));
    }
    reader.tuple_of(2).then_some(())?;
    Some((reader.atom()?.into_owned(), reader.atom()?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::term::Term;

    fn request(term: &str) -> Request {
        let bytes = Term::parse(term).unwrap().to_bytes().unwrap();
        read(&mut Reader::new(&bytes))
    }

    #[test]
    fn all_forms_of_put_chars_are_read() {
        let text = |text: &str| Request::Put(text.to_owned());
        assert_eq!(request(r#"{put_chars,unicode,<<"hi">>}"#), text("hi"));
        assert_eq!(request(r#"{put_chars,latin1,<<233>>}"#), text("\u{e9}"));
        assert_eq!(request(r#"{put_chars,"old"}"#), text("old"));
        assert_eq!(
            request(r#"{put_chars,unicode,io_lib,format,["~p ~s~n",[{a,1},"x"]]}"#),
            text("{a,1} x\n")
        );
        assert_eq!(request("{put_chars,unicode,io_lib,format,['~w!',[a]]}"), text("a!"));
        assert_eq!(request(r#"{put_chars,unicode,io_lib,write,[[1,a]]}"#), text("[1,a]"));
        let bad = |term: &str| Request::BadPut(Term::parse(term).unwrap().to_bytes().unwrap().into());
        assert_eq!(request(r#"{put_chars,unicode,os,cmd,["ls"]}"#), bad("cmd"));
        assert_eq!(request(r#"{put_chars,unicode,io_lib,format,["~p",[]]}"#), bad("format"));
        assert_eq!(request("{put_chars,unicode,[a]}"), bad("{put_chars,unicode,[a]}"));
        assert_eq!(request("{put_chars,latin1,{}}"), bad("{put_chars,latin1,{}}"));
        assert_eq!(request("{put_chars,{}}"), bad("{put_chars,latin1,{}}"));
    }

    #[test]
    fn reading_options_and_unknown_requests_are_told_apart() {
        assert_eq!(
            request("{get_line,unicode,'> '}"),
            Request::GetLine { prompt: "> ".into(), latin1: false }
        );
        assert_eq!(
            request("{get_chars,latin1,\"\",3}"),
            Request::GetChars { prompt: String::new(), count: 3, latin1: true }
        );
        let set = |binary, latin1| Request::SetOpts { binary, latin1 };
        assert_eq!(request("{setopts,[{encoding,unicode},binary]}"), set(Some(true), Some(false)));
        assert_eq!(request("{setopts,[list,{echo,false},latin1]}"), set(Some(false), Some(true)));
        assert_eq!(request("{setopts,[]}"), set(None, None));
        for unknown in ["[nonsense]", "[{binary,maybe}]", "[{expand_fun,x}]", "nonsense", "[binary|binary]"] {
            assert_eq!(request(&format!("{{setopts,{unknown}}}")), Request::NotSupported, "{unknown}");
        }
        assert_eq!(request("getopts"), Request::GetOpts);
        assert_eq!(request("{get_until,unicode,'',erl_scan,tokens,[1]}"), Request::Unknown);
        assert_eq!(
            request("{requests,[getopts,nonsense]}"),
            Request::Many(vec![Request::GetOpts, Request::Unknown])
        );
        assert_eq!(request("{get_password,unicode}"), Request::NotSupported);
    }
}
