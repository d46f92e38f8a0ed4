//! Remarks in rules and catalogs, `# error: [id] help: "…"` or `# warning: [id]`, against what was really reported.

use engine::catalog::Loaded;
use source::{Diagnostic, Severity};

/// What a line is expected to bring up.
#[derive(Clone, Debug)]
pub(super) struct Remark {
    severity: Severity,
    id: String,
    /// Stands in the help, or in the message where there is no help.
    help: Option<String>,
}

/// A text of the scene, as the catalog's loader sees it and as the reader sees it.
pub(super) struct Text {
    /// As in a diagnostic's place.
    pub(super) file: String,
    /// Lines of ours before its first line.
    pub(super) offset: usize,
    /// Where its first line stands in the Markdown file.
    pub(super) line: usize,
    pub(super) content: String,
    /// Warnings without a remark are let pass.
    pub(super) may_warn: bool,
}

impl Text {
    /// Remarks with the lines that they are about. Behind a directive of an `.htaccess` no remark can stand: those of a
    /// line of their own are about the next one.
    fn remarks(&self) -> impl Iterator<Item = (usize, Remark)> {
        let below = usize::from(self.file.ends_with(".htaccess"));
        self.content
            .lines()
            .enumerate()
            .flat_map(move |(index, line)| remarks(line).map(move |remark| (index + below, remark)))
    }
}

/// Every remark without its diagnostic, and every diagnostic without its remark.
pub(super) fn check(texts: &[Text], loaded: &Loaded) -> Vec<String> {
    let mut wanted: Vec<(&Text, usize, Remark)> = texts
        .iter()
        .flat_map(|text| text.remarks().map(move |(index, remark)| (text, index, remark)))
        .collect();
    let mut failures = Vec::new();
    for diagnostic in &loaded.diagnostics {
        let place = diagnostic.place();
        let met = place.as_ref().and_then(|place| {
            wanted.iter().position(|(text, index, remark)| {
                text.file == place.file
                    && text.offset + index + 1 == place.line as usize
                    && remark.is_met_by(diagnostic)
            })
        });
        if let Some(met) = met {
            wanted.swap_remove(met);
            continue;
        }
        let may_warn =
            place.is_some_and(|place| texts.iter().any(|text| text.may_warn && text.file == place.file));
        if diagnostic.severity == Severity::Error || !may_warn {
            failures.push(format!("not foreseen: {}", diagnostic.one_line()));
        }
    }
    failures.extend(wanted.iter().map(|(text, index, remark)| {
        let help = remark.help.as_ref().map_or(String::new(), |help| format!(" help: \"{help}\""));
        let severity = remark.severity.name();
        format!("line {}: nothing reported {severity}: [{}]{help}", text.line + index, remark.id)
    }));
    failures
}

/// Whether any text of the scene expects an error, so that nothing of it can run.
pub(super) fn expects_error(texts: &[Text]) -> bool {
    texts.iter().flat_map(Text::remarks).any(|(_, remark)| remark.severity == Severity::Error)
}

impl Remark {
    fn is_met_by(&self, diagnostic: &Diagnostic) -> bool {
        let said = diagnostic.help.as_deref().unwrap_or(&diagnostic.message);
        diagnostic.severity == self.severity
            && diagnostic.id.0 == self.id
            && self.help.as_deref().is_none_or(|help| said.contains(help))
    }
}

/// A line may have several remarks, one behind the other.
fn remarks(line: &str) -> impl Iterator<Item = Remark> {
    line.split("# ").skip(1).filter_map(|text| {
        let (severity, rest) = match text.strip_prefix("error: [") {
            Some(rest) => (Severity::Error, rest),
            None => (Severity::Warning, text.strip_prefix("warning: [")?),
        };
        let (id, rest) = rest.split_once(']')?;
        let help = rest.split_once("help: \"").and_then(|(_, rest)| rest.rsplit_once('"'));
        Some(Remark { severity, id: id.to_owned(), help: help.map(|(help, _)| help.to_owned()) })
    })
}

impl Text {
    /// Whether any line of it has a remark.
    pub(super) fn has_remarks(&self) -> bool {
        self.remarks().next().is_some()
    }
}
