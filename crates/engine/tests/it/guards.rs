//! The ladder of a guard, from the catalog to the answers.

use core::time::Duration;
use engine::builtins::builtins;
use engine::catalog::{MemoryFiles, Step};
use engine::{Catalog, Rehearsal, SharedOptions, Visit, Visited, WallTime};
use message::{RequestHead, ResponseHead, Version};
use std::net::SocketAddr;
use std::path::Path;

const CATALOG: &str = "[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\nguard = \"senders\"\n\
    [pools.web]\nnodes = \"192.0.2.81:80\"\n\
    [guards.senders]\nclimb_to = \"refuse\"\ncrowd = 20\nqueue = \"Entries\"\nslow = \"Media\"\nexempt = \"partner.example\"\n\
    [rate_classes.Entries]\nmax_rate_per_second = 1\nmax_queue = 2\nmax_wait = \"6s\"\n\
    [bandwidth_classes.Media]\nmaximum = \"8 Mbit/s\"\n";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

fn catalog(text: &str) -> Catalog {
    let files = MemoryFiles::default().with("tidegate.toml", text);
    let loaded = Catalog::load(Path::new("tidegate.toml"), &files, builtins());
    loaded.catalog.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
}

/// People, each from an address of its own, by what they ask for.
struct Story {
    rehearsal: Rehearsal,
    people: u32,
}

impl Story {
    fn new() -> Self {
        let options = SharedOptions::default();
        Self { rehearsal: Rehearsal::new(catalog(CATALOG), &options, WallTime(1_000_000)), people: 0 }
    }

    fn add(&mut self, at: f64, target: &str, fields: &[(&str, &str)]) -> usize {
        self.people += 1;
        let mut request = RequestHead::new(b"GET", target.as_bytes(), Version::Http11).unwrap();
        for (name, value) in [("Host", "site.example"), ("User-Agent", FIREFOX)].iter().chain(fields) {
            request.fields_mut().set(name.as_bytes(), value.as_bytes()).unwrap();
        }
        let mut visit = Visit::of(request, ResponseHead::new(200, b"OK", Version::Http11).unwrap());
        let [_, b, c, d] = self.people.to_be_bytes();
        visit.client = SocketAddr::from(([10, b, c, d], 50_000));
        visit.connection = u64::from(self.people);
        visit.at = Duration::from_secs_f64(at);
        self.rehearsal.add(visit)
    }

    /// Thirty newcomers in each window of ten seconds.
    fn crowd(&mut self, windows: std::ops::Range<u32>, fields: &[(&str, &str)]) {
        for third in windows.start * 30..windows.end * 30 {
            self.add(f64::from(third) / 3.0, "/story", fields);
        }
    }

    fn run(&mut self) -> Vec<Visited> {
        let mut visited = self.rehearsal.run();
        visited.sort_by_key(|visited| visited.number);
        visited
    }

    fn steps(&self) -> Vec<String> {
        let catalog = self.rehearsal.shared().catalog();
        let guard = catalog.guard_by_name("senders").unwrap();
        let event = |event: engine::GuardEvent| format!("{} {}", event.site, event.to.name());
        guard.live.events().into_iter().map(event).collect()
    }
}

fn status(visited: &Visited) -> u16 {
    visited.response.as_ref().unwrap().status()
}

const NEWS: (&str, &str) = ("Referer", "https://www.news.example/front");

#[test]
fn a_crowd_is_queued_then_noticed_and_its_pages_lose_our_media() {
    let mut story = Story::new();
    story.crowd(0..6, &[NEWS]);
    let in_shadow = story.add(15.0, "/story", &[NEWS]);
    let looked: Vec<_> =
        (0..6).map(|window| story.add(f64::from(window) * 10.0 + 5.0, "/a.jpg", &[NEWS])).collect();
    let noticed = story.add(45.0, "/story", &[NEWS]);
    let others = [
        story.add(45.0, "/story", &[("Referer", "https://other.example/")]),
        story.add(45.0, "/story", &[("Referer", "https://site.example/")]),
        story.add(45.0, "/feed.xml", &[("User-Agent", "AntennaPod/3.4.0")]),
        story.add(45.0, "/story", &[("Referer", "https://shop.partner.example/")]),
    ];
    let visited = story.run();
    let reached = ["shadow", "queue", "slow", "notice", "refuse"].map(|step| format!("news.example {step}"));
    assert_eq!(story.steps()[..5], reached);
    assert_eq!(status(&visited[in_shadow]), 200);
    let queued = visited
        .iter()
        .find(|visited| visited.record.events.iter().any(|(place, _)| place.rule == "guards.senders"));
    let first = &queued.unwrap().record.events[0];
    assert!(
        matches!(&first.1, engine::decision::Event::Rate { class, context, .. }
        if class == "Entries" && context.as_deref() == Some("news.example")),
        "{first:?}"
    );
    assert_eq!(first.0.line, 7, "the guard's line of the catalog");
    let media: Vec<_> = looked
        .iter()
        .map(|at| (status(&visited[*at]), visited[*at].record.bandwidth_class.as_deref()))
        .collect();
    let slow = (200, Some("Media"));
    assert_eq!(media, [(200, None), (200, None), (200, None), slow, slow, (403, None)]);
    assert_eq!(status(&visited[noticed]), 503);
    let head = visited[noticed].response.as_ref().unwrap();
    assert_eq!(head.fields().get(b"Retry-After"), Some(&b"60"[..]));
    for other in others {
        assert_eq!(status(&visited[other]), 200, "nobody else is held back");
    }
}

#[test]
fn a_crowd_that_hides_where_it_comes_from_is_known_by_its_page() {
    let mut story = Story::new();
    story.crowd(0..3, &[("Accept", "text/html,*/*;q=0.8")]);
    story.run();
    assert_eq!(story.steps()[..2], ["/story shadow", "/story queue"]);
}

#[test]
fn a_partner_that_is_exempt_may_send_as_many_as_it_likes() {
    let mut story = Story::new();
    story.crowd(0..6, &[("Referer", "https://www.partner.example/")]);
    let visited = story.run();
    assert!(visited.iter().all(|visited| status(visited) == 200));
    assert_eq!(story.steps(), [""; 0]);
}

#[test]
fn a_new_catalog_leaves_each_site_on_its_step_and_a_lower_ceiling_acts_at_once() {
    let mut story = Story::new();
    story.crowd(0..4, &[NEWS]);
    story.run();
    let now = |seconds| {
        let tick = shaping::Tick::ZERO.saturating_add(Duration::from_secs(seconds));
        engine::Now { tick, wall: WallTime(i64::try_from(seconds).unwrap() * 1_000_000) }
    };
    let shared = std::sync::Arc::clone(story.rehearsal.shared());
    let step = || {
        let catalog = shared.catalog();
        let guard = catalog.guard_by_name("senders").unwrap();
        let sites = guard.live.sites(now(41).tick);
        sites.iter().find(|site| site.site == "news.example").unwrap().step
    };
    let before = step();
    assert!(before >= Step::Queue);
    shared.adopt(catalog(&CATALOG.replace("crowd = 20", "crowd = 25")), now(41));
    assert_eq!(step(), before);
    shared.adopt(catalog(&CATALOG.replace("\"refuse\"", "\"shadow\"")), now(42));
    let lowered = shared.catalog();
    let guard = lowered.guard_by_name("senders").unwrap();
    guard.live.look(&guard.settings, now(60));
    assert_eq!(step(), Step::Shadow);
}
