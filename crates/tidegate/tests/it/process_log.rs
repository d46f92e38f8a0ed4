//! Standard error that nobody reads: it costs messages, and nothing else.

use crate::kit::{Client, PATIENCE, catalog, command, folder, json, node, ok, request, tidegate};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::mpsc::channel;
use std::thread;

/// Messages of a rule that fill a pipe; a rule may say no more in a second.
const MESSAGES: usize = 99;

/// A catalog with so many mistakes, each of which is told.
fn mistakes(count: usize) -> String {
    let classes: Vec<String> =
        (0..count).map(|at| format!("[rate_classes.class_{at}]\nlimit = {at}\n")).collect();
    classes.concat()
}

/// A proxy whose standard error is read up to the line that says where it listens.
fn start(folder: &Path) -> (Child, BufReader<ChildStderr>, SocketAddr) {
    let mut command = command(folder, &["run", "--workers", "1", "--control", "control.sock"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready on ") {
        line.clear();
        assert!(errors.read_line(&mut line).unwrap() > 0, "it ended");
    }
    let address = line.split("ready on ").nth(1).unwrap().split_whitespace().next().unwrap();
    (child, errors, address.parse().unwrap())
}

#[test]
fn nobody_waits_for_a_reader_of_the_log_and_what_is_lost_is_counted_and_told() {
    let rule = "$text = \"0123456789abcdef\"; while (string.length($text) < 16384) { $text = $text . $text; } log.warn($text);";
    let text = catalog(node(|_| ok("hello")), "request_rules = \"talk\"", "");
    let here = folder(&[("tidegate.toml", &text), ("rules/talk.rts", rule)]);
    let (mut child, errors, address) = start(here.path());
    let ask = || {
        let mut client = Client::connect(address);
        client.send(&request("GET", "/", &[]));
        client.rest("GET").status
    };
    assert!((0..MESSAGES).all(|_| ask() == 200), "the worker goes on, whoever reads");
    // Every mistake of a catalog is told: more than the queue holds.
    fs::write(here.path().join("tidegate.toml"), mistakes(12_000)).unwrap();
    let refused = tidegate(here.path(), &["reload", "--control", "control.sock"]);
    assert_eq!(refused.status.code(), Some(2));
    let status = json(&tidegate(here.path(), &["status", "--control", "control.sock", "--format", "json"]));
    let lost = status["counters"]["messages_dropped"].as_u64().unwrap();
    assert!(lost > 0 && ask() == 200, "{lost}");
    // Somebody reads again, and learns of it behind all that waited, so that there is room for the last words.
    let (learn, learnt) = channel();
    let reader = thread::spawn(move || {
        let mut lines = errors.lines().map_while(Result::ok);
        learn.send(lines.find(|line| line.contains("messages of this log are lost"))).unwrap();
        lines.last()
    });
    assert!(learnt.recv_timeout(PATIENCE).unwrap().unwrap().contains("lost="));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    let last = reader.join().unwrap();
    assert!(last.unwrap().contains("stopped"));
}

#[test]
fn it_ends_in_time_though_nobody_reads_what_it_says() {
    let text = catalog(node(|_| ok("hello")), "", "");
    let here = folder(&[("tidegate.toml", &text)]);
    let (mut child, errors, _address) = start(here.path());
    // Reloads of a catalog with many mistakes fill the pipe.
    fs::write(here.path().join("tidegate.toml"), mistakes(2_000)).unwrap();
    let refused = tidegate(here.path(), &["reload", "--control", "control.sock"]);
    assert_eq!(refused.status.code(), Some(2));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let (end, ended) = channel();
    let waits = thread::spawn(move || end.send(child.wait().unwrap()));
    assert!(ended.recv_timeout(PATIENCE).unwrap().success());
    waits.join().unwrap().unwrap();
    drop(errors);
}

#[test]
fn a_loss_is_not_told_to_a_reader_who_has_gone() {
    let text = catalog(node(|_| ok("hello")), "", "");
    let here = folder(&[("tidegate.toml", &text)]);
    let (mut child, errors, _address) = start(here.path());
    drop(errors);
    fs::write(here.path().join("tidegate.toml"), mistakes(20)).unwrap();
    let lost = || {
        let refused = tidegate(here.path(), &["reload", "--control", "control.sock"]);
        assert_eq!(refused.status.code(), Some(2));
        let status =
            json(&tidegate(here.path(), &["status", "--control", "control.sock", "--format", "json"]));
        status["counters"]["messages_dropped"].as_u64().unwrap()
    };
    let (first, second) = (lost(), lost());
    // what is said of one refusal, and not a message about each message that was lost, and about that, without end
    assert!(first > 0 && second - first <= 2 * first, "{first}, {second}");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}
