//! WebSockets to nodes that are asked in HTTP/2.

use crate::http2::websocket;
use crate::http2_kit::{self, body, open};
use crate::kit::{Far, GET, Site, on_paused_time, pass};
use crate::node_http2::{HTTP2, Node, field};
use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Response};
use std::future::poll_fn;
use std::time::Duration;

/// The key of RFC 6455 (1.3), and what it is answered with.
const HANDSHAKE: &str = "GET /chat?a HTTP/1.1\r\nHost: site.example\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

async fn node_for_websockets(site: &Site) -> Node {
    Node::with(site, h2::server::Builder::new().enable_connect_protocol(), |_| {}).await
}

/// Answers the next handshake with success; both ways through the tunnel, as the node has them.
async fn opens(node: &mut Node) -> (RecvStream, SendStream<Bytes>) {
    let (request, mut respond) = node.asked().await;
    let response = Response::builder().header("sec-websocket-protocol", "chat").body(()).unwrap();
    (request.into_body(), respond.send_response(response, false).unwrap())
}

/// A client of HTTP/1.1 and its node, with a tunnel between them.
async fn joined(site: &Site) -> (Far, Node, (RecvStream, SendStream<Bytes>)) {
    let mut client = site.client();
    client.say(HANDSHAKE).await;
    let mut node = node_for_websockets(site).await;
    let ways = opens(&mut node).await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 "));
    (client, node, ways)
}

async fn client_of_http2(site: &Site) -> SendRequest<Bytes> {
    let client = http2_kit::connect(site).await;
    // The settings of the server come first.
    while !client.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    client
}

/// A client of HTTP/2 and its node, with a tunnel between them.
struct Tunnel {
    _client: SendRequest<Bytes>,
    response: Response<RecvStream>,
    /// The client's way to the node, and where it comes out.
    up: SendStream<Bytes>,
    received: RecvStream,
    /// The node's way to the client.
    sender: SendStream<Bytes>,
    _node: Node,
}

impl Tunnel {
    async fn through(site: &Site) -> Self {
        let mut client = client_of_http2(site).await;
        let (response, up) = open(&mut client, websocket()).await;
        let mut node = node_for_websockets(site).await;
        let (received, sender) = opens(&mut node).await;
        Self { _client: client, response: response.await.unwrap(), up, received, sender, _node: node }
    }
}

#[test]
fn a_handshake_goes_as_extended_connect_on_a_connection_of_its_own() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let (mut client, mut other) = (site.client(), site.client());
        client.say(HANDSHAKE).await;
        let mut node = node_for_websockets(&site).await;
        let (request, mut respond) = node.asked().await;
        assert_eq!((request.method(), request.uri().path()), (&Method::CONNECT, "/chat"));
        assert_eq!(request.uri(), "http://site.example/chat?a");
        assert_eq!(request.extensions().get::<Protocol>().unwrap().as_str(), "websocket");
        assert_eq!(field(&request, "sec-websocket-version"), Some("13"));
        assert_eq!(field(&request, "sec-websocket-protocol"), Some("chat"));
        assert_eq!(field(&request, "x-forwarded-for"), Some("192.0.2.1"));
        for absent in ["sec-websocket-key", "upgrade", "connection", "host"] {
            assert_eq!(field(&request, absent), None, "{absent}");
        }
        assert!(!request.body().is_end_stream());

        let response = Response::builder()
            .header("sec-websocket-protocol", "chat")
            .header("sec-websocket-accept", "of another key");
        let mut down = respond.send_response(response.body(()).unwrap(), false).unwrap();
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
        assert!(
            head.contains("Upgrade: websocket\r\n") && head.contains("Connection: Upgrade\r\n"),
            "{head}"
        );
        assert!(head.contains(ACCEPT) && head.contains("sec-websocket-protocol: chat\r\n"), "{head}");
        assert!(!head.contains("of another key"), "{head}");

        let mut up = request.into_body();
        client.say("ping").await;
        assert_eq!(up.data().await.unwrap().unwrap(), "ping");
        down.send_data(Bytes::from_static(b"pong"), false).unwrap();
        client.hear_until("pong").await;

        other.say(GET).await;
        let mut beside = node_for_websockets(&site).await;
        beside.answers("beside it").await;
        other.hear_until("beside it\r\n0\r\n\r\n").await;
        // Nobody uses that one now.
        other.say(HANDSHAKE).await;
        let _ways = opens(&mut beside).await;
        assert!(other.head().await.starts_with("HTTP/1.1 101 "));
        assert!(!site.has_more_nodes(), "a connection was made though one was free");
        assert_eq!(site.shared.counters().node_http2_streams.value(), 3);
    });
}

#[test]
fn a_websocket_of_http2_goes_on_as_one() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let Tunnel { _client, _node, response, mut up, mut received, mut sender } =
            Tunnel::through(&site).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["sec-websocket-protocol"]),
            (200, &"chat".parse().unwrap())
        );
        for absent in ["upgrade", "connection", "sec-websocket-accept"] {
            assert!(!response.headers().contains_key(absent), "{absent}");
        }
        up.send_data(Bytes::from_static(b"ping"), true).unwrap();
        assert_eq!(body(&mut received).await.unwrap(), b"ping");
        // One way has ended; the other goes on.
        sender.send_data(Bytes::from_static(b"pong"), true).unwrap();
        assert_eq!(body(&mut response.into_body()).await.unwrap(), b"pong");
    });
}

#[test]
fn each_way_ends_on_its_own_and_much_goes_through_before() {
    const SIZE: usize = 1_000_000;
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let (mut client, _node, (mut up, mut down)) = joined(&site).await;
        let text = "u".repeat(SIZE);
        let received = tokio::task::spawn_local(async move { body(&mut up).await.unwrap().len() });
        client.say(&text).await;
        client.half_close().await;
        assert_eq!(received.await.unwrap(), SIZE);
        down.send_data(Bytes::from(vec![b'd'; SIZE]), true).unwrap();
        assert_eq!(client.rest().await.len(), SIZE);
    });
}

#[test]
fn a_client_that_takes_nothing_holds_up_the_node() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let (mut client, _node, (_up, mut down)) = joined(&site).await;
        down.send_data(Bytes::from(vec![b'd'; 4_000_000]), false).unwrap();
        // There is room for more once all of that is taken.
        down.reserve_capacity(1);
        pass(Duration::from_secs(1)).await;
        assert_eq!(down.capacity(), 0, "the node could go on sending");
        client.exactly(4_000_000).await;
        assert!(poll_fn(|context| down.poll_capacity(context)).await.unwrap().unwrap() > 0);
    });
}

#[test]
fn a_tunnel_whose_node_does_not_read_holds_up_nobody_else() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let (mut flooding, _node, (_unread, _down)) = joined(&site).await;
        let mut flood = tokio::task::spawn_local(async move { flooding.say(&"u".repeat(1_000_000)).await });
        pass(Duration::from_secs(1)).await;
        assert!(!flood.is_finished(), "the node has opened no window");
        let (mut client, _node, (mut up, _down)) = joined(&site).await;
        client.say("ping").await;
        assert_eq!(up.data().await.unwrap().unwrap(), "ping");
        flood.abort();
        assert!((&mut flood).await.unwrap_err().is_cancelled());
    });
}

#[test]
fn many_at_once_wait_for_no_other() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut clients: Vec<Far> = (0..6).map(|_| site.client()).collect();
        for client in &mut clients {
            client.say(HANDSHAKE).await;
        }
        let mut open = Vec::new();
        for client in &mut clients {
            let one_at_a_time = &mut h2::server::Builder::new();
            let mut node =
                Node::with(&site, one_at_a_time.enable_connect_protocol().max_concurrent_streams(1), |_| {})
                    .await;
            let ways = opens(&mut node).await;
            assert!(client.head().await.starts_with("HTTP/1.1 101 "));
            open.push((node, ways));
        }
        let opened = site.shared.counters().node_http2_connections.value();
        drop((clients, open));
        pass(Duration::from_secs(1)).await;
        // A tunnel's connection ends with it.
        let mut after = site.client();
        after.say(GET).await;
        Node::of(&site).await.answers("a new one").await;
        assert_eq!(site.shared.counters().node_http2_connections.value(), opened + 1);
    });
}

#[test]
fn a_reset_of_either_side_breaks_the_other_off() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let (mut client, _node, (_up, mut down)) = joined(&site).await;
        down.send_reset(Reason::INTERNAL_ERROR);
        assert_eq!(client.rest().await, "");

        let site = Site::new(HTTP2);
        let Tunnel { up, received, .. } = &mut Tunnel::through(&site).await;
        up.send_reset(Reason::CANCEL);
        let error = received.data().await.unwrap().unwrap_err();
        assert_eq!(error.reason(), Some(Reason::CANCEL));
    });
}

#[test]
fn a_client_that_leaves_is_seen_though_its_node_takes_nothing() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let Tunnel { up, received, .. } = &mut Tunnel::through(&site).await;
        up.send_data(Bytes::from(vec![b'u'; 1_000_000]), false).unwrap();
        pass(Duration::from_secs(1)).await;
        up.send_reset(Reason::CANCEL);
        let before = site.elapsed();
        let error = loop {
            // What came is not given back as room.
            if let Err(error) = received.data().await.unwrap() {
                break error;
            }
        };
        assert_eq!(error.reason(), Some(Reason::CANCEL));
        assert!(site.elapsed().saturating_sub(before) < Duration::from_secs(1), "{:?}", site.elapsed());
    });
}

#[test]
fn a_reset_in_place_of_an_answer_is_a_failure() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut client = site.client();
        client.say(HANDSHAKE).await;
        let mut node = node_for_websockets(&site).await;
        node.asked().await.1.send_reset(Reason::INTERNAL_ERROR);
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    });
}

#[test]
fn a_refusal_passes_and_ends_the_stream() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut client = site.client();
        client.say(HANDSHAKE).await;
        let mut node = node_for_websockets(&site).await;
        let (request, mut respond) = node.asked().await;
        let response = Response::builder().status(403).header("content-length", "2").body(()).unwrap();
        let mut stream = respond.send_response(response, false).unwrap();
        assert_eq!(
            body(&mut request.into_body()).await.unwrap(),
            b"",
            "nothing follows a handshake that failed"
        );
        stream.send_data(Bytes::from_static(b"no"), true).unwrap();
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 403 ") && !head.contains("Sec-WebSocket-Accept"), "{head}");
        client.hear_until("no").await;
        // The connection of the client goes on.
        client.say(GET).await;
        node.answers("as ever").await;
        client.hear_until("as ever").await;
    });
}

#[test]
fn a_success_with_a_length_opens_no_tunnel() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut client = site.client();
        client.say(HANDSHAKE).await;
        let mut node = node_for_websockets(&site).await;
        let (_request, mut respond) = node.asked().await;
        let response = Response::builder().header("content-length", "2").body(()).unwrap();
        respond.send_response(response, false).unwrap();
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    });
}

#[test]
fn a_node_whose_settings_do_not_allow_it_is_asked_in_http1_and_not_in_vain_again() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut clients = [site.client(), site.client()];
        let mut first = true;
        for client in &mut clients {
            client.say(HANDSHAKE).await;
            let _shared = if first { Some(Node::of(&site).await) } else { None };
            first = false;
            let mut node = site.node().await;
            let head = node.head().await;
            assert!(head.starts_with("GET /chat?a HTTP/1.1\r\n"), "{head}");
            assert!(head.contains("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), "{head}");
            node.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
                .await;
            assert!(client.head().await.starts_with("HTTP/1.1 101 "));
            node.say("both ways").await;
            client.hear_until("both ways").await;
        }
        assert!(!site.has_more_nodes());
    });
}

#[test]
fn a_handshake_that_the_node_would_not_see_whole_is_for_http1() {
    for (sound, other) in [
        ("dGhlIHNhbXBsZSBub25jZQ==", "short"),
        ("Upgrade: WebSocket", "Upgrade: WebSocket, other"),
        ("GET /chat", "POST /chat"),
    ] {
        on_paused_time(async move {
            let site = Site::new(HTTP2);
            let mut client = site.client();
            client.say(&HANDSHAKE.replace(sound, other)).await;
            let mut node = site.node().await;
            let head = node.head().await;
            assert!(head.contains(" /chat?a HTTP/1.1\r\n") && head.contains(other), "{head}");
        });
    }
}

#[test]
fn a_node_that_ends_before_its_settings_is_asked_in_http1_and_one_that_is_silent_is_not_waited_for_long() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut client = site.client();
        client.say(HANDSHAKE).await;
        drop(site.node().await);
        assert!(site.node().await.head().await.starts_with("GET /chat?a HTTP/1.1\r\n"));
        // Who comes later asks anew: it was no word of the node.
        pass(Duration::from_secs(2)).await;
        let (_client, _node, _ways) = joined(&site).await;

        let site = Site::new(HTTP2);
        let mut client = site.client();
        client.say(HANDSHAKE).await;
        let _silent = site.node().await;
        assert!(client.head().await.starts_with("HTTP/1.1 504 "));
    });
}
