//! Which virtual server a request is for: by the address it came in on, then by its Host.

use super::{HostPattern, VirtualServer, VirtualServerId};
use crate::limits::HOST_BYTES_MAX;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// Ids by address and host; built once with a catalog.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// In the order of the addresses.
    addresses: Vec<Listener>,
}

#[derive(Debug)]
struct Listener {
    address: SocketAddr,
    default: Option<VirtualServerId>,
    exact: HashMap<Arc<str>, VirtualServerId, FixedState>,
    below: HashMap<Arc<str>, VirtualServerId, FixedState>,
}

/// Two virtual servers want the same requests.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Clash {
    pub(crate) first: VirtualServerId,
    pub(crate) second: VirtualServerId,
    pub(crate) address: SocketAddr,
    /// `None`: both are the default of the address.
    pub(crate) host: Option<HostPattern>,
}

impl Selection {
    /// The index of these virtual servers, and where two of them want the same requests (the first one gets them).
    pub(crate) fn new<'v>(
        servers: impl IntoIterator<Item = (VirtualServerId, &'v VirtualServer)>,
    ) -> (Self, Vec<Clash>) {
        let mut selection = Self::default();
        let mut clashes = Vec::new();
        for (id, server) in servers {
            for address in &server.listen {
                let listener = selection.listener(*address);
                let mut clash = |first, host| {
                    clashes.push(Clash { first, second: id, address: *address, host });
                };
                if server.hosts.is_empty() {
                    match listener.default {
                        Some(first) => clash(first, None),
                        None => listener.default = Some(id),
                    }
                }
                for host in &server.hosts {
                    match listener.add(host, id) {
                        Some(first) if first != id => clash(first, Some(host.clone())),
                        _ => {}
                    }
                }
            }
        }
        (selection, clashes)
    }

    /// The addresses, ascending, each once.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.addresses.iter().map(|listener| listener.address)
    }

    /// See [`super::Catalog::select`].
    pub(crate) fn find(&self, address: SocketAddr, host: Option<&[u8]>) -> Option<VirtualServerId> {
        let at = self.addresses.binary_search_by_key(&address, |listener| listener.address).ok()?;
        let listener = self.addresses.get(at)?;
        if listener.exact.is_empty() && listener.below.is_empty() {
            return listener.default;
        }
        let mut buffer = [0; HOST_BYTES_MAX];
        let name = host.and_then(|host| normal(host, &mut buffer));
        name.and_then(|name| listener.find(name)).or(listener.default)
    }

    fn listener(&mut self, address: SocketAddr) -> &mut Listener {
        let at = match self.addresses.binary_search_by_key(&address, |listener| listener.address) {
            Ok(at) => at,
            Err(at) => {
                self.addresses.insert(at, Listener::new(address));
                at
            }
        };
        &mut self.addresses[at]
    }
}

impl Listener {
    fn new(address: SocketAddr) -> Self {
        // The keys are the operator's; clients only look them up, so a fixed hash is safe here.
        let table = || HashMap::with_hasher(FixedState::default());
        Self { address, default: None, exact: table(), below: table() }
    }

    /// Adds a host; gives the id that already has it.
    fn add(&mut self, host: &HostPattern, id: VirtualServerId) -> Option<VirtualServerId> {
        let (table, name) = match host {
            HostPattern::Exact(name) => (&mut self.exact, name),
            HostPattern::Below(name) => (&mut self.below, name),
        };
        if let Some(first) = table.get(name) {
            return Some(*first);
        }
        table.insert(Arc::clone(name), id);
        None
    }

    /// The exact name first, then the longest name it lies below.
    fn find(&self, name: &str) -> Option<VirtualServerId> {
        if let Some(id) = self.exact.get(name) {
            return Some(*id);
        }
        let mut rest = name;
        while let Some((_, above)) = rest.split_once('.') {
            if let Some(id) = self.below.get(above) {
                return Some(*id);
            }
            rest = above;
        }
        None
    }
}

/// The host in lower case, without port and trailing dot; `None` for what cannot be a host name.
fn normal<'b>(host: &[u8], buffer: &'b mut [u8; HOST_BYTES_MAX]) -> Option<&'b str> {
    let end = if host.first() == Some(&b'[') {
        host.iter().position(|byte| *byte == b']')? + 1
    } else {
        host.iter().position(|byte| *byte == b':').unwrap_or(host.len())
    };
    let name = host.get(..end)?;
    let name = name.strip_suffix(b".").unwrap_or(name);
    let room = buffer.get_mut(..name.len())?;
    room.copy_from_slice(name);
    room.make_ascii_lowercase();
    std::str::from_utf8(room).ok()
}
