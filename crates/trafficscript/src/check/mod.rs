//! Gives names their meaning: which function a call calls, in which slot a variable lives; and says what cannot be
//! right before the rule ever runs.
//!
//! It knows functions only as [`Signature`]s and stages only as bits.

use crate::ast::{Ast, CallId, UseId};
use source::{Source, Span};
use std::sync::Arc;

/// Stages of a transaction as bits; which bit means what is the host's business.
pub type StageBits = u8;

/// What the check must know of a built-in function.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// The function's place in the table of builtins; handed on to the lowering as it is.
    pub index: usize,
    /// The published spelling.
    pub name: &'static str,
    /// Fewest arguments.
    pub min_args: usize,
    /// Most arguments; `None` where any number will do.
    pub max_args: Option<usize>,
    /// What each argument should be; arguments beyond the end are not looked at.
    pub kinds: &'static [ArgumentKind],
    /// In which stages the function means something.
    pub stages: StageBits,
}

/// What an argument should be, as far as a literal can be wrong about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
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
pub trait Signatures {
    /// The function of that name.
    fn find(&self, name: &str) -> Option<Signature>;

    /// The name that was probably meant, where one is near enough.
    fn nearest(&self, name: &str) -> Option<&str>;

    /// Why a function that is known from elsewhere does not exist here; `None` if nobody knows the name.
    fn unsupported(&self, name: &str) -> Option<&str>;
}

/// Rules that can be imported, by name.
pub trait Libraries {
    /// The text of a rule; `None` if there is no such rule.
    fn rule(&self, name: &str) -> Option<Arc<Source>>;
}

/// What a rule is checked against, besides the functions.
#[derive(Clone, Copy)]
pub struct CheckOptions<'a> {
    /// The stages the rule is to run in; a function must mean something in each of them.
    pub stages: StageBits,
    /// Where `import` looks.
    pub libraries: &'a dyn Libraries,
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
    pub constant: Option<Vec<u8>>,
    /// Published spellings of the builtins whose results flow into the argument, also through variables; sorted,
    /// each once.
    pub origins: Vec<&'static str>,
}

impl Checked {
    /// Calls of built-in functions in the rule's own text, in the order of the text.
    pub(crate) fn calls(&self) -> &[CallFact] {
        &self.calls
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
