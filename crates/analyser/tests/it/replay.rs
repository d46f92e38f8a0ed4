//! What a policy would have done to logs. All logs here are synthetic but the fixture.

use crate::fixtures::fixture;
use accesslog::{Layout, LineReader, Read};
use analyser::replay::{Comparing, Effect, Replay, ReplayOptions, SampleOf, Saved, ThenAndNow, Verdict, Who};
use engine::builtins::builtins;
use engine::catalog::{EmbeddedOptions, Guard, Htaccess, MemoryFiles};
use engine::decision::Event;
use engine::{Catalog, Rehearsal, SharedOptions, Visit, WallTime};
use message::{RequestHead, ResponseHead, Version};
use source::Source;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const ARTICLE: &str = include_str!("../../../../spec/rules/abusive-referer.rts");
const CLASSES: &str = "[rate_classes.StandardReferer]\nmax_rate_per_minute = 10\n\
                       [rate_classes.BusyReferer]\nmax_rate_per_minute = 20\n\
                       [bandwidth_classes.AbusiveReferer]\nmaximum = \"800 kbit/s\"\n";

fn catalog(rule: &str, more: &str) -> Catalog {
    let text = format!(
        "[virtual_servers.site]\nlisten = \":80\"\npool = \"web\"\nrequest_rules = \"rule\"\n\
         [pools.web]\nnodes = \"192.0.2.80:80\"\n{more}"
    );
    let files = MemoryFiles::default().with("tidegate.toml", text).with("rules/rule.rts", rule.to_owned());
    let loaded = Catalog::load(Path::new("tidegate.toml"), &files, builtins());
    loaded.catalog.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn htaccess(text: &str) -> Catalog {
    let bare = EmbeddedOptions {
        listen: "127.0.0.1:8080".to_owned(),
        node: "127.0.0.1:8000".to_owned(),
        hosts: Vec::new(),
        guard: Guard::Off,
    };
    let source = Arc::new(Source::new(".htaccess", text.as_bytes().to_vec()));
    let mut wrong = Vec::new();
    let file = Htaccess::alone(&source, None, &MemoryFiles::default(), &mut wrong);
    let file = file.unwrap_or_else(|| panic!("{wrong:#?}"));
    Catalog::embedded(&bare, builtins()).catalog.unwrap().with_htaccess(file)
}

/// With arrival in microseconds, as our own format has it.
const EXACT: &str = "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\" %{arrival_us}x";

fn each(format: &str, log: &str, mut take: impl FnMut(&accesslog::Line<'_>, &accesslog::Facts)) {
    let layout = Layout::named(format).unwrap_or_else(|| Layout::apache(format).unwrap());
    let mut reader = LineReader::new(&layout);
    for text in log.lines() {
        match reader.read(text.as_bytes()) {
            Read::Line(line) => take(&line, &layout.facts()),
            Read::Comment => {}
            Read::Bad(bad) => panic!("{text}: {bad:?}"),
        }
    }
}

fn replay(catalog: Catalog, options: ReplayOptions, format: &str, log: &str) -> Effect {
    let mut replay = Replay::new(catalog, options).unwrap();
    each(format, log, |line, facts| {
        replay.take(line, facts);
    });
    replay.finish()
}

fn combined(catalog: Catalog, log: &str) -> Effect {
    replay(catalog, ReplayOptions::default(), "combined", log)
}

fn ended(effect: &Effect, verdict: Verdict) -> u64 {
    effect.verdicts.iter().find(|row| row.verdict == verdict).map_or(0, |row| row.amount.requests)
}

/// All ways to count say the same number of requests.
fn adds_up(effect: &Effect) {
    let ended: u64 = effect.verdicts.iter().map(|row| row.amount.requests).sum();
    let asked: u64 = effect.who.iter().map(|row| row.hit.asked.requests).sum();
    assert_eq!((ended, asked), (effect.log.requests, effect.log.requests));
}

#[test]
fn a_crowd_of_one_referer_queues_in_replay_as_it_does_in_try() {
    let every = Duration::from_millis(10);
    let mut log = String::new();
    let mut rehearsal = Rehearsal::new(catalog(ARTICLE, CLASSES), &SharedOptions::default(), WallTime(0));
    for number in 0..40_u32 {
        let micros = 1_700_000_000_000_000 + u64::from(number) * 10_000;
        writeln!(
            log,
            "192.0.2.{number} - - [14/Nov/2023:22:13:20 +0000] \"GET /song.mp3 HTTP/1.1\" 200 5000000 \
             \"http://news.example/story\" \"browser {number}\" {micros}"
        )
        .unwrap();
        let mut request = RequestHead::new(b"GET", b"/song.mp3", Version::Http11).unwrap();
        request.fields_mut().add(b"Referer", b"http://news.example/story").unwrap();
        let visit = Visit::of(request, ResponseHead::new(200, b"OK", Version::Http11).unwrap());
        let client = ([192, 0, 2, u8::try_from(number).unwrap()], 50_000).into();
        rehearsal.add(Visit { at: every * number, connection: u64::from(number), client, ..visit });
    }
    let mut tried: Vec<(usize, u64)> = rehearsal
        .run()
        .iter()
        .map(|visited| {
            let waits = visited.record.events.iter().map(|(_, event)| match event {
                Event::Rate { waited_micros, .. } => *waited_micros,
                _ => 0,
            });
            (visited.number, waits.sum())
        })
        .collect();
    tried.sort_unstable();
    let mut replay =
        Replay::new(catalog(ARTICLE, CLASSES), ReplayOptions::default()).unwrap().keeping_decisions();
    let mut replayed = Vec::new();
    each(EXACT, &log, |line, facts| {
        replay.take(line, facts);
        replayed.extend(replay.take_decided());
    });
    // Somebody later lets those who still wait go on to their ends.
    let late = log.lines().next().unwrap().replace("1700000000000000", "1700000900000000");
    each(EXACT, &late, |line, facts| {
        replay.take(line, facts);
        replayed.extend(replay.take_decided());
    });
    let mut waits: Vec<(usize, u64)> = replayed
        .iter()
        .filter(|decided| decided.number < 40)
        .map(|decided| (usize::try_from(decided.number).unwrap(), decided.waited_micros))
        .collect();
    waits.sort_unstable();
    assert_eq!(waits, tried);
    assert!(waits[39].1 > 170_000_000, "ten a minute: the fortieth waits for three minutes");
}

#[test]
fn a_mark_that_was_set_is_seen_again_with_the_same_visitor_and_with_nobody_else() {
    let line = |client: &str, agent: &str, second: u32, referer: &str| {
        format!(
            "{client} - - [14/Nov/2023:22:00:{second:02} +0000] \"GET /a.mp3 HTTP/1.1\" 200 1000000 \"{referer}\" \
             \"{agent}\"\n"
        )
    };
    let mark = "if( http.getHeader( \"Referer\" ) ) {\n   http.setResponseCookie( \"Seen\", \"1\" );\n}\n\
                if( http.getCookie( \"Seen\" ) ) {\n   response.setBandwidthClass( \"AbusiveReferer\" );\n}\n";
    let log = [
        line("192.0.2.1", "one", 0, "http://a.example/"),
        line("192.0.2.1", "one", 1, "-"),
        line("198.51.100.2", "two", 2, "-"),
        line("192.0.2.1", "one", 3, "-"),
    ]
    .concat();
    let effect = combined(catalog(mark, CLASSES), &log);
    adds_up(&effect);
    let class = &effect.bandwidth_classes[0];
    assert_eq!(class.slowed.requests, 2, "the second and the last");
    // Two megabytes over a hundred thousand bytes a second that they share.
    assert_eq!(class.running_max, 2);
    assert!((18_000_000..=20_000_000).contains(&class.durations_micros.largest()), "{class:?}");
    let rule = &effect.rules[0];
    assert_eq!((rule.marked.requests, &rule.marks[..]), (1, &["Seen".to_owned()][..]));
    assert!(rule.undecidable.is_empty(), "the rule itself gives the cookie out: {:?}", rule.undecidable);
}

#[test]
fn what_a_log_does_not_hold_is_told_as_undecidable_unless_it_is_given() {
    let rule = "if( http.getHostHeader() == \"www.a.example\" && http.getHeader( \"Accept-Language\" ) == \"\" ) {\n\
                   http.sendResponse( 403, \"text/plain\", \"no\", \"\" );\n}\n\
                if( http.getCookie( \"session\" ) == \"\" && ssl.isSSL() ) {\n   connection.discard();\n}\n";
    let log = "192.0.2.1 - - [14/Nov/2023:22:00:00 +0000] \"GET / HTTP/1.1\" 200 1000 \"-\" \"x\"\n";
    let facts = |effect: &Effect| -> Vec<String> {
        effect.rules[0].undecidable.iter().map(|row| row.fact.clone()).collect()
    };
    let effect = combined(catalog(rule, ""), log);
    assert_eq!(facts(&effect), ["Host", "cookie session", "whether the client spoke TLS"]);
    assert_eq!(ended(&effect, Verdict::Passed), 1);
    let options = ReplayOptions { host: Some("www.a.example".to_owned()), ..ReplayOptions::default() };
    let effect = replay(catalog(rule, ""), options, "combined", log);
    assert_eq!(facts(&effect), ["Accept-Language"]);
    assert_eq!(ended(&effect, Verdict::Refused), 1);
}

#[test]
fn a_request_that_was_not_found_before_saves_nothing_when_it_is_refused() {
    let rule = "if( string.startsWith( http.getPath(), \"/audio/\" ) ) {\n\
                   http.sendResponse( \"403 Forbidden\", \"text/plain\", \"0123456789\", \"\" );\n}\n";
    let log = "192.0.2.1 - - [14/Nov/2023:22:00:00 +0000] \"GET /audio/a HTTP/1.1\" 200 1000 \"-\" \"x\"\n\
               192.0.2.1 - - [14/Nov/2023:22:00:01 +0000] \"GET /audio/b HTTP/1.1\" 404 500 \"-\" \"x\"\n\
               192.0.2.1 - - [14/Nov/2023:22:00:02 +0000] \"GET /c HTTP/1.1\" 200 70 \"-\" \"x\"\n";
    let effect = combined(catalog(rule, ""), log);
    assert_eq!(effect.saved, Saved { requests: 1, bytes: 990, refused_before: 1 });
    assert_eq!((ended(&effect, Verdict::Refused), ended(&effect, Verdict::Passed)), (2, 1));
}

#[test]
fn an_htaccess_refuses_what_apache_refused_and_the_few_that_differ_are_shown() {
    let file = "RewriteEngine On\nRewriteCond %{REQUEST_URI} ^/audio/\n\
                RewriteCond %{HTTP_REFERER} !^http://www\\.a\\.example/\nRewriteRule .* - [F]\n";
    let mut log = String::new();
    for number in 0..30 {
        let own = number % 3 == 0;
        let referer = if own { "http://www.a.example/page" } else { "http://b.example/" };
        // One that Apache refused for another reason, and one that it let through.
        let status = match number {
            0 => 403,
            1 => 200,
            _ if own => 200,
            _ => 403,
        };
        writeln!(
            log,
            "192.0.2.7 - - [14/Nov/2023:22:00:{number:02} +0000] \"GET /audio/{number}.mp3 HTTP/1.1\" {status} 300 \
             \"{referer}\" \"x\""
        )
        .unwrap();
    }
    let effect = combined(htaccess(file), &log);
    adds_up(&effect);
    let expected =
        ThenAndNow { then: 20, now: 20, both: 19, only_then: 1, only_now: 1, ..ThenAndNow::default() };
    assert_eq!(effect.then_and_now, expected);
    let of = |of| -> Vec<&str> {
        effect.samples.iter().filter(|sample| sample.of == of).map(|sample| sample.request.as_str()).collect()
    };
    assert_eq!(of(SampleOf::OnlyThen), ["GET /audio/0.mp3"]);
    assert_eq!(of(SampleOf::OnlyNow), ["GET /audio/1.mp3"]);
}

#[test]
fn files_that_decide_by_what_nobody_knows_are_undecidable_and_not_refused() {
    let file = "RewriteEngine On\nRewriteCond %{REQUEST_URI} ^/a\nRewriteCond %{REQUEST_FILENAME} !-f\n\
                RewriteRule .* - [F]\n";
    let log = "192.0.2.7 - - [14/Nov/2023:22:00:00 +0000] \"GET /a HTTP/1.1\" 200 300 \"-\" \"x\"\n\
               192.0.2.7 - - [14/Nov/2023:22:00:01 +0000] \"GET /b HTTP/1.1\" 200 300 \"-\" \"x\"\n";
    let effect = combined(htaccess(file), log);
    assert_eq!((ended(&effect, Verdict::Undecidable), ended(&effect, Verdict::Passed)), (1, 1));
    assert_eq!(effect.then_and_now.undecidable_then_served, 1);
    assert_eq!(effect.saved, Saved::default());
}

#[test]
fn two_policies_are_compared_request_by_request() {
    let refuses = |path: &str| {
        let rule = format!(
            "if( http.getPath() == \"{path}\" ) {{\n   http.sendResponse( 403, \"\", \"\", \"\" );\n}}\n"
        );
        catalog(&rule, "")
    };
    let mut comparing = Comparing::new(refuses("/a"), refuses("/b"), &ReplayOptions::default()).unwrap();
    let mut log = String::new();
    for path in ["/a", "/b", "/c", "/a"] {
        writeln!(log, "192.0.2.7 - - [14/Nov/2023:22:00:00 +0000] \"GET {path} HTTP/1.1\" 200 9 \"-\" \"x\"")
            .unwrap();
    }
    each("combined", &log, |line, facts| comparing.take(line, facts));
    let comparison = comparing.finish();
    assert_eq!(comparison.alike.requests, 1);
    let told: Vec<(&str, &str, u64)> = comparison
        .differences
        .iter()
        .map(|differs| (differs.policy.as_str(), differs.other.as_str(), differs.amount.requests))
        .collect();
    assert_eq!(
        told,
        [("refused (403)", "answered by a node", 2), ("answered by a node", "refused (403)", 1)]
    );
    assert_eq!(comparison.differences[0].samples[0].request.request, "GET /a");
}

#[test]
fn a_hostile_log_neither_hangs_nor_is_lost() {
    let mut log = String::new();
    for number in 0..6_000_u32 {
        let year = 1971 + (number * 7) % 120;
        let [a, b, c, d] = number.to_be_bytes();
        writeln!(
            log,
            "{}.{b}.{c}.{d} - - [14/Nov/{year}:22:00:{:02} +0000] \"GET /\\xff{number} HTTP/1.1\" 200 \
             18446744073709551615 \"http://r{number}.example/{}\" \"agent {number} \\x1b[31m\"",
            a | 1,
            number % 60,
            "x".repeat(usize::try_from(number % 50).unwrap())
        )
        .unwrap();
        writeln!(log, "host{number} - - [14/Nov/{year}:22:00:00 +0000] \"\\x16\\x03\" 400 0 \"-\" \"-\"")
            .unwrap();
        writeln!(
            log,
            "host{number} - - [14/Nov/{year}:22:00:00 +0000] \"GET /{number} HTTP/1.1\" 200 - \"a\" \"-\""
        )
        .unwrap();
    }
    let effect = combined(catalog(ARTICLE, CLASSES), &log);
    adds_up(&effect);
    assert_eq!(effect.log.requests + effect.log.no_requests, 18_000);
    assert!(effect.log.backwards > 1_000 && effect.log.clients_by_name >= 6_000);
    let told = effect.to_string();
    assert!(!told.contains('\u{1b}'), "nothing of a log reaches a terminal as it stands");
}

#[test]
fn the_articles_rule_on_a_real_log_holds_up_the_sites_own_visitors() {
    let Some(path) = fixture("access/elastic-apache-combined-10k.log") else { return };
    let text = std::fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&text);
    let mut lines: Vec<(i64, &str)> = Vec::new();
    let layout = Layout::named("combined").unwrap();
    let mut reader = LineReader::new(&layout);
    for line in text.lines() {
        if let Read::Line(read) = reader.read(line.as_bytes()) {
            lines.push((read.at_unix_micros, line));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    let log: Vec<&str> = lines.into_iter().map(|(_, line)| line).collect();
    let options = ReplayOptions {
        own: vec!["semicomplete.com".to_owned()],
        offenders: vec!["s-chassis.co.nz".to_owned()],
        ..ReplayOptions::default()
    };
    let effect = replay(catalog(ARTICLE, CLASSES), options, "combined", &log.join("\n"));
    adds_up(&effect);
    assert_eq!((effect.log.requests, effect.log.backwards), (10_000, 0));
    assert_eq!(effect.offenders[0].hit.asked.requests, 51, "the forum of both spellings");
    let own = effect.who.iter().find(|row| row.who == Who::OwnVisitor).unwrap();
    // The white list of the article is not this site's: its own pages are the referer that sends most.
    assert!(own.hit.waited.requests > 3_000, "{own:?}");
    assert_eq!(effect.rate_classes[0].contexts[0].context, "www.semicomplete.com");
}
