//! Every reason to refuse a request of HTTP/2, by name.

use http1::{BadFraming, BadRequest};
use std::fmt;

/// Why a request (or its trailers) is not taken. Only its stream ends; the connection goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// `:scheme` is neither `http` nor `https`.
    Scheme,
    /// `:path` is missing or empty, or no path (`*` goes with `OPTIONS` only).
    Path,
    /// `:authority` is empty, or no host with an optional port.
    Authority,
    /// `:protocol` without `CONNECT`.
    Protocol,
    /// An extended `CONNECT` to anything but WebSocket.
    ProtocolUnknown,
    /// A field name with upper-case letters, or that is no token (a pseudo-field among the fields is one).
    Name,
    /// A field value with blanks at its ends.
    ValueBlanks,
    /// A field that speaks of a connection: there is none to speak of (RFC 9113, 8.2.2).
    ConnectionField,
    /// `te` with anything but `trailers`.
    Te,
    /// A length is said, and the stream ends before its first byte.
    LengthMismatch,
    /// A node's status is none, or one that HTTP/2 does not have.
    Status,
    /// What is also refused in HTTP/1.1.
    Http1(BadRequest),
}

impl Malformed {
    /// The reason in kebab case, for counters and log fields; never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Scheme => "scheme",
            Self::Path => "path",
            Self::Authority => "authority",
            Self::Protocol => "protocol",
            Self::ProtocolUnknown => "protocol-unknown",
            Self::Name => "name",
            Self::ValueBlanks => "value-blanks",
            Self::ConnectionField => "connection-field",
            Self::Te => "te",
            Self::LengthMismatch => "length-mismatch",
            Self::Status => "status",
            Self::Http1(bad) => bad.code(),
        }
    }

    /// The reason in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Scheme => "the scheme is neither http nor https",
            Self::Path => "the path is missing, or is none",
            Self::Authority => "the authority is no host with optional port",
            Self::Protocol => "a protocol goes with CONNECT only",
            Self::ProtocolUnknown => "the only protocol to connect to is websocket",
            Self::Name => "a field name holds bytes that may not stand there",
            Self::ValueBlanks => "a field value begins or ends with a blank",
            Self::ConnectionField => "a field speaks of the connection",
            Self::Te => "te may only say trailers",
            Self::LengthMismatch => "a length is said, and there is no body",
            Self::Status => "the status is none of HTTP/2",
            Self::Http1(bad) => bad.reason(),
        }
    }

    /// The status to answer with: 400, 414, 431 or 501.
    pub const fn status(self) -> u16 {
        match self {
            Self::ProtocolUnknown => 501,
            Self::Http1(bad) => bad.status(),
            _ => 400,
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Malformed {}

impl From<BadRequest> for Malformed {
    fn from(why: BadRequest) -> Self {
        Self::Http1(why)
    }
}

impl From<BadFraming> for Malformed {
    fn from(why: BadFraming) -> Self {
        Self::Http1(why.into())
    }
}
