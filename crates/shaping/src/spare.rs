//! Admission by spare capacity: as many come in as the nodes of a pool bear, and whoever has the best claim first.
//!
//! ```text
//!   enter ──▶ Started: a place                     limit    how many places there are, by the latency of answers
//!     │            │                               order    who is next: rank, then sites by turns
//!     └──▶ Queued ─┼─ woken ─▶ poll ─▶ Started     entries  a page on which a hidden crowd lands is one more site
//!                  ▼
//!          answered (latency) … leave ─▶ whom to wake
//! ```
//!
//! A place is held from the start until the nodes are through with the request. Requests that come to the pool without having
//! asked here ([`SpareClass::pass`]) are never held up, and count: they are part of what the pool bears.

pub(crate) mod entries;
pub(crate) mod limit;
pub(crate) mod order;

use crate::client::ClientNetwork;
use crate::fingerprint::Fingerprint;
use crate::rate::class::RateClass;
use crate::rate::contexts::Tickets;
use crate::rate::live::lock;
use crate::rate::{Entry, Poll, RateClassId, Refusal, SPARE, Ticket, Wakes};
use crate::reading::NAMED_MAX;
use crate::time::nanos_of;
use crate::{Answered, Rank, Tick};
use core::time::Duration;
use entries::Landings;
use limit::Limit;
use order::{Order, Spot, Waiter};
use std::sync::{Arc, Mutex};

/// What whoever is refused is told where nothing is known of how fast people come in.
const RETRY_UNKNOWN: Duration = Duration::from_secs(1);
/// Nobody is told to come again later than this.
const RETRY_MAX: Duration = Duration::from_mins(1);

const SECOND_NANOS: u64 = 1_000_000_000;

/// Settings of a class that admits by spare capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpareLimits {
    /// So many of those who ask may always be inside; at least 1.
    pub floor: u32,
    /// No more than this are ever inside, as far as the class can help it; at least the floor.
    pub ceiling: u32,
    /// Which pool it is, as a number: what was learnt of one says nothing of another.
    pub pool: u64,
}

/// Who asks to come in.
#[derive(Clone, Copy, Debug)]
pub struct Entrant<'a> {
    /// Who comes in before whom.
    pub rank: Rank,
    /// Between whom it is to be fair within the rank.
    pub group: Group<'a>,
}

/// With whom somebody shares his turns.
#[derive(Clone, Copy, Debug)]
pub enum Group<'a> {
    /// With all whom this site sends; any other name will do.
    Site(&'a [u8]),
    /// With all of whom nobody knows who sent them; if their page surges, with those who land on it.
    Landing(&'a [u8]),
    /// With himself.
    Client(ClientNetwork),
}

/// Why somebody is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// He asked, and there was a place.
    Admitted,
    /// He did not ask.
    Passed,
}

/// A class that admits by spare capacity, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpareReading {
    /// How many may be inside now.
    pub places: u32,
    /// Who is inside and has asked.
    pub admitted: u32,
    /// Who is inside and has not.
    pub passing: u32,
    /// How much slower than at their best the nodes answer, in thousandths: the median of the last window.
    pub slowness_per_mille: u64,
    /// Groups that are told apart.
    pub groups: usize,
    /// Who waits, by rank in the order of [`Rank::ALL`].
    pub waiting: [usize; 5],
}

/// The live state of a class that admits by spare capacity. A call locks it for a computation.
#[derive(Debug)]
pub struct SpareClass {
    id: RateClassId,
    key: [u64; 2],
    tickets: Arc<Tickets>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None`: the class limits something else now, and nobody is held up here.
    limits: Option<SpareLimits>,
    backlog_max: usize,
    wait_max: u64,
    limit: Limit,
    order: Order,
    landings: Landings,
    admitted: u32,
    passing: u32,
    now: u64,
    pace: Pace,
    counts: SpareCounts,
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SpareCounts {
    pub(crate) entered: u64,
    pub(crate) started: u64,
    pub(crate) withdrawn: u64,
    pub(crate) refused: u64,
    pub(crate) displaced: u64,
    pub(crate) declined: u64,
}

/// How fast people come in.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    second: u64,
    this_second: u64,
    last_second: u64,
}

impl Pace {
    fn turn(&mut self, now: u64) {
        let second = now / SECOND_NANOS;
        if second != self.second {
            self.last_second = if self.second.saturating_add(1) == second { self.this_second } else { 0 };
            (self.second, self.this_second) = (second, 0);
        }
    }

    fn start(&mut self, now: u64) {
        self.turn(now);
        self.this_second = self.this_second.saturating_add(1);
    }

    /// How long so many take to come in; `None` where nobody knows.
    fn time_for(&mut self, count: usize, now: u64) -> Option<Duration> {
        self.turn(now);
        let per_second = self.last_second.max(self.this_second);
        let nanos = u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(SECOND_NANOS);
        nanos.checked_div(per_second).map(Duration::from_nanos)
    }
}

impl SpareClass {
    pub(crate) fn new(id: RateClassId, class: &RateClass, key: [u64; 2], tickets: Arc<Tickets>) -> Self {
        let limits = class.spare;
        let state = State {
            limits,
            backlog_max: backlog_max(class),
            wait_max: wait_max(class),
            limit: Limit::new(limits.map_or((1, u32::MAX), |limits| (limits.floor, limits.ceiling))),
            order: Order::default(),
            landings: Landings::default(),
            admitted: 0,
            passing: 0,
            now: 0,
            pace: Pace::default(),
            counts: SpareCounts::default(),
        };
        Self { id, key, tickets, state: Mutex::new(state) }
    }

    pub(crate) fn adopt(&self, class: &RateClass) -> Wakes {
        let mut state = lock(&self.state);
        if let Some(limits) = class.spare {
            let bounds = (limits.floor, limits.ceiling);
            if state.limits.is_some_and(|known| known.pool == limits.pool) {
                state.limit.bound(bounds);
            } else {
                state.limit = Limit::new(bounds);
            }
        }
        state.limits = class.spare;
        state.backlog_max = backlog_max(class);
        state.wait_max = wait_max(class);
        state.next_head()
    }

    /// Takes a place, or one in the queue. Who is told [`Entry::Started`] is inside until [`Self::leave`]. Ranks are strict;
    /// within a rank it is fair between groups.
    pub fn enter(&self, entrant: Entrant<'_>, now: Tick) -> Entry {
        let mut state = lock(&self.state);
        let now = state.time(now);
        let (group, name) = self.group_of(entrant.group, &mut state, now);
        if state.may_start(entrant.rank, group) {
            state.order.pass(entrant.rank, (group, name));
            state.counts.entered = state.counts.entered.saturating_add(1);
            state.start(now);
            return Entry::Started;
        }
        state.limit.note_met();
        let place = state.order.ahead_of(entrant.rank, group);
        let wait = state.pace.time_for(place.saturating_add(1), now);
        let reason = if state.order.waiting_beside(entrant.rank, group) >= state.backlog_max {
            Some(Refusal::BacklogFull)
        } else if wait.is_some_and(|wait| nanos_of(wait) > state.wait_max) {
            Some(Refusal::WaitTooLong)
        } else {
            None
        };
        let id = match reason {
            Some(reason) => Err(reason),
            None => self.tickets.take().ok_or(Refusal::TooManyTickets),
        };
        let id = match id {
            Ok(id) => id,
            Err(reason) => {
                state.counts.refused = state.counts.refused.saturating_add(1);
                return Entry::Refused { reason, retry_after: retry_after(wait) };
            }
        };
        state.counts.entered = state.counts.entered.saturating_add(1);
        let spot = state.order.push(entrant.rank, (group, name), Waiter { id, since: now });
        let ticket = Ticket {
            id,
            class: self.id,
            shard: SPARE,
            slot: slot_of(spot),
            since: now,
            client: ClientNetwork::default(),
        };
        let until = state.latest(now);
        Entry::Queued { ticket, place: u32::try_from(place).unwrap_or(u32::MAX), until, displaced: None }
    }

    pub(crate) fn poll(&self, ticket: &Ticket, now: u64) -> Poll {
        let mut state = lock(&self.state);
        let now = state.time(Tick::from_nanos(now));
        let spot = spot_of(ticket.slot);
        if !state.order.holds(ticket.id, spot) {
            return Poll::Gone;
        }
        if state.limits.is_none() {
            self.take_out(&mut state, ticket.id, spot);
            state.start(now);
            return Poll::Started { wakes: state.next_head() };
        }
        let is_head = state.order.head().is_some_and(|(id, _)| id == ticket.id);
        if is_head && state.has_room() {
            let _served = state.order.pop();
            self.tickets.give_back(1);
            state.start(now);
            return Poll::Started { wakes: state.next_head() };
        }
        if now.saturating_sub(ticket.since) >= state.wait_max {
            let ahead = state.order.ahead_of(spot.rank, Fingerprint::default());
            let wait = state.pace.time_for(ahead.saturating_add(1), now);
            self.take_out(&mut state, ticket.id, spot);
            state.counts.withdrawn = state.counts.withdrawn.saturating_add(1);
            state.counts.displaced = state.counts.displaced.saturating_add(1);
            let retry_after = retry_after(wait);
            let wakes = if is_head { state.next_head() } else { Wakes::default() };
            return Poll::Refused { reason: Refusal::WaitTooLong, retry_after, wakes };
        }
        Poll::Waiting { until: state.latest(ticket.since) }
    }

    pub(crate) fn withdraw(&self, ticket: &Ticket) -> Wakes {
        let mut state = lock(&self.state);
        let spot = spot_of(ticket.slot);
        if !state.order.holds(ticket.id, spot) {
            return Wakes::default();
        }
        let is_head = state.order.head().is_some_and(|(id, _)| id == ticket.id);
        self.take_out(&mut state, ticket.id, spot);
        state.counts.withdrawn = state.counts.withdrawn.saturating_add(1);
        if is_head { state.next_head() } else { Wakes::default() }
    }

    /// Takes a place if one is free and nobody is before him; `true` as [`Entry::Started`].
    pub fn try_start(&self, entrant: Entrant<'_>, now: Tick) -> bool {
        let mut state = lock(&self.state);
        let now = state.time(now);
        let (group, name) = self.group_of(entrant.group, &mut state, now);
        let may_start = state.may_start(entrant.rank, group);
        if may_start {
            state.order.pass(entrant.rank, (group, name));
            state.counts.entered = state.counts.entered.saturating_add(1);
            state.start(now);
        } else {
            state.limit.note_met();
            state.counts.declined = state.counts.declined.saturating_add(1);
        }
        may_start
    }

    /// Whether [`Self::try_start`] would say yes. Changes nothing.
    pub fn peek(&self, entrant: Entrant<'_>) -> bool {
        let state = lock(&self.state);
        let group = self.name_of(entrant.group).0;
        state.may_start(entrant.rank, group)
    }

    /// How many wait: in all, or in the group of this name.
    pub fn backlog(&self, group: Option<&[u8]>) -> u32 {
        let state = lock(&self.state);
        let waiting = match group {
            None => state.order.waiting(),
            Some(name) => state.order.waiting_of_group(Fingerprint::of(self.key, name)),
        };
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }

    /// A request goes to the pool without having asked; it is inside until [`Self::leave`].
    pub fn pass(&self) {
        let mut state = lock(&self.state);
        state.passing = state.passing.saturating_add(1);
    }

    /// Somebody is not inside any more. Gives who should ask again.
    pub fn leave(&self, way: Way) -> Wakes {
        let mut state = lock(&self.state);
        match way {
            Way::Admitted => state.admitted = state.admitted.saturating_sub(1),
            Way::Passed => state.passing = state.passing.saturating_sub(1),
        }
        state.next_head()
    }

    /// What a node of the pool made of a request. `sort` is the same for requests that should take about as long. Gives who
    /// should ask again.
    pub fn note(&self, sort: u64, answered: Answered, now: Tick) -> Wakes {
        let mut state = lock(&self.state);
        let now = state.time(now);
        let before = state.limit.places();
        state.limit.note(sort, answered, now);
        if state.limit.places() > before { state.next_head() } else { Wakes::default() }
    }

    pub(crate) fn reading(&self, now: Tick) -> (SpareReading, SpareCounts, Named, u64) {
        let mut state = lock(&self.state);
        let now = state.time(now);
        state.pace.turn(now);
        let mut waiting: Named = state
            .order
            .groups()
            .map(|(name, count)| (name.into(), u32::try_from(count).unwrap_or(u32::MAX)))
            .collect();
        waiting.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        waiting.truncate(NAMED_MAX);
        let reading = SpareReading {
            places: state.limit.places(),
            admitted: state.admitted,
            passing: state.passing,
            slowness_per_mille: per_mille(state.limit.slowness()),
            groups: state.order.groups_held(),
            waiting: Rank::ALL.map(|rank| state.order.waiting_of_rank(rank)),
        };
        (reading, state.counts, waiting, state.pace.last_second)
    }

    fn take_out(&self, state: &mut State, id: crate::TicketId, spot: Spot) {
        if state.order.remove(id, spot).is_some() {
            self.tickets.give_back(1);
        }
    }

    /// Whose turns they are, and the name for those who look on. Counts a landing.
    fn group_of<'a>(&self, of: Group<'a>, state: &mut State, now: u64) -> (Fingerprint, &'a [u8]) {
        let (group, name) = self.name_of(of);
        match of {
            Group::Landing(page) if state.landings.note(Fingerprint::of(self.key, page), now) => {
                (Fingerprint::of(self.key, page), page)
            }
            _ => (group, name),
        }
    }

    fn name_of<'a>(&self, of: Group<'a>) -> (Fingerprint, &'a [u8]) {
        match of {
            Group::Site(name) => (Fingerprint::of(self.key, name), name),
            Group::Landing(_) => (Fingerprint::of(self.key, b"(direct)"), b"(direct)"),
            Group::Client(client) => (Fingerprint::of(self.key, &client.to_bytes()), b"(client)"),
        }
    }
}

/// Groups in which somebody waits, with how many.
pub(crate) type Named = Vec<(Box<[u8]>, u32)>;

impl State {
    /// The latest moment that anybody has told.
    fn time(&mut self, now: Tick) -> u64 {
        self.now = self.now.max(now.nanos());
        self.now
    }

    fn has_room(&self) -> bool {
        self.admitted.saturating_add(self.passing) < self.limit.places() || self.admitted < self.limit.floor()
    }

    fn may_start(&self, rank: Rank, group: Fingerprint) -> bool {
        self.limits.is_none() || self.has_room() && self.order.is_first(rank, group)
    }

    fn start(&mut self, now: u64) {
        self.admitted = self.admitted.saturating_add(1);
        self.counts.started = self.counts.started.saturating_add(1);
        self.pace.start(now);
        if !self.has_room() {
            self.limit.note_met();
        }
    }

    /// Who is next, if there is room.
    fn next_head(&self) -> Wakes {
        if self.limits.is_some() && !self.has_room() {
            return Wakes::default();
        }
        Wakes::from(self.order.head().map(|(id, _)| id))
    }

    /// When whoever came then is told that it takes too long.
    fn latest(&self, since: u64) -> Option<Tick> {
        (self.wait_max < u64::MAX).then(|| Tick::from_nanos(since.saturating_add(self.wait_max)))
    }
}

fn backlog_max(class: &RateClass) -> usize {
    class.backlog_max.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

fn wait_max(class: &RateClass) -> u64 {
    class.wait_max.map_or(u64::MAX, nanos_of)
}

fn retry_after(wait: Option<Duration>) -> Duration {
    wait.unwrap_or(RETRY_UNKNOWN).clamp(RETRY_UNKNOWN, RETRY_MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a casting float saturates")]
fn per_mille(ratio: f64) -> u64 {
    (ratio * 1e3) as u64
}

/// Rank and group in the one number that a ticket has for them.
fn slot_of(spot: Spot) -> u32 {
    let rank = Rank::ALL.iter().position(|rank| *rank == spot.rank).unwrap_or(0);
    u32::try_from(spot.group.saturating_mul(Rank::ALL.len()).saturating_add(rank)).unwrap_or(u32::MAX)
}

fn spot_of(slot: u32) -> Spot {
    let slot = usize::try_from(slot).unwrap_or(usize::MAX);
    let rank = slot.checked_rem(Rank::ALL.len()).unwrap_or(0);
    let group = slot.checked_div(Rank::ALL.len()).unwrap_or(0);
    Spot { rank: Rank::ALL.get(rank).copied().unwrap_or(Rank::Embed), group }
}
