//! A page elsewhere links here, and people come: pages first, their files after them with own referers, few requests
//! each, in a burst. Jung, Krishnamurthy and Rabinovich, *Flash Crowds and Denial of Service Attacks* (WWW 2002).

use super::{Desk, Facts, counted, finding, human, percent_of, things};
use crate::log::crowd::Crowd;
use crate::{Confidence, Finding, Traits, Verdict};
use visit::RefererClass;

/// Who follows a link asks for a page.
const PAGES_SHARE_MIN: f64 = 0.5;
/// Fewer pages are a link, not a crowd.
const PAGES_MIN: u64 = 100;
/// Fewer addresses are no crowd.
const CLIENTS_MIN: u64 = 50;
/// The share of the domain's pages that are asked from there.
const SHARE_OF_PAGES_MIN: f64 = 0.2;
/// People ask for few things from there: in an attack requests per client rise.
const REQUESTS_PER_CLIENT_MAX: u64 = 4;
/// A burst: half of it falls into a tenth of the hours of the log.
const BURST_SHARE_MAX: f64 = 0.1;
/// Shorter logs show no burst.
const HOURS_MIN: usize = 24;

pub(super) fn look(desk: &mut Desk<'_>) -> Vec<Finding> {
    let scene = desk.scene;
    scene.sites.iter().filter_map(|(site, crowd)| judge(desk, *site, crowd)).collect()
}

fn judge(desk: &Desk<'_>, site: u32, crowd: &Crowd) -> Option<Finding> {
    let class = crowd.classes.first().map(|class| class.0)?;
    let hours = desk.summary.series.points.len() * desk.summary.series.step_seconds as usize / 3600;
    let domain = desk.domain_of(crowd);
    let pages_of_domain = desk.scene.pages_of(domain);
    let share = human::share(crowd.pages(), pages_of_domain);
    let is_burst =
        hours >= HOURS_MIN && human::share(crowd.hours_of_half() as u64, hours as u64) <= BURST_SHARE_MAX;
    if !matches!(class, RefererClass::Other | RefererClass::Social | RefererClass::BareIp)
        || crowd.pages() < PAGES_MIN
        || human::share(crowd.pages(), crowd.requests) < PAGES_SHARE_MIN
        || crowd.clients < CLIENTS_MIN
        || share < SHARE_OF_PAGES_MIN
        || crowd.requests > REQUESTS_PER_CLIENT_MAX * crowd.clients
        || !is_burst
    {
        return None;
    }
    let grew = desk.domain_summary(domain).is_some_and(|domain| domain.against_usual.is_some());
    let confidence = if grew { Confidence::High } else { Confidence::Medium };
    let name = desk.scene.tally.sites.shown(site);
    let mut found = finding(Verdict::FlashCrowd, name.clone(), confidence, counted(crowd));
    let mut facts = Facts::default();
    let text = format!(
        "{} pages were opened from {name}: {} of all pages, by {}",
        human::count(crowd.pages()),
        percent_of(share),
        things(crowd.clients, "address")
    );
    facts.say("share_of_pages", share, text);
    let half = crowd.hours_of_half();
    let text = format!("half of it came within {half} of {hours} hours");
    facts.say("hours_of_half", human::share(half as u64, hours as u64), text);
    if let Some((path, requests, _)) = crowd.paths.first() {
        let text = format!("{} went to {}", human::percent(*requests, crowd.requests), desk.path_name(*path));
        facts.say("top_path_share", crowd.top_path_share(), text);
    }
    desk.say_size(&mut facts, crowd, domain);
    desk.say_sample(&mut facts);
    found.evidence = facts.0;
    found.counter_check = String::from(
        "these are people who came to read: queue or cache rather than refuse; in an attack requests \
                           per client would rise, and files would not follow the pages",
    );
    found.traits = Traits { domain: desk.domain_name(domain), referers: vec![name], ..Traits::default() };
    Some(found)
}
