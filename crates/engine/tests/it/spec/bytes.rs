//! Scenes of a raw connection: rules over bytes, what the client sends and the node answers, and what came of it.
//!
//! The catalog does not take such rules yet, so they are checked one by one and put in the place of its own.

use super::document::{Block, Scene, Stage};
use super::remarks::{self, Text};
use super::scene::{CATALOG, catalog_text};
use super::traffic::{shown, time};
use engine::builtins::builtins;
use engine::catalog::{Loaded, MemoryFiles, Rule, RuleStage, VirtualServerId, check_rule};
use engine::decision::Event;
use engine::{Catalog, RawRehearsal, RawVisit, RawVisited, SharedOptions, WallTime};
use source::Source;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Every way in which the scene does not hold.
///
/// # Errors
/// Where a block cannot be read.
pub(super) fn judge(scene: &Scene, rules: Vec<(Stage, Text)>) -> Result<Vec<String>, String> {
    let (catalog, mut texts) = catalog_text(scene, &[]);
    let mut files = MemoryFiles::default().with(CATALOG, catalog);
    for (stage, text) in &rules {
        // Libraries are looked for beside the rule.
        if *stage == Stage::Library {
            files = files.with(text.file.clone(), text.content.clone());
        }
    }
    let mut loaded = Catalog::load(Path::new(CATALOG), &files, builtins());
    let mut compiled: Vec<(Arc<Rule>, RuleStage)> = Vec::new();
    for (stage, text) in &rules {
        let stage = match stage {
            Stage::RawRequest => RuleStage::RawRequest,
            Stage::RawResponse => RuleStage::RawResponse,
            Stage::Library => continue,
            _ => return Err("a raw connection has raw rules only".to_owned()),
        };
        let source = Arc::new(Source::new(text.file.clone(), text.content.clone()));
        let checked = check_rule(&source, stage, loaded.catalog.as_ref(), &files, builtins());
        loaded.diagnostics.extend(checked.diagnostics);
        compiled.extend(checked.rule.map(|rule| (rule, stage)));
    }
    texts.extend(rules.into_iter().map(|(_, text)| text));
    for text in &mut texts {
        text.may_warn |= text.file == CATALOG;
    }
    let Loaded { catalog, .. } = &mut loaded;
    let catalog = catalog.take();
    let mut failures = remarks::check(&texts, &loaded);
    let expected = scene.expect.as_ref().map(parse_expect).transpose()?.unwrap_or_default();
    if remarks::expects_error(&texts) {
        return Ok(failures);
    }
    let Some(catalog) = catalog else { return Ok(failures) };
    let visit = match &scene.bytes {
        Some(block) => parse_bytes(block)?,
        None => return Ok(failures),
    };
    let mut rehearsal =
        RawRehearsal::new(catalog.with_only_rules(&compiled), &SharedOptions::default(), WallTime(0));
    let visited = rehearsal.run(&visit);
    failures.extend(check(&expected, &visited));
    Ok(failures)
}

/// `0s sends "…"`, `2s ends`, and, in order, `answers "…" [1s "…"]` for each request that reaches a node.
fn parse_bytes(block: &Block) -> Result<RawVisit, String> {
    let mut visit = RawVisit {
        client: SocketAddr::from(([192, 0, 2, 1], 50_000)),
        virtual_server: VirtualServerId(0),
        sends: Vec::new(),
        ends_at: None,
        answers: Vec::new(),
    };
    for (index, line) in block.text.lines().enumerate() {
        let written = line.split("  # ").next().unwrap_or_default().trim();
        if written.is_empty() {
            continue;
        }
        let wrong = |why: &str| format!("line {}: {why}: `{line}`", block.line + index);
        let (first, rest) = written.split_once(' ').ok_or_else(|| wrong("more is wanted"))?;
        let rest = rest.trim();
        if first == "answers" {
            let mut parts = Vec::new();
            let mut pause = Duration::ZERO;
            for (place, piece) in rest.split('"').enumerate() {
                if place % 2 == 1 {
                    parts.push((pause, unescaped(piece).ok_or_else(|| wrong("no such escape"))?));
                    pause = Duration::ZERO;
                } else if !piece.trim().is_empty() {
                    pause = Duration::from_nanos(time(piece.trim())?);
                }
            }
            visit.answers.push(parts);
            continue;
        }
        let at = Duration::from_nanos(time(first)?);
        match rest.split_once(' ').unwrap_or((rest, "")) {
            ("ends", "") => visit.ends_at = Some(at),
            ("sends", text) => {
                visit.sends.push((at, quoted(text).ok_or_else(|| wrong("quotes are wanted"))?));
            }
            _ => return Err(wrong("`sends \"…\"`, `ends` or `answers \"…\"` is wanted")),
        }
    }
    Ok(visit)
}

fn quoted(text: &str) -> Option<Vec<u8>> {
    unescaped(text.trim().strip_prefix('"')?.strip_suffix('"')?)
}

/// `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH`.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next()? {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(out)
}

struct Line {
    at: usize,
    text: String,
    what: What,
}

enum What {
    /// All that the client got.
    Client(Vec<u8>),
    /// All that nodes got.
    Node(Vec<u8>),
    /// That the client got something at this time.
    ClientAt(u64, Vec<u8>),
    Pool(String),
    Ends(String, Option<u64>),
    BandwidthClass(String),
    Log(String),
    NoLog,
    Warns(String),
    Faults(String),
    Quiet,
}

fn parse_expect(block: &Block) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    for (index, text) in block.text.lines().enumerate() {
        let written = text.split("  # ").next().unwrap_or_default().trim();
        if written.is_empty() {
            continue;
        }
        let at = block.line + index;
        let wrong = || format!("line {at}: no such expectation of a raw connection: `{written}`");
        let (word, rest) = written.split_once(' ').unwrap_or((written, ""));
        let plain = || rest.trim().trim_matches('"').to_owned();
        let what = match word {
            "client" => What::Client(quoted(rest).ok_or_else(wrong)?),
            "node" => What::Node(quoted(rest).ok_or_else(wrong)?),
            "at" => {
                let (when, bytes) = rest.split_once(" client ").ok_or_else(wrong)?;
                What::ClientAt(time(when)?, quoted(bytes).ok_or_else(wrong)?)
            }
            "pool" => What::Pool(plain()),
            "ends" => match rest.split_once(" at ") {
                Some((word, when)) => What::Ends(word.to_owned(), Some(time(when.trim())?)),
                None => What::Ends(plain(), None),
            },
            "bandwidth-class" => What::BandwidthClass(plain()),
            "log" => What::Log(plain()),
            "no" if rest == "log" => What::NoLog,
            "warns" => What::Warns(plain()),
            "faults" => What::Faults(plain()),
            "quiet" => What::Quiet,
            _ => return Err(wrong()),
        };
        lines.push(Line { at, text: written.to_owned(), what });
    }
    Ok(lines)
}

fn check(lines: &[Line], visited: &RawVisited) -> Vec<String> {
    let mut failures = Vec::new();
    let mut logs = texts(visited, |event| match event {
        Event::Log { text, .. } => Some(text),
        _ => None,
    });
    let asks_for_logs = lines.iter().any(|line| matches!(line.what, What::Log(_) | What::NoLog));
    for line in lines {
        let why = match &line.what {
            What::Log(wanted) => {
                let found = if logs.is_empty() { None } else { Some(logs.remove(0)) };
                (found != Some(wanted)).then(|| format!("found {found:?}"))
            }
            what => failure(what, visited),
        };
        failures.extend(why.map(|why| format!("line {}: `{}`: {why}", line.at, line.text)));
    }
    if asks_for_logs && !logs.is_empty() {
        failures.push(format!("also logged: {logs:?}"));
    }
    failures
}

fn texts<'a>(visited: &'a RawVisited, text: impl Fn(&'a Event) -> Option<&'a String>) -> Vec<&'a String> {
    visited.events.iter().filter_map(|(_, event)| text(event)).collect()
}

fn failure(what: &What, visited: &RawVisited) -> Option<String> {
    let told = |bytes: &[u8]| format!("found \"{}\"", bytes.escape_ascii());
    match what {
        What::Client(wanted) => {
            let found = visited.to_client.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>();
            (found != *wanted).then(|| told(&found))
        }
        What::Node(wanted) => {
            let found = visited.to_node.iter().flat_map(|(_, _, bytes)| bytes.clone()).collect::<Vec<_>>();
            (found != *wanted).then(|| told(&found))
        }
        What::ClientAt(when, wanted) => {
            let met =
                |(at, bytes): &(Duration, Vec<u8>)| at.as_nanos() == u128::from(*when) && bytes == wanted;
            (!visited.to_client.iter().any(met)).then(|| format!("found {:?}", visited.to_client))
        }
        What::Pool(wanted) => {
            let found = visited.to_node.last().map(|(_, pool, _)| pool);
            (found != Some(wanted)).then(|| format!("found {found:?}"))
        }
        What::Ends(word, when) => {
            let at = u64::try_from(visited.ended_at.as_nanos()).unwrap_or(u64::MAX);
            let met = visited.end.word() == word && when.is_none_or(|when| when == at);
            (!met).then(|| format!("found {} at {}", visited.end.word(), shown(at)))
        }
        What::BandwidthClass(wanted) => {
            let found = visited.bandwidth_class.as_deref().unwrap_or("none");
            (found != wanted).then(|| format!("found {found}"))
        }
        What::Warns(wanted) => {
            let found = texts(visited, |event| match event {
                Event::Warning { text } => Some(text),
                _ => None,
            });
            (!found.iter().any(|text| text.contains(wanted))).then(|| format!("found {found:?}"))
        }
        What::Faults(wanted) => {
            let found = texts(visited, |event| match event {
                Event::Fault { text } => Some(text),
                _ => None,
            });
            (!found.iter().any(|text| text.contains(wanted))).then(|| format!("found {found:?}"))
        }
        What::Quiet => {
            let found = texts(visited, |event| match event {
                Event::Warning { text } | Event::Fault { text } => Some(text),
                _ => None,
            });
            (!found.is_empty()).then(|| format!("found {found:?}"))
        }
        What::Log(_) | What::NoLog => None,
    }
}
