//! Heads as they go on: which fields end here, which are ours.

use super::forwarded::{client_behind, write_forwarded, write_trusted};
use engine::catalog::{ClientAddressFrom, VirtualServer};
use engine::{Forwarding, RequestId};
use http1::{BodyKind, connection_options, encode};
use message::{Known, RequestHead, ResponseHead, Version};
use std::net::IpAddr;

/// How we name ourselves in `Via`.
const VIA: &[u8] = b"Via: 1.1 tidegate\r\n";
const VIA_HTTP10: &[u8] = b"Via: 1.0 tidegate\r\n";

/// What is told to nodes about a connection's other end.
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) tls: bool,
    /// `X-Forwarded-For` and `X-Forwarded-Proto` as they are for a peer that is no trusted proxy.
    lines: Box<[u8]>,
}

impl Peer {
    pub(crate) fn new(address: IpAddr, tls: bool) -> Self {
        let address = address.to_canonical();
        let scheme = scheme(tls);
        let lines = format!("X-Forwarded-For: {address}\r\nX-Forwarded-Proto: {scheme}\r\n");
        Self { address, tls, lines: lines.into_bytes().into_boxed_slice() }
    }

    /// What the peer calls the request, if it is a trusted proxy and the name can be used.
    #[cold]
    pub(crate) fn request_name(&self, head: &RequestHead, server: &VirtualServer) -> Option<Box<str>> {
        let header = server.request_id.header.as_deref().filter(|_| server.trusts(self.address))?;
        let mut named = head.fields().all(header.as_bytes());
        // Of two names nobody knows which is meant.
        let name = named.next().filter(|name| RequestId::is_usable(name))?;
        if named.next().is_some() {
            return None;
        }
        std::str::from_utf8(name).ok().map(Box::from)
    }

    /// The client's address: the peer's, or, as long as trusted proxies vouch for it, the one before.
    pub(crate) fn client(&self, head: &RequestHead, server: &VirtualServer) -> IpAddr {
        if server.trusted_proxies.is_empty() || !server.trusts(self.address) {
            return self.address;
        }
        client_behind(self.address, head, server)
    }
}

pub(super) const fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}

/// An address as proxies write it: plain, in brackets, or with a port.
pub(super) fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    plain.or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

/// A request on its way to a node.
pub(crate) struct Onward<'a> {
    pub(crate) head: &'a RequestHead,
    pub(crate) body: BodyKind,
    pub(crate) peer: &'a Peer,
    /// The Host that the client sent.
    pub(crate) asked_host: Option<&'a [u8]>,
    /// What rules have written of the client.
    pub(crate) forwarding: Forwarding,
    /// The client's address, where a rule has named another one.
    pub(crate) named_client: Option<IpAddr>,
    pub(crate) server: &'a VirtualServer,
    /// What the request is called in the field that the virtual server names.
    pub(crate) request_name: &'a [u8],
    pub(crate) node_name: &'a str,
    /// The client waits for `100 Continue`, and so do we.
    pub(crate) expects_continue: bool,
    /// The client asks for another protocol.
    pub(crate) upgrade: bool,
}

/// Writes the request's head for the node.
pub(crate) fn write_request(onward: &Onward<'_>, out: &mut Vec<u8>) {
    let head = onward.head;
    let fields = head.fields();
    let options = connection_options(fields);
    let trusted = !onward.server.trusted_proxies.is_empty() && onward.server.trusts(onward.peer.address);
    let id_field = onward.server.request_id.header.as_deref();
    // Those of a proxy whose word is taken from elsewhere are made anew.
    let passes = trusted && onward.server.client_address_from == ClientAddressFrom::XForwardedFor;
    encode::request_head(out, head, |name, _, known| match known {
        _ if onward.forwarding.has(known) => true,
        Known::XForwardedFor | Known::Forwarded | Known::ContentLength | Known::Expect => false,
        Known::XForwardedProto | Known::XForwardedHost => passes,
        Known::Other if is_called(name, id_field) => false,
        _ => !options.is_hop_by_hop(name, known),
    });
    if let Some(field) = id_field {
        // both were looked at before: the one when the catalog was read, the other when it was taken or made
        out.extend_from_slice(field.as_bytes());
        write_line(out, b": ", onward.request_name);
    }
    if !fields.has(Known::Host) {
        // Only HTTP/1.0 comes without; the node is spoken to in 1.1.
        let host = head.target_authority().unwrap_or(onward.node_name.as_bytes());
        encode::field(out, b"Host", host);
    }
    if trusted {
        write_trusted(onward, out);
    } else {
        write_peer(onward, out);
        if let Some(host) = onward.asked_host.filter(|_| !onward.forwarding.has(Known::XForwardedHost)) {
            write_line(out, b"X-Forwarded-Host: ", host);
        }
    }
    if onward.server.forwarded && !onward.forwarding.has(Known::Forwarded) {
        write_forwarded(onward, trusted, out);
    }
    if onward.server.via {
        out.extend_from_slice(if head.version() == Version::Http10 { VIA_HTTP10 } else { VIA });
    }
    match onward.body {
        BodyKind::None | BodyKind::UntilClose => {}
        BodyKind::Length(length) => encode::content_length(out, length),
        BodyKind::Chunked => out.extend_from_slice(encode::CHUNKED),
    }
    if onward.expects_continue {
        out.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    if onward.upgrade {
        for protocol in fields.all_known(Known::Upgrade) {
            write_line(out, b"Upgrade: ", protocol);
        }
        out.extend_from_slice(b"Connection: Upgrade\r\n");
    }
    encode::end_head(out);
}

/// Whether a field has this name, by letters of either case.
#[inline]
fn is_called(name: &[u8], wanted: Option<&str>) -> bool {
    wanted.is_some_and(|wanted| name.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// What is told of a client whose own word on it does not count.
#[inline]
fn write_peer(onward: &Onward<'_>, out: &mut Vec<u8>) {
    match onward.named_client {
        _ if !onward.forwarding.is_empty() => write_peer_beside(onward, out),
        None => out.extend_from_slice(&onward.peer.lines),
        Some(client) => out.extend_from_slice(&Peer::new(client, onward.peer.tls).lines),
    }
}

/// A rule has told some of it already.
#[cold]
fn write_peer_beside(onward: &Onward<'_>, out: &mut Vec<u8>) {
    if !onward.forwarding.has(Known::XForwardedFor) {
        let client = onward.named_client.unwrap_or(onward.peer.address);
        write_line(out, b"X-Forwarded-For: ", client.to_string().as_bytes());
    }
    if !onward.forwarding.has(Known::XForwardedProto) {
        write_line(out, b"X-Forwarded-Proto: ", scheme(onward.peer.tls).as_bytes());
    }
}

/// A line with a value that was checked when it entered a head.
pub(super) fn write_line(out: &mut Vec<u8>, start: &[u8], value: &[u8]) {
    out.extend_from_slice(start);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// How an answer is framed for the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// No body follows; a length that the head names is that of the body a GET would have had.
    Bodiless,
    /// No body follows and none is named (204, 1xx).
    Nothing,
    /// So many bytes.
    Length(u64),
    /// Chunks of ours.
    Chunked,
    /// Until the connection ends.
    UntilClose,
    /// Until the stream of HTTP/2 ends, which tells whether that was all.
    Stream,
}

/// What an answer's head says beyond its fields.
#[derive(Clone, Copy)]
pub(crate) struct Reply {
    pub(crate) framing: Framing,
    /// Whether the connection goes on, and how the client must be told.
    pub(crate) keep_alive: bool,
    pub(crate) client_version: Version,
    pub(crate) via: bool,
    pub(crate) upgrade: bool,
}

/// Writes an answer's head for the client.
pub(crate) fn write_response(head: &ResponseHead, reply: Reply, out: &mut Vec<u8>) {
    let fields = head.fields();
    let options = connection_options(fields);
    let keeps_length = reply.framing == Framing::Bodiless;
    let keeps_trailer_names = reply.framing == Framing::Chunked;
    encode::response_head(out, head, |name, _, known| match known {
        Known::ContentLength => keeps_length,
        Known::Trailer => keeps_trailer_names,
        // What ends at this hop in a request, but belongs to the client in a response.
        Known::ProxyAuthenticate => true,
        _ => !options.is_hop_by_hop(name, known),
    });
    if reply.via {
        out.extend_from_slice(if head.version() == Version::Http10 { VIA_HTTP10 } else { VIA });
    }
    match reply.framing {
        Framing::Length(length) => encode::content_length(out, length),
        Framing::Chunked => out.extend_from_slice(encode::CHUNKED),
        Framing::Bodiless | Framing::Nothing | Framing::UntilClose | Framing::Stream => {}
    }
    if reply.upgrade {
        for protocol in fields.all_known(Known::Upgrade) {
            write_line(out, b"Upgrade: ", protocol);
        }
        out.extend_from_slice(b"Connection: Upgrade\r\n");
    } else if !reply.keep_alive {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if reply.client_version == Version::Http10 {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    encode::end_head(out);
}
