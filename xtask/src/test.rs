//! `cargo xtask test`: the one command that runs all tests, step by step, and sums up.

use crate::process::{answers, cargo, find_program, succeed};
use crate::{interop, packages, tidy};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// How long each fuzz target runs, in seconds.
const FUZZ_SECONDS: u32 = 30;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Install no Debian packages; what needs a missing program is skipped
    #[arg(long)]
    no_install: bool,
    /// Run this step only
    #[arg(long, value_name = "NAME", value_parser = STEPS.map(|step| step.name))]
    only: Option<String>,
}

/// What became of a step.
pub(crate) enum Outcome {
    Passed,
    /// Nothing was run; says why.
    Skipped(String),
}

struct Step {
    name: &'static str,
    run: fn(&Path, &Arguments) -> Result<Outcome>,
}

const STEPS: [Step; 9] = [
    Step { name: "packages", run: packages_step },
    Step { name: "fmt", run: fmt },
    Step { name: "clippy", run: clippy },
    Step { name: "tidy", run: |root, _| tidy::run(root).map(|()| Outcome::Passed) },
    Step { name: "tests", run: tests },
    Step { name: "doc-tests", run: doc_tests },
    Step { name: "spec", run: |root, _| spec(root, None).map(|()| Outcome::Passed) },
    Step { name: "fuzz", run: fuzz },
    Step { name: "interop", run: |root, _| interop::run(root) },
];

/// Runs the steps in order, all of them even when one fails, and prints a table.
///
/// # Errors
/// When any step failed.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let mut table = Vec::new();
    let mut failed = 0;
    for step in &STEPS {
        if arguments.only.as_ref().is_some_and(|only| only != step.name) {
            continue;
        }
        println!("\n== {} ==", step.name);
        let start = Instant::now();
        let result = match (step.run)(root, arguments) {
            Ok(Outcome::Passed) => "passed".to_owned(),
            Ok(Outcome::Skipped(why)) => {
                println!("SKIPPED: {why}");
                format!("skipped: {why}")
            }
            Err(error) => {
                failed += 1;
                println!("FAILED: {error:#}");
                "FAILED".to_owned()
            }
        };
        table.push((step.name, start.elapsed().as_secs_f64(), result));
    }
    println!("\n{:<10} {:>8}  result", "step", "seconds");
    for (name, seconds, result) in &table {
        println!("{name:<10} {seconds:>8.1}  {result}");
    }
    if failed > 0 {
        bail!("{failed} of {} steps failed", table.len());
    }
    Ok(())
}

/// The executable Markdown under `spec/`; it is run by a test of the engine. A filter is a file, such as
/// `language/lexis`.
///
/// # Errors
/// When a specification does not hold.
pub(crate) fn spec(root: &Path, filter: Option<&str>) -> Result<()> {
    let file = filter.unwrap_or_default().trim_end_matches(".md").replace('/', "_");
    let filter = format!("spec::{file}");
    // the whole workspace, so that what the tests before have built is used as it is
    succeed(&mut cargo(root, &["test", "--workspace", "--test", "it", "--quiet", "--", &filter]))
}

#[expect(clippy::unnecessary_wraps, reason = "has the shape of every step; missing programs fail nothing")]
fn packages_step(_: &Path, arguments: &Arguments) -> Result<Outcome> {
    let missing = packages::provide(!arguments.no_install);
    Ok(if missing.is_empty() {
        Outcome::Passed
    } else {
        Outcome::Skipped(format!("missing programs: {}", missing.join(", ")))
    })
}

fn fmt(root: &Path, _: &Arguments) -> Result<Outcome> {
    succeed(&mut cargo(root, &["fmt", "--all", "--check"]))?;
    Ok(Outcome::Passed)
}

fn clippy(root: &Path, _: &Arguments) -> Result<Outcome> {
    succeed(&mut cargo(
        root,
        &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
    ))?;
    Ok(Outcome::Passed)
}

fn tests(root: &Path, _: &Arguments) -> Result<Outcome> {
    if find_program("cargo-nextest").is_some() {
        succeed(&mut cargo(root, &["nextest", "run", "--workspace", "--no-fail-fast"]))?;
    } else {
        succeed(&mut cargo(root, &["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"]))?;
    }
    Ok(Outcome::Passed)
}

fn doc_tests(root: &Path, _: &Arguments) -> Result<Outcome> {
    succeed(&mut cargo(root, &["test", "--doc", "--workspace", "--quiet"]))?;
    Ok(Outcome::Passed)
}

/// Builds every fuzz target and runs each for a moment.
fn fuzz(root: &Path, _: &Arguments) -> Result<Outcome> {
    if !root.join("fuzz/Cargo.toml").is_file() {
        return Ok(Outcome::Skipped("there are no fuzz targets".to_owned()));
    }
    if find_program("cargo-fuzz").is_none() || !answers("cargo", &["+nightly", "--version"]) {
        return Ok(Outcome::Skipped("needs cargo-fuzz and a nightly toolchain".to_owned()));
    }
    // the rustup proxy on the path, not the toolchain's own cargo that runs us: only the proxy understands `+nightly`
    let nightly_fuzz = |arguments: &[&str]| {
        let mut command = Command::new("cargo");
        command.current_dir(root).args(["+nightly", "fuzz"]).args(arguments).env_remove("RUSTUP_TOOLCHAIN");
        command
    };
    let listed = nightly_fuzz(&["list"]).output()?;
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let limit = format!("-max_total_time={FUZZ_SECONDS}");
    for name in names.lines() {
        succeed(&mut nightly_fuzz(&["run", name, "--", &limit, "-timeout=5"]))?;
    }
    Ok(Outcome::Passed)
}
