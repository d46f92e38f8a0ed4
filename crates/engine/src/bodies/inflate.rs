//! Packed bodies, unpacked as far as somebody wants to read, so that a small body cannot become a large one.

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// What is unpacked at once.
const STEP_BYTES: usize = 16 << 10;

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    /// zlib's format, as the RFC has it; bare deflate data, as some servers send, is taken too.
    Deflate,
}

impl Packing {
    /// Of a Content-Encoding; `None` for one that is not known here.
    pub(crate) fn of(coding: &[u8]) -> Option<Self> {
        match coding {
            name if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
                Some(Self::Gzip)
            }
            name if name.eq_ignore_ascii_case(b"deflate") => Some(Self::Deflate),
            _ => None,
        }
    }
}

/// What has been unpacked, and where the packed bytes stand.
#[derive(Debug)]
pub(crate) struct Inflate {
    packing: Packing,
    machine: Machine,
    /// Of what was unpacked, where gzip's own sum is to be compared with it.
    sum: Crc,
    /// Packed bytes used so far.
    pub(crate) used: usize,
    pub(crate) out: Vec<u8>,
    /// The packed data has come to its end.
    pub(crate) is_over: bool,
    /// It is damaged, from here on.
    pub(crate) is_bad: bool,
    /// All that came was unpacked, and the end was not among it.
    pub(crate) is_short: bool,
}

/// How far it is.
#[derive(Debug)]
enum Machine {
    /// The first bytes have not told yet which form they have.
    Waits,
    Unpacks(Decompress),
    /// The deflated data is over, and gzip's sum comes next.
    Compares,
}

impl Inflate {
    pub(crate) fn new(packing: Packing) -> Self {
        Self {
            packing,
            machine: Machine::Waits,
            sum: Crc::new(),
            used: 0,
            out: Vec::new(),
            is_over: false,
            is_bad: false,
            is_short: false,
        }
    }

    /// Unpacks until `wanted` bytes are there (or a few more), or all of `packed` is used.
    pub(crate) fn feed(&mut self, packed: &[u8], wanted: usize) {
        while self.out.len() < wanted && !self.is_over && !self.is_bad {
            let rest = packed.get(self.used..).unwrap_or_default();
            if matches!(self.machine, Machine::Waits) && (rest.is_empty() || !self.begin(rest)) {
                return;
            }
            if matches!(self.machine, Machine::Compares) {
                return self.compare_sum(rest);
            }
            // The machine can have taken all and still hold some of what it made of it.
            let before = (self.used, self.out.len());
            self.step(packed);
            if before == (self.used, self.out.len()) && !matches!(self.machine, Machine::Compares) {
                return;
            }
        }
    }

    /// Looks at how the data begins; `false` if more of it is needed.
    fn begin(&mut self, first: &[u8]) -> bool {
        let machine = match (self.packing, first) {
            (Packing::Gzip, _) => match gzip_head(first) {
                Head::Length(bytes) => {
                    self.used += bytes;
                    Decompress::new(false)
                }
                Head::More => return false,
                Head::Bad => {
                    self.is_bad = true;
                    return false;
                }
            },
            (Packing::Deflate, [first, second, ..]) => {
                let check = u16::from(*first) << 8 | u16::from(*second);
                Decompress::new(first & 15 == 8 && check % 31 == 0)
            }
            (Packing::Deflate, _) => return false,
        };
        self.machine = Machine::Unpacks(machine);
        true
    }

    fn step(&mut self, packed: &[u8]) {
        let (Machine::Unpacks(machine), Some(rest)) = (&mut self.machine, packed.get(self.used..)) else {
            return;
        };
        let (read, written) = (machine.total_in(), self.out.len());
        self.out.reserve(STEP_BYTES);
        let status = machine.decompress_vec(rest, &mut self.out, FlushDecompress::None);
        self.used =
            self.used.saturating_add(usize::try_from(machine.total_in() - read).unwrap_or(usize::MAX));
        if self.packing == Packing::Gzip {
            self.sum.update(self.out.get(written..).unwrap_or_default());
        }
        match status {
            // What zlib's format has for a sum, the machine has compared. Another member of gzip data is not read.
            Ok(Status::StreamEnd) if self.packing == Packing::Gzip => self.machine = Machine::Compares,
            Ok(Status::StreamEnd) => self.is_over = true,
            Ok(Status::Ok | Status::BufError) => {
                let stands = machine.total_in() == read && self.out.len() == written;
                self.is_bad |= stands && self.used < packed.len();
            }
            Err(_) => self.is_bad = true,
        }
    }

    /// RFC 1952: the sum of the unpacked bytes, and their number.
    fn compare_sum(&mut self, rest: &[u8]) {
        let expected = [self.sum.sum().to_le_bytes(), self.sum.amount().to_le_bytes()].concat();
        let Some(told) = rest.get(..expected.len()) else { return };
        let is_it = told == expected;
        self.used += expected.len();
        (self.is_over, self.is_bad) = (is_it, !is_it);
    }

    /// Whether any packed byte has come. An empty body is not packed data that stops early.
    pub(crate) fn has_seen(&self, packed: &[u8]) -> bool {
        !matches!(self.machine, Machine::Waits) || !packed.is_empty()
    }

    /// Forgets packed bytes that are used, and says how many they were.
    pub(crate) fn forget_used(&mut self) -> usize {
        std::mem::take(&mut self.used)
    }
}

enum Head {
    Length(usize),
    More,
    Bad,
}

/// RFC 1952: how long the head of a gzip member is.
fn gzip_head(data: &[u8]) -> Head {
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const CHECK: u8 = 2;
    let Some([0x1f, 0x8b, 8, flags, ..]) = data.get(..10) else {
        return if data.len() < 10 { Head::More } else { Head::Bad };
    };
    let mut at = 10;
    if flags & EXTRA != 0 {
        let Some([low, high]) = data.get(at..at + 2) else { return Head::More };
        at += 2 + usize::from(u16::from_le_bytes([*low, *high]));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let Some(end) = data.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == 0)) else {
                return Head::More;
            };
            at += end + 1;
        }
    }
    if flags & CHECK != 0 {
        at += 2;
    }
    if at <= data.len() { Head::Length(at) } else { Head::More }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write;

    const TEXT: &[u8] = b"a text that is packed, and packed, and packed again";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn the_three_forms_are_read_byte_by_byte_too() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(TEXT).unwrap();
        let forms = [
            (Packing::Gzip, gzip(TEXT)),
            (Packing::Deflate, zlib.finish().unwrap()),
            (Packing::Deflate, bare.finish().unwrap()),
        ];
        for (packing, packed) in forms {
            let mut inflate = Inflate::new(packing);
            for end in 0..=packed.len() {
                inflate.feed(&packed[..end], usize::MAX);
            }
            assert_eq!(inflate.out, TEXT);
            assert!(inflate.is_over && !inflate.is_bad);
        }
    }

    #[test]
    fn no_more_is_unpacked_than_somebody_wants() {
        let packed = gzip(&vec![0; 50 << 20]);
        assert!(packed.len() < 100 << 10);
        let mut inflate = Inflate::new(Packing::Gzip);
        inflate.feed(&packed, 1000);
        assert!((1000..=2 * STEP_BYTES).contains(&inflate.out.len()), "{}", inflate.out.len());
    }

    #[test]
    fn what_was_made_of_the_last_bytes_comes_too() {
        let packed = gzip(&vec![0; 1 << 20]);
        let mut inflate = Inflate::new(Packing::Gzip);
        inflate.feed(&packed[..packed.len() - 8], usize::MAX);
        assert!(!inflate.is_over && inflate.out.len() == 1 << 20, "{}", inflate.out.len());
        inflate.feed(&packed, usize::MAX);
        assert!(inflate.is_over && !inflate.is_bad);
    }

    #[test]
    fn a_sum_or_a_length_that_is_another_is_damage() {
        for from_the_end in [1, 8] {
            let mut packed = gzip(TEXT);
            let at = packed.len() - from_the_end;
            packed[at] ^= 1;
            let mut inflate = Inflate::new(Packing::Gzip);
            for end in 0..=packed.len() {
                inflate.feed(&packed[..end], usize::MAX);
            }
            assert_eq!(inflate.out, TEXT);
            assert!(inflate.is_bad && !inflate.is_over);
        }
    }

    #[test]
    fn damage_is_noticed() {
        let mut packed = gzip(TEXT);
        packed[0] = 0;
        let mut inflate = Inflate::new(Packing::Gzip);
        inflate.feed(&packed, usize::MAX);
        assert!(inflate.is_bad && inflate.out.is_empty());
    }
}
