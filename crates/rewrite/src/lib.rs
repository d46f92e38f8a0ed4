//! Apache's mod_rewrite and its neighbours in an `.htaccess`, in front of any origin.
//!
//! It must not know sockets, TrafficScript, clocks or the file system: what it cannot know it asks its [`Facts`].
//!
//! ```text
//! bytes ─ parse ─▶ File: directives with spans ─┬─ lint ─▶ diagnostics, repairs
//!                                               ├─ translate ─▶ a TrafficScript rule, and what has no equal
//!                                               └─ Site::new( prefix, File ) .. ─▶ Site: merged as Apache merges directories
//!                                                                                     │
//!                                                             Facts of a request ─ evaluate ─▶ Evaluation: Asks │ Outcome
//! ```
//!
//! Evaluation is a pure function of the facts. A fact that takes work in the world (is there such a file?) is not
//! waited for: the evaluation ends with the question, and is done again when the answer is there.
//! A fact that nobody can know (a log has no cookies) is *unknown*; what depends on it is undecidable, and said so.

pub mod directive;
mod facts;
mod outcome;

pub use facts::{Fact, Facts, FileTest, Question, Variable};
pub use outcome::{Cookie, ErrorDocument, HeaderAction, HeaderEdit, Outcome, Target, Verdict};
