//! How often a pool's requests may be sent to another node: when all of it is ill, retries must not double its load.

use crate::catalog::Retries;
use crate::counters::Counter;
use shaping::Tick;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a request earns is counted in hundredths of a retry.
const RETRY: u64 = 100;
/// Retries that can be saved up: a node that dies takes along all that was under way at it.
const SAVED_MAX: u64 = 1_000 * RETRY;

/// The account of one pool. Counts a little too much or too little when workers meet; never without bound.
#[derive(Debug, Default)]
pub(crate) struct RetryBudget {
    saved: AtomicU64,
    /// The second in the upper half, what was given in it for nothing in the lower one.
    given: AtomicU64,
    /// Retries made.
    pub(crate) made: Counter,
    /// Retries that the budget did not allow.
    pub(crate) refused: Counter,
}

impl RetryBudget {
    /// A request came.
    #[inline]
    pub(crate) fn earn(&self, retries: Retries) {
        if retries.percent > 0 && self.saved.load(Ordering::Relaxed) < SAVED_MAX {
            self.saved.fetch_add(u64::from(retries.percent), Ordering::Relaxed);
        }
    }

    /// Whether one more retry is allowed; it counts as made then.
    pub(crate) fn spend(&self, retries: Retries, now: Tick) -> bool {
        let is_allowed = self.take_given(retries.per_second_min, now) || self.take_saved();
        let counter = if is_allowed { &self.made } else { &self.refused };
        counter.add_one();
        is_allowed
    }

    fn take_given(&self, most: u32, now: Tick) -> bool {
        let second = now.nanos() / 1_000_000_000;
        let take = |given: u64| {
            let used = if given >> 32 == second { given & 0xFFFF_FFFF } else { 0 };
            (used < u64::from(most)).then_some((second << 32) | (used + 1))
        };
        self.given.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn take_saved(&self) -> bool {
        let take = |saved: u64| saved.checked_sub(RETRY);
        self.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_the_requests_and_some_each_second_may_be_sent_again() {
        let budget = RetryBudget::default();
        let retries = Retries { percent: 20, per_second_min: 3 };
        let spend = |second: u64| {
            let now = Tick::from_nanos(second * 1_000_000_000);
            (0..1_000).filter(|_| budget.spend(retries, now)).count()
        };
        assert_eq!(spend(7), 3);
        assert_eq!(spend(7), 0);
        for _ in 0..50 {
            budget.earn(retries);
        }
        assert_eq!(spend(8), 13);
        assert_eq!(budget.made.value(), 16);
        for _ in 0..1_000_000 {
            budget.earn(retries);
        }
        assert!((0..2_000).filter(|_| budget.spend(retries, Tick::ZERO)).count() < 1_010, "no hoard");
    }
}
