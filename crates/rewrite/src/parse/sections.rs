//! Sections: which stand in which, and where their directives go.
//!
//! Two stacks: all sections that are open, and the scopes of those that hold directives of their own. `<IfModule>` and
//! `<Limit>` open no scope: what stands in them stands in the scope around them.

use super::NESTING_MAX;
use super::guards;
use super::lines::Line;
use super::reader::Reader;
use super::words::Words;
use crate::directive::{
    Container, ContainerCondition, Directive, DirectiveKind, Limit, Requirement, RequirementKind, RewriteCond,
};
use source::Span;
use std::sync::Arc;

/// A section that is open.
pub(super) struct Section {
    /// Its name, without `<`.
    name: Vec<u8>,
    /// Its first line.
    span: Span,
    /// Its name with the `<`.
    name_span: Span,
    what: What,
}

/// What happens to the directives in a section.
enum What {
    /// They stand in the scope around it.
    Transparent,
    /// The same, for these methods.
    Limits(Arc<Limit>),
    /// They are not read at all.
    LeftOut,
    /// They are read and dropped: the section's first line is wrong.
    Dropped,
    /// They have a scope.
    Holds(ContainerCondition),
    /// They are requirements.
    Requires(fn(Vec<Requirement>) -> RequirementKind),
}

/// What directives are put into.
pub(super) struct Scope {
    pub(super) directives: Vec<Directive>,
    /// Conditions that wait for their rule.
    pub(super) conditions: Vec<RewriteCond>,
    /// In a section of requirements: they.
    pub(super) requirements: Option<Vec<Requirement>>,
    /// An `<If>` stands before.
    has_if: bool,
    /// A name and a password are asked for.
    pub(super) wants_login: bool,
}

impl Scope {
    /// The file, or a section like it.
    pub(super) fn file() -> Self {
        Self {
            directives: Vec::new(),
            conditions: Vec::new(),
            requirements: None,
            has_if: false,
            wants_login: false,
        }
    }

    fn requirements() -> Self {
        Self { requirements: Some(Vec::new()), ..Self::file() }
    }
}

/// The sections of Apache, and which of them an `.htaccess` may hold.
const SECTIONS: [(&str, bool); 27] = [
    ("IfModule", true),
    ("IfDefine", true),
    ("IfVersion", true),
    ("IfFile", true),
    ("IfDirective", true),
    ("IfSection", true),
    ("Files", true),
    ("FilesMatch", true),
    ("If", true),
    ("ElseIf", true),
    ("Else", true),
    ("Limit", true),
    ("LimitExcept", true),
    ("RequireAll", true),
    ("RequireAny", true),
    ("RequireNone", true),
    ("Directory", false),
    ("DirectoryMatch", false),
    ("Location", false),
    ("LocationMatch", false),
    ("VirtualHost", false),
    ("Proxy", false),
    ("ProxyMatch", false),
    ("Macro", false),
    ("AuthnProviderAlias", false),
    ("AuthzProviderAlias", false),
    ("MDomainSet", false),
];

/// Whether Apache knows such a section.
pub(super) fn is_section(name: &[u8]) -> bool {
    SECTIONS.iter().any(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))
}

impl Reader<'_> {
    /// What directives are put into now.
    pub(super) fn scope(&mut self) -> &mut Scope {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::file());
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    /// Whether only requirements may stand here.
    pub(super) fn in_requirements(&self) -> bool {
        self.scopes.last().is_some_and(|scope| scope.requirements.is_some())
    }

    /// Whether what stands here is not read.
    pub(super) fn is_left_out(&self) -> bool {
        self.sections.last().is_some_and(|section| matches!(section.what, What::LeftOut))
    }

    /// The methods that what stands here is for.
    pub(super) fn limit(&self) -> Option<Arc<Limit>> {
        let mut limits = self.sections.iter().rev().filter_map(|section| match &section.what {
            What::Limits(limit) => Some(Arc::clone(limit)),
            _ => None,
        });
        limits.next()
    }

    /// `<Name ...>`
    pub(super) fn open(&mut self, line: &Line, name: &[u8], name_span: Span, mut words: Words<'_>) {
        let written = name.get(1..).unwrap_or_default();
        let what = if self.is_left_out() {
            What::LeftOut
        } else if self.sections.len() >= NESTING_MAX {
            let message = format!("sections stand more than {NESTING_MAX} deep in each other");
            self.error(
                "htaccess-too-large",
                message,
                (line.whole(), "one too many"),
                "close the sections before it",
            );
            What::LeftOut
        } else {
            self.what(line, written, name_span, &mut words)
        };
        match &what {
            What::Holds(condition) => {
                let is_if = matches!(condition, ContainerCondition::If(_));
                self.scope().has_if |= is_if;
                self.scopes.push(Scope::file());
            }
            What::Requires(_) => self.scopes.push(Scope::requirements()),
            What::Dropped => self.scopes.push(Scope::file()),
            What::LeftOut if !self.is_left_out() => self.left_out.push(line.whole()),
            _ => {}
        }
        self.sections.push(Section { name: written.to_vec(), span: line.whole(), name_span, what });
    }

    fn what(&mut self, line: &Line, name: &[u8], span: Span, words: &mut Words<'_>) -> What {
        let shown = String::from_utf8_lossy(name).into_owned();
        let known = SECTIONS.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        let Some((known, allowed)) = known else {
            let near = source::nearest(&shown, SECTIONS.iter().map(|(known, _)| *known));
            let help = near.map_or("remove it, or the blank behind the `<`".to_owned(), |near| {
                format!("did you mean `<{near}>`?")
            });
            self.error(
                "unknown-directive",
                format!("Apache knows no section `<{shown}>`"),
                (span, "not a section"),
                help,
            );
            return What::Dropped;
        };
        if !allowed {
            let help = "it belongs into the server's own configuration; what it holds can mostly stand in the folder's file itself";
            self.error(
                "misplaced-directive",
                format!("`<{known}>` cannot stand in an .htaccess"),
                (span, "not in a folder's file"),
                help,
            );
            return What::Dropped;
        }
        // `<Else>` is one word: its `>` is gone already.
        if !line.text.ends_with(b">") && !line.text.contains(&b'>') {
            self.error(
                "section-not-closed",
                format!("`<{known}` has no `>`"),
                (line.whole(), "ends here"),
                "write `>` at the end of the line",
            );
            return What::Dropped;
        }
        words.close_section();
        self.section(line, known, words)
    }

    fn section(&mut self, line: &Line, known: &'static str, words: &mut Words<'_>) -> What {
        let holds_own = !matches!(
            known,
            "IfModule"
                | "IfDefine"
                | "IfVersion"
                | "IfFile"
                | "IfDirective"
                | "IfSection"
                | "Limit"
                | "LimitExcept"
        );
        let requires = known.starts_with("Require");
        let within_limit = self.limit().is_some() || self.in_requirements();
        if holds_own && !requires && within_limit {
            let what = format!("`<{known}>` cannot stand in `<Limit>` or in a section of requirements");
            self.error(
                "misplaced-directive",
                what,
                (line.whole(), "not here"),
                "turn it round: put the inner section outside",
            );
            return What::Dropped;
        }
        let words_left = !words.is_done();
        if !words_left && !matches!(known, "Else" | "RequireAll" | "RequireAny" | "RequireNone") {
            let help = format!("name what the section is for: {}", example(known));
            self.error(
                "wrong-arguments",
                format!("`<{known}>` needs an argument"),
                (line.whole(), "for what?"),
                help,
            );
            return What::Dropped;
        }
        match known {
            "Files" | "FilesMatch" => self.files(line, known, words),
            "If" | "ElseIf" | "Else" => self.branch(line, known, words),
            "Limit" | "LimitExcept" => self.methods(known, words),
            "RequireAll" | "RequireAny" | "RequireNone" => {
                if words_left {
                    self.error(
                        "wrong-arguments",
                        format!("`<{known}>` takes no arguments"),
                        (line.whole(), "one too many"),
                        format!("write <{known}>"),
                    );
                }
                match known {
                    "RequireAll" => What::Requires(RequirementKind::All),
                    "RequireAny" => What::Requires(RequirementKind::Any),
                    _ => What::Requires(RequirementKind::None),
                }
            }
            _ if guards::holds(self, known, words) => What::Transparent,
            _ => What::LeftOut,
        }
    }

    fn files(&mut self, line: &Line, known: &str, words: &mut Words<'_>) -> What {
        let Some(mut name) = words.next() else { return What::Dropped };
        let mut is_pattern = known == "FilesMatch";
        if name.text == b"~" && !is_pattern {
            is_pattern = true;
            let Some(next) = words.next() else {
                self.error(
                    "wrong-arguments",
                    "`<Files ~>` needs a pattern",
                    (line.whole(), "for what?"),
                    format!("it looks so: {}", example("Files")),
                );
                return What::Dropped;
            };
            name = next;
        }
        if let Some(extra) = words.next() {
            let help = r#"one pattern can stand for several names: <FilesMatch "^(a|b)\.txt$">"#;
            self.error(
                "wrong-arguments",
                format!("`<{known}>` takes one argument"),
                (extra.span, "one too many"),
                help,
            );
            return What::Dropped;
        }
        if !is_pattern {
            return What::Holds(ContainerCondition::Files(name.text));
        }
        match self.regex(&name.text, name.span, false) {
            Some(regex) => What::Holds(ContainerCondition::FilesMatch(regex)),
            None => What::Dropped,
        }
    }

    fn branch(&mut self, line: &Line, known: &str, words: &mut Words<'_>) -> What {
        if known != "If" && !self.scope().has_if {
            self.error(
                "section-not-open",
                format!("no `<If>` stands before this `<{known}>`"),
                (line.whole(), "belongs to nothing"),
                "begin with <If \"...\">",
            );
            return What::Dropped;
        }
        if known == "Else" {
            return What::Holds(ContainerCondition::Else);
        }
        let Some(word) = words.next() else { return What::Dropped };
        if let Some(more) = words.next() {
            let what = "an expression with blanks in it needs quotes; Apache reads the first word only";
            let help = "quote all of it, and use the other kind of quotes within: <If \"%{HTTP_HOST} == 'a.example'\">";
            self.error("unquoted-expression", what, (word.span.to(more.span), "not quoted"), help);
            return What::Dropped;
        }
        let Some(expression) = self.expression(&word.text, word.span) else { return What::Dropped };
        What::Holds(if known == "If" {
            ContainerCondition::If(expression)
        } else {
            ContainerCondition::ElseIf(expression)
        })
    }

    fn methods(&mut self, known: &str, words: &mut Words<'_>) -> What {
        let mut names = Vec::new();
        for word in words.all() {
            if word.text == b"TRACE" {
                self.error(
                    "wrong-arguments",
                    format!("TRACE cannot be named in `<{known}>`"),
                    (word.span, "not this one"),
                    "the server's TraceEnable decides about TRACE",
                );
                return What::Dropped;
            }
            if !super::access::is_method(&word.text) {
                self.unknown_method(&word);
                return What::Dropped;
            }
            names.push(word.text);
        }
        let inner = if known == "Limit" { Limit::Only(names) } else { Limit::Except(names) };
        let Some(outer) = self.limit() else { return What::Limits(Arc::new(inner)) };
        What::Limits(Arc::new(Limit::Both(Box::new((*outer).clone()), Box::new(inner))))
    }

    /// `</Name>`
    pub(super) fn close(&mut self, line: &Line, name: &[u8]) {
        // Apache takes the last byte for the `>`, whatever it is.
        let written = name.get(2..name.len().saturating_sub(1).max(2)).unwrap_or_default();
        let is_it = |section: &Section| section.name.eq_ignore_ascii_case(written);
        if self.sections.last().is_some_and(is_it) {
            return self.close_last();
        }
        let shown = String::from_utf8_lossy(name).into_owned();
        let Some(open) = self.sections.iter().rposition(is_it) else {
            let help = if is_it_without_bracket(name, &self.sections) {
                "write the `>` right behind the name, without a blank".to_owned()
            } else {
                "remove it, or open the section before".to_owned()
            };
            return self.error(
                "section-not-open",
                format!("`{shown}` closes no section"),
                (line.whole(), "nothing is open here by this name"),
                help,
            );
        };
        for section in self.sections.get(open + 1..).unwrap_or_default() {
            let name = String::from_utf8_lossy(&section.name).into_owned();
            let told = source::Diagnostic::error(
                source::DiagnosticId("section-not-closed"),
                format!("`<{name}>` is not closed where `{shown}` stands"),
            );
            let told = told.at(self.source, section.span, "opened here").at(
                self.source,
                line.whole(),
                "something else is closed here",
            );
            self.diagnostics.push(told.help(format!("write </{name}> before it")));
        }
        while self.sections.len() > open {
            self.close_last();
        }
    }

    fn close_last(&mut self) {
        let Some(section) = self.sections.pop() else { return };
        match section.what {
            What::Transparent | What::Limits(_) | What::LeftOut => {}
            What::Dropped => {
                self.scopes.pop();
            }
            What::Holds(condition) => {
                self.conditions_left();
                let Some(scope) = self.scopes.pop() else { return };
                let container = Container { condition, directives: scope.directives };
                let kind = DirectiveKind::Container(Box::new(container));
                self.put(Directive { span: section.span, name: section.name_span, limit: None, kind });
            }
            What::Requires(kind) => {
                let Some(requirements) = self.scopes.pop().and_then(|scope| scope.requirements) else {
                    return;
                };
                self.requirements(section.span, section.name_span, kind(requirements));
            }
        }
    }

    /// Conditions at the end of a scope belong to no rule.
    pub(super) fn conditions_left(&mut self) {
        for condition in std::mem::take(&mut self.scope().conditions) {
            let what = "no rule follows this condition, so it does nothing";
            let help = "conditions stand before the rule they are for";
            self.warning("condition-without-rule", what, (condition.span, "for which rule?"), help);
        }
    }

    fn requirements(&mut self, span: Span, name: Span, kind: RequirementKind) {
        let (RequirementKind::All(inner) | RequirementKind::Any(inner) | RequirementKind::None(inner)) =
            &kind
        else {
            return;
        };
        if inner.is_empty() {
            self.error(
                "empty-requirements",
                "the section holds no requirement",
                (span, "empty"),
                "write a Require into it, or remove it",
            );
            return;
        }
        if matches!(kind, RequirementKind::None(_)) && !self.in_require_all() {
            self.negated_requirement(span);
            return;
        }
        if !matches!(kind, RequirementKind::All(_)) {
            let negated: Vec<Span> = inner.iter().filter(|one| one.negated).map(|one| one.span).collect();
            for span in negated {
                self.negated_requirement(span);
            }
        }
        let limit = self.limit();
        let requirement = Requirement { span, negated: false, kind };
        self.put(Directive { span, name, limit, kind: DirectiveKind::Require(requirement) });
    }

    /// Whether all requirements that stand here must hold.
    fn in_require_all(&self) -> bool {
        let around = self.sections.iter().rev().find(|section| matches!(section.what, What::Requires(_)));
        around.is_some_and(|section| section.name.eq_ignore_ascii_case(b"RequireAll"))
    }

    /// What only takes away, where one holding is enough.
    pub(super) fn negated_requirement(&mut self, span: Span) {
        let what =
            "what only takes away has no effect where one requirement is enough, and Apache refuses it";
        let help = "put it between <RequireAll> and </RequireAll>, with `Require all granted` beside it";
        self.error("negated-requirement", what, (span, "cannot let anybody in"), help);
    }

    /// At the end of the file.
    pub(super) fn close_all(&mut self) {
        while let Some(section) = self.sections.last() {
            let name = String::from_utf8_lossy(&section.name).into_owned();
            let (span, what) = (section.span, format!("`<{name}>` is not closed"));
            self.error(
                "section-not-closed",
                what,
                (span, "opened here"),
                format!("write </{name}> at its end"),
            );
            self.close_last();
        }
    }
}

/// `</Files >`: Apache takes the `s` for the `>`.
fn is_it_without_bracket(name: &[u8], sections: &[Section]) -> bool {
    let bare = name.get(2..).unwrap_or_default();
    sections.iter().any(|section| section.name.eq_ignore_ascii_case(bare))
}

fn example(known: &str) -> &'static str {
    match known {
        "IfModule" => "<IfModule mod_rewrite.c>",
        "IfDefine" => "<IfDefine NAME>",
        "IfVersion" => "<IfVersion >= 2.4>",
        "IfFile" => "<IfFile /path/of/file>",
        "IfDirective" => "<IfDirective Header>",
        "IfSection" => "<IfSection Files>",
        "Files" => "<Files \"name.html\">",
        "FilesMatch" => r#"<FilesMatch "\.(gif|jpe?g)$">"#,
        "Limit" | "LimitExcept" => "<Limit GET POST>",
        _ => "<If \"%{HTTP_HOST} == 'a.example'\">",
    }
}
