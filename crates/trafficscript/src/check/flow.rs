//! Statements that can never run.

use super::Report;
use crate::ast::{Statement, StatementKind};
use source::{Diagnostic, DiagnosticId, Span};

/// Warns of the first statement behind one that always leaves, once for each list of statements.
pub(super) fn check(statements: &[Statement], report: &mut Report<'_>) {
    let mut left_at: Option<Span> = None;
    for statement in statements {
        if let Some(leaves) = left_at
            && !matches!(statement.kind, StatementKind::Empty)
        {
            let warning = Diagnostic::warning(DiagnosticId("unreachable-code"), "this never runs");
            let warning =
                warning.at(report.source, statement.span, "").at(report.source, leaves, "always leaves here");
            report.push(warning);
            return;
        }
        if left_at.is_none() && leaves(statement) {
            left_at = Some(statement.span);
        }
    }
}

/// Whether what stands behind the statement cannot be reached.
fn leaves(statement: &Statement) -> bool {
    match &statement.kind {
        StatementKind::Break | StatementKind::Continue | StatementKind::Return(_) => true,
        StatementKind::Block(body) => any_leaves(body),
        StatementKind::If { arms, otherwise: Some(otherwise) } => {
            any_leaves(otherwise) && arms.iter().all(|arm| any_leaves(&arm.body))
        }
        _ => false,
    }
}

fn any_leaves(statements: &[Statement]) -> bool {
    statements.iter().any(leaves)
}
