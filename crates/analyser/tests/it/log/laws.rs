//! Laws of counting, and searches for a counter-example.

use super::story::{NOW, START, Story, tally};
use analyser::log::{Tally, Usuals};
use proptest::prelude::*;
use std::fmt::Write as _;

fn said(tally: &mut Tally) -> String {
    serde_json::to_string(&tally.finish(&Usuals::default(), NOW)).unwrap()
}

#[test]
fn the_parts_of_a_log_make_the_whole_in_any_order() {
    let mut story = Story::new(40);
    story.blog(30);
    let lines: Vec<&str> = story.text.lines().collect();
    let whole = said(&mut tally(&story.text, "combined", 1));
    let mut merged = Tally::new(9);
    for (number, part) in lines.chunks(lines.len() / 7).rev().enumerate() {
        merged.merge(tally(&part.join("\n"), "combined", number as u64));
    }
    assert!(said(&mut merged) == whole);
}

#[test]
fn twenty_times_the_usual_month_is_said_with_both_numbers() {
    let month = |days: std::ops::Range<i64>, bytes: u64| {
        let mut text = String::new();
        for day in days {
            let at = jiff::Timestamp::from_second(START + day * 86_400)
                .unwrap()
                .strftime("%d/%b/%Y:%H:%M:%S +0000");
            writeln!(text, "10.0.0.1 - - [{at}] \"GET / HTTP/1.1\" 200 {bytes} \"-\" \"x\"").unwrap();
        }
        tally(&text, "combined", 1)
    };
    let mut usuals = Usuals::default();
    // from 2 March 2026: March, April and May as usual, then twenty times as much
    let (before, mut june) = (month(0..91, 1_000_000), month(91..119, 20_000_000));
    usuals.learn(&before, NOW);
    usuals.learn(&before, NOW);
    let kept: Usuals = serde_json::from_str(&serde_json::to_string(&usuals).unwrap()).unwrap();
    assert_eq!(kept, usuals);
    let (summary, findings) = june.finish(&kept, NOW);
    let said = findings[0]
        .evidence
        .iter()
        .any(|evidence| evidence.text.contains("18.7 times its usual month of 30.0 MB"));
    assert!(said, "{findings:?}");
    let month = summary.domains[0].month.as_ref().unwrap();
    assert_eq!((month.month.as_str(), month.days, month.months), ("2026-06", 28, 3));
    assert_eq!(month.usual_bytes, 30_000_000, "the log was learnt twice and counts once");
    assert!((month.times_usual - 560.0 / 30.0).abs() < 1e-9, "{}", month.times_usual);
}

#[test]
fn a_wild_date_makes_no_series_of_a_century() {
    let line =
        |year| format!("10.0.0.1 - - [02/Mar/{year}:00:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"\n");
    let text = [1971, 2026, 2026, 2090].map(line).concat();
    let (summary, _) = tally(&text, "combined", 1).finish(&Usuals::default(), START + 86_400);
    assert_eq!(summary.total.requests, 4);
    assert!(summary.series.points.len() <= analyser::log::POINTS_MAX);
    assert_eq!(summary.series.points.iter().map(|point| point.requests).sum::<u64>(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_stands_in_the_fields_is_counted_once(
        lines in proptest::collection::vec(("[ -~]{0,30}", "[ -~]{0,30}", any::<u32>(), 0_i64..5_000_000), 1..30)
    ) {
        let mut text = String::new();
        let mut bytes = 0;
        for (target, referer, size, at) in &lines {
            let at = jiff::Timestamp::from_second(START + at).unwrap().strftime("%d/%b/%Y:%H:%M:%S +0000");
            let clean = |field: &str| field.replace(['"', '\\'], "x");
            let (target, referer) = (clean(target), clean(referer));
            writeln!(text, "10.0.0.1 - - [{at}] \"GET /{target} HTTP/1.1\" 200 {size} \"{referer}\" \"a\"").unwrap();
            bytes += u64::from(*size);
        }
        let mut counted = tally(&text, "combined", 1);
        let (summary, findings) = counted.finish(&Usuals::default(), NOW);
        prop_assert_eq!(summary.total.requests, lines.len() as u64);
        prop_assert_eq!(summary.total.bytes, bytes);
        let of_paths: u64 = summary.paths.iter().map(|path| path.counted.requests).sum();
        prop_assert_eq!(of_paths, lines.len() as u64);
        prop_assert!(!findings.is_empty());
    }
}
