//! The two published rules, word for word, from a catalog, over real connections.

use crate::kit::{Client, Proxy, catalog, folder, node, ok, request};
use rustix::process::Signal;
use std::fs;

const SLASHDOT: &str = include_str!("../../../../spec/rules/slashdot.rts");
const ABUSIVE_REFERER: &str = include_str!("../../../../spec/rules/abusive-referer.rts");

/// Classes with so many entries a minute from each site.
fn classes(standard: u32) -> String {
    format!(
        "[rate_classes.StandardReferer]\nmax_rate_per_minute = {standard}\n\
         [rate_classes.BusyReferer]\nmax_rate_per_minute = 20\n\
         [bandwidth_classes.AbusiveReferer]\nmaximum = \"800 kbit/s\"\n\
         [bandwidth_classes.slashdot]\nmaximum = \"800 kbit/s\"\n"
    )
}

#[test]
fn whoever_comes_from_slashdot_gets_the_cookie_and_the_class_and_keeps_the_class_by_the_cookie() {
    // All come from one address here, so only the cookie tells them apart.
    let server = "request_rules = [\"slashdot\"]\naccess_log = { path = \"a.log\", format = \"tidegate\" }\n\
                  mark_memory = \"off\"";
    let text = catalog(node(|_| ok("hello")), server, &classes(10));
    let here = folder(&[("tidegate.toml", &text), ("rules/slashdot.rts", SLASHDOT)]);
    let proxy = Proxy::start(here.path(), &[]);
    let marked = proxy.get("/marked", &["Referer: http://slashdot.org/story"]);
    let cookie = marked.field("Set-Cookie").unwrap();
    assert!(cookie.starts_with("slashdot=v1.") && cookie.ends_with(".1"), "{cookie}");
    assert_eq!(proxy.get("/later", &[&format!("Cookie: {cookie}")]).field("Set-Cookie"), None);
    assert_eq!(proxy.get("/other", &["Referer: http://elsewhere.example/"]).field("Set-Cookie"), None);
    proxy.stop();
    let log = fs::read_to_string(here.path().join("a.log")).unwrap();
    let line = |path: &str| log.lines().find(|line| line.contains(path)).unwrap();
    assert!(
        line("/marked").contains("class=\"slashdot\"") && line("/marked").contains("marks=\"slashdot\""),
        "{log}"
    );
    assert!(line("/later").contains("class=\"slashdot\""), "{log}");
    assert!(line("/later").contains("marks=\"slashdot:held\""), "{log}");
    assert!(line("/other").contains("class=\"-\""), "{log}");
}

#[test]
fn a_crowd_waits_for_its_turn_while_others_pass_and_whoever_finds_three_waiting_is_marked() {
    let server =
        "request_rules = [\"abusive-referer\"]\naccess_log = { path = \"a.log\", format = \"tidegate\" }";
    let origin = node(|_| ok("hello"));
    let here = folder(&[
        ("tidegate.toml", &catalog(origin, server, &classes(3))),
        ("rules/abusive-referer.rts", ABUSIVE_REFERER),
    ]);
    let mut proxy = Proxy::start(here.path(), &["--workers", "1"]);
    let from_news = ["Referer: http://news.example/story"];
    for _ in 0..3 {
        let answer = proxy.get("/first", &from_news);
        assert_eq!((answer.status, answer.field("Set-Cookie")), (200, None));
    }
    // The minute's three are gone: these wait, each behind the one before.
    let mut waiting: Vec<Client> = Vec::new();
    for number in 0..4 {
        let mut client = Client::connect(proxy.address);
        client.send(&request("GET", &format!("/waits-{number}"), &from_news));
        waiting.push(client);
        // One worker serves what came before first, so the one above is in the queue when this is answered.
        assert_eq!(proxy.get("/typed", &[]).status, 200, "no referer leaves the rule");
    }
    assert_eq!(
        proxy.get("/own", &["Referer: http://localhost/x"]).status,
        200,
        "a listed referer is not limited"
    );
    assert_eq!(
        proxy.get("/site", &["Referer: http://other.example/x"]).status,
        200,
        "other sites have their own queue"
    );
    // One of those who wait leaves; its place is given back.
    drop(waiting.remove(0));

    // Wider limits act on those who wait already.
    fs::write(here.path().join("tidegate.toml"), catalog(origin, server, &classes(1000))).unwrap();
    proxy.running.tell(Signal::HUP);
    proxy.running.hears("is in force");
    let marks: Vec<Option<String>> = waiting
        .iter_mut()
        .map(|client| {
            let answer = client.rest("GET");
            assert_eq!(answer.text(), "hello");
            answer.field("Set-Cookie").map(str::to_owned)
        })
        .collect();
    assert_eq!(marks[..2], [None, None], "they found one and two waiting");
    let mark = marks[2].as_deref().unwrap();
    let (pair, attributes) = mark.split_once(';').unwrap();
    assert!(pair.starts_with("AbusiveReferer=v1.") && pair.ends_with(".news.example"), "{mark}");
    assert_eq!(attributes, " Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(proxy.get("/marked", &[&format!("Cookie: {pair}")]).status, 200);
    assert_eq!(proxy.get("/forged", &["Cookie: AbusiveReferer=news.example"]).status, 200);
    assert_eq!(proxy.get("/deleted", &[]).status, 200);
    proxy.stop();

    let log = fs::read_to_string(here.path().join("a.log")).unwrap();
    let line =
        |path: &str| log.lines().find(|line| line.contains(path)).unwrap_or_else(|| panic!("{path}: {log}"));
    assert!(line("/waits-0").contains("\" 499 "), "{log}");
    assert!(line("/waits-3").contains("class=\"AbusiveReferer\""), "{log}");
    assert!(line("/waits-1").contains("class=\"-\""), "{log}");
    assert!(line("/marked").contains("class=\"AbusiveReferer\""), "{log}");
    assert!(line("/typed").contains("rate=\"-\""), "{log}");
    assert!(line("/forged").contains("marks=\"AbusiveReferer:forged,AbusiveReferer:remembered\""), "{log}");
    assert!(
        line("/deleted").contains("class=\"AbusiveReferer\""),
        "who deletes the cookie is known by the address: {log}"
    );
}
