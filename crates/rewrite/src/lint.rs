//! Doubts about a file that Apache takes.
//!
//! Each doubt is about one mistake that people make, and says what the file does, not only what it looks like. What is
//! known of a rule is tried: its own patterns are asked what they match.

mod directives;
mod host;
mod hotlink;
mod mend;
mod rules;
mod together;
mod typography;

pub use hotlink::lint_own_names;
pub use mend::mended_typography;
pub use together::lint_together;
pub(crate) use typography::{first_invisible, invisible_at};

use crate::directive::{Directive, DirectiveKind, File, RewriteRule, RuleFlag};
use source::{Diagnostic, DiagnosticId, Span};

/// Everything that is doubtful about a file, in the order of the text.
///
/// Nothing of it keeps a file from being used: also what is an error here is done as Apache does it.
pub fn lint(file: &File) -> Vec<Diagnostic> {
    let mut doubts = Doubts { file, found: Vec::new() };
    typography::check(&mut doubts);
    directives::check(&mut doubts);
    each_scope(&file.directives, &mut |scope| {
        let rules: Vec<&RewriteRule> = rules_of(scope).collect();
        for (index, rule) in rules.iter().enumerate() {
            let before = rules.get(..index).unwrap_or_default();
            rules::check(&mut doubts, rule, before);
            hotlink::check(&mut doubts, rule);
        }
    });
    doubts.found.sort_by_key(|told| told.labels.first().map_or(u32::MAX, |label| label.span.start));
    doubts.found
}

/// What is found.
struct Doubts<'f> {
    file: &'f File,
    found: Vec<Diagnostic>,
}

impl Doubts<'_> {
    fn warning(
        &mut self,
        id: &'static str,
        what: impl Into<String>,
        at: (Span, &str),
        help: impl Into<String>,
    ) {
        self.put(Diagnostic::warning(DiagnosticId(id), what), at, help);
    }

    fn error(
        &mut self,
        id: &'static str,
        what: impl Into<String>,
        at: (Span, &str),
        help: impl Into<String>,
    ) {
        self.put(Diagnostic::error(DiagnosticId(id), what), at, help);
    }

    fn put(&mut self, diagnostic: Diagnostic, (span, label): (Span, &str), help: impl Into<String>) {
        self.found.push(diagnostic.at(&self.file.source, span, label).help(help));
    }
}

/// Does something with the directives of the file, and with those of each section in it.
fn each_scope<'d>(directives: &'d [Directive], act: &mut impl FnMut(&'d [Directive])) {
    act(directives);
    for directive in directives {
        if let DirectiveKind::Container(container) = &directive.kind {
            each_scope(&container.directives, act);
        }
    }
}

fn rules_of(scope: &[Directive]) -> impl Iterator<Item = &RewriteRule> {
    scope.iter().filter_map(|directive| match &directive.kind {
        DirectiveKind::RewriteRule(rule) => Some(&**rule),
        _ => None,
    })
}

/// The status a rule answers with, if it answers instead of changing the path.
fn refusal(rule: &RewriteRule) -> Option<u16> {
    rule.flags.iter().rev().find_map(|flag| match flag.flag {
        RuleFlag::Forbidden => Some(403),
        RuleFlag::Gone => Some(410),
        RuleFlag::Redirect(status) if !(300..400).contains(&status) => Some(status),
        _ => None,
    })
}

/// The status a rule redirects with.
fn redirect(rule: &RewriteRule) -> Option<u16> {
    rule.flags.iter().rev().find_map(|flag| match flag.flag {
        RuleFlag::Redirect(status) if (300..400).contains(&status) => Some(status),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
