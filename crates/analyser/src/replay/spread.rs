//! How values are spread: median, 95th part, the largest, and a few steps between. 8 KiB whatever is added.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// Buckets for each power of two: a value is told within a sixteenth of it.
const SUB_BITS: u32 = 4;

/// Counts of values by size.
#[derive(Clone, Debug)]
pub struct Spread {
    /// By bucket; as long as the largest value needs.
    counts: Vec<u64>,
    count: u64,
    sum: u128,
    largest: u64,
    /// Where the steps of the histogram end.
    steps: &'static [u64],
}

/// Steps for waits, in microseconds.
pub(super) const WAIT_STEPS: &[u64] =
    &[1_000_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000, 300_000_000, 900_000_000, 3_600_000_000];

/// Steps for rates, in bytes a second.
pub(super) const RATE_STEPS: &[u64] =
    &[1_000, 4_000, 16_000, 32_000, 64_000, 128_000, 256_000, 1_000_000, 10_000_000];

impl Spread {
    pub(super) const fn new(steps: &'static [u64]) -> Self {
        Self { counts: Vec::new(), count: 0, sum: 0, largest: 0, steps }
    }

    /// One value more.
    pub(super) fn add(&mut self, value: u64) {
        let bucket = bucket_of(value);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.count += 1;
        self.sum = self.sum.saturating_add(u128::from(value));
        self.largest = self.largest.max(value);
    }

    /// How many values there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The largest; 0 if there is none.
    pub const fn largest(&self) -> u64 {
        self.largest
    }

    /// All of them together.
    pub const fn sum(&self) -> u128 {
        self.sum
    }

    /// The value that so many of a thousand do not exceed, up to a sixteenth more; `None` of nothing.
    pub fn per_mille(&self, part: u64) -> Option<u64> {
        let rank = u128::from(self.count).saturating_mul(u128::from(part.min(1_000))).div_ceil(1_000).max(1);
        let mut seen = 0_u128;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank {
                return Some(end_of(bucket).min(self.largest));
            }
        }
        None
    }

    /// The median.
    pub fn median(&self) -> Option<u64> {
        self.per_mille(500)
    }

    /// How many lie up to each step, and above all of them (`None`). Empty steps are left out.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> =
            self.steps.iter().map(|up_to| Step { up_to: Some(*up_to), count: 0 }).collect();
        steps.push(Step { up_to: None, count: 0 });
        for (bucket, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let at = self.steps.partition_point(|up_to| *up_to < end_of(bucket).min(self.largest));
            steps[at].count += count;
        }
        steps.retain(|step| step.count > 0);
        steps
    }
}

/// One step of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The largest value in it; `None` for the last.
    pub up_to: Option<u64>,
    /// How many values.
    pub count: u64,
}

impl Serialize for Spread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Spread", 5)?;
        fields.serialize_field("count", &self.count)?;
        fields.serialize_field("median", &self.median())?;
        fields.serialize_field("p95", &self.per_mille(950))?;
        fields.serialize_field("max", &(self.count > 0).then_some(self.largest))?;
        fields.serialize_field("steps", &self.steps())?;
        fields.end()
    }
}

fn bucket_of(value: u64) -> usize {
    let power = value.checked_ilog2().unwrap_or(0);
    let bucket = match power.checked_sub(SUB_BITS) {
        None | Some(0) => value,
        Some(shift) => (u64::from(shift) << SUB_BITS) + (value >> shift),
    };
    usize::try_from(bucket).unwrap_or(0)
}

/// The largest value of a bucket.
fn end_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket >> SUB_BITS).saturating_sub(1);
    let top = bucket - (shift << SUB_BITS);
    u64::try_from(((u128::from(top) + 1) << shift) - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_its_bucket_and_no_bucket_is_wider_than_a_sixteenth() {
        let mut last = 0;
        for power in 0..64 {
            for value in [1_u64 << power, (1 << power) + (1 << power) / 3, (1 << power) - 1] {
                let bucket = bucket_of(value);
                assert!(end_of(bucket) >= value, "{value}");
                assert!(bucket == 0 || end_of(bucket - 1) < value, "{value}");
                assert!(end_of(bucket) - value <= value / 16, "{value}");
                last = last.max(bucket);
            }
        }
        assert_eq!(end_of(bucket_of(u64::MAX)), u64::MAX);
        assert!(last < 1_024);
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut spread = Spread::new(&[10, 100]);
        assert_eq!((spread.median(), spread.steps()), (None, Vec::new()));
        for value in 1..=1_000 {
            spread.add(value);
        }
        assert!((500..=531).contains(&spread.median().unwrap()));
        assert!((950..=1_000).contains(&spread.per_mille(950).unwrap()));
        assert_eq!((spread.largest(), spread.count()), (1_000, 1_000));
        let total: u64 = spread.steps().iter().map(|step| step.count).sum();
        assert_eq!(total, 1_000);
        assert_eq!(spread.steps()[0], Step { up_to: Some(10), count: 10 });
    }
}
