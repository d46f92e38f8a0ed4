//! Who of those who wait comes in next: by rank, and within a rank the groups (sites, mostly) by turns.
//!
//! The turns are those of start-time fair queueing (Goyal, Vin, Cheng, 1996) with entries of one size: a group that waits is
//! served once while each other one is, and a group that seldom comes need not wait for more than a turn of those that
//! always wait. Everything is found in logarithmic time, because the queue is what an attacker fills.

use crate::fingerprint::Fingerprint;
use crate::rate::TicketId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Groups that are kept apart in one rank; newcomers beyond share one.
const GROUPS_PER_RANK_MAX: usize = 1_024;
/// Bytes of a group's name that are kept for those who look on: the length of a host name.
const NAME_BYTES_MAX: usize = 253;
/// The group of those for whom there is no other.
const OTHERS: Fingerprint = Fingerprint([0, 0]);
const OTHERS_NAME: &[u8] = b"(other)";

/// Who comes in before whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Those who are on the site already.
    Inside,
    /// Those whom a partner sends.
    Partner,
    /// Feed readers, podcast apps and other players.
    App,
    /// All others who come to the site.
    Entry,
    /// Pages elsewhere that show something of ours as a part of themselves.
    Embed,
}

impl Rank {
    /// All of them, the first first.
    pub const ALL: [Self; 5] = [Self::Inside, Self::Partner, Self::App, Self::Entry, Self::Embed];

    const fn index(self) -> usize {
        self as usize
    }
}

/// Somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    pub(crate) id: TicketId,
    pub(crate) since: u64,
}

/// All who wait for one pool.
#[derive(Debug, Default)]
pub(crate) struct Order {
    lanes: [Lane; 5],
}

/// One rank.
#[derive(Debug, Default)]
struct Lane {
    groups: Vec<Group>,
    by_name: BTreeMap<[u64; 2], usize>,
    /// Places in `groups` that nobody has.
    vacant: Vec<usize>,
    /// The groups in which somebody waits: turn, first ticket, place in `groups`.
    turns: BTreeSet<(u64, TicketId, usize)>,
    /// The turn that was served last.
    turn: u64,
    waiting: usize,
}

#[derive(Debug, Default)]
struct Group {
    name: Box<[u8]>,
    /// Its next turn; one at or before the rank's own says no more than that it is new.
    turn: u64,
    waiting: VecDeque<Waiter>,
}

/// A group in which somebody waits, as tickets name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) rank: Rank,
    pub(crate) group: usize,
}

impl Order {
    pub(crate) fn waiting(&self) -> usize {
        self.lanes.iter().fold(0, |sum, lane| sum.saturating_add(lane.waiting))
    }

    pub(crate) fn waiting_of_rank(&self, rank: Rank) -> usize {
        self.lane(rank).map_or(0, |lane| lane.waiting)
    }

    /// How many wait in a group, in whatever rank.
    pub(crate) fn waiting_of_group(&self, group: Fingerprint) -> usize {
        let of = |lane: &Lane| lane.find(group).map_or(0, |group| group.waiting.len());
        self.lanes.iter().map(of).fold(0, usize::saturating_add)
    }

    pub(crate) fn waiting_beside(&self, rank: Rank, group: Fingerprint) -> usize {
        self.lane(rank).and_then(|lane| lane.find(group)).map_or(0, |group| group.waiting.len())
    }

    /// About how many come in before a newcomer, if nobody comes or leaves: those of better rank, and for each before it in
    /// its group one of each other group.
    pub(crate) fn ahead_of(&self, rank: Rank, group: Fingerprint) -> usize {
        let better = Rank::ALL.into_iter().filter(|other| *other < rank);
        let better = better.fold(0, |sum: usize, other| sum.saturating_add(self.waiting_of_rank(other)));
        let Some(lane) = self.lane(rank) else { return better };
        let before = self.waiting_beside(rank, group);
        let beside = before.saturating_mul(lane.turns.len()).min(lane.waiting);
        better.saturating_add(beside)
    }

    /// Whether a newcomer would be next.
    pub(crate) fn is_first(&self, rank: Rank, group: Fingerprint) -> bool {
        for other in Rank::ALL.into_iter().take_while(|other| *other <= rank) {
            let Some(lane) = self.lane(other) else { continue };
            let Some((turn, ..)) = lane.turns.first() else { continue };
            let newcomer = lane.find(group).map_or(lane.turn, |group| group.turn.max(lane.turn));
            let has_none_waiting = lane.find(group).is_none_or(|group| group.waiting.is_empty());
            return other == rank && has_none_waiting && newcomer < *turn;
        }
        true
    }

    /// A newcomer comes in without waiting: a turn of its group all the same, where others wait.
    pub(crate) fn pass(&mut self, rank: Rank, group: (Fingerprint, &[u8])) {
        if let Some(lane) = self.lane_mut(rank)
            && lane.waiting > 0
        {
            let place = lane.place_of(group);
            lane.serve(place);
        }
    }

    pub(crate) fn push(&mut self, rank: Rank, group: (Fingerprint, &[u8]), waiter: Waiter) -> Spot {
        let place = self.lane_mut(rank).map_or(0, |lane| {
            let place = lane.place_of(group);
            lane.push(place, waiter);
            place
        });
        Spot { rank, group: place }
    }

    /// Who is next.
    pub(crate) fn head(&self) -> Option<(TicketId, Spot)> {
        Rank::ALL.into_iter().find_map(|rank| {
            let (_, id, group) = *self.lane(rank)?.turns.first()?;
            Some((id, Spot { rank, group }))
        })
    }

    pub(crate) fn holds(&self, id: TicketId, spot: Spot) -> bool {
        self.lane(spot.rank)
            .and_then(|lane| lane.groups.get(spot.group))
            .is_some_and(|group| group.waiting.binary_search_by_key(&id, |waiter| waiter.id).is_ok())
    }

    /// Takes out whoever is next, to come in.
    pub(crate) fn pop(&mut self) -> Option<Waiter> {
        let (id, spot) = self.head()?;
        let lane = self.lane_mut(spot.rank)?;
        let waiter = lane.remove(id, spot.group)?;
        lane.serve(spot.group);
        Some(waiter)
    }

    /// Takes out somebody who leaves.
    pub(crate) fn remove(&mut self, id: TicketId, spot: Spot) -> Option<Waiter> {
        self.lane_mut(spot.rank)?.remove(id, spot.group)
    }

    /// The groups in which somebody waits, by name, with how many.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&[u8], usize)> {
        let waits = |lane: &'_ Lane| lane.turns.iter().map(|turn| turn.2).collect::<Vec<_>>();
        self.lanes.iter().flat_map(move |lane| {
            let places = waits(lane).into_iter();
            places.filter_map(|place| lane.groups.get(place)).map(|group| (&*group.name, group.waiting.len()))
        })
    }

    /// Groups that are held, those that could be forgotten among them.
    pub(crate) fn groups_held(&self) -> usize {
        self.lanes.iter().map(|lane| lane.by_name.len()).fold(0, usize::saturating_add)
    }

    fn lane(&self, rank: Rank) -> Option<&Lane> {
        self.lanes.get(rank.index())
    }

    fn lane_mut(&mut self, rank: Rank) -> Option<&mut Lane> {
        self.lanes.get_mut(rank.index())
    }
}

impl Lane {
    fn find(&self, group: Fingerprint) -> Option<&Group> {
        self.groups.get(*self.by_name.get(&group.0)?)
    }

    /// Finds or makes a group.
    fn place_of(&mut self, (fingerprint, name): (Fingerprint, &[u8])) -> usize {
        if let Some(place) = self.by_name.get(&fingerprint.0) {
            return *place;
        }
        if self.by_name.len() >= GROUPS_PER_RANK_MAX {
            self.forget();
        }
        let is_full = self.by_name.len() >= GROUPS_PER_RANK_MAX;
        if is_full && fingerprint != OTHERS {
            return self.place_of((OTHERS, OTHERS_NAME));
        }
        let name = name.get(..NAME_BYTES_MAX).unwrap_or(name).into();
        let group = Group { name, turn: 0, waiting: VecDeque::new() };
        let place = self.vacant.pop().unwrap_or(self.groups.len());
        match self.groups.get_mut(place) {
            Some(vacant) => *vacant = group,
            None => self.groups.push(group),
        }
        self.by_name.insert(fingerprint.0, place);
        place
    }

    /// Forgets the groups that are no different from new ones.
    fn forget(&mut self) {
        let Self { groups, by_name, vacant, turn, .. } = self;
        by_name.retain(|_, place| {
            let is_live =
                groups.get(*place).is_some_and(|group| !group.waiting.is_empty() || group.turn > *turn);
            if !is_live {
                vacant.push(*place);
            }
            is_live
        });
    }

    fn push(&mut self, place: usize, waiter: Waiter) {
        let Some(group) = self.groups.get_mut(place) else { return };
        if group.waiting.is_empty() {
            group.turn = group.turn.max(self.turn);
            self.turns.insert((group.turn, waiter.id, place));
        }
        group.waiting.push_back(waiter);
        self.waiting = self.waiting.saturating_add(1);
    }

    fn remove(&mut self, id: TicketId, place: usize) -> Option<Waiter> {
        let group = self.groups.get_mut(place)?;
        let at = group.waiting.binary_search_by_key(&id, |waiter| waiter.id).ok()?;
        let waiter = group.waiting.remove(at)?;
        if at == 0 {
            self.turns.remove(&(group.turn, id, place));
            if let Some(next) = group.waiting.front() {
                self.turns.insert((group.turn, next.id, place));
            }
        }
        self.waiting = self.waiting.saturating_sub(1);
        Some(waiter)
    }

    /// A turn of the group is over.
    fn serve(&mut self, place: usize) {
        let Some(group) = self.groups.get_mut(place) else { return };
        let first = group.waiting.front().map(|waiter| waiter.id);
        if let Some(first) = first {
            self.turns.remove(&(group.turn, first, place));
        }
        self.turn = self.turn.max(group.turn);
        group.turn = self.turn.saturating_add(1);
        if let Some(first) = first {
            self.turns.insert((group.turn, first, place));
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "numbers of tests are small")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn group(number: u64) -> (Fingerprint, &'static [u8]) {
        (Fingerprint([number, 1]), b"group")
    }

    fn waiter(id: u64) -> Waiter {
        Waiter { id: TicketId(id), since: 0 }
    }

    #[test]
    fn a_site_that_seldom_sends_somebody_waits_for_one_turn_at_most() {
        let mut order = Order::default();
        for id in 0..100 {
            order.push(Rank::Entry, group(id % 2), waiter(id));
        }
        for _ in 0..20 {
            order.pop();
        }
        order.push(Rank::Entry, group(7), waiter(100));
        assert_eq!(order.ahead_of(Rank::Entry, group(8).0), 0);
        let next: Vec<u64> = (0..3).filter_map(|_| order.pop()).map(|waiter| waiter.id.0).collect();
        assert!(next.contains(&100) && next[2] != 100, "{next:?}");
    }

    #[test]
    fn groups_beyond_the_bound_share_one_and_idle_ones_make_room() {
        let mut order = Order::default();
        let many = GROUPS_PER_RANK_MAX as u64 + 50;
        for id in 0..many {
            order.push(Rank::Entry, group(id), waiter(id));
        }
        assert_eq!(order.groups_held(), GROUPS_PER_RANK_MAX + 1);
        assert_eq!(order.waiting_of_group(OTHERS), 50);
        while order.pop().is_some() {}
        for id in many..2 * many {
            order.push(Rank::Entry, group(id), waiter(id));
            order.pop();
        }
        assert!(order.groups_held() <= GROUPS_PER_RANK_MAX + 1);
    }

    #[derive(Clone, Debug)]
    enum Op {
        Push(usize, u64),
        Pop,
        Leave(usize),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            3 => (0_usize..5, 0_u64..4).prop_map(|(rank, group)| Op::Push(rank, group)),
            2 => Just(Op::Pop),
            1 => any::<usize>().prop_map(Op::Leave),
        ]
    }

    proptest! {
        /// The model is a list of all who wait.
        #[test]
        fn nobody_comes_in_before_a_better_rank_nor_before_an_elder_of_its_group_and_groups_share_fairly(
            ops in proptest::collection::vec(op(), 1..400),
        ) {
            let mut order = Order::default();
            let mut model: Vec<(u64, Rank, u64, Spot)> = Vec::new();
            // Turns of each pair of groups of a rank since both have waited without a break.
            let mut ahead: BTreeMap<(Rank, u64, u64), i64> = BTreeMap::new();
            for (id, op) in (0_u64..).zip(ops) {
                match op {
                    Op::Push(rank, number) => {
                        let rank = Rank::ALL[rank];
                        let is_first = order.is_first(rank, group(number).0);
                        let spot = order.push(rank, group(number), waiter(id));
                        prop_assert_eq!(is_first, order.head() == Some((TicketId(id), spot)));
                        model.push((id, rank, number, spot));
                    }
                    Op::Pop => {
                        let popped = order.pop().map(|waiter| waiter.id.0);
                        prop_assert_eq!(popped.is_some(), !model.is_empty(), "somebody comes in whenever one waits");
                        let Some(popped) = popped else { continue };
                        let at = model.iter().position(|(id, ..)| *id == popped).unwrap();
                        let (_, rank, number, _) = model[at];
                        prop_assert!(model.iter().all(|(_, other, ..)| *other >= rank));
                        prop_assert!(model.iter().all(|(id, r, g, _)| (*r, *g) != (rank, number) || *id >= popped));
                        for other in (0..4).filter(|other| *other != number) {
                            if model.iter().any(|(_, r, g, _)| (*r, *g) == (rank, other)) {
                                let turns = ahead.entry((rank, number, other)).or_default();
                                *turns += 1;
                                prop_assert!(*turns <= 2, "one turn each");
                            }
                            *ahead.entry((rank, other, number)).or_default() = 0;
                        }
                        model.remove(at);
                    }
                    Op::Leave(which) if !model.is_empty() => {
                        let (id, _, _, spot) = model.remove(which % model.len());
                        prop_assert!(order.holds(TicketId(id), spot));
                        prop_assert_eq!(order.remove(TicketId(id), spot).map(|waiter| waiter.id.0), Some(id));
                        prop_assert!(!order.holds(TicketId(id), spot));
                    }
                    Op::Leave(_) => {}
                }
                // Who does not wait has no claim.
                ahead.retain(|(rank, _, other), _| model.iter().any(|(_, r, g, _)| (r, g) == (rank, other)));
                prop_assert_eq!(order.waiting(), model.len());
            }
        }
    }
}
