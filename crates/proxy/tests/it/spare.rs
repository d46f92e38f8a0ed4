//! Requests that enter by spare capacity.

use crate::kit::{Far, OK, PLAIN, Reach, Site, catalog, on_paused_time};
use std::time::Duration;

const RULES: [(&str, &str); 1] = [(
    "enter",
    "if( request.kind() != \"app\" ) { rate.use( \"spare\" ); } if( http.getPath() == \"/no\" ) { http.sendResponse( \"404\", \"text/plain\", \"no\", \"\" ); }",
)];

fn spare(settings: &str) -> String {
    format!(
        "{}[rate_classes.spare]\nrate = \"spare\"\nspare_of = \"nodes\"\n{settings}",
        PLAIN.replace("pool = ", "marks = [\"visit\"]\nrequest_rules = [\"enter\"]\npool = ")
    )
}

fn site(settings: &str) -> Site {
    Site::with(catalog(&spare(settings), &RULES), |_| Reach::Accepts)
}

fn get(path: &str, referer: &str) -> String {
    let referer = if referer.is_empty() { String::new() } else { format!("Referer: http://{referer}/x\r\n") };
    format!(
        "GET {path} HTTP/1.1\r\nHost: site.example\r\nUser-Agent: Mozilla/5.0 Firefox/140.0\r\n{referer}Connection: close\r\n\r\n"
    )
}

async fn asks(site: &Site, path: &str, referer: &str) -> Far {
    let mut client = site.client();
    client.say(&get(path, referer)).await;
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
    client
}

/// The node gets somebody's request and answers; who it was, by the path.
async fn serve(site: &Site) -> String {
    let mut node = site.node().await;
    let head = node.head().await;
    node.say(OK).await;
    head.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn the_next_comes_in_when_the_node_is_through_and_the_best_claim_comes_first() {
    on_paused_time(async {
        let site = site("ceiling = 1\npartners = \"partner.example\"\n");
        let mut clients = vec![asks(&site, "/first", "news.example").await];
        let mut first = site.node().await;
        first.head().await;
        for (path, referer) in [
            ("/picture.png", "forum.example"),
            ("/crowd", "news.example"),
            ("/crowd", "news.example"),
            ("/blog", "blog.example"),
            ("/partner", "www.partner.example"),
            ("/inside", "site.example"),
        ] {
            clients.push(asks(&site, path, referer).await);
        }
        assert!(!site.has_more_nodes(), "the one place is taken");
        let reading = site.shared.registry().readings(site.now().tick);
        let numbers = reading.rates[0].spare.unwrap();
        assert_eq!((numbers.places, numbers.admitted, numbers.waiting), (1, 1, [1, 1, 0, 3, 1]));
        first.say(OK).await;
        drop(first);
        let mut came = Vec::new();
        for _ in 0..6 {
            came.push(serve(&site).await);
        }
        assert_eq!(came, ["/inside", "/partner", "/crowd", "/blog", "/crowd", "/picture.png"]);
        for mut client in clients {
            assert!(client.rest().await.ends_with("hi"));
        }
        let reading = site.shared.registry().readings(site.now().tick);
        let numbers = reading.rates[0].spare.unwrap();
        assert_eq!((numbers.admitted, numbers.passing, reading.rates[0].started), (0, 0, 7));
    });
}

#[test]
fn whoever_does_not_ask_is_not_held_up_and_takes_room_all_the_same() {
    on_paused_time(async {
        let site = site("floor = 1\nceiling = 2\n");
        let reader = "GET /feed.xml HTTP/1.1\r\nHost: a\r\nUser-Agent: Tiny Tiny RSS/24.04\r\nConnection: close\r\n\r\n";
        let mut readers = Vec::new();
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let mut client = site.client();
            client.say(reader).await;
            readers.push(client);
            nodes.push(site.node().await);
        }
        let _in = asks(&site, "/one", "news.example").await;
        nodes.push(site.node().await);
        let _waits = asks(&site, "/two", "news.example").await;
        assert!(!site.has_more_nodes(), "no more than the floor, while others take all there is");
        let reading = site.shared.registry().readings(site.now().tick);
        assert_eq!(reading.rates[0].spare.map(|numbers| (numbers.admitted, numbers.passing)), Some((1, 3)));
    });
}

#[test]
fn who_is_answered_here_or_leaves_makes_room() {
    on_paused_time(async {
        let site = site("ceiling = 1\n");
        let mut refused = asks(&site, "/no", "news.example").await;
        assert!(refused.rest().await.starts_with("HTTP/1.1 404"));
        let inside = asks(&site, "/in", "news.example").await;
        let _node = site.node().await;
        let leaver = asks(&site, "/leaver", "news.example").await;
        let mut waiter = asks(&site, "/waiter", "news.example").await;
        drop(leaver);
        drop(inside);
        assert_eq!(serve(&site).await, "/waiter");
        assert!(waiter.rest().await.ends_with("hi"));
    });
}

#[test]
fn who_waits_longer_than_the_class_allows_is_told_when_to_come_again() {
    on_paused_time(async {
        let site = site("ceiling = 1\nmax_wait = \"2s\"\n");
        let _inside = asks(&site, "/in", "news.example").await;
        let _node = site.node().await;
        let mut waiter = asks(&site, "/waiter", "news.example").await;
        let answer = waiter.rest().await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("Retry-After:"), "{answer}");
        assert!(site.elapsed() >= Duration::from_secs(2) && site.elapsed() < Duration::from_millis(2_100));
    });
}
