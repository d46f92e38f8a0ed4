//! What rules set for one transaction, beyond its heads: patience, attempts, nodes, marks on packets, the log.

use crate::catalog::{Node, Timeouts};
use core::time::Duration;
use message::{Known, RequestHead};
use shaping::Tick;
use shaping::Weight;
use std::net::SocketAddr;
use std::sync::Arc;
use trafficscript::ByteString;

/// All of it; what is `None` is as the catalog says.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// For the node's answer. Never zero.
    pub(crate) max_reply_time: Option<Duration>,
    /// Without any byte moving. Never zero.
    pub(crate) idle: Option<Duration>,
    /// For the whole.
    pub(crate) transaction: Limit,
    /// Nodes that are asked, at most; 0 for any number.
    pub(crate) attempts_max: u32,
    /// Nodes that may leave the request without an answer for too long, at most; 0 for any number.
    pub(crate) timed_out_max: Option<u32>,
    /// Whether doing it twice does no harm; else the method tells.
    pub(crate) is_idempotent: Option<bool>,
    /// Whether it gets a line in the access log.
    pub(crate) is_logged: Option<bool>,
    /// A rule has named the client's address, and nodes are to be told that one.
    pub(crate) has_client: bool,
    /// What a rule has said of that in the request's own fields.
    pub(crate) forwarding: Forwarding,
    /// The type-of-service byte of packets to the client, and to the node.
    pub(crate) mark_to_client: Option<u8>,
    pub(crate) mark_to_node: Option<u8>,
    /// What the transfers to the client, and to the node, count for in their bandwidth classes.
    pub(crate) response_weight: Weight,
    pub(crate) request_weight: Weight,
    /// Nodes that are asked only when nobody else is left.
    pub(crate) avoided: Vec<ByteString>,
    /// The node that is asked first.
    pub(crate) preferred: Option<ByteString>,
    /// The one node that is asked, member of the pool or not.
    pub(crate) named: Option<Box<Node>>,
}

/// Fields that tell a node of the client, and that a rule has written: `X-Forwarded-For` and kin. They go on as they
/// are; those of a client that nobody trusts do not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forwarding(u8);

impl Forwarding {
    const fn bit(known: Known) -> u8 {
        match known {
            Known::XForwardedFor => 1,
            Known::XForwardedProto => 2,
            Known::XForwardedHost => 4,
            Known::Forwarded => 8,
            _ => 0,
        }
    }

    /// Whether the field is one of them, and written by a rule.
    pub const fn has(self, known: Known) -> bool {
        self.0 & Self::bit(known) != 0
    }

    /// Whether a rule has written none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the field is one of them, and no rule has written it yet.
    pub(crate) const fn lacks(self, known: Known) -> bool {
        Self::bit(known) != 0 && !self.has(known)
    }

    /// A rule has written a field.
    pub(crate) fn note(&mut self, known: Known) {
        self.0 |= Self::bit(known);
    }
}

/// A limit of time that may be taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Limit {
    /// As the catalog says.
    #[default]
    Default,
    None,
    Of(Duration),
}

impl Settings {
    /// The virtual server's time-outs with what rules have made of them.
    pub(crate) fn timeouts(&self, timeouts: &Timeouts) -> Timeouts {
        Timeouts {
            idle: self.idle.unwrap_or(timeouts.idle),
            transaction: match self.transaction {
                Limit::Default => timeouts.transaction,
                Limit::None => None,
                Limit::Of(length) => Some(length),
            },
            ..*timeouts
        }
    }
}

/// The first line of a request before a rule changed it.
#[derive(Debug)]
pub(crate) struct AskedLine {
    pub(crate) method: Vec<u8>,
    pub(crate) target: Vec<u8>,
}

impl AskedLine {
    pub(crate) fn of(head: &RequestHead) -> Self {
        Self { method: head.method().to_vec(), target: head.target().to_vec() }
    }
}

/// A node that has the request, and both ends of the connection to it.
#[derive(Clone, Debug)]
pub struct NodeEnds {
    /// `host:port`, as in the catalog.
    pub name: Arc<str>,
    /// Our end; `None` if the connection has none that can be named.
    pub local: Option<SocketAddr>,
    /// The node's end.
    pub remote: Option<SocketAddr>,
}

/// A node that has answered.
#[derive(Clone, Debug)]
pub(crate) struct NodeAnswered {
    pub(crate) ends: NodeEnds,
    pub(crate) at: Tick,
}
