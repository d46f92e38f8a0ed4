//! All lines on all cores, in any order.

use super::{FileCounts, Input, LogFile, Watch};
use accesslog::{LINE_BYTES_MAX, Line, LineReader, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{io, thread};

/// Folds lines into whatever it counts. Each thread has one; at the end they are merged.
///
/// Which lines meet in which worker is not certain, nor is the order of merging: the result must not hang on it.
pub trait Worker: Send {
    /// Takes one line of a file.
    fn add(&mut self, line: &Line<'_>, file: &LogFile);

    /// Takes what another worker has.
    fn merge(&mut self, other: Self);
}

/// What a scan gave.
#[derive(Debug)]
pub struct Scanned<W> {
    /// All workers, merged.
    pub worker: W,
    /// What became of the lines of each file, in the order of [`Input::files`].
    pub counts: Vec<FileCounts>,
    /// Somebody stopped it, or a file could not be read to its end.
    pub is_partial: bool,
}

impl Input {
    /// Reads all lines on all cores, and merges what the workers have.
    pub fn scan<W: Worker>(&self, make: impl Fn() -> W + Sync, watch: &Watch<'_>) -> Scanned<W> {
        let next = AtomicU64::new(0);
        let chunks = Chunks::of(self);
        let work = || {
            let mut worker = make();
            let mut counts = vec![FileCounts::default(); self.files.len()];
            let mut buffer = Vec::new();
            while let Some(chunk) = chunks.get(next.fetch_add(1, Ordering::Relaxed)) {
                if watch.is_cancelled() {
                    break;
                }
                let file = &self.files[chunk.file];
                let counts = &mut counts[chunk.file];
                counts.bytes += chunk.end - chunk.start;
                match chunk.read(file, &mut buffer) {
                    Ok(offset) => fold(&buffer, offset, file, &mut worker, counts),
                    Err(error) => counts.problem = Some(error.to_string()),
                }
                (watch.progress)(chunk.end - chunk.start);
            }
            (worker, counts)
        };
        let (mut worker, mut counts) = (make(), vec![FileCounts::default(); self.files.len()]);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..self.threads.get()).map(|_| scope.spawn(work)).collect();
            for thread in threads {
                // A worker's panic is a fault of ours: it goes on in this thread.
                let (other, others) = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                worker.merge(other);
                for (mine, theirs) in counts.iter_mut().zip(others) {
                    mine.merge(theirs);
                }
            }
        });
        let is_partial = watch.is_cancelled() || counts.iter().any(|counts| counts.problem.is_some());
        Scanned { worker, counts, is_partial }
    }
}

/// Folds whole lines.
fn fold<W: Worker>(text: &[u8], offset: u64, file: &LogFile, worker: &mut W, counts: &mut FileCounts) {
    let mut reader = LineReader::new(&file.layout);
    let mut start = 0;
    while start < text.len() {
        let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |at| start + at + 1);
        let line = &text[start..end];
        counts.lines += 1;
        let at = offset + start as u64;
        match reader.read(line) {
            Read::Line(read) => {
                counts.read += 1;
                counts.add_time(read.at_unix_micros);
                worker.add(&read, file);
                if let Some(mended) = read.mended {
                    counts.add_mended(mended, line, at);
                }
            }
            Read::Comment => counts.comments += 1,
            Read::Bad(bad) => counts.add_bad(bad, line, at),
        }
        start = end;
    }
}

/// Bytes that one thread takes at a time.
const CHUNK_BYTES: u64 = 4 << 20;

struct Chunks {
    /// For each file the number of its first chunk, and its size.
    files: Vec<(u64, u64)>,
    count: u64,
}

struct Chunk {
    file: usize,
    start: u64,
    end: u64,
    size: u64,
}

impl Chunks {
    fn of(input: &Input) -> Self {
        let mut count = 0;
        let files = input.files.iter().map(|file| {
            let first = count;
            count += file.disk_bytes.div_ceil(CHUNK_BYTES);
            (first, file.disk_bytes)
        });
        Self { files: files.collect(), count }
    }

    fn get(&self, number: u64) -> Option<Chunk> {
        if number >= self.count {
            return None;
        }
        let file = self.files.partition_point(|(first, _)| *first <= number).checked_sub(1)?;
        let (first, size) = self.files[file];
        let start = (number - first) * CHUNK_BYTES;
        Some(Chunk { file, start, end: (start + CHUNK_BYTES).min(size), size })
    }
}

impl Chunk {
    /// Reads the lines that begin in this chunk, to their ends, and says where the first of them begins.
    fn read(&self, file: &LogFile, buffer: &mut Vec<u8>) -> io::Result<u64> {
        // The byte before tells whether a line begins at the very start.
        let from = self.start.saturating_sub(1);
        read_at(file, from, self.end - from, buffer)?;
        let first = match memchr::memchr(b'\n', buffer) {
            _ if self.start == 0 => 0,
            Some(before) => before + 1,
            None => buffer.len(),
        };
        buffer.drain(..first);
        let mut at = self.end;
        // A longer line is refused anyway: its rest need not be held.
        while buffer.last().is_some_and(|last| *last != b'\n')
            && at < self.size
            && buffer.len() < BUFFER_BYTES_MAX
        {
            let length = TAIL_BYTES.min(self.size - at);
            let mut tail = Vec::new();
            read_at(file, at, length, &mut tail)?;
            let end = memchr::memchr(b'\n', &tail).map_or(tail.len(), |newline| newline + 1);
            buffer.extend_from_slice(&tail[..end]);
            at += length;
        }
        Ok(from + first as u64)
    }
}

fn read_at(file: &LogFile, offset: u64, length: u64, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.resize(usize::try_from(length).map_err(io::Error::other)?, 0);
    file.file.read_exact_at(buffer, offset)
}

/// Bytes that are read at a time to find the end of a chunk's last line.
const TAIL_BYTES: u64 = 16 * 1024;

/// Bytes of a chunk with its last line.
#[expect(clippy::cast_possible_truncation, reason = "four mebibytes")]
const BUFFER_BYTES_MAX: usize = CHUNK_BYTES as usize + 2 * LINE_BYTES_MAX;
