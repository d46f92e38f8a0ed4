//! Who comes: ordinary visitors all the time, later the crowd and the hot-linkers.

use super::SITE_NAME;
use super::browser::{Browser, Failed, Wish};
use super::tally::{Phase, Tally, Took};
use crate::site::{AUDIO, PAGES, page_parts};
use hyper::StatusCode;
use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Pages that a visitor reads, one after the other.
const PAGES_READ: u8 = 3;
/// How much larger than the stream of visitors the crowd is.
pub(super) const CROWD_FACTOR: u32 = 50;
const VISITORS_EVERY: Duration = Duration::from_millis(500);
const HOTLINKERS_EVERY: Duration = Duration::from_millis(150);
const SILENT_EVERY: Duration = Duration::from_secs(4);
/// The page that the crowd comes from.
pub(super) const CROWD_REFERER: &str = "http://news.example/story";
/// The page that has our audio files in it.
pub(super) const HOTLINK_REFERER: &str = "http://forum.example/thread/7";

/// How long everything takes.
#[derive(Debug)]
pub(super) struct Story {
    /// Visitors alone.
    pub(super) calm: Duration,
    /// With the crowd.
    pub(super) crowd: Duration,
    /// After which everybody gives up: a page with all that belongs to it, or a download.
    pub(super) patience: Duration,
    /// Between two pages of a visitor.
    reading: Duration,
}

impl Story {
    /// A story of two acts that takes so long in all.
    pub(super) fn of(total: Duration) -> Self {
        let share = |parts: u32| total * parts / 64;
        let patience = share(10).min(Duration::from_secs(10));
        Self { calm: share(6), crowd: share(26), patience, reading: Duration::from_millis(1500) }
    }

    /// One act.
    pub(super) fn act(&self) -> Duration {
        self.calm + self.crowd
    }

    /// Pages begun later are not counted: nobody could say of them that they never came.
    pub(super) fn counted(&self) -> Duration {
        self.act().saturating_sub(self.patience)
    }
}

/// What everybody who comes needs to know.
#[derive(Clone)]
struct Scene {
    story: Rc<Story>,
    proxy: SocketAddr,
    tally: Rc<Tally>,
    start: Instant,
}

/// Sends everybody, each in time. They come until the runtime ends.
pub(super) fn come(story: &Rc<Story>, proxy: SocketAddr, tally: &Rc<Tally>) {
    let scene = Scene { story: Rc::clone(story), proxy, tally: Rc::clone(tally), start: Instant::now() };
    let crowd_from = scene.start + story.calm;
    let own = format!("http://{SITE_NAME}/");
    let visitor = {
        let own: Rc<str> = own.into();
        move |scene: Scene, from| visitor(scene, from, Rc::clone(&own))
    };
    let crowd_every = VISITORS_EVERY / CROWD_FACTOR;
    tokio::task::spawn_local(stream(scene.clone(), (scene.start, VISITORS_EVERY), 1, visitor));
    tokio::task::spawn_local(stream(scene.clone(), (crowd_from, crowd_every), 2, one_of_the_crowd));
    tokio::task::spawn_local(stream(scene.clone(), (crowd_from, HOTLINKERS_EVERY), 3, |scene, from| {
        hotlinker(scene, from, Some(HOTLINK_REFERER))
    }));
    tokio::task::spawn_local(stream(scene, (crowd_from, SILENT_EVERY), 4, |scene, from| {
        hotlinker(scene, from, None)
    }));
}

/// One after the other, each from the next address of the party's own network.
async fn stream<F: Future<Output = ()> + 'static>(
    scene: Scene,
    (from, every): (Instant, Duration),
    network: u8,
    visit: impl Fn(Scene, Ipv4Addr) -> F,
) {
    let mut at = from;
    for number in (1..=250_u8).cycle() {
        tokio::time::sleep_until(at).await;
        tokio::task::spawn_local(visit(scene.clone(), Ipv4Addr::new(127, 0, network, number)));
        at += every;
    }
}

/// Reads some pages of ours, with all that belongs to them.
async fn visitor(scene: Scene, from: Ipv4Addr, own: Rc<str>) {
    let mut browser = Browser::new(from, scene.proxy);
    for number in 0..PAGES_READ {
        let begun = Instant::now();
        let elapsed = begun - scene.start;
        let phase = if elapsed < scene.story.calm { Phase::Calm } else { Phase::Crowd };
        let referer = (number > 0).then_some(&*own);
        let path = PAGES[usize::from(number) % PAGES.len()];
        let wish = Wish { path, referer };
        let viewed = tokio::time::timeout(scene.story.patience, view(&mut browser, wish, &scene.tally)).await;
        let is_whole = matches!(viewed, Ok(Ok(())));
        if !is_whole {
            // What is left of it would be taken for the next page's.
            browser = Browser::new(from, scene.proxy);
        }
        if elapsed < scene.story.counted() {
            let took = if is_whole { Took::Whole(begun.elapsed()) } else { Took::Never };
            scene.tally.page(phase, took);
        }
        tokio::time::sleep_until(Instant::now() + scene.story.reading).await;
    }
}

/// A page and all that belongs to it.
async fn view(browser: &mut Browser, wish: Wish<'_>, tally: &Tally) -> Result<(), Failed> {
    if browser.fetch(wish, |count, is_marked| tally.marked_bytes(count, is_marked)).await? != StatusCode::OK {
        return Err(Failed);
    }
    parts(browser, wish.path, tally).await
}

async fn parts(browser: &mut Browser, page: &str, tally: &Tally) -> Result<(), Failed> {
    let page = format!("http://{SITE_NAME}{page}");
    for path in page_parts() {
        let wish = Wish { path, referer: Some(&page) };
        if browser.fetch(wish, |count, is_marked| tally.marked_bytes(count, is_marked)).await?
            != StatusCode::OK
        {
            return Err(Failed);
        }
    }
    Ok(())
}

/// Follows the link, and reads the page that it finds, if it does.
async fn one_of_the_crowd(scene: Scene, from: Ipv4Addr) {
    let tally = &scene.tally;
    tally.crowd.came.set(tally.crowd.came.get() + 1);
    let mut browser = Browser::new(from, scene.proxy);
    let is_in = Cell::new(false);
    let visit = async {
        let wish = Wish { path: PAGES[1], referer: Some(CROWD_REFERER) };
        let status = browser.fetch(wish, |count, is_marked| tally.marked_bytes(count, is_marked)).await?;
        if status != StatusCode::OK {
            return Err(Failed);
        }
        is_in.set(true);
        tally.crowd.let_in.set(tally.crowd.let_in.get() + 1);
        parts(&mut browser, PAGES[1], tally).await
    };
    let visited = tokio::time::timeout(scene.story.patience, visit).await;
    if is_in.get() && matches!(visited, Ok(Ok(()))) {
        tally.crowd.pages.set(tally.crowd.pages.get() + 1);
    }
}

/// Plays an audio file of ours in somebody else's page.
async fn hotlinker(scene: Scene, from: Ipv4Addr, referer: Option<&str>) {
    let tally = &scene.tally;
    let mut browser = Browser::new(from, scene.proxy);
    let party = if referer.is_some() { &tally.hotlinkers } else { &tally.silent };
    party.came.set(party.came.get() + 1);
    let path = AUDIO[usize::from(from.octets()[3]) % AUDIO.len()];
    let play = browser.fetch(Wish { path, referer }, |count, is_marked| {
        party.bytes.set(party.bytes.get() + count as u64);
        tally.marked_bytes(count, is_marked);
    });
    // Whoever hears nothing for too long stops; it is the bytes that count here.
    let _played = tokio::time::timeout(scene.story.patience, play).await;
}
