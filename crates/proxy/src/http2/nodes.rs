//! Connections of HTTP/2 to nodes: several requests of this worker share one, a WebSocket has one for itself. A node that
//! does not read what one tunnel sends would soon have given all the connection may send (RFC 9113, 5.2.2), and the others
//! on it would stand still.
//!
//! A connection is driven by a task of its own. It takes no more streams when the node says GOAWAY, when it spends more
//! than it may, when a request on it got no answer in time, and when it was idle for long; those that run go on, except
//! after a breach.

use super::connection::FIELD_LIST_BYTES_MAX;
use super::ledger::Ledger;
use super::onward::NodeStream;
use super::sending::UNWRITTEN_BYTES_MAX;
use super::tap::Tap;
use crate::clock::Clock;
use crate::node::connect::Dial;
use crate::node::idle::IDLE_MAX;
use crate::wire::Wire;
use crate::worker::Worker;
use bytes::Bytes;
use engine::catalog::{Catalog, Node, Pool};
use h2::Reason;
use h2::client::{Builder, SendRequest};
use http2::Breach;
use shaping::Tick;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Mutex;

/// Requests on one connection at once, if the node allows as many.
const STREAMS_MAX: usize = 100;
/// What a node may send of one answer before its client has taken it.
const WINDOW_BYTES: u32 = 64 * 1024;
/// All windows of a connection: one slow client holds up no other.
const CONNECTION_WINDOW_BYTES: u32 = 100 * WINDOW_BYTES;
/// Streams of a connection that the library may reset because of what the node sends.
const FAULTS_MAX: usize = 100;
/// How long nobody asks for a WebSocket in HTTP/2 after a connection that ended before its settings.
const LOST_PAUSE: Duration = Duration::from_secs(1);
/// How often breaches of one node are logged.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// GOAWAY, no stream of the node's, ENHANCE_YOUR_CALM.
const FAREWELL: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11];

/// A node as it is spoken to: its name, and the settings of TLS.
type Key = (Arc<str>, Option<[u8; 32]>);

/// The nodes of one worker that are asked in HTTP/2.
#[derive(Default)]
pub(crate) struct NodePlaces(RefCell<HashMap<Key, Rc<SharedNode>>>);

fn key(pool: &Pool, node: &Node) -> Key {
    (Arc::clone(&node.name), pool.tls.as_ref().map(|tls| tls.settings))
}

impl NodePlaces {
    /// The place of this node.
    pub(crate) fn place(&self, pool: &Pool, node: &Node) -> Rc<SharedNode> {
        let mut places = self.0.borrow_mut();
        let place = places.entry(key(pool, node)).or_default();
        place.keeps_idle.set(pool.max_idle_connections_pernode > 0);
        Rc::clone(place)
    }

    /// Takes up a new catalog: connections to nodes that are not asked so any more take no more requests.
    pub(crate) fn adopt(&self, catalog: &Catalog) {
        let pools = || catalog.pools.iter().filter(|pool| pool.http2);
        self.0.borrow_mut().retain(|at, place| {
            let stays = pools().any(|pool| pool.nodes.iter().any(|node| key(pool, node) == *at));
            if !stays {
                place.retire();
            }
            stays
        });
    }

    /// Closes what nothing is under way on; how many.
    pub(crate) fn clear_idle(&self) -> usize {
        self.0.borrow().values().map(|place| place.retire_idle()).sum()
    }

    /// No connection takes more requests.
    pub(crate) fn retire(&self) {
        self.0.borrow().values().for_each(|place| place.retire());
    }
}

/// One node, and the connections to it.
#[derive(Default)]
pub(crate) struct SharedNode {
    lines: RefCell<Vec<Rc<Line>>>,
    /// Held by who makes a connection: others wait for it, as it may do for them as well.
    pub(crate) making: Mutex<()>,
    /// The handshake agreed on HTTP/1.1 the last time.
    pub(crate) speaks_http1: Cell<bool>,
    keeps_idle: Cell<bool>,
    /// It was found to take no WebSockets, and is not asked again before.
    websockets_from: Cell<Tick>,
    /// When the next breach may be logged.
    tells_from: Cell<Tick>,
}

impl SharedNode {
    /// A stream on a connection that has room for one.
    pub(crate) fn stream(&self) -> Option<NodeStream> {
        let lines = self.lines.borrow();
        lines.iter().find(|line| line.has_room()).map(|line| NodeStream::new(Rc::clone(line)))
    }

    /// The same, or for a tunnel one on a connection that nobody uses and on which the node is known to take WebSockets.
    pub(crate) fn stream_for(&self, is_tunnel: bool) -> Option<NodeStream> {
        if !is_tunnel {
            return self.stream();
        }
        let lines = self.lines.borrow();
        let free = |line: &&Rc<Line>| line.ledger.running() == 0 && line.has_room();
        let line = lines.iter().filter(free).find(|line| line.takes_websockets() == Some(true))?;
        Some(NodeStream::alone(Rc::clone(line)))
    }

    /// Speaks HTTP/2 on a connection that was just made, and gives its first stream.
    pub(crate) async fn begin<D: Dial>(
        self: &Rc<Self>,
        worker: &Worker<D>,
        stream: D::Stream,
        (is_tls, node): (bool, &Node),
    ) -> io::Result<NodeStream> {
        self.speaks_http1.set(false);
        let ledger = Rc::new(Ledger::of_node(FIELD_LIST_BYTES_MAX));
        let ends = stream.ends();
        let tap = Tap::of_node(stream, Rc::clone(&ledger), worker.clock.clone());
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(FIELD_LIST_BYTES_MAX)
            .max_send_buffer_size(UNWRITTEN_BYTES_MAX)
            .initial_max_send_streams(STREAMS_MAX)
            .max_local_error_reset_streams(Some(FAULTS_MAX));
        let (sender, connection) = builder.handshake::<_, Bytes>(tap).await.map_err(io::Error::other)?;
        let line = Rc::new(Line {
            sender: RefCell::new(Some(sender)),
            idle_since: Cell::new(worker.clock.tick()),
            place: Rc::downgrade(self),
            clock: worker.clock.clone(),
            scheme: if is_tls { "https" } else { "http" },
            ledger,
            is_taken: Cell::new(false),
            ends,
            node: Arc::clone(&node.name),
        });
        worker.shared.counters().node_http2_connections.add_one();
        self.lines.borrow_mut().push(Rc::clone(&line));
        tokio::task::spawn_local(drive(Rc::clone(&line), connection, {
            let shared = Arc::clone(&worker.shared);
            move |line: &Line, why| {
                shared.counters().node_http2_breaches.add_one();
                line.tell(why);
            }
        }));
        Ok(NodeStream::new(line))
    }

    /// Whether it may take WebSockets: it did, or nobody has asked lately.
    pub(crate) fn may_take_websockets(&self, now: Tick) -> bool {
        self.websockets_from.get() <= now
    }

    fn retire(&self) {
        for line in self.lines.take() {
            line.retire();
        }
    }

    fn retire_idle(&self) -> usize {
        let mut lines = self.lines.borrow_mut();
        let before = lines.len();
        lines.retain(|line| {
            let is_busy = line.ledger.running() > 0;
            if !is_busy {
                line.retire();
            }
            is_busy
        });
        before - lines.len()
    }
}

/// One connection.
pub(super) struct Line {
    /// `None`: it takes no more streams.
    sender: RefCell<Option<SendRequest<Bytes>>>,
    pub(super) ledger: Rc<Ledger>,
    /// A tunnel has it for itself.
    pub(super) is_taken: Cell<bool>,
    idle_since: Cell<Tick>,
    place: Weak<SharedNode>,
    clock: Clock,
    pub(super) scheme: &'static str,
    pub(super) ends: Option<(SocketAddr, SocketAddr)>,
    node: Arc<str>,
}

impl Line {
    fn has_room(&self) -> bool {
        let sender = self.sender.borrow();
        let Some(sender) = &*sender else { return false };
        let most = sender.current_max_send_streams().min(STREAMS_MAX);
        !self.is_taken.get()
            && !self.ledger.is_told_to_go()
            && self.ledger.breach().is_none()
            && (self.ledger.running() as usize) < most
    }

    /// To ask on; `None` when it takes no more streams.
    pub(super) fn sender(&self) -> Option<SendRequest<Bytes>> {
        self.sender.borrow().clone()
    }

    /// It takes no more streams; when the last one is over it ends.
    pub(super) fn retire(&self) {
        drop(self.sender.take());
        self.ledger.wake();
    }

    /// Whether the node takes WebSockets here; `None` as long as its settings have not come.
    pub(super) fn takes_websockets(&self) -> Option<bool> {
        let is_known = self.ledger.has_settings();
        is_known.then(|| self.sender().is_some_and(|sender| sender.is_extended_connect_protocol_enabled()))
    }

    /// The node was found to take no WebSockets: for a while nobody asks it. Many may have done so at once, each on a
    /// connection of its own, and are not all wanted for something else.
    pub(super) fn note_no_websockets(&self) {
        if let Some(place) = self.place.upgrade() {
            // A connection that was lost is no word of the node.
            let pause = if self.sender().is_some() { IDLE_MAX } else { LOST_PAUSE };
            if place.lines.borrow().len() > 1 {
                self.retire();
            }
            place.websockets_from.set(self.clock.tick().saturating_add(pause));
        }
    }

    /// One of its streams is over.
    pub(super) fn stream_is_over(&self) {
        self.idle_since.set(self.clock.tick());
        self.ledger.stream_is_over();
        let keeps_idle = self.place.upgrade().is_some_and(|place| place.keeps_idle.get());
        if self.ledger.running() == 0 && !keeps_idle {
            self.retire();
        }
    }

    /// Logs a breach, not more than one a second for each node.
    fn tell(&self, why: &'static str) {
        let Some(place) = self.place.upgrade() else { return };
        let now = self.clock.tick();
        if place.tells_from.replace(now.saturating_add(TELL_EVERY)) <= now {
            tracing::warn!(target: "node", node = &*self.node, why, "a node spends more than it may in HTTP/2");
        }
    }
}

/// Whether the library ended the connection for what the node spent.
fn is_calming(error: &h2::Error) -> bool {
    error.is_library() && error.reason() == Some(Reason::ENHANCE_YOUR_CALM)
}

/// Reads and writes until the connection is over.
async fn drive<S: Wire>(
    line: Rc<Line>,
    mut connection: h2::client::Connection<Tap<S>, Bytes>,
    tell: impl FnOnce(&Line, &'static str),
) {
    let mut tell = Some(tell);
    loop {
        let since = if line.ledger.running() == 0 { line.idle_since.get() } else { line.clock.tick() };
        let running = poll_fn(|context| {
            line.ledger.watch(context);
            let over = Pin::new(&mut connection).poll(context);
            let breach = match &over {
                Poll::Ready(Err(error)) if is_calming(error) => Some("library"),
                _ => line.ledger.breach().map(Breach::code),
            };
            if let (Some(breach), Some(tell)) = (breach, tell.take_if(|_| breach.is_some())) {
                tell(&line, breach);
            }
            if over.is_ready() {
                return Poll::Ready(());
            }
            if breach.is_none() {
                return Poll::Pending;
            }
            // It is told once; whoever does not read it finds the connection closed.
            line.ledger.windows.borrow_mut().say(&FAREWELL);
            let _over = Pin::new(&mut connection).poll(context);
            Poll::Ready(())
        });
        tokio::select! {
            biased;
            () = running => break,
            () = line.clock.sleep_until(since.saturating_add(IDLE_MAX)) => {}
        }
        if line.ledger.running() == 0 && line.idle_since.get().saturating_add(IDLE_MAX) <= line.clock.tick() {
            if line.sender().is_none() {
                // It was told to end, and does not take that in.
                break;
            }
            line.idle_since.set(line.clock.tick());
            line.retire();
        }
    }
    drop(line.sender.take());
    line.ledger.is_over();
    if let Some(place) = line.place.upgrade() {
        place.lines.borrow_mut().retain(|other| !Rc::ptr_eq(other, &line));
    }
}
