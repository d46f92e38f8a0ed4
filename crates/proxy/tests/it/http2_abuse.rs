//! Clients of HTTP/2 that spend more than they may. Each is told to go within a second, and nobody else notices.

use crate::http2_kit::{
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GET, HEADERS, PING, PRIORITY,
    PROTOCOL_ERROR, REFUSED_STREAM, RST_STREAM, Raw, SETTINGS, STATUS_200, WINDOW_UPDATE, ask, block,
    connect, frame, get,
};
use crate::kit::{OK, PLAIN, Site, on_paused_time};
use std::time::Duration;

/// A flood that ends the connection in time, while an innocent client gets its answer.
fn is_told_to_go(flood: impl AsyncFnOnce(&mut Raw) + 'static) {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut innocent = connect(&site).await;
        let mut raw = Raw::connect(&site).await;
        flood(&mut raw).await;
        assert_eq!(raw.end().await, Some(ENHANCE_YOUR_CALM));
        assert!(site.elapsed() < Duration::from_secs(1), "{:?}", site.elapsed());
        assert_eq!(site.shared.counters().http2_breaches.value(), 1);
        let response = ask(&mut innocent, get("/innocent")).await;
        loop {
            let mut node = site.node().await;
            let head = node.hear_until("\r\n").await;
            if head.starts_with("GET /innocent ") {
                node.say(OK).await;
                break;
            }
        }
        assert_eq!(response.await.unwrap().status(), 200);
    });
}

#[test]
fn a_client_that_resets_what_it_asks_for_is_told_to_go() {
    is_told_to_go(async |raw: &mut Raw| {
        for _ in 0..1_000 {
            let stream = raw.ask(&GET).await;
            raw.say(&frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())).await;
        }
    });
}

#[test]
fn a_client_that_makes_us_reset_its_streams_is_told_to_go() {
    is_told_to_go(async |raw: &mut Raw| {
        for _ in 0..1_000 {
            // A window that is opened too far is an error of the stream.
            let stream = raw.ask(&GET).await;
            raw.say(&frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff])).await;
        }
    });
}

#[test]
fn a_client_whose_requests_are_malformed_again_and_again_is_told_to_go() {
    is_told_to_go(async |raw: &mut Raw| {
        for _ in 0..1_000 {
            raw.ask(&[GET[0], GET[1], GET[2], GET[3], ("connection", "close")]).await;
        }
    });
}

#[test]
fn a_client_that_only_controls_is_told_to_go() {
    for (kind, payload) in
        [(PING, vec![0; 8]), (SETTINGS, vec![]), (77, vec![1; 3]), (WINDOW_UPDATE, vec![0, 0, 0, 1])]
    {
        is_told_to_go(async move |raw: &mut Raw| {
            for _ in 0..3_000 {
                raw.say(&frame(kind, 0, 0, &payload)).await;
            }
        });
    }
    is_told_to_go(async |raw: &mut Raw| {
        for _ in 0..3_000 {
            raw.say(&frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1])).await;
        }
    });
}

#[test]
fn a_client_that_sends_nothing_in_many_frames_is_told_to_go() {
    is_told_to_go(async |raw: &mut Raw| {
        let stream = raw.number();
        let post = [(":method", "POST"), GET[1], GET[2], GET[3]];
        raw.say(&frame(HEADERS, END_HEADERS, stream, &block(&post))).await;
        for _ in 0..3_000 {
            raw.say(&frame(DATA, 0, stream, &[])).await;
        }
    });
}

#[test]
fn fields_in_crumbs_or_without_end_are_not_waited_for() {
    is_told_to_go(async |raw: &mut Raw| {
        let stream = raw.number();
        raw.say(&frame(HEADERS, END_STREAM, stream, &block(&GET))).await;
        for _ in 0..1_000 {
            raw.say(&frame(CONTINUATION, 0, stream, &block(&[("x", "y")]))).await;
        }
    });
    is_told_to_go(async |raw: &mut Raw| {
        // Sixteen KiB a time, and a list of a hundred times as much: a byte names a field of four thousand.
        let mut bomb = block(&GET);
        bomb.extend_from_slice(&[0x40, 1, b'x', 127, 0xa1, 0x1e]);
        bomb.extend_from_slice(&[b'a'; 4_000]);
        bomb.extend_from_slice(&[0xbe; 4_000]);
        let stream = raw.number();
        raw.say(&frame(HEADERS, END_STREAM | END_HEADERS, stream, &bomb)).await;
        // The library finds this out itself.
    });
}

#[test]
fn a_block_of_fields_that_does_not_end_is_given_up() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut raw = Raw::connect(&site).await;
        raw.ask(&GET).await;
        let mut node = site.node().await;
        node.head().await;
        let stream = raw.number();
        raw.say(&frame(HEADERS, END_STREAM, stream, &block(&GET))).await;
        assert_eq!(raw.end().await, Some(ENHANCE_YOUR_CALM));
        let took = site.elapsed();
        assert!(took >= Duration::from_secs(10) && took < Duration::from_secs(11), "{took:?}");
    });
}

#[test]
fn a_browser_that_leaves_a_page_cancels_it_all_and_stays_welcome() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut raw = Raw::connect(&site).await;
        for _ in 0..100 {
            let stream = raw.ask(&GET).await;
            raw.say(&frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())).await;
        }
        let stream = raw.ask(&[GET[0], GET[1], GET[2], (":path", "/next")]).await;
        loop {
            let mut node = site.node().await;
            if node.hear_until("\r\n").await.starts_with("GET /next ") {
                node.say(OK).await;
                break;
            }
        }
        assert_eq!(raw.outcome(stream).await, Ok(STATUS_200));
        assert_eq!(site.shared.counters().http2_breaches.value(), 0);
    });
}

#[test]
fn streams_beyond_those_that_may_be_open_are_refused_and_the_others_served() {
    on_paused_time(async {
        let site = Site::new(&format!("{PLAIN}[virtual_servers.site.http2]\nmax_concurrent_streams = 2\n"));
        let mut raw = Raw::connect(&site).await;
        let first = raw.ask(&GET).await;
        raw.ask(&GET).await;
        let third = raw.ask(&GET).await;
        assert_eq!(raw.outcome(third).await, Err(REFUSED_STREAM));
        let mut node = site.node().await;
        node.head().await;
        let mut other = site.node().await;
        other.head().await;
        node.say(OK).await;
        assert_eq!(raw.outcome(first).await, Ok(STATUS_200));
    });
}

#[test]
fn what_breaks_the_rules_of_frames_ends_the_connection() {
    for broken in [
        frame(DATA, 0, 0, b"x"),
        frame(HEADERS, END_HEADERS, 2, &block(&GET)),
        frame(PING, 0, 0, &[0; 7]),
        frame(SETTINGS, 0, 1, &[]),
        frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]),
        frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        frame(CONTINUATION, END_HEADERS, 1, &block(&GET)),
        frame(RST_STREAM, 0, 1, &[0; 4]),
        frame(DATA, 0, 1, b"x"),
        frame(PING, 0, 0, &vec![0; 20_000]),
    ] {
        on_paused_time(async move {
            let site = Site::new(PLAIN);
            let mut raw = Raw::connect(&site).await;
            raw.say(&broken).await;
            let told = raw.end().await;
            assert!(told.is_some_and(|error| error >= PROTOCOL_ERROR), "{broken:?}: {told:?}");
            assert!(site.elapsed() < Duration::from_secs(1));
        });
    }
}
