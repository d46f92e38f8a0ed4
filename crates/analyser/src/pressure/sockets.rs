//! Who holds the send buffers now: sockets by port and network of the other side.
//!
//! Reading sockets is the shell's business; here they are added up. What a connection holds is `sk_wmem_queued` (`w` in
//! `ss -m`): everything that a program wrote and the other side has not acknowledged, heads of packets included. That is
//! what send buffers are counted in. `sk_wmem_alloc` (`t`) is on today's kernels only what the device still has.

use crate::human;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Groups that are listed; the rest is added up.
const GROUPS_LISTED_MAX: usize = 50;

const MAIL_PORTS: [u16; 4] = [25, 465, 587, 2525];
const WEB_PORTS: [u16; 6] = [80, 443, 8000, 8080, 8081, 8443];

/// A TCP socket as the kernel tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Ours.
    pub local: SocketAddr,
    /// Theirs.
    pub peer: SocketAddr,
    /// It waits for connections.
    pub is_listening: bool,
    /// Memory of what was written and not acknowledged: `sk_wmem_queued`.
    pub held_bytes: u64,
    /// The part of it that the device has not let go: `sk_wmem_alloc`.
    pub handed_bytes: u64,
    /// How much it may hold before its program has to wait; `None` where the kernel does not say.
    pub limit_bytes: Option<u64>,
    /// What it was used for, where the kernel says.
    pub times: Option<SendTimes>,
}

/// How a connection spent its time with data to send, in microseconds (`tcp_info`, Linux 4.10 and later).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SendTimes {
    /// With something to send.
    pub busy_micros: u64,
    /// Of that: the other side's window was shut; it reads slowly.
    pub client_slow_micros: u64,
    /// Of that: our send buffer was too small.
    pub buffer_short_micros: u64,
}

/// What a port is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trade {
    /// 25, 465, 587, 2525.
    Mail,
    /// 80, 443 and their usual substitutes.
    Web,
    /// Anything else.
    Other,
}

/// Who called whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// They connected to a port that we listen on.
    Incoming,
    /// We connected to a port of theirs.
    Outgoing,
}

/// What connections of one port with one network hold.
#[derive(Clone, Debug, Serialize)]
pub struct SocketGroup {
    /// The port that was connected to.
    pub port: u16,
    /// By whom.
    pub direction: Direction,
    /// What the port is used for.
    pub trade: Trade,
    /// The other side's /24 or /48.
    pub network: IpNet,
    /// How many connections.
    pub sockets: u64,
    /// How many that hold anything.
    pub holding: u64,
    /// How many distinct addresses.
    pub addresses: u64,
    /// What they hold together.
    pub held_bytes: u64,
    /// Their share of all that is held, 0 to 1.
    pub share: f64,
    /// How they spent their time, added up.
    pub times: Option<SendTimes>,
    /// What they wait for.
    pub waits_for: WaitsFor,
}

/// What keeps data in send buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaitsFor {
    /// The other side reads slowly.
    Client,
    /// Our own send buffers are small for the way.
    OurBuffers,
    /// The way between is slow, or the connections are young.
    Network,
    /// The kernel does not say.
    Unknown,
}

/// All sockets, added up.
#[derive(Clone, Debug, Serialize)]
pub struct SocketGroups {
    /// Connections.
    pub sockets: u64,
    /// What they hold together.
    pub held_bytes: u64,
    /// What mail, web and other ports hold.
    pub trades: Vec<TradeSum>,
    /// Who holds most, first.
    pub groups: Vec<SocketGroup>,
    /// Groups that are not listed.
    pub left_out: u64,
    /// Who it is, as a sentence.
    pub sentence: String,
}

/// What one trade holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TradeSum {
    /// Which.
    pub trade: Trade,
    /// Connections.
    pub sockets: u64,
    /// What they hold.
    pub held_bytes: u64,
}

/// The /24 or /48 that an address is in.
pub fn network_of(address: IpAddr) -> IpNet {
    match address.to_canonical() {
        IpAddr::V4(address) => IpNet::V4(Ipv4Net::new_assert(address, 24).trunc()),
        IpAddr::V6(address) => IpNet::V6(Ipv6Net::new_assert(address, 48).trunc()),
    }
}

const fn trade_of(port: u16) -> Trade {
    let mut at = 0;
    while at < MAIL_PORTS.len() {
        if MAIL_PORTS[at] == port {
            return Trade::Mail;
        }
        at += 1;
    }
    at = 0;
    while at < WEB_PORTS.len() {
        if WEB_PORTS[at] == port {
            return Trade::Web;
        }
        at += 1;
    }
    Trade::Other
}

#[derive(Default)]
struct Sum {
    sockets: u64,
    holding: u64,
    addresses: BTreeSet<IpAddr>,
    held_bytes: u64,
    times: Option<SendTimes>,
}

impl SocketGroups {
    /// Adds up.
    pub fn of(sockets: &[Socket]) -> Self {
        let listening: BTreeSet<u16> =
            sockets.iter().filter(|socket| socket.is_listening).map(|socket| socket.local.port()).collect();
        let mut sums: BTreeMap<(u16, Direction, IpNet), Sum> = BTreeMap::new();
        for socket in sockets.iter().filter(|socket| !socket.is_listening) {
            let (port, direction) = if listening.contains(&socket.local.port()) {
                (socket.local.port(), Direction::Incoming)
            } else {
                (socket.peer.port(), Direction::Outgoing)
            };
            let sum = sums.entry((port, direction, network_of(socket.peer.ip()))).or_default();
            sum.sockets += 1;
            sum.holding += u64::from(socket.held_bytes > 0);
            sum.addresses.insert(socket.peer.ip().to_canonical());
            sum.held_bytes += socket.held_bytes;
            if let Some(times) = socket.times.filter(|_| socket.held_bytes > 0) {
                let sum = sum.times.get_or_insert_default();
                sum.busy_micros = sum.busy_micros.saturating_add(times.busy_micros);
                sum.client_slow_micros = sum.client_slow_micros.saturating_add(times.client_slow_micros);
                sum.buffer_short_micros = sum.buffer_short_micros.saturating_add(times.buffer_short_micros);
            }
        }
        let held_bytes: u64 = sums.values().map(|sum| sum.held_bytes).sum();
        let mut groups: Vec<SocketGroup> =
            sums.into_iter().map(|(key, sum)| SocketGroup::of(key, &sum, held_bytes)).collect();
        groups.sort_by(|a, b| b.held_bytes.cmp(&a.held_bytes).then_with(|| b.sockets.cmp(&a.sockets)));
        let trades = [Trade::Web, Trade::Mail, Trade::Other].map(|trade| TradeSum {
            trade,
            sockets: groups.iter().filter(|group| group.trade == trade).map(|group| group.sockets).sum(),
            held_bytes: groups
                .iter()
                .filter(|group| group.trade == trade)
                .map(|group| group.held_bytes)
                .sum(),
        });
        let sentence = sentence(&groups, &trades, held_bytes);
        let sockets = groups.iter().map(|group| group.sockets).sum();
        let left_out = groups.len().saturating_sub(GROUPS_LISTED_MAX) as u64;
        groups.truncate(GROUPS_LISTED_MAX);
        Self { sockets, held_bytes, trades: trades.to_vec(), groups, left_out, sentence }
    }
}

impl SocketGroup {
    fn of((port, direction, network): (u16, Direction, IpNet), sum: &Sum, all_bytes: u64) -> Self {
        Self {
            port,
            direction,
            trade: trade_of(port),
            network,
            sockets: sum.sockets,
            holding: sum.holding,
            addresses: sum.addresses.len() as u64,
            held_bytes: sum.held_bytes,
            share: human::share(sum.held_bytes, all_bytes),
            times: sum.times,
            waits_for: waits_for(sum.times),
        }
    }
}

fn waits_for(times: Option<SendTimes>) -> WaitsFor {
    let Some(times) = times.filter(|times| times.busy_micros > 0) else { return WaitsFor::Unknown };
    if times.client_slow_micros > times.busy_micros / 2 {
        WaitsFor::Client
    } else if times.buffer_short_micros > times.busy_micros / 2 {
        WaitsFor::OurBuffers
    } else {
        WaitsFor::Network
    }
}

fn sentence(groups: &[SocketGroup], trades: &[TradeSum; 3], held_bytes: u64) -> String {
    let Some(first) = groups.first().filter(|group| group.held_bytes > 0) else {
        return "no connection holds anything in its send buffer now".to_owned();
    };
    let port = match (first.trade, first.direction) {
        (Trade::Mail, Direction::Outgoing) => format!("mail to port {}", first.port),
        (Trade::Mail, Direction::Incoming) => format!("mail on port {}", first.port),
        (Trade::Web, Direction::Incoming) => format!("downloads from port {}", first.port),
        (_, Direction::Incoming) => format!("connections to port {}", first.port),
        (_, Direction::Outgoing) => format!("our connections to port {}", first.port),
    };
    let wait = match (first.waits_for, first.times) {
        (WaitsFor::Client, Some(times)) => format!(
            "; for {} of their busy time they waited for the other side to read",
            human::percent(times.client_slow_micros, times.busy_micros)
        ),
        (WaitsFor::OurBuffers, Some(times)) => format!(
            "; for {} of their busy time our own send buffers were too small",
            human::percent(times.buffer_short_micros, times.busy_micros)
        ),
        _ => String::new(),
    };
    let [web, mail, _] = trades;
    format!(
        "{port}: {} holds {} of {} in send buffers ({}, {} connections from {} addresses){wait}; web ports hold {}, \
         mail ports {}",
        first.network,
        human::bytes(first.held_bytes),
        human::bytes(held_bytes),
        human::percent(first.held_bytes, held_bytes),
        first.sockets,
        first.addresses,
        human::percent(web.held_bytes, held_bytes),
        human::percent(mail.held_bytes, held_bytes),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(local: &str, peer: &str, held_bytes: u64) -> Socket {
        Socket {
            local: local.parse().unwrap(),
            peer: peer.parse().unwrap(),
            is_listening: false,
            held_bytes,
            handed_bytes: 0,
            limit_bytes: None,
            times: Some(SendTimes { busy_micros: 100, client_slow_micros: 90, buffer_short_micros: 0 }),
        }
    }

    fn listener(local: &str) -> Socket {
        Socket { is_listening: true, ..socket(local, "0.0.0.0:0", 0) }
    }

    #[test]
    fn the_network_that_holds_most_is_named_with_its_port_and_what_it_waits_for() {
        let mut sockets = vec![listener("0.0.0.0:80"), listener("[::]:443")];
        sockets.extend((1..=14).map(|n| socket("192.0.2.1:80", &format!("203.0.113.{n}:4000"), 600_000)));
        sockets.push(socket("[::ffff:192.0.2.1]:80", "[::ffff:203.0.113.9]:4001", 600_000));
        sockets.push(socket("[2001:db8::1]:443", "[2001:db8:7:1::5]:5000", 1000));
        sockets.push(socket("192.0.2.1:51000", "198.51.100.25:25", 300));
        let groups = SocketGroups::of(&sockets);
        let first = &groups.groups[0];
        assert_eq!(first.network.to_string(), "203.0.113.0/24");
        assert_eq!(
            (first.port, first.direction, first.sockets, first.addresses),
            (80, Direction::Incoming, 15, 14)
        );
        assert_eq!(first.waits_for, WaitsFor::Client);
        assert_eq!(groups.groups[1].network.to_string(), "2001:db8:7::/48");
        assert_eq!((groups.groups[2].trade, groups.groups[2].direction), (Trade::Mail, Direction::Outgoing));
        assert!(
            groups.sentence.starts_with("downloads from port 80: 203.0.113.0/24 holds"),
            "{}",
            groups.sentence
        );
        assert!(groups.sentence.contains("90% of their busy time"), "{}", groups.sentence);
    }

    #[test]
    fn nobody_is_named_where_nothing_is_held() {
        let groups = SocketGroups::of(&[listener("0.0.0.0:80"), socket("192.0.2.1:80", "203.0.113.1:1", 0)]);
        assert_eq!(groups.sentence, "no connection holds anything in its send buffer now");
        assert_eq!(groups.sockets, 1);
    }
}
