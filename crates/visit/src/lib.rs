//! Who asks, for what, and sent by whom: judged by a request's own words, which anyone can forge. What it says explains
//! and sorts; it excuses nobody.
//!
//! ```text
//! User-Agent ─▶ Program      what kind of program asks
//! target     ─▶ TargetKind   what kind of thing is asked for
//! Referer    ─▶ Referer      whose page sent it: host, registrable domain, class
//! all, with Fetch Metadata, Range and Accept ─▶ RequestKind   own page, link, embed, direct, app, bare, forged
//! ```
//!
//! The same code judges a request that is under way and a line of a log. It must know neither.

mod agent;
mod referer;
mod request;
mod target;

pub use agent::Program;
pub use referer::{Host, Referer, RefererClass, percent_decoded, registrable};
pub use request::{Asked, RequestKind};
pub use target::{TARGET_KINDS, TargetKind, path_of};
