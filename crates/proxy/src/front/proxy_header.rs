//! The PROXY header, by which a balancer in front of us says at the start of a connection whose it is: version 1, a
//! line, and version 2, in bytes (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).
//!
//! Ours rather than a library's: it is strict (no `+80` for a port, no address in another form than the protocol word
//! says), and it tells a piece of a header from something else at the first byte that differs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest line of version 1, with its CR LF.
const LINE_BYTES_MAX: usize = 107;
/// The longest header of version 2: addresses, and extensions that are passed over. Balancers add some hundred bytes.
const BYTES_MAX: usize = 4 * 1024;
/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Its fixed part: the signature, version and command, family, length.
const FIXED_BYTES: usize = 16;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The connection's two ends: the client's, and the one it connected to.
    Ends(SocketAddr, SocketAddr),
    /// It is the balancer's own, or of somebody without an address of this kind.
    Nothing,
}

/// Why what came is no PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProxyHeader {
    /// It does not begin as one does.
    #[error("the connection does not begin with a PROXY header")]
    None,
    /// The line of version 1 is malformed.
    #[error("the PROXY line is malformed")]
    Line,
    /// The header of version 2 is malformed.
    #[error("the PROXY header is malformed")]
    Header,
    /// It is longer than any is.
    #[error("the PROXY header is too long")]
    TooLong,
}

/// Reads a header from the start of a connection; `None` as long as it is not whole. Gives its length, too: what is
/// behind belongs to the client.
///
/// # Errors
/// This is no header, and will not become one.
pub fn decode_proxy_header(input: &[u8]) -> Result<Option<(usize, Told)>, BadProxyHeader> {
    if starts_alike(input, SIGNATURE) {
        return decode_bytes(input);
    }
    if starts_alike(input, b"PROXY ") { decode_line(input) } else { Err(BadProxyHeader::None) }
}

fn starts_alike(input: &[u8], wanted: &[u8]) -> bool {
    input.iter().zip(wanted).all(|(byte, wanted)| byte == wanted)
}

fn decode_line(input: &[u8]) -> Result<Option<(usize, Told)>, BadProxyHeader> {
    let shown = input.get(..LINE_BYTES_MAX).unwrap_or(input);
    let Some(end) = shown.iter().position(|byte| *byte == b'\n') else {
        return if shown.len() == LINE_BYTES_MAX { Err(BadProxyHeader::TooLong) } else { Ok(None) };
    };
    let line = shown.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(BadProxyHeader::Line)?;
    let line = std::str::from_utf8(line).map_err(|_| BadProxyHeader::Line)?;
    let told = told_by(line).ok_or(BadProxyHeader::Line)?;
    Ok(Some((end + 1, told)))
}

/// `PROXY TCP4 source destination port port`, with single spaces; behind `UNKNOWN` anything may stand.
fn told_by(line: &str) -> Option<Told> {
    let mut words = line.strip_prefix("PROXY ")?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(Told::Nothing);
    }
    let (source, destination) = (words.next()?, words.next()?);
    let ports = (port(words.next()?)?, port(words.next()?)?);
    if words.next().is_some() {
        return None;
    }
    let address = |text: &str| match family {
        "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => None,
    };
    let ends = ((address(source)?, ports.0), (address(destination)?, ports.1));
    Some(Told::Ends(ends.0.into(), ends.1.into()))
}

/// Digits without a zero in front.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if is_plain { text.parse().ok() } else { None }
}

fn decode_bytes(input: &[u8]) -> Result<Option<(usize, Told)>, BadProxyHeader> {
    let Some([command, family, high, low]) = input.get(SIGNATURE.len()..FIXED_BYTES) else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if FIXED_BYTES + length > BYTES_MAX {
        return Err(BadProxyHeader::TooLong);
    }
    let (is_local, addresses) = match (command, family) {
        // The balancer's own, or nobody's in particular.
        (0x20, _) | (0x21, 0x00) => (true, 0),
        (0x21, 0x11) => (false, 12),
        (0x21, 0x21) => (false, 36),
        // A socket of one machine: no address that we could use.
        (0x21, 0x31) => (true, 216),
        _ => return Err(BadProxyHeader::Header),
    };
    if length < addresses {
        return Err(BadProxyHeader::Header);
    }
    let Some(behind) = input.get(FIXED_BYTES..FIXED_BYTES + length) else { return Ok(None) };
    let told =
        if is_local { Told::Nothing } else { ends_in(behind, addresses).ok_or(BadProxyHeader::Header)? };
    Ok(Some((FIXED_BYTES + length, told)))
}

/// Source, destination and their ports; what stands behind is passed over.
fn ends_in(bytes: &[u8], addresses: usize) -> Option<Told> {
    let number = |at: usize| Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    let address = |at: usize| -> Option<IpAddr> {
        let rest = bytes.get(at..)?;
        Some(if addresses == 12 {
            IpAddr::from(*rest.first_chunk::<4>()?)
        } else {
            IpAddr::from(*rest.first_chunk::<16>()?)
        })
    };
    let size = (addresses - 4) / 2;
    let source = (address(0)?, number(2 * size)?);
    let destination = (address(size)?, number(2 * size + 2)?);
    Some(Told::Ends(source.into(), destination.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_2(command: u8, family: u8, behind: &[u8]) -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        header.extend([command, family]);
        header.extend(u16::try_from(behind.len()).expect("short").to_be_bytes());
        header.extend(behind);
        header
    }

    fn ends(source: &str, destination: &str) -> Told {
        Told::Ends(source.parse().expect("an address"), destination.parse().expect("an address"))
    }

    #[test]
    fn a_line_names_both_ends() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\nGET / HTTP/1.1\r\n";
        let told = ends("192.0.2.1:56324", "198.51.100.7:443");
        assert_eq!(decode_proxy_header(line), Ok(Some((45, told))));
        let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n";
        let told = ends("[2001:db8::1]:1", "[2001:db8::2]:65535");
        assert_eq!(decode_proxy_header(line), Ok(Some((line.len(), told))));
        let line = b"PROXY UNKNOWN what ever\r\n";
        assert_eq!(decode_proxy_header(line), Ok(Some((line.len(), Told::Nothing))));
    }

    #[test]
    fn lines_that_are_not_quite_right_are_refused() {
        for line in [
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n",
            "PROXY  TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 +5 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 05 443\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n",
            "PROXY TCP4 192.0.2.01 198.51.100.7 1 443\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
            "PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n",
        ] {
            assert_eq!(decode_proxy_header(line.as_bytes()), Err(BadProxyHeader::Line), "{line}");
        }
        assert_eq!(decode_proxy_header(b"GET / HTTP/1.1\r\n"), Err(BadProxyHeader::None));
        assert_eq!(decode_proxy_header(b"PROXZ"), Err(BadProxyHeader::None));
        let long = format!("PROXY UNKNOWN {}", "x".repeat(200));
        assert_eq!(decode_proxy_header(long.as_bytes()), Err(BadProxyHeader::TooLong));
    }

    #[test]
    fn bytes_name_both_ends_and_what_is_behind_is_passed_over() {
        let v4 = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb];
        let told = ends("192.0.2.1:56324", "198.51.100.7:443");
        let header = version_2(0x21, 0x11, &v4);
        assert_eq!(decode_proxy_header(&header), Ok(Some((28, told))));
        let mut extended = v4.to_vec();
        extended.extend([0x04, 0, 3, 1, 2, 3]);
        let mut header = version_2(0x21, 0x11, &extended);
        header.extend(b"GET");
        assert_eq!(decode_proxy_header(&header), Ok(Some((34, told))));
        let mut v6 = Vec::new();
        v6.extend(Ipv6Addr::LOCALHOST.octets());
        v6.extend(Ipv6Addr::UNSPECIFIED.octets());
        v6.extend([0, 5, 0, 6]);
        let header = version_2(0x21, 0x21, &v6);
        assert_eq!(decode_proxy_header(&header), Ok(Some((52, ends("[::1]:5", "[::]:6")))));
        assert_eq!(decode_proxy_header(&version_2(0x20, 0x00, &[])), Ok(Some((16, Told::Nothing))));
        assert_eq!(decode_proxy_header(&version_2(0x20, 0x11, &v4)), Ok(Some((28, Told::Nothing))));
    }

    #[test]
    fn bytes_that_are_not_quite_right_are_refused() {
        let refused = |header: &[u8]| decode_proxy_header(header).expect_err("malformed");
        assert_eq!(refused(&version_2(0x11, 0x11, &[0; 12])), BadProxyHeader::Header);
        assert_eq!(refused(&version_2(0x22, 0x11, &[0; 12])), BadProxyHeader::Header);
        assert_eq!(refused(&version_2(0x21, 0x12, &[0; 12])), BadProxyHeader::Header);
        assert_eq!(refused(&version_2(0x21, 0x11, &[0; 11])), BadProxyHeader::Header);
        assert_eq!(refused(&version_2(0x21, 0x21, &[0; 12])), BadProxyHeader::Header);
        assert_eq!(refused(&version_2(0x21, 0x11, &[0; 5000])), BadProxyHeader::TooLong);
    }

    #[test]
    fn every_piece_of_a_header_is_waited_out() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n".to_vec();
        let bytes = version_2(0x21, 0x11, &[1; 20]);
        for header in [line, bytes] {
            for length in 0..header.len() {
                assert_eq!(decode_proxy_header(&header[..length]), Ok(None), "{length}");
            }
        }
    }
}
