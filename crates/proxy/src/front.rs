//! A client connection before its first head: what stands in front of HTTP is taken off, layer by layer.
//!
//! ```text
//! accept ─▶ (PROXY header) ─▶ (TLS) ─▶ HTTP/1 or HTTP/2
//! ```

use crate::http2;
use crate::node::connect::Tcp;
use crate::tls::handshake::{self, Failed};
use crate::tls::{ALPN_HTTP2, TlsStream};
use crate::wire::Wire;
use crate::worker::{Ends, Worker};
use engine::TlsFacts;
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::TcpStream;

/// Takes in a client that a listener accepted, and serves it until it is over.
pub(crate) async fn arrive(worker: Rc<Worker<Tcp>>, stream: TcpStream, ends: Ends) {
    let mut facts = worker.facts(&ends);
    let speaks_tls = {
        let pinned = worker.pinned();
        let Some(server) = pinned.at_listener(ends.listen) else { return };
        pinned.catalog.virtual_server(server).tls.is_some()
    };
    if !speaks_tls {
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
