//! What our own formats say beyond all others: enough to decide the same once more.

use std::net::IpAddr;

use crate::entry::ConnectionState;
use crate::line::{Client, Said};
use crate::number::decimal;
use crate::slots::{SlotName, Slots};
use crate::text::Text;

/// What only our own formats `tidegate` and `json`, or a `LogFormat` with their letters, say of a request.
///
/// Times are in microseconds. [`Said::Unknown`] stands for everything that a format leaves out.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// From arrival to the first byte of the answer; absent if none was sent.
    pub first_byte_micros: Said<u64>,
    /// Bytes of body that were sent.
    pub body_bytes: Said<u64>,
    /// All bytes that were sent, head included.
    pub bytes_sent: Said<u64>,
    /// All bytes that were received, head included.
    pub bytes_received: Said<u64>,
    /// The Host field as received.
    pub host: Said<Text<'a>>,
    /// Number of the client connection, unique within a run.
    pub connection_id: Said<u64>,
    /// How many requests the connection had carried before this one.
    pub requests_before: Said<u64>,
    /// How the connection stood when the answer ended.
    pub connection_state: Said<ConnectionState>,
    /// The socket's own peer.
    pub peer: Said<IpAddr>,
    /// The port of the client.
    pub client_port: Said<u16>,
    /// How the visitor came to ask.
    pub kind: Said<Text<'a>>,
    /// The marks of the client.
    pub marks: Said<Text<'a>>,
    /// What was decided, in one word.
    pub verdict: Said<Text<'a>>,
    /// The rule, with its line, that decided.
    pub rule: Said<Text<'a>>,
    /// The bandwidth class.
    pub bandwidth_class: Said<Text<'a>>,
    /// The rate class.
    pub rate_class: Said<Text<'a>>,
    /// The context within it.
    pub context: Said<Text<'a>>,
    /// Time held back in rate classes.
    pub queue_micros: Said<u64>,
    /// Place in the queue on entering, counted from 1; absent if the request did not wait.
    pub queue_place: Said<u64>,
    /// The pool that was chosen.
    pub pool: Said<Text<'a>>,
    /// The node that answered.
    pub node: Said<Text<'a>>,
    /// Identity of the request.
    pub request_id: Said<Text<'a>>,
}

/// The values of [`Own`], by which a format names their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnKey {
    FirstByteMicros,
    BodyBytes,
    BytesSent,
    BytesReceived,
    Host,
    ConnectionId,
    RequestsBefore,
    /// As `RequestsBefore`, but counted from 1.
    RequestsOn,
    ConnectionState,
    Peer,
    ClientPort,
    Kind,
    Marks,
    Verdict,
    Rule,
    BandwidthClass,
    RateClass,
    Context,
    QueueMicros,
    QueueMillis,
    QueuePlace,
    Pool,
    Node,
    RequestId,
}

impl OwnKey {
    /// Whether nobody else writes such a value.
    pub(crate) const fn is_only_ours(self) -> bool {
        !matches!(
            self,
            Self::FirstByteMicros
                | Self::BodyBytes
                | Self::BytesSent
                | Self::BytesReceived
                | Self::RequestsBefore
                | Self::RequestsOn
                | Self::ConnectionId
                | Self::ConnectionState
                | Self::Peer
                | Self::ClientPort
                | Self::RequestId
        )
    }
}

impl<'a> Own<'a> {
    /// Of a format that has no place for any of it.
    const UNKNOWN: Self = Self {
        first_byte_micros: Said::Unknown,
        body_bytes: Said::Unknown,
        bytes_sent: Said::Unknown,
        bytes_received: Said::Unknown,
        host: Said::Unknown,
        connection_id: Said::Unknown,
        requests_before: Said::Unknown,
        connection_state: Said::Unknown,
        peer: Said::Unknown,
        client_port: Said::Unknown,
        kind: Said::Unknown,
        marks: Said::Unknown,
        verdict: Said::Unknown,
        rule: Said::Unknown,
        bandwidth_class: Said::Unknown,
        rate_class: Said::Unknown,
        context: Said::Unknown,
        queue_micros: Said::Unknown,
        queue_place: Said::Unknown,
        pool: Said::Unknown,
        node: Said::Unknown,
        request_id: Said::Unknown,
    };

    pub(crate) fn of(slots: &Slots<'a>) -> Self {
        // Nearly all formats: looking for each value in vain would take a tenth of a replay.
        if !slots.names.iter().any(|name| matches!(name, SlotName::Own(_))) {
            return Self::UNKNOWN;
        }
        let text = |key| slots.own(key);
        let number = |key| read(slots.own(key), decimal);
        Self {
            first_byte_micros: number(OwnKey::FirstByteMicros),
            body_bytes: dash_is_zero(number(OwnKey::BodyBytes)),
            bytes_sent: dash_is_zero(number(OwnKey::BytesSent)),
            bytes_received: number(OwnKey::BytesReceived),
            host: text(OwnKey::Host),
            connection_id: number(OwnKey::ConnectionId),
            requests_before: match number(OwnKey::RequestsBefore) {
                Said::Unknown => map(number(OwnKey::RequestsOn), |on| on.saturating_sub(1)),
                before => before,
            },
            connection_state: read(text(OwnKey::ConnectionState), connection_state),
            peer: read(text(OwnKey::Peer), |raw| match crate::address::client(raw) {
                Client::Address(address) => Some(address),
                Client::Name(_) => None,
            }),
            client_port: read(text(OwnKey::ClientPort), |raw| decimal(raw)?.try_into().ok()),
            kind: text(OwnKey::Kind),
            marks: text(OwnKey::Marks),
            verdict: text(OwnKey::Verdict),
            rule: text(OwnKey::Rule),
            bandwidth_class: text(OwnKey::BandwidthClass),
            rate_class: text(OwnKey::RateClass),
            context: text(OwnKey::Context),
            queue_micros: match number(OwnKey::QueueMicros) {
                Said::Unknown => map(number(OwnKey::QueueMillis), |millis| millis.saturating_mul(1_000)),
                micros => micros,
            },
            queue_place: number(OwnKey::QueuePlace),
            pool: text(OwnKey::Pool),
            node: text(OwnKey::Node),
            request_id: text(OwnKey::RequestId),
        }
    }
}

/// A value that is written in another way than its writer writes it is unknown.
fn read<T>(said: Said<Text<'_>>, parse: impl Fn(&[u8]) -> Option<T>) -> Said<T> {
    match said {
        Said::Known(text) => parse(text.raw).map_or(Said::Unknown, Said::Known),
        Said::Absent => Said::Absent,
        Said::Unknown => Said::Unknown,
    }
}

fn map<T>(said: Said<T>, change: impl Fn(T) -> T) -> Said<T> {
    match said {
        Said::Known(value) => Said::Known(change(value)),
        other => other,
    }
}

fn dash_is_zero(said: Said<u64>) -> Said<u64> {
    if said == Said::Absent { Said::Known(0) } else { said }
}

/// Apache's letter, or the word of `json`.
pub(crate) fn connection_state(raw: &[u8]) -> Option<ConnectionState> {
    match raw {
        b"X" | b"aborted" => Some(ConnectionState::Aborted),
        b"+" | b"kept_alive" => Some(ConnectionState::KeptAlive),
        b"-" | b"closed" => Some(ConnectionState::Closed),
        _ => None,
    }
}
