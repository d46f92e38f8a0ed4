//! What the codec promises, seen through the door.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod bodies;
mod laws;
mod oracle;
mod refused_requests;
mod responses;

use http1::{BadRequest, BodyDecoder, BodyEvent, BodyKind, Decoded, Limits, decode_request};
use message::{Fields, RequestHead};

/// Decodes a request head; (head, consumed, body).
fn request(input: &[u8]) -> Result<(RequestHead, usize, BodyKind), BadRequest> {
    let mut head = RequestHead::default();
    match decode_request(input, &Limits::default(), &mut head)? {
        Decoded::Complete { consumed, body } => Ok((head, consumed, body)),
        Decoded::Partial => panic!("the head is whole: {:?}", String::from_utf8_lossy(input)),
    }
}

/// What came of a body: payload, trailers, bytes consumed in all, and the error that ended it.
#[derive(Debug, PartialEq, Eq, Default)]
struct Read {
    payload: Vec<u8>,
    trailers: Option<Box<Fields>>,
    consumed: usize,
    ended: bool,
    error: Option<http1::BadBody>,
}

/// Reads a body that comes in pieces cut at `cuts`.
fn read_body(kind: BodyKind, limits: &Limits, input: &[u8], cuts: &[usize]) -> Read {
    let mut decoder = BodyDecoder::new(kind, limits);
    let mut read = Read::default();
    let mut start = 0;
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    ends.push(input.len());
    ends.sort_unstable();
    for end in ends {
        loop {
            let piece = &input[start..end];
            match decoder.decode(piece) {
                Ok(BodyEvent::Data { start: from, end: to, consumed }) => {
                    assert!(from < to && to == consumed && consumed <= piece.len());
                    read.payload.extend_from_slice(&piece[from..to]);
                    start += consumed;
                }
                Ok(BodyEvent::NeedMore { consumed }) => {
                    assert_eq!(consumed, piece.len(), "all is used up before more is asked for");
                    start += consumed;
                    break;
                }
                Ok(BodyEvent::End { consumed, trailers }) => {
                    read.consumed = start + consumed;
                    read.ended = true;
                    read.trailers = trailers;
                    return read;
                }
                Err(error) => {
                    assert_eq!(decoder.decode(b"0\r\n\r\n"), Err(error), "an error stays");
                    read.error = Some(error);
                    return read;
                }
            }
        }
    }
    read.consumed = start;
    read.ended = decoder.at_eof().is_ok();
    read
}
