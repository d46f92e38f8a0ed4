//! Bodies that a rule reads: taken from a stream into memory, as much as the rule may have. The rest stays where it
//! is, and the decoder that has come so far goes on with it.

use super::body::{Failure, SenderFault};
use super::exchange::{Ended, Exchange, Gone, poll_gone};
use super::node_side::{AtNode, Stop};
use crate::buffers::{Input, Size};
use crate::node::connect::Dial;
use crate::timers::Alarm;
use crate::wire::{Broken, Wire};
use engine::{BodyEnd, BodySide, ErrorKind, LeastRate, Next};
use http1::{BadBody, BodyDecoder, BodyEvent, BodyKind, Limits};
use message::Fields;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// The reads of a body that is held.
const READ_BYTES: usize = 64 * 1024;

/// How far a body was read for a rule.
pub(super) struct Intake {
    pub(super) decoder: BodyDecoder,
    /// All of the body was read.
    pub(super) is_over: bool,
    pub(super) trailers: Option<Box<Fields>>,
}

/// How much is held now.
enum Held {
    Enough,
    TooLittle,
}

impl Intake {
    pub(super) fn new(kind: BodyKind, limits: &Limits) -> Self {
        Self { decoder: BodyDecoder::new(kind, limits), is_over: kind == BodyKind::None, trailers: None }
    }

    /// Of a body of which nothing is to come.
    pub(super) fn over() -> Self {
        Self { decoder: BodyDecoder::new(BodyKind::None, &Limits::default()), is_over: true, trailers: None }
    }

    /// The same once more, for another try.
    pub(super) fn again(&self) -> Self {
        Self { decoder: self.decoder.clone(), is_over: self.is_over, trailers: self.trailers.clone() }
    }

    /// Takes from `input` until `slot` holds `least` bytes, never more than `most`.
    fn take(
        &mut self,
        input: &mut Input,
        slot: &mut Vec<u8>,
        (least, most): (usize, usize),
    ) -> Result<Held, BadBody> {
        while !self.is_over {
            if slot.len() >= least {
                // A body of known length tells its end without another byte.
                self.is_over = self.decoder.is_done();
                return Ok(Held::Enough);
            }
            // The decoder gives no more payload than it is shown bytes.
            let room = most - slot.len();
            let shown = input.bytes().get(..room).unwrap_or(input.bytes());
            match self.decoder.decode(shown)? {
                BodyEvent::Data { start, end, consumed } => {
                    slot.extend_from_slice(shown.get(start..end).unwrap_or_default());
                    input.consume(consumed);
                }
                BodyEvent::NeedMore { consumed } => {
                    input.consume(consumed);
                    if input.is_empty() {
                        return Ok(Held::TooLittle);
                    }
                }
                BodyEvent::End { consumed, trailers } => {
                    input.consume(consumed);
                    (self.is_over, self.trailers) = (true, trailers);
                }
            }
        }
        Ok(Held::Enough)
    }

    /// Passes over what has come already; whether that was all of it.
    pub(super) fn pass_over(&mut self, input: &mut Input) -> bool {
        while !self.is_over {
            match self.decoder.decode(input.bytes()) {
                Ok(BodyEvent::Data { consumed, .. }) => input.consume(consumed),
                Ok(BodyEvent::End { consumed, .. }) => {
                    input.consume(consumed);
                    self.is_over = true;
                }
                Ok(BodyEvent::NeedMore { .. }) | Err(_) => return false,
            }
        }
        true
    }

    fn end(&self) -> BodyEnd {
        if self.is_over { BodyEnd::Whole } else { BodyEnd::Open }
    }
}

impl<S: Wire, D: Dial> Exchange<'_, S, D> {
    /// Reads a body for a rule, and goes on with the rule.
    pub(super) async fn bring_body(&mut self, side: BodySide, bounds: (usize, usize)) -> Result<Next, Gone> {
        let end = match side {
            BodySide::Request => match self.read_request(bounds).await {
                Ok(end) => end,
                Err(Stop::Gone(gone)) => return Err(gone),
                Err(Stop::Kind(kind)) => return Ok(self.failed(kind, engine::Progress::NothingSent)),
            },
            BodySide::Response => self.read_answer(bounds).await?,
        };
        self.now = self.worker.clock.now();
        Ok(self.transaction.body_read(side, end, self.now))
    }

    async fn read_request(&mut self, bounds: (usize, usize)) -> Result<BodyEnd, Stop> {
        let limits = self.request.pinned.limits(self.request.virtual_server);
        let kind = self.request.body;
        let mut intake = self.intake.take().unwrap_or_else(|| Box::new(Intake::new(kind, limits)));
        let read = self.fill_from_client(&mut intake, bounds).await;
        let end = intake.end();
        self.intake = Some(intake);
        read.map(|()| end)
    }

    async fn fill_from_client(&mut self, intake: &mut Intake, bounds: (usize, usize)) -> Result<(), Stop> {
        let timeouts = self.request.pinned.timeouts(self.request.virtual_server);
        let (patience, mut rate) = (timeouts.idle, LeastRate::new(timeouts.min_body_rate));
        let most = self.transaction.body_bytes_max().unwrap_or(u64::MAX);
        loop {
            let slot = self.transaction.body_slot(BodySide::Request);
            match intake.take(&mut self.client.link.input, slot, bounds) {
                Ok(Held::Enough) if slot.len() as u64 > most && self.transaction.body_is_too_long() => {
                    return Err(Stop::Kind(ErrorKind::ClientBodyTooLong));
                }
                Ok(Held::Enough) => return Ok(()),
                Ok(Held::TooLittle) => {}
                Err(_) => return Err(Stop::Kind(ErrorKind::ClientBody)),
            }
            if self.terms.expects_continue {
                // Somebody wants the body now; the node need not be asked any more.
                self.terms.expects_continue = false;
                // Behind the head of an answer there is no place for an interim one; the answer itself tells the
                // client that nobody holds it back.
                if self.streaming.is_none() {
                    self.say_continue().await?;
                }
            }
            let now = self.worker.clock.tick();
            let until = now.saturating_add(patience).min(self.ceiling).min(rate.waits(now));
            self.client.watch.set(until);
            let client = &mut *self.client;
            match client.link.fill(&client.watch, &self.worker.buffers, (Size::Large, READ_BYTES)).await {
                // A stream of HTTP/2 whose length was not said.
                Ok(0) if intake.decoder.at_eof().is_ok() => {
                    intake.is_over = true;
                    intake.trailers = client.link.stream.take_trailers();
                    return Ok(());
                }
                Ok(0) | Err(Broken::Ended | Broken::Io(_)) => return Err(Stop::Gone(Gone::Left)),
                Ok(count) => {
                    rate.rests(self.worker.clock.tick());
                    rate.came(count as u64);
                }
                Err(Broken::Alarm(Alarm::Deadline)) => {
                    return Err(Stop::Kind(self.or_too_long(ErrorKind::ClientStalled)));
                }
                Err(Broken::Alarm(_)) => return Err(Stop::Gone(Gone::Stopped)),
            }
        }
    }

    /// A node that breaks off, or says nothing for too long, has sent what it will send.
    async fn read_answer(&mut self, bounds: (usize, usize)) -> Result<BodyEnd, Gone> {
        let Some(mut at) = self.at_node.take() else { return Ok(BodyEnd::Cut) };
        let limits = self.request.pinned.limits(self.request.virtual_server);
        let kind = at.body;
        let mut intake = at.intake.take().unwrap_or_else(|| Box::new(Intake::new(kind, limits)));
        let read = self.fill_from_node(&mut at, &mut intake, bounds).await;
        at.intake = Some(intake);
        self.at_node = Some(at);
        read
    }

    async fn fill_from_node(
        &mut self,
        at: &mut AtNode<D::Stream>,
        intake: &mut Intake,
        bounds: (usize, usize),
    ) -> Result<BodyEnd, Gone> {
        let patience = self.request.pinned.timeouts(self.request.virtual_server).idle;
        loop {
            let slot = self.transaction.body_slot(BodySide::Response);
            match intake.take(&mut at.link.input, slot, bounds) {
                Ok(Held::Enough) => return Ok(intake.end()),
                Ok(Held::TooLittle) => {}
                Err(_) => return Ok(BodyEnd::Cut),
            }
            self.worker.buffers.settle(&mut at.link.input);
            let until = self.worker.clock.tick().saturating_add(patience).min(self.ceiling);
            self.client.watch.set(until);
            match self.more_from_node(at).await? {
                More::Bytes => {}
                More::Ended => {
                    intake.is_over = intake.decoder.at_eof().is_ok();
                    return Ok(if intake.is_over { BodyEnd::Whole } else { BodyEnd::Cut });
                }
            }
        }
    }

    /// Until the node sends something; what is left of the request goes to it meanwhile.
    async fn more_from_node(&mut self, at: &mut AtNode<D::Stream>) -> Result<More, Gone> {
        let worker = self.worker;
        let client = &mut *self.client;
        let watch = Rc::clone(&client.watch);
        let around = Self::around(worker, &watch, (&self.request, self.ceiling));
        poll_fn(|context| {
            if !at.upload_failed
                && !at.upload.is_over()
                && let Poll::Ready(Err(failure)) = at.poll_upload(context, &mut client.link, &around)
            {
                at.upload_failed = true;
                if matches!(failure, Failure::Sender(SenderFault::Cut)) {
                    return Poll::Ready(Err(Gone::Left));
                }
            }
            match at.link.poll_fill(context, &worker.buffers, (Size::Large, READ_BYTES)) {
                Poll::Ready(Ok(count)) if count > 0 => return Poll::Ready(Ok(More::Bytes)),
                Poll::Ready(_) => return Poll::Ready(Ok(More::Ended)),
                Poll::Pending => {}
            }
            if (at.upload.is_over() || at.upload_failed)
                && poll_gone(client, worker, Ended::MeansNoMore, context).is_ready()
            {
                return Poll::Ready(Err(Gone::Left));
            }
            watch.poll_alarm(context).map(|alarm| match alarm {
                Alarm::Deadline => Ok(More::Ended),
                _ => Err(Gone::Stopped),
            })
        })
        .await
    }
}

/// What came of waiting for a node.
enum More {
    Bytes,
    Ended,
}
