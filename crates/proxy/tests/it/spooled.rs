//! Slowed answers: who waits, the node or the disk.

use crate::http2_kit::{ask, body, connect, get};
use crate::kit::{Far, GET, PLAIN, Site, on_paused_time, pass};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Bytes of a download: more than pieces in memory and the pipes of the test hold together.
const LONG: usize = 1_000_000;

/// A site whose answers go at 100,000 bytes a second; the pool says `pool`, the settings `settings`.
fn slow(pool: &str, settings: &str) -> String {
    let server = PLAIN.replace("pool = ", "bandwidth_class = \"slow\"\npool = ");
    format!("{server}{pool}\n[settings]\n{settings}\n[bandwidth_classes.slow]\nmaximum = \"800 kbit/s\"\n")
}

fn payload(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from((at * 7 + at / 251) % 251).unwrap()).collect()
}

/// The node gives its whole answer as fast as it is taken; how long that took.
async fn give(site: &Site, node: &mut Far, bytes: usize) -> Duration {
    let started = site.elapsed();
    node.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n")).await;
    node.stream.write_all(&payload(bytes)).await.unwrap();
    site.elapsed().saturating_sub(started)
}

#[test]
fn a_slowed_answer_lets_its_node_go_and_loses_nothing() {
    on_paused_time(async {
        let site = Site::new(&slow("", ""));
        let (mut client, mut node) = site.asked(GET).await;
        let gave = give(&site, &mut node, LONG).await;
        assert!(gave < Duration::from_secs(1), "the node gave it in {gave:?}");

        pass(Duration::from_millis(10)).await;
        // The same connection carries the next request while the first client still waits for its bytes.
        let mut other = site.client();
        other.say("HEAD /b HTTP/1.1\r\nHost: site.example\r\n\r\n").await;
        node.head().await;
        assert!(site.elapsed() < Duration::from_secs(1), "after {:?}", site.elapsed());
        assert!(!site.has_more_nodes());
        assert!(site.shared.spool().bytes() > 500_000, "it lies in a file");
        assert_eq!(site.shared.spool().files(), 1);

        client.head().await;
        assert!(client.exactly(LONG).await == payload(LONG));
        let took = site.elapsed();
        assert!(took > Duration::from_millis(9_500) && took < Duration::from_millis(10_500), "{took:?}");
        assert_eq!((site.shared.spool().bytes(), site.shared.spool().files()), (0, 0));
        client.say(GET).await;
        site.node().await.head().await;
    });
}

#[test]
fn with_back_pressure_the_node_waits() {
    on_paused_time(async {
        let site = Site::new(&slow("slow_answers = \"backpressure\"", ""));
        let (mut client, mut node) = site.asked(GET).await;
        let taking = async {
            client.head().await;
            client.exactly(LONG).await
        };
        let (gave, got) = tokio::join!(give(&site, &mut node, LONG), taking);
        assert!(gave > Duration::from_secs(8), "{gave:?}");
        assert!(got == payload(LONG));
        assert_eq!(site.shared.counters().spooled_answers.value(), 0);
    });
}

#[test]
fn a_small_answer_stays_in_memory_and_lets_its_node_go_as_well() {
    on_paused_time(async {
        let site = Site::new(&slow("", ""));
        let (mut client, mut node) = site.asked(GET).await;
        give(&site, &mut node, 30_000).await;
        pass(Duration::from_millis(10)).await;
        let mut other = site.client();
        other.say(GET).await;
        node.head().await;
        assert!(site.elapsed() < Duration::from_millis(300));
        assert_eq!(site.shared.counters().spooled_answers.value(), 0);
        client.head().await;
        assert!(client.exactly(30_000).await == payload(30_000));
    });
}

#[test]
fn where_there_is_no_room_the_node_waits_and_nothing_is_lost() {
    let full = [
        ("spool_max = \"300 KiB\"", 1, 0),
        ("spool_max_per_answer = \"200 KiB\"", 1, 0),
        ("spool_max_per_answer = 0", 1, 0),
        ("spool_max = 0", 0, 0),
        ("spool_folder = \"/no/such/folder\"", 0, 1),
        ("spool_folder = \"/dev/shm\"", 0, 1),
    ];
    for (settings, refused, failed) in full {
        on_paused_time(async {
            let site = Site::new(&slow("", settings));
            let (mut client, mut node) = site.asked(GET).await;
            let taking = async {
                client.head().await;
                client.exactly(LONG).await
            };
            let (gave, got) = tokio::join!(give(&site, &mut node, LONG), taking);
            assert!(gave > Duration::from_secs(5), "{settings}: {gave:?}");
            assert!(got == payload(LONG), "{settings}");
            let counters = site.shared.counters();
            assert_eq!(
                (counters.spool_full.value(), counters.spool_failures.value()),
                (refused, failed),
                "{settings}"
            );
            assert_eq!(site.shared.spool().bytes(), 0, "{settings}");
        });
    }
}

#[test]
fn a_client_that_leaves_gives_the_room_back() {
    on_paused_time(async {
        let site = Site::new(&slow("", ""));
        let (mut client, mut node) = site.asked(GET).await;
        give(&site, &mut node, LONG).await;
        client.head().await;
        assert!(site.shared.spool().bytes() > 500_000);
        drop(client);
        pass(Duration::from_secs(1)).await;
        assert_eq!((site.shared.spool().bytes(), site.shared.spool().files()), (0, 0));
    });
}

#[test]
fn a_node_that_breaks_off_leaves_a_client_that_sees_a_cut() {
    on_paused_time(async {
        let site = Site::new(&slow("", ""));
        let (mut client, mut node) = site.asked(GET).await;
        node.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        node.say(&format!("{LONG:x}\r\n")).await;
        node.stream.write_all(&payload(300_000)).await.unwrap();
        drop(node);
        client.head().await;
        let got = client.rest_of_bytes().await;
        assert!(got.len() > 300_000, "what came is sent: {} bytes", got.len());
        assert!(!got.ends_with(b"0\r\n\r\n"), "no end is made up");
        assert_eq!(site.shared.counters().cut_responses.value(), 1);
    });
}

#[test]
fn chunks_and_trailers_come_through_the_file() {
    on_paused_time(async {
        let site = Site::new(&slow("", ""));
        let (mut client, mut node) = site.asked(GET).await;
        node.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Digest\r\n\r\n").await;
        for piece in payload(200_000).chunks(777) {
            node.say(&format!("{:x}\r\n", piece.len())).await;
            node.stream.write_all(piece).await.unwrap();
            node.say("\r\n").await;
        }
        node.say("0\r\nDigest: abc\r\n\r\n").await;
        assert!(site.elapsed() < Duration::from_secs(1));
        client.head().await;
        let mut got = Vec::new();
        loop {
            let size = client.hear_until("\r\n").await;
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            if size == 0 {
                break;
            }
            got.extend(client.exactly(size).await);
            client.exactly(2).await;
        }
        assert!(got == payload(200_000));
        assert_eq!(client.head().await.to_lowercase(), "digest: abc\r\n\r\n");
    });
}

#[test]
fn answers_without_a_body_let_their_node_go() {
    on_paused_time(async {
        let site = Site::new(&slow("", "").replace("800 kbit/s", "1 kbit/s"));
        let (mut client, mut node) = site.asked("HEAD /a HTTP/1.1\r\nHost: site.example\r\n\r\n").await;
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
        pass(Duration::from_millis(10)).await;
        let mut other = site.client();
        other.say(GET).await;
        node.head().await;
        assert!(site.elapsed() < Duration::from_millis(100), "{:?}", site.elapsed());
        node.say("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n").await;
        assert!(client.head().await.contains("ontent-Length: 1000000"));
        assert!(other.head().await.starts_with("HTTP/1.1 304"));
    });
}

#[test]
fn the_request_goes_on_to_its_node_while_the_answer_is_taken() {
    on_paused_time(async {
        let site = Site::new(&slow("", ""));
        let mut client = site.client();
        client.say("POST /a HTTP/1.1\r\nHost: site.example\r\nContent-Length: 10\r\n\r\n01234").await;
        let mut node = site.node().await;
        node.head().await;
        give(&site, &mut node, LONG).await;
        client.say("56789").await;
        assert_eq!(node.exactly(10).await, b"0123456789");
        assert!(site.elapsed() < Duration::from_secs(1));
        client.head().await;
        assert!(client.exactly(LONG).await == payload(LONG));
    });
}

#[test]
fn streams_of_http_2_do_not_hold_their_nodes_either() {
    on_paused_time(async {
        let site = Site::new(
            &slow("", "")
                .replace("[virtual_servers.site]", "[virtual_servers.site]\nhttp2 = { cleartext = true }"),
        );
        let mut client = connect(&site).await;
        let answers = [ask(&mut client, get("/a")).await, ask(&mut client, get("/b")).await];
        let mut nodes = [site.node().await, site.node().await];
        for node in &mut nodes {
            node.head().await;
            give(&site, node, LONG / 2).await;
        }
        assert!(site.elapsed() < Duration::from_secs(1), "{:?}", site.elapsed());
        let [one, other] = answers.map(async |answer| {
            let got = body(&mut answer.await.unwrap().into_body()).await.unwrap();
            assert!(got == payload(LONG / 2));
        });
        tokio::join!(one, other);
        assert!(site.elapsed() > Duration::from_millis(9_500), "{:?}", site.elapsed());
    });
}

#[test]
fn a_class_that_may_hold_one_node_connection_lets_its_requests_in_one_after_the_other() {
    on_paused_time(async {
        let text = slow("slow_answers = \"backpressure\"", "") + "max_node_connections = 1\n";
        let site = Site::new(&text);
        let (mut client, mut node) = site.asked(GET).await;
        let mut other = site.client();
        other.say(GET).await;
        let mut gone = site.client();
        gone.say(GET).await;
        pass(Duration::from_millis(100)).await;
        drop(gone);
        assert!(!site.has_more_nodes(), "the second waits");
        let taking = async {
            client.head().await;
            client.exactly(LONG).await
        };
        tokio::join!(give(&site, &mut node, LONG), taking);
        assert!(!site.has_more_nodes());
        node.head().await;
        give(&site, &mut node, 10).await;
        other.head().await;
        other.exactly(10).await;
        assert_eq!(site.shared.counters().node_queued.value(), 2);
        assert_eq!(site.shared.counters().node_queue_refused.value(), 0);
    });
}
