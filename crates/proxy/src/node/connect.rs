//! Making connections to nodes.

use super::names::Names;
use crate::clock::Clock;
use crate::errands::Desk;
use crate::tls::TlsStream;
use crate::wire::{Either, Wire};
use engine::catalog::{Node, NodeTls, Verification};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use shaping::Tick;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long the addresses of a name are believed.
const NAME_LIFETIME: Duration = Duration::from_secs(30);
/// How long one address of several may take to accept.
const ONE_OF_SEVERAL_TIME: Duration = Duration::from_secs(1);
/// Names remembered at once; rules can name nodes, and more names than that are looked up each time.
const NAMES_MAX: usize = 16 * 1024;

/// Bytes that a node may send for its handshake at a time: what rustls takes of one message, and some.
const HANDSHAKE_BYTES_MAX: usize = 256 * 1024;

/// How nodes are reached: sockets in service, in-memory pipes where everything runs on made-up time.
pub trait Dial: 'static {
    /// What a connection is.
    type Stream: Wire;

    /// A new connection to the node. Its caller gives it time; dropping the future gives up.
    ///
    /// # Errors
    /// The node refuses, or cannot be found or reached.
    fn dial(&self, node: &Node) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Puts TLS on a connection that was just made: the handshake, within the time that its caller gives it.
    ///
    /// # Errors
    /// The node speaks no TLS, nobody vouches for it, or it is made for streams that need none.
    fn secure(
        &self,
        _stream: Self::Stream,
        _session: ClientConnection,
    ) -> impl Future<Output = io::Result<Self::Stream>> {
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }

    /// The same to a node that a rule named: only to an address of it that `may` be gone to. Where there are no
    /// addresses nothing is asked.
    ///
    /// # Errors
    /// As [`Self::dial`], or none of its addresses may be gone to.
    fn dial_where(
        &self,
        node: &Node,
        _may: impl AsyncFn(SocketAddr) -> bool,
    ) -> impl Future<Output = io::Result<Self::Stream>> {
        self.dial(node)
    }
}

/// Nodes reached over TCP. The names of the catalog's nodes are kept fresh by the [`Watcher`](super::watcher::Watcher);
/// others are resolved by the system, on another thread, and remembered for 30 seconds. Of a name with several addresses
/// each connection begins with the next one, and goes on to the others.
pub struct Tcp {
    clock: Clock,
    kept: Arc<Names>,
    names: RefCell<HashMap<Arc<str>, Resolved>>,
    turn: Cell<usize>,
}

struct Resolved {
    addresses: Arc<[SocketAddr]>,
    until: Tick,
}

impl Tcp {
    /// Knows no names yet.
    pub fn new(clock: Clock) -> Self {
        Self::with_names(clock, Arc::default())
    }

    pub(crate) fn with_names(clock: Clock, kept: Arc<Names>) -> Self {
        Self { clock, kept, names: RefCell::new(HashMap::new()), turn: Cell::new(0) }
    }

    async fn resolve(&self, node: &Node) -> io::Result<Arc<[SocketAddr]>> {
        if let Some(addresses) = self.kept.addresses(&node.name) {
            return Ok(addresses);
        }
        let now = self.clock.tick();
        if let Some(resolved) = self.names.borrow().get(&node.name)
            && resolved.until > now
        {
            return Ok(Arc::clone(&resolved.addresses));
        }
        let addresses: Arc<[SocketAddr]> =
            tokio::net::lookup_host((node.host.as_str(), node.port)).await?.collect();
        let until = self.clock.tick().saturating_add(NAME_LIFETIME);
        let mut names = self.names.borrow_mut();
        // Names come from catalogs and from rules; they go when their time is up.
        names.retain(|_, resolved| resolved.until > now);
        if names.len() < NAMES_MAX {
            names.insert(Arc::clone(&node.name), Resolved { addresses: Arc::clone(&addresses), until });
        }
        Ok(addresses)
    }

    /// The address to begin with, of so many.
    fn next_turn(&self, count: usize) -> usize {
        self.turn.set(self.turn.get().wrapping_add(1));
        self.turn.get() % count.max(1)
    }

    /// One of several addresses: it must not take the time of the others.
    async fn connect_soon(&self, address: SocketAddr) -> io::Result<NodeSocket> {
        let until = self.clock.tick().saturating_add(ONE_OF_SEVERAL_TIME);
        tokio::select! {
            biased;
            made = connect(address) => made,
            () = self.clock.sleep_until(until) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Puts TLS on a new connection to a node.
pub(crate) async fn secure<D: Dial>(
    (dial, desk): (&D, &Desk),
    stream: D::Stream,
    (node, tls, offers_http2): (&Node, &NodeTls, bool),
) -> io::Result<D::Stream> {
    let machine = match (&tls.authorities, tls.verify) {
        (Some(_), _) | (_, Verification::Nothing) => None,
        (None, Verification::Full) => Some(desk.tls.machine_roots().await.map_err(io::Error::other)?),
    };
    let config = desk.keeper.node((tls, offers_http2), machine).map_err(io::Error::other)?;
    let name = tls.server_name.as_deref().unwrap_or(&node.host).to_owned();
    let name = ServerName::try_from(name).map_err(io::Error::other)?;
    let session = ClientConnection::new(config, name).map_err(io::Error::other)?;
    dial.secure(stream, session).await
}

/// A connection to a node: in the clear, or under TLS.
pub type NodeSocket = Either<TcpStream, TlsStream<TcpStream>>;

impl Dial for Tcp {
    type Stream = NodeSocket;

    async fn secure(&self, stream: NodeSocket, session: ClientConnection) -> io::Result<NodeSocket> {
        let Either::Usual(stream) = stream else { return Err(io::ErrorKind::AlreadyExists.into()) };
        let mut stream = TlsStream::new(stream, session.into());
        poll_fn(|context| stream.poll_handshake(context, HANDSHAKE_BYTES_MAX)).await?;
        Ok(Either::other(stream))
    }

    async fn dial(&self, node: &Node) -> io::Result<NodeSocket> {
        if let Ok(address) = node.host.parse::<IpAddr>() {
            return connect(SocketAddr::new(address, node.port)).await;
        }
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let addresses = self.resolve(node).await?;
        let turn = self.next_turn(addresses.len());
        let (behind, first) = addresses.split_at(turn.min(addresses.len()));
        let mut left = addresses.len();
        for address in first.iter().chain(behind) {
            left -= 1;
            let made = if left == 0 { connect(*address).await } else { self.connect_soon(*address).await };
            match made {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn dial_where(&self, node: &Node, may: impl AsyncFn(SocketAddr) -> bool) -> io::Result<NodeSocket> {
        let addresses: Arc<[SocketAddr]> = match node.host.parse::<IpAddr>() {
            Ok(address) => Arc::new([SocketAddr::new(address, node.port)]),
            Err(_) => self.resolve(node).await?,
        };
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses.iter() {
            if !may(*address).await {
                failure = io::Error::new(io::ErrorKind::PermissionDenied, "rules may not go there");
                continue;
            }
            match connect(*address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

async fn connect(address: SocketAddr) -> io::Result<NodeSocket> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Either::Usual(stream))
}
