//! The client's stream with somebody who counts: the frames that pass, both ways, before the library that speaks HTTP/2
//! has read one. That library tells neither what it was sent nor what it was made to send.

use super::ledger::Ledger;
use crate::clock::Clock;
use crate::wire::Wire;
use http2::Scan;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// See the module.
pub(super) struct Tap<S> {
    stream: S,
    /// Read before it was known that this is HTTP/2; comes first.
    ahead: Vec<u8>,
    received: Scan,
    sent: Scan,
    ledger: Rc<Ledger>,
    clock: Clock,
    mark: u8,
}

impl<S: Wire> Tap<S> {
    pub(super) fn new(stream: S, ahead: Vec<u8>, ledger: Rc<Ledger>, clock: Clock) -> Self {
        let (received, sent) = (Scan::of_client(), Scan::of_server());
        Self { stream, ahead, received, sent, ledger, clock, mark: 0 }
    }

    /// Counts the frames that begin in `bytes`; how much of them may be read.
    fn count_received(&mut self, bytes: &[u8]) -> usize {
        let now = self.clock.tick().nanos();
        let mut rest = bytes;
        loop {
            let before = bytes.len() - rest.len();
            match self.received.next(&mut rest) {
                None => return bytes.len(),
                Some(frame) if self.ledger.received(&frame, now) => {}
                // What comes before it may be in order.
                Some(_) => return before,
            }
        }
    }

    fn count_sent(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(frame) = self.sent.next(&mut rest) {
            self.ledger.sent(&frame, self.clock.tick().nanos());
        }
    }

    fn wrote(&mut self, slices: &[IoSlice<'_>], count: usize) {
        let mut left = count;
        for slice in slices {
            let taken = left.min(slice.len());
            self.count_sent(slice.get(..taken).unwrap_or_default());
            left -= taken;
        }
    }

    fn mark_packets(&mut self) {
        let mark = self.ledger.mark.get();
        if mark != self.mark {
            self.mark = mark;
            self.stream.mark(mark);
        }
    }
}

impl<S: Wire> AsyncRead for Tap<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Whoever broke the rules is not read any more; the connection's task has been woken to end it.
        if this.ledger.breach().is_some() {
            return Poll::Pending;
        }
        let before = into.filled().len();
        if this.ahead.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
        } else {
            let count = this.ahead.len().min(into.remaining());
            into.put_slice(this.ahead.get(..count).unwrap_or_default());
            this.ahead.drain(..count);
            if this.ahead.is_empty() {
                this.ahead = Vec::new();
            }
        }
        let read = into.filled().len() - before;
        if read == 0 {
            return Poll::Ready(Ok(()));
        }
        let good = this.count_received(into.filled().get(before..).unwrap_or_default());
        into.set_filled(before + good);
        // Nothing at all would read as the end of the stream.
        if good == 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl<S: Wire> AsyncWrite for Tap<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.mark_packets();
        let count = ready!(Pin::new(&mut this.stream).poll_write(context, bytes))?;
        this.count_sent(bytes.get(..count).unwrap_or_default());
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.mark_packets();
        let count = ready!(Pin::new(&mut this.stream).poll_write_vectored(context, slices))?;
        this.wrote(slices, count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
