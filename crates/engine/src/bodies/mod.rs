//! Bodies that rules read and write. What a rule reads is held here, and goes on to the other side from here; what a
//! rule puts in the place of a body lies here too. A transaction whose rules touch no body has none of this.
//!
//! ```text
//! client ─▶ Received (request)  ─▶ node       a source: as it comes, or begun here, or written by a rule
//! node   ─▶ Received (response) ─▶ client     the same; or piece by piece through Streamed
//! ```

mod form;
mod inflate;
mod plain;
mod streamed;
mod work;

pub(crate) use form::{FormWork, find};
pub use streamed::Outgoing;
pub(crate) use streamed::Streamed;
pub(crate) use work::{Came, Place, Work, try_work};

use crate::host::Built;
use inflate::Inflate;

/// Which of the two bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodySide {
    /// What the client sends.
    Request,
    /// What the node answers.
    Response,
}

/// How far a body was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BodyEnd {
    /// There may be more.
    #[default]
    Open,
    /// It is over, and whole.
    Whole,
    /// The sender broke off: what was read is all there will be.
    Cut,
}

/// What the shell sends to a node as the request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestBody<'a> {
    /// As it comes from the client; nothing was read of it.
    AsItComes,
    /// These bytes were read of it, the rest follows from the client if it is not over.
    Begun(&'a [u8]),
    /// A rule wrote it; the client's is not wanted.
    Written(&'a [u8]),
}

/// What was read of a body, as the sender sent it (without its framing).
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: BodyEnd,
}

/// The bodies of one transaction, from the first function on that touches one.
#[derive(Debug, Default)]
pub(crate) struct Bodies {
    pub(crate) request: Received,
    /// What a rule wrote in the place of the request's body.
    pub(crate) written_request: Option<Vec<u8>>,
    pub(crate) response: Received,
    /// Unpacks `response`, where the node packed it and a rule reads it.
    inflate: Option<Box<Inflate>>,
    /// How much of the (unpacked) response `http.stream.*` has read.
    read_at: usize,
    /// The rule's own answer is sent in chunks, because the rule asked for that.
    pub(crate) in_chunks: bool,
    /// The connection to the node is not to be used again.
    pub(crate) closes_node: bool,
    /// The client's connection is closed without reading what it still sends.
    pub(crate) closes_at_once: bool,
    /// An answer that is sent when the request rules are through.
    pub(crate) stored: Option<Built>,
    /// The parameters of the posted form, once somebody has asked for one.
    posted: Option<form::Parameters>,
    pub(crate) streamed: Option<Streamed>,
}

impl Bodies {
    /// The request has another body now.
    pub(crate) fn write_request(&mut self, body: Vec<u8>) {
        self.posted = None;
        self.written_request = Some(body);
    }

    /// The answer has another body now: reading it begins anew.
    pub(crate) fn rewind(&mut self) {
        self.read_at = 0;
    }
}
