//! `http.stream.*`: an answer sent piece by piece, while the rule runs. The rule goes on when a piece is written, so
//! a client that takes its time holds the rule back, and nothing piles up.

use super::body::start;
use super::http_answer::{parse_field, status_and_reason};
use super::{BOTH, RESPONSE, row};
use crate::bodies::{Streamed, Work};
use crate::host::{End, Host, Note, Waiting};
use message::{Version, is_field_value};
use trafficscript::{Answer, Builtin, Call, Param};

const DATA: Param = Param::string("data", "Bytes of the body.");
const READ: [Param; 2] = [
    Param::integer("count", "How many bytes at most."),
    Param::string("delimiter", "Where to stop; it is given too, also where it ends behind `count`.")
        .optional(),
];
const ANSWERED: &str = "response 200 body=one\\ntwo\\nthree\nContent-Type: text/html";

pub(super) const ROWS: [Builtin<Host>; 6] = [
    row!(
        "http.stream.startResponse", "Begins to send an answer.",
        (Param::any("code", "The status, with or without a reason: 200, \"404 Not here\"."),
         Param::string("type", "The Content-Type; \"\" for none."),
         Param::any("length", "The length of the body; 0, less, or no number where it is not known.").optional(),
         Param::string("headers", "Further fields, a line each.").optional()),
        Nothing, BOTH, Waits, ANSWERED,
        ["http.stream.startResponse( 200, \"text/plain\" ); log.info( \"=begun\" ); http.stream.finishResponse( \"x\" );"
            => "begun"],
        "The head goes out at once; after that it cannot be changed, and response rules do not run on the answer. In a \
         response rule it is the node's head with these things set over it; where there are `headers`, those are all. Without a length the body goes in chunks, or \
         to a client of HTTP/1.0 up to the end of the connection.",
        start_response
    ),
    row!(
        "http.stream.writeResponse", "Sends a piece of an answer's body.", (DATA),
        Nothing, BOTH, Waits, ANSWERED,
        ["http.stream.writeResponse( \"a\" ); log.info( \"=written\" ); http.stream.finishResponse();" => "written"],
        "The rule waits until the piece is written. An answer that was not begun is begun, with the head as it stands and a warning. \
         What goes beyond the length that was said is left out, with a warning. A client that leaves ends the rule.",
        |call| {
            if begun(call) {
                push(call, 0);
                return flush(call);
            }
            "".into()
        }
    ),
    row!(
        "http.stream.readResponse", "Reads a piece of the node's answer.", (READ[0], READ[1]),
        String, RESPONSE, Waits, ANSWERED,
        ["http.stream.readResponse( 100, \"\\n\" ) . http.stream.readResponse( 2 )" => "one\ntw"],
        "The next bytes of the body: so many, or up to and with the first delimiter, or what is left; the empty string \
         at the end. Unpacked, as `http.getResponseBody` gives it. What was read is not sent unless the rule sends it, and `http.getResponseBody` gives what follows; \
         where the rule never begins a stream, the client gets the whole answer as if nothing had been read.",
        |call| read(call, false)
    ),
    row!(
        "http.stream.readBulkResponse", "Reads as many whole pieces of the node's answer as fit.",
        (READ[0], READ[1]),
        String, RESPONSE, Waits, ANSWERED,
        ["http.stream.readBulkResponse( 9, \"\\n\" )" => "one\ntwo\n"],
        "As `http.stream.readResponse`, but waits for so many bytes (or the end) and gives all up to and with the *last* \
         delimiter that begins among them. So many bytes, where there is none.",
        |call| read(call, true)
    ),
    row!(
        "http.stream.finishResponse", "Ends a streamed answer.", (DATA.optional()),
        Nothing, BOTH, Ends, ANSWERED,
        ["http.stream.finishResponse( \"end\" ); log.info( \"=not reached\" );" => ""],
        "The data goes out last. The rule ends, and no other rule runs.",
        finish
    ),
    row!(
        "http.stream.continueFromBackend", "Lets the rest of the node's answer through.", (DATA.optional()),
        Nothing, BOTH, Ends, ANSWERED,
        ["http.stream.readResponse( 4 ); http.stream.continueFromBackend( \"ONE\\n\" ); log.info( \"=not reached\" );"
            => ""],
        "The data goes first, then what was not read of the node's body. The rule ends, and no other rule runs. In a request \
         rule it is `http.stream.finishResponse`.",
        |call| if call.host.is_response_stage() { go_on(call) } else { finish(call) }
    ),
];

fn start_response(call: &mut Call<'_, Host>) -> Answer {
    if call.host.is_streaming() {
        call.warn("the answer is being sent already");
        return "".into();
    }
    let (code, content_type, lines) = (call.string(0), call.bytes(1), call.bytes(3));
    let Some((status, reason)) = status_and_reason(&code) else {
        call.warn(format!("\"{code}\" is not a status that can be sent"));
        return "".into();
    };
    let place = call.place();
    call.host.note(place, Note::Respond { status });
    if call.host.observes() {
        return "".into();
    }
    let length = call.optional_integer(2).filter(|length| *length > 0).map(i64::unsigned_abs);
    let is_first = prepare_head(call.host, call.argument_count() > 3);
    let head = &mut call.host.response;
    let _checked = head.set_status(status, &reason);
    if content_type.is_empty() {
        head.fields_mut().remove(b"Content-Type");
    } else if is_field_value(&content_type) {
        let _checked = head.fields_mut().set(b"Content-Type", &content_type);
    }
    for line in lines.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        match parse_field(line) {
            Some((name, value)) => {
                let _fits = call.host.response.fields_mut().add(&name, &value);
            }
            None => call.warn(format!("\"{}\" is not a response field", String::from_utf8_lossy(line))),
        }
    }
    begin(call.host, length, is_first);
    flush(call)
}

/// A head that can be sent before its body is known; whether it is one of our own: always in a request rule, and
/// where a rule gives all its fields.
fn prepare_head(host: &mut Host, has_fields: bool) -> bool {
    if host.is_response_stage() {
        host.amend_answer();
        if !has_fields {
            return false;
        }
    }
    host.response.clear();
    host.response.set_version(Version::Http11);
    true
}

fn begin(host: &mut Host, length: Option<u64>, is_first: bool) {
    if is_first {
        host.apply_edits();
        host.shared.counters().responses_built.add_one();
    }
    let writer = host.running.as_ref().map(|running| running.place);
    host.bodies_mut().streamed = Some(Streamed { length, writer, ..Streamed::default() });
}

/// Whether a stream can be written to; begins one that was not begun. A rule that observes has none.
fn begun(call: &mut Call<'_, Host>) -> bool {
    if call.host.observes() {
        return false;
    }
    if !call.host.is_streaming() {
        call.warn(
            "http.stream.startResponse has not been called; the answer begins with its head as it stands",
        );
        let is_first = prepare_head(call.host, false);
        begin(call.host, None, is_first);
    }
    true
}

fn push(call: &mut Call<'_, Host>, at: usize) {
    let data = call.bytes(at);
    let is_cut = call.host.answer_is_cut();
    let writer = call.host.running.as_ref().map(|running| running.place);
    let Some(streamed) = call.host.streamed_mut() else { return };
    streamed.writer = writer;
    streamed.is_cut |= is_cut;
    let left_out = streamed.push(&data);
    if left_out > 0 {
        call.warn(format!("{left_out} bytes are beyond the length that was said and are left out"));
    }
}

/// Waits until what is pending is written.
fn flush(call: &mut Call<'_, Host>) -> Answer {
    let is_written =
        call.host.streamed_mut().is_none_or(|streamed| streamed.has_begun && streamed.pending.is_empty());
    if is_written {
        return "".into();
    }
    call.host.waiting = Some(Waiting::Written);
    Answer::Wait
}

fn read(call: &mut Call<'_, Host>, is_bulk: bool) -> Answer {
    let Some(count) = usize::try_from(call.integer(0)).ok().filter(|count| *count > 0) else {
        call.warn("the number of bytes to read must be more than 0");
        return "".into();
    };
    let delimiter = call.string(1);
    start(call, Work::ReadStream { count, delimiter, is_bulk })
}

fn finish(call: &mut Call<'_, Host>) -> Answer {
    if begun(call) {
        push(call, 0);
        call.host.end = Some(End::Complete);
    }
    Answer::EndRule
}

fn go_on(call: &mut Call<'_, Host>) -> Answer {
    if call.host.observes() {
        return Answer::EndRule;
    }
    let is_plain = !call.host.is_streaming() && call.bytes(0).is_empty() && !call.host.has_read_answer();
    if !is_plain && begun(call) {
        push(call, 0);
        if let Some(streamed) = call.host.streamed_mut() {
            streamed.goes_on = true;
        }
    }
    call.host.end = Some(End::Complete);
    Answer::EndRule
}
