//! Words with the places where a line may break between them, and the choice of those that do.
#![warn(clippy::indexing_slicing)]

use super::WIDTH;
use super::words::{Comment, Words};

/// Blanks of one level.
const LEVEL: usize = 3;

/// Levels that are shown; what is deeper stands no further to the right.
const LEVELS_MAX: usize = 20;

/// Blanks at the begin of a line.
fn indent(level: usize) -> usize {
    level.min(LEVELS_MAX) * LEVEL
}

/// What is to be laid out.
pub(super) enum Doc {
    /// A word by its place, with its comments.
    Word(usize),
    /// One blank.
    Blank,
    /// A blank; a new line where the group around it does not fit into one.
    Line,
    /// One behind the other.
    All(Vec<Doc>),
    /// In one line if it fits.
    Group(Vec<Doc>),
    /// Never in one line.
    Broken(Vec<Doc>),
    /// New lines in it stand one level deeper.
    Deeper(Vec<Doc>),
    /// Each [`Doc::Line`] in it breaks only if what comes up to the next one does not fit.
    Fill(Vec<Doc>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Flat,
    Broken,
    Filled,
}

#[derive(Clone, Copy)]
struct Piece<'d> {
    doc: &'d Doc,
    level: usize,
    mode: Mode,
}

/// Text as it grows.
pub(super) struct Writer<'a> {
    words: &'a Words<'a>,
    out: Vec<u8>,
    /// Characters in the line so far.
    column: usize,
    /// Level of the statement that is written.
    pub(super) level: usize,
    /// A comment was written: nothing may follow in its line.
    is_closed: bool,
    /// The word whose comments before it are written already.
    led: Option<usize>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(words: &'a Words<'a>) -> Self {
        Self { words, out: Vec::new(), column: 0, level: 0, is_closed: false, led: None }
    }

    /// The text, with a newline at its end.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if !self.out.is_empty() {
            self.new_line(0);
        }
        self.out
    }

    /// Begins a line at the statement's level, unless one has begun; with an empty line before it on demand.
    pub(super) fn begin(&mut self, after_blank_line: bool) {
        if self.out.is_empty() {
            return;
        }
        if self.column > 0 || self.is_closed {
            self.new_line(0);
        }
        if after_blank_line {
            self.out.push(b'\n');
        }
    }

    /// A comment on a line of its own; the line is begun already.
    pub(super) fn comment(&mut self, text: &[u8]) {
        self.text(text, self.level);
        self.is_closed = true;
    }

    /// Writes something, breaking lines where it must.
    pub(super) fn put(&mut self, doc: &Doc) {
        let mut stack = vec![Piece { doc, level: self.level, mode: Mode::Broken }];
        while let Some(piece) = stack.pop() {
            let Piece { doc, level, mode } = piece;
            match doc {
                Doc::Word(at) => self.word(*at, level),
                Doc::Blank => self.blank(),
                Doc::Line => match mode {
                    Mode::Flat => self.blank(),
                    Mode::Filled if self.fits(&stack, Until::NextLine) => self.blank(),
                    Mode::Broken | Mode::Filled => self.new_line(level),
                },
                Doc::All(docs) => push(&mut stack, docs, level, mode),
                Doc::Deeper(docs) => push(&mut stack, docs, level + 1, mode),
                Doc::Fill(docs) => {
                    push(&mut stack, docs, level, if mode == Mode::Flat { mode } else { Mode::Filled });
                }
                Doc::Broken(docs) => push(&mut stack, docs, level, Mode::Broken),
                Doc::Group(docs) => {
                    let rest = stack.len();
                    push(&mut stack, docs, level, Mode::Flat);
                    if mode != Mode::Flat && !self.fits(&stack, Until::EndOf(rest)) {
                        stack.truncate(rest);
                        push(&mut stack, docs, level, Mode::Broken);
                    }
                }
            }
        }
    }

    /// The comments before this word are written.
    pub(super) fn led(&mut self, at: usize) {
        self.led = Some(at);
    }

    fn comments_before(&self, at: usize) -> &'a [Comment] {
        let word = self.words.get(at).filter(|_| self.led != Some(at));
        word.map_or(&[], |word| &word.before)
    }

    /// Whether a comment ends the line.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether something fits into what is left of the line.
    pub(super) fn fits_flat(&self, doc: &Doc) -> bool {
        self.fits(&[Piece { doc, level: 0, mode: Mode::Flat }], Until::EndOf(0))
    }

    fn blank(&mut self) {
        if !self.is_closed && self.column > 0 {
            self.out.push(b' ');
            self.column += 1;
        }
    }

    fn new_line(&mut self, level: usize) {
        while self.out.last() == Some(&b' ') {
            self.out.pop();
        }
        self.out.push(b'\n');
        self.is_closed = false;
        self.column = 0;
        self.indent(level);
    }

    fn indent(&mut self, level: usize) {
        self.column = indent(level);
        self.out.resize(self.out.len() + self.column, b' ');
    }

    fn text(&mut self, text: &[u8], level: usize) {
        if self.is_closed {
            self.new_line(level);
        } else if self.column == 0 {
            self.indent(level);
        }
        self.out.extend_from_slice(text);
        let last = text.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        self.column = if last.len() < text.len() { width(last) } else { self.column + width(text) };
    }

    fn word(&mut self, at: usize, level: usize) {
        let Some(word) = self.words.get(at) else { return };
        for comment in self.comments_before(at) {
            if self.column > indent(level) || self.is_closed {
                self.new_line(level);
            }
            self.text(self.words.comment_text(comment), level);
            self.is_closed = true;
        }
        self.text(self.words.text(at), level);
        for comment in &word.after {
            self.blank();
            self.text(self.words.comment_text(comment), level);
            self.is_closed = true;
        }
    }

    /// Whether what lies on top of the stack fits into the line, with what must follow it there.
    fn fits(&self, stack: &[Piece<'_>], until: Until) -> bool {
        let column = match stack.last() {
            Some(next) if self.is_closed => indent(next.level),
            _ => self.column,
        };
        let mut left = WIDTH.saturating_sub(column);
        // Pieces of the stack are taken from its top as far as needed, never copied as a whole.
        let mut below = stack.len();
        let mut own: Vec<Piece<'_>> = Vec::new();
        loop {
            let Some(piece) = own.pop().or_else(|| {
                below = below.checked_sub(1)?;
                stack.get(below).copied()
            }) else {
                return true;
            };
            let is_own = match until {
                Until::EndOf(rest) => below >= rest,
                Until::NextLine => true,
            };
            let Piece { doc, level, mode } = piece;
            match doc {
                Doc::Word(at) => {
                    let Some(word) = self.words.get(*at) else { continue };
                    if !self.comments_before(*at).is_empty() {
                        return !is_own;
                    }
                    let text = self.words.text(*at);
                    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
                    // At most four bytes make a character.
                    let needed = if first.len() > 4 * left { None } else { left.checked_sub(width(first)) };
                    let Some(rest) = needed else { return false };
                    left = rest;
                    if first.len() < text.len() {
                        return true;
                    }
                    if !word.after.is_empty() {
                        // Behind the last word a comment disturbs nobody.
                        let is_last = own.is_empty() && matches!(until, Until::EndOf(rest) if below <= rest);
                        return !is_own || is_last || until == Until::NextLine;
                    }
                }
                Doc::Line if mode != Mode::Flat => return true,
                Doc::Blank | Doc::Line => {
                    let Some(rest) = left.checked_sub(1) else { return false };
                    left = rest;
                }
                Doc::Broken(_) if is_own && until != Until::NextLine => return false,
                Doc::Broken(docs) => push(&mut own, docs, level, Mode::Broken),
                Doc::Group(docs) if until == Until::NextLine => push(&mut own, docs, level, Mode::Flat),
                Doc::All(docs) | Doc::Group(docs) | Doc::Fill(docs) => push(&mut own, docs, level, mode),
                Doc::Deeper(docs) => push(&mut own, docs, level + 1, mode),
            }
        }
    }
}

/// How far something must fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// To the end of what lies on the stack above this height, and on to the next possible break.
    EndOf(usize),
    /// To the next line of a fill.
    NextLine,
}

fn push<'d>(stack: &mut Vec<Piece<'d>>, docs: &'d [Doc], level: usize, mode: Mode) {
    stack.extend(docs.iter().rev().map(|doc| Piece { doc, level, mode }));
}

fn width(text: &[u8]) -> usize {
    String::from_utf8_lossy(text).chars().count()
}
