//! `diagnose`, `apply` and `revert`: the hoster's path on the hoster's numbers, on a real log, and on one made up so that
//! the right answer is known.

use crate::kit::{Client, Proxy, Running, catalog, command, folder, json, node, ok, request, text, tidegate};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The first article's line, in a file as the kernel writes it (synthetic around it).
fn counters(failcnt: u64) -> String {
    format!(
        "Version: 2.5\n       uid  resource      held   maxheld   barrier     limit   failcnt\n      \
         101: kmemsize   1000000 2000000 14372700 14790164 0\n           \
         tcpsndbuf 192296 192296 2867477 4096277 {failcnt}\n           numtcpsock 120 300 480 480 0\n"
    )
}

/// Where the real logs are; `None`, said aloud, where they are not.
fn fixture(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TIDEGATE_FIXTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures"),
        PathBuf::from,
    );
    let path = root.join(path);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: there is no {}", path.display());
    None
}

/// A log made up: visitors who read pages and hear songs, a feed reader, and a page elsewhere whose visitors take the
/// songs without ever opening a page here.
pub(crate) fn hot_linked() -> String {
    let mut log = String::new();
    let mut line = |minute: u32, client: &str, path: &str, bytes: u32, referer: &str, agent: &str| {
        let (day, hour, minute) = (10 + minute / 1440, minute / 60 % 24, minute % 60);
        let _written = writeln!(
            log,
            "{client} - - [{day:02}/Nov/2026:{hour:02}:{minute:02}:07 +0000] \"GET {path} HTTP/1.1\" 200 {bytes} \
             \"{referer}\" \"{agent}\""
        );
    };
    let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    for visit in 0..400_u32 {
        let client = format!("198.51.{}.{}", visit % 100, visit / 100 + 1);
        let at = visit * 14;
        line(at, &client, "/", 8_000, "-", browser);
        line(at, &client, "/style.css", 2_000, "http://songs.example/", browser);
        line(at, &client, &format!("/post/{}", visit % 9), 9_000, "http://songs.example/", browser);
        if visit % 10 == 0 {
            let post = format!("http://songs.example/post/{}", visit % 9);
            line(at + 1, &client, &format!("/audio/song{}.mp3", visit % 9), 4_000_000, &post, browser);
        }
        line(
            at + 2,
            "203.0.113.9",
            "/feed.xml",
            20_000,
            "-",
            "Feedly/1.0 (+http://feedly.example/fetcher.html)",
        );
    }
    for listener in 0..300_u32 {
        let client = format!("192.0.{}.{}", listener % 60 + 3, listener / 60 + 1);
        let page = format!("http://www.music-board.example/thread/{}", listener % 3);
        line(
            3_000 + listener * 2,
            &client,
            &format!("/audio/song{}.mp3", listener % 4),
            4_000_000,
            &page,
            browser,
        );
    }
    log
}

#[test]
fn the_articles_numbers_give_the_articles_sentence_and_one_reading_cannot_tell() {
    let here = folder(&[("a", &counters(151_117_486)), ("b", &counters(151_118_086))]);
    let one = tidegate(here.path(), &["diagnose", "--no-state", "--beancounters", "a"]);
    assert_eq!(one.status.code(), Some(0), "{}", text(&one.stderr));
    let said = text(&one.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.starts_with("Cannot tell whether it is failing now"), "{said}");
    assert!(
        said.contains("about 22 to 44 simultaneous slow downloads fill container 101's send buffers"),
        "{said}"
    );
    assert!(said.contains("151,117,486"), "{said}");
    let two =
        tidegate(here.path(), &["diagnose", "--no-state", "--beancounters", "a", "b", "--format", "json"]);
    let report = json(&two);
    assert_eq!(report["pressure"]["is_failing_now"], true, "{report:#}");
    assert_eq!(report["pressure"]["verdict"], "failing");
}

#[test]
fn a_real_log_accuses_the_forged_referers_and_the_forum_and_neither_image_search_nor_feed_readers() {
    let Some(log) = fixture("access/elastic-apache-combined-10k.log") else { return };
    let here = folder(&[]);
    let log = log.display().to_string();
    let output = tidegate(here.path(), &["diagnose", "--no-state", "--logs", &log, "--format", "json"]);
    let report = json(&output);
    assert_eq!(report["log"]["lines"]["all"], 10_000);
    assert_eq!(report["log"]["lines"]["bad"], 0);
    let findings: Vec<(&str, &str)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (finding["verdict"].as_str().unwrap(), finding["subject"].as_str().unwrap()))
        .collect();
    assert!(findings.contains(&("bot-farm", "/misc/sample.log")), "{findings:?}");
    assert!(findings.contains(&("hot-link", "s-chassis.co.nz")), "{findings:?}");
    assert!(findings.iter().all(|(_, subject)| !subject.contains("google")), "{findings:?}");
    let proposals = report["proposals"].as_array().unwrap();
    let slow =
        proposals.iter().find(|proposal| proposal["id"].as_str().unwrap().starts_with("slow-s-chassis"));
    let who = slow.unwrap()["effect"]["who"].as_array().unwrap();
    let hit =
        |name: &str| who.iter().find(|row| row["who"] == name).unwrap()["hit"]["requests"].as_u64().unwrap();
    assert_eq!(
        (hit("elsewhere"), hit("image-search"), hit("feed-reader"), hit("own-visitor")),
        (51, 0, 0, 0)
    );
}

#[test]
fn a_report_as_data_has_the_keys_that_programs_read_and_bad_lines_are_counted() {
    let log = hot_linked() + "this is no log line\n";
    let here = folder(&[("access.log", &log)]);
    let arguments =
        ["diagnose", "--no-state", "--logs", "access.log", "--log-format", "combined", "--format", "json"];
    let output = tidegate(here.path(), &arguments);
    let report = json(&output);
    for key in
        ["version", "is_partial", "answer", "pressure", "mail", "log", "findings", "proposals", "steps"]
    {
        assert!(report.get(key).is_some(), "{key}");
    }
    assert_eq!(report["is_partial"], false);
    assert_eq!(report["log"]["lines"]["bad"], 1);
    assert_eq!(report["log"]["files"][0]["samples"][0]["text"], "this is no log line");
    let finding = &report["findings"][0];
    for key in ["verdict", "subject", "confidence", "evidence", "counter_check", "counted", "traits"] {
        assert!(finding.get(key).is_some(), "{key}: {finding:#}");
    }
    assert_eq!(
        (&finding["verdict"], &finding["subject"]),
        (&"hot-link".into(), &"music-board.example".into())
    );
    let names: Vec<_> = report["steps"].as_array().unwrap().iter().map(|step| step["name"].clone()).collect();
    assert_eq!(names, ["pressure", "mail", "domain", "path", "who", "visitors", "at-once", "proposal"]);
}

#[test]
fn narrow_terminals_get_narrow_lines_and_plain_ones_get_ascii() {
    let hostile = "192.0.2.1 - - [10/Nov/2026:10:00:00 +0000] \"GET /a\\x1b[31m HTTP/1.1\" 200 99999999 \
                   \"http://\\xe6\\xbc\\xa2.example/\" \"\\x1b]0;x\\x07\"\n";
    let here = folder(&[("access.log", &(hot_linked() + hostile))]);
    for (width, locale) in [("60", "C.UTF-8"), ("100", "C.UTF-8"), ("60", "C")] {
        let mut narrow = command(here.path(), &["diagnose", "--no-state", "--logs", "access.log"]);
        let output = narrow.env("COLUMNS", width).env("LC_ALL", locale).output().unwrap();
        let said = text(&output.stdout);
        let widest = said.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width.parse().unwrap(), "{width}: {widest}\n{said}");
        assert!(!said.contains('\u{1b}') && !said.contains('\u{7}'), "{said}");
        assert!(locale != "C" || said.is_ascii(), "{said}");
    }
}

#[test]
fn a_page_has_no_script_and_nothing_of_a_log_becomes_html() {
    let hostile = "192.0.2.1 - - [10/Nov/2026:10:00:00 +0000] \"GET /<script>alert(1)</script> HTTP/1.1\" 200 99999999 \
                   \"http://x.example/<img src=x onerror=alert(1)>\" \"<b>\"\n";
    let here = folder(&[("access.log", &(hot_linked() + &hostile.repeat(50)))]);
    let arguments =
        ["diagnose", "--no-state", "--logs", "access.log", "--format", "html", "-o", "report.html"];
    let output = tidegate(here.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = fs::read_to_string(here.path().join("report.html")).unwrap();
    assert!(page.contains("default-src 'none'"), "no policy");
    assert!(page.contains("&lt;script&gt;alert(1)"), "the path is not shown");
    for bad in ["<script", "<img", "onerror=alert(1)>", "src=\"http", "href=\"http", "url("] {
        assert!(!page.contains(bad), "{bad}");
    }
    assert!(page.len() < 400_000, "{} bytes", page.len());
}

#[test]
fn ctrl_c_gives_what_is_known_until_then_and_says_so() {
    let here = folder(&[("proc/user_beancounters", &counters(5))]);
    let arguments = ["diagnose", "--no-state", "--proc-root", "proc", "--every", "10m", "--readings", "2"];
    let mut running = Running::start(here.path(), &arguments);
    running.hears("looks on every");
    running.tell(Signal::INT);
    let said = running.reads("PARTIAL");
    assert!(said.contains("PARTIAL"), "{said}");
    assert_eq!(running.ends().code(), Some(130));
}

#[test]
fn mistakes_of_the_command_line_are_2() {
    let here = folder(&[]);
    for arguments in [
        &["diagnose", "--logs", "nowhere.log"][..],
        &["diagnose", "--from", "someday"],
        &["diagnose", "--from", "2026-11-22", "--to", "2026-11-21"],
        &["diagnose", "--beancounters", "nowhere"],
        &["diagnose", "--logs", "x", "--log-format", "no-such-format"],
        &["apply", "nothing", "--state", "s"],
        &["revert", "nothing", "--state", "s"],
    ] {
        let output = tidegate(here.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
    }
}

/// The proposal whose name begins so.
fn proposal(folder: &Path, begins: &str) -> String {
    let arguments = ["diagnose", "--state", "state", "--logs", "access.log", "--format", "json"];
    let report = json(&tidegate(folder, &arguments));
    let proposals = report["proposals"].as_array().unwrap().clone();
    let names: Vec<String> = proposals.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
    names.iter().find(|name| name.starts_with(begins)).unwrap_or_else(|| panic!("{names:?}")).clone()
}

#[test]
fn an_applied_proposal_slows_the_hot_linker_and_not_the_reader_and_is_taken_back_byte_for_byte() {
    let log = "access_log = { path = \"proxy.log\", format = \"%{class}x %{Referer}i\" }\n\
               request_rules = [\n    \"mine\", # stays\n]";
    let text_before = format!("# my catalog\n{}", catalog(node(|_| ok("a song")), log, "# the end"));
    let here = folder(&[
        ("access.log", &hot_linked()),
        ("tidegate.toml", &text_before),
        ("rules/mine.rts", "log.info( \"here\" );\n"),
    ]);
    let id = proposal(here.path(), "slow-music-board-example");
    let dry = tidegate(here.path(), &["apply", &id, "--state", "state", "--dry-run"]);
    assert!(text(&dry.stdout).contains("+    \"slow-music-board"), "{}", text(&dry.stdout));
    assert_eq!(fs::read_to_string(here.path().join("tidegate.toml")).unwrap(), text_before);
    let observed = tidegate(here.path(), &["apply", &id, "--state", "state", "--observe"]);
    assert_eq!(observed.status.code(), Some(0), "{}", text(&observed.stderr));
    assert!(fs::read_to_string(here.path().join("tidegate.toml")).unwrap().contains("mode = \"observe\""));
    let applied = tidegate(here.path(), &["apply", &id, "--state", "state"]);
    assert_eq!(applied.status.code(), Some(0), "{}", text(&applied.stderr));
    let again = tidegate(here.path(), &["apply", &id, "--state", "state"]);
    assert!(text(&again.stdout).contains("already: nothing to do"), "{}", text(&again.stdout));

    let proxy = Proxy::start(here.path(), &[]);
    for referer in ["http://www.music-board.example/thread/1", "http://songs.example/post/1"] {
        let mut client = Client::connect(proxy.address);
        client.send(&request(
            "GET",
            "/audio/song1.mp3",
            &[&format!("Referer: {referer}"), "Connection: close"],
        ));
        assert_eq!(client.answer().text(), "a song");
    }
    proxy.stop();
    let seen = fs::read_to_string(here.path().join("proxy.log")).unwrap();
    assert!(seen.contains(&format!("{id} http://www.music-board.example/thread/1")), "{seen}");
    assert!(seen.contains("- http://songs.example/post/1"), "{seen}");

    let reverted = tidegate(here.path(), &["revert", &id, "--state", "state"]);
    assert_eq!(reverted.status.code(), Some(0), "{}", text(&reverted.stderr));
    assert_eq!(fs::read_to_string(here.path().join("tidegate.toml")).unwrap(), text_before);
    assert!(!here.path().join(format!("rules/{id}.rts")).exists());
    assert_eq!(tidegate(here.path(), &["check"]).status.code(), Some(0));
}

#[test]
fn what_others_changed_in_between_stays_and_what_is_not_ours_any_more_is_said() {
    let text_before = catalog(node(|_| ok("a song")), "", "");
    let here = folder(&[("access.log", &hot_linked()), ("tidegate.toml", &text_before)]);
    let id = proposal(here.path(), "refuse-music-board-example");
    assert_eq!(tidegate(here.path(), &["apply", &id, "--state", "state"]).status.code(), Some(0));
    let path = here.path().join("tidegate.toml");
    let edited = fs::read_to_string(&path).unwrap().replace("[pools.nodes]", "# mine\n[pools.nodes]");
    fs::write(&path, &edited).unwrap();
    let rule = here.path().join(format!("rules/{id}.rts"));
    fs::write(&rule, fs::read_to_string(&rule).unwrap() + "# mine\n").unwrap();
    let reverted = tidegate(here.path(), &["revert", &id, "--state", "state"]);
    assert_eq!(reverted.status.code(), Some(0), "{}", text(&reverted.stderr));
    assert!(text(&reverted.stderr).contains("was changed since: it stays"), "{}", text(&reverted.stderr));
    let after = fs::read_to_string(&path).unwrap();
    assert_eq!(after, text_before.replace("[pools.nodes]", "# mine\n[pools.nodes]"));
    assert!(rule.exists());
}
