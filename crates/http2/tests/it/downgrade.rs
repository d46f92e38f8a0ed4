//! What of a request gets through to HTTP/1.1, and what does not.

use http1::{BadRequest, BodyKind, Decoded, Limits, decode_request, encode};
use http2::{Asked, Malformed, Pseudo, StreamState, read_request, read_trailers};
use message::RequestHead;

const GET: Pseudo<'static> = Pseudo {
    method: b"GET",
    scheme: Some(b"https"),
    authority: Some(b"a.example"),
    path: Some(b"/song?a=1"),
    protocol: None,
};

fn read(pseudo: Pseudo<'_>, fields: &[(&str, &str)]) -> Result<(Asked, RequestHead), Malformed> {
    read_in(pseudo, fields, StreamState::Ended)
}

fn read_in(
    pseudo: Pseudo<'_>,
    fields: &[(&str, &str)],
    state: StreamState,
) -> Result<(Asked, RequestHead), Malformed> {
    let mut head = RequestHead::default();
    let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let asked = read_request(&pseudo, fields, state, &Limits::default(), &mut head)?;
    Ok((asked, head))
}

fn refused(pseudo: Pseudo<'_>, fields: &[(&str, &str)]) -> Malformed {
    match read(pseudo, fields) {
        Err(why) => why,
        Ok((_, head)) => panic!("let through: {head:?}"),
    }
}

fn written(head: &RequestHead) -> String {
    let mut out = Vec::new();
    encode::request_head(&mut out, head, |_, _, _| true);
    encode::end_head(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn a_request_becomes_the_same_request_of_http_1() {
    let (asked, head) =
        read(GET, &[("accept", "*/*"), ("cookie", "a=1"), ("x-b", ""), ("cookie", "b=2")]).unwrap();
    let expected =
        "GET /song?a=1 HTTP/1.1\r\nHost: a.example\r\naccept: */*\r\nx-b: \r\ncookie: a=1; b=2\r\n\r\n";
    assert_eq!(written(&head), expected);
    assert_eq!((asked.body, asked.is_tunnel), (BodyKind::None, false));
    assert_eq!(head.version(), message::Version::Http2);
    let mut again = RequestHead::default();
    let decoded = decode_request(expected.as_bytes(), &Limits::default(), &mut again);
    assert_eq!(decoded, Ok(Decoded::Complete { consumed: expected.len(), body: BodyKind::None }));
}

#[test]
fn the_host_is_the_authority_or_the_host_field_and_never_two_things() {
    let alone = Pseudo { authority: None, ..GET };
    assert_eq!(read(alone, &[("host", "b.example:8080")]).unwrap().1.host(), Some(&b"b.example:8080"[..]));
    assert_eq!(read(GET, &[("host", "A.Example")]).unwrap().1.fields().all(b"host").count(), 1);
    assert_eq!(refused(GET, &[("host", "b.example")]), BadRequest::HostDisagrees.into());
    assert_eq!(refused(GET, &[("host", "a.example:81")]), BadRequest::HostDisagrees.into());
    assert_eq!(refused(alone, &[("host", "a"), ("host", "a")]), BadRequest::HostRepeated.into());
    assert_eq!(refused(alone, &[]), BadRequest::HostMissing.into());
    assert_eq!(refused(alone, &[("host", "a, b")]), BadRequest::HostInvalid.into());
    for bad in ["", "a b", "user@a.example", "a.example/x", "a\r\nX: 1", "a,b", "a:99999", "[::1"] {
        assert_eq!(
            refused(Pseudo { authority: Some(bad.as_bytes()), ..GET }, &[]),
            Malformed::Authority,
            "{bad:?}"
        );
    }
}

#[test]
fn a_path_is_a_path() {
    for bad in
        ["", "song", "http://a.example/", "/a b", "/a\tb", "/a#b", "/a\r\nX: 1", "/a\0", "/\u{e4}", "*", "?a"]
    {
        assert_eq!(refused(Pseudo { path: Some(bad.as_bytes()), ..GET }, &[]), Malformed::Path, "{bad:?}");
    }
    assert_eq!(refused(Pseudo { path: None, ..GET }, &[]), Malformed::Path);
    let (_, head) = read(Pseudo { method: b"OPTIONS", path: Some(b"*"), ..GET }, &[]).unwrap();
    assert!(written(&head).starts_with("OPTIONS * HTTP/1.1\r\n"));
    let long = [b"/".as_slice(), &vec![b'a'; 32 * 1024]].concat();
    assert_eq!(refused(Pseudo { path: Some(&long), ..GET }, &[]), BadRequest::TargetTooLong.into());
}

#[test]
fn methods_and_schemes_are_what_they_may_be() {
    for bad in ["", "GET /", "G T", "GET\r\n", "GE:T", "\u{e4}"] {
        let status = refused(Pseudo { method: bad.as_bytes(), ..GET }, &[]).status();
        assert_eq!(status, 400, "{bad:?}");
    }
    assert_eq!(refused(Pseudo { method: &[b'A'; 65], ..GET }, &[]).status(), 501);
    assert_eq!(refused(Pseudo { method: b"CONNECT", ..GET }, &[]), BadRequest::Connect.into());
    for bad in ["ftp", "", "https://a", "http\r\n", "file"] {
        assert_eq!(
            refused(Pseudo { scheme: Some(bad.as_bytes()), ..GET }, &[]),
            Malformed::Scheme,
            "{bad:?}"
        );
    }
    assert!(read(Pseudo { scheme: Some(b"HTTP"), ..GET }, &[]).is_ok());
    assert!(read(Pseudo { scheme: None, ..GET }, &[]).is_ok());
}

#[test]
fn fields_of_a_connection_and_unsound_fields_do_not_get_through() {
    for name in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"] {
        assert_eq!(refused(GET, &[(name, "x")]), Malformed::ConnectionField, "{name}");
    }
    assert_eq!(refused(GET, &[("te", "trailers, deflate")]), Malformed::Te);
    assert!(read(GET, &[("te", "trailers")]).unwrap().1.fields().get(b"te").is_none());
    for name in ["Accept", "x y", "", ":path", ":x", "a:", "x\r\n", "x\0", "\u{e4}", "x\t"] {
        assert_eq!(refused(GET, &[(name, "x")]), Malformed::Name, "{name:?}");
    }
    for value in ["a\r\nX: 1", "a\nb", "a\rb", "a\0b", "a\x7fb", "\x1b[2J"] {
        assert_eq!(refused(GET, &[("x-a", value)]).status(), 400, "{value:?}");
    }
    for value in [" a", "a ", "\ta", "a\t", " "] {
        assert_eq!(refused(GET, &[("x-a", value)]), Malformed::ValueBlanks, "{value:?}");
    }
    assert!(read(GET, &[("x-a", "a\tb \u{e4}")]).is_ok());
}

#[test]
fn a_length_is_one_number_and_agrees_with_the_stream() {
    let post = Pseudo { method: b"POST", ..GET };
    let body = |fields: &[(&str, &str)], state| read_in(post, fields, state).map(|(asked, _)| asked.body);
    assert_eq!(body(&[], StreamState::Open), Ok(BodyKind::UntilClose));
    assert_eq!(body(&[("content-length", "5")], StreamState::Open), Ok(BodyKind::Length(5)));
    assert_eq!(body(&[("content-length", "0")], StreamState::Ended), Ok(BodyKind::Length(0)));
    let nothing_yet = body(&[("content-length", "0")], StreamState::Open);
    assert_eq!(nothing_yet, Ok(BodyKind::UntilClose), "whole only once the stream has ended");
    assert_eq!(body(&[], StreamState::Ended), Ok(BodyKind::Length(0)), "a node may insist on a length");
    assert_eq!(read(GET, &[]).unwrap().0.body, BodyKind::None);
    assert_eq!(body(&[("content-length", "5")], StreamState::Ended), Err(Malformed::LengthMismatch));
    for bad in ["", "+5", "-5", "5,5", "0x5", "5 5", "18446744073709551616", "five"] {
        let state = StreamState::Open;
        assert_eq!(body(&[("content-length", bad)], state).expect_err(bad).status(), 400, "{bad:?}");
    }
    let twice = [("content-length", "5"), ("content-length", "5")];
    assert_eq!(body(&twice, StreamState::Open).expect_err("two").status(), 400);
}

#[test]
fn an_extended_connect_asks_the_node_for_an_upgrade() {
    let connect = Pseudo { method: b"CONNECT", protocol: Some(b"websocket"), ..GET };
    let fields =
        [("sec-websocket-version", "13"), ("sec-websocket-key", "mine"), ("origin", "https://a.example")];
    let (asked, head) = read_in(connect, &fields, StreamState::Open).unwrap();
    assert!(asked.is_tunnel && asked.body == BodyKind::None);
    assert_eq!(
        written(&head),
        "GET /song?a=1 HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nHost: a.example\r\n\
         sec-websocket-version: 13\r\norigin: https://a.example\r\n\r\n"
    );
    let other = Pseudo { protocol: Some(b"connect-udp"), ..connect };
    assert_eq!(refused(other, &[]).status(), 501);
    assert_eq!(refused(Pseudo { method: b"GET", ..connect }, &[]), Malformed::Protocol);
    let with_length = read_in(connect, &[("content-length", "3")], StreamState::Open);
    assert_eq!(with_length.map(|_| ()), Err(Malformed::LengthMismatch));
}

#[test]
fn a_head_has_the_limits_of_http_1() {
    let value = "x".repeat(1_000);
    let names: Vec<String> = (0..129).map(|number| format!("x-{number}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(refused(GET, &many).status(), 431);
    let full = &many[..127];
    assert!(read(GET, full).is_ok(), "the host is the last that fits");
    assert_eq!(read_in(GET, full, StreamState::Open).map(|_| ()), Err(BadRequest::TooManyFields.into()));
    let large: Vec<_> = names.iter().take(70).map(|name| (name.as_str(), value.as_str())).collect();
    assert_eq!(refused(GET, &large), BadRequest::HeadTooLarge.into());
}

#[test]
fn trailers_are_checked_as_fields_are_and_lose_what_may_not_come_late() {
    let read = |fields: &[(&'static str, &'static str)]| {
        let fields = fields.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        read_trailers(fields, &Limits::default())
    };
    let kept = read(&[("grpc-status", "0"), ("content-length", "5"), ("host", "b")]).unwrap().unwrap();
    assert_eq!(kept.iter().map(|(name, _, _)| name).collect::<Vec<_>>(), [b"grpc-status"]);
    assert_eq!(read(&[("host", "b")]), Ok(None));
    assert!(read(&[("transfer-encoding", "chunked")]).is_err() && read(&[("X", "1")]).is_err());
}
