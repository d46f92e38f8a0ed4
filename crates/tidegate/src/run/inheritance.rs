//! The new side of a hand-over: takes the sockets, says when it could serve, and serves when it is told to.

use super::hand_over::{Go, Legacy, Said, VERSION, channel_of_standard_input, hear, receive_sockets, say};
use anyhow::{Context, bail};
use engine::{GuardLegacy, MarkKeys};
use proxy::{ListeningSockets, Running};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroize;

/// How long the old process may take to tell the service manager.
const LAST_WORD: Duration = Duration::from_secs(5);

/// What came from the process before, and the line to it.
pub(super) struct Inheritance {
    channel: UnixStream,
    pub(super) listeners: Vec<ListeningSockets>,
    admin: Option<(SocketAddr, TcpListener)>,
    control: Option<(PathBuf, UnixListener)>,
    pub(super) watchdog: Option<Duration>,
    mark_keys: Option<MarkKeys>,
    guards: Vec<(String, GuardLegacy)>,
}

impl Inheritance {
    /// Takes it from standard input.
    pub(super) fn receive() -> anyhow::Result<Self> {
        let mut channel = channel_of_standard_input()?;
        let legacy: Option<Legacy> = hear(&mut channel).context("nobody hands anything over here")?;
        let Some(mut legacy) = legacy else { bail!("nobody hands anything over here") };
        if legacy.version != VERSION {
            bail!(
                "the running process hands over in version {} and this program takes version {VERSION}: stop and start",
                legacy.version
            );
        }
        let extra = usize::from(legacy.admin.is_some()) + usize::from(legacy.control.is_some());
        let count = legacy.listeners.iter().map(|(_, count)| count).sum::<usize>() + extra;
        let mut sockets = receive_sockets(&channel, count)?.into_iter();
        let listeners = legacy.listeners.iter().map(|(configured, count)| ListeningSockets {
            configured: *configured,
            sockets: sockets.by_ref().take(*count).map(TcpListener::from).collect(),
        });
        let listeners = listeners.collect();
        let mut next = |is_there: bool| if is_there { sockets.next() } else { None };
        let admin = next(legacy.admin.is_some());
        let control = next(legacy.control.is_some());
        let mark_keys = legacy.mark_keys.as_ref().and_then(|text| MarkKeys::parse(text.as_bytes()).ok());
        legacy.mark_keys.zeroize();
        Ok(Self {
            listeners,
            admin: legacy.admin.zip(admin.map(|socket: OwnedFd| socket.into())),
            control: legacy.control.zip(control.map(|socket: OwnedFd| socket.into())),
            watchdog: legacy.watchdog_micros.map(Duration::from_micros),
            mark_keys,
            guards: legacy.guards,
            channel,
        })
    }

    /// The socket of this address, if it is the one of the numbers.
    pub(super) fn take_admin(&mut self, address: SocketAddr) -> Option<TcpListener> {
        self.admin.take_if(|(known, _)| *known == address).map(|(_, socket)| socket)
    }

    /// The control socket, if it is at one of these paths.
    pub(super) fn take_control(&mut self, paths: &[PathBuf]) -> Option<(PathBuf, UnixListener)> {
        let is_there = |path: &Path| paths.iter().any(|wanted| wanted == path);
        self.control.take_if(|(known, _)| is_there(known))
    }

    /// The keys of marks, where no file has them.
    pub(super) fn mark_keys(&self) -> Option<&MarkKeys> {
        self.mark_keys.as_ref()
    }

    /// Guards that have their names still know what they knew.
    pub(super) fn tell_guards(&self, running: &Running) {
        let (known, now) = (running.shared().guards(), running.clock().now().tick);
        for (name, legacy) in &self.guards {
            if let Some((_, live)) = known.iter().find(|(known, _)| **known == **name) {
                live.inherit(legacy, now);
            }
        }
    }

    /// Says that all is prepared and waits to be told to serve.
    pub(super) fn ready(&mut self, has_control: bool) -> anyhow::Result<()> {
        say(&mut self.channel, &Said::Ready { has_control })?;
        match hear(&mut self.channel)? {
            Some(Go { go: true }) => Ok(()),
            _ => bail!("the process before has changed its mind, or ended"),
        }
    }

    /// Says that clients are accepted, and waits until the service manager knows whom to listen to.
    pub(super) fn serving(mut self) {
        // The old one may be gone, which is no reason not to serve.
        let _told = say(&mut self.channel, &Said::Serving);
        let _heard = self.channel.set_read_timeout(Some(LAST_WORD)).map(|()| hear::<Go>(&mut self.channel));
    }

    /// Says why it does not serve.
    pub(super) fn failed(mut self, why: String, is_mistake: bool) {
        let _told = say(&mut self.channel, &Said::Failed { why, is_mistake });
    }
}
