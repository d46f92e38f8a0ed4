//! Requests that wait, in virtual time: events in the order of their ticks, and of what was said first.

use super::asked::Then;
use super::effect::Who;
use super::visitor::Visitor;
use engine::{Transaction, Wake};
use foldhash::quality::FixedState;
use shaping::{Tick, TicketId};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Requests that wait at once, for whatever; beyond, newcomers that would wait are not followed. A live server has a
/// bound of its own for its queues (`waiting_max`), which is smaller.
pub(super) const WAITING_MAX: usize = 200_000;

/// A request under way.
pub(super) struct Held {
    pub(super) transaction: Box<Transaction>,
    pub(super) facts: HeldFacts,
    /// How often it has waited or asked.
    pub(super) steps: u32,
}

/// What is known of a request besides what its transaction knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldFacts {
    /// Its place in the log, from 0.
    pub(super) number: u64,
    pub(super) then: Then,
    pub(super) who: Who,
    pub(super) offender: Option<u16>,
    pub(super) visitor: Visitor,
    pub(super) client: IpAddr,
    pub(super) at_unix_micros: i64,
    /// When the client left then, if the log says so.
    pub(super) leaves_at: Option<Tick>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    GoesOn,
    Leaves,
}

/// When, in which order it was said, for which slot, for which stay in it, what.
type Event = (Tick, u64, u32, u64, What);

/// The waiting, and what happens when.
#[derive(Default)]
pub(super) struct Queue {
    slots: Vec<Option<Waiter>>,
    free: Vec<u32>,
    events: BinaryHeap<Reverse<Event>>,
    tickets: HashMap<TicketId, u32, FixedState>,
    said: u64,
    stays: u64,
    waiting: usize,
}

struct Waiter {
    held: Held,
    stay: u64,
    ticket: Option<TicketId>,
}

/// Tickets that were woken and not yet passed on.
#[derive(Debug, Default)]
pub(super) struct Woken(Mutex<Vec<TicketId>>);

impl Wake for WokenHere {
    fn wake(&self, ticket: TicketId) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(ticket);
    }
}

/// The registry's end of [`Woken`].
#[derive(Debug)]
pub(super) struct WokenHere(pub(super) Arc<Woken>);

impl Queue {
    /// Whether another may wait.
    pub(super) fn has_room(&self) -> bool {
        self.waiting < WAITING_MAX
    }

    /// One waits: until then, or until its ticket is woken, or its client leaves.
    pub(super) fn wait(&mut self, held: Held, ticket: Option<TicketId>, until: Tick) {
        self.stays += 1;
        let stay = self.stays;
        let leaves_at = held.facts.leaves_at;
        let waiter = Waiter { held, stay, ticket };
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(waiter);
            slot
        } else {
            self.slots.push(Some(waiter));
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        };
        self.waiting += 1;
        self.tickets.extend(ticket.map(|ticket| (ticket, slot)));
        self.say(until, slot, stay, What::GoesOn);
        if let Some(leaves_at) = leaves_at {
            self.say(leaves_at, slot, stay, What::Leaves);
        }
        self.tidy();
    }

    /// The next that happens before this moment; events of those that have gone on since are passed over.
    pub(super) fn next_before(&mut self, moment: Option<Tick>) -> Option<(Tick, Held, What)> {
        while let Some(Reverse((tick, _, slot, stay, what))) = self.events.peek().copied() {
            if moment.is_some_and(|moment| tick >= moment) {
                return None;
            }
            self.events.pop();
            if let Some(held) = self.take(slot, stay) {
                return Some((tick, held, what));
            }
        }
        None
    }

    /// Says to those whose tickets were woken that they are to go on now.
    pub(super) fn pass_on(&mut self, woken: &Woken, now: Tick) {
        let mut woken = woken.0.lock().unwrap_or_else(PoisonError::into_inner);
        if woken.is_empty() {
            return;
        }
        let tickets = std::mem::take(&mut *woken);
        drop(woken);
        for ticket in tickets {
            let Some(slot) = self.tickets.get(&ticket).copied() else { continue };
            let stay = self.slots.get(slot as usize).and_then(Option::as_ref).map(|waiter| waiter.stay);
            if let Some(stay) = stay {
                self.say(now, slot, stay, What::GoesOn);
            }
        }
    }

    fn say(&mut self, tick: Tick, slot: u32, stay: u64, what: What) {
        self.said += 1;
        self.events.push(Reverse((tick, self.said, slot, stay, what)));
    }

    fn take(&mut self, slot: u32, stay: u64) -> Option<Held> {
        let place = self.slots.get_mut(slot as usize)?;
        if place.as_ref()?.stay != stay {
            return None;
        }
        let waiter = place.take()?;
        self.free.push(slot);
        self.waiting -= 1;
        if let Some(ticket) = waiter.ticket {
            self.tickets.remove(&ticket);
        }
        Some(waiter.held)
    }

    /// Drops events of those that have gone on, when they are more than those that count.
    fn tidy(&mut self) {
        if self.events.len() > 4 * self.waiting + 1_024 {
            let slots = &self.slots;
            let is_due = |slot: u32, stay: u64| {
                slots.get(slot as usize).and_then(Option::as_ref).is_some_and(|waiter| waiter.stay == stay)
            };
            self.events.retain(|Reverse((_, _, slot, stay, _))| is_due(*slot, *stay));
        }
    }
}
