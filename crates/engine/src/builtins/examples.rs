//! Runs every example of every function of the table, as the manual shows it.

use super::{COMPLETION, RAW, RAW_REQUEST, REQUEST, builtins};
use crate::catalog::{Catalog, MemoryFiles, RuleStage, VirtualServerId, check_rule};
use crate::decision::{Event, RulePlace};
use crate::errand::World;
use crate::log_text::log_text;
use crate::machine::Machine;
use crate::raw::{RawRehearsal, RawVisit};
use crate::rehearsal::{Rehearsal, Visit};
use crate::shared::SharedOptions;
use crate::time::WallTime;
use core::time::Duration;
use message::{Fields, RequestHead, ResponseHead, Version};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use trafficscript::{Builtin, Example};

#[test]
fn every_example_gives_what_it_says() {
    let mut wrong = Vec::new();
    for row in builtins().iter() {
        assert!(!row.examples.is_empty(), "{} has no example", row.name);
        for example in row.examples {
            match outcome(row, example) {
                // The log escapes what it writes.
                Ok(given) if given == log_text(example.gives.as_bytes(), usize::MAX) => {}
                Ok(given) => wrong
                    .push(format!("{}: {} gives {given:?}, not {:?}", row.name, example.rule, example.gives)),
                Err(why) => wrong.push(format!("{}: {}: {why}", row.name, example.rule)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_manual_of_every_function_is_written() {
    for row in builtins().iter() {
        assert!(row.summary.ends_with('.') && !row.doc.trim().is_empty(), "{}", row.name);
    }
}

fn outcome<H>(row: &Builtin<H>, example: &Example) -> Result<String, String> {
    if RAW.holds(row.stages) {
        return raw_outcome(row, example);
    }
    let is_response = example.given.starts_with("response") || !row.stages.holds(REQUEST);
    let list = match is_response {
        _ if row.stages == COMPLETION => "completion_rules",
        true => "response_rules",
        false => "request_rules",
    };
    let text = rule_text(example);
    let catalog = format!(
        "[virtual_servers.site]\nlisten = \"192.0.2.80:80\"\npool = \"web\"\n{list} = [\"example\"]\n\
         [pools.web]\nnodes = [\"192.0.2.81:80\"]\n[rate_classes.standard]\n[bandwidth_classes.slow]\nmaximum = 800\n\
         [outgoing]\nallow = [\"*\", \"192.0.2.0/24\"]\n[authenticators.staff]\nserver = \"192.0.2.89:389\"\nbase_dn = \"o=site\"\n\
         [settings]\ngeo_database = \"geo.mmdb\"\nenvironment = [\"SITE\"]\n"
    );
    let files = MemoryFiles::default()
        .with("tidegate.toml", catalog)
        .with("rules/example.rts", text)
        .with("extra/error.html", "<h1>Sorry</h1>\n")
        .with("extra/list.txt", "one\r\ntwo\nthree\n")
        .with("geo.mmdb", crate::geo::writer::sample());
    let loaded = Catalog::load(Path::new("tidegate.toml"), &files, builtins());
    let catalog = loaded.catalog.ok_or_else(|| {
        loaded.diagnostics.iter().map(source::Diagnostic::one_line).collect::<Vec<_>>().join("; ")
    })?;
    let options = SharedOptions { machine: machine(), ..SharedOptions::default() };
    let (told, seen): (Vec<&str>, Vec<&str>) =
        example.given.lines().partition(|line| line.starts_with("world "));
    let told: Vec<&str> = told.iter().filter_map(|line| line.strip_prefix("world ")).collect();
    let world = World::parse(&told.join("\n")).map_err(|wrong| wrong.to_string())?;
    let mut rehearsal = Rehearsal::new(catalog, &options, WallTime(1_000_000)).in_world(world);
    let ((request, body), (reply, reply_body)) = given(&seen.join("\n"));
    rehearsal.add(Visit { body, reply_body, ..Visit::of(request, reply) });
    let visited = rehearsal.run();
    Ok(logged(visited.iter().flat_map(|visited| &visited.record.events)).last().unwrap_or_default())
}

/// A rule over raw bytes: `given` is what came, from the client or from the node.
fn raw_outcome<H>(row: &Builtin<H>, example: &Example) -> Result<String, String> {
    let stage = if row.stages.holds(RAW_REQUEST) { RuleStage::RawRequest } else { RuleStage::RawResponse };
    let source = Arc::new(source::Source::new("example.rts", rule_text(example)));
    let checked = check_rule(&source, stage, None, &MemoryFiles::default(), builtins());
    let rule = checked.rule.ok_or_else(|| format!("{:?}", checked.diagnostics))?;
    let catalog = "[virtual_servers.site]\nlisten = \"192.0.2.80:80\"\npool = \"web\"\n\
                   [pools.web]\nnodes = [\"192.0.2.81:80\"]\n";
    let files = MemoryFiles::default().with("tidegate.toml", catalog.to_owned());
    let catalog = Catalog::load(Path::new("tidegate.toml"), &files, builtins()).catalog.unwrap();
    let mut rehearsal =
        RawRehearsal::new(catalog.with_only_rules(&[(rule, stage)]), &SharedOptions::default(), WallTime(0));
    let given = example.given.as_bytes().to_vec();
    let (sent, answer) =
        if stage == RuleStage::RawRequest { (given, b"ok".to_vec()) } else { (b"get".to_vec(), given) };
    let visited = rehearsal.run(&RawVisit {
        client: SocketAddr::from(([192, 0, 2, 1], 50_000)),
        virtual_server: VirtualServerId(0),
        sends: vec![(Duration::ZERO, sent)],
        ends_at: Some(Duration::from_secs(1)),
        answers: vec![vec![(Duration::ZERO, answer)]],
    });
    // Of the first request, if there are several.
    Ok(logged(&visited.events).next().unwrap_or_default())
}

fn rule_text(example: &Example) -> String {
    if example.rule.trim_end().ends_with([';', '}']) {
        format!("{}\nlog.info( \"=\" . $1 );", example.rule)
    } else {
        format!("log.info( \"=\" . ( {} ) );", example.rule)
    }
}

fn logged<'a>(events: impl IntoIterator<Item = &'a (RulePlace, Event)>) -> impl Iterator<Item = String> {
    events.into_iter().filter_map(|(_, event)| match event {
        Event::Log { text, .. } => text.strip_prefix('=').map(str::to_owned),
        Event::Fault { text } => Some(format!("fault: {text}")),
        _ => None,
    })
}

fn machine() -> Machine {
    Machine {
        hostname: "manager".to_owned(),
        domain: "example.com".to_owned(),
        process: 4711,
        environment: [("SITE".to_owned(), "north".to_owned())].into(),
        ..Machine::default()
    }
}

/// `GET /path` or `response 404`, a ` body=text` behind it if there is one (with `\r` and `\n`), then fields.
/// (Lines that begin with `world` tell what the world answers.)
fn given(text: &str) -> ((RequestHead, Vec<u8>), (ResponseHead, Vec<u8>)) {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let (first, body) = first.split_once(" body=").unwrap_or((first, ""));
    let body = body.replace("\\r", "\r").replace("\\n", "\n").into_bytes();
    let length = body.len().to_string();
    let mut bodies = (Vec::new(), Vec::new());
    let mut request = RequestHead::new(b"GET", b"/", Version::Http11).unwrap();
    let mut reply = ResponseHead::new(200, b"OK", Version::Http11).unwrap();
    let fill = |fields: &mut Fields, lines: std::str::Lines<'_>| {
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            fields.add(name.as_bytes(), value.as_bytes()).unwrap();
        }
    };
    if let Some(status) = first.strip_prefix("response ") {
        reply = ResponseHead::new(status.parse().unwrap(), b"Any", Version::Http11).unwrap();
        fill(reply.fields_mut(), lines);
        bodies.1 = body;
    } else {
        if let Some((method, target)) = first.split_once(' ') {
            request = RequestHead::new(method.as_bytes(), target.as_bytes(), Version::Http11).unwrap();
        }
        fill(request.fields_mut(), lines);
        if !body.is_empty() {
            request.fields_mut().set(b"Content-Length", length.as_bytes()).unwrap();
        }
        bodies.0 = body;
    }
    ((request, bodies.0), (reply, bodies.1))
}
