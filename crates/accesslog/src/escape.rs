//! Escaping of values, byte for byte as Apache's log writer does it, and its inverse.

/// Appends `value` so that it stays within one line and within its quotes.
///
/// `"` and `\` get a backslash before them; backspace, newline, carriage return, tab and vertical tab become
/// `\b \n \r \t \v`; every other byte that is not printable ASCII (0x00-0x1f, 0x7f-0xff) becomes `\xhh` in lower
/// case. Plain text costs about one instruction a byte.
pub fn escape(value: &[u8], out: &mut Vec<u8>) {
    if is_plain(value) {
        out.extend_from_slice(value);
    } else {
        escape_rest(value, out);
    }
}

/// Gives back the bytes that [`escape`] wrote.
///
/// Bytes that needed no escape are taken as they stand, raw ones of other writers too. `None`: a backslash is
/// followed by something that no writer puts there, or by nothing.
pub fn unescape(written: &[u8]) -> Option<Vec<u8>> {
    let mut value = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        value.extend_from_slice(&rest[..at]);
        let (byte, used) = escaped_byte(&rest[at..])?;
        value.push(byte);
        rest = &rest[at + used..];
    }
    value.extend_from_slice(rest);
    Some(value)
}

/// The same for lines of anybody: a backslash before something else stands for itself.
pub(crate) fn unescape_lenient(written: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        value.extend_from_slice(&rest[..at]);
        let (byte, used) = escaped_byte(&rest[at..]).unwrap_or((b'\\', 1));
        value.push(byte);
        rest = &rest[at + used..];
    }
    value.extend_from_slice(rest);
    value
}

/// The byte that an escape at the start stands for, and how many bytes the escape has.
fn escaped_byte(escape: &[u8]) -> Option<(u8, usize)> {
    Some(match escape.get(1)? {
        b'b' => (0x08, 2),
        b'n' => (b'\n', 2),
        b'r' => (b'\r', 2),
        b't' => (b'\t', 2),
        b'v' => (0x0b, 2),
        byte @ (b'"' | b'\\') => (*byte, 2),
        b'x' => (hex_digit(*escape.get(2)?)? << 4 | hex_digit(*escape.get(3)?)?, 4),
        _ => return None,
    })
}

/// Appends one byte, escaped where it must be.
pub(crate) fn escape_byte(byte: u8, out: &mut Vec<u8>) {
    let letter = match byte {
        0x08 => b'b',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x0b => b'v',
        b'"' | b'\\' => byte,
        0x20..=0x7e => return out.push(byte),
        _ => {
            let hex = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            return out.extend_from_slice(&[b'\\', b'x', hex[0], hex[1]]);
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

/// The value of a hexadecimal digit of either case.
pub(crate) fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

pub(crate) const HEX: [u8; 16] = *b"0123456789abcdef";

#[cold]
fn escape_rest(value: &[u8], out: &mut Vec<u8>) {
    for &byte in value {
        escape_byte(byte, out);
    }
}

/// Whether all bytes stand for themselves. Nearly every value is so, hence no branch on any byte: eight at a time
/// in one number, the last eight may overlap the ones before.
pub(crate) fn is_plain(value: &[u8]) -> bool {
    let Some(last) = value.last_chunk::<8>() else {
        return !value.iter().any(|&byte| is_special(byte));
    };
    let mut special = special_bits(*last);
    for chunk in value.as_chunks::<8>().0 {
        special |= special_bits(*chunk);
    }
    special & repeat(0x80) == 0
}

/// A number in which some byte has its highest bit set exactly when some byte of the chunk is special. (Which one
/// is not told: a borrow may run on from a special byte to its neighbour.)
fn special_bits(chunk: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(chunk);
    let from_0x7f = word | word.wrapping_add(repeat(1));
    let below_0x20 = word.wrapping_sub(repeat(0x20));
    let quote = (word ^ repeat(b'"')).wrapping_sub(repeat(1));
    let backslash = (word ^ repeat(b'\\')).wrapping_sub(repeat(1));
    from_0x7f | below_0x20 | quote | backslash
}

const fn repeat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Whether the byte cannot stand for itself.
const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte > 0x7e || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(value: &[u8]) -> String {
        let mut out = Vec::new();
        escape(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn quotes_controls_and_high_bytes_are_written_as_apache_writes_them() {
        assert_eq!(escaped(br#"http://x/"q"\back"#), r#"http://x/\"q\"\\back"#);
        assert_eq!(escaped(b"\x08\t\n\x0b\x0c\r\x07\x00\x1f\x7f"), r"\b\t\n\v\x0c\r\x07\x00\x1f\x7f");
        assert_eq!(escaped("п".as_bytes()), r"\xd0\xbf");
        assert_eq!(escaped(b" !#[]~"), " !#[]~");
    }

    #[test]
    fn every_byte_at_every_place_of_a_chunk_comes_back() {
        for byte in 0..=255_u8 {
            for place in 0..40 {
                let mut value = vec![b'a'; 40];
                value[place] = byte;
                let text = escaped(&value);
                assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b)), "{byte:#x} at {place}");
                assert_eq!(unescape(text.as_bytes()).unwrap(), value);
            }
        }
    }

    #[test]
    fn what_no_writer_puts_after_a_backslash_is_refused() {
        for text in [r"\", r"a\q", r"\x", r"\x4", r"\xg0"] {
            assert_eq!(unescape(text.as_bytes()), None, "{text}");
        }
        assert_eq!(unescape(br"\x22\x5C").unwrap(), br#""\"#, "nginx's capitals too");
    }
}
