//! A slowed answer that does not hold its node: taken as fast as the node gives it, kept in memory while it is small and
//! in a file beyond, and sent from there at the pace of its class.
//!
//! ```text
//! node ── decoder ──▶ fresh (memory, a piece) ──▶ file ──▶ relay ──▶ client
//!                       └───── what is not in the file yet ─────▲
//! ```
//!
//! The client never waits for a write: what is on its way to the disk is read where it is, in memory.
//!
//! Where there is no file (the room is full, the answer has all that one may have, the disk refuses) the piece in memory
//! is all, and the node waits: back-pressure. What was written before still comes from the file.

use super::body::{Failure, Relay, Surroundings};
use super::exchange::{Exchange, Halt};
use super::node_side::AtNode;
use crate::buffers::{Buffers, Size};
use crate::node::connect::Dial;
use crate::spool::{SpoolFile, SpoolPlaces, Target, Underway};
use crate::timers::Alarm;
use crate::wire::{Link, Wire};
use bytes::{Buf, Bytes, BytesMut};
use engine::Counters;
use engine::catalog::SlowAnswers;
use http1::{BodyDecoder, BodyEvent, BodyKind};
use message::Fields;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is held in memory of an answer: one that is no longer gets no file, and a file is written in such pieces.
const PIECE_BYTES: usize = 32 * 1024;
/// What is read at once where the disk must be waited for.
const DISK_READ_BYTES: u64 = 32 * 1024;
/// A piece is exceeded by so much rather than filled byte by byte.
const LEAST_READ_BYTES: usize = 2 * 1024;
/// The end of an answer that is longer than this follows the rest into the file.
const TAIL_BYTES: usize = 4 * 1024;

/// An answer between its node and its client.
pub(super) struct Spool {
    /// `None` once all was taken of the node.
    decoder: Option<Box<BodyDecoder>>,
    /// The node broke off, or its framing is wrong: what came before is sent, and no end.
    is_cut: bool,
    trailers: Option<Box<Fields>>,
    /// Taken, and not written to the file.
    fresh: BytesMut,
    /// There was no room when the node was last looked at.
    was_full: bool,
    /// What is held where no file is: as much as the client is given at a time or two.
    ahead_bytes: usize,
    file: Option<Arc<SpoolFile>>,
    /// Nothing more goes into a file.
    is_shut: bool,
    written: u64,
    read: u64,
    writing: Option<Writing>,
    reading: Option<Underway<io::Result<Vec<u8>>>>,
    /// Came from the disk, and was not read yet from `ready_at` on.
    ready: Vec<u8>,
    ready_at: usize,
    desk: SpoolDesk,
}

/// A piece on its way to the end of the file.
struct Writing {
    piece: Bytes,
    underway: Underway<io::Result<Arc<SpoolFile>>>,
}

/// What a spool needs of its worker.
pub(super) struct SpoolDesk {
    places: SpoolPlaces,
    shared: Arc<engine::Shared>,
    /// Why there is no file, until it is told.
    refusal: Option<io::Error>,
}

impl SpoolDesk {
    fn counters(&self) -> &Counters {
        self.shared.counters()
    }
}

impl Spool {
    fn new(decoder: Option<Box<BodyDecoder>>, desk: SpoolDesk) -> Self {
        Self {
            decoder,
            is_cut: false,
            trailers: None,
            fresh: BytesMut::new(),
            was_full: false,
            ahead_bytes: 0,
            file: None,
            is_shut: false,
            written: 0,
            read: 0,
            writing: None,
            reading: None,
            ready: Vec::new(),
            ready_at: 0,
            desk,
        }
    }

    /// Takes what the node has. Ready when there is nothing more to take.
    fn poll_take<R: Wire>(
        &mut self,
        context: &mut Context<'_>,
        node: &mut Link<R>,
        buffers: &Buffers,
    ) -> Poll<()> {
        loop {
            self.poll_file(context);
            let room = self.room();
            self.was_full = room == 0;
            let Some(decoder) = &mut self.decoder else { return Poll::Ready(()) };
            match decoder.decode(node.input.bytes()) {
                Ok(BodyEvent::Data { start, end, .. }) => {
                    self.fresh.extend_from_slice(node.input.bytes().get(start..end).unwrap_or_default());
                    node.input.consume(end);
                }
                Ok(BodyEvent::NeedMore { consumed }) => {
                    node.input.consume(consumed);
                    // What was read is always taken as a whole, so that a full piece holds no other memory.
                    buffers.settle(&mut node.input);
                    if self.was_full {
                        return Poll::Pending;
                    }
                    let limit = room.max(LEAST_READ_BYTES);
                    match ready!(node.poll_fill(context, buffers, (Size::Large, limit))) {
                        Ok(0) => {
                            let is_whole = decoder.at_eof().is_ok();
                            let trailers = node.stream.take_trailers();
                            self.end(is_whole, trailers);
                        }
                        Ok(_) => {}
                        Err(_) => self.end(false, None),
                    }
                }
                Ok(BodyEvent::End { consumed, trailers }) => {
                    node.input.consume(consumed);
                    self.end(true, trailers);
                }
                Err(_) => self.end(false, None),
            }
        }
    }

    fn end(&mut self, is_whole: bool, trailers: Option<Box<Fields>>) {
        self.decoder = None;
        self.is_cut = !is_whole;
        self.trailers = trailers;
        if self.fresh.capacity() > self.fresh.len() + TAIL_BYTES {
            // It may be long until the client is there: no more than what it is to get is kept for it.
            self.fresh = BytesMut::from(&*self.fresh);
        }
    }

    /// What the client has not got of the piece that is on its way to the disk.
    fn unread_of_piece(&self) -> &[u8] {
        let Some(Writing { piece, .. }) = &self.writing else { return &[] };
        let read = usize::try_from(self.read.saturating_sub(self.written)).unwrap_or(usize::MAX);
        piece.get(read..).unwrap_or_default()
    }

    /// How much more of the answer may be held in memory. Nothing while a piece is on its way to the disk and not read,
    /// so that many answers that wait for a disk hold one piece each; a client who is faster than the disk goes on.
    fn room(&self) -> usize {
        if !self.unread_of_piece().is_empty() {
            return 0;
        }
        let most = if self.is_shut { self.ahead_bytes.min(PIECE_BYTES) } else { PIECE_BYTES };
        most.saturating_sub(self.fresh.len())
    }

    /// Moves what is in memory into the file, where it is more than a piece or the tail of what is there.
    fn poll_file(&mut self, context: &mut Context<'_>) {
        if let Some(writing) = &mut self.writing {
            let Poll::Ready(written) = writing.underway.as_mut().poll(context) else { return };
            let bytes = writing.piece.len() as u64;
            match written {
                Ok(file) => {
                    self.file = Some(file);
                    self.written += bytes;
                    self.desk.counters().spooled_bytes.add(bytes);
                }
                Err(why) => {
                    // Nothing is lost: the rest goes back to where it was, and the node waits from now on.
                    let mut rest = BytesMut::from(self.unread_of_piece());
                    rest.extend_from_slice(&self.fresh);
                    self.fresh = rest;
                    self.read = self.read.min(self.written);
                    self.is_shut = true;
                    self.desk.counters().spool_failures.add_one();
                    self.desk.refusal = Some(why);
                }
            }
            self.writing = None;
        }
        let enough = match (&self.decoder, &self.file) {
            (None, Some(_)) => TAIL_BYTES,
            _ => PIECE_BYTES,
        };
        if self.is_shut || self.fresh.len() < enough {
            return;
        }
        let Some(target) = self.make_room() else {
            self.is_shut = true;
            self.desk.counters().spool_full.add_one();
            return;
        };
        let piece = std::mem::take(&mut self.fresh).freeze();
        let mut underway = self.desk.places.write(target, piece.clone());
        // Asked once, so that it begins and wakes us; a disk is never so fast that it is over.
        if let Poll::Ready(written) = underway.as_mut().poll(context) {
            underway = Box::pin(std::future::ready(written));
            context.waker().wake_by_ref();
        }
        self.writing = Some(Writing { piece, underway });
    }

    /// Where what is in memory may be written; `None`: nowhere.
    fn make_room(&self) -> Option<Target> {
        let bytes = self.fresh.len() as u64;
        if let Some(file) = &self.file {
            return file.take(bytes).then(|| Target::Old(Arc::clone(file), self.written));
        }
        let settings = &self.desk.shared.catalog().spool;
        let mut share = self.desk.shared.spool().share(settings.answer_bytes_max);
        if !share.take(bytes) {
            return None;
        }
        self.desk.counters().spooled_answers.add_one();
        Some(Target::New(settings.folder.clone(), share))
    }

    /// Whether the node should be looked at again, since the client has taken something.
    fn has_room_again(&self) -> bool {
        self.was_full && self.room() > 0 && self.decoder.is_some()
    }

    fn take_ready(&mut self, room: &mut ReadBuf<'_>) -> bool {
        let rest = self.ready.get(self.ready_at..).unwrap_or_default();
        if rest.is_empty() {
            return false;
        }
        let piece = rest.get(..room.remaining()).unwrap_or(rest);
        room.put_slice(piece);
        self.ready_at += piece.len();
        if self.ready_at == self.ready.len() {
            (self.ready, self.ready_at) = (Vec::new(), 0);
        }
        true
    }

    /// Reads on in the file: at once what the system has in memory, else by way of a thread that waits.
    fn poll_read_file(&mut self, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.take_ready(room) {
                return Poll::Ready(Ok(()));
            }
            let Some(file) = &self.file else { return Poll::Ready(Ok(())) };
            let there = self.written - self.read;
            let reading = if let Some(reading) = &mut self.reading {
                reading
            } else {
                let count = room.remaining().min(usize::try_from(there).unwrap_or(usize::MAX));
                if let Ok(count @ 1..) = file.read_now(room.initialize_unfilled_to(count), self.read) {
                    room.advance(count);
                    self.read += count as u64;
                    return Poll::Ready(Ok(()));
                }
                let count = usize::try_from(there.min(DISK_READ_BYTES)).unwrap_or(usize::MAX);
                self.reading.insert(self.desk.places.read(Arc::clone(file), self.read, count))
            };
            let read = ready!(reading.as_mut().poll(context));
            self.reading = None;
            self.ready = read.inspect_err(|_| self.desk.counters().spool_failures.add_one())?;
            self.read += self.ready.len() as u64;
        }
    }
}

impl AsyncRead for Spool {
    /// Payload, in order; the end only where the node's answer was whole.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.read < this.written || !this.ready.is_empty() {
            return this.poll_read_file(context, room);
        }
        let unread = this.unread_of_piece();
        if !unread.is_empty() {
            let count = unread.len().min(room.remaining());
            room.put_slice(unread.get(..count).unwrap_or_default());
            this.read += count as u64;
            return Poll::Ready(Ok(()));
        }
        if this.writing.is_none() && (this.is_shut || this.decoder.is_none()) {
            // It has been read, and others may want the room.
            this.file = None;
        }
        if !this.fresh.is_empty() {
            let count = this.fresh.len().min(room.remaining());
            room.put_slice(this.fresh.get(..count).unwrap_or_default());
            this.fresh.advance(count);
            if this.fresh.is_empty() {
                this.fresh = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        match &this.decoder {
            Some(_) => Poll::Pending,
            None if this.is_cut => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// Nobody writes to it.
impl AsyncWrite for Spool {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(0))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Wire for Spool {
    fn break_off(&mut self) {}

    fn take_trailers(&mut self) -> Option<Box<Fields>> {
        self.trailers.take()
    }
}

/// How far a spooled answer is.
enum Stage {
    /// Nothing of the node is wanted any more.
    Taken,
    /// The client has it all.
    Sent,
}

impl<S: Wire, D: Dial> Exchange<'_, S, D> {
    /// What is paced is not to lie in the system's buffers, where no class and no new pace reaches it; a thousand slowed
    /// clients would fill the system's memory for TCP, too.
    #[inline]
    pub(super) fn buffer_by(&mut self, download: &Relay) {
        if download.is_paced() != self.client.buffers_little {
            self.client.buffers_little = download.is_paced();
            self.client.link.stream.buffer_little(download.is_paced());
        }
    }

    /// Whether this answer is taken off its node before the client has it: a class paces it, and its pool says so.
    pub(super) fn is_spooled(&self, download: &Relay, at: &AtNode<D::Stream>) -> bool {
        let catalog = &self.request.pinned.catalog;
        download.is_paced()
            && catalog.pool(at.place.pool).slow_answers == SlowAnswers::Spool
            && catalog.spool.bytes_max > 0
    }

    /// Moves an answer by way of the spool. The node is let go as soon as its bytes are taken. Tells, with the outcome,
    /// whether the request's body was read to its end.
    pub(super) async fn relay_spooled(
        &mut self,
        download: &mut Relay,
        mut at: Box<AtNode<D::Stream>>,
        kind: BodyKind,
    ) -> (Result<(), Halt>, bool) {
        let limits = self.request.pinned.limits(self.request.virtual_server);
        let desk = SpoolDesk {
            places: self.worker.errands.desk().spool.clone(),
            shared: Arc::clone(&self.worker.shared),
            refusal: None,
        };
        let mut spool = Link::new(Spool::new(download.hand_over_source(limits), desk));
        let stage = self.relay_while_taking(download, &mut spool, &mut at).await;
        let upload_over = self.request_is_through(&at);
        if spool.stream.decoder.is_none() && !spool.stream.is_cut {
            self.keep_node(at, kind);
        } else {
            drop(at);
        }
        let sent = match stage {
            Ok(Stage::Taken) => self.relay_rest(download, &mut spool).await,
            Ok(Stage::Sent) => Ok(()),
            Err(halt) => Err(halt),
        };
        self.worker.buffers.discard(&mut spool.input);
        if let Some(why) = spool.stream.desk.refusal.take() {
            let folder = &self.request.pinned.catalog.spool.folder;
            self.worker.node_messages.no_spool(folder, &why, self.worker.clock.tick());
        }
        (sent, upload_over)
    }

    /// Until the node is not needed any more. What is left of the request's body goes on to it meanwhile.
    async fn relay_while_taking(
        &mut self,
        download: &mut Relay,
        spool: &mut Link<Spool>,
        at: &mut AtNode<D::Stream>,
    ) -> Result<Stage, Halt> {
        let client = &mut *self.client;
        let watch = Rc::clone(&client.watch);
        let around = Self::around(self.worker, &watch, (&self.request, self.ceiling));
        client.known_now = Some(self.now.tick);
        poll_fn(|context| {
            loop {
                spool.stream.ahead_bytes = download.ahead_bytes();
                let taken = spool.stream.poll_take(context, &mut at.link, around.buffers);
                if taken.is_ready() && (at.upload_failed || at.upload.is_over()) {
                    return Poll::Ready(Ok(Stage::Taken));
                }
                match poll_download(download, spool, (&mut client.link, &around), context) {
                    Poll::Ready(sent) => return Poll::Ready(sent.map(|()| Stage::Sent)),
                    Poll::Pending if spool.stream.has_room_again() => {}
                    Poll::Pending => break,
                }
            }
            client.known_now = None;
            let around = Surroundings { ceiling: around.ceiling.min(download.due()), ..around };
            if !at.upload_failed
                && !at.upload.is_over()
                && let Poll::Ready(Err(_)) = at.poll_upload(context, &mut client.link, &around)
            {
                at.upload_failed = true;
            }
            if at.upload_failed || at.upload.is_over() {
                // Looked at once more: nothing may be left to wait for.
                if spool.stream.decoder.is_none() {
                    return Poll::Ready(Ok(Stage::Taken));
                }
            }
            watch.poll_alarm(context).map(|alarm| Err(halt_of(alarm, download)))
        })
        .await
    }

    /// Without a node: from the spool to the client.
    async fn relay_rest(&mut self, download: &mut Relay, spool: &mut Link<Spool>) -> Result<(), Halt> {
        let client = &mut *self.client;
        let watch = Rc::clone(&client.watch);
        let around = Self::around(self.worker, &watch, (&self.request, self.ceiling));
        poll_fn(|context| {
            spool.stream.poll_file(context);
            match poll_download(download, spool, (&mut client.link, &around), context) {
                Poll::Ready(sent) => Poll::Ready(sent),
                Poll::Pending => {
                    client.known_now = None;
                    watch.poll_alarm(context).map(|alarm| Err(halt_of(alarm, download)))
                }
            }
        })
        .await
    }
}

fn poll_download<W: Wire>(
    download: &mut Relay,
    spool: &mut Link<Spool>,
    (client, around): (&mut Link<W>, &Surroundings<'_>),
    context: &mut Context<'_>,
) -> Poll<Result<(), Halt>> {
    download.poll(context, (spool, client), around).map_err(|failure| match failure {
        Failure::Sender(_) => Halt::Sender,
        Failure::Receiver => Halt::Receiver,
    })
}

fn halt_of(alarm: Alarm, download: &Relay) -> Halt {
    match alarm {
        Alarm::Deadline if download.is_waiting_to_write() => Halt::Receiver,
        Alarm::Deadline => Halt::Sender,
        _ => Halt::Stopped,
    }
}
