//! Bodies: where the payload lies among the bytes that came.
#![warn(clippy::indexing_slicing)]

use message::Fields;

use crate::trailers::parse_trailers;
use crate::{BadBody, BodyKind, Limits};

/// What the next bytes of a body are. `consumed` counts bytes of the input that are done with; hand in what follows
/// them (and more) on the next call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BodyEvent {
    /// Payload lies at `start..end` of the input; never empty.
    Data {
        /// Where the payload starts in the input.
        start: usize,
        /// Where it ends.
        end: usize,
        /// Bytes done with; equal to `end`.
        consumed: usize,
    },
    /// All input was used up and the body is not over.
    NeedMore {
        /// Bytes done with: all of them.
        consumed: usize,
    },
    /// The body is over. What follows `consumed` belongs to the next message.
    End {
        /// Bytes done with.
        consumed: usize,
        /// Trailers of a chunked body, those that may not come there dropped; `None` where there are none.
        trailers: Option<Box<Fields>>,
    },
}

/// Follows one body through the pieces it comes in; holds no payload. After an error the body cannot be read on.
///
/// ```text
/// chunked:  Size ─ digits ─▶ Extension ─▶ SizeLf ─▶ Data ─▶ DataCr ─▶ DataLf ─▶ Size …
///                                           └ 0 ─▶ Trailers ─ empty line ─▶ Done
/// ```
#[derive(Clone, Debug)]
pub struct BodyDecoder {
    state: State,
    /// Bytes of payload that remain in the body or the chunk; while a size is read, the size so far.
    remaining: u64,
    /// Bytes of the size line so far.
    line_bytes: u32,
    /// Bytes of extensions so far, over all chunks.
    extensions_bytes: u32,
    line_bytes_max: u32,
    extensions_bytes_max: u32,
    trailer_bytes_max: usize,
    fields_max: usize,
    /// Trailer lines so far; no memory is taken where there are none.
    trailer_lines: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Length,
    UntilClose,
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    TrailersLf,
    Done,
    Failed(BadBody),
}

impl BodyDecoder {
    /// For a body of this kind, within these limits.
    pub fn new(kind: BodyKind, limits: &Limits) -> Self {
        let (state, remaining) = match kind {
            BodyKind::None | BodyKind::Length(0) => (State::Done, 0),
            BodyKind::Length(length) => (State::Length, length),
            BodyKind::Chunked => (State::Size, 0),
            BodyKind::UntilClose => (State::UntilClose, 0),
        };
        Self {
            state,
            remaining,
            line_bytes: 0,
            extensions_bytes: 0,
            line_bytes_max: limits.chunk_line_bytes_max,
            extensions_bytes_max: limits.chunk_extensions_bytes_max,
            trailer_bytes_max: limits.trailer_bytes_max,
            fields_max: limits.slots(),
            trailer_lines: Vec::new(),
        }
    }

    /// Whether the body is over (an `End` was or will be given without more input).
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes that are still to come, where the length is known; `None` for chunks and until-close.
    pub fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Length => Some(self.remaining),
            State::Done => Some(0),
            _ => None,
        }
    }

    /// Reads on. Payload is told by range and never copied; framing bytes between are consumed on the way.
    ///
    /// # Errors
    /// The chunked coding is malformed or passes a limit; the same error on every later call.
    pub fn decode(&mut self, input: &[u8]) -> Result<BodyEvent, BadBody> {
        match self.state {
            State::Length => Ok(self.take_payload(input, 0)),
            State::UntilClose if input.is_empty() => Ok(BodyEvent::NeedMore { consumed: 0 }),
            State::UntilClose => Ok(BodyEvent::Data { start: 0, end: input.len(), consumed: input.len() }),
            State::Done => Ok(BodyEvent::End { consumed: 0, trailers: None }),
            State::Failed(why) => Err(why),
            _ => self.decode_chunked(input).inspect_err(|&why| self.state = State::Failed(why)),
        }
    }

    /// The connection has ended. Good for a body until close and for one that is over.
    ///
    /// # Errors
    /// [`BadBody::Cut`]: bytes are missing; the receiver must see a cut too. Or the error that `decode` gave.
    pub fn at_eof(&mut self) -> Result<(), BadBody> {
        match self.state {
            State::Done => Ok(()),
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            State::Failed(why) => Err(why),
            _ => Err(BadBody::Cut),
        }
    }

    /// Payload from `start` on, up to what remains. Ends the body of known length, or the chunk.
    #[inline]
    fn take_payload(&mut self, input: &[u8], start: usize) -> BodyEvent {
        let available = input.len().saturating_sub(start);
        let taken = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(available);
        if taken == 0 {
            return BodyEvent::NeedMore { consumed: input.len() };
        }
        self.remaining -= taken as u64;
        if self.remaining == 0 {
            self.state = if self.state == State::Length { State::Done } else { State::DataCr };
        }
        BodyEvent::Data { start, end: start + taken, consumed: start + taken }
    }

    fn decode_chunked(&mut self, input: &[u8]) -> Result<BodyEvent, BadBody> {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                State::Data => return Ok(self.take_payload(input, at)),
                State::Size => self.size_byte(byte)?,
                State::Extension => self.extension_byte(byte)?,
                State::SizeLf => self.size_lf(byte)?,
                State::DataCr => self.data_end(byte, b'\r', State::DataLf)?,
                State::DataLf => self.data_end(byte, b'\n', State::Size)?,
                State::Trailers => self.trailer_byte(byte)?,
                State::TrailersLf => {
                    let trailers = self.end_of_trailer_line(byte)?;
                    if self.state == State::Done {
                        return Ok(BodyEvent::End { consumed: at + 1, trailers });
                    }
                }
                State::Length | State::UntilClose | State::Done | State::Failed(_) => break,
            }
            at += 1;
        }
        Ok(BodyEvent::NeedMore { consumed: at })
    }

    #[inline]
    fn size_byte(&mut self, byte: u8) -> Result<(), BadBody> {
        const DIGITS_MAX: u32 = 16;
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\n' => return Err(BadBody::BareLf),
            _ if self.line_bytes == 0 => return Err(BadBody::ChunkSize),
            b'\r' => {
                self.state = State::SizeLf;
                return Ok(());
            }
            b';' => {
                self.state = State::Extension;
                return self.count_extension_byte();
            }
            _ => return Err(BadBody::ChunkSize),
        };
        self.line_bytes += 1;
        if self.line_bytes > DIGITS_MAX || self.remaining > i64::MAX as u64 >> 4 {
            return Err(BadBody::ChunkSizeOverflow);
        }
        if self.line_bytes > self.line_bytes_max {
            return Err(BadBody::ChunkLineTooLong);
        }
        self.remaining = self.remaining << 4 | u64::from(digit);
        Ok(())
    }

    fn extension_byte(&mut self, byte: u8) -> Result<(), BadBody> {
        match byte {
            b'\r' => {
                self.state = State::SizeLf;
                Ok(())
            }
            b'\n' => Err(BadBody::BareLf),
            b'\t' | b' '..=b'~' => self.count_extension_byte(),
            _ => Err(BadBody::ChunkExtension),
        }
    }

    fn count_extension_byte(&mut self) -> Result<(), BadBody> {
        self.line_bytes += 1;
        self.extensions_bytes += 1;
        if self.line_bytes > self.line_bytes_max {
            return Err(BadBody::ChunkLineTooLong);
        }
        if self.extensions_bytes > self.extensions_bytes_max {
            return Err(BadBody::ChunkExtensionsTooLong);
        }
        Ok(())
    }

    fn size_lf(&mut self, byte: u8) -> Result<(), BadBody> {
        if byte != b'\n' {
            return Err(BadBody::BareCr);
        }
        self.state = if self.remaining == 0 { State::Trailers } else { State::Data };
        Ok(())
    }

    fn data_end(&mut self, byte: u8, expected: u8, next: State) -> Result<(), BadBody> {
        if byte != expected {
            return Err(if byte == b'\n' { BadBody::BareLf } else { BadBody::ChunkEnd });
        }
        self.state = next;
        self.line_bytes = 0;
        Ok(())
    }

    fn trailer_byte(&mut self, byte: u8) -> Result<(), BadBody> {
        match byte {
            b'\n' => return Err(BadBody::BareLf),
            // Held back until LF follows.
            b'\r' => {
                self.state = State::TrailersLf;
                return Ok(());
            }
            _ => {}
        }
        if self.trailer_lines.len() >= self.trailer_bytes_max {
            return Err(BadBody::TrailersTooLarge);
        }
        self.trailer_lines.push(byte);
        Ok(())
    }

    fn end_of_trailer_line(&mut self, byte: u8) -> Result<Option<Box<Fields>>, BadBody> {
        if byte != b'\n' {
            return Err(BadBody::BareCr);
        }
        let is_empty_line = self.trailer_lines.is_empty() || self.trailer_lines.ends_with(b"\r\n");
        if !is_empty_line {
            self.trailer_lines.extend_from_slice(b"\r\n");
            self.state = State::Trailers;
            return Ok(None);
        }
        self.state = State::Done;
        if self.trailer_lines.is_empty() {
            return Ok(None);
        }
        self.trailer_lines.extend_from_slice(b"\r\n");
        let fields = parse_trailers(&self.trailer_lines, self.fields_max)?;
        self.trailer_lines = Vec::new();
        Ok(if fields.is_empty() { None } else { Some(Box::new(fields)) })
    }
}
