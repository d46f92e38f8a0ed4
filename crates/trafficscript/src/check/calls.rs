//! Calls: what is called, with how many arguments, in which stage.

use super::walk::Walk;
use super::{ArgumentKind, NEAR_NAME_BYTES_MAX, Signature, Target};
use crate::ast::{Expr, ExprKind, FunctionName};
use source::{Diagnostic, DiagnosticId, Span};

/// What a name turned out to be.
#[derive(Clone, Copy)]
pub(super) enum Callee {
    Builtin(Signature),
    Sub,
    Unknown,
}

impl Walk<'_> {
    /// Resolves a call with `count` arguments and reports what is wrong about it.
    pub(super) fn resolve(&mut self, function: &FunctionName, count: usize, span: Span) -> Callee {
        let name = &*function.name.text;
        let (target, callee) = if let Some(signature) = self.signatures.find(name) {
            self.check_builtin(function, &signature, count, span);
            (Target::Builtin(signature.index), Callee::Builtin(signature))
        } else if let Some(sub) = self.subs.find(name) {
            let wanted = self.parameter_counts.get(sub).copied().flatten();
            if let Some(wanted) = wanted.filter(|wanted| *wanted != count) {
                self.wrong_count(name, (wanted, Some(wanted)), count, span);
            }
            (Target::Sub(sub), Callee::Sub)
        } else {
            self.unknown(function);
            (Target::Unknown, Callee::Unknown)
        };
        if let Some(slot) = self.targets.get_mut(function.id.0 as usize) {
            *slot = target;
        }
        callee
    }

    fn check_builtin(&mut self, function: &FunctionName, signature: &Signature, count: usize, span: Span) {
        if signature.stages & self.stages != self.stages {
            let message = format!("`{}` means nothing in this kind of rule", signature.name);
            let error = Diagnostic::error(DiagnosticId("wrong-stage"), message);
            let mut error = error.at(self.report.source, function.name.span, "");
            let stages = self.signatures.stage_names(signature.stages);
            if !stages.is_empty() {
                error = error.help(format!("it works in: {stages}"));
            }
            self.report.push(error);
        }
        if count < signature.min_args || signature.max_args.is_some_and(|max| count > max) {
            self.wrong_count(signature.name, (signature.min_args, signature.max_args), count, span);
        }
    }

    /// `wanted` is the fewest and the most arguments; no most where any number will do.
    fn wrong_count(&mut self, name: &str, wanted: (usize, Option<usize>), count: usize, span: Span) {
        let (min, max) = wanted;
        let plural = |number: usize| if number == 1 { "" } else { "s" };
        let wanted = match max {
            Some(0) => "no arguments".to_owned(),
            Some(max) if max == min => format!("{min} argument{}", plural(min)),
            Some(max) => format!("{min} to {max} arguments"),
            None => format!("at least {min} argument{}", plural(min)),
        };
        let given = if count == 0 { "none stand".to_owned() } else { format!("{count} stand") };
        let message = format!("`{name}` takes {wanted}, and {given} here").replace("1 stand ", "1 stands ");
        let error = Diagnostic::error(DiagnosticId("wrong-argument-count"), message);
        self.report.push(error.at(self.report.source, span, ""));
    }

    fn unknown(&mut self, function: &FunctionName) {
        let name = &*function.name.text;
        let at = function.name.span;
        if self.subs.is_behind_failed_import(name) {
            return;
        }
        if let Some(reason) = self.signatures.unsupported(name) {
            let message = format!("{name} is not supported by tidegate: {reason}");
            let error = Diagnostic::error(DiagnosticId("unsupported-function"), message);
            return self.report.push(error.at(self.report.source, at, ""));
        }
        let error =
            Diagnostic::error(DiagnosticId("unknown-function"), format!("there is no function `{name}`"));
        let mut error = error.at(self.report.source, at, "");
        let is_short = name.len() <= NEAR_NAME_BYTES_MAX && !self.report.is_full();
        if let Some(near) =
            is_short.then(|| self.subs.nearest(name).or_else(|| self.signatures.nearest(name))).flatten()
        {
            error = error.help(format!("did you mean `{near}`?"));
        }
        self.report.push(error);
    }

    /// Warns of literals that cannot be what the function expects.
    pub(super) fn check_kinds(&mut self, signature: &Signature, arguments: &[Expr]) {
        for (kind, argument) in signature.kinds.iter().zip(arguments) {
            if let Some((wanted, found)) = mismatch(*kind, &argument.kind) {
                let message = format!("`{}` expects {wanted} here, and this is {found}", signature.name);
                let warning = Diagnostic::warning(DiagnosticId("argument-kind"), message);
                self.report.push(warning.at(self.report.source, argument.span, ""));
            }
        }
    }
}

/// What is expected and what stands there, if a literal cannot be right.
fn mismatch(kind: ArgumentKind, argument: &ExprKind) -> Option<(&'static str, &'static str)> {
    let found = match argument {
        ExprKind::Integer(_) | ExprKind::Double(_) => "a number",
        ExprKind::String(_) => "a text",
        ExprKind::True | ExprKind::False => "a truth value",
        ExprKind::Array(_) => "an array",
        ExprKind::Hash(_) => "a hash",
        _ => return None,
    };
    let is_empty_array = matches!(argument, ExprKind::Array(items) if items.is_empty());
    let wanted = match kind {
        ArgumentKind::String if matches!(found, "an array" | "a hash") => "a text",
        ArgumentKind::Number if matches!(found, "an array" | "a hash") || is_no_number(argument) => {
            "a number"
        }
        ArgumentKind::Array if found != "an array" => "an array",
        ArgumentKind::Hash if found != "a hash" && !is_empty_array => "a hash",
        _ => return None,
    };
    Some((wanted, found))
}

/// A text that would count as 0 because it begins with no number.
fn is_no_number(argument: &ExprKind) -> bool {
    let ExprKind::String(bytes) = argument else { return false };
    let digits = bytes.trim_ascii_start();
    let digits = digits.strip_prefix(b"-").or(digits.strip_prefix(b"+")).unwrap_or(digits);
    let digits = digits.strip_prefix(b".").unwrap_or(digits);
    !digits.first().is_some_and(u8::is_ascii_digit)
}
