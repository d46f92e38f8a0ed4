//! Calls: what is called, with how many arguments, in which stage.

use super::walk::Walk;
use super::{NEAR_NAME_BYTES_MAX, Signature, Target};
use crate::ast::FunctionName;
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
            (self.check_builtin(function, &signature, count, span), Callee::Builtin(signature))
        } else if let Some(sub) = self.subs.find(name) {
            let wanted = self.parameter_counts.get(sub).copied().flatten();
            if let Some(wanted) = wanted.filter(|wanted| *wanted != count) {
                self.wrong_count(name, (wanted, Some(wanted)), count, span);
            }
            if self.inside != Some(sub) {
                self.called.insert(sub);
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

    fn check_builtin(
        &mut self,
        function: &FunctionName,
        signature: &Signature,
        count: usize,
        span: Span,
    ) -> Target {
        let mut target = Target::Builtin(signature.index);
        if signature.stages & self.stages != self.stages {
            const ID: DiagnosticId = DiagnosticId("wrong-stage");
            let name = signature.name;
            let diagnostic = if self.signatures.are_kindred(signature.stages, self.stages) {
                target = Target::Idle(signature.returns);
                Diagnostic::warning(ID, format!("`{name}` does nothing in this kind of rule"))
            } else {
                Diagnostic::error(ID, format!("`{name}` means nothing in this kind of rule"))
            };
            let mut diagnostic = diagnostic.at(self.report.source, function.name.span, "");
            let stages = self.signatures.stage_names(signature.stages);
            if !stages.is_empty() {
                let elsewhere = self.signatures.elsewhere(signature.name);
                let elsewhere = elsewhere.map_or(String::new(), |other| format!("; elsewhere: {other}"));
                diagnostic = diagnostic.help(format!("it works in: {stages}{elsewhere}"));
            }
            self.report.push(diagnostic);
        }
        if count < signature.min_args || signature.max_args.is_some_and(|max| count > max) {
            self.wrong_count(signature.name, (signature.min_args, signature.max_args), count, span);
        }
        target
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
        if let Some(near) = is_short.then(|| self.subs.nearest(name)).flatten() {
            error = error.help(format!("did you mean `{near}`?"));
            // It was to be called: nothing need be said of that.
            self.called.extend(self.subs.find(near));
        } else if let Some(near) = is_short.then(|| self.signatures.nearest(name)).flatten() {
            error = error.help(format!("did you mean `{near}`?"));
        }
        self.report.push(error);
    }
}
