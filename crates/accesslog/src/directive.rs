//! What one place of a line holds.

use crate::strftime::TimePart;

/// One place of a line. The reader of lines and the writer both go by this list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Directive {
    /// Text that stands in every line.
    Literal(Box<[u8]>),
    /// `%a`, `%h`: names are never looked up, so both are the address.
    ClientAddress,
    /// `%{c}a`, `%{c}h`.
    PeerAddress,
    /// `%A`.
    LocalAddress,
    /// `%B`.
    BodyBytes,
    /// `%b`: as `%B`, but `-` for none.
    BodyBytesOrDash,
    /// `%{x}C`.
    Cookie(Box<str>),
    /// `%D`, `%T`, `%{ms}T`.
    Duration(TimeUnit),
    /// `%^FB`.
    FirstByteMicros,
    /// `%{x}e`.
    Environment(Box<str>),
    /// `%{x}i`.
    RequestField(Box<str>),
    /// `%{x}o`.
    ResponseField(Box<str>),
    /// `%{Content-Type}o`: Apache leaves its parameters out.
    ResponseContentType,
    /// `%k`.
    RequestsBefore,
    /// `%L`, `%{reqid}x`.
    RequestId,
    /// `%m`.
    Method,
    /// `%p`, `%{local}p`.
    LocalPort,
    /// `%{remote}p`.
    ClientPort,
    /// `%H`.
    Protocol,
    /// `%q`.
    Query,
    /// `%r`.
    RequestLine,
    /// `%s`.
    Status,
    /// `%t`, `%{...}t`.
    Time { of: Moment, shown: TimeShape },
    /// `%U`.
    Path,
    /// `%u`.
    User,
    /// `%v`.
    VirtualServer,
    /// `%V`: the Host as the client said it, without port.
    HostName,
    /// `%X`.
    ConnectionState,
    /// `%I`.
    BytesReceived,
    /// `%O`.
    BytesSent,
    /// `%S`.
    BytesBoth,
    /// `%{host}x`.
    Host,
    /// `%{class}x`.
    BandwidthClass,
    /// `%{rate_class}x`.
    RateClass,
    /// `%{verdict}x`.
    Verdict,
    /// `%{rule}x`.
    Rule,
    /// `%{context}x`.
    Context,
    /// `%{queue_ms}x`, `%{queue_us}x`.
    Queue(TimeUnit),
    /// `%{queue_place}x`.
    QueuePlace,
    /// `%{kind}x`.
    Kind,
    /// `%{pool}x`.
    Pool,
    /// `%{node}x`.
    Node,
    /// `%{marks}x`.
    Marks,
    /// `%{connection}x`.
    ConnectionId,
    /// `%{arrival_us}x`.
    ArrivalMicros,
    /// What no proxy can know; always `-`. The text says why.
    Unknowable(&'static str),
    /// `%{SSL_PROTOCOL}x`, `%{version}c` and their kin.
    Tls(TlsPart),
}

/// How a length of time is counted; the remainder is dropped, as Apache does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Seconds,
    Millis,
    Micros,
}

impl TimeUnit {
    pub(crate) const fn of_micros(self, micros: u64) -> u64 {
        match self {
            Self::Seconds => micros / 1_000_000,
            Self::Millis => micros / 1_000,
            Self::Micros => micros,
        }
    }
}

/// Which moment of the request a time is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Begin,
    End,
}

/// How a moment is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TimeShape {
    /// `[10/Oct/2000:13:55:36 -0700]`.
    Clf,
    EpochSeconds,
    EpochMillis,
    EpochMicros,
    /// The milliseconds of the second, three digits.
    MillisFraction,
    /// The microseconds of the second, six digits.
    MicrosFraction,
    Custom(Box<[TimePart]>),
}

/// One place, and for which statuses it is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) directive: Directive,
    /// `None`: always.
    pub(crate) only_for: Option<Statuses>,
    /// Where the directive stands in the text of the format, in bytes.
    pub(crate) at: usize,
    pub(crate) end: usize,
}

/// `%400,501{x}i`, `%!200,304{x}i`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statuses {
    pub(crate) listed: Box<[u16]>,
    /// With `!`: the place is filled for all others.
    pub(crate) all_but: bool,
}

impl Statuses {
    pub(crate) fn admit(&self, status: u16) -> bool {
        self.listed.contains(&status) != self.all_but
    }
}

/// A part of what a TLS handshake told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsPart {
    Protocol,
    Cipher,
    ServerName,
    /// `Resumed` or `Initial`.
    Session,
    /// `SUCCESS` or `NONE`.
    ClientVerify,
}
