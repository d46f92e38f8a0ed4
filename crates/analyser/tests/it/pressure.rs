//! Counters: what one reading can say, what only two can, and what neither may claim.

use crate::fixtures::fixture;
use analyser::pressure::{
    Beancounters, Pressure, PressureVerdict, Reading, Roots, SlowDownloads, SourceState, Unit, Zone,
};
use proptest::prelude::*;
use std::fs::{create_dir_all, write};
use std::path::{Path, PathBuf};

const SEED: &str = "tcpsndbuf        192296     192296    2867477    4096277  151117486\n";
const SECOND: i64 = 1_000_000;

fn reading(text: &str, at_seconds: i64) -> Reading {
    Reading::of_beancounters("counters", text.as_bytes(), Some(at_seconds * SECOND))
}

/// A node with two containers, one of them named; synthetic.
fn node(failed: u64, other_failed: u64) -> String {
    format!(
        "Version: 2.5\n\
         \x20      uid  resource                     held              maxheld              barrier                limit              failcnt\n\
         \x20      101:  kmemsize                  2752512              2936012             14372700             14790164                    0\n\
         \x20           dummy                           0                    0                    0                    0                    0\n\
         \x20           numtcpsock                     40                  360                  360                  360                    0\n\
         \x20           tcpsndbuf                  192296              1730000              1720320              2703360 {failed:>20}\n\
         \x20           physpages                   29013                56238                    0  9223372036854775807                    0\n\
         8d3e1c4e-22a5-4f2c-9c70-cd66b09af1ee:  kmemsize 1 1 2147483647 2147483647 0\n\
         \x20           privvmpages                 64000                66526                65536                69632 {other_failed:>20}\n\
         \x20           tcpsndbuf                  100000               100000              1720320              2703360                    0\n\
         \x20       0:  kmemsize                 29696618             72254634  9223372036854775807  9223372036854775807                    0\n\
         \x20           tcpsndbuf                  227552               764272  9223372036854775807  9223372036854775807                    0\n"
    )
}

#[test]
fn the_seeds_line_alone_cannot_tell_whether_it_is_failing_now() {
    let pressure = Pressure::of(None, &reading(SEED, 0), None);
    assert_eq!(pressure.verdict, PressureVerdict::CannotTell);
    assert_eq!(pressure.is_failing_now, None);
    assert!(
        pressure.sentence.starts_with(
            "cannot tell whether it is failing now: tcpsndbuf of this container was refused 151,117,486 times"
        ),
        "{}",
        pressure.sentence
    );
    let room = pressure.room().unwrap();
    assert_eq!(room.downloads, SlowDownloads { least: 22, most: 44 });
    assert!(
        room.sentence
            .contains("about 22 to 44 simultaneous slow downloads fill this container's send buffers")
    );
    // far below the barrier, and that is no comfort
    assert!(pressure.evidence.iter().any(|evidence| evidence.what == "held_is_no_proof"));
    assert_eq!(pressure.containers[0].consistency.as_ref().unwrap().sockets, 480);
}

#[test]
fn two_readings_of_the_seeds_line_say_how_fast_it_fails() {
    let later = SEED.replace("151117486", "151118686");
    let pressure = Pressure::of(Some(&reading(SEED, 100)), &reading(&later, 110), None);
    assert_eq!(pressure.verdict, PressureVerdict::Failing);
    assert_eq!(pressure.containers[0].resource("tcpsndbuf").unwrap().zone, Some(Zone::Black));
    assert_eq!(
        pressure.sentence,
        "send buffers are failing now: this container: tcpsndbuf was refused +1,200 in 10 s (120/s)"
    );
    let same = Pressure::of(Some(&reading(SEED, 100)), &reading(SEED, 110), None);
    assert_eq!((same.verdict, same.is_failing_now), (PressureVerdict::NotFailing, Some(false)));
}

#[test]
fn a_count_that_fell_is_a_container_that_was_restarted() {
    let pressure = Pressure::of(Some(&reading(&node(500, 0), 0)), &reading(&node(3, 0), 60), None);
    let container = pressure.containers.iter().find(|container| container.uid == "101").unwrap();
    assert!(container.was_restarted);
    assert!(container.resources.iter().all(|resource| resource.change.is_none()));
    assert_eq!(pressure.verdict, PressureVerdict::CannotTell);
    assert!(pressure.evidence.iter().any(|evidence| evidence.what == "restarted"));
}

#[test]
fn readings_the_wrong_way_round_are_no_restart() {
    let pressure = Pressure::of(Some(&reading(&node(500, 0), 60)), &reading(&node(3, 0), 0), None);
    let says = |what| pressure.evidence.iter().any(|evidence| evidence.what == what);
    assert!(says("wrong_way_round") && !says("restarted"), "{:?}", pressure.evidence);
    assert_eq!(pressure.verdict, PressureVerdict::CannotTell);
}

#[test]
fn a_machine_that_was_started_anew_begins_anew() {
    let mut before = reading(&node(10, 0), 0);
    let mut after = reading(&node(900, 0), 60);
    before.boot.id = Some("a".to_owned());
    after.boot.id = Some("b".to_owned());
    let pressure = Pressure::of(Some(&before), &after, None);
    assert!(!pressure.has_two_readings);
    assert_eq!(pressure.verdict, PressureVerdict::CannotTell);
}

#[test]
fn on_a_node_the_container_that_fails_stands_first_and_others_are_told_apart() {
    let pressure = Pressure::of(Some(&reading(&node(7, 11), 0)), &reading(&node(19, 11), 60), None);
    assert_eq!(pressure.verdict, PressureVerdict::Failing);
    let uids: Vec<&str> = pressure.containers.iter().map(|container| container.uid.as_str()).collect();
    assert_eq!(uids[0], "101");
    assert_eq!(uids.len(), 3);
    assert!(
        pressure.sentence.contains("container 101: tcpsndbuf was refused +12 in 60 s"),
        "{}",
        pressure.sentence
    );
    let named = pressure.containers.iter().find(|container| container.uid.starts_with("8d3e1c4e")).unwrap();
    let pages = named.resource("privvmpages").unwrap();
    assert_eq!((pages.unit, pages.zone), (Unit::Pages, Some(Zone::Yellow)));
    let node = pressure.containers.iter().find(|container| container.uid == "0").unwrap();
    assert_eq!((node.resource("tcpsndbuf").unwrap().barrier, node.zone), (None, None));
}

#[test]
fn another_resource_that_fails_does_not_accuse_the_send_buffers() {
    let pressure = Pressure::of(Some(&reading(&node(7, 11), 0)), &reading(&node(7, 15), 60), None);
    assert_eq!((pressure.verdict, pressure.is_failing_now), (PressureVerdict::FailingElsewhere, Some(false)));
    assert!(pressure.sentence.contains("but not the send buffers"), "{}", pressure.sentence);
}

#[test]
fn real_files_of_both_widths_are_read_to_the_last_row() {
    let rows = |name: &str| -> Option<(Beancounters, Pressure)> {
        let reading = Reading::of_beancounters_file(&fixture(&format!("beancounters/{name}"))?).unwrap();
        Some((reading.beancounters.clone().unwrap(), Pressure::of(None, &reading, None)))
    };
    let expected = [
        ("0-hostnode-unlimited.txt", "0", PressureVerdict::NeverFailed),
        ("116-privvmpages-11.txt", "116", PressureVerdict::CannotTell),
        ("123-kb1354-32bit.txt", "123", PressureVerdict::NeverFailed),
        ("210672-kmemsize-987-2009.txt", "210672", PressureVerdict::CannotTell),
    ];
    for (name, uid, verdict) in expected {
        let Some((read, pressure)) = rows(name) else { return };
        assert_eq!((read.not_understood, read.left_out), (0, 0), "{name}");
        assert_eq!(read.containers.len(), 1, "{name}");
        // 24 rows, four of them place holders
        assert_eq!((read.containers[0].uid.as_str(), read.containers[0].rows.len()), (uid, 20), "{name}");
        assert_eq!(pressure.verdict, verdict, "{name}: {}", pressure.sentence);
        println!("{name}: {}", pressure.sentence);
    }
    let (read, pressure) = rows("116-privvmpages-11.txt").unwrap();
    assert_eq!(read.containers[0].row("privvmpages").unwrap().failcnt, 11);
    assert_eq!(pressure.room().unwrap().downloads, SlowDownloads { least: 14, most: 27 });
    // (2703360 - 1720320) / 2560 = 384 sockets, 360 allowed
    assert_eq!(pressure.containers[0].consistency.as_ref().unwrap().holds, Some(true));
}

fn place(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    create_dir_all(path.parent().unwrap()).unwrap();
    write(path, text).unwrap();
}

fn roots(folder: &Path) -> Roots {
    Roots::beside(folder.join("proc"), 4096)
}

#[test]
fn the_newer_interface_has_a_folder_for_each_container() {
    let folder = tempfile::tempdir().unwrap();
    for (uid, failed) in [("101", 5), ("web", 0)] {
        let rows =
            format!("            tcpsndbuf 10 10 1000 2000 {failed}\n            swappages 0 0 1 1 0\n");
        place(folder.path(), &format!("proc/bc/{uid}/resources"), &rows);
    }
    place(folder.path(), "proc/bc/101/ioacct", "read 5\n");
    let reading = Reading::take(&roots(folder.path()), 0);
    let read = reading.beancounters.as_ref().unwrap();
    let uids: Vec<&str> = read.containers.iter().map(|held| held.uid.as_str()).collect();
    assert_eq!(uids, ["101", "web"]);
    assert_eq!(Pressure::of(None, &reading, None).verdict, PressureVerdict::CannotTell);
}

#[test]
fn without_beancounters_tcp_memory_and_the_kernels_counters_speak() {
    let folder = tempfile::tempdir().unwrap();
    let machine = |mem: u64, pressures: u64, overflows: u64| {
        place(
            folder.path(),
            "proc/net/sockstat",
            &format!("sockets: used 9\nTCP: inuse 3 orphan 0 tw 0 alloc 3 mem {mem}\n"),
        );
        place(folder.path(), "proc/sys/net/ipv4/tcp_mem", "100\t200\t300\n");
        place(folder.path(), "proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t65536\n");
        let names = "TcpExt: ListenOverflows TCPMemoryPressures\n";
        place(folder.path(), "proc/net/netstat", &format!("{names}TcpExt: {overflows} {pressures}\n"));
        place(folder.path(), "proc/stat", "cpu 1\nbtime 1000\n");
        Reading::take(&roots(folder.path()), 0)
    };
    let mut first = machine(150, 0, 4);
    first.at_unix_micros = Some(0);
    let calm = Pressure::of(None, &first, None);
    assert_eq!(calm.verdict, PressureVerdict::NeverFailed, "{}", calm.sentence);
    // 200 pages of 4096 bytes, 16 to 64 kB each
    assert_eq!(calm.room().unwrap().downloads, SlowDownloads { least: 13, most: 50 });
    let mut second = machine(250, 3, 9);
    second.at_unix_micros = Some(10 * SECOND);
    let failing = Pressure::of(Some(&first), &second, None);
    assert_eq!(failing.verdict, PressureVerdict::Failing);
    assert!(failing.sentence.contains("TcpExt.TCPMemoryPressures +3 in 10 s"), "{}", failing.sentence);
    assert!(failing.evidence.iter().any(|evidence| evidence.text.contains("ListenOverflows +5")));
    assert!(failing.evidence.iter().any(|evidence| evidence.what == "tcp_memory"));
    // above the line, and nothing counted since
    let mut third = machine(250, 3, 9);
    third.at_unix_micros = Some(20 * SECOND);
    assert_eq!(Pressure::of(Some(&second), &third, None).verdict, PressureVerdict::Tight);
}

#[test]
fn a_control_group_that_was_refused_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let take = |failed: u64| {
        let base = "sys/fs/cgroup/memory";
        place(folder.path(), &format!("{base}/memory.limit_in_bytes"), "9223372036854771712\n");
        let group = format!("{base}/lxc/web");
        place(folder.path(), &format!("{group}/memory.kmem.tcp.usage_in_bytes"), "4096\n");
        place(folder.path(), &format!("{group}/memory.kmem.tcp.limit_in_bytes"), "8192\n");
        place(folder.path(), &format!("{group}/memory.kmem.tcp.failcnt"), &format!("{failed}\n"));
        place(folder.path(), "proc/net/sockstat", "TCP: inuse 3 orphan 0 tw 0 alloc 3 mem 1\n");
        Reading::take(&roots(folder.path()), 0)
    };
    let (before, mut after) = (take(4), take(9));
    after.at_unix_micros = Some(2 * SECOND);
    let pressure = Pressure::of(Some(&before), &after, None);
    assert_eq!(pressure.verdict, PressureVerdict::Failing);
    assert!(
        pressure.sentence.contains("control group /lxc/web: memory for TCP was refused +5"),
        "{}",
        pressure.sentence
    );
}

#[test]
fn nothing_to_read_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let pressure = Pressure::of(None, &Reading::take(&roots(folder.path()), 0), None);
    assert_eq!((pressure.verdict, pressure.is_failing_now), (PressureVerdict::NothingToRead, None));
    assert!(pressure.sources.iter().all(|source| source.state == SourceState::Absent));
}

#[test]
fn this_machine_can_be_read() {
    let roots =
        Roots { proc: PathBuf::from("/proc"), cgroup: PathBuf::from("/sys/fs/cgroup"), page_bytes: 4096 };
    if !roots.proc.join("net/sockstat").exists() {
        return println!("skipped: no /proc/net/sockstat");
    }
    let first = Reading::take(&roots, 0);
    let second = Reading::take(&roots, 10 * SECOND);
    assert!(first.tcp.is_some_and(|tcp| tcp.lines_pages.is_some()));
    assert!(first.counters.contains_key("TcpExt.TCPMemoryPressures"), "{:?}", first.counters);
    let pressure = Pressure::of(Some(&first), &second, None);
    assert!(pressure.has_two_readings);
    println!("{}\n{}", pressure.sentence, serde_json::to_string_pretty(&pressure).unwrap());
}

#[test]
fn a_reading_can_be_kept_and_read_back() {
    let reading = reading(&node(5, 6), 7);
    let kept = serde_json::to_string(&reading).unwrap();
    assert_eq!(serde_json::from_str::<Reading>(&kept).unwrap(), reading);
}

#[test]
fn every_counter_that_is_looked_at_stands_in_the_manual() {
    let manual = include_str!("../../../../docs/manual/pressure-and-mail.md");
    for counter in &analyser::pressure::COUNTERS {
        assert!(manual.contains(counter.name), "{} is not in the manual", counter.name);
    }
}

proptest! {
    #[test]
    fn no_bytes_end_the_reading(
        text in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "([0-9a-z]{0,4}:? {0,3}(tcpsndbuf|dummy|x)( +[0-9]{1,21}){0,6}\n){0,8}".prop_map(String::into_bytes),
        ],
    ) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["user_beancounters", "net/sockstat", "net/netstat", "net/snmp", "pressure/memory", "stat", "sys/net/ipv4/tcp_mem"] {
            let path = folder.path().join("proc").join(name);
            create_dir_all(path.parent().unwrap()).unwrap();
            write(path, &text).unwrap();
        }
        let reading = Reading::take(&roots(folder.path()), 0);
        let later = Reading { at_unix_micros: Some(SECOND), ..reading.clone() };
        serde_json::to_string(&Pressure::of(Some(&reading), &later, None)).unwrap();
    }
}
