//! What a rule leaves of two bodies: the rest of a body that it has begun to read, a request's body that nobody wants
//! any more, a node whose answer goes no further, and a connection that is closed by hand.

use super::body::{Coding, Relay};
use super::exchange::{After, Exchange};
use super::intake::Intake;
use super::node_side::AtNode;
use crate::node::connect::Dial;
use crate::wire::Wire;
use engine::RequestBody;
use http1::{BodyKind, encode};

impl<S: Wire, D: Dial> Exchange<'_, S, D> {
    /// A download of which rules have read the beginning.
    pub(super) fn begun_download(&self, intake: Intake, coding: Coding, mut out: Vec<u8>) -> Relay {
        let begun = self.transaction.response_begun();
        let mut download = frame_begun(begun, intake, coding, &mut out);
        download.put_out(out);
        download.count_payload(begun.len());
        download
    }

    /// Whether the request's body is out of the way of the next request. One that has come already is passed over.
    pub(super) fn finish_request_body(&mut self) -> bool {
        if self.request.body == BodyKind::None {
            return true;
        }
        if let Some(at) = self.at_node.take() {
            let is_through = self.request_is_through(&at);
            self.body_begun |= at.upload.has_begun();
            self.at_node = Some(at);
            if is_through {
                return true;
            }
        }
        self.pass_request_body()
    }

    /// Whether the client's body was read to its end, with this node in hand.
    pub(super) fn request_is_through(&mut self, at: &AtNode<D::Stream>) -> bool {
        if self.request.body != BodyKind::None
            && matches!(self.transaction.request_body(), RequestBody::Written(_))
        {
            return self.pass_request_body();
        }
        at.upload.is_over()
    }

    /// Passes over what has come of a body that nobody wants; whether that was all.
    fn pass_request_body(&mut self) -> bool {
        if self.body_begun {
            return false;
        }
        let limits = self.request.pinned.limits(self.request.virtual_server);
        let kind = self.request.body;
        let intake = self.intake.get_or_insert_with(|| Box::new(Intake::new(kind, limits)));
        intake.pass_over(&mut self.client.link.input)
    }

    /// Lets go of a node whose answer goes no further; its connection is kept where the whole answer is there.
    pub(super) fn release_node(&mut self) {
        let Some(mut at) = self.at_node.take() else { return };
        self.body_begun |= at.upload.has_begun();
        if self.transaction.is_from_node() {
            self.node = Some(at.place);
        }
        let limits = self.request.pinned.limits(self.request.virtual_server);
        let mut intake = at.intake.take().unwrap_or_else(|| Box::new(Intake::new(at.body, limits)));
        let is_read = intake.pass_over(&mut at.link.input);
        at.keep_alive &= is_read && !self.transaction.closes_node();
        let body = at.body;
        self.keep_node(at, body);
    }

    /// Closes the connection, after what a rule has to say.
    pub(super) async fn close(&mut self) -> After {
        if self.streaming.is_some() {
            self.drop_stream();
            return After::BreakOff;
        }
        if self.transaction.body().is_empty() {
            return After::Part;
        }
        let mut out = self.worker.buffers.output();
        out.extend_from_slice(self.transaction.body());
        let mut farewell = Relay::through(Coding::Plain, out);
        farewell.pace_by(self.transaction.response_flow(self.worker.clock.now()), &self.worker.clock);
        farewell.first_byte = self.first_byte();
        let written = self.write_answer(&mut farewell).await;
        let bytes = farewell.bytes_written;
        self.note_sent(&mut farewell);
        self.note_payload(bytes);
        match written {
            Ok(()) if self.transaction.reads_before_close() => After::Part,
            Ok(()) => After::Close,
            Err(_) => After::BreakOff,
        }
    }
}

/// What was read of a body, framed behind a head, and the relay of the rest.
pub(super) fn frame_begun(begun: &[u8], intake: Intake, coding: Coding, out: &mut Vec<u8>) -> Relay {
    match coding {
        Coding::Plain => out.extend_from_slice(begun),
        Coding::Chunked if begun.is_empty() => {}
        Coding::Chunked => encode::chunk(out, begun),
    }
    if !intake.is_over {
        return Relay::going_on(intake.decoder, coding, Vec::new());
    }
    let mut relay = Relay::through(coding, Vec::new());
    match coding {
        Coding::Chunked => encode::last_chunk(out, intake.trailers.as_deref()),
        Coding::Plain => relay.put_trailers(intake.trailers),
    }
    relay
}
