//! Request heads.
#![warn(clippy::indexing_slicing)]

use std::mem::MaybeUninit;

use memchr::memchr;
use message::{RequestHead, Version, is_target};

use crate::framing::framing_of;
use crate::limits::{FIELDS_CEILING, METHOD_BYTES_MAX};
use crate::raw::{check_line_ends, diagnose, has_bare_lf, range_of, ranges};
use crate::target::check_target;
use crate::{BadRequest, BadSyntax, Decoded, Limits};

/// Reads a request head from the start of `input` and fills `into`. At most one empty line before the request line is
/// skipped (RFC 9112 2.2: some clients end a body with one).
///
/// Work is linear in the head; asked again and again while a head trickles in it would be quadratic, so ask a
/// [`HeadScan`](crate::HeadScan) before each call but the first.
///
/// # Errors
/// Every way in which the head is malformed, ambiguous or too large. Answer with [`BadRequest::status`], then close:
/// nothing behind it may be interpreted. `into` then holds what could be read, for the log, or the head before.
pub fn decode_request(input: &[u8], limits: &Limits, into: &mut RequestHead) -> Result<Decoded, BadRequest> {
    let skipped = if input.first() == Some(&b'\r') { leading_empty_line(input)? } else { 0 };
    let input = input.get(skipped..).unwrap_or_default();
    match input.first() {
        None => return Ok(Decoded::Partial),
        Some(b'\r') if skipped > 0 => return Err(BadRequest::EmptyLines),
        Some(b'\n') => return Err(BadSyntax::BareLf.into()),
        Some(_) => {}
    }

    let mut slots = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; FIELDS_CEILING];
    let slots = slots.get_mut(..limits.slots()).unwrap_or_default();
    let mut parsed = httparse::Request::new(&mut []);
    let consumed = match parsed.parse_with_uninit_headers(input, slots) {
        Ok(httparse::Status::Complete(consumed)) => consumed,
        Ok(httparse::Status::Partial) => return check_partial(input, limits),
        Err(error) => return Err(refusal(input, error)),
    };
    let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
        return Err(BadRequest::RequestLine);
    };
    let head = input.get(..consumed).unwrap_or_default();
    let (method, target) = (range_of(head, method.as_bytes()), range_of(head, target.as_bytes()));
    let version = check_line(head, (method.start, method.end), (target.start, target.end))?;
    check_sizes(head, (method.end, target.len()), limits)?;
    let all_whole = into.load(head, (method, target), version, ranges(head, parsed.headers));
    check_line_ends(head, parsed.headers, all_whole)?;
    if !is_target(into.target()) {
        return Err(BadRequest::TargetBytes);
    }
    if into.method() == b"CONNECT" {
        return Err(BadRequest::Connect);
    }
    check_target(into)?;
    let body = framing_of(into.fields(), version)?;
    Ok(Decoded::Complete { consumed: skipped + consumed, body })
}

/// The length of an empty line in front; 0 while only its CR is there (more bytes decide).
fn leading_empty_line(input: &[u8]) -> Result<usize, BadRequest> {
    match input.get(1) {
        None => Ok(1),
        Some(b'\n') => Ok(2),
        Some(_) => Err(BadSyntax::BareCr.into()),
    }
}

/// `httparse` has found the words of the line; this makes sure that nothing but one space stands between them and
/// that the line ends with CR LF.
#[inline]
fn check_line(
    head: &[u8],
    (method_start, method_end): (usize, usize),
    (target_start, target_end): (usize, usize),
) -> Result<Version, BadRequest> {
    if method_start != 0 || target_start != method_end + 1 {
        return Err(BadRequest::RequestLine);
    }
    match head.get(target_end..).and_then(<[u8]>::first_chunk::<11>) {
        Some(b" HTTP/1.1\r\n") => Ok(Version::Http11),
        Some(b" HTTP/1.0\r\n") => Ok(Version::Http10),
        Some([_, _, _, _, _, _, _, _, _, b'\n', _]) => Err(BadSyntax::BareLf.into()),
        _ => Err(BadRequest::RequestLine),
    }
}

#[inline]
fn check_sizes(
    head: &[u8],
    (method_bytes, target_bytes): (usize, usize),
    limits: &Limits,
) -> Result<(), BadRequest> {
    if method_bytes > METHOD_BYTES_MAX {
        return Err(BadRequest::MethodTooLong);
    }
    if target_bytes > limits.target_bytes_max {
        return Err(BadRequest::TargetTooLong);
    }
    if head.len() > limits.head_bytes_max {
        return Err(BadRequest::HeadTooLarge);
    }
    Ok(())
}

/// Refuses early what no further bytes could mend.
fn check_partial(input: &[u8], limits: &Limits) -> Result<Decoded, BadRequest> {
    if has_bare_lf(input) {
        return Err(BadSyntax::BareLf.into());
    }
    if memchr(b'\n', input).is_none() {
        let method = memchr(b' ', input).unwrap_or(input.len());
        if method > METHOD_BYTES_MAX {
            return Err(BadRequest::MethodTooLong);
        }
        let line_bytes_max = limits.target_bytes_max.saturating_add(method + " HTTP/1.1\r".len() + 1);
        if input.len() > line_bytes_max {
            return Err(BadRequest::TargetTooLong);
        }
    }
    if input.len() > limits.head_bytes_max {
        return Err(BadRequest::HeadTooLarge);
    }
    Ok(Decoded::Partial)
}

#[cold]
fn refusal(input: &[u8], error: httparse::Error) -> BadRequest {
    if error == httparse::Error::TooManyHeaders {
        return BadRequest::TooManyFields;
    }
    let line_end = memchr(b'\n', input).unwrap_or(input.len());
    let line = input.get(..line_end).unwrap_or_default();
    if error == httparse::Error::Version && names_other_version(line) {
        return BadRequest::Version;
    }
    diagnose(input, true).map_or(BadRequest::RequestLine, BadRequest::Syntax)
}

/// Whether the line ends with `HTTP/` and two numbers, but not 1.0 or 1.1.
fn names_other_version(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let word = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    let Some(version) = word.strip_prefix(b"HTTP/") else { return false };
    version != b"1.1"
        && version != b"1.0"
        && version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}
