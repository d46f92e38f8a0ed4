//! The two clocks a decision is given: a steady one to wait by, and the one on the wall to write down.

use shaping::Tick;

/// Wall-clock time: microseconds since 1970-01-01T00:00:00Z. It may jump; nothing waits by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize)]
pub struct WallTime(pub i64);

/// The moment a decision is made at. The shell reads both clocks once; replay derives both from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic: drives waiting and pacing.
    pub tick: Tick,
    /// For log lines, dates and the expiry of marks.
    pub wall: WallTime,
}

impl Now {
    /// The wall time of a tick, reckoned from this moment. Exact as long as the wall clock did not jump between.
    pub fn wall_at(self, tick: Tick) -> WallTime {
        let micros = |nanos: u64| i64::try_from(nanos / 1_000).unwrap_or(i64::MAX);
        let offset = if tick >= self.tick {
            micros(tick.nanos().saturating_sub(self.tick.nanos()))
        } else {
            micros(self.tick.nanos().saturating_sub(tick.nanos())).saturating_neg()
        };
        WallTime(self.wall.0.saturating_add(offset))
    }
}
