//! Comparisons of texts and numbers, as C's library and Apache do them.

use crate::directive::Comparison;
use std::cmp::Ordering;

/// A number as C's `atoi` reads it: blanks, a sign, digits; what follows is not looked at.
pub(crate) fn number(text: &[u8]) -> i32 {
    // a `long` cut to an `int`, as the C library of Apache's machines does it
    #[expect(clippy::cast_possible_truncation, reason = "that is what atoi does")]
    let cut = long(text) as i32;
    cut
}

/// The same with 64 bits.
pub(crate) fn long(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let mut value: i64 = 0;
    for digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        value = value.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    }
    if text.first() == Some(&b'-') { -value } else { value }
}

/// Whether an order is the one asked for.
pub(crate) fn compares(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::GreaterOrEqual => order.is_ge(),
        Comparison::Greater => order.is_gt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, value) in [
            ("12x", 12),
            (" -3", -3),
            ("", 0),
            ("x", 0),
            ("+7", 7),
            ("12", 12),
            (" -3x", -3),
            ("0x10", 0),
            ("4294967297", 1),
        ] {
            assert_eq!(number(text.as_bytes()), value, "{text}");
        }
    }
}
