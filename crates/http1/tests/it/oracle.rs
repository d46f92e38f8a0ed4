//! `httparse` as the oracle: what we take, it takes with the same words; what it takes and is written strictly, we do
//! not refuse for its syntax.

use http1::{BadRequest, BadResponse, Decoded, Limits, RequestMethod, decode_request, decode_response};
use message::{Fields, RequestHead, ResponseHead, Version, is_target};
use proptest::prelude::*;

use crate::laws::nearly_http;

const SLOTS: usize = 128;

fn pairs<'a>(theirs: &'a [httparse::Header<'_>]) -> Vec<(&'a [u8], &'a [u8])> {
    theirs.iter().map(|field| (field.name.as_bytes(), field.value)).collect()
}

fn ours(fields: &Fields) -> Vec<(&[u8], &[u8])> {
    fields.iter().map(|(name, value, _)| (name, value)).collect()
}

/// CR and LF only together.
fn has_strict_lines(head: &[u8]) -> bool {
    head.first() != Some(&b'\n') && head.windows(2).all(|two| (two[0] == b'\r') == (two[1] == b'\n'))
}

/// A head whose first line is sound, so that most of the work is about fields.
fn nearly_a_head(first_line: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let whole = (nearly_http(), any::<bool>()).prop_map(move |(rest, ends)| {
        let end = if ends { b"\r\n\r\n".as_slice() } else { b"" };
        [first_line.as_bytes(), b"Host: a\r\n", &rest, end].concat()
    });
    prop_oneof![whole, nearly_http()]
}

proptest! {
    #[test]
    fn a_request_is_read_as_the_oracle_reads_it(input in nearly_a_head("GET /a HTTP/1.1\r\n")) {
        let mut head = RequestHead::default();
        let decoded = decode_request(&input, &Limits::default(), &mut head);
        let mut slots = [httparse::EMPTY_HEADER; SLOTS];
        let mut parsed = httparse::Request::new(&mut slots);
        let theirs = parsed.parse(&input);
        if let Ok(Decoded::Complete { consumed, .. }) = decoded {
            prop_assert_eq!(theirs, Ok(httparse::Status::Complete(consumed)));
            prop_assert_eq!(parsed.method.map(str::as_bytes), Some(head.method()));
            prop_assert_eq!(parsed.path.map(str::as_bytes), Some(head.target()));
            prop_assert_eq!(parsed.version, Some(u8::from(head.version() == Version::Http11)));
            prop_assert_eq!(ours(head.fields()), pairs(parsed.headers));
        }
        if let Ok(httparse::Status::Complete(consumed)) = theirs {
            let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
            let line = format!("{method} {target} HTTP/1.{}\r\n", parsed.version.unwrap_or_default());
            let head = input[..consumed].strip_prefix(b"\r\n").unwrap_or(&input[..consumed]);
            if has_strict_lines(head) && head.starts_with(line.as_bytes()) && is_target(target.as_bytes()) {
                prop_assert!(!matches!(
                    decoded,
                    Err(BadRequest::Syntax(_) | BadRequest::RequestLine | BadRequest::TargetBytes | BadRequest::Version)
                        | Ok(Decoded::Partial)
                ));
            }
        }
    }

    #[test]
    fn a_response_is_read_as_the_oracle_reads_it(input in nearly_a_head("HTTP/1.1 200 OK\r\n")) {
        let mut head = ResponseHead::default();
        let decoded = decode_response(&input, &Limits::default(), RequestMethod::Other, &mut head);
        let mut slots = [httparse::EMPTY_HEADER; SLOTS];
        let mut parsed = httparse::Response::new(&mut slots);
        let theirs = parsed.parse(&input);
        if let Ok(Decoded::Complete { consumed, .. }) = decoded {
            prop_assert_eq!(theirs, Ok(httparse::Status::Complete(consumed)));
            prop_assert_eq!(parsed.code, Some(head.status()));
            prop_assert_eq!(ours(head.fields()), pairs(parsed.headers));
        }
        if let Ok(httparse::Status::Complete(consumed)) = theirs
            && has_strict_lines(&input[..consumed])
            && input.starts_with(b"HTTP/")
        {
            prop_assert!(!matches!(
                decoded,
                Err(BadResponse::Syntax(_) | BadResponse::StatusLine | BadResponse::Version) | Ok(Decoded::Partial)
            ));
        }
    }
}
