//! What any Linux kernel says of TCP memory: `/proc/net/sockstat`, `tcp_mem`, the counters of `/proc/net/netstat` and
//! `/proc/net/snmp`, and stalls (`/proc/pressure`).
//!
//! The `procfs` crate has no `TcpExt`, and reads its files into fixed structures of one kernel's names; the set of names
//! grows with each kernel. So they are read here by name: two lines, names and values.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a counter speaks of when it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaks {
    /// Memory for TCP ran short: senders are slowed or connections ended.
    TcpMemory,
    /// Received data was thrown away for want of room.
    ReceiveBuffer,
    /// A listening program was too slow to take connections.
    AcceptQueue,
    /// The same for UDP.
    Udp,
}

/// One counter that is looked at.
#[derive(Debug)]
pub struct Counter {
    /// The line it stands in: `TcpExt` (netstat) or `Udp` (snmp).
    pub group: &'static str,
    /// The kernel's name.
    pub name: &'static str,
    /// What it speaks of.
    pub speaks: Speaks,
    /// What one more of it means.
    pub meaning: &'static str,
}

const fn tcp(name: &'static str, speaks: Speaks, meaning: &'static str) -> Counter {
    Counter { group: "TcpExt", name, speaks, meaning }
}

const fn udp(name: &'static str, meaning: &'static str) -> Counter {
    Counter { group: "Udp", name, speaks: Speaks::Udp, meaning }
}

/// All counters that are looked at. All count since the machine (or its network namespace) started.
pub const COUNTERS: [Counter; 15] = [
    tcp("TCPMemoryPressures", Speaks::TcpMemory, "TCP's memory passed the pressure line of tcp_mem"),
    tcp("TCPMemoryPressuresChrono", Speaks::TcpMemory, "milliseconds spent above the pressure line"),
    tcp("TCPAbortOnMemory", Speaks::TcpMemory, "a connection was ended because there was no memory for it"),
    tcp("TCPWqueueTooBig", Speaks::TcpMemory, "a socket's send queue was over twice its limit"),
    tcp("PruneCalled", Speaks::ReceiveBuffer, "a receive queue had to be squeezed"),
    tcp("RcvPruned", Speaks::ReceiveBuffer, "received data was thrown away, even after squeezing"),
    tcp("OfoPruned", Speaks::ReceiveBuffer, "data that came out of order was thrown away"),
    tcp("TCPRcvQDrop", Speaks::ReceiveBuffer, "a packet was dropped: the receive queue was full"),
    tcp("TCPBacklogDrop", Speaks::ReceiveBuffer, "a packet was dropped while its program held the socket"),
    tcp("TCPZeroWindowDrop", Speaks::ReceiveBuffer, "a packet came although our window was shut"),
    tcp(
        "ListenOverflows",
        Speaks::AcceptQueue,
        "a connection came while the queue of a listening program was full",
    ),
    tcp("ListenDrops", Speaks::AcceptQueue, "a connection was dropped before a program took it"),
    udp("SndbufErrors", "a datagram was not sent: the send buffer was full"),
    udp("RcvbufErrors", "a datagram was dropped: the receive buffer was full"),
    udp("MemErrors", "a datagram was dropped: no memory for UDP"),
];

/// Values of [`COUNTERS`] by `Group.Name`; a kernel has some of them.
pub type Values = BTreeMap<String, u64>;

/// Takes the counters out of `/proc/net/netstat` or `/proc/net/snmp` (or both): pairs of lines, names then values. A
/// value that is no number below 2^64 is left out.
pub(super) fn read_counters(text: &[u8], values: &mut Values) {
    let text = String::from_utf8_lossy(text);
    let mut names: Option<(&str, &str)> = None;
    for line in text.lines() {
        let Some((group, rest)) = line.split_once(':') else { continue };
        match names.take() {
            Some((of, names)) if of == group => {
                let pairs = names.split_ascii_whitespace().zip(rest.split_ascii_whitespace());
                for (name, value) in pairs {
                    let is_wanted =
                        COUNTERS.iter().any(|counter| counter.group == group && counter.name == name);
                    if let (true, Ok(value)) = (is_wanted, value.parse()) {
                        values.insert(format!("{group}.{name}"), value);
                    }
                }
            }
            _ => names = Some((group, rest)),
        }
    }
}

/// TCP's memory, of the whole machine also when seen from inside a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpMemory {
    /// Connections of this network namespace.
    pub inuse: u64,
    /// Connections that no program has any more.
    pub orphan: u64,
    /// Held now, in pages.
    pub held_pages: u64,
    /// `tcp_mem`: below the first nobody is bothered; above the second windows stop to grow; above the third memory is
    /// refused. In pages; `None` where it cannot be read.
    pub lines_pages: Option<[u64; 3]>,
    /// `tcp_wmem`: least, first and greatest size of a socket's send buffer, in bytes.
    pub send_buffer_bytes: Option<[u64; 3]>,
    /// Bytes of a page.
    pub page_bytes: u64,
}

impl TcpMemory {
    /// Reads `/proc/net/sockstat`. `None` if its line `TCP:` has no `mem`.
    pub(super) fn read(sockstat: &[u8], page_bytes: u64) -> Option<Self> {
        let text = String::from_utf8_lossy(sockstat);
        let line = text.lines().find_map(|line| line.strip_prefix("TCP:"))?;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let value = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1)?.parse().ok()
        };
        Some(Self {
            inuse: value("inuse").unwrap_or(0),
            orphan: value("orphan").unwrap_or(0),
            held_pages: value("mem")?,
            lines_pages: None,
            send_buffer_bytes: None,
            page_bytes,
        })
    }
}

/// Reads three numbers (`tcp_mem`, `tcp_wmem`).
pub(super) fn three(text: &[u8]) -> Option<[u64; 3]> {
    let text = String::from_utf8_lossy(text);
    let numbers: Vec<u64> = text.split_ascii_whitespace().map_while(|word| word.parse().ok()).collect();
    numbers.try_into().ok()
}

/// How long programs stood still for want of memory (PSI).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// Share of the last ten seconds in which some program waited, in percent.
    pub some_avg10: f64,
    /// The same in which all of them did.
    pub full_avg10: f64,
    /// Microseconds in which some program waited, since the start.
    pub some_total_micros: u64,
}

impl Stall {
    /// Reads `/proc/pressure/memory` or a group's `memory.pressure`.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let mut stall = None;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let kind = words.next();
            let mut avg10 = None;
            let mut total = None;
            for word in words {
                match word.split_once('=') {
                    Some(("avg10", value)) => avg10 = value.parse::<f64>().ok().filter(|v| v.is_finite()),
                    Some(("total", value)) => total = value.parse::<u64>().ok(),
                    _ => {}
                }
            }
            let stall = stall.get_or_insert_with(Self::default);
            match kind {
                Some("some") => {
                    stall.some_avg10 = avg10?;
                    stall.some_total_micros = total?;
                }
                Some("full") => stall.full_avg10 = avg10?,
                _ => return None,
            }
        }
        stall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_name_wherever_they_stand() {
        let netstat =
            b"TcpExt: SyncookiesSent ListenOverflows NewName TCPMemoryPressures\nTcpExt: 1 22 3 44\n\
            IpExt: InNoRoutes\nIpExt: 5\n";
        let snmp = b"Udp: InDatagrams SndbufErrors\nUdp: 9 8\n";
        let mut values = Values::new();
        read_counters(netstat, &mut values);
        read_counters(snmp, &mut values);
        let all: Vec<(&str, u64)> = values.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert_eq!(
            all,
            [("TcpExt.ListenOverflows", 22), ("TcpExt.TCPMemoryPressures", 44), ("Udp.SndbufErrors", 8)]
        );
    }

    #[test]
    fn a_names_line_without_its_values_says_nothing_about_others() {
        let mut values = Values::new();
        read_counters(b"TcpExt: ListenDrops\nUdp: SndbufErrors\nUdp: 3\nno colon\nTcpExt: 7", &mut values);
        assert_eq!(values.get("Udp.SndbufErrors"), Some(&3));
        assert_eq!(values.get("TcpExt.ListenDrops"), None);
    }

    #[test]
    fn sockstat_and_tcp_mem_are_in_pages() {
        let sockstat = b"sockets: used 15\nTCP: inuse 3 orphan 1 tw 0 alloc 4 mem 81\nUDP: inuse 0 mem 0\n";
        let memory = TcpMemory::read(sockstat, 4096).expect("a TCP line");
        assert_eq!((memory.inuse, memory.orphan, memory.held_pages), (3, 1, 81));
        assert_eq!(three(b"287898\t383867\t575796\n"), Some([287_898, 383_867, 575_796]));
        assert_eq!(three(b"1 2"), None);
        assert!(TcpMemory::read(b"TCP: inuse 3 mem x", 4096).is_none());
    }

    #[test]
    fn a_stall_has_a_share_and_a_total() {
        let text =
            b"some avg10=1.50 avg60=0.00 avg300=0.00 total=12345\nfull avg10=0.25 avg60=0 avg300=0 total=9\n";
        let stall = Stall::read(text).expect("a stall");
        assert!((stall.some_avg10 - 1.5).abs() < 1e-9 && (stall.full_avg10 - 0.25).abs() < 1e-9);
        assert_eq!(stall.some_total_micros, 12_345);
        assert_eq!(Stall::read(b"nonsense"), None);
        assert_eq!(Stall::read(b"some avg10=NaN total=1"), None);
    }
}
