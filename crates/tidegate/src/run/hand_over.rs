//! What two processes say to each other when the second takes the place of the first.
//!
//! ```text
//! old                                                   new (its standard input is the other end)
//!  │── Legacy, one line; then the sockets ──────────────▶│ loads its catalog, opens what it needs; accepts nobody
//!  │◀── Ready ───────────────────────────────────────────│ (or Failed, or its end: the old one goes on)
//!  │── go ──────────────────────────────────────────────▶│ accepts from the same sockets
//!  │◀── Serving ─────────────────────────────────────────│
//!  │── go, once the service manager knows ──────────────▶│
//!  stops accepting, drains, ends
//! ```
//!
//! At every moment somebody accepts; what waits in the sockets' queues stays there.

use anyhow::{Context, bail};
use engine::GuardLegacy;
use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// The version of these messages.
pub(super) const VERSION: u32 = 1;
/// Sockets in one message; the kernel takes 253.
const AT_ONCE: usize = 64;
/// Sites that all guards together hand over: their names, a few hundred bytes each, fit into a line.
pub(super) const LEGACY_SITES_MAX: usize = 2_048;
/// The longest line: the legacy of thousands of addresses and sites.
const LINE_BYTES_MAX: usize = 4 << 20;
/// Sockets that a legacy may have: more than the addresses of any catalog on all workers.
const SOCKETS_MAX: usize = 1 << 20;

/// What the new process gets. The sockets follow in the order in which they stand here.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Legacy {
    pub(super) version: u32,
    /// Addresses as the catalog names them, and how many sockets each has.
    pub(super) listeners: Vec<(SocketAddr, usize)>,
    /// Where the numbers are served.
    pub(super) admin: Option<SocketAddr>,
    pub(super) control: Option<PathBuf>,
    /// What the service manager waits for, in microseconds.
    pub(super) watchdog_micros: Option<u64>,
    /// The keys of marks, where no file has them. As secret as the channel, which only the two have.
    pub(super) mark_keys: Option<String>,
    /// What guards know, by their names; a process of an older version leaves none.
    #[serde(default)]
    pub(super) guards: Vec<(String, GuardLegacy)>,
}

/// What the new process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
pub(super) enum Said {
    /// It could serve at once.
    Ready {
        /// It has the control socket, whose file is its own from now on.
        has_control: bool,
    },
    /// It cannot; it ends.
    Failed {
        /// For people; whole lines.
        why: String,
        /// The catalog or the command line is wrong.
        is_mistake: bool,
    },
    /// It accepts.
    Serving,
}

/// What the old process says to one that is ready.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Go {
    pub(super) go: bool,
}

/// One line of JSON.
pub(super) fn say(channel: &mut UnixStream, what: &impl Serialize) -> anyhow::Result<()> {
    let mut line = Zeroizing::new(serde_json::to_vec(what)?);
    line.push(b'\n');
    Ok(channel.write_all(&line)?)
}

/// One line of JSON; no byte behind it is taken. `None` at the end.
pub(super) fn hear<T: DeserializeOwned>(channel: &mut UnixStream) -> anyhow::Result<Option<T>> {
    let mut line = Zeroizing::new(Vec::new());
    let mut byte = [0];
    loop {
        if channel.read(&mut byte)? == 0 {
            return Ok(None);
        }
        if byte == *b"\n" {
            return Ok(Some(serde_json::from_slice(&line).context("it said something unknown")?));
        }
        line.extend_from_slice(&byte);
        if line.len() > LINE_BYTES_MAX {
            bail!("it said too much");
        }
    }
}

/// Sends sockets, each batch on a byte of its own.
pub(super) fn send_sockets(channel: &UnixStream, sockets: &[BorrowedFd<'_>]) -> anyhow::Result<()> {
    for batch in sockets.chunks(AT_ONCE) {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(AT_ONCE))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(batch)) {
            bail!("the sockets do not fit");
        }
        let sent = sendmsg(channel, &[IoSlice::new(b"s")], &mut ancillary, SendFlags::empty())?;
        if sent != 1 {
            bail!("the other side takes no sockets");
        }
    }
    Ok(())
}

/// Takes so many sockets.
pub(super) fn receive_sockets(channel: &UnixStream, count: usize) -> anyhow::Result<Vec<OwnedFd>> {
    if count > SOCKETS_MAX {
        bail!("{count} sockets are too many");
    }
    let mut sockets = Vec::new();
    while sockets.len() < count {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(AT_ONCE))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let received =
            recvmsg(channel, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        let before = sockets.len();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(some) = message {
                sockets.extend(some);
            }
        }
        if received.bytes == 0 || sockets.len() == before {
            bail!("{} of {count} sockets came: descriptors ran out, or the other side ended", sockets.len());
        }
    }
    Ok(sockets)
}

/// The other end of the channel, in the new process: its standard input.
pub(super) fn channel_of_standard_input() -> anyhow::Result<UnixStream> {
    let owned = std::io::stdin().as_fd().try_clone_to_owned().context("there is no standard input")?;
    Ok(UnixStream::from(owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn sockets_arrive_in_order_however_many_and_the_lines_around_them_stay_whole() {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let listeners: Vec<TcpListener> =
            (0..150).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let sent: Vec<BorrowedFd<'_>> = listeners.iter().map(AsFd::as_fd).collect();
        say(&mut one, &Go { go: true }).unwrap();
        send_sockets(&one, &sent).unwrap();
        say(&mut one, &Go { go: false }).unwrap();
        assert!(hear::<Go>(&mut other).unwrap().unwrap().go);
        let received = receive_sockets(&other, sent.len()).unwrap();
        for (listener, socket) in listeners.iter().zip(received) {
            assert_eq!(TcpListener::from(socket).local_addr().unwrap(), listener.local_addr().unwrap());
        }
        assert!(!hear::<Go>(&mut other).unwrap().unwrap().go);
        drop(one);
        assert!(hear::<Go>(&mut other).unwrap().is_none());
        assert!(receive_sockets(&other, 1).is_err(), "sockets that do not come are not waited for");
    }
}
