//! Lines are read as they were meant.

use accesslog::{BytesMeaning, Client, Facts, Layout, Line, LineReader, Mended, Read, Said, recognise};

/// Reads one line by a layout and looks at it.
pub(crate) fn read<T>(layout: &Layout, line: &str, look: impl FnOnce(&Line<'_>) -> T) -> T {
    match LineReader::new(layout).read(line.as_bytes()) {
        Read::Line(line) => look(&line),
        other => panic!("{line} of {layout}: {other:?}"),
    }
}

fn known(said: Said<accesslog::Text<'_>>) -> String {
    match said {
        Said::Known(text) => String::from_utf8_lossy(&text.decoded()).into_owned(),
        Said::Absent => "(absent)".to_owned(),
        Said::Unknown => "(unknown)".to_owned(),
    }
}

const COMBINED: &str = r#"83.149.9.216 - frank [17/May/2015:10:05:03 +0000] "GET /a.png?x HTTP/1.1" 200 203023 "http://semicomplete.com/\"q\"" "Mozilla/5.0 (X)""#;

#[test]
fn a_combined_line_says_who_asked_when_for_what_and_got_what() {
    let layout = Layout::named("combined").unwrap();
    read(&layout, COMBINED, |line| {
        assert_eq!(line.client, Client::Address("83.149.9.216".parse().unwrap()));
        assert_eq!(line.at_unix_micros, 1_431_857_103_000_000);
        assert_eq!(line.user.unwrap().raw, b"frank");
        assert_eq!(
            (line.method, line.target.raw, line.protocol),
            (&b"GET"[..], &b"/a.png?x"[..], &b"HTTP/1.1"[..])
        );
        assert_eq!(line.path().as_ref(), b"/a.png");
        assert_eq!((line.status, line.bytes), (200, Said::Known(203_023)));
        assert_eq!(known(line.referer), "http://semicomplete.com/\"q\"");
        assert_eq!(known(line.user_agent), "Mozilla/5.0 (X)");
        assert_eq!(known(line.host), "(unknown)");
        assert_eq!(line.duration_micros, Said::Unknown);
        assert_eq!(line.mended, None);
    });
    let Facts { bytes, has_referer, has_host, has_duration, .. } = layout.facts();
    assert_eq!((bytes, has_referer, has_host, has_duration), (BytesMeaning::Unclear, true, false, false));
}

#[test]
fn a_line_that_is_cut_short_counts_with_what_it_has() {
    let layout = Layout::named("combined").unwrap();
    read(&layout, &COMBINED[..COMBINED.len() - 5], |line| {
        assert_eq!(line.bytes, Said::Known(203_023));
        assert_eq!(known(line.user_agent), "Mozilla/5.0");
        assert_eq!(line.mended, Some(Mended::CutShort));
    });
    read(&layout, &format!("\"{}\"", COMBINED.replace('"', "\"\"")), |line| {
        assert_eq!(line.bytes, Said::Known(203_023));
        assert_eq!(line.mended, Some(Mended::Wrapped));
    });
    read(&layout, &format!("{COMBINED} 17"), |line| assert_eq!(line.mended, Some(Mended::MoreAtEnd)));
}

/// Two requests as Traefik 3 documents its lines and its JSON (synthetic: no log of a real one may be passed on).
const TRAEFIK_LINES: &str = r#"192.0.2.7 - - [23/Nov/2026:10:00:00 +0000] "GET /a.html HTTP/1.1" 200 5120 "-" "Mozilla/5.0" 1 "web@docker" "http://172.18.0.2:80" 12ms
192.0.2.8 - alice [23/Nov/2026:10:00:01 +0000] "GET /b.jpg?w=9 HTTP/2.0" 200 90210 "https://forum.example/t/1" "Mozilla/5.0 (X11)" 2 "web@docker" "http://172.18.0.2:80" 3ms
"#;
const TRAEFIK_JSON: &str = r#"{"ClientAddr":"192.0.2.7:50112","ClientHost":"192.0.2.7","ClientPort":"50112","ClientUsername":"-","DownstreamContentSize":5120,"DownstreamStatus":200,"Duration":12000000,"OriginStatus":200,"RequestContentSize":0,"RequestCount":1,"RequestHost":"www.example","RequestMethod":"GET","RequestPath":"/a.html","RequestProtocol":"HTTP/1.1","RouterName":"web@docker","StartLocal":"2026-11-23T10:00:00Z","StartUTC":"2026-11-23T10:00:00Z","entryPointName":"web","level":"info","msg":"","request_User-Agent":"Mozilla/5.0","time":"2026-11-23T10:00:00Z"}
{"ClientAddr":"192.0.2.8:50113","ClientHost":"192.0.2.8","ClientPort":"50113","ClientUsername":"alice","DownstreamContentSize":90210,"DownstreamStatus":200,"Duration":3000000,"RequestContentSize":0,"RequestCount":2,"RequestHost":"www.example","RequestMethod":"GET","RequestPath":"/b.jpg?w=9","RequestProtocol":"HTTP/2.0","StartLocal":"2026-11-23T10:00:01Z","StartUTC":"2026-11-23T10:00:01Z","level":"info","msg":"","request_Referer":"https://forum.example/t/1","request_User-Agent":"Mozilla/5.0 (X11)","time":"2026-11-23T10:00:01.003Z"}
"#;

#[test]
fn traefiks_lines_and_its_json_are_recognised_and_say_the_same() {
    for (text, name, host) in
        [(TRAEFIK_LINES, "traefik", "(unknown)"), (TRAEFIK_JSON, "traefik_json", "www.example")]
    {
        let best = recognise(text.as_bytes()).into_iter().next().unwrap();
        assert_eq!(best.layout.to_string(), name);
        let lines: Vec<&str> = text.lines().collect();
        read(&best.layout, lines[0], |line| {
            assert_eq!(known(line.referer), "(absent)");
            assert_eq!(line.duration_micros, Said::Known(12_000));
        });
        read(&best.layout, lines[1], |line| {
            assert_eq!(line.client, Client::Address("192.0.2.8".parse().unwrap()));
            assert_eq!(line.at_unix_micros, 1_795_428_001_000_000);
            assert_eq!(line.user.unwrap().raw, b"alice");
            assert_eq!((line.method, line.target.raw), (&b"GET"[..], &b"/b.jpg?w=9"[..]));
            assert_eq!((line.status, line.bytes), (200, Said::Known(90_210)));
            assert_eq!(known(line.referer), "https://forum.example/t/1");
            assert_eq!(known(line.user_agent), "Mozilla/5.0 (X11)");
            assert_eq!(known(line.host), host);
            assert_eq!(line.duration_micros, Said::Known(3_000));
            assert_eq!(line.mended, None);
        });
        assert_eq!(best.layout.facts().bytes, BytesMeaning::BodySent);
    }
}

#[test]
fn what_no_line_of_an_objects_log_names_stays_unknown() {
    // Traefik logs no fields of requests unless it is told to.
    let silent = TRAEFIK_JSON.replace(r#""request_Referer":"https://forum.example/t/1","#, "");
    let best = recognise(silent.as_bytes()).into_iter().next().unwrap();
    assert!(!best.layout.facts().has_referer);
    for text in silent.lines() {
        read(&best.layout, text, |line| assert_eq!(known(line.referer), "(unknown)"));
    }
}
