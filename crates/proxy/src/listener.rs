//! Sockets on which clients arrive: binding them, and accepting without spinning when something runs out.

use crate::worker::Worker;
use socket2::{Domain, Protocol, Socket, Type};
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
/// How long accepting pauses when nothing could be freed.
const PAUSE: Duration = Duration::from_millis(50);
/// What a client is told whom we cannot serve.
const NO_ROOM: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}")]
pub struct ListenError {
    /// As the catalog names it.
    pub address: SocketAddr,
    /// Why.
    pub error: io::Error,
}

/// One socket for each worker on the same address; the system spreads clients among them. Port 0 takes a free port,
/// the same for all. Gives the address as it came out.
pub(crate) fn bind(
    address: SocketAddr,
    workers: usize,
) -> Result<(SocketAddr, Vec<StdListener>), ListenError> {
    let failed = |error| ListenError { address, error };
    // Sockets that share a port may join those of another process: ask first, without sharing, whether it is free.
    if address.port() != 0 {
        socket(address, false).map_err(failed)?;
    }
    let mut listeners = Vec::with_capacity(workers);
    let mut bound = address;
    for _ in 0..workers.max(1) {
        let listener = socket(bound, true).map_err(failed)?;
        bound = listener.local_addr().map_err(failed)?;
        listeners.push(listener);
    }
    Ok((bound, listeners))
}

fn socket(address: SocketAddr, shared_by_workers: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(shared_by_workers)?;
    socket.set_nonblocking(true)?;
    // Accepted sockets take it over, without a call for each. The end of an answer must not wait until the client
    // has acknowledged what came before (40 ms on a connection with pipelined or piecewise answers).
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    if shared_by_workers {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

/// A listener of one worker.
pub(crate) struct Listener {
    /// The address as the catalog names it; virtual servers are found by it.
    pub(crate) configured: SocketAddr,
    socket: TcpListener,
    /// Rung when it is to end.
    pub(crate) end: Rc<Notify>,
}

impl Listener {
    /// Makes a bound socket part of this worker's runtime.
    pub(crate) fn adopt(configured: SocketAddr, socket: StdListener) -> io::Result<Self> {
        Ok(Self { configured, socket: TcpListener::from_std(socket)?, end: Rc::new(Notify::new()) })
    }

    /// Accepts until it is ended; then takes what still waits in its queue, so that closing it resets nobody.
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
        for _ in 0..BACKLOG {
            let Some(Ok((stream, peer))) = self.accept_now().await else { break };
            self.admit(&worker, stream, peer);
        }
    }

    fn admit(&self, worker: &Rc<Worker>, stream: TcpStream, peer: SocketAddr) {
        if worker.connections() >= worker.connections_max && worker.reap(REAPED_AT_ONCE) == 0 {
            refuse(stream);
            worker.shared.counters().accept_pauses.add_one();
            return;
        }
        worker.welcome(self.configured, stream, peer);
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
    /// none, the client is told so with the descriptor kept for this, and accepting rests for a moment.
    async fn ran_out(&self, worker: &Rc<Worker>, reserve: &mut Reserve, error: &io::Error) {
        worker.shared.counters().accept_pauses.add_one();
        tracing::debug!(%error, "accepting pauses");
        if worker.reap(REAPED_AT_ONCE) > 0 {
            // Let them close.
            tokio::task::yield_now().await;
            return;
        }
        reserve.give();
        if let Some(Ok((stream, _))) = self.accept_now().await {
            refuse(stream);
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

/// Says 503 with what fits into the socket at once. What the client may have sent already is taken first, or closing
/// would reset the connection and lose the answer.
fn refuse(stream: TcpStream) {
    let Ok(mut stream) = stream.into_std() else { return };
    let mut waste = [0; 4096];
    let _whatever_came = stream.read(&mut waste);
    let _best_effort = stream.write(NO_ROOM);
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
