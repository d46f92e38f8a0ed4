//! Choosing a node: who may be asked at all, then whose turn it is. Takes no lock.
//!
//! ```text
//! members ─ tried? disabled, draining? no address? ─▶ by priority, until enough are well
//!         ─ one that failed and is to be tried again: that one
//!         ─ the well ones; if none, who failed longest ago ─▶ with room? ─▶ the algorithm
//! ```

use super::state::InFlight;
use super::{NodeIndex, hash};
use crate::catalog::{Algorithm, NodeWish, Pool};
use shaping::Tick;
use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Weights are counted in thousandths, so that a slow start has steps.
const WHOLE: u64 = 1_000;
/// The share that a node in its slow start has at least, in thousandths.
const RAMP_LEAST: u64 = 50;
/// How far a node's share moves on with each request is so much divided by its weight.
const STRIDE: u64 = 1 << 36;
/// Requests under way with which no node is swamped, whatever its share.
const NEVER_SWAMPED: u32 = 8;

/// What a request brings to the choice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asking {
    /// A random number of its own.
    pub random: u64,
    /// The hash of what it has in common with others, for [`Algorithm::ConsistentHash`].
    pub key: u64,
    /// Who has waited and is first in the line; newcomers do not overtake those who wait.
    pub turn: Turn,
}

/// Whether a request has waited for a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// It has just come.
    #[default]
    New,
    /// It waits, and nobody is before it.
    First,
}

/// What came of it.
#[derive(Debug)]
pub enum Choice {
    /// This node; the request counts as under way at it. `None` where the pool does not count.
    Node(NodeIndex, Option<InFlight>),
    /// Those that could be asked have no room: wait.
    Full,
    /// There is nobody to ask.
    Nobody,
}

/// Members of a pool, a bit for each; [`crate::limits::NODES_PER_POOL_MAX`] of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members([u64; 4]);

impl Members {
    pub(crate) fn insert(&mut self, index: NodeIndex) {
        if let Some(word) = self.0.get_mut(index.index() / 64) {
            *word |= 1 << (index.0 % 64);
        }
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = NodeIndex> {
        (0_u16..).zip(self.0).flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let bit = u16::try_from(bits.trailing_zeros()).ok().filter(|bit| *bit < 64)?;
                bits &= bits - 1;
                Some(NodeIndex(word * 64 + bit))
            })
        })
    }
}

impl Pool {
    /// Chooses the node to try next, other than those of `tried`, and enters the request there.
    ///
    /// Nodes of the highest priority come first, those of the next as well if fewer than `priority_nodes` are well, and
    /// so on. A node that failed is left alone for [`Pool::node_fail_time`]; after that one request at a time tries it
    /// again, until a success clears it. Only when nothing better is left, the node that failed longest ago is tried
    /// earlier. Nodes that are disabled or draining are never chosen.
    pub fn choose(&self, tried: &[NodeIndex], asking: Asking, now: Tick) -> Choice {
        if let ([only], [member], []) = (&*self.live.states, &*self.members, tried)
            && only.failed_tick().is_none()
            && self.room.connections_max == 0
            && member.state == NodeWish::Active
            && !only.is_unresolved.load(Ordering::Relaxed)
        {
            return Choice::Node(NodeIndex(0), self.enter(NodeIndex(0), now));
        }
        let newcomer_waits = asking.turn == Turn::New && self.live.queue.len() > 0;
        if self.room.connections_max > 0 && newcomer_waits {
            return Choice::Full;
        }
        let may = match self.candidates(tried, now) {
            Candidates::TryAgain(index) => match self.enter(index, now) {
                Some(in_flight) => return Choice::Node(index, Some(in_flight)),
                None => self.well_or_any(tried, now),
            },
            Candidates::Members(members) => members,
        };
        if may.is_empty() {
            return Choice::Nobody;
        }
        // Somebody else may take the last place between the look and the step; each time one place fewer is left.
        loop {
            let mut with_room = Members::default();
            may.iter().filter(|index| self.has_room(*index, now)).for_each(|index| with_room.insert(index));
            let Some(index) = self.whose_turn(with_room, asking, now) else { return Choice::Full };
            if let Some(in_flight) = self.enter(index, now) {
                return Choice::Node(index, Some(in_flight));
            }
        }
    }

    /// Enters a request at this node, whatever its state; `None` if it has no room, or is not of this pool.
    pub fn enter(&self, index: NodeIndex, now: Tick) -> Option<InFlight> {
        let (node, member) = (self.state(index)?, self.member(index)?);
        if self.room.connections_max == 0 {
            member.in_flight.fetch_add(1, Ordering::Relaxed);
        } else {
            let most = self.room_of(index, now);
            let step = |count: u32| (count < most).then_some(count + 1);
            member.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, step).ok()?;
        }
        node.in_flight.fetch_add(1, Ordering::Relaxed);
        node.requests.fetch_add(1, Ordering::Relaxed);
        member.requests.fetch_add(1, Ordering::Relaxed);
        Some(InFlight {
            node: Arc::clone(node),
            member: Arc::clone(member),
            queue: Arc::clone(&self.live.queue),
        })
    }

    fn has_room(&self, index: NodeIndex, now: Tick) -> bool {
        self.room.connections_max == 0
            || self
                .member(index)
                .is_some_and(|member| member.in_flight.load(Ordering::SeqCst) < self.room_of(index, now))
    }

    /// Requests that may be under way at the node now: fewer in its slow start, at least one.
    fn room_of(&self, index: NodeIndex, now: Tick) -> u32 {
        let whole = u64::from(self.room.connections_max);
        let room = (whole * self.ramp(index, now)).div_ceil(WHOLE).max(1);
        u32::try_from(room).unwrap_or(u32::MAX)
    }

    /// Who may be asked, or the one that is to be tried again.
    fn candidates(&self, tried: &[NodeIndex], now: Tick) -> Candidates {
        for group in &self.live.groups {
            let again = group.iter().filter(|index| self.may_be_asked(*index, tried));
            if let Some(again) = again.into_iter().find(|index| self.is_to_try_again(*index, now)) {
                return Candidates::TryAgain(again);
            }
            let well = group.iter().filter(|index| !tried.contains(index) && self.is_well(*index, now));
            if well.count() >= self.balance.priority_nodes as usize {
                break;
            }
        }
        Candidates::Members(self.well_or_any(tried, now))
    }

    fn well_or_any(&self, tried: &[NodeIndex], now: Tick) -> Members {
        let mut well = Members::default();
        for group in &self.live.groups {
            let may = group.iter().filter(|index| self.may_be_asked(*index, tried));
            may.filter(|index| self.is_well(*index, now)).for_each(|index| well.insert(index));
            if well.count() >= self.balance.priority_nodes {
                break;
            }
        }
        if !well.is_empty() {
            return well;
        }
        // Nobody is well. Those that only look ill (to monitors, by their answers) share the requests; where all have
        // failed, the one that failed longest ago is tried.
        let failed = |index: &NodeIndex| self.state(*index).and_then(|state| state.failed_tick());
        let all = || self.indexes().filter(|index| self.may_be_asked(*index, tried));
        all().filter(|index| failed(index).is_none()).for_each(|index| well.insert(index));
        if well.is_empty()
            && let Some(index) = all().filter(|index| self.has_room(*index, now)).min_by_key(failed)
        {
            well.insert(index);
        }
        well
    }

    /// Whether the operator and its name allow it, and nobody has tried.
    fn may_be_asked(&self, index: NodeIndex, tried: &[NodeIndex]) -> bool {
        let is_active = self.members.get(index.index()).is_some_and(|it| it.state == NodeWish::Active);
        let is_found = self.state(index).is_some_and(|state| !state.is_unresolved.load(Ordering::Relaxed));
        is_active && is_found && !tried.contains(&index)
    }

    /// Whether the node's time of being left alone is over and nobody else has taken the try. Taking it starts the
    /// time anew, so that a node that still refuses costs one request per fail time, not all that come at once.
    fn is_to_try_again(&self, index: NodeIndex, now: Tick) -> bool {
        let (Some(state), Some(member)) = (self.state(index), self.member(index)) else { return false };
        let seen = state.failed_at.load(Ordering::Relaxed);
        let Some(failed) = seen.checked_sub(1).map(Tick::from_nanos) else { return false };
        let next = now.nanos().saturating_add(1).max(seen);
        now.since(failed) >= self.node_fail_time
            && !member.is_ejected(now)
            && member.found_failed.load(Ordering::Relaxed) == 0
            && self.has_room(index, now)
            && state.failed_at.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The algorithm's choice among those; `None` if there are none.
    fn whose_turn(&self, among: Members, asking: Asking, now: Tick) -> Option<NodeIndex> {
        match self.balance.algorithm {
            Algorithm::RoundRobin | Algorithm::WeightedRoundRobin => self.next_in_turn(among, now),
            Algorithm::LeastConnections | Algorithm::WeightedLeastConnections => {
                self.least(among, now, |index, weight| (self.load(index) << 32) / weight)
            }
            Algorithm::FastestResponseTime => self.least(among, now, |index, _| self.speed(index, now)),
            Algorithm::Perceptive => self.least(among, now, |index, weight| {
                self.speed(index, now).max(1).saturating_mul(self.load(index)).saturating_mul(WHOLE) / weight
            }),
            Algorithm::Random => self.drawn(among, asking.random, now),
            Algorithm::PowerOfTwo => self.better_of_two(among, asking.random, now),
            Algorithm::ConsistentHash => self.by_hash(among, asking.key),
        }
    }

    /// Earliest eligible virtual deadline first (Stoica and Abdel-Wahab 1995): time goes on by a share with each
    /// request, a node's mark by `1 / weight` when it is chosen. Of those whose mark time has come to, the one whose
    /// next would come first is next: shares are exact, and evenly spread. A node that was away does not make up for it.
    fn next_in_turn(&self, among: Members, now: Tick) -> Option<NodeIndex> {
        let sum: u64 = among.iter().map(|index| self.weight(index, now)).sum();
        loop {
            let time = self.live.served.load(Ordering::Relaxed);
            // Marks and time run over: only their differences mean something.
            let place = |index: NodeIndex| {
                let served = self.member(index).map_or(0, |member| member.served.load(Ordering::Relaxed));
                let stride = STRIDE / self.weight(index, now);
                let ahead = served.wrapping_sub(time).cast_signed();
                let was_away = ahead < 0 && ahead.unsigned_abs() > 2 * stride;
                let start = if was_away { 0 } else { ahead };
                (start.max(0), start.saturating_add_unsigned(stride), index, served)
            };
            let (wait, finish, index, served) = among.iter().map(place).min()?;
            let next = time.wrapping_add_signed(finish);
            let member = self.member(index)?;
            if member.served.compare_exchange(served, next, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                // Where time has come to no mark yet, it leaps.
                let step = wait.unsigned_abs() + STRIDE / sum.max(1);
                self.live.served.fetch_add(step, Ordering::Relaxed);
                return Some(index);
            }
        }
    }

    /// The one of the least cost. Of several, the one with less under way; of several of those, they take turns.
    fn least(&self, among: Members, now: Tick, cost: impl Fn(NodeIndex, u64) -> u64) -> Option<NodeIndex> {
        let cost = |index: NodeIndex| (cost(index, self.weight(index, now)), self.load(index));
        let least = among.iter().map(cost).min()?;
        let mut equals = Members::default();
        among.iter().filter(|index| cost(*index) == least).for_each(|index| equals.insert(index));
        match equals.count() {
            // The loads moved on between the two looks.
            0 => among.iter().next(),
            1 => equals.iter().next(),
            _ => self.next_in_turn(equals, now),
        }
    }

    fn drawn(&self, among: Members, random: u64, now: Tick) -> Option<NodeIndex> {
        let sum: u64 = among.iter().map(|index| self.weight(index, now)).sum();
        let mut at = random % sum.max(1);
        for index in among.iter() {
            match at.checked_sub(self.weight(index, now)) {
                Some(rest) => at = rest,
                None => return Some(index),
            }
        }
        among.iter().next()
    }

    /// Mitzenmacher's two choices.
    fn better_of_two(&self, among: Members, random: u64, now: Tick) -> Option<NodeIndex> {
        let count = u64::from(among.count());
        let at = |place: u64| among.iter().nth(usize::try_from(place).unwrap_or(0));
        if count < 2 {
            return at(0);
        }
        let first = random % count;
        let second = (first + 1 + hash::mix(random) % (count - 1)) % count;
        let load = |index: &NodeIndex| (self.load(*index) << 32) / self.weight(*index, now);
        [at(first), at(second)].into_iter().flatten().min_by_key(load)
    }

    /// The node of the key, or the next for it if that one has far more than its share (Mirrokni, Thorup and
    /// Zadimoghaddam 2016). A slow start does not move keys.
    fn by_hash(&self, among: Members, key: u64) -> Option<NodeIndex> {
        let draw = |index: NodeIndex| {
            let name = self.live.names.get(index.index()).copied().unwrap_or_default();
            hash::draw(key, name, u64::from(self.said_weight(index)))
        };
        let weights: u64 = among.iter().map(|index| u64::from(self.said_weight(index))).sum();
        let sum: u64 = among.iter().map(|index| u64::from(self.in_flight(index))).sum::<u64>() + 1;
        let percent = u64::from(self.balance.hash_balance_percent);
        let is_swamped = |index: NodeIndex| {
            let (has, weight) = (self.in_flight(index), u64::from(self.said_weight(index)));
            let most = (sum * weight * percent).div_ceil(weights.max(1) * 100);
            percent > 0 && has >= NEVER_SWAMPED && u64::from(has) >= most
        };
        let best = |wanted: &dyn Fn(NodeIndex) -> bool| {
            let drawn =
                among.iter().filter(|index| wanted(*index)).map(|index| (draw(index), Reverse(index)));
            drawn.max_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))).map(|(_, Reverse(index))| index)
        };
        let own = best(&|_| true)?;
        if is_swamped(own) { best(&|index| !is_swamped(index)).or(Some(own)) } else { Some(own) }
    }

    /// Requests under way at the node from all pools, and this one.
    fn load(&self, index: NodeIndex) -> u64 {
        self.state(index).map_or(0, |state| u64::from(state.in_flight.load(Ordering::Relaxed))) + 1
    }

    fn speed(&self, index: NodeIndex, now: Tick) -> u64 {
        self.state(index).map_or(0, |state| state.speed(now))
    }

    fn said_weight(&self, index: NodeIndex) -> u32 {
        self.members.get(index.index()).map_or(1, |member| member.weight)
    }

    /// Its weight where the algorithm looks at weights, less in its slow start; in thousandths, never 0.
    fn weight(&self, index: NodeIndex, now: Tick) -> u64 {
        let weight = match self.balance.algorithm {
            Algorithm::RoundRobin
            | Algorithm::LeastConnections
            | Algorithm::FastestResponseTime
            | Algorithm::Perceptive => 1,
            _ => self.said_weight(index),
        };
        u64::from(weight) * self.ramp(index, now)
    }

    /// How much of its share the node has, in thousandths: all of it, or less in its slow start.
    pub(crate) fn ramp(&self, index: NodeIndex, now: Tick) -> u64 {
        if self.slow_start.is_zero() {
            return WHOLE;
        }
        let (Some(state), Some(member)) = (self.state(index), self.member(index)) else { return WHOLE };
        let since = state.well_since.load(Ordering::Relaxed);
        let since = since.max(member.well_since.load(Ordering::Relaxed));
        let since = since.max(member.ejected_until.load(Ordering::Relaxed));
        if since == 0 {
            return WHOLE;
        }
        let gone = now.since(Tick::from_nanos(since)).as_nanos();
        let part = gone.saturating_mul(u128::from(WHOLE)) / self.slow_start.as_nanos().max(1);
        u64::try_from(part).unwrap_or(WHOLE).clamp(RAMP_LEAST, WHOLE)
    }
}

enum Candidates {
    Members(Members),
    TryAgain(NodeIndex),
}
