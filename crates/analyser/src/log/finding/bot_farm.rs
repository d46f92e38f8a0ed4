//! Many clients with few programs take one file, and say that a page of this site sent them, which none of them
//! opened. Rules on referers let them through.

use super::{Desk, Facts, counted, finding, human, percent_of, things};
use crate::log::crowd::Crowd;
use crate::{Confidence, Finding, Traits, Verdict};
use visit::RefererClass;

/// The share of requests that name an own page as referer.
const OWN_SHARE_MIN: f64 = 0.6;
/// The share of visitors with own referers who never opened a page that they name. A cache makes some; the rest of the site says how
/// many, and it has to be far more than that.
const FORGED_MIN: f64 = 0.8;
const FORGED_ABOVE_REST_MIN: f64 = 0.4;
/// The share of requests that two programs send: people have many kinds of browser.
const TWO_PROGRAMS_MIN: f64 = 0.8;
/// Fewer are one person at several places.
const CLIENTS_MIN: u64 = 5;
const NETWORKS_MIN: u64 = 4;
/// The least share of the domain's bytes: below, nobody needs to know.
const BYTES_SHARE_MIN: f64 = 0.05;
/// From these on every check speaks for it.
const SURE_TWO_PROGRAMS: f64 = 0.9;
const SURE_FORGED: f64 = 0.9;
const SURE_CLIENTS: u64 = 10;
const SURE_BYTES_SHARE: f64 = 0.2;
/// So many programs are named for a rule.
const PROGRAMS_NAMED: usize = 2;

pub(super) fn look(desk: &mut Desk<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, crowd) in &desk.scene.paths {
        if let Some(finding) = judge(desk, *path, crowd) {
            found.push(finding);
            desk.explained.push(*path);
        }
    }
    found
}

fn judge(desk: &Desk<'_>, path: u32, crowd: &Crowd) -> Option<Finding> {
    let domain = desk.scene.tally.paths.names.group(path);
    let all = desk.scene.domain(domain);
    let forged = human::share(crowd.forged_visitors, crowd.own_visitors);
    let bytes_share = human::share(crowd.bytes, all.bytes);
    let own_share = crowd.class_share(&[RefererClass::Own]);
    let is_media = desk.scene.tally.paths.known[path as usize].is_media();
    if desk.explained.contains(&path)
        || !is_media
        || !desk.scene.own.opens_pages(domain)
        || own_share < OWN_SHARE_MIN
        || forged < FORGED_MIN
        || forged < desk.scene.forged_share + FORGED_ABOVE_REST_MIN
        || crowd.own_visitors < CLIENTS_MIN
        || crowd.clients < CLIENTS_MIN
        || crowd.networks < NETWORKS_MIN
        || crowd.agents_share(2) < TWO_PROGRAMS_MIN
        || bytes_share < BYTES_SHARE_MIN
    {
        return None;
    }
    let is_sure = crowd.agents_share(2) >= SURE_TWO_PROGRAMS
        && forged >= SURE_FORGED
        && crowd.clients >= SURE_CLIENTS
        && bytes_share >= SURE_BYTES_SHARE;
    let confidence = if is_sure { Confidence::High } else { Confidence::Medium };
    let mut found = finding(Verdict::BotFarm, desk.path_name(path), confidence, counted(crowd));
    found.evidence = evidence(desk, crowd, domain).0;
    found.counter_check = format!(
        "whether a page of the site links {}: visitors whose browser has that page in its cache look the same, but come \
         with many programs and ask for other files too; and what the addresses are (hosting, or people's providers)",
        desk.path_name(path)
    );
    let programs = crowd.agents.iter().take(PROGRAMS_NAMED).filter_map(|agent| {
        let name = desk.scene.tally.agents.names.name(agent.0);
        (!name.is_empty()).then(|| std::str::from_utf8(name).ok().map(str::to_owned)).flatten()
    });
    found.traits = Traits {
        domain: desk.domain_name(domain),
        paths: desk.path_trait(path).into_iter().collect(),
        agents: programs.collect(),
        ..Traits::default()
    };
    Some(found)
}

fn evidence(desk: &Desk<'_>, crowd: &Crowd, domain: u16) -> Facts {
    let mut facts = Facts::default();
    desk.say_size(&mut facts, crowd, domain);
    let forged = human::share(crowd.forged_visitors, crowd.own_visitors);
    let text = format!(
        "{} of {} visitors say that a page of this site sent them which they never opened; of all its visitors with own \
         referers {} did so",
        human::count(crowd.forged_visitors),
        human::count(crowd.own_visitors),
        percent_of(desk.scene.forged_share),
    );
    facts.say("forged_share", forged, text);
    let text = format!(
        "two programs send {} of {} requests, from {} in {} networks: {}",
        percent_of(crowd.agents_share(2)),
        human::count(crowd.requests),
        things(crowd.clients, "address"),
        human::count(crowd.networks),
        programs(desk, crowd),
    );
    facts.say("two_programs_share", crowd.agents_share(2), text);
    if let Some((referer, requests, _)) = crowd.referers.first() {
        let url = desk.scene.tally.referers.names.shown(*referer);
        let share = human::share(*requests, crowd.requests);
        let text = format!("{} of them name {url}", human::percent(*requests, crowd.requests));
        facts.say("top_referer_share", share, text);
    }
    Desk::say_at_once(&mut facts, &crowd.at_once);
    desk.say_sample(&mut facts);
    facts
}

fn programs(desk: &Desk<'_>, crowd: &Crowd) -> String {
    let named = crowd.agents.iter().take(2).map(|(agent, requests, _)| {
        let name = desk.scene.tally.agents.names.shown(*agent);
        let name = if name.is_empty() { "(none)".to_owned() } else { name };
        format!("{name} ({})", human::count(*requests))
    });
    named.collect::<Vec<_>>().join("; ")
}
