//! The table that is drawn while the story is played: in place on a terminal, as lines elsewhere.

use super::party::{CROWD_FACTOR, CROWD_REFERER, HOTLINK_REFERER, Story};
use super::tally::{Phase, Results, Tally, Took, per_second};
use crate::command_line::OutputFormat;
use crate::site::Capacity;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::rc::Rc;
use std::time::Duration;

/// How often a line is printed where nothing can be drawn in place.
const LINE_EVERY: Duration = Duration::from_secs(4);

/// Where progress is shown.
pub(super) enum Table {
    /// Drawn in place.
    Terminal(ProgressBar),
    /// A line now and then; which was the last.
    Lines(Option<(bool, u64)>),
    /// Nowhere.
    Silent,
}

impl Table {
    pub(super) fn new(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Json => Self::Silent,
            OutputFormat::Human if std::io::stdout().is_terminal() => {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
                if let Ok(style) = ProgressStyle::with_template("{msg}") {
                    bar.set_style(style);
                }
                Self::Terminal(bar)
            }
            OutputFormat::Human => Self::Lines(None),
        }
    }

    /// What is going to be played.
    pub(super) fn begin(&self, story: &Story, site: Capacity) {
        if matches!(self, Self::Silent) {
            return;
        }
        let line = site.line_bytes_per_second.map_or(0, |bytes| bytes.get() * 8 / 1_000_000);
        let text = format!(
            "A small site: {} workers, one processor that takes {} ms for a page, a line of {line} Mbit/s.\n\
             Visitors come all the time. After {} s a crowd follows a link on {CROWD_REFERER}, {CROWD_FACTOR} times as\n\
             many, and {HOTLINK_REFERER} plays the site's audio files. Everybody gives up after {} s.\n\
             First without a guard, then with it. {} s in all; Ctrl-C ends it earlier.\n",
            site.workers,
            site.page_work.as_millis(),
            story.calm.as_secs(),
            story.patience.as_secs(),
            (story.act() * 2).as_secs(),
        );
        // The table below says the rest; a reader that is gone is noticed at the end.
        let _gone = writeln!(std::io::stdout(), "{text}");
    }

    /// How things stand.
    pub(super) fn show(&mut self, results: &Results, story: &Story) {
        let tally = results.current();
        let elapsed = tally.elapsed.get();
        let is_guarded = results.guarded.is_some();
        let act = if is_guarded { "with the guard" } else { "without a guard" };
        let phase = if elapsed < story.calm { Phase::Calm } else { Phase::Crowd };
        match self {
            Self::Silent => {}
            Self::Terminal(bar) => {
                let scene = match phase {
                    Phase::Calm => "visitors",
                    Phase::Crowd => "visitors and the crowd",
                };
                let now = format!("{act}, {scene}: {} of {} s", elapsed.as_secs(), story.act().as_secs());
                bar.set_message(format!("{}\n{now}", drawn(results, story)));
            }
            Self::Lines(last) => {
                let this = (is_guarded, elapsed.as_secs() / LINE_EVERY.as_secs());
                if elapsed >= Duration::from_secs(1) && *last != Some(this) {
                    *last = Some(this);
                    let line = line(&tally, phase, story);
                    let _gone = writeln!(std::io::stdout(), "{act:<15} {:>3} s  {line}", elapsed.as_secs());
                }
            }
        }
    }

    /// The table as it is stays on the terminal.
    pub(super) fn end(&self) {
        if let Self::Terminal(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn line(tally: &Tally, phase: Phase, story: &Story) -> String {
    let pages = tally.pages(phase);
    let mut line = format!(
        "{:>3} pages, {} in time, half within {}",
        pages.count(),
        percent(pages.share_whole()),
        time(pages.percentile(50), story.patience)
    );
    if phase == Phase::Crowd {
        let time = tally.crowd_time(story);
        let _written = write!(
            line,
            "; crowd let in {:.1}/s; hot-linked {:.2} MB/s",
            per_second(tally.crowd.let_in.get(), time),
            megabytes(tally.hotlinkers.bytes.get(), time)
        );
    }
    line
}

/// The whole table: a column for each phase.
pub(super) fn drawn(results: &Results, story: &Story) -> String {
    let acts = [results.unguarded.as_ref(), results.guarded.as_ref()];
    let columns: Vec<(Option<&Rc<Tally>>, Phase)> =
        acts.into_iter().flat_map(|act| [(act, Phase::Calm), (act, Phase::Crowd)]).collect();
    let mut table = format!("{:<30}{:>22}  {:>22}\n", "", "without a guard", "with the guard");
    // Writing to a string cannot fail.
    let _written =
        writeln!(table, "{:<30}{:>11}{:>11}  {:>11}{:>11}", "", "before", "crowd", "before", "crowd");
    let mut row = |name: &str, cell: &dyn Fn(&Tally, Phase) -> String| {
        let cells: Vec<String> = columns
            .iter()
            .map(|(tally, phase)| match tally {
                Some(tally) if *phase == Phase::Calm || tally.elapsed.get() > story.calm => {
                    cell(tally, *phase)
                }
                _ => String::new(),
            })
            .collect();
        let [a, b, c, d] = [0, 1, 2, 3].map(|at: usize| cells.get(at).map_or("", String::as_str));
        let _written = writeln!(table, "{name:<30}{a:>11}{b:>11}  {c:>11}{d:>11}");
    };
    row("visitors: pages begun", &|tally, phase| tally.pages(phase).count().to_string());
    row(&format!("  whole within {} s", story.patience.as_secs()), &|tally, phase| {
        percent(tally.pages(phase).share_whole())
    });
    row("  half of them within", &|tally, phase| time(tally.pages(phase).percentile(50), story.patience));
    row("  99 of 100 within", &|tally, phase| time(tally.pages(phase).percentile(99), story.patience));
    let in_crowd = |phase, text: String| if phase == Phase::Crowd { text } else { String::new() };
    let rate = |count: u64, tally: &Tally| format!("{:.1}", per_second(count, tally.crowd_time(story)));
    let speed = |bytes: u64, tally: &Tally| format!("{:.2}", megabytes(bytes, tally.crowd_time(story)));
    row("crowd: came each second", &|tally, phase| in_crowd(phase, rate(tally.crowd.came.get(), tally)));
    let class = results.limits.entries_per_second.map_or(String::new(), |limit| format!(" (class: {limit})"));
    row(&format!("  let in{class}"), &|tally, phase| in_crowd(phase, rate(tally.crowd.let_in.get(), tally)));
    let class = results.limits.marked_bytes_per_second;
    let class = class.map_or(String::new(), |limit| format!(" (class: {:.2})", megabytes(limit, ONE_SECOND)));
    row(&format!("marked, MB/s{class}"), &|tally, phase| in_crowd(phase, speed(tally.marked.get(), tally)));
    row("hot-linkers, MB/s", &|tally, phase| in_crowd(phase, speed(tally.hotlinkers.bytes.get(), tally)));
    row("hot-linkers, no referer, MB/s", &|tally, phase| {
        in_crowd(phase, speed(tally.silent.bytes.get(), tally))
    });
    table
}

const ONE_SECOND: Duration = Duration::from_secs(1);

pub(super) fn megabytes(bytes: u64, time: Duration) -> f64 {
    per_second(bytes, time) / 1e6
}

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

/// How long a page took, in two or three digits.
pub(super) fn time(took: Option<Took>, patience: Duration) -> String {
    match took {
        None => "-".to_owned(),
        Some(Took::Never) => format!("> {} s", patience.as_secs()),
        Some(Took::Whole(took)) if took < ONE_SECOND => format!("{} ms", took.as_millis()),
        Some(Took::Whole(took)) => format!("{:.1} s", took.as_secs_f64()),
    }
}
