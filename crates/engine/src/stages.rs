//! The kinds of rules: where a function means something, as bits that the language hands through.

use trafficscript::Stages;

/// Request rules of HTTP: before a node is chosen.
pub const REQUEST: Stages = Stages(1);
/// Response rules of HTTP: on the answer.
pub const RESPONSE: Stages = Stages(2);
/// Completion rules: the transaction is over, and can only be looked at.
pub const COMPLETION: Stages = Stages(4);
/// Request rules over raw bytes, of protocols that are not HTTP.
pub const RAW_REQUEST: Stages = Stages(8);
/// Response rules over raw bytes.
pub const RAW_RESPONSE: Stages = Stages(16);
/// Rules over raw bytes: what reads or changes bytes.
pub const RAW: Stages = RAW_REQUEST.or(RAW_RESPONSE);
/// Rules on an HTTP transaction that is under way: what changes it, or waits.
pub(crate) const BOTH: Stages = REQUEST.or(RESPONSE);
/// Rules of HTTP at any time, when it is over too: what reads the request or its answer.
pub const HTTP: Stages = BOTH.or(COMPLETION);
/// Rules of HTTP from the answer on.
pub const ANSWERED: Stages = RESPONSE.or(COMPLETION);
/// Rules of any protocol while something is under way: what changes the connection, or waits.
pub const LIVE: Stages = BOTH.or(RAW);
/// Every rule: what reads the connection, and what looks at or keeps things outside of it.
pub const EVERYWHERE: Stages = LIVE.or(COMPLETION);

/// What the stages are called, in the order of a transaction.
pub(crate) const NAMES: &[(Stages, &str)] = &[
    (REQUEST, "request rules"),
    (RESPONSE, "response rules"),
    (COMPLETION, "completion rules"),
    (RAW_REQUEST, "request rules over raw bytes"),
    (RAW_RESPONSE, "response rules over raw bytes"),
];
