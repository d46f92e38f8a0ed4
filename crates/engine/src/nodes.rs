//! Live state of the nodes, and choosing one.
//!
//! A node's state is a handful of atomics that all workers and all pools with that node share: a node that refuses
//! connections refuses them whichever pool asks. Choosing takes no lock. The state is found by the node's name when a
//! catalog is adopted, so it outlives reloads; a catalog that nobody adopted has states of its own.

use crate::catalog::{Algorithm, Catalog, Pool};
use shaping::Tick;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The states of all nodes, by name; what a reload takes over.
#[derive(Debug, Default)]
pub struct Nodes {
    /// Locked at reloads and by readers of the console only.
    known: Mutex<BTreeMap<Arc<str>, Arc<NodeState>>>,
}

impl Nodes {
    /// Gives the nodes of a new catalog the states that nodes of the same name already have. States of names that
    /// are gone are forgotten; transactions that still use them keep them alive.
    pub fn adopt(&self, catalog: &mut Catalog) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kept: BTreeMap<Arc<str>, Arc<NodeState>> = BTreeMap::new();
        for pool in &mut catalog.pools {
            for (node, state) in pool.nodes.iter().zip(&mut pool.live.states) {
                let held = kept.entry(Arc::clone(&node.name)).or_insert_with(|| {
                    known.get(&node.name).map_or_else(|| Arc::new(NodeState::default()), Arc::clone)
                });
                *state = Arc::clone(held);
            }
        }
        *known = kept;
    }

    /// What is known of each node, in the order of their names.
    pub fn readings(&self, now: Tick) -> Vec<NodeReading> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(name, state)| state.reading(name, now)).collect()
    }
}

/// A node's live numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReading {
    /// `host:port`.
    pub name: Arc<str>,
    /// How long ago it last refused, if no success came after; `None` means that it is thought well.
    pub failed_since: Option<core::time::Duration>,
    /// Requests that it is working on.
    pub in_flight: u32,
    /// Failures since the start.
    pub failures: u64,
    /// Requests handed to it since the start.
    pub requests: u64,
}

/// What all workers know of one node.
#[derive(Debug, Default)]
pub(crate) struct NodeState {
    /// Nanoseconds of the tick of the last failure plus one; 0 means that it is thought well.
    failed_at: AtomicU64,
    in_flight: AtomicU32,
    failures: AtomicU64,
    requests: AtomicU64,
}

impl NodeState {
    fn failed_tick(&self) -> Option<Tick> {
        self.failed_at.load(Ordering::Relaxed).checked_sub(1).map(Tick::from_nanos)
    }

    fn reading(&self, name: &Arc<str>, now: Tick) -> NodeReading {
        NodeReading {
            name: Arc::clone(name),
            failed_since: self.failed_tick().map(|tick| now.since(tick)),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
        }
    }
}

/// The live part of a pool: whose turn it is, and its nodes' states in the order of [`Pool::nodes`].
#[derive(Debug, Default)]
pub(crate) struct PoolLive {
    turn: AtomicUsize,
    states: Vec<Arc<NodeState>>,
}

impl PoolLive {
    /// For a pool of so many nodes, all thought well.
    pub(crate) fn new(nodes: usize) -> Self {
        Self { turn: AtomicUsize::new(0), states: (0..nodes).map(|_| Arc::default()).collect() }
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

/// A request under way at a node; dropping it says that it is over.
#[derive(Debug)]
pub struct InFlight(Arc<NodeState>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// The node to try next, other than those of `tried`; `None` if all have been tried.
    ///
    /// Nodes thought well take turns. A node that failed is left alone for [`Pool::node_fail_time`]; after that one
    /// request at a time tries it again, until a success clears it. Only when nothing better is left, the node that
    /// failed longest ago is tried earlier. Looks at each node; takes no lock.
    pub fn choose(&self, tried: &[NodeIndex], now: Tick) -> Option<NodeIndex> {
        match self.algorithm {
            Algorithm::RoundRobin => self.choose_in_turn(tried, now),
        }
    }

    #[inline]
    fn choose_in_turn(&self, tried: &[NodeIndex], now: Tick) -> Option<NodeIndex> {
        match (&*self.live.states, tried) {
            ([only], []) if only.failed_tick().is_none() => Some(NodeIndex(0)),
            _ => self.choose_among(tried, now),
        }
    }

    fn choose_among(&self, tried: &[NodeIndex], now: Tick) -> Option<NodeIndex> {
        let turn = self.live.turn.fetch_add(1, Ordering::Relaxed);
        if let Some(again) = self.untried(tried).find(|index| self.is_to_try_again(*index, now)) {
            return Some(again);
        }
        let is_well =
            |index: &NodeIndex| self.state(*index).is_some_and(|state| state.failed_tick().is_none());
        let well = self.untried(tried).filter(is_well).count();
        if well > 0 {
            // Counting through the well ones, not skipping the others, keeps the neighbour of a failed node from
            // getting two shares. One may fail between the two looks: then the first of them has to do.
            let chosen = self.untried(tried).filter(is_well).nth(turn % well);
            return chosen.or_else(|| self.untried(tried).next());
        }
        self.untried(tried).min_by_key(|index| self.state(*index).and_then(|state| state.failed_tick()))
    }

    /// The node could not be reached, or gave no usable answer.
    pub fn failed(&self, index: NodeIndex, now: Tick) {
        if let Some(state) = self.state(index) {
            state.failures.fetch_add(1, Ordering::Relaxed);
            if !self.node_fail_time.is_zero() {
                state.failed_at.store(now.nanos().saturating_add(1), Ordering::Relaxed);
            }
        }
    }

    /// The node answered. Whether it was thought failed until now; true for one of those who tell of it.
    #[inline]
    pub fn succeeded(&self, index: NodeIndex) -> bool {
        self.state(index).is_some_and(|state| {
            state.failed_at.load(Ordering::Relaxed) != 0 && state.failed_at.swap(0, Ordering::Relaxed) != 0
        })
    }

    /// Counts a request as under way at the node until the answer is dropped; `None` for an index that is not of
    /// this pool.
    pub fn enter(&self, index: NodeIndex) -> Option<InFlight> {
        let state = self.state(index)?;
        state.in_flight.fetch_add(1, Ordering::Relaxed);
        state.requests.fetch_add(1, Ordering::Relaxed);
        Some(InFlight(Arc::clone(state)))
    }

    /// Requests under way at the node.
    pub fn in_flight(&self, index: NodeIndex) -> u32 {
        self.state(index).map_or(0, |state| state.in_flight.load(Ordering::Relaxed))
    }

    /// Whether the last attempt at the node did not fail.
    pub(crate) fn is_well(&self, index: NodeIndex) -> bool {
        self.state(index).is_some_and(|state| state.failed_tick().is_none())
    }

    /// The places of all nodes.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = NodeIndex> + use<> {
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

    fn state(&self, index: NodeIndex) -> Option<&Arc<NodeState>> {
        self.live.states.get(index.index())
    }

    fn untried<'a>(&'a self, tried: &'a [NodeIndex]) -> impl Iterator<Item = NodeIndex> + 'a {
        let all = (0..self.live.states.len()).map_while(|index| u16::try_from(index).ok().map(NodeIndex));
        all.filter(move |index| !tried.contains(index))
    }

    /// Whether the node's time of being left alone is over and nobody else has taken the try. Taking it starts the
    /// time anew, so that a node that still refuses costs one request per fail time, not all that come at once.
    fn is_to_try_again(&self, index: NodeIndex, now: Tick) -> bool {
        let Some(state) = self.state(index) else { return false };
        let seen = state.failed_at.load(Ordering::Relaxed);
        let Some(failed) = seen.checked_sub(1).map(Tick::from_nanos) else { return false };
        now.since(failed) >= self.node_fail_time
            && state
                .failed_at
                .compare_exchange(
                    seen,
                    now.nanos().saturating_add(1).max(seen),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Node;
    use core::time::Duration;
    use proptest::prelude::*;

    fn pool(nodes: &[&str]) -> Pool {
        let node =
            |name: &&str| Node { host: (*name).to_owned(), port: 80, name: Arc::from(format!("{name}:80")) };
        Pool {
            name: Arc::from("p"),
            nodes: nodes.iter().map(node).collect(),
            algorithm: Algorithm::RoundRobin,
            bandwidth_class: None,
            max_connect_time: Duration::from_secs(4),
            max_reply_time: Duration::from_secs(30),
            max_idle_connections_pernode: 50,
            node_fail_time: Duration::from_secs(10),
            tls: None,
            live: PoolLive::new(nodes.len()),
        }
    }

    fn at(seconds: u64) -> Tick {
        Tick::from_nanos(seconds * 1_000_000_000)
    }

    fn chosen(pool: &Pool, times: usize, now: Tick) -> Vec<u16> {
        (0..times).filter_map(|_| pool.choose(&[], now)).map(|index| index.0).collect()
    }

    #[test]
    fn nodes_take_turns() {
        assert_eq!(chosen(&pool(&["a", "b", "c"]), 6, at(0)), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_node_that_refused_is_left_alone_and_then_tried_by_one_request_at_a_time() {
        let pool = pool(&["a", "b", "c"]);
        pool.failed(NodeIndex(1), at(0));
        let meanwhile = chosen(&pool, 6, at(9));
        assert_eq!(meanwhile.iter().filter(|index| **index == 0).count(), 3, "equal shares: {meanwhile:?}");
        assert!(!meanwhile.contains(&1), "{meanwhile:?}");
        let later = chosen(&pool, 6, at(10));
        assert_eq!(later.iter().filter(|index| **index == 1).count(), 1, "one request tries it: {later:?}");
        pool.succeeded(NodeIndex(1));
        assert_eq!(chosen(&pool, 6, at(11)).iter().filter(|index| **index == 1).count(), 2);
    }

    #[test]
    fn when_all_have_refused_the_one_that_refused_first_is_tried_and_each_only_once() {
        let pool = pool(&["a", "b"]);
        pool.failed(NodeIndex(1), at(1));
        pool.failed(NodeIndex(0), at(2));
        let first = pool.choose(&[], at(3));
        assert_eq!(first, Some(NodeIndex(1)));
        assert_eq!(pool.choose(&[NodeIndex(1)], at(3)), Some(NodeIndex(0)));
        assert_eq!(pool.choose(&[NodeIndex(1), NodeIndex(0)], at(3)), None);
    }

    #[test]
    fn a_reload_keeps_what_is_known_of_a_node_by_its_name() {
        let nodes = Nodes::default();
        let catalog = |pools: Vec<Pool>| {
            let mut catalog = Catalog::default();
            catalog.pools = pools;
            catalog
        };
        let mut first = catalog(vec![pool(&["a", "b"])]);
        nodes.adopt(&mut first);
        first.pools[0].failed(NodeIndex(1), at(0));
        let under_way = first.pools[0].enter(NodeIndex(1));
        let mut second = catalog(vec![pool(&["c", "b"]), pool(&["b"])]);
        nodes.adopt(&mut second);
        assert_eq!(chosen(&second.pools[0], 4, at(1)), [0, 0, 0, 0], "b is still left alone");
        assert_eq!(second.pools[1].in_flight(NodeIndex(0)), 1, "and still busy, in whichever pool");
        drop(under_way);
        let readings = nodes.readings(at(2));
        let names: Vec<_> = readings.iter().map(|reading| &*reading.name).collect();
        assert_eq!(names, ["b:80", "c:80"]);
        assert_eq!(readings[0].failed_since, Some(Duration::from_secs(2)));
        assert_eq!((readings[0].in_flight, readings[0].failures, readings[0].requests), (0, 1, 1));
    }

    proptest! {
        #[test]
        fn well_nodes_have_equal_shares_and_no_tried_node_comes_again(
            failed in proptest::collection::vec(any::<bool>(), 1..8), rounds in 1_usize..5,
        ) {
            let names: Vec<String> = (0..failed.len()).map(|at| format!("n{at}")).collect();
            let pool = pool(&names.iter().map(String::as_str).collect::<Vec<_>>());
            let mut well = Vec::new();
            for (index, failed) in (0_u16..).zip(&failed) {
                if *failed { pool.failed(NodeIndex(index), at(5)) } else { well.push(index) }
            }
            let mut counts = vec![0; failed.len()];
            for index in chosen(&pool, well.len() * rounds, at(6)) {
                counts[usize::from(index)] += 1;
            }
            for (count, failed) in counts.iter().zip(&failed) {
                prop_assert_eq!(*count, if *failed { 0 } else { rounds });
            }
            let mut tried = Vec::new();
            while let Some(index) = pool.choose(&tried, at(6)) {
                prop_assert!(!tried.contains(&index));
                tried.push(index);
            }
            prop_assert_eq!(tried.len(), failed.len());
        }
    }
}
