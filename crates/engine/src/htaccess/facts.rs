//! A transaction as `.htaccess` sees it: the request as the rules left it.

use super::Judged;
use crate::host::{Host, Knowledge};
use jiff::Timestamp;
use message::Known;
use rewrite::{Fact, Facts, Question, Variable};
use std::borrow::Cow;
use std::net::IpAddr;

/// What `SERVER_SOFTWARE` says.
const SOFTWARE: &str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));

/// See the module.
pub(crate) struct RequestFacts<'a> {
    host: &'a Host,
    judged: &'a Judged,
}

impl<'a> RequestFacts<'a> {
    pub(crate) fn new(host: &'a Host, judged: &'a Judged) -> Self {
        Self { host, judged }
    }

    /// The fields of a log are those that it holds: what is absent there may have been there.
    fn is_known(&self, name: &[u8]) -> bool {
        self.host.arrival.knowledge.has_field(name)
    }

    /// What is only known of a request that came over a wire.
    fn of_connection<'b>(&self, text: impl FnOnce() -> Fact<Cow<'b, [u8]>>) -> Fact<Cow<'b, [u8]>> {
        if self.host.arrival.knowledge.has_scheme() { text() } else { Fact::Unknown }
    }

    /// The line as it came, whatever rules made of it.
    fn request_line(&self) -> Vec<u8> {
        let head = &self.host.request;
        let (method, target) = match self.host.asked.as_deref() {
            Some(asked) => (&asked.method[..], &asked.target[..]),
            None => (head.method(), head.target()),
        };
        [method, b" ", target, b" ", head.version().as_str().as_bytes()].concat()
    }

    /// The host that was asked for, with its port.
    fn authority(&self) -> Option<&'a [u8]> {
        let head = &self.host.request;
        head.target_authority().or_else(|| head.host()).filter(|host| !host.is_empty())
    }

    fn server_name(&self) -> Fact<Cow<'a, [u8]>> {
        match self.authority() {
            Some(authority) => known(host_of(authority).to_ascii_lowercase()),
            None if !self.is_known(b"Host") => Fact::Unknown,
            None => known(self.host.virtual_server().first_host().as_bytes().to_vec()),
        }
    }

    fn server_port(&self) -> u16 {
        let usual = if self.is_tls() { 443 } else { 80 };
        self.authority().and_then(port_of).unwrap_or(usual)
    }

    /// Whether the client speaks TLS, to us or to a proxy that we trust.
    fn is_tls(&self) -> bool {
        let facts = self.host.connection.facts();
        let server = self.host.virtual_server();
        if !server.trusted_proxies.is_empty()
            && server.trusts(facts.peer.ip())
            && let Some(scheme) = self.host.request.fields().known(Known::XForwardedProto)
        {
            return scheme.eq_ignore_ascii_case(b"https");
        }
        self.host.connection.is_tls()
    }

    fn time(&self, format: &str) -> Fact<Cow<'a, [u8]>> {
        let at = Timestamp::from_microsecond(self.host.now.wall.0).unwrap_or_default();
        let local = at.to_zoned(self.host.shared.machine().time_zone.clone());
        known(local.strftime(format).to_string())
    }
}

impl Facts for RequestFacts<'_> {
    fn variable(&self, variable: Variable) -> Fact<Cow<'_, [u8]>> {
        let host = self.host;
        let facts = host.connection.facts();
        let document = self.judged.error_path.as_ref();
        match variable {
            Variable::RemoteAddr | Variable::RemoteHost => {
                known(host.arrival.client.to_canonical().to_string())
            }
            Variable::ConnRemoteAddr => known(facts.peer.ip().to_canonical().to_string()),
            Variable::RemotePort => self.of_connection(|| known(facts.peer.port().to_string())),
            Variable::RemoteUser | Variable::RemoteIdent | Variable::AuthType | Variable::ServerAdmin => {
                Fact::Known(Cow::Borrowed(b""))
            }
            Variable::RequestMethod => Fact::Known(Cow::Borrowed(match document {
                // Error documents are fetched; HEAD counts as GET without a body.
                Some(_) if host.request.method() != b"HEAD" => b"GET",
                _ => host.request.method(),
            })),
            Variable::TheRequest => known(self.request_line()),
            Variable::RawPath => Fact::Known(Cow::Borrowed(match document {
                Some(document) => &document.target.path,
                None => host.request.path(),
            })),
            Variable::RawQuery => Fact::Known(Cow::Borrowed(match document {
                Some(document) => document.target.query.as_deref().unwrap_or_default(),
                None => host.request.query().unwrap_or_default(),
            })),
            Variable::ServerProtocol => {
                Fact::Known(Cow::Borrowed(host.request.version().as_str().as_bytes()))
            }
            Variable::ServerName => self.server_name(),
            Variable::ServerAddr => self.of_connection(|| known(facts.local.ip().to_canonical().to_string())),
            Variable::ServerPort => self.of_connection(|| known(self.server_port().to_string())),
            Variable::ServerSoftware => Fact::Known(Cow::Borrowed(SOFTWARE.as_bytes())),
            Variable::RequestScheme => self.of_connection(|| {
                Fact::Known(Cow::Borrowed(if self.is_tls() { b"https".as_slice() } else { b"http" }))
            }),
            Variable::Time => self.time("%Y%m%d%H%M%S"),
            Variable::TimeWday => self.time("%w"),
        }
    }

    fn field(&self, name: &[u8]) -> Fact<Option<Cow<'_, [u8]>>> {
        match self.host.request.fields().joined(name) {
            None if !self.is_known(name) => Fact::Unknown,
            // Cookies of our own rules are there, and others may have been.
            Some(_) if name.eq_ignore_ascii_case(b"Cookie") && !self.is_known(name) => Fact::Unknown,
            found => Fact::Known(found),
        }
    }

    fn field_names(&self) -> Fact<Vec<Cow<'_, [u8]>>> {
        match &self.host.arrival.knowledge {
            Knowledge::All => Fact::Known(self.host.request.fields().names().map(Cow::Borrowed).collect()),
            Knowledge::Only(_) => Fact::Unknown,
        }
    }

    fn has_question_mark(&self) -> bool {
        match &self.judged.error_path {
            Some(document) => document.target.query.is_some(),
            None => self.host.request.query().is_some(),
        }
    }

    fn is_own_name(&self, name: &[u8]) -> bool {
        self.host.virtual_server().hosts.iter().any(|host| host.holds(name))
    }

    fn status(&self) -> u16 {
        self.judged.error_path.as_ref().map_or(200, |error| error.status)
    }

    fn client(&self) -> Fact<IpAddr> {
        Fact::Known(self.host.arrival.client.to_canonical())
    }

    fn answer(&self, question: &Question) -> Fact<bool> {
        self.judged.answer(question)
    }

    fn random(&self, draw: u32, bound: u32) -> u32 {
        let [first, second] = self.host.shared.seed();
        let mixed = mix(mix(first ^ self.host.arrival.id.0) ^ second ^ u64::from(draw));
        // Sixty-four bits for thirty-two: the small numbers are no likelier than the others, as far as anybody can see.
        u32::try_from(mixed % u64::from(bound.max(1))).unwrap_or(0)
    }
}

fn known<'a>(text: impl Into<Vec<u8>>) -> Fact<Cow<'a, [u8]>> {
    Fact::Known(Cow::Owned(text.into()))
}

/// One step of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators): which server of a map
/// gets a request is no secret.
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// Of `host:port` and `[host]:port`.
fn host_of(authority: &[u8]) -> &[u8] {
    if authority.starts_with(b"[") {
        let end = authority.iter().position(|byte| *byte == b']').map_or(authority.len(), |at| at + 1);
        return authority.get(..end).unwrap_or(authority);
    }
    let host = authority.split(|byte| *byte == b':').next().unwrap_or_default();
    host.strip_suffix(b".").unwrap_or(host)
}

fn port_of(authority: &[u8]) -> Option<u16> {
    let behind = authority.get(host_of(authority).len()..)?;
    let at = behind.iter().rposition(|byte| *byte == b':')?;
    std::str::from_utf8(behind.get(at + 1..)?).ok()?.parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        for (authority, host, port) in [
            ("a.example", "a.example", None),
            ("a.example.:81", "a.example", Some(81)),
            ("[::1]", "[::1]", None),
            ("[::1]:8080", "[::1]", Some(8080)),
            ("a.example:", "a.example", None),
            ("a.example:0", "a.example", None),
            ("[::1", "[::1", None),
        ] {
            assert_eq!(host_of(authority.as_bytes()), host.as_bytes(), "{authority}");
            assert_eq!(port_of(authority.as_bytes()), port, "{authority}");
        }
    }
}
