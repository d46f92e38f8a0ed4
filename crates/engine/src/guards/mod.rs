//! Guards: who sends visitors is watched, and held back step by step where it becomes too much.
//!
//! ```text
//! Transaction::begin ─ arrives(site, client) ─▶ step of the site ─▶ nothing │ queue │ slow │ notice │ refuse
//! the end            ─ over(bytes, status, time to the answer)
//! every window       ─ look ─▶ one step up, one step down, or none; each with its reason, as an event
//! ```
//!
//! `site` counts, `watch` keeps a bounded table of sites and moves them on the ladder, `others` measures whom it must not
//! hurt. None of them knows a clock or a lock; `live` has one for all workers. What the steps do is done by the classes
//! that the catalog names (`transaction::guard`).

mod event;
mod legacy;
mod live;
mod others;
mod site;
mod visitors;
mod watch;

#[cfg(test)]
mod laws;

pub use event::GuardEvent;
pub use legacy::GuardLegacy;
pub use live::{GuardCounters, GuardLive, SiteReading};
pub(crate) use others::Other;
pub(crate) use site::Role;

use crate::catalog::Step;
use source::Source;
use std::sync::Arc;
use std::time::Duration;

/// A guard as meant.
#[derive(Clone, Debug)]
pub struct SiteGuard {
    /// The name in the catalog.
    pub name: Arc<str>,
    /// What it goes by.
    pub settings: GuardSettings,
    /// What it knows; see [`crate::Shared::guards`].
    pub live: Arc<GuardLive>,
    /// Where it is declared, for records.
    pub(crate) place: (Arc<Source>, u32),
}

/// What a guard goes by. Numbers are those of one site in one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardSettings {
    /// How long sites are counted before they are judged.
    pub window: Duration,
    /// New visitors that no site is blamed for.
    pub crowd: u32,
    /// Bytes of embedded media that no site is blamed for.
    pub media_bytes: u64,
    /// The part of a site's bytes that must be media for it to be blamed for them, in percent.
    pub media_share: u32,
    /// How many times its usual a site may send.
    pub surge: u32,
    /// How long a step is left to show what it does before the next one.
    pub climb_after: Duration,
    /// How long it must be calm before a step is taken back.
    pub calm_after: Duration,
    /// The last step that may be taken.
    pub climb_to: Step,
    /// The rate class of entries from [`Step::Queue`] on; the context is the site.
    pub queue: Option<Arc<str>>,
    /// The bandwidth class of embedded media from [`Step::Slow`] on.
    pub slow: Option<Arc<str>>,
    /// Registrable domains, or hosts, that are left alone.
    pub exempt: Vec<Box<str>>,
}

impl GuardSettings {
    /// Whether a referring host is left alone: it, or a name that it lies below, is among the exempt.
    pub(crate) fn is_exempt(&self, host: &str) -> bool {
        self.exempt.iter().any(|name| {
            host.strip_suffix(&**name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
        })
    }
}
