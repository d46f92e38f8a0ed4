//! What is measured over sockets by the programs of `bench/`: a small site on a day of fame behind one proxy after the
//! other, how even bandwidth classes are, a flood of contexts, and a soak.

use super::shipped;
use crate::process::{cargo, succeed, target_folder};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Of the storm.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A tidegate that is built already; without it the shipped profile is built
    #[arg(long)]
    tidegate: Option<PathBuf>,
    /// Write the figures and charts into docs/benchmarks/storm.md
    #[arg(long)]
    write: bool,
    /// The rest is for the storm itself: `-- --help` shows it
    #[arg(last = true)]
    rest: Vec<String>,
    /// Short phases, one round
    #[arg(long)]
    quick: bool,
    /// Rounds, each of all contestants; medians are reported
    #[arg(long, default_value_t = 1)]
    rounds: u32,
}

/// Of the measurements of classes.
#[derive(clap::Args)]
pub(crate) struct ShapingArguments {
    /// A tidegate that is built already; without it the shipped profile is built
    #[arg(long)]
    tidegate: Option<PathBuf>,
    /// The rest is for the measurement itself: `-- --help` shows it
    #[arg(last = true)]
    rest: Vec<String>,
}

pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let mut storm = measuring(root, "storm", arguments.tidegate.as_deref())?;
    storm.arg("--root").arg(root).args(["--rounds", &arguments.rounds.to_string()]);
    if arguments.quick {
        storm.arg("--quick");
    }
    if arguments.write {
        storm.arg("--page").arg(root.join("docs/benchmarks/storm.md"));
    }
    succeed(storm.args(&arguments.rest))
}

/// One of the measurements of classes: `pace`, `keyflood` or `soak`.
pub(crate) fn shaping(root: &Path, what: &str, arguments: &ShapingArguments) -> Result<()> {
    let mut shaping = measuring(root, "shaping", arguments.tidegate.as_deref())?;
    succeed(shaping.arg(what).args(&arguments.rest))
}

/// Builds tidegate, unless there is one, and the program that measures it; gives the command to go on with.
fn measuring(root: &Path, program: &str, tidegate: Option<&Path>) -> Result<Command> {
    let target = target_folder(root)?;
    let tidegate = if let Some(built) = tidegate { built.to_owned() } else { shipped(root)? };
    let built = target.join("bench");
    let manifest = root.join("bench").join(program).join("Cargo.toml");
    let mut build = cargo(root, &["build", "--release", "--quiet", "--manifest-path"]);
    succeed(build.arg(&manifest).env("CARGO_TARGET_DIR", &built))?;
    let mut command = Command::new(built.join("release").join(program));
    command.arg("--tidegate").arg(tidegate).arg("--folder").arg(built.join(program));
    Ok(command)
}
