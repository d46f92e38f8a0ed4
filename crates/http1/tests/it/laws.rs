//! Laws over generated input.

use http1::{BodyKind, Decoded, HeadScan, Limits, RequestMethod, decode_request, decode_response, encode};
use message::{Fields, RequestHead, ResponseHead, is_field_value, is_token};
use proptest::prelude::*;

use crate::{read_body, request};

/// Bytes that look like HTTP often enough to get past the first line.
pub(crate) fn nearly_http() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "GET", "POST", " ", "/", "/a?b", "http://a/", "*", " HTTP/1.1", " HTTP/1.0", "\r\n", "\r\n\r\n", "\n", "\r",
            "Host: a\r\n", "Host:", ": ", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "X", "\t", "\0",
            "5\r\nhello\r\n", "0\r\n\r\n", "0\r\n", ";a=b", "ffffffffffffffff", "HTTP/1.1 200 OK\r\n", "#", ",", ":",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

prop_compose! {
    fn token()(text in "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}") -> Vec<u8> { text.into_bytes() }
}

prop_compose! {
    fn value()(bytes in prop::collection::vec(prop_oneof![Just(b' '), Just(b'\t'), 0x21..=0x7eu8, 0x80..=0xffu8], 0..40)) -> Vec<u8> {
        bytes
    }
}

/// Names that would change what the head means are made harmless by a prefix.
fn fields() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    prop::collection::vec((token().prop_map(|name| [b"x".as_slice(), &name].concat()), value()), 0..20)
}

fn blanks() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", " ", "  ", "\t", " \t "])
}

fn trimmed(value: &[u8]) -> &[u8] {
    let start = value.iter().position(|&byte| byte != b' ' && byte != b'\t').unwrap_or(value.len());
    let end = value.iter().rposition(|&byte| byte != b' ' && byte != b'\t').map_or(start, |at| at + 1);
    &value[start..end]
}

fn valid_target() -> impl Strategy<Value = String> {
    prop_oneof!["/[!-\"$-~]{0,60}", "http://a[/?][!-\"$-~]{0,40}", "https?://a".prop_map(|text| text)]
}

proptest! {
    #[test]
    fn no_bytes_panic_and_what_is_taken_is_sound(input in prop_oneof![nearly_http(), prop::collection::vec(any::<u8>(), 0..200)]) {
        let limits = Limits::default();
        let mut head = RequestHead::default();
        if let Ok(Decoded::Complete { consumed, .. }) = decode_request(&input, &limits, &mut head) {
            prop_assert!(input[..consumed].ends_with(b"\r\n\r\n"));
            prop_assert!(head.fields().iter().all(|(name, value, _)| is_token(name) && is_field_value(value)));
            for two in input[..consumed].windows(2) {
                prop_assert_eq!(two[0] == b'\r', two[1] == b'\n');
            }
        }
        let mut head = ResponseHead::default();
        if let Ok(Decoded::Complete { consumed, .. }) = decode_response(&input, &limits, RequestMethod::Other, &mut head) {
            prop_assert!(consumed <= input.len() && head.status() >= 100);
            prop_assert!(is_field_value(head.reason()));
        }
        for kind in [BodyKind::Chunked, BodyKind::Length(3), BodyKind::UntilClose, BodyKind::None] {
            read_body(kind, &limits, &input, &[]);
        }
    }

    #[test]
    fn where_the_input_is_cut_changes_nothing(input in nearly_http(), cuts in prop::collection::vec(any::<usize>(), 0..8)) {
        let limits = Limits { chunk_line_bytes_max: 12, trailer_bytes_max: 24, ..Limits::default() };
        prop_assert_eq!(
            read_body(BodyKind::Chunked, &limits, &input, &cuts),
            read_body(BodyKind::Chunked, &limits, &input, &[])
        );
        let mut whole = RequestHead::default();
        let at_once = decode_request(&input, &limits, &mut whole);
        for end in 0..=input.len() {
            let mut head = RequestHead::default();
            match decode_request(&input[..end], &limits, &mut head) {
                Ok(Decoded::Partial) => {}
                Ok(complete) => {
                    prop_assert_eq!(Ok(complete), at_once);
                    prop_assert_eq!(&head, &whole);
                }
                Err(_) => prop_assert!(at_once.is_err()),
            }
        }
    }

    #[test]
    fn waiting_for_the_scan_never_misses_a_head_or_a_refusal(input in nearly_http()) {
        let limits = Limits::default();
        let mut scan = HeadScan::new(&limits);
        let mut last = Ok(Decoded::Partial);
        for end in 1..=input.len() {
            if scan.is_ready(&input[..end]) {
                last = decode_request(&input[..end], &limits, &mut RequestHead::default());
                if last != Ok(Decoded::Partial) {
                    break;
                }
            }
        }
        let at_once = decode_request(&input, &limits, &mut RequestHead::default());
        match (last, at_once) {
            (Ok(Decoded::Complete { .. }), _) => prop_assert_eq!(last, at_once),
            (Ok(Decoded::Partial), at_once) => prop_assert!(at_once.is_err() || at_once == Ok(Decoded::Partial)),
            (Err(_), at_once) => prop_assert!(at_once.is_err()),
        }
    }

    #[test]
    fn every_valid_request_is_taken_as_it_was_meant(
        method in "[A-Z]{1,10}",
        target in valid_target(),
        fields in fields(),
        (before, after) in (blanks(), blanks()),
        (length, in_front) in (prop::option::of(0..u64::from(u32::MAX)), any::<bool>()),
    ) {
        prop_assume!(method != "CONNECT");
        let mut input = if in_front { b"\r\n".to_vec() } else { Vec::new() };
        input.extend_from_slice(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n").as_bytes());
        for (name, value) in &fields {
            input.extend_from_slice(name);
            input.extend_from_slice(format!(":{before}").as_bytes());
            input.extend_from_slice(value);
            input.extend_from_slice(format!("{after}\r\n").as_bytes());
        }
        if let Some(length) = length {
            input.extend_from_slice(format!("Content-Length:{before}{length}{after}\r\n").as_bytes());
        }
        input.extend_from_slice(b"\r\n");
        let (head, consumed, body) = request(&input).unwrap();
        prop_assert_eq!(consumed, input.len());
        prop_assert_eq!(head.method(), method.as_bytes());
        prop_assert_eq!(head.target(), target.as_bytes());
        prop_assert_eq!(body, length.map_or(BodyKind::None, BodyKind::Length));
        let read: Vec<_> = head.fields().iter().skip(1).take(fields.len()).map(|(name, value, _)| (name, value)).collect();
        let meant: Vec<_> = fields.iter().map(|(name, value)| (name.as_slice(), trimmed(value))).collect();
        prop_assert_eq!(read, meant);

        // Written again and read again it is the same head, in origin form.
        let mut out = Vec::new();
        encode::request_head(&mut out, &head, |_, _, _| true);
        encode::end_head(&mut out);
        let (again, consumed, body_again) = request(&out).unwrap();
        prop_assert_eq!((consumed, body_again), (out.len(), body));
        prop_assert_eq!(again.fields(), head.fields());
        prop_assert_eq!((again.method(), again.path(), again.query()), (head.method(), head.path(), head.query()));
    }

    #[test]
    fn a_response_written_and_read_is_the_same(status in 200..=999u16, reason in value(), fields in fields()) {
        let mut head = ResponseHead::new(status, &reason, message::Version::Http11).unwrap();
        for (name, value) in &fields {
            head.fields_mut().add(name, value).unwrap();
        }
        let mut out = Vec::new();
        encode::response_head(&mut out, &head, |_, _, _| true);
        encode::end_head(&mut out);
        let mut again = ResponseHead::default();
        let decoded = decode_response(&out, &Limits::default(), RequestMethod::Head, &mut again);
        prop_assert_eq!(decoded, Ok(Decoded::Complete { consumed: out.len(), body: BodyKind::None }));
        prop_assert_eq!(again, head);
    }

    #[test]
    fn a_body_written_in_chunks_is_read_back(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..8),
        trailers in fields(),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let mut fields = Fields::new();
        for (name, value) in &trailers {
            fields.add(name, value).unwrap();
        }
        let mut out = Vec::new();
        for chunk in &chunks {
            encode::chunk(&mut out, chunk);
        }
        encode::last_chunk(&mut out, Some(&fields));
        let read = read_body(BodyKind::Chunked, &Limits::default(), &out, &cuts);
        prop_assert!(read.ended);
        prop_assert_eq!(read.payload, chunks.concat());
        prop_assert_eq!(read.consumed, out.len());
        prop_assert_eq!(read.trailers.map(|fields| *fields).unwrap_or_default(), fields);
    }

    #[test]
    fn nothing_that_comes_from_outside_splits_a_field_line(name in prop::collection::vec(any::<u8>(), 0..12), value in prop::collection::vec(any::<u8>(), 0..30)) {
        let mut fields = Fields::new();
        let added = fields.add(&name, &value).is_ok();
        let mut out = Vec::new();
        fields.write_to(&mut out, |_, _, _| true);
        prop_assert_eq!(out.iter().filter(|&&byte| byte == b'\n' || byte == b'\r').count(), if added { 2 } else { 0 });
        prop_assert!(!added || (is_token(&name) && is_field_value(&value)));
    }
}
