//! How the visitor came to ask, judged once for each request.

use super::Host;
use crate::catalog::HostPattern;
use std::net::IpAddr;
use visit::{Asked, RequestKind, registrable};

impl Host {
    /// As the client asked; fields that a rule changed before anybody wanted to know count as changed.
    pub(crate) fn judge_kind(&mut self) -> RequestKind {
        let kind = self.request_kind();
        self.kind = Some(kind);
        kind
    }

    /// The same, for whoever only looks.
    pub(crate) fn request_kind(&self) -> RequestKind {
        if let Some(kind) = self.kind {
            return kind;
        }
        let fields = self.request.fields();
        let asked = Asked {
            target: self.asked.as_ref().map_or(self.request.target(), |asked| &asked.target),
            referer: fields.get(b"Referer"),
            agent: fields.get(b"User-Agent"),
            accept: fields.get(b"Accept"),
            range: fields.get(b"Range"),
            fetch_site: fields.get(b"Sec-Fetch-Site"),
            fetch_mode: fields.get(b"Sec-Fetch-Mode"),
            fetch_dest: fields.get(b"Sec-Fetch-Dest"),
        };
        RequestKind::of(&asked, |host| self.is_own(host))
    }

    /// Whether a host, in lower case, is of the site that is asked: of one registrable domain with the Host that the
    /// client named or with a name of the virtual server.
    fn is_own(&self, host: &str) -> bool {
        if host.is_empty() {
            return false;
        }
        let named = match &self.asked_name {
            Some(name) => Some(&**name),
            None => self.request.host(),
        };
        if named.is_some_and(|named| is_same_site(host, without_port(named))) {
            return true;
        }
        self.virtual_server().hosts.iter().any(|pattern| match pattern {
            HostPattern::Exact(name) | HostPattern::Below(name) => is_same_site(host, name.as_bytes()),
        })
    }
}

fn is_same_site(host: &str, own: &[u8]) -> bool {
    let Ok(own) = std::str::from_utf8(own) else { return false };
    if host.eq_ignore_ascii_case(own) {
        return true;
    }
    let is_address = own.trim_matches(['[', ']']).parse::<IpAddr>();
    if let Ok(address) = is_address {
        return host.parse() == Ok(address.to_canonical());
    }
    registrable(host).eq_ignore_ascii_case(registrable(&own.to_ascii_lowercase()))
}

/// A Host field without its port and the dot at the end of its name.
fn without_port(host: &[u8]) -> &[u8] {
    let end = match host.iter().rposition(|byte| *byte == b':') {
        Some(at) if host.iter().skip(at).all(|byte| *byte != b']') => at,
        _ => host.len(),
    };
    let name = host.get(..end).unwrap_or(host);
    name.strip_suffix(b".").unwrap_or(name)
}
