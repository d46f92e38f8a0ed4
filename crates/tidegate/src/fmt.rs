//! `tidegate fmt`: rules in the canonical layout, in place.

use crate::check::{STANDARD_INPUT, Shown, colours, has_suffix, read_rule};
use crate::command_line::{FmtOptions, OutputFormat};
use crate::disk::{Disk, replace, words};
use crate::verdict::{Mistake, Verdict};
use anyhow::{Context, bail};
use engine::catalog::Files;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};
use source::{Diagnostic, DiagnosticId, Source, render_human};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use trafficscript::fmt::{FormatError, format};

/// Where a catalog's rules lie, beside it.
const RULES: &str = "rules";

/// What became of one file.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// It was laid out so already.
    Unchanged,
    /// It is laid out now, or printed.
    Changed,
    /// With `--check`.
    WouldChange,
    /// It is no rule, and was left alone.
    Mistaken,
}

#[derive(Serialize)]
struct Report {
    files: Vec<FileReport>,
}

#[derive(Serialize)]
struct FileReport {
    file: String,
    outcome: Outcome,
    /// With `--check`: what would change, as a unified diff.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Shown>,
}

/// Lays out what is named, or the rules here.
pub(crate) fn run(options: &FmtOptions) -> anyhow::Result<Verdict> {
    let mut paths = Vec::new();
    for path in &options.paths {
        paths.extend(rules_of(path));
    }
    if options.paths.is_empty() {
        paths = rules_of(Path::new("."));
        if paths.is_empty() {
            bail!(Mistake("there are no rules here; name them, for example: fmt my.rts".to_owned()));
        }
    }
    let mut out = std::io::stdout().lock();
    let coloured = colours(&out);
    let mut reports = Vec::new();
    for path in &paths {
        let (report, human) = one(path, options, coloured)?;
        if options.format == OutputFormat::Human {
            out.write_all(&human)?;
        }
        reports.push(report);
    }
    let has = |outcome| reports.iter().any(|report| report.outcome == outcome);
    let verdict = if has(Outcome::Mistaken) {
        Verdict::Mistaken
    } else if has(Outcome::WouldChange) {
        Verdict::Failed
    } else {
        Verdict::Good
    };
    if options.format == OutputFormat::Json {
        writeln!(out, "{}", serde_json::to_string_pretty(&Report { files: reports })?)?;
    }
    Ok(verdict)
}

/// The path, or, of a folder, the rules in it and in its folder of rules.
fn rules_of(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let folders = [path.to_owned(), path.join(RULES)];
    let all = folders.iter().flat_map(|folder| Disk.list(folder));
    let plain = |path: PathBuf| path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
    all.filter(|path| has_suffix(path, "rts") && path.is_file()).map(plain).collect()
}

/// Lays out one file; what became of it, as data and for people.
fn one(path: &Path, options: &FmtOptions, coloured: bool) -> anyhow::Result<(FileReport, Vec<u8>)> {
    let source = read_rule(path)?;
    let file = source.name().to_owned();
    let is_stream = path == Path::new(STANDARD_INPUT);
    let report = |outcome| FileReport { file: file.clone(), outcome, diff: None, diagnostics: Vec::new() };
    let laid_out = match format(&source) {
        Ok(laid_out) => laid_out,
        Err(error) => {
            let mistakes = mistakes(error, &source);
            let human = render_human(&mistakes, coloured) + &format!("{file}: left as it is\n");
            let diagnostics = mistakes.iter().map(Shown::from).collect();
            return Ok((FileReport { diagnostics, ..report(Outcome::Mistaken) }, human.into_bytes()));
        }
    };
    let is_same = laid_out == source.bytes();
    if options.check && !is_same {
        let diff = Some(diff(&source, &laid_out, false));
        let human = self::diff(&source, &laid_out, coloured).into_bytes();
        return Ok((FileReport { diff, ..report(Outcome::WouldChange) }, human));
    }
    if is_stream && !options.check {
        let outcome = if is_same { Outcome::Unchanged } else { Outcome::Changed };
        return Ok((report(outcome), laid_out));
    }
    if is_same {
        return Ok((report(Outcome::Unchanged), Vec::new()));
    }
    // Through a link, the file it names is the one that changes.
    let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    replace(&place, &laid_out)
        .map_err(|error| anyhow::anyhow!(words(&error)))
        .with_context(|| format!("cannot write {file}"))?;
    Ok((report(Outcome::Changed), format!("{file}: laid out\n").into_bytes()))
}

fn mistakes(error: FormatError, source: &Arc<Source>) -> Vec<Diagnostic> {
    match error {
        FormatError::Mistakes(mistakes) => mistakes,
        FormatError::TooLong => {
            let message = format!("{}: laid out it would be longer than a rule may be", source.name());
            vec![Diagnostic::error(DiagnosticId("rule-too-long"), message)]
        }
        FormatError::OtherWords => {
            let message =
                format!("{}: the layout would change its words; please report this rule", source.name());
            vec![Diagnostic::error(DiagnosticId("layout-changes-words"), message)]
        }
    }
}

/// What would change, as lines with `-` and `+`.
fn diff(source: &Source, laid_out: &[u8], coloured: bool) -> String {
    let (old, new) = (String::from_utf8_lossy(source.bytes()), String::from_utf8_lossy(laid_out));
    let diff = TextDiff::from_lines(&old, &new);
    let name = source.name();
    let mut out = format!("--- {name}\n+++ {name} (laid out)\n");
    for hunk in diff.unified_diff().iter_hunks() {
        out.extend([format!("{}\n", hunk.header())]);
        for change in hunk.iter_changes() {
            let (sign, colour) = match change.tag() {
                ChangeTag::Delete => ('-', "\x1b[31m"),
                ChangeTag::Insert => ('+', "\x1b[32m"),
                ChangeTag::Equal => (' ', ""),
            };
            let line = change.value().trim_end_matches('\n');
            if coloured && !colour.is_empty() {
                out.extend([format!("{colour}{sign}{line}\x1b[0m\n")]);
            } else {
                out.extend([format!("{sign}{line}\n")]);
            }
        }
    }
    out
}
