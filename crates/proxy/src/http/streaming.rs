//! An answer that a rule sends piece by piece. Each piece is written, at the pace of its bandwidth class, before the
//! rule goes on, so nothing piles up here.

use super::body::{Coding, Relay};
use super::exchange::{After, Exchange, Gone, Halt};
use super::forward::Framing;
use crate::node::connect::Dial;
use crate::timers::Alarm;
use crate::wire::{Link, Wire};
use engine::Next;
use http1::encode;
use shaping::BandwidthClassId;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// What was begun.
pub(super) struct Streaming {
    relay: Relay,
    /// What paces it now; a rule may choose another between two pieces.
    class: Option<BandwidthClassId>,
    framing: Framing,
    keep_alive: bool,
    request_is_read: bool,
    head_bytes: u64,
    payload_bytes: u64,
}

impl<S: Wire, D: Dial> Exchange<'_, S, D> {
    /// Writes what a rule has for the client, and goes on with the rule.
    pub(super) async fn send_piece(&mut self) -> Result<Next, Gone> {
        match self.write_piece(Piece::Next).await {
            Ok(()) => {
                self.now = self.worker.clock.now();
                Ok(self.transaction.sent(self.now))
            }
            Err(Halt::Stopped) => Err(Gone::Stopped),
            Err(Halt::Sender | Halt::Receiver) => Err(Gone::Left),
        }
    }

    /// The last piece, and the end.
    pub(super) async fn finish_stream(&mut self) -> After {
        let is_cut = self.transaction.outgoing().is_cut;
        let written = self.write_piece(if is_cut { Piece::Next } else { Piece::Last }).await;
        let Some(streaming) = self.streaming.take() else { return After::BreakOff };
        let (keep_alive, is_read) = (streaming.keep_alive, streaming.request_is_read);
        let is_open_end = streaming.framing == Framing::UntilClose;
        self.note_streamed(*streaming);
        self.release_node();
        match written {
            Ok(()) if is_cut => {
                self.worker.shared.counters().cut_responses.add_one();
                if is_open_end || self.client.is_stream() { After::BreakOff } else { After::Close }
            }
            Ok(()) if keep_alive => After::Again,
            Ok(()) if is_read && !self.terms.keep_alive => After::Close,
            Ok(()) => After::Part,
            Err(Halt::Stopped) => After::BreakOff,
            Err(_) => self.leave(Gone::Left),
        }
    }

    /// What was sent of a stream that comes to no end.
    pub(super) fn drop_stream(&mut self) {
        if let Some(streaming) = self.streaming.take() {
            self.note_streamed(*streaming);
        }
    }

    fn note_streamed(&mut self, mut streaming: Streaming) {
        let (head, payload) = (streaming.head_bytes, streaming.payload_bytes);
        self.note_sent(&mut streaming.relay);
        self.note_payload(payload.min(streaming.relay.bytes_written.saturating_sub(head)));
    }

    /// Writes what was made here, at its pace.
    pub(super) async fn write_answer(&mut self, download: &mut Relay) -> Result<(), Halt> {
        self.buffer_by(download);
        let mut nothing = Link::new(tokio::io::empty());
        let client = &mut *self.client;
        let watch = Rc::clone(&client.watch);
        let around = Self::around(self.worker, &watch, (&self.request, self.ceiling));
        poll_fn(|context| match download.poll(context, (&mut nothing, &mut client.link), &around) {
            Poll::Ready(written) => Poll::Ready(written.map_err(|_| Halt::Receiver)),
            Poll::Pending => watch.poll_alarm(context).map(|alarm| match alarm {
                Alarm::Deadline => Err(Halt::Receiver),
                _ => Err(Halt::Stopped),
            }),
        })
        .await
    }

    async fn write_piece(&mut self, piece: Piece) -> Result<(), Halt> {
        let mut streaming = match self.streaming.take() {
            Some(streaming) => streaming,
            None => Box::new(self.begin_stream()),
        };
        let class = self.transaction.response_class_id();
        if class != streaming.class {
            streaming.class = class;
            let flow = self.transaction.response_flow(self.worker.clock.now());
            streaming.relay.pace_by(flow, &self.worker.clock);
        }
        let data = self.transaction.outgoing().data;
        let out = streaming.relay.more_out();
        let has_body = match streaming.framing {
            Framing::Bodiless | Framing::Nothing => false,
            _ => !self.terms.is_head,
        };
        if has_body && !data.is_empty() {
            streaming.payload_bytes += data.len() as u64;
            if streaming.framing == Framing::Chunked {
                encode::chunk(out, data);
            } else {
                out.extend_from_slice(data);
            }
        }
        if has_body && streaming.framing == Framing::Chunked && matches!(piece, Piece::Last) {
            encode::last_chunk(out, None);
        }
        let written = self.write_answer(&mut streaming.relay).await;
        self.streaming = Some(streaming);
        written
    }

    fn begin_stream(&mut self) -> Streaming {
        if let Some(at) = &self.at_node {
            self.body_begun |= at.upload.has_begun() && !at.upload.is_over();
            self.node = Some(at.place);
        }
        let request_is_read = self.finish_request_body();
        let outgoing = self.transaction.outgoing();
        let is_old = self.terms.version == message::Version::Http10;
        let framing = match (self.transaction.response().status(), outgoing.length) {
            (304, _) => Framing::Bodiless,
            (204, _) => Framing::Nothing,
            (status, _) if status < 200 => Framing::Nothing,
            (_, Some(length)) => Framing::Length(length),
            (_, None) if is_old => Framing::UntilClose,
            (_, None) if self.client.is_stream() => Framing::Stream,
            (_, None) => Framing::Chunked,
        };
        let reply = self.reply(framing, request_is_read);
        let mut out = self.worker.buffers.output();
        let head_bytes = self.client.put_head(self.transaction.response(), reply, &mut out);
        let unwritten_head_bytes = out.len();
        let mut relay = Relay::through(Coding::Plain, out);
        relay.pace_by(self.transaction.response_flow(self.now), &self.worker.clock);
        relay.first_byte = self.first_byte();
        relay.count_head(head_bytes - unwritten_head_bytes, &self.worker.clock);
        relay.demand(self.room_at_client());
        Streaming {
            relay,
            class: self.transaction.response_class_id(),
            framing,
            keep_alive: reply.keep_alive,
            request_is_read,
            head_bytes: head_bytes as u64,
            payload_bytes: 0,
        }
    }
}

/// Which piece is written.
#[derive(Clone, Copy)]
enum Piece {
    Next,
    Last,
}
