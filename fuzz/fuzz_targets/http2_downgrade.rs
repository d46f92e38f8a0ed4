//! Any pseudo-fields and fields as a request of HTTP/2: no panic; what is let through, written in HTTP/1.1, is read back
//! by the strict codec as one request, with the same line, one Host, the same fields and the same framing.
#![no_main]

use http1::{BodyKind, Decoded, Limits, decode_request, encode};
use http2::{Pseudo, StreamState, read_request, read_trailers};
use libfuzzer_sys::fuzz_target;
use message::{Known, RequestHead, Version};

/// A piece of the input: its length is said in one byte.
fn piece<'a>(input: &mut &'a [u8]) -> &'a [u8] {
    let Some((&length, rest)) = input.split_first() else { return &[] };
    let (piece, rest) = rest.split_at(rest.len().min(length.into()));
    *input = rest;
    piece
}

fuzz_target!(|input: &[u8]| {
    let Some((&shape, mut rest)) = input.split_first() else { return };
    let method = piece(&mut rest);
    let mut part = |bit: u8| (shape & bit != 0).then(|| piece(&mut rest));
    let pseudo =
        Pseudo { method, scheme: part(1), authority: part(2), path: part(4), protocol: part(8) };
    let state = if shape & 16 == 0 { StreamState::Ended } else { StreamState::Open };
    let mut fields = Vec::new();
    while !rest.is_empty() {
        fields.push((piece(&mut rest), piece(&mut rest)));
    }
    let limits = Limits::default();
    if let Ok(Some(trailers)) = read_trailers(fields.iter().copied(), &limits) {
        assert!(trailers.iter().all(|(name, _, known)| !name.contains(&b':') && known != Known::ContentLength));
    }

    let mut head = RequestHead::default();
    let Ok(asked) = read_request(&pseudo, fields.iter().copied(), state, &limits, &mut head) else { return };
    assert_eq!(head.version(), Version::Http2);
    let mut out = Vec::new();
    encode::request_head(&mut out, &head, |_, _, _| true);
    encode::end_head(&mut out);
    let roomy = Limits { head_bytes_max: usize::MAX, ..Limits::default() };
    let mut again = RequestHead::default();
    let decoded = decode_request(&out, &roomy, &mut again);
    let body = match (asked.body, head.fields().has(Known::ContentLength)) {
        (BodyKind::UntilClose, _) => BodyKind::Chunked,
        // Of a method that gives content a meaning, and no length was said.
        (BodyKind::Length(0), false) => BodyKind::None,
        (body, _) => body,
    };
    assert_eq!(decoded, Ok(Decoded::Complete { consumed: out.len(), body }), "{}", out.escape_ascii());
    assert_eq!(again.fields(), head.fields());
    assert_eq!((again.method(), again.target()), (head.method(), head.target()));
    assert_eq!(head.fields().all_known(Known::Host).count(), 1);
    assert!(head.fields().all_known(Known::Cookie).count() <= 1);
});
