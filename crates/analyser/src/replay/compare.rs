//! Two policies over one log, side by side: what each decides differently.

use super::account::{Decided, shown};
use super::effect::{Amount, Effect, LimitReached, Sample, SampleOf, Verdict, Who};
use super::{Replay, ReplayError, ReplayOptions};
use accesslog::{Client, Facts, Line, Said, Text};
use engine::Catalog;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// Kinds of difference that are told apart: pairs of two decisions.
const DIFFERENCES_MAX: usize = 200;
/// Examples of each kind.
const SAMPLES_MAX: usize = 5;
/// Requests of which one policy has decided and the other has not: as many as may wait, and a few.
const OPEN_MAX: usize = 2 * super::queue::WAITING_MAX;

/// What two policies would have done.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The one.
    pub policy: Effect,
    /// The other.
    pub other: Effect,
    /// Requests that both decided alike: the same end, class, mark, and waiting or not.
    pub alike: Amount,
    /// What differs, the most first.
    pub differences: Vec<Difference>,
    /// Bounds that were reached.
    pub limits: Vec<LimitReached>,
}

/// Requests that two policies decide differently in the same way.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// What the one decides.
    pub policy: String,
    /// What the other decides.
    pub other: String,
    /// How many.
    #[serde(flatten)]
    pub amount: Amount,
    /// A few of them.
    pub samples: Vec<Pair>,
}

/// One request as an example of a difference.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The request, as the one decides it.
    pub request: Sample,
    /// How long it waits with the other.
    pub other_waited_micros: u64,
}

/// Two replays in step.
pub struct Comparing {
    policies: [Replay; 2],
    open: HashMap<u64, Open>,
    alike: Amount,
    differences: BTreeMap<[String; 2], Difference>,
    kinds_beyond: u64,
    open_beyond: u64,
}

/// A request that one or none has decided.
#[derive(Default)]
struct Open {
    decided: [Option<Decided>; 2],
    bytes: u64,
    sample: Option<Sample>,
}

impl Comparing {
    /// Nothing of a log yet.
    ///
    /// # Errors
    /// As [`Replay::new`], for either.
    pub fn new(policy: Catalog, other: Catalog, options: &ReplayOptions) -> Result<Self, ReplayError> {
        let policies = [
            Replay::new(policy, options.clone())?.keeping_decisions(),
            Replay::new(other, options.clone())?.keeping_decisions(),
        ];
        Ok(Self {
            policies,
            open: HashMap::new(),
            alike: Amount::default(),
            differences: BTreeMap::new(),
            kinds_beyond: 0,
            open_beyond: 0,
        })
    }

    /// One line more, as for [`Replay::take`].
    pub fn take(&mut self, line: &Line<'_>, facts: &Facts) {
        let numbers = self.policies.each_mut().map(|policy| policy.take(line, facts));
        let mut now = Open { bytes: line.bytes.known().unwrap_or(0), ..Open::default() };
        for side in 0..2 {
            for decided in self.policies[side].take_decided() {
                if Some(decided.number) == numbers[0] {
                    now.decided[side] = Some(decided);
                } else {
                    self.decide(side, decided);
                }
            }
        }
        let Some(number) = numbers[0] else { return };
        let needs_sample = match &now.decided {
            [Some(one), Some(other)] => labels(one, other).is_some(),
            _ => true,
        };
        now.sample = needs_sample.then(|| sample_of(line));
        self.settle(number, now);
    }

    /// The log is over.
    pub fn finish(mut self) -> Comparison {
        for side in 0..2 {
            self.policies[side].go_on_until(None);
            for decided in self.policies[side].take_decided() {
                self.decide(side, decided);
            }
        }
        let [policy, other] = self.policies.map(Replay::finish);
        let mut differences: Vec<Difference> = self.differences.into_values().collect();
        differences.sort_by_key(|difference| std::cmp::Reverse(difference.amount.requests));
        let limits = [
            LimitReached {
                limit: "DIFFERENCES_MAX",
                holds: DIFFERENCES_MAX as u64,
                beyond: self.kinds_beyond,
                text: "so many kinds of difference are told apart; requests of other kinds are not listed",
            },
            LimitReached {
                limit: "OPEN_MAX",
                holds: OPEN_MAX as u64,
                beyond: self.open_beyond,
                text: "so many requests may be decided by one policy and wait in the other; those beyond are not compared",
            },
        ];
        let limits = limits.into_iter().filter(|limit| limit.beyond > 0).collect();
        Comparison { policy, other, alike: self.alike, differences, limits }
    }

    fn decide(&mut self, side: usize, decided: Decided) {
        let number = decided.number;
        let Some(mut open) = self.open.remove(&number) else { return };
        open.decided[side] = Some(decided);
        self.settle(number, open);
    }

    fn settle(&mut self, number: u64, open: Open) {
        let [Some(one), Some(other)] = &open.decided else {
            if self.open.len() < OPEN_MAX {
                self.open.insert(number, open);
            } else {
                self.open_beyond += 1;
            }
            return;
        };
        let Some(labels) = labels(one, other) else {
            self.alike.add(open.bytes);
            return;
        };
        if self.differences.len() >= DIFFERENCES_MAX && !self.differences.contains_key(&labels) {
            self.kinds_beyond += 1;
            return;
        }
        let fresh = || Difference {
            policy: labels[0].clone(),
            other: labels[1].clone(),
            amount: Amount::default(),
            samples: Vec::new(),
        };
        let difference = self.differences.entry(labels.clone()).or_insert_with(fresh);
        difference.amount.add(open.bytes);
        if let Some(sample) = open.sample.filter(|_| difference.samples.len() < SAMPLES_MAX) {
            let request =
                Sample { now: one.status, verdict: one.verdict, waited_micros: one.waited_micros, ..sample };
            difference.samples.push(Pair { request, other_waited_micros: other.waited_micros });
        }
    }
}

/// In words, where they differ.
fn labels(one: &Decided, other: &Decided) -> Option<[String; 2]> {
    let is_alike = one.verdict == other.verdict
        && one.status == other.status
        && one.class == other.class
        && one.is_marked == other.is_marked
        && (one.waited_micros > 0) == (other.waited_micros > 0);
    (!is_alike).then(|| [label(one), label(other)])
}

fn label(decided: &Decided) -> String {
    let mut text = decided.verdict.label().to_owned();
    if !matches!(decided.verdict, Verdict::Passed) && decided.status > 0 {
        let _ = write!(text, " ({})", decided.status);
    }
    if decided.waited_micros > 0 {
        text.push_str(", after waiting");
    }
    if !decided.class.is_empty() {
        let _ = write!(text, ", slowed by {}", shown(decided.class.as_bytes()));
    }
    if decided.is_marked {
        text.push_str(", marked");
    }
    text
}

fn sample_of(line: &Line<'_>) -> Sample {
    let known = |said: Said<Text<'_>>| said.known().map(|text| shown(&text.decoded()));
    Sample {
        of: SampleOf::Differs,
        who: Who::Elsewhere,
        at_unix_micros: line.at_unix_micros,
        client: match line.client {
            Client::Address(address) => address.to_string(),
            Client::Name(name) => shown(name),
        },
        request: shown(&[line.method, b" ", &line.target.decoded()].concat()),
        referer: known(line.referer),
        user_agent: known(line.user_agent),
        then: line.status,
        now: 0,
        verdict: Verdict::Passed,
        waited_micros: 0,
        by: None,
    }
}
