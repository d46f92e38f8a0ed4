//! The functions that rules call on a transaction, one record each, by namespace.
//!
//! A record holds what runs and what is said of it, so that the checker, the manual and the machine cannot differ.

mod connection;
mod cookie;
#[cfg(test)]
mod examples;
mod http_request;
mod http_response;
mod journal;
mod pool;
mod rate;
mod shape;
mod text;

pub(crate) use text::log_text;

use crate::transaction::Host;
use std::sync::LazyLock;
use trafficscript::{Builtin, Builtins, Stages};

/// Request rules: before a node is chosen.
pub const REQUEST: Stages = Stages(1);
/// Response rules: on the answer.
pub const RESPONSE: Stages = Stages(2);
/// Both.
pub(crate) const BOTH: Stages = REQUEST.or(RESPONSE);

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
    ]
    .concat();
    let mut table = Builtins::new(rows).expect("no two functions share a name");
    for (alias, name) in ALIASES {
        table = table.alias(alias, name).expect("an alias names a function");
    }
    table
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
