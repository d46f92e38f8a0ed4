//! One connection of raw bytes in virtual time: the live code, without sockets and without waiting.

use super::{RawEnd, RawNext, RawTransaction};
use crate::catalog::{Catalog, VirtualServerId};
use crate::connection::{Connection, ConnectionFacts};
use crate::decision::{Event, RulePlace};
use crate::errand::World;
use crate::host::{Arrival, Knowledge};
use crate::limits::REHEARSED_WAITS_MAX;
use crate::request_id::RequestId;
use crate::shared::{Shared, SharedOptions, Wake};
use crate::time::{Now, WallTime};
use core::time::Duration;
use shaping::{Tick, TicketId};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

/// What a client sends on one connection, and what its nodes answer. Times are counted from the start.
#[derive(Clone, Debug)]
pub struct RawVisit {
    /// The client.
    pub client: SocketAddr,
    /// Where it connects.
    pub virtual_server: VirtualServerId,
    /// What it sends, and when, in order.
    pub sends: Vec<(Duration, Vec<u8>)>,
    /// When it ends; `None`: never.
    pub ends_at: Option<Duration>,
    /// What the node answers to each request that reaches one, in order: parts, each so long after the one before
    /// (the first after the request). A node that has no more answers ends when the client has ended.
    pub answers: Vec<Vec<(Duration, Vec<u8>)>>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct RawVisited {
    /// What the client got, and when.
    pub to_client: Vec<(Duration, Vec<u8>)>,
    /// What nodes got: when, the pool, the bytes.
    pub to_node: Vec<(Duration, String, Vec<u8>)>,
    /// What rules decided and said, in order.
    pub events: Vec<(RulePlace, Event)>,
    /// How it ended.
    pub end: RawEnd,
    /// When.
    pub ended_at: Duration,
    /// The bandwidth class towards the client, if a rule set one.
    pub bandwidth_class: Option<String>,
    /// The bandwidth class towards the node, if a rule set one.
    pub request_bandwidth_class: Option<String>,
    /// Instructions that the rules took.
    pub instructions: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    ClientSends(usize),
    /// The part of this answer.
    NodeSends(usize, usize),
    ClientEnds,
    GoesOn,
}

/// One connection at a time, over state that stays.
pub struct RawRehearsal {
    shared: Arc<Shared>,
    start: Now,
    connections: u64,
    world: World,
}

/// Nobody else is there to be woken: a ticket is asked again at its time.
struct Nobody;

impl Wake for Nobody {
    fn wake(&self, _: TicketId) {}
}

impl RawRehearsal {
    /// Over a catalog, with state of its own.
    pub fn new(catalog: Catalog, options: &SharedOptions, start: WallTime) -> Self {
        let start = Now { tick: Tick::ZERO, wall: start };
        let shared = Shared::new(catalog, options, Box::new(Nobody), start);
        Self { shared, start, connections: 0, world: World::default() }
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

    /// Plays a connection to its end.
    pub fn run(&mut self, visit: &RawVisit) -> RawVisited {
        self.connections += 1;
        let catalog = self.shared.catalog();
        let listen = &catalog.virtual_server(visit.virtual_server).listen;
        let local = listen.first().copied().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 80)));
        let facts =
            ConnectionFacts { id: self.connections, peer: visit.client, local, tls: None, admission: None };
        let arrival = Arrival {
            virtual_server: visit.virtual_server,
            client: visit.client.ip(),
            request_number: 1,
            named: None,
            id: RequestId(self.connections),
            knowledge: Knowledge::All,
        };
        let connection = Rc::new(Connection::new(facts));
        let transaction = RawTransaction::begin(&self.shared, &catalog, arrival, &connection, self.start);
        let mut events = BTreeSet::new();
        for (number, (at, _)) in visit.sends.iter().enumerate() {
            events.insert((Tick::ZERO.saturating_add(*at), events.len(), What::ClientSends(number)));
        }
        if let Some(at) = visit.ends_at {
            events.insert((Tick::ZERO.saturating_add(at), events.len(), What::ClientEnds));
        }
        let play = Play {
            visit,
            catalog: &catalog,
            world: &mut self.world,
            transaction,
            said: events.len(),
            events,
            answered: 0,
            client_ended: false,
            to_client: Vec::new(),
            to_node: Vec::new(),
        };
        play.run(self.start)
    }
}

struct Play<'a> {
    visit: &'a RawVisit,
    catalog: &'a Catalog,
    world: &'a mut World,
    transaction: RawTransaction,
    /// `(when, in which order it was said, what)`.
    events: BTreeSet<(Tick, usize, What)>,
    said: usize,
    /// Requests that got an answer, or found none left.
    answered: u32,
    client_ended: bool,
    to_client: Vec<(Duration, Vec<u8>)>,
    to_node: Vec<(Duration, String, Vec<u8>)>,
}

impl Play<'_> {
    fn run(mut self, start: Now) -> RawVisited {
        let mut now = start;
        let mut next = self.transaction.go_on(now);
        let mut waits = 0;
        let end = loop {
            self.take_what_is_sent(now.tick);
            waits += 1;
            if waits > REHEARSED_WAITS_MAX {
                break RawEnd::TimedOut;
            }
            if let Some(errand) = self.transaction.errand() {
                next = self.transaction.errand_done(self.world.answer(&errand), now);
                continue;
            }
            match next {
                RawNext::Close(end) => break end,
                RawNext::Wait { until, .. } => self.say(until.max(now.tick), What::GoesOn),
            }
            if self.client_ended && !self.node_has_more() && self.transaction.node().is_some() {
                next = self.transaction.node_ended(now);
                continue;
            }
            let Some((tick, _, what)) = self.events.pop_first() else { break RawEnd::TimedOut };
            now = Now { tick, wall: start.wall_at(tick) };
            next = self.happens(&what, now);
        };
        let (bandwidth_class, request_bandwidth_class) = self.transaction.bandwidth_classes();
        RawVisited {
            events: self.transaction.events(),
            end,
            ended_at: now.tick.since(Tick::ZERO),
            bandwidth_class,
            request_bandwidth_class,
            instructions: self.transaction.instructions(),
            to_client: self.to_client,
            to_node: self.to_node,
        }
    }

    fn happens(&mut self, what: &What, now: Now) -> RawNext {
        match what {
            What::ClientSends(number) => {
                let bytes = self.visit.sends.get(*number).map_or(&[][..], |(_, bytes)| bytes);
                self.transaction.client_sent(bytes, now)
            }
            What::NodeSends(answer, part) => {
                let parts = self.visit.answers.get(*answer).map_or(&[][..], Vec::as_slice);
                if let Some((pause, _)) = parts.get(part + 1) {
                    self.say(now.tick.saturating_add(*pause), What::NodeSends(*answer, part + 1));
                }
                let bytes = parts.get(*part).map_or(&[][..], |(_, bytes)| bytes);
                self.transaction.node_sent(bytes, now)
            }
            What::ClientEnds => {
                self.client_ended = true;
                self.transaction.client_ended(now)
            }
            What::GoesOn => self.transaction.go_on(now),
        }
    }

    fn say(&mut self, tick: Tick, what: What) {
        // One time to go on is enough: the earliest asks again for the others.
        if what == What::GoesOn && self.events.iter().any(|(at, _, other)| *other == what && *at <= tick) {
            return;
        }
        self.said += 1;
        self.events.insert((tick, self.said, what));
    }

    fn node_has_more(&self) -> bool {
        self.events.iter().any(|(_, _, what)| matches!(what, What::NodeSends(..)))
    }

    fn take_what_is_sent(&mut self, tick: Tick) {
        let at = tick.since(Tick::ZERO);
        let to_client = self.transaction.take_to_client();
        if !to_client.is_empty() {
            self.to_client.push((at, to_client));
        }
        let to_node = self.transaction.take_to_node();
        if !to_node.is_empty() {
            let pool = self.transaction.node().map_or("", |pool| &self.catalog.pool(pool).name);
            self.to_node.push((at, pool.to_owned(), to_node));
        }
        while self.answered < self.transaction.forwarded() {
            let number = self.answered as usize;
            self.answered += 1;
            if let Some((pause, _)) = self.visit.answers.get(number).and_then(|parts| parts.first()) {
                self.say(tick.saturating_add(*pause), What::NodeSends(number, 0));
            }
        }
    }
}
