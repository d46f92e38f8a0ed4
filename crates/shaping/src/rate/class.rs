//! What an operator says of a rate class, and what it means to a queue.

use super::starts::Starts;
use crate::spare::SpareLimits;
use crate::time::nanos_of;
use core::num::NonZeroU32;
use core::time::Duration;

/// Settings of a rate class. Both limits apply; a limit per minute of 60 times the limit per second or more does nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateClass {
    /// How many may start in any one second; `None`: as many as come.
    pub per_second: Option<NonZeroU32>,
    /// How many may start in any one minute; `None`: as many as come. They may all start at once.
    pub per_minute: Option<NonZeroU32>,
    /// How many may wait in one context; `None`: bounded only by the registry.
    pub backlog_max: Option<u32>,
    /// Who would have to wait longer is refused at once; `None`: never refused for that. Where the wait can only be
    /// estimated at the door (a total, or an order other than that of arrival) nobody waits longer either.
    pub wait_max: Option<Duration>,
    /// How many may start in any one second in all contexts together; `None`: as many as come.
    pub total_per_second: Option<NonZeroU32>,
    /// How many may start in any one minute in all contexts together; `None`: as many as come.
    pub total_per_minute: Option<NonZeroU32>,
    /// Who of those who wait in one context is next.
    pub order: Order,
    /// Whether those who wait start one after the other, as far apart as the tighter limit makes them on average, and not as
    /// close together as those did who came before them: the windows alone repeat a burst for as long as somebody waits.
    /// Who finds room and nobody waiting is not held up. Without effect where that limit is beyond 1 000, and
    /// more than 100 a second.
    pub spaced: bool,
    /// The class admits by what a pool bears, see [`SpareClass`](crate::SpareClass), instead of by numbers.
    pub spare: Option<SpareLimits>,
}

/// Who of those who wait in one context is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Who came first.
    #[default]
    Arrival,
    /// The clients by turns, each client's own in the order of arrival. A full queue takes in a client who has fewer in it
    /// than another: the other's last has to go.
    Clients,
}

/// The two windows, as an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    Second,
    Minute,
}

impl Window {
    pub(crate) const BOTH: [Self; 2] = [Self::Second, Self::Minute];

    pub(crate) const fn nanos(self) -> u64 {
        match self {
            Self::Second => 1_000_000_000,
            Self::Minute => 60_000_000_000,
        }
    }

    /// A sixty-fourth of the window.
    pub(crate) const fn sub_nanos(self) -> u64 {
        match self {
            Self::Second => 15_625_000,
            Self::Minute => 937_500_000,
        }
    }
}

/// Up to this limit a window is exact to the nanosecond. Beyond, starts are counted in sixty-fourths of the window, and
/// a start is held against the limit until its sixty-fourth has wholly left it: the limit is never exceeded, and a
/// steady crowd gets at most 1/65 (1.6 %) less than it.
pub(crate) const EXACT_MAX: u32 = 1_000;

/// How close together those start who wait: within `nanos`, no more than `starts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spacing {
    pub(crate) starts: NonZeroU32,
    pub(crate) nanos: u64,
}

impl Spacing {
    /// Timers go by the millisecond, and workers turn when they can. Those who would start closer together than this start
    /// several at a time.
    const APART_MIN_NANOS: u64 = 20_000_000;

    /// An eighth less than the even distance, so that a head that comes late by no more costs the next ones nothing: the
    /// windows go on holding the limit, and are reached.
    fn of(settings: &Settings) -> Option<Self> {
        let apart = |window: Window| {
            let limit = settings.limit(window);
            Some((window.nanos().checked_div(u64::from(limit))?, limit))
        };
        let (apart, limit) = Window::BOTH.into_iter().filter_map(apart).max()?;
        let starts = Self::APART_MIN_NANOS.div_ceil(apart);
        if limit > EXACT_MAX && starts > Starts::ALWAYS_KNOWN {
            return None;
        }
        let nanos = apart.saturating_mul(starts).saturating_mul(7) / 8;
        Some(Self { starts: NonZeroU32::new(u32::try_from(starts).ok()?)?, nanos })
    }
}

/// The settings as queues use them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// 0: no limit.
    per_second: u32,
    per_minute: u32,
    pub(crate) backlog_max: u32,
    pub(crate) wait_max_nanos: u64,
    pub(crate) order: Order,
    pub(crate) spacing: Option<Spacing>,
    /// Whether all contexts together have a limit of their own.
    pub(crate) has_total: bool,
    /// Up to when the starts of a window are kept though it has no limit any more: so that a limit taken away and
    /// given back within its window judges what it would have judged.
    linger_second: u64,
    linger_minute: u64,
    /// Counts the edits.
    pub(crate) epoch: u32,
}

impl Settings {
    /// The settings of each context.
    pub(crate) fn new(class: &RateClass) -> Self {
        let limits = Self::of_limits(class.per_second, class.per_minute);
        Self {
            backlog_max: class.backlog_max.unwrap_or(u32::MAX),
            wait_max_nanos: class.wait_max.map_or(u64::MAX, nanos_of),
            order: class.order,
            spacing: class.spaced.then(|| Spacing::of(&limits)).flatten(),
            has_total: class.total_per_second.is_some() || class.total_per_minute.is_some(),
            ..limits
        }
    }

    /// The settings of all contexts together.
    pub(crate) fn of_total(class: &RateClass) -> Self {
        Self::of_limits(class.total_per_second, class.total_per_minute)
    }

    fn of_limits(per_second: Option<NonZeroU32>, per_minute: Option<NonZeroU32>) -> Self {
        let per_second = per_second.map_or(0, NonZeroU32::get);
        let said = per_minute.map_or(0, NonZeroU32::get);
        let idle = per_second > 0 && u64::from(said) >= u64::from(per_second).saturating_mul(60);
        Self { per_second, per_minute: if idle { 0 } else { said }, ..Self::default() }
    }

    /// Whether a wait can only be estimated at the door.
    #[inline]
    pub(crate) fn is_estimated(&self) -> bool {
        self.has_total || self.order == Order::Clients
    }

    /// Until when who came at `since` may wait, where that is looked at again while he waits; else for ever.
    #[inline]
    pub(crate) fn latest(&self, since: u64) -> u64 {
        if self.is_estimated() { since.saturating_add(self.wait_max_nanos) } else { u64::MAX }
    }

    /// These settings in the place of `before`.
    pub(crate) fn succeeding(mut self, before: &Self, now: u64) -> Self {
        let linger = |limit: u32, until: u64, window: Window| {
            if limit > 0 { now.saturating_add(window.nanos()) } else { until }
        };
        self.linger_second = linger(before.per_second, before.linger_second, Window::Second);
        self.linger_minute = linger(before.per_minute, before.linger_minute, Window::Minute);
        self.epoch = before.epoch.wrapping_add(1);
        self
    }

    /// The limit of a window; 0: none.
    #[inline]
    pub(crate) const fn limit(&self, window: Window) -> u32 {
        match window {
            Window::Second => self.per_second,
            Window::Minute => self.per_minute,
        }
    }

    #[inline]
    pub(crate) const fn is_unlimited(&self) -> bool {
        self.per_second == 0 && self.per_minute == 0
    }

    /// Whether the starts of a window are to be kept at `now`.
    #[inline]
    pub(crate) const fn keeps(&self, window: Window, now: u64) -> bool {
        match window {
            Window::Second => self.per_second > 0 || now < self.linger_second,
            Window::Minute => self.per_minute > 0 || now < self.linger_minute,
        }
    }

    /// After this long without a start a context equals a fresh one.
    #[inline]
    pub(crate) const fn memory_nanos(&self, now: u64) -> u64 {
        if self.keeps(Window::Minute, now) {
            Self::memory_of(Window::Minute, self.per_minute)
        } else if self.keeps(Window::Second, now) {
            Self::memory_of(Window::Second, self.per_second)
        } else {
            0
        }
    }

    const fn memory_of(window: Window, limit: u32) -> u64 {
        let coarse = if limit <= EXACT_MAX && limit > 0 { 0 } else { window.sub_nanos() };
        window.nanos().saturating_add(coarse)
    }
}
