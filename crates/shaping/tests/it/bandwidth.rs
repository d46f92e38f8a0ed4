//! The division of a limit, driven in virtual time by sleepers whose timers have steps of a millisecond and come late.

use core::num::NonZeroU64;
use shaping::{
    BandwidthClass, Bounds, ClientNetwork, Division, Flow, Party, Registry, Sharing, Tick, Weight,
};
use std::collections::BinaryHeap;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MILLISECOND;

fn class(bytes_per_second: u64, sharing: Sharing) -> Vec<(String, BandwidthClass)> {
    let bytes_per_second = NonZeroU64::new(bytes_per_second).unwrap();
    let (division, head_bytes) = (Division::Transfers, 0);
    vec![("b".into(), BandwidthClass { bytes_per_second, sharing, division, head_bytes })]
}

fn by_clients(bytes_per_second: u64) -> Vec<(String, BandwidthClass)> {
    let mut classes = class(bytes_per_second, Sharing::Machine);
    classes[0].1.division = Division::Clients;
    classes
}

fn party(connection: u64, client: u8) -> Party {
    Party { connection, client: ClientNetwork::of([192, 0, 2, client].into()), weight: Weight::USUAL }
}

/// How one transfer behaves.
#[derive(Clone, Copy)]
struct Habit {
    starts_at: u64,
    ends_at: u64,
    /// What it has to send each time it asks.
    chunk: u64,
    /// How long it needs to get the next chunk after one is sent whole.
    pause: u64,
}

const GREEDY: Habit = Habit { starts_at: 0, ends_at: u64::MAX, chunk: 1 << 20, pause: 0 };

struct Drive {
    registry: Registry,
    /// Whose each flow is.
    clients: Vec<u8>,
    /// What each flow counts for.
    weights: Vec<u16>,
    flows: Vec<(Habit, Option<Flow>, u64)>,
    alarms: BinaryHeap<(core::cmp::Reverse<u64>, usize)>,
    /// When, which flow, how many bytes.
    sent: Vec<(u64, usize, u64)>,
    late: fn(u64) -> u64,
    asked: u64,
}

impl Drive {
    fn new(bytes_per_second: u64, sharing: Sharing, habits: &[Habit]) -> Self {
        let registry = Registry::new(Bounds::default(), [1, 2]);
        let _ = registry.adopt(&[], &class(bytes_per_second, sharing), Tick::ZERO);
        let flows = habits.iter().map(|habit| (*habit, None, habit.chunk)).collect();
        let alarm = |(nth, habit): (usize, &Habit)| (core::cmp::Reverse(habit.starts_at), nth);
        let alarms = habits.iter().enumerate().map(alarm).collect();
        let (clients, weights) = (vec![0; habits.len()], vec![100; habits.len()]);
        Self { registry, clients, weights, flows, alarms, sent: Vec::new(), late: |_| 0, asked: 0 }
    }

    fn run(&mut self, until: u64) {
        let mut salt = 1_u64;
        while let Some((core::cmp::Reverse(at), nth)) = self.alarms.pop() {
            if at > until {
                self.alarms.push((core::cmp::Reverse(at), nth));
                return;
            }
            let now = Tick::from_nanos(at);
            let weight = Weight::new(self.weights[nth]).unwrap();
            let party = Party { weight, ..party(nth as u64, self.clients[nth]) };
            let (habit, flow, left) = &mut self.flows[nth];
            if at >= habit.ends_at {
                *flow = None;
                continue;
            }
            let class = self.registry.bandwidth_class(b"b").unwrap();
            let flow = flow.get_or_insert_with(|| self.registry.flow(class, party, now));
            let grant = flow.grant(*left, now);
            self.asked += 1;
            *left -= grant.bytes;
            if grant.bytes > 0 {
                self.sent.push((at, nth, grant.bytes));
            }
            let mut again = grant.again_at.nanos();
            if *left == 0 {
                *left = habit.chunk;
                again = at + habit.pause;
            } else {
                assert!(again > at, "asking at once gives nothing");
            }
            if again > at {
                salt = salt.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                again = again.div_ceil(MILLISECOND) * MILLISECOND + (self.late)(salt >> 33);
            }
            self.alarms.push((core::cmp::Reverse(again), nth));
        }
    }

    fn bytes(&self, from: u64, to: u64) -> u64 {
        let [first, end] = [from, to].map(|tick| self.sent.partition_point(|sent| sent.0 < tick));
        self.sent[first..end].iter().map(|sent| sent.2).sum()
    }

    fn bytes_of(&self, flow: usize, from: u64, to: u64) -> u64 {
        let of = self.sent.iter().filter(|sent| sent.1 == flow && sent.0 >= from && sent.0 < to);
        of.map(|sent| sent.2).sum()
    }

    /// The least and the most of the class in any window of this length, as a part of what the limit gives.
    fn extremes(&self, window: u64, limit: u64, from: u64, to: u64) -> (f64, f64) {
        let (mut least, mut most) = (f64::MAX, 0.0_f64);
        let mut at = from;
        while at + window <= to {
            let part = self.bytes(at, at + window) as f64 / (limit as f64 * window as f64 / SECOND as f64);
            (least, most) = (least.min(part), most.max(part));
            at += window / 7;
        }
        (least, most)
    }

    fn silence(&self, flow: usize, from: u64, to: u64) -> u64 {
        let mut last = from;
        let mut longest = 0;
        for sent in self.sent.iter().filter(|sent| sent.1 == flow && sent.0 >= from && sent.0 < to) {
            longest = longest.max(sent.0 - last);
            last = sent.0;
        }
        longest.max(to - last)
    }

    fn lump(&self, flow: usize, window: u64) -> u64 {
        let of: Vec<_> = self.sent.iter().filter(|sent| sent.1 == flow).collect();
        let from = |first: u64| of.iter().filter(move |sent| sent.0 >= first && sent.0 < first + window);
        of.iter().map(|sent| from(sent.0).map(|sent| sent.2).sum()).max().unwrap_or(0)
    }
}

fn jain(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64).powi(2)).sum();
    sum * sum / (squares * shares.len() as f64)
}

#[test]
fn the_limit_is_met_and_shared_equally_from_a_kilobyte_to_a_gigabit_by_one_ten_and_a_thousand() {
    for limit in [1_000, 100_000, 1_250_000, 125_000_000] {
        for count in [1_usize, 10, 1_000] {
            let mut drive = Drive::new(limit, Sharing::Machine, &vec![GREEDY; count]);
            drive.late = |salt| if salt % 20 == 0 { salt % 8 * MILLISECOND } else { 0 };
            drive.run(8 * SECOND);
            let (least, most) = drive.extremes(5 * SECOND, limit, 2 * SECOND, 8 * SECOND);
            assert!(least >= 0.95 && most <= 1.01, "{limit} by {count} over 5 s: {least} to {most}");
            let (least, most) = drive.extremes(SECOND, limit, 2 * SECOND, 8 * SECOND);
            assert!(least >= 0.95 && most <= 1.05, "{limit} by {count} over 1 s: {least} to {most}");
            let mut shares = vec![0; count];
            for sent in drive.sent.iter().filter(|sent| sent.0 >= 2 * SECOND) {
                shares[sent.1] += sent.2;
            }
            let share = limit * 6 / count as u64;
            if share >= 600 {
                assert!(jain(&shares) >= 0.98, "{limit} by {count}: {}", jain(&shares));
                let far = shares.iter().map(|it| it.abs_diff(share)).max().unwrap();
                assert!(far <= share / 20, "{limit} by {count}: {far} off {share}");
            }
        }
    }
}

#[test]
fn a_thousand_at_100_kilobytes_a_second_are_never_silent_for_long_and_ask_21_times_a_second() {
    let mut drive = Drive::new(100_000_000, Sharing::Machine, &vec![GREEDY; 1_000]);
    drive.late = |salt| salt % 3 * MILLISECOND;
    drive.run(3 * SECOND);
    let longest = (0..1_000).map(|flow| drive.silence(flow, SECOND, 3 * SECOND)).max().unwrap();
    assert!(longest <= 60 * MILLISECOND, "{longest}");
    assert!(drive.asked <= 3 * 22_500, "{}", drive.asked);
    let largest = drive.sent.iter().map(|sent| sent.2).max().unwrap();
    assert!(largest <= 5_000, "more than 50 ms of a share at once: {largest}");
}

#[test]
fn a_thousand_connections_of_their_own_also_ask_21_times_a_second_and_each_gets_its_limit_to_the_turn() {
    let mut drive = Drive::new(100_000, Sharing::Connection, &vec![GREEDY; 1_000]);
    // hardly ever in time, and now and then a whole turn late
    drive.late = |salt| if salt % 10 == 0 { 40 * MILLISECOND } else { salt % 4 * MILLISECOND };
    drive.run(4 * SECOND);
    assert!(drive.asked <= 4 * 22_500, "{}", drive.asked);
    let mut sums = vec![0; 1_000];
    for sent in &drive.sent {
        sums[sent.1] += sent.2;
    }
    let (least, most) = (*sums.iter().min().unwrap(), *sums.iter().max().unwrap());
    // under way: the turn to come, one that is late, and what was more than a grant the last time
    assert!(least >= 400_000 - 11_500 && most <= 400_000, "{least} to {most}");
    let longest = (0..1_000).step_by(50).map(|flow| drive.silence(flow, SECOND, 4 * SECOND)).max().unwrap();
    assert!(longest <= 100 * MILLISECOND, "{longest}");
    let largest = drive.sent.iter().map(|sent| sent.2).max().unwrap();
    assert!(largest <= 5_000, "more than 50 ms of a share at once: {largest}");
}

#[test]
fn turns_grow_with_the_transfers_of_all_classes() {
    for (count, turn) in [(1_usize, 10), (100, 10), (250, 25), (480, 48), (1_000, 48)] {
        let mut drive = Drive::new(1_000_000, Sharing::Connection, &vec![GREEDY; count]);
        drive.run(SECOND);
        // the first turn of each may have any length
        let turns = count as u64 * (1_000 / turn);
        assert!(drive.asked.abs_diff(turns) <= turns / 10 + 2 * count as u64, "{count}: {}", drive.asked);
    }
}

#[test]
fn long_turns_make_no_burst_either() {
    let mut drive = Drive::new(100_000, Sharing::Connection, &vec![GREEDY; 1_000]);
    drive.run(SECOND);
    drive.alarms = (0..1_000).map(|nth| (core::cmp::Reverse(21 * SECOND), nth)).collect();
    drive.run(22 * SECOND);
    for flow in (0..1_000).step_by(50) {
        // a turn, the slack, and what came meanwhile
        let sent = drive.bytes_of(flow, 21 * SECOND, 21 * SECOND + 100 * MILLISECOND);
        assert!(sent <= 4_800 + 6_000 + 10_000, "{sent}");
        assert!(drive.bytes_of(flow, 21 * SECOND, 22 * SECOND) >= 100_000);
    }
}

#[test]
fn a_process_without_the_time_to_send_what_is_due_does_not_save_it_up() {
    for (limit, sharing) in [(100_000, Sharing::Connection), (100_000_000, Sharing::Machine)] {
        let mut drive = Drive::new(limit, sharing, &vec![GREEDY; 1_000]);
        drive.late = |_| 55 * MILLISECOND;
        drive.run(10 * SECOND);
        drive.late = |_| 0;
        drive.run(12 * SECOND);
        let sent = drive.bytes(10 * SECOND, 12 * SECOND);
        // in no time more than two turns, the slack and the grace
        assert!(sent <= 100_000_000 * 2 + 100_000_000 / 5, "{sent}");
    }
}

#[test]
fn a_limit_shared_by_more_transfers_than_it_has_bytes_a_second_is_met_too() {
    let mut drive = Drive::new(100, Sharing::Machine, &vec![GREEDY; 1_000]);
    drive.run(60 * SECOND);
    let sent = drive.bytes(20 * SECOND, 60 * SECOND);
    assert!((3_800..=4_040).contains(&sent), "{sent}");
}

#[test]
fn one_alone_is_smooth() {
    let mut drive = Drive::new(100_000, Sharing::Machine, &[GREEDY]);
    drive.late = |salt| salt % 2 * MILLISECOND;
    drive.run(5 * SECOND);
    assert!(drive.lump(0, 10 * MILLISECOND) <= 3_000, "{}", drive.lump(0, 10 * MILLISECOND));
    assert!(drive.silence(0, SECOND, 5 * SECOND) <= 20 * MILLISECOND);
}

#[test]
fn what_some_do_not_want_goes_to_the_others() {
    let trickle = Habit { chunk: 1_000, pause: 20 * MILLISECOND, ..GREEDY };
    let mut habits = vec![trickle; 50];
    habits.extend([GREEDY; 2]);
    let mut drive = Drive::new(10_000_000, Sharing::Machine, &habits);
    drive.run(5 * SECOND);
    let (least, most) = drive.extremes(SECOND, 10_000_000, SECOND, 5 * SECOND);
    assert!(least >= 0.97 && most <= 1.03, "{least} to {most}");
    let greedy = [drive.bytes_of(50, SECOND, 5 * SECOND), drive.bytes_of(51, SECOND, 5 * SECOND)];
    assert!(greedy[0].abs_diff(greedy[1]) <= greedy[0] / 50, "{greedy:?}");
    for flow in 0..50 {
        let own = drive.bytes_of(flow, SECOND, 5 * SECOND);
        assert!(own >= 4 * 30_000, "a modest one gets most of what it wants: {own}");
    }
}

#[test]
fn no_time_is_lost_while_transfers_come_and_go() {
    let habits: Vec<Habit> = (0..200)
        .map(|nth| {
            let starts_at = nth * 25 * MILLISECOND;
            Habit { starts_at, ends_at: starts_at + (nth % 13 + 1) * 90 * MILLISECOND, ..GREEDY }
        })
        .chain([GREEDY])
        .collect();
    let mut drive = Drive::new(2_000_000, Sharing::Machine, &habits);
    drive.run(5 * SECOND);
    let (least, most) = drive.extremes(SECOND, 2_000_000, SECOND, 5 * SECOND);
    assert!(least >= 0.95 && most <= 1.05, "{least} to {most}");
}

#[test]
fn one_who_falls_silent_loses_his_turn_and_another_gains_it_within_a_tenth_of_a_second() {
    let silent = Habit { pause: 10 * SECOND, chunk: 3_000_000, ..GREEDY };
    let mut drive = Drive::new(1_000_000, Sharing::Machine, &[GREEDY, silent]);
    drive.run(SECOND);
    // asleep in the middle of a chunk: it does not come back for its turn
    drive.alarms.retain(|alarm| alarm.1 == 0);
    drive.run(4 * SECOND);
    let gained = drive.bytes_of(0, SECOND + 100 * MILLISECOND, 4 * SECOND);
    assert!(gained >= 2_900_000 * 98 / 100, "{gained}");
}

#[test]
fn a_process_that_was_stopped_makes_no_burst() {
    for count in [1_usize, 100] {
        let mut drive = Drive::new(1_000_000, Sharing::Machine, &vec![GREEDY; count]);
        drive.run(2 * SECOND);
        // all alarms ring together twenty seconds later
        drive.alarms = (0..count).map(|nth| (core::cmp::Reverse(22 * SECOND), nth)).collect();
        drive.run(27 * SECOND);
        let (least, most) = drive.extremes(SECOND, 1_000_000, 22 * SECOND, 27 * SECOND);
        assert!(least >= 0.95 && most <= 1.08, "{count}: {least} to {most}");
        assert!(drive.bytes(22 * SECOND, 22 * SECOND + 100 * MILLISECOND) <= 180_000);
    }
}

#[test]
fn when_all_are_late_together_only_a_fiftieth_of_a_second_is_made_up() {
    let mut drive = Drive::new(1_000_000, Sharing::Machine, &[GREEDY]);
    drive.run(2 * SECOND);
    let (core::cmp::Reverse(due), nth) = drive.alarms.pop().unwrap();
    let late = due + 45 * MILLISECOND;
    drive.alarms.push((core::cmp::Reverse(late), nth));
    drive.run(3 * SECOND);
    let sent = drive.bytes(late, late + 500 * MILLISECOND);
    assert!((515_000..=535_000).contains(&sent), "{sent}: half a second, a turn and the slack");
}

#[test]
fn an_edit_acts_on_running_transfers() {
    let mut drive = Drive::new(100_000, Sharing::Machine, &[GREEDY; 4]);
    drive.run(2 * SECOND);
    let _ = drive.registry.adopt(&[], &class(1_000_000, Sharing::Machine), Tick::from_nanos(2 * SECOND));
    drive.run(4 * SECOND);
    let _ = drive.registry.adopt(&[], &class(50_000, Sharing::Connection), Tick::from_nanos(4 * SECOND));
    drive.run(6 * SECOND);
    let rates = [(SECOND, 100_000), (3 * SECOND, 1_000_000), (5 * SECOND, 200_000)];
    for (from, limit) in rates {
        let sent = drive.bytes(from, from + SECOND);
        assert!(sent.abs_diff(limit) <= limit / 20, "{sent} instead of {limit}");
    }
}

#[test]
fn shared_by_connection_each_connection_reaches_the_limit_and_its_transfers_divide_it() {
    let registry = Registry::new(Bounds::default(), [1, 2]);
    let _ = registry.adopt(&[], &class(100_000, Sharing::Connection), Tick::ZERO);
    let id = registry.bandwidth_class(b"b").unwrap();
    let connections = [7, 7, 8];
    let mut flows = connections.map(|connection| registry.flow(id, party(connection, 0), Tick::ZERO));
    let mut sums = [0; 3];
    for step in 0..4_000_u64 {
        for (flow, sum) in flows.iter_mut().zip(&mut sums) {
            *sum += flow.grant(1 << 20, Tick::from_nanos(step * MILLISECOND)).bytes;
        }
    }
    for (sum, expected) in sums.into_iter().zip([200_000_u64, 200_000, 400_000]) {
        assert!(sum.abs_diff(expected) <= expected / 50, "{sum} instead of {expected}");
    }
    let now = Tick::from_nanos(4 * SECOND);
    let reading = &registry.readings(now).bandwidths[0];
    assert_eq!((reading.bytes, reading.flows), (sums.iter().sum(), 3));
    for flow in flows {
        assert!(flow.close(now).is_empty());
    }
    assert_eq!(registry.readings(now).bandwidths[0].flows, 0);
}

#[test]
fn sixteen_connections_of_one_client_gain_nothing_where_the_limit_is_divided_between_clients() {
    let limit = 1_000_000;
    let mut drive = Drive::new(limit, Sharing::Machine, &[GREEDY; 19]);
    drive.clients = [vec![1; 16], vec![2, 3, 3]].concat();
    let _ = drive.registry.adopt(&[], &by_clients(limit), Tick::ZERO);
    drive.late = |salt| salt % 3 * MILLISECOND;
    drive.run(6 * SECOND);
    let of_client = |client: u8| -> u64 {
        let own = (0..19).filter(|flow| drive.clients[*flow] == client);
        own.map(|flow| drive.bytes_of(flow, SECOND, 6 * SECOND)).sum()
    };
    for client in [1, 2, 3] {
        let share = 5 * limit / 3;
        assert!(
            of_client(client).abs_diff(share) <= share / 25,
            "{client}: {} of {share}",
            of_client(client)
        );
    }
    let inside: Vec<_> = (0..16).map(|flow| drive.bytes_of(flow, SECOND, 6 * SECOND)).collect();
    assert!(jain(&inside) >= 0.98, "{}", jain(&inside));
    let (least, most) = drive.extremes(SECOND, limit, SECOND, 6 * SECOND);
    assert!(least >= 0.95 && most <= 1.05, "{least} to {most}");
    // between transfers again, and the sixteen have sixteen shares, at the next turn
    let edit = class(limit, Sharing::Machine);
    let _ = drive.registry.adopt(&[], &edit, Tick::from_nanos(6 * SECOND));
    drive.run(9 * SECOND);
    let alone = drive.bytes_of(16, 7 * SECOND, 9 * SECOND);
    let share = 2 * limit / 19;
    assert!(alone.abs_diff(share) <= share / 10, "{alone} instead of {share}");
}

#[test]
fn what_a_client_does_not_want_goes_to_the_others_and_what_his_silent_transfer_leaves_too() {
    let trickle = Habit { chunk: 1_000, pause: 20 * MILLISECOND, ..GREEDY };
    let gone = Habit { ends_at: 2 * SECOND, ..GREEDY };
    let mut drive = Drive::new(1_000_000, Sharing::Machine, &[trickle, GREEDY, GREEDY, gone]);
    drive.clients = vec![1, 2, 2, 3];
    let _ = drive.registry.adopt(&[], &by_clients(1_000_000), Tick::ZERO);
    drive.run(5 * SECOND);
    let (least, most) = drive.extremes(SECOND, 1_000_000, SECOND, 5 * SECOND);
    assert!(least >= 0.97 && most <= 1.03, "{least} to {most}");
    let modest = drive.bytes_of(0, 2 * SECOND, 5 * SECOND);
    assert!(modest >= 3 * 40_000, "{modest}");
    let greedy = [1, 2].map(|flow| drive.bytes_of(flow, 3 * SECOND, 5 * SECOND));
    assert!(greedy[0].abs_diff(greedy[1]) <= greedy[0] / 50, "{greedy:?}");
    assert!(greedy[0] + greedy[1] >= 1_880_000, "all that the modest one leaves: {greedy:?}");
}

#[test]
fn the_head_of_a_transfer_goes_unshaped_if_its_owner_asks_for_that() {
    let registry = Registry::new(Bounds::default(), [1, 2]);
    let mut classes = class(100_000, Sharing::Machine);
    classes[0].1.head_bytes = 65_536;
    let _ = registry.adopt(&[], &classes, Tick::ZERO);
    let id = registry.bandwidth_class(b"b").unwrap();
    let mut flow = registry.flow(id, party(1, 1), Tick::ZERO).with_head();
    let now = Tick::from_nanos(SECOND);
    assert_eq!(flow.grant(40_000, now).bytes, 40_000);
    let rest = flow.grant(40_000, now);
    assert_eq!((rest.bytes, rest.again_at), (25_536, now));
    assert!(flow.grant(40_000, now).bytes <= 2_000, "from here on it is paced");
    let mut other = registry.flow(id, party(2, 2), now);
    assert!(other.grant(40_000, now).bytes <= 2_000, "nobody asked for a head");
    assert!(registry.readings(now).bandwidths[0].bytes >= 65_536, "the head is counted all the same");
}

#[test]
fn heads_that_go_unshaped_are_paid_for_by_all_and_nobody_falls_silent_for_them() {
    let registry = Registry::new(Bounds::default(), [1, 2]);
    let mut classes = class(100_000, Sharing::Machine);
    classes[0].1.head_bytes = 16_000;
    let _ = registry.adopt(&[], &classes, Tick::ZERO);
    let id = registry.bandwidth_class(b"b").unwrap();
    let mut flows = [1, 2].map(|number| registry.flow(id, party(number, 1), Tick::ZERO));
    let (mut total, mut least_in_a_second) = (0, u64::MAX);
    for second in 0..20 {
        let mut in_this = 0;
        for step in 0..100 {
            let now = Tick::from_nanos(second * SECOND + step * 10 * MILLISECOND);
            in_this += flows.iter_mut().map(|flow| flow.grant(1 << 20, now).bytes).sum::<u64>();
            // two short answers a second: a third of the class
            if step % 50 == 0 {
                let mut short = registry.flow(id, party(100 + second, 2), now).with_head();
                total += short.grant(16_000, now).bytes;
            }
        }
        total += in_this;
        least_in_a_second = least_in_a_second.min(in_this);
    }
    assert!((1_900_000..=2_060_000).contains(&total), "{total} of 2,000,000");
    assert!(least_in_a_second >= 45_000, "{least_in_a_second}: half of the class at least");
}

/// Weighted max-min shares by the definition: nobody has more than it wants, and what is left goes to the others by weight.
fn filled(limit: f64, wants: &[f64], weights: &[u16]) -> Vec<f64> {
    let mut shares = vec![0.0; wants.len()];
    let mut open: Vec<usize> = (0..wants.len()).collect();
    let mut left = limit;
    loop {
        let weight: f64 = open.iter().map(|nth| f64::from(weights[*nth])).sum();
        let level = left / weight;
        let (full, rest): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|nth| wants[*nth] <= level * f64::from(weights[*nth]));
        for nth in &full {
            shares[*nth] = wants[*nth];
            left -= wants[*nth];
        }
        open = rest;
        if full.is_empty() {
            for nth in &open {
                shares[*nth] = level * f64::from(weights[*nth]);
            }
            return shares;
        }
    }
}

#[test]
fn with_weights_each_has_the_share_that_the_definition_of_max_min_fairness_gives_it() {
    let limit = 2_000_000;
    for seed in 1..24_u64 {
        let mut state = seed;
        let mut up_to = |max: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % max
        };
        // Some want a little every 20 ms, the others all they can get.
        let count = 3 + usize::try_from(up_to(60)).unwrap();
        let chunks: Vec<u64> =
            (0..count).map(|_| if up_to(3) == 0 { 50 + up_to(150) } else { 1 << 20 }).collect();
        let weights: Vec<u16> =
            (0..count).map(|_| [10, 50, 100, 200, 900][usize::try_from(up_to(5)).unwrap()]).collect();
        let habits: Vec<Habit> = chunks
            .iter()
            .map(|chunk| match *chunk {
                greedy @ 1_048_576.. => Habit { chunk: greedy, ..GREEDY },
                chunk => Habit { chunk, pause: 20 * MILLISECOND, ..GREEDY },
            })
            .collect();
        let wants: Vec<f64> = chunks
            .iter()
            .map(|chunk| if *chunk < 1 << 20 { *chunk as f64 * 50.0 } else { f64::INFINITY })
            .collect();
        let mut drive = Drive::new(limit, Sharing::Machine, &habits);
        drive.weights.clone_from(&weights);
        drive.late = |salt| salt % 2 * MILLISECOND;
        drive.run(9 * SECOND);
        let expected = filled(limit as f64, &wants, &weights);
        let greedy = |nth: &usize| wants[*nth].is_infinite();
        if !(0..count).any(|nth| greedy(&nth)) {
            continue;
        }
        let (least, most) = drive.extremes(SECOND, limit, SECOND, 9 * SECOND);
        assert!(least >= 0.95 && most <= 1.05, "seed {seed}: {least} to {most}");
        for nth in (0..count).filter(greedy) {
            let share = drive.bytes_of(nth, SECOND, 9 * SECOND) as f64 / 8.0;
            let off = (share - expected[nth]).abs() / expected[nth];
            assert!(
                off <= 0.08,
                "seed {seed}, {nth} of weight {}: {share} of {}",
                weights[nth],
                expected[nth]
            );
        }
    }
}

#[test]
fn a_client_of_twice_the_weight_has_twice_as_much_however_many_transfers_the_others_have() {
    let limit = 1_000_000;
    let mut drive = Drive::new(limit, Sharing::Machine, &[GREEDY; 12]);
    drive.clients = [vec![1, 1], vec![2; 9], vec![3]].concat();
    drive.weights = [vec![200, 50], vec![100; 9], vec![100]].concat();
    let _ = drive.registry.adopt(&[], &by_clients(limit), Tick::ZERO);
    drive.late = |salt| salt % 3 * MILLISECOND;
    drive.run(6 * SECOND);
    let of = |flows: core::ops::Range<usize>| -> u64 {
        flows.map(|flow| drive.bytes_of(flow, SECOND, 6 * SECOND)).sum()
    };
    let near = |bytes: u64, share: u64| bytes.abs_diff(share) <= share / 25;
    let all = 5 * limit;
    assert!(near(of(0..2), all / 2) && near(of(2..11), all / 4) && near(of(11..12), all / 4));
    assert!(near(of(0..1), all / 2 * 4 / 5), "inside as well: {} of {}", of(0..1), of(0..2));
}
