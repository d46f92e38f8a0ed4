//! Nodes that misbehave, and nodes that are not there.

use crate::kit::{GET, OK, PLAIN, Reach, Site, catalog, on_paused_time};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const TWO_NODES: &str = "[virtual_servers.site]\nlisten = \"127.0.0.1:80\"\npool = \"nodes\"\n\
    [pools.nodes]\nnodes = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\n";

#[test]
fn a_node_that_refuses_is_left_alone_and_the_other_is_asked() {
    on_paused_time(async {
        let asked = Rc::new(Cell::new(0));
        let counted = Rc::clone(&asked);
        let site = Site::with(catalog(TWO_NODES, &[]), move |name| {
            if name == "10.0.0.1:80" {
                counted.set(counted.get() + 1);
                return Reach::Refuses;
            }
            Reach::Accepts
        });
        for _ in 0..4 {
            let mut client = site.client();
            client
                .say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
                .await;
            let (name, mut node) = site.named_node().await;
            assert_eq!(name, "10.0.0.2:80");
            node.hear_until("\r\n\r\nhi").await;
            node.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").await;
            assert!(client.rest().await.starts_with("HTTP/1.1 200 "));
        }
        assert_eq!(asked.get(), 1, "it was asked again within its fail time");
    });
}

#[test]
fn where_nobody_answers_the_client_is_told_so() {
    on_paused_time(async {
        let site = Site::with(catalog(TWO_NODES, &[]), |_| Reach::Refuses);
        let mut client = site.client();
        client.say(GET).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 502 ") && !head.contains("Connection: close"), "{head}");
    });
}

#[test]
fn a_node_that_does_not_accept_costs_the_connect_time() {
    on_paused_time(async {
        let site = Site::with(
            catalog(&PLAIN.replace("nodes = [", "max_connect_time = \"2s\"\nnodes = ["), &[]),
            |_| Reach::Hangs,
        );
        let mut client = site.client();
        client.say(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 504 "));
        assert!(site.elapsed() >= Duration::from_secs(2) && site.elapsed() < Duration::from_millis(2300));
    });
}

#[test]
fn a_node_that_hangs_costs_the_reply_time_and_is_not_asked_twice() {
    on_paused_time(async {
        let site = Site::new(&TWO_NODES.replace("nodes = [", "max_reply_time = \"3s\"\nnodes = ["));
        let (mut client, mut node) = site.asked(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 504 "));
        assert!(site.elapsed() >= Duration::from_secs(3) && site.elapsed() < Duration::from_millis(3300));
        assert!(!site.has_more_nodes());
        assert_eq!(node.rest().await, "");
    });
}

#[test]
fn a_transaction_has_a_last_moment() {
    on_paused_time(async {
        let site = Site::new(&PLAIN.replace("pool = ", "max_transaction_duration = \"2s\"\npool = "));
        let (mut client, _node) = site.asked(GET).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    });
}

#[test]
fn garbage_and_double_framing_never_reach_the_client() {
    for answer in [
        "garbage garbage\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
    ] {
        on_paused_time(async move {
            let site = Site::new(PLAIN);
            let (mut client, mut node) = site.asked(GET).await;
            node.say(answer).await;
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 502 "), "{answer:?} gave {head}");
            assert_eq!(node.rest().await, "");
            let counters = site.shared.counters();
            assert_eq!((counters.node_bad_responses.value(), counters.node_failures.value()), (1, 0));
        });
    }
}

#[test]
fn that_a_node_fails_and_comes_back_is_counted_once_each() {
    on_paused_time(async {
        let is_down = Rc::new(Cell::new(true));
        let state = Rc::clone(&is_down);
        let site = Site::with(
            catalog(PLAIN, &[]),
            move |_| {
                if state.get() { Reach::Refuses } else { Reach::Accepts }
            },
        );
        let mut client = site.client();
        client.say(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
        is_down.set(false);
        for _ in 0..2 {
            let (mut client, mut node) = site.asked(GET).await;
            node.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").await;
            assert!(client.head().await.starts_with("HTTP/1.1 200 "));
        }
        let counters = site.shared.counters();
        assert_eq!((counters.node_failures.value(), counters.node_recoveries.value()), (1, 1));
    });
}

#[test]
fn a_node_that_dies_in_the_middle_is_seen_as_a_cut() {
    for (answer, wanted) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort", "\r\n\r\nshort"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n", "5\r\nshort\r\n"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\nx\r\n", "5\r\nshort\r\n"),
    ] {
        on_paused_time(async move {
            let site = Site::new(PLAIN);
            let (mut client, mut node) = site.asked(GET).await;
            node.say(answer).await;
            drop(node);
            let all = client.rest().await;
            assert!(all.ends_with(wanted), "{answer:?} gave {all:?}");
            assert_eq!(site.shared.counters().cut_responses.value(), 1);
        });
    }
}

#[test]
fn a_connection_closed_while_idle_is_not_used_again() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site.asked(GET).await;
        node.say(OK).await;
        client.hear_until("hi").await;
        drop(node);
        client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
        let mut fresh = site.node().await;
        fresh.hear_until("\r\n\r\nhi").await;
        fresh.say(OK).await;
        assert!(client.hear_until("hi").await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn a_connection_closed_at_the_moment_of_reuse_is_replaced_where_that_is_safe() {
    for (request, is_safe) in
        [(GET, true), ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", false)]
    {
        on_paused_time(async move {
            let site = Site::new(PLAIN);
            let (mut client, mut node) = site.asked(GET).await;
            node.say(OK).await;
            client.hear_until("hi").await;
            client.say(request).await;
            node.head().await;
            drop(node);
            if is_safe {
                let mut fresh = site.node().await;
                fresh.head().await;
                fresh.say(OK).await;
                assert!(client.hear_until("hi").await.starts_with("HTTP/1.1 200 "));
            } else {
                assert!(client.head().await.starts_with("HTTP/1.1 502 "));
                assert!(!site.has_more_nodes(), "a POST was sent twice");
            }
        });
    }
}

#[test]
fn bytes_behind_an_answer_spoil_the_connection() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site.asked(GET).await;
        node.say(&format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")).await;
        client.hear_until("hi").await;
        client.say(GET).await;
        let mut fresh = site.node().await;
        fresh.head().await;
        fresh.say(OK).await;
        assert!(client.hear_until("hi").await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn bytes_that_come_unasked_while_idle_spoil_the_connection() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site.asked(GET).await;
        node.say(OK).await;
        client.hear_until("hi").await;
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").await;
        client.say(GET).await;
        let mut fresh = site.node().await;
        fresh.head().await;
        fresh.say(OK).await;
        client.hear_until("hi").await;
    });
}

#[test]
fn an_answer_byte_by_byte_is_an_answer() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site.asked(GET).await;
        for byte in "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".chars() {
            node.say(&byte.to_string()).await;
            tokio::task::yield_now().await;
        }
        assert!(client.hear_until("0\r\n\r\n").await.ends_with("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"));
    });
}

#[test]
fn idle_connections_end_with_their_time() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) =
            site.asked("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        node.say(OK).await;
        client.rest().await;
        assert_eq!(node.rest().await, "");
        assert!(site.elapsed() >= Duration::from_mins(1) && site.elapsed() < Duration::from_secs(62));
    });
}
