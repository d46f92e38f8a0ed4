//! Who is held up by the guard of a start without a file, and who is not.

use engine::builtins::builtins;
use engine::catalog::{EmbeddedOptions, Guard};
use engine::{Catalog, Rehearsal, SharedOptions, Visit, Visited, WallTime};
use message::{RequestHead, ResponseHead, Version};
use std::path::Path;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

fn guarded(target: &str, fields: &[(&str, &str)]) -> Visited {
    let options = EmbeddedOptions {
        listen: "127.0.0.1:9000".to_owned(),
        node: "10.0.0.9:81".to_owned(),
        hosts: vec!["shop.example".to_owned()],
        guard: Guard::Enforce,
    };
    let catalog = Catalog::embedded(&options, builtins()).catalog.unwrap();
    let mut request = RequestHead::new(b"GET", target.as_bytes(), Version::Http11).unwrap();
    for (name, value) in [("Host", "www.site.example"), ("User-Agent", FIREFOX)].iter().chain(fields) {
        request.fields_mut().set(name.as_bytes(), value.as_bytes()).unwrap();
    }
    let mut rehearsal = Rehearsal::new(catalog, &SharedOptions::default(), WallTime(1_000_000));
    rehearsal.add(Visit::of(request, ResponseHead::new(200, b"OK", Version::Http11).unwrap()));
    rehearsal.run().remove(0)
}

/// The bandwidth class of the answer, and the queue that the request went through.
fn fate(visited: &Visited) -> (Option<&str>, Option<&str>) {
    let queue = visited.record.events.iter().find_map(|(_, event)| match event {
        engine::decision::Event::Rate { context, .. } => context.as_deref(),
        _ => None,
    });
    (visited.record.bandwidth_class.as_deref(), queue)
}

#[test]
fn hot_linked_media_come_slowly_with_and_without_a_referer_and_readers_are_spared() {
    let hidden =
        [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "audio")];
    let hot_linked = (Some("HotLinked"), Some("forum.example"));
    let free = (None, None);
    assert_eq!(fate(&guarded("/a.mp3", &[("Referer", "http://www.forum.example/7")])), hot_linked);
    assert_eq!(fate(&guarded("/a.mp3", &hidden)), (Some("HotLinked"), Some("(none)")));
    let in_the_clear = [("Range", "bytes=0-"), ("Accept", "audio/webm,audio/*;q=0.9,*/*;q=0.5")];
    assert_eq!(fate(&guarded("/a.mp3", &in_the_clear)), (Some("HotLinked"), Some("(none)")));
    for agent in ["AntennaPod/3.4.0", "Tiny Tiny RSS/24.04 (https://tt-rss.org/)", "iTunes/12.9"] {
        let app = [("User-Agent", agent), ("Range", "bytes=0-")];
        assert_eq!(fate(&guarded("/a.mp3", &app)), free, "{agent}");
    }
    for own in ["http://site.example/", "http://www.shop.example/", "http://cdn.site.example:8080/x"] {
        assert_eq!(fate(&guarded("/a.mp3", &[("Referer", own)])), free, "{own}");
    }
}

#[test]
fn a_crowd_queues_by_the_site_it_comes_from() {
    for (referer, queue) in [
        ("http://news.example/story", Some("news.example")),
        ("http://WWW.News.example:80/story", Some("news.example")),
        ("http://own.example@www.news.example/", Some("news.example")),
        ("http://[2001:DB8::1]:80/", Some("2001:db8::1")),
        ("http://evil-site.example/", Some("evil-site.example")),
        ("http://site.example.evil.example/", Some("evil.example")),
        ("nothing", Some("(none)")),
        ("http:///x", Some("(none)")),
        ("http://localhost/", None),
        ("", None),
    ] {
        assert_eq!(fate(&guarded("/page", &[("Referer", referer)])).1, queue, "{referer}");
    }
}

#[test]
fn a_crowd_that_hides_where_it_comes_from_queues_for_the_page_on_which_it_lands() {
    let page = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    assert_eq!(fate(&guarded("/story?from=1", &[page])), (None, Some("/story")));
    let typed = [page, ("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate")];
    assert_eq!(fate(&guarded("/story", &typed)).1, Some("/story"));
    // A click on our own page that hides itself, what belongs to such a page, and a program.
    let inside = [page, ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Mode", "navigate")];
    assert_eq!(fate(&guarded("/story", &inside)).1, None);
    assert_eq!(fate(&guarded("/logo.png", &[("Accept", "image/avif,*/*;q=0.5")])).1, None);
    assert_eq!(fate(&guarded("/story", &[page, ("User-Agent", "curl/8.5.0")])).1, None);
}

#[test]
fn the_log_says_how_a_visitor_came_to_ask() {
    let text = "[virtual_servers.site]\nlisten = \":80\"\npool = \"discard\"\naccess_log = { path = \"-\", format = \"tidegate\" }\n";
    let files = engine::catalog::MemoryFiles::default().with("tidegate.toml", text);
    let catalog = Catalog::load(Path::new("tidegate.toml"), &files, builtins()).catalog.unwrap();
    let format = &catalog.virtual_servers[0].access_log.as_ref().unwrap().format;
    assert!(format.says_kind());
}
