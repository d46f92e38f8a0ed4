//! What rate classes do, as stories.

use core::num::NonZeroU32;
use core::time::Duration;
use shaping::{
    Bounds, ClientNetwork, Entry, Poll, RateClass, RateClassId, Refusal, Registry, ShadowEntry, Tick, Ticket,
};

fn anybody() -> ClientNetwork {
    ClientNetwork::default()
}

fn limits(per_second: u32, per_minute: u32) -> RateClass {
    RateClass {
        per_second: NonZeroU32::new(per_second),
        per_minute: NonZeroU32::new(per_minute),
        ..RateClass::default()
    }
}

fn adopt(registry: &Registry, class: RateClass, now: Tick) -> RateClassId {
    let wakes = registry.adopt(&[("c".into(), class)], &[], now);
    assert!(wakes.is_empty(), "nobody waits in these stories when the class is edited");
    registry.rate_class(b"c").unwrap()
}

fn house(class: RateClass) -> (Registry, RateClassId) {
    let registry = Registry::new(Bounds::default(), [5, 6]);
    let id = adopt(&registry, class, Tick::ZERO);
    (registry, id)
}

fn at(milliseconds: u64) -> Tick {
    Tick::from_nanos(milliseconds * 1_000_000)
}

fn starts(registry: &Registry, id: RateClassId, context: Option<&[u8]>, now: Tick) -> u32 {
    (0..100_000).take_while(|_| registry.try_start(id, context, now)).count() as u32
}

fn queued(entry: Entry) -> (Ticket, u32, Option<Tick>) {
    match entry {
        Entry::Queued { ticket, place, until, .. } => (ticket, place, until),
        other => panic!("{other:?}"),
    }
}

#[test]
fn ten_a_minute_start_at_once_and_the_eleventh_a_minute_after_the_first() {
    let (registry, id) = house(limits(0, 10));
    for nth in 0..10 {
        assert_eq!(registry.enter(id, Some(b"a.example"), anybody(), at(nth * 100)), Entry::Started);
    }
    let (first, place, until) = queued(registry.enter(id, Some(b"a.example"), anybody(), at(1_000)));
    assert_eq!((place, until), (0, Some(at(60_000))));
    let (second, place, until) = queued(registry.enter(id, Some(b"a.example"), anybody(), at(1_000)));
    assert_eq!((place, until), (1, None));
    assert_eq!(registry.backlog(id, Some(b"a.example"), at(1_000)), 2);
    assert_eq!(registry.enter(id, Some(b"b.example"), anybody(), at(1_000)), Entry::Started);
    assert!(!registry.try_start(id, Some(b"a.example"), at(60_000)), "nobody jumps the queue");
    let Poll::Started { wakes } = registry.poll(&first, at(60_000)) else { panic!("its time had come") };
    assert_eq!(wakes.iter().collect::<Vec<_>>(), [second.id()]);
    assert_eq!(registry.poll(&second, at(60_000)), Poll::Waiting { until: Some(at(60_100)) });
    assert!(registry.withdraw(second, at(60_050)).is_empty());
    assert_eq!(registry.poll(&first, at(60_050)), Poll::Gone);
    assert_eq!(registry.readings(at(60_050)).rates[0].waiting, []);
}

#[test]
fn a_head_that_leaves_gives_its_time_to_the_next() {
    let (registry, id) = house(limits(1, 0));
    assert_eq!(registry.enter(id, None, anybody(), at(0)), Entry::Started);
    let (first, ..) = queued(registry.enter(id, None, anybody(), at(1)));
    let (second, ..) = queued(registry.enter(id, None, anybody(), at(2)));
    let wakes = registry.withdraw(first, at(5_000));
    assert_eq!(wakes.into_iter().collect::<Vec<_>>(), [second.id()]);
    assert!(matches!(registry.poll(&second, at(5_000)), Poll::Started { .. }));
}

#[test]
fn a_flood_of_contexts_stays_within_its_bounds_and_frees_nobody_who_is_limited() {
    let registry =
        Registry::new(Bounds { contexts_max: 10_000, tickets_max: 100, ..Bounds::default() }, [5, 6]);
    let id = adopt(&registry, limits(0, 3), Tick::ZERO);
    assert_eq!(starts(&registry, id, Some(b"busy.example"), at(0)), 3);
    let mut overflowed = 0;
    for nth in 0..100_000_u32 {
        let started = registry.try_start(id, Some(&nth.to_le_bytes()), at(u64::from(nth / 10)));
        overflowed += u32::from(!started);
    }
    assert!(!registry.try_start(id, Some(b"busy.example"), at(59_999)), "still limited");
    assert!(registry.try_start(id, Some(b"busy.example"), at(60_000)));
    let reading = registry.readings(at(60_000)).rates.remove(0);
    assert!(reading.contexts <= 10_016 && reading.contexts >= 9_000, "{}", reading.contexts);
    assert!(overflowed > 80_000 && reading.overflowed > 80_000, "newcomers share one context");
    // a minute later all of them are forgotten one by one
    for nth in 0..9_000_u32 {
        assert!(registry.try_start(id, Some(&(nth + 500_000).to_le_bytes()), at(180_000)), "{nth}");
    }
}

#[test]
fn a_slow_stream_of_contexts_keeps_the_table_small() {
    let (registry, id) = house(limits(5, 0));
    for nth in 0..200_000_u32 {
        assert!(registry.try_start(id, Some(&nth.to_le_bytes()), at(u64::from(nth))));
    }
    let contexts = registry.readings(at(200_000)).rates[0].contexts;
    assert!(contexts <= 4_000, "a thousand are live at any time, {contexts} are held");
}

#[test]
fn a_limit_that_is_lowered_and_raised_again_gives_nothing_away() {
    let (registry, id) = house(limits(0, 100));
    assert_eq!(starts(&registry, id, None, at(0)), 100);
    for (class, now) in
        [(limits(0, 10), 1), (limits(7, 0), 2), (RateClass::default(), 3), (limits(0, 100), 4)]
    {
        adopt(&registry, class, at(now));
    }
    assert_eq!(starts(&registry, id, None, at(59_999)), 0);
    assert_eq!(starts(&registry, id, None, at(60_000)), 100);
    adopt(&registry, limits(0, 105), at(60_001));
    assert_eq!(starts(&registry, id, None, at(60_002)), 5);
}

#[test]
fn an_edit_across_a_thousand_gives_nothing_away_either() {
    for context in [None, Some(b"a.example".as_slice())] {
        let (registry, id) = house(limits(0, 5_000));
        assert_eq!(starts(&registry, id, context, at(100)), 5_000);
        adopt(&registry, limits(0, 900), at(200));
        assert_eq!(starts(&registry, id, context, at(60_099)), 0);
        assert_eq!(starts(&registry, id, context, at(61_000)), 900);
        adopt(&registry, limits(0, 2_000), at(62_000));
        assert_eq!(starts(&registry, id, context, at(62_000)), 1_100);
        assert_eq!(
            starts(&registry, id, context, at(121_999)),
            900,
            "only those of the second thousand count still"
        );
    }
}

/// When those start who come at once, all of whom poll when they are told to.
fn starts_of_a_crowd(class: RateClass, crowd: usize) -> Vec<u64> {
    let (registry, id) = house(class);
    let mut starts = Vec::new();
    let mut line = std::collections::VecDeque::new();
    for _ in 0..crowd {
        match registry.enter(id, None, anybody(), at(0)) {
            Entry::Started => starts.push(0),
            entry => line.push_back(queued(entry).0),
        }
    }
    let mut now = at(0);
    while let Some(head) = line.front() {
        match registry.poll(head, now) {
            Poll::Waiting { until } => now = until.unwrap(),
            poll => {
                assert!(matches!(poll, Poll::Started { .. }), "{poll:?}");
                starts.push(now.nanos() / 1_000);
                let _ended = line.pop_front();
            }
        }
    }
    starts
}

#[test]
fn a_class_that_is_spaced_lets_those_who_wait_in_one_after_the_other_and_no_fewer() {
    let five = limits(5, 0);
    let seconds = |last: u64| (0..=last).flat_map(|second| [second * 1_000_000; 5]);
    assert_eq!(starts_of_a_crowd(five, 20), seconds(3).collect::<Vec<_>>(), "a burst is repeated");
    let spaced = starts_of_a_crowd(RateClass { spaced: true, ..five }, 20);
    assert_eq!(spaced[..5], [0; 5], "nobody waits while there is room");
    for pair in spaced[4..].windows(2) {
        assert!((175_000..=1_000_000).contains(&(pair[1] - pair[0])), "{spaced:?}");
    }
    assert_eq!(
        spaced[19], 3_700_000,
        "the last of them 0.7 s after he would have been, and so with each second"
    );
    let minute = starts_of_a_crowd(RateClass { spaced: true, ..limits(5, 10) }, 13);
    assert_eq!(
        minute[5..],
        [5_250, 10_500, 15_750, 21_000, 26_250, 60_000, 65_250, 70_500].map(|millis| millis * 1_000)
    );
}

#[test]
fn who_would_start_closer_together_than_timers_go_starts_with_others() {
    let spaced = starts_of_a_crowd(RateClass { spaced: true, ..limits(500, 0) }, 2_000);
    for few in spaced[500..].windows(11) {
        assert!(few[10] - few[0] >= 17_500, "ten in 17.5 ms: {few:?}");
    }
    assert!(*spaced.last().unwrap() < 4_000_000, "and no fewer a second");
    // Beyond a thousand starts are only counted, but for the two newest.
    for great in [limits(2_000, 0), limits(0, 6_001)] {
        assert_eq!(
            starts_of_a_crowd(RateClass { spaced: true, ..great }, 10_000),
            starts_of_a_crowd(great, 10_000)
        );
    }
    let minute = starts_of_a_crowd(RateClass { spaced: true, ..limits(25, 1_200) }, 100);
    for pair in minute[24..].windows(2) {
        assert!(pair[1] - pair[0] >= 43_750, "the minute is tighter: {pair:?}");
    }
    let hundred = starts_of_a_crowd(RateClass { spaced: true, ..limits(0, 6_000) }, 6_200);
    for three in hundred[6_000..].windows(3) {
        assert!(three[2] - three[0] >= 17_500, "two in 17.5 ms: {three:?}");
    }
}

#[test]
fn a_class_that_goes_and_comes_back_is_the_same_class() {
    let (registry, id) = house(limits(0, 1));
    assert!(registry.try_start(id, None, at(0)));
    assert!(registry.adopt(&[], &[], at(1)).is_empty());
    assert_eq!(registry.rate_class(b"c"), None);
    assert!(!registry.try_start(id, None, at(2)), "those who have it are limited on");
    assert_eq!(adopt(&registry, limits(0, 1), at(3)), id);
    assert!(!registry.try_start(id, None, at(4)));
    assert_eq!(registry.rate_class(b"C"), None);
}

#[test]
fn a_full_backlog_and_a_long_wait_are_told_at_the_door_with_the_wait_it_would_have_been() {
    let class = RateClass { backlog_max: Some(3), wait_max: Some(Duration::from_secs(2)), ..limits(1, 0) };
    let (registry, id) = house(class);
    assert_eq!(registry.enter(id, None, anybody(), at(0)), Entry::Started);
    let (_one, ..) = queued(registry.enter(id, None, anybody(), at(0)));
    let (_two, ..) = queued(registry.enter(id, None, anybody(), at(0)));
    let refused = |reason, seconds| Entry::Refused { reason, retry_after: Duration::from_secs(seconds) };
    assert_eq!(registry.enter(id, None, anybody(), at(0)), refused(Refusal::WaitTooLong, 3));
    let (_three, ..) = queued(registry.enter(id, None, anybody(), at(1_000)));
    assert_eq!(
        registry.enter(id, None, anybody(), at(2_000)),
        refused(Refusal::BacklogFull, 3),
        "the head is late already"
    );
}

#[test]
fn tickets_are_bounded_over_all_classes_and_leavers_in_the_middle_free_theirs() {
    let registry = Registry::new(Bounds { contexts_max: 10, tickets_max: 50, ..Bounds::default() }, [5, 6]);
    let id = adopt(&registry, limits(1, 0), Tick::ZERO);
    assert!(registry.try_start(id, None, at(0)));
    for _ in 0..20 {
        let mut tickets: Vec<_> =
            (0..50).map(|_| queued(registry.enter(id, None, anybody(), at(1))).0).collect();
        let entry = registry.enter(id, None, anybody(), at(1));
        assert!(matches!(entry, Entry::Refused { reason: Refusal::TooManyTickets, .. }), "{entry:?}");
        let head = tickets.remove(0);
        for ticket in tickets.into_iter().rev() {
            assert!(registry.withdraw(ticket, at(1)).is_empty());
        }
        assert_eq!(registry.backlog(id, None, at(1)), 1);
        assert!(registry.withdraw(head, at(1)).is_empty());
        assert_eq!(registry.readings(at(1)).tickets_waiting, 0);
    }
}

#[test]
fn shadows_that_nobody_asks_for_again_do_not_keep_their_tickets() {
    let registry =
        Registry::new(Bounds { contexts_max: 1_000, tickets_max: 100, ..Bounds::default() }, [5, 6]);
    let id = adopt(&registry, limits(1, 0), Tick::ZERO);
    for nth in 0..1_000_u32 {
        let now = at(u64::from(nth) * 50);
        assert_eq!(registry.shadow_enter(id, Some(&nth.to_le_bytes()), now), ShadowEntry::Started);
        for place in 0..2 {
            let entry = registry.shadow_enter(id, Some(&nth.to_le_bytes()), now);
            let wait = Duration::from_secs(u64::from(place) + 1);
            assert_eq!(entry, ShadowEntry::Queued { place, wait });
        }
    }
}

#[test]
fn virtual_tickets_are_gone_when_somebody_asks_who_does_not_wait() {
    let (registry, id) = house(limits(1, 0));
    assert_eq!(registry.shadow_enter(id, None, at(0)), ShadowEntry::Started);
    assert!(matches!(registry.shadow_enter(id, None, at(0)), ShadowEntry::Queued { .. }));
    assert!(!registry.peek(id, None, at(0)));
    assert!(!registry.try_start(id, None, at(0)));
    assert!(!registry.try_start(id, None, at(1_000)), "the one who waited has this second");
    assert!(registry.peek(id, None, at(2_000)));
    assert!(registry.try_start(id, None, at(2_000)));
}

#[test]
fn threads_share_a_class_exactly() {
    let (registry, id) = house(limits(0, 500));
    let started: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| starts(&registry, id, Some(b"one"), at(1)))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(started, 500);
}

#[test]
fn contexts_that_start_often_take_room_from_newcomers_and_are_not_forgotten_for_them() {
    let bounds = Bounds { contexts_max: 1_000, contexts_bytes_max: 1 << 16, tickets_max: 100 };
    let registry = Registry::new(bounds, [5, 6]);
    let id = adopt(&registry, limits(0, 200), Tick::ZERO);
    for nth in 0..20_u32 {
        assert_eq!(starts(&registry, id, Some(&nth.to_le_bytes()), at(0)), 200);
    }
    let mut shared = 0;
    for nth in 1_000..2_000_u32 {
        shared += u32::from(!registry.try_start(id, Some(&nth.to_le_bytes()), at(1)));
    }
    let reading = registry.readings(at(1)).rates.remove(0);
    assert!(
        (300..650).contains(&reading.contexts),
        "some 64 bytes each beside 20 histories: {}",
        reading.contexts
    );
    assert_eq!(u64::from(shared) + 200, reading.overflowed);
    for nth in 0..20_u32 {
        assert!(!registry.try_start(id, Some(&nth.to_le_bytes()), at(59_999)), "still limited");
    }
    assert_eq!(registry.overflowed(), [id], "told once");
    assert_eq!(registry.overflowed(), []);
}

#[test]
fn a_long_name_is_shown_as_its_hash() {
    let (registry, id) = house(limits(1, 0));
    let [short, long] = [253, 254].map(|length| vec![b'x'; length]);
    for name in [&short, &long] {
        assert!(registry.try_start(id, Some(name), at(0)));
        let (_waits, ..) = queued(registry.enter(id, Some(name), anybody(), at(0)));
    }
    let waiting = registry.readings(at(0)).rates.remove(0).waiting;
    assert_eq!(waiting.len(), 2);
    assert!(waiting.iter().any(|(name, _)| **name == *short));
    assert!(waiting.iter().any(|(name, _)| name.starts_with(b"(hash ") && name.len() == 39));
}

#[test]
fn a_stopped_process_makes_no_burst_beyond_the_class() {
    let class = RateClass { total_per_second: NonZeroU32::new(5), ..limits(2, 0) };
    let (registry, id) = house(class);
    let mut tickets = Vec::new();
    for nth in 0..60_u8 {
        if let Entry::Queued { ticket, .. } = registry.enter(id, Some(&[nth % 4]), anybody(), at(0)) {
            tickets.push(ticket);
        }
    }
    // twenty seconds later everybody asks at once, again and again
    let mut started = 0;
    for _ in 0..10 {
        tickets.retain(|ticket| {
            let starts = matches!(registry.poll(ticket, at(20_000)), Poll::Started { .. });
            started += u32::from(starts);
            !starts
        });
    }
    assert_eq!(started, 5);
}
