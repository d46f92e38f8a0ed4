//! One big file that is suddenly wanted. A site's favourite file is no culprit because it is big; it is worth a word if
//! it grew.

use super::{Desk, Facts, counted, finding, human, percent_of, things};
use crate::log::crowd::Crowd;
use crate::log::summary::Dimension;
use crate::{Confidence, Finding, Traits, Verdict};

/// A smaller file is not big: even a slow client has it within seconds.
const FILE_BYTES_MIN: u64 = 1_000_000;
/// The share of the domain's increase that it holds.
const INCREASE_MIN: f64 = 0.5;
/// The share of the domain's bytes that it holds.
const BYTES_SHARE_MIN: f64 = 0.2;
/// And how many they are.
const BYTES_MIN: u64 = 50_000_000;
/// Fewer want it: then it is they, not the file.
const CLIENTS_MIN: u64 = 10;
/// If one address has this share, it is that one.
const TOP_CLIENT_MAX: f64 = 0.5;
/// From this share of the increase on it is sure.
const SURE_INCREASE: f64 = 0.8;

pub(super) fn look(desk: &mut Desk<'_>) -> Vec<Finding> {
    let scene = desk.scene;
    scene.paths.iter().filter_map(|(path, crowd)| judge(desk, *path, crowd)).collect()
}

fn judge(desk: &Desk<'_>, path: u32, crowd: &Crowd) -> Option<Finding> {
    let domain = desk.scene.tally.paths.names.group(path);
    let name = desk.path_name(path);
    let all = desk.scene.domain(domain);
    let looked = desk.domain_summary(domain)?;
    let part =
        looked.explained.iter().find(|part| part.dimension == Dimension::Path && part.value == name)?;
    let top_client = crowd.top_client.map_or(0.0, |client| human::share(client.2, crowd.bytes));
    if desk.explained.contains(&path)
        || part.share_of_increase < INCREASE_MIN
        || crowd.largest < FILE_BYTES_MIN
        || crowd.bytes < BYTES_MIN
        || human::share(crowd.bytes, all.bytes) < BYTES_SHARE_MIN
        || crowd.clients < CLIENTS_MIN
        || top_client > TOP_CLIENT_MAX
    {
        return None;
    }
    let confidence =
        if part.share_of_increase >= SURE_INCREASE { Confidence::High } else { Confidence::Medium };
    let mut found = finding(Verdict::PopularFile, name.clone(), confidence, counted(crowd));
    let mut facts = Facts::default();
    let text = format!("it holds {} of the increase", percent_of(part.share_of_increase));
    facts.say("share_of_increase", part.share_of_increase, text);
    desk.say_size(&mut facts, crowd, domain);
    let text = format!("its largest answer is {}", human::bytes(crowd.largest));
    #[expect(clippy::cast_precision_loss, reason = "a size for people")]
    facts.say("largest_bytes", crowd.largest as f64, text);
    let classes: Vec<String> = crowd
        .classes
        .iter()
        .take(3)
        .map(|(class, requests)| format!("{} {}", class.label(), human::percent(*requests, crowd.requests)))
        .collect();
    let text = format!("who refers: {}; {}", classes.join(", "), things(crowd.clients, "address"));
    facts.say("top_client_share", top_client, text);
    Desk::say_at_once(&mut facts, &crowd.at_once);
    desk.say_sample(&mut facts);
    found.evidence = facts.0;
    found.counter_check = format!(
        "whether the owner has announced it: then it wants a mirror or a bandwidth class, not a refusal; {} of its \
         visitors never opened a page",
        percent_of(crowd.asset_only_share())
    );
    found.traits = Traits {
        domain: desk.domain_name(domain),
        paths: desk.path_trait(path).into_iter().collect(),
        ..Traits::default()
    };
    Some(found)
}
