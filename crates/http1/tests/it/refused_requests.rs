//! The table of what parsers disagree on, and every further rule, by name.

use http1::{BadFraming, BadRequest, BadSyntax, BodyKind, Decoded, HeadScan, Limits, decode_request};
use message::{Known, RequestHead, Version};

use crate::request;

fn post(fields: &str) -> Vec<u8> {
    format!("POST /a HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes()
}

fn refused(input: &[u8]) -> BadRequest {
    let whole = request(input).map(|(head, _, body)| (head, body)).unwrap_err();
    assert_eq!(whole.code(), whole.code().to_lowercase());
    assert!(!whole.reason().is_empty() && (400..=505).contains(&whole.status()));
    whole
}

fn framing(fields: &str) -> (BadFraming, u16) {
    match refused(&post(fields)) {
        BadRequest::Framing(why) => (why, BadRequest::Framing(why).status()),
        other => panic!("{fields:?}: {other:?}"),
    }
}

#[test]
fn what_could_be_framed_in_two_ways_is_refused() {
    for (fields, why, status) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", BadFraming::LengthAndCoding, 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", BadFraming::LengthAndCoding, 400),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", BadFraming::LengthRepeated, 400),
        ("Content-Length: 5\r\ncontent-length: 6\r\n", BadFraming::LengthRepeated, 400),
        ("Content-Length: 5, 5\r\n", BadFraming::LengthRepeated, 400),
        ("Content-Length: +5\r\n", BadFraming::LengthInvalid, 400),
        ("Content-Length: -5\r\n", BadFraming::LengthInvalid, 400),
        ("Content-Length: 5 5\r\n", BadFraming::LengthInvalid, 400),
        ("Content-Length: 0x5\r\n", BadFraming::LengthInvalid, 400),
        ("Content-Length:\r\n", BadFraming::LengthInvalid, 400),
        ("Content-Length: 99999999999999999999\r\n", BadFraming::LengthInvalid, 400),
        ("Content-Length: 18446744073709551621\r\n", BadFraming::LengthInvalid, 400),
        ("Transfer-Encoding: xchunked\r\n", BadFraming::CodingUnsupported, 501),
        ("Transfer-Encoding: identity\r\n", BadFraming::CodingUnsupported, 501),
        ("Transfer-Encoding:\r\n", BadFraming::CodingUnsupported, 501),
        ("Transfer-Encoding: chunked;q=1\r\n", BadFraming::CodingUnsupported, 501),
        ("Transfer-Encoding: \"chunked\"\r\n", BadFraming::CodingUnsupported, 501),
        ("Transfer-Encoding: chunked, identity\r\n", BadFraming::CodingList, 400),
        ("Transfer-Encoding: identity, chunked\r\n", BadFraming::CodingList, 400),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", BadFraming::CodingList, 400),
        ("Transfer-Encoding: ,chunked\r\n", BadFraming::CodingList, 400),
    ] {
        assert_eq!(framing(fields), (why, status), "{fields:?}");
    }
    let old = b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(refused(old), BadRequest::Framing(BadFraming::CodingOnHttp10));
}

#[test]
fn a_malformed_line_is_refused_by_name() {
    for (fields, why) in [
        ("Content-Length : 5\r\n", BadSyntax::BlankBeforeColon),
        ("Transfer-Encoding\t: chunked\r\n", BadSyntax::BlankBeforeColon),
        ("X: a\r\n b\r\n", BadSyntax::Folded),
        ("X: a\r\n\tb\r\n", BadSyntax::Folded),
        ("X: a\rb\r\n", BadSyntax::BareCr),
        ("X: a\r\r\n", BadSyntax::BareCr),
        ("X: a\0b\r\n", BadSyntax::Nul),
        ("X: a\x01b\r\n", BadSyntax::Control),
        ("X: a\x7fb\r\n", BadSyntax::Control),
        ("X: a\x0bb\r\n", BadSyntax::Control),
        ("X\x01Y: a\r\n", BadSyntax::Control),
        (": a\r\n", BadSyntax::EmptyName),
        ("no colon\r\n", BadSyntax::Name),
        ("X\u{e4}: a\r\n", BadSyntax::Name),
        ("X(Y): a\r\n", BadSyntax::Name),
        ("X Y: a\r\n", BadSyntax::Name),
        ("X: a\nY: b\r\n", BadSyntax::BareLf),
        ("X: a\n", BadSyntax::BareLf),
        ("X:\n", BadSyntax::BareLf),
    ] {
        assert_eq!(refused(&post(fields)), BadRequest::Syntax(why), "{fields:?}");
    }
    let folded_first = b"GET / HTTP/1.1\r\n Host: a\r\n\r\n";
    assert_eq!(refused(folded_first), BadRequest::Syntax(BadSyntax::Folded));
}

#[test]
fn a_bare_lf_is_refused_wherever_it_stands() {
    let good = b"\r\nPOST /a HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n";
    assert!(request(good).is_ok());
    let crs: Vec<usize> = (0..good.len()).filter(|&at| good[at] == b'\r').collect();
    for at in crs {
        let mut input = good.to_vec();
        input.remove(at);
        let why = refused(&input);
        assert_eq!(why, BadRequest::Syntax(BadSyntax::BareLf), "CR taken at {at}");
    }
}

#[test]
fn the_host_is_one_and_agrees_with_the_target() {
    for (input, why) in [
        ("GET / HTTP/1.1\r\n\r\n", BadRequest::HostMissing),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", BadRequest::HostRepeated),
        ("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", BadRequest::HostRepeated),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", BadRequest::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", BadRequest::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", BadRequest::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", BadRequest::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", BadRequest::HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a:port\r\n\r\n", BadRequest::HostInvalid),
        ("GET / HTTP/1.0\r\nHost: \u{e4}\r\n\r\n", BadRequest::HostInvalid),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::HostDisagrees),
        ("GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::HostDisagrees),
        ("GET https://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::HostDisagrees),
        ("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::TargetForm),
    ] {
        assert_eq!(refused(input.as_bytes()), why, "{input:?}");
    }
    for input in [
        "GET http://a/x?y HTTP/1.1\r\nHost: A\r\n\r\n",
        "GET HTTP://a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "GET http://a?x HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        assert!(request(input.as_bytes()).is_ok(), "{input:?}");
    }
}

#[test]
fn the_request_line_is_exactly_three_words() {
    for (line, why) in [
        ("GET  / HTTP/1.1", BadRequest::RequestLine),
        ("GET /  HTTP/1.1", BadRequest::RequestLine),
        (" GET / HTTP/1.1", BadRequest::RequestLine),
        ("GET / HTTP/1.1 ", BadRequest::RequestLine),
        ("GET\t/ HTTP/1.1", BadRequest::RequestLine),
        ("GET / a HTTP/1.1", BadRequest::RequestLine),
        ("GET /", BadRequest::RequestLine),
        ("GET", BadRequest::RequestLine),
        ("G(T / HTTP/1.1", BadRequest::RequestLine),
        ("GET / http/1.1", BadRequest::RequestLine),
        ("GET / HTTP/1", BadRequest::Version),
        ("GET / HTTP/1.2", BadRequest::Version),
        ("GET / HTTP/2.0", BadRequest::Version),
        ("GET / HTTP/0.9", BadRequest::Version),
        ("GET / HTTP/11.1", BadRequest::Version),
        ("GET /\u{80} HTTP/1.1", BadRequest::TargetBytes),
        ("GET /a#b HTTP/1.1", BadRequest::TargetBytes),
        ("GET /a\0 HTTP/1.1", BadRequest::Syntax(BadSyntax::Nul)),
        ("GET /a\r HTTP/1.1", BadRequest::Syntax(BadSyntax::BareCr)),
        ("GET a HTTP/1.1", BadRequest::TargetForm),
        ("GET ftp://a/ HTTP/1.1", BadRequest::TargetForm),
        ("GET http:///x HTTP/1.1", BadRequest::TargetForm),
        ("GET a:80 HTTP/1.1", BadRequest::TargetForm),
        ("GET * HTTP/1.1", BadRequest::TargetForm),
        ("CONNECT a:80 HTTP/1.1", BadRequest::Connect),
    ] {
        let input = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(refused(input.as_bytes()), why, "{line:?}");
    }
    assert!(request(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").is_ok());
    let preface = refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!((preface, preface.status()), (BadRequest::Version, 505));
    let raw = refused(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(matches!(raw, BadRequest::RequestLine | BadRequest::TargetBytes));
}

#[test]
fn one_empty_line_in_front_is_skipped_and_two_are_not() {
    let (_, consumed, _) = request(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nrest").unwrap();
    assert_eq!(consumed, 29);
    assert_eq!(refused(b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), BadRequest::EmptyLines);
    assert_eq!(refused(b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), BadRequest::Syntax(BadSyntax::BareLf));
    assert_eq!(refused(b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"), BadRequest::Syntax(BadSyntax::BareCr));
}

#[test]
fn every_limit_has_its_status() {
    let limits = Limits { head_bytes_max: 200, fields_max: 3, target_bytes_max: 50, ..Limits::default() };
    let status = |input: String| {
        decode_request(input.as_bytes(), &limits, &mut RequestHead::default()).unwrap_err().status()
    };
    assert_eq!(status(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(50))), 414);
    assert_eq!(status(format!("GET /{}", "a".repeat(100))), 414, "before the line is whole");
    assert_eq!(status(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(200))), 431);
    assert_eq!(status(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(200))), 431);
    assert_eq!(status("GET / HTTP/1.1\r\nHost: a\r\nA:1\r\nB:1\r\nC:1\r\n\r\n".to_owned()), 431);
    assert_eq!(status(format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "A".repeat(65))), 501);
    assert_eq!(status("A".repeat(66)), 501);
    let at_the_limit = format!("GET /{} HTTP/1.1\r\nHost: a\r\nA:1\r\nB:1\r\n\r\n", "a".repeat(49));
    assert!(decode_request(at_the_limit.as_bytes(), &limits, &mut RequestHead::default()).is_ok());
    assert_eq!(request(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().2, BodyKind::None);
}

#[test]
fn a_large_head_within_limits_is_taken_and_a_huge_one_is_not() {
    let many = "X-Many: 1\r\n".repeat(10_000);
    assert_eq!(refused(&post(&many)).status(), 431);
    let long = format!("X: {}\r\n", "a".repeat(60_000));
    assert!(request(&post(&long)).is_ok());
    let too_long = format!("X: {}\r\n", "a".repeat(66_000));
    assert_eq!(refused(&post(&too_long)), BadRequest::HeadTooLarge);
}

#[test]
fn case_and_order_are_kept() {
    let (head, consumed, body) =
        request(b"POST /a?b=c HTTP/1.1\r\nhOsT: a\r\nX-b:  1 \t\r\nEmpty:\r\ncontent-LENGTH: 3\r\n\r\nabc")
            .unwrap();
    let lines: Vec<_> = head.fields().iter().collect();
    let expected: [(&[u8], &[u8], Known); 4] = [
        (b"hOsT", b"a", Known::Host),
        (b"X-b", b"1", Known::Other),
        (b"Empty", b"", Known::Other),
        (b"content-LENGTH", b"3", Known::ContentLength),
    ];
    assert_eq!(lines, expected);
    assert_eq!(
        (head.method(), head.target(), head.version()),
        (b"POST".as_slice(), b"/a?b=c".as_slice(), Version::Http11)
    );
    assert_eq!((consumed, body), (71, BodyKind::Length(3)));
}

#[test]
fn garbage_is_refused_before_more_is_read() {
    let limits = Limits::default();
    for input in
        [b"\x16\x03\x01\x02\x00\x01".as_slice(), b"\0", b"GET / HTTP/3", b"GET / HTTP/1.1\n", b"\r\n\n"]
    {
        assert!(decode_request(input, &limits, &mut RequestHead::default()).is_err(), "{input:?}");
    }
}

#[test]
fn a_head_sent_byte_by_byte_is_the_same_head() {
    let input = b"\r\nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let limits = Limits::default();
    let mut head = RequestHead::default();
    let mut scan = HeadScan::new(&limits);
    let mut decodes = 0;
    for end in 0..input.len() {
        if scan.is_ready(&input[..end]) {
            decodes += 1;
            assert_eq!(decode_request(&input[..end], &limits, &mut head), Ok(Decoded::Partial));
        }
    }
    assert!(decodes <= 1);
    assert!(scan.is_ready(input));
    let decoded = decode_request(input, &limits, &mut head);
    assert_eq!(decoded, Ok(Decoded::Complete { consumed: input.len(), body: BodyKind::Chunked }));
}
