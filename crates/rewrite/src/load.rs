//! Directives to what runs: patterns and expressions are compiled once, when a file is loaded.

use crate::directive::Named;
use crate::directive::{self, CondTest, Regex, Template, TemplatePart};
use crate::expression::{Expression, StringExpression};
use crate::ways::TestId;
use pattern::{Case, Dialect, Newlines, Pattern};
use source::{Diagnostic, DiagnosticId, Source, Span};
use std::collections::HashMap;
use std::sync::Arc;

/// What is needed, and collected, while files are loaded.
pub(crate) struct Loader<'l> {
    /// The text under way.
    pub(crate) source: &'l Arc<Source>,
    pub(crate) diagnostics: &'l mut Vec<Diagnostic>,
    pub(crate) tests: &'l mut Tests,
}

/// Tests that were met, so that equal ones get one number.
#[derive(Debug, Default)]
pub(crate) struct Tests(HashMap<String, TestId>);

impl Loader<'_> {
    /// A pattern, or a diagnostic.
    pub(crate) fn pattern(&mut self, regex: &Regex) -> Option<Pattern> {
        let case = if regex.ignores_case { Case::Insensitive } else { Case::Sensitive };
        match Pattern::new(&regex.text, Dialect { case, newlines: Newlines::AreBytes }) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let what = format!("this is no pattern: {error}");
                self.diagnostics.push(
                    Diagnostic::error(DiagnosticId("htaccess-pattern"), what)
                        .at(self.source, regex.span, "here")
                        .help("Apache answers every request below this folder with 500"),
                );
                None
            }
        }
    }

    /// A condition in Apache's language for expressions, or a diagnostic.
    pub(crate) fn condition(&mut self, written: &directive::Expression) -> Option<Expression> {
        let read = Expression::new(&written.text);
        self.expression(written, read)
    }

    /// A text with expressions in it, or a diagnostic.
    pub(crate) fn string(&mut self, written: &directive::Expression) -> Option<StringExpression> {
        let read = StringExpression::new(&written.text);
        self.expression(written, read)
    }

    fn expression<T>(
        &mut self,
        written: &directive::Expression,
        read: Result<T, (String, usize)>,
    ) -> Option<T> {
        match read {
            Ok(expression) => Some(expression),
            Err((what, at)) => {
                let start = written.span.start.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
                // escapes within quotes make the text shorter than what is written: then all of it is shown
                let is_verbatim = self.source.slice(written.span) == written.text;
                let span = if is_verbatim && start < written.span.end {
                    Span { start, end: written.span.end }
                } else {
                    written.span
                };
                self.diagnostics.push(
                    Diagnostic::error(
                        DiagnosticId("htaccess-expression"),
                        format!("this is no expression: {what}"),
                    )
                    .at(self.source, span, "here")
                    .help("Apache answers every request below this folder with 500"),
                );
                None
            }
        }
    }

    /// The number of a test that looks only at what does not change while a request is evaluated.
    pub(crate) fn test_id(&mut self, subject: &Template, test: &CondTest) -> Option<TestId> {
        let is_fixed = |part: &TemplatePart| match part {
            TemplatePart::Literal(_) => true,
            TemplatePart::Variable(named, _) => matches!(named, Named::Of(_) | Named::Field(_)),
            _ => false,
        };
        if !subject.parts.iter().all(is_fixed) {
            return None;
        }
        let test = match test {
            CondTest::Regex(regex) => format!("~{} {:?}", regex.ignores_case, regex.text),
            CondTest::Text(comparison, with) => format!("t{comparison:?} {with:?}"),
            CondTest::Number(comparison, with) => format!("n{comparison:?} {with}"),
            _ => return None,
        };
        let next = TestId::try_from(self.tests.0.len()).ok()?;
        Some(*self.tests.0.entry(format!("{:?} {test}", subject.text)).or_insert(next))
    }
}
