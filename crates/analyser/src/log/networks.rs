//! Clients summed up by network: /24 and /48, and for clients with names the end of the name.

use super::names::OTHER;
use super::tally::Tally;
use super::visitors::ClientKey;
use crate::Counted;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use ipnet::IpNet;
use std::cmp::Ordering;

/// A /24 or /48, or for clients with names the end of the name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Network {
    Addresses(IpNet),
    Named(String),
}

impl Network {
    pub(super) fn of(tally: &Tally, client: ClientKey) -> Self {
        let Some(address) = client.address() else {
            let name = client_name(tally, client);
            return Self::Named(visit::registrable(&name).to_owned());
        };
        Self::Addresses(crate::pressure::network_of(address))
    }

    pub(super) fn shown(&self) -> String {
        match self {
            Self::Addresses(network) => network.to_string(),
            Self::Named(name) => name.clone(),
        }
    }
}

/// A client for showing.
pub(super) fn client_name(tally: &Tally, client: ClientKey) -> String {
    match client.address() {
        Some(address) => address.to_string(),
        None => tally.client_names.shown(u32::try_from(client.low).unwrap_or(OTHER)),
    }
}

/// What orders clients whatever numbers their names have.
pub(super) fn client_order(tally: &Tally, key: ClientKey) -> (u64, u64, &[u8]) {
    match key.name_number() {
        None => (key.high, key.low, b""),
        Some(name) => (u64::MAX, 0, tally.client_names.name(name)),
    }
}

/// Networks, of clients that come in the order of their addresses: the clients of a network are neighbours then, and
/// only the largest networks need to be held.
#[derive(Debug)]
pub(super) struct Networks {
    /// How many of the largest are wanted.
    wanted: usize,
    current: Option<Held>,
    largest: Vec<Held>,
    /// Once there are as many as wanted: what is no larger need not be held.
    least: Option<Held>,
    ended: u64,
    /// Networks whose clients need not be neighbours.
    scattered: HashMap<Network, Held, FixedState>,
}

/// One network.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// One of its clients.
    client: ClientKey,
    counted: Counted,
}

impl Networks {
    pub(super) fn new(wanted: usize) -> Self {
        Self {
            wanted,
            current: None,
            largest: Vec::new(),
            least: None,
            ended: 0,
            scattered: HashMap::default(),
        }
    }

    /// The next client with what it has.
    pub(super) fn add(&mut self, tally: &Tally, client: ClientKey, requests: u64, bytes: u64) {
        let Some(network) = client.network() else {
            let none = || Held { client, counted: Counted::default() };
            let held = self.scattered.entry(Network::of(tally, client)).or_insert_with(none);
            return held.add(requests, bytes);
        };
        match &mut self.current {
            Some(current) if current.client.network() == Some(network) => current.add(requests, bytes),
            _ => {
                let mut next = Held { client, counted: Counted::default() };
                next.add(requests, bytes);
                let ended = self.current.replace(next);
                self.end(tally, ended);
            }
        }
    }

    /// Takes others, none of them one of these unless its clients need not be neighbours.
    pub(super) fn merge(&mut self, tally: &Tally, mut other: Self) {
        let ended = other.current.take();
        self.end(tally, ended);
        self.ended += other.ended;
        self.largest.append(&mut other.largest);
        self.cut(tally);
        for (network, theirs) in other.scattered {
            let none = || Held { client: theirs.client, counted: Counted::default() };
            let mine = &mut self.scattered.entry(network).or_insert_with(none).counted;
            mine.requests += theirs.counted.requests;
            mine.bytes += theirs.counted.bytes;
            mine.clients += theirs.counted.clients;
        }
    }

    /// How many networks there are, and the largest of them: the most bytes first.
    pub(super) fn finish(mut self, tally: &Tally) -> (u64, Vec<(Network, Counted)>) {
        let ended = self.current.take();
        self.end(tally, ended);
        for held in std::mem::take(&mut self.scattered).into_values() {
            self.end(tally, Some(held));
        }
        self.cut(tally);
        let named = |held: &Held| (Network::of(tally, held.client), held.counted);
        (self.ended, self.largest.iter().map(named).collect())
    }

    fn end(&mut self, tally: &Tally, held: Option<Held>) {
        let Some(held) = held else { return };
        self.ended += 1;
        if self.least.is_some_and(|least| larger(tally, &held, &least).is_ge()) {
            return;
        }
        self.largest.push(held);
        if self.largest.len() >= 8 * self.wanted + 8 {
            self.cut(tally);
        }
    }

    fn cut(&mut self, tally: &Tally) {
        self.largest.sort_unstable_by(|one, other| larger(tally, one, other));
        self.largest.truncate(self.wanted);
        self.least = self.largest.last().copied().filter(|_| self.largest.len() == self.wanted);
    }
}

/// The most bytes first, ties by the network itself.
fn larger(tally: &Tally, one: &Held, other: &Held) -> Ordering {
    let size = |held: &Held| (held.counted.bytes, held.counted.requests);
    size(other).cmp(&size(one)).then_with(|| match (one.client.network(), other.client.network()) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => Network::of(tally, one.client).cmp(&Network::of(tally, other.client)),
    })
}

impl Held {
    fn add(&mut self, requests: u64, bytes: u64) {
        self.counted.requests += requests;
        self.counted.bytes += bytes;
        self.counted.clients += 1;
    }
}
