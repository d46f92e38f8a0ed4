//! One request and its answer on the wire: what the engine decides, done.
//!
//! [`run`] is the story: a loop over [`Next`]. Every way out of it passes [`Exchange::finish`], so each request that
//! was begun ends in one log line.
//!
//! ```text
//! begin ─▶ Ask ── wait: time, wake, client gone ──▶ advance ─┐
//!          Forward ── node_side: head sent, body relayed, head of the answer read
//!          Deliver ── the node's body relayed to the client (and what is left of the request's to the node)
//!          Answer  ── what we built
//!          Finish  ── the end of what a rule streamed (streaming)
//!          Close   ── nothing                                └──▶ finish: log line, heads back
//! ```

use super::body::{Coding, Demand, Failure, FirstByte, Relay, Surroundings};
use super::connection::{Client, Taken};
use super::forward::{Framing, Reply};
use super::intake::Intake;
use super::node_side::AtNode;
use super::streaming::Streaming;
use super::tunnel;
use crate::buffers::Size;
use crate::errands::Sockets;
use crate::node::connect::Dial;
use crate::node::idle::NodePlace;
use crate::node::wire::NodeWire;
use crate::timers::{Alarm, Watch};
use crate::wire::Wire;
use crate::worker::{Pinned, Worker};
use accesslog::ConnectionState;
use engine::catalog::VirtualServerId;
use engine::errand::ErrandError;
use engine::{
    Ask, Delivery, Ending, ErrorKind, MemoryStage, Next, Now, Progress, Transaction, TransactionError,
};
use http1::{BodyKind, connection_options, encode};
use message::{Known, Version};
use shaping::Tick;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes that a client may send ahead (of its body, or of its next request) while its request waits or is at a node.
/// They are read to notice that the client leaves; when there are more, it is asked for from time to time.
pub(super) const AHEAD_BYTES_MAX: usize = 8 * 1024;
/// How often a waiting client that has sent ahead so much is looked after.
const LOOK_FOR_GONE: Duration = Duration::from_millis(250);

/// A request as the wire gave it.
pub(crate) struct Request {
    pub(crate) pinned: Rc<Pinned>,
    pub(crate) virtual_server: VirtualServerId,
    pub(crate) body: BodyKind,
    pub(crate) head_bytes: usize,
    /// How long nothing may move; a rule may change it.
    pub(crate) patience: Duration,
}

/// What becomes of the client's connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum After {
    /// Its next request may come.
    Again,
    /// It is closed; the client has nothing more to say.
    Close,
    /// It is closed for writing, and for reading after a moment: the client may still be sending.
    Part,
    /// It is broken off, so that nobody takes what was sent for a whole answer.
    BreakOff,
}

/// Why there is nobody to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Gone {
    /// The client left.
    Left,
    /// The process stops.
    Stopped,
}

/// What the client asked of the connection.
#[expect(clippy::struct_excessive_bools, reason = "four facts of a head that do not depend on each other")]
pub(super) struct Terms {
    pub(super) version: Version,
    pub(super) is_head: bool,
    pub(super) keep_alive: bool,
    pub(super) expects_continue: bool,
    pub(super) upgrade: bool,
}

/// What was sent to the client.
#[derive(Default)]
struct Sent {
    body_bytes: u64,
    bytes: u64,
    first_byte_at: Option<Tick>,
}

/// A request under way.
pub(crate) struct Exchange<'a, S, D: Dial> {
    pub(super) worker: &'a Worker<D>,
    pub(super) client: &'a mut Client<S>,
    pub(super) transaction: Box<Transaction>,
    pub(super) request: Request,
    pub(super) terms: Terms,
    /// The node that has the request, from the first byte sent to it on.
    pub(super) at_node: Option<Box<AtNode<D::Stream>>>,
    /// Part of the request's body was taken for a node that then failed: it cannot be sent again.
    pub(super) body_begun: bool,
    /// How far rules have read the request's body.
    pub(super) intake: Option<Box<Intake>>,
    /// An answer that a rule sends piece by piece.
    pub(super) streaming: Option<Box<Streaming>>,
    /// The moment of the last step; what a step does at once is done at this moment.
    pub(super) now: Now,
    /// Its last moment.
    pub(super) ceiling: Tick,
    /// What its rules have opened; closed with it.
    sockets: Option<Box<Sockets>>,
    /// Whose answer the client gets.
    pub(super) node: Option<NodePlace>,
    sent: Sent,
    /// Bytes of the connection used before this request.
    used_before: u64,
}

/// An exchange after a step, and what comes next.
pub(crate) type Begun<'a, S, D> = (Exchange<'a, S, D>, Next);

/// Takes the first step of a transaction; nothing is waited for.
#[inline]
pub(crate) fn begin<'a, S: Wire, D: Dial>(
    worker: &'a Worker<D>,
    client: &'a mut Client<S>,
    taken: Taken,
) -> Begun<'a, S, D> {
    let mut exchange = Exchange::new(worker, client, taken);
    let next = exchange.transaction.advance(exchange.now);
    exchange.obey_rules();
    (exchange, next)
}

/// Drives one transaction to its end.
#[expect(
    clippy::manual_async_fn,
    reason = "an async function keeps its arguments beside what it makes of them"
)]
pub(crate) fn run<S: Wire, D: Dial>(
    (mut exchange, mut next): Begun<'_, S, D>,
) -> impl Future<Output = After> {
    async move {
        let after = loop {
            next = match next {
                Next::Ask(Ask::Body { side, least, most }) => {
                    match Box::pin(exchange.bring_body(side, (least, most))).await {
                        Ok(next) => next,
                        Err(gone) => break exchange.leave(gone),
                    }
                }
                Next::Ask(Ask::Send) => match Box::pin(exchange.send_piece()).await {
                    Ok(next) => next,
                    Err(gone) => break exchange.leave(gone),
                },
                Next::Ask(Ask::Errand { until }) => match Box::pin(exchange.errand(until)).await {
                    Ok(next) => next,
                    Err(gone) => break exchange.leave(gone),
                },
                Next::Ask(Ask::Turn { .. } | Ask::Sleep { .. } | Ask::Bytes { .. }) => {
                    match Box::pin(exchange.turns(&mut next)).await {
                        Ok(()) => next,
                        Err(gone) => break exchange.leave(gone),
                    }
                }
                Next::Forward { pool } => match exchange.forward(pool).await {
                    Ok(next) => next,
                    Err(gone) => break exchange.leave(gone),
                },
                Next::Deliver => break exchange.deliver().await,
                Next::Answer => break Box::pin(exchange.answer()).await,
                Next::Finish => break Box::pin(exchange.finish_stream()).await,
                Next::Close => break Box::pin(exchange.close()).await,
            };
        };
        exchange.finish(after)
    }
}

impl<'a, S: Wire, D: Dial> Exchange<'a, S, D> {
    #[inline]
    fn new(worker: &'a Worker<D>, client: &'a mut Client<S>, taken: Taken) -> Self {
        let Taken { request, transaction, now } = taken;
        let head = transaction.request();
        let options = connection_options(head.fields());
        let version = head.version();
        let is_modern = version != Version::Http10;
        let expects_continue = is_modern
            && request.body != BodyKind::None
            && head
                .fields()
                .known(Known::Expect)
                .is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
        let terms = Terms {
            version,
            is_head: head.method() == b"HEAD",
            keep_alive: if is_modern { !options.close } else { options.keep_alive && !options.close },
            expects_continue,
            upgrade: is_modern
                && options.upgrade
                && request.body == BodyKind::None
                && tunnel::is_asked_for(head.fields()),
        };
        let ceiling = transaction.ends_by();
        let used_before = client.link.bytes_read - (client.link.input.len() + request.head_bytes) as u64;
        Self {
            worker,
            client,
            transaction,
            request,
            terms,
            at_node: None,
            body_begun: false,
            intake: None,
            streaming: None,
            now,
            ceiling,
            sockets: None,
            node: None,
            sent: Sent::default(),
            used_before,
        }
    }

    pub(super) fn advance(&mut self) -> Next {
        self.now = self.worker.clock.now();
        let next = self.transaction.advance(self.now);
        self.obey_rules();
        next
    }

    /// Takes over what rules have set for the whole of the transaction.
    #[inline]
    pub(super) fn obey_rules(&mut self) {
        self.ceiling = self.transaction.ends_by();
        self.request.patience = self.transaction.patience();
    }

    /// Marks packets to the client as rules want them, or as the system has them if a rule did otherwise before.
    #[inline]
    fn mark_client(&mut self) {
        let mark = self.transaction.mark_to_client().unwrap_or(0);
        if mark != self.client.mark {
            self.client.mark = mark;
            self.client.link.stream.mark(mark);
        }
    }

    /// Has done in the world what a rule asked for. Given up when the client leaves, the time is over or the process
    /// stops.
    async fn errand(&mut self, until: Tick) -> Result<Next, Gone> {
        let Some(errand) = self.transaction.errand() else {
            self.wait(until, |_| Poll::<()>::Pending).await?;
            return Ok(self.advance());
        };
        let worker = self.worker;
        let catalog = Arc::clone(self.transaction.catalog());
        let mut sockets = self.sockets.take().unwrap_or_default();
        let report = {
            let mut done = pin!(worker.errands.run(errand, &catalog, &mut sockets));
            loop {
                match self.wait(until, |context| done.as_mut().poll(context)).await? {
                    Some(report) => break report,
                    None if worker.clock.tick() >= until.min(self.ceiling) => {
                        break Err(ErrandError::TimedOut);
                    }
                    // The client was looked after.
                    None => {}
                }
            }
        };
        self.sockets = Some(sockets);
        self.now = worker.clock.now();
        let next = self.transaction.errand_done(report, self.now);
        self.obey_rules();
        Ok(next)
    }

    /// Waits until something is ready; `None` when it has to be looked again, at `until` for instance.
    pub(super) async fn wait<T>(
        &mut self,
        until: Tick,
        mut ready: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Result<Option<T>, Gone> {
        // Who has begun to get its answer need not say more.
        let ended = if self.streaming.is_some() { Ended::MeansNoMore } else { Ended::MeansGone };
        self.client.watch.set(self.ceiling);
        let clock = &self.worker.clock;
        // Who has sent ahead all that is held is no longer read, so that its leaving wakes nobody: it is looked for.
        let is_full = self.client.link.input.len() >= AHEAD_BYTES_MAX;
        let look = if is_full { clock.tick().saturating_add(LOOK_FOR_GONE) } else { Tick::MAX };
        let mut time = pin!(clock.sleep_until(until.min(self.ceiling).min(look)));
        poll_fn(|context| {
            if let Poll::Ready(value) = ready(context) {
                return Poll::Ready(Ok(Some(value)));
            }
            if time.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(None));
            }
            if poll_gone(self.client, self.worker, ended, context).is_ready() {
                return Poll::Ready(Err(Gone::Left));
            }
            if !is_full && self.client.link.input.len() >= AHEAD_BYTES_MAX {
                return Poll::Ready(Ok(None));
            }
            match self.client.watch.poll_alarm(context) {
                Poll::Ready(Alarm::Deadline) => Poll::Ready(Ok(None)),
                Poll::Ready(_) => Poll::Ready(Err(Gone::Stopped)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// What relays of this exchange work with.
    pub(super) fn around<'e>(
        worker: &'e Worker<D>,
        watch: &'e Rc<Watch>,
        (request, ceiling): (&Request, Tick),
    ) -> Surroundings<'e> {
        Surroundings {
            clock: &worker.clock,
            buffers: &worker.buffers,
            watch,
            patience: request.patience,
            ceiling,
        }
    }

    /// The answer of a node, on to the client.
    async fn deliver(&mut self) -> After {
        let Some(mut at) = self.at_node.take() else { return self.leave(Gone::Stopped) };
        self.node = Some(at.place);
        if self.transaction.response().status() == 101 {
            return Box::pin(self.tunnel(at)).await;
        }
        self.mark_client();
        at.keep_alive &= !self.transaction.closes_node();
        let reply = self.reply_for(&at);
        let wants_body = !matches!(reply.framing, Framing::Bodiless | Framing::Nothing);
        let mut out = self.worker.buffers.output();
        let head_bytes = self.client.put_head(self.transaction.response(), reply, &mut out) - out.len();
        let coding = if reply.framing == Framing::Chunked { Coding::Chunked } else { Coding::Plain };
        let kind = if wants_body { at.body } else { BodyKind::None };
        let limits = self.request.pinned.limits(self.request.virtual_server);
        let mut download = match at.intake.take() {
            Some(intake) if wants_body => self.begun_download(*intake, coding, out),
            _ => Relay::with_input((kind, coding), limits, out, &mut at.link.input),
        };
        download.pace_by(self.transaction.response_flow(self.now), &self.worker.clock);
        self.buffer_by(&download);
        download.first_byte = self.first_byte();
        download.count_head(head_bytes, &self.worker.clock);
        download.demand(self.room_at_client());
        // The node has answered: how the rest of the request comes is between the two of them.
        at.upload.demand(Demand::Nothing);

        let (outcome, upload_over) = if self.is_spooled(&download, &at) {
            Box::pin(self.relay_spooled(&mut download, at, kind)).await
        } else {
            let outcome = self.relay_both(&mut download, &mut at).await;
            let upload_over = self.request_is_through(&at);
            if outcome.is_ok() {
                self.keep_node(at, kind);
            }
            (outcome, upload_over)
        };
        self.note_sent(&mut download);
        match outcome {
            Ok(()) => {
                if let Some(stream) = self.client.link.stream.http2() {
                    stream.finish(download.take_trailers().as_deref());
                }
                match (reply.keep_alive, upload_over) {
                    (true, true) => After::Again,
                    (false, true) if !self.terms.keep_alive && self.client.link.input.is_empty() => {
                        After::Close
                    }
                    _ => After::Part,
                }
            }
            Err(Halt::Sender) => {
                self.worker.shared.counters().cut_responses.add_one();
                if reply.framing == Framing::UntilClose || self.client.is_stream() {
                    After::BreakOff
                } else {
                    After::Close
                }
            }
            Err(Halt::Receiver) => self.leave(Gone::Left),
            Err(Halt::Stopped) => After::BreakOff,
        }
    }

    /// Moves the answer, and what is left of the request's body, until the answer is through.
    async fn relay_both(&mut self, download: &mut Relay, at: &mut AtNode<D::Stream>) -> Result<(), Halt> {
        let client = &mut *self.client;
        let watch = Rc::clone(&client.watch);
        let around = Self::around(self.worker, &watch, (&self.request, self.ceiling));
        client.known_now = Some(self.now.tick);
        poll_fn(|context| {
            match download.poll(context, (&mut at.link, &mut client.link), &around) {
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(Failure::Sender(_))) => return Poll::Ready(Err(Halt::Sender)),
                Poll::Ready(Err(Failure::Receiver)) => return Poll::Ready(Err(Halt::Receiver)),
                Poll::Pending => client.known_now = None,
            }
            let around = Surroundings { ceiling: around.ceiling.min(download.due()), ..around };
            if !at.upload_failed
                && !at.upload.is_over()
                && let Poll::Ready(Err(_)) = at.poll_upload(context, &mut client.link, &around)
            {
                // The node has answered; whether it still wants the request's body is its own affair.
                at.upload_failed = true;
            }
            match watch.poll_alarm(context) {
                Poll::Ready(Alarm::Deadline) if download.is_waiting_to_write() => {
                    Poll::Ready(Err(Halt::Receiver))
                }
                Poll::Ready(Alarm::Deadline) => Poll::Ready(Err(Halt::Sender)),
                Poll::Ready(_) => Poll::Ready(Err(Halt::Stopped)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// What the client has to keep to while it gets an answer.
    pub(super) fn room_at_client(&self) -> Demand {
        Demand::Room(self.request.pinned.timeouts(self.request.virtual_server).send)
    }

    /// Only log lines tell it, and asking the time costs.
    pub(super) fn first_byte(&self) -> FirstByte {
        let is_logged = self.transaction.is_logged()
            && self.worker.log.is_some()
            && self.request.pinned.log_target(self.request.virtual_server).is_some();
        if is_logged { FirstByte::Awaited } else { FirstByte::Unwanted }
    }

    /// How the node's answer is told to this client.
    fn reply_for(&mut self, at: &AtNode<D::Stream>) -> Reply {
        let status = self.transaction.response().status();
        let is_old = self.terms.version == Version::Http10;
        let framing = match at.body {
            // Also to HEAD: no answer of this status has a length (RFC 9110, 8.6).
            _ if status == 204 || status < 200 => Framing::Nothing,
            _ if self.terms.is_head || status == 304 => Framing::Bodiless,
            BodyKind::Length(length) => Framing::Length(length),
            BodyKind::None => Framing::Length(0),
            BodyKind::Chunked | BodyKind::UntilClose if self.client.is_stream() => Framing::Stream,
            BodyKind::Chunked | BodyKind::UntilClose if is_old => Framing::UntilClose,
            BodyKind::Chunked | BodyKind::UntilClose => Framing::Chunked,
        };
        let is_through = self.request_is_through(at);
        self.reply(framing, is_through)
    }

    pub(super) fn reply(&mut self, framing: Framing, request_is_read: bool) -> Reply {
        let client_goes_on =
            self.client.is_stream() || !self.client.link.ended || !self.client.link.input.is_empty();
        Reply {
            framing,
            keep_alive: self.terms.keep_alive
                && request_is_read
                && client_goes_on
                && framing != Framing::UntilClose
                && !self.worker.draining.get()
                && self.worker.shared.memory().stage() < MemoryStage::Scarce,
            client_version: self.terms.version,
            via: self.request.pinned.catalog.virtual_server(self.request.virtual_server).via,
            upgrade: false,
        }
    }

    /// Keeps the node's connection if nothing is under way on it and nothing came that was not asked for.
    #[expect(clippy::boxed_local, reason = "it is large, and comes boxed")]
    pub(super) fn keep_node(&self, mut at: Box<AtNode<D::Stream>>, relayed: BodyKind) {
        let is_clean = at.keep_alive
            && relayed == at.body
            && at.upload.is_over()
            && !at.upload_failed
            && !at.link.ended
            && at.link.input.is_empty();
        at.upload.recycle(&self.worker.buffers);
        self.worker.buffers.discard(&mut at.link.input);
        if is_clean {
            if self.transaction.mark_to_node().is_some() {
                at.link.stream.mark(0);
            }
            if let NodeWire::Usual(stream) = at.link.stream {
                self.worker.keep_node(at.place, (stream, at.owner), self.now.tick);
            }
        }
    }

    /// An answer that was built here.
    async fn answer(&mut self) -> After {
        let request_is_read = self.finish_request_body();
        self.release_node();
        let status = self.transaction.response().status();
        let framing = match status {
            304 => Framing::Bodiless,
            204 => Framing::Nothing,
            status if status < 200 => Framing::Nothing,
            // What rules made of a node's answer to HEAD has no length that anybody knows.
            _ if self.terms.is_head && self.transaction.is_from_node() => Framing::Bodiless,
            _ if self.transaction.wants_chunks() && self.terms.version == Version::Http11 => Framing::Chunked,
            _ => Framing::Length(self.transaction.body().len() as u64),
        };
        self.mark_client();
        let reply = self.reply(framing, request_is_read);
        let mut out = self.worker.buffers.output();
        let head_bytes = self.client.put_head(self.transaction.response(), reply, &mut out);
        let unwritten_head_bytes = out.len();
        match framing {
            _ if self.terms.is_head => {}
            Framing::Length(_) => out.extend_from_slice(self.transaction.body()),
            Framing::Chunked => {
                if !self.transaction.body().is_empty() {
                    encode::chunk(&mut out, self.transaction.body());
                }
                encode::last_chunk(&mut out, None);
            }
            Framing::Bodiless | Framing::Nothing | Framing::UntilClose | Framing::Stream => {}
        }
        let limits = self.request.pinned.limits(self.request.virtual_server);
        let mut download = Relay::new(BodyKind::None, Coding::Plain, limits, out);
        download.pace_by(self.transaction.response_flow(self.worker.clock.now()), &self.worker.clock);
        download.first_byte = self.first_byte();
        download.count_head(head_bytes - unwritten_head_bytes, &self.worker.clock);
        download.demand(self.room_at_client());
        let written = self.write_answer(&mut download).await;
        self.note_sent(&mut download);
        self.sent.body_bytes = self.sent.bytes.saturating_sub(head_bytes as u64);
        match written {
            Ok(()) if reply.keep_alive => After::Again,
            Ok(()) if request_is_read && !self.terms.keep_alive => After::Close,
            Ok(()) => After::Part,
            Err(Halt::Stopped) => After::BreakOff,
            Err(_) => self.leave(Gone::Left),
        }
    }

    /// The node changes the protocol: bytes go both ways until both sides are through.
    async fn tunnel(&mut self, mut at: Box<AtNode<D::Stream>>) -> After {
        self.mark_client();
        let reply = Reply { upgrade: true, ..self.reply(Framing::Nothing, true) };
        let mut out = self.worker.buffers.output();
        self.client.put_head(self.transaction.response(), reply, &mut out);
        let now = self.worker.clock.now();
        let limits = self.request.pinned.limits(self.request.virtual_server);
        let mut ways = tunnel::Ways {
            to_client: Relay::new(BodyKind::UntilClose, Coding::Plain, limits, out),
            to_node: Relay::new(BodyKind::UntilClose, Coding::Plain, limits, Vec::new()),
        };
        ways.to_client.pace_by(self.transaction.response_flow(now), &self.worker.clock);
        self.buffer_by(&ways.to_client);
        ways.to_node.pace_by(self.transaction.request_flow(at.place.pool, now), &self.worker.clock);
        let watch = Rc::clone(&self.client.watch);
        let around = Self::around(self.worker, &watch, (&self.request, self.ceiling));
        let is_orderly = tunnel::run(&mut ways, (&mut self.client.link, &mut at.link), &around).await;
        self.note_sent(&mut ways.to_client);
        self.worker.buffers.discard(&mut at.link.input);
        if is_orderly { After::Close } else { After::BreakOff }
    }

    pub(super) fn note_payload(&mut self, bytes: u64) {
        self.sent.body_bytes = bytes;
    }

    pub(super) fn note_sent(&mut self, download: &mut Relay) {
        self.sent = Sent {
            body_bytes: download.payload_written(),
            bytes: download.bytes_written,
            first_byte_at: match download.first_byte {
                FirstByte::At(tick) => Some(tick),
                FirstByte::Unwanted | FirstByte::Awaited => None,
            },
        };
        download.recycle(&self.worker.buffers);
    }

    /// There is nobody to answer.
    pub(super) fn leave(&mut self, gone: Gone) -> After {
        self.drop_stream();
        if gone == Gone::Left {
            self.transaction.abandon(self.worker.clock.now());
        }
        After::BreakOff
    }

    /// A failure that no other node can mend.
    pub(super) fn failed(&mut self, kind: ErrorKind, progress: Progress) -> Next {
        self.transaction.failed(TransactionError { kind, progress }, self.worker.clock.now())
    }

    /// The end, whatever came before.
    pub(super) fn finish(&mut self, after: After) -> After {
        let Self { worker, client, transaction, request, sent, used_before, .. } = self;
        let target = request.pinned.log_target(request.virtual_server).filter(|_| transaction.is_logged());
        if let (Some(log), Some(target)) = (&worker.log, target) {
            let used = client.link.bytes_read - client.link.input.len() as u64;
            let now = worker.clock.now();
            let delivery = Delivery {
                body_bytes_sent: sent.body_bytes,
                bytes_sent: sent.bytes,
                bytes_received: used - *used_before,
                first_byte_at: sent.first_byte_at,
                node: self.node.and_then(|place| {
                    transaction
                        .node(request.pinned.catalog.pool(place.pool), place.node)
                        .map(|node| &*node.name)
                }),
                connection: match after {
                    After::Again => ConnectionState::KeptAlive,
                    After::Close | After::Part => ConnectionState::Closed,
                    After::BreakOff => ConnectionState::Aborted,
                },
                utc_offset_seconds: worker.clock.utc_offset_seconds(now),
            };
            log.line(target, &worker.shared, |out| transaction.write_log_line(&delivery, now, out));
        }
        if transaction.is_watched() {
            transaction.end_watch(sent.body_bytes, worker.clock.now());
        }
        if transaction.has_completion_rules() {
            let ending = if after == After::BreakOff { Ending::Cut } else { Ending::Whole };
            transaction.complete(ending, worker.clock.now());
        }
        worker.report(transaction);
        worker.return_heads(transaction.take_heads());
        after
    }
}

/// Why an answer did not get through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Halt {
    /// The node broke it off, or stopped sending.
    Sender,
    /// The client does not take it.
    Receiver,
    /// The process stops.
    Stopped,
}

/// What the orderly end of a client's stream says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// It left. A client that closes and one that only says that it will send no more look the same; as long as
    /// nothing was done for the request, the first is far more likely.
    MeansGone,
    /// It will send no more, and waits.
    MeansNoMore,
}

/// Ready when the client is gone.
pub(super) fn poll_gone<S: Wire, D: Dial>(
    client: &mut Client<S>,
    worker: &Worker<D>,
    ended: Ended,
    context: &mut Context<'_>,
) -> Poll<()> {
    if let Some(stream) = client.link.stream.http2() {
        return stream.poll_gone(context);
    }
    loop {
        if client.link.ended {
            return if ended == Ended::MeansGone { Poll::Ready(()) } else { Poll::Pending };
        }
        let held = client.link.input.len();
        if held >= AHEAD_BYTES_MAX {
            let is_gone = ended == Ended::MeansGone && client.link.stream.has_ended_unread();
            return if is_gone { Poll::Ready(()) } else { Poll::Pending };
        }
        let room = (Size::Small, AHEAD_BYTES_MAX - held);
        match client.link.poll_fill(context, &worker.buffers, room) {
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
    }
}
