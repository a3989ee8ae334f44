//! Requests of the I/O protocol, read.

use super::chars::{self, Encoding};
use super::format;
use crate::term::Reader;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Print this.
    Put(String),
    /// Print something that cannot be printed; answered with `{error, put_chars}`-like.
    BadPut,
    /// A line.
    GetLine { prompt: String, latin1: bool },
    /// So many characters.
    GetChars { prompt: String, count: usize, latin1: bool },
    /// Set options: whether text read is returned as binary, if it is said.
    SetOpts { binary: Option<bool> },
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
            | Request::BadPut
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
        ("put_chars", 2) => Some(put(reader, Encoding::Latin1)),
        ("put_chars", 3) => {
            let encoding = encoding(reader)?;
            Some(put(reader, encoding))
        }
        ("put_chars", 4) => Some(put_call(reader, Encoding::Latin1)),
        ("put_chars", 5) => {
            let encoding = encoding(reader)?;
            Some(put_call(reader, encoding))
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

fn put(reader: &mut Reader<'_>, encoding: Encoding) -> Request {
    chars::read(reader, encoding).map_or(Request::BadPut, Request::Put)
}

/// `M, F, Args`: only the formatting functions of `io_lib`, which we do ourselves.
fn put_call(reader: &mut Reader<'_>, encoding: Encoding) -> Request {
    let text = (|| {
        reader.atom_is("io_lib").then_some(())?;
        let function = reader.atom()?;
        let count = reader.list()?;
        match (function.as_ref(), count) {
            ("format" | "fwrite", 2) => {
                let template = chars::read(reader, encoding)?;
                let args = reader.term_bytes()?;
                format::format(&template, args)
            }
            ("write", 1) => Some(format::write(reader.term_bytes()?)),
            ("nl", 0) => Some("\n".to_owned()),
            _ => None,
        }
    })();
    text.map_or(Request::BadPut, Request::Put)
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

fn set_opts(reader: &mut Reader<'_>) -> Request {
    let mut binary = None;
    let count = reader.list().unwrap_or(0);
    for _ in 0..count {
        if reader.atom_is("binary") {
            binary = Some(true);
        } else if reader.atom_is("list") {
            binary = Some(false);
        } else if reader.tuple_of(2) {
            if reader.atom_is("binary") {
                binary = reader.bool().or(binary);
            } else if !reader.skip() || !reader.skip() {
                return Request::Unknown;
            }
        } else if !reader.skip() {
            return Request::Unknown;
        }
    }
    Request::SetOpts { binary }
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
        assert_eq!(request(r#"{put_chars,unicode,io_lib,write,[[1,a]]}"#), text("[1,a]"));
        assert_eq!(request(r#"{put_chars,unicode,os,cmd,["ls"]}"#), Request::BadPut);
        assert_eq!(request(r#"{put_chars,unicode,[a]}"#), Request::BadPut);
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
        assert_eq!(request("{setopts,[{encoding,unicode},binary]}"), Request::SetOpts { binary: Some(true) });
        assert_eq!(request("getopts"), Request::GetOpts);
        assert_eq!(request("{get_until,unicode,'',erl_scan,tokens,[1]}"), Request::Unknown);
        assert_eq!(
            request("{requests,[getopts,nonsense]}"),
            Request::Many(vec![Request::GetOpts, Request::Unknown])
        );
        assert_eq!(request("{get_password,unicode}"), Request::NotSupported);
    }
}
