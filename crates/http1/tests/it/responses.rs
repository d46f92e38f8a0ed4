//! Responses of nodes are read as strictly as requests.

use http1::{BadFraming, BadResponse, BadSyntax, BodyKind, Decoded, Limits, RequestMethod, decode_response};
use message::{ResponseHead, Version};

fn response(input: &[u8], method: RequestMethod) -> Result<(ResponseHead, BodyKind), BadResponse> {
    let mut head = ResponseHead::default();
    match decode_response(input, &Limits::default(), method, &mut head)? {
        Decoded::Complete { consumed, body } => {
            assert_eq!(consumed, input.len());
            Ok((head, body))
        }
        Decoded::Partial => panic!("the head is whole: {:?}", String::from_utf8_lossy(input)),
    }
}

fn body_of(status: u16, fields: &str, method: RequestMethod) -> BodyKind {
    let input = format!("HTTP/1.1 {status} X\r\n{fields}\r\n");
    response(input.as_bytes(), method).unwrap().1
}

#[test]
fn the_body_depends_on_method_status_and_fields() {
    use RequestMethod::{Connect, Head, Other};
    for (status, fields, method, body) in [
        (200, "Content-Length: 5\r\n", Other, BodyKind::Length(5)),
        (200, "Content-Length: 5\r\n", Head, BodyKind::None),
        (200, "Content-Length: 5\r\n", Connect, BodyKind::None),
        (403, "Content-Length: 5\r\n", Connect, BodyKind::Length(5)),
        (200, "Transfer-Encoding: Chunked\r\n", Other, BodyKind::Chunked),
        (200, "Transfer-Encoding: chunked\r\n", Head, BodyKind::None),
        (200, "", Other, BodyKind::UntilClose),
        (100, "", Other, BodyKind::None),
        (101, "Upgrade: websocket\r\n", Other, BodyKind::None),
        (103, "Link: a\r\n", Other, BodyKind::None),
        (204, "Content-Length: 5\r\n", Other, BodyKind::None),
        (304, "Content-Length: 5\r\n", Other, BodyKind::None),
        (205, "Content-Length: 0\r\n", Other, BodyKind::Length(0)),
    ] {
        assert_eq!(body_of(status, fields, method), body, "{status} {fields:?} {method:?}");
    }
    assert_eq!(RequestMethod::of(b"HEAD"), Head);
    assert_eq!(RequestMethod::of(b"head"), Other);
    assert_eq!(RequestMethod::of(b"CONNECT"), Connect);
}

#[test]
fn ambiguous_framing_is_refused_even_where_no_body_can_follow() {
    for (fields, why) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", BadFraming::LengthAndCoding),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", BadFraming::LengthRepeated),
        ("Content-Length: 5, 5\r\n", BadFraming::LengthRepeated),
        ("Content-Length: 5x\r\n", BadFraming::LengthInvalid),
        ("Transfer-Encoding: gzip, chunked\r\n", BadFraming::CodingList),
        ("Transfer-Encoding: gzip\r\n", BadFraming::CodingUnsupported),
    ] {
        for method in [RequestMethod::Other, RequestMethod::Head] {
            let input = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
            let refused = response(input.as_bytes(), method).unwrap_err();
            assert_eq!(refused, BadResponse::Framing(why), "{fields:?}");
        }
    }
    let old = response(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", RequestMethod::Other);
    assert_eq!(old.unwrap_err(), BadResponse::Framing(BadFraming::CodingOnHttp10));
}

#[test]
fn a_malformed_head_is_refused_by_name() {
    for (input, why) in [
        ("HTTP/1.1 20 OK\r\n\r\n", BadResponse::StatusLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", BadResponse::StatusLine),
        ("HTTP/1.1 099 OK\r\n\r\n", BadResponse::Status),
        ("HTTP/1.1  200 OK\r\n\r\n", BadResponse::StatusLine),
        ("HTTP/2.0 200 OK\r\n\r\n", BadResponse::Version),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", BadResponse::StatusLine),
        ("ICY 200 OK\r\n\r\n", BadResponse::StatusLine),
        ("HTTP/1.1 200 O\rK\r\n\r\n", BadResponse::Syntax(BadSyntax::BareCr)),
        ("HTTP/1.1 200 O\0K\r\n\r\n", BadResponse::Syntax(BadSyntax::Nul)),
        ("HTTP/1.1 200 OK\n\r\n", BadResponse::Syntax(BadSyntax::BareLf)),
        ("HTTP/1.1 200\n\r\n", BadResponse::Syntax(BadSyntax::BareLf)),
        ("HTTP/1.1 200 OK\r\nX: 1\n\r\n", BadResponse::Syntax(BadSyntax::BareLf)),
        ("HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n", BadResponse::Syntax(BadSyntax::Folded)),
        ("HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", BadResponse::Syntax(BadSyntax::BlankBeforeColon)),
        ("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", BadResponse::Syntax(BadSyntax::BareCr)),
    ] {
        assert_eq!(response(input.as_bytes(), RequestMethod::Other).unwrap_err(), why, "{input:?}");
    }
}

#[test]
fn the_reason_is_kept_empty_or_foreign() {
    for (line, reason) in [
        (b"HTTP/1.1 200 OK".as_slice(), b"OK".as_slice()),
        (b"HTTP/1.1 404 Not Found", b"Not Found"),
        (b"HTTP/1.1 200 ", b""),
        (b"HTTP/1.1 200", b""),
        (b"HTTP/1.1 200 \xe4\xfc", b"\xe4\xfc"),
    ] {
        let input = [line, b"\r\nX: 1\r\n\r\n"].concat();
        let (head, _) = response(&input, RequestMethod::Other).unwrap();
        assert_eq!(head.reason(), reason);
        assert_eq!(head.fields().get(b"x"), Some(b"1".as_slice()));
    }
    let (head, body) = response(b"HTTP/1.0 999 \r\n\r\n", RequestMethod::Other).unwrap();
    assert_eq!((head.version(), head.status(), body), (Version::Http10, 999, BodyKind::UntilClose));
}

#[test]
fn a_node_cannot_send_a_head_without_end() {
    let limits = Limits { head_bytes_max: 100, fields_max: 2, ..Limits::default() };
    let decode = |input: String| {
        decode_response(input.as_bytes(), &limits, RequestMethod::Other, &mut ResponseHead::default())
    };
    assert_eq!(decode(format!("HTTP/1.1 200 {}", "a".repeat(100))), Err(BadResponse::HeadTooLarge));
    assert_eq!(
        decode(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(100))),
        Err(BadResponse::HeadTooLarge)
    );
    assert_eq!(
        decode("HTTP/1.1 200 OK\r\nA:1\r\nB:1\r\nC:1\r\n\r\n".to_owned()),
        Err(BadResponse::TooManyFields)
    );
    assert_eq!(decode("HTTP/1.1 200 OK\r\nA:1\r\n".to_owned()), Ok(Decoded::Partial));
    assert_eq!(decode(String::new()), Ok(Decoded::Partial));
}
