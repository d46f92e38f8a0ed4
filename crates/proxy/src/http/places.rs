//! Requests that wait for a place: at a node of their pool, or among those of their bandwidth class.

use super::exchange::{Exchange, Gone};
use crate::node::connect::Dial;
use crate::wire::Wire;
use engine::catalog::{Pool, PoolId};
use engine::{Choice, ClassPlace, ClassPlaces, NodeIndex, QueueFull, Turn, Waiting};
use shaping::Tick;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// How often who is first in the line of a pool looks for a place without having been told of one.
const LOOK_FOR_PLACE: Duration = Duration::from_millis(200);

impl<S: Wire, D: Dial> Exchange<'_, S, D> {
    /// Waits in the pool's line for a place at a node. [`Choice::Full`]: there was none in time, or no place in the line.
    pub(super) async fn wait_for_place(
        &mut self,
        (pool, pool_id): (&Pool, PoolId),
        tried: &[NodeIndex],
    ) -> Result<Choice, Gone> {
        let counters = self.worker.shared.counters();
        let until = self.now.tick.saturating_add(pool.room.queue_timeout).min(self.ceiling);
        let joined = if pool.room.queue_timeout.is_zero() { None } else { pool.wait().ok() };
        let Some(waiting) = joined else {
            counters.node_queue_refused.add_one();
            return Ok(Choice::Full);
        };
        counters.node_queued.add_one();
        let look = |exchange: &mut Self| {
            let now = exchange.now.tick;
            match exchange.transaction.choose_node(pool_id, tried, Turn::First, now) {
                Choice::Full => None,
                chosen => Some(chosen),
            }
        };
        let chosen = self.wait_in_line(&waiting, until, look).await?;
        if chosen.is_none() {
            pool.counters().queue_timed_out.add_one();
            counters.node_queue_refused.add_one();
        }
        Ok(chosen.unwrap_or(Choice::Full))
    }

    /// A place among the requests of its bandwidth class that may be at nodes; `None` if none came in time.
    pub(super) async fn place_in_class(
        &mut self,
        places: &Arc<ClassPlaces>,
    ) -> Result<Option<ClassPlace>, Gone> {
        if let Some(place) = places.enter(Turn::New) {
            return Ok(Some(place));
        }
        let counters = self.worker.shared.counters();
        let until = self.now.tick.saturating_add(self.request.patience).min(self.ceiling);
        let place = match places.wait() {
            Ok(waiting) => {
                counters.node_queued.add_one();
                self.wait_in_line(&waiting, until, |_| places.enter(Turn::First)).await?
            }
            Err(QueueFull) => None,
        };
        if place.is_none() {
            counters.node_queue_refused.add_one();
        }
        Ok(place)
    }

    /// Waits until it is first in a line and `look` finds what it waits for; `None` if that is not so in time.
    async fn wait_in_line<T>(
        &mut self,
        waiting: &Waiting,
        until: Tick,
        mut look: impl FnMut(&mut Self) -> Option<T>,
    ) -> Result<Option<T>, Gone> {
        let mut is_first = false;
        loop {
            // Some places come with time only: an ejection ends, a slow start goes on.
            let soon = self.worker.clock.tick().saturating_add(LOOK_FOR_PLACE);
            let look_at = if is_first { until.min(soon) } else { until };
            // Whoever has just looked in vain looks again when it is woken, not at once.
            let mut has_looked = is_first;
            let turn = |context: &mut Context<'_>| {
                let is_turn = waiting.is_first(context.waker()) && !std::mem::take(&mut has_looked);
                if is_turn { Poll::Ready(()) } else { Poll::Pending }
            };
            let came = self.wait(look_at, turn).await?;
            self.now = self.worker.clock.now();
            if came.is_some() || is_first {
                is_first = true;
                if let Some(found) = look(self) {
                    return Ok(Some(found));
                }
            }
            if self.now.tick >= until {
                return Ok(None);
            }
        }
    }
}
