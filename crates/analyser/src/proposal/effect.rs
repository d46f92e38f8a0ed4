//! What proposals would have done to the log they come from, in sentences and numbers.

use super::{Action, Proposal, Terms};
use crate::human;
use crate::input::{Input, Watch};
use crate::replay::{Effect, Hit, Replay, ReplayError, ReplayOptions, Who, Window};
use crate::report::{Finding, Verdict};
use engine::Catalog;
use engine::builtins::builtins;
use engine::catalog::MemoryFiles;
use std::path::Path;

/// Tries proposals, each with its finding, on a log that is read once for all of them: fills in [`Proposal::effect`] and
/// [`Proposal::effect_said`].
///
/// # Errors
/// As [`Replay::new`].
pub fn predict(
    tried: &mut [(&mut Proposal, &Finding)],
    terms: &Terms<'_>,
    (input, window): (&Input, Window),
    watch: &Watch<'_>,
) -> Result<(), ReplayError> {
    let mut replays = Vec::with_capacity(tried.len());
    for (at, (proposal, finding)) in tried.iter().enumerate() {
        if let Some(replay) = replay_of(proposal, finding, terms)? {
            replays.push((at, replay));
        }
    }
    let ordered = input.in_order(watch, |line, file| {
        window.goes_on(line, || {
            for (_, replay) in &mut replays {
                replay.take(line, &file.facts());
            }
        })
    });
    for (at, replay) in replays {
        let effect = Effect { is_partial: ordered.is_partial, ..replay.finish() };
        if let Some((proposal, finding)) = tried.get_mut(at) {
            tell(proposal, finding, &effect);
        }
    }
    Ok(())
}

/// The policy of a proposal, before any line.
fn replay_of(
    proposal: &Proposal,
    finding: &Finding,
    terms: &Terms<'_>,
) -> Result<Option<Replay>, ReplayError> {
    let files = MemoryFiles::default()
        .with("tidegate.toml", proposal.catalog())
        .with(&*format!("rules/{}.rts", proposal.id), proposal.rule.as_str());
    let Some(catalog) = Catalog::load(Path::new("tidegate.toml"), &files, builtins()).catalog else {
        return Ok(None);
    };
    let mut offenders = finding.traits.referers.clone();
    offenders.extend(finding.traits.networks.iter().map(ToString::to_string));
    let options = ReplayOptions { own: terms.own.to_vec(), offenders, ..ReplayOptions::default() };
    Replay::new(catalog, options).map(Some)
}

fn tell(proposal: &mut Proposal, finding: &Finding, effect: &Effect) {
    proposal.effect_said = said(proposal.action, effect);
    let own = effect.who.iter().find(|row| row.who == Who::OwnVisitor).map_or(0, |row| row.hit.hit.requests);
    if finding.verdict == Verdict::BotFarm && own > 0 {
        proposal.effect_said.push(
            "those counted as own visitors name a page of this site that they never opened: the finding takes them for \
             the farm itself"
                .to_owned(),
        );
    }
    proposal.effect = serde_json::to_value(effect).ok();
}

fn said(action: Action, effect: &Effect) -> Vec<String> {
    let mut lines = Vec::new();
    let hit: u64 = effect.who.iter().map(|row| row.hit.hit.requests).sum();
    let bytes: u64 = effect.who.iter().map(|row| row.hit.hit.bytes).sum();
    let share = human::percent(bytes, effect.log.bytes);
    let part = if effect.is_partial { " (as far as it was read)" } else { "" };
    let requests = human::things(hit, "request");
    let bytes = human::bytes(bytes);
    lines.push(match action {
        Action::Slow => {
            format!("on this log{part}: slows {requests}, {bytes}, {share} of all bytes")
        }
        Action::Queue => {
            let waited: u64 = effect.rate_classes.iter().map(|class| class.waited.requests).sum();
            format!(
                "on this log{part}: {requests} through the queue, {} of them would wait",
                human::count(waited)
            )
        }
        Action::Refuse => format!(
            "on this log{part}: refuses {requests} and saves {}, {share} of all bytes",
            human::bytes(effect.saved.bytes)
        ),
    });
    let row = |who: Who| effect.who.iter().find(|row| row.who == who).map(|row| row.hit).unwrap_or_default();
    let who = [Who::OwnVisitor, Who::FeedReader, Who::Player, Who::ImageSearch, Who::Crawler];
    let told: Vec<String> = who.into_iter().map(|who| hit_said(who, row(who))).collect();
    lines.push(format!("whom that hits: {}", told.join("; ")));
    lines
}

fn hit_said(who: Who, hit: Hit) -> String {
    match hit.hit.requests {
        0 => format!("{}: none", who.label()),
        requests => {
            format!(
                "{}: {} of {}",
                who.label(),
                human::count(requests),
                human::things(hit.asked.requests, "request")
            )
        }
    }
}
