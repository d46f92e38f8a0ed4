//! `.htaccess` files that ask the world: how often, how long, and what happens where there is no answer.

use engine::builtins::builtins;
use engine::catalog::MemoryFiles;
use engine::errand::{FileState, World};
use engine::{Catalog, Rehearsal, SharedOptions, Visit, Visited, WallTime};
use message::{RequestHead, ResponseHead, Version};
use std::path::Path;

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
