//! One stream as an exchange sees it: the bytes of a request's body to be read, those of the answer's to be written,
//! and heads as values.

use super::head;
use super::ledger::Ledger;
use crate::http::forward::{Framing, Reply};
use crate::wire::Wire;
use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Response, StatusCode};
use http1::Limits;
use message::{Fields, ResponseHead};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a stream hands over at once, at most; the library holds no more of it that is not written.
pub(super) const UNWRITTEN_BYTES_MAX: usize = 64 * 1024;

/// What is taken and thrown away of a body behind its request's answer.
const DISCARDED_BYTES_MAX: usize = 64 * 1024;

/// See the module.
pub struct Stream {
    respond: SendResponse<Bytes>,
    /// There once the answer's head was sent.
    sender: Option<SendStream<Bytes>>,
    receiver: RecvStream,
    /// Payload that was received and not read yet.
    chunk: Bytes,
    trailers: Option<Box<Fields>>,
    limits: Limits,
    /// Bytes of the answer's body that are to come, where its length was said.
    left: Option<u64>,
    /// The answer was ended, whole or not.
    is_over: bool,
    /// What a node must answer to open a tunnel.
    accept: Option<String>,
    number: u32,
    /// Bytes of the request's body that nobody wanted.
    discarded: usize,
    ledger: Rc<Ledger>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.ledger.windows.borrow_mut().end(self.number);
    }
}

impl Stream {
    pub(super) fn new(
        (respond, receiver): (SendResponse<Bytes>, RecvStream),
        limits: Limits,
        ledger: Rc<Ledger>,
    ) -> Self {
        let number = respond.stream_id().as_u32();
        ledger.windows.borrow_mut().begin(number);
        Self {
            number,
            discarded: 0,
            respond,
            sender: None,
            receiver,
            chunk: Bytes::new(),
            trailers: None,
            limits,
            left: None,
            is_over: false,
            accept: None,
            ledger,
        }
    }

    /// This stream asks for a tunnel; a node shows with this that it has understood.
    pub(super) fn expect_accept(&mut self, accept: String) {
        self.accept = Some(accept);
    }

    /// Whether a node's `101` opens the tunnel that was asked for.
    pub(crate) fn is_accepted_by(&self, head: &ResponseHead) -> bool {
        self.accept.as_ref().is_none_or(|accept| {
            head.fields().get(b"sec-websocket-accept").is_some_and(|given| given == accept.as_bytes())
        })
    }

    /// Sends the head of the answer, and gives its size as HTTP/1.1 would write it. Where no body follows, that is all.
    /// Whether the client still wants it shows when more is written.
    pub(crate) fn put_head(&mut self, head: &ResponseHead, reply: Reply) -> usize {
        let (response, bytes) = head::response(head, reply);
        let ends = !reply.upgrade
            && matches!(reply.framing, Framing::Bodiless | Framing::Nothing | Framing::Length(0));
        self.left = match reply.framing {
            Framing::Length(length) => Some(length),
            _ => None,
        };
        self.is_over = ends;
        self.sender = self.respond.send_response(response, ends).ok();
        bytes
    }

    /// Sends an interim answer. One that is refused is of a stream that is over.
    pub(crate) fn put_interim(&mut self, head: &ResponseHead, reply: Reply) {
        let (response, _) = head::response(head, reply);
        let _over = self.respond.send_informational(response);
    }

    /// Tells the client to send its body.
    pub(crate) fn put_continue(&mut self) {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::CONTINUE;
        let _over = self.respond.send_informational(response);
    }

    /// Ends the answer, with trailers where there are some.
    pub(crate) fn finish(&mut self, trailers: Option<&Fields>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let Some(sender) = &mut self.sender else {
            // Nothing was answered: a rule discarded the request.
            self.respond.send_reset(Reason::INTERNAL_ERROR);
            return;
        };
        // A stream that is gone needs no end.
        let _gone = match trailers {
            Some(trailers) => sender.send_trailers(head::trailers(trailers)),
            None => sender.send_data(Bytes::new(), true),
        };
    }

    /// Ready when the client has given the stream up, or its connection is gone.
    pub(crate) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.sender {
            Some(sender) => sender.poll_reset(context).map(|_| ()),
            None => self.respond.poll_reset(context).map(|_| ()),
        }
    }

    /// Throws away what still comes of a request that is answered. Ready when that is all, or enough.
    pub(super) fn poll_discard(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.discarded < DISCARDED_BYTES_MAX {
            match ready!(self.receiver.poll_data(context)) {
                Some(Ok(chunk)) => {
                    self.discarded += chunk.len();
                    let _gone = self.receiver.flow_control().release_capacity(chunk.len());
                }
                Some(Err(_)) | None => break,
            }
        }
        Poll::Ready(())
    }

    /// The end of the body: trailers may have come behind it.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let trailers = match ready!(self.receiver.poll_trailers(context)) {
            Ok(trailers) => trailers,
            Err(error) => return Poll::Ready(Err(io::Error::other(error))),
        };
        let Some(trailers) = trailers else { return Poll::Ready(Ok(())) };
        match head::read_trailers_of(&trailers, &self.limits) {
            Ok(trailers) => self.trailers = trailers,
            Err(malformed) => {
                self.is_over = true;
                self.respond.send_reset(Reason::PROTOCOL_ERROR);
                return Poll::Ready(Err(io::Error::other(malformed)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// How much of `wanted` bytes a stream takes now; never 0. The library holds no more of it than is told here.
pub(super) fn poll_room(
    sender: &mut SendStream<Bytes>,
    wanted: usize,
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    sender.reserve_capacity(wanted.min(UNWRITTEN_BYTES_MAX));
    let mut room = sender.capacity();
    while room == 0 {
        room = match ready!(sender.poll_capacity(context)) {
            Some(Ok(room)) => room,
            Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
            None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        };
    }
    Poll::Ready(Ok(room))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.chunk.is_empty() {
            let Poll::Ready(data) = this.receiver.poll_data(context) else {
                this.ledger.widen(this.number);
                return Poll::Pending;
            };
            match data {
                Some(Ok(chunk)) => this.chunk = chunk,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return this.poll_end(context),
            }
        }
        let count = this.chunk.len().min(into.remaining());
        into.put_slice(this.chunk.get(..count).unwrap_or_default());
        this.chunk.advance(count);
        // The client may send as much again. It fails where the stream is gone, and then nothing comes anyway.
        let _gone = this.receiver.flow_control().release_capacity(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(sender) = &mut this.sender else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        if this.is_over || bytes.is_empty() {
            // Nothing may follow; nothing to be written is nobody's fault.
            let written = if bytes.is_empty() { Ok(0) } else { Err(io::ErrorKind::BrokenPipe.into()) };
            return Poll::Ready(written);
        }
        let room = ready!(poll_room(sender, bytes.len(), context))?;
        let piece = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        let left = this.left.map(|left| left.saturating_sub(piece.len() as u64));
        let ends = left == Some(0);
        if let Err(error) = sender.send_data(Bytes::copy_from_slice(piece), ends) {
            return Poll::Ready(Err(io::Error::other(error)));
        }
        (this.left, this.is_over) = (left, ends);
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection's task writes what it has.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().finish(None);
        Poll::Ready(Ok(()))
    }
}

impl Wire for Stream {
    fn break_off(&mut self) {
        // An answer that is whole stays so.
        if !self.is_over {
            self.is_over = true;
            self.respond.send_reset(Reason::INTERNAL_ERROR);
        }
    }

    fn mark(&self, tos: u8) {
        // Streams share their packets: the last word counts.
        self.ledger.mark.set(tos);
    }

    fn take_trailers(&mut self) -> Option<Box<Fields>> {
        self.trailers.take()
    }

    fn http2(&mut self) -> Option<&mut Stream> {
        Some(self)
    }
}
