//! Small transformations of bytes that several functions share.

/// The path with `%XX` decoded; a bad escape keeps its text with `_` for the `%`, as the function reference has it.
pub(super) fn percent_decode(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (*first, after) {
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.push(hex_digit(*high) << 4 | hex_digit(*low));
                rest = tail;
            }
            (b'%', _) => out.push(b'_'),
            (byte, _) => out.push(byte),
        }
    }
    out
}

fn hex_digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        b'A'..=b'F' => byte - b'A' + 10,
        _ => 0,
    }
}

/// `%XX` for every byte that `keep` does not keep.
pub(super) fn percent_encode(text: &[u8], keep: impl Fn(u8) -> bool) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if keep(*byte) {
            out.push(*byte);
        } else {
            let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_and_encoding_never_lose_a_byte_in_silence() {
        assert_eq!(percent_decode(b"/a%20b%2"), b"/a b_2");
        assert_eq!(percent_decode(b"%G1%"), b"_G1_");
        assert_eq!(percent_encode(b"a b\r\n", |byte| byte.is_ascii_graphic()), b"a%20b%0D%0A");
    }
}
