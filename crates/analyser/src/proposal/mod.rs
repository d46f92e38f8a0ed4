//! What could be done about a finding: a rule for a catalog of tidegate, and the same intent for Apache, nginx and
//! HAProxy. Every text is checked before anybody sees it.

mod aim;
mod apache;
mod check;
mod effect;
mod end;
mod haproxy;
mod nginx;
mod trafficscript;

pub use effect::predict;
pub use end::DAYS_MAX;

use crate::report::{Finding, Verdict};
use aim::Aim;
use end::End;
use serde::Serialize;

/// Findings that get proposals; those behind are less sure.
const FINDINGS_MAX: usize = 8;

/// What all slowed clients have together: see [`rate`].
const RATE_BITS_MIN: u64 = 400_000;
const RATE_BITS_MAX: u64 = 8_000_000;
/// A slowed class gets this part of what its clients took until now.
const RATE_SHARE: f64 = 0.1;
/// Visitors a second that one referring site may send, as the built-in guard has it.
const ENTRIES_PER_SECOND: u32 = 5;
/// How many of a slowed kind HAProxy lets in at a time: it paces nothing before version 2.7.
const AT_ONCE: u32 = 8;

/// Something that could be done.
#[derive(Clone, Debug, Serialize)]
pub struct Proposal {
    /// By which `tidegate apply` knows it; made from the finding, the same in every run over the same input.
    pub id: String,
    /// Which finding it answers: its place in the report.
    pub finding: usize,
    /// What is done.
    pub action: Action,
    /// The same in a sentence.
    pub summary: String,
    /// From when on it does nothing: seconds since 1970.
    pub ends_unix_seconds: i64,
    /// The same for people.
    pub ends: String,
    /// Whom it costs what, as far as that can be said without trying it on a log.
    pub costs: Vec<String>,
    /// The domain whose virtual server it is for, where the log tells.
    pub domain: Option<String>,
    /// For tidegate: the request rule.
    pub rule: String,
    /// For tidegate: the class that the rule names.
    pub class: Option<Class>,
    /// For an `.htaccess`.
    pub htaccess: Form,
    /// For nginx.
    pub nginx: Form,
    /// For HAProxy.
    pub haproxy: Form,
    /// What it would have done to the log it comes from.
    pub effect: Option<serde_json::Value>,
    /// The same in sentences.
    pub effect_said: Vec<String>,
}

/// What is done to the requests that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// They share a small bandwidth class, each client an equal part.
    Slow,
    /// They are let in so many a second, and wait until then.
    Queue,
    /// They are answered 403.
    Refuse,
}

/// A class of the catalog, as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Class {
    /// `[bandwidth_classes.NAME]`
    Bandwidth {
        /// Bits per second that all have together.
        bits_per_second: u64,
    },
    /// `[rate_classes.NAME]`
    Rate {
        /// Requests per second.
        per_second: u32,
        /// Seconds that a request may wait.
        wait_seconds: u32,
    },
}

/// What one server's configuration needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Texts, each with the place where it belongs.
    Texts(Vec<Snippet>),
    /// That server cannot do it; why not.
    Impossible(String),
}

/// A piece of configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Snippet {
    /// Where it belongs: `.htaccess`, `http`, `server`, `frontend`, `end of the file`.
    pub place: &'static str,
    /// The text.
    pub text: String,
}

/// What proposals are made with.
#[derive(Clone, Debug)]
pub struct Terms<'a> {
    /// The moment of the run, in seconds since 1970.
    pub now_unix_seconds: i64,
    /// How many days a rule holds, up to [`DAYS_MAX`].
    pub days: u16,
    /// Names of the site itself: never aimed at.
    pub own: &'a [String],
    /// How long the log is, in seconds; 0 if unknown.
    pub log_seconds: f64,
}

/// What the writers of all four languages are told.
struct Draft<'a> {
    id: &'a str,
    action: Action,
    aim: &'a Aim,
    end: End,
    class: Option<&'a Class>,
    heading: String,
}

impl Draft<'_> {
    /// The ends of the id, where only letters, digits and `_` may stand. It is short, since nginx wants no long names of
    /// variables.
    fn name(&self) -> String {
        let verb = self.id.split('-').next().unwrap_or_default();
        let hash = self.id.rsplit('-').next().unwrap_or_default();
        format!("tg_{verb}_{hash}")
    }

    /// Bytes per second that one connection gets where a server cannot divide between many.
    fn bytes_per_connection(&self) -> u64 {
        match self.class {
            Some(Class::Bandwidth { bits_per_second }) => {
                (bits_per_second / 8 / u64::from(AT_ONCE)).max(4096)
            }
            _ => 0,
        }
    }
}

/// Proposals for findings: for each, the gentle one first.
pub fn propose(findings: &[Finding], terms: &Terms<'_>) -> Vec<Proposal> {
    let mut proposals: Vec<Proposal> = Vec::new();
    for (place, finding) in findings.iter().enumerate().take(FINDINGS_MAX) {
        for action in actions(finding.verdict) {
            if let Some(proposal) = proposal(place, finding, *action, terms)
                && proposals.iter().all(|other| other.id != proposal.id)
            {
                proposals.push(proposal);
            }
        }
    }
    proposals
}

/// What helps against what; nothing where the cause is no client, or nothing is wrong.
fn actions(verdict: Verdict) -> &'static [Action] {
    match verdict {
        Verdict::HotLink | Verdict::HotLinkWithoutReferer | Verdict::BotFarm | Verdict::SingleLeech => {
            &[Action::Slow, Action::Refuse]
        }
        Verdict::FlashCrowd => &[Action::Queue],
        Verdict::PopularFile => &[Action::Slow],
        Verdict::Crawler => &[Action::Queue, Action::Slow],
        _ => &[],
    }
}

fn proposal(place: usize, finding: &Finding, action: Action, terms: &Terms<'_>) -> Option<Proposal> {
    let mut aim = Aim::of(&finding.traits, terms.own)?;
    aim.spares_feeds = action == Action::Slow && finding.verdict == Verdict::HotLinkWithoutReferer;
    let class = match action {
        Action::Slow => {
            Some(Class::Bandwidth { bits_per_second: rate(finding.counted.bytes, terms.log_seconds) })
        }
        Action::Queue => Some(Class::Rate { per_second: ENTRIES_PER_SECOND, wait_seconds: 6 }),
        Action::Refuse => None,
    };
    let id = id(action, finding);
    let end = End::after(terms.now_unix_seconds, terms.days);
    let summary = summary(action, &aim, class.as_ref());
    let heading = format!("{summary}\nEnds by itself at {}.", end.said());
    let draft = Draft { id: &id, action, aim: &aim, end, class: class.as_ref(), heading };
    let proposal = Proposal {
        finding: place,
        action,
        ends_unix_seconds: end.unix_seconds(),
        ends: end.said(),
        costs: costs(action, finding),
        domain: finding.traits.domain.clone(),
        rule: trafficscript::write(&draft),
        htaccess: apache::write(&draft),
        nginx: nginx::write(&draft),
        haproxy: haproxy::write(&draft),
        effect: None,
        effect_said: Vec::new(),
        summary,
        class,
        id,
    };
    check::holds(&proposal).then_some(proposal)
}

/// A tenth of what they took on average while the log was written, within bounds: so that it is felt, and still is
/// enough for a song.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a bounded rate"
)]
fn rate(bytes: u64, log_seconds: f64) -> u64 {
    if log_seconds < 1.0 {
        return RATE_BITS_MIN;
    }
    let bits = bytes as f64 * 8.0 / log_seconds * RATE_SHARE;
    let bits = (bits.min(RATE_BITS_MAX as f64) as u64).clamp(RATE_BITS_MIN, RATE_BITS_MAX);
    bits / 100_000 * 100_000
}

/// The action, a readable part of the subject, and a hash of everything that the rule would test.
fn id(action: Action, finding: &Finding) -> String {
    let verb = match action {
        Action::Slow => "slow",
        Action::Queue => "queue",
        Action::Refuse => "refuse",
    };
    let mut slug = String::new();
    for c in
        finding.subject.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
    {
        if slug.len() < 24 && !(c == '-' && (slug.is_empty() || slug.ends_with('-'))) {
            slug.push(c);
        }
    }
    // FNV-1a: short, and the same in every version; nothing hangs on it but a name
    let said = format!("{:?} {:?}", finding.verdict, finding.traits);
    let hash = said.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{verb}-{}-{:06x}", slug.trim_end_matches('-'), hash & 0x00ff_ffff)
}

fn summary(action: Action, aim: &Aim, class: Option<&Class>) -> String {
    let said = &aim.said;
    let spared = if aim.spares_feeds { "; feed readers and players are let through" } else { "" };
    match (action, class) {
        (Action::Slow, Some(Class::Bandwidth { bits_per_second })) => {
            format!("Slows down to {} kbit/s together: {said}{spared}.", bits_per_second / 1000)
        }
        (Action::Queue, Some(Class::Rate { per_second, .. })) => {
            format!("Lets in {per_second} a second, the others wait: {said}{spared}.")
        }
        _ => format!("Refuses with 403: {said}{spared}."),
    }
}

fn costs(action: Action, finding: &Finding) -> Vec<String> {
    let traits = &finding.traits;
    let mut costs = Vec::new();
    if action == Action::Slow {
        costs.push(
            "A slowed download lasts longer. tidegate itself holds little of it, but the server behind keeps its \
             connection open: where send buffers fail right now, the refusing form relieves them sooner."
                .to_owned(),
        );
    }
    if traits.is_without_referer {
        costs.push(match action {
            Action::Refuse => {
                "Feed readers, podcast apps and players send no referer: they are refused too, and so are visitors \
                 whose browsers hide where they come from. Tell your readers, as the feed is where they will miss it."
                    .to_owned()
            }
            _ => "Visitors whose browsers hide where they come from are slowed too.".to_owned(),
        });
    } else if !traits.referers.is_empty() {
        costs.push(
            "Feed readers and players send no referer and are not hit. Visitors of those pages are, the innocent ones \
             among them."
                .to_owned(),
        );
    }
    if !traits.networks.is_empty() && traits.agents.is_empty() {
        costs.push("Everybody else in those networks is hit as well.".to_owned());
    }
    if !traits.agents.is_empty() {
        costs.push(
            "Whoever has the same program is hit as well; a program's name is quickly changed.".to_owned(),
        );
    }
    if traits.referers.is_empty() && traits.networks.is_empty() && traits.agents.is_empty() {
        costs.push("Your own visitors who want these files are hit as well.".to_owned());
    }
    costs
}

#[cfg(test)]
mod tests;
