//! A stream of bytes cut into pieces of whole lines.

use super::packed::Unpacked;
use accesslog::LINE_BYTES_MAX;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;

/// Bytes that one thread takes at a time: what was read is still in the processor's own cache when its lines are.
pub(super) const CHUNK_BYTES: usize = 512 << 10;

/// Whole lines of a file.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) text: Vec<u8>,
    /// Where the text begins, in bytes from the start of the unpacked file.
    pub(super) offset: u64,
    /// Bytes of the unpacked file that it stands for, those of a line's skipped rest among them.
    pub(super) bytes: u64,
    /// Bytes on disk that were read for it.
    pub(super) disk_bytes: u64,
}

/// Cuts a file into pieces of whole lines.
pub(super) struct Pieces {
    from: Unpacked,
    /// Of the last line, whose end has not come yet.
    rest: Vec<u8>,
    offset: u64,
    disk_bytes: u64,
    /// The rest is the tail of a line that was too long, and was handed out.
    is_skipping: bool,
    is_ended: bool,
}

impl Pieces {
    pub(super) fn of(file: Arc<File>) -> io::Result<Self> {
        Ok(Self {
            from: Unpacked::new(file)?,
            rest: Vec::new(),
            offset: 0,
            disk_bytes: 0,
            is_skipping: false,
            is_ended: false,
        })
    }

    /// The next piece; `None`: the file has ended. What came before an error is handed out with it.
    pub(super) fn next(&mut self) -> Option<(Piece, io::Result<()>)> {
        if self.is_ended {
            return None;
        }
        let mut text = std::mem::take(&mut self.rest);
        let wanted = CHUNK_BYTES.saturating_sub(text.len()).max(TAIL_BYTES);
        text.reserve_exact(wanted);
        let result = (&mut self.from).take(wanted as u64).read_to_end(&mut text);
        self.is_ended = !matches!(result, Ok(length) if length == wanted);
        let begin = self.offset;
        let end = begin + text.len() as u64;
        let skipped = self.skip(&mut text);
        self.hold_back(&mut text);
        self.offset = end - self.rest.len() as u64;
        let disk_bytes = self.from.disk_bytes() - self.disk_bytes;
        self.disk_bytes += disk_bytes;
        let piece = Piece { text, offset: begin + skipped, bytes: self.offset - begin, disk_bytes };
        Some((piece, result.map(drop)))
    }

    /// Takes off what is left of a line that was too long, and says how many bytes that was.
    fn skip(&mut self, text: &mut Vec<u8>) -> u64 {
        if !self.is_skipping {
            return 0;
        }
        let newline = memchr::memchr(b'\n', text);
        self.is_skipping = newline.is_none();
        let length = newline.map_or(text.len(), |newline| newline + 1);
        text.drain(..length);
        length as u64
    }

    /// Keeps the last line for the next piece, unless the file ends with it.
    fn hold_back(&mut self, text: &mut Vec<u8>) {
        if self.is_ended {
            return;
        }
        let end = memchr::memrchr(b'\n', text).map_or(0, |newline| newline + 1);
        if text.len() - end > LINE_BYTES_MAX {
            // It is refused for its length: the rest of it need not be held.
            text.truncate(end + LINE_BYTES_MAX + 1);
            self.is_skipping = true;
        } else {
            self.rest = text.split_off(end);
        }
    }
}

/// Bytes that are read at least at a time.
const TAIL_BYTES: usize = 64 * 1024;
