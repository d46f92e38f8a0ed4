//! Doubts about a file that Apache takes.

/// The length of the invisible character a text begins with, if it begins with one: blanks Apache does not know, and
/// marks of no width.
pub(crate) fn invisible_at(text: &[u8]) -> Option<usize> {
    match text {
        // U+00A0 in UTF-8, or a byte order mark, or a blank or mark of the general punctuation, or a wide blank.
        [0xc2, 0xa0 | 0xad, ..] => Some(2),
        [0xef, 0xbb, 0xbf, ..]
        | [0xe2, 0x80, 0x80..=0x8f | 0xa8..=0xaf, ..]
        | [0xe2, 0x81, 0x9f | 0xa0, ..]
        | [0xe3, 0x80, 0x80, ..] => Some(3),
        _ => None,
    }
}

/// Where the first invisible character of a text stands.
pub(crate) fn first_invisible(text: &[u8]) -> Option<usize> {
    (0..text.len()).find(|at| text.get(*at..).is_some_and(|rest| invisible_at(rest).is_some()))
}

#[cfg(test)]
mod tests;
