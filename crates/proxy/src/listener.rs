//! Sockets on which clients arrive: binding them, and accepting without spinning when something runs out.

use crate::wire::UNSENT_BYTES_USUAL;
use crate::worker::{Ends, Worker};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Connections that may wait to be accepted, on each worker's socket.
const BACKLOG: i32 = 4096;
/// Idle connections closed at once when descriptors run out.
const REAPED_AT_ONCE: usize = 32;
/// Clients told at once that there is no descriptor for them, before accepting pauses.
const REFUSED_AT_ONCE: usize = 256;
/// How long accepting pauses when nothing could be freed.
const PAUSE: Duration = Duration::from_millis(50);

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}")]
pub struct ListenError {
    /// As the catalog names it.
    pub address: SocketAddr,
    /// Why.
    pub error: io::Error,
}

/// Sockets that listen at one address, opened by another process: by the one that served before, or by the service
/// manager.
#[derive(Debug)]
pub struct ListeningSockets {
    /// The address as the catalog names it.
    pub configured: SocketAddr,
    /// Clients wait in the queue of each, so each must be accepted from.
    pub sockets: Vec<StdListener>,
}

/// The sockets of an address: those that are known, or new ones.
pub(crate) fn open(
    address: SocketAddr,
    known: Option<Vec<StdListener>>,
    workers: usize,
) -> Result<(SocketAddr, Vec<StdListener>), ListenError> {
    match known {
        Some(sockets) => adopt(&sockets).map(|bound| (bound, sockets)),
        None => bind(address, workers),
    }
    .map_err(|error| ListenError { address, error })
}

/// Makes sockets from elsewhere behave as our own; gives the address that they listen at.
fn adopt(sockets: &[StdListener]) -> io::Result<SocketAddr> {
    for listener in sockets {
        listener.set_nonblocking(true)?;
        prepare(&SockRef::from(listener))?;
    }
    sockets.first().ok_or_else(|| io::Error::other("no socket came for it"))?.local_addr()
}

/// One socket for each worker on the same address; the system spreads clients among them. Port 0 takes a free port,
/// the same for all. Gives the address as it came out.
fn bind(address: SocketAddr, workers: usize) -> io::Result<(SocketAddr, Vec<StdListener>)> {
    // Sockets that share a port may join those of another process: ask first, without sharing, whether it is free.
    if address.port() != 0 {
        socket(address, false)?;
    }
    let mut listeners = Vec::with_capacity(workers);
    let mut bound = address;
    for _ in 0..workers.max(1) {
        let listener = socket(bound, true)?;
        bound = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok((bound, listeners))
}

/// Copies of the sockets for each worker: each socket has at least one worker, and each worker at least one socket.
/// With as many of both, each worker has its own; else workers share a socket, or have several.
pub(crate) fn shares(sockets: &[StdListener], workers: usize) -> io::Result<Vec<Vec<StdListener>>> {
    let places = 0..sockets.len().max(workers);
    let mut shares: Vec<Vec<StdListener>> = (0..workers).map(|_| Vec::new()).collect();
    for place in places {
        let (Some(socket), Some(share)) =
            (sockets.get(place % sockets.len().max(1)), shares.get_mut(place % workers.max(1)))
        else {
            continue;
        };
        share.push(socket.try_clone()?);
    }
    Ok(shares)
}

fn socket(address: SocketAddr, shared_by_workers: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(shared_by_workers)?;
    socket.set_nonblocking(true)?;
    prepare(&socket)?;
    socket.bind(&address.into())?;
    if shared_by_workers {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

/// Sets what accepted sockets take over, without a call for each.
fn prepare(socket: &Socket) -> io::Result<()> {
    // The end of an answer must not wait until the client has acknowledged what came before (40 ms on a connection
    // with pipelined or piecewise answers).
    socket.set_tcp_nodelay(true)?;
    // Where the system knows no such bound there is none.
    if let Err(error) = socket.set_tcp_notsent_lowat(UNSENT_BYTES_USUAL) {
        tracing::debug!(%error, "the system does not bound what lies unsent");
    }
    Ok(())
}

/// A listener of one worker.
pub(crate) struct Listener {
    /// The address as the catalog names it; virtual servers are found by it.
    pub(crate) configured: SocketAddr,
    /// Where all of its clients arrive; `None` if it listens at every address, and each must be asked.
    local: Option<SocketAddr>,
    socket: TcpListener,
    /// Rung when it is to end.
    pub(crate) end: Rc<Notify>,
}

impl Listener {
    /// Makes a bound socket part of this worker's runtime.
    pub(crate) fn adopt(configured: SocketAddr, socket: StdListener) -> io::Result<Self> {
        let local = socket.local_addr().ok().filter(|bound| !bound.ip().is_unspecified());
        Ok(Self { configured, local, socket: TcpListener::from_std(socket)?, end: Rc::new(Notify::new()) })
    }

    /// Accepts until it is ended; then takes what still waits in its queue, so that closing it resets nobody. If another
    /// process has the socket too, it takes them.
    pub(crate) async fn run(self, worker: Rc<Worker>) {
        let mut reserve = Reserve::take();
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.end.notified() => break,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(&worker, stream, peer),
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => self.ran_out(&worker, &mut reserve, &error).await,
            }
        }
        if worker.has_heir.get() {
            return;
        }
        for _ in 0..BACKLOG {
            let Some(Ok((stream, peer))) = self.accept_now().await else { break };
            self.admit(&worker, stream, peer);
        }
    }

    fn admit(&self, worker: &Rc<Worker>, stream: TcpStream, peer: SocketAddr) {
        if worker.connections() >= worker.connections_max && worker.reap(REAPED_AT_ONCE) == 0 {
            refuse(stream, 503);
            worker.shared.counters().accept_pauses.add_one();
            return;
        }
        // A socket that has no address any more has no other end either.
        let Some(local) = self.local.or_else(|| stream.local_addr().ok()) else { return };
        worker.welcome(stream, Ends { listen: self.configured, peer, local });
    }

    /// What waits in the queue, without waiting for more.
    async fn accept_now(&self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        std::future::poll_fn(|context| match self.socket.poll_accept(context) {
            std::task::Poll::Ready(accepted) => std::task::Poll::Ready(Some(accepted)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }

    /// No descriptor (or memory) for a client: the connections that have been idle longest make room. If there are
    /// none, all who wait are told so with the descriptor kept for this, and accepting rests for a moment.
    async fn ran_out(&self, worker: &Rc<Worker>, reserve: &mut Reserve, error: &io::Error) {
        worker.shared.counters().accept_pauses.add_one();
        tracing::debug!(%error, "accepting pauses");
        if worker.reap(REAPED_AT_ONCE) > 0 {
            // Let them close.
            tokio::task::yield_now().await;
            return;
        }
        // One after the other: each frees the descriptor for the next, and nobody is left to wait in the queue.
        reserve.give();
        for _ in 0..REFUSED_AT_ONCE {
            let Some(Ok((stream, _))) = self.accept_now().await else { break };
            refuse(stream, 503);
        }
        *reserve = Reserve::take();
        let until = worker.clock.tick().saturating_add(PAUSE);
        worker.clock.sleep_until(until).await;
    }
}

/// Errors of `accept` that tell of the one client that came.
fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied, TimedOut, WouldBlock,
    };
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied | TimedOut | WouldBlock
    )
}

/// Answers with a status without a body, with what fits into the socket at once, and closes. What the client may have sent already is taken first, or closing
/// would reset the connection and lose the answer.
pub(crate) fn refuse(stream: TcpStream, status: u16) {
    let Ok(mut stream) = stream.into_std() else { return };
    let mut waste = [0; 4096];
    let _whatever_came = stream.read(&mut waste);
    let reason = message::reason_of(status);
    let retry_after = if matches!(status, 429 | 503) { "Retry-After: 1\r\n" } else { "" };
    let answer =
        format!("HTTP/1.1 {status} {reason}\r\n{retry_after}Content-Length: 0\r\nConnection: close\r\n\r\n");
    let _best_effort = stream.write(answer.as_bytes());
}

/// A descriptor kept to be able to say that there are none.
struct Reserve(Option<std::fs::File>);

impl Reserve {
    fn take() -> Self {
        Self(std::fs::File::open("/dev/null").ok())
    }

    fn give(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_socket_has_a_worker_and_every_worker_a_socket() {
        for (sockets, workers) in [(1, 1), (1, 4), (2, 3), (3, 2), (5, 1), (4, 4)] {
            let (bound, listeners) = bind(SocketAddr::from(([127, 0, 0, 1], 0)), sockets).unwrap();
            let shares = shares(&listeners, workers).unwrap();
            assert_eq!(shares.len(), workers);
            assert!(shares.iter().all(|share| !share.is_empty()), "{sockets} sockets, {workers} workers");
            let copies: usize = shares.iter().map(Vec::len).sum();
            assert_eq!(copies, sockets.max(workers), "no more copies than it takes");
            assert!(shares.iter().flatten().all(|socket| socket.local_addr().unwrap() == bound));
        }
    }
}
