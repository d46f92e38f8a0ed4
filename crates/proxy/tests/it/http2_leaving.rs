//! Clients of HTTP/2 whose server goes, or changes, and what streams of a connection share.

use crate::http2_kit::{GET, GOAWAY, HEADERS, PING, Raw, STATUS_200, answer, ask, connect, frame, get};
use crate::kit::{OK, PLAIN, Site, catalog, on_paused_time};
use proxy::{Clock, Options, Proxy, Running, Wakes};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const NO_ERROR: u32 = 0;
const EVERY_STREAM: u32 = 0x7fff_ffff;

fn last_stream(goaway: &crate::http2_kit::Frame) -> u32 {
    u32::from_be_bytes(goaway.payload[..4].try_into().unwrap())
}

/// A request runs when the process begins to `leave`: the client hears of it, the request gets its answer, and then the
/// connection ends.
fn leaves_in_order(leave: impl FnOnce(Running) + Send + 'static) {
    let (got, has_it) = mpsc::channel();
    let (answer_it, may_answer) = mpsc::channel::<()>();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let node = listener.local_addr().unwrap();
    let node_thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 4096];
        assert!(stream.read(&mut head).unwrap() > 0);
        got.send(()).unwrap();
        may_answer.recv().unwrap();
        stream.write_all(OK.as_bytes()).unwrap();
    });
    let text = PLAIN.replace("127.0.0.1:80", "127.0.0.1:0").replace("10.0.0.1:80", &node.to_string());
    let (clock, wakes) = (Clock::system(), Wakes::new());
    let options = engine::SharedOptions::default();
    let shared = engine::Shared::new(catalog(&text, &[]), &options, Box::new(wakes.clone()), clock.now());
    let workers = NonZeroUsize::new(1).unwrap();
    let running = Proxy::start(shared, (wakes, clock), Options { workers, connections_max: 10 }).unwrap();
    let address = running.addresses().next().unwrap().1;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let mut raw = Raw::over(tokio::net::TcpStream::connect(address).await.unwrap()).await;
        let stream = raw.ask(&GET).await;
        has_it.recv().unwrap();
        let leaving = std::thread::spawn(move || leave(running));
        // First it is said that streams should not be begun, then, when the client has surely read that, which was the last.
        let first = raw.hear(GOAWAY).await;
        assert_eq!((first.error(), last_stream(&first)), (NO_ERROR, EVERY_STREAM));
        let ping = raw.hear(PING).await;
        raw.say(&frame(PING, 1, 0, &ping.payload)).await;
        let second = raw.hear(GOAWAY).await;
        assert_eq!((second.error(), last_stream(&second)), (NO_ERROR, stream));
        answer_it.send(()).unwrap();
        assert_eq!(raw.hear(HEADERS).await.payload.first(), Some(&STATUS_200));
        raw.end().await;
        leaving.join().unwrap();
    });
    node_thread.join().unwrap();
}

#[test]
fn a_process_that_stops_tells_its_clients_and_finishes_their_streams() {
    leaves_in_order(|running| running.stop(Duration::from_secs(20)));
}

#[test]
fn a_process_that_has_an_heir_tells_its_clients_and_finishes_their_streams() {
    leaves_in_order(|running| running.leave_to_heir(Duration::from_secs(20)));
}

#[test]
fn a_reload_keeps_connections_and_one_that_switches_the_protocol_off_lets_them_end() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut raw = Raw::connect(&site).await;
        for is_off in [false, true] {
            let stream = raw.ask(&GET).await;
            let mut node = site.node().await;
            node.head().await;
            let text = if is_off {
                format!("{PLAIN}[virtual_servers.site.http2]\nenabled = false\n")
            } else {
                PLAIN.replace("10.0.0.1:80", "10.0.0.2:80")
            };
            site.shared.adopt(catalog(&text, &[]), site.now());
            node.say(OK).await;
            if !is_off {
                assert_eq!(raw.outcome(stream).await, Ok(STATUS_200));
                continue;
            }
            let (mut is_told, mut is_answered) = (false, false);
            while let Some(frame) = raw.next().await {
                is_told |= frame.kind == GOAWAY && frame.error() == NO_ERROR;
                is_answered |= frame.kind == HEADERS && frame.stream == stream;
            }
            assert!(is_told && is_answered, "told: {is_told}, answered: {is_answered}");
        }
        assert!(site.elapsed() < Duration::from_secs(2), "{:?}", site.elapsed());
    });
}

/// How long two answers of 50 kB take in a class of 80 kbit/s for each connection.
async fn two_answers(site: &Site, is_shared: bool) -> Duration {
    let before = site.elapsed();
    let mut one = connect(site).await;
    let mut other = if is_shared { one.clone() } else { connect(site).await };
    let mut answers = Vec::new();
    for client in [&mut one, &mut other] {
        let response = ask(client, get("/a")).await;
        let mut node = site.node().await;
        node.head().await;
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n").await;
        node.stream.write_all(&vec![b'x'; 50_000]).await.unwrap();
        answers.push(tokio::task::spawn_local(async move {
            // The node stays until its answer is through.
            let _node = node;
            answer(response.await.unwrap()).await.1.len()
        }));
    }
    for answer in answers {
        assert_eq!(answer.await.unwrap(), 50_000);
    }
    site.elapsed().saturating_sub(before)
}

#[test]
fn streams_of_a_connection_share_what_a_class_gives_to_each_connection() {
    on_paused_time(async {
        let text =
            format!("{PLAIN}slow_answers = \"backpressure\"\n[bandwidth_classes.each]\nmaximum = \"80 kbit/s\"\nsharing = \"connection\"\n")
                .replace("pool = \"nodes\"", "pool = \"nodes\"\nresponse_rules = [\"r\"]");
        let rule = "response.setBandwidthClass( \"each\" );";
        let site = Site::with(catalog(&text, &[("r", rule)]), |_| crate::kit::Reach::Accepts);
        let apart = two_answers(&site, false).await;
        let together = two_answers(&site, true).await;
        assert!(apart > Duration::from_millis(4_700) && apart < Duration::from_millis(5_300), "{apart:?}");
        assert!(
            together > Duration::from_millis(9_500) && together < Duration::from_millis(10_500),
            "{together:?}"
        );
    });
}
