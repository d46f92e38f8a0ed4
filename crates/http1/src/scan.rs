//! Whether a head that comes in pieces is worth decoding again.
#![warn(clippy::indexing_slicing)]

use memchr::memchr;

use crate::Limits;

/// Remembers how far a growing input was searched for the end of its head, so that a head sent byte by byte costs
/// linear work. One for each head; start a new one when the head was taken.
#[derive(Clone, Debug)]
pub struct HeadScan {
    scanned: usize,
    line_start: usize,
    has_first_line: bool,
    has_empty_line: bool,
    head_bytes_max: usize,
}

impl HeadScan {
    /// For a head whose first byte is the first byte of the input.
    pub fn new(limits: &Limits) -> Self {
        Self {
            scanned: 0,
            line_start: 0,
            has_first_line: false,
            has_empty_line: false,
            head_bytes_max: limits.head_bytes_max,
        }
    }

    /// Looks at what came since the last call. `true`: decode now — the first line is there (bad ones are refused
    /// early), the head is whole, or it is sure to be refused. `false`: read more first. `input` always starts at the
    /// same byte and only grows.
    pub fn is_ready(&mut self, input: &[u8]) -> bool {
        let mut ready = input.len() > self.head_bytes_max;
        while let Some(at) = memchr(b'\n', input.get(self.scanned..).unwrap_or_default()) {
            let end = self.scanned + at;
            let line = input.get(self.line_start..end).unwrap_or_default();
            self.scanned = end + 1;
            self.line_start = end + 1;
            let is_empty = line == b"\r";
            if is_empty && !self.has_first_line && !self.has_empty_line {
                self.has_empty_line = true; // the one that may stand in front
                continue;
            }
            ready |= is_empty || !self.has_first_line || line.last() != Some(&b'\r');
            self.has_first_line = true;
        }
        self.scanned = input.len();
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_head_is_decoded_a_few_times_only() {
        let head = b"\r\nGET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\n\r\n";
        let mut scan = HeadScan::new(&Limits::default());
        let ready: Vec<usize> =
            (1..=head.len()).filter(|&end| scan.is_ready(head.get(..end).unwrap_or_default())).collect();
        assert_eq!(ready, [18, head.len()]);
        assert!(HeadScan::new(&Limits::default()).is_ready(head), "all at once is ready too");
    }

    #[test]
    fn a_bare_lf_and_an_endless_line_are_ready_to_be_refused() {
        let mut scan = HeadScan::new(&Limits::default());
        assert!(!scan.is_ready(b"GET / HTTP/1.1"));
        assert!(scan.is_ready(b"GET / HTTP/1.1\n"));
        let limits = Limits { head_bytes_max: 10, ..Limits::default() };
        assert!(HeadScan::new(&limits).is_ready(b"GET /aaaaaaaaaaaaaa"));
    }
}
