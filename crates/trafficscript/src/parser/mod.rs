//! Tokens to a syntax tree, by recursive descent with a bounded depth. Several mistakes are reported at once, each
//! one once: after a mistake the parser is silent until it has found firm ground again (see `recovery`).
#![warn(clippy::indexing_slicing)]

mod expression;
mod recovery;
mod statement;
#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may fail loudly")]
mod tests;

use crate::ast::{Ast, CallId, FunctionName, NESTING_MAX, Name, UseId, Variable};
use crate::lexer::{Lexed, lex};
use crate::mend;
use crate::token::{Keyword, Mark, Token, TokenKind};
use source::{Diagnostic, DiagnosticId, Severity, Source, Span};
use std::sync::Arc;

/// The longest rule text in bytes; a longer one is refused. Rules are read by people, and generated ones have a few
/// hundred kilobytes.
pub(crate) const RULE_BYTES_MAX: usize = 1 << 20;

/// How many mistakes and doubts are reported for one text; what comes after them is left out.
pub(crate) const DIAGNOSTICS_MAX: usize = 100;

/// Reads a rule. The tree holds whatever could be made sense of; it is whole if no diagnostic is an error.
pub(crate) fn parse(source: &Arc<Source>) -> (Ast, Vec<Diagnostic>) {
    let (ast, mut diagnostics) = parse_without_lints(source);
    diagnostics.extend(mend::swallowed_code(&ast));
    sort_and_cap(&mut diagnostics);
    (ast, diagnostics)
}

/// As [`parse`], but looks for mistakes of the grammar only.
pub(crate) fn parse_without_lints(source: &Arc<Source>) -> (Ast, Vec<Diagnostic>) {
    if source.bytes().len() > RULE_BYTES_MAX {
        return refuse(source);
    }
    let lexed = lex(source);
    let mut parser = Parser::new(source, lexed);
    parser.rule();
    parser.finish()
}

fn refuse(source: &Arc<Source>) -> (Ast, Vec<Diagnostic>) {
    let tokens = vec![Token { kind: TokenKind::End, span: Span::new(0, 0) }];
    let lexed = Lexed { tokens, comments: Vec::new(), diagnostics: Vec::new() };
    let mut parser = Parser::new(source, lexed);
    let message = format!("the rule has {} bytes; at most {RULE_BYTES_MAX} are read", source.bytes().len());
    parser.report(Diagnostic::error(DiagnosticId("rule-too-long"), message).at(source, Span::new(0, 0), ""));
    parser.finish()
}

/// In the order of the text, errors kept before warnings where there are too many.
fn sort_and_cap(diagnostics: &mut Vec<Diagnostic>) {
    let start = |diagnostic: &Diagnostic| diagnostic.labels.first().map_or(0, |label| label.span.start);
    if diagnostics.len() > DIAGNOSTICS_MAX {
        diagnostics.sort_by_key(|diagnostic| (diagnostic.severity, start(diagnostic)));
        diagnostics.truncate(DIAGNOSTICS_MAX);
    }
    diagnostics.sort_by_key(start);
}

/// Why a part of the text gave no node: a diagnostic was reported, and the reader must find firm ground.
pub(super) struct Abandon;

type Parsed<T> = Result<T, Abandon>;

pub(super) struct Parser<'a> {
    source: &'a Arc<Source>,
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
    /// True between the brackets of `for( ; ; )`, where a `;` ends no statement.
    in_for_header: bool,
    /// True once nothing more can be made of the text; then nothing more is reported either.
    gave_up: bool,
    diagnostics: Vec<Diagnostic>,
    ast: Ast,
}

impl<'a> Parser<'a> {
    fn new(source: &'a Arc<Source>, lexed: Lexed) -> Self {
        let ast = Ast {
            source: Arc::clone(source),
            imports: Vec::new(),
            subs: Vec::new(),
            body: Vec::new(),
            comments: lexed.comments,
            uses: 0,
            calls: 0,
            is_whole: true,
        };
        Self {
            source,
            tokens: lexed.tokens,
            at: 0,
            nesting: 0,
            in_for_header: false,
            gave_up: false,
            diagnostics: lexed.diagnostics,
            ast,
        }
    }

    fn finish(mut self) -> (Ast, Vec<Diagnostic>) {
        self.ast.is_whole = self.diagnostics.iter().all(|diagnostic| diagnostic.severity != Severity::Error);
        sort_and_cap(&mut self.diagnostics);
        (self.ast, self.diagnostics)
    }

    fn kind(&self) -> &TokenKind {
        self.tokens.get(self.at).map_or(&TokenKind::End, |token| &token.kind)
    }

    fn kind_ahead(&self, ahead: usize) -> &TokenKind {
        self.tokens.get(self.at + ahead).map_or(&TokenKind::End, |token| &token.kind)
    }

    /// The span of the token that comes next.
    fn span(&self) -> Span {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(Span::new(0, 0), |token| token.span)
    }

    /// The span of the token read last.
    fn previous_span(&self) -> Span {
        let previous = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        previous.map_or(Span::new(0, 0), |token| token.span)
    }

    /// From the start of a node to the token read last.
    fn since(&self, start: Span) -> Span {
        start.to(self.previous_span())
    }

    fn bump(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    fn is_mark(&self, mark: Mark) -> bool {
        *self.kind() == TokenKind::Mark(mark)
    }

    fn eat(&mut self, mark: Mark) -> bool {
        let found = self.is_mark(mark);
        if found {
            self.bump();
        }
        found
    }

    fn eat_keyword(&mut self, keyword: Keyword) -> bool {
        let found = *self.kind() == TokenKind::Keyword(keyword);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, mark: Mark) -> Parsed<()> {
        if self.eat(mark) { Ok(()) } else { Err(self.unexpected(&format!("`{}`", mark.text()))) }
    }

    fn text(&self, span: Span) -> Arc<str> {
        String::from_utf8_lossy(self.source.slice(span)).into()
    }

    /// The next token as a name, without what stands before it (`$`).
    fn name_of(&self, span: Span, prefix: usize) -> Name {
        let text = self.text(span);
        Name { text: text.get(prefix..).unwrap_or_default().into(), span }
    }

    fn variable(&mut self) -> Parsed<Variable> {
        if *self.kind() != TokenKind::Variable {
            return Err(self.unexpected("a variable"));
        }
        let name = self.name_of(self.span(), 1);
        self.bump();
        let id = UseId(self.ast.uses);
        self.ast.uses += 1;
        Ok(Variable { name, id })
    }

    fn function_name(&mut self) -> FunctionName {
        let name = self.name_of(self.span(), 0);
        self.bump();
        let id = CallId(self.ast.calls);
        self.ast.calls += 1;
        FunctionName { name, id }
    }

    /// Reads a part that may hold itself, one level deeper.
    fn nested<T>(&mut self, part: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= NESTING_MAX {
            let message = format!("more than {NESTING_MAX} levels inside one another");
            return Err(self.give_up("too-deep", message));
        }
        self.nesting += 1;
        let parsed = part(self);
        self.nesting -= 1;
        parsed
    }
}
