//! The named format `json`: one object a line, its keys documented at `Format::named`.

use crate::digits::{address, decimal, padded, pair, signed};
use crate::entry::{ConnectionState, Entry};
use crate::escape::{HEX, is_plain};
use crate::timestamp::{LocalTime, LogTime, write_year};

/// The request fields that the object shows.
pub(crate) const REQUEST_FIELDS: [&str; 2] = ["Referer", "User-Agent"];

/// Appends the object, without newline.
pub(crate) fn write_line(entry: &Entry<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    write_time(entry, out);
    out.push(b'"');
    key("arrival_us", out);
    signed(entry.arrived_unix_micros, out);
    number("duration_us", Some(entry.duration_micros), out);
    number("first_byte_us", entry.first_byte_micros, out);
    write_connection_addresses(entry, out);
    write_request(entry, out);
    write_connection(entry, out);
    write_decision(entry, out);
    out.push(b'}');
}

fn write_connection_addresses(entry: &Entry<'_>, out: &mut Vec<u8>) {
    for (name, shown) in
        [("client", entry.client_address), ("peer", entry.peer_address), ("local", entry.local_address)]
    {
        key(name, out);
        out.push(b'"');
        address(shown, out);
        out.push(b'"');
        match name {
            "client" => number("client_port", Some(entry.client_port.into()), out),
            "local" => number("local_port", Some(entry.local_port.into()), out),
            _ => {}
        }
    }
}

fn write_request(entry: &Entry<'_>, out: &mut Vec<u8>) {
    text("user", entry.user, out);
    text("request", non_empty(entry.request_line), out);
    text("method", non_empty(entry.method), out);
    text("target", non_empty(entry.target), out);
    text("protocol", non_empty(entry.protocol), out);
    number("status", (entry.status != 0).then_some(entry.status.into()), out);
    number("body_bytes", Some(entry.body_bytes_sent), out);
    number("bytes_sent", Some(entry.bytes_sent), out);
    number("bytes_received", Some(entry.bytes_received), out);
    text("virtual_server", non_empty(entry.virtual_server.as_bytes()), out);
    text("host", entry.host, out);
    text("referer", entry.request_fields.field(b"Referer").as_deref(), out);
    text("user_agent", entry.request_fields.field(b"User-Agent").as_deref(), out);
}

fn write_connection(entry: &Entry<'_>, out: &mut Vec<u8>) {
    number("connection", Some(entry.connection_id), out);
    number("connection_requests", Some(entry.requests_on_connection.into()), out);
    let state: &[u8] = match entry.connection_state {
        ConnectionState::Aborted => b"aborted",
        ConnectionState::KeptAlive => b"kept_alive",
        ConnectionState::Closed => b"closed",
    };
    text("connection_state", Some(state), out);
}

fn write_decision(entry: &Entry<'_>, out: &mut Vec<u8>) {
    text("pool", non_empty(entry.pool.as_bytes()), out);
    text("node", non_empty(entry.node.as_bytes()), out);
    text("request_id", non_empty(entry.request_id.as_bytes()), out);
    text("verdict", non_empty(entry.verdict.as_bytes()), out);
    text("rule", non_empty(entry.rule.as_bytes()), out);
    text("class", non_empty(entry.bandwidth_class.as_bytes()), out);
    text("rate_class", non_empty(entry.rate_class.as_bytes()), out);
    text("context", non_empty(entry.context), out);
    number("queue_us", Some(entry.queue_micros), out);
    number("queue_place", entry.queue_place.map(u64::from), out);
    text("marks", non_empty(entry.marks.as_bytes()), out);
    text("kind", non_empty(entry.kind.as_bytes()), out);
}

/// `2000-10-10T13:55:36.000000-07:00`.
fn write_time(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let time = LocalTime::at(LogTime {
        unix_seconds: entry.arrived_unix_micros.div_euclid(1_000_000),
        utc_offset_seconds: entry.utc_offset_seconds,
    });
    write_year(time.year, out);
    for (before, part) in
        [(b'-', time.month), (b'-', time.day), (b'T', time.hour), (b':', time.minute), (b':', time.second)]
    {
        let [tens, ones] = pair(part);
        out.extend_from_slice(&[before, tens, ones]);
    }
    out.push(b'.');
    padded(entry.arrived_unix_micros.rem_euclid(1_000_000).unsigned_abs(), 6, out);
    let [sign, h1, h2, m1, m2] = time.offset_text();
    out.extend_from_slice(&[sign, h1, h2, b':', m1, m2]);
}

fn key(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn number(name: &str, value: Option<u64>, out: &mut Vec<u8>) {
    key(name, out);
    match value {
        Some(value) => decimal(value, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// A value from outside, and after it its exact bytes where it is not UTF-8.
fn text(name: &str, value: Option<&[u8]>, out: &mut Vec<u8>) {
    key(name, out);
    let Some(value) = value else { return out.extend_from_slice(b"null") };
    if is_plain(value) {
        out.push(b'"');
        out.extend_from_slice(value);
        return out.push(b'"');
    }
    let mut exact = true;
    out.push(b'"');
    for chunk in value.utf8_chunks() {
        write_string(chunk.valid(), out);
        if !chunk.invalid().is_empty() {
            exact = false;
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
    if !exact {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"_hex\":\"");
        for byte in value {
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        out.push(b'"');
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| needs_escape(byte)) {
        out.extend_from_slice(&rest[..at]);
        let mut used = 1;
        match (rest[at], rest.get(at + 1)) {
            (byte @ (b'"' | b'\\'), _) => out.extend_from_slice(&[b'\\', byte]),
            (b'\n', _) => out.extend_from_slice(b"\\n"),
            (b'\r', _) => out.extend_from_slice(b"\\r"),
            (b'\t', _) => out.extend_from_slice(b"\\t"),
            // U+0080 to U+009F: controls too, some terminals obey them.
            (FIRST_OF_TWO, Some(&second @ 0x80..=0x9f)) => {
                escape_unit(second, out);
                used = 2;
            }
            (FIRST_OF_TWO, _) => out.push(FIRST_OF_TWO),
            (byte, _) => escape_unit(byte, out),
        }
        rest = &rest[at + used..];
    }
    out.extend_from_slice(rest);
}

/// Appends `\u00hh`.
fn escape_unit(unit: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\\u00");
    out.extend_from_slice(&[HEX[usize::from(unit >> 4)], HEX[usize::from(unit & 15)]]);
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\' | 0x7f | FIRST_OF_TWO)
}

/// The first byte of U+0080 to U+00BF in UTF-8.
const FIRST_OF_TWO: u8 = 0xc2;

fn non_empty(value: &[u8]) -> Option<&[u8]> {
    (!value.is_empty()).then_some(value)
}
