//! Rules that wait for their turn in a rate class, or for time.
//!
//! A class may hold thousands at once, and most of them before anything else was done for them. Those wait in [`hold`],
//! which has no room for a node and for bodies: [`super::exchange::run`] gets its memory when the wait is over.

use super::connection::{Client, Taken};
use super::exchange::{self, After, Begun, Exchange, Gone};
use crate::node::connect::Dial;
use crate::wakes::Seat;
use crate::wire::Wire;
use crate::worker::Worker;
use engine::{Ask, Next};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An exchange that has begun.
pub(super) enum Started<R, H> {
    Running(Pin<Box<R>>),
    /// It waits before anything else.
    Held(Pin<Box<H>>),
}

/// Begins an exchange. It is boxed here, so that the task of an idle connection has no room for it.
#[inline]
pub(super) fn start<'a, S: Wire, D: Dial>(
    worker: &'a Worker<D>,
    client: &'a mut Client<S>,
    taken: Taken,
) -> Started<impl Future<Output = After>, impl Future<Output = After>> {
    let begun = exchange::begin(worker, client, taken);
    if matches!(begun.1, Next::Ask(Ask::Turn { .. } | Ask::Sleep { .. })) {
        Started::Held(Box::pin(hold(begun)))
    } else {
        Started::Running(Box::pin(exchange::run(begun)))
    }
}

/// Waits until something else comes next, and goes on with that.
#[expect(
    clippy::manual_async_fn,
    reason = "an async function keeps its arguments beside what it makes of them"
)]
fn hold<S: Wire, D: Dial>((mut exchange, mut next): Begun<'_, S, D>) -> impl Future<Output = After> {
    async move {
        match exchange.turns(&mut next).await {
            Ok(()) => Box::pin(exchange::run((exchange, next))).await,
            Err(gone) => {
                let after = exchange.leave(gone);
                exchange.finish(after)
            }
        }
    }
}

impl<S: Wire, D: Dial> Exchange<'_, S, D> {
    /// Waits for turns, and for time only, until something else comes next. That is kept where the caller has it.
    pub(super) async fn turns(&mut self, next: &mut Next) -> Result<(), Gone> {
        let mut seat: Option<Seat> = None;
        loop {
            let until = match *next {
                Next::Ask(Ask::Turn { ticket, .. })
                    if seat.as_ref().is_none_or(|seat| seat.ticket() != ticket) =>
                {
                    // Asked once more after the seat is taken: a wake that came before is not lost.
                    seat = Some(self.worker.wakes.sit(ticket));
                    *next = self.advance();
                    continue;
                }
                Next::Ask(Ask::Turn { until, .. } | Ask::Sleep { until } | Ask::Bytes { until }) => until,
                _ => return Ok(()),
            };
            let woken = |context: &mut Context<'_>| {
                seat.as_ref().map_or(Poll::Pending, |seat| seat.poll_woken(context))
            };
            self.wait(until, woken).await?;
            *next = self.advance();
        }
    }
}
