//! What the decision record and the process log say.

use core::time::Duration;
use engine::builtins::builtins;
use engine::catalog::{MemoryFiles, VirtualServerId};
use engine::decision::Event;
use engine::{Catalog, Knowledge, Rehearsal, SharedOptions, Visit, Visited, WallTime};
use message::{RequestHead, ResponseHead, Version};
use std::net::SocketAddr;
use std::path::Path;

/// One `GET target` under a rule that may import the library `lib`.
fn visit(target: &str, rule: &str, library: &str) -> Visited {
    let catalog = "[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\nrequest_rules = \"main\"\n\
                   [pools.web]\nnodes = \"192.0.2.81:80\"\n[rate_classes.standard]\n";
    let files = MemoryFiles::default()
        .with("tidegate.toml", catalog.to_owned())
        .with("rules/main.rts", rule.to_owned())
        .with("rules/lib.rts", library.to_owned());
    let loaded = Catalog::load(Path::new("tidegate.toml"), &files, builtins());
    let mut rehearsal =
        Rehearsal::new(loaded.catalog.unwrap(), &SharedOptions::default(), WallTime(1_000_000));
    rehearsal.add(Visit {
        at: Duration::ZERO,
        connection: 1,
        client: SocketAddr::from(([192, 0, 2, 1], 50_000)),
        virtual_server: VirtualServerId(0),
        request: RequestHead::new(b"GET", target.as_bytes(), Version::Http11).unwrap(),
        reply: ResponseHead::new(200, b"OK", Version::Http11).unwrap(),
        leaves_at: None,
        knowledge: Knowledge::All,
        tls: false,
    });
    rehearsal.run().remove(0)
}

#[test]
fn what_a_library_decides_is_told_with_the_librarys_line() {
    let library = "sub slow() {\n\n   rate.use( \"standard\" );\n}";
    let visited = visit("/", "import lib;\nlib.slow();\nlog.info( \"x\" );", library);
    let places: Vec<_> =
        visited.record.events.iter().map(|(place, _)| (place.rule.as_str(), place.line)).collect();
    assert_eq!(places, [("lib", 3), ("main", 3)]);
}

#[test]
fn a_warning_that_quotes_a_client_stays_one_short_line() {
    let visited = visit("/a%0Aforged%20line", "rate.use( http.getPath() );", "");
    let warnings: Vec<_> = (visited.record.events.iter())
        .filter_map(|(_, event)| if let Event::Warning { text } = event { Some(text.as_str()) } else { None })
        .collect();
    assert_eq!(warnings, ["there is no rate class \"/a\\nforged line\""]);
    let long = visit(
        "/",
        "$a = \"aaaaaaaaaaaaaaaa\"; while( string.length( $a ) < 100000 ) $a = $a . $a;\nrate.use( $a );",
        "",
    );
    let longest = long.record.events.iter().map(|(_, event)| match event {
        Event::Warning { text } => text.len(),
        _ => 0,
    });
    let longest = longest.max().unwrap();
    assert!((8_000..9_000).contains(&longest), "{longest}");
}

#[test]
fn a_record_that_is_full_keeps_what_it_holds() {
    let rule = "$n = 0;\nwhile( $n < 300 ) { rate.use.noQueue( \"standard\" ); $n = $n + 1; }";
    let visited = visit("/", rule, "");
    assert_eq!(visited.record.events.len(), 256);
}
