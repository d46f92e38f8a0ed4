//! Where in a text somebody points or writes: the words around a place, and the sub it is in.
#![warn(clippy::indexing_slicing)]

use crate::lexer::lex;
use crate::token::{Keyword, Mark, Token, TokenKind};
use source::{Source, Span};
use std::sync::Arc;

/// The words of a text and a place in it.
pub(super) struct Cursor<'a> {
    pub(super) source: &'a Arc<Source>,
    pub(super) tokens: Vec<Token>,
    /// Offset in bytes.
    pub(super) at: u32,
    in_comment: bool,
}

/// A call that is open at the place.
pub(super) struct OpenCall {
    /// The name's place among the words.
    pub(super) name: Span,
    /// Which argument the place is in, from 0.
    pub(super) argument: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a Arc<Source>, at: u32) -> Self {
        let lexed = lex(source);
        let in_comment = lexed.comments.iter().any(|comment| comment.start < at && at <= comment.end);
        Self { source, tokens: lexed.tokens, at, in_comment }
    }

    pub(super) fn is_in_comment(&self) -> bool {
        self.in_comment
    }

    pub(super) fn text(&self, span: Span) -> String {
        String::from_utf8_lossy(self.source.slice(span)).into_owned()
    }

    /// The word that is pointed at, or that ends here.
    pub(super) fn word(&self) -> Option<&Token> {
        let holds = |token: &&Token| token.span.start <= self.at && self.at <= token.span.end;
        let is_name = |token: &&Token| matches!(token.kind, TokenKind::Name | TokenKind::Variable);
        self.tokens.iter().filter(holds).find(is_name).or_else(|| self.tokens.iter().find(holds))
    }

    /// The string that the place is inside of, quotes excluded; also one that is not closed yet.
    pub(super) fn string(&self) -> Option<Span> {
        let token =
            self.tokens.iter().find(|token| token.span.start < self.at && self.at <= token.span.end)?;
        let text = self.source.slice(token.span);
        let quote = *text.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
        let is_closed =
            matches!(token.kind, TokenKind::String(_)) && text.len() > 1 && text.last() == Some(&quote);
        let end = if is_closed { token.span.end - 1 } else { token.span.end };
        (self.at <= end).then(|| Span::new(token.span.start + 1, end))
    }

    /// What was written of a name up to the place: letters, digits, `_`, `.` and a `$` before them.
    pub(super) fn written(&self) -> Span {
        let before = self.source.slice(Span::new(0, self.at));
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
        let length = before.iter().rev().take_while(is_part).count();
        let mut start = before.len() - length;
        if start > 0 && before.get(start - 1) == Some(&b'$') {
            start -= 1;
        }
        Span::new(u32::try_from(start).unwrap_or(self.at), self.at)
    }

    /// The innermost call whose brackets are open at the place.
    pub(super) fn call(&self) -> Option<OpenCall> {
        let mut open: Vec<(Option<Span>, usize)> = Vec::new();
        let mut before: Option<&Token> = None;
        for token in self.tokens.iter().take_while(|token| token.span.end <= self.at) {
            match token.kind {
                TokenKind::Mark(Mark::OpenRound) => {
                    let name = before.filter(|token| token.kind == TokenKind::Name).map(|token| token.span);
                    open.push((name, 0));
                }
                TokenKind::Mark(Mark::OpenSquare) => open.push((None, 0)),
                TokenKind::Mark(Mark::CloseRound | Mark::CloseSquare) => {
                    open.pop();
                }
                // A statement ends; brackets that were left open are a mistake further up. `for( ; ; )` has no calls
                // around its semicolons.
                TokenKind::Mark(Mark::Semicolon | Mark::OpenCurly | Mark::CloseCurly) => open.clear(),
                TokenKind::Mark(Mark::Comma) => {
                    if let Some((_, argument)) = open.last_mut() {
                        *argument += 1;
                    }
                }
                TokenKind::End => break,
                _ => {}
            }
            before = Some(token);
        }
        let (name, argument) = open.into_iter().rev().find(|(name, _)| name.is_some())?;
        name.map(|name| OpenCall { name, argument })
    }

    /// The words of the scope around the place: those of the sub it is in, or those outside of all subs.
    pub(super) fn scope(&self) -> Vec<&Token> {
        let mut outside = Vec::new();
        let mut sub: Option<(Vec<&Token>, usize)> = None;
        let mut start = 0;
        for token in &self.tokens {
            match (&mut sub, &token.kind) {
                (None, TokenKind::Keyword(Keyword::Sub)) => {
                    start = token.span.start;
                    sub = Some((Vec::new(), 0));
                }
                (None, _) => outside.push(token),
                (Some((words, depth)), kind) => {
                    words.push(token);
                    match kind {
                        TokenKind::Mark(Mark::OpenCurly) => *depth += 1,
                        TokenKind::Mark(Mark::CloseCurly) => *depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    let is_end = *kind == TokenKind::Mark(Mark::CloseCurly) && *depth == 0;
                    if is_end || *kind == TokenKind::End {
                        if start <= self.at && self.at <= token.span.end {
                            return sub.map(|(words, _)| words).unwrap_or_default();
                        }
                        sub = None;
                    }
                }
            }
        }
        outside
    }
}
