//! Doubts about files that stand in folders within each other.

use super::rules::subject;
use super::{redirect, refusal};
use crate::PlacedFile;
use crate::directive::{
    CondTest, Directive, DirectiveKind, Joined, Named, RewriteCond, RewriteOption, RewriteRule,
};
use source::{Diagnostic, DiagnosticId, Span};

/// What is doubtful about files together: rules of a folder that do not count in a folder below.
///
/// Apache takes a folder's rewriting as a whole: a file with one directive of it (but `RewriteEngine Off`, which says
/// what is meant) puts its own rules in the place of those of the folders above, unless it inherits them.
pub fn lint_together(files: &[PlacedFile]) -> Vec<Diagnostic> {
    let mut folders: Vec<Folder<'_>> = files.iter().filter_map(Folder::of).collect();
    folders.sort_by_key(|folder| folder.prefix.len());
    let mut found = Vec::new();
    for (at, child) in folders.iter().enumerate() {
        // the nearest one with rules: it has replaced those above it
        let above = folders.get(..at).unwrap_or_default().iter().rev();
        let Some(parent) = above.into_iter().find(|parent| child.path_below(parent).is_some()) else {
            continue;
        };
        found.extend(shadowed(parent, child));
    }
    found
}

/// What a file says of rewriting.
struct Folder<'f> {
    file: &'f PlacedFile,
    /// With a `/` at its end.
    prefix: Vec<u8>,
    /// The first directive of rewriting.
    first: Span,
    is_off: bool,
    options: Vec<RewriteOption>,
}

impl<'f> Folder<'f> {
    fn of(file: &'f PlacedFile) -> Option<Self> {
        let mut prefix = file.prefix.clone();
        if prefix.last() != Some(&b'/') {
            prefix.push(b'/');
        }
        let directives = &file.file.directives;
        let first = directives.iter().find(|directive| is_rewriting(directive))?.span;
        let mut folder = Self { file, prefix, first, is_off: false, options: Vec::new() };
        for directive in directives {
            match &directive.kind {
                DirectiveKind::RewriteEngine(is_on) => folder.is_off = !is_on,
                DirectiveKind::RewriteOptions(options) => folder.options.extend(options),
                _ => {}
            }
        }
        Some(folder)
    }

    fn says(&self, options: &[RewriteOption]) -> bool {
        options.iter().any(|option| self.options.contains(option))
    }

    /// The path of this folder as the rules of one above it see it; `None` if it is not below that.
    fn path_below(&self, parent: &Folder<'_>) -> Option<&[u8]> {
        self.prefix.strip_prefix(parent.prefix.as_slice()).filter(|path| !path.is_empty())
    }
}

fn is_rewriting(directive: &Directive) -> bool {
    matches!(
        directive.kind,
        DirectiveKind::RewriteEngine(_)
            | DirectiveKind::RewriteBase(_)
            | DirectiveKind::RewriteOptions(_)
            | DirectiveKind::RewriteRule(_)
    )
}

fn shadowed(parent: &Folder<'_>, child: &Folder<'_>) -> Option<Diagnostic> {
    use RewriteOption::{IgnoreInherit, Inherit, InheritBefore, InheritDown, InheritDownBefore};
    let inherits = child.says(&[Inherit, InheritBefore])
        || (parent.says(&[InheritDown, InheritDownBefore]) && !child.says(&[IgnoreInherit]));
    if child.is_off || parent.is_off || inherits {
        return None;
    }
    let path = child.path_below(parent)?;
    let rules = parent.file.file.directives.iter().filter_map(|directive| match &directive.kind {
        DirectiveKind::RewriteRule(rule) => Some((directive.span, &**rule)),
        _ => None,
    });
    let (span, rule) = rules
        .into_iter()
        .filter(|(_, rule)| may_concern(rule, path, &child.prefix))
        .find(|(_, rule)| refusal(rule).is_some() || redirect(rule).is_some())?;
    let does = if refusal(rule).is_some() { "refuses" } else { "redirects" };
    let folder = String::from_utf8_lossy(&child.prefix);
    let what = format!(
        "below {folder} no rule of the folders above counts, for this file has rewriting of its own: what {does} there does not here"
    );
    let help = "add the line `RewriteOptions InheritBefore` to this file, or put what is for all folders into SetEnvIf and Require, which a file below does not replace";
    let told = Diagnostic::warning(DiagnosticId("rules-replaced"), what);
    let told = told.at(&child.file.file.source, child.first, "replaces the rules above");
    Some(told.at(&parent.file.file.source, span, "does not count there").help(help))
}

/// Whether a rule may be about what lies in a folder: `path` as the rule's pattern sees it, `url` as conditions do.
fn may_concern(rule: &RewriteRule, path: &[u8], url: &[u8]) -> bool {
    let is_elsewhere = |condition: &RewriteCond| {
        let CondTest::Regex(regex) = &condition.test else { return false };
        let is_path = matches!(subject(condition), Some(Named::RequestUri));
        is_path && !condition.negated && !may_begin(&regex.text, url)
    };
    let mut follows_or = false;
    for condition in &rule.conditions {
        let is_or = condition.joined == Joined::Or;
        if !is_or && !follows_or && is_elsewhere(condition) {
            return false;
        }
        follows_or = is_or;
    }
    rule.negated || may_begin(&rule.pattern.text, path)
}

/// Whether a pattern may match a text that begins so. Only a beginning that is plain text can tell that it does not.
fn may_begin(pattern: &[u8], start: &[u8]) -> bool {
    let Some(pattern) = pattern.strip_prefix(b"^").filter(|rest| !rest.contains(&b'|')) else { return true };
    let mut plain = Vec::new();
    let mut rest = pattern;
    loop {
        let (byte, behind) = match rest {
            [b'\\', byte, behind @ ..] if !byte.is_ascii_alphanumeric() => (*byte, behind),
            [byte, behind @ ..] if !b".[]()*+?{}^$\\".contains(byte) => (*byte, behind),
            _ => break,
        };
        // what may be left out is no beginning
        if matches!(behind.first(), Some(b'?' | b'*' | b'{')) {
            break;
        }
        plain.push(byte);
        rest = behind;
    }
    let shared = plain.len().min(start.len());
    let same = plain.iter().zip(start).take_while(|(left, right)| left.eq_ignore_ascii_case(right)).count();
    same == shared && !(rest == b"$" && plain.len() < start.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;
    use source::Source;
    use std::sync::Arc;

    const HTTPS: &str =
        "RewriteEngine On\nRewriteCond %{HTTPS} off\nRewriteRule ^(.*)$ https://a.example/$1 [R=301,L]\n";

    fn told(files: &[(&str, &str)]) -> Vec<String> {
        let placed: Vec<PlacedFile> = files
            .iter()
            .map(|(prefix, text)| {
                let parsed = parse(&Arc::new(Source::new(format!("{prefix}.htaccess"), *text)));
                assert!(parsed.diagnostics.is_empty(), "{text}");
                PlacedFile { prefix: prefix.as_bytes().to_vec(), file: Arc::new(parsed.file) }
            })
            .collect();
        lint_together(&placed).iter().map(Diagnostic::one_line).collect()
    }

    #[test]
    fn a_file_with_rewriting_of_its_own_replaces_the_rules_above() {
        let child = "RewriteEngine On\nRewriteRule ^old$ new [L]\n";
        let told = told(&[("/docs", child), ("/", HTTPS)]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("/docs.htaccess:1:1") && told[0].contains("redirects"), "{}", told[0]);
    }

    #[test]
    fn who_inherits_or_switches_off_or_stands_elsewhere_knows_what_he_does() {
        let on = "RewriteEngine On\nRewriteRule ^old$ new [L]\n";
        for child in [
            "RewriteEngine Off\n",
            "RewriteEngine On\nRewriteOptions Inherit\nRewriteRule ^old$ new [L]\n",
            "Require all granted\n",
        ] {
            assert!(told(&[("/", HTTPS), ("/docs/", child)]).is_empty(), "{child}");
        }
        let down = format!("RewriteOptions InheritDown\n{HTTPS}");
        assert!(told(&[("/", &down), ("/docs/", on)]).is_empty());
        assert!(told(&[("/doc", HTTPS), ("/docs/", on)]).is_empty(), "no folder of that folder");
        let elsewhere = "RewriteEngine On\nRewriteRule ^audio/ - [F]\n";
        assert!(told(&[("/", elsewhere), ("/docs/", on)]).is_empty());
        let here = "RewriteEngine On\nRewriteCond %{REQUEST_URI} ^/docs/deep\nRewriteRule ^ - [F]\n";
        assert!(!told(&[("/", here), ("/docs/", on)]).is_empty());
        let condition = "RewriteEngine On\nRewriteCond %{REQUEST_URI} ^/audio/\nRewriteRule ^ - [F]\n";
        assert!(told(&[("/", condition), ("/docs/", on)]).is_empty());
        let front = "RewriteEngine On\nRewriteRule . index.php [L]\n";
        assert!(told(&[("/", front), ("/docs/", on)]).is_empty(), "each has its own front controller");
    }

    #[test]
    fn the_beginning_of_a_pattern_tells_what_it_cannot_match() {
        for (pattern, start, may) in [
            ("^audio/", "docs/", false),
            ("^docs/", "docs/deep/", true),
            ("^docs/deep/er", "docs/", true),
            ("^do", "docs/", true),
            ("^docs$", "docs/", false),
            ("^x?docs/", "docs/", true),
            ("^a|b", "docs/", true),
            ("audio", "docs/", true),
            ("^DOCS/", "docs/", true),
            ("^\\.well-known/", "docs/", false),
            ("^", "docs/", true),
        ] {
            assert_eq!(may_begin(pattern.as_bytes(), start.as_bytes()), may, "{pattern}");
        }
    }
}
