//! Escapes of URLs, exactly as Apache's modules write them.

use crate::directive::EscapeBackReferences;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The byte behind a `%` and two digits, at the front of `text`.
pub(crate) fn hex_pair(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? << 4 | digit(*low)?)
}

fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
    out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
}

/// What stands in a path unescaped, by `ap_os_escape_path`: letters, digits and some signs.
pub(crate) fn stands_in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'$' | b'-'
                | b'_'
                | b'.'
                | b'+'
                | b'!'
                | b'*'
                | b'\''
                | b'('
                | b')'
                | b','
                | b':'
                | b'@'
                | b'&'
                | b'='
                | b'/'
                | b'~'
                | b';'
        )
}

/// Escapes a path or a part of one.
pub(crate) fn escape_path(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    for byte in path {
        if stands_in_path(*byte) {
            out.push(*byte);
        } else {
            push_escaped(&mut out, *byte);
        }
    }
    out
}

/// Escapes what a group matched, for the flags `B`, `BCTLS`, `BNE` and `BNP`.
pub(crate) fn escape_back_reference(text: &[u8], escape: &BackReferenceEscape) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if !escape.means(*byte) {
            out.push(*byte);
        } else if *byte == b' ' && !escape.no_plus {
            out.push(b'+');
        } else {
            push_escaped(&mut out, *byte);
        }
    }
    out
}

/// How groups are escaped when they are put into a text.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags of a rule, each of its own")]
pub(crate) struct BackReferenceEscape {
    /// `B` without a list.
    all: bool,
    only: Vec<u8>,
    except: Vec<u8>,
    controls: bool,
    no_plus: bool,
    is_on: bool,
}

impl BackReferenceEscape {
    pub(crate) fn add(&mut self, which: &EscapeBackReferences) {
        self.is_on = true;
        match which {
            EscapeBackReferences::All => self.all = true,
            EscapeBackReferences::Only(bytes) => self.only.clone_from(bytes),
            EscapeBackReferences::Except(bytes) => self.except.clone_from(bytes),
            EscapeBackReferences::Controls => self.controls = true,
        }
    }

    pub(crate) fn without_plus(&mut self) {
        self.no_plus = true;
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    fn means(&self, byte: u8) -> bool {
        if !self.only.is_empty() {
            return self.only.contains(&byte) || (self.controls && is_control(byte));
        }
        if self.controls && !self.all && self.except.is_empty() {
            return is_control(byte) || byte == b' ';
        }
        !(byte.is_ascii_alphanumeric() || byte == b'_' || self.except.contains(&byte))
    }
}

fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f
}

/// Undoes escapes as the map `int:unescape` does: a text with a bad escape or one of `/` or NUL is decoded too.
pub(crate) fn unescape_loosely(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if let Some(byte) = hex_pair(rest) {
            if byte == 0 {
                // C's end of a string
                return out;
            }
            out.push(byte);
            rest = rest.get(3..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

/// How a text begins that names another place than this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scheme {
    /// Bytes up to and with `://` or `:`.
    pub(crate) length: usize,
    /// Whether a `?` begins a query.
    pub(crate) has_query: bool,
}

/// The schemes that `mod_rewrite` knows.
const SCHEMES: [(&[u8], bool); 15] = [
    (b"http://", true),
    (b"https://", true),
    (b"ftp://", false),
    (b"mailto:", true),
    (b"news:", false),
    (b"nntp://", false),
    (b"gopher://", false),
    (b"ldap://", false),
    (b"ajp://", true),
    (b"balancer://", true),
    (b"fcgi://", true),
    (b"scgi://", true),
    (b"h2://", true),
    (b"ws://", true),
    (b"wss://", true),
];

/// The scheme of a URL, if it is one that makes a rewrite end outside.
pub(crate) fn scheme(url: &[u8]) -> Option<Scheme> {
    if url.first() == Some(&b'/') || url.len() <= 5 {
        return None;
    }
    SCHEMES
        .iter()
        .find(|(name, _)| url.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name)))
        .map(|(name, has_query)| Scheme { length: name.len(), has_query: *has_query })
}

/// Escapes an absolute URL: all behind the host.
pub(crate) fn escape_absolute(url: &[u8], scheme: Scheme) -> Vec<u8> {
    let mut from = scheme.length;
    if url.get(from.wrapping_sub(1)) == Some(&b'/') {
        match url.get(from..).unwrap_or_default().iter().position(|byte| *byte == b'/') {
            Some(slash) => from += slash + 1,
            None => return url.to_vec(),
        }
        if url.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"ldap")) {
            let mut out = url.get(..from).unwrap_or_default().to_vec();
            for (nth, part) in url.get(from..).unwrap_or_default().splitn(5, |byte| *byte == b'?').enumerate()
            {
                if nth > 0 {
                    out.push(b'?');
                }
                out.extend_from_slice(&escape_path(part));
            }
            return out;
        }
    }
    let (head, tail) = url.split_at(from.min(url.len()));
    [head, &escape_path(tail)].concat()
}

/// Undoes escapes as the function `unescape` of expressions does: nothing where one is bad, or is of `/` or NUL.
pub(crate) fn unescape_or_nothing(text: &[u8]) -> Vec<u8> {
    let is_bad = |at: usize| matches!(text.get(at..).map(hex_pair), Some(None | Some(b'/' | 0)));
    let mut percents = text.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    if percents.any(|(at, _)| is_bad(at)) { Vec::new() } else { unescape_loosely(text) }
}

/// The digits of all escapes as capitals.
pub(crate) fn with_capital_escapes(mut url: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(rest) = url.get_mut(at..) {
        if hex_pair(rest).is_some() {
            if let Some(digits) = rest.get_mut(1..3) {
                digits.make_ascii_uppercase();
            }
            at += 3;
        } else {
            at += 1;
        }
        if at >= url.len() {
            break;
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_escaped_as_the_flags_say() {
        let text = b"a b&c\xe4/d\x01\x7f%";
        let escaped = |which: &[EscapeBackReferences], no_plus: bool| {
            let mut escape = BackReferenceEscape::default();
            for which in which {
                escape.add(which);
            }
            if no_plus {
                escape.without_plus();
            }
            escape_back_reference(text, &escape)
        };
        assert_eq!(escaped(&[EscapeBackReferences::All], false), b"a+b%26c%e4%2fd%01%7f%25");
        assert_eq!(escaped(&[EscapeBackReferences::All], true), b"a%20b%26c%e4%2fd%01%7f%25");
        assert_eq!(escaped(&[EscapeBackReferences::Controls], false), b"a+b&c\xe4/d%01%7f%");
        let except = [EscapeBackReferences::All, EscapeBackReferences::Except(b"/&".to_vec())];
        assert_eq!(escaped(&except, false), b"a+b&c%e4/d%01%7f%25");
        assert_eq!(escaped(&[EscapeBackReferences::Only(b" &".to_vec())], false), b"a+b%26c\xe4/d\x01\x7f%");
    }

    #[test]
    fn a_redirect_is_escaped_behind_its_host() {
        let escaped = |url: &[u8]| escape_absolute(url, scheme(url).unwrap());
        assert_eq!(escaped(b"http://other.example/a b&#"), b"http://other.example/a%20b&%23");
        assert_eq!(escaped(b"http://other.example/%41"), b"http://other.example/%2541");
        assert_eq!(escaped(b"http://other example"), b"http://other example");
        assert_eq!(escaped(b"ftp://foo/?q=1"), b"ftp://foo/%3fq=1");
        assert_eq!(escaped(b"mailto:a@b c"), b"mailto:a@b%20c");
    }

    #[test]
    fn only_known_schemes_are_schemes() {
        assert_eq!(scheme(b"HTTP://x").map(|scheme| scheme.length), Some(7));
        assert_eq!(scheme(b"http:/"), None);
        assert_eq!(scheme(b"javascript:alert(1)"), None);
        assert_eq!(scheme(b"/http://x"), None);
    }
}
