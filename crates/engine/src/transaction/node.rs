//! What the shell asks while it has the request at a node: which node, how long, how often.

use super::Transaction;
use crate::catalog::{Algorithm, HashBy, Node, Pool, PoolId};
use crate::error::{ErrorKind, TransactionError, is_idempotent};
use crate::nodes::{Asking, Choice, NodeIndex, Observed, Turn, hash};
use crate::request_id::RequestName;
use crate::settings::{Forwarding, NodeEnds};
use crate::time::Now;
use core::time::Duration;
use shaping::Tick;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Our port towards nodes where there are no sockets.
const REHEARSED_PORT: u16 = 40_000;

/// How often the request has been sent to nodes in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    made: u32,
    timed_out: u32,
}

impl Attempts {
    /// One more.
    pub fn count(&mut self, failure: TransactionError) {
        self.made = self.made.saturating_add(1);
        if failure.kind == ErrorKind::NodeTimeout {
            self.timed_out = self.timed_out.saturating_add(1);
        }
    }
}

impl Transaction {
    /// The node to try next, other than those of `tried`; the request is entered there. As [`Pool::choose`], with what
    /// rules have asked for: the one node that they named, first the one that they prefer, last those that they avoid.
    /// A node that is draining is asked if a rule names or prefers it, one that is disabled never.
    pub fn choose_node(&self, pool: PoolId, tried: &[NodeIndex], turn: Turn, now: Tick) -> Choice {
        let settings = &self.host.settings;
        let pool = self.host.catalog.pool(pool);
        let is_disabled = |index: NodeIndex| pool.condition(index, now) == Observed::Disabled;
        if let Some(named) = &settings.named {
            return match pool.node_by_name(named.name.as_bytes()) {
                _ if !tried.is_empty() => Choice::Nobody,
                None => Choice::Node(NodeIndex::NAMED, None),
                Some(index) if is_disabled(index) => Choice::Nobody,
                Some(index) => match pool.enter(index, now) {
                    Some(in_flight) => Choice::Node(index, Some(in_flight)),
                    None => Choice::Full,
                },
            };
        }
        let asking = self.asking(pool, tried, turn);
        if settings.avoided.is_empty() && settings.preferred.is_none() {
            return pool.choose(tried, asking, now);
        }
        let is_avoided = |index: &NodeIndex| settings.avoided.iter().any(|name| pool.is_called(*index, name));
        let preferred = settings.preferred.as_ref().and_then(|name| pool.node_called(name));
        if let Some(preferred) = preferred
            && !tried.contains(&preferred)
            && !is_avoided(&preferred)
            && pool.is_well(preferred, now)
            && !is_disabled(preferred)
            && let Some(in_flight) = pool.enter(preferred, now)
        {
            return Choice::Node(preferred, Some(in_flight));
        }
        let mut passed_over = tried.to_vec();
        passed_over.extend(pool.indexes().filter(is_avoided));
        match pool.choose(&passed_over, asking, now) {
            Choice::Nobody => pool.choose(tried, asking, now),
            choice => choice,
        }
    }

    /// The pool that the request goes to: the one chosen, or the one that stands in for it while no node of it is well.
    pub fn pool_in_service(&self, chosen: PoolId, now: Tick) -> PoolId {
        let mut id = chosen;
        // Failure pools lead nowhere in a circle; where all are down, the last one is asked.
        while let pool = self.host.catalog.pool(id)
            && self.host.settings.named.is_none()
            && let Some(next) = pool.failure_pool
            && pool.is_down(now)
        {
            pool.counters().failed_over.add_one();
            id = next;
        }
        id
    }

    /// What the choice of a node goes by. Drawn from the request's identity, so that a replay draws the same.
    fn asking(&self, pool: &Pool, tried: &[NodeIndex], turn: Turn) -> Asking {
        let random = match pool.balance.algorithm {
            Algorithm::Random | Algorithm::PowerOfTwo => {
                hash::mix(self.host.arrival.id.0 ^ tried.len() as u64)
            }
            _ => 0,
        };
        let key = match pool.balance.algorithm {
            Algorithm::ConsistentHash => self.key(&pool.balance.hash_by),
            _ => 0,
        };
        Asking { random, key, turn }
    }

    fn key(&self, by: &HashBy) -> u64 {
        let request = &self.host.request;
        let part = match by {
            HashBy::ClientAddress => None,
            HashBy::Url => Some(request.target()),
            HashBy::Path => Some(request.path()),
            HashBy::Host => request.host(),
            HashBy::Header(name) => request.fields().get(name),
            HashBy::Cookie(name) => request.fields().cookie(name),
        };
        match (part, self.host.arrival.client) {
            (Some(part), _) => hash::hash(part),
            (None, IpAddr::V4(address)) => hash::hash(&address.octets()),
            (None, IpAddr::V6(address)) => hash::hash(&address.octets()),
        }
    }

    /// A node by what [`Self::choose_node`] gave.
    pub fn node<'a>(&'a self, pool: &'a Pool, index: NodeIndex) -> Option<&'a Node> {
        match index {
            NodeIndex::NAMED => self.host.settings.named.as_deref(),
            index => pool.nodes.get(index.index()),
        }
    }

    /// Whether another node may be tried after a failure, by what has been sent, by the method, and by what rules
    /// have set. Sending again what took too long is up to them: as long as no rule allows it, it is not done.
    pub fn may_retry(&self, failure: TransactionError, attempts: Attempts) -> bool {
        let settings = &self.host.settings;
        if settings.attempts_max != 0 && attempts.made >= settings.attempts_max {
            return false;
        }
        if failure.kind == ErrorKind::NodeTimeout {
            let is_allowed = match settings.timed_out_max {
                None => false,
                Some(0) => true,
                Some(most) => attempts.timed_out < most,
            };
            return is_allowed && failure.may_repeat(self.is_idempotent());
        }
        failure.may_retry(self.is_idempotent())
    }

    /// Whether sending the request twice does no harm: as a rule has said, or by its method.
    pub fn is_idempotent(&self) -> bool {
        self.host.is_idempotent()
    }

    /// How long a node of this pool may take to answer.
    pub fn max_reply_time(&self, pool: &Pool) -> Duration {
        self.host.settings.max_reply_time.unwrap_or(pool.max_reply_time)
    }

    /// How long nothing may move.
    pub fn patience(&self) -> Duration {
        self.host.settings.idle.unwrap_or(self.virtual_server().timeouts.idle)
    }

    /// When it must be over; [`Tick::MAX`] if nothing limits it.
    pub fn ends_by(&self) -> Tick {
        let limit = self.host.settings.timeouts(&self.virtual_server().timeouts).transaction;
        limit.map_or(Tick::MAX, |limit| self.host.arrived.tick.saturating_add(limit))
    }

    /// The Host that the client sent, whatever rules made of it; `None` where it sent none.
    pub fn asked_host(&self) -> Option<&[u8]> {
        match &self.host.asked_name {
            Some(asked) => Some(&**asked).filter(|asked| !asked.is_empty()),
            None => self.host.request.host(),
        }
    }

    /// What rules have written of the client into the request's fields.
    pub fn forwarding(&self) -> Forwarding {
        self.host.settings.forwarding
    }

    /// What the request is called, everywhere: `ours` holds the name if it is made here.
    #[inline]
    pub fn request_name<'a>(&'a self, ours: &'a mut Option<RequestName>) -> &'a [u8] {
        self.host.request_name(ours)
    }

    /// The client's address: after trusted proxies, or as a rule has named it.
    pub fn client(&self) -> IpAddr {
        self.host.arrival.client.to_canonical()
    }

    /// The client's address, where a rule has named another one than the connection tells.
    pub fn named_client(&self) -> Option<IpAddr> {
        self.host.settings.has_client.then_some(self.host.arrival.client)
    }

    /// The type-of-service byte that packets to the client are to have; `None`: as the system has it.
    pub fn mark_to_client(&self) -> Option<u8> {
        self.host.settings.mark_to_client
    }

    /// The type-of-service byte that packets to the node are to have.
    pub fn mark_to_node(&self) -> Option<u8> {
        self.host.settings.mark_to_node
    }

    /// Whether it is to be logged: there is a log, and no rule has excluded it.
    pub fn is_logged(&self) -> bool {
        self.host.is_logged()
    }

    /// Whether any rule runs from here on that could ask for the ends of the connection to the node; finding them
    /// out costs.
    pub fn may_ask_for_ends(&self) -> bool {
        !self.virtual_server().response_rules.is_empty() || self.has_completion_rules()
    }

    /// As [`Self::reached`] without a connection, for whoever drives rules in virtual time: a node is chosen, its
    /// address is what the catalog says, and our end is the client's side with a made-up port. Gives the node's name.
    pub fn reach_in_thought(&mut self, pool: PoolId, now: Now) -> Option<Arc<str>> {
        let pool = self.pool_in_service(pool, now.tick);
        let Choice::Node(index, _) = self.choose_node(pool, &[], Turn::First, now.tick) else { return None };
        let node = self.node(self.host.catalog.pool(pool), index)?;
        let name = Arc::clone(&node.name);
        let remote = node.host.parse().ok().map(|address: IpAddr| SocketAddr::new(address, node.port));
        let local = SocketAddr::new(self.host.connection.facts().local.ip(), REHEARSED_PORT);
        self.reached(NodeEnds { name: Arc::clone(&name), local: Some(local), remote }, now.tick);
        Some(name)
    }

    /// Which node the answer comes from; to be told before [`Self::response_received`].
    pub fn reached(&mut self, ends: NodeEnds, now: Tick) {
        self.host.node = Some(crate::settings::NodeAnswered { ends, at: now });
    }
}

impl super::Host {
    pub(crate) fn is_idempotent(&self) -> bool {
        self.settings.is_idempotent.unwrap_or_else(|| is_idempotent(self.request.method()))
    }

    pub(crate) fn is_logged(&self) -> bool {
        self.virtual_server().access_log.is_some() && self.settings.is_logged.unwrap_or(true)
    }
}
