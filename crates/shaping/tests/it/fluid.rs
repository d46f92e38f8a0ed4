//! What is reckoned of transfers without granting, beside what grants give.

use core::num::NonZeroU64;
use shaping::{
    BandwidthClass, Bounds, ClientNetwork, Division, Flow, Fluid, Party, Registry, Sharing, Tick, Weight,
};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const SECOND: u64 = 1_000_000_000;

fn class(bytes_per_second: u64, sharing: Sharing, division: Division) -> BandwidthClass {
    let bytes_per_second = NonZeroU64::new(bytes_per_second).unwrap();
    BandwidthClass { bytes_per_second, sharing, division, head_bytes: 0 }
}

#[derive(Clone, Copy, Debug)]
struct Transfer {
    starts_at: u64,
    bytes: u64,
    client: u8,
    connection: u64,
    weight: u16,
}

impl Transfer {
    fn party(self) -> Party {
        let client = ClientNetwork::of([192, 0, 2, self.client].into());
        Party { connection: self.connection, client, weight: Weight::new(self.weight).unwrap() }
    }
}

/// When each ends, by grants.
fn granted(class: BandwidthClass, transfers: &[Transfer]) -> Vec<u64> {
    let registry = Registry::new(Bounds::default(), [1, 2]);
    let _ = registry.adopt(&[], &[("b".to_owned(), class)], Tick::ZERO);
    let id = registry.bandwidth_class(b"b").unwrap();
    let mut flows: Vec<Option<Flow>> = transfers.iter().map(|_| None).collect();
    let mut left: Vec<u64> = transfers.iter().map(|transfer| transfer.bytes).collect();
    let mut ends = vec![0; transfers.len()];
    let mut alarms: BinaryHeap<_> =
        transfers.iter().enumerate().map(|(nth, transfer)| Reverse((transfer.starts_at, nth))).collect();
    while let Some(Reverse((at, nth))) = alarms.pop() {
        let now = Tick::from_nanos(at);
        let flow = flows[nth].get_or_insert_with(|| registry.flow(id, transfers[nth].party(), now));
        let grant = flow.grant(left[nth], now);
        left[nth] -= grant.bytes;
        if left[nth] == 0 {
            (ends[nth], flows[nth]) = (at, None);
        } else {
            alarms.push(Reverse((grant.again_at.nanos().max(at + 1), nth)));
        }
    }
    ends
}

/// When each ends, as reckoned.
fn reckoned(class: BandwidthClass, transfers: &[Transfer]) -> Vec<u64> {
    let mut fluid = Fluid::new(class);
    let mut ends = vec![0; transfers.len()];
    let mut order: Vec<usize> = (0..transfers.len()).collect();
    order.sort_by_key(|nth| transfers[*nth].starts_at);
    for nth in order {
        let transfer = transfers[nth];
        let now = Tick::from_nanos(transfer.starts_at);
        fluid.advance(now, |nth, at| ends[nth] = at.nanos());
        fluid.join(transfer.bytes, transfer.party(), nth);
    }
    fluid.advance(Tick::MAX, |nth, at| ends[nth] = at.nanos());
    assert_eq!(fluid.running(), 0);
    ends
}

fn some(seed: u64, count: u64, are_equal: bool) -> Vec<Transfer> {
    let mut state = seed;
    let mut up_to = |max: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % max
    };
    let one = |number: u64| Transfer {
        starts_at: up_to(20 * SECOND),
        bytes: 20_000 + up_to(300_000),
        client: u8::try_from(up_to(4)).unwrap(),
        connection: number % 7,
        weight: if are_equal { 100 } else { [25, 100, 300][usize::try_from(up_to(3)).unwrap()] },
    };
    (0..count).map(one).collect()
}

#[test]
fn what_is_reckoned_ends_when_grants_end_it() {
    let shapes = [
        (Sharing::Machine, Division::Transfers, 200_000),
        (Sharing::Machine, Division::Clients, 200_000),
        (Sharing::Connection, Division::Transfers, 30_000),
    ];
    for seed in 0..12 {
        let transfers = some(seed / 2, 30, seed % 2 == 0);
        for (sharing, division, rate) in shapes {
            let class = class(rate, sharing, division);
            let (granted, reckoned) = (granted(class, &transfers), reckoned(class, &transfers));
            for (nth, transfer) in transfers.iter().enumerate() {
                let took = granted[nth] - transfer.starts_at;
                let off = granted[nth].abs_diff(reckoned[nth]);
                assert!(
                    off < took / 20 + SECOND / 2,
                    "seed {seed}, {sharing:?} {division:?}, {transfer:?}: granted after {took} ns, {off} ns apart"
                );
            }
        }
    }
}

#[test]
fn one_alone_has_the_limit_and_two_have_half_of_it_each() {
    let class = class(1_000, Sharing::Machine, Division::Transfers);
    let at = |starts_at, bytes| Transfer { starts_at, bytes, client: 1, connection: 1, weight: 100 };
    // The second comes when 1,000 bytes of the first are left: both have 500 a second until the second is through.
    let ends = reckoned(class, &[at(0, 2_000), at(SECOND, 500)]);
    assert_eq!(ends, [5 * SECOND / 2, 2 * SECOND]);
}

#[test]
fn a_client_with_many_transfers_has_no_more_than_one_with_a_single_one() {
    let class = class(1_000, Sharing::Machine, Division::Clients);
    let of = |client, connection| Transfer { starts_at: 0, bytes: 1_000, client, connection, weight: 100 };
    let ends = reckoned(class, &[of(1, 1), of(2, 2), of(2, 3), of(2, 4)]);
    assert_eq!(ends, [2 * SECOND, 4 * SECOND, 4 * SECOND, 4 * SECOND]);
}

#[test]
fn one_that_counts_for_thrice_as_much_is_through_in_a_third_of_the_time() {
    let class = class(1_000, Sharing::Machine, Division::Transfers);
    let of = |bytes, weight| Transfer { starts_at: 0, bytes, client: 1, connection: 1, weight };
    // 750 and 250 a second; the light one has all when the other is through.
    assert_eq!(reckoned(class, &[of(1_500, 150), of(1_000, 50)]), [2 * SECOND, 5 * SECOND / 2]);
}

#[test]
fn a_client_counts_for_as_much_as_his_greatest_transfer() {
    let class = class(1_000, Sharing::Machine, Division::Clients);
    let of = |client, bytes, weight| Transfer { starts_at: 0, bytes, client, connection: 1, weight };
    // The first client has 800: 600 for his heavy one and 200 for the other. When the heavy one is through, all are equal.
    let ends = reckoned(class, &[of(1, 600, 300), of(1, 700, 100), of(2, 700, 75)]);
    assert_eq!(ends[0], SECOND);
    assert_eq!(ends[1], SECOND + SECOND * 500 * 175 / 100 / 1_000);
}

#[test]
fn what_fits_into_the_unshaped_head_ends_at_once() {
    let class = BandwidthClass { head_bytes: 500, ..class(1_000, Sharing::Machine, Division::Transfers) };
    let at = |bytes| Transfer { starts_at: SECOND, bytes, client: 1, connection: 1, weight: 100 };
    assert_eq!(reckoned(class, &[at(500)]), [SECOND]);
    assert_eq!(reckoned(class, &[at(1_500)]), [2 * SECOND]);
}
