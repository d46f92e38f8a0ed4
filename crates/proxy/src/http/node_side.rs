//! The request at a node: choosing one, sending head and body, reading the head of the answer, and trying another
//! node where that is safe.

use super::body::{Coding, Demand, Failure, Relay, SenderFault, Surroundings};
use super::exchange::{Ended, Exchange, Gone, poll_gone};
use super::forward::{Framing, Onward, Reply, write_request, write_response};
use super::intake::Intake;
use super::passing::frame_begun;
use crate::buffers::Size;
use crate::node::announce::Behalf;
use crate::node::connect::Dial;
use crate::node::idle::NodePlace;
use crate::node::wire::NodeWire;
use crate::timers::Alarm;
use crate::wire::{Broken, Link, Wire};
use engine::catalog::{Pool, PoolId};
use engine::{
    Attempts, Choice, ClassPlace, ErrorKind, InFlight, LeastRate, Next, NodeEnds, NodeIndex, Progress,
    RequestBody, SparePlace, TransactionError, Turn, Turned,
};
use http1::{BodyKind, Decoded, HeadScan, RequestMethod, connection_options, decode_response};
use message::{Known, Version};
use shaping::Tick;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// The first read of an answer: a page with its head in one.
const ANSWER_READ_BYTES: usize = 68 * 1024;
/// Interim answers (1xx) that are passed on before a real one must come.
const INTERIM_MAX: u32 = 16;
/// How long a node may think about `Expect: 100-continue` before the body is sent all the same.
const CONTINUE_PATIENCE: Duration = Duration::from_secs(1);

const SWITCHING_PROTOCOLS: u16 = 101;

/// A node that has the request.
pub(crate) struct AtNode<N> {
    pub(super) link: Link<NodeWire<N>>,
    pub(super) place: NodePlace,
    /// The request on its way.
    pub(super) upload: Relay,
    pub(super) upload_failed: bool,
    /// How the answer's body is framed.
    pub(super) body: BodyKind,
    /// How far rules have read it.
    pub(super) intake: Option<Box<Intake>>,
    /// The node will take another request on this connection.
    pub(super) keep_alive: bool,
    /// For whom alone the connection is.
    pub(super) owner: Option<Behalf>,
    /// Its place among those of its bandwidth class; given back when it is dropped.
    class_place: Option<ClassPlace>,
    /// Its place among those that the pool bears; given back when it is dropped.
    pub(super) spare_place: Option<SparePlace>,
    /// Its place at the node; given back when it is dropped.
    in_flight: Option<InFlight>,
}

impl<N: Wire> AtNode<N> {
    /// Moves the request on.
    #[inline]
    pub(super) fn poll_upload<S: Wire>(
        &mut self,
        context: &mut Context<'_>,
        client: &mut Link<S>,
        around: &Surroundings<'_>,
    ) -> Poll<Result<(), Failure>> {
        let moved = self.upload.poll(context, (client, &mut self.link), around);
        if matches!(moved, Poll::Ready(Ok(()))) && self.link.stream.is_shared() {
            let trailers = self.upload.take_trailers();
            self.link.stream.end_body(trailers.as_deref());
        }
        moved
    }
}

/// Why a node did not answer.
pub(super) enum Miss {
    /// There is nobody to answer to.
    Gone(Gone),
    /// The attempt failed. `reused`: on a connection that had carried a request before.
    Failed { error: TransactionError, reused: bool },
}

/// What happened while the head of the answer was awaited.
enum Event {
    /// The whole request was sent.
    Sent,
    /// Bytes of the answer.
    Bytes,
    NodeClosed,
    ClientFault(SenderFault),
    ClientGone,
    Alarm(Alarm),
}

impl<S: Wire, D: Dial> Exchange<'_, S, D> {
    /// Gets an answer from a node of the pool, or decides what the client gets instead.
    pub(super) async fn forward(&mut self, pool_id: PoolId) -> Result<Next, Gone> {
        // Another try: the answer that was there is not wanted.
        self.release_node();
        let class_place = match self.transaction.class_places() {
            None => None,
            Some(places) => match Box::pin(self.place_in_class(&places)).await? {
                None => return Ok(self.failed(ErrorKind::NodesBusy, Progress::NothingSent)),
                place => place,
            },
        };
        let pinned = Rc::clone(&self.request.pinned);
        let mut pool_id = self.transaction.pool_in_service(pool_id, self.now.tick);
        let mut pool = pinned.catalog.pool(pool_id);
        pool.earn_retries();
        let spare_place = self.transaction.spare_place(pool_id);
        let mut tried: Vec<NodeIndex> = Vec::new();
        let mut failure = TransactionError { kind: ErrorKind::NoNode, progress: Progress::NothingSent };
        let mut attempts = Attempts::default();
        let mut is_again = false;
        loop {
            let chosen = match self.transaction.choose_node(pool_id, &tried, Turn::New, self.now.tick) {
                Choice::Full => Box::pin(self.wait_for_place((pool, pool_id), &tried)).await?,
                chosen => chosen,
            };
            let (index, in_flight) = match chosen {
                Choice::Node(index, in_flight) => (index, in_flight),
                Choice::Full => {
                    failure.kind = ErrorKind::NodesBusy;
                    break;
                }
                Choice::Nobody => match self.transaction.pool_in_service(pool_id, self.now.tick) {
                    same if same == pool_id => break,
                    other => {
                        (pool_id, pool) = (other, pinned.catalog.pool(other));
                        tried.clear();
                        continue;
                    }
                },
            };
            if is_again && !self.may_spend_retry(pool) {
                break;
            }
            match self.try_node((pool, pool_id), (index, in_flight)).await {
                Ok(mut at) => {
                    at.class_place = class_place;
                    at.spare_place = spare_place;
                    return Ok(self.take_answer(at, (pool, index)));
                }
                Err(Miss::Gone(gone)) => return Err(gone),
                Err(Miss::Failed { error, .. }) => failure = error,
            }
            self.note_failure((pool, index), failure);
            if let Some(place) = &spare_place {
                self.transaction.note_failed_pace(place, failure, self.worker.clock.tick());
            }
            attempts.count(failure);
            if !self.transaction.may_retry(failure, attempts) {
                break;
            }
            tried.push(index);
            self.now = self.worker.clock.now();
            is_again = true;
        }
        Ok(self.failed(failure.kind, failure.progress))
    }

    /// A node has answered: what that says of it, and what rules make of the answer.
    #[inline]
    fn take_answer(&mut self, at: Box<AtNode<D::Stream>>, (pool, index): (&Pool, NodeIndex)) -> Next {
        if at.upload.has_begun() {
            self.transaction.note_body_spent();
        }
        self.at_node = Some(at);
        let asked = self.now.tick;
        self.now = self.worker.clock.now();
        let (status, now) = (self.transaction.response_slot().status(), self.now.tick);
        self.note_pace((status, now.since(asked)), now);
        match pool.answered(index, (status, now.since(asked)), now) {
            Turned::Nothing => {}
            turned => self.tell_turned((pool, index), turned),
        }
        self.tell_of_node(pool, index);
        let next = self.transaction.response_received(self.now);
        self.obey_rules();
        next
    }

    /// What the answer's coming says of what the pool bears.
    fn note_pace(&mut self, (status, took): (u16, Duration), now: Tick) {
        let Some(at) = &mut self.at_node else { return };
        let Some(place) = &at.spare_place else { return };
        self.transaction.note_pace(place, (status, took), now);
        if status == SWITCHING_PROTOCOLS {
            // How long what follows lasts says nothing of that.
            at.spare_place = None;
        }
    }

    #[cold]
    fn tell_turned(&self, place: (&Pool, NodeIndex), turned: Turned) {
        let (counters, now) = (self.worker.shared.counters(), self.worker.clock.tick());
        match turned {
            Turned::Nothing => {}
            Turned::Back => {
                counters.node_recoveries.add_one();
                self.worker.node_messages.node_is_back(place, now);
            }
            Turned::Ejected(length) => {
                counters.node_ejections.add_one();
                self.worker.node_messages.node_ejected(place, length, now);
            }
        }
    }

    /// Whether the request may be sent once more, as far as the pool's others are asked; counted either way.
    #[cold]
    fn may_spend_retry(&self, pool: &Pool) -> bool {
        let counters = self.worker.shared.counters();
        let is_allowed = pool.may_spend_retry(self.now.tick);
        if is_allowed {
            counters.node_retries.add_one();
        } else {
            counters.node_retries_refused.add_one();
        }
        is_allowed
    }

    /// For rules that ask who answered.
    fn tell_of_node(&mut self, pool: &Pool, index: NodeIndex) {
        let Some(node) = self.transaction.node(pool, index) else { return };
        let name = Arc::clone(&node.name);
        let stream = self.at_node.as_ref().map(|at| &at.link.stream);
        let ends = stream.filter(|_| self.transaction.may_ask_for_ends()).and_then(Wire::ends);
        let (local, remote) = ends.unzip();
        self.transaction.reached(NodeEnds { name, local, remote }, self.now.tick);
    }

    /// What a failed attempt means for the node, and that the operator hears of it.
    #[cold]
    fn note_failure(&self, (pool, index): (&Pool, NodeIndex), failure: TransactionError) {
        let (counters, now) = (self.worker.shared.counters(), self.worker.clock.tick());
        if is_nodes_fault(failure.kind) {
            counters.node_failures.add_one();
        } else if matches!(failure.kind, ErrorKind::NodeBadResponse(_)) {
            counters.node_bad_responses.add_one();
        } else {
            return;
        }
        let turned = pool.failed(index, failure, now);
        self.worker.node_messages.node_failed((pool, index), failure, now);
        self.tell_turned((pool, index), turned);
    }

    /// One node: first on a connection that is there, then, if the node closed that one just now, on a new one.
    async fn try_node(
        &mut self,
        pool: (&Pool, PoolId),
        (index, mut in_flight): (NodeIndex, Option<InFlight>),
    ) -> Result<Box<AtNode<D::Stream>>, Miss> {
        let place = NodePlace { generation: self.request.pinned.generation, pool: pool.1, node: index };
        let shared = self.shared_node(pool.0, index);
        let behalf = self.behalf(pool.0);
        let mut idle = match &shared {
            Some(node) if !node.speaks_http1.get() => None,
            _ => self.worker.idle.take(place, behalf),
        };
        let mut may_be_old = true;
        // One place in the code from which an attempt is made: the future is large, and each place costs its size.
        loop {
            let (stream, reused) = match idle.take() {
                Some(stream) => (NodeWire::Usual(stream), true),
                None => match shared.as_ref().and_then(|node| node.stream_for(self.terms.upgrade)) {
                    Some(stream) => (NodeWire::other(stream), may_be_old),
                    None => {
                        (Box::pin(self.connect((pool.0, behalf), (index, shared.as_ref()))).await?, false)
                    }
                },
            };
            may_be_old = false;
            let mut at = self.prepare(pool.0, place, stream);
            at.owner = behalf;
            at.in_flight = in_flight.take();
            let Err(stop) = self.await_head(&mut at, pool.0).await else { return Ok(at) };
            match self.missed(&mut at, stop, reused) {
                Miss::Failed { error, reused: true }
                    if error.kind == ErrorKind::NodeClosed
                        && error.may_retry(self.transaction.is_idempotent()) =>
                {
                    in_flight = at.in_flight.take();
                }
                miss => return Err(miss),
            }
        }
    }

    /// The transaction's own limit, if that is what passed.
    pub(super) fn or_too_long(&self, kind: ErrorKind) -> ErrorKind {
        if self.worker.clock.tick() >= self.ceiling { ErrorKind::TransactionTimeout } else { kind }
    }

    /// The request, ready to be sent on this connection.
    fn prepare(
        &self,
        pool: &Pool,
        place: NodePlace,
        mut stream: NodeWire<D::Stream>,
    ) -> Box<AtNode<D::Stream>> {
        let server = self.request.pinned.catalog.virtual_server(self.request.virtual_server);
        let mut out = self.worker.buffers.output();
        let source = self.transaction.request_body();
        let body = match source {
            RequestBody::Written([]) if self.request.body == BodyKind::None => BodyKind::None,
            RequestBody::Written(written) => BodyKind::Length(written.len() as u64),
            RequestBody::AsItComes | RequestBody::Begun(_) => self.request.body,
        };
        // Who knows the end of a body by the end of its stream; a node is told by chunks.
        let body_to_node = if body == BodyKind::UntilClose { BodyKind::Chunked } else { body };
        let expects_continue = self.terms.expects_continue && source == RequestBody::AsItComes;
        let mut ours = None;
        let onward = Onward {
            head: self.transaction.request(),
            body: body_to_node,
            peer: &self.client.peer,
            asked_host: self.transaction.asked_host(),
            forwarding: self.transaction.forwarding(),
            named_client: self.transaction.named_client(),
            server,
            request_name: self.transaction.request_name(&mut ours),
            node_name: self.transaction.node(pool, place.node).map_or("", |node| &*node.name),
            expects_continue,
            // A rule may have taken the field away.
            upgrade: self.terms.upgrade && self.transaction.request().fields().has(Known::Upgrade),
        };
        write_request(&onward, &mut out);
        // Where the stream has an end, its body needs no frames of our own.
        let is_chunked = body_to_node == BodyKind::Chunked && !stream.is_shared();
        let coding = if is_chunked { Coding::Chunked } else { Coding::Plain };
        let limits = self.request.pinned.limits(self.request.virtual_server);
        if stream.is_shared() {
            stream.prepare(limits, self.terms.version == Version::Http2);
            self.worker.shared.counters().node_http2_streams.add_one();
        }
        let mut upload = match source {
            RequestBody::AsItComes => Relay::new(body, coding, limits, out),
            source => self.upload_of(source, coding, out),
        };
        upload.held = expects_continue && self.client.link.input.is_empty();
        upload.pace_by(self.transaction.request_flow(place.pool, self.now), &self.worker.clock);
        self.demand_of(&mut upload);
        if let Some(mark) = self.transaction.mark_to_node() {
            stream.mark(mark);
        }
        Box::new(AtNode {
            link: Link::new(stream),
            place,
            upload,
            upload_failed: false,
            body: BodyKind::None,
            intake: None,
            keep_alive: false,
            owner: None,
            class_place: None,
            spare_place: None,
            in_flight: None,
        })
    }

    /// What the client has to keep to while it sends its body.
    fn demand_of(&self, upload: &mut Relay) {
        if upload.is_whole() {
            return;
        }
        let rate = self.request.pinned.timeouts(self.request.virtual_server).min_body_rate;
        upload.demand(Demand::Rate(LeastRate::new(rate)));
        if let Some(most) = self.transaction.body_bytes_max() {
            let begun = match self.transaction.request_body() {
                RequestBody::Begun(begun) => begun.len() as u64,
                RequestBody::AsItComes | RequestBody::Written(_) => 0,
            };
            upload.limit_payload(most.saturating_sub(begun));
        }
    }

    /// A request whose body rules have read or written.
    #[cold]
    fn upload_of(&self, source: RequestBody<'_>, coding: Coding, mut out: Vec<u8>) -> Relay {
        let (bytes, intake) = match (source, &self.intake) {
            (RequestBody::Begun(begun), Some(intake)) => (begun, intake.again()),
            (RequestBody::Written(bytes) | RequestBody::Begun(bytes), _) => (bytes, Intake::over()),
            (RequestBody::AsItComes, _) => (&[][..], Intake::over()),
        };
        let mut upload = frame_begun(bytes, intake, coding, &mut out);
        upload.put_out(out);
        upload
    }

    /// The node gave no answer.
    #[cold]
    fn missed(&mut self, at: &mut AtNode<D::Stream>, stop: Stop, reused: bool) -> Miss {
        self.body_begun |= at.upload.has_begun();
        at.upload.recycle(&self.worker.buffers);
        self.worker.buffers.discard(&mut at.link.input);
        match stop {
            Stop::Gone(gone) => Miss::Gone(gone),
            Stop::Kind(mut kind) => {
                let mut progress = progress(&at.upload, self.body_begun);
                if at.link.stream.is_unsent() && !self.body_begun {
                    progress = Progress::NothingSent;
                }
                match (kind, at.link.stream.fault()) {
                    (ErrorKind::NodeClosed, Some(code)) => kind = ErrorKind::NodeBadResponse(code),
                    (ErrorKind::NodeTimeout, _) => at.link.stream.distrust(),
                    _ => {}
                }
                Miss::Failed { error: TransactionError { kind, progress }, reused }
            }
        }
    }

    /// Until a final answer's head is in the transaction.
    async fn await_head(&mut self, at: &mut AtNode<D::Stream>, pool: &Pool) -> Result<(), Stop> {
        let pinned = Rc::clone(&self.request.pinned);
        let limits = pinned.answer_limits(self.request.virtual_server);
        let method = RequestMethod::of(self.transaction.request().method());
        let mut scan: Option<Box<HeadScan>> = None;
        let mut interims = 0;
        let mut is_sent = self.request.body == BodyKind::None;
        let max_reply_time = self.transaction.max_reply_time(pool);
        let patience = if at.upload.held { CONTINUE_PATIENCE } else { max_reply_time };
        self.client.watch.set(self.now.tick.saturating_add(patience).min(self.ceiling));
        loop {
            match poll_fn(|context| self.poll_answer(at, &mut is_sent, context)).await {
                Event::Bytes => {}
                Event::Sent => {
                    let until = self.worker.clock.tick().saturating_add(max_reply_time);
                    self.client.watch.set(until.min(self.ceiling));
                    continue;
                }
                Event::NodeClosed => return Err(Stop::Kind(ErrorKind::NodeClosed)),
                Event::ClientFault(SenderFault::Cut) | Event::ClientGone => {
                    return Err(Stop::Gone(Gone::Left));
                }
                Event::ClientFault(SenderFault::TooLong) => {
                    return Err(Stop::Kind(ErrorKind::ClientBodyTooLong));
                }
                Event::ClientFault(SenderFault::Bad) => return Err(Stop::Kind(ErrorKind::ClientBody)),
                Event::Alarm(Alarm::Deadline) if at.upload.held => {
                    Box::pin(self.let_body_come(at)).await?;
                    let until = self.worker.clock.tick().saturating_add(max_reply_time);
                    self.client.watch.set(until.min(self.ceiling));
                    continue;
                }
                Event::Alarm(Alarm::Deadline) => {
                    let kind = if is_sent || at.upload.is_waiting_to_write() {
                        ErrorKind::NodeTimeout
                    } else {
                        ErrorKind::ClientStalled
                    };
                    return Err(Stop::Kind(self.or_too_long(kind)));
                }
                Event::Alarm(_) => return Err(Stop::Gone(Gone::Stopped)),
            }
            // All heads that are there: interim ones may come together with the real one.
            while scan.as_mut().is_none_or(|scan| scan.is_ready(at.link.input.bytes())) {
                let decoded =
                    decode_response(at.link.input.bytes(), limits, method, self.transaction.response_slot());
                match decoded {
                    Ok(Decoded::Complete { consumed, body }) => {
                        at.link.input.consume(consumed);
                        scan = None;
                        if self.is_final(at, body)? {
                            return Ok(());
                        }
                        interims += 1;
                        if interims > INTERIM_MAX {
                            return Err(Stop::Kind(ErrorKind::NodeBadResponse("too-many-interim")));
                        }
                        Box::pin(self.pass_interim(at)).await?;
                    }
                    Ok(Decoded::Partial) => {
                        let seen = scan.get_or_insert_with(|| Box::new(HeadScan::new(limits)));
                        seen.is_ready(at.link.input.bytes());
                        break;
                    }
                    Err(bad) => return Err(Stop::Kind(ErrorKind::NodeBadResponse(bad.code()))),
                }
            }
        }
    }

    /// Whether the head in the transaction is the answer; notes what holds for the connection then.
    fn is_final(&mut self, at: &mut AtNode<D::Stream>, body: BodyKind) -> Result<bool, Stop> {
        let (asked_upgrade, is_sent) = (self.terms.upgrade, at.upload.is_over());
        let head = &*self.transaction.response_slot();
        let options = connection_options(head.fields());
        at.body = body;
        at.keep_alive = body != BodyKind::UntilClose
            && match head.version() {
                Version::Http11 | Version::Http2 => !options.close,
                Version::Http10 => options.keep_alive && !options.close,
            };
        match head.status() {
            101 if asked_upgrade && is_sent => match self.client.link.stream.http2() {
                Some(stream) if !stream.is_accepted_by(self.transaction.response_slot()) => {
                    Err(Stop::Kind(ErrorKind::NodeBadResponse("websocket-accept")))
                }
                _ => Ok(true),
            },
            101 => Err(Stop::Kind(ErrorKind::NodeBadResponse("unasked-upgrade"))),
            status => Ok(status >= 200),
        }
    }

    /// An interim answer, on to a client that knows such things.
    async fn pass_interim(&mut self, at: &mut AtNode<D::Stream>) -> Result<(), Stop> {
        if self.transaction.response_slot().status() == 100 {
            return if at.upload.held { self.let_body_come(at).await } else { Ok(()) };
        }
        if self.terms.version == Version::Http10 {
            return Ok(());
        }
        let reply = Reply {
            framing: Framing::Nothing,
            keep_alive: true,
            client_version: Version::Http11,
            via: false,
            upgrade: false,
        };
        if let Some(stream) = self.client.link.stream.http2() {
            stream.put_interim(self.transaction.response_slot(), reply);
            return Ok(());
        }
        let mut out = self.worker.buffers.output();
        write_response(self.transaction.response_slot(), reply, &mut out);
        self.say(&out).await?;
        self.worker.buffers.return_output(out);
        Ok(())
    }

    /// Tells the client to send its body.
    async fn let_body_come(&mut self, at: &mut AtNode<D::Stream>) -> Result<(), Stop> {
        at.upload.held = false;
        self.say_continue().await
    }

    /// Tells the client that its body is wanted.
    pub(super) async fn say_continue(&mut self) -> Result<(), Stop> {
        if let Some(stream) = self.client.link.stream.http2() {
            stream.put_continue();
            return Ok(());
        }
        self.say(b"HTTP/1.1 100 Continue\r\n\r\n").await
    }

    async fn say(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        match self.client.link.write_all(&self.client.watch, bytes).await {
            Ok(()) => Ok(()),
            Err(Broken::Alarm(Alarm::Cut)) => Err(Stop::Gone(Gone::Stopped)),
            Err(_) => Err(Stop::Gone(Gone::Left)),
        }
    }

    fn poll_answer(
        &mut self,
        at: &mut AtNode<D::Stream>,
        is_sent: &mut bool,
        context: &mut Context<'_>,
    ) -> Poll<Event> {
        let worker = self.worker;
        if !at.upload_failed && !at.upload.is_over() {
            let watch = Rc::clone(&self.client.watch);
            let around = Self::around(worker, &watch, (&self.request, self.ceiling));
            let mut moved = at.poll_upload(context, &mut self.client.link, &around);
            if at.upload.is_too_long() && !self.transaction.body_is_too_long() {
                // The protection class is only being tested.
                at.upload.limit_payload(u64::MAX);
                moved = at.poll_upload(context, &mut self.client.link, &around);
            }
            match moved {
                Poll::Ready(Ok(())) if !*is_sent => {
                    *is_sent = true;
                    return Poll::Ready(Event::Sent);
                }
                Poll::Ready(Err(Failure::Sender(fault))) => return Poll::Ready(Event::ClientFault(fault)),
                // It may have answered before it stopped taking the request.
                Poll::Ready(Err(Failure::Receiver)) => at.upload_failed = true,
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        // Many streams of one client may take nothing for long, and thousands may share a bandwidth class: each holds no
        // more than a small piece until it goes.
        let room = if self.client.is_stream() || self.transaction.response_class_name().is_some() {
            (Size::Small, crate::buffers::SMALL_BYTES)
        } else {
            (Size::Large, ANSWER_READ_BYTES)
        };
        match at.link.poll_fill(context, &worker.buffers, room) {
            Poll::Ready(Ok(count)) if count > 0 => return Poll::Ready(Event::Bytes),
            Poll::Ready(_) => return Poll::Ready(Event::NodeClosed),
            Poll::Pending => {}
        }
        if at.upload.is_over() && poll_gone(self.client, worker, Ended::MeansNoMore, context).is_ready() {
            return Poll::Ready(Event::ClientGone);
        }
        self.client.watch.poll_alarm(context).map(Event::Alarm)
    }
}

/// Why the head of an answer was not awaited any longer.
#[derive(Clone, Copy)]
pub(super) enum Stop {
    Gone(Gone),
    Kind(ErrorKind),
}

/// Whether the node is to be left alone for a while.
fn is_nodes_fault(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NodeRefused
            | ErrorKind::NodeConnectTimeout
            | ErrorKind::NodeTimeout
            | ErrorKind::NodeClosed
    )
}

fn progress(upload: &Relay, body_begun: bool) -> Progress {
    if body_begun {
        Progress::SentBody
    } else if upload.bytes_written == 0 {
        Progress::NothingSent
    } else {
        Progress::SentWithoutBody
    }
}
