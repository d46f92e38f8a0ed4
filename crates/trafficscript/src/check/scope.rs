//! The variables of one scope (the rule's body, or one sub): their slots, who reads and writes them, and what flows
//! into them.

use super::{Report, near};
use crate::ast::Variable;
use source::{Diagnostic, DiagnosticId, Span};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// How many variables one scope may have.
pub(crate) const VARIABLES_MAX: usize = 1_000;

/// How many functions, and how many variables, are remembered as origins of one value; further ones are dropped.
const ORIGINS_MAX: usize = 16;

/// How many variables in a row an origin is followed through, at least.
const ROUNDS_MAX: usize = 32;

/// Where a value may come from: builtins, and variables of the scope.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    functions: BTreeSet<&'static str>,
    variables: BTreeSet<u16>,
}

impl Flow {
    pub(super) fn from_function(name: &'static str) -> Self {
        Self { functions: BTreeSet::from([name]), variables: BTreeSet::new() }
    }

    pub(super) fn from_variable(slot: u16) -> Self {
        Self { functions: BTreeSet::new(), variables: BTreeSet::from([slot]) }
    }

    #[must_use]
    pub(super) fn with(mut self, other: &Self) -> Self {
        self.add(other);
        self
    }

    pub(super) fn add(&mut self, other: &Self) {
        for name in &other.functions {
            if self.functions.len() < ORIGINS_MAX {
                self.functions.insert(name);
            }
        }
        for slot in &other.variables {
            if self.variables.len() < ORIGINS_MAX {
                self.variables.insert(*slot);
            }
        }
    }
}

/// How a use of a variable changes it.
#[derive(Clone, Debug)]
pub(super) enum Write {
    /// `=` with a literal; its value as text, and whether it is a string.
    Literal { value: Arc<[u8]>, is_text: bool },
    /// Something that is a string, whatever it is.
    Text,
    /// Anything else.
    Computed,
}

/// What is known of one variable.
#[derive(Debug)]
struct Facts {
    name: Arc<str>,
    first_read: Option<Span>,
    writes: u32,
    first_write: Option<Span>,
    constant: Option<Arc<[u8]>>,
    /// A parameter or the variable of a `foreach`: given from outside, and free to be left unused.
    is_given: bool,
    /// Nothing but strings is ever written.
    is_text: bool,
    flow: Flow,
}

/// The variables of one scope.
#[derive(Default)]
pub(super) struct Scope {
    slots: HashMap<Arc<str>, u16>,
    variables: Vec<Facts>,
    /// What flows into `$1` to `$9`, taken together.
    captures: Flow,
    overflow: Option<Span>,
}

impl Scope {
    /// The slot of a variable; a new one if the name is new here.
    pub(super) fn slot(&mut self, variable: &Variable) -> u16 {
        if let Some(slot) = self.slots.get(&variable.name.text) {
            return *slot;
        }
        if self.variables.len() >= VARIABLES_MAX {
            self.overflow.get_or_insert(variable.name.span);
            return 0;
        }
        let slot = u16::try_from(self.variables.len()).unwrap_or(0);
        let name = Arc::clone(&variable.name.text);
        self.slots.insert(Arc::clone(&name), slot);
        self.variables.push(Facts {
            name,
            first_read: None,
            writes: 0,
            first_write: None,
            constant: None,
            is_given: false,
            is_text: true,
            flow: Flow::default(),
        });
        slot
    }

    /// The slot of a variable that was met before.
    pub(super) fn known_slot(&self, name: &str) -> Option<u16> {
        self.slots.get(name).copied()
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.slots.contains_key(name)
    }

    /// How many slots the scope needs.
    pub(super) fn len(&self) -> u16 {
        u16::try_from(self.variables.len()).unwrap_or(u16::MAX)
    }

    pub(super) fn read(&mut self, slot: u16, span: Span) {
        if let Some(facts) = self.variables.get_mut(usize::from(slot)) {
            facts.first_read.get_or_insert(span);
        }
    }

    pub(super) fn write(&mut self, slot: u16, span: Span, write: Write, flow: &Flow) {
        let Some(facts) = self.variables.get_mut(usize::from(slot)) else { return };
        facts.writes = facts.writes.saturating_add(1);
        facts.first_write.get_or_insert(span);
        facts.flow.add(flow);
        facts.is_text &= matches!(write, Write::Text | Write::Literal { is_text: true, .. });
        facts.constant = match write {
            Write::Literal { value, .. } if facts.writes == 1 && !facts.is_given => Some(value),
            _ => None,
        };
    }

    /// The variable has a value that no assignment in the scope gave it.
    pub(super) fn give(&mut self, slot: u16, span: Span, flow: &Flow) {
        if let Some(facts) = self.variables.get_mut(usize::from(slot)) {
            facts.is_given = true;
        }
        self.write(slot, span, Write::Computed, flow);
    }

    pub(super) fn write_captures(&mut self, flow: &Flow) {
        self.captures.add(flow);
    }

    pub(super) fn captures(&self) -> Flow {
        self.captures.clone()
    }

    /// The value of a variable that has one literal value throughout.
    pub(super) fn constant(&self, slot: u16) -> Option<Arc<[u8]>> {
        self.variables.get(usize::from(slot))?.constant.clone()
    }

    /// Whether the variable holds a string wherever it is read.
    pub(super) fn is_text(&self, slot: u16) -> bool {
        self.variables.get(usize::from(slot)).is_some_and(|facts| facts.is_text && facts.writes > 0)
    }

    /// Lets what flows into variables flow on through them, to a limited depth.
    pub(super) fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let mut is_settled = true;
            for at in 0..self.variables.len() {
                let mut flow = self.variables.get(at).map(|facts| facts.flow.clone()).unwrap_or_default();
                let known = flow.functions.len();
                for slot in flow.variables.clone() {
                    let from =
                        self.variables.get(usize::from(slot)).map(|facts| facts.flow.functions.clone());
                    flow.add(&Flow { functions: from.unwrap_or_default(), variables: BTreeSet::new() });
                }
                is_settled &= flow.functions.len() == known;
                if let Some(facts) = self.variables.get_mut(at) {
                    facts.flow = flow;
                }
            }
            if is_settled {
                return;
            }
        }
    }

    /// The functions behind a value; after [`Scope::settle`].
    pub(super) fn origins(&self, flow: &Flow) -> Vec<&'static str> {
        let mut all = flow.clone();
        for slot in &flow.variables {
            if let Some(facts) = self.variables.get(usize::from(*slot)) {
                all.add(&Flow { functions: facts.flow.functions.clone(), variables: BTreeSet::new() });
            }
        }
        all.functions.into_iter().collect()
    }

    /// Says which variables are read but never assigned, or assigned but never read. `outer` are the variables of
    /// the rule's body, if this scope is a sub's.
    pub(super) fn lint(&self, report: &mut Report<'_>, outer: Option<&Self>) {
        // A misspelt assignment leaves one variable unused and another unassigned: one mistake.
        let mut misspelt = BTreeSet::new();
        let assigned = || self.variables.iter().filter(|facts| facts.writes > 0).map(|facts| &*facts.name);
        for facts in &self.variables {
            if report.is_full() {
                return;
            }
            if let (Some(span), 0) = (facts.first_read, facts.writes) {
                let message = format!("`${}` is never assigned; it is always empty here", facts.name);
                let mut warning = Diagnostic::warning(DiagnosticId("unassigned-variable"), message);
                warning = warning.at(report.source, span, "");
                if let Some(name) = near(&facts.name, assigned()) {
                    warning = warning.help(format!("did you mean `${name}`?"));
                    misspelt.insert(name);
                } else if outer.is_some_and(|outer| outer.contains(&facts.name)) {
                    warning =
                        warning.help("a sub sees its own variables only; hand the value in as a parameter");
                }
                report.push(warning);
            }
        }
        for facts in &self.variables {
            if report.is_full() {
                return;
            }
            let may_be_unused =
                misspelt.contains(&*facts.name) || facts.is_given || facts.name.starts_with('_');
            if let (None, Some(span), false) = (facts.first_read, facts.first_write, may_be_unused) {
                let message = format!("`${}` is assigned but never used", facts.name);
                let warning = Diagnostic::warning(DiagnosticId("unused-variable"), message);
                report.push(warning.at(report.source, span, ""));
            }
        }
    }

    /// Says if there are too many variables.
    pub(super) fn check_limit(&self, report: &mut Report<'_>) {
        if let Some(span) = self.overflow {
            let message = format!("more than {VARIABLES_MAX} variables in one scope");
            let error = Diagnostic::error(DiagnosticId("too-many-variables"), message);
            report
                .push(error.at(report.source, span, "").help("keep them in a hash, or move work into subs"));
        }
    }
}
