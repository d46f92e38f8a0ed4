//! What rules have done in the world: fetches, look-ups, sockets, questions to directories.
//!
//! One executor for each worker, on the worker's own runtime. An errand is a future in its exchange: when the client
//! leaves, the time is over or the process stops, it is dropped, and its connections with it. Every address is judged
//! where it is connected to, after names are resolved and without resolving them again, so that a name cannot lead to
//! one place when it is judged and to another when it is used.
//!
//! ```text
//! Errand ─ place free (process, worker)? ─ waits its turn
//!    └─▶ resolve ─▶ judge each address ─▶ connect to that address ─▶ hyper / bytes / LDAP ─▶ Report
//! ```

mod fetch;
mod files;
mod gate;
mod ldap;
pub(crate) mod lookup;
mod sockets;
mod tls;

pub use files::look_at_file;
pub(crate) use gate::Own;
pub use lookup::{Looked, Lookup};
pub(crate) use sockets::Sockets;

use crate::node::names::Names;
use crate::spool::{self, SpoolPlaces};
use crate::tls::settings::Keeper;
use engine::Catalog;
use engine::errand::{Errand, ErrandError, Family, Report};
use gate::Gate;
use lookup::SystemLookup;
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Errands under way in the whole process; others wait their turn until their time is over.
const PROCESS_MAX: usize = 1_000;
/// Errands under way on one worker.
const WORKER_MAX: usize = 256;
/// Threads of one worker for what waits for a disk or a resolver: as many as may do so at once in the process, and one that
/// reads the machine's certificates. More would only be asked for while one that has just given its place back is not
/// idle yet, and then live on.
pub(crate) const WAITING_THREADS_MAX: usize = spool::PLACES + lookup::LOOKUPS_MAX + files::LOOKS_MAX + 1;

/// What the workers of a process share.
pub(crate) struct Desk {
    places: Semaphore,
    /// The ports that the process itself listens on.
    pub(crate) own: Own,
    pub(crate) tls: tls::Trust,
    /// What workers share of TLS with clients and nodes.
    pub(crate) keeper: Keeper,
    /// The addresses of named nodes.
    pub(crate) names: Arc<Names>,
    lookup: SystemLookup,
    files: files::Looker,
    /// Who reads and writes the files of slowed answers.
    pub(crate) spool: SpoolPlaces,
}

impl Desk {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            places: Semaphore::new(PROCESS_MAX),
            own: Own::default(),
            tls: tls::Trust::default(),
            keeper: Keeper::new(),
            names: Arc::default(),
            lookup: SystemLookup::default(),
            files: files::Looker::default(),
            spool: SpoolPlaces::default(),
        })
    }

    /// The machine's resolver, within the bounds of the process.
    pub(crate) fn lookup(&self) -> SystemLookup {
        self.lookup.clone()
    }
}

/// The executor of one worker.
pub(crate) struct Errands {
    desk: Arc<Desk>,
    places: Semaphore,
    lookup: RefCell<Rc<dyn Lookup>>,
}

impl Errands {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        let lookup = RefCell::new(Rc::new(desk.lookup.clone()) as Rc<dyn Lookup>);
        Self { desk, places: Semaphore::new(WORKER_MAX), lookup }
    }

    /// What the workers of the process share.
    pub(crate) fn desk(&self) -> &Desk {
        &self.desk
    }

    pub(crate) fn look_up_with(&self, lookup: Rc<dyn Lookup>) {
        *self.lookup.borrow_mut() = lookup;
    }

    /// Whether a rule may go to this address for a node that it named as `host`.
    pub(crate) async fn may_go(&self, catalog: &Catalog, host: &str, address: SocketAddr) -> bool {
        Gate { catalog, own: &self.desk.own }.judge(host, address).await.is_ok()
    }

    /// Does an errand. Its caller gives it time; dropping the future gives up.
    pub(crate) async fn run(
        &self,
        errand: Errand,
        catalog: &Catalog,
        sockets: &mut Sockets,
    ) -> Result<Report, ErrandError> {
        if let Errand::Close { socket } = errand {
            return sockets.close(socket);
        }
        // Neither is ever closed, so that waiting cannot fail.
        let _here = self.places.acquire().await;
        let _anywhere = self.desk.places.acquire().await;
        let gate = Gate { catalog, own: &self.desk.own };
        match errand {
            Errand::Fetch(fetch) => self.fetch(*fetch, &gate).await,
            Errand::Resolve { name, family } => {
                let wanted = |address: &IpAddr| address.is_ipv4() == (family == Family::V4);
                let found = self.addresses(&name).await?.into_iter().find(wanted);
                found.map(Report::Address).ok_or(ErrandError::Unresolved(name))
            }
            Errand::ResolveAddress { address } => {
                let lookup = self.lookup();
                let name = lookup.name(address).await;
                name.map(Report::Name).map_err(|_| ErrandError::Unresolved(address.to_string()))
            }
            Errand::ConfirmedName { address } => self.confirmed_name(address).await,
            Errand::Stat { root, path } => self.desk.files.stat(root, path).await.map(Report::File),
            Errand::Connect { address } => {
                sockets.has_room()?;
                let host = address.ip().to_string();
                let stream = gate.connect(&host, &[address.ip()], address.port()).await?;
                Ok(Report::Connected(sockets.keep(stream)))
            }
            Errand::Read { socket, bytes_max } => sockets.read(socket, bytes_max).await,
            Errand::Write { socket, data } => sockets.write(socket, &data).await,
            Errand::Close { socket } => sockets.close(socket),
            Errand::Datagram { host, port, data } => {
                let addresses = self.addresses(&host).await?;
                sockets::send(&gate, &host, (&addresses, port), &data).await
            }
            Errand::Authenticate(credentials) => {
                let host = &credentials.authenticator.server.host;
                let addresses = self.addresses(host).await?;
                ldap::authenticate(&credentials, &addresses, &self.desk.tls).await
            }
        }
    }

    async fn confirmed_name(&self, address: IpAddr) -> Result<Report, ErrandError> {
        let unresolved = || ErrandError::Unresolved(address.to_string());
        let name = self.lookup().name(address).await.map_err(|_| unresolved())?;
        let back = self.addresses(&name).await?;
        let leads_back = back.iter().any(|found| found.to_canonical() == address.to_canonical());
        if leads_back { Ok(Report::Name(name)) } else { Err(unresolved()) }
    }

    async fn fetch(&self, fetch: engine::errand::Fetch, gate: &Gate<'_>) -> Result<Report, ErrandError> {
        let addresses = self.addresses(&fetch.host).await?;
        let stream = gate.connect(&fetch.host, &addresses, fetch.port).await?;
        if fetch.tls {
            let stream = self.desk.tls.client(stream, &fetch.host, fetch.authorities.as_deref()).await?;
            fetch::exchange(fetch, stream).await
        } else {
            fetch::exchange(fetch, stream).await
        }
    }

    /// The addresses of a host; an address is its own.
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, ErrandError> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let lookup = self.lookup();
        let found = lookup.addresses(host.to_owned()).await.unwrap_or_default();
        if found.is_empty() { Err(ErrandError::Unresolved(host.to_owned())) } else { Ok(found) }
    }

    fn lookup(&self) -> Rc<dyn Lookup> {
        Rc::clone(&self.lookup.borrow())
    }
}

/// What the other side, or the way to it, has to say.
fn failed(error: impl std::fmt::Display) -> ErrandError {
    ErrandError::Failed(error.to_string())
}

/// An address and a port of it, for messages.
fn named(address: SocketAddr, error: &std::io::Error) -> ErrandError {
    ErrandError::Failed(format!("{address}: {error}"))
}
