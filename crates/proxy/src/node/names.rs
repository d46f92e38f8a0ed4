//! The addresses of nodes that are named, kept fresh in the background: no request waits for a name server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

/// What is known, by `host:port`; shared by all workers. Written by the watcher only.
#[derive(Debug, Default)]
pub(crate) struct Names(RwLock<HashMap<Arc<str>, Arc<[SocketAddr]>>>);

impl Names {
    /// The addresses found last; `None` for a name that nobody keeps fresh, or that was never found.
    pub(crate) fn addresses(&self, name: &str) -> Option<Arc<[SocketAddr]>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(crate) fn learn(&self, name: &Arc<str>, addresses: Vec<SocketAddr>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(Arc::clone(name), addresses.into());
    }

    /// The name is in no pool any more.
    pub(crate) fn forget(&self, name: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}
