//! Answers: those built here, and what rules change about any.

use super::Transaction;
use crate::error_pages::{Form, Told};
use crate::host::Built;
use core::time::Duration;
use message::{ResponseHead, Version, reason_of};

/// What visitors are told for whom there was no place in time.
pub(super) const TRY_LATER: &str =
    "Too many visitors are coming in at this moment. Please try again shortly.";

impl Transaction {
    /// What the client is told when there is no answer for it, in the form that it accepts, with the request's id.
    pub(super) fn error_page(&self, status: u16, sentence: &str) -> Built {
        let (host, server) = (&self.host, self.virtual_server());
        let mut ours = None;
        let name = host.request_name(&mut ours);
        let request_id = std::str::from_utf8(name).unwrap_or_default();
        let told = Told { status, sentence, request_id };
        let wanted = Form::wanted(host.request.fields());
        let (content_type, body) = server.error_pages.tell(told, Some(wanted));
        let mut fields = vec![(b"Cache-Control".to_vec(), b"no-store".to_vec())];
        if let Some(header) = &server.request_id.header {
            fields.push((header.as_bytes().to_vec(), name.to_vec()));
        }
        Built {
            status,
            reason: reason_of(status).as_bytes().to_vec(),
            content_type: content_type.as_bytes().to_vec(),
            fields,
            body,
        }
    }
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
        let seconds = |length| retry_after(length).1;
        assert_eq!(seconds(Duration::from_millis(1200)), b"2");
        assert_eq!(seconds(Duration::ZERO), b"1");
    }
}
