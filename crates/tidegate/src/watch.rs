//! How a person looks on: a bar on the terminal, and Ctrl-C for "that is enough".

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How a process ends that is told twice to end: as [`Verdict::Interrupted`](crate::verdict::Verdict).
const INTERRUPTED: i32 = 130;

/// A bar, and whether somebody wants the end.
pub(crate) struct Watch {
    pub(crate) cancel: Arc<AtomicBool>,
    bar: ProgressBar,
    interrupted: Mutex<Receiver<()>>,
}

impl Watch {
    /// From here on the first Ctrl-C ends the reading, and the second one the process. Without a word about it the bar
    /// is shown on a terminal.
    pub(crate) fn start(is_shown: Option<bool>) -> anyhow::Result<Self> {
        let cancel = Arc::new(AtomicBool::new(false));
        let (interrupt, interrupted) = channel();
        listen(Arc::clone(&cancel), interrupt)?;
        let is_shown = is_shown.unwrap_or_else(|| std::io::stderr().is_terminal());
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template(
            "{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        ) {
            bar.set_style(style);
        }
        Ok(Self { cancel, bar, interrupted: Mutex::new(interrupted) })
    }

    /// What is read now, and how much it is.
    pub(crate) fn begin(&self, what: &'static str, bytes: u64) {
        self.bar.set_length(bytes);
        self.bar.set_position(0);
        self.bar.set_message(what);
    }

    pub(crate) fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    /// The same as the analyser wants it.
    pub(crate) fn reading<'a>(&'a self, progress: &'a (dyn Fn(u64) + Sync)) -> analyser::input::Watch<'a> {
        analyser::input::Watch { cancel: &self.cancel, progress }
    }

    /// Does something while the bar is not there.
    pub(crate) fn hide<R>(&self, work: impl FnOnce() -> R) -> R {
        self.bar.suspend(work)
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Waits, unless somebody wants the end; whether all of the time is over.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let interrupted = self.interrupted.lock().unwrap_or_else(PoisonError::into_inner);
        !self.is_cancelled() && interrupted.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}

/// Signals are heard in a thread of their own: reading lines keeps all others busy.
fn listen(cancel: Arc<AtomicBool>, interrupt: Sender<()>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // from here on, and not only once the thread runs
    let entered = runtime.enter();
    let mut signals = signal(SignalKind::interrupt())?;
    drop(entered);
    std::thread::spawn(move || {
        runtime.block_on(async {
            while signals.recv().await.is_some() {
                if cancel.swap(true, Ordering::Relaxed) {
                    std::process::exit(INTERRUPTED);
                }
                // nobody may be waiting
                let _gone = interrupt.send(());
            }
        });
    });
    Ok(())
}
