//! Any bytes as a rule, with the language's own functions only: no panic, no long search; each diagnostic points into
//! the text and can be drawn.
#![no_main]

use libfuzzer_sys::fuzz_target;
use source::{Source, render_human};
use std::sync::{Arc, LazyLock};
use tidegate_fuzz::timed;
use trafficscript::{Builtins, CompileOptions, Host, Stages, Warning, compile, fmt, mend};

struct Deaf;

impl Host for Deaf {
    fn warn(&mut self, _: Warning) {}

    fn random(&mut self, out: &mut [u8]) {
        out.fill(0);
    }
}

static BUILTINS: LazyLock<Builtins<Deaf>> = LazyLock::new(|| Builtins::new([]).unwrap());

fuzz_target!(|input: &[u8]| {
    timed(input, || {
        let text = Arc::new(Source::new("rule.rts", input));
        let compiled = compile(&text, &*BUILTINS, &CompileOptions::new(Stages::ALL));
        for diagnostic in &compiled.diagnostics {
            for label in &diagnostic.labels {
                let span = label.span;
                assert!(span.start <= span.end && span.end as usize <= input.len(), "{diagnostic:?}");
            }
            assert!(!diagnostic.one_line().contains('\n'));
        }
        // Drawing and mending take longer than all the rest: each input is drawn where it is short of mistakes, and
        // one in eight is mended.
        if compiled.diagnostics.len() <= 2 {
            let drawn = render_human(&compiled.diagnostics, false);
            assert_eq!(drawn.is_empty(), compiled.diagnostics.is_empty());
        }
        // Laid out it has the same words, and laid out again the same bytes.
        match fmt::format(&text) {
            Ok(laid) => {
                let again = fmt::format(&Arc::new(Source::new("rule.rts", laid.clone())));
                assert!(again.is_ok_and(|again| again == laid));
            }
            Err(error) => assert!(!matches!(error, fmt::FormatError::OtherWords)),
        }
        if input.len() % 8 == 0
            && let Some(mended) = mend::newlines(input)
        {
            // What is mended stays mended.
            assert!(mend::newlines(&mended).is_none());
        }
    });
});
