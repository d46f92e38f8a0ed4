//! What can go wrong while a rule runs.

use source::{Diagnostic, DiagnosticId, Source, Span};
use std::fmt;
use std::sync::Arc;

/// Why a rule was ended, and where it stood.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What happened.
    pub kind: FaultKind,
    /// The text that was running: the rule, or a library it imports.
    pub source: Arc<Source>,
    /// The expression or statement in `source`.
    pub span: Span,
}

/// What ended a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// More than this many instructions without waiting.
    OutOfFuel(u64),
    /// More than this many bytes of strings, arrays and hashes made.
    OutOfMemory(u64),
    /// More than this many subs called inside each other.
    TooDeep(u32),
    /// Arrays and hashes nested deeper than this.
    NestedTooDeep(u32),
    /// A regular expression with look-around or back-references took too many steps.
    PatternSteps,
    /// A regular expression that is put together while running is wrong; the text says how.
    BadPattern(String),
    /// `lang.assert` of something false, with its text.
    Assertion(String),
    /// A warning, with its text, where strict checking makes warnings end a rule.
    Strict(String),
    /// The host's own trouble.
    Host(String),
    /// The program was compiled against another table of functions than it is run with.
    WrongTable,
}

impl From<pattern::TooManySteps> for FaultKind {
    fn from(_: pattern::TooManySteps) -> Self {
        Self::PatternSteps
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfFuel(limit) => write!(f, "the rule ran {limit} instructions without waiting"),
            Self::OutOfMemory(limit) => {
                write!(f, "the rule made more than {limit} bytes of strings and arrays")
            }
            Self::TooDeep(limit) => write!(f, "more than {limit} subs call each other"),
            Self::NestedTooDeep(limit) => write!(f, "arrays or hashes nest deeper than {limit}"),
            Self::PatternSteps => f.write_str("the regular expression took too many steps"),
            Self::BadPattern(why) => write!(f, "bad regular expression: {why}"),
            Self::Assertion(text) => write!(f, "assertion failed: {text}"),
            Self::Strict(text) => write!(f, "{text} (a warning ends the rule: strict checking is on)"),
            Self::Host(text) => f.write_str(text),
            Self::WrongTable => f.write_str("the rule was compiled for another table of functions"),
        }
    }
}

impl Fault {
    /// As a message that points into the text.
    pub fn to_diagnostic(&self) -> Diagnostic {
        Diagnostic::error(DiagnosticId("rule-fault"), self.kind.to_string()).at(
            &self.source,
            self.span,
            "the rule was ended here",
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.source.position(self.span.start);
        write!(f, "{}:{}:{}: {}", self.source.name(), at.line, at.column, self.kind)
    }
}

impl std::error::Error for Fault {}

/// Something odd that a rule did; it goes on.
#[derive(Clone, Debug)]
pub struct Warning {
    /// What, in one line.
    pub text: String,
    /// The text that was running.
    pub source: Arc<Source>,
    /// The expression or statement in `source`.
    pub span: Span,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.source.position(self.span.start);
        write!(f, "{}:{}:{}: {}", self.source.name(), at.line, at.column, self.text)
    }
}
