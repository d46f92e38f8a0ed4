//! Gives names their meaning: which function a call calls, in which slot a variable lives; and says what cannot be
//! right before the rule ever runs.
//!
//! It knows functions only as [`Signature`]s and stages only as bits.

mod calls;
mod doubts;
mod flow;
mod kinds;
mod names;
mod patterns;
mod scope;
#[cfg(test)]
mod tests;
mod walk;

use crate::ast::{Ast, CallId, StatementKind, UseId};
use crate::builtin::{Effect, Kind, Stages};
use crate::parser::DIAGNOSTICS_MAX;
use names::Texts;
use source::{Diagnostic, DiagnosticId, Severity, Source, Span, nearest};
use std::collections::BTreeSet;
use std::sync::Arc;
use walk::Walk;

/// Stages of a transaction as bits; which bit means what is the host's business.
pub(crate) type StageBits = u32;

/// What the check must know of a built-in function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signature {
    /// The function's place in the table of builtins; handed on to the lowering as it is.
    pub(crate) index: usize,
    /// The published spelling.
    pub(crate) name: &'static str,
    /// Fewest arguments.
    pub(crate) min_args: usize,
    /// Most arguments; `None` where any number will do.
    pub(crate) max_args: Option<usize>,
    /// What each of the first eight arguments should be; later ones are not looked at.
    pub(crate) kinds: [ArgumentKind; 8],
    /// In which stages the function means something.
    pub(crate) stages: StageBits,
    /// What it gives.
    pub(crate) returns: Kind,
    /// What it does to the world.
    pub(crate) effect: Effect,
    /// Which argument is a regular expression, and which one its flags.
    pub(crate) pattern: Option<(usize, Option<usize>)>,
}

/// What an argument should be, as far as a literal can be wrong about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentKind {
    /// Anything.
    Any,
    /// A string; numbers and truth values will do, arrays and hashes will not.
    String,
    /// A number; a literal text that starts with no number is wrong.
    Number,
    /// An array.
    Array,
    /// A hash.
    Hash,
}

/// The functions a rule may call. Names are compared without ASCII case.
pub(crate) trait Signatures {
    /// The function of that name.
    fn find(&self, name: &str) -> Option<Signature>;

    /// The name that was probably meant, where one is near enough.
    fn nearest(&self, name: &str) -> Option<&str>;

    /// Why a function that is known from elsewhere does not exist here; `None` if nobody knows the name.
    fn unsupported(&self, name: &str) -> Option<&str>;

    /// What a rule of another kind uses in the place of a function; `None` if the host knows of nothing.
    fn elsewhere(&self, _name: &str) -> Option<&str> {
        None
    }

    /// Whether a function of these stages may be called in that one, and does nothing there.
    fn are_kindred(&self, _stages: StageBits, _stage: StageBits) -> bool {
        false
    }

    /// Stages in words, for help; empty if the host has none.
    fn stage_names(&self, _stages: StageBits) -> String {
        String::new()
    }
}

/// Rules that can be imported, by name.
pub(crate) trait Libraries {
    /// The text of a rule; `None` if there is no such rule.
    fn rule(&self, name: &str) -> Option<Arc<Source>>;
}

/// What a rule is checked against, besides the functions.
#[derive(Clone, Copy)]
pub(crate) struct CheckOptions<'a> {
    /// The stage the rule is to run in; see [`Signatures::are_kindred`].
    pub(crate) stages: StageBits,
    /// Where `import` looks.
    pub(crate) libraries: &'a dyn Libraries,
}

/// A rule whose names are resolved. Only one that was checked without an error may be lowered.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The rule itself (number 0) and the rules it imports, directly or not, each once.
    pub(crate) units: Vec<Unit>,
    /// All subs that can be called, of all units; [`Target::Sub`] is an index into it.
    pub(crate) subs: Vec<CheckedSub>,
    /// How many variable slots the body of the rule needs.
    pub(crate) body_slots: u16,
    /// Calls of built-in functions in the rule's own text, in the order of the text.
    pub(crate) calls: Vec<CallFact>,
}

/// One text with its tree and the answers to the tree's names.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) ast: Ast,
    /// By [`UseId`].
    slots: Vec<u16>,
    /// By [`CallId`].
    targets: Vec<Target>,
}

/// A sub and its scope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CheckedSub {
    /// Index into [`Checked::units`].
    pub(crate) unit: usize,
    /// Index into that unit's `ast.subs`.
    pub(crate) declaration: usize,
    /// How many variable slots it needs; the parameters are the first ones, in order.
    pub(crate) slots: u16,
}

/// What a call calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// [`Signature::index`].
    Builtin(usize),
    /// A built-in function that does nothing in this stage: its arguments are worked out, and it gives the empty value
    /// of this kind.
    Idle(Kind),
    /// Index into [`Checked::subs`].
    Sub(usize),
    /// Nothing; an error says so (or the code is never lowered: an imported rule's own body).
    Unknown,
}

/// One call of a built-in function in the rule's own text (not in imported ones), for the host's own lints.
#[derive(Clone, Debug)]
pub struct CallFact {
    /// The published spelling.
    pub function: &'static str,
    /// The whole call.
    pub span: Span,
    /// As written.
    pub arguments: Vec<ArgumentFact>,
}

/// What is known of an argument before the rule runs.
#[derive(Clone, Debug)]
pub struct ArgumentFact {
    /// The argument.
    pub span: Span,
    /// The value, as text, of a literal or of a variable that is assigned exactly once in its scope, from a literal.
    pub constant: Option<Arc<[u8]>>,
    /// Published spellings of the builtins whose results flow into the argument, also through variables; sorted,
    /// each once.
    pub origins: Vec<&'static str>,
}

/// Resolves the names of a rule and of what it imports. Reports everything that cannot be right (errors) and what is
/// probably not meant (warnings, of the rule's own text only), in the order of the text.
pub(crate) fn check(
    ast: Ast,
    signatures: &dyn Signatures,
    options: CheckOptions<'_>,
) -> (Checked, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let texts = Texts::load(ast, &options, &mut diagnostics);
    let signatures: &dyn Signatures = &Unhidden::new(signatures, options.stages, &texts.asts);
    let mut checked = Checked { units: Vec::new(), subs: Vec::new(), body_slots: 0, calls: Vec::new() };
    let mut first_sub = Vec::new();
    let mut parameter_counts = Vec::new();
    for (unit, ast) in texts.asts.iter().enumerate() {
        first_sub.push(checked.subs.len());
        let declarations = 0..ast.subs.len();
        checked.subs.extend(declarations.map(|declaration| CheckedSub { unit, declaration, slots: 0 }));
        parameter_counts.extend(ast.subs.iter().map(|sub| ast.is_whole.then_some(sub.parameters.len())));
    }
    let mut answers = Vec::new();
    for (unit, ast) in texts.asts.iter().enumerate() {
        let mut report =
            Report { source: &ast.source, is_own: unit == 0, is_whole: ast.is_whole, found: Vec::new() };
        let subs = texts.subs(unit, &first_sub, signatures, &mut report);
        let mut walk = Walk::new(signatures, &subs, &parameter_counts, options.stages, report);
        walk.slots = vec![0; ast.uses as usize];
        walk.targets = vec![Target::Unknown; ast.calls as usize];
        checked.unit(&mut walk, ast, unit);
        answers.push((walk.slots, walk.targets));
        diagnostics.append(&mut walk.report.found);
    }
    let with_answers = |(ast, (slots, targets))| Unit { ast, slots, targets };
    checked.units = texts.asts.into_iter().zip(answers).map(with_answers).collect();
    checked.calls.sort_by_key(|call| call.span.start);
    diagnostics.truncate(DIAGNOSTICS_MAX);
    (checked, diagnostics)
}

/// The functions as they are in this rule: without the short names that its subs (or those of what it imports) have
/// taken (`find` may be a sub of the rule's, `string.find` may not), and with the effect they have in its stage.
struct Unhidden<'a> {
    all: &'a dyn Signatures,
    stages: StageBits,
    /// In lower case.
    taken: BTreeSet<String>,
}

impl<'a> Unhidden<'a> {
    fn new(all: &'a dyn Signatures, stages: StageBits, asts: &[Ast]) -> Self {
        let names = asts.iter().flat_map(|ast| &ast.subs).map(|sub| &sub.name.text);
        let short = names.filter(|name| !name.contains('.')).map(|name| name.to_ascii_lowercase());
        Self { all, stages, taken: short.collect() }
    }
}

impl Signatures for Unhidden<'_> {
    fn find(&self, name: &str) -> Option<Signature> {
        let is_taken = !self.taken.is_empty() && self.taken.contains(&name.to_ascii_lowercase());
        let found = self.all.find(name).filter(|_| !is_taken)?;
        let is_idle = found.stages & self.stages != self.stages;
        let effect = if is_idle { Effect::Reads } else { found.effect.within(Stages(self.stages)) };
        Some(Signature { effect, ..found })
    }

    fn nearest(&self, name: &str) -> Option<&str> {
        self.all.nearest(name)
    }

    fn unsupported(&self, name: &str) -> Option<&str> {
        self.all.unsupported(name)
    }

    fn elsewhere(&self, name: &str) -> Option<&str> {
        self.all.elsewhere(name)
    }

    fn are_kindred(&self, stages: StageBits, stage: StageBits) -> bool {
        self.all.are_kindred(stages, stage)
    }

    fn stage_names(&self, stages: StageBits) -> String {
        self.all.stage_names(stages)
    }
}

/// The longest name, in bytes, for which a near one is looked for: comparing takes time by the square of it.
const NEAR_NAME_BYTES_MAX: usize = 64;

/// The name that was probably meant.
fn near<'n>(written: &str, candidates: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let is_short = |name: &str| name.len() <= NEAR_NAME_BYTES_MAX;
    if is_short(written) { nearest(written, candidates.filter(|name| is_short(name))) } else { None }
}

/// Collects what is wrong with one text.
struct Report<'a> {
    source: &'a Arc<Source>,
    /// Warnings about an imported rule are given where that rule is checked for itself.
    is_own: bool,
    /// False when something was left out of the tree: what it would have assigned or used is not known.
    is_whole: bool,
    found: Vec<Diagnostic>,
}

impl Report<'_> {
    fn push(&mut self, diagnostic: Diagnostic) {
        let is_wanted = diagnostic.severity == Severity::Error || self.is_own;
        if is_wanted && !self.is_full() {
            self.found.push(diagnostic);
        }
    }

    /// True when nothing more will be taken, so that nobody need work for it.
    fn is_full(&self) -> bool {
        self.found.len() >= DIAGNOSTICS_MAX
    }

    fn error(&mut self, id: &'static str, message: String, span: Span) {
        self.push(Diagnostic::error(DiagnosticId(id), message).at(self.source, span, ""));
    }
}

impl Checked {
    /// Walks the scopes of one text; of an imported one only its subs, as its body never runs.
    fn unit(&mut self, walk: &mut Walk<'_>, ast: &Ast, unit: usize) {
        let mut body = None;
        if unit == 0 {
            let (scope, facts) = walk.scope(&[], &ast.body);
            self.body_slots = scope.len();
            self.calls.extend(facts);
            if walk.report.is_whole {
                scope.lint(&mut walk.report, None);
            }
            body = Some(scope);
        }
        for at in 0..self.subs.len() {
            let Some(sub) = self.subs.get_mut(at).filter(|sub| sub.unit == unit) else { continue };
            let Some(declaration) = ast.subs.get(sub.declaration) else { continue };
            walk.inside = Some(at);
            let (scope, facts) = walk.scope(&declaration.parameters, &declaration.body);
            sub.slots = scope.len();
            if unit == 0 {
                self.calls.extend(facts);
            }
            if walk.report.is_whole {
                scope.lint(&mut walk.report, body.as_ref());
            }
        }
        if unit == 0 && walk.report.is_whole {
            self.unused_subs(walk, ast);
        }
        let start = |diagnostic: &Diagnostic| diagnostic.labels.first().map_or(0, |label| label.span.start);
        walk.report.found.sort_by_key(start);
    }
}

impl Checked {
    /// Doubts subs that nobody calls but themselves. A rule of subs alone is a library: others call them.
    fn unused_subs(&self, walk: &mut Walk<'_>, ast: &Ast) {
        let is_library =
            ast.body.iter().all(|statement| matches!(statement.kind, StatementKind::Empty)) && ast.is_whole;
        if is_library {
            return;
        }
        let own = self.subs.iter().enumerate().filter(|(_, sub)| sub.unit == 0);
        let named: Vec<_> =
            own.filter_map(|(at, sub)| Some((at, &ast.subs.get(sub.declaration)?.name))).collect();
        // Of two with one name only one can be called, which is said already.
        let called: BTreeSet<String> = named
            .iter()
            .filter(|(at, _)| walk.called.contains(at))
            .map(|(_, name)| name.text.to_ascii_lowercase())
            .collect();
        for (_, name) in named {
            if !called.contains(&name.text.to_ascii_lowercase()) && !name.text.starts_with('_') {
                let message = format!("the sub `{}` is never called", name.text);
                let warning = Diagnostic::warning(DiagnosticId("unused-sub"), message);
                walk.report.push(warning.at(walk.report.source, name.span, ""));
            }
        }
    }
}

impl Unit {
    /// The slot of a variable within its scope (the rule's body, or one sub).
    pub(crate) fn slot(&self, id: UseId) -> u16 {
        self.slots.get(id.0 as usize).copied().unwrap_or(0)
    }

    /// What a call calls.
    pub(crate) fn target(&self, id: CallId) -> Target {
        self.targets.get(id.0 as usize).copied().unwrap_or(Target::Unknown)
    }
}
