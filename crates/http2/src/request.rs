//! A request of HTTP/2 as the head that a node will be asked with (RFC 9113, 8.2 and 8.3). Strict: what two readers
//! could take for two requests once it is written in HTTP/1.1 is refused.
#![warn(clippy::indexing_slicing)]

use crate::Malformed;
use http1::{BadRequest, BadSyntax, BodyKind, Limits, framing_of, is_host};
use message::{Fields, Known, RequestHead, Version, is_field_value, is_target, is_token};

/// The longest method, as in HTTP/1.1.
const METHOD_BYTES_MAX: usize = 64;

/// The pseudo-fields of a request, as the wire gave them.
#[derive(Clone, Copy, Debug)]
pub struct Pseudo<'a> {
    /// `:method`
    pub method: &'a [u8],
    /// `:scheme`. `None` where whoever decoded the head has seen that it is there, and does not tell.
    pub scheme: Option<&'a [u8]>,
    /// `:authority`
    pub authority: Option<&'a [u8]>,
    /// `:path`
    pub path: Option<&'a [u8]>,
    /// `:protocol` (RFC 8441)
    pub protocol: Option<&'a [u8]>,
}

impl<'a> Pseudo<'a> {
    /// Of this method, nothing else said.
    pub const fn of(method: &'a [u8]) -> Self {
        Self { method, scheme: None, authority: None, path: None, protocol: None }
    }
}

/// Whether more comes on the stream behind the head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamState {
    /// A body may come, or bytes of a tunnel.
    Open,
    /// The head was all.
    Ended,
}

/// What a request asks for, beside its head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// How the body is to be read: [`BodyKind::Length`] where its length was said, [`BodyKind::UntilClose`] until the
    /// stream ends (the head says `chunked` then, as a node will be told), [`BodyKind::None`].
    pub body: BodyKind,
    /// An extended `CONNECT`: the head asks for the upgrade as HTTP/1.1 does, its key is still to be added, and what
    /// follows on the stream is no body.
    pub is_tunnel: bool,
    /// Size of the head as HTTP/1.1 would write it, in bytes.
    pub head_bytes: usize,
}

/// Fills `into` with the request. Cookies are put together again (RFC 9113, 8.2.3); the authority becomes the Host.
/// Work is linear in the head.
///
/// # Errors
/// Every way in which the request is malformed, ambiguous or too large. `into` then holds what could be read, for the
/// log.
pub fn read_request<'a>(
    pseudo: &Pseudo<'_>,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    state: StreamState,
    limits: &Limits,
    into: &mut RequestHead,
) -> Result<Asked, Malformed> {
    into.clear();
    let is_tunnel = begin(pseudo, limits, into)?;
    let mut head_bytes = into.method().len() + into.target().len() + " HTTP/1.1\r\n\r\n".len() + 1;
    if let Some(authority) = pseudo.authority {
        if !is_host(authority) {
            return Err(Malformed::Authority);
        }
        add(into, b"Host", authority)?;
        head_bytes += authority.len() + "Host: \r\n".len();
    }
    let mut cookies: Option<Vec<u8>> = None;
    for (name, value) in fields {
        head_bytes += name.len() + value.len() + ": \r\n".len();
        if head_bytes > limits.head_bytes_max {
            return Err(BadRequest::HeadTooLarge.into());
        }
        let known = check_field(name, value)?;
        match known {
            Known::Host => take_host(into, pseudo, value)?,
            Known::Cookie => join(cookies.get_or_insert_default(), value),
            // Ends here in any case.
            Known::Te => {}
            _ if is_tunnel && is_of_handshake(name) => {}
            _ => add(into, name, value)?,
        }
        if into.fields().len() > limits.fields_max {
            return Err(BadRequest::TooManyFields.into());
        }
    }
    if let Some(cookies) = cookies {
        add(into, b"cookie", &cookies)?;
    }
    if !into.fields().has(Known::Host) {
        return Err(BadRequest::HostMissing.into());
    }
    let body = body_of(into, state, is_tunnel)?;
    if body == BodyKind::UntilClose {
        into.fields_mut().remove(b"content-length");
        // As the node will be told, and so that rules see that a body comes.
        add(into, b"Transfer-Encoding", b"chunked")?;
    }
    // With those that are ours: the head has to fit where it is read again.
    if into.fields().len() > limits.fields_max {
        return Err(BadRequest::TooManyFields.into());
    }
    Ok(Asked { body, is_tunnel, head_bytes })
}

/// The request line. Whether a tunnel is asked for.
fn begin(pseudo: &Pseudo<'_>, limits: &Limits, into: &mut RequestHead) -> Result<bool, Malformed> {
    if !is_token(pseudo.method) {
        return Err(BadRequest::RequestLine.into());
    }
    if pseudo.method.len() > METHOD_BYTES_MAX {
        return Err(BadRequest::MethodTooLong.into());
    }
    let is_tunnel = match (pseudo.method, pseudo.protocol) {
        (b"CONNECT", None) => return Err(BadRequest::Connect.into()),
        (b"CONNECT", Some(protocol)) if protocol.eq_ignore_ascii_case(b"websocket") => true,
        (b"CONNECT", Some(_)) => return Err(Malformed::ProtocolUnknown),
        (_, Some(_)) => return Err(Malformed::Protocol),
        (_, None) => false,
    };
    let path = pseudo.path.unwrap_or_default();
    if path.len() > limits.target_bytes_max {
        return Err(BadRequest::TargetTooLong.into());
    }
    let is_path = match path.first() {
        Some(b'/') => is_target(path),
        _ => path == b"*" && pseudo.method == b"OPTIONS",
    };
    if !is_path {
        return Err(Malformed::Path);
    }
    let method = if is_tunnel { b"GET" } else { pseudo.method };
    into.begin(method, path, Version::Http2).map_err(|_| Malformed::Path)?;
    let is_web =
        |scheme: &[u8]| scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https");
    if !pseudo.scheme.is_none_or(is_web) {
        return Err(Malformed::Scheme);
    }
    if is_tunnel {
        add(into, b"Upgrade", b"websocket")?;
        add(into, b"Connection", b"Upgrade")?;
    }
    Ok(is_tunnel)
}

/// What holds for each field of a head and of trailers.
pub(crate) fn check_field(name: &[u8], value: &[u8]) -> Result<Known, Malformed> {
    if !is_token(name) || name.iter().any(u8::is_ascii_uppercase) {
        return Err(Malformed::Name);
    }
    if !is_field_value(value) {
        return Err(BadRequest::Syntax(BadSyntax::Control).into());
    }
    if matches!((value.first(), value.last()), (Some(b' ' | b'\t'), _) | (_, Some(b' ' | b'\t'))) {
        return Err(Malformed::ValueBlanks);
    }
    match Known::of(name) {
        Known::Connection
        | Known::KeepAlive
        | Known::ProxyConnection
        | Known::TransferEncoding
        | Known::Upgrade => Err(Malformed::ConnectionField),
        Known::Te if !value.eq_ignore_ascii_case(b"trailers") => Err(Malformed::Te),
        known => Ok(known),
    }
}

/// A Host field: the host where no authority names one, and else the same once more.
fn take_host(into: &mut RequestHead, pseudo: &Pseudo<'_>, host: &[u8]) -> Result<(), Malformed> {
    match pseudo.authority {
        Some(authority) if authority.eq_ignore_ascii_case(host) => Ok(()),
        Some(_) => Err(BadRequest::HostDisagrees.into()),
        None if into.fields().has(Known::Host) => Err(BadRequest::HostRepeated.into()),
        None if is_host(host) => add(into, b"Host", host),
        None => Err(BadRequest::HostInvalid.into()),
    }
}

/// Compression sends cookies apart; nodes want them in one field.
fn join(cookies: &mut Vec<u8>, crumb: &[u8]) {
    if !cookies.is_empty() && !crumb.is_empty() {
        cookies.extend_from_slice(b"; ");
    }
    cookies.extend_from_slice(crumb);
}

/// Fields of the handshake that a tunnel over HTTP/2 has no use for; ours go to the node.
fn is_of_handshake(name: &[u8]) -> bool {
    matches!(name, b"sec-websocket-key" | b"sec-websocket-accept")
}

fn add(into: &mut RequestHead, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
    into.fields_mut().add(name, value).map_err(|_| Malformed::Http1(BadRequest::Syntax(BadSyntax::Control)))
}

fn body_of(head: &RequestHead, state: StreamState, is_tunnel: bool) -> Result<BodyKind, Malformed> {
    let said = framing_of(head.fields(), Version::Http2)?;
    match (said, state) {
        (BodyKind::None, _) if is_tunnel => Ok(BodyKind::None),
        _ if is_tunnel => Err(Malformed::LengthMismatch),
        (BodyKind::Length(length), StreamState::Ended) if length > 0 => Err(Malformed::LengthMismatch),
        // RFC 9110, 8.6: a method that gives content a meaning says that there is none.
        (BodyKind::None, StreamState::Ended) if matches!(head.method(), b"POST" | b"PUT" | b"PATCH") => {
            Ok(BodyKind::Length(0))
        }
        // A length of 0 and an open stream: a node that was told so would take the request for whole before anybody knows
        // whether the client keeps its word.
        (BodyKind::None | BodyKind::Length(0), StreamState::Open) => Ok(BodyKind::UntilClose),
        (said, _) => Ok(said),
    }
}

/// Trailers of a request; those that may not come behind a body are dropped, as in HTTP/1.1. `None` where none is left.
///
/// # Errors
/// A name or a value may not stand there, or there are too many: the request is malformed.
pub fn read_trailers<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    limits: &Limits,
) -> Result<Option<Box<Fields>>, Malformed> {
    let mut trailers = Fields::new();
    let mut bytes = 0;
    for (name, value) in fields {
        check_field(name, value)?;
        bytes += name.len() + value.len() + ": \r\n".len();
        if trailers.len() >= limits.fields_max || bytes > limits.trailer_bytes_max {
            return Err(BadRequest::TooManyFields.into());
        }
        trailers.add(name, value).map_err(|_| Malformed::Name)?;
    }
    http1::keep_sound_trailers(&mut trailers);
    Ok(if trailers.is_empty() { None } else { Some(Box::new(trailers)) })
}
