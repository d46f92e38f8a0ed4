//! A transfer in a bandwidth class, on this side of the class: what was granted and not written, and when to ask again.

use super::body::COPIED_PAYLOAD_BYTES;
use crate::clock::Clock;
use shaping::{Flow, Tick};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::Sleep;

/// The reads of a paced body: two to three grants at usual rates.
pub(super) const PACED_READ_BYTES_MIN: usize = 2 * 1024;
const PACED_READ_BYTES_MAX: usize = 16 * 1024;

/// A transfer in a bandwidth class.
pub(super) struct Pace {
    flow: Flow,
    /// Granted and not yet written.
    allowance: usize,
    /// The usual grant, as far as seen.
    quantum: usize,
    sleep: Pin<Box<Sleep>>,
    is_waiting: bool,
}

impl Pace {
    pub(super) fn new(flow: Flow, clock: &Clock) -> Self {
        Self {
            flow,
            allowance: 0,
            quantum: 0,
            sleep: Box::pin(tokio::time::sleep_until(clock.instant(Tick::ZERO))),
            is_waiting: false,
        }
    }

    /// How many bytes may be written now; never 0.
    pub(super) fn poll_grant(
        &mut self,
        context: &mut Context<'_>,
        clock: &Clock,
        wanted: usize,
    ) -> Poll<usize> {
        loop {
            if self.allowance > 0 {
                return Poll::Ready(self.allowance);
            }
            if self.is_waiting {
                ready!(self.sleep.as_mut().poll(context));
                self.is_waiting = false;
            }
            self.ask(clock, wanted);
        }
    }

    /// Asks for what is due, and sleeps until the next turn if that is not all.
    fn ask(&mut self, clock: &Clock, wanted: usize) {
        let grant = self.flow.grant(wanted as u64, clock.tick());
        self.allowance = usize::try_from(grant.bytes).unwrap_or(usize::MAX);
        if self.allowance >= wanted {
            // There may be more to be had than there was to send.
            self.quantum = self.quantum.max(wanted);
            return;
        }
        self.sleep.as_mut().reset(clock.instant(grant.again_at));
        self.is_waiting = true;
        if self.allowance > 0 {
            self.quantum = self.allowance.max(self.quantum / 2);
        }
    }

    /// Two grants, so that the next can be used at once. More than what is copied behind a head takes a buffer anyway,
    /// which is filled then.
    pub(super) fn ahead_bytes(&self) -> usize {
        match self.quantum.saturating_mul(2) {
            little @ ..=COPIED_PAYLOAD_BYTES => little.max(PACED_READ_BYTES_MIN),
            _ => PACED_READ_BYTES_MAX,
        }
    }

    pub(super) fn used(&mut self, count: usize) {
        self.allowance = self.allowance.saturating_sub(count);
    }
}
