//! What a request goes to a node on: a connection of its own, or a stream of one that others share.

use crate::http2::NodeStream;
use crate::wire::Wire;
use http1::Limits;
use message::Fields;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// See the module.
pub(crate) enum NodeWire<S> {
    Own(S),
    Shared(Box<NodeStream>),
}

impl<S> NodeWire<S> {
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(_))
    }

    /// What holds for the request that it is for.
    pub(crate) fn prepare(&mut self, limits: &Limits, takes_trailers: bool) {
        if let Self::Shared(stream) = self {
            stream.prepare(limits, takes_trailers);
        }
    }

    /// The request's body is written. Where it is framed in bytes, they have told its end.
    pub(crate) fn end_body(&mut self, trailers: Option<&Fields>) {
        if let Self::Shared(stream) = self {
            stream.end_body(trailers);
        }
    }

    /// Whether the node surely has not looked at the request, whatever was written.
    pub(crate) fn is_unsent(&self) -> bool {
        matches!(self, Self::Shared(stream) if stream.is_unsent())
    }

    /// What the node sent that is no answer.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Own(_) => None,
            Self::Shared(stream) => stream.fault(),
        }
    }

    /// No other request is to go where this one got no answer.
    pub(crate) fn distrust(&self) {
        if let Self::Shared(stream) = self {
            stream.distrust();
        }
    }
}

/// The same call on whatever it is.
macro_rules! either {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self {
            NodeWire::Own($stream) => $call,
            NodeWire::Shared($stream) => $call,
        }
    };
}

impl<S: Wire> AsyncRead for NodeWire<S> {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_read(context, room))
    }
}

impl<S: Wire> AsyncWrite for NodeWire<S> {
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

impl<S: Wire> Wire for NodeWire<S> {
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

    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        either!(self, stream => stream.ends())
    }

    fn take_trailers(&mut self) -> Option<Box<Fields>> {
        either!(self, stream => stream.take_trailers())
    }
}
