//! The first line of the request: method, version, path, query, and the host that goes with them.

use super::text::{percent_decode, percent_encode};
use super::{BOTH, HTTP, row};
use crate::host::{Host, Note};
use crate::limits;
use crate::settings::AskedLine;
use trafficscript::{Answer, Builtin, ByteString, Call, Param};

const GIVEN: &str = "GET /a%20b?q=%41+1\nHost: Www.Example.com.:8080";
const PATH: Param = Param::string("path", "The new path; with a `?` also the new query.");
const QUERY: Param = Param::string("query", "The new query, without `?`; \"\" for none.");

pub(super) const ROWS: [Builtin<Host>; 14] = [
    row!(
        "http.getMethod", "The request's method.",
        (),
        String, HTTP, Reads, GIVEN,
        ["http.getMethod()" => "GET"],
        "As sent, or as a rule has set it; methods care about case.",
        |call| Answer::Value(call.host.request.method().into()),
    ),
    row!(
        "http.setMethod", "Sends the request with another method.",
        (Param::string("method", "A method; case matters.")),
        Nothing, BOTH, Changes, GIVEN,
        ["http.setMethod( \"HEAD\" ); $1 = http.getMethod();" => "HEAD"],
        "The node sees it; the body, if there is one, goes along. What is no method, and `CONNECT`, which would open a \
         tunnel, is a warning and changes nothing.",
        set_method,
    ),
    row!(
        "http.getVersion", "The version of HTTP that the client speaks.",
        (),
        String, HTTP, Reads, GIVEN,
        ["http.getVersion()" => "HTTP/1.1"],
        "`HTTP/2.0`, `HTTP/1.1` or `HTTP/1.0`. Nodes are always spoken to in HTTP/1.1.",
        |call| call.host.request.version().as_str().into(),
    ),
    row!(
        "http.getPath", "The decoded path, without query.",
        (),
        String, HTTP, Reads, GIVEN,
        ["http.getPath()" => "/a b"],
        "Without scheme and host, where the client sent them. `%XX` is decoded; a bad escape keeps its text, with `_` \
         for the `%`.",
        |call| {
            let path = call.host.request.path();
            if path.contains(&b'%') { percent_decode(path).into() } else { Answer::Value(path.into()) }
        },
    ),
    row!(
        "http.setPath", "Sends the request to another path.",
        (PATH),
        Nothing, BOTH, Changes, GIVEN,
        ["http.setPath( \"/c d\" ); $1 = http.getRawURL();" => "/c%20d?q=%41+1",
         "http.setPath( \"/c%20d?x=1\" ); $1 = http.getRawURL();" => "/c%20d?x=1"],
        "All bytes that a URL cannot hold are written as `%XX`; `%` itself is not, so that a path that is encoded \
         already stays as it is. The query stays, unless the new path has a `?`. A path that does not begin with `/` \
         gets one. A target of more than 64 KiB is a warning and changes nothing.",
        |call| set_path(call, |byte| byte == b'%' || is_url_byte(byte)),
    ),
    row!(
        "http.setEscapedPath", "Sends the request to another path, which is not encoded yet.",
        (PATH),
        Nothing, BOTH, Changes, GIVEN,
        ["http.setEscapedPath( \"/100%/c d\" ); $1 = http.getRawURL();" => "/100%25/c%20d?q=%41+1"],
        "As `http.setPath`, but `%` is encoded too: `%41` in the argument means these three bytes, not `A`.",
        |call| set_path(call, is_url_byte),
    ),
    row!(
        "http.setRawPath", "Sends the request to another path, byte for byte.",
        (PATH),
        Nothing, BOTH, Changes, GIVEN,
        ["http.setRawPath( \"/c%2fd\" ); $1 = http.getRawURL();" => "/c%2fd?q=%41+1",
         "http.setRawPath( \"/c d\" ); $1 = http.getRawURL();" => "/a%20b?q=%41+1"],
        "As `http.setPath`, but nothing is encoded: what a request line cannot hold (blanks, control characters, `#`, \
         bytes beyond ASCII) is a warning and changes nothing.",
        |call| set_path(call, |_| true),
    ),
    row!(
        "http.getQueryString", "The decoded query.",
        (),
        String, HTTP, Reads, GIVEN,
        ["http.getQueryString()" => "q=A+1"],
        "What follows the `?`; the empty string where there is none. `%XX` is decoded, a `+` stays; a bad escape keeps \
         its text, with `_` for the `%`. Decoding can make two parameters of one: `http.getFormParam` reads single ones.",
        |call| percent_decode(call.host.request.query().unwrap_or_default()).into(),
    ),
    row!(
        "http.getRawQueryString", "The query as sent.",
        (),
        String, HTTP, Reads, GIVEN,
        ["http.getRawQueryString()" => "q=%41+1"],
        "What follows the `?`; the empty string where there is none.",
        |call| Answer::Value(call.host.request.query().unwrap_or_default().into()),
    ),
    row!(
        "http.setQueryString", "Sends the request with another query.",
        (QUERY),
        Nothing, BOTH, Changes, GIVEN,
        ["http.setQueryString( \"x=a b&y=%41\" ); $1 = http.getRawURL();" => "/a%20b?x=a%20b&y=%41",
         "http.setQueryString( \"\" ); $1 = http.getRawURL();" => "/a%20b"],
        "Blanks, control characters and other bytes that a URL cannot hold are written as `%XX`; `%` is not. \"\" takes \
         the query and its `?` away. The path stays.",
        |call| set_query(call, |byte| byte == b'%' || is_query_byte(byte)),
    ),
    row!(
        "http.setRawQueryString", "Sends the request with another query, byte for byte.",
        (QUERY),
        Nothing, BOTH, Changes, GIVEN,
        ["http.setRawQueryString( \"x=%2f\" ); $1 = http.getRawURL();" => "/a%20b?x=%2f"],
        "As `http.setQueryString`, but nothing is encoded: what a request line cannot hold is a warning and changes \
         nothing.",
        |call| set_query(call, |_| true),
    ),
    row!(
        "http.getRawURL", "The request target.",
        (),
        String, HTTP, Reads, GIVEN,
        ["http.getRawURL()" => "/a%20b?q=%41+1"],
        "As sent, or as rules have left it: nothing decoded, with the query, and with scheme and host where the client \
         sent them.",
        |call| Answer::Value(call.host.request.target().into()),
    ),
    row!(
        "http.getHostHeader", "The host the client asked for.",
        (),
        String, HTTP, Reads, GIVEN,
        ["http.getHostHeader()" => "www.example.com"],
        "Lower case, without port and without a dot at the end; the empty string where there is no Host.",
        host_header,
    ),
    row!(
        "http.normalizePath", "A path without detours.",
        (Param::string("path", "A path that begins with `/`; nothing in it is decoded.")),
        String, trafficscript::Stages::ALL, Pure, "",
        ["http.normalizePath( \"/a//b/./c/../d/\" )" => "/a/b/d/",
         "http.normalizePath( \"/../etc/passwd\" )" => ""],
        "Folds `//`, `/./` and `/a/../`. Gives the empty string for a path that leaves the root, does not begin with \
         `/`, or holds a control character or a `%` without two hexadecimal digits: no file has such a name, and a \
         request for it means no good.",
        |call| normalized(&call.bytes(0)).unwrap_or_default().into(),
    ),
];

/// What RFC 3986 lets stand in a URL as it is (unreserved and reserved), without `#`, which ends one. `%` aside.
fn is_url_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=".contains(&byte)
}

/// What a query may hold as it is: all but what the request line cannot carry.
fn is_query_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'#'
}

fn set_method(call: &mut Call<'_, Host>) -> Answer {
    let method = call.string(0);
    if method.eq_ignore_ascii_case(b"CONNECT") {
        call.warn("a request cannot become a CONNECT");
        return "".into();
    }
    change(call, ByteString::from("method"), |head| head.set_method(&method));
    "".into()
}

/// Does a change to the first line, and keeps the line that the client sent for the log.
fn change(
    call: &mut Call<'_, Host>,
    what: ByteString,
    edit: impl FnOnce(&mut message::RequestHead) -> Result<(), message::InvalidLine>,
) {
    if call.host.observes() {
        let place = call.place();
        call.host.note(place, Note::Field { side: "request", name: what });
        return;
    }
    let asked = AskedLine::of(&call.host.request);
    match edit(&mut call.host.request) {
        Ok(()) => {
            call.host.asked.get_or_insert_with(|| Box::new(asked));
        }
        Err(problem) => call.warn(format!("the {what} stays as it is: {problem}")),
    }
}

fn set_path(call: &mut Call<'_, Host>, keep: fn(u8) -> bool) -> Answer {
    let given = call.bytes(0);
    if !is_short_enough(call, "path", &given) {
        return "".into();
    }
    let mut path = percent_encode(&given, keep);
    if path.first() != Some(&b'/') {
        path.insert(0, b'/');
    }
    if !path.contains(&b'?')
        && let Some(query) = call.host.request.query()
    {
        path.push(b'?');
        path.extend_from_slice(query);
    }
    set_target(call, "path", &path);
    "".into()
}

fn set_query(call: &mut Call<'_, Host>, keep: fn(u8) -> bool) -> Answer {
    let given = call.bytes(0);
    if !is_short_enough(call, "query", &given) {
        return "".into();
    }
    let mut target = call.host.request.path().to_vec();
    if !given.is_empty() {
        target.push(b'?');
        target.extend_from_slice(&percent_encode(&given, keep));
    }
    set_target(call, "query", &target);
    "".into()
}

/// Path and query; scheme and host of an absolute target stay.
fn set_target(call: &mut Call<'_, Host>, what: &str, origin: &[u8]) {
    let head = &call.host.request;
    let authority = head.target().len().saturating_sub(head.origin_part().len());
    let target = [head.target().get(..authority).unwrap_or_default(), origin].concat();
    if !is_short_enough(call, what, &target) {
        return;
    }
    change(call, ByteString::from(what), |head| head.set_target(&target));
}

/// Whether a part of a target can go into one; where it cannot, that is a warning, and it is not even encoded.
fn is_short_enough(call: &mut Call<'_, Host>, what: &str, part: &[u8]) -> bool {
    let fits = part.len() <= limits::TARGET_BYTES_MAX;
    if !fits {
        call.warn(format!("the {what} stays as it is: the target would become too long"));
    }
    fits
}

fn host_header(call: &mut Call<'_, Host>) -> Answer {
    let Some(host) = call.host.request.host() else {
        let place = call.place();
        call.host.note_absent(place, b"Host");
        return "".into();
    };
    Answer::Value(host_name(host).to_ascii_lowercase().into())
}

/// The name in a Host field: without port (brackets of an IPv6 address stay) and without a dot at the end.
pub(super) fn host_name(host: &[u8]) -> &[u8] {
    let (name, _) = split_port(host);
    name.strip_suffix(b".").unwrap_or(name)
}

/// A host and what stands behind its last `:`, if that is not inside the brackets of an address.
pub(super) fn split_port(host: &[u8]) -> (&[u8], Option<&[u8]>) {
    match host.iter().rposition(|byte| matches!(byte, b':' | b']')) {
        Some(at) if host.get(at) == Some(&b':') => {
            (host.get(..at).unwrap_or(host), host.get(at.saturating_add(1)..))
        }
        _ => (host, None),
    }
}

/// `None` for a path that is none, or that leaves the root.
fn normalized(path: &[u8]) -> Option<Vec<u8>> {
    let relative = path.strip_prefix(b"/")?;
    let is_escape = |at: usize| {
        let digits = path.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let is_odd = |at: usize| match path.get(at) {
        Some(b'%') => !is_escape(at),
        byte => byte.is_some_and(u8::is_ascii_control),
    };
    if (0..path.len()).any(is_odd) {
        return None;
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut is_folder = false;
    for part in relative.split(|byte| *byte == b'/') {
        is_folder = matches!(part, b"" | b"." | b"..");
        match part {
            b"" | b"." => {}
            b".." => {
                kept.pop()?;
            }
            name => kept.push(name),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for part in &kept {
        out.push(b'/');
        out.extend_from_slice(part);
    }
    if is_folder || kept.is_empty() {
        out.push(b'/');
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{host_name, normalized};

    #[test]
    fn a_host_loses_its_port_and_its_dot_and_an_address_keeps_its_brackets() {
        assert_eq!(host_name(b"a.example:80"), b"a.example");
        assert_eq!(host_name(b"a.example.:80"), b"a.example");
        assert_eq!(host_name(b"[::1]:80"), b"[::1]");
        assert_eq!(host_name(b"[::1]"), b"[::1]");
        assert_eq!(host_name(b""), b"");
    }

    #[test]
    fn a_path_stays_below_the_root_and_its_last_slash_stays() {
        let folded =
            |path: &str| normalized(path.as_bytes()).map(|path| String::from_utf8_lossy(&path).into_owned());
        for (path, becomes) in [
            ("/", "/"),
            ("//", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/../b", "/b"),
            ("/.hidden/..x", "/.hidden/..x"),
        ] {
            assert_eq!(folded(path).as_deref(), Some(becomes), "{path}");
        }
        for path in ["", "a", "/..", "/a/../..", "/a\0", "/a\n"] {
            assert_eq!(folded(path), None, "{path:?}");
        }
    }
}
