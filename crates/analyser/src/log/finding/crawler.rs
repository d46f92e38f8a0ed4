//! A search engine or archive that walks through the whole site. On a small site robots are much of the traffic by
//! nature; only one that outweighs everybody else is worth a word.

use super::{Desk, Facts, counted, finding, human, percent_of, things};
use crate::log::crowd::Crowd;
use crate::{Confidence, Finding, Verdict};
use visit::{Program, TargetKind};

/// One family's share of all bytes, or of all requests: less is ordinary.
const BYTES_SHARE_MIN: f64 = 0.4;
const REQUESTS_SHARE_MIN: f64 = 0.5;
/// Fewer requests are a short log.
const REQUESTS_MIN: u64 = 500;
/// Fewer bytes fill nobody's buffers.
const BYTES_MIN: u64 = 10_000_000;
/// It walks: it asks for so many different things.
const PATHS_MIN: usize = 50;

pub(super) fn look(desk: &Desk<'_>) -> Vec<Finding> {
    desk.scene.families.iter().filter_map(|(family, crowd)| judge(desk, family, crowd)).collect()
}

fn judge(desk: &Desk<'_>, family: &str, crowd: &Crowd) -> Option<Finding> {
    let all = desk.scene.tally.total;
    let bytes_share = human::share(crowd.bytes, all.bytes);
    let requests_share = human::share(crowd.requests, all.requests);
    if desk.program_share(crowd, &[Program::Crawler]) < 0.5
        || crowd.requests < REQUESTS_MIN
        || crowd.bytes < BYTES_MIN
        || crowd.paths.len() < PATHS_MIN
        || (bytes_share < BYTES_SHARE_MIN && requests_share < REQUESTS_SHARE_MIN)
    {
        return None;
    }
    let read_robots = crowd.kinds[TargetKind::Notice as usize].0;
    let confidence = if read_robots > 0 { Confidence::High } else { Confidence::Medium };
    let mut found = finding(Verdict::Crawler, family.to_owned(), confidence, counted(crowd));
    let mut facts = Facts::default();
    let text = format!(
        "{} of all requests and {} of all bytes: {}, {} {}",
        percent_of(requests_share),
        percent_of(bytes_share),
        things(crowd.requests, "request"),
        human::bytes(crowd.bytes),
        desk.summary.bytes_meaning.word(),
    );
    facts.say("share_of_requests", requests_share, text);
    let text = format!("it asked for {} different paths", human::count(crowd.paths.len() as u64));
    facts.say("paths", human::share(crowd.paths.len() as u64, crowd.requests), text);
    let text = if read_robots > 0 {
        format!("it read robots.txt and its like {} times", human::count(read_robots))
    } else {
        "it never read robots.txt".to_owned()
    };
    facts.say("notices_share", human::share(read_robots, crowd.requests), text);
    desk.say_sample(&mut facts);
    found.evidence = facts.0;
    found.counter_check = String::from(
        "whether its addresses are the search engine's (their names resolve there and back); a \
                           Crawl-delay or a slower rate is kinder than refusing, and keeps the site findable",
    );
    Some(found)
}
