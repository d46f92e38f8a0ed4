//! What rules set for one transaction, as nodes and clients see it.

use crate::kit::{GET, OK, Reach, Site, catalog, on_paused_time};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

const THREE_NODES: &str = "[virtual_servers.site]\nlisten = \"127.0.0.1:80\"\npool = \"nodes\"\n\
    request_rules = [\"request\"]\nresponse_rules = [\"response\"]\n\
    [pools.nodes]\nnodes = [\"10.0.0.1:80\", \"10.0.0.2:80\", \"10.0.0.3:80\"]\nmax_reply_time = \"30s\"\n\
    [outgoing]\nallow = [\"10.0.0.9:81\"]\n";

/// A site with a request rule and a response rule; `reach` says how attempts at nodes go.
fn site(request: &str, response: &str, reach: impl Fn(&str) -> Reach + 'static) -> Site {
    Site::with(catalog(THREE_NODES, &[("request", request), ("response", response)]), reach)
}

fn open(request: &str, response: &str) -> Site {
    site(request, response, |_| Reach::Accepts)
}

/// Whoever was tried, in order.
fn counted(reach: Reach) -> (Rc<RefCell<Vec<String>>>, impl Fn(&str) -> Reach + 'static) {
    let tried = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&tried);
    let reach = move |name: &str| {
        noted.borrow_mut().push(name.to_owned());
        reach
    };
    (tried, reach)
}

#[test]
fn a_node_that_is_avoided_is_not_asked_and_one_that_is_named_is() {
    on_paused_time(async {
        let site = open(
            "request.avoidNode( \"10.0.0.1:80\" ); connection.setPersistenceNode( http.getHeader( \"Node\" ) );",
            "http.setResponseHeader( \"X-Node\", connection.getNode() );",
        );
        for wanted in ["10.0.0.3:80", "10.0.0.2:80", "10.0.0.2"] {
            let mut client = site.client();
            client.say(&format!("GET / HTTP/1.1\r\nHost: a\r\nNode: {wanted}\r\n\r\n")).await;
            let (name, mut node) = site.named_node().await;
            assert!(name.starts_with(wanted), "{name}");
            node.head().await;
            node.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").await;
            let head = client.head().await;
            assert!(head.contains(&format!("X-Node: {name}\r\n")), "{head}");
        }
    });
}

#[test]
fn attempts_bound_how_many_nodes_are_tried() {
    for (most, expected) in [(0, 3), (1, 1), (2, 2), (9, 3)] {
        on_paused_time(async move {
            let (tried, reach) = counted(Reach::Refuses);
            let site = site(&format!("request.setMaxConnectionAttempts( {most} );"), "", reach);
            let mut client = site.client();
            client.say(GET).await;
            assert!(client.head().await.starts_with("HTTP/1.1 502 "));
            assert_eq!(tried.borrow().len(), expected, "at most {most}");
        });
    }
}

#[test]
fn a_reply_time_that_a_rule_sets_shortens_the_wait_for_the_node() {
    on_paused_time(async {
        let site = open("request.setMaxReplyTime( 1.5 );", "");
        let (mut client, _node) = site.asked(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 504 "));
        assert!(
            site.elapsed() >= Duration::from_millis(1500) && site.elapsed() < Duration::from_millis(1800)
        );
        assert!(!site.has_more_nodes(), "it may have acted: nobody else is asked");
    });
}

#[test]
fn a_rule_may_let_a_request_be_sent_again_when_a_node_took_too_long() {
    for (method, most, expected) in [("GET", 2, 2), ("GET", 0, 3), ("GET", 1, 1), ("POST", 2, 1)] {
        on_paused_time(async move {
            let (tried, reach) = counted(Reach::Accepts);
            let rule =
                format!("request.setMaxReplyTime( 1 ); request.setMaxTimedOutConnectionAttempts( {most} );");
            let site = site(&rule, "", reach);
            let mut client = site.client();
            client.say(&format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            let mut silent = Vec::new();
            for _ in 0..expected {
                let mut node = site.node().await;
                node.head().await;
                silent.push(node);
            }
            assert!(client.head().await.starts_with("HTTP/1.1 504 "), "{method} {most}");
            assert_eq!(tried.borrow().len(), expected, "{method} {most}");
        });
    }
}

#[test]
fn what_a_rule_calls_idempotent_is_sent_again_when_a_node_breaks_off() {
    for (rule, method, again) in [
        ("", "GET", true),
        ("request.setIdempotent( false );", "GET", false),
        ("", "POST", false),
        ("request.setIdempotent( true );", "POST", true),
    ] {
        on_paused_time(async move {
            let site = open(rule, "");
            let mut client = site.client();
            client.say(&format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            let mut first = site.node().await;
            first.head().await;
            drop(first);
            if again {
                let mut second = site.node().await;
                second.head().await;
                second.say(OK).await;
            }
            let head = client.head().await;
            assert_eq!(head.starts_with("HTTP/1.1 200 "), again, "{rule} {method}: {head}");
        });
    }
}

#[test]
fn the_last_moment_of_a_transaction_can_be_set_by_a_rule_before_and_behind_the_node() {
    on_paused_time(async {
        let site = open("request.setMaxTransactionDuration( 2 );", "");
        let (mut client, _node) = site.asked(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 503 "));
        assert!(site.elapsed() >= Duration::from_secs(2) && site.elapsed() < Duration::from_millis(2300));
    });
    on_paused_time(async {
        let site = open("", "request.setMaxTransactionDuration( 2 );");
        let (mut client, mut node) = site.asked(GET).await;
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ").await;
        client.head().await;
        assert_eq!(client.rest().await, "half ", "it is cut");
        assert!(site.elapsed() < Duration::from_millis(2300));
    });
}

#[test]
fn a_time_out_that_a_rule_sets_ends_an_answer_that_stands_still() {
    on_paused_time(async {
        let site = open("request.setVirtualServerTimeout( 3 );", "");
        let (mut client, mut node) = site.asked(GET).await;
        node.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ").await;
        client.head().await;
        assert_eq!(client.rest().await, "half ");
        assert!(site.elapsed() >= Duration::from_secs(3) && site.elapsed() < Duration::from_millis(3300));
    });
}

#[test]
fn nodes_are_told_the_client_that_a_rule_names_and_the_next_request_begins_again() {
    on_paused_time(async {
        let site = open(
            "if( http.getPath() == \"/named\" ) request.setRemoteIP( \"198.51.100.7\" );",
            "http.setResponseHeader( \"X-Took\", stats.getServerResponseTime() );",
        );
        let mut client = site.client();
        for (path, told) in [("/named", "198.51.100.7"), ("/plain", "192.0.2.1")] {
            client.say(&format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.9.9.9\r\n\r\n")).await;
            let mut node = site.node().await;
            let head = node.head().await;
            assert!(head.contains(&format!("X-Forwarded-For: {told}\r\n")), "{head}");
            tokio::time::advance(Duration::from_millis(40)).await;
            node.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
            let answer = client.head().await;
            let took = answer.split("X-Took: ").nth(1).and_then(|rest| rest.split("\r\n").next()).unwrap();
            assert!((40..60).contains(&took.parse::<u32>().unwrap()), "{took}");
        }
    });
}

#[test]
fn a_node_by_name_is_asked_with_the_settings_of_the_pool_and_only_that_one() {
    on_paused_time(async {
        let (tried, reach) = counted(Reach::Refuses);
        let site = site("pool.use( \"nodes\", \"10.0.0.9\", 81 );", "", reach);
        let mut client = site.client();
        client.say(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
        assert_eq!(*tried.borrow(), ["10.0.0.9:81"]);
    });
}

#[test]
fn a_pool_tells_which_of_its_nodes_have_failed() {
    on_paused_time(async {
        let rule = "http.setHeader( \"X-Nodes\", pool.activenodes( \"nodes\" ) . \" \" . pool.failednodes( \"nodes\" ) \
                    . \" \" . array.join( pool.listfailednodes( \"nodes\" ) ) . \" \" \
                    . array.join( pool.listactivenodes( \"nodes\" ) ) . \" \" \
                    . pool.checknode( \"nodes\", \"10.0.0.1\", 80 ) );";
        let site = site(rule, "", |name| if name == "10.0.0.1:80" { Reach::Refuses } else { Reach::Accepts });
        for told in [
            "3 0  10.0.0.1:80 10.0.0.2:80 10.0.0.3:80 ACTIVE",
            "2 1 10.0.0.1:80 10.0.0.2:80 10.0.0.3:80 DEAD",
        ] {
            let mut client = site.client();
            client.say(GET).await;
            let mut node = site.node().await;
            let head = node.head().await;
            assert!(head.contains(&format!("X-Nodes: {told}\r\n")), "{head}");
            node.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").await;
            client.head().await;
        }
    });
}

#[test]
fn framing_and_hop_by_hop_fields_are_the_proxys_own_whatever_rules_say() {
    on_paused_time(async {
        let site = open(
            "http.setHeader( \"Content-Length\", \"99\" ); http.setHeader( \"Transfer-Encoding\", \"chunked\" );\n\
             http.setHeader( \"Connection\", \"X-Mine\" ); http.setHeader( \"X-Mine\", \"1\" );\n\
             http.setMethod( \"PUT\" ); http.setPath( \"/b c\" ); http.setCookie( \"a\", \"1\" );",
            "http.setResponseHeader( \"Content-Length\", \"1\" ); http.setResponseHeader( \"Connection\", \"close\" );\n\
             http.setResponseHeader( \"Transfer-Encoding\", \"chunked\" ); http.setResponseCode( 201 );",
        );
        let mut client = site.client();
        client.say("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi").await;
        let mut node = site.node().await;
        let head = node.head().await;
        assert!(head.starts_with("PUT /b%20c HTTP/1.1\r\n") && head.contains("Cookie: a=1\r\n"), "{head}");
        assert!(head.contains("Content-Length: 2\r\n") && !head.contains("chunked"), "{head}");
        assert_eq!(node.exactly(2).await, b"hi");
        node.say(OK).await;
        let answer = client.head().await;
        assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
        assert!(answer.contains("Content-Length: 2\r\n") && !answer.contains("chunked"), "{answer}");
        assert!(!answer.contains("Connection: "), "{answer}");
        assert_eq!(client.exactly(2).await, b"hi");
        client.say(GET).await;
        assert!(site.node().await.head().await.starts_with("PUT /b%20c "), "the connection goes on");
    });
}
