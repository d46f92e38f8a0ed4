//! What the fuzz targets of the language share: rules made from bytes, and a look at the time one input takes.

pub mod rule;

use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU64, Ordering};

/// Processor time that one input may take: 100 milliseconds in what is shipped. Counting branches takes four times as
/// long, on a busy machine everything does once more.
const MILLISECONDS_MAX: u64 = 400;
const MILLISECONDS_MAX_WATCHED: u64 = 2_000;

/// From here on an input is shown, in microseconds: what is shipped may take so long.
const LONG_MICROS: u64 = 100_000;

/// Slowest input so far, in microseconds.
static SLOWEST: AtomicU64 = AtomicU64::new(0);

fn cpu_micros() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000
}

/// Runs what is tried on one input, and panics where it takes longer than an input may. Processor time of the thread
/// is measured, so that a busy machine is no finding.
pub fn timed(input: &[u8], work: impl FnOnce()) {
    let start = cpu_micros();
    work();
    let took = cpu_micros() - start;
    if took > SLOWEST.fetch_max(took, Ordering::Relaxed) && took > 10_000 {
        eprintln!("slowest input so far: {took} microseconds for {} bytes", input.len());
    }
    if took > LONG_MICROS {
        // To be timed alone, in a build that counts nothing.
        eprintln!("a slow input, {took} microseconds: {}", input.escape_ascii());
    }
    // As `RUSTFLAGS` of `cargo xtask test` say.
    let most = if cfg!(tidegate_watched) { MILLISECONDS_MAX_WATCHED } else { MILLISECONDS_MAX };
    assert!(took < most * 1_000, "an input took {took} microseconds");
}
