//! Who asks: an address with a program at one virtual server. Two people behind one address with the same browser are one visitor here, one
//! person with two browsers is two.

use super::names::{Names, OTHER};
use super::rows::{Asked, Outcome};
use super::seed::{Seed, lot};
use accesslog::Client;
use hashbrown::HashTable;
use std::net::{IpAddr, Ipv6Addr};

/// How many visitors are kept apart; further ones are one visitor, "(other)".
pub(super) const VISITORS_MAX: usize = 3_000_000;

/// How many are looked up together.
pub(super) const TOGETHER: usize = 64;

/// In a list of numbers: has none so far.
const NOT_YET: u32 = u32::MAX;

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

    pub(super) fn add(&mut self, asked: &Asked) {
        self.requests = self.requests.saturating_add(1);
        self.bytes = self.bytes.saturating_add(asked.bytes);
        if asked.outcome != Outcome::Refused {
            self.pages = self.pages.saturating_add(u32::from(asked.kind.is_page()));
            self.media = self.media.saturating_add(u32::from(asked.kind.is_media()));
        }
    }

    fn take(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.requests = self.requests.saturating_add(other.requests);
        self.pages = self.pages.saturating_add(other.pages);
        self.media = self.media.saturating_add(other.media);
    }
}

/// Somebody whose number is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) client: ClientKey,
    pub(super) agent: u32,
    pub(super) domain: u16,
    /// By what it is drawn; `None`: its address says.
    pub(super) lot: Option<u8>,
}

impl Wanted {
    /// A client with a program at a domain; `names` are of clients that the log names.
    pub(super) fn of(client: Client<'_>, agent: u32, domain: u16, names: &mut Names) -> Self {
        let (client, lot) = match client {
            Client::Address(address) => (ClientKey::of_address(address), None),
            Client::Name(name) => (ClientKey::of_name(names.number(0, name)), Some(lot(name))),
        };
        Self { client, agent, domain, lot }
    }

    fn is(&self, visitor: &Visitor) -> bool {
        visitor.client == self.client && visitor.agent == self.agent && visitor.domain == self.domain
    }

    fn hash(&self, seed: Seed) -> u64 {
        hash(seed, self.client, self.agent, self.domain)
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

    /// The numbers of several, in their order. A table of a million visitors fits into no cache: looked up one right after
    /// the other, they wait for memory together.
    pub(super) fn numbers<'w>(
        &mut self,
        wanted: impl Iterator<Item = &'w Wanted> + Clone,
        numbers: &mut Vec<u32>,
    ) {
        numbers.clear();
        // who is not there is looked up once more: it may have come in between
        numbers.extend(wanted.clone().map(|one| self.find(one.hash(self.seed), one).unwrap_or(NOT_YET)));
        for (number, one) in numbers.iter_mut().zip(wanted).filter(|(number, _)| **number == NOT_YET) {
            *number = self.number(one);
        }
    }

    fn number(&mut self, wanted: &Wanted) -> u32 {
        let hash = wanted.hash(self.seed);
        if let Some(number) = self.find(hash, wanted) {
            return number;
        }
        let Some(number) = u32::try_from(self.all.len()).ok().filter(|_| self.all.len() < VISITORS_MAX)
        else {
            self.beyond += 1;
            return OTHER;
        };
        if self.numbers.len() == self.numbers.capacity() {
            self.grow();
        }
        let lot = wanted.lot.unwrap_or_else(|| lot_of(wanted.client));
        self.all.push(Visitor::new(wanted.client, wanted.agent, wanted.domain, lot));
        let (all, seed) = (&self.all, self.seed);
        self.numbers.insert_unique(hash, number, |number| {
            let visitor = &all[*number as usize];
            hash_of(seed, visitor)
        });
        number
    }

    /// Twice the table. It is filled in the order of numbers: a table that grows by itself goes through its places, and looks
    /// at a visitor somewhere in memory for each.
    fn grow(&mut self) {
        let mut numbers = HashTable::with_capacity(2 * self.numbers.capacity());
        for (number, visitor) in (0_u32..).zip(&self.all).skip(1) {
            // there is room for all of them
            numbers.insert_unique(hash_of(self.seed, visitor), number, |_| 0);
        }
        self.numbers = numbers;
    }

    fn find(&self, hash: u64, wanted: &Wanted) -> Option<u32> {
        self.numbers.find(hash, |number| wanted.is(&self.all[*number as usize])).copied()
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
        let mut numbers = Vec::with_capacity(other.all.len());
        let (mut wanted, mut found) = (Vec::with_capacity(TOGETHER), Vec::with_capacity(TOGETHER));
        for some in other.all.chunks(TOGETHER) {
            wanted.clear();
            wanted.extend(some.iter().map(|theirs| {
                let client = match theirs.client.name_number() {
                    Some(name) => ClientKey::of_name(names[name as usize]),
                    None => theirs.client,
                };
                let (agent, domain) = (agents[theirs.agent as usize], domain(theirs.domain));
                let is_other = client == ClientKey::OTHER && agent == OTHER;
                (!is_other).then_some(Wanted { client, agent, domain, lot: Some(theirs.lot) })
            }));
            self.numbers(wanted.iter().flatten(), &mut found);
            let mut found = found.iter();
            for (theirs, wanted) in some.iter().zip(&wanted) {
                let mine = wanted.and_then(|_| found.next().copied()).unwrap_or(OTHER);
                self.all[mine as usize].take(theirs);
                numbers.push(mine);
            }
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
