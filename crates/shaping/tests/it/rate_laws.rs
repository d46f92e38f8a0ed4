//! The rate queue against a naive model: lists of starts and of waiters, everything counted afresh at each question.

use core::num::NonZeroU32;
use core::time::Duration;
use proptest::prelude::*;
use shaping::{
    Bounds, ClientNetwork, Entry, Poll, RateClass, RateClassId, Refusal, Registry, ShadowEntry, Tick, Ticket,
    TicketId,
};
use std::collections::BTreeMap;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const CONTEXTS_MAX: usize = 4;
const TICKETS_MAX: usize = 24;
const OVERFLOW: &[u8] = b"(other)";

fn anybody() -> ClientNetwork {
    ClientNetwork::default()
}

type Name = Option<Vec<u8>>;

#[derive(Clone, Debug)]
enum Op {
    Enter(u8),
    TryStart(u8),
    Look(u8),
    Withdraw(usize),
    /// Time passes; whoever sleeps until a moment in it polls, late by this much.
    Advance(u64, u64),
    /// A core whose clock is behind asks.
    EnterEarlier(u8, u64),
    Adopt(usize),
}

/// One context, as simply as can be.
#[derive(Default)]
struct Model {
    starts: Vec<u64>,
    queue: Vec<TicketId>,
}

impl Model {
    /// When somebody starts before whom so many wait.
    fn due(&self, ahead: usize, class: &RateClass, now: u64) -> u64 {
        let mut starts = self.starts.clone();
        let mut due = now;
        for _ in 0..=ahead {
            due = due.max(opens(&starts, class));
            if class.spaced {
                due = due.max(starts.last().map_or(0, |newest| newest + apart(class)));
            }
            starts.push(due);
        }
        due
    }

    /// Whether somebody who comes now need not wait.
    fn is_open(&self, class: &RateClass, now: u64) -> bool {
        self.queue.is_empty() && opens(&self.starts, class) <= now
    }
}

/// When the windows let one more start.
fn opens(starts: &[u64], class: &RateClass) -> u64 {
    let windows = [(class.per_second, SECOND), (class.per_minute, MINUTE)];
    let opens = windows.into_iter().filter_map(|(limit, window)| {
        let nth = starts.len().checked_sub(limit?.get() as usize)?;
        Some(starts[nth] + window)
    });
    opens.max().unwrap_or(0)
}

/// How far apart those start who wait: an eighth less than the even distance. (Here none has to be closer than 20 ms.)
pub(crate) fn apart(class: &RateClass) -> u64 {
    let windows = [(class.per_second, SECOND), (class.per_minute, MINUTE)];
    let apart = windows.into_iter().filter_map(|(limit, window)| Some(window / u64::from(limit?.get())));
    apart.max().map_or(0, |apart| apart * 7 / 8)
}

struct World {
    registry: Registry,
    id: RateClassId,
    classes: Vec<RateClass>,
    class: RateClass,
    models: BTreeMap<Name, Model>,
    /// The latest tick that the named contexts and the one without a name have seen.
    last: [u64; 2],
    now: u64,
    owners: BTreeMap<TicketId, (Ticket, Name, Option<u64>)>,
    counts: [u64; 3],
}

impl World {
    fn new(classes: Vec<RateClass>) -> Self {
        let registry = Registry::new(
            Bounds { contexts_max: CONTEXTS_MAX, tickets_max: TICKETS_MAX, ..Bounds::default() },
            [3, 4],
        );
        let class = classes[0];
        assert!(registry.adopt(&[("c".into(), class)], &[], Tick::ZERO).is_empty());
        let id = registry.rate_class(b"c").unwrap();
        // from here on every shard is there and sees the time
        assert!(registry.peek(id, Some(b"anybody"), Tick::ZERO));
        let (models, owners) = (BTreeMap::new(), BTreeMap::new());
        Self { registry, id, classes, class, models, last: [0; 2], now: MINUTE, owners, counts: [0; 3] }
    }

    fn time(&mut self, name: &Name, now: u64) -> u64 {
        let last = &mut self.last[usize::from(name.is_none())];
        *last = now.max(*last);
        *last
    }

    fn is_fresh(&self, name: &Name, now: u64) -> bool {
        let memory = if self.class.per_minute.is_some() { MINUTE } else { SECOND };
        self.models.get(name).is_none_or(|model| {
            model.queue.is_empty() && model.starts.last().is_none_or(|newest| newest + memory <= now)
        })
    }

    /// Which context a caller ends up in: its own, or the shared one if the table is full of live ones.
    fn instance(&mut self, number: u8, now: u64) -> (Name, Name, u64) {
        let asked: Name = (number > 0).then(|| vec![number; usize::from(number) * 3]);
        let now = self.time(&asked, now);
        let is_live =
            |name: &Name| name.is_some() && name.as_deref() != Some(OVERFLOW) && !self.is_fresh(name, now);
        let live = self.models.keys().filter(|name| is_live(name)).count();
        if asked.is_some() && !is_live(&asked) && live >= CONTEXTS_MAX {
            let now = self.time(&None, now);
            return (asked, Some(OVERFLOW.to_vec()), now);
        }
        (asked.clone(), asked, now)
    }

    fn enter(&mut self, number: u8, asked_at: u64) {
        let (asked, name, now) = self.instance(number, asked_at);
        let waiting: usize = self.models.values().map(|model| model.queue.len()).sum();
        let class = self.class;
        let model = self.models.entry(name.clone()).or_default();
        let due = model.due(model.queue.len(), &class, now);
        let head_due = model.due(0, &class, now);
        let is_open = model.is_open(&class, now);
        let refusal = if is_open {
            None
        } else if class.backlog_max.is_some_and(|max| model.queue.len() >= max as usize) {
            Some(Refusal::BacklogFull)
        } else if class.wait_max.is_some_and(|max| Duration::from_nanos(due - now) > max) {
            Some(Refusal::WaitTooLong)
        } else {
            (waiting >= TICKETS_MAX).then_some(Refusal::TooManyTickets)
        };
        match (self.registry.enter(self.id, asked.as_deref(), anybody(), Tick::from_nanos(asked_at)), refusal)
        {
            (Entry::Started, None) => {
                assert!(is_open, "started though it had to wait");
                model.starts.push(now);
                self.counts[0] += 1;
                self.counts[1] += 1;
            }
            (Entry::Queued { ticket, place, until, .. }, None) => {
                assert!(!is_open, "waits though there is room");
                assert_eq!(place as usize, model.queue.len());
                assert_eq!(until.map(Tick::nanos), (place == 0).then_some(head_due));
                model.queue.push(ticket.id());
                self.counts[0] += 1;
                self.owners.insert(ticket.id(), (ticket, name, until.map(Tick::nanos)));
            }
            (Entry::Refused { reason, retry_after }, Some(refusal)) => {
                assert_eq!(reason, refusal);
                assert!(retry_after <= Duration::from_nanos(due - now));
            }
            (entry, refusal) => panic!("{entry:?} where the model says {refusal:?}"),
        }
    }

    fn try_start(&mut self, number: u8) {
        let (asked, name, now) = self.instance(number, self.now);
        let class = self.class;
        let model = self.models.entry(name).or_default();
        let may = model.is_open(&class, now);
        assert_eq!(self.registry.peek(self.id, asked.as_deref(), Tick::from_nanos(self.now)), may);
        assert_eq!(self.registry.try_start(self.id, asked.as_deref(), Tick::from_nanos(self.now)), may);
        if may {
            model.starts.push(now);
            self.counts[0] += 1;
            self.counts[1] += 1;
        }
    }

    fn look(&mut self, number: u8) {
        let (asked, name, _) = self.instance(number, self.now);
        let backlog = self.models.get(&name).map_or(0, |model| model.queue.len());
        assert_eq!(
            self.registry.backlog(self.id, asked.as_deref(), Tick::from_nanos(self.now)) as usize,
            backlog
        );
    }

    fn shard_time(&mut self, name: &Name) -> u64 {
        let plain = name.as_deref() == Some(OVERFLOW);
        let now = self.now;
        self.time(if plain { &None } else { name }, now)
    }

    fn poll(&mut self, id: TicketId) {
        let Some((ticket, name, _)) = self.owners.remove(&id) else { return };
        let now = self.shard_time(&name);
        let class = self.class;
        let model = self.models.get_mut(&name).unwrap();
        let is_head = model.queue.first() == Some(&id);
        let due = model.due(0, &class, now);
        match self.registry.poll(&ticket, Tick::from_nanos(self.now)) {
            Poll::Started { wakes } => {
                assert!(is_head && due <= now, "let out of its turn");
                model.starts.push(now);
                model.queue.remove(0);
                self.counts[1] += 1;
                let next: Vec<_> = model.queue.first().copied().into_iter().collect();
                assert_eq!(wakes.iter().collect::<Vec<_>>(), next);
                self.wake(next);
            }
            Poll::Waiting { until } => {
                assert_eq!(until.map(Tick::nanos), is_head.then_some(due));
                assert!(!is_head || due > now, "idle while somebody waits");
                self.owners.insert(id, (ticket, name, until.map(Tick::nanos)));
            }
            poll @ (Poll::Gone | Poll::Refused { .. }) => panic!("a live ticket was lost: {poll:?}"),
        }
    }

    fn wake(&mut self, wakes: impl IntoIterator<Item = TicketId>) {
        for id in wakes {
            self.poll(id);
        }
    }

    fn withdraw(&mut self, nth: usize) {
        let Some(id) = self.owners.keys().nth(nth % self.owners.len().max(1)).copied() else { return };
        let (ticket, name, _) = self.owners.remove(&id).unwrap();
        self.shard_time(&name);
        let model = self.models.get_mut(&name).unwrap();
        let was_head = model.queue.first() == Some(&id);
        model.queue.retain(|other| *other != id);
        let next: Vec<_> = model.queue.first().copied().filter(|_| was_head).into_iter().collect();
        let wakes = self.registry.withdraw(ticket, Tick::from_nanos(self.now));
        assert_eq!(wakes.iter().collect::<Vec<_>>(), next);
        self.counts[2] += 1;
        self.wake(next);
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
        let changed = class != self.class;
        self.class = class;
        let wakes = self.registry.adopt(&[("c".into(), class)], &[], Tick::from_nanos(self.now));
        let heads: Vec<_> = self.models.values().filter_map(|model| model.queue.first().copied()).collect();
        let mut woken: Vec<_> = wakes.into_iter().collect();
        woken.sort();
        let mut expected = if changed { heads } else { Vec::new() };
        expected.sort();
        assert_eq!(woken, expected);
        if changed {
            for name in [None, Some(Vec::new())] {
                let now = self.now;
                self.time(&name, now);
            }
        }
        self.wake(woken);
    }

    fn run(&mut self, ops: Vec<Op>) {
        for op in ops {
            match op {
                Op::Enter(number) => self.enter(number, self.now),
                Op::EnterEarlier(number, by) => self.enter(number, self.now - by.min(SECOND)),
                Op::TryStart(number) => self.try_start(number),
                Op::Look(number) => self.look(number),
                Op::Withdraw(nth) => self.withdraw(nth),
                Op::Advance(by, late) => self.advance(by, late),
                Op::Adopt(nth) => self.adopt(nth),
            }
            let reading = self.registry.readings(Tick::from_nanos(self.now)).rates.remove(0);
            let now = self.now;
            self.time(&None, now);
            self.time(&Some(Vec::new()), now);
            assert_eq!([reading.entered, reading.started, reading.withdrawn], self.counts);
            assert_eq!(reading.backlog, reading.entered - reading.started - reading.withdrawn);
            assert_eq!(reading.backlog as usize, self.owners.len());
            assert!(reading.contexts <= CONTEXTS_MAX);
        }
    }
}

fn classes() -> impl Strategy<Value = Vec<RateClass>> {
    let bounds = (proptest::option::of(0_u32..8), proptest::option::of(1_u64..90), any::<bool>());
    let by_minute = (proptest::option::of(1_u32..6), 1_u32..40, bounds.clone());
    let by_minute = by_minute.prop_map(|(second, minute, (backlog_max, wait, spaced))| {
        // a minute of 60 times the second or more is no limit, and then nothing older than a second is kept
        let minute = second.map_or(minute, |second| minute.min(second * 60 - 1));
        RateClass { spaced, ..class(second.unwrap_or(0), minute, backlog_max, wait) }
    });
    let by_second = (1_u32..6, bounds);
    let by_second = by_second.prop_map(|(second, (backlog_max, wait, spaced))| RateClass {
        spaced,
        ..class(second, 0, backlog_max, wait)
    });
    prop_oneof![proptest::collection::vec(by_minute, 1..4), proptest::collection::vec(by_second, 1..4)]
}

fn class(per_second: u32, per_minute: u32, backlog_max: Option<u32>, wait_seconds: Option<u64>) -> RateClass {
    RateClass {
        per_second: NonZeroU32::new(per_second),
        per_minute: NonZeroU32::new(per_minute),
        backlog_max,
        wait_max: wait_seconds.map(Duration::from_secs),
        ..RateClass::default()
    }
}

fn ops(lateness: u64) -> impl Strategy<Value = Vec<Op>> {
    let step = prop_oneof![0..5_u64, 0..SECOND, 0..20 * SECOND, Just(SECOND), Just(MINUTE)];
    let op = prop_oneof![
        8 => (0..7_u8).prop_map(Op::Enter),
        2 => (0..7_u8).prop_map(Op::TryStart),
        1 => (0..7_u8).prop_map(Op::Look),
        2 => any::<usize>().prop_map(Op::Withdraw),
        5 => (step, 0..=lateness).prop_map(|(by, late)| Op::Advance(by, late)),
        1 => (0..7_u8, 0..SECOND).prop_map(|(number, by)| Op::EnterEarlier(number, by)),
        1 => any::<usize>().prop_map(Op::Adopt),
    ];
    proptest::collection::vec(op, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Never early, never idle, first in first out, contexts apart, edits judge old history: all by agreeing with the model.
    #[test]
    fn whoever_polls_on_time_is_let_through_as_the_naive_model_says(classes in classes(), ops in ops(0)) {
        World::new(classes).run(ops);
    }

    #[test]
    fn whoever_polls_late_holds_up_his_own_queue_only_and_nothing_else_changes(classes in classes(), ops in ops(3 * SECOND)) {
        World::new(classes).run(ops);
    }

    /// The shadow says, at the door, the very wait that a real queue would have needed.
    #[test]
    fn a_shadow_foretells_what_a_punctual_queue_does(
        classes in classes(),
        arrivals in proptest::collection::vec((0..3_u8, 0..2 * SECOND), 1..80),
    ) {
        let bounds = Bounds { contexts_max: 100, tickets_max: 10_000, ..Bounds::default() };
        let shadow = Registry::new(bounds, [1, 2]);
        let _ = shadow.adopt(&[("c".into(), classes[0])], &[], Tick::ZERO);
        let id = shadow.rate_class(b"c").unwrap();
        let mut models: BTreeMap<u8, Model> = BTreeMap::new();
        let mut now = 0;
        for (number, after) in arrivals {
            now += after;
            let model = models.entry(number).or_default();
            // a start in the future is somebody who still waits
            let place = model.starts.iter().filter(|start| **start > now).count();
            let class = &classes[0];
            let is_open = place == 0 && opens(&model.starts, class) <= now;
            let behind = |newest: &u64| model.due(0, class, now.max(*newest));
            let due = if is_open { now } else { model.starts.last().map_or(now, behind) };
            match shadow.shadow_enter(id, Some(&[number]), Tick::from_nanos(now)) {
                ShadowEntry::Started => prop_assert!(is_open),
                ShadowEntry::Queued { place: said, wait } => {
                    prop_assert_eq!(said as usize, place);
                    prop_assert_eq!(wait, Duration::from_nanos(due - now));
                }
                ShadowEntry::Refused { reason, retry_after } => {
                    let full = classes[0].backlog_max.is_some_and(|max| place >= max as usize);
                    prop_assert_eq!(reason, if full { Refusal::BacklogFull } else { Refusal::WaitTooLong });
                    prop_assert_eq!(retry_after, Duration::from_nanos(due - now));
                    continue;
                }
            }
            model.starts.push(due);
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    /// Beyond 1 000 a window is counted in sixty-fourths: never more than the limit, at most a sixty-fourth late, exact promises.
    #[test]
    fn great_limits_are_never_exceeded_and_hold_back_by_a_sixty_fourth_at_most(
        limit in 1_001_u32..2_500,
        per_minute in any::<bool>(),
        bursts in proptest::collection::vec((1_u32..3_000, 0_u64..1_000), 1..12),
    ) {
        let window = if per_minute { MINUTE } else { SECOND };
        let some = NonZeroU32::new(limit);
        let class = if per_minute {
            RateClass { per_minute: some, ..RateClass::default() }
        } else {
            RateClass { per_second: some, ..RateClass::default() }
        };
        let registry = Registry::new(Bounds::default(), [1, 2]);
        let _ = registry.adopt(&[("c".into(), class)], &[], Tick::ZERO);
        let id = registry.rate_class(b"c").unwrap();
        let limit = limit as usize;
        let mut starts: Vec<u64> = Vec::new();
        let mut now = 0;
        for (count, after) in bursts {
            now += after * (window / 700);
            for _ in 0..count {
                now += window / 1_000_000;
                if registry.try_start(id, None, Tick::from_nanos(now)) {
                    starts.push(now);
                    continue;
                }
                let oldest = starts[starts.len() - limit];
                prop_assert!(now < oldest + window + window / 64, "held back for more than a sixty-fourth");
            }
            if let Entry::Queued { ticket, until, .. } = registry.enter(id, None, anybody(), Tick::from_nanos(now)) {
                let until = until.unwrap();
                let before = until.saturating_sub(Duration::from_nanos(1));
                prop_assert_eq!(registry.poll(&ticket, before), Poll::Waiting { until: Some(until) });
                let started = matches!(registry.poll(&ticket, until), Poll::Started { .. });
                prop_assert!(started);
                now = until.nanos();
            }
            starts.push(now);
        }
        for pair in starts.windows(limit + 1) {
            prop_assert!(pair[limit] - pair[0] >= window, "more than the limit in a window");
        }
    }
}
