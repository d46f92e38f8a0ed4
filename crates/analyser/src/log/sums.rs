//! Sums by number, for hundreds of crowds at a time.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Two sums by number. Neighbours mostly have the same number: it is looked up where it changes. What comes often comes
/// early, and has a low number: those need no table.
#[derive(Debug, Default)]
pub(super) struct Sums {
    latest: Option<(u32, u64, u64)>,
    low: Vec<(u64, u64)>,
    high: HashMap<u32, (u64, u64), FixedState>,
}

/// Numbers below this are low: 16 kB in each of some hundred crowds.
const LOW_NUMBERS: usize = 1024;

impl Sums {
    #[inline]
    pub(super) fn add(&mut self, number: u32, one: u64, other: u64) {
        match &mut self.latest {
            Some(latest) if latest.0 == number => {
                latest.1 += one;
                latest.2 += other;
            }
            latest => {
                let before = latest.replace((number, one, other));
                self.put(before);
            }
        }
    }

    fn put(&mut self, latest: Option<(u32, u64, u64)>) {
        if let Some((number, one, other)) = latest {
            let at = number as usize;
            let sum = if at < LOW_NUMBERS {
                if self.low.len() <= at {
                    self.low.resize(at + 1, (0, 0));
                }
                &mut self.low[at]
            } else {
                self.high.entry(number).or_default()
            };
            *sum = (sum.0 + one, sum.1 + other);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for sum in other.all() {
            self.put(Some(sum));
        }
    }

    /// All numbers that have any.
    pub(super) fn all(mut self) -> impl Iterator<Item = (u32, u64, u64)> {
        let latest = self.latest.take();
        self.put(latest);
        let low = (0_u32..).zip(self.low).filter(|(_, sum)| *sum != (0, 0));
        low.chain(self.high).map(|(number, (one, other))| (number, one, other))
    }

    /// The most of one first, then of the other, then by name: no order of a hash table shows.
    pub(super) fn sorted<'a>(self, name: impl Fn(u32) -> &'a [u8]) -> Vec<(u32, u64, u64)> {
        let mut all: Vec<(u32, u64, u64)> = self.all().collect();
        all.sort_unstable_by(|one, other| {
            (other.1, other.2).cmp(&(one.1, one.2)).then_with(|| name(one.0).cmp(name(other.0)))
        });
        all
    }
}
