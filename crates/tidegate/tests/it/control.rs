//! The control socket, and a new process in the place of the old one.

use crate::kit::{Client, PATIENCE, Proxy, catalog, folder, json, node, ok, request, text, tidegate};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

const CONTROL: [&str; 2] = ["--control", "control.sock"];

fn ask(folder: &Path, verb: &str, more: &[&str]) -> std::process::Output {
    let arguments: Vec<&str> = [verb].iter().chain(&CONTROL).chain(more).copied().collect();
    tidegate(folder, &arguments)
}

#[test]
fn a_reload_waits_for_the_verdict_and_says_what_changed() {
    let origin = node(|_| ok("hello"));
    let class = "[rate_classes.slow]\nmax_rate_per_second = 5\n";
    let here = folder(&[("tidegate.toml", &catalog(origin, "", class))]);
    let file = here.path().join("tidegate.toml");
    let proxy = Proxy::start(here.path(), &CONTROL);
    let socket = here.path().join("control.sock");
    assert_eq!(socket.metadata().unwrap().mode() & 0o777, 0o600);

    let other = "[rate_classes.slow]\nmax_rate_per_second = 6\n[rate_classes.new]\nmax_rate_per_second = 1\n\
                 [settings]\nworkers = 7\n";
    fs::write(&file, catalog(origin, "", other)).unwrap();
    let done = ask(here.path(), "reload", &[]);
    let said = text(&done.stdout);
    assert!(done.status.success(), "{said}{}", text(&done.stderr));
    for line in [
        "added: rate_classes new",
        "changed: rate_classes slow",
        "settings.workers: takes effect at the next start or upgrade only",
        "in force: catalog 2",
        "warning[unused-class]",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }

    fs::write(&file, catalog(origin, "pol = 1", "")).unwrap();
    let refused = ask(here.path(), "reload", &[]);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stdout);
    assert!(said.contains("tidegate.toml:4:1") && said.contains("the old catalog goes on serving"), "{said}");
    let refused = ask(here.path(), "reload", &["--format", "json"]);
    assert_eq!(refused.status.code(), Some(2));
    let report = json(&refused);
    assert_eq!((&report["outcome"], &report["diagnostics"][0]["line"]), (&"mistaken".into(), &4.into()));
    let status = json(&ask(here.path(), "status", &["--format", "json"]));
    assert_eq!(status["last_reload_successful"], false);
    assert_eq!((&status["generation"], &status["counters"]["reloads_refused"]), (&2.into(), &2.into()));
    assert_eq!(proxy.get("/", &[]).text(), "hello");

    let second = tidegate(here.path(), &["run", "--control", "control.sock"]);
    assert_eq!(second.status.code(), Some(2), "the broken catalog");
    fs::write(&file, catalog(origin, "", "")).unwrap();
    let second = tidegate(here.path(), &["run", "--control", "control.sock"]);
    assert!(text(&second.stderr).contains("another tidegate serves"), "{}", text(&second.stderr));
    proxy.stop();
    assert!(!socket.exists());
    let nobody = ask(here.path(), "reload", &[]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("control.sock (there is none)"), "{}", text(&nobody.stderr));
}

#[test]
fn a_hostile_client_of_the_control_socket_disturbs_nobody() {
    let origin = node(|_| ok("hello"));
    let here = folder(&[("tidegate.toml", &catalog(origin, "", ""))]);
    let proxy = Proxy::start(here.path(), &CONTROL);
    let connect = || UnixStream::connect(here.path().join("control.sock")).unwrap();
    let answer = |question: &[u8]| {
        let mut stream = connect();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // One that asks for too much is cut off before all is said.
        let _cut = stream.write_all(question);
        let mut answer = String::new();
        let _cut = stream.read_to_string(&mut answer);
        answer
    };
    assert!(answer(b"nonsense\n").contains("this is no question"));
    assert!(answer(b"{\"version\":1,\"ask\":\"dance\"}\n").contains("this is no question"));
    assert!(answer(b"{\"version\":99,\"ask\":\"reload\"}\n").contains("of version 99"));
    assert_eq!(answer(&vec![b'x'; 1 << 20]), "", "a question without an end");
    let left: Vec<UnixStream> = (0..4).map(|_| connect()).collect();
    assert!(ask(here.path(), "status", &[]).status.success(), "though some say nothing");
    drop(left);
    assert_eq!(proxy.get("/", &[]).text(), "hello");
    proxy.stop();
}

/// Asks again and again until told to end; gives how many answers came, and what went wrong.
fn steady_client(to: SocketAddr, keeps_alive: bool, ends: &AtomicBool) -> (usize, Vec<String>) {
    let (mut good, mut lost) = (0, Vec::new());
    while !ends.load(Ordering::Relaxed) {
        let mut client = Client::connect(to);
        loop {
            let fields = if keeps_alive { "" } else { "Connection: close\r\n" };
            client.send(&format!("GET / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n"));
            let answer = client.answer();
            if answer.status == 200 && answer.text() == "hello" {
                good += 1;
            } else {
                lost.push(format!("{answer:?}"));
            }
            let closes = answer.field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
            if closes || ends.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    (good, lost)
}

#[test]
fn reloads_and_upgrades_under_load_lose_no_request() {
    let origin = node(|_| ok("hello"));
    let workers = |count: u32| format!("[settings]\nworkers = {count}\n");
    let here = folder(&[("tidegate.toml", &catalog(origin, "", &workers(2)))]);
    let proxy = Proxy::start(here.path(), &["--control", "control.sock", "--pid-file", "pid"]);
    let (to, ends) = (proxy.address, Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = [true, false, true, false]
        .map(|keeps_alive| {
            let ends = Arc::clone(&ends);
            thread::spawn(move || steady_client(to, keeps_alive, &ends))
        })
        .into_iter()
        .collect();
    for round in 0..3 {
        for _ in 0..5 {
            let done = ask(here.path(), "reload", &[]);
            assert!(done.status.success(), "{}{}", text(&done.stdout), text(&done.stderr));
        }
        // More workers than there are sockets, then fewer.
        let count = [3, 1, 2][round];
        fs::write(here.path().join("tidegate.toml"), catalog(origin, "", &workers(count))).unwrap();
        let done = json(&ask(here.path(), "upgrade", &["--format", "json"]));
        assert_eq!(done["outcome"], "good", "{done}");
        let number = fs::read_to_string(here.path().join("pid")).unwrap();
        let status = json(&ask(here.path(), "status", &["--format", "json"]));
        assert_eq!(
            (status["process"].to_string(), status["workers"].as_u64()),
            (number.trim().to_owned(), Some(count.into()))
        );
    }
    ends.store(true, Ordering::Relaxed);
    for client in clients {
        let (good, lost) = client.join().unwrap();
        assert!(lost.is_empty() && good > 0, "{good} good, lost: {lost:?}");
    }
    stop_the_last(here.path());
}

/// The process that the test started is gone by now; the one that serves is another.
pub(crate) fn stop_the_last(folder: &Path) {
    let number: i32 = fs::read_to_string(folder.join("pid")).unwrap().trim().parse().unwrap();
    let process = rustix::process::Pid::from_raw(number).unwrap();
    rustix::process::kill_process(process, Signal::TERM).unwrap();
}

#[test]
fn what_is_under_way_ends_in_the_old_process_and_its_log_line_is_written() {
    let (asked, was_asked) = channel();
    let (release, released) = channel::<()>();
    let (asked, released) = (Mutex::new(asked), Mutex::new(released));
    let slow = node(move |head| {
        if head.starts_with("GET /slow") {
            asked.lock().unwrap().send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
        }
        ok("at last")
    });
    let queue = "[rate_classes.q]\nmax_rate_per_second = 2\n";
    let server = "access_log = { path = \"a.log\", format = \"%U %>s %B\" }\nrequest_rules = \"q\"";
    let rule = "if (http.getPath() == \"/queued\") { rate.use(\"q\"); }";
    let here = folder(&[("tidegate.toml", &catalog(slow, server, queue)), ("rules/q.rts", rule)]);
    let mut proxy = Proxy::start(here.path(), &["--control", "control.sock", "--pid-file", "pid"]);
    let mut client = Client::connect(proxy.address);
    client.send(&request("GET", "/slow", &[]));
    was_asked.recv().unwrap();
    // Four of these wait, two seconds at the most, when the new process comes.
    let to = proxy.address;
    let mut queued: Vec<Client> = (0..6).map(|_| Client::connect(to)).collect();
    for client in &mut queued {
        client.send(&request("GET", "/queued", &[]));
    }
    let mut idle = Client::connect(to);
    idle.send("GET /idle HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(idle.answer().status, 200);

    proxy.running.tell(Signal::USR2);
    proxy.running.hears("serves now");
    // A connection that was idle takes one more request, and is told that it was the last. The
    // log may say so before the worker knows: until then it is answered as before.
    let told = (0..1000).any(|_| {
        idle.send("POST /idle HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        let answer = idle.answer();
        assert_eq!(answer.status, 200);
        answer.field("Connection") == Some("close")
    });
    assert!(told, "the old process keeps an idle connection");
    assert_eq!(proxy.get("/new", &[]).text(), "at last", "the new process answers");
    for mut client in queued {
        assert_eq!(client.rest("GET").text(), "at last");
    }
    release.send(()).unwrap();
    let answer = client.rest("GET");
    assert_eq!((answer.text().as_str(), answer.is_whole()), ("at last", true));
    proxy.running.hears("stopped");
    stop_the_last(here.path());
    let old = proxy.running.ends();
    assert!(old.success(), "{old}");
    let log = fs::read_to_string(here.path().join("a.log")).unwrap();
    assert_eq!(log.matches("/queued 200 7").count(), 6, "{log}");
    assert!(log.contains("/slow 200 7"), "{log}");
}

#[test]
fn a_new_process_that_fails_leaves_the_old_one_serving_and_says_why() {
    let origin = node(|_| ok("hello"));
    let here = folder(&[("tidegate.toml", &catalog(origin, "", ""))]);
    let proxy = Proxy::start(here.path(), &CONTROL);
    fs::write(here.path().join("tidegate.toml"), catalog(origin, "pol = 1", "")).unwrap();
    let refused = ask(here.path(), "upgrade", &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stdout).contains("tidegate.toml:4:1"), "{}", text(&refused.stdout));
    for (program, why) in
        [("/bin/false", "ended before it served (exit status: 1)"), ("/no/such", "cannot start /no/such")]
    {
        let failed = ask(here.path(), "upgrade", &["--program", program]);
        let said = text(&failed.stdout);
        assert_eq!(failed.status.code(), Some(1), "{said}");
        assert!(said.contains(why) && said.contains("goes on serving"), "{said}");
    }
    let status = json(&ask(here.path(), "status", &["--format", "json"]));
    assert_eq!(status["process"], proxy.running.process());
    assert_eq!(proxy.get("/", &[]).text(), "hello");
    proxy.stop();
}

#[test]
fn the_service_manager_is_told_of_every_turn() {
    let origin = node(|_| ok("hello"));
    let here = folder(&[("tidegate.toml", &catalog(origin, "", ""))]);
    let manager = UnixDatagram::bind(here.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let beats = AtomicUsize::new(0);
    let hears = |wanted: &str| loop {
        assert!(beats.load(Ordering::Relaxed) < 200, "signs of life come, and no {wanted}");
        let mut message = [0; 1024];
        let count = manager.recv(&mut message).unwrap_or_else(|error| panic!("no {wanted}: {error}"));
        let message = text(&message[..count]);
        beats.fetch_add(message.matches("WATCHDOG=1").count(), Ordering::Relaxed);
        if message.contains(wanted) {
            return message;
        }
    };
    let mut command = crate::kit::command(here.path(), &["run", "--control", "control.sock"]);
    command.env("NOTIFY_SOCKET", here.path().join("notify")).env("WATCHDOG_USEC", "300000");
    let proxy = Proxy::spawn(&mut command);
    assert!(hears("READY=1").contains("STATUS=on 127.0.0.1:"));
    assert!(ask(here.path(), "reload", &[]).status.success());
    let moment = hears("RELOADING=1");
    assert!(moment.lines().any(|line| line.starts_with("MONOTONIC_USEC=")), "{moment}");
    hears("READY=1");
    hears("WATCHDOG=1");
    let done = json(&ask(here.path(), "upgrade", &["--format", "json"]));
    hears(&format!("MAINPID={}", done["process"]));
    hears("READY=1");
    hears("WATCHDOG=1");
    let process = rustix::process::Pid::from_raw(i32::try_from(done["process"].as_i64().unwrap()).unwrap());
    rustix::process::kill_process(process.unwrap(), Signal::TERM).unwrap();
    hears("STOPPING=1");
    assert!(proxy.running.ends().success());
}
