//! Rules, declarations and statements.

use super::{Parsed, Parser};
use crate::ast::{Case, Expr, IfArm, Import, Name, Statement, StatementKind, Sub, Variable};
use crate::token::{Keyword, Mark, TokenKind};
use source::{Diagnostic, DiagnosticId, Span};

impl Parser<'_> {
    /// The whole text.
    pub(super) fn rule(&mut self) {
        loop {
            self.ast.body = {
                let mut body = std::mem::take(&mut self.ast.body);
                body.extend(self.statements(Closer::End));
                body
            };
            if *self.kind() == TokenKind::End {
                return;
            }
            let span = self.span();
            self.error("syntax", "this `}` closes nothing", span, "remove it");
            self.bump();
        }
    }

    /// Statements up to what ends them, which is not read. A `}` and the end always end them.
    fn statements(&mut self, closer: Closer) -> Vec<Statement> {
        let mut statements = Vec::new();
        loop {
            match self.kind() {
                TokenKind::End | TokenKind::Mark(Mark::CloseCurly) => return statements,
                TokenKind::Keyword(Keyword::Case | Keyword::Default) if closer == Closer::Case => {
                    return statements;
                }
                _ => {}
            }
            let before = self.at;
            let parsed =
                if closer == Closer::End { self.declaration_or_statement() } else { self.statement() };
            if let Ok(statement) = parsed {
                statements.extend(statement);
                continue;
            }
            if self.at == before && !self.is_mark(Mark::OpenCurly) {
                self.bump();
            }
            self.resynchronise();
        }
    }

    /// None for a declaration, which goes into the tree's own lists.
    fn declaration_or_statement(&mut self) -> Parsed<Option<Statement>> {
        match self.kind() {
            TokenKind::Keyword(Keyword::Sub) => self.sub().map(|()| None),
            TokenKind::Keyword(Keyword::Import) => self.import().map(|()| None),
            _ => self.statement(),
        }
    }

    /// Never None here; the type is that of the caller's other choice.
    fn statement(&mut self) -> Parsed<Option<Statement>> {
        let start = self.span();
        let kind = self.nested(Self::statement_kind)?;
        Ok(Some(Statement { kind, span: self.since(start) }))
    }

    fn statement_kind(&mut self) -> Parsed<StatementKind> {
        match *self.kind() {
            TokenKind::Mark(Mark::Semicolon) => {
                self.bump();
                Ok(StatementKind::Empty)
            }
            TokenKind::Mark(Mark::OpenCurly) => Ok(StatementKind::Block(self.block()?)),
            TokenKind::Keyword(keyword) => self.keyword_statement(keyword),
            _ => {
                let expression = self.expression()?;
                self.semicolon()?;
                Ok(StatementKind::Expr(expression))
            }
        }
    }

    fn keyword_statement(&mut self, keyword: Keyword) -> Parsed<StatementKind> {
        match keyword {
            Keyword::True | Keyword::False => {
                let expression = self.expression()?;
                self.semicolon()?;
                return Ok(StatementKind::Expr(expression));
            }
            Keyword::Sub | Keyword::Import => return self.misplaced_declaration(keyword),
            _ => {}
        }
        let span = self.span();
        self.bump();
        match keyword {
            Keyword::If => self.if_statement(),
            Keyword::While => self.while_statement(),
            Keyword::Do => self.do_statement(),
            Keyword::For => self.for_statement(),
            Keyword::Foreach => self.foreach_statement(),
            Keyword::Switch => self.switch_statement(span),
            Keyword::Break => self.simple(StatementKind::Break),
            Keyword::Continue => self.simple(StatementKind::Continue),
            Keyword::Return => self.return_statement(),
            Keyword::Else | Keyword::ElseIf | Keyword::ElsIf => {
                let message = format!("`{}` without an `if` before it", keyword.text());
                Err(self.error("syntax", message, span, "`else` stands right behind the `}` of its `if`"))
            }
            Keyword::Case | Keyword::Default => {
                let message = format!("`{}` outside of a `switch`", keyword.text());
                Err(self.error("syntax", message, span, ""))
            }
            _ => {
                let message = format!("`{}` begins no statement", keyword.text());
                Err(self.error("syntax", message, span, ""))
            }
        }
    }

    fn simple(&mut self, kind: StatementKind) -> Parsed<StatementKind> {
        self.semicolon()?;
        Ok(kind)
    }

    /// Reads the declaration all the same, so that calls of the sub are not reported too.
    fn misplaced_declaration(&mut self, keyword: Keyword) -> Parsed<StatementKind> {
        let message = format!("`{}` inside of a block", keyword.text());
        let span = self.span();
        self.error("misplaced-declaration", message, span, "put it outside of all blocks");
        if keyword == Keyword::Sub {
            self.sub()?;
        } else {
            self.import()?;
        }
        Ok(StatementKind::Empty)
    }

    /// `{ … }`
    pub(super) fn block(&mut self) -> Parsed<Vec<Statement>> {
        let open = self.span();
        self.expect(Mark::OpenCurly)?;
        let statements = self.statements(Closer::Curly);
        self.close_block(open);
        Ok(statements)
    }

    /// Every block around an unclosed one is unclosed too: one is enough to say.
    fn close_block(&mut self, open: Span) {
        if !self.eat(Mark::CloseCurly) {
            self.error("unclosed-block", "this `{` is never closed", open, "a `}` is missing");
            self.stop();
        }
    }

    /// What an `if` or a loop governs: a block, or one statement.
    fn body(&mut self) -> Parsed<Vec<Statement>> {
        if self.is_mark(Mark::OpenCurly) {
            return self.nested(Self::block);
        }
        Ok(self.statement()?.into_iter().collect())
    }

    /// `( … )`
    fn condition(&mut self) -> Parsed<Expr> {
        self.expect(Mark::OpenRound)?;
        let condition = self.expression()?;
        self.expect(Mark::CloseRound)?;
        Ok(condition)
    }

    fn if_statement(&mut self) -> Parsed<StatementKind> {
        let mut arms = vec![self.if_arm()?];
        loop {
            match *self.kind() {
                TokenKind::Keyword(Keyword::Else) => {
                    self.bump();
                    if !self.eat_keyword(Keyword::If) {
                        return Ok(StatementKind::If { arms, otherwise: Some(self.body()?) });
                    }
                }
                TokenKind::Keyword(keyword @ (Keyword::ElseIf | Keyword::ElsIf)) => {
                    let message = format!("`{}` is read as `else if`", keyword.text());
                    let warning = Diagnostic::warning(DiagnosticId("else-if"), message);
                    let warning = warning.at(self.source, self.span(), "").help("write `else if`");
                    self.report(warning);
                    self.bump();
                }
                _ => return Ok(StatementKind::If { arms, otherwise: None }),
            }
            arms.push(self.if_arm()?);
        }
    }

    fn if_arm(&mut self) -> Parsed<IfArm> {
        Ok(IfArm { condition: self.condition()?, body: self.body()? })
    }

    fn while_statement(&mut self) -> Parsed<StatementKind> {
        Ok(StatementKind::While { condition: self.condition()?, body: self.body()? })
    }

    fn do_statement(&mut self) -> Parsed<StatementKind> {
        let body = self.body()?;
        if !self.eat_keyword(Keyword::While) {
            return Err(self.unexpected("`while`"));
        }
        let condition = self.condition()?;
        self.semicolon()?;
        Ok(StatementKind::DoWhile { body, condition })
    }

    fn for_statement(&mut self) -> Parsed<StatementKind> {
        self.expect(Mark::OpenRound)?;
        self.in_for_header = true;
        let start = self.expression_before(Mark::Semicolon)?;
        let condition = self.expression_before(Mark::Semicolon)?;
        let step = self.expression_before(Mark::CloseRound)?;
        self.in_for_header = false;
        Ok(StatementKind::For { start, condition, step, body: self.body()? })
    }

    /// An optional expression, and the mark behind it.
    fn expression_before(&mut self, mark: Mark) -> Parsed<Option<Expr>> {
        let expression = if self.is_mark(mark) { None } else { Some(self.expression()?) };
        self.expect(mark)?;
        Ok(expression)
    }

    fn foreach_statement(&mut self) -> Parsed<StatementKind> {
        self.expect(Mark::OpenRound)?;
        let variable = self.variable()?;
        if !self.eat_keyword(Keyword::In) {
            return Err(self.unexpected("`in`"));
        }
        let array = self.expression()?;
        self.expect(Mark::CloseRound)?;
        Ok(StatementKind::Foreach { variable, array, body: self.body()? })
    }

    fn switch_statement(&mut self, keyword: Span) -> Parsed<StatementKind> {
        self.expect(Mark::OpenRound)?;
        let subject = self.expression()?;
        let mut comparison = None;
        if self.eat(Mark::Comma) {
            if *self.kind() != TokenKind::Name {
                return Err(self.unexpected("the name of a function that compares"));
            }
            comparison = Some(self.function_name());
        }
        self.expect(Mark::CloseRound)?;
        let open = self.span();
        self.expect(Mark::OpenCurly)?;
        let mut cases = Vec::new();
        let mut default = None;
        loop {
            let start = self.span();
            if self.eat_keyword(Keyword::Case) {
                cases.push(self.case(start)?);
            } else if self.eat_keyword(Keyword::Default) {
                self.expect(Mark::Colon)?;
                let body = self.statements(Closer::Case);
                if default.replace(body).is_some() {
                    self.error("syntax", "this `switch` has two `default`s", start, "");
                }
            } else {
                break;
            }
        }
        if !matches!(self.kind(), TokenKind::Mark(Mark::CloseCurly) | TokenKind::End) {
            return Err(self.unexpected("`case`, `default` or `}`"));
        }
        self.close_block(open);
        if cases.is_empty() && default.is_none() {
            let warning = Diagnostic::warning(DiagnosticId("empty-switch"), "this `switch` has no cases");
            self.report(warning.at(self.source, keyword, ""));
        }
        Ok(StatementKind::Switch { subject, comparison, cases, default })
    }

    fn case(&mut self, start: Span) -> Parsed<Case> {
        let mut values = vec![self.expression()?];
        while self.eat(Mark::Comma) {
            if self.is_mark(Mark::Colon) {
                break;
            }
            values.push(self.expression()?);
        }
        self.expect(Mark::Colon)?;
        let body = self.statements(Closer::Case);
        Ok(Case { values, body, span: self.since(start) })
    }

    fn return_statement(&mut self) -> Parsed<StatementKind> {
        let ends =
            matches!(self.kind(), TokenKind::Mark(Mark::Semicolon | Mark::CloseCurly) | TokenKind::End);
        let value = if ends { None } else { Some(self.expression()?) };
        self.semicolon()?;
        Ok(StatementKind::Return(value))
    }

    fn sub(&mut self) -> Parsed<()> {
        let start = self.span();
        self.bump();
        if *self.kind() != TokenKind::Name {
            return Err(self.unexpected("the name of the sub"));
        }
        let name = self.name_of(self.span(), 0);
        self.bump();
        // What is declared is declared, even where its parameters or its body hold a mistake.
        let declared = self.ast.subs.len();
        self.ast.subs.push(Sub { name, parameters: Vec::new(), body: Vec::new(), span: start });
        let parameters = self.parameters()?;
        let body = self.nested(Self::block)?;
        let span = self.since(start);
        if let Some(sub) = self.ast.subs.get_mut(declared) {
            sub.parameters = parameters;
            sub.body = body;
            sub.span = span;
        }
        Ok(())
    }

    fn parameters(&mut self) -> Parsed<Vec<Variable>> {
        self.expect(Mark::OpenRound)?;
        let mut parameters = Vec::new();
        while !self.is_mark(Mark::CloseRound) {
            parameters.push(self.variable()?);
            if !self.eat(Mark::Comma) {
                break;
            }
        }
        self.expect(Mark::CloseRound)?;
        Ok(parameters)
    }

    fn import(&mut self) -> Parsed<()> {
        let start = self.span();
        self.bump();
        let (rule, is_plain) = match self.kind().clone() {
            TokenKind::Name => (self.name_of(self.span(), 0), true),
            TokenKind::String(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let is_plain =
                    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                (Name { text: text.as_ref().into(), span: self.span() }, is_plain)
            }
            _ => return Err(self.unexpected("the name of a rule")),
        };
        self.bump();
        let alias = if self.eat_keyword(Keyword::As) {
            if *self.kind() != TokenKind::Name {
                return Err(self.unexpected("a name for the imported rule"));
            }
            let alias = self.name_of(self.span(), 0);
            self.bump();
            alias
        } else {
            if !is_plain {
                let message = format!("the rule `{}` cannot be called by its own name", rule.text);
                let help = "write `import \"…\" as name;`";
                self.error("import-needs-name", message, rule.span, help);
            }
            rule.clone()
        };
        self.semicolon()?;
        let span = self.since(start);
        self.ast.imports.push(Import { rule, alias, span });
        Ok(())
    }
}

/// What ends a list of statements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closer {
    End,
    Curly,
    /// A `case` or `default` as well.
    Case,
}
