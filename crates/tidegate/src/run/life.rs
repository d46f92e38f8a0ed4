//! The life of a process that serves: what signals and the control socket ask for, one thing at a time, until it ends
//! or another process has its place.

use super::guards::{list_guards, undo_steps};
use super::heir::{Estate, Heir, NoHeir, Start, raise};
use super::pid_file::PidFile;
use super::reload::{Reloaded, reload, renew_mark_keys};
use super::signals::{Signals, Told};
use super::status::status;
use crate::admin::Admin;
use crate::certificates::CertificateWatch;
use crate::control::{Answer, Ask, Asked, Listening, Outcome, serve as serve_control};
use crate::process_log::ProcessLog;
use crate::service::{self, Watchdog};
use crate::verdict::Verdict;
use anyhow::Context;
use proxy::{Pulse, Running};
use shaping::Tick;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How often the age of the keys of marks is looked at; also the latest that another process's new key is known here,
/// which signs marks at once.
const KEYS_LOOK: Duration = Duration::from_mins(1);

/// Everything that a serving process holds.
pub(super) struct Life {
    pub(super) running: Running,
    /// The catalog, if it can be read again.
    pub(super) file: Option<PathBuf>,
    pub(super) admin: Option<Admin>,
    pub(super) control: Option<Listening>,
    pub(super) pid_file: Option<PidFile>,
    pub(super) watchdog: Watchdog,
    /// How to start another such process; why not, otherwise.
    pub(super) start: Result<Start, String>,
}

/// A hand-over that is under way.
struct Raising {
    raised: JoinHandle<Result<Heir, NoHeir>>,
    reply: Option<oneshot::Sender<Answer>>,
}

enum Event {
    Told(Told),
    Asked(Asked),
    Raised(Result<Heir, NoHeir>),
    /// It is time to look whether the keys of marks are old.
    Keys,
    /// It is time for a sign of life.
    Beat,
}

/// How the serving ends.
enum End {
    /// After this grace.
    Stop(Duration),
    /// Another process serves.
    Followed(Heir, Option<oneshot::Sender<Answer>>),
}

/// What is due when.
struct Due {
    keys: Tick,
    beat: Option<Tick>,
    /// The sign of life that was asked for last.
    pulse: Arc<Pulse>,
}

impl Life {
    /// Serves until something ends it. Must be called on the runtime that the signals were made on.
    pub(super) async fn serve(mut self, mut signals: Signals, log: &ProcessLog) -> anyhow::Result<Verdict> {
        let copy = self.control.as_ref().map(|control| control.socket.try_clone()).transpose();
        let serving = copy.and_then(|socket| socket.map(serve_control).transpose());
        let (mut asked, accepting) = serving.context("cannot serve the control socket")?.unzip();
        service::ready(&self.summary());
        let end = self.until_its_end(&mut signals, &mut asked).await;
        // From here on nobody new is answered; those who asked already are told that it stops.
        if let Some(accepting) = accepting {
            accepting.abort();
        }
        drop(asked);
        Ok(self.end(end, signals, log).await)
    }

    async fn until_its_end(&mut self, signals: &mut Signals, asked: &mut Option<Receiver<Asked>>) -> End {
        let now = self.running.clock().tick();
        let mut due = Due {
            keys: now.saturating_add(KEYS_LOOK),
            beat: self.watchdog.beat().map(|_| now),
            pulse: self.running.pulse(),
        };
        let mut raising: Option<Raising> = None;
        let mut certificates = CertificateWatch::default();
        certificates.look(&mut self.running, self.file.as_deref());
        loop {
            match self.next(signals, asked, &mut raising, &due).await {
                Event::Told(Told::Reload) => {
                    let _told_by_the_log = self.reload(raising.is_some());
                }
                Event::Told(Told::Reopen) => {
                    self.running.reopen_logs();
                    tracing::info!("the logs are opened again");
                }
                Event::Told(Told::Upgrade) => self.raise(None, None, &mut raising),
                Event::Told(Told::Stop) => {
                    return End::Stop(self.running.shared().catalog().settings.grace_period);
                }
                Event::Told(Told::StopNow) => return End::Stop(Duration::ZERO),
                Event::Asked(asked) => self.answer(asked, &mut raising).await,
                Event::Raised(raised) => {
                    let reply = raising.take().and_then(|raising| raising.reply);
                    match raised {
                        Ok(heir) => return End::Followed(heir, reply),
                        Err(no_heir) => goes_on(&no_heir, reply),
                    }
                }
                Event::Keys => {
                    due.keys = self.running.clock().tick().saturating_add(KEYS_LOOK);
                    renew_mark_keys(&self.running);
                    certificates.look(&mut self.running, self.file.as_deref());
                }
                Event::Beat => self.beat(&mut due),
            }
        }
    }

    async fn next(
        &self,
        signals: &mut Signals,
        asked: &mut Option<Receiver<Asked>>,
        raising: &mut Option<Raising>,
        due: &Due,
    ) -> Event {
        let clock = self.running.clock();
        tokio::select! {
            told = signals.next() => Event::Told(told),
            Some(asked) = next_asked(asked) => Event::Asked(asked),
            raised = next_raised(raising) => Event::Raised(raised),
            () = clock.sleep_until(due.keys) => Event::Keys,
            () = clock.sleep_until(due.beat.unwrap_or(Tick::MAX)), if due.beat.is_some() => Event::Beat,
        }
    }

    /// Says that it lives, if every worker has answered since the last time; a worker that hangs is asked no more.
    fn beat(&self, due: &mut Due) {
        let Some(every) = self.watchdog.beat() else { return };
        due.beat = Some(self.running.clock().tick().saturating_add(every));
        if due.pulse.is_complete() {
            service::alive();
            due.pulse = self.running.pulse();
        } else {
            tracing::warn!("a worker does not turn: the service manager is not told that all is well");
        }
    }

    fn reload(&mut self, is_being_followed: bool) -> Result<Reloaded, Answer> {
        if is_being_followed {
            let why = "an upgrade is under way, and the new process reads the catalog anyway";
            tracing::warn!("no reload: {why}");
            return Err(Answer::why(Outcome::Failed, why));
        }
        service::reloading();
        let reloaded = reload(&mut self.running, self.file.as_deref());
        service::ready(&self.summary());
        Ok(reloaded)
    }

    async fn answer(&mut self, Asked { ask, colours, reply }: Asked, raising: &mut Option<Raising>) {
        let answer = match ask {
            Ask::Reload => match self.reload(raising.is_some()) {
                Ok(reloaded) => reloaded.answer(colours),
                Err(answer) => answer,
            },
            Ask::Status => status(&self.running, self.file.as_deref()).await,
            Ask::Guards => list_guards(&self.running),
            Ask::GuardUndo { guard, site } => undo_steps(&self.running, (&guard, &site)),
            Ask::Upgrade { program } => return self.raise(program, Some(reply), raising),
        };
        // Whoever asked may have left.
        let _left = reply.send(answer);
    }

    /// Begins a hand-over.
    fn raise(
        &mut self,
        program: Option<PathBuf>,
        reply: Option<oneshot::Sender<Answer>>,
        raising: &mut Option<Raising>,
    ) {
        let refuse = |why: &str, reply: Option<oneshot::Sender<Answer>>| {
            tracing::error!("no upgrade: {why}");
            let _left = reply.map(|reply| reply.send(Answer::why(Outcome::Failed, why)));
        };
        if raising.is_some() {
            return refuse("another one is under way", reply);
        }
        let start = match &self.start {
            Ok(start) => start.clone(),
            Err(why) => return refuse(why, reply),
        };
        let estate = match self.estate() {
            Ok(estate) => estate,
            Err(error) => return refuse(&format!("{error:#}"), reply),
        };
        tracing::info!("upgrade: a new process is started");
        let raised = tokio::task::spawn_blocking(move || raise(&start, program.as_deref(), estate));
        *raising = Some(Raising { raised, reply });
    }

    fn estate(&self) -> anyhow::Result<Estate> {
        let admin = self.admin.as_ref().map(Admin::socket).transpose().context("out of descriptors")?;
        let copy = |control: &Listening| Ok((control.path.clone(), control.socket.try_clone()?));
        let control = self.control.as_ref().map(copy).transpose().map_err(|error: std::io::Error| error);
        Estate::of(&self.running, admin, control.context("out of descriptors")?, self.watchdog.patience())
    }

    fn summary(&self) -> String {
        let addresses = self.running.addresses().map(|(_, bound)| bound.to_string()).collect::<Vec<_>>();
        let last = self.running.shared().last_reload();
        let refused = if last.is_good { "" } else { "; the last reload was refused" };
        format!("on {}; catalog {}{refused}", addresses.join(", "), self.running.shared().generation())
    }

    async fn end(self, end: End, mut signals: Signals, log: &ProcessLog) -> Verdict {
        let settings = self.running.shared().catalog().settings;
        let hurry = self.running.hurry();
        let Self { running, control, admin, pid_file, .. } = self;
        let mut stopping = match end {
            End::Stop(grace) => {
                if grace.is_zero() {
                    tracing::info!("stops at once");
                } else {
                    let seconds = grace.as_secs_f64();
                    tracing::info!(
                        "stops: nobody is accepted any more, what is under way has {seconds} s to finish"
                    );
                }
                service::stopping("what is under way is finished");
                drop(control);
                tokio::task::spawn_blocking(move || running.stop(grace))
            }
            End::Followed(heir, reply) => {
                let grace = settings.upgrade_grace_period;
                let (old, new) = (std::process::id(), heir.process);
                let seconds = grace.as_secs();
                tracing::info!("process {new} serves now; what is under way here has {seconds} s to finish");
                let text = format!("process {new} serves; process {old} finishes what is under way\n");
                let answer = Answer::new(Outcome::Good, text).with("process", new).with("finishing", old);
                let _left = reply.map(|reply| reply.send(answer));
                if let Some(mut control) = control
                    && heir.has_control
                {
                    control.leave();
                }
                drop(admin);
                tokio::task::spawn_blocking(move || running.leave_to_heir(grace))
            }
        };
        loop {
            tokio::select! {
                _ended = &mut stopping => break,
                told = signals.next() => match told {
                    // Asked twice: no more patience. What was not logged yet is lost.
                    Told::StopNow => {
                        tracing::warn!("told again to stop: breaks off what is under way");
                        log.end();
                        std::process::exit(i32::from(130_u8));
                    }
                    // One that was followed had much time so far.
                    Told::Stop => hurry.up(settings.grace_period),
                    Told::Reload | Told::Reopen | Told::Upgrade => {}
                },
            }
        }
        drop(pid_file);
        tracing::info!("stopped");
        Verdict::Good
    }
}

/// The new process failed.
fn goes_on(no_heir: &NoHeir, reply: Option<oneshot::Sender<Answer>>) {
    // What is wrong with its catalog the new process has told the log itself.
    let why = if no_heir.is_mistake { "the new process refused its catalog" } else { no_heir.why.trim_end() };
    tracing::error!("upgrade: {why}");
    tracing::error!("upgrade: this process goes on serving");
    let outcome = if no_heir.is_mistake { Outcome::Mistaken } else { Outcome::Failed };
    let text = format!("{}not upgraded: process {} goes on serving\n", no_heir.why, std::process::id());
    let answer = Answer::new(outcome, text).with("why", no_heir.why.trim_end());
    let _left = reply.map(|reply| reply.send(answer));
}

async fn next_asked(asked: &mut Option<Receiver<Asked>>) -> Option<Asked> {
    match asked {
        Some(asked) => asked.recv().await,
        None => std::future::pending().await,
    }
}

/// What came of the hand-over that is under way; never, if there is none.
async fn next_raised(raising: &mut Option<Raising>) -> Result<Heir, NoHeir> {
    let Some(raising) = raising else { return std::future::pending().await };
    match (&mut raising.raised).await {
        Ok(raised) => raised,
        Err(defect) => {
            Err(NoHeir { why: format!("the hand-over ended in a defect: {defect}\n"), is_mistake: false })
        }
    }
}
