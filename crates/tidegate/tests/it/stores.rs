//! What rules keep, count and read, in the running program.

use crate::kit::{Proxy, folder, text, tidegate};
use rustix::process::Signal;
use std::fs;

#[path = "../../../engine/src/geo/writer.rs"]
mod places;

const CATALOG: &str = "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"discard\"\n\
    request_rules = [\"answer\"]\n[settings]\nworkers = 2\ngeo_database = \"geo.mmdb\"\nenvironment = [\"PATH\"]\n\
    [data]\nmax_bytes = \"1 MiB\"\n";

const RULE: &str = "counter.increment( 4 );
$visits = data.get( \"visits\" ) + 1;
data.set( \"visits\", $visits );
if( http.getPath() == \"/page\" ) http.sendResponse( 200, \"text/html\", resource.get( \"page.html\" ), \"\" );
event.emit( \"counted\", \"visit \" . $visits );
http.sendResponse( 200, \"text/plain\", $visits . \" \" . geo.getCity( \"192.0.2.1\" ) . \" \"
   . ( sys.getenv( \"PATH\" ) != \"\" ) . ( sys.getenv( \"HOME\" ) == \"\" ) . ( sys.getpid() > 0 )
   . ( data.getMemoryFree() < 1048576 ) . ( sys.hostname() != \"\" ) . ( sys.time.year() > 2025 ), \"\" );
";

#[test]
fn stores_are_shared_by_all_workers_and_outlive_a_reload_which_reads_the_files_again() {
    let here = folder(&[
        ("tidegate.toml", CATALOG),
        ("rules/answer.rts", RULE),
        ("extra/page.html", "<h1>Old</h1>"),
    ]);
    fs::write(here.path().join("geo.mmdb"), places::sample()).unwrap();
    let mut proxy = Proxy::start(here.path(), &["--control", "control.sock"]);
    for visit in 1..=20 {
        // Each comes on a connection of its own, and so to any of the workers.
        assert_eq!(proxy.get("/", &[]).text(), format!("{visit} Berlin 111111"));
    }
    proxy.running.hears("event counted: visit 20");
    assert_eq!(proxy.get("/page", &[]).text(), "<h1>Old</h1>");
    fs::write(here.path().join("extra/page.html"), "<h1>New</h1>").unwrap();
    assert_eq!(proxy.get("/page", &[]).text(), "<h1>Old</h1>");
    proxy.running.tell(Signal::HUP);
    proxy.running.hears("is in force");
    assert_eq!(proxy.get("/page", &[]).text(), "<h1>New</h1>");
    assert_eq!(proxy.get("/", &[]).text(), "24 Berlin 111111");
    let status = text(&tidegate(here.path(), &["status", "--control", "control.sock"]).stdout);
    assert!(status.contains("\ncounter user_counter_4 24\n"), "{status}");
    proxy.stop();
}

#[test]
fn a_database_that_is_none_keeps_the_old_catalog_in_force() {
    let here = folder(&[
        ("tidegate.toml", CATALOG),
        ("rules/answer.rts", RULE),
        ("extra/page.html", "<h1>Old</h1>"),
    ]);
    fs::write(here.path().join("geo.mmdb"), places::sample()).unwrap();
    let mut proxy = Proxy::start(here.path(), &[]);
    fs::write(here.path().join("geo.mmdb"), "not any more").unwrap();
    proxy.running.tell(Signal::HUP);
    let line = proxy.running.hears("is no database of places");
    assert!(line.contains("tidegate.toml:"), "{line}");
    assert_eq!(proxy.get("/", &[]).text(), "1 Berlin 111111");
    proxy.stop();
}
