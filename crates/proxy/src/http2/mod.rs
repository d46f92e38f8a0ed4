//! HTTP/2 with clients: one task for the connection, one for each stream; and with nodes: one task for the connection,
//! and streams that are written and read as a connection of HTTP/1.1 would be ([`NodeStream`]), WebSockets among them
//! ([`websocket`]).
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
mod nodes;
mod onward;
mod sending;
mod stream;
mod tap;
pub(crate) mod websocket;
mod windows;

pub(crate) use connection::serve;
pub(crate) use nodes::{NodePlaces, SharedNode};
pub(crate) use onward::NodeStream;
pub(crate) use stream::Stream;
