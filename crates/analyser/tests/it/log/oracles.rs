//! Totals as programs count them that know nothing of ours: mawk by cutting at quotes, SQLite and DuckDB by their own
//! functions on text. What is not installed is said aloud; DuckDB is Python's package, for `TIDEGATE_PYTHON` or `python3`.

use super::real::look;
use crate::fixtures::fixture;
use analyser::log::Summary;
use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Requests and bytes by what was counted and its value: `path /index.html`. `all` is the whole log, `clients` how many
/// there are.
type Counts = BTreeMap<String, (u64, u64)>;

/// Lines such as `path /index.html\t12\t3456`.
fn counts(said: &[u8]) -> Counts {
    let said = String::from_utf8_lossy(said);
    let line = |line: &str| {
        let mut parts = line.split('\t');
        let key = parts.next().unwrap().to_owned();
        let mut number = || parts.next().unwrap().parse().unwrap_or_else(|_| panic!("{line}"));
        (key, (number(), number()))
    };
    said.lines().filter(|said| !said.is_empty()).map(line).collect()
}

/// What a program prints; `None`, said aloud, where it cannot be run.
fn printed(program: impl Into<OsString>, arguments: &[&str], input: &str) -> Option<Vec<u8>> {
    let program = program.into();
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(why) => {
            println!("SKIPPED: {}: {why}", program.display());
            return None;
        }
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("No module named") {
        println!("SKIPPED: {errors}");
        return None;
    }
    assert!(output.status.success(), "{errors}");
    Some(output.stdout)
}

/// A line ends a value's name with a tab: `\t` stands in no value of a log.
const MAWK: &str = r#"
    function add(key, b) { hits[key]++; bytes[key] += b }
    { split($1, head, " "); split($2, request, " "); split($3, middle, " ")
      b = (middle[2] == "-") ? 0 : middle[2]; path = request[2]; sub(/[?#].*/, "", path)
      add("all", b); add("path " path, b); add("client " head[1], b); add("status " middle[1], b); add("agent " $6, b) }
    END { for (key in hits) { printf "%s\t%d\t%.0f\n", key, hits[key], bytes[key]; n += key ~ /^client / }
          printf "clients\t%d\t0\n", n }"#;

fn mawk(log: &Path) -> Option<Counts> {
    printed("mawk", &["-F\"", MAWK, &log.display().to_string()], "").map(|said| counts(&said))
}

/// The same question in SQL, over a table `lines(line)`; `instr` and `substr` are in every dialect.
const SQL: &str = "
    create table cut1 as select substr(line, 1, instr(line, '\"') - 1) head, substr(line, instr(line, '\"') + 1) rest from lines;
    create table cut2 as select head, substr(rest, 1, instr(rest, '\"') - 1) request, substr(rest, instr(rest, '\"') + 2) rest
      from cut1;
    create table cut3 as select head, request, substr(rest, 1, 3) status, substr(rest, 5, instr(substr(rest, 5), ' ') - 1) bytes,
      substr(rest, instr(rest, '\"') + 1) rest from cut2;
    create table cut4 as select substr(head, 1, instr(head, ' ') - 1) client, substr(request, instr(request, ' ') + 1) target,
      status, case when bytes = '-' then 0 else cast(bytes as bigint) end bytes,
      substr(rest, instr(rest, '\" \"') + 3) agent from cut3;
    create table cut5 as select client, status, bytes,
      case when instr(agent, '\"') > 0 then substr(agent, 1, instr(agent, '\"') - 1) else agent end agent,
      case when instr(target, ' ') > 0 then substr(target, 1, instr(target, ' ') - 1) else target end path from cut4;
    create table cut6 as select client, status, bytes, agent,
      case when instr(path, '?') > 0 then substr(path, 1, instr(path, '?') - 1) else path end path from cut5;
    create table cut7 as select client, status, bytes, agent,
      case when instr(path, '#') > 0 then substr(path, 1, instr(path, '#') - 1) else path end path from cut6;
    create table said as
      select 'all' k, count(*) n, sum(bytes) b from cut7
      union all select 'clients', count(distinct client), 0 from cut7
      union all select 'path ' || path, count(*), sum(bytes) from cut7 group by path
      union all select 'client ' || client, count(*), sum(bytes) from cut7 group by client
      union all select 'status ' || status, count(*), sum(bytes) from cut7 group by status
      union all select 'agent ' || agent, count(*), sum(bytes) from cut7 group by agent;";

fn sqlite(log: &Path) -> Option<Counts> {
    let script = format!(
        ".mode ascii\n.separator \"\\001\" \"\\n\"\ncreate table lines(line text);\n.import {} lines\n{SQL}\n\
         .separator \"\\t\" \"\\n\"\n.mode list\n.separator \"\\t\"\nselect k, n, b from said;\n",
        log.display()
    );
    printed("sqlite3", &["-batch", ":memory:"], &script).map(|said| counts(&said))
}

fn duckdb(log: &Path) -> Option<Counts> {
    let python = env::var_os("TIDEGATE_PYTHON").unwrap_or_else(|| "python3".into());
    let program = "import duckdb, sys\ndb = duckdb.connect()\n\
        db.execute(\"create table lines as select * from read_csv('\" + sys.argv[1] + \"', columns={'line': 'varchar'}, \
        delim=chr(1), quote='', escape='', header=false, auto_detect=false)\")\n\
        db.execute(sys.stdin.read())\n\
        for row in db.execute('select k, n, cast(b as bigint) from said').fetchall(): print(*row, sep='\\t')\n";
    printed(python, &["-c", program, &log.display().to_string()], SQL).map(|said| counts(&said))
}

/// The same from a summary.
fn ours(summary: &Summary) -> Counts {
    let mut all = Counts::new();
    let total = summary.total;
    all.insert("all".to_owned(), (total.requests, total.bytes));
    all.insert("clients".to_owned(), (total.clients, 0));
    for row in &summary.paths {
        all.insert(format!("path {}", row.path), (row.counted.requests, row.counted.bytes));
    }
    for row in &summary.clients {
        all.insert(format!("client {}", row.client), (row.counted.requests, row.counted.bytes));
    }
    for row in &summary.statuses {
        all.insert(format!("status {}", row.status), (row.requests, row.bytes));
    }
    for row in &summary.agents {
        let agent = if row.agent.is_empty() { "-" } else { row.agent.as_str() };
        all.insert(format!("agent {agent}"), (row.counted.requests, row.counted.bytes));
    }
    all
}

/// Each number of ours is theirs, and nothing that they have more of than our lists' last is left out.
fn compare(name: &str, theirs: &Counts, summary: &Summary) {
    let ours = ours(summary);
    assert!(ours.len() > 100, "there is enough to compare: {}", ours.len());
    for (key, ours) in &ours {
        assert_eq!(theirs.get(key), Some(ours), "{name}: {key}");
    }
    for kind in ["path ", "client ", "agent "] {
        let least = ours.iter().filter(|(key, _)| key.starts_with(kind)).map(|(_, sum)| sum.1).min();
        let missing = theirs
            .iter()
            .find(|(key, sum)| key.starts_with(kind) && Some(sum.1) > least && !ours.contains_key(*key));
        assert_eq!(missing, None, "{name}");
    }
    let statuses = |counts: &Counts| counts.keys().filter(|key| key.starts_with("status ")).count();
    assert_eq!(statuses(theirs), statuses(&ours), "{name}");
}

#[test]
fn totals_are_those_of_independent_counts_to_the_last_byte() {
    let Some(log) = fixture("access/elastic-apache-combined-10k.log") else { return };
    let (summary, _) = look(&log, 2, 1);
    for (name, theirs) in [("mawk", mawk(&log)), ("sqlite3", sqlite(&log)), ("duckdb", duckdb(&log))] {
        if let Some(theirs) = theirs {
            compare(name, &theirs, &summary);
        }
    }
}

/// Synthetic: more lines than a chunk holds, so that several threads count parts of the same file.
#[test]
fn a_log_of_many_chunks_counts_to_the_same_totals_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("access.log");
    let mut text = String::new();
    let mut state = 1_u64;
    let mut up_to = |max: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % max
    };
    for second in 0..60_000_u64 {
        let (hour, minute, rest) = (second / 3600, second / 60 % 60, second % 60);
        let (path, client, bytes) = (up_to(300), up_to(20_000), up_to(3_000_000));
        let status = [200, 200, 206, 304, 404][usize::try_from(up_to(5)).unwrap()];
        let bytes = if status == 304 { "-".to_owned() } else { bytes.to_string() };
        writeln!(
            text,
            "10.{}.{}.9 - - [02/Mar/2026:{hour:02}:{minute:02}:{rest:02} +0000] \"GET /files/{path}.mp3?n={second} HTTP/1.1\" \
             {status} {bytes} \"http://www.blog.example/page/{}\" \"Player/{}.0 (made up)\"",
            client % 199,
            client / 199,
            path % 7,
            up_to(60),
        )
        .unwrap();
    }
    fs::write(&log, &text).unwrap();
    assert!(text.len() > 2 * (4 << 20), "{} bytes", text.len());
    let summaries = [1, 2, 5].map(|threads| look(&log, threads, threads as u64).0);
    for (name, theirs) in [("mawk", mawk(&log)), ("sqlite3", sqlite(&log)), ("duckdb", duckdb(&log))] {
        for summary in &summaries {
            if let Some(theirs) = &theirs {
                compare(name, theirs, summary);
            }
        }
    }
}
