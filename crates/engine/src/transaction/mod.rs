//! One request and its response, decided. The shell drives it and does what [`Next`] says:
//!
//! ```text
//! begin ─ advance ─▶ Ask(Turn|Sleep) ─(time, wake)─▶ advance …
//!            │                                           │
//!            ├────▶ Forward{pool} ─ response_received ─▶ Deliver ─┐
//!            │             └─ failed ─▶ Answer ───────────────────┤
//!            ├────▶ Answer (built by a rule or by us) ────────────┼─▶ one record, one log line
//!            └────▶ Close  (discard) ─────────────────────────────┘
//! ```
//!
//! Every step is given the time; nothing here reads a clock, opens a socket or draws a random number.

mod completion;
mod delivery;
mod errands;
mod guard;
mod htaccess;
mod node;
mod outcome;
mod protection;
mod record;
mod rules;
mod secure;
mod spare;
mod through;
mod told;

pub use crate::host::{Arrival, Heads, Knowledge, KnownFacts};
pub use completion::Ending;
pub use delivery::{Delivery, Refused};
pub(crate) use guard::Watched;
pub use node::Attempts;
pub use record::Message;
pub(crate) use rules::{RulesStep, Runner};
pub use told::{Told, ToldAt};

use crate::bodies::BodySide;
use crate::catalog::{Catalog, PoolId, QueueTimeoutAction, VirtualServer};
use crate::connection::Connection;
use crate::decision::RateResult;
use crate::error::{Side, TransactionError};
use crate::host::{Built, ClassChoice, End, Host, Stage};
use crate::nodes::ClassPlaces;
use crate::protection::ProtectionRefusal;
use crate::shared::Shared;
use crate::time::Now;
use message::{RequestHead, ResponseHead};
use shaping::{BandwidthClassId, ClientNetwork, Flow, Party, Tick, TicketId, Weight};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// What the shell has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait, then [`Transaction::advance`].
    Ask(Ask),
    /// Choose a node of the pool, send [`Transaction::request`], decode the answer's head into
    /// [`Transaction::response_slot`], then [`Transaction::response_received`] or [`Transaction::failed`].
    Forward {
        /// Where to.
        pool: PoolId,
    },
    /// Send [`Transaction::response`]; the body comes from the node.
    Deliver,
    /// Send [`Transaction::response`] and [`Transaction::body`]; a node's answer that is still coming is not wanted.
    Answer,
    /// The streamed answer ends with [`Transaction::outgoing`]; a node's answer that is still coming is not wanted.
    Finish,
    /// Write [`Transaction::body`] as it is (mostly nothing), and close the connection.
    Close,
}

/// What a rule waits for. The one shape for all waiting; a kind that brings a value back will bring it through a
/// method of its own on [`Transaction`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Its turn in a rate class: advance at `until`, or when the ticket is woken. `None`: not the head of its queue.
    Turn {
        /// What [`crate::Wake`] will name.
        ticket: TicketId,
        /// Not before; also the end of the virtual server's patience.
        until: Tick,
    },
    /// Time only.
    Sleep {
        /// When to go on.
        until: Tick,
    },
    /// Bytes of a body: read into [`Transaction::body_slot`] until it holds `least` bytes, never more than `most`, or
    /// the body is over; then [`Transaction::body_read`].
    Body {
        /// Which body.
        side: BodySide,
        /// Bytes that the slot is to hold.
        least: usize,
        /// Bytes that it may hold.
        most: usize,
    },
    /// What a rule streams: write [`Transaction::outgoing`], then [`Transaction::sent`].
    Send,
    /// Something done in the world: take it with [`Transaction::errand`], then [`Transaction::errand_done`]. Advanced
    /// at `until` without a report, the rule goes on as after a time-out.
    Errand {
        /// When it is too late.
        until: Tick,
    },
    /// Bytes of a raw connection, until then at most. Only a [`crate::RawTransaction`] asks for them.
    Bytes {
        /// When to go on without.
        until: Tick,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// By its protection class.
    TurnedAway(ProtectionRefusal),
    /// The site that led to it is held back.
    Guarded,
    RequestRules,
    /// The `.htaccess` files have questions.
    Htaccess,
    AtNode {
        pool: PoolId,
    },
    ResponseRules,
    /// What the node still sends goes through, piece by piece.
    Through,
    Decided(Next),
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Undecided,
    Node,
    Rule,
    Htaccess,
    /// It is to come again under TLS.
    Secured,
    Error(&'static str),
    Nobody,
    ClientLeft,
}

/// See the module.
pub struct Transaction {
    host: Host,
    state: State,
    rules: Runner,
    origin: Origin,
}

impl Transaction {
    /// A request whose head is complete. Nothing is decided before the first [`Self::advance`]. It is large, and made
    /// where it stays.
    pub fn begin(
        shared: &Arc<Shared>,
        catalog: &Arc<Catalog>,
        arrival: Arrival,
        (connection, mut heads): (&Rc<Connection>, Heads),
        now: Now,
    ) -> Box<Self> {
        // What is never answered is logged without anybody else's answer.
        heads.response.clear();
        shared.counters().requests.add_one();
        let mut transaction = Box::new(Self {
            host: Host::new(shared, catalog, arrival, (connection, heads), now),
            state: State::RequestRules,
            rules: Runner::new(Stage::Request),
            origin: Origin::Undecided,
        });
        if let Some(refused) = transaction.is_turned_away() {
            transaction.state = State::TurnedAway(refused);
        } else {
            transaction.watch();
        }
        transaction.host.set_deadline();
        if !transaction.virtual_server().marks.is_empty() {
            transaction.host.open_marks();
        }
        transaction
    }

    /// Goes on: at first, when an [`Ask`]'s time has come or its ticket was woken. Called too early it asks again.
    pub fn advance(&mut self, now: Now) -> Next {
        self.host.now = now;
        let next = match self.state {
            State::TurnedAway(refused) => self.turn_away(refused),
            State::Guarded => self.guarded(),
            State::RequestRules => self.request_rules(),
            State::Htaccess => self.htaccess(),
            State::ResponseRules => self.response_rules(),
            State::AtNode { pool } => Next::Forward { pool },
            State::Through => self.through(),
            State::Decided(next) => next,
        };
        self.sealed(next)
    }

    /// Before the head of an answer goes out, its marks are signed.
    #[inline]
    fn sealed(&mut self, next: Next) -> Next {
        if self.host.spare.is_some() && !matches!(next, Next::Ask(_) | Next::Forward { .. }) {
            // It does not come to the pool.
            self.host.spare = None;
        }
        if matches!(next, Next::Deliver | Next::Answer | Next::Finish | Next::Ask(Ask::Send))
            && !self.virtual_server().marks.is_empty()
        {
            self.host.seal_marks();
        }
        next
    }

    /// What is to be sent to the node: the request as the rules left it.
    pub fn request(&self) -> &RequestHead {
        &self.host.request
    }

    /// Where the node's response head is to be decoded to.
    pub fn response_slot(&mut self) -> &mut ResponseHead {
        &mut self.host.response
    }

    /// The node's response head is in [`Self::response_slot`].
    pub fn response_received(&mut self, now: Now) -> Next {
        self.host.now = now;
        // Bytes have moved: what rules wait for on the response has the server's patience for itself.
        self.host.moved = now;
        self.host.set_deadline();
        self.origin = Origin::Node;
        self.host.is_from_node = true;
        self.host.shared.counters().responses_from_nodes.add_one();
        if !self.virtual_server().marks.is_empty() {
            self.host.note_marks_of_node();
        }
        let next = self.error_document_came();
        let next = next.unwrap_or_else(|| self.begin_response_rules());
        self.sealed(next)
    }

    /// No answer can be had from a node. Decides what the client gets; response rules do not run on it.
    pub fn failed(&mut self, error: TransactionError, now: Now) -> Next {
        self.host.now = now;
        self.host.withdraw(RateResult::Left);
        let (status, sentence) = error.answer();
        if error.side() == Side::Node
            && let Some(page) = self.error_document_failed(status)
        {
            let next = self.answer_with(page);
            return self.sealed(next);
        }
        self.origin = Origin::Error(error.word());
        let mut page = self.error_page(status, sentence);
        if error.kind == crate::error::ErrorKind::NodesBusy {
            page.fields.push(outcome::retry_after(crate::limits::BUSY_RETRY_AFTER));
        }
        let next = self.answer_with(page);
        self.sealed(next)
    }

    /// The answer's head. Valid from [`Next::Deliver`] or [`Next::Answer`] on.
    pub fn response(&self) -> &ResponseHead {
        &self.host.response
    }

    /// The body of a [`Next::Answer`], or what is written before a [`Next::Close`]. A response to HEAD has its length in the head and is sent without it.
    pub fn body(&self) -> &[u8] {
        &self.host.body
    }

    /// The bandwidth class of what is written to the client, as rules have set it so far.
    pub fn response_class_id(&self) -> Option<BandwidthClassId> {
        self.host.shared.registry().bandwidth_class(self.response_class()?.as_ref())
    }

    /// The places at nodes that the bandwidth class towards the client has; `None` where they are not limited.
    pub fn class_places(&self) -> Option<Arc<ClassPlaces>> {
        let places = &self.host.catalog.class_places;
        if places.is_empty() {
            return None;
        }
        places.get(std::str::from_utf8(&self.response_class()?).ok()?).cloned()
    }

    /// The transfer that paces what is written to the client; `None` if it is not shaped.
    pub fn response_flow(&self, now: Now) -> Option<Flow> {
        let id = self.response_class_id()?;
        Some(self.host.shared.registry().flow(id, self.party(self.response_weight()), now.tick).with_head())
    }

    /// The transfer that paces what is written to a node of the pool; `None` if it is not shaped.
    pub fn request_flow(&self, pool: PoolId, now: Now) -> Option<Flow> {
        let class = self.request_class(pool)?;
        let id = self.host.shared.registry().bandwidth_class(class.as_ref())?;
        Some(self.host.shared.registry().flow(id, self.party(self.host.settings.request_weight), now.tick))
    }

    fn party(&self, weight: Weight) -> Party {
        let client = ClientNetwork::of(self.host.arrival.client);
        Party { connection: self.host.connection.facts().id, client, weight }
    }

    /// The client left before it got its whole answer. A place in a queue is given back and spends no slot.
    pub fn abandon(&mut self, now: Now) {
        self.host.now = now;
        self.host.spare = None;
        self.host.withdraw(RateResult::Left);
        self.origin = Origin::ClientLeft;
        self.host.shared.counters().clients_left.add_one();
        self.state = State::Decided(Next::Close);
    }

    /// Whether there is an answer for the client (not after a discard, nor when it left).
    pub fn is_answered(&self) -> bool {
        matches!(self.state, State::Decided(Next::Deliver | Next::Answer | Next::Finish))
    }

    /// The virtual server it arrived at.
    pub fn virtual_server(&self) -> &VirtualServer {
        self.host.virtual_server()
    }

    /// The catalog it is decided by, also after a reload.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.host.catalog
    }

    /// Instructions that its rules have executed so far.
    pub fn instructions(&self) -> u64 {
        self.rules.instructions()
    }

    /// Gives the heads back, for the next request of the connection.
    pub fn recycle(mut self) -> Heads {
        self.take_heads()
    }

    /// As [`Self::recycle`], where it lies: the transaction is over, and has empty heads from now on.
    #[inline]
    pub fn take_heads(&mut self) -> Heads {
        Heads {
            request: std::mem::take(&mut self.host.request),
            response: std::mem::take(&mut self.host.response),
        }
    }

    fn response_class(&self) -> Option<Cow<'_, [u8]>> {
        match &self.host.response_class {
            ClassChoice::Default => {
                self.virtual_server().bandwidth_class.as_deref().map(|name| Cow::Borrowed(name.as_bytes()))
            }
            ClassChoice::None => None,
            ClassChoice::Named(name) => Some(Cow::Borrowed(name)),
        }
    }

    fn request_class(&self, pool: PoolId) -> Option<Cow<'_, [u8]>> {
        match &self.host.request_class {
            ClassChoice::Default => {
                let pool = self.host.catalog.pool(pool);
                pool.bandwidth_class.as_deref().map(|name| Cow::Borrowed(name.as_bytes()))
            }
            ClassChoice::None => None,
            ClassChoice::Named(name) => Some(Cow::Borrowed(name)),
        }
    }

    fn request_rules(&mut self) -> Next {
        match self.rules.go_on(&mut self.host) {
            RulesStep::Asked(ask) => return Next::Ask(ask),
            RulesStep::TimedOut { retry_after } => return self.queue_timed_out(retry_after),
            RulesStep::Over => {}
        }
        let end = self.host.end.take();
        if self.host.is_streaming() {
            return self.streamed(end.as_ref());
        }
        let stored = if matches!(end, None | Some(End::Pool)) { self.host.stored_answer() } else { None };
        match stored.or(end) {
            Some(End::Respond(built)) => {
                self.origin = Origin::Rule;
                self.build(*built);
                self.begin_response_rules()
            }
            Some(End::Discard) => self.discard(),
            Some(End::Close { data, reads_on }) => self.close_with(data, reads_on),
            Some(End::QueueRefused { retry_after }) => self.queue_refused(retry_after),
            Some(End::Fault) => self.rule_error(),
            Some(End::Pool | End::Complete | End::Retry) | None if self.is_to_come_secured() => {
                self.send_to_https()
            }
            Some(End::Pool | End::Complete | End::Retry) | None => self.request_goes_on(),
        }
    }

    /// To the pool that a rule has chosen, or to that of the virtual server.
    fn choose_pool(&mut self) -> Next {
        let Some(pool) = self.chosen_pool() else { return self.discard() };
        self.host.forwarded_at.get_or_insert(self.host.now.tick);
        self.state = State::AtNode { pool };
        Next::Forward { pool }
    }

    fn chosen_pool(&self) -> Option<PoolId> {
        self.host.pool.or(self.virtual_server().pool)
    }

    fn begin_response_rules(&mut self) -> Next {
        // They stay: another try brings another answer.
        self.host.apply_edits();
        self.rules.begin(Stage::Response);
        self.state = State::ResponseRules;
        self.response_rules()
    }

    fn response_rules(&mut self) -> Next {
        match self.rules.go_on(&mut self.host) {
            RulesStep::Asked(ask) => return Next::Ask(ask),
            RulesStep::TimedOut { retry_after } => return self.queue_timed_out(retry_after),
            RulesStep::Over => {}
        }
        let end = self.host.end.take();
        if self.host.is_streaming() {
            return self.streamed(end.as_ref());
        }
        match end {
            Some(End::Respond(built)) => {
                self.origin = Origin::Rule;
                self.build(*built);
            }
            Some(End::Retry) => return self.ask_again(),
            Some(End::Close { data, reads_on }) => return self.close_with(data, reads_on),
            Some(End::Discard) => return self.discard(),
            Some(End::QueueRefused { retry_after }) => return self.queue_refused(retry_after),
            Some(End::Fault) => return self.rule_error(),
            Some(End::Pool | End::Complete) | None => {}
        }
        if self.host.has_own_answer && self.host.is_from_node && self.host.answer_is_cut() {
            return self.cut_in_rules();
        }
        let next = if self.host.has_own_answer { Next::Answer } else { Next::Deliver };
        self.state = State::Decided(next);
        next
    }

    fn rule_error(&mut self) -> Next {
        self.origin = Origin::Error("rule-error");
        self.answer_with(self.error_page(503, "This site cannot answer at the moment."))
    }

    fn queue_refused(&mut self, retry_after: core::time::Duration) -> Next {
        self.host.shared.counters().queue_refused.add_one();
        self.not_in_time(("queue-refused", outcome::TRY_LATER), retry_after)
    }

    fn queue_timed_out(&mut self, retry_after: core::time::Duration) -> Next {
        self.host.shared.counters().queue_timed_out.add_one();
        self.not_in_time(("queue-timeout", outcome::TRY_LATER), retry_after)
    }

    fn not_in_time(
        &mut self,
        (why, sentence): (&'static str, &str),
        retry_after: core::time::Duration,
    ) -> Next {
        let status = match self.virtual_server().queue_timeout_action {
            QueueTimeoutAction::ServiceUnavailable => 503,
            QueueTimeoutAction::TooManyRequests => 429,
            QueueTimeoutAction::Close => return self.discard(),
        };
        self.origin = Origin::Error(why);
        let mut page = self.error_page(status, sentence);
        page.fields.push(outcome::retry_after(retry_after));
        self.answer_with(page)
    }

    fn discard(&mut self) -> Next {
        self.host.shared.counters().discards.add_one();
        self.host.body.clear();
        self.origin = Origin::Nobody;
        self.state = State::Decided(Next::Close);
        Next::Close
    }

    /// An answer of our own that no response rule sees; what request rules wanted on the response is on it.
    fn answer_with(&mut self, built: Built) -> Next {
        if self.host.is_streaming() {
            return self.break_off();
        }
        self.build(built);
        self.host.apply_edits();
        self.rules.end_run();
        self.state = State::Decided(Next::Answer);
        Next::Answer
    }

    fn build(&mut self, built: Built) {
        self.host.shared.counters().responses_built.add_one();
        self.host.body = outcome::write_head(&mut self.host.response, built);
        self.host.unseal_marks();
        (self.host.has_own_answer, self.host.is_from_node) = (true, false);
    }
}

impl Host {
    /// The end of the wait of rules: `timeout` after bytes last moved, and before the whole has taken too long.
    pub(crate) fn set_deadline(&mut self) {
        let timeouts = self.settings.timeouts(&self.virtual_server().timeouts);
        let whole = timeouts.transaction.map_or(Tick::MAX, |length| self.arrived.tick.saturating_add(length));
        self.deadline = self.moved.tick.saturating_add(timeouts.idle).min(whole);
    }
}

impl Drop for Transaction {
    /// A connection that ends in the middle (a panic, a worker that stops) must not keep its place in a queue.
    fn drop(&mut self) {
        self.host.withdraw(RateResult::Left);
    }
}
