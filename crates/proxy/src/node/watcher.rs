//! Looks after nodes in the background, once for the whole process: monitors look whether they are well, and names
//! are looked up again. What comes of it goes into the nodes' shared state; requests never wait for it.
//!
//! Each monitor of each node, and each name, has a task of its own. It reads the catalog in force anew each time and
//! ends when it is not in it any more; new ones are begun when a catalog is adopted.

use super::connect::{Dial, Tcp};
use super::look::look;
use super::names::Names;
use crate::clock::Clock;
use crate::errands::{Desk, Lookup};
use engine::catalog::{Catalog, MonitorId, Node, NodeWish, Pool};
use engine::{Found, NodeIndex, Shared};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, oneshot};

/// Looks under way at once.
const LOOKS_MAX: usize = 256;
/// How often it is looked whether there is a new catalog.
const CATALOG_EVERY: Duration = Duration::from_millis(200);
/// First looks at the nodes of a new catalog are spread over so long.
const FIRST_WITHIN: Duration = Duration::from_millis(500);
/// Waits are longer or shorter by up to so many hundredths.
const JITTER_PERCENT: u64 = 10;
/// How long one look-up of a name may take.
const LOOKUP_TIME: Duration = Duration::from_secs(10);

/// Something that is looked after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Look { pool: Arc<str>, node: Arc<str>, monitor: Arc<str> },
    Name { node: Arc<str> },
}

/// Looks after the nodes of a manager. One for each process.
pub struct Watcher<D> {
    shared: Arc<Shared>,
    clock: Clock,
    dial: D,
    desk: Arc<Desk>,
    lookup: Rc<dyn Lookup>,
    names: Arc<Names>,
    running: RefCell<BTreeSet<Task>>,
    looks: Semaphore,
    random: Cell<u64>,
}

impl<D: Dial> Watcher<D> {
    /// For the nodes in `shared`, reached by `dial`, their names found by `lookup`. `seed` spreads its looks.
    pub fn new(shared: Arc<Shared>, clock: Clock, (dial, lookup): (D, impl Lookup), seed: u64) -> Rc<Self> {
        Self::with(shared, clock, (dial, Rc::new(lookup)), Desk::new(), seed)
    }

    pub(crate) fn with(
        shared: Arc<Shared>,
        clock: Clock,
        (dial, lookup): (D, Rc<dyn Lookup>),
        desk: Arc<Desk>,
        seed: u64,
    ) -> Rc<Self> {
        let (running, looks) = (RefCell::default(), Semaphore::new(LOOKS_MAX));
        Rc::new(Self {
            shared,
            clock,
            dial,
            lookup,
            names: Arc::clone(&desk.names),
            desk,
            running,
            looks,
            random: Cell::new(seed | 1),
        })
    }

    /// Watches until it is dropped. To be run on a local runtime.
    pub async fn run(self: Rc<Self>) {
        let mut seen = None;
        loop {
            let generation = self.shared.generation();
            if seen != Some(generation) {
                seen = Some(generation);
                for task in tasks_of(&self.shared.catalog()) {
                    if self.running.borrow_mut().insert(task.clone()) {
                        tokio::task::spawn_local(Rc::clone(&self).keep_at(task));
                    }
                }
            }
            self.sleep(CATALOG_EVERY).await;
        }
    }

    async fn keep_at(self: Rc<Self>, task: Task) {
        match &task {
            Task::Look { pool, node, monitor } => self.keep_looking((pool, node, monitor)).await,
            Task::Name { node } => self.keep_finding(node).await,
        }
        self.running.borrow_mut().remove(&task);
    }

    async fn keep_looking(&self, (pool, node, monitor): (&str, &str, &str)) {
        let mut in_row: (Option<Found>, u32) = (None, 0);
        self.sleep(self.part_of(FIRST_WITHIN)).await;
        loop {
            let catalog = self.shared.catalog();
            let Some(place) = find(&catalog, (pool, node, monitor)) else { return };
            let (delay, found) = {
                let Ok(_free) = self.looks.acquire().await else { return };
                let delay = catalog.monitors.get(place.2.index()).map(|monitor| monitor.delay);
                (delay.unwrap_or_default(), self.look_once(&catalog, place).await)
            };
            let found = match found {
                Ok(()) => (Found::Well, String::new()),
                Err(why) => (Found::Failed, why),
            };
            in_row = if in_row.0 == Some(found.0) { (in_row.0, in_row.1 + 1) } else { (Some(found.0), 1) };
            // A catalog may have been adopted meanwhile; its nodes share their state with those of the old one.
            self.judge(&catalog, place, (found.0, &found.1), in_row.1);
            drop(catalog);
            self.sleep(self.jittered(delay)).await;
        }
    }

    async fn look_once(
        &self,
        catalog: &Catalog,
        (pool, node, monitor): (&Pool, NodeIndex, MonitorId),
    ) -> Result<(), String> {
        let gone = || "it is not in the catalog".to_owned();
        let node = pool.nodes.get(node.index()).ok_or_else(gone)?;
        let monitor = catalog.monitors.get(monitor.index()).ok_or_else(gone)?;
        let until = self.clock.tick().saturating_add(monitor.timeout);
        let counters = self.shared.counters();
        counters.monitor_looks.add_one();
        let looked = tokio::select! {
            biased;
            looked = look((&self.dial, &self.desk), (pool, node), &monitor.look) => looked,
            () = self.clock.sleep_until(until) => Err("it took too long".to_owned()),
        };
        if looked.is_err() {
            counters.monitor_failures.add_one();
        }
        looked
    }

    /// Tells the node's state when enough looks in a row agree, and the operator when that is news.
    fn judge(
        &self,
        catalog: &Catalog,
        (pool, index, id): (&Pool, NodeIndex, MonitorId),
        (found, why): (Found, &str),
        in_row: u32,
    ) {
        let (Some(monitor), Some(node)) = (catalog.monitors.get(id.index()), pool.nodes.get(index.index()))
        else {
            return;
        };
        let enough = if found == Found::Well { monitor.successes } else { monitor.failures };
        if in_row < enough || !pool.found(index, id, found, self.clock.tick()) {
            return;
        }
        let (pool, node, monitor) = (&*pool.name, &*node.name, &*monitor.name);
        match found {
            Found::Failed => {
                tracing::warn!(target: "node", pool, node, monitor, why, "a monitor has found a node failed");
            }
            Found::Well => {
                tracing::info!(target: "node", pool, node, monitor, "a monitor has found a node well again");
            }
        }
    }

    async fn keep_finding(&self, name: &Arc<str>) {
        let mut has_failed = false;
        loop {
            let catalog = self.shared.catalog();
            let Some(node) = named_nodes(&catalog).find(|node| node.name == *name).cloned() else {
                self.names.forget(name);
                return;
            };
            let refresh = catalog.settings.dns_refresh;
            drop(catalog);
            let found = self.find(&node).await;
            if let Err(error) = &found {
                self.shared.counters().name_lookups_failed.add_one();
                if !has_failed {
                    let kept = self.names.addresses(name).is_some();
                    tracing::warn!(target: "node", node = &**name, %error, kept, "a node's name has no address");
                }
            }
            has_failed = found.is_err();
            if let Ok(addresses) = found {
                self.names.learn(name, addresses);
            }
            let has_address = self.names.addresses(name).is_some();
            let catalog = self.shared.catalog();
            for pool in &catalog.pools {
                for index in pool.indexes().filter(|index| is_called(pool, *index, name)) {
                    if pool.resolved(index, has_address) && has_address {
                        tracing::info!(target: "node", node = &**name, "a node's name has an address now");
                    }
                }
            }
            drop(catalog);
            self.sleep(self.jittered(refresh)).await;
        }
    }

    async fn find(&self, node: &Node) -> io::Result<Vec<SocketAddr>> {
        let until = self.clock.tick().saturating_add(LOOKUP_TIME);
        let found = tokio::select! {
            biased;
            found = self.lookup.addresses(node.host.clone()) => found?,
            () = self.clock.sleep_until(until) => return Err(io::ErrorKind::TimedOut.into()),
        };
        if found.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(found.into_iter().map(|address| SocketAddr::new(address, node.port)).collect())
    }

    async fn sleep(&self, length: Duration) {
        self.clock.sleep_until(self.clock.tick().saturating_add(length)).await;
    }

    /// A little more or less than that.
    fn jittered(&self, length: Duration) -> Duration {
        let tenth = length.mul_f64(f64::from(u32::try_from(JITTER_PERCENT).unwrap_or(0)) / 100.0);
        length.saturating_sub(tenth) + self.part_of(tenth * 2)
    }

    /// Something between nothing and that (xorshift: nobody gains by guessing it).
    fn part_of(&self, length: Duration) -> Duration {
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(random % nanos.saturating_add(1).max(1))
    }
}

/// The thread on which a process watches; dropping it ends it.
pub(crate) struct Watching {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watching {
    /// Begins to watch.
    ///
    /// # Errors
    /// The system gives no thread or no event queue.
    pub(crate) fn start(
        (shared, clock, desk): (Arc<Shared>, Clock, Arc<Desk>),
        seed: u64,
    ) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("watcher".into()).spawn(move || {
            let started = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let runtime = match started {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _nobody = tell.send(Err(error));
                    return;
                }
            };
            let _nobody = tell.send(Ok(()));
            runtime.block_on(async move {
                // It is the one who knows the addresses: it connects to those that it found last.
                let dial = Tcp::with_names(clock.clone(), Arc::clone(&desk.names));
                let lookup: Rc<dyn Lookup> = Rc::new(desk.lookup());
                let watcher = Watcher::with(shared, clock, (dial, lookup), desk, seed);
                tokio::select! {
                    () = watcher.run() => {}
                    _told = stopped => {}
                }
            });
            // The system's resolver may take its time.
            runtime.shutdown_background();
        })?;
        told.recv().unwrap_or_else(|_| Err(io::Error::other("its thread ended at once")))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// All there is to look after.
fn tasks_of(catalog: &Catalog) -> BTreeSet<Task> {
    let name = |node: &Node| Task::Name { node: Arc::clone(&node.name) };
    let mut tasks: BTreeSet<Task> = named_nodes(catalog).map(name).collect();
    for pool in &catalog.pools {
        for monitor in pool.monitors.iter().filter_map(|id| catalog.monitors.get(id.index())) {
            let members = pool.nodes.iter().zip(&pool.members);
            for (node, _) in members.filter(|(_, member)| member.state != NodeWish::Disabled) {
                tasks.insert(Task::Look {
                    pool: Arc::clone(&pool.name),
                    node: Arc::clone(&node.name),
                    monitor: Arc::clone(&monitor.name),
                });
            }
        }
    }
    tasks
}

fn named_nodes(catalog: &Catalog) -> impl Iterator<Item = &Node> {
    catalog.pools.iter().flat_map(|pool| &pool.nodes).filter(|node| node.host.parse::<IpAddr>().is_err())
}

fn find<'c>(
    catalog: &'c Catalog,
    (pool, node, monitor): (&str, &str, &str),
) -> Option<(&'c Pool, NodeIndex, MonitorId)> {
    let pool = catalog.pools.iter().find(|of| *of.name == *pool)?;
    let index = pool.indexes().find(|index| is_called(pool, *index, node))?;
    let is_wanted = pool.members.get(index.index())?.state != NodeWish::Disabled;
    let is_named = |id: &&MonitorId| catalog.monitors.get(id.index()).is_some_and(|of| *of.name == *monitor);
    let id = pool.monitors.iter().find(is_named).filter(|_| is_wanted)?;
    Some((pool, index, *id))
}

fn is_called(pool: &Pool, index: NodeIndex, name: &str) -> bool {
    pool.nodes.get(index.index()).is_some_and(|node| *node.name == *name)
}
