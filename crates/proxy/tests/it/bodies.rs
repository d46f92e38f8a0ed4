//! Bodies both ways.

use crate::kit::{GET, OK, PIPE_BYTES, PLAIN, Site, on_paused_time};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[test]
fn chunks_and_trailers_are_framed_anew_both_ways() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client
            .say(
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                 3;ext=1\r\nabc\r\n02\r\nde\r\n0\r\nX-Sum: 5\r\nContent-Length: 3\r\n\r\n",
            )
            .await;
        let mut node = site.node().await;
        assert!(node.head().await.contains("Transfer-Encoding: chunked\r\n"));
        let body = node.hear_until("\r\n\r\n").await;
        assert_eq!(body, "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
        node.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\nX-T: 1\r\n\r\n")
            .await;
        client.head().await;
        assert_eq!(client.hear_until("\r\n\r\n").await, "4\r\nfine\r\n0\r\nX-T: 1\r\n\r\n");
        client.say(GET).await;
        assert!(node.head().await.starts_with("GET /a "), "both connections go on");
    });
}

#[test]
fn a_body_until_close_becomes_chunks() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site.asked(GET).await;
        node.say("HTTP/1.0 200 OK\r\n\r\nall of it").await;
        drop(node);
        let head = client.head().await;
        assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
        assert_eq!(client.hear_until("0\r\n\r\n").await, "9\r\nall of it\r\n0\r\n\r\n");
    });
}

#[test]
fn heads_without_bodies_keep_the_length_they_name() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site.asked("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await;
        assert!(client.head().await.contains("Content-Length: 1000\r\n"));
        client.say(GET).await;
        node.head().await;
        node.say("HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n").await;
        assert!(client.head().await.contains("ETag: x\r\n"));
        client.say(GET).await;
        node.head().await;
        node.say(OK).await;
        client.hear_until("hi").await;
    });
}

#[test]
fn a_node_that_wants_the_body_is_passed_on_as_100_continue() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n").await;
        let mut node = site.node().await;
        assert!(node.head().await.contains("Expect: 100-continue\r\n"));
        node.say("HTTP/1.1 100 Continue\r\n\r\n").await;
        assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.say("body").await;
        assert_eq!(node.exactly(4).await, b"body");
        node.say(OK).await;
        assert!(client.hear_until("hi").await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn a_node_that_says_nothing_gets_the_body_after_a_second() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site
            .asked("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
            .await;
        assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
        assert!(site.elapsed() >= Duration::from_secs(1));
        client.say("body").await;
        assert_eq!(node.exactly(4).await, b"body");
        node.say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n").await;
        node.say(OK).await;
        assert!(client.head().await.starts_with("HTTP/1.1 103 "), "a second 100 is not passed on");
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn a_node_that_refuses_a_body_spares_the_client_sending_it() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site
            .asked("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
            .await;
        node.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n").await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 413 ") && head.contains("Connection: close\r\n"), "{head}");
        assert_eq!(node.rest().await, "", "the node's connection is not used again");
    });
}

#[test]
fn interim_answers_are_kept_from_old_clients() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site.asked("GET / HTTP/1.0\r\nHost: a\r\n\r\n").await;
        node.say("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n").await;
        node.say(OK).await;
        assert!(client.rest().await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn an_answer_may_come_while_the_request_is_still_on_its_way() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) =
            site.asked("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345").await;
        assert_eq!(node.exactly(5).await, b"12345");
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nea").await;
        let head = client.head().await;
        assert!(head.contains("Connection: close\r\n"), "{head}");
        assert_eq!(client.exactly(2).await, b"ea");
        client.say("67890").await;
        assert_eq!(node.exactly(5).await, b"67890", "the rest still reaches the node");
        node.say("ly").await;
        assert_eq!(client.rest().await, "ly");
    });
}

#[test]
fn an_upgrade_joins_both_streams() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client
            .say("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\n")
            .await;
        let mut node = site.node().await;
        let head = node.head().await;
        assert!(
            head.contains("Upgrade: websocket\r\n") && head.contains("Connection: Upgrade\r\n"),
            "{head}"
        );
        node.say(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfirst",
        )
        .await;
        let head = client.head().await;
        assert!(
            head.contains("Upgrade: websocket\r\n") && head.contains("Connection: Upgrade\r\n"),
            "{head}"
        );
        assert_eq!(client.exactly(5).await, b"first");
        client.say("to the node").await;
        assert_eq!(node.exactly(11).await, b"to the node");
        client.half_close().await;
        assert_eq!(node.rest().await, "");
        node.say("last").await;
        node.half_close().await;
        assert_eq!(client.rest().await, "last");
    });
}

#[test]
fn an_upgrade_that_nobody_asked_for_is_a_bad_answer() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site.asked(GET).await;
        node.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nsmuggled").await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    });
}

#[test]
fn a_malformed_request_body_is_refused() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site
            .asked("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            .await;
        node.hear_until("hello\r\n").await;
        client.say("0x5\r\nhello\r\n0\r\n\r\n").await;
        assert!(client.rest().await.starts_with("HTTP/1.1 400 "));
        assert_eq!(node.rest().await, "", "the node sees a cut, not an end");
    });
}

#[test]
fn a_slow_receiver_slows_the_sender_and_little_is_held() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site.asked(GET).await;
        let all = 50_000_000_u64;
        node.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {all}\r\n\r\n")).await;
        let piece = vec![b'x'; 16 * 1024];
        let mut sent = 0_u64;
        // The client does not read: what goes in is what pipes and the relay hold.
        while let Ok(count) = tokio::time::timeout(Duration::from_millis(10), node.stream.write(&piece)).await
        {
            sent += count.unwrap() as u64;
        }
        assert!(sent < 4 * PIPE_BYTES as u64, "{sent} bytes were taken ahead");
        client.head().await;
        let feeder = async {
            while sent < all {
                let wanted = usize::try_from(all - sent).unwrap().min(piece.len());
                sent += node.stream.write(&piece[..wanted]).await.unwrap() as u64;
            }
        };
        let eater = async {
            let mut got = 0;
            while got < all {
                got += client.some().await as u64;
            }
        };
        tokio::join!(feeder, eater);
    });
}

#[test]
fn a_large_upload_streams() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        let all = 20_000_000;
        client.say(&format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {all}\r\n\r\n")).await;
        let mut node = site.node().await;
        node.head().await;
        let feeder = async {
            let piece = vec![b'u'; 40_000];
            for _ in 0..all / piece.len() {
                client.stream.write_all(&piece).await.unwrap();
            }
        };
        let eater = async {
            let mut left = all;
            while left > 0 {
                left -= node.some().await;
            }
        };
        tokio::join!(feeder, eater);
        node.say(OK).await;
        let head = client.hear_until("hi").await;
        assert!(!head.contains("Connection: close"), "{head}");
    });
}

#[test]
fn a_paced_body_comes_at_its_rate_and_in_small_pieces() {
    on_paused_time(async {
        let text = format!(
            "{}[bandwidth_classes.slow]\nmaximum = 800\n",
            PLAIN.replace("pool = ", "bandwidth_class = \"slow\"\npool = ")
        );
        let site = Site::new(&text);
        let (mut client, mut node) = site.asked(GET).await;
        let all = 1_000_000;
        node.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {all}\r\n\r\n")).await;
        let feeder = async { node.stream.write_all(&vec![b'x'; all]).await.unwrap() };
        let eater = async {
            client.head().await;
            let started = site.elapsed();
            let (mut got, mut last, mut silence) = (0, started, Duration::ZERO);
            while got < all {
                got += client.some().await;
                silence = silence.max(site.elapsed().saturating_sub(last));
                last = site.elapsed();
            }
            (last.saturating_sub(started), silence)
        };
        let ((), (took, silence)) = tokio::join!(feeder, eater);
        // 100 KB a second.
        assert!(took > Duration::from_millis(9_900) && took < Duration::from_millis(10_200), "{took:?}");
        assert!(silence < Duration::from_millis(150), "{silence:?}");
    });
}
