//! Connections to nodes that carry nothing now, kept for the next request of this worker.

use super::announce::Behalf;
use crate::wire::Wire;
use engine::NodeIndex;
use engine::catalog::{Catalog, PoolId, ProxyHeader};
use shaping::Tick;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A connection idle for longer is closed: most servers close theirs before, and a race between both ends costs a
/// retry.
pub(crate) const IDLE_MAX: Duration = Duration::from_mins(1);

/// The idle connections of one worker, by pool and node of the catalog that it works with.
pub(crate) struct IdleNodes<S> {
    pools: RefCell<Vec<Shelf<S>>>,
    /// The generation of the catalog whose places the shelves have.
    generation: Cell<u64>,
    count: Cell<usize>,
    /// At least so many are of one owner each; exact after each sweep.
    owned: Cell<usize>,
}

/// How nodes are spoken to: [`engine::catalog::NodeTls::settings`].
type TlsSettings = Option<[u8; 32]>;

struct Shelf<S> {
    names: Vec<Arc<str>>,
    /// The header that connections begin with: others are no good.
    announced: ProxyHeader,
    /// How the nodes are spoken to in TLS: only connections made in the same way are good.
    tls: TlsSettings,
    nodes: Vec<Vec<Idle<S>>>,
    /// For each node.
    kept_max: usize,
}

struct Idle<S> {
    stream: S,
    since: Tick,
    /// Whose it is, where it began with a PROXY header: it carries requests of this client connection only.
    owner: Option<Behalf>,
}

/// How nodes of a name are spoken to.
type Manner = (Arc<str>, TlsSettings, ProxyHeader);

/// Which node of which catalog a connection belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NodePlace {
    pub(crate) generation: u64,
    pub(crate) pool: PoolId,
    pub(crate) node: NodeIndex,
}

impl<S: Wire> IdleNodes<S> {
    pub(crate) fn new() -> Self {
        Self {
            pools: RefCell::new(Vec::new()),
            generation: Cell::new(0),
            count: Cell::new(0),
            owned: Cell::new(0),
        }
    }

    /// Takes the places of a new catalog; connections to nodes of the same name in a pool of the same place stay.
    pub(crate) fn adopt(&self, catalog: &Catalog, generation: u64, workers: usize) {
        let mut pools = self.pools.borrow_mut();
        let mut kept: HashMap<Manner, Vec<Idle<S>>> = HashMap::new();
        for shelf in pools.drain(..) {
            for (name, idle) in shelf.names.into_iter().zip(shelf.nodes) {
                kept.entry((name, shelf.tls, shelf.announced)).or_default().extend(idle);
            }
        }
        let mut count = 0;
        for pool in &catalog.pools {
            let kept_max = (pool.max_idle_connections_pernode as usize).div_ceil(workers.max(1));
            let names: Vec<Arc<str>> = pool.nodes.iter().map(|node| Arc::clone(&node.name)).collect();
            let tls = pool.tls.as_ref().map(|tls| tls.settings);
            let nodes: Vec<Vec<Idle<S>>> = names
                .iter()
                .map(|name| {
                    let mut idle =
                        kept.remove(&(Arc::clone(name), tls, pool.proxy_protocol)).unwrap_or_default();
                    idle.truncate(kept_max);
                    count += idle.len();
                    idle
                })
                .collect();
            pools.push(Shelf { names, announced: pool.proxy_protocol, tls, nodes, kept_max });
        }
        self.generation.set(generation);
        self.count.set(count);
    }

    /// The connection of this owner used last that is still good.
    #[inline]
    pub(crate) fn take(&self, place: NodePlace, owner: Option<Behalf>) -> Option<S> {
        if place.generation != self.generation.get() {
            return None;
        }
        let mut pools = self.pools.borrow_mut();
        let shelf = pools.get_mut(place.pool.index())?.nodes.get_mut(place.node.index())?;
        if owner.is_some() {
            return self.take_of(shelf, owner);
        }
        while let Some(mut idle) = shelf.pop() {
            self.count.set(self.count.get() - 1);
            if idle.stream.is_quiet() {
                return Some(idle.stream);
            }
        }
        None
    }

    #[cold]
    fn take_of(&self, shelf: &mut Vec<Idle<S>>, owner: Option<Behalf>) -> Option<S> {
        while let Some(at) = shelf.iter().rposition(|idle| idle.owner == owner) {
            let mut idle = shelf.remove(at);
            self.count.set(self.count.get() - 1);
            if idle.stream.is_quiet() {
                return Some(idle.stream);
            }
        }
        None
    }

    /// Keeps a connection on which nothing is under way; closes it if there are enough, or if the catalog changed.
    #[inline]
    pub(crate) fn put(&self, place: NodePlace, (stream, owner): (S, Option<Behalf>), now: Tick) {
        if place.generation != self.generation.get() {
            return;
        }
        let mut pools = self.pools.borrow_mut();
        let Some(shelf) = pools.get_mut(place.pool.index()) else { return };
        let kept_max = shelf.kept_max;
        let Some(idle) = shelf.nodes.get_mut(place.node.index()) else { return };
        if owner.is_some() && idle.len() == kept_max && kept_max > 0 {
            // Its owner may come back; that of the oldest is likelier to be gone.
            idle.remove(0);
            self.count.set(self.count.get() - 1);
        }
        if idle.len() < kept_max {
            idle.push(Idle { stream, since: now, owner });
            self.owned.set(self.owned.get() + usize::from(owner.is_some()));
            self.count.set(self.count.get() + 1);
        }
    }

    /// A client connection has ended: what was made on its behalf serves nobody else.
    #[inline]
    pub(crate) fn leave(&self, connection: u64) {
        if self.owned.get() > 0 {
            self.retain(|idle| idle.owner.is_none_or(|owner| owner.connection != connection));
        }
    }

    /// How many are kept.
    pub(crate) fn count(&self) -> usize {
        self.count.get()
    }

    /// Closes those that the node closed, or that were idle too long.
    pub(crate) fn sweep(&self, now: Tick) {
        self.retain(|idle| now.since(idle.since) < IDLE_MAX && idle.stream.is_quiet());
    }

    /// Closes all of them.
    pub(crate) fn clear(&self) {
        self.retain(|_| false);
    }

    fn retain(&self, mut keep: impl FnMut(&mut Idle<S>) -> bool) {
        let (mut count, mut owned) = (0, 0);
        for idle in self.pools.borrow_mut().iter_mut().flat_map(|shelf| &mut shelf.nodes) {
            idle.retain_mut(&mut keep);
            count += idle.len();
            owned += idle.iter().filter(|idle| idle.owner.is_some()).count();
        }
        self.count.set(count);
        self.owned.set(owned);
    }
}
