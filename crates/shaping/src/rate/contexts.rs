//! A shard of the contexts of a class: a bounded table that forgets only what equals a fresh context.

use super::class::Settings;
use super::queue::{Instance, Queue, Removed};
use super::{Poll, Refusal, TicketId, Wakes};
use crate::fingerprint::Fingerprint;
use hashbrown::HashTable;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many contexts a newcomer looks at to find one to forget, when the table is full.
const LOOKS_WHEN_FULL: usize = 8;
/// The same while the table may still grow: enough to keep it near the number of contexts that matter.
const LOOKS_BEFORE_GROWING: usize = 2;

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

    fn take(&self) -> Option<TicketId> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            self.give_back(1);
            return None;
        }
        Some(TicketId(self.next_id.fetch_add(1, Ordering::Relaxed)))
    }

    fn give_back(&self, count: usize) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
    }
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
    Queued { id: TicketId, place: usize, due: u64 },
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

#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) settings: Settings,
    /// The latest tick seen: cores' clocks interleave.
    last: u64,
    index: HashTable<u32>,
    pub(crate) slots: Vec<Instance>,
    slots_max: usize,
    /// Where the next look for something to forget begins.
    hand: usize,
    /// The slots in which somebody waits.
    pub(crate) waiting: Vec<u32>,
    pub(crate) counts: Counts,
}

impl Shard {
    /// A shard for at most `slots_max` contexts.
    pub(crate) const fn new(settings: Settings, slots_max: usize) -> Self {
        Self {
            settings,
            last: 0,
            index: HashTable::new(),
            slots: Vec::new(),
            slots_max,
            hand: 0,
            waiting: Vec::new(),
            counts: Counts {
                entered: 0,
                started: 0,
                withdrawn: 0,
                refused: 0,
                declined: 0,
                overflowed: 0,
                forgotten: 0,
                backlog: 0,
                second: 0,
                this_second: 0,
                last_second: 0,
            },
        }
    }

    /// A shard of `count` contexts without names.
    pub(crate) fn unnamed(settings: Settings, count: usize) -> Self {
        let mut shard = Self::new(settings, 0);
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
            None if self.slots.len() < self.slots_max || self.forgettable(now).is_some() => Place::Vacant,
            None => Place::Full,
        }
    }

    #[inline]
    pub(crate) fn find(&self, fingerprint: Fingerprint) -> Option<usize> {
        let is_it =
            |&slot: &u32| self.slots.get(to_usize(slot)).is_some_and(|it| it.fingerprint == fingerprint);
        self.index.find(hash(fingerprint), is_it).map(|&slot| to_usize(slot))
    }

    fn looks(&self) -> usize {
        let looks = if self.slots.len() < self.slots_max { LOOKS_BEFORE_GROWING } else { LOOKS_WHEN_FULL };
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
            if self.slots.len() >= self.slots_max {
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
        let Some(fingerprint) = self.slots.get(slot).map(|it| it.fingerprint) else { return };
        self.counts.forgotten = self.counts.forgotten.saturating_add(1);
        if let Ok(entry) = self.index.find_entry(hash(fingerprint), |&candidate| to_usize(candidate) == slot)
        {
            entry.remove();
        }
    }

    /// Somebody starts for whom there is no limit and nothing to remember.
    pub(crate) fn pass(&mut self, now: u64) {
        self.counts.entered = self.counts.entered.saturating_add(1);
        self.counts.start(now);
    }

    #[inline]
    pub(crate) fn enter(&mut self, slot: usize, name: &[u8], now: u64, tickets: &Tickets) -> Entered {
        if self.try_start(slot, now) {
            return Entered::Started;
        }
        self.counts.declined = self.counts.declined.saturating_sub(1);
        self.join(slot, &Newcomer { name, is_virtual: false }, now, tickets)
    }

    /// As [`Shard::enter`], with nobody who waits.
    pub(crate) fn shadow_enter(&mut self, slot: usize, name: &[u8], now: u64, tickets: &Tickets) -> Entered {
        self.settle(slot, now, tickets);
        self.settle_another(now, tickets);
        if self.try_start(slot, now) {
            return Entered::Started;
        }
        self.counts.declined = self.counts.declined.saturating_sub(1);
        self.join(slot, &Newcomer { name, is_virtual: true }, now, tickets)
    }

    /// Spends a slot if nobody waits and the windows have room.
    #[inline]
    pub(crate) fn try_start(&mut self, slot: usize, now: u64) -> bool {
        let Some(instance) = self.slots.get_mut(slot) else { return false };
        instance.starts.fit(&self.settings);
        if instance.backlog() > 0 || instance.head_due(&self.settings, now) > now {
            self.counts.declined = self.counts.declined.saturating_add(1);
            return false;
        }
        instance.starts.record(now, &self.settings);
        self.pass(now);
        true
    }

    pub(crate) fn peek(&mut self, slot: usize, now: u64) -> bool {
        let Some(instance) = self.slots.get_mut(slot) else { return true };
        instance.starts.fit(&self.settings);
        instance.backlog() == 0 && instance.head_due(&self.settings, now) <= now
    }

    pub(crate) fn backlog(&mut self, slot: usize, now: u64, tickets: &Tickets) -> usize {
        self.settle(slot, now, tickets);
        self.slots.get(slot).map_or(0, Instance::backlog)
    }

    fn join(&mut self, slot: usize, newcomer: &Newcomer<'_>, now: u64, tickets: &Tickets) -> Entered {
        let settings = self.settings;
        let Some(instance) = self.slots.get_mut(slot) else { return Entered::Started };
        let latest = now.saturating_add(settings.wait_max_nanos);
        let due = instance.due_against(latest, &settings, now);
        let place = instance.backlog();
        let reason = if place >= to_usize(settings.backlog_max) {
            Some(Refusal::BacklogFull)
        } else if due > latest {
            Some(Refusal::WaitTooLong)
        } else {
            None
        };
        let id = match reason {
            None => tickets.take().ok_or(Refusal::TooManyTickets),
            Some(reason) => Err(reason),
        };
        let id = match id {
            Ok(id) => id,
            Err(reason) => {
                self.counts.refused = self.counts.refused.saturating_add(1);
                return Entered::Refused { reason, due };
            }
        };
        let waiting = &mut self.waiting;
        let queue = instance.queue.get_or_insert_with(|| {
            let listed_at = waiting.len();
            waiting.push(u32::try_from(slot).unwrap_or(u32::MAX));
            Box::new(Queue::new(newcomer.name.into(), listed_at))
        });
        queue.push((!newcomer.is_virtual).then_some(id), due);
        self.counts.entered = self.counts.entered.saturating_add(1);
        self.counts.backlog = self.counts.backlog.saturating_add(1);
        Entered::Queued { id, place, due }
    }

    pub(crate) fn poll(&mut self, slot: usize, id: TicketId, now: u64, tickets: &Tickets) -> Poll {
        let Some(instance) = self.slots.get_mut(slot) else { return Poll::Gone };
        instance.starts.fit(&self.settings);
        let Some(queue) = instance.queue.as_ref() else { return Poll::Gone };
        if queue.head() != Some(id) {
            return if queue.holds(id) { Poll::Waiting { until: None } } else { Poll::Gone };
        }
        let due = instance.head_due(&self.settings, now);
        if due > now {
            return Poll::Waiting { until: Some(crate::Tick::from_nanos(due)) };
        }
        let next = instance.start_head(&self.settings, now);
        self.counts.start(now);
        self.left(slot, 1, tickets);
        Poll::Started { wakes: next.into() }
    }

    pub(crate) fn withdraw(&mut self, slot: usize, id: TicketId, tickets: &Tickets) -> Wakes {
        let queue = self.slots.get_mut(slot).and_then(|instance| instance.queue.as_mut());
        let wakes = match queue.map_or(Removed::Nobody, |queue| queue.remove(id)) {
            Removed::Nobody => return Wakes::default(),
            Removed::FromBehind => Wakes::default(),
            Removed::Head { next } => next.into(),
        };
        self.counts.withdrawn = self.counts.withdrawn.saturating_add(1);
        self.left(slot, 1, tickets);
        wakes
    }

    /// `count` left the queue of `slot`; an empty queue and its name are dropped.
    fn left(&mut self, slot: usize, count: usize, tickets: &Tickets) {
        tickets.give_back(count);
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
    pub(crate) fn settle(&mut self, slot: usize, now: u64, tickets: &Tickets) {
        let Some(instance) = self.slots.get_mut(slot).filter(|instance| instance.queue.is_some()) else {
            return;
        };
        instance.starts.fit(&self.settings);
        let gone = instance.settle(&self.settings, now);
        if gone > 0 {
            for _ in 0..gone {
                self.counts.start(now);
            }
            self.left(slot, gone, tickets);
        }
    }

    /// Lets virtual tickets of one more context go, in rotation, so that contexts nobody asks for again do not keep
    /// tickets for ever.
    fn settle_another(&mut self, now: u64, tickets: &Tickets) {
        self.hand = self.hand.wrapping_add(1);
        let turn = self.hand.checked_rem(self.waiting.len());
        if let Some(&slot) = turn.and_then(|turn| self.waiting.get(turn)) {
            self.settle(to_usize(slot), now, tickets);
        }
    }

    /// Takes over edited settings; those who wait at the head must ask for their new deadline.
    pub(crate) fn edit(&mut self, settings: Settings, now: u64) -> Vec<TicketId> {
        self.settings = settings;
        let Self { waiting, slots, .. } = self;
        let mut heads = Vec::with_capacity(waiting.len());
        for &slot in waiting.iter() {
            let Some(instance) = slots.get_mut(to_usize(slot)) else { continue };
            instance.starts.fit(&settings);
            instance.project(&settings, now);
            heads.extend(instance.queue.as_ref().and_then(|queue| queue.head()));
        }
        heads
    }
}

/// Who takes a place: in a context of which name, and whether somebody waits there or only time passes.
struct Newcomer<'a> {
    name: &'a [u8],
    is_virtual: bool,
}

const fn hash(fingerprint: Fingerprint) -> u64 {
    fingerprint.0[1]
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
