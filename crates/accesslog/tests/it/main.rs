//! Log lines, seen from outside: each directive, the laws of writing, and Apache itself as the measure.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod apache;
mod fixtures;
mod laws;
mod lines;
mod reading;

use std::borrow::Cow;
use std::net::IpAddr;

use accesslog::{ConnectionState, Entry, FieldLookup, Format};

/// Fields in a list, names compared without case.
#[derive(Default, Debug, Clone)]
pub(crate) struct Fields(pub(crate) Vec<(Vec<u8>, Vec<u8>)>);

impl FieldLookup for Fields {
    fn field(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.into())
    }

    fn cookie(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let cookies = &self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(b"Cookie"))?.1;
        cookies.split(|byte| *byte == b';').find_map(|cookie| {
            let equals = cookie.iter().position(|byte| *byte == b'=')?;
            let (known, value) = (cookie[..equals].trim_ascii(), cookie[equals + 1..].trim_ascii());
            known.eq_ignore_ascii_case(name).then_some(value.into())
        })
    }
}

/// The request of the tests: a hot-linked piece of music, half of which was sent.
pub(crate) fn entry<'a>(request_fields: &'a Fields, response_fields: &'a Fields) -> Entry<'a> {
    Entry {
        arrived_unix_micros: 971_211_336_123_456,
        utc_offset_seconds: -7 * 3600,
        duration_micros: 2_345_678,
        first_byte_micros: Some(1_500),
        client_address: IpAddr::from([203, 0, 113, 9]),
        client_port: 50_123,
        peer_address: IpAddr::from([10, 0, 0, 1]),
        local_address: IpAddr::from([192, 0, 2, 1]),
        local_port: 8080,
        user: None,
        request_line: b"GET /music/a%20b.mp3?q=1 HTTP/1.1",
        method: b"GET",
        target: b"/music/a%20b.mp3?q=1",
        protocol: b"HTTP/1.1",
        status: 200,
        body_bytes_sent: 4_096,
        bytes_sent: 4_300,
        bytes_received: 210,
        virtual_server: "music.example",
        host: Some(b"Music.example:8080"),
        connection_id: 77,
        requests_on_connection: 3,
        connection_state: ConnectionState::Aborted,
        pool: "players",
        node: "10.1.1.1:80",
        request_id: "r-1",
        verdict: "slowed",
        rule: "abusive-referer:12",
        bandwidth_class: "hotlinks",
        rate_class: "StandardReferer",
        context: b"bad.example",
        queue_micros: 1_250_999,
        queue_place: Some(4),
        marks: "busy",
        kind: "media",
        environment: &[],
        tls: None,
        request_fields,
        response_fields,
    }
}

/// One line without its newline.
pub(crate) fn line(format: &Format, entry: &Entry<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    format.write(entry, &mut out);
    assert_eq!(out.pop(), Some(b'\n'));
    out
}

/// The line of a format given as text.
pub(crate) fn shown(format: &str, entry: &Entry<'_>) -> String {
    String::from_utf8(line(&Format::parse(format).unwrap(), entry)).unwrap()
}
