//! Kinds of values, as far as they are known before the rule runs.

use super::walk::Walk;
use super::{ArgumentKind, Signature};
use crate::ast::{BinaryOperator, Expr, ExprKind, UnaryOperator};
use crate::builtin::Kind;
use source::{Diagnostic, DiagnosticId};
use std::sync::Arc;

/// What is known of an operand.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Side {
    Unknown,
    /// An integer, a double or a truth value.
    Number,
    /// Its value as text.
    NumberLiteral(Arc<[u8]>),
    Text,
    TextLiteral(Arc<[u8]>),
    Array,
    Hash,
    /// By slot; judged when the whole scope is known.
    Variable(u16),
}

impl Side {
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::TextLiteral(_))
    }

    fn of_kind(kind: Kind) -> Self {
        match kind {
            Kind::String => Self::Text,
            Kind::Integer | Kind::Double | Kind::Truth => Self::Number,
            Kind::Array => Self::Array,
            Kind::Hash => Self::Hash,
            Kind::Any | Kind::Pattern | Kind::Flags | Kind::Nothing => Self::Unknown,
        }
    }
}

/// A text that counts as 0 because it begins with no number.
pub(super) fn is_no_number(text: &[u8]) -> bool {
    let digits = text.trim_ascii_start();
    let digits = digits.strip_prefix(b"-").or(digits.strip_prefix(b"+")).unwrap_or(digits);
    let digits = digits.strip_prefix(b".").unwrap_or(digits);
    !digits.first().is_some_and(u8::is_ascii_digit)
}

impl Walk<'_> {
    /// What is known of an expression; names are looked up, nothing is reported or noted.
    pub(super) fn side(&self, expression: &Expr) -> Side {
        match &expression.kind {
            ExprKind::String(value) => Side::TextLiteral(Arc::clone(value)),
            ExprKind::Integer(_) | ExprKind::Double(_) | ExprKind::True | ExprKind::False => {
                super::walk::literal(expression).map_or(Side::Number, Side::NumberLiteral)
            }
            ExprKind::Unary { operator: UnaryOperator::Negate, operand } => match self.side(operand) {
                Side::NumberLiteral(value) => Side::NumberLiteral([b"-".as_slice(), &value].concat().into()),
                _ => Side::Number,
            },
            ExprKind::Binary { operator: BinaryOperator::Concat, .. } => Side::Text,
            ExprKind::Unary { .. } | ExprKind::Binary { .. } => Side::Number,
            ExprKind::Array(items) if items.is_empty() => Side::Unknown,
            ExprKind::Array(_) => Side::Array,
            ExprKind::Hash(_) => Side::Hash,
            ExprKind::Variable(variable) => {
                self.scope.known_slot(&variable.name.text).map_or(Side::Unknown, Side::Variable)
            }
            ExprKind::Call { function, .. } => {
                self.signatures.find(&function.name.text).map_or(Side::Unknown, |s| Side::of_kind(s.returns))
            }
            ExprKind::Assign { operator: None, value, .. } => match self.side(value) {
                Side::Variable(_) => Side::Unknown,
                known => known,
            },
            _ => Side::Unknown,
        }
    }

    /// Warns of arguments that cannot be what the function expects.
    pub(super) fn check_kinds(&mut self, signature: &Signature, arguments: &[Expr]) {
        let is_counted = arguments.len() >= signature.min_args
            && signature.max_args.is_none_or(|max| arguments.len() <= max);
        if !is_counted {
            return;
        }
        for (kind, argument) in signature.kinds.iter().zip(arguments) {
            if let Some((wanted, found)) = mismatch(*kind, &self.side(argument)) {
                let message = format!("`{}` expects {wanted} here, and this is {found}", signature.name);
                let warning = Diagnostic::warning(DiagnosticId("argument-kind"), message);
                self.report.push(warning.at(self.report.source, argument.span, ""));
            }
        }
    }

    /// `foreach` goes over arrays.
    pub(super) fn doubt_foreach(&mut self, array: &Expr) {
        let (found, help) = match self.side(array) {
            Side::Hash => ("a hash", "go over `hash.keys( … )`"),
            Side::Number | Side::NumberLiteral(_) => ("a number", "`for` counts"),
            Side::Text | Side::TextLiteral(_) => ("a text", "`string.split` makes an array of one"),
            _ => return,
        };
        let message = format!("`foreach` goes over an array, and this is {found}");
        let warning = Diagnostic::warning(DiagnosticId("argument-kind"), message);
        self.report.push(warning.at(self.report.source, array.span, "").help(help));
    }
}

/// What is expected and what stands there, if it cannot be right.
fn mismatch(kind: ArgumentKind, side: &Side) -> Option<(&'static str, &'static str)> {
    let found = match side {
        Side::Number | Side::NumberLiteral(_) => "a number",
        Side::Text | Side::TextLiteral(_) => "a text",
        Side::Array => "an array",
        Side::Hash => "a hash",
        Side::Unknown | Side::Variable(_) => return None,
    };
    let is_container = matches!(side, Side::Array | Side::Hash);
    let wanted = match kind {
        ArgumentKind::String if is_container => "a text",
        ArgumentKind::Number
            if is_container || matches!(side, Side::TextLiteral(text) if is_no_number(text)) =>
        {
            "a number"
        }
        ArgumentKind::Array if *side != Side::Array => "an array",
        ArgumentKind::Hash if *side != Side::Hash => "a hash",
        _ => return None,
    };
    Some((wanted, found))
}
