//! The signals that mean something: HUP reads the catalog again, USR1 opens the logs again, USR2 starts a new process
//! and leaves the sockets to it, TERM and QUIT end gracefully, INT at once.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The streams of signals.
pub(super) struct Signals {
    hang_up: Signal,
    reopen: Signal,
    upgrade: Signal,
    terminate: Signal,
    quit: Signal,
    interrupt: Signal,
}

/// What a signal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Reload,
    Reopen,
    Upgrade,
    Stop,
    StopNow,
}

impl Signals {
    /// From here on they do not end the process any more. To be called on a runtime.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined1())?,
            upgrade: signal(SignalKind::user_defined2())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hang_up.recv() => Told::Reload,
            _ = self.reopen.recv() => Told::Reopen,
            _ = self.upgrade.recv() => Told::Upgrade,
            _ = self.terminate.recv() => Told::Stop,
            _ = self.quit.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::StopNow,
        }
    }
}
