//! A line of limited speed that all answers share: one piece of each after the other.

use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::body::{Body, Frame, SizeHint};
use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::num::NonZeroU64;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};

use super::content::Material;

/// What is sent at once. With many answers under way each gets a piece in turn, as packets do.
const PIECE_BYTES: u64 = 16 * 1024;

/// The line: when it is free again.
pub(super) struct Line {
    bytes_per_second: NonZeroU64,
    free_at: Cell<Option<Instant>>,
}

impl Line {
    pub(super) fn new(bytes_per_second: NonZeroU64) -> Self {
        Self { bytes_per_second, free_at: Cell::new(None) }
    }

    /// Takes the next place for so many bytes, and says when they are through.
    fn reserve(&self, bytes: u64, now: Instant) -> Instant {
        let start = self.free_at.get().map_or(now, |free_at| free_at.max(now));
        let nanos = bytes.saturating_mul(1_000_000_000) / self.bytes_per_second;
        let through = start + Duration::from_nanos(nanos);
        self.free_at.set(Some(through));
        through
    }
}

/// An answer's body on its way over the line. It holds its worker until it is through, or dropped.
pub(super) struct Sending {
    material: Material,
    left: Range<u64>,
    line: Option<Rc<Line>>,
    under_way: Option<(Pin<Box<Sleep>>, Bytes)>,
    _worker: OwnedSemaphorePermit,
}

impl Sending {
    pub(super) fn new(
        material: Material,
        range: Range<u64>,
        line: Option<Rc<Line>>,
        worker: OwnedSemaphorePermit,
    ) -> Self {
        Self { material, left: range, line, under_way: None, _worker: worker }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.under_way.is_none() {
            let piece =
                self.material.piece(self.left.start, PIECE_BYTES.min(self.left.end - self.left.start));
            if piece.is_empty() {
                return Poll::Ready(None);
            }
            self.left.start += piece.len() as u64;
            let Some(line) = &self.line else { return Poll::Ready(Some(Ok(Frame::data(piece)))) };
            let through = line.reserve(piece.len() as u64, Instant::now());
            self.under_way = Some((Box::pin(tokio::time::sleep_until(through)), piece));
        }
        let Some((sleep, _)) = &mut self.under_way else { return Poll::Ready(None) };
        std::task::ready!(sleep.as_mut().poll(context));
        Poll::Ready(self.under_way.take().map(|(_, piece)| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.under_way.is_none() && self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let under_way = self.under_way.as_ref().map_or(0, |(_, piece)| piece.len() as u64);
        SizeHint::with_exact(self.left.end - self.left.start + under_way)
    }
}

/// Any body of an answer.
pub(super) type AnswerBody = Either<Sending, Empty<Bytes>>;
