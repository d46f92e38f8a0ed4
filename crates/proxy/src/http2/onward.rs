//! A request at a node that speaks HTTP/2, as a connection of HTTP/1.1 would carry it: the head is written as text and
//! sent when it is whole, what follows it is the body as it is; the head of the answer is read as text, what follows is
//! its body until the end. So the exchange, the rules for heads and what may be tried again are the same for both.

use super::head;
use super::nodes::Line;
use super::sending::{Sending, hand_out};
use super::websocket;
use crate::wire::Wire;
use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};
use http1::Limits;
use http2::{Malformed, Upload, read_written_request};
use message::Fields;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const HEAD_END: &[u8] = b"\r\n\r\n";

/// Why a request surely was not looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Loss {
    /// Its head could not be sent.
    Unsent,
    /// The node refused the stream.
    Refused,
}

/// See the module.
pub(crate) struct NodeStream {
    pub(super) line: Rc<Line>,
    /// The part of the request's head that was written so far.
    head: Vec<u8>,
    /// There once the head was sent.
    sending: Option<Sending>,
    number: u32,
    /// It asks for a WebSocket: what proves to the client that the node has opened it.
    accept: Option<String>,
    /// The head of the answer is awaited.
    response: Option<ResponseFuture>,
    receiver: Option<RecvStream>,
    /// What was received and not read yet.
    chunk: Bytes,
    /// Bytes of it that are of a head, and open no window.
    head_left: usize,
    trailers: Option<Box<Fields>>,
    limits: Limits,
    takes_trailers: bool,
    loss: Option<Loss>,
    fault: Option<&'static str>,
}

impl NodeStream {
    pub(super) fn new(line: Rc<Line>) -> Self {
        line.ledger.stream_begins();
        Self {
            line,
            head: Vec::new(),
            sending: None,
            number: 0,
            accept: None,
            response: None,
            receiver: None,
            chunk: Bytes::new(),
            head_left: 0,
            trailers: None,
            limits: Limits::default(),
            takes_trailers: false,
            loss: None,
            fault: None,
        }
    }

    pub(super) fn alone(line: Rc<Line>) -> Self {
        let stream = Self::new(line);
        stream.take_line();
        stream
    }

    /// From now on nobody else is asked on its connection, of which it is the only stream.
    pub(crate) fn take_line(&self) {
        self.line.is_taken.set(true);
    }
}

impl Drop for NodeStream {
    fn drop(&mut self) {
        // A line that is taken has no other stream.
        if self.line.is_taken.replace(false) && self.accept.is_some() {
            // What the node has not read of a tunnel may still count for the connection.
            self.line.retire();
        }
        self.line.stream_is_over();
    }
}

impl NodeStream {
    /// What holds for this request: limits of trailers, and whether the client gets them.
    pub(crate) fn prepare(&mut self, limits: &Limits, takes_trailers: bool) {
        self.limits.clone_from(limits);
        self.takes_trailers = takes_trailers;
    }

    /// Whether the node has not looked at the request: it never got it, refused the stream, or says so in GOAWAY.
    pub(crate) fn is_unsent(&self) -> bool {
        self.loss.is_some() || self.number == 0 || self.line.ledger.is_unsent(self.number)
    }

    /// What the node did that is no HTTP/2, or no answer, in kebab case.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        self.fault
    }

    /// The connection did not do what it should: no more requests go there.
    pub(crate) fn distrust(&self) {
        self.line.retire();
    }

    /// Ends the request, with trailers where there are some.
    pub(crate) fn end_body(&mut self, trailers: Option<&Fields>) {
        // What goes through a tunnel is no body: it ends when the client does.
        if let Some(sending) = self.sending.as_mut().filter(|_| self.accept.is_none()) {
            sending.finish(trailers);
        }
    }

    /// Sends the head that was written.
    fn ask(&mut self, written: &[u8]) -> io::Result<()> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        let written = read_written_request(written).ok_or_else(invalid)?;
        let request = if written.upgrade {
            self.accept = Some(websocket::accept(&written).ok_or_else(invalid)?);
            websocket::onward(&written, self.line.scheme)
        } else {
            head::onward(&written, self.line.scheme, self.takes_trailers)
        };
        let request = request.ok_or_else(invalid)?;
        let left = match written.upload {
            _ if written.upgrade => None,
            Upload::Nothing => Some(0),
            Upload::Length(length) => Some(length),
            Upload::Open => None,
        };
        let is_over = left == Some(0);
        let mut line = self.line.sender().ok_or(io::ErrorKind::NotConnected)?;
        let (response, stream) = line.send_request(request, is_over).map_err(|error| {
            self.line.retire();
            io::Error::other(error)
        })?;
        self.number = response.stream_id().as_u32();
        (self.response, self.sending) = (Some(response), Some(Sending::new(stream, left, is_over)));
        Ok(())
    }

    fn broken(&mut self, error: h2::Error) -> io::Error {
        if error.is_remote() && error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM) {
            self.loss = Some(Loss::Refused);
        }
        if error.is_library() && (error.is_reset() || error.is_go_away()) {
            self.fault = Some("http2");
        }
        io::Error::other(error)
    }

    /// The next head, as text: an interim one, or that of the answer.
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Before the request is sent nothing can come; who writes it looks again.
        let Some(response) = &mut self.response else {
            return if self.loss == Some(Loss::Unsent) {
                Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
            } else {
                Poll::Pending
            };
        };
        let head = match ready!(response.poll_informational(context)) {
            Some(Ok(interim)) => interim.into_parts().0,
            Some(Err(error)) => return Poll::Ready(Err(self.broken(error))),
            None => match ready!(Pin::new(response).poll(context)) {
                Ok(answer) => {
                    let (head, receiver) = answer.into_parts();
                    (self.receiver, self.response) = (Some(receiver), None);
                    head
                }
                Err(error) => return Poll::Ready(Err(self.broken(error))),
            },
        };
        let mut text = Vec::with_capacity(512);
        let written = match &self.accept {
            Some(accept) if self.response.is_none() && head.status.is_success() => {
                websocket::written_response(accept, &head, &mut text)
            }
            _ => head::written_response(&head, &mut text),
        };
        match written {
            Ok(()) => {
                let is_final = self.response.is_none();
                if is_final && !head.status.is_success() && self.accept.take().is_some() {
                    // There is no tunnel, and nothing more to be said.
                    self.end_body(None);
                }
                self.head_left = text.len();
                self.chunk = text.into();
            }
            Err(malformed) => return Poll::Ready(Err(self.refuse(malformed))),
        }
        Poll::Ready(Ok(()))
    }

    fn refuse(&mut self, malformed: Malformed) -> io::Error {
        self.fault = Some(malformed.code());
        if let Some(sending) = &mut self.sending {
            sending.reset(Reason::PROTOCOL_ERROR);
        }
        io::Error::other(malformed)
    }

    /// The end of the answer: trailers may have come behind it.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(receiver) = &mut self.receiver else { return Poll::Ready(Ok(())) };
        match ready!(receiver.poll_trailers(context)) {
            Ok(None) => {}
            Ok(Some(trailers)) => match head::read_trailers_of(&trailers, &self.limits) {
                Ok(trailers) => self.trailers = trailers,
                Err(malformed) => return Poll::Ready(Err(self.refuse(malformed))),
            },
            Err(error) => return Poll::Ready(Err(self.broken(error))),
        }
        Poll::Ready(Ok(()))
    }
}

impl NodeStream {
    /// Gathers the head, and sends it when it is whole. How many of `bytes` belong to it.
    fn take_head(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let held = self.head.len();
        self.head.extend_from_slice(bytes);
        let from = held.saturating_sub(HEAD_END.len() - 1);
        let unseen = self.head.get(from..).unwrap_or_default();
        let Some(end) = unseen.windows(HEAD_END.len()).position(|window| window == HEAD_END) else {
            return Ok(bytes.len());
        };
        let end = from + end + HEAD_END.len();
        let mut head = std::mem::take(&mut self.head);
        head.truncate(end);
        self.ask(&head).inspect_err(|_| self.loss = Some(Loss::Unsent))?;
        Ok(end - held)
    }

    /// The node may send as much again as was read of its answer.
    fn release(&mut self, count: usize) {
        if let Some(receiver) = &mut self.receiver {
            // It fails where the stream is gone, and then nothing comes anyway.
            let _gone = receiver.flow_control().release_capacity(count);
        }
    }
}

impl AsyncRead for NodeStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.chunk.is_empty() {
            let Some(receiver) = &mut this.receiver else {
                ready!(this.poll_head(context))?;
                continue;
            };
            match ready!(receiver.poll_data(context)) {
                Some(Ok(chunk)) => this.chunk = chunk,
                Some(Err(error)) => return Poll::Ready(Err(this.broken(error))),
                None => return this.poll_end(context),
            }
        }
        let count = hand_out(&mut this.chunk, into);
        let of_head = count.min(this.head_left);
        this.head_left -= of_head;
        this.release(count - of_head);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for NodeStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match &mut this.sending {
            Some(sending) => sending.poll_write(context, bytes),
            None => Poll::Ready(this.take_head(bytes)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection's task writes what it has.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(sending) = &mut self.get_mut().sending {
            sending.finish(None);
        }
        Poll::Ready(Ok(()))
    }
}

impl Wire for NodeStream {
    fn break_off(&mut self) {
        if let Some(sending) = &mut self.sending {
            sending.reset(Reason::CANCEL);
        }
    }

    fn mark(&self, tos: u8) {
        // Streams share their packets: the last word counts.
        self.line.ledger.mark.set(tos);
    }

    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.line.ends
    }

    fn take_trailers(&mut self) -> Option<Box<Fields>> {
        self.trailers.take()
    }
}
