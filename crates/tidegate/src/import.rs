//! `tidegate import`: other servers' files as rules.

use crate::check::{colours, read_rule};
use crate::command_line::{ImportHtaccess, ImportOptions, ImportWhat};
use crate::disk::replace;
use crate::verdict::{Mistake, Verdict};
use anyhow::Context;
use rewrite::{Form, Translation, translate};
use source::{Severity, Source, render_human};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Imports what is named.
pub(crate) fn run(options: &ImportOptions) -> anyhow::Result<Verdict> {
    match &options.what {
        ImportWhat::Htaccess(options) => htaccess(options),
    }
}

fn htaccess(options: &ImportHtaccess) -> anyhow::Result<Verdict> {
    let source = read_rule(&options.file)?;
    let mut parsed = rewrite::parse(&source);
    parsed.diagnostics.retain(|diagnostic| diagnostic.severity == Severity::Error);
    if !parsed.diagnostics.is_empty() {
        let mut errors = std::io::stderr().lock();
        write!(errors, "{}", render_human(&parsed.diagnostics, colours(&errors)))?;
        return Ok(Verdict::Mistaken);
    }
    let form = if options.gentle { Form::Gentle } else { Form::Same };
    let translation = translate(&parsed.file, form);
    match &options.out {
        None => std::io::stdout().lock().write_all(in_one(&translation).as_bytes())?,
        Some(folder) => write_files(folder, &rule_name(&options.file), &translation, options.force)?,
    }
    tell_left(&source, &translation)?;
    Ok(Verdict::Good)
}

/// The rule, with what the catalog needs as remarks at its end: one text that compiles.
fn in_one(translation: &Translation) -> String {
    let mut text = translation.rule.clone();
    if !translation.catalog.is_empty() {
        text.push_str("\n# For the catalog:\n");
        for line in translation.catalog.lines() {
            let _written = writeln!(text, "#   {line}");
        }
    }
    text
}

/// `audio.htaccess` is the rule `audio`, `.htaccess` the rule `htaccess`.
fn rule_name(path: &Path) -> String {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = file.trim_start_matches('.');
    let stem = stem.strip_suffix(".htaccess").unwrap_or(stem);
    let is_plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
    let name: String = stem.chars().map(is_plain).collect();
    if name.is_empty() { "htaccess".to_owned() } else { name }
}

fn write_files(folder: &Path, name: &str, translation: &Translation, force: bool) -> anyhow::Result<()> {
    let mut files: Vec<(PathBuf, String)> = vec![
        (folder.join("rules").join(format!("{name}.rts")), translation.rule.clone()),
        (
            folder.join(format!("{name}.toml")),
            format!(
                "# To be put into tidegate.toml. The virtual server needs:\n#   request_rules = [\"{name}\"]\n{}",
                translation.catalog
            ),
        ),
    ];
    if !force && let Some((there, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(Mistake(format!(
            "{} is there already; --force puts the new text in its place",
            there.display()
        ))
        .into());
    }
    for (path, text) in files.drain(..) {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        }
        replace(&path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(std::io::stdout(), "{}", path.display())?;
    }
    Ok(())
}

fn tell_left(source: &Source, translation: &Translation) -> anyhow::Result<()> {
    let mut errors = std::io::stderr().lock();
    if translation.left.is_empty() {
        return Ok(());
    }
    writeln!(
        errors,
        "without an equal in a rule (the file itself can be named: htaccess = \"{}\"):",
        source.name()
    )?;
    for left in &translation.left {
        let line = source.position(left.span.start).line;
        writeln!(errors, "  {}:{line}: it {}", source.name(), left.why)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_named_after_its_file() {
        for (file, name) in [
            ("audio.htaccess", "audio"),
            (".htaccess", "htaccess"),
            ("a/b.conf", "b-conf"),
            ("ä.htaccess", "-"),
        ] {
            assert_eq!(rule_name(Path::new(file)), name, "{file}");
        }
    }
}
