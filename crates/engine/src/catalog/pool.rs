//! A pool of nodes, as meant.

pub(crate) mod check;
pub(crate) mod said;

use super::PoolId;
use super::monitor::MonitorId;
use super::read::said_choice;
use super::tls::NodeTls;
use crate::nodes::PoolLive;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use said::{HashByWord, NodeUse};

/// A named set of nodes that do the same work.
#[derive(Debug)]
pub struct Pool {
    /// The name in the catalog, and in `pool.use`.
    pub name: Arc<str>,
    /// The nodes, in the order written, without repeats; at least one.
    pub nodes: Vec<Node>,
    /// What is said of each of them here; as many.
    pub members: Vec<Member>,
    /// How a node is chosen.
    pub balance: Balance,
    /// When a node is left alone for the answers that it gives.
    pub ejection: Ejection,
    /// How many requests may be at a node, and wait for one.
    pub room: Room,
    /// How often requests may be sent to another node.
    pub retries: Retries,
    /// Where requests go when no node is well.
    pub failure_pool: Option<PoolId>,
    /// Who looks whether the nodes are well.
    pub monitors: Vec<MonitorId>,
    /// How long a node that is new or well again has less than its share; zero gives it all at once.
    pub slow_start: Duration,
    /// The bandwidth class of what is written to the nodes, unless a rule sets another.
    pub bandwidth_class: Option<Arc<str>>,
    /// To establish a connection to a node; then another node is tried. Never zero.
    pub max_connect_time: Duration,
    /// From the end of the request to the response's first byte; then the request fails (or is tried elsewhere
    /// where that is safe). Never zero.
    pub max_reply_time: Duration,
    /// Who waits when an answer is slowed.
    pub slow_answers: SlowAnswers,
    /// Idle connections kept open to each node, by all workers together, at most; 0 keeps none.
    pub max_idle_connections_pernode: u32,
    /// How long a node that refused is left alone. Zero never leaves one alone.
    pub node_fail_time: Duration,
    /// How the nodes are spoken to in TLS; `None`: in the clear.
    pub tls: Option<Arc<NodeTls>>,
    /// How each connection to a node begins.
    pub proxy_protocol: ProxyHeader,
    /// Whether the nodes are asked in HTTP/2: over TLS where the handshake agrees on it, in the clear at once.
    pub http2: bool,
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

/// A node's place in one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its share against the others', where the algorithm looks at it; 1 to 100.
    pub weight: u32,
    /// Nodes of a higher priority are asked first.
    pub priority: u32,
    /// What the operator wants of it.
    pub state: NodeWish,
}

impl Default for Member {
    fn default() -> Self {
        Self { weight: 1, priority: 1, state: NodeWish::Active }
    }
}

said_choice! {
    /// What the operator wants of a node.
    pub NodeWish {
        /// It gets requests.
        Active = "active",
        /// It gets only requests that a rule sends to it by name; what is under way finishes.
        Draining = "draining",
        /// It gets none.
        Disabled = "disabled",
    }
}

/// How a node is chosen.
#[derive(Clone, Debug)]
pub struct Balance {
    /// The way.
    pub algorithm: Algorithm,
    /// What requests for the same node have in common, for [`Algorithm::ConsistentHash`].
    pub hash_by: HashBy,
    /// How much more than its share a node may be given by its hash, in hundredths, at least 100; 0: no bound.
    pub hash_balance_percent: u32,
    /// Nodes of a lower priority are asked when fewer than so many of the higher ones are well; at least 1.
    pub priority_nodes: u32,
}

impl Default for Balance {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::RoundRobin,
            hash_by: HashBy::ClientAddress,
            hash_balance_percent: 150,
            priority_nodes: 1,
        }
    }
}

/// What a hash is made of. Where a request lacks it, the client's address is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashBy {
    /// The client's address.
    ClientAddress,
    /// Path and query.
    Url,
    /// The path alone.
    Path,
    /// The Host that the client named.
    Host,
    /// A field of the request.
    Header(Box<[u8]>),
    /// A cookie of the request.
    Cookie(Box<[u8]>),
}

/// When a node is left alone for the answers that it gives.
#[derive(Clone, Copy, Debug)]
pub struct Ejection {
    /// Bad answers in a row; 0: never.
    pub errors: u32,
    /// What a bad answer is.
    pub errors_are: EjectOn,
    /// For how long the first time; each time in a row so much longer. Never zero.
    pub time: Duration,
    /// For how long at the most.
    pub time_max: Duration,
    /// Nodes of the pool that may be left alone so at once, in hundredths.
    pub percent_max: u32,
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            errors: 5,
            errors_are: EjectOn::GatewayErrors,
            time: Duration::from_secs(30),
            time_max: Duration::from_mins(5),
            percent_max: 50,
        }
    }
}

said_choice! {
    /// What becomes of an answer that a bandwidth class slows.
    pub SlowAnswers {
        /// It is taken off the node as fast as it comes, and waits in a file.
        Spool = "spool",
        /// The node waits, with what its socket holds.
        Backpressure = "backpressure",
    }
}

said_choice! {
    /// The PROXY header that connections to nodes begin with; it names the client.
    pub ProxyHeader {
        /// None.
        Off = "off",
        /// Version 1, a line of text.
        V1 = "v1",
        /// Version 2, in bytes.
        V2 = "v2",
    }
}

said_choice! {
    /// What counts as a bad answer of a node.
    pub EjectOn {
        /// That it could not be connected to, did not answer in time, broke off or sent what is no HTTP.
        Failures = "failures",
        /// These, and answers with 502, 503 or 504.
        GatewayErrors = "gateway_errors",
        /// These, and every answer with a status from 500 on.
        ServerErrors = "server_errors",
    }
}

/// How many requests may be at a node, and wait for one.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Requests under way at each node; 0: any number.
    pub connections_max: u32,
    /// Requests that wait; never 0.
    pub queue_max: u32,
    /// How long one waits; zero: not at all.
    pub queue_timeout: Duration,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            connections_max: 0,
            queue_max: crate::limits::NODE_QUEUE_MAX,
            queue_timeout: Duration::from_secs(10),
        }
    }
}

/// How often requests may be sent to another node: so many of a hundred requests, and so many in a second besides.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// Of a hundred requests.
    pub percent: u32,
    /// In each second, however few requests there are.
    pub per_second_min: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Self { percent: 20, per_second_min: 10 }
    }
}

said_choice! {
    /// How a node of a pool is chosen.
    pub Algorithm {
        /// One after the other.
        RoundRobin = "round_robin",
        /// One after the other, each as often as its weight says, evenly spread.
        WeightedRoundRobin = "weighted_round_robin",
        /// The one with the fewest requests under way.
        LeastConnections = "least_connections",
        /// The same, measured by the weights.
        WeightedLeastConnections = "weighted_least_connections",
        /// The one that has answered fastest of late.
        FastestResponseTime = "fastest_response_time",
        /// The one that will answer soonest, by how fast it was of late and how much is under way at it.
        Perceptive = "perceptive",
        /// Any, as often as its weight says.
        Random = "random",
        /// The one with fewer requests under way out of two that are drawn.
        PowerOfTwo = "power_of_two",
        /// The same for the same client, address or whatever `hash_by` names.
        ConsistentHash = "consistent_hash",
    }
}
