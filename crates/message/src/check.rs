//! Which bytes may stand where, in one table.

const TOKEN: u8 = 1;
const VALUE: u8 = 2;

const fn class_of(byte: u8) -> u8 {
    let token = matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        );
    let value = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    (if token { TOKEN } else { 0 }) | (if value { VALUE } else { 0 })
}

static CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte: u8 = 0;
    loop {
        table[byte as usize] = class_of(byte);
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    table
};

/// Whether `name` is a token of RFC 9110 5.6.2 (method and field names): not empty, no separators, no blanks.
#[inline]
pub fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && bad_token_byte(name).is_none()
}

/// Whether every byte may stand in a field value: HTAB, space, visible ASCII and bytes from 0x80 on; the empty value
/// is one. Blanks at the ends are not looked for.
#[inline]
pub fn is_field_value(value: &[u8]) -> bool {
    // A fold instead of a search: the compiler turns it into vector code, and a bad byte is the rare case.
    let bad = |byte: u8| u8::from(byte < b' ' && byte != b'\t') | u8::from(byte == 0x7f);
    value.iter().fold(0, |found, &byte| found | bad(byte)) == 0
}

/// Whether `target` may stand in a request line: not empty, visible ASCII only (no blanks, no controls, nothing from
/// 0x80 on) and no `#`, where some readers would end the path and others not.
#[inline]
pub fn is_target(target: &[u8]) -> bool {
    let (chunks, rest) = target.as_chunks::<8>();
    // Eight bytes at a time; what is left over is looked at together with bytes already seen, or one by one.
    let found = chunks.iter().fold(0, |found, chunk| found | bad_in_target(*chunk));
    match (rest, target.last_chunk::<8>()) {
        ([], _) => found == 0 && !target.is_empty(),
        (_, Some(last)) => (found | bad_in_target(*last)) == 0,
        (_, None) => rest.iter().all(|byte| (0x21..=0x7e).contains(byte) && *byte != b'#'),
    }
}

/// Not 0 if one of eight bytes may not stand in a target. The usual tests of a word for bytes that are zero or small:
/// exact about whether there is one, not about where.
#[inline]
const fn bad_in_target(chunk: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES * 0x80;
    let word = u64::from_le_bytes(chunk);
    let below_0x21 = word.wrapping_sub(ONES * 0x21) & !word;
    let hash = word ^ (ONES * b'#' as u64);
    let delete = word ^ (ONES * 0x7f);
    let is_hash = hash.wrapping_sub(ONES) & !hash;
    let is_delete = delete.wrapping_sub(ONES) & !delete;
    (word | below_0x21 | is_hash | is_delete) & HIGH
}

/// Where the first byte stands that no token may hold.
pub(crate) fn bad_token_byte(name: &[u8]) -> Option<usize> {
    name.iter().position(|&byte| CLASSES[byte as usize] & TOKEN == 0)
}

/// Where the first byte stands that no field value may hold.
pub(crate) fn bad_value_byte(value: &[u8]) -> Option<usize> {
    value.iter().position(|&byte| CLASSES[byte as usize] & VALUE == 0)
}

/// `value` without spaces and tabs at its ends.
pub(crate) fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_checks_agree_with_the_table_on_every_byte() {
        for byte in 0..=255u8 {
            assert_eq!(is_field_value(&[b'a', byte]), CLASSES[byte as usize] & VALUE != 0, "{byte:#x}");
            for length in 1..20 {
                for at in 0..length {
                    let mut target = vec![b'/'; length];
                    target[at] = byte;
                    let good = (0x21..=0x7e).contains(&byte) && byte != b'#';
                    assert_eq!(is_target(&target), good, "{byte:#x} at {at} of {length}");
                }
            }
        }
        assert!(!is_token(b"") && !is_target(b"") && is_field_value(b""));
    }

    #[test]
    fn a_token_holds_exactly_what_rfc_9110_lists() {
        let allowed = (0..=255u8).filter(|&byte| is_token(&[byte])).count();
        assert_eq!(allowed, 10 + 26 + 26 + 15);
        assert!(!is_token(b"a b") && !is_token(b"a:") && !is_token(b"a\x80"));
    }

    #[test]
    fn trimming_takes_blanks_at_both_ends_only() {
        assert_eq!(trim_blanks(b" \ta b\t "), b"a b");
        assert_eq!(trim_blanks(b" \t "), b"");
    }
}
