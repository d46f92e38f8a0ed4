//! Any bytes as an `.htaccess`: no panic, no long search; each diagnostic points into the text, and what was read can be
//! made ready to judge requests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rewrite::{PlacedFile, Site, SiteOptions, parse};
use source::{Diagnostic, Severity, Source, render_human};
use std::sync::Arc;
use tidegate_fuzz::timed;

fn look_at(diagnostics: &[Diagnostic], length: usize) {
    for diagnostic in diagnostics {
        for label in &diagnostic.labels {
            let span = label.span;
            assert!(span.start <= span.end && span.end as usize <= length, "{diagnostic:?}");
        }
        assert!(!diagnostic.one_line().contains('\n'));
    }
    // Drawing takes longer than all the rest.
    if diagnostics.len() <= 2 {
        let _ = render_human(diagnostics, false);
    }
}

fuzz_target!(|input: &[u8]| {
    timed(input, || {
        let parsed = parse(&Arc::new(Source::new(".htaccess", input)));
        look_at(&parsed.diagnostics, input.len());
        let is_refused = parsed.diagnostics.iter().any(|one| one.severity == Severity::Error);
        let placed = PlacedFile { prefix: b"/".to_vec(), file: Arc::new(parsed.file) };
        if !is_refused {
            drop(Site::new(&[placed], SiteOptions::default()));
        }
    });
});
