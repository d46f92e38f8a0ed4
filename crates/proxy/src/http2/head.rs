//! Heads between the types of the library that speaks HTTP/2 and ours.

use crate::http::forward::{Framing, Reply};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http1::{Limits, connection_options};
use http2::{
    Asked, Malformed, Pseudo, StreamState, WrittenRequest, read_request, read_trailers, write_response,
};
use message::{Fields, Known, RequestHead, ResponseHead};

/// How we name ourselves in `Via`: what we got from the node came in HTTP/1.
const VIA: HeaderValue = HeaderValue::from_static("1.1 tidegate");

/// Reads a request's head.
pub(super) fn request<B>(
    request: &Request<B>,
    state: StreamState,
    limits: &Limits,
    into: &mut RequestHead,
) -> Result<Asked, Malformed> {
    let uri = request.uri();
    let protocol = request.extensions().get::<h2::ext::Protocol>();
    let pseudo = Pseudo {
        method: request.method().as_str().as_bytes(),
        scheme: uri.scheme_str().map(str::as_bytes),
        authority: uri.authority().map(|authority| authority.as_str().as_bytes()),
        path: uri.path_and_query().map(|path| path.as_str().as_bytes()),
        protocol: protocol.map(|protocol| protocol.as_str().as_bytes()),
    };
    read_request(&pseudo, lines(request.headers()), state, limits, into)
}

/// Reads trailers, of a request or of an answer.
pub(super) fn read_trailers_of(
    trailers: &HeaderMap,
    limits: &Limits,
) -> Result<Option<Box<Fields>>, Malformed> {
    read_trailers(lines(trailers), limits)
}

pub(super) fn lines(fields: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    fields.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
}

/// An answer's head as it goes to a client, and its size as HTTP/1.1 would write it. What ends at this hop, and what
/// speaks of a connection, stays here.
pub(super) fn response(head: &ResponseHead, reply: Reply) -> (Response<()>, usize) {
    let fields = head.fields();
    let options = connection_options(fields);
    let mut map = HeaderMap::with_capacity(fields.len() + 2);
    let mut bytes = "HTTP/1.1 200 \r\n\r\n".len() + head.reason().len();
    for (name, value, known) in fields.iter() {
        let keeps = match known {
            Known::ContentLength => reply.framing == Framing::Bodiless,
            Known::Trailer => reply.framing == Framing::Stream,
            Known::ProxyAuthenticate => true,
            _ if reply.upgrade && name.eq_ignore_ascii_case(b"sec-websocket-accept") => false,
            _ => !options.is_hop_by_hop(name, known),
        };
        if keeps {
            bytes += name.len() + value.len() + ": \r\n".len();
            add(&mut map, name, value);
        }
    }
    if reply.via {
        map.append(http::header::VIA, VIA);
    }
    if let Framing::Length(length) = reply.framing {
        map.insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let mut response = Response::new(());
    // A tunnel is open when its CONNECT was answered with success (RFC 8441, 5).
    let status = if reply.upgrade { 200 } else { head.status() };
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.version_mut() = Version::HTTP_2;
    *response.headers_mut() = map;
    (response, bytes)
}

/// A request that was written for a node, as the library sends it. `takes_trailers`: whoever asked gets those of the
/// answer.
pub(super) fn onward(
    written: &WrittenRequest<'_>,
    scheme: &str,
    takes_trailers: bool,
) -> Option<Request<()>> {
    let mut map = HeaderMap::with_capacity(written.fields.len() + 1);
    for (name, value) in &written.fields {
        add(&mut map, name, value);
    }
    if takes_trailers {
        map.insert(http::header::TE, HeaderValue::from_static("trailers"));
    }
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(written.authority)
        .path_and_query(&*written.path)
        .build()
        .ok()?;
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(written.method).ok()?;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = map;
    Some(request)
}

/// A node's head as text.
pub(super) fn written_response(head: &http::response::Parts, out: &mut Vec<u8>) -> Result<(), Malformed> {
    let reason = head.status.canonical_reason().unwrap_or_default();
    write_response((head.status.as_u16(), reason), lines(&head.headers), out)
}

/// Trailers for a client or a node.
pub(super) fn trailers(fields: &Fields) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(fields.len());
    for (name, value, _) in fields.iter() {
        add(&mut map, name, value);
    }
    map
}

/// Names and values of a head are sound; only one that is too many for a map is left out.
pub(super) fn add(map: &mut HeaderMap, name: &[u8], value: &[u8]) {
    let name = HeaderName::from_bytes(name);
    let value = HeaderValue::from_maybe_shared(Bytes::copy_from_slice(value));
    if let (Ok(name), Ok(value)) = (name, value) {
        let _full = map.try_append(name, value);
    }
}
