//! Response heads.
#![warn(clippy::indexing_slicing)]

use std::mem::MaybeUninit;

use memchr::memchr;
use message::{ResponseHead, Version};

use crate::framing::framing_of;
use crate::limits::FIELDS_CEILING;
use crate::raw::{check_line_ends, diagnose, has_bare_lf, ranges};
use crate::{BadResponse, BadSyntax, BodyKind, Decoded, Limits};

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
    let mut slots = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; FIELDS_CEILING];
    let slots = slots.get_mut(..limits.slots()).unwrap_or_default();
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let consumed = match config.parse_response_with_uninit_headers(&mut parsed, input, slots) {
        Ok(httparse::Status::Complete(consumed)) => consumed,
        Ok(httparse::Status::Partial) if has_bare_lf(input) => return Err(BadSyntax::BareLf.into()),
        Ok(httparse::Status::Partial) if input.len() > limits.head_bytes_max => {
            return Err(BadResponse::HeadTooLarge);
        }
        Ok(httparse::Status::Partial) => return Ok(Decoded::Partial),
        Err(error) => return Err(refusal(input, error)),
    };
    if consumed > limits.head_bytes_max {
        return Err(BadResponse::HeadTooLarge);
    }
    let head = input.get(..consumed).unwrap_or_default();
    let status = parsed.code.unwrap_or_default();
    if status < 100 {
        return Err(BadResponse::Status);
    }
    let version = if parsed.version == Some(0) { Version::Http10 } else { Version::Http11 };
    let line_end = memchr(b'\n', head).unwrap_or_default();
    let reason_end = line_end.saturating_sub(1);
    if head.get(reason_end) != Some(&b'\r') {
        return Err(BadSyntax::BareLf.into());
    }
    let reason = REASON_START.min(reason_end)..reason_end;
    let all_whole = into.load(head, (status, reason), version, ranges(head, parsed.headers));
    check_line_ends(head, parsed.headers, all_whole)?;
    let body = body_of(into, version, method)?;
    Ok(Decoded::Complete { consumed, body })
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
fn refusal(input: &[u8], error: httparse::Error) -> BadResponse {
    match error {
        httparse::Error::TooManyHeaders => return BadResponse::TooManyFields,
        httparse::Error::Version => return BadResponse::Version,
        _ => {}
    }
    diagnose(input, true).map_or(BadResponse::StatusLine, BadResponse::Syntax)
}
