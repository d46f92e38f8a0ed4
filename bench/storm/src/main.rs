//! A small site on a day of fame: the same people at the same moments, against one contestant after the other.
//!
//! ```text
//! cargo xtask bench storm [--quick] [--rounds N] [--hard] [--only nginx --only default] [--scale 0.6]
//! ```
//!
//! Nothing is simulated: the site, the line and everybody who comes are one process on one thread, talk HTTP over the
//! loopback from addresses of their own, and what is reported is what they measured. How late that thread was itself is
//! measured as well, and a round in which it was late is marked and left out of the medians.

mod browser;
mod chart;
mod contestant;
mod figures;
mod lag;
mod line;
mod origin;
mod people;
mod plan;
mod report;
mod tally;

use anyhow::{Context, Result};
use clap::Parser;
use contestant::{Contestant, Places, Running};
use figures::{Outcome, Seen};
use lag::Watch;
use line::{Line, Place};
use people::Scene;
use plan::{Limits, PATIENCE, Scenario, Times, Variant};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tally::Tally;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

#[derive(Parser)]
struct Arguments {
    /// The checkout, where rules and the peers' settings are
    #[arg(long, default_value = ".")]
    root: PathBuf,
    /// The tidegate to measure
    #[arg(long, default_value = "target/release/tidegate")]
    tidegate: PathBuf,
    /// Where settings, logs and results are written
    #[arg(long, default_value = "target/bench/storm")]
    folder: PathBuf,
    /// Rounds, each of all contestants; medians are reported
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Short phases
    #[arg(long)]
    quick: bool,
    /// Only this variant; without it both are played
    #[arg(long)]
    variant: Option<Variant>,
    /// Only these contestants
    #[arg(long)]
    only: Vec<Contestant>,
    /// Of everything that comes, goes out and is allowed in a second, so that a slow machine is not the limit
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Where the line of 40 Mbit/s is
    #[arg(long, value_enum, default_value_t = Place::Site)]
    line: Place,
    #[arg(long, default_value_t = 20261123)]
    seed: u64,
    /// Report on results of earlier runs, and play nothing
    #[arg(long)]
    from: Vec<PathBuf>,
    /// The page whose figures are written anew, with charts beside it
    #[arg(long)]
    page: Option<PathBuf>,
}

const ALL: [Contestant; 6] = [
    Contestant::Nothing,
    Contestant::Nginx,
    Contestant::Haproxy,
    Contestant::Article,
    Contestant::Default,
    Contestant::Spare,
];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let outcomes = if arguments.from.is_empty() { play(&arguments)? } else { read(&arguments.from)? };
    let report = report::Report::of(&outcomes);
    println!("{}", report.text());
    if let Some(page) = &arguments.page {
        report.write(page)?;
        println!("written: {}", page.display());
    }
    Ok(())
}

fn read(files: &[PathBuf]) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for file in files {
        let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        outcomes.extend(serde_json::from_slice::<Vec<Outcome>>(&text).context("these are no results")?);
    }
    Ok(outcomes)
}

/// Plays all rounds; the peers take turns, so that a machine that gets busier meets all of them.
fn play(arguments: &Arguments) -> Result<Vec<Outcome>> {
    std::fs::create_dir_all(&arguments.folder).context("cannot make the folder")?;
    let places = Places {
        root: arguments.root.canonicalize().context("no such checkout")?,
        folder: arguments.folder.canonicalize()?,
        tidegate: arguments.tidegate.clone(),
    };
    let variants: Vec<Variant> = match arguments.variant {
        Some(variant) => vec![variant],
        None => vec![Variant::Usual, Variant::Hard],
    };
    let contestants = if arguments.only.is_empty() { ALL.to_vec() } else { arguments.only.clone() };
    let mut outcomes = Vec::new();
    for round in 1..=arguments.rounds {
        for variant in &variants {
            for contestant in &contestants {
                let times = if arguments.quick { Times::QUICK } else { Times::FULL };
                let scenario = Scenario {
                    times,
                    variant: *variant,
                    scale: arguments.scale,
                    line: arguments.line,
                    seed: arguments.seed + u64::from(round),
                };
                match round_of(*contestant, scenario, round, &places) {
                    Ok(outcome) => {
                        println!("{}", report::line(&outcome));
                        outcomes.push(outcome);
                    }
                    Err(error) => println!("{}: left out: {error:#}", contestant.name()),
                }
                let kept = serde_json::to_vec(&outcomes)?;
                std::fs::write(places.folder.join("results.json"), kept)
                    .context("cannot keep the results")?;
            }
        }
    }
    Ok(outcomes)
}

/// One contestant's round.
fn round_of(contestant: Contestant, scenario: Scenario, round: u32, places: &Places) -> Result<Outcome> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let limits = Limits::of(scenario.scale);
    let tally = Rc::new(Tally::default());
    let seen = runtime.block_on(async {
        let listener = origin::listen()?;
        let running = Running::start(contestant, listener.local_addr()?, &limits, places)?;
        let before = running.processor_seconds();
        let start = Instant::now();
        let line_rate = NonZeroU32::new(limits.line_bytes_per_second).unwrap_or(NonZeroU32::MIN);
        let line = Rc::new(Line::new(scenario.line, line_rate, start, Rc::clone(&tally)));
        origin::serve(listener, Rc::clone(&line), start, Rc::clone(&tally));
        let times = scenario.times;
        let scene = Scene { to: running.address, start, times, line, tally: Rc::clone(&tally) };
        let watch = Watch::start();
        let mut people = JoinSet::new();
        for arrival in scenario.arrivals() {
            sleep_until(start + arrival.at).await;
            people.spawn_local(people::visit(scene.clone(), arrival));
        }
        let end = start + times.end();
        sleep_until(end).await;
        let lag = watch.lag();
        let processor_seconds = running.processor_seconds() - before;
        // Nobody who came in time is left out because he was slow.
        let _gone = timeout_at(end + PATIENCE + Duration::from_secs(1), people.join_all()).await;
        anyhow::Ok(Seen { contestant, scenario, limits, round, lag, processor_seconds })
    })?;
    // The last workers are given back with the runtime.
    drop(runtime);
    Ok(Outcome::of(&seen, &tally))
}
