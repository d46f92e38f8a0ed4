//! Addresses as logs write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::line::Client;

/// The client that a text names. IPv4 in IPv6 clothing is IPv4.
pub(crate) fn client(text: &[u8]) -> Client<'_> {
    match four(text).map(IpAddr::V4).or_else(|| six(text)) {
        Some(address) => Client::Address(address),
        None if text == b"-" => Client::Name(b""),
        None => Client::Name(text),
    }
}

/// The client of a text with its port: `1.2.3.4:5`, `[::1]:5`, or without a port.
pub(crate) fn client_with_port(text: &[u8]) -> Client<'_> {
    let host = match text {
        [b'[', rest @ ..] => memchr::memchr(b']', rest).map_or(text, |end| &rest[..end]),
        _ => match memchr::memrchr(b':', text) {
            Some(at) if memchr::memchr(b':', &text[..at]).is_none() => &text[..at],
            _ => text,
        },
    };
    client(host)
}

/// Whom a list of `X-Forwarded-For` names: the last public address, else the last address of all.
pub(crate) fn forwarded(list: &[u8]) -> Option<IpAddr> {
    let mut last = None;
    // What stands further to the left was said by the client himself; a list is short.
    for part in list.rsplit(|byte| *byte == b',').take(FORWARDED_MAX) {
        if let Client::Address(address) = client_with_port(part.trim_ascii()) {
            if !is_private(address) {
                return Some(address);
            }
            last = last.or(Some(address));
        }
    }
    last
}

/// Addresses of a list of `X-Forwarded-For` that are looked at, from its end.
const FORWARDED_MAX: usize = 20;

/// Whether an address belongs to a network of one's own: loopback, private, link-local.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(four) => four.is_private() || four.is_loopback() || four.is_link_local(),
        IpAddr::V6(six) => six.is_loopback() || six.is_unique_local() || six.is_unicast_link_local(),
    }
}

/// Four numbers below 256 with dots between them. Leading zeros are taken as decimal, as old servers wrote them.
#[inline]
fn four(text: &[u8]) -> Option<Ipv4Addr> {
    if text.len() < 7 || text.len() > 15 {
        return None;
    }
    let mut address = 0_u32;
    let mut part = 0_u32;
    let mut dots = 0;
    let mut before = b'.';
    for &byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            // Where this wraps, no room is left for three dots: it is no address in any case.
            part = part.wrapping_mul(10).wrapping_add(u32::from(digit));
        } else if byte == b'.' && before != b'.' && part <= 255 {
            address = address << 8 | part;
            part = 0;
            dots += 1;
        } else {
            return None;
        }
        before = byte;
    }
    (dots == 3 && before != b'.' && part <= 255).then(|| Ipv4Addr::from_bits(address << 8 | part))
}

fn six(text: &[u8]) -> Option<IpAddr> {
    if text.len() > 64 || memchr::memchr(b':', text).is_none() {
        return None;
    }
    // A zone (`fe80::1%eth0`) is the server's own affair.
    let end = memchr::memchr(b'%', text).unwrap_or(text.len());
    let address: Ipv6Addr = std::str::from_utf8(&text[..end]).ok()?.parse().ok()?;
    Some(IpAddr::V6(address).to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_addresses_of_both_kinds_or_names() {
        let address = |text: &str| Client::Address(text.parse().unwrap());
        for (text, expected) in [
            ("1.2.3.4", address("1.2.3.4")),
            ("255.255.255.255", address("255.255.255.255")),
            ("::ffff:1.2.3.4", address("1.2.3.4")),
            ("2001:db8::1", address("2001:db8::1")),
            ("fe80::1%eth0", address("fe80::1")),
            ("1.2.3.4.5", Client::Name(b"1.2.3.4.5")),
            ("1.2.3.256", Client::Name(b"1.2.3.256")),
            ("1.2.3.", Client::Name(b"1.2.3.")),
            ("777777777777777", Client::Name(b"777777777777777")),
            ("4294967297.1.1", Client::Name(b"4294967297.1.1")),
            ("unicomp6.unicomp.net", Client::Name(b"unicomp6.unicomp.net")),
            ("-", Client::Name(b"")),
            ("", Client::Name(b"")),
        ] {
            assert_eq!(client(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(client_with_port(b"1.2.3.4:80"), address("1.2.3.4"));
        assert_eq!(client_with_port(b"[2001:db8::1]:80"), address("2001:db8::1"));
        assert_eq!(client_with_port(b"2001:db8::1"), address("2001:db8::1"));
    }

    #[test]
    fn of_a_list_of_proxies_the_last_public_address_is_the_client() {
        let of = |list: &str| forwarded(list.as_bytes()).map(|address| address.to_string());
        assert_eq!(of("6.6.6.6, 203.0.113.9, 10.0.0.1").as_deref(), Some("203.0.113.9"));
        assert_eq!(of("192.168.0.7, 10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(of("unknown, \"x\"").as_deref(), None);
    }
}
