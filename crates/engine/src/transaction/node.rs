//! What the shell asks while it has the request at a node: which node, how long, how often.

use super::Transaction;
use crate::catalog::{Node, Pool, PoolId};
use crate::error::{ErrorKind, TransactionError, is_idempotent};
use crate::nodes::NodeIndex;
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
    /// The node to try next, other than those of `tried`; `None` if there is none. As [`Pool::choose`], with what
    /// rules have asked for: the one node that they named, first the one that they prefer, last those that they avoid.
    pub fn choose_node(&self, pool: PoolId, tried: &[NodeIndex], now: Tick) -> Option<NodeIndex> {
        let settings = &self.host.settings;
        let pool = self.host.catalog.pool(pool);
        if let Some(named) = &settings.named {
            let index = pool.node_by_name(named.name.as_bytes()).unwrap_or(NodeIndex::NAMED);
            return tried.is_empty().then_some(index);
        }
        if settings.avoided.is_empty() && settings.preferred.is_none() {
            return pool.choose(tried, now);
        }
        let is_avoided = |index: &NodeIndex| settings.avoided.iter().any(|name| pool.is_called(*index, name));
        let preferred = settings.preferred.as_ref().and_then(|name| pool.node_called(name));
        if let Some(preferred) = preferred
            && !tried.contains(&preferred)
            && !is_avoided(&preferred)
            && pool.is_well(preferred)
        {
            return Some(preferred);
        }
        let mut passed_over = tried.to_vec();
        passed_over.extend(pool.indexes().filter(is_avoided));
        pool.choose(&passed_over, now).or_else(|| pool.choose(tried, now))
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
        let index = self.choose_node(pool, &[], now.tick)?;
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
