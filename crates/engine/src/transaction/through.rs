//! Bodies on their way through rules: what the shell reads for them, what they stream, another try.

use super::rules::{Runner, Waited};
use super::{Ask, Next, Origin, State, Transaction};
use crate::bodies::{BodyEnd, BodySide, Came, Outgoing, RequestBody, try_work};
use crate::error::{ErrorKind, Progress, TransactionError};
use crate::host::{self, BodyWait, End, Host, Waiting};
use crate::htaccess::apply_to_answer;
use crate::limits;
use crate::time::Now;
use source::{Source, Span};
use std::sync::Arc;
use trafficscript::{Host as _, Value, Warning};

impl Transaction {
    /// Where the bytes go that [`Ask::Body`] wants, behind those that are there; without framing.
    pub fn body_slot(&mut self, side: BodySide) -> &mut Vec<u8> {
        let bodies = self.host.bodies_mut();
        match side {
            BodySide::Request => &mut bodies.request.bytes,
            BodySide::Response => &mut bodies.response.bytes,
        }
    }

    /// What [`Ask::Body`] wanted is in the slot, or the body is over.
    pub fn body_read(&mut self, side: BodySide, end: BodyEnd, now: Now) -> Next {
        let bodies = self.host.bodies_mut();
        match side {
            BodySide::Request => bodies.request.end = end,
            BodySide::Response => bodies.response.end = end,
        }
        // Bytes have moved: what rules wait for next has the server's patience for itself.
        self.host.moved = now;
        self.host.set_deadline();
        self.advance(now)
    }

    /// The request's body, as a node is to get it.
    pub fn request_body(&self) -> RequestBody<'_> {
        let Some(bodies) = &self.host.bodies else { return RequestBody::AsItComes };
        match &bodies.written_request {
            Some(written) => RequestBody::Written(written),
            None if bodies.request.bytes.is_empty() && bodies.request.end == BodyEnd::Open => {
                RequestBody::AsItComes
            }
            None => RequestBody::Begun(&bodies.request.bytes),
        }
    }

    /// What was read of a node's answer for [`Next::Deliver`]; it goes before what is still to come.
    pub fn response_begun(&self) -> &[u8] {
        self.host.bodies.as_ref().map_or(&[], |bodies| &bodies.response.bytes)
    }

    /// Whether the body of a [`Next::Answer`] goes in chunks to a client that knows them.
    pub fn wants_chunks(&self) -> bool {
        self.host.bodies.as_ref().is_some_and(|bodies| bodies.in_chunks)
    }

    /// Whether the answer came from a node, whatever rules made of it.
    pub fn is_from_node(&self) -> bool {
        self.host.is_from_node
    }

    /// Whether a rule wants the connection to the node closed.
    pub fn closes_node(&self) -> bool {
        self.host.bodies.as_ref().is_some_and(|bodies| bodies.closes_node)
    }

    /// Part of the request's body went to a node and is held nowhere: it cannot be sent again.
    pub fn note_body_spent(&mut self) {
        self.host.is_body_spent = true;
    }

    /// How often a rule had the request sent again.
    pub fn retries(&self) -> u32 {
        self.host.retries
    }

    /// Whether what the client still sends is to be read for a moment before a [`Next::Close`].
    pub fn reads_before_close(&self) -> bool {
        self.host.bodies.as_ref().is_none_or(|bodies| !bodies.closes_at_once)
    }

    /// What is to be written of a streamed answer.
    pub fn outgoing(&self) -> Outgoing<'_> {
        let streamed = self.host.bodies.as_ref().and_then(|bodies| bodies.streamed.as_ref());
        streamed.map_or(Outgoing { begins: false, length: None, data: &[], is_cut: true }, |streamed| {
            streamed.outgoing()
        })
    }

    /// Whether bytes of a streamed answer are under way.
    pub fn is_streaming(&self) -> bool {
        self.host.is_streaming()
    }

    /// [`Self::outgoing`] is written.
    pub fn sent(&mut self, now: Now) -> Next {
        if let Some(streamed) = self.host.streamed_mut() {
            streamed.written();
        }
        self.host.moved = now;
        self.host.set_deadline();
        self.advance(now)
    }

    /// The rules are through, and one of them has begun to send the answer.
    pub(super) fn streamed(&mut self, end: Option<&End>) -> Next {
        self.rules.end_run();
        if !self.host.is_from_node {
            self.origin = Origin::Rule;
        }
        if matches!(end, Some(End::Discard | End::Close { .. } | End::Fault | End::QueueRefused { .. })) {
            self.host.shared.counters().discards.add_one();
            return self.break_off();
        }
        // Also where the rule that met the break wrote nothing after it.
        let is_cut = self.host.answer_is_cut();
        let goes_on = self.host.streamed_mut().is_some_and(|streamed| {
            streamed.is_cut |= is_cut;
            streamed.goes_on
        });
        if goes_on {
            self.state = State::Through;
            return self.through();
        }
        self.finish_stream()
    }

    /// Hands on what the node still sends.
    pub(super) fn through(&mut self) -> Next {
        loop {
            let Some(streamed) = self.host.streamed_mut() else { return self.discard() };
            if !streamed.has_begun || !streamed.pending.is_empty() {
                return Next::Ask(Ask::Send);
            }
            let (bytes, end) = self.host.take_rest_of_answer();
            let (held, _) = self.host.held(BodySide::Response);
            let Some(streamed) = self.host.streamed_mut() else { return self.discard() };
            let is_full = streamed.push(&bytes) > 0;
            match end {
                _ if is_full => return self.finish_stream(),
                _ if !bytes.is_empty() => {}
                BodyEnd::Whole => return self.finish_stream(),
                BodyEnd::Cut => {
                    streamed.is_cut = true;
                    return self.finish_stream();
                }
                BodyEnd::Open => {
                    let (least, most) = (held + 1, held + limits::THROUGH_BYTES);
                    return Next::Ask(Ask::Body { side: BodySide::Response, least, most });
                }
            }
        }
    }

    /// What a rule made of a node's broken answer must not pass for a whole one. Nothing was sent yet, so the client
    /// can be told.
    pub(super) fn cut_in_rules(&mut self) -> Next {
        self.host.shared.counters().cut_responses.add_one();
        let error = TransactionError { kind: ErrorKind::NodeClosed, progress: Progress::SentBody };
        self.failed(error, self.host.now)
    }

    fn finish_stream(&mut self) -> Next {
        self.state = State::Decided(Next::Finish);
        Next::Finish
    }

    /// A streamed answer that cannot be brought to its end: the client must not take it for a whole one.
    pub(super) fn break_off(&mut self) -> Next {
        self.rules.end_run();
        self.host.body.clear();
        self.state = State::Decided(Next::Close);
        Next::Close
    }

    /// Bytes of a rule's own, and the end of the connection.
    pub(super) fn close_with(&mut self, data: Vec<u8>, reads_on: bool) -> Next {
        let next = self.discard();
        self.host.body = data;
        if !reads_on {
            self.host.bodies_mut().closes_at_once = true;
        }
        next
    }

    /// The node's answer is dropped and the request sent once more.
    pub(super) fn ask_again(&mut self) -> Next {
        let Some(pool) = self.host.pool.or(self.virtual_server().pool) else { return self.discard() };
        let host = &mut self.host;
        host.retries = host.retries.saturating_add(1);
        host.response.clear();
        host.forget_answer();
        self.origin = Origin::Undecided;
        self.state = State::AtNode { pool };
        Next::Forward { pool }
    }
}

impl Runner {
    /// A function that waited for bytes: its value, or what it waits for still.
    pub(super) fn body_waited(&mut self, host: &mut Host, wait: Box<BodyWait>) -> Waited {
        match try_work(host, &wait.work, true) {
            Came::Missing { side, least, most } => {
                host.waiting = Some(Waiting::Body(wait));
                Waited::Still(Ask::Body { side, least, most })
            }
            Came::Value(given) => {
                if let Some(text) = given.warning {
                    let (source, span): (Arc<Source>, Span) = wait.place;
                    host.warn(Warning { text, source, span });
                }
                if let (Some(run), false) = (self.waiting_run(), given.captures.is_empty()) {
                    let captures = run.captures();
                    for (at, value) in given.captures.into_iter().enumerate() {
                        captures.set(at + 1, value);
                    }
                }
                self.note_stream_memory(host);
                Waited::Answer(Some(given.value))
            }
        }
    }

    /// A function that streams: goes on when all is written.
    pub(super) fn write_waited(&mut self, host: &mut Host) -> Waited {
        let is_written =
            host.streamed_mut().is_none_or(|streamed| streamed.has_begun && streamed.pending.is_empty());
        if is_written {
            self.note_stream_memory(host);
            return Waited::Answer(Some(Value::EMPTY));
        }
        host.waiting = Some(Waiting::Written);
        Waited::Still(Ask::Send)
    }

    /// A stream may be longer than what a run may make in all; what it holds is counted, not what went by.
    fn note_stream_memory(&mut self, host: &Host) {
        if host.is_streaming()
            && let Some(run) = self.waiting_run()
        {
            run.count_what_is_held();
        }
    }
}

impl Host {
    /// Whether a rule has begun to send the answer.
    pub(crate) fn is_streaming(&self) -> bool {
        self.bodies.as_ref().is_some_and(|bodies| bodies.streamed.is_some())
    }

    pub(crate) fn streamed_mut(&mut self) -> Option<&mut crate::bodies::Streamed> {
        self.bodies.as_mut()?.streamed.as_mut()
    }

    /// Does to the answer what request rules and `.htaccess` asked for.
    pub(crate) fn apply_edits(&mut self) {
        let caching = self.virtual_server().cookie_caching;
        host::apply(&mut self.response, &self.edits, caching);
        if let Some(judged) = &self.judged {
            apply_to_answer(&mut self.response, judged);
        }
    }

    /// Whether what rules read of the node's body came to no good end: the node broke off, or packed data stops
    /// early or is damaged.
    pub(crate) fn answer_is_cut(&self) -> bool {
        self.held(BodySide::Response).1 == BodyEnd::Cut || self.unpacking_failed()
    }

    /// What `request.sendResponse` put by.
    pub(super) fn stored_answer(&mut self) -> Option<End> {
        let built = self.bodies.as_mut()?.stored.take()?;
        Some(End::Respond(Box::new(built)))
    }
}
