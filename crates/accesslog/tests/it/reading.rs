//! Lines are read as they were meant.

use accesslog::{BytesMeaning, Client, Facts, Layout, Line, LineReader, Mended, Read, Said};

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
