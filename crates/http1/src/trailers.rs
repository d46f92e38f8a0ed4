//! Fields behind a chunked body.
#![warn(clippy::indexing_slicing)]

use message::{Fields, Known};

use crate::diagnose::diagnose;
use crate::shadow::{is_forwarded, is_shadow};
use crate::tokens::{Stop, read_fields};
use crate::{BadBody, BadSyntax};

/// Reads trailer lines, the empty line at the end included, and drops those that may not come behind a body.
pub(crate) fn parse_trailers(lines: &[u8], fields_max: usize) -> Result<Fields, BadBody> {
    let mut fields = Fields::new();
    match fields.load_with(lines, |into| read_fields(lines, fields_max, into)) {
        Ok(consumed) if consumed == lines.len() => {}
        Err(Stop::TooManyFields) => return Err(BadBody::TrailersTooLarge),
        _ => return Err(BadBody::Trailer(diagnose(lines, false).unwrap_or(BadSyntax::Name))),
    }
    keep_sound_trailers(&mut fields);
    Ok(fields)
}

/// Drops the fields that may not come behind a body.
pub fn keep_sound_trailers(fields: &mut Fields) {
    fields.remove_where(|name, _, known| is_forbidden(name, known));
}

/// Framing, routing, authentication and modifiers of the request have effect before the body; a trailer of that name
/// must not be merged into a head by anybody behind us (RFC 9110 6.5.1).
fn is_forbidden(name: &[u8], known: Known) -> bool {
    let is_named = matches!(
        known,
        Known::Host
            | Known::Connection
            | Known::ContentLength
            | Known::TransferEncoding
            | Known::KeepAlive
            | Known::Upgrade
            | Known::Te
            | Known::Trailer
            | Known::Expect
            | Known::Via
            | Known::Forwarded
            | Known::XForwardedFor
            | Known::XForwardedProto
            | Known::XForwardedHost
            | Known::XRealIp
            | Known::Referer
            | Known::Cookie
            | Known::SetCookie
            | Known::UserAgent
            | Known::Range
            | Known::ProxyConnection
            | Known::ProxyAuthenticate
            | Known::ProxyAuthorization
            | Known::Proxy
            | Known::CacheControl
            | Known::ContentType
            | Known::ContentEncoding
            | Known::ContentRange
            | Known::Date
            | Known::Location
            | Known::Authorization
            | Known::WwwAuthenticate
            | Known::Origin
            | Known::IfModifiedSince
            | Known::IfNoneMatch
            | Known::Vary
            | Known::Age
            | Known::Expires
            | Known::RetryAfter
            | Known::Http2Settings
            | Known::MaxForwards
    );
    is_named || is_forwarded(name) || is_shadow(name)
}
