//! A client connection before its first head: what stands in front of HTTP is taken off, layer by layer.
//!
//! ```text
//! accept ─▶ (PROXY header) ─▶ protection class ─▶ (TLS) ─▶ HTTP/1 or HTTP/2
//! ```

pub(crate) mod proxy_header;

use crate::http2;
use crate::listener;
use crate::node::connect::Tcp;
use crate::tls::handshake::{self, Failed};
use crate::tls::{ALPN_HTTP2, TlsStream};
use crate::wire::Wire;
use crate::worker::{Ends, Worker};
use engine::{Admission, MemoryStage, TlsFacts};
use proxy_header::{BadProxyHeader, Told, decode_proxy_header};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// What is looked at at once of a PROXY header.
const PIECE_BYTES: usize = 512;

/// Takes in a client that a listener accepted, and serves it until it is over.
pub(crate) async fn arrive(worker: Rc<Worker<Tcp>>, mut stream: TcpStream, mut ends: Ends) {
    if let Some(patience) = awaits_proxy_header(&worker, &ends)
        && Box::pin(take_proxy_header(&worker, &mut stream, (&mut ends, patience))).await.is_none()
    {
        return;
    }
    let entry = match admit(&worker, &ends) {
        Ok(entry) => entry,
        Err(None) => return,
        Err(Some(status)) => return listener::refuse(stream, status),
    };
    let mut facts = worker.facts(&ends);
    facts.admission = entry.admission;
    if !entry.speaks_tls {
        worker.serve_as(stream, ends, facts).await;
        return;
    }
    // The handshake's future is large, and over when requests come.
    let Some((stream, told)) = Box::pin(shake_hands(&worker, stream, &ends)).await else { return };
    let speaks_http2 = told.alpn == Some(ALPN_HTTP2);
    facts.tls = Some(Arc::new(told));
    if speaks_http2 {
        worker.shared.counters().connections.add_one();
        Box::pin(http2::serve(worker, stream, (ends, facts), Vec::new())).await;
    } else {
        Box::pin(worker.serve_as(stream, ends, facts)).await;
    }
}

/// A connection that is let in.
struct Entry {
    admission: Option<Arc<Admission>>,
    speaks_tls: bool,
}

/// How long a PROXY header is waited for, where one is demanded.
fn awaits_proxy_header(worker: &Worker<Tcp>, ends: &Ends) -> Option<Duration> {
    let pinned = worker.pinned();
    let server = pinned.catalog.virtual_server(pinned.at_listener(ends.listen)?);
    server.expects_proxy_header(ends.peer.ip()).then_some(server.timeouts.connect)
}

/// Whether the client is served. If not, the status that it is told, if it is told anything.
fn admit(worker: &Worker<Tcp>, ends: &Ends) -> Result<Entry, Option<u16>> {
    let pinned = worker.pinned();
    let id = pinned.at_listener(ends.listen).ok_or(None)?;
    let server = pinned.catalog.virtual_server(id);
    let speaks_tls = server.tls.is_some();
    // Nothing can be said before a handshake, and none is made with somebody who is not served.
    let told = |status| (!speaks_tls).then_some(status);
    if worker.shared.memory().stage() == MemoryStage::Full {
        worker.shared.counters().memory_refusals.add_one();
        return Err(told(503));
    }
    // A proxy that speaks for others has many connections; its clients are asked about one by one.
    let class = pinned.catalog.protection(id).filter(|_| !server.trusts(ends.peer.ip()));
    let Some(class) = class else { return Ok(Entry { admission: None, speaks_tls }) };
    match class.admit(ends.peer.ip(), worker.clock.tick()) {
        Ok(admission) => Ok(Entry { admission: Some(Arc::new(admission)), speaks_tls }),
        Err(refused) if class.send_error_page => Err(told(refused.status())),
        Err(_) => Err(None),
    }
}

/// Takes the header off the connection, and puts its ends in the place of the balancer's. It has to come in the time
/// that a head has. `None` if it does not, or is none.
async fn take_proxy_header(
    worker: &Worker<Tcp>,
    stream: &mut TcpStream,
    (ends, patience): (&mut Ends, Duration),
) -> Option<()> {
    let until = worker.clock.tick().saturating_add(patience);
    let read = tokio::select! {
        biased;
        told = read_proxy_header(stream) => told,
        () = worker.clock.sleep_until(until) => Err(io::ErrorKind::TimedOut.into()),
    };
    match read {
        Ok(Told::Ends(client, local)) => (ends.peer, ends.local) = (client, local),
        Ok(Told::Nothing) => {}
        Err(error) => {
            worker.shared.counters().bad_proxy_headers.add_one();
            tracing::debug!(peer = %ends.peer, %error, "a connection without a usable PROXY header");
            return None;
        }
    }
    Some(())
}

/// Reads the header, and nothing of what is behind it.
async fn read_proxy_header(stream: &mut TcpStream) -> io::Result<Told> {
    let mut header = Vec::new();
    let mut piece = [0; PIECE_BYTES];
    loop {
        let before = header.len();
        let count = stream.peek(&mut piece).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        header.extend_from_slice(&piece[..count]);
        let decoded = decode_proxy_header(&header).map_err(invalid)?;
        // As long as the header is not whole, all that came belongs to it.
        let own = decoded.map_or(count, |(length, _)| length - before);
        stream.read_exact(&mut piece[..own]).await?;
        if let Some((_, told)) = decoded {
            return Ok(told);
        }
    }
}

fn invalid(bad: BadProxyHeader) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, bad)
}

/// Makes the TLS handshake. It has to be made in the time that a head has.
async fn shake_hands<S: Wire>(
    worker: &Rc<Worker<Tcp>>,
    stream: S,
    ends: &Ends,
) -> Option<(TlsStream<S>, TlsFacts)> {
    let counters = worker.shared.counters();
    let now = worker.clock.tick();
    let Some(under_way) = worker.handshakes.begin() else {
        counters.tls_handshake_failures.add_one();
        return None;
    };
    let patience = {
        let pinned = worker.pinned();
        pinned.timeouts(pinned.at_listener(ends.listen)?).connect
    };
    let watch = worker.timers.watch();
    watch.set(now.saturating_add(patience));
    watch.set_idle(Some(now));
    let shaken = handshake::accept(worker, (stream, ends.listen), &watch).await;
    drop(under_way);
    match shaken {
        Ok((stream, told)) => {
            counters.tls_handshakes.add_one();
            if told.is_resumed {
                counters.tls_resumptions.add_one();
            }
            Some((stream, told))
        }
        Err(failed) => {
            if !matches!(failed, Failed::Stopped) {
                worker.handshakes.failed(&failed, counters, worker.clock.tick());
            }
            if worker.draining.get() {
                worker.emptied.notify_one();
            }
            None
        }
    }
}
