//! Names and addresses, asked of the system's resolver on threads of its own.

use std::future::Future;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Look-ups under way in the process. The system's resolver cannot be interrupted: one that was given up goes on to
/// its own time-out, and keeps its place so long.
pub(super) const LOOKUPS_MAX: usize = 32;

/// What comes of a look-up, when it comes.
pub type Looked<T> = Pin<Box<dyn Future<Output = io::Result<T>>>>;

/// Who knows names: the system's resolver in service, a table in tests.
pub trait Lookup: 'static {
    /// The addresses of a name, the best first.
    fn addresses(&self, name: String) -> Looked<Vec<IpAddr>>;
    /// The name of an address.
    fn name(&self, address: IpAddr) -> Looked<String>;
}

/// The machine's own resolver.
#[derive(Clone)]
pub(crate) struct SystemLookup(Arc<Semaphore>);

impl Default for SystemLookup {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS_MAX)))
    }
}

impl SystemLookup {
    fn ask<T: Send + 'static>(&self, ask: impl FnOnce() -> io::Result<T> + Send + 'static) -> Looked<T> {
        let places = Arc::clone(&self.0);
        Box::pin(async move {
            let place = places.acquire_owned().await.map_err(io::Error::other)?;
            let asked = tokio::task::spawn_blocking(move || {
                let answer = ask();
                drop(place);
                answer
            });
            asked.await.map_err(io::Error::other)?
        })
    }
}

impl Lookup for SystemLookup {
    fn addresses(&self, name: String) -> Looked<Vec<IpAddr>> {
        self.ask(move || Ok((name.as_str(), 0).to_socket_addrs()?.map(|address| address.ip()).collect()))
    }

    fn name(&self, address: IpAddr) -> Looked<String> {
        self.ask(move || {
            let name = dns_lookup::lookup_addr(&address)?;
            // Without a name the system gives the address back.
            if name.parse::<IpAddr>().is_ok() { Err(io::ErrorKind::NotFound.into()) } else { Ok(name) }
        })
    }
}
