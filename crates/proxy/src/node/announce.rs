//! The PROXY header in front of a connection to a node: it tells the node for whom we speak.
//!
//! The other direction, a header that a balancer sends us, is read in [`crate::front`].

use engine::catalog::ProxyHeader;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, on behalf of somebody.
const PROXY: u8 = 0x21;
/// Version 2, on our own.
const LOCAL: u8 = 0x20;

/// For whom a connection to a node is made: the two ends of a client's connection. It is for the requests of that one
/// client on that one connection alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behalf {
    /// The client's end.
    pub client: SocketAddr,
    /// Our end, where the client connected to.
    pub local: SocketAddr,
    /// The number of the client's connection.
    pub connection: u64,
}

/// Begins a connection to a node with the header; its caller gives it time.
///
/// # Errors
/// The node does not take it.
pub(crate) async fn announce(
    stream: &mut (impl AsyncWrite + Unpin),
    version: ProxyHeader,
    behalf: Option<Behalf>,
) -> io::Result<()> {
    let mut header = Vec::new();
    write_proxy_header(version, behalf, &mut header);
    stream.write_all(&header).await
}

/// Appends the header of this version; `None` is nobody: we speak for ourselves, as monitors do. Addresses of different
/// families are both written as IPv6, the IPv4 one mapped, since a header has one family only.
pub fn write_proxy_header(version: ProxyHeader, behalf: Option<Behalf>, out: &mut Vec<u8>) {
    let ends = behalf.map(|behalf| same_family(canonical(behalf.client), canonical(behalf.local)));
    match version {
        ProxyHeader::Off => {}
        ProxyHeader::V1 => write_line(ends, out),
        ProxyHeader::V2 => write_bytes(ends, out),
    }
}

fn canonical(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

fn same_family(client: SocketAddr, local: SocketAddr) -> (SocketAddr, SocketAddr) {
    let mapped = |end: SocketAddr| match end.ip() {
        IpAddr::V4(address) => SocketAddr::new(IpAddr::V6(address.to_ipv6_mapped()), end.port()),
        IpAddr::V6(_) => end,
    };
    if client.is_ipv4() == local.is_ipv4() { (client, local) } else { (mapped(client), mapped(local)) }
}

fn write_line(ends: Option<(SocketAddr, SocketAddr)>, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _infallible = match ends {
        None => write!(out, "PROXY UNKNOWN\r\n"),
        Some((client, local)) => {
            let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from, to) = (client.ip(), local.ip());
            write!(out, "PROXY {family} {from} {to} {} {}\r\n", client.port(), local.port())
        }
    };
}

fn write_bytes(ends: Option<(SocketAddr, SocketAddr)>, out: &mut Vec<u8>) {
    out.extend_from_slice(SIGNATURE);
    let Some((client, local)) = ends else {
        // No family, no addresses.
        out.extend_from_slice(&[LOCAL, 0, 0, 0]);
        return;
    };
    let (family, length) = if client.is_ipv4() { (0x11, 12) } else { (0x21, 36) };
    out.extend_from_slice(&[PROXY, family, 0, length]);
    for end in [client, local] {
        match end.ip() {
            IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
        }
    }
    for end in [client, local] {
        out.extend_from_slice(&end.port().to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::proxy_header::{Told, decode_proxy_header};

    fn header(version: ProxyHeader, client: &str, local: &str) -> Vec<u8> {
        let end = |text: &str| text.parse().expect("an address");
        let mut out = Vec::new();
        write_proxy_header(
            version,
            Some(Behalf { client: end(client), local: end(local), connection: 1 }),
            &mut out,
        );
        out
    }

    #[test]
    fn both_versions_say_what_is_read_back() {
        for version in [ProxyHeader::V1, ProxyHeader::V2] {
            for (client, local, told_client, told_local) in [
                ("192.0.2.1:4711", "198.51.100.7:443", "192.0.2.1:4711", "198.51.100.7:443"),
                ("[2001:db8::1]:4711", "[2001:db8::2]:443", "[2001:db8::1]:4711", "[2001:db8::2]:443"),
                // A client of IPv4 at a socket of IPv6.
                ("[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.9]:80", "192.0.2.1:1", "192.0.2.9:80"),
                // One that somebody else has named.
                ("192.0.2.1:0", "[2001:db8::2]:443", "[::ffff:192.0.2.1]:0", "[2001:db8::2]:443"),
            ] {
                let header = header(version, client, local);
                let told = Told::Ends(told_client.parse().unwrap(), told_local.parse().unwrap());
                assert_eq!(decode_proxy_header(&header), Ok(Some((header.len(), told))), "{client}");
            }
        }
    }

    #[test]
    fn a_monitor_speaks_for_nobody() {
        for (version, bytes) in [
            (ProxyHeader::V1, &b"PROXY UNKNOWN\r\n"[..]),
            (ProxyHeader::V2, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
        ] {
            let mut out = Vec::new();
            write_proxy_header(version, None, &mut out);
            assert_eq!(out, bytes);
            assert_eq!(decode_proxy_header(&out), Ok(Some((bytes.len(), Told::Nothing))));
        }
    }

    #[test]
    fn the_line_is_as_the_specification_has_it() {
        let line = header(ProxyHeader::V1, "192.0.2.1:56324", "198.51.100.7:443");
        assert_eq!(line, b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n");
    }
}
