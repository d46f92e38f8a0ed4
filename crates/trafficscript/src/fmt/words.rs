//! The words of a text, each with the comments that belong to it.
#![warn(clippy::indexing_slicing)]

use crate::lexer::lex;
use crate::token::{Keyword, Mark, TokenKind};
use source::{Source, Span};
use std::sync::Arc;

/// A comment, and whether an empty line stands before it.
pub(super) struct Comment {
    pub(super) span: Span,
    pub(super) follows_blank_line: bool,
}

pub(super) struct Word {
    pub(super) kind: TokenKind,
    span: Span,
    /// Comments on lines of their own before it.
    pub(super) before: Vec<Comment>,
    /// Comments behind it on its line.
    pub(super) after: Vec<Comment>,
    /// It begins a line.
    pub(super) begins_line: bool,
    /// An empty line stands before it, behind the comments before it.
    pub(super) follows_blank_line: bool,
    /// Of a bracket: the place of the one that closes it, or opens it.
    pub(super) partner: Option<usize>,
}

/// All of them; the last one is the end.
pub(super) struct Words<'a> {
    source: &'a Source,
    words: Vec<Word>,
}

impl<'a> Words<'a> {
    pub(super) fn of(source: &'a Arc<Source>) -> Self {
        let lexed = lex(source);
        let mut words: Vec<Word> = Vec::with_capacity(lexed.tokens.len());
        let mut comments = lexed.comments.into_iter().peekable();
        let mut end = 0;
        for token in lexed.tokens {
            let mut before = Vec::new();
            while let Some(span) =
                comments.next_if(|comment| comment.start < token.span.start || token.kind == TokenKind::End)
            {
                let newlines = newlines(source, end, span.start);
                end = span.end;
                let comment = Comment { span, follows_blank_line: newlines > 1 };
                match words.last_mut().filter(|_| newlines == 0 && before.is_empty()) {
                    Some(last) => last.after.push(comment),
                    None => before.push(comment),
                }
            }
            let newlines = newlines(source, end, token.span.start);
            end = token.span.end;
            words.push(Word {
                kind: token.kind,
                span: token.span,
                before,
                after: Vec::new(),
                begins_line: newlines > 0,
                follows_blank_line: newlines > 1,
                partner: None,
            });
        }
        match_brackets(&mut words);
        Self { source, words }
    }

    pub(super) fn get(&self, at: usize) -> Option<&Word> {
        self.words.get(at)
    }

    /// The end where there is none.
    pub(super) fn kind(&self, at: usize) -> &TokenKind {
        self.get(at).map_or(&TokenKind::End, |word| &word.kind)
    }

    pub(super) fn is_mark(&self, at: usize, mark: Mark) -> bool {
        *self.kind(at) == TokenKind::Mark(mark)
    }

    pub(super) fn is_keyword(&self, at: usize, keyword: Keyword) -> bool {
        *self.kind(at) == TokenKind::Keyword(keyword)
    }

    pub(super) fn is_else_if(&self, at: usize) -> bool {
        self.is_keyword(at, Keyword::ElseIf) || self.is_keyword(at, Keyword::ElsIf)
    }

    /// Where the bracket that stands here is closed; itself, if it is none.
    pub(super) fn close_of(&self, at: usize) -> usize {
        self.get(at).and_then(|word| word.partner).filter(|partner| *partner > at).unwrap_or(at)
    }

    pub(super) fn text(&self, at: usize) -> &'a [u8] {
        self.get(at).map_or(&[], |word| self.source.slice(word.span))
    }

    pub(super) fn comment_text(&self, comment: &Comment) -> &'a [u8] {
        self.source.slice(comment.span).trim_ascii_end()
    }

    /// The first place in a range, outside of brackets, at which a mark stands.
    pub(super) fn find(&self, mut at: usize, end: usize, mark: Mark) -> Option<usize> {
        let end = end.min(self.words.len());
        while at < end {
            if self.is_mark(at, mark) {
                return Some(at);
            }
            at = self.close_of(at) + 1;
        }
        None
    }
}

fn newlines(source: &Source, start: u32, end: u32) -> usize {
    memchr::memchr_iter(b'\n', source.slice(Span::new(start, end))).count()
}

fn match_brackets(words: &mut [Word]) {
    let mut open = Vec::new();
    for at in 0..words.len() {
        let Some(TokenKind::Mark(mark)) = words.get(at).map(|word| &word.kind) else { continue };
        match mark {
            Mark::OpenRound | Mark::OpenSquare | Mark::OpenCurly => open.push(at),
            Mark::CloseRound | Mark::CloseSquare | Mark::CloseCurly => {
                let Some(opener) = open.pop() else { continue };
                for (place, partner) in [(at, opener), (opener, at)] {
                    if let Some(word) = words.get_mut(place) {
                        word.partner = Some(partner);
                    }
                }
            }
            _ => {}
        }
    }
}
