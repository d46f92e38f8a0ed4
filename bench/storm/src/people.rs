//! What people do when they come.

use crate::browser::{Browser, Failed, Open, SITE_NAME, Wish};
use crate::line::Line;
use crate::origin::{Thing, thing};
use crate::plan::{Arrival, LISTENING, PATIENCE, Party, Phase, Times};
use crate::tally::{Tally, Visit};
use fastrand::Rng;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// The page that the crowd comes from.
const CROWD_REFERER: &str = "http://news.example/story";
/// The page that has our audio files in it.
const HOTLINK_REFERER: &str = "http://forum.example/thread/7";
/// The partner, by the name that the article's rule knows.
const PARTNER_REFERER: &str = "http://mypartner.com/links";
const SEARCH_REFERER: &str = "https://www.google.com/";

/// Where the crowd lands.
const STORY_PAGE: &str = "/story";
/// Pages that an ordinary visitor reads, one after the other.
const PAGES_READ: u64 = 4;
/// What belongs to a page.
const ASSETS: [&str; 6] =
    ["/assets/1.svg", "/assets/2.svg", "/assets/3.svg", "/assets/4.svg", "/assets/5.svg", "/assets/6.svg"];

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const FEED_READER: &str = "FreshRSS/1.24.1 (Linux; https://freshrss.org)";
const PODCAST_APP: &str = "AntennaPod/3.5.0";

const FOR_PAGES: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const FOR_IMAGES: &str = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5";
const FOR_AUDIO: &str = "audio/webm,audio/ogg,audio/wav,audio/*;q=0.9,application/ogg;q=0.7,*/*;q=0.5";
const FOR_FEEDS: &str = "application/atom+xml,application/rss+xml;q=0.9,*/*;q=0.1";

/// What everybody who comes needs to know.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) to: SocketAddr,
    pub(crate) start: Instant,
    pub(crate) times: Times,
    pub(crate) line: Rc<Line>,
    pub(crate) tally: Rc<Tally>,
}

/// What is the same in all that a person does.
struct Person {
    scene: Scene,
    arrival: Arrival,
    browser: Browser,
}

/// A person's visit, from coming to leaving.
pub(crate) async fn visit(scene: Scene, arrival: Arrival) {
    let agent = match arrival.party {
        Party::Feed => FEED_READER,
        Party::Podcast => PODCAST_APP,
        _ => FIREFOX,
    };
    let browser = Browser::new(arrival.from, scene.to, arrival.party, Rc::clone(&scene.line), agent);
    let person = Person { scene, arrival, browser };
    let rng = Rng::with_seed(arrival.seed);
    match arrival.party {
        Party::Ordinary => person.ordinary(rng).await,
        Party::Crowd => person.crowd(rng).await,
        Party::Partner => person.view(STORY_PAGE, Some(PARTNER_REFERER), true).await,
        Party::HotLinker => person.play(rng, Some(HOTLINK_REFERER)).await,
        Party::Hidden => person.play(rng, None).await,
        Party::Feed => person.download("/feed.xml".to_owned(), FOR_FEEDS, PATIENCE, None).await,
        Party::Podcast => {
            let path = format!("/audio/episode-{}.mp3", rng.clone().u8(1..20));
            person.download(path, "*/*", PATIENCE, None).await;
        }
    }
}

impl Person {
    async fn ordinary(&self, mut rng: Rng) {
        let blog = format!("http://blog-{}.example/post", rng.u8(..40));
        let entry = match rng.u8(..10) {
            0..5 => None,
            5..8 => Some(SEARCH_REFERER),
            _ => Some(blog.as_str()),
        };
        let mut referer = entry.map(str::to_owned);
        for number in 0..PAGES_READ {
            let path = format!("/page-{}", rng.u8(1..9));
            self.view(&path, referer.as_deref(), number == 0).await;
            referer = Some(format!("http://{SITE_NAME}{path}"));
            sleep_until(Instant::now() + Duration::from_millis(rng.u64(1000..2000))).await;
            if self.scene.start.elapsed() >= self.scene.times.end() {
                return;
            }
        }
    }

    /// Reads the story; one in four reads on.
    async fn crowd(&self, mut rng: Rng) {
        let referer = (!self.arrival.is_hidden).then_some(CROWD_REFERER);
        self.view(STORY_PAGE, referer, true).await;
        let was_there = self.browser.received.get() > 0;
        sleep_until(Instant::now() + Duration::from_millis(rng.u64(1000..2000))).await;
        if was_there && rng.u8(..4) == 0 {
            self.view("/page-1", Some(&format!("http://{SITE_NAME}{STORY_PAGE}")), false).await;
        }
    }

    async fn play(&self, mut rng: Rng, referer: Option<&str>) {
        let path = format!("/audio/song-{}.mp3", rng.u8(1..6));
        self.download(path, FOR_AUDIO, LISTENING, referer).await;
    }

    /// A page and all that belongs to it, over two connections.
    async fn view(&self, path: &str, referer: Option<&str>, is_entry: bool) {
        let Some(phase) = self.phase() else {
            // Warming up: the same, and nobody counts.
            let _uncounted =
                timeout(PATIENCE, self.whole_view(path, referer, Phase::Quiet, &Cell::default())).await;
            return;
        };
        let begun = Instant::now();
        let head = Cell::default();
        let came = timeout(PATIENCE, self.whole_view(path, referer, phase, &head)).await;
        let is_whole = matches!(came, Ok(Ok(())));
        self.tell(begun, phase, is_whole, (head.get(), is_entry));
    }

    async fn whole_view(
        &self,
        path: &str,
        referer: Option<&str>,
        phase: Phase,
        head: &Cell<Option<Instant>>,
    ) -> Result<(), Failed> {
        let (mut first, mut second): (Open, Open) = (None, None);
        let page = Wish { path, referer, accept: FOR_PAGES, is_ranged: false, phase };
        self.fetch(&mut first, page, head).await?;
        let own = format!("http://{SITE_NAME}{path}");
        let wish =
            |path| Wish { path, referer: Some(own.as_str()), accept: FOR_IMAGES, is_ranged: false, phase };
        let (left, right) = ASSETS.split_at(ASSETS.len() / 2);
        let some = async |open: &mut Open, paths: &[&'static str]| {
            for path in paths {
                self.fetch(open, wish(*path), head).await?;
            }
            Ok(())
        };
        tokio::try_join!(some(&mut first, left), some(&mut second, right))?;
        Ok(())
    }

    async fn fetch(
        &self,
        open: &mut Open,
        wish: Wish<'_>,
        head: &Cell<Option<Instant>>,
    ) -> Result<(), Failed> {
        self.browser.fetch(open, wish, head).await?;
        if thing(wish.path) == Thing::Page {
            self.scene.tally.taken.add(self.arrival.party, wish.phase);
        }
        Ok(())
    }

    /// One file, for as long as somebody wants it.
    async fn download(&self, path: String, accept: &'static str, patience: Duration, referer: Option<&str>) {
        let Some(phase) = self.phase() else { return };
        let begun = Instant::now();
        let head = Cell::default();
        let is_ranged = accept == FOR_AUDIO;
        let wish = Wish { path: &path, referer, accept, is_ranged, phase };
        let came = timeout(patience, self.browser.fetch(&mut None, wish, &head)).await;
        self.tell(begun, phase, matches!(came, Ok(Ok(()))), (head.get(), true));
    }

    /// `None` while the programs warm up.
    fn phase(&self) -> Option<Phase> {
        self.scene.times.phase(self.scene.start.elapsed())
    }

    fn tell(&self, begun: Instant, phase: Phase, is_whole: bool, (head, is_entry): (Option<Instant>, bool)) {
        let now = Instant::now();
        let came = begun - self.scene.start;
        // Whoever was sent away wanted it as long as the others.
        let (patience, took) =
            (LISTENING.min(self.scene.times.storm_ends().saturating_sub(came)), now - begun);
        let wanted = if is_whole { took } else { took.max(patience) };
        self.scene.tally.visits.borrow_mut().push(Visit {
            party: self.arrival.party,
            phase,
            begun: came.as_secs_f64(),
            took: is_whole.then_some(took.as_secs_f64() * 1e3),
            head: head.map(|head| (head - begun).as_secs_f64() * 1e3),
            is_entry,
            is_hidden: self.arrival.is_hidden,
            bytes_per_second: self.browser.received.get() as f64 / wanted.as_secs_f64().max(1e-3),
            is_marked: self.browser.is_marked(),
        });
    }
}
