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

mod access;
mod answer;
mod compare;
mod condition;
pub mod directive;
mod environment;
mod escape;
mod evaluate;
mod expand;
mod expression;
mod facts;
mod glob;
mod headers;
mod known;
mod limits;
mod lint;
mod load;
mod map;
mod names;
mod outcome;
mod parse;
mod path;
mod request;
mod rewritten;
mod rule;
mod section;
mod site;
mod translate;
mod variables;
mod vary;
mod ways;

pub use facts::{Fact, Facts, FileTest, Question, Variable};
pub use lint::{lint, lint_own_names, lint_together, mended_typography};
pub use map::NamedMap;
pub use outcome::{
    Cookie, EditPattern, ErrorDocument, Excess, HeaderAction, HeaderEdit, Outcome, Target, Verdict,
};
pub use parse::{DIRECTIVES_MAX, FILE_BYTES_MAX, NESTING_MAX, Parsed, parse};
pub use site::{PlacedFile, Site, SiteOptions};
pub use translate::{Form, Left, Translation, translate};
