//! Typography, mended: a text of the same meaning as was meant, for people to compare.

use super::typography::{ENTITIES, QUOTES, invisible_at, is_dash};

/// The text with ordinary signs: dashes that stand alone, quotes, names of characters, invisible blanks, the byte order
/// mark. Comments stay as they are. `None` if there is nothing to mend.
///
/// ```
/// let mended = rewrite::mended_typography("RewriteRule .* – [F]\n".as_bytes());
/// assert_eq!(mended.as_deref(), Some(b"RewriteRule .* - [F]\n".as_slice()));
/// ```
pub fn mended_typography(text: &[u8]) -> Option<Vec<u8>> {
    let mut mended = Vec::with_capacity(text.len());
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let line = if index == 0 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        if line.trim_ascii_start().starts_with(b"#") {
            mended.extend_from_slice(line);
        } else {
            mend_line(line, &mut mended);
        }
    }
    (mended != text).then_some(mended)
}

fn mend_line(line: &[u8], mended: &mut Vec<u8>) {
    let is_text = std::str::from_utf8(line).is_ok();
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(length) = invisible_at(rest) {
            // A mark without a width was no blank.
            let is_mark = matches!(rest, [0xe2, 0x80, 0x8b..=0x8f | 0xaa..=0xae, ..] | [0xef, ..] | [0xe2, 0x81, 0xa0, ..] | [0xc2, 0xad, ..]);
            if !is_mark {
                plain.push(b' ');
            }
            rest = rest.get(length..).unwrap_or_default();
        } else if let Some((name, sign)) =
            QUOTES.iter().chain(&ENTITIES).find(|(name, _)| rest.starts_with(name.as_bytes()))
        {
            plain.extend_from_slice(sign.as_bytes());
            rest = rest.get(name.len()..).unwrap_or_default();
        } else {
            plain.push(if !is_text && *first == 0xa0 { b' ' } else { *first });
            rest = tail;
        }
    }
    let mut first = true;
    for word in plain.split_inclusive(u8::is_ascii_whitespace) {
        let bare = word.trim_ascii_end();
        if !first && is_dash(bare) {
            mended.push(b'-');
            mended.extend_from_slice(word.get(bare.len()..).unwrap_or_default());
        } else {
            mended.extend_from_slice(word);
        }
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_mended_and_nothing_else_is_touched() {
        let mend =
            |text: &str| mended_typography(text.as_bytes()).map(|text| String::from_utf8(text).unwrap());
        assert_eq!(
            mend("# a – “comment”\nRewriteRule ^a-b – [F]\n"),
            Some("# a – “comment”\nRewriteRule ^a-b - [F]\n".into())
        );
        assert_eq!(
            mend("\u{feff}RewriteRule “^a” -\u{a0}[F]\r\n"),
            Some("RewriteRule \"^a\" - [F]\r\n".into())
        );
        assert_eq!(mend("Redirect /a /b?x=1&amp;y=2\n"), Some("Redirect /a /b?x=1&y=2\n".into()));
        assert_eq!(mend("RewriteRule caf\u{e9}–bar -\n"), None, "a dash within a word may be meant");
        assert_eq!(
            mended_typography(b"RewriteRule x -\xa0[F]\n").as_deref(),
            Some(b"RewriteRule x - [F]\n".as_slice())
        );
    }
}
