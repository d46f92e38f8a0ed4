//! The service manager's side: sockets that it opens for us, and a worker that hangs.

use crate::kit::{Client, PATIENCE, Proxy, catalog, command, folder, node, ok, request, text};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::thread;

const BINARY: &str = env!("CARGO_BIN_EXE_tidegate");

/// What systemd does: the socket is number 3, and the environment says so.
fn activated(here: &std::path::Path, socket: TcpListener) -> Command {
    let mut command = Command::new("sh");
    let launcher =
        "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=site exec \"$0\" run --control off 3<&0 0</dev/null";
    command.current_dir(here).args(["-c", launcher, BINARY]).stdin(Stdio::from(OwnedFd::from(socket)));
    command
}

#[test]
fn a_socket_that_the_service_manager_opened_is_served_by_its_address_and_by_its_name() {
    let origin = node(|_| ok("hello"));
    for by_name in [false, true] {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let catalog = catalog(origin, "", "");
        // By its name: the address of the catalog is another one.
        let catalog = if by_name { catalog } else { catalog.replace("127.0.0.1:0", &address.to_string()) };
        let here = folder(&[("tidegate.toml", &catalog)]);
        // Whoever connects before the service is there is served once it is.
        let mut early = Client::connect(address);
        early.send(&request("GET", "/", &[]));
        let proxy = Proxy::spawn(&mut activated(here.path(), socket));
        assert_eq!(proxy.address, address, "{}", proxy.running.seen());
        assert_eq!(early.rest("GET").text(), "hello");
        assert_eq!(proxy.get("/", &[]).text(), "hello");
        proxy.stop();
    }
}

#[test]
fn a_worker_that_hangs_gives_no_sign_of_life_until_it_turns_again() {
    let origin = node(|_| ok("hello"));
    let server = "request_rules = \"busy\"";
    // Seconds of them, or one on a fast machine: several times the manager's patience in any case.
    let more = "[settings]\nworkers = 2\n[rules]\nmax_instructions = 100_000_000\n";
    let rule = "if( http.getPath() == \"/busy\" ) { while( 1 ) { } }";
    let here = folder(&[("tidegate.toml", &catalog(origin, server, more)), ("rules/busy.rts", rule)]);
    let manager = UnixDatagram::bind(here.path().join("notify")).unwrap();
    let mut command = command(here.path(), &["run", "--control", "off"]);
    command
        .env("NOTIFY_SOCKET", here.path().join("notify"))
        .env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready on ") {
        line.clear();
        assert!(errors.read_line(&mut line).unwrap() > 0, "it ended");
    }
    let address = line.split("ready on ").nth(1).unwrap().split_whitespace().next().unwrap();
    let address = address.trim_end_matches(',').parse().unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let hears = |manager: &UnixDatagram, wanted: &str| {
        let mut message = [0; 1024];
        loop {
            let Ok(count) = manager.recv(&mut message) else { return false };
            if text(&message[..count]).contains(wanted) {
                return true;
            }
        }
    };
    assert!(hears(&manager, "WATCHDOG=1"), "it lives");

    // A rule that goes round and round: its worker serves nobody and does not turn.
    let reader = thread::spawn(move || {
        let mut all = String::new();
        let _ended = errors.read_to_string(&mut all);
        all
    });
    let mut client = Client::connect(address);
    client.send(&request("GET", "/busy", &[]));
    manager.set_read_timeout(Some(WATCHDOG)).unwrap();
    let silent = (0..SIGNS).any(|_| !hears(&manager, "WATCHDOG=1"));
    assert!(silent, "no sign of life was missing: the rule was over too soon to be noticed");

    // The rule is ended, and the worker goes on as if nothing had been.
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(hears(&manager, "WATCHDOG=1"), "it lives again");
    assert_eq!(client.rest("GET").text(), "hello");
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert!(reader.join().unwrap().contains("instructions without waiting"));
}

/// How long the manager of the story waits for a sign of life.
const WATCHDOG: std::time::Duration = std::time::Duration::from_millis(200);
/// How many signs of life it takes before it believes that none will be missing.
const SIGNS: u32 = 100;
