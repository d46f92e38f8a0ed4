//! Brings the engine's word "this ticket may go on" to the transaction that holds the ticket, on whichever worker
//! it waits.
//!
//! A ticket has an entry only while its transaction waits, so the table is as large as the number of waiting
//! requests. A transaction takes its seat first and asks the engine once more afterwards; a wake that comes between
//! the two is therefore never lost.

use engine::Wake;
use shaping::TicketId;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Locks, so that workers seldom meet at one.
const SHARDS: usize = 16;

/// The waiting transactions of all workers, by ticket. Clones are the same table: one goes into
/// [`engine::Shared`], one to the workers.
#[derive(Clone)]
pub struct Wakes(Arc<Table>);

struct Table {
    shards: [Mutex<HashMap<TicketId, Place>>; SHARDS],
    hash: RandomState,
}

#[derive(Default)]
struct Place {
    woken: bool,
    waker: Option<Waker>,
}

impl Default for Wakes {
    fn default() -> Self {
        Self::new()
    }
}

impl Wakes {
    /// An empty table.
    pub fn new() -> Self {
        Self(Arc::new(Table {
            shards: std::array::from_fn(|_| Mutex::new(HashMap::new())),
            hash: RandomState::new(),
        }))
    }

    /// From now on wakes for this ticket are kept, until the seat is dropped.
    pub(crate) fn sit(&self, ticket: TicketId) -> Seat {
        self.shard(ticket).insert(ticket, Place::default());
        Seat { wakes: self.clone(), ticket }
    }

    fn shard(&self, ticket: TicketId) -> MutexGuard<'_, HashMap<TicketId, Place>> {
        let index = usize::try_from(self.0.hash.hash_one(ticket)).unwrap_or(usize::MAX) % SHARDS;
        // A lock is held for a look-up only, so what a panicking holder leaves behind is whole.
        self.0.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Wakes {
    fn wake(&self, ticket: TicketId) {
        let waker = match self.shard(ticket).get_mut(&ticket) {
            Some(place) => {
                place.woken = true;
                place.waker.take()
            }
            None => None,
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A place in the table while a transaction waits.
pub(crate) struct Seat {
    wakes: Wakes,
    ticket: TicketId,
}

impl Seat {
    /// The ticket waited for.
    pub(crate) fn ticket(&self) -> TicketId {
        self.ticket
    }

    /// Ready once for each time (or several times at once) that the ticket was woken.
    pub(crate) fn poll_woken(&self, context: &Context<'_>) -> Poll<()> {
        let mut shard = self.wakes.shard(self.ticket);
        let place = shard.entry(self.ticket).or_default();
        if std::mem::take(&mut place.woken) {
            return Poll::Ready(());
        }
        match &mut place.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.wakes.shard(self.ticket).remove(&self.ticket);
    }
}
