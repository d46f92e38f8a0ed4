//! Tables and charts of what was measured: medians over the rounds that are valid.

use crate::chart;
use crate::contestant::Contestant;
use crate::figures::{Headline, Outcome, PartyFigures};
use crate::plan::{Party, Phase, Variant};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::path::Path;

/// The lines of the page between which the figures stand.
const BEGIN: &str = "<!-- figures: written by `cargo xtask bench storm` -->";
const END: &str = "<!-- end of figures -->";

/// One line about a round, as it ends.
pub(crate) fn line(outcome: &Outcome) -> String {
    let (headline, lag) = (&outcome.headline, outcome.lag);
    format!(
        "{} {:<24} ordinary {} whole, p99 x {}; crowd/class {:.2}, views {}; media/class {:.2}, workers {:.2}; \
         lag p99 {:.1} ms, worst {:.0} ms{}",
        outcome.scenario.variant.name(),
        outcome.contestant.name(),
        percent(headline.ordinary_success),
        ratio(headline.ordinary_ratio),
        headline.crowd_per_class,
        headline.crowd_views,
        headline.media_per_class,
        headline.workers_for_media,
        lag.p99_millis,
        lag.worst_millis,
        if lag.is_valid() { "" } else { ": INVALID, the measuring program was late itself" },
    )
}

/// The rounds of each contestant in each variant.
pub(crate) struct Report<'a> {
    groups: Vec<Group<'a>>,
    late: usize,
    total: usize,
}

struct Group<'a> {
    variant: Variant,
    contestant: Contestant,
    rounds: Vec<&'a Outcome>,
}

impl<'a> Report<'a> {
    pub(crate) fn of(outcomes: &'a [Outcome]) -> Self {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for outcome in outcomes.iter().filter(|outcome| outcome.lag.is_valid()) {
            let (variant, contestant) = (outcome.scenario.variant, outcome.contestant);
            match groups.iter_mut().find(|known| known.variant == variant && known.contestant == contestant) {
                Some(group) => group.rounds.push(outcome),
                None => groups.push(Group { variant, contestant, rounds: vec![outcome] }),
            }
        }
        groups.sort_by_key(|group| group.contestant);
        let late = outcomes.iter().filter(|outcome| !outcome.lag.is_valid()).count();
        Self { groups, late, total: outcomes.len() }
    }

    fn variants(&self) -> impl Iterator<Item = (Variant, Vec<&Group<'a>>)> {
        [Variant::Usual, Variant::Hard].into_iter().filter_map(|variant| {
            let groups: Vec<_> = self.groups.iter().filter(|group| group.variant == variant).collect();
            (!groups.is_empty()).then_some((variant, groups))
        })
    }

    /// All of it as Markdown.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (variant, groups) in self.variants() {
            let title = match variant {
                Variant::Usual => "The storm",
                Variant::Hard => "The hard variant: twice the crowd, half of it without a referer",
            };
            let _written = write!(text, "\n## {title}\n\n{}", self.conditions(&groups));
            text.push_str(&headlines(&groups));
            let name = variant.name();
            let _written = write!(
                text,
                "\n![Each ordinary view: when it began and how long it took](storm-{name}-views.svg)\n\
                 \n![Workers held, hot-linked bytes and entries of the crowd, second by second](storm-{name}-load.svg)\n"
            );
            for phase in [Phase::Quiet, Phase::Storm, Phase::After] {
                let name = match phase {
                    Phase::Quiet => "Before",
                    Phase::Storm => "In the storm",
                    Phase::After => "After it",
                };
                let _written = write!(text, "\n### {name}, party by party\n\n{}", parties(&groups, phase));
            }
        }
        text
    }

    fn conditions(&self, groups: &[&Group<'a>]) -> String {
        let Some(first) = groups.first().and_then(|group| group.rounds.first()) else { return String::new() };
        let times = &first.scenario.times;
        let lags = groups.iter().flat_map(|group| group.rounds.iter().map(|round| round.lag));
        let worst = lags.clone().map(|lag| lag.p99_millis).fold(0.0, f64::max);
        let own = lags.map(|lag| lag.own_processor_share).fold(0.0, f64::max);
        let rounds = groups.iter().map(|group| group.rounds.len());
        format!(
            "Quiet {} s, storm {} s, after {} s; scale {}; {} to {} valid rounds of each, medians. Of all {} rounds {} \
             were late and are left out. The measuring program's own lag: p99 {worst:.1} ms at most; it took {:.0} % of a \
             processor at most.\n\n",
            times.quiet.as_secs(),
            times.storm.as_secs(),
            times.after.as_secs(),
            first.scenario.scale,
            rounds.clone().min().unwrap_or(0),
            rounds.max().unwrap_or(0),
            self.total,
            self.late,
            own * 100.0,
        )
    }

    /// Writes the figures into a page, and the charts beside it.
    ///
    /// # Errors
    /// When the page is not there, or has no place for them.
    pub(crate) fn write(&self, page: &Path) -> Result<()> {
        let folder = page.parent().unwrap_or(Path::new("."));
        for (variant, groups) in self.variants() {
            let rows: Vec<_> = groups.iter().map(|group| (group.contestant.name(), group.middle())).collect();
            let put = |what: &str, svg: String| {
                let file = folder.join(format!("storm-{}-{what}.svg", variant.name()));
                std::fs::write(&file, svg).with_context(|| format!("cannot write {}", file.display()))
            };
            put("views", chart::views(&rows))?;
            put("load", chart::load(&rows))?;
        }
        let old = std::fs::read_to_string(page).with_context(|| format!("no page {}", page.display()))?;
        let Some((before, rest)) = old.split_once(BEGIN) else { bail!("the page has no line `{BEGIN}`") };
        let Some((_, after)) = rest.split_once(END) else { bail!("the page has no line `{END}`") };
        std::fs::write(page, format!("{before}{BEGIN}\n{}\n{END}{after}", self.text()))
            .context("cannot write the page")
    }
}

impl<'a> Group<'a> {
    /// The round that is shown: the middle one by the ordinary visitors' ratio.
    fn middle(&self) -> &'a Outcome {
        let mut rounds = self.rounds.clone();
        let value = |round: &Outcome| round.headline.ordinary_ratio.unwrap_or(f64::INFINITY);
        rounds.sort_by(|a, b| value(a).total_cmp(&value(b)));
        rounds[(rounds.len() - 1) / 2]
    }

    fn median(&self, of: impl Fn(&Headline) -> Option<f64>) -> Option<f64> {
        median(self.rounds.iter().map(|round| of(&round.headline)))
    }

    /// The largest, as `worst round`.
    fn worst(&self, of: impl Fn(&Headline) -> Option<f64>) -> Option<f64> {
        let values = self.rounds.iter().map(|round| of(&round.headline).unwrap_or(f64::INFINITY));
        Some(values.fold(0.0, f64::max)).filter(|value| value.is_finite())
    }
}

/// `None` counts as larger than all; the middle value, or what is between the two.
fn median(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mut values: Vec<f64> = values.map(|value| value.unwrap_or(f64::INFINITY)).collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().saturating_sub(1) / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high)).filter(|value| value.is_finite())
}

fn headlines(groups: &[&Group<'_>]) -> String {
    let mut text = "| |".to_owned();
    for group in groups {
        let _written = write!(text, " {} |", group.contestant.name());
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(groups.len()));
    text.push('\n');
    let mut row = |name: &str, cell: &dyn Fn(&Group<'_>) -> String| {
        let cells: Vec<String> = groups.iter().map(|group| cell(group)).collect();
        let _written = writeln!(text, "| {name} | {} |", cells.join(" | "));
    };
    let some = |value: Option<f64>| value.unwrap_or(f64::NAN);
    row("ordinary visitors: whole views", &|group| {
        percent(some(group.median(|headline| Some(headline.ordinary_success))))
    });
    row("ordinary p99, storm over quiet (worst round)", &|group| {
        let of = |headline: &Headline| headline.ordinary_ratio;
        format!("{} ({})", ratio(group.median(of)), ratio(group.worst(of)))
    });
    row("time to protection; recovery", &|group| {
        let seconds = |value: Option<f64>| value.map_or("never".to_owned(), |value| format!("{value:.1} s"));
        let protection = group.median(|headline| headline.protected_after);
        format!("{}; {}", seconds(protection), seconds(group.median(|headline| headline.recovered_after)))
    });
    row("partner p99 ratio (worst round); marked", &|group| {
        let of = |headline: &Headline| headline.partner_ratio;
        let marked: usize = group.rounds.iter().map(|round| round.headline.partner_marked).sum();
        format!("{} ({}); {marked}", ratio(group.median(of)), ratio(group.worst(of)))
    });
    row("feed; podcast p99 ratio", &|group| {
        let podcast = group.median(|headline| headline.podcast_ratio);
        format!("{}; {}", ratio(group.median(|headline| headline.feed_ratio)), ratio(podcast))
    });
    row("crowd with a referer, admitted over class", &|group| {
        format!("{:.2}", some(group.median(|headline| Some(headline.crowd_per_class))))
    });
    row("crowd: whole entries; whole views; half within", &|group| {
        let wait = group.median(|headline| headline.crowd_wait);
        format!(
            "{}; {:.0}; {}",
            percent(some(group.median(|headline| Some(headline.crowd_served)))),
            some(group.median(|headline| Some(headline.crowd_views as f64))),
            wait.map_or("-".to_owned(), |wait| format!("{wait:.1} s")),
        )
    });
    row("hot-linked bytes over class", &|group| {
        format!("{:.2}", some(group.median(|headline| Some(headline.media_per_class))))
    });
    row("hot-linkers: fairness (Jain); sent away", &|group| {
        let fairness = group.median(|headline| headline.media_fairness);
        let fairness = fairness.map_or("-".to_owned(), |index| format!("{index:.2}"));
        format!("{fairness}; {}", percent(some(group.median(|headline| Some(headline.media_refused)))))
    });
    row("workers held for hot-linkers, of 8", &|group| {
        format!("{:.2}", some(group.median(|headline| Some(headline.workers_for_media + 0.0))))
    });
    row("sent away by the site's own queue", &|group| {
        format!("{:.0}", some(median(group.rounds.iter().map(|round| Some(round.overflowed as f64)))))
    });
    row("processor seconds of the contestant", &|group| {
        format!("{:.1}", some(median(group.rounds.iter().map(|round| Some(round.processor_seconds)))))
    });
    text
}

fn parties(groups: &[&Group<'_>], phase: Phase) -> String {
    let mut text = "| party | contestant | whole | p50 | p99 | MB | pages made | for nobody | workers |\n\
                    |---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for party in Party::ALL {
        for group in groups {
            let of = |what: &dyn Fn(&PartyFigures) -> Option<f64>| {
                let rounds = group.rounds.iter().filter_map(|round| {
                    round.parties.iter().find(|known| known.party == party && known.phase == phase)
                });
                median(rounds.map(what))
            };
            let count = |what: &dyn Fn(&PartyFigures) -> f64| of(&|known| Some(what(known))).unwrap_or(0.0);
            let begun = count(&|known| known.begun as f64);
            if begun == 0.0 {
                continue;
            }
            let _written = writeln!(
                text,
                "| {} | {} | {:.0} of {begun:.0} | {} | {} | {:.1} | {:.0} | {:.0} | {:.2} |",
                party.name(),
                group.contestant.name(),
                count(&|known| known.whole as f64),
                time(of(&|known| known.p50)),
                time(of(&|known| known.p99)),
                count(&|known| known.bytes) / 1e6,
                count(&|known| known.pages_made as f64),
                count(&|known| known.pages_for_nobody as f64),
                count(&|known| known.workers),
            );
        }
    }
    text
}

fn percent(share: f64) -> String {
    // 99.96 % is not all.
    let floor = (share * 1000.0).floor() / 10.0;
    if floor.fract() == 0.0 { format!("{floor:.0} %") } else { format!("{floor:.1} %") }
}

fn ratio(value: Option<f64>) -> String {
    value.map_or("fail".to_owned(), |value| format!("{value:.2}"))
}

fn time(millis: Option<f64>) -> String {
    match millis {
        None => "never".to_owned(),
        Some(millis) if millis < 1000.0 => format!("{millis:.0} ms"),
        Some(millis) => format!("{:.1} s", millis / 1e3),
    }
}
