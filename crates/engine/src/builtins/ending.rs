//! What ends a connection, or an answer, by hand: the raw side of HTTP, and the same over raw bytes.

use super::http_answer::{parse_field, status_and_reason};
use super::{LIVE, RAW_REQUEST, RAW_RESPONSE, REQUEST, RESPONSE, raw, row};
use crate::bodies::find;
use crate::host::{Built, End, Host, Note};
use trafficscript::{Answer, Builtin, Call, Param};

pub(super) const ROWS: [Builtin<Host>; 4] = [
    row!(
        "connection.close", "Sends some bytes, and closes the connection.",
        (Param::string("data", "What to send, as it is.").optional(),
         Param::truth("read", "Whether what the client still sends is read for a moment; yes, unless told.").optional()),
        Nothing, LIVE, Ends, "",
        ["connection.close( \"bye\" ); $1 = \"not reached\";" => ""],
        "The rule ends, no further rule runs, and nothing but the bytes is sent: an answer of HTTP must be written \
         whole, with its status line. The access log shows status 444. A client that is still sending when the connection is closed \
         without reading may lose the bytes.",
        close
    ),
    row!(
        "request.sendResponse", "Puts an answer by that is sent when the request rules are through.",
        (Param::string("response", "The answer.")),
        Nothing, REQUEST.or(RAW_REQUEST), Changes, "",
        ["request.sendResponse( \"HTTP/1.1 403 No\\r\\n\\r\\nno\" ); $1 = \"goes on\";" => "goes on"],
        "The rule goes on, and so do later ones; nothing is sent to a node, and response rules run on the answer. A text \
         that begins with `HTTP/` is taken as an answer with status, fields and body; any other is the body of a 200 in \
         plain text. The last call counts. Over raw bytes the text is sent as it is, and what the client sent is thrown \
         away, up to the end of the request. For HTTP, `http.sendResponse` says more clearly what is meant.",
        put_by
    ),
    row!(
        "response.close", "Closes the connection to the node.", (),
        Nothing, RESPONSE.or(RAW_RESPONSE), Changes, "response 200",
        ["response.close(); $1 = \"goes on\";" => "goes on"],
        "The rule goes on, and the client gets the answer whole; the connection is not used for another request. \
         Over raw bytes the client's connection stays, and its next request goes to a node on a new connection.",
        |call| {
            if let Some(raw) = call.host.raw.as_mut() {
                raw.close_node |= !call.host.running.is_some_and(|running| running.observes);
            } else if !call.host.observes() {
                call.host.bodies_mut().closes_node = true;
            }
            "".into()
        }
    ),
    row!(
        "response.flush", "Sends what there is of the answer.",
        (Param::integer("count", "How many bytes.").optional()),
        Nothing, RESPONSE.or(RAW_RESPONSE), Changes, "response 200",
        ["response.flush(); $1 = \"goes on\";" => "goes on"],
        "Over raw bytes the client gets the first bytes of the response now, all that is there without a number; the \
         rest follows when the response rules are through. In HTTP it does nothing, with a warning: an answer is sent piece by piece with \
         `http.stream.*`.",
        |call| {
            if call.host.raw.is_some() {
                return raw::flush(call);
            }
            call.warn("response.flush does nothing in HTTP; http.stream.writeResponse sends a piece of an answer");
            "".into()
        }
    ),
];

fn close(call: &mut Call<'_, Host>) -> Answer {
    let (data, reads_on) = (call.bytes(0).into_owned(), call.optional_truth(1).unwrap_or(true));
    let place = call.place();
    call.host.note(place, Note::Discard);
    if !call.host.observes() {
        call.host.end = Some(End::Close { data, reads_on });
    }
    Answer::EndRule
}

fn put_by(call: &mut Call<'_, Host>) -> Answer {
    if call.host.raw.is_some() {
        return raw::put_by(call);
    }
    let text = call.bytes(0);
    let built = if text.starts_with(b"HTTP/") { as_answer(call, &text) } else { plain(&text) };
    let place = call.place();
    call.host.note(place, Note::Respond { status: built.status });
    if !call.host.observes() {
        call.host.bodies_mut().stored = Some(built);
    }
    "".into()
}

fn plain(text: &[u8]) -> Built {
    Built {
        status: 200,
        reason: b"OK".to_vec(),
        content_type: b"text/plain".to_vec(),
        fields: Vec::new(),
        body: text.to_vec(),
    }
}

/// A status line, fields, an empty line, a body. Its length is filled in.
fn as_answer(call: &mut Call<'_, Host>, text: &[u8]) -> Built {
    let (head, body) = match (find(text, b"\r\n\r\n"), find(text, b"\n\n")) {
        (Some(at), bare) if bare.is_none_or(|bare| at < bare) => (&text[..at], &text[at + 4..]),
        (_, Some(at)) => (&text[..at], &text[at + 2..]),
        _ => (text, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let first = lines.next().unwrap_or_default();
    let code = first.iter().position(|byte| *byte == b' ').map_or(&[][..], |at| &first[at + 1..]);
    let (status, reason) = status_and_reason(code).unwrap_or_else(|| {
        call.warn("the answer's first line has no status that can be sent; 200 is sent");
        (200, b"OK".to_vec())
    });
    let mut built =
        Built { status, reason, content_type: Vec::new(), fields: Vec::new(), body: body.to_vec() };
    for line in lines.filter(|line| !line.is_empty()) {
        match parse_field(line) {
            Some(field) => built.fields.push(field),
            None if line.get(..15).is_some_and(|name| name.eq_ignore_ascii_case(b"content-length:")) => {}
            None => call.warn(format!("\"{}\" is not a response field", String::from_utf8_lossy(line))),
        }
    }
    built
}
