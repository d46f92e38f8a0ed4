//! A flood of contexts that were never seen before: memory, cost of a call, and whether who was limited still is.
//! `cargo xtask bench contexts`; `contexts COUNT` alone, where COUNT is 2,000,000 if it is left out.

#![expect(clippy::print_stdout, reason = "what was measured is for whoever runs it")]

use core::num::NonZeroU32;
use core::time::Duration;
use shaping::{Bounds, ClientNetwork, Entry, RateClass, Registry, Tick};

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(2_000_000);
    let class = RateClass {
        per_minute: NonZeroU32::new(10),
        wait_max: Some(Duration::from_secs(6)),
        ..RateClass::default()
    };
    let registry = Registry::new(Bounds::default(), [1, 2]);
    let _nobody_waits = registry.adopt(&[("c".to_owned(), class)], &[], Tick::ZERO);
    let Some(id) = registry.rate_class(b"c") else { return };
    let client = ClientNetwork::default();
    // the flood takes 40 seconds of the class's time
    let tick = |nth: u64| Tick::from_nanos(1_000_000_000 + nth * (40_000_000_000 / count.max(1)));
    let planted = |nth: u64| registry.enter(id, Some(b"abusive.example"), client, tick(nth));
    let planted_starts = (0..20).filter(|_| planted(0) == Entry::Started).count();
    let before = resident_bytes();
    let mut slices = Vec::new();
    let mut refused = 0_u64;
    for slice in 0..20 {
        let clock = clock();
        for nth in count / 20 * slice..count / 20 * (slice + 1) {
            let referer = format!("http://{nth:016x}.example");
            let entry = registry.enter(id, Some(referer.as_bytes()), client, tick(nth));
            refused += u64::from(matches!(entry, Entry::Refused { .. }));
        }
        slices.push(clock.elapsed().as_nanos() / u128::from((count / 20).max(1)));
    }
    let grown = resident_bytes().saturating_sub(before);
    let is_limited = planted(count) != Entry::Started;
    let reading = registry.readings(tick(count)).rates.swap_remove(0);
    println!("contexts sent          {count}");
    println!("contexts held          {}", reading.contexts);
    println!("shared one context     {} ({refused} refused)", reading.overflowed);
    println!("resident memory        +{} KiB", grown / 1_024);
    println!("nanoseconds a call     {slices:?}");
    println!("the one planted before {planted_starts} of 20 started; limited after the flood: {is_limited}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "the cost of a call is measured here, nothing is decided by it"
)]
fn clock() -> std::time::Instant {
    std::time::Instant::now()
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}
