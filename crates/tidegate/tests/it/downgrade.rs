//! Hostile requests of HTTP/2, frame by frame, judged by what a node of HTTP/1.1 gets: nothing that is whole, or exactly
//! one sound request that means the same.

use crate::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Line, RawClient, block, frame, string,
};
use crate::kit::{PATIENCE, Proxy, catalog, folder};
use crate::strict_node::{Record, Seen, strict_node};
use std::sync::mpsc::Receiver;

/// What must come of a case.
enum Then {
    /// No whole request reaches the node, and the client gets no 200.
    Nothing,
    /// One reaches it: its line, some of its fields, names of fields that are gone, its body. The client gets 200.
    Same {
        line: &'static str,
        has: &'static [&'static str],
        lacks: &'static [&'static str],
        body: &'static [u8],
    },
}
use Then::Nothing;

struct Case {
    name: String,
    bytes: Vec<u8>,
    then: Then,
}

const GET: [Line<'static>; 4] =
    [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"site.example"), (b":path", b"/a")];
const POST: [Line<'static>; 4] = [(b":method", b"POST"), GET[1], GET[2], GET[3]];

/// Bytes that end a line, a name or a string for somebody.
const SPLITTERS: [&[u8]; 9] = [
    b"a\r\nx-b: 1",
    b"a\nx-b: 1",
    b"a\rx-b: 1",
    b"a\0b",
    b"a\r\n folded",
    b"\r\n\r\nGET /b HTTP/1.1\r\nhost: b\r\n\r\n",
    b"a\x0bb",
    b"a\x7fb",
    b"a\r\n0\r\n\r\n",
];

fn with<'a>(more: &[Line<'a>]) -> Vec<Line<'a>> {
    GET.iter().chain(more).copied().collect()
}

fn without<'a>(name: &[u8], more: &[Line<'a>]) -> Vec<Line<'a>> {
    with(more).into_iter().filter(|(field, _)| *field != name).collect()
}

fn instead<'a>(name: &[u8], value: &'a [u8]) -> Vec<Line<'a>> {
    GET.iter().map(|&(field, old)| (field, if field == name { value } else { old })).collect()
}

/// A head that is the whole request.
fn head(name: &str, fields: &[Line<'_>], then: Then) -> Case {
    packed(name, &block(fields), then)
}

/// The same with a block of fields as it stands, in as many frames as it takes.
fn packed(name: &str, block: &[u8], then: Then) -> Case {
    Case { name: name.to_owned(), bytes: head_frames(block, END_STREAM), then }
}

fn head_frames(block: &[u8], flags: u8) -> Vec<u8> {
    let mut pieces = block.chunks(16_000).peekable();
    let first = pieces.next().unwrap_or_default();
    let end = |is_last: bool| if is_last { END_HEADERS } else { 0 };
    let mut bytes = frame(HEADERS, flags | end(pieces.peek().is_none()), 1, first);
    while let Some(piece) = pieces.next() {
        bytes.extend(frame(CONTINUATION, end(pieces.peek().is_none()), 1, piece));
    }
    bytes
}

/// A head, pieces of a body, and trailers; the last of them ends the stream.
fn body(name: &str, fields: &[Line<'_>], (pieces, trailers): (&[&[u8]], &[Line<'_>]), then: Then) -> Case {
    let fields: Vec<_> = POST.iter().chain(fields).copied().collect();
    let mut bytes = head_frames(&block(&fields), 0);
    for (at, piece) in pieces.iter().enumerate() {
        let is_last = at + 1 == pieces.len() && trailers.is_empty();
        bytes.extend(frame(DATA, if is_last { END_STREAM } else { 0 }, 1, piece));
    }
    if !trailers.is_empty() {
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(trailers)));
    }
    Case { name: name.to_owned(), bytes, then }
}

fn named(what: &str, name: &[u8], value: &[u8]) -> String {
    format!("{what} {:?}: {:?}", name.escape_ascii().to_string(), value.escape_ascii().to_string())
}

fn of_splitters() -> Vec<Case> {
    let mut cases = Vec::new();
    for evil in SPLITTERS {
        for name in [&b"x-a"[..], b"cookie", b"user-agent", b"host", b"content-length", b"te"] {
            cases.push(head(&named("value", name, evil), &with(&[(name, evil)]), Nothing));
        }
        cases.push(head(&named("name", evil, b"1"), &with(&[(evil, b"1")]), Nothing));
        for (name, _) in GET {
            cases.push(head(&named("instead", name, evil), &instead(name, evil), Nothing));
        }
        let path = [b"/", evil].concat();
        cases.push(head(&named("instead", b":path", &path), &instead(b":path", &path), Nothing));
        cases.push(body(&named("trailer", b"x-a", evil), &[], (&[b"abc"], &[(b"x-a", evil)]), Nothing));
        cases.push(body(&named("trailer", evil, b"1"), &[], (&[b"abc"], &[(evil, b"1")]), Nothing));
    }
    let names: [&[u8]; 12] =
        [b"", b" x", b"x ", b"x a", b"x\t", b"x:", b"x: 1", b"X-A", b"x(y)", b"x\xe9", b"x\"y", b"host:"];
    for name in names {
        cases.push(head(&named("name", name, b"1"), &with(&[(name, b"1")]), Nothing));
    }
    for value in [&b" a"[..], b"a ", b"\ta", b"a\t", b" "] {
        cases.push(head(&named("value", b"x-a", value), &with(&[(b"x-a", value)]), Nothing));
    }
    cases
}

fn of_pseudo_fields() -> Vec<Case> {
    let mut cases = vec![head("no fields at all", &[], Nothing)];
    for (name, value) in GET {
        if name != b":authority" {
            cases.push(head(&named("without", name, b""), &without(name, &[]), Nothing));
        }
        cases.push(head(&named("twice", name, value), &with(&[(name, value)]), Nothing));
        cases.push(head(&named("twice", name, b"/b"), &with(&[(name, b"/b")]), Nothing));
        cases.push(head(
            &named("late", name, value),
            &without(name, &[(b"x-a", b"1"), (name, value)]),
            Nothing,
        ));
    }
    cases.push(head("no host", &without(b":authority", &[]), Nothing));
    for name in [&b":status"[..], b":x", b":PATH", b":host", b":", b":protocol", b":path "] {
        cases.push(head(&named("with", name, b"200"), &with(&[(name, b"200")]), Nothing));
    }
    let values: [(&[u8], &[&[u8]]); 4] = [
        (
            b":path",
            &[
                b"",
                b"*",
                b"a",
                b"?a",
                b"http://site.example/a",
                b"https://b/",
                b"/a b",
                b"/a\tb",
                b"/a HTTP/1.1",
            ],
        ),
        (b":method", &[b"", b"G T", b"GET /b HTTP/1.1", b"G(T", b"G:T", b"G\xc3\x89T"]),
        (b":scheme", &[b"", b"ftp", b"http:", b"http://b", b"javascript", b"ht tp"]),
        (
            b":authority",
            &[
                b"",
                b" ",
                b"a b",
                b"user@site.example",
                b"user:pw@site.example",
                b"site.example/x",
                b"site.example?x",
                b"site.example#x",
                b"site.example, b",
                b"site.example:80:80",
                b"site.example:x",
                b"[::1",
                b"::1",
                b"site.example\\b",
                b"http://site.example",
                b"site.example:99999999",
            ],
        ),
    ];
    for (name, values) in values {
        for value in values {
            cases.push(head(&named("instead", name, value), &instead(name, value), Nothing));
        }
    }
    let long = [&b"/"[..], &vec![b'a'; 60_000]].concat();
    cases.push(head("a path of 60 kB", &instead(b":path", &long), Nothing));
    cases.push(head("a method of 200 bytes", &instead(b":method", &[b'A'; 200]), Nothing));
    cases
}

fn of_framing() -> Vec<Case> {
    let mut cases = Vec::new();
    let fields: [(&[u8], &[&[u8]]); 6] = [
        (b"transfer-encoding", &[b"chunked", b"identity", b"gzip, chunked", b"xchunked", b""]),
        (b"connection", &[b"close", b"keep-alive", b"x-a", b"upgrade", b"transfer-encoding", b""]),
        (b"keep-alive", &[b"timeout=5"]),
        (b"proxy-connection", &[b"close"]),
        (b"upgrade", &[b"h2c", b"websocket"]),
        (b"te", &[b"gzip", b"trailers, gzip", b"trailers;q=1", b"chunked", b""]),
    ];
    for (name, values) in fields {
        for value in values {
            cases.push(head(&named("with", name, value), &with(&[(name, value)]), Nothing));
            let pieces: &[&[u8]] = &[b"0\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n"];
            cases.push(body(&named("a body with", name, value), &[(name, value)], (pieces, &[]), Nothing));
        }
    }
    for length in [
        &b""[..],
        b"+3",
        b"-3",
        b"3,3",
        b"3, 3",
        b"0x3",
        b"3a",
        b"1e1",
        b"3;",
        b"3.0",
        b"99999999999999999999999",
        b"\xd9\xa3",
        b"2",
        b"4",
        b"0",
    ] {
        let said: [Line<'_>; 1] = [(b"content-length", length)];
        cases.push(body(
            &named("three bytes with", b"content-length", length),
            &said,
            (&[b"abc"], &[]),
            Nothing,
        ));
    }
    let twice = |one, two| -> [Line<'static>; 2] { [(b"content-length", one), (b"content-length", two)] };
    cases.push(body("lengths that differ", &twice(b"3", b"4"), (&[b"abc"], &[]), Nothing));
    cases.push(body("one length twice", &twice(b"3", b"3"), (&[b"abc"], &[]), Nothing));
    let five: [Line<'static>; 1] = [(b"content-length", b"5")];
    cases.push(body("pieces beyond the length", &five, (&[b"abc", b"def"], &[]), Nothing));
    cases.push(body("trailers before the length", &five, (&[b"abc"], &[(b"x-a", b"1")]), Nothing));
    cases.push(head("a length and no body", &with(&five), Nothing));
    for host in [&b"other.example"[..], b"site.example:81", b"", b"site.example, b", b"site.example.", b"a b"]
    {
        cases.push(head(&named("beside", b"host", host), &with(&[(b"host", host)]), Nothing));
    }
    let hosts = |one, two| without(b":authority", &[(b"host", one), (b"host", two)]);
    cases.push(head("two hosts", &hosts(b"site.example", b"other.example"), Nothing));
    cases.push(head("one host twice", &hosts(b"site.example", b"site.example"), Nothing));
    cases.push(head("an empty host", &without(b":authority", &[(b"host", b"")]), Nothing));
    cases
}

fn of_trailers_and_states() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value) in [
        (&b"transfer-encoding"[..], &b"chunked"[..]),
        (b"connection", b"close"),
        (b"X-A", b"1"),
        (b"upgrade", b"h2c"),
        (b":status", b"7"),
    ] {
        cases.push(body(&named("trailer", name, value), &[], (&[b"abc"], &[(name, value)]), Nothing));
    }
    for name in [&b"content-length"[..], b"host", b"authorization", b"cookie", b":path", b":method"] {
        let then = Then::Same { line: "POST /a HTTP/1.1", has: &[], lacks: &["x-never"], body: b"abc" };
        cases.push(body(
            &named("trailer that is dropped", name, b"7"),
            &[],
            (&[b"abc"], &[(name, b"7")]),
            then,
        ));
    }
    let open = || head_frames(&block(&POST), 0);
    let more = |name: &str, bytes: Vec<u8>| Case {
        name: name.to_owned(),
        bytes: [open(), bytes].concat(),
        then: Nothing,
    };
    let trailers = block(&[(b"x-a", b"1")]);
    cases.push(more("trailers that do not end", frame(HEADERS, END_HEADERS, 1, &trailers)));
    cases.push(more("a second head", frame(HEADERS, END_HEADERS, 1, &block(&GET))));
    cases.push(more(
        "a body cut by a reset",
        [frame(DATA, 0, 1, b"abc"), frame(3, 0, 1, &[0, 0, 0, 8]), frame(DATA, END_STREAM, 1, b"def")]
            .concat(),
    ));
    let connect = |fields: &[Line<'static>], more: &[Line<'static>]| -> Vec<Line<'static>> {
        let method: Line<'static> = (b":method", b"CONNECT");
        [&[method], fields, more].concat()
    };
    let protocol = |value| -> [Line<'static>; 1] { [(b":protocol", value)] };
    cases.push(head("CONNECT", &connect(&[GET[2]], &[]), Nothing));
    cases.push(head("CONNECT with a port", &connect(&[(b":authority", b"site.example:443")], &[]), Nothing));
    cases.push(head("CONNECT with a path", &connect(&GET[1..], &[]), Nothing));
    cases.push(head("CONNECT to nobody", &connect(&[], &[]), Nothing));
    for to in [&b"connect-udp"[..], b"websocket\r\nx: 1", b"", b"h2c"] {
        cases.push(head(&named("CONNECT", b":protocol", to), &connect(&GET[1..], &protocol(to)), Nothing));
    }
    cases.push(head(
        "a tunnel with a length",
        &connect(&GET[1..], &[(b":protocol", b"websocket"), (b"content-length", b"3")]),
        Nothing,
    ));
    cases.push(head("GET with a protocol", &with(&protocol(b"websocket")), Nothing));
    cases
}

/// Codes of HPACK for the few bytes that are wanted (RFC 7541, appendix B), put together.
fn huffman(text: &[u8]) -> Vec<u8> {
    let (mut bits, mut count) = (Vec::new(), 0_usize);
    for byte in text {
        let (code, length): (u32, u32) = match byte {
            0 => (0x1ff8, 13),
            b'\n' => (0x3fff_fffc, 30),
            b'\r' => (0x3fff_fffd, 30),
            b' ' => (0x14, 6),
            b':' => (0x5c, 7),
            b'a' => (0x3, 5),
            b'b' => (0x23, 6),
            other => panic!("no code for {other}"),
        };
        for at in (0..length).rev() {
            bits.push(code >> at & 1 == 1);
            count += 1;
        }
    }
    bits.resize(count.div_ceil(8) * 8, true);
    let bytes: Vec<u8> =
        bits.chunks(8).map(|octet| octet.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit))).collect();
    [&[0x80 | u8::try_from(bytes.len()).unwrap()][..], &bytes].concat()
}

fn of_packing() -> Vec<Case> {
    let get = block(&GET);
    let and = |parts: &[&[u8]]| [&get[..], &parts.concat()].concat();
    let mut cases = vec![
        packed("a value with CR LF, packed", &and(&[&[0], &string(b"x-a"), &huffman(b"a\r\nb: a")]), Nothing),
        packed("a value with NUL, packed", &and(&[&[0], &string(b"x-a"), &huffman(b"a\0b")]), Nothing),
        packed("a name with LF, packed", &and(&[&[0], &huffman(b"a\nb"), &string(b"1")]), Nothing),
        packed("a name with a colon, packed", &and(&[&[0], &huffman(b"a: b"), &string(b"1")]), Nothing),
        packed("a value never indexed", &and(&[&[0x10], &string(b"x-a"), &string(b"a\r\nb: 1")]), Nothing),
        packed("a named value", &and(&[&[0x0f, 58 - 15], &string(b"a\r\nb: 1")]), Nothing),
        packed("transfer-encoding by its number", &and(&[&[0x0f, 57 - 15], &string(b"chunked")]), Nothing),
        packed("host by its number", &and(&[&[0x0f, 38 - 15], &string(b"other.example")]), Nothing),
        packed("a second path by its number", &and(&[&[0x84]]), Nothing),
        packed("a status by its number", &and(&[&[0x88]]), Nothing),
        packed("number 0", &and(&[&[0x80]]), Nothing),
        packed("a number of nothing", &and(&[&[0xff, 0x7f]]), Nothing),
        packed("a table changed behind fields", &and(&[&[0x20]]), Nothing),
        packed("a string beyond the block", &and(&[&[0, 1, b'x', 100, b'a']]), Nothing),
    ];
    // What the table was taught by a refused request is refused when it is called by its number.
    let taught = and(&[&[0x40], &string(b"x-a"), &string(b"a\r\nb: 1")]);
    let called = and(&[&[0xbe]]);
    let bytes = [
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &taught),
        frame(HEADERS, END_HEADERS | END_STREAM, 3, &called),
    ];
    cases.push(Case { name: "a value from the table".to_owned(), bytes: bytes.concat(), then: Nothing });
    let split = and(&[&[0], &string(b"x-a"), &string(b"a\r\nx-b: 1")]);
    let at = split.len() - b"\nx-b: 1".len();
    let bytes =
        [frame(HEADERS, END_STREAM, 1, &split[..at]), frame(CONTINUATION, END_HEADERS, 1, &split[at..])];
    cases.push(Case { name: "CR and LF in two frames".to_owned(), bytes: bytes.concat(), then: Nothing });
    let huge = vec![b'a'; 70_000];
    cases.push(head("a field of 70 kB", &with(&[(b"x-a", &huge)]), Nothing));
    let many: Vec<Line<'_>> = vec![(b"x-a", b"1"); 2000];
    cases.push(head("2,000 fields", &with(&many), Nothing));
    let crumbs: Vec<Line<'_>> = vec![(b"cookie", &huge[..40]); 1500];
    cases.push(head("1,500 crumbs of a cookie", &with(&crumbs), Nothing));
    cases
}

fn controls() -> Vec<Case> {
    let get =
        |has| Then::Same { line: "GET /a HTTP/1.1", has, lacks: &["te", "connection", "x-b"], body: b"" };
    let post = |has, body| Then::Same { line: "POST /a HTTP/1.1", has, lacks: &["te", "upgrade"], body };
    let line = |line| Then::Same { line, has: &["host: site.example"], lacks: &[], body: b"" };
    let chunked: &[&str] = &["transfer-encoding: chunked"];
    let cookies: &[Line<'_>] = &[(b"cookie", b"a=1"), (b"x-a", b"1"), (b"cookie", b"b=2"), (b"cookie", b"c")];
    vec![
        head("a request", &GET, get(&["host: site.example"])),
        head("crumbs of a cookie", &with(cookies), get(&["cookie: a=1; b=2; c", "x-a: 1"])),
        head("te: trailers", &with(&[(b"te", b"trailers")]), get(&[])),
        head("an empty value", &with(&[(b"x-a", b"")]), get(&["x-a: "])),
        head("a tab in a value", &with(&[(b"x-a", b"a\tb: c")]), get(&["x-a: a\tb: c"])),
        head("the host once more", &with(&[(b"host", b"site.example")]), get(&["host: site.example"])),
        head(
            "a host only",
            &without(b":authority", &[(b"host", b"site.example")]),
            get(&["host: site.example"]),
        ),
        head("a port", &instead(b":authority", b"site.example:80"), get(&["host: site.example:80"])),
        head(
            "an encoded path",
            &instead(b":path", b"/%0d%0a%00?a=b%20c"),
            line("GET /%0d%0a%00?a=b%20c HTTP/1.1"),
        ),
        head("two slashes", &instead(b":path", b"//b.example/../x"), line("GET //b.example/../x HTTP/1.1")),
        head("another method", &instead(b":method", b"get"), line("get /a HTTP/1.1")),
        head(
            "OPTIONS *",
            &[(b":method", b"OPTIONS"), GET[1], GET[2], (b":path", b"*")],
            line("OPTIONS * HTTP/1.1"),
        ),
        head("no body, and a length says so", &with(&[(b"content-length", b"0")]), get(&[])),
        body(
            "a body of a length",
            &[(b"content-length", b"3")],
            (&[b"abc"], &[]),
            post(&["content-length: 3"], b"abc"),
        ),
        body(
            "the length in pieces",
            &[(b"content-length", b"5")],
            (&[b"ab", b"", b"cde"], &[]),
            post(&[], b"abcde"),
        ),
        body(
            "a body without length",
            &[],
            (&[b"0\r\n\r\n", b"GET /"], &[]),
            post(chunked, b"0\r\n\r\nGET /"),
        ),
        body("a length of nothing", &[(b"content-length", b"0")], (&[b""], &[]), post(chunked, b"")),
        body("trailers", &[], (&[b"abc"], &[(b"x-t", b"1")]), post(chunked, b"abc")),
        packed(
            "by numbers",
            &[0x82, 0x86, 0x84, 0x41, 1, b's'],
            Then::Same { line: "GET / HTTP/1.1", has: &["host: s"], lacks: &[], body: b"" },
        ),
    ]
}

/// All that the node got up to the control's request.
fn got(node: &Receiver<Record>) -> Vec<Record> {
    let mut records = Vec::new();
    loop {
        match node.recv_timeout(PATIENCE).unwrap() {
            Ok(seen) if seen.line == "GET /control HTTP/1.1" => return records,
            record => records.push(record),
        }
    }
}

/// What is wrong with what came of a case.
fn wrong(case: &Case, is_answered: bool, records: &[Record]) -> Option<String> {
    let fault = match (&case.then, records) {
        (Nothing, []) if !is_answered => return None,
        (Then::Same { line, has, lacks, body }, [Ok(seen)]) if is_answered => {
            differs(seen, (line, has, lacks, body))?
        }
        _ => format!("answered with 200: {is_answered}"),
    };
    Some(format!("{}: {fault}; the node got {records:?}", case.name))
}

fn differs(seen: &Seen, (line, has, lacks, body): (&str, &[&str], &[&str], &[u8])) -> Option<String> {
    let is_there = |name: &&&str| seen.fields.iter().any(|field| field.starts_with(&format!("{name}:")));
    if seen.line != line || seen.body != body {
        return Some("another line or body".to_owned());
    }
    if let Some(missing) = has.iter().find(|field| !seen.fields.iter().any(|seen| seen == *field)) {
        return Some(format!("without {missing:?}"));
    }
    if let Some(name) = lacks.iter().find(is_there) {
        return Some(format!("with {name}"));
    }
    seen.trailers.iter().any(|trailer| trailer != "x-t: 1").then(|| "with trailers".to_owned())
}

#[test]
fn a_node_gets_nothing_of_a_hostile_request_or_one_that_means_the_same() {
    let (address, node) = strict_node();
    let here = folder(&[("tidegate.toml", &catalog(address, "", ""))]);
    let proxy = Proxy::start(here.path(), &[]);
    let cases = [
        controls(),
        of_splitters(),
        of_pseudo_fields(),
        of_framing(),
        of_trailers_and_states(),
        of_packing(),
    ];
    let mut faults = Vec::new();
    let mut count = 0;
    for case in cases.iter().flatten() {
        let mut client = RawClient::connect(proxy.address);
        client.say(&case.bytes);
        let is_answered = client.is_answered(1);
        let mut control = RawClient::connect(proxy.address);
        let fields = instead(b":path", b"/control");
        control.say(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&fields)));
        assert!(control.is_answered(1), "nobody is served behind {}", case.name);
        faults.extend(wrong(case, is_answered, &got(&node)));
        count += 1;
    }
    assert!(faults.is_empty(), "{} of {count}: {faults:#?}", faults.len());
    proxy.stop();
    assert!(node.try_recv().is_err(), "something came late");
}
