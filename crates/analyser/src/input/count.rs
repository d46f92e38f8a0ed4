//! What became of the lines of a file.

use accesslog::{BadLine, Mended};
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of the lines of a file. All numbers are exact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileCounts {
    /// All lines, of whatever kind.
    pub lines: u64,
    /// Lines that say something of a request, the mended ones among them.
    pub read: u64,
    /// Blank lines, remarks, and those that name fields.
    pub comments: u64,
    /// Lines that could not be read.
    pub bad: u64,
    /// Bytes of all lines, unpacked.
    pub bytes: u64,
    /// Why lines could not be read, and how many for each reason.
    pub bad_reasons: BTreeMap<&'static str, u64>,
    /// How lines had to be mended, and how many of each kind.
    pub mended: BTreeMap<&'static str, u64>,
    /// The first lines that could not be read, or had to be mended.
    pub samples: Vec<Sample>,
    /// The earliest and the latest moment, in microseconds since 1970.
    pub times: Option<(i64, i64)>,
    /// Why the file could not be read to its end; what was read until then counts.
    pub problem: Option<String>,
}

/// A line that could not be read, or had to be mended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Sample {
    /// Where the line begins, in bytes from the start of the unpacked file.
    pub offset: u64,
    /// Where in the line it is wrong, in bytes.
    pub at: usize,
    /// What is wrong.
    pub why: &'static str,
    /// The line's beginning, its special bytes escaped.
    pub text: String,
}

/// Samples kept of each file.
const SAMPLES_MAX: usize = 5;

/// Bytes of a line that a sample shows.
const SAMPLE_BYTES_MAX: usize = 200;

impl FileCounts {
    #[inline]
    pub(super) fn add_time(&mut self, unix_micros: i64) {
        let (first, last) = self.times.get_or_insert((unix_micros, unix_micros));
        *first = unix_micros.min(*first);
        *last = unix_micros.max(*last);
    }

    #[cold]
    pub(super) fn add_bad(&mut self, bad: BadLine, line: &[u8], offset: u64) {
        self.bad += 1;
        *self.bad_reasons.entry(bad.why).or_default() += 1;
        self.keep(bad.at, bad.why, line, offset);
    }

    #[cold]
    pub(super) fn add_mended(&mut self, mended: Mended, line: &[u8], offset: u64) {
        *self.mended.entry(mended.why()).or_default() += 1;
        self.keep(0, mended.why(), line, offset);
    }

    fn keep(&mut self, at: usize, why: &'static str, line: &[u8], offset: u64) {
        let last = self.samples.last().map(|sample| sample.offset);
        if self.samples.len() >= SAMPLES_MAX && last.is_some_and(|last| last < offset) {
            return;
        }
        let shown = &line[..line.len().min(SAMPLE_BYTES_MAX)];
        let mut text = Vec::with_capacity(shown.len());
        accesslog::escape(shown.trim_ascii_end(), &mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        self.samples.push(Sample { offset, at, why, text });
        self.samples.sort_unstable_by_key(|sample| sample.offset);
        self.samples.truncate(SAMPLES_MAX);
    }

    /// Adds what another part of the same file gave; the order of parts does not matter.
    pub(super) fn merge(&mut self, other: Self) {
        self.lines += other.lines;
        self.read += other.read;
        self.comments += other.comments;
        self.bad += other.bad;
        self.bytes += other.bytes;
        for (why, count) in other.bad_reasons {
            *self.bad_reasons.entry(why).or_default() += count;
        }
        for (why, count) in other.mended {
            *self.mended.entry(why).or_default() += count;
        }
        self.samples.extend(other.samples);
        self.samples.sort_unstable();
        self.samples.truncate(SAMPLES_MAX);
        if let Some((first, last)) = other.times {
            self.add_time(first);
            self.add_time(last);
        }
        self.problem = self.problem.take().or(other.problem);
    }
}
