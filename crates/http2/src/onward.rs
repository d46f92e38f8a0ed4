//! Heads on the way to a node that speaks HTTP/2, and back.
//!
//! What goes to a node is written as in HTTP/1.1, whatever it speaks: one place decides which fields go on. Here that
//! text is taken apart again. What comes back is written as in HTTP/1.1 and read by the reader of HTTP/1.1, so that
//! both sorts of nodes are judged by the same rules.
#![warn(clippy::indexing_slicing)]

use crate::Malformed;
use crate::request::check_field;
use http1::{BadRequest, BadSyntax, encode};
use message::{Known, is_field_value};
use std::borrow::Cow;

/// What comes behind a request's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Upload {
    /// Nothing.
    Nothing,
    /// So many bytes.
    Length(u64),
    /// Bytes until the stream ends.
    Open,
}

/// A request as it was written for a node, in parts.
#[derive(Debug, PartialEq, Eq)]
pub struct WrittenRequest<'a> {
    /// `:method`
    pub method: &'a [u8],
    /// `:path`
    pub path: Cow<'a, [u8]>,
    /// `:authority`; empty where the request names no host.
    pub authority: &'a [u8],
    /// What follows.
    pub upload: Upload,
    /// The fields that HTTP/2 has, names as they were written.
    pub fields: Vec<(&'a [u8], &'a [u8])>,
}

/// Takes a head apart that we wrote: whole, with its empty line. Fields of the connection and the Host, which is the
/// authority, are not among the fields. `None` if it is none; whoever writes sound heads never sees that.
pub fn read_written_request(head: &[u8]) -> Option<WrittenRequest<'_>> {
    let mut lines = head.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut words = lines.next()?.split(|&byte| byte == b' ');
    let (method, path) = (words.next()?, words.next()?);
    let mut written = WrittenRequest {
        method,
        path: sendable(path),
        authority: &[],
        upload: Upload::Nothing,
        fields: Vec::with_capacity(16),
    };
    for line in lines.take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
        match Known::of(name) {
            Known::Host => written.authority = value,
            Known::TransferEncoding => written.upload = Upload::Open,
            Known::Connection | Known::KeepAlive | Known::ProxyConnection | Known::Upgrade | Known::Te => {}
            Known::ContentLength => {
                written.upload = Upload::Length(std::str::from_utf8(value).ok()?.parse().ok()?);
                written.fields.push((name, value));
            }
            _ => written.fields.push((name, value)),
        }
    }
    Some(written)
}

/// A target as `:path` may hold it. Some bytes may not stand there that HTTP/1.1 clients send all the same (RFC 3986,
/// 2.1, has them percent-encoded): every server takes them for the same.
fn sendable(target: &[u8]) -> Cow<'_, [u8]> {
    let must_change = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'#' | b'<' | b'>' | b'`');
    if !target.iter().any(|&byte| must_change(byte)) {
        return Cow::Borrowed(target);
    }
    let mut sent = Vec::with_capacity(target.len() + 16);
    for &byte in target {
        if must_change(byte) {
            sent.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            sent.push(byte);
        }
    }
    Cow::Owned(sent)
}

/// Writes a node's head behind `out` as HTTP/1.1 has it. A body without a length ends with the stream.
///
/// # Errors
/// A status or a field that HTTP/2 does not allow; `out` is then as it was.
pub fn write_response<'a>(
    (status, reason): (u16, &str),
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let before = out.len();
    // There are no upgrades in HTTP/2 (RFC 9113, 8.6).
    if status == 101 || !(100..=999).contains(&status) {
        return Err(Malformed::Status);
    }
    encode::status_line(out, status, reason.as_bytes());
    for (name, value) in fields {
        let checked = check_field(name, value).and_then(|known| match known {
            Known::Te => Err(Malformed::ConnectionField),
            _ if is_field_value(value) => Ok(()),
            _ => Err(BadRequest::Syntax(BadSyntax::Control).into()),
        });
        if let Err(malformed) = checked {
            out.truncate(before);
            return Err(malformed);
        }
        encode::field(out, name, value);
    }
    encode::end_head(out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_request_comes_apart_without_what_belongs_to_the_connection() {
        let head = b"POST /a?b HTTP/1.1\r\nHost: a.example\r\nX-A: b: c\r\nUpgrade: x\r\nTE: trailers\r\n\
            Connection: Upgrade\r\nTransfer-Encoding: chunked\r\nX-Empty:\r\n\r\n";
        let written = read_written_request(head).unwrap();
        assert_eq!((written.method, &*written.path), (&b"POST"[..], &b"/a?b"[..]));
        assert_eq!((written.authority, written.upload), (&b"a.example"[..], Upload::Open));
        assert_eq!(written.fields, [(&b"X-A"[..], &b"b: c"[..]), (b"X-Empty", b"")]);
    }

    #[test]
    fn a_length_is_told_and_kept() {
        let written = read_written_request(b"PUT / HTTP/1.1\r\nContent-Length: 12\r\n\r\n").unwrap();
        assert_eq!(written.upload, Upload::Length(12));
        assert_eq!(written.fields, [(&b"Content-Length"[..], &b"12"[..])]);
    }

    #[test]
    fn a_path_is_written_as_it_may_stand_there() {
        assert_eq!(sendable(b"/a|b\"{}\\"), &b"/a|b\"{}\\"[..]);
        assert_eq!(sendable(b"/<`#>\xff"), &b"/%3C%60%23%3E%FF"[..]);
    }

    #[test]
    fn an_answer_is_written_for_the_reader_of_http1_or_refused() {
        let write = |status, fields: &[(&'static str, &'static str)]| {
            let mut out = b"|".to_vec();
            let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let written = write_response((status, "OK"), fields, &mut out);
            written.map(|()| String::from_utf8(out.clone()).unwrap()).inspect_err(|_| {
                assert_eq!(out, b"|");
            })
        };
        assert_eq!(write(200, &[("a", "b"), ("c", "")]).unwrap(), "|HTTP/1.1 200 OK\r\na: b\r\nc: \r\n\r\n");
        assert_eq!(write(101, &[]), Err(Malformed::Status));
        assert_eq!(write(200, &[("transfer-encoding", "chunked")]), Err(Malformed::ConnectionField));
        assert_eq!(write(200, &[("te", "trailers")]), Err(Malformed::ConnectionField));
        assert_eq!(write(200, &[("A", "b")]), Err(Malformed::Name));
        assert_eq!(write(200, &[("a", " b")]), Err(Malformed::ValueBlanks));
        assert!(write(200, &[("a", "b\r\nc: d")]).is_err() && write(200, &[("a b", "c")]).is_err());
    }
}
