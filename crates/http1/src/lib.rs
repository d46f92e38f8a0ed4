//! HTTP/1.1 on the wire, both sides, as pure functions: bytes in, values out.
//!
//! It must not know sockets, rules or tokio. It refuses whatever two readers could take for two different messages;
//! what it lets through is framed in exactly one way.
//!
//! ```text
//! bytes ── decode_request / decode_response ──▶ message::{RequestHead, ResponseHead} + BodyKind
//!       └─ BodyDecoder::decode ──▶ ranges of payload (never copied), trailers
//! heads ── encode::{request_head, response_head, chunk_header, last_chunk} ──▶ bytes
//! ```
//!
//! A head may come in pieces. Decode at once when the first bytes are there (a whole head is the usual case); after
//! [`Decoded::Partial`] ask a [`HeadScan`] first whether decoding again is worth it, so that a head sent byte by byte
//! costs linear work.
//!
//! ```
//! use http1::{BodyKind, Decoded, Limits, decode_request};
//! let mut head = message::RequestHead::default();
//! let input = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi";
//! let decoded = decode_request(input, &Limits::default(), &mut head).unwrap();
//! assert_eq!(decoded, Decoded::Complete { consumed: input.len() - 2, body: BodyKind::Length(2) });
//! assert!(decode_request(b"GET / HTTP/1.1\nHost: a\n\n", &Limits::default(), &mut head).is_err());
//! ```

mod body;
mod connection;
mod diagnose;
pub mod encode;
mod error;
mod framing;
mod limits;
mod request;
mod response;
mod scan;
mod shadow;
mod target;
mod tokens;
mod trailers;
mod words;

pub use body::{BodyDecoder, BodyEvent};
pub use connection::{ConnectionOptions, connection_options};
pub use error::{BadBody, BadFraming, BadRequest, BadResponse, BadSyntax};
pub use framing::{BodyKind, framing_of};
pub use limits::Limits;
pub use request::decode_request;
pub use response::{RequestMethod, decode_response};
pub use scan::HeadScan;
pub use target::is_host;
pub use trailers::keep_sound_trailers;

/// What decoding a head gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decoded {
    /// The head is not whole yet; nothing was consumed.
    Partial,
    /// The head was filled in.
    Complete {
        /// Bytes of the input that the head took, up to and with its empty line.
        consumed: usize,
        /// How the body that follows is framed.
        body: BodyKind,
    },
}
