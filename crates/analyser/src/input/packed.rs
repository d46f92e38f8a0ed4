//! Files as they were before somebody packed them: gzip, zstd or bzip2 by their first bytes, whatever their names.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that is packed to less than this part of itself, once it has given [`BOMB_BYTES_MIN`], is a bomb.
const BOMB_RATIO: u64 = 500;

/// Bytes that a file may give before its packing is looked at: a short log of one line over and over packs well.
const BOMB_BYTES_MIN: u64 = 64 << 20;

/// The base 2 logarithm of the most memory that a zstd file may ask for: 128 MiB, zstd's own default.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// How a file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    None,
    /// gzip, of one or more members.
    Gzip,
    /// zstd, of one or more frames.
    Zstd,
    /// bzip2, of one or more streams.
    Bzip2,
}

impl Packing {
    /// How a file that begins so is packed.
    pub fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', b'&', b'S', b'Y', ..] => Self::Bzip2,
            _ => Self::None,
        }
    }
}

/// Opens a file, packed or not, as a stream of bytes; `-` is standard input.
///
/// Reading ends with an error where the packed file is torn, or is a bomb.
///
/// # Errors
///
/// The file cannot be opened.
pub fn unpacked(path: &Path) -> io::Result<impl BufRead + Send + use<>> {
    Ok(BufReader::with_capacity(1 << 16, Unpacked::new(Arc::new(open(path)?))?))
}

/// Opens a file so that it can be read at any place, and again: what is no plain file is copied to a temporary one.
pub(super) fn open(path: &Path) -> io::Result<File> {
    if path.as_os_str() == "-" {
        return spool(io::stdin().lock());
    }
    let file = File::open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "this is a folder"));
    }
    spool(file)
}

fn spool(mut from: impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut from, &mut file)?;
    file.rewind()?;
    Ok(file)
}

/// A file read from its start, whatever others do with it.
pub(super) struct FromStart {
    file: Arc<File>,
    at: u64,
    /// Where it is, for those who look on.
    seen: Arc<AtomicU64>,
}

impl Read for FromStart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.at)?;
        self.at += length as u64;
        self.seen.store(self.at, Ordering::Relaxed);
        Ok(length)
    }
}

/// The bytes of a file as they were before they were packed.
pub(super) struct Unpacked {
    from: Box<dyn Read + Send>,
    is_packed: bool,
    disk_bytes: Arc<AtomicU64>,
    bytes: u64,
}

impl Unpacked {
    pub(super) fn new(file: Arc<File>) -> io::Result<Self> {
        let mut start = [0; 16];
        let length = file.read_at(&mut start, 0)?;
        let packing = Packing::of(&start[..length]);
        let disk_bytes = Arc::new(AtomicU64::new(0));
        let raw = FromStart { file, at: 0, seen: Arc::clone(&disk_bytes) };
        let buffered = |raw| BufReader::with_capacity(1 << 16, raw);
        let from: Box<dyn Read + Send> = match packing {
            Packing::None => Box::new(raw),
            Packing::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(buffered(raw))),
            Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(buffered(raw))),
            Packing::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered(raw))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
        };
        Ok(Self { from, is_packed: packing != Packing::None, disk_bytes, bytes: 0 })
    }

    /// Bytes on disk that were read so far.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.disk_bytes.load(Ordering::Relaxed)
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = match self.from.read(buffer) {
            Ok(length) => length,
            Err(error) if self.is_packed && error.kind() != io::ErrorKind::Interrupted => {
                return Err(io::Error::new(
                    error.kind(),
                    format!("the packed file is torn after {} bytes of text: {error}", self.bytes),
                ));
            }
            Err(error) => return Err(error),
        };
        self.bytes += length as u64;
        if self.is_packed && self.bytes > BOMB_BYTES_MIN && self.bytes / BOMB_RATIO > self.disk_bytes() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("the packed file is a bomb: {} bytes of it gave {}", self.disk_bytes(), self.bytes),
            ));
        }
        Ok(length)
    }
}
