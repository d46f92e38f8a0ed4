//! What reading a file has come to so far, and how mistakes are told.

use super::known::{self, Meaning};
use super::lines::Line;
use super::sections::{Scope, Section};
use super::words::Words;
use super::{DIRECTIVES_MAX, Parsed, REPORTS_MAX};
use crate::directive::{
    Directive, DirectiveKind, Expression, File, Ignored, IgnoredWhy, Regex, TextExpression,
};
use crate::expression;
use pattern::{Case, Dialect, Newlines, Pattern};
use source::{Diagnostic, DiagnosticId, Source, Span};
use std::collections::HashMap;
use std::sync::Arc;

/// Reads lines into directives.
pub(super) struct Reader<'a> {
    pub(super) source: &'a Arc<Source>,
    pub(super) diagnostics: Vec<Diagnostic>,
    untold: usize,
    /// Patterns that were met, and whether case was minded: files say the same one often, and to compile it is dear.
    patterns: HashMap<(Vec<u8>, bool), Arc<Pattern>>,
    /// Sections that are open, the innermost last.
    pub(super) sections: Vec<Section>,
    /// What directives are put into, the innermost last; the first is the file.
    pub(super) scopes: Vec<Scope>,
    pub(super) ignored: Vec<Ignored>,
    pub(super) left_out: Vec<Span>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Arc<Source>) -> Self {
        Self {
            source,
            diagnostics: Vec::new(),
            untold: 0,
            patterns: HashMap::new(),
            sections: Vec::new(),
            scopes: vec![Scope::file()],
            ignored: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// There are more directives than a file may have; this is the first one too many.
    pub(super) fn too_many(&mut self, line: &Line) {
        let message = format!("the file has more than {DIRECTIVES_MAX} directives");
        let help = "lists of addresses belong into a map, long lists of redirects into a RewriteMap";
        self.error("htaccess-too-large", message, (line.whole(), "the first one too many"), help);
    }

    /// Reads one line.
    pub(super) fn directive(&mut self, line: &Line) {
        let mut words = Words::new(line);
        let Some(name) = words.next() else { return };
        let stray = stray_bytes(&name.text);
        let written = name.text.get(stray..).unwrap_or_default();
        if stray > 0 {
            self.stray(line, &name.text, stray);
        }
        if written.is_empty() || (stray > 0 && written.starts_with(b"#")) {
            return;
        }
        match written {
            [b'<', b'/', ..] => self.close(line, written),
            [b'<', ..] => {
                // `<Name>` and `<Name` are one word; the arguments of the first are empty.
                let bare = written.strip_suffix(b">").unwrap_or(written).to_vec();
                self.open(line, &bare, name.span, words);
            }
            _ if self.is_left_out() => {}
            _ => self.plain(line, &name.text, name.span, words),
        }
    }

    fn plain(&mut self, line: &Line, name: &[u8], span: Span, mut words: Words<'_>) {
        let stray = stray_bytes(name);
        let written = name.get(stray..).unwrap_or_default();
        let Some(known) = known::find(written) else {
            return self.unknown(written, span, words.rest_span());
        };
        if self.in_requirements() && !matches!(known.meaning, Meaning::Requires(_)) {
            let what = format!("`{}` cannot stand in a section of requirements", known.name);
            self.error(
                "misplaced-directive",
                what,
                (span, "only Require and sections of requirements may stand here"),
                "close the section before it",
            );
            return;
        }
        let kind = match known.meaning {
            Meaning::Reads(read) | Meaning::Requires(read) => read(self, known, &mut words),
            Meaning::Condition => {
                if let Some(condition) = self.condition(&mut words) {
                    self.scope().conditions.push(condition);
                }
                return;
            }
            Meaning::Ignored(why, counts) => {
                let count = words.all();
                if self.count(known, &count, counts, line) {
                    self.ignored.push(Ignored { name: span, why });
                    if why == IgnoredWhy::Login {
                        self.scope().wants_login = true;
                    }
                }
                return;
            }
            Meaning::ServerOnly => {
                let what = format!("`{}` cannot stand in an .htaccess", known.name);
                let help =
                    "it belongs into the server's own configuration; Apache answers 500 for the whole folder";
                return self.error("misplaced-directive", what, (span, "not in a folder's file"), help);
            }
        };
        if let Some(kind) = kind {
            self.put(Directive { span: line.whole(), name: span, limit: self.limit(), kind });
        }
    }

    /// Adds a directive to the section it stands in.
    pub(super) fn put(&mut self, directive: Directive) {
        let scope = self.scope();
        if let DirectiveKind::Require(requirement) = directive.kind {
            if let Some(requirements) = &mut scope.requirements {
                requirements.push(requirement);
                return;
            }
            scope.directives.push(Directive { kind: DirectiveKind::Require(requirement), ..directive });
            return;
        }
        scope.directives.push(directive);
    }

    fn unknown(&mut self, name: &[u8], span: Span, rest: Span) {
        let shown = String::from_utf8_lossy(name);
        let source = Arc::clone(self.source);
        if let Some(at) = crate::lint::first_invisible(name) {
            let before = name.get(..at).unwrap_or_default();
            if known::find(before).is_some() {
                let known = String::from_utf8_lossy(before);
                let what = format!(
                    "an invisible character follows `{known}`, so Apache takes it for a part of the name"
                );
                let place = Span::new(span.start + u32::try_from(at).unwrap_or_default(), span.end);
                return self.error(
                    "invisible-blank",
                    what,
                    (place, "no ordinary blank"),
                    "write an ordinary blank; `check --fix typography` shows the change",
                );
            }
        }
        let near = std::str::from_utf8(name).ok().and_then(|name| source::nearest(name, known::names()));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if shown.starts_with(['\u{201c}', '#', ';', '/']) => "a comment begins with # and stands on a line of its own".to_owned(),
            None => "if a module that is missing here knows it, put it between <IfModule that_module.c> and </IfModule>".to_owned(),
        };
        let unknown = Diagnostic::error(
            DiagnosticId("unknown-directive"),
            format!("Apache knows no directive `{shown}`"),
        );
        self.report(
            unknown
                .at(&source, span.to(Span::new(span.end, rest.start.max(span.end))), "not a directive")
                .help(help),
        );
    }

    /// A byte order mark or invisible characters before the first directive.
    fn stray(&mut self, line: &Line, name: &[u8], length: usize) {
        let start = line.whole().start;
        let span = Span::new(start, start + u32::try_from(length).unwrap_or_default());
        let help = "save the file as plain text without it; `check --fix typography` shows the change";
        if name.starts_with(b"\xef\xbb\xbf") {
            let what =
                "a byte order mark stands before the first directive; Apache takes it for a part of the name";
            self.error("byte-order-mark", what, (span, "three invisible bytes"), help);
        } else {
            let what =
                "an invisible character stands before the directive; Apache takes it for a part of the name";
            self.error("invisible-blank", what, (span, "no ordinary blank"), help);
        }
    }

    /// Whether there are as many arguments as there must be; if not, that is told.
    pub(super) fn count(
        &mut self,
        known: &known::Known,
        words: &[super::words::Word],
        counts: known::Counts,
        line: &Line,
    ) -> bool {
        let (least, most) = counts;
        if (least..=most).contains(&words.len()) {
            return true;
        }
        if let Some(comment) = words.get(most).filter(|word| word.text.starts_with(b"#")) {
            self.trailing_comment(known.name, comment.span.to(line.whole()));
            return false;
        }
        let what = match (least, most) {
            (0, 0) => format!("`{}` takes no arguments", known.name),
            (least, most) if least == most => format!("`{}` takes {}", known.name, plural(least)),
            (least, usize::MAX) => format!("`{}` takes at least {}", known.name, plural(least)),
            (least, most) => format!("`{}` takes {least} to {}", known.name, plural(most)),
        };
        let span = words.get(most).map_or(line.whole(), |word| word.span);
        let label = if words.len() < least { "something is missing" } else { "one too many" };
        self.error("wrong-arguments", what, (span, label), known.help());
        false
    }

    /// `... # a remark`
    pub(super) fn trailing_comment(&mut self, name: &str, span: Span) {
        let what = format!("a comment behind `{name}` is taken for an argument");
        self.error(
            "trailing-comment",
            what,
            (Span::new(span.start, self.line_end(span.start)), "not a comment here"),
            "put the comment on a line of its own, before the directive",
        );
    }

    fn line_end(&self, at: u32) -> u32 {
        let line = self.source.line(self.source.position(at).line);
        line.map_or(at, |line| line.end)
    }

    /// An error with one label.
    pub(super) fn error(
        &mut self,
        id: &'static str,
        what: impl Into<String>,
        (span, label): (Span, impl Into<String>),
        help: impl Into<String>,
    ) {
        let diagnostic = Diagnostic::error(DiagnosticId(id), what);
        self.report(diagnostic.at(self.source, span, label).help(help));
    }

    /// A doubt with one label.
    pub(super) fn warning(
        &mut self,
        id: &'static str,
        what: impl Into<String>,
        (span, label): (Span, impl Into<String>),
        help: impl Into<String>,
    ) {
        let diagnostic = Diagnostic::warning(DiagnosticId(id), what);
        self.report(diagnostic.at(self.source, span, label).help(help));
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < REPORTS_MAX {
            self.diagnostics.push(diagnostic);
        } else {
            self.untold += 1;
        }
    }

    /// A regular expression.
    pub(super) fn regex(&mut self, text: &[u8], span: Span, ignores_case: bool) -> Option<Regex> {
        let key = (text.to_vec(), ignores_case);
        if let Some(known) = self.patterns.get(&key) {
            return Some(Regex { text: key.0, ignores_case, span, compiled: Arc::clone(known) });
        }
        let case = if ignores_case { Case::Insensitive } else { Case::Sensitive };
        match Pattern::new(text, Dialect { case, newlines: Newlines::AreBytes }) {
            Ok(compiled) => {
                let compiled = Arc::new(compiled);
                self.patterns.insert(key, Arc::clone(&compiled));
                Some(Regex { text: text.to_vec(), ignores_case, span, compiled })
            }
            Err(why) => {
                let help = match text {
                    [b'*' | b'+' | b'?', ..] => {
                        "a regular expression is no name with wildcards: any characters are `.*`, a full stop is `\\.`"
                    }
                    _ => {
                        "Apache answers 500 for the whole folder; put a `\\` before a character that is meant as itself"
                    }
                };
                self.error(
                    "htaccess-pattern",
                    format!("the pattern cannot be read: {why}"),
                    (span, "here"),
                    help,
                );
                None
            }
        }
    }

    /// An expression.
    pub(super) fn expression(&mut self, text: &[u8], span: Span) -> Option<Expression> {
        let read = self.told(text, span, expression::Expression::new(text))?;
        Some(Expression { text: text.to_vec(), span, read: Arc::new(read) })
    }

    /// A text with expressions in it.
    pub(super) fn expression_text(&mut self, text: &[u8], span: Span) -> Option<TextExpression> {
        let read = self.told(text, span, expression::StringExpression::new(text))?;
        Some(TextExpression { text: text.to_vec(), span, read: Arc::new(read) })
    }

    /// What was read of an expression; `None`, and a report, if it cannot be read.
    fn told<T>(&mut self, text: &[u8], span: Span, read: Result<T, (String, usize)>) -> Option<T> {
        let (what, at) = match read {
            Ok(read) => return Some(read),
            Err(wrong) => wrong,
        };
        let inner = self.source.slice(span);
        let quote = usize::from(inner.len() == text.len() + 2);
        let start = span.start.saturating_add(u32::try_from(at + quote).unwrap_or(u32::MAX));
        // Escapes make the text shorter than what is written: then all of it is shown.
        let is_verbatim = inner.len() == text.len() || quote == 1;
        let place = if is_verbatim && start < span.end { Span::new(start, span.end) } else { span };
        let help = "it looks so: \"%{HTTP_HOST} == 'a.example'\", with quotes around texts; Apache answers 500 for the whole folder";
        self.error(
            "htaccess-expression",
            format!("the expression cannot be read: {what}"),
            (place, "here"),
            help,
        );
        None
    }

    /// Everything that was read.
    pub(super) fn finish(mut self) -> Parsed {
        self.close_all();
        self.conditions_left();
        if self.untold > 0 {
            let message = format!("{} more are not told", self.untold);
            self.diagnostics.push(Diagnostic::error(DiagnosticId("htaccess-too-large"), message));
        }
        let scope = self.scopes.pop().unwrap_or_else(Scope::file);
        self.diagnostics.sort_by_key(|told| told.labels.first().map_or(u32::MAX, |label| label.span.start));
        let file = File {
            source: Arc::clone(self.source),
            directives: scope.directives,
            ignored: self.ignored,
            left_out: self.left_out,
        };
        Parsed { file, diagnostics: self.diagnostics }
    }
}

fn plural(count: usize) -> String {
    if count == 1 { "1 argument".to_owned() } else { format!("{count} arguments") }
}

/// How many bytes of invisible characters a name begins with.
fn stray_bytes(name: &[u8]) -> usize {
    let mut at = 0;
    while let Some(length) = crate::lint::invisible_at(name.get(at..).unwrap_or_default()) {
        at += length;
    }
    at
}
