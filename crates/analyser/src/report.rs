//! What a run found, as data: the same for the terminal, for JSON and for the page.

use crate::proposal::Proposal;
use ipnet::IpNet;
use serde::Serialize;

/// All that a run of `tidegate diagnose` found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The run was broken off, or could not read all of its input: the numbers are of a part only.
    pub is_partial: bool,
    /// What was found, the surest first.
    pub findings: Vec<Finding>,
    /// What could be done about it.
    pub proposals: Vec<Proposal>,
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
