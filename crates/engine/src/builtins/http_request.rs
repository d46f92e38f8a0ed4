//! The fields of the request: reading them, and editing what the node will see.

use super::{BOTH, HTTP, row};
use crate::host::{Host, Note};
use crate::limits;
use message::{Fields, InvalidField, Known};
use trafficscript::{Answer, Builtin, ByteString, Call, Param, Table, Value};

const NAME: Param = Param::string("name", "Name of the field; case does not matter.");
const VALUE: Param =
    Param::string("value", "Its value; a line break or another control character is refused.");
const KEPT: Param =
    Param::any("names", "Names of the fields that stay: one each, or several in one string, or an array.");
const GIVEN: &str =
    "GET /a%20b?q=1\nHost: Www.Example.com.:8080\nReferer: http://a.example/x\nX-List: 1\nX-List: 2";

pub(super) const ROWS: [Builtin<Host>; 10] = [
    row!(
        "http.getHeader", "The value of a request field.",
        (NAME),
        String, HTTP, Reads, GIVEN,
        ["http.getheader( \"referer\" )" => "http://a.example/x",
         "http.getHeader( \"X-List\" )" => "1, 2"],
        "The empty string where there is none: `http.headerExists` tells an empty field from none. Several fields of \
         the name are joined with \", \". In a response rule it still gives the request's field.",
        get_header,
    ),
    row!(
        "http.headerExists", "Whether the request has a field.",
        (NAME),
        Truth, HTTP, Reads, GIVEN,
        ["http.headerExists( \"Referer\" )" => "1", "http.headerExists( \"X-None\" )" => "0"],
        "Tells an empty field from none.",
        header_exists,
    ),
    row!(
        "http.getHeaders", "All request fields, as a hash.",
        (),
        Hash, HTTP, Reads, GIVEN,
        ["$h = http.getHeaders(); $1 = $h[\"Referer\"] . \" \" . $h[\"X-List\"];" => "http://a.example/x 1, 2"],
        "From name to value. Names are spelt as the client sent them, and the keys of a hash do care about case; of \
         several fields of one name the first spelling is the key and the values are joined with \", \".",
        |call| {
            undecidable_fields(call);
            hash_of(call.host.request.fields()).into()
        },
    ),
    row!(
        "http.getHeaderNames", "The names of the request fields, in one string.",
        (),
        String, HTTP, Reads, GIVEN,
        ["http.getHeaderNames()" => "Host Referer X-List"],
        "Separated by blanks, in the order and spelling in which they came; each name once.",
        |call| {
            undecidable_fields(call);
            names_of(call.host.request.fields()).join(&b' ').into()
        },
    ),
    row!(
        "http.listHeaderNames", "The names of the request fields, as an array.",
        (),
        Array, HTTP, Reads, GIVEN,
        ["array.join( http.listHeaderNames(), \"/\" )" => "Host/Referer/X-List"],
        "In the order and spelling in which they came; each name once.",
        |call| {
            undecidable_fields(call);
            array_of(names_of(call.host.request.fields())).into()
        },
    ),
    row!(
        "http.setHeader", "Replaces a request field, or adds it.",
        (NAME, VALUE),
        Nothing, BOTH, Changes, "GET /",
        ["http.setHeader( \"X-A\", \"1\" ); $1 = http.getHeader( \"x-a\" );" => "1"],
        "The node sees it. Other fields of the name go. Fields that frame the message or belong to the connection \
         are the traffic manager's own and are written anew. `X-Forwarded-For`, `-Proto`, `-Host` and `Forwarded` go on as \
         a rule writes them. A name or value that HTTP cannot carry is a warning and \
         changes nothing. In a response rule it is what a `request.retry` sends.",
        |call| edit(call, Edit::Set),
    ),
    row!(
        "http.addHeader", "Adds a request field beside those of the same name.",
        (NAME, VALUE),
        Nothing, BOTH, Changes, GIVEN,
        ["http.addHeader( \"X-List\", \"3\" ); $1 = http.getHeader( \"X-List\" );" => "1, 2, 3"],
        "The node sees a line of its own for it. Otherwise as `http.setHeader`.",
        |call| edit(call, Edit::Add),
    ),
    row!(
        "http.removeHeader", "Removes all request fields of a name.",
        (NAME),
        Nothing, BOTH, Changes, GIVEN,
        ["http.removeHeader( \"X-List\" ); $1 = http.getHeader( \"X-List\" );" => ""],
        "Silent where there is none.",
        |call| edit(call, Edit::Remove),
    ),
    row!(
        "http.scrubRequestHeaders", "Removes all request fields but those named.",
        (KEPT.repeated()),
        Nothing, BOTH, Changes, GIVEN,
        ["http.scrubRequestHeaders( \"Referer\" ); $1 = http.getHeaderNames();" => "Host Referer",
         "http.scrubRequestHeaders( \"referer x-list\" ); $1 = http.getHeaderNames();" => "Host Referer X-List"],
        "Names are given one by one or in one string with blanks between; case does not matter. `Host` and the fields \
         that frame the body always stay: without them it would be another request.",
        |call| scrub(call, Side::Request),
    ),
    row!(
        "http.getRequest", "The head of the request, as text.",
        (),
        String, HTTP, Reads, GIVEN,
        ["string.replaceAll( http.getRequest(), \"\\r\\n\", \"|\" )" =>
         "GET /a%20b?q=1 HTTP/1.1|Host: Www.Example.com.:8080|Referer: http://a.example/x|X-List: 1|X-List: 2||"],
        "Request line and fields with their line ends, and the empty line that ends a head, as rules have left it. The \
         body is `http.getBody`.",
        |call| {
            undecidable_fields(call);
            let head = &call.host.request;
            let line = [head.method(), b" ", head.target(), b" ", head.version().as_str().as_bytes()].concat();
            head_text(line, head.fields()).into()
        },
    ),
];

/// The first line and the fields of a head as they stand on the wire.
pub(super) fn head_text(mut line: Vec<u8>, fields: &Fields) -> Vec<u8> {
    line.reserve(fields.bytes().saturating_add(4));
    line.extend_from_slice(b"\r\n");
    fields.write_to(&mut line, |_, _, _| true);
    line.extend_from_slice(b"\r\n");
    line
}

/// Each name once, in its first spelling and order.
pub(super) fn names_of(fields: &Fields) -> Vec<&[u8]> {
    let mut names: Vec<&[u8]> = Vec::with_capacity(fields.len());
    for name in fields.names() {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name);
        }
    }
    names
}

/// Names to values; several of one name are joined.
pub(super) fn hash_of(fields: &Fields) -> Value {
    let mut table = Table::default();
    for name in names_of(fields) {
        let value = fields.joined(name).unwrap_or_default();
        table.insert(name.into(), value.as_ref().into());
    }
    Value::hash(table)
}

pub(super) fn array_of<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Value {
    Value::array(texts.into_iter().map(Value::from).collect())
}

/// A log line does not hold all fields of its request: whatever is decided by all of them is undecidable there.
fn undecidable_fields(call: &mut Call<'_, Host>) {
    let place = call.place();
    call.host.note_absent(place, b"all fields");
}

fn get_header(call: &mut Call<'_, Host>) -> Answer {
    let name = call.bytes(0);
    if let Some(value) = call.host.request.fields().joined(&name) {
        return Answer::Value(value.as_ref().into());
    }
    let place = call.place();
    call.host.note_absent(place, &name);
    "".into()
}

fn header_exists(call: &mut Call<'_, Host>) -> Answer {
    let name = call.bytes(0);
    let exists = call.host.request.fields().contains(&name);
    if !exists {
        let place = call.place();
        call.host.note_absent(place, &name);
    }
    exists.into()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edit {
    Set,
    Add,
    Remove,
}

fn edit(call: &mut Call<'_, Host>, edit: Edit) -> Answer {
    let (name, value) = (call.string(0), call.string(1));
    if call.host.observes() {
        let place = call.place();
        call.host.note(place, Note::Field { side: "request", name });
        return "".into();
    }
    if let Err(problem) = edit_request(call.host, edit, &name, &value) {
        call.warn(problem);
    }
    "".into()
}

fn edit_request(host: &mut Host, edit: Edit, name: &ByteString, value: &ByteString) -> Result<(), String> {
    let fields = host.request.fields_mut();
    if edit != Edit::Remove
        && fields.bytes().saturating_add(name.len()).saturating_add(value.len()) > limits::HEAD_BYTES_MAX
    {
        return Err("the request's head would become too long".to_owned());
    }
    if edit != Edit::Remove && name.eq_ignore_ascii_case(b"Host") && !value.iter().all(u8::is_ascii_graphic) {
        return Err(format!("\"{value}\" is not a host"));
    }
    if name.eq_ignore_ascii_case(b"Host") && host.asked_name.is_none() {
        host.asked_name = Some(host.request.host().unwrap_or_default().into());
    }
    // What the client has said there of itself counts for nothing, unless it is a proxy that we trust.
    let known = Known::of(name);
    let is_trusted = || host.virtual_server().trusts(host.connection.facts().peer.ip());
    let is_to_go = edit == Edit::Add && host.settings.forwarding.lacks(known) && !is_trusted();
    let fields = host.request.fields_mut();
    if is_to_go {
        fields.remove(name);
    }
    let told = |error: InvalidField| error.to_string();
    let done = match edit {
        Edit::Set => fields.set(name, value).map_err(told),
        Edit::Add => fields.add(name, value).map_err(told),
        Edit::Remove => {
            fields.remove(name);
            return Ok(());
        }
    };
    if done.is_ok() {
        host.settings.forwarding.note(known);
    }
    done
}

/// Which of the two heads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    Response,
}

/// Drops all fields but those named, and but those without which the message would be another one.
pub(super) fn scrub(call: &mut Call<'_, Host>, side: Side) -> Answer {
    let mut kept: Vec<ByteString> = Vec::new();
    for at in 0..call.argument_count() {
        match call.argument(at) {
            Some(Value::Array(items)) => kept.extend(items.borrow().iter().map(Value::to_text)),
            _ => kept.push(call.string(at)),
        }
    }
    let names: Vec<&[u8]> = kept
        .iter()
        .flat_map(|list| list.split(u8::is_ascii_whitespace))
        .filter(|name| !name.is_empty())
        .collect();
    // Each field is compared with each name.
    let work = call.host.request.fields().len().saturating_mul(names.len());
    if let Err(fault) = call.burn(work as u64) {
        return Answer::Fault(fault);
    }
    if call.host.observes() {
        let place = call.place();
        let side = if side == Side::Request { "request" } else { "response" };
        call.host.note(place, Note::Field { side, name: ByteString::from("*") });
        return "".into();
    }
    let fields = match side {
        Side::Request => call.host.request.fields_mut(),
        Side::Response => call.host.response.fields_mut(),
    };
    fields.remove_where(|name, _, known| {
        !matches!(known, Known::Host | Known::ContentLength | Known::TransferEncoding | Known::Connection)
            && !names.iter().any(|kept| kept.eq_ignore_ascii_case(name))
    });
    "".into()
}
