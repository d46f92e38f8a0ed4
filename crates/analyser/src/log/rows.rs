//! The relations between client, path, referer and time: one short row for each request, so that whatever turns out to
//! be of interest can be looked at whole, without reading the log twice.
//!
//! Rows are bounded. When there are too many, whole clients are left out, half of them at a time, chosen by a hash of
//! the client: shares among clients stay what they are, on any number of cores the same clients are kept. Rows of very
//! many bytes stay whoever asked: few rows hold most bytes.

use super::visitors::Visitors;
use visit::TargetKind;

/// How many rows are kept: 28 bytes each.
pub(super) const ROWS_MAX: usize = 5_600_000;
/// A block of rows: what is allocated at once.
const BLOCK: usize = 65_536;
/// Rows of so many bytes are kept whoever asked, times 4 for each halving of the clients.
const BIG_BYTES: u64 = 64 * 1024;
/// A duration that is not known.
const NO_DURATION: u32 = u32::MAX;

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) visitor: u32,
    pub(super) path: u32,
    pub(super) referer: u32,
    /// Since 1970, UTC.
    pub(super) second: u32,
    millis: u32,
    bytes_low: u32,
    bytes_high: u8,
    kind_and_outcome: u8,
    pub(super) domain: u16,
}

/// What came of a request, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Outcome {
    /// The whole: 200 and its like.
    Whole,
    /// A part: 206.
    Part,
    /// Still good: 304.
    Unchanged,
    /// Everything else.
    Refused,
}

impl Outcome {
    pub(super) fn of(status: u16) -> Self {
        match status {
            206 => Self::Part,
            200..=299 => Self::Whole,
            304 => Self::Unchanged,
            _ => Self::Refused,
        }
    }
}

/// The numbers of a row, before it is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) visitor: u32,
    pub(super) path: u32,
    pub(super) referer: u32,
    pub(super) domain: u16,
    pub(super) at_unix: i64,
    pub(super) bytes: u64,
    pub(super) duration_micros: Option<u64>,
    pub(super) kind: TargetKind,
    pub(super) outcome: Outcome,
}

impl Row {
    #[expect(clippy::cast_possible_truncation, reason = "the two parts of 40 bits")]
    fn new(asked: &Asked) -> Self {
        let bytes = asked.bytes.min((1 << 40) - 1);
        let millis = asked.duration_micros.map_or(NO_DURATION, |micros| {
            u32::try_from(micros / 1000).unwrap_or(NO_DURATION - 1).min(NO_DURATION - 1)
        });
        Self {
            visitor: asked.visitor,
            path: asked.path,
            referer: asked.referer,
            second: u32::try_from(asked.at_unix.max(0)).unwrap_or(u32::MAX),
            millis,
            bytes_low: (bytes & u64::from(u32::MAX)) as u32,
            bytes_high: (bytes >> 32) as u8,
            kind_and_outcome: asked.kind as u8 | ((asked.outcome as u8) << 4),
            domain: asked.domain,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        (u64::from(self.bytes_high) << 32) | u64::from(self.bytes_low)
    }

    pub(super) fn kind(&self) -> TargetKind {
        TargetKind::ALL.get(usize::from(self.kind_and_outcome & 15)).copied().unwrap_or(TargetKind::Garbage)
    }

    pub(super) fn outcome(&self) -> Outcome {
        match self.kind_and_outcome >> 4 {
            0 => Outcome::Whole,
            1 => Outcome::Part,
            2 => Outcome::Unchanged,
            _ => Outcome::Refused,
        }
    }

    /// How long the answer took, if the log says so.
    pub(super) fn millis(&self) -> Option<u32> {
        (self.millis != NO_DURATION).then_some(self.millis)
    }
}

/// All rows that are kept.
#[derive(Debug, Default)]
pub(super) struct Rows {
    blocks: Vec<Vec<Row>>,
    length: usize,
    /// Clients were halved so often.
    halvings: u8,
}

impl Rows {
    pub(super) fn push(&mut self, asked: &Asked, visitors: &Visitors) {
        if self.halvings > 0 && !self.keeps(visitors.get(asked.visitor).lot, asked.bytes) {
            return;
        }
        self.push_row(Row::new(asked));
        self.shrink(visitors);
    }

    /// All rows, in the order they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.blocks.iter().flatten()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// The row with this place in [`Rows::iter`].
    pub(super) fn get(&self, place: u32) -> Option<&Row> {
        let place = place as usize;
        // all blocks but the last are full
        self.blocks.get(place / BLOCK)?.get(place % BLOCK)
    }

    /// For how many requests a row stands: 1 unless clients were left out.
    pub(super) fn weight(&self, row: &Row) -> u64 {
        if row.bytes() >= self.big_bytes() { 1 } else { self.one_in() }
    }

    /// Of how many clients one is here.
    pub(super) fn one_in(&self) -> u64 {
        1 << self.halvings
    }

    /// Whether all rows of this client are here.
    pub(super) fn has_whole(&self, lot: u8) -> bool {
        lot >= self.halvings
    }

    /// Takes the rows of another, with its numbers changed.
    pub(super) fn take(&mut self, other: Self, change: impl Fn(&mut Row), visitors: &Visitors) {
        self.halvings = self.halvings.max(other.halvings);
        self.retain(visitors);
        // where all are kept, nobody has to be looked at: a look for each row costs more than taking it
        for block in other.blocks {
            for mut row in block {
                change(&mut row);
                if self.halvings == 0 || self.keeps(visitors.get(row.visitor).lot, row.bytes()) {
                    self.push_row(row);
                    self.shrink(visitors);
                }
            }
        }
    }

    fn push_row(&mut self, row: Row) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => block.push(row),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(row);
                self.blocks.push(block);
            }
        }
        self.length += 1;
    }

    fn big_bytes(&self) -> u64 {
        if self.halvings == 0 { 0 } else { BIG_BYTES << (2 * u32::from(self.halvings)).min(40) }
    }

    fn keeps(&self, lot: u8, bytes: u64) -> bool {
        self.has_whole(lot) || bytes >= self.big_bytes()
    }

    fn shrink(&mut self, visitors: &Visitors) {
        while self.length > ROWS_MAX && self.halvings < 60 {
            self.halvings += 1;
            self.retain(visitors);
        }
    }

    /// Leaves out what the present halvings leave out.
    fn retain(&mut self, visitors: &Visitors) {
        if self.halvings == 0 {
            return;
        }
        let blocks = std::mem::take(&mut self.blocks);
        self.length = 0;
        for block in blocks {
            for row in block {
                if self.keeps(visitors.get(row.visitor).lot, row.bytes()) {
                    self.push_row(row);
                }
            }
        }
    }
}
