//! `log.*` and `sys.time`.

use super::EVERYWHERE;
use crate::host::{Host, Note};
use crate::limits;
use crate::log_text::log_text;
use trafficscript::{Answer, Builtin, Call, Effect, Example, Kind, Param};

const TEXT: &[Param] = &[Param::string("text", "What to write; control characters are escaped, one line.")];
const DOC: &str = "The line goes to the process log with the rule's name and line, and into the transaction's \
decision record. Texts often hold what clients sent, so control characters are escaped and a text is cut at 8 KiB. \
In a rule that only observes it is written as well.";

pub(super) const ROWS: [Builtin<Host>; 4] = [
    Builtin {
        name: "log.info",
        summary: "Writes a line to the log.",
        params: TEXT,
        returns: Kind::Nothing,
        stages: EVERYWHERE,
        effect: Effect::Changes,
        examples: &[Example { rule: "log.info( \"seen \" . 3 )", given: "", gives: "" }],
        doc: DOC,
        call: |call| write(call, "info"),
    },
    Builtin {
        name: "log.warn",
        summary: "Writes a warning to the log.",
        params: TEXT,
        returns: Kind::Nothing,
        stages: EVERYWHERE,
        effect: Effect::Changes,
        examples: &[Example { rule: "log.warn( \"odd\" )", given: "", gives: "" }],
        doc: DOC,
        call: |call| write(call, "warn"),
    },
    Builtin {
        name: "log.error",
        summary: "Writes an error to the log.",
        params: TEXT,
        returns: Kind::Nothing,
        stages: EVERYWHERE,
        effect: Effect::Changes,
        examples: &[Example { rule: "log.error( \"bad\" )", given: "", gives: "" }],
        doc: DOC,
        call: |call| write(call, "error"),
    },
    Builtin {
        name: "sys.time",
        summary: "The time of day, in seconds since 1970.",
        params: &[],
        returns: Kind::Integer,
        stages: EVERYWHERE,
        effect: Effect::Reads,
        examples: &[Example { rule: "sys.time() > 0", given: "", gives: "1" }],
        doc: "Wall-clock time at the moment the rule started or last went on after waiting; replay gives the log's.",
        call: |call| call.host.now.wall.0.div_euclid(1_000_000).into(),
    },
];

fn write(call: &mut Call<'_, Host>, level: &'static str) -> Answer {
    let text = log_text(&call.bytes(0), limits::LOG_TEXT_BYTES_MAX);
    let place = call.place();
    call.host.note(place, Note::Log { level, text });
    "".into()
}
