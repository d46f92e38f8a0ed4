//! Another site embeds files of this one: foreign referer, nearly all media, clients that never open a page, few paths.
//!
//! The behaviour alone does not tell hot-linking from image search; the class of the referer does.

use super::{Desk, Facts, counted, finding, human, percent_of, things};
use crate::log::crowd::Crowd;
use crate::log::names::OTHER;
use crate::{Confidence, Finding, Traits, Verdict};
use visit::{Program, RefererClass};

/// Fewer requests for media are somebody's link that was tried, not a page that many read.
const MEDIA_REQUESTS_MIN: u64 = 20;
/// Fewer addresses are one author and his preview, not visitors of a page.
const CLIENTS_MIN: u64 = 5;
/// A page that links here sends people to pages; one that embeds, to media nearly only.
const MEDIA_SHARE_MIN: f64 = 0.8;
/// Who follows a link opens a page; of own visitors 2% do not (measured on a public log).
const ASSET_ONLY_MIN: f64 = 0.7;
/// Below this share of both requests and bytes of the domain it changes nothing, and is not worth a person's night.
const SHARE_MIN: f64 = 0.001;
/// From these on every check speaks for it.
const SURE_REQUESTS: u64 = 30;
const SURE_CLIENTS: u64 = 15;
const SURE_MEDIA_SHARE: f64 = 0.95;
const SURE_ASSET_ONLY: f64 = 0.9;
/// What is refused already needs nobody.
const REFUSED_MAX: f64 = 0.9;
/// If so many of the requests come from crawlers and readers of feeds, the referer is theirs, and no page's.
const ROBOTS_MAX: f64 = 0.5;
/// So many paths are named for a rule.
const PATHS_NAMED: usize = 5;
/// The paths that are named hold this share of it; else the rule is about the referer alone.
const PATHS_SHARE_MIN: f64 = 0.9;

pub(super) fn look(desk: &mut Desk<'_>) -> Vec<Finding> {
    let scene = desk.scene;
    let mut found = Vec::new();
    for (site, crowd) in &scene.sites {
        let Some(finding) = judge(desk, *site, crowd) else { continue };
        desk.explain(crowd, |sum| sum.requests);
        found.push(finding);
    }
    found
}

fn judge(desk: &Desk<'_>, site: u32, crowd: &Crowd) -> Option<Finding> {
    let class = crowd.classes.first().map(|class| class.0)?;
    let domain = desk.domain_of(crowd);
    let all = desk.scene.domain(domain);
    let is_small = human::share(crowd.requests, all.requests) < SHARE_MIN
        && human::share(crowd.bytes, all.bytes) < SHARE_MIN;
    let robots = desk.program_share(crowd, &[Program::Crawler, Program::FeedReader, Program::Monitoring]);
    if site == OTHER
        || !class.may_be_accused()
        || crowd.media_requests() < MEDIA_REQUESTS_MIN
        || crowd.clients < CLIENTS_MIN
        || crowd.media_share() < MEDIA_SHARE_MIN
        || is_small
        || robots > ROBOTS_MAX
        || human::share(crowd.refused, crowd.requests) > REFUSED_MAX
    {
        return None;
    }
    let opens_pages = desk.scene.own.opens_pages(domain);
    if opens_pages && crowd.asset_only_share() < ASSET_ONLY_MIN {
        return None;
    }
    let is_sure = opens_pages
        && class == RefererClass::Other
        && crowd.requests >= SURE_REQUESTS
        && crowd.clients >= SURE_CLIENTS
        && crowd.media_share() >= SURE_MEDIA_SHARE
        && crowd.asset_only_share() >= SURE_ASSET_ONLY;
    let confidence = match (is_sure, opens_pages && class == RefererClass::Other) {
        (true, _) => Confidence::High,
        (false, true) => Confidence::Medium,
        (false, false) => Confidence::Low,
    };
    let name = desk.scene.tally.sites.shown(site);
    let mut found = finding(Verdict::HotLink, name.clone(), confidence, counted(crowd));
    found.evidence = evidence(desk, &name, crowd, domain, opens_pages).0;
    found.counter_check = counter_check(desk, &name, crowd, domain);
    found.traits = traits(desk, name, crowd, domain);
    Some(found)
}

fn evidence(desk: &Desk<'_>, name: &str, crowd: &Crowd, domain: u16, opens_pages: bool) -> Facts {
    let mut facts = Facts::default();
    let media = crowd.media_share();
    facts.say(
        "media_share",
        media,
        format!("{} of the requests that {name} sends are for media", percent_of(media)),
    );
    if opens_pages {
        let text = format!(
            "{} of {} who got media from there never opened a page; of this site's own visitors {} did not",
            human::count(crowd.asset_only_visitors),
            things(crowd.media_visitors, "visitor"),
            percent_of(desk.scene.asset_only_share),
        );
        facts.say("asset_only_share", crowd.asset_only_share(), text);
    }
    if let Some((path, requests, _)) = crowd.paths.first() {
        let share = human::share(*requests, crowd.requests);
        let text = format!(
            "{} of {} go to {}",
            human::count(*requests),
            things(crowd.requests, "request"),
            desk.path_name(*path)
        );
        facts.say("top_path_share", share, text);
        let of_path = desk.scene.tally.paths.tallied[*path as usize].requests;
        let share = human::share(*requests, of_path);
        facts.say(
            "share_of_path",
            share,
            format!("they are {} of all requests for that file", human::percent(*requests, of_path)),
        );
    }
    desk.say_size(&mut facts, crowd, domain);
    if let Some((referer, requests, _)) = crowd.referers.first() {
        let url = desk.scene.tally.referers.names.shown(*referer);
        let text = format!("most often named: {url} ({})", things(*requests, "request"));
        facts.say("top_referer_share", human::share(*requests, crowd.requests), text);
    }
    Desk::say_at_once(&mut facts, &crowd.at_once);
    desk.say_sample(&mut facts);
    facts
}

fn counter_check(desk: &Desk<'_>, name: &str, crowd: &Crowd, domain: u16) -> String {
    let all = desk.scene.domain(domain);
    let mut text = format!(
        "open a page of {name} and see whether it shows these files; whether {name} belongs to the same owner the log \
         cannot say"
    );
    let share = human::share(crowd.bytes, all.bytes);
    if share < 0.02 {
        let bytes = human::percent(crowd.bytes, all.bytes);
        text = format!("it is no reason for full buffers: {bytes} of the bytes; {text}");
    }
    if crowd.refused > 0 {
        let refused = human::percent(crowd.refused, crowd.requests);
        text = format!("{text}; {refused} of it is refused or missing already");
    }
    text
}

fn traits(desk: &Desk<'_>, name: String, crowd: &Crowd, domain: u16) -> Traits {
    let named = crowd.paths.iter().take(PATHS_NAMED);
    let share = human::share(named.clone().map(|path| path.1).sum(), crowd.requests);
    let paths = if share >= PATHS_SHARE_MIN {
        named.filter_map(|path| desk.path_trait(path.0)).collect()
    } else {
        Vec::new()
    };
    Traits { domain: desk.domain_name(domain), referers: vec![name], paths, ..Traits::default() }
}
