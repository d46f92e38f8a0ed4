//! A message about a text, as data: collected, never printed where it is made.

use crate::{Source, Span};
use std::sync::Arc;

/// The kebab-case name of a kind of mistake; each has a page in `docs/manual/diagnostics.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiagnosticId(pub &'static str);

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The text cannot be used.
    Error,
    /// The text can be used and probably does not do what was meant.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A range of a text with a remark.
#[derive(Clone, Debug)]
pub struct Label {
    /// The text the span is of.
    pub source: Arc<Source>,
    /// The range.
    pub span: Span,
    /// What stands here; may be empty.
    pub text: String,
}

/// Where a diagnostic points: file, line, column (both from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The text's name.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One mistake. The first label is the place it is reported at.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// Which kind of mistake.
    pub id: DiagnosticId,
    /// How bad.
    pub severity: Severity,
    /// States the fact, in lower case, without a full stop.
    pub message: String,
    /// The places concerned, the main one first; empty when there is no text (a file that is missing).
    pub labels: Vec<Label>,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake that makes the text unusable.
    pub fn error(id: DiagnosticId, message: impl Into<String>) -> Self {
        Self { id, severity: Severity::Error, message: message.into(), labels: Vec::new(), help: None }
    }

    /// A doubt.
    pub fn warning(id: DiagnosticId, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(id, message) }
    }

    /// Adds a place; the first one added is the main one.
    #[must_use]
    pub fn at(mut self, source: &Arc<Source>, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { source: Arc::clone(source), span, text: text.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The main place, if the diagnostic points into a text.
    pub fn place(&self) -> Option<Place> {
        let label = self.labels.first()?;
        let position = label.source.position(label.span.start);
        Some(Place { file: label.source.name().to_owned(), line: position.line, column: position.column })
    }

    /// `file:line:column: severity[id]: message (help)`, for logs.
    pub fn one_line(&self) -> String {
        let place = self.place().map_or(String::new(), |p| format!("{}:{}:{}: ", p.file, p.line, p.column));
        let help = self.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
        let line = format!("{place}{}[{}]: {}{help}", self.severity.name(), self.id.0, self.message);
        // A name in a message may be a string of the rule's, with line breaks in it.
        if !line.contains(char::is_control) {
            return line;
        }
        let escaped = |letter: char| match letter {
            letter if letter.is_control() => letter.escape_default().to_string(),
            letter => letter.to_string(),
        };
        line.chars().map(escaped).collect()
    }
}
