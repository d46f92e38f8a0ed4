//! The running proxy: worker threads, the sockets they listen on, and what can be told to them while they run.

use crate::clock::Clock;
use crate::errands::Desk;
use crate::listener::{ListenError, Listener, bind};
use crate::log_writer::{LogOpenError, LogWriter};
use crate::node::connect::Tcp;
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
        let (log, log_thread) = LogWriter::start(Arc::clone(&shared)).map_err(StartError::Worker)?;
        let mut running = Running {
            workers: Vec::new(),
            listeners: BTreeMap::new(),
            log,
            log_thread: Some(log_thread),
            clock: clock.clone(),
            shared,
            desk: Desk::new(),
        };
        let seed = RandomState::new().hash_one(0_u8);
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
        let opened = running.open_listeners(&catalog)?;
        running.hand_out(opened);
        Ok(running)
    }
}

/// A proxy that serves. Dropping it stops it at once; [`Running::stop`] does so gently.
pub struct Running {
    workers: Vec<Thread>,
    /// Where we listen: as the catalog says it, and as it came out (port 0 takes a free one).
    listeners: BTreeMap<SocketAddr, SocketAddr>,
    log: LogWriter,
    log_thread: Option<JoinHandle<()>>,
    clock: Clock,
    shared: Arc<Shared>,
    desk: Arc<Desk>,
}

/// Sockets that are bound and not yet served: for each address what came out, and one for each worker.
type Opened = Vec<(SocketAddr, SocketAddr, Vec<StdListener>)>;

impl Running {
    /// Puts a new catalog in force. Addresses that stay keep their sockets, so no client notices; new ones are opened
    /// first, and only if all could be, anything changes.
    ///
    /// # Errors
    /// As [`Proxy::start`]; the old catalog goes on serving then.
    pub fn adopt(&mut self, catalog: Catalog) -> Result<(), StartError> {
        self.open_logs(&catalog)?;
        let opened = self.open_listeners(&catalog)?;
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
        self.listeners.iter().map(|(configured, bound)| (*configured, *bound))
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
        self.end(grace);
    }

    fn end(&mut self, grace: Duration) {
        self.tell(|| Command::Stop { grace });
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

    fn open_listeners(&self, catalog: &Catalog) -> Result<Opened, StartError> {
        let mut opened = Opened::new();
        let mut failed = Vec::new();
        for address in catalog.listeners() {
            if self.listeners.contains_key(&address) {
                continue;
            }
            match bind(address, self.workers.len()) {
                Ok((bound, sockets)) => opened.push((address, bound, sockets)),
                Err(error) => failed.push(error),
            }
        }
        if failed.is_empty() { Ok(opened) } else { Err(StartError::Listen(failed)) }
    }

    fn hand_out(&mut self, opened: Opened) {
        for (configured, bound, sockets) in opened {
            self.listeners.insert(configured, bound);
            self.desk.own.add(bound.port());
            for (worker, socket) in self.workers.iter().zip(sockets) {
                let _gone = worker.commands.send(Command::Listen { configured, socket });
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}

/// What a worker is told.
enum Command {
    Listen { configured: SocketAddr, socket: StdListener },
    Unlisten(SocketAddr),
    Stop { grace: Duration },
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
            let runtime =
                match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
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
    let dial = Tcp::new(settings.clock.clone());
    let worker = Worker::with_log(settings, dial, (Some(log), desk));
    let mut ends: HashMap<SocketAddr, Rc<Notify>> = HashMap::new();
    let grace = loop {
        match commands.recv().await {
            Some(Command::Listen { configured, socket }) => match Listener::adopt(configured, socket) {
                Ok(listener) => {
                    ends.insert(configured, Rc::clone(&listener.end));
                    tokio::task::spawn_local(listener.run(Rc::clone(&worker)));
                }
                Err(error) => tracing::error!(%configured, %error, "a worker cannot listen"),
            },
            Some(Command::Unlisten(configured)) => {
                if let Some(end) = ends.remove(&configured) {
                    end.notify_one();
                }
            }
            Some(Command::Stop { grace }) => break grace,
            None => break Duration::ZERO,
        }
    };
    for end in ends.into_values() {
        end.notify_one();
    }
    // The listeners take in what waits in their queues first.
    tokio::task::yield_now().await;
    worker.drain();
    until_empty(&worker, grace).await;
    worker.timers.cut_all();
    until_empty(&worker, CUT_TIME).await;
    worker.flush_log();
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
