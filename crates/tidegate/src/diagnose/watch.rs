//! How a person looks on: a bar on the terminal, and Ctrl-C for "that is enough".

use crate::command_line::DiagnoseOptions;
use crate::verdict::Verdict;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A bar, and whether somebody wants the end.
pub(super) struct Watch {
    pub(super) cancel: Arc<AtomicBool>,
    bar: ProgressBar,
}

impl Watch {
    /// From here on the first Ctrl-C ends the reading, and the second one the process.
    pub(super) fn start(options: &DiagnoseOptions) -> anyhow::Result<Self> {
        let cancel = Arc::new(AtomicBool::new(false));
        listen(Arc::clone(&cancel))?;
        let is_shown = options.progress || (!options.no_progress && std::io::stderr().is_terminal());
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template(
            "{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        ) {
            bar.set_style(style);
        }
        Ok(Self { cancel, bar })
    }

    /// What is read now, and how much it is.
    pub(super) fn begin(&self, what: &'static str, bytes: u64) {
        self.bar.set_length(bytes);
        self.bar.set_position(0);
        self.bar.set_message(what);
    }

    pub(super) fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// Does something while the bar is not there.
    pub(super) fn hide<R>(&self, work: impl FnOnce() -> R) -> R {
        self.bar.suspend(work)
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Waits, unless somebody wants the end; whether all of the time is over.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let step = Duration::from_millis(50);
        let mut left = time;
        while !left.is_zero() && !self.is_cancelled() {
            std::thread::sleep(step.min(left));
            left = left.saturating_sub(step);
        }
        !self.is_cancelled()
    }
}

/// Signals are heard in a thread of their own: reading lines keeps all others busy.
fn listen(cancel: Arc<AtomicBool>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if cancel.swap(true, Ordering::Relaxed) {
                    let _code: ExitCode = Verdict::Interrupted.into();
                    std::process::exit(130);
                }
            }
        });
    });
    Ok(())
}
