//! What the access logs hold, as data: what tables, pictures and JSON are made from.
//!
//! All lists are sorted, the most bytes first, and cut at [`LISTED_MAX`]; totals are of everything.

use crate::Counted;
use accesslog::BytesMeaning;
use serde::Serialize;
use visit::{Program, RefererClass, TargetKind};

/// How long each list of a summary is at most.
pub const LISTED_MAX: usize = 50;
/// How many points a series has at most; longer logs get wider steps.
pub const POINTS_MAX: usize = 1500;

/// What the access logs hold.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// What `bytes` means everywhere here.
    pub bytes_meaning: BytesSaid,
    /// The first and the last request; `None` for empty logs.
    pub span: Option<Span>,
    /// All requests.
    pub total: Counted,
    /// Requests that the client broke off, and their bytes; `None` where the log does not say.
    pub aborted: Option<Counted>,
    /// Whether lines say who referred: if not, nothing here says "no referer".
    pub has_referer: bool,
    /// Whether lines say with what program.
    pub has_user_agent: bool,
    /// By status, in ascending order.
    pub statuses: Vec<StatusCount>,
    /// By virtual server.
    pub domains: Vec<Domain>,
    /// All servers together, in time.
    pub series: Series,
    /// How many downloads there were at once, of all servers.
    pub concurrency: Concurrency,
    /// How many requests came without a referer; `None` where lines have no referers.
    pub without_referer: Option<WithoutReferer>,
    /// The names by which the logged servers know themselves; to be confirmed by a person.
    pub own_names: Vec<OwnName>,
    /// By kind of file.
    pub kinds: Vec<KindCount>,
    /// By class of referer.
    pub referer_classes: Vec<ClassCount>,
    /// By registrable domain of the referer.
    pub referers: Vec<RefererRow>,
    /// By path without query.
    pub paths: Vec<PathRow>,
    /// By address.
    pub clients: Vec<ClientRow>,
    /// By network: /24 and /48.
    pub networks: Vec<NetworkRow>,
    /// By field User-Agent.
    pub agents: Vec<AgentRow>,
    /// Which named limits were reached, and what happened to the rest.
    pub limits: Vec<LimitReached>,
    /// Relations between client, path and referer were kept of one in so many clients; 1: of all. Totals are of all.
    pub relations_of_one_in: u32,
}

/// What the log's bytes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BytesSaid {
    /// Promised: an upper bound where clients broke off.
    Promised,
    /// Sent.
    Sent,
    /// The files say it differently, or not at all.
    Unclear,
    /// The log has no bytes.
    None,
}

impl BytesSaid {
    /// What files of two meanings say together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        match (self, other) {
            (one, two) if one == two => one,
            (Self::None, one) | (one, Self::None) => one,
            _ => Self::Unclear,
        }
    }

    /// As an adjective of bytes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Promised => "promised",
            Self::Sent => "sent",
            Self::Unclear => "sent or promised",
            Self::None => "unknown",
        }
    }

    /// As an addition to a number of bytes.
    pub fn label(self) -> &'static str {
        match self {
            Self::Promised => "promised (an upper bound: answers that the client broke off count whole)",
            Self::Sent => "sent",
            Self::Unclear => "sent or promised (the log does not tell which)",
            Self::None => "unknown (the log has no bytes)",
        }
    }
}

impl From<BytesMeaning> for BytesSaid {
    fn from(meaning: BytesMeaning) -> Self {
        match meaning {
            BytesMeaning::BodyPromised => Self::Promised,
            BytesMeaning::BodySent | BytesMeaning::AllSent => Self::Sent,
            BytesMeaning::Unclear => Self::Unclear,
            BytesMeaning::None => Self::None,
        }
    }
}

/// From when to when, in seconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The first request.
    pub from_unix: i64,
    /// The last request.
    pub to_unix: i64,
    /// Local time minus UTC of the log's last line, in seconds: for showing.
    pub utc_offset_seconds: i32,
}

/// One status.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StatusCount {
    /// The status; 0 where there was no answer.
    pub status: u16,
    /// Requests.
    pub requests: u64,
    /// Bytes.
    pub bytes: u64,
}

/// One virtual server.
#[derive(Clone, Debug, Serialize)]
pub struct Domain {
    /// Its name: from the line, else from the file's name, else `(this log)`.
    pub name: String,
    /// Its requests.
    pub counted: Counted,
    /// Bytes and requests in time.
    pub series: Series,
    /// Against its usual; `None` where there is nothing to compare with.
    pub against_usual: Option<AgainstUsual>,
    /// Against its usual month; `None` where no month is known.
    pub month: Option<AgainstMonth>,
    /// When the present level began, if the level changed.
    pub change: Option<Change>,
    /// What explains the increase, dimension by dimension; empty without an increase.
    pub explained: Vec<Explained>,
    /// How many downloads there were at once.
    pub concurrency: Concurrency,
}

/// Numbers in steps of time.
#[derive(Clone, Debug, Serialize)]
pub struct Series {
    /// Where the first step begins, in seconds since 1970, UTC.
    pub from_unix: i64,
    /// How long a step is: an hour or a multiple.
    pub step_seconds: u32,
    /// The steps, without gaps.
    pub points: Vec<Point>,
}

/// One step of a series.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    /// Requests in it.
    pub requests: u64,
    /// Bytes in it.
    pub bytes: u64,
    /// What was to be expected, where a usual is known.
    pub usual_bytes: Option<u64>,
    /// It stands out against the usual.
    pub is_unusual: bool,
}

/// A domain's worst stretch against its usual.
#[derive(Clone, Debug, Serialize)]
pub struct AgainstUsual {
    /// When it began, in seconds since 1970, UTC.
    pub from_unix: i64,
    /// When it ended.
    pub to_unix: i64,
    /// Bytes in it.
    pub bytes: u64,
    /// What was to be expected in it.
    pub usual_bytes: u64,
    /// The one by the other; `None` where nothing was to be expected.
    pub times_usual: Option<f64>,
    /// The robust z of its worst hour: (x − median) / (1.4826 MAD).
    pub robust_z: f64,
    /// Hours that stand out.
    pub unusual_hours: u32,
    /// With what it was compared.
    pub baseline: Baseline,
}

/// With what hours were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// The same hour of the week in other weeks.
    HourOfWeek,
    /// The same hour on the other days: less than two weeks are known.
    HourOfDay,
    /// All other hours: less than four days are known.
    OtherHours,
}

impl Baseline {
    /// As the end of "compared with …".
    pub fn label(self) -> &'static str {
        match self {
            Self::HourOfWeek => "the same hour of the week in other weeks",
            Self::HourOfDay => "the same hour on the other days (less than two weeks are known)",
            Self::OtherHours => "all other hours of the log (less than four days are known)",
        }
    }
}

/// A month against the months before.
#[derive(Clone, Debug, Serialize)]
pub struct AgainstMonth {
    /// Which: `2015-05`.
    pub month: String,
    /// Bytes in it, as far as it is known.
    pub bytes: u64,
    /// Days of it that are known.
    pub days: u32,
    /// The median of the months before it.
    pub usual_bytes: u64,
    /// How many months that is the median of.
    pub months: u32,
    /// The one by the other.
    pub times_usual: f64,
}

/// When a level changed.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Change {
    /// The first hour of the new level, in seconds since 1970, UTC.
    pub at_unix: i64,
    /// The median of bytes an hour before.
    pub before: u64,
    /// The median of bytes an hour since.
    pub after: u64,
    /// How likely chance makes such a change: Pettitt's approximation.
    pub chance: f64,
}

/// One value of one dimension, and how much of an increase it explains (Adtributor).
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// Which dimension.
    pub dimension: Dimension,
    /// Which value of it.
    pub value: String,
    /// Bytes an hour before.
    pub before: f64,
    /// Bytes an hour in the increase.
    pub during: f64,
    /// Its share of the increase (explanatory power); may be over 1 where others fell.
    pub share_of_increase: f64,
    /// How far its share moved (Jensen–Shannon divergence of its share before and during), in bits.
    pub surprise: f64,
}

/// A dimension in which an increase is explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dimension {
    /// The path without query.
    Path,
    /// The kind of file.
    Kind,
    /// The registrable domain of the referer, or its class.
    Referer,
    /// The client's /24 or /48.
    Network,
    /// The field User-Agent.
    Agent,
}

/// How many downloads there were at once, by Little's law: the sum of durations by the length of time.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Concurrency {
    /// The log says how long answers took; else durations are bytes by an assumed rate, and the numbers are a range.
    pub is_exact: bool,
    /// The mean, if clients are as fast as 2 MB/s (or exact).
    pub mean_from: f64,
    /// The mean, if clients are as slow as 0.25 MB/s (or exact).
    pub mean_to: f64,
    /// The most at one moment, if clients are fast (or exact).
    pub peak_from: u64,
    /// The most at one moment, if clients are slow (or exact).
    pub peak_to: u64,
    /// When that was, in seconds since 1970, UTC.
    pub peak_at_unix: Option<i64>,
}

/// Requests without a referer, as shares of 0 to 1.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct WithoutReferer {
    /// Of media.
    pub of_media: f64,
    /// Of pages.
    pub of_pages: f64,
}

/// A name by which the logged server knows itself.
#[derive(Clone, Debug, Serialize)]
pub struct OwnName {
    /// The host or address.
    pub name: String,
    /// How it was learnt.
    pub why: &'static str,
    /// Nothing else was known, and it may as well be the culprit's.
    pub is_guess: bool,
    /// Requests whose referer has it.
    pub requests: u64,
}

/// One kind of file.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct KindCount {
    /// Which.
    pub kind: TargetKind,
    /// Its requests.
    pub requests: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// One class of referer.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ClassCount {
    /// Which.
    pub class: RefererClass,
    /// Its requests.
    pub requests: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// One referring domain.
#[derive(Clone, Debug, Serialize)]
pub struct RefererRow {
    /// The registrable domain, address or app.
    pub domain: String,
    /// What it is.
    pub class: RefererClass,
    /// What came from there.
    pub counted: Counted,
    /// The share of media in its requests, 0 to 1.
    pub media_share: f64,
    /// The share of its media clients that never opened a page, 0 to 1; `None` if it has no media clients, or if
    /// nobody opens pages in this log.
    pub asset_only_share: Option<f64>,
    /// Where most of its requests went.
    pub top_path: String,
    /// The share of its requests that went there, 0 to 1.
    pub top_path_share: f64,
}

/// One path.
#[derive(Clone, Debug, Serialize)]
pub struct PathRow {
    /// The path without query.
    pub path: String,
    /// What it is.
    pub kind: TargetKind,
    /// Its requests.
    pub counted: Counted,
}

/// One client.
#[derive(Clone, Debug, Serialize)]
pub struct ClientRow {
    /// The address, or the name where the log has names.
    pub client: String,
    /// Its requests; `clients` is 1.
    pub counted: Counted,
    /// How many pages it opened.
    pub pages: u64,
    /// With how many different programs.
    pub agents: u32,
    /// The one it used most.
    pub program: Program,
}

/// One network.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkRow {
    /// `192.0.2.0/24`, `2001:db8:1::/48`; for names the last two labels.
    pub network: String,
    /// Its requests.
    pub counted: Counted,
}

/// One User-Agent.
#[derive(Clone, Debug, Serialize)]
pub struct AgentRow {
    /// As it stands in the log.
    pub agent: String,
    /// What it is.
    pub program: Program,
    /// Its requests.
    pub counted: Counted,
}

/// A named limit that was reached.
#[derive(Clone, Debug, Serialize)]
pub struct LimitReached {
    /// What is limited.
    pub what: &'static str,
    /// To how many.
    pub limit: u64,
    /// How many requests were counted under "(other)" for it.
    pub requests_beyond: u64,
}
