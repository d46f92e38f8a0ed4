//! The service manager: what systemd tells a service through its environment, and what the service tells it.
//!
//! Without one, all of it does nothing.

use engine::Catalog;
use listenfd::ListenFd;
use proxy::ListeningSockets;
use rustix::process::getpid;
use sd_notify::NotifyState;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// The service manager's watchdog.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watchdog {
    /// How long it waits for a sign of life before it takes us for dead.
    patience: Option<Duration>,
}

impl Watchdog {
    /// The one that started this process, if any.
    pub(crate) fn of_environment() -> Self {
        Self { patience: sd_notify::watchdog_enabled() }
    }

    /// The one that started the process whose place this one takes.
    pub(crate) fn inherited(patience: Option<Duration>) -> Self {
        Self { patience }
    }

    /// How long it waits for a sign of life.
    pub(crate) fn patience(self) -> Option<Duration> {
        self.patience
    }

    /// How often to give one: often enough that one that comes late does no harm.
    pub(crate) fn beat(self) -> Option<Duration> {
        self.patience.map(|patience| patience / 3)
    }
}

/// It serves.
pub(crate) fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Must come before the catalog is looked at: the service manager compares the moment with its own.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(moment) => tell(&[NotifyState::Reloading, moment]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// It ends.
pub(crate) fn stopping(status: &str) {
    tell(&[NotifyState::Stopping, NotifyState::Status(status)]);
}

/// Another process is the service from now on.
pub(crate) fn followed_by(process: u32) {
    tell(&[NotifyState::MainPid(process)]);
}

/// All workers turn.
pub(crate) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("the service manager cannot be told: {error}");
    }
}

/// Sockets that the service manager has opened for us, by the addresses of the catalog that they serve: the address
/// that the socket has, or the one of the virtual server that the socket is named after, if it has just one.
pub(crate) fn sockets(catalog: &Catalog) -> Vec<ListeningSockets> {
    let mut given = ListenFd::from_env();
    let names = std::env::var_os("LISTEN_FDNAMES").unwrap_or_default();
    let names: Vec<String> = names.to_string_lossy().split(':').map(str::to_owned).collect();
    let wanted = catalog.listeners();
    let mut sockets: BTreeMap<SocketAddr, ListeningSockets> = BTreeMap::new();
    for at in 0..given.len() {
        let name = names.get(at).map_or("", String::as_str);
        let socket = match given.take_tcp_listener(at) {
            Ok(Some(socket)) => socket,
            Ok(None) => continue,
            Err(error) => {
                tracing::warn!(
                    name,
                    "the service manager gave something that is no listening TCP socket: {error}"
                );
                continue;
            }
        };
        let address = socket.local_addr().ok();
        let by_address = address.filter(|address| wanted.contains(address));
        let Some(configured) = by_address.or_else(|| address_of(catalog, name)) else {
            let address = address.map_or(String::new(), |address| format!(" at {address}"));
            tracing::warn!(
                name,
                "the service manager's socket{address} is of no use: no virtual server listens there"
            );
            continue;
        };
        let empty = || ListeningSockets { configured, sockets: Vec::new() };
        sockets.entry(configured).or_insert_with(empty).sockets.push(socket);
    }
    sockets.into_values().collect()
}

/// The one address of a virtual server.
fn address_of(catalog: &Catalog, name: &str) -> Option<SocketAddr> {
    let server = catalog.virtual_servers.iter().find(|server| *server.name == *name)?;
    match server.listen.as_slice() {
        [address] => Some(*address),
        _ => None,
    }
}

/// The first process of a container: when it ends, so does everything in the container, and nothing can take its place.
pub(crate) fn is_first_process() -> bool {
    getpid().is_init()
}
