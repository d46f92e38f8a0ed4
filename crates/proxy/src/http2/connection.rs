//! One connection of HTTP/2: its streams are taken in and served side by side, and it ends when it is idle, when the
//! process stops, or when the client spends more than it may.

use super::head;
use super::ledger::Ledger;
use super::sending::UNWRITTEN_BYTES_MAX;
use super::stream::Stream;
use super::tap::Tap;
use super::windows::{WIDE_BYTES, Windows};
use crate::http::connection::{Client, Presence, Refusal, Refused, Taken, begin};
use crate::http::exchange::{self, After};
use crate::http::forward::Peer;
use crate::http::refuse;
use crate::node::connect::Dial;
use crate::timers::{Alarm, Holder, Watched};
use crate::wire::Wire;
use crate::worker::{Ends, Pinned, Worker};
use bytes::Bytes;
use engine::catalog::{Http2, Timeouts, VirtualServerId};
use engine::{Connection, ConnectionFacts};
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use http2::{Breach, StreamState, websocket};
use shaping::Tick;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Fields of a request and of its trailers, uncompressed, in bytes: the library refuses a longer list with 431. Each
/// field counts for 32 bytes more than it has.
pub(super) const FIELD_LIST_BYTES_MAX: u32 = 64 * 1024;
/// How long a client that is told to go gets to read it.
const FAREWELL_TIME: Duration = Duration::from_secs(1);
/// Streams that a client may reset before we have looked at them. All lie in what was read at once; beyond, the library
/// ends the connection itself.
const PENDING_RESETS_MAX: usize = 250;

/// What streams of a connection share.
struct Common<D: Dial> {
    worker: Rc<Worker<D>>,
    ends: Ends,
    peer: Rc<Peer>,
    connection: Rc<Connection>,
    ledger: Rc<Ledger>,
    settings: Http2,
}

/// Serves the connection until it is over. `ahead` was read from the stream already.
pub(crate) async fn serve<S: Wire, D: Dial>(
    worker: Rc<Worker<D>>,
    stream: S,
    (ends, facts): (Ends, ConnectionFacts),
    ahead: Vec<u8>,
) {
    let presence = Presence::new(&worker);
    let pinned = worker.pinned();
    let Some(server) = pinned.at_listener(ends.listen) else { return };
    let settings = pinned.catalog.virtual_server(server).http2;
    let patience = pinned.timeouts(server).connect;
    drop(pinned);
    worker.shared.counters().http2_connections.add_one();
    let ledger = Rc::new(Ledger::new(FIELD_LIST_BYTES_MAX, settings.stream_window));
    let watch = worker.timers.watch();
    watch.set(worker.clock.tick().saturating_add(patience));
    let tap = Tap::new(stream, ahead, Rc::clone(&ledger), worker.clock.clone());
    let handshake = builder(settings).handshake::<_, Bytes>(tap);
    let Some(h2) = until_alarm(&watch, handshake).await else { return };
    let common = Rc::new(Common {
        peer: Rc::new(Peer::new(ends.peer.ip(), facts.tls.is_some())),
        connection: Rc::new(Connection::new(facts)),
        worker,
        ends,
        ledger,
        settings,
    });
    let mut serving =
        Serving { common, watch, h2, requests: 0, state: State::Open, idle: Idle::Fresh, since: None };
    poll_fn(|context| serving.poll(context)).await;
    let Common { worker, connection, .. } = &*serving.common;
    worker.idle.leave(connection.facts().id);
    drop(serving);
    drop(presence);
}

fn builder(settings: Http2) -> Builder {
    let mut builder = Builder::new();
    let window = Windows::of_connection(settings.stream_window, settings.max_concurrent_streams);
    builder
        .max_concurrent_streams(settings.max_concurrent_streams)
        .initial_window_size(WIDE_BYTES)
        .initial_connection_window_size(window)
        .max_header_list_size(FIELD_LIST_BYTES_MAX)
        .max_send_buffer_size(UNWRITTEN_BYTES_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .enable_connect_protocol();
    builder
}

/// What comes of a handshake, if it comes in time.
async fn until_alarm<T, E>(watch: &Watched, handshake: impl Future<Output = Result<T, E>>) -> Option<T> {
    let mut handshake = pin!(handshake);
    poll_fn(|context| match handshake.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(done.ok()),
        Poll::Pending => watch.poll_alarm(context).map(|_| None),
    })
    .await
}

/// How far the connection is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The client knows that no more streams are taken; those that run go on.
    Leaving,
    /// It is told to go, and the connection ends.
    Ending,
}

/// Whether streams run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Idle {
    /// The first is awaited.
    Fresh,
    /// None does, and the clock runs.
    Counted,
    Busy,
}

struct Serving<S, D: Dial> {
    common: Rc<Common<D>>,
    watch: Watched,
    h2: h2::server::Connection<Tap<S>, Bytes>,
    requests: u32,
    state: State,
    idle: Idle,
    /// For which block of fields the watch is set.
    since: Option<u64>,
}

impl<S: Wire, D: Dial> Serving<S, D> {
    /// Ready when the connection is over.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.common.ledger.watch(context);
        loop {
            self.judge();
            match self.h2.poll_accept(context) {
                Poll::Ready(Some(Ok((request, respond)))) => self.take(request, respond),
                Poll::Ready(Some(Err(error))) => {
                    if error.is_library() && error.reason() == Some(Reason::ENHANCE_YOUR_CALM) {
                        self.tell_of("library");
                    }
                    return Poll::Ready(());
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending if self.common.ledger.breach().is_some() && self.state != State::Ending => {}
                Poll::Pending => break,
            }
        }
        self.look_at_time();
        match self.watch.poll_alarm(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Alarm::Deadline) => self.time_is_up(context),
            Poll::Ready(Alarm::Reaped) if self.state == State::Open => {
                self.leave();
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Ready(_) => Poll::Ready(()),
        }
    }

    /// What the client has spent, and whether the process stops.
    fn judge(&mut self) {
        if self.state == State::Ending {
            return;
        }
        let worker = &self.common.worker;
        if let Some(breach) = self.common.ledger.breach() {
            self.state = State::Ending;
            self.watch.set(worker.clock.tick().saturating_add(FAREWELL_TIME));
            self.tell_of(breach.code());
            let reason = match breach {
                Breach::Window => Reason::FLOW_CONTROL_ERROR,
                _ => Reason::ENHANCE_YOUR_CALM,
            };
            self.h2.abrupt_shutdown(reason);
            return;
        }
        if self.state == State::Open && (worker.draining.get() || self.is_unlistened()) {
            self.leave();
        }
    }

    fn tell_of(&self, breach: &str) {
        let worker = &self.common.worker;
        worker.shared.counters().http2_breaches.add_one();
        worker.client_messages.breach(breach, self.common.ends.peer, worker.clock.tick());
    }

    /// Nobody listens any more where it came in, or HTTP/2 was switched off.
    fn is_unlistened(&self) -> bool {
        let pinned = self.common.worker.pinned();
        let server = pinned.at_listener(self.common.ends.listen);
        server.is_none_or(|server| !pinned.catalog.virtual_server(server).http2.enabled)
    }

    /// No more streams; those that run go on.
    fn leave(&mut self) {
        self.state = State::Leaving;
        self.h2.graceful_shutdown();
        self.idle = Idle::Busy;
    }

    /// Sets the watch for what is awaited now.
    fn look_at_time(&mut self) {
        let worker = &self.common.worker;
        if self.state == State::Ending {
            return;
        }
        if self.common.ledger.running() == 0 {
            if self.idle == Idle::Busy {
                let now = worker.clock.tick();
                let patience = match self.state {
                    State::Open => self.timeouts().map_or(FAREWELL_TIME, |times| times.keepalive),
                    State::Leaving | State::Ending => FAREWELL_TIME,
                };
                self.watch.set(now.saturating_add(patience));
                self.watch.set_idle(Some(now));
                (self.idle, self.since) = (Idle::Counted, None);
            }
            return;
        }
        let since = self.common.ledger.block_open_since_nanos();
        if self.idle == Idle::Busy && self.since == since {
            return;
        }
        let until = since
            .zip(self.timeouts())
            .map_or(Tick::MAX, |(since, times)| Tick::from_nanos(since).saturating_add(times.connect));
        self.watch.set(until);
        self.watch.set_idle(None);
        (self.idle, self.since) = (Idle::Busy, since);
    }

    fn timeouts(&self) -> Option<Timeouts> {
        let pinned = self.common.worker.pinned();
        let server = pinned.at_listener(self.common.ends.listen)?;
        Some(*pinned.timeouts(server))
    }

    /// A wait is over: the first request, the next one, a block of fields, or the farewell.
    fn time_is_up(&mut self, context: &Context<'_>) -> Poll<()> {
        match self.state {
            State::Open if self.common.ledger.running() == 0 => self.leave(),
            State::Open => self.common.ledger.accuse(Breach::SlowFieldBlock),
            State::Leaving if self.common.ledger.running() > 0 => self.watch.set(Tick::MAX),
            State::Leaving | State::Ending => return Poll::Ready(()),
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// A stream with a request: a task of its own, if there may be one more.
    fn take(&mut self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let common = &self.common;
        if common.ledger.running() >= common.settings.max_concurrent_streams {
            // Of streams that were reset the work may go on for a moment; it counts.
            respond.send_reset(Reason::REFUSED_STREAM);
            return;
        }
        self.requests = self.requests.saturating_add(1);
        common.worker.shared.counters().http2_streams.add_one();
        let running = Running::new(common);
        // On the heap at once: on its way into a task it would be moved four times, some kilobytes each.
        let served = serve_stream(Rc::clone(common), running, (request, respond), self.requests);
        tokio::task::spawn_local(Box::pin(served));
    }
}

/// That a stream is being worked for; tells when it is over, however it ends.
struct Running<D: Dial> {
    common: Rc<Common<D>>,
}

impl<D: Dial> Running<D> {
    fn new(common: &Rc<Common<D>>) -> Self {
        common.ledger.stream_begins();
        Self { common: Rc::clone(common) }
    }
}

impl<D: Dial> Drop for Running<D> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.common.worker.shared.counters().panics.add_one();
        }
        self.common.ledger.stream_is_over();
    }
}

/// One request, from its head to its log line.
async fn serve_stream<D: Dial>(
    common: Rc<Common<D>>,
    running: Running<D>,
    (request, respond): (Request<RecvStream>, SendResponse<Bytes>),
    number: u32,
) {
    let worker = &common.worker;
    let pinned = worker.pinned();
    let Some(server) = pinned.at_listener(common.ends.listen) else { return };
    let state = if request.body().is_end_stream() { StreamState::Ended } else { StreamState::Open };
    let (parts, receiver) = request.into_parts();
    let stream = Stream::new((respond, receiver), pinned.limits(server).clone(), Rc::clone(&common.ledger));
    let mut client = Client::of_stream(
        (stream, worker.timers.watch_for(Holder::Stream)),
        (Rc::clone(&common.connection), Rc::clone(&common.peer)),
        (common.ends, number),
    );
    let request = Request::from_parts(parts, ());
    let after = match taken(&common, &mut client, (pinned, server), (&request, state)) {
        Ok(taken) => exchange::run(exchange::begin(worker, &mut client, taken)).await,
        Err(refused) => {
            Box::pin(refuse::refuse(worker, &mut client, *refused)).await;
            After::Part
        }
    };
    match after {
        After::BreakOff => client.link.stream.break_off(),
        After::Again | After::Close | After::Part => {
            client.link.stream.finish(None);
            part(worker, &mut client).await;
        }
    }
    worker.buffers.discard(&mut client.link.input);
    drop(client);
    drop(running);
}

/// An upload that was answered early is stopped a moment later: some clients take the reset that stops it for a failure
/// and lose the answer, if they have not read it yet.
async fn part<D: Dial>(worker: &Worker<D>, client: &mut Client<Stream>) {
    client.watch.set(worker.clock.tick().saturating_add(FAREWELL_TIME));
    poll_fn(|context| match client.link.stream.poll_discard(context) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => client.watch.poll_alarm(context).map(|_| ()),
    })
    .await;
}

/// The head of a stream as a request, begun; or why it is refused.
fn taken<D: Dial>(
    common: &Common<D>,
    client: &mut Client<Stream>,
    (pinned, server): (Rc<Pinned>, VirtualServerId),
    (request, state): (&Request<()>, StreamState),
) -> Result<Taken, Box<Refused>> {
    let worker = &*common.worker;
    let mut heads = worker.take_heads();
    let asked = match head::request(request, state, pinned.limits(server), &mut heads.request) {
        Ok(asked) => asked,
        Err(why) => {
            let refusal = Refusal::Malformed(why);
            return Err(Box::new(Refused { refusal, pinned, virtual_server: server, heads }));
        }
    };
    if asked.is_tunnel {
        let id = client.connection.facts().id;
        let halves = [worker.request_id(id, client.requests), worker.request_id(!id, client.requests)];
        let mut nonce = [0; 16];
        for (to, from) in nonce.iter_mut().zip(halves.iter().flat_map(|half| half.0.to_be_bytes())) {
            *to = from;
        }
        let key = websocket::key(nonce);
        let added = heads.request.fields_mut().add(b"Sec-WebSocket-Key", key.as_bytes());
        debug_assert!(added.is_ok(), "base64 may stand in a field");
        client.link.stream.expect_accept(websocket::accept(&key));
    }
    client.link.bytes_read = asked.head_bytes as u64;
    let number = client.requests;
    begin((worker, client), (pinned, server, heads), (asked.head_bytes, asked.body, number))
}
