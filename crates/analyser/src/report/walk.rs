//! The hoster's path: what is asked one after the other, what came out, and where nobody can tell.

use super::shown::{Detail, moment, plain, times};
use super::{Finding, Log, Report, Step, Verdict};
use crate::human::{self, things};
use crate::log::{BytesSaid, Concurrency, Dimension, Domain, Explained};
use crate::pressure::Room;

/// Characters of a name in a sentence.
const NAME_MAX: usize = 120;
/// Lines of evidence of one step.
const EVIDENCE_MAX: usize = 8;
/// An increase is told of where it is so many times the usual.
const TIMES_TOLD: f64 = 2.0;

/// Fills in the steps and the answer.
pub(super) fn walk(report: &mut Report) {
    let log = report.log.as_ref();
    let steps = vec![
        pressure(report),
        mail(report),
        domain(log),
        path(log, &report.findings),
        who(log, &report.findings),
        visitors(log, &report.findings),
        at_once(log, report.pressure.as_ref().and_then(|pressure| pressure.room())),
        proposal(report),
    ];
    report.answer = answer(report);
    report.steps = steps;
}

/// Evidence on how clients behave, by its names.
const BEHAVIOUR: [&str; 7] = [
    "asset_only_share",
    "forged_share",
    "requests_per_client",
    "programs",
    "foreign_share",
    "media_share",
    "page_share",
];

/// A step that found nothing to look at.
fn unseen(name: &'static str, question: &'static str, why: &str) -> Step {
    Step {
        name,
        question,
        answer: "not looked at".to_owned(),
        evidence: Vec::new(),
        cannot_tell: Some(why.to_owned()),
    }
}

fn pressure(report: &Report) -> Step {
    let (name, question) = ("pressure", "Do send buffers run out?");
    let Some(pressure) = &report.pressure else {
        return unseen(name, question, "no counters were given (--beancounters, --proc-root)");
    };
    let mut evidence: Vec<String> =
        pressure.evidence.iter().take(EVIDENCE_MAX).map(|evidence| evidence.text.clone()).collect();
    if let Some(room) = pressure.room().filter(|room| !evidence.contains(&room.sentence)) {
        evidence.push(room.sentence.clone());
    }
    let is_told = pressure.sentence.starts_with("cannot tell");
    let cannot_tell = (pressure.is_failing_now.is_none() && !is_told).then(|| {
        "cannot tell whether it is failing now: one reading says what happened since the start".to_owned()
    });
    Step { name, question, answer: pressure.sentence.clone(), evidence, cannot_tell }
}

fn mail(report: &Report) -> Step {
    let (name, question) = ("mail", "Is it mail?");
    let Some(mail) = &report.mail else {
        return unseen(
            name,
            question,
            "no mail log was given (--mail), and none was found in the usual places",
        );
    };
    let evidence =
        mail.evidence.iter().take(EVIDENCE_MAX).map(|evidence| plain(&evidence.text, 400)).collect();
    let is_open = mail.verdict == crate::mail::MailVerdict::CannotTell;
    let cannot_tell = is_open.then(|| "cannot tell whether mail is the cause".to_owned());
    Step { name, question, answer: plain(&mail.sentence, 400), evidence, cannot_tell }
}

const NO_LOG: &str = "no access log was given (--logs), and none was found in the usual places";

/// Domains that took much more than usual, and how many times as much; the worst first.
fn grown(log: &Log) -> Vec<(&Domain, f64)> {
    let told =
        |domain: &&Domain| domain.against_usual.as_ref().is_none_or(|against| against.unusual_hours > 0);
    let domains = log.summary.domains.iter().filter(told);
    let mut grown: Vec<(&Domain, f64)> =
        domains.filter_map(|domain| Some((domain, times_usual(domain)?))).collect();
    grown.retain(|(_, times)| *times >= TIMES_TOLD);
    grown.sort_by(|one, other| other.1.total_cmp(&one.1));
    grown
}

fn grown_text(domain: &Domain, factor: f64) -> String {
    format!("{} took {} times what it usually takes", plain(&domain.name, NAME_MAX), times(factor))
}

fn domain(log: Option<&Log>) -> Step {
    let (name, question) = ("domain", "Which domain uses more than usual?");
    let Some(log) = log else { return unseen(name, question, NO_LOG) };
    let has_usual = log.summary.domains.iter().any(|domain| times_usual(domain).is_some());
    let grown = grown(log);
    let mut evidence = Vec::new();
    for (domain, _) in grown.iter().take(3) {
        evidence.extend(domain_evidence(domain, log));
    }
    if grown.is_empty() {
        evidence.extend(log.summary.domains.iter().take(3).map(|domain| {
            let counted = &domain.counted;
            format!(
                "{}: {}, {}, {}",
                plain(&domain.name, NAME_MAX),
                things(counted.requests, "request"),
                human::bytes(counted.bytes),
                things(counted.clients, "client")
            )
        }));
    }
    let answer = match grown.first() {
        Some((domain, factor)) => grown_text(domain, *factor),
        None if log.summary.total.requests == 0 => "no requests stand in the logs".to_owned(),
        None if has_usual => "no domain took much more than usual".to_owned(),
        None => {
            format!("{}, and nothing to compare with", things(log.summary.domains.len() as u64, "domain"))
        }
    };
    let cannot_tell = (!has_usual).then(|| {
        "cannot tell what is usual: the log is too short, and no earlier run is remembered".to_owned()
    });
    Step { name, question, answer, evidence, cannot_tell }
}

/// By how much a domain is over its usual: the month, or the worst stretch of hours.
fn times_usual(domain: &Domain) -> Option<f64> {
    let hours = domain.against_usual.as_ref().and_then(|against| against.times_usual);
    let month = domain.month.as_ref().map(|month| month.times_usual);
    hours.into_iter().chain(month).max_by(f64::total_cmp)
}

fn domain_evidence(domain: &Domain, log: &Log) -> Vec<String> {
    let mut out = Vec::new();
    let name = plain(&domain.name, NAME_MAX);
    let span = log.summary.span.as_ref();
    if let Some(against) = &domain.against_usual {
        out.push(format!(
            "{name}: {} from {} to {}, where {} are usual (robust z {:.1}; compared with {})",
            human::bytes(against.bytes),
            moment(against.from_unix, span, Detail::Minute),
            moment(against.to_unix, span, Detail::Minute),
            human::bytes(against.usual_bytes),
            against.robust_z,
            against.baseline.label()
        ));
    }
    if let Some(month) = &domain.month {
        out.push(format!(
            "{name}: {} in {} ({} days), {} times the usual month of {} (of {} months)",
            human::bytes(month.bytes),
            month.month,
            month.days,
            times(month.times_usual),
            human::bytes(month.usual_bytes),
            month.months
        ));
    }
    if let Some(change) = &domain.change {
        out.push(format!(
            "{name}: since {} {} an hour, {} before",
            moment(change.at_unix, span, Detail::Minute),
            human::bytes(change.after),
            human::bytes(change.before)
        ));
    }
    out
}

/// What explains increases, of all domains, in one dimension.
fn explained(log: &Log, dimension: Dimension) -> Vec<&Explained> {
    let all = log.summary.domains.iter().flat_map(|domain| domain.explained.iter());
    let mut found: Vec<&Explained> = all.filter(|one| one.dimension == dimension).collect();
    found.sort_by(|one, other| other.share_of_increase.total_cmp(&one.share_of_increase));
    found
}

fn explained_text(one: &Explained) -> String {
    // kinds are named in the plural
    let explains = if one.dimension == Dimension::Kind { "explain" } else { "explains" };
    format!(
        "{} {explains} {} of the increase",
        plain(&one.value, NAME_MAX),
        human::percent_of(one.share_of_increase)
    )
}

fn path(log: Option<&Log>, findings: &[Finding]) -> Step {
    let (name, question) = ("path", "Which files?");
    let Some(log) = log else { return unseen(name, question, NO_LOG) };
    let summary = &log.summary;
    let grown = explained(log, Dimension::Path);
    let mut evidence: Vec<String> = grown.iter().take(3).map(|one| explained_text(one)).collect();
    evidence.extend(explained(log, Dimension::Kind).iter().take(2).map(|one| explained_text(one)));
    evidence.extend(summary.paths.iter().take(3).map(|row| {
        format!(
            "{}: {}, {} ({} of all), {}",
            plain(&row.path, NAME_MAX),
            things(row.counted.requests, "request"),
            human::bytes(row.counted.bytes),
            human::percent(row.counted.bytes, summary.total.bytes),
            things(row.counted.clients, "client")
        )
    }));
    let accused = findings.iter().find_map(|finding| finding.traits.paths.first());
    let answer = match (grown.first(), accused, summary.paths.first()) {
        (Some(first), ..) => explained_text(first),
        (None, Some(path), _) => format!("{} (see the findings)", plain(path.said(), NAME_MAX)),
        (None, None, Some(first)) => format!(
            "{} takes most: {} of all bytes; that it is big does not make it a culprit",
            plain(&first.path, NAME_MAX),
            human::percent(first.counted.bytes, summary.total.bytes)
        ),
        (None, None, None) => "no files were asked for".to_owned(),
    };
    evidence.truncate(EVIDENCE_MAX);
    let cannot_tell = bytes_doubt(summary.bytes_meaning);
    Step { name, question, answer, evidence, cannot_tell }
}

/// What the bytes of the log do not say.
fn bytes_doubt(meaning: BytesSaid) -> Option<String> {
    match meaning {
        BytesSaid::Sent => None,
        BytesSaid::Promised => Some(
            "the log counts what was promised, also where the client hung up: bytes are an upper bound (log %O)".to_owned(),
        ),
        BytesSaid::Unclear => Some(
            "cannot tell whether the log counts what was sent (%O) or promised (%b): the lines look alike; say it with \
             --log-format"
                .to_owned(),
        ),
        BytesSaid::None => Some("the log has no bytes".to_owned()),
    }
}

fn who(log: Option<&Log>, findings: &[Finding]) -> Step {
    let (name, question) = ("who", "From which pages, networks and programs?");
    let Some(log) = log else { return unseen(name, question, NO_LOG) };
    let summary = &log.summary;
    let mut evidence = Vec::new();
    for dimension in [Dimension::Referer, Dimension::Network, Dimension::Agent] {
        evidence.extend(explained(log, dimension).iter().take(2).map(|one| explained_text(one)));
    }
    for row in summary.referers.iter().filter(|row| row.class.may_be_accused()).take(3) {
        let asset_only = match row.asset_only_share {
            Some(share) => format!(", {} of its media clients never opened a page", human::percent_of(share)),
            None => String::new(),
        };
        evidence.push(format!(
            "{}: {}, {}, {}{asset_only}",
            plain(&row.domain, NAME_MAX),
            things(row.counted.requests, "request"),
            human::bytes(row.counted.bytes),
            things(row.counted.clients, "client")
        ));
    }
    if let Some(share) = &summary.without_referer {
        evidence.push(format!(
            "{} of media were asked for without a referer, {} of pages",
            human::percent_of(share.of_media),
            human::percent_of(share.of_pages)
        ));
    }
    evidence.extend(summary.networks.first().map(|row| {
        format!(
            "the busiest network is {}: {}, {} ({} of all)",
            plain(&row.network, NAME_MAX),
            things(row.counted.requests, "request"),
            human::bytes(row.counted.bytes),
            human::percent(row.counted.bytes, summary.total.bytes)
        )
    }));
    evidence.truncate(EVIDENCE_MAX + 2);
    let answer = match findings.iter().find(|finding| is_about_log(finding)) {
        Some(finding) => said(finding),
        None => "nobody stands out".to_owned(),
    };
    let cannot_tell = match summary.own_names.iter().find(|own| own.is_guess) {
        _ if !summary.has_referer => {
            Some("this log has no referers: nobody can tell from which pages".to_owned())
        }
        Some(own) => Some(format!(
            "{} is taken for the site itself: most referers name it, and nobody opens pages in this log; if it is \
             somebody else's, say what the site is called (--own)",
            plain(&own.name, NAME_MAX)
        )),
        None => None,
    };
    Step { name, question, answer, evidence, cannot_tell }
}

fn is_about_log(finding: &Finding) -> bool {
    !matches!(finding.verdict, Verdict::RogueMail | Verdict::PasswordGuessing | Verdict::NothingUnusual)
}

/// A finding as a sentence without its end.
pub(super) fn said(finding: &Finding) -> String {
    let subject = plain(&finding.subject, NAME_MAX);
    if finding.verdict == Verdict::NothingUnusual {
        return "nothing unusual".to_owned();
    }
    format!("{}: {subject} ({})", finding.verdict.label(), finding.confidence.label())
}

/// How much a finding is about, in its own units; `None` if it is about nothing that can be counted.
pub(super) fn counted_said(finding: &Finding) -> Option<String> {
    let counted = &finding.counted;
    let counted_as = |one: &str| things(counted.requests, one);
    match finding.verdict {
        _ if counted.requests == 0 => None,
        Verdict::RogueMail => Some(counted_as("message")),
        Verdict::PasswordGuessing => Some(counted_as("attempt")),
        _ => {
            let clients = things(counted.clients, "client");
            Some(format!("{}, {}, {clients}", counted_as("request"), human::bytes(counted.bytes)))
        }
    }
}

fn visitors(log: Option<&Log>, findings: &[Finding]) -> Step {
    let (name, question) = ("visitors", "Do they behave as visitors?");
    if log.is_none() {
        return unseen(name, question, NO_LOG);
    }
    let about: Vec<&Finding> = findings.iter().filter(|finding| is_about_log(finding)).collect();
    let mut evidence = Vec::new();
    for finding in about.iter().take(3) {
        let subject = plain(&finding.subject, NAME_MAX);
        let texts = finding.evidence.iter().filter(|evidence| BEHAVIOUR.contains(&evidence.what));
        evidence.extend(texts.map(|evidence| format!("{subject}: {}", plain(&evidence.text, 400))));
    }
    let answer = match about.first() {
        None => "as far as the log tells, yes".to_owned(),
        Some(first) => match first.verdict {
            Verdict::FlashCrowd | Verdict::HeavyUser | Verdict::PopularFile | Verdict::OwnDeployment => {
                format!("yes: {}", said(first))
            }
            Verdict::Crawler | Verdict::Monitoring => {
                format!("no, but it is a known kind of program: {}", said(first))
            }
            _ => format!("no: {}", said(first)),
        },
    };
    Step { name, question, answer, evidence, cannot_tell: None }
}

fn at_once(log: Option<&Log>, room: Option<&Room>) -> Step {
    let (name, question) = ("at-once", "How many at once, against what the buffers hold?");
    let Some(log) = log else {
        let mut step = unseen(name, question, NO_LOG);
        step.evidence.extend(room.map(|room| room.sentence.clone()));
        return step;
    };
    let concurrency = &log.summary.concurrency;
    let span = log.summary.span.as_ref();
    let mut evidence = vec![mean_text(concurrency)];
    if let Some(at) = concurrency.peak_at_unix {
        evidence.push(format!("{} at {}", peak_text(concurrency), moment(at, span, Detail::Minute)));
    }
    evidence.extend(room.map(|room| room.sentence.clone()));
    let answer = match room {
        None => peak_text(concurrency),
        Some(room) => {
            let against = match (concurrency.peak_from, concurrency.peak_to) {
                (from, _) if from >= room.downloads.most => "more than fill the buffers",
                (_, to) if to >= room.downloads.least => "that can fill the buffers",
                _ => "too few to fill the buffers",
            };
            let (least, most) = (room.downloads.least, room.downloads.most);
            format!(
                "{}: {against} ({} to {} slow ones do)",
                peak_text(concurrency),
                human::count(least),
                human::count(most)
            )
        }
    };
    let cannot_tell = (!concurrency.is_exact).then(|| {
        "the log does not say how long answers took (log %D): durations are bytes by an assumed 0.25 to 2 MB/s".to_owned()
    });
    Step { name, question, answer, evidence, cannot_tell }
}

fn peak_text(concurrency: &Concurrency) -> String {
    match (concurrency.peak_from, concurrency.peak_to) {
        (from, to) if from == to => format!("at most {} at once", things(to, "download")),
        (from, to) => format!("at most {from} to {to} downloads at once"),
    }
}

fn mean_text(concurrency: &Concurrency) -> String {
    match (concurrency.mean_from, concurrency.mean_to) {
        (from, to) if (from - to).abs() < 0.005 => format!("{to:.2} downloads at once on average"),
        (from, to) => format!("{from:.2} to {to:.2} downloads at once on average"),
    }
}

fn proposal(report: &Report) -> Step {
    let (name, question) = ("proposal", "What can be done?");
    let evidence = report
        .proposals
        .iter()
        .take(EVIDENCE_MAX)
        .map(|proposal| format!("{}: {}", proposal.id, proposal.summary))
        .collect();
    let answer = match (report.proposals.first(), report.findings.first()) {
        (Some(first), _) => format!("begin with: tidegate apply {} --observe", first.id),
        (None, Some(finding)) if finding.verdict == Verdict::RogueMail => {
            "stop the sender named above; no rule of a web server does it".to_owned()
        }
        (None, Some(finding)) if finding.verdict == Verdict::PasswordGuessing => {
            "nothing against web clients; password guessing is for the mail server's own limits".to_owned()
        }
        (None, _)
            if report.pressure.as_ref().is_some_and(|pressure| pressure.is_failing_now == Some(true)) =>
        {
            "no rule can be proposed: who takes the resources is not in what was looked at".to_owned()
        }
        (None, _) => "nothing needs to be done".to_owned(),
    };
    Step { name, question, answer, evidence, cannot_tell: None }
}

/// The answer in three sentences: is there trouble, who makes it, what to do.
fn answer(report: &Report) -> Vec<String> {
    let first = match (&report.pressure, &report.log) {
        (Some(pressure), _) => sentence(&pressure.sentence),
        (None, Some(log)) => format!(
            "{} and {} in the access log; send buffers were not looked at.",
            things(log.summary.total.requests, "request"),
            human::bytes(log.summary.total.bytes)
        ),
        (None, None) => "Neither counters nor access logs were read.".to_owned(),
    };
    let mail = match report.mail.as_ref().map(|mail| mail.verdict) {
        Some(crate::mail::MailVerdict::Cleared) => "mail is cleared; ",
        _ => "",
    };
    let second = match report.findings.first() {
        Some(finding) if finding.verdict != Verdict::NothingUnusual => {
            let fact = finding
                .evidence
                .first()
                .map(|evidence| format!(": {}", plain(&evidence.text, 300)))
                .unwrap_or_default();
            sentence(&format!("{mail}{}{fact}", said(finding)))
        }
        _ => match &report.log {
            Some(log) => sentence(&format!("{mail}{}", nothing_in(log))),
            None => sentence(&format!("{mail}nobody is accused")),
        },
    };
    let third = match report.proposals.first() {
        Some(proposal) => {
            format!(
                "Proposed: {} (tidegate apply {} --observe).",
                proposal.summary.trim_end_matches('.'),
                proposal.id
            )
        }
        None => "No rule is proposed.".to_owned(),
    };
    vec![first, second, third]
}

/// Where nobody stands out: a site may use many times its usual all the same, by all of its visitors together.
fn nothing_in(log: &Log) -> String {
    match grown(log).first() {
        Some((domain, factor)) => {
            format!("{}, and nobody stands out in its access log", grown_text(domain, *factor))
        }
        None if log.summary.total.requests == 0 => "no request stands in the access logs".to_owned(),
        None => "nothing unusual in the access logs".to_owned(),
    }
}

/// A text that begins in upper case and ends with a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}
