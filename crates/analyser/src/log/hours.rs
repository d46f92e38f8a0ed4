//! Requests and bytes by domain and hour.

use super::seed::Seed;
use hashbrown::HashTable;

/// How many hours of all domains together are kept; beyond, hours of a domain are not told apart.
pub(super) const HOURS_MAX: usize = 1_000_000;
/// An hour, in seconds.
pub(super) const HOUR: i64 = 3600;

/// One hour of one domain.
#[derive(Clone, Copy, Debug)]
pub(super) struct HourCell {
    pub(super) domain: u16,
    /// Hours since 1970, UTC.
    pub(super) hour: i32,
    pub(super) requests: u64,
    pub(super) bytes: u64,
    /// The first and the last second of it that has a request.
    pub(super) first: u16,
    pub(super) last: u16,
    /// Local time minus UTC, in minutes.
    pub(super) offset_minutes: i16,
}

/// All hours.
#[derive(Debug)]
pub(super) struct Hours {
    seed: Seed,
    numbers: HashTable<u32>,
    cells: Vec<HourCell>,
    /// The cell of the last request: the next is mostly of the same.
    latest: usize,
    beyond: u64,
}

impl Hours {
    pub(super) fn new(seed: Seed) -> Self {
        Self { seed, numbers: HashTable::new(), cells: Vec::new(), latest: 0, beyond: 0 }
    }

    /// Counts one request.
    pub(super) fn add(&mut self, domain: u16, at_unix: i64, offset_seconds: i32, bytes: u64) {
        let hour = i32::try_from(at_unix.div_euclid(HOUR)).unwrap_or(i32::MAX);
        // below 3600
        let second = u16::try_from(at_unix.rem_euclid(HOUR)).unwrap_or(0);
        let offset_minutes = i16::try_from(offset_seconds / 60).unwrap_or(0);
        let cell = HourCell { domain, hour, requests: 1, bytes, first: second, last: second, offset_minutes };
        self.take_cell(&cell);
    }

    pub(super) fn cells(&self) -> &[HourCell] {
        &self.cells
    }

    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }

    pub(super) fn take(&mut self, other: &Self, domain: impl Fn(u16) -> u16) {
        self.beyond += other.beyond;
        for cell in &other.cells {
            self.take_cell(&HourCell { domain: domain(cell.domain), ..*cell });
        }
    }

    fn take_cell(&mut self, cell: &HourCell) {
        let is_it = |mine: &HourCell| mine.domain == cell.domain && mine.hour == cell.hour;
        if !self.cells.get(self.latest).is_some_and(is_it) {
            let hash = hash_of(self.seed, cell);
            let cells = &self.cells;
            let Some(number) = self.numbers.find(hash, |number| is_it(&cells[*number as usize])) else {
                self.push(hash, cell);
                return;
            };
            self.latest = *number as usize;
        }
        let mine = &mut self.cells[self.latest];
        mine.requests += cell.requests;
        mine.bytes += cell.bytes;
        mine.first = mine.first.min(cell.first);
        mine.last = mine.last.max(cell.last);
        mine.offset_minutes = mine.offset_minutes.max(cell.offset_minutes);
    }

    fn push(&mut self, hash: u64, cell: &HourCell) {
        let Some(number) = u32::try_from(self.cells.len()).ok().filter(|_| self.cells.len() < HOURS_MAX)
        else {
            self.beyond += cell.requests;
            return;
        };
        self.latest = self.cells.len();
        self.cells.push(*cell);
        let (cells, seed) = (&self.cells, self.seed);
        self.numbers.insert_unique(hash, number, |number| hash_of(seed, &cells[*number as usize]));
    }
}

fn hash_of(seed: Seed, cell: &HourCell) -> u64 {
    seed.of_numbers(u64::from(cell.domain), cell.hour.unsigned_abs().into(), u64::from(cell.hour < 0))
}
