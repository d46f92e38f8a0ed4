//! The path of a request target, as Apache decodes it before any rule sees it.

use crate::escape::hex_pair;

/// Why a path is refused before any rule: the status that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// 400: `..` above the root, or a `%` that does not stand before two digits.
    Bad,
    /// 404: an encoded slash or NUL (`AllowEncodedSlashes` is off).
    Encoded,
}

impl Refused {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Bad => 400,
            Self::Encoded => 404,
        }
    }
}

/// Decodes a path: unreserved characters first, then slashes are merged and dot segments taken out, then the rest is
/// decoded. So `%2e%2e/` goes up like `../`, but `%252e` is a text.
pub(crate) fn normalize(raw: &[u8]) -> Result<Vec<u8>, Refused> {
    if !is_to_mend(raw) {
        return Ok(raw.to_vec());
    }
    unescape_strictly(&remove_dot_segments(&decode_unreserved(raw))?)
}

/// Whether there is an escape, or a slash before another or before a full stop.
fn is_to_mend(raw: &[u8]) -> bool {
    let mut is_behind_slash = false;
    raw.iter().any(|byte| {
        let is_odd = *byte == b'%' || (is_behind_slash && matches!(byte, b'/' | b'.'));
        is_behind_slash = *byte == b'/';
        is_odd
    })
}

fn decode_unreserved(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        if let Some(byte) = hex_pair(rest).filter(|byte| is_unreserved(*byte)) {
            out.push(byte);
            rest = rest.get(3..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn remove_dot_segments(path: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut out: Vec<u8> = Vec::with_capacity(path.len());
    let mut segments = path.split(|byte| *byte == b'/').peekable();
    if path.first() == Some(&b'/') {
        segments.next();
    }
    out.push(b'/');
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            b"" | b"." => {}
            b".." => {
                if out.len() <= 1 {
                    return Err(Refused::Bad);
                }
                out.pop();
                while out.last().is_some_and(|byte| *byte != b'/') {
                    out.pop();
                }
            }
            _ => {
                out.extend_from_slice(segment);
                if !is_last {
                    out.push(b'/');
                }
            }
        }
    }
    Ok(out)
}

fn unescape_strictly(path: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    let mut refused = None;
    while let [first, tail @ ..] = rest {
        if *first != b'%' {
            out.push(*first);
            rest = tail;
            continue;
        }
        match hex_pair(rest) {
            None => return Err(Refused::Bad),
            Some(b'/' | 0) => refused = Some(Refused::Encoded),
            Some(byte) => out.push(byte),
        }
        rest = rest.get(3..).unwrap_or_default();
    }
    refused.map_or(Ok(out), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(raw: &str) -> Result<String, Refused> {
        normalize(raw.as_bytes()).map(|path| String::from_utf8_lossy(&path).into_owned())
    }

    #[test]
    fn spellings_of_one_path_are_one_path() {
        for raw in
            ["//audio/x", "/./audio/x", "/x/../audio/x", "/%61udio/x", "/x/%2E%2E/%61udio/x", "/audio//x"]
        {
            assert_eq!(text(raw).unwrap(), "/audio/x", "{raw}");
        }
        assert_eq!(text("/x/y/..").unwrap(), "/x/");
        assert_eq!(text("/x/y/.").unwrap(), "/x/y/");
        assert_eq!(text("/AUDIO/x").unwrap(), "/AUDIO/x");
        assert_eq!(text("/x;a/b").unwrap(), "/x;a/b");
        assert_eq!(text("/..a/.b").unwrap(), "/..a/.b");
    }

    #[test]
    fn what_apache_refuses_before_any_rule_is_refused() {
        assert_eq!(text("/audio%2fx"), Err(Refused::Encoded));
        assert_eq!(text("/x%00"), Err(Refused::Encoded));
        assert_eq!(text("/x%zz"), Err(Refused::Bad));
        assert_eq!(text("/x%2"), Err(Refused::Bad));
        assert_eq!(text("/../x"), Err(Refused::Bad));
        assert_eq!(text("/%2e%2e/x"), Err(Refused::Bad));
        assert_eq!(text("/%2f%zz"), Err(Refused::Bad));
    }

    #[test]
    fn decoding_is_done_once() {
        assert_eq!(text("/%2541").unwrap(), "/%41");
        assert_eq!(text("/x%253fy").unwrap(), "/x%3fy");
    }
}
