//! Bodies: chunks, trailers, lengths, and how they fail.

use http1::{BadBody, BadSyntax, BodyDecoder, BodyKind, Limits};

use crate::{Read, read_body};

fn chunked(input: &str) -> Read {
    read_body(BodyKind::Chunked, &Limits::default(), input.as_bytes(), &[])
}

fn failed(input: &str) -> BadBody {
    let read = chunked(input);
    read.error.unwrap_or_else(|| panic!("{input:?}: {read:?}"))
}

#[test]
fn a_chunked_body_gives_its_payload_and_leaves_what_follows() {
    let read = chunked("5\r\nhello\r\n00A;a=\"b c\"\r\n0123456789\r\n0\r\n\r\nGET /");
    assert_eq!(read.payload, b"hello0123456789");
    assert!(read.ended && read.trailers.is_none());
    assert_eq!(read.consumed, 40);
}

#[test]
fn a_chunk_size_is_hexadecimal_digits_only() {
    for size in ["0x5", "+5", "-5", " 5", "5 ", "g", "", ";a", "5\t", "5,5", "5 ;a", "\u{665}"] {
        assert_eq!(failed(&format!("{size}\r\nhello\r\n0\r\n\r\n")), BadBody::ChunkSize, "{size:?}");
    }
    for size in ["8000000000000000", "ffffffffffffffff", "10000000000000005", "00000000000000005"] {
        assert_eq!(failed(&format!("{size}\r\nhello\r\n0\r\n\r\n")), BadBody::ChunkSizeOverflow, "{size:?}");
    }
    let large = chunked("7fffffffffffffff\r\nhello");
    assert_eq!((large.payload.as_slice(), large.ended, large.error), (b"hello".as_slice(), false, None));
    assert!(chunked("0000000000000005\r\nhello\r\n0\r\n\r\n").ended);
}

#[test]
fn lines_of_the_coding_end_with_cr_lf_and_nothing_else() {
    for (input, why) in [
        ("5\nhello\r\n0\r\n\r\n", BadBody::BareLf),
        ("5\rhello\r\n0\r\n\r\n", BadBody::BareCr),
        ("5\r\r\nhello\r\n0\r\n\r\n", BadBody::BareCr),
        ("5;a\nb\r\nhello\r\n0\r\n\r\n", BadBody::BareLf),
        ("5;a\rb\r\nhello\r\n0\r\n\r\n", BadBody::BareCr),
        ("5\r\nhello\n0\r\n\r\n", BadBody::BareLf),
        ("5\r\nhello0\r\n\r\n", BadBody::ChunkEnd),
        ("5\r\nhello\rX0\r\n\r\n", BadBody::ChunkEnd),
        ("5\r\nhelloo\r\n0\r\n\r\n", BadBody::ChunkEnd),
        ("0\n\r\n", BadBody::BareLf),
        ("0\r\n\n", BadBody::BareLf),
        ("0\r\n\rX", BadBody::BareCr),
        ("5;a\0\r\nhello\r\n0\r\n\r\n", BadBody::ChunkExtension),
        ("5;a\u{e4}\r\nhello\r\n0\r\n\r\n", BadBody::ChunkExtension),
    ] {
        assert_eq!(failed(input), why, "{input:?}");
    }
}

#[test]
fn extensions_are_bounded_each_and_together() {
    let one = format!("1;{}\r\na\r\n", "x".repeat(254));
    assert_eq!(chunked(&one).error, None);
    assert_eq!(failed(&format!("1;{}\r\na\r\n", "x".repeat(255))), BadBody::ChunkLineTooLong);
    assert_eq!(failed(&one.repeat(100)), BadBody::ChunkExtensionsTooLong);
}

#[test]
fn trailers_come_as_fields_without_those_that_may_not_come_late() {
    let read = chunked(
        "0\r\nX-Sum: 1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nAuthorization: x\r\nSet-Cookie: a\r\nX-Forwarded-Port: 1\r\nContent_Length: 5\r\nServer-Timing:  t \r\n\r\nrest",
    );
    let trailers = read.trailers.unwrap();
    let lines: Vec<_> = trailers.iter().map(|(name, value, _)| (name, value)).collect();
    assert_eq!(lines, [(b"X-Sum".as_slice(), b"1".as_slice()), (b"Server-Timing", b"t")]);
    assert_eq!(chunked("0\r\nHost: b\r\n\r\n").trailers, None);
}

#[test]
fn a_malformed_trailer_fails_the_body() {
    for (lines, why) in [
        ("X : 1\r\n", BadBody::Trailer(BadSyntax::BlankBeforeColon)),
        ("X: 1\r\n 2\r\n", BadBody::Trailer(BadSyntax::Folded)),
        (" X: 1\r\n", BadBody::Trailer(BadSyntax::Folded)),
        ("X\r\n", BadBody::Trailer(BadSyntax::Name)),
        (": 1\r\n", BadBody::Trailer(BadSyntax::EmptyName)),
        ("X: \0\r\n", BadBody::Trailer(BadSyntax::Nul)),
        ("X: 1\nY: 2\r\n", BadBody::BareLf),
        ("X: 1\rY: 2\r\n", BadBody::BareCr),
    ] {
        assert_eq!(failed(&format!("0\r\n{lines}\r\n")), why, "{lines:?}");
    }
    let long = format!("0\r\nX: {}\r\n\r\n", "a".repeat(9000));
    assert_eq!(failed(&long), BadBody::TrailersTooLarge);
    assert_eq!(failed(&format!("0\r\n{}\r\n", "X:1\r\n".repeat(200))), BadBody::TrailersTooLarge);
    let endless = format!("0\r\n{}", "X:1\r\n".repeat(5000));
    assert_eq!(failed(&endless), BadBody::TrailersTooLarge, "before the empty line comes");
}

#[test]
fn a_body_of_known_length_ends_by_itself_and_is_cut_before() {
    let limits = Limits::default();
    let read = read_body(BodyKind::Length(5), &limits, b"helloGET /", &[2]);
    assert_eq!((read.payload.as_slice(), read.consumed, read.ended), (b"hello".as_slice(), 5, true));
    for kind in [BodyKind::None, BodyKind::Length(0)] {
        let read = read_body(kind, &limits, b"GET /", &[]);
        assert_eq!((read.consumed, read.ended), (0, true));
    }
    let mut decoder = BodyDecoder::new(BodyKind::Length(5), &limits);
    assert_eq!(decoder.remaining(), Some(5));
    decoder.decode(b"hel").unwrap();
    assert_eq!((decoder.remaining(), decoder.at_eof()), (Some(2), Err(BadBody::Cut)));
    decoder.decode(b"lo").unwrap();
    assert!(decoder.is_done() && decoder.at_eof().is_ok());
}

#[test]
fn the_end_of_the_connection_ends_a_body_only_where_that_was_meant() {
    let limits = Limits::default();
    let read = read_body(BodyKind::UntilClose, &limits, b"hello", &[3]);
    assert_eq!((read.payload.as_slice(), read.ended), (b"hello".as_slice(), true));
    let whole = b"5\r\nhello\r\n0\r\n\r\n";
    for end in 0..whole.len() {
        assert!(!read_body(BodyKind::Chunked, &limits, &whole[..end], &[]).ended, "cut at {end}");
    }
    let mut decoder = BodyDecoder::new(BodyKind::Chunked, &limits);
    assert_eq!(decoder.decode(b"x"), Err(BadBody::ChunkSize));
    assert_eq!(decoder.at_eof(), Err(BadBody::ChunkSize));
}
