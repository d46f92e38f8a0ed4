//! Logical lines: `\` at the end of a line joins it with the next, also in comments and within quotes.

use source::{Source, Span};
use std::ops::Range;

/// A line after joining, without blanks around it, and where its bytes come from.
#[derive(Debug)]
pub(super) struct Line {
    /// The bytes; no newline among them.
    pub(super) text: Vec<u8>,
    /// From where in `text` on which offset of the source: one entry for each physical line.
    pieces: Vec<(usize, u32)>,
}

impl Line {
    /// Where a byte of the text stands; beyond the end, behind the last.
    fn offset(&self, at: usize) -> u32 {
        let piece = self.pieces.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        let (start, offset) = self.pieces.get(piece).copied().unwrap_or_default();
        offset.saturating_add(u32::try_from(at.saturating_sub(start)).unwrap_or(u32::MAX))
    }

    /// Where a range of the text stands.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        if range.is_empty() {
            return Span::new(self.offset(range.start), self.offset(range.start));
        }
        Span::new(self.offset(range.start), self.offset(range.end - 1) + 1)
    }

    /// Where all of it stands.
    pub(super) fn whole(&self) -> Span {
        self.span(0..self.text.len())
    }

    /// Bytes of a range; none beyond the end.
    pub(super) fn slice(&self, range: Range<usize>) -> &[u8] {
        self.text.get(range).unwrap_or_default()
    }
}

/// Blanks as Apache knows them.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// The lines of a text that are neither empty nor comments.
pub(super) struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        Self { bytes: source.bytes(), at: 0 }
    }

    /// A physical line without its newline, and whether it is to be joined with the next.
    fn physical(&mut self) -> (Range<usize>, bool) {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n');
        self.at = length.map_or(self.bytes.len(), |length| start + length + 1);
        let mut end = length.map_or(self.bytes.len(), |length| start + length);
        // What is behind a NUL is not seen by a program in C.
        if let Some(nul) = self.bytes.get(start..end).and_then(|line| line.iter().position(|byte| *byte == 0))
        {
            return (start..start + nul, false);
        }
        let is = |at: usize, byte: u8| at >= start && self.bytes.get(at) == Some(&byte);
        if length.is_some() && end > start && is(end - 1, b'\r') {
            end -= 1;
        }
        if length.is_some() && end > start && is(end - 1, b'\\') {
            return (start..end - 1, true);
        }
        (start..end, false)
    }
}

impl Iterator for Lines<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        while self.at < self.bytes.len() {
            let mut line = Line { text: Vec::new(), pieces: Vec::new() };
            loop {
                let (range, goes_on) = self.physical();
                let mut piece = self.bytes.get(range.clone()).unwrap_or_default();
                let mut start = range.start;
                if line.text.is_empty() {
                    let blanks = piece.iter().take_while(|byte| is_blank(**byte)).count();
                    piece = piece.get(blanks..).unwrap_or_default();
                    start += blanks;
                }
                line.pieces.push((line.text.len(), u32::try_from(start).unwrap_or(u32::MAX)));
                line.text.extend_from_slice(piece);
                if !goes_on || self.at >= self.bytes.len() {
                    break;
                }
            }
            let end = line.text.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
            line.text.truncate(end);
            if line.text.first().is_some_and(|first| *first != b'#') {
                return Some(line);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let source = Source::new("t", text);
        Lines::new(&source).map(|line| String::from_utf8(line.text).unwrap()).collect()
    }

    #[test]
    fn a_backslash_joins_lines_comments_too_and_a_blank_behind_it_does_not() {
        assert_eq!(read("a \\\r\n  b\r\n# c \\\nd\n e\\ \nf\n"), ["a   b", "e\\", "f"]);
        assert_eq!(read("\n\\\n\nx\\"), ["x\\"], "nothing follows to be joined");
    }

    #[test]
    fn a_span_points_into_the_source_whatever_was_joined() {
        let source = Source::new("t", "one\n  ab\\\ncd ef\n");
        let line = Lines::new(&source).nth(1).unwrap();
        assert_eq!(line.text, b"abcd ef");
        assert_eq!(source.slice(line.span(5..7)), b"ef");
        assert_eq!(source.slice(line.span(0..4)), b"ab\\\ncd");
    }
}
