//! What is given up when memory is short, and that it comes back.

use crate::kit::{Client, Proxy, catalog, folder, node, ok, request, tidegate};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::channel;

const FIELDS: &str = "HTTP/1.1\r\nHost: a.example\r\n\r\n";

fn reload(folder: &Path, text: &str) {
    fs::write(folder.join("tidegate.toml"), text).unwrap();
    assert!(tidegate(folder, &["reload", "--control", "control.sock"]).status.success());
}

#[test]
fn with_too_little_memory_what_runs_ends_and_newcomers_wait_until_there_is_enough_again() {
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
    let with_memory =
        |size| catalog(slow, "", &format!("[settings]\nworkers = 1\nmax_memory = \"{size}\"\n"));
    let here = folder(&[("tidegate.toml", &with_memory("4 GiB"))]);
    let mut proxy = Proxy::start(here.path(), &["--control", "control.sock"]);
    let mut idle = Client::connect(proxy.address);
    idle.send(&format!("GET /idle {FIELDS}"));
    assert_eq!(idle.answer().status, 200);
    let mut busy = Client::connect(proxy.address);
    busy.send(&format!("GET /slow {FIELDS}"));
    was_asked.recv().unwrap();

    // No process of ours fits into this.
    reload(here.path(), &with_memory("1 MiB"));
    let said = proxy.running.hears("the stage of memory changed");
    assert!(said.contains("full"), "{said}");
    assert_eq!(idle.everything(), "", "an idle connection closes");
    assert_eq!(proxy.get("/new", &[]).status, 503);
    release.send(()).unwrap();
    let answer = busy.answer();
    assert_eq!((answer.status, answer.text().as_str()), (200, "at last"), "what runs ends well");
    assert_eq!(answer.field("Connection"), Some("close"), "and its connection with it");
    assert_eq!(busy.everything(), "");

    reload(here.path(), &with_memory("4 GiB"));
    let said = proxy.running.hears("the stage of memory changed");
    assert!(said.contains("enough"), "{said}");
    let mut client = Client::connect(proxy.address);
    for _ in 0..2 {
        client.send(&format!("GET /again {FIELDS}"));
        let answer = client.answer();
        assert_eq!((answer.status, answer.text().as_str()), (200, "at last"));
    }
    client.send(&request("GET", "/last", &[]));
    assert_eq!(client.rest("GET").status, 200);
    proxy.stop();
}
