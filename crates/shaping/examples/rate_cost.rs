//! So many requests ask a rate class; counted by `cargo xtask bench rate`. `rate_cost WHAT COUNT`, where WHAT is
//! `one` (one context that starts each), `many` (a thousand contexts in turn) or `wait` (each waits and is withdrawn).

use core::num::NonZeroU32;
use shaping::{Bounds, Entry, RateClass, Registry, Tick};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let count: u64 = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let per_second = NonZeroU32::new(if what == "wait" { 1 } else { 1_000_000 });
    let class = RateClass { per_second, ..RateClass::default() };
    let registry = Registry::new(Bounds::default(), [1, 2]);
    let _nobody_waits = registry.adopt(&[("c".into(), class)], &[], Tick::ZERO);
    let Some(id) = registry.rate_class(b"c") else { return };
    let contexts: Vec<String> = (0..1_000).map(|nth| format!("referer-{nth:04}.example")).collect();
    let mut started = 0_u64;
    for nth in 0..count {
        let context = match what.as_str() {
            "many" => contexts.get(usize::try_from(nth % 1_000).unwrap_or(0)),
            _ => contexts.first(),
        };
        let now = Tick::from_nanos(nth);
        match registry.enter(id, context.map(String::as_bytes), now) {
            Entry::Started => started += 1,
            Entry::Queued { ticket, .. } => drop(registry.withdraw(ticket, now)),
            Entry::Refused { .. } => {}
        }
    }
    assert!(started > 0, "nobody started");
}
