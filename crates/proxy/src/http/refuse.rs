//! Saying no to what could not be understood, and parting from a client that may still be sending.

use super::connection::{Client, Refusal, Refused};
use super::forward::{Framing, Reply};
use crate::buffers::Size;
use crate::node::connect::Dial;
use crate::wire::Wire;
use crate::worker::Worker;
use accesslog::ConnectionState;
use engine::{Delivery, ErrorTold, Form, Now};
use message::{ResponseHead, Version, reason_of};
use std::time::Duration;

/// What is read and thrown away after the last answer, so that closing does not reset the connection and lose it.
const DISCARDED_BYTES_MAX: u64 = 64 * 1024;
/// For how long.
const DISCARD_TIME: Duration = Duration::from_secs(1);
/// How long the answer to a bad request may take to be written.
const ANSWER_TIME: Duration = Duration::from_secs(5);

impl Refusal {
    /// The status of the answer.
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::Bad(bad) => bad.status(),
            Self::Malformed(why) => why.status(),
            Self::TooSlow => 408,
            Self::UnknownHost | Self::Misdirected => 421,
        }
    }

    /// Whether the head was understood, and it is known what the client accepts.
    const fn is_of_whole_head(self) -> bool {
        matches!(self, Self::UnknownHost | Self::Misdirected)
    }

    /// Why, as a word for the log.
    const fn code(self) -> &'static str {
        match self {
            Self::Bad(bad) => bad.code(),
            Self::Malformed(why) => why.code(),
            Self::TooSlow => "head-too-slow",
            Self::UnknownHost => "unknown-host",
            Self::Misdirected => "misdirected",
        }
    }

    /// Why, for people.
    const fn reason(self) -> &'static str {
        match self {
            Self::Bad(bad) => bad.reason(),
            Self::Malformed(why) => why.reason(),
            Self::TooSlow => "the head did not come in time",
            Self::UnknownHost => "no site of that name is served here",
            Self::Misdirected => "this site wants a connection of its own, made for its name",
        }
    }
}

/// Answers, and writes the log line; the connection is to be parted from then.
pub(crate) async fn refuse<S: Wire, D: Dial>(worker: &Worker<D>, client: &mut Client<S>, refused: Refused) {
    let arrived = worker.clock.now();
    worker.shared.counters().bad_requests.add_one();
    let (head, body) = page(worker, client, &refused);
    let reply = Reply {
        framing: Framing::Length(body.len() as u64),
        keep_alive: false,
        client_version: Version::Http11,
        via: false,
        upgrade: false,
    };
    let mut out = worker.buffers.output();
    let head_bytes = client.put_head(&head, reply, &mut out);
    out.extend_from_slice(&body);
    client.watch.set(arrived.tick.saturating_add(ANSWER_TIME));
    let is_told = client.link.write_all(&client.watch, &out).await.is_ok();
    let (all, payload) = if is_told { (head_bytes + body.len(), body.len()) } else { (0, 0) };
    worker.buffers.return_output(out);
    log(worker, client, &refused, (all as u64, payload as u64, arrived));
    worker.return_heads(refused.heads);
}

/// What the client is told, in the form that it accepts; a text, if it could not be read what it accepts.
fn page<S, D: Dial>(worker: &Worker<D>, client: &Client<S>, refused: &Refused) -> (ResponseHead, Vec<u8>) {
    let refusal = refused.refusal;
    let server = refused.pinned.catalog.virtual_server(refused.virtual_server);
    let id = worker.request_id(client.connection.facts().id, client.requests).name();
    let told = ErrorTold { status: refusal.status(), sentence: refusal.reason(), request_id: id.as_str() };
    let wanted = refusal.is_of_whole_head().then(|| Form::wanted(refused.heads.request.fields()));
    let (content_type, body) = server.error_pages.tell(told, wanted);
    let mut head = ResponseHead::default();
    let mut is_sound = head.set_status(refusal.status(), reason_of(refusal.status()).as_bytes()).is_ok()
        && head.fields_mut().add(b"Content-Type", content_type.as_bytes()).is_ok()
        && head.fields_mut().add(b"Cache-Control", b"no-store").is_ok();
    if let Some(header) = &server.request_id.header {
        is_sound &= head.fields_mut().add(header.as_bytes(), id.as_str().as_bytes()).is_ok();
    }
    debug_assert!(is_sound, "all is ours, or was checked");
    (head, body)
}

fn log<S, D: Dial>(
    worker: &Worker<D>,
    client: &Client<S>,
    refused: &Refused,
    (bytes_sent, body_bytes_sent, arrived): (u64, u64, Now),
) {
    let target = refused.pinned.log_target(refused.virtual_server);
    let (Some(log), Some(target)) = (&worker.log, target) else { return };
    let facts = client.connection.facts();
    let now = worker.clock.now();
    let line = engine::Refused {
        virtual_server: refused.pinned.catalog.virtual_server(refused.virtual_server),
        facts,
        head: &refused.heads.request,
        status: refused.refusal.status(),
        code: refused.refusal.code(),
        id: worker.request_id(facts.id, client.requests),
        request_number: client.requests,
        arrived,
    };
    let delivery = Delivery {
        body_bytes_sent,
        bytes_sent,
        bytes_received: client.link.input.len() as u64,
        first_byte_at: (bytes_sent > 0).then_some(arrived.tick),
        node: None,
        connection: if bytes_sent > 0 { ConnectionState::Closed } else { ConnectionState::Aborted },
        utc_offset_seconds: worker.clock.utc_offset_seconds(now),
    };
    log.line(target, &worker.shared, |out| line.write_log_line(&delivery, now, out));
}

/// Half-closes, and discards for a moment what still comes. Nothing of it is interpreted.
pub(crate) async fn part<S: Wire, D: Dial>(worker: &Worker<D>, client: &mut Client<S>) {
    client.watch.set(worker.clock.tick().saturating_add(DISCARD_TIME));
    worker.buffers.discard(&mut client.link.input);
    if client.link.end_writing(&client.watch).await.is_err() {
        return;
    }
    let before = client.link.bytes_read;
    let room = (Size::Small, crate::buffers::SMALL_BYTES);
    while client.link.bytes_read - before < DISCARDED_BYTES_MAX {
        match client.link.fill(&client.watch, &worker.buffers, room).await {
            Ok(0) | Err(_) => return,
            Ok(_) => worker.buffers.discard(&mut client.link.input),
        }
    }
}
