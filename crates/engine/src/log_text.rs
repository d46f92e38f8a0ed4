//! What clients sent, as a line of a log.

use std::fmt::Write;

/// One line for a log: control characters as `\n`, `\xhh`; cut at `bytes_max` with a mark.
pub(crate) fn log_text(text: &[u8], bytes_max: usize) -> String {
    let trimmed = text.strip_suffix(b"\n").unwrap_or(text);
    let shown = trimmed.get(..bytes_max).unwrap_or(trimmed);
    let mut out = String::with_capacity(shown.len());
    for chunk in shown.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() || c == '\\' {
                out.extend(c.escape_default());
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _written = write!(out, "\\x{byte:02x}");
        }
    }
    if shown.len() < trimmed.len() {
        out.push_str(" …");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_one_line_and_says_where_it_was_cut() {
        assert_eq!(log_text(b"two\nlines\x07\xff\n", 64), "two\\nlines\\u{7}\\xff");
        assert_eq!(log_text(b"abcdef", 3), "abc …");
    }
}
