//! How the process is, for who asks over the control socket.

use crate::control::{Answer, Outcome};
use engine::WallTime;
use proxy::Running;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// How long workers may take to say how many connections they have.
const PATIENCE: Duration = Duration::from_millis(500);

/// Says it.
pub(super) async fn status(running: &Running, file: Option<&Path>) -> Answer {
    let (pulse, clock) = (running.pulse(), running.clock());
    let is_alive = tokio::select! {
        () = pulse.complete() => true,
        () = clock.sleep_until(clock.tick().saturating_add(PATIENCE)) => false,
    };
    let (now, shared) = (clock.now(), running.shared());
    let up = Duration::from_nanos(now.tick.nanos());
    let last = shared.last_reload();
    let process = std::process::id();
    let catalog = file.map_or_else(|| "built in".to_owned(), |path| path.display().to_string());
    let addresses: Vec<String> = running.addresses().map(|(_, bound)| bound.to_string()).collect();
    let counted = shared.counters().list().into_iter().filter(|(_, _, value)| *value > 0);
    let counters: Map<String, Value> =
        counted.map(|(name, _, value)| (name.to_owned(), Value::from(value))).collect();
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!("tidegate {version}, process {process}, up {}\n", length(up));
    // Writing to a text does not fail.
    let _written = writeln!(text, "listens on {}", addresses.join(", "));
    let (workers, connections) = (running.workers(), pulse.connections());
    let hang = if is_alive { "" } else { "; not all workers answer" };
    let _written = writeln!(text, "workers {workers}, connections {connections}{hang}");
    let (good_at, generation) = (date(last.good_at), shared.generation());
    let _written = writeln!(text, "catalog {catalog}: number {generation}, in force since {good_at}");
    let (spool_bytes, spool_files) = (shared.spool().bytes(), shared.spool().files());
    if spool_files > 0 {
        let _written = writeln!(text, "spool {spool_bytes} bytes in {spool_files} files");
    }
    if !last.is_good {
        text.push_str("the last reload was refused; the catalog before goes on serving\n");
    }
    for (name, value) in &counters {
        let _written = writeln!(text, "counter {name} {value}");
    }
    Answer::new(Outcome::Good, text)
        .with("version", version)
        .with("process", process)
        .with("up_seconds", up.as_secs())
        .with("addresses", addresses)
        .with("workers", workers)
        .with("all_workers_answer", is_alive)
        .with("connections", connections)
        .with("catalog", file.map(|path| path.display().to_string()))
        .with("spool_bytes", spool_bytes)
        .with("spool_files", spool_files)
        .with("generation", generation)
        .with("last_reload_successful", last.is_good)
        .with("in_force_since", good_at)
        .with("counters", counters)
}

fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

fn date(moment: WallTime) -> String {
    let moment = jiff::Timestamp::from_microsecond(moment.0).unwrap_or_default();
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
