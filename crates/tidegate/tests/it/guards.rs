//! A guard in the running process: it climbs, says so, and is told to leave a site alone.

use crate::control::stop_the_last;
use crate::kit::{Answer, PATIENCE, Proxy, catalog, folder, json, node, ok, text, tidegate};
use std::time::Instant;

const CONTROL: [&str; 2] = ["--control", "control.sock"];
const FIREFOX: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// A site with a guard that has a second to judge, and climbs as far as to a notice.
fn guarded() -> tempfile::TempDir {
    let origin = node(|_| ok("page"));
    let server = "guard = \"senders\"\ntrusted_proxies = \"127.0.0.1\"\n";
    let more = "[guards.senders]\nclimb_to = \"notice\"\nwindow = \"1s\"\ncrowd = 3\nclimb_after = 0\n\
                queue = \"Entries\"\nslow = \"Embedded\"\n[rate_classes.Entries]\nmax_rate_per_second = 100000\n\
                [bandwidth_classes.Embedded]\nmaximum = \"8 Mbit/s\"\n";
    folder(&[("tidegate.toml", &catalog(origin, server, more))])
}

/// Somebody new comes from the site that sends so many.
fn entry(proxy: &Proxy, number: u32) -> Answer {
    let [_, b, c, d] = number.to_be_bytes();
    let client = format!("X-Forwarded-For: 10.{b}.{c}.{d}");
    proxy.get("/story", &[&client, FIREFOX, "Referer: https://www.news.example/front"])
}

/// So many come that the site is told to send fewer.
#[expect(
    clippy::disallowed_methods,
    reason = "a guard judges real time, and a test gives up after its patience"
)]
fn crowd(proxy: &Proxy) -> Answer {
    let began = Instant::now();
    let mut number = 0;
    loop {
        number += 1;
        let answer = entry(proxy, number);
        if answer.status != 200 {
            return answer;
        }
        assert!(began.elapsed() < PATIENCE, "nothing happens");
    }
}

#[test]
fn a_crowd_climbs_the_ladder_and_a_hand_takes_it_down() {
    let here = guarded();
    let mut proxy = Proxy::start(here.path(), &CONTROL);
    let noticed = crowd(&proxy);
    assert_eq!(noticed.status, 503);
    assert_eq!(noticed.field("Retry-After"), Some("60"));
    assert!(noticed.text().contains("the page that sent you"), "{}", noticed.text());
    let own = proxy.get("/story", &[FIREFOX, "Referer: http://127.0.0.1/"]);
    assert_eq!(own.status, 200, "own visitors are served");

    let list = ["guard", "list", "--control", "control.sock"];
    let told = json(&tidegate(here.path(), &[&list[..], &["--format", "json"]].concat()));
    let site = &told["guards"][0]["sites"][0];
    assert_eq!((&site["site"], &site["step"]), (&"news.example".into(), &"notice".into()), "{told}");
    let people = text(&tidegate(here.path(), &list).stdout);
    assert!(people.contains("shadow -> queue") && people.contains("entries queue in `Entries`"), "{people}");

    let undo =
        |guard, site| tidegate(here.path(), &["guard", "undo", guard, site, "--control", "control.sock"]);
    let done = undo("senders", "news.example");
    assert!(text(&done.stdout).starts_with("news.example: was at notice; undone by hand"), "{done:?}");
    assert_eq!(entry(&proxy, 0).status, 200);
    assert_eq!(undo("sender", "news.example").status.code(), Some(2));
    assert_eq!(undo("senders", "nobody.example").status.code(), Some(1));
    let log = proxy.running.hears("undone by hand");
    assert!(log.contains("news.example"), "{log}");
    proxy.stop();
}

#[test]
fn an_upgrade_leaves_sites_on_their_steps() {
    let here = guarded();
    let proxy = Proxy::start(here.path(), &[&CONTROL[..], &["--pid-file", "pid"]].concat());
    assert_eq!(crowd(&proxy).status, 503);
    let upgraded = tidegate(here.path(), &["upgrade", "--control", "control.sock"]);
    assert!(upgraded.status.success(), "{upgraded:?}");
    assert_eq!(entry(&proxy, 0).status, 503, "nobody is let in because a program was exchanged");
    let told =
        json(&tidegate(here.path(), &["guard", "list", "--control", "control.sock", "--format", "json"]));
    let site = &told["guards"][0]["sites"][0];
    assert_eq!((&site["site"], &site["step"]), (&"news.example".into(), &"notice".into()), "{told}");
    assert!(proxy.running.ends().success());
    stop_the_last(here.path());
}
