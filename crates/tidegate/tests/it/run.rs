//! `run`: starting, reloading, stopping, and what it says.

use crate::kit::{Client, Proxy, catalog, folder, node, ok, request, text, tidegate};
use rustix::process::Signal;
use std::fs;
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::mpsc::channel;

#[test]
fn without_anything_the_sample_site_is_served_and_all_numbers_are_said() {
    let here = folder(&[]);
    let mut proxy = Proxy::start(here.path(), &["--listen", "127.0.0.1:0"]);
    let said = proxy.running.seen();
    for words in [
        "5 a second, waits 6 s at most",
        "10 a second, waits 6 s at most",
        "8 Mbit/s shared",
        "observes only",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    proxy.running.hears("curl -i http://127.0.0.1:");
    let page = proxy.get("/", &[]);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<audio"), "{page:?}");
    let part = proxy.get("/audio/cover-1.wav", &["Range: bytes=0-3"]);
    assert_eq!((part.status, part.body.as_slice()), (206, b"RIFF".as_slice()));
    assert_eq!(proxy.ask("HEAD", "/audio/cover-5.wav", &[]).field("Accept-Ranges"), Some("bytes"));
    assert_eq!(proxy.get("/none", &[]).status, 404);
    let known = format!("If-None-Match: {}", page.field("ETag").unwrap());
    assert_eq!(proxy.get("/", &[&known]).status, 304);
    assert_eq!(proxy.ask("POST", "/", &["Content-Length: 0"]).status, 405);
    // What the guard would do stands in the log, and nobody is held up: the tenth at once is served at once.
    for _ in 0..10 {
        assert_eq!(proxy.get("/", &["Referer: http://news.example/a"]).status, 200);
    }
    let line = proxy.running.reads("rate=\"StandardReferer\"");
    assert!(line.contains("context=\"news.example\""), "{line}");
    proxy.running.tell(Signal::HUP);
    proxy.running.hears("nothing to read again");
    proxy.stop();
}

#[test]
fn a_given_site_is_guarded_and_a_catalog_here_is_left_aside_and_that_is_said() {
    let origin = node(|_| ok("from the site"));
    let here = folder(&[("tidegate.toml", "this is not read")]);
    let to = format!("http://{origin}");
    let proxy = Proxy::start(
        here.path(),
        &[
            "--to",
            &to,
            "--listen",
            "127.0.0.1:0",
            "--guard",
            "enforce",
            "--host",
            "b.example",
            "--workers",
            "1",
        ],
    );
    assert!(proxy.running.seen().contains("tidegate.toml in this folder is left aside"));
    assert!(proxy.running.seen().contains("enforced"));
    assert_eq!(proxy.get("/", &[]).text(), "from the site");
    // Our own names are not limited: more than five at once pass, though nobody is let to wait here for long.
    for _ in 0..20 {
        assert_eq!(proxy.get("/", &["Referer: http://www.b.example/x"]).status, 200);
        assert_eq!(proxy.get("/", &["Referer: http://www.example.com/x"]).status, 200);
    }
    proxy.stop();
}

#[test]
fn what_cannot_start_says_why_and_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let here = folder(&[]);
    let in_use = tidegate(here.path(), &["run", "--listen", &address]);
    assert_eq!(in_use.status.code(), Some(1));
    let said = text(&in_use.stderr);
    assert!(said.contains(&address) && said.contains("--listen"), "{said}");

    let with_file = folder(&[
        ("tidegate.toml", "[virtual_servers.v]\nlisten = \"x\"\npool = \"discard\"\n"),
        ("broken.toml", "[virtual_servers\n"),
        ("rules/.keep", ""),
    ]);
    for (arguments, word) in [
        (&["-c", "none.toml"][..], "there is no such file"),
        (&["-c", "rules"], "it is a folder"),
        (&["-c", "broken.toml"], "broken.toml:1:"),
        (&[], "tidegate.toml:2:"),
        (&["--guard", "enforce"], "does not go with tidegate.toml"),
        (&["--to", "https://a"], "tls = true"),
        (&["--to", "http://a", "-c", "b.toml"], "cannot be used with"),
        (&["--to", "http://127.0.0.1:9", "--listen", "nonsense"], "nonsense"),
        (&["--to", "http://127.0.0.1:9", "--host", "no host", "--listen", "127.0.0.1:0"], "not a host name"),
    ] {
        let all: Vec<&str> = ["run"].iter().chain(arguments).copied().collect();
        let output = tidegate(with_file.path(), &all);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(word), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn a_reload_changes_what_is_served_and_a_bad_file_changes_nothing() {
    let (first, second) = (node(|_| ok("first")), node(|_| ok("second")));
    let here = folder(&[("tidegate.toml", &catalog(first, "", ""))]);
    let file = here.path().join("tidegate.toml");
    let mut proxy = Proxy::start(here.path(), &[]);
    assert_eq!(proxy.get("/", &[]).text(), "first");

    fs::write(&file, catalog(second, "", "")).unwrap();
    proxy.running.tell(Signal::HUP);
    proxy.running.hears("is in force");
    assert_eq!(proxy.get("/", &[]).text(), "second");

    fs::write(&file, catalog(first, "pol = 1", "")).unwrap();
    proxy.running.tell(Signal::HUP);
    let why = proxy.running.hears("tidegate.toml:4:1: error");
    assert!(why.contains("pol"), "{why}");
    proxy.running.hears("the old catalog goes on serving");
    assert_eq!(proxy.get("/", &[]).text(), "second");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = catalog(first, "", "").replace("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    fs::write(&file, other).unwrap();
    proxy.running.tell(Signal::HUP);
    let refused = proxy.running.hears("the old catalog goes on serving");
    assert!(refused.contains("refused=2"), "{refused}");
    assert_eq!(proxy.get("/", &[]).text(), "second");
    proxy.stop();
}

#[test]
fn a_gentle_stop_lets_what_is_under_way_finish() {
    let (asked, was_asked) = channel();
    let (release, released) = channel::<()>();
    let (asked, released) = (Mutex::new(asked), Mutex::new(released));
    let slow = node(move |_| {
        asked.lock().unwrap().send(()).unwrap();
        released.lock().unwrap().recv().unwrap();
        ok("at last")
    });
    for signal in [Signal::TERM, Signal::QUIT] {
        let here = folder(&[("tidegate.toml", &catalog(slow, "", ""))]);
        let mut proxy = Proxy::start(here.path(), &["--pid-file", "pid"]);
        let number = fs::read_to_string(here.path().join("pid")).unwrap();
        assert!(number.trim().parse::<u32>().is_ok(), "{number:?}");
        let mut client = Client::connect(proxy.address);
        client.send(&request("GET", "/", &[]));
        was_asked.recv().unwrap();
        proxy.running.tell(signal);
        proxy.running.hears("stops: nobody is accepted any more");
        release.send(()).unwrap();
        let answer = client.rest("GET");
        assert_eq!((answer.text().as_str(), answer.is_whole()), ("at last", true));
        assert!(proxy.running.ends().success());
        assert!(!here.path().join("pid").exists());
    }
}

#[test]
fn a_quick_stop_waits_for_nobody() {
    let (asked, was_asked) = channel();
    let asked = Mutex::new(asked);
    let (_kept, never) = channel::<()>();
    let never = Mutex::new(never);
    let hanging = node(move |_| {
        asked.lock().unwrap().send(()).unwrap();
        let _never = never.lock().unwrap().recv();
        Vec::new()
    });
    let here = folder(&[("tidegate.toml", &catalog(hanging, "", ""))]);
    let proxy = Proxy::start(here.path(), &[]);
    let mut client = Client::connect(proxy.address);
    client.send(&request("GET", "/", &[]));
    was_asked.recv().unwrap();
    proxy.running.tell(Signal::INT);
    assert!(proxy.running.ends().success());
    assert!(!client.everything().contains("200 OK"));
}

#[test]
fn logs_are_written_in_the_formats_asked_for_and_opened_again_after_they_were_moved() {
    let origin = node(|_| ok("hello"));
    for (format, wanted) in [
        ("combined", "\"GET /a HTTP/1.1\" 200 5 \"-\" \"test\""),
        ("common", "\"GET /a HTTP/1.1\" 200 5"),
        ("%>s %B %{User-Agent}i", "200 5 test"),
        ("tidegate", "verdict=\"forward\""),
    ] {
        let log = format!("access_log = {{ path = \"a.log\", format = '{format}' }}");
        let here = folder(&[("tidegate.toml", &catalog(origin, &log, ""))]);
        let mut proxy = Proxy::start(here.path(), &["--log-format", "json"]);
        assert_eq!(proxy.get("/a", &["User-Agent: test"]).status, 200);
        // Lines are handed over in batches: once they are there, the file is moved.
        proxy.running.tell(Signal::USR1);
        let said = proxy.running.hears("opened again");
        assert!(serde_json::from_str::<serde_json::Value>(&said).is_ok(), "{said}");
        proxy.stop();
        let lines = fs::read_to_string(here.path().join("a.log")).unwrap();
        assert!(lines.contains(wanted) && lines.lines().count() == 1, "{format}: {lines}");
    }
}
