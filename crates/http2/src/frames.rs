//! Frames as they pass: their headers, read beside whoever reads the bytes in earnest.
#![warn(clippy::indexing_slicing)]

/// What a client of HTTP/2 begins with (RFC 9113, 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEADER_BYTES: usize = 9;
/// A RST_STREAM with its error code, a GOAWAY with its last stream.
const RESET_BYTES: usize = HEADER_BYTES + 4;

/// What a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameKind {
    /// DATA
    Data,
    /// HEADERS
    Headers,
    /// PRIORITY
    Priority,
    /// RST_STREAM, with its error code.
    Reset(u32),
    /// SETTINGS
    Settings,
    /// PUSH_PROMISE
    PushPromise,
    /// PING
    Ping,
    /// GOAWAY, with the last stream that its sender takes; 0 where it is too short.
    GoAway(u32),
    /// WINDOW_UPDATE
    WindowUpdate,
    /// CONTINUATION
    Continuation,
    /// Any other, to be ignored.
    Other,
}

/// The header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// What it is.
    pub kind: FrameKind,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    /// Bytes of its payload.
    pub length: u32,
}

impl Frame {
    /// END_STREAM of DATA and HEADERS.
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, FrameKind::Data | FrameKind::Headers) && self.flags & 0x1 != 0
    }

    /// END_HEADERS of HEADERS and CONTINUATION.
    pub fn ends_headers(&self) -> bool {
        self.flags & 0x4 != 0
    }

    /// ACK of SETTINGS and PING.
    pub fn is_ack(&self) -> bool {
        self.flags & 0x1 != 0
    }
}

/// Finds the frames in a stream of bytes that comes in pieces. Holds 13 bytes at most.
#[derive(Clone, Debug)]
pub struct Scan {
    header: [u8; RESET_BYTES],
    held: usize,
    /// Bytes to be passed over: the rest of a payload, or the preface.
    left: usize,
}

impl Scan {
    /// Of what a client sends: the preface comes first.
    pub const fn of_client() -> Self {
        Self { header: [0; RESET_BYTES], held: 0, left: PREFACE.len() }
    }

    /// Of what a server sends.
    pub const fn of_server() -> Self {
        Self { header: [0; RESET_BYTES], held: 0, left: 0 }
    }

    /// Reads on in `bytes`, which loses what was read; the next frame whose header is whole, `None` when more bytes are
    /// needed.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<Frame> {
        loop {
            let passed = self.left.min(bytes.len());
            self.left -= passed;
            *bytes = bytes.get(passed..).unwrap_or_default();
            if self.left > 0 {
                return None;
            }
            let wanted = self.wanted();
            while self.held < wanted {
                let (&first, rest) = bytes.split_first()?;
                if let Some(place) = self.header.get_mut(self.held) {
                    *place = first;
                }
                self.held += 1;
                *bytes = rest;
            }
            if self.held == self.wanted() {
                return Some(self.take());
            }
        }
    }

    /// Whether the bytes seen so far end where a frame ends.
    pub const fn is_between_frames(&self) -> bool {
        self.held == 0 && self.left == 0
    }

    /// Bytes to be gathered before the frame can be told.
    fn wanted(&self) -> usize {
        match self.header {
            [0, 0, 4, 3, ..] if self.held >= 4 => RESET_BYTES,
            [high, middle, low, 7, ..] if self.held >= 4 && (high > 0 || middle > 0 || low >= 8) => {
                RESET_BYTES
            }
            _ => HEADER_BYTES,
        }
    }

    fn take(&mut self) -> Frame {
        let [high, middle, low, kind, flags, a, b, c, d, code @ ..] = self.header;
        let length = u32::from_be_bytes([0, high, middle, low]);
        let kind = match kind {
            0 => FrameKind::Data,
            1 => FrameKind::Headers,
            2 => FrameKind::Priority,
            3 => FrameKind::Reset(u32::from_be_bytes(code)),
            4 => FrameKind::Settings,
            5 => FrameKind::PushPromise,
            6 => FrameKind::Ping,
            7 => FrameKind::GoAway(u32::from_be_bytes(code) & 0x7fff_ffff),
            8 => FrameKind::WindowUpdate,
            9 => FrameKind::Continuation,
            _ => FrameKind::Other,
        };
        let gathered = self.held - HEADER_BYTES;
        self.left = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(gathered);
        self.held = 0;
        self.header = [0; RESET_BYTES];
        Frame { kind, flags, stream: u32::from_be_bytes([a & 0x7f, b, c, d]), length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags];
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn frames_are_found_whatever_pieces_they_come_in() {
        let mut all = PREFACE.to_vec();
        all.extend(frame(4, 0, 0, &[]));
        all.extend(frame(1, 5, 1, b"head"));
        all.extend(frame(3, 0, 1, &8u32.to_be_bytes()));
        all.extend(frame(3, 0, 3, b"odd"));
        all.extend(frame(0, 1, 5, &[0; 300]));
        all.extend(frame(77, 0, 0, &[0; 3]));
        let expected = [
            (FrameKind::Settings, 0, 0),
            (FrameKind::Headers, 1, 4),
            (FrameKind::Reset(8), 1, 4),
            (FrameKind::Reset(0), 3, 3),
            (FrameKind::Data, 5, 300),
            (FrameKind::Other, 0, 3),
        ];
        for size in [1, 2, 3, 7, 9, 13, 64, all.len()] {
            let mut scan = Scan::of_client();
            let mut found = Vec::new();
            for piece in all.chunks(size) {
                let mut piece = piece;
                while let Some(frame) = scan.next(&mut piece) {
                    found.push((frame.kind, frame.stream, frame.length));
                }
            }
            assert_eq!(found, expected, "in pieces of {size}");
            assert!(scan.is_between_frames());
        }
    }
}
