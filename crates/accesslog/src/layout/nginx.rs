//! From nginx's variables to values; other servers' fixed formats are written in the same way.

use crate::format::BadFormat;
use crate::line::{BytesMeaning, LineMoment};
use crate::moment::TimeText;
use crate::own::OwnKey;
use crate::plan::{Token, Value, What};
use crate::slots::SlotName;

use super::apache::request_field;

/// The tokens of a `log_format`.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, BadFormat> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        tokens.push(Token::Literal(rest.as_bytes()[..dollar].to_vec()));
        let at = text.len() - rest.len() + dollar;
        let (name, after) = name(&rest[dollar + 1..]).ok_or_else(|| BadFormat {
            at,
            why: "this dollar sign has no name".to_owned(),
            help: Some("a variable is written \"$name\" or \"${name}\"".to_owned()),
        })?;
        if let Some((what, moment)) = variable(name) {
            tokens.push(Token::Value(Value { what, only_for: None, moment, at }));
        }
        rest = after;
    }
    tokens.push(Token::Literal(rest.as_bytes().to_vec()));
    Ok(tokens)
}

/// A name after its dollar sign, and what follows.
fn name(text: &str) -> Option<(&str, &str)> {
    if let Some(inner) = text.strip_prefix('{') {
        let end = inner.find('}').filter(|end| *end > 0)?;
        return Some((&inner[..end], &inner[end + 1..]));
    }
    let is_part = |other: char| other.is_ascii_alphanumeric() || other == '_';
    let end = text.find(|other| !is_part(other)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// What a variable holds, and of which moment it is; `None`: nothing at all, or the mark before a query, which belongs to
/// its neighbours.
fn variable(name: &str) -> Option<(What, LineMoment)> {
    let own = |key| What::Slot(SlotName::Own(key));
    let what = match name {
        "is_args" => return None,
        "remote_addr" | "binary_remote_addr" => What::Client,
        "realip_remote_addr" | "proxy_protocol_addr" => What::Peer,
        "proxy_add_x_forwarded_for" => request_field("X-Forwarded-For"),
        "remote_user" => What::User,
        "time_local" => return Some((What::Time(TimeText::Clf), LineMoment::End)),
        "time_iso8601" => return Some((What::Time(TimeText::Iso), LineMoment::End)),
        "msec" => return Some((What::Time(TimeText::EpochDecimal), LineMoment::End)),
        "request" => What::RequestLine,
        "request_method" => What::Method,
        "request_uri" => What::Target,
        "uri" | "document_uri" => What::Path,
        "args" | "query_string" => What::Query,
        "server_protocol" => What::Protocol,
        "status" => What::Status,
        "body_bytes_sent" => What::Bytes(BytesMeaning::BodySent),
        "bytes_sent" => What::Bytes(BytesMeaning::AllSent),
        "request_time" => What::Duration(6),
        "request_completion" => What::Completion,
        "server_name" => What::VirtualServer,
        "host" | "http_host" => What::Host,
        "remote_port" => own(OwnKey::ClientPort),
        "request_length" => own(OwnKey::BytesReceived),
        "connection" => own(OwnKey::ConnectionId),
        "connection_requests" => own(OwnKey::RequestsOn),
        "request_id" => own(OwnKey::RequestId),
        _ => by_beginning(name),
    };
    Some((what, LineMoment::Arrival))
}

fn by_beginning(name: &str) -> What {
    let field = |name: &str| name.replace('_', "-");
    if let Some(name) = name.strip_prefix("http_") {
        request_field(&field(name))
    } else if let Some(name) = name.strip_prefix("sent_http_") {
        What::Slot(SlotName::ResponseField(field(name).into()))
    } else if let Some(name) = name.strip_prefix("cookie_") {
        What::Slot(SlotName::Cookie(name.to_owned().into()))
    } else if name.starts_with("upstream_") {
        What::SkipList
    } else {
        match name.strip_prefix("other_") {
            Some(name) => of_others(name),
            None => What::Skip,
        }
    }
}

/// Values of other servers' formats, named `$other_...` in the texts of [`super::named`].
fn of_others(name: &str) -> What {
    match name {
        "begin" => What::Time(TimeText::Clf),
        "begin_millis" => What::Time(TimeText::ClfMillis),
        "client_port" => What::ClientWithPort,
        "seconds_part" => What::DurationPart,
        "millis" => What::Duration(3),
        "timers" => What::Timers,
        "termination" => What::Termination,
        _ => What::Skip,
    }
}
