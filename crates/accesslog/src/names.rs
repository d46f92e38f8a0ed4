//! What the names in JSON logs mean.

use std::borrow::Cow;

use crate::layout::Json;
use crate::line::{BytesMeaning, LineMoment};
use crate::own::OwnKey;
use crate::slots::SlotName;

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Time(LineMoment),
    ArrivalMicros,
    /// Whoever connected.
    Client,
    /// The client as the server made it out.
    ClientSure,
    User,
    Request,
    Method,
    Target,
    Query,
    Protocol,
    Status,
    Bytes(BytesMeaning),
    /// Ten to this power of microseconds each; -3 for nanoseconds.
    Duration(i32),
    Referer,
    UserAgent,
    VirtualServer,
    Host,
    State,
    /// The exact bytes of a value, in hexadecimal digits.
    Hex(HexOf),
    Own(OwnKey),
    /// A field of the request.
    Field(&'static str),
}

/// Which value's exact bytes stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HexOf {
    Target,
    Referer,
    UserAgent,
    Host,
    User,
}

/// What is kept of an object beside the common values.
pub(crate) const SLOTS: &[SlotName] = &[
    SlotName::RequestField(Cow::Borrowed("X-Forwarded-For")),
    SlotName::RequestField(Cow::Borrowed("Range")),
    SlotName::RequestField(Cow::Borrowed("Sec-Fetch-Site")),
    SlotName::RequestField(Cow::Borrowed("Sec-Fetch-Dest")),
    SlotName::RequestField(Cow::Borrowed("Cookie")),
    SlotName::RequestField(Cow::Borrowed("Accept")),
    SlotName::Own(OwnKey::FirstByteMicros),
    SlotName::Own(OwnKey::BodyBytes),
    SlotName::Own(OwnKey::BytesSent),
    SlotName::Own(OwnKey::BytesReceived),
    SlotName::Own(OwnKey::Host),
    SlotName::Own(OwnKey::ConnectionId),
    SlotName::Own(OwnKey::RequestsOn),
    SlotName::Own(OwnKey::ConnectionState),
    SlotName::Own(OwnKey::Peer),
    SlotName::Own(OwnKey::ClientPort),
    SlotName::Own(OwnKey::Kind),
    SlotName::Own(OwnKey::Marks),
    SlotName::Own(OwnKey::Verdict),
    SlotName::Own(OwnKey::Rule),
    SlotName::Own(OwnKey::BandwidthClass),
    SlotName::Own(OwnKey::RateClass),
    SlotName::Own(OwnKey::Context),
    SlotName::Own(OwnKey::QueueMicros),
    SlotName::Own(OwnKey::QueuePlace),
    SlotName::Own(OwnKey::Pool),
    SlotName::Own(OwnKey::Node),
    SlotName::Own(OwnKey::RequestId),
];

/// Where a value of this name is kept besides.
pub(crate) fn slot_of(name: Name) -> Option<usize> {
    let own = match name {
        Name::Field(field) => {
            return SLOTS
                .iter()
                .position(|slot| matches!(slot, SlotName::RequestField(known) if *known == field));
        }
        Name::Own(key) => key,
        Name::Bytes(BytesMeaning::BodySent) => OwnKey::BodyBytes,
        Name::Bytes(BytesMeaning::AllSent) => OwnKey::BytesSent,
        Name::Host => OwnKey::Host,
        Name::State => OwnKey::ConnectionState,
        _ => return None,
    };
    SLOTS.iter().position(|slot| *slot == SlotName::Own(own))
}

/// What a name means within the object that is called `parent`; nothing for the whole line.
pub(crate) fn meaning(json: Json, parent: &[u8], name: &[u8]) -> Option<Name> {
    match parent {
        b"headers" | b"request_headers" | b"req_headers" => request_field(name),
        // What was answered is not what was asked, though names are the same.
        b"resp_headers" | b"response_headers" | b"tls" => None,
        _ => match json {
            Json::Traefik => of_traefik(name),
            Json::Caddy => of_caddy(parent, name),
            Json::Any => of_tidegate(name).or_else(|| of_any(name)).or_else(|| request_field(name)),
        },
    }
}

fn of_caddy(parent: &[u8], name: &[u8]) -> Option<Name> {
    Some(match (parent, name) {
        (b"", b"ts") => Name::Time(LineMoment::End),
        (b"", b"duration") => Name::Duration(6),
        (b"", b"size") => Name::Bytes(BytesMeaning::BodySent),
        (b"", b"status") => Name::Status,
        (b"", b"user_id") => Name::User,
        (b"", b"bytes_read") => Name::Own(OwnKey::BytesReceived),
        (b"request", b"client_ip") => Name::ClientSure,
        (b"request", b"remote_ip" | b"remote_addr") => Name::Client,
        (b"request", b"remote_port") => Name::Own(OwnKey::ClientPort),
        (b"request", b"proto") => Name::Protocol,
        (b"request", b"method") => Name::Method,
        (b"request", b"host") => Name::Host,
        (b"request", b"uri") => Name::Target,
        _ => return None,
    })
}

fn of_traefik(name: &[u8]) -> Option<Name> {
    Some(match name {
        b"StartUTC" | b"StartLocal" => Name::Time(LineMoment::Arrival),
        b"time" => Name::Time(LineMoment::End),
        b"ClientHost" => Name::Client,
        b"ClientPort" => Name::Own(OwnKey::ClientPort),
        b"ClientUsername" => Name::User,
        b"RequestMethod" => Name::Method,
        b"RequestPath" => Name::Target,
        b"RequestProtocol" => Name::Protocol,
        b"RequestHost" => Name::Host,
        b"DownstreamStatus" => Name::Status,
        b"DownstreamContentSize" => Name::Bytes(BytesMeaning::BodySent),
        b"RequestContentSize" => Name::Own(OwnKey::BytesReceived),
        b"Duration" => Name::Duration(-3),
        _ => return request_field(name.strip_prefix(b"request_")?),
    })
}

/// The names that [`Format::named`](crate::Format::named) promises.
fn of_tidegate(name: &[u8]) -> Option<Name> {
    Some(match name {
        b"arrival_us" => Name::ArrivalMicros,
        b"duration_us" => Name::Duration(0),
        b"first_byte_us" => Name::Own(OwnKey::FirstByteMicros),
        b"client_port" => Name::Own(OwnKey::ClientPort),
        b"peer" => Name::Own(OwnKey::Peer),
        b"body_bytes" => Name::Bytes(BytesMeaning::BodySent),
        b"bytes_received" => Name::Own(OwnKey::BytesReceived),
        b"virtual_server" => Name::VirtualServer,
        b"connection" => Name::Own(OwnKey::ConnectionId),
        b"connection_requests" => Name::Own(OwnKey::RequestsOn),
        b"connection_state" => Name::State,
        b"pool" => Name::Own(OwnKey::Pool),
        b"node" => Name::Own(OwnKey::Node),
        b"request_id" => Name::Own(OwnKey::RequestId),
        b"verdict" => Name::Own(OwnKey::Verdict),
        b"rule" => Name::Own(OwnKey::Rule),
        b"class" => Name::Own(OwnKey::BandwidthClass),
        b"rate_class" => Name::Own(OwnKey::RateClass),
        b"context" => Name::Own(OwnKey::Context),
        b"queue_us" => Name::Own(OwnKey::QueueMicros),
        b"queue_place" => Name::Own(OwnKey::QueuePlace),
        b"marks" => Name::Own(OwnKey::Marks),
        b"kind" => Name::Own(OwnKey::Kind),
        b"user_hex" => Name::Hex(HexOf::User),
        b"target_hex" => Name::Hex(HexOf::Target),
        b"host_hex" => Name::Hex(HexOf::Host),
        b"referer_hex" => Name::Hex(HexOf::Referer),
        b"user_agent_hex" => Name::Hex(HexOf::UserAgent),
        _ => return None,
    })
}

/// Names that people give; docs/manual/logs.md lists them.
fn of_any(name: &[u8]) -> Option<Name> {
    Some(match name {
        b"time" | b"ts" | b"timestamp" | b"@timestamp" | b"date" | b"datetime" | b"time_local"
        | b"time_iso8601" | b"msec" => Name::Time(LineMoment::End),
        b"start_time" | b"time_start" | b"start" => Name::Time(LineMoment::Arrival),
        b"client_ip" | b"clientip" | b"real_ip" => Name::ClientSure,
        b"client" | b"ip" | b"remote_addr" | b"remote_ip" | b"remote_host" | b"c_ip" | b"remote_address" => {
            Name::Client
        }
        b"user" | b"remote_user" | b"username" | b"auth" => Name::User,
        b"request" | b"request_line" => Name::Request,
        b"method" | b"request_method" | b"http_method" | b"verb" => Name::Method,
        b"target" | b"uri" | b"request_uri" | b"url" | b"path" | b"request_path" | b"request_url" => {
            Name::Target
        }
        b"query" | b"query_string" | b"args" => Name::Query,
        b"protocol" | b"server_protocol" | b"proto" | b"http_version" => Name::Protocol,
        b"status" | b"status_code" | b"response_code" | b"code" => Name::Status,
        b"bytes_sent" => Name::Bytes(BytesMeaning::AllSent),
        b"body_bytes_sent" => Name::Bytes(BytesMeaning::BodySent),
        b"bytes" | b"size" | b"length" | b"response_size" | b"response_length" | b"content_length" => {
            Name::Bytes(BytesMeaning::Unclear)
        }
        b"request_time" | b"duration" | b"response_time" | b"elapsed" | b"duration_s" => Name::Duration(6),
        b"duration_ms" | b"elapsed_ms" | b"request_time_ms" | b"latency_ms" | b"time_taken" => {
            Name::Duration(3)
        }
        b"server_name" | b"vhost" | b"virtual_host" => Name::VirtualServer,
        b"host" | b"http_host" | b"domain" | b"request_host" => Name::Host,
        b"referrer" | b"http_referrer" => Name::Referer,
        b"agent" | b"useragent" => Name::UserAgent,
        _ => return None,
    })
}

/// A field of the request, by its name in whatever spelling.
fn request_field(name: &[u8]) -> Option<Name> {
    let name = name.strip_prefix(b"http_").unwrap_or(name);
    let is = |known: &str| {
        name.len() == known.len()
            && name
                .iter()
                .zip(known.bytes())
                .all(|(&said, known)| said.eq_ignore_ascii_case(&known) || (said == b'_' && known == b'-'))
    };
    if is("Referer") {
        return Some(Name::Referer);
    }
    if is("User-Agent") {
        return Some(Name::UserAgent);
    }
    FIELDS.iter().find(|field| is(field)).map(|field| Name::Field(field))
}

const FIELDS: [&str; 6] =
    ["X-Forwarded-For", "Range", "Sec-Fetch-Site", "Sec-Fetch-Dest", "Cookie", "Accept"];
