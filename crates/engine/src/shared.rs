//! What all workers share: the catalog, the live state of classes and nodes, the counters.

use crate::catalog::{Catalog, MarkMemoryBy, MemoryShare};
use crate::counters::{Counters, RuleCounters};
use crate::guards::GuardLive;
use crate::limits;
use crate::machine::Machine;
use crate::marks::{MarkKeys, MarkMemory};
use crate::memory::MemoryStages;
use crate::nodes::Nodes;
use crate::protection::ProtectionLive;
use crate::spool::SpoolRoom;
use crate::stores::DataStore;
use crate::time::{Now, WallTime};
use shaping::{Bounds, Registry, Tick, TicketId};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use trafficscript::PatternCache;

/// Told by the engine that a waiting ticket's prospects changed: its transaction should be advanced. Implemented
/// by the shell (across workers) and by whoever drives the engine in virtual time. Called outside every lock.
pub trait Wake: Send + Sync {
    /// The transaction that holds this ticket should ask again.
    fn wake(&self, ticket: TicketId);
}

/// What is fixed when the process starts.
#[derive(Clone, Debug, Default)]
pub struct SharedOptions {
    /// Keys the hashes of context tables and the random numbers of rules; random in the shell, fixed in tests and
    /// replay.
    pub seed: [u64; 2],
    /// How much live state there may be.
    pub bounds: Bounds,
    /// What rules may know of the machine.
    pub machine: Machine,
    /// Tells how long rules run; without it none is slow.
    pub stopwatch: Option<Stopwatch>,
}

/// Reads the monotonic clock that the shell's `now` comes from. The engine decides nothing by it: it only tells of
/// rules that run too long.
#[derive(Clone)]
pub struct Stopwatch(Arc<dyn Fn() -> Tick + Send + Sync>);

impl Stopwatch {
    /// One that reads this clock.
    pub fn new(clock: impl Fn() -> Tick + Send + Sync + 'static) -> Self {
        Self(Arc::new(clock))
    }

    /// The moment.
    pub fn tick(&self) -> Tick {
        (self.0)()
    }
}

impl std::fmt::Debug for Stopwatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stopwatch")
    }
}

/// What came of the catalog that was read last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReload {
    /// It is in force.
    pub is_good: bool,
    /// When the catalog in force was adopted.
    pub good_at: WallTime,
}

/// All state that outlives a connection. There is no other: no statics, no thread-locals.
pub struct Shared {
    catalog: RwLock<Arc<Catalog>>,
    generation: AtomicU64,
    registry: Registry,
    /// The registry of rules that only observe: nobody waits in it.
    shadow: Registry,
    nodes: Nodes,
    counters: Counters,
    last_reload: Mutex<LastReload>,
    /// Of all rules, on all workers.
    patterns: PatternCache,
    /// Of the rules of the catalog in force.
    rule_counters: Mutex<BTreeMap<Arc<str>, Arc<RuleCounters>>>,
    stopwatch: Option<Stopwatch>,
    mark_keys: RwLock<Arc<MarkKeys>>,
    /// By virtual server, of those in force.
    mark_memories: Mutex<BTreeMap<Arc<str>, Arc<MarkMemory>>>,
    /// By name, of those in force.
    protections: Mutex<BTreeMap<Arc<str>, Arc<ProtectionLive>>>,
    /// By name, of those in force.
    guards: Mutex<BTreeMap<Arc<str>, Arc<GuardLive>>>,
    memory: MemoryStages,
    spool: Arc<SpoolRoom>,
    data: DataStore,
    data_local: DataStore,
    machine: Machine,
    waker: Box<dyn Wake>,
    seed: [u64; 2],
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

impl Shared {
    /// State for a first catalog.
    pub fn new(catalog: Catalog, options: &SharedOptions, waker: Box<dyn Wake>, now: Now) -> Arc<Self> {
        let shared = Self {
            catalog: RwLock::new(Arc::new(Catalog::default())),
            generation: AtomicU64::new(0),
            registry: Registry::new(options.bounds, options.seed),
            shadow: Registry::new(options.bounds, options.seed),
            nodes: Nodes::default(),
            counters: Counters::default(),
            last_reload: Mutex::new(LastReload { is_good: true, good_at: now.wall }),
            patterns: PatternCache::default(),
            rule_counters: Mutex::default(),
            stopwatch: options.stopwatch.clone(),
            mark_keys: RwLock::new(Arc::new(MarkKeys::of_seed(options.seed))),
            mark_memories: Mutex::default(),
            protections: Mutex::default(),
            guards: Mutex::default(),
            memory: MemoryStages::default(),
            spool: Arc::default(),
            data: DataStore::new(0),
            data_local: DataStore::new(0),
            machine: options.machine.clone(),
            waker,
            seed: options.seed,
        };
        shared.put(catalog, now);
        Arc::new(shared)
    }

    /// The catalog now. A transaction takes it once and keeps it; a worker keeps it as long as [`Self::generation`]
    /// stays the same.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts the catalogs adopted; changes after the catalog did.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Puts a new catalog in force. Queues, histories, transfers and the states of nodes stay; whoever waits in a
    /// class whose limits changed is woken.
    pub fn adopt(&self, catalog: Catalog, now: Now) {
        self.put(catalog, now);
        self.counters.reloads.add_one();
    }

    fn put(&self, mut catalog: Catalog, now: Now) {
        let wakes = self.registry.adopt(&catalog.rate_classes, &catalog.bandwidth_classes, now.tick);
        let _nobody_waits = self.shadow.adopt(&catalog.rate_classes, &catalog.bandwidth_classes, now.tick);
        self.nodes.adopt(&mut catalog, now.tick);
        self.adopt_spare_classes(&mut catalog);
        self.adopt_rule_counters(&mut catalog);
        self.adopt_mark_memories(&mut catalog);
        self.adopt_protections(&mut catalog);
        self.adopt_guards(&mut catalog);
        self.adopt_class_places(&mut catalog);
        let memory_bytes = self.machine.memory_bytes;
        // of a machine that does not tell how much it has, nothing can be kept back
        let default = || memory_bytes.map(|_| MemoryShare::Percent(limits::PROCESS_MEMORY_PERCENT));
        let share = catalog.settings.max_memory.or_else(default);
        self.memory.limit(share.map(|share| share.bytes(memory_bytes)));
        self.spool.limit(catalog.spool.bytes_max);
        self.data.limit(catalog.data.max.bytes(self.machine.memory_bytes));
        self.data_local.limit(catalog.data.local_max.bytes(self.machine.memory_bytes));
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
        self.generation.fetch_add(1, Ordering::Release);
        self.wake(wakes);
    }

    /// What slowed answers may take of the disk.
    pub fn spool(&self) -> &Arc<SpoolRoom> {
        &self.spool
    }

    /// A catalog was read: it was adopted, or refused.
    pub fn note_reload(&self, is_good: bool, now: WallTime) {
        let mut last = self.last_reload.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_good = is_good;
        if is_good {
            last.good_at = now;
        }
    }

    /// What came of the catalog that was read last.
    pub fn last_reload(&self) -> LastReload {
        *self.last_reload.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rules that keep their names keep their numbers; those that are gone are forgotten, so that there are never more
    /// than the catalog has rules.
    fn adopt_rule_counters(&self, catalog: &mut Catalog) {
        let mut known = self.rule_counters.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *known);
        for attachment in catalog.attachments_mut() {
            let name = &attachment.rule.name;
            let fresh = || old.get(name).cloned().unwrap_or_default();
            attachment.counters = Arc::clone(known.entry(Arc::clone(name)).or_insert_with(fresh));
        }
    }

    /// Virtual servers that keep their names keep their memories of marks.
    fn adopt_mark_memories(&self, catalog: &mut Catalog) {
        let mut known = self.mark_memories.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *known);
        for server in &mut catalog.virtual_servers {
            if server.marks.is_empty() || server.marks.memory_by == MarkMemoryBy::Off {
                continue;
            }
            let room = server.marks.memory_max;
            let memory =
                old.get(&server.name).cloned().unwrap_or_else(|| Arc::new(MarkMemory::new(room, self.seed)));
            memory.limit(room);
            known.insert(Arc::clone(&server.name), Arc::clone(&memory));
            server.marks.memory = Some(memory);
        }
    }

    /// Bandwidth classes that keep their names keep who of them is at a node.
    fn adopt_class_places(&self, catalog: &mut Catalog) {
        let before = self.catalog();
        for (name, places) in &mut catalog.class_places {
            if let Some(known) = before.class_places.get(name) {
                known.limit(places.most());
                *places = Arc::clone(known);
            }
        }
    }

    /// Pools learn which class counts who is at them.
    fn adopt_spare_classes(&self, catalog: &mut Catalog) {
        for (name, said) in &catalog.spare_classes {
            let class = self.registry.rate_class(name.as_bytes());
            if let Some(pool) = catalog.pools.get_mut(said.pool.index()) {
                pool.live.spare = class.and_then(|class| self.registry.spare_class(class));
            }
        }
    }

    /// Protection classes that keep their names keep who is connected, and what was counted.
    fn adopt_protections(&self, catalog: &mut Catalog) {
        let mut known = self.protections.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *known);
        for class in &mut catalog.protections {
            let fresh = || Arc::new(ProtectionLive::new(self.seed[0]));
            class.live = old.get(&class.name).cloned().unwrap_or_else(fresh);
            known.insert(Arc::clone(&class.name), Arc::clone(&class.live));
        }
    }

    /// The live state of the protection classes, in the order of names.
    pub fn protections(&self) -> Vec<(Arc<str>, Arc<ProtectionLive>)> {
        let known = self.protections.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(name, live)| (Arc::clone(name), Arc::clone(live))).collect()
    }

    /// Guards that keep their names keep what they know of sites, and the steps on which these stand.
    fn adopt_guards(&self, catalog: &mut Catalog) {
        let mut known = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::take(&mut *known);
        for guard in &mut catalog.guards {
            let fresh = || Arc::new(GuardLive::new(self.seed));
            guard.live = old.get(&guard.name).cloned().unwrap_or_else(fresh);
            known.insert(Arc::clone(&guard.name), Arc::clone(&guard.live));
        }
    }

    /// The live state of the guards, in the order of names.
    pub fn guards(&self) -> Vec<(Arc<str>, Arc<GuardLive>)> {
        let known = self.guards.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(name, live)| (Arc::clone(name), Arc::clone(live))).collect()
    }

    /// How short memory is.
    pub fn memory(&self) -> &MemoryStages {
        &self.memory
    }

    /// The memories of marks, by virtual server, in the order of names.
    pub fn mark_memories(&self) -> Vec<(Arc<str>, Arc<MarkMemory>)> {
        let known = self.mark_memories.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(name, memory)| (Arc::clone(name), Arc::clone(memory))).collect()
    }

    /// The keys of marks in force; at first some that come from the seed.
    pub fn mark_keys(&self) -> Arc<MarkKeys> {
        Arc::clone(&self.mark_keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other keys in force, for all virtual servers at once.
    pub fn set_mark_keys(&self, keys: MarkKeys) {
        *self.mark_keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }

    /// What was counted of each rule that a virtual server uses, by name, in the order of names.
    pub fn rule_counters(&self) -> Vec<(Arc<str>, Arc<RuleCounters>)> {
        let known = self.rule_counters.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(name, counters)| (Arc::clone(name), Arc::clone(counters))).collect()
    }

    /// Live state of the classes.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Live state of the classes as rules in observe mode would have them.
    pub fn shadow(&self) -> &Registry {
        &self.shadow
    }

    /// See [`SharedOptions::seed`].
    pub(crate) fn seed(&self) -> [u64; 2] {
        self.seed
    }

    /// Patterns that rules put together while running.
    pub(crate) fn patterns(&self) -> &PatternCache {
        &self.patterns
    }

    pub(crate) fn stopwatch(&self) -> Option<&Stopwatch> {
        self.stopwatch.as_ref()
    }

    /// What has been counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What rules keep with `data.set`; it outlives catalogs.
    pub fn data(&self) -> &DataStore {
        &self.data
    }

    /// What rules keep with `data.local.set`; it outlives catalogs.
    pub fn data_local(&self) -> &DataStore {
        &self.data_local
    }

    /// What is known of the machine.
    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Passes on what the registry said about tickets.
    pub(crate) fn wake(&self, tickets: impl IntoIterator<Item = TicketId>) {
        for ticket in tickets {
            self.waker.wake(ticket);
        }
    }
}
