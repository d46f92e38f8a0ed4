//! Admission by spare capacity, against a naive model and in a pool that is made up.

use core::time::Duration;
use proptest::prelude::*;
use shaping::{
    Answered, Bounds, Entrant, Entry, Group, Poll, Rank, RateClass, Refusal, Registry, SpareClass,
    SpareLimits, Tick, Ticket, TicketId, Wakes, Way,
};
use std::collections::BTreeSet;
use std::sync::Arc;

const SITES: [&str; 4] = ["a.example", "b.example", "c.example", "d.example"];

fn class(floor: u32, ceiling: u32) -> RateClass {
    RateClass { spare: Some(SpareLimits { floor, ceiling, pool: 1 }), ..RateClass::default() }
}

fn registry(class: RateClass) -> (Registry, Arc<SpareClass>) {
    let registry = Registry::new(Bounds { tickets_max: 50, ..Bounds::default() }, [1, 2]);
    let _nobody = registry.adopt(&[("spare".to_owned(), class)], &[], Tick::ZERO);
    let spare = registry.spare_class(registry.rate_class(b"spare").unwrap()).unwrap();
    (registry, spare)
}

fn link(site: &str) -> Entrant<'_> {
    Entrant { rank: Rank::Entry, group: Group::Site(site.as_bytes()) }
}

fn at(millis: u64) -> Tick {
    Tick::from_nanos(millis * 1_000_000)
}

fn queued(entry: Entry) -> Ticket {
    match entry {
        Entry::Queued { ticket, .. } => ticket,
        other => panic!("not queued: {other:?}"),
    }
}

#[test]
fn who_is_inside_comes_first_then_partners_apps_entries_and_embeds() {
    let (registry, spare) = registry(class(1, 1));
    assert_eq!(spare.enter(link("a.example"), at(0)), Entry::Started);
    let mut waiting: Vec<(Rank, Ticket)> = Rank::ALL
        .into_iter()
        .rev()
        .map(|rank| (rank, queued(spare.enter(Entrant { rank, ..link("a.example") }, at(1)))))
        .collect();
    let mut came = Vec::new();
    while !waiting.is_empty() {
        let woken: Vec<TicketId> = spare.leave(Way::Admitted).into_iter().collect();
        let next = waiting.iter().position(|(_, ticket)| woken == [ticket.id()]).unwrap();
        let (rank, ticket) = waiting.remove(next);
        assert!(matches!(registry.poll(&ticket, at(2)), Poll::Started { .. }));
        came.push(rank);
    }
    assert_eq!(came, Rank::ALL);
}

#[test]
fn requests_that_do_not_ask_take_the_room_of_those_who_do_but_never_the_floor() {
    let (_registry, spare) = registry(class(2, 2));
    for _ in 0..5 {
        spare.pass();
    }
    assert_eq!(spare.enter(link("a.example"), at(0)), Entry::Started);
    assert_eq!(spare.enter(link("a.example"), at(0)), Entry::Started);
    let _waits = queued(spare.enter(link("a.example"), at(0)));
    assert_eq!(spare.backlog(None), 1);
    assert_eq!(spare.backlog(Some(b"a.example")), 1);
    assert_eq!(spare.backlog(Some(b"b.example")), 0);
}

#[test]
fn a_hidden_crowd_that_lands_on_one_page_is_one_more_site_and_the_others_who_hide_do_not_wait_behind_it() {
    let (registry, spare) = registry(class(1, 1));
    let landing = |page: &'static str| Entrant { rank: Rank::Entry, group: Group::Landing(page.as_bytes()) };
    assert_eq!(spare.enter(landing("/story"), at(0)), Entry::Started);
    let crowd: Vec<Ticket> = (1..40).map(|nth| queued(spare.enter(landing("/story"), at(nth)))).collect();
    assert!(spare.backlog(Some(b"/story")) >= 30);
    let other = queued(spare.enter(landing("/about"), at(50)));
    // Two turns at most are before it: that of the crowd, and that of its first members, which hid among the others.
    let mut turns = 0;
    loop {
        let woken = spare.leave(Way::Admitted).into_iter().next();
        if woken == Some(other.id()) {
            break;
        }
        let one = crowd.iter().find(|ticket| Some(ticket.id()) == woken).unwrap();
        assert!(matches!(registry.poll(one, at(60)), Poll::Started { .. }));
        turns += 1;
    }
    // The crowd's first few were taken for some of many; from then on it has turns of its own.
    assert!(turns <= 10, "{turns}");
}

#[test]
fn a_full_queue_and_a_wait_that_is_too_long_are_told_at_once_and_nobody_waits_longer_than_said() {
    let limits = RateClass { backlog_max: Some(3), wait_max: Some(Duration::from_secs(2)), ..class(1, 1) };
    let (registry, spare) = registry(limits);
    // One a second comes in.
    assert_eq!(spare.enter(link("a.example"), at(100)), Entry::Started);
    let waiting: Vec<Ticket> = (0..2).map(|_| queued(spare.enter(link("a.example"), at(1_100)))).collect();
    let refused = spare.enter(link("a.example"), at(1_200));
    assert!(
        matches!(refused, Entry::Refused { reason: Refusal::WaitTooLong, retry_after } if retry_after.as_secs() == 3),
        "{refused:?}"
    );
    let more: Vec<Ticket> =
        SITES[1..].iter().map(|site| queued(spare.enter(link(site), at(1_200)))).collect();
    assert!(
        matches!(registry.poll(&waiting[0], at(3_000)), Poll::Waiting { until: Some(until) } if until == at(3_100))
    );
    for ticket in waiting.iter().chain(&more) {
        let polled = registry.poll(ticket, at(3_200));
        assert!(matches!(polled, Poll::Refused { reason: Refusal::WaitTooLong, .. }), "{polled:?}");
        assert_eq!(registry.poll(ticket, at(3_300)), Poll::Gone);
    }
    let _three: Vec<Ticket> = (0..3).map(|_| queued(spare.enter(link("a.example"), at(9_000)))).collect();
    let refused = spare.enter(link("a.example"), at(9_000));
    assert!(matches!(refused, Entry::Refused { reason: Refusal::BacklogFull, .. }), "{refused:?}");
    assert_eq!(registry.readings(at(9_000)).rates[0].displaced, 5);
}

#[test]
fn a_class_that_goes_by_numbers_again_lets_all_who_wait_go_on() {
    let (registry, spare) = registry(class(1, 1));
    assert_eq!(spare.enter(link("a.example"), at(0)), Entry::Started);
    let one = queued(spare.enter(link("a.example"), at(1)));
    let two = queued(spare.enter(link("b.example"), at(2)));
    let wakes = registry.adopt(&[("spare".to_owned(), RateClass::default())], &[], at(3));
    assert_eq!(wakes.iter().collect::<Vec<_>>(), [one.id()]);
    let Poll::Started { wakes } = registry.poll(&one, at(3)) else { panic!("it waits") };
    assert_eq!(wakes.iter().collect::<Vec<_>>(), [two.id()]);
    assert!(matches!(registry.poll(&two, at(3)), Poll::Started { .. }));
    assert!(registry.spare_class(registry.rate_class(b"spare").unwrap()).is_none());
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Enter(usize, usize),
    Try(usize, usize),
    Pass,
    Leave(bool),
    Answer(u16),
    Withdraw(usize),
    Adopt(u32, u32),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (0_usize..5, 0_usize..4).prop_map(|(rank, site)| Op::Enter(rank, site)),
        1 => (0_usize..5, 0_usize..4).prop_map(|(rank, site)| Op::Try(rank, site)),
        1 => Just(Op::Pass),
        5 => any::<bool>().prop_map(Op::Leave),
        3 => (1_u16..300).prop_map(Op::Answer),
        1 => any::<usize>().prop_map(Op::Withdraw),
        1 => (1_u32..6, 0_u32..20).prop_map(|(floor, more)| Op::Adopt(floor, more)),
    ]
}

/// A world in which whoever is woken asks at once.
struct World {
    registry: Registry,
    spare: Arc<SpareClass>,
    waiting: Vec<(Rank, usize, Ticket)>,
    admitted: u32,
    passing: u32,
    limits: (u32, u32),
    now: u64,
}

impl World {
    fn has_room(&self) -> bool {
        let places = self.places();
        self.admitted + self.passing < places || self.admitted < self.limits.0
    }

    fn places(&self) -> u32 {
        self.registry.readings(at(self.now)).rates[0].spare.unwrap().places
    }

    fn wake(&mut self, wakes: Wakes) {
        let mut todo: Vec<TicketId> = wakes.into_iter().collect();
        while let Some(id) = todo.pop() {
            let Some(nth) = self.waiting.iter().position(|(_, _, ticket)| ticket.id() == id) else {
                continue;
            };
            let had_room = self.has_room();
            match self.registry.poll(&self.waiting[nth].2, at(self.now)) {
                Poll::Started { wakes } => {
                    let (rank, site, ticket) = self.waiting.remove(nth);
                    assert!(had_room, "nobody comes in beyond the limit");
                    assert!(self.waiting.iter().all(|(other, ..)| *other >= rank), "ranks are strict");
                    let is_elder = |(r, s, other): &(Rank, usize, Ticket)| {
                        (*r, *s) == (rank, site) && other.id().number() < ticket.id().number()
                    };
                    assert!(!self.waiting.iter().any(is_elder), "first come, first served within a group");
                    self.admitted += 1;
                    todo.extend(wakes);
                }
                Poll::Waiting { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn step(&mut self, op: Op) {
        self.now += 7;
        let entrant = |rank: usize, site: usize| Entrant { rank: Rank::ALL[rank], ..link(SITES[site]) };
        match op {
            Op::Enter(rank, site) => {
                let had_room = self.has_room();
                match self.spare.enter(entrant(rank, site), at(self.now)) {
                    Entry::Started => {
                        assert!(had_room && self.waiting.iter().all(|(other, ..)| *other as usize > rank));
                        self.admitted += 1;
                    }
                    Entry::Queued { ticket, .. } => self.waiting.push((Rank::ALL[rank], site, ticket)),
                    Entry::Refused { reason, .. } => {
                        assert_eq!((reason, self.waiting.len()), (Refusal::TooManyTickets, 50));
                    }
                }
            }
            Op::Try(rank, site) => {
                let may = self.spare.peek(entrant(rank, site));
                assert_eq!(self.spare.try_start(entrant(rank, site), at(self.now)), may);
                assert!(!may || self.has_room());
                self.admitted += u32::from(may);
            }
            Op::Pass => {
                self.spare.pass();
                self.passing += 1;
            }
            Op::Leave(true) if self.admitted > 0 => {
                self.admitted -= 1;
                let wakes = self.spare.leave(Way::Admitted);
                self.wake(wakes);
            }
            Op::Leave(false) if self.passing > 0 => {
                self.passing -= 1;
                let wakes = self.spare.leave(Way::Passed);
                self.wake(wakes);
            }
            Op::Answer(millis) => {
                for _ in 0..12 {
                    self.now += 10;
                    let took = Answered::After(Duration::from_millis(u64::from(millis)));
                    let wakes = self.spare.note(1, took, at(self.now));
                    self.wake(wakes);
                }
            }
            Op::Withdraw(which) if !self.waiting.is_empty() => {
                let (_, _, ticket) = self.waiting.remove(which % self.waiting.len());
                let wakes = self.registry.withdraw(ticket, at(self.now));
                self.wake(wakes);
            }
            Op::Leave(_) | Op::Withdraw(_) => {}
            Op::Adopt(floor, more) => {
                self.limits = (floor, floor + more);
                let wakes = self.registry.adopt(
                    &[("spare".to_owned(), class(floor, floor + more))],
                    &[],
                    at(self.now),
                );
                self.wake(wakes);
            }
        }
    }
}

proptest! {
    #[test]
    fn never_more_than_the_limit_never_a_worse_rank_first_and_nobody_waits_while_there_is_room(
        ops in proptest::collection::vec(op(), 1..300), floor in 1_u32..4, more in 0_u32..10,
    ) {
        let (registry, spare) = registry(class(floor, floor + more));
        let limits = (floor, floor + more);
        let mut world = World { registry, spare, waiting: Vec::new(), admitted: 0, passing: 0, limits, now: 1 };
        for op in ops {
            world.step(op);
            prop_assert!((world.limits.0..=world.limits.1).contains(&world.places()));
            prop_assert!(world.waiting.is_empty() || !world.has_room(), "somebody waits for nothing");
            let reading = world.registry.readings(at(world.now));
            let numbers = reading.rates[0].spare.unwrap();
            prop_assert_eq!((numbers.admitted, numbers.passing), (world.admitted, world.passing));
            prop_assert_eq!(numbers.waiting.iter().sum::<usize>(), world.waiting.len());
            prop_assert_eq!(reading.tickets_waiting, world.waiting.len());
            let ids: BTreeSet<u64> = world.waiting.iter().map(|(_, _, ticket)| ticket.id().number()).collect();
            prop_assert_eq!(ids.len(), world.waiting.len());
        }
    }

    /// One place, and sites of which somebody always waits: they get equal parts, to the turn. One that sends less than its
    /// part gets all of it, and its visitor waits for no more than one turn of each other site, and one that was under way.
    #[test]
    fn places_are_divided_max_min_fairly_between_sites(
        crowds in 1_usize..4, rounds in 20_usize..200, seldom in 6_usize..20,
    ) {
        let (registry, spare) = registry(class(1, 1));
        prop_assert_eq!(spare.enter(link("first.example"), at(0)), Entry::Started);
        let mut waiting: Vec<(usize, usize, Ticket)> = Vec::new();
        let mut served = vec![0_usize; crowds];
        for round in 0..rounds {
            for (site, name) in SITES.iter().enumerate().take(crowds) {
                while waiting.iter().filter(|(of, ..)| *of == site).count() < 3 {
                    waiting.push((site, round, queued(spare.enter(link(name), at(1)))));
                }
            }
            if round % seldom == 0 {
                waiting.push((crowds, round, queued(spare.enter(link("seldom.example"), at(1)))));
            }
            let woken = spare.leave(Way::Admitted).into_iter().next();
            let nth = waiting.iter().position(|(.., ticket)| Some(ticket.id()) == woken).unwrap();
            let (site, came, ticket) = waiting.remove(nth);
            let polled = registry.poll(&ticket, at(1));
            prop_assert!(matches!(polled, Poll::Started { .. }), "{:?}", polled);
            match served.get_mut(site) {
                Some(count) => *count += 1,
                None => prop_assert!(round - came <= crowds + 1, "it waited from {} to {}", came, round),
            }
            let (least, most) = (served.iter().min().unwrap(), served.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", served);
        }
    }
}
