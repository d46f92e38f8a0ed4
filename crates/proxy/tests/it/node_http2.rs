//! Nodes that are asked in HTTP/2.

use crate::http2_kit::{self, Raw, body, open, request};
use crate::kit::{GET, OK, PLAIN, Reach, Site, catalog, on_paused_time, pass};
use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(crate) const HTTP2: &str = "[virtual_servers.site]\nlisten = \"127.0.0.1:80\"\npool = \"nodes\"\n\
    [pools.nodes]\nnodes = [\"10.0.0.1:80\"]\nhttp2 = true\n";

pub(crate) type Asked = (Request<RecvStream>, SendResponse<Bytes>);

/// A node that speaks the protocol by the library; what it is asked comes one after the other.
pub(crate) struct Node {
    asked: UnboundedReceiver<Asked>,
}

impl Node {
    pub(crate) async fn of(site: &Site) -> Self {
        Self::with(site, &h2::server::Builder::new(), |_| {}).await
    }

    /// `first` does something with the connection before it is asked anything.
    pub(crate) async fn with(
        site: &Site,
        builder: &h2::server::Builder,
        first: impl FnOnce(&mut Connection<DuplexStream, Bytes>) + 'static,
    ) -> Self {
        let stream = site.node().await.stream;
        let mut connection = builder.handshake(stream).await.unwrap();
        let (tell, asked) = unbounded_channel();
        first(&mut connection);
        tokio::task::spawn_local(async move {
            while let Some(Ok(request)) = connection.accept().await {
                if tell.send(request).is_err() {
                    connection.graceful_shutdown();
                }
            }
        });
        Self { asked }
    }

    pub(crate) async fn asked(&mut self) -> Asked {
        self.asked.recv().await.unwrap()
    }

    /// Answers the next request with these words.
    pub(crate) async fn answers(&mut self, words: &'static str) -> Request<RecvStream> {
        let (request, mut respond) = self.asked().await;
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        stream.send_data(Bytes::from_static(words.as_bytes()), true).unwrap();
        request
    }
}

pub(crate) fn field<'a>(request: &'a Request<RecvStream>, name: &str) -> Option<&'a str> {
    request.headers().get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn requests_of_several_clients_share_a_connection_and_say_what_http1_would() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let (mut one, mut other) = (site.client(), site.client());
        one.say(
            "GET /a?b=c HTTP/1.1\r\nHost: site.example\r\nX-One: 1\r\nConnection: x-two\r\nX-Two: 2\r\n\r\n",
        )
        .await;
        let mut node = Node::of(&site).await;
        let (request, mut first) = node.asked().await;
        assert_eq!(request.uri(), "http://site.example/a?b=c");
        assert_eq!((field(&request, "x-one"), field(&request, "x-two")), (Some("1"), None));
        assert_eq!(field(&request, "x-forwarded-for"), Some("192.0.2.1"));
        assert_eq!((field(&request, "host"), field(&request, "connection")), (None, None));
        assert!(request.body().is_end_stream());

        other.say(GET).await;
        node.answers("second").await;
        assert!(other.hear_until("second\r\n0\r\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(!site.has_more_nodes(), "a connection was made though there was room on one");

        let response = Response::builder().status(404).header("content-length", "5").body(()).unwrap();
        first.send_response(response, false).unwrap().send_data(Bytes::from_static(b"first"), true).unwrap();
        assert!(one.hear_until("first").await.starts_with("HTTP/1.1 404 Not Found\r\n"));
        let counters = site.shared.counters();
        assert_eq!((counters.node_http2_connections.value(), counters.node_http2_streams.value()), (1, 2));
    });
}

#[test]
fn answers_without_a_body_have_none() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut client = site.client();
        client.say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut node = Node::of(&site).await;
        for (status, next) in [(200, GET), (204, GET), (304, GET)] {
            let (_, mut respond) = node.asked().await;
            let mut response = Response::builder().status(status);
            if status != 204 {
                response = response.header("content-length", "77");
            }
            respond.send_response(response.body(()).unwrap(), true).unwrap();
            let head = client.head().await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            assert_eq!(head.contains("ontent-"), status != 204, "{head}");
            client.say(next).await;
        }
        node.answers("still in step").await;
        client.hear_until("still in step").await;
    });
}

#[test]
fn bodies_go_both_ways_as_far_as_the_receiver_takes_them_with_trailers() {
    const SIZE: usize = 1_000_000;
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut client = http2_kit::connect(&site).await;
        let (response, mut up) = open(&mut client, request("POST", "/up").body(()).unwrap()).await;
        let mut node = Node::of(&site).await;
        let (asked, mut respond) = node.asked().await;
        assert_eq!(field(&asked, "te"), Some("trailers"));
        let mut received = asked.into_body();

        tokio::task::spawn_local(async move {
            let mut left = SIZE;
            while left > 0 {
                up.reserve_capacity(left);
                let room = std::future::poll_fn(|context| up.poll_capacity(context)).await.unwrap().unwrap();
                up.send_data(Bytes::from(vec![b'u'; room]), false).unwrap();
                left -= room;
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "42".parse().unwrap());
            up.send_trailers(trailers).unwrap();
        });
        assert_eq!(body(&mut received).await.unwrap().len(), SIZE);
        assert_eq!(received.trailers().await.unwrap().unwrap()["x-sum"], "42");

        let mut down = respond.send_response(Response::new(()), false).unwrap();
        down.send_data(Bytes::from(vec![b'd'; SIZE]), false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        down.send_trailers(trailers).unwrap();
        let mut answer = response.await.unwrap().into_body();
        assert_eq!(body(&mut answer).await.unwrap().len(), SIZE);
        assert_eq!(answer.trailers().await.unwrap().unwrap()["grpc-status"], "0");
    });
}

#[test]
fn a_client_that_takes_nothing_holds_up_its_own_stream_only() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let (mut slow, mut quick) = (site.client(), site.client());
        slow.say(GET).await;
        let mut node = Node::of(&site).await;
        let (_, mut respond) = node.asked().await;
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        stream.send_data(Bytes::from(vec![b'd'; 8_000_000]), true).unwrap();
        quick.say(GET).await;
        node.answers("quick").await;
        quick.hear_until("quick").await;
        pass(Duration::from_secs(1)).await;
        // What a slow client is sent ahead lies in its pipe, in our buffers and in one window.
        assert!(stream.capacity() == 0, "the node could go on sending");
    });
}

#[test]
fn interim_answers_pass_and_a_body_waits_for_its_continue() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut client = site.client();
        client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n").await;
        let mut node = Node::of(&site).await;
        let (request, mut respond) = node.asked().await;
        assert_eq!(field(&request, "expect"), Some("100-continue"));
        let hint = Response::builder().status(103).header("link", "</a>").body(()).unwrap();
        respond.send_informational(hint).unwrap();
        let hint = client.head().await;
        assert!(hint.starts_with("HTTP/1.1 103 ") && hint.contains("link: </a>"), "{hint}");
        respond.send_informational(Response::builder().status(100).body(()).unwrap()).unwrap();
        assert!(client.head().await.starts_with("HTTP/1.1 100 "));
        client.say("hi").await;
        assert_eq!(body(&mut request.into_body()).await.unwrap(), b"hi");
        respond.send_response(Response::new(()), true).unwrap();
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn a_node_that_does_not_say_continue_gets_the_body_all_the_same() {
    on_paused_time(async {
        for text in [HTTP2, PLAIN] {
            let site = Site::new(text);
            let mut client = site.client();
            client
                .say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
                .await;
            let before = site.elapsed();
            if text == PLAIN {
                let mut node = site.node().await;
                assert!(client.head().await.starts_with("HTTP/1.1 100 "));
                client.say("hi").await;
                node.hear_until("\r\n\r\nhi").await;
            } else {
                let mut node = Node::of(&site).await;
                let (request, _respond) = node.asked().await;
                assert!(client.head().await.starts_with("HTTP/1.1 100 "));
                client.say("hi").await;
                assert_eq!(body(&mut request.into_body()).await.unwrap(), b"hi");
            }
            let took = site.elapsed().saturating_sub(before);
            assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(2), "{took:?}");
        }
    });
}

const POST: &str = "POST /buy HTTP/1.1\r\nHost: site.example\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_refused_stream_is_sent_again_and_a_reset_one_is_not_if_that_may_do_harm() {
    for (reason, is_tried_again) in [(Reason::REFUSED_STREAM, true), (Reason::INTERNAL_ERROR, false)] {
        on_paused_time(async move {
            let site = Site::new(&HTTP2.replace("\"10.0.0.1:80\"", "\"10.0.0.1:80\", \"10.0.0.2:80\""));
            let mut client = site.client();
            client.say(POST).await;
            let mut node = Node::of(&site).await;
            node.asked().await.1.send_reset(reason);
            if is_tried_again {
                Node::of(&site).await.answers("done").await;
                client.hear_until("done").await;
            } else {
                assert!(client.head().await.starts_with("HTTP/1.1 502 "));
                assert!(!site.has_more_nodes(), "an order was placed twice");
            }
        });
    }
}

#[test]
fn after_goaway_streams_below_go_on_those_above_are_sent_again_and_new_ones_go_elsewhere() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let (mut one, mut other) = (site.client(), site.client());
        one.say(POST).await;
        let mut node = Raw::node(&site).await;
        let first = node.hear(http2_kit::HEADERS).await.stream;
        other.say(POST).await;
        node.hear(http2_kit::HEADERS).await;
        let last = [first.to_be_bytes(), [0; 4]].concat();
        node.say(&http2_kit::frame(http2_kit::GOAWAY, 0, 0, &last)).await;
        Node::of(&site).await.answers("of the new one").await;
        other.hear_until("of the new one").await;
        let head = [http2_kit::STATUS_200];
        let flags = http2_kit::END_HEADERS | http2_kit::END_STREAM;
        node.say(&http2_kit::frame(http2_kit::HEADERS, flags, first, &head)).await;
        assert!(one.head().await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn a_client_that_leaves_cancels_its_stream() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut client = site.client();
        client.say(GET).await;
        let mut node = Node::of(&site).await;
        let (_, mut respond) = node.asked().await;
        let mut stream = respond.send_response(Response::new(()), false).unwrap();
        stream.send_data(Bytes::from_static(b"some"), false).unwrap();
        client.hear_until("some").await;
        drop(client);
        stream.send_data(Bytes::from(vec![0; 500_000]), false).unwrap();
        let reason = std::future::poll_fn(|context| stream.poll_reset(context)).await.unwrap();
        assert_eq!(reason, Reason::CANCEL);
    });
}

#[test]
fn a_node_that_allows_one_stream_gets_one_on_each_connection() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut builder = h2::server::Builder::new();
        builder.max_concurrent_streams(1);
        let mut one = site.client();
        one.say(GET).await;
        let mut first = Node::with(&site, &builder, |_| {}).await;
        let (_, mut held) = first.asked().await;
        let mut other = site.client();
        other.say(GET).await;
        Node::with(&site, &builder, |_| {}).await.answers("beside").await;
        other.hear_until("beside").await;
        held.send_response(Response::new(()), true).unwrap();
        one.head().await;
    });
}

#[test]
fn places_at_a_node_are_counted_by_streams() {
    on_paused_time(async {
        let site = Site::new(&format!("{HTTP2}max_connections_pernode = 1\n"));
        let (mut one, mut other) = (site.client(), site.client());
        one.say(GET).await;
        let mut node = Node::of(&site).await;
        let (_, mut held) = node.asked().await;
        other.say(GET).await;
        pass(Duration::from_secs(1)).await;
        assert!(node.asked.try_recv().is_err(), "it has a request more than it may have");
        held.send_response(Response::new(()), true).unwrap();
        node.answers("next").await;
        other.hear_until("next").await;
        one.head().await;
    });
}

#[test]
fn a_connection_is_told_to_go_when_it_is_idle_for_long_or_got_no_answer() {
    on_paused_time(async {
        let site = Site::new(&format!("{HTTP2}max_reply_time = \"5s\"\n"));
        let mut client = site.client();
        client.say(GET).await;
        let mut node = Raw::node(&site).await;
        let stream = node.hear(http2_kit::HEADERS).await.stream;
        let flags = http2_kit::END_HEADERS | http2_kit::END_STREAM;
        node.say(&http2_kit::frame(http2_kit::HEADERS, flags, stream, &[http2_kit::STATUS_200])).await;
        client.head().await;
        let before = site.elapsed();
        assert_eq!(node.end().await, Some(0));
        let idle = site.elapsed().saturating_sub(before);
        assert!(idle >= Duration::from_mins(1) && idle < Duration::from_secs(62), "{idle:?}");

        client = site.client();
        client.say(GET).await;
        let mut silent = Raw::node(&site).await;
        assert!(client.head().await.starts_with("HTTP/1.1 504 "));
        assert_eq!(silent.end().await, Some(0));
    });
}

#[test]
fn a_catalog_without_it_lets_streams_finish_and_asks_in_http1() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let (mut one, mut other) = (site.client(), site.client());
        one.say(GET).await;
        let mut node = Node::of(&site).await;
        let (_, mut held) = node.asked().await;
        site.shared.adopt(catalog(&HTTP2.replace("http2 = true", ""), &[]), site.now());
        other.say(GET).await;
        let mut plain = site.node().await;
        assert!(plain.head().await.starts_with("GET /a HTTP/1.1\r\n"));
        plain.say(OK).await;
        other.hear_until("\r\n\r\nhi").await;
        held.send_response(Response::new(()), true).unwrap();
        assert!(one.head().await.starts_with("HTTP/1.1 200 "));
        assert!(node.asked.recv().await.is_none(), "the connection stays though nobody will use it");
    });
}

#[test]
fn a_change_of_protocol_goes_over_a_connection_of_its_own() {
    on_paused_time(async {
        let site = Site::new(HTTP2);
        let mut client = site.client();
        client.say("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n").await;
        let mut node = site.node().await;
        assert!(node.head().await.contains("Upgrade: websocket\r\n"));
        node.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            .await;
        assert!(client.head().await.starts_with("HTTP/1.1 101 "));
        node.say("both ways").await;
        client.hear_until("both ways").await;
    });
}

#[test]
fn a_node_that_cannot_be_reached_is_a_failure_as_ever() {
    on_paused_time(async {
        let site = Site::with(catalog(HTTP2, &[]), |_| Reach::Refuses);
        let mut client = site.client();
        client.say(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
    });
}
