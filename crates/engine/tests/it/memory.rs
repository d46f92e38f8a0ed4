//! What the two published rules cost in memory: allocations of a run, and the size of what they are compiled to.

use allocation_counter::measure;
use engine::builtins::builtins;
use engine::catalog::{MemoryFiles, RuleStage, VirtualServerId};
use engine::{
    Arrival, Catalog, Connection, ConnectionFacts, Heads, Knowledge, Next, Now, RequestId, Shared,
    SharedOptions, Transaction, Wake, WallTime,
};
use message::{RequestHead, Version};
use shaping::{Tick, TicketId};
use source::Source;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use trafficscript::{CompileOptions, compile};

const CATALOG: &str = "[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\nrequest_rules = \"rule\"\n\
                       [pools.web]\nnodes = \"192.0.2.81:80\"\n[rate_classes.StandardReferer]\n\
                       [rate_classes.BusyReferer]\n[bandwidth_classes.AbusiveReferer]\nmaximum = \"1 Mbit/s\"\n\
                       [bandwidth_classes.slashdot]\nmaximum = \"1 Mbit/s\"\n";

struct Nobody;

impl Wake for Nobody {
    fn wake(&self, _: TicketId) {}
}

fn rule(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/rules").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// Requests of one visitor, one after the other; gives the allocations that the rule made on the last of them.
fn allocations_of_a_run(rule: &str, referer: &str, requests: u32) -> u64 {
    let files = MemoryFiles::default().with("tidegate.toml", CATALOG).with("rules/rule.rts", rule);
    let catalog = Catalog::load(Path::new("tidegate.toml"), &files, builtins()).catalog.unwrap();
    let now = Now { tick: Tick::ZERO, wall: WallTime(1_000_000) };
    let shared = Shared::new(catalog, &SharedOptions::default(), Box::new(Nobody), now);
    let catalog = shared.catalog();
    let client = SocketAddr::from(([192, 0, 2, 1], 50_000));
    let facts = ConnectionFacts { id: 1, peer: client, local: client, tls: None, admission: None };
    let connection = Rc::new(Connection::new(facts));
    let mut counted = 0;
    for number in 1..=requests {
        let mut request = RequestHead::new(b"GET", b"/page", Version::Http11).unwrap();
        request.fields_mut().add(b"Host", b"www.example.com").unwrap();
        if !referer.is_empty() {
            request.fields_mut().add(b"Referer", referer.as_bytes()).unwrap();
        }
        let arrival = Arrival {
            virtual_server: VirtualServerId(0),
            client: client.ip(),
            request_number: number,
            named: None,
            id: RequestId(u64::from(number)),
            knowledge: Knowledge::All,
        };
        let heads = Heads { request, ..Heads::default() };
        let mut transaction = Transaction::begin(&shared, &catalog, arrival, (&connection, heads), now);
        let mut next = Next::Close;
        counted = measure(|| next = transaction.advance(now)).count_total;
        assert!(matches!(next, Next::Forward { .. }), "{next:?}");
    }
    counted
}

#[test]
fn a_published_rule_that_ends_early_allocates_nothing() {
    assert_eq!(allocations_of_a_run(&rule("abusive-referer.rts"), "", 3), 0);
    assert_eq!(allocations_of_a_run(&rule("slashdot.rts"), "", 3), 0);
}

#[test]
fn a_published_rule_that_runs_to_its_end_allocates_eight_times_at_most() {
    // The first request of a context makes room for its state; the second finds it.
    for (referer, requests) in [("http://news.example/story", 1), ("http://news.example/a/longer/path", 2)] {
        let counted = allocations_of_a_run(&rule("abusive-referer.rts"), referer, requests);
        assert!(counted <= 8, "{counted} for {referer}, request {requests}");
    }
    let counted = allocations_of_a_run(&rule("slashdot.rts"), "http://slashdot.example/story/12", 2);
    assert!(counted <= 8, "{counted}");
}

#[test]
fn a_compiled_rule_is_smaller_than_sixteen_kibibytes() {
    for name in ["abusive-referer.rts", "slashdot.rts"] {
        let (table, source) = (builtins(), Arc::new(Source::new(name, rule(name))));
        let mut program = None;
        let kept = measure(|| {
            program = compile(&source, table, &CompileOptions::new(RuleStage::Request.stages())).program;
        });
        assert!(program.is_some());
        assert!((1..=16 << 10).contains(&kept.bytes_current), "{name}: {} bytes", kept.bytes_current);
    }
}
