//! Any bytes as a body, whole and cut in two: no panic, no endless loop, the same payload, end and error.
//! The first byte chooses the framing, the second the cut.
#![no_main]

use http1::{BadBody, BodyDecoder, BodyEvent, BodyKind, Limits};
use libfuzzer_sys::fuzz_target;

/// Payload, bytes consumed, how many trailers, the error.
type Read = (Vec<u8>, usize, Option<usize>, Option<BadBody>);

fn read(kind: BodyKind, input: &[u8], cut: usize) -> Read {
    let limits = Limits { trailer_bytes_max: 64, chunk_line_bytes_max: 32, ..Limits::default() };
    let mut decoder = BodyDecoder::new(kind, &limits);
    let (mut payload, mut start) = (Vec::new(), 0);
    for end in [cut.min(input.len()), input.len()] {
        loop {
            let piece = &input[start..end];
            match decoder.decode(piece) {
                Ok(BodyEvent::Data { start: from, end: to, consumed }) => {
                    assert!(from < to && to == consumed && consumed <= piece.len());
                    payload.extend_from_slice(&piece[from..to]);
                    start += consumed;
                }
                Ok(BodyEvent::NeedMore { consumed }) => {
                    assert_eq!(consumed, piece.len());
                    start = end;
                    break;
                }
                Ok(BodyEvent::End { consumed, trailers }) => {
                    return (payload, start + consumed, Some(trailers.map_or(0, |fields| fields.len())), None);
                }
                Err(why) => return (payload, 0, None, Some(why)),
            }
        }
    }
    (payload, start, None, decoder.at_eof().err())
}

fuzz_target!(|input: &[u8]| {
    let [kind, cut, input @ ..] = input else { return };
    let kind = match kind % 8 {
        0 => BodyKind::UntilClose,
        1 => BodyKind::Length(u64::from(*cut) / 2),
        2 => BodyKind::None,
        _ => BodyKind::Chunked,
    };
    assert_eq!(read(kind, input, usize::from(*cut)), read(kind, input, usize::MAX));
});
