//! Where a node of ours answers differently from a BEAM, and why. Short, and checked both ways: a line that answers the same
//! must leave this list.

/// A line of the table that differs on purpose.
pub struct Difference {
    pub line: &'static str,
    /// What is printed with ours.
    pub ours: &'static str,
    pub reason: &'static str,
}

pub const DIFFERENCES: &[Difference] = &[
    Difference {
        line: "erpc:call(PEER, os, cmd, [\"true\"])",
        ours: "{{error,{exception,undef,[{os,cmd,[\"true\"],[]}]}},[]}",
        reason: "only exported functions and a few harmless ones run here",
    },
    Difference {
        line: "sys:replace_state({srv, PEER}, fun(S) -> S end)",
        ours: "{{error,{callback_failed,{gen_server,system_replace_state},{error,undef}}},[]}",
        reason: "a closure's code is Erlang's and cannot run here",
    },
];
