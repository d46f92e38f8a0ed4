//! A rate class as it lives: one context for all who name none, one for those for whom no room is, and shards of the rest.

use super::class::{RateClass, Settings, Window};
use super::contexts::{Around, Entered, Newcomer, Place, Room, Shard, Tickets};
use super::total::Total;
use super::{Entry, Poll, RateClassId, SPARE, ShadowEntry, Ticket, Wakes};
use crate::Tick;
use crate::client::ClientNetwork;
use crate::fingerprint::Fingerprint;
use crate::spare::SpareClass;
use core::time::Duration;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

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
    pub(crate) tickets: Arc<Tickets>,
    pub(crate) key: [u64; 2],
    pub(crate) room: Room,
    pub(crate) news: News,
}

/// Classes of which the operator should hear.
#[derive(Debug, Default)]
pub(crate) struct News {
    is_there: AtomicBool,
    overflowed: Mutex<Vec<RateClassId>>,
}

impl News {
    fn tell(&self, class: RateClassId) {
        let mut overflowed = lock(&self.overflowed);
        if !overflowed.contains(&class) {
            overflowed.push(class);
        }
        self.is_there.store(true, Ordering::Release);
    }

    #[inline]
    pub(crate) fn take(&self) -> Vec<RateClassId> {
        if !self.is_there.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let overflowed = core::mem::take(&mut *lock(&self.overflowed));
        self.is_there.store(false, Ordering::Release);
        overflowed
    }
}

pub(crate) struct LiveRateClass {
    pub(crate) id: RateClassId,
    said: Mutex<(RateClass, Settings)>,
    /// The epoch of the settings; a shard that has another takes them over when it is next used.
    epoch: AtomicU32,
    /// Whether all contexts together have limits: then `total` is locked first by every call.
    has_total: AtomicBool,
    total: Mutex<Total>,
    plain: Mutex<Shard>,
    shards: OnceLock<Box<[Mutex<Shard>]>>,
    /// Made when the class first admits by spare capacity.
    spare: OnceLock<Arc<SpareClass>>,
}

/// A call's moment and what it works with.
struct Call<'a> {
    now: u64,
    house: &'a House,
    context: Option<&'a [u8]>,
}

/// Where a call was answered.
#[derive(Clone, Copy)]
struct Found {
    shard: u16,
    slot: Option<usize>,
    now: u64,
}

impl LiveRateClass {
    pub(crate) fn new(id: RateClassId, class: RateClass) -> Self {
        let settings = Settings::new(&class);
        Self {
            id,
            said: Mutex::new((class, settings)),
            epoch: AtomicU32::new(0),
            has_total: AtomicBool::new(settings.has_total),
            total: Mutex::new(Total::new(&class)),
            plain: Mutex::new(Shard::unnamed(settings, 2)),
            shards: OnceLock::new(),
            spare: OnceLock::new(),
        }
    }

    /// The part that admits by spare capacity, if the class has ever done that.
    pub(crate) fn spare(&self) -> Option<&Arc<SpareClass>> {
        self.spare.get()
    }

    /// Takes over what concerns spare capacity.
    pub(crate) fn adopt_spare(&self, class: &RateClass, house: &House) -> Wakes {
        if class.spare.is_some() {
            let make = || SpareClass::new(self.id, class, house.key, Arc::clone(&house.tickets));
            self.spare.get_or_init(|| Arc::new(make()));
        }
        self.spare.get().map_or_else(Wakes::default, |spare| spare.adopt(class))
    }

    pub(crate) fn said(&self) -> RateClass {
        lock(&self.said).0
    }

    /// Takes over new settings, keeping history and queues.
    pub(crate) fn adopt(&self, class: RateClass, now: u64) -> Wakes {
        let mut total = lock(&self.total);
        let now = total.time(now);
        let settings = {
            let mut said = lock(&self.said);
            if said.0 == class {
                return Wakes::default();
            }
            let settings = Settings::new(&class).succeeding(&said.1, now);
            *said = (class, settings);
            self.has_total.store(settings.has_total, Ordering::Release);
            self.epoch.store(settings.epoch, Ordering::Release);
            settings
        };
        let gains_a_window = total.gains_a_window(&class);
        let mut history = Vec::new();
        let mut waiting = 0_u64;
        let mut wakes = Wakes::default();
        for shard in self.all_shards() {
            let mut shard = lock(shard);
            let now = shard.time(now);
            for ticket in shard.edit(settings, &mut total, now) {
                wakes.push(ticket);
            }
            waiting = waiting.saturating_add(shard.counts.backlog);
            if gains_a_window {
                let from = now.saturating_sub(Window::Minute.nanos());
                history.extend(shard.history(from, Total::history_max(&class)));
            }
        }
        history.sort_unstable();
        total.edit(&class, &history, now);
        total.recount(usize::try_from(waiting).unwrap_or(usize::MAX));
        wakes
    }

    pub(crate) fn all_shards(&self) -> impl Iterator<Item = &Mutex<Shard>> {
        core::iter::once(&self.plain).chain(self.shards.get().into_iter().flatten())
    }

    pub(crate) fn enter(
        &self,
        context: Option<&[u8]>,
        client: ClientNetwork,
        now: u64,
        house: &House,
    ) -> Entry {
        let ask = |shard: &mut Shard, slot, name: &[u8], now, around: &mut Around<'_>| {
            shard.enter(slot, &Newcomer { name, client, is_virtual: false }, now, around)
        };
        let (entered, at) = self.use_context(&Call { now, house, context }, Entered::Started, ask);
        match entered {
            Entered::Started => Entry::Started,
            Entered::Queued { id, place, until, displaced, .. } => Entry::Queued {
                ticket: Ticket {
                    id,
                    class: self.id,
                    shard: at.shard,
                    slot: at.slot.and_then(|slot| u32::try_from(slot).ok()).unwrap_or(u32::MAX),
                    since: at.now,
                    client,
                },
                place: to_u32(place),
                until: until.map(Tick::from_nanos),
                displaced,
            },
            Entered::Refused { reason, due } => {
                Entry::Refused { reason, retry_after: Duration::from_nanos(due.saturating_sub(at.now)) }
            }
        }
    }

    pub(crate) fn shadow_enter(&self, context: Option<&[u8]>, now: u64, house: &House) -> ShadowEntry {
        let ask = |shard: &mut Shard, slot, name: &[u8], now, around: &mut Around<'_>| {
            let newcomer = Newcomer { name, client: ClientNetwork::default(), is_virtual: true };
            shard.shadow_enter(slot, &newcomer, now, around)
        };
        let (entered, at) = self.use_context(&Call { now, house, context }, Entered::Started, ask);
        let wait = |due: u64| Duration::from_nanos(due.saturating_sub(at.now));
        match entered {
            Entered::Started => ShadowEntry::Started,
            Entered::Queued { place, due, .. } => {
                ShadowEntry::Queued { place: to_u32(place), wait: wait(due) }
            }
            Entered::Refused { reason, due } => ShadowEntry::Refused { reason, retry_after: wait(due) },
        }
    }

    pub(crate) fn try_start(&self, context: Option<&[u8]>, now: u64, house: &House) -> bool {
        let ask = |shard: &mut Shard, slot, _: &[u8], now, around: &mut Around<'_>| {
            shard.settle(slot, now, around);
            shard.try_start(slot, now, around)
        };
        self.use_context(&Call { now, house, context }, true, ask).0
    }

    pub(crate) fn peek(&self, context: Option<&[u8]>, now: u64, house: &House) -> bool {
        let ask = |shard: &mut Shard, slot, now, around: &mut Around<'_>| {
            shard.settle(slot, now, around);
            shard.peek(slot, now, around)
        };
        let (answer, around, now) = self.look_at_context(&Call { now, house, context }, ask);
        answer.unwrap_or_else(|| around.total.is_none_or(|total| total.is_free(now)))
    }

    pub(crate) fn backlog(&self, context: Option<&[u8]>, now: u64, house: &House) -> u32 {
        let ask = |shard: &mut Shard, slot, now, around: &mut Around<'_>| shard.backlog(slot, now, around);
        to_u32(self.look_at_context(&Call { now, house, context }, ask).0.unwrap_or(0))
    }

    pub(crate) fn poll(&self, ticket: &Ticket, now: u64, house: &House) -> Poll {
        if ticket.shard == SPARE {
            return self.spare.get().map_or(Poll::Gone, |spare| spare.poll(ticket, now));
        }
        let ask = |shard: &mut Shard, now, around: &mut Around<'_>| shard.poll(ticket, now, around);
        self.use_ticket(ticket, (now, house), ask).unwrap_or(Poll::Gone)
    }

    pub(crate) fn withdraw(&self, ticket: &Ticket, now: u64, house: &House) -> Wakes {
        if ticket.shard == SPARE {
            return self.spare.get().map_or_else(Wakes::default, |spare| spare.withdraw(ticket));
        }
        let ask = |shard: &mut Shard, _, around: &mut Around<'_>| shard.withdraw(ticket, around);
        self.use_ticket(ticket, (now, house), ask).unwrap_or_default()
    }

    /// Finds or makes the context and lets `ask` use it; `otherwise` where no limit is and nothing to remember.
    #[inline]
    fn use_context<R>(
        &self,
        call: &Call<'_>,
        otherwise: R,
        ask: impl Fn(&mut Shard, usize, &[u8], u64, &mut Around<'_>) -> R,
    ) -> (R, Found) {
        let Some(name) = call.context else {
            let (mut plain, mut around, now) = self.open(&self.plain, call);
            let found = Found { shard: PLAIN, slot: Some(WITHOUT_CONTEXT), now };
            return (ask(&mut plain, WITHOUT_CONTEXT, &[], now, &mut around), found);
        };
        let fingerprint = Fingerprint::of(call.house.key, name);
        let (shard, number) = self.shard_of(fingerprint, call.house);
        {
            let (mut shard, mut around, now) = self.open(shard, call);
            let slot = shard.find(fingerprint);
            if slot.is_none() && shard.settings.is_unlimited() && around.total.is_none() {
                shard.pass(now);
                return (otherwise, Found { shard: number, slot: None, now });
            }
            if let Some(slot) = slot.or_else(|| shard.make(fingerprint, now)) {
                let found = Found { shard: number, slot: Some(slot), now };
                return (ask(&mut shard, slot, name, now, &mut around), found);
            }
        }
        let (mut plain, mut around, now) = self.open(&self.plain, call);
        if plain.overflow(now) {
            call.house.news.tell(self.id);
        }
        let found = Found { shard: PLAIN, slot: Some(OVERFLOW), now };
        (ask(&mut plain, OVERFLOW, b"(other)", now, &mut around), found)
    }

    /// Lets `ask` look at the context without making it; `None` if it would be a fresh one.
    #[inline]
    fn look_at_context<'a, R>(
        &'a self,
        call: &Call<'a>,
        ask: impl Fn(&mut Shard, usize, u64, &mut Around<'_>) -> R,
    ) -> (Option<R>, Around<'a>, u64) {
        let slot = match call.context {
            None => WITHOUT_CONTEXT,
            Some(name) => {
                let fingerprint = Fingerprint::of(call.house.key, name);
                let (mut shard, mut around, now) = self.open(self.shard_of(fingerprint, call.house).0, call);
                match shard.place(fingerprint, now) {
                    Place::Held(slot) => return (Some(ask(&mut shard, slot, now, &mut around)), around, now),
                    Place::Vacant => return (None, around, now),
                    Place::Full => OVERFLOW,
                }
            }
        };
        let (mut plain, mut around, now) = self.open(&self.plain, call);
        (Some(ask(&mut plain, slot, now, &mut around)), around, now)
    }

    fn use_ticket<R>(
        &self,
        ticket: &Ticket,
        (now, house): (u64, &House),
        ask: impl Fn(&mut Shard, u64, &mut Around<'_>) -> R,
    ) -> Option<R> {
        let shard = match ticket.shard {
            PLAIN => &self.plain,
            number => self.shards.get()?.get(usize::from(number))?,
        };
        let (mut shard, mut around, now) = self.open(shard, &Call { now, house, context: None });
        Some(ask(&mut shard, now, &mut around))
    }

    fn shard_of(&self, fingerprint: Fingerprint, house: &House) -> (&Mutex<Shard>, u16) {
        let shards = self.shards.get_or_init(|| {
            let settings = lock(&self.said).1;
            let Room { contexts_max, bytes_max } = house.room;
            let count = if contexts_max < SPLIT_FROM { 1 } else { SHARDS };
            let each =
                Room { contexts_max: contexts_max.div_ceil(count), bytes_max: bytes_max.div_euclid(count) };
            (0..count).map(|_| Mutex::new(Shard::new(settings, each))).collect()
        });
        let number = u16::try_from(fingerprint.0[0] & 15).unwrap_or(0);
        shards
            .get(usize::from(number))
            .map_or_else(|| (shards.first().unwrap_or(&self.plain), 0), |shard| (shard, number))
    }

    /// Locks a shard, after the total where the class has one, and lets it take over settings that it has not seen.
    #[inline]
    fn open<'a>(
        &'a self,
        shard: &'a Mutex<Shard>,
        call: &Call<'a>,
    ) -> (MutexGuard<'a, Shard>, Around<'a>, u64) {
        if !self.has_total.load(Ordering::Acquire) {
            let mut guard = lock(shard);
            if guard.settings.epoch == self.epoch.load(Ordering::Acquire) {
                let now = guard.time(call.now);
                return (guard, Around { tickets: &call.house.tickets, total: None }, now);
            }
        }
        self.open_with_care(shard, call)
    }

    /// The same where the class has a total, or has been edited since the shard was last used.
    #[cold]
    #[inline(never)]
    fn open_with_care<'a>(
        &'a self,
        shard: &'a Mutex<Shard>,
        call: &Call<'a>,
    ) -> (MutexGuard<'a, Shard>, Around<'a>, u64) {
        loop {
            let mut total = self.has_total.load(Ordering::Acquire).then(|| lock(&self.total));
            let mut guard = lock(shard);
            if guard.settings.epoch != self.epoch.load(Ordering::Acquire) {
                guard.settings = lock(&self.said).1;
            }
            // an edit may have come between the two locks; it holds the total while it is under way
            if guard.settings.has_total != total.is_some() {
                continue;
            }
            let now = match &mut total {
                Some(total) => {
                    let now = guard.time(total.time(call.now));
                    total.settle(now);
                    total.time(now)
                }
                None => guard.time(call.now),
            };
            return (guard, Around { tickets: &call.house.tickets, total }, now);
        }
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
