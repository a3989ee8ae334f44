//! Every function of ei.h with one wrong argument after the other: null pointers, sizes out of bounds, wrong descriptors, objects
//! that hold nothing, terms of other kinds. The cases are generated from the header. Each runs in a process of its own, with the
//! reference and with ours; where the reference gives an answer, ours may not crash.

use super::{built_from, include_text, root, run, work, Side};
use header::{functions, Function, Parameter};
use std::collections::BTreeMap;
use std::fmt::Write as _;

#[allow(dead_code)] // what the header of erlnode.h needs besides
#[path = "../c/border/header.rs"]
mod header;

/// Fewer would mean that the header is no longer read as a whole.
const CASES: usize = 3200;

/// Sequences that take more than one call.
const SEQUENCES: &[(&str, &str)] = &[
    ("a connection closed twice", "ei_close_connection(F.fd); ei_close_connection(F.fd)"),
    ("a buffer freed twice", "ei_x_free(&F.x); ei_x_free(&F.x)"),
    ("a buffer used after it was freed", "ei_x_free(&F.x); F.x.index = 0; ei_x_encode_atom(&F.x, \"ok\"); ei_x_append(&F.x, &F.y)"),
    ("a big integer of no digits", "F.big->arity = 0; ei_x_encode_big(&F.x, F.big); ei_big_to_double(F.big, F.numbers)"),
    ("a send after the connection was closed", "ei_close_connection(F.fd); ei_send(F.fd, &F.pid, F.message, F.message_len)"),
    ("a receive after the end of the stream", "ei_receive_msg(F.fd, &F.msg, &F.y); ei_receive_msg(F.fd, &F.msg, &F.y); ei_receive_msg(F.fd, &F.msg, &F.y)"),
    ("a listening descriptor closed while registered", "F.number = ei_listen(&F.ec, &F.zero, 5); close(F.number); ei_accept_tmo(&F.ec, F.number, &F.con, 1000)"),
    ("a descriptor that somebody else has now", "ei_listen(&F.ec, &F.zero, 5); dup2(F.file, F.fd); ei_xreceive_msg(F.fd, &F.msg, &F.y)"),
    ("the library begun twice", "ei_init(); ei_init()"),
    ("a node described twice", "ei_connect_init(&F.ec, \"a\", \"b\", 1); ei_connect_init(&F.ec, \"c\", \"d\", 2)"),
    ("a node freed before its connection", "ei_cnode *ec = malloc(sizeof *ec); *ec = F.ec; F.number = ei_listen(ec, &F.zero, 5); free(ec); ei_close_connection(F.number)"),
    ("a term printed behind another", "ei_s_print_term(&F.printed, terms[0].bytes, &F.index); F.index = 0; ei_s_print_term(&F.printed, terms[0].bytes, &F.index); free(F.printed)"),
    ("a thousand open lists in a pattern", "memset(F.text, '[', 1000); F.text[1000] = 0; ei_x_format(&F.x, F.text)"),
    ("seventy thousand open tuples in a pattern", "memset(F.text, '{', LONG_TEXT); ei_x_format_wo_ver(&F.x, F.text)"),
    ("many threads and descriptors that others close", "together()"),
];

#[test]
fn misuse_is_answered_wherever_the_reference_answers() {
    let cases = cases();
    assert!(cases.len() >= CASES, "{} cases", cases.len());
    let source = work().join("misuse.c");
    std::fs::write(&source, program(&cases)).unwrap();
    let flags = ["-O0", "-I", &root().join("tests/ei").to_string_lossy()].map(str::to_owned);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let [theirs, ours] = [Side::Reference, Side::Ours].map(|side| {
        let out = run(&built_from("misuse", &source, side, &flags), &[]);
        assert!(out.status.success(), "{} {}", out.status, String::from_utf8_lossy(&out.stderr));
        outcomes(&String::from_utf8_lossy(&out.stdout))
    });
    assert_eq!((theirs.len(), ours.len()), (cases.len(), cases.len()), "every case has an outcome");
    let is_ok = |outcome: &String| outcome.starts_with("ok ");
    let answered: Vec<_> = ours.iter().filter(|(_, outcome)| is_ok(outcome)).map(|(case, _)| *case).collect();
    let wrong: Vec<_> =
        ours.iter().filter(|(case, outcome)| !is_ok(outcome) && is_ok(&theirs[case])).collect();
    println!(
        "{} cases: the reference answers {}, ours {}",
        cases.len(),
        theirs.values().filter(|outcome| is_ok(outcome)).count(),
        answered.len(),
    );
    // What the long form of `make sanitize` runs: all that has an answer.
    let list: Vec<String> = answered.iter().map(u32::to_string).collect();
    std::fs::write(work().join("misuse.cases"), list.join("\n")).unwrap();
    assert!(wrong.is_empty(), "only the reference answers these: {wrong:#?}");
    if std::env::var_os("ERLNODE_EI_CRASHES").is_some() {
        println!("{:#?}", ours.values().filter(|outcome| !is_ok(outcome)).collect::<Vec<_>>());
    }
}

/// By the number of the case: `ok LABEL`, or what ended it and the label.
fn outcomes(text: &str) -> BTreeMap<u32, String> {
    text.lines()
        .filter_map(|line| {
            let (case, outcome) = line.split_once(' ')?;
            Some((case.parse().ok()?, outcome.to_owned()))
        })
        .collect()
}

/// Labels and statements.
fn cases() -> Vec<(String, String)> {
    let header = include_text().replace(", ...)", ")").replace(" __attribute__((__const__))", "");
    let exported = std::fs::read_to_string(root().join("src/ei/symbols.txt")).unwrap();
    let declared = |name: &&str| {
        header.lines().any(|line| {
            !line.starts_with(['#', ' ', '/'])
                && (line.contains(&format!(" {name}(")) || line.contains(&format!("*{name}(")))
        })
    };
    let names: Vec<&str> = exported.lines().filter(declared).collect();
    let mut cases = Vec::new();
    for function in functions(&header, &names.join("\n")) {
        let parameters = &function.parameters;
        let values: Vec<Vec<String>> =
            parameters.iter().map(|parameter| values(&function, parameter)).collect();
        let good: Vec<&str> = values.iter().map(|values| values[0].as_str()).collect();
        cases.push((
            format!("{} used well", function.name),
            format!("{}({})", function.name, good.join(", ")),
        ));
        for (at, wrong) in values.iter().enumerate() {
            for value in &wrong[1..] {
                let mut arguments = good.clone();
                arguments[at] = value;
                let label = format!("{} {} = {value}", function.name, parameters[at].name);
                cases.push((label, format!("{}({})", function.name, arguments.join(", "))));
            }
        }
    }
    cases.extend(SEQUENCES.iter().map(|(label, code)| ((*label).to_owned(), (*code).to_owned())));
    cases
}

/// The C program that runs them.
fn program(cases: &[(String, String)]) -> String {
    let mut text =
        "/* Generated by misuse.rs. */\n#include \"misuse.h\"\n\nstatic const char *const labels[] = {\n"
            .to_owned();
    for (label, _) in cases {
        writeln!(text, "    \"{}\",", label.replace('\\', "\\\\").replace('"', "\\\"")).unwrap();
    }
    text.push_str("};\n\nstatic void one(int number) {\n    switch (number) {\n");
    for (number, (_, code)) in cases.iter().enumerate() {
        writeln!(text, "    case {number}: {{ {code}; break; }}").unwrap();
    }
    text.push_str("    }\n}\n\nint main(int argc, char **argv) {\n    return run_all(one, labels, sizeof labels / sizeof *labels, argv[1]);\n}\n");
    text
}

fn all(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

/// A good value for a parameter, and the wrong ones.
fn values(function: &Function, parameter: &Parameter) -> Vec<String> {
    let name = function.name.as_str();
    let is = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let reads = is(&["ei_decode", "ei_skip", "ei_get_type", "ei_print", "ei_s_print"]);
    let kind = parameter.kind.replace("const ", "");
    match (kind.as_str(), parameter.name.as_str()) {
        ("char *", "buf") if reads => {
            let terms =
                include_str!("misuse.h").split("} terms[] = {").nth(1).unwrap().split("\n};").next().unwrap();
            let count = terms.matches("{\"").count();
            let kinds = (1..count).map(|term| format!("terms[{term}].bytes"));
            all(&["terms[0].bytes", "NULL"]).into_iter().chain(kinds).collect()
        }
        ("char *", "buf" | "inbuf") if is(&["ei_encode"]) => all(&["F.out", "NULL"]),
        ("char *", "buf" | "inbuf" | "msg") => all(&["F.message", "NULL"]),
        ("int *", "index") => all(&["&F.index", "NULL"]),
        ("ei_cnode *", _) => all(&["&F.ec", "NULL", "&F.ec_zero", "&F.ec_full"]),
        ("ei_x_buff *", "x2") => all(&["&F.y", "NULL", "&F.x_zero"]),
        ("ei_x_buff *", _) => all(&["&F.x", "NULL", "&F.x_zero", "&F.x_freed", "&F.x_tiny", "&F.x_none"]),
        ("int", "lfd") => all(&[
            "F.listening",
            "-1",
            "INT_MIN",
            "INT_MAX",
            "1 << 20",
            "F.closed",
            "F.file",
            "F.hole",
            "F.fresh",
            "F.fd",
        ]),
        ("int", "fd") => all(&[
            "F.fd",
            "-1",
            "INT_MIN",
            "INT_MAX",
            "1 << 20",
            "F.closed",
            "F.file",
            "F.hole",
            "F.fresh",
            "F.listening",
        ]),
        ("int", "port") => all(&["F.free_port", "-1", "0", "65536", "INT_MAX", "INT_MIN"]),
        ("int", "cbs_sz") => all(&["sizeof F.none", "0", "-1", "1", "INT_MIN", "INT_MAX"]),
        ("int", "len" | "msglen" | "inbuflen") if is(&["ei_send", "ei_reg", "ei_rpc", "ei_xrpc"]) => {
            all(&["F.message_len", "-1", "0", "1", "INT_MIN"])
        }
        ("int", "destlen") => all(&["MAXATOMLEN_UTF8", "-1", "0", "1", "INT_MIN", "INT_MAX"]),
        ("int", "bufsize" | "buflen") => all(&["sizeof F.bytes", "-1", "0", "1", "INT_MIN"]),
        ("int" | "long", "len" | "length") => all(&["4", "-1", "0", "1", "INT_MIN"]),
        ("long", _) => all(&["3", "-1", "0", "255", "256", "1L << 27", "LONG_MIN", "LONG_MAX"]),
        ("unsigned long" | "EI_ULONGLONG", _) => all(&["3", "0", "1UL << 28", "ULONG_MAX"]),
        ("EI_LONGLONG", _) => all(&["3", "-1", "1LL << 27", "-(1LL << 27)", "LLONG_MIN", "LLONG_MAX"]),
        ("double", _) => all(&["1.5", "NAN", "INFINITY", "-INFINITY", "DBL_MAX", "DBL_MIN"]),
        ("int" | "char", _) => all(&["2", "-1", "0", "255", "256", "INT_MIN", "INT_MAX"]),
        ("unsigned" | "unsigned int", "ms") => all(&["200", "1", "UINT_MAX"]),
        ("unsigned" | "unsigned int", _) => all(&["1", "0", "INT_MAX", "UINT_MAX"]),
        ("size_t", _) => all(&["8", "0", "1", "7", "SIZE_MAX", "SIZE_MAX / 8", "SIZE_MAX - 7"]),
        ("erlang_char_encoding", _) => {
            all(&["ERLANG_UTF8", "ERLANG_LATIN1", "ERLANG_ASCII", "0", "3", "5", "-1", "INT_MAX"])
        }
        // Names of hosts, none of which anybody has to be asked about.
        ("char *", "hostname" | "thishostname") => {
            all(&["\"localhost\"", "NULL", "\"\"", "F.name", "F.text"])
        }
        ("char *", "name") if is(&["ei_gethost"]) => {
            all(&["\"localhost\"", "NULL", "\"\"", "F.name", "F.text"])
        }
        ("char *", "nodename") => all(&[
            "\"you@localhost\"",
            "NULL",
            "\"\"",
            "\"you\"",
            "\"@\"",
            "\"@localhost\"",
            "F.name",
            "F.text",
        ]),
        ("char *", "addr") => all(&["(char *)&F.address", "NULL"]),
        ("char *", "buffer") => all(&["F.bytes", "NULL"]),
        ("char *", "node") => all(&["F.node", "NULL"]),
        ("char *", "fmt") => all(&[
            "\"{ok, [1, 2.5, 'a b', \\\"c\\\"]}\"",
            "NULL",
            "\"\"",
            "\"~\"",
            "\"~~\"",
            "\"~z\"",
            "\"{\"",
            "\"}\"",
            "\"[\"",
            "\"[|\"",
            "\"'\"",
            "\"\\\"\"",
            "\"#{\"",
            "\"%s%n\"",
            "\"\\xff\"",
            "F.text",
        ]),
        ("char *", "p" | "out_buf") if reads => all(&["F.out", "NULL"]),
        // As long as the sizes that go with them.
        ("char *", "p" | "s") if name.contains("_len") || name.contains("bitstring") => {
            all(&["\"name\"", "NULL", "\"\\xff\\xfe\\xff\\xfe\"", "F.name", "F.text"])
        }
        ("char *", _) => all(&["\"name\"", "NULL", "\"\"", "\"\\xff\\xfe\"", "\"%s%n\"", "F.name", "F.text"]),
        ("void *", "setup_context") => all(&["NULL", "(void *)-1"]),
        ("void *", _) => all(&["F.out", "NULL"]),
        ("char **", "s") => all(&["&F.printed", "NULL"]),
        ("char **", "pp") => all(&["&F.printed", "NULL"]),
        ("char **", _) => all(&["&F.heap", "NULL"]),
        ("int *", "bufsz") => all(&["&F.heap_size", "NULL", "&F.zero"]),
        ("int *", "port") => all(&["&F.zero", "NULL"]),
        (
            "int *"
            | "unsigned int *"
            | "long *"
            | "unsigned long *"
            | "EI_LONGLONG *"
            | "EI_ULONGLONG *"
            | "double *"
            | "size_t *"
            | "erlang_char_encoding *",
            _,
        ) => all(&["(void *)F.numbers", "NULL"]),
        ("unsigned char *", _) => all(&["(void *)F.bytes", "NULL"]),
        ("FILE *", _) => all(&["F.sink", "NULL"]),
        ("ErlConnect *", _) => all(&["&F.con", "NULL"]),
        ("Erl_IpAddr", _) => all(&["&F.address", "NULL"]),
        ("struct hostent *", _) => all(&["&F.host", "NULL"]),
        ("ei_socket_callbacks *", _) => all(&["&ei_default_socket_callbacks", "NULL", "&F.none"]),
        ("erlang_msg *", _) => all(&["&F.msg", "NULL"]),
        ("ei_term *", _) => all(&["&F.term", "NULL"]),
        ("erlang_pid *", _) => all(&["&F.pid", "NULL", "&F.pid_zero", "&F.pid_full"]),
        ("erlang_port *", _) => all(&["&F.eport", "NULL", "&F.port_zero", "&F.port_full"]),
        ("erlang_ref *", _) => all(&["&F.ref", "NULL", "&F.ref_zero", "&F.ref_full", "&F.ref_wild"]),
        ("erlang_trace *", _) => all(&["&F.trace", "NULL", "&F.trace_zero"]),
        ("erlang_fun *", _) => all(&["&F.fun", "NULL", "&F.fun_zero", "&F.fun_wild"]),
        ("erlang_big *", _) => all(&["F.big", "NULL", "&F.big_zero"]),
        (kind, other) => panic!("{name}: no values for {kind} {other}"),
    }
}
