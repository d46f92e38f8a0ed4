//! What a policy would have done to the requests of a log, as data.

use super::spread::Spread;
use serde::Serialize;

/// What a policy would have done, and what a replay cannot know.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    /// The run was broken off: the numbers are of the part that was read.
    pub is_partial: bool,
    /// What was replayed.
    pub log: Replayed,
    /// How requests ended. They add up to `log.requests`.
    pub verdicts: Vec<VerdictRow>,
    /// What the nodes are spared.
    pub saved: Saved,
    /// Rate classes that were asked, in the catalog's order.
    pub rate_classes: Vec<RateEffect>,
    /// Bandwidth classes that slowed answers down, in the catalog's order.
    pub bandwidth_classes: Vec<BandwidthEffect>,
    /// Rules and `.htaccess` files that decided something, in the order in which they first did.
    pub rules: Vec<RuleEffect>,
    /// Who was hit, by kind. They add up to `log.requests`.
    pub who: Vec<WhoRow>,
    /// The named offenders, apart from everybody else; they are in `who` as well.
    pub offenders: Vec<OffenderRow>,
    /// Who was refused when the log was written, beside who is refused now.
    pub then_and_now: ThenAndNow,
    /// The policy has `.htaccess` files: what was refused then may have been refused by them.
    pub has_files: bool,
    /// A few requests of each kind of change.
    pub samples: Vec<Sample>,
    /// Bounds that were reached; empty where all was followed.
    pub limits: Vec<LimitReached>,
    /// What the log cannot tell, and what nobody can know beforehand.
    pub cannot_know: Vec<String>,
}

/// The part of a log that was replayed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Replayed {
    /// Requests.
    pub requests: u64,
    /// Their bytes, in the log's meaning.
    pub bytes: u64,
    /// The first and the last moment, in seconds since 1970.
    pub from_unix: Option<f64>,
    /// See `from_unix`.
    pub to_unix: Option<f64>,
    /// Lines whose request no server takes: they are answered 400 whatever the policy, and not counted above.
    pub no_requests: u64,
    /// Lines that are dated before the one before them: they were taken to come with it.
    pub backwards: u64,
    /// Lines that do not say how many bytes were sent.
    pub without_bytes: u64,
    /// Lines whose client is a name: what is decided by addresses is made up for them.
    pub clients_by_name: u64,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A node answers.
    Passed,
    /// Refused by a rule or a file: a status of 400 or more.
    Refused,
    /// Sent elsewhere by a rule or a file.
    Redirected,
    /// Answered by a rule, with neither.
    Answered,
    /// The queue was full, or it waited for longer than it may.
    TurnedAway,
    /// The connection was closed without an answer.
    Discarded,
    /// The client of the log left while it waited here.
    Left,
    /// A rule came to grief, and the client was told.
    Failed,
    /// The files decide by what the log does not hold.
    Undecidable,
    /// A bound of the replay was reached: see `limits`.
    NotFollowed,
}

impl Verdict {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 10] = [
        Self::Passed,
        Self::Refused,
        Self::Redirected,
        Self::Answered,
        Self::TurnedAway,
        Self::Discarded,
        Self::Left,
        Self::Failed,
        Self::Undecidable,
        Self::NotFollowed,
    ];

    /// In a few words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Passed => "answered by a node",
            Self::Refused => "refused",
            Self::Redirected => "redirected",
            Self::Answered => "answered by a rule",
            Self::TurnedAway => "turned away from a queue",
            Self::Discarded => "closed without an answer",
            Self::Left => "left while waiting",
            Self::Failed => "a rule failed",
            Self::Undecidable => "undecidable",
            Self::NotFollowed => "not followed",
        }
    }
}

/// Requests and what they weigh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amount {
    /// How many.
    pub requests: u64,
    /// Bytes that the log has for them.
    pub bytes: u64,
}

impl Amount {
    pub(super) fn add(&mut self, bytes: u64) {
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// One way to end.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct VerdictRow {
    /// Which.
    pub verdict: Verdict,
    /// How many ended so.
    #[serde(flatten)]
    pub amount: Amount,
}

/// What no node has to do any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Saved {
    /// Requests that were served then and reach no node now.
    pub requests: u64,
    /// Their bytes, less those of the answers they get instead.
    pub bytes: u64,
    /// Requests that reach no node now, but were refused or not found then: nothing is saved.
    pub refused_before: u64,
}

/// What a rate class did.
#[derive(Clone, Debug, Serialize)]
pub struct RateEffect {
    /// Its name.
    pub class: String,
    /// Whether a rule only observes: nobody waited.
    pub observed: bool,
    /// Requests that asked for a place.
    pub asked: u64,
    /// Those that had to wait.
    pub waited: Amount,
    /// How long those waited that got a place, in microseconds.
    pub waits_micros: Spread,
    /// Requests that found the queue full, or too long.
    pub refused: u64,
    /// Requests whose time was up.
    pub timed_out: u64,
    /// Requests told that they are over the limit (`rate.use.noQueue`).
    pub over_limit: u64,
    /// Requests whose client left the queue.
    pub left: u64,
    /// The longest queue that anybody met.
    pub backlog_max: u32,
    /// The contexts that waited most, the most first.
    pub contexts: Vec<ContextRow>,
    /// Contexts in which somebody waited, those that are not listed among them.
    pub contexts_waited: u64,
}

/// What a context of a rate class did.
#[derive(Clone, Debug, Serialize)]
pub struct ContextRow {
    /// Its name; empty for the class without one.
    pub context: String,
    /// Requests that waited or were turned away.
    pub requests: u64,
    /// All waits together, in microseconds.
    pub waited_micros: u64,
    /// The longest wait, in microseconds.
    pub longest_micros: u64,
}

/// What a bandwidth class did.
#[derive(Clone, Debug, Serialize)]
pub struct BandwidthEffect {
    /// Its name.
    pub class: String,
    /// Its limit.
    pub bytes_per_second: u64,
    /// Answers that it paced.
    pub slowed: Amount,
    /// The rate that they came to, in bytes a second.
    pub rates: Spread,
    /// How long they took, in microseconds.
    pub durations_micros: Spread,
    /// The most at once.
    pub running_max: usize,
}

/// What a rule or a file decided.
#[derive(Clone, Debug, Serialize)]
pub struct RuleEffect {
    /// Its name.
    pub rule: String,
    /// Whether it only observes.
    pub observed: bool,
    /// Requests about which it decided something.
    pub decided: Amount,
    /// Requests that it made wait.
    pub waited: Amount,
    /// Requests that it gave a bandwidth class.
    pub slowed: Amount,
    /// Requests whose visitor it marked with a cookie.
    pub marked: Amount,
    /// The cookies.
    pub marks: Vec<String>,
    /// Requests that it refused.
    pub refused: Amount,
    /// The statuses of refusals and redirects.
    pub statuses: Vec<StatusRow>,
    /// Requests that it redirected.
    pub redirected: Amount,
    /// Requests in which it came to grief.
    pub faults: u64,
    /// The first of these.
    pub first_fault: Option<String>,
    /// What it would have had done in the world: the documented empty answer was given.
    pub errands: Vec<ErrandRow>,
    /// What it read that nobody knows.
    pub undecidable: Vec<UnknownRow>,
    /// Requests in which it read something that nobody knows.
    pub undecided: Amount,
}

/// A status, and how often.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StatusRow {
    /// Which.
    pub status: u16,
    /// How often.
    pub requests: u64,
}

/// A kind of errand, and how often.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ErrandRow {
    /// `fetch`, `resolve` ...
    pub errand: &'static str,
    /// How often.
    pub times: u64,
}

/// A fact that nobody knows.
#[derive(Clone, Debug, Serialize)]
pub struct UnknownRow {
    /// A field, `cookie NAME`, `response FIELD`, a file ...
    pub fact: String,
    /// Requests in which it was read.
    #[serde(flatten)]
    pub amount: Amount,
}

/// Who asks, by referer and program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Comes from a page of the site itself.
    OwnVisitor,
    /// Sends no referer: typed, bookmarked, or hidden.
    NoReferer,
    /// Comes from a search engine.
    Search,
    /// Comes from a search engine's pictures.
    ImageSearch,
    /// A search engine's robot and its kin.
    Crawler,
    /// A feed reader, mail program or other app.
    FeedReader,
    /// A player or podcast app.
    Player,
    /// A tool, a library, monitoring.
    Tool,
    /// Comes from another place.
    Elsewhere,
}

impl Who {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::OwnVisitor,
        Self::NoReferer,
        Self::Search,
        Self::ImageSearch,
        Self::Crawler,
        Self::FeedReader,
        Self::Player,
        Self::Tool,
        Self::Elsewhere,
    ];

    /// In a few words.
    pub const fn label(self) -> &'static str {
        match self {
            Self::OwnVisitor => "own visitors",
            Self::NoReferer => "browsers without referer",
            Self::Search => "from search engines",
            Self::ImageSearch => "from image search",
            Self::Crawler => "search bots, archives",
            Self::FeedReader => "feed readers, mail, apps",
            Self::Player => "players, podcast apps",
            Self::Tool => "tools, monitoring",
            Self::Elsewhere => "from other places",
        }
    }
}

/// What became of the requests of some.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Hit {
    /// All of theirs.
    pub asked: Amount,
    /// Those that anything happened to.
    pub hit: Amount,
    /// Those that waited.
    pub waited: Amount,
    /// Those that were slowed down.
    pub slowed: Amount,
    /// Those that got a mark.
    pub marked: Amount,
    /// Those that reached no node.
    pub turned_away: Amount,
    /// Those of which nobody can say.
    pub undecidable: Amount,
}

/// A kind of people.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct WhoRow {
    /// Which.
    pub who: Who,
    /// What became of them.
    #[serde(flatten)]
    pub hit: Hit,
}

/// A named offender.
#[derive(Clone, Debug, Serialize)]
pub struct OffenderRow {
    /// As named.
    pub name: String,
    /// What became of the requests.
    #[serde(flatten)]
    pub hit: Hit,
}

/// Refusals with 403, when the log was written and now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ThenAndNow {
    /// Refused then.
    pub then: u64,
    /// Refused now.
    pub now: u64,
    /// Both times.
    pub both: u64,
    /// Refused then, and not now.
    pub only_then: u64,
    /// Refused now, and not then.
    pub only_now: u64,
    /// Nobody can say of now: refused then.
    pub undecidable_then_refused: u64,
    /// Nobody can say of now: not refused then.
    pub undecidable_then_served: u64,
}

/// Why a request is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SampleOf {
    /// It waited, or would have been turned away.
    Waited,
    /// It was slowed down.
    Slowed,
    /// It got a mark.
    Marked,
    /// It was refused, redirected, or otherwise kept from the nodes.
    Kept,
    /// 403 then, and not now.
    OnlyThen,
    /// 403 now, and not then.
    OnlyNow,
    /// Nobody can say.
    Undecidable,
    /// Two policies differ.
    Differs,
}

/// One request as an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// Of what.
    pub of: SampleOf,
    /// Who asked.
    pub who: Who,
    /// When, in microseconds since 1970.
    pub at_unix_micros: i64,
    /// The client; control bytes escaped, as in all texts here.
    pub client: String,
    /// Method and target.
    pub request: String,
    /// The referer, if known.
    pub referer: Option<String>,
    /// The program, if known.
    pub user_agent: Option<String>,
    /// The status in the log.
    pub then: u16,
    /// The status now; 0 for none.
    pub now: u16,
    /// How it ended now.
    pub verdict: Verdict,
    /// How long it waited.
    pub waited_micros: u64,
    /// Which rule or file, and its line.
    pub by: Option<String>,
}

/// A bound that was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitReached {
    /// Its name.
    pub limit: &'static str,
    /// How much it holds.
    pub holds: u64,
    /// How many were beyond it.
    pub beyond: u64,
    /// What that means for the numbers.
    pub text: &'static str,
}
