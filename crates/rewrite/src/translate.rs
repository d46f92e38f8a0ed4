//! A file as a TrafficScript rule: what has an equal in the language, piece by piece, under the lines it comes from; and
//! a list of what has none.
//!
//! The rule is text; this crate knows no more of the language than how to write it. What would need the whole machinery
//! of rounds (a rule that sends the request to another path and looks at all rules again) is left to the file itself,
//! which a virtual server can name as it is.

mod access;
mod rewriting;
mod text;

use crate::directive::{Directive, DirectiveKind, File, IgnoredWhy};
use source::Span;
use text::{Names, comment};

/// What is done with a hot-linker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// What the file says.
    Same,
    /// Where the file refuses because of the referer, the answer is slowed down instead; feed readers, players and those
    /// without a referer get theirs at full speed.
    Gentle,
}

/// What a file has become.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The request rule.
    pub rule: String,
    /// What the catalog needs for it besides; empty for nothing.
    pub catalog: String,
    /// What has no equal, in the order of the text.
    pub left: Vec<Left>,
}

/// A directive without an equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Which.
    pub span: Span,
    /// Why, as the end of a sentence.
    pub why: String,
}

/// The bandwidth class of the gentle form.
const CLASS: &str = "hot-linkers";

/// Translates a file that was parsed without an error.
pub fn translate(file: &File, form: Form) -> Translation {
    let mut translator = Translator {
        file,
        form,
        out: String::new(),
        left: Vec::new(),
        environment: Names::default(),
        marks: Vec::new(),
        uses_class: false,
        has_pass: false,
        pass_from: None,
    };
    translator.left.extend(file.ignored.iter().map(|ignored| {
        Left {
            span: ignored.name,
            why: match ignored.why {
                IgnoredWhy::NodesDo => "is about files and how they are made into answers, which nodes do",
                IgnoredWhy::Login => "asks for a name and a password, which nobody here can check",
            }
            .to_owned(),
        }
    }));
    // Apache's own order: variables, access, rules, redirects.
    translator.variables();
    translator.access();
    translator.write_variables();
    translator.rules();
    translator.redirects();
    translator.the_rest();
    translator.finish()
}

struct Translator<'a> {
    file: &'a File,
    form: Form,
    out: String,
    left: Vec<Left>,
    /// The variables of the environment that the rule knows.
    environment: Names,
    /// What sets them.
    marks: Vec<access::Mark>,
    uses_class: bool,
    /// A rule before set `$passed` where those behind it are not tried.
    has_pass: bool,
    /// Where in the text those begin that no other rule stands behind.
    pass_from: Option<usize>,
}

impl Translator<'_> {
    /// The lines a piece comes from, as comments above it.
    fn quote(&mut self, span: Span) {
        let lines = comment(self.file.source.slice(span));
        self.out.push_str(&lines);
    }

    fn leave(&mut self, span: Span, why: impl Into<String>) {
        self.left.push(Left { span, why: why.into() });
    }

    /// What only the evaluation can do.
    fn the_rest(&mut self) {
        let file = self.file;
        for Directive { span, kind, .. } in &file.directives {
            let why = match kind {
                DirectiveKind::ErrorDocument(_) => {
                    "is shown for errors of the file; write the page into http.sendResponse"
                }
                DirectiveKind::Header(_) => {
                    "is done where it is asked for with http.setResponseHeader and its kin"
                }
                DirectiveKind::Container(_) => {
                    "is a section: its conditions are looked at anew in each round"
                }
                DirectiveKind::SetEnv(..) | DirectiveKind::UnsetEnv(_) | DirectiveKind::PassEnv(_) => {
                    "sets what scripts of the server see"
                }
                DirectiveKind::RewriteMap(_) => "is a map; data.get and arrays do that work in rules",
                _ => continue,
            };
            self.left.push(Left { span: *span, why: why.to_owned() });
        }
    }

    fn finish(mut self) -> Translation {
        self.left.sort_by_key(|left| left.span);
        self.left.dedup();
        let name = self.file.source.name();
        let mut rule = comment(format!("From {name}, for all paths of the site.").as_bytes());
        rule.push_str(
            "# What Apache answers before it looks at such a file (400 for bad escapes and paths above the root, 404 for\n\
             # %2f and %00) comes first.\n",
        );
        if !self.left.is_empty() {
            rule.push_str("#\n# Without an equal here:\n");
            for left in &self.left {
                let line = self.file.source.position(left.span.start).line;
                let text = String::from_utf8_lossy(self.file.source.slice(left.span)).into_owned();
                let first = text.lines().next().unwrap_or_default();
                rule.push_str(&comment(format!("  line {line}: {first}: it {}", left.why).as_bytes()));
            }
        }
        rule.push_str(&text::with_prelude(&self.out));
        let catalog = if self.uses_class {
            format!(
                "# What hot-linkers share; their visitors wait longer, and nobody is refused.\n[bandwidth_classes.{CLASS}]\nmaximum = \"400 kbit/s\"\n"
            )
        } else {
            String::new()
        };
        Translation { rule, catalog, left: self.left }
    }
}
