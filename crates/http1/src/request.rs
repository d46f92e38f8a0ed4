//! Request heads.
#![warn(clippy::indexing_slicing)]

use message::{RequestHead, Version, is_token};

use crate::diagnose::diagnose;
use crate::framing::framing_of;
use crate::limits::METHOD_BYTES_MAX;
use crate::target::check_target;
use crate::tokens::{Stop, read_fields};
use crate::words::{find, target_end};
use crate::{BadRequest, BadSyntax, Decoded, Limits};

/// Reads a request head from the start of `input` and fills `into`. At most one empty line before the request line is
/// skipped (RFC 9112 2.2: some clients end a body with one).
///
/// Work is linear in the head; asked again and again while a head trickles in it would be quadratic, so ask a
/// [`HeadScan`](crate::HeadScan) before each call but the first.
///
/// # Errors
/// Every way in which the head is malformed, ambiguous or too large. Answer with [`BadRequest::status`], then close:
/// nothing behind it may be interpreted. `into` then holds what could be read, for the log: all, the request line or
/// nothing.
pub fn decode_request(input: &[u8], limits: &Limits, into: &mut RequestHead) -> Result<Decoded, BadRequest> {
    let skipped = if input.first() == Some(&b'\r') { leading_empty_line(input)? } else { 0 };
    let input = input.get(skipped..).unwrap_or_default();
    match input.first() {
        None => return Ok(Decoded::Partial),
        Some(b'\r') if skipped > 0 => return Err(BadRequest::EmptyLines),
        Some(b'\n') => return Err(BadSyntax::BareLf.into()),
        Some(_) => {}
    }

    let line = match read_line(input, limits) {
        Ok(line) => line,
        Err(stop) => {
            into.clear();
            return stopped(input, stop, limits);
        }
    };
    let words = input.get(..line.target_end).unwrap_or_default();
    let rest = input.get(line.end..).unwrap_or_default();
    let read = into.load_with((words, line.method_end), line.version, rest, |lines| {
        read_fields(rest, limits.slots(), lines)
    });
    let consumed = match read {
        Ok(consumed) => line.end + consumed,
        Err(stop) => return stopped(input, stop.into(), limits),
    };
    if consumed > limits.head_bytes_max {
        return Err(BadRequest::HeadTooLarge);
    }
    if into.method() == b"CONNECT" {
        return Err(BadRequest::Connect);
    }
    check_target(into)?;
    let body = framing_of(into.fields(), line.version)?;
    Ok(Decoded::Complete { consumed: skipped + consumed, body })
}

/// Where the parts of a request line lie.
struct RequestLine {
    method_end: usize,
    /// The target starts one behind the method.
    target_end: usize,
    version: Version,
    /// Behind its CR LF.
    end: usize,
}

/// Why a request line, or what follows it, is not read on.
#[derive(Clone, Copy)]
enum LineStop {
    At(Stop),
    /// In the version.
    Version,
    Refused(BadRequest),
}

impl From<Stop> for LineStop {
    fn from(stop: Stop) -> Self {
        Self::At(stop)
    }
}

/// The length of an empty line in front; 0 while only its CR is there (more bytes decide).
fn leading_empty_line(input: &[u8]) -> Result<usize, BadRequest> {
    match input.get(1) {
        None => Ok(1),
        Some(b'\n') => Ok(2),
        Some(_) => Err(BadSyntax::BareCr.into()),
    }
}

/// `METHOD SP target SP HTTP/1.x CR LF`, with nothing but one space between.
#[inline]
fn read_line(input: &[u8], limits: &Limits) -> Result<RequestLine, LineStop> {
    let method_end = find::<b' '>(input.get(..=METHOD_BYTES_MAX).unwrap_or(input));
    let method = input.get(..method_end).unwrap_or_default();
    if !is_token(method) {
        return Err(Stop::Bad.into());
    }
    if method_end > METHOD_BYTES_MAX {
        return Err(LineStop::Refused(BadRequest::MethodTooLong));
    }
    let behind = input.get(method_end + 1..).unwrap_or_default();
    let (target, rest) = behind.split_at_checked(target_end(behind)).unwrap_or((behind, &[]));
    if target.len() > limits.target_bytes_max {
        return Err(LineStop::Refused(BadRequest::TargetTooLong));
    }
    let version = match rest.split_first_chunk() {
        // Compared as one word, which a pattern would not be.
        Some((protocol, [minor @ (b'0' | b'1'), b'\r', b'\n', ..]))
            if u64::from_le_bytes(*protocol) == u64::from_le_bytes(*b" HTTP/1.") && !target.is_empty() =>
        {
            if *minor == b'1' {
                Version::Http11
            } else {
                Version::Http10
            }
        }
        _ => return Err(bad_line_end(target, rest)),
    };
    let target_end = method_end + 1 + target.len();
    Ok(RequestLine { method_end, target_end, version, end: target_end + " HTTP/1.1\r\n".len() })
}

/// What follows the target is not the end of a request line, or not yet.
#[cold]
fn bad_line_end(target: &[u8], rest: &[u8]) -> LineStop {
    match rest.first() {
        Some(b'#' | 0x80..) => LineStop::Refused(BadRequest::TargetBytes),
        Some(_) if target.is_empty() => Stop::Bad.into(),
        Some(b' ') if b" HTTP/1.1\r\n".starts_with(rest) || b" HTTP/1.0\r\n".starts_with(rest) => {
            Stop::NeedMore.into()
        }
        Some(b' ') => LineStop::Version,
        Some(_) => Stop::Bad.into(),
        None => Stop::NeedMore.into(),
    }
}

#[cold]
fn stopped(input: &[u8], stop: LineStop, limits: &Limits) -> Result<Decoded, BadRequest> {
    match stop {
        LineStop::At(Stop::NeedMore) if input.len() > limits.head_bytes_max => Err(BadRequest::HeadTooLarge),
        LineStop::At(Stop::NeedMore) => Ok(Decoded::Partial),
        LineStop::At(Stop::TooManyFields) => Err(BadRequest::TooManyFields),
        LineStop::Version if names_other_version(input) => Err(BadRequest::Version),
        LineStop::At(Stop::Bad) | LineStop::Version => {
            Err(diagnose(input, true).map_or(BadRequest::RequestLine, BadRequest::Syntax))
        }
        LineStop::Refused(why) => Err(why),
    }
}

/// Whether the first line ends with `HTTP/` and two numbers, but not 1.0 or 1.1.
fn names_other_version(input: &[u8]) -> bool {
    let line = input.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let word = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    let Some(version) = word.strip_prefix(b"HTTP/") else { return false };
    version != b"1.1"
        && version != b"1.0"
        && version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}
