//! From what was seen to what it says.

use crate::contestant::Contestant;
use crate::lag::Lag;
use crate::plan::{Limits, Party, Phase, Scenario, Times};
use crate::tally::{BIN, Tally, Visit};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One contestant's round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) contestant: Contestant,
    pub(crate) scenario: Scenario,
    pub(crate) limits: Limits,
    pub(crate) round: u32,
    pub(crate) lag: Lag,
    /// Seconds of processor time of the contestant.
    pub(crate) processor_seconds: f64,
    /// Requests that the site's queue had no place for.
    pub(crate) overflowed: u64,
    pub(crate) parties: Vec<PartyFigures>,
    pub(crate) headline: Headline,
    pub(crate) traces: Traces,
}

/// One party in one phase.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PartyFigures {
    pub(crate) party: Party,
    pub(crate) phase: Phase,
    pub(crate) begun: usize,
    pub(crate) whole: usize,
    /// Milliseconds; what never came whole is slower than all that did (`None`).
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) bytes: f64,
    pub(crate) pages_made: u64,
    /// Pages that the site made and nobody received in time.
    pub(crate) pages_for_nobody: u64,
    /// Workers held, on average.
    pub(crate) workers: f64,
}

/// What the table of goals asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Headline {
    pub(crate) ordinary_success: f64,
    /// The storm's p99 over that of the quiet before it; `None`: views failed.
    pub(crate) ordinary_ratio: Option<f64>,
    /// Seconds; `None`: never.
    pub(crate) protected_after: Option<f64>,
    pub(crate) recovered_after: Option<f64>,
    pub(crate) partner_ratio: Option<f64>,
    pub(crate) partner_marked: usize,
    pub(crate) feed_ratio: Option<f64>,
    pub(crate) podcast_ratio: Option<f64>,
    /// Entries of the crowd that gives its referer, over what the class allows.
    pub(crate) crowd_per_class: f64,
    /// Whole views of the crowd, over all who came.
    pub(crate) crowd_served: f64,
    pub(crate) crowd_views: usize,
    /// Seconds until an admitted one of the crowd had the head of its page, half of them.
    pub(crate) crowd_wait: Option<f64>,
    pub(crate) media_per_class: f64,
    /// Jain's index over bytes a second of all who wanted some; one is equal shares.
    pub(crate) media_fairness: Option<f64>,
    /// Who wanted media and got none.
    pub(crate) media_refused: f64,
    pub(crate) workers_for_media: f64,
}

/// For charts; seconds count from the coming of the crowd.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Traces {
    /// When an ordinary view began, and its milliseconds.
    pub(crate) views: Vec<(f64, Option<f64>)>,
    /// When the first second of the following begins.
    pub(crate) from: f64,
    /// By second.
    pub(crate) workers: Vec<f64>,
    pub(crate) media_bytes: Vec<f64>,
    pub(crate) crowd_entries: Vec<f64>,
}

/// All that is known of a round when it is over.
pub(crate) struct Seen {
    pub(crate) contestant: Contestant,
    pub(crate) scenario: Scenario,
    pub(crate) limits: Limits,
    pub(crate) round: u32,
    pub(crate) lag: Lag,
    pub(crate) processor_seconds: f64,
}

impl Outcome {
    pub(crate) fn of(seen: &Seen, tally: &Tally) -> Self {
        let visits = tally.visits.take();
        let (bytes, held) = (tally.bytes.take(), tally.held.take());
        let (made, taken) = (tally.made.all(), tally.taken.all());
        let times = seen.scenario.times;
        let books = Books { visits: &visits, bytes: &bytes, held: &held, made, taken };
        let each = |party| Phase::ALL.map(|phase| books.figures(party, phase, &times));
        let parties: Vec<_> = Party::ALL.into_iter().flat_map(each).collect();
        let headline = Headline::of(&visits, &parties, &times, &seen.limits);
        let traces = Traces::of(&visits, &bytes, &held, &times);
        Self {
            contestant: seen.contestant,
            scenario: seen.scenario,
            limits: seen.limits,
            round: seen.round,
            lag: seen.lag,
            processor_seconds: seen.processor_seconds,
            overflowed: tally.overflowed.get(),
            parties,
            headline,
            traces,
        }
    }
}

/// What was written down by all.
struct Books<'a> {
    visits: &'a [Visit],
    bytes: &'a [Vec<f64>; 7],
    held: &'a [Vec<f64>; 7],
    made: [[u64; 3]; 7],
    taken: [[u64; 3]; 7],
}

impl Books<'_> {
    fn figures(&self, party: Party, phase: Phase, times: &Times) -> PartyFigures {
        let (party_at, phase_at) = (party.index(), phase.index());
        let of_phase: Vec<_> =
            self.visits.iter().filter(|visit| visit.party == party && visit.phase == phase).collect();
        let took = sorted(&of_phase);
        let (from, to) = times.span(phase);
        let made = self.made[party_at][phase_at];
        PartyFigures {
            party,
            phase,
            begun: of_phase.len(),
            whole: took.iter().flatten().count(),
            p50: percentile(&took, 50),
            p99: percentile(&took, 99),
            bytes: between(&self.bytes[party_at], from, to),
            pages_made: made,
            pages_for_nobody: made.saturating_sub(self.taken[party_at][phase_at]),
            workers: between(&self.held[party_at], from, to) / to.saturating_sub(from).as_secs_f64(),
        }
    }
}

impl Headline {
    fn of(visits: &[Visit], parties: &[PartyFigures], times: &Times, limits: &Limits) -> Self {
        let of = |party, phase| parties.iter().find(|known| known.party == party && known.phase == phase);
        let ratio =
            |party| of(party, Phase::Storm)?.p99.zip(of(party, Phase::Quiet)?.p99).map(|(a, b)| a / b);
        let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
        let is_media = |party| matches!(party, Party::HotLinker | Party::Hidden);
        let storm: Vec<_> = visits.iter().filter(|visit| visit.phase == Phase::Storm).collect();
        let ordinary: Vec<_> = storm.iter().filter(|visit| visit.party == Party::Ordinary).collect();
        let crowd: Vec<_> =
            storm.iter().filter(|visit| visit.party == Party::Crowd && visit.is_entry).collect();
        let media: Vec<_> = storm.iter().filter(|visit| is_media(visit.party)).collect();
        let in_storm = times.storm.as_secs_f64();
        let entered = crowd.iter().filter(|visit| {
            let at = visit.head.map(|head| visit.begun + head / 1e3);
            !visit.is_hidden && at.is_some_and(|at| at < times.storm_ends().as_secs_f64())
        });
        let mut waits: Vec<_> = crowd.iter().filter_map(|visit| visit.head).collect();
        waits.sort_by(f64::total_cmp);
        let calm = of(Party::Ordinary, Phase::Quiet).and_then(|quiet| quiet.p99);
        let settled = |phase, from| settled_after(visits, (phase, from), calm);
        let media_of = |what: fn(&PartyFigures) -> f64| -> f64 {
            let media = parties.iter().filter(|of| is_media(of.party) && of.phase == Phase::Storm);
            media.map(what).sum()
        };
        Self {
            ordinary_success: share(
                ordinary.iter().filter(|visit| visit.took.is_some()).count(),
                ordinary.len(),
            ),
            ordinary_ratio: ratio(Party::Ordinary),
            protected_after: settled(Phase::Storm, times.storm_begins()),
            recovered_after: settled(Phase::After, times.storm_ends()),
            partner_ratio: ratio(Party::Partner),
            partner_marked: visits
                .iter()
                .filter(|visit| visit.party == Party::Partner && visit.is_marked)
                .count(),
            feed_ratio: ratio(Party::Feed),
            podcast_ratio: ratio(Party::Podcast),
            crowd_per_class: entered.count() as f64 / (f64::from(limits.entries_per_second) * in_storm),
            crowd_served: share(crowd.iter().filter(|visit| visit.took.is_some()).count(), crowd.len()),
            crowd_views: storm
                .iter()
                .filter(|visit| visit.party == Party::Crowd && visit.took.is_some())
                .count(),
            crowd_wait: waits.get(waits.len() / 2).map(|wait| wait / 1e3),
            media_per_class: media_of(|of| of.bytes) / (f64::from(limits.media_bytes_per_second) * in_storm),
            media_fairness: jain(media.iter().map(|visit| visit.bytes_per_second)),
            media_refused: share(media.iter().filter(|visit| visit.head.is_none()).count(), media.len()),
            workers_for_media: media_of(|of| of.workers),
        }
    }
}

impl Traces {
    fn of(visits: &[Visit], bytes: &[Vec<f64>; 7], held: &[Vec<f64>; 7], times: &Times) -> Self {
        let zero = times.storm_begins().as_secs_f64();
        let views = visits.iter().filter(|visit| visit.party == Party::Ordinary);
        let seconds = usize::try_from(times.end().saturating_sub(times.warm).as_secs()).unwrap_or(0);
        let by_second = |series: &[Vec<f64>], parties: &[Party]| {
            (0..seconds)
                .map(|second| {
                    let from = times.warm + Duration::from_secs(second as u64);
                    let to = from + Duration::from_secs(1);
                    parties.iter().map(|party| between(&series[party.index()], from, to)).sum()
                })
                .collect()
        };
        let mut crowd_entries = vec![0.0; seconds];
        for visit in visits.iter().filter(|visit| visit.party == Party::Crowd && visit.is_entry) {
            let at = visit.head.map(|head| visit.begun + head / 1e3 - times.warm.as_secs_f64());
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "seconds of a minute, after its beginning"
            )]
            if let Some(count) = at.and_then(|at| crowd_entries.get_mut(at as usize)) {
                *count += 1.0;
            }
        }
        Self {
            views: views.map(|view| (view.begun - zero, view.took)).collect(),
            from: times.warm.as_secs_f64() - zero,
            workers: by_second(held, &Party::ALL),
            media_bytes: by_second(bytes, &[Party::HotLinker, Party::Hidden]),
            crowd_entries,
        }
    }
}

/// Milliseconds in ascending order, and what never came behind them.
fn sorted(visits: &[&Visit]) -> Vec<Option<f64>> {
    let mut took: Vec<_> = visits.iter().map(|visit| visit.took).collect();
    took.sort_by(|a, b| a.unwrap_or(f64::INFINITY).total_cmp(&b.unwrap_or(f64::INFINITY)));
    took
}

/// The nearest rank.
fn percentile(sorted: &[Option<f64>], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().flatten()
}

/// What bins hold from one moment to another.
fn between(bins: &[f64], from: Duration, to: Duration) -> f64 {
    let bin = |at: Duration| usize::try_from(at.as_millis() / BIN.as_millis()).unwrap_or(0);
    // a sum of nothing is -0 until something is added
    bins.iter().take(bin(to)).skip(bin(from)).sum::<f64>() + 0.0
}

/// Seconds from the beginning of a phase until the first ordinary view from which on all were as on any day: whole, and
/// within twice the quiet p99 or a tenth of a second more than it. `None`: not in the phase.
fn settled_after(visits: &[Visit], (phase, from): (Phase, Duration), calm: Option<f64>) -> Option<f64> {
    let calm = calm?;
    let bound = (calm * 2.0).max(calm + 100.0);
    let mut views: Vec<_> =
        visits.iter().filter(|visit| visit.party == Party::Ordinary && visit.phase == phase).collect();
    views.sort_by(|a, b| a.begun.total_cmp(&b.begun));
    let is_bad = |visit: &&&Visit| visit.took.is_none_or(|took| took > bound);
    let Some(last_bad) = views.iter().rposition(|visit| is_bad(&visit)) else { return Some(0.0) };
    let first_good = views.get(last_bad + 1)?;
    Some(first_good.begun - from.as_secs_f64())
}

/// Jain's fairness index (Jain, Chiu, Hawe 1984): the square of the sum over n times the sum of the squares.
fn jain(shares: impl Iterator<Item = f64> + Clone) -> Option<f64> {
    let (sum, squares) = shares.clone().fold((0.0, 0.0), |(sum, squares), x| (sum + x, squares + x * x));
    let count = shares.count() as f64;
    (squares > 0.0).then(|| sum * sum / (count * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_came_is_slower_than_all_that_did() {
        let took: Vec<_> = (1..=98).map(|nth| Some(f64::from(nth))).chain([None, None]).collect();
        assert_eq!(percentile(&took, 50), Some(50.0));
        assert_eq!(percentile(&took, 98), Some(98.0));
        assert_eq!(percentile(&took, 99), None);
    }

    #[test]
    fn equal_shares_are_fair_and_one_who_has_all_is_not() {
        assert_eq!(jain([2.0; 10].into_iter()), Some(1.0));
        assert_eq!(jain([1.0, 0.0, 0.0, 0.0].into_iter()), Some(0.25));
        assert_eq!(jain([0.0; 4].into_iter()), None);
    }

    fn view(begun: f64, took: Option<f64>) -> Visit {
        Visit {
            party: Party::Ordinary,
            phase: Phase::Storm,
            begun,
            took,
            head: took,
            is_entry: false,
            is_hidden: false,
            bytes_per_second: 0.0,
            is_marked: false,
        }
    }

    #[test]
    fn protection_begins_with_the_first_view_after_the_last_bad_one() {
        let from = (Phase::Storm, Duration::from_secs(10));
        let views =
            [view(11.0, Some(20.0)), view(12.0, None), view(13.5, Some(20.0)), view(14.0, Some(30.0))];
        assert_eq!(settled_after(&views, from, Some(25.0)), Some(3.5));
        assert_eq!(settled_after(&views[..2], from, Some(25.0)), None);
        assert_eq!(settled_after(&views[..1], from, Some(25.0)), Some(0.0));
    }
}
