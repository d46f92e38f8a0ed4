//! How much at a time: the size of a grant, from the limit and the number of transfers that share it.

use core::num::NonZeroU64;

const NANOS: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;
const USUAL_MAX_MILLIS: u64 = 48;
/// No transfer sends more at once than its share of such a time, or so many bytes, whichever is more.
const LUMP_MAX_NANOS: u64 = 50 * MILLISECOND;
const LUMP_MAX_BYTES: u64 = 2_920;
/// Of so many turns a second a process is sure to have the time.
const TURN_NANOS_MIN: u64 = NANOS / 20_000;

/// Nobody sleeps longer than this, so that an edit is seen.
pub(crate) const SLEEP_MAX_NANOS: u64 = NANOS;

/// What a division goes by when one of its transfers asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// The limit, in bytes a second.
    pub(crate) rate: NonZeroU64,
    /// How many transfers live in all classes together.
    pub(crate) crowd: u64,
}

/// The size and spacing of grants.
///
/// A turn is 10 ms of a transfer's share, growing with the number of transfers in all classes to 48 ms from 480 on: what a
/// turn costs is the same whichever class it is of, and a thousand transfers are to ask 20 000 times a second and not
/// 100 000. Where that would be less than a packet or so, turns grow longer still: at most 25 ms or 512 bytes for one
/// transfer alone, 100 ms or 1 460 bytes from 160 on, and beyond two thousand as long as it takes for 20 000 turns a
/// second in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    rate: u64,
    sharers: u64,
    /// The length of a turn that is more than a packet.
    pub(crate) usual_nanos: u64,
    /// How many transfers share the time for turns.
    crowd: u64,
    /// The length of a turn as it is: hours, where a limit is shared by more transfers than it has bytes a second.
    pub(crate) turn_nanos: u64,
    /// Bytes of a turn, at least 1.
    pub(crate) turn_bytes: u64,
    /// A late transfer may make up for it by this much in one grant; at most 50 ms of its share, or 2 920 bytes.
    pub(crate) grant_max_bytes: u64,
    /// Half a turn: grants of one transfer are at least this far apart.
    pub(crate) spacing_nanos: u64,
    /// How much lateness of everybody is made up: a turn and a half, from 20 to 60 ms.
    pub(crate) slack_nanos: u64,
    /// How late one may be before its turn goes to the others: 50 ms, or the slack if that is longer.
    pub(crate) grace_nanos: u64,
}

impl Pace {
    /// The pace for `sharers` transfers; computed again only if something changed.
    #[inline]
    pub(crate) fn renew(&mut self, terms: Terms, sharers: NonZeroU64) {
        // in whole milliseconds, so that it stays the same while transfers come and go
        let usual_nanos = (terms.crowd / 10).clamp(10, USUAL_MAX_MILLIS).saturating_mul(MILLISECOND);
        // in steps, for the same reason
        let crowd = terms.crowd.max(sharers.get()) & !7;
        let is_same = self.usual_nanos == usual_nanos && self.crowd == crowd;
        if self.rate != terms.rate.get() || self.sharers != sharers.get() || !is_same {
            *self = Self::of(terms.rate, sharers, (usual_nanos, crowd));
        }
    }

    fn of(rate: NonZeroU64, sharers: NonZeroU64, (usual_nanos, crowd): (u64, u64)) -> Self {
        let count = sharers.get();
        let share_of = |nanos: u64| {
            mul_div(rate.get(), nanos, sharers.saturating_mul(NonZeroU64::MIN.saturating_add(NANOS - 1)))
        };
        let long_nanos = crowd.saturating_mul(MILLISECOND / 8 * 5).clamp(25 * MILLISECOND, 100 * MILLISECOND);
        let long_nanos = crowd.saturating_mul(TURN_NANOS_MIN).clamp(long_nanos, SLEEP_MAX_NANOS);
        let packet = crowd.saturating_mul(4).clamp(512, 1_460);
        let turn_bytes = share_of(usual_nanos).max(share_of(long_nanos).min(packet)).max(1);
        let turn_nanos = mul_div(turn_bytes.saturating_mul(NANOS), count, rate);
        let length = turn_nanos.min(SLEEP_MAX_NANOS);
        let made_up = share_of(LUMP_MAX_NANOS).max(LUMP_MAX_BYTES).saturating_sub(turn_bytes);
        let slack_nanos = (length / 2).saturating_mul(3).clamp(20 * MILLISECOND, 60 * MILLISECOND);
        Self {
            rate: rate.get(),
            sharers: count,
            usual_nanos,
            crowd,
            turn_nanos,
            turn_bytes,
            grant_max_bytes: turn_bytes.saturating_add((turn_bytes / 4).min(made_up)),
            spacing_nanos: length / 2,
            slack_nanos,
            grace_nanos: slack_nanos.max(50 * MILLISECOND),
        }
    }
}

/// The longest turn of those who asked lately: what gathers for them is not lost because another's turns are short.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Longest {
    pub(crate) turn_nanos: u64,
    pub(crate) slack_nanos: u64,
    pub(crate) grace_nanos: u64,
    /// Whoever has such turns has asked again by then.
    until: u64,
}

impl Longest {
    #[inline]
    pub(crate) fn note(&mut self, pace: &Pace, now: u64) {
        if pace.turn_nanos >= self.turn_nanos || now > self.until {
            let Pace { turn_nanos, slack_nanos, grace_nanos, .. } = *pace;
            let until = now.saturating_add(turn_nanos.min(SLEEP_MAX_NANOS).saturating_mul(2));
            *self = Self { turn_nanos, slack_nanos, grace_nanos, until };
        }
    }
}

/// `a * b / c`, without losing what does not fit in between; at most `u64::MAX`.
#[inline]
pub(crate) fn mul_div(a: u64, b: u64, c: NonZeroU64) -> u64 {
    if let Some(product) = a.checked_mul(b) {
        return product / c;
    }
    let wide = u128::from(a).saturating_mul(u128::from(b)).checked_div(u128::from(c.get()));
    wide.and_then(|wide| u64::try_from(wide).ok()).unwrap_or(u64::MAX)
}
