//! Any bytes as a head, read by our tokenizer and by `httparse`: what we take, it takes with the same words; what it
//! takes and is written strictly, we do not refuse for its syntax.
#![no_main]

use http1::{BadRequest, BadResponse, Decoded, Limits, RequestMethod, decode_request, decode_response};
use libfuzzer_sys::fuzz_target;
use message::{Fields, RequestHead, ResponseHead, Version, is_target};

const SLOTS: usize = 256;

fn same_fields(ours: &Fields, theirs: &[httparse::Header<'_>]) {
    let theirs = theirs.iter().map(|field| (field.name.as_bytes(), field.value));
    assert!(ours.iter().map(|(name, value, _)| (name, value)).eq(theirs));
}

/// CR and LF only together, as our side demands.
fn has_strict_lines(head: &[u8]) -> bool {
    let pairs = head.windows(2).all(|two| (two[0] == b'\r') == (two[1] == b'\n'));
    pairs && head.first() != Some(&b'\n') && head.ends_with(b"\r\n\r\n")
}

fn request(input: &[u8]) {
    let mut head = RequestHead::default();
    let ours = decode_request(input, &Limits { fields_max: SLOTS, ..Limits::default() }, &mut head);
    let mut slots = [httparse::EMPTY_HEADER; SLOTS];
    let mut parsed = httparse::Request::new(&mut slots);
    let theirs = parsed.parse(input);
    if let Ok(Decoded::Complete { consumed, .. }) = ours {
        assert_eq!(theirs, Ok(httparse::Status::Complete(consumed)));
        assert_eq!(parsed.method.map(str::as_bytes), Some(head.method()));
        assert_eq!(parsed.path.map(str::as_bytes), Some(head.target()));
        assert_eq!(parsed.version, Some(u8::from(head.version() == Version::Http11)));
        same_fields(head.fields(), parsed.headers);
    }
    let Ok(httparse::Status::Complete(consumed)) = theirs else { return };
    let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
    let line = format!("{method} {target} HTTP/1.{}\r\n", parsed.version.unwrap_or_default());
    let head = &input[..consumed];
    let head = head.strip_prefix(b"\r\n").unwrap_or(head);
    if has_strict_lines(head) && head.starts_with(line.as_bytes()) && is_target(target.as_bytes()) {
        let refused_for_syntax = matches!(
            ours,
            Err(BadRequest::Syntax(_) | BadRequest::RequestLine | BadRequest::TargetBytes)
                | Err(BadRequest::EmptyLines | BadRequest::Version)
                | Ok(Decoded::Partial)
        );
        assert!(!refused_for_syntax, "{ours:?}");
    }
}

fn response(input: &[u8]) {
    let mut head = ResponseHead::default();
    let limits = Limits { fields_max: SLOTS, ..Limits::default() };
    let ours = decode_response(input, &limits, RequestMethod::Other, &mut head);
    let mut slots = [httparse::EMPTY_HEADER; SLOTS];
    let mut parsed = httparse::Response::new(&mut slots);
    let theirs = parsed.parse(input);
    if let Ok(Decoded::Complete { consumed, .. }) = ours {
        assert_eq!(theirs, Ok(httparse::Status::Complete(consumed)));
        assert_eq!(parsed.code, Some(head.status()));
        assert_eq!(parsed.version, Some(u8::from(head.version() == Version::Http11)));
        // A reason with bytes from 0x80 on is none to them.
        let reason = parsed.reason.unwrap_or_default().as_bytes();
        assert!(reason == head.reason() || (reason.is_empty() && !head.reason().is_ascii()));
        same_fields(head.fields(), parsed.headers);
    }
    let Ok(httparse::Status::Complete(consumed)) = theirs else { return };
    let head = &input[..consumed];
    if has_strict_lines(head) && head.starts_with(b"HTTP/") {
        let refused_for_syntax = matches!(
            ours,
            Err(BadResponse::Syntax(_) | BadResponse::StatusLine | BadResponse::Version)
                | Ok(Decoded::Partial)
        );
        assert!(!refused_for_syntax, "{ours:?}");
    }
}

fuzz_target!(|input: &[u8]| {
    request(input);
    response(input);
});
