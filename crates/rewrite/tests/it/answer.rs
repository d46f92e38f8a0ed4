//! What became of a request, in the form in which Apache's answer and ours are compared and recorded.

use super::world::ORIGIN_FIELDS;
use std::fmt::Write as _;

/// `pass`, `to /path?query`, `proxy URL`, `403`, `302 LOCATION`, `403 shows /path`, `403 says TEXT`; behind it, one each,
/// `env NAME=VALUE` (only of what passes), `type VALUE`, `cookie VALUE`, `field NAME: VALUE`,
/// `sees NAME: VALUE` (of the request, as the origin gets it).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Answer {
    pub(crate) outcome: String,
    /// Sorted.
    pub(crate) details: Vec<String>,
}

impl Answer {
    pub(crate) fn new(outcome: String) -> Self {
        Self { outcome, details: Vec::new() }
    }

    pub(crate) fn with(mut self, mut details: Vec<String>) -> Self {
        self.details.append(&mut details);
        self.details.sort();
        self
    }

    pub(crate) fn text(&self) -> String {
        let mut text = self.outcome.clone();
        for detail in &self.details {
            text += " ; ";
            text += detail;
        }
        text
    }

    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = text.split(" ; ").map(str::to_owned);
        Self { outcome: parts.next().unwrap_or_default(), details: parts.collect() }
    }

    /// In what two answers differ: `outcome`, `env`, `type`, `cookie`, `field`, `sees`.
    pub(crate) fn differences(&self, other: &Self) -> Vec<&'static str> {
        let mut differences = Vec::new();
        if self.outcome != other.outcome {
            differences.push("outcome");
        }
        for kind in ["env", "type", "cookie", "field", "sees"] {
            let of = |answer: &Self| {
                let details = answer.details.iter().filter(|detail| detail.starts_with(kind));
                details.cloned().collect::<Vec<_>>()
            };
            if of(self) != of(other) {
                differences.push(kind);
            }
        }
        differences
    }
}

/// Printable ASCII as it is; `\`, `;` and the rest as `\xHH`.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'\\' | b';' | 0..=0x1f | 0x7f.. => {
                let _written = write!(text, "\\x{byte:02X}");
            }
            _ => text.push(char::from(*byte)),
        }
    }
    text
}

/// What the `%XX` of a URL mean.
pub(crate) fn decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let number = text.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match number.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if text[at] == b'%' => {
                bytes.push(byte);
                at += 3;
            }
            _ => {
                bytes.push(text[at]);
                at += 1;
            }
        }
    }
    bytes
}

/// The path of a request as Apache works with it: decoded, slashes merged, dots resolved.
pub(crate) fn plain_path(raw: &[u8]) -> Vec<u8> {
    let decoded = decoded(raw);
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in decoded.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let mut path = Vec::new();
    for part in &parts {
        path.push(b'/');
        path.extend_from_slice(part);
    }
    let folder = [&b"/"[..], b"/.", b"/.."].iter().any(|end| decoded.ends_with(end));
    if folder || path.is_empty() {
        path.push(b'/');
    }
    path
}

/// Fields of the answer that a rule can have to do with.
pub(crate) fn kept_fields(fields: &[(String, String)]) -> Vec<String> {
    const PASSED_OVER: [&str; 10] = [
        "Allow",
        "Date",
        "Server",
        "Content-Length",
        "Connection",
        "Content-Type",
        "Location",
        "X-Echo",
        "X-Other-Server",
        "Transfer-Encoding",
    ];
    let kept = fields.iter().filter(|(name, _)| !PASSED_OVER.contains(&name.as_str()));
    let kept = kept.map(|(name, value)| match name.as_str() {
        "Set-Cookie" => format!("cookie {}", without_expiry(value)),
        "Vary" => format!("field Vary: {}", as_a_set(value)),
        _ => format!("field {name}: {value}"),
    });
    if fields.iter().any(|(name, _)| name == "X-Echo") {
        beside_origin_fields(kept.collect())
    } else {
        kept.collect()
    }
}

/// What is as the origin said it is not written down, what is gone is.
pub(crate) fn beside_origin_fields(mut fields: Vec<String>) -> Vec<String> {
    for (name, value) in ORIGIN_FIELDS {
        let field = format!("field {name}: {value}");
        match fields.iter().position(|kept| *kept == field) {
            Some(at) => {
                fields.remove(at);
            }
            None => fields.push(format!("field {name} of the origin is gone")),
        }
    }
    fields
}

/// The names in a field `Vary`, whose order and repeats mean nothing.
pub(crate) fn as_a_set(names: &str) -> String {
    let names: std::collections::BTreeSet<String> =
        names.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// A cookie's moment of expiry is another one each time.
fn without_expiry(cookie: &str) -> String {
    let Some((before, after)) = cookie.split_once("expires=") else { return cookie.to_owned() };
    let behind = after.find("\\x3B").map_or("", |at| &after[at..]);
    format!("{before}expires{behind}")
}
