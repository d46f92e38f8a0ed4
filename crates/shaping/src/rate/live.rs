//! A rate class as it lives: one context for all who name none, one for those for whom no room is, and shards of the rest.

use super::class::{RateClass, Settings};
use super::contexts::{Entered, Place, Shard, Tickets};
use super::{Entry, Poll, RateClassId, ShadowEntry, Ticket, Wakes};
use crate::Tick;
use crate::fingerprint::Fingerprint;
use core::time::Duration;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The shard of the two contexts that have no name, as tickets name it.
const PLAIN: u16 = u16::MAX;
const WITHOUT_CONTEXT: usize = 0;
const OVERFLOW: usize = 1;
/// Tables smaller than this are not split: their bound should be met exactly, not on average.
const SPLIT_FROM: usize = 4_096;
const SHARDS: usize = 16;

/// What all calls into a class need of their registry.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) tickets: Tickets,
    pub(crate) key: [u64; 2],
    pub(crate) contexts_max: usize,
}

pub(crate) struct LiveRateClass {
    pub(crate) id: RateClassId,
    said: Mutex<(RateClass, Settings)>,
    /// The epoch of the settings; a shard that has another takes them over when it is next used.
    epoch: AtomicU32,
    plain: Mutex<Shard>,
    shards: OnceLock<Box<[Mutex<Shard>]>>,
}

impl LiveRateClass {
    pub(crate) fn new(id: RateClassId, class: RateClass) -> Self {
        let settings = Settings::new(&class);
        Self {
            id,
            said: Mutex::new((class, settings)),
            epoch: AtomicU32::new(0),
            plain: Mutex::new(Shard::unnamed(settings, 2)),
            shards: OnceLock::new(),
        }
    }

    pub(crate) fn said(&self) -> RateClass {
        lock(&self.said).0
    }

    /// Takes over new settings, keeping history and queues.
    pub(crate) fn adopt(&self, class: RateClass, now: u64) -> Wakes {
        let settings = {
            let mut said = lock(&self.said);
            if said.0 == class {
                return Wakes::default();
            }
            let settings = Settings::new(&class).succeeding(&said.1, now);
            *said = (class, settings);
            self.epoch.store(settings.epoch, Ordering::Release);
            settings
        };
        let mut wakes = Wakes::default();
        for shard in self.all_shards() {
            let mut shard = lock(shard);
            let now = shard.time(now);
            for head in shard.edit(settings, now) {
                wakes.push(head);
            }
        }
        wakes
    }

    pub(crate) fn all_shards(&self) -> impl Iterator<Item = &Mutex<Shard>> {
        core::iter::once(&self.plain).chain(self.shards.get().into_iter().flatten())
    }

    pub(crate) fn enter(&self, context: Option<&[u8]>, now: u64, house: &House) -> Entry {
        let ask = |shard: &mut Shard, slot: Option<usize>, name: &[u8], now: u64| {
            let Some(slot) = slot else {
                shard.pass(now);
                return (Entered::Started, now);
            };
            (shard.enter(slot, name, now, &house.tickets), now)
        };
        let ((entered, now), shard, slot) = self.use_context(context, now, house, ask);
        match entered {
            Entered::Started => Entry::Started,
            Entered::Queued { id, place, due } => Entry::Queued {
                ticket: Ticket {
                    id,
                    class: self.id,
                    shard,
                    slot: slot.and_then(|slot| u32::try_from(slot).ok()).unwrap_or(u32::MAX),
                },
                place: to_u32(place),
                until: (place == 0).then_some(Tick::from_nanos(due)),
            },
            Entered::Refused { reason, due } => {
                Entry::Refused { reason, retry_after: Duration::from_nanos(due.saturating_sub(now)) }
            }
        }
    }

    pub(crate) fn shadow_enter(&self, context: Option<&[u8]>, now: u64, house: &House) -> ShadowEntry {
        let ask = |shard: &mut Shard, slot: Option<usize>, name: &[u8], now: u64| {
            let Some(slot) = slot else {
                shard.pass(now);
                return ShadowEntry::Started;
            };
            let wait = |due: u64| Duration::from_nanos(due.saturating_sub(now));
            match shard.shadow_enter(slot, name, now, &house.tickets) {
                Entered::Started => ShadowEntry::Started,
                Entered::Queued { place, due, .. } => {
                    ShadowEntry::Queued { place: to_u32(place), wait: wait(due) }
                }
                Entered::Refused { reason, due } => ShadowEntry::Refused { reason, retry_after: wait(due) },
            }
        };
        self.use_context(context, now, house, ask).0
    }

    pub(crate) fn try_start(&self, context: Option<&[u8]>, now: u64, house: &House) -> bool {
        let ask = |shard: &mut Shard, slot: Option<usize>, _: &[u8], now: u64| {
            let Some(slot) = slot else {
                shard.pass(now);
                return true;
            };
            shard.settle(slot, now, &house.tickets);
            shard.try_start(slot, now)
        };
        self.use_context(context, now, house, ask).0
    }

    pub(crate) fn peek(&self, context: Option<&[u8]>, now: u64, house: &House) -> bool {
        let ask = |shard: &mut Shard, slot, now| {
            shard.settle(slot, now, &house.tickets);
            shard.peek(slot, now)
        };
        self.look_at_context(context, now, house, ask).unwrap_or(true)
    }

    pub(crate) fn backlog(&self, context: Option<&[u8]>, now: u64, house: &House) -> u32 {
        let ask = |shard: &mut Shard, slot, now| shard.backlog(slot, now, &house.tickets);
        to_u32(self.look_at_context(context, now, house, ask).unwrap_or(0))
    }

    pub(crate) fn poll(&self, ticket: &Ticket, now: u64, house: &House) -> Poll {
        let Some(mut shard) = self.shard_of_ticket(ticket) else { return Poll::Gone };
        let now = shard.time(now);
        shard.poll(to_usize(ticket.slot), ticket.id, now, &house.tickets)
    }

    pub(crate) fn withdraw(&self, ticket: &Ticket, now: u64, house: &House) -> Wakes {
        let Some(mut shard) = self.shard_of_ticket(ticket) else { return Wakes::default() };
        shard.time(now);
        shard.withdraw(to_usize(ticket.slot), ticket.id, &house.tickets)
    }

    /// Finds or makes the context and lets `ask` use it; without a slot where no limit is and nothing to remember.
    #[inline]
    fn use_context<R>(
        &self,
        context: Option<&[u8]>,
        now: u64,
        house: &House,
        ask: impl Fn(&mut Shard, Option<usize>, &[u8], u64) -> R,
    ) -> (R, u16, Option<usize>) {
        let Some(name) = context else {
            let mut plain = self.open(&self.plain);
            let now = plain.time(now);
            return (ask(&mut plain, Some(WITHOUT_CONTEXT), &[], now), PLAIN, Some(WITHOUT_CONTEXT));
        };
        let fingerprint = Fingerprint::of(house.key, name);
        let (shard, number) = self.shard_of(fingerprint, house);
        {
            let mut shard = self.open(shard);
            let now = shard.time(now);
            let found = shard.find(fingerprint);
            if found.is_none() && shard.settings.is_unlimited() {
                return (ask(&mut shard, None, name, now), number, None);
            }
            if let Some(slot) = found.or_else(|| shard.make(fingerprint, now)) {
                return (ask(&mut shard, Some(slot), name, now), number, Some(slot));
            }
        }
        let mut plain = self.open(&self.plain);
        plain.counts.overflowed = plain.counts.overflowed.saturating_add(1);
        let now = plain.time(now);
        (ask(&mut plain, Some(OVERFLOW), b"(other)", now), PLAIN, Some(OVERFLOW))
    }

    /// Lets `ask` look at the context without making it; `None` if it would be a fresh one.
    #[inline]
    fn look_at_context<R>(
        &self,
        context: Option<&[u8]>,
        now: u64,
        house: &House,
        ask: impl Fn(&mut Shard, usize, u64) -> R,
    ) -> Option<R> {
        let slot = match context {
            None => WITHOUT_CONTEXT,
            Some(name) => {
                let fingerprint = Fingerprint::of(house.key, name);
                let mut shard = self.open(self.shard_of(fingerprint, house).0);
                let now = shard.time(now);
                match shard.place(fingerprint, now) {
                    Place::Held(slot) => return Some(ask(&mut shard, slot, now)),
                    Place::Vacant => return None,
                    Place::Full => OVERFLOW,
                }
            }
        };
        let mut plain = self.open(&self.plain);
        let now = plain.time(now);
        Some(ask(&mut plain, slot, now))
    }

    fn shard_of(&self, fingerprint: Fingerprint, house: &House) -> (&Mutex<Shard>, u16) {
        let shards = self.shards.get_or_init(|| {
            let settings = lock(&self.said).1;
            let count = if house.contexts_max < SPLIT_FROM { 1 } else { SHARDS };
            let each = house.contexts_max.div_ceil(count);
            (0..count).map(|_| Mutex::new(Shard::new(settings, each))).collect()
        });
        let number = u16::try_from(fingerprint.0[0] & 15).unwrap_or(0);
        shards
            .get(usize::from(number))
            .map_or_else(|| (shards.first().unwrap_or(&self.plain), 0), |shard| (shard, number))
    }

    fn shard_of_ticket(&self, ticket: &Ticket) -> Option<MutexGuard<'_, Shard>> {
        let shard = match ticket.shard {
            PLAIN => &self.plain,
            number => self.shards.get()?.get(usize::from(number))?,
        };
        Some(self.open(shard))
    }

    /// Locks a shard and lets it take over settings that it has not seen.
    #[inline]
    fn open<'a>(&self, shard: &'a Mutex<Shard>) -> MutexGuard<'a, Shard> {
        let mut guard = lock(shard);
        if guard.settings.epoch != self.epoch.load(Ordering::Acquire) {
            guard.settings = lock(&self.said).1;
        }
        guard
    }
}

/// Locks; a panic of another holder is no reason to stop shaping, the state is plain numbers.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
