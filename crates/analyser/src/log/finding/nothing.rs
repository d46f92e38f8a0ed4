//! Nothing stands out: said with what was looked at, so that a person can judge how much that is worth.

use super::{Desk, Facts, finding, human, percent_of, things};
use crate::log::summary::{Dimension, Domain};
use crate::{Confidence, Finding, Verdict};
use visit::RefererClass;

/// Fewer requests say nothing of what is usual.
const REQUESTS_MIN: u64 = 100;
/// A domain that stands out against its usual by fewer bytes changes nothing for the machine.
const INCREASE_SHARE_MIN: f64 = 0.2;
/// A month of so many times its usual is more than months differ by.
const MONTH_TIMES_MIN: f64 = 3.0;

pub(super) fn look(desk: &Desk<'_>, is_alone: bool) -> Finding {
    let all = desk.summary.total;
    let grown = desk.summary.domains.iter().find(|domain| has_grown(desk, domain));
    let confidence = match grown {
        _ if all.requests < REQUESTS_MIN => Confidence::Low,
        Some(_) => Confidence::Low,
        None if !is_alone => Confidence::Low,
        None if desk.summary.own_names.iter().any(|own| own.is_guess) => Confidence::Low,
        None if !desk.summary.has_referer => Confidence::Medium,
        None => Confidence::High,
    };
    let subject = grown.map_or_else(|| "the access log".to_owned(), |domain| domain.name.clone());
    let mut found = finding(Verdict::NothingUnusual, subject, confidence, all);
    let mut facts = Facts::default();
    say_whole(desk, &mut facts);
    if all.requests > 0 {
        say_usual(desk, &mut facts);
        say_most(desk, &mut facts);
    }
    found.evidence = facts.0;
    found.counter_check = counter_check(desk, grown);
    found
}

/// It stands out against its usual, and by enough to matter.
fn has_grown(desk: &Desk<'_>, domain: &Domain) -> bool {
    let matters = |bytes: u64, usual: u64| {
        human::share(bytes.saturating_sub(usual), desk.summary.total.bytes) >= INCREASE_SHARE_MIN
    };
    let hours = domain.against_usual.as_ref();
    let has_hours =
        hours.is_some_and(|usual| usual.unusual_hours > 1 && matters(usual.bytes, usual.usual_bytes));
    let month = domain.month.as_ref();
    let has_month = month
        .is_some_and(|month| month.times_usual >= MONTH_TIMES_MIN && matters(month.bytes, month.usual_bytes));
    has_hours || has_month
}

#[expect(clippy::cast_precision_loss, reason = "a number of requests for people")]
fn say_whole(desk: &Desk<'_>, facts: &mut Facts) {
    let all = desk.summary.total;
    if all.requests == 0 {
        return facts.say("requests", 0.0, "there is no request in it".to_owned());
    }
    let text = format!(
        "{} from {}, {} {}",
        things(all.requests, "request"),
        things(all.clients, "address"),
        human::bytes(all.bytes),
        desk.summary.bytes_meaning.word(),
    );
    facts.say("requests", all.requests as f64, text);
}

fn say_usual(desk: &Desk<'_>, facts: &mut Facts) {
    let Some(domain) = desk.summary.domains.first() else { return };
    if let Some(month) = &domain.month {
        let text = format!(
            "{} has used {} in {} days of {}: {:.1} times its usual month of {}",
            domain.name,
            human::bytes(month.bytes),
            month.days,
            month.month,
            month.times_usual,
            human::bytes(month.usual_bytes),
        );
        facts.say("month_times_usual", month.times_usual, text);
    }
    if let Some(usual) = &domain.against_usual {
        let times =
            usual.times_usual.map_or_else(String::new, |times| format!(", {times:.1} times its usual"));
        let text = format!(
            "the worst stretch of {} holds {} in {} unusual hours{times}, compared with {}",
            domain.name,
            human::bytes(usual.bytes),
            usual.unusual_hours,
            usual.baseline.label()
        );
        facts.say("robust_z", usual.robust_z, text);
        return;
    }
    let hours = domain.series.points.len();
    let text = if hours < 12 {
        "the log is too short to say what is usual: less than 12 hours".to_owned()
    } else {
        format!("no hour of {} stands out against its usual", domain.name)
    };
    facts.say("unusual_hours", 0.0, text);
}

fn say_most(desk: &Desk<'_>, facts: &mut Facts) {
    let all = desk.summary.total;
    if let Some(client) = desk.summary.clients.first() {
        let share = human::share(client.counted.bytes, all.bytes);
        let text =
            format!("the address with most bytes, {}, has {} of them", client.client, percent_of(share));
        facts.say("top_client_share", share, text);
    }
    if let Some(path) = desk.summary.paths.first() {
        let share = human::share(path.counted.bytes, all.bytes);
        let text = format!("the path with most bytes, {}, has {} of them", path.path, percent_of(share));
        facts.say("top_path_share", share, text);
    }
    if desk.summary.has_referer {
        let foreign = desk.summary.referer_classes.iter().find(|count| count.class == RefererClass::Other);
        let share = foreign.map_or(0.0, |count| human::share(count.bytes, all.bytes));
        facts.say(
            "foreign_share",
            share,
            format!("pages elsewhere refer {} of the bytes", percent_of(share)),
        );
    } else {
        let text = "the log has no referers: whether pages elsewhere use the files cannot be seen".to_owned();
        facts.0.push(crate::Evidence { what: "foreign_share", value: None, text });
    }
}

fn counter_check(desk: &Desk<'_>, grown: Option<&Domain>) -> String {
    if desk.summary.total.requests == 0 {
        return "whether this is the right file: no line of it could be read".to_owned();
    }
    let Some(domain) = grown else {
        return "whether the log covers the time of the trouble, and all virtual servers of the machine"
            .to_owned();
    };
    let parts: Vec<String> = domain
        .explained
        .iter()
        .filter(|part| matches!(part.dimension, Dimension::Path | Dimension::Referer | Dimension::Network))
        .take(4)
        .map(|part| format!("{} ({})", part.value, percent_of(part.share_of_increase)))
        .collect();
    format!(
        "it used more than usual, but nothing that is known as a cause fits; the increase is mostly: {}",
        if parts.is_empty() { "spread over everything".to_owned() } else { parts.join(", ") }
    )
}
