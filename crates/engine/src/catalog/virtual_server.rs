//! A virtual server, as meant: where clients connect, and what is done with their requests.

use super::htaccess::Htaccess;
use super::marks::{CookieCaching, Marks};
use super::read::said_choice;
use super::rules::Rule;
use super::tls::ServerTls;
use super::{GuardId, PoolId, ProtectionId};
use crate::connection::ConnectionFacts;

use crate::counters::RuleCounters;
use crate::error_pages::ErrorPages;
use ipnet::IpNet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use trafficscript::RunLimits;

/// Where clients connect: addresses, host names, rules and the pool that gets what the rules leave alone.
#[derive(Debug)]
pub struct VirtualServer {
    /// The name in the catalog; appears in logs and messages.
    pub name: Arc<str>,
    /// The addresses it listens on, without repeats; at least one.
    pub listen: Vec<SocketAddr>,
    /// The host names it answers to; none means that it is the default of its addresses.
    pub hosts: Vec<HostPattern>,
    /// What clients speak.
    pub protocol: Protocol,
    /// How they speak TLS; `Some` where `protocol` is [`Protocol::Https`].
    pub tls: Option<Arc<ServerTls>>,
    /// Requests that no rule answers or sends to a pool are answered with their own address under `https://`.
    pub redirect_to_https: bool,
    /// The pool of requests for which no rule chose one; `None` discards them (`pool = "discard"`).
    pub pool: Option<PoolId>,
    /// The rules that run on a request, in order; disabled ones are in the list.
    pub request_rules: Vec<Attachment>,
    /// The rules that run on a response, in order; disabled ones are in the list.
    pub response_rules: Vec<Attachment>,
    /// The rules that run when a transaction is over, in order; disabled ones are in the list.
    pub completion_rules: Vec<Attachment>,
    /// The `.htaccess` files that are asked behind the request rules.
    pub htaccess: Option<Arc<Htaccess>>,
    /// The bandwidth class of what is written to clients, unless a rule sets another.
    pub bandwidth_class: Option<Arc<str>>,
    /// What happens to a transaction in which a rule came to grief.
    pub on_rule_error: OnRuleError,
    /// What happens to a request whose wait in a rate class is over before its turn came.
    pub queue_timeout_action: QueueTimeoutAction,
    /// Where and how each transaction is logged; `None` logs nothing.
    pub access_log: Option<AccessLog>,
    /// Whether requests and responses get a Via field.
    pub via: bool,
    /// Peers whose `X-Forwarded-*` fields are believed and extended; those of others are replaced.
    pub trusted_proxies: Vec<IpNet>,
    /// Peers that begin their connections with a PROXY header.
    pub proxy_protocol: Vec<IpNet>,
    /// Which field of trusted proxies names the client.
    pub client_address_from: ClientAddressFrom,
    /// Whether nodes get a Forwarded field (RFC 7239) besides `X-Forwarded-*`.
    pub forwarded: bool,
    /// How requests are named to nodes and clients.
    pub request_id: RequestIds,
    /// What clients are told when there is no answer.
    pub error_pages: ErrorPages,
    /// Who is served at all.
    pub protection: Option<ProtectionId>,
    /// Who watches the sites that send visitors.
    pub guard: Option<GuardId>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Bytes of a request's head (request line and fields), at most; a longer one is refused with 431.
    pub max_request_head: usize,
    /// Fields of a request's head, at most; more are refused with 431.
    pub max_fields: usize,
    /// Bytes of a body that are held for a rule that reads it, at most; of a longer one it gets so many.
    pub max_body_buffer: usize,
    /// The cookies that are marks.
    pub marks: Marks,
    /// What becomes of an answer's Cache-Control when a rule sets a cookie on it.
    pub cookie_caching: CookieCaching,
    /// HTTP/2 with clients.
    pub http2: Http2,
}

/// HTTP/2 with clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2 {
    /// Whether it is spoken at all.
    pub enabled: bool,
    /// Whether it is spoken without TLS, with clients that begin with it.
    pub cleartext: bool,
    /// Streams of one connection that may be under way.
    pub max_concurrent_streams: u32,
    /// Bytes of a body that a client may send before it is wanted.
    pub stream_window: u32,
}

impl Default for Http2 {
    fn default() -> Self {
        Self { enabled: true, cleartext: true, max_concurrent_streams: 100, stream_window: 16 * 1024 }
    }
}

impl VirtualServer {
    /// Whether the peer's `X-Forwarded-*` fields are to be believed.
    pub fn trusts(&self, peer: std::net::IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&peer))
    }

    /// Whether requests for it may come over a connection with these facts. A client that asked for another name in its
    /// handshake has perhaps not shown what is asked for here; it must come again, on a connection of its own.
    pub fn takes(&self, facts: &ConnectionFacts) -> bool {
        let (Some(ours), Some(tls)) = (&self.tls, &facts.tls) else { return true };
        let Some(made_for) = &tls.settings else { return true };
        Arc::ptr_eq(ours, made_for) || ours.is_satisfied_by(made_for, tls.version)
    }

    /// Whether the peer's connections begin with a PROXY header.
    pub fn expects_proxy_header(&self, peer: std::net::IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.proxy_protocol.iter().any(|network| network.contains(&peer))
    }

    /// What it is called where a request names no host: its first host name, else its address.
    pub(crate) fn first_host(&self) -> String {
        match self.hosts.first() {
            Some(HostPattern::Exact(name) | HostPattern::Below(name)) => name.to_string(),
            None => self.listen.first().map_or(String::new(), |listen| listen.ip().to_string()),
        }
    }
}

/// How requests are named to nodes and clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestIds {
    /// The field with the id, in requests to nodes and in errors to clients; `None`: there is none.
    pub header: Option<Box<str>>,
    /// Whether the ids of trusted proxies are taken over.
    pub accept: bool,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self { header: Some("X-Request-ID".into()), accept: false }
    }
}

/// How long the parts of a client's connection may take. None is zero; each is at most a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the connection (or the first byte of a later request) to the end of the request's head.
    pub connect: Duration,
    /// Without any byte moving while a request or response is under way, rules that wait included.
    pub idle: Duration,
    /// Between the end of a response and the first byte of the next request on the connection.
    pub keepalive: Duration,
    /// Without a client taking any byte that could be written to it.
    pub send: Duration,
    /// Bytes a second that a client has to send of a body; 0 for any number.
    pub min_body_rate: u32,
    /// From a request's first byte to its response's last; `None` sets no such limit.
    pub transaction: Option<Duration>,
}

/// A host name that a virtual server answers to; lower case, without port and trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// This name only.
    Exact(Arc<str>),
    /// Every name below this one, at any depth, but not the name itself; written `*.example.com`.
    Below(Arc<str>),
}

impl HostPattern {
    /// Whether it stands for this host name: without port, letters of either case.
    pub fn holds(&self, host: &[u8]) -> bool {
        match self {
            Self::Exact(name) => host.eq_ignore_ascii_case(name.as_bytes()),
            Self::Below(name) => {
                let before = host.len().checked_sub(name.len());
                let parts = before.and_then(|before| host.split_at_checked(before));
                parts.is_some_and(|(before, end)| {
                    before.len() > 1 && before.ends_with(b".") && end.eq_ignore_ascii_case(name.as_bytes())
                })
            }
        }
    }
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

/// A rule in the list of a virtual server.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The rule, compiled for the stage of the list.
    pub rule: Arc<Rule>,
    /// A rule that is not enabled is compiled and never run.
    pub enabled: bool,
    /// How often it runs.
    pub run: RunFrequency,
    /// Whether what it decides is done.
    pub mode: Mode,
    /// What one run of it may use up.
    pub limits: RunLimits,
    /// What is counted of the rule, wherever it is attached; see [`crate::Shared::rule_counters`].
    pub counters: Arc<RuleCounters>,
}

/// Where and how transactions are logged.
#[derive(Clone, Debug)]
pub struct AccessLog {
    /// Where lines go.
    pub destination: Destination,
    /// What a line looks like.
    pub format: Arc<accesslog::Format>,
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Appended to this file. A relative path of the catalog stands here joined to the catalog's folder.
    File(PathBuf),
    /// Standard output, written `-`.
    Stdout,
    /// Standard error, written `stderr`.
    Stderr,
}

said_choice! {
    /// What clients speak to a virtual server.
    pub Protocol {
        /// HTTP/1.1 (and 1.0), in the clear.
        Http = "http",
        /// The same under TLS.
        Https = "https",
    }
    later ["ftp", "client_first", "server_first", "stream"]
}

said_choice! {
    /// Which field of trusted proxies is believed. The others may have come from a client, and passed through.
    pub ClientAddressFrom {
        /// `X-Forwarded-For`, with `X-Forwarded-Proto` and `X-Forwarded-Host`.
        XForwardedFor = "x-forwarded-for",
        /// `Forwarded` (RFC 7239).
        Forwarded = "forwarded",
    }
}

said_choice! {
    /// What happens to a transaction in which a rule came to grief (ran out of fuel, asked for the impossible).
    /// In each case the fault is counted and logged.
    pub OnRuleError {
        /// The rule ends and the next one runs: protection never takes the site down.
        Next = "next",
        /// The connection is closed without an answer.
        Close = "close",
        /// The client gets 503 Service Unavailable.
        ServiceUnavailable = "503",
    }
}

said_choice! {
    /// What happens to a request that a rate class cannot serve in time: its wait is over before its turn came, or the
    /// queue is full or too slow when it comes.
    pub QueueTimeoutAction {
        /// The client gets 503 Service Unavailable with a Retry-After.
        ServiceUnavailable = "503",
        /// The client gets 429 Too Many Requests with a Retry-After.
        TooManyRequests = "429",
        /// The connection is closed without an answer.
        Close = "close",
    }
}

said_choice! {
    /// How often a rule runs.
    pub RunFrequency {
        /// On every request (or response).
        Every = "every",
        /// On the first one of each connection only.
        First = "first",
    }
}

said_choice! {
    /// Whether what a rule decides is done.
    pub Mode {
        /// It is done.
        Enforce = "enforce",
        /// It is decided, logged and counted as if it were done, and nobody waits or is changed by it.
        Observe = "observe",
    }
}
