//! What clients may do, and what they are told.

use crate::kit::{GET, OK, PLAIN, Reach, Site, catalog, on_paused_time};
use std::time::Duration;

#[test]
fn requests_of_one_connection_share_a_connection_to_the_node() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let (mut client, mut node) = site.asked(GET).await;
        node.say(OK).await;
        assert!(client.hear_until("hi").await.starts_with("HTTP/1.1 200 OK\r\n"));
        client.say(GET).await;
        node.head().await;
        node.say(OK).await;
        client.hear_until("hi").await;
        assert!(!site.has_more_nodes());
    });
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client.say("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTT").await;
        let mut node = site.node().await;
        for number in 1..=3 {
            let head = node.head().await;
            assert!(head.starts_with(&format!("GET /{number} ")), "{head}");
            node.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na{number}")).await;
            client.hear_until(&format!("a{number}")).await;
            if number == 2 {
                client.say("P/1.1\r\nHost: a\r\n\r\n").await;
            }
        }
    });
}

#[test]
fn a_client_that_asks_for_close_gets_it_after_the_answer() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client.say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        let mut node = site.node().await;
        assert!(!node.head().await.to_lowercase().contains("connection:"));
        node.say(OK).await;
        let all = client.rest().await;
        assert!(all.contains("Connection: close\r\n") && all.ends_with("hi"), "{all}");
    });
}

#[test]
fn an_old_client_is_kept_only_if_it_asks() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client.say("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
        let mut node = site.node().await;
        let head = node.head().await;
        assert!(head.contains("Host: 10.0.0.1:80\r\n"), "HTTP/1.1 towards the node needs a Host: {head}");
        node.say(OK).await;
        assert!(client.hear_until("hi").await.contains("Connection: keep-alive\r\n"));
        client.say("GET / HTTP/1.0\r\n\r\n").await;
        node.head().await;
        node.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n").await;
        let all = client.rest().await;
        assert!(!all.contains("chunked") && all.ends_with("\r\n\r\nhi"), "{all}");
    });
}

#[test]
fn a_client_that_only_ends_its_side_still_gets_its_answer() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client.say(GET).await;
        client.half_close().await;
        let mut node = site.node().await;
        node.head().await;
        node.say(OK).await;
        assert!(client.rest().await.ends_with("hi"));
    });
}

#[test]
fn the_client_is_told_to_the_node_and_cannot_tell_it_otherwise() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client
            .say(
                "GET / HTTP/1.1\r\nHost: site.example:80\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n\
                 X-Forwarded-Host: evil\r\nForwarded: for=1.2.3.4\r\nProxy: x\r\nConnection: X-Hop, X-Forwarded-For\r\n\
                 X-Hop: 1\r\nX-End: 2\r\nTE: trailers\r\nKeep-Alive: 5\r\n\r\n",
            )
            .await;
        let head = site.node().await.head().await;
        assert!(head.contains("\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"), "{head}");
        assert!(
            head.contains("\r\nHost: site.example:80\r\n") && head.contains("\r\nX-End: 2\r\n"),
            "{head}"
        );
        assert!(head.contains("\r\nX-Forwarded-Host: site.example:80\r\n"), "{head}");
        for absent in ["1.2.3.4", "evil", "Proxy", "X-Hop", "TE:", "Keep-Alive", "https"] {
            assert!(!head.contains(absent), "{absent} in {head}");
        }
    });
}

#[test]
fn a_node_is_told_the_host_the_client_asked_for_whatever_a_rule_makes_of_it() {
    on_paused_time(async {
        let text = PLAIN.replace("pool = ", "request_rules = [\"host\"]\npool = ");
        let rule = "http.setHeader( \"Host\", \"inner.example\" ); http.setHeader( \"Host\", \"inner.example:81\" );";
        let site = Site::with(catalog(&text, &[("host", rule)]), |_| Reach::Accepts);
        let mut client = site.client();
        client.say(GET).await;
        let head = site.node().await.head().await;
        assert!(head.contains("\r\nHost: inner.example:81\r\n"), "{head}");
        assert!(head.contains("\r\nX-Forwarded-Host: site.example\r\n"), "{head}");
    });
}

#[test]
fn what_a_rule_says_of_the_client_goes_to_the_node_as_it_says_it() {
    on_paused_time(async {
        let text = PLAIN.replace("pool = ", "request_rules = [\"tell\"]\npool = ");
        let rule = "http.addHeader( \"X-Forwarded-For\", request.getRemoteIP() . \", 10.9.9.9\" );
                    http.addHeader( \"X-Forwarded-Port\", request.getLocalPort() );
                    if( string.endsWith( connection.getVirtualServer(), \"site\" ) ) http.addHeader( \"X-Forwarded-Proto\", \"https\" );
                    if( http.getPath() == \"/host\" ) http.setHeader( \"X-Forwarded-Host\", \"public.example\" );";
        let site = Site::with(catalog(&text, &[("tell", rule)]), |_| Reach::Accepts);
        for (path, host) in [("/", "site.example"), ("/host", "public.example")] {
            let mut client = site.client();
            let spoof = "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: evil\r\n";
            client.say(&format!("GET {path} HTTP/1.1\r\nHost: site.example\r\n{spoof}\r\n")).await;
            let head = site.node().await.head().await;
            for (name, value) in
                [("For", "192.0.2.1, 10.9.9.9"), ("Proto", "https"), ("Host", host), ("Port", "80")]
            {
                let line = format!("\r\nX-Forwarded-{name}: ");
                assert!(head.contains(&format!("{line}{value}\r\n")), "{head}");
                assert_eq!(head.matches(&line).count(), 1, "{head}");
            }
        }
    });
}

#[test]
fn a_trusted_proxy_is_believed_and_added() {
    on_paused_time(async {
        let text = PLAIN.replace("pool = ", "trusted_proxies = [\"192.0.2.0/24\"]\nvia = true\npool = ");
        let site = Site::new(&text);
        let mut client = site.client();
        client
            .say("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 8.8.8.8, 9.9.9.9\r\nX-Forwarded-Proto: https\r\n\r\n")
            .await;
        let mut node = site.node().await;
        let head = node.head().await;
        assert!(head.contains("\r\nX-Forwarded-For: 8.8.8.8, 9.9.9.9, 192.0.2.1\r\n"), "{head}");
        assert!(
            head.contains("\r\nX-Forwarded-Proto: https\r\n") && head.contains("\r\nVia: 1.1 tidegate\r\n")
        );
        node.say(OK).await;
        assert!(client.hear_until("hi").await.contains("\r\nVia: 1.1 tidegate\r\n"));
    });
}

#[test]
fn an_absolute_target_reaches_the_node_as_a_path() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        client.say("GET http://site.example/x?y HTTP/1.1\r\nHost: site.example\r\n\r\n").await;
        assert!(site.node().await.head().await.starts_with("GET /x?y HTTP/1.1\r\n"));
    });
}

#[test]
fn a_bad_request_is_refused_and_nothing_behind_it_is_read_as_one() {
    for (request, status) in [
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ] {
        on_paused_time(async move {
            let site = Site::new(PLAIN);
            let mut client = site.client();
            client.say(request).await;
            client.say(GET).await;
            let all = client.rest().await;
            assert!(all.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?} got {all:?}");
            assert!(all.contains("Connection: close\r\n"));
            assert!(!site.has_more_nodes(), "{request:?} reached a node");
            assert_eq!(site.shared.counters().bad_requests.value(), 1);
        });
    }
}

#[test]
fn too_large_a_head_is_refused_by_name() {
    on_paused_time(async {
        let site = Site::new(PLAIN);
        let mut client = site.client();
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(70_000));
        // The proxy may stop reading at any point.
        let _refused = tokio::io::AsyncWriteExt::write_all(&mut client.stream, long.as_bytes()).await;
        assert!(client.rest().await.starts_with("HTTP/1.1 431 "));
    });
}

#[test]
fn a_head_that_trickles_has_a_deadline_as_a_whole() {
    on_paused_time(async {
        let site = Site::new(&PLAIN.replace("pool = ", "connect_timeout = \"5s\"\npool = "));
        let mut client = site.client();
        client.say("GET / HTTP/1.1\r\nHost: a\r\n").await;
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        for _ in 0..4 {
            ticks.tick().await;
            client.say("X: y\r\n").await;
        }
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(site.elapsed() < Duration::from_secs(7), "{:?}", site.elapsed());
    });
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    on_paused_time(async {
        let site = Site::new(&PLAIN.replace("pool = ", "keepalive_timeout = \"3s\"\npool = "));
        let (mut client, mut node) = site.asked(GET).await;
        node.say(OK).await;
        client.hear_until("hi").await;
        assert_eq!(client.rest().await, "");
        let waited = site.elapsed();
        assert!(waited >= Duration::from_secs(3) && waited < Duration::from_millis(3300), "{waited:?}");
    });
}

#[test]
fn an_unknown_host_is_misdirected() {
    on_paused_time(async {
        let text = PLAIN.replace("pool = ", "hosts = [\"site.example\"]\npool = ");
        let site = Site::with(catalog(&text, &[]), |_| Reach::Accepts);
        let mut client = site.client();
        client.say("GET / HTTP/1.1\r\nHost: other.example\r\n\r\n").await;
        assert!(client.rest().await.starts_with("HTTP/1.1 421 "));
    });
}
