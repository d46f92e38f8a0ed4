//! The line to the world: all that people receive goes through it, a piece of each connection after the other.
//!
//! It stands between the proxy and the people, where a hoster's uplink is. A connection reads its next piece when the
//! last one is through, so that what the line cannot carry stays with whoever sends it.

use crate::plan::Party;
use crate::tally::Tally;
use std::cell::Cell;
use std::io;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// What goes at once. With many connections each gets such a piece in turn, as packets do.
const PIECE_BYTES: usize = 16 * 1024;

/// Timers go by the millisecond: what is through sooner is not waited for. The line is taken all the same.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// The line: when it is free again.
pub(crate) struct Line {
    bytes_per_second: NonZeroU32,
    free_at: Cell<Instant>,
    start: Instant,
    tally: Rc<Tally>,
}

impl Line {
    pub(crate) fn new(bytes_per_second: NonZeroU32, start: Instant, tally: Rc<Tally>) -> Self {
        Self { bytes_per_second, free_at: Cell::new(start), start, tally }
    }

    /// Takes the next place for so many bytes, and says when they are through.
    fn reserve(&self, bytes: usize, now: Instant) -> Instant {
        let start = self.free_at.get().max(now);
        let nanos = bytes as u64 * 1_000_000_000 / u64::from(self.bytes_per_second.get());
        let through = start + Duration::from_nanos(nanos);
        self.free_at.set(through);
        through
    }
}

/// A connection over the line.
pub(crate) struct Lined {
    stream: TcpStream,
    line: Rc<Line>,
    party: Party,
    piece: Box<[u8]>,
    /// What of the piece nobody has taken.
    left: std::ops::Range<usize>,
    /// Until when the piece is under way.
    under_way: Option<Pin<Box<Sleep>>>,
}

impl Lined {
    pub(crate) fn new(stream: TcpStream, line: Rc<Line>, party: Party) -> Self {
        Self { stream, line, party, piece: vec![0; PIECE_BYTES].into(), left: 0..0, under_way: None }
    }
}

impl AsyncRead for Lined {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.left.is_empty() {
            let mut piece = ReadBuf::new(&mut this.piece);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut piece))?;
            let length = piece.filled().len();
            if length == 0 {
                return Poll::Ready(Ok(()));
            }
            this.left = 0..length;
            let now = Instant::now();
            let through = this.line.reserve(length, now);
            if through > now + SHORTEST_WAIT {
                this.under_way = Some(Box::pin(tokio::time::sleep_until(through)));
            }
            this.line.tally.bytes.add(this.party, through - this.line.start, length as f64);
        }
        if let Some(under_way) = &mut this.under_way {
            ready!(under_way.as_mut().poll(context));
            this.under_way = None;
        }
        let count = this.left.len().min(buffer.remaining());
        buffer.put_slice(&this.piece[this.left.start..this.left.start + count]);
        this.left.start += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Lined {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
