//! Laws of choosing, told on pools made by hand.

use super::*;
use crate::catalog::{
    Algorithm, Balance, EjectOn, Ejection, MonitorId, NodeWish, Retries, Room, SlowAnswers,
};
use crate::error::{ErrorKind, Progress, TransactionError};
use core::time::Duration;
use proptest::prelude::*;
use std::collections::BTreeMap as Map;

const REFUSED: TransactionError =
    TransactionError { kind: ErrorKind::NodeRefused, progress: Progress::NothingSent };

fn pool(nodes: &[&str]) -> Pool {
    of(nodes.iter().map(|name| (*name, Member::default())))
}

fn of<'a>(nodes: impl Iterator<Item = (&'a str, Member)>) -> Pool {
    let (nodes, members): (Vec<Node>, Vec<Member>) = nodes
        .map(|(name, member)| {
            (Node { host: name.to_owned(), port: 80, name: Arc::from(format!("{name}:80")) }, member)
        })
        .unzip();
    Pool {
        name: Arc::from("p"),
        live: PoolLive::new(&nodes, &members),
        nodes,
        members,
        balance: Balance::default(),
        ejection: Ejection::default(),
        room: Room::default(),
        retries: Retries::default(),
        failure_pool: None,
        monitors: Vec::new(),
        slow_start: Duration::ZERO,
        bandwidth_class: None,
        max_connect_time: Duration::from_secs(4),
        max_reply_time: Duration::from_secs(30),
        slow_answers: SlowAnswers::Spool,
        max_idle_connections_pernode: 50,
        node_fail_time: Duration::from_secs(10),
        tls: None,
        proxy_protocol: crate::catalog::ProxyHeader::Off,
        http2: false,
    }
}

fn weighted(weights: &[u32], algorithm: Algorithm) -> Pool {
    let names: Vec<String> = (0..weights.len()).map(|at| format!("n{at}")).collect();
    let member = |weight: &u32| Member { weight: *weight, ..Member::default() };
    let mut pool = of(names.iter().map(String::as_str).zip(weights.iter().map(member)));
    pool.balance.algorithm = algorithm;
    pool
}

fn at(seconds: u64) -> Tick {
    Tick::from_nanos(seconds * 1_000_000_000)
}

fn asking(number: u64) -> Asking {
    Asking { random: hash::mix(number), key: hash::mix(number ^ 0x5555), turn: Turn::New }
}

/// The node that a request is given that is over at once.
fn one(pool: &Pool, tried: &[NodeIndex], now: Tick) -> Option<NodeIndex> {
    match pool.choose(tried, Asking::default(), now) {
        Choice::Node(index, _) => Some(index),
        Choice::Full | Choice::Nobody => None,
    }
}

fn chosen(pool: &Pool, times: usize, now: Tick) -> Vec<u16> {
    (0..times).filter_map(|_| one(pool, &[], now)).map(|index| index.0).collect()
}

fn shares(pool: &Pool, times: u64, now: Tick) -> Map<u16, u64> {
    let mut shares = Map::new();
    for number in 0..times {
        if let Choice::Node(index, _) = pool.choose(&[], asking(number), now) {
            *shares.entry(index.0).or_insert(0) += 1;
        }
    }
    shares
}

#[test]
fn nodes_take_turns() {
    assert_eq!(chosen(&pool(&["a", "b", "c"]), 6, at(0)), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn weights_are_served_evenly_spread() {
    let pool = weighted(&[5, 1, 1], Algorithm::WeightedRoundRobin);
    let order = chosen(&pool, 14, at(0));
    assert_eq!(order.iter().filter(|index| **index == 0).count(), 10, "{order:?}");
    let longest_row = order.split(|index| *index != 0).map(<[u16]>::len).max();
    assert!(longest_row <= Some(3), "{order:?}");
}

#[test]
fn a_node_that_refused_is_left_alone_and_then_tried_by_one_request_at_a_time() {
    let pool = pool(&["a", "b", "c"]);
    pool.failed(NodeIndex(1), REFUSED, at(0));
    let meanwhile = chosen(&pool, 6, at(9));
    assert_eq!(meanwhile.iter().filter(|index| **index == 0).count(), 3, "equal shares: {meanwhile:?}");
    assert!(!meanwhile.contains(&1), "{meanwhile:?}");
    let later = chosen(&pool, 6, at(10));
    assert_eq!(later.iter().filter(|index| **index == 1).count(), 1, "one request tries it: {later:?}");
    assert_eq!(pool.answered(NodeIndex(1), (200, Duration::from_millis(1)), at(11)), Turned::Back);
    assert_eq!(chosen(&pool, 6, at(11)).iter().filter(|index| **index == 1).count(), 2);
}

#[test]
fn when_all_have_refused_the_one_that_refused_first_is_tried_and_each_only_once() {
    let pool = pool(&["a", "b"]);
    pool.failed(NodeIndex(1), REFUSED, at(1));
    pool.failed(NodeIndex(0), REFUSED, at(2));
    assert_eq!(one(&pool, &[], at(3)), Some(NodeIndex(1)));
    assert_eq!(one(&pool, &[NodeIndex(1)], at(3)), Some(NodeIndex(0)));
    assert_eq!(one(&pool, &[NodeIndex(1), NodeIndex(0)], at(3)), None);
}

#[test]
fn a_reload_keeps_what_is_known_of_a_node_by_its_name() {
    let nodes = Nodes::default();
    let catalog = |pools: Vec<Pool>| {
        let mut catalog = Catalog::default();
        catalog.pools = pools;
        catalog
    };
    let mut first = catalog(vec![pool(&["a", "b"])]);
    nodes.adopt(&mut first, at(0));
    first.pools[0].failed(NodeIndex(1), REFUSED, at(0));
    let under_way = first.pools[0].enter(NodeIndex(1), at(0));
    let mut other = pool(&["b"]);
    other.name = Arc::from("other");
    let mut second = catalog(vec![pool(&["c", "b"]), other]);
    nodes.adopt(&mut second, at(1));
    assert_eq!(chosen(&second.pools[0], 4, at(1)), [0, 0, 0, 0], "b is still left alone");
    assert_eq!(second.pools[0].in_flight(NodeIndex(1)), 1, "and still busy");
    assert_eq!(second.pools[1].condition(NodeIndex(0), at(1)), Observed::Failed, "in whichever pool");
    drop(under_way);
    let reading = second.pools[0].reading(at(2));
    let b = &reading.nodes[1];
    assert_eq!((&*b.name, b.in_flight, b.failures, b.requests), ("b:80", 0, 1, 1));
    assert_eq!(b.failed_since, Some(Duration::from_secs(2)));
}

#[test]
fn lower_priorities_help_out_when_too_few_of_the_higher_are_well() {
    let high = Member { priority: 2, ..Member::default() };
    let mut pool = of([("a", high), ("b", high), ("c", Member::default())].into_iter());
    assert_eq!(chosen(&pool, 4, at(0)), [0, 1, 0, 1]);
    pool.failed(NodeIndex(0), REFUSED, at(0));
    assert_eq!(chosen(&pool, 3, at(1)), [1, 1, 1]);
    pool.balance.priority_nodes = 2;
    assert!(chosen(&pool, 4, at(1)).contains(&2));
    pool.balance.priority_nodes = 1;
    pool.failed(NodeIndex(1), REFUSED, at(1));
    assert_eq!(chosen(&pool, 2, at(2)), [2, 2]);
}

#[test]
fn bad_answers_in_a_row_eject_a_node_for_longer_each_time_and_a_good_one_counts_anew() {
    let pool = pool(&["a", "b"]);
    let bad = |now| pool.answered(NodeIndex(0), (503, Duration::ZERO), now);
    for _ in 0..4 {
        assert_eq!(bad(at(0)), Turned::Nothing);
    }
    pool.answered(NodeIndex(0), (404, Duration::ZERO), at(0));
    for _ in 0..4 {
        assert_eq!(bad(at(0)), Turned::Nothing);
    }
    assert_eq!(bad(at(0)), Turned::Ejected(Duration::from_secs(30)));
    assert_eq!(chosen(&pool, 3, at(29)), [1, 1, 1]);
    assert_eq!(pool.condition(NodeIndex(0), at(29)), Observed::Ejected);
    assert!(chosen(&pool, 3, at(30)).contains(&0));
    let again = [(); 5].map(|()| bad(at(31))).last().copied();
    assert_eq!(again, Some(Turned::Ejected(Duration::from_mins(1))), "in a row");
}

#[test]
fn an_answer_with_500_is_no_reason_unless_that_is_said() {
    let mut pool = pool(&["a", "b"]);
    assert!((0..9).all(|_| pool.answered(NodeIndex(0), (500, Duration::ZERO), at(0)) == Turned::Nothing));
    pool.ejection.errors_are = EjectOn::ServerErrors;
    let turned: Vec<Turned> =
        (0..9).map(|_| pool.answered(NodeIndex(0), (500, Duration::ZERO), at(0))).collect();
    assert!(turned.contains(&Turned::Ejected(Duration::from_secs(30))), "{turned:?}");
}

#[test]
fn a_node_that_comes_back_starts_slowly_and_so_does_a_new_one() {
    let mut pool = pool(&["a", "b"]);
    pool.slow_start = Duration::from_secs(100);
    pool.failed(NodeIndex(1), REFUSED, at(0));
    pool.answered(NodeIndex(1), (200, Duration::ZERO), at(20));
    assert_eq!(pool.condition(NodeIndex(1), at(30)), Observed::Starting);
    // A tenth of its share, against a whole one.
    let early = shares(&pool, 110, at(30));
    assert!((9..=11).contains(&early[&1]), "{early:?}");
    let late = shares(&pool, 100, at(120));
    assert_eq!(late[&1], 50);
}

#[test]
fn in_its_slow_start_a_node_has_fewer_places() {
    let mut pool = pool(&["a"]);
    pool.slow_start = Duration::from_secs(100);
    pool.room.connections_max = 10;
    pool.failed(NodeIndex(0), REFUSED, at(0));
    pool.answered(NodeIndex(0), (200, Duration::ZERO), at(0));
    let held: Vec<_> = (0..20).filter_map(|_| pool.enter(NodeIndex(0), at(30))).collect();
    assert_eq!(held.len(), 3);
    assert!(pool.enter(NodeIndex(0), at(31)).is_some(), "it grows");
}

#[test]
fn the_least_busy_and_the_fastest_are_preferred() {
    let mut pool = pool(&["a", "b", "c"]);
    pool.balance.algorithm = Algorithm::LeastConnections;
    let _busy = (pool.enter(NodeIndex(0), at(0)), pool.enter(NodeIndex(1), at(0)));
    assert_eq!(chosen(&pool, 3, at(0)), [2, 2, 2]);
    pool.balance.algorithm = Algorithm::FastestResponseTime;
    for (index, millis) in [(0, 20), (1, 5), (2, 90)] {
        pool.answered(NodeIndex(index), (200, Duration::from_millis(millis)), at(1));
    }
    assert_eq!(chosen(&pool, 3, at(1)), [1, 1, 1]);
    pool.balance.algorithm = Algorithm::Perceptive;
    let held: Vec<_> = (0..4).filter_map(|_| pool.enter(NodeIndex(1), at(1))).collect();
    assert_eq!(chosen(&pool, 1, at(1)), [1], "5 ms for each of 6 are better than 20 ms for each of 2");
    let _more: Vec<_> =
        held.into_iter().chain((0..4).filter_map(|_| pool.enter(NodeIndex(1), at(1)))).collect();
    assert_eq!(chosen(&pool, 1, at(1)), [0]);
    // What was long ago says little: the slow one is tried again.
    pool.balance.algorithm = Algorithm::FastestResponseTime;
    pool.answered(NodeIndex(0), (200, Duration::from_millis(20)), at(200));
    pool.answered(NodeIndex(1), (200, Duration::from_millis(5)), at(200));
    assert_eq!(chosen(&pool, 1, at(200)), [2]);
}

#[test]
fn the_weighted_least_busy_is_measured_by_its_weight() {
    let pool = weighted(&[3, 1], Algorithm::WeightedLeastConnections);
    let mut held = Vec::new();
    for _ in 0..8 {
        if let Choice::Node(index, in_flight) = pool.choose(&[], Asking::default(), at(0)) {
            held.push((index, in_flight));
        }
    }
    assert_eq!(held.iter().filter(|(index, _)| index.0 == 0).count(), 6);
}

#[test]
fn power_of_two_never_takes_the_busiest() {
    let mut pool = pool(&["a", "b", "c"]);
    pool.balance.algorithm = Algorithm::PowerOfTwo;
    let _busy: Vec<_> = (0..5).filter_map(|_| pool.enter(NodeIndex(1), at(0))).collect();
    let shares = shares(&pool, 300, at(0));
    assert!(!shares.contains_key(&1) && shares.len() == 2, "{shares:?}");
}

#[test]
fn a_hash_does_not_swamp_its_node() {
    let mut pool = pool(&["a", "b", "c"]);
    pool.balance.algorithm = Algorithm::ConsistentHash;
    let same = Asking { key: 7, ..Asking::default() };
    let mut held = Vec::new();
    for _ in 0..90 {
        let Choice::Node(index, Some(in_flight)) = pool.choose(&[], same, at(0)) else { panic!() };
        held.push((index, in_flight));
    }
    let count = |wanted: u16| held.iter().filter(|(index, _)| index.0 == wanted).count();
    let most = (0..3).map(count).max().unwrap_or(0);
    assert!((40..=46).contains(&most), "half again as much as a third: {most}");
    pool.balance.hash_balance_percent = 0;
    held.clear();
    for _ in 0..90 {
        let Choice::Node(index, Some(in_flight)) = pool.choose(&[], same, at(0)) else { panic!() };
        held.push((index, in_flight));
    }
    assert_eq!((0..3).map(|at| held.iter().filter(|(index, _)| index.0 == at).count()).max(), Some(90));
}

#[test]
fn where_all_places_are_taken_one_waits_and_newcomers_do_not_overtake() {
    let mut pool = pool(&["a", "b"]);
    pool.room.connections_max = 1;
    let Choice::Node(_, first) = pool.choose(&[], Asking::default(), at(0)) else { panic!() };
    let Choice::Node(_, second) = pool.choose(&[], Asking::default(), at(0)) else { panic!() };
    assert!(matches!(pool.choose(&[], Asking::default(), at(0)), Choice::Full));
    let waiting = pool.wait().unwrap();
    drop(first);
    assert!(matches!(pool.choose(&[], Asking::default(), at(0)), Choice::Full), "somebody waits");
    let turn = Asking { turn: Turn::First, ..Asking::default() };
    assert!(matches!(pool.choose(&[], turn, at(0)), Choice::Node(NodeIndex(0), Some(_))));
    drop((waiting, second));
    assert!(matches!(pool.choose(&[], Asking::default(), at(0)), Choice::Node(..)));
}

#[test]
fn monitors_take_a_node_out_and_bring_it_back_and_a_reload_keeps_their_word() {
    let monitor = |name: &str| {
        Arc::new(crate::catalog::Monitor {
            name: Arc::from(name),
            look: crate::catalog::Look::Connect,
            delay: Duration::from_secs(3),
            timeout: Duration::from_secs(3),
            failures: 3,
            successes: 1,
        })
    };
    let nodes = Nodes::default();
    let catalog = |monitors: &[&str]| {
        let mut catalog = Catalog::default();
        let mut pool = pool(&["a", "b"]);
        pool.monitors = (0..).zip(monitors).map(|(at, _)| MonitorId(at)).collect();
        catalog.pools = vec![pool];
        catalog.monitors = monitors.iter().map(|name| monitor(name)).collect();
        nodes.adopt(&mut catalog, at(0));
        catalog
    };
    let first = catalog(&["ping", "page"]);
    assert!(first.pools[0].found(NodeIndex(0), MonitorId(1), Found::Failed, at(0)));
    assert!(!first.pools[0].found(NodeIndex(0), MonitorId(1), Found::Failed, at(0)), "no news");
    assert_eq!(chosen(&first.pools[0], 2, at(0)), [1, 1]);
    let second = catalog(&["page"]);
    assert_eq!(second.pools[0].condition(NodeIndex(0), at(1)), Observed::FoundFailed);
    assert!(second.pools[0].found(NodeIndex(0), MonitorId(0), Found::Well, at(2)));
    assert_eq!(second.pools[0].condition(NodeIndex(0), at(2)), Observed::Active);
    second.pools[0].found(NodeIndex(1), MonitorId(0), Found::Failed, at(2));
    let third = catalog(&[]);
    assert_eq!(third.pools[0].condition(NodeIndex(1), at(3)), Observed::Active, "nobody looks any more");
}

#[test]
fn where_monitors_find_all_failed_the_nodes_are_asked_all_the_same() {
    let mut pool = pool(&["a", "b"]);
    pool.monitors = vec![MonitorId(0)];
    for index in [NodeIndex(0), NodeIndex(1)] {
        pool.found(index, MonitorId(0), Found::Failed, at(0));
    }
    assert_eq!(chosen(&pool, 4, at(0)), [0, 1, 0, 1]);
    assert!(pool.is_down(at(0)), "if there is a failure pool, it is for that");
}

const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RoundRobin,
    Algorithm::WeightedRoundRobin,
    Algorithm::LeastConnections,
    Algorithm::WeightedLeastConnections,
    Algorithm::FastestResponseTime,
    Algorithm::Perceptive,
    Algorithm::Random,
    Algorithm::PowerOfTwo,
    Algorithm::ConsistentHash,
];

proptest! {
    #[test]
    fn shares_are_as_the_weights_within_rounding(
        weights in proptest::collection::vec(1_u32..=100, 1..8), rounds in 1_u64..4,
    ) {
        let pool = weighted(&weights, Algorithm::WeightedRoundRobin);
        let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let shares = shares(&pool, sum * rounds, at(0));
        for (index, weight) in (0_u16..).zip(&weights) {
            let share = shares.get(&index).copied().unwrap_or(0);
            prop_assert!(share.abs_diff(u64::from(*weight) * rounds) <= 1, "{weights:?} gave {shares:?}");
        }
    }

    #[test]
    fn well_nodes_have_equal_shares_and_no_tried_node_comes_again(
        failed in proptest::collection::vec(any::<bool>(), 1..8), rounds in 1_usize..5,
    ) {
        let names: Vec<String> = (0..failed.len()).map(|at| format!("n{at}")).collect();
        let pool = pool(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut well = Vec::new();
        for (index, failed) in (0_u16..).zip(&failed) {
            if *failed {
                pool.failed(NodeIndex(index), REFUSED, at(0));
            } else {
                well.push(index);
            }
        }
        if !well.is_empty() {
            let times = rounds * well.len();
            let got = chosen(&pool, times, at(1));
            for index in &well {
                prop_assert_eq!(got.iter().filter(|got| *got == index).count(), rounds, "{:?}", &got);
            }
        }
        let mut tried = Vec::new();
        while let Some(index) = one(&pool, &tried, at(1)) {
            prop_assert!(!tried.contains(&index));
            tried.push(index);
        }
        prop_assert_eq!(tried.len(), failed.len());
    }

    #[test]
    fn when_a_node_goes_only_its_own_keys_move_and_they_are_about_its_share(
        count in 2_usize..12, gone in 0_usize..12,
    ) {
        let names: Vec<String> = (0..count).map(|at| format!("n{at}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let gone = gone % count;
        let mut before = pool(&names);
        before.balance.algorithm = Algorithm::ConsistentHash;
        let left: Vec<&str> = names.iter().copied().filter(|name| *name != names[gone]).collect();
        let mut after = pool(&left);
        after.balance.algorithm = Algorithm::ConsistentHash;
        let keys = 4_000_u64;
        let mut moved = 0_u64;
        for number in 0..keys {
            let name = |pool: &Pool| match pool.choose(&[], asking(number), at(0)) {
                Choice::Node(index, _) => pool.nodes[index.index()].name.to_string(),
                _ => String::new(),
            };
            let (was, is) = (name(&before), name(&after));
            if was != is {
                prop_assert_eq!(was, format!("{}:80", names[gone]), "a key of another node moved");
                moved += 1;
            }
        }
        prop_assert!(moved <= keys * 5 / 4 / count as u64 + 20, "{moved} of {keys} with {count} nodes");
    }

    #[test]
    fn never_more_than_the_allowed_part_is_ejected(
        count in 1_usize..10, percent in 0_u32..=100, answers in proptest::collection::vec((0_usize..10, 0_u64..3), 1..400),
    ) {
        let names: Vec<String> = (0..count).map(|at| format!("n{at}")).collect();
        let mut pool = pool(&names.iter().map(String::as_str).collect::<Vec<_>>());
        pool.ejection.percent_max = percent;
        pool.ejection.errors = 2;
        let mut now = 0;
        for (index, later) in answers {
            now += later * 7;
            pool.answered(NodeIndex(u16::try_from(index % count).unwrap()), (503, Duration::ZERO), at(now));
            let ejected =
                pool.indexes().filter(|index| pool.condition(*index, at(now)) == Observed::Ejected).count();
            prop_assert!(ejected * 100 <= count * percent as usize);
        }
    }

    #[test]
    fn whatever_the_algorithm_nothing_goes_to_disabled_draining_full_or_tried_nodes(
        seed in any::<u64>(),
        wishes in proptest::collection::vec((0_u8..4, 1_u32..5, 1_u32..3), 1..9),
        failed in any::<u16>(), found in any::<u16>(), room in 0_u32..3,
    ) {
        for algorithm in ALGORITHMS {
            let names: Vec<String> = (0..wishes.len()).map(|at| format!("n{at}")).collect();
            let member = |(wish, weight, priority): &(u8, u32, u32)| Member {
                weight: *weight,
                priority: *priority,
                state: match wish { 0 => NodeWish::Draining, 1 => NodeWish::Disabled, _ => NodeWish::Active },
            };
            let mut pool = of(names.iter().map(String::as_str).zip(wishes.iter().map(member)));
            pool.balance.algorithm = algorithm;
            pool.room.connections_max = room;
            pool.monitors = vec![MonitorId(0)];
            for index in pool.indexes() {
                if failed >> index.0 & 1 == 1 {
                    pool.failed(index, REFUSED, at(0));
                }
                if found >> index.0 & 1 == 1 {
                    pool.found(index, MonitorId(0), Found::Failed, at(0));
                }
            }
            let mut held = Vec::new();
            let mut tried = Vec::new();
            for number in 0..40 {
                match pool.choose(&tried, asking(seed ^ number), at(5)) {
                    Choice::Node(index, in_flight) => {
                        prop_assert_eq!(pool.members[index.index()].state, NodeWish::Active);
                        prop_assert!(!tried.contains(&index));
                        if number % 7 == 6 {
                            tried.push(index);
                        }
                        held.push(in_flight);
                        prop_assert!(room == 0 || pool.in_flight(index) <= room);
                    }
                    Choice::Full => prop_assert!(room > 0),
                    Choice::Nobody => {}
                }
            }
        }
    }
}
