//! Answers: those built here, and what rules change about any.

use crate::host::Built;
use core::time::Duration;
use message::{ResponseHead, Version, reason_of};

/// A small page for a person, with the status in words.
pub(super) fn page(status: u16, sentence: &str) -> Built {
    let reason = reason_of(status);
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{status} {reason}</title></head>\n\
         <body><h1>{reason}</h1><p>{sentence}</p></body></html>\n"
    );
    Built {
        status,
        reason: reason.as_bytes().to_vec(),
        content_type: b"text/html; charset=utf-8".to_vec(),
        fields: vec![(b"Cache-Control".to_vec(), b"no-store".to_vec())],
        body: body.into_bytes(),
    }
}

/// 503 or 429 with the time after which a place would have been free, in whole seconds, at least one.
pub(super) fn try_later(status: u16, retry_after: Duration) -> Built {
    let mut built = page(status, "Too many visitors are coming in at this moment. Please try again shortly.");
    built.fields.push(self::retry_after(retry_after));
    built
}

/// The field that tells when to come again, in whole seconds, at least one.
pub(super) fn retry_after(length: Duration) -> (Vec<u8>, Vec<u8>) {
    let seconds = length.as_millis().div_ceil(1000).max(1);
    (b"Retry-After".to_vec(), seconds.to_string().into_bytes())
}

/// Writes a built answer's head (with its length) and gives back its body. Fields were checked when they were
/// asked for; one that is not fit is left out rather than sent broken.
pub(super) fn write_head(head: &mut ResponseHead, built: Built) -> Vec<u8> {
    head.clear();
    head.set_version(Version::Http11);
    if head.set_status(built.status, &built.reason).is_err() {
        let _fits = head.set_status(500, reason_of(500).as_bytes());
    }
    let fields = head.fields_mut();
    if !built.content_type.is_empty() {
        let _unfit = fields.set(b"Content-Type", &built.content_type);
    }
    for (name, value) in &built.fields {
        // A page has one type: what is said last.
        let is_type = name.eq_ignore_ascii_case(b"Content-Type");
        let _unfit = if is_type { fields.set(name, value) } else { fields.add(name, value) };
    }
    if !matches!(built.status, 204 | 304) {
        let _fits = fields.set(b"Content-Length", built.body.len().to_string().as_bytes());
    }
    if matches!(built.status, 204 | 304) { Vec::new() } else { built.body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_who_must_come_back_is_told_when() {
        let mut head = ResponseHead::default();
        let body = write_head(&mut head, try_later(503, Duration::from_millis(1200)));
        assert_eq!(head.status(), 503);
        assert_eq!(head.fields().get(b"Retry-After"), Some(&b"2"[..]));
        assert_eq!(head.fields().get(b"Content-Length"), Some(body.len().to_string().as_bytes()));
    }
}
