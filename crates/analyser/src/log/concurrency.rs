//! How many downloads run at once, and how many of them fill a container's send buffers.
//!
//! By Little's law the mean number at once is the sum of all durations by the length of time. Where a log does not say
//! how long an answer took, the duration is its bytes by the rate of a client, and that is assumed: from
//! [`RATE_LOW`] to [`RATE_HIGH`]. The most at once comes from a sweep over beginnings and ends.

use super::rows::{Outcome, Row, Rows};
use super::summary::Concurrency;

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

/// Downloads among rows, taken visitor by visitor: whole answers of [`DOWNLOAD_BYTES_MIN`] or more, and ranges of one
/// file put together. Four bytes for most of them: it is kept for hundreds of crowds at a time.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    /// Places of rows that are a download each.
    single: Vec<u32>,
    /// Downloads of several ranges.
    joined: Vec<Joined>,
    /// Places of the present visitor's rows that are a part of something.
    parts: Vec<u32>,
}

/// Ranges of one file that belong together.
#[derive(Clone, Copy, Debug)]
struct Joined {
    /// The place of the first one's row.
    first: u32,
    /// How long all of them took; `u32::MAX` where the log does not say.
    millis: u32,
    bytes: u64,
}

/// One download, as far as it matters here.
#[derive(Clone, Copy, Debug)]
struct Download {
    second: u32,
    /// Of all its parts.
    bytes: u64,
    millis: Option<u64>,
    /// For how many it stands.
    weight: u64,
}

impl Downloads {
    /// Takes a row with its place.
    #[inline]
    pub(super) fn take(&mut self, place: u32, row: &Row) {
        match row.outcome() {
            Outcome::Whole if row.bytes() >= DOWNLOAD_BYTES_MIN || row.millis() >= Some(1000) => {
                self.single.push(place);
            }
            Outcome::Part => self.parts.push(place),
            _ => {}
        }
    }

    /// No more rows of this visitor will come.
    pub(super) fn end_visitor(&mut self, rows: &Rows) {
        match self.parts.len() {
            0 => {}
            1 => self.single.append(&mut self.parts),
            _ => self.join(rows),
        }
    }

    /// Puts the ranges of one visitor together.
    fn join(&mut self, rows: &Rows) {
        let mut parts: Vec<(&Row, u32)> =
            self.parts.drain(..).filter_map(|place| Some((rows.get(place)?, place))).collect();
        parts.sort_unstable_by_key(|(row, _)| (row.path, row.second, row.bytes()));
        let belong = |before: &(&Row, u32), next: &(&Row, u32)| {
            before.0.path == next.0.path && next.0.second - before.0.second <= RANGE_GAP_SECONDS
        };
        for download in parts.chunk_by(belong) {
            match download {
                [] => {}
                [(_, place)] => self.single.push(*place),
                [(_, first), ..] => {
                    let millis =
                        download.iter().map(|(row, _)| row.millis().map(u64::from)).sum::<Option<u64>>();
                    let fits = |millis: u64| u32::try_from(millis).unwrap_or(u32::MAX).min(u32::MAX - 1);
                    self.joined.push(Joined {
                        first: *first,
                        millis: millis.map_or(u32::MAX, fits),
                        bytes: download.iter().map(|(row, _)| row.bytes()).sum(),
                    });
                }
            }
        }
    }

    /// Takes the downloads of other visitors.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.single.append(&mut other.single);
        self.joined.append(&mut other.joined);
    }

    fn all(&self, rows: &Rows) -> impl Iterator<Item = Download> {
        let single = self.single.iter().filter_map(|place| {
            let row = rows.get(*place)?;
            let millis = row.millis().map(u64::from);
            Some(Download { second: row.second, bytes: row.bytes(), millis, weight: rows.weight(row) })
        });
        let joined = self.joined.iter().filter_map(|joined| {
            let row = rows.get(joined.first)?;
            let millis = (joined.millis != u32::MAX).then_some(u64::from(joined.millis));
            Some(Download { second: row.second, bytes: joined.bytes, millis, weight: rows.weight(row) })
        });
        single.chain(joined)
    }
}

/// How many downloads there were at once, within `seconds`.
pub(super) fn at_once<'d>(
    all: impl IntoIterator<Item = &'d Downloads>,
    rows: &'d Rows,
    seconds: u64,
) -> Concurrency {
    let downloads: Vec<Download> = all.into_iter().flat_map(|downloads| downloads.all(rows)).collect();
    concurrency(&downloads, seconds)
}

/// How many downloads there were at once, within `seconds`.
fn concurrency(downloads: &[Download], seconds: u64) -> Concurrency {
    let is_exact = !downloads.is_empty() && downloads.iter().all(|download| download.millis.is_some());
    let by_rate = |rate: u64| {
        move |download: &Download| match download.millis {
            Some(millis) if is_exact => millis,
            _ => download.bytes.saturating_mul(1000) / rate,
        }
    };
    let (fast, slow) = (by_rate(RATE_HIGH), by_rate(RATE_LOW));
    let mut begins: Vec<(u64, u64)> = downloads.iter().map(|one| (begin(one), one.weight)).collect();
    begins.sort_unstable();
    let (peak_to, peak_at_unix) = peak(&begins, ends(downloads, &slow));
    // without a rate to assume there is but one of them
    let peak_from = if is_exact { peak_to } else { peak(&begins, ends(downloads, &fast)).0 };
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

/// In milliseconds.
fn begin(download: &Download) -> u64 {
    u64::from(download.second) * 1000
}

/// Each with its weight, in the order of time.
fn ends(downloads: &[Download], millis: &impl Fn(&Download) -> u64) -> Vec<(u64, u64)> {
    // an answer of no length was there for a moment all the same
    let end = |one: &Download| (begin(one).saturating_add(millis(one).max(1)), one.weight);
    let mut ends: Vec<(u64, u64)> = downloads.iter().map(end).collect();
    ends.sort_unstable();
    ends
}

/// The most at once, and when first: a sweep over beginnings and ends in the order of time.
fn peak(begins: &[(u64, u64)], ends: Vec<(u64, u64)>) -> (u64, Option<i64>) {
    let mut ends = ends.into_iter().peekable();
    let (mut now, mut most, mut at) = (0_u64, 0_u64, None);
    for same in begins.chunk_by(|one, other| one.0 == other.0) {
        let moment = same.first().map_or(0, |begin| begin.0);
        // what touches does not overlap
        while let Some((_, weight)) = ends.next_if(|end| end.0 <= moment) {
            now = now.saturating_sub(weight);
        }
        now += same.iter().map(|begin| begin.1).sum::<u64>();
        if now > most {
            (most, at) = (now, i64::try_from(moment / 1000).ok());
        }
    }
    (most, at)
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
