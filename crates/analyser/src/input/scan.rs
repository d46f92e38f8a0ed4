//! All lines on all cores, in any order.

use super::chunk::{CHUNK_BYTES, Piece, Pieces};
use super::{FileCounts, Input, LogFile, Watch};
use accesslog::{LINE_BYTES_MAX, Layout, Line, LineReader, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
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
    ///
    /// Plain files are read by whichever thread is free, at any place. Packed files, and those whose lines say how the
    /// ones after them are laid out, are read from their start by threads of their own.
    pub fn scan<W: Worker>(&self, make: impl Fn() -> W + Sync, watch: &Watch<'_>) -> Scanned<W> {
        let chunks = Chunks::of(self);
        let from_start: Vec<&LogFile> = self.files.iter().filter(|file| !file.is_split()).collect();
        let (to_workers, pieces) = sync_channel(2 * self.threads.get());
        let (next_chunk, next_file) = (AtomicU64::new(0), AtomicUsize::new(0));
        let scan = Scan { input: self, watch, chunks, next_chunk, pieces: Mutex::new(pieces) };
        let (mut worker, mut counts) = (make(), vec![FileCounts::default(); self.files.len()]);
        thread::scope(|scope| {
            for _ in 0..self.threads.get().min(from_start.len()) {
                let (to_workers, next, files) = (to_workers.clone(), &next_file, &from_start);
                scope.spawn(move || {
                    while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        feed(file, &to_workers, watch);
                    }
                });
            }
            // The last of the feeding threads closes the channel.
            drop(to_workers);
            let threads: Vec<_> =
                (0..self.threads.get()).map(|_| scope.spawn(|| scan.work(make()))).collect();
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

/// What the workers share.
struct Scan<'a> {
    input: &'a Input,
    watch: &'a Watch<'a>,
    chunks: Chunks,
    next_chunk: AtomicU64,
    pieces: Mutex<Receiver<Fed>>,
}

/// A piece of a file that is read from its start.
struct Fed {
    file: usize,
    layout: Layout,
    piece: Piece,
    problem: Option<String>,
}

impl Scan<'_> {
    /// One worker: plain chunks as long as there are any, then what the feeding threads hand over.
    fn work<W: Worker>(&self, mut worker: W) -> (W, Vec<FileCounts>) {
        let mut counts = vec![FileCounts::default(); self.input.files.len()];
        let mut buffer = Vec::new();
        while let Some(chunk) = self.chunks.get(self.next_chunk.fetch_add(1, Ordering::Relaxed)) {
            if self.watch.is_cancelled() {
                break;
            }
            let file = &self.input.files[chunk.file];
            let counts = &mut counts[chunk.file];
            counts.bytes += chunk.end - chunk.start;
            match chunk.read(file, &mut buffer) {
                Ok(first) => {
                    let mut lines = Lines { reader: LineReader::new(&file.layout), file, counts };
                    lines.fold(buffer.get(first.in_buffer..).unwrap_or_default(), first.in_file, &mut worker);
                }
                Err(error) => counts.problem = Some(error.to_string()),
            }
            (self.watch.progress)(chunk.end - chunk.start);
        }
        while let Some(Fed { file, layout, piece, problem }) = self.take() {
            let counts = &mut counts[file];
            counts.bytes += piece.bytes;
            counts.problem = counts.problem.take().or(problem);
            if !self.watch.is_cancelled() {
                let file = &self.input.files[file];
                let mut lines = Lines { reader: LineReader::new(&layout), file, counts };
                lines.fold(&piece.text, piece.offset, &mut worker);
            }
            (self.watch.progress)(piece.disk_bytes);
        }
        (worker, counts)
    }

    fn take(&self) -> Option<Fed> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }
}

/// Reads a file from its start and hands its pieces over.
fn feed(file: &LogFile, to_workers: &SyncSender<Fed>, watch: &Watch<'_>) {
    let mut layout = file.layout.clone();
    let failed = |error: io::Error| Fed {
        file: file.index,
        layout: file.layout.clone(),
        piece: Piece::default(),
        problem: Some(error.to_string()),
    };
    let mut pieces = match Pieces::of(Arc::clone(&file.file)) {
        Ok(pieces) => pieces,
        // Nobody listens any more only where a worker has panicked, and that is told elsewhere.
        Err(error) => return drop(to_workers.send(failed(error))),
    };
    while let Some((piece, result)) = pieces.next() {
        if watch.is_cancelled() {
            return;
        }
        let after = layout.after(&piece.text);
        let before = std::mem::replace(&mut layout, after);
        let problem = result.err().map(|error| error.to_string());
        if to_workers.send(Fed { file: file.index, layout: before, piece, problem }).is_err() {
            return;
        }
    }
}

/// Lines of one file on their way to a worker.
struct Lines<'a> {
    reader: LineReader,
    file: &'a LogFile,
    counts: &'a mut FileCounts,
}

impl Lines<'_> {
    /// Folds whole lines that begin at this place of the file.
    fn fold<W: Worker>(&mut self, text: &[u8], offset: u64, worker: &mut W) {
        let mut start = 0;
        while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
            let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1);
            let line = &rest[..length];
            self.counts.lines += 1;
            match self.reader.read(line) {
                Read::Line(read) => {
                    self.counts.read += 1;
                    self.counts.add_time(read.at_unix_micros);
                    worker.add(&read, self.file);
                    if let Some(mended) = read.mended {
                        self.counts.add_mended(mended, line, offset + start as u64);
                    }
                }
                Read::Comment => self.counts.comments += 1,
                Read::Bad(bad) => self.counts.add_bad(bad, line, offset + start as u64),
            }
            start += length;
        }
    }
}

/// The chunks of all files that may be read at any place.
struct Chunks {
    /// The number of the first chunk of a file, the file, and its size.
    files: Vec<(u64, usize, u64)>,
    count: u64,
}

struct Chunk {
    file: usize,
    start: u64,
    end: u64,
    size: u64,
}

/// Where the first line of a chunk begins.
struct FirstLine {
    in_buffer: usize,
    in_file: u64,
}

impl Chunks {
    fn of(input: &Input) -> Self {
        let mut count = 0;
        let files = input.files.iter().filter(|file| file.is_split()).map(|file| {
            let first = count;
            count += file.disk_bytes.div_ceil(CHUNK_BYTES as u64);
            (first, file.index, file.disk_bytes)
        });
        Self { files: files.collect(), count }
    }

    fn get(&self, number: u64) -> Option<Chunk> {
        if number >= self.count {
            return None;
        }
        let (first, file, size) =
            self.files[self.files.partition_point(|(first, ..)| *first <= number).checked_sub(1)?];
        let start = (number - first) * CHUNK_BYTES as u64;
        Some(Chunk { file, start, end: (start + CHUNK_BYTES as u64).min(size), size })
    }
}

impl Chunk {
    /// Reads the lines that begin in this chunk, to their ends.
    fn read(&self, file: &LogFile, buffer: &mut Vec<u8>) -> io::Result<FirstLine> {
        // The byte before tells whether a line begins at the very start.
        let from = self.start.saturating_sub(1);
        let length = usize::try_from(self.end - from).map_err(io::Error::other)?;
        buffer.resize(length, 0);
        file.file.read_exact_at(buffer, from)?;
        let in_buffer = match memchr::memchr(b'\n', buffer) {
            _ if self.start == 0 => 0,
            Some(before) => before + 1,
            None => length,
        };
        let mut at = self.end;
        // A longer line is refused anyway: its rest need not be held.
        while in_buffer < buffer.len()
            && buffer.last() != Some(&b'\n')
            && at < self.size
            && buffer.len() < BUFFER_BYTES_MAX
        {
            let held = buffer.len();
            let tail = TAIL_BYTES.min(usize::try_from(self.size - at).map_err(io::Error::other)?);
            buffer.resize(held + tail, 0);
            file.file.read_exact_at(&mut buffer[held..], at)?;
            let end = memchr::memchr(b'\n', &buffer[held..]).map_or(tail, |newline| newline + 1);
            buffer.truncate(held + end);
            at += tail as u64;
        }
        Ok(FirstLine { in_buffer, in_file: from + in_buffer as u64 })
    }
}

/// Bytes that are read at a time to find the end of a chunk's last line.
const TAIL_BYTES: usize = 16 * 1024;

/// Bytes of a chunk with its last line.
const BUFFER_BYTES_MAX: usize = CHUNK_BYTES + 2 * LINE_BYTES_MAX;
