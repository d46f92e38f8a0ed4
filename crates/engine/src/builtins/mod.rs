//! The functions that rules call on a transaction, one record each, by namespace.
//!
//! Rows are written with [`row!`], in one file for each family. A record holds what runs and what is said of it, so that the checker, the manual and the machine cannot differ.

mod address;
mod again;
mod auth;
mod body;
mod completion;
mod connection;
#[doc(hidden)]
pub mod cookie;
mod counter;
mod data;
mod ending;
mod event;
#[cfg(test)]
mod examples;
mod fetch;
mod form;
mod geo;
mod http_answer;
mod http_cookie;
mod http_request;
mod http_response;
mod http_target;
mod journal;
mod logging;
mod mark;
mod node;
mod patience;
mod pending;
mod persistence;
mod pool;
#[cfg(test)]
mod published;
mod rate;
mod raw;
mod resource;
mod rule;
mod service_level;
mod shape;
mod sockets;
mod spare;
mod ssl;
mod stream;
mod sys;
mod text;
mod unsupported;
mod visit;

pub use pending::reason as pending_reason;
pub(crate) use visit::is_below;

use crate::host::Host;
use std::sync::LazyLock;
use trafficscript::{Builtin, Builtins};

pub(crate) use crate::stages::BOTH;
pub use crate::stages::{
    ANSWERED, COMPLETION, EVERYWHERE, HTTP, LIVE, RAW, RAW_REQUEST, RAW_RESPONSE, REQUEST, RESPONSE,
};

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
        &http_target::ROWS,
        &http_cookie::ROWS,
        &http_response::ROWS,
        &http_answer::ROWS,
        &address::ROWS,
        &completion::ROWS,
        &connection::ROWS,
        &journal::ROWS,
        &logging::ROWS,
        &mark::ROWS,
        &node::ROWS,
        &patience::ROWS,
        &persistence::ROWS,
        &pool::ROWS,
        &rate::ROWS,
        &raw::REQUEST_ROWS,
        &raw::RESPONSE_ROWS,
        &raw::CONNECTION_ROWS,
        &rule::ROWS,
        &service_level::ROWS,
        &shape::ROWS,
        &ssl::ROWS,
        &ssl::HANDSHAKE,
        &body::ROWS,
        &form::ROWS,
        &stream::ROWS,
        &again::ROWS,
        &ending::ROWS,
        &pending::ROWS,
        &data::ROWS,
        &visit::ROWS,
        &counter::ROWS,
        &event::ROWS,
        &geo::ROWS,
        &resource::ROWS,
        &sys::ROWS,
        &fetch::ROWS,
        &sockets::ROWS,
        &auth::ROWS,
    ]
    .concat();
    let mut table = Builtins::new(rows).expect("no two functions share a name");
    for (alias, name) in ALIASES {
        table = table.alias(alias, name).expect("an alias names a function");
    }
    table
        .unsupported(unsupported::names())
        .stage_names(crate::stages::NAMES)
        .with_kindred(crate::stages::KINDRED)
        .with_elsewhere(crate::stages::ELSEWHERE)
}

/// Writes down what a rule sets for its transaction; whether it is to be done, too.
fn decides(
    call: &mut trafficscript::Call<'_, Host>,
    name: &'static str,
    value: &dyn std::fmt::Display,
) -> bool {
    let place = call.place();
    let value = trafficscript::ByteString::from(value.to_string());
    call.host.note(place, crate::host::Note::Setting { name, value });
    !call.host.observes()
}

/// Older or shorter names that published rules use.
const ALIASES: [(&str, &str); 28] = [
    ("http.cookie", "http.getCookie"),
    ("connection.getRemoteIP", "request.getRemoteIP"),
    ("connection.getRemotePort", "request.getRemotePort"),
    ("connection.getLocalIP", "request.getLocalIP"),
    ("connection.getLocalPort", "request.getLocalPort"),
    ("connection.drop", "connection.discard"),
    ("connection.setIdempotent", "request.setIdempotent"),
    ("http.setIdempotent", "request.setIdempotent"),
    ("connection.setPersistenceClass", "connection.setPersistence"),
    ("connection.setBandwidthClass", "response.setBandwidthClass"),
    ("connection.getBandwidthClass", "response.getBandwidthClass"),
    ("time", "sys.time"),
    ("timeToString", "sys.timeToString"),
    ("hostname", "sys.hostname"),
    ("domainname", "sys.domainname"),
    ("getpid", "sys.getpid"),
    ("getenv", "sys.getenv"),
    ("time.highres", "sys.time.highres"),
    ("time.hour", "sys.time.hour"),
    ("time.minutes", "sys.time.minutes"),
    ("time.month", "sys.time.month"),
    ("time.monthday", "sys.time.monthday"),
    ("time.seconds", "sys.time.seconds"),
    ("time.weekday", "sys.time.weekday"),
    ("time.year", "sys.time.year"),
    ("time.yearday", "sys.time.yearday"),
    ("gmtime.format", "sys.gmtime.format"),
    ("localtime.format", "sys.localtime.format"),
];
