//! HTTP/2 with clients: one task for the connection, one for each stream.
//!
//! ```text
//! socket or TLS ─▶ tap (counts frames, both ways) ─▶ h2 ─▶ connection ── spawns ──▶ stream: exchange::run
//! ```
//!
//! A stream is served by the same exchange as a request of HTTP/1: its body's bytes are what [`Stream`] reads and
//! writes, its heads go as values.

mod connection;
mod head;
mod ledger;
mod stream;
mod tap;
mod windows;

pub(crate) use connection::serve;
pub(crate) use stream::Stream;
