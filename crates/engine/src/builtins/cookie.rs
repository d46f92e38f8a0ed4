//! Cookies that rules set: the value is data and never becomes an attribute or a line of its own.

use super::text::percent_encode;

/// The value as it may stand in a `Set-Cookie`: octets outside `cookie-octet` (RFC 6265, 4.1.1) become `%XX`.
pub fn value(raw: &[u8]) -> Vec<u8> {
    percent_encode(raw, |byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\'))
}

/// Cuts an encoded value at `bytes_max`, or before an escape that would be torn there.
pub fn cut(value: &mut Vec<u8>, bytes_max: usize) {
    value.truncate(bytes_max);
    let tail = value.len().saturating_sub(2);
    if let Some(at) = value.get(tail..).and_then(|tail| tail.iter().position(|byte| *byte == b'%')) {
        value.truncate(tail + at);
    }
}

/// Attributes from a rule's `;`-separated list, each behind `; `. Gives `None` where one holds what no attribute
/// may (a control character or a comma-free line break), because cutting it could change its meaning.
pub fn attributes(list: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(list.len());
    for attribute in list.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|text| !text.is_empty())
    {
        if attribute.iter().any(|byte| byte.is_ascii_control() || *byte >= 0x80) {
            return None;
        }
        out.extend_from_slice(b"; ");
        out.extend_from_slice(attribute);
    }
    Some(out)
}

/// What a cookie gets when the rule says nothing: the whole site for the browser's session, kept from scripts and from
/// other sites' embeds (a link's click still carries it); under TLS also from plain connections.
pub const fn default_attributes(tls: bool) -> &'static [u8] {
    if tls { b"; Path=/; HttpOnly; SameSite=Lax; Secure" } else { b"; Path=/; HttpOnly; SameSite=Lax" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_can_be_anything_and_stays_a_value() {
        assert_eq!(value(b"a.example:8080"), b"a.example:8080");
        assert_eq!(value(b"x; Domain=evil\r\nSet-Cookie: y=1"), b"x%3B%20Domain=evil%0D%0ASet-Cookie:%20y=1");
        assert_eq!(value("ä\"".as_bytes()), b"%C3%A4%22");
    }

    #[test]
    fn a_long_value_is_cut_between_escapes() {
        for (bytes_max, cut) in [(6, "a%20b"), (7, "a%20b"), (8, "a%20b%3B"), (3, "a")] {
            let mut value = value(b"a b;c");
            super::cut(&mut value, bytes_max);
            assert_eq!(String::from_utf8_lossy(&value), cut, "{bytes_max}");
        }
    }

    #[test]
    fn attributes_are_taken_whole_or_not_at_all() {
        assert_eq!(attributes(b"path=/a;secure ; "), Some(b"; path=/a; secure".to_vec()));
        assert_eq!(attributes(b"path=/\r\nX: 1"), None);
    }
}
