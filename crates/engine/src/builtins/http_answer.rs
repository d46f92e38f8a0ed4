//! Answers without a node: `http.sendResponse`, `http.redirect`, `http.changeSite`.

use super::http_target::{host_name, split_port};
use super::text::percent_encode;
use super::{BOTH, row};
use crate::host::{Built, End, Host, Note};
use crate::limits;
use message::{is_field_value, is_token, reason_of};
use trafficscript::{Answer, Builtin, Call, Param};

pub(super) const ROWS: [Builtin<Host>; 3] = [
    row!(
        "http.sendResponse", "Answers the client without asking a node.",
        (
            Param::string("code", "Status, with or without its reason: 503 or \"503 Service Unavailable\"."),
            Param::string("type", "Content type; \"\" for none."),
            Param::string("body", "The body."),
            Param::string("headers", "Further fields, one a line; \"\" for none."),
        ),
        Nothing, BOTH, Ends, "GET /",
        ["http.sendResponse( 403, \"text/plain\", \"no\", \"\" ); $1 = \"not reached\";" => ""],
        "The rule ends, no further request rule runs, and the response rules run on this answer. In a response rule it \
         replaces the response. Content-Length is added. A code outside 200 to 599 is a warning, and 500 is sent; a line \
         of the headers that is no field, or frames the body, is a warning and left out.",
        send_response,
    ),
    row!(
        "http.redirect", "Sends the client to another URL.",
        (Param::string("url", "Where to; a relative one is passed on as it is.")),
        Nothing, BOTH, Ends, "GET /",
        ["http.redirect( \"https://b.example/\" ); $1 = \"not reached\";" => ""],
        "302 with Location and an empty page; blanks, control characters and bytes beyond ASCII are written as %XX. The \
         rule ends, also inside a loop, and no further request rule runs. A URL of more than 64 KiB is a warning, and \
         500 is sent.",
        |call| {
            let url = call.bytes(0);
            redirect(call, 302, &url)
        },
    ),
    row!(
        "http.changeSite", "Sends the client to another host, for good.",
        (Param::string("site", "A host; with a scheme before it, or a port or a path behind it, if wanted.")),
        Nothing, BOTH, Changes, "GET /a?b=1\nHost: old.example",
        ["http.changeSite( \"old.example\" ); $1 = \"goes on\";" => "goes on",
         "http.changeSite( \"new.example\" ); $1 = \"not reached\";" => ""],
        "301 with Location and an empty page. Path and query are those of the request, behind the path of `site` if it \
         has one; scheme and port are those of the request unless `site` names them (a scheme without a port means \
         that scheme's own port). The rule ends and no further request rule runs. Where the request is already for \
         that site nothing happens and the rule goes on: no redirect leads to itself.",
        change_site,
    ),
];

fn send_response(call: &mut Call<'_, Host>) -> Answer {
    let code = call.string(0);
    let Some((status, reason)) = status_and_reason(&code) else {
        call.warn(format!("\"{code}\" is not a status that can be sent; 500 is sent"));
        return respond(
            call,
            Built { status: 500, reason: reason_of(500).as_bytes().to_vec(), ..Built::default() },
        );
    };
    let content_type = call.bytes(1);
    let mut built = Built {
        status,
        reason,
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

/// `503`, or `503 Try later`; the usual reason is filled in.
pub(super) fn status_and_reason(code: &[u8]) -> Option<(u16, Vec<u8>)> {
    let digits = code.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number: Option<u16> = std::str::from_utf8(&code[..digits]).ok().and_then(|text| text.parse().ok());
    let status = number.filter(|status| (200..=599).contains(status))?;
    let given = code[digits..].trim_ascii();
    let reason =
        if given.is_empty() || !is_field_value(given) { reason_of(status).as_bytes() } else { given };
    Some((status, reason.to_vec()))
}

/// `Name: value`; framing is the traffic manager's own and is left out.
pub(super) fn parse_field(line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let is_framing = [&b"Content-Length"[..], b"Transfer-Encoding", b"Connection"]
        .iter()
        .any(|own| name.eq_ignore_ascii_case(own));
    (is_token(name) && is_field_value(value) && !is_framing).then(|| (name.to_vec(), value.to_vec()))
}

fn redirect(call: &mut Call<'_, Host>, status: u16, url: &[u8]) -> Answer {
    if url.len() > limits::TARGET_BYTES_MAX {
        call.warn("the URL of the redirect is too long; 500 is sent");
        return respond(
            call,
            Built { status: 500, reason: reason_of(500).as_bytes().to_vec(), ..Built::default() },
        );
    }
    let url = percent_encode(url, |byte| byte.is_ascii_graphic());
    respond(
        call,
        Built {
            status,
            reason: reason_of(status).as_bytes().to_vec(),
            content_type: b"text/html".to_vec(),
            fields: vec![(b"Location".to_vec(), url)],
            body: Vec::new(),
        },
    )
}

/// A site as `http.changeSite` is given it.
struct Site<'a> {
    scheme: Option<&'a [u8]>,
    host: &'a [u8],
    port: Option<&'a [u8]>,
    /// Without a slash at its end.
    path: &'a [u8],
}

impl<'a> Site<'a> {
    fn of(text: &'a [u8]) -> Self {
        let (scheme, rest) = match text.windows(3).position(|three| three == b"://") {
            Some(at) => (text.get(..at), text.get(at.saturating_add(3)..).unwrap_or_default()),
            None => (None, text),
        };
        let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, b""));
        let (host, port) = split_port(authority);
        Self { scheme, host, port, path: path.strip_suffix(b"/").unwrap_or(path) }
    }
}

fn default_port(scheme: &[u8]) -> &'static [u8] {
    if scheme.eq_ignore_ascii_case(b"https") { b"443" } else { b"80" }
}

fn change_site(call: &mut Call<'_, Host>) -> Answer {
    let given = call.bytes(0);
    let site = Site::of(given.trim_ascii());
    if site.host.is_empty() {
        call.warn(format!("\"{}\" names no host", String::from_utf8_lossy(&given)));
        return "".into();
    }
    let head = &call.host.request;
    let own_scheme: &[u8] = if call.host.connection.is_tls() { b"https" } else { b"http" };
    let authority = head.host().or_else(|| head.target_authority()).unwrap_or_default();
    let own_port = split_port(authority).1.unwrap_or_else(|| default_port(own_scheme));
    let scheme = site.scheme.unwrap_or(own_scheme);
    let port =
        site.port.unwrap_or_else(|| if site.scheme.is_some() { default_port(scheme) } else { own_port });

    let path = head.path();
    let is_below = path.strip_prefix(site.path).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')));
    let is_there = scheme.eq_ignore_ascii_case(own_scheme)
        && host_name(site.host).eq_ignore_ascii_case(host_name(authority))
        && port == own_port
        && is_below;
    if is_there {
        return "".into();
    }
    let mut url = [scheme, b"://", site.host].concat();
    if port != default_port(scheme) {
        url.push(b':');
        url.extend_from_slice(port);
    }
    url.extend_from_slice(site.path);
    url.extend_from_slice(path);
    if let Some(query) = head.query() {
        url.push(b'?');
        url.extend_from_slice(query);
    }
    redirect(call, 301, &url)
}

fn respond(call: &mut Call<'_, Host>, built: Built) -> Answer {
    let place = call.place();
    call.host.note(place, Note::Respond { status: built.status });
    if !call.host.observes() {
        call.host.end = Some(End::Respond(Box::new(built)));
    }
    Answer::EndRule
}
