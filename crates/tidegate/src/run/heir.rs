//! The old side of a hand-over: starts the new process, gives it the sockets, and waits until it serves.

use super::hand_over::{Go, LEGACY_SITES_MAX, Legacy, Said, VERSION, hear, say, send_sockets};
use crate::command_line::TAKE_OVER;
use crate::service;
use anyhow::{Context, bail};
use engine::GuardLegacy;
use proxy::{ListeningSockets, Running};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;
use zeroize::Zeroize;

/// How long the new process may take for each step: to say that it is ready, and that it serves.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long one that fails gets to end by itself.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How this process was started, so that another one can be started in the same way.
#[derive(Clone, Debug)]
pub(super) struct Start {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Start {
    /// Of this process. A program that was named by a path is taken from there again, links and all: that is where a
    /// new version is put.
    pub(super) fn of_this_process() -> anyhow::Result<Self> {
        let mut arguments = std::env::args_os();
        let named = arguments.next().map(PathBuf::from).filter(|name| name.components().count() > 1);
        let program = match named {
            Some(path) => std::path::absolute(path),
            None => std::env::current_exe(),
        };
        let arguments = arguments.filter(|argument| argument != TAKE_OVER).collect();
        Ok(Self { program: program.context("cannot tell which program this is")?, arguments })
    }
}

/// Everything that the new process gets, ready to be sent.
pub(super) struct Estate {
    legacy: Legacy,
    sockets: Vec<OwnedFd>,
}

impl Estate {
    pub(super) fn of(
        running: &Running,
        admin: Option<(SocketAddr, TcpListener)>,
        control: Option<(PathBuf, UnixListener)>,
        watchdog: Option<Duration>,
    ) -> anyhow::Result<Self> {
        let mut sockets = Vec::new();
        let mut listeners = Vec::new();
        for ListeningSockets { configured, sockets: some } in
            running.sockets().context("out of descriptors")?
        {
            listeners.push((configured, some.len()));
            sockets.extend(some.into_iter().map(OwnedFd::from));
        }
        let (admin, admin_socket) = admin.unzip();
        let (control, control_socket) = control.unzip();
        sockets.extend(admin_socket.map(OwnedFd::from));
        sockets.extend(control_socket.map(OwnedFd::from));
        let keys_in_file = running.shared().catalog().state_folder.is_some();
        let mark_keys = (!keys_in_file).then(|| running.shared().mark_keys().to_text().to_string());
        let watchdog_micros = watchdog.and_then(|watchdog| u64::try_from(watchdog.as_micros()).ok());
        let guards = guards_of(running);
        let legacy =
            Legacy { version: VERSION, listeners, admin, control, watchdog_micros, mark_keys, guards };
        Ok(Self { legacy, sockets })
    }
}

/// What guards know.
fn guards_of(running: &Running) -> Vec<(String, GuardLegacy)> {
    let (guards, now) = (running.shared().guards(), running.clock().now().tick);
    let sites_max = LEGACY_SITES_MAX / guards.len().max(1);
    guards.iter().map(|(name, live)| (name.to_string(), live.legacy(sites_max, now))).collect()
}

/// A process that serves in our place.
#[derive(Debug)]
pub(super) struct Heir {
    pub(super) process: u32,
    pub(super) has_control: bool,
}

/// Why there is none.
#[derive(Debug)]
pub(super) struct NoHeir {
    /// For people; whole lines.
    pub(super) why: String,
    pub(super) is_mistake: bool,
}

impl From<anyhow::Error> for NoHeir {
    fn from(error: anyhow::Error) -> Self {
        Self { why: format!("{error:#}\n"), is_mistake: false }
    }
}

/// Starts the new process and hands over. Returns when it serves, or has failed and is gone. Waits: not for a thread
/// that others wait for.
pub(super) fn raise(start: &Start, program: Option<&Path>, mut estate: Estate) -> Result<Heir, NoHeir> {
    if service::is_first_process() {
        let why =
            "this is the first process of a container, which ends with it: start another container instead\n";
        return Err(NoHeir { why: why.to_owned(), is_mistake: false });
    }
    let (mut channel, theirs) = UnixStream::pair().context("cannot make a channel")?;
    channel.set_read_timeout(Some(PATIENCE)).context("cannot make a channel")?;
    channel.set_write_timeout(Some(PATIENCE)).context("cannot make a channel")?;
    let program = program.unwrap_or(&start.program);
    let mut command = Command::new(program);
    command.args(&start.arguments).arg(TAKE_OVER).stdin(OwnedFd::from(theirs));
    let started = command.spawn();
    // The command holds their end of the channel; while it does, the end of the child is not seen.
    drop(command);
    let mut child = started.with_context(|| format!("cannot start {}", program.display()))?;
    let handed = hand_over(&mut channel, &mut estate, child.id());
    estate.legacy.mark_keys.zeroize();
    match handed {
        Ok(has_control) => Ok(Heir { process: child.id(), has_control }),
        Err(Ended::Said(no_heir)) => {
            end(&mut child);
            Err(no_heir)
        }
        Err(Ended::Broke(error)) => {
            let status = end(&mut child);
            let late = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            let late = matches!(late, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut));
            let why = match status {
                _ if late => format!("was not ready after {} s", PATIENCE.as_secs()),
                Some(status) => format!("ended before it served ({status}): {error:#}"),
                None => format!("did not serve: {error:#}"),
            };
            Err(NoHeir { why: format!("the new process, {}, {why}\n", program.display()), is_mistake: false })
        }
    }
}

enum Ended {
    Said(NoHeir),
    Broke(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Broke(error.into())
    }
}

fn hand_over(channel: &mut UnixStream, estate: &mut Estate, process: u32) -> Result<bool, Ended> {
    say(channel, &estate.legacy)?;
    let sockets: Vec<BorrowedFd<'_>> = estate.sockets.iter().map(AsFd::as_fd).collect();
    send_sockets(channel, &sockets)?;
    let has_control = match next(channel)? {
        Said::Ready { has_control } => has_control,
        other => return Err(unexpected(other)),
    };
    say(channel, &Go { go: true })?;
    match next(channel)? {
        Said::Serving => {
            // The service manager hears only the process that it takes for the service: first that it is another one
            // now, then what that one has to say.
            service::followed_by(process);
            // It serves, whether it hears this or not.
            let _told = say(channel, &Go { go: true });
            Ok(has_control)
        }
        other => Err(unexpected(other)),
    }
}

fn next(channel: &mut UnixStream) -> anyhow::Result<Said> {
    match hear(channel)? {
        Some(said) => Ok(said),
        None => bail!("it said nothing more; its messages are in the log"),
    }
}

fn unexpected(said: Said) -> Ended {
    match said {
        Said::Failed { why, is_mistake } => Ended::Said(NoHeir { why, is_mistake }),
        other => Ended::Broke(anyhow::anyhow!("it said {other:?} out of turn")),
    }
}

/// Makes sure that it is gone; gives how it ended, if it did so by itself.
fn end(child: &mut Child) -> Option<ExitStatus> {
    if has_ended_within(child, LAST_WORDS) {
        return child.wait().ok();
    }
    let _gone = child.kill();
    let _reaped = child.wait();
    None
}

fn has_ended_within(child: &Child, patience: Duration) -> bool {
    let Ok(process) = pidfd_open(Pid::from_child(child), PidfdFlags::empty()) else { return false };
    let Ok(patience) = Timespec::try_from(patience) else { return false };
    poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience)).is_ok_and(|ready| ready > 0)
}
