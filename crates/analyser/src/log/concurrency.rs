//! How many downloads run at once, and how many of them fill a container's send buffers.
//!
//! By Little's law the mean number at once is the sum of all durations by the length of time. Where a log does not say
//! how long an answer took, the duration is its bytes by the rate of a client, and that is assumed: from
//! [`RATE_LOW`] to [`RATE_HIGH`]. The most at once comes from a sweep over beginnings and ends.

use super::rows::{Outcome, Row, Rows};
use super::summary::Concurrency;
use std::collections::BTreeMap;

/// A slow client's rate, in bytes a second.
pub const RATE_LOW: u64 = 250_000;
/// A fast client's rate, in bytes a second.
pub const RATE_HIGH: u64 = 2_000_000;
/// Answers below this are no downloads: even a slow client has them within a second, and they fit into a send buffer
/// or a few.
pub(super) const DOWNLOAD_BYTES_MIN: u64 = 250_000;
/// Ranges of one file by one client belong to one download if the pause between them is no longer: players read
/// ahead, stop, and go on.
pub(super) const RANGE_GAP_SECONDS: u32 = 600;
/// One download: an answer, or the ranges of one file that belong together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Download {
    second: u32,
    /// Of all its parts.
    bytes: u64,
    millis: Option<u64>,
    /// For how many it stands.
    weight: u64,
}

/// The downloads among rows: whole answers of [`DOWNLOAD_BYTES_MIN`] or more, and ranges put together.
pub(super) fn downloads<'a>(rows: impl Iterator<Item = &'a Row>, all: &Rows) -> Vec<Download> {
    let mut found = Vec::new();
    let mut parts: Vec<&Row> = Vec::new();
    for row in rows {
        match row.outcome() {
            Outcome::Whole if row.bytes() >= DOWNLOAD_BYTES_MIN || row.millis() >= Some(1000) => {
                found.push(Download::of(row, all.weight(row)));
            }
            Outcome::Part => parts.push(row),
            _ => {}
        }
    }
    parts.sort_unstable_by_key(|row| (row.visitor, row.path, row.second, row.bytes()));
    let mut current: Option<(&Row, Download)> = None;
    for row in parts {
        match &mut current {
            Some((before, download))
                if before.visitor == row.visitor
                    && before.path == row.path
                    && row.second - before.second <= RANGE_GAP_SECONDS =>
            {
                download.bytes += row.bytes();
                download.millis = download.millis.zip(row.millis()).map(|(sum, more)| sum + u64::from(more));
                *before = row;
            }
            _ => {
                found
                    .extend(current.replace((row, Download::of(row, all.weight(row)))).map(|(_, done)| done));
            }
        }
    }
    found.extend(current.map(|(_, done)| done));
    found
}

impl Download {
    fn of(row: &Row, weight: u64) -> Self {
        Self { second: row.second, bytes: row.bytes(), millis: row.millis().map(u64::from), weight }
    }
}

/// How many downloads there were at once, within `seconds`.
pub(super) fn concurrency(downloads: &[Download], seconds: u64) -> Concurrency {
    let is_exact = !downloads.is_empty() && downloads.iter().all(|download| download.millis.is_some());
    let by_rate = |rate: u64| {
        move |download: &Download| match download.millis {
            Some(millis) if is_exact => millis,
            _ => download.bytes.saturating_mul(1000) / rate,
        }
    };
    let (fast, slow) = (by_rate(RATE_HIGH), by_rate(RATE_LOW));
    let (peak_from, _) = peak(downloads, &fast);
    let (peak_to, peak_at_unix) = peak(downloads, &slow);
    Concurrency {
        is_exact,
        mean_from: mean(downloads, &fast, seconds),
        mean_to: mean(downloads, &slow, seconds),
        peak_from,
        peak_to,
        peak_at_unix,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean for people")]
fn mean(downloads: &[Download], millis: &impl Fn(&Download) -> u64, seconds: u64) -> f64 {
    let sum: u64 = downloads.iter().map(|download| millis(download).saturating_mul(download.weight)).sum();
    sum as f64 / 1000.0 / seconds.max(1) as f64
}

/// The most at once, and when first.
fn peak(downloads: &[Download], millis: &impl Fn(&Download) -> u64) -> (u64, Option<i64>) {
    let mut changes: BTreeMap<u64, i64> = BTreeMap::new();
    for download in downloads {
        let from = u64::from(download.second) * 1000;
        let weight = i64::try_from(download.weight).unwrap_or(i64::MAX);
        // an answer of no length was there for a moment all the same
        *changes.entry(from).or_default() += weight;
        *changes.entry(from + millis(download).max(1)).or_default() -= weight;
    }
    let (mut now, mut most, mut at) = (0_i64, 0_i64, None);
    for (moment, change) in changes {
        now += change;
        if now > most {
            (most, at) = (now, i64::try_from(moment / 1000).ok());
        }
    }
    (u64::try_from(most).unwrap_or(0), at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn download(second: u32, millis: u64) -> Download {
        Download { second, bytes: 1_000_000, millis: Some(millis), weight: 1 }
    }

    #[test]
    fn what_touches_does_not_overlap() {
        let all = [download(0, 10_000), download(10, 10_000), download(15, 1_000)];
        let concurrency = concurrency(&all, 20);
        assert_eq!((concurrency.peak_to, concurrency.peak_at_unix), (2, Some(15)));
        assert!((concurrency.mean_to - 21.0 / 20.0).abs() < 1e-9);
        assert!(concurrency.is_exact);
    }

    proptest! {
        /// Little's law: the mean over time of the number at once is the sum of durations by time.
        #[test]
        fn the_mean_is_that_of_the_number_at_every_moment(
            all in proptest::collection::vec((0_u32..500, 1_u64..200), 1..40)
        ) {
            let downloads: Vec<Download> = all.iter().map(|(at, long)| download(*at, long * 1000)).collect();
            let window = 1000_u32;
            let at_once = |second: u64| all.iter()
                .filter(|(at, long)| u64::from(*at) <= second && second < u64::from(*at) + long).count() as u64;
            let counted: u64 = (0..u64::from(window)).map(at_once).sum();
            let most = (0..u64::from(window)).map(at_once).max();
            let concurrency = concurrency(&downloads, u64::from(window));
            prop_assert!((concurrency.mean_to - f64::from(u32::try_from(counted).unwrap_or(0)) / f64::from(window)).abs() < 1e-9);
            prop_assert_eq!(Some(concurrency.peak_to), most);
        }
    }
}
