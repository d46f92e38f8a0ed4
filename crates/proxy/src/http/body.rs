//! A body on its way from one stream to another: read, unframed, framed anew, counted, and paced where a class says
//! so. The head that goes before it goes the same way.
//!
//! ```text
//! reader ── input ──▶ decoder ──▶ [out: head, framing, small payload] [payload still in the input] ──▶ writer
//!                                  └───────────── written together, no more than the grant ──────┘
//! ```
//!
//! Nothing is read while something waits to be written, so a slow receiver slows the sender, and a transfer holds one
//! piece at most: the piece grows while all goes through at once, and shrinks when the receiver falls behind.

use super::pace::{PACED_READ_BYTES_MIN, Pace};
use crate::buffers::{Buffers, Input, Size};
use crate::clock::Clock;
use crate::timers::Watch;
use crate::wire::{Link, Wire};
use engine::LeastRate;
use http1::{BadBody, BodyDecoder, BodyEvent, BodyKind, Limits, encode};
use message::Fields;
use shaping::{Flow, Tick};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Payload up to this size is copied behind the head, so that both go in one plain write.
pub(super) const COPIED_PAYLOAD_BYTES: usize = 4 * 1024;
/// Output gathered before it is written.
const GATHERED_BYTES: usize = 32 * 1024;
/// The first read of a body, and the most that is held for a receiver that falls behind.
const FIRST_READ_BYTES: usize = 64 * 1024;
/// The largest read: twice as much at once costs little less.
const LARGEST_READ_BYTES: usize = 256 * 1024;

/// How payload is framed for the receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Coding {
    /// As it is: its length was said in the head, or the end of the connection ends it.
    Plain,
    /// In chunks of ours.
    Chunked,
}

/// What a relay works with.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) buffers: &'a Buffers,
    pub(crate) watch: &'a Rc<Watch>,
    /// Without a byte moving for so long, the transfer is given up.
    pub(crate) patience: Duration,
    /// The transaction's last moment, or an earlier one by which another relay must have moved.
    pub(crate) ceiling: Tick,
}

impl Surroundings<'_> {
    /// The present wait may take `patience` from now on, and last until `due` at most.
    fn rearm_until(&self, now: Tick, due: Tick) {
        self.watch.set(now.saturating_add(self.patience).min(self.ceiling).min(due));
    }
}

/// What a relay that is not through waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum WaitsFor {
    /// A word of the receiver, or its turn in a bandwidth class.
    Leave,
    /// Bytes of the sender.
    Sender,
    /// Room at the receiver.
    Receiver,
}

/// What a relay demands of the client at one of its ends.
#[derive(Debug)]
pub(crate) enum Demand {
    /// Nothing.
    Nothing,
    /// The client sends: at a least rate.
    Rate(LeastRate),
    /// The client receives: something within this time, if something is there for it.
    Room(Duration),
}

/// Why a body did not get through.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The sender broke off, or its framing is wrong.
    Sender(SenderFault),
    /// The receiver does not take it.
    Receiver,
}

/// What the sender did.
#[derive(Debug)]
pub(crate) enum SenderFault {
    /// The stream ended or failed before the body was complete.
    Cut,
    /// The body's framing is malformed.
    Bad,
    /// The body is longer than it may be.
    TooLong,
}

/// When the first byte was written, for who wants to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum FirstByte {
    #[default]
    Unwanted,
    Awaited,
    At(Tick),
}

/// One body (with the head before it) under way.
pub(crate) struct Relay {
    /// `None` once the whole body was seen.
    decoder: Option<Box<BodyDecoder>>,
    coding: Coding,
    /// To be written first, from `out_at` on.
    out: Vec<u8>,
    out_at: usize,
    /// Payload at the start of the reader's input, to be written (or framed) after `out`.
    payload: usize,
    /// All payload has been seen and its end is in `out`.
    complete: bool,
    /// Trailers of a body that is not framed anew: whoever ends the stream sends them.
    trailers: Option<Box<Fields>>,
    /// Where the sender's framing went wrong.
    fault: Option<BadBody>,
    /// The body waits for a word of the receiver; the head does not.
    pub(crate) held: bool,
    pace: Option<Box<Pace>>,
    read_limit: usize,
    /// Something moved since the time-out was set.
    moved: bool,
    waits_for: WaitsFor,
    demand: Demand,
    /// By when the client must have done its part.
    due: Tick,
    /// Bytes read since the time-out was set.
    came: u64,
    payload_taken: u64,
    /// The most payload that goes through.
    payload_max: u64,
    /// Bytes of the sender's that were taken, framing too.
    taken: u64,
    /// Bytes written, head and framing included.
    pub(crate) bytes_written: u64,
    pub(crate) first_byte: FirstByte,
}

impl Relay {
    /// `out` holds the head.
    #[inline]
    pub(crate) fn new(kind: BodyKind, coding: Coding, limits: &Limits, out: Vec<u8>) -> Self {
        let complete = kind == BodyKind::None;
        let decoder = if complete { None } else { Some(Box::new(BodyDecoder::new(kind, limits))) };
        Self { decoder, complete, ..Self::through(coding, out) }
    }

    /// As [`Self::new`]; a short body that lies in `input` as a whole is taken from there at once.
    #[inline]
    pub(crate) fn with_input(
        (kind, coding): (BodyKind, Coding),
        limits: &Limits,
        mut out: Vec<u8>,
        input: &mut Input,
    ) -> Self {
        if let (BodyKind::Length(length), Coding::Plain) = (kind, coding)
            && let Ok(length) = usize::try_from(length)
            && length <= COPIED_PAYLOAD_BYTES
            && let Some(payload) = input.bytes().get(..length)
        {
            out.extend_from_slice(payload);
            input.consume(length);
            return Self { payload_taken: length as u64, ..Self::through(coding, out) };
        }
        Self::new(kind, coding, limits, out)
    }

    /// As [`Self::new`], for a body of which some was read already; that lies in `out` behind the head.
    pub(crate) fn going_on(decoder: BodyDecoder, coding: Coding, out: Vec<u8>) -> Self {
        Self { decoder: Some(Box::new(decoder)), complete: false, ..Self::through(coding, out) }
    }

    /// Counts a head that went another way.
    pub(crate) fn count_head(&mut self, bytes: usize, clock: &Clock) {
        if bytes > 0 {
            self.note_written(bytes, clock);
        }
    }

    /// Trailers that are to go behind all that was written.
    pub(crate) fn take_trailers(&mut self) -> Option<Box<Fields>> {
        self.trailers.take()
    }

    /// Keeps trailers for [`Self::take_trailers`].
    pub(crate) fn put_trailers(&mut self, trailers: Option<Box<Fields>>) {
        self.trailers = trailers;
    }

    /// Counts payload that lies in `out`.
    pub(crate) fn count_payload(&mut self, bytes: usize) {
        self.payload_taken += bytes as u64;
    }

    /// From now on the payload comes unframed, up to the end of another stream. What follows the body where it comes from
    /// now; `None` if all of it was taken.
    pub(crate) fn hand_over_source(&mut self, limits: &Limits) -> Option<Box<BodyDecoder>> {
        let unframed =
            if self.complete { None } else { Some(Box::new(BodyDecoder::new(BodyKind::UntilClose, limits))) };
        std::mem::replace(&mut self.decoder, unframed).filter(|_| !self.complete)
    }

    /// Puts what is to be written first in its place.
    pub(crate) fn put_out(&mut self, out: Vec<u8>) {
        self.out = out;
    }

    /// Where more is put for a relay whose every byte is put there.
    pub(crate) fn more_out(&mut self) -> &mut Vec<u8> {
        if self.out_at == self.out.len() {
            self.out.clear();
            self.out_at = 0;
        }
        &mut self.out
    }

    /// Everything is in `out`.
    #[inline]
    pub(crate) fn through(coding: Coding, out: Vec<u8>) -> Self {
        Self {
            decoder: None,
            coding,
            out,
            out_at: 0,
            payload: 0,
            complete: true,
            trailers: None,
            fault: None,
            held: false,
            pace: None,
            read_limit: FIRST_READ_BYTES,
            moved: true,
            waits_for: WaitsFor::Leave,
            demand: Demand::Nothing,
            due: Tick::MAX,
            came: 0,
            payload_taken: 0,
            payload_max: u64::MAX,
            taken: 0,
            bytes_written: 0,
            first_byte: FirstByte::Unwanted,
        }
    }

    /// From now on what is written is granted by `flow`, or by nobody.
    #[inline]
    pub(crate) fn pace_by(&mut self, flow: Option<Flow>, clock: &Clock) {
        if let Some(flow) = flow {
            self.pace = Some(Box::new(Pace::new(flow, clock)));
            self.read_limit = PACED_READ_BYTES_MIN;
        } else {
            self.pace = None;
        }
    }

    /// From now on the client at one end has to keep up.
    pub(crate) fn demand(&mut self, demand: Demand) {
        self.demand = demand;
        self.due = Tick::MAX;
    }

    /// By when the client must have done its part.
    pub(crate) fn due(&self) -> Tick {
        self.due
    }

    /// Everything has been written.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.complete && self.unwritten() == 0
    }

    /// Whether nothing more of the sender is wanted.
    pub(crate) fn is_whole(&self) -> bool {
        self.complete
    }

    /// Whether a class says how fast it is written.
    pub(crate) fn is_paced(&self) -> bool {
        self.pace.is_some()
    }

    /// How much of a paced body is read at a time.
    pub(crate) fn ahead_bytes(&self) -> usize {
        self.pace.as_ref().map_or(FIRST_READ_BYTES, |pace| pace.ahead_bytes())
    }

    /// Whether the receiver is what it waits for.
    pub(crate) fn is_waiting_to_write(&self) -> bool {
        self.unwritten() > 0
    }

    /// From now on the sender's fault is a body of more than so many bytes.
    pub(crate) fn limit_payload(&mut self, bytes: u64) {
        self.payload_max = bytes;
    }

    /// Whether the body has passed its limit.
    pub(crate) fn is_too_long(&self) -> bool {
        self.payload_taken > self.payload_max
    }

    /// Whether any of the sender's body was taken, so that it cannot be taken once more.
    pub(crate) fn has_begun(&self) -> bool {
        self.taken > 0
    }

    /// Bytes of payload written.
    pub(crate) fn payload_written(&self) -> u64 {
        let held = self.out.len() - self.out_at + self.payload;
        self.payload_taken.saturating_sub(held as u64)
    }

    /// Gives the output buffer back.
    #[inline]
    pub(crate) fn recycle(&mut self, buffers: &Buffers) {
        buffers.return_output(std::mem::take(&mut self.out));
        self.out_at = 0;
    }

    /// Moves what can be moved. Ready when all is written, or when it cannot go on.
    #[inline]
    pub(crate) fn poll<R: Wire, W: Wire>(
        &mut self,
        context: &mut Context<'_>,
        (reader, writer): (&mut Link<R>, &mut Link<W>),
        around: &Surroundings<'_>,
    ) -> Poll<Result<(), Failure>> {
        let waited_for = self.waits_for;
        let moved = if self.complete && self.payload == 0 && self.pace.is_none() {
            self.poll_rest(context, writer, around.clock)
        } else {
            self.drive(context, (reader, writer), around)
        };
        // Who waits for a word has set the time for that itself.
        if moved.is_pending()
            && !self.held
            && (std::mem::take(&mut self.moved) || self.waits_for != waited_for)
        {
            let now = around.clock.tick();
            self.due = self.due_from(now);
            around.rearm_until(now, self.due);
        }
        moved
    }

    /// By when the client must have done its part, as things stand now.
    fn due_from(&mut self, now: Tick) -> Tick {
        let came = std::mem::take(&mut self.came);
        let waits_for = self.waits_for;
        match &mut self.demand {
            Demand::Rate(rate) => {
                rate.rests(now);
                rate.came(came);
                if waits_for == WaitsFor::Sender { rate.waits(now) } else { Tick::MAX }
            }
            Demand::Room(patience) if waits_for == WaitsFor::Receiver => now.saturating_add(*patience),
            _ => Tick::MAX,
        }
    }

    /// All is in `out`, and nothing paces it: what most requests and short answers are from the start.
    fn poll_rest<W: Wire>(
        &mut self,
        context: &mut Context<'_>,
        writer: &mut Link<W>,
        clock: &Clock,
    ) -> Poll<Result<(), Failure>> {
        loop {
            let rest = self.out.get(self.out_at..).unwrap_or_default();
            if rest.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.waits_for = WaitsFor::Receiver;
            match ready!(Pin::new(&mut writer.stream).poll_write(context, rest)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(Failure::Receiver)),
                Ok(count) => {
                    self.note_written(count, clock);
                    self.out_at += count;
                }
            }
        }
    }

    fn drive<R: Wire, W: Wire>(
        &mut self,
        context: &mut Context<'_>,
        (reader, writer): (&mut Link<R>, &mut Link<W>),
        around: &Surroundings<'_>,
    ) -> Poll<Result<(), Failure>> {
        loop {
            if !self.held && !self.complete && self.fault.is_none() {
                // What was good before a fault still goes out.
                self.fault = self.stage(reader).err();
                if self.is_too_long() {
                    return Poll::Ready(Err(Failure::Sender(SenderFault::TooLong)));
                }
            }
            if self.unwritten() > 0 {
                ready!(self.poll_write(context, (reader, writer), around))?;
                continue;
            }
            if self.fault.is_some() {
                return Poll::Ready(Err(Failure::Sender(SenderFault::Bad)));
            }
            if self.complete {
                return Poll::Ready(Ok(()));
            }
            if self.held {
                self.waits_for = WaitsFor::Leave;
                return Poll::Pending;
            }
            self.waits_for = WaitsFor::Sender;
            ready!(self.poll_read(context, reader, around))?;
        }
    }

    /// Frames what the reader has, as far as there is room.
    fn stage<R>(&mut self, reader: &mut Link<R>) -> Result<(), BadBody> {
        while !self.complete && self.out.len() - self.out_at < GATHERED_BYTES {
            if self.payload > 0 {
                if !self.stage_payload(reader) {
                    return Ok(());
                }
                continue;
            }
            let Some(decoder) = &mut self.decoder else { return Ok(()) };
            match decoder.decode(reader.input.bytes())? {
                BodyEvent::Data { start, end, .. } => {
                    reader.input.consume(start);
                    self.taken += end as u64;
                    self.payload = end - start;
                    self.payload_taken += self.payload as u64;
                }
                BodyEvent::NeedMore { consumed } => {
                    reader.input.consume(consumed);
                    self.taken += consumed as u64;
                    return Ok(());
                }
                BodyEvent::End { consumed, trailers } => {
                    reader.input.consume(consumed);
                    self.taken += consumed as u64;
                    self.complete = true;
                    if self.coding == Coding::Chunked {
                        encode::last_chunk(&mut self.out, trailers.as_deref());
                    } else {
                        self.trailers = trailers;
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts payload behind `out`; `false` if it is better written from where it lies.
    fn stage_payload<R>(&mut self, reader: &mut Link<R>) -> bool {
        let payload = reader.input.bytes().get(..self.payload).unwrap_or_default();
        let taken = match self.coding {
            Coding::Plain if payload.len() > COPIED_PAYLOAD_BYTES => {
                self.complete = self.decoder.as_ref().is_none_or(|decoder| decoder.is_done());
                return false;
            }
            Coding::Plain => {
                self.out.extend_from_slice(payload);
                payload.len()
            }
            Coding::Chunked => {
                let piece = payload.get(..GATHERED_BYTES).unwrap_or(payload);
                encode::chunk(&mut self.out, piece);
                piece.len()
            }
        };
        reader.input.consume(taken);
        self.payload -= taken;
        true
    }

    /// Payload that goes out as it lies in the input. (What is to be framed in chunks goes through `out`.)
    fn plain_payload(&self) -> usize {
        if self.coding == Coding::Plain { self.payload } else { 0 }
    }

    /// Bytes that are ready to be written.
    fn unwritten(&self) -> usize {
        self.out.len() - self.out_at + self.plain_payload()
    }

    /// Writes once; ready when something was written.
    fn poll_write<R: Wire, W: Wire>(
        &mut self,
        context: &mut Context<'_>,
        (reader, writer): (&mut Link<R>, &mut Link<W>),
        around: &Surroundings<'_>,
    ) -> Poll<Result<(), Failure>> {
        let wanted = self.unwritten();
        self.waits_for = WaitsFor::Leave;
        let granted = match &mut self.pace {
            None => wanted,
            Some(pace) => {
                // Who waits for its turn holds what it will write and nothing else.
                around.buffers.settle(&mut reader.input);
                ready!(pace.poll_grant(context, around.clock, wanted)).min(wanted)
            }
        };
        self.waits_for = WaitsFor::Receiver;
        let first = self.out.get(self.out_at..).unwrap_or_default();
        let first = first.get(..granted).unwrap_or(first);
        let second = reader.input.bytes().get(..granted - first.len()).unwrap_or_default();
        let second = second.get(..self.plain_payload()).unwrap_or(second);
        let stream = Pin::new(&mut writer.stream);
        let written = if second.is_empty() {
            stream.poll_write(context, first)
        } else if first.is_empty() {
            stream.poll_write(context, second)
        } else {
            stream.poll_write_vectored(context, &[IoSlice::new(first), IoSlice::new(second)])
        };
        let offered = first.len() + second.len();
        match written {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Err(Failure::Receiver)),
            Poll::Ready(Ok(count)) => {
                self.wrote(count, reader, around.clock);
                if count < offered {
                    self.slow_down();
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending => {
                self.slow_down();
                around.buffers.shrink(&mut reader.input);
                Poll::Pending
            }
        }
    }

    #[inline]
    fn note_written(&mut self, count: usize, clock: &Clock) {
        if self.first_byte == FirstByte::Awaited {
            self.first_byte = FirstByte::At(clock.tick());
        }
        self.moved = true;
        self.bytes_written += count as u64;
    }

    fn wrote<R>(&mut self, count: usize, reader: &mut Link<R>, clock: &Clock) {
        self.note_written(count, clock);
        if let Some(pace) = &mut self.pace {
            pace.used(count);
        }
        let of_out = count.min(self.out.len() - self.out_at);
        self.out_at += of_out;
        if self.out_at == self.out.len() {
            self.out.clear();
            self.out_at = 0;
        }
        reader.input.consume(count - of_out);
        self.payload -= count - of_out;
    }

    /// The receiver does not take all at once: hold less for it.
    fn slow_down(&mut self) {
        self.read_limit = self.read_limit.min(FIRST_READ_BYTES);
    }

    /// Reads once; ready when something came, or the end.
    fn poll_read<R: Wire>(
        &mut self,
        context: &mut Context<'_>,
        reader: &mut Link<R>,
        around: &Surroundings<'_>,
    ) -> Poll<Result<(), Failure>> {
        let size = match &self.pace {
            None => Size::Large,
            Some(pace) => {
                self.read_limit = pace.ahead_bytes();
                Size::Small
            }
        };
        around.buffers.settle(&mut reader.input);
        match ready!(reader.poll_fill(context, around.buffers, (size, self.read_limit))) {
            Ok(0) => {
                let trailers = reader.stream.take_trailers();
                self.sender_ended(trailers)
            }
            Ok(count) => {
                self.moved = true;
                self.came += count as u64;
                if count == self.read_limit && self.pace.is_none() {
                    self.read_limit = (self.read_limit * 2).min(LARGEST_READ_BYTES);
                }
                Poll::Ready(Ok(()))
            }
            Err(_) => Poll::Ready(Err(Failure::Sender(SenderFault::Cut))),
        }
    }

    fn sender_ended(&mut self, trailers: Option<Box<Fields>>) -> Poll<Result<(), Failure>> {
        let ended = self.decoder.as_mut().map_or(Ok(()), |decoder| decoder.at_eof());
        Poll::Ready(match ended {
            Ok(()) => {
                self.complete = true;
                if self.coding == Coding::Chunked {
                    encode::last_chunk(&mut self.out, trailers.as_deref());
                } else {
                    self.trailers = trailers;
                }
                Ok(())
            }
            Err(BadBody::Cut) => Err(Failure::Sender(SenderFault::Cut)),
            Err(_) => Err(Failure::Sender(SenderFault::Bad)),
        })
    }
}

/// Says why the system refused, for messages.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
}
