//! Nodes of HTTP/2 that lie, or spend more than they may.

use crate::http2_kit::{
    DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING, Raw, SETTINGS, STATUS_200,
    WINDOW_UPDATE, block, frame,
};
use crate::kit::{GET, Site, on_paused_time};
use crate::node_http2::HTTP2;
use std::time::Duration;

/// A node floods the connection: it is told to go within a second, and who waited is told that there is no answer.
fn is_told_to_go(flood: impl AsyncFnOnce(&mut Raw, u32) + 'static) {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut client = site.client();
        client.say(&GET.replace("GET", "POST")).await;
        let mut node = Raw::node(&site).await;
        let stream = node.hear(HEADERS).await.stream;
        flood(&mut node, stream).await;
        assert_eq!(node.end().await, Some(ENHANCE_YOUR_CALM));
        assert!(site.elapsed() < Duration::from_secs(1), "{:?}", site.elapsed());
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
        assert_eq!(site.shared.counters().node_http2_breaches.value(), 1);
    });
}

#[test]
fn a_node_that_floods_with_control_frames_is_told_to_go() {
    is_told_to_go(async |node: &mut Raw, _| {
        for _ in 0..2_000 {
            node.say(&frame(PING, 0, 0, &[0; 8])).await;
        }
    });
    is_told_to_go(async |node: &mut Raw, _| {
        for _ in 0..200 {
            node.say(&frame(SETTINGS, 0, 0, &[])).await;
        }
    });
    is_told_to_go(async |node: &mut Raw, _| {
        for _ in 0..2_000 {
            node.say(&frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])).await;
        }
    });
}

#[test]
fn a_node_whose_head_never_ends_is_told_to_go() {
    is_told_to_go(async |node: &mut Raw, stream| {
        node.say(&frame(HEADERS, 0, stream, &[STATUS_200])).await;
        for _ in 0..20 {
            node.say(&frame(9, 0, stream, &block(&[("x", &"y".repeat(1_000))]))).await;
        }
    });
}

/// Heads of a node that no client may see in HTTP/1.1.
const MALFORMED: [&[(&str, &str)]; 15] = [
    &[],
    &[("content-type", "a")],
    &[(":status", "101")],
    &[(":status", "1")],
    &[(":status", "abc")],
    &[(":status", "200"), (":status", "200")],
    &[("a", "b"), (":status", "200")],
    &[(":status", "200"), ("Upper", "case")],
    &[(":status", "200"), ("connection", "close")],
    &[(":status", "200"), ("transfer-encoding", "chunked")],
    &[(":status", "200"), ("keep-alive", "5")],
    &[(":status", "200"), ("a", "b\r\nset-cookie: c")],
    &[(":status", "200"), ("a\r\nb", "c")],
    &[(":status", "200"), ("content-length", "1"), ("content-length", "2")],
    &[(":status", "200"), ("content-length", "-1")],
];

#[test]
fn a_head_that_would_read_differently_in_http1_is_no_answer() {
    for (at, head) in MALFORMED.iter().enumerate() {
        on_paused_time(async move {
            let site = Site::new(HTTP2);
            let mut client = site.client();
            client.say(&GET.replace("GET", "POST")).await;
            let mut node = Raw::node(&site).await;
            let stream = node.hear(HEADERS).await.stream;
            node.say(&frame(HEADERS, END_HEADERS, stream, &block(head))).await;
            node.say(&frame(DATA, END_STREAM, stream, b"x")).await;
            let heard = client.head().await;
            assert!(heard.starts_with("HTTP/1.1 502 "), "case {at}, {head:?}: {heard}");
            assert!(!heard.contains("set-cookie"));
        });
    }
}

#[test]
fn a_body_that_is_not_as_long_as_its_length_stays_cut() {
    for (length, sent) in [("10", "short"), ("2", "too long")] {
        on_paused_time(async move {
            let site = Site::new(HTTP2);
            let mut client = site.client();
            client.say(GET).await;
            let mut node = Raw::node(&site).await;
            let stream = node.hear(HEADERS).await.stream;
            let head = block(&[(":status", "200"), ("content-length", length)]);
            node.say(&frame(HEADERS, END_HEADERS, stream, &head)).await;
            assert!(client.head().await.starts_with("HTTP/1.1 200 "));
            node.say(&frame(DATA, END_STREAM, stream, sent.as_bytes())).await;
            let body = client.rest().await;
            assert!(body.len() < length.parse().unwrap(), "{body:?}");
        });
    }
}

#[test]
fn trailers_that_no_head_may_hold_cut_the_answer() {
    for trailer in [("connection", "close"), ("Upper", "case"), ("a", "b\r\nc: d")] {
        on_paused_time(async move {
            let site = Site::new(HTTP2);
            let mut client = site.client();
            client.say(GET).await;
            let mut node = Raw::node(&site).await;
            let stream = node.hear(HEADERS).await.stream;
            node.say(&frame(HEADERS, END_HEADERS, stream, &[STATUS_200])).await;
            node.say(&frame(DATA, 0, stream, b"part")).await;
            client.hear_until("part").await;
            node.say(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&[trailer]))).await;
            let rest = client.rest().await;
            assert!(!rest.ends_with("0\r\n\r\n"), "a cut answer looks whole: {rest:?}");
        });
    }
}

#[test]
fn a_node_that_speaks_no_http2_gives_no_answer() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut client = site.client();
        client.say(GET).await;
        let mut node = site.node().await;
        node.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    });
}
