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

/// Whether Apache knows a status by this number (a redirect, or an answer of its own).
pub(super) fn is_status(status: i32) -> bool {
    matches!(
        status,
        100..=103 | 200..=208 | 226 | 300..=305 | 307 | 308 | 400..=417 | 421..=424 | 426 | 428 | 429 | 431 | 451
            | 500..=508 | 510 | 511
    )
}
