//! What a worker does once a second, whether somebody comes or not: memory is measured and given up where it is short,
//! guards look at the sites that send visitors, and the log is told what they and protection classes did.

use crate::node::connect::Dial;
use crate::worker::Worker;
use engine::MemoryStage;
use std::rc::Rc;
use std::time::Duration;

/// How often.
const EVERY: Duration = Duration::from_secs(1);
/// The part of its connections of which a worker closes the idle ones at once when memory is short.
const REAPED_PART: usize = 4;
/// At least so many.
const REAPED_AT_LEAST: usize = 32;

/// Keeps house as long as the worker lives. The first of all workers does what is to be done once in the process.
pub(crate) async fn keep<D: Dial>(worker: Rc<Worker<D>>, is_first: bool) {
    loop {
        worker.clock.sleep_until(worker.clock.tick().saturating_add(EVERY)).await;
        if is_first {
            measure(&worker);
            tell_of_refusals(&worker);
            look_at_guards(&worker);
        }
        let stage = worker.shared.memory().stage();
        worker.buffers.set_lean(stage >= MemoryStage::Lean);
        if stage >= MemoryStage::Lean {
            worker.reap((worker.connections() / REAPED_PART).max(REAPED_AT_LEAST));
        }
    }
}

fn measure<D: Dial>(worker: &Worker<D>) {
    let memory = worker.shared.memory();
    if !memory.has_limit() {
        return;
    }
    let Some(used) = resident_bytes() else { return };
    if let Some(stage) = memory.measured(used) {
        worker.shared.counters().memory_stage_changes.add_one();
        let (_, limit) = memory.bytes();
        let (used_mib, limit_mib) = (used >> 20, limit >> 20);
        tracing::warn!(stage = stage.word(), used_mib, limit_mib, "the stage of memory changed");
    }
}

/// What the process holds in memory; `None` where the system does not tell.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn tell_of_refusals<D: Dial>(worker: &Worker<D>) {
    let pinned = worker.pinned();
    for class in &pinned.catalog.protections {
        if let Some(report) = class.report(worker.clock.tick()) {
            let (class, refused, (why, client)) = (&*class.name, report.refused, report.last);
            let why = why.word();
            tracing::warn!(target: "protection", class, refused, last = why, %client, "connections or requests refused");
        }
    }
}

/// Windows without a request are judged as well, and the log is told of every step.
fn look_at_guards<D: Dial>(worker: &Worker<D>) {
    let pinned = worker.pinned();
    for guard in &pinned.catalog.guards {
        guard.live.look(&guard.settings, worker.clock.now());
        for event in guard.live.untold() {
            let (guard, from, to) = (&*guard.name, event.from.name(), event.to.name());
            let (site, why) = (event.site, event.reason);
            tracing::warn!(target: "guard", guard, site, from, to, "{why}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::resident_bytes;

    #[test]
    fn the_system_tells_what_the_process_takes() {
        let used = resident_bytes().expect("this system has /proc");
        assert!((1 << 20..1 << 36).contains(&used), "{used} bytes");
    }
}
