//! Clients of HTTP/2 that keep the rules, before nodes of HTTP/1.1.

use crate::http2_kit::{
    END_HEADERS, END_STREAM, GOAWAY, HEADERS, Raw, STATUS_200, answer, ask, block, body, connect, frame, get,
    open, request,
};
use crate::kit::{OK, PLAIN, Reach, Site, catalog, on_paused_time, pass};
use bytes::Bytes;
use http::Request;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

fn site_with(rule: &str, more: &str) -> Site {
    let text = PLAIN.replace("pool = ", "request_rules = [\"rule\"]\npool = ");
    Site::with(catalog(&format!("{text}{more}"), &[("rule", rule)]), |_| Reach::Accepts)
}

#[test]
fn requests_of_one_connection_are_served_side_by_side() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = connect(&site).await;
        let first = ask(&mut client, get("/first")).await;
        let mut slow = site.node().await;
        let head = slow.head().await;
        assert!(head.starts_with("GET /first HTTP/1.1\r\nHost: site.example\r\n"), "{head}");
        assert!(head.contains("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"), "{head}");
        let second = ask(&mut client, get("/second")).await;
        let mut fast = site.node().await;
        fast.head().await;
        fast.say("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\nX-A: b\r\n\r\nnone")
            .await;
        let response = second.await.unwrap();
        assert_eq!(response.headers()["x-a"], "b");
        assert_eq!(response.headers()["content-length"], "4");
        assert!(!response.headers().contains_key("connection"));
        assert_eq!(answer(response).await, (404, "none".to_owned()));
        slow.say(OK).await;
        assert_eq!(answer(first.await.unwrap()).await, (200, "hi".to_owned()));
    });
}

#[test]
fn answers_without_body_have_none() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = connect(&site).await;
        for (method, node_says, status, length) in [
            ("HEAD", "200 OK\r\nContent-Length: 5", 200, Some("5")),
            ("GET", "204 No Content", 204, None),
            ("GET", "304 Not Modified\r\nContent-Length: 5", 304, Some("5")),
            ("GET", "200 OK\r\nContent-Length: 0", 200, Some("0")),
        ] {
            let response = ask(&mut client, request(method, "/").body(()).unwrap()).await;
            let mut node = site.node().await;
            node.head().await;
            node.say(&format!("HTTP/1.1 {node_says}\r\nConnection: close\r\n\r\n")).await;
            let response = response.await.unwrap();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(
                response.headers().get("content-length").map(|length| length.to_str().unwrap()),
                length
            );
            assert!(response.body().is_end_stream(), "{node_says}");
        }
    });
}

#[test]
fn trailers_go_both_ways() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = connect(&site).await;
        let call = request("POST", "/call").header("te", "trailers").body(()).unwrap();
        let (response, mut upload) = open(&mut client, call).await;
        upload.send_data(Bytes::from_static(b"ask"), false).unwrap();
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-sum", "1".parse().unwrap());
        trailers.insert("content-length", "9".parse().unwrap());
        upload.send_trailers(trailers).unwrap();
        let mut node = site.node().await;
        let head = node.head().await;
        assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
        assert_eq!(node.hear_until("\r\n\r\n").await, "3\r\nask\r\n0\r\nx-sum: 1\r\n\r\n");
        node.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n3\r\ntel\r\n")
            .await;
        let response = response.await.unwrap();
        assert!(!response.headers().contains_key("transfer-encoding"));
        let mut answer = response.into_body();
        assert_eq!(answer.data().await.unwrap().unwrap(), "tel");
        node.say("0\r\ngrpc-status: 0\r\nHost: b\r\n\r\n").await;
        assert_eq!(body(&mut answer).await.unwrap(), b"");
        let trailers = answer.trailers().await.unwrap().unwrap();
        assert_eq!((trailers.len(), &trailers["grpc-status"]), (1, &"0".parse().unwrap()));
    });
}

#[test]
fn interim_answers_come_before_the_real_one() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut raw = Raw::connect(&site).await;
        let stream = raw.ask(&crate::http2_kit::GET).await;
        let mut node = site.node().await;
        node.head().await;
        node.say("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n").await;
        let interim = raw.hear(HEADERS).await;
        assert_eq!(interim.stream, stream);
        node.say(OK).await;
        assert_eq!(raw.outcome(stream).await, Ok(STATUS_200));
    });
}

#[test]
fn a_client_that_waits_for_100_gets_it_from_the_node() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = connect(&site).await;
        let upload = request("PUT", "/a").header("expect", "100-continue").header("content-length", "3");
        let (mut response, mut upload) = open(&mut client, upload.body(()).unwrap()).await;
        let mut node = site.node().await;
        assert!(node.head().await.contains("Expect: 100-continue\r\n"));
        node.say("HTTP/1.1 100 Continue\r\n\r\n").await;
        let interim = std::future::poll_fn(|context| response.poll_informational(context)).await;
        assert_eq!(interim.unwrap().unwrap().status(), 100);
        upload.send_data(Bytes::from_static(b"abc"), true).unwrap();
        assert_eq!(node.exactly(3).await, b"abc");
        node.say(OK).await;
        assert_eq!(answer(response.await.unwrap()).await.0, 200);
    });
}

#[test]
fn an_answer_that_the_node_cuts_is_a_cut_and_never_a_whole_one() {
    for head in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
        on_paused_time(async move {
            let site = Site::new(PLAIN);
            let mut client = connect(&site).await;
            let response = ask(&mut client, get("/")).await;
            let mut node = site.node().await;
            node.head().await;
            node.say(&format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n5\r\nabc")).await;
            let mut answer = response.await.unwrap().into_body();
            assert!(answer.data().await.is_some());
            drop(node);
            assert_eq!(body(&mut answer).await, None);
            assert_eq!(site.shared.counters().cut_responses.value(), 1);
        });
    }
}

#[test]
fn an_answer_until_the_end_of_the_connection_ends_its_stream() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = connect(&site).await;
        let response = ask(&mut client, get("/")).await;
        let mut node = site.node().await;
        node.head().await;
        node.say("HTTP/1.0 200 OK\r\n\r\nall of it").await;
        drop(node);
        assert_eq!(answer(response.await.unwrap()).await, (200, "all of it".to_owned()));
    });
}

#[test]
fn a_large_body_goes_through_whole_both_ways_at_the_pace_of_windows() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = connect(&site).await;
        let all: Vec<u8> =
            (0..1_000_000_u32).map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[2]).collect();
        let (response, mut upload) = open(&mut client, request("POST", "/").body(()).unwrap()).await;
        let sent = all.clone();
        let sending = async move {
            let mut rest = Bytes::from(sent);
            while !rest.is_empty() {
                upload.reserve_capacity(rest.len());
                let room =
                    std::future::poll_fn(|context| upload.poll_capacity(context)).await.unwrap().unwrap();
                let piece = rest.split_to(room.min(rest.len()));
                upload.send_data(piece, rest.is_empty()).unwrap();
            }
        };
        let echoing = async {
            let mut node = site.node().await;
            node.head().await;
            let mut got = Vec::new();
            loop {
                let size = node.hear_until("\r\n").await;
                let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
                got.extend(node.exactly(size).await);
                node.hear_until("\r\n").await;
                if size == 0 {
                    break;
                }
            }
            node.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", got.len())).await;
            node.stream.write_all(&got).await.unwrap();
            node
        };
        let reading = async { body(&mut response.await.unwrap().into_body()).await };
        let ((), _node, got) = tokio::join!(sending, echoing, reading);
        assert!(got.unwrap() == all);
    });
}

#[test]
fn a_queued_stream_holds_up_no_other_and_leaves_the_queue_with_its_reset() {
    on_paused_time(async {
        let rule = "if( http.getPath() == \"/queued\" ) { rate.use( \"one\" ); }";
        let site = site_with(rule, "[rate_classes.one]\nmax_rate_per_minute = 1\n");
        let mut client = connect(&site).await;
        let first = ask(&mut client, get("/queued")).await;
        let mut node = site.node().await;
        node.head().await;
        let upload = request("POST", "/queued").header("content-length", "10000000").body(()).unwrap();
        let (queued, mut upload) = open(&mut client, upload).await;
        upload.send_data(Bytes::from(vec![b'x'; 10_000_000]), true).unwrap();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(site.shared.counters().queued.value(), 1);
        let free = ask(&mut client, get("/free")).await;
        let mut other = site.node().await;
        assert!(other.head().await.starts_with("GET /free "));
        other.say(OK).await;
        assert_eq!(answer(free.await.unwrap()).await.0, 200);
        assert!(site.elapsed() < Duration::from_millis(10), "{:?}", site.elapsed());
        upload.send_reset(h2::Reason::CANCEL);
        drop(queued);
        while site.shared.counters().clients_left.value() == 0 {
            tokio::task::yield_now().await;
        }
        node.say(OK).await;
        assert_eq!(answer(first.await.unwrap()).await.0, 200);
        assert!(site.elapsed() < Duration::from_secs(1));
    });
}

/// Begins a request with a body to come.
async fn upload_of(raw: &mut Raw) -> u32 {
    let stream = raw.number();
    let [_, scheme, authority, path] = crate::http2_kit::GET;
    let head = block(&[(":method", "POST"), scheme, authority, path]);
    raw.say(&frame(HEADERS, END_HEADERS, stream, &head)).await;
    stream
}

const FLOW_CONTROL_ERROR: u32 = 3;

#[test]
fn of_a_queued_request_no_more_than_a_narrow_window_is_taken_in() {
    on_paused_time(async {
        let site = site_with("rate.use( \"one\" );", "[rate_classes.one]\nmax_rate_per_minute = 1\n");
        for (is_settled, fits) in [(true, 16_384), (false, 65_535)] {
            let mut raw = Raw::connect(&site).await;
            let settings = raw.hear(crate::http2_kit::SETTINGS).await;
            assert!(settings.payload.chunks(6).any(|setting| setting == [0, 4, 0, 0, 64, 0]), "{settings:?}");
            if is_settled {
                raw.say(&frame(crate::http2_kit::SETTINGS, 1, 0, &[])).await;
            }
            raw.ask(&crate::http2_kit::GET).await;
            let stream = upload_of(&mut raw).await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            let mut left = fits;
            while left > 0 {
                let piece = left.min(16_000);
                raw.say(&frame(crate::http2_kit::DATA, 0, stream, &vec![0; piece])).await;
                left -= piece;
            }
            raw.say(&frame(crate::http2_kit::PING, 0, 0, &[7; 8])).await;
            assert_eq!(raw.hear(crate::http2_kit::PING).await.payload, [7; 8], "so much is allowed");
            raw.say(&frame(crate::http2_kit::DATA, 0, stream, &[0])).await;
            assert_eq!(raw.end().await, Some(FLOW_CONTROL_ERROR));
        }
    });
}

#[test]
fn an_upload_that_is_answered_early_is_stopped_when_the_answer_had_time_to_be_read() {
    on_paused_time(async {
        let site = site_with("http.sendResponse( 403, \"text/plain\", \"no\", \"\" );", "");
        let mut raw = Raw::connect(&site).await;
        let stream = upload_of(&mut raw).await;
        raw.say(&frame(crate::http2_kit::DATA, 0, stream, b"some")).await;
        let answer = raw.hear(crate::http2_kit::DATA).await;
        assert_eq!((answer.stream, &answer.payload[..]), (stream, &b"no"[..]));
        let reset = raw.hear(crate::http2_kit::RST_STREAM).await;
        assert_eq!((reset.stream, reset.error()), (stream, 0));
        let took = site.elapsed();
        assert!(took >= Duration::from_secs(1) && took < Duration::from_millis(1_200), "{took:?}");
    });
}

#[test]
fn the_window_of_a_stream_is_widened_when_its_body_is_wanted() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut raw = Raw::connect(&site).await;
        let stream = upload_of(&mut raw).await;
        site.node().await.head().await;
        loop {
            let update = raw.hear(crate::http2_kit::WINDOW_UPDATE).await;
            if update.stream == stream {
                assert_eq!(update.payload, (256 * 1024 - 16 * 1024_u32).to_be_bytes());
                break;
            }
        }
    });
}

#[test]
fn a_slow_class_holds_back_its_own_streams_only() {
    on_paused_time(async {
        let rule = "if( http.getPath() == \"/slow\" ) { response.setBandwidthClass( \"slow\" ); }";
        let site = site_with(rule, "[bandwidth_classes.slow]\nmaximum = \"80 kbit/s\"\n");
        let mut client = connect(&site).await;
        let mut answers = Vec::new();
        let mut kept = None;
        for path in ["/slow", "/fast"] {
            let response = ask(&mut client, get(path)).await;
            // The slow answer has let its node go when the fast one is asked for.
            let mut node = match kept.take() {
                Some(node) => node,
                None => site.node().await,
            };
            node.head().await;
            node.say("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n").await;
            node.stream.write_all(&vec![b'x'; 50_000]).await.unwrap();
            pass(Duration::from_millis(1)).await;
            answers.push(response);
            kept = Some(node);
        }
        let fast = answers.pop().unwrap();
        assert_eq!(answer(fast.await.unwrap()).await.1.len(), 50_000);
        assert!(site.elapsed() < Duration::from_millis(50), "{:?}", site.elapsed());
        let slow = answers.pop().unwrap();
        assert_eq!(answer(slow.await.unwrap()).await.1.len(), 50_000);
        let took = site.elapsed();
        assert!(took > Duration::from_millis(4_800) && took < Duration::from_millis(5_200), "{took:?}");
    });
}

#[test]
fn rules_see_the_version_and_what_their_connection_keeps() {
    on_paused_time(async {
        let rule = "connection.data.set( \"seen\", connection.data.get( \"seen\" ) . \"x\" );\n\
                    http.sendResponse( 200, \"text/plain\", http.getVersion() . \" \" . connection.data.get( \"seen\" ), \"\" );";
        let site = site_with(rule, "");
        let mut client = connect(&site).await;
        for expected in ["HTTP/2.0 x", "HTTP/2.0 xx"] {
            let response = ask(&mut client, get("/")).await.await.unwrap();
            assert_eq!(answer(response).await, (200, expected.to_owned()));
        }
        let mut other = connect(&site).await;
        let response = ask(&mut other, get("/")).await.await.unwrap();
        assert_eq!(answer(response).await.1, "HTTP/2.0 x");
    });
}

#[test]
fn a_rule_reads_a_body_whose_length_was_not_said() {
    on_paused_time(async {
        let rule = "http.sendResponse( 200, \"text/plain\", http.getBody() . \"!\", \"\" );";
        let site = site_with(rule, "");
        let mut client = connect(&site).await;
        let (response, mut upload) = open(&mut client, request("POST", "/").body(()).unwrap()).await;
        upload.send_data(Bytes::from_static(b"one "), false).unwrap();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        upload.send_data(Bytes::from_static(b"two"), true).unwrap();
        assert_eq!(answer(response.await.unwrap()).await.1, "one two!");
    });
}

#[test]
fn a_rule_streams_its_answer() {
    on_paused_time(async {
        let rule = "http.stream.startResponse( 200, \"text/plain\" ); http.stream.writeResponse( \"a\" );\n\
                    http.stream.writeResponse( \"b\" ); http.stream.finishResponse( \"c\" );";
        let site = site_with(rule, "");
        let mut client = connect(&site).await;
        let response = ask(&mut client, get("/")).await.await.unwrap();
        assert_eq!(answer(response).await.1, "abc");
    });
}

#[test]
fn a_host_that_nobody_serves_is_told_so() {
    on_paused_time(async {
        let site = Site::new(&PLAIN.replace("pool = ", "hosts = [\"other.example\"]\npool = "));
        let mut client = connect(&site).await;
        let response = ask(&mut client, get("/")).await.await.unwrap();
        assert_eq!(answer(response).await.0, 421);
    });
}

/// An extended `CONNECT`.
pub(crate) fn websocket() -> Request<()> {
    let mut request = request("CONNECT", "/chat").header("sec-websocket-version", "13").body(()).unwrap();
    request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    request
}

#[test]
fn a_websocket_is_a_tunnel_to_a_node_of_http_1() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = connect(&site).await;
        // The settings of the server come first.
        while !client.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
        let (response, mut up) = open(&mut client, websocket()).await;
        let mut node = site.node().await;
        let head = node.head().await;
        assert!(
            head.starts_with("GET /chat HTTP/1.1\r\n") && head.contains("Upgrade: websocket\r\n"),
            "{head}"
        );
        assert!(
            head.contains("Connection: Upgrade\r\n") && head.contains("sec-websocket-version: 13\r\n"),
            "{head}"
        );
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = http2::websocket::accept(key);
        node.say(&format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: chat\r\n\r\nhello"
        ))
        .await;
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
        for absent in ["upgrade", "connection", "sec-websocket-accept"] {
            assert!(!response.headers().contains_key(absent), "{absent}");
        }
        let mut down = response.into_body();
        assert_eq!(down.data().await.unwrap().unwrap(), "hello");
        up.send_data(Bytes::from_static(b"ping"), false).unwrap();
        assert_eq!(node.exactly(4).await, b"ping");
        node.say("pong").await;
        assert_eq!(down.data().await.unwrap().unwrap(), "pong");
        up.send_data(Bytes::new(), true).unwrap();
        assert_eq!(node.rest().await, "");
        drop(node);
        assert_eq!(body(&mut down).await.unwrap(), b"");
    });
}

#[test]
fn a_node_that_did_not_understand_the_handshake_opens_no_tunnel() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = connect(&site).await;
        while !client.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
        let (response, _up) = open(&mut client, websocket()).await;
        let mut node = site.node().await;
        node.head().await;
        node.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n").await;
        assert_eq!(response.await.unwrap().status(), 502);
    });
}

#[test]
fn an_idle_connection_is_told_to_go_and_one_at_work_is_not() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut raw = Raw::connect(&site).await;
        let stream = raw.ask(&crate::http2_kit::GET).await;
        let mut node = site.node().await;
        node.head().await;
        tokio::time::advance(Duration::from_secs(20)).await;
        node.say(OK).await;
        assert_eq!(raw.outcome(stream).await, Ok(STATUS_200));
        let no_error = 0;
        assert_eq!(raw.hear(GOAWAY).await.error(), no_error);
        let took = site.elapsed();
        assert!(took >= Duration::from_secs(30) && took < Duration::from_secs(31), "{took:?}");
        assert_eq!(raw.end().await, None);
        assert!(site.elapsed() < Duration::from_secs(32), "a client that does not answer is not waited for");
    });
}

#[test]
fn a_client_that_says_nothing_is_not_waited_for() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut far = site.client();
        far.say("PRI * HTTP/2.0\r\n\r\nSM\r\n").await;
        far.rest_of_bytes().await;
        let took = site.elapsed();
        assert!(took >= Duration::from_secs(10) && took < Duration::from_secs(12), "{took:?}");
    });
}

#[test]
fn the_preface_is_known_in_pieces_and_where_it_is_not_wanted_it_is_an_unknown_version() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        for piece in ["P", "RI * HT", "TP/2.0\r", "\n\r", "\nS", "M\r\n\r", "\n"] {
            client.say(piece).await;
            tokio::task::yield_now().await;
        }
        client.stream.write_all(&frame(crate::http2_kit::SETTINGS, 0, 0, &[])).await.unwrap();
        let [method, scheme, authority, path] = crate::http2_kit::GET;
        let head = block(&[method, scheme, authority, path]);
        client.stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head)).await.unwrap();
        site.node().await.head().await;

        for switch in ["enabled", "cleartext"] {
            let site = Site::new(&format!("{PLAIN}[virtual_servers.site.http2]\n{switch} = false\n"));
            let mut client = site.client();
            client.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
            let answer = client.rest().await;
            assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
        }
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client.say("PRI * HTTP/2.0\r\nHost: a\r\n\r\n").await;
        assert!(client.rest().await.starts_with("HTTP/1.1 505 "));
    });
}
