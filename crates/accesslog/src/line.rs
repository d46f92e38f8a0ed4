//! What a line that is read says: borrowed from the line, three-valued where a format may be silent.

use std::net::IpAddr;

/// A text as it stands in a line, its escapes undone only when somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Text<'a> {
    /// As it stands in the line.
    pub raw: &'a [u8],
    /// How its special bytes are written there.
    pub escaping: Escaping,
}

/// How special bytes are written in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Escaping {
    /// As they are.
    None,
    /// `\xhh`, `\"`, `\\`, `\n`, `\t`, as Apache and nginx write them.
    Backslash,
    /// As in a JSON string.
    Json,
    /// `%hh`, so many times over (CloudFront writes it twice).
    Percent(u8),
    /// `+` for a blank (IIS).
    Plus,
}

/// What a line says of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said<T> {
    /// The format has no place for it: nobody can say.
    Unknown,
    /// There was none, or an empty one where the format cannot tell the two apart.
    Absent,
    /// This.
    Known(T),
}

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client<'a> {
    /// By address; IPv4 in IPv6 (`::ffff:1.2.3.4`) is IPv4.
    Address(IpAddr),
    /// By name, where a server looked names up.
    Name(&'a [u8]),
}

/// What one line says about one request and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// When the request arrived (or, by what the format logs, ended): microseconds since 1970, UTC.
    pub at_unix_micros: i64,
    /// Local time minus UTC in the log, in seconds.
    pub utc_offset_seconds: i32,
    /// Who asked.
    pub client: Client<'a>,
    /// The user who logged in.
    pub user: Option<Text<'a>>,
    /// The method; empty if the request was garbage.
    pub method: &'a [u8],
    /// The target as received: path with query, absolute URL, `*`; the whole request if it was garbage.
    pub target: Text<'a>,
    /// The protocol; empty for HTTP/0.9 and garbage.
    pub protocol: &'a [u8],
    /// The status of the answer; 0 if there was none.
    pub status: u16,
    /// Bytes sent; what is counted in them says [`Facts::bytes`](crate::Facts).
    pub bytes: Said<u64>,
    /// From arrival to the end of the answer, in microseconds.
    pub duration_micros: Said<u64>,
    /// The answer was broken off by the client (`%X`, 499).
    pub is_aborted: Said<bool>,
    /// The field Referer.
    pub referer: Said<Text<'a>>,
    /// The field User-Agent.
    pub user_agent: Said<Text<'a>>,
    /// The virtual server by its own name (`%v`).
    pub virtual_server: Said<Text<'a>>,
    /// The field Host as received.
    pub host: Said<Text<'a>>,
}

/// What a format can say at all, whatever its lines say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub struct Facts {
    /// What is counted in [`Line::bytes`].
    pub bytes: BytesMeaning,
    /// The smallest step between two times, in microseconds: 1,000,000 for Apache's `%t`.
    pub time_step_micros: u32,
    /// Whether lines say who referred.
    pub has_referer: bool,
    /// Whether lines say with what program.
    pub has_user_agent: bool,
    /// Whether lines say how long the answer took.
    pub has_duration: bool,
    /// Whether lines say for which virtual server or Host they are.
    pub has_host: bool,
}

/// What is counted as bytes sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesMeaning {
    /// The body as it was to be sent, also if the client broke off (Apache's `%b` and `%B`): an upper bound.
    BodyPromised,
    /// The body as it was sent (nginx, IIS, tidegate).
    BodySent,
    /// All that was sent, head included (`%O`, `$bytes_sent`).
    AllSent,
    /// The line looks alike for both (`combined`: Apache itself writes `%b`, Debian `%O`).
    Unclear,
    /// The format has none.
    None,
}

/// A line that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Where, in bytes from the start of the line.
    pub at: usize,
    /// What is wrong there, in lower case.
    pub why: &'static str,
}
