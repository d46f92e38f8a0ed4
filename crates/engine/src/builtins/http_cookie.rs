//! Cookies: those that the client sent, and those that the answer sets.

use super::http_response::ask;
use super::{ANSWERED, BOTH, HTTP, RESPONSE, cookie, row};
use crate::host::{Host, Note, ResponseEdit, cookie_name};
use crate::limits;
use message::{Fields, Known, is_field_value, is_token};
use trafficscript::{Answer, Builtin, ByteString, Call, Param, Table, Value};

const NAME: Param = Param::string("name", "Name of the cookie; case matters.");
const GIVEN: &str = "GET /\nCookie: a=1; b=0; a=2";
const REPLY: &str = "response 200\nSet-Cookie: a=1; Path=/shop\nSet-Cookie: b=2";

pub(super) const ROWS: [Builtin<Host>; 8] = [
    row!(
        "http.getCookie", "The value of a cookie that the client sent.",
        (NAME),
        String, HTTP, Reads, GIVEN,
        ["http.getCookie( \"b\" )" => "0",
         "if( http.getCookie( \"b\" ) ) $1 = \"true\";" => "true"],
        "The empty string where there is none. The first of several of a name wins; nothing is decoded. The string \
         \"0\" is true. Of a mark of the virtual server it is the value that was set, if its signature holds, or the one \
         that is remembered of the client.",
        get_cookie,
    ),
    row!(
        "http.getCookies", "All cookies that the client sent, as a hash.",
        (),
        Hash, HTTP, Reads, GIVEN,
        ["$c = http.getCookies(); $1 = hash.count( $c ) . \" \" . $c[\"a\"] . $c[\"b\"];" => "2 10"],
        "From name to value. The first of several of a name wins; nothing is decoded.",
        get_cookies,
    ),
    row!(
        "http.setCookie", "Changes a cookie of the request, or adds one.",
        (NAME, Param::string("value", "Its value, as it is to be sent.")),
        Nothing, BOTH, Changes, GIVEN,
        ["http.setCookie( \"a\", \"x y\" ); $1 = http.getHeader( \"Cookie\" );" => "a=x y; b=0",
         "http.setCookie( \"c\", \"3\" ); $1 = http.getHeader( \"Cookie\" );" => "a=1; b=0; a=2; c=3"],
        "The node sees it; the client's own store is not touched (that is `http.setResponseCookie`). It takes the place \
         of the first cookie of the name, others of the name go. Nothing is encoded: a value with a `;` or a control \
         character, or a name that is no token, is a warning and changes nothing.",
        |call| {
            let value = call.string(1);
            edit_cookie(call, Some(&value))
        },
    ),
    row!(
        "http.removeCookie", "Removes a cookie from the request.",
        (NAME),
        Nothing, BOTH, Changes, GIVEN,
        ["http.removeCookie( \"a\" ); $1 = http.getHeader( \"Cookie\" );" => "b=0"],
        "All cookies of the name; the node does not see them. Silent where there is none. When the last one goes the \
         `Cookie` field goes too.",
        |call| edit_cookie(call, None),
    ),
    row!(
        "http.getResponseCookie", "The value of a cookie that the answer sets.",
        (NAME),
        String, ANSWERED, Reads, REPLY,
        ["http.getResponseCookie( \"a\" )" => "1", "http.getResponseCookie( \"c\" )" => ""],
        "Without its options; the empty string where there is none. Of several of a name the last wins, as in a browser; \
         nothing is decoded.",
        |call| {
            let name = call.bytes(0);
            let fields = call.host.response.fields();
            let found = set_cookies(fields).filter(|(set, _)| *set == &name[..]).last();
            Answer::Value(found.map_or(&b""[..], |(_, value)| value).into())
        },
    ),
    row!(
        "http.getResponseCookies", "All cookies that the answer sets, as a hash.",
        (),
        Hash, ANSWERED, Reads, REPLY,
        ["array.join( hash.keys( http.getResponseCookies() ) )" => "a b"],
        "From name to value, without options. Of several of a name the last wins; nothing is decoded.",
        |call| {
            let mut table = Table::default();
            for (name, value) in set_cookies(call.host.response.fields()) {
                table.insert(name.into(), value.into());
            }
            Value::hash(table).into()
        },
    ),
    row!(
        "http.removeResponseCookie", "Removes a cookie from the answer.",
        (NAME),
        Nothing, RESPONSE, Changes, REPLY,
        ["http.removeResponseCookie( \"a\" ); $1 = http.getResponseHeader( \"Set-Cookie\" );" => "b=2"],
        "All `Set-Cookie` fields of the name; the client keeps what it has. Silent where there is none.",
        |call| {
            let name = call.string(0);
            let note = Note::Field { side: "response", name: ByteString::from("Set-Cookie") };
            ask(call, note, ResponseEdit::RemoveCookie(name));
            "".into()
        },
    ),
    row!(
        "http.setResponseCookie", "Gives the client a cookie.",
        (
            Param::string("name", "Name of the cookie."),
            Param::string("value", "Its value; what a cookie cannot hold is written as %XX."),
            Param::string("options", "Attributes, separated by `;`.").optional(),
        ),
        Nothing, BOTH, Changes, "response 200",
        ["http.setResponseCookie( \"mark\", \"a b\" ); $1 = http.getResponseHeader( \"Set-Cookie\" );" =>
         "mark=a%20b; Path=/; HttpOnly; SameSite=Lax"],
        "Replaces a cookie of the same name. Without options a cookie that is already in the answer keeps its own; a \
         new one gets `Path=/; HttpOnly; SameSite=Lax`, and under TLS `Secure`. A value of more than 3 KiB is cut, with a warning. \
         The answer becomes `Cache-Control: private`. In a request rule it is kept and done to the answer that comes, \
         a node's or one built here.",
        set_cookie,
    ),
];

fn get_cookie(call: &mut Call<'_, Host>) -> Answer {
    let name = call.bytes(0);
    if !call.host.virtual_server().marks.is_empty() {
        let place = call.place();
        if let Some(value) = call.host.ask_for_mark(&name, place) {
            return Answer::Value(value.into());
        }
    }
    if let Some(value) = call.host.request.fields().cookie(&name) {
        return Answer::Value(value.into());
    }
    let place = call.place();
    call.host.note_absent_cookie(place, &name);
    "".into()
}

fn get_cookies(call: &mut Call<'_, Host>) -> Answer {
    let mut table = Table::default();
    for (name, value) in call.host.request.cookies() {
        if table.get(name).is_none() {
            table.insert(name.into(), value.into());
        }
    }
    for name in call.host.mark_names() {
        let place = call.place();
        if let Some(value) = call.host.ask_for_mark(&name, place) {
            table.insert(ByteString::from(&*name), value.into());
        }
    }
    // Those that are there may not be all.
    let place = call.place();
    call.host.note_absent(place, b"Cookie");
    Value::hash(table).into()
}

/// Gives a cookie of the request a value, or takes it away.
fn edit_cookie(call: &mut Call<'_, Host>, value: Option<&ByteString>) -> Answer {
    let name = call.string(0);
    if let Some(value) = value {
        if !is_token(&name) {
            call.warn(format!("\"{name}\" is not a cookie name"));
            return "".into();
        }
        if value.contains(&b';') || !is_field_value(value) {
            call.warn(format!("the value of cookie {name} holds what no cookie can and is not used"));
            return "".into();
        }
        let bytes = call.host.request.fields().bytes().saturating_add(name.len()).saturating_add(value.len());
        if bytes > limits::HEAD_BYTES_MAX {
            call.warn("the request's head would become too long");
            return "".into();
        }
    }
    if call.host.observes() {
        let place = call.place();
        call.host.note(place, Note::Field { side: "request", name: ByteString::from("Cookie") });
        return "".into();
    }
    if value.is_none() && call.host.request.fields().cookie(&name).is_none() {
        call.host.mark_edited(&name);
        return "".into();
    }
    call.host.mark_edited(&name);
    let line = cookie_line(call.host.request.fields(), &name, value.map(|value| &value[..]));
    let fields = call.host.request.fields_mut();
    if line.is_empty() {
        fields.remove(b"Cookie");
    } else if let Err(problem) = fields.set(b"Cookie", &line) {
        call.warn(problem.to_string());
    }
    "".into()
}

/// All cookies in one line: those of the name replaced, or left out.
fn cookie_line(fields: &Fields, name: &[u8], value: Option<&[u8]>) -> Vec<u8> {
    let mut line = Vec::new();
    let mut pending = value;
    let mut put = |name: &[u8], value: &[u8]| {
        if !line.is_empty() {
            line.extend_from_slice(b"; ");
        }
        line.extend_from_slice(name);
        line.push(b'=');
        line.extend_from_slice(value);
    };
    for (other, old) in fields.cookies() {
        if other != name {
            put(other, old);
        } else if let Some(new) = pending.take() {
            put(name, new);
        }
    }
    if let Some(new) = pending {
        put(name, new);
    }
    line
}

/// Names and values of the `Set-Cookie` fields, in order, without options.
fn set_cookies(fields: &Fields) -> impl Iterator<Item = (&[u8], &[u8])> {
    fields.all_known(Known::SetCookie).map(|line| {
        let pair = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let value = pair.iter().position(|byte| *byte == b'=').and_then(|at| pair.get(at + 1..));
        (cookie_name(line), value.unwrap_or_default().trim_ascii())
    })
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
    let fallback = cookie::default_attributes(call.host.connection.is_tls());
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
