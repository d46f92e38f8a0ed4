//! What signals do: HUP reads the catalog again, USR1 opens the logs again, USR2 tells what was
//! counted, TERM and QUIT end gracefully, INT at once.

use super::log;
use crate::certificates::{self, CertificateWatch};
use crate::disk::Disk;
use crate::mark_keys::KeyStore;
use crate::verdict::Verdict;
use proxy::Running;
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that mean something.
pub(super) struct Signals {
    hang_up: Signal,
    reopen: Signal,
    count: Signal,
    terminate: Signal,
    quit: Signal,
    interrupt: Signal,
}

/// How often the age of the keys of marks is looked at; also the latest that another process's new key is known here,
/// which signs marks at once.
const KEYS_LOOK: Duration = Duration::from_mins(1);

enum Told {
    Reload,
    Reopen,
    Count,
    /// Nobody told: it is time to look whether the keys of marks are old.
    Keys,
    Stop,
    StopNow,
}

impl Signals {
    /// From here on they do not end the process any more. To be called on a runtime.
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined1())?,
            count: signal(SignalKind::user_defined2())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hang_up.recv() => Told::Reload,
            _ = self.reopen.recv() => Told::Reopen,
            _ = self.count.recv() => Told::Count,
            _ = self.terminate.recv() => Told::Stop,
            _ = self.quit.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::StopNow,
        }
    }

    /// Does what signals say until one ends it.
    pub(super) async fn serve(mut self, mut running: Running, file: Option<&Path>) -> Verdict {
        let clock = running.clock().clone();
        let mut certificates = CertificateWatch::default();
        certificates.look(&mut running, file);
        let grace = loop {
            let told = tokio::select! {
                told = self.next() => told,
                () = clock.sleep_until(clock.tick().saturating_add(KEYS_LOOK)) => Told::Keys,
            };
            match told {
                Told::Reload => reload(&mut running, file),
                Told::Reopen => {
                    running.reopen_logs();
                    tracing::info!("the logs are opened again");
                }
                Told::Count => tell_counters(&running),
                Told::Keys => {
                    renew_mark_keys(&running);
                    certificates.look(&mut running, file);
                }
                Told::Stop => break running.shared().catalog().settings.grace_period,
                Told::StopNow => break Duration::ZERO,
            }
        };
        if grace.is_zero() {
            tracing::info!("stops at once");
        } else {
            let seconds = grace.as_secs_f64();
            tracing::info!("stops: nobody is accepted any more, what is under way has {seconds} s to finish");
        }
        let mut stopping = tokio::task::spawn_blocking(move || running.stop(grace));
        loop {
            tokio::select! {
                _ended = &mut stopping => break,
                told = self.next() => match told {
                    // Asked twice: no more patience. What was not logged yet is lost.
                    Told::StopNow => {
                        tracing::warn!("told again to stop: breaks off what is under way");
                        std::process::exit(i32::from(130_u8));
                    }
                    Told::Reload | Told::Reopen | Told::Count | Told::Keys | Told::Stop => {}
                },
            }
        }
        tracing::info!("stopped");
        Verdict::Good
    }
}

/// Every counter that has counted anything, those of rules too; a line each.
fn tell_counters(running: &Running) {
    let counters = running.shared().counters().list();
    for (name, _, value) in counters.into_iter().filter(|(_, _, value)| *value > 0) {
        tracing::info!("counter {name} {value}");
    }
}

/// Reads the catalog again. A bad one changes nothing.
fn reload(running: &mut Running, file: Option<&Path>) {
    let Some(path) = file else {
        tracing::info!("there is nothing to read again: the catalog is the built-in one");
        return;
    };
    let loaded = certificates::load(path, &Disk);
    loaded.diagnostics.iter().for_each(log);
    let Some(catalog) = loaded.catalog else { return refused(running, path) };
    let (old, new) = (running.shared().catalog().settings, catalog.settings);
    if (old.workers, old.contexts_max, old.waiting_max) != (new.workers, new.contexts_max, new.waiting_max) {
        tracing::warn!("`workers`, `max_contexts` and `max_waiting` take effect at the next start only");
    }
    if running.shared().catalog().admin != catalog.admin {
        tracing::warn!("[admin] takes effect at the next start only");
    }
    match running.adopt(catalog) {
        Ok(()) => {
            renew_mark_keys(running);
            let addresses: Vec<String> = running.addresses().map(|(_, bound)| bound.to_string()).collect();
            tracing::info!("{} is in force, on {}", path.display(), addresses.join(", "));
        }
        Err(error) => {
            tracing::error!("{error}");
            refused(running, path);
        }
    }
}

/// Takes the keys of marks as they are in their file by now, or follows them up when they are old. Where that cannot be
/// done, those in force stay.
fn renew_mark_keys(running: &Running) {
    let catalog = running.shared().catalog();
    let Some(store) = KeyStore::of(&catalog) else { return };
    let in_force = running.shared().mark_keys();
    let now = running.clock().now().wall;
    match store.keys(Some(&in_force), catalog.settings.mark_key_age, now) {
        Ok(keys) if keys.names() == in_force.names() && keys.valid_from() == in_force.valid_from() => {}
        Ok(keys) => {
            let names: Vec<String> = keys.names().into_iter().map(|(name, _)| name).collect();
            tracing::info!("marks are signed with key {} now", names.first().map_or("", String::as_str));
            running.shared().set_mark_keys(keys);
        }
        Err(error) => tracing::error!("the keys of marks stay as they are: {error:#}"),
    }
}

fn refused(running: &Running, path: &Path) {
    let refused = &running.shared().counters().reloads_refused;
    refused.add_one();
    let path = path.display();
    tracing::error!(refused = refused.value(), "{path} is not adopted: the old catalog goes on serving");
}
