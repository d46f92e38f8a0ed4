//! `diagnose` on logs as they lie about: rotated and packed, month after month, hostile, and as nginx writes them.

use crate::diagnose::hot_linked;
use crate::kit::{folder, json, text, tidegate};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn diagnose(folder: &Path, arguments: &[&str]) -> Value {
    let output = tidegate(folder, &[&["diagnose", "--format", "json"], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    json(&output)
}

/// What a report says of its logs, without the files they were in.
fn said(report: &Value) -> (Value, Value) {
    let mut log = report["log"].clone();
    log.as_object_mut().unwrap().remove("files");
    (log, report["findings"].clone())
}

#[test]
fn a_rotated_set_packed_in_three_ways_says_what_the_whole_log_says() {
    let log = hot_linked();
    let mut lines: Vec<&str> = log.split_inclusive('\n').collect();
    // as a server writes them: by time
    lines.sort_by_key(|line| line.split('[').nth(1).unwrap().split(']').next().unwrap().to_owned());
    let here = folder(&[("whole.log", &lines.concat())]);
    let whole = diagnose(here.path(), &["--no-state", "--domain", "songs.example", "--logs", "whole.log"]);
    let packed =
        [("access.log.4", "bzip2", "bz2"), ("access.log.3", "zstd", "zst"), ("access.log.2", "gzip", "gz")];
    let mut parts = lines.chunks(lines.len().div_ceil(5));
    for (name, program, ending) in packed {
        let path = here.path().join(name);
        fs::write(&path, parts.next().unwrap().concat()).unwrap();
        match Command::new(program).arg("-q").arg(&path).status() {
            Ok(status) if status.success() => {
                // zstd leaves the plain file beside it
                let _gone = fs::remove_file(&path);
                assert!(path.with_extension(format!("{}.{ending}", &name[name.len() - 1..])).exists());
            }
            other => println!("SKIPPED: {program}: {other:?}"),
        }
    }
    fs::write(here.path().join("access.log.1"), parts.next().unwrap().concat()).unwrap();
    fs::write(here.path().join("access.log"), parts.next().unwrap().concat()).unwrap();
    fs::remove_file(here.path().join("whole.log")).unwrap();
    let set = diagnose(here.path(), &["--no-state", "--domain", "songs.example", "--logs", "."]);
    assert!(said(&set) == said(&whole), "{set:#}\n{whole:#}");
    let order: Vec<&str> =
        set["log"]["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert!(order[0].contains("log.4") && order[4].ends_with("access.log"), "{order:?}");
}

/// One download of so many bytes each day, of so many days from the first of April 2026 on.
fn days(days: std::ops::Range<u32>, bytes: u32) -> String {
    let mut log = String::new();
    for day in days {
        let (month, date) = [("Apr", 30), ("May", 31), ("Jun", 30), ("Jul", 31)]
            .iter()
            .try_fold(
                day,
                |left, (name, length)| {
                    if left < *length { Err((*name, left + 1)) } else { Ok(left - length) }
                },
            )
            .unwrap_err();
        for hour in 0..24 {
            writeln!(
                log,
                "10.0.{day}.{hour} - - [{date:02}/{month}/2026:{hour:02}:30:00 +0000] \"GET /{day}.mp3 HTTP/1.1\" 200 {bytes} \
                 \"-\" \"Mozilla/5.0 (made up)\""
            )
            .unwrap();
        }
    }
    log
}

#[test]
fn what_was_usual_is_remembered_and_twenty_times_of_it_is_said() {
    // April, May and June as usual, then July at twenty times of that
    let here = folder(&[
        ("april.log", &days(0..30, 1_000_000)),
        ("may-and-june.log", &days(30..91, 1_000_000)),
        ("july.log", &days(91..122, 20_000_000)),
    ]);
    let state = ["--state", "state", "--domain", "songs.example", "--logs"];
    for log in ["april.log", "may-and-june.log"] {
        let report = diagnose(here.path(), &[&state[..], &[log]].concat());
        assert!(!report.to_string().contains("times the usual month"), "{log}");
    }
    let kept = fs::read_to_string(here.path().join("state/usuals.json")).unwrap();
    assert!(kept.contains("songs.example"), "{kept}");
    // a report that remembers nothing leaves the state alone, and knows no month
    let stranger = ["--no-state", "--domain", "songs.example", "--logs", "july.log"];
    assert!(diagnose(here.path(), &stranger)["log"]["domains"][0]["month"].is_null());
    let said = text(&tidegate(here.path(), &[&["diagnose"], &state[..], &["july.log"]].concat()).stdout);
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("21 times the usual month of 720.0 MB"), "{said}");
    // looked at once more, it is not twice as much
    let report = diagnose(here.path(), &[&state[..], &["july.log"]].concat());
    let month = &report["log"]["domains"][0]["month"];
    assert_eq!((&month["month"], &month["months"]), (&"2026-07".into(), &3.into()), "{month:#}");
    assert_eq!(month["bytes"], 31 * 24 * 20_000_000_u64);
    let times = month["times_usual"].as_f64().unwrap();
    assert!((times - 31.0 * 20.0 / 30.0).abs() < 0.1, "{times}");
    // another site of the same name elsewhere is none: usuals are by domain
    let other = ["--state", "state", "--domain", "other.example", "--logs", "july.log"];
    assert!(diagnose(here.path(), &other)["log"]["domains"][0]["month"].is_null());
}

#[test]
fn a_state_file_that_is_broken_is_told_and_learnt_anew() {
    let here = folder(&[("april.log", &days(0..3, 1_000_000)), ("state/usuals.json", "{\"domains\": [")]);
    let arguments = ["diagnose", "--state", "state", "--domain", "songs.example", "--logs", "april.log"];
    let output = tidegate(here.path(), &arguments);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("usuals.json"), "{}", text(&output.stderr));
    let again = tidegate(here.path(), &arguments);
    assert!(!text(&again.stderr).contains("usuals.json"), "{}", text(&again.stderr));
}

#[test]
fn hostile_lines_are_counted_shown_and_harm_nobody() {
    let mut log = hot_linked().into_bytes();
    let before = hot_linked().lines().count() as u64;
    let long = [b"10.0.0.1 - - [".as_slice(), &vec![b'9'; 2 << 20], b"\n"].concat();
    let bad: [&[u8]; 8] = [
        b"\x00\x01\x02\xff\xfe\n",
        b"\x1b]0;owned\x07\x1b[31m\n",
        b"10.0.0.1 - - [99/Foo/2026:99:99:99 +9999] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\"\n",
        b"10.0.0.1 - - [10/Nov/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 99999999999999999999999 \"-\" \"-\"\n",
        b"\"\"\"\"\"\"\"\"\n",
        b"\\\\\\\\\\\"\n",
        b"{\"json\": true}\n",
        &long,
    ];
    for line in bad {
        log.extend_from_slice(line);
    }
    let here = folder(&[]);
    fs::write(here.path().join("access.log"), &log).unwrap();
    let arguments = ["--no-state", "--log-format", "combined", "--logs", "access.log"];
    let report = diagnose(here.path(), &arguments);
    let lines = &report["log"]["lines"];
    assert_eq!((&lines["all"], &lines["bad"]), (&(before + 8).into(), &8.into()), "{lines:#}");
    assert_eq!(lines["bytes"], log.len() as u64);
    assert_eq!(report["findings"][0]["subject"], "music-board.example");
    let shown = tidegate(here.path(), &[&["diagnose"], &arguments[..]].concat());
    assert!(!text(&shown.stdout).contains(['\u{1b}', '\u{7}', '\u{0}']), "{}", text(&shown.stdout));
}

/// nginx on a free port of the loopback interface, with a log of its default format and one of JSON.
struct Nginx {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

const JSON_FORMAT: &str = r#"'{"time_iso8601":"$time_iso8601","remote_addr":"$remote_addr","request":"$request","status":$status,'
    '"bytes_sent":$bytes_sent,"http_referer":"$http_referer","http_user_agent":"$http_user_agent"}'"#;

impl Nginx {
    /// `None`, said aloud, where it is not installed.
    fn start() -> Option<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let folder = folder(&[("root/audio/song.mp3", "a song"), ("root/index.html", "<p>hello")]);
        let place = folder.path().display();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log stderr notice;\nevents {{}}\nhttp {{\n\
             client_body_temp_path {place}/body;\nproxy_temp_path {place}/proxy;\nfastcgi_temp_path {place}/fastcgi;\n\
             uwsgi_temp_path {place}/uwsgi;\nscgi_temp_path {place}/scgi;\nlog_format json escape=json {JSON_FORMAT};\n\
             access_log {place}/combined.log combined;\naccess_log {place}/json.log json;\n\
             server {{\nlisten 127.0.0.1:{port};\nroot {place}/root;\n}}\n}}\n"
        );
        fs::write(folder.path().join("nginx.conf"), configuration).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-c").arg(folder.path().join("nginx.conf")).arg("-p").arg(folder.path());
        let child = match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => child,
            Err(why) => {
                println!("SKIPPED: nginx: {why}");
                return None;
            }
        };
        let mut server = Self { child, port, folder };
        // it listens before it says anything that could be waited for
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(server.child.try_wait().unwrap().is_none(), "nginx ended");
            std::thread::yield_now();
        }
        Some(server)
    }

    fn ask(&self, target: &str, referer: &[u8], agent: &[u8]) {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nHost: songs.example\r\nConnection: close\r\nReferer: ");
        let request = [head.as_bytes(), referer, b"\r\nUser-Agent: ", agent, b"\r\n\r\n"].concat();
        client.write_all(&request).unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
    }

    fn stop(mut self) -> tempfile::TempDir {
        // nginx writes a line before it closes the connection: whoever was answered to the end is logged
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

#[test]
fn lines_that_nginx_writes_say_what_was_sent_whatever_it_was() {
    let Some(nginx) = Nginx::start() else { return };
    let agents: [&[u8]; 4] =
        [b"Plain/1.0", b"a \"quoted\" \\ program", "Пример/1.0 日本".as_bytes(), b"tab\tand\x7fdelete"];
    for agent in agents {
        nginx.ask("/audio/song.mp3?a=%22b%22", b"http://forum.example/a\"b\\c", agent);
    }
    nginx.ask("/nowhere", b"", b"Plain/1.0");
    let here = nginx.stop();
    for (log, format) in [("combined.log", "combined"), ("json.log", "json")] {
        let report = diagnose(here.path(), &["--no-state", "--log-format", format, "--logs", log]);
        let log = &report["log"];
        let lines = &log["lines"];
        assert_eq!(
            (&lines["all"], &lines["read"], &lines["bad"]),
            (&5.into(), &5.into(), &0.into()),
            "{format}"
        );
        let rows = |list: &str, key: &str| -> Vec<(String, u64)> {
            let row = |row: &Value| {
                (row[key].as_str().unwrap().to_owned(), row["counted"]["requests"].as_u64().unwrap())
            };
            let mut rows: Vec<(String, u64)> = log[list].as_array().unwrap().iter().map(row).collect();
            rows.sort();
            rows
        };
        let mut wanted: Vec<(String, u64)> = agents.iter().map(|agent| (text(agent), 1)).collect();
        wanted[0].1 = 2;
        wanted.sort();
        assert_eq!(rows("agents", "agent"), wanted, "{format}");
        assert_eq!(
            rows("paths", "path"),
            [("/audio/song.mp3".to_owned(), 4), ("/nowhere".to_owned(), 1)],
            "{format}"
        );
        assert_eq!(
            rows("referers", "domain").iter().find(|row| row.0 == "forum.example").unwrap().1,
            4,
            "{format}"
        );
        let statuses = log["statuses"].as_array().unwrap();
        assert_eq!(
            statuses.iter().map(|row| row["status"].clone()).collect::<Vec<_>>(),
            [200, 404],
            "{format}"
        );
    }
}
