//! The walk through one scope: every variable gets its slot, every call its target, and on the way the facts about
//! both are noted.

use super::calls::Callee;
use super::doubts::Comparison;
use super::names::Subs;
use super::scope::{Flow, Scope, Write};
use super::{ArgumentFact, CallFact, Report, Signatures, StageBits, Target, flow};
use crate::ast::{
    BinaryOperator, Case, Expr, ExprKind, FunctionName, Place, PlaceRoot, Statement, StatementKind, Variable,
};
use source::Span;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Sets `$1` to `$9` as a side effect, the one function of the language whose results come that way too.
const SETS_CAPTURES: &str = "string.regexmatch";

pub(super) struct Walk<'a> {
    pub(super) signatures: &'a dyn Signatures,
    pub(super) subs: &'a Subs,
    /// By number of the sub; `None` where a mistake hides the parameters.
    pub(super) parameter_counts: &'a [Option<usize>],
    pub(super) stages: StageBits,
    pub(super) report: Report<'a>,
    pub(super) slots: Vec<u16>,
    pub(super) targets: Vec<Target>,
    pub(super) scope: Scope,
    /// The sub that is walked, by its number; none in the rule's body.
    pub(super) inside: Option<usize>,
    /// The subs that others call.
    pub(super) called: BTreeSet<usize>,
    pending: Vec<PendingCall>,
    pub(super) comparisons: Vec<Comparison>,
}

/// A call whose arguments can be judged once the whole scope is known.
struct PendingCall {
    function: &'static str,
    span: Span,
    arguments: Vec<(Span, Constant, Flow)>,
}

enum Constant {
    No,
    Literal(Arc<[u8]>),
    Variable(u16),
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        signatures: &'a dyn Signatures,
        subs: &'a Subs,
        parameter_counts: &'a [Option<usize>],
        stages: StageBits,
        report: Report<'a>,
    ) -> Self {
        Self {
            signatures,
            subs,
            parameter_counts,
            stages,
            report,
            slots: Vec::new(),
            targets: Vec::new(),
            scope: Scope::default(),
            inside: None,
            called: BTreeSet::new(),
            pending: Vec::new(),
            comparisons: Vec::new(),
        }
    }

    /// Walks a scope; hands back its variables and the calls in it.
    pub(super) fn scope(&mut self, parameters: &[Variable], body: &[Statement]) -> (Scope, Vec<CallFact>) {
        for parameter in parameters {
            if self.scope.contains(&parameter.name.text) {
                let message = format!("two parameters are called `${}`", parameter.name.text);
                self.report.error("duplicate-parameter", message, parameter.name.span);
            }
            let slot = self.slot(parameter);
            self.scope.give(slot, parameter.name.span, &Flow::default());
        }
        self.statements(body);
        let mut scope = std::mem::take(&mut self.scope);
        scope.check_limit(&mut self.report);
        scope.settle();
        self.judge_comparisons(&scope);
        let finish = |call: PendingCall| {
            let argument = |(span, constant, flow): (Span, Constant, Flow)| {
                let constant = match constant {
                    Constant::No => None,
                    Constant::Literal(value) => Some(value),
                    Constant::Variable(slot) => scope.constant(slot),
                };
                ArgumentFact { span, constant, origins: scope.origins(&flow) }
            };
            let arguments = call.arguments.into_iter().map(argument).collect();
            CallFact { function: call.function, span: call.span, arguments }
        };
        let facts = std::mem::take(&mut self.pending).into_iter().map(finish).collect();
        (scope, facts)
    }

    fn slot(&mut self, variable: &Variable) -> u16 {
        let slot = self.scope.slot(variable);
        if let Some(known) = self.slots.get_mut(variable.id.0 as usize) {
            *known = slot;
        }
        slot
    }

    fn statements(&mut self, statements: &[Statement]) {
        // What follows from a mistake that is told is no further mistake.
        if self.report.is_whole {
            flow::check(statements, self.signatures, &mut self.report);
        }
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Expr(expression) => {
                if self.report.is_whole {
                    self.doubt_statement(expression);
                }
                self.effect(Some(expression));
            }
            StatementKind::Block(body) => self.statements(body),
            StatementKind::If { arms, otherwise } => {
                for arm in arms {
                    self.condition(&arm.condition);
                    self.statements(&arm.body);
                }
                self.statements(otherwise.as_deref().unwrap_or_default());
            }
            StatementKind::While { condition, body } => {
                self.condition(condition);
                self.statements(body);
            }
            StatementKind::DoWhile { body, condition } => {
                self.statements(body);
                self.condition(condition);
            }
            StatementKind::For { start, condition, step, body } => {
                self.effect(start.as_ref());
                if let Some(condition) = condition {
                    self.condition(condition);
                }
                self.statements(body);
                self.effect(step.as_ref());
            }
            StatementKind::Foreach { variable, array, body } => {
                let flow = self.value(array);
                self.doubt_foreach(array);
                let slot = self.slot(variable);
                self.scope.give(slot, variable.name.span, &flow);
                self.statements(body);
            }
            StatementKind::Switch { subject, comparison, cases, default } => {
                self.switch(subject, comparison.as_ref(), cases);
                self.statements(default.as_deref().unwrap_or_default());
            }
            StatementKind::Return(value) => {
                if let Some(value) = value {
                    self.value(value);
                }
            }
            StatementKind::Break | StatementKind::Continue | StatementKind::Empty => {}
        }
    }

    fn switch(&mut self, subject: &Expr, comparison: Option<&FunctionName>, cases: &[Case]) {
        self.value(subject);
        if let Some(comparison) = comparison {
            self.resolve(comparison, 2, comparison.name.span);
        }
        self.doubt_cases(cases);
        for case in cases {
            for value in &case.values {
                self.value(value);
            }
            self.statements(&case.body);
        }
    }

    /// An expression of which only its truth counts.
    fn condition(&mut self, expression: &Expr) -> Flow {
        self.doubt_condition(expression);
        self.value(expression)
    }

    /// An expression whose value nobody takes.
    fn effect(&mut self, expression: Option<&Expr>) {
        let Some(expression) = expression else { return };
        match &expression.kind {
            ExprKind::Assign { operator, place, value } => {
                self.assign(place, *operator, value);
            }
            ExprKind::PreIncrement(place)
            | ExprKind::PreDecrement(place)
            | ExprKind::PostIncrement(place)
            | ExprKind::PostDecrement(place) => {
                self.write(place, Write::Computed, &Flow::default());
            }
            _ => {
                self.value(expression);
            }
        }
    }

    /// An expression whose value is used; says where that may come from.
    fn value(&mut self, expression: &Expr) -> Flow {
        match &expression.kind {
            ExprKind::Integer(_)
            | ExprKind::Double(_)
            | ExprKind::String(_)
            | ExprKind::True
            | ExprKind::False => Flow::default(),
            ExprKind::Variable(variable) => self.read(variable),
            ExprKind::Capture(_) => self.scope.captures(),
            ExprKind::Index { base, index } => {
                self.value(index);
                self.value(base)
            }
            ExprKind::Call { function, arguments } => self.call(expression.span, function, arguments),
            ExprKind::Unary { operand, .. } => self.value(operand),
            ExprKind::Binary { operator, left, right } => {
                self.note_comparison(expression.span, *operator, left, right);
                let left = self.value(left);
                left.with(&self.value(right))
            }
            ExprKind::And { left, right } | ExprKind::Or { left, right } => {
                let left = self.value(left);
                left.with(&self.value(right))
            }
            ExprKind::Ternary { condition, yes, no } => {
                self.condition(condition);
                let yes = self.value(yes);
                yes.with(&self.value(no))
            }
            ExprKind::Assign { operator, place, value } => {
                let flow = self.assign(place, *operator, value);
                self.read_back(place);
                flow
            }
            ExprKind::PreIncrement(place)
            | ExprKind::PreDecrement(place)
            | ExprKind::PostIncrement(place)
            | ExprKind::PostDecrement(place) => {
                self.write(place, Write::Computed, &Flow::default());
                self.read_back(place)
            }
            ExprKind::Array(items) => self.values(items.iter()),
            ExprKind::Hash(pairs) => {
                self.doubt_keys(pairs);
                self.values(pairs.iter().flat_map(|(key, value)| [key, value]))
            }
        }
    }

    fn values<'e>(&mut self, expressions: impl Iterator<Item = &'e Expr>) -> Flow {
        let mut all = Flow::default();
        for expression in expressions {
            all.add(&self.value(expression));
        }
        all
    }

    fn read(&mut self, variable: &Variable) -> Flow {
        let slot = self.slot(variable);
        self.scope.read(slot, variable.name.span);
        Flow::from_variable(slot)
    }

    fn assign(&mut self, place: &Place, operator: Option<BinaryOperator>, value: &Expr) -> Flow {
        let flow = self.value(value);
        let is_text = place.indexes.is_empty()
            && (operator == Some(BinaryOperator::Concat) || operator.is_none() && self.side(value).is_text());
        let write = match literal(value) {
            Some(literal) if operator.is_none() && place.indexes.is_empty() => {
                Write::Literal { value: literal, is_text }
            }
            _ if is_text => Write::Text,
            _ => Write::Computed,
        };
        self.write(place, write, &flow);
        flow
    }

    fn write(&mut self, place: &Place, write: Write, flow: &Flow) {
        for index in &place.indexes {
            self.value(index);
        }
        match &place.root {
            PlaceRoot::Variable(variable) => {
                let slot = self.slot(variable);
                self.scope.write(slot, variable.name.span, write, flow);
            }
            PlaceRoot::Capture(_) => self.scope.write_captures(flow),
        }
    }

    /// The value just written is used as well.
    fn read_back(&mut self, place: &Place) -> Flow {
        match &place.root {
            PlaceRoot::Variable(variable) => self.read(variable),
            PlaceRoot::Capture(_) => self.scope.captures(),
        }
    }

    fn call(&mut self, span: Span, function: &FunctionName, arguments: &[Expr]) -> Flow {
        let callee = self.resolve(function, arguments.len(), span);
        let Callee::Builtin(signature) = callee else { return self.values(arguments.iter()) };
        self.check_kinds(&signature, arguments);
        self.doubt_pattern(&signature, arguments);
        let mut result = Flow::from_function(signature.name);
        let mut facts = Vec::with_capacity(arguments.len());
        // Pushed before the arguments' own calls are, so that the order is that of the text.
        let place = self.pending.len();
        self.pending.push(PendingCall { function: signature.name, span, arguments: Vec::new() });
        for argument in arguments {
            let flow = self.value(argument);
            result.add(&flow);
            facts.push((argument.span, self.constant(argument), flow));
        }
        if let Some(pending) = self.pending.get_mut(place) {
            pending.arguments = facts;
        }
        if signature.name.eq_ignore_ascii_case(SETS_CAPTURES) {
            self.scope.write_captures(&result);
        }
        result
    }

    fn constant(&mut self, argument: &Expr) -> Constant {
        match &argument.kind {
            ExprKind::Variable(variable) => Constant::Variable(self.slot(variable)),
            _ => literal(argument).map_or(Constant::No, Constant::Literal),
        }
    }
}

/// A literal's value as text.
pub(super) fn literal(expression: &Expr) -> Option<Arc<[u8]>> {
    let text = match &expression.kind {
        ExprKind::String(value) => return Some(Arc::clone(value)),
        ExprKind::Integer(value) => value.to_string(),
        ExprKind::Double(value) => value.to_string(),
        ExprKind::True => "1".to_owned(),
        ExprKind::False => "0".to_owned(),
        _ => return None,
    };
    Some(text.into_bytes().into())
}
