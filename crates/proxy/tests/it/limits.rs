//! What clients may not do: send or take too slowly, come too often, ask for too much.

use crate::kit::{Far, GET, OK, PLAIN, Reach, Site, catalog, on_paused_time};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// [`PLAIN`] with more keys of the virtual server, and more tables.
fn with(keys: &str, tables: &str) -> String {
    format!("{}\n{tables}", PLAIN.replace("[pools.nodes]", &format!("{keys}\n[pools.nodes]")))
}

fn site(keys: &str, tables: &str) -> Site {
    Site::with(catalog(&with(keys, tables), &[]), |_| Reach::Accepts)
}

/// Lets time pass on the paused clock.
async fn pass(length: Duration) {
    let _over = tokio::time::timeout(length, std::future::pending::<()>()).await;
}

/// Says a piece, then waits, again and again, until the other side has said something; gives the seconds it took.
async fn dribble(site: &Site, client: &mut Far, piece: &str, every: Duration) -> u64 {
    let start = site.elapsed();
    loop {
        client.say(piece).await;
        if tokio::time::timeout(every, client.hear_until("\r\n")).await.is_ok() {
            return site.elapsed().saturating_sub(start).as_secs();
        }
        assert!(site.elapsed().saturating_sub(start) < Duration::from_hours(1), "nobody minds");
    }
}

#[test]
fn a_head_that_dribbles_in_has_one_deadline_as_a_whole() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client.say("GET / HTTP/1.1\r\n").await;
        let seconds = dribble(&site, &mut client, "X-A: b\r\n", Duration::from_secs(1)).await;
        assert!((9..=11).contains(&seconds), "after {seconds} s");
    });
}

#[test]
fn the_head_of_a_later_request_has_its_deadline_from_its_first_byte() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site.asked(GET).await;
        node.say(OK).await;
        client.hear_until("hi").await;
        pass(Duration::from_secs(8)).await;
        client.say("GET / HTTP/1.1\r\n").await;
        let seconds = dribble(&site, &mut client, "X-A: b\r\n", Duration::from_secs(1)).await;
        assert!((9..=11).contains(&seconds), "after {seconds} s");
    });
}

#[test]
fn a_body_that_comes_too_slowly_is_answered_408_and_the_connection_ends() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let request = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
        let (mut client, _node) = site.asked(request).await;
        let start = site.elapsed();
        // A byte a second, well within any time-out without a byte.
        loop {
            client.say("x").await;
            if let Ok(line) = tokio::time::timeout(Duration::from_secs(1), client.hear_until("\r\n")).await {
                assert!(line.starts_with("HTTP/1.1 408 "), "{line}");
                break;
            }
            assert!(site.elapsed().saturating_sub(start) < Duration::from_mins(1), "nobody minds");
        }
        assert!(site.elapsed().saturating_sub(start) > Duration::from_secs(18), "a while it may stall");
        assert!(client.rest().await.contains("Connection: close\r\n"));
    });
}

#[test]
fn a_slow_body_that_a_rule_waits_for_ends_in_the_same_way() {
    on_paused_time(async {
        let keys = "request_rules = \"reads\"\nmin_body_rate = 1000";
        let rules = [("reads", "$a = http.getBody(); $a = $a;")];
        let site = Site::with(catalog(&with(keys, ""), &rules), |_| Reach::Accepts);
        let mut client = site.client();
        client.say("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").await;
        let seconds = dribble(&site, &mut client, "xxxxxxxxxx", Duration::from_secs(1)).await;
        assert!((19..=22).contains(&seconds), "after {seconds} s");
    });
}

#[test]
fn a_body_at_the_least_rate_comes_through_however_long_it_takes() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let request = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n";
        let (mut client, mut node) = site.asked(request).await;
        for _ in 0..100 {
            // 300 bytes a second on average, in gusts.
            client.say(&"x".repeat(600)).await;
            assert_eq!(node.exactly(600).await.len(), 600);
            pass(Duration::from_secs(2)).await;
        }
        node.say(OK).await;
        client.hear_until("hi").await;
    });
}

#[test]
fn a_client_whom_the_node_holds_up_is_not_blamed() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let size = 4 * crate::kit::PIPE_BYTES;
        let request = format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n");
        let (mut client, mut node) = site.asked(&request).await;
        let sent = tokio::task::spawn_local(async move {
            client.say(&"x".repeat(size)).await;
            client
        });
        // The node takes nothing for longer than a slow client has.
        pass(Duration::from_secs(25)).await;
        node.exactly(size).await;
        node.say(OK).await;
        assert!(sent.await.unwrap().hear_until("hi").await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn a_client_that_takes_nothing_of_its_answer_is_given_up_after_the_send_time_out() {
    on_paused_time(async {
        let site = site("send_timeout = \"5s\"", "");
        let (_client, mut node) = site.asked(GET).await;
        let size = 8 * crate::kit::PIPE_BYTES;
        let start = site.elapsed();
        node.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")).await;
        // Fails as soon as our side closes.
        while node.stream.write_all(&[b'x'; 1024]).await.is_ok() {}
        let seconds = site.elapsed().saturating_sub(start).as_secs();
        assert!((5..=6).contains(&seconds), "after {seconds} s");
    });
}

#[test]
fn a_client_that_we_pace_has_all_the_time_that_takes() {
    on_paused_time(async {
        let keys = "send_timeout = \"2s\"\nbandwidth_class = \"slow\"";
        // 1 kbit/s: 125 bytes a second.
        let site = site(keys, "[bandwidth_classes.slow]\nmaximum = 1\n");
        let (mut client, mut node) = site.asked(GET).await;
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n").await;
        node.say(&"x".repeat(4000)).await;
        client.head().await;
        client.exactly(4000).await;
        assert!(site.elapsed() > Duration::from_secs(20));
    });
}

const PROTECTED: &str = "protection_class = \"p\"";

#[test]
fn a_banned_address_gets_403_and_its_request_reaches_nobody() {
    on_paused_time(async {
        let site = site(PROTECTED, "[protection.p]\nbanned = \"192.0.2.0/24\"\n");
        let mut client = site.client();
        client.say(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 403 "));
        assert!(!site.has_more_nodes());
        let (_, live) = site.shared.protections().remove(0);
        assert_eq!(live.counters().refusal_ip.value(), 1);
    });
}

#[test]
fn without_an_error_page_the_connection_just_ends() {
    on_paused_time(async {
        let table = "[protection.p]\nbanned = \"192.0.2.0/24\"\nsend_error_page = false\n";
        let site = site(PROTECTED, table);
        let mut client = site.client();
        client.say(GET).await;
        assert_eq!(client.rest().await, "");
    });
}

#[test]
fn in_testing_the_banned_are_served_and_counted() {
    on_paused_time(async {
        let site = site(PROTECTED, "[protection.p]\nbanned = \"192.0.2.0/24\"\ntesting = true\n");
        let (mut client, mut node) = site.asked(GET).await;
        node.say(OK).await;
        client.hear_until("hi").await;
        let (_, live) = site.shared.protections().remove(0);
        assert!(live.counters().refusal_ip.value() > 0);
    });
}

#[test]
fn a_client_has_so_many_connections_and_room_again_when_one_ends() {
    on_paused_time(async {
        let site = site(PROTECTED, "[protection.p]\nmax_1_connections = 2\n");
        let (mut first, mut node) = site.asked(GET).await;
        node.say(OK).await;
        first.hear_until("hi").await;
        drop(node);
        let _second = site.asked(GET).await;
        let mut third = site.client();
        third.say(GET).await;
        let head = third.head().await;
        assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("Retry-After: 1\r\n"), "{head}");
        drop((first, third));
        // Until the worker has seen that they are gone.
        pass(Duration::from_millis(1)).await;
        let (mut fourth, mut node) = site.asked(GET).await;
        node.say(OK).await;
        fourth.hear_until("hi").await;
    });
}

#[test]
fn further_requests_of_a_connection_count_in_the_rate() {
    on_paused_time(async {
        let site = site(PROTECTED, "[protection.p]\nmax_connection_rate = 3\nrate_timer = 10\n");
        let (mut client, mut node) = site.asked(GET).await;
        node.say(OK).await;
        client.hear_until("hi").await;
        for _ in 0..2 {
            client.say(GET).await;
            node.head().await;
            node.say(OK).await;
            client.hear_until("hi").await;
        }
        client.say(GET).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("Retry-After: 10\r\n"), "{head}");
        pass(Duration::from_secs(12)).await;
        let mut later = site.client();
        later.say(GET).await;
        node.head().await;
        node.say(OK).await;
        later.hear_until("hi").await;
    });
}

#[test]
fn behind_a_trusted_proxy_it_is_the_client_that_counts() {
    on_paused_time(async {
        let keys = "protection_class = \"p\"\ntrusted_proxies = \"192.0.2.1\"";
        let table = "[protection.p]\nmax_1_connections = 1\nbanned = \"203.0.113.9\"\n";
        let site = site(keys, table);
        let get = |client: &str| format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n");
        let (_first, _) = site.asked(&get("203.0.113.1")).await;
        let (_second, _) = site.asked(&get("203.0.113.2")).await;
        let mut banned = site.client();
        banned.say(&get("203.0.113.9")).await;
        assert!(banned.head().await.starts_with("HTTP/1.1 403 "));
    });
}

#[test]
fn a_body_without_a_length_is_measured_on_its_way() {
    on_paused_time(async {
        let site = site(PROTECTED, "[protection.p]\nmax_body_length = 10\n");
        let mut client = site.client();
        client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 413 "));
        assert!(!site.has_more_nodes());
        let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (mut client, mut node) = site.asked(chunked).await;
        client.say("8\r\n12345678\r\n").await;
        node.hear_until("8\r\n12345678\r\n").await;
        client.say("8\r\n12345678\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 413 "));
        assert_eq!(node.rest().await, "", "the node sees a cut, not an end");
    });
}

#[test]
fn when_memory_is_scarce_connections_are_not_kept() {
    on_paused_time(async {
        let text = format!("{PLAIN}\n[settings]\nmax_memory = 1000\n");
        let site = Site::new(&text);
        site.shared.memory().measured(900);
        let (mut client, mut node) = site.asked(GET).await;
        node.say(OK).await;
        let all = client.rest().await;
        assert!(all.contains("Connection: close\r\n") && all.ends_with("hi"), "{all}");
    });
}
