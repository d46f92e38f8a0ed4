//! Which subs there are, and by what names each text can call them.

use super::{CheckOptions, Report, Signatures, near};
use crate::ast::{Ast, Import, Name};
use crate::parser::parse_without_lints;
use source::{Diagnostic, DiagnosticId, Severity, Source};
use std::collections::HashMap;
use std::sync::Arc;

/// How many rules one rule may import, directly or not.
pub(crate) const IMPORTS_MAX: usize = 64;

/// A rule and all it imports.
pub(super) struct Texts {
    /// Number 0 is the rule itself.
    pub(super) asts: Vec<Ast>,
    /// For each text what it imports: the alias, and the number of the imported text.
    links: Vec<Vec<(String, usize)>>,
    /// For each text the aliases of imports that failed, which was reported.
    failed: Vec<Vec<String>>,
    /// Where each imported rule came to be, by name.
    known: HashMap<Arc<str>, usize>,
}

/// The subs one text can call; names in lower case.
pub(super) struct Subs {
    by_name: HashMap<String, usize>,
    /// Aliases of imports that failed.
    failed: Vec<String>,
    /// As written, for help.
    written: Vec<String>,
}

impl Texts {
    /// Reads what the rule imports. What cannot be imported is reported and left out.
    pub(super) fn load(ast: Ast, options: &CheckOptions<'_>, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut texts = Self {
            asts: vec![ast],
            links: vec![Vec::new()],
            failed: vec![Vec::new()],
            known: HashMap::new(),
        };
        let mut open = Vec::new();
        texts.follow(0, &mut open, options, diagnostics);
        texts
    }

    /// `open` are the imports on the way here; as long as it is bounded, so is the recursion.
    fn follow(
        &mut self,
        text: usize,
        open: &mut Vec<Arc<str>>,
        options: &CheckOptions<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let Some(ast) = self.asts.get(text) else { return };
        let source = Arc::clone(&ast.source);
        if let Some(beyond) = ast.imports.get(IMPORTS_MAX) {
            let message = format!("more than {IMPORTS_MAX} rules are imported");
            let error = Diagnostic::error(DiagnosticId("too-many-imports"), message);
            diagnostics.push(error.at(&source, beyond.span, ""));
        }
        let copy = |import: &Import| (import.rule.clone(), import.alias.clone(), import.span);
        let imports: Vec<_> = ast.imports.iter().take(IMPORTS_MAX).map(copy).collect();
        for (rule, alias, span) in imports {
            let name = alias.text.to_ascii_lowercase();
            let is_taken =
                self.links.get(text).is_some_and(|links| links.iter().any(|(known, _)| *known == name));
            let imported = if is_taken {
                let message = format!("two imports are called `{}`", alias.text);
                let error = Diagnostic::error(DiagnosticId("duplicate-import"), message);
                diagnostics.push(error.at(&source, alias.span, "").help("give one of them a name with `as`"));
                None
            } else if open.contains(&rule.text) {
                let message = format!("the rule `{}` imports itself, at least through others", rule.text);
                let error = Diagnostic::error(DiagnosticId("circular-import"), message);
                diagnostics.push(error.at(&source, span, "this closes the circle"));
                None
            } else if let Some(number) = self.known.get(&rule.text) {
                Some(*number)
            } else {
                self.read(&rule, &source, options, diagnostics).inspect(|number| {
                    self.known.insert(Arc::clone(&rule.text), *number);
                    open.push(Arc::clone(&rule.text));
                    self.follow(*number, open, options, diagnostics);
                    open.pop();
                })
            };
            if let (Some(number), Some(links)) = (imported, self.links.get_mut(text)) {
                links.push((name, number));
            } else if let Some(failed) = self.failed.get_mut(text) {
                failed.push(name);
            }
        }
    }

    fn read(
        &mut self,
        rule: &Name,
        source: &Arc<Source>,
        options: &CheckOptions<'_>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<usize> {
        let name = &rule.text;
        let error =
            |id, message: String| Diagnostic::error(DiagnosticId(id), message).at(source, rule.span, "");
        if self.asts.len() > IMPORTS_MAX {
            diagnostics
                .push(error("too-many-imports", format!("more than {IMPORTS_MAX} rules are imported")));
            return None;
        }
        let Some(text) = options.libraries.rule(name) else {
            diagnostics.push(error("unknown-import", format!("there is no rule `{name}`")));
            return None;
        };
        let (ast, mistakes) = parse_without_lints(&text);
        if let Some(first) = mistakes.into_iter().find(|mistake| mistake.severity == Severity::Error) {
            let mut broken =
                error("broken-import", format!("the rule `{name}` has mistakes: {}", first.message));
            broken.labels.extend(first.labels.into_iter().take(1));
            diagnostics.push(broken);
            return None;
        }
        self.asts.push(ast);
        self.links.push(Vec::new());
        self.failed.push(Vec::new());
        Some(self.asts.len() - 1)
    }

    /// What a text can call, and mistakes in its own declarations. `first_sub` is, for each text, the number of its
    /// first sub.
    pub(super) fn subs(
        &self,
        text: usize,
        first_sub: &[usize],
        signatures: &dyn Signatures,
        report: &mut Report<'_>,
    ) -> Subs {
        let mut subs = Subs {
            by_name: HashMap::new(),
            failed: self.failed.get(text).cloned().unwrap_or_default(),
            written: Vec::new(),
        };
        for (alias, number) in self.links.get(text).into_iter().flatten() {
            for (name, sub) in self.declared(*number, first_sub) {
                subs.add(&format!("{alias}.{name}"), sub);
            }
        }
        let Some(ast) = self.asts.get(text) else { return subs };
        let mut seen: HashMap<String, source::Span> = HashMap::new();
        for sub in &ast.subs {
            let name = &sub.name;
            if let Some(builtin) = signatures.find(&name.text) {
                let message = format!("`{}` is a built-in function", builtin.name);
                let error = Diagnostic::error(DiagnosticId("sub-named-like-builtin"), message);
                report.push(error.at(report.source, name.span, "").help("give the sub another name"));
            }
            if let Some(first) = seen.get(&name.text.to_ascii_lowercase()) {
                let message = format!("there are two subs `{}`", name.text);
                let error = Diagnostic::error(DiagnosticId("duplicate-sub"), message);
                let error =
                    error.at(report.source, name.span, "again here").at(report.source, *first, "first here");
                report.push(error.help("upper and lower case make no difference in names of functions"));
                continue;
            }
            seen.insert(name.text.to_ascii_lowercase(), name.span);
        }
        for (name, sub) in self.declared(text, first_sub) {
            subs.add(name, sub);
        }
        subs
    }

    /// Names and numbers of a text's own subs.
    fn declared<'a>(&'a self, text: usize, first_sub: &[usize]) -> impl Iterator<Item = (&'a str, usize)> {
        let first = first_sub.get(text).copied().unwrap_or(0);
        let declarations = self.asts.get(text).map_or(&[][..], |ast| &ast.subs);
        declarations.iter().enumerate().map(move |(at, sub)| (&*sub.name.text, first + at))
    }
}

impl Subs {
    fn add(&mut self, name: &str, sub: usize) {
        self.by_name.insert(name.to_ascii_lowercase(), sub);
        self.written.push(name.to_owned());
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// True for a name under an import that failed: that was reported, so nothing need be said of the call.
    pub(super) fn is_behind_failed_import(&self, name: &str) -> bool {
        let (alias, _) = name.split_once('.').unwrap_or((name, ""));
        self.failed.iter().any(|failed| failed.eq_ignore_ascii_case(alias))
    }

    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        near(name, self.written.iter().map(String::as_str))
    }
}
