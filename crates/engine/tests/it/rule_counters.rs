//! What is counted of rules, and rules that run for long.

use core::time::Duration;
use engine::builtins::builtins;
use engine::catalog::MemoryFiles;
use engine::decision::Event;
use engine::{Catalog, Now, Rehearsal, RuleCounters, SharedOptions, Stopwatch, Visit, Visited, WallTime};
use message::{RequestHead, ResponseHead, Version};
use shaping::Tick;
use std::path::Path;

fn catalog(rules: &[(&str, &str)], more: &str) -> Catalog {
    let names: Vec<String> = rules.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let text = format!(
        "{more}\n[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\nrequest_rules = [{}]\n\
         [pools.web]\nnodes = \"192.0.2.81:80\"\n",
        names.join(", ")
    );
    let mut files = MemoryFiles::default().with("tidegate.toml", text);
    for (name, rule) in rules {
        files = files.with(format!("rules/{name}.rts"), (*rule).to_owned());
    }
    Catalog::load(Path::new("tidegate.toml"), &files, builtins()).catalog.unwrap()
}

fn visits(rehearsal: &mut Rehearsal, targets: &[&str]) -> Vec<Visited> {
    for target in targets {
        rehearsal.add(Visit::of(
            RequestHead::new(b"GET", target.as_bytes(), Version::Http11).unwrap(),
            ResponseHead::new(200, b"OK", Version::Http11).unwrap(),
        ));
    }
    rehearsal.run()
}

/// The numbers of a rule that are not 0, in the order of the list.
fn counted(rehearsal: &Rehearsal, rule: &str) -> Vec<(&'static str, u64)> {
    let all = rehearsal.shared().rule_counters();
    let of_rule = all.iter().find(|(name, _)| **name == *rule);
    let list = of_rule.map_or(RuleCounters::default().list(), |(_, counters)| counters.list());
    list.into_iter().map(|(name, _, value)| (name, value)).filter(|(_, value)| *value > 0).collect()
}

#[test]
fn each_rule_is_counted_and_keeps_its_numbers_across_catalogs() {
    let guard = "$path = http.getPath();\nif( $path == \"/discard\" ) connection.discard();\n\
                 if( $path == \"/respond\" ) http.sendResponse( 403, \"\", \"\", \"\" );\n\
                 if( $path == \"/pool\" ) pool.use( \"web\" );\nif( $path == \"/odd\" ) lang.assert( 0 );\n";
    let mut rehearsal = Rehearsal::new(
        catalog(&[("guard", guard), ("after", "break;")], ""),
        &SharedOptions::default(),
        WallTime(0),
    );
    visits(&mut rehearsal, &["/", "/discard", "/respond", "/pool", "/odd"]);
    let of_guard =
        [("executions", 5), ("aborts", 1), ("discards", 1), ("pool_selections", 1), ("responses", 1)];
    assert_eq!(counted(&rehearsal, "guard"), of_guard);
    assert_eq!(counted(&rehearsal, "after"), [("executions", 2)]);

    let now = Now { tick: Tick::ZERO, wall: WallTime(0) };
    rehearsal.shared().adopt(catalog(&[("guard", "break;"), ("other", "break;")], ""), now);
    assert_eq!(counted(&rehearsal, "guard"), of_guard);
    let names: Vec<String> =
        rehearsal.shared().rule_counters().iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["guard", "other"]);
}

/// A clock that a look at moves on by so much.
fn stopwatch(step: Duration) -> Stopwatch {
    let looks = std::sync::atomic::AtomicU64::new(0);
    Stopwatch::new(move || {
        let looks = looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        Tick::ZERO.saturating_add(step.saturating_mul(u32::try_from(looks).unwrap()))
    })
}

#[test]
fn a_rule_that_runs_for_long_is_told_of_and_goes_on() {
    let long = "for( $i = 0; $i < 1000; $i++ ) $n += $i;\nlog.info( $n );";
    let played = |step: u64, more: &str| {
        let options = SharedOptions {
            stopwatch: Some(stopwatch(Duration::from_millis(step))),
            ..SharedOptions::default()
        };
        let rules = [("long", long), ("brief", "log.info( 1 );")];
        let mut rehearsal = Rehearsal::new(catalog(&rules, more), &options, WallTime(0));
        let visited = visits(&mut rehearsal, &["/"]).remove(0);
        let told = visited.record.events.iter().find_map(|(place, event)| match event {
            Event::Warning { text } => Some(format!("{}: {text}", place.rule)),
            _ => None,
        });
        let logged =
            visited.record.events.iter().filter(|(_, event)| matches!(event, Event::Log { .. })).count();
        assert_eq!(logged, 2);
        assert_eq!(counted(&rehearsal, "brief"), [("executions", 1)]);
        (told, counted(&rehearsal, "long").contains(&("slow_runs", 1)))
    };
    let told = Some("long: the rule ran 600 ms without waiting".to_owned());
    assert_eq!(played(600, ""), (told.clone(), true));
    assert_eq!(played(600, "rules.strict = true"), (told, true));
    assert_eq!(played(400, ""), (None, false));
    assert_eq!(played(600, "rules.slow_run_warning = 0"), (None, false));
    assert!(played(6, "rules.slow_run_warning = \"5ms\"").1);
}
