//! What came when, and how even it was.

use std::time::Duration;

/// Bytes that came at once on a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) at: Duration,
    pub(crate) bytes: u64,
}

/// How even a number of connections were, over a span of time.
#[derive(Debug)]
pub(crate) struct Evenness {
    /// The least and the most of any second, and of any five, over what was asked for.
    pub(crate) in_one_second: (f64, f64),
    pub(crate) in_five_seconds: (f64, f64),
    /// Jain's index over the connections.
    pub(crate) fairness: f64,
    /// Connections that got nothing.
    pub(crate) starved: usize,
    /// The longest silence of any connection; half of the connections' longest are shorter than the second.
    pub(crate) silence: (Duration, Duration),
    /// Most bytes at once, of any connection; and of half of them.
    pub(crate) lump: (u64, u64),
}

/// How windows are moved on.
const STEP: Duration = Duration::from_millis(50);

impl Evenness {
    /// Of reads from one moment to another, each connection's in order; `limit` is what all may have in a second.
    pub(crate) fn of(connections: &[Vec<Read>], (from, to): (Duration, Duration), limit: f64) -> Self {
        let within = |read: &&Read| read.at >= from && read.at < to;
        let totals: Vec<f64> = connections
            .iter()
            .map(|reads| reads.iter().filter(within).map(|read| read.bytes as f64).sum())
            .collect();
        let sum: f64 = totals.iter().sum();
        let squares: f64 = totals.iter().map(|total| total * total).sum();
        let (mut silences, mut lumps): (Vec<_>, Vec<_>) = connections
            .iter()
            .map(|reads| {
                let mut last = from;
                let mut longest = Duration::ZERO;
                let mut lump = 0;
                for read in reads.iter().filter(within) {
                    longest = longest.max(read.at.saturating_sub(last));
                    last = read.at;
                    lump = lump.max(read.bytes);
                }
                (longest.max(to.saturating_sub(last)), lump)
            })
            .unzip();
        silences.sort();
        lumps.sort_unstable();
        let worst_and_half = |count: usize| (count.saturating_sub(1), count / 2);
        let (last, half) = worst_and_half(connections.len());
        let mut all: Vec<Read> = connections.iter().flatten().filter(within).copied().collect();
        all.sort_by_key(|read| read.at);
        let over = |seconds: u64| window(&all, (from, to), Duration::from_secs(seconds), limit);
        Self {
            in_one_second: over(1),
            in_five_seconds: over(5),
            fairness: if squares > 0.0 { sum * sum / (totals.len() as f64 * squares) } else { f64::NAN },
            starved: totals.iter().filter(|total| **total == 0.0).count(),
            silence: (silences[last], silences[half]),
            lump: (lumps[last], lumps[half]),
        }
    }
}

/// The least and the most of all windows of a length, over the limit.
fn window(all: &[Read], (from, to): (Duration, Duration), length: Duration, limit: f64) -> (f64, f64) {
    let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
    let (mut begin, mut end, mut sum) = (0, 0, 0_u64);
    let mut at = from;
    while at + length <= to {
        while end < all.len() && all[end].at < at + length {
            sum += all[end].bytes;
            end += 1;
        }
        while begin < end && all[begin].at < at {
            sum -= all[begin].bytes;
            begin += 1;
        }
        let share = sum as f64 / (limit * length.as_secs_f64());
        least = least.min(share);
        most = most.max(share);
        at += STEP;
    }
    (least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(millis: u64, bytes: u64, phase: u64) -> Vec<Read> {
        (0..10_000 / millis)
            .map(|nth| Read { at: Duration::from_millis(nth * millis + phase), bytes })
            .collect()
    }

    #[test]
    fn two_even_connections_are_fair_and_never_silent_for_longer_than_they_wait() {
        let span = (Duration::ZERO, Duration::from_secs(10));
        let evenness = Evenness::of(&[every(10, 1_000, 0), every(10, 1_000, 5)], span, 200_000.0);
        assert!((evenness.fairness - 1.0).abs() < 1e-9);
        assert!((evenness.in_one_second.0 - 1.0).abs() < 0.01, "{evenness:?}");
        assert!((evenness.in_five_seconds.1 - 1.0).abs() < 0.01, "{evenness:?}");
        assert_eq!(evenness.silence.0, Duration::from_millis(10));
        assert_eq!(evenness.lump, (1_000, 1_000));
    }

    #[test]
    fn who_gets_nothing_is_starved_and_silent_all_the_time() {
        let span = (Duration::ZERO, Duration::from_secs(10));
        let evenness = Evenness::of(&[every(1_000, 1_000, 0), Vec::new()], span, 1_000.0);
        assert_eq!(evenness.starved, 1);
        assert!((evenness.fairness - 0.5).abs() < 1e-9);
        assert_eq!(evenness.silence.0, Duration::from_secs(10));
    }
}
