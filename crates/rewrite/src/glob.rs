//! `*`, `?` and `[...]`, as `fnmatch` knows them.

/// What `/` is to `*` and `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slashes {
    /// Bytes like others.
    AreBytes,
    /// Only a `/` matches one.
    StandAlone,
}

/// Whether a text is like a pattern, from its first to its last byte. Time is at most the product of both lengths.
pub(crate) fn matches(pattern: &[u8], text: &[u8], slashes: Slashes) -> bool {
    let (mut at, mut in_text) = (0, 0);
    // where to go on if what follows the last `*` does not fit: behind the star, one byte further in the text
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() || at < pattern.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, in_text));
            at += 1;
            continue;
        }
        if let (Some(byte), Some((length, true))) = (
            text.get(in_text),
            pattern
                .get(at..)
                .filter(|rest| !rest.is_empty())
                .map(|rest| one(rest, text.get(in_text).copied().unwrap_or_default(), slashes)),
        ) {
            let _ = byte;
            at += length;
            in_text += 1;
            continue;
        }
        match star {
            Some((behind, from)) if from < text.len() => {
                if slashes == Slashes::StandAlone && text.get(from) == Some(&b'/') {
                    return false;
                }
                star = Some((behind, from + 1));
                at = behind;
                in_text = from + 1;
            }
            _ => return false,
        }
    }
    true
}

/// Whether the first element of a pattern matches a byte, and how long that element is.
fn one(pattern: &[u8], byte: u8, slashes: Slashes) -> (usize, bool) {
    let is_alone = slashes == Slashes::StandAlone && byte == b'/';
    match pattern {
        [b'?', ..] => (1, !is_alone),
        [b'\\', escaped, ..] => (2, *escaped == byte),
        [b'[', rest @ ..] => match set(rest, byte) {
            Some((length, is_in)) => (length + 1, is_in && !is_alone),
            None => (1, byte == b'['),
        },
        [literal, ..] => (1, *literal == byte),
        [] => (0, false),
    }
}

/// A set behind its `[`: its length with the `]`, and whether it holds a byte; `None` if it does not end.
fn set(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(pattern.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let first = at;
    let mut found = false;
    loop {
        let mut low = *pattern.get(at)?;
        if low == b']' && at > first {
            return Some((at + 1, found != negated));
        }
        if low == b'\\' {
            at += 1;
            low = *pattern.get(at)?;
        }
        at += 1;
        let high = match (pattern.get(at), pattern.get(at + 1)) {
            (Some(b'-'), Some(high)) if *high != b']' => {
                at += 2;
                *high
            }
            _ => low,
        };
        found |= (low..=high).contains(&byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_as_a_whole() {
        let file =
            |pattern: &str, name: &str| matches(pattern.as_bytes(), name.as_bytes(), Slashes::StandAlone);
        assert!(file("*.mp3", "song.mp3"));
        assert!(!file("*.mp3", "song.mp3x"));
        assert!(file("s?ng.[mo][pg][3g]", "song.ogg"));
        assert!(file("[!a-c]*", "song"));
        assert!(!file("[!a-z]*", "song"));
        assert!(file("a*b*c", "aXbXbXc"));
        assert!(!file("*", "a/b"));
        assert!(matches(b"*", b"a/b", Slashes::AreBytes));
        assert!(file("", ""));
        assert!(file("*", ""));
        assert!(!file("?", ""));
        assert!(file("[", "["));
        assert!(file("\\*", "*"));
    }
}
