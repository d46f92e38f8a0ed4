//! Everything that goes wrong outside gets a clear answer, and the next client is served.

use crate::kit::{Client, Proxy, catalog, folder, node, ok, request};
use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::channel;

const SITE: &str = "GET / HTTP/1.1\r\nHost: a\r\n";

fn proxy_before(node: SocketAddr, server: &str, more: &str) -> (tempfile::TempDir, Proxy) {
    let here = folder(&[
        ("tidegate.toml", &catalog(node, server, more)),
        ("rules/endless.rts", "while( 1 ) {\n   $a = 1;\n}\n"),
    ]);
    let proxy = Proxy::start(here.path(), &[]);
    (here, proxy)
}

#[test]
fn what_two_parsers_could_read_differently_is_refused_and_nothing_behind_it_is_read() {
    let (_here, proxy) = proxy_before(node(|_| ok("hello")), "", "");
    let behind = "GET /behind HTTP/1.1\r\nHost: a\r\n\r\n";
    for bad in [
        "\x16\x03\x01 this is not HTTP\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nReferer: http://a/\rSet-Cookie: x=1\r\n\r\n",
    ] {
        let answer = proxy.raw(format!("{bad}{behind}").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bad:?} got {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{bad:?} got {answer:?}");
    }
    assert_eq!(proxy.get("/", &[]).text(), "hello");
    proxy.stop();
}

#[test]
fn heads_beyond_the_limits_are_refused_as_too_large() {
    let (_here, proxy) = proxy_before(node(|_| ok("hello")), "", "");
    let long = format!("{SITE}X-Long: {}\r\n\r\n", "a".repeat(70_000));
    let mut many = SITE.to_owned();
    for number in 0..10_000 {
        let _written = write!(many, "X-{number}: a\r\n");
    }
    many += "\r\n";
    for bad in [long, many] {
        let answer = proxy.raw(bad.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    }
    assert_eq!(proxy.get("/", &[]).text(), "hello");
    proxy.stop();
}

#[test]
fn a_node_that_refuses_or_hangs_or_talks_nonsense_is_told_as_such() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_here, proxy) = proxy_before(gone, "", "node_fail_time = \"0s\"");
    let refused = proxy.get("/", &[]).status;
    assert!((500..600).contains(&refused), "{refused}");
    proxy.stop();

    let (_kept, never) = channel::<()>();
    let never = std::sync::Mutex::new(never);
    let hanging = node(move |_| {
        let _never = never.lock().unwrap().recv();
        Vec::new()
    });
    let (_here, proxy) = proxy_before(hanging, "", "max_reply_time = \"100ms\"");
    assert_eq!(proxy.get("/", &[]).status, 504);
    proxy.stop();

    let (_here, proxy) = proxy_before(node(|_| b"nonsense\r\n\r\n".to_vec()), "", "");
    assert_eq!(proxy.get("/", &[]).status, 502);
    proxy.stop();
}

#[test]
fn a_node_that_dies_in_mid_body_leaves_a_cut_never_a_whole_answer() {
    for said in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n",
    ] {
        let (_here, proxy) = proxy_before(node(|_| said.as_bytes().to_vec()), "", "");
        let answer = proxy.get("/", &[]);
        assert!(answer.status == 200 && !answer.is_whole(), "{answer:?}");
        proxy.stop();
    }
}

#[test]
fn another_node_is_tried_when_one_refuses_and_nobody_notices() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let good = node(|_| ok("hello"));
    let text = catalog(gone, "", "").replace("nodes = [", &format!("nodes = [\"{good}\", "));
    let here = folder(&[("tidegate.toml", &text)]);
    let proxy = Proxy::start(here.path(), &[]);
    for _ in 0..6 {
        assert_eq!(proxy.get("/", &[]).text(), "hello");
    }
    proxy.stop();
}

#[test]
fn an_endless_rule_ends_for_lack_of_fuel_and_the_operator_says_what_then() {
    for (said, expected) in
        [("", Some(200)), ("on_rule_error = \"503\"", Some(503)), ("on_rule_error = \"close\"", None)]
    {
        let server = format!("request_rules = [\"endless\"]\n{said}");
        let (_here, mut proxy) = proxy_before(node(|_| ok("hello")), &server, "");
        let mut client = Client::connect(proxy.address);
        client.send(&request("GET", "/", &[]));
        let answer = client.everything();
        match expected {
            Some(status) => assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{said}: {answer}"),
            None => assert_eq!(answer, "", "{said}"),
        }
        let line = proxy.running.hears("endless");
        assert!(line.contains("ERROR"), "{line}");
        proxy.stop();
    }
}

#[test]
fn a_client_that_leaves_in_mid_request_disturbs_nobody() {
    let (_here, proxy) = proxy_before(node(|_| ok("hello")), "", "");
    for part in
        ["", "GE", "GET / HTTP/1.1\r\nHost:", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"]
    {
        let mut client = Client::connect(proxy.address);
        client.send(part);
        drop(client);
        assert_eq!(proxy.get("/", &[]).text(), "hello");
    }
    proxy.stop();
}
