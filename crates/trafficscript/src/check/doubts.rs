//! Expressions that can be run and probably do not do what was meant: comparisons whose outcome is known, assignments
//! where a comparison was meant, values that nobody takes.

use super::kinds::{Side, is_no_number};
use super::scope::Scope;
use super::walk::{Walk, literal};
use crate::ast::{BinaryOperator, Case, Expr, ExprKind};
use crate::builtin::Effect;
use crate::operator;
use crate::value::Value;
use source::{Diagnostic, DiagnosticId, Span};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A comparison that is judged once the whole scope is known.
pub(super) struct Comparison {
    operator: BinaryOperator,
    span: Span,
    sides: [(Side, Span); 2],
}

impl Walk<'_> {
    /// Warns of an assignment of a constant where its truth is asked for: a comparison was meant. `if( $c = f() )` is
    /// the language's own way and stays quiet.
    pub(super) fn doubt_condition(&mut self, expression: &Expr) {
        match &expression.kind {
            ExprKind::Assign { operator: None, value, .. } if is_constant(value) => {
                self.assigned_in_condition(expression.span, value);
            }
            ExprKind::And { left, right } | ExprKind::Or { left, right } => {
                self.doubt_condition(left);
                self.doubt_condition(right);
            }
            ExprKind::Unary { operand, .. } => self.doubt_condition(operand),
            _ => {}
        }
    }

    fn assigned_in_condition(&mut self, span: Span, value: &Expr) {
        let outcome = match literal_value(value) {
            Some(value) if value.truth() => "true",
            Some(_) => "false",
            None => "the same",
        };
        let message = format!("`=` assigns; the condition is always {outcome}");
        let warning = Diagnostic::warning(DiagnosticId("assignment-as-condition"), message);
        self.report.push(warning.at(self.report.source, span, "").help("to compare, write `==`"));
    }

    /// Warns of a statement that only gives a value.
    pub(super) fn doubt_statement(&mut self, expression: &Expr) {
        let what = match &expression.kind {
            ExprKind::Binary { operator, .. } if is_comparison(*operator) => {
                let help = if *operator == BinaryOperator::Equal {
                    "to assign, write `=`"
                } else {
                    "write `if( … )` around what depends on it"
                };
                return self.unused_value(
                    "nobody asks for the outcome of this comparison",
                    help,
                    expression.span,
                );
            }
            ExprKind::Call { function, arguments } => {
                let Some(signature) = self.signatures.find(&function.name.text) else { return };
                let is_counted = arguments.len() >= signature.min_args
                    && signature.max_args.is_none_or(|max| arguments.len() <= max);
                if signature.effect != Effect::Pure || !is_counted || arguments.iter().any(changes) {
                    return;
                }
                format!("`{}` changes nothing, and nobody takes its value", signature.name)
            }
            ExprKind::Integer(_)
            | ExprKind::Double(_)
            | ExprKind::String(_)
            | ExprKind::True
            | ExprKind::False
            | ExprKind::Variable(_)
            | ExprKind::Capture(_) => "nobody takes this value".to_owned(),
            ExprKind::Binary { left, right, .. } if !changes(left) && !changes(right) => {
                "nobody takes this value".to_owned()
            }
            _ => return,
        };
        self.unused_value(&what, "assign it to a variable, or leave it out", expression.span);
    }

    fn unused_value(&mut self, message: &str, help: &str, span: Span) {
        let warning = Diagnostic::warning(DiagnosticId("unused-value"), message);
        self.report.push(warning.at(self.report.source, span, "").help(help));
    }

    /// Warns of the second of two equal cases: the first one that matches wins.
    pub(super) fn doubt_cases(&mut self, cases: &[Case]) {
        let values = cases.iter().flat_map(|case| &case.values);
        self.doubt_repeated(
            values,
            DiagnosticId("duplicate-case"),
            "this case never runs: its value stands above",
        );
    }

    /// Warns of the first of two equal keys: the last one wins.
    pub(super) fn doubt_keys(&mut self, pairs: &[(Expr, Expr)]) {
        let keys = pairs.iter().map(|(key, _)| key);
        self.doubt_repeated(
            keys,
            DiagnosticId("duplicate-key"),
            "this key stands above; its last value counts",
        );
    }

    fn doubt_repeated<'e>(&mut self, all: impl Iterator<Item = &'e Expr>, id: DiagnosticId, message: &str) {
        let mut seen: BTreeMap<(bool, Arc<[u8]>), Span> = BTreeMap::new();
        for value in all {
            let Some(text) = literal(value) else { continue };
            let key = (matches!(value.kind, ExprKind::String(_)), text);
            if let Some(first) = seen.get(&key) {
                let warning = Diagnostic::warning(id, message);
                let warning = warning.at(self.report.source, value.span, "").at(
                    self.report.source,
                    *first,
                    "first here",
                );
                self.report.push(warning);
            } else {
                seen.insert(key, value.span);
            }
        }
    }

    pub(super) fn note_comparison(
        &mut self,
        span: Span,
        operator: BinaryOperator,
        left: &Expr,
        right: &Expr,
    ) {
        if !is_comparison(operator) {
            return;
        }
        if is_same(left, right) {
            let outcome = matches!(
                operator,
                BinaryOperator::Equal | BinaryOperator::LessOrEqual | BinaryOperator::GreaterOrEqual
            );
            return self.constant_comparison(span, outcome, "both sides are the same");
        }
        let sides = [(self.side(left), left.span), (self.side(right), right.span)];
        if sides.iter().all(|(side, _)| *side != Side::Unknown) {
            self.comparisons.push(Comparison { operator, span, sides });
        }
    }

    fn constant_comparison(&mut self, span: Span, outcome: bool, why: &str) {
        let message = format!("this comparison is always {outcome}");
        let warning = Diagnostic::warning(DiagnosticId("constant-comparison"), message);
        self.report.push(warning.at(self.report.source, span, why));
    }

    /// Says of the comparisons of a scope what is odd about them.
    pub(super) fn judge_comparisons(&mut self, scope: &Scope) {
        for comparison in std::mem::take(&mut self.comparisons) {
            let sides = comparison.sides.map(|(side, span)| match side {
                Side::Variable(slot) if scope.is_text(slot) => (Side::Text, span),
                Side::Variable(_) => (Side::Unknown, span),
                known => (known, span),
            });
            self.judge(comparison.operator, comparison.span, &sides);
        }
    }

    fn judge(&mut self, operator: BinaryOperator, span: Span, sides: &[(Side, Span); 2]) {
        let [(left, _), (right, _)] = sides;
        if let (Some(left), Some(right)) = (left.value(), right.value()) {
            let is_text = left_is_text(sides);
            let why = if is_text { "two texts are compared byte by byte" } else { "both sides are known" };
            let outcome = operator::binary(operator, &left, &right).0.truth();
            return self.constant_comparison(span, outcome, why);
        }
        for (one, other) in [(&sides[0], &sides[1]), (&sides[1], &sides[0])] {
            match (&one.0, &other.0) {
                (Side::TextLiteral(text), Side::Number) if is_no_number(text) => {
                    return self
                        .text_as_number(one.1, "this text is compared with a number, and counts as 0");
                }
                (Side::NumberLiteral(number), Side::Text)
                    if is_zero(number)
                        && matches!(operator, BinaryOperator::Equal | BinaryOperator::NotEqual) =>
                {
                    let message = "every text that begins with no number equals 0, the empty one too";
                    return self.text_as_number(span, message);
                }
                (Side::TextLiteral(text), Side::Text) if is_order(operator) && !is_no_number(text) => {
                    let message = "two texts are compared byte by byte: \"9\" is greater than \"10\"";
                    let warning = Diagnostic::warning(DiagnosticId("text-comparison"), message);
                    let help = "write the number without quotes to compare numbers";
                    return self.report.push(warning.at(self.report.source, one.1, "").help(help));
                }
                _ => {}
            }
        }
    }

    fn text_as_number(&mut self, span: Span, message: &str) {
        let warning = Diagnostic::warning(DiagnosticId("text-as-number"), message);
        let help = "compare with a text to compare texts, or make a number of both with `lang.toInt`";
        self.report.push(warning.at(self.report.source, span, "").help(help));
    }
}

impl Side {
    /// The value of a literal.
    fn value(&self) -> Option<Value> {
        match self {
            Self::TextLiteral(text) => Some(Value::from(&text[..])),
            Self::NumberLiteral(text) => Some(Value::from(&text[..]).to_number().into()),
            _ => None,
        }
    }
}

fn left_is_text(sides: &[(Side, Span); 2]) -> bool {
    sides.iter().all(|(side, _)| side.is_text())
}

fn is_zero(number: &[u8]) -> bool {
    Value::from(number).to_double() == 0.0
}

fn is_comparison(operator: BinaryOperator) -> bool {
    is_order(operator) || matches!(operator, BinaryOperator::Equal | BinaryOperator::NotEqual)
}

fn is_order(operator: BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Less
            | BinaryOperator::LessOrEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterOrEqual
    )
}

/// A literal, also inside brackets.
fn is_constant(expression: &Expr) -> bool {
    match &expression.kind {
        ExprKind::Array(items) => items.iter().all(is_constant),
        ExprKind::Unary { operand, .. } => is_constant(operand),
        _ => literal(expression).is_some(),
    }
}

fn literal_value(expression: &Expr) -> Option<Value> {
    let text = literal(expression)?;
    let is_text = matches!(expression.kind, ExprKind::String(_));
    let value = Value::from(&text[..]);
    Some(if is_text { value } else { value.to_number().into() })
}

/// The same variable, or the same element of it: reading it twice gives the same.
fn is_same(left: &Expr, right: &Expr) -> bool {
    match (&left.kind, &right.kind) {
        (ExprKind::Variable(left), ExprKind::Variable(right)) => left.name.text == right.name.text,
        (ExprKind::Capture(left), ExprKind::Capture(right)) => left == right,
        (
            ExprKind::Index { base: left, index: left_index },
            ExprKind::Index { base: right, index: right_index },
        ) => {
            is_same(left, right)
                && (is_same(left_index, right_index) || is_same_literal(left_index, right_index))
        }
        _ => false,
    }
}

fn is_same_literal(left: &Expr, right: &Expr) -> bool {
    literal(left).is_some_and(|text| literal(right).as_ref() == Some(&text))
}

/// Whether evaluating the expression may do something: it holds a call or an assignment.
fn changes(expression: &Expr) -> bool {
    match &expression.kind {
        ExprKind::Integer(_)
        | ExprKind::Double(_)
        | ExprKind::String(_)
        | ExprKind::True
        | ExprKind::False
        | ExprKind::Variable(_)
        | ExprKind::Capture(_) => false,
        ExprKind::Unary { operand, .. } => changes(operand),
        ExprKind::Index { base: left, index: right }
        | ExprKind::Binary { left, right, .. }
        | ExprKind::And { left, right }
        | ExprKind::Or { left, right } => changes(left) || changes(right),
        ExprKind::Array(items) => items.iter().any(changes),
        _ => true,
    }
}
