//! Access logs: who asks for what, how that compares with the usual, and what kind of thing stands out.
//!
//! ```text
//! lines ─▶ Tally (one a core, merged) ─▶ finish(usuals) ─▶ Summary, findings
//!            names, visitors, rows, hours      own names, usual, growth, concurrency
//! ```

mod agent;
mod kind;
mod referer;
mod summary;

pub use agent::Program;
pub use kind::Kind;
pub use referer::{Referer, RefererClass};
pub use summary::{
    AgainstMonth, AgainstUsual, AgentRow, Baseline, BytesSaid, Change, ClassCount, ClientRow, Concurrency,
    Dimension, Domain, Explained, KindCount, LISTED_MAX, LimitReached, NetworkRow, OwnName, POINTS_MAX,
    PathRow, Point, RefererRow, Series, Span, StatusCount, Summary, WithoutReferer,
};
