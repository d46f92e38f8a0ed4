//! `.htaccess` files that ask the world: how often, how long, and what happens where there is no answer.

use core::time::Duration;
use engine::builtins::builtins;
use engine::catalog::{MemoryFiles, VirtualServerId};
use engine::errand::{FileState, World};
use engine::{
    Arrival, Ask, Catalog, Connection, ConnectionFacts, Heads, Knowledge, Next, Now, Rehearsal, RequestId,
    Shared, SharedOptions, Transaction, Visit, Visited, Wake, WallTime,
};
use message::{RequestHead, ResponseHead, Version};
use shaping::{Tick, TicketId};
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

fn catalog(server: &str, file: &str) -> Catalog {
    let text = format!(
        "[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\nhtaccess = \"a.htaccess\"\n\
         document_root = \"/www\"\n{server}\n[pools.web]\nnodes = \"192.0.2.81:80\"\n"
    );
    let files = MemoryFiles::default()
        .with("tidegate.toml", text)
        .with("a.htaccess", format!("RewriteEngine On\n{file}"));
    Catalog::load(Path::new("tidegate.toml"), &files, builtins()).catalog.unwrap()
}

fn request(target: &str) -> RequestHead {
    RequestHead::new(b"GET", target.as_bytes(), Version::Http11).unwrap()
}

fn play(catalog: Catalog, target: &str, world: World) -> (Visited, Rehearsal) {
    let mut rehearsal =
        Rehearsal::new(catalog, &SharedOptions::default(), WallTime(1_000_000)).in_world(world);
    rehearsal.add(Visit::of(request(target), ResponseHead::new(200, b"OK", Version::Http11).unwrap()));
    (rehearsal.run().remove(0), rehearsal)
}

fn status(visited: &Visited) -> u16 {
    visited.response.as_ref().unwrap().status()
}

/// Where no file is.
fn empty() -> World {
    World::default().with_files(|_, _| FileState::default())
}

/// Asks for another file in each round.
const ROUND_AND_ROUND: &str = "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^(b.*)a$ $1 [N]\n";

#[test]
fn one_request_has_the_files_evaluated_so_often_and_no_more() {
    let target = format!("/b{}", "a".repeat(200));
    let (visited, rehearsal) = play(catalog("", ROUND_AND_ROUND), &target, empty());
    let counters = rehearsal.shared().counters();
    assert_eq!(status(&visited), 500);
    assert_eq!((counters.htaccess_evaluations.value(), counters.htaccess_gave_up.value()), (64, 1));
    let (visited, rehearsal) = play(catalog("", ROUND_AND_ROUND), "/baaaaa", empty());
    assert_eq!((status(&visited), rehearsal.shared().counters().htaccess_gave_up.value()), (200, 0));
}

#[test]
fn what_only_observes_and_gives_up_changes_nothing() {
    let target = format!("/b{}", "a".repeat(200));
    let (visited, rehearsal) =
        play(catalog("htaccess_mode = \"observe\"", ROUND_AND_ROUND), &target, empty());
    assert_eq!((status(&visited), rehearsal.shared().counters().htaccess_gave_up.value()), (200, 1));
}

#[test]
fn a_bound_that_was_reached_is_counted_and_named() {
    let round = "RewriteRule ^(.*)$ /x$1 [L]\n";
    for (server, expected) in [("", 500), ("htaccess_mode = \"observe\"", 200)] {
        let (visited, rehearsal) = play(catalog(server, round), "/a", empty());
        assert_eq!(status(&visited), expected);
        let counters = rehearsal.shared().counters();
        assert_eq!((counters.htaccess_excesses.value(), counters.htaccess_refusals.value()), (1, 0));
        let told: Vec<String> = visited.record.events.iter().map(|(_, event)| format!("{event:?}")).collect();
        assert!(told[0].contains("go round in circles") && told[1].contains("give-up"), "{told:?}");
        assert!(
            visited.record.events.iter().all(|(place, _)| place.line == 2),
            "{:?}",
            visited.record.events
        );
    }
}

#[test]
fn what_nobody_can_decide_is_not_let_through() {
    let file = "RewriteCond %{REQUEST_FILENAME} -f\nRewriteRule ^ - [F]\n";
    let (visited, rehearsal) = play(catalog("", file), "/a", World::default());
    assert_eq!((status(&visited), rehearsal.shared().counters().htaccess_undecidable.value()), (500, 1));
    let (visited, _) = play(catalog("htaccess_mode = \"observe\"", file), "/a", World::default());
    assert_eq!(status(&visited), 200);
}

#[test]
fn answers_lead_to_further_questions_within_one_request() {
    // The first look is at the page, the next at what took its place.
    let file = "RewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^page$ /other\n\
                RewriteCond %{REQUEST_FILENAME} -f\nRewriteRule ^other$ - [F]\n";
    let other = |_: &Path, path: &[u8]| {
        let is_file = path.ends_with(b"/other");
        FileState { exists: is_file, is_file, ..FileState::default() }
    };
    let (visited, rehearsal) = play(catalog("", file), "/page", World::default().with_files(other));
    assert_eq!(status(&visited), 403);
    assert!(rehearsal.shared().counters().htaccess_evaluations.value() >= 3);
    let (visited, _) = play(catalog("", file), "/page", empty());
    assert_eq!(status(&visited), 200);
}

/// Nobody waits in these tests.
struct Nobody;

impl Wake for Nobody {
    fn wake(&self, _: TicketId) {}
}

fn at(time: Duration) -> Now {
    Now { tick: Tick::ZERO.saturating_add(time), wall: WallTime(0) }
}

/// `GET /a` whose questions nobody answers: what it does next, how long it waited, and the counters it left.
fn unanswered(server: &str, file: &str) -> (Next, Duration, Arc<Shared>) {
    let start = at(Duration::ZERO);
    let shared = Shared::new(catalog(server, file), &SharedOptions::default(), Box::new(Nobody), start);
    let address = SocketAddr::from(([192, 0, 2, 1], 50_000));
    let facts = ConnectionFacts { id: 1, peer: address, local: address, tls: None, admission: None };
    let arrival = Arrival {
        virtual_server: VirtualServerId(0),
        client: address.ip(),
        request_number: 1,
        named: None,
        id: RequestId(1),
        knowledge: Knowledge::All,
    };
    let connection = Rc::new(Connection::new(facts));
    let heads = Heads { request: request("/a"), response: ResponseHead::default() };
    let mut transaction =
        Transaction::begin(&shared, &shared.catalog(), arrival, (&connection, heads), start);
    let mut tick = start.tick;
    let mut next = transaction.advance(start);
    while let Next::Ask(Ask::Errand { until }) = next {
        assert!(transaction.errand().is_some());
        tick = until;
        next = transaction.advance(at(tick.since(Tick::ZERO)));
    }
    (next, tick.since(Tick::ZERO), shared)
}

/// Two files of which the second is asked for behind the answer to the first.
const TWO_FILES: &str =
    "RewriteCond /www/one -f\nRewriteRule ^ - [F]\nRewriteCond /www/two !-f\nRewriteRule ^ - [G]\n";

#[test]
fn a_question_whose_time_is_up_says_no() {
    let (next, waited, shared) = unanswered("", TWO_FILES);
    assert_eq!(next, Next::Answer);
    assert!(waited >= Duration::from_secs(5), "{waited:?}");
    let counters = shared.counters();
    assert!(counters.htaccess_timeouts.value() >= 2);
    assert_eq!((counters.htaccess_refusals.value(), counters.htaccess_undecidable.value()), (1, 0));
}

#[test]
fn files_that_only_observe_hold_a_request_up_for_no_time_that_anybody_notices() {
    let (next, waited, shared) = unanswered("htaccess_mode = \"observe\"", TWO_FILES);
    assert!(matches!(next, Next::Forward { .. }), "{next:?}");
    assert_eq!(waited, Duration::from_millis(20));
    assert_eq!(shared.counters().htaccess_undecidable.value(), 1);
}
