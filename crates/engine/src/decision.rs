//! The decision record: what was decided for one transaction, and by which line of which rule.
//!
//! One shape feeds `try`, the log's own fields, the test that live and replay agree, and later `why`.

use crate::time::WallTime;
use serde::Serialize;
use std::borrow::Cow;

/// Where in a rule something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RulePlace {
    /// The rule's name, or that of the library it imports where the line stands there.
    pub rule: String,
    /// Line in its text, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Whether the rule only observes: what it decided was written down and not done.
    pub observed: bool,
}

/// One thing that a rule decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Event {
    /// `rate.use` and `rate.use.noQueue`.
    Rate {
        /// The class, as the rule named it.
        class: String,
        /// The context, if the rule gave one.
        context: Option<String>,
        /// How many were waiting before this request.
        backlog: u32,
        /// Microseconds between joining and leaving the queue (in observe mode: that it would have taken).
        waited_micros: u64,
        /// What came of it.
        result: RateResult,
    },
    /// `response.setBandwidthClass`, `request.setBandwidthClass`.
    BandwidthClass {
        /// `response` or `request`.
        side: Cow<'static, str>,
        /// The class; empty for none.
        class: String,
    },
    /// `http.setResponseCookie`, or a `Set-Cookie` field added by a rule.
    Cookie {
        /// Its name.
        name: String,
    },
    /// A mark that a rule asked for, and that the client has or pretends to have.
    Mark {
        /// The cookie's name.
        name: String,
        /// Where it came from, or why it does not count.
        state: MarkState,
    },
    /// A field of a head that a rule in observe mode would have changed.
    Field {
        /// `response` or `request`.
        side: Cow<'static, str>,
        /// Its name.
        name: String,
    },
    /// `pool.use`, `pool.select` of a pool that there is; one that is not there gives a [`Event::Warning`].
    Pool {
        /// The pool, or `discard`.
        pool: String,
    },
    /// A setting of this transaction: `request.setMaxReplyTime`, `request.avoidNode` and their kin.
    Setting {
        /// In words.
        name: Cow<'static, str>,
        /// What it was set to.
        value: String,
    },
    /// `http.sendResponse`, `http.redirect`.
    Respond {
        /// The status.
        status: u16,
    },
    /// Something done in the world while the rule waited: `http.request.*`, `net.dns.*`, `tcp.*`, `udp.sendTo`,
    /// `auth.query`.
    Errand {
        /// `fetch`, `resolve`, `connect`, `read`, `write`, `close`, `datagram` or `authenticate`.
        errand: Cow<'static, str>,
        /// Where it went, without the query of a URL.
        to: String,
        /// What came of it in a few words, or why it failed.
        result: String,
        /// Microseconds that the rule waited.
        micros: u64,
    },
    /// What the `.htaccess` files of the virtual server decided; nothing where they let the request through.
    Htaccess {
        /// `refuse`, `redirect`, `rewrite`, `proxy`, or `give-up` where a bound was reached (a warning says which).
        verdict: Cow<'static, str>,
        /// Of a refusal, a redirect, or where it was given up.
        status: Option<u16>,
        /// Where to; empty for a refusal.
        to: String,
    },
    /// `connection.discard`.
    Discard,
    /// A fact that the source of this request (a log) does not hold was read as empty.
    Undecidable {
        /// Which fact.
        fact: String,
    },
    /// The rule could not go on.
    Fault {
        /// What went wrong.
        text: String,
    },
    /// Something was wrong and the rule went on.
    Warning {
        /// What.
        text: String,
    },
    /// `event.emit`.
    Emitted {
        /// The name of the event.
        name: String,
        /// What the rule says of it, control characters escaped.
        text: String,
    },
    /// `log.info` and its kin.
    Log {
        /// `info`, `warn` or `error`.
        level: Cow<'static, str>,
        /// The text, control characters escaped.
        text: String,
    },
}

/// What is known of a client's mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkState {
    /// Its cookie came, and its signature holds.
    Held,
    /// Its cookie is gone, and the memory has it.
    Remembered,
    /// Its cookie is gone, and many browsers come from the marked address: it reads as absent.
    Shared,
    /// The cookie's signature does not hold: it reads as absent.
    Forged,
    /// The cookie's key is not in force any more: it reads as absent.
    OldKey,
    /// The cookie's time is over: it reads as absent.
    Expired,
    /// It was revoked: it reads as absent.
    Revoked,
}

impl MarkState {
    /// The word in logs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Remembered => "remembered",
            Self::Shared => "shared",
            Self::Forged => "forged",
            Self::OldKey => "old-key",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// How an attempt at a rate class ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RateResult {
    /// Started, at once or after waiting.
    Started,
    /// Still in the queue.
    Waiting,
    /// Over the limit (`rate.use.noQueue`).
    OverLimit,
    /// The queue was full, or the wait would have been too long.
    Refused,
    /// The virtual server's time was up.
    TimedOut,
    /// The client left the queue.
    Left,
    /// There is no such class.
    NoClass,
}

/// How the transaction ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A node answered.
    Forward {
        /// The pool it belongs to.
        pool: String,
        /// The status sent to the client.
        status: u16,
    },
    /// We answered.
    Respond {
        /// The status.
        status: u16,
        /// `rule`, `htaccess`, or the word of the error.
        reason: Cow<'static, str>,
    },
    /// Closed without an answer.
    Discard,
    /// The client left first.
    ClientLeft,
}

/// All that was decided for one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DecisionRecord {
    /// Given by the shell, never drawn inside.
    pub request_id: u64,
    /// The virtual server.
    pub virtual_server: String,
    /// Arrival of the head, wall clock.
    pub arrived: WallTime,
    /// What the rules did, in order.
    pub events: Vec<(RulePlace, Event)>,
    /// The class that paces the answer, if any.
    pub bandwidth_class: Option<String>,
    /// The class that paces the request towards the node, if any.
    pub request_bandwidth_class: Option<String>,
    /// The end.
    pub outcome: Outcome,
}
