//! A text as a line holds it, and as it was meant.

use std::borrow::Cow;

use crate::escape::{hex_digit, unescape_lenient};

/// A text as it stands in a line, its escapes undone only when somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Text<'a> {
    /// As it stands in the line.
    pub raw: &'a [u8],
    /// How its special bytes are written there.
    pub escaping: Escaping,
}

/// How special bytes are written in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// As they are.
    None,
    /// `\xhh`, `\"`, `\\`, `\n`, `\t`, as Apache and nginx write them.
    Backslash,
    /// As in a JSON string.
    Json,
    /// `%hh`, so many times over (CloudFront writes it twice).
    Percent(u8),
    /// `+` for a blank (IIS).
    Plus,
    /// Two hexadecimal digits for each byte (our own JSON, for what is not UTF-8).
    Hex,
}

impl<'a> Text<'a> {
    /// No text.
    pub const EMPTY: Self = Self { raw: b"", escaping: Escaping::None };

    /// The bytes that the server had. An escape that no writer writes stands for itself. Borrowed, at the cost of one
    /// search, where there is nothing to undo.
    pub fn decoded(&self) -> Cow<'a, [u8]> {
        match self.escaping {
            Escaping::None => Cow::Borrowed(self.raw),
            Escaping::Backslash | Escaping::Json if memchr::memchr(b'\\', self.raw).is_none() => {
                Cow::Borrowed(self.raw)
            }
            Escaping::Backslash => Cow::Owned(unescape_lenient(self.raw)),
            Escaping::Json => Cow::Owned(from_json(self.raw)),
            Escaping::Hex => Cow::Owned(from_hex(self.raw)),
            Escaping::Percent(times) => from_percent(self.raw, times),
            Escaping::Plus if memchr::memchr(b'+', self.raw).is_none() => Cow::Borrowed(self.raw),
            Escaping::Plus => {
                Cow::Owned(self.raw.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect())
            }
        }
    }

    /// Whether there is nothing.
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }
}

/// Pairs of digits; what is none is left out.
fn from_hex(raw: &[u8]) -> Vec<u8> {
    let (pairs, _) = raw.as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some(hex_digit(*high)? << 4 | hex_digit(*low)?);
    pairs.iter().filter_map(byte).collect()
}

/// `%hh` undone so many times over; what is no such escape stands for itself.
fn from_percent(raw: &[u8], times: u8) -> Cow<'_, [u8]> {
    let mut text = Cow::Borrowed(raw);
    for _ in 0..times {
        if memchr::memchr(b'%', &text).is_none() {
            break;
        }
        text = Cow::Owned(undo_percent(&text));
    }
    text
}

fn undo_percent(raw: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'%', rest) {
        value.extend_from_slice(&rest[..at]);
        let digits = rest.get(at + 1).zip(rest.get(at + 2));
        if let Some((high, low)) = digits.and_then(|(high, low)| hex_digit(*high).zip(hex_digit(*low))) {
            value.push(high << 4 | low);
            rest = &rest[at + 3..];
        } else {
            value.push(b'%');
            rest = &rest[at + 1..];
        }
    }
    value.extend_from_slice(rest);
    value
}

/// The inside of a JSON string as UTF-8; half of a surrogate pair becomes U+FFFD.
fn from_json(raw: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        value.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some((&letter, after)) = rest.split_first() else {
            value.push(b'\\');
            break;
        };
        rest = after;
        match letter {
            b'b' => value.push(0x08),
            b'f' => value.push(0x0c),
            b'n' => value.push(b'\n'),
            b'r' => value.push(b'\r'),
            b't' => value.push(b'\t'),
            b'u' => rest = push_unit(rest, &mut value),
            // nginx's own escape, seen in objects that were written with `escape=default`.
            b'x' => match rest {
                [high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    value.extend(hex_digit(*high).zip(hex_digit(*low)).map(|(high, low)| high << 4 | low));
                    rest = after;
                }
                _ => value.extend_from_slice(b"\\x"),
            },
            other => value.push(other),
        }
    }
    value.extend_from_slice(rest);
    value
}

/// Appends the character of `\u` and returns what follows it.
fn push_unit<'a>(after: &'a [u8], value: &mut Vec<u8>) -> &'a [u8] {
    let Some(first) = unit(after) else {
        value.extend_from_slice(b"\\u");
        return after;
    };
    let mut rest = &after[4..];
    let mut code = u32::from(first);
    if (0xd800..0xdc00).contains(&first)
        && let Some(second) =
            rest.strip_prefix(b"\\u").and_then(unit).filter(|unit| (0xdc00..0xe000).contains(unit))
    {
        code = 0x1_0000 + ((code - 0xd800) << 10) + (u32::from(second) - 0xdc00);
        rest = &rest[6..];
    }
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    value.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    rest
}

fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | u16::from(hex_digit(*digit)?)))
}
