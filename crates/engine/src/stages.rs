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

/// A function of one of these may be called in rules of the others of its row, and does nothing there: rules are written
/// to be used in both directions.
pub(crate) const KINDRED: &[Stages] = &[HTTP, RAW];

/// What does the work of a function over raw bytes in an HTTP rule, and the other way round.
pub(crate) const ELSEWHERE: &[(&str, &str)] = &[
    ("request.get", "http.getBody in HTTP"),
    ("request.getLength", "http.getBody in HTTP"),
    ("request.getLine", "http.getBodyLines in HTTP"),
    ("request.endsAt", "nothing in HTTP, whose requests end by themselves"),
    ("request.endsWith", "nothing in HTTP, whose requests end by themselves"),
    ("request.skip", "http.setBody in HTTP"),
    ("request.set", "http.setBody in HTTP"),
    ("response.get", "http.getResponseBody in HTTP"),
    ("response.getLength", "http.getResponseBody in HTTP"),
    ("response.getLine", "http.getResponseBodyLines in HTTP"),
    ("response.set", "http.setResponseBody in HTTP"),
    ("response.append", "http.setResponseBody in HTTP"),
    ("connection.getData", "http.getBody in HTTP"),
    ("connection.getDataLen", "http.getBody in HTTP"),
    ("connection.getLine", "http.getBodyLines in HTTP"),
    ("connection.setData", "http.setBody in HTTP"),
    ("http.getBody", "request.get over raw bytes"),
    ("http.getBodyLines", "request.getLine over raw bytes"),
    ("http.setBody", "request.set over raw bytes"),
    ("http.sendResponse", "request.sendResponse over raw bytes"),
    ("http.getResponseBody", "response.get over raw bytes"),
    ("http.getResponseBodyLines", "response.getLine over raw bytes"),
    ("http.setResponseBody", "response.set over raw bytes"),
];
