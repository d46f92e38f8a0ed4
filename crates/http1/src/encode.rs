//! Values to bytes. Everything is appended to `out`; bodies are always framed anew.
//!
//! A head is written as first line and kept fields ([`request_head`], [`response_head`]), then whatever the caller adds
//! ([`field`], [`content_length`], [`CHUNKED`]), then [`end_head`].

use std::num::NonZeroUsize;

use message::{Fields, Known, RequestHead, ResponseHead};

/// The field line that announces chunks.
pub const CHUNKED: &[u8] = b"Transfer-Encoding: chunked\r\n";

/// What stands behind the payload of each chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Writes the request line for an origin server (an absolute target loses its scheme and host, which `Host` tells) in
/// version 1.1, and the fields for which `keep(name, value, known)` holds.
#[inline]
pub fn request_head(out: &mut Vec<u8>, head: &RequestHead, keep: impl FnMut(&[u8], &[u8], Known) -> bool) {
    let target = head.origin_part();
    out.extend_from_slice(head.method());
    out.push(b' ');
    match target.first() {
        None if head.method() == b"OPTIONS" => out.push(b'*'),
        None | Some(b'?') => out.push(b'/'),
        _ => {}
    }
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    head.fields().write_to(out, keep);
}

/// Writes the status line in version 1.1 and the fields for which `keep(name, value, known)` holds.
#[inline]
pub fn response_head(out: &mut Vec<u8>, head: &ResponseHead, keep: impl FnMut(&[u8], &[u8], Known) -> bool) {
    // A head takes no reason with control bytes.
    write_status_line(out, head.status(), head.reason());
    head.fields().write_to(out, keep);
}

/// Writes a status line in version 1.1. `status` is 100 to 999; control bytes in `reason` become spaces.
#[inline]
pub fn status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    if message::is_field_value(reason) {
        write_status_line(out, status, reason);
    } else {
        let reason: Vec<u8> =
            reason.iter().map(|&byte| if byte.is_ascii_control() { b' ' } else { byte }).collect();
        write_status_line(out, status, &reason);
    }
}

#[inline]
fn write_status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    let digit = |place: u16| b'0' + (status / place % 10) as u8;
    let mut start = *b"HTTP/1.1 000 ";
    if let [.., hundreds, tens, ones, b' '] = &mut start {
        (*hundreds, *tens, *ones) = (digit(100), digit(10), digit(1));
    }
    out.extend_from_slice(&start);
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// Writes one field line. A name or value that may not stand in a head is our mistake: nothing is written then (and
/// debug builds panic), so that no CR or LF ever gets out this way.
#[inline]
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let is_sound = message::is_token(name) && message::is_field_value(value);
    debug_assert!(is_sound, "unsound field line");
    if is_sound {
        out.reserve(name.len() + value.len() + 4);
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes `Content-Length`.
pub fn content_length(out: &mut Vec<u8>, bytes: u64) {
    out.extend_from_slice(b"Content-Length: ");
    decimal(out, bytes);
    out.extend_from_slice(b"\r\n");
}

/// Writes the empty line that ends a head.
#[inline]
pub fn end_head(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// Writes the size line of a chunk. The payload and [`CHUNK_END`] follow.
pub fn chunk_header(out: &mut Vec<u8>, payload_bytes: NonZeroUsize) {
    let size = payload_bytes.get();
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        let digit = (size >> (place * 4)) & 0xf;
        out.push(b"0123456789abcdef".get(digit).copied().unwrap_or_default());
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a whole chunk; nothing for an empty payload, which would end the body.
pub fn chunk(out: &mut Vec<u8>, payload: &[u8]) {
    if let Some(payload_bytes) = NonZeroUsize::new(payload.len()) {
        chunk_header(out, payload_bytes);
        out.extend_from_slice(payload);
        out.extend_from_slice(CHUNK_END);
    }
}

/// Writes the last chunk, the trailers where there are some, and the end of the body.
pub fn last_chunk(out: &mut Vec<u8>, trailers: Option<&Fields>) {
    out.extend_from_slice(b"0\r\n");
    if let Some(trailers) = trailers {
        trailers.write_to(out, |_, _, _| true);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a number in ASCII digits.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    const DIGITS_MAX: usize = 20;
    let mut digits = [b'0'; DIGITS_MAX];
    let mut rest = number;
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        // The remainder is below ten, so nothing is cut off.
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(DIGITS_MAX - used..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            decimal(&mut out, number);
            assert_eq!(out, number.to_string().into_bytes());
            if let Some(size) = usize::try_from(number).ok().and_then(NonZeroUsize::new) {
                let mut out = Vec::new();
                chunk_header(&mut out, size);
                assert_eq!(out, format!("{size:x}\r\n").into_bytes());
            }
        }
    }

    #[test]
    fn an_empty_chunk_does_not_end_the_body() {
        let mut out = Vec::new();
        chunk(&mut out, b"");
        assert!(out.is_empty());
    }

    #[test]
    fn a_reason_cannot_split_the_head() {
        let mut out = Vec::new();
        status_line(&mut out, 200, b"OK\r\nX: 1");
        assert_eq!(out, b"HTTP/1.1 200 OK  X: 1\r\n");
    }
}
