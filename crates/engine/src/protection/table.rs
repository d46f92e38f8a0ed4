//! How many connections each client has, and how many it began lately: one table for all workers.
//!
//! A client is an IPv4 address or the first 64 bits of an IPv6 address. The table is bounded, and nobody's count ever
//! makes room for another's: clients for whom there is no place of their own share one with others of their wider
//! network (the first 16 bits of IPv4, 48 of IPv6), which has the limits of one client.

use super::class::ConnectionLimits;
use shaping::{ClientNetwork, Tick};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Parts of the table with a lock each.
const SHARDS: usize = 16;
/// Clients of one shard with a place of their own: 65,536 in all, of some 80 bytes.
const OWN_PLACES: usize = 4_096;
/// Places of one shard that clients without their own share: those of one wide network, one in each shard.
const SHARED_PLACES: usize = 512;
/// Parts into which the time of the rate limit is cut: a start is forgotten at most this part of it late, never early.
const SLICES: u32 = 8;
/// How many of the busiest clients are limited together.
const BUSIEST: u32 = 10;

/// Which limit a newcomer would pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Connections of one client.
    One,
    /// Connections of the ten busiest clients together.
    Ten,
    /// Connections and requests in the time of the rate limit.
    Rate,
}

/// The table of one protection class.
pub(super) struct Table {
    shards: [Mutex<Shard>; SHARDS],
    /// How many clients have so many connections. Locked behind a shard, never before one.
    busiest: Mutex<BTreeMap<u32, u32>>,
    seed: u64,
}

/// Where a client is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    shard: usize,
    within: Within,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Own(ClientNetwork),
    Shared(usize),
}

#[derive(Default)]
struct Shard {
    own: BTreeMap<ClientNetwork, Count>,
    /// Made when it is first needed.
    shared: Vec<Count>,
    /// The slice in which room was last looked for.
    swept: u64,
}

/// What is known of a client.
#[derive(Clone, Default)]
struct Count {
    connections: u32,
    starts: Starts,
}

/// Starts by slice of time. What is older than all slices is forgotten.
#[derive(Clone, Default)]
struct Starts {
    newest: u64,
    /// Of the slice that goes on, and of as many whole ones as the time has: by number of the slice, in turn.
    counts: [u32; SLICES as usize + 1],
}

impl Starts {
    const LENGTH: u64 = SLICES as u64 + 1;

    fn advance(&mut self, slice: u64) {
        // Clocks of workers interleave: an older slice is taken for the newest.
        let steps = slice.saturating_sub(self.newest);
        for step in 1..=steps.min(Self::LENGTH) {
            if let Some(count) = self.counts.get_mut(at(self.newest + step)) {
                *count = 0;
            }
        }
        self.newest = self.newest.max(slice);
    }

    fn sum(&self) -> u32 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    fn add_one(&mut self) {
        if let Some(count) = self.counts.get_mut(at(self.newest)) {
            *count = count.saturating_add(1);
        }
    }

    fn is_forgotten(&self, slice: u64) -> bool {
        slice.saturating_sub(self.newest) >= Self::LENGTH || self.sum() == 0
    }
}

fn at(slice: u64) -> usize {
    (slice % Starts::LENGTH) as usize
}

/// The number of the slice of time at a moment.
fn slice(now: Tick, timer: Duration) -> u64 {
    let length = u64::try_from(timer.as_nanos() / u128::from(SLICES)).unwrap_or(u64::MAX).max(1);
    now.nanos() / length
}

impl Table {
    /// `seed` keeps it from being known which clients share.
    pub(super) fn new(seed: u64) -> Self {
        Self { shards: Default::default(), busiest: Mutex::default(), seed }
    }

    /// A new connection. It is counted if it is within the limits.
    pub(super) fn enter(&self, client: IpAddr, limits: &ConnectionLimits, now: Tick) -> Result<Place, Over> {
        self.count(client, limits, now, |count| {
            if limits.one > 0 && count.connections >= limits.one {
                return Err(Over::One);
            }
            self.note_busy(count.connections, limits)?;
            count.connections += 1;
            Ok(())
        })
    }

    /// A new connection that is let in whatever the limits say.
    pub(super) fn enter_anyway(&self, client: IpAddr, limits: &ConnectionLimits, now: Tick) -> Place {
        let unlimited = ConnectionLimits { one: 0, ten: 0, rate: 0, ..*limits };
        let entered = self.count(client, &unlimited, now, |count| {
            self.move_busy(count.connections, count.connections + 1);
            count.connections += 1;
            Ok(())
        });
        entered.unwrap_or_else(|_| {
            debug_assert!(false, "there is no limit to be over");
            self.place_of(client)
        })
    }

    /// Another request on a connection that is counted, or of a client whose connections are not.
    pub(super) fn begin(&self, client: IpAddr, limits: &ConnectionLimits, now: Tick) -> Result<(), Over> {
        if limits.rate == 0 {
            return Ok(());
        }
        self.count(client, limits, now, |_| Ok(())).map(|_| ())
    }

    /// A connection that was counted is over.
    pub(super) fn leave(&self, place: Place) {
        let mut shard = self.shard(place.shard);
        let count = match place.within {
            Within::Own(client) => shard.own.get_mut(&client),
            Within::Shared(at) => shard.shared.get_mut(at),
        };
        let Some(count) = count.filter(|count| count.connections > 0) else {
            debug_assert!(false, "a connection left twice");
            return;
        };
        self.move_busy(count.connections, count.connections - 1);
        count.connections -= 1;
        let is_nothing = count.connections == 0 && count.starts.sum() == 0;
        if let (Within::Own(client), true) = (place.within, is_nothing) {
            shard.own.remove(&client);
        }
    }

    /// Clients with a place of their own.
    pub(super) fn clients(&self) -> usize {
        (0..SHARDS).map(|at| self.shard(at).own.len()).sum()
    }

    /// Looks whether one more start is within the limits, and counts it if `further` agrees.
    fn count(
        &self,
        client: IpAddr,
        limits: &ConnectionLimits,
        now: Tick,
        further: impl FnOnce(&mut Count) -> Result<(), Over>,
    ) -> Result<Place, Over> {
        let slice = slice(now, limits.timer);
        let mut place = self.place_of(client);
        let mut shard = self.shard(place.shard);
        let count = if shard.makes_place(client, slice) {
            shard.own.entry(ClientNetwork::of(client)).or_default()
        } else {
            let at = at_shared(self.mixed(wide_network(client)));
            place.within = Within::Shared(at);
            if shard.shared.is_empty() {
                shard.shared = vec![Count::default(); SHARED_PLACES];
            }
            &mut shard.shared[at]
        };
        count.starts.advance(slice);
        let allowed = if limits.rate > 0 && count.starts.sum() >= limits.rate {
            Err(Over::Rate)
        } else {
            further(count)
        };
        if allowed.is_ok() && limits.rate > 0 {
            count.starts.add_one();
        }
        let is_nothing = count.connections == 0 && count.starts.sum() == 0;
        if let (Within::Own(client), true) = (place.within, is_nothing) {
            shard.own.remove(&client);
        }
        allowed.map(|()| place)
    }

    /// A client with so many connections wants one more: whether the ten busiest would then have too many.
    fn note_busy(&self, connections: u32, limits: &ConnectionLimits) -> Result<(), Over> {
        let mut busiest = self.busiest.lock().unwrap_or_else(PoisonError::into_inner);
        shift(&mut busiest, connections, connections + 1);
        if limits.ten > 0 && connections >= limits.exempt && sum_of_busiest(&busiest) > limits.ten {
            shift(&mut busiest, connections + 1, connections);
            return Err(Over::Ten);
        }
        Ok(())
    }

    fn move_busy(&self, from: u32, to: u32) {
        shift(&mut self.busiest.lock().unwrap_or_else(PoisonError::into_inner), from, to);
    }

    fn shard(&self, at: usize) -> MutexGuard<'_, Shard> {
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a remainder of a small number")]
    fn place_of(&self, client: IpAddr) -> Place {
        let shard = (self.mixed(own_network(client)) % SHARDS as u64) as usize;
        Place { shard, within: Within::Own(ClientNetwork::of(client)) }
    }

    /// The finisher of splitmix64 over a seeded value: spreads networks so that nobody can choose whom to share with.
    fn mixed(&self, network: u64) -> u64 {
        let mut mixed = (network ^ self.seed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Shard {
    /// Whether the client has a place of its own, or can have one. Room is looked for once in each slice.
    fn makes_place(&mut self, client: IpAddr, slice: u64) -> bool {
        if self.own.len() < OWN_PLACES || self.own.contains_key(&ClientNetwork::of(client)) {
            return true;
        }
        if self.swept == slice {
            return false;
        }
        self.swept = slice;
        self.own.retain(|_, count| count.connections > 0 || !count.starts.is_forgotten(slice));
        self.own.len() < OWN_PLACES
    }
}

fn at_shared(mixed: u64) -> usize {
    ((mixed >> 8) % SHARED_PLACES as u64) as usize
}

/// What [`ClientNetwork`] compares, as a number.
fn own_network(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or(0),
    }
}

/// The network by which clients without a place of their own are put together.
fn wide_network(client: IpAddr) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits() >> 16),
        IpAddr::V6(address) => u64::try_from(address.to_bits() >> 80).unwrap_or(0) | 1 << 63,
    }
}

fn shift(busiest: &mut BTreeMap<u32, u32>, from: u32, to: u32) {
    if let Some(clients) = busiest.get_mut(&from) {
        *clients -= 1;
        if *clients == 0 {
            busiest.remove(&from);
        }
    }
    if to > 0 {
        *busiest.entry(to).or_default() += 1;
    }
}

fn sum_of_busiest(busiest: &BTreeMap<u32, u32>) -> u32 {
    let (mut left, mut sum) = (BUSIEST, 0_u32);
    for (connections, clients) in busiest.iter().rev() {
        let taken = left.min(*clients);
        sum = sum.saturating_add(connections.saturating_mul(taken));
        left -= taken;
        if left == 0 {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ConnectionLimits =
        ConnectionLimits { one: 3, ten: 0, exempt: 4, rate: 0, timer: Duration::from_mins(1) };

    fn after(seconds: u64) -> Tick {
        Tick::from_nanos(seconds * 1_000_000_000)
    }

    fn client(number: u32) -> IpAddr {
        (0x0a00_0000 + number).to_be_bytes().into()
    }

    #[test]
    fn a_client_has_so_many_connections_and_a_place_again_when_one_ends() {
        let table = Table::new(1);
        let places: Vec<_> =
            (0..3).map(|_| table.enter(client(1), &LIMITS, after(0)).expect("within")).collect();
        assert_eq!(table.enter(client(1), &LIMITS, after(0)), Err(Over::One));
        assert!(table.enter(client(2), &LIMITS, after(0)).is_ok());
        table.leave(places[0]);
        assert!(table.enter(client(1), &LIMITS, after(0)).is_ok());
        assert_eq!(table.clients(), 2);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        let table = Table::new(1);
        for last in 1..=3 {
            let address = format!("2001:db8:1:2::{last}").parse().expect("an address");
            table.enter(address, &LIMITS, after(0)).expect("within");
        }
        let more = "2001:db8:1:2:ffff::1".parse().expect("an address");
        assert_eq!(table.enter(more, &LIMITS, after(0)), Err(Over::One));
    }

    #[test]
    fn in_no_time_of_the_timer_more_than_the_rate_begins() {
        let table = Table::new(1);
        let limits = ConnectionLimits { one: 0, rate: 10, ..LIMITS };
        let mut begun = Vec::new();
        for tenth in 0..6_000_u64 {
            let now = Tick::from_nanos(tenth * 100_000_000);
            if table.begin(client(1), &limits, now).is_ok() {
                begun.push(now);
            }
        }
        for (at, start) in begun.iter().enumerate() {
            let within = begun[at..].iter().filter(|later| {
                later.nanos() - start.nanos() < limits.timer.as_nanos().try_into().expect("short")
            });
            assert!(within.count() <= 10, "more than 10 in a minute from {start:?}");
        }
        // 600 s hold 10 minutes of 60 s, and each start is kept for an eighth longer at most.
        assert!(begun.len() >= 85, "{} starts in ten minutes", begun.len());
        // A minute and an eighth after the last one nothing is remembered.
        assert_eq!(table.clients(), 1);
    }

    #[test]
    fn the_ten_busiest_clients_share_a_limit_that_quiet_ones_do_not_feel() {
        let table = Table::new(1);
        let limits = ConnectionLimits { one: 30, ten: 50, exempt: 4, ..LIMITS };
        for number in 0..10 {
            for _ in 0..5 {
                table.enter(client(number), &limits, after(0)).expect("within 50");
            }
        }
        assert_eq!(table.enter(client(3), &limits, after(0)), Err(Over::Ten));
        for _ in 0..5 {
            // Four are exempt, and with five it is no busier than the others.
            table.enter(client(77), &limits, after(0)).expect("within 50");
        }
        assert_eq!(table.enter(client(77), &limits, after(0)), Err(Over::Ten));
    }

    /// Synthetic: an attacker who has a /32 of IPv6 fills the table.
    #[test]
    fn a_full_table_forgets_nobody_and_newcomers_share_with_their_wider_network_only() {
        let table = Table::new(7);
        let limits = ConnectionLimits { one: 0, rate: 5, ..LIMITS };
        let known = client(1);
        for _ in 0..5 {
            table.begin(known, &limits, after(1)).expect("within");
        }
        for network in 0..120_000_u32 {
            let address: IpAddr = format!("2001:db8:{:x}:{:x}::1", network >> 16, network & 0xffff)
                .parse()
                .expect("an address");
            let _may_be_refused = table.begin(address, &limits, after(1));
        }
        assert!(table.clients() <= SHARDS * OWN_PLACES);
        assert_eq!(table.begin(known, &limits, after(2)), Err(Over::Rate), "its count was kept");
        // Newcomers of the attacker's network share one place, and are over at once.
        let more = "2001:db8:1:ffff::1".parse().expect("an address");
        assert_eq!(table.begin(more, &limits, after(2)), Err(Over::Rate));
        // When their time is over there is room again.
        assert!(table.begin(more, &limits, after(120)).is_ok());
        assert!(table.begin(known, &limits, after(120)).is_ok());
    }
}
