//! The line to the world, of the speed of a small site's: all answers go through it, a piece of each connection after
//! the other.
//!
//! It stands either with the site, so that whoever stands in front of it takes everything over it, or between that
//! proxy and the people. A connection goes on to its next piece when the last one is through, so that what the line
//! cannot carry stays with whoever sends it.

use crate::plan::Party;
use crate::tally::Tally;
use serde::{Deserialize, Serialize};
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

/// Where the line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// With the site: a proxy, elsewhere, takes every answer over it.
    Site,
    /// Between a proxy that stands beside the site and the people.
    Uplink,
}

/// The line: when it is free again.
pub(crate) struct Line {
    place: Place,
    bytes_per_second: NonZeroU32,
    free_at: Cell<Instant>,
    start: Instant,
    tally: Rc<Tally>,
}

impl Line {
    pub(crate) fn new(place: Place, bytes_per_second: NonZeroU32, start: Instant, tally: Rc<Tally>) -> Self {
        Self { place, bytes_per_second, free_at: Cell::new(start), start, tally }
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

/// Whose end of a connection it is.
enum End {
    Person(Party),
    Site,
}

/// A connection that the line may be a part of.
pub(crate) struct Lined {
    stream: TcpStream,
    line: Rc<Line>,
    end: End,
    /// What came and nobody has taken.
    piece: Vec<u8>,
    left: std::ops::Range<usize>,
    /// What the line has been taken for and is not sent yet.
    paid: usize,
    /// Until when that is under way.
    under_way: Option<Pin<Box<Sleep>>>,
}

impl Lined {
    /// As a person has it.
    pub(crate) fn of_person(stream: TcpStream, line: Rc<Line>, party: Party) -> Self {
        Self::new(stream, line, End::Person(party))
    }

    /// As the site has it.
    pub(crate) fn of_site(stream: TcpStream, line: Rc<Line>) -> Self {
        Self::new(stream, line, End::Site)
    }

    fn new(stream: TcpStream, line: Rc<Line>, end: End) -> Self {
        Self { stream, line, end, piece: Vec::new(), left: 0..0, paid: 0, under_way: None }
    }

    /// Takes the line for so many bytes; they are waited for by [`Lined::through`].
    fn send(&mut self, bytes: usize) {
        let now = Instant::now();
        let through = self.line.reserve(bytes, now);
        if through > now + SHORTEST_WAIT {
            self.under_way = Some(Box::pin(tokio::time::sleep_until(through)));
        }
    }

    fn through(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(under_way) = &mut self.under_way {
            ready!(under_way.as_mut().poll(context));
            self.under_way = None;
        }
        Poll::Ready(())
    }

    /// The next piece, if there is none: none at the end.
    fn receive(&mut self, context: &mut Context<'_>, party: Party) -> Poll<io::Result<()>> {
        if !self.left.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.piece.resize(PIECE_BYTES, 0);
        let mut piece = ReadBuf::new(&mut self.piece);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut piece))?;
        let length = piece.filled().len();
        self.left = 0..length;
        if length > 0 {
            self.line.tally.bytes.add(party, self.line.start.elapsed(), length as f64);
            if self.line.place == Place::Uplink {
                self.send(length);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Lined {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let End::Person(party) = this.end else {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        };
        ready!(this.receive(context, party))?;
        ready!(this.through(context));
        let count = this.left.len().min(buffer.remaining());
        buffer.put_slice(&this.piece[this.left.start..this.left.start + count]);
        this.left.start += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Lined {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut count = bytes.len();
        if matches!(this.end, End::Site) && this.line.place == Place::Site && count > 0 {
            if this.paid == 0 {
                this.paid = count.min(PIECE_BYTES);
                this.send(this.paid);
            }
            ready!(this.through(context));
            count = count.min(this.paid);
        }
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, &bytes[..count]))?;
        this.paid = this.paid.saturating_sub(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
