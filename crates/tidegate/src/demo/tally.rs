//! What everybody measured.

use super::party::Story;
use engine::Catalog;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// What the guard promises: from the catalog that is in force.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Entries a second from one site; `None`: no limit.
    pub(super) entries_per_second: Option<u32>,
    /// What all who are marked get together, in bytes a second; `None`: no such class.
    pub(super) marked_bytes_per_second: Option<u64>,
}

impl Limits {
    pub(super) fn of(catalog: &Catalog) -> Self {
        let rate = catalog.rate_classes.iter().find(|(name, _)| name == "StandardReferer");
        let bandwidth = catalog.bandwidth_classes.iter().find(|(name, _)| name == "AbusiveReferer");
        Self {
            entries_per_second: rate.and_then(|(_, class)| class.per_second).map(std::num::NonZeroU32::get),
            marked_bytes_per_second: bandwidth.map(|(_, class)| class.bytes_per_second.get()),
        }
    }
}

/// A part of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Visitors alone.
    Calm,
    /// With the crowd.
    Crowd,
}

/// How long a page took with all that belongs to it. What never came is slower than all that did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Took {
    /// So long.
    Whole(Duration),
    /// Patience was over first, or something failed.
    Never,
}

/// What the visitors of one phase saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Pages(Vec<Took>);

impl Pages {
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn whole(&self) -> usize {
        self.0.iter().filter(|took| **took != Took::Never).count()
    }

    /// The share that came whole and in time; `None` before the first.
    #[expect(clippy::cast_precision_loss, reason = "counts of some hundred")]
    pub(super) fn share_whole(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.whole() as f64 / self.count() as f64)
    }

    /// How long the page took that so many of a hundred were not slower than; `None` before the first.
    pub(super) fn percentile(&self, percent: usize) -> Option<Took> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }
}

/// A party that comes with the crowd.
#[derive(Debug, Default)]
pub(super) struct Party {
    pub(super) came: Cell<u64>,
    /// Got the page that it came for.
    pub(super) let_in: Cell<u64>,
    /// Got all that belongs to it as well.
    pub(super) pages: Cell<u64>,
    pub(super) bytes: Cell<u64>,
}

/// One act.
#[derive(Debug, Default)]
pub(super) struct Tally {
    calm: RefCell<Pages>,
    under_crowd: RefCell<Pages>,
    pub(super) crowd: Party,
    pub(super) hotlinkers: Party,
    pub(super) silent: Party,
    /// Bytes of all who are marked.
    pub(super) marked: Cell<u64>,
    pub(super) elapsed: Cell<Duration>,
}

impl Tally {
    pub(super) fn page(&self, phase: Phase, took: Took) {
        let pages = match phase {
            Phase::Calm => &self.calm,
            Phase::Crowd => &self.under_crowd,
        };
        pages.borrow_mut().0.push(took);
    }

    pub(super) fn marked_bytes(&self, count: usize, is_marked: bool) {
        if is_marked {
            self.marked.set(self.marked.get() + count as u64);
        }
    }

    pub(super) fn pages(&self, phase: Phase) -> Pages {
        match phase {
            Phase::Calm => self.calm.borrow().clone(),
            Phase::Crowd => self.under_crowd.borrow().clone(),
        }
    }

    /// How long the crowd has been there.
    pub(super) fn crowd_time(&self, story: &Story) -> Duration {
        self.elapsed.get().saturating_sub(story.calm)
    }
}

/// What came a second.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(super) fn per_second(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}

/// Both acts.
#[derive(Debug)]
pub(super) struct Results {
    pub(super) limits: Limits,
    pub(super) patience: Duration,
    pub(super) unguarded: Option<Rc<Tally>>,
    pub(super) guarded: Option<Rc<Tally>>,
    acts_complete: u8,
}

impl Results {
    pub(super) fn new(limits: Limits, patience: Duration) -> Self {
        Self { limits, patience, unguarded: None, guarded: None, acts_complete: 0 }
    }

    pub(super) fn begin(&mut self, is_guarded: bool) {
        let act = if is_guarded { &mut self.guarded } else { &mut self.unguarded };
        *act = Some(Rc::default());
    }

    /// The act that is being played.
    pub(super) fn current(&self) -> Rc<Tally> {
        self.guarded.as_ref().or(self.unguarded.as_ref()).map(Rc::clone).unwrap_or_default()
    }

    pub(super) fn close(&mut self, story: &Story, is_through: bool) {
        if is_through {
            self.current().elapsed.set(story.act());
            self.acts_complete += 1;
        }
    }

    /// Whether both acts were played to their end.
    pub(super) fn is_complete(&self) -> bool {
        self.acts_complete == 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_never_came_is_slower_than_any_that_did() {
        let tally = Tally::default();
        for millis in 1..=98 {
            tally.page(Phase::Crowd, Took::Whole(Duration::from_millis(millis)));
        }
        tally.page(Phase::Crowd, Took::Never);
        tally.page(Phase::Crowd, Took::Never);
        let pages = tally.pages(Phase::Crowd);
        assert_eq!(pages.percentile(50), Some(Took::Whole(Duration::from_millis(50))));
        assert_eq!(pages.percentile(98), Some(Took::Whole(Duration::from_millis(98))));
        assert_eq!(pages.percentile(99), Some(Took::Never));
        assert_eq!(pages.share_whole(), Some(0.98));
        assert_eq!(tally.pages(Phase::Calm).percentile(50), None);
    }
}
