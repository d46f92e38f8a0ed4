//! `replay` from outside, with all its flags: on a log made up so that the right numbers are known.

use crate::diagnose::hot_linked;
use crate::kit::{command, folder, json, text, tidegate};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Refuses what the forum embeds.
const REFUSE: &str = "$referer = http.getHeader( \"Referer\" );\n\
    if( string.contains( $referer, \"music-board.example\" ) ) {\n   http.sendResponse( 403, \"text/plain\", \"no\", \"\" );\n}\n";

/// Refuses all audio that no page of the site's own sent.
const REFUSE_ALL: &str = "if( string.startsWith( http.getPath(), \"/audio/\" ) &&\n\
    !string.contains( http.getHeader( \"Referer\" ), \"songs.example\" ) ) {\n\
    http.sendResponse( 403, \"text/plain\", \"no\", \"\" );\n}\n";

fn policy(rule: &str) -> String {
    format!(
        "[virtual_servers.site]\nlisten = \"127.0.0.1:0\"\npool = \"nodes\"\nrequest_rules = [\"{rule}\"]\n\
         [virtual_servers.other]\nlisten = \"127.0.0.2:0\"\npool = \"nodes\"\n\
         [pools.nodes]\nnodes = [\"127.0.0.1:9\"]\n"
    )
}

/// The log, two policies and an `.htaccess`.
fn place() -> tempfile::TempDir {
    folder(&[
        ("access.log", &hot_linked()),
        ("one.toml", &policy("refuse")),
        ("two.toml", &policy("refuse-all")),
        ("rules/refuse.rts", REFUSE),
        ("rules/refuse-all.rts", REFUSE_ALL),
        (
            "files/.htaccess",
            "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^audio/ - [F]\n",
        ),
        ("root/audio/song1.mp3", "a song"),
    ])
}

fn replay(folder: &Path, arguments: &[&str]) -> Value {
    let output = tidegate(folder, &[&["replay", "--format", "json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    json(&output)
}

/// How many requests ended so.
fn ended(report: &Value, verdict: &str) -> u64 {
    let rows = report["verdicts"].as_array().unwrap();
    rows.iter().find(|row| row["verdict"] == verdict).map_or(0, |row| row["requests"].as_u64().unwrap())
}

#[test]
fn a_policy_refuses_whom_it_is_meant_for_and_nobody_else() {
    let here = place();
    let arguments = ["--policy", "one.toml", "--offender", "music-board.example", "access.log"];
    let report = replay(here.path(), &arguments);
    assert_eq!(report["is_partial"], false);
    assert_eq!(report["log"]["requests"], 1_940);
    assert_eq!((ended(&report, "refused"), ended(&report, "passed")), (300, 1_640));
    assert_eq!(report["saved"]["requests"], 300);
    let offender = &report["offenders"][0];
    assert_eq!(
        (&offender["name"], &offender["hit"]["requests"]),
        (&"music-board.example".into(), &300.into())
    );
    let who = report["who"].as_array().unwrap();
    let others = who.iter().filter(|row| row["who"] != "elsewhere");
    assert!(others.clone().count() > 0);
    for row in others {
        assert_eq!(row["hit"]["requests"], 0, "{row:#}");
    }
    let said = text(&tidegate(here.path(), &[&["replay"], &arguments[..]].concat()).stdout);
    assert!(said.contains("→ music-board.example") && said.contains("300"), "{said}");
}

#[test]
fn a_part_of_the_log_another_server_and_names_that_are_given_are_heeded() {
    let here = place();
    let day = [
        "--policy",
        "one.toml",
        "--from",
        "2026-11-12T00:00:00Z",
        "--to",
        "2026-11-12T06:00:00Z",
        "access.log",
    ];
    let part = replay(here.path(), &day);
    assert!(ended(&part, "refused") > 0 && ended(&part, "refused") < 300, "{part:#}");
    let from = part["log"]["from_unix"].as_f64().unwrap();
    assert!((1_794_441_600.0..1_794_463_200.0).contains(&from), "{from}");
    let other = replay(here.path(), &["--policy", "one.toml", "--virtual-server", "other", "access.log"]);
    assert_eq!(
        (ended(&other, "refused"), ended(&other, "passed")),
        (0, 1_940),
        "the other server has no rule"
    );
    let named = [
        "--policy",
        "one.toml",
        "--own",
        "songs.example",
        "--host",
        "songs.example",
        "--log-format",
        "combined",
    ];
    let named = replay(here.path(), &[&named[..], &["access.log"]].concat());
    let own = named["who"].as_array().unwrap().iter().find(|row| row["who"] == "own-visitor").unwrap();
    assert!(own["asked"]["requests"].as_u64().unwrap() >= 800, "{own:#}");
    let host =
        named["cannot_know"].as_array().unwrap().iter().any(|why| why.as_str().unwrap().contains("no Host"));
    assert!(!host, "the Host was given");
}

#[test]
fn two_policies_over_one_log_are_told_apart_request_by_request() {
    let here = place();
    let report = replay(here.path(), &["--policy", "one.toml", "--compare", "two.toml", "access.log"]);
    assert_eq!(ended(&report["policy"], "refused"), 300);
    assert_eq!(ended(&report["other"], "refused"), 300, "readers come to songs from pages of the site");
    assert_eq!(report["alike"]["requests"], 1_940);
    fs::write(
        here.path().join("rules/refuse-all.rts"),
        REFUSE_ALL.replace("songs.example", "nobody.example"),
    )
    .unwrap();
    let report = replay(here.path(), &["--policy", "one.toml", "--compare", "two.toml", "access.log"]);
    assert_eq!(report["alike"]["requests"], 1_900);
    let difference = &report["differences"][0];
    assert_eq!(difference["requests"], 40, "{difference:#}");
    assert!(!difference["samples"].as_array().unwrap().is_empty());
    let said =
        tidegate(here.path(), &["replay", "--policy", "one.toml", "--compare", "two.toml", "access.log"]);
    assert!(text(&said.stdout).contains("40"), "{}", text(&said.stdout));
}

#[test]
fn tests_for_files_are_decided_by_a_folder_and_without_one_are_told() {
    let here = place();
    let with = replay(here.path(), &["--policy", "files", "--docroot", "root", "access.log"]);
    // song1 is there, the other songs are not
    let all = fs::read_to_string(here.path().join("access.log")).unwrap();
    let asked = |path: &str| all.lines().filter(|line| line.contains(path)).count() as u64;
    assert_eq!(ended(&with, "refused"), asked("GET /audio/") - asked("GET /audio/song1.mp3 "));
    assert_eq!(ended(&with, "undecidable"), 0);
    let without = replay(here.path(), &["--policy", "files/.htaccess", "access.log"]);
    assert_eq!(ended(&without, "undecidable"), asked("GET /audio/"));
}

#[test]
fn what_comes_in_on_standard_input_is_a_log_too() {
    let here = place();
    let report = json(&crate::kit::tidegate_reading(
        here.path(),
        &["replay", "--format", "json", "--policy", "one.toml", "-"],
        hot_linked().as_bytes(),
    ));
    assert_eq!(ended(&report, "refused"), 300);
}

#[test]
fn mistakes_are_2_and_say_what_is_wrong() {
    let here = place();
    for (arguments, wanted) in [
        (&["--policy", "nowhere.toml", "access.log"][..], "nowhere.toml"),
        (&["--policy", "one.toml", "nowhere.log"], "nowhere.log"),
        (&["--policy", "one.toml", "--virtual-server", "third", "access.log"], "no virtual server third"),
        (&["--policy", "one.toml", "--from", "soon", "access.log"], "--from soon"),
        (&["--policy", "one.toml", "--docroot", "nowhere", "access.log"], "no such folder"),
        (&["--policy", "one.toml", "--log-format", "strange", "access.log"], "--log-format"),
        (&["--policy", "rules", "access.log"], "no tidegate.toml and no .htaccess"),
    ] {
        let output = tidegate(here.path(), &[&["replay"], arguments].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(wanted), "{arguments:?}: {said}");
    }
}

/// Runs a command over a log that takes a while, and interrupts it once it hears signals.
fn interrupted(folder: &Path, arguments: &[&str]) -> Output {
    let log = hot_linked().repeat(200);
    fs::write(folder.join("long.log"), log).unwrap();
    let mut command: Command = command(folder, arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    // the bit of SIGINT in the set of signals that are caught: until then it would end without a word
    let hears = || {
        let status = fs::read_to_string(&status).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(caught.trim(), 16).unwrap() & 2 != 0
    };
    while !hears() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn ctrl_c_gives_the_numbers_of_what_was_read_and_marks_them() {
    let here = place();
    let output = interrupted(here.path(), &["replay", "--policy", "one.toml", "long.log"]);
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("PARTIAL"), "{}", text(&output.stdout));
    let arguments = ["replay", "--policy", "one.toml", "--format", "json", "long.log"];
    let output = interrupted(here.path(), &arguments);
    let report = json(&output);
    assert_eq!(report["is_partial"], true);
    assert!(report["log"]["requests"].as_u64().unwrap() < 388_000);
    let output =
        interrupted(here.path(), &["diagnose", "--no-state", "--logs", "long.log", "--format", "json"]);
    assert_eq!((output.status.code(), &json(&output)["is_partial"]), (Some(130), &true.into()));
}
