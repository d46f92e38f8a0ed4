//! Any bytes as a rule, with all functions, lints and an import of itself: no panic, no long search; a rule is refused
//! exactly where there is an error.
#![no_main]

use engine::builtins::builtins;
use engine::catalog::{MemoryFiles, RuleStage, check_rule};
use libfuzzer_sys::fuzz_target;
use source::{Severity, Source, render_human};
use std::sync::Arc;
use tidegate_fuzz::{rule, timed};

fuzz_target!(|input: &[u8]| {
    timed(input, || {
        // A first byte of 0 stands for a rule that is made, not read.
        let text = match input {
            [0, choices @ ..] => rule::text(choices).into_bytes(),
            text => text.to_vec(),
        };
        let files = MemoryFiles::default()
            .with("rules/main.rts", text.clone())
            .with("rules/lib.rts", "sub f( $a ) { return $a; }");
        let source = Arc::new(Source::new("rules/main.rts", text));
        // One stage for each input: what a stage forbids is looked up in the same way.
        let stage = if input.len() % 2 == 0 { RuleStage::Request } else { RuleStage::Response };
        let checked = check_rule(&source, stage, None, &files, builtins());
        let has_error = checked.diagnostics.iter().any(|one| one.severity == Severity::Error);
        assert_eq!(checked.rule.is_none(), has_error, "{}", render_human(&checked.diagnostics, false));
        // Drawing takes longer than all the rest.
        if checked.diagnostics.len() <= 2 {
            let _ = render_human(&checked.diagnostics, false);
        }
    });
});
