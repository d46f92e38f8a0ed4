//! Whether what was written is what each program would take: the rule by the engine's own check with its class in a
//! catalog, the `.htaccess` by the engine that judges requests, the others by small grammars of what we write.
//!
//! It is the second lock behind [`super::aim`]: what does not pass is not shown.

mod haproxy;
mod nginx;

use super::{Class, Form, Proposal, Snippet};
use engine::Catalog;
use engine::builtins::builtins;
use engine::catalog::MemoryFiles;
use source::{Severity, Source};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Whether every form of a proposal can be used.
pub(super) fn holds(proposal: &Proposal) -> bool {
    rule_holds(proposal)
        && form_holds(&proposal.htaccess, |snippets| snippets.iter().all(htaccess_holds))
        && form_holds(&proposal.nginx, nginx::holds)
        && form_holds(&proposal.haproxy, haproxy::holds)
}

fn form_holds(form: &Form, holds: impl Fn(&[Snippet]) -> bool) -> bool {
    match form {
        Form::Texts(snippets) => holds(snippets),
        Form::Impossible(_) => true,
    }
}

/// Loads a catalog with the rule and its class; a doubt is as bad as a mistake.
fn rule_holds(proposal: &Proposal) -> bool {
    let files = MemoryFiles::default()
        .with("tidegate.toml", proposal.catalog())
        .with(&*format!("rules/{}.rts", proposal.id), proposal.rule.as_str());
    Catalog::load(Path::new("tidegate.toml"), &files, builtins()).diagnostics.is_empty()
}

fn htaccess_holds(snippet: &Snippet) -> bool {
    let parsed = rewrite::parse(&Arc::new(Source::new(".htaccess", snippet.text.as_bytes())));
    parsed.diagnostics.iter().all(|told| told.severity != Severity::Error)
}

impl Class {
    /// The table of the catalog, without its head.
    pub fn settings(&self) -> Vec<(&'static str, Setting)> {
        match self {
            Self::Bandwidth { bits_per_second } => vec![
                ("maximum", Setting::Text(format!("{} kbit/s", bits_per_second / 1000))),
                ("fair_by", Setting::Text("client".to_owned())),
            ],
            Self::Rate { per_second, wait_seconds } => vec![
                ("max_rate_per_second", Setting::Number(i64::from(*per_second))),
                ("fair_by", Setting::Text("client".to_owned())),
                ("max_wait", Setting::Text(format!("{wait_seconds}s"))),
            ],
        }
    }

    /// The table of the catalog that holds classes of this kind.
    pub fn table(&self) -> &'static str {
        match self {
            Self::Bandwidth { .. } => "bandwidth_classes",
            Self::Rate { .. } => "rate_classes",
        }
    }
}

/// A value in a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A string.
    Text(String),
    /// A whole number.
    Number(i64),
}

impl Proposal {
    /// A whole catalog with nothing but this rule and its class: to check it, and to try it on a log.
    pub fn catalog(&self) -> String {
        let id = &self.id;
        let mut text = format!(
            "[virtual_servers.site]\nlisten = \"127.0.0.1:8080\"\npool = \"nodes\"\nrequest_rules = [\"{id}\"]\n\n\
             [pools.nodes]\nnodes = [\"127.0.0.1:80\"]\n"
        );
        text.push_str(&self.class_text());
        text
    }

    /// The class as it stands in a catalog; empty if the rule needs none.
    pub fn class_text(&self) -> String {
        let Some(class) = &self.class else { return String::new() };
        let mut text = format!("\n[{}.{}]\n", class.table(), self.id);
        for (key, value) in class.settings() {
            let _written = match value {
                Setting::Text(value) => writeln!(text, "{key} = \"{value}\""),
                Setting::Number(value) => writeln!(text, "{key} = {value}"),
            };
        }
        text
    }
}
