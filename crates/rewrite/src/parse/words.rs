//! How a line falls into words: Apache has two ways.
//!
//! Most directives read words as `ap_getword_conf` does: quotes of both kinds, `\` before the quote and before itself.
//! `mod_rewrite` reads three arguments of its own: a quote ends at the next quote, `\` only keeps a blank from ending
//! an argument and stays, and what follows the third argument is not looked at.

use super::lines::{Line, is_blank};
use source::Span;
use std::ops::Range;

/// A word.
#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Without quotes and escapes.
    pub(super) text: Vec<u8>,
    /// With its quotes, if it has some.
    pub(super) span: Span,
    /// Without its quotes, in the line.
    pub(super) inner: Range<usize>,
}

/// The words of a line, one after the other.
pub(super) struct Words<'a> {
    pub(super) line: &'a Line,
    at: usize,
    end: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a Line) -> Self {
        Self { line, at: 0, end: line.text.len() }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        if at < self.end { self.line.text.get(at).copied() } else { None }
    }

    fn skip_blanks(&mut self) {
        while self.byte(self.at).is_some_and(is_blank) {
            self.at += 1;
        }
    }

    /// Ends the line at the last `>`, as sections do; whether there is one.
    pub(super) fn close_section(&mut self) -> bool {
        let rest = self.line.slice(self.at..self.end);
        let Some(last) = rest.iter().rposition(|byte| *byte == b'>') else { return false };
        self.end = self.at + last;
        true
    }

    /// What is left, as it is; blanks around it are not.
    pub(super) fn rest(&mut self) -> (Range<usize>, &'a [u8]) {
        self.skip_blanks();
        let range = self.at..self.end;
        self.at = self.end;
        (range.clone(), self.line.slice(range))
    }

    /// Where what is left stands.
    pub(super) fn rest_span(&self) -> Span {
        self.line.span(self.at..self.end)
    }

    /// Whether nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.at >= self.end
    }

    /// The next word; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Word> {
        self.skip_blanks();
        let start = self.at;
        let first = self.byte(start)?;
        let (inner, quote) = if matches!(first, b'"' | b'\'') {
            let mut at = start + 1;
            while let Some(byte) = self.byte(at).filter(|byte| *byte != first) {
                let escapes =
                    byte == b'\\' && self.byte(at + 1).is_some_and(|next| next == first || next == b'\\');
                at += if escapes { 2 } else { 1 };
            }
            self.at = self.end.min(at + 1);
            (start + 1..at.min(self.end), Some(first))
        } else {
            while self.byte(self.at).is_some_and(|byte| !is_blank(byte)) {
                self.at += 1;
            }
            (start..self.at, None)
        };
        let span = self.line.span(start..self.at);
        let text = unescape(self.line.slice(inner.clone()), quote);
        self.skip_blanks();
        Some(Word { text, span, inner })
    }

    /// Behind the first word, the directive's name.
    pub(super) fn after_first(mut self) -> Self {
        self.next();
        self
    }

    /// All that are left.
    pub(super) fn all(&mut self) -> Vec<Word> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// The two or three arguments of `RewriteRule` and `RewriteCond`; `None` if there are fewer than two.
    pub(super) fn rewrite_arguments(&mut self) -> Option<RewriteArguments> {
        let first = self.rewrite_argument()?;
        // A quote that is not closed takes the rest of the line.
        if self.at >= self.end {
            return None;
        }
        let second = self.rewrite_argument()?;
        let third = self.rewrite_argument();
        Some(RewriteArguments { first, second, third })
    }

    fn rewrite_argument(&mut self) -> Option<Range<usize>> {
        self.skip_blanks();
        let first = self.byte(self.at)?;
        let quote = matches!(first, b'"' | b'\'').then_some(first);
        let start = self.at + usize::from(quote.is_some());
        let mut at = start;
        while let Some(byte) = self.byte(at) {
            if quote.map_or_else(|| is_blank(byte), |quote| byte == quote) {
                break;
            }
            let keeps = byte == b'\\' && self.byte(at + 1).is_some_and(is_blank);
            at += if keeps { 2 } else { 1 };
        }
        let at = at.min(self.end);
        self.at = self.end.min(at + 1);
        Some(start..at)
    }
}

/// The arguments of `RewriteRule` and `RewriteCond`: ranges of the line, without quotes.
#[derive(Debug)]
pub(super) struct RewriteArguments {
    pub(super) first: Range<usize>,
    pub(super) second: Range<usize>,
    pub(super) third: Option<Range<usize>>,
}

/// A word without its escapes: `\` before itself and before its quote goes.
fn unescape(word: &[u8], quote: Option<u8>) -> Vec<u8> {
    let mut text = Vec::with_capacity(word.len());
    let mut bytes = word.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let escaped = bytes.peek().copied().filter(|next| *next == b'\\' || Some(*next) == quote);
        match escaped {
            Some(next) if byte == b'\\' => {
                bytes.next();
                text.push(next);
            }
            _ => text.push(byte),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::*;
    use source::Source;

    fn words(text: &str) -> Vec<String> {
        let source = Source::new("t", text);
        let line = Lines::new(&source).next().unwrap();
        let all = Words::new(&line).all();
        all.into_iter().map(|word| String::from_utf8(word.text).unwrap()).collect()
    }

    fn rewrite(text: &str) -> Option<Vec<String>> {
        let source = Source::new("t", text);
        let line = Lines::new(&source).next().unwrap();
        let found = Words::new(&line).rewrite_arguments()?;
        let text = |range| String::from_utf8(line.slice(range).to_vec()).unwrap();
        Some([Some(found.first), Some(found.second), found.third].into_iter().flatten().map(text).collect())
    }

    #[test]
    fn words_are_quoted_as_in_apache() {
        assert_eq!(words(r#"a "b c" 'd "e"' f"g h""#), ["a", "b c", "d \"e\"", "f\"g", "h\""]);
        assert_eq!(
            words(r#""a\"b" "a\\b" a\\b a\b 'it\'s' "open end"#),
            ["a\"b", "a\\b", "a\\b", "a\\b", "it's", "open end"]
        );
        assert_eq!(words(r#""a"b """#), ["a", "b", ""]);
    }

    #[test]
    fn mod_rewrite_has_its_own_way() {
        assert_eq!(rewrite(r#""a b" '/x y' [F] rest"#).unwrap(), ["a b", "/x y", "[F]"]);
        assert_eq!(rewrite(r"^a\ b - [F]").unwrap(), [r"^a\ b", "-", "[F]"]);
        assert_eq!(rewrite(r#"^ "a\"b" [F]"#).unwrap(), ["^", "a\\", "b\""]);
        assert_eq!(rewrite("\"^\"-  [F]").unwrap(), ["^", "-", "[F]"]);
        assert_eq!(rewrite("\"index\" \"-").unwrap(), ["index", "-"]);
        assert!(rewrite("index").is_none());
        assert!(rewrite("\"index -").is_none());
        assert_eq!(rewrite("^ \"\" [F]").unwrap(), ["^", "", "[F]"]);
    }
}
