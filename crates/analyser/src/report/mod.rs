//! What a run found, as data: the same for the terminal, for JSON and for the page.

mod page;
mod shown;
mod terminal;
mod walk;

pub use page::page;
pub use terminal::{Look, terminal};

use crate::input::FileCounts;
use crate::log::Summary;
use crate::mail::Mail;
use crate::pressure::Pressure;
use crate::proposal::Proposal;
use ipnet::IpNet;
use serde::Serialize;

/// The version of the report's JSON: one more when a key goes or means something else.
pub const REPORT_VERSION: u32 = 1;

/// All that a run of `tidegate diagnose` found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`REPORT_VERSION`]
    pub version: u32,
    /// When it was made, in seconds since 1970.
    pub made_unix_seconds: i64,
    /// The run was broken off, or could not read all of its input: the numbers are of a part only.
    pub is_partial: bool,
    /// The answer, in three sentences.
    pub answer: Vec<String>,
    /// What the machine or its containers say; `None` if nobody looked.
    pub pressure: Option<Pressure>,
    /// What the mail logs say; `None` if there were none.
    pub mail: Option<Mail>,
    /// What the access logs say; `None` if there were none.
    pub log: Option<Log>,
    /// What was found, the surest first.
    pub findings: Vec<Finding>,
    /// What could be done about it.
    pub proposals: Vec<Proposal>,
    /// The hoster's path, step by step.
    pub steps: Vec<Step>,
}

/// What the access logs say, and what became of their lines.
#[derive(Clone, Debug, Serialize)]
pub struct Log {
    /// All files together.
    pub lines: Lines,
    /// Each file.
    pub files: Vec<FileSaid>,
    /// What they hold.
    #[serde(flatten)]
    pub summary: Summary,
}

/// What became of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// All.
    pub all: u64,
    /// Those that say something of a request.
    pub read: u64,
    /// Those that could not be read.
    pub bad: u64,
    /// Blank lines and remarks.
    pub comments: u64,
    /// Bytes of all lines, unpacked.
    pub bytes: u64,
}

/// One file of an access log.
#[derive(Clone, Debug, Serialize)]
pub struct FileSaid {
    /// Where it lies.
    pub path: String,
    /// What its lines look like.
    pub format: String,
    /// What became of its lines.
    #[serde(flatten)]
    pub counts: FileCounts,
}

/// One step on the hoster's path.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// A name that stays: `pressure`, `mail`, `domain`, `path`, `who`, `visitors`, `at-once`, `proposal`.
    pub name: &'static str,
    /// What is asked.
    pub question: &'static str,
    /// What came out.
    pub answer: String,
    /// What it rests on.
    pub evidence: Vec<String>,
    /// What cannot be told, and why.
    pub cannot_tell: Option<String>,
}

/// What a report is made of.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// See [`Report::made_unix_seconds`].
    pub made_unix_seconds: i64,
    /// See [`Report::is_partial`].
    pub is_partial: bool,
    /// See [`Report::pressure`].
    pub pressure: Option<Pressure>,
    /// See [`Report::mail`].
    pub mail: Option<Mail>,
    /// See [`Report::log`].
    pub log: Option<Log>,
    /// Of all parts; they are put in order here.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Findings in order, and the hoster's path through the parts. Proposals come with [`Report::with_proposals`].
    pub fn of(parts: Parts) -> Self {
        let mut findings = parts.findings;
        findings.sort_by_key(|finding| {
            let nothing = finding.verdict == Verdict::NothingUnusual;
            (nothing, std::cmp::Reverse((finding.confidence, finding.counted.bytes)))
        });
        let mut report = Self {
            version: REPORT_VERSION,
            made_unix_seconds: parts.made_unix_seconds,
            is_partial: parts.is_partial,
            answer: Vec::new(),
            pressure: parts.pressure,
            mail: parts.mail,
            log: parts.log,
            findings,
            proposals: Vec::new(),
            steps: Vec::new(),
        };
        walk::walk(&mut report);
        report
    }

    /// The same with what could be done.
    #[must_use]
    pub fn with_proposals(mut self, proposals: Vec<Proposal>) -> Self {
        self.proposals = proposals;
        walk::walk(&mut self);
        self
    }
}

/// One thing that was found.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// What kind of thing it is.
    pub verdict: Verdict,
    /// Who or what: a domain, a path, a network, a mail identity; as people would say it.
    pub subject: String,
    /// How sure.
    pub confidence: Confidence,
    /// What speaks for it, the strongest first.
    pub evidence: Vec<Evidence>,
    /// What would speak against it, and whether it was found: what a person should look at before acting.
    pub counter_check: String,
    /// How much of the log it is about.
    pub counted: Counted,
    /// What its requests have in common, for a rule against them; nothing where no rule would help.
    pub traits: Traits,
}

/// What requests have in common: what a rule against them tests. All that are given must hold; of a list, any one.
/// Texts are as clients sent them, with nothing escaped: whoever writes them into anything takes them for hostile.
/// Bytes that are no UTF-8 cannot be said here: leave such a value out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traits {
    /// The virtual server or domain that it is about, where the log tells them apart.
    pub domain: Option<String>,
    /// Hosts in Referer, in lower case: registrable domains (the names below them are meant too) or addresses.
    pub referers: Vec<String>,
    /// They have no referer, or an empty one.
    pub is_without_referer: bool,
    /// What is asked for.
    pub paths: Vec<PathTrait>,
    /// From where.
    pub networks: Vec<IpNet>,
    /// Values of User-Agent, whole.
    pub agents: Vec<String>,
}

/// What is common to paths. They are decoded, without query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathTrait {
    /// The path itself: `/misc/sample.log`.
    Is(String),
    /// It begins so: `/audio/`.
    Below(String),
    /// The ending, without its full stop, in lower case: `mp3`.
    Ending(String),
}

/// How much of a log something is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Requests.
    pub requests: u64,
    /// Bytes sent, in the meaning that the log has for them.
    pub bytes: u64,
    /// Distinct clients.
    pub clients: u64,
}

/// A fact with its number.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    /// A name that stays: `asset_only_share`, `times_usual`.
    pub what: &'static str,
    /// The number; `None` where there is none.
    pub value: Option<f64>,
    /// The fact as a sentence, with its unit.
    pub text: String,
}

/// What kind of thing was found (`diagnosis.md` names the classes of section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A program or account sends mail in bulk.
    RogueMail,
    /// Another site embeds files of this one; its visitors say so in Referer.
    HotLink,
    /// The same without a referer: players, apps, or pages that hide where they are.
    HotLinkWithoutReferer,
    /// One client takes most of it.
    SingleLeech,
    /// Many clients of few networks with one program, whose referers are made up.
    BotFarm,
    /// A page elsewhere links here and people come, look at pages, and go.
    FlashCrowd,
    /// A search engine or archive walks through.
    Crawler,
    /// One big file is suddenly wanted.
    PopularFile,
    /// The site's own release or uncached assets.
    OwnDeployment,
    /// A program that looks whether the site is up.
    Monitoring,
    /// One heavy user who behaves as users do.
    HeavyUser,
    /// Passwords are being guessed; nothing is sent.
    PasswordGuessing,
    /// Nothing that stands out.
    NothingUnusual,
}

impl PathTrait {
    /// The text in it.
    pub fn said(&self) -> &str {
        match self {
            Self::Is(text) | Self::Below(text) | Self::Ending(text) => text,
        }
    }
}

impl Verdict {
    /// As people say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::RogueMail => "mail in bulk",
            Self::HotLink => "hot-linking",
            Self::HotLinkWithoutReferer => "hot-linking without a referer",
            Self::SingleLeech => "one client that takes most",
            Self::BotFarm => "a bot farm",
            Self::FlashCrowd => "a crowd of visitors",
            Self::Crawler => "a crawler",
            Self::PopularFile => "one big file that is suddenly wanted",
            Self::OwnDeployment => "your own files",
            Self::Monitoring => "monitoring",
            Self::HeavyUser => "one heavy user",
            Self::PasswordGuessing => "password guessing",
            Self::NothingUnusual => "nothing unusual",
        }
    }
}

impl Confidence {
    /// As people say it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Low => "a hint",
            Self::Medium => "likely",
            Self::High => "sure",
        }
    }
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A hint.
    Low,
    /// More likely than not.
    Medium,
    /// Every check that the log allows speaks for it.
    High,
}
