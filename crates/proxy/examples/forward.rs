//! A proxy without rules: `forward 127.0.0.1:8080 127.0.0.1:9000 [WORKERS [KBIT_PER_SECOND]]` sends everything on to
//! one node. For measurements, and to see how the rooms are put together.
#![expect(clippy::print_stderr, reason = "an example talks to its user")]

use engine::catalog::{Catalog, MemoryFiles};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (Some(listen), Some(node)) = (words.first(), words.get(1)) else {
        eprintln!("usage: forward LISTEN NODE [WORKERS [KBIT_PER_SECOND]]");
        return ExitCode::from(2);
    };
    let workers = words.get(2).and_then(|word| word.parse().ok()).unwrap_or(NonZeroUsize::MIN);
    let rate: u32 = words.get(3).and_then(|word| word.parse().ok()).unwrap_or(0);
    let class = if rate > 0 { "bandwidth_class = \"paced\"\n" } else { "" };
    let classes = match rate {
        0 => String::new(),
        rate => format!("[bandwidth_classes.paced]\nmaximum = {rate}\nsharing = \"connection\"\n"),
    };
    let text = format!(
        "[virtual_servers.all]\nlisten = \"{listen}\"\npool = \"nodes\"\nvia = true\nkeepalive_timeout = \"300s\"\n\
         {class}[pools.nodes]\nnodes = [\"{node}\"]\nmax_idle_connections_pernode = 1024\n{classes}"
    );
    let files = MemoryFiles::default().with("forward.toml", text);
    let loaded = Catalog::load(Path::new("forward.toml"), &files, engine::builtins::builtins());
    let Some(catalog) = loaded.catalog else {
        eprintln!("{:#?}", loaded.diagnostics);
        return ExitCode::from(2);
    };
    let (clock, wakes) = (proxy::Clock::system(), proxy::Wakes::new());
    let shared =
        engine::Shared::new(catalog, &engine::SharedOptions::default(), Box::new(wakes.clone()), clock.now());
    let options = proxy::Options { workers, ..proxy::Options::for_this_machine() };
    match proxy::Proxy::start(shared, (wakes, clock), options) {
        Ok(running) => {
            wait_for_signal();
            running.stop(Duration::from_secs(5));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::expect_used, reason = "an example may end where the system gives no event queue")]
fn wait_for_signal() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event queue");
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).expect("a signal handler");
        let mut interrupt = signal(SignalKind::interrupt()).expect("a signal handler");
        tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
    });
}
