//! Places at nodes and the line before them, who stands in for whom, and who looks after nodes.

use crate::kit::{GET, OK, Reach, Site, catalog, on_paused_time, pass};
use proxy::{Looked, Lookup};
use std::cell::Cell;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

const SERVER: &str = "[virtual_servers.site]\nlisten = \"127.0.0.1:80\"\npool = \"nodes\"\n";

fn site(pools: &str) -> Site {
    Site::new(&format!("{SERVER}{pools}"))
}

/// Lets everybody do what they can do now.
async fn settle() {
    pass(Duration::from_millis(1)).await;
}

#[test]
fn who_finds_no_place_waits_for_one_and_they_go_in_the_order_of_coming() {
    on_paused_time(async {
        let site = site("[pools.nodes]\nnodes = [\"10.0.0.1:80\"]\nmax_connections_pernode = 1\n");
        let (mut first, mut node) = site.asked(GET).await;
        let mut waiting = Vec::new();
        for path in ["b", "c", "d"] {
            let mut client = site.client();
            client.say(&GET.replace("/a ", &format!("/{path} "))).await;
            settle().await;
            waiting.push((path, client));
        }
        assert!(!site.has_more_nodes());
        node.say(OK).await;
        first.hear_until("hi").await;
        for (path, mut client) in waiting {
            let head = node.head().await;
            assert!(head.starts_with(&format!("GET /{path} ")), "{head}");
            node.say(OK).await;
            assert!(client.hear_until("hi").await.starts_with("HTTP/1.1 200 "));
        }
        assert_eq!(site.shared.counters().node_queued.value(), 3);
    });
}

#[test]
fn the_line_is_only_so_long_and_nobody_stands_in_it_for_ever() {
    on_paused_time(async {
        let site = site(
            "[pools.nodes]\nnodes = [\"10.0.0.1:80\"]\nmax_connections_pernode = 1\nmax_queue_size = 1\n\
             queue_timeout = \"2s\"\n",
        );
        let (_first, _node) = site.asked(GET).await;
        let mut waits = site.client();
        waits.say(GET).await;
        settle().await;
        let mut is_one_too_many = site.client();
        is_one_too_many.say(GET).await;
        let head = is_one_too_many.head().await;
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("Retry-After: 5\r\n"), "{head}");
        assert!(site.elapsed() < Duration::from_secs(1));
        let head = waits.head().await;
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("Retry-After: "), "{head}");
        assert!(site.elapsed() >= Duration::from_secs(2) && site.elapsed() < Duration::from_secs(3));
        assert!(!site.has_more_nodes());
        assert_eq!(site.shared.counters().node_queue_refused.value(), 2);
    });
}

#[test]
fn a_client_that_leaves_the_line_takes_nobodys_place() {
    on_paused_time(async {
        let site = site("[pools.nodes]\nnodes = [\"10.0.0.1:80\"]\nmax_connections_pernode = 1\n");
        let (_first, mut node) = site.asked(GET).await;
        let mut leaves = site.client();
        leaves.say(GET).await;
        settle().await;
        let mut stays = site.client();
        stays.say(&GET.replace("/a ", "/stays ")).await;
        settle().await;
        drop(leaves);
        settle().await;
        node.say(OK).await;
        assert!(node.head().await.starts_with("GET /stays "));
        node.say(OK).await;
        assert!(stays.hear_until("hi").await.starts_with("HTTP/1.1 200 "));
    });
}

#[test]
fn where_no_node_is_well_the_failure_pool_stands_in() {
    on_paused_time(async {
        let text = format!(
            "{SERVER}[pools.nodes]\nnodes = [\"10.0.0.1:80\"]\nfailure_pool = \"sorry\"\n\
             [pools.sorry]\nnodes = [\"10.0.0.9:80\"]\n"
        );
        let site = Site::with(catalog(&text, &[]), |name| match name {
            "10.0.0.1:80" => Reach::Refuses,
            _ => Reach::Accepts,
        });
        for _ in 0..2 {
            let mut client = site.client();
            client.say(GET).await;
            let (name, mut node) = site.named_node().await;
            assert_eq!(name, "10.0.0.9:80");
            node.head().await;
            node.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").await;
            assert!(client.hear_until("hi").await.starts_with("HTTP/1.1 200 "));
        }
        assert_eq!(site.shared.counters().node_failures.value(), 1, "the second went there at once");
    });
}

#[test]
fn retries_have_a_budget() {
    on_paused_time(async {
        let text = format!(
            "{SERVER}[pools.nodes]\nnodes = [{{ address = \"10.0.0.1:80\", priority = 2 }}, \"10.0.0.2:80\"]\n\
             node_fail_time = 0\nretry_budget = 0\nretry_min_per_second = 1\nejection_errors = 0\n"
        );
        let site = Site::with(catalog(&text, &[]), |name| match name {
            "10.0.0.1:80" => Reach::Refuses,
            _ => Reach::Accepts,
        });
        let mut client = site.client();
        client.say(GET).await;
        let mut node = site.node().await;
        node.head().await;
        node.say(OK).await;
        client.hear_until("hi").await;
        client.say(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 502 "));
        let counters = site.shared.counters();
        assert_eq!((counters.node_retries.value(), counters.node_retries_refused.value()), (1, 1));
    });
}

#[test]
fn nothing_new_goes_to_a_draining_node_but_what_a_rule_sends_there_and_nothing_to_a_disabled_one() {
    on_paused_time(async {
        let text = format!(
            "{}[pools.nodes]\nnodes = [{{ address = \"10.0.0.1:80\", state = \"draining\" }}, \"10.0.0.2:80\", \
             {{ address = \"10.0.0.3:80\", state = \"disabled\" }}]\n",
            SERVER.replace("pool =", "request_rules = [\"keep\"]\npool =")
        );
        let rule = "connection.setPersistenceNode( http.getHeader( \"X-Node\" ) );";
        let site = Site::with(catalog(&text, &[("keep", rule)]), |_| Reach::Accepts);
        for (wanted, got) in [("", "2"), ("10.0.0.1:80", "1"), ("10.0.0.3:80", "2"), ("", "2")] {
            let mut client = site.client();
            client.say(&format!("GET / HTTP/1.1\r\nHost: a\r\nX-Node: {wanted}\r\n\r\n")).await;
            let (name, mut node) = site.named_node().await;
            assert_eq!(name, format!("10.0.0.{got}:80"), "wanted {wanted:?}");
            node.head().await;
            node.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").await;
            client.hear_until("hi").await;
        }
    });
}

/// Nobody has a name.
struct NoNames;

impl Lookup for NoNames {
    fn addresses(&self, _: String) -> Looked<Vec<IpAddr>> {
        Box::pin(async { Err(io::ErrorKind::NotFound.into()) })
    }

    fn name(&self, _: IpAddr) -> Looked<String> {
        Box::pin(async { Err(io::ErrorKind::NotFound.into()) })
    }
}

#[test]
fn a_monitor_takes_a_node_out_and_brings_it_back_and_tells_nothing_of_clients() {
    on_paused_time(async {
        let site = Rc::new(site(
            "[pools.nodes]\nnodes = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\nmonitors = \"page\"\n\
             [monitors.page]\nkind = \"http\"\npath = \"/health\"\nbody_regex = \"^fine$\"\ndelay = \"1s\"\nfailures = 2\n",
        ));
        site.watch(NoNames);
        let is_ill = Rc::new(Cell::new(true));
        let (looks, pages) = (Rc::new(Cell::new(0)), Rc::new(Cell::new((0, 0))));
        let nodes = {
            let (site, is_ill) = (Rc::clone(&site), Rc::clone(&is_ill));
            let (looks, pages) = (Rc::clone(&looks), Rc::clone(&pages));
            async move {
                loop {
                    let (name, mut node) = site.named_node().await;
                    let is_first = name == "10.0.0.1:80";
                    let head = node.head().await;
                    let body = if head.starts_with("GET /health ") {
                        assert!(
                            head.contains("User-Agent: tidegate-monitor\r\n") && !head.contains("192.0.2.")
                        );
                        looks.set(looks.get() + 1);
                        if is_first && is_ill.get() { "ill!" } else { "fine" }
                    } else {
                        let (first, second) = pages.get();
                        pages.set(if is_first { (first + 1, second) } else { (first, second + 1) });
                        "page"
                    };
                    let head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n";
                    node.say(&format!("{head}{body}")).await;
                }
            }
        };
        tokio::task::spawn_local(nodes);
        let ask_four = async || {
            pages.set((0, 0));
            for _ in 0..4 {
                let mut client = site.client();
                client.say(GET).await;
                client.hear_until("page").await;
            }
            pages.get()
        };
        assert_eq!(ask_four().await, (2, 2), "until it was looked at, a node is thought well");
        pass(Duration::from_secs(3)).await;
        assert_eq!(ask_four().await, (0, 4));
        is_ill.set(false);
        pass(Duration::from_secs(3)).await;
        assert_eq!(ask_four().await, (2, 2));
        assert!(looks.get() >= 8, "{}", looks.get());
    });
}

#[test]
fn a_node_whose_name_has_no_address_is_down_until_it_has_one_and_then_keeps_it() {
    struct Table(Rc<Cell<bool>>);
    impl Lookup for Table {
        fn addresses(&self, _: String) -> Looked<Vec<IpAddr>> {
            let is_known = self.0.get();
            Box::pin(async move {
                if is_known {
                    Ok(vec![IpAddr::from([10, 0, 0, 5])])
                } else {
                    Err(io::ErrorKind::NotFound.into())
                }
            })
        }

        fn name(&self, _: IpAddr) -> Looked<String> {
            Box::pin(async { Err(io::ErrorKind::NotFound.into()) })
        }
    }
    on_paused_time(async {
        let site = Site::new(&format!(
            "[settings]\ndns_refresh = \"5s\"\n{SERVER}[pools.nodes]\nnodes = [\"app.internal:80\"]\n"
        ));
        let is_known = Rc::new(Cell::new(false));
        site.watch(Table(Rc::clone(&is_known)));
        settle().await;
        let mut client = site.client();
        client.say(GET).await;
        assert!(client.head().await.starts_with("HTTP/1.1 503 "));
        is_known.set(true);
        pass(Duration::from_secs(6)).await;
        is_known.set(false);
        pass(Duration::from_secs(20)).await;
        let (mut client, mut node) = site.asked(GET).await;
        node.say(OK).await;
        assert!(client.hear_until("hi").await.starts_with("HTTP/1.1 200 "));
    });
}
