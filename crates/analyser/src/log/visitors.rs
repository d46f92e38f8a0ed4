//! Who asks: an address with a program at one virtual server. Two people behind one address with the same browser are one visitor here, one
//! person with two browsers is two.

use super::names::{Names, OTHER};
use super::seed::{Seed, lot};
use accesslog::Client;
use hashbrown::HashTable;
use std::net::{IpAddr, Ipv6Addr};

/// How many visitors are kept apart; further ones are one visitor, "(other)".
pub(super) const VISITORS_MAX: usize = 3_000_000;

/// The upper half of what stands for a client that the log names: no address of a client begins so.
const NAMED: u64 = u64::MAX;

/// A client as a number of two halves: an address as IPv6, or the number of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClientKey {
    pub(super) high: u64,
    pub(super) low: u64,
}

impl ClientKey {
    /// All clients that found no place.
    pub(super) const OTHER: Self = Self { high: NAMED, low: OTHER as u64 };

    #[expect(clippy::cast_possible_truncation, reason = "the two halves of an address")]
    fn of_address(address: IpAddr) -> Self {
        let address = match address {
            IpAddr::V4(four) => four.to_ipv6_mapped(),
            IpAddr::V6(six) => six,
        };
        let bits = address.to_bits();
        Self { high: (bits >> 64) as u64, low: (bits & u128::from(u64::MAX)) as u64 }
    }

    fn of_name(number: u32) -> Self {
        Self { high: NAMED, low: u64::from(number) }
    }

    /// The address; `None` for a name.
    pub(super) fn address(self) -> Option<IpAddr> {
        let bits = (u128::from(self.high) << 64) | u128::from(self.low);
        (self.high != NAMED).then(|| IpAddr::V6(Ipv6Addr::from_bits(bits)).to_canonical())
    }

    /// The network of an address, where its clients are neighbours in the order of keys: names have no order that says
    /// anything, and the lowest block of IPv6 has all of IPv4 in its midst.
    pub(super) fn network(self) -> Option<(bool, u64)> {
        const IPV4: u64 = 0xffff;
        match (self.high, self.low >> 32) {
            (NAMED, _) => None,
            (0, IPV4) => Some((false, self.low >> 8)),
            (0, _) => None,
            (high, _) if high >> 16 == 0 => None,
            (high, _) => Some((true, high >> 16)),
        }
    }

    pub(super) fn name_number(self) -> Option<u32> {
        if self.high == NAMED { u32::try_from(self.low).ok() } else { None }
    }
}

/// What one visitor did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visitor {
    pub(super) client: ClientKey,
    pub(super) bytes: u64,
    /// The number of its User-Agent.
    pub(super) agent: u32,
    pub(super) requests: u32,
    /// Pages that it opened.
    pub(super) pages: u32,
    /// Media files that it got.
    pub(super) media: u32,
    /// The number of the virtual server: who opens pages of one is no visitor of its neighbour's.
    pub(super) domain: u16,
    /// By what it is drawn, see [`lot`].
    pub(super) lot: u8,
}

impl Visitor {
    fn new(client: ClientKey, agent: u32, domain: u16, lot: u8) -> Self {
        Self { client, bytes: 0, agent, requests: 0, pages: 0, media: 0, domain, lot }
    }

    /// Got media and never opened a page.
    pub(super) fn is_asset_only(&self) -> bool {
        self.pages == 0
    }

    fn take(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.requests = self.requests.saturating_add(other.requests);
        self.pages = self.pages.saturating_add(other.pages);
        self.media = self.media.saturating_add(other.media);
    }
}

/// All visitors.
#[derive(Debug)]
pub(super) struct Visitors {
    seed: Seed,
    numbers: HashTable<u32>,
    all: Vec<Visitor>,
    /// How many requests came from visitors that found no place.
    beyond: u64,
}

impl Visitors {
    pub(super) fn new(seed: Seed) -> Self {
        let other = Visitor::new(ClientKey::OTHER, OTHER, 0, 0);
        Self { seed, numbers: HashTable::new(), all: vec![other], beyond: 0 }
    }

    /// The number of a client with a program at a domain; `names` are of clients that the log names.
    pub(super) fn number(&mut self, client: Client<'_>, agent: u32, domain: u16, names: &mut Names) -> u32 {
        let key = match client {
            Client::Address(address) => ClientKey::of_address(address),
            Client::Name(name) => ClientKey::of_name(names.number(0, name)),
        };
        self.of_key(key, agent, domain, |key| match client {
            Client::Address(_) => lot_of(key),
            Client::Name(name) => lot(name),
        })
    }

    fn of_key(&mut self, client: ClientKey, agent: u32, domain: u16, lot: impl Fn(ClientKey) -> u8) -> u32 {
        let hash = hash(self.seed, client, agent, domain);
        let all = &self.all;
        let is_it = |number: &u32| {
            let visitor = &all[*number as usize];
            visitor.client == client && visitor.agent == agent && visitor.domain == domain
        };
        if let Some(number) = self.numbers.find(hash, is_it) {
            return *number;
        }
        let Some(number) = u32::try_from(self.all.len()).ok().filter(|_| self.all.len() < VISITORS_MAX)
        else {
            self.beyond += 1;
            return OTHER;
        };
        self.all.push(Visitor::new(client, agent, domain, lot(client)));
        let (all, seed) = (&self.all, self.seed);
        self.numbers.insert_unique(hash, number, |number| {
            let visitor = &all[*number as usize];
            hash_of(seed, visitor)
        });
        number
    }

    pub(super) fn get_mut(&mut self, number: u32) -> &mut Visitor {
        &mut self.all[number as usize]
    }

    pub(super) fn get(&self, number: u32) -> &Visitor {
        &self.all[number as usize]
    }

    /// All of them; the first is "(other)".
    pub(super) fn all(&self) -> &[Visitor] {
        &self.all
    }

    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Takes the visitors of another table, whose agents and names of clients have the given numbers here; gives for
    /// each of its numbers the one here.
    pub(super) fn take(
        &mut self,
        other: &Self,
        (agents, names): (&[u32], &[u32]),
        domain: impl Fn(u16) -> u16,
    ) -> Vec<u32> {
        self.beyond += other.beyond;
        let mut numbers = vec![OTHER; other.all.len()];
        for (to, theirs) in numbers.iter_mut().zip(&other.all) {
            let client = match theirs.client.name_number() {
                Some(name) => ClientKey::of_name(names[name as usize]),
                None => theirs.client,
            };
            let agent = agents[theirs.agent as usize];
            let mine = if client == ClientKey::OTHER && agent == OTHER {
                OTHER
            } else {
                self.of_key(client, agent, domain(theirs.domain), |_| theirs.lot)
            };
            self.all[mine as usize].take(theirs);
            *to = mine;
        }
        numbers
    }
}

fn lot_of(key: ClientKey) -> u8 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&key.high.to_be_bytes());
    bytes[8..].copy_from_slice(&key.low.to_be_bytes());
    lot(&bytes)
}

fn hash(seed: Seed, client: ClientKey, agent: u32, domain: u16) -> u64 {
    seed.of_numbers(client.high, client.low, u64::from(agent) | (u64::from(domain) << 32))
}

fn hash_of(seed: Seed, visitor: &Visitor) -> u64 {
    hash(seed, visitor.client, visitor.agent, visitor.domain)
}
