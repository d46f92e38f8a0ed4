//! Requests that wait in a rate class.

use crate::kit::{OK, PLAIN, Reach, Site, catalog, on_paused_time};
use std::time::Duration;

const GET: &str = "GET /a HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n";

/// One request a second, all in one queue.
fn one_a_second() -> Site {
    let text = format!(
        "{}[rate_classes.one]\nmax_rate_per_second = 1\n",
        PLAIN.replace("pool = ", "request_rules = [\"wait\"]\npool = ")
    );
    Site::with(catalog(&text, &[("wait", "rate.use( \"one\" );")]), |_| Reach::Accepts)
}

#[test]
fn each_request_starts_when_its_turn_comes() {
    on_paused_time(async {
        let site = one_a_second();
        let mut clients: Vec<_> = (0..4).map(|_| site.client()).collect();
        for client in &mut clients {
            client.say(GET).await;
            tokio::task::yield_now().await;
        }
        for (second, client) in clients.iter_mut().enumerate() {
            let mut node = site.node().await;
            let started = site.elapsed();
            let due = Duration::from_secs(second as u64);
            assert!(started >= due && started <= due + Duration::from_millis(5), "{started:?}");
            node.head().await;
            node.say(OK).await;
            assert!(client.rest().await.ends_with("hi"));
        }
    });
}

#[test]
fn a_client_that_leaves_the_queue_gives_its_place_back() {
    on_paused_time(async {
        let site = one_a_second();
        let mut first = site.client();
        first.say(GET).await;
        let mut node = site.node().await;
        node.head().await;
        node.say(OK).await;
        assert!(first.rest().await.ends_with("hi"));
        drop(node);
        let mut leaver = site.client();
        leaver.say(GET).await;
        let mut waiter = site.client();
        tokio::task::yield_now().await;
        waiter.say(GET).await;
        tokio::task::yield_now().await;
        drop(leaver);
        let mut node = site.node().await;
        let started = site.elapsed();
        assert!(started >= Duration::from_secs(1) && started < Duration::from_millis(1010), "{started:?}");
        node.head().await;
        node.say(OK).await;
        assert!(waiter.rest().await.ends_with("hi"));
        assert_eq!(site.shared.counters().clients_left.value(), 1);
    });
}

#[test]
fn a_client_that_ends_its_side_while_queued_counts_as_gone() {
    on_paused_time(async {
        let site = one_a_second();
        let mut first = site.client();
        first.say(GET).await;
        let _node = site.node().await;
        let mut second = site.client();
        second.say(GET).await;
        second.half_close().await;
        assert_eq!(second.rest().await, "");
        assert!(site.elapsed() < Duration::from_secs(1));
        assert_eq!(site.shared.counters().clients_left.value(), 1);
    });
}

#[test]
fn no_body_is_read_while_its_request_waits() {
    on_paused_time(async {
        let site = one_a_second();
        let mut first = site.client();
        first.say(GET).await;
        let mut node = site.node().await;
        node.head().await;
        let mut second = site.client();
        second.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n").await;
        let piece = [b'x'; 4096];
        let mut taken = 0;
        while let Ok(count) = tokio::time::timeout(
            Duration::from_millis(10),
            tokio::io::AsyncWriteExt::write(&mut second.stream, &piece),
        )
        .await
        {
            taken += count.unwrap();
        }
        assert!(taken <= crate::kit::PIPE_BYTES + 16 * 1024, "{taken}");
    });
}

#[test]
fn an_edited_class_lets_the_queue_go_earlier() {
    on_paused_time(async {
        let text = format!(
            "{}[rate_classes.one]\nmax_rate_per_minute = 1\n",
            PLAIN.replace("pool = ", "request_rules = [\"wait\"]\npool = ")
        );
        let rules = [("wait", "rate.use( \"one\" );")];
        let site = Site::with(catalog(&text, &rules), |_| Reach::Accepts);
        let mut first = site.client();
        first.say(GET).await;
        let _first_node = site.node().await;
        let mut second = site.client();
        second.say(GET).await;
        tokio::time::advance(Duration::from_secs(5)).await;
        tokio::task::yield_now().await;
        assert!(!site.has_more_nodes());
        let now = site.now();
        site.shared.adopt(catalog(&text.replace("per_minute = 1", "per_minute = 100"), &rules), now);
        let _second_node = site.node().await;
        assert!(site.elapsed() < Duration::from_secs(6), "{:?}", site.elapsed());
    });
}

#[test]
fn a_request_that_waits_too_long_is_told_when_to_come_again() {
    on_paused_time(async {
        let text = format!(
            "{}[rate_classes.one]\nmax_rate_per_minute = 1\n",
            PLAIN.replace("pool = ", "timeout = \"5s\"\nrequest_rules = [\"wait\"]\npool = ")
        );
        let site = Site::with(catalog(&text, &[("wait", "rate.use( \"one\" );")]), |_| Reach::Accepts);
        let mut first = site.client();
        first.say(GET).await;
        let _node = site.node().await;
        let mut second = site.client();
        second.say(GET).await;
        let answer = second.rest().await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After: "), "{answer}");
        let waited = site.elapsed();
        assert!(waited >= Duration::from_secs(5) && waited < Duration::from_millis(5200), "{waited:?}");
    });
}
