//! Bodies: `http.getBody`, `http.getResponseBody` and their kin. What a rule reads is held and goes on from there.

use super::{BOTH, HTTP, RESPONSE, row};
use crate::bodies::{Came, Work, try_work};
use crate::host::{BodyWait, Host, Waiting};
use std::sync::Arc;
use trafficscript::{Answer, Builtin, Call, Param};

const COUNT: Param = Param::integer("count", "How many bytes at most; 0 and none: all.").optional();
const POSTED: &str = "POST / body=one\\r\\ntwo\\nthree\nContent-Type: text/plain";
const ANSWERED: &str = "response 200 body=<p>Hello</p>\nContent-Type: text/html\nETag: \"x\"";

pub(super) const ROWS: [Builtin<Host>; 6] = [
    row!(
        "http.getBody", "The request's body.", (COUNT),
        String, HTTP, Waits, POSTED,
        ["http.getBody( 3 )" => "one", "http.getBody()" => "one\r\ntwo\nthree"],
        "In a request rule the rule waits until so many bytes have come, or the body is over; a client that expects \
         `100 Continue` is told to send it. No more than the virtual server's `max_body_buffer` is held: of a longer \
         body its beginning is given, with a warning, and all of it still goes to the node. In a response or completion \
         rule: the body, if request rules have read all of it, else the empty string. Chunks are joined; a \
         Content-Encoding stays.",
        |call| {
            let count = count(call, 0);
            start(call, Work::RequestBody { count })
        }
    ),
    row!(
        "http.getBodyLines", "The lines of the request's body.", (COUNT),
        Array, HTTP, Waits, POSTED,
        ["array.join( http.getBodyLines(), \"|\" )" => "one|two|three"],
        "As `http.getBody`, cut into an array; the ends of the lines are left out.",
        |call| {
            let count = count(call, 0);
            start(call, Work::RequestLines { count })
        }
    ),
    row!(
        "http.setBody", "Replaces the request's body.", (Param::string("body", "The new body.")),
        Nothing, BOTH, Changes, POSTED,
        ["http.setBody( \"new\" ); $1 = http.getBody() . http.getHeader( \"Content-Length\" );" => "new3"],
        "The node gets it with its Content-Length; what the client sends is not passed on. Sums of the old body \
         (Content-MD5, Digest) go. A client whose body was not read yet is not kept for another request, unless all \
         of it has come already. In a response rule it is the body that `request.retry` sends.",
        set_body
    ),
    row!(
        "http.getResponseBody", "The answer's body.", (COUNT),
        String, super::ANSWERED, Waits, ANSWERED,
        ["http.getResponseBody()" => "<p>Hello</p>", "http.getResponseBody( 3 )" => "<p>"],
        "The rule waits until so many bytes have come, or the body is over. Chunks are joined; gzip and deflate are \
         unpacked, other codings are given as they are, with a warning. No more than the virtual server's \
         `max_body_buffer` is held and unpacked: of a longer body its beginning is given, with a warning, and the \
         client still gets all of it, as the node sent it. In a completion rule: what is held of it, mostly nothing.",
        |call| {
            let count = count(call, 0);
            start(call, Work::ResponseBody { count })
        }
    ),
    row!(
        "http.getResponseBodyLines", "The lines of the answer's body.", (COUNT),
        Array, super::ANSWERED, Waits, "response 200 body=one\\ntwo",
        ["http.getResponseBodyLines()[1]" => "two", "array.join( http.getResponseBodyLines( 5 ), \"|\" )" => "one|t"],
        "As `http.getResponseBody`, cut into an array; the ends of the lines are left out.",
        |call| {
            let count = count(call, 0);
            start(call, Work::ResponseLines { count })
        }
    ),
    row!(
        "http.setResponseBody", "Replaces the answer's body.",
        (Param::string("body", "The new body, not packed."),
         Param::string("transfer_encoding", "`chunked`: sent in chunks instead of with its length.").optional()),
        Nothing, RESPONSE, Changes, ANSWERED,
        ["http.setResponseBody( \"new\" ); $1 = http.getResponseBody() . http.getResponseHeader( \"Content-Length\" );"
            => "new3",
         "http.setResponseBody( \"new\" ); $1 = http.getResponseHeader( \"ETag\" );" => "W/\"x\""],
        "The client gets it with its Content-Length. Content-Encoding goes, and so do the old body's sums and \
         Accept-Ranges; a strong ETag becomes a weak one. An answer that has no body (to HEAD, 204, 304) gets none, and to HEAD it does not say how long one would be.",
        set_response_body
    ),
];

/// Does the work now, or waits for its bytes. A rule that observes, or looks back, gets what is there.
pub(super) fn start(call: &mut Call<'_, Host>, work: Work) -> Answer {
    let may_wait = !call.host.observes() && call.host.completion.is_none();
    if let Err(fault) = call.burn(work.instructions(call.host)) {
        return Answer::Fault(fault);
    }
    match try_work(call.host, &work, may_wait) {
        Came::Missing { .. } => {
            let (source, span) = call.place();
            let wait = BodyWait { work, place: (Arc::clone(source), span) };
            call.host.waiting = Some(Waiting::Body(Box::new(wait)));
            Answer::Wait
        }
        Came::Value(given) => {
            if let Some(text) = given.warning {
                call.warn(text);
            }
            for (at, value) in given.captures.into_iter().enumerate() {
                call.captures().set(at + 1, value);
            }
            Answer::Value(given.value)
        }
    }
}

/// An optional number of bytes; 0 and less say all.
fn count(call: &Call<'_, Host>, at: usize) -> Option<usize> {
    call.optional_integer(at).filter(|count| *count > 0).and_then(|count| usize::try_from(count).ok())
}

fn set_body(call: &mut Call<'_, Host>) -> Answer {
    let body = call.bytes(0).into_owned();
    if call.host.observes() {
        return "".into();
    }
    let fields = call.host.request.fields_mut();
    for name in
        [&b"Transfer-Encoding"[..], b"Content-MD5", b"Digest", b"Content-Digest", b"Repr-Digest", b"Trailer"]
    {
        fields.remove(name);
    }
    let _fits = fields.set(b"Content-Length", body.len().to_string().as_bytes());
    call.host.bodies_mut().write_request(body);
    "".into()
}

fn set_response_body(call: &mut Call<'_, Host>) -> Answer {
    let (body, coding) = (call.bytes(0), call.bytes(1));
    let in_chunks = coding.eq_ignore_ascii_case(b"chunked");
    if !in_chunks && !coding.is_empty() {
        call.warn(format!("\"{}\" is not a transfer encoding", String::from_utf8_lossy(&coding)));
    }
    if matches!(call.host.response.status(), 100..200 | 204 | 304) {
        call.warn("an answer of this status has no body");
        return "".into();
    }
    if call.host.is_streaming() {
        call.warn("the answer is being sent already");
        return "".into();
    }
    if call.host.observes() {
        return "".into();
    }
    call.host.amend_answer();
    // Made of the empty body of a node's answer to HEAD it says nothing of what a GET would have got: no length then.
    if call.host.request.method() != b"HEAD" || !call.host.is_from_node {
        let length = body.len().to_string();
        let _fits = call.host.response.fields_mut().set(b"Content-Length", length.as_bytes());
    }
    call.host.body = body.into_owned();
    call.host.has_own_answer = true;
    if in_chunks || call.host.bodies.is_some() {
        let bodies = call.host.bodies_mut();
        bodies.in_chunks = in_chunks;
        bodies.rewind();
    }
    "".into()
}
