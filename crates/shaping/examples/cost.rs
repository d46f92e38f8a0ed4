//! Repeats one call many times, to count its instructions: `valgrind --tool=callgrind target/release/examples/cost enter 100000`,
//! and the same with 0; the difference of the two, divided by the number, is the cost of one.

use core::num::{NonZeroU32, NonZeroU64};
use shaping::{
    BandwidthClass, Bounds, ClientNetwork, Division, Flow, Party, RateClass, Registry, Sharing, Tick, Weight,
};

const CONTEXTS: usize = 64;
const FLOWS: usize = 1_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let count: u64 = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(0);
    let registry = Registry::new(Bounds::default(), [1, 2]);
    let second = RateClass { per_second: NonZeroU32::new(100), ..RateClass::default() };
    let minute = RateClass { per_minute: NonZeroU32::new(600), ..second };
    let rates = [("per second".to_owned(), second), ("both".to_owned(), minute)];
    let megabytes = BandwidthClass {
        bytes_per_second: NonZeroU64::MIN.saturating_add(99_999_999),
        sharing: Sharing::Machine,
        division: Division::Transfers,
        head_bytes: 0,
    };
    let wakes = registry.adopt(&rates, &[("b".to_owned(), megabytes)], Tick::ZERO);
    assert!(wakes.is_empty());
    let (Some(rate), Some(both), Some(bandwidth)) =
        (registry.rate_class(b"per second"), registry.rate_class(b"both"), registry.bandwidth_class(b"b"))
    else {
        return;
    };
    let contexts: Vec<String> = (0..CONTEXTS).map(|nth| format!("www.referer{nth:03}.test")).collect();
    let mut flows: Vec<Flow> =
        (0..FLOWS).map(|nth| registry.flow(bandwidth, party(nth as u64), Tick::ZERO)).collect();
    let mut now = 1_000_000_000;
    let tick = Tick::from_nanos;
    // so that what is made once is made before the counting
    for context in &contexts {
        assert!(registry.try_start(rate, Some(context.as_bytes()), tick(now)));
        assert!(registry.try_start(both, Some(context.as_bytes()), tick(now)));
    }
    let client = ClientNetwork::default();
    let mut sum = 0;
    for nth in 0..usize::try_from(count).unwrap_or(0) {
        let context = contexts.get(nth % CONTEXTS).map(String::as_bytes);
        now += 1_000_000;
        match what.as_str() {
            "enter" => {
                sum += u64::from(registry.enter(rate, context, client, tick(now)) == shaping::Entry::Started);
            }
            "both" => {
                sum += u64::from(registry.enter(both, context, client, tick(now)) == shaping::Entry::Started);
            }
            "plain" => {
                sum +=
                    u64::from(registry.enter(rate, None, client, tick(now * 10)) == shaping::Entry::Started);
            }
            "backlog" => sum += u64::from(registry.backlog(rate, context, tick(now))),
            "name" => sum += u64::from(registry.rate_class(b"per second").is_some()),
            "fresh" => {
                let name = nth.to_le_bytes();
                sum += u64::from(registry.try_start(rate, Some(&name), tick(now)));
            }
            "grant" => {
                if let Some(flow) = flows.get_mut(nth % FLOWS) {
                    sum += flow.grant(65_536, tick(now / 25)).bytes.min(1);
                }
            }
            "nothing" => sum += context.map_or(1, |it| it.len() as u64),
            _ => return,
        }
    }
    assert!(count == 0 || sum > 0 || what == "backlog");
}

fn party(connection: u64) -> Party {
    Party { connection, client: ClientNetwork::default(), weight: Weight::USUAL }
}
