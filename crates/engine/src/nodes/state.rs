//! What all workers know of a node, and of its place in a pool: a handful of atomics each.

use super::queue::NodeQueue;
use shaping::Tick;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// After so long without an answer, what is known of a node's speed counts half: it is tried again by and by.
const SPEED_HALF_LIFE_NANOS: u64 = 10_000_000_000;

/// What all workers and all pools know of one node.
#[derive(Debug, Default)]
pub(crate) struct NodeState {
    /// Nanoseconds of the tick of the last failure plus one; 0 means that it is thought well.
    pub(crate) failed_at: AtomicU64,
    pub(crate) in_flight: AtomicU32,
    pub(crate) failures: AtomicU64,
    pub(crate) requests: AtomicU64,
    /// Its name has no address yet.
    pub(crate) is_unresolved: AtomicBool,
    /// When it answered after it had failed; 0: never.
    pub(crate) well_since: AtomicU64,
    /// Nanoseconds to the answer's head, a moving average; 0: not known.
    speed: AtomicU64,
    /// When that was measured.
    speed_at: AtomicU64,
}

impl NodeState {
    pub(crate) fn failed_tick(&self) -> Option<Tick> {
        self.failed_at.load(Ordering::Relaxed).checked_sub(1).map(Tick::from_nanos)
    }

    /// An answer came after so long. An eighth of the difference counts, as TCP has it for round trips (RFC 6298);
    /// when two workers measure at once, one of them may go uncounted.
    pub(crate) fn measure(&self, took: Duration, now: Tick) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let known = self.speed.load(Ordering::Relaxed);
        let speed = if known == 0 { took } else { known - known / 8 + took / 8 };
        self.speed.store(speed.max(1), Ordering::Relaxed);
        self.speed_at.store(now.nanos(), Ordering::Relaxed);
    }

    /// The average, in nanoseconds, less the longer ago it was measured; 0 where nothing is known.
    pub(crate) fn speed(&self, now: Tick) -> u64 {
        let age = now.nanos().saturating_sub(self.speed_at.load(Ordering::Relaxed)) / SPEED_HALF_LIFE_NANOS;
        self.speed.load(Ordering::Relaxed) >> age.min(63)
    }

    /// The average as measured.
    pub(crate) fn mean_response(&self) -> Duration {
        Duration::from_nanos(self.speed.load(Ordering::Relaxed))
    }
}

/// What all workers know of a node's place in one pool.
#[derive(Debug, Default)]
pub(crate) struct MemberState {
    /// Requests of this pool under way at it.
    pub(crate) in_flight: AtomicU32,
    /// How far its share is served: see [`super::choose`].
    pub(crate) served: AtomicU64,
    /// Bad answers in a row.
    pub(crate) errors: AtomicU32,
    /// Until when it is ejected, in nanoseconds; 0: it was never.
    pub(crate) ejected_until: AtomicU64,
    /// Times in a row that it was ejected.
    pub(crate) ejections_in_row: AtomicU32,
    pub(crate) ejections: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) failures: AtomicU64,
    /// Of the pool's monitors, by place, a bit for each that found it failed.
    pub(crate) found_failed: AtomicU32,
    /// When it was new, or monitors found it well again, in nanoseconds; 0: it was always so.
    pub(crate) well_since: AtomicU64,
    /// The monitors that the bits are of.
    pub(crate) watched_by: Mutex<Vec<Arc<str>>>,
}

impl MemberState {
    pub(crate) fn is_ejected(&self, now: Tick) -> bool {
        self.ejected_until.load(Ordering::Relaxed) > now.nanos()
    }

    /// Bits of monitors that are in the pool no longer go, the others to their new places.
    pub(crate) fn watch_by(&self, monitors: &[Arc<str>]) {
        let mut watched_by = self.watched_by.lock().unwrap_or_else(PoisonError::into_inner);
        if *watched_by == monitors {
            return;
        }
        let old = self.found_failed.load(Ordering::Relaxed);
        let was_failed = |name: &Arc<str>| {
            watched_by.iter().position(|known| known == name).is_some_and(|at| old >> at & 1 == 1)
        };
        let bits = (0_u32..).zip(monitors).filter(|(_, name)| was_failed(name));
        let bits = bits.fold(0, |bits, (at, _)| bits | 1_u32.checked_shl(at).unwrap_or(0));
        self.found_failed.store(bits, Ordering::Relaxed);
        *watched_by = monitors.to_vec();
    }
}

/// A request under way at a node; dropping it says that it is over.
#[derive(Debug)]
pub struct InFlight {
    pub(super) node: Arc<NodeState>,
    pub(super) member: Arc<MemberState>,
    pub(super) queue: Arc<NodeQueue>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.node.in_flight.fetch_sub(1, Ordering::Relaxed);
        // Before the look at the queue: who waits looks at the place after it has joined.
        self.member.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.queue.wake_first();
    }
}
