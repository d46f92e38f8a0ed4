//! How the visitor came to ask, judged once for each request.

use super::Host;
use crate::catalog::HostPattern;
use std::net::IpAddr;
use visit::{Asked, Referer, RequestKind, registrable};

impl Host {
    /// As the client asked; fields that a rule changed before anybody wanted to know count as changed.
    pub(crate) fn judge_kind(&mut self) -> RequestKind {
        let kind = self.request_kind();
        self.kind = Some(kind);
        kind
    }

    /// The same, with who sent the visitor: for whoever wants to know both.
    pub(crate) fn judge_sender(&mut self) -> (RequestKind, Referer) {
        let referer = self.sender();
        let kind = self.kind.unwrap_or_else(|| self.kind_of(&referer));
        self.kind = Some(kind);
        (kind, referer)
    }

    /// How the visitor came to ask, for whoever only looks.
    pub(crate) fn request_kind(&self) -> RequestKind {
        self.kind.unwrap_or_else(|| self.kind_of(&self.sender()))
    }

    fn sender(&self) -> Referer {
        Referer::of(self.request.fields().get(b"Referer").unwrap_or_default())
    }

    fn kind_of(&self, referer: &Referer) -> RequestKind {
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
        RequestKind::of_sender(&asked, referer, |host| self.is_own(host))
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
    // Most who come from elsewhere are told apart by this, without a look into the list of suffixes: registrable domains
    // that are equal have equal ends, and so have their hosts.
    if !two_labels(host).eq_ignore_ascii_case(two_labels(own)) && !could_be_address(own) {
        return false;
    }
    let is_address = own.trim_matches(['[', ']']).parse::<IpAddr>();
    if let Ok(address) = is_address {
        return host.parse() == Ok(address.to_canonical());
    }
    registrable(host).eq_ignore_ascii_case(registrable(&own.to_ascii_lowercase()))
}

/// The last two labels of a name, or its only one.
fn two_labels(name: &str) -> &str {
    let mut dots = name.bytes().enumerate().rev().filter(|(_, byte)| *byte == b'.');
    dots.nth(1).and_then(|(at, _)| name.get(at + 1..)).unwrap_or(name)
}

fn could_be_address(name: &str) -> bool {
    name.ends_with(|last: char| last.is_ascii_digit()) || name.contains(':')
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NAME: &str = "((a|b|www|10)\\.){0,3}(com|co\\.uk|github\\.io|uk|example|localhost|1)";

    proptest! {
        #[test]
        fn names_are_of_one_site_where_their_registrable_domains_are_equal(host in NAME, own in NAME) {
            let is_number = |name: &str| name.parse::<IpAddr>().is_ok();
            prop_assume!(!is_number(&host) && !is_number(&own));
            let is_expected = host == own || registrable(&host) == registrable(&own);
            prop_assert_eq!(is_same_site(&host, own.to_ascii_uppercase().as_bytes()), is_expected);
        }
    }

    #[test]
    fn an_address_is_its_own_site_only() {
        for (host, own, expected) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::a", "[2001:DB8:0::a]", true),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("example.com", "[::1]", false),
        ] {
            assert_eq!(is_same_site(host, own.as_bytes()), expected, "{host} {own}");
        }
    }
}
