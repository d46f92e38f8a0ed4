//! One client with very much: a leech, a robot, a monitor, or somebody who uses the site.

use super::{Desk, Facts, counted, finding, human, percent_of, things};
use crate::log::clients::ClientSum;
use crate::log::crowd::Crowd;
use crate::log::networks::client_name;
use crate::{Confidence, Finding, Traits, Verdict};
use ipnet::IpNet;
use visit::{Program, RefererClass};

/// The share of all bytes that one address must take.
const BYTES_SHARE_MIN: f64 = 0.25;
/// And so many bytes: less fills nobody's buffers, however large a share of a small log it is.
const BYTES_MIN: u64 = 50_000_000;
/// Where fewer addresses ask, one of them has much by nature.
const CLIENTS_MIN: u64 = 10;
/// An address with more programs is many people behind one: a proxy, an office.
const PROGRAMS_MAX: u32 = 8;
/// From this share of all bytes on it is sure.
const SURE_BYTES_SHARE: f64 = 0.5;
/// Whose requests are pages and files named by own pages to this share behaves as people do.
const PAGES_SHARE_MIN: f64 = 0.02;
const OWN_SHARE_MIN: f64 = 0.3;
/// One that only looks whether the site is up: the share of all requests.
const MONITOR_SHARE_MIN: f64 = 0.2;
/// The number of requests below which nothing can be said of their rhythm, and the number of paths.
const MONITOR_REQUESTS_MIN: u64 = 100;
const MONITOR_PATHS_MAX: usize = 3;
/// A clock's requests are in nearly every hour alike: the quietest of the middle hours has this share of the busiest.
const MONITOR_EVEN_MIN: f64 = 0.8;
const MONITOR_HOURS_MIN: usize = 4;

pub(super) fn look(desk: &mut Desk<'_>) -> Vec<Finding> {
    if desk.scene.clients.count < 2 {
        return Vec::new();
    }
    let scene = desk.scene;
    let mut found = Vec::new();
    for (client, crowd) in &scene.top_clients {
        let Some(finding) = judge(desk, client, crowd) else { continue };
        desk.explain(crowd, |sum| sum.bytes);
        found.push(finding);
    }
    found
}

fn judge(desk: &Desk<'_>, client: &ClientSum, crowd: &Crowd) -> Option<Finding> {
    if let Some(found) = monitor(desk, client, crowd) {
        return Some(found);
    }
    let all = desk.scene.tally.total;
    let share = human::share(client.bytes, all.bytes);
    if share < BYTES_SHARE_MIN
        || client.bytes < BYTES_MIN
        || desk.scene.clients.count < CLIENTS_MIN
        || client.agents > PROGRAMS_MAX
    {
        return None;
    }
    let program = desk.scene.tally.agents.known[client.agent as usize];
    let own = crowd.class_share(&[RefererClass::Own]);
    let pages = human::share(client.pages, client.requests);
    let behaves = program == Program::Browser && pages >= PAGES_SHARE_MIN && own >= OWN_SHARE_MIN;
    let verdict = match program {
        Program::Crawler => Verdict::Crawler,
        Program::Monitoring => Verdict::Monitoring,
        _ if behaves => Verdict::HeavyUser,
        _ => Verdict::SingleLeech,
    };
    let confidence = match (share >= SURE_BYTES_SHARE, verdict) {
        (true, Verdict::SingleLeech | Verdict::Crawler) => Confidence::High,
        _ => Confidence::Medium,
    };
    let mut found = finding(verdict, client_name(desk.scene.tally, client.key), confidence, counted(crowd));
    found.evidence = evidence(desk, client, crowd).0;
    found.counter_check = String::from(counter_check(verdict));
    if verdict == Verdict::SingleLeech {
        found.traits = Traits {
            networks: client.key.address().map(IpNet::from).into_iter().collect(),
            ..Traits::default()
        };
    }
    Some(found)
}

fn evidence(desk: &Desk<'_>, client: &ClientSum, crowd: &Crowd) -> Facts {
    let mut facts = Facts::default();
    let all = desk.scene.tally.total;
    let share = human::share(client.bytes, all.bytes);
    let text = format!(
        "one of {} takes {} of all bytes: {} {} in {}",
        things(desk.scene.clients.count, "address"),
        percent_of(share),
        human::bytes(client.bytes),
        desk.summary.bytes_meaning.word(),
        things(client.requests, "request"),
    );
    facts.say("share_of_bytes", share, text);
    let agent = desk.scene.tally.agents.names.shown(client.agent);
    let named = if agent.is_empty() { "no program".to_owned() } else { agent };
    let text = format!("it opened {}, and names {named}", things(client.pages, "page"));
    facts.say("page_share", human::share(client.pages, client.requests), text);
    if let Some((path, requests, bytes)) = crowd.paths.iter().max_by_key(|path| path.2) {
        let text = format!(
            "{} of its bytes are {} ({}); it took {}",
            human::percent(*bytes, crowd.bytes),
            desk.path_name(*path),
            things(*requests, "request"),
            things(crowd.paths.len() as u64, "different file"),
        );
        facts.say("top_path_share", human::share(*bytes, crowd.bytes), text);
    }
    if let Some((network, _, bytes)) = &crowd.top_network {
        let text = format!("its network is {network}");
        facts.say("share_of_network", human::share(*bytes, crowd.bytes), text);
    }
    let halves = crowd.hours_of_half();
    let text = format!(
        "half of its requests fall into {halves} of {} in which it came",
        things(crowd.hours.len() as u64, "hour")
    );
    facts.say("hours_of_half", human::share(halves as u64, crowd.hours.len() as u64), text);
    Desk::say_at_once(&mut facts, &crowd.at_once);
    facts
}

fn counter_check(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Crawler => {
            "whether the address is the search engine's (its name resolves there and back); anyone can say that he is one"
        }
        Verdict::Monitoring => "whether the site's owner has ordered it",
        Verdict::HeavyUser => {
            "it opens pages and takes what they show, as people do; many people may share the address. Ask before refusing"
        }
        _ => {
            "whether it is a mirror or a backup that the owner knows, or a proxy with many people behind it: those open \
             pages too"
        }
    }
}

/// A program that asks for the same few things by the clock.
fn monitor(desk: &Desk<'_>, client: &ClientSum, crowd: &Crowd) -> Option<Finding> {
    let all = desk.scene.tally.total;
    let program = desk.scene.tally.agents.known[client.agent as usize];
    let share = human::share(client.requests, all.requests);
    let is_by_name = program == Program::Monitoring;
    let is_by_clock = crowd.paths.len() <= MONITOR_PATHS_MAX
        && is_even(crowd)
        && program != Program::Browser
        && program != Program::FeedReader;
    if share < MONITOR_SHARE_MIN || client.requests < MONITOR_REQUESTS_MIN || !(is_by_name || is_by_clock) {
        return None;
    }
    let confidence = if is_by_name && is_even(crowd) { Confidence::High } else { Confidence::Medium };
    let name = client_name(desk.scene.tally, client.key);
    let mut found = finding(Verdict::Monitoring, name, confidence, counted(crowd));
    let mut facts = Facts::default();
    let path = crowd.paths.first().map(|path| desk.path_name(path.0)).unwrap_or_default();
    let text = format!(
        "{} of all requests ({}), but {} of the bytes; most for {path}",
        percent_of(share),
        human::count(client.requests),
        human::percent(client.bytes, all.bytes),
    );
    facts.say("share_of_requests", share, text);
    let per_hour = client.requests / (crowd.hours.len() as u64).max(1);
    let agent = desk.scene.tally.agents.names.shown(client.agent);
    let text = format!("about {} in every hour, by {agent}", things(per_hour, "request"));
    facts.say("evenness", evenness(crowd), text);
    found.evidence = facts.0;
    found.counter_check = String::from(counter_check(Verdict::Monitoring));
    Some(found)
}

fn is_even(crowd: &Crowd) -> bool {
    crowd.hours.len() >= MONITOR_HOURS_MIN && evenness(crowd) >= MONITOR_EVEN_MIN
}

/// The quietest hour by the busiest, without the first and the last, which are cut off.
fn evenness(crowd: &Crowd) -> f64 {
    let inner = crowd.hours.get(1..crowd.hours.len().saturating_sub(1)).unwrap_or_default();
    let least = inner.iter().map(|hour| hour.1).min().unwrap_or(0);
    human::share(least, inner.iter().map(|hour| hour.1).max().unwrap_or(0))
}
