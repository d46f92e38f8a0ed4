//! Live state of the nodes, and choosing one.
//!
//! A node's state is a handful of atomics that all workers and all pools with that node share: a node that refuses
//! connections refuses them whichever pool asks. What is of one pool only (ejections, what monitors found, places) is
//! with its membership. Choosing takes no lock. States are found by name when a catalog is adopted, so they outlive
//! reloads; a catalog that nobody adopted has states of its own.
//!
//! ```text
//! choose   who may be asked, whose turn it is ─▶ InFlight
//! health   what answers, failures and monitors make of a node
//! queue    those who wait for a place          budget   how often one may try elsewhere
//! ```

mod budget;
mod choose;
mod class_places;
pub(crate) mod hash;
mod health;
mod queue;
mod state;

#[cfg(test)]
mod tests;

pub use choose::{Asking, Choice, Turn};
pub use class_places::{ClassPlace, ClassPlaces};
pub use health::{Found, Turned};
pub use queue::{QueueFull, Waiting};
pub use state::InFlight;

use crate::catalog::{Catalog, Member, Node, Pool};
use crate::counters::Counter;
use budget::RetryBudget;
use choose::Members;
use core::time::Duration;
use queue::NodeQueue;
use shaping::{SpareClass, Tick};
use state::{MemberState, NodeState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The states of all nodes and pools, by name; what a reload takes over.
#[derive(Debug, Default)]
pub struct Nodes {
    /// Locked at reloads and by readers of the console only.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    nodes: BTreeMap<Arc<str>, Arc<NodeState>>,
    pools: BTreeMap<Arc<str>, KnownPool>,
}

#[derive(Debug)]
struct KnownPool {
    queue: Arc<NodeQueue>,
    budget: Arc<RetryBudget>,
    counters: Arc<PoolCounters>,
    members: BTreeMap<Arc<str>, Arc<MemberState>>,
}

impl Nodes {
    /// Gives the nodes of a new catalog the states that nodes of the same name already have. States of names that
    /// are gone are forgotten; transactions that still use them keep them alive. A node that a pool did not have
    /// before starts slowly, where its pool wants that.
    pub fn adopt(&self, catalog: &mut Catalog, now: Tick) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept = Known::default();
        let monitors: Vec<Arc<str>> =
            catalog.monitors.iter().map(|monitor| Arc::clone(&monitor.name)).collect();
        for pool in &mut catalog.pools {
            let old = known.pools.get(&pool.name);
            if let Some(old) = old {
                pool.live.queue = Arc::clone(&old.queue);
                pool.live.budget = Arc::clone(&old.budget);
                pool.live.counters = Arc::clone(&old.counters);
            }
            let names: Vec<Arc<str>> =
                pool.monitors.iter().filter_map(|id| monitors.get(id.index()).cloned()).collect();
            let mut members = BTreeMap::new();
            let places = pool.live.states.iter_mut().zip(&mut pool.live.members);
            for (node, (state, member)) in pool.nodes.iter().zip(places) {
                let held = kept.nodes.entry(Arc::clone(&node.name)).or_insert_with(|| {
                    known.nodes.get(&node.name).map_or_else(|| Arc::new(NodeState::default()), Arc::clone)
                });
                *state = Arc::clone(held);
                match old.map(|old| old.members.get(&node.name)) {
                    Some(Some(old)) => *member = Arc::clone(old),
                    Some(None) => member.well_since.store(now.nanos().max(1), Ordering::Relaxed),
                    None => {}
                }
                member.watch_by(&names);
                members.insert(Arc::clone(&node.name), Arc::clone(member));
            }
            let (queue, budget) = (Arc::clone(&pool.live.queue), Arc::clone(&pool.live.budget));
            let counters = Arc::clone(&pool.live.counters);
            kept.pools.insert(Arc::clone(&pool.name), KnownPool { queue, budget, counters, members });
        }
        *known = kept;
        drop(known);
        // A new catalog may have given those who wait a place.
        catalog.pools.iter().for_each(|pool| pool.live.queue.wake_first());
    }
}

/// A node's live numbers in one pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReading {
    /// `host:port`.
    pub name: Arc<str>,
    /// How it is.
    pub condition: Observed,
    /// How long ago it last refused, if no success came after; `None` means that it did not.
    pub failed_since: Option<Duration>,
    /// Requests that it is working on for this pool.
    pub in_flight: u32,
    /// Failed attempts of this pool since the start.
    pub failures: u64,
    /// Requests handed to it by this pool since the start.
    pub requests: u64,
    /// Times that it was ejected from this pool.
    pub ejections: u64,
    /// How long it takes to the head of an answer, a moving average over all pools; zero where nothing is known.
    pub mean_response: Duration,
}

/// A pool's live numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolReading {
    /// The name in the catalog.
    pub name: Arc<str>,
    /// Requests that wait for a place now.
    pub queue: u64,
    /// Requests that had to wait.
    pub queued: u64,
    /// Requests for which the queue had no place.
    pub queue_full: u64,
    /// Requests that left the queue because their time was up.
    pub queue_timed_out: u64,
    /// Requests that were sent to another node after a failed attempt.
    pub retries: u64,
    /// Those that were not, because too many would have been.
    pub retries_refused: u64,
    /// Requests that went to the failure pool.
    pub failed_over: u64,
    /// Its nodes, in the order of the catalog.
    pub nodes: Vec<NodeReading>,
}

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Observed {
    /// It gets its share.
    Active,
    /// It gets a part of its share, in its slow start.
    Starting,
    /// The operator wants it to get nothing new.
    Draining,
    /// The operator wants it to get nothing.
    Disabled,
    /// The last attempt failed.
    Failed,
    /// It is left alone for its answers.
    Ejected,
    /// A monitor is not satisfied.
    FoundFailed,
    /// Its name has no address.
    Unresolved,
}

impl Observed {
    /// Every way, in order.
    pub const ALL: [Self; 8] = [
        Self::Active,
        Self::Starting,
        Self::Draining,
        Self::Disabled,
        Self::Failed,
        Self::Ejected,
        Self::FoundFailed,
        Self::Unresolved,
    ];

    /// The word for numbers and messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Starting => "starting",
            Self::Draining => "draining",
            Self::Disabled => "disabled",
            Self::Failed => "failed",
            Self::Ejected => "ejected",
            Self::FoundFailed => "found_failed",
            Self::Unresolved => "unresolved",
        }
    }
}

/// What is counted of a pool.
#[derive(Debug, Default)]
pub struct PoolCounters {
    /// Requests that had to wait for a place.
    pub queued: Counter,
    /// Requests for which the queue had no place.
    pub queue_full: Counter,
    /// Requests that left the queue because their time was up.
    pub queue_timed_out: Counter,
    /// Requests that went to the failure pool.
    pub failed_over: Counter,
}

/// The live part of a pool: whose turn it is, and its nodes' states in the order of [`Pool::nodes`].
#[derive(Debug, Default)]
pub(crate) struct PoolLive {
    /// How far the nodes are served.
    served: AtomicU64,
    states: Vec<Arc<NodeState>>,
    members: Vec<Arc<MemberState>>,
    /// Hashes of the nodes' names.
    names: Vec<u64>,
    /// The members by priority, the highest first.
    groups: Vec<Members>,
    queue: Arc<NodeQueue>,
    budget: Arc<RetryBudget>,
    counters: Arc<PoolCounters>,
    ejecting: Mutex<()>,
    /// The class that admits by what this pool bears, if there is one.
    pub(crate) spare: Option<Arc<SpareClass>>,
}

impl PoolLive {
    /// For a pool of these nodes, all thought well.
    pub(crate) fn new(nodes: &[Node], said: &[Member]) -> Self {
        let priorities: BTreeSet<u32> = said.iter().map(|member| member.priority).collect();
        let group = |priority: &u32| {
            let mut group = Members::default();
            let of = (0_u16..).map(NodeIndex).zip(said).filter(|(_, member)| member.priority == *priority);
            of.for_each(|(index, _)| group.insert(index));
            group
        };
        Self {
            states: nodes.iter().map(|_| Arc::default()).collect(),
            members: nodes.iter().map(|_| Arc::default()).collect(),
            names: nodes.iter().map(|node| hash::hash(node.name.as_bytes())).collect(),
            groups: priorities.iter().rev().map(group).collect(),
            ..Self::default()
        }
    }
}

/// A node of a pool, by its place in [`Pool::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub u16);

impl NodeIndex {
    /// Stands for a node that a rule named and that is no member of the pool: it has no live state and keeps no idle
    /// connection.
    pub const NAMED: Self = Self(u16::MAX);

    /// The place.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Pool {
    /// Requests of this pool under way at the node.
    pub fn in_flight(&self, index: NodeIndex) -> u32 {
        self.member(index).map_or(0, |member| member.in_flight.load(Ordering::Relaxed))
    }

    /// A place in the line of those who wait for a node with room.
    ///
    /// # Errors
    /// As many wait as may.
    pub fn wait(&self) -> Result<Waiting, QueueFull> {
        let joined = self.live.queue.join(self.room.queue_max as usize);
        let counters = &self.live.counters;
        let counter = if joined.is_ok() { &counters.queued } else { &counters.queue_full };
        counter.add_one();
        joined
    }

    /// What is counted of it.
    pub fn counters(&self) -> &PoolCounters {
        &self.live.counters
    }

    /// A request came to this pool: so much may be tried again.
    #[inline]
    pub fn earn_retries(&self) {
        self.live.budget.earn(self.retries);
    }

    /// Whether a request may be sent to another node, as far as the others' retries are asked; counts as one, then.
    pub fn may_spend_retry(&self, now: Tick) -> bool {
        self.live.budget.spend(self.retries, now)
    }

    /// Its live numbers.
    pub fn reading(&self, now: Tick) -> PoolReading {
        let (live, counters) = (&self.live, &self.live.counters);
        let node = |index: NodeIndex| {
            let (node, state, member) =
                (self.nodes.get(index.index())?, self.state(index)?, self.member(index)?);
            Some(NodeReading {
                name: Arc::clone(&node.name),
                condition: self.condition(index, now),
                failed_since: state.failed_tick().map(|tick| now.since(tick)),
                in_flight: member.in_flight.load(Ordering::Relaxed),
                failures: member.failures.load(Ordering::Relaxed),
                requests: member.requests.load(Ordering::Relaxed),
                ejections: member.ejections.load(Ordering::Relaxed),
                mean_response: state.mean_response(),
            })
        };
        PoolReading {
            name: Arc::clone(&self.name),
            queue: live.queue.len() as u64,
            queued: counters.queued.value(),
            queue_full: counters.queue_full.value(),
            queue_timed_out: counters.queue_timed_out.value(),
            retries: live.budget.made.value(),
            retries_refused: live.budget.refused.value(),
            failed_over: counters.failed_over.value(),
            nodes: self.indexes().filter_map(node).collect(),
        }
    }

    /// The places of all nodes.
    pub fn indexes(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        (0..self.nodes.len()).map_while(|index| u16::try_from(index).ok().map(NodeIndex))
    }

    /// The member of this `host:port`.
    pub(crate) fn node_by_name(&self, name: &[u8]) -> Option<NodeIndex> {
        let is = |index: &NodeIndex| {
            self.nodes.get(index.index()).is_some_and(|node| node.name.as_bytes().eq_ignore_ascii_case(name))
        };
        self.indexes().find(is)
    }

    /// The member that a rule means by `host:port`, or by a host alone; where no member has that port, the host
    /// decides. The first of several.
    pub(crate) fn node_called(&self, name: &[u8]) -> Option<NodeIndex> {
        let of_host = || {
            let host = host_of(name);
            self.indexes().find(|index| {
                self.nodes
                    .get(index.index())
                    .is_some_and(|node| node.host.as_bytes().eq_ignore_ascii_case(host))
            })
        };
        self.node_by_name(name).or_else(of_host)
    }

    /// Whether a rule means this member by `host:port`, or by a host alone.
    pub(crate) fn is_called(&self, index: NodeIndex, name: &[u8]) -> bool {
        self.nodes.get(index.index()).is_some_and(|node| {
            node.name.as_bytes().eq_ignore_ascii_case(name) || node.host.as_bytes().eq_ignore_ascii_case(name)
        })
    }
}

/// The host in `host:port`, `host`, `[address]:port` or an address.
fn host_of(name: &[u8]) -> &[u8] {
    if let Some(rest) = name.strip_prefix(b"[") {
        return rest.split(|byte| *byte == b']').next().unwrap_or(rest);
    }
    match name.iter().position(|byte| *byte == b':') {
        // An IPv6 address without brackets has more than one colon, and no port.
        Some(at) if name.iter().rposition(|byte| *byte == b':') == Some(at) => name.get(..at).unwrap_or(name),
        _ => name,
    }
}
