//! Statements that can never run.

use super::{Report, Signatures};
use crate::ast::{ExprKind, Statement, StatementKind};
use crate::builtin::Effect;
use source::{Diagnostic, DiagnosticId};

/// Warns of the first statement behind one that always leaves, once for each list of statements. One that only leaves
/// again is let pass: people write `break;` behind an answer to make it plain.
pub(super) fn check(statements: &[Statement], signatures: &dyn Signatures, report: &mut Report<'_>) {
    let leaves = |statement: &Statement| leaves(statement, signatures);
    let Some(at) = statements.iter().position(leaves) else { return };
    let (Some(last), Some(behind)) = (statements.get(at), statements.get(at + 1..)) else { return };
    let behind: Vec<&Statement> =
        behind.iter().filter(|statement| !matches!(statement.kind, StatementKind::Empty)).collect();
    let Some(first) = behind.first() else { return };
    if behind.len() == 1 && leaves_at_once(first, signatures) {
        return;
    }
    let ends = matches!(last.kind, StatementKind::Expr(_));
    let label = if ends { "the rule ends here" } else { "always leaves here" };
    let warning = Diagnostic::warning(DiagnosticId("unreachable-code"), "this never runs");
    report.push(warning.at(report.source, first.span, "").at(report.source, last.span, label));
}

/// Whether what stands behind the statement cannot be reached.
fn leaves(statement: &Statement, signatures: &dyn Signatures) -> bool {
    let any_leaves =
        |statements: &[Statement]| statements.iter().any(|statement| leaves(statement, signatures));
    match &statement.kind {
        StatementKind::Block(body) => any_leaves(body),
        StatementKind::If { arms, otherwise: Some(otherwise) } => {
            any_leaves(otherwise) && arms.iter().all(|arm| any_leaves(&arm.body))
        }
        _ => leaves_at_once(statement, signatures),
    }
}

fn leaves_at_once(statement: &Statement, signatures: &dyn Signatures) -> bool {
    match &statement.kind {
        StatementKind::Break | StatementKind::Continue | StatementKind::Return(_) => true,
        StatementKind::Expr(expression) => match &expression.kind {
            ExprKind::Call { function, .. } => {
                signatures.find(&function.name.text).is_some_and(|found| found.effect == Effect::Ends)
            }
            _ => false,
        },
        _ => false,
    }
}
