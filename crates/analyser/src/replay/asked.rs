//! A line of a log as the request that it was.

use accesslog::{Client, Facts, Line, Own, Said};
use engine::{KnownFacts, RequestId};
use message::{RequestHead, Version, is_target, is_token};
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, Ipv4Addr};

/// The largest block of IPv4 that nobody has (RFC 1112): where clients whose address is not in the log are put.
const NOBODYS: u32 = 0xf000_0000;

/// Which facts the lines of a log hold, as bits; knowledge is made once for each combination.
const REFERER: u8 = 1;
const AGENT: u8 = 2;
const HOST: u8 = 4;

/// What the log says of the answer that was given then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Then {
    pub(super) status: u16,
    pub(super) bytes: Option<u64>,
    pub(super) duration_micros: Option<u64>,
}

/// Who asked, and over which connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) client: IpAddr,
    pub(super) port: u16,
    pub(super) has_address: bool,
    /// Number of the connection, and which of its requests this is, from 1; `None` if the log does not tell.
    pub(super) connection: Option<(u64, u32)>,
    /// The fingerprint of the program.
    pub(super) agent: u64,
    /// The fingerprint of client and program.
    pub(super) visitor: u64,
    pub(super) id: Option<RequestId>,
}

impl Then {
    pub(super) fn of(line: &Line<'_>) -> Self {
        Self {
            status: line.status,
            bytes: line.bytes.known().or_else(|| matches!(line.bytes, Said::Absent).then_some(0)),
            duration_micros: line.duration_micros.known(),
        }
    }
}

impl Asker {
    pub(super) fn of(line: &Line<'_>, own: &Own<'_>, hashes: &foldhash::quality::FixedState) -> Self {
        let (client, has_address) = match line.client {
            Client::Address(address) => (address, true),
            Client::Name(name) => {
                let low = u32::try_from(hashes.hash_one(name) & 0x0fff_ffff).unwrap_or(0);
                (IpAddr::V4(Ipv4Addr::from_bits(NOBODYS | low)), false)
            }
        };
        let mut agent = hashes.build_hasher();
        if let Said::Known(text) = line.user_agent {
            agent.write(text.raw);
        }
        let agent = agent.finish();
        let mut visitor = hashes.build_hasher();
        match client {
            IpAddr::V4(address) => visitor.write_u32(address.to_bits()),
            IpAddr::V6(address) => visitor.write_u128(address.to_bits()),
        }
        visitor.write_u64(agent);
        let nth = own.requests_before.known().unwrap_or(0).saturating_add(1);
        let connection = own.connection_id.known();
        let id = own.request_id.known().and_then(|text| std::str::from_utf8(text.raw).ok());
        Self {
            client,
            port: own.client_port.known().unwrap_or(0),
            has_address,
            connection: connection.map(|id| (id, u32::try_from(nth).unwrap_or(u32::MAX))),
            agent,
            visitor: visitor.finish(),
            id: id.map(RequestId::of_name),
        }
    }
}

/// Which facts of its request a line holds.
pub(super) fn held_by(line: &Line<'_>, facts: &Facts, host: Option<&[u8]>) -> u8 {
    let bit = |is_held: bool, bit: u8| if is_held { bit } else { 0 };
    bit(facts.has_referer && !line.referer.is_unknown(), REFERER)
        | bit(facts.has_user_agent && !line.user_agent.is_unknown(), AGENT)
        | bit(host.is_some() || !line.host.is_unknown(), HOST)
}

/// What a policy may believe of requests of which the log holds these facts.
pub(super) fn knowledge(held: u8, cookies: Vec<Vec<u8>>) -> KnownFacts {
    let all = [(REFERER, "Referer"), (AGENT, "User-Agent"), (HOST, "Host")];
    let fields = all.iter().filter(|(bit, _)| held & bit != 0).map(|(_, name)| name.as_bytes().to_vec());
    KnownFacts { fields: fields.collect(), cookies, scheme: false }
}

/// Writes the request of a line into a head. False if no server would take such a one: it would be answered with 400
/// whatever the policy.
pub(super) fn write_head(
    head: &mut RequestHead,
    line: &Line<'_>,
    host: Option<&[u8]>,
    cookies: Option<&[u8]>,
    text: &mut Vec<u8>,
) -> bool {
    let target = line.target.decoded();
    if !is_token(line.method) || !is_target(&target) || line.status == 400 && line.protocol.is_empty() {
        return false;
    }
    text.clear();
    text.extend_from_slice(line.method);
    text.push(b' ');
    text.extend_from_slice(&target);
    if let Some(query) = line.query {
        let query = query.decoded();
        text.push(b'?');
        text.extend_from_slice(&query);
        if !query.is_empty() && !is_target(&query) {
            return false;
        }
    }
    let version = if line.protocol == b"HTTP/1.0" || line.protocol.is_empty() && line.target.raw.is_empty() {
        Version::Http10
    } else if line.protocol.starts_with(b"HTTP/2") {
        Version::Http2
    } else {
        Version::Http11
    };
    let no_fields = head.load_with((text, line.method.len()), version, b"", |_| Ok::<_, ()>(0));
    debug_assert!(no_fields.is_ok(), "nothing is read");
    let fields = head.fields_mut();
    let named = [(&b"Referer"[..], line.referer), (b"User-Agent", line.user_agent)];
    // A value that no field can hold did not come over any wire as it stands: it is left out.
    if let Some(host) = host {
        let _fits = fields.add(b"Host", host);
    }
    for (name, value) in named {
        if let Said::Known(value) = value {
            let _fits = fields.add(name, &value.decoded());
        }
    }
    if let Some(cookies) = cookies {
        let _fits = fields.add(b"Cookie", cookies);
    }
    true
}
