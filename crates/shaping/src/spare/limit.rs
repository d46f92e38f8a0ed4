//! How many requests at once a pool bears, learnt from how fast its nodes answer.
//!
//! The gradient of the adaptive-concurrency filters of Netflix (`concurrency-limits`, `Gradient2Limit`) and Envoy
//! (`adaptive_concurrency`): while answers come as fast as they do without a crowd, the limit grows by a part of its
//! square root; when they come slower, it shrinks by the ratio, by half at most in one step. As in Envoy the measure is the
//! median of a window, and the time without a crowd is measured anew from time to time, with the limit at its floor.
//! What differs, because here a limit of two has to be told from one of four, and pages from pictures:
//!
//! - Each sort of request is compared with its own best. A mix that changes does not look like a slow pool.
//! - A few milliseconds more are no sign ([`GRAIN`]), and the room to grow is a quarter of what Envoy gives.
//! - A limit that nobody met is left as it is (as Netflix has it): nothing was learnt about it.

use crate::time::nanos_of;
use core::time::Duration;

/// Answers that are looked at together come at least over this time (Envoy's `concurrency_update_interval`).
const WINDOW: Duration = Duration::from_millis(100);
/// They are at least so many.
const WINDOW_ANSWERS_MIN: usize = 10;
/// More of a window are not kept.
const WINDOW_ANSWERS_MAX: usize = 256;
/// How much slower than the best is still well (Envoy's `min_rtt_calc_params.buffer`).
const TOLERANCE: f64 = 1.25;
/// Differences below this are those of any machine.
const GRAIN: Duration = Duration::from_millis(2);
/// One window lowers the limit to this part of it at most.
const GRADIENT_MIN: f64 = 0.5;
/// How much of the way to the new limit is gone at once (Netflix's `smoothing`).
const SMOOTHING: f64 = 0.2;
/// What the limit tries beyond what it knows, as a part of its square root.
const HEADROOM: f64 = 0.25;
/// What a refusal of a node counts for, in multiples of the best time.
const REFUSED: f64 = 4.0;
/// The best times are of this era and the one before.
const ERA: Duration = Duration::from_secs(30);
/// How long the limit stays at its floor to measure the best times, at the end of an era in which it was met.
const MEASURING: Duration = Duration::from_millis(200);
/// Sorts of requests that are told apart; beyond, several share a best time.
const SORTS: usize = 64;
/// One best time is the mean of so many answers: a single lucky one sets no measure.
const BEST_OF: u32 = 8;

/// What a node made of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The head of its answer came after this long.
    After(Duration),
    /// It said that it has too much to do, or did not answer in time.
    Refused,
}

/// The limit, and what it is learnt from.
#[derive(Debug)]
pub(crate) struct Limit {
    floor: u32,
    ceiling: u32,
    /// How many it bears, as far as is known.
    bears: f64,
    sorts: Box<[Sort; SORTS]>,
    /// How much slower than the best the answers of this window were.
    window: Vec<f64>,
    window_began: u64,
    /// Somebody had to wait in this window, or the last place was taken.
    is_met: bool,
    era_began: u64,
    era_is_met: bool,
    /// Until when the limit is at its floor, if it is. It ends with an answer, not with time alone: room that appears by
    /// itself would wake nobody.
    measures_until: Option<u64>,
    /// Of the last window.
    slowness: f64,
}

/// The best time of one sort of request, in seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Sort {
    /// The answers that the next mean is of.
    sum: f64,
    count: u32,
    /// Of this era; 0: none yet.
    best: f64,
    /// Of the era before.
    best_before: f64,
}

impl Sort {
    fn best(&self) -> f64 {
        match (self.best > 0.0, self.best_before > 0.0) {
            (true, true) => self.best.min(self.best_before),
            (true, false) => self.best,
            (false, true) => self.best_before,
            // As long as nothing is known, what came is usual.
            (false, false) => self.sum / f64::from(self.count.max(1)),
        }
    }

    fn note(&mut self, seconds: f64) {
        self.sum += seconds;
        self.count = self.count.saturating_add(1);
        if self.count >= BEST_OF {
            let mean = self.sum / f64::from(self.count);
            self.best = if self.best > 0.0 { self.best.min(mean) } else { mean };
            (self.sum, self.count) = (0.0, 0);
        }
    }

    fn begin_era(&mut self) {
        // Of a sort that nobody asked for nothing new is known, and what was known is not less true.
        if self.best > 0.0 {
            (self.best_before, self.best) = (self.best, 0.0);
        }
    }
}

impl Limit {
    /// Begins at the floor; `floor` is at least 1, and `ceiling` not below it.
    pub(crate) fn new((floor, ceiling): (u32, u32)) -> Self {
        let floor = floor.max(1);
        Self {
            floor,
            ceiling: ceiling.max(floor),
            bears: f64::from(floor),
            sorts: Box::new([Sort::default(); SORTS]),
            window: Vec::new(),
            window_began: 0,
            is_met: false,
            era_began: 0,
            era_is_met: false,
            measures_until: None,
            slowness: 1.0,
        }
    }

    /// Other bounds; what was learnt stays.
    pub(crate) fn bound(&mut self, (floor, ceiling): (u32, u32)) {
        self.floor = floor.max(1);
        self.ceiling = ceiling.max(self.floor);
        self.bears = self.within(self.bears);
    }

    /// How many may be inside now.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between a floor and a ceiling of 32 bits"
    )]
    pub(crate) fn places(&self) -> u32 {
        if self.measures_until.is_some() {
            self.floor
        } else {
            (self.bears as u32).clamp(self.floor, self.ceiling)
        }
    }

    pub(crate) fn floor(&self) -> u32 {
        self.floor
    }

    /// How much slower than the best the answers of the last window were, as their median; 1 where they were not.
    pub(crate) fn slowness(&self) -> f64 {
        self.slowness
    }

    /// Somebody would have come in if the limit were higher.
    pub(crate) fn note_met(&mut self) {
        (self.is_met, self.era_is_met) = (true, true);
    }

    /// A node answered a request of this sort.
    pub(crate) fn note(&mut self, sort: u64, answered: Answered, now: u64) {
        if self.window.is_empty() {
            self.window_began = now;
        }
        let slowness = self.slowness_of(sort, answered);
        if self.window.len() < WINDOW_ANSWERS_MAX {
            self.window.push(slowness);
        }
        let is_over = now.saturating_sub(self.window_began) >= nanos_of(WINDOW);
        if is_over && self.window.len() >= WINDOW_ANSWERS_MIN {
            self.end_window(now);
        }
        if self.era_began == 0 {
            self.era_began = now;
        } else if now.saturating_sub(self.era_began) >= nanos_of(ERA) {
            self.begin_era(now);
        }
    }

    fn slowness_of(&mut self, sort: u64, answered: Answered) -> f64 {
        let Answered::After(took) = answered else { return REFUSED };
        let seconds = took.as_secs_f64();
        let slot = usize::try_from(sort).unwrap_or(usize::MAX).checked_rem(SORTS).unwrap_or(0);
        let Some(sort) = self.sorts.get_mut(slot) else { return 1.0 };
        sort.note(seconds);
        let grain = GRAIN.as_secs_f64();
        (seconds + grain) / (sort.best() + grain)
    }

    fn end_window(&mut self, now: u64) {
        self.window.sort_unstable_by(f64::total_cmp);
        let median = self.window.get(self.window.len() / 2).copied().unwrap_or(1.0);
        self.window.clear();
        self.slowness = median;
        let is_met = core::mem::take(&mut self.is_met);
        // While it measures, the limit is not what the answers came under.
        if let Some(until) = self.measures_until {
            if until <= now {
                self.measures_until = None;
            }
            return;
        }
        let gradient = (TOLERANCE / median).clamp(GRADIENT_MIN, 1.0);
        if gradient >= 1.0 && !is_met {
            return;
        }
        let headroom = if is_met { HEADROOM * self.bears.sqrt() } else { 0.0 };
        let aim = self.bears * gradient + headroom;
        self.bears = self.within(self.bears + SMOOTHING * (aim - self.bears));
    }

    fn begin_era(&mut self, now: u64) {
        self.sorts.iter_mut().for_each(Sort::begin_era);
        self.era_began = now;
        if core::mem::take(&mut self.era_is_met) {
            self.measures_until = Some(now.saturating_add(nanos_of(MEASURING)));
        }
    }

    fn within(&self, limit: f64) -> f64 {
        limit.clamp(f64::from(self.floor), f64::from(self.ceiling))
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "numbers of tests are small")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MILLI: u64 = 1_000_000;

    /// A pool that answers in `base` as long as no more than `bears` are at it, and in proportion slower beyond.
    fn serve(limit: &mut Limit, (bears, base): (u32, Duration), from: u64, seconds: u64) -> u64 {
        let mut now = from;
        for _ in 0..seconds * 200 {
            now += 5 * MILLI;
            let inside = limit.places();
            let took = base.mul_f64(f64::from(inside.max(bears)) / f64::from(bears));
            limit.note_met();
            limit.note(7, Answered::After(took), now);
        }
        now
    }

    #[test]
    fn it_finds_what_the_pool_bears_falls_when_that_is_less_and_recovers() {
        let base = Duration::from_millis(20);
        let mut limit = Limit::new((1, 1_000));
        let now = serve(&mut limit, (20, base), MILLI, 20);
        let found = limit.places();
        assert!((20..=40).contains(&found), "{found}");
        let now = serve(&mut limit, (5, base), now, 5);
        let fallen = limit.places();
        assert!((5..=11).contains(&fallen), "{fallen}");
        serve(&mut limit, (20, base), now, 10);
        let recovered = limit.places();
        assert!((20..=40).contains(&recovered), "{recovered}");
    }

    #[test]
    fn a_limit_that_nobody_meets_stays_and_one_that_is_too_high_falls_all_the_same() {
        let mut limit = Limit::new((4, 100));
        let mut now = MILLI;
        let mut answer = |limit: &mut Limit, milliseconds| {
            for _ in 0..100 {
                now += 5 * MILLI;
                limit.note(7, Answered::After(Duration::from_millis(milliseconds)), now);
            }
            limit.places()
        };
        assert_eq!(answer(&mut limit, 20), 4, "nobody waited");
        limit.bears = 50.0;
        assert!(answer(&mut limit, 80) < 35, "slow answers count whoever waits");
    }

    #[test]
    fn another_mix_of_quick_and_slow_things_is_no_slow_pool() {
        let mut limit = Limit::new((1, 100));
        let mut now = MILLI;
        let mut mix = |limit: &mut Limit, pages: u64| {
            for nth in 0..4_000_u64 {
                now += 2 * MILLI;
                let (sort, took) = if nth % 10 < pages { (1, 200) } else { (2, 3) };
                limit.note_met();
                limit.note(sort, Answered::After(Duration::from_millis(took)), now);
            }
            (limit.places(), limit.slowness())
        };
        let before = mix(&mut limit, 1);
        let after = mix(&mut limit, 9);
        assert!(after.0 >= before.0 && after.1 < 1.1, "{before:?} {after:?}");
    }

    #[test]
    fn the_best_time_is_measured_anew_and_a_pool_that_became_slower_for_good_is_believed() {
        let mut limit = Limit::new((1, 1_000));
        let now = serve(&mut limit, (20, Duration::from_millis(20)), MILLI, 10);
        let now = serve(&mut limit, (20, Duration::from_millis(60)), now, 10);
        assert!(limit.places() <= 20, "three times as slow looks like too many: {}", limit.places());
        serve(&mut limit, (20, Duration::from_millis(60)), now, 90);
        assert!(limit.places() >= 20, "it was measured at the floor: {}", limit.places());
    }

    #[test]
    fn refusals_of_a_node_lower_the_limit() {
        let mut limit = Limit::new((2, 100));
        limit.bears = 64.0;
        for nth in 0..400_u64 {
            limit.note(1, Answered::Refused, nth * 5 * MILLI);
        }
        assert!(limit.places() < 16, "{}", limit.places());
    }

    proptest! {
        #[test]
        fn whatever_comes_the_limit_stays_between_floor_and_ceiling(
            floor in 1_u32..50, more in 0_u32..200,
            answers in proptest::collection::vec((any::<u64>(), 0_u64..5_000, 0_u64..200, any::<bool>()), 1..500),
            floor_later in 1_u32..80,
        ) {
            let mut limit = Limit::new((floor, floor + more));
            let mut now = 1;
            for (nth, (sort, took, pause, is_met)) in answers.into_iter().enumerate() {
                now += pause * MILLI;
                if is_met {
                    limit.note_met();
                }
                let answered = match took {
                    4_900.. => Answered::Refused,
                    took => Answered::After(Duration::from_millis(took)),
                };
                limit.note(sort, answered, now);
                prop_assert!((limit.floor..=limit.ceiling).contains(&limit.places()));
                prop_assert!(limit.slowness().is_finite());
                if nth == 250 {
                    limit.bound((floor_later, floor_later + more));
                }
            }
        }
    }
}
