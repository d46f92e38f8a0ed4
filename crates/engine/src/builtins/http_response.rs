//! `http.*`, the response side. Setters called in a request rule are kept and done to whatever answer comes.

use super::text::percent_encode;
use super::{BOTH, RESPONSE, cookie};
use crate::limits;
use crate::transaction::{Built, End, Host, Note, ResponseEdit, apply_one, cookie_name};
use message::{is_field_value, is_token, reason_of};
use trafficscript::{Answer, Builtin, ByteString, Call, Effect, Example, Kind, Param};

const NAME: &[Param] = &[Param::string("name", "Name of the field; case does not matter.")];
const NAME_VALUE: &[Param] = &[
    Param::string("name", "Name of the field; case does not matter."),
    Param::string("value", "Its value; a line break or another control character is refused."),
];
const KEPT: &str =
    "In a request rule it is kept and done to the answer that comes, a node's or one built here.";

pub(super) const ROWS: [Builtin<Host>; 8] = [
    Builtin {
        name: "http.getResponseCode",
        summary: "The status of the response.",
        params: &[],
        returns: Kind::Integer,
        stages: RESPONSE,
        effect: Effect::Reads,
        examples: &[Example { rule: "http.getResponseCode()", given: "response 404", gives: "404" }],
        doc: "As the node sent it, or as a rule built it.",
        call: |call| i64::from(call.host.response.status()).into(),
    },
    Builtin {
        name: "http.getResponseHeader",
        summary: "The value of a response field.",
        params: NAME,
        returns: Kind::String,
        stages: RESPONSE,
        effect: Effect::Reads,
        examples: &[Example {
            rule: "http.getResponseHeader( \"content-type\" )",
            given: "response 200\nContent-Type: audio/mpeg",
            gives: "audio/mpeg",
        }],
        doc: "The empty string where there is none; several fields of the name are joined with \", \".",
        call: |call| {
            let name = call.bytes(0);
            let value = call.host.response.fields().joined(&name);
            Answer::Value(value.as_deref().unwrap_or_default().into())
        },
    },
    Builtin {
        name: "http.setResponseHeader",
        summary: "Replaces a response field, or adds it.",
        params: NAME_VALUE,
        returns: Kind::Nothing,
        stages: BOTH,
        effect: Effect::Changes,
        examples: &[Example {
            rule: "http.setResponseHeader( \"X-A\", \"1\" ); $1 = http.getResponseHeader( \"x-a\" );",
            given: "response 200",
            gives: "1",
        }],
        doc: KEPT,
        call: |call| field(call, ResponseEdit::Set),
    },
    Builtin {
        name: "http.addResponseHeader",
        summary: "Adds a value to a response field.",
        params: NAME_VALUE,
        returns: Kind::Nothing,
        stages: BOTH,
        effect: Effect::Changes,
        examples: &[Example {
            rule: "http.addResponseHeader( \"Vary\", \"Referer\" ); $1 = http.getResponseHeader( \"Vary\" );",
            given: "response 200\nVary: Accept",
            gives: "Accept, Referer",
        }],
        doc: "Where the field is there the value is appended to it, behind a comma; `Set-Cookie` gets a field of its \
              own, and the answer becomes `Cache-Control: private`, so that no shared cache hands the cookie to \
              others. In a request rule it is kept and done to the answer that comes, a node's or one built here.",
        call: |call| field(call, ResponseEdit::Add),
    },
    Builtin {
        name: "http.removeResponseHeader",
        summary: "Removes all response fields of a name.",
        params: NAME,
        returns: Kind::Nothing,
        stages: BOTH,
        effect: Effect::Changes,
        examples: &[Example {
            rule: "http.removeResponseHeader( \"Server\" ); $1 = http.getResponseHeader( \"Server\" );",
            given: "response 200\nServer: x",
            gives: "",
        }],
        doc: KEPT,
        call: |call| field(call, |name, _| ResponseEdit::Remove(name)),
    },
    Builtin {
        name: "http.setResponseCookie",
        summary: "Gives the client a cookie.",
        params: &[
            Param::string("name", "Name of the cookie."),
            Param::string("value", "Its value; what a cookie cannot hold is written as %XX."),
            Param::string("options", "Attributes, separated by `;`.").optional(),
        ],
        returns: Kind::Nothing,
        stages: BOTH,
        effect: Effect::Changes,
        examples: &[Example {
            rule: "http.setResponseCookie( \"mark\", \"a b\" ); $1 = http.getResponseHeader( \"Set-Cookie\" );",
            given: "response 200",
            gives: "mark=a%20b; Path=/",
        }],
        doc: "Replaces a cookie of the same name. Without options a cookie that is already in the answer keeps its \
              own; a new one gets `Path=/`, and under TLS `Secure; SameSite=Lax`. The answer becomes \
              `Cache-Control: private`. In a request rule it is kept and done to the answer that comes.",
        call: set_cookie,
    },
    Builtin {
        name: "http.sendResponse",
        summary: "Answers the client without asking a node.",
        params: &[
            Param::string("code", "Status, with or without its reason: 503 or \"503 Service Unavailable\"."),
            Param::string("type", "Content type; \"\" for none."),
            Param::string("body", "The body."),
            Param::string("headers", "Further fields, one a line; \"\" for none."),
        ],
        returns: Kind::Nothing,
        stages: BOTH,
        effect: Effect::Ends,
        examples: &[Example {
            rule: "http.sendResponse( 403, \"text/plain\", \"no\", \"\" ); $1 = \"not reached\";",
            given: "GET /",
            gives: "",
        }],
        doc: "The rule ends, no further request rule runs, and the response rules run on this answer. In a response \
              rule it replaces the response. Content-Length is added.",
        call: send_response,
    },
    Builtin {
        name: "http.redirect",
        summary: "Sends the client to another URL.",
        params: &[Param::string("url", "Where to; a relative one is passed on as it is.")],
        returns: Kind::Nothing,
        stages: BOTH,
        effect: Effect::Ends,
        examples: &[Example {
            rule: "http.redirect( \"https://b.example/\" ); $1 = \"not reached\";",
            given: "GET /",
            gives: "",
        }],
        doc: "302 with Location and an empty page; blanks, control characters and bytes beyond ASCII are written as \
              %XX. The rule ends and no further request rule runs.",
        call: redirect,
    },
];

fn field(call: &mut Call<'_, Host>, edit: fn(ByteString, ByteString) -> ResponseEdit) -> Answer {
    let (name, value) = (call.string(0), call.string(1));
    if !is_token(&name) {
        call.warn(format!("\"{name}\" is not a field name"));
    } else if !is_field_value(&value) {
        call.warn(format!("the value for {name} holds a control character and is not used"));
    } else {
        let is_cookie = name.eq_ignore_ascii_case(b"Set-Cookie") && !value.is_empty();
        let note = if is_cookie {
            Note::Cookie { name: ByteString::from(cookie_name(&value)) }
        } else {
            Note::Field { side: "response", name: name.clone() }
        };
        ask(call, note, edit(name, value));
    }
    "".into()
}

fn set_cookie(call: &mut Call<'_, Host>) -> Answer {
    let (name, raw, options) = (call.string(0), call.bytes(1), call.optional_string(2));
    if !is_token(&name) {
        call.warn(format!("\"{name}\" is not a cookie name"));
        return "".into();
    }
    let attributes = match options.as_deref().map(cookie::attributes) {
        Some(Some(given)) => Some(ByteString::from(given)),
        Some(None) => {
            call.warn(format!("the options of cookie {name} hold a control character and are not used"));
            None
        }
        None => None,
    };
    let fallback = cookie::default_attributes(call.host.connection.facts().tls);
    let mut value = cookie::value(&raw);
    if value.len() > limits::COOKIE_VALUE_BYTES_MAX {
        call.warn(format!("the value of cookie {name} is cut at {} bytes", limits::COOKIE_VALUE_BYTES_MAX));
        cookie::cut(&mut value, limits::COOKIE_VALUE_BYTES_MAX);
    }
    let pair = [&name[..], b"=", &value].concat();
    let edit =
        ResponseEdit::Cookie { name: name.clone(), pair: ByteString::from(pair), attributes, fallback };
    ask(call, Note::Cookie { name }, edit);
    "".into()
}

/// Does a change to the response now, if there is one, or keeps it; in a rule that observes it is only written down.
fn ask(call: &mut Call<'_, Host>, note: Note, edit: ResponseEdit) {
    let place = call.place();
    let observes = call.host.observes();
    if observes || matches!(note, Note::Cookie { .. }) {
        call.host.note(place, note);
    }
    if observes {
        return;
    }
    if matches!(edit, ResponseEdit::Cookie { .. }) {
        call.host.shared.counters().marks_set.add_one();
    }
    let is_now = call.host.is_response_stage();
    let held = if is_now {
        call.host.response.fields().bytes()
    } else {
        call.host.edits.iter().map(ResponseEdit::bytes).sum()
    };
    if held.saturating_add(edit.bytes()) > limits::HEAD_BYTES_MAX {
        call.warn("the response's head would become too long");
    } else if is_now {
        apply_one(&mut call.host.response, &edit);
    } else if call.host.edits.len() >= limits::RESPONSE_EDITS_MAX {
        call.warn("too many changes to the response");
    } else {
        call.host.edits.push(edit);
    }
}

fn send_response(call: &mut Call<'_, Host>) -> Answer {
    let code = call.string(0);
    let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number: Option<u16> = std::str::from_utf8(&code[..digits]).ok().and_then(|text| text.parse().ok());
    let Some(status) = number.filter(|status| (200..=599).contains(status)) else {
        call.warn(format!("\"{code}\" is not a status that can be sent; 500 is sent"));
        return respond(
            call,
            Built { status: 500, reason: reason_of(500).as_bytes().to_vec(), ..Built::default() },
        );
    };
    let given = code[digits..].trim_ascii();
    let reason =
        if given.is_empty() || !is_field_value(given) { reason_of(status).as_bytes() } else { given };
    let content_type = call.bytes(1);
    let mut built = Built {
        status,
        reason: reason.to_vec(),
        content_type: if is_field_value(&content_type) { content_type.to_vec() } else { Vec::new() },
        fields: Vec::new(),
        body: call.bytes(2).to_vec(),
    };
    let lines = call.bytes(3);
    for line in lines.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        match parse_field(line) {
            Some(field) => built.fields.push(field),
            None => call.warn(format!("\"{}\" is not a response field", String::from_utf8_lossy(line))),
        }
    }
    respond(call, built)
}

/// `Name: value`; framing is the traffic manager's own and is left out.
fn parse_field(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let is_framing = [&b"Content-Length"[..], b"Transfer-Encoding", b"Connection"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own));
    (is_token(name) && is_field_value(value) && !is_framing).then(|| (name.to_vec(), value.to_vec()))
}

fn redirect(call: &mut Call<'_, Host>) -> Answer {
    let url = percent_encode(&call.bytes(0), |byte| byte.is_ascii_graphic());
    respond(
        call,
        Built {
            status: 302,
            reason: reason_of(302).as_bytes().to_vec(),
            content_type: b"text/html".to_vec(),
            fields: vec![(b"Location".to_vec(), url)],
            body: Vec::new(),
        },
    )
}

fn respond(call: &mut Call<'_, Host>, built: Built) -> Answer {
    let place = call.place();
    call.host.note(place, Note::Respond { status: built.status });
    if !call.host.observes() {
        call.host.end = Some(End::Respond(Box::new(built)));
    }
    Answer::EndRule
}
