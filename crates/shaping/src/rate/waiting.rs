//! Who waits in one queue, and who of them is next.
//!
//! In the order of arrival that is the first in the list. By turns, each client has a lane of its own, and the lanes stand
//! in a ring: whoever's turn it was goes to its end, a new client joins there. Everything a client can make grow is
//! looked up in logarithmic time, because the queue is what an attacker fills.

use super::TicketId;
use super::class::Order;
use crate::client::ClientNetwork;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many rounds of the ring are counted exactly to tell a newcomer its place.
const ROUNDS_COUNTED: usize = 64;

/// Somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiter {
    pub(crate) id: TicketId,
    pub(crate) client: ClientNetwork,
}

#[derive(Debug)]
pub(crate) enum Waiting {
    Arrival(Line),
    Clients(Box<Ring>),
}

/// Whom [`Waiting::remove`] took out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    Nobody,
    FromBehind,
    Head,
}

impl Waiting {
    pub(crate) fn new(order: Order) -> Self {
        match order {
            Order::Arrival => Self::Arrival(Line::default()),
            Order::Clients => Self::Clients(Box::default()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Arrival(line) => line.staying == 0,
            Self::Clients(ring) => ring.turns.is_empty(),
        }
    }

    /// How many start before a newcomer of `client`, if nobody comes or leaves; exact where the order is that of arrival
    /// and for a client of whom nobody waits. `all` wait in the queue.
    pub(crate) fn place_of(&self, client: ClientNetwork, all: usize) -> usize {
        match self {
            Self::Arrival(_) => all,
            Self::Clients(ring) => ring.place_of(client).min(all),
        }
    }

    pub(crate) fn push(&mut self, waiter: Waiter) {
        match self {
            Self::Arrival(line) => line.push(waiter),
            Self::Clients(ring) => ring.push(waiter),
        }
    }

    pub(crate) fn head(&self) -> Option<TicketId> {
        match self {
            Self::Arrival(line) => line.list.front().map(|(waiter, _)| waiter.id),
            Self::Clients(ring) => ring.head().map(|waiter| waiter.id),
        }
    }

    pub(crate) fn holds(&self, waiter: Waiter) -> bool {
        match self {
            Self::Arrival(line) => line.find(waiter.id).is_some(),
            Self::Clients(ring) => {
                ring.lanes.get(&waiter.client).is_some_and(|lane| lane.ids.binary_search(&waiter.id).is_ok())
            }
        }
    }

    /// The head starts.
    pub(crate) fn start_head(&mut self) {
        match self {
            Self::Arrival(line) => {
                line.drop_head();
                line.staying = line.staying.saturating_sub(1);
            }
            Self::Clients(ring) => ring.start_head(),
        }
    }

    pub(crate) fn remove(&mut self, waiter: Waiter) -> Removed {
        let is_head = self.head() == Some(waiter.id);
        let is_removed = match self {
            Self::Arrival(line) => line.remove(waiter.id),
            Self::Clients(ring) => ring.remove(waiter),
        };
        match (is_removed, is_head) {
            (false, _) => Removed::Nobody,
            (true, false) => Removed::FromBehind,
            (true, true) => Removed::Head,
        }
    }

    /// Who has to go, if anybody has, so that a newcomer of `client` can come in: the last of the client of whom most
    /// wait, if that are more than would wait of this one. Never the head.
    pub(crate) fn who_makes_room_for(&self, client: ClientNetwork) -> Option<Waiter> {
        let Self::Clients(ring) = self else { return None };
        let own = ring.lanes.get(&client).map_or(0, |lane| lane.ids.len());
        let (length, longest) = ring.by_length.last().copied()?;
        let id = ring.lanes.get(&longest)?.ids.back().copied()?;
        (length > own.saturating_add(1)).then_some(Waiter { id, client: longest })
    }

    /// Puts those who wait into another order; the head may become another.
    pub(crate) fn reorder(&mut self, order: Order) {
        if matches!((&*self, order), (Self::Arrival(_), Order::Arrival) | (Self::Clients(_), Order::Clients))
        {
            return;
        }
        let mut all = Self::new(order);
        for waiter in self.by_arrival() {
            all.push(waiter);
        }
        *self = all;
    }

    /// All, in the order of arrival.
    pub(crate) fn by_arrival(&self) -> Vec<Waiter> {
        match self {
            Self::Arrival(line) => {
                line.list.iter().filter(|(_, has_left)| !has_left).map(|(waiter, _)| *waiter).collect()
            }
            Self::Clients(ring) => {
                let of_lane = |(&client, lane): (&ClientNetwork, &Lane)| {
                    lane.ids.iter().map(|&id| Waiter { id, client }).collect::<Vec<_>>()
                };
                let mut all: Vec<Waiter> = ring.lanes.iter().flat_map(of_lane).collect();
                all.sort_unstable_by_key(|waiter| waiter.id);
                all
            }
        }
    }
}

/// In the order of arrival. Whoever leaves from the middle is only marked; the first has not left.
#[derive(Debug, Default)]
pub(crate) struct Line {
    list: VecDeque<(Waiter, bool)>,
    staying: usize,
}

impl Line {
    fn push(&mut self, waiter: Waiter) {
        self.list.push_back((waiter, false));
        self.staying = self.staying.saturating_add(1);
    }

    fn find(&self, id: TicketId) -> Option<usize> {
        let at = self.list.binary_search_by_key(&id, |(waiter, _)| waiter.id).ok()?;
        self.list.get(at).filter(|(_, has_left)| !has_left).map(|_| at)
    }

    fn remove(&mut self, id: TicketId) -> bool {
        let Some(at) = self.find(id) else { return false };
        self.staying = self.staying.saturating_sub(1);
        if at == 0 {
            self.drop_head();
            return true;
        }
        if let Some((_, has_left)) = self.list.get_mut(at) {
            *has_left = true;
        }
        // so that leavers in the middle never hold more memory than those who stay
        if self.list.len() > self.staying.saturating_mul(2).saturating_add(16) {
            self.list.retain(|(_, has_left)| !has_left);
        }
        true
    }

    fn drop_head(&mut self) {
        self.list.pop_front();
        while self.list.front().is_some_and(|(_, has_left)| *has_left) {
            self.list.pop_front();
        }
    }
}

/// The clients by turns.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    lanes: BTreeMap<ClientNetwork, Lane>,
    /// Whose turn is when, by ascending numbers.
    turns: BTreeMap<u64, ClientNetwork>,
    next_turn: u64,
    by_length: BTreeSet<(usize, ClientNetwork)>,
    /// Of how many clients more wait than the index says.
    longer_than: Vec<usize>,
}

#[derive(Debug)]
struct Lane {
    turn: u64,
    /// In the order of arrival; never empty.
    ids: VecDeque<TicketId>,
}

impl Ring {
    fn head(&self) -> Option<Waiter> {
        let (_, &client) = self.turns.first_key_value()?;
        self.lanes.get(&client)?.ids.front().map(|&id| Waiter { id, client })
    }

    fn place_of(&self, client: ClientNetwork) -> usize {
        let own = self.lanes.get(&client).map_or(0, |lane| lane.ids.len());
        let rounds = own.saturating_add(1);
        let counted =
            self.longer_than.iter().take(rounds).fold(0, |sum: usize, more| sum.saturating_add(*more));
        let beyond = rounds.saturating_sub(ROUNDS_COUNTED);
        let at_most = self.longer_than.last().map_or(0, |last| last.saturating_mul(beyond));
        counted.saturating_add(at_most)
    }

    fn push(&mut self, waiter: Waiter) {
        let turn = self.next_turn;
        let lane = self.lanes.entry(waiter.client).or_insert_with(|| Lane { turn, ids: VecDeque::new() });
        let before = lane.ids.len();
        lane.ids.push_back(waiter.id);
        if before == 0 {
            self.turns.insert(turn, waiter.client);
            self.next_turn = turn.saturating_add(1);
        }
        self.has_grown(waiter.client, before);
    }

    fn start_head(&mut self) {
        let Some((_, client)) = self.turns.pop_first() else { return };
        let turn = self.next_turn;
        let Some(lane) = self.lanes.get_mut(&client) else { return };
        lane.ids.pop_front();
        lane.turn = turn;
        let left = lane.ids.len();
        if left > 0 {
            self.turns.insert(turn, client);
            self.next_turn = turn.saturating_add(1);
        }
        self.has_shrunk(client, left);
    }

    fn remove(&mut self, waiter: Waiter) -> bool {
        let Some(lane) = self.lanes.get_mut(&waiter.client) else { return false };
        let Ok(at) = lane.ids.binary_search(&waiter.id) else { return false };
        lane.ids.remove(at);
        let (left, turn) = (lane.ids.len(), lane.turn);
        if left == 0 {
            self.turns.remove(&turn);
        }
        self.has_shrunk(waiter.client, left);
        true
    }

    /// One more waits of `client` than `before`.
    fn has_grown(&mut self, client: ClientNetwork, before: usize) {
        self.by_length.remove(&(before, client));
        self.by_length.insert((before.saturating_add(1), client));
        if before == self.longer_than.len() && before < ROUNDS_COUNTED {
            self.longer_than.push(0);
        }
        if let Some(more) = self.longer_than.get_mut(before) {
            *more = more.saturating_add(1);
        }
    }

    /// Of `client` only so many wait now, one less than before.
    fn has_shrunk(&mut self, client: ClientNetwork, left: usize) {
        self.by_length.remove(&(left.saturating_add(1), client));
        if left > 0 {
            self.by_length.insert((left, client));
        } else {
            self.lanes.remove(&client);
        }
        if let Some(more) = self.longer_than.get_mut(left) {
            *more = more.saturating_sub(1);
        }
    }
}
