//! One worker: a thread's share of the traffic. It owns everything that a request touches, so that workers never
//! wait for each other; what they share is behind [`engine::Shared`].

use crate::buffers::Buffers;
use crate::clock::Clock;
use crate::errands::{Desk, Errands, Lookup};
use crate::http::connection;
use crate::http2::NodePlaces;
use crate::log_writer::{BATCH_BYTES, LogTarget, LogWriter};
use crate::messages::Messages;
use crate::node::announce::Behalf;
use crate::node::connect::{Dial, Tcp, secure};
use crate::node::idle::{IdleNodes, NodePlace};
use crate::timers::Timers;
use crate::tls::handshake::Handshakes;
use crate::tls::settings::{self, Keeper, Served};
use crate::wakes::Wakes;
use crate::wire::Wire;
use crate::{front, housekeeping};
use engine::catalog::{Catalog, Node, NodeTls, Timeouts, VirtualServer, VirtualServerId};
use engine::{ConnectionFacts, Heads, RequestId, Shared, Transaction};
use shaping::Tick;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Fields of a node's answer, at most.
const ANSWER_FIELDS_MAX: usize = 256;
/// Heads kept for reuse.
const KEPT_HEADS: usize = 64;
/// Lines of a log that a worker holds back while the writer is behind, in bytes; more are dropped and counted.
const HELD_LOG_BYTES_MAX: usize = 1 << 20;
/// How long lines wait for company before they are handed to the writer.
const LOG_DELAY: Duration = Duration::from_millis(20);
/// How often idle connections to nodes are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What a worker is made of.
pub struct WorkerSettings {
    /// The state that all workers share.
    pub shared: Arc<Shared>,
    /// The table that was given to `shared` as its waker.
    pub wakes: Wakes,
    /// Copies of one clock go to all workers.
    pub clock: Clock,
    /// Which worker this is, from 0, and how many there are.
    pub place: (usize, usize),
    /// Client connections that this worker holds at most.
    pub connections_max: usize,
    /// Makes the identities of requests differ from those of another run.
    pub seed: u64,
}

/// Serves client connections on the thread that made it. Everything it runs is spawned on the current local runtime.
pub struct Worker<D: Dial = Tcp> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) wakes: Wakes,
    pub(crate) clock: Clock,
    pub(crate) timers: Rc<Timers>,
    pub(crate) buffers: Buffers,
    pub(crate) idle: IdleNodes<D::Stream>,
    pub(crate) node_places: NodePlaces,
    pub(crate) dial: D,
    pub(crate) errands: Errands,
    pub(crate) handshakes: Handshakes,
    pub(crate) connections_max: usize,
    /// Connections close when they have answered.
    pub(crate) draining: Cell<bool>,
    /// Another process accepts from our sockets: nobody is in a hurry to see connections closed.
    pub(crate) has_heir: Cell<bool>,
    pub(crate) log: Option<Log>,
    messages: Messages,
    /// What nodes do; a limit of its own, so that a talkative rule does not hide it.
    pub(crate) node_messages: Messages,
    /// What clients do.
    pub(crate) client_messages: Messages,
    observer: RefCell<Option<Observer>>,
    pinned: RefCell<Rc<Pinned>>,
    heads: RefCell<Vec<Heads>>,
    next_connection: Cell<u64>,
    workers: usize,
    seed: u64,
    /// Rung when the last connection is gone.
    pub(crate) emptied: Notify,
    sweep: Notify,
}

/// Looks at each transaction when it is over.
type Observer = Box<dyn Fn(&Transaction)>;

/// Where a connection's two ends are.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// The listening address, as the catalog names it.
    pub listen: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
}

/// A catalog, and what a worker works out from it once.
pub(crate) struct Pinned {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) generation: u64,
    /// By virtual server.
    log_targets: Vec<Option<LogTarget>>,
    limits: Vec<http1::Limits>,
    answer_limits: Vec<http1::Limits>,
    /// Nothing where no TLS is spoken.
    tls: Vec<Option<Served>>,
    /// In the order of the addresses.
    listeners: Vec<(SocketAddr, VirtualServerId)>,
}

impl Pinned {
    fn new(catalog: Arc<Catalog>, generation: u64, (log, keeper): (Option<&Log>, &Keeper)) -> Self {
        let target = |server: &VirtualServer| log?.writer.target(&server.access_log.as_ref()?.destination);
        let listeners = catalog.listeners().into_iter().filter_map(|address| {
            let default = catalog.select(address, None);
            let first = || {
                let at =
                    catalog.virtual_servers.iter().position(|server| server.listen.contains(&address))?;
                Some(VirtualServerId(u32::try_from(at).ok()?))
            };
            Some((address, default.or_else(first)?))
        });
        Self {
            generation,
            log_targets: catalog.virtual_servers.iter().map(target).collect(),
            limits: catalog.virtual_servers.iter().map(limits_of).collect(),
            answer_limits: catalog.virtual_servers.iter().map(answer_limits_of).collect(),
            listeners: listeners.collect(),
            tls: settings::of_catalog(&catalog, keeper),
            catalog,
        }
    }

    /// The virtual server whose settings hold at this address before a Host is known; `None` if nobody listens
    /// there any more.
    pub(crate) fn at_listener(&self, listen: SocketAddr) -> Option<VirtualServerId> {
        let at = self.listeners.binary_search_by_key(&listen, |(address, _)| *address).ok()?;
        self.listeners.get(at).map(|(_, server)| *server)
    }

    pub(crate) fn limits(&self, server: VirtualServerId) -> &http1::Limits {
        &self.limits[server.index()]
    }

    /// Those of nodes' answers.
    pub(crate) fn answer_limits(&self, server: VirtualServerId) -> &http1::Limits {
        &self.answer_limits[server.index()]
    }

    /// How a virtual server speaks TLS; `None` where it does not.
    pub(crate) fn tls(&self, server: VirtualServerId) -> Option<&Served> {
        self.tls.get(server.index())?.as_ref()
    }

    pub(crate) fn timeouts(&self, server: VirtualServerId) -> &Timeouts {
        &self.catalog.virtual_server(server).timeouts
    }

    pub(crate) fn log_target(&self, server: VirtualServerId) -> Option<LogTarget> {
        self.log_targets.get(server.index()).copied().flatten()
    }
}

fn limits_of(server: &VirtualServer) -> http1::Limits {
    http1::Limits {
        head_bytes_max: server.max_request_head,
        fields_max: server.max_fields,
        ..http1::Limits::default()
    }
}

fn answer_limits_of(server: &VirtualServer) -> http1::Limits {
    http1::Limits { fields_max: ANSWER_FIELDS_MAX, ..limits_of(server) }
}

impl<D: Dial> Worker<D> {
    /// A worker without listeners. To be called on the local runtime that it will use.
    pub fn new(settings: WorkerSettings, dial: D) -> Rc<Self> {
        Self::with_log(settings, dial, (None, Desk::new()))
    }

    pub(crate) fn with_log(
        settings: WorkerSettings,
        dial: D,
        (writer, desk): (Option<LogWriter>, Arc<Desk>),
    ) -> Rc<Self> {
        let (index, workers) = settings.place;
        let log = writer.map(Log::new);
        let nothing = Pinned::new(Arc::new(Catalog::default()), 0, (None, &desk.keeper));
        let worker = Rc::new(Self {
            timers: Timers::new(settings.clock.clone()),
            buffers: Buffers::default(),
            idle: IdleNodes::new(),
            node_places: NodePlaces::default(),
            dial,
            errands: Errands::new(desk),
            handshakes: Handshakes::default(),
            connections_max: settings.connections_max.max(1),
            draining: Cell::new(false),
            has_heir: Cell::new(false),
            log,
            messages: Messages::default(),
            node_messages: Messages::default(),
            client_messages: Messages::default(),
            observer: RefCell::new(None),
            pinned: RefCell::new(Rc::new(nothing)),
            heads: RefCell::new(Vec::new()),
            next_connection: Cell::new((index as u64) << 48),
            workers,
            seed: settings.seed,
            emptied: Notify::new(),
            sweep: Notify::new(),
            shared: settings.shared,
            wakes: settings.wakes,
            clock: settings.clock,
        });
        tokio::task::spawn_local(Rc::clone(&worker.timers).turn());
        tokio::task::spawn_local(Rc::clone(&worker).sweep_idle());
        if worker.log.is_some() {
            tokio::task::spawn_local(Rc::clone(&worker).hand_over_lines());
            tokio::task::spawn_local(housekeeping::keep(Rc::clone(&worker), index == 0));
        }
        worker
    }

    /// Serves one client connection until it is over. Any stream will do.
    pub fn serve<S: Wire>(self: Rc<Self>, stream: S, ends: Ends) -> impl Future<Output = ()> {
        let facts = self.facts(&ends);
        self.serve_as(stream, ends, facts)
    }

    /// What is known of a connection when it is accepted.
    pub(crate) fn facts(&self, ends: &Ends) -> ConnectionFacts {
        let id = self.next_connection_id();
        ConnectionFacts { id, peer: ends.peer, local: ends.local, tls: None, admission: None }
    }

    /// Serves a connection of which more is known by now.
    pub(crate) fn serve_as<S: Wire>(
        self: Rc<Self>,
        stream: S,
        ends: Ends,
        facts: ConnectionFacts,
    ) -> impl Future<Output = ()> {
        self.shared.counters().connections.add_one();
        connection::serve(self, stream, (ends, facts))
    }

    /// Puts TLS on a new connection to a node.
    pub(crate) async fn secure(
        &self,
        stream: D::Stream,
        node: &Node,
        (tls, offers_http2): (&NodeTls, bool),
    ) -> io::Result<D::Stream> {
        secure((&self.dial, self.errands.desk()), stream, (node, tls, offers_http2)).await
    }

    /// From now on `look` sees each transaction of this worker when it is over, after its log line.
    pub fn observe(&self, look: impl Fn(&Transaction) + 'static) {
        *self.observer.borrow_mut() = Some(Box::new(look));
    }

    /// From now on names that rules ask for are looked up so, and no longer by the system.
    pub fn look_up_with(&self, lookup: impl Lookup) {
        self.errands.look_up_with(Rc::new(lookup));
    }

    /// A transaction is over: its messages go to the process log, and whoever observes sees it.
    #[inline]
    pub(crate) fn report(&self, transaction: &Transaction) {
        for message in transaction.messages() {
            self.messages.pass_on(&message, self.clock.tick());
        }
        if let Some(observer) = &*self.observer.borrow() {
            observer(transaction);
        }
    }

    /// The catalog in force, as this worker sees it.
    #[inline]
    pub(crate) fn pinned(&self) -> Rc<Pinned> {
        let pinned = self.pinned.borrow();
        if pinned.generation == self.shared.generation() {
            return Rc::clone(&pinned);
        }
        drop(pinned);
        self.pin_anew()
    }

    #[cold]
    fn pin_anew(&self) -> Rc<Pinned> {
        // The generation is read first: a catalog that comes between is looked at again the next time.
        let generation = self.shared.generation();
        let made_with = (self.log.as_ref(), &self.errands.desk().keeper);
        let pinned = Rc::new(Pinned::new(self.shared.catalog(), generation, made_with));
        self.idle.adopt(&pinned.catalog, generation, self.workers);
        self.node_places.adopt(&pinned.catalog);
        *self.pinned.borrow_mut() = Rc::clone(&pinned);
        pinned
    }

    /// A number for a new connection, unlike that of any other of this process.
    pub(crate) fn next_connection_id(&self) -> u64 {
        let id = self.next_connection.get() + 1;
        self.next_connection.set(id);
        id
    }

    /// The identity of a request: the same for the same seed, connection and number, and spread over all values.
    #[inline]
    pub(crate) fn request_id(&self, connection: u64, number: u32) -> RequestId {
        let mut mixed = self.seed ^ connection.rotate_left(24) ^ u64::from(number);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        RequestId(mixed ^ (mixed >> 31))
    }

    #[inline]
    pub(crate) fn take_heads(&self) -> Heads {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn return_heads(&self, heads: Heads) {
        let mut kept = self.heads.borrow_mut();
        if kept.len() < KEPT_HEADS {
            kept.push(heads);
        }
    }

    /// How many client connections live.
    pub(crate) fn connections(&self) -> usize {
        self.timers.connections()
    }

    /// Frees up to `count` descriptors: idle connections to nodes, and the client connections idle longest.
    pub(crate) fn reap(&self, count: usize) -> usize {
        let nodes = self.idle.count();
        self.idle.clear();
        self.node_places.clear_idle() + nodes + self.timers.reap(count)
    }

    /// From now on connections close as soon as nothing is under way on them.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
        self.idle.clear();
        self.node_places.retire();
        self.timers.wake_all();
        if self.connections() == 0 {
            self.emptied.notify_one();
        }
    }

    /// Looks after idle connections to nodes while there are some.
    async fn sweep_idle(self: Rc<Self>) {
        loop {
            if self.idle.count() == 0 {
                self.sweep.notified().await;
            }
            self.clock.sleep_until(self.clock.tick().saturating_add(SWEEP_EVERY)).await;
            self.idle.sweep(self.clock.tick());
        }
    }

    /// Keeps a connection to a node for the next request.
    #[inline]
    pub(crate) fn keep_node(&self, place: NodePlace, stream: (D::Stream, Option<Behalf>), now: Tick) {
        if self.draining.get() {
            return;
        }
        if self.idle.count() == 0 {
            self.sweep.notify_one();
        }
        self.idle.put(place, stream, now);
    }

    async fn hand_over_lines(self: Rc<Self>) {
        let Some(log) = &self.log else { return };
        loop {
            log.has_lines.notified().await;
            self.clock.sleep_until(self.clock.tick().saturating_add(LOG_DELAY)).await;
            self.flush_log();
        }
    }

    /// Hands all lines to the writer.
    pub(crate) fn flush_log(&self) {
        if let Some(log) = &self.log {
            for batch in log.batches.borrow_mut().iter_mut() {
                log.hand_over(batch, &self.shared);
            }
        }
    }
}

impl Worker<Tcp> {
    /// Takes in a client that a listener accepted.
    pub(crate) fn welcome(self: &Rc<Self>, stream: TcpStream, ends: Ends) {
        tokio::task::spawn_local(front::arrive(Rc::clone(self), stream, ends));
    }
}

/// A worker's log lines, before they go to the writer.
pub(crate) struct Log {
    writer: LogWriter,
    batches: RefCell<Vec<Batch>>,
    has_lines: Notify,
}

struct Batch {
    target: LogTarget,
    text: Vec<u8>,
    count: u64,
}

impl Log {
    fn new(writer: LogWriter) -> Self {
        Self { writer, batches: RefCell::new(Vec::new()), has_lines: Notify::new() }
    }

    /// Appends what `write` writes: one line.
    pub(crate) fn line(&self, target: LogTarget, shared: &Shared, write: impl FnOnce(&mut Vec<u8>)) {
        let mut batches = self.batches.borrow_mut();
        let at = batches.iter().position(|batch| batch.target == target).unwrap_or_else(|| {
            batches.push(Batch { target, text: Vec::new(), count: 0 });
            batches.len() - 1
        });
        let batch = &mut batches[at];
        if batch.text.len() > HELD_LOG_BYTES_MAX {
            shared.counters().log_lines_dropped.add_one();
            return;
        }
        let was_empty = batch.text.is_empty();
        write(&mut batch.text);
        batch.count += 1;
        if batch.text.len() >= BATCH_BYTES {
            self.hand_over(batch, shared);
        }
        if was_empty {
            self.has_lines.notify_one();
        }
    }

    fn hand_over(&self, batch: &mut Batch, shared: &Shared) {
        if batch.text.is_empty() {
            return;
        }
        let (text, count) = (std::mem::take(&mut batch.text), std::mem::take(&mut batch.count));
        if let Err(text) = self.writer.write(batch.target, text, count) {
            if text.is_empty() {
                shared.counters().log_lines_dropped.add(count);
            } else {
                (batch.text, batch.count) = (text, count);
                self.has_lines.notify_one();
            }
        }
    }
}
