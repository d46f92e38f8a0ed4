//! Access logs: how fast they are read, diagnosed and replayed, beside other people's programs in the same run, and the
//! table of goals.

mod goals;

use self::goals::Goals;
use super::{PROFILE, shipped};
use crate::process::{cargo, find_program, succeed, target_folder};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The log to read; without it one is made of the real log beside the checkout, and deleted afterwards
    #[arg(long)]
    log: Option<PathBuf>,
    /// Only make a log, at this place
    #[arg(long)]
    make: Option<PathBuf>,
    /// How many bytes a log that is made has
    #[arg(long, default_value_t = 1_250_000_000)]
    bytes: u64,
    /// Rounds, each of all programs; the best counts
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// A Python that has the packages duckdb and chdb
    #[arg(long)]
    python: Option<PathBuf>,
}

/// One program, and how it says the sum of bytes.
struct Candidate {
    name: &'static str,
    task: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    /// What stands before the sum in what it prints, one after the other; empty: it says none.
    sum_after: &'static [&'static str],
    /// On these processors.
    processors: &'static str,
}

/// What the best run of a program cost.
#[derive(Clone, Copy)]
struct Cost {
    cpu_seconds: f64,
    wall_seconds: f64,
    peak_kilobytes: u64,
}

/// Whoever reads a log without anything else.
const READING: &str = "reading alone";
/// The whole way, on one processor and on two.
const DIAGNOSIS: &str = "diagnosis";
const DIAGNOSIS_ON_TWO: &str = "diagnosis, two processors";
/// The article's policy, with its own white list and with one that has the site's own name.
const REPLAY: &str = "replay, the site white-listed";
const REPLAY_QUEUED: &str = "replay, nearly all queue";
/// The site of the log that is made.
const SITE: &str = "semicomplete.com";

pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let build = ["build", "--profile", PROFILE, "-p", "accesslog", "-p", "analyser", "--examples", "--quiet"];
    succeed(&mut cargo(root, &build))?;
    let built = target_folder(root)?.join(PROFILE);
    if let Some(place) = &arguments.make {
        return grow(root, &built, place, arguments.bytes);
    }
    let made = std::env::temp_dir().join("tidegate-bench-logs.log");
    if let Some(log) = &arguments.log {
        return compare(root, &built, log, arguments);
    }
    grow(root, &built, &made, arguments.bytes)?;
    let result = compare(root, &built, &made, arguments);
    std::fs::remove_file(&made).context("cannot delete the log that was made")?;
    result
}

fn grow(root: &Path, built: &Path, place: &Path, bytes: u64) -> Result<()> {
    let beside = || root.join("../shared/fixtures");
    let fixtures = std::env::var_os("TIDEGATE_FIXTURES").map_or_else(beside, PathBuf::from);
    let small = fixtures.join("access/elastic-apache-combined-10k.log");
    if !small.is_file() {
        bail!("a log is made of {}, which is not there; TIDEGATE_FIXTURES says where it is", small.display());
    }
    let mut command = Command::new(built.join("examples/grow"));
    succeed(command.arg(small).arg(place).arg(bytes.to_string()))
}

fn compare(root: &Path, built: &Path, log: &Path, arguments: &Arguments) -> Result<()> {
    if !Path::new("/usr/bin/time").is_file() {
        bail!("processor seconds are counted by /usr/bin/time (Debian: time)");
    }
    let program = shipped(root)?;
    let policies = std::env::temp_dir().join("tidegate-bench-logs");
    goals::write_policies(root, &policies)?;
    let candidates = candidates((&program, built), (log, &policies), arguments.python.as_deref());
    let megabytes = megabytes(log)?;
    let mut best: Vec<Option<Cost>> = vec![None; candidates.len()];
    let mut said: Vec<String> = vec![String::new(); candidates.len()];
    for _ in 0..arguments.rounds {
        for (index, candidate) in candidates.iter().enumerate() {
            let (cost, text) = measure(candidate)?;
            // on one processor the time that passes is the others' doing; on two it is what counts
            let is_better = best[index].is_none_or(|best| cost.cpu_seconds < best.cpu_seconds);
            let fastest =
                best[index].map_or(cost.wall_seconds, |best| best.wall_seconds.min(cost.wall_seconds));
            let kept = best[index].filter(|_| !is_better).unwrap_or(cost);
            best[index] = Some(Cost { wall_seconds: fastest, ..kept });
            said[index] = text;
        }
    }
    println!(
        "{:<12} {:<34} {:>8} {:>8} {:>8} {:>9} {:>16}",
        "program", "task", "CPU s", "wall s", "MB/s", "peak MB", "bytes"
    );
    let mut goals = Goals::default();
    let mut sums = Vec::new();
    for ((candidate, cost), said) in candidates.iter().zip(&best).zip(&said) {
        let Some(cost) = cost else { continue };
        let sum = number_after(said, candidate.sum_after);
        sums.extend(sum);
        let sum = sum.map_or_else(|| "-".to_owned(), |sum| sum.to_string());
        println!(
            "{:<12} {:<34} {:>8.2} {:>8.2} {:>8.0} {:>9} {sum:>16}",
            candidate.name,
            candidate.task,
            cost.cpu_seconds,
            cost.wall_seconds,
            megabytes / cost.cpu_seconds,
            cost.peak_kilobytes / 1_024,
        );
        goals.take(candidate, cost, said);
    }
    if sums.windows(2).any(|pair| pair[0] != pair[1]) {
        bail!("the sums of bytes differ");
    }
    println!("all sums of bytes are equal\n");
    goals.print(megabytes);
    std::fs::remove_dir_all(&policies).context("cannot delete the policies that were made")
}

/// Runs a program on its processors.
fn measure(candidate: &Candidate) -> Result<(Cost, String)> {
    let mut command = Command::new("/usr/bin/time");
    command
        .args(["-f", "%U %S %e %M", "taskset", "-c", candidate.processors])
        .arg(&candidate.program)
        .args(&candidate.arguments);
    let output = command.stdin(Stdio::null()).output().context("cannot start /usr/bin/time")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{} failed: {errors}", candidate.name);
    }
    let figures: Vec<&str> = errors.lines().last().unwrap_or_default().split(' ').collect();
    let [user, system, wall, peak] = figures.as_slice() else { bail!("/usr/bin/time said {errors}") };
    let cpu_seconds = user.parse::<f64>()? + system.parse::<f64>()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok((Cost { cpu_seconds, wall_seconds: wall.parse()?, peak_kilobytes: peak.parse()? }, said))
}

fn candidates(
    (tidegate, built): (&Path, &Path),
    (log, policies): (&Path, &Path),
    python: Option<&Path>,
) -> Vec<Candidate> {
    let log = log.display().to_string();
    let ours = |task, program: PathBuf, arguments: &[&str], sum_after: &'static [&'static str]| Candidate {
        name: "tidegate",
        task,
        program,
        arguments: arguments.iter().map(|word| (*word).to_owned()).chain([log.clone()]).collect(),
        sum_after,
        processors: "0",
    };
    let diagnose = ["diagnose", "--format", "json", "--no-state", "--logs"];
    let (listed, queued) = (policies.join("listed/tidegate.toml"), policies.join("queued/tidegate.toml"));
    let mut candidates = vec![
        ours(READING, built.join("examples/checksum"), &[], &["bytes "]),
        ours(DIAGNOSIS, tidegate.to_owned(), &diagnose, TOTAL_BYTES),
        Candidate {
            processors: "0,1",
            ..ours(DIAGNOSIS_ON_TWO, tidegate.to_owned(), &diagnose, TOTAL_BYTES)
        },
        ours(REPLAY, built.join("examples/replay_cost"), &[&listed.display().to_string()], &[]),
        ours(REPLAY_QUEUED, built.join("examples/replay_cost"), &[&queued.display().to_string()], &[]),
    ];
    let mut add = |name, task, program: Option<PathBuf>, arguments: &[&str], sum_after| match program {
        Some(program) => candidates.push(Candidate {
            name,
            task,
            program,
            arguments: arguments.iter().map(|word| word.replace("LOG", &log)).collect(),
            sum_after,
            processors: "0",
        }),
        None => println!("SKIPPED: {name}, which is not installed"),
    };
    add("mawk", "sum of one field", find_program("mawk"), &["-F\"", MAWK_SUM, "LOG"], &["bytes "]);
    add("mawk", "aggregate", find_program("mawk"), &["-F\"", MAWK_AGGREGATE, "LOG"], &["bytes "]);
    let goaccess = ["LOG", "--log-format=COMBINED", "-o", "json", "--no-progress"];
    add("goaccess", "report", find_program("goaccess"), &goaccess, &[]);
    let python = python.map(Path::to_owned);
    add("DuckDB", "aggregate", python.clone(), &["-c", DUCKDB, "LOG"], &["bytes "]);
    add("chdb", "aggregate", python, &["-c", CHDB, "LOG"], &["bytes "]);
    candidates
}

#[expect(clippy::cast_precision_loss, reason = "sizes of files")]
fn megabytes(log: &Path) -> Result<f64> {
    Ok(std::fs::metadata(log)?.len() as f64 / 1e6)
}

/// The number that follows these texts.
fn number_after(said: &str, before: &[&str]) -> Option<u64> {
    before.first()?;
    let rest = before.iter().try_fold(said, |rest, before| Some(rest.split_once(before)?.1))?.trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// What stands before the sum in the report of a diagnosis.
const TOTAL_BYTES: &[&str] = &["\"total\":", "\"bytes\":"];

const MAWK_SUM: &str = r#"{ split($3, a, " "); s += a[2] } END { printf "bytes %.0f\n", s }"#;

/// Bytes for each path and each referer's host, distinct clients, and the sum.
const MAWK_AGGREGATE: &str = r#"{ split($3, a, " "); split($2, r, " "); split($1, c, " "); sub(/\?.*/, "", r[2]);
    h = $4; sub(/^[a-z]+:\/\//, "", h); sub(/[\/:?].*/, "", h);
    s += a[2]; p[r[2]] += a[2]; d[h] += a[2]; n[c[1]] }
    END { for (k in p) np++; for (k in d) nd++; for (k in n) nc++;
    printf "bytes %.0f paths %d referers %d clients %d\n", s, np, nd, nc }"#;

const DUCKDB: &str = r#"
import duckdb, sys
db = duckdb.connect()
db.execute("set threads to 1")
db.execute("set enable_progress_bar = false")
db.execute("""create view l as select string_split(line, '"') q from read_csv(?, columns={'line': 'varchar'},
  delim=chr(1), quote='', escape='', header=false, auto_detect=false, max_line_size=10000000)""".replace("?", "'" + sys.argv[1] + "'"))
row = db.execute("""with f as (select try_cast(string_split(q[3], ' ')[3] as ubigint) b, string_split(string_split(q[2], ' ')[2], '?')[1] p,
  string_split(q[4], '/')[3] d, string_split(q[1], ' ')[1] c from l),
  a as materialized (select p, d, sum(b) b from f group by p, d)
  select (select sum(b) from f), (select count(distinct p) from a), (select count(distinct d) from a), (select count(distinct c) from f)""").fetchone()
print("bytes", int(row[0]), "paths", row[1], "referers", row[2], "clients", row[3])
"#;

const CHDB: &str = r#"
import chdb, sys
row = chdb.query(f"""select sum(b), uniqExact(p), uniqExact(d), uniqExact(c) from (select splitByChar('"', line) q,
  toUInt64OrZero(splitByChar(' ', q[3])[3]) b, splitByChar('?', splitByChar(' ', q[2])[2])[1] p,
  splitByChar('/', q[4])[3] d, splitByChar(' ', q[1])[1] c from file('{sys.argv[1]}', LineAsString)) settings max_threads = 1""", "TSV")
print("bytes", *str(row).split())
"#;
