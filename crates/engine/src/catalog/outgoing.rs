//! Where rules may go (`[outgoing]`): what the operator allows, and what nobody may. Judged on the address that is
//! really connected to, after names are resolved.

use super::HostPattern;
use super::address::{host_pattern, port_number};
use super::read::{Reader, Say, shown};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
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
    /// Every address that is reachable from everywhere.
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
    /// A name leads to this machine, at this address. No entry with a name allows that, one with the address does.
    ThisMachine(SocketAddr),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never(what) => f.write_str(what),
            Self::NotAllowed => f.write_str("the catalog does not allow it"),
            Self::ThisMachine(address) => write!(
                f,
                "a name may not lead to this machine; [outgoing] allow = [\"{address}\"] would allow the address"
            ),
        }
    }
}

impl Refusal {
    /// Of a port that the process listens on: no entry helps.
    pub const OWN: Self = Self::Never("tidegate itself listens there");
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
                Place::Public => is_public(ip),
                Place::Network(network) => network.contains(&ip),
                Place::Host(pattern) => !is_loopback(ip) && pattern.holds(host.as_bytes()),
            };
            is_there && allowed.port.is_none_or(|port| port == address.port())
        };
        if self.allow.iter().any(allows) {
            Ok(())
        } else if is_loopback(ip) && host.parse::<IpAddr>().is_err() {
            Err(Refusal::ThisMachine(SocketAddr::new(ip, address.port())))
        } else {
            Err(Refusal::NotAllowed)
        }
    }

    /// Whether it can be said before a name is resolved that a rule may not go there.
    ///
    /// # Errors
    /// Why not.
    pub fn foresee(&self, host: &str, port: u16) -> Result<(), Refusal> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return self.judge(host, SocketAddr::new(address, port));
        }
        if is_localhost(host) {
            let on_v4 = self.judge(host, (Ipv4Addr::LOCALHOST, port).into());
            let on_v6 = self.judge(host, (Ipv6Addr::LOCALHOST, port).into());
            return if on_v6.is_ok() { on_v6 } else { on_v4 };
        }
        let may = |allowed: &Allowed| {
            let is_possible = match &allowed.place {
                Place::Public | Place::Network(_) => true,
                Place::Host(pattern) => pattern.holds(host.as_bytes()),
            };
            is_possible && allowed.port.is_none_or(|allowed| allowed == port)
        };
        if self.allow.iter().any(may) { Ok(()) } else { Err(Refusal::NotAllowed) }
    }
}

/// What a canonical address is that no rule may go to; an IPv4 address inside an IPv6 one counts.
fn never(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => never_v4(v4),
        IpAddr::V6(v6) => never_v6(v6).or_else(|| embedded(v6).into_iter().flatten().find_map(never_v4)),
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

/// The IPv4 addresses that an IPv6 one leads to: mapped, translated, compatible, NAT64, 6to4, and the server and the
/// client of Teredo.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let whole = u128::from(address);
    #[expect(clippy::cast_possible_truncation, reason = "the part that is wanted")]
    let part = |shift: u32| (whole >> shift) as u32;
    let one = |shift: u32| [Some(Ipv4Addr::from(part(shift))), None];
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..]
        | [0x64, 0xff9b, 1, ..]
        | [0, 0, 0, 0, 0, 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..] => one(0),
        [0, 0, 0, 0, 0, 0, ..] if !address.is_loopback() && !address.is_unspecified() => one(0),
        [0x2002, ..] => one(80),
        // The client's address is stored with every bit turned over.
        [0x2001, 0, ..] => [Some(Ipv4Addr::from(part(64))), Some(Ipv4Addr::from(!part(0)))],
        _ => [None, None],
    }
}

/// `localhost` and all below it lead to this machine and nowhere else (RFC 6761, 6.3).
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.strip_suffix("localhost").is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

pub(super) fn is_loopback(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_loopback() || embedded(v6).into_iter().flatten().any(|v4| v4.is_loopback()),
    }
}

/// Whether a canonical address is reachable from everywhere, after IANA's registries of special-purpose addresses.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// IANA IPv4 Special-Purpose Address Registry, with the multicast addresses. The few addresses of 192.0.0.0/24 that are
/// anycast services of networks go with the rest of it.
fn is_public_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        // This network, private use, loopback; multicast, reserved, broadcast.
        [0 | 10 | 127 | 224..=255, ..]
        // Shared by carriers, link-local, private use.
        | [100, 64..=127, ..] | [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..]
        // Protocol assignments and documentation, the former relays of 6to4, benchmarks.
        | [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..]
        // Documentation.
        | [198, 51, 100, _] | [203, 0, 113, _] => false,
        _ => true,
    }
}

/// IANA IPv6 Special-Purpose Address Registry; and of all the space only 2000::/3 is given out as global unicast.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // NAT64 and 6to4 are as public as the address inside.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x2002, ..] => {
            embedded(address).into_iter().flatten().all(is_public_v4)
        }
        // 2001::/23: protocol assignments, Teredo among them. 2001:db8::/32 and 3fff::/20: documentation.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
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
            return Some(Self::Network(canonical(network.trunc())));
        }
        // What looks like a number would be taken for a name that nobody has.
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        host_pattern(text).filter(|_| !is_number && !text.contains('[')).map(Self::Host)
    }
}

/// Addresses are judged in their canonical form, so what is written as mapped IPv4 is taken for IPv4.
fn canonical(network: IpNet) -> IpNet {
    let v4 = |v6: Ipv6Net| {
        let length = v6.prefix_len().checked_sub(96)?;
        Ipv4Net::new(v6.addr().to_ipv4_mapped()?, length).ok()
    };
    match network {
        IpNet::V6(v6) => v4(v6).map_or(network, IpNet::V4),
        IpNet::V4(_) => network,
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

    /// Neighbours of the ranges in IANA's special-purpose address registries, and what is given out.
    const PUBLIC: &str = "
        1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.0.0.1 128.0.0.0 172.15.255.255
        172.32.0.0 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0
        198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
        2000::1 2001:200::1 2001:db7::1 2001:db9::1 2606:4700::1111 3fff:1000::1 64:ff9b::101:101
        2002:101:101::1 ::ffff:1.1.1.1
    ";

    /// The ranges of IANA's IPv4 and IPv6 Special-Purpose Address Registries, by their first and their last address
    /// or by one that tells; and IPv4 addresses in IPv6 ones.
    const SPECIAL: &str = "
        0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.0
        127.255.255.255 169.254.0.0 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.255
        192.0.2.0 192.0.2.255 192.88.99.0 192.88.99.255 192.168.0.0 192.168.255.255 198.18.0.0
        198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255 224.0.0.0 239.255.255.255
        240.0.0.0 255.255.255.255 :: ::1 ::101:101 ::ffff:0:101:101 ::ffff:10.0.0.1 64:ff9b::a00:1
        64:ff9b::c000:201 64:ff9b:1::101:101 64:ff9b:1:ffff::1 100::1 100:0:0:1::1 2001::1
        2001:0:101:101::fefe:fefe 2001:1ff:ffff::1 2001:db8::1 2001:db8:ffff::1 2002:a00:1::1
        2002:c612:1::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fdff::1 fe80::1 febf::1 fec0::1
        feff::1 ff02::1 1fff::1
    ";

    #[test]
    fn a_star_means_public_addresses_only() {
        let goes = |address: &str| {
            let address = SocketAddr::new(address.parse().unwrap(), 443);
            outgoing(&["*:443"]).judge("a", address).is_ok()
        };
        for address in PUBLIC.split_whitespace() {
            assert!(goes(address), "{address}");
        }
        for address in SPECIAL.split_whitespace() {
            assert!(!goes(address), "{address}");
        }
    }

    #[test]
    fn what_a_star_leaves_out_can_be_written_as_a_network() {
        for (allow, address) in [
            ("192.0.2.0/24", "192.0.2.1:80"),
            ("198.18.0.0/15", "198.19.0.1:80"),
            ("[2001:db8::/32]:80", "[2001:db8::1]:80"),
            ("fec0::/10", "[fec0::1]:80"),
            ("64:ff9b:1::/48", "[64:ff9b:1::101:101]:80"),
        ] {
            assert!(!goes(&["*"], "a", address), "{address}");
            assert!(goes(&["*", allow], "a", address), "{address}");
        }
    }

    #[test]
    fn an_entry_of_mapped_addresses_means_the_ipv4_addresses() {
        for allow in ["[::ffff:7f00:1]:80", "::ffff:127.0.0.1", "::ffff:127.0.0.0/104"] {
            for address in ["127.0.0.1:80", "[::ffff:127.0.0.1]:80"] {
                assert!(goes(&[allow], "a", address), "{allow} {address}");
            }
            assert!(!goes(&[allow], "a", "128.0.0.1:80"), "{allow}");
        }
    }

    #[test]
    fn a_name_that_leads_to_this_machine_is_told_the_address_to_write() {
        let judged =
            outgoing(&["a.example:80", "*"]).judge("a.example", "[::ffff:127.0.0.1]:80".parse().unwrap());
        let refusal = judged.unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "a name may not lead to this machine; [outgoing] allow = [\"127.0.0.1:80\"] would allow the address"
        );
        assert!(goes(&["127.0.0.1:80"], "a.example", "127.0.0.1:80"));
        let judged = outgoing(&[]).judge("127.0.0.1", "127.0.0.1:80".parse().unwrap());
        assert_eq!(judged, Err(Refusal::NotAllowed), "it was an address already");
    }

    #[test]
    fn localhost_is_known_to_be_this_machine() {
        let here = Err(Refusal::ThisMachine("127.0.0.1:80".parse().unwrap()));
        for name in ["localhost", "a.localhost", "localhost."] {
            for allow in
                [&[][..], &["localhost:80"], &["*.localhost"], &["*"], &["127.0.0.1:81", "10.0.0.0/8"]]
            {
                assert_eq!(outgoing(allow).foresee(name, 80), here, "{name} {allow:?}");
            }
            for allow in ["127.0.0.1:80", "127.0.0.0/8", "[::1]:80"] {
                assert_eq!(outgoing(&[allow]).foresee(name, 80), Ok(()), "{name} {allow}");
            }
        }
        assert!(outgoing(&["notlocalhost"]).foresee("notlocalhost", 80).is_ok());
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
            "[::ffff:0:169.254.169.254]:80",
            "[64:ff9b:1::a9fe:a9fe]:80",
            "[2001:0:a9fe:a9fe::]:80",
            "[2001:0:101:101::5601:5601]:80",
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
