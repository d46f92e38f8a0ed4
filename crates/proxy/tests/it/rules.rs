//! Bodies that rules read, write, stream and send again.

use crate::kit::{Far, GET, OK, PIPE_BYTES, PLAIN, Reach, Site, catalog, on_paused_time};
use engine::Counters;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const TWO_NODES: &str = "[virtual_servers.site]\nlisten = \"127.0.0.1:80\"\npool = \"nodes\"\n\
    response_rules = \"response\"\nrequest_rules = \"request\"\n\
    [pools.nodes]\nnodes = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\n";

/// One virtual server with these rules, and further settings.
fn site(request: &str, response: &str, settings: &str) -> Site {
    let text = PLAIN.replacen(
        "[pools",
        &format!("request_rules = \"request\"\nresponse_rules = \"response\"\n{settings}\n[pools"),
        1,
    );
    Site::with(catalog(&text, &[("request", request), ("response", response)]), |_| Reach::Accepts)
}

fn counters(site: &Site) -> &Counters {
    site.shared.counters()
}

#[test]
fn a_rule_blocks_a_post_by_its_body_and_no_node_hears_of_it() {
    on_paused_time(async {
        let rule = "if( string.contains( http.getBody(), \"jndi:\" ) ) \
                    http.sendResponse( 403, \"text/plain\", \"no\", \"\" );";
        let site = site(rule, "", "");
        let mut client = site.client();
        client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\nx=${jn").await;
        tokio::time::advance(Duration::from_secs(2)).await;
        client.say("di:ldap://evil").await;
        assert!(client.head().await.starts_with("HTTP/1.1 403 "));
        assert_eq!(client.exactly(2).await, b"no");
        assert!(!site.has_more_nodes(), "nothing was sent to a node");
        // All of the body was read, so the connection goes on; a harmless one passes.
        client.say("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nharmless").await;
        let mut node = site.node().await;
        assert!(node.head().await.contains("Content-Length: 8\r\n"));
        assert_eq!(node.exactly(8).await, b"harmless");
        node.say(OK).await;
        client.hear_until("hi").await;
    });
}

#[test]
fn a_client_that_expects_a_word_gets_it_when_a_rule_wants_the_body() {
    on_paused_time(async {
        let site = site("log.info( http.getBody() );", "", "");
        let mut client = site.client();
        client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n").await;
        assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
        assert!(!site.has_more_nodes());
        client.say("body").await;
        let mut node = site.node().await;
        assert!(!node.head().await.contains("Expect"), "the node need not be asked any more");
        assert_eq!(node.exactly(4).await, b"body");
        node.say(OK).await;
        client.hear_until("hi").await;
    });
}

#[test]
fn chunks_and_trailers_of_a_body_that_was_read_go_on_as_such() {
    on_paused_time(async {
        let site = site("log.info( http.getBody() );", "", "");
        let mut client = site.client();
        client.say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
        client.say("2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n").await;
        let mut node = site.node().await;
        assert!(node.head().await.contains("Transfer-Encoding: chunked\r\n"));
        assert_eq!(node.hear_until("\r\n\r\n").await, "5\r\nabcde\r\n0\r\nX-Sum: 5\r\n\r\n");
        node.say(OK).await;
        client.hear_until("hi").await;
        client.say(GET).await;
        assert!(node.head().await.starts_with("GET /a "), "both connections go on");
    });
}

#[test]
fn of_a_body_that_is_too_long_to_be_held_nothing_is_lost() {
    on_paused_time(async {
        for framing in ["Content-Length: 300000", "Transfer-Encoding: chunked"] {
            let site =
                site("log.info( string.length( http.getBody() ) );", "", "max_body_buffer = \"10 KiB\"");
            let mut client = site.client();
            client.say(&format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")).await;
            let body: Vec<u8> = (0..300_000_u32).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let (is_chunked, sent) = (framing.starts_with('T'), body.clone());
            let sends = tokio::task::spawn_local(async move {
                for piece in sent.chunks(7_000) {
                    if is_chunked {
                        client.say(&format!("{:x}\r\n", piece.len())).await;
                    }
                    client.stream.write_all(piece).await.unwrap();
                    if is_chunked {
                        client.say("\r\n").await;
                    }
                }
                if is_chunked {
                    client.say("0\r\n\r\n").await;
                }
                client
            });
            let mut node = site.node().await;
            node.head().await;
            let mut came = Vec::new();
            if is_chunked {
                while let Ok(size) = usize::from_str_radix(node.hear_until("\r\n").await.trim(), 16)
                    && size > 0
                {
                    came.extend_from_slice(&node.exactly(size).await);
                    node.exactly(2).await;
                }
            } else {
                came = node.exactly(body.len()).await;
            }
            assert!(came == body, "{framing}: {} bytes came", came.len());
            node.say(OK).await;
            sends.await.unwrap().hear_until("hi").await;
            assert_eq!(counters(&site).rule_warnings.value(), 1);
        }
    });
}

#[test]
fn a_client_that_stops_in_its_body_is_told_and_one_that_leaves_is_noticed() {
    on_paused_time(async {
        let site = site("http.getBody();", "", "timeout = \"5s\"");
        let mut client = site.client();
        client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo").await;
        assert!(client.head().await.starts_with("HTTP/1.1 408 "));
        assert_eq!(site.elapsed().as_secs(), 5);
        let mut other = site.client();
        other.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo").await;
        drop(other);
        while counters(&site).clients_left.value() == 0 {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let mut wrong = site.client();
        wrong.say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").await;
        assert!(wrong.head().await.starts_with("HTTP/1.1 400 "));
        assert!(!site.has_more_nodes());
    });
}

#[test]
fn a_body_that_a_rule_wrote_takes_the_place_of_the_clients() {
    on_paused_time(async {
        let site = site("http.setBody( \"new\" );", "", "");
        let mut client = site.client();
        // This one has come whole and is passed over, so the connection goes on.
        client
            .say("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nold\r\n0\r\n\r\n")
            .await;
        let mut node = site.node().await;
        let head = node.head().await;
        assert!(head.contains("Content-Length: 3\r\n") && !head.contains("Transfer-Encoding"), "{head}");
        assert_eq!(node.exactly(3).await, b"new");
        node.say(OK).await;
        client.hear_until("hi").await;
        // Of this one nobody has read the rest: what follows cannot be told from it, so the connection ends.
        client
            .say("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
            .await;
        let head = node.head().await;
        assert!(head.contains("Content-Length: 3\r\n") && !head.contains("Expect"), "{head}");
        assert_eq!(node.exactly(3).await, b"new");
        node.say(OK).await;
        assert!(client.head().await.contains("Connection: close\r\n"));
        assert_eq!(client.rest().await, "hi");
    });
}

#[test]
fn an_answer_that_a_rule_rewrites_has_its_own_length_and_the_node_is_used_again() {
    on_paused_time(async {
        let rule = "http.setResponseBody( string.replaceAll( http.getResponseBody(), \"cat\", \"horse\" ) );";
        let site = site("", rule, "");
        let (mut client, mut node) = site.asked(GET).await;
        node.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: \"a\"\r\n\r\n5\r\na cat\r\n").await;
        tokio::time::advance(Duration::from_secs(1)).await;
        node.say("4\r\n cat\r\n0\r\n\r\n").await;
        let head = client.head().await;
        assert!(head.contains("Content-Length: 13\r\n") && head.contains("ETag: W/\"a\"\r\n"), "{head}");
        assert_eq!(client.exactly(13).await, b"a horse horse");
        client.say("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(node.head().await.starts_with("HEAD /a "), "the same connection");
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").await;
        let head = client.head().await;
        assert!(
            !head.contains("Content-Length"),
            "the rule has found an empty body, which tells nothing: {head}"
        );
    });
}

#[test]
fn an_answer_that_was_read_in_part_goes_on_as_the_node_sends_it() {
    on_paused_time(async {
        let site = site("", "log.info( http.getResponseBody( 5 ) );", "");
        let (mut client, mut node) = site.asked(GET).await;
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\nhello").await;
        assert!(client.head().await.contains("Content-Length: 200000\r\n"));
        assert_eq!(client.exactly(5).await, b"hello");
        let rest = "x".repeat(199_995);
        let sends = tokio::task::spawn_local(async move {
            node.say(&rest).await;
            node
        });
        assert_eq!(client.exactly(199_995).await, vec![b'x'; 199_995]);
        let mut node = sends.await.unwrap();
        client.say(GET).await;
        node.head().await;
        node.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nhello, \r\n").await;
        client.head().await;
        assert_eq!(client.hear_until(", \r\n").await, "5\r\nhello\r\n2\r\n, \r\n");
        node.say("5\r\nworld\r\n0\r\nX-T: 1\r\n\r\n").await;
        assert_eq!(client.hear_until("\r\n\r\n").await, "5\r\nworld\r\n0\r\nX-T: 1\r\n\r\n");
    });
}

#[test]
fn a_node_that_breaks_off_while_a_rule_reads_is_a_cut_for_the_client_too() {
    on_paused_time(async {
        let site = site("", "log.info( http.getResponseBody() );", "");
        let (mut client, mut node) = site.asked(GET).await;
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        drop(node);
        assert!(client.head().await.contains("Content-Length: 10\r\n"));
        assert_eq!(client.rest().await, "half");
        assert_eq!(counters(&site).cut_responses.value(), 1);
    });
}

#[test]
fn a_rule_streams_in_chunks_and_the_connection_goes_on() {
    on_paused_time(async {
        let rule = "http.stream.startResponse( 200, \"text/event-stream\" ); http.stream.writeResponse( \"one\" ); \
                    connection.sleep( 1000 ); http.stream.writeResponse( \"two\" ); http.stream.finishResponse( \"!\" );";
        let site = site(rule, "", "");
        let mut client = site.client();
        client.say(GET).await;
        let head = client.head().await;
        assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
        assert_eq!(client.exactly(8).await, b"3\r\none\r\n");
        assert_eq!(site.elapsed().as_secs(), 0, "the first piece does not wait for the second");
        assert_eq!(client.hear_until("0\r\n\r\n").await, "3\r\ntwo\r\n1\r\n!\r\n0\r\n\r\n");
        assert_eq!(site.elapsed().as_secs(), 1);
        client.say("GET /old HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").await;
        let all = client.rest().await;
        assert!(!all.contains("chunked") && all.ends_with("\r\n\r\nonetwo!"), "{all}");
    });
}

#[test]
fn a_stream_that_is_shorter_than_was_said_is_a_cut() {
    on_paused_time(async {
        let rule = "http.stream.startResponse( 200, \"\", 10 ); http.stream.finishResponse( \"short\" );";
        let site = site(rule, "", "");
        let mut client = site.client();
        client.say(GET).await;
        assert!(client.head().await.contains("Content-Length: 10\r\n"));
        assert_eq!(client.rest().await, "short");
        assert_eq!(counters(&site).cut_responses.value(), 1);
    });
}

#[test]
fn a_client_that_takes_nothing_holds_the_rule_and_one_that_leaves_ends_it() {
    on_paused_time(async {
        let rule = "while( 1 ) http.stream.writeResponse( \"0123456789012345678901234567890123456789\" );";
        let site = site(rule, "", "timeout = \"7s\"");
        let mut client = site.client();
        client.say(GET).await;
        client.head().await;
        // What fits into the pipe is written; then the rule waits, for as long as the virtual server has patience.
        while counters(&site).clients_left.value() == 0 {
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert!((7..9).contains(&site.elapsed().as_secs()), "{:?}", site.elapsed());
        assert!(client.rest().await.len() <= 2 * PIPE_BYTES);
        let mut other = site.client();
        other.say(GET).await;
        other.head().await;
        drop(other);
        while counters(&site).clients_left.value() == 1 {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn a_response_rule_streams_the_nodes_answer_line_by_line_as_it_comes() {
    on_paused_time(async {
        let rule = "http.stream.startResponse( 200, \"text/plain\" );\n\
                    while( $line = http.stream.readResponse( 100, \"\\n\" ) )\n\
                       http.stream.writeResponse( string.uppercase( $line ) );\n\
                    http.stream.finishResponse();";
        let site = site("", rule, "");
        let (mut client, mut node) = site.asked(GET).await;
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\none\nt").await;
        client.head().await;
        assert_eq!(client.exactly(9).await, b"4\r\nONE\n\r\n");
        node.say("wo\n").await;
        assert_eq!(client.hear_until("0\r\n\r\n").await, "4\r\nTWO\n\r\n0\r\n\r\n");
        client.say(GET).await;
        node.head().await;
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\none\nt").await;
        drop(node);
        client.head().await;
        assert_eq!(client.rest().await, "4\r\nONE\n\r\n1\r\nT\r\n", "no end where the node broke off");
    });
}

#[test]
fn the_rest_of_an_answer_goes_through_at_the_clients_pace() {
    on_paused_time(async {
        let rule = "http.stream.writeResponse( http.stream.readResponse( 5 ) ); http.stream.continueFromBackend( \"-\" );";
        let site = site("", rule, "");
        let (mut client, mut node) = site.asked(GET).await;
        let sends = tokio::task::spawn_local(async move {
            node.say(&format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 500005\r\n\r\nfirst{}",
                "y".repeat(500_000)
            ))
            .await;
            node
        });
        assert!(client.head().await.contains("Transfer-Encoding: chunked\r\n"));
        let body = client.hear_until("0\r\n\r\n").await;
        assert!(body.starts_with("5\r\nfirst\r\n1\r\n-\r\n"));
        assert_eq!(body.matches('y').count(), 500_000);
        let mut node = sends.await.unwrap();
        client.say(GET).await;
        node.head().await;
    });
}

/// A node that answers one request.
async fn answers(node: &mut Far, answer: &str) -> String {
    let head = node.head().await;
    node.say(answer).await;
    head
}

const BUSY: &str = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";

#[test]
fn a_rule_that_sees_503_asks_another_node() {
    on_paused_time(async {
        let rules = [("request", ""), ("response", "if( http.getResponseCode() == 503 ) request.retry();")];
        let site = Site::with(catalog(TWO_NODES, &rules), |_| Reach::Accepts);
        let mut client = site.client();
        client.say(GET).await;
        let (first, mut node) = site.named_node().await;
        assert!(answers(&mut node, BUSY).await.starts_with("GET /a "));
        let (second, mut other) = site.named_node().await;
        assert_ne!(first, second, "the next in turn");
        assert!(answers(&mut other, OK).await.starts_with("GET /a "));
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
        assert_eq!(client.exactly(2).await, b"hi");
    });
}

#[test]
fn a_body_that_is_held_is_sent_again_and_one_that_went_by_is_not() {
    on_paused_time(async {
        let request = "if( http.getPath() == \"/held\" ) http.getBody( 3 );";
        let response = "if( http.getResponseCode() == 503 ) request.retry();";
        let rules = [("request", request), ("response", response)];
        let site = Site::with(catalog(TWO_NODES, &rules), |_| Reach::Accepts);
        let (mut client, mut node) =
            site.asked("POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
        assert_eq!(node.exactly(3).await, b"abc");
        node.say(BUSY).await;
        let mut other = site.node().await;
        other.head().await;
        assert_eq!(other.exactly(3).await, b"abc");
        other.say(OK).await;
        client.hear_until("hi").await;
        client.say("POST /by HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").await;
        node.head().await;
        assert_eq!(node.exactly(3).await, b"abc");
        node.say(BUSY).await;
        assert!(client.head().await.starts_with("HTTP/1.1 503 "));
    });
}

#[test]
fn a_rule_closes_with_bytes_of_its_own() {
    on_paused_time(async {
        let site = site("connection.close( \"so long\\n\" );", "", "");
        let mut client = site.client();
        client.say(GET).await;
        assert_eq!(client.rest().await, "so long\n");
        assert!(!site.has_more_nodes());
    });
}

#[test]
fn a_new_body_goes_in_chunks_if_the_rule_wants_that() {
    on_paused_time(async {
        let site = site("", "http.setResponseBody( \"new\", \"chunked\" );", "");
        let mut client = site.client();
        client.say(GET).await;
        let mut node = site.node().await;
        answers(&mut node, OK).await;
        let head = client.head().await;
        assert!(
            head.contains("Transfer-Encoding: chunked\r\n") && !head.contains("Content-Length"),
            "{head}"
        );
        assert_eq!(client.hear_until("0\r\n\r\n").await, "3\r\nnew\r\n0\r\n\r\n");
        client.say(GET).await;
        answers(&mut node, OK).await;
        client.head().await;
    });
}

#[test]
fn no_interim_answer_stands_in_an_answer_that_has_begun() {
    on_paused_time(async {
        let rule = "http.stream.startResponse( \"200 OK\", \"text/plain\" ); http.stream.writeResponse( \"abc\" ); \
                    http.stream.finishResponse( http.getBody() );";
        let site = site(rule, "", "");
        let mut client = site.client();
        client.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 200 "));
        assert_eq!(client.exactly(8).await, b"3\r\nabc\r\n");
        client.say("body").await;
        assert_eq!(client.hear_until("0\r\n\r\n").await, "4\r\nbody\r\n0\r\n\r\n");
    });
}

/// What a client gets where the node says this, and nothing more; and how many cuts were counted.
async fn cut_short(rule: &str, said: &[u8]) -> (String, u64) {
    let site = site("", rule, "");
    let (mut client, mut node) = site.asked("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    node.stream.write_all(said).await.unwrap();
    drop(node);
    (client.rest().await, counters(&site).cut_responses.value())
}

#[test]
fn what_a_rule_makes_of_a_broken_answer_does_not_pass_for_a_whole_one() {
    on_paused_time(async {
        let rewrites = "http.setResponseBody( string.uppercase( http.getResponseBody() ) );";
        for framing in
            ["Content-Length: 100\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"]
        {
            let said = format!("HTTP/1.1 200 OK\r\n{framing}");
            let (answer, cuts) = cut_short(rewrites, said.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 502 ") && !answer.contains("HELLO"), "{answer}");
            assert_eq!(cuts, 1);
        }
        // A rule that answers by itself, whatever the node did, says what it likes.
        let rule = "http.getResponseBody(); http.sendResponse( 200, \"text/plain\", \"sorry\", \"\" );";
        let (answer, cuts) = cut_short(rule, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello").await;
        assert!(answer.ends_with("sorry") && cuts == 0, "{answer}");
        // The break falls between two lines, and the rule never ends its stream.
        let rule = "while( $l = http.stream.readResponse( 100, \"\\n\" ) ) http.stream.writeResponse( $l );";
        let (answer, cuts) = cut_short(rule, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\none\n").await;
        assert!(answer.ends_with("4\r\none\n\r\n"), "{answer}");
        assert_eq!(cuts, 1);
    });
}

#[test]
fn packed_data_that_stops_early_is_a_cut_whichever_way_a_rule_reads_it() {
    // One stored block: five bytes of the six that it announces.
    const PACKED: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\x06\0\xf9\xffhello";
    on_paused_time(async {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", PACKED.len());
        let said = [head.as_bytes(), PACKED].concat();
        let streams = "while( $b = http.stream.readResponse( 3 ) ) http.stream.writeResponse( $b );";
        let (answer, cuts) = cut_short(streams, &said).await;
        assert!(answer.ends_with("3\r\nhel\r\n2\r\nlo\r\n"), "{answer}");
        assert_eq!(cuts, 1);
        let goes_on = "http.stream.writeResponse( \">\" ); http.stream.continueFromBackend();";
        let (answer, cuts) = cut_short(goes_on, &said).await;
        assert!(answer.ends_with("1\r\n>\r\n5\r\nhello\r\n"), "{answer}");
        assert_eq!(cuts, 1);
        let (answer, cuts) = cut_short("http.setResponseBody( http.getResponseBody() );", &said).await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
        assert_eq!(cuts, 1);
        // Nothing at all is not packed data that stops early.
        let empty = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n";
        for rule in [streams, goes_on, "http.setResponseBody( http.getResponseBody() );"] {
            let (answer, cuts) = cut_short(rule, empty).await;
            assert!(answer.starts_with("HTTP/1.1 200 ") && cuts == 0, "{answer}");
        }
    });
}

#[test]
fn a_rule_that_fails_in_the_middle_of_its_stream_breaks_it_off() {
    on_paused_time(async {
        let begins =
            "http.stream.startResponse( \"200 OK\", \"text/plain\" ); http.stream.writeResponse( \"abc\" );";
        for fails in ["lang.assert( 0 );", "while( 1 ) $a = 1;"] {
            let site = site(&format!("{begins} {fails}"), "", "");
            let mut client = site.client();
            client.say(GET).await;
            client.head().await;
            assert_eq!(client.rest().await, "3\r\nabc\r\n", "no last chunk after {fails}");
        }
    });
}

#[test]
fn a_rule_that_fails_leaves_the_stream_of_another_rule_alone() {
    on_paused_time(async {
        let text = PLAIN.replacen("[pools", "request_rules = [ \"begins\", \"fails\" ]\n[pools", 1);
        let rules = [("begins", "http.stream.writeResponse( \"abc\" );"), ("fails", "lang.assert( 0 );")];
        let site = Site::with(catalog(&text, &rules), |_| Reach::Accepts);
        let mut client = site.client();
        client.say(GET).await;
        client.head().await;
        assert_eq!(client.hear_until("0\r\n\r\n").await, "3\r\nabc\r\n0\r\n\r\n");
    });
}

#[test]
fn no_204_names_a_length() {
    on_paused_time(async {
        let site = site("", "http.setResponseCode( 204, \"No\" );", "");
        let mut client = site.client();
        for method in ["HEAD", "GET"] {
            client.say(&format!("{method} /a HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            let mut node = site.node().await;
            node.head().await;
            node.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n").await;
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 204 ") && !head.contains("Content-Length"), "{head}");
        }
    });
}
