//! The client's stream with somebody who counts: the frames that pass, both ways, before the library that speaks HTTP/2
//! has read one. That library tells neither what it was sent nor what it was made to send.

use super::ledger::Ledger;
use crate::clock::Clock;
use crate::wire::Wire;
use http2::{FrameKind, Scan};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Heads that are read before the library has to write: it reads all that has come first, and what it is made to send is
/// counted when it is sent.
const HEADS_A_TURN: u32 = 64;

/// See the module.
pub(super) struct Tap<S> {
    stream: S,
    /// Read before it was known that this is HTTP/2; comes first.
    ahead: Vec<u8>,
    received: Scan,
    sent: Scan,
    /// Frames of ours on their way; nothing of the library's goes between.
    ours: Vec<u8>,
    /// The library has written its settings.
    has_settings: bool,
    ledger: Rc<Ledger>,
    clock: Clock,
    mark: u8,
    buffers_little: bool,
    /// Heads read in this turn.
    heads: u32,
}

impl<S: Wire> Tap<S> {
    pub(super) fn new(stream: S, ahead: Vec<u8>, ledger: Rc<Ledger>, clock: Clock) -> Self {
        let (received, sent) = (Scan::of_client(), Scan::of_server());
        let (ours, has_settings) = (Vec::new(), false);
        let (mark, buffers_little, heads) = (0, false, 0);
        Self { stream, ahead, received, sent, ours, has_settings, ledger, clock, mark, buffers_little, heads }
    }

    /// Of a connection that we made to a node.
    pub(super) fn of_node(stream: S, ledger: Rc<Ledger>, clock: Clock) -> Self {
        let (received, sent) = (Scan::of_server(), Scan::of_client());
        // The settings are sent as the library has them.
        Self { received, sent, has_settings: true, ..Self::new(stream, Vec::new(), ledger, clock) }
    }

    /// Counts the frames that begin in `bytes`; how much of them may be read.
    fn count_received(&mut self, bytes: &[u8]) -> usize {
        let now = self.clock.tick().nanos();
        let mut rest = bytes;
        loop {
            let before = bytes.len() - rest.len();
            match self.received.next(&mut rest) {
                None => return bytes.len(),
                Some(frame) if self.ledger.received(&frame, now) => {
                    self.heads += u32::from(frame.kind == FrameKind::Headers);
                }
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

    /// Writes what is ours, where a frame ends.
    fn poll_ours(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.ours.is_empty() {
                if !self.sent.is_between_frames() {
                    return Poll::Ready(Ok(()));
                }
                self.ours = self.ledger.windows.borrow_mut().take_updates();
                if self.ours.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            }
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, &self.ours))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let written: Vec<u8> = self.ours.drain(..count).collect();
            self.count_sent(&written);
        }
    }

    /// Sends these settings instead of the library's, which are as long.
    fn begin_with(&mut self, settings: Vec<u8>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let count = settings.len();
        self.ours = settings;
        // What does not go out now goes out before anything else.
        match self.poll_ours(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(count)),
        }
    }

    /// What streams want of the socket that they share.
    fn obey_streams(&mut self) {
        let mark = self.ledger.mark.get();
        if mark != self.mark {
            self.mark = mark;
            self.stream.mark(mark);
        }
        let is_paced = self.ledger.is_paced();
        if is_paced != self.buffers_little {
            self.buffers_little = is_paced;
            self.stream.buffer_little(is_paced);
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
            // What is told it goes out all the same.
            let _unless_full = this.poll_ours(context);
            return Poll::Pending;
        }
        if this.heads >= HEADS_A_TURN {
            this.heads = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        // A window that was widened while the library has nothing to write.
        if !this.ours.is_empty() || this.sent.is_between_frames() {
            match this.poll_ours(context) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
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
        this.obey_streams();
        if !std::mem::replace(&mut this.has_settings, true) {
            let told = this.ledger.windows.borrow_mut().settings(bytes);
            if let Some(settings) = told {
                return this.begin_with(settings, context);
            }
        }
        ready!(this.poll_ours(context))?;
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
        if !this.has_settings {
            let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
            return Pin::new(this).poll_write(context, first);
        }
        this.obey_streams();
        ready!(this.poll_ours(context))?;
        let count = ready!(Pin::new(&mut this.stream).poll_write_vectored(context, slices))?;
        this.wrote(slices, count);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_ours(context))?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use tokio::io::AsyncWriteExt;

    #[test]
    fn many_heads_are_read_in_turns_so_that_what_they_cause_is_written_between() {
        const HEADS: usize = 1_000;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
            let ledger = Rc::new(Ledger::new(64 * 1024, 16 * 1024));
            let mut tap = Tap::new(ours, Vec::new(), ledger, Clock::system());
            theirs.write_all(http2::PREFACE).await.unwrap();
            for _ in 0..HEADS {
                theirs.write_all(&[0, 0, 0, 1, 4, 0, 0, 0, 1]).await.unwrap();
            }
            let mut context = Context::from_waker(Waker::noop());
            let (mut turns, mut bytes) = (0, 0);
            let whole = http2::PREFACE.len() + HEADS * 9;
            while bytes < whole {
                let mut piece = [0; 512];
                let mut room = ReadBuf::new(&mut piece);
                match Pin::new(&mut tap).poll_read(&mut context, &mut room) {
                    Poll::Pending => turns += 1,
                    Poll::Ready(read) => {
                        read.unwrap();
                        bytes += room.filled().len();
                    }
                }
                assert!(turns < HEADS, "it reads no more");
            }
            assert!(turns >= 8, "{turns} turns");
        });
    }
}
