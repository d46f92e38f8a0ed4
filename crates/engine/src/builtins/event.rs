//! `event.emit`: events that operators can look for.

use super::{EVERYWHERE, row};
use crate::host::{Host, Note};
use crate::limits;
use crate::log_text::log_text;
use trafficscript::{Answer, Builtin, Call, Param};

pub(super) const ROWS: [Builtin<Host>; 1] = [row!(
    "event.emit", "Tells of an event, by a name that can be looked for.",
    (
        Param::string("event", "Its name: up to 64 bytes, without `/` and control characters."),
        Param::string("text", "What to say of it; control characters are escaped, one line."),
    ),
    Nothing, EVERYWHERE, Changes, "",
    ["event.emit( \"sold-out\", \"ticket 7\" )" => ""],
    "The event stands in the transaction's decision record, and as a line in the process log. Names need not be \
     declared. A name that cannot be one is a warning, and nothing is told. A text is cut at 8 KiB. In a rule that only \
     observes it is told as well.",
    emit,
)];

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 64;

fn emit(call: &mut Call<'_, Host>) -> Answer {
    let name = call.string(0);
    let is_name = |byte: &u8| *byte != b'/' && !byte.is_ascii_control();
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.iter().all(is_name) {
        call.warn("an event's name has up to 64 bytes, without `/` and control characters: nothing is told");
        return "".into();
    }
    let text = log_text(&call.bytes(1), limits::LOG_TEXT_BYTES_MAX);
    let place = call.place();
    call.host.note(place, Note::Emitted { name, text });
    "".into()
}
