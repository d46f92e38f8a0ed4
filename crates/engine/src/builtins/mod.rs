//! The functions that rules call on a transaction, one record each, by namespace.
//!
//! Rows are written with [`row!`], in one file for each family. A record holds what runs and what is said of it, so that the checker, the manual and the machine cannot differ.

mod connection;
mod cookie;
#[cfg(test)]
mod examples;
mod http_request;
mod http_response;
mod journal;
mod pending;
mod pool;
#[cfg(test)]
mod published;
mod rate;
mod shape;
mod ssl;
mod text;
mod unsupported;

pub(crate) use pending::reason as pending_reason;
pub(crate) use text::log_text;

use crate::transaction::Host;
use std::sync::LazyLock;
use trafficscript::{Builtin, Builtins, Stages};

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
/// Rules on an HTTP transaction that is under way.
pub(crate) const BOTH: Stages = REQUEST.or(RESPONSE);

/// What the stages are called, in the order of a transaction.
const STAGE_NAMES: &[(Stages, &str)] = &[
    (REQUEST, "request rules"),
    (RESPONSE, "response rules"),
    (COMPLETION, "completion rules"),
    (RAW_REQUEST, "request rules of raw protocols"),
    (RAW_RESPONSE, "response rules of raw protocols"),
];

/// One record, in the order name, summary, parameters, what it gives, stages, effect, what the examples are given,
/// examples, the manual's text, code.
macro_rules! row {
    ($name:literal, $summary:literal, ($($param:expr),* $(,)?), $returns:ident, $stages:expr, $effect:ident,
     $given:expr, [$($rule:literal => $gives:literal),+ $(,)?], $doc:expr, $call:expr $(,)?) => {
        ::trafficscript::Builtin {
            name: $name,
            summary: $summary,
            params: const { &[$($param),*] },
            returns: ::trafficscript::Kind::$returns,
            stages: $stages,
            effect: ::trafficscript::Effect::$effect,
            examples: &[$(::trafficscript::Example { rule: $rule, given: $given, gives: $gives }),+],
            doc: $doc,
            call: $call,
        }
    };
}
pub(crate) use row;

/// The table: the language's own functions and the engine's. Built once; it is not state.
pub fn builtins() -> &'static Builtins<Host> {
    static TABLE: LazyLock<Builtins<Host>> = LazyLock::new(table);
    &TABLE
}

#[expect(clippy::expect_used, reason = "the rows are fixed at compile time and a test builds the table")]
fn table() -> Builtins<Host> {
    let rows: Vec<Builtin<Host>> = [
        &http_request::ROWS[..],
        &http_response::ROWS,
        &connection::ROWS,
        &journal::ROWS,
        &pool::ROWS,
        &rate::ROWS,
        &shape::ROWS,
        &ssl::ROWS,
        &ssl::HANDSHAKE,
        &pending::ROWS,
    ]
    .concat();
    let mut table = Builtins::new(rows).expect("no two functions share a name");
    for (alias, name) in ALIASES {
        table = table.alias(alias, name).expect("an alias names a function");
    }
    table.unsupported(unsupported::names()).stage_names(STAGE_NAMES)
}

/// Older or shorter names that published rules use.
const ALIASES: [(&str, &str); 8] = [
    ("http.cookie", "http.getCookie"),
    ("connection.getRemoteIP", "request.getRemoteIP"),
    ("connection.getRemotePort", "request.getRemotePort"),
    ("connection.getLocalIP", "request.getLocalIP"),
    ("connection.getLocalPort", "request.getLocalPort"),
    ("connection.drop", "connection.discard"),
    ("connection.setBandwidthClass", "response.setBandwidthClass"),
    ("connection.getBandwidthClass", "response.getBandwidthClass"),
];
