//! What a node gets of a request of HTTP/2: the same request of HTTP/1.1, or nothing.

use crate::http2_kit::{
    DATA, END_HEADERS, END_STREAM, GET, HEADERS, PROTOCOL_ERROR, Raw, STATUS_200, STATUS_400, block, frame,
};
use crate::kit::{OK, PLAIN, Site, on_paused_time};

type Fields = Vec<(&'static str, &'static str)>;

fn with(more: &[(&'static str, &'static str)]) -> Fields {
    GET.iter().chain(more).copied().collect()
}

fn without(name: &str, more: &[(&'static str, &'static str)]) -> Fields {
    with(more).into_iter().filter(|(field, _)| *field != name).collect()
}

fn instead(name: &'static str, value: &'static str) -> Fields {
    GET.iter().map(|&(field, old)| (field, if field == name { value } else { old })).collect()
}

/// Whatever is refused, no node hears of, and the next request of the connection (or of a new one) is served.
fn is_refused(fields: &Fields) {
    let fields = fields.clone();
    on_paused_time(async move {
        let site = Site::new(PLAIN);
        let mut raw = Raw::connect(&site).await;
        let stream = raw.ask(&fields).await;
        let outcome = raw.outcome(stream).await;
        assert!(outcome.is_err() || outcome == Ok(STATUS_400), "{fields:?}: {outcome:?}");
        assert!(!site.has_more_nodes(), "{fields:?} reached a node");
    });
}

#[test]
fn nothing_that_could_split_a_head_reaches_a_node() {
    for evil in ["a\r\nX: 1", "a\nX: 1", "a\rX", "a\0b", "a\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n"] {
        is_refused(&with(&[("x-a", evil)]));
        is_refused(&with(&[(evil, "1")]));
        is_refused(&with(&[("cookie", evil)]));
        for pseudo in [":method", ":path", ":authority", ":scheme"] {
            is_refused(&instead(pseudo, evil));
        }
    }
}

#[test]
fn pseudo_fields_are_there_once_in_front_and_sound() {
    for name in [":method", ":scheme", ":path"] {
        is_refused(&without(name, &[]));
    }
    for (name, value) in GET {
        is_refused(&with(&[(name, value)]));
        is_refused(&without(name, &[("x-a", "1"), (name, value)]));
    }
    for (name, value) in [
        (":path", ""),
        (":path", "*"),
        (":path", "a"),
        (":path", "http://b.example/"),
        (":path", "/a b"),
        (":path", "/a HTTP/1.1\r\nX: 1"),
        (":method", ""),
        (":method", "GET /b HTTP/1.1"),
        (":method", "G(T"),
        (":scheme", ""),
        (":scheme", "ftp"),
        (":scheme", "http://b"),
        (":authority", ""),
        (":authority", "a b"),
        (":authority", "user@site.example"),
        (":authority", "site.example/x"),
        (":authority", "site.example, b"),
    ] {
        is_refused(&instead(name, value));
    }
    is_refused(&with(&[(":status", "200")]));
    is_refused(&with(&[(":protocol", "websocket")]));
    is_refused(&with(&[(":x", "1")]));
}

#[test]
fn fields_of_connections_and_framing_do_not_come_over_http_2() {
    for (name, value) in [
        ("connection", "close"),
        ("connection", "x-a"),
        ("keep-alive", "5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("Accept", "*/*"),
        ("x a", "1"),
        ("x:a", "1"),
        ("", "1"),
        ("x-a", " 1"),
        ("x-a", "1\t"),
        ("content-length", "+0"),
        ("content-length", "0, 0"),
        ("content-length", "x"),
        ("content-length", "3"),
        ("host", "other.example"),
        ("host", "site.example:81"),
    ] {
        is_refused(&with(&[(name, value)]));
    }
    is_refused(&with(&[("content-length", "0"), ("content-length", "0")]));
    is_refused(&with(&[("content-length", "0"), ("content-length", "1")]));
    is_refused(&without(":authority", &[]));
    is_refused(&without(":authority", &[("host", "a"), ("host", "a")]));
}

#[test]
fn what_is_sound_reaches_the_node_as_it_was_meant() {
    let lines = |head: &str| head.lines().map(str::to_owned).collect::<Vec<_>>();
    let controls: [(Fields, &str, &[&str]); 6] = [
        (GET.to_vec(), "GET /a HTTP/1.1", &["Host: site.example"]),
        (with(&[("cookie", "a=1"), ("cookie", "b=2")]), "GET /a HTTP/1.1", &["cookie: a=1; b=2"]),
        (with(&[("te", "trailers"), ("x-a", "")]), "GET /a HTTP/1.1", &["x-a: "]),
        (with(&[("host", "SITE.example")]), "GET /a HTTP/1.1", &["Host: site.example"]),
        (without(":authority", &[("host", "site.example")]), "GET /a HTTP/1.1", &["Host: site.example"]),
        (instead(":path", "//b.example/%0d%0a?a=b%20c"), "GET //b.example/%0d%0a?a=b%20c HTTP/1.1", &[]),
    ];
    for (fields, line, expected) in controls {
        on_paused_time(async move {
            let site = Site::new(PLAIN);
            let mut raw = Raw::connect(&site).await;
            let stream = raw.ask(&fields).await;
            let mut node = site.node().await;
            let head = lines(&node.head().await);
            assert_eq!(head[0], line);
            assert_eq!(head.iter().filter(|line| line.to_lowercase().starts_with("host:")).count(), 1);
            for expected in expected {
                assert!(head.iter().any(|line| line == expected), "{expected}: {head:?}");
            }
            assert!(!head.iter().any(|line| line.to_lowercase().starts_with("te:")), "{head:?}");
            node.say(OK).await;
            assert_eq!(raw.outcome(stream).await, Ok(STATUS_200));
        });
    }
}

#[test]
fn a_body_that_is_not_as_long_as_was_said_never_looks_whole_to_the_node() {
    for (said, pieces) in [("5", vec!["abc"]), ("3", vec!["abcde"]), ("5", vec!["abc", "def"])] {
        on_paused_time(async move {
            let site = Site::new(PLAIN);
            let mut raw = Raw::connect(&site).await;
            let stream = raw.number();
            let fields = [(":method", "POST"), GET[1], GET[2], GET[3], ("content-length", said)];
            raw.say(&frame(HEADERS, END_HEADERS, stream, &block(&fields))).await;
            let mut node = site.node().await;
            let head = node.head().await;
            assert!(head.contains(&format!("Content-Length: {said}\r\n")), "{head}");
            for (at, piece) in pieces.iter().enumerate() {
                let flags = if at + 1 == pieces.len() { END_STREAM } else { 0 };
                raw.say(&frame(DATA, flags, stream, piece.as_bytes())).await;
            }
            assert_eq!(raw.outcome(stream).await, Err(PROTOCOL_ERROR));
            assert!(node.rest().await.len() < said.parse().unwrap(), "said {said}, sent {pieces:?}");
        });
    }
}

#[test]
fn trailers_that_break_the_rules_end_the_request_before_its_end() {
    for trailer in [("transfer-encoding", "chunked"), ("X-A", "1"), ("x-a", "1\r\nX: 2")] {
        on_paused_time(async move {
            let site = Site::new(PLAIN);
            let mut raw = Raw::connect(&site).await;
            let stream = raw.number();
            let fields = [(":method", "POST"), GET[1], GET[2], GET[3]];
            raw.say(&frame(HEADERS, END_HEADERS, stream, &block(&fields))).await;
            raw.say(&frame(DATA, 0, stream, b"abc")).await;
            let mut node = site.node().await;
            assert!(node.head().await.contains("Transfer-Encoding: chunked\r\n"));
            raw.say(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&[trailer]))).await;
            assert!(raw.outcome(stream).await.is_err());
            assert!(!node.rest().await.contains("0\r\n\r\n"));
        });
    }
}
