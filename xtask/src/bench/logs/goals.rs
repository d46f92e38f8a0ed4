//! What was set as a goal, beside what was measured.

use super::{Candidate, Cost, DIAGNOSIS, DIAGNOSIS_ON_TWO, READING, REPLAY, REPLAY_QUEUED, SITE};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// The article's rule as it stands, and with the log's own site in its white list: on a log whose pages come from the
/// site itself the former makes nearly all of them wait.
pub(super) fn write_policies(root: &Path, folder: &Path) -> Result<()> {
    let rule =
        fs::read_to_string(root.join("spec/rules/abusive-referer.rts")).context("the article's rule")?;
    let listed = rule.replacen("$whitelist = \"", &format!("$whitelist = \"www.{SITE} {SITE} "), 1);
    let catalog = "[virtual_servers.site]\nlisten = \"127.0.0.1:8080\"\npool = \"nodes\"\n\
        request_rules = [\"abusive-referer\"]\n[pools.nodes]\nnodes = [\"127.0.0.1:8000\"]\n\
        [rate_classes.StandardReferer]\nmax_rate_per_minute = 10\n\
        [rate_classes.BusyReferer]\nmax_rate_per_minute = 20\n\
        [bandwidth_classes.AbusiveReferer]\nmaximum = \"800 kbit/s\"\n";
    for (name, rule) in [("queued", &rule), ("listed", &listed)] {
        let rules = folder.join(name).join("rules");
        fs::create_dir_all(&rules)?;
        fs::write(rules.join("abusive-referer.rts"), rule)?;
        fs::write(folder.join(name).join("tidegate.toml"), catalog)?;
    }
    Ok(())
}

/// What the goals are about, as far as it was measured.
#[derive(Default)]
pub(super) struct Goals {
    reading: Option<Cost>,
    diagnosis: Option<Cost>,
    on_two: Option<Cost>,
    /// Requests, and what they cost.
    replay: Option<(f64, Cost)>,
    queued: Option<(f64, Cost)>,
    goaccess: Option<Cost>,
    duckdb: Option<Cost>,
    chdb: Option<Cost>,
}

impl Goals {
    pub(super) fn take(&mut self, candidate: &Candidate, cost: &Cost, said: &str) {
        let place = match (candidate.name, candidate.task) {
            ("tidegate", READING) => &mut self.reading,
            ("tidegate", DIAGNOSIS) => &mut self.diagnosis,
            ("tidegate", DIAGNOSIS_ON_TWO) => &mut self.on_two,
            ("goaccess", _) => &mut self.goaccess,
            ("DuckDB", _) => &mut self.duckdb,
            ("chdb", _) => &mut self.chdb,
            ("tidegate", REPLAY | REPLAY_QUEUED) => {
                let replay = requests(said).map(|requests| (requests, *cost));
                let place = if candidate.task == REPLAY { &mut self.replay } else { &mut self.queued };
                *place = replay;
                return;
            }
            _ => return,
        };
        *place = Some(*cost);
    }

    pub(super) fn print(&self, megabytes: f64) {
        let pace = |cost: &Option<Cost>| cost.map(|cost| megabytes / cost.cpu_seconds);
        let times = |other: &Option<Cost>| {
            self.diagnosis.zip(*other).map(|(ours, theirs)| theirs.cpu_seconds / ours.cpu_seconds)
        };
        let requests =
            |replay: &Option<(f64, Cost)>| replay.map(|(requests, cost)| requests / cost.cpu_seconds);
        let speed_up = self.diagnosis.zip(self.on_two).map(|(one, two)| one.wall_seconds / two.wall_seconds);
        #[expect(clippy::cast_precision_loss, reason = "megabytes")]
        let memory = self.diagnosis.map(|cost| cost.peak_kilobytes as f64 / 1_024.0);
        println!("{:<52} {:>12} {:>12}", "goal (processor seconds)", "wanted", "measured");
        for (what, wanted, measured) in [
            ("reading alone, MB/s", Wanted::AtLeast(700.0), pace(&self.reading)),
            ("reading and the whole diagnosis, MB/s", Wanted::AtLeast(300.0), pace(&self.diagnosis)),
            ("diagnosis against goaccess, times as fast", Wanted::AtLeast(15.0), times(&self.goaccess)),
            ("diagnosis against DuckDB's bare sums", Wanted::AtLeast(1.0), times(&self.duckdb)),
            ("diagnosis against chdb's bare sums", Wanted::AtLeast(1.0), times(&self.chdb)),
            ("memory of the diagnosis, MB", Wanted::AtMost(400.0), memory),
            ("replay, requests a second", Wanted::AtLeast(400_000.0), requests(&self.replay)),
            (
                "replay where nearly all queue, requests a second",
                Wanted::AtLeast(400_000.0),
                requests(&self.queued),
            ),
            ("two processors against one (time that passes)", Wanted::AtLeast(1.8), speed_up),
        ] {
            let shown = measured.map_or_else(|| "-".to_owned(), number);
            println!("{what:<52} {:>12} {shown:>12}  {}", wanted.shown(), wanted.verdict(measured));
        }
    }
}

#[derive(Clone, Copy)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

impl Wanted {
    fn shown(self) -> String {
        match self {
            Self::AtLeast(wanted) => format!(">= {}", number(wanted)),
            Self::AtMost(wanted) => format!("<= {}", number(wanted)),
        }
    }

    fn verdict(self, measured: Option<f64>) -> &'static str {
        match (self, measured) {
            (_, None) => "not measured",
            (Self::AtLeast(wanted), Some(measured)) if measured >= wanted => "met",
            (Self::AtMost(wanted), Some(measured)) if measured <= wanted => "met",
            _ => "MISSED",
        }
    }
}

fn number(number: f64) -> String {
    if number < 100.0 { format!("{number:.1}") } else { format!("{number:.0}") }
}

/// `5,250,000 requests, …`, the first line of a replay's report.
fn requests(said: &str) -> Option<f64> {
    let number = said.split_once(" requests,")?.0.rsplit('\n').next()?;
    number.replace(',', "").parse().ok()
}
