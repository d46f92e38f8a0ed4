//! Whom a guard must not hurt: the site's own visitors, feed readers and players. What they get is measured in each
//! window and compared with what they got before the last step up.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Buckets of the time to an answer: four to each power of two of microseconds, so that what is read is at most a
/// quarter too long.
const BUCKETS: usize = 4 * 32;
/// Own requests in a window below which nothing is said about them.
const OWN_MIN: u32 = 20;
/// The same for feed readers and players, who are fewer.
const READERS_MIN: u32 = 5;
/// A step hurts if the slowest hundredth of the own visitors waits half as long again as before it, and so much more.
const SLOWER_AT_LEAST: Duration = Duration::from_millis(50);
/// A step hurts if so many more of a hundred own requests end in a 5xx, or of a hundred readers are refused.
const MORE_PERCENT: u32 = 5;

/// One who is not held back, and what became of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    /// An own visitor.
    Own {
        /// A 5xx.
        is_failed: bool,
        /// From the head of the request to that of a node's answer, if a node answered.
        took: Option<Duration>,
    },
    /// A feed reader, a podcast app, a player.
    Reader {
        /// By us: 403, 429 or 503.
        is_refused: bool,
    },
}

/// Counts of the window that goes on. Added to without a lock.
pub(super) struct Others {
    own: AtomicU32,
    failed: AtomicU32,
    readers: AtomicU32,
    refused: AtomicU32,
    times: [AtomicU32; BUCKETS],
}

impl Default for Others {
    fn default() -> Self {
        let [own, failed, readers, refused] = [0; 4].map(AtomicU32::new);
        Self { own, failed, readers, refused, times: [const { AtomicU32::new(0) }; BUCKETS] }
    }
}

impl Others {
    pub(super) fn add(&self, other: Other) {
        let add = |cell: &AtomicU32| {
            cell.fetch_add(1, Ordering::Relaxed);
        };
        match other {
            Other::Own { is_failed, took } => {
                add(&self.own);
                if is_failed {
                    add(&self.failed);
                }
                if let Some(took) = took {
                    add(&self.times[bucket(took)]);
                }
            }
            Other::Reader { is_refused } => {
                add(&self.readers);
                if is_refused {
                    add(&self.refused);
                }
            }
        }
    }

    /// The window is over: what it held.
    pub(super) fn take(&self) -> Health {
        let take = |cell: &AtomicU32| cell.swap(0, Ordering::Relaxed);
        let (own, failed) = (take(&self.own), take(&self.failed));
        let (readers, refused) = (take(&self.readers), take(&self.refused));
        let times: Vec<u32> = self.times.iter().map(take).collect();
        Health {
            slowest: slowest(&times),
            failed: (own >= OWN_MIN).then(|| percent(failed, own)),
            refused: (readers >= READERS_MIN).then(|| percent(refused, readers)),
        }
    }
}

/// How the others fared in a window; `None` where too few came to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// The time to an answer that one own request in a hundred passes, a bucket's upper end.
    pub(super) slowest: Option<Duration>,
    /// Own requests that ended in a 5xx, in percent.
    pub(super) failed: Option<u32>,
    /// Readers that were refused, in percent.
    pub(super) refused: Option<u32>,
}

/// What became worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hurt {
    Slower { before: Duration, now: Duration },
    Failed { before: u32, now: u32 },
    Refused { before: u32, now: u32 },
}

impl fmt::Display for Hurt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slower { before, now } => {
                let (before, now) = (before.as_millis(), now.as_millis());
                write!(f, "the slowest hundredth of the own visitors waits {now} ms, before it {before} ms")
            }
            Self::Failed { before, now } => {
                write!(f, "{now} % of the own requests fail, before it {before} %")
            }
            Self::Refused { before, now } => {
                write!(f, "{now} % of feed readers and players are refused, before it {before} %")
            }
        }
    }
}

impl Health {
    /// What is worse than it was.
    pub(super) fn hurt_since(&self, before: &Self) -> Option<Hurt> {
        if let (Some(before), Some(now)) = (before.slowest, self.slowest)
            && now > before + before / 2
            && now > before + SLOWER_AT_LEAST
        {
            return Some(Hurt::Slower { before, now });
        }
        if let (Some(before), Some(now)) = (before.failed, self.failed)
            && now > before + MORE_PERCENT
        {
            return Some(Hurt::Failed { before, now });
        }
        match (before.refused, self.refused) {
            (Some(before), Some(now)) if now > before + MORE_PERCENT => Some(Hurt::Refused { before, now }),
            _ => None,
        }
    }
}

fn percent(part: u32, of: u32) -> u32 {
    u32::try_from(u64::from(part) * 100 / u64::from(of.max(1))).unwrap_or(100)
}

/// The bucket of a time, the last one from an hour and some on.
fn bucket(time: Duration) -> usize {
    let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX).max(4);
    let power = micros.ilog2();
    let quarter = (micros >> (power - 2)) & 3;
    (power * 4 + quarter) as usize
}

/// The upper end of a bucket.
fn upper_end(bucket: usize) -> Duration {
    let (power, quarter) = (bucket / 4, bucket % 4);
    Duration::from_micros(((5 + quarter as u64) << power) >> 2)
}

fn slowest(times: &[u32]) -> Option<Duration> {
    let all: u32 = times.iter().sum();
    let mut left = all / 100;
    let places = times.iter().enumerate().rev();
    for (bucket, count) in places.filter(|_| all >= OWN_MIN) {
        if *count > left {
            return Some(upper_end(bucket));
        }
        left -= count;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(times: impl Iterator<Item = u64>) -> Health {
        let others = Others::default();
        for micros in times {
            others.add(Other::Own { is_failed: false, took: Some(Duration::from_micros(micros)) });
        }
        others.take()
    }

    #[test]
    fn the_slowest_hundredth_is_read_a_quarter_too_long_at_most() {
        for micros in [4, 100, 1_000, 12_345, 999_999, 40_000_000] {
            let slowest = health(std::iter::repeat_n(micros, 200)).slowest.expect("enough came");
            let read = u64::try_from(slowest.as_micros()).expect("small");
            assert!((micros..=micros + micros / 4 + 1).contains(&read), "{micros}: {read}");
        }
        let mostly_fast = health((0..1000).map(|at| if at < 11 { 900_000 } else { 1_000 }));
        assert!(mostly_fast.slowest > Some(Duration::from_millis(900)));
        let few_slow = health((0..1000).map(|at| if at < 10 { 900_000 } else { 1_000 }));
        assert!(few_slow.slowest < Some(Duration::from_millis(2)));
        assert_eq!(health(std::iter::repeat_n(5, 19)).slowest, None, "too few");
    }

    #[test]
    fn worse_than_before_is_told_and_a_bad_day_is_not() {
        let at = |millis, failed, refused| Health {
            slowest: Some(Duration::from_millis(millis)),
            failed: Some(failed),
            refused: Some(refused),
        };
        assert_eq!(at(100, 3, 3).hurt_since(&at(80, 1, 0)), None);
        assert_eq!(at(4_000, 50, 50).hurt_since(&at(4_000, 50, 50)), None, "no worse than before the step");
        assert!(matches!(at(200, 0, 0).hurt_since(&at(80, 0, 0)), Some(Hurt::Slower { .. })));
        assert!(matches!(at(80, 10, 0).hurt_since(&at(80, 1, 0)), Some(Hurt::Failed { .. })));
        assert!(matches!(at(80, 0, 40).hurt_since(&at(80, 0, 0)), Some(Hurt::Refused { .. })));
        assert_eq!(Health::default().hurt_since(&at(80, 0, 0)), None, "nobody came, nothing is known");
    }
}
