//! Text to program: the stages of the pipeline, one after the other.

use crate::builtin::{Builtins, Kind, Presence, Stages};
use crate::check::{
    ArgumentKind, CallFact, CheckOptions, Libraries, Signature, Signatures, StageBits, check,
};
use crate::lower::{Row, lower};
use crate::parser::parse;
use crate::program::Program;
use source::{Diagnostic, Severity, Source};
use std::sync::Arc;

/// What a rule is compiled for.
#[derive(Clone, Copy)]
pub struct CompileOptions<'a> {
    /// The stage the rule is to run in. A function that means nothing there is a mistake, or, if it does in a
    /// kindred stage, does nothing.
    pub stage: Stages,
    /// The text of a rule that is imported, by its name; `None` if there is none.
    pub libraries: &'a dyn Fn(&str) -> Option<Arc<Source>>,
}

impl std::fmt::Debug for CompileOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CompileOptions").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl CompileOptions<'static> {
    /// For a rule that imports nothing.
    pub fn new(stage: Stages) -> Self {
        Self { stage, libraries: &|_| None }
    }
}

/// What came of a text.
#[derive(Debug)]
pub struct Compiled {
    /// `None` if there is an error among the diagnostics.
    pub program: Option<Arc<Program>>,
    /// Mistakes and doubts, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The calls of functions in the rule's own text.
    pub calls: Vec<CallFact>,
}

/// Compiles a rule.
pub fn compile<H: 'static>(
    source: &Arc<Source>,
    builtins: &Builtins<H>,
    options: &CompileOptions<'_>,
) -> Compiled {
    let (ast, mut diagnostics) = parse(source);
    let libraries = Imports(options.libraries);
    let check_options = CheckOptions { stages: options.stage.0, libraries: &libraries };
    let (mut checked, more) = check(ast, &Table(builtins), check_options);
    diagnostics.extend(more);
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
    let mut program = None;
    if !diagnostics.iter().any(is_error) {
        let rows: Vec<Row> =
            builtins.iter().map(|row| Row { returns: row.returns, params: row.params }).collect();
        match lower(&checked, &rows, builtins.fingerprint()) {
            Ok(lowered) => program = Some(Arc::new(lowered)),
            Err(wrong) => diagnostics.extend(wrong),
        }
    }
    Compiled { program, diagnostics, calls: std::mem::take(&mut checked.calls) }
}

struct Imports<'a>(&'a dyn Fn(&str) -> Option<Arc<Source>>);

impl Libraries for Imports<'_> {
    fn rule(&self, name: &str) -> Option<Arc<Source>> {
        (self.0)(name)
    }
}

/// The table as the check wants to see it.
pub(crate) struct Table<'a, H>(pub(crate) &'a Builtins<H>);

impl<H> Signatures for Table<'_, H> {
    fn find(&self, name: &str) -> Option<Signature> {
        let (index, row) = self.0.find(name)?;
        let (min_args, max_args) = row.arity();
        let repeated = row.params.last().filter(|param| param.presence == Presence::Repeated);
        let kinds = std::array::from_fn(|at| {
            row.params.get(at).or(repeated).map_or(ArgumentKind::Any, |param| argument_kind(param.kind))
        });
        let place = |kind| row.params.iter().position(|param| param.kind == kind);
        Some(Signature {
            index,
            name: row.name,
            min_args,
            max_args,
            kinds,
            stages: row.stages.0,
            returns: row.returns,
            effect: row.effect,
            pattern: place(Kind::Pattern).map(|at| (at, place(Kind::Flags))),
        })
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        self.0.near(name)
    }

    fn unsupported(&self, name: &str) -> Option<&str> {
        self.0.unsupported_reason(name)
    }

    fn elsewhere(&self, name: &str) -> Option<&str> {
        self.0.elsewhere(name)
    }

    fn are_kindred(&self, stages: StageBits, stage: StageBits) -> bool {
        self.0.are_kindred(Stages(stages), Stages(stage))
    }

    fn stage_names(&self, stages: StageBits) -> String {
        self.0.stages_in_words(Stages(stages)).map_or(String::new(), |names| names.join(", "))
    }
}

fn argument_kind(kind: Kind) -> ArgumentKind {
    match kind {
        Kind::Any | Kind::Truth | Kind::Nothing => ArgumentKind::Any,
        Kind::String | Kind::Pattern | Kind::Flags => ArgumentKind::String,
        Kind::Integer | Kind::Double => ArgumentKind::Number,
        Kind::Array => ArgumentKind::Array,
        Kind::Hash => ArgumentKind::Hash,
    }
}
