//! Yesterday's log under tomorrow's policy: the engine and the shaping that would decide live, in virtual time.
//!
//! ```text
//!  lines in the order of their times ─▶ asked ─▶ RequestHead ─▶ engine::Transaction ─▶ account ─▶ Effect
//!              │  now                     ▲ cookies               │ Ask     │ Forward: what the log says came
//!              └──▶ queue ◀───────────────┼───────────────────────┘         ▼
//!                   (who waits)        visitor ◀── Set-Cookie ───────── transfers (how long paced answers take)
//! ```
//!
//! A log has no cookies: those that our own rules give out come back with the next request of the same visitor
//! ([`visitor`]). What else the log does not hold is unknown, and decisions that read it are counted as undecidable.
//! Whatever a log says, memory is bounded; the bounds that were reached are in [`Effect::limits`].
//!
//! [`replay`] does all of it over an [`Input`]; [`Replay`] takes line by line.

mod account;
mod asked;
mod compare;
mod effect;
mod queue;
mod samples;
mod spread;
mod text;
mod transfers;
mod visitor;
mod who;

pub use account::Decided;
pub use compare::{Comparing, Comparison, Difference, Pair};
pub use effect::{
    Amount, BandwidthEffect, ContextRow, Effect, ErrandRow, Hit, LimitReached, OffenderRow, RateEffect,
    Replayed, RuleEffect, Sample, SampleOf, Saved, StatusRow, ThenAndNow, UnknownRow, Verdict, VerdictRow,
    Who, WhoRow,
};
pub use spread::{Spread, Step};

use crate::input::{Input, Ordered, Watch};
use accesslog::{BytesMeaning, Facts, Line, Own};
use account::Account;
use asked::{Asker, Then};
use engine::catalog::{Protocol, VirtualServerId};
use engine::errand::{ErrandError, World};
use engine::limits::REHEARSED_WAITS_MAX;
use engine::{
    Arrival, Ask, Catalog, Connection, ConnectionFacts, Ending, Heads, Knowledge, Next, Now, RequestId,
    Shared, SharedOptions, Transaction, WallTime,
};
use foldhash::quality::FixedState;
use message::{Known, reason_of};
use queue::{Held, HeldFacts, Queue, What, Woken, WokenHere};
use shaping::{ClientNetwork, Party, Tick};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use transfers::{Answer, Transfers};
use visitor::{Visitor, Visitors};
use who::Judge;

/// Connections that are kept open where the log numbers them; beyond, all are taken to have closed.
const CONNECTIONS_MAX: usize = 65_536;
/// Hashes of visitors are keyed the same in every run, so that every run says the same.
const SEED: [u64; 2] = [0x7469_6465_6761_7465, 0x7265_706c_6179];

/// How a log is to be replayed.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// The virtual server that all lines are for; `None`: as their Host or virtual server says, else the first.
    pub virtual_server: Option<String>,
    /// The Host of lines that do not say.
    pub host: Option<String>,
    /// Names of the site, besides those of the catalog: who comes from there is an own visitor.
    pub own: Vec<String>,
    /// Domains and networks that the policy is meant for, told apart from those who are hit besides.
    pub offenders: Vec<String>,
    /// What the world answers, files above all; nothing by default.
    pub world: World,
    /// Which lines count; all by default.
    pub window: Window,
}

/// A catalog that cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// There is none of this name.
    #[error("there is no virtual server {0}")]
    NoVirtualServer(String),
    /// It has none for HTTP.
    #[error("the catalog has no virtual server for HTTP, and logs are of nothing else")]
    NoHttp,
}

/// Replays a log under a policy. What was not read, because it was stopped, is not in it: see [`Effect::is_partial`].
///
/// # Errors
/// As [`Replay::new`].
pub fn replay(
    policy: Catalog,
    input: &Input,
    options: ReplayOptions,
    watch: &Watch<'_>,
) -> Result<(Effect, Ordered), ReplayError> {
    let window = options.window;
    let mut replay = Replay::new(policy, options)?;
    let ordered = input.in_order(watch, |line, file| {
        window.goes_on(line, || {
            replay.take(line, &file.facts());
        })
    });
    let effect = Effect { is_partial: ordered.is_partial, ..replay.finish() };
    Ok((effect, ordered))
}

/// The same with two policies, side by side.
///
/// # Errors
/// As [`Replay::new`], for either.
pub fn compare(
    policies: [Catalog; 2],
    input: &Input,
    options: &ReplayOptions,
    watch: &Watch<'_>,
) -> Result<(Comparison, Ordered), ReplayError> {
    let [policy, other] = policies;
    let mut comparing = Comparing::new(policy, other, options)?;
    let ordered = input
        .in_order(watch, |line, file| options.window.goes_on(line, || comparing.take(line, &file.facts())));
    let mut comparison = comparing.finish();
    comparison.policy.is_partial = ordered.is_partial;
    comparison.other.is_partial = ordered.is_partial;
    Ok((comparison, ordered))
}

/// The part of a log that is replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Lines of this moment and later, in microseconds since 1970.
    pub from_unix_micros: Option<i64>,
    /// Lines before this moment.
    pub to_unix_micros: Option<i64>,
}

impl Window {
    pub(crate) fn goes_on(self, line: &Line<'_>, take: impl FnOnce()) -> ControlFlow<()> {
        let at = line.at_unix_micros;
        // A few lines come late; they do not end the reading of the others.
        if self.from_unix_micros.is_none_or(|from| from <= at) && self.to_unix_micros.is_none_or(|to| at < to)
        {
            take();
        }
        ControlFlow::Continue(())
    }
}

/// A policy, and a log on its way through.
pub struct Replay {
    shared: Arc<Shared>,
    catalog: Arc<Catalog>,
    options: ReplayOptions,
    fallback: VirtualServerId,
    woken: Arc<Woken>,
    queue: Queue,
    visitors: Visitors,
    transfers: Transfers,
    account: Account,
    judge: Judge,
    knowledge: HashMap<(VirtualServerId, u8), Knowledge>,
    connections: HashMap<u64, Rc<Connection>>,
    connections_closed: u64,
    unfollowed: u64,
    hashes: FixedState,
    heads: Vec<Heads>,
    /// The first line's time, at tick zero.
    start: Option<Now>,
    now: Tick,
    log: Replayed,
    said: LogSays,
    text: Vec<u8>,
    cookies: Vec<u8>,
    decided: Option<Vec<Decided>>,
    observer: Option<Observer>,
}

type Observer = Box<dyn FnMut(&Transaction)>;

/// What the log's formats can say, for what is told at the end.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
struct LogSays {
    bytes: BytesMeaning,
    step_micros: u32,
    has_duration: bool,
    has_host: bool,
    has_referer: bool,
    has_agent: bool,
    has_connections: bool,
}

impl Replay {
    /// Nothing of a log yet. The policy gets live state of its own.
    ///
    /// # Errors
    /// The virtual server that was named is not there, or there is none for HTTP.
    pub fn new(catalog: Catalog, options: ReplayOptions) -> Result<Self, ReplayError> {
        let fallback = fallback(&catalog, options.virtual_server.as_deref())?;
        let start = Now { tick: Tick::ZERO, wall: WallTime(0) };
        let settings =
            SharedOptions { seed: SEED, bounds: catalog.settings.bounds(), ..SharedOptions::default() };
        let woken = Arc::new(Woken::default());
        let shared = Shared::new(catalog, &settings, Box::new(WokenHere(Arc::clone(&woken))), start);
        let catalog = shared.catalog();
        let mut own = options.own.clone();
        own.extend(options.host.iter().map(|host| host.split(':').next().unwrap_or(host).to_owned()));
        own.extend(catalog.virtual_servers.iter().flat_map(|server| {
            server.hosts.iter().map(|host| host.to_string().trim_start_matches("*.").to_owned())
        }));
        Ok(Self {
            woken,
            fallback,
            queue: Queue::default(),
            visitors: Visitors::default(),
            transfers: Transfers::new(&catalog),
            account: Account::new(&catalog, &options.offenders),
            judge: Judge::new(&own, &options.offenders),
            knowledge: HashMap::new(),
            connections: HashMap::new(),
            connections_closed: 0,
            unfollowed: 0,
            hashes: FixedState::with_seed(SEED[0]),
            heads: Vec::new(),
            start: None,
            now: Tick::ZERO,
            log: Replayed::default(),
            said: LogSays {
                bytes: BytesMeaning::None,
                step_micros: 0,
                has_duration: true,
                has_host: true,
                has_referer: true,
                has_agent: true,
                has_connections: true,
            },
            text: Vec::new(),
            cookies: Vec::new(),
            decided: None,
            observer: None,
            shared,
            catalog,
            options,
        })
    }

    /// Keeps what is decided of each request, to be taken with [`Self::take_decided`].
    #[must_use]
    pub fn keeping_decisions(mut self) -> Self {
        self.decided = Some(Vec::new());
        self
    }

    /// Shows every transaction when it is over, in the order of their ends.
    #[must_use]
    pub fn observed_by(mut self, observer: impl FnMut(&Transaction) + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// What was decided since this was last asked, in the order in which it was.
    pub fn take_decided(&mut self) -> Vec<Decided> {
        self.decided.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// One line more. Lines come in the order of their times; one that is dated before the last is taken to come with it.
    /// Gives the number of the request, or `None` for what is none.
    pub fn take(&mut self, line: &Line<'_>, facts: &Facts) -> Option<u64> {
        let own = line.own();
        self.said.read(&own, facts, self.log.requests == 0);
        let tick = self.tick_of(line.at_unix_micros);
        self.go_on_until(Some(tick));
        self.now = tick;
        let asker = Asker::of(line, &own, &self.hashes);
        let visitor = Visitor(asker.visitor);
        let now = self.moment(tick);
        let has_cookies = !self.visitors.is_empty() && {
            let target = line.target.decoded();
            self.visitors.cookie_field(visitor, &target, now.wall.0, &mut self.cookies)
        };
        let said_host = own.host.known().or(line.host.known()).map(|host| host.decoded());
        let given_host = self.options.host.clone();
        let host = said_host.as_deref().or(given_host.as_deref().map(str::as_bytes));
        let mut heads = self.heads.pop().unwrap_or_default();
        let cookies = has_cookies.then_some(&self.cookies[..]);
        if !asked::write_head(&mut heads.request, line, host, cookies, &mut self.text) {
            self.log.no_requests += 1;
            self.heads.push(heads);
            return None;
        }
        let virtual_server = self.virtual_server(line, host);
        let held = asked::held_by(line, facts, host);
        let knowledge = self.knowledge(virtual_server, held);
        let held = self.begin((line, &asker), heads, (virtual_server, knowledge), now);
        let number = held.facts.number;
        self.drive(held, now);
        Some(number)
    }

    /// The log is over: who still waits goes on to the end.
    pub fn finish(mut self) -> Effect {
        self.go_on_until(None);
        let mut limits = Vec::new();
        limits.extend(self.reached());
        let (verdicts, who) = (self.account.verdicts(), self.account.who());
        let sums = self.account.finish();
        let (bandwidth_classes, beyond) = self.transfers.finish();
        limits.extend(beyond);
        limits.extend(sums.limit);
        let cannot_know = self.said.cannot_know(&self.options, &self.log, self.judge.knows_own());
        Effect {
            is_partial: false,
            log: self.log,
            verdicts,
            saved: sums.saved,
            rate_classes: sums.rates,
            bandwidth_classes,
            rules: sums.rules,
            who,
            offenders: sums.offenders,
            then_and_now: sums.then_and_now,
            has_files: self.catalog.virtual_servers.iter().any(|server| server.htaccess.is_some()),
            samples: sums.samples,
            limits,
            cannot_know,
        }
    }

    fn reached(&self) -> impl Iterator<Item = LimitReached> + use<> {
        let all = [
            LimitReached {
                limit: "VISITORS_MAX, JAR_BYTES_MAX",
                holds: visitor::VISITORS_MAX as u64,
                beyond: self.visitors.forgotten,
                text: "so many visitors (64 MiB of cookies) are remembered; the others came back without their marks",
            },
            LimitReached {
                limit: "WAITING_MAX, REHEARSED_WAITS_MAX",
                holds: queue::WAITING_MAX as u64,
                beyond: self.unfollowed,
                text: "so many requests may wait at once here, and each 4,000 times; those beyond were not followed",
            },
            LimitReached {
                limit: "CONNECTIONS_MAX",
                holds: CONNECTIONS_MAX as u64,
                beyond: self.connections_closed,
                text: "so many connections are kept; those beyond began anew with their next request",
            },
        ];
        all.into_iter().filter(|limit| limit.beyond > 0)
    }

    /// The tick of a line. Time only goes forward.
    fn tick_of(&mut self, at_unix_micros: i64) -> Tick {
        let start = *self.start.get_or_insert(Now { tick: Tick::ZERO, wall: WallTime(at_unix_micros) });
        let since = at_unix_micros.saturating_sub(start.wall.0);
        let tick = Tick::ZERO.saturating_add(Duration::from_micros(u64::try_from(since).unwrap_or(0)));
        if since < 0 || tick < self.now {
            self.log.backwards += 1;
        }
        tick.max(self.now)
    }

    fn moment(&self, tick: Tick) -> Now {
        let start = self.start.unwrap_or(Now { tick: Tick::ZERO, wall: WallTime(0) });
        Now { tick, wall: start.wall_at(tick) }
    }

    /// What happens before this moment to those who wait; to the end without one.
    pub(super) fn go_on_until(&mut self, moment: Option<Tick>) {
        while let Some((tick, mut held, what)) = self.queue.next_before(moment) {
            let now = self.moment(tick);
            match what {
                What::GoesOn => self.drive(held, now),
                What::Leaves => {
                    held.transaction.abandon(now);
                    self.over(held, Next::Close, now);
                }
            }
            self.queue.pass_on(&self.woken, tick);
        }
    }

    /// Whose the line is: as it says, as was asked for, or the first.
    fn virtual_server(&self, line: &Line<'_>, host: Option<&[u8]>) -> VirtualServerId {
        if self.options.virtual_server.is_some() || self.catalog.virtual_servers.len() == 1 {
            return self.fallback;
        }
        if let Some(name) = line.virtual_server.known() {
            let name = name.decoded();
            let named =
                self.catalog.virtual_servers.iter().position(|server| server.name.as_bytes() == &*name);
            if let Some(at) = named.and_then(|at| u32::try_from(at).ok()) {
                return VirtualServerId(at);
            }
            if host.is_none()
                && let Some(found) = self.select(&name)
            {
                return found;
            }
        }
        host.and_then(|host| self.select(host)).unwrap_or(self.fallback)
    }

    fn select(&self, host: &[u8]) -> Option<VirtualServerId> {
        self.catalog.listeners().into_iter().find_map(|listen| self.catalog.select(listen, Some(host)))
    }

    fn knowledge(&mut self, server: VirtualServerId, held: u8) -> Knowledge {
        let catalog = &self.catalog;
        let made = self.knowledge.entry((server, held)).or_insert_with(|| {
            let cookies = catalog.cookies_set(server).into_iter().map(<[u8]>::to_vec).collect();
            Knowledge::Only(Arc::new(asked::knowledge(held, cookies)))
        });
        made.clone()
    }

    fn begin(
        &mut self,
        (line, asker): (&Line<'_>, &Asker),
        heads: Heads,
        (virtual_server, knowledge): (VirtualServerId, Knowledge),
        now: Now,
    ) -> Held {
        let then = Then::of(line);
        let number = self.log.requests;
        self.count(line, &then, asker, now);
        let judged = self.judge.judge(line, asker.client, asker.agent);
        let connection = self.connection(asker, virtual_server, number);
        let arrival = Arrival {
            virtual_server,
            client: asker.client,
            request_number: asker.connection.map_or(1, |(_, nth)| nth),
            named: None,
            id: asker.id.unwrap_or(RequestId(number)),
            knowledge,
        };
        // What nginx and we write of a client that left; the duration is how long it stayed.
        let left_after = then.duration_micros.filter(|_| then.status == 499);
        let facts = HeldFacts {
            number,
            then,
            who: judged.who,
            offender: judged.offender,
            visitor: Visitor(asker.visitor),
            client: asker.client,
            at_unix_micros: now.wall.0,
            leaves_at: left_after.map(|micros| now.tick.saturating_add(Duration::from_micros(micros))),
        };
        let transaction = Transaction::begin(&self.shared, &self.catalog, arrival, (&connection, heads), now);
        Held { transaction, facts, steps: 0 }
    }

    fn count(&mut self, line: &Line<'_>, then: &Then, asker: &Asker, now: Now) {
        self.log.requests += 1;
        self.log.bytes = self.log.bytes.saturating_add(then.bytes.unwrap_or(0));
        self.log.without_bytes += u64::from(line.bytes.is_unknown());
        self.log.clients_by_name += u64::from(!asker.has_address);
        let seconds = Duration::from_micros(u64::try_from(now.wall.0).unwrap_or(0)).as_secs_f64();
        self.log.from_unix.get_or_insert(seconds);
        self.log.to_unix = Some(seconds);
    }

    /// The connection of a request: the one that the log numbers, else one of its own.
    fn connection(&mut self, asker: &Asker, server: VirtualServerId, number: u64) -> Rc<Connection> {
        let listen = self.catalog.virtual_server(server).listen.first().copied();
        let facts = |id| ConnectionFacts {
            id,
            peer: SocketAddr::new(asker.client, asker.port),
            local: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 80))),
            tls: None,
            admission: None,
        };
        let Some((id, nth)) = asker.connection else { return Rc::new(Connection::new(facts(number))) };
        if self.connections.len() >= CONNECTIONS_MAX && !self.connections.contains_key(&id) {
            self.connections_closed += self.connections.len() as u64;
            self.connections.clear();
        }
        let known = self.connections.entry(id).or_insert_with(|| Rc::new(Connection::new(facts(id))));
        // Numbers begin anew with each run of a server.
        if nth == 1 && Rc::strong_count(known) == 1 && known.facts().peer != facts(id).peer {
            *known = Rc::new(Connection::new(facts(id)));
        }
        Rc::clone(known)
    }

    /// Drives a request as far as it gets.
    fn drive(&mut self, mut held: Held, now: Now) {
        let mut next = held.transaction.advance(now);
        while held.steps < REHEARSED_WAITS_MAX {
            held.steps += 1;
            next = match next {
                Next::Ask(Ask::Errand { .. }) => {
                    let errand = held.transaction.errand();
                    let world = &mut self.options.world;
                    let report = errand.map_or(Err(ErrandError::TimedOut), |errand| world.answer(&errand));
                    held.transaction.errand_done(report, now)
                }
                Next::Ask(Ask::Body { side, .. }) => held.transaction.body_unknown(side, now),
                Next::Ask(Ask::Send) => held.transaction.sent(now),
                Next::Ask(Ask::Turn { ticket, until }) => {
                    return self.wait(held, Some(ticket), until.max(now.tick), now);
                }
                Next::Ask(Ask::Sleep { until } | Ask::Bytes { until }) => {
                    return self.wait(held, None, until.max(now.tick), now);
                }
                Next::Forward { pool } => {
                    if held.transaction.may_ask_for_ends() {
                        held.transaction.reach_in_thought(pool, now);
                    }
                    answer_as_then(&mut held);
                    held.transaction.response_received(now)
                }
                Next::Deliver | Next::Answer | Next::Finish | Next::Close => {
                    return self.over(held, next, now);
                }
            };
        }
        self.give_up(held, now);
    }

    fn wait(&mut self, held: Held, ticket: Option<shaping::TicketId>, until: Tick, now: Now) {
        if self.queue.has_room() {
            self.queue.wait(held, ticket, until);
        } else {
            self.give_up(held, now);
        }
    }

    fn give_up(&mut self, mut held: Held, now: Now) {
        self.unfollowed += 1;
        held.transaction.abandon(now);
        self.account.add_unfollowed(&held.facts);
        self.queue.pass_on(&self.woken, now.tick);
    }

    /// A request is decided.
    fn over(&mut self, held: Held, next: Next, now: Now) {
        let Held { mut transaction, facts, .. } = held;
        transaction.complete(Ending::Whole, now);
        if transaction.is_answered() && transaction.response().fields().has(Known::SetCookie) {
            for line in transaction.response().fields().all_known(Known::SetCookie) {
                self.visitors.take(facts.visitor, line, now.wall.0);
            }
        }
        let class = if matches!(next, Next::Deliver | Next::Finish | Next::Answer) {
            self.pace(&transaction, &facts, next, now)
        } else {
            None
        };
        let bytes = match next {
            Next::Deliver => facts.then.bytes.unwrap_or(0),
            _ => transaction.body().len() as u64,
        };
        transaction.end_watch(bytes, now);
        let decided = self.account.add(&transaction, &facts, class.as_deref());
        if let Some(all) = &mut self.decided {
            all.push(decided);
        }
        if let Some(observer) = &mut self.observer {
            observer(&transaction);
        }
        self.heads.push(transaction.take_heads());
    }

    /// Lets the answer into its bandwidth class; the class's name, if there is such a class.
    fn pace(
        &mut self,
        transaction: &Transaction,
        facts: &HeldFacts,
        next: Next,
        now: Now,
    ) -> Option<Box<[u8]>> {
        let name = transaction.response_class_name()?;
        let bytes = match next {
            Next::Deliver => facts.then.bytes.unwrap_or(0),
            _ => transaction.body().len() as u64,
        };
        let connection = transaction.connection_id();
        let weight = transaction.response_weight();
        let party = Party { connection, client: ClientNetwork::of(facts.client), weight };
        let answer = Answer { bytes, took_micros: facts.then.duration_micros, party };
        self.transfers.begin(&name, answer, now.tick).then(|| (*name).into())
    }
}

/// The answer of a node, as far as the log has it.
fn answer_as_then(held: &mut Held) {
    let then = held.facts.then;
    let needs_length = held.transaction.may_ask_for_ends();
    let slot = held.transaction.response_slot();
    slot.clear();
    // A log without a status, or with one that no node gives (499: the client left), has an answer all the same.
    let status = if (200..=599).contains(&then.status) && then.status != 499 { then.status } else { 200 };
    let _known = slot.set_status(status, reason_of(status).as_bytes());
    if let (true, Some(bytes)) = (needs_length, then.bytes) {
        let _fits = slot.fields_mut().add(b"Content-Length", bytes.to_string().as_bytes());
    }
}

fn fallback(catalog: &Catalog, named: Option<&str>) -> Result<VirtualServerId, ReplayError> {
    let mut servers = catalog.virtual_servers.iter();
    let at = match named {
        Some(name) => servers
            .position(|server| &*server.name == name)
            .ok_or_else(|| ReplayError::NoVirtualServer(name.to_owned()))?,
        None => servers.position(|server| server.protocol == Protocol::Http).ok_or(ReplayError::NoHttp)?,
    };
    Ok(VirtualServerId(u32::try_from(at).unwrap_or(0)))
}

impl LogSays {
    /// What the worst of the log's formats says counts.
    fn read(&mut self, own: &Own<'_>, facts: &Facts, is_first: bool) {
        self.bytes = if is_first || self.bytes == facts.bytes { facts.bytes } else { BytesMeaning::Unclear };
        self.step_micros = self.step_micros.max(facts.time_step_micros);
        self.has_duration &= facts.has_duration;
        self.has_host &= facts.has_host;
        self.has_referer &= facts.has_referer;
        self.has_agent &= facts.has_user_agent;
        self.has_connections &= !own.connection_id.is_unknown();
    }

    fn cannot_know(&self, options: &ReplayOptions, log: &Replayed, knows_own: bool) -> Vec<String> {
        let mut all = Vec::new();
        let mut say = |is_so: bool, text: &str| {
            if is_so && log.requests > 0 {
                all.push(text.to_owned());
            }
        };
        say(
            self.step_micros >= 1_000_000,
            "Times are whole seconds: requests of one second are taken to come at its beginning, in the order of the \
             lines. Waits are right to a second or so, and a limit per second is stricter here than it would be.",
        );
        say(
            !self.has_host && options.host.is_none(),
            "The log has no Host: rules that read it get none, and are counted as undecidable. Give it with --host.",
        );
        say(
            !self.has_referer,
            "The log has no referer: rules that read it get none, and are counted as undecidable.",
        );
        say(
            !self.has_agent,
            "The log does not say with what program people came: visitors are told apart by address alone.",
        );
        say(
            !knows_own,
            "Nobody said what the site is called: its own visitors are among those from other places. Give its names \
             with --own.",
        );
        say(
            matches!(self.bytes, BytesMeaning::BodyPromised | BytesMeaning::Unclear),
            "Bytes may be those that were promised, and not those that were sent: what broken-off downloads weigh, and \
             what is saved, is an upper bound.",
        );
        say(
            !self.has_duration,
            "The log does not say how long answers took: a paced answer is taken to go as fast as its class lets it.",
        );
        say(!self.has_connections, "The log does not number connections: each request is one of its own.");
        say(
            true,
            "Cookies other than those that the rules themselves set, other fields of requests and answers, and bodies \
             are not in a log. A visitor is an address with a program: people behind one address share their marks.",
        );
        say(
            true,
            "People who are made to wait, slowed down or refused behave otherwise than they did: they leave, come \
             again, or ask for less. Nobody knows how many.",
        );
        all
    }
}
