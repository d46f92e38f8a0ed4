//! Entering by spare capacity, as rules, records and replays see it.

use engine::builtins::builtins;
use engine::catalog::MemoryFiles;
use engine::decision::{Event, RateResult};
use engine::{Catalog, Knowledge, KnownFacts, Rehearsal, SharedOptions, Visit, WallTime};
use message::{RequestHead, ResponseHead, Version};
use std::path::Path;
use std::sync::Arc;

const CATALOG: &str = "[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\nrequest_rules = [RULE]\n\
    [pools.web]\nnodes = \"10.0.0.1:80\"\n[rate_classes.spare]\nrate = \"spare\"\nspare_of = \"web\"\n";

fn events(rule: &str, knowledge: &Knowledge) -> Vec<Event> {
    let files = MemoryFiles::default()
        .with("tidegate.toml", CATALOG.replace("RULE", rule))
        .with("rules/enter.rts", "rate.use( \"spare\" ); log.info( rate.getBacklog( \"spare\" ) );");
    let loaded = Catalog::load(Path::new("tidegate.toml"), &files, builtins());
    let catalog = loaded.catalog.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    let mut request = RequestHead::new(b"GET", b"/story", Version::Http11).unwrap();
    request.fields_mut().set(b"Referer", b"http://news.example/").unwrap();
    let mut rehearsal = Rehearsal::new(catalog, &SharedOptions::default(), WallTime(1_000_000));
    for _ in 0..3 {
        let answer = ResponseHead::new(200, b"OK", Version::Http11).unwrap();
        rehearsal.add(Visit { knowledge: knowledge.clone(), ..Visit::of(request.clone(), answer) });
    }
    rehearsal.run().into_iter().flat_map(|visited| visited.record.events).map(|(_, event)| event).collect()
}

fn results(events: &[Event]) -> Vec<RateResult> {
    let result = |event: &Event| match event {
        Event::Rate { result, .. } => Some(*result),
        _ => None,
    };
    events.iter().filter_map(result).collect()
}

#[test]
fn one_after_the_other_comes_in_where_each_place_is_given_back() {
    let events = events("\"enter\"", &Knowledge::All);
    assert_eq!(results(&events), [RateResult::Started; 3]);
    assert!(!events.iter().any(|event| matches!(event, Event::Undecidable { .. })));
}

#[test]
fn what_the_pool_bore_when_a_log_was_written_nobody_can_say() {
    let known = KnownFacts { fields: vec![b"Referer".to_vec()], ..KnownFacts::default() };
    let events = events("\"enter\"", &Knowledge::Only(Arc::new(known)));
    let undecidable = events.iter().filter(|event| matches!(event, Event::Undecidable { .. })).count();
    assert_eq!(undecidable, 6, "the use and the backlog, three times: {events:?}");
}

#[test]
fn a_rule_that_observes_takes_no_place() {
    let events = events("{ rule = \"enter\", mode = \"observe\" }", &Knowledge::All);
    assert_eq!(results(&events), [RateResult::Started; 3]);
}
