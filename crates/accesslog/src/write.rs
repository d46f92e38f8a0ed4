//! From an entry to a line.

use crate::digits::{address, decimal, padded, signed};
use crate::directive::{Directive, Moment, Piece, TimeShape, TlsPart};
use crate::entry::{Entry, TlsEntry};
use crate::escape::{escape, escape_byte, hex_digit};
use crate::strftime;
use crate::target::split_target;
use crate::timestamp::{LocalTime, LogTime};

/// Appends one line, without its newline.
pub(crate) fn write_line(pieces: &[Piece], entry: &Entry<'_>, out: &mut Vec<u8>) {
    for piece in pieces {
        match &piece.only_for {
            Some(statuses) if !statuses.admit(entry.status) => out.push(b'-'),
            _ => write_directive(&piece.directive, entry, out),
        }
    }
}

fn write_directive(directive: &Directive, entry: &Entry<'_>, out: &mut Vec<u8>) {
    match directive {
        Directive::Literal(text) => match text.as_ref() {
            [byte] => out.push(*byte),
            text => out.extend_from_slice(text),
        },
        Directive::ClientAddress => address(entry.client_address, out),
        Directive::PeerAddress => address(entry.peer_address, out),
        Directive::LocalAddress => address(entry.local_address, out),
        Directive::BodyBytes => decimal(entry.body_bytes_sent, out),
        Directive::BodyBytesOrDash => number_or_dash(entry.body_bytes_sent, out),
        Directive::Cookie(name) => found(entry.request_fields.cookie(name.as_bytes()).as_deref(), out),
        Directive::Duration(unit) => decimal(unit.of_micros(entry.duration_micros), out),
        Directive::Environment(name) => {
            let set = entry.environment.iter().find(|(set, _)| set == name.as_bytes());
            found(set.map(|(_, value)| value.as_slice()), out);
        }
        Directive::FirstByteMicros => known(entry.first_byte_micros, out),
        Directive::RequestField(name) => found(entry.request_fields.field(name.as_bytes()).as_deref(), out),
        Directive::ResponseField(name) => found(entry.response_fields.field(name.as_bytes()).as_deref(), out),
        Directive::ResponseContentType => {
            found(entry.response_fields.field(b"Content-Type").as_deref().map(without_parameters), out);
        }
        Directive::RequestsBefore => decimal(u64::from(entry.requests_on_connection).saturating_sub(1), out),
        Directive::Method => text(entry.method, out),
        Directive::LocalPort => decimal(entry.local_port.into(), out),
        Directive::ClientPort => decimal(entry.client_port.into(), out),
        Directive::Protocol => text(entry.protocol, out),
        Directive::Query => write_query(entry.target, out),
        Directive::RequestLine => text(entry.request_line, out),
        Directive::Status => number_or_dash(entry.status.into(), out),
        Directive::Time { of, shown } => write_time(*of, shown, entry, out),
        Directive::Path => write_path(entry.target, out),
        Directive::User => write_user(entry.user, out),
        Directive::VirtualServer => text(entry.virtual_server.as_bytes(), out),
        Directive::HostName => write_host_name(entry, out),
        Directive::ConnectionState => out.push(entry.connection_state.letter()),
        Directive::BytesReceived => decimal(entry.bytes_received, out),
        Directive::BytesSent => decimal(entry.bytes_sent, out),
        Directive::BytesBoth => decimal(entry.bytes_received.saturating_add(entry.bytes_sent), out),
        Directive::Unknowable(_) => out.push(b'-'),
        Directive::Tls(part) => text(tls_text(*part, entry.tls.as_ref()).as_bytes(), out),
        _ => write_own(directive, entry, out),
    }
}

/// In the clear nothing.
fn tls_text<'a>(part: TlsPart, tls: Option<&TlsEntry<'a>>) -> &'a str {
    let Some(tls) = tls else { return "" };
    match part {
        TlsPart::Protocol => tls.protocol,
        TlsPart::Cipher => tls.cipher,
        TlsPart::ServerName => tls.server_name,
        TlsPart::Session if tls.is_resumed => "Resumed",
        TlsPart::Session => "Initial",
        TlsPart::ClientVerify if tls.has_client_certificate => "SUCCESS",
        TlsPart::ClientVerify => "NONE",
    }
}

/// What Apache does not know of.
fn write_own(directive: &Directive, entry: &Entry<'_>, out: &mut Vec<u8>) {
    match directive {
        Directive::RequestId => text(entry.request_id.as_bytes(), out),
        Directive::Host => found(entry.host, out),
        Directive::BandwidthClass => text(entry.bandwidth_class.as_bytes(), out),
        Directive::RateClass => text(entry.rate_class.as_bytes(), out),
        Directive::Verdict => text(entry.verdict.as_bytes(), out),
        Directive::Rule => text(entry.rule.as_bytes(), out),
        Directive::Context => text(entry.context, out),
        Directive::Queue(unit) => decimal(unit.of_micros(entry.queue_micros), out),
        Directive::QueuePlace => known(entry.queue_place.map(u64::from), out),
        Directive::Kind => text(entry.kind.as_bytes(), out),
        Directive::Pool => text(entry.pool.as_bytes(), out),
        Directive::Node => text(entry.node.as_bytes(), out),
        Directive::Marks => text(entry.marks.as_bytes(), out),
        Directive::ConnectionId => decimal(entry.connection_id, out),
        Directive::ArrivalMicros => signed(entry.arrived_unix_micros, out),
        _ => {}
    }
}

/// A value for which empty means none.
fn text(value: &[u8], out: &mut Vec<u8>) {
    if value.is_empty() {
        out.push(b'-');
    } else {
        escape(value, out);
    }
}

/// A value that may be absent; present and empty writes nothing.
fn found(value: Option<&[u8]>, out: &mut Vec<u8>) {
    match value {
        Some(value) => escape(value, out),
        None => out.push(b'-'),
    }
}

fn number_or_dash(number: u64, out: &mut Vec<u8>) {
    if number == 0 {
        out.push(b'-');
    } else {
        decimal(number, out);
    }
}

fn known(number: Option<u64>, out: &mut Vec<u8>) {
    match number {
        Some(number) => decimal(number, out),
        None => out.push(b'-'),
    }
}

fn write_user(user: Option<&[u8]>, out: &mut Vec<u8>) {
    match user {
        None => out.push(b'-'),
        // Not quoted by the format, so that nothing at all would shift the words of the line.
        Some([]) => out.extend_from_slice(b"\"\""),
        Some(user) => escape(user, out),
    }
}

fn write_time(of: Moment, shown: &TimeShape, entry: &Entry<'_>, out: &mut Vec<u8>) {
    let micros = match of {
        Moment::Begin => entry.arrived_unix_micros,
        Moment::End => entry.arrived_unix_micros.saturating_add_unsigned(entry.duration_micros),
    };
    let unix_seconds = micros.div_euclid(1_000_000);
    let fraction = micros.rem_euclid(1_000_000).unsigned_abs();
    let time = LogTime { unix_seconds, utc_offset_seconds: entry.utc_offset_seconds };
    match shown {
        TimeShape::Clf => time.write_clf(out),
        TimeShape::EpochSeconds => signed(unix_seconds, out),
        TimeShape::EpochMillis => signed(micros.div_euclid(1_000), out),
        TimeShape::EpochMicros => signed(micros, out),
        TimeShape::MillisFraction => padded(fraction / 1_000, 3, out),
        TimeShape::MicrosFraction => padded(fraction, 6, out),
        TimeShape::Custom(parts) => strftime::write(parts, &LocalTime::at(time), out),
    }
}

/// The path as Apache shows it: of an absolute URL only the path, without query, its `%hh` decoded.
fn write_path(target: &[u8], out: &mut Vec<u8>) {
    let path = split_target(target).0;
    if path.is_empty() {
        return out.push(b'-');
    }
    let mut rest = path;
    while let Some(percent) = memchr::memchr(b'%', rest) {
        escape(&rest[..percent], out);
        match rest[percent..] {
            [_, high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digits = hex_digit(high).zip(hex_digit(low));
                escape_byte(digits.map_or(b'%', |(high, low)| high << 4 | low), out);
                rest = &rest[percent + 3..];
            }
            _ => {
                out.push(b'%');
                rest = &rest[percent + 1..];
            }
        }
    }
    escape(rest, out);
}

/// The query with its question mark; nothing at all where there is none.
fn write_query(target: &[u8], out: &mut Vec<u8>) {
    if let Some(query) = split_target(target).1 {
        out.push(b'?');
        escape(query, out);
    }
}

/// The Host without its port; where the client named none, the virtual server.
fn write_host_name(entry: &Entry<'_>, out: &mut Vec<u8>) {
    let host = entry.host.unwrap_or_default();
    let end = if host.starts_with(b"[") {
        memchr::memchr(b']', host).map_or(host.len(), |bracket| bracket + 1)
    } else {
        memchr::memchr(b':', host).unwrap_or(host.len())
    };
    match &host[..end] {
        [] => text(entry.virtual_server.as_bytes(), out),
        name => name.iter().for_each(|byte| escape_byte(byte.to_ascii_lowercase(), out)),
    }
}

fn without_parameters(content_type: &[u8]) -> &[u8] {
    let end = memchr::memchr(b';', content_type).unwrap_or(content_type.len());
    content_type[..end].trim_ascii_end()
}
