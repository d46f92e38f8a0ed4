//! A worker over in-memory streams on paused time: the test plays the clients and the nodes.

use engine::catalog::{Catalog, MemoryFiles, Node};
use engine::{Shared, SharedOptions, WallTime};
use proxy::{Clock, Dial, Ends, Lookup, Wakes, Watcher, Worker, WorkerSettings};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// What a pipe holds: as much as a socket of usual size.
pub(crate) const PIPE_BYTES: usize = 64 * 1024;

/// One virtual server, one pool with one node, nothing else.
pub(crate) const PLAIN: &str = "[virtual_servers.site]\nlisten = \"127.0.0.1:80\"\npool = \"nodes\"\n\
    [pools.nodes]\nnodes = [\"10.0.0.1:80\"]\n";

/// Runs a story on a clock that jumps to the next timer when nothing else can happen.
pub(crate) fn on_paused_time<F: Future<Output = ()>>(story: F) {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build_local(LocalOptions::default()).unwrap();
    runtime.block_on(story);
}

/// Lets so much of the paused time pass, timer by timer, as it would in service. Nobody sleeps.
pub(crate) async fn pass(length: Duration) {
    tokio::time::sleep_until(Instant::now() + length).await;
}

/// Reads a catalog; its rules are given by name.
pub(crate) fn catalog(text: &str, rules: &[(&str, &str)]) -> Catalog {
    let mut files = MemoryFiles::default().with("tidegate.toml", text);
    for (name, rule) in rules {
        files = files.with(format!("rules/{name}.rts"), *rule);
    }
    let loaded = Catalog::load(Path::new("tidegate.toml"), &files, engine::builtins::builtins());
    loaded.catalog.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

/// How the next attempts to reach a node go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Accepts,
    Refuses,
    Hangs,
}

/// Nodes behind in-memory pipes.
#[derive(Clone)]
pub(crate) struct Pipes {
    accepted: UnboundedSender<(String, DuplexStream)>,
    reach: Rc<dyn Fn(&str) -> Reach>,
}

impl Dial for Pipes {
    type Stream = DuplexStream;

    async fn dial(&self, node: &Node) -> io::Result<DuplexStream> {
        match (self.reach)(&node.name) {
            Reach::Accepts => {}
            Reach::Refuses => return Err(io::ErrorKind::ConnectionRefused.into()),
            Reach::Hangs => std::future::pending().await,
        }
        let (ours, theirs) = duplex(PIPE_BYTES);
        self.accepted.send((node.name.to_string(), theirs)).map_err(io::Error::other)?;
        Ok(ours)
    }
}

/// The proxy under test.
pub(crate) struct Site {
    pub(crate) worker: Rc<Worker<Pipes>>,
    pub(crate) shared: Arc<Shared>,
    nodes: RefCell<UnboundedReceiver<(String, DuplexStream)>>,
    pipes: Pipes,
    clients: Cell<u16>,
    clock: Clock,
    started: Instant,
}

impl Site {
    pub(crate) fn new(text: &str) -> Self {
        Self::with(catalog(text, &[]), |_| Reach::Accepts)
    }

    pub(crate) fn with(catalog: Catalog, reach: impl Fn(&str) -> Reach + 'static) -> Self {
        let clock = Clock::derived(WallTime(1_700_000_000_000_000));
        let wakes = Wakes::new();
        let options = SharedOptions::default();
        let shared = Shared::new(catalog, &options, Box::new(wakes.clone()), clock.now());
        let (accepted, nodes) = unbounded_channel();
        let settings = WorkerSettings {
            shared: Arc::clone(&shared),
            wakes,
            clock: clock.clone(),
            place: (0, 1),
            connections_max: 1000,
            seed: 1,
        };
        let pipes = Pipes { accepted, reach: Rc::new(reach) };
        Self {
            worker: Worker::new(settings, pipes.clone()),
            pipes,
            shared,
            nodes: RefCell::new(nodes),
            clients: Cell::new(1024),
            clock,
            started: Instant::now(),
        }
    }

    /// From now on its nodes are looked after, their names found by `lookup`.
    pub(crate) fn watch(&self, lookup: impl Lookup) {
        let dial = (self.pipes.clone(), lookup);
        tokio::task::spawn_local(Watcher::new(Arc::clone(&self.shared), self.clock.clone(), dial, 7).run());
    }

    /// A client that has just connected.
    pub(crate) fn client(&self) -> Far {
        let (ours, theirs) = duplex(PIPE_BYTES);
        self.clients.set(self.clients.get() + 1);
        let ends = Ends {
            listen: "127.0.0.1:80".parse().unwrap(),
            peer: ([192, 0, 2, 1], self.clients.get()).into(),
            local: "127.0.0.1:80".parse().unwrap(),
        };
        tokio::task::spawn_local(Rc::clone(&self.worker).serve(ours, ends));
        Far::new(theirs)
    }

    /// A client that has said something on a new connection, and the node that got its head on one.
    pub(crate) async fn asked(&self, request: &str) -> (Far, Far) {
        let mut client = self.client();
        client.say(request).await;
        let mut node = self.node().await;
        node.head().await;
        (client, node)
    }

    /// The next connection that a node gets.
    pub(crate) async fn node(&self) -> Far {
        self.named_node().await.1
    }

    #[expect(clippy::await_holding_refcell_ref, reason = "one story takes nodes, one after the other")]
    pub(crate) async fn named_node(&self) -> (String, Far) {
        let (name, stream) = self.nodes.borrow_mut().recv().await.unwrap();
        (name, Far::new(stream))
    }

    /// Whether a node was connected to and nobody has looked.
    pub(crate) fn has_more_nodes(&self) -> bool {
        !self.nodes.borrow().is_empty()
    }

    pub(crate) fn now(&self) -> engine::Now {
        self.clock.now()
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The far end of a stream: a client or a node as the test plays it.
pub(crate) struct Far {
    pub(crate) stream: DuplexStream,
    seen: Vec<u8>,
}

impl Far {
    fn new(stream: DuplexStream) -> Self {
        Self { stream, seen: Vec::new() }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads up to and with `end`; what comes behind it is kept.
    pub(crate) async fn hear_until(&mut self, end: &str) -> String {
        let mut piece = vec![0; 16 * 1024];
        loop {
            if let Some(at) = find(&self.seen, end.as_bytes()) {
                let rest = self.seen.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.seen, rest)).unwrap();
            }
            let count = self.stream.read(&mut piece).await.unwrap_or(0);
            let seen = String::from_utf8_lossy(&self.seen);
            assert!(count > 0, "the stream ended while waiting for {end:?}; it said {seen:?}");
            self.seen.extend_from_slice(&piece[..count]);
        }
    }

    /// A head, with its empty line.
    pub(crate) async fn head(&mut self) -> String {
        self.hear_until("\r\n\r\n").await
    }

    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut piece = vec![0; 16 * 1024];
        while self.seen.len() < count {
            let read = self.stream.read(&mut piece).await.unwrap_or(0);
            assert!(read > 0, "the stream ended {} bytes early", count - self.seen.len());
            self.seen.extend_from_slice(&piece[..read]);
        }
        let rest = self.seen.split_off(count);
        std::mem::replace(&mut self.seen, rest)
    }

    /// What came behind what was heard.
    pub(crate) fn take_seen(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.seen)
    }

    /// Whatever comes next, and how much it was.
    pub(crate) async fn some(&mut self) -> usize {
        if !self.seen.is_empty() {
            return std::mem::take(&mut self.seen).len();
        }
        let count = self.stream.read(&mut vec![0; 64 * 1024]).await.unwrap();
        assert!(count > 0, "the stream ended");
        count
    }

    /// Everything up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> String {
        // A stream that is broken off has said what it said.
        let _broken = self.stream.read_to_end(&mut self.seen).await;
        String::from_utf8(std::mem::take(&mut self.seen)).unwrap()
    }

    /// Everything up to the end of a stream that says more than text.
    pub(crate) async fn rest_of_bytes(&mut self) -> Vec<u8> {
        let _broken = self.stream.read_to_end(&mut self.seen).await;
        std::mem::take(&mut self.seen)
    }

    /// Says that nothing more comes.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

pub(crate) const GET: &str = "GET /a HTTP/1.1\r\nHost: site.example\r\n\r\n";
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
