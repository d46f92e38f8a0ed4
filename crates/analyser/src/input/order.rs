//! One stream in time order over all files.

use super::chunk::{Piece, Pieces};
use super::{FileCounts, Input, LogFile, Watch};
use accesslog::{Line, LineReader, Read};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::ControlFlow;
use std::sync::Arc;

/// How late a line may stand in its file and still be put in order, in seconds. Apache writes a line when the answer has
/// ended, with the time at which the request began: a slow download of ten minutes stands ten minutes late.
pub const LATE_SECONDS_MAX: i64 = 900;

/// Bytes of lines that are held to be put in order, over all files. Beyond, the earliest held line goes out.
pub const HELD_BYTES_MAX: usize = 256 << 20;

/// What became of the lines.
#[derive(Debug)]
pub struct Ordered {
    /// What became of the lines of each file, in the order of [`Input::files`].
    pub counts: Vec<FileCounts>,
    /// Lines that stood later in their file than [`LATE_SECONDS_MAX`] allows: they were handed out after lines of a later
    /// time.
    pub late_lines: u64,
    /// Somebody stopped it, or a file could not be read to its end.
    pub is_partial: bool,
}

impl Input {
    /// Hands out all lines in time order: lines of the same time in the order of files, and of their places within a file.
    /// Ends early when `each` breaks.
    pub fn in_order(
        &self,
        watch: &Watch<'_>,
        mut each: impl FnMut(&Line<'_>, &LogFile) -> ControlFlow<()>,
    ) -> Ordered {
        let mut merge = Merge::of(self);
        let mut newest = i64::MIN;
        let mut late_lines = 0;
        let mut is_stopped = false;
        while let Some((at, file)) = merge.earliest(watch) {
            late_lines += u64::from(at < newest);
            newest = newest.max(at);
            if merge.streams[file].hand_out(&self.files[file], &mut merge.held, &mut each).is_break() {
                is_stopped = true;
                break;
            }
        }
        let counts: Vec<_> = merge.streams.into_iter().map(|stream| stream.counts).collect();
        let is_cut = is_stopped || watch.is_cancelled();
        Ordered {
            is_partial: is_cut || counts.iter().any(|counts| counts.problem.is_some()),
            counts,
            late_lines,
        }
    }
}

/// All files on their way to one stream.
struct Merge<'a> {
    streams: Vec<Stream<'a>>,
    /// The time of the next line of each file that has one ready.
    ready: BinaryHeap<Reverse<(i64, usize)>>,
    /// Files that have none ready.
    to_fill: Vec<usize>,
    /// Files that begin later, the earliest last.
    later: Vec<usize>,
    /// Bytes of all lines that are held.
    held: usize,
}

impl<'a> Merge<'a> {
    fn of(input: &'a Input) -> Self {
        let mut later: Vec<usize> = (0..input.files.len()).collect();
        later.sort_by_key(|file| Reverse((input.files[*file].first_unix_micros, *file)));
        Self {
            streams: input.files.iter().map(Stream::of).collect(),
            ready: BinaryHeap::new(),
            to_fill: Vec::new(),
            later,
            held: 0,
        }
    }

    /// The time of the earliest line that is ready, and its file.
    fn earliest(&mut self, watch: &Watch<'_>) -> Option<(i64, usize)> {
        loop {
            while let Some(file) = self.to_fill.pop() {
                if let Some(at) = self.streams[file].fill(watch, &mut self.held) {
                    self.ready.push(Reverse((at, file)));
                }
            }
            let next = self.ready.peek().map(|Reverse((at, _))| *at);
            // A file is opened when a line of it may be the next: its first may stand before an earlier one.
            let opens = |file: &usize| {
                let begins = self.streams[*file].file.first_unix_micros.unwrap_or(i64::MIN);
                next.is_none_or(|next| begins.saturating_sub(LATE_SECONDS_MAX * 1_000_000) <= next)
            };
            if let Some(file) = self.later.pop_if(|file| opens(file)) {
                self.to_fill.push(file);
                continue;
            }
            let Reverse((at, file)) = self.ready.pop()?;
            self.to_fill.push(file);
            return Some((at, file));
        }
    }
}

/// One file on its way into the stream.
struct Stream<'a> {
    file: &'a LogFile,
    /// There when the file is being read: an unpacker has its memory, and there may be hundreds of files.
    pieces: Option<Pieces>,
    is_opened: bool,
    piece: Piece,
    /// Where in the piece the next line begins.
    at: usize,
    reader: LineReader,
    /// The layouts that lines were read by, the last one in force.
    layouts: Vec<LineReader>,
    window: BTreeMap<i64, Second>,
    newest_second: i64,
    is_ended: bool,
    counts: FileCounts,
}

/// Lines of one second, in the order of their moments.
#[derive(Default)]
struct Second {
    text: Vec<u8>,
    /// The last one first, so that the next is taken from the end.
    lines: Vec<Held>,
    is_sorted: bool,
}

struct Held {
    unix_micros: i64,
    start: u32,
    end: u32,
    layout: u32,
}

impl<'a> Stream<'a> {
    fn of(file: &'a LogFile) -> Self {
        let reader = LineReader::new(&file.layout);
        Self {
            file,
            is_ended: false,
            is_opened: false,
            pieces: None,
            piece: Piece::default(),
            at: 0,
            layouts: vec![reader.clone()],
            reader,
            window: BTreeMap::new(),
            newest_second: i64::MIN,
            counts: FileCounts::default(),
        }
    }

    /// Reads on until a line is ready, and says its time.
    fn fill(&mut self, watch: &Watch<'_>, held: &mut usize) -> Option<i64> {
        loop {
            if let Some(mut first) = self.window.first_entry() {
                let is_ready = self.is_ended
                    || *held > HELD_BYTES_MAX
                    || first.key().saturating_add(LATE_SECONDS_MAX) < self.newest_second;
                if is_ready {
                    return first.get_mut().next_micros();
                }
            }
            if self.is_ended {
                return None;
            }
            match self.next_line() {
                Some(length) => self.take_line(length, held),
                None => self.next_piece(watch),
            }
        }
    }

    /// How long the next line of the piece is.
    fn next_line(&self) -> Option<usize> {
        let rest = self.piece.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        Some(memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1))
    }

    fn next_piece(&mut self, watch: &Watch<'_>) {
        (watch.progress)(std::mem::take(&mut self.piece.disk_bytes));
        if !self.is_opened {
            self.is_opened = true;
            match Pieces::of(Arc::clone(&self.file.file)) {
                Ok(pieces) => self.pieces = Some(pieces),
                Err(error) => self.counts.problem = Some(error.to_string()),
            }
        }
        let next = self.pieces.as_mut().filter(|_| !watch.is_cancelled()).and_then(Pieces::next);
        let Some((piece, result)) = next else {
            self.is_ended = true;
            self.pieces = None;
            self.piece = Piece::default();
            return;
        };
        self.counts.bytes += piece.bytes;
        if let Err(error) = result {
            self.counts.problem = Some(error.to_string());
        }
        (self.piece, self.at) = (piece, 0);
    }

    fn take_line(&mut self, length: usize, held: &mut usize) {
        let text = &self.piece.text[self.at..self.at + length];
        let offset = self.piece.offset + self.at as u64;
        self.at += length;
        self.counts.lines += 1;
        let unix_micros = match self.reader.read(text) {
            Read::Line(line) => {
                if let Some(mended) = line.mended {
                    self.counts.add_mended(mended, text, offset);
                }
                line.at_unix_micros
            }
            Read::Comment => {
                self.counts.comments += 1;
                return self.notice_layout();
            }
            Read::Bad(bad) => return self.counts.add_bad(bad, text, offset),
        };
        self.counts.read += 1;
        self.counts.add_time(unix_micros);
        let second = unix_micros.div_euclid(1_000_000);
        self.newest_second = self.newest_second.max(second);
        *held += text.len();
        self.window.entry(second).or_default().push(unix_micros, text, self.layouts.len() - 1);
    }

    fn notice_layout(&mut self) {
        if self.layouts.last().is_some_and(|last| last.layout() != self.reader.layout())
            && self.layouts.len() < LAYOUTS_MAX
        {
            self.layouts.push(LineReader::new(self.reader.layout()));
        }
    }

    /// Hands out the earliest line.
    fn hand_out(
        &mut self,
        file: &LogFile,
        held: &mut usize,
        each: &mut impl FnMut(&Line<'_>, &LogFile) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(mut first) = self.window.first_entry() else { return ControlFlow::Continue(()) };
        let second = first.get_mut();
        let mut flow = ControlFlow::Continue(());
        if let Some(next) = second.lines.pop() {
            let text = &second.text[next.start as usize..next.end as usize];
            *held -= text.len();
            // It was read before, so it is read again.
            if let Some(reader) = self.layouts.get_mut(next.layout as usize)
                && let Read::Line(line) = reader.read(text)
            {
                flow = each(&line, file);
            }
        }
        if second.lines.is_empty() {
            first.remove();
        }
        flow
    }
}

/// Times that one file may change its layout; beyond, lines are read by the last one.
const LAYOUTS_MAX: usize = 10_000;

impl Second {
    #[expect(clippy::cast_possible_truncation, reason = "a second holds less than 4 GiB: HELD_BYTES_MAX")]
    fn push(&mut self, unix_micros: i64, text: &[u8], layout: usize) {
        let start = self.text.len() as u32;
        self.text.extend_from_slice(text);
        let end = self.text.len() as u32;
        self.lines.push(Held { unix_micros, start, end, layout: layout as u32 });
        self.is_sorted = false;
    }

    fn next_micros(&mut self) -> Option<i64> {
        if !self.is_sorted {
            self.lines.sort_by_key(|line| Reverse((line.unix_micros, line.start)));
            self.is_sorted = true;
        }
        self.lines.last().map(|line| line.unix_micros)
    }
}
