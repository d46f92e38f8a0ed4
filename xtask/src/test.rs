//! `cargo xtask test`: the one command that runs all tests, step by step, and sums up.

use crate::process::{answers, cargo, find_program, metadata, succeed, target_folder};
use crate::{docs, interop, packages, tidy};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
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

const STEPS: [Step; 10] = [
    Step { name: "packages", run: packages_step },
    Step { name: "fmt", run: fmt },
    Step { name: "clippy", run: clippy },
    Step { name: "tidy", run: |root, _| tidy::run(root).map(|()| Outcome::Passed) },
    Step { name: "tests", run: tests },
    Step { name: "doc-tests", run: doc_tests },
    Step { name: "spec", run: |root, _| spec(root, None).map(|()| Outcome::Passed) },
    Step { name: "docs", run: |root, _| docs::check(root).map(|()| Outcome::Passed) },
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

/// Count which branches are taken; the rest is as shipped. The address sanitizer, which `cargo fuzz` adds, is left out:
/// our crates have no `unsafe`, and it slows down each build and each input.
const FUZZ_FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    --cfg fuzzing --cfg tidegate_watched";

/// Compares two dialects of patterns: what it finds when it searches is a difference to decide on, not a defect to stop
/// for, so that only what was decided is tried.
const CORPUS_ONLY: &str = "pattern_oracle";

/// Builds every fuzz target and runs each for a moment, from the corpus that is committed. Needs a nightly toolchain;
/// `cargo fuzz` itself is not needed.
fn fuzz(root: &Path, _: &Arguments) -> Result<Outcome> {
    let manifest = root.join("fuzz/Cargo.toml");
    if !manifest.is_file() {
        return Ok(Outcome::Skipped("there are no fuzz targets".to_owned()));
    }
    if !answers("cargo", &["+nightly", "--version"]) {
        return Ok(Outcome::Skipped(
            "needs a nightly toolchain (rustup toolchain install nightly)".to_owned(),
        ));
    }
    let host = "x86_64-unknown-linux-gnu";
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Outcome::Skipped(format!("the fuzz targets are built for {host}")));
    }
    let built = target_folder(root)?.join("fuzz");
    // the rustup proxy on the path, not the toolchain's own cargo that runs us: only the proxy understands `+nightly`
    let mut build = Command::new("cargo");
    build
        .args(["+nightly", "build", "--release", "--quiet", "--target", host, "--bins"])
        .arg("--manifest-path")
        .arg(&manifest);
    build.env_remove("RUSTUP_TOOLCHAIN").env("CARGO_TARGET_DIR", &built).env("RUSTFLAGS", FUZZ_FLAGS);
    // PCRE from its own source, whatever the system has
    build.env("PCRE2_SYS_STATIC", "1");
    succeed(&mut build)?;
    let dictionary = built.join("rules.dict");
    let mut words = cargo(root, &["run", "--quiet", "-p", "engine", "--example", "dictionary"]);
    let words = words.output().context("cannot make the dictionary")?;
    std::fs::write(&dictionary, words.stdout)?;
    let run = FuzzRun { programs: built.join(host).join("release"), dictionary, found: built.join("found") };
    let targets = Mutex::new(fuzz_targets(&manifest)?.into_iter());
    // One on each processor, until none is left.
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            while let Some(target) = targets.lock().ok().and_then(|mut targets| targets.next()) {
                run.target(root, &target)?;
            }
            Ok(())
        };
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended =
            running.into_iter().map(|worker| worker.join().unwrap_or_else(|_| bail!("a defect of xtask")));
        ended.collect::<Result<Vec<()>>>()
    })?;
    Ok(Outcome::Passed)
}

/// Where everything is that runs a fuzz target.
struct FuzzRun {
    programs: PathBuf,
    dictionary: PathBuf,
    found: PathBuf,
}

impl FuzzRun {
    /// Runs one for its time.
    fn target(&self, root: &Path, target: &str) -> Result<()> {
        let found = self.found.join(target);
        std::fs::create_dir_all(&found)?;
        let mut run = Command::new(self.programs.join(target));
        let corpus = root.join("fuzz/corpus").join(target);
        if target == CORPUS_ONLY {
            run.arg(corpus).arg("-runs=0");
        } else {
            run.arg(&found).arg(corpus).arg(format!("-max_total_time={FUZZ_SECONDS}"));
        }
        run.arg(format!("-artifact_prefix={}/", found.display())).stdin(Stdio::null());
        if target.ends_with("_rule") {
            run.arg(format!("-dict={}", self.dictionary.display()));
        }
        let output = run.arg("-timeout=5").output().with_context(|| format!("cannot start {target}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            println!("{said}");
            bail!("{target} found something; the input is in {}", found.display());
        }
        println!("{target}: {}", said.lines().rfind(|line| line.starts_with("Done")).unwrap_or("ran"));
        Ok(())
    }
}

/// The names of the fuzz targets, as their workspace declares them.
fn fuzz_targets(manifest: &Path) -> Result<Vec<String>> {
    let metadata = metadata(manifest)?;
    let targets =
        metadata["packages"][0]["targets"].as_array().context("the fuzz workspace has no targets")?;
    let programs = targets.iter().filter(|target| target["kind"][0] == "bin");
    Ok(programs.filter_map(|target| target["name"].as_str().map(str::to_owned)).collect())
}
