//! The summary at the end: what was measured, and what the guard made of it.

use super::party::{CROWD_REFERER, HOTLINK_REFERER, Story};
use super::table::{drawn, percent, time};
use super::tally::{Pages, Phase, Results, Tally, Took, per_second};
use serde::Serialize;
use std::io::Write;
use std::time::Duration;

/// A change smaller than this is no change.
const NOTICEABLE: f64 = 1.1;

/// What the guard did for the visitors while the crowd was there.
#[derive(Debug, PartialEq)]
struct Gain {
    /// How many times as many pages came in time. `None`: none did before.
    pages: Option<f64>,
    /// How many times sooner the page in the middle came; at least, if none came in time before.
    middle: Option<f64>,
    is_at_least: bool,
    helped: bool,
}

impl Gain {
    /// `None` if there is nothing to compare.
    fn of(before: &Pages, after: &Pages, patience: Duration) -> Option<Self> {
        let (share_before, share_after) = (before.share_whole()?, after.share_whole()?);
        let (middle_before, middle_after) = (before.percentile(50)?, after.percentile(50)?);
        let (is_at_least, before) = match middle_before {
            Took::Whole(before) => (false, before),
            Took::Never => (true, patience),
        };
        let middle = match middle_after {
            Took::Whole(after) => Some(before.as_secs_f64() / after.as_secs_f64().max(1e-3)),
            Took::Never => None,
        };
        let pages = (share_before > 0.0).then(|| share_after / share_before);
        let more = pages.map_or(share_after > 0.0, |factor| factor >= NOTICEABLE);
        let fewer = pages.is_some_and(|factor| factor < 1.0 / NOTICEABLE);
        let sooner = middle.is_some_and(|factor| factor >= NOTICEABLE);
        let helped = !fewer && (more || sooner);
        Some(Self { pages, middle, is_at_least, helped })
    }
}

fn gain(results: &Results) -> Option<Gain> {
    let (before, after) = (results.unguarded.as_ref()?, results.guarded.as_ref()?);
    Gain::of(&before.pages(Phase::Crowd), &after.pages(Phase::Crowd), results.patience)
}

/// For people.
pub(super) fn print(results: &Results, story: &Story) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", drawn(results, story))?;
    if !results.is_complete() {
        writeln!(
            out,
            "Ended before the story was through: what stands here is of the part that was played."
        )?;
    }
    let Some(gain) = gain(results) else {
        writeln!(out, "Nothing can be compared yet.")?;
        return Ok(());
    };
    for line in told(results, &gain, story) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn told(results: &Results, gain: &Gain, story: &Story) -> Vec<String> {
    let (Some(before), Some(after)) = (&results.unguarded, &results.guarded) else { return Vec::new() };
    let (pages_before, pages_after) = (before.pages(Phase::Crowd), after.pages(Phase::Crowd));
    let mut lines = Vec::new();
    let factor = match gain.pages {
        Some(factor) => format!(" ({factor:.1} times as many)"),
        None => String::new(),
    };
    lines.push(format!(
        "Visitors while the crowd was there: {} of their pages came in time with the guard, {} without{factor}.",
        percent(pages_after.share_whole()),
        percent(pages_before.share_whole()),
    ));
    let factor = match gain.middle {
        Some(factor) => {
            let least = if gain.is_at_least { "at least " } else { "" };
            format!(" ({least}{factor:.1} times sooner)")
        }
        None => String::new(),
    };
    let took = |pages: &Pages| match pages.percentile(50) {
        Some(Took::Never) => format!("more than {} s", story.patience.as_secs()),
        took => time(took, story.patience),
    };
    lines.push(format!(
        "The page in the middle took {} instead of {}{factor}.",
        took(&pages_after),
        took(&pages_before)
    ));
    if !gain.helped {
        lines.push("The guard did not help here.".to_owned());
    }
    if let Some(limit) = results.limits.entries_per_second {
        let (let_in, time) = (after.crowd.let_in.get(), after.crowd_time(story));
        // A start at each end of so many seconds: one second's worth more than there are seconds.
        let most = u64::from(limit) * (time.as_secs() + 1);
        lines.push(format!(
            "From {CROWD_REFERER} {let_in} were let in within {:.1} s; {limit} in any second make {most} at most.",
            time.as_secs_f64()
        ));
    }
    if let Some(limit) = results.limits.marked_bytes_per_second {
        let marked = per_second(after.marked.get(), after.crowd_time(story)) * 8e-6;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let limit = limit as f64 * 8e-6;
        lines.push(format!(
            "All who were marked got {marked:.1} Mbit/s together; the class allows {limit:.1}."
        ));
    }
    lines.push(format!(
        "The page {HOTLINK_REFERER} plays our files; so does one that hides its name, known by what its visitors' \
         browsers ask for. Both share the class HotLinked."
    ));
    lines
}

/// For programs.
#[derive(Serialize)]
struct Report {
    complete: bool,
    patience_seconds: f64,
    class_entries_per_second: Option<u32>,
    class_bytes_per_second: Option<u64>,
    unguarded: Option<ActReport>,
    guarded: Option<ActReport>,
    gain: Option<GainReport>,
}

#[derive(Serialize)]
struct ActReport {
    visitors_alone: PagesReport,
    visitors_with_crowd: PagesReport,
    crowd_came_per_second: f64,
    crowd_let_in_per_second: f64,
    crowd_pages_whole: u64,
    marked_bytes_per_second: f64,
    hotlinkers_bytes_per_second: f64,
    hotlinkers_without_referer_bytes_per_second: f64,
}

#[derive(Serialize)]
struct PagesReport {
    pages: usize,
    in_time: usize,
    /// Null: it did not come in time.
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

#[derive(Serialize)]
struct GainReport {
    pages_in_time_factor: Option<f64>,
    p50_factor: Option<f64>,
    p50_factor_is_at_least: bool,
    helped: bool,
}

/// The same as data.
pub(super) fn print_json(results: &Results, story: &Story) -> anyhow::Result<()> {
    let act = |tally: &std::rc::Rc<Tally>| act_report(tally, story);
    let report = Report {
        complete: results.is_complete(),
        patience_seconds: results.patience.as_secs_f64(),
        class_entries_per_second: results.limits.entries_per_second,
        class_bytes_per_second: results.limits.marked_bytes_per_second,
        unguarded: results.unguarded.as_ref().map(act),
        guarded: results.guarded.as_ref().map(act),
        gain: gain(results).map(|gain| GainReport {
            pages_in_time_factor: gain.pages,
            p50_factor: gain.middle,
            p50_factor_is_at_least: gain.is_at_least,
            helped: gain.helped,
        }),
    };
    writeln!(std::io::stdout().lock(), "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}

fn act_report(tally: &Tally, story: &Story) -> ActReport {
    let time = tally.crowd_time(story);
    ActReport {
        visitors_alone: pages_report(&tally.pages(Phase::Calm)),
        visitors_with_crowd: pages_report(&tally.pages(Phase::Crowd)),
        crowd_came_per_second: per_second(tally.crowd.came.get(), time),
        crowd_let_in_per_second: per_second(tally.crowd.let_in.get(), time),
        crowd_pages_whole: tally.crowd.pages.get(),
        marked_bytes_per_second: per_second(tally.marked.get(), time),
        hotlinkers_bytes_per_second: per_second(tally.hotlinkers.bytes.get(), time),
        hotlinkers_without_referer_bytes_per_second: per_second(tally.silent.bytes.get(), time),
    }
}

fn pages_report(pages: &Pages) -> PagesReport {
    let millis = |percent| match pages.percentile(percent) {
        Some(Took::Whole(took)) => Some(took.as_secs_f64() * 1e3),
        Some(Took::Never) | None => None,
    };
    PagesReport { pages: pages.count(), in_time: pages.whole(), p50_ms: millis(50), p99_ms: millis(99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn pages(millis: &[Option<u64>]) -> Pages {
        let tally = Tally::default();
        for took in millis {
            let took = took.map_or(Took::Never, |millis| Took::Whole(Duration::from_millis(millis)));
            tally.page(Phase::Crowd, took);
        }
        tally.pages(Phase::Crowd)
    }

    #[test]
    fn a_guard_that_changes_nothing_did_not_help() {
        let same = pages(&[Some(100), Some(100), None]);
        let gain = Gain::of(&same, &same, PATIENCE).unwrap();
        assert!(!gain.helped, "{gain:?}");
    }

    #[test]
    fn sooner_for_fewer_did_not_help() {
        let before = pages(&[Some(1000), Some(1000), Some(1000)]);
        let after = pages(&[Some(10), Some(10), None]);
        assert!(!Gain::of(&before, &after, PATIENCE).unwrap().helped);
    }

    #[test]
    fn where_nothing_came_before_the_factor_is_at_least_what_patience_gives() {
        let gain = Gain::of(&pages(&[None, None]), &pages(&[Some(100), Some(100)]), PATIENCE).unwrap();
        assert_eq!((gain.pages, gain.middle, gain.is_at_least, gain.helped), (None, Some(100.0), true, true));
    }
}
