//! From the names of a W3C extended log (`#Fields:`) to values.

use crate::line::{BytesMeaning, LineMoment};
use crate::moment::TimeText;
use crate::own::OwnKey;
use crate::plan::{Token, Value, What};
use crate::slots::SlotName;

use super::apache::request_field;

/// What a line that names fields begins with.
pub(crate) const FIELDS: &[u8] = b"#Fields:";

/// Fields that are read; a longer list is cut.
const FIELDS_MAX: usize = 200;

/// Who writes such lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// IIS and all others: blanks between values, `+` for blanks in them, milliseconds.
    Iis,
    /// CloudFront: tabs between values, percent escapes in them, seconds.
    CloudFront,
}

/// The tokens of a list of fields.
pub(super) fn tokens(fields: &str) -> (Writer, Vec<Token>) {
    let names: Vec<&str> = fields.split_ascii_whitespace().take(FIELDS_MAX).collect();
    let is_edge = names.contains(&"x-edge-location");
    let writer = if is_edge { Writer::CloudFront } else { Writer::Iis };
    let separator: &[u8] = if is_edge || fields.contains('\t') { b"\t" } else { b" " };
    let mut tokens = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if index > 0 {
            tokens.push(Token::Literal(separator.to_vec()));
        }
        let what = field(name, &names, writer);
        tokens.push(Token::Value(Value { what, only_for: None, moment: LineMoment::End, at: 0 }));
    }
    (writer, tokens)
}

fn field(name: &str, all: &[&str], writer: Writer) -> What {
    let has = |other: &str| all.iter().any(|name| name.eq_ignore_ascii_case(other));
    match name.to_ascii_lowercase().as_str() {
        "date" => What::Time(TimeText::Date),
        "time" => What::Time(TimeText::Clock),
        "c-ip" => What::Client,
        "cs-username" => What::User,
        "cs-method" => What::Method,
        "cs-uri-stem" => What::Path,
        "cs-uri-query" => What::Query,
        "cs-uri" => What::Target,
        "cs-version" | "cs-protocol-version" => What::Protocol,
        "sc-status" => What::Status,
        "sc-bytes" => What::Bytes(BytesMeaning::AllSent),
        "cs-bytes" => What::Slot(SlotName::Own(OwnKey::BytesReceived)),
        "c-port" => What::Slot(SlotName::Own(OwnKey::ClientPort)),
        "time-taken" => What::Duration(if writer == Writer::CloudFront { 6 } else { 3 }),
        "sc-win32-status" => What::Win32Status,
        "x-edge-detailed-result-type" => What::EdgeResult,
        "x-edge-result-type" if !has("x-edge-detailed-result-type") => What::EdgeResult,
        "x-forwarded-for" => request_field("X-Forwarded-For"),
        "x-host-header" | "cs-host" => What::Host,
        // Beside the Host that the client sent this is CloudFront's own name.
        "cs(host)" if has("x-host-header") => What::Skip,
        lower => match lower.strip_prefix("cs(").and_then(|name| name.strip_suffix(')')) {
            Some("referrer") => What::Referer,
            Some(name) => request_field(name),
            None => What::Skip,
        },
    }
}
