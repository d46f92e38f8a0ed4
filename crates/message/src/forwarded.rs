//! The `Forwarded` field (RFC 7239): read, and written.

use crate::check::is_token;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// Parameters of one element that are looked at; four are known.
const PARAMETERS_MAX: usize = 16;

/// Who a proxy says has asked it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedNode {
    /// This address.
    Address(IpAddr),
    /// It does not know, or does not say (`unknown`, or a name of its own: `_hidden`).
    Undisclosed,
}

/// What one proxy has written of the request that it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedElement<'a> {
    /// As it stands in the field, without blanks around it.
    pub text: &'a [u8],
    /// Who asked it (`for`).
    pub client: Option<ForwardedNode>,
    /// The Host that it was asked for.
    pub host: Option<Cow<'a, [u8]>>,
    /// The scheme by which it was asked.
    pub proto: Option<Cow<'a, [u8]>>,
}

/// The elements of all `Forwarded` fields of a request, in order, from the last one that is malformed on: each proxy
/// appends, so that what is malformed came from before the proxies behind it. A client can send a quote that never
/// closes; it hides nothing that a proxy has appended to the same line.
pub fn forwarded_elements<'a>(values: &[&'a [u8]]) -> Vec<ForwardedElement<'a>> {
    let mut elements = Vec::new();
    for value in values.iter().rev() {
        let (sound, is_whole) = sound_end(value);
        elements.extend(sound.into_iter().rev());
        if !is_whole {
            break;
        }
    }
    elements.reverse();
    elements
}

/// The sound elements at the end of one line, and whether that is all of it.
fn sound_end(value: &[u8]) -> (Vec<ForwardedElement<'_>>, bool) {
    let Some(pieces) = split(value, b',') else {
        // A quote is open at the end: only what stands behind the last comma can be told apart.
        let last = value.rsplit(|byte| *byte == b',').next().filter(|last| last.len() < value.len());
        let element = last.and_then(|last| split(last, b';')).and_then(|_| ForwardedElement::read(last?));
        return (element.into_iter().collect(), false);
    };
    let mut elements = Vec::new();
    for piece in pieces.into_iter().rev().map(<[u8]>::trim_ascii).filter(|piece| !piece.is_empty()) {
        let Some(element) = ForwardedElement::read(piece) else {
            elements.reverse();
            return (elements, false);
        };
        elements.push(element);
    }
    elements.reverse();
    (elements, true)
}

/// Cuts at a byte where it stands outside of quotes; `None` if a quote does not end.
fn split(text: &[u8], at: u8) -> Option<Vec<&[u8]>> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (place, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            byte if *byte == at && !is_quoted => {
                pieces.push(text.get(start..place)?);
                start = place + 1;
            }
            _ => {}
        }
    }
    pieces.push(text.get(start..)?);
    (!is_quoted).then_some(pieces)
}

impl<'a> ForwardedElement<'a> {
    /// `for=192.0.2.60;proto=http;by=203.0.113.43`. A name stands once; names that are not known are passed over.
    fn read(text: &'a [u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let mut element = Self { text, client: None, host: None, proto: None };
        let mut seen: Vec<&[u8]> = Vec::new();
        for pair in split(text, b';')?.into_iter().map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty()) {
            let equals = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (pair.get(..equals)?, unquoted(pair.get(equals + 1..)?)?);
            let is_repeated = seen.iter().any(|other| other.eq_ignore_ascii_case(name));
            if !is_token(name) || is_repeated || seen.len() == PARAMETERS_MAX {
                return None;
            }
            seen.push(name);
            if name.eq_ignore_ascii_case(b"for") {
                element.client = Some(node(&value)?);
            } else if name.eq_ignore_ascii_case(b"host") {
                element.host = Some(value);
            } else if name.eq_ignore_ascii_case(b"proto") {
                element.proto = Some(value);
            }
        }
        (!seen.is_empty()).then_some(element)
    }
}

/// A token, or a quoted string without its quotes and backslashes.
fn unquoted(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let Some(rest) = value.strip_prefix(b"\"") else {
        return is_token(value).then_some(Cow::Borrowed(value));
    };
    let inner = rest.strip_suffix(b"\"")?;
    if !inner.iter().any(|byte| matches!(byte, b'\\' | b'"')) {
        return Some(Cow::Borrowed(inner));
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => plain.push(*bytes.next()?),
            // One that is not escaped ends the string, and something stands behind it.
            b'"' => return None,
            byte => plain.push(*byte),
        }
    }
    Some(Cow::Owned(plain))
}

/// An address, with or without a port; IPv6 in brackets, as it must be, or without them, as some write it.
fn node(value: &[u8]) -> Option<ForwardedNode> {
    let text = std::str::from_utf8(value).ok()?;
    let name = text.split(':').next().unwrap_or_default();
    if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) {
        return Some(ForwardedNode::Undisclosed);
    }
    let address = |text: &str| text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|end| end.ip());
    let bracketed = || address(text.strip_prefix('[')?.strip_suffix(']')?);
    // A port may be hidden, too.
    let hidden_port = || {
        let (host, _) = text.rsplit_once(':').filter(|(_, port)| is_obfuscated(port))?;
        address(host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host))
    };
    let address = address(text).or_else(with_port).or_else(bracketed).or_else(hidden_port)?;
    Some(ForwardedNode::Address(address.to_canonical()))
}

/// `_` and letters, digits, `.`, `_`, `-`.
fn is_obfuscated(text: &str) -> bool {
    text.strip_prefix('_').is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    })
}

/// Appends an element: who asked (`None`: somebody who is not known), by which scheme, and for which Host.
pub fn write_forwarded_element(
    client: Option<IpAddr>,
    proto: Option<&'static str>,
    host: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"for=");
    match client {
        None => out.extend_from_slice(b"unknown"),
        Some(IpAddr::V4(address)) => out.extend_from_slice(address.to_string().as_bytes()),
        // Colons and brackets are no token.
        Some(IpAddr::V6(address)) => out.extend_from_slice(format!("\"[{address}]\"").as_bytes()),
    }
    if let Some(host) = host {
        out.extend_from_slice(b";host=");
        if is_token(host) {
            out.extend_from_slice(host);
        } else {
            out.push(b'"');
            for byte in host {
                if matches!(byte, b'"' | b'\\') {
                    out.push(b'\\');
                }
                out.push(*byte);
            }
            out.push(b'"');
        }
    }
    if let Some(proto) = proto {
        out.extend_from_slice(b";proto=");
        out.extend_from_slice(proto.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&'static str]) -> Vec<(Option<ForwardedNode>, Option<String>, Option<String>)> {
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let text = |bytes: Cow<'_, [u8]>| String::from_utf8(bytes.into_owned()).unwrap();
        let elements = forwarded_elements(&lines).into_iter();
        elements.map(|of| (of.client, of.host.map(text), of.proto.map(text))).collect()
    }

    fn clients(lines: &[&'static str]) -> Vec<Option<ForwardedNode>> {
        read(lines).into_iter().map(|(client, _, _)| client).collect()
    }

    fn address_of(text: &str) -> ForwardedNode {
        ForwardedNode::Address(text.parse().unwrap())
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let hidden = Some(ForwardedNode::Undisclosed);
        for (line, client) in [
            (r#"for="_gazonk""#, hidden),
            (r#"For="[2001:db8:cafe::17]:4711""#, Some(address_of("2001:db8:cafe::17"))),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", Some(address_of("192.0.2.60"))),
            ("for=unknown", hidden),
            (r#"for="_mdn:_port""#, hidden),
            (r#"for="192.0.2.43:47011""#, Some(address_of("192.0.2.43"))),
            (r#"for="192.0.2.43:_hidden""#, Some(address_of("192.0.2.43"))),
            (r#"for="[::ffff:192.0.2.1]""#, Some(address_of("192.0.2.1"))),
            (r#"for="2001:db8::1""#, Some(address_of("2001:db8::1"))),
            ("proto=https", None),
        ] {
            assert_eq!(clients(&[line]), [client], "{line}");
        }
        let both = [Some(address_of("192.0.2.43")), Some(address_of("198.51.100.17"))];
        assert_eq!(clients(&["for=192.0.2.43, for=198.51.100.17"]), both);
        assert_eq!(clients(&["for=192.0.2.43", "for=198.51.100.17"]), both, "lines are one list");
        let told = read(&[r#"for=192.0.2.1; HOST="a\"b:80" ;proto=https"#]);
        assert_eq!(told, [(Some(address_of("192.0.2.1")), Some("a\"b:80".into()), Some("https".into()))]);
    }

    #[test]
    fn nothing_in_front_of_what_is_malformed_is_believed() {
        for line in [
            "for=192.0.2.1;for=192.0.2.2, for=192.0.2.9",
            "for=192.0.2.1, for=2001:db8::1, for=192.0.2.9",
            "for=1.2.3.4, for = 1.2.3.4, for=192.0.2.9",
            "for=1.2.3.4, nonsense, for=192.0.2.9",
            "for=1.2.3.4, for=1.2.3.4.5, for=192.0.2.9",
            // A client that leaves a quote open cannot swallow what a proxy appends.
            "for=1.2.3.4, for=\"5.6.7.8, for=192.0.2.9",
            "for=\"\\, for=192.0.2.9",
        ] {
            assert_eq!(clients(&[line]), [Some(address_of("192.0.2.9"))], "{line}");
            assert_eq!(clients(&["for=3.3.3.3", line]), [Some(address_of("192.0.2.9"))], "{line}");
        }
        assert_eq!(clients(&["for=\"1.2.3.4"]), []);
        assert_eq!(
            clients(&[", ,", "for=1.2.3.4,"]),
            [Some(address_of("1.2.3.4"))],
            "empty elements mean nothing"
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (client, host, proto) in [
            (Some("192.0.2.1"), Some("a.example"), Some("http")),
            (Some("2001:db8::1"), Some("a.example:8443"), Some("https")),
            (None, Some("[2001:db8::2]:80"), None),
            (Some("::1"), Some("\"\\,;"), None),
        ] {
            let address = client.map(|client| client.parse().unwrap());
            let mut out = Vec::new();
            write_forwarded_element(address, proto, host.map(str::as_bytes), &mut out);
            let elements = forwarded_elements(&[&out]);
            let expected = address.map_or(ForwardedNode::Undisclosed, ForwardedNode::Address);
            assert_eq!(elements.len(), 1);
            let element = elements.first().unwrap();
            assert_eq!(element.client, Some(expected));
            assert_eq!(element.host.as_deref(), host.map(str::as_bytes));
            assert_eq!(element.proto.as_deref(), proto.map(str::as_bytes));
        }
        let mut out = Vec::new();
        write_forwarded_element("2001:db8::1".parse().ok(), Some("https"), Some(b"a.example:8443"), &mut out);
        assert_eq!(out, br#"for="[2001:db8::1]";host="a.example:8443";proto=https"#);
    }
}
