//! What RFC 9113 wants of a server, frame by frame: in the clear and over TLS.

use crate::http2_kit::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, RST_STREAM, Raw, SETTINGS,
    STATUS_200, WINDOW_UPDATE, block, frame,
};
use crate::kit::{PLAIN, Reach, Site, catalog, on_paused_time};
use crate::tls::over_tls;

/// `/wait` waits for a node that says nothing, everything else is answered at once.
const RULE: &str =
    "if( http.getPath() != \"/wait\" ) { http.sendResponse( 200, \"text/plain\", \"hi\", \"\" ); }";
const PADDED: u8 = 8;
const WEIGHTED: u8 = 32;
const ACK: u8 = 1;
const PUSH_PROMISE: u8 = 5;
const UNKNOWN: u8 = 0x16;

const PROTOCOL: u32 = 1;
const FLOW_CONTROL: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE: u32 = 6;
const COMPRESSION: u32 = 9;
// The library says PROTOCOL_ERROR where a finer error exists; the connection ends all the same.
const SIZE: &[u32] = &[FRAME_SIZE, PROTOCOL];
const PACKING: &[u32] = &[COMPRESSION, PROTOCOL];

/// What is to come of it.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// The connection ends with one of these errors.
    Dies(&'static [u32]),
    /// The first stream, or the connection, ends with one of these.
    Resets(&'static [u32]),
    /// Nothing: the next request is answered.
    Fine,
}
use Then::{Dies, Fine, Resets};

type Case = (&'static str, Vec<u8>, Then);

fn fields(path: &'static str) -> Vec<u8> {
    block(&[(":method", "POST"), (":scheme", "http"), (":authority", "site.example"), (":path", path)])
}

/// A request whose body is to come, and that waits.
fn open() -> Vec<u8> {
    frame(HEADERS, END_HEADERS, 1, &fields("/wait"))
}

/// A request that is whole, and waits.
fn asked() -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &fields("/wait"))
}

fn and(mut first: Vec<u8>, then: &[u8]) -> Vec<u8> {
    first.extend_from_slice(then);
    first
}

fn padded(length: u8, rest: &[u8], padding: usize) -> Vec<u8> {
    [&[length][..], rest, &vec![0; padding]].concat()
}

fn setting(name: u8, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[&[0, name][..], &value.to_be_bytes()].concat())
}

fn head(extra: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &[&fields("/wait"), extra].concat())
}

fn of_frames() -> Vec<Case> {
    let long = vec![0; 16_385];
    vec![
        ("4.1 unknown type", frame(UNKNOWN, 0xff, 0, b"any"), Fine),
        ("4.1 unknown type on a stream", and(open(), &frame(UNKNOWN, 0, 1, b"any")), Fine),
        ("4.1 unknown flags", frame(PING, 0xfe, 0, &[0; 8]), Fine),
        ("4.1 reserved bit", frame(PING, 0, 0x8000_0000, &[0; 8]), Fine),
        ("4.1 reserved bit of a stream", frame(HEADERS, 5, 0x8000_0001, &fields("/")), Fine),
        ("4.2 long DATA", and(open(), &frame(DATA, 0, 1, &long)), Dies(&[FRAME_SIZE])),
        ("4.2 long HEADERS", frame(HEADERS, 5, 1, &long), Dies(&[FRAME_SIZE])),
        ("4.2 long SETTINGS", frame(SETTINGS, 0, 0, &[0; 16_386]), Dies(&[FRAME_SIZE])),
        ("4.2 long unknown", frame(UNKNOWN, 0, 0, &long), Dies(&[FRAME_SIZE])),
        ("4.2 the longest DATA", and(open(), &frame(DATA, 0, 1, &long[1..])), Fine),
        ("4.3 index 0", head(&[0x80]), Dies(PACKING)),
        ("4.3 index beyond the table", head(&[0xff, 0x20]), Dies(PACKING)),
        ("4.3 endless index", head(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Dies(PACKING)),
        ("4.3 table beyond the setting", frame(HEADERS, 5, 1, &[0x3f, 0xe2, 0x1f, 0x82]), Dies(PACKING)),
        ("4.3 table changed behind a field", head(&[0x20]), Dies(PACKING)),
        ("4.3 cut string", head(&[0x00, 0x05, b'x']), Dies(PACKING)),
        ("4.3 Huffman without end", head(&[0x00, 0x81, 0x00, 0x01, b'a']), Dies(PACKING)),
        ("4.3 Huffman end of string", head(&[0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, b'a']), Dies(PACKING)),
    ]
}

fn of_blocks() -> Vec<Case> {
    let begun = || frame(HEADERS, END_STREAM, 1, &fields("/"));
    let rest = block(&[("x", "y")]);
    vec![
        ("6.10 in two frames", and(begun(), &frame(CONTINUATION, END_HEADERS, 1, &rest)), Fine),
        ("6.10 empty last frame", and(begun(), &frame(CONTINUATION, END_HEADERS, 1, &[])), Fine),
        ("6.2 PING between", and(begun(), &frame(PING, 0, 0, &[0; 8])), Dies(&[PROTOCOL])),
        ("6.2 HEADERS between", and(begun(), &frame(HEADERS, 5, 3, &fields("/"))), Dies(&[PROTOCOL])),
        ("6.2 DATA between", and(begun(), &frame(DATA, 0, 1, b"x")), Dies(&[PROTOCOL])),
        ("5.5 unknown between", and(begun(), &frame(UNKNOWN, 0, 1, b"x")), Dies(&[PROTOCOL])),
        ("6.10 of another stream", and(begun(), &frame(CONTINUATION, 4, 3, &rest)), Dies(&[PROTOCOL])),
        ("6.10 on stream 0", and(begun(), &frame(CONTINUATION, 4, 0, &rest)), Dies(&[PROTOCOL])),
        ("6.10 of nothing", frame(CONTINUATION, 4, 1, &rest), Dies(&[PROTOCOL])),
        ("6.10 behind the end", and(asked(), &frame(CONTINUATION, 4, 1, &rest)), Dies(&[PROTOCOL])),
        (
            "6.10 behind DATA",
            and(open(), &[frame(DATA, 0, 1, b"x"), frame(CONTINUATION, 4, 1, &rest)].concat()),
            Dies(&[PROTOCOL]),
        ),
    ]
}

fn of_states() -> Vec<Case> {
    let window = |stream| frame(WINDOW_UPDATE, 0, stream, &[0, 0, 0, 1]);
    let priority = frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]);
    let reset = frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]);
    let closed: &[u32] = &[STREAM_CLOSED, PROTOCOL];
    vec![
        ("5.1 DATA when idle", frame(DATA, 0, 1, b"x"), Dies(closed)),
        ("5.1 RST_STREAM when idle", reset.clone(), Dies(&[PROTOCOL])),
        ("5.1 WINDOW_UPDATE when idle", window(1), Dies(&[PROTOCOL])),
        ("5.1 PRIORITY when idle", priority.clone(), Fine),
        ("5.1 DATA behind the end", and(asked(), &frame(DATA, END_STREAM, 1, b"x")), Resets(closed)),
        ("5.1 HEADERS behind the end", and(asked(), &frame(HEADERS, 5, 1, &fields("/"))), Resets(closed)),
        ("5.1 WINDOW_UPDATE behind the end", and(asked(), &window(1)), Fine),
        ("5.1 PRIORITY behind the end", and(asked(), &priority), Fine),
        ("5.1 RST_STREAM behind the end", and(asked(), &reset), Fine),
        ("5.1 DATA behind a reset", and(and(open(), &reset), &frame(DATA, 1, 1, b"x")), Resets(closed)),
        (
            "5.1 HEADERS behind a reset",
            and(and(open(), &reset), &frame(HEADERS, 5, 1, &fields("/"))),
            Resets(closed),
        ),
        ("5.1 PRIORITY behind a reset", and(and(open(), &reset), &priority), Fine),
        ("5.1 WINDOW_UPDATE behind a reset", and(and(open(), &reset), &window(1)), Fine),
        ("5.1.1 even stream", frame(HEADERS, 5, 2, &fields("/")), Dies(&[PROTOCOL])),
        (
            "5.1.1 lower stream",
            and(frame(HEADERS, 5, 5, &fields("/")), &frame(HEADERS, 5, 3, &fields("/"))),
            Dies(closed),
        ),
        (
            "8.1 second HEADERS without end",
            and(open(), &frame(HEADERS, 4, 1, &block(&[("x", "y")]))),
            Resets(&[PROTOCOL]),
        ),
        ("8.1 trailers", and(open(), &frame(HEADERS, 5, 1, &block(&[("x", "y")]))), Fine),
        (
            "8.4 PUSH_PROMISE of a client",
            and(open(), &frame(PUSH_PROMISE, 4, 1, &[&[0, 0, 0, 2][..], &fields("/")].concat())),
            Dies(&[PROTOCOL]),
        ),
    ]
}

fn of_padding_and_priority() -> Vec<Case> {
    let weighted = |depends: u32| [&depends.to_be_bytes()[..], &[15], &fields("/")].concat();
    vec![
        ("6.1 padded DATA", and(open(), &frame(DATA, PADDED, 1, &padded(3, b"x", 3))), Fine),
        ("6.1 DATA of padding only", and(open(), &frame(DATA, PADDED, 1, &padded(3, b"", 3))), Fine),
        (
            "6.1 more padding than frame",
            and(open(), &frame(DATA, PADDED, 1, &padded(9, b"x", 3))),
            Dies(&[PROTOCOL]),
        ),
        (
            "6.1 padding as long as the frame",
            and(open(), &frame(DATA, PADDED, 1, &padded(4, b"", 3))),
            Dies(&[PROTOCOL]),
        ),
        ("6.1 DATA on stream 0", frame(DATA, 0, 0, b"x"), Dies(&[PROTOCOL])),
        ("6.2 padded HEADERS", frame(HEADERS, 5 | PADDED, 1, &padded(4, &fields("/"), 4)), Fine),
        (
            "6.2 more padding than HEADERS",
            frame(HEADERS, 5 | PADDED, 1, &padded(255, &fields("/"), 0)),
            Dies(&[PROTOCOL]),
        ),
        ("6.2 HEADERS on stream 0", frame(HEADERS, 5, 0, &fields("/")), Dies(&[PROTOCOL])),
        ("6.2 weighted HEADERS", frame(HEADERS, 5 | WEIGHTED, 1, &weighted(0)), Fine),
        (
            "5.3.1 HEADERS that depend on themselves",
            frame(HEADERS, 5 | WEIGHTED, 1, &weighted(1)),
            Resets(&[PROTOCOL]),
        ),
        (
            "5.3.1 PRIORITY that depends on itself",
            and(open(), &frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 15])),
            Resets(&[PROTOCOL]),
        ),
        ("6.3 PRIORITY on stream 0", frame(PRIORITY, 0, 0, &[0, 0, 0, 3, 15]), Dies(&[PROTOCOL])),
        ("6.3 short PRIORITY", and(open(), &frame(PRIORITY, 0, 1, &[0; 4])), Resets(SIZE)),
    ]
}

fn of_control() -> Vec<Case> {
    let window = |stream, by: u32| frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes());
    vec![
        ("6.4 RST_STREAM on stream 0", frame(RST_STREAM, 0, 0, &[0, 0, 0, 8]), Dies(&[PROTOCOL])),
        ("6.4 short RST_STREAM", and(open(), &frame(RST_STREAM, 0, 1, &[0; 3])), Dies(SIZE)),
        ("6.5 unknown setting", setting(0xfe, 77), Fine),
        ("6.5 ACK with payload", frame(SETTINGS, ACK, 0, &[0; 6]), Dies(SIZE)),
        ("6.5 SETTINGS on a stream", frame(SETTINGS, 0, 1, &[]), Dies(&[PROTOCOL])),
        ("6.5 SETTINGS of five bytes", frame(SETTINGS, 0, 0, &[0; 5]), Dies(SIZE)),
        ("6.5.2 ENABLE_PUSH 2", setting(2, 2), Dies(&[PROTOCOL])),
        ("6.5.2 INITIAL_WINDOW_SIZE too large", setting(4, 0x8000_0000), Dies(&[FLOW_CONTROL, PROTOCOL])),
        ("6.5.2 MAX_FRAME_SIZE too small", setting(5, 16_383), Dies(&[PROTOCOL])),
        ("6.5.2 MAX_FRAME_SIZE too large", setting(5, 1 << 24), Dies(&[PROTOCOL])),
        ("6.5.2 the largest MAX_FRAME_SIZE", setting(5, (1 << 24) - 1), Fine),
        ("6.5.2 HEADER_TABLE_SIZE 0", setting(1, 0), Fine),
        ("6.5.2 MAX_CONCURRENT_STREAMS 0", setting(3, 0), Fine),
        ("6.7 PING on a stream", frame(PING, 0, 1, &[0; 8]), Dies(&[PROTOCOL])),
        ("6.7 short PING", frame(PING, 0, 0, &[0; 7]), Dies(SIZE)),
        ("6.7 long PING", frame(PING, 0, 0, &[0; 9]), Dies(SIZE)),
        ("6.7 ACK of nothing", frame(PING, ACK, 0, &[7; 8]), Fine),
        ("6.8 GOAWAY on a stream", frame(GOAWAY, 0, 1, &[0; 8]), Dies(&[PROTOCOL])),
        ("6.8 short GOAWAY", frame(GOAWAY, 0, 0, &[0; 4]), Dies(SIZE)),
        ("6.9 window by 0", window(0, 0), Dies(&[PROTOCOL])),
        ("6.9 window of a stream by 0", and(open(), &window(1, 0)), Resets(&[PROTOCOL])),
        ("6.9 short WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0; 3]), Dies(SIZE)),
        ("6.9.1 window too far", and(window(0, 0x7fff_ffff), &window(0, 0x7fff_ffff)), Dies(&[FLOW_CONTROL])),
        ("6.9.1 window of a stream too far", and(open(), &window(1, 0x7fff_ffff)), Resets(&[FLOW_CONTROL])),
        (
            "6.9.2 window too far by a setting",
            and(and(open(), &window(1, 0x7fff_0000)), &setting(4, 0x7fff_0000)),
            Dies(&[FLOW_CONTROL]),
        ),
    ]
}

fn all() -> Vec<Case> {
    [of_frames(), of_blocks(), of_states(), of_padding_and_priority(), of_control()].concat()
}

/// What came of it, if that is not what was to come.
async fn judge(raw: &mut Raw, (name, bytes, then): &Case) -> Option<String> {
    raw.say(bytes).await;
    let is_fine = matches!(then, Fine);
    if is_fine {
        raw.say(&frame(HEADERS, END_HEADERS | END_STREAM, 101, &fields("/"))).await;
    }
    while let Some(frame) = raw.next().await {
        match (then, frame.kind) {
            // A change of the table may come first.
            (Fine, HEADERS) if frame.stream == 101 => {
                let head = frame.payload.get(..4).unwrap_or_default();
                let is_answered = head.contains(&STATUS_200);
                return (!is_answered).then(|| format!("{name}: answered with {head:?}"));
            }
            (Dies(errors) | Resets(errors), GOAWAY) if errors.contains(&frame.error()) => return None,
            (Resets(errors), RST_STREAM) if frame.stream == 1 && errors.contains(&frame.error()) => {
                return None;
            }
            (_, GOAWAY) => return Some(format!("{name}: GOAWAY {}, not {then:?}", frame.error())),
            (Resets(_), RST_STREAM) => return Some(format!("{name}: reset {}, not {then:?}", frame.error())),
            _ => {}
        }
    }
    Some(format!("{name}: the connection ended, not {then:?}"))
}

#[test]
fn in_the_clear_each_frame_has_the_effect_that_the_protocol_wants() {
    let wrong: Vec<String> = all()
        .into_iter()
        .filter_map(|case| {
            let wrong = std::rc::Rc::new(std::cell::RefCell::new(None));
            let told = std::rc::Rc::clone(&wrong);
            on_paused_time(async move {
                let text = PLAIN.replace("pool =", "request_rules = [\"r\"]\npool =");
                let site = Site::with(catalog(&text, &[("r", RULE)]), |_| Reach::Accepts);
                let mut raw = Raw::connect(&site).await;
                let judged = judge(&mut raw, &case).await;
                *told.borrow_mut() = judged;
            });
            wrong.take()
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn over_tls_each_frame_has_the_effect_that_the_protocol_wants() {
    let wrong = over_tls(RULE, async |connect| {
        let mut wrong = Vec::new();
        for case in all() {
            let mut raw = Raw::over(connect().await).await;
            wrong.extend(judge(&mut raw, &case).await);
        }
        wrong
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}
