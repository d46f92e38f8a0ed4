//! Saying no to what could not be understood, and parting from a client that may still be sending.

use super::connection::{Client, Refusal};
use crate::buffers::Size;
use crate::node::connect::Dial;
use crate::wire::Wire;
use crate::worker::Worker;
use http1::encode;
use message::reason_of;
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
            Self::TooSlow => 408,
            Self::UnknownHost => 421,
        }
    }

    /// Why, for people.
    const fn reason(self) -> &'static str {
        match self {
            Self::Bad(bad) => bad.reason(),
            Self::TooSlow => "the head did not come in time",
            Self::UnknownHost => "no site of that name is served here",
        }
    }
}

/// Answers; the connection is to be parted from then.
pub(crate) async fn refuse<S: Wire, D: Dial>(worker: &Worker<D>, client: &mut Client<S>, refusal: Refusal) {
    worker.shared.counters().bad_requests.add_one();
    let body = format!("{}\n", refusal.reason());
    let mut out = worker.buffers.output();
    encode::status_line(&mut out, refusal.status(), reason_of(refusal.status()).as_bytes());
    out.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n");
    encode::content_length(&mut out, body.len() as u64);
    encode::end_head(&mut out);
    out.extend_from_slice(body.as_bytes());
    client.watch.set(worker.clock.tick().saturating_add(ANSWER_TIME));
    // A client that does not take its answer has parted already.
    let _gone = client.link.write_all(&client.watch, &out).await;
    worker.buffers.return_output(out);
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
