//! What was seen: of visits by those who made them, of bytes by the line, of workers by the site.

use crate::plan::{Party, Phase};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// How finely time is divided where something is added up.
pub(crate) const BIN: Duration = Duration::from_millis(100);

/// One view of a page, or one download.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Visit {
    pub(crate) party: Party,
    pub(crate) phase: Phase,
    /// Seconds since the story began.
    pub(crate) begun: f64,
    /// Milliseconds until all was there; `None`: it never was.
    pub(crate) took: Option<f64>,
    /// Milliseconds until the first answer, if it was the thing that was asked for.
    pub(crate) head: Option<f64>,
    /// Whether this person's coming began with it.
    pub(crate) is_entry: bool,
    /// Whether the referer was hidden, of the crowd.
    pub(crate) is_hidden: bool,
    /// Bytes a second while somebody wanted them, for downloads.
    pub(crate) bytes_per_second: f64,
    /// Whether a mark was set.
    pub(crate) is_marked: bool,
}

/// Something that adds up over time, by party.
#[derive(Debug, Default)]
pub(crate) struct Series(RefCell<[Vec<f64>; 7]>);

impl Series {
    /// Adds an amount at a moment.
    pub(crate) fn add(&self, party: Party, at: Duration, amount: f64) {
        let bin = usize::try_from(at.as_millis() / BIN.as_millis()).unwrap_or(0);
        let mut bins = self.0.borrow_mut();
        let bins = &mut bins[party.index()];
        if bins.len() <= bin {
            bins.resize(bin + 1, 0.0);
        }
        bins[bin] += amount;
    }

    /// Adds the seconds from one moment to another.
    pub(crate) fn add_span(&self, party: Party, from: Duration, to: Duration) {
        let mut at = from;
        while at < to {
            let bin = u32::try_from(at.as_millis() / BIN.as_millis()).unwrap_or(u32::MAX);
            let end = (BIN * (bin + 1)).min(to);
            self.add(party, at, end.saturating_sub(at).as_secs_f64());
            at = end;
        }
    }

    pub(crate) fn take(&self) -> [Vec<f64>; 7] {
        self.0.take()
    }
}

/// Counts by party and phase.
#[derive(Debug, Default)]
pub(crate) struct Counts([[Cell<u64>; 3]; 7]);

impl Counts {
    pub(crate) fn add(&self, party: Party, phase: Phase) {
        let cell = &self.0[party.index()][phase.index()];
        cell.set(cell.get() + 1);
    }

    pub(crate) fn all(&self) -> [[u64; 3]; 7] {
        std::array::from_fn(|party| std::array::from_fn(|phase| self.0[party][phase].get()))
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) visits: RefCell<Vec<Visit>>,
    /// Bytes that came to people.
    pub(crate) bytes: Series,
    /// Seconds of workers.
    pub(crate) held: Series,
    /// Pages that the site made.
    pub(crate) made: Counts,
    /// Pages that somebody received whole, in time.
    pub(crate) taken: Counts,
    /// Requests that the site sent away because its queue was full.
    pub(crate) overflowed: Cell<u64>,
}
