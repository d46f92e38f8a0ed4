//! What a request goes to a node on: a connection of its own, or a stream of one that others share.

use crate::http2::NodeStream;
use crate::wire::Either;
use http1::Limits;
use message::Fields;

/// See the module. A connection of its own is the usual one.
pub(crate) type NodeWire<S> = Either<S, NodeStream>;

impl<S> NodeWire<S> {
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Other(_))
    }

    /// What holds for the request that it is for.
    pub(crate) fn prepare(&mut self, limits: &Limits, takes_trailers: bool) {
        if let Self::Other(stream) = self {
            stream.prepare(limits, takes_trailers);
        }
    }

    /// The request's body is written. Where it is framed in bytes, they have told its end.
    pub(crate) fn end_body(&mut self, trailers: Option<&Fields>) {
        if let Self::Other(stream) = self {
            stream.end_body(trailers);
        }
    }

    /// Whether the node surely has not looked at the request, whatever was written.
    pub(crate) fn is_unsent(&self) -> bool {
        matches!(self, Self::Other(stream) if stream.is_unsent())
    }

    /// What the node sent that is no answer.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Usual(_) => None,
            Self::Other(stream) => stream.fault(),
        }
    }

    /// No other request is to go where this one got no answer.
    pub(crate) fn distrust(&self) {
        if let Self::Other(stream) = self {
            stream.distrust();
        }
    }
}
