//! What the decision record and the process log say.

use engine::builtins::builtins;
use engine::catalog::{MemoryFiles, VirtualServerId};
use engine::decision::Event;
use engine::{
    Arrival, Catalog, Connection, ConnectionFacts, Delivery, Heads, Knowledge, Next, Now, Rehearsal,
    RequestId, Shared, SharedOptions, Transaction, Visit, Visited, Wake, WallTime,
};
use message::{RequestHead, ResponseHead, Version};
use shaping::{Tick, TicketId};
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

/// One `GET target` under a rule that may import the library `lib`.
fn visit(target: &str, rule: &str, library: &str) -> Visited {
    let mut rehearsal =
        Rehearsal::new(catalog(rule, library), &SharedOptions::default(), WallTime(1_000_000));
    rehearsal.add(Visit::of(
        RequestHead::new(b"GET", target.as_bytes(), Version::Http11).unwrap(),
        ResponseHead::new(200, b"OK", Version::Http11).unwrap(),
    ));
    rehearsal.run().remove(0)
}

fn catalog(rule: &str, library: &str) -> Catalog {
    let catalog = "[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\nrequest_rules = \"main\"\n\
                   access_log = { path = \"-\", format = \"%>s %{Set-Cookie}o\" }\n\
                   [pools.web]\nnodes = \"192.0.2.81:80\"\n[rate_classes.standard]\n";
    let files = MemoryFiles::default()
        .with("tidegate.toml", catalog.to_owned())
        .with("rules/main.rts", rule.to_owned())
        .with("rules/lib.rts", library.to_owned());
    let loaded = Catalog::load(Path::new("tidegate.toml"), &files, builtins());
    loaded.catalog.unwrap()
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
fn a_rule_that_does_nothing_but_warn_of_long_texts_is_soon_at_its_end() {
    let rule = "$a = \"aaaaaaaaaaaaaaaa\"; while( string.length( $a ) < 1000000 ) $a = $a . $a;\n\
                while( 1 ) pool.listActiveNodes( $a );";
    let events = visit("/", rule, "").record.events;
    let warnings = events.iter().filter(|(_, event)| matches!(event, Event::Warning { .. })).count();
    assert!((1..=2).contains(&warnings), "{warnings}");
    let ran_long = |event: &Event| matches!(event, Event::Fault { text } if text.contains("instructions"));
    assert!(events.iter().any(|(_, event)| ran_long(event)), "{events:?}");
}

#[test]
fn a_rule_that_waits_without_end_is_given_up_in_virtual_time() {
    for rule in ["while( 1 ) connection.sleep( 1 );", "while( 1 ) http.stream.writeResponse( \"a\" );"] {
        let visited = visit("/", rule, "");
        assert!(visited.is_given_up, "{rule}");
    }
    assert!(!visit("/", "$n = 0; while( $n < 100 ) { connection.sleep( 1 ); $n++; }", "").is_given_up);
}

#[test]
fn a_pool_that_is_not_there_is_told_by_its_warning_alone() {
    let visited = visit("/", "pool.select( \"web\" ); pool.use( \"wbe\" );", "");
    let events: Vec<_> = visited.record.events.into_iter().map(|(_, event)| event).collect();
    assert!(
        matches!(&events[..], [Event::Pool { pool }, Event::Warning { .. }] if pool == "web"),
        "{events:?}"
    );
}

#[test]
fn a_record_that_is_full_keeps_what_it_holds() {
    let rule = "$n = 0;\nwhile( $n < 300 ) { rate.use.noQueue( \"standard\" ); $n = $n + 1; }";
    let visited = visit("/", rule, "");
    assert_eq!(visited.record.events.len(), 256);
}

#[test]
fn what_a_rule_adds_to_a_response_is_bounded_in_either_stage() {
    let rule = "$a = \"aaaaaaaaaaaaaaaa\"; while( string.length( $a ) < 10000 ) $a = $a . $a;\n\
                $n = 0; while( $n < 100 ) { http.addResponseHeader( \"X-A\", $a ); $n = $n + 1; }";
    let visited = visit("/", rule, "");
    let bytes = visited.response.unwrap().fields().bytes();
    assert!((40_000..=64 << 10).contains(&bytes), "{bytes}");
    let is_told = |event: &Event| matches!(event, Event::Warning { text } if text.contains("too long"));
    assert!(visited.record.events.iter().any(|(_, event)| is_told(event)));
}

/// Nobody waits in these tests.
struct Nobody;

impl Wake for Nobody {
    fn wake(&self, _: TicketId) {}
}

#[test]
fn what_is_never_answered_is_logged_without_the_answer_that_stood_in_its_head_before() {
    let now = Now { tick: Tick::ZERO, wall: WallTime(0) };
    let shared =
        Shared::new(catalog("connection.discard();", ""), &SharedOptions::default(), Box::new(Nobody), now);
    let address = SocketAddr::from(([192, 0, 2, 1], 50_000));
    let facts = ConnectionFacts { id: 1, peer: address, local: address, tls: None, admission: None };
    let mut heads = Heads::default();
    heads.response.fields_mut().add(b"Set-Cookie", b"secret=of-another").unwrap();
    let arrival = Arrival {
        virtual_server: VirtualServerId(0),
        client: address.ip(),
        request_number: 1,
        named: None,
        id: RequestId(1),
        knowledge: Knowledge::All,
    };
    let connection = Rc::new(Connection::new(facts));
    let mut transaction = Transaction::begin(&shared, &shared.catalog(), arrival, (&connection, heads), now);
    assert_eq!(transaction.advance(now), Next::Close);
    let delivery = Delivery {
        body_bytes_sent: 0,
        bytes_sent: 0,
        bytes_received: 0,
        first_byte_at: None,
        node: None,
        connection: accesslog::ConnectionState::Closed,
        utc_offset_seconds: 0,
    };
    let mut line = Vec::new();
    transaction.write_log_line(&delivery, now, &mut line);
    assert_eq!(String::from_utf8(line).unwrap().trim_end(), "444 -");
}
