//! When the transfers of a class would end, without granting them bytes piece by piece: the same division with turns
//! that are infinitely short (processor sharing; Kleinrock, *Queueing Systems* 2, 4.4). What takes a live class a grant
//! for each packet takes this a few steps for each transfer, however long it is.
//!
//! One clock shows the bytes that every sharer has had so far. It runs at the limit divided by the sharers, so a transfer
//! that begins at 5,000 and has 2,000 to go ends when the clock shows 7,000, whoever comes and goes meanwhile. Where
//! clients share, each has such a clock of its own behind the common one. With weights a clock shows the bytes for each unit
//! of them.

use super::class::{BandwidthClass, Division, Party, Sharing};
use super::weight::{Weight, Weights};
use crate::Tick;
use crate::client::ClientNetwork;
use core::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};

/// The transfers of one bandwidth class, each of which takes all that the division gives it. `T` is what its owner knows
/// of a transfer, and is given back at its end.
///
/// ```
/// # use core::num::NonZeroU64;
/// # use shaping::{BandwidthClass, ClientNetwork, Division, Fluid, Party, Sharing, Tick, Weight};
/// # let bytes_per_second = NonZeroU64::new(1_000).unwrap();
/// # let (sharing, division) = (Sharing::Machine, Division::Transfers);
/// let mut fluid = Fluid::new(BandwidthClass { bytes_per_second, sharing, division, head_bytes: 0 });
/// let party = Party { connection: 1, client: ClientNetwork::default(), weight: Weight::USUAL };
/// fluid.join(500, party, "first");
/// fluid.join(500, party, "second");
/// let mut ends = Vec::new();
/// fluid.advance(Tick::MAX, |owner, at| ends.push((owner, at.nanos())));
/// assert_eq!(ends, [("first", 1_000_000_000), ("second", 1_000_000_000)]);
/// ```
///
/// A live class gives in turns of 10 to 100 ms: there a transfer ends within a turn or two of the moment that is told
/// here. Takes some 100 bytes for each transfer that runs; the caller bounds their number by [`Fluid::running`].
#[derive(Debug)]
pub struct Fluid<T> {
    class: BandwidthClass,
    groups: BTreeMap<Key, Group<T>>,
    /// The groups by what the common clock shows when their first transfer ends; an entry whose version is not its
    /// group's is left over.
    ends: BinaryHeap<GroupEnd>,
    /// What the common clock shows, in bytes.
    clock: f64,
    /// When it showed that, in nanoseconds.
    at: f64,
    running: usize,
    /// What the groups count for together, where they share.
    weight: u64,
    joined: u64,
}

/// Who has one share together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    All,
    Client(ClientNetwork),
    Connection(u64),
}

#[derive(Debug)]
struct Group<T> {
    transfers: BinaryHeap<Transfer<T>>,
    weights: Weights,
    /// What its transfers count for together.
    weight: u64,
    clock: f64,
    /// What the common clock showed when this one was last brought up to date.
    seen: f64,
    version: u64,
}

#[derive(Debug)]
struct Transfer<T> {
    ends_at: f64,
    number: u64,
    weight: Weight,
    owner: T,
}

#[derive(Debug)]
struct GroupEnd {
    ends_at: f64,
    key: Key,
    version: u64,
}

impl<T> Fluid<T> {
    /// A class without transfers.
    pub const fn new(class: BandwidthClass) -> Self {
        Self {
            class,
            groups: BTreeMap::new(),
            ends: BinaryHeap::new(),
            clock: 0.0,
            at: 0.0,
            running: 0,
            weight: 0,
            joined: 0,
        }
    }

    /// How many transfers run.
    pub const fn running(&self) -> usize {
        self.running
    }

    /// A transfer of so many bytes begins at the moment that [`Self::advance`] was last called with.
    pub fn join(&mut self, bytes: u64, party: Party, owner: T) {
        let bytes = bytes.saturating_sub(self.class.head_bytes);
        let key = match (self.class.sharing, self.class.division) {
            (Sharing::Connection, _) => Key::Connection(party.connection),
            (Sharing::Machine, Division::Clients) => Key::Client(party.client),
            (Sharing::Machine, Division::Transfers) => Key::All,
        };
        let (clock, weight) = (self.clock, party.weight);
        let group = self.groups.entry(key).or_insert_with(|| Group::new(clock));
        group.settle(clock, self.class.sharing);
        self.joined = self.joined.saturating_add(1);
        let ends_at = group.clock + in_float(bytes) / in_float(weight.wide().get());
        group.transfers.push(Transfer { ends_at, number: self.joined, weight, owner });
        let was = group.weights.greatest();
        group.weights.add(weight);
        group.weight = group.weight.saturating_add(weight.wide().get());
        self.weight = self.weight.saturating_sub(was).saturating_add(group.weights.greatest());
        self.running = self.running.saturating_add(1);
        group.version = self.joined;
        self.ends.extend(group.end(key, self.class.sharing));
        self.tidy();
    }

    /// Time goes on; the transfers that have ended are told, in the order of their ends.
    pub fn advance(&mut self, now: Tick, mut ended: impl FnMut(T, Tick)) {
        let now = in_float(now.nanos());
        while let Some(end) = self.ends.peek() {
            if self.groups.get(&end.key).is_none_or(|group| group.version != end.version) {
                self.ends.pop();
                continue;
            }
            let nanos_a_byte = self.nanos_a_byte();
            let moment = (end.ends_at - self.clock).max(0.0).mul_add(nanos_a_byte, self.at);
            if moment > now {
                self.clock += (now - self.at).max(0.0) / nanos_a_byte;
                self.at = now.max(self.at);
                return;
            }
            let key = end.key;
            (self.clock, self.at) = (end.ends_at.max(self.clock), moment);
            self.ends.pop();
            if let Some(transfer) = self.first_of(key) {
                self.running = self.running.saturating_sub(1);
                ended(transfer.owner, tick(moment));
            }
        }
        // Nobody shares: the clock begins anew, so that its numbers stay small and exact.
        (self.clock, self.at) = (0.0, now.max(self.at));
    }

    /// Takes out the first transfer of a group to end, and says when the next one does.
    fn first_of(&mut self, key: Key) -> Option<Transfer<T>> {
        let clock = self.clock;
        let group = self.groups.get_mut(&key)?;
        group.settle(clock, self.class.sharing);
        let transfer = group.transfers.pop();
        let was = group.weights.greatest();
        if let Some(gone) = &transfer {
            group.weights.remove(gone.weight);
            group.weight = group.weight.saturating_sub(gone.weight.wide().get());
        }
        self.weight = self.weight.saturating_sub(was).saturating_add(group.weights.greatest());
        self.joined = self.joined.saturating_add(1);
        group.version = self.joined;
        match group.end(key, self.class.sharing) {
            Some(end) => self.ends.push(end),
            None => drop(self.groups.remove(&key)),
        }
        transfer
    }

    /// How long a byte of the common clock takes.
    fn nanos_a_byte(&self) -> f64 {
        let sharers = match self.class.sharing {
            Sharing::Machine => self.weight.max(1),
            // Every connection has all of it, whatever it counts for.
            Sharing::Connection => 1,
        };
        1e9 * in_float(sharers) / in_float(self.class.bytes_per_second.get())
    }

    /// Entries that are left over are dropped when they are more than those that count.
    fn tidy(&mut self) {
        if self.ends.len() > self.groups.len().saturating_mul(2).saturating_add(64) {
            let groups = &self.groups;
            self.ends.retain(|end| groups.get(&end.key).is_some_and(|group| group.version == end.version));
        }
    }
}

impl<T> Group<T> {
    const fn new(seen: f64) -> Self {
        Self {
            transfers: BinaryHeap::new(),
            weights: Weights::new(),
            weight: 0,
            clock: 0.0,
            seen,
            version: 0,
        }
    }

    /// Brings its clock up to date with the common one.
    fn settle(&mut self, clock: f64, sharing: Sharing) {
        let part = self.counts_for(sharing) / in_float(self.weight.max(1));
        self.clock += (clock - self.seen).max(0.0) * part;
        self.seen = clock;
    }

    /// What it counts for beside other groups; where each has all, there is nobody beside it.
    fn counts_for(&self, sharing: Sharing) -> f64 {
        match sharing {
            Sharing::Machine => in_float(self.weights.greatest().max(1)),
            Sharing::Connection => 1.0,
        }
    }

    /// What the common clock shows when its first transfer ends.
    fn end(&self, key: Key, sharing: Sharing) -> Option<GroupEnd> {
        let first = self.transfers.peek()?;
        let times = in_float(self.weight) / self.counts_for(sharing);
        let ends_at = (first.ends_at - self.clock).max(0.0).mul_add(times, self.seen);
        Some(GroupEnd { ends_at, key, version: self.version })
    }
}

// A heap gives its greatest first: who ends first is the greatest here.

impl<T> Ord for Transfer<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.ends_at.total_cmp(&self.ends_at).then_with(|| other.number.cmp(&self.number))
    }
}

impl<T> PartialOrd for Transfer<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Transfer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Transfer<T> {}

impl Ord for GroupEnd {
    fn cmp(&self, other: &Self) -> Ordering {
        other.ends_at.total_cmp(&self.ends_at).then_with(|| other.version.cmp(&self.version))
    }
}

impl PartialOrd for GroupEnd {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for GroupEnd {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for GroupEnd {}

#[expect(
    clippy::cast_precision_loss,
    reason = "beyond 9 petabytes, or 104 days in nanoseconds, some digits go"
)]
const fn in_float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "such casts saturate")]
fn tick(nanos: f64) -> Tick {
    Tick::from_nanos(nanos.ceil() as u64)
}
