//! How a transaction ended, for completion rules.

use super::{COMPLETION, row};
use crate::host::{Completion, Host};
use trafficscript::{Answer, Builtin, ByteString, Table, Value};

pub(super) const ROWS: [Builtin<Host>; 2] = [
    row!(
        "connection.getCompletionReasonCode", "Why the transaction is over, in a word.",
        (),
        String, COMPLETION, Reads, "",
        ["connection.getCompletionReasonCode()" => "COMPLETE"],
        "`COMPLETE`: the whole answer was sent. `DISCARDED_BY_RULE`: a rule closed the connection. \
    `CONNECTION_CLOSED_CLIENT`: the client left first. `CONNECTION_CLOSED_SERVER`: the node broke off. `TIMEOUT`: something \
    took too long. Besides these words, which are as published, there are our own: `NO_NODE`, `BAD_SERVER_RESPONSE`, \
    `BAD_CLIENT_REQUEST`, `QUEUE_REFUSED` and `RULE_ERROR`.",
        |call| code(call.host.completion).into(),
    ),
    row!(
        "connection.getCompletionReasonInfo", "Why the transaction is over, in detail.",
        (),
        Hash, COMPLETION, Reads, "",
        ["$i = connection.getCompletionReasonInfo(); $1 = $i[\"code\"] . $i[\"iserror\"];" => "COMPLETE0"],
        "A hash: `code` (as `connection.getCompletionReasonCode` gives it), `message` (a sentence), and as 1 or 0 \
         `iserror`, `isservererror`, `isclienterror`, `istimeout`, `isprocessingtimeout` (the transaction as a whole, \
         or its wait in a rate class, took longer than its virtual server allows).",
        |call| info(call.host.completion),
    ),
];

fn code(completion: Option<Completion>) -> &'static str {
    completion.map_or("", Completion::code)
}

fn info(completion: Option<Completion>) -> Answer {
    let facts = completion.map(Completion::facts).unwrap_or_default();
    let mut table = Table::default();
    table.insert(ByteString::from("code"), Value::from(code(completion)));
    table.insert(ByteString::from("message"), Value::from(completion.map_or("", Completion::message)));
    let flags = [
        ("iserror", facts.error),
        ("isservererror", facts.server),
        ("isclienterror", facts.client),
        ("istimeout", facts.timeout),
        ("isprocessingtimeout", facts.processing_timeout),
    ];
    for (name, holds) in flags {
        table.insert(ByteString::from(name), Value::from(holds));
    }
    Answer::Value(Value::hash(table))
}
