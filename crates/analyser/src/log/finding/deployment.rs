//! The site's own doing: a new release that its visitors fetch, or files that browsers are not allowed to keep.

use super::{Desk, Facts, counted, finding, human, percent_of};
use crate::log::crowd::Crowd;
use crate::log::summary::Dimension;
use crate::{Confidence, Finding, Verdict};
use visit::RefererClass;

/// The share of requests that own pages refer.
const OWN_SHARE_MIN: f64 = 0.6;
/// Its visitors open pages: so many of them never did, at most.
const ASSET_ONLY_MAX: f64 = 0.3;
/// The share of the increase that new files hold together.
const INCREASE_MIN: f64 = 0.4;
/// A file is new if so much of its present rate it had before.
const NEW_MAX: f64 = 0.02;
/// Whole answers a client gets of the same file: more says that it may not keep it.
const REPEATS_MIN: u64 = 4;
/// The share of answers "unchanged": where there are some, caches work.
const UNCHANGED_MAX: f64 = 0.05;
/// The share of the domain's bytes from which on this matters, and how many they are.
const BYTES_SHARE_MIN: f64 = 0.15;
const BYTES_MIN: u64 = 20_000_000;
/// Fewer visitors say nothing.
const CLIENTS_MIN: u64 = 10;

pub(super) fn look(desk: &mut Desk<'_>) -> Vec<Finding> {
    let mut found = releases(desk);
    found.extend(uncached(desk));
    found
}

fn is_of_visitors(crowd: &Crowd) -> bool {
    crowd.class_share(&[RefererClass::Own]) >= OWN_SHARE_MIN
        && crowd.asset_only_share() <= ASSET_ONLY_MAX
        && crowd.clients >= CLIENTS_MIN
}

/// New files that hold an increase, wanted by the site's own visitors.
fn releases(desk: &mut Desk<'_>) -> Vec<Finding> {
    let scene = desk.scene;
    let mut found = Vec::new();
    for domain in &desk.summary.domains {
        let number = scene.tally.domains.names.known(0, domain.name.as_bytes());
        let new: Vec<(u32, &Crowd, f64)> = scene
            .paths
            .iter()
            .filter(|(path, crowd)| {
                Some(u32::from(scene.tally.paths.names.group(*path))) == number
                    && !desk.explained.contains(path)
                    && is_of_visitors(crowd)
            })
            .filter_map(|(path, crowd)| {
                let name = desk.path_name(*path);
                let part = domain
                    .explained
                    .iter()
                    .find(|part| part.dimension == Dimension::Path && part.value == name)?;
                (part.before <= NEW_MAX * part.during).then_some((*path, crowd, part.share_of_increase))
            })
            .collect();
        let increase: f64 = new.iter().map(|new| new.2).sum();
        let Some((path, crowd, _)) = new.first().copied().filter(|_| increase >= INCREASE_MIN) else {
            continue;
        };
        let mut facts = Facts::default();
        let names: Vec<String> = new.iter().take(3).map(|new| desk.path_name(new.0)).collect();
        let text = format!(
            "{} new, {} of the increase: {}",
            if new.len() == 1 { "one file is".to_owned() } else { format!("{} files are", new.len()) },
            percent_of(increase),
            names.join(", ")
        );
        facts.say("share_of_increase", increase, text);
        say_visitors(&mut facts, crowd);
        desk.say_size(&mut facts, crowd, scene.tally.paths.names.group(path));
        Desk::say_at_once(&mut facts, &crowd.at_once);
        let mut one =
            finding(Verdict::OwnDeployment, desk.path_name(path), Confidence::Medium, counted(crowd));
        one.evidence = facts.0;
        one.counter_check = String::from("whether the owner has put these files there at that time");
        desk.explained.extend(new.iter().map(|new| new.0));
        found.push(one);
    }
    found
}

/// Files that the same clients fetch whole again and again.
fn uncached(desk: &mut Desk<'_>) -> Vec<Finding> {
    let scene = desk.scene;
    let mut found = Vec::new();
    for (path, crowd) in &scene.paths {
        let domain = scene.tally.paths.names.group(*path);
        let share = human::share(crowd.bytes, scene.domain(domain).bytes);
        if desk.explained.contains(path)
            || !is_of_visitors(crowd)
            || crowd.requests < REPEATS_MIN * crowd.clients
            || crowd.parts > 0
            || human::share(crowd.unchanged, crowd.requests) > UNCHANGED_MAX
            || share < BYTES_SHARE_MIN
            || crowd.bytes < BYTES_MIN
        {
            continue;
        }
        let mut facts = Facts::default();
        let times = crowd.requests / crowd.clients.max(1);
        let text = format!(
            "each client fetches it {times} times in the mean, and caches answer for hardly any of it"
        );
        #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
        facts.say("requests_per_client", times as f64, text);
        say_visitors(&mut facts, crowd);
        desk.say_size(&mut facts, crowd, domain);
        let name = desk.path_name(*path);
        let mut one = finding(Verdict::OwnDeployment, name, Confidence::Medium, counted(crowd));
        one.evidence = facts.0;
        one.counter_check = String::from(
            "which Cache-Control and ETag the file is sent with: letting browsers keep it saves most \
                             of this, and refuses nobody",
        );
        desk.explained.push(*path);
        found.push(one);
    }
    found
}

fn say_visitors(facts: &mut Facts, crowd: &Crowd) {
    let own = crowd.class_share(&[RefererClass::Own]);
    let text = format!(
        "own pages refer {} of it, and {} of its visitors opened pages",
        percent_of(own),
        percent_of(1.0 - crowd.asset_only_share())
    );
    facts.say("own_share", own, text);
}
