//! What stands out, as findings: one detector a file, each with its thresholds and their reasons.
//!
//! A detector says what it sees, how sure, and what a person should look at before acting. What small shares of a log
//! do is not worth a finding, and a log in which nothing stands out gets the finding that says so.

mod bot_farm;
mod client;
mod crawler;
mod deployment;
mod flash_crowd;
mod hot_link;
mod nothing;
mod popular_file;
mod without_referer;

use super::crowd::Crowd;
use super::scene::Scene;
use super::summary::{Concurrency, Domain, Summary};
use super::tally::Tallied;
use crate::human::{self, percent_of, things};
use crate::{Confidence, Counted, Evidence, Finding, PathTrait, Traits, Verdict};
use visit::Program;

/// What a detector looks at.
pub(super) struct Desk<'a> {
    scene: &'a Scene<'a>,
    summary: &'a Summary,
    /// Paths that a finding explains already: no other detector accuses them again.
    explained: Vec<u32>,
}

/// All findings of all detectors, the surest first, of equally sure ones the one with more bytes.
pub(super) fn look(scene: &Scene<'_>, summary: &Summary) -> Vec<Finding> {
    let mut desk = Desk { scene, summary, explained: Vec::new() };
    let mut findings = Vec::new();
    findings.extend(hot_link::look(&mut desk));
    findings.extend(bot_farm::look(&mut desk));
    findings.extend(client::look(&mut desk));
    findings.extend(crawler::look(&desk));
    findings.extend(flash_crowd::look(&mut desk));
    findings.extend(without_referer::look(&mut desk));
    findings.extend(deployment::look(&mut desk));
    findings.extend(popular_file::look(&mut desk));
    if findings.iter().all(|finding| finding.confidence == Confidence::Low) {
        findings.push(nothing::look(&desk, findings.is_empty()));
    }
    findings.sort_by(|one, other| {
        let rank = |finding: &Finding| (finding.confidence, finding.counted.bytes, finding.counted.requests);
        rank(other).cmp(&rank(one)).then_with(|| one.subject.cmp(&other.subject))
    });
    findings
}

/// Facts with their numbers, in the order in which they are said.
#[derive(Default)]
struct Facts(Vec<Evidence>);

impl Facts {
    fn say(&mut self, what: &'static str, value: f64, text: String) {
        self.0.push(Evidence { what, value: Some(value), text });
    }
}

impl Desk<'_> {
    /// The share of a crowd in all bytes of its domain, as evidence.
    fn say_size(&self, facts: &mut Facts, crowd: &Crowd, domain: u16) {
        let all = self.scene.domain(domain);
        let text = format!(
            "{} ({} of all) and {} {} ({} of all), from {}",
            things(crowd.requests, "request"),
            human::percent(crowd.requests, all.requests),
            human::bytes(crowd.bytes),
            self.summary.bytes_meaning.word(),
            human::percent(crowd.bytes, all.bytes),
            things(crowd.clients, "address"),
        );
        facts.say("share_of_bytes", human::share(crowd.bytes, all.bytes), text);
    }

    /// How many downloads a crowd had at once.
    #[expect(clippy::cast_precision_loss, reason = "a number of downloads")]
    fn say_at_once(facts: &mut Facts, at_once: &Concurrency) {
        if at_once.peak_to < 2 {
            return;
        }
        let text = if at_once.is_exact {
            format!("{} downloads at once at its peak, by the durations in the log", at_once.peak_to)
        } else {
            let (from, to) = (at_once.peak_from, at_once.peak_to);
            let range = if from == to { from.to_string() } else { format!("{from} to {to}") };
            format!(
                "{range} downloads at once at its peak, if clients take 2 to 0.25 MB/s (the log has no durations)"
            )
        };
        facts.say("at_once_peak", at_once.peak_to as f64, text);
    }

    /// Paths of which a crowd has half or more, of requests or of bytes, are explained by it.
    fn explain(&mut self, crowd: &Crowd, size: impl Fn(Tallied) -> u64) {
        let tally = self.scene.tally;
        let mostly = crowd.paths.iter().filter(|(path, requests, bytes)| {
            let theirs = Tallied { requests: *requests, bytes: *bytes };
            2 * size(theirs) >= size(tally.paths.tallied[*path as usize])
        });
        self.explained.extend(mostly.map(|path| path.0));
    }

    /// The name of a domain; `None` if nothing names it.
    fn domain_name(&self, domain: u16) -> Option<String> {
        let name = self.scene.tally.domains.names.shown(u32::from(domain));
        (!name.starts_with('(')).then_some(name)
    }

    /// The domain that got most of a crowd's requests.
    fn domain_of(&self, crowd: &Crowd) -> u16 {
        crowd.paths.first().map_or(0, |path| self.scene.tally.paths.names.group(path.0))
    }

    fn domain_summary(&self, domain: u16) -> Option<&Domain> {
        let name = self.scene.tally.domains.names.shown(u32::from(domain));
        self.summary.domains.iter().find(|domain| domain.name == name)
    }

    /// The share of a crowd's requests that come from programs of these kinds.
    fn program_share(&self, crowd: &Crowd, programs: &[Program]) -> f64 {
        let known = &self.scene.tally.agents.known;
        let of = crowd.agents.iter().filter(|agent| programs.contains(&known[agent.0 as usize]));
        human::share(of.map(|agent| agent.1).sum(), crowd.requests)
    }

    /// What a path is, for a rule; `None` where its bytes are no text.
    fn path_trait(&self, path: u32) -> Option<PathTrait> {
        let name = self.scene.tally.paths.names.name(path);
        let decoded = visit::percent_decoded(name);
        std::str::from_utf8(&decoded).ok().map(|text| PathTrait::Is(text.to_owned()))
    }

    fn path_name(&self, path: u32) -> String {
        self.scene.tally.paths.names.shown(path)
    }

    /// Whether relations are of all clients, as evidence where they are not.
    #[expect(clippy::cast_precision_loss, reason = "a power of two")]
    fn say_sample(&self, facts: &mut Facts) {
        let one_in = self.scene.tally.rows.one_in();
        if one_in > 1 {
            let text = format!(
                "shares and numbers of clients are reckoned from one client in {one_in}: the log is long"
            );
            facts.say("relations_of_one_in", one_in as f64, text);
        }
    }
}

fn counted(crowd: &Crowd) -> Counted {
    Counted { requests: crowd.requests, bytes: crowd.bytes, clients: crowd.clients }
}

fn finding(verdict: Verdict, subject: String, confidence: Confidence, counted: Counted) -> Finding {
    Finding {
        verdict,
        subject,
        confidence,
        evidence: Vec::new(),
        counter_check: String::new(),
        counted,
        traits: Traits::default(),
    }
}
