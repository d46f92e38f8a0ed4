//! Entries that say nothing of where they come from, told apart by the page on which they land.
//!
//! Such entries are most of them typed or bookmarked, and make one group. A crowd whose browsers hide the referer lands on one
//! page: when one page gets a large part of them, its entries are a group of their own, as if a site had sent them.
//! Pages are counted by the Space-Saving algorithm (Metwally, Agrawal, El Abbadi, 2005) in a table that does not grow.

use crate::fingerprint::Fingerprint;

/// Pages that are counted; one that gets more than a sixty-fourth of all is certainly among them.
const PAGES: usize = 64;
/// All counts are halved after this long.
const HALVED_AFTER_NANOS: u64 = 10_000_000_000;
/// Fewer entries than this are no crowd. It can be low: whoever is a group of his own gets a fair part and no more.
const SURGE_MIN: u32 = 5;
/// A page with at least this part of all such entries surges.
const SURGE_PART: u32 = 4;

/// The pages on which entries without a referer have landed of late.
#[derive(Debug, Default)]
pub(crate) struct Landings {
    pages: Vec<Landing>,
    all: u32,
    halved_at: u64,
}

#[derive(Clone, Copy, Debug)]
struct Landing {
    page: Fingerprint,
    count: u32,
    /// How much of the count may be others'.
    error: u32,
}

impl Landings {
    /// Counts an entry, and says whether its page surges.
    pub(crate) fn note(&mut self, page: Fingerprint, now: u64) -> bool {
        if now.saturating_sub(self.halved_at) >= HALVED_AFTER_NANOS {
            self.halve();
            self.halved_at = now;
        }
        self.all = self.all.saturating_add(1);
        let landing = match self.pages.iter().position(|landing| landing.page == page) {
            Some(at) => self.pages.get_mut(at),
            None if self.pages.len() < PAGES => {
                self.pages.push(Landing { page, count: 0, error: 0 });
                self.pages.last_mut()
            }
            None => {
                let fewest = self.pages.iter_mut().min_by_key(|landing| landing.count);
                fewest.map(|landing| {
                    *landing = Landing { page, count: landing.count, error: landing.count };
                    landing
                })
            }
        };
        let Some(landing) = landing else { return false };
        landing.count = landing.count.saturating_add(1);
        let certain = landing.count.saturating_sub(landing.error);
        certain >= SURGE_MIN && certain.saturating_mul(SURGE_PART) >= self.all
    }

    fn halve(&mut self) {
        self.all /= 2;
        for landing in &mut self.pages {
            landing.count /= 2;
            landing.error /= 2;
        }
        self.pages.retain(|landing| landing.count > 0);
    }
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "numbers of tests are small"
)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn page(number: u64) -> Fingerprint {
        Fingerprint([number, !number])
    }

    #[test]
    fn a_page_on_which_a_crowd_lands_surges_and_is_forgotten_when_the_crowd_is_gone() {
        let mut landings = Landings::default();
        let second = |nth: u64| nth * 1_000_000_000;
        assert!((0..60).all(|nth| !landings.note(page(nth % 20), second(nth))), "on any day");
        let crowd: Vec<bool> =
            (0..100).map(|nth| landings.note(page(7), second(60) + nth * 10_000_000)).collect();
        assert!(crowd.iter().filter(|surges| !**surges).count() <= 20, "{crowd:?}");
        assert!(!landings.note(page(8), second(61)), "another page is none");
        for nth in 62..180 {
            landings.note(page(100 + nth % 20), second(nth));
        }
        assert!(!landings.note(page(7), second(180)));
    }

    proptest! {
        #[test]
        fn what_surges_has_come_and_the_table_stays_small(
            entries in proptest::collection::vec(0_u64..200, 1..2_000), favourite in 0_u64..200,
        ) {
            let (mut landings, mut counted) = (Landings::default(), HashMap::<u64, u32>::new());
            for (nth, entry) in entries.into_iter().enumerate() {
                let entry = if nth % 3 == 0 { favourite } else { entry };
                let surges = landings.note(page(entry), 1);
                let count = counted.entry(entry).or_default();
                *count += 1;
                prop_assert!(!surges || (*count >= SURGE_MIN && *count * SURGE_PART > nth as u32));
                prop_assert!(landings.pages.len() <= PAGES);
                // A third of all, by the algorithm's own bound, is never overlooked.
                let is_certain = nth > 600 && entry == favourite;
                prop_assert!(surges || !is_certain);
            }
        }
    }
}
