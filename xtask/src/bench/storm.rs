//! A small site on a day of fame, behind one proxy after the other; who comes and who stands in front is in `bench/storm`.

use super::PROFILE;
use crate::process::{cargo, succeed, target_folder};
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

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

pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let target = target_folder(root)?;
    let tidegate = if let Some(built) = &arguments.tidegate {
        built.clone()
    } else {
        succeed(&mut cargo(root, &["build", "--profile", PROFILE, "--package", "tidegate", "--quiet"]))?;
        target.join(PROFILE).join("tidegate")
    };
    let built = target.join("bench");
    let manifest = root.join("bench/storm/Cargo.toml");
    let mut build = cargo(root, &["build", "--release", "--quiet", "--manifest-path"]);
    succeed(build.arg(&manifest).env("CARGO_TARGET_DIR", &built))?;
    let mut storm = Command::new(built.join("release/storm"));
    storm.arg("--root").arg(root).arg("--tidegate").arg(tidegate);
    storm.arg("--folder").arg(built.join("storm")).args(["--rounds", &arguments.rounds.to_string()]);
    if arguments.quick {
        storm.arg("--quick");
    }
    if arguments.write {
        storm.arg("--page").arg(root.join("docs/benchmarks/storm.md"));
    }
    succeed(storm.args(&arguments.rest))
}
