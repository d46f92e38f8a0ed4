//! What both ends of a stream do with a body: the answer's to a client, the request's to a node.

use super::head;
use bytes::{Buf, Bytes};
use h2::{Reason, SendStream};
use message::Fields;
use std::io;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

/// What a stream hands over at once, at most; the library holds no more of it that is not written.
pub(super) const UNWRITTEN_BYTES_MAX: usize = 64 * 1024;

/// A body that goes out, behind its head.
pub(super) struct Sending {
    stream: SendStream<Bytes>,
    /// Bytes that are to come, where the length was said.
    left: Option<u64>,
    /// It was ended, whole or not.
    is_over: bool,
}

impl Sending {
    /// Of a head that was sent. `is_over`: no body follows it.
    pub(super) fn new(stream: SendStream<Bytes>, left: Option<u64>, is_over: bool) -> Self {
        Self { stream, left, is_over }
    }

    /// The next bytes of the body; how many of them were taken. Those that complete the length end it.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_over || bytes.is_empty() {
            // Nothing may follow; nothing to be written is nobody's fault.
            let written = if bytes.is_empty() { Ok(0) } else { Err(io::ErrorKind::BrokenPipe.into()) };
            return Poll::Ready(written);
        }
        let room = ready!(self.poll_room(bytes.len(), context))?;
        let piece = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        let left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
        let ends = left == Some(0);
        if let Err(error) = self.stream.send_data(Bytes::copy_from_slice(piece), ends) {
            return Poll::Ready(Err(io::Error::other(error)));
        }
        (self.left, self.is_over) = (left, ends);
        Poll::Ready(Ok(piece.len()))
    }

    /// How much of `wanted` bytes the stream takes now; never 0. The library holds no more of it than is told here.
    fn poll_room(&mut self, wanted: usize, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.stream.reserve_capacity(wanted.min(UNWRITTEN_BYTES_MAX));
        let mut room = self.stream.capacity();
        while room == 0 {
            room = match ready!(self.stream.poll_capacity(context)) {
                Some(Ok(room)) => room,
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            };
        }
        Poll::Ready(Ok(room))
    }

    /// Ends it, with trailers where there are some.
    pub(super) fn finish(&mut self, trailers: Option<&Fields>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        // A stream that is gone needs no end.
        let _gone = match trailers {
            Some(trailers) => self.stream.send_trailers(head::trailers(trailers)),
            None => self.stream.send_data(Bytes::new(), true),
        };
    }

    /// Ends the stream for this; what was sent counts for nothing.
    pub(super) fn reset(&mut self, reason: Reason) {
        self.is_over = true;
        self.stream.send_reset(reason);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Ready when the other side has given the stream up, or the connection is gone.
    pub(super) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_reset(context).map(|_| ())
    }
}

/// Hands over what fits of what was received; how much.
pub(super) fn hand_out(chunk: &mut Bytes, into: &mut ReadBuf<'_>) -> usize {
    let count = chunk.len().min(into.remaining());
    into.put_slice(chunk.get(..count).unwrap_or_default());
    chunk.advance(count);
    count
}
