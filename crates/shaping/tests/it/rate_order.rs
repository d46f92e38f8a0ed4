//! Classes in which contexts or clients take turns, against a naive model: lists of starts and of waiters, searched from
//! one end to the other at each question.

use crate::rate_laws::apart;
use core::num::NonZeroU32;
use core::time::Duration;
use proptest::prelude::*;
use shaping::{
    Bounds, ClientNetwork, Entry, Order, Poll, RateClass, RateClassId, Refusal, Registry, Tick, Ticket,
    TicketId, Wakes,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const TICKETS_MAX: usize = 24;

#[derive(Clone, Debug)]
enum Op {
    /// Somebody of a client comes to a context.
    Enter(u8, u8),
    TryStart(u8),
    Withdraw(usize),
    /// Time passes; whoever sleeps until a moment in it polls, late by this much.
    Advance(u64, u64),
    Adopt(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Waiter {
    id: TicketId,
    client: u8,
    since: u64,
}

/// One context, as simply as can be.
#[derive(Default)]
struct Context {
    starts: Vec<u64>,
    /// In the order of arrival.
    queue: Vec<Waiter>,
    /// Whose turn is next.
    ring: Vec<u8>,
}

impl Context {
    fn head(&self, order: Order) -> Option<Waiter> {
        match order {
            Order::Arrival => self.queue.first().copied(),
            Order::Clients => self.queue.iter().copied().find(|waiter| waiter.client == self.ring[0]),
        }
    }

    fn of(&self, client: u8) -> usize {
        self.queue.iter().filter(|waiter| waiter.client == client).count()
    }

    fn remove(&mut self, id: TicketId) {
        self.queue.retain(|waiter| waiter.id != id);
        let queue = &self.queue;
        self.ring.retain(|client| queue.iter().any(|waiter| waiter.client == *client));
    }

    /// Who has to make room for a client, if anybody has.
    fn makes_room(&self, order: Order, newcomer: u8) -> Option<Waiter> {
        let longest = self.ring.iter().copied().max_by_key(|client| (self.of(*client), *client))?;
        let last = self.queue.iter().rev().copied().find(|waiter| waiter.client == longest)?;
        (order == Order::Clients && self.of(longest) > self.of(newcomer) + 1).then_some(last)
    }
}

/// When a window opens, by a list of all starts.
fn opens(starts: &[u64], limits: [Option<NonZeroU32>; 2]) -> u64 {
    let mut due = 0;
    for (limit, window) in limits.into_iter().zip([SECOND, MINUTE]) {
        let limit = limit.map_or(usize::MAX, |limit| limit.get() as usize);
        if starts.len() >= limit {
            due = due.max(starts[starts.len() - limit] + window);
        }
    }
    due
}

struct World {
    registry: Registry,
    id: RateClassId,
    classes: Vec<RateClass>,
    class: RateClass,
    contexts: BTreeMap<u8, Context>,
    total: Vec<u64>,
    /// The contexts that wait only for the total, by turns.
    ready: Vec<u8>,
    now: u64,
    owners: BTreeMap<TicketId, (Ticket, u8, Option<u64>)>,
    displaced: BTreeSet<TicketId>,
    counts: [u64; 3],
    punctual: bool,
    edited_at: u64,
}

impl World {
    fn new(classes: Vec<RateClass>, punctual: bool) -> Self {
        let registry = Registry::new(
            Bounds { contexts_max: 100, tickets_max: TICKETS_MAX, ..Bounds::default() },
            [3, 4],
        );
        let class = classes[0];
        assert!(registry.adopt(&[("c".into(), class)], &[], Tick::ZERO).is_empty());
        let id = registry.rate_class(b"c").unwrap();
        Self {
            registry,
            id,
            classes,
            class,
            contexts: BTreeMap::new(),
            total: Vec::new(),
            ready: Vec::new(),
            now: MINUTE,
            owners: BTreeMap::new(),
            displaced: BTreeSet::new(),
            counts: [0; 3],
            punctual,
            edited_at: 0,
        }
    }

    fn tick(&self) -> Tick {
        Tick::from_nanos(self.now)
    }

    fn has_total(&self) -> bool {
        self.class.total_per_second.is_some() || self.class.total_per_minute.is_some()
    }

    fn is_estimated(&self) -> bool {
        self.has_total() || self.class.order == Order::Clients
    }

    fn own_due(&self, context: u8) -> u64 {
        let starts = self.contexts.get(&context).map_or(&[][..], |it| &it.starts);
        opens(starts, [self.class.per_second, self.class.per_minute])
    }

    /// When the head of those who wait in a context may start, but for the total.
    fn head_due(&self, context: u8) -> u64 {
        let newest = self.contexts.get(&context).and_then(|it| it.starts.last().copied());
        let spaced = newest.filter(|_| self.class.spaced).map_or(0, |newest| newest + apart(&self.class));
        self.own_due(context).max(spaced)
    }

    fn total_due(&self) -> u64 {
        opens(&self.total, [self.class.total_per_second, self.class.total_per_minute])
    }

    fn latest(&self, since: u64) -> u64 {
        let max = self.class.wait_max.filter(|_| self.is_estimated());
        max.map_or(u64::MAX, |max| since + max.as_nanos() as u64)
    }

    fn may_start(&self, context: u8) -> bool {
        self.contexts.get(&context).is_none_or(|it| it.queue.is_empty())
            && self.own_due(context) <= self.now
            && (!self.has_total() || (self.ready.is_empty() && self.total_due() <= self.now))
    }

    fn start(&mut self, context: u8) {
        self.contexts.entry(context).or_default().starts.push(self.now);
        self.total.push(self.now);
        self.counts[1] += 1;
    }

    fn enter(&mut self, context: u8, client: u8) {
        let network = ClientNetwork::of(Ipv4Addr::new(192, 0, 2, client).into());
        let may_start = self.may_start(context);
        let it = self.contexts.entry(context).or_default();
        let is_full = self.class.backlog_max.is_some_and(|max| it.queue.len() >= max as usize);
        let makes_room = it.makes_room(self.class.order, client);
        let makes_room =
            makes_room.filter(|_| is_full || self.owners.len() - self.displaced.len() >= TICKETS_MAX);
        match self.registry.enter(self.id, Some(&[context]), network, self.tick()) {
            Entry::Started => {
                assert!(may_start, "started though it had to wait");
                self.counts[0] += 1;
                self.start(context);
            }
            Entry::Queued { ticket, until, displaced, .. } => {
                assert!(!may_start, "waits though there is room");
                assert_eq!(displaced, makes_room.map(|waiter| waiter.id));
                assert!(!is_full || displaced.is_some(), "more wait than may");
                self.counts[0] += 1;
                if let Some(id) = displaced {
                    self.contexts.entry(context).or_default().remove(id);
                    self.displaced.insert(id);
                    self.counts[2] += 1;
                }
                let waiter = Waiter { id: ticket.id(), client, since: self.now };
                let it = self.contexts.entry(context).or_default();
                it.queue.push(waiter);
                if !it.ring.contains(&client) {
                    it.ring.push(client);
                }
                assert_eq!(until.map(Tick::nanos), self.expected_until(context, waiter));
                self.owners.insert(waiter.id, (ticket, context, until.map(Tick::nanos)));
                self.wake(displaced);
            }
            Entry::Refused { reason: Refusal::WaitTooLong, retry_after } => {
                assert!(!may_start);
                assert!(self.class.wait_max.is_some_and(|max| retry_after > max));
            }
            Entry::Refused { reason, .. } => {
                assert!(!may_start && makes_room.is_none());
                assert_eq!(reason, if is_full { Refusal::BacklogFull } else { Refusal::TooManyTickets });
            }
        }
    }

    /// Until when somebody sleeps who cannot start now; makes his context ready, if he is its head and only waits for
    /// the total.
    fn expected_until(&mut self, context: u8, waiter: Waiter) -> Option<u64> {
        let latest = Some(self.latest(waiter.since)).filter(|latest| *latest < u64::MAX);
        let head = self.contexts[&context].head(self.class.order);
        let own = self.head_due(context).max(self.now);
        let due = if head != Some(waiter) {
            None
        } else if !self.has_total() || own > self.now {
            Some(own)
        } else {
            if !self.ready.contains(&context) {
                self.ready.push(context);
            }
            (self.ready[0] == context).then(|| self.total_due().max(self.now))
        };
        due.into_iter().chain(latest).min()
    }

    fn try_start(&mut self, context: u8) {
        let may = self.may_start(context);
        assert_eq!(self.registry.peek(self.id, Some(&[context]), self.tick()), may);
        assert_eq!(self.registry.try_start(self.id, Some(&[context]), self.tick()), may);
        if may {
            self.counts[0] += 1;
            self.start(context);
        }
    }

    fn poll(&mut self, id: TicketId) {
        let Some((ticket, context, _)) = self.owners.remove(&id) else { return };
        let poll = self.registry.poll(&ticket, self.tick());
        if self.displaced.remove(&id) {
            let Poll::Refused { reason, wakes, .. } = poll else { panic!("{poll:?} after making room") };
            assert!(reason == Refusal::BacklogFull && wakes.is_empty());
            return;
        }
        let order = self.class.order;
        let waiter = self.contexts[&context].queue.iter().copied().find(|it| it.id == id).unwrap();
        let until = self.expected_until(context, waiter);
        let is_next = self.contexts[&context].head(order) == Some(waiter)
            && self.head_due(context) <= self.now
            && (!self.has_total() || (self.ready[0] == context && self.total_due() <= self.now));
        match poll {
            Poll::Started { wakes } => {
                assert!(is_next, "let out of its turn");
                let is_bound = self.punctual && waiter.since >= self.edited_at;
                assert!(!is_bound || self.now <= self.latest(waiter.since), "waited too long");
                self.start(context);
                let it = self.contexts.get_mut(&context).unwrap();
                if order == Order::Clients {
                    it.ring.rotate_left(1);
                }
                it.remove(id);
                self.step_back(context, it_next(&self.contexts, context, order), wakes);
            }
            Poll::Refused { reason, wakes, .. } => {
                assert!(!is_next && reason == Refusal::WaitTooLong && self.now >= self.latest(waiter.since));
                self.leaves(context, waiter, wakes);
            }
            Poll::Waiting { until: said } => {
                assert!(!is_next, "idle while somebody waits");
                assert!(self.now < self.latest(waiter.since), "waits beyond the longest wait");
                assert_eq!(said.map(Tick::nanos), until);
                self.owners.insert(id, (ticket, context, until));
            }
            Poll::Gone => panic!("a live ticket was lost"),
        }
    }

    /// A context is ready no more; whom that concerns is woken, and nobody else.
    fn step_back(&mut self, context: u8, next: Option<Waiter>, wakes: Wakes) {
        let order = self.class.order;
        let first = self.ready.first().copied();
        self.ready.retain(|other| *other != context);
        let mut expected: Vec<_> = next.into_iter().map(|waiter| waiter.id).collect();
        if let Some(now_first) = self.ready.first().filter(|now_first| Some(**now_first) != first) {
            expected.push(self.contexts[now_first].head(order).unwrap().id);
        }
        self.expect_wakes(wakes, expected);
    }

    fn expect_wakes(&mut self, wakes: Wakes, mut expected: Vec<TicketId>) {
        let mut woken: Vec<_> = wakes.into_iter().collect();
        woken.sort();
        expected.sort();
        assert_eq!(woken, expected);
        self.wake(woken);
    }

    fn wake(&mut self, wakes: impl IntoIterator<Item = TicketId>) {
        for id in wakes {
            self.poll(id);
        }
    }

    fn leaves(&mut self, context: u8, waiter: Waiter, wakes: Wakes) {
        let order = self.class.order;
        let it = self.contexts.get_mut(&context).unwrap();
        let was_head = it.head(order) == Some(waiter);
        it.remove(waiter.id);
        self.counts[2] += 1;
        let next = it_next(&self.contexts, context, order);
        match next.filter(|_| was_head) {
            // the next head takes over the turn of its context
            Some(next) => self.expect_wakes(wakes, vec![next.id]),
            None if was_head => self.step_back(context, None, wakes),
            None => assert!(wakes.is_empty()),
        }
    }

    fn withdraw(&mut self, nth: usize) {
        let Some(id) = self.owners.keys().nth(nth % self.owners.len().max(1)).copied() else { return };
        let (ticket, context, _) = self.owners.remove(&id).unwrap();
        let wakes = self.registry.withdraw(ticket, self.tick());
        if self.displaced.remove(&id) {
            return assert!(wakes.is_empty());
        }
        let waiter = self.contexts[&context].queue.iter().copied().find(|it| it.id == id).unwrap();
        self.leaves(context, waiter, wakes);
    }

    fn advance(&mut self, by: u64, late: u64) {
        let end = self.now + by;
        loop {
            let next = self.owners.iter().filter_map(|(id, owner)| Some((owner.2? + late, *id))).min();
            let Some((at, id)) = next.filter(|(at, _)| *at <= end) else { break };
            self.now = self.now.max(at);
            self.poll(id);
        }
        self.now = end;
    }

    fn adopt(&mut self, nth: usize) {
        let class = self.classes[nth % self.classes.len()];
        let is_edit = class != self.class;
        let was_by_arrival = self.class.order == Order::Arrival;
        self.class = class;
        let wakes = self.registry.adopt(&[("c".into(), class)], &[], self.tick());
        let all_are_woken = self.is_estimated() && class.wait_max.is_some();
        let mut expected = Vec::new();
        let open: Vec<_> = self.ready.iter().copied().filter(|it| self.head_due(*it) <= self.now).collect();
        for it in self.contexts.values_mut().filter(|_| is_edit) {
            if was_by_arrival && class.order == Order::Clients {
                it.ring = Vec::new();
                for waiter in &it.queue {
                    if !it.ring.contains(&waiter.client) {
                        it.ring.push(waiter.client);
                    }
                }
            }
            if all_are_woken {
                expected.extend(it.queue.iter().map(|waiter| waiter.id));
            } else {
                expected.extend(it.head(class.order).map(|waiter| waiter.id));
            }
        }
        if is_edit {
            self.edited_at = self.now;
            self.ready = if self.has_total() { open } else { Vec::new() };
        }
        self.expect_wakes(wakes, expected);
    }

    fn run(&mut self, ops: Vec<Op>) {
        for op in ops {
            match op {
                Op::Enter(context, client) => self.enter(context, client),
                Op::TryStart(context) => self.try_start(context),
                Op::Withdraw(nth) => self.withdraw(nth),
                Op::Advance(by, late) => self.advance(by, if self.punctual { 0 } else { late }),
                Op::Adopt(nth) => self.adopt(nth),
            }
            let reading = self.registry.readings(self.tick()).rates.remove(0);
            assert_eq!([reading.entered, reading.started, reading.withdrawn], self.counts);
            assert_eq!(reading.backlog, reading.entered - reading.started - reading.withdrawn);
            assert_eq!(reading.backlog as usize + self.displaced.len(), self.owners.len());
            for (context, it) in &self.contexts {
                let backlog = self.registry.backlog(self.id, Some(&[*context]), self.tick());
                assert_eq!(backlog as usize, it.queue.len());
            }
        }
    }
}

fn it_next(contexts: &BTreeMap<u8, Context>, context: u8, order: Order) -> Option<Waiter> {
    contexts[&context].head(order)
}

fn classes() -> impl Strategy<Value = Vec<RateClass>> {
    let own = (proptest::option::of(1_u32..6), 1_u32..40);
    let total = (proptest::option::of(1_u32..8), proptest::option::of(1_u32..60));
    let bounds = (proptest::option::of(0_u32..8), proptest::option::of(1_u64..90), any::<(bool, bool)>());
    let class = (own, total, bounds).prop_map(|((second, minute), (total_second, total_minute), bounds)| {
        let (backlog_max, wait, (by_clients, spaced)) = bounds;
        // a minute of 60 times the second or more is no limit, and then nothing older than a second is kept
        let minute = second.map_or(minute, |second| minute.min(second * 60 - 1));
        RateClass {
            per_second: second.and_then(NonZeroU32::new),
            per_minute: NonZeroU32::new(minute),
            backlog_max,
            wait_max: wait.map(Duration::from_secs),
            total_per_second: total_second.and_then(NonZeroU32::new),
            total_per_minute: total_minute.and_then(NonZeroU32::new),
            order: if by_clients { Order::Clients } else { Order::Arrival },
            spaced,
            spare: None,
        }
    });
    proptest::collection::vec(class, 1..4)
}

fn ops(lateness: u64) -> impl Strategy<Value = Vec<Op>> {
    let step = prop_oneof![0..5_u64, 0..SECOND, 0..20 * SECOND, Just(SECOND), Just(MINUTE)];
    let op = prop_oneof![
        12 => (0..4_u8, 0..5_u8).prop_map(|(context, client)| Op::Enter(context, client)),
        1 => (0..4_u8).prop_map(Op::TryStart),
        2 => any::<usize>().prop_map(Op::Withdraw),
        5 => (step, 0..=lateness).prop_map(|(by, late)| Op::Advance(by, late)),
        1 => any::<usize>().prop_map(Op::Adopt),
    ];
    proptest::collection::vec(op, 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn contexts_and_clients_take_turns_as_the_naive_model_says(classes in classes(), ops in ops(0)) {
        World::new(classes, true).run(ops);
    }

    #[test]
    fn whoever_polls_late_holds_up_the_order_and_breaks_no_limit(classes in classes(), ops in ops(3 * SECOND)) {
        World::new(classes, false).run(ops);
    }
}
