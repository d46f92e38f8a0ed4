//! A pool of nodes, as meant.

use super::read::said_choice;
use super::tls::NodeTls;
use crate::nodes::PoolLive;
use std::sync::Arc;
use std::time::Duration;

/// A named set of nodes that do the same work.
#[derive(Debug)]
pub struct Pool {
    /// The name in the catalog, and in `pool.use`.
    pub name: Arc<str>,
    /// The nodes, in the order written, without repeats; at least one.
    pub nodes: Vec<Node>,
    /// How a node is chosen.
    pub algorithm: Algorithm,
    /// The bandwidth class of what is written to the nodes, unless a rule sets another.
    pub bandwidth_class: Option<Arc<str>>,
    /// To establish a connection to a node; then another node is tried. Never zero.
    pub max_connect_time: Duration,
    /// From the end of the request to the response's first byte; then the request fails (or is tried elsewhere
    /// where that is safe). Never zero.
    pub max_reply_time: Duration,
    /// Idle connections kept open to each node, by all workers together, at most; 0 keeps none.
    pub max_idle_connections_pernode: u32,
    /// How long a node that refused is left alone. Zero never leaves one alone.
    pub node_fail_time: Duration,
    /// How the nodes are spoken to in TLS; `None`: in the clear.
    pub tls: Option<Arc<NodeTls>>,
    /// Whose turn it is, and how the nodes are; kept in step with `nodes`.
    pub(crate) live: PoolLive,
}

impl Pool {
    /// The node at this host, by letters of either case, and port.
    pub(crate) fn node_at(&self, host: &str, port: u16) -> Option<&Node> {
        self.nodes.iter().find(|node| node.port == port && node.host.eq_ignore_ascii_case(host))
    }
}

/// One server of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// A host name or an address, without brackets; names are resolved by the shell.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
    /// `host:port`, brackets around an IPv6 address; the name in logs.
    pub name: Arc<str>,
}

said_choice! {
    /// How a node of a pool is chosen.
    pub Algorithm {
        /// One after the other.
        RoundRobin = "round_robin",
    }
    later [
        "weighted_round_robin",
        "least_connections",
        "weighted_least_connections",
        "fastest_response_time",
        "perceptive",
        "random"
    ]
}
