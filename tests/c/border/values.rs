//! What a parameter can be given: one good value, and those that are wrong or unusual, by its type and name.
//!
//! Some parameters belong together (bytes and their length). What cannot be survived by anybody, such as a pointer to nowhere, is not
//! among them.

use super::header::{Function, Parameter};

/// What must come of a value while all others are good.
#[derive(Clone, Copy, PartialEq)]
pub enum Want {
    /// Any answer that the header knows.
    Any,
    /// A failure.
    Failure,
    /// This status.
    Status(&'static str),
}

/// A value for one parameter, or for two that belong together: C expressions separated by a comma.
#[derive(Clone)]
pub struct Value {
    pub text: String,
    pub want: Want,
}

/// Everything that one parameter (or pair) can be given.
pub struct Choice {
    pub name: String,
    /// The index of the parameter that the answer is written to, if it is a place.
    pub place: Option<usize>,
    pub good: String,
    pub others: Vec<Value>,
}

/// Parameters for which NULL is an answer and no mistake, as their comments in the header say.
const MAY_BE_NULL: &[(&str, &str)] = &[
    ("erln_config_new", "name"),
    ("erln_config_set_epmd", "address"),
    ("erln_discover_srv", "server"),
    ("erln_mailbox_open", "name"),
    ("erln_mailbox_open", "options"),
    ("erln_node_set_cookie", "peer"),
    ("erln_pid_print", "out_len"),
    ("erln_print", "out_len"),
    ("erln_ref_print", "out_len"),
    ("erln_spawn", "out_ref"),
    ("erln_log_set", "hook"),
    ("erln_mailbox_load", "out_messages"),
    ("erln_mailbox_load", "out_bytes"),
    ("erln_mailbox_load", "out_dropped"),
    ("erln_pg_leave_term", "out_left"),
    ("erln_pg_monitor_term", "group"),
    ("erln_pg_monitor_term", "out_known"),
    ("erln_pubsub_broadcast_term", "dispatcher"),
];

/// The choices for all parameters of a function.
pub fn choices(function: &Function) -> Vec<Choice> {
    let parameters = &function.parameters;
    let mut choices = Vec::new();
    let mut at = 0;
    while let Some(parameter) = parameters.get(at) {
        let length =
            parameters.get(at + 1).filter(|next| next.kind == "size_t" && parameter.kind.ends_with('*'));
        let pair = length.and_then(|_| pair(parameter));
        let (good, others) = match &pair {
            Some(_) => pair.unwrap(),
            None if parameter.is_out() => (format!("&place_{at}"), vec![failure("NULL")]),
            None => single(parameter, function),
        };
        let place = (parameter.is_out() && good.contains(&format!("&place_{at}"))).then_some(at);
        let mut others = others;
        let is_scope = function.name.starts_with("erln_pg_") && parameter.name == "scope";
        if is_scope || MAY_BE_NULL.contains(&(function.name.as_str(), parameter.name.as_str())) {
            for value in &mut others {
                if value.text.starts_with("NULL") {
                    value.want = Want::Any;
                }
            }
        }
        choices.push(Choice { name: parameter.name.clone(), place, good, others });
        at += if length.is_some() && choices.last().is_some_and(|choice| choice.good.contains(", ")) {
            2
        } else {
            1
        };
    }
    choices
}

fn failure(text: &str) -> Value {
    Value { text: text.to_owned(), want: Want::Failure }
}

fn any(text: &str) -> Value {
    Value { text: text.to_owned(), want: Want::Any }
}

fn status(text: &str, status: &'static str) -> Value {
    Value { text: text.to_owned(), want: Want::Status(status) }
}

/// A pointer and a `size_t` that says how much is there.
fn pair(parameter: &Parameter) -> Option<(String, Vec<Value>)> {
    let huge = |good: &str| failure(&format!("{good}, SIZE_MAX"));
    Some(match parameter.kind.as_str() {
        "const uint8_t *" => {
            let good = if parameter.name == "args" { "nil, sizeof nil" } else { "term, sizeof term" };
            let others = vec![
                failure("NULL, 12345"),
                huge("term"),
                any("NULL, 0"),
                any("term, 0"),
                any("noise, sizeof noise"),
                any("term, 3"),
            ];
            (good.into(), others)
        }
        "const erln_arg *" => (
            "NULL, 0".into(),
            vec![failure("NULL, 3"), huge("wrong_args"), failure("wrong_args, 1"), any("wrong_args, 0")],
        ),
        "char *" | "uint8_t *" if !parameter.is_out() => {
            let text = format!("({})buffer", parameter.kind);
            let others =
                vec![any("NULL, 0"), any(&format!("{text}, 0")), any(&format!("{text}, 1")), any("NULL, 5")];
            (format!("{text}, sizeof buffer"), others)
        }
        "int64_t *" | "double *" => (
            format!("({})buffer, 4", parameter.kind),
            vec![failure("NULL, 5"), any(&format!("({})buffer, 0", parameter.kind))],
        ),
        "const int64_t *" | "const double *" => {
            let good = format!("({})buffer", parameter.kind);
            (format!("{good}, 4"), vec![failure("NULL, 5"), huge(&good), any("NULL, 0")])
        }
        "const void *const *" | "void *const *" | "void **" => {
            ("NULL, 0".into(), vec![failure("NULL, 7"), failure("NULL, SIZE_MAX")])
        }
        _ => return None,
    })
}

/// True for functions that end what they are given.
pub fn ends(function: &Function) -> bool {
    ["_stop", "_close", "_close_reason"].iter().any(|end| function.name.ends_with(end))
}

fn single(parameter: &Parameter, function: &Function) -> (String, Vec<Value>) {
    let name = parameter.name.as_str();
    let ends = ends(function);
    match parameter.kind.as_str() {
        "erln_node" => (
            if ends { "another_node()" } else { "node" }.into(),
            vec![
                status("(erln_node){0}", "ERLN_ERR_ARGUMENT"),
                status("(erln_node){UINT64_MAX}", "ERLN_ERR_ARGUMENT"),
                status("(erln_node){node.id + (UINT64_C(1) << 24)}", "ERLN_ERR_ARGUMENT"),
                status("(erln_node){box().id}", "ERLN_ERR_ARGUMENT"),
                status("(erln_node){node.id ^ (UINT64_C(1) << 48)}", "ERLN_ERR_FORKED"),
                status("stopped", "ERLN_ERR_CLOSED"),
            ],
        ),
        "erln_mailbox" => (
            "box()".into(),
            vec![
                status("(erln_mailbox){0}", "ERLN_ERR_ARGUMENT"),
                status("(erln_mailbox){UINT64_MAX}", "ERLN_ERR_ARGUMENT"),
                status("(erln_mailbox){node.id}", "ERLN_ERR_ARGUMENT"),
                status("(erln_mailbox){box().id + (UINT64_C(1) << 40)}", "ERLN_ERR_ARGUMENT"),
                status("(erln_mailbox){box().id ^ (UINT64_C(1) << 48)}", "ERLN_ERR_FORKED"),
                status("closed", "ERLN_ERR_CLOSED"),
                status("box_of_stopped", "ERLN_ERR_CLOSED"),
            ],
        ),
        "const char *" => {
            let good = match name {
                "name" if function.name == "erln_config_new" => "\"border@localhost\"",
                "peer" => "\"nobody@localhost\"",
                "address" => "\"127.0.0.1\"",
                "nodes" => "\"a@b\"",
                "erlang" => "\"{a, 1}\"",
                _ => "\"border\"",
            };
            let others = ["\"\"", "long_text", "\"~\"", "\"{~i, [\"", "\"a b@c@d\"", "\"\\n\\t\\\"'\""];
            let mut others: Vec<Value> = others.map(any).into();
            others.extend([failure("NULL"), failure("no_utf8")]);
            (good.into(), others)
        }
        "const erln_pid *" => ("&pid".into(), vec![failure("NULL"), any("&zero_pid"), failure("&wild_pid")]),
        "const erln_ref *" => ("&ref".into(), vec![failure("NULL"), any("&zero_ref"), failure("&wild_ref")]),
        "const erln_port *" => ("&port".into(), vec![failure("NULL"), failure("&wild_port")]),
        // What stands there before does not matter.
        "erln_reader *" if function.name == "erln_reader_init" => ("reader()".into(), vec![failure("NULL")]),
        "erln_reader *" | "const erln_reader *" => (
            "reader()".into(),
            vec![
                failure("NULL"),
                failure("&zero_reader"),
                failure("&wild_reader"),
                any("ended_reader()"),
                any("broken_reader()"),
            ],
        ),
        "erln_writer *" => {
            ("writer()".into(), vec![failure("NULL"), any("full_writer()"), any("failed_writer()")])
        }
        "erln_msg *" | "const erln_msg *" => ("msg()".into(), vec![failure("NULL"), any("request_msg()")]),
        "erln_request *" | "const erln_request *" => {
            ("request()".into(), vec![failure("NULL"), any("answered_request()")])
        }
        "erln_server *" => ("server()".into(), vec![failure("NULL")]),
        "const erln_task *" => ("&task".into(), vec![failure("NULL"), failure("&wild_task")]),
        "erln_config *" | "const erln_config *" => ("config()".into(), vec![failure("NULL")]),
        "erln_mailbox_options *" | "const erln_mailbox_options *" => {
            ("options()".into(), vec![failure("NULL")])
        }
        "erln_names *" | "const erln_names *" => ("names()".into(), vec![failure("NULL")]),
        "erln_to" => (
            "erln_to_pid(&pid)".into(),
            vec![
                failure("(erln_to){0, 0, NULL, NULL}"),
                failure("(erln_to){99, 0, &pid, \"x\"}"),
                failure("(erln_to){-1, 0, &pid, \"x\"}"),
                failure("erln_to_pid(NULL)"),
                failure("erln_to_name(NULL)"),
                failure("erln_to_alias(NULL)"),
                failure("erln_to_remote(NULL, \"a@b\")"),
                failure("erln_to_remote(\"a\", NULL)"),
                failure("erln_to_name(no_utf8)"),
                failure("erln_to_pid(&wild_pid)"),
                failure("erln_to_alias(&wild_ref)"),
                any("erln_to_name(\"nobody\")"),
                any("erln_to_name(long_text)"),
                any("erln_to_pid(&zero_pid)"),
                any("erln_to_alias(&ref)"),
                any("erln_to_remote(\"nobody\", \"nobody@localhost\")"),
            ],
        ),
        "int32_t" if name.contains("timeout") => {
            ("0".into(), vec![failure("-2"), failure("INT32_MIN"), any("1")])
        }
        "int32_t" if matches!(name, "status" | "arity") => {
            ("0".into(), vec![any("-1"), any("INT32_MIN"), any("INT32_MAX")])
        }
        "int32_t" => {
            ("1".into(), vec![failure("99"), failure("-7"), failure("INT32_MIN"), any("0"), any("2")])
        }
        "size_t" => ("1".into(), vec![any("0"), any("SIZE_MAX"), any("SIZE_MAX / 2"), any("UINT32_MAX")]),
        "uint64_t" => ("1".into(), vec![any("0"), any("UINT64_MAX")]),
        "int64_t" => ("1".into(), vec![any("INT64_MIN"), any("INT64_MAX")]),
        "uint32_t" => ("1".into(), vec![any("0"), any("UINT32_MAX")]),
        "uint16_t" => ("1".into(), vec![any("0"), any("UINT16_MAX")]),
        "uint8_t" => ("1".into(), vec![any("0"), any("UINT8_MAX")]),
        "double" => ("1.5".into(), vec![failure("NAN"), failure("INFINITY")]),
        "bool" => ("true".into(), vec![any("false")]),
        "erln_log_fn" => ("hook".into(), vec![any("NULL")]),
        // A new kind of object: NULL is what we know of it. Give it a maker in program.rs.
        kind if kind.ends_with('*') => ("NULL".into(), Vec::new()),
        kind => (format!("({kind}){{0}}"), Vec::new()),
    }
}
