//! One stream as an exchange sees it: the bytes of a request's body to be read, those of the answer's to be written,
//! and heads as values.

use super::head;
use super::ledger::Ledger;
use super::sending::{Sending, hand_out};
use crate::http::forward::{Framing, Reply};
use crate::wire::Wire;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Response, StatusCode};
use http1::Limits;
use message::{Fields, ResponseHead};
use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is taken and thrown away of a body behind its request's answer.
const DISCARDED_BYTES_MAX: usize = 64 * 1024;

/// See the module.
pub struct Stream {
    respond: SendResponse<Bytes>,
    /// There once the answer's head was sent.
    sending: Option<Sending>,
    /// It was reset before.
    is_reset: bool,
    receiver: RecvStream,
    /// Payload that was received and not read yet.
    chunk: Bytes,
    trailers: Option<Box<Fields>>,
    limits: Limits,
    /// What a node must answer to open a tunnel.
    accept: Option<String>,
    number: u32,
    /// Bytes of the request's body that nobody wanted.
    discarded: usize,
    /// A class paces it.
    is_paced: Cell<bool>,
    ledger: Rc<Ledger>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.is_paced.get() {
            self.ledger.count_paced(false);
        }
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
            sending: None,
            is_reset: false,
            receiver,
            chunk: Bytes::new(),
            trailers: None,
            limits,
            accept: None,
            is_paced: Cell::new(false),
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
        let left = match reply.framing {
            Framing::Length(length) => Some(length),
            _ => None,
        };
        let sent = self.respond.send_response(response, ends);
        self.sending = sent.ok().map(|stream| Sending::new(stream, left, ends));
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
        match &mut self.sending {
            Some(sending) => sending.finish(trailers),
            // Nothing was answered: a rule discarded the request.
            None => self.reset(Reason::INTERNAL_ERROR),
        }
    }

    /// Ends the stream for this, if it is not over.
    fn reset(&mut self, reason: Reason) {
        if std::mem::replace(&mut self.is_reset, true) {
            return;
        }
        match &mut self.sending {
            Some(sending) => sending.reset(reason),
            None => self.respond.send_reset(reason),
        }
    }

    /// Ready when the client has given the stream up, or its connection is gone.
    pub(crate) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.sending {
            Some(sending) => sending.poll_gone(context),
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
                self.reset(Reason::PROTOCOL_ERROR);
                return Poll::Ready(Err(io::Error::other(malformed)));
            }
        }
        Poll::Ready(Ok(()))
    }
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
        let count = hand_out(&mut this.chunk, into);
        // The client may send as much again. It fails where the stream is gone, and then nothing comes anyway.
        let _gone = this.receiver.flow_control().release_capacity(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().sending {
            Some(sending) => sending.poll_write(context, bytes),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
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
        if !self.sending.as_ref().is_some_and(Sending::is_over) {
            self.reset(Reason::INTERNAL_ERROR);
        }
    }

    fn mark(&self, tos: u8) {
        // Streams share their packets: the last word counts.
        self.ledger.mark.set(tos);
    }

    fn buffer_little(&self, is_little: bool) {
        // Streams share their buffer: as long as one is paced it is little.
        if self.is_paced.replace(is_little) != is_little {
            self.ledger.count_paced(is_little);
        }
    }

    fn take_trailers(&mut self) -> Option<Box<Fields>> {
        self.trailers.take()
    }

    fn http2(&mut self) -> Option<&mut Stream> {
        Some(self)
    }
}
