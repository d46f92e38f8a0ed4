//! Request targets and hosts.
#![warn(clippy::indexing_slicing)]

use message::{Known, RequestHead, Version};

use crate::BadRequest;

/// Checks the form of the target against the method, and that exactly one host is meant.
#[inline]
pub(crate) fn check_target(head: &RequestHead) -> Result<(), BadRequest> {
    let host = the_host(head)?;
    let target = head.target();
    match target.first() {
        Some(b'/') => Ok(()),
        _ => check_rare_form(head.method(), target, host),
    }
}

fn the_host(head: &RequestHead) -> Result<Option<&[u8]>, BadRequest> {
    let mut hosts = head.fields().all_known(Known::Host);
    match (hosts.next(), head.version()) {
        (None, Version::Http10) => Ok(None),
        (None, Version::Http11 | Version::Http2) => Err(BadRequest::HostMissing),
        (Some(_), _) if hosts.next().is_some() => Err(BadRequest::HostRepeated),
        (Some(host), _) if is_host(host) => Ok(Some(host)),
        (Some(_), _) => Err(BadRequest::HostInvalid),
    }
}

#[cold]
fn check_rare_form(method: &[u8], target: &[u8], host: Option<&[u8]>) -> Result<(), BadRequest> {
    if target == b"*" {
        return if method == b"OPTIONS" { Ok(()) } else { Err(BadRequest::TargetForm) };
    }
    let (rest, default_port) = if let Some(rest) = strip_prefix_ignoring_case(target, b"http://") {
        (rest, b":80".as_slice())
    } else if let Some(rest) = strip_prefix_ignoring_case(target, b"https://") {
        (rest, b":443".as_slice())
    } else {
        return Err(BadRequest::TargetForm);
    };
    let authority = rest.split(|&byte| byte == b'/' || byte == b'?').next().unwrap_or_default();
    if !is_host(authority) {
        return Err(BadRequest::TargetForm);
    }
    let without_port = |name: &[u8]| {
        let name = name.strip_suffix(default_port).unwrap_or(name);
        name.strip_suffix(b":").unwrap_or(name).to_ascii_lowercase()
    };
    match host {
        Some(host) if without_port(host) != without_port(authority) => Err(BadRequest::HostDisagrees),
        _ => Ok(()),
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Whether `host` is one host with an optional port, as a `Host` field holds it: a name of letters, digits and
/// `-._~%!$&'()*+;=`, or an address in brackets. Not empty, no user part, no comma (it would read as two hosts), port
/// up to 65535.
#[inline]
pub fn is_host(host: &[u8]) -> bool {
    // Most hosts are letters, digits, dots: one pass over a table tells.
    let found = host.iter().fold(0, |found, &byte| found | class_in_host(byte));
    match found {
        0 => !host.is_empty(),
        BAD.. => false,
        _ => is_rare_host(host),
    }
}

/// Stands in a host, but not anywhere.
const RARE: u8 = 1;
/// Stands in no host.
const BAD: u8 = 2;

#[expect(clippy::indexing_slicing, reason = "256 entries, an index of eight bits")]
#[inline]
fn class_in_host(byte: u8) -> u8 {
    HOST_BYTES[byte as usize]
}

#[expect(clippy::indexing_slicing, reason = "computed by the compiler")]
static HOST_BYTES: [u8; 256] = {
    let mut table = [BAD; 256];
    let mut byte: u8 = 0;
    while byte < 0x80 {
        table[byte as usize] = match byte {
            b':' | b'[' | b']' | b'%' => RARE,
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';'
            | b'=' => 0,
            _ if byte.is_ascii_alphanumeric() => 0,
            _ => BAD,
        };
        byte += 1;
    }
    table
};

/// A host of known bytes that holds a port, brackets or escapes.
fn is_rare_host(host: &[u8]) -> bool {
    if let Some(rest) = host.strip_prefix(b"[") {
        let Some(end) = rest.iter().position(|&byte| byte == b']') else { return false };
        let (address, port) = rest.split_at(end);
        let is_address =
            address.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'%'));
        return address.contains(&b':') && is_address && is_port(port.get(1..).unwrap_or_default());
    }
    let end = host.iter().position(|&byte| byte == b':').unwrap_or(host.len());
    let (name, port) = host.split_at(end);
    let is_name = !name.is_empty() && !name.iter().any(|byte| matches!(byte, b'[' | b']'));
    is_name && escapes_are_whole(name) && is_port(port)
}

fn escapes_are_whole(name: &[u8]) -> bool {
    if !name.contains(&b'%') {
        return true;
    }
    let mut pieces = name.split(|&byte| byte == b'%').skip(1);
    pieces.all(|piece| piece.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

/// Nothing, or a colon and up to five digits that make at most 65535 (none: the default port).
fn is_port(port: &[u8]) -> bool {
    let Some(digits) = port.strip_prefix(b":") else { return port.is_empty() };
    let mut number = 0u32;
    for &byte in digits {
        if !byte.is_ascii_digit() {
            return false;
        }
        number = number.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
    }
    digits.len() <= 5 && u16::try_from(number).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses_with_a_port() {
        for good in
            ["a", "a.example:80", "1.2.3.4", "[::1]:8080", "[fe80::1%25eth0]", "a_b", "a%41", "a:", "xn--a"]
        {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a b", "a,b", "a@b", "a/b", "a?b", "a#b", "a\\b", "a:b", "a:99999", "a:1:2", "a%4",
            "a%zz", "[::1", "[]", "[::1]x", "[a/b:]", "\u{e4}", "a\"b", "<a>", "a:000080",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }
}
