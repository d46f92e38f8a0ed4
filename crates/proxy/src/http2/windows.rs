//! How much of a body a client may send before anybody wants it, stream by stream.
//!
//! The library gives all streams of a connection the same window. So it is told of wide ones, and the client of narrow
//! ones: the settings are rewritten on their way out, and when the body of a stream is wanted the client gets the
//! difference as a WINDOW_UPDATE of ours. From then on both believe the same. What a client sends beyond a narrow window
//! the library cannot see; it is counted here.

use http2::{Frame, FrameKind};
use std::collections::HashMap;

/// The window of a stream whose body is wanted.
pub(super) const WIDE_BYTES: u32 = 256 * 1024;
/// Streams of a connection that may have a wide window filled before the others feel it.
const WIDE_STREAMS: u32 = 8;
/// What a client may send before it has seen our settings (RFC 9113, 6.5.2).
const UNSETTLED_BYTES: u32 = 65_535;

const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
const HEADER_BYTES: usize = 9;

/// See the module.
#[derive(Debug)]
pub(super) struct Windows {
    narrow: u32,
    /// The client was told of the narrow window, and has said that it knows.
    is_told: bool,
    is_settled: bool,
    /// Streams that are worked for: bytes received, and `None` once the window is wide.
    streams: HashMap<u32, Option<u32>>,
    /// Frames of ours, to be put between those of the library.
    updates: Vec<u8>,
}

impl Windows {
    pub(super) fn new(narrow: u32) -> Self {
        let (is_told, is_settled) = (false, false);
        Self {
            narrow: narrow.min(WIDE_BYTES),
            is_told,
            is_settled,
            streams: HashMap::new(),
            updates: Vec::new(),
        }
    }

    /// The window of a connection with so many streams: filled narrow windows hold up nobody.
    pub(super) fn of_connection(narrow: u32, streams: u32) -> u32 {
        narrow.min(WIDE_BYTES).saturating_mul(streams).saturating_add(WIDE_BYTES * WIDE_STREAMS)
    }

    /// The settings of the library as the client is told them; `None` if `bytes` do not begin with them.
    pub(super) fn settings(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let &[high, middle, low, 4, 0, ..] = bytes else { return None };
        let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
        let mut frame = bytes.get(..HEADER_BYTES + length)?.to_vec();
        for setting in frame.get_mut(HEADER_BYTES..)?.chunks_exact_mut(6) {
            if let Some((name, value)) = setting.split_first_chunk_mut::<2>()
                && *name == INITIAL_WINDOW_SIZE
            {
                value.copy_from_slice(&self.narrow.to_be_bytes());
                self.is_told = true;
            }
        }
        Some(frame)
    }

    /// A frame of the client's; whether it fits into the window.
    pub(super) fn takes(&mut self, frame: &Frame) -> bool {
        match frame.kind {
            FrameKind::Settings if frame.is_ack() => self.is_settled = true,
            FrameKind::Data if self.is_told => {
                if let Some(Some(received)) = self.streams.get_mut(&frame.stream) {
                    *received = received.saturating_add(frame.length);
                    let most = if self.is_settled { self.narrow } else { UNSETTLED_BYTES.max(self.narrow) };
                    // What came before the settings were known stays allowed; nothing may be added to it.
                    return *received <= most || frame.length == 0;
                }
            }
            _ => {}
        }
        true
    }

    /// A stream is worked for.
    pub(super) fn begin(&mut self, stream: u32) {
        self.streams.insert(stream, Some(0));
    }

    /// Its body is wanted. Whether there is something to be written.
    pub(super) fn widen(&mut self, stream: u32) -> bool {
        let Some(window @ Some(_)) = self.streams.get_mut(&stream) else { return false };
        *window = None;
        let more = WIDE_BYTES - self.narrow;
        if !self.is_told || more == 0 {
            return false;
        }
        self.updates.extend_from_slice(&[0, 0, 4, 8, 0]);
        self.updates.extend_from_slice(&stream.to_be_bytes());
        self.updates.extend_from_slice(&more.to_be_bytes());
        true
    }

    pub(super) fn end(&mut self, stream: u32) {
        self.streams.remove(&stream);
    }

    /// A frame of ours for the other side.
    pub(super) fn say(&mut self, frame: &[u8]) {
        self.updates.extend_from_slice(frame);
    }

    /// What is to be written where a frame ends.
    pub(super) fn take_updates(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.updates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(stream: u32, length: u32) -> Frame {
        Frame { kind: FrameKind::Data, flags: 0, stream, length }
    }

    #[test]
    fn the_client_is_told_of_a_narrow_window_and_gets_the_rest_when_its_body_is_wanted() {
        let mut windows = Windows::new(16_384);
        let settings = [0, 0, 12, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100, 0, 4, 0, 4, 0, 0, 9, 9];
        let told = windows.settings(&settings).unwrap();
        assert_eq!(told, [0, 0, 12, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100, 0, 4, 0, 0, 64, 0]);
        windows.begin(5);
        assert!(windows.widen(5) && !windows.widen(5) && !windows.widen(7));
        assert_eq!(windows.take_updates(), [0, 0, 4, 8, 0, 0, 0, 0, 5, 0, 3, 192, 0]);
        assert!(windows.take_updates().is_empty());
    }

    #[test]
    fn a_narrow_window_is_kept_to_once_it_is_known() {
        let mut windows = Windows::new(16_384);
        windows.settings(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 4, 0, 0]).unwrap();
        for stream in [1, 3, 5] {
            windows.begin(stream);
        }
        assert!(windows.takes(&data(1, 60_000)));
        windows.takes(&Frame { kind: FrameKind::Settings, flags: 1, stream: 0, length: 0 });
        assert!(!windows.takes(&data(1, 1)) && windows.takes(&data(1, 0)));
        assert!(windows.takes(&data(3, 16_384)) && !windows.takes(&data(3, 1)));
        windows.widen(5);
        assert!(windows.takes(&data(5, 200_000)), "from here on the library counts");
    }
}
