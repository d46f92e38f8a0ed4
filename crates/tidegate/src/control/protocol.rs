//! What is said over the control socket: one line of JSON each way, then the connection ends.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::PathBuf;

/// The version of the shapes here. Both sides name theirs; other versions are refused with both numbers.
pub(crate) const VERSION: u32 = 1;
/// The longest question.
pub(crate) const REQUEST_BYTES_MAX: usize = 16 << 10;
/// The longest answer: diagnostics, with the lines they point at, are most of it.
pub(crate) const ANSWER_BYTES_MAX: usize = 8 << 20;

/// A question.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) version: u32,
    #[serde(flatten)]
    pub(crate) ask: Ask,
    /// Whether the text for people may have colours.
    #[serde(default)]
    pub(crate) colours: bool,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(crate) enum Ask {
    /// Read the catalog anew.
    Reload,
    /// Tell how it goes.
    Status,
    /// Tell what the guards see and have done.
    Guards,
    /// Take a site's steps on the ladder of a guard back.
    GuardUndo {
        /// The guard.
        guard: String,
        /// The site.
        site: String,
    },
    /// Start a new process and leave the sockets to it.
    Upgrade {
        /// The program; the one that was started, if none is named.
        program: Option<PathBuf>,
    },
}

/// How it came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Done.
    Good,
    /// Not done; nothing is wrong with what was asked.
    Failed,
    /// Not done, because of a mistake in the catalog or in the question.
    Mistaken,
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) version: u32,
    pub(crate) outcome: Outcome,
    /// For people; whole lines.
    pub(crate) text: String,
    /// For programs.
    pub(crate) report: Map<String, Value>,
}

impl Answer {
    pub(crate) fn new(outcome: Outcome, text: impl Into<String>) -> Self {
        Self { version: VERSION, outcome, text: text.into(), report: Map::new() }
    }

    /// One that says why in one line, for people and for programs.
    pub(crate) fn why(outcome: Outcome, why: &str) -> Self {
        Self::new(outcome, format!("{why}\n")).with("why", why)
    }

    /// With something more for programs.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        // Only a map with keys that are no text cannot be told; there is none.
        let value = serde_json::to_value(value).unwrap_or(Value::Null);
        self.report.insert(name.to_owned(), value);
        self
    }
}
