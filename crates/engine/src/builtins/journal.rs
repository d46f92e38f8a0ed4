//! `log.*`.

use super::{EVERYWHERE, row};
use crate::host::{Host, Note};
use crate::limits;
use crate::log_text::log_text;
use trafficscript::{Answer, Builtin, Call, Param};

const TEXT: Param = Param::string("text", "What to write; control characters are escaped, one line.");
const DOC: &str = "The line goes to the process log with the rule's name and line, and into the transaction's \
decision record. Texts often hold what clients sent, so control characters are escaped and a text is cut at 8 KiB. \
In a rule that only observes it is written as well.";

pub(super) const ROWS: [Builtin<Host>; 3] = [
    row!(
        "log.info", "Writes a line to the log.",
        (TEXT), Nothing, EVERYWHERE, Changes, "", ["log.info( \"seen \" . 3 )" => ""],
        DOC, |call| write(call, "info"),
    ),
    row!(
        "log.warn", "Writes a warning to the log.",
        (TEXT), Nothing, EVERYWHERE, Changes, "", ["log.warn( \"odd\" )" => ""],
        DOC, |call| write(call, "warn"),
    ),
    row!(
        "log.error", "Writes an error to the log.",
        (TEXT), Nothing, EVERYWHERE, Changes, "", ["log.error( \"bad\" )" => ""],
        DOC, |call| write(call, "error"),
    ),
];

fn write(call: &mut Call<'_, Host>, level: &'static str) -> Answer {
    let text = log_text(&call.bytes(0), limits::LOG_TEXT_BYTES_MAX);
    let place = call.place();
    call.host.note(place, Note::Log { level, text });
    "".into()
}
