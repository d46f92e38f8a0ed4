//! Access logs: who asks for what, how that compares with the usual, and what kind of thing stands out.
//!
//! ```text
//! lines ─▶ Tally (one a core, merged) ─▶ finish(usuals, now) ─▶ Summary, findings
//!            │ names: paths, referers, programs, clients          │ own names: what the site calls itself
//!            │ visitors: an address with a program                │ domains: against the usual, since when, what grew
//!            │ hours: by domain                                   │ scene: crowds behind paths, sites, clients
//!            └ rows: 28 bytes a request, bounded                  └ finding: one detector a file
//! ```
//!
//! All thresholds are named constants beside the detector that uses them, each with its reason;
//! `docs/manual/diagnosis-statistics.md` has them in one place.

mod chosen;
mod clients;
mod concurrency;
mod crowd;
mod domains;
mod finding;
mod finish;
mod growth;
mod hours;
mod names;
mod networks;
mod order;
mod own;
mod rows;
mod scene;
mod seed;
mod summary;
mod sums;
mod tally;
mod usual;
mod visitors;
mod walk;
mod whom;

pub use concurrency::{RATE_HIGH, RATE_LOW};
pub use own::OwnNames;
pub use summary::{
    AgainstMonth, AgainstUsual, AgentRow, Baseline, BytesSaid, Change, ClassCount, ClientRow, Concurrency,
    Dimension, Domain, Explained, KindCount, LISTED_MAX, LimitReached, NetworkRow, OwnName, POINTS_MAX,
    PathRow, Point, RefererRow, Series, Span, StatusCount, Summary, WithoutReferer,
};
pub use tally::Tally;
pub use usual::{USUAL_DOMAINS_MAX, Usuals};
