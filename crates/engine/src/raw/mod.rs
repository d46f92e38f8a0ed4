//! A connection whose bytes are not HTTP, decided: rules run on what the client sends and on what the node answers.
//! The same host, the same rules and the same waiting as for a [`crate::Transaction`]; whoever drives it passes bytes
//! in and takes bytes out.
//!
//! ```text
//!        ┌──────────────────────────── more bytes of the client, behind the response's first ──┐
//! Idle ──┴─(bytes)─▶ request rules ─▶ AtNode ─(bytes)─▶ response rules ─▶ Streaming ───────────┘
//!                       │    └─ request.sendResponse ──────▲                  │
//!                       └─ discard, close ──▶ Over ◀──────────────────────────┘ both sides are through
//! ```

mod rehearsal;

pub use rehearsal::{RawRehearsal, RawVisit, RawVisited};

use crate::catalog::{Catalog, PoolId};
use crate::connection::Connection;
use crate::decision::{Event, RateResult, RulePlace};
use crate::errand::{Errand, ErrandError, Report};
use crate::host::{Arrival, End, Host, Raw, Stage, Waiting};
use crate::shared::Shared;
use crate::time::Now;
use crate::transaction::{Ask, Heads, RulesStep, Runner};
use shaping::{Tick, TicketId};
use std::rc::Rc;
use std::sync::Arc;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawEnd {
    /// Both sides were through.
    Complete,
    /// A rule closed it, with what it had to say.
    Closed,
    /// A rule closed it without a word, or there was no pool.
    Discarded,
    /// Nothing moved for too long, or a wait in a rate class took too long.
    TimedOut,
    /// A rate class could not take it.
    Refused,
    /// A rule came to grief, and the virtual server closes connections then.
    RuleError,
}

impl RawEnd {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Closed => "closed",
            Self::Discarded => "discard",
            Self::TimedOut => "timeout",
            Self::Refused => "refused",
            Self::RuleError => "rule-error",
        }
    }
}

/// What whoever drives it has to do, besides taking the bytes that are to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawNext {
    /// Pass on what comes from either side; at `until`, or when the ticket is woken, go on without.
    Wait {
        /// When to go on.
        until: Tick,
        /// What [`crate::Wake`] will name, if a rule waits in a rate class.
        ticket: Option<TicketId>,
    },
    /// Send what is to be sent, and close.
    Close(RawEnd),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing of a request has come.
    Idle,
    RequestRules,
    /// The request is at the node, whose answer has not begun. `cut`: a rule said where the request ends.
    AtNode {
        cut: bool,
    },
    ResponseRules,
    /// The response has begun; what follows of it is passed on.
    Streaming,
    Over(RawEnd),
}

/// See the module.
pub struct RawTransaction {
    host: Host,
    rules: Runner,
    state: State,
    /// Where the connection to a node goes, while there is one.
    node: Option<PoolId>,
    to_client: Vec<u8>,
    to_node: Vec<u8>,
    /// Requests that went to a node.
    forwarded: u32,
}

impl RawTransaction {
    /// A connection on which nothing has come.
    pub fn begin(
        shared: &Arc<Shared>,
        catalog: &Arc<Catalog>,
        arrival: Arrival,
        connection: &Rc<Connection>,
        now: Now,
    ) -> Self {
        let mut host = Host::new(shared, catalog, arrival, (connection, Heads::default()), now);
        host.set_deadline();
        host.raw = Some(Box::default());
        Self {
            host,
            rules: Runner::new(Stage::Request),
            state: State::Idle,
            node: None,
            to_client: Vec::new(),
            to_node: Vec::new(),
            forwarded: 0,
        }
    }

    /// Bytes of the client.
    pub fn client_sent(&mut self, bytes: &[u8], now: Now) -> RawNext {
        self.moved(now);
        self.raw().client.push(bytes);
        self.go_on(now)
    }

    /// The client sends nothing more.
    pub fn client_ended(&mut self, now: Now) -> RawNext {
        self.raw().client.ended = true;
        self.go_on(now)
    }

    /// Bytes of the node. Those that come after its connection was given up are thrown away.
    pub fn node_sent(&mut self, bytes: &[u8], now: Now) -> RawNext {
        self.moved(now);
        if self.node.is_some() {
            self.raw().node.push(bytes);
        }
        self.go_on(now)
    }

    /// The node sends nothing more.
    pub fn node_ended(&mut self, now: Now) -> RawNext {
        if self.node.is_some() {
            self.raw().node.ended = true;
        }
        self.go_on(now)
    }

    /// Where [`Self::take_to_node`] goes; `None` while there is no connection to a node.
    pub fn node(&self) -> Option<PoolId> {
        self.node
    }

    /// How many requests went to a node so far.
    pub fn forwarded(&self) -> u32 {
        self.forwarded
    }

    /// What is to be sent to the client, and was not taken yet.
    pub fn take_to_client(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_client)
    }

    /// What is to be sent to the node, and was not taken yet.
    pub fn take_to_node(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_node)
    }

    /// What rules decided and said, in order.
    pub fn events(&self) -> Vec<(RulePlace, Event)> {
        self.host.events()
    }

    /// Instructions that rules have executed.
    pub fn instructions(&self) -> u64 {
        self.rules.instructions()
    }

    /// The bandwidth classes towards the client and towards the node, as rules set them.
    pub fn bandwidth_classes(&self) -> (Option<String>, Option<String>) {
        let name = |choice: &crate::host::ClassChoice| match choice {
            crate::host::ClassChoice::Named(name) => Some(name.to_string()),
            _ => None,
        };
        (name(&self.host.response_class), name(&self.host.request_class))
    }

    /// Something a rule wants done in the world, if it waits for that; once, then [`Self::errand_done`].
    pub fn errand(&mut self) -> Option<Errand> {
        match &mut self.host.waiting {
            Some(Waiting::Errand(on)) => on.take(),
            _ => None,
        }
    }

    /// An errand is done, or has failed: the rule goes on with what came of it.
    pub fn errand_done(&mut self, result: Result<Report, ErrandError>, now: Now) -> RawNext {
        if let Some(Waiting::Errand(on)) = &mut self.host.waiting {
            on.report = Some(result);
        }
        self.go_on(now)
    }

    /// Goes on: when its time has come, or its ticket was woken. Called too early it asks again.
    pub fn go_on(&mut self, now: Now) -> RawNext {
        self.host.now = now;
        loop {
            let before = self.state;
            let next = match self.state {
                State::Idle => self.idle(),
                State::RequestRules | State::ResponseRules => self.run_rules(),
                State::AtNode { cut } => self.at_node(cut),
                State::Streaming => self.streaming(),
                State::Over(end) => return RawNext::Close(end),
            };
            match next {
                Some(next) => return next,
                // Bytes wait, and nobody has moved them: only time or another byte helps.
                None if self.state == before => return self.wait(),
                None => {}
            }
        }
    }

    fn raw(&mut self) -> &mut Raw {
        self.host.raw.get_or_insert_default()
    }

    fn moved(&mut self, now: Now) {
        self.host.moved = now;
        self.host.set_deadline();
    }

    fn wait(&mut self) -> RawNext {
        if self.host.deadline <= self.host.now.tick {
            return self.over(RawEnd::TimedOut);
        }
        RawNext::Wait { until: self.host.deadline, ticket: None }
    }

    fn over(&mut self, end: RawEnd) -> RawNext {
        self.rules.end_run();
        self.host.withdraw(RateResult::Left);
        self.host.waiting = None;
        self.state = State::Over(end);
        if end == RawEnd::Discarded {
            self.host.shared.counters().discards.add_one();
        }
        RawNext::Close(end)
    }

    fn idle(&mut self) -> Option<RawNext> {
        let raw = self.raw();
        if raw.client.is_empty() {
            return raw.client.ended.then(|| self.over(RawEnd::Complete));
        }
        raw.reply = None;
        raw.close_node = false;
        self.host.pool = None;
        self.host.shared.counters().requests.add_one();
        self.rules.begin(Stage::Request);
        self.state = State::RequestRules;
        None
    }

    fn run_rules(&mut self) -> Option<RawNext> {
        let step = self.rules.go_on(&mut self.host);
        let flushed = std::mem::take(&mut self.raw().flushed);
        self.to_client.extend_from_slice(&flushed);
        match step {
            RulesStep::Asked(Ask::Turn { ticket, until }) => {
                return Some(RawNext::Wait { until, ticket: Some(ticket) });
            }
            RulesStep::Asked(Ask::Sleep { until } | Ask::Bytes { until } | Ask::Errand { until }) => {
                return Some(RawNext::Wait { until, ticket: None });
            }
            // There are no such bodies here, and no function of these stages asks for one.
            RulesStep::Asked(Ask::Body { .. } | Ask::Send) => return Some(self.wait()),
            RulesStep::TimedOut { .. } => return Some(self.over(RawEnd::TimedOut)),
            RulesStep::Over => {}
        }
        match self.host.end.take() {
            Some(End::Close { data, .. }) => {
                self.to_client.extend_from_slice(&data);
                Some(self.over(RawEnd::Closed))
            }
            Some(End::Discard) => Some(self.over(RawEnd::Discarded)),
            Some(End::QueueRefused { .. }) => Some(self.over(RawEnd::Refused)),
            Some(End::Fault) => Some(self.over(RawEnd::RuleError)),
            Some(End::Pool | End::Respond(_) | End::Complete | End::Retry) | None
                if self.state == State::RequestRules =>
            {
                self.requested()
            }
            Some(End::Pool | End::Respond(_) | End::Complete | End::Retry) | None => {
                self.responded();
                None
            }
        }
    }

    /// The request rules are through: to the node, or to the response rules with what a rule answered.
    fn requested(&mut self) -> Option<RawNext> {
        let cut = self.raw().client.cut.is_some();
        self.raw().is_delimited = cut;
        if let Some(reply) = self.raw().reply.take() {
            self.raw().client.take();
            self.raw().node.replace(&reply);
            self.host.shared.counters().responses_built.add_one();
            self.begin_response_rules();
            return None;
        }
        let Some(pool) = self.host.pool.or(self.host.virtual_server().pool) else {
            return Some(self.over(RawEnd::Discarded));
        };
        if self.node != Some(pool) {
            // Another pool, another connection: what the old one might still say is nobody's answer any more.
            let node = &mut self.raw().node;
            node.replace(b"");
            node.ended = false;
        }
        self.node = Some(pool);
        let bytes = self.raw().client.take();
        self.to_node.extend_from_slice(&bytes);
        self.forwarded = self.forwarded.saturating_add(1);
        self.state = State::AtNode { cut };
        None
    }

    fn begin_response_rules(&mut self) {
        self.rules.begin(Stage::Response);
        self.state = State::ResponseRules;
    }

    /// The response rules are through.
    fn responded(&mut self) {
        let raw = self.raw();
        let bytes = raw.node.take();
        if std::mem::take(&mut raw.close_node) {
            raw.node.ended = false;
            self.node = None;
        }
        self.to_client.extend_from_slice(&bytes);
        self.state = State::Streaming;
    }

    fn at_node(&mut self, cut: bool) -> Option<RawNext> {
        let raw = self.raw();
        if !raw.node.is_empty() {
            self.host.shared.counters().responses_from_nodes.add_one();
            self.begin_response_rules();
            return None;
        }
        if raw.node.ended {
            return Some(self.over(RawEnd::Complete));
        }
        if !cut {
            // Nobody has said where the request ends: what comes before the answer belongs to it.
            let more = raw.client.take();
            self.to_node.extend_from_slice(&more);
        }
        None
    }

    fn streaming(&mut self) -> Option<RawNext> {
        let has_node = self.node.is_some();
        let raw = self.raw();
        let more = raw.node.take();
        let (client_is_empty, client_ended, node_ended) =
            (raw.client.is_empty(), raw.client.ended, raw.node.ended);
        self.to_client.extend_from_slice(&more);
        if has_node && node_ended {
            return Some(self.over(RawEnd::Complete));
        }
        if !client_is_empty {
            self.state = State::Idle;
            return None;
        }
        (client_ended && !has_node).then(|| self.over(RawEnd::Complete))
    }
}

impl Drop for RawTransaction {
    fn drop(&mut self) {
        self.host.withdraw(RateResult::Left);
    }
}
