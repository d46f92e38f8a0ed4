//! Traffic through the engine in virtual time: a queue of events, no sockets, no clock.

use super::document::Block;
use super::traffic::Request;
use engine::decision::DecisionRecord;
use engine::errand::World;
use engine::{
    Arrival, Ask, BodyEnd, BodySide, Catalog, Connection, ConnectionFacts, Ending, Heads, Knowledge, Machine,
    Next, Now, RequestBody, RequestId, Shared, SharedOptions, Transaction, Wake, WallTime,
};
use message::{RequestHead, ResponseHead, Version};
use shaping::{Tick, TicketId};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// When a scene begins: ticks need not begin at zero, and dates are not 1970.
const ORIGIN: u64 = 5_000_000_000_000;
/// 2026-01-01T00:00:00Z in microseconds.
const ORIGIN_WALL: i64 = 1_767_225_600_000_000;
/// More events than any scene needs.
const EVENTS_MAX: usize = 1_000_000;

/// What every node answers.
#[derive(Debug)]
pub(super) struct Node {
    /// To the first try, and to later ones; the last one stays.
    answers: Vec<NodeAnswer>,
}

#[derive(Debug)]
struct NodeAnswer {
    status: u16,
    fields: FieldList,
    body: Vec<u8>,
}

impl Default for Node {
    fn default() -> Self {
        let fields = vec![("Content-Type".to_owned(), "text/html".to_owned())];
        Self { answers: vec![NodeAnswer { status: 200, fields, body: Vec::new() }] }
    }
}

impl Node {
    /// A status on the first line, fields, and behind an empty line a body; further answers behind a line `then`.
    ///
    /// # Errors
    /// Where it is something else.
    pub(super) fn parse(block: &Block) -> Result<Self, String> {
        let wrong = || format!("line {}: a node is a status, fields and a body", block.line);
        let answers = block.text.split("\nthen\n").map(NodeAnswer::parse).collect::<Option<Vec<_>>>();
        answers.map(|answers| Self { answers }).ok_or_else(wrong)
    }

    fn answer(&self, retries: u32) -> &NodeAnswer {
        let later = usize::try_from(retries).unwrap().min(self.answers.len() - 1);
        &self.answers[later]
    }
}

impl NodeAnswer {
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next()?.trim().parse().ok()?;
        let mut fields = lines
            .map(|line| line.split_once(':').map(|(n, v)| (n.trim().to_owned(), v.trim().to_owned())))
            .collect::<Option<FieldList>>()?;
        let body = packed(&mut fields, body.trim_end_matches('\n').as_bytes());
        Some(Self { status, fields, body })
    }
}

/// What is written plain goes packed where a Content-Encoding says so.
fn packed(fields: &mut FieldList, body: &[u8]) -> Vec<u8> {
    let coding = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
    let body = match coding.map(|(_, value)| value.as_str()) {
        Some("gzip") => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        Some("deflate") => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        _ => body.to_vec(),
    };
    if !body.is_empty() && !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
        fields.push(("Content-Length".to_owned(), body.len().to_string()));
    }
    body
}

/// Names and values, in order.
pub(super) type FieldList = Vec<(String, String)>;

/// The answer as the client saw it.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) fields: FieldList,
    pub(super) body: String,
}

/// What became of a request.
#[derive(Debug, Default)]
pub(super) struct Happened {
    /// When it went to a node, or was answered by us, or closed; nanoseconds since the scene began.
    pub(super) started: Option<u64>,
    /// The node that was asked.
    pub(super) node: Option<String>,
    /// The request as the node saw it: request line and fields.
    pub(super) sent: Option<(String, FieldList)>,
    /// Its body.
    pub(super) sent_body: String,
    /// How often it was sent to a node.
    pub(super) tries: usize,
    /// `None`: there was no answer.
    pub(super) got: Option<Got>,
    /// `None` if it never came to an end.
    pub(super) record: Option<DecisionRecord>,
}

/// Runs all requests to their ends.
///
/// # Errors
/// When a request cannot be made, finds no virtual server, or events never end.
pub(super) fn run(
    catalog: Catalog,
    requests: &[Request],
    node: &Node,
    world: World,
) -> Result<Vec<Happened>, String> {
    let woken = Woken::default();
    let options = SharedOptions { machine: machine(), ..SharedOptions::default() };
    let shared = Shared::new(catalog, &options, Box::new(woken.clone()), at(0));
    let mut drive = Drive {
        requests,
        node,
        world,
        shared,
        woken,
        events: BTreeSet::new(),
        running: BTreeMap::new(),
        waiting: BTreeMap::new(),
        visitors: BTreeMap::new(),
        happened: requests.iter().map(|_| Happened::default()).collect(),
        read: vec![(0, 0); requests.len()],
        streamed: vec![Vec::new(); requests.len()],
    };
    for (index, request) in requests.iter().enumerate() {
        drive.events.insert((request.at, Event::Arrive, index));
        if let Some(leaves) = request.leaves {
            drive.events.insert((leaves, Event::Leave, index));
        }
    }
    drive.all()?;
    Ok(drive.happened)
}

/// The machine that scenes run on.
fn machine() -> Machine {
    Machine {
        hostname: "manager".to_owned(),
        domain: "site.example".to_owned(),
        process: 4711,
        environment: [("SITE", "north"), ("SECRET", "hush")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        // An hour ahead of GMT, two from the last Sunday of March to that of October.
        time_zone: jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(),
        memory_bytes: Some(1 << 30),
    }
}

/// In the order in which events of one moment happen: who is due goes before who arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Due,
    Leave,
    Arrive,
}

struct Drive<'a> {
    requests: &'a [Request],
    node: &'a Node,
    world: World,
    shared: Arc<Shared>,
    woken: Woken,
    events: BTreeSet<(u64, Event, usize)>,
    running: BTreeMap<usize, Box<Transaction>>,
    waiting: BTreeMap<TicketId, usize>,
    visitors: BTreeMap<String, Visitor>,
    happened: Vec<Happened>,
    /// How much of the bodies of each request rules have read.
    read: Vec<(usize, usize)>,
    /// What rules have streamed.
    streamed: Vec<Vec<u8>>,
}

/// Somebody who comes back: one connection, one cookie jar.
struct Visitor {
    connection: Rc<Connection>,
    requests: u32,
    cookies: BTreeMap<String, String>,
}

impl Drive<'_> {
    fn all(&mut self) -> Result<(), String> {
        for _ in 0..EVENTS_MAX {
            let Some((time, event, index)) = self.events.pop_first() else { return Ok(()) };
            match event {
                Event::Arrive => self.arrive(time, index)?,
                Event::Due => self.advance(time, index),
                Event::Leave => {
                    if let Some(mut transaction) = self.running.remove(&index) {
                        transaction.abandon(at(time));
                        transaction.complete(Ending::Cut, at(time));
                        self.happened[index].started.get_or_insert(time);
                        self.happened[index].record = Some(transaction.record());
                    }
                }
            }
            self.wake(time);
        }
        Err("events never come to an end".to_owned())
    }

    /// Whoever was woken asks again, at the same moment, until nobody is woken any more.
    fn wake(&mut self, time: u64) {
        loop {
            let tickets = self.woken.take();
            if tickets.is_empty() {
                return;
            }
            for ticket in tickets {
                if let Some(index) = self.waiting.remove(&ticket) {
                    self.advance(time, index);
                }
            }
        }
    }

    fn arrive(&mut self, time: u64, index: usize) -> Result<(), String> {
        let request = &self.requests[index];
        let (connection, number, cookie) = self.visitor(index);
        let head = request_head(request, cookie.as_deref())?;
        let catalog = self.shared.catalog();
        let listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        let virtual_server =
            catalog.select(listen, head.host()).ok_or("no virtual server takes the request")?;
        let arrival = Arrival {
            virtual_server,
            client: request.client,
            request_number: number,
            named: None,
            id: RequestId(index as u64 + 1),
            knowledge: Knowledge::All,
        };
        let heads = Heads { request: head, response: ResponseHead::default() };
        let transaction = Transaction::begin(&self.shared, &catalog, arrival, (&connection, heads), at(time));
        self.running.insert(index, transaction);
        self.advance(time, index);
        Ok(())
    }

    /// The connection of a request, its number on it, and the cookies that the visitor has.
    fn visitor(&mut self, index: usize) -> (Rc<Connection>, u32, Option<String>) {
        let request = &self.requests[index];
        let connection = || {
            Rc::new(Connection::new(ConnectionFacts {
                id: index as u64 + 1,
                peer: SocketAddr::new(request.client, 50_000),
                local: SocketAddr::from(([127, 0, 0, 1], 8080)),
                tls: request.tls.then(Arc::default),
                admission: None,
            }))
        };
        let Some(name) = &request.visitor else { return (connection(), 1, None) };
        let visitor = self.visitors.entry(name.clone()).or_insert_with(|| Visitor {
            connection: connection(),
            requests: 0,
            cookies: BTreeMap::new(),
        });
        visitor.requests += 1;
        let pairs: Vec<String> =
            visitor.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookie = (!pairs.is_empty()).then(|| pairs.join("; "));
        (Rc::clone(&visitor.connection), visitor.requests, cookie)
    }

    fn advance(&mut self, time: u64, index: usize) {
        let Some(mut transaction) = self.running.remove(&index) else { return };
        let mut next = transaction.advance(at(time));
        loop {
            match next {
                Next::Ask(Ask::Errand { .. }) => {
                    let errand = transaction.errand().unwrap();
                    next = transaction.errand_done(self.world.answer(&errand), at(time));
                }
                Next::Ask(ask) => {
                    let until = match ask {
                        Ask::Turn { ticket, until } => {
                            self.waiting.insert(ticket, index);
                            until
                        }
                        Ask::Sleep { until } | Ask::Bytes { until } | Ask::Errand { until } => until,
                        Ask::Body { side, most, .. } => {
                            next = self.bring_body(time, index, &mut transaction, (side, most));
                            continue;
                        }
                        Ask::Send => {
                            self.streamed[index].extend_from_slice(transaction.outgoing().data);
                            next = transaction.sent(at(time));
                            continue;
                        }
                    };
                    let until = until.nanos().saturating_sub(ORIGIN).max(time);
                    self.events.insert((until, Event::Due, index));
                    self.running.insert(index, transaction);
                    return;
                }
                Next::Forward { pool } => {
                    let node = transaction.reach_in_thought(pool, at(time));
                    let happened = &mut self.happened[index];
                    happened.started.get_or_insert(time);
                    happened.sent = Some(sent(transaction.request()));
                    happened.tries += 1;
                    happened.node = node.map(|name| name.to_string());
                    let body = match transaction.request_body() {
                        RequestBody::Written(written) => written,
                        _ => self.requests[index].body.as_bytes(),
                    };
                    happened.sent_body = String::from_utf8_lossy(body).into_owned();
                    self.read[index].1 = 0;
                    let retries = transaction.retries();
                    answer(self.node.answer(retries), transaction.response_slot());
                    next = transaction.response_received(at(time));
                }
                Next::Deliver | Next::Answer | Next::Finish => {
                    let body = self.body_for_client(index, &transaction, next);
                    let body = String::from_utf8_lossy(&body).into_owned();
                    let head = transaction.response();
                    let got = Got { status: head.status(), fields: fields(head.fields()), body };
                    self.happened[index].got = Some(got);
                    break;
                }
                Next::Close => {
                    let told = transaction.body();
                    if !told.is_empty() {
                        let body = String::from_utf8_lossy(told).into_owned();
                        self.happened[index].got = Some(Got { status: 0, fields: Vec::new(), body });
                    }
                    break;
                }
            }
        }
        self.keep_cookies(index);
        transaction.complete(Ending::Whole, at(time));
        let happened = &mut self.happened[index];
        happened.started.get_or_insert(time);
        happened.record = Some(transaction.record());
    }

    /// The bytes a rule asked for, or as many as there are.
    fn bring_body(
        &mut self,
        time: u64,
        index: usize,
        transaction: &mut Transaction,
        (side, most): (BodySide, usize),
    ) -> Next {
        let (body, read) = match side {
            BodySide::Request => (self.requests[index].body.as_bytes(), &mut self.read[index].0),
            BodySide::Response => (&*self.node.answer(transaction.retries()).body, &mut self.read[index].1),
        };
        let slot = transaction.body_slot(side);
        let taken = (most - slot.len()).min(body.len() - *read);
        slot.extend_from_slice(&body[*read..*read + taken]);
        *read += taken;
        let end = if *read == body.len() { BodyEnd::Whole } else { BodyEnd::Open };
        transaction.body_read(side, end, at(time))
    }

    fn body_for_client(&self, index: usize, transaction: &Transaction, next: Next) -> Vec<u8> {
        if self.requests[index].method == "HEAD" || matches!(transaction.response().status(), 204 | 304) {
            return Vec::new();
        }
        match next {
            Next::Deliver => {
                let answer = self.node.answer(transaction.retries());
                [transaction.response_begun(), &answer.body[self.read[index].1..]].concat()
            }
            Next::Finish => [&self.streamed[index], transaction.outgoing().data].concat(),
            _ => transaction.body().to_vec(),
        }
    }

    fn keep_cookies(&mut self, index: usize) {
        let Some(name) = &self.requests[index].visitor else { return };
        let (Some(visitor), Some(got)) = (self.visitors.get_mut(name), &self.happened[index].got) else {
            return;
        };
        for (field, value) in &got.fields {
            if field.eq_ignore_ascii_case("set-cookie")
                && let Some((name, value)) = value.split(';').next().and_then(|pair| pair.split_once('='))
            {
                visitor.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

fn request_head(request: &Request, cookie: Option<&str>) -> Result<RequestHead, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("the request cannot be made: {why}");
    let mut head = RequestHead::new(request.method.as_bytes(), request.target.as_bytes(), Version::Http11)
        .map_err(|why| wrong(&why))?;
    if !request.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.fields_mut().add(b"Host", b"site.example").map_err(|why| wrong(&why))?;
    }
    for (name, value) in &request.fields {
        head.fields_mut().add(name.as_bytes(), value.as_bytes()).map_err(|why| wrong(&why))?;
    }
    if !request.body.is_empty() {
        let length = request.body.len().to_string();
        head.fields_mut().set(b"Content-Length", length.as_bytes()).map_err(|why| wrong(&why))?;
    }
    if let Some(cookie) = cookie {
        head.fields_mut().add(b"Cookie", cookie.as_bytes()).map_err(|why| wrong(&why))?;
    }
    Ok(head)
}

fn answer(node: &NodeAnswer, slot: &mut ResponseHead) {
    *slot = ResponseHead::new(node.status, b"", Version::Http11).unwrap();
    for (name, value) in &node.fields {
        slot.fields_mut().add(name.as_bytes(), value.as_bytes()).unwrap();
    }
}

fn sent(head: &RequestHead) -> (String, FieldList) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (format!("{} {}", text(head.method()), text(head.target())), fields(head.fields()))
}

fn fields(fields: &message::Fields) -> FieldList {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.iter().map(|(name, value, _)| (text(name), text(value))).collect()
}

fn at(time: u64) -> Now {
    let micros = i64::try_from(time / 1_000).unwrap_or(i64::MAX);
    Now { tick: Tick::from_nanos(ORIGIN + time), wall: WallTime(ORIGIN_WALL.saturating_add(micros)) }
}

/// The tickets that the engine named since somebody looked.
#[derive(Clone, Default)]
struct Woken(Arc<Mutex<Vec<TicketId>>>);

impl Woken {
    fn take(&self) -> Vec<TicketId> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Wake for Woken {
    fn wake(&self, ticket: TicketId) {
        self.0.lock().unwrap().push(ticket);
    }
}
