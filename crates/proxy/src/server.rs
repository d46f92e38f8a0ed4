//! The running proxy: worker threads, the sockets they listen on, and what can be told to them while they run.

use crate::clock::Clock;
use crate::errands::{Desk, WAITING_THREADS_MAX};
use crate::listener::{ListenError, Listener, ListeningSockets, open, shares};
use crate::log_writer::{LogOpenError, LogWriter};
use crate::node::connect::Tcp;
use crate::node::watcher::Watching;
use crate::pulse::Pulse;
use crate::wakes::Wakes;
use crate::worker::{Worker, WorkerSettings};
use engine::Shared;
use engine::catalog::Catalog;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long connections that were told to break off get to do so.
const CUT_TIME: Duration = Duration::from_millis(500);
/// Client connections held at most, unless said otherwise: a socket with its task takes some 5 KiB.
const CONNECTIONS_MAX: usize = 100_000;

/// What is fixed when the proxy starts.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads that serve connections.
    pub workers: NonZeroUsize,
    /// Client connections held at most, by all workers together. When they are all taken, the ones idle longest make
    /// room, and if there are none, newcomers get 503.
    pub connections_max: usize,
}

impl Options {
    /// One worker for each processor, 100,000 connections. Where the limit of open files is lower, that one is felt
    /// first, and idle connections make room in the same way.
    pub fn for_this_machine() -> Self {
        Self {
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            connections_max: CONNECTIONS_MAX,
        }
    }
}

/// Why the proxy does not start, or does not take a new catalog.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Addresses that cannot be listened on; all of them.
    #[error("{}", all(.0))]
    Listen(Vec<ListenError>),
    /// A log file that cannot be opened.
    #[error(transparent)]
    Log(#[from] LogOpenError),
    /// The system gives no thread or no event queue.
    #[error("cannot start a worker: {0}")]
    Worker(io::Error),
}

fn all(errors: &[ListenError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The door for starting: see [`Proxy::start`].
#[derive(Debug)]
pub struct Proxy;

impl Proxy {
    /// Listens on all addresses of the catalog in `shared` and serves, until [`Running::stop`]. `wakes` is the table
    /// that `shared` was made with, `clock` the one its first `now` came from.
    ///
    /// # Errors
    /// An address or a log cannot be opened, or the system gives no thread. Nothing is left running then.
    pub fn start(
        shared: Arc<Shared>,
        (wakes, clock): (Wakes, Clock),
        options: Options,
    ) -> Result<Running, StartError> {
        Ok(Self::prepare(shared, (wakes, clock), options, Vec::new())?.serve())
    }

    /// As [`Self::start`], but nobody is accepted yet: clients wait in the queues of the sockets. Addresses of the
    /// catalog that are among `inherited` are not opened; inherited sockets that no address of the catalog has are
    /// closed.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn prepare(
        shared: Arc<Shared>,
        (wakes, clock): (Wakes, Clock),
        options: Options,
        inherited: Vec<ListeningSockets>,
    ) -> Result<Prepared, StartError> {
        let (log, log_thread) = LogWriter::start(Arc::clone(&shared)).map_err(StartError::Worker)?;
        let mut running = Running {
            workers: Vec::new(),
            listeners: BTreeMap::new(),
            log,
            log_thread: Some(log_thread),
            clock: clock.clone(),
            shared,
            desk: Desk::new(),
            watching: None,
        };
        let seed = RandomState::new().hash_one(0_u8);
        let watched = (Arc::clone(&running.shared), clock.clone(), Arc::clone(&running.desk));
        running.watching = Some(Watching::start(watched, seed).map_err(StartError::Worker)?);
        let count = options.workers.get();
        for index in 0..count {
            let settings = WorkerSettings {
                shared: Arc::clone(&running.shared),
                wakes: wakes.clone(),
                clock: clock.clone(),
                place: (index, count),
                connections_max: options.connections_max.div_ceil(count),
                seed,
            };
            running.workers.push(
                Thread::start(settings, (running.log.clone(), Arc::clone(&running.desk)))
                    .map_err(StartError::Worker)?,
            );
        }
        let catalog = running.shared.catalog();
        running.open_logs(&catalog)?;
        let opened = running.open_listeners(&catalog, inherited)?;
        Ok(Prepared { running, opened })
    }
}

/// A proxy that could serve at once: everything that may fail has been done.
pub struct Prepared {
    running: Running,
    opened: Vec<Opened>,
}

impl Prepared {
    /// From now on clients are accepted.
    pub fn serve(self) -> Running {
        let Self { mut running, opened } = self;
        running.hand_out(opened);
        running
    }
}

/// A proxy that serves. Dropping it stops it at once; [`Running::stop`] does so gently.
pub struct Running {
    workers: Vec<Thread>,
    /// By address as the catalog says it.
    listeners: BTreeMap<SocketAddr, Bound>,
    log: LogWriter,
    log_thread: Option<JoinHandle<()>>,
    clock: Clock,
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    /// Looks after the nodes as long as we serve.
    watching: Option<Watching>,
}

/// Where we listen.
struct Bound {
    /// As it came out: port 0 takes a free one.
    address: SocketAddr,
    /// Kept to be handed over; each worker has copies of its own.
    sockets: Vec<StdListener>,
}

/// Sockets that are bound and not yet served.
struct Opened {
    configured: SocketAddr,
    bound: Bound,
    /// Those of each worker.
    shares: Vec<Vec<StdListener>>,
}

impl Running {
    /// Puts a new catalog in force. Addresses that stay keep their sockets, so no client notices; new ones are opened
    /// first, and only if all could be, anything changes.
    ///
    /// # Errors
    /// As [`Proxy::start`]; the old catalog goes on serving then.
    pub fn adopt(&mut self, catalog: Catalog) -> Result<(), StartError> {
        self.open_logs(&catalog)?;
        let opened = self.open_listeners(&catalog, Vec::new())?;
        let wanted = catalog.listeners();
        self.shared.adopt(catalog, self.clock.now());
        self.hand_out(opened);
        let gone: Vec<SocketAddr> =
            self.listeners.keys().filter(|address| !wanted.contains(address)).copied().collect();
        for address in gone {
            self.listeners.remove(&address);
            self.tell(|| Command::Unlisten(address));
        }
        Ok(())
    }

    /// Where it listens: each address as the catalog names it, and as it came out.
    pub fn addresses(&self) -> impl Iterator<Item = (SocketAddr, SocketAddr)> {
        self.listeners.iter().map(|(configured, bound)| (*configured, bound.address))
    }

    /// Copies of all listening sockets, to be handed to another process.
    ///
    /// # Errors
    /// Descriptors ran out.
    pub fn sockets(&self) -> io::Result<Vec<ListeningSockets>> {
        let copies =
            |bound: &Bound| bound.sockets.iter().map(StdListener::try_clone).collect::<io::Result<_>>();
        self.listeners
            .iter()
            .map(|(configured, bound)| {
                Ok(ListeningSockets { configured: *configured, sockets: copies(bound)? })
            })
            .collect()
    }

    /// How many threads serve connections.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Asks all workers for a sign of life.
    pub fn pulse(&self) -> Arc<Pulse> {
        let pulse = Pulse::of(self.workers.len());
        self.tell(|| Command::Beat(Arc::clone(&pulse)));
        pulse
    }

    /// The state that it serves by.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The clock that all its moments come from.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Opens all log files again, after they were moved away.
    pub fn reopen_logs(&self) {
        self.log.reopen();
    }

    /// Stops: accepts nobody any more, closes idle connections, lets what is under way finish until `grace` is over,
    /// breaks off the rest, writes all log lines. Returns when all is done, `grace` and a second at the most later.
    pub fn stop(mut self, grace: Duration) {
        self.end(Stop { grace, heir: Heir::None });
    }

    /// As [`Self::stop`], when another process accepts from the same sockets: who waits in their queues is left to it,
    /// and idle connections are not closed before their time, so that no request crosses with the end of its
    /// connection. The next answer on each of them closes it.
    pub fn leave_to_heir(mut self, grace: Duration) {
        self.end(Stop { grace, heir: Heir::Accepts });
    }

    /// A way to shorten the grace of a stop that has begun.
    pub fn hurry(&self) -> Hurry {
        Hurry(self.workers.iter().map(|worker| worker.commands.clone()).collect())
    }

    fn end(&mut self, stop: Stop) {
        // Only the workers' copies are left: once they are closed, nobody waits in a queue that nobody serves.
        self.listeners.clear();
        self.tell(|| Command::Stop(stop));
        self.watching = None;
        for worker in self.workers.drain(..) {
            if let Some(thread) = worker.thread
                && thread.join().is_err()
            {
                tracing::error!("a worker ended in a defect");
            }
        }
        self.log.stop();
        if let Some(thread) = self.log_thread.take() {
            let _ended = thread.join();
        }
    }

    fn tell(&self, command: impl Fn() -> Command) {
        for worker in &self.workers {
            // A worker that is gone needs not be told.
            let _gone = worker.commands.send(command());
        }
    }

    fn open_logs(&self, catalog: &Catalog) -> Result<(), LogOpenError> {
        for log in catalog.virtual_servers.iter().filter_map(|server| server.access_log.as_ref()) {
            self.log.open(&log.destination)?;
        }
        Ok(())
    }

    fn open_listeners(
        &self,
        catalog: &Catalog,
        mut inherited: Vec<ListeningSockets>,
    ) -> Result<Vec<Opened>, StartError> {
        let mut opened = Vec::new();
        let mut failed = Vec::new();
        let count = self.workers.len();
        for configured in catalog.listeners() {
            if self.listeners.contains_key(&configured) {
                continue;
            }
            let known = inherited.iter().position(|sockets| sockets.configured == configured);
            let known = known.map(|at| inherited.swap_remove(at).sockets);
            let listening = open(configured, known, count).and_then(|(address, sockets)| {
                let shares = shares(&sockets, count).map_err(|error| ListenError { address, error })?;
                Ok(Opened { configured, bound: Bound { address, sockets }, shares })
            });
            match listening {
                Ok(listening) => opened.push(listening),
                Err(error) => failed.push(error),
            }
        }
        if failed.is_empty() { Ok(opened) } else { Err(StartError::Listen(failed)) }
    }

    fn hand_out(&mut self, opened: Vec<Opened>) {
        for Opened { configured, bound, shares } in opened {
            self.desk.own.add(bound.address.port());
            self.listeners.insert(configured, bound);
            for (worker, sockets) in self.workers.iter().zip(shares) {
                let _gone = worker.commands.send(Command::Listen { configured, sockets });
            }
        }
    }
}

/// Shortens the grace of a stop that has begun.
pub struct Hurry(Vec<UnboundedSender<Command>>);

impl Hurry {
    /// What is under way has this long from now on, if not less; idle connections close at once.
    pub fn up(&self, grace: Duration) {
        for worker in &self.0 {
            // A worker that is gone needs not be told.
            let _gone = worker.send(Command::Stop(Stop { grace, heir: Heir::None }));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(Stop { grace: Duration::ZERO, heir: Heir::None });
    }
}

/// What a worker is told.
enum Command {
    Listen { configured: SocketAddr, sockets: Vec<StdListener> },
    Unlisten(SocketAddr),
    Beat(Arc<Pulse>),
    Stop(Stop),
}

/// How it ends.
#[derive(Clone, Copy)]
struct Stop {
    grace: Duration,
    heir: Heir,
}

/// Who has the listening sockets when we stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heir {
    None,
    Accepts,
}

/// A worker's thread.
struct Thread {
    commands: UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    fn start(settings: WorkerSettings, log: (LogWriter, Arc<Desk>)) -> io::Result<Self> {
        let (commands, received) = unbounded_channel();
        let name = format!("worker-{}", settings.place.0);
        let (answer, started) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let mut builder = Builder::new_current_thread();
            builder.enable_all().max_blocking_threads(WAITING_THREADS_MAX);
            let runtime = match builder.build_local(LocalOptions::default()) {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _nobody = answer.send(Err(error));
                    return;
                }
            };
            let _nobody = answer.send(Ok(()));
            runtime.block_on(work(settings, log, received));
        })?;
        started.recv().unwrap_or_else(|_| Err(io::Error::other("the worker ended at once")))?;
        Ok(Self { commands, thread: Some(thread) })
    }
}

/// A worker's life.
async fn work(
    settings: WorkerSettings,
    (log, desk): (LogWriter, Arc<Desk>),
    mut commands: UnboundedReceiver<Command>,
) {
    let dial = Tcp::with_names(settings.clock.clone(), Arc::clone(&desk.names));
    let worker = Worker::with_log(settings, dial, (Some(log), desk));
    let mut ends: HashMap<SocketAddr, Vec<Rc<Notify>>> = HashMap::new();
    let Stop { grace, heir } = loop {
        match commands.recv().await {
            Some(Command::Listen { configured, sockets }) => {
                for socket in sockets {
                    match Listener::adopt(configured, socket) {
                        Ok(listener) => {
                            ends.entry(configured).or_default().push(Rc::clone(&listener.end));
                            tokio::task::spawn_local(listener.run(Rc::clone(&worker)));
                        }
                        Err(error) => tracing::error!(%configured, %error, "a worker cannot listen"),
                    }
                }
            }
            Some(Command::Unlisten(configured)) => {
                ends.remove(&configured).into_iter().flatten().for_each(|end| end.notify_one());
            }
            Some(Command::Beat(pulse)) => pulse.answer(worker.connections()),
            Some(Command::Stop(stop)) => break stop,
            None => break Stop { grace: Duration::ZERO, heir: Heir::None },
        }
    };
    worker.has_heir.set(heir == Heir::Accepts);
    ends.into_values().flatten().for_each(|end| end.notify_one());
    // The listeners take in what waits in their queues first.
    tokio::task::yield_now().await;
    worker.drain();
    drained(&worker, grace, &mut commands).await;
    worker.timers.cut_all();
    until_empty(&worker, CUT_TIME).await;
    worker.flush_log();
}

/// Until no connection is left, or the grace is over, which may be shortened.
async fn drained(worker: &Worker, grace: Duration, commands: &mut UnboundedReceiver<Command>) {
    let mut until = worker.clock.tick().saturating_add(grace);
    while worker.connections() > 0 {
        tokio::select! {
            biased;
            () = worker.emptied.notified() => {}
            () = worker.clock.sleep_until(until) => return,
            Some(command) = commands.recv() => match command {
                Command::Stop(Stop { grace, heir }) => {
                    until = until.min(worker.clock.tick().saturating_add(grace));
                    worker.has_heir.set(heir == Heir::Accepts);
                    worker.drain();
                }
                Command::Beat(pulse) => pulse.answer(worker.connections()),
                Command::Listen { .. } | Command::Unlisten(_) => {}
            }
        }
    }
}

/// Until no connection is left, or `patience` is over.
async fn until_empty(worker: &Worker, patience: Duration) {
    let until = worker.clock.tick().saturating_add(patience);
    while worker.connections() > 0 {
        tokio::select! {
            biased;
            () = worker.emptied.notified() => {}
            () = worker.clock.sleep_until(until) => return,
        }
    }
}
