//! Transactions in virtual time: the live code, without sockets and without waiting.
//!
//! `tidegate try`, the executable specification and (later) the replay of a log are this: visits enter an event
//! queue, time jumps from event to event, nodes answer from what the visit brings along.

use crate::bodies::{BodyEnd, BodySide, RequestBody};
use crate::catalog::{Catalog, VirtualServerId};
use crate::connection::{Connection, ConnectionFacts};
use crate::decision::DecisionRecord;
use crate::errand::{ErrandError, World};
use crate::limits::REHEARSED_WAITS_MAX;
use crate::request_id::RequestId;
use crate::shared::{Shared, SharedOptions, Wake};
use crate::time::{Now, WallTime};
use crate::transaction::{Arrival, Ask, Ending, Heads, Knowledge, Next, Transaction};
use core::time::Duration;
use message::{RequestHead, ResponseHead};
use shaping::{Tick, TicketId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

/// One request, and what its node will answer.
#[derive(Clone, Debug)]
pub struct Visit {
    /// After the start.
    pub at: Duration,
    /// Visits with the same number share a client connection.
    pub connection: u64,
    /// The client.
    pub client: SocketAddr,
    /// Where it connects.
    pub virtual_server: VirtualServerId,
    /// What it sends.
    pub request: RequestHead,
    /// The request's body, without framing; there at once.
    pub body: Vec<u8>,
    /// What a node answers, at once.
    pub reply: ResponseHead,
    /// The body of that answer, as the node sends it.
    pub reply_body: Vec<u8>,
    /// What it answers when a rule asks again, one after the other; the last one stays.
    pub later_replies: Vec<(ResponseHead, Vec<u8>)>,
    /// When the client leaves, after the start, if it is still waiting then.
    pub leaves_at: Option<Duration>,
    /// What the source of the request can know.
    pub knowledge: Knowledge,
    /// Whether the client side is encrypted.
    pub tls: bool,
}

impl Visit {
    /// At the start, to the first virtual server, in the clear and alone on its connection, by one who stays; the node
    /// answers with the head and no body.
    pub fn of(request: RequestHead, reply: ResponseHead) -> Self {
        Self {
            at: Duration::ZERO,
            connection: 1,
            client: SocketAddr::from(([192, 0, 2, 1], 50_000)),
            virtual_server: VirtualServerId(0),
            request,
            body: Vec::new(),
            reply,
            reply_body: Vec::new(),
            later_replies: Vec::new(),
            leaves_at: None,
            knowledge: Knowledge::All,
            tls: false,
        }
    }
}

/// What became of a visit.
#[derive(Clone, Debug)]
pub struct Visited {
    /// Which one, in the order of [`Rehearsal::add`].
    pub number: usize,
    /// When its rules were through and the answer's head stood, after the start.
    pub decided_at: Duration,
    /// When it was sent to a node, after the start; `None` if it never was.
    pub forwarded_at: Option<Duration>,
    /// What was decided.
    pub record: DecisionRecord,
    /// The request as a node would get it.
    pub request: RequestHead,
    /// Its body; empty if it never was sent to one.
    pub request_body: Vec<u8>,
    /// The answer; `None` for a discard and for a client that left.
    pub response: Option<ResponseHead>,
    /// The body of the answer as the client gets it, or what a closed connection was told.
    pub body: Vec<u8>,
    /// Instructions that its rules took.
    pub instructions: u64,
    /// Its rules did not come to an end: they waited more than [`REHEARSED_WAITS_MAX`] times and were given up, as if
    /// the client had left.
    pub is_given_up: bool,
}

/// The event queue.
pub struct Rehearsal {
    shared: Arc<Shared>,
    catalog: Arc<Catalog>,
    start: Now,
    woken: Arc<Woken>,
    visits: Vec<Visit>,
    connections: BTreeMap<u64, (Rc<Connection>, u32)>,
    /// `(when, in which order it was said, what)`; the order makes ties the same in each run.
    events: BinaryHeap<Reverse<(Tick, u64, What)>>,
    said: u64,
    waiting: BTreeMap<usize, Held>,
    world: World,
    /// Whose visit waits with a ticket; an entry lives as long as that wait.
    tickets: BTreeMap<TicketId, usize>,
}

/// A visit under way.
struct Held {
    transaction: Box<Transaction>,
    /// When it was sent to a node.
    forwarded_at: Option<Duration>,
    /// What it waits with, if it does.
    ticket: Option<TicketId>,
    /// How much of the two bodies rules have read.
    read: (usize, usize),
    /// What a rule has streamed.
    streamed: Vec<u8>,
    request_body: Vec<u8>,
    body: Vec<u8>,
    /// How often its rules have waited for something.
    waits: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Arrives(usize),
    GoesOn(usize),
    Leaves(usize),
}

#[derive(Debug, Default)]
struct Woken(Mutex<Vec<TicketId>>);

impl Wake for Arc<Woken> {
    fn wake(&self, ticket: TicketId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ticket);
    }
}

impl Rehearsal {
    /// An empty queue over a catalog, with state of its own. `seed` keys hashes; the same seed and visits give the
    /// same decisions.
    pub fn new(catalog: Catalog, options: &SharedOptions, start: WallTime) -> Self {
        let start = Now { tick: Tick::ZERO, wall: start };
        let woken = Arc::new(Woken::default());
        let shared = Shared::new(catalog, options, Box::new(Arc::clone(&woken)), start);
        let catalog = shared.catalog();
        Self {
            shared,
            catalog,
            start,
            woken,
            visits: Vec::new(),
            connections: BTreeMap::new(),
            events: BinaryHeap::new(),
            said: 0,
            waiting: BTreeMap::new(),
            tickets: BTreeMap::new(),
            world: World::default(),
        }
    }

    /// Tells it what the world answers; without it nothing does, and rules get the failure values of their calls.
    #[must_use]
    pub fn in_world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// The state it runs on.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Puts a visit into the queue and gives its number.
    pub fn add(&mut self, visit: Visit) -> usize {
        let number = self.visits.len();
        self.say(Tick::ZERO.saturating_add(visit.at), What::Arrives(number));
        if let Some(leaves_at) = visit.leaves_at {
            self.say(Tick::ZERO.saturating_add(leaves_at), What::Leaves(number));
        }
        self.visits.push(visit);
        number
    }

    /// Plays everything to its end; results in the order in which they were decided.
    pub fn run(&mut self) -> Vec<Visited> {
        let mut done = Vec::new();
        while let Some(Reverse((tick, _, what))) = self.events.pop() {
            let now = Now { tick, wall: self.start.wall_at(tick) };
            match what {
                What::Arrives(number) => {
                    let transaction = self.arrive(number, now);
                    let held = Held {
                        transaction,
                        forwarded_at: None,
                        ticket: None,
                        read: (0, 0),
                        streamed: Vec::new(),
                        request_body: Vec::new(),
                        body: Vec::new(),
                        waits: 0,
                    };
                    done.extend(self.go_on(number, held, now));
                }
                What::GoesOn(number) => {
                    if let Some(held) = self.take(number) {
                        done.extend(self.go_on(number, held, now));
                    }
                }
                What::Leaves(number) => {
                    if let Some(mut held) = self.take(number) {
                        held.transaction.abandon(now);
                        done.push(visited(number, held, now));
                    }
                }
            }
            self.pass_wakes_on(tick);
        }
        done
    }

    fn say(&mut self, tick: Tick, what: What) {
        self.said += 1;
        self.events.push(Reverse((tick, self.said, what)));
    }

    /// A visit that waits, to be gone on with or ended; whatever it waits with next it says again.
    fn take(&mut self, number: usize) -> Option<Held> {
        let held = self.waiting.remove(&number)?;
        if let Some(ticket) = held.ticket {
            self.tickets.remove(&ticket);
        }
        Some(held)
    }

    fn arrive(&mut self, number: usize, now: Now) -> Box<Transaction> {
        let visit = &self.visits[number];
        let facts = ConnectionFacts {
            id: visit.connection,
            peer: visit.client,
            local: self
                .catalog
                .virtual_server(visit.virtual_server)
                .listen
                .first()
                .copied()
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 80))),
            tls: visit.tls.then(Arc::default),
            admission: None,
        };
        let known = self.connections.entry(visit.connection);
        let (connection, requests) = known.or_insert_with(|| (Rc::new(Connection::new(facts)), 0));
        *requests = requests.saturating_add(1);
        let arrival = Arrival {
            virtual_server: visit.virtual_server,
            client: visit.client.ip(),
            request_number: *requests,
            named: None,
            id: RequestId(number as u64 + 1),
            knowledge: visit.knowledge.clone(),
        };
        let heads = Heads { request: visit.request.clone(), response: ResponseHead::default() };
        Transaction::begin(&self.shared, &self.catalog, arrival, (connection, heads), now)
    }

    /// Drives a visit as far as it gets; `None` while it waits.
    fn go_on(&mut self, number: usize, mut held: Held, now: Now) -> Option<Visited> {
        let mut next = held.transaction.advance(now);
        loop {
            if let Next::Ask(_) = next {
                held.waits += 1;
                if held.waits > REHEARSED_WAITS_MAX {
                    held.transaction.abandon(now);
                    return Some(visited(number, held, now));
                }
            }
            match next {
                Next::Ask(Ask::Errand { .. }) => {
                    // At once: what is known beforehand takes no time.
                    let errand = held.transaction.errand();
                    let report =
                        errand.map_or(Err(ErrandError::TimedOut), |errand| self.world.answer(&errand));
                    next = held.transaction.errand_done(report, now);
                }
                Next::Ask(ask) => {
                    let (ticket, until) = match ask {
                        Ask::Turn { ticket, until } => (Some(ticket), until),
                        Ask::Sleep { until } | Ask::Bytes { until } | Ask::Errand { until } => (None, until),
                        Ask::Body { side, most, .. } => {
                            next = self.bring_body(number, &mut held, (side, most), now);
                            continue;
                        }
                        Ask::Send => {
                            held.streamed.extend_from_slice(held.transaction.outgoing().data);
                            next = held.transaction.sent(now);
                            continue;
                        }
                    };
                    self.tickets.extend(ticket.map(|ticket| (ticket, number)));
                    held.ticket = ticket;
                    self.waiting.insert(number, held);
                    self.say(until.max(now.tick), What::GoesOn(number));
                    return None;
                }
                Next::Forward { pool } => {
                    held.forwarded_at = Some(now.tick.since(Tick::ZERO));
                    held.transaction.reach_in_thought(pool, now);
                    held.request_body = sent_body(&held.transaction, &self.visits[number]);
                    held.read.1 = 0;
                    let (reply, _) = self.visits[number].reply_to(held.transaction.retries());
                    held.transaction.response_slot().clone_from(reply);
                    next = held.transaction.response_received(now);
                }
                Next::Deliver | Next::Answer | Next::Finish | Next::Close => break,
            }
        }
        held.body = self.body_for_client(number, &mut held, next);
        Some(visited(number, held, now))
    }

    /// The bytes a rule asked for, or as many as there are.
    fn bring_body(&self, number: usize, held: &mut Held, (side, most): (BodySide, usize), now: Now) -> Next {
        let visit = &self.visits[number];
        let (body, read) = match side {
            BodySide::Request => (&visit.body, &mut held.read.0),
            BodySide::Response => (visit.reply_to(held.transaction.retries()).1, &mut held.read.1),
        };
        let slot = held.transaction.body_slot(side);
        let rest = body.get(*read..).unwrap_or_default();
        let taken = most.saturating_sub(slot.len()).min(rest.len());
        slot.extend_from_slice(&rest[..taken]);
        *read += taken;
        let end = if *read == body.len() { BodyEnd::Whole } else { BodyEnd::Open };
        held.transaction.body_read(side, end, now)
    }

    fn body_for_client(&self, number: usize, held: &mut Held, next: Next) -> Vec<u8> {
        let transaction = &held.transaction;
        let (_, reply_body) = self.visits[number].reply_to(transaction.retries());
        let status = transaction.response().status();
        let is_bodiless =
            self.visits[number].request.method() == b"HEAD" || matches!(status, 100..200 | 204 | 304);
        match next {
            Next::Close => transaction.body().to_vec(),
            _ if is_bodiless => Vec::new(),
            Next::Deliver => {
                let rest = reply_body.get(held.read.1..).unwrap_or_default();
                [transaction.response_begun(), rest].concat()
            }
            Next::Finish => {
                let mut streamed = std::mem::take(&mut held.streamed);
                streamed.extend_from_slice(transaction.outgoing().data);
                streamed
            }
            _ => transaction.body().to_vec(),
        }
    }

    fn pass_wakes_on(&mut self, tick: Tick) {
        let woken = std::mem::take(&mut *self.woken.0.lock().unwrap_or_else(PoisonError::into_inner));
        for ticket in woken {
            if let Some(number) = self.tickets.get(&ticket).copied() {
                self.say(tick, What::GoesOn(number));
            }
        }
    }
}

impl Visit {
    /// What a node answers to the first try, or to a later one.
    fn reply_to(&self, retries: u32) -> (&ResponseHead, &Vec<u8>) {
        let later = usize::try_from(retries).unwrap_or(usize::MAX).min(self.later_replies.len());
        let reply = later.checked_sub(1).and_then(|at| self.later_replies.get(at));
        reply.map_or((&self.reply, &self.reply_body), |(head, body)| (head, body))
    }
}

/// What a node gets as the request's body.
fn sent_body(transaction: &Transaction, visit: &Visit) -> Vec<u8> {
    match transaction.request_body() {
        RequestBody::Written(written) => written.to_vec(),
        RequestBody::AsItComes | RequestBody::Begun(_) => visit.body.clone(),
    }
}

fn visited(number: usize, held: Held, now: Now) -> Visited {
    let Held { mut transaction, forwarded_at, request_body, body, waits, .. } = held;
    transaction.complete(Ending::Whole, now);
    transaction.end_watch(body.len() as u64, now);
    let record = transaction.record();
    let instructions = transaction.instructions();
    let answered = transaction.is_answered();
    let heads = transaction.recycle();
    Visited {
        number,
        decided_at: now.tick.since(Tick::ZERO),
        forwarded_at,
        record,
        request: heads.request,
        request_body,
        response: answered.then_some(heads.response),
        body,
        instructions,
        is_given_up: waits > REHEARSED_WAITS_MAX,
    }
}
