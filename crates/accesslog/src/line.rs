//! What a line that is read says: borrowed from the line, three-valued where a format may be silent.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::own::Own;
use crate::slots::Slots;
use crate::text::Text;

/// What a line says of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said<T> {
    /// The format has no place for it, or the line ends before it: nobody can say.
    Unknown,
    /// There was none, or an empty one where the format cannot tell the two apart.
    Absent,
    /// This.
    Known(T),
}

impl<T> Said<T> {
    /// What is known; `None` for absent and unknown alike.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown | Self::Absent => None,
        }
    }

    /// Whether nobody can say.
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client<'a> {
    /// By address; IPv4 in IPv6 (`::ffff:1.2.3.4`) is IPv4.
    Address(IpAddr),
    /// By name, where a server looked names up; empty if the line does not say.
    Name(&'a [u8]),
}

/// What one line says about one request and its answer.
///
/// It is valid until the reader reads on.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// When the request arrived, or ended ([`Facts::moment`] says which): microseconds since 1970, UTC.
    pub at_unix_micros: i64,
    /// Local time minus UTC in the log, in seconds; 0 where the format has none.
    pub utc_offset_seconds: i32,
    /// Who asked. Where a format has both the peer and `X-Forwarded-For`, a private or loopback peer is a proxy of our
    /// own, and the last public address that it was told of is the client.
    pub client: Client<'a>,
    /// The user who logged in.
    pub user: Option<Text<'a>>,
    /// The method; empty if the request was garbage or is not in the line.
    pub method: &'a [u8],
    /// The target as received: path with query, absolute URL, `*`; the whole request if it was garbage; empty if there
    /// was none.
    pub target: Text<'a>,
    /// The query where it stands apart from the target, without question mark.
    pub query: Option<Text<'a>>,
    /// The protocol; empty for HTTP/0.9, for garbage, and where the line does not say.
    pub protocol: &'a [u8],
    /// The status of the answer; 0 if there was none.
    pub status: u16,
    /// Bytes sent; what is counted in them says [`Facts::bytes`].
    pub bytes: Said<u64>,
    /// From arrival to the end of the answer, in microseconds.
    pub duration_micros: Said<u64>,
    /// The answer was broken off by the client (`%X`, status 499).
    pub is_aborted: Said<bool>,
    /// The field Referer.
    pub referer: Said<Text<'a>>,
    /// The field User-Agent.
    pub user_agent: Said<Text<'a>>,
    /// The virtual server by its own name (`%v`).
    pub virtual_server: Said<Text<'a>>,
    /// The field Host as received.
    pub host: Said<Text<'a>>,
    /// How the line had to be mended to be read; `None`: it was as its format says.
    pub mended: Option<Mended>,
    /// All else, unread until somebody asks.
    pub(crate) slots: Slots<'a>,
}

impl<'a> Line<'a> {
    /// A field of the request by its name, whatever its case.
    pub fn request_field(&self, name: &[u8]) -> Said<Text<'a>> {
        if name.eq_ignore_ascii_case(b"Referer") {
            self.referer
        } else if name.eq_ignore_ascii_case(b"User-Agent") {
            self.user_agent
        } else if name.eq_ignore_ascii_case(b"Host") && !self.host.is_unknown() {
            self.host
        } else {
            self.slots.request_field(name)
        }
    }

    /// A cookie by its name, where the format has a place for it alone (`%{name}C`).
    pub fn cookie(&self, name: &[u8]) -> Said<Text<'a>> {
        self.slots.cookie(name)
    }

    /// A field of the answer by its name, whatever its case.
    pub fn response_field(&self, name: &[u8]) -> Said<Text<'a>> {
        self.slots.response_field(name)
    }

    /// What only our own formats say; all of it unknown for others.
    pub fn own(&self) -> Own<'a> {
        Own::of(&self.slots)
    }

    /// The path with its escapes undone, without query; of an absolute URL only the path.
    pub fn path(&self) -> Cow<'a, [u8]> {
        match self.target.decoded() {
            Cow::Borrowed(target) => Cow::Borrowed(crate::target::split_target(target).0),
            Cow::Owned(target) => Cow::Owned(crate::target::split_target(&target).0.to_vec()),
        }
    }
}

/// What was wrong with a line that could be read all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mended {
    /// It ends before its format does: the last value goes to its end, what would follow is unknown.
    CutShort,
    /// It goes on after its format has ended; the rest was not read.
    MoreAtEnd,
    /// It stands in a pair of quotes of its own.
    Wrapped,
}

impl Mended {
    /// What was wrong, in lower case.
    pub const fn why(self) -> &'static str {
        match self {
            Self::CutShort => "the line ends before its format does; the last value was taken to its end",
            Self::MoreAtEnd => "the line goes on after its format has ended; the rest was not read",
            Self::Wrapped => "the whole line stands in quotes; they were taken off",
        }
    }
}

/// What a format can say at all, whatever its lines say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
pub struct Facts {
    /// What is counted in [`Line::bytes`].
    pub bytes: BytesMeaning,
    /// Which moment [`Line::at_unix_micros`] is.
    pub moment: LineMoment,
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

/// Which moment of a request a line's time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineMoment {
    /// When it arrived (Apache), or computed from its end and its duration.
    Arrival,
    /// When it ended (nginx, IIS, CloudFront without a duration).
    End,
}

/// What is counted as bytes sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesMeaning {
    /// The body as it was to be sent, also if the client broke off (Apache's `%b` and `%B`): an upper bound.
    BodyPromised,
    /// The body as it was sent (nginx's `$body_bytes_sent`, Caddy, S3, tidegate).
    BodySent,
    /// All that was sent, head included (`%O`, `$bytes_sent`, IIS, CloudFront).
    AllSent,
    /// The line looks alike for several (`combined`: Apache itself writes `%b`, Debian `%O`).
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
