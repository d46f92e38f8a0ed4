//! Response heads.
#![warn(clippy::indexing_slicing)]

use message::{ResponseHead, Version};

use crate::diagnose::diagnose;
use crate::framing::framing_of;
use crate::tokens::{Stop, end_of_line, read_fields};
use crate::words::value_end;
use crate::{BadResponse, BodyKind, Decoded, Limits};

/// The offset of the reason in `HTTP/1.1 200 OK`.
const REASON_START: usize = "HTTP/1.1 200 ".len();

/// What of the request decides whether its response has a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestMethod {
    /// `HEAD`: never a body.
    Head,
    /// `CONNECT`: none where it succeeds.
    Connect,
    /// All others.
    Other,
}

impl RequestMethod {
    /// By its name as sent; letter case counts.
    pub fn of(method: &[u8]) -> Self {
        match method {
            b"HEAD" => Self::Head,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// Reads a response head from the start of `input` and fills `into`. An interim response (1xx) is a head of its own
/// with no body; after 101 the connection is no HTTP any more.
///
/// # Errors
/// Every way in which the head is malformed, ambiguous or too large. Nothing of the response may be passed on.
pub fn decode_response(
    input: &[u8],
    limits: &Limits,
    method: RequestMethod,
    into: &mut ResponseHead,
) -> Result<Decoded, BadResponse> {
    match input.first() {
        None => return Ok(Decoded::Partial),
        Some(b'H') => {}
        Some(_) => return Err(BadResponse::StatusLine),
    }
    let line = match read_line(input) {
        Ok(line) => line,
        Err(stop) => {
            into.clear();
            return stopped(input, stop, limits);
        }
    };
    let read = into.load_with((line.status, line.reason), line.version, line.rest, |lines| {
        read_fields(line.rest, limits.slots(), lines)
    });
    let consumed = match read {
        Ok(consumed) => input.len() - line.rest.len() + consumed,
        Err(stop) => return stopped(input, stop, limits),
    };
    if consumed > limits.head_bytes_max {
        return Err(BadResponse::HeadTooLarge);
    }
    if line.status < 100 {
        return Err(BadResponse::Status);
    }
    let body = body_of(into, line.version, method)?;
    Ok(Decoded::Complete { consumed, body })
}

/// The parts of a status line.
struct StatusLine<'a> {
    version: Version,
    status: u16,
    reason: &'a [u8],
    /// What follows its CR LF.
    rest: &'a [u8],
}

/// `HTTP/1.x SP 3DIGIT [SP reason] CR LF`.
#[inline]
fn read_line(input: &[u8]) -> Result<StatusLine<'_>, Stop> {
    let Some(&[b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor, b' ', a, b, c]) = input.first_chunk() else {
        return Err(bad_line_start(input));
    };
    let digits = [a, b, c].map(|digit| digit.wrapping_sub(b'0'));
    let version = match minor {
        b'1' => Version::Http11,
        b'0' => Version::Http10,
        _ => return Err(Stop::Bad),
    };
    if digits.iter().any(|&digit| digit > 9) {
        return Err(Stop::Bad);
    }
    let status = digits.iter().fold(0, |status, &digit| status * 10 + u16::from(digit));
    let behind = input.get(REASON_START - 1..).unwrap_or_default();
    let reason = match behind {
        [b' ', reason @ ..] => reason.get(..value_end(reason)).unwrap_or_default(),
        _ => &[],
    };
    let rest = behind.get(usize::from(behind.first() == Some(&b' ')) + reason.len()..).unwrap_or_default();
    Ok(StatusLine { version, status, reason, rest: end_of_line(rest)? })
}

/// The first twelve bytes are not those of a status line, or not all there.
#[cold]
fn bad_line_start(input: &[u8]) -> Stop {
    let is_cut = input.len() < REASON_START - 1;
    let fits = |(&byte, &expected): (&u8, &u8)| match expected {
        b'x' => matches!(byte, b'0' | b'1'),
        b'n' => byte.is_ascii_digit(),
        _ => byte == expected,
    };
    if is_cut && input.iter().zip(b"HTTP/1.x nnn").all(fits) { Stop::NeedMore } else { Stop::Bad }
}

#[inline]
fn body_of(head: &ResponseHead, version: Version, method: RequestMethod) -> Result<BodyKind, BadResponse> {
    // Read even where no body can follow: contradictory fields would be passed on to the client.
    let framing = framing_of(head.fields(), version)?;
    let status = head.status();
    let never = status < 200
        || status == 204
        || status == 304
        || method == RequestMethod::Head
        || (method == RequestMethod::Connect && status < 300);
    Ok(match framing {
        _ if never => BodyKind::None,
        BodyKind::None => BodyKind::UntilClose,
        framed => framed,
    })
}

#[cold]
fn stopped(input: &[u8], stop: Stop, limits: &Limits) -> Result<Decoded, BadResponse> {
    let start = input.get(.."HTTP/1.1".len()).unwrap_or(input);
    match stop {
        Stop::NeedMore if input.len() > limits.head_bytes_max => Err(BadResponse::HeadTooLarge),
        Stop::NeedMore => Ok(Decoded::Partial),
        Stop::TooManyFields => Err(BadResponse::TooManyFields),
        Stop::Bad if !b"HTTP/1.1".starts_with(start) && !b"HTTP/1.0".starts_with(start) => {
            Err(BadResponse::Version)
        }
        Stop::Bad => Err(diagnose(input, true).map_or(BadResponse::StatusLine, BadResponse::Syntax)),
    }
}
