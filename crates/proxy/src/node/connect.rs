//! Making connections to nodes.

use crate::clock::Clock;
use crate::wire::Wire;
use engine::catalog::Node;
use shaping::Tick;
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long the addresses of a name are believed.
const NAME_LIFETIME: Duration = Duration::from_secs(30);
/// Names remembered at once; rules can name nodes, and more names than that are looked up each time.
const NAMES_MAX: usize = 16 * 1024;

/// How nodes are reached: sockets in service, in-memory pipes where everything runs on made-up time.
pub trait Dial: 'static {
    /// What a connection is.
    type Stream: Wire;

    /// A new connection to the node. Its caller gives it time; dropping the future gives up.
    ///
    /// # Errors
    /// The node refuses, or cannot be found or reached.
    fn dial(&self, node: &Node) -> impl Future<Output = io::Result<Self::Stream>>;

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

/// Nodes reached over TCP. Names are resolved by the system, on another thread, and remembered for 30 seconds.
pub struct Tcp {
    clock: Clock,
    names: RefCell<HashMap<Arc<str>, Resolved>>,
}

struct Resolved {
    addresses: Rc<[SocketAddr]>,
    until: Tick,
}

impl Tcp {
    /// Knows no names yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, names: RefCell::new(HashMap::new()) }
    }

    async fn resolve(&self, node: &Node) -> io::Result<Rc<[SocketAddr]>> {
        let now = self.clock.tick();
        if let Some(resolved) = self.names.borrow().get(&node.name)
            && resolved.until > now
        {
            return Ok(Rc::clone(&resolved.addresses));
        }
        let addresses: Rc<[SocketAddr]> =
            tokio::net::lookup_host((node.host.as_str(), node.port)).await?.collect();
        let until = self.clock.tick().saturating_add(NAME_LIFETIME);
        let mut names = self.names.borrow_mut();
        // Names come from catalogs and from rules; they go when their time is up.
        names.retain(|_, resolved| resolved.until > now);
        if names.len() < NAMES_MAX {
            names.insert(Arc::clone(&node.name), Resolved { addresses: Rc::clone(&addresses), until });
        }
        Ok(addresses)
    }
}

impl Dial for Tcp {
    type Stream = TcpStream;

    async fn dial(&self, node: &Node) -> io::Result<TcpStream> {
        if let Ok(address) = node.host.parse::<IpAddr>() {
            return connect(SocketAddr::new(address, node.port)).await;
        }
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in self.resolve(node).await?.iter() {
            match connect(*address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    async fn dial_where(&self, node: &Node, may: impl AsyncFn(SocketAddr) -> bool) -> io::Result<TcpStream> {
        let addresses: Rc<[SocketAddr]> = match node.host.parse::<IpAddr>() {
            Ok(address) => Rc::new([SocketAddr::new(address, node.port)]),
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

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
