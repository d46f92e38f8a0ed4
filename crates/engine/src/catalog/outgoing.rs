//! Where rules may go (`[outgoing]`): what the operator allows, and what nobody may. Judged on the address that is
//! really connected to, after names are resolved.

use super::HostPattern;
use super::address::{host_pattern, port_number};
use super::read::{Reader, Say, shown};
use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use source::Span;
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use toml::de::DeValue;

/// Where rules may send requests and open connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// Nothing is allowed that no entry allows.
    pub allow: Vec<Allowed>,
}

/// One entry: a place, and a port of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    place: Place,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// Every public address.
    Public,
    /// These addresses, whatever they are called.
    Network(IpNet),
    /// This name, wherever it leads but to this machine.
    Host(HostPattern),
}

/// Why an address is not gone to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No rule ever may; the text says what it is.
    Never(&'static str),
    /// No entry of the catalog allows it.
    NotAllowed,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never(what) => f.write_str(what),
            Self::NotAllowed => f.write_str("the catalog does not allow it"),
        }
    }
}

impl Outgoing {
    /// Whether a rule may go to this address, which it named as `host` (a name in lower case, or the address).
    ///
    /// # Errors
    /// Why not.
    pub fn judge(&self, host: &str, address: SocketAddr) -> Result<(), Refusal> {
        let ip = address.ip().to_canonical();
        if let Some(what) = never(ip) {
            return Err(Refusal::Never(what));
        }
        let allows = |allowed: &Allowed| {
            let is_there = match &allowed.place {
                Place::Public => !is_internal(ip),
                Place::Network(network) => network.contains(&ip),
                Place::Host(pattern) => !is_loopback(ip) && names(pattern, host),
            };
            is_there && allowed.port.is_none_or(|port| port == address.port())
        };
        if self.allow.iter().any(allows) { Ok(()) } else { Err(Refusal::NotAllowed) }
    }

    /// Whether it can be said before a name is resolved that a rule may not go there.
    ///
    /// # Errors
    /// Why not.
    pub fn foresee(&self, host: &str, port: u16) -> Result<(), Refusal> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.judge(host, SocketAddr::new(address, port));
        }
        let may = |allowed: &Allowed| {
            let is_possible = match &allowed.place {
                Place::Public | Place::Network(_) => true,
                Place::Host(pattern) => names(pattern, host),
            };
            is_possible && allowed.port.is_none_or(|allowed| allowed == port)
        };
        if self.allow.iter().any(may) { Ok(()) } else { Err(Refusal::NotAllowed) }
    }
}

fn names(pattern: &HostPattern, host: &str) -> bool {
    match pattern {
        HostPattern::Exact(name) => **name == *host,
        HostPattern::Below(name) => {
            host.strip_suffix(&**name).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
        }
    }
}

/// What a canonical address is that no rule may go to; an IPv4 address inside an IPv6 one counts.
fn never(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => never_v4(v4),
        IpAddr::V6(v6) => never_v6(v6).or_else(|| embedded(v6).and_then(never_v4)),
    }
}

fn never_v4(address: Ipv4Addr) -> Option<&'static str> {
    /// Where clouds keep the keys of their machines, outside of the link-local range.
    const METADATA: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
    let first = address.octets()[0];
    if address.is_link_local() {
        Some("link-local addresses are never gone to")
    } else if METADATA.contains(&address) {
        Some("a cloud's metadata service is never gone to")
    } else if first == 0 {
        Some("0.0.0.0/8 is no place to go to")
    } else if address.is_multicast() || address.is_broadcast() || first >= 240 {
        Some("multicast, broadcast and reserved addresses are never gone to")
    } else {
        None
    }
}

fn never_v6(address: Ipv6Addr) -> Option<&'static str> {
    const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254);
    if address.is_unicast_link_local() {
        Some("link-local addresses are never gone to")
    } else if address == METADATA {
        Some("a cloud's metadata service is never gone to")
    } else if address.is_unspecified() {
        Some(":: is no place to go to")
    } else if address.is_multicast() {
        Some("multicast, broadcast and reserved addresses are never gone to")
    } else {
        None
    }
}

/// The IPv4 address that an IPv6 one leads to: mapped, compatible, NAT64 and 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let whole = u128::from(address);
    #[expect(clippy::cast_possible_truncation, reason = "the part that is wanted")]
    let low = |shift: u32| Ipv4Addr::from((whole >> shift) as u32);
    let segments = address.segments();
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0, 0xffff, ..] => Some(low(0)),
        [0, 0, 0, 0, 0, 0, ..] if !address.is_loopback() && !address.is_unspecified() => Some(low(0)),
        [0x2002, ..] => Some(low(80)),
        _ => None,
    }
}

fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_loopback() || embedded(v6).is_some_and(|v4| v4.is_loopback()),
    }
}

/// Whether it is this machine, or somebody's own network.
fn is_internal(address: IpAddr) -> bool {
    let v4 = |v4: Ipv4Addr| {
        let [first, second, ..] = v4.octets();
        v4.is_loopback() || v4.is_private() || (first == 100 && second & 0xc0 == 64)
    };
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || embedded(address).is_some_and(v4)
        }
    }
}

impl Allowed {
    /// `*`, `10.0.0.0/8`, `192.0.2.7:80`, `[2001:db8::/32]:443`, `api.example:443`, `*.example`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(place) = Place::parse(text) {
            return Some(Self { place, port: None });
        }
        let (front, port) = text.rsplit_once(':')?;
        let port = port_number(port).filter(|port| *port != 0)?;
        let front = front.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(front);
        Some(Self { place: Place::parse(front)?, port: Some(port) })
    }
}

impl Place {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Public);
        }
        if let Ok(network) = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
            return Some(Self::Network(network.trunc()));
        }
        // What looks like a number would be taken for a name that nobody has.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        host_pattern(text).filter(|_| !is_number && !text.contains('[')).map(Self::Host)
    }
}

impl Say for Allowed {
    fn expected() -> String {
        "a network, a host or \"*\", with or without a port: \"10.0.0.0/8\", \"api.example:443\", \"[::1]:80\""
            .to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(text) = value.as_str() else {
            reader.wrong_type::<Self>(value, span);
            return None;
        };
        let allowed = Self::parse(text);
        if allowed.is_none() {
            let help = match text.split_once("://") {
                Some((_, rest)) => {
                    format!("write \"{}\"", shown(rest.split('/').next().unwrap_or_default()))
                }
                None => String::new(),
            };
            reader.bad_text(span, format!("expected {}, not \"{}\"", Self::expected(), shown(text)), &help);
        }
        allowed
    }
}

impl JsonSchema for Allowed {
    fn schema_name() -> Cow<'static, str> {
        "Allowed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": format!("expected: {}", Self::expected()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(allow: &[&str]) -> Outgoing {
        Outgoing { allow: allow.iter().map(|text| Allowed::parse(text).unwrap()).collect() }
    }

    fn goes(allow: &[&str], host: &str, address: &str) -> bool {
        outgoing(allow).judge(host, address.parse().unwrap()).is_ok()
    }

    #[test]
    fn nothing_is_allowed_unless_an_entry_says_so() {
        assert!(!goes(&[], "a.example", "192.0.2.1:80"));
        assert!(goes(&["a.example"], "a.example", "192.0.2.1:80"));
        assert!(goes(&["a.example:80"], "a.example", "192.0.2.1:80"));
        assert!(!goes(&["a.example:80"], "a.example", "192.0.2.1:81"));
        assert!(!goes(&["a.example"], "b.a.example", "192.0.2.1:80"));
        assert!(goes(&["*.a.example"], "b.a.example", "192.0.2.1:80"));
        assert!(!goes(&["*.a.example"], "ba.example", "192.0.2.1:80"));
        assert!(goes(&["192.0.2.0/24:80"], "whatever.example", "192.0.2.1:80"));
        assert!(goes(&["[2001:db8::/32]:443"], "x", "[2001:db8::1]:443"));
    }

    #[test]
    fn a_star_means_public_addresses_only() {
        assert!(goes(&["*"], "a", "192.0.2.1:80"));
        assert!(goes(&["*:443"], "a", "[2001:db8::1]:443"));
        for inside in [
            "127.0.0.1:1",
            "10.1.2.3:1",
            "172.16.0.1:1",
            "192.168.0.1:1",
            "100.64.0.1:1",
            "[::1]:1",
            "[fd00::1]:1",
            "[::ffff:10.0.0.1]:1",
            "[64:ff9b::a00:1]:1",
            "[2002:a00:1::]:1",
        ] {
            assert!(!goes(&["*"], "a", inside), "{inside}");
        }
    }

    #[test]
    fn an_allowed_name_does_not_lead_to_this_machine() {
        assert!(goes(&["a.example"], "a.example", "10.0.0.1:80"), "names of one's own network are usual");
        assert!(!goes(&["a.example"], "a.example", "127.0.0.1:80"));
        assert!(!goes(&["a.example"], "a.example", "[::ffff:127.0.0.1]:80"));
        assert!(goes(&["127.0.0.1:80"], "a.example", "127.0.0.1:80"), "unless it is written so");
    }

    #[test]
    fn some_places_are_never_gone_to_however_they_are_written() {
        let all = ["*", "0.0.0.0/0", "::/0", "a.example"];
        for bad in [
            "169.254.169.254:80",
            "169.254.1.1:80",
            "[fe80::1]:80",
            "[::ffff:169.254.169.254]:80",
            "[64:ff9b::a9fe:a9fe]:80",
            "[2002:a9fe:a9fe::]:80",
            "[::169.254.169.254]:80",
            "[fd00:ec2::254]:80",
            "100.100.100.200:80",
            "168.63.129.16:80",
            "0.0.0.0:80",
            "[::]:80",
            "255.255.255.255:80",
            "224.0.0.1:80",
            "[ff02::1]:80",
            "240.0.0.1:80",
        ] {
            let judged = outgoing(&all).judge("a.example", bad.parse().unwrap());
            assert!(matches!(judged, Err(Refusal::Never(_))), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused_before_a_name_is_resolved() {
        assert!(outgoing(&["a.example"]).foresee("b.example", 80).is_err());
        assert!(outgoing(&["10.0.0.0/8"]).foresee("b.example", 80).is_ok(), "it may lead there");
        assert!(outgoing(&["10.0.0.0/8"]).foresee("11.0.0.1", 80).is_err());
        assert!(outgoing(&["a.example:80"]).foresee("a.example", 81).is_err());
    }

    #[test]
    fn an_entry_that_says_nothing_is_none() {
        for bad in ["", "http://a.example", "10.0.0.0/33", "1.2.3", "a.example:0", "a.example:x", "*:", "a*b"]
        {
            assert!(Allowed::parse(bad).is_none(), "{bad}");
        }
    }
}
