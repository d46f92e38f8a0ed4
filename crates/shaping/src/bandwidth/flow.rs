//! A transfer in a bandwidth class, as its owner holds it.

use super::Grant;
use super::class::{LiveBandwidthClass, Party, Shape, Sharing};
use super::fair::Fair;
use crate::Tick;
use crate::rate::Wakes;
use crate::rate::live::lock;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// A transfer in a bandwidth class. Dropping it leaves the class; what it had not used goes to the others.
#[must_use = "a flow that is dropped has left its class"]
pub struct Flow {
    /// `None` for a class that the registry does not have: nothing limits such a flow.
    seat: Option<Seat>,
}

struct Seat {
    class: Arc<LiveBandwidthClass>,
    fair: Arc<Mutex<Fair>>,
    lane: u32,
    shape: Shape,
    party: Party,
    /// What may still go unshaped.
    head_bytes: u64,
}

impl Flow {
    pub(crate) const fn unlimited() -> Self {
        Self { seat: None }
    }

    pub(crate) fn new(class: &Arc<LiveBandwidthClass>, party: Party, now: u64) -> Self {
        class.count_in();
        let shape = class.shape();
        let (fair, lane) = class.join(shape, party, now);
        Self { seat: Some(Seat { class: Arc::clone(class), fair, lane, shape, party, head_bytes: 0 }) }
    }

    /// The same transfer with as many bytes unshaped at its head as the class allows now: what a page needs to open. Where
    /// all share one limit, the class owes them: the others together go slower, by half at most, until they are paid for.
    pub fn with_head(mut self) -> Self {
        if let Some(seat) = &mut self.seat {
            seat.head_bytes = seat.class.head_bytes();
        }
        self
    }

    /// Asks to send `want` bytes: what is there to send, not what may come later.
    ///
    /// A flow that was granted less than it wanted has demand and keeps its turn until 50 ms after `again_at`, 60 ms where
    /// turns are long; one that was granted all keeps what is left of its turn for 10 to 48 ms. After that its share is the
    /// others'. Turns are longer the more flows the registry has: 10 ms up to a hundred, 48 ms from 480 on. Locks
    /// the division (of the class or of the connection in it) for a few hundred instructions.
    pub fn grant(&mut self, want: u64, now: Tick) -> Grant {
        let Some(seat) = self.seat.as_mut().filter(|_| want > 0) else {
            return Grant { bytes: want, again_at: now };
        };
        let unshaped = want.min(seat.head_bytes);
        if unshaped > 0 {
            seat.head_bytes = seat.head_bytes.saturating_sub(unshaped);
            seat.class.bytes.fetch_add(unshaped, Ordering::Relaxed);
            if seat.shape.0 == Sharing::Machine {
                lock(&seat.fair).owe(unshaped, seat.class.terms(), now.nanos());
            }
            // what goes beyond the head is asked for when the head is gone
            return Grant { bytes: unshaped, again_at: now };
        }
        if seat.class.shape() != seat.shape {
            seat.move_over(now);
        }
        let terms = seat.class.terms();
        let grant = lock(&seat.fair).ask(seat.lane, want, terms, now.nanos());
        if grant.bytes > 0 {
            seat.class.bytes.fetch_add(grant.bytes, Ordering::Relaxed);
        }
        grant
    }

    /// Leaves the class. Nobody sleeps for another flow's sake, so there is nobody to wake: the others find the larger share
    /// at their next turn.
    pub fn close(self, now: Tick) -> Wakes {
        if let Some(seat) = &self.seat {
            lock(&seat.fair).advance(now.nanos());
        }
        Wakes::default()
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        if let Some(seat) = &self.seat {
            seat.leave();
            seat.class.count_out();
        }
    }
}

impl core::fmt::Debug for Flow {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let connection = self.seat.as_ref().map(|seat| seat.party.connection);
        formatter.debug_struct("Flow").field("connection", &connection).finish_non_exhaustive()
    }
}

impl Seat {
    fn leave(&self) {
        self.class.leave(self.shape, self.party.connection, &self.fair, self.lane);
    }

    /// The operator changed who shares, or between whom it is divided.
    fn move_over(&mut self, now: Tick) {
        self.leave();
        self.shape = self.class.shape();
        (self.fair, self.lane) = self.class.join(self.shape, self.party, now.nanos());
    }
}
