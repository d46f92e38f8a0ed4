//! What came of each request, added up.

use super::effect::{
    Amount, ContextRow, ErrandRow, Hit, LimitReached, OffenderRow, RateEffect, RuleEffect, Sample, SampleOf,
    Saved, StatusRow, ThenAndNow, UnknownRow, Verdict, VerdictRow, Who, WhoRow,
};
use super::queue::HeldFacts;
use super::samples::Samples;
use super::spread::{Spread, WAIT_STEPS};
use engine::decision::RateResult;
use engine::{Catalog, Told, ToldAt, Transaction};
use std::collections::BTreeMap;

/// Contexts of one rate class that are told apart in the account; requests of others are counted in the class only.
const CONTEXTS_MAX: usize = 20_000;
/// Contexts that are listed.
const CONTEXTS_LISTED: usize = 10;
/// Bytes of a context's name that are kept.
const CONTEXT_BYTES_MAX: usize = 200;
/// Unknown facts of one rule that are told apart: a rule may make names of cookies out of what clients send.
const FACTS_MAX: usize = 64;
/// Statuses and marks of one rule that are told apart.
const STATUSES_MAX: usize = 64;

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Its place among the requests of the log, from 0.
    pub number: u64,
    /// How it ended.
    pub verdict: Verdict,
    /// The status that the client gets; 0 for none.
    pub status: u16,
    /// How long it waited in queues.
    pub waited_micros: u64,
    /// The bandwidth class that paces the answer; empty for none.
    pub class: Box<str>,
    /// Whether its visitor was marked.
    pub is_marked: bool,
    /// Whether a rule read what nobody knows.
    pub is_undecided: bool,
}

/// All sums.
pub(super) struct Account {
    verdicts: [Amount; Verdict::ALL.len()],
    saved: Saved,
    rates: Vec<RateAccount>,
    rules: Vec<RuleEffect>,
    who: [Hit; Who::ALL.len()],
    offenders: Vec<OffenderRow>,
    then_and_now: ThenAndNow,
    pub(super) samples: Samples,
    contexts_beyond: u64,
}

struct RateAccount {
    effect: RateEffect,
    contexts: BTreeMap<Box<[u8]>, ContextRow>,
}

/// What is found out about one request on the way.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not states")]
struct Found {
    waited_micros: u64,
    has_waited: bool,
    is_marked: bool,
    is_undecided: bool,
    /// The files could not decide.
    is_open: bool,
}

impl Account {
    pub(super) fn new(catalog: &Catalog, offenders: &[String]) -> Self {
        let rate = |(name, _): &(String, shaping::RateClass)| RateAccount {
            effect: RateEffect {
                class: name.clone(),
                observed: false,
                asked: 0,
                waited: Amount::default(),
                waits_micros: Spread::new(WAIT_STEPS),
                refused: 0,
                timed_out: 0,
                over_limit: 0,
                left: 0,
                backlog_max: 0,
                contexts: Vec::new(),
                contexts_waited: 0,
            },
            contexts: BTreeMap::new(),
        };
        let row = |name: &String| OffenderRow { name: name.clone(), hit: Hit::default() };
        Self {
            verdicts: [Amount::default(); Verdict::ALL.len()],
            saved: Saved::default(),
            rates: catalog.rate_classes.iter().map(rate).collect(),
            rules: Vec::new(),
            who: [Hit::default(); Who::ALL.len()],
            offenders: offenders.iter().map(row).collect(),
            then_and_now: ThenAndNow::default(),
            samples: Samples::default(),
            contexts_beyond: 0,
        }
    }

    /// A request is decided. `class` is the bandwidth class that paces its answer, and exists.
    pub(super) fn add(
        &mut self,
        transaction: &Transaction,
        facts: &HeldFacts,
        class: Option<&[u8]>,
    ) -> Decided {
        let bytes = facts.then.bytes.unwrap_or(0);
        let found = self.read(transaction, bytes);
        let status = if transaction.is_answered() { transaction.response().status() } else { 0 };
        let verdict = if found.is_open { Verdict::Undecidable } else { verdict_of(transaction, status) };
        let decided = Decided {
            number: facts.number,
            verdict,
            status: if found.is_open { 0 } else { status },
            waited_micros: found.waited_micros,
            class: class.map_or_else(Box::default, |name| String::from_utf8_lossy(name).into()),
            is_marked: found.is_marked,
            is_undecided: found.is_undecided,
        };
        self.count(&decided, facts, found.has_waited, class.is_some());
        if !matches!(verdict, Verdict::Passed | Verdict::Left | Verdict::Undecidable) {
            self.save(facts, answer_bytes(transaction));
        }
        self.compare(&decided, facts);
        self.sample(transaction, facts, &decided);
        decided
    }

    /// One that cannot be followed to its end.
    pub(super) fn add_unfollowed(&mut self, facts: &HeldFacts) {
        let decided = Decided {
            number: facts.number,
            verdict: Verdict::NotFollowed,
            status: 0,
            waited_micros: 0,
            class: Box::default(),
            is_marked: false,
            is_undecided: false,
        };
        self.count(&decided, facts, true, false);
    }

    fn count(&mut self, decided: &Decided, facts: &HeldFacts, has_waited: bool, is_slowed: bool) {
        let bytes = facts.then.bytes.unwrap_or(0);
        self.verdicts[decided.verdict as usize].add(bytes);
        let offender = facts.offender.and_then(|at| self.offenders.get_mut(usize::from(at)));
        let rows = [Some(&mut self.who[facts.who as usize]), offender.map(|row| &mut row.hit)];
        let is_kept = !matches!(decided.verdict, Verdict::Passed | Verdict::Undecidable | Verdict::Left);
        for hit in rows.into_iter().flatten() {
            hit.asked.add(bytes);
            for (is_so, amount) in [
                (has_waited || is_slowed || is_kept || decided.is_marked, &mut hit.hit),
                (has_waited, &mut hit.waited),
                (is_slowed, &mut hit.slowed),
                (decided.is_marked, &mut hit.marked),
                (is_kept, &mut hit.turned_away),
                (decided.is_undecided, &mut hit.undecidable),
            ] {
                if is_so {
                    amount.add(bytes);
                }
            }
        }
    }

    fn save(&mut self, facts: &HeldFacts, answered_bytes: u64) {
        if facts.then.status >= 400 {
            self.saved.refused_before += 1;
        } else {
            self.saved.requests += 1;
            let bytes = facts.then.bytes.unwrap_or(0).saturating_sub(answered_bytes);
            self.saved.bytes = self.saved.bytes.saturating_add(bytes);
        }
    }

    fn compare(&mut self, decided: &Decided, facts: &HeldFacts) {
        let both = &mut self.then_and_now;
        let then = facts.then.status == 403;
        let now = decided.verdict == Verdict::Refused && decided.status == 403;
        both.then += u64::from(then);
        both.now += u64::from(now);
        match (then, now) {
            _ if decided.verdict == Verdict::Undecidable && then => both.undecidable_then_refused += 1,
            _ if decided.verdict == Verdict::Undecidable => both.undecidable_then_served += 1,
            (true, true) => both.both += 1,
            (true, false) => both.only_then += 1,
            (false, true) => both.only_now += 1,
            (false, false) => {}
        }
    }

    /// Keeps the request as an example, if there are few like it yet.
    fn sample(&mut self, transaction: &Transaction, facts: &HeldFacts, decided: &Decided) {
        let is_refused = decided.verdict == Verdict::Refused && decided.status == 403;
        let of = [
            (decided.verdict == Verdict::Undecidable, SampleOf::Undecidable),
            (facts.then.status == 403 && !is_refused, SampleOf::OnlyThen),
            (facts.then.status != 403 && is_refused, SampleOf::OnlyNow),
            (!matches!(decided.verdict, Verdict::Passed | Verdict::Undecidable), SampleOf::Kept),
            (!decided.class.is_empty(), SampleOf::Slowed),
            (decided.is_marked, SampleOf::Marked),
            (decided.waited_micros > 0, SampleOf::Waited),
            (decided.is_undecided, SampleOf::Undecidable),
        ];
        for (_, of) in of.into_iter().filter(|(is_so, _)| *is_so) {
            if self.samples.has_room(of, facts.who) {
                self.samples.put(sample(of, transaction, facts, decided));
            }
        }
    }

    /// Reads the notes of a transaction.
    fn read(&mut self, transaction: &Transaction, bytes: u64) -> Found {
        let mut found = Found::default();
        let mut last_rule = usize::MAX;
        for (told, at) in transaction.told() {
            if let Told::Rate { .. } = told {
                self.read_rate(told, &at, bytes, &mut found);
            }
            if matches!(told, Told::Other | Told::Rate { waited_micros: 0, result: RateResult::Started, .. })
            {
                continue;
            }
            let name = at.rule();
            let known = self.rules.get(last_rule).is_some_and(|rule| rule.rule == name);
            let place = if known { last_rule } else { self.rule(name, at.is_observed()) };
            found.is_open |= matches!(told, Told::Undecidable { .. }) && at.is_of_file() && !at.is_observed();
            let rule = &mut self.rules[place];
            if last_rule != place {
                rule.decided.add(bytes);
                last_rule = place;
            }
            read_for_rule(rule, told, bytes, &mut found);
        }
        found
    }

    /// The place of a rule's row. There are as many as the catalog has rules and files.
    fn rule(&mut self, name: &str, observed: bool) -> usize {
        if let Some(place) = self.rules.iter().position(|rule| rule.rule == name && rule.observed == observed)
        {
            return place;
        }
        self.rules.push(RuleEffect {
            rule: name.to_owned(),
            observed,
            decided: Amount::default(),
            waited: Amount::default(),
            slowed: Amount::default(),
            marked: Amount::default(),
            marks: Vec::new(),
            refused: Amount::default(),
            statuses: Vec::new(),
            redirected: Amount::default(),
            faults: 0,
            first_fault: None,
            errands: Vec::new(),
            undecidable: Vec::new(),
            undecided: Amount::default(),
        });
        self.rules.len() - 1
    }

    fn read_rate(&mut self, told: Told<'_>, at: &ToldAt<'_>, bytes: u64, found: &mut Found) {
        let Told::Rate { class, context, backlog, waited_micros, result } = told else { return };
        let Some(rate) = self.rates.iter_mut().find(|rate| rate.effect.class.as_bytes() == class) else {
            return;
        };
        let effect = &mut rate.effect;
        effect.asked += 1;
        effect.backlog_max = effect.backlog_max.max(backlog);
        let is_turned = match result {
            RateResult::Refused => {
                effect.refused += 1;
                true
            }
            RateResult::TimedOut => {
                effect.timed_out += 1;
                true
            }
            RateResult::Left => {
                effect.left += 1;
                false
            }
            RateResult::OverLimit => {
                effect.over_limit += 1;
                false
            }
            RateResult::Started | RateResult::Waiting | RateResult::NoClass => false,
        };
        if waited_micros == 0 && !is_turned {
            return;
        }
        effect.observed |= at.is_observed();
        if waited_micros > 0 {
            effect.waited.add(bytes);
        }
        if result == RateResult::Started {
            effect.waits_micros.add(waited_micros);
        }
        if !at.is_observed() {
            found.has_waited = true;
            found.waited_micros = found.waited_micros.saturating_add(waited_micros);
        }
        let context = context.unwrap_or_default();
        let context = context.get(..CONTEXT_BYTES_MAX).unwrap_or(context);
        if rate.contexts.len() >= CONTEXTS_MAX && !rate.contexts.contains_key(context) {
            self.contexts_beyond += 1;
            return;
        }
        let row = rate.contexts.entry(context.into()).or_insert_with(|| ContextRow {
            context: shown(context),
            requests: 0,
            waited_micros: 0,
            longest_micros: 0,
        });
        row.requests += 1;
        row.waited_micros = row.waited_micros.saturating_add(waited_micros);
        row.longest_micros = row.longest_micros.max(waited_micros);
    }

    pub(super) fn verdicts(&self) -> Vec<VerdictRow> {
        let rows = Verdict::ALL.iter().map(|verdict| {
            let amount = self.verdicts[*verdict as usize];
            VerdictRow { verdict: *verdict, amount }
        });
        rows.filter(|row| row.amount.requests > 0 || row.verdict == Verdict::Passed).collect()
    }

    pub(super) fn who(&self) -> Vec<WhoRow> {
        let rows = Who::ALL.iter().map(|who| WhoRow { who: *who, hit: self.who[*who as usize] });
        rows.filter(|row| row.hit.asked.requests > 0).collect()
    }

    pub(super) fn finish(self) -> Sums {
        let limit = LimitReached {
            limit: "CONTEXTS_MAX",
            holds: CONTEXTS_MAX as u64,
            beyond: self.contexts_beyond,
            text: "so many contexts of one rate class are listed; waits in others are counted in the class only",
        };
        Sums {
            saved: self.saved,
            rates: self.rates.into_iter().filter(|rate| rate.effect.asked > 0).map(rate_effect).collect(),
            rules: self.rules,
            offenders: self.offenders,
            then_and_now: self.then_and_now,
            samples: self.samples.all(),
            limit: (self.contexts_beyond > 0).then_some(limit),
        }
    }
}

/// What an [`Account`] comes to.
pub(super) struct Sums {
    pub(super) saved: Saved,
    pub(super) rates: Vec<RateEffect>,
    pub(super) rules: Vec<RuleEffect>,
    pub(super) offenders: Vec<OffenderRow>,
    pub(super) then_and_now: ThenAndNow,
    pub(super) samples: Vec<Sample>,
    pub(super) limit: Option<LimitReached>,
}

fn rate_effect(rate: RateAccount) -> RateEffect {
    let mut contexts: Vec<ContextRow> = rate.contexts.into_values().collect();
    let contexts_waited = contexts.len() as u64;
    contexts.sort_by(|one, other| {
        other.waited_micros.cmp(&one.waited_micros).then_with(|| one.context.cmp(&other.context))
    });
    contexts.truncate(CONTEXTS_LISTED);
    RateEffect { contexts, contexts_waited, ..rate.effect }
}

fn verdict_of(transaction: &Transaction, status: u16) -> Verdict {
    match transaction.verdict() {
        "forward" => Verdict::Passed,
        "respond" | "htaccess" => match status {
            400.. => Verdict::Refused,
            300..400 => Verdict::Redirected,
            _ => Verdict::Answered,
        },
        "queue-refused" | "queue-timeout" | "guard-notice" => Verdict::TurnedAway,
        "guard-refused" => Verdict::Refused,
        "client-left" => Verdict::Left,
        "discard" | "undecided" => Verdict::Discarded,
        _ => Verdict::Failed,
    }
}

fn answer_bytes(transaction: &Transaction) -> u64 {
    if transaction.is_answered() { transaction.body().len() as u64 } else { 0 }
}

fn read_for_rule(rule: &mut RuleEffect, told: Told<'_>, bytes: u64, found: &mut Found) {
    let observed = rule.observed;
    match told {
        Told::Rate { waited_micros, result, .. } => {
            if waited_micros > 0 {
                rule.waited.add(bytes);
            }
            if matches!(result, RateResult::Refused | RateResult::TimedOut) {
                rule.refused.add(bytes);
            }
        }
        Told::BandwidthClass { side, class } => {
            if side == "response" && !class.is_empty() {
                rule.slowed.add(bytes);
            }
        }
        Told::Respond { status } => ended_with(rule, status, bytes),
        Told::Htaccess { status, .. } => {
            if let Some(status) = status {
                ended_with(rule, status, bytes);
            }
        }
        Told::Discard => rule.refused.add(bytes),
        Told::Cookie { name } => {
            rule.marked.add(bytes);
            found.is_marked |= !observed;
            let name = shown(name);
            if rule.marks.len() < STATUSES_MAX && !rule.marks.contains(&name) {
                rule.marks.push(name);
            }
        }
        Told::Errand { kind } => match rule.errands.iter_mut().find(|row| row.errand == kind) {
            Some(row) => row.times += 1,
            None => rule.errands.push(ErrandRow { errand: kind, times: 1 }),
        },
        Told::Undecidable { fact } => {
            if !found.is_undecided {
                rule.undecided.add(bytes);
            }
            found.is_undecided = true;
            unknown(rule, fact, bytes);
        }
        Told::Fault { text } => {
            rule.faults += 1;
            rule.first_fault.get_or_insert_with(|| shown(text.as_bytes()));
        }
        Told::Other => {}
    }
}

fn ended_with(rule: &mut RuleEffect, status: u16, bytes: u64) {
    if (300..400).contains(&status) {
        rule.redirected.add(bytes);
    } else if status >= 400 {
        rule.refused.add(bytes);
    }
    if let Some(row) = rule.statuses.iter_mut().find(|row| row.status == status) {
        row.requests += 1;
    } else if rule.statuses.len() < STATUSES_MAX {
        rule.statuses.push(StatusRow { status, requests: 1 });
    }
}

fn unknown(rule: &mut RuleEffect, fact: &[u8], bytes: u64) {
    let is_this = |row: &&mut UnknownRow| row.fact.as_bytes() == fact;
    if let Some(row) = rule.undecidable.iter_mut().find(is_this) {
        row.amount.add(bytes);
        return;
    }
    let name = if rule.undecidable.len() < FACTS_MAX { shown(fact) } else { "(others)".to_owned() };
    if let Some(row) = rule.undecidable.iter_mut().find(|row| row.fact == name) {
        row.amount.add(bytes);
        return;
    }
    rule.undecidable.push(UnknownRow { fact: name, amount: Amount { requests: 1, bytes } });
}

pub(super) fn sample(
    of: SampleOf,
    transaction: &Transaction,
    facts: &HeldFacts,
    decided: &Decided,
) -> Sample {
    let head = transaction.request();
    let field = |known| head.fields().known(known).map(shown);
    let last = transaction.told().filter(|(told, _)| *told != Told::Other).last();
    let by = last.and_then(|(_, at)| at.place()).map(|place| format!("{}:{}", place.rule, place.line));
    Sample {
        of,
        who: facts.who,
        at_unix_micros: facts.at_unix_micros,
        client: facts.client.to_string(),
        request: shown(&[head.method(), b" ", head.target()].concat()),
        referer: field(message::Known::Referer),
        user_agent: field(message::Known::UserAgent),
        then: facts.then.status,
        now: decided.status,
        verdict: decided.verdict,
        waited_micros: decided.waited_micros,
        by,
    }
}

/// What clients wrote, for people: control bytes escaped, cut where it is long.
pub(super) fn shown(text: &[u8]) -> String {
    /// Bytes of a text that are shown.
    const SHOWN_BYTES_MAX: usize = 200;
    let cut = text.get(..SHOWN_BYTES_MAX).unwrap_or(text);
    let mut out = String::with_capacity(cut.len());
    for c in String::from_utf8_lossy(cut).chars() {
        if c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c)
        {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    if cut.len() < text.len() {
        out.push('…');
    }
    out
}
