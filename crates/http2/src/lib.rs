//! What of HTTP/2 can be told without a connection: requests as HTTP/1.1 heads, frames as they pass, and what a client
//! may spend.
//!
//! It must not know sockets, rules, runtimes or the library that speaks HTTP/2. That library decodes; here is decided,
//! once more and strictly, what may go on to a node that speaks HTTP/1.1, so that nothing hangs on its leniency.
//!
//! ```text
//! pseudo-fields, fields ── read_request ──▶ message::RequestHead + BodyKind, or Malformed
//! request written for a node ── read_written_request ──▶ pseudo-fields, fields
//! a node's status, fields ── write_response ──▶ a head to be read by the strict reader of HTTP/1.1
//! bytes of a connection ── Scan ──▶ Frame ── Budget ──▶ nothing, or Breach
//! ```
//!
//! ```
//! use http2::{Pseudo, StreamState, read_request};
//! let pseudo = Pseudo { scheme: Some(b"https"), authority: Some(b"a.example"), path: Some(b"/song"), ..Pseudo::of(b"GET") };
//! let fields = [(&b"cookie"[..], &b"a=1"[..]), (b"cookie", b"b=2")];
//! let mut head = message::RequestHead::default();
//! read_request(&pseudo, fields.into_iter(), StreamState::Ended, &http1::Limits::default(), &mut head).unwrap();
//! assert_eq!(head.host(), Some(&b"a.example"[..]));
//! assert_eq!(head.fields().get(b"cookie"), Some(&b"a=1; b=2"[..]));
//! let smuggled = [(&b"transfer-encoding"[..], &b"chunked"[..])];
//! assert!(read_request(&pseudo, smuggled.into_iter(), StreamState::Ended, &http1::Limits::default(), &mut head).is_err());
//! ```

mod budget;
mod frames;
mod malformed;
mod onward;
mod request;
pub mod websocket;

pub use budget::{Breach, Budget};
pub use frames::{Frame, FrameKind, PREFACE, Scan};
pub use malformed::Malformed;
pub use onward::{Upload, WrittenRequest, read_written_request, write_opened_websocket, write_response};
pub use request::{Asked, Pseudo, StreamState, read_request, read_trailers};
