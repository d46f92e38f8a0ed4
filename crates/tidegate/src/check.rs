//! `tidegate check`: everything that is wrong with a catalog, its rules or an `.htaccess`, at once.

use crate::certificates;
use crate::command_line::{CheckOptions, CheckedAs, Fix, OutputFormat, rule_stage};
use crate::disk::{Disk, replace, words};
use crate::htaccess;
use crate::verdict::{Mistake, Verdict};
use anyhow::{Context, bail};
use engine::Catalog;
use engine::builtins::builtins;
use engine::catalog::{Files, check_rule};
use serde::Serialize;
use source::{Diagnostic, DiagnosticId, PlainDiagnostic, Severity, Source, render_human};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the catalog is looked for when nobody says where.
pub(crate) const DEFAULT_CATALOG: &str = "tidegate.toml";

/// The path that means standard input.
pub(crate) const STANDARD_INPUT: &str = "-";

/// What is read of a text: more than a rule or an `.htaccess` may have, so that too long a one is told as such.
const BYTES_READ_MAX: u64 = 2 * engine::limits::RULE_BYTES_MAX as u64;
const _: () = assert!(BYTES_READ_MAX > rewrite::FILE_BYTES_MAX as u64);

/// Checks what is named, or the catalog here.
pub(crate) fn run(options: &CheckOptions) -> anyhow::Result<Verdict> {
    match options.fix {
        Some(Fix::Newlines) => return mend(options),
        Some(Fix::Typography) if options.write => {
            bail!(Mistake("typography is shown, never written: compare, and edit by hand".to_owned()));
        }
        Some(Fix::Typography) => return htaccess::show_typography(&options.paths),
        None => {}
    }
    let mut diagnostics = Vec::new();
    let asked = options.paths.iter().chain(&options.config);
    let mut paths: Vec<PathBuf> = asked.flat_map(|path| what_is_in(path)).collect();
    if paths.is_empty() && options.paths.is_empty() {
        paths.push(PathBuf::from(DEFAULT_CATALOG));
    }
    let is_htaccess = |path: &Path| {
        htaccess::is_htaccess(path)
            || (options.r#as == CheckedAs::Htaccess && !has_suffix(path, "toml") && !has_suffix(path, "rts"))
    };
    let (htaccess_files, others): (Vec<_>, Vec<_>) = paths.iter().partition(|path| is_htaccess(path));
    diagnostics.extend(htaccess_files.into_iter().flat_map(|path| htaccess::check(path)));
    let (rules, catalogs): (Vec<_>, Vec<_>) = others.into_iter().partition(|path| is_rule(path));
    let mut known = None;
    let mut marks = Vec::new();
    for path in catalogs {
        if has_suffix(path, "toml") {
            let loaded = certificates::load(path, &Disk);
            diagnostics.extend(loaded.diagnostics);
            marks.extend(loaded.catalog.iter().flat_map(Catalog::describe_marks));
            known = known.or(loaded.catalog);
        } else {
            let what = format!("{} is neither a catalog nor a rule nor an .htaccess", path.display());
            let help = "a catalog ends in .toml, a rule in .rts; --as htaccess takes a file of any name";
            diagnostics.push(Diagnostic::error(DiagnosticId("unknown-suffix"), what).help(help));
        }
    }
    let stage = rule_stage(options.r#as.stage(), options.protocol)?;
    for path in rules {
        match read_start(path) {
            Ok(text) => {
                let text = Arc::new(text);
                let checked = check_rule(&text, stage, known.as_ref(), &Disk, builtins());
                diagnostics.extend(checked.diagnostics);
            }
            Err(why) => {
                let what = format!("cannot read {}: {why}", path.display());
                diagnostics.push(Diagnostic::error(DiagnosticId("unreadable-file"), what));
            }
        }
    }
    // A rule that is named beside the catalog that uses it is told of once.
    let mut told = BTreeSet::new();
    diagnostics.retain(|diagnostic| told.insert(diagnostic.one_line()));
    report(&diagnostics, &marks, options.format, paths.len())?;
    let has = |severity| diagnostics.iter().any(|diagnostic| diagnostic.severity == severity);
    Ok(if has(Severity::Error) {
        Verdict::Mistaken
    } else if options.strict && has(Severity::Warning) {
        Verdict::Doubtful
    } else {
        Verdict::Good
    })
}

/// The path, or, of a folder, its catalog (which brings its rules), or else its `.htaccess`, or else the rules in it.
fn what_is_in(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let catalog = path.join(DEFAULT_CATALOG);
    if catalog.exists() {
        return vec![catalog];
    }
    let file = path.join(".htaccess");
    if file.exists() {
        return vec![file];
    }
    let rules: Vec<PathBuf> = Disk.list(path).into_iter().filter(|path| is_rule(path)).collect();
    // A folder with nothing to check: said of the catalog that should be there.
    if rules.is_empty() { vec![catalog] } else { rules }
}

fn is_rule(path: &Path) -> bool {
    has_suffix(path, "rts") || path == Path::new(STANDARD_INPUT)
}

pub(crate) fn has_suffix(path: &Path, suffix: &str) -> bool {
    path.extension().is_some_and(|extension| extension == suffix)
}

/// A text with a name; why not, otherwise.
pub(crate) fn read(path: &Path) -> Result<Source, String> {
    let text = read_start(path)?;
    if text.bytes().len() as u64 == BYTES_READ_MAX {
        return Err("it is larger than any rule or .htaccess".to_owned());
    }
    Ok(text)
}

/// As [`read`], for those who only judge a text: of one that is larger than any may be, its beginning, which is told as
/// too large.
pub(crate) fn read_start(path: &Path) -> Result<Source, String> {
    let mut text = Vec::new();
    if path == Path::new(STANDARD_INPUT) {
        let input = std::io::stdin().lock();
        input.take(BYTES_READ_MAX).read_to_end(&mut text).map_err(|error| words(&error))?;
        return Ok(Source::new("standard input", text));
    }
    let file = File::open(path).map_err(|error| words(&error))?;
    file.take(BYTES_READ_MAX).read_to_end(&mut text).map_err(|error| words(&error))?;
    Ok(Source::new(path.display().to_string(), text))
}

/// A rule that a verb is to work on.
pub(crate) fn read_rule(path: &Path) -> anyhow::Result<Arc<Source>> {
    match read(path) {
        Ok(text) => Ok(Arc::new(text)),
        Err(why) => Err(Mistake(format!("cannot read {}: {why}", path.display())).into()),
    }
}

#[derive(Serialize)]
struct Report<'a> {
    diagnostics: Vec<Shown>,
    /// Which cookies are taken for marks, a line for each virtual server that has some.
    marks: &'a [String],
}

#[derive(Serialize)]
pub(crate) struct Shown {
    id: &'static str,
    severity: &'static str,
    file: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    message: String,
    help: Option<String>,
}

impl From<&Diagnostic> for Shown {
    fn from(diagnostic: &Diagnostic) -> Self {
        let PlainDiagnostic { id, severity, file, line, column, message, help } = diagnostic.into();
        Self { id, severity, file, line, column, message, help }
    }
}

fn report(
    diagnostics: &[Diagnostic],
    marks: &[String],
    format: OutputFormat,
    checked: usize,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if format == OutputFormat::Json {
        let report = Report { diagnostics: diagnostics.iter().map(Shown::from).collect(), marks };
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        return Ok(());
    }
    write!(out, "{}", render_human(diagnostics, colours(&out)))?;
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if errors + warnings > 0 {
        writeln!(out)?;
    }
    for line in marks {
        writeln!(out, "{line}")?;
    }
    let plural = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let files = plural(checked, "file");
    writeln!(out, "{files} checked: {}, {}", plural(errors, "error"), plural(warnings, "warning"))?;
    Ok(())
}

/// Whether to colour what goes there: a terminal that did not ask for none.
pub(crate) fn colours(out: &impl IsTerminal) -> bool {
    out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints each rule with its line breaks put back, or puts it in place.
fn mend(options: &CheckOptions) -> anyhow::Result<Verdict> {
    let mut out = std::io::stdout().lock();
    if options.paths.is_empty() {
        bail!(Mistake("name the rules to mend, for example: check --fix newlines my.rts".to_owned()));
    }
    for path in &options.paths {
        let text = read_rule(path)?;
        let in_place = options.write && path != Path::new(STANDARD_INPUT);
        match (trafficscript::mend::newlines(text.bytes()), in_place) {
            (None, false) => {
                writeln!(std::io::stderr(), "{}: no line breaks were lost; nothing to mend", path.display())?;
                out.write_all(text.bytes())?;
            }
            (None, true) => writeln!(out, "{}: nothing to mend", path.display())?,
            (Some(mended), false) => out.write_all(&mended)?,
            (Some(mended), true) => {
                replace(path, &mended).with_context(|| format!("cannot write {}", path.display()))?;
                writeln!(out, "{}: line breaks put back", path.display())?;
            }
        }
    }
    Ok(Verdict::Good)
}
