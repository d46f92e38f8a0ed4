//! What proxies in front of us say of the client, and what nodes are told of it: `X-Forwarded-*` and `Forwarded`.
//!
//! One of the two is believed, as the virtual server says. The other one may have come from the client and passed
//! through a proxy that does not know it, so that it is made anew.

use super::forward::{Onward, parse_address, scheme, write_line};
use engine::catalog::{ClientAddressFrom, VirtualServer};
use message::{
    Fields, ForwardedElement, ForwardedNode, Known, RequestHead, forwarded_elements, is_field_value,
    write_forwarded_element,
};
use std::io::Write;
use std::net::IpAddr;

/// Proxies before us that are looked through for the client's address; more than ten in a row have no use.
const HOPS_MAX: usize = 32;

/// The client's address according to the trusted proxy at `peer`: as long as trusted proxies vouch for it, the one
/// before.
#[cold]
pub(super) fn client_behind(peer: IpAddr, head: &RequestHead, server: &VirtualServer) -> IpAddr {
    let mut client = peer;
    let mut hop = |address: Option<IpAddr>| {
        let Some(address) = address else { return false };
        client = address;
        server.trusts(address)
    };
    match server.client_address_from {
        ClientAddressFrom::XForwardedFor => {
            let listed: Vec<&[u8]> = head.fields().all_known(Known::XForwardedFor).collect();
            let hops = listed.iter().rev().flat_map(|value| value.rsplit(|&byte| byte == b','));
            let _first_untrusted = hops.take(HOPS_MAX).all(|text| hop(parse_address(text.trim_ascii())));
        }
        ClientAddressFrom::Forwarded => {
            let elements = elements(head.fields());
            let _first_untrusted =
                elements.iter().rev().take(HOPS_MAX).all(|element| hop(address_of(element)));
        }
    }
    client
}

fn elements(fields: &Fields) -> Vec<ForwardedElement<'_>> {
    let lines: Vec<&[u8]> = fields.all_known(Known::Forwarded).collect();
    forwarded_elements(&lines)
}

fn address_of(element: &ForwardedElement<'_>) -> Option<IpAddr> {
    match element.client {
        Some(ForwardedNode::Address(address)) => Some(address),
        Some(ForwardedNode::Undisclosed) | None => None,
    }
}

/// Writes what a node is told by a trusted proxy's word, with the proxy's own address behind; in all fields but
/// `Forwarded`.
#[cold]
pub(super) fn write_trusted(onward: &Onward<'_>, out: &mut Vec<u8>) {
    match onward.server.client_address_from {
        ClientAddressFrom::XForwardedFor => write_extended(onward, out),
        ClientAddressFrom::Forwarded => write_translated(onward, out),
    }
}

/// `X-Forwarded-*` as they came (those that name scheme and host are in the head's fields still), one hop longer.
fn write_extended(onward: &Onward<'_>, out: &mut Vec<u8>) {
    let fields = onward.head.fields();
    // Writing to a vector cannot fail.
    if onward.forwarding.has(Known::XForwardedFor) {
        // A rule has written it whole.
    } else if let Some(client) = onward.named_client {
        let _infallible = write!(out, "X-Forwarded-For: {client}\r\n");
    } else {
        out.extend_from_slice(b"X-Forwarded-For: ");
        for hop in fields.all_known(Known::XForwardedFor) {
            out.extend_from_slice(hop);
            out.extend_from_slice(b", ");
        }
        let _infallible = write!(out, "{}\r\n", onward.peer.address);
    }
    if !fields.has(Known::XForwardedProto) {
        write_line(out, b"X-Forwarded-Proto: ", scheme(onward.peer.tls).as_bytes());
    }
    if !fields.has(Known::XForwardedHost)
        && let Some(host) = onward.asked_host
    {
        write_line(out, b"X-Forwarded-Host: ", host);
    }
}

/// `X-Forwarded-*` made of `Forwarded`: the hops, and scheme and host as the client asked for them.
fn write_translated(onward: &Onward<'_>, out: &mut Vec<u8>) {
    let elements = elements(onward.head.fields());
    if onward.forwarding.has(Known::XForwardedFor) {
        // A rule has written it whole.
    } else if let Some(client) = onward.named_client {
        let _infallible = write!(out, "X-Forwarded-For: {client}\r\n");
    } else {
        out.extend_from_slice(b"X-Forwarded-For: ");
        for element in &elements {
            let _infallible = match address_of(element) {
                Some(address) => write!(out, "{address}, "),
                None => write!(out, "unknown, "),
            };
        }
        let _infallible = write!(out, "{}\r\n", onward.peer.address);
    }
    let of_client = client_element(&elements, onward.server);
    if !onward.forwarding.has(Known::XForwardedProto) {
        let told = of_client.and_then(|element| element.proto.as_deref());
        let known = [&b"https"[..], b"http"]
            .into_iter()
            .find(|known| told.is_some_and(|told| told.eq_ignore_ascii_case(known)));
        write_line(out, b"X-Forwarded-Proto: ", known.unwrap_or(scheme(onward.peer.tls).as_bytes()));
    }
    if !onward.forwarding.has(Known::XForwardedHost) {
        let told = of_client.and_then(|element| element.host.as_deref());
        let told = told.filter(|host| !host.is_empty() && is_field_value(host));
        if let Some(host) = told.or(onward.asked_host) {
            write_line(out, b"X-Forwarded-Host: ", host);
        }
    }
}

/// The element by which the outermost trusted proxy tells of the client.
fn client_element<'e>(
    elements: &'e [ForwardedElement<'e>],
    server: &VirtualServer,
) -> Option<&'e ForwardedElement<'e>> {
    let mut nearest = None;
    for element in elements.iter().rev().take(HOPS_MAX) {
        nearest = Some(element);
        if !address_of(element).is_some_and(|address| server.trusts(address)) {
            break;
        }
    }
    nearest
}

/// Writes the `Forwarded` field: what is believed of those before, and an element of our own.
#[cold]
pub(super) fn write_forwarded(onward: &Onward<'_>, is_trusted: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Forwarded: ");
    let fields = onward.head.fields();
    match onward.server.client_address_from {
        _ if !is_trusted || onward.named_client.is_some() => {}
        ClientAddressFrom::Forwarded => {
            for element in elements(fields) {
                out.extend_from_slice(element.text);
                out.extend_from_slice(b", ");
            }
        }
        ClientAddressFrom::XForwardedFor => {
            let listed = fields.all_known(Known::XForwardedFor);
            for hop in listed.flat_map(|value| value.split(|byte| *byte == b',')) {
                write_forwarded_element(parse_address(hop.trim_ascii()), None, None, out);
                out.extend_from_slice(b", ");
            }
        }
    }
    let client = onward.named_client.unwrap_or(onward.peer.address);
    write_forwarded_element(Some(client), Some(scheme(onward.peer.tls)), onward.asked_host, out);
    out.extend_from_slice(b"\r\n");
}
