//! When a context last let somebody start: all that its windows need, and no more.
//!
//! The two newest starts lie in the context itself; older ones, as long as a window needs them, in a list on the heap.
//! For limits beyond [`EXACT_MAX`] a long list gives way to 64 (and one) counters.

use super::class::{EXACT_MAX, Settings, Spacing, Window};
use std::collections::VecDeque;

/// No start. As a tick it would be 584 years away.
const NEVER: u64 = u64::MAX;
/// A list longer than this becomes counters, if the limit is beyond the exact ones.
const LIST_MAX: usize = 256;

#[derive(Debug)]
pub(crate) struct Starts {
    /// Newest first: [`Self::ALWAYS_KNOWN`].
    recent: [u64; 2],
    long: Option<Box<Long>>,
}

#[derive(Debug)]
struct Long {
    /// Older than `recent`, oldest first.
    older: VecDeque<u64>,
    /// How far back the list reached when it was last kept, in nanoseconds.
    reach: u64,
    second: Option<Box<Coarse>>,
    minute: Option<Box<Coarse>>,
    epoch: u32,
}

impl Default for Starts {
    fn default() -> Self {
        Self { recent: [NEVER; 2], long: None }
    }
}

impl Starts {
    /// So many of the newest are known whatever the limit.
    pub(crate) const ALWAYS_KNOWN: u64 = 2;

    pub(crate) fn newest(&self) -> Option<u64> {
        Some(self.recent[0]).filter(|&at| at != NEVER)
    }

    /// Whether these equal no starts at all, under `settings`.
    pub(crate) fn is_fresh(&self, settings: &Settings, now: u64) -> bool {
        self.newest().is_none_or(|at| at.saturating_add(settings.memory_nanos(now)) <= now)
    }

    /// Bytes on the heap.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        let Some(long) = self.long.as_deref() else { return 0 };
        let counters = usize::from(long.second.is_some()).saturating_add(usize::from(long.minute.is_some()));
        size_of::<Long>()
            .saturating_add(long.older.capacity().saturating_mul(size_of::<u64>()))
            .saturating_add(counters.saturating_mul(size_of::<Coarse>()))
    }

    /// Adds a start at `at`, which is not before the newest. By how many bytes the heap has grown.
    pub(crate) fn record(&mut self, at: u64, settings: &Settings) -> usize {
        let mut grown = 0;
        let [newest, second_newest] = self.recent;
        self.recent = [at, newest];
        let reach = self.reach(settings, at);
        if second_newest != NEVER && second_newest.saturating_add(reach) > at {
            let long = self.long.get_or_insert_with(|| {
                grown = size_of::<Long>();
                Box::new(Long::new(settings.epoch))
            });
            let before = long.older.capacity();
            long.older.push_back(second_newest);
            if long.older.capacity() != before {
                let more = long.older.capacity().saturating_sub(before);
                grown = grown.saturating_add(more.saturating_mul(size_of::<u64>()));
            }
        }
        let Some(long) = self.long.as_mut() else { return grown };
        long.reach = reach;
        let older_max = usize::try_from(EXACT_MAX).unwrap_or(usize::MAX).saturating_sub(2);
        while long.older.front().is_some_and(|&old| old.saturating_add(reach) <= at)
            || long.older.len() > older_max
        {
            long.older.pop_front();
        }
        for window in Window::BOTH {
            if let Some(coarse) = long.coarse_mut(window) {
                coarse.record(at);
            }
        }
        if long.older.len() > LIST_MAX {
            grown = grown.saturating_add(self.coarsen(settings));
        }
        grown
    }

    /// How far back the list must reach: over every window that is kept and has no counters.
    fn reach(&self, settings: &Settings, now: u64) -> u64 {
        let listed = |window| {
            settings.keeps(window, now) && self.long.as_ref().is_none_or(|long| long.coarse(window).is_none())
        };
        if listed(Window::Minute) {
            Window::Minute.nanos()
        } else if listed(Window::Second) {
            Window::Second.nanos()
        } else {
            0
        }
    }

    /// Counts the list into counters for windows whose limit is beyond the exact ones; by how many bytes the heap has
    /// grown.
    fn coarsen(&mut self, settings: &Settings) -> usize {
        let [newest, second_newest] = self.recent;
        let Some(long) = self.long.as_mut() else { return 0 };
        let mut grown = 0_usize;
        for window in Window::BOTH {
            if settings.limit(window) > EXACT_MAX && long.coarse(window).is_none() {
                let mut coarse = Coarse::new(window.sub_nanos());
                for &at in long.older.iter().chain([&second_newest, &newest]) {
                    coarse.record(at);
                }
                *long.coarse_slot(window) = Some(Box::new(coarse));
                grown = grown.saturating_add(size_of::<Coarse>());
            }
        }
        grown
    }

    /// Brings the starts into the form that edited settings need: counters whose limit became exact turn into a list, each
    /// start as late as its counter allows, so that the edit never gives anything back.
    #[inline]
    pub(crate) fn fit(&mut self, settings: &Settings) {
        if self.long.as_ref().is_some_and(|long| long.epoch != settings.epoch) {
            self.refit(settings);
        }
    }

    fn refit(&mut self, settings: &Settings) {
        let [newest, _] = self.recent;
        let Some(long) = self.long.as_mut() else { return };
        long.epoch = settings.epoch;
        for window in Window::BOTH {
            let limit = settings.limit(window);
            if limit == 0 || limit > EXACT_MAX {
                continue;
            }
            let Some(coarse) = long.coarse_slot(window).take() else { continue };
            if long.reach >= window.nanos() {
                continue;
            }
            let most = usize::try_from(EXACT_MAX).unwrap_or(usize::MAX);
            let mut list: VecDeque<u64> = coarse.newest_starts(newest, most).collect();
            self.recent = [list.pop_back().unwrap_or(NEVER), list.pop_back().unwrap_or(NEVER)];
            long.older = list;
            long.reach = window.nanos();
        }
    }

    /// The earliest tick at which `window` lets one more start, when `ahead` (their ticks ascending) start before it.
    #[inline]
    pub(crate) fn due(&self, window: Window, limit: u32, ahead: &VecDeque<u64>) -> u64 {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let coarse = self.long.as_ref().and_then(|long| long.coarse(window));
        // the start that must have left the window: the limit-th newest, counting those ahead
        let Some(missing) = limit.checked_sub(ahead.len()).filter(|&missing| missing > 0) else {
            let at = ahead.get(ahead.len().saturating_sub(limit)).copied().unwrap_or(0);
            return match coarse {
                Some(coarse) => coarse.leaves(at),
                None => at.saturating_add(window.nanos()),
            };
        };
        if let Some(coarse) = coarse {
            return coarse.nth_newest_leaves(missing);
        }
        self.nth_newest(missing).map_or(0, |at| at.saturating_add(window.nanos()))
    }

    /// The earliest tick at which one more of those who wait is far enough from the others, when `ahead` start before it.
    pub(crate) fn spaced(&self, spacing: Spacing, ahead: &VecDeque<u64>) -> u64 {
        let starts = usize::try_from(spacing.starts.get()).unwrap_or(usize::MAX);
        let at = match starts.checked_sub(ahead.len()).filter(|&missing| missing > 0) {
            Some(missing) => self.nth_newest(missing),
            None => ahead.get(ahead.len().saturating_sub(starts)).copied(),
        };
        at.map_or(0, |at| at.saturating_add(spacing.nanos))
    }

    /// The earliest tick at which the `nth` newest start has left `window`, from 1; 0 if there is none.
    pub(crate) fn opens(&self, window: Window, nth: usize) -> u64 {
        match self.long.as_ref().and_then(|long| long.coarse(window)) {
            Some(coarse) => coarse.nth_newest_leaves(nth),
            None => self.nth_newest(nth).map_or(0, |at| at.saturating_add(window.nanos())),
        }
    }

    /// The starts after `from` as far as they are known, ascending; of those that were only counted at most `most`, as late
    /// as they may have been.
    pub(crate) fn since(&self, from: u64, most: usize) -> Vec<u64> {
        let long = self.long.as_deref();
        let coarse = long.and_then(|long| long.minute.as_deref().or(long.second.as_deref()));
        let recent = self.recent.iter().rev().copied();
        let mut all: Vec<u64> = match (coarse, long) {
            (Some(coarse), _) => coarse.newest_starts(self.recent[0], most).collect(),
            (None, Some(long)) => long.older.iter().copied().chain(recent).collect(),
            (None, None) => recent.collect(),
        };
        all.retain(|&at| at != NEVER && at > from);
        all
    }

    /// The `nth` newest start, from 1.
    #[inline]
    fn nth_newest(&self, nth: usize) -> Option<u64> {
        let at = match nth {
            0 => return None,
            1 => self.recent[0],
            2 => self.recent[1],
            _ => {
                let older = &self.long.as_ref()?.older;
                *older.get(older.len().checked_sub(nth.saturating_sub(2))?)?
            }
        };
        Some(at).filter(|&at| at != NEVER)
    }
}

impl Long {
    const fn new(epoch: u32) -> Self {
        Self { older: VecDeque::new(), reach: 0, second: None, minute: None, epoch }
    }

    fn coarse(&self, window: Window) -> Option<&Coarse> {
        match window {
            Window::Second => self.second.as_deref(),
            Window::Minute => self.minute.as_deref(),
        }
    }

    fn coarse_mut(&mut self, window: Window) -> Option<&mut Coarse> {
        self.coarse_slot(window).as_deref_mut()
    }

    const fn coarse_slot(&mut self, window: Window) -> &mut Option<Box<Coarse>> {
        match window {
            Window::Second => &mut self.second,
            Window::Minute => &mut self.minute,
        }
    }
}

const COUNTERS: usize = 65;
const COUNTERS_U64: u64 = 65;

/// Starts counted by sixty-fourths of a window.
#[derive(Debug)]
struct Coarse {
    sub_nanos: u64,
    /// The number of the newest sixty-fourth, since the origin.
    newest: u64,
    counts: [u32; COUNTERS],
    /// The sum of `counts`: as long as it is below the limit nothing has to be searched.
    total: u64,
}

impl Coarse {
    const fn new(sub_nanos: u64) -> Self {
        Self { sub_nanos, newest: 0, counts: [0; COUNTERS], total: 0 }
    }

    const fn number(&self, at: u64) -> u64 {
        match at.checked_div(self.sub_nanos) {
            Some(number) => number,
            None => 0,
        }
    }

    fn count_mut(&mut self, number: u64) -> Option<&mut u32> {
        self.counts.get_mut(usize::try_from(number % COUNTERS_U64).unwrap_or(0))
    }

    fn record(&mut self, at: u64) {
        let number = self.number(at).max(self.newest);
        let passed = number.saturating_sub(self.newest).min(COUNTERS_U64);
        for back in 0..passed {
            if let Some(count) = self.count_mut(number.saturating_sub(back)) {
                let gone = std::mem::take(count);
                self.total = self.total.saturating_sub(u64::from(gone));
            }
        }
        self.newest = number;
        if let Some(count) = self.count_mut(number)
            && let Some(more) = count.checked_add(1)
        {
            *count = more;
            self.total = self.total.saturating_add(1);
        }
    }

    /// When a start at `at` no longer counts.
    const fn leaves(&self, at: u64) -> u64 {
        self.number(at).saturating_add(COUNTERS_U64).saturating_mul(self.sub_nanos)
    }

    /// From the newest back: the last tick of each sixty-fourth, and how many started in it.
    fn newest_first(&self) -> impl Iterator<Item = (u64, u32)> {
        (0..COUNTERS_U64).map_while(|back| {
            let number = self.newest.checked_sub(back)?;
            let count = self.counts.get(usize::try_from(number % COUNTERS_U64).unwrap_or(0))?;
            Some((number.saturating_add(1).saturating_mul(self.sub_nanos).saturating_sub(1), *count))
        })
    }

    fn nth_newest_leaves(&self, nth: usize) -> u64 {
        if usize::try_from(self.total).is_ok_and(|total| total < nth) {
            return 0;
        }
        let mut sum = 0_usize;
        for (last_tick, count) in self.newest_first() {
            sum = sum.saturating_add(usize::try_from(count).unwrap_or(usize::MAX));
            if sum >= nth {
                return self.leaves(last_tick);
            }
        }
        0
    }

    /// The newest starts, at most `most`, oldest first, none after `latest`.
    fn newest_starts(&self, latest: u64, most: usize) -> impl Iterator<Item = u64> {
        let mut starts: Vec<u64> = self
            .newest_first()
            .flat_map(|(at, count)| core::iter::repeat_n(at.min(latest), usize::try_from(count).unwrap_or(0)))
            .take(most)
            .collect();
        starts.reverse();
        starts.into_iter()
    }
}
