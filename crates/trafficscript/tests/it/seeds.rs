//! The two rules of the founding article, word for word.

use crate::kit::{Notes, program, run_on};
use trafficscript::{RunLimits, Step};

#[expect(clippy::print_stdout, reason = "what is skipped is said aloud")]
fn seed(name: &str) -> Option<String> {
    let path = format!("{}/../../../shared/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).ok();
    if text.is_none() {
        println!("skipped: no ../shared/seeds/{name} beside the workspace");
    }
    text
}

fn abusive(referer: &str, cookie: &str, backlog: i64) -> Option<Vec<String>> {
    let mut host = Notes { referer: referer.into(), cookie: cookie.into(), backlog, ..Notes::default() };
    let step = run_on(&mut host, &seed("abusive-referer.rts")?, &RunLimits::default());
    assert!(matches!(step, Step::Finished), "{step:?}");
    assert_eq!(host.warnings, [""; 0]);
    Some(host.done)
}

#[test]
fn an_unknown_referer_waits_in_the_standard_class_under_its_host_name() {
    let Some(done) = abusive("http://www.example.org/page.html?a=b", "", 0) else { return };
    assert_eq!(done, ["rate StandardReferer,www.example.org"]);
}

#[test]
fn a_partner_waits_in_the_busy_class() {
    let Some(done) = abusive("http://mypartner.com/x", "", 0) else { return };
    assert_eq!(done, ["rate BusyReferer,mypartner.com"]);
}

#[test]
fn visitors_without_a_referer_and_from_the_white_list_pass() {
    let Some(done) = abusive("", "", 9) else { return };
    assert!(done.is_empty());
    assert_eq!(abusive("http://localhost/x", "", 9), Some(Vec::new()));
}

#[test]
fn too_long_a_queue_earns_a_cookie_and_the_cookie_a_bandwidth_class() {
    let Some(done) = abusive("https://a.example/", "", 3) else { return };
    assert_eq!(
        done,
        ["rate StandardReferer,a.example", "cookie AbusiveReferer,a.example", "bandwidth AbusiveReferer"]
    );
    let done = abusive("https://a.example/", "1", 0);
    assert_eq!(done.unwrap(), ["bandwidth AbusiveReferer", "rate StandardReferer,a.example"]);
}

#[test]
fn a_referer_that_does_not_match_is_its_own_context() {
    let Some(done) = abusive("https://a.example", "", 0) else { return };
    assert_eq!(done, ["rate StandardReferer,https://a.example"]);
}

#[test]
fn the_slashdot_rule_marks_those_who_come_from_there() {
    let Some(text) = seed("slashdot.rts") else { return };
    let mut host = Notes { referer: "http://slashdot.org/".into(), cookie: "0".into(), ..Notes::default() };
    run_on(&mut host, &text, &RunLimits::default());
    assert_eq!(host.done, ["header Set-Cookie,slashdot=1", "bandwidth slashdot", "bandwidth slashdot"]);
}

#[test]
fn the_pattern_of_the_seed_is_compiled_with_the_rule() {
    let Some(text) = seed("abusive-referer.rts") else { return };
    assert!(program(&text).listing().contains("prepared"));
}
