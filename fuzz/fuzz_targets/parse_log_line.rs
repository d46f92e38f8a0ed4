//! Any bytes give a line or a bad line, in every layout, and what a line says can be looked at.
#![no_main]

use accesslog::{BadLine, Layout, Line, LineReader, NginxEscape, Read, Said, Text};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// Every layout that has a name, and some that servers are configured with.
static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
    let named = Layout::names().filter_map(|(name, _)| Layout::named(name));
    let apache = [
        r#"%{X-Forwarded-For}i %h %l %u [%{%d/%b/%Y %T}t.%{msec_frac}t %{%z}t] "%m %U%q %H" %>s %O %D %X "%{Range}i""#,
        r#"%{usec}t %a %{c}a %400,501{Referer}i "%!200{User-Agent}i" %{c}p %V %{Host}i %B %{ms}T"#,
    ];
    let nginx = [
        r#"{"t":"$time_iso8601","a":"$remote_addr","r":"$request","s":$status,"b":$bytes_sent,"u":"$upstream_addr"}"#,
        "$msec $host $remote_addr $uri$is_args$args $status $body_bytes_sent $upstream_response_time $request_time",
    ];
    named
        .chain(apache.iter().map(|text| Layout::apache(text).unwrap()))
        .chain(nginx.iter().map(|text| Layout::nginx(text, NginxEscape::Json).unwrap()))
        .collect()
});

fuzz_target!(|text: &[u8]| {
    for layout in LAYOUTS.iter() {
        let mut reader = LineReader::new(layout);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match reader.read(line) {
                Read::Line(read) => look(&read, line),
                Read::Bad(BadLine { at, why }) => assert!(at <= line.len() && !why.is_empty()),
                Read::Comment => {}
            }
        }
        let _ = layout.after(text);
    }
    // The text may be a layout too, and its own lines must not harm it.
    if let Ok(text) = std::str::from_utf8(text)
        && let Ok(layout) = Layout::said(text)
        && let Read::Line(read) = LineReader::new(&layout).read(text.as_bytes())
    {
        look(&read, text.as_bytes());
    }
    let _ = accesslog::recognise(text);
});

/// Asks a line for all that it says.
fn look(line: &Line<'_>, text: &[u8]) {
    let said = [line.referer, line.user_agent, line.virtual_server, line.host, line.request_field(b"Range")];
    let texts = said.into_iter().filter_map(Said::known);
    for Text { raw, escaping } in texts.chain([line.target]).chain(line.query).chain(line.user) {
        assert!(raw.len() <= text.len());
        // A character outside the basic plane is the longest that an escape can stand for.
        assert!(Text { raw, escaping }.decoded().len() <= 3 * raw.len());
    }
    assert!(line.method.len() <= text.len() && line.path().len() <= 3 * text.len() + 1);
    assert!(line.status < 1_000);
    let _ = line.own();
}
