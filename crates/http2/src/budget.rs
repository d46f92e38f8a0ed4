//! What a client may spend on one connection beyond asking for things: frames that cost us work and it nothing.
//!
//! Each sort of frame has a burst and a rate at which that comes back. The numbers are far above what browsers,
//! libraries and load generators send and far below what hurts; what is normal grows with what is asked for and
//! delivered, and is credited with it.
#![warn(clippy::indexing_slicing)]

use crate::frames::{Frame, FrameKind};

const SECOND_NANOS: u64 = 1_000_000_000;

/// Streams that a client may reset at once, and each second (CVE-2023-44487). A browser that leaves a page cancels all
/// that it had asked for.
const RESETS: Bucket = Bucket::new(200, 20);
/// Streams that a client may make us reset by breaking the rules on them (CVE-2025-8671).
const FAULTS: Bucket = Bucket::new(100, 10);
/// Streams beyond those that may be open at once. A client that has not read our settings yet may send hundreds.
const REFUSALS: Bucket = Bucket::new(500, 50);
/// PING, PRIORITY, WINDOW_UPDATE, empty DATA, unknown frames.
const CONTROLS: Bucket = Bucket::new(1_000, 50);
/// A SETTINGS frame is answered, and may touch every stream: it counts for so many.
const SETTINGS_COST: u64 = 10;
/// What a DATA frame of ours gives back: windows opened for it, twice, and a PING that measures.
const DATA_CREDIT: u64 = 3;
/// What a request gives back: a PRIORITY or WINDOW_UPDATE of its own.
const HEADERS_CREDIT: u64 = 1;
/// What a request that we send to a node gives back: it may be reset, widened, weighted.
const ASKED_CREDIT: u64 = 3;
/// Frames of one block of fields. 64 KiB need five of the usual size.
const BLOCK_FRAMES_MAX: u32 = 8;

/// Why a client is told to go away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Breach {
    /// It resets streams as fast as it opens them.
    Resets,
    /// It breaks rules so that we reset its streams.
    Faults,
    /// It opens more streams at once than it may, again and again.
    Refusals,
    /// It sends frames that ask for nothing.
    Controls,
    /// A block of fields is too long, or in too many frames.
    FieldBlock,
    /// A block of fields is begun and not ended in time.
    SlowFieldBlock,
    /// More of a body came than may come before it is wanted.
    Window,
}

impl Breach {
    /// The reason in kebab case, for the process log; never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Resets => "resets",
            Self::Faults => "caused-resets",
            Self::Refusals => "refused-streams",
            Self::Controls => "control-frames",
            Self::FieldBlock => "field-block",
            Self::SlowFieldBlock => "slow-field-block",
            Self::Window => "window",
        }
    }
}

/// What one connection has spent. Moments are nanoseconds since any origin, and do not go back.
#[derive(Clone, Debug)]
pub struct Budget {
    resets: Bucket,
    faults: Bucket,
    refusals: Bucket,
    controls: Bucket,
    block_bytes_max: u32,
    block: Option<Block>,
    /// The other side is a node: it can reset only what we asked for, and what we reset is our own affair.
    is_node: bool,
}

/// A block of fields that is not whole yet.
#[derive(Clone, Copy, Debug)]
struct Block {
    frames: u32,
    bytes: u32,
    since_nanos: u64,
}

impl Budget {
    /// `block_bytes_max`: bytes of one block of fields as it comes over the wire.
    pub const fn new(block_bytes_max: u32) -> Self {
        Self {
            resets: RESETS,
            faults: FAULTS,
            refusals: REFUSALS,
            controls: CONTROLS,
            block_bytes_max,
            block: None,
            is_node: false,
        }
    }

    /// The same for what a node sends on a connection that we made.
    pub const fn of_node(block_bytes_max: u32) -> Self {
        Self { is_node: true, ..Self::new(block_bytes_max) }
    }

    /// Counts a frame of the other side.
    ///
    /// # Errors
    /// It is one too many.
    pub fn received(&mut self, frame: &Frame, now_nanos: u64) -> Result<(), Breach> {
        match frame.kind {
            FrameKind::Reset(_) if self.is_node => self.controls.take(1, now_nanos).ok_or(Breach::Controls),
            FrameKind::Reset(_) => self.resets.take(1, now_nanos).ok_or(Breach::Resets),
            FrameKind::Headers => {
                self.controls.give(HEADERS_CREDIT, now_nanos);
                self.block = Some(Block { frames: 0, bytes: 0, since_nanos: now_nanos });
                self.block_grows(frame)
            }
            FrameKind::Continuation => self.block_grows(frame),
            FrameKind::Data if frame.length > 0 || frame.ends_stream() => Ok(()),
            FrameKind::Settings => self.controls.take(SETTINGS_COST, now_nanos).ok_or(Breach::Controls),
            FrameKind::Data
            | FrameKind::Ping
            | FrameKind::Priority
            | FrameKind::WindowUpdate
            | FrameKind::PushPromise
            | FrameKind::GoAway(_)
            | FrameKind::Other => self.controls.take(1, now_nanos).ok_or(Breach::Controls),
        }
    }

    /// Counts a frame of ours: what the other side made us send.
    ///
    /// # Errors
    /// It is one too many.
    pub fn sent(&mut self, frame: &Frame, now_nanos: u64) -> Result<(), Breach> {
        const NO_ERROR: u32 = 0;
        const INTERNAL_ERROR: u32 = 2;
        const REFUSED_STREAM: u32 = 7;
        const CANCEL: u32 = 8;
        match frame.kind {
            FrameKind::Headers if self.is_node => {
                self.controls.give(ASKED_CREDIT, now_nanos);
                Ok(())
            }
            FrameKind::Reset(_) if self.is_node => Ok(()),
            // Ours, for reasons of our own.
            FrameKind::Reset(NO_ERROR | INTERNAL_ERROR | CANCEL) => Ok(()),
            FrameKind::Reset(REFUSED_STREAM) => self.refusals.take(1, now_nanos).ok_or(Breach::Refusals),
            FrameKind::Reset(_) => self.faults.take(1, now_nanos).ok_or(Breach::Faults),
            FrameKind::Data => {
                self.controls.give(DATA_CREDIT, now_nanos);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Since when a block of fields is not whole; `None` where there is none.
    pub fn block_open_since_nanos(&self) -> Option<u64> {
        self.block.map(|block| block.since_nanos)
    }

    fn block_grows(&mut self, frame: &Frame) -> Result<(), Breach> {
        // Without a beginning it is an error that the reader in earnest finds.
        let Some(block) = &mut self.block else { return Ok(()) };
        block.frames += 1;
        block.bytes = block.bytes.saturating_add(frame.length);
        if block.frames > BLOCK_FRAMES_MAX || block.bytes > self.block_bytes_max {
            return Err(Breach::FieldBlock);
        }
        if frame.ends_headers() {
            self.block = None;
        }
        Ok(())
    }
}

/// So many at once, and so many each second (the generic cell rate algorithm, ITU-T I.371: one number).
#[derive(Clone, Copy, Debug)]
struct Bucket {
    nanos_each: u64,
    burst: u64,
    /// When all is given back.
    whole_at_nanos: u64,
}

impl Bucket {
    const fn new(burst: u64, per_second: u64) -> Self {
        Self { nanos_each: SECOND_NANOS / per_second, burst, whole_at_nanos: 0 }
    }

    /// `None` where there were not so many left.
    fn take(&mut self, count: u64, now_nanos: u64) -> Option<()> {
        let whole_at = self.whole_at_nanos.max(now_nanos).saturating_add(count * self.nanos_each);
        if whole_at - now_nanos > self.burst * self.nanos_each {
            return None;
        }
        self.whole_at_nanos = whole_at;
        Some(())
    }

    fn give(&mut self, count: u64, now_nanos: u64) {
        self.whole_at_nanos = self.whole_at_nanos.saturating_sub(count * self.nanos_each).max(now_nanos);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: FrameKind) -> Frame {
        Frame { kind, flags: 0, stream: 1, length: 0 }
    }

    /// How many frames of a kind pass at one moment.
    fn passed(budget: &mut Budget, kind: FrameKind, now: u64) -> u32 {
        (0..10_000_u32).find(|_| budget.received(&frame(kind), now).is_err()).unwrap()
    }

    #[test]
    fn a_burst_passes_and_comes_back_with_time() {
        let mut budget = Budget::new(65_536);
        assert_eq!(passed(&mut budget, FrameKind::Reset(8), 0), 200);
        let mut later = Budget::new(65_536);
        assert_eq!(passed(&mut later, FrameKind::Reset(8), 5), 200);
        assert_eq!(passed(&mut later, FrameKind::Reset(8), 2 * SECOND_NANOS + 5), 40);
    }

    #[test]
    fn nobody_runs_out_who_sends_at_the_rate_for_ever() {
        let mut budget = Budget::new(65_536);
        for number in 0..100_000 {
            assert!(budget.received(&frame(FrameKind::Ping), number * SECOND_NANOS / 50).is_ok());
        }
    }

    #[test]
    fn windows_opened_for_what_we_send_cost_nothing() {
        let mut budget = Budget::new(65_536);
        for _ in 0..100_000 {
            assert!(budget.sent(&frame(FrameKind::Data), 0).is_ok());
            for kind in [FrameKind::WindowUpdate, FrameKind::WindowUpdate, FrameKind::Ping] {
                assert!(budget.received(&frame(kind), 0).is_ok());
            }
        }
        // Those of the last frame are not paid back yet.
        assert_eq!(passed(&mut budget, FrameKind::WindowUpdate, 0), 997);
    }

    #[test]
    fn resets_that_we_are_made_to_send_are_charged_and_those_of_our_own_are_not() {
        let mut budget = Budget::new(65_536);
        for _ in 0..1_000 {
            assert!(budget.sent(&frame(FrameKind::Reset(2)), 0).is_ok());
        }
        let charged = (0..10_000_u32).find(|_| budget.sent(&frame(FrameKind::Reset(1)), 0).is_err()).unwrap();
        assert_eq!(charged, 100);
        let refused = (0..10_000_u32).find(|_| budget.sent(&frame(FrameKind::Reset(7)), 0).is_err()).unwrap();
        assert_eq!(refused, 500);
    }

    #[test]
    fn a_block_of_fields_may_not_be_long_nor_in_crumbs_nor_left_open() {
        let mut budget = Budget::new(65_536);
        let crumb = Frame { length: 1, ..frame(FrameKind::Continuation) };
        assert!(budget.received(&frame(FrameKind::Headers), 7).is_ok());
        assert_eq!(budget.block_open_since_nanos(), Some(7));
        let crumbs = (0..10_000_u32).find(|_| budget.received(&crumb, 8).is_err()).unwrap();
        assert_eq!(crumbs, 7);
        let mut budget = Budget::new(65_536);
        let large = Frame { length: 16_384, ..crumb };
        assert!(budget.received(&frame(FrameKind::Headers), 0).is_ok());
        for _ in 0..4 {
            assert!(budget.received(&large, 0).is_ok());
        }
        assert_eq!(budget.received(&large, 0), Err(Breach::FieldBlock));
        let mut budget = Budget::new(65_536);
        let last = Frame { flags: 4, ..frame(FrameKind::Headers) };
        assert!(budget.received(&last, 0).is_ok());
        assert_eq!(budget.block_open_since_nanos(), None);
    }
}
