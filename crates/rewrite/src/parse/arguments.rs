//! Words that must be one of a few.

use super::known::Known;
use super::reader::Reader;
use super::words::{Word, Words};

/// Exactly so many words; `None`, and a report, if there are others.
pub(super) fn exactly<const N: usize>(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
) -> Option<[Word; N]> {
    let all = words.all();
    if !reader.count(known, &all, (N, N), words.line) {
        return None;
    }
    all.try_into().ok()
}

/// At least one word and at most so many.
pub(super) fn between(
    reader: &mut Reader<'_>,
    known: &Known,
    words: &mut Words<'_>,
    counts: (usize, usize),
) -> Option<Vec<Word>> {
    let all = words.all();
    reader.count(known, &all, counts, words.line).then_some(all)
}

/// A number as `atoi` reads it: digits at the start, with a sign; 0 if there are none.
pub(super) fn atoi(text: &[u8]) -> i32 {
    let text = text.trim_ascii_start();
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1_i64, rest),
        [b'+', rest @ ..] | rest => (1, rest),
    };
    let mut number = 0_i64;
    for digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        number = number.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
    }
    // What `strtol` clips, a cast to `int` cuts.
    #[expect(clippy::cast_possible_truncation, reason = "as the cast in C does")]
    let cut = (sign * number) as i32;
    cut
}

/// Whether Apache knows a status by this number (a redirect, or an answer of its own).
pub(super) fn is_status(status: i32) -> bool {
    matches!(
        status,
        100..=103 | 200..=208 | 226 | 300..=305 | 307 | 308 | 400..=417 | 421..=424 | 426 | 428 | 429 | 431 | 451
            | 500..=508 | 510 | 511
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, number) in [("12", 12), (" -3x", -3), ("x", 0), ("", 0), ("+7", 7)] {
            assert_eq!(atoi(text.as_bytes()), number, "{text}");
        }
    }
}
