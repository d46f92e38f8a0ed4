//! Moments and lengths. Nothing here asks the time; the caller says it.

use core::time::Duration;

/// A moment, in nanoseconds since an origin the caller chose.
///
/// The clock behind it should be monotonic. Ticks from several cores may arrive a little out of order: every piece
/// of state takes the latest tick it has seen. All arithmetic saturates, at 0 and after 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// The origin.
    pub const ZERO: Self = Self(0);
    /// The last moment there is.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The moment `length` later, at most [`Tick::MAX`].
    #[must_use]
    pub fn saturating_add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(nanos_of(length)))
    }

    /// The moment `length` earlier, at least [`Tick::ZERO`].
    #[must_use]
    pub fn saturating_sub(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(nanos_of(length)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A length in nanoseconds, at most `u64::MAX`.
pub(crate) fn nanos_of(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
