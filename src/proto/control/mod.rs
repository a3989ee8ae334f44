//! Control tuples: what a packet asks for, with typed fields.
//!
//! Every operation of OTP 25 to 29 is a variant; the wire shape stands above it. `TT` operations (with a
//! sequential-trace token) are the same variants with `token: Some`. Reasons, options and tokens stay encoded;
//! they may refer to the atom table of their packet.
//! Always true: what decodes without error can be encoded, and what does not decode must close the connection.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::Names;

use crate::term::{Atom, Pid, Reference};
use bytes::Bytes;

/// Operation numbers.
pub(crate) mod op {
    pub const LINK: u8 = 1;
    pub const SEND: u8 = 2;
    pub const EXIT: u8 = 3;
    pub const UNLINK: u8 = 4;
    pub const REG_SEND: u8 = 6;
    pub const GROUP_LEADER: u8 = 7;
    pub const EXIT2: u8 = 8;
    pub const SEND_TT: u8 = 12;
    pub const EXIT_TT: u8 = 13;
    pub const REG_SEND_TT: u8 = 16;
    pub const EXIT2_TT: u8 = 18;
    pub const MONITOR_P: u8 = 19;
    pub const DEMONITOR_P: u8 = 20;
    pub const MONITOR_P_EXIT: u8 = 21;
    pub const SEND_SENDER: u8 = 22;
    pub const SEND_SENDER_TT: u8 = 23;
    pub const PAYLOAD_EXIT: u8 = 24;
    pub const PAYLOAD_EXIT_TT: u8 = 25;
    pub const PAYLOAD_EXIT2: u8 = 26;
    pub const PAYLOAD_EXIT2_TT: u8 = 27;
    pub const PAYLOAD_MONITOR_P_EXIT: u8 = 28;
    pub const SPAWN_REQUEST: u8 = 29;
    pub const SPAWN_REQUEST_TT: u8 = 30;
    pub const SPAWN_REPLY: u8 = 31;
    pub const SPAWN_REPLY_TT: u8 = 32;
    pub const ALIAS_SEND: u8 = 33;
    pub const ALIAS_SEND_TT: u8 = 34;
    pub const UNLINK_ID: u8 = 35;
    pub const UNLINK_ID_ACK: u8 = 36;
    pub const ALTACT_SIG_SEND: u8 = 37;
}

/// Flags of operation 37.
pub(crate) mod altact {
    pub const PRIORITY: u64 = 1;
    pub const TOKEN: u64 = 2;
    pub const ALIAS: u64 = 4;
    pub const NAME: u64 = 8;
    pub const EXIT: u64 = 16;
}

/// Flags of a spawn reply.
mod spawned {
    pub const LINKED: u64 = 1;
    pub const MONITORED: u64 = 2;
}

/// A process, named by pid or by registered name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// By pid.
    Pid(Pid),
    /// By registered name on the node that receives.
    Name(Atom),
}

/// Who a signal of operation 37 is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SignalTarget {
    /// A pid.
    Pid(Pid),
    /// A registered name.
    Name(Atom),
    /// An alias.
    Alias(Reference),
}

/// `{29, ReqId, From, Leader, {M, F, Arity}, Opts}` and its `TT` form 30. The payload is the argument list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnRequest {
    /// Names the request, and the monitor if one is asked for.
    pub reference: Reference,
    /// Who asks.
    pub from: Pid,
    /// Group leader for the new process; may live on any node.
    pub leader: Pid,
    /// Module.
    pub module: Atom,
    /// Function.
    pub function: Atom,
    /// Number of arguments. A BEAM ignores it when the list has another length.
    pub arity: u8,
    /// The encoded option list.
    pub options: Bytes,
    /// The encoded trace token.
    pub token: Option<Bytes>,
}

/// `{31, ReqId, To, Flags, PidOrError}` and its `TT` form 32.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpawnReply {
    /// The request.
    pub reference: Reference,
    /// Who asked.
    pub to: Pid,
    /// The link asked for is there.
    pub linked: bool,
    /// The monitor asked for is there, under `reference`.
    pub monitored: bool,
    /// The new process, or why there is none.
    pub result: Result<Pid, Atom>,
    /// The encoded trace token.
    pub token: Option<Bytes>,
}

/// `{37, Flags, From, To [, Token]}`. The payload is a message, or the reason of an exit signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AltactSignal {
    /// To be handled before ordinary messages.
    pub priority: bool,
    /// An exit signal, not a message.
    pub exit: bool,
    /// Who sends.
    pub from: Pid,
    /// Who receives.
    pub to: SignalTarget,
    /// The encoded trace token.
    pub token: Option<Bytes>,
}

/// A control tuple.
///
/// [`decode`](Self::decode), [`encode_to`](Self::encode_to), [`op`](Self::op), [`has_payload`](Self::has_payload).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields are those of the tuple above their variant
pub enum Control {
    /// `{1, From, To}`
    Link { from: Pid, to: Pid },
    /// `{2, '', To}`, `{12, '', To, Token}`; message. Comes whatever was negotiated.
    Send { to: Pid, token: Option<Bytes> },
    /// `{3, From, To, Reason}`, `{13, From, To, Token, Reason}`
    Exit { from: Pid, to: Pid, token: Option<Bytes>, reason: Bytes },
    /// `{4, From, To}`; only of peers without UNLINK_ID
    Unlink { from: Pid, to: Pid },
    /// `{6, From, '', Name}`, `{16, From, '', Name, Token}`; message
    RegSend { from: Pid, to: Atom, token: Option<Bytes> },
    /// `{7, Leader, Pid}`
    GroupLeader { leader: Pid, pid: Pid },
    /// `{8, From, To, Reason}`, `{18, From, To, Token, Reason}`
    Exit2 { from: Pid, to: Pid, token: Option<Bytes>, reason: Bytes },
    /// `{19, From, PidOrName, Ref}`
    MonitorP { from: Pid, to: Target, reference: Reference },
    /// `{20, From, PidOrName, Ref}`
    DemonitorP { from: Pid, to: Target, reference: Reference },
    /// `{21, PidOrName, To, Ref, Reason}`
    MonitorPExit { from: Target, to: Pid, reference: Reference, reason: Bytes },
    /// `{22, From, To}`, `{23, From, To, Token}`; message
    SendSender { from: Pid, to: Pid, token: Option<Bytes> },
    /// `{24, From, To}`, `{25, From, To, Token}`; reason
    PayloadExit { from: Pid, to: Pid, token: Option<Bytes> },
    /// `{26, From, To}`, `{27, From, To, Token}`; reason
    PayloadExit2 { from: Pid, to: Pid, token: Option<Bytes> },
    /// `{28, PidOrName, To, Ref}`; reason
    PayloadMonitorPExit { from: Target, to: Pid, reference: Reference },
    /// See [`SpawnRequest`]; argument list
    SpawnRequest(Box<SpawnRequest>),
    /// See [`SpawnReply`]
    SpawnReply(Box<SpawnReply>),
    /// `{33, From, Alias}`, `{34, From, Alias, Token}`; message
    AliasSend { from: Pid, to: Reference, token: Option<Bytes> },
    /// `{35, Id, From, To}`; Id is never 0
    UnlinkId { id: u64, from: Pid, to: Pid },
    /// `{36, Id, From, To}`
    UnlinkIdAck { id: u64, from: Pid, to: Pid },
    /// See [`AltactSignal`]; message or reason
    AltactSignal(Box<AltactSignal>),
}

impl Control {
    /// The number of the operation.
    pub fn op(&self) -> u8 {
        let plain_or = |token: &Option<Bytes>, plain, traced| if token.is_none() { plain } else { traced };
        match self {
            Control::Link { .. } => op::LINK,
            Control::Send { token, .. } => plain_or(token, op::SEND, op::SEND_TT),
            Control::Exit { token, .. } => plain_or(token, op::EXIT, op::EXIT_TT),
            Control::Unlink { .. } => op::UNLINK,
            Control::RegSend { token, .. } => plain_or(token, op::REG_SEND, op::REG_SEND_TT),
            Control::GroupLeader { .. } => op::GROUP_LEADER,
            Control::Exit2 { token, .. } => plain_or(token, op::EXIT2, op::EXIT2_TT),
            Control::MonitorP { .. } => op::MONITOR_P,
            Control::DemonitorP { .. } => op::DEMONITOR_P,
            Control::MonitorPExit { .. } => op::MONITOR_P_EXIT,
            Control::SendSender { token, .. } => plain_or(token, op::SEND_SENDER, op::SEND_SENDER_TT),
            Control::PayloadExit { token, .. } => plain_or(token, op::PAYLOAD_EXIT, op::PAYLOAD_EXIT_TT),
            Control::PayloadExit2 { token, .. } => plain_or(token, op::PAYLOAD_EXIT2, op::PAYLOAD_EXIT2_TT),
            Control::PayloadMonitorPExit { .. } => op::PAYLOAD_MONITOR_P_EXIT,
            Control::SpawnRequest(r) => plain_or(&r.token, op::SPAWN_REQUEST, op::SPAWN_REQUEST_TT),
            Control::SpawnReply(r) => plain_or(&r.token, op::SPAWN_REPLY, op::SPAWN_REPLY_TT),
            Control::AliasSend { token, .. } => plain_or(token, op::ALIAS_SEND, op::ALIAS_SEND_TT),
            Control::UnlinkId { .. } => op::UNLINK_ID,
            Control::UnlinkIdAck { .. } => op::UNLINK_ID_ACK,
            Control::AltactSignal(_) => op::ALTACT_SIG_SEND,
        }
    }

    /// The process that sends it, where the tuple tells.
    pub fn sender(&self) -> Option<&Pid> {
        match self {
            Control::Link { from, .. }
            | Control::Exit { from, .. }
            | Control::Unlink { from, .. }
            | Control::RegSend { from, .. }
            | Control::Exit2 { from, .. }
            | Control::MonitorP { from, .. }
            | Control::DemonitorP { from, .. }
            | Control::SendSender { from, .. }
            | Control::PayloadExit { from, .. }
            | Control::PayloadExit2 { from, .. }
            | Control::AliasSend { from, .. }
            | Control::UnlinkId { from, .. }
            | Control::UnlinkIdAck { from, .. } => Some(from),
            Control::MonitorPExit { from: Target::Pid(from), .. }
            | Control::PayloadMonitorPExit { from: Target::Pid(from), .. } => Some(from),
            Control::SpawnRequest(request) => Some(&request.from),
            Control::AltactSignal(signal) => Some(&signal.from),
            Control::Send { .. }
            | Control::GroupLeader { .. }
            | Control::MonitorPExit { from: Target::Name(_), .. }
            | Control::PayloadMonitorPExit { from: Target::Name(_), .. }
            | Control::SpawnReply(_) => None,
        }
    }

    /// True if a payload has to follow the tuple. One that lacks it closes the connection.
    pub fn has_payload(&self) -> bool {
        match self {
            Control::Send { .. }
            | Control::RegSend { .. }
            | Control::SendSender { .. }
            | Control::PayloadExit { .. }
            | Control::PayloadExit2 { .. }
            | Control::PayloadMonitorPExit { .. }
            | Control::SpawnRequest(_)
            | Control::AliasSend { .. }
            | Control::AltactSignal(_) => true,
            Control::Link { .. }
            | Control::Exit { .. }
            | Control::Unlink { .. }
            | Control::GroupLeader { .. }
            | Control::Exit2 { .. }
            | Control::MonitorP { .. }
            | Control::DemonitorP { .. }
            | Control::MonitorPExit { .. }
            | Control::SpawnReply(_)
            | Control::UnlinkId { .. }
            | Control::UnlinkIdAck { .. } => false,
        }
    }
}
