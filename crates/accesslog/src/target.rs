//! What a request asked for, taken apart.

/// Path and query of a target; an absolute URL that ends with its host has the path `/`.
pub(crate) fn split_target(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut path = target;
    let mut empty: &[u8] = b"";
    if !path.starts_with(b"/")
        && let Some(scheme_end) = memchr::memmem::find(path, b"://")
    {
        let after = &path[scheme_end + 3..];
        path =
            after.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).map_or(b"", |at| &after[at..]);
        empty = b"/";
    }
    if let Some(hash) = memchr::memchr(b'#', path) {
        path = &path[..hash];
    }
    let mark = memchr::memchr(b'?', path);
    let query = mark.map(|mark| &path[mark + 1..]);
    match &path[..mark.unwrap_or(path.len())] {
        [] => (empty, query),
        path => (path, query),
    }
}

/// A request line in its three words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestLine<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) target: &'a [u8],
    pub(crate) protocol: &'a [u8],
}

/// Takes a request line apart: two words are HTTP/0.9, what has no method is garbage and all target. A target may hold
/// blanks, as old clients sent them.
pub(crate) fn split_request(line: &[u8]) -> RequestLine<'_> {
    // A load balancer writes `- - - ` for a connection that carried no request.
    let is_none = line.iter().all(|byte| matches!(byte, b'-' | b' '));
    let garbage = RequestLine { method: b"", target: if is_none { b"" } else { line }, protocol: b"" };
    let blank = line.iter().take(METHOD_BYTES_MAX + 1).position(|&byte| !is_token(byte));
    let Some(blank) = blank.filter(|&at| at > 0 && line[at] == b' ' && line[0] != b'-') else {
        return garbage;
    };
    let (method, rest) = (&line[..blank], &line[blank + 1..]);
    let protocol = protocol_start(rest);
    let target = rest[..protocol.unwrap_or(rest.len())].trim_ascii();
    if target.is_empty() {
        return garbage;
    }
    RequestLine { method, target, protocol: protocol.map_or(b"", |at| &rest[at + 1..]) }
}

/// Where the blank before the protocol stands.
fn protocol_start(rest: &[u8]) -> Option<usize> {
    // ` HTTP/1.1` in nearly every line.
    if let Some(at) = rest.len().checked_sub(9)
        && rest[at..].starts_with(b" HTTP/")
    {
        return Some(at);
    }
    let at = memchr::memrchr(b' ', rest)?;
    rest[at + 1..].get(..5)?.eq_ignore_ascii_case(b"HTTP/").then_some(at)
}

/// Letters, digits and the signs that a method may have.
const fn is_token(byte: u8) -> bool {
    // Capitals nearly always.
    byte.is_ascii_uppercase()
        || byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'_' | b'!' | b'$' | b'.' | b'+' | b'*' | b'~')
}

/// A longer first word is no method.
const METHOD_BYTES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_of_every_age_are_taken_apart() {
        let of = |line: &'static str| {
            let split = split_request(line.as_bytes());
            [split.method, split.target, split.protocol].map(|part| std::str::from_utf8(part).unwrap())
        };
        assert_eq!(of("GET /a?b HTTP/1.1"), ["GET", "/a?b", "HTTP/1.1"]);
        assert_eq!(of("GET /a b c HTTP/2"), ["GET", "/a b c", "HTTP/2"]);
        assert_eq!(of("GET /one.html"), ["GET", "/one.html", ""]);
        assert_eq!(of("GET /a HTTP/1.0 x"), ["GET", "/a HTTP/1.0 x", ""]);
        assert_eq!(of("OPTIONS * HTTP/1.1"), ["OPTIONS", "*", "HTTP/1.1"]);
        assert_eq!(of(r"\x16\x03\x01\x02"), ["", r"\x16\x03\x01\x02", ""]);
        assert_eq!(of("GET"), ["", "GET", ""]);
        assert_eq!(of("GET "), ["", "GET ", ""]);
        assert_eq!(of("-"), ["", "", ""]);
        assert_eq!(of("- - - "), ["", "", ""]);
        assert_eq!(of(""), ["", "", ""]);
    }
}
