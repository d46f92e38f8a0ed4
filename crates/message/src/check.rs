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
    let bad = |byte: u8| u8::from(byte.wrapping_sub(0x21) > 0x5d) | u8::from(byte == b'#');
    !target.is_empty() && target.iter().fold(0, |found, &byte| found | bad(byte)) == 0
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
            assert_eq!(is_target(&[b'/', byte]), (0x21..=0x7e).contains(&byte) && byte != b'#', "{byte:#x}");
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
