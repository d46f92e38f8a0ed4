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
    /// It asks for another protocol.
    pub upgrade: bool,
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
        upgrade: false,
        fields: Vec::with_capacity(16),
    };
    for line in lines.take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
        match Known::of(name) {
            Known::Host => written.authority = value,
            Known::TransferEncoding => written.upload = Upload::Open,
            Known::Upgrade => written.upgrade = true,
            Known::Connection | Known::KeepAlive | Known::ProxyConnection | Known::Te => {}
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
    write_checked(fields, out).inspect_err(|_| out.truncate(before))
}

/// Writes behind `out`, as HTTP/1.1 has it, that a node has opened the WebSocket that an extended CONNECT asked for
/// (RFC 8441, 5). `accept` proves to whoever asked in HTTP/1.1 that his key was read.
///
/// # Errors
/// A field that HTTP/2 does not allow, or a length, which no tunnel has (RFC 9110, 9.3.6); `out` is then as it was.
pub fn write_opened_websocket<'a>(
    accept: &str,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    let before = out.len();
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    );
    encode::field(out, b"Sec-WebSocket-Accept", accept.as_bytes());
    let mut has_length = false;
    // The proof is ours, as the node has seen no key.
    let fields = fields
        .inspect(|(name, _)| has_length |= Known::of(name) == Known::ContentLength)
        .filter(|(name, _)| *name != b"sec-websocket-accept");
    let written = write_checked(fields, out);
    let written = if has_length { Err(Malformed::LengthMismatch) } else { written };
    written.inspect_err(|_| out.truncate(before))
}

/// The fields of an answer's head, and its end.
fn write_checked<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    out: &mut Vec<u8>,
) -> Result<(), Malformed> {
    for (name, value) in fields {
        match check_field(name, value)? {
            Known::Te => return Err(Malformed::ConnectionField),
            _ if is_field_value(value) => encode::field(out, name, value),
            _ => return Err(BadRequest::Syntax(BadSyntax::Control).into()),
        }
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
        assert!(written.upgrade && !read_written_request(b"GET / HTTP/1.1\r\n\r\n").unwrap().upgrade);
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

    #[test]
    fn an_opened_websocket_is_told_with_a_proof_of_ours_and_has_no_length() {
        let write = |fields: &[(&'static str, &'static str)]| {
            let mut out = Vec::new();
            let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            let written = write_opened_websocket("ours", fields, &mut out);
            assert!(written.is_ok() || out.is_empty());
            written.map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(
            write(&[("sec-websocket-accept", "theirs"), ("sec-websocket-protocol", "chat")]).unwrap(),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: ours\r\nsec-websocket-protocol: chat\r\n\r\n"
        );
        assert_eq!(write(&[("content-length", "0")]), Err(Malformed::LengthMismatch));
        assert_eq!(write(&[("transfer-encoding", "chunked")]), Err(Malformed::ConnectionField));
        assert_eq!(write(&[("upgrade", "websocket")]), Err(Malformed::ConnectionField));
    }
}
