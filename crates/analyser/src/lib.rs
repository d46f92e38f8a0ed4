//! Diagnosis and replay: what counters, mail logs and access logs say of a machine in trouble, and what a rule would
//! have done.
//!
//! ```text
//!  counters ─▶ pressure ─┐
//!  mail log ─▶ mail ─────┼─▶ Report { pressure, mail, log, findings, proposals } ─▶ text, JSON, HTML
//!  access log ─▶ tally ──┘                │ proposal
//!      └───────▶ replay ◀────── classes and a rule, compiled
//! ```
//!
//! It must not know sockets, any async runtime or the admin interface. It reads the files it is given, and asks no
//! clock: the moment of a run is an argument.

mod human;
pub mod input;
pub mod log;
pub mod mail;
pub mod places;
pub mod pressure;
pub mod proposal;
pub mod replay;
mod report;
mod robust;

pub use proposal::{Proposal, propose};
pub use report::{
    Confidence, Counted, Evidence, FileSaid, Finding, Lines, Log, Look, Parts, PathTrait, REPORT_VERSION,
    Report, Step, Traits, Verdict, page, terminal,
};
