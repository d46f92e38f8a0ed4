//! What those in front of us and behind us are told: who the client is, which request it is, and what went wrong.

use crate::kit::{GET, OK, PLAIN, Reach, Site, catalog, on_paused_time, pass};
use engine::catalog::{Catalog, MemoryFiles};
use proxy::{Looked, Lookup};
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

/// The clients of these stories come from 192.0.2.1.
fn site(keys: &str) -> Site {
    Site::new(&PLAIN.replace("pool = ", &format!("{keys}\npool = ")))
}

async fn head_at_node(site: &Site, fields: &str) -> String {
    let mut client = site.client();
    client.say(&format!("GET / HTTP/1.1\r\nHost: site.example:80\r\n{fields}\r\n")).await;
    let (mut node, head) = {
        let mut node = site.node().await;
        let head = node.head().await;
        (node, head)
    };
    node.say(OK).await;
    client.hear_until("hi").await;
    head
}

fn field<'h>(head: &'h str, name: &str) -> Vec<&'h str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

#[test]
fn a_node_is_told_by_forwarded_too_and_never_what_the_client_says_of_itself() {
    on_paused_time(async {
        let site = site("forwarded = true");
        let head =
            head_at_node(&site, "Forwarded: for=1.2.3.4;proto=https\r\nX-Forwarded-For: 1.2.3.4\r\n").await;
        assert_eq!(
            field(&head, "Forwarded"),
            ["for=192.0.2.1;host=\"site.example:80\";proto=http"],
            "{head}"
        );
        assert_eq!(field(&head, "X-Forwarded-For"), ["192.0.2.1"]);
    });
}

#[test]
fn the_forwarded_of_a_trusted_proxy_is_believed_where_that_is_set_and_nothing_else() {
    on_paused_time(async {
        let keys = "trusted_proxies = [\"192.0.2.0/24\", \"2001:db8::/32\"]\nclient_address_from = \"forwarded\"\n\
                    forwarded = true\nrequest_rules = [\"who\"]";
        let text = PLAIN.replace("pool = ", &format!("{keys}\npool = "));
        let rule = "http.setHeader( \"X-Who\", request.getRemoteIP() );";
        let site = Site::with(catalog(&text, &[("who", rule)]), |_| Reach::Accepts);
        for (told, who, chain) in [
            (
                "Forwarded: for=9.9.9.9, for=203.0.113.7;proto=https;host=shop.example\r\n",
                "203.0.113.7",
                "9.9.9.9, 203.0.113.7, 192.0.2.1",
            ),
            // Two trusted ones in a row, the client behind them.
            (
                "Forwarded: for=\"[2001:0DB9::1]:4711\"\r\nForwarded: for=\"[2001:db8::7]\"\r\n",
                "2001:db9::1",
                "2001:db9::1, 2001:db8::7, 192.0.2.1",
            ),
            ("Forwarded: for=203.0.113.7, for=_hidden\r\n", "192.0.2.1", "203.0.113.7, unknown, 192.0.2.1"),
            // A quote that the client left open hides nobody.
            ("Forwarded: for=\"9.9.9.9, for=203.0.113.7\r\n", "203.0.113.7", "203.0.113.7, 192.0.2.1"),
            ("", "192.0.2.1", "192.0.2.1"),
        ] {
            let head = head_at_node(
                &site,
                &format!("{told}X-Forwarded-For: 8.8.8.8\r\nX-Forwarded-Proto: evil\r\n"),
            )
            .await;
            assert_eq!(field(&head, "X-Who"), [who], "{told}");
            assert_eq!(field(&head, "X-Forwarded-For"), [chain], "{told}");
            assert_eq!(field(&head, "Forwarded").len(), 1);
            let ours = "for=192.0.2.1;host=\"site.example:80\";proto=http";
            assert!(field(&head, "Forwarded")[0].ends_with(ours), "{head}");
            let (proto, host) =
                if told.contains("https") { ("https", "shop.example") } else { ("http", "site.example:80") };
            assert_eq!(field(&head, "X-Forwarded-Proto"), [proto], "{told}");
            assert_eq!(field(&head, "X-Forwarded-Host"), [host], "{told}");
        }
    });
}

#[test]
fn where_x_forwarded_for_is_believed_a_forwarded_that_came_along_is_made_anew() {
    on_paused_time(async {
        let site = site("trusted_proxies = \"192.0.2.0/24\"\nforwarded = true");
        let head =
            head_at_node(&site, "Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 203.0.113.7, junk\r\n").await;
        let forwarded = "for=203.0.113.7, for=unknown, for=192.0.2.1;host=\"site.example:80\";proto=http";
        assert_eq!(field(&head, "Forwarded"), [forwarded], "{head}");
        let site = Site::new(&PLAIN.replace("pool = ", "trusted_proxies = \"192.0.2.0/24\"\npool = "));
        let head = head_at_node(&site, "Forwarded: for=6.6.6.6\r\n").await;
        assert!(field(&head, "Forwarded").is_empty(), "{head}");
    });
}

#[test]
fn each_request_has_an_id_that_its_client_cannot_choose() {
    on_paused_time(async {
        let site = site("");
        let first = head_at_node(&site, "X-Request-ID: mine\r\nx-request-id: too\r\n").await;
        let second = head_at_node(&site, "").await;
        let id = |head: &str| {
            let ids = field(head, "X-Request-ID");
            assert_eq!(ids.len(), 1, "{head}");
            ids[0].to_owned()
        };
        assert!(id(&first).len() == 16 && id(&first).bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
        assert_ne!(id(&first), id(&second));
    });
}

#[test]
fn the_id_of_a_trusted_proxy_is_taken_over_where_that_is_set_and_only_if_it_is_one() {
    on_paused_time(async {
        let keys = "request_id = { header = \"X-Trace\", accept = true }";
        let trusting = site(&format!("{keys}\ntrusted_proxies = \"192.0.2.0/24\""));
        let head = head_at_node(&trusting, "X-Trace: 7f3c-9a/52\r\nX-Request-ID: theirs\r\n").await;
        assert_eq!(field(&head, "X-Trace"), ["7f3c-9a/52"]);
        assert_eq!(field(&head, "X-Request-ID"), ["theirs"], "another field is nothing to us");
        for told in ["X-Trace: a b\r\n", "X-Trace: <b>\r\n", "X-Trace: a\r\nX-Trace: b\r\n"] {
            let head = head_at_node(&trusting, told).await;
            assert_eq!(field(&head, "X-Trace").len(), 1);
            assert_eq!(field(&head, "X-Trace")[0].len(), 16, "{told} {head}");
        }
        let doubting = site(keys);
        let head = head_at_node(&doubting, "X-Trace: 7f3c-9a/52\r\n").await;
        assert_eq!(field(&head, "X-Trace")[0].len(), 16, "{head}");
        let none = site("request_id = \"off\"");
        let head = head_at_node(&none, "X-Request-ID: mine\r\n").await;
        assert_eq!(field(&head, "X-Request-ID"), ["mine"]);
    });
}

#[test]
fn an_error_is_told_in_the_form_that_the_client_accepts_with_the_id_of_the_request() {
    on_paused_time(async {
        let site = Site::with(catalog(PLAIN, &[]), |_| Reach::Refuses);
        for (accept, kind, start) in [
            ("", "text/html; charset=utf-8", "<!DOCTYPE html>"),
            ("Accept: application/json\r\n", "application/problem+json", "{\"type\":\"about:blank\""),
            ("Accept: text/plain\r\n", "text/plain; charset=utf-8", "502 Bad Gateway\n"),
        ] {
            let mut client = site.client();
            client.say(&format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{accept}\r\n")).await;
            let all = client.rest().await;
            let (head, body) = all.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 502 Bad Gateway"), "{all}");
            assert_eq!(field(head, "Content-Type"), [kind]);
            assert_eq!(field(head, "Cache-Control"), ["no-store"]);
            assert!(body.starts_with(start), "{body}");
            assert!(body.contains(field(head, "X-Request-ID")[0]), "{all}");
        }
        // What could not be read tells nothing of what it accepts.
        let mut client = site.client();
        client.say("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nAccept: text/html\r\n\r\n").await;
        client.half_close().await;
        let all = client.rest().await;
        assert!(
            all.starts_with("HTTP/1.1 400 ") && all.contains("text/plain") && all.contains("X-Request-ID: "),
            "{all}"
        );
    });
}

#[test]
fn an_operators_pages_come_before_ours_where_there_is_one_of_the_form() {
    on_paused_time(async {
        let keys =
            "error_pages = { 502 = [\"pages/502.html\", \"pages/502.json\"], 4xx = \"pages/4xx.html\" }";
        let text = PLAIN.replace("pool = ", &format!("{keys}\npool = "));
        let files = MemoryFiles::default()
            .with("tidegate.toml", text)
            .with("pages/502.html", "<p>{{status}} {{request_id}}</p>")
            .with("pages/502.json", "{\"code\":{{status}}}")
            .with("pages/4xx.html", "<p>Not you: {{reason}}</p>");
        let loaded = Catalog::load(Path::new("tidegate.toml"), &files, engine::builtins::builtins());
        let site = Site::with(loaded.catalog.unwrap(), |_| Reach::Refuses);
        for (accept, body) in
            [("text/html", "<p>502 "), ("application/json", "{\"code\":502}"), ("text/plain", "502 Bad")]
        {
            let mut client = site.client();
            client
                .say(&format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept: {accept}\r\n\r\n"))
                .await;
            let all = client.rest().await;
            assert!(all.split_once("\r\n\r\n").unwrap().1.starts_with(body), "{all}");
        }
        let mut client = site.client();
        client.say("GET / HTTP/9.9\r\n\r\n").await;
        client.half_close().await;
        let all = client.rest().await;
        assert!(!all.contains("Not you"), "505 is none of 4xx: {all}");
        let mut client = site.client();
        client.say("GET / HTTP/1.1\r\n\r\n").await;
        client.half_close().await;
        let all = client.rest().await;
        assert!(all.ends_with("<p>Not you: Bad Request</p>"), "{all}");
    });
}

fn announcing(version: &str, keys: &str) -> Site {
    let pool = format!("proxy_protocol = \"{version}\"\n");
    Site::new(&format!("{}{pool}", PLAIN.replace("pool = ", &format!("{keys}\npool = "))))
}

#[test]
fn a_connection_that_names_its_client_is_used_again_by_that_client_and_by_nobody_else() {
    on_paused_time(async {
        let site = announcing("v1", "");
        let mut first = site.client();
        first.say(GET).await;
        let mut node = site.node().await;
        assert_eq!(node.hear_until("\r\n").await, "PROXY TCP4 192.0.2.1 127.0.0.1 1025 80\r\n");
        assert!(node.head().await.starts_with("GET /a "));
        node.say(OK).await;
        first.hear_until("hi").await;
        // The same connection of the same client.
        first.say(GET).await;
        assert!(node.head().await.starts_with("GET /a "), "no second header");
        node.say(OK).await;
        first.hear_until("hi").await;
        assert!(!site.has_more_nodes());
        // Another connection, while the first one is idle.
        let mut second = site.client();
        second.say(GET).await;
        let mut other = site.node().await;
        assert_eq!(other.hear_until("\r\n").await, "PROXY TCP4 192.0.2.1 127.0.0.1 1026 80\r\n");
        other.head().await;
        other.say(OK).await;
        second.hear_until("hi").await;
        // Nobody can use what belonged to a client that is gone.
        drop(first);
        assert_eq!(node.rest().await, "");
        second.say(GET).await;
        other.head().await;
        assert!(!site.has_more_nodes());
    });
}

#[test]
fn behind_one_connection_of_a_trusted_proxy_each_client_has_a_connection_of_its_own() {
    on_paused_time(async {
        let site = announcing("v1", "trusted_proxies = \"192.0.2.0/24\"");
        let mut proxy = site.client();
        let mut nodes = Vec::new();
        for client in ["203.0.113.1", "203.0.113.2"] {
            proxy.say(&format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n")).await;
            let mut node = site.node().await;
            // The port of a client that somebody else names is not known.
            assert_eq!(node.hear_until("\r\n").await, format!("PROXY TCP4 {client} 127.0.0.1 0 80\r\n"));
            node.head().await;
            node.say(OK).await;
            proxy.hear_until("hi").await;
            nodes.push(node);
        }
        proxy.say("GET /again HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.1\r\n\r\n").await;
        assert!(nodes[0].head().await.starts_with("GET /again "));
        assert!(!site.has_more_nodes());
    });
}

struct NoNames;

impl Lookup for NoNames {
    fn addresses(&self, _: String) -> Looked<Vec<IpAddr>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn name(&self, _: IpAddr) -> Looked<String> {
        Box::pin(async { Ok(String::new()) })
    }
}

#[test]
fn a_monitor_speaks_for_itself_where_nodes_await_a_header() {
    for (version, header) in [("v1", &b"PROXY UNKNOWN\r\n"[..]), ("v2", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")] {
        on_paused_time(async {
            let text = format!(
                "{PLAIN}proxy_protocol = \"{version}\"\nmonitors = \"page\"\n[monitors.page]\nkind = \"http\"\n\
                 path = \"/health\"\ndelay = \"1s\"\n"
            );
            let site = Rc::new(Site::new(&text));
            site.watch(NoNames);
            pass(Duration::from_secs(1)).await;
            let mut node = site.node().await;
            assert_eq!(node.exactly(header.len()).await, header);
            assert!(node.head().await.starts_with("GET /health "));
        });
    }
}
