//! `demo` and `schema`.

use crate::kit::{Running, folder, json, tidegate};
use rustix::process::Signal;

#[test]
fn a_demo_that_is_interrupted_says_so_and_shows_what_it_has() {
    let here = folder(&[]);
    let demo = Running::start(here.path(), &["demo"]);
    demo.reads("without a guard   1 s");
    demo.tell(Signal::INT);
    demo.reads("visitors: pages begun");
    demo.reads("Ended before the story was through");
    demo.reads("Nothing can be compared yet");
    assert_eq!(demo.ends().code(), Some(130));
}

#[test]
fn a_short_demo_plays_both_acts_and_the_class_holds() {
    let here = folder(&[]);
    let output = tidegate(here.path(), &["demo", "--seconds", "16", "--format", "json"]);
    let report = json(&output);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(report["complete"], true);
    let number = |act: &str, key: &str| report[act][key].as_f64().unwrap();
    assert!(number("unguarded", "crowd_came_per_second") > 0.0, "{report:#}");
    assert!(number("unguarded", "marked_bytes_per_second") <= 0.0, "{report:#}");
    // In any second five at most were let go; so were they in all, and the first five at once.
    let seconds = 6.5 + 1.0;
    let let_in = number("guarded", "crowd_let_in_per_second") * 6.5;
    assert!(let_in <= 5.0 * seconds, "{report:#}");
    assert!(report["gain"].is_object() || report["gain"].is_null());
}

#[test]
fn the_schema_describes_the_tables_of_a_catalog() {
    let here = folder(&[]);
    let schema = json(&tidegate(here.path(), &["schema"]));
    for table in ["virtual_servers", "pools", "rate_classes", "bandwidth_classes"] {
        assert!(schema["properties"].get(table).is_some(), "{table}");
    }
}
