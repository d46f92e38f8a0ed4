//! From a line to what it says.
#![warn(clippy::indexing_slicing)]

use crate::layout::{Layout, Shape};
use crate::line::{BadLine, Client, Line, Mended, Said};
use crate::moment::DayCache;
use crate::object::read_object;
use crate::run::run;
use crate::slots::{Place, Slots};
use crate::text::Text;

/// The longest line that is read, in bytes. Apache's own limits let a line grow to some hundred kilobytes.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// What became of a line.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "lines are the case, and are looked at where they are")]
pub enum Read<'a> {
    /// It says this.
    Line(Line<'a>),
    /// It says nothing: it is blank, a remark, or names the fields of the lines that follow.
    Comment,
    /// It cannot be read.
    Bad(BadLine),
}

/// Reads lines of one layout, one after the other.
#[derive(Debug, Clone)]
pub struct LineReader {
    layout: Layout,
    cache: DayCache,
    places: Vec<Option<Place>>,
    /// A line that had to be rewritten to be read.
    unwrapped: Vec<u8>,
}

impl LineReader {
    /// A reader of lines of this layout.
    pub fn new(layout: &Layout) -> Self {
        Self { layout: layout.clone(), cache: DayCache::new(), places: Vec::new(), unwrapped: Vec::new() }
    }

    /// The layout that is in force; it changes where lines name the fields of those that follow.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Reads one line, with or without its line end. Any bytes give an answer. Allocates nothing, unless the line stands
    /// in quotes of its own.
    pub fn read<'a>(&'a mut self, line: &'a [u8]) -> Read<'a> {
        let line = without_end(line);
        if line.len() > LINE_BYTES_MAX {
            return Read::Bad(BadLine { at: LINE_BYTES_MAX, why: "the line is longer than a mebibyte" });
        }
        match line.first() {
            None => return Read::Comment,
            Some(b'#') => {
                if let Some(layout) = self.layout.with_fields(line) {
                    self.layout = layout;
                }
                return Read::Comment;
            }
            Some(b' ' | b'\t') if line.trim_ascii().is_empty() => return Read::Comment,
            Some(_) => {}
        }
        let plan = match &self.layout.shape {
            Shape::Plan(plan) | Shape::W3c(Some(plan)) => plan,
            Shape::W3c(None) => return Read::Bad(BadLine { at: 0, why: "no line #Fields: has come before" }),
            Shape::Json(json, _, left_out) => {
                return match read_object(*json, line, &mut self.cache, &mut self.places) {
                    Ok(read) => Read::Line(left_out.told(read)),
                    Err(bad) => Read::Bad(bad),
                };
            }
        };
        let is_wrapped = line.starts_with(b"\"")
            && !plan.may_quote
            && !plan.start.starts_with(b"\"")
            && unwrap(line, &mut self.unwrapped);
        let text = if is_wrapped { self.unwrapped.as_slice() } else { line };
        match run(plan, text, &mut self.cache, &mut self.places) {
            Ok(mut read) => {
                if is_wrapped {
                    read.mended = Some(Mended::Wrapped);
                }
                Read::Line(read)
            }
            Err(bad) => Read::Bad(bad),
        }
    }
}

impl Line<'_> {
    /// A line of which nothing is known yet.
    pub(crate) const fn empty() -> Self {
        Self {
            at_unix_micros: 0,
            utc_offset_seconds: 0,
            client: Client::Name(b""),
            user: None,
            method: b"",
            target: Text::EMPTY,
            query: None,
            protocol: b"",
            status: 0,
            bytes: Said::Unknown,
            duration_micros: Said::Unknown,
            is_aborted: Said::Unknown,
            referer: Said::Unknown,
            user_agent: Said::Unknown,
            virtual_server: Said::Unknown,
            host: Said::Unknown,
            mended: None,
            slots: Slots::NONE,
        }
    }
}

/// Takes the quotes off that a whole line stands in; within them quotes may be doubled, as tables write them.
fn unwrap(line: &[u8], inner: &mut Vec<u8>) -> bool {
    let Some(within) = line.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return false;
    };
    inner.clear();
    if memchr::memmem::find(within, b"\"\"").is_none() || !within.contains(&b' ') {
        inner.extend_from_slice(within);
        return true;
    }
    let mut rest = within;
    while let Some(at) = memchr::memmem::find(rest, b"\"\"") {
        let (before, after) = rest.split_at(at + 1);
        inner.extend_from_slice(before);
        rest = after.get(1..).unwrap_or_default();
    }
    inner.extend_from_slice(rest);
    true
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
