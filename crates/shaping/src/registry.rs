//! All live state: what every class remembers, whichever catalog is in force.

use crate::Tick;
use crate::bandwidth::BandwidthClassId;
use crate::bandwidth::class::{BandwidthClass, LiveBandwidthClass, Party};
use crate::bandwidth::flow::Flow;
use crate::client::ClientNetwork;
use crate::fingerprint::hash_of_name;
use crate::rate::class::RateClass;
use crate::rate::contexts::{Room, Tickets};
use crate::rate::live::{House, LiveRateClass, News, lock};
use crate::rate::{Entry, Poll, RateClassId, SPARE, ShadowEntry, Ticket, Wakes};
use crate::reading::{BandwidthReading, NAMED_MAX, RateReading, Readings};
use crate::roster::Roster;
use crate::spare::SpareClass;
use hashbrown::HashTable;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Bounds of a registry. Running out of either makes it stricter, never looser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Contexts one rate class holds; beyond, newcomers share one. About 60 bytes each when all are used, on a 64-bit
    /// machine, and more only for those that start often or in which somebody waits.
    pub contexts_max: usize,
    /// Bytes that the contexts of one rate class take, the histories of those that start often among them; beyond,
    /// newcomers share one. A history that grows when no byte is left grows all the same, up to its class's limit.
    pub contexts_bytes_max: usize,
    /// Tickets that wait in all classes together; beyond, newcomers are refused. About 32 bytes each.
    pub tickets_max: usize,
}

impl Default for Bounds {
    /// A million contexts and 64 MiB a class, 65 536 tickets.
    fn default() -> Self {
        Self { contexts_max: 1_000_000, contexts_bytes_max: 64 << 20, tickets_max: 65_536 }
    }
}

/// All live state of all classes, shared by all threads.
///
/// Every call locks small pieces of state for a computation only (one shard of a class, one division); none calls out while
/// it holds a lock. A class keeps its id
/// for the life of the registry, so a caller may keep the id as long as it likes; a class that it does not have limits
/// nothing.
pub struct Registry {
    house: House,
    rates: Roster<LiveRateClass>,
    bandwidths: Roster<Arc<LiveBandwidthClass>>,
    /// Transfers of all bandwidth classes together.
    crowd: Arc<AtomicU64>,
    rate_names: RwLock<Names>,
    bandwidth_names: RwLock<Names>,
    /// One edit at a time.
    editing: Mutex<()>,
}

impl Registry {
    /// A registry without classes. `seed` keys the fingerprints of contexts: random in production, fixed in a replay.
    pub fn new(bounds: Bounds, seed: [u64; 2]) -> Self {
        let tickets = Arc::new(Tickets::new(bounds.tickets_max));
        let room = Room { contexts_max: bounds.contexts_max, bytes_max: bounds.contexts_bytes_max };
        Self {
            house: House { tickets, key: seed, room, news: News::default() },
            rates: Roster::new(),
            bandwidths: Roster::new(),
            crowd: Arc::default(),
            rate_names: RwLock::default(),
            bandwidth_names: RwLock::default(),
            editing: Mutex::new(()),
        }
    }

    /// Makes these the classes that can be found by name.
    ///
    /// A name that was there before keeps its id, its queues and its history; new limits judge the old history. A limit on
    /// a window that had none before knows the starts that the other window needed, and none older. A class no longer
    /// named stays as it is for those who use it, and comes back with its name. Adopting the same again changes nothing.
    /// Of two entries with one name the later counts.
    ///
    /// Gives the heads of all queues whose class changed: each has a new deadline.
    pub fn adopt(
        &self,
        rates: &[(String, RateClass)],
        bandwidths: &[(String, BandwidthClass)],
        now: Tick,
    ) -> Wakes {
        let _one_at_a_time = lock(&self.editing);
        let mut wakes = Wakes::default();
        let mut names = read(&self.rate_names, Names::clone);
        names.unname_all();
        for (name, class) in rates {
            let id = names.name(name);
            match self.rates.get(id) {
                Some(live) => wakes.append(live.adopt(*class, now.nanos())),
                None => drop(self.rates.put(id, LiveRateClass::new(RateClassId(id), *class))),
            }
            if let Some(live) = self.rates.get(id) {
                wakes.append(live.adopt_spare(class, &self.house));
            }
        }
        replace(&self.rate_names, names);
        let mut names = read(&self.bandwidth_names, Names::clone);
        names.unname_all();
        for (name, class) in bandwidths {
            let id = names.name(name);
            match self.bandwidths.get(id) {
                Some(live) => live.adopt(class),
                None => drop(self.bandwidths.put(id, Arc::new(LiveBandwidthClass::new(class, &self.crowd)))),
            }
        }
        replace(&self.bandwidth_names, names);
        wakes
    }

    /// The rate class of this name, byte for byte; `None` if there is none now.
    pub fn rate_class(&self, name: &[u8]) -> Option<RateClassId> {
        read(&self.rate_names, |names| names.find(name)).map(RateClassId)
    }

    /// The bandwidth class of this name, byte for byte; `None` if there is none now.
    pub fn bandwidth_class(&self, name: &[u8]) -> Option<BandwidthClassId> {
        read(&self.bandwidth_names, |names| names.find(name)).map(BandwidthClassId)
    }

    /// The class as one that admits by spare capacity; `None` if it does not.
    pub fn spare_class(&self, class: RateClassId) -> Option<Arc<SpareClass>> {
        let live = self.rates.get(class.0)?;
        live.spare().filter(|_| live.said().spare.is_some()).cloned()
    }

    /// The class that a ticket waits for where it waits for spare capacity, whatever its class does now.
    pub fn spare_class_of(&self, ticket: &Ticket) -> Option<Arc<SpareClass>> {
        self.rates.get(ticket.class.0).filter(|_| ticket.shard == SPARE)?.spare().cloned()
    }

    /// Starts, or takes a place at the end of the queue. Each `context` has a queue of its own; `None` is one more.
    /// `client` counts where the class goes by clients. A class that admits by spare capacity holds nobody up here, see
    /// [`SpareClass::enter`].
    pub fn enter(
        &self,
        class: RateClassId,
        context: Option<&[u8]>,
        client: ClientNetwork,
        now: Tick,
    ) -> Entry {
        let live = self.rates.get(class.0);
        live.map_or(Entry::Started, |live| live.enter(context, client, now.nanos(), &self.house))
    }

    /// Starts if the ticket is the head and its time has come. A head is never let through but by its own poll.
    pub fn poll(&self, ticket: &Ticket, now: Tick) -> Poll {
        self.rates.get(ticket.class.0).map_or(Poll::Gone, |live| live.poll(ticket, now.nanos(), &self.house))
    }

    /// Leaves the queue; no slot is spent. Harmless if the ticket has started. Gives the new head, if the head left.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket ends here, and nobody may poll it after")]
    pub fn withdraw(&self, ticket: Ticket, now: Tick) -> Wakes {
        let live = self.rates.get(ticket.class.0);
        live.map_or_else(Wakes::default, |live| live.withdraw(&ticket, now.nanos(), &self.house))
    }

    /// Starts if it need not wait; `true` spends a slot. While others wait it is `false`: nobody jumps a queue.
    pub fn try_start(&self, class: RateClassId, context: Option<&[u8]>, now: Tick) -> bool {
        self.rates.get(class.0).is_none_or(|live| live.try_start(context, now.nanos(), &self.house))
    }

    /// Whether [`Registry::try_start`] would say yes. Spends nothing and makes no context.
    pub fn peek(&self, class: RateClassId, context: Option<&[u8]>, now: Tick) -> bool {
        self.rates.get(class.0).is_none_or(|live| live.peek(context, now.nanos(), &self.house))
    }

    /// How many wait. Makes no context; for one that would share `(other)` now, how many wait there.
    pub fn backlog(&self, class: RateClassId, context: Option<&[u8]>, now: Tick) -> u32 {
        self.rates.get(class.0).map_or(0, |live| live.backlog(context, now.nanos(), &self.house))
    }

    /// Classes in which newcomers had to share the context `(other)` because the table was full of live ones; each at
    /// most once a minute, and once in all to whoever asks first. Almost free where there is nothing to tell.
    #[inline]
    pub fn overflowed(&self) -> Vec<RateClassId> {
        self.house.news.take()
    }

    /// The last name of a class; `None` if there is no such class.
    pub fn rate_class_name(&self, class: RateClassId) -> Option<String> {
        read(&self.rate_names, |names| names.get(class.0).map(|name| name.text.clone()))
    }

    /// What [`Registry::enter`] would do, in a world where nobody leaves and everybody is on time. Nobody waits: virtual
    /// tickets go by themselves as time passes. In a class that goes by clients the order of arrival is assumed, and what a
    /// total lets through is only estimated.
    ///
    /// For a registry of its own, on which nothing but this and what does not wait ([`Registry::try_start`],
    /// [`Registry::peek`], [`Registry::backlog`]) is called. Fed with the same
    /// lists by [`Registry::adopt`] from the beginning it has the same ids.
    pub fn shadow_enter(&self, class: RateClassId, context: Option<&[u8]>, now: Tick) -> ShadowEntry {
        let live = self.rates.get(class.0);
        live.map_or(ShadowEntry::Started, |live| live.shadow_enter(context, now.nanos(), &self.house))
    }

    /// Lets a transfer join a bandwidth class.
    pub fn flow(&self, class: BandwidthClassId, party: Party, now: Tick) -> Flow {
        let live = self.bandwidths.get(class.0);
        live.map_or_else(Flow::unlimited, |live| Flow::new(live, party, now.nanos()))
    }

    /// The numbers of all classes. Takes time in proportion to the classes and to the contexts in which somebody waits.
    pub fn readings(&self, now: Tick) -> Readings {
        let rate_names = read(&self.rate_names, Names::clone);
        let bandwidth_names = read(&self.bandwidth_names, Names::clone);
        let rates = rate_names.all.iter().zip(self.rates.iter());
        let bandwidths = bandwidth_names.all.iter().zip(self.bandwidths.iter());
        Readings {
            rates: rates.map(|(name, (_, live))| rate_reading(name, live, now)).collect(),
            bandwidths: bandwidths
                .map(|(name, (id, live))| BandwidthReading {
                    id: BandwidthClassId(id),
                    name: name.text.clone(),
                    is_named: name.is_named,
                    class: live.said(),
                    bytes: live.bytes.load(Ordering::Relaxed),
                    flows: live.flows.load(Ordering::Relaxed),
                })
                .collect(),
            tickets_waiting: self.house.tickets.waiting(),
        }
    }
}

impl core::fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Registry").finish_non_exhaustive()
    }
}

fn rate_reading(name: &Name, live: &LiveRateClass, now: Tick) -> RateReading {
    let mut reading = RateReading {
        id: live.id,
        name: name.text.clone(),
        is_named: name.is_named,
        class: live.said(),
        starts_per_second: 0,
        backlog: 0,
        entered: 0,
        started: 0,
        withdrawn: 0,
        refused: 0,
        displaced: 0,
        declined: 0,
        contexts: 0,
        forgotten: 0,
        overflowed: 0,
        waiting: Vec::new(),
        spare: None,
    };
    if let Some(spare) = live.spare() {
        add_spare(&mut reading, spare, now);
    }
    for (nth, shard) in live.all_shards().enumerate() {
        let mut shard = lock(shard);
        let now = shard.time(now.nanos());
        reading.starts_per_second =
            reading.starts_per_second.saturating_add(shard.counts.starts_per_second(now));
        let counts = shard.counts;
        for (sum, part) in [
            (&mut reading.backlog, counts.backlog),
            (&mut reading.entered, counts.entered),
            (&mut reading.started, counts.started),
            (&mut reading.withdrawn, counts.withdrawn),
            (&mut reading.refused, counts.refused),
            (&mut reading.displaced, counts.displaced),
            (&mut reading.declined, counts.declined),
            (&mut reading.forgotten, counts.forgotten),
            (&mut reading.overflowed, counts.overflowed),
        ] {
            *sum = sum.saturating_add(part);
        }
        if nth > 0 {
            reading.contexts = reading.contexts.saturating_add(shard.slots.len());
        }
        for &slot in &shard.waiting {
            let slot = usize::try_from(slot).ok().and_then(|slot| shard.slots.get(slot));
            let Some((slot, queue)) = slot.and_then(|slot| Some((slot, slot.queue.as_ref()?))) else {
                continue;
            };
            reading.waiting.push((queue.name.clone(), u32::try_from(slot.backlog()).unwrap_or(u32::MAX)));
        }
    }
    reading.waiting.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    reading.waiting.truncate(NAMED_MAX);
    reading
}

fn add_spare(reading: &mut RateReading, spare: &SpareClass, now: Tick) {
    let (numbers, counts, waiting, starts_per_second) = spare.reading(now);
    let backlog = numbers.waiting.iter().map(|count| u64::try_from(*count).unwrap_or(u64::MAX));
    for (sum, part) in [
        (&mut reading.starts_per_second, starts_per_second),
        (&mut reading.backlog, backlog.fold(0, u64::saturating_add)),
        (&mut reading.entered, counts.entered),
        (&mut reading.started, counts.started),
        (&mut reading.withdrawn, counts.withdrawn),
        (&mut reading.refused, counts.refused),
        (&mut reading.displaced, counts.displaced),
        (&mut reading.declined, counts.declined),
    ] {
        *sum = sum.saturating_add(part);
    }
    reading.contexts = reading.contexts.saturating_add(numbers.groups);
    reading.waiting.extend(waiting);
    reading.spare = reading.class.spare.map(|_| numbers);
}

/// Names and the numbers they stand for, for good.
#[derive(Clone, Debug, Default)]
struct Names {
    /// By number.
    all: Vec<Name>,
    index: HashTable<u32>,
}

#[derive(Clone, Debug)]
struct Name {
    text: String,
    hash: u64,
    is_named: bool,
}

impl Names {
    #[inline]
    fn find_any(&self, name: &[u8]) -> Option<u32> {
        let hash = hash_of_name(name);
        self.index.find(hash, |&id| self.get(id).is_some_and(|it| it.text.as_bytes() == name)).copied()
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<u32> {
        self.find_any(name).filter(|&id| self.get(id).is_some_and(|it| it.is_named))
    }

    fn get(&self, id: u32) -> Option<&Name> {
        self.all.get(usize::try_from(id).ok()?)
    }

    fn unname_all(&mut self) {
        for name in &mut self.all {
            name.is_named = false;
        }
    }

    /// The number of a name, a new one if it has none.
    fn name(&mut self, text: &str) -> u32 {
        let id = self.find_any(text.as_bytes()).unwrap_or_else(|| {
            let id = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
            let hash = hash_of_name(text.as_bytes());
            self.all.push(Name { text: text.to_owned(), hash, is_named: false });
            let Self { all, index } = self;
            let hash_of =
                |&id: &u32| usize::try_from(id).ok().and_then(|id| all.get(id)).map_or(0, |it| it.hash);
            index.insert_unique(hash, id, hash_of);
            id
        });
        if let Some(name) = usize::try_from(id).ok().and_then(|id| self.all.get_mut(id)) {
            name.is_named = true;
        }
        id
    }
}

#[inline]
fn read<T, R>(lock: &RwLock<T>, look: impl FnOnce(&T) -> R) -> R {
    look(&lock.read().unwrap_or_else(PoisonError::into_inner))
}

fn replace<T>(lock: &RwLock<T>, by: T) {
    *lock.write().unwrap_or_else(PoisonError::into_inner) = by;
}
