//! Requests that two parsers read differently, judged by what the node gets: nothing, or one reading of it.

use crate::kit::{OK, PLAIN, Site, on_paused_time};
use tokio::io::AsyncWriteExt;

/// What a request may not begin with; with its Host, where it has one.
const LINES: [&[u8]; 40] = [
    b"GET /x\r\n",
    b"GET /x",
    b"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    b"GET /x HTTP/1.2\r\nHost: a\r\n",
    b"GET /x HTTP/2.0\r\nHost: a\r\n",
    b"GET /x HTTP/01.1\r\nHost: a\r\n",
    b"GET /x HTTP/1.1x\r\nHost: a\r\n",
    b"GET /x http/1.1\r\nHost: a\r\n",
    b"GET  /x HTTP/1.1\r\nHost: a\r\n",
    b"GET\t/x\tHTTP/1.1\r\nHost: a\r\n",
    b"GET /x HTTP/1.1 \r\nHost: a\r\n",
    b"\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n",
    b"\nGET /x HTTP/1.1\r\nHost: a\r\n",
    b" GET /x HTTP/1.1\r\nHost: a\r\n",
    b"GET /x y HTTP/1.1\r\nHost: a\r\n",
    b"GET /x#y HTTP/1.1\r\nHost: a\r\n",
    b"GET x HTTP/1.1\r\nHost: a\r\n",
    b"GET @b/ HTTP/1.1\r\nHost: a\r\n",
    b"GET ?a HTTP/1.1\r\nHost: a\r\n",
    b"GET http://b/x HTTP/1.1\r\nHost: a\r\n",
    b"GET http://b/x HTTP/1.1\r\n",
    b"GET http://u@a/x HTTP/1.1\r\nHost: a\r\n",
    b"GET ftp://a/x HTTP/1.1\r\nHost: a\r\n",
    b"GET http:///x HTTP/1.1\r\nHost: a\r\n",
    b"GET * HTTP/1.1\r\nHost: a\r\n",
    b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n",
    b"GE(T /x HTTP/1.1\r\nHost: a\r\n",
    b"GET /x\0 HTTP/1.1\r\nHost: a\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: a\r\n",
    b"GET /x HTTP/1.1\r\nHost: a, b\r\n",
    b"GET /x HTTP/1.1\r\nHost: u@a\r\n",
    b"GET /x HTTP/1.1\r\nHost: a/b\r\n",
    b"GET /x HTTP/1.1\r\nHost: a b\r\n",
    b"GET /x HTTP/1.1\r\nHost: a:x\r\n",
    b"GET /x HTTP/1.1\r\nHost: a:99999\r\n",
    b"GET /x HTTP/1.1\r\nHost:\r\n",
    b"GET /x HTTP/1.1\r\n",
    b"GET /x HTTP/1.1\r\nHost: a?b\r\n",
    b"GET /x HTTP/1.1\r\nHost : a\r\n",
    b"GET /x HTTP/1.1\r\nHost: \xff\r\n",
];

/// What no body may be framed by.
const FRAMING: [&[u8]; 29] = [
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: \"chunked\"",
    b"Transfer-Encoding: chunked;a=b",
    b"Transfer-Encoding:",
    b"Transfer-Encoding: ,chunked",
    b"Transfer-Encoding: chunked,",
    b"Transfer-Encoding: \x0cchunked",
    b"Transfer-Encoding: chunked\xa0",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, gzip",
    b"Transfer-Encoding : chunked",
    b" Transfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\0",
    b"X: y\rTransfer-Encoding: chunked",
    b"Content-Length: +3",
    b"Content-Length: -3",
    b"Content-Length: 3 3",
    b"Content-Length: 3, 3",
    b"Content-Length: 3, 4",
    b"Content-Length: 0x3",
    b"Content-Length: 1_0",
    b"Content-Length: ",
    b"Content-Length: 3.0",
    b"Content-Length: 18446744073709551619",
    b"Content-Length: \xd9\xa3",
    b"Content-Length: 3,",
    b"Content-Length: 3\0",
    b"Content-Length: 3\r\nContent-Length: 4",
    b"Content-Length: 3\r\ncontent-length: 3",
];

/// Lines that are no fields.
const FIELDS: [&[u8]; 16] = [
    b"X: a\r\n b",
    b"X: a\r\n\tTransfer-Encoding: chunked",
    b"X: a\r\n Host: b",
    b"X: a\nY: b",
    b"X: a\rY: b",
    b"X: a\0b",
    b"X: a\x7fb",
    b"X: a\x1bb",
    b"X\x07: a",
    b"\xc3\xa9: a",
    b"X(: a",
    b"Xa",
    b": a",
    b"X : a",
    b"Host: b",
    b"Host: a",
];

/// Chunked bodies that two readers could end in two places, or that are none.
const CHUNKS: [&[u8]; 17] = [
    b"3;a=\"\r\n\"\r\nabc\r\n0\r\n\r\n",
    b"3;\nabc\r\n0\r\n\r\n",
    b"3;\rabc\r\nabc\r\n0\r\n\r\n",
    b"3 \r\nabc\r\n0\r\n\r\n",
    b" 3\r\nabc\r\n0\r\n\r\n",
    b"3\t\r\nabc\r\n0\r\n\r\n",
    b"0_3\r\nabc\r\n0\r\n\r\n",
    b"+3\r\nabc\r\n0\r\n\r\n",
    b"10000000000000003\r\nabc\r\n0\r\n\r\n",
    b"000000000000000000003\r\nabc\r\n0\r\n\r\n",
    b"3\r\nabcd\r\n0\r\n\r\n",
    b"3\r\nabc\n0\r\n\r\n",
    b"3\r\nabc\r\n0\n\n",
    b"3\r\nabc\r\n0\r\nGET /smuggled HTTP/1.1\r\n\r\n",
    b"3\rabc\r0\r\r",
    b"3;\0\r\nabc\r\n0\r\n\r\n",
    b"0x3\r\nabc\r\n0\r\n\r\n",
];

/// Whatever is refused, no node hears of, and nothing behind it is taken for a request.
fn is_refused(request: &[&[u8]]) {
    let mut request = request.concat();
    request.extend_from_slice(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    on_paused_time(async move {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client.stream.write_all(&request).await.unwrap();
        let answer = client.rest().await;
        let shown = request.escape_ascii().to_string();
        assert!(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 50"), "{shown}: {answer:?}");
        assert_eq!(answer.matches("\r\nConnection: close\r\n").count(), 1, "{shown}: {answer:?}");
        assert_eq!(answer.matches("\r\nContent-Length: ").count(), 1, "{shown}: {answer:?}");
        assert!(!site.has_more_nodes(), "{shown} reached a node");
    });
}

const POST: &[u8] = b"POST /x HTTP/1.1\r\nHost: a\r\n";

#[test]
fn a_first_line_or_a_host_that_reads_in_two_ways_reaches_no_node() {
    for line in LINES {
        is_refused(&[line, b"\r\n"]);
    }
}

#[test]
fn a_body_whose_length_reads_in_two_ways_reaches_no_node() {
    for framing in FRAMING {
        is_refused(&[POST, framing, b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]);
        let both = b"\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        is_refused(&[POST, framing, both]);
        is_refused(&[POST, b"Transfer-Encoding: chunked\r\n", framing, b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]);
    }
}

#[test]
fn a_line_that_is_no_field_reaches_no_node() {
    for field in FIELDS {
        is_refused(&[POST, field, b"\r\nContent-Length: 0\r\n\r\n"]);
    }
}

/// The head is at the node when the body turns out to be none: it gets no end of it, and nothing of what follows.
#[test]
fn a_chunk_that_reads_in_two_ways_never_ends_the_body_at_the_node() {
    for chunks in CHUNKS {
        on_paused_time(async move {
            let site = Site::new(PLAIN);
            let mut client = site.client();
            client.stream.write_all(POST).await.unwrap();
            client.say("Transfer-Encoding: chunked\r\n\r\n").await;
            let mut node = site.node().await;
            node.head().await;
            client.stream.write_all(chunks).await.unwrap();
            client.say("GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let shown = chunks.escape_ascii().to_string();
            assert!(client.rest().await.starts_with("HTTP/1.1 400 "), "{shown}");
            let taken = node.rest().await;
            assert!(!taken.ends_with("0\r\n\r\n") && !taken.contains("smuggled"), "{shown}: {taken:?}");
            assert!(!site.has_more_nodes(), "{shown}");
        });
    }
}

/// What goes on, and what the node gets of it.
const THROUGH: [(&str, &str, &str); 14] = [
    ("Connection: Host\r\n\r\n", "Host: a\r\n", "Connection"),
    ("Connection: Content-Length\r\nContent-Length: 0\r\n\r\n", "Content-Length: 0\r\n", "Connection"),
    ("Connection: Cookie\r\nCookie: a=b\r\n\r\n", "Cookie: a=b\r\n", "Connection"),
    ("Connection: X-A\r\nX-A: 1\r\nX-B: 2\r\n\r\n", "X-B: 2\r\n", "X-A"),
    ("Transfer_Encoding: chunked\r\n\r\n", "Host: a\r\n", "ncoding"),
    ("Content_Length: 3\r\n\r\n", "Host: a\r\n", "ength"),
    ("Content-Length: 0000000000\r\n\r\n", "Content-Length: 0\r\n", "00"),
    ("Proxy-Connection: close\r\nKeep-Alive: 5\r\nTE: gzip\r\n\r\n", "Host: a\r\n", "gzip"),
    ("X: \t a \t \r\n\r\n", "X: a\r\n", "\t"),
    ("Expect: x\r\nContent-Length: 0\r\n\r\n", "Host: a\r\n", "Expect"),
    // A node that changed to HTTP/2 would take requests that nobody here has seen.
    (
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQA\r\n\r\n",
        "Host: a\r\n",
        "pgrade",
    ),
    ("Connection: Upgrade\r\nUpgrade: H2C\r\n\r\n", "Host: a\r\n", "pgrade"),
    ("Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n", "Host: a\r\n", "pgrade"),
    ("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "Upgrade: websocket\r\n", "h2c"),
];

#[test]
fn what_ends_at_this_hop_does_not_go_on_and_what_frames_or_routes_cannot_be_taken_out() {
    for (fields, there, gone) in THROUGH {
        on_paused_time(async move {
            let site = Site::new(PLAIN);
            let (mut client, mut node) = {
                let mut client = site.client();
                client.stream.write_all(&[POST, fields.as_bytes()].concat()).await.unwrap();
                (client, site.node().await)
            };
            let head = node.head().await;
            assert!(head.contains(there), "{fields:?}: {head}");
            assert!(!head.contains(gone), "{fields:?}: {head}");
            node.say(OK).await;
            assert!(client.head().await.starts_with("HTTP/1.1 200 "), "{fields:?}");
        });
    }
}
