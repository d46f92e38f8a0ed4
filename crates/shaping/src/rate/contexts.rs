//! A shard of the contexts of a class: a bounded table that forgets only what equals a fresh context.

use super::class::Settings;
use super::queue::{Instance, Queue};
use super::total::Total;
use super::waiting::{Removed, Waiter};
use super::{Poll, Refusal, Ticket, TicketId, Wakes};
use crate::Tick;
use crate::client::ClientNetwork;
use crate::fingerprint::Fingerprint;
use core::time::Duration;
use hashbrown::HashTable;
use std::collections::BTreeSet;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many contexts a newcomer looks at to find one to forget, when the table is full.
const LOOKS_WHEN_FULL: usize = 8;
/// The same while the table may still grow: enough to keep it near the number of contexts that matter.
const LOOKS_BEFORE_GROWING: usize = 2;

/// That newcomers share a context is told once in this time.
const OVERFLOW_TOLD_NANOS: u64 = 60_000_000_000;

/// Tickets of all classes of a registry.
#[derive(Debug)]
pub(crate) struct Tickets {
    next_id: AtomicU64,
    waiting: AtomicUsize,
    waiting_max: usize,
}

impl Tickets {
    pub(crate) const fn new(waiting_max: usize) -> Self {
        Self { next_id: AtomicU64::new(1), waiting: AtomicUsize::new(0), waiting_max }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn take(&self) -> Option<TicketId> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            self.give_back(1);
            return None;
        }
        Some(self.next())
    }

    /// The name of one ticket more, for a place that another has just given up.
    fn next(&self) -> TicketId {
        TicketId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    fn is_exhausted(&self) -> bool {
        self.waiting() >= self.waiting_max
    }

    pub(crate) fn give_back(&self, count: usize) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
    }
}

/// What a call works with beside its shard, locked before it.
pub(crate) struct Around<'a> {
    pub(crate) tickets: &'a Tickets,
    /// Where the class has limits on all contexts together.
    pub(crate) total: Option<MutexGuard<'a, Total>>,
}

/// What happened in a shard since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) entered: u64,
    pub(crate) started: u64,
    pub(crate) withdrawn: u64,
    pub(crate) refused: u64,
    pub(crate) declined: u64,
    pub(crate) overflowed: u64,
    pub(crate) forgotten: u64,
    /// Who had to leave a queue without starting: to make room, or because the wait grew too long.
    pub(crate) displaced: u64,
    pub(crate) backlog: u64,
    /// Starts of the present second since the origin, and of the one before.
    second: u64,
    this_second: u64,
    last_second: u64,
}

impl Counts {
    #[inline]
    fn start(&mut self, now: u64) {
        self.started = self.started.saturating_add(1);
        self.turn(now);
        self.this_second = self.this_second.saturating_add(1);
    }

    #[inline]
    fn turn(&mut self, now: u64) {
        let second = now / 1_000_000_000;
        if second != self.second {
            self.last_second = if self.second.saturating_add(1) == second { self.this_second } else { 0 };
            self.this_second = 0;
            self.second = second;
        }
    }

    /// Starts in the last whole second.
    pub(crate) fn starts_per_second(&mut self, now: u64) -> u64 {
        self.turn(now);
        self.last_second
    }
}

/// What a newcomer is told, before it is clothed for the door.
pub(crate) enum Entered {
    Started,
    Queued { id: TicketId, place: usize, due: u64, until: Option<u64>, displaced: Option<TicketId> },
    Refused { reason: Refusal, due: u64 },
}

/// Where a context is.
pub(crate) enum Place {
    Held(usize),
    /// Nowhere, and there is room.
    Vacant,
    /// Nowhere, and there is no room.
    Full,
}

/// How much a shard may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) contexts_max: usize,
    pub(crate) bytes_max: usize,
}

/// What a context takes in the table and its index; its history beyond two starts comes on top, and so does a queue, which
/// the bound on tickets bounds.
const CONTEXT_BYTES: usize = size_of::<Instance>() + 13;

#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) settings: Settings,
    /// The latest tick seen: cores' clocks interleave.
    last: u64,
    index: HashTable<u32>,
    pub(crate) slots: Vec<Instance>,
    room: Room,
    /// Bytes that the histories of the contexts hold on the heap.
    history_bytes: usize,
    /// Where the next look for something to forget begins.
    hand: usize,
    /// The slots in which somebody waits.
    pub(crate) waiting: Vec<u32>,
    /// Those who had to make room and have not heard of it.
    displaced: BTreeSet<TicketId>,
    tell_overflow_from: u64,
    pub(crate) counts: Counts,
}

impl Shard {
    /// A shard for so many contexts.
    pub(crate) const fn new(settings: Settings, room: Room) -> Self {
        Self {
            settings,
            last: 0,
            index: HashTable::new(),
            slots: Vec::new(),
            room,
            history_bytes: 0,
            hand: 0,
            waiting: Vec::new(),
            displaced: BTreeSet::new(),
            tell_overflow_from: 0,
            counts: Counts {
                entered: 0,
                started: 0,
                withdrawn: 0,
                refused: 0,
                declined: 0,
                overflowed: 0,
                forgotten: 0,
                displaced: 0,
                backlog: 0,
                second: 0,
                this_second: 0,
                last_second: 0,
            },
        }
    }

    /// A shard of `count` contexts without names.
    pub(crate) fn unnamed(settings: Settings, count: usize) -> Self {
        let mut shard = Self::new(settings, Room { contexts_max: 0, bytes_max: 0 });
        shard.slots.resize_with(count, Instance::default);
        shard
    }

    /// The time to use: never before what was used here.
    #[inline]
    pub(crate) fn time(&mut self, now: u64) -> u64 {
        self.last = self.last.max(now);
        self.last
    }

    pub(crate) fn place(&self, fingerprint: Fingerprint, now: u64) -> Place {
        match self.find(fingerprint) {
            Some(slot) => Place::Held(slot),
            None if self.may_grow() || self.forgettable(now).is_some() => Place::Vacant,
            None => Place::Full,
        }
    }

    #[inline]
    pub(crate) fn find(&self, fingerprint: Fingerprint) -> Option<usize> {
        let is_it =
            |&slot: &u32| self.slots.get(to_usize(slot)).is_some_and(|it| it.fingerprint == fingerprint);
        self.index.find(hash(fingerprint), is_it).map(|&slot| to_usize(slot))
    }

    fn may_grow(&self) -> bool {
        let held = self.slots.len().saturating_mul(CONTEXT_BYTES).saturating_add(self.history_bytes);
        self.slots.len() < self.room.contexts_max && held.saturating_add(CONTEXT_BYTES) <= self.room.bytes_max
    }

    fn looks(&self) -> usize {
        let looks = if self.may_grow() { LOOKS_BEFORE_GROWING } else { LOOKS_WHEN_FULL };
        looks.min(self.slots.len())
    }

    /// A slot under the hand that equals a fresh one.
    fn forgettable(&self, now: u64) -> Option<usize> {
        (0..self.looks())
            .map(|step| self.hand_after(step))
            .find(|&slot| self.slots.get(slot).is_some_and(|it| it.is_fresh(&self.settings, now)))
    }

    fn hand_after(&self, steps: usize) -> usize {
        self.hand.saturating_add(steps).checked_rem(self.slots.len()).unwrap_or(0)
    }

    /// A slot for a context that has none; `None` if all that it looked at are live and the table is full.
    pub(crate) fn make(&mut self, fingerprint: Fingerprint, now: u64) -> Option<usize> {
        let slot = if let Some(slot) = self.forgettable(now) {
            self.hand = slot.saturating_add(1);
            self.forget(slot);
            slot
        } else {
            self.hand = self.hand_after(self.looks());
            if !self.may_grow() {
                return None;
            }
            self.slots.push(Instance::default());
            self.slots.len().saturating_sub(1)
        };
        *self.slots.get_mut(slot)? = Instance::new(fingerprint);
        let Self { index, slots, .. } = self;
        let hash_of = |&slot: &u32| slots.get(to_usize(slot)).map_or(0, |it| hash(it.fingerprint));
        index.insert_unique(hash(fingerprint), u32::try_from(slot).ok()?, hash_of);
        Some(slot)
    }

    fn forget(&mut self, slot: usize) {
        let Some(gone) = self.slots.get(slot) else { return };
        let fingerprint = gone.fingerprint;
        self.history_bytes = self.history_bytes.saturating_sub(gone.starts.heap_bytes());
        self.counts.forgotten = self.counts.forgotten.saturating_add(1);
        if let Ok(entry) = self.index.find_entry(hash(fingerprint), |&candidate| to_usize(candidate) == slot)
        {
            entry.remove();
        }
    }

    /// Somebody is sent to the context that newcomers share; whether that is worth telling: the first time, and when a
    /// minute has passed.
    pub(crate) fn overflow(&mut self, now: u64) -> bool {
        self.counts.overflowed = self.counts.overflowed.saturating_add(1);
        let is_news = self.tell_overflow_from <= now;
        if is_news {
            self.tell_overflow_from = now.saturating_add(OVERFLOW_TOLD_NANOS);
        }
        is_news
    }

    /// Somebody starts for whom there is no limit and nothing to remember.
    pub(crate) fn pass(&mut self, now: u64) {
        self.counts.entered = self.counts.entered.saturating_add(1);
        self.counts.start(now);
    }

    #[inline]
    pub(crate) fn enter(
        &mut self,
        slot: usize,
        newcomer: &Newcomer<'_>,
        now: u64,
        around: &mut Around<'_>,
    ) -> Entered {
        if self.try_start(slot, now, around) {
            return Entered::Started;
        }
        self.counts.declined = self.counts.declined.saturating_sub(1);
        self.join(slot, newcomer, now, around)
    }

    /// As [`Shard::enter`], with nobody who waits.
    pub(crate) fn shadow_enter(
        &mut self,
        slot: usize,
        newcomer: &Newcomer<'_>,
        now: u64,
        around: &mut Around<'_>,
    ) -> Entered {
        self.settle(slot, now, around);
        self.settle_another(now, around);
        self.enter(slot, newcomer, now, around)
    }

    /// Spends a slot if nobody waits and the windows have room.
    #[inline]
    pub(crate) fn try_start(&mut self, slot: usize, now: u64, around: &mut Around<'_>) -> bool {
        let Some(instance) = self.slots.get_mut(slot) else { return false };
        instance.starts.fit(&self.settings);
        let is_free = instance.backlog() == 0
            && instance.opens(&self.settings, now) <= now
            && around.total.as_ref().is_none_or(|total| total.is_free(now));
        if !is_free {
            self.counts.declined = self.counts.declined.saturating_add(1);
            return false;
        }
        let grown = instance.starts.record(now, &self.settings);
        self.history_bytes = self.history_bytes.saturating_add(grown);
        if let Some(total) = &mut around.total {
            total.record(now);
        }
        self.pass(now);
        true
    }

    pub(crate) fn peek(&mut self, slot: usize, now: u64, around: &Around<'_>) -> bool {
        let Some(instance) = self.slots.get_mut(slot) else { return true };
        instance.starts.fit(&self.settings);
        instance.backlog() == 0
            && instance.opens(&self.settings, now) <= now
            && around.total.as_ref().is_none_or(|total| total.is_free(now))
    }

    pub(crate) fn backlog(&mut self, slot: usize, now: u64, around: &mut Around<'_>) -> usize {
        self.settle(slot, now, around);
        self.slots.get(slot).map_or(0, Instance::backlog)
    }

    fn join(&mut self, slot: usize, newcomer: &Newcomer<'_>, now: u64, around: &mut Around<'_>) -> Entered {
        let settings = self.settings;
        let Some(instance) = self.slots.get_mut(slot) else { return Entered::Started };
        let latest = now.saturating_add(settings.wait_max_nanos);
        let outlook = instance.outlook(newcomer, latest, &settings, (now, around.total.as_deref()));
        let all = instance.backlog();
        let is_full = all >= to_usize(settings.backlog_max);
        let must_go = instance
            .queue
            .as_ref()
            .filter(|_| is_full || around.tickets.is_exhausted())
            .and_then(|queue| queue.waiting.who_makes_room_for(newcomer.client));
        let id = if is_full && must_go.is_none() {
            Err(Refusal::BacklogFull)
        } else if outlook.due > latest {
            Err(Refusal::WaitTooLong)
        } else if must_go.is_some() {
            Ok(around.tickets.next())
        } else {
            around.tickets.take().ok_or(Refusal::TooManyTickets)
        };
        let id = match id {
            Ok(id) => id,
            Err(reason) => {
                self.counts.refused = self.counts.refused.saturating_add(1);
                return Entered::Refused { reason, due: outlook.due };
            }
        };
        let displaced = must_go.map(|waiter| self.displace(slot, waiter, around));
        let until = self.push(slot, (newcomer, id), &outlook, (now, around));
        Entered::Queued { id, place: outlook.place, due: outlook.due, until, displaced }
    }

    /// Puts a newcomer into the queue; until when to sleep, if that is known.
    fn push(
        &mut self,
        slot: usize,
        (newcomer, id): (&Newcomer<'_>, TicketId),
        outlook: &Outlook,
        (now, around): (u64, &mut Around<'_>),
    ) -> Option<u64> {
        self.counts.entered = self.counts.entered.saturating_add(1);
        self.counts.backlog = self.counts.backlog.saturating_add(1);
        let Self { waiting, slots, settings, .. } = self;
        let instance = slots.get_mut(slot)?;
        let own = instance.head_due(settings, now);
        let queue = instance.queue.get_or_insert_with(|| {
            let listed_at = waiting.len();
            waiting.push(u32::try_from(slot).unwrap_or(u32::MAX));
            Box::new(Queue::new((newcomer.name, instance.fingerprint), settings.order, listed_at))
        });
        let waiter = Waiter { id, client: newcomer.client };
        queue.push((!newcomer.is_virtual).then_some(waiter), outlook.last_due);
        let is_head = queue.waiting.head() == Some(id);
        let due = match &mut around.total {
            None => is_head.then_some(outlook.due),
            Some(total) => {
                total.joined();
                if newcomer.is_virtual {
                    total.reserve(outlook.last_due);
                }
                if is_head && own <= now {
                    total.queue_up(&mut queue.turn, id, now)
                } else {
                    is_head.then_some(own)
                }
            }
        };
        earlier(due, settings.latest(now))
    }

    /// The last of somebody makes room for a newcomer, who takes over his right to a ticket.
    fn displace(&mut self, slot: usize, waiter: Waiter, around: &mut Around<'_>) -> TicketId {
        if let Some(queue) = self.slots.get_mut(slot).and_then(|instance| instance.queue.as_mut()) {
            queue.remove(waiter);
        }
        self.displaced.insert(waiter.id);
        self.counts.withdrawn = self.counts.withdrawn.saturating_add(1);
        self.counts.displaced = self.counts.displaced.saturating_add(1);
        self.counts.backlog = self.counts.backlog.saturating_sub(1);
        if let Some(total) = &mut around.total {
            total.left(1);
        }
        waiter.id
    }

    pub(crate) fn poll(&mut self, ticket: &Ticket, now: u64, around: &mut Around<'_>) -> Poll {
        let (slot, waiter) = (to_usize(ticket.slot), ticket.waiter());
        let settings = self.settings;
        let latest = settings.latest(ticket.since);
        let queued = self.slots.get_mut(slot).filter(|instance| instance.holds(waiter));
        let Some(instance) = queued else { return self.poll_without_place(ticket, now) };
        instance.starts.fit(&settings);
        let own = instance.head_due(&settings, now);
        let Some(queue) = instance.queue.as_mut() else { return Poll::Gone };
        let due = match &mut around.total {
            _ if queue.waiting.head() != Some(waiter.id) => None,
            None => Some(own),
            Some(_) if own > now => Some(own),
            Some(total) => total.queue_up(&mut queue.turn, waiter.id, now),
        };
        if due.is_some_and(|due| due <= now) {
            let mut wakes = Wakes::default();
            if let Some(total) = &mut around.total {
                total.record(now);
                wakes.extend(total.step_back(&mut queue.turn));
            }
            let (next, grown) = instance.start_head(&settings, now);
            wakes.extend(next);
            self.history_bytes = self.history_bytes.saturating_add(grown);
            self.counts.start(now);
            self.left(slot, 1, around);
            return Poll::Started { wakes };
        }
        if now >= latest {
            let last = queue.due_of(usize::MAX).unwrap_or(own).max(own);
            let retry_after = Duration::from_nanos(last.saturating_sub(now));
            self.counts.displaced = self.counts.displaced.saturating_add(1);
            let wakes = self.withdraw(ticket, around);
            return Poll::Refused { reason: Refusal::WaitTooLong, retry_after, wakes };
        }
        Poll::Waiting { until: earlier(due, latest).map(Tick::from_nanos) }
    }

    /// Somebody asks who has no place: who had to make room, or nobody who is known here.
    fn poll_without_place(&mut self, ticket: &Ticket, now: u64) -> Poll {
        if !self.displaced.remove(&ticket.id) {
            return Poll::Gone;
        }
        let settings = self.settings;
        let due = self.slots.get(to_usize(ticket.slot)).map_or(now, |instance| instance.due(&settings, now));
        let retry_after = Duration::from_nanos(due.saturating_sub(now));
        Poll::Refused { reason: Refusal::BacklogFull, retry_after, wakes: Wakes::default() }
    }

    pub(crate) fn withdraw(&mut self, ticket: &Ticket, around: &mut Around<'_>) -> Wakes {
        let slot = to_usize(ticket.slot);
        let queue = self.slots.get_mut(slot).and_then(|instance| instance.queue.as_mut());
        let Some(queue) = queue else {
            self.displaced.remove(&ticket.id);
            return Wakes::default();
        };
        let mut wakes = Wakes::default();
        match queue.remove(ticket.waiter()) {
            Removed::Nobody => {
                self.displaced.remove(&ticket.id);
                return wakes;
            }
            Removed::FromBehind => {}
            Removed::Head => {
                let next = queue.waiting.head();
                wakes.extend(next);
                if let Some(total) = &mut around.total {
                    match next {
                        Some(next) => total.rename(queue.turn, next),
                        None => wakes.extend(total.step_back(&mut queue.turn)),
                    }
                }
            }
        }
        self.counts.withdrawn = self.counts.withdrawn.saturating_add(1);
        self.left(slot, 1, around);
        wakes
    }

    /// `count` left the queue of `slot`; an empty queue and its name are dropped.
    fn left(&mut self, slot: usize, count: usize, around: &mut Around<'_>) {
        around.tickets.give_back(count);
        if let Some(total) = &mut around.total {
            total.left(count);
        }
        self.counts.backlog = self.counts.backlog.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
        let Some(instance) = self.slots.get_mut(slot).filter(|instance| instance.backlog() == 0) else {
            return;
        };
        let Some(queue) = instance.queue.take() else { return };
        if queue.listed_at < self.waiting.len() {
            self.waiting.swap_remove(queue.listed_at);
        }
        let moved = self.waiting.get(queue.listed_at).copied().map(to_usize);
        if let Some(other) = moved.and_then(|moved| self.slots.get_mut(moved)?.queue.as_mut()) {
            other.listed_at = queue.listed_at;
        }
    }

    /// In a shadow registry: lets the virtual tickets of a context go whose time has come. Elsewhere nothing.
    pub(crate) fn settle(&mut self, slot: usize, now: u64, around: &mut Around<'_>) {
        let Some(instance) = self.slots.get_mut(slot).filter(|instance| instance.queue.is_some()) else {
            return;
        };
        instance.starts.fit(&self.settings);
        let (gone, grown) = instance.settle(&self.settings, now);
        self.history_bytes = self.history_bytes.saturating_add(grown);
        if gone > 0 {
            for _ in 0..gone {
                self.counts.start(now);
            }
            self.left(slot, gone, around);
        }
    }

    /// Lets virtual tickets of one more context go, in rotation, so that contexts nobody asks for again do not keep
    /// tickets for ever.
    fn settle_another(&mut self, now: u64, around: &mut Around<'_>) {
        self.hand = self.hand.wrapping_add(1);
        let turn = self.hand.checked_rem(self.waiting.len());
        if let Some(&slot) = turn.and_then(|turn| self.waiting.get(turn)) {
            self.settle(to_usize(slot), now, around);
        }
    }

    /// Takes over edited settings. Gives those who must ask for their new deadline: the heads, or everybody where nobody is
    /// to wait longer than a while.
    pub(crate) fn edit(&mut self, settings: Settings, total: &mut Total, now: u64) -> Vec<TicketId> {
        self.settings = settings;
        let Self { waiting, slots, .. } = self;
        let mut woken = Vec::with_capacity(waiting.len());
        for &slot in waiting.iter() {
            let Some(instance) = slots.get_mut(to_usize(slot)) else { continue };
            instance.starts.fit(&settings);
            instance.project(&settings, now);
            let is_open = instance.head_due(&settings, now) <= now;
            let Some(queue) = instance.queue.as_mut() else { continue };
            queue.waiting.reorder(settings.order);
            match (queue.waiting.head(), queue.turn) {
                (Some(head), Some(_)) if is_open && settings.has_total => total.rename(queue.turn, head),
                // whoever is first after that is woken, as everybody who is first anywhere
                _ => drop(total.step_back(&mut queue.turn)),
            }
            if settings.latest(0) < u64::MAX {
                woken.extend(queue.waiting.by_arrival().iter().map(|waiter| waiter.id));
            } else {
                woken.extend(queue.waiting.head());
            }
        }
        woken
    }

    /// Starts of all contexts after `from`, of none more than `most` that were only counted.
    pub(crate) fn history(&self, from: u64, most: usize) -> impl Iterator<Item = u64> {
        self.slots.iter().flat_map(move |instance| instance.starts.since(from, most))
    }
}

/// Who takes a place: in a context of which name, and whether somebody waits there or only time passes.
pub(crate) struct Newcomer<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) client: ClientNetwork,
    pub(crate) is_virtual: bool,
}

/// What a newcomer has to expect.
pub(crate) struct Outlook {
    /// How many start before him.
    pub(crate) place: usize,
    /// When he will start.
    pub(crate) due: u64,
    /// When the last place of the queue will start once he has come in.
    pub(crate) last_due: u64,
}

/// The earlier of a moment that may not be known and one that may be never.
fn earlier(due: Option<u64>, latest: u64) -> Option<u64> {
    let latest = (latest < u64::MAX).then_some(latest);
    match (due, latest) {
        (Some(due), Some(latest)) => Some(due.min(latest)),
        (due, latest) => due.or(latest),
    }
}

const fn hash(fingerprint: Fingerprint) -> u64 {
    fingerprint.0[1]
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
