//! One client connection: heads one after the other, each driven by [`super::exchange`].
//!
//! Between requests it holds a socket, a watch and this future: no buffer, no head, no transaction.

use super::exchange::{After, Request};
use super::forward::{Peer, Reply, write_response};
use super::hold::{self, Started};
use super::refuse;
use crate::buffers::Size;
use crate::http2::{self, Stream};
use crate::node::connect::Dial;
use crate::timers::{Alarm, Watched};
use crate::wire::{Broken, Link, Wire};
use crate::worker::{Ends, Pinned, Worker};
use ::http2::{Malformed, PREFACE};
use engine::catalog::VirtualServerId;
use engine::{Arrival, Connection, ConnectionFacts, Heads, Knowledge, Now, RequestId, Transaction};
use http1::{BadRequest, BodyKind, Decoded, HeadScan, decode_request};
use message::ResponseHead;
use shaping::Tick;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// What is read at once while a head is awaited.
const HEAD_READ_BYTES: usize = crate::buffers::SMALL_BYTES;

/// The client's side of a connection.
pub(crate) struct Client<S> {
    pub(crate) link: Link<S>,
    pub(crate) watch: Watched,
    pub(crate) peer: Rc<Peer>,
    pub(crate) connection: Rc<Connection>,
    ends: Ends,
    /// The type-of-service byte of its packets, as a rule has set it; 0: as the system has it.
    pub(crate) mark: u8,
    /// The system holds little of what it is sent; see [`Wire::buffer_little`].
    pub(crate) buffers_little: bool,
    /// Requests read so far.
    pub(crate) requests: u32,
    /// The time, where it was asked and nothing was waited for since.
    pub(crate) known_now: Option<Tick>,
}

impl<S: Wire> Client<S> {
    /// The head of an answer: as bytes that go before the body, or sent at once where heads are values. Its size.
    #[inline]
    pub(crate) fn put_head(&mut self, head: &ResponseHead, reply: Reply, out: &mut Vec<u8>) -> usize {
        match self.link.stream.http2() {
            None => {
                write_response(head, reply, out);
                out.len()
            }
            Some(stream) => stream.put_head(head, reply),
        }
    }

    /// Whether what it is sent is framed by a stream of HTTP/2.
    #[inline]
    pub(crate) fn is_stream(&mut self) -> bool {
        self.link.stream.http2().is_some()
    }
}

impl Client<Stream> {
    /// Of one stream, which shares its connection with others.
    pub(crate) fn of_stream(
        (stream, watch): (Stream, Watched),
        (connection, peer): (Rc<Connection>, Rc<Peer>),
        (ends, number): (Ends, u32),
    ) -> Self {
        Self {
            link: Link::new(stream),
            watch,
            peer,
            connection,
            ends,
            mark: 0,
            buffers_little: false,
            requests: number,
            known_now: None,
        }
    }
}

/// A request that was taken in: its transaction has begun.
pub(crate) struct Taken {
    pub(crate) request: Request,
    pub(crate) transaction: Box<Transaction>,
    /// When.
    pub(crate) now: Now,
}

/// What came instead of a head.
enum NoHead {
    /// Nothing is owed to the client.
    Over,
    /// The client speaks HTTP/2.
    Preface,
    /// It must be told.
    Refused(Box<Refused>),
}

/// A request that is not served, with what is known of it.
pub(crate) struct Refused {
    pub(crate) refusal: Refusal,
    pub(crate) pinned: Rc<Pinned>,
    /// Where it arrived; the default of the address where the Host says nothing.
    pub(crate) virtual_server: VirtualServerId,
    /// What could be read.
    pub(crate) heads: Heads,
}

/// A request that is answered without being understood.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    /// It breaks the rules of the wire.
    Bad(BadRequest),
    /// It breaks those of HTTP/2.
    Malformed(Malformed),
    /// Its head did not come in time.
    TooSlow,
    /// No virtual server answers to its Host.
    UnknownHost,
    /// The virtual server of its Host asks more of a TLS connection than this one has given.
    Misdirected,
}

/// Serves the connection until it is over.
pub(crate) async fn serve<S: Wire, D: Dial>(
    worker: Rc<Worker<D>>,
    stream: S,
    (ends, facts): (Ends, ConnectionFacts),
) {
    let presence = Presence::new(&worker);
    let mut client = Client {
        link: Link::new(stream),
        watch: worker.timers.watch(),
        peer: Rc::new(Peer::new(ends.peer.ip(), facts.tls.is_some())),
        connection: Rc::new(Connection::new(facts)),
        ends,
        mark: 0,
        buffers_little: false,
        requests: 0,
        known_now: None,
    };
    loop {
        let after = match next_head(&worker, &mut client).await {
            Ok(taken) => match hold::start(&worker, &mut client, taken) {
                Started::Running(running) => running.await,
                Started::Held(held) => held.await,
            },
            Err(NoHead::Refused(refused)) => {
                client.requests = client.requests.saturating_add(1);
                Box::pin(refuse::refuse(&worker, &mut client, *refused)).await;
                After::Part
            }
            Err(NoHead::Over) => After::Close,
            Err(NoHead::Preface) => {
                return Box::pin(change_to_http2(worker, client)).await;
            }
        };
        match after {
            After::Again => worker.buffers.settle(&mut client.link.input),
            After::Close => break,
            After::Part => {
                Box::pin(refuse::part(&worker, &mut client)).await;
                break;
            }
            After::BreakOff => {
                client.link.stream.break_off();
                break;
            }
        }
    }
    worker.buffers.discard(&mut client.link.input);
    worker.idle.leave(client.connection.facts().id);
    drop(client);
    drop(presence);
}

/// The client began with the preface of HTTP/2: what it has sent so far belongs to that.
async fn change_to_http2<S: Wire, D: Dial>(worker: Rc<Worker<D>>, mut client: Client<S>) {
    let ahead = client.link.input.bytes().to_vec();
    worker.buffers.discard(&mut client.link.input);
    let Client { link, connection, ends, watch, .. } = client;
    drop(watch);
    let facts = connection.facts().clone();
    http2::serve(worker, link.stream, (ends, facts), ahead).await;
}

/// Reads until a head is whole.
async fn next_head<S: Wire, D: Dial>(worker: &Worker<D>, client: &mut Client<S>) -> Result<Taken, NoHead> {
    let pinned = worker.pinned();
    let Some(mut server) = pinned.at_listener(client.ends.listen) else { return Err(NoHead::Over) };
    let generation = pinned.generation;
    let timeouts = pinned.timeouts(server);
    let now = client.known_now.take().unwrap_or_else(|| worker.clock.tick());
    client.link.awaited = false;
    if client.link.input.is_empty() {
        let patience = if client.requests == 0 { timeouts.connect } else { timeouts.keepalive };
        client.watch.set(now.saturating_add(patience));
        client.watch.set_idle(Some(now));
        drop(pinned);
        await_first_bytes(worker, client).await?;
        client.watch.set_idle(None);
    } else {
        client.watch.set(now.saturating_add(timeouts.connect));
        drop(pinned);
    }
    let pinned = worker.pinned();
    if pinned.generation != generation {
        let Some(renewed) = pinned.at_listener(client.ends.listen) else { return Err(NoHead::Over) };
        server = renewed;
    }
    let mut heads = worker.take_heads();
    match decode(client, &pinned, server, &mut heads) {
        Ok(Decoded::Complete { consumed, body }) => {
            accept((worker, client), (pinned, server, heads), (consumed, body))
        }
        Ok(Decoded::Partial) => Box::pin(rest_of_head(worker, client, (pinned, server), heads)).await,
        Err(BadRequest::Version) if speaks_http2(client, &pinned, server) => Err(NoHead::Preface),
        Err(bad) => Err(refused((pinned, server), heads, Refusal::Bad(bad))),
    }
}

/// Whether a first line that is none of HTTP/1 is that of the preface of HTTP/2, and may be.
#[cold]
fn speaks_http2<S>(client: &Client<S>, pinned: &Pinned, server: VirtualServerId) -> bool {
    let settings = pinned.catalog.virtual_server(server).http2;
    let input = client.link.input.bytes();
    let length = input.len().min(PREFACE.len());
    // Over TLS the handshake tells which of the two is spoken.
    let is_plain = client.connection.facts().tls.is_none();
    client.requests == 0
        && is_plain
        && settings.enabled
        && settings.cleartext
        && input.get(..length) == PREFACE.get(..length)
}

/// Waits for the first bytes of a request, holding nothing.
async fn await_first_bytes<S: Wire, D: Dial>(
    worker: &Worker<D>,
    client: &mut Client<S>,
) -> Result<(), NoHead> {
    poll_fn(|context| {
        match client.link.poll_fill(context, &worker.buffers, (Size::Small, HEAD_READ_BYTES)) {
            Poll::Ready(Ok(count)) if count > 0 => return Poll::Ready(Ok(())),
            Poll::Ready(_) => return Poll::Ready(Err(NoHead::Over)),
            Poll::Pending => {}
        }
        if worker.draining.get() && !worker.has_heir.get() {
            return Poll::Ready(Err(NoHead::Over));
        }
        client.watch.poll_alarm(context).map(|_| Err(NoHead::Over))
    })
    .await
}

fn decode<S>(
    client: &Client<S>,
    pinned: &Pinned,
    server: VirtualServerId,
    heads: &mut Heads,
) -> Result<Decoded, BadRequest> {
    decode_request(client.link.input.bytes(), pinned.limits(server), &mut heads.request)
}

/// A head that came in pieces.
async fn rest_of_head<S: Wire, D: Dial>(
    worker: &Worker<D>,
    client: &mut Client<S>,
    (pinned, server): (Rc<Pinned>, VirtualServerId),
    mut heads: Heads,
) -> Result<Taken, NoHead> {
    let limits = pinned.limits(server);
    if client.requests > 0 {
        client.watch.set(worker.clock.tick().saturating_add(pinned.timeouts(server).connect));
    }
    let mut scan = HeadScan::new(limits);
    scan.is_ready(client.link.input.bytes());
    loop {
        match client.link.fill(&client.watch, &worker.buffers, (Size::Small, HEAD_READ_BYTES)).await {
            Ok(0) | Err(Broken::Ended | Broken::Io(_)) => return Err(NoHead::Over),
            Ok(_) => {}
            Err(Broken::Alarm(Alarm::Deadline)) => {
                return Err(refused((pinned, server), heads, Refusal::TooSlow));
            }
            Err(Broken::Alarm(_)) => return Err(NoHead::Over),
        }
        if !scan.is_ready(client.link.input.bytes()) {
            continue;
        }
        match decode(client, &pinned, server, &mut heads) {
            Ok(Decoded::Complete { consumed, body }) => {
                return accept((worker, client), (pinned, server, heads), (consumed, body));
            }
            Ok(Decoded::Partial) => {}
            Err(BadRequest::Version) if speaks_http2(client, &pinned, server) => {
                return Err(NoHead::Preface);
            }
            Err(bad) => return Err(refused((pinned, server), heads, Refusal::Bad(bad))),
        }
    }
}

/// A whole head.
fn accept<S, D: Dial>(
    (worker, client): (&Worker<D>, &mut Client<S>),
    found: (Rc<Pinned>, VirtualServerId, Heads),
    (consumed, body): (usize, BodyKind),
) -> Result<Taken, NoHead> {
    client.link.input.consume(consumed);
    let number = client.requests.saturating_add(1);
    let taken = begin((worker, client), found, (consumed, body, number)).map_err(NoHead::Refused)?;
    client.requests = number;
    Ok(taken)
}

/// A head in hand: finds its virtual server, and begins.
pub(crate) fn begin<S, D: Dial>(
    (worker, client): (&Worker<D>, &Client<S>),
    (pinned, default, heads): (Rc<Pinned>, VirtualServerId, Heads),
    (head_bytes, body, number): (usize, BodyKind, u32),
) -> Result<Taken, Box<Refused>> {
    let host = heads.request.host().or_else(|| heads.request.target_authority());
    let Some(virtual_server) = pinned.catalog.select(client.ends.listen, host) else {
        let refusal = Refusal::UnknownHost;
        return Err(Box::new(Refused { refusal, pinned, virtual_server: default, heads }));
    };
    if !pinned.catalog.virtual_server(virtual_server).takes(client.connection.facts()) {
        worker.shared.counters().tls_misdirected.add_one();
        let refusal = Refusal::Misdirected;
        return Err(Box::new(Refused { refusal, pinned, virtual_server, heads }));
    }
    let now = worker.clock.now();
    let server = pinned.catalog.virtual_server(virtual_server);
    let named =
        if server.request_id.accept { client.peer.request_name(&heads.request, server) } else { None };
    let id = match &named {
        None => worker.request_id(client.connection.facts().id, number),
        Some(name) => RequestId::of_name(name),
    };
    let arrival = Arrival {
        virtual_server,
        client: client.peer.client(&heads.request, server),
        request_number: number,
        id,
        named,
        knowledge: Knowledge::All,
    };
    let connection = &client.connection;
    let transaction = Transaction::begin(&worker.shared, &pinned.catalog, arrival, (connection, heads), now);
    let patience = transaction.patience();
    let request = Request { pinned, virtual_server, body, head_bytes, patience };
    Ok(Taken { request, transaction, now })
}

#[cold]
fn refused(
    (pinned, virtual_server): (Rc<Pinned>, VirtualServerId),
    heads: Heads,
    refusal: Refusal,
) -> NoHead {
    NoHead::Refused(Box::new(Refused { refusal, pinned, virtual_server, heads }))
}

/// That a connection is there; tells the worker when it goes, and whether it went by a defect of ours.
pub(crate) struct Presence<D: Dial> {
    worker: Rc<Worker<D>>,
}

impl<D: Dial> Presence<D> {
    pub(crate) fn new(worker: &Rc<Worker<D>>) -> Self {
        Self { worker: Rc::clone(worker) }
    }
}

impl<D: Dial> Drop for Presence<D> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.worker.shared.counters().panics.add_one();
        }
        if self.worker.draining.get() {
            self.worker.emptied.notify_one();
        }
    }
}
