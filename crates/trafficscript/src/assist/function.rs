//! All that is said of one function, for a reader.

use crate::builtin::{Builtin, Builtins, Effect, Example, Kind, Param};

/// A function's record with what the table around it knows.
#[derive(Clone, Debug)]
pub struct FunctionDoc {
    /// The published spelling.
    pub name: &'static str,
    /// Other names, in lower case.
    pub aliases: Vec<String>,
    /// `name( first, [second] )`
    pub signature: String,
    /// One sentence.
    pub summary: &'static str,
    /// In order.
    pub params: &'static [Param],
    /// What it gives.
    pub returns: Kind,
    /// Where it means something, in words; `None` where that is everywhere.
    pub stages: Option<Vec<&'static str>>,
    /// What it does to the world.
    pub effect: Effect,
    /// The manual's text, in Markdown.
    pub doc: &'static str,
    /// With their outcomes.
    pub examples: &'static [Example],
}

impl FunctionDoc {
    /// By name or alias.
    pub fn find<H>(table: &Builtins<H>, name: &str) -> Option<Self> {
        table.find(name).map(|(_, row)| Self::of(table, row))
    }

    /// All functions whose name begins with this, in alphabetical order; an empty start is that of all.
    pub fn beginning_with<H>(table: &Builtins<H>, start: &str) -> Vec<Self> {
        let begins =
            |name: &str| name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start));
        let mut found: Vec<Self> =
            table.iter().filter(|row| begins(row.name)).map(|row| Self::of(table, row)).collect();
        found.sort_by_key(|function| function.name.to_ascii_lowercase());
        found
    }

    fn of<H>(table: &Builtins<H>, row: &Builtin<H>) -> Self {
        Self {
            name: row.name,
            aliases: table.aliases(row.name).map(str::to_owned).collect(),
            signature: row.signature(),
            summary: row.summary,
            params: row.params,
            returns: row.returns,
            stages: table.stages_in_words(row.stages),
            effect: row.effect,
            doc: row.doc,
            examples: row.examples,
        }
    }

    /// The part of the name before its first dot.
    pub fn family(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(family, _)| family)
    }

    /// Where it works, as a sentence.
    pub fn stages_sentence(&self) -> String {
        match &self.stages {
            None => "Works in rules of all kinds.".to_owned(),
            Some(stages) => match stages.as_slice() {
                [] => "Works in no kind of rule.".to_owned(),
                [only] => format!("Works in {only}."),
                [first @ .., last] => format!("Works in {} and {last}.", first.join(", ")),
            },
        }
    }

    /// For a small window of an editor, in Markdown.
    pub fn markdown(&self) -> String {
        let mut out = format!("```trafficscript\n{}\n```\n", self.signature_with_result());
        out.extend([format!("{}\n", self.summary)]);
        for param in self.params {
            out.extend([format!("\n- `{}` ({}): {}", param.name, param.kind.name(), param.summary)]);
        }
        out.extend([format!("\n\n{}\n\n{} {}\n", self.doc, self.stages_sentence(), self.effect.sentence())]);
        if let Some(example) = self.examples.first() {
            out.extend([format!("\n```trafficscript\n{}  # {:?}\n```\n", example.rule, example.gives)]);
        }
        out
    }

    /// The signature, and what comes back if anything does.
    pub fn signature_with_result(&self) -> String {
        match self.returns {
            Kind::Nothing => self.signature.clone(),
            kind => format!("{} → {}", self.signature, kind.name()),
        }
    }
}
