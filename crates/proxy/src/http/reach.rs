//! A way to a node: a new connection, or room on one that requests share.

use super::body::is_out_of_descriptors;
use super::exchange::{Exchange, Gone};
use super::node_side::Miss;
use crate::http2::{SharedNode, websocket};
use crate::node::announce::{Behalf, announce};
use crate::node::connect::Dial;
use crate::node::wire::NodeWire;
use crate::timers::Alarm;
use crate::wire::{Broken, Wire};
use crate::worker::Worker;
use engine::catalog::{Catalog, Node, Pool, ProxyHeader};
use engine::{ErrorKind, NodeIndex, Progress, TransactionError};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

/// Client connections closed when a node cannot be reached for want of descriptors.
const REAPED_FOR_NODE: usize = 8;

impl<S: Wire, D: Dial> Exchange<'_, S, D> {
    /// For whom we speak, where nodes are told so at the start of a connection: the client as rules and logs know it.
    /// Its port is known where it is the connection's own.
    #[inline]
    pub(super) fn behalf(&self, pool: &Pool) -> Option<Behalf> {
        if pool.proxy_protocol == ProxyHeader::Off {
            return None;
        }
        let facts = self.client.connection.facts();
        let address = self.transaction.client();
        let is_own = address == facts.peer.ip().to_canonical();
        let client = SocketAddr::new(address, if is_own { facts.peer.port() } else { 0 });
        Some(Behalf { client, local: facts.local, connection: facts.id })
    }

    /// Where the node is asked in HTTP/2. A change of protocol needs a connection of its own, except for a WebSocket
    /// that the node may take; so does a node that only a rule has named, or that is told at the start of a connection
    /// for whom we speak.
    pub(super) fn shared_node(&self, pool: &Pool, index: NodeIndex) -> Option<Rc<SharedNode>> {
        let is_own = index == NodeIndex::NAMED || pool.proxy_protocol != ProxyHeader::Off;
        let is_tunnel = self.terms.upgrade;
        if !pool.http2 || is_own || is_tunnel && !websocket::is_asked_for(self.transaction.request()) {
            return None;
        }
        let place = self.worker.node_places.place(pool, pool.nodes.get(index.index())?);
        let now = self.worker.clock.tick();
        Some(place).filter(|place| !is_tunnel || place.may_take_websockets(now))
    }

    /// A connection to the node, or room on one that was made meanwhile.
    pub(super) async fn connect(
        &mut self,
        (pool, behalf): (&Pool, Option<Behalf>),
        (index, shared): (NodeIndex, Option<&Rc<SharedNode>>),
    ) -> Result<NodeWire<D::Stream>, Miss> {
        let failed = |kind| {
            let error = TransactionError { kind, progress: Progress::NothingSent };
            Err(Miss::Failed { error, reused: false })
        };
        let Some(node) = self.transaction.node(pool, index) else { return failed(ErrorKind::NoNode) };
        let until = self.worker.clock.tick().saturating_add(pool.max_connect_time).min(self.ceiling);
        self.client.watch.set(until);
        let mut has_reaped = false;
        let (worker, is_tunnel) = (self.worker, self.terms.upgrade);
        let way = Way { worker, catalog: &self.request.pinned.catalog, pool, node, index, is_tunnel };
        loop {
            let mut dialled = pin!(async {
                let mut shared = shared;
                loop {
                    let wire = way.dial(behalf, shared).await?;
                    match &wire {
                        NodeWire::Other(stream) if is_tunnel && !stream.takes_websockets().await => {
                            shared = None;
                        }
                        _ => return Ok(wire),
                    }
                }
            });
            let dialled = poll_fn(|context| match dialled.as_mut().poll(context) {
                Poll::Ready(dialled) => Poll::Ready(dialled.map_err(Broken::Io)),
                Poll::Pending => self.client.watch.poll_alarm(context).map(|alarm| Err(Broken::Alarm(alarm))),
            });
            match dialled.await {
                Ok(stream) => {
                    self.now = self.worker.clock.now();
                    return Ok(stream);
                }
                Err(Broken::Io(error)) if is_out_of_descriptors(&error) && !has_reaped => {
                    has_reaped = true;
                    self.worker.reap(REAPED_FOR_NODE);
                    tokio::task::yield_now().await;
                }
                Err(Broken::Io(_) | Broken::Ended) => return failed(ErrorKind::NodeRefused),
                Err(Broken::Alarm(Alarm::Deadline)) => {
                    return failed(self.or_too_long(ErrorKind::NodeConnectTimeout));
                }
                Err(Broken::Alarm(_)) => return Err(Miss::Gone(Gone::Stopped)),
            }
        }
    }
}

/// Where a connection is made to.
struct Way<'a, D: Dial> {
    worker: &'a Worker<D>,
    catalog: &'a Arc<Catalog>,
    pool: &'a Pool,
    node: &'a Node,
    index: NodeIndex,
    is_tunnel: bool,
}

impl<D: Dial> Way<'_, D> {
    /// A connection to the node, or room on one that was made meanwhile. Without `shared` it is asked in HTTP/1.1; a
    /// tunnel gets a connection of its own.
    async fn dial(
        &self,
        behalf: Option<Behalf>,
        shared: Option<&Rc<SharedNode>>,
    ) -> io::Result<NodeWire<D::Stream>> {
        let Self { worker, catalog, pool, node, index, is_tunnel } = *self;
        let shares = shared.filter(|_| !is_tunnel);
        // Who waits for another one's connection may find room on it.
        let _turn = match shares.filter(|node| !node.speaks_http1.get()) {
            Some(node) => Some(node.making.lock().await),
            None => None,
        };
        if let Some(stream) = shares.and_then(|node| node.stream()) {
            return Ok(NodeWire::other(stream));
        }
        let mut stream = if index == NodeIndex::NAMED {
            let may = async |address| worker.errands.may_go(catalog, &node.host, address).await;
            worker.dial.dial_where(node, may).await?
        } else {
            worker.dial.dial(node).await?
        };
        if behalf.is_some() {
            announce(&mut stream, pool.proxy_protocol, behalf).await?;
        }
        let stream = match &pool.tls {
            None => stream,
            Some(tls) => worker.secure(stream, node, (tls, shared.is_some())).await?,
        };
        match shared {
            Some(shared) if pool.tls.is_none() || stream.agreed_on_http2() => {
                let begun = shared.begin(worker, stream, (pool.tls.is_some(), node)).await?;
                if is_tunnel {
                    begun.take_line();
                }
                Ok(NodeWire::other(begun))
            }
            shared => {
                if let Some(shared) = shared {
                    shared.speaks_http1.set(true);
                }
                Ok(NodeWire::Usual(stream))
            }
        }
    }
}
