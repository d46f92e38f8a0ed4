//! A stream that is one of two kinds: what it is is known when it is made, and of no interest to who reads and writes.

use super::Wire;
use crate::http2::Stream;
use message::Fields;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// See the module. The other kind is a large one, and most are usual.
#[derive(Debug)]
pub enum Either<A, B> {
    /// Lies here.
    Usual(A),
    /// Lies elsewhere.
    Other(Box<B>),
}

impl<A, B> Either<A, B> {
    pub(crate) fn other(stream: B) -> Self {
        Self::Other(Box::new(stream))
    }
}

/// The same call on whatever it is.
macro_rules! either {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self {
            Either::Usual($stream) => $call,
            Either::Other($stream) => $call,
        }
    };
}

impl<A: Wire, B: Wire> AsyncRead for Either<A, B> {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_read(context, room))
    }
}

impl<A: Wire, B: Wire> AsyncWrite for Either<A, B> {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write(context, bytes))
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(context, pieces))
    }

    #[inline]
    fn is_write_vectored(&self) -> bool {
        either!(self, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(context))
    }
}

impl<A: Wire, B: Wire> Wire for Either<A, B> {
    fn break_off(&mut self) {
        either!(self, stream => stream.break_off());
    }

    fn has_ended_unread(&self) -> bool {
        either!(self, stream => stream.has_ended_unread())
    }

    #[inline]
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        either!(self, stream => stream.poll_readable(context))
    }

    fn mark(&self, tos: u8) {
        either!(self, stream => stream.mark(tos));
    }

    fn buffer_little(&self, is_little: bool) {
        either!(self, stream => stream.buffer_little(is_little));
    }

    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        either!(self, stream => stream.ends())
    }

    fn agreed_on_http2(&self) -> bool {
        either!(self, stream => stream.agreed_on_http2())
    }

    fn take_trailers(&mut self) -> Option<Box<Fields>> {
        either!(self, stream => stream.take_trailers())
    }

    fn http2(&mut self) -> Option<&mut Stream> {
        either!(self, stream => stream.http2())
    }

    #[inline]
    fn is_quiet(&mut self) -> bool {
        either!(self, stream => stream.is_quiet())
    }
}
