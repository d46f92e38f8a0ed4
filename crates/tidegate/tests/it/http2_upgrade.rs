//! A new process takes over while streams of HTTP/2 are under way.

use crate::frames::{DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, RawClient, block, frame};
use crate::kit::{Proxy, catalog, folder, json, node, ok, tidegate};
use std::sync::Mutex;
use std::sync::mpsc::channel;

fn ask(client: &mut RawClient, stream: u32, path: &str) {
    let fields: [(&[u8], &[u8]); 4] = [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"site.example"),
        (b":path", path.as_bytes()),
    ];
    client.say(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&fields)));
}

/// The last stream that a GOAWAY promises to answer; its error must be none.
fn last_stream(goaway: &Frame) -> u32 {
    assert_eq!(goaway.payload[4..8], [0; 4], "{goaway:?}");
    u32::from_be_bytes(goaway.payload[..4].try_into().unwrap())
}

#[test]
fn an_upgrade_ends_no_stream_and_refuses_none_that_the_client_could_not_know_to_be_late() {
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
    let here = folder(&[("tidegate.toml", &catalog(slow, "", ""))]);
    let proxy = Proxy::start(here.path(), &["--control", "control.sock"]);
    let mut client = RawClient::connect(proxy.address);
    ask(&mut client, 1, "/slow");
    ask(&mut client, 3, "/slow");
    for _ in 0..2 {
        was_asked.recv().unwrap();
    }

    let arguments = ["upgrade", "--control", "control.sock", "--format", "json"];
    let done = json(&tidegate(here.path(), &arguments));
    assert_eq!(done["outcome"], "good", "{done}");
    let goaway = std::iter::from_fn(|| client.next()).find(|frame| frame.kind == GOAWAY).unwrap();
    assert_eq!(last_stream(&goaway), 0x7fff_ffff, "who is still sending may");
    // This was sent before the client could know.
    ask(&mut client, 5, "/late");
    let mut fresh = RawClient::connect(proxy.address);
    ask(&mut fresh, 1, "/new");
    assert!(fresh.is_answered(1), "the new process serves");
    for _ in 0..2 {
        release.send(()).unwrap();
    }

    let (mut heads, mut bodies, mut ended, mut promised) = (Vec::new(), Vec::new(), Vec::new(), 0);
    while let Some(frame) = client.next() {
        match frame.kind {
            HEADERS => heads.push((frame.stream, frame.is_ok())),
            DATA => bodies.extend_from_slice(&frame.payload),
            GOAWAY => promised = last_stream(&frame),
            _ => {}
        }
        if matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0 {
            ended.push(frame.stream);
        }
    }
    heads.sort_unstable();
    ended.sort_unstable();
    assert_eq!(heads, [(1, true), (3, true), (5, true)]);
    assert_eq!((ended, bodies), (vec![1, 3, 5], b"at last".repeat(3)), "each answer is whole");
    assert_eq!(promised, 5, "the second GOAWAY names the last stream that was taken");
    assert!(proxy.running.ends().success(), "the old process ends when its streams have");
    assert!({
        ask(&mut fresh, 3, "/new");
        fresh.is_answered(3)
    });
    let number = i32::try_from(done["process"].as_i64().unwrap()).unwrap();
    let process = rustix::process::Pid::from_raw(number).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
}
