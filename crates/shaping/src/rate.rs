//! Rate classes: how many may start in any second and in any minute, and who waits meanwhile.

pub(crate) mod class;
pub(crate) mod contexts;
pub(crate) mod live;
pub(crate) mod queue;
pub(crate) mod starts;
pub(crate) mod total;
pub(crate) mod waiting;

use crate::Tick;
use crate::client::ClientNetwork;
use core::time::Duration;
use waiting::Waiter;

/// A rate class in one registry. It stays the same for the life of the registry, whatever happens to the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateClassId(pub(crate) u32);

/// The shard of tickets that wait for spare capacity.
pub(crate) const SPARE: u16 = u16::MAX - 1;

/// Names one ticket. Unique in its registry, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId(pub(crate) u64);

impl TicketId {
    /// The number itself: ascending in the order of arrival within a queue.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// A place in a queue, held by whoever waits.
///
/// It ends with [`Poll::Started`] or by giving it to [`Registry::withdraw`](crate::Registry::withdraw). Dropping it does
/// not leave the queue, because those behind must be woken and a drop cannot say so: an owner who gives up must
/// withdraw, or everybody behind waits for him.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a ticket that is neither polled nor withdrawn holds up everybody behind it"]
pub struct Ticket {
    pub(crate) id: TicketId,
    pub(crate) class: RateClassId,
    pub(crate) shard: u16,
    pub(crate) slot: u32,
    /// When it was handed out.
    pub(crate) since: u64,
    pub(crate) client: ClientNetwork,
}

impl Ticket {
    /// The name under which [`Wakes`] speak of this ticket.
    pub const fn id(&self) -> TicketId {
        self.id
    }

    pub(crate) const fn waiter(&self) -> Waiter {
        Waiter { id: self.id, client: self.client }
    }

    /// The class it waits in.
    pub const fn class(&self) -> RateClassId {
        self.class
    }
}

/// What [`Registry::enter`](crate::Registry::enter) answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// It may go on now; its slot is spent.
    Started,
    /// It waits.
    Queued {
        /// Its place in the queue.
        ticket: Ticket,
        /// How many start before it, if nobody comes or leaves. An estimate in [`Order::Clients`](crate::Order::Clients).
        place: u32,
        /// When to poll, woken or not: when it may start, if it is the head, or when it may wait no longer; `None` if it is
        /// to wait until it is woken.
        until: Option<Tick>,
        /// Whose place it took: he must poll now, and will be refused.
        displaced: Option<TicketId>,
    },
    /// It may not even wait. Nothing is spent.
    Refused {
        /// Why.
        reason: Refusal,
        /// The wait its place would have needed, if nobody ahead leaves.
        retry_after: Duration,
    },
}

/// Why a newcomer may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// As many wait as the class lets wait.
    BacklogFull,
    /// It would have to wait longer than the class allows.
    WaitTooLong,
    /// As many wait in all classes together as the registry allows.
    TooManyTickets,
}

/// What [`Registry::poll`](crate::Registry::poll) answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Poll {
    /// It may go on; its slot is spent and the ticket is done.
    Started {
        /// The new head, who must now be polled to learn its deadline.
        wakes: Wakes,
    },
    /// It waits on.
    Waiting {
        /// When to poll again, woken or not; `None` if it is to wait until it is woken.
        until: Option<Tick>,
    },
    /// It may wait no longer; the ticket is done. Only where waits are estimated: where a class has a total, or an order
    /// other than that of arrival.
    Refused {
        /// Why: it had to make room, or the wait grew longer than the class allows.
        reason: Refusal,
        /// The wait its place would still have needed, or that of the last place.
        retry_after: Duration,
        /// Whom its leaving concerns, who must now be polled.
        wakes: Wakes,
    },
    /// The ticket is not in its queue: it has started or left before, or comes from another registry.
    Gone,
}

/// What [`Registry::shadow_enter`](crate::Registry::shadow_enter) answers: what would have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShadowEntry {
    /// It would have gone on at once.
    Started,
    /// It would have waited.
    Queued {
        /// How many would have been before it.
        place: u32,
        /// How long, if nobody ahead leaves.
        wait: Duration,
    },
    /// It would have been refused.
    Refused {
        /// Why.
        reason: Refusal,
        /// The wait its place would have needed.
        retry_after: Duration,
    },
}

/// Tickets whose owners must poll now, because something changed for them. Empty, or of one, it allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "whoever is named here sleeps until somebody wakes him"]
pub struct Wakes {
    first: Option<TicketId>,
    rest: Vec<TicketId>,
}

impl Wakes {
    /// Whether there is nobody to wake.
    pub const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Those to wake, in no order that matters.
    pub fn iter(&self) -> impl Iterator<Item = TicketId> {
        self.first.iter().chain(&self.rest).copied()
    }

    /// Adds those of `other`.
    pub fn append(&mut self, other: Self) {
        for id in other {
            self.push(id);
        }
    }

    pub(crate) fn extend(&mut self, id: Option<TicketId>) {
        if let Some(id) = id {
            self.push(id);
        }
    }

    pub(crate) fn push(&mut self, id: TicketId) {
        if self.first.is_none() {
            self.first = Some(id);
        } else {
            self.rest.push(id);
        }
    }
}

impl From<Option<TicketId>> for Wakes {
    fn from(first: Option<TicketId>) -> Self {
        Self { first, rest: Vec::new() }
    }
}

impl IntoIterator for Wakes {
    type Item = TicketId;
    type IntoIter = core::iter::Chain<core::option::IntoIter<TicketId>, std::vec::IntoIter<TicketId>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}
