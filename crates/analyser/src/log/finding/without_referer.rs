//! Media that is taken without a referer by clients who never open a page: players, apps, or pages that hide where
//! they are. Feeds, podcast apps and mail programs look the same by nature, so it takes more than the missing field.

use super::{Desk, Facts, counted, finding, human, percent_of, things};
use crate::log::chosen::Group;
use crate::log::crowd::Crowd;
use crate::log::summary::Dimension;
use crate::{Confidence, Finding, PathTrait, Traits, Verdict};
use visit::{Program, RefererClass, TargetKind};

/// The share without a referer.
const WITHOUT_MIN: f64 = 0.7;
/// So much more than the share among pages: where pages have none either (an intranet, a careful browser), it says
/// nothing.
const ABOVE_PAGES_MIN: f64 = 0.25;
/// The share of its visitors that never opened a page.
const ASSET_ONLY_MIN: f64 = 0.8;
/// Fewer are a person or two.
const CLIENTS_MIN: u64 = 10;
const REQUESTS_MIN: u64 = 50;
/// The share of the domain's bytes, and how many they are: below, it fills nobody's buffers.
const BYTES_SHARE_MIN: f64 = 0.2;
const BYTES_MIN: u64 = 50_000_000;
/// Programs that never send a referer by nature: readers of feeds, podcast apps, crawlers, tools. If they are so many,
/// nobody hides.
const HONEST_MAX: f64 = 0.5;
/// The share of an increase from which on it is this that grew.
const INCREASE_MIN: f64 = 0.3;

pub(super) fn look(desk: &mut Desk<'_>) -> Vec<Finding> {
    if !desk.summary.has_referer {
        return Vec::new();
    }
    let scene = desk.scene;
    let mut found = Vec::new();
    for (group, crowd) in &scene.groups {
        if let Some(finding) = judge(desk, group.domain, group.kind, crowd) {
            desk.explained.extend(crowd.paths.iter().map(|path| path.0));
            found.push(named_group(desk, finding, group));
        }
    }
    for (path, crowd) in &scene.paths {
        let domain = scene.tally.paths.names.group(*path);
        let kind = scene.tally.paths.known[*path as usize];
        if desk.explained.contains(path) {
            continue;
        }
        if let Some(mut finding) = judge(desk, domain, kind, crowd) {
            desk.explained.push(*path);
            finding.subject = desk.path_name(*path);
            finding.traits.paths = desk.path_trait(*path).into_iter().collect();
            found.push(finding);
        }
    }
    found
}

fn judge(desk: &Desk<'_>, domain: u16, kind: TargetKind, crowd: &Crowd) -> Option<Finding> {
    let pages = desk.summary.without_referer?.of_pages;
    let all = desk.scene.domain(domain);
    let without = crowd.class_share(&[RefererClass::None]);
    let honest =
        [Program::FeedReader, Program::Player, Program::Crawler, Program::Library, Program::Monitoring];
    if !kind.is_media()
        || !desk.scene.own.opens_pages(domain)
        || without < WITHOUT_MIN
        || without < pages + ABOVE_PAGES_MIN
        || crowd.asset_only_share() < ASSET_ONLY_MIN
        || crowd.clients < CLIENTS_MIN
        || crowd.requests < REQUESTS_MIN
        || human::share(crowd.bytes, all.bytes) < BYTES_SHARE_MIN
        || crowd.bytes < BYTES_MIN
        || desk.program_share(crowd, &honest) > HONEST_MAX
    {
        return None;
    }
    let increase = share_of_increase(desk, domain, kind, crowd);
    let confidence = match increase {
        Some(share) if share >= INCREASE_MIN => Confidence::High,
        _ => Confidence::Medium,
    };
    let mut found = finding(Verdict::HotLinkWithoutReferer, String::new(), confidence, counted(crowd));
    let mut facts = Facts::default();
    let text =
        format!("{} of these requests have no referer; of pages {}", percent_of(without), percent_of(pages));
    facts.say("without_referer_share", without, text);
    let text = format!(
        "{} of {} visitors who got them never opened a page",
        human::count(crowd.asset_only_visitors),
        human::count(crowd.media_visitors)
    );
    facts.say("asset_only_share", crowd.asset_only_share(), text);
    desk.say_size(&mut facts, crowd, domain);
    if let Some(share) = increase {
        facts.say(
            "share_of_increase",
            share,
            format!("it holds {} of the domain's increase", percent_of(share)),
        );
    }
    if let Some((network, requests, bytes)) = &crowd.top_network {
        let text = format!(
            "the network with most of it is {network}: {}, {}",
            things(*requests, "request"),
            human::percent(*bytes, crowd.bytes)
        );
        facts.say("top_network_share", human::share(*bytes, crowd.bytes), text);
    }
    Desk::say_at_once(&mut facts, &crowd.at_once);
    desk.say_sample(&mut facts);
    found.evidence = facts.0;
    let readers = desk.program_share(crowd, &[Program::FeedReader, Program::Player]);
    found.counter_check = format!(
        "feeds, podcast apps and mail programs send no referer either: {} of these requests name such a program; \
         refusing all without a referer refuses them too",
        percent_of(readers)
    );
    found.traits = Traits { domain: desk.domain_name(domain), is_without_referer: true, ..Traits::default() };
    Some(found)
}

fn named_group(desk: &Desk<'_>, mut finding: Finding, group: &Group) -> Finding {
    let folder = String::from_utf8_lossy(&group.folder).into_owned();
    finding.subject = match desk.domain_name(group.domain) {
        Some(domain) => format!("{} below {folder} on {domain}", group.kind.plural()),
        None => format!("{} below {folder}", group.kind.plural()),
    };
    let decoded = visit::percent_decoded(&group.folder);
    if let Ok(folder) = std::str::from_utf8(&decoded)
        && folder.len() > 1
    {
        finding.traits.paths = vec![PathTrait::Below(folder.to_owned())];
    }
    finding
}

/// Which share of the domain's increase this kind, or the most asked of these files, holds; `None` without an increase.
fn share_of_increase(desk: &Desk<'_>, domain: u16, kind: TargetKind, crowd: &Crowd) -> Option<f64> {
    let explained = &desk.domain_summary(domain)?.explained;
    let path = crowd.paths.first().map(|path| desk.path_name(path.0));
    explained
        .iter()
        .filter(|part| match part.dimension {
            Dimension::Kind => part.value == kind.plural(),
            Dimension::Path => Some(&part.value) == path.as_ref(),
            _ => false,
        })
        .map(|part| part.share_of_increase)
        .max_by(f64::total_cmp)
}
