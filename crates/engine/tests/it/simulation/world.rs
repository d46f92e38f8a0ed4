//! One world, played to its end, and the laws that are looked at after every step of it.

use super::scene::{Classes, Draws, Limits, NAMES, Scene};
use core::time::Duration;
use engine::catalog::VirtualServerId;
use engine::decision::{Event, Outcome, RateResult};
use engine::{
    Arrival, Ask, Connection, ConnectionFacts, Delivery, ErrorKind, Heads, Knowledge, Next, Now, Progress,
    RequestId, Shared, SharedOptions, Transaction, TransactionError, Wake, WallTime,
};
use message::{RequestHead, ResponseHead, Version};
use shaping::{Tick, TicketId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// What is done to a world beyond its scene.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    Nothing,
    /// The catalog in force is adopted again after many steps.
    SameCatalogs,
}

/// What happened, so that nothing is thought tested that never happens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(BTreeMap<&'static str, u64>);

impl Tally {
    fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }

    pub(crate) fn assert_everything_happened(&self) {
        let all = [
            "waited",
            "started",
            "refused",
            "refused after waiting",
            "timed out",
            "left a queue",
            "no class",
            "over limit",
            "fault",
            "discard",
            "respond",
            "forward",
            "client left",
            "edit",
            "stall",
            "woken",
            "node failed",
        ];
        for what in all {
            assert!(self.0.contains_key(what), "this never happened: {what}");
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Arrives(usize),
    GoesOn(usize),
    NodeAnswers(usize),
    Leaves(usize),
    Edit(usize),
    Stall(usize),
}

/// A class and a context; `None`: the class without one.
type Queue = (String, Option<String>);

struct Held {
    transaction: Box<Transaction>,
    /// When its rules may wait no more.
    deadline: Tick,
    arrived: Tick,
    asked: Option<Ask>,
    /// When it was last told to wait in a queue.
    told_at: Option<Tick>,
    queue: Option<Queue>,
    /// Starts that are in the ledger.
    starts: usize,
}

#[derive(Default)]
struct Woken(Mutex<Vec<TicketId>>);

struct Bell(Arc<Woken>);

impl Wake for Bell {
    fn wake(&self, ticket: TicketId) {
        self.0.0.lock().unwrap().push(ticket);
    }
}

pub(crate) struct World {
    scene: Scene,
    extra: Extra,
    draws: Draws,
    shared: Arc<Shared>,
    woken: Arc<Woken>,
    now: Now,
    events: BinaryHeap<Reverse<(Tick, u64, What)>>,
    said: u64,
    held: BTreeMap<usize, Held>,
    connections: BTreeMap<u64, (Rc<Connection>, u32)>,
    /// The classes of the catalog in force, and the limits in force: a class that was taken out keeps its own.
    classes: Classes,
    in_force: Classes,
    /// When the limits of each class last changed.
    edited: [Tick; 3],
    starts: BTreeMap<Queue, Vec<Tick>>,
    /// The ticket that started last, of each client, and of all where the class never went by clients.
    order: BTreeMap<(Queue, Option<u64>), TicketId>,
    /// Whether a class has ever gone by clients.
    by_clients: [bool; 3],
    decided: BTreeMap<usize, String>,
    tally: Tally,
}

impl World {
    pub(crate) fn new(scene: Scene, extra: Extra) -> Self {
        let now = Now { tick: Tick::from_nanos(scene.seed), wall: WallTime(1_800_000_000_000_000) };
        let woken = Arc::new(Woken::default());
        let options = SharedOptions { seed: [scene.seed, 1], ..SharedOptions::default() };
        let bell = Box::new(Bell(Arc::clone(&woken)));
        let mut world = Self {
            shared: Shared::new(scene.catalog(&scene.first), &options, bell, now),
            draws: Draws::new(scene.seed ^ 0xABCD),
            woken,
            now,
            events: BinaryHeap::new(),
            said: 0,
            held: BTreeMap::new(),
            connections: BTreeMap::new(),
            classes: scene.first,
            in_force: scene.first,
            edited: [Tick::ZERO; 3],
            starts: BTreeMap::new(),
            order: BTreeMap::new(),
            by_clients: scene.first.map(|limits| limits.is_some_and(|limits| limits.by_clients)),
            decided: BTreeMap::new(),
            tally: Tally::default(),
            scene,
            extra,
        };
        world.say_all(now.tick);
        world
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Plays to the end; gives every record and every log line, in the order of their decision.
    pub(crate) fn run(&mut self) -> String {
        let mut written = String::new();
        while let Some(Reverse((due, _, what))) = self.events.pop() {
            self.clocks(due);
            if let Some(record) = self.step(what) {
                writeln!(written, "{record}").unwrap();
            }
            self.pass_wakes_on();
            if self.extra == Extra::SameCatalogs && self.draws.one_in(24) {
                self.adopt_the_same();
            }
            let is_quiet = self.events.peek().is_none_or(|Reverse((next, ..))| *next > self.now.tick);
            if is_quiet {
                self.nobody_waits_beside_a_free_place();
            }
        }
        self.ends_well();
        written
    }

    fn say_all(&mut self, start: Tick) {
        for number in 0..self.scene.guests.len() {
            let at = start.saturating_add(self.scene.guests[number].at);
            self.say(at, What::Arrives(number));
            if let Some(after) = self.scene.guests[number].leaves_after {
                self.say(at.saturating_add(after), What::Leaves(number));
            }
        }
        for number in 0..self.scene.edits.len() {
            self.say(start.saturating_add(self.scene.edits[number].0), What::Edit(number));
        }
        for number in 0..self.scene.stalls.len() {
            self.say(start.saturating_add(self.scene.stalls[number].0), What::Stall(number));
        }
    }

    fn say(&mut self, tick: Tick, what: What) {
        self.said += 1;
        self.events.push(Reverse((tick, self.said, what)));
    }

    /// The steady clock never goes back; that on the wall does as it likes, but the same for the same moment.
    fn clocks(&mut self, due: Tick) {
        self.now.tick = self.now.tick.max(due);
        let seconds = i64::try_from(self.now.tick.nanos() / 1_000_000_000).unwrap();
        let jump = if seconds / 20 % 2 == 1 { -3_600_000_000 } else { 0 };
        let micros = i64::try_from(self.now.tick.nanos() / 1_000).unwrap();
        self.now.wall = WallTime(1_800_000_000_000_000 + micros + jump);
    }

    /// One event; the record of who is decided by it.
    fn step(&mut self, what: What) -> Option<String> {
        let now = self.now;
        match what {
            What::Arrives(number) => {
                let mut held = self.arrive(number);
                let next = held.transaction.advance(now);
                self.go_on(number, held, next)
            }
            What::GoesOn(number) => {
                // A wake may come too early, or when its owner waits for something else: it asks again.
                let mut held = self.take_if(number, |held| held.asked.is_some())?;
                let next = held.transaction.advance(now);
                self.go_on(number, held, next)
            }
            What::NodeAnswers(number) => {
                let mut held = self.take_if(number, |held| held.asked.is_none())?;
                let next = if self.scene.guests[number].node_takes.is_some() {
                    *held.transaction.response_slot() =
                        ResponseHead::new(200, b"OK", Version::Http11).unwrap();
                    held.deadline = self.patience_ends(held.arrived);
                    held.transaction.response_received(now)
                } else {
                    self.tally.count("node failed");
                    let error =
                        TransactionError { kind: ErrorKind::NodeRefused, progress: Progress::NothingSent };
                    held.transaction.failed(error, now)
                };
                self.go_on(number, held, next)
            }
            What::Leaves(number) => {
                let mut held = self.held.remove(&number)?;
                held.transaction.abandon(now);
                Some(self.decide(number, held, Next::Close))
            }
            What::Edit(number) => {
                self.edit(self.scene.edits[number].1);
                None
            }
            What::Stall(number) => {
                self.tally.count("stall");
                let until = now.tick.saturating_add(self.scene.stalls[number].1);
                self.clocks(until);
                None
            }
        }
    }

    fn take_if(&mut self, number: usize, is_so: impl Fn(&Held) -> bool) -> Option<Held> {
        self.held.get(&number).is_some_and(is_so).then(|| self.held.remove(&number))?
    }

    fn patience_ends(&self, arrived: Tick) -> Tick {
        let whole = if self.scene.whole > Duration::ZERO { self.scene.whole } else { Duration::MAX };
        self.now.tick.saturating_add(self.scene.patience).min(arrived.saturating_add(whole))
    }

    fn arrive(&mut self, number: usize) -> Held {
        let guest = &self.scene.guests[number];
        let octet = u8::try_from(guest.connection).unwrap();
        let peer = SocketAddr::from(([192, 0, 2, octet], 50_000));
        let facts = ConnectionFacts {
            id: guest.connection,
            peer,
            local: SocketAddr::from(([192, 0, 2, 80], 80)),
            tls: None,
            admission: None,
        };
        let fresh = || (Rc::new(Connection::new(facts)), 0);
        let (connection, requests) = self.connections.entry(guest.connection).or_insert_with(fresh);
        *requests += 1;
        let mut request = RequestHead::new(b"GET", b"/page", Version::Http11).unwrap();
        for (name, value) in &guest.fields {
            request.fields_mut().add(name.as_bytes(), value.as_bytes()).unwrap();
        }
        let arrival = Arrival {
            virtual_server: VirtualServerId(0),
            client: peer.ip(),
            request_number: *requests,
            named: None,
            id: RequestId(number as u64 + 1),
            knowledge: Knowledge::All,
        };
        let heads = Heads { request, response: ResponseHead::default() };
        let catalog = self.shared.catalog();
        let transaction = Transaction::begin(&self.shared, &catalog, arrival, (connection, heads), self.now);
        let (arrived, deadline) = (self.now.tick, self.patience_ends(self.now.tick));
        Held { transaction, deadline, arrived, asked: None, told_at: None, queue: None, starts: 0 }
    }

    /// Does what a transaction says; the record, if it is decided.
    fn go_on(&mut self, number: usize, mut held: Held, next: Next) -> Option<String> {
        self.write_starts_down(&mut held, self.scene.guests[number].connection);
        match next {
            Next::Ask(ask) => {
                let (Ask::Turn { until, .. } | Ask::Sleep { until } | Ask::Bytes { until }) = ask else {
                    unreachable!("no rule reads a body or goes out")
                };
                assert!(until <= held.deadline, "#{number} is to wait beyond its patience");
                assert!(self.now.tick < held.deadline, "#{number} waits on after its patience");
                if held.asked.is_none_or(|before| ticket(before) != ticket(ask)) && ticket(ask).is_some() {
                    self.tally.count("waited");
                    held.told_at = Some(self.now.tick);
                }
                held.asked = Some(ask);
                held.queue = queue_it_waits_in(&held.transaction);
                assert_eq!(held.queue.is_some(), ticket(ask).is_some(), "the record and the question differ");
                self.say(until.max(self.now.tick), What::GoesOn(number));
            }
            Next::Forward { .. } => {
                held.asked = None;
                let takes = self.scene.guests[number].node_takes.unwrap_or_default();
                // The node's clock is not ours: it may answer while we are stalled.
                self.say(self.now.tick.saturating_add(takes), What::NodeAnswers(number));
            }
            Next::Deliver | Next::Answer | Next::Finish | Next::Close => {
                return Some(self.decide(number, held, next));
            }
        }
        self.held.insert(number, held);
        None
    }

    /// Keeps the ledger of starts, and looks at the laws of windows and of order.
    fn write_starts_down(&mut self, held: &mut Held, client: u64) {
        let before = held.asked.and_then(ticket);
        let record = held.transaction.record();
        let started: Vec<Queue> = (record.events.into_iter())
            .filter(|(place, _)| !place.observed)
            .filter_map(|(_, event)| match event {
                Event::Rate { class, context, result: RateResult::Started, .. } => Some((class, context)),
                _ => None,
            })
            .collect();
        for (nth, queue) in started.iter().enumerate().skip(held.starts) {
            self.tally.count("started");
            if let (Some(ticket), true) = (before, nth == held.starts && held.queue.as_ref() == Some(queue)) {
                let by_clients = self.by_clients[class_of(queue)];
                for line in [Some(client), None].into_iter().take(if by_clients { 1 } else { 2 }) {
                    let last = self.order.insert((queue.clone(), line), ticket);
                    assert!(last < Some(ticket), "{queue:?}: who came later started earlier");
                }
            }
            self.starts.entry(queue.clone()).or_default().push(self.now.tick);
            self.no_window_holds_too_many(queue);
        }
        held.starts = started.len();
    }

    /// In no second and no minute since the class was last edited have more started than it allows. Who started at the very
    /// tick of the edit may have done so before it, when there was no limit to remember him for.
    fn no_window_holds_too_many(&self, queue: &Queue) {
        let class = class_of(queue);
        let Some(limits) = self.in_force[class] else { panic!("{queue:?} was never declared") };
        let since = |starts: &[Tick]| -> Vec<Tick> {
            starts.iter().copied().filter(|start| *start > self.edited[class]).collect()
        };
        let (own, all) = (since(&self.starts[queue]), since(&self.starts_of_class(class)));
        for (starts, limit, seconds) in [
            (&own, limits.per_second, 1),
            (&own, limits.per_minute, 60),
            (&all, limits.total_per_second, 1),
            (&all, limits.total_per_minute, 60),
        ] {
            let Some(first) = starts.len().checked_sub(limit as usize + 1).filter(|_| limit > 0) else {
                continue;
            };
            let took = self.now.tick.since(starts[first]);
            assert!(took >= Duration::from_secs(seconds), "{queue:?}: more than {limit} in {took:?}");
        }
    }

    /// When all that is due is done, whoever waits has a full window before him, or somebody close before him: no wake was
    /// lost, no place is idle.
    fn nobody_waits_beside_a_free_place(&self) {
        for held in self.held.values() {
            let Some(queue) = held.queue.as_ref().filter(|_| held.asked.and_then(ticket).is_some()) else {
                continue;
            };
            let class = class_of(queue);
            let Some(limits) = self.in_force[class] else { panic!("{queue:?} was never declared") };
            let own = self.starts.get(queue).map_or(&[][..], Vec::as_slice);
            let all = self.starts_of_class(class);
            let windows = [
                (own, limits.per_second, 1),
                (own, limits.per_minute, 60),
                (&all, limits.total_per_second, 1),
                (&all, limits.total_per_minute, 60),
            ];
            let is_full = windows.iter().any(|&(starts, limit, seconds)| {
                let window = Duration::from_secs(seconds);
                let in_it = starts.iter().filter(|start| self.now.tick.since(**start) < window).count();
                limit > 0 && in_it >= limit as usize
            });
            let is_close =
                limits.spaced && own.last().is_some_and(|start| self.now.tick.since(*start) < apart(limits));
            assert!(is_full || is_close, "{queue:?}: somebody waits at {:?} for nothing", self.now.tick);
        }
    }

    /// The starts in all contexts of a class, in order.
    fn starts_of_class(&self, class: usize) -> Vec<Tick> {
        let of_class = self.starts.iter().filter(|(queue, _)| queue.0 == NAMES[class]);
        let mut starts: Vec<Tick> = of_class.flat_map(|(_, starts)| starts.iter().copied()).collect();
        starts.sort_unstable();
        starts
    }

    /// The one end of a transaction: its record and its line.
    fn decide(&mut self, number: usize, mut held: Held, next: Next) -> String {
        let record = held.transaction.record();
        for (_, event) in record.events.iter().filter(|(place, _)| !place.observed) {
            self.count(event, held.told_at);
        }
        self.tally.count(match &record.outcome {
            Outcome::Forward { .. } => "forward",
            Outcome::Respond { .. } => "respond",
            Outcome::Discard => "discard",
            Outcome::ClientLeft => "client left",
        });
        let mut text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains("\"waiting\""), "#{number} is decided and waits: {text}");
        // Asked again it says the same: an end is an end.
        let later = Now { tick: self.now.tick.saturating_add(Duration::from_secs(1)), wall: self.now.wall };
        assert_eq!(held.transaction.advance(later), next, "#{number} went on after its end");
        assert_eq!(held.transaction.record(), record, "#{number} was decided twice");
        let delivery = Delivery {
            body_bytes_sent: 0,
            bytes_sent: 0,
            bytes_received: 0,
            first_byte_at: None,
            node: None,
            connection: accesslog::ConnectionState::KeptAlive,
            utc_offset_seconds: 0,
        };
        let mut line = Vec::new();
        held.transaction.write_log_line(&delivery, self.now, &mut line);
        assert_eq!(line.split(|byte| *byte == b'\n').count(), 2, "one transaction, one line");
        text.push('\n');
        text.push_str(String::from_utf8_lossy(&line).trim_end());
        assert!(self.decided.insert(number, text.clone()).is_none(), "#{number} ended twice");
        text
    }

    fn count(&mut self, event: &Event, told_at: Option<Tick>) {
        match event {
            Event::Rate { result: RateResult::Refused, waited_micros, .. } => {
                self.tally.count("refused");
                if *waited_micros > 0 {
                    self.tally.count("refused after waiting");
                }
            }
            Event::Rate { result: RateResult::TimedOut, waited_micros, .. } => {
                self.tally.count("timed out");
                let just_now = |at: Tick| self.now.tick.since(at) < Duration::from_micros(1);
                if *waited_micros == 0 && !told_at.is_some_and(just_now) {
                    // it came into the queue at the very end of its patience, and was never told to wait
                    self.tally.count("waited");
                }
            }
            Event::Rate { result: RateResult::Left, .. } => self.tally.count("left a queue"),
            Event::Rate { result: RateResult::NoClass, .. } => self.tally.count("no class"),
            Event::Rate { result: RateResult::OverLimit, .. } => self.tally.count("over limit"),
            Event::Fault { .. } => self.tally.count("fault"),
            _ => {}
        }
    }

    fn edit(&mut self, classes: Classes) {
        self.tally.count("edit");
        self.shared.adopt(self.scene.catalog(&classes), self.now);
        for (nth, said) in classes.iter().enumerate() {
            if said.is_some() && *said != self.in_force[nth] {
                self.in_force[nth] = *said;
                self.by_clients[nth] |= said.is_some_and(|limits| limits.by_clients);
                self.edited[nth] = self.now.tick;
            }
        }
        self.classes = classes;
    }

    fn adopt_the_same(&mut self) {
        let before = self.shared.registry().readings(self.now.tick);
        self.shared.adopt(self.scene.catalog(&self.classes), self.now);
        assert_eq!(
            before,
            self.shared.registry().readings(self.now.tick),
            "the same catalog changed something"
        );
        assert!(self.woken.0.lock().unwrap().is_empty(), "the same catalog woke somebody");
    }

    fn pass_wakes_on(&mut self) {
        let woken = std::mem::take(&mut *self.woken.0.lock().unwrap());
        for woken in woken {
            let owner = |held: &Held| held.asked.and_then(ticket) == Some(woken);
            if let Some(number) = self.held.iter().find_map(|(number, held)| owner(held).then_some(*number)) {
                self.tally.count("woken");
                self.say(self.now.tick, What::GoesOn(number));
            }
        }
    }

    fn ends_well(&self) {
        assert!(self.held.is_empty(), "{} are not decided", self.held.len());
        assert_eq!(self.decided.len(), self.scene.guests.len(), "everybody is decided, each once");
        let readings = self.shared.registry().readings(self.now.tick);
        assert_eq!(readings.tickets_waiting, 0, "somebody waits who is gone");
        for rate in &readings.rates {
            assert_eq!(rate.backlog, 0, "{}: somebody waits who is gone", rate.name);
        }
        let counters = self.shared.counters();
        let times = |what| self.tally.0.get(what).copied().unwrap_or(0);
        assert_eq!(counters.requests.value(), self.scene.guests.len() as u64);
        assert_eq!(counters.discards.value(), times("discard"));
        assert_eq!(counters.clients_left.value(), times("client left"));
        assert_eq!(counters.queued.value(), times("waited"));
        assert_eq!(counters.rule_faults.value(), times("fault"));
        assert_eq!(counters.queue_timed_out.value(), times("timed out"));
        assert_eq!(counters.queue_refused.value(), times("refused"));
    }
}

fn ticket(ask: Ask) -> Option<TicketId> {
    match ask {
        Ask::Turn { ticket, .. } => Some(ticket),
        Ask::Sleep { .. } | Ask::Errand { .. } | Ask::Bytes { .. } | Ask::Body { .. } | Ask::Send => None,
    }
}

fn class_of(queue: &Queue) -> usize {
    NAMES.iter().position(|name| *name == queue.0).unwrap()
}

fn queue_it_waits_in(transaction: &Transaction) -> Option<Queue> {
    transaction.record().events.into_iter().find_map(|(_, event)| match event {
        Event::Rate { class, context, result: RateResult::Waiting, .. } => Some((class, context)),
        _ => None,
    })
}

/// How far apart those start who wait in a class that is spaced: an eighth less than the even distance.
fn apart(limits: Limits) -> Duration {
    let of = |limit: u32, seconds| Duration::from_secs(seconds).checked_div(limit);
    of(limits.per_second, 1).max(of(limits.per_minute, 60)).unwrap_or_default() * 7 / 8
}
