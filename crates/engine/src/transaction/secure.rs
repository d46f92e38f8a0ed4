//! `redirect_to_https`: what rules leave alone on an address in the clear is sent to the same address under TLS.

use super::{Next, Origin, Transaction};
use crate::catalog::is_host_name;
use crate::htaccess::redirect_page;
use message::RequestHead;

impl Transaction {
    /// Whether this request is to come again under TLS. A rule that chose a pool has spoken for it.
    pub(super) fn is_to_come_secured(&self) -> bool {
        self.virtual_server().redirect_to_https && self.host.pool.is_none()
    }

    #[cold]
    pub(super) fn send_to_https(&mut self) -> Next {
        self.origin = Origin::Secured;
        let head = &self.host.request;
        // After 301 browsers ask with GET; whoever sent a body must send it again.
        let status = if matches!(head.method(), b"GET" | b"HEAD") { 301 } else { 308 };
        let location = location(head, &self.virtual_server().first_host());
        self.answer_with(redirect_page(status, &location))
    }
}

/// The address that was asked for, under TLS at the usual port.
fn location(head: &RequestHead, otherwise: &str) -> Vec<u8> {
    let asked = head.host().or_else(|| head.target_authority()).unwrap_or_default();
    let host = name_of(asked).unwrap_or(otherwise);
    let path = if head.path().starts_with(b"/") { head.path() } else { b"/" };
    let mut location = [b"https://", host.as_bytes(), path].concat();
    if let Some(query) = head.query() {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    location
}

/// The host without its port; `None` for what is neither a name nor an address.
fn name_of(host: &[u8]) -> Option<&str> {
    let host = std::str::from_utf8(host).ok()?;
    if host.starts_with('[') {
        let end = host.find(']')?;
        let inner = host.get(1..end)?;
        return inner.parse::<std::net::Ipv6Addr>().ok().and_then(|_| host.get(..=end));
    }
    let name = host.split(':').next()?;
    is_host_name(name.strip_suffix('.').unwrap_or(name)).then_some(name)
}
