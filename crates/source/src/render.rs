//! Diagnostics as terminal text and as plain data.

use crate::{Diagnostic, Label, Severity, Source};
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::ops::Range;
use std::sync::Arc;

/// Longest line shown with a caret; a longer one (a rule that lost its newlines) is cut around the caret by the
/// renderer itself.
const TAB: &str = "\t";

/// A diagnostic as plain data, for `--format json` and the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainDiagnostic {
    /// Kebab-case kind.
    pub id: &'static str,
    /// `error` or `warning`.
    pub severity: &'static str,
    /// Name of the text, if it points into one.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// In characters, from 1.
    pub column: Option<u32>,
    /// The fact.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl From<&Diagnostic> for PlainDiagnostic {
    fn from(diagnostic: &Diagnostic) -> Self {
        let place = diagnostic.place();
        Self {
            id: diagnostic.id.0,
            severity: diagnostic.severity.name(),
            file: place.as_ref().map(|place| place.file.clone()),
            line: place.as_ref().map(|place| place.line),
            column: place.as_ref().map(|place| place.column),
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
        }
    }
}

/// All diagnostics as text with carets, a blank line between them; with ANSI colours on request.
pub fn render_human(diagnostics: &[Diagnostic], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for diagnostic in diagnostics {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&render(diagnostic, &renderer));
        out.push('\n');
    }
    out
}

fn render(diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut texts: Vec<(Arc<Source>, Shown)> = Vec::new();
    for label in &diagnostic.labels {
        if !texts.iter().any(|(source, _)| Arc::ptr_eq(source, &label.source)) {
            texts.push((Arc::clone(&label.source), Shown::around(&label.source, &diagnostic.labels)));
        }
    }
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.id.0);
    let mut group = Group::with_title(title);
    for (source, shown) in &texts {
        let mut snippet = Snippet::source(shown.text.as_str()).path(source.name()).fold(true);
        snippet = snippet.line_start(shown.line);
        for (index, label) in diagnostic.labels.iter().enumerate() {
            if Arc::ptr_eq(&label.source, source) {
                let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                let annotation = kind.span(shown.range(label.span.range()));
                snippet = snippet.annotation(annotation.label(label.text.as_str()));
            }
        }
        group = group.element(snippet);
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// The lines with labels as the renderer wants them (UTF-8, no control characters that would move a terminal's cursor),
/// with the way from byte offsets of the original to offsets of the shown text. Only these lines: a long text may have a
/// mistake on each.
struct Shown {
    text: String,
    /// Where it begins in the original, and on which line.
    start: usize,
    line: usize,
    /// `(original, shown)` offsets after which the two differ by a new amount; ascending.
    shifts: Vec<(usize, usize)>,
}

impl Shown {
    /// From the line before the first of these labels that stands in the text to the line behind the last.
    fn around(source: &Arc<Source>, labels: &[Label]) -> Self {
        let spans =
            || labels.iter().filter(|label| Arc::ptr_eq(&label.source, source)).map(|label| label.span);
        let first = spans().map(|span| source.position(span.start).line).min().unwrap_or(1);
        let last = spans().map(|span| source.position(span.end).line).max().unwrap_or(first);
        let line = first.saturating_sub(1).max(1);
        let start = source.line(line).map_or(0, |span| span.start as usize);
        let end =
            source.line(last.saturating_add(2)).map_or(source.bytes().len(), |span| span.start as usize);
        let mut shown = Self::new(source.bytes().get(start..end).unwrap_or_default());
        (shown.start, shown.line) = (start, line as usize);
        shown
    }

    fn new(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(bytes.len());
        let mut shifts = vec![(0, 0)];
        let mut at = 0;
        for chunk in bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                let before = text.len();
                match c {
                    '\n' => text.push('\n'),
                    '\t' => text.push_str(TAB),
                    '\r' => text.push(' '),
                    c if c.is_control() => text.push('\u{fffd}'),
                    c => text.push(c),
                }
                at += c.len_utf8();
                if text.len() - before != c.len_utf8() {
                    shifts.push((at, text.len()));
                }
            }
            for _ in chunk.invalid() {
                text.push('\u{fffd}');
                at += 1;
                shifts.push((at, text.len()));
            }
        }
        Self { text, start: 0, line: 1, shifts }
    }

    fn offset(&self, original: usize) -> usize {
        let original = original.saturating_sub(self.start);
        let index = self.shifts.partition_point(|(from, _)| *from <= original).max(1) - 1;
        let (from, shown) = self.shifts[index];
        let mut at = (shown + (original - from)).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    fn range(&self, original: Range<usize>) -> Range<usize> {
        let (start, end) = (self.offset(original.start), self.offset(original.end));
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DiagnosticId, Span};

    #[test]
    fn a_caret_stands_under_the_mistake_also_after_bytes_that_are_not_text() {
        let text = Arc::new(Source::new("r.rts", b"\xff\x07 bad = 1;\n".to_vec()));
        let mistake =
            Diagnostic::error(DiagnosticId("syntax"), "no such thing").at(&text, Span::new(3, 6), "this");
        let shown = render_human(&[mistake], false);
        assert!(shown.contains("error[syntax]: no such thing"), "{shown}");
        assert!(shown.contains("r.rts:1:4"), "{shown}");
        assert!(shown.contains("^^^ this"), "{shown}");
    }

    #[test]
    fn a_mistake_far_down_is_shown_on_its_own_line() {
        let lines = (1..=500).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n") + "\n";
        let text = Arc::new(Source::new("r.rts", lines.clone().into_bytes()));
        let at = |needle: &str| u32::try_from(lines.find(needle).unwrap()).unwrap();
        let (here, there) = (at("line 400\n"), at("line 430\n"));
        let mistake = Diagnostic::error(DiagnosticId("syntax"), "no such thing")
            .at(&text, Span::new(here + 5, here + 8), "this")
            .at(&text, Span::new(there, there + 4), "because of that");
        let shown = render_human(&[mistake], false);
        assert!(shown.contains("r.rts:400:6") && shown.contains("400 | line 400"), "{shown}");
        assert!(shown.contains("430 | line 430") && !shown.contains("line 415"), "{shown}");
        let end = u32::try_from(lines.len()).unwrap();
        let cut = Diagnostic::error(DiagnosticId("syntax"), "it ends too early").at(
            &text,
            Span::new(end, end),
            "here",
        );
        let shown = render_human(&[cut], false);
        assert!(shown.contains("r.rts:500:10") && shown.contains("500 | line 500"), "{shown}");
    }

    #[test]
    fn a_diagnostic_without_a_text_still_says_what_to_do() {
        let missing =
            Diagnostic::error(DiagnosticId("missing-file"), "there is no tidegate.toml").help("write one");
        let shown = render_human(&[missing], false);
        assert!(shown.contains("there is no tidegate.toml") && shown.contains("write one"), "{shown}");
    }
}
