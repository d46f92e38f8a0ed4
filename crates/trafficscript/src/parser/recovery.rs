//! What happens at a mistake: it is reported, and the reader looks for the next place where a statement can begin.

use super::{Abandon, DIAGNOSTICS_MAX, Parser};
use crate::token::{Keyword, Mark, TokenKind};
use source::{Diagnostic, DiagnosticId, Span};

impl Parser<'_> {
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        if !self.gave_up && self.diagnostics.len() <= DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
        }
    }

    pub(super) fn error(
        &mut self,
        id: &'static str,
        message: impl Into<String>,
        span: Span,
        help: &str,
    ) -> Abandon {
        let mut diagnostic = Diagnostic::error(DiagnosticId(id), message).at(self.source, span, "");
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        self.report(diagnostic);
        Abandon
    }

    /// Something else was to stand here. Silent about what is no word: the lexer has said so.
    pub(super) fn unexpected(&mut self, wanted: &str) -> Abandon {
        if *self.kind() == TokenKind::Wrong {
            return Abandon;
        }
        let message = format!("expected {wanted}, found {}", self.found());
        let span = self.span();
        self.error("syntax", message, span, "")
    }

    /// Words for the token that comes next.
    pub(super) fn found(&self) -> String {
        match self.kind() {
            TokenKind::Integer(_) | TokenKind::Double(_) => "a number".to_owned(),
            TokenKind::String(_) => "a string".to_owned(),
            TokenKind::Variable | TokenKind::Capture(_) | TokenKind::Name => {
                format!("`{}`", self.text(self.span()))
            }
            TokenKind::Keyword(keyword) => format!("`{}`", keyword.text()),
            TokenKind::Mark(mark) => format!("`{}`", mark.text()),
            TokenKind::Wrong => "something that is no word".to_owned(),
            TokenKind::End => "the end of the rule".to_owned(),
        }
    }

    /// Reports, and reads nothing more of the text.
    pub(super) fn give_up(&mut self, id: &'static str, message: String) -> Abandon {
        let span = self.span();
        let abandon = self.error(id, message, span, "put parts into variables or subs of their own");
        self.stop();
        abandon
    }

    pub(super) fn stop(&mut self) {
        self.gave_up = true;
        self.at = self.tokens.len().saturating_sub(1);
    }

    /// Goes to the next firm ground: behind a `;`, in front of a `}` or of a word that begins a statement. A block
    /// on the way is read as such, so that mistakes in it are found and its `}` closes nothing else.
    pub(super) fn resynchronise(&mut self) {
        let mut semicolon_ends = !std::mem::take(&mut self.in_for_header);
        loop {
            match *self.kind() {
                TokenKind::End | TokenKind::Mark(Mark::CloseCurly) => return,
                TokenKind::Mark(Mark::Semicolon) => {
                    self.bump();
                    if semicolon_ends {
                        return;
                    }
                }
                TokenKind::Mark(Mark::CloseRound) => {
                    self.bump();
                    semicolon_ends = true;
                }
                TokenKind::Mark(Mark::OpenCurly) => {
                    let _: Result<_, Abandon> = self.nested(Self::block);
                    if !matches!(
                        self.kind(),
                        TokenKind::Keyword(Keyword::Else | Keyword::ElseIf | Keyword::ElsIf)
                    ) {
                        return;
                    }
                    self.bump();
                    self.eat_keyword(Keyword::If);
                }
                TokenKind::Keyword(keyword) if keyword.begins_statement() => return,
                _ => self.bump(),
            }
        }
    }

    /// The `;` behind a statement. Where it is missing but the next statement plainly begins, it is reported and
    /// taken as written.
    pub(super) fn semicolon(&mut self) -> Result<(), Abandon> {
        if self.eat(Mark::Semicolon) {
            return Ok(());
        }
        if *self.kind() == TokenKind::Wrong {
            return Err(Abandon);
        }
        let end = self.previous_span().end;
        let next = self.span();
        let is_string = matches!(self.kind(), TokenKind::String(_));
        if is_string && self.previous_is_string() {
            let help = "put a `.` between them";
            return Err(self.error("syntax", "two strings side by side do not join", next, help));
        }
        let message = format!("a `;` is missing before {}", self.found());
        let place = Span::new(end.saturating_sub(1), end);
        let abandon = self.error("missing-semicolon", message, place, "end the statement with `;`");
        match self.kind() {
            TokenKind::Variable
            | TokenKind::Capture(_)
            | TokenKind::Name
            | TokenKind::Mark(Mark::CloseCurly)
            | TokenKind::End => Ok(()),
            TokenKind::Keyword(keyword) if keyword.begins_statement() => Ok(()),
            _ => Err(abandon),
        }
    }

    fn previous_is_string(&self) -> bool {
        let previous = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        previous.is_some_and(|token| matches!(token.kind, TokenKind::String(_)))
    }
}
