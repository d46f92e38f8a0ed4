//! A guard in the running process: it climbs, says so, and is told to leave a site alone.

use crate::kit::{PATIENCE, Proxy, catalog, folder, json, node, ok, text, tidegate};
use std::time::Instant;

const CONTROL: [&str; 2] = ["--control", "control.sock"];
const FIREFOX: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a guard judges real time, and a test gives up after its patience"
)]
fn a_crowd_climbs_the_ladder_and_a_hand_takes_it_down() {
    let origin = node(|_| ok("page"));
    let server = "guard = \"senders\"\ntrusted_proxies = \"127.0.0.1\"\n";
    let more = "[guards.senders]\nclimb_to = \"notice\"\nwindow = \"1s\"\ncrowd = 3\nclimb_after = 0\n\
                queue = \"Entries\"\nslow = \"Embedded\"\n[rate_classes.Entries]\nmax_rate_per_second = 100000\n\
                [bandwidth_classes.Embedded]\nmaximum = \"8 Mbit/s\"\n";
    let here = folder(&[("tidegate.toml", &catalog(origin, server, more))]);
    let mut proxy = Proxy::start(here.path(), &CONTROL);
    let came = std::cell::Cell::new(0_u32);
    let entry = || {
        came.set(came.get() + 1);
        let [_, b, c, d] = came.get().to_be_bytes();
        let client = format!("X-Forwarded-For: 10.{b}.{c}.{d}");
        proxy.get("/story", &[&client, FIREFOX, "Referer: https://www.news.example/front"])
    };
    let began = Instant::now();
    let noticed = loop {
        let answer = entry();
        if answer.status != 200 {
            break answer;
        }
        assert!(began.elapsed() < PATIENCE, "nothing happens");
    };
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
    assert_eq!(entry().status, 200);
    assert_eq!(undo("sender", "news.example").status.code(), Some(2));
    assert_eq!(undo("senders", "nobody.example").status.code(), Some(1));
    let log = proxy.running.hears("undone by hand");
    assert!(log.contains("news.example"), "{log}");
    proxy.stop();
}
