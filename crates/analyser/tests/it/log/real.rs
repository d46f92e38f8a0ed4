//! Real logs: what must come out, and totals as other programs count them.

use crate::fixtures::fixture;
use analyser::input::{Input, Options, Watch};
use analyser::log::{Summary, Tally, Usuals};
use analyser::{Confidence, Finding, Verdict};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::AtomicBool;

const NOW: i64 = 1_800_000_000;

pub(super) fn look(path: &Path, threads: usize, seed: u64) -> (Summary, Vec<Finding>) {
    let threads = NonZeroUsize::new(threads).unwrap();
    let input = Input::open(&[path.to_owned()], &Options { layout: None, threads }).unwrap();
    let watch = Watch { cancel: &AtomicBool::new(false), progress: &|_| {} };
    input.scan(|| Tally::new(seed), &watch).worker.finish_on(threads, &Usuals::default(), NOW)
}

#[test]
fn the_hot_linked_image_and_the_forged_referers_come_out_and_nobody_else_is_accused() {
    let Some(path) = fixture("access/elastic-apache-combined-10k.log") else { return };
    let (summary, findings) = look(&path, 2, 1);
    let found: Vec<(Verdict, &str, Confidence)> = findings
        .iter()
        .map(|finding| (finding.verdict, finding.subject.as_str(), finding.confidence))
        .collect();
    assert_eq!(
        found,
        [
            (Verdict::BotFarm, "/misc/sample.log", Confidence::High),
            (Verdict::HotLink, "s-chassis.co.nz", Confidence::High),
        ]
    );
    assert_eq!((findings[0].counted.requests, findings[0].counted.clients), (24, 19));
    assert_eq!((findings[1].counted.requests, findings[1].counted.clients), (51, 44));
    let own: Vec<&str> = summary.own_names.iter().map(|own| own.name.as_str()).collect();
    assert_eq!(own, ["www.semicomplete.com", "semicomplete.com"]);
}

#[test]
fn hours_of_1995_are_nothing_unusual() {
    let Some(path) = fixture("access/nasa-jul95-first4000.common.log") else { return };
    let (_, findings) = look(&path, 1, 1);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].verdict, Verdict::NothingUnusual);
}

#[test]
fn what_comes_out_hangs_on_neither_threads_nor_seeds() {
    let Some(path) = fixture("access/elastic-apache-combined-10k.log") else { return };
    let said = |threads, seed| serde_json::to_string(&look(&path, threads, seed)).unwrap();
    let one = said(1, 1);
    assert!(one == said(2, 2) && one == said(5, 77), "the same log gives the same words");
}
