//! Named text, line starts, byte offset to line and column.

use std::ops::Range;
use std::sync::Arc;

/// A half-open range of bytes in a [`Source`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte; never below `start`.
    pub end: u32,
}

impl Span {
    /// The range `start..end`; an `end` before `start` is read as empty.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end: if end < start { start } else { end } }
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// As a range of indexes.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A line and a column, both counted from 1; the column counts characters, not bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A named text. Bytes, because rules are bytes; never longer than `u32::MAX` (what is beyond is cut).
#[derive(Debug)]
pub struct Source {
    name: Arc<str>,
    bytes: Vec<u8>,
    line_starts: Vec<u32>,
}

impl Source {
    /// A text under the name that messages will show (usually a path as the user wrote it).
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Vec<u8>>) -> Self {
        let mut bytes = text.into();
        bytes.truncate(u32::MAX as usize - 1);
        let newlines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| offset(at + 1))).collect();
        Self { name: name.into(), bytes, line_starts }
    }

    /// The name shown in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All of the text.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The text of a span; clipped to the text's end.
    pub fn slice(&self, span: Span) -> &[u8] {
        let end = self.bytes.len().min(span.end as usize);
        &self.bytes[end.min(span.start as usize)..end]
    }

    /// Where a byte stands. An offset beyond the end is read as the end.
    pub fn position(&self, at: u32) -> Position {
        let at = at.min(offset(self.bytes.len()));
        let line = self.line_starts.partition_point(|start| *start <= at).max(1) - 1;
        let before = self.slice(Span::new(self.line_starts[line], at));
        Position {
            line: offset(line + 1),
            column: offset(String::from_utf8_lossy(before).chars().count() + 1),
        }
    }

    /// Where a byte stands as editors count: line and column from 0, the column in units of UTF-16. Bytes that are no
    /// text count one each.
    pub fn utf16_position(&self, at: u32) -> (u32, u32) {
        let at = at.min(offset(self.bytes.len()));
        let line = self.line_starts.partition_point(|start| *start <= at).max(1) - 1;
        let before = self.slice(Span::new(self.line_starts[line], at));
        let units: usize = before
            .utf8_chunks()
            .map(|chunk| chunk.valid().chars().map(char::len_utf16).sum::<usize>() + chunk.invalid().len())
            .sum();
        (offset(line), offset(units))
    }

    /// The byte at such a place. A place beyond the end of its line is read as that end, one beyond the last line as the
    /// end of the text.
    pub fn offset_at_utf16(&self, line: u32, column: u32) -> u32 {
        let Some(span) = line.checked_add(1).and_then(|line| self.line(line)) else {
            return offset(self.bytes.len());
        };
        let (mut at, mut left) = (span.start, column as usize);
        for chunk in self.slice(span).utf8_chunks() {
            let chars = chunk.valid().chars().map(|c| (c.len_utf8(), c.len_utf16()));
            for (bytes, units) in chars.chain(chunk.invalid().iter().map(|_| (1, 1))) {
                if left < units {
                    return at;
                }
                left -= units;
                at += offset(bytes);
            }
        }
        at
    }

    /// The span of a line (counted from 1) without its newline; `None` beyond the last.
    pub fn line(&self, line: u32) -> Option<Span> {
        let index = (line as usize).checked_sub(1)?;
        let start = *self.line_starts.get(index)?;
        let end = self.line_starts.get(index + 1).map_or(offset(self.bytes.len()), |next| next - 1);
        Some(Span::new(start, end))
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_survive_any_offset() {
        let text = Source::new("t", "aä b\nc\n");
        assert_eq!(text.position(0), Position { line: 1, column: 1 });
        assert_eq!(text.position(3), Position { line: 1, column: 3 });
        assert_eq!(text.position(6), Position { line: 2, column: 1 });
        assert_eq!(text.position(999), Position { line: 3, column: 1 });
        assert_eq!(text.slice(text.line(2).unwrap()), b"c");
        assert_eq!(text.line(4), None);
    }

    #[test]
    fn editors_count_in_units_of_utf16() {
        let text = Source::new("t", b"a\xc3\xa9\xf0\x9f\x98\x80b\n\xffc".to_vec());
        for (at, place) in
            [(0, (0, 0)), (1, (0, 1)), (3, (0, 2)), (7, (0, 4)), (8, (0, 5)), (9, (1, 0)), (10, (1, 1))]
        {
            assert_eq!(text.utf16_position(at), place, "{at}");
            assert_eq!(text.offset_at_utf16(place.0, place.1), at, "{at}");
        }
        assert_eq!(text.offset_at_utf16(0, 3), 3, "in the middle of a character");
        assert_eq!(text.offset_at_utf16(0, 99), 8);
        assert_eq!((text.offset_at_utf16(9, 9), text.offset_at_utf16(u32::MAX, 0)), (11, 11));
        assert_eq!(text.utf16_position(99), (1, 2));
    }
}
