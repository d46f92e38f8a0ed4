//! The small site: eight workers, each held until the last byte of its answer is taken, and a short queue.

use crate::line::{Line, Lined};
use crate::plan::{Party, Phase};
use crate::tally::Tally;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

const WORKERS: usize = 8;
/// How many may wait for a worker; the next is sent away.
const WAITING_MAX: usize = 32;
const PAGE_WORK: Duration = Duration::from_millis(15);
/// What the system may hold of an answer; with its own choice, megabytes on loopback, no worker were held by anybody.
const SEND_BUFFER_BYTES: u32 = 64 * 1024;
const ACCEPT_QUEUE: u32 = 128;

pub(crate) const PAGE_BYTES: usize = 10 * 1024;
pub(crate) const ASSET_BYTES: usize = 10 * 1024;
const FEED_BYTES: usize = 24 * 1024;
const SONG_BYTES: usize = 400_000;
const EPISODE_BYTES: usize = 400_000;

/// The field by which people say who they are: for the site's books alone, no contestant looks at it.
pub(crate) const PARTY_FIELD: &str = "storm-party";

/// What kind of thing a path is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thing {
    Page,
    Other(&'static str, usize),
}

pub(crate) fn thing(path: &str) -> Thing {
    if path.starts_with("/assets/") {
        Thing::Other("image/svg+xml", ASSET_BYTES)
    } else if path.starts_with("/audio/song") {
        Thing::Other("audio/mpeg", SONG_BYTES)
    } else if path.starts_with("/audio/") {
        Thing::Other("audio/mpeg", EPISODE_BYTES)
    } else if path.starts_with("/feed") {
        Thing::Other("application/atom+xml", FEED_BYTES)
    } else {
        Thing::Page
    }
}

struct Origin {
    workers: Arc<Semaphore>,
    waiting: Cell<usize>,
    start: Instant,
    tally: Rc<Tally>,
}

/// A worker, held by somebody.
struct Held {
    origin: Rc<Origin>,
    party: Option<(Party, Phase)>,
    since: Instant,
    _worker: OwnedSemaphorePermit,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((party, _)) = self.party {
            let (from, to) = (self.since - self.origin.start, self.origin.start.elapsed());
            self.origin.tally.held.add_span(party, from, to);
        }
    }
}

/// Opens a free port of the loopback.
///
/// # Errors
/// When the system gives none.
pub(crate) fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    socket.listen(ACCEPT_QUEUE)
}

/// Answers until the runtime ends. Time is counted from `start`.
pub(crate) fn serve(listener: TcpListener, line: Rc<Line>, start: Instant, tally: Rc<Tally>) {
    let workers = Arc::new(Semaphore::new(WORKERS));
    let origin = Rc::new(Origin { workers, waiting: Cell::new(0), start, tally });
    tokio::task::spawn_local(async move {
        loop {
            // Who is gone before being accepted is no reason to stop.
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _slower = stream.set_nodelay(true);
            let origin = Rc::clone(&origin);
            let stream = Lined::of_site(stream, Rc::clone(&line));
            tokio::task::spawn_local(async move {
                let service = service_fn(move |request| {
                    let origin = Rc::clone(&origin);
                    async move { answer(origin, request).await }
                });
                let mut http = http1::Builder::new();
                // A client that goes away is noticed when the answer is written, not before.
                http.timer(TokioTimer::new()).half_close(true).max_buf_size(SEND_BUFFER_BYTES as usize);
                // A connection that breaks is its client's business.
                let _broken = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
}

async fn answer(
    origin: Rc<Origin>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, hyper::http::Error> {
    let party = request.headers().get(PARTY_FIELD).and_then(|value| read_party(value.as_bytes()));
    let Some(worker) = origin.worker().await else {
        origin.tally.overflowed.set(origin.tally.overflowed.get() + 1);
        return Response::builder().status(StatusCode::SERVICE_UNAVAILABLE).body(Answer::default());
    };
    let held = Held { party, since: Instant::now(), _worker: worker, origin: Rc::clone(&origin) };
    let is_range = request.headers().contains_key(hyper::header::RANGE);
    let (content_type, length) = match thing(request.uri().path()) {
        Thing::Page => {
            // The whole of it, whoever is still there: a site that runs a program for a page does not notice.
            tokio::time::sleep_until(Instant::now() + PAGE_WORK).await;
            if let Some((party, phase)) = party {
                origin.tally.made.add(party, phase);
            }
            ("text/html; charset=utf-8", PAGE_BYTES)
        }
        Thing::Other(content_type, length) => (content_type, length),
    };
    let mut response = Response::builder().header(CONTENT_TYPE, content_type).header(CONTENT_LENGTH, length);
    if is_range {
        let whole = format!("bytes 0-{}/{length}", length - 1);
        response = response.status(StatusCode::PARTIAL_CONTENT).header(CONTENT_RANGE, whole);
    }
    response.body(Answer { left: length, _held: Some(held) })
}

impl Origin {
    /// A worker, as soon as one is free; none when too many wait already.
    async fn worker(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(free) = Arc::clone(&self.workers).try_acquire_owned() {
            return Some(free);
        }
        if self.waiting.get() >= WAITING_MAX {
            return None;
        }
        let _place = Place::take(&self.waiting);
        Arc::clone(&self.workers).acquire_owned().await.ok()
    }
}

/// A place in the queue, given back however the wait ends.
struct Place<'a>(&'a Cell<usize>);

impl<'a> Place<'a> {
    fn take(waiting: &'a Cell<usize>) -> Self {
        waiting.set(waiting.get() + 1);
        Self(waiting)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

pub(crate) fn party_field(party: Party, phase: Phase) -> String {
    format!("{}.{}", party.index(), phase.index())
}

fn read_party(field: &[u8]) -> Option<(Party, Phase)> {
    let [party, b'.', phase] = field else { return None };
    let of = |digit: &u8| digit.checked_sub(b'0').map(usize::from);
    Some((*Party::ALL.get(of(party)?)?, *Phase::ALL.get(of(phase)?)?))
}

/// So many bytes; the worker is held until they are gone.
#[derive(Default)]
struct Answer {
    left: usize,
    _held: Option<Held>,
}

static PIECE: [u8; 16 * 1024] = [b'.'; 16 * 1024];

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let count = self.left.min(PIECE.len());
        if count == 0 {
            return Poll::Ready(None);
        }
        self.left -= count;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE[..count])))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}
