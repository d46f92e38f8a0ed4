//! The fields of the response. What a request rule asks for is kept and done to whatever answer comes.

use super::http_request::{Side, array_of, hash_of, head_text, names_of, scrub};
use super::{ANSWERED, BOTH, RESPONSE, row};
use crate::host::{Host, Note, ResponseEdit, apply_one, cookie_name};
use crate::limits;
use message::{is_field_value, is_token, reason_of};
use trafficscript::{Answer, Builtin, ByteString, Call, Param};

const NAME: Param = Param::string("name", "Name of the field; case does not matter.");
const VALUE: Param =
    Param::string("value", "Its value; a line break or another control character is refused.");
const KEPT: Param =
    Param::any("names", "Names of the fields that stay: one each, or several in one string, or an array.");
const GIVEN: &str = "response 404\nServer: x\nVary: Accept\nContent-Type: audio/mpeg";

pub(super) const ROWS: [Builtin<Host>; 13] = [
    row!(
        "http.getResponseCode", "The status of the response.",
        (),
        Integer, ANSWERED, Reads, GIVEN,
        ["http.getResponseCode()" => "404"],
        "As the node sent it, or as a rule built or set it.",
        |call| i64::from(call.host.response.status()).into(),
    ),
    row!(
        "http.setResponseCode", "Gives the response another status.",
        (
            Param::integer("code", "200 to 599."),
            Param::string("message", "The words behind it; without them the usual ones.").optional(),
        ),
        Nothing, BOTH, Changes, GIVEN,
        ["http.setResponseCode( 410 ); $1 = http.getResponseCode();" => "410",
         "http.setResponseCode( 200, \"Fine\" ); $1 = string.left( http.getResponse(), 17 );" => "HTTP/1.1 200 Fine"],
        "Another number, or a message with a control character, is a warning and changes nothing. 204 and 304 have no \
         body. In a request rule it is kept and done to the answer that comes, a node's or one built here.",
        set_code,
    ),
    row!(
        "http.getResponseVersion", "The version of HTTP that the node speaks.",
        (),
        String, ANSWERED, Reads, GIVEN,
        ["http.getResponseVersion()" => "HTTP/1.1"],
        "`HTTP/1.1` or `HTTP/1.0`; `HTTP/1.1` for an answer built here. The client is answered in HTTP/2 or HTTP/1.1 in any case.",
        |call| call.host.response.version().as_str().into(),
    ),
    row!(
        "http.getResponseHeader", "The value of a response field.",
        (NAME),
        String, ANSWERED, Reads, GIVEN,
        ["http.getResponseHeader( \"content-type\" )" => "audio/mpeg"],
        "The empty string where there is none; several fields of the name are joined with \", \". (Values of \
         `Set-Cookie` can hold commas: `http.getResponseCookie` tells them apart.)",
        |call| {
            let name = call.bytes(0);
            if let Some(value) = call.host.response.fields().joined(&name) {
                return Answer::Value(value.as_ref().into());
            }
            let place = call.place();
            call.host.note_of_answer(place, &name);
            "".into()
        },
    ),
    row!(
        "http.responseHeaderExists", "Whether the response has a field.",
        (NAME),
        Truth, ANSWERED, Reads, GIVEN,
        ["http.responseHeaderExists( \"server\" )" => "1", "http.responseHeaderExists( \"X-None\" )" => "0"],
        "Tells an empty field from none.",
        |call| {
            let name = call.bytes(0);
            let exists = call.host.response.fields().contains(&name);
            if !exists {
                let place = call.place();
                call.host.note_of_answer(place, &name);
            }
            exists.into()
        },
    ),
    row!(
        "http.getResponseHeaders", "All response fields, as a hash.",
        (),
        Hash, ANSWERED, Reads, GIVEN,
        ["$h = http.getResponseHeaders(); $1 = hash.count( $h ) . \" \" . $h[\"Vary\"];" => "3 Accept"],
        "From name to value. Names are spelt as the node sent them, and the keys of a hash do care about case; of \
         several fields of one name the first spelling is the key and the values are joined with \", \".",
        |call| {
            note_all_fields(call);
            hash_of(call.host.response.fields()).into()
        },
    ),
    row!(
        "http.getResponseHeaderNames", "The names of the response fields, in one string.",
        (),
        String, ANSWERED, Reads, GIVEN,
        ["http.getResponseHeaderNames()" => "Server Vary Content-Type"],
        "Separated by blanks, in the order and spelling in which they came; each name once.",
        |call| {
            note_all_fields(call);
            names_of(call.host.response.fields()).join(&b' ').into()
        },
    ),
    row!(
        "http.listResponseHeaderNames", "The names of the response fields, as an array.",
        (),
        Array, ANSWERED, Reads, GIVEN,
        ["array.join( http.listResponseHeaderNames(), \"/\" )" => "Server/Vary/Content-Type"],
        "In the order and spelling in which they came; each name once.",
        |call| {
            note_all_fields(call);
            array_of(names_of(call.host.response.fields())).into()
        },
    ),
    row!(
        "http.setResponseHeader", "Replaces a response field, or adds it.",
        (NAME, VALUE),
        Nothing, BOTH, Changes, GIVEN,
        ["http.setResponseHeader( \"X-A\", \"1\" ); $1 = http.getResponseHeader( \"x-a\" );" => "1"],
        "Other fields of the name go. Fields that frame the message or belong to the connection are the traffic \
         manager's own and are written anew. In a request rule it is kept and done to the answer that comes, a node's \
         or one built here.",
        |call| field(call, ResponseEdit::Set),
    ),
    row!(
        "http.addResponseHeader", "Adds a value to a response field.",
        (NAME, VALUE),
        Nothing, BOTH, Changes, GIVEN,
        ["http.addResponseHeader( \"Vary\", \"Referer\" ); $1 = http.getResponseHeader( \"Vary\" );" =>
         "Accept, Referer"],
        "Where the field is there the value is appended to it, behind a comma; `Set-Cookie` gets a field of its own, and \
         the answer becomes `Cache-Control: private`, so that no shared cache hands the cookie to others. In a request \
         rule it is kept and done to the answer that comes, a node's or one built here.",
        |call| field(call, ResponseEdit::Add),
    ),
    row!(
        "http.removeResponseHeader", "Removes all response fields of a name.",
        (NAME),
        Nothing, BOTH, Changes, GIVEN,
        ["http.removeResponseHeader( \"Server\" ); $1 = http.getResponseHeader( \"Server\" );" => ""],
        "Silent where there is none. In a request rule it is kept and done to the answer that comes, a node's or one \
         built here.",
        |call| field(call, |name, _| ResponseEdit::Remove(name)),
    ),
    row!(
        "http.scrubResponseHeaders", "Removes all response fields but those named.",
        (KEPT.repeated()),
        Nothing, RESPONSE, Changes, GIVEN,
        ["http.scrubResponseHeaders( \"vary content-type\" ); $1 = http.getResponseHeaderNames();" =>
         "Vary Content-Type"],
        "Names are given one by one or in one string with blanks between; case does not matter. The fields that frame \
         the body always stay.",
        |call| scrub(call, Side::Response),
    ),
    row!(
        "http.getResponse", "The head of the response, as text.",
        (),
        String, ANSWERED, Reads, GIVEN,
        ["string.replaceAll( http.getResponse(), \"\\r\\n\", \"|\" )" =>
         "HTTP/1.1 404 Any|Server: x|Vary: Accept|Content-Type: audio/mpeg|"],
        "Status line and fields with their line ends, as rules have left them, without the empty line behind them. The \
         body is `http.getResponseBody`.",
        |call| {
            note_all_fields(call);
            let head = &call.host.response;
            let start = format!("{} {} ", head.version().as_str(), head.status());
            let mut text = head_text([start.as_bytes(), head.reason()].concat(), head.fields());
            text.truncate(text.len().saturating_sub(b"\r\n".len()));
            text.into()
        },
    ),
];

fn note_all_fields(call: &mut Call<'_, Host>) {
    let place = call.place();
    call.host.note_of_answer(place, b"fields");
}

fn set_code(call: &mut Call<'_, Host>) -> Answer {
    let code = call.integer(0);
    let given = call.optional_string(1).filter(|text| !text.is_empty());
    let Some(status) = u16::try_from(code).ok().filter(|status| (200..=599).contains(status)) else {
        call.warn(format!("{code} is not a status that can be sent"));
        return "".into();
    };
    let reason = given.unwrap_or_else(|| ByteString::from(reason_of(status)));
    if is_field_value(&reason) {
        let note = Note::Field { side: "response", name: ByteString::from("status") };
        ask(call, note, ResponseEdit::Status(status, reason));
    } else {
        call.warn("the message of the status holds a control character and is not used");
    }
    "".into()
}

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

/// Does a change to the response now, if there is one, or keeps it; in a rule that observes it is only written down.
pub(super) fn ask(call: &mut Call<'_, Host>, note: Note, edit: ResponseEdit) {
    let place = call.place();
    let observes = call.host.observes();
    let is_cookie = matches!(note, Note::Cookie { .. });
    if observes || is_cookie {
        call.host.note(place, note);
    }
    if observes {
        if is_cookie {
            call.host.remember_in_shadow(&edit);
        }
        return;
    }
    if is_cookie {
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
        let caching = call.host.virtual_server().cookie_caching;
        apply_one(&mut call.host.response, &edit, caching);
    } else if call.host.edits.len() >= limits::RESPONSE_EDITS_MAX {
        call.warn("too many changes to the response");
    } else {
        call.host.edits.push(edit);
    }
}
