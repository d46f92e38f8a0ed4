//! Field lines in order, in one buffer.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::check::{bad_token_byte, bad_value_byte, trim_blanks};
use crate::{Cookies, Known};

/// Room kept by [`Fields::clear`], in bytes: a head of usual size is reused without allocation, a huge one that came
/// once does not stay in memory.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// Fields kept room for by [`Fields::clear`].
const KEPT_FIELDS_MAX: usize = 256;

/// The field lines of one head or of trailers: names as sent, in the order sent, compared without letter case.
///
/// Edits append to the buffer; what they replace is dropped when the buffer would have to grow, so that a rule that
/// sets one field for ever does not grow memory. How much may be held is the caller's to bound, with
/// [`Fields::bytes`] and [`Fields::len`].
#[derive(Clone, Default)]
pub struct Fields {
    buffer: Vec<u8>,
    entries: Vec<Entry>,
    /// The known names among the entries, one bit each: an absent one costs no search.
    present: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    name: u32,
    name_end: u32,
    value: u32,
    value_end: u32,
    known: Known,
    /// The buffer holds this line as `name: value CRLF`, so that it can be written in one piece.
    whole: bool,
}

/// Takes field lines one after the other while the wire codec walks a head. Made by [`Fields::load_with`].
pub struct Lines<'a> {
    entries: &'a mut Vec<Entry>,
    /// The bit of [`Known::Other`] may be set here.
    present: u64,
}

/// Where one field line lies in the bytes that are read.
#[derive(Clone, Debug)]
pub struct Line {
    /// The name.
    pub name: Range<usize>,
    /// The value, without blanks at its ends.
    pub value: Range<usize>,
    /// [`Known::of`] the name, which the codec asks anyway.
    pub known: Known,
    /// The line is exactly `name: value CRLF`.
    pub is_whole: bool,
}

impl Lines<'_> {
    /// How many lines were taken.
    #[inline]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none was.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes one more line.
    #[inline]
    pub fn push(&mut self, line: &Line) {
        self.present |= 1 << line.known as u8;
        self.entries.push(Entry {
            name: narrow(line.name.start),
            name_end: narrow(line.name.end),
            value: narrow(line.value.start),
            value_end: narrow(line.value.end),
            known: line.known,
            whole: line.is_whole,
        });
    }
}

/// Why a field was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InvalidField {
    /// The name is empty.
    EmptyName,
    /// The name holds a byte that no token holds.
    Name {
        /// Offset of the byte in the name.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// The value holds CR, LF, NUL or another control byte.
    Value {
        /// Offset of the byte in the value, blanks at its ends taken off.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// Offsets are 32 bits wide; all fields together may not pass 4 GiB.
    TooLarge,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyName => write!(f, "the field name is empty"),
            Self::Name { at, byte } => write!(f, "byte 0x{byte:02x} at {at} may not stand in a field name"),
            Self::Value { at, byte } => write!(f, "byte 0x{byte:02x} at {at} may not stand in a field value"),
            Self::TooLarge => write!(f, "the fields are too large together"),
        }
    }
}

impl std::error::Error for InvalidField {}

impl Fields {
    /// No fields, no memory taken.
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), entries: Vec::new(), present: 0 }
    }

    /// Forgets all fields and keeps the memory for the next head (up to 16 KiB and 256 fields).
    #[inline]
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.entries.clear();
        self.present = 0;
        if self.buffer.capacity() > KEPT_BYTES_MAX {
            self.buffer.shrink_to(KEPT_BYTES_MAX);
        }
        if self.entries.capacity() > KEPT_FIELDS_MAX {
            self.entries.shrink_to(KEPT_FIELDS_MAX);
        }
    }

    /// Replaces everything by the lines that `read` finds at the start of `raw` and pushes; it answers how many bytes
    /// they took, and so much of `raw` is copied, once. This is the door of the wire codec: `read` has checked names
    /// and values. Offsets outside what was taken read as empty.
    ///
    /// # Errors
    /// Those of `read`; there are no fields then.
    #[inline]
    pub fn load_with<E>(
        &mut self,
        raw: &[u8],
        read: impl FnOnce(&mut Lines<'_>) -> Result<usize, E>,
    ) -> Result<usize, E> {
        self.clear();
        let mut lines = Lines { entries: &mut self.entries, present: 0 };
        let taken = read(&mut lines);
        let present = lines.present & !(1 << Known::Other as u8);
        match taken {
            Ok(bytes) => {
                debug_assert!(u32::try_from(bytes).is_ok(), "heads are bounded far below 4 GiB");
                self.present = present;
                self.buffer.extend_from_slice(raw.get(..bytes).unwrap_or_default());
                debug_assert!(self.entries.iter().all(|entry| entry.is_true_of(&self.buffer)));
            }
            Err(_) => self.entries.clear(),
        }
        taken
    }

    /// How many field lines there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Size in bytes as `name: value CRLF` lines.
    pub fn bytes(&self) -> usize {
        self.entries.iter().map(Entry::line_bytes).sum()
    }

    /// Name, value and known name of the field line at `index`.
    pub fn at(&self, index: usize) -> Option<(&[u8], &[u8], Known)> {
        self.entries.get(index).map(|entry| self.parts(entry))
    }

    /// All field lines in order: (name as sent, value, known name).
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &[u8], Known)> + Clone {
        self.entries.iter().map(|entry| self.parts(entry))
    }

    /// The names in order and as sent, repeated where a field is.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.iter().map(|(name, _, _)| name)
    }

    /// Whether a field of a known name is there; one test of a bit. `false` for [`Known::Other`].
    #[inline]
    pub const fn has(&self, known: Known) -> bool {
        self.present & known.bit() != 0
    }

    /// Whether a field of this name is there.
    pub fn contains(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    /// The value of the first field of this name.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let known = Known::of(name);
        if known != Known::Other {
            return self.known(known);
        }
        self.entries.iter().find(|entry| self.is_named(entry, name, known)).map(|entry| self.value_of(entry))
    }

    /// The value of the first field of a known name; `None` for [`Known::Other`].
    #[inline]
    pub fn known(&self, known: Known) -> Option<&[u8]> {
        if !self.has(known) {
            return None;
        }
        self.entries.iter().find(|entry| entry.known == known).map(|entry| self.value_of(entry))
    }

    /// The values of all fields of this name, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let known = Known::of(name);
        self.entries
            .iter()
            .filter(move |entry| self.is_named(entry, name, known))
            .map(|entry| self.value_of(entry))
    }

    /// The values of all fields of a known name, in order; none for [`Known::Other`].
    pub fn all_known(&self, known: Known) -> impl Iterator<Item = &[u8]> {
        let entries = if self.has(known) { self.entries.as_slice() } else { &[] };
        entries.iter().filter(move |entry| entry.known == known).map(|entry| self.value_of(entry))
    }

    /// All values of this name as one list, joined by `", "`; borrowed where there is one only, `None` where there is
    /// none. (`Set-Cookie` must not be joined; use [`Fields::all`].)
    pub fn joined(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let known = Known::of(name);
        let mut values = self
            .entries
            .iter()
            .filter(|entry| self.is_named(entry, name, known))
            .map(|entry| self.value_of(entry));
        let mut joined = Cow::Borrowed(values.next()?);
        for value in values {
            let list = joined.to_mut();
            list.extend_from_slice(b", ");
            list.extend_from_slice(value);
        }
        Some(joined)
    }

    /// Name and value pairs of all `Cookie` fields, in order, nothing decoded.
    pub fn cookies(&self) -> Cookies<'_> {
        Cookies::new(self)
    }

    /// The value of the first cookie of this name; letter case counts.
    pub fn cookie(&self, name: &[u8]) -> Option<&[u8]> {
        self.cookies().find(|(cookie, _)| *cookie == name).map(|(_, value)| value)
    }

    /// Appends a field line. Blanks at the ends of the value are taken off.
    ///
    /// # Errors
    /// The name is no token, the value holds control bytes (HTAB aside), or all is larger than 4 GiB.
    pub fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
        let entry = self.append(name, value)?;
        self.present |= entry.known.bit();
        self.entries.push(entry);
        Ok(())
    }

    /// Gives the first field of this name the new value, where it stands, and drops the others; appends the field
    /// where there is none. The name is written as given here.
    ///
    /// # Errors
    /// As [`Fields::add`]; nothing is changed then.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
        let entry = self.append(name, value)?;
        let mut pending = Some(entry);
        let buffer = &self.buffer;
        self.entries.retain_mut(|old| {
            if old.known != entry.known
                || (old.known == Known::Other && !old.name_in(buffer).eq_ignore_ascii_case(name))
            {
                return true;
            }
            pending.take().map(|new| *old = new).is_some()
        });
        self.entries.extend(pending);
        self.present |= entry.known.bit();
        Ok(())
    }

    /// Drops all fields of this name and tells how many there were.
    pub fn remove(&mut self, name: &[u8]) -> usize {
        let known = Known::of(name);
        if known != Known::Other && !self.has(known) {
            return 0;
        }
        self.remove_where(|field, _, field_known| {
            field_known == known && (known != Known::Other || field.eq_ignore_ascii_case(name))
        })
    }

    /// Drops the field lines for which `unwanted(name, value, known)` holds, and tells how many.
    pub fn remove_where(&mut self, mut unwanted: impl FnMut(&[u8], &[u8], Known) -> bool) -> usize {
        let buffer = &self.buffer;
        let before = self.entries.len();
        let mut present = 0;
        self.entries.retain(|entry| {
            let keep = !unwanted(entry.name_in(buffer), entry.value_in(buffer), entry.known);
            if keep {
                present |= entry.known.bit();
            }
            keep
        });
        self.present = present;
        before - self.entries.len()
    }

    /// Appends to `out` each line for which `keep(name, value, known)` holds, as `name: value CRLF`. Lines that lie
    /// together in the buffer go in one copy.
    #[inline]
    pub fn write_to(&self, out: &mut Vec<u8>, mut keep: impl FnMut(&[u8], &[u8], Known) -> bool) {
        let mut run = 0..0;
        for entry in &self.entries {
            let (name, value, known) = self.parts(entry);
            if !keep(name, value, known) {
                continue;
            }
            if entry.whole && run.end == entry.name as usize {
                run.end = entry.value_end as usize + 2;
                continue;
            }
            out.extend_from_slice(self.buffer.get(run).unwrap_or_default());
            run = if entry.whole {
                entry.name as usize..entry.value_end as usize + 2
            } else {
                out.extend_from_slice(name);
                out.extend_from_slice(b": ");
                out.extend_from_slice(value);
                out.extend_from_slice(b"\r\n");
                0..0
            };
        }
        out.extend_from_slice(self.buffer.get(run).unwrap_or_default());
    }

    fn append(&mut self, name: &[u8], value: &[u8]) -> Result<Entry, InvalidField> {
        let value = trim_blanks(value);
        if name.is_empty() {
            return Err(InvalidField::EmptyName);
        }
        if let Some(at) = bad_token_byte(name) {
            return Err(InvalidField::Name { at, byte: name.get(at).copied().unwrap_or_default() });
        }
        if let Some(at) = bad_value_byte(value) {
            return Err(InvalidField::Value { at, byte: value.get(at).copied().unwrap_or_default() });
        }
        let line_bytes = name.len() + value.len() + 4;
        if self.buffer.len() + line_bytes > self.buffer.capacity() {
            self.compact();
        }
        if u32::try_from(self.buffer.len() + line_bytes).is_err() {
            return Err(InvalidField::TooLarge);
        }
        let start = self.buffer.len();
        self.buffer.extend_from_slice(name);
        self.buffer.extend_from_slice(b": ");
        self.buffer.extend_from_slice(value);
        self.buffer.extend_from_slice(b"\r\n");
        Ok(Entry {
            name: narrow(start),
            name_end: narrow(start + name.len()),
            value: narrow(start + name.len() + 2),
            value_end: narrow(start + name.len() + 2 + value.len()),
            known: Known::of(name),
            whole: true,
        })
    }

    /// Drops what edits have left behind, if that is half of the buffer or more (so the cost is spread thin).
    fn compact(&mut self) {
        if self.bytes() > self.buffer.len() / 2 {
            return;
        }
        let mut buffer = Vec::with_capacity(self.buffer.capacity());
        for entry in &mut self.entries {
            let start = buffer.len();
            buffer.extend_from_slice(entry.name_in(&self.buffer));
            let name_end = buffer.len();
            buffer.extend_from_slice(b": ");
            buffer.extend_from_slice(entry.value_in(&self.buffer));
            *entry = Entry {
                name: narrow(start),
                name_end: narrow(name_end),
                value: narrow(name_end + 2),
                value_end: narrow(buffer.len()),
                known: entry.known,
                whole: true,
            };
            buffer.extend_from_slice(b"\r\n");
        }
        self.buffer = buffer;
    }

    #[inline]
    fn parts(&self, entry: &Entry) -> (&[u8], &[u8], Known) {
        (entry.name_in(&self.buffer), entry.value_in(&self.buffer), entry.known)
    }

    #[inline]
    fn value_of(&self, entry: &Entry) -> &[u8] {
        entry.value_in(&self.buffer)
    }

    #[inline]
    fn is_named(&self, entry: &Entry, name: &[u8], known: Known) -> bool {
        entry.known == known
            && (known != Known::Other || entry.name_in(&self.buffer).eq_ignore_ascii_case(name))
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.iter()
                    .map(|(name, value, _)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value))),
            )
            .finish()
    }
}

/// Equal names (letter case counts here) and values in the same order.
impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

impl Entry {
    /// Whether the codec told the truth; for debug builds.
    fn is_true_of(&self, buffer: &[u8]) -> bool {
        let line = buffer.get(self.name as usize..(self.value_end as usize).saturating_add(2));
        let is_written =
            line == Some(&[self.name_in(buffer), b": ", self.value_in(buffer), b"\r\n"].concat());
        self.known == Known::of(self.name_in(buffer)) && (is_written || !self.whole)
    }

    #[inline]
    fn name_in<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        buffer.get(self.name as usize..self.name_end as usize).unwrap_or_default()
    }

    #[inline]
    fn value_in<'a>(&self, buffer: &'a [u8]) -> &'a [u8] {
        buffer.get(self.value as usize..self.value_end as usize).unwrap_or_default()
    }

    fn line_bytes(&self) -> usize {
        self.name_end.saturating_sub(self.name) as usize
            + self.value_end.saturating_sub(self.value) as usize
            + 4
    }
}

/// Offsets are 32 bits wide to keep an entry small; buffers are held below 4 GiB where they grow.
#[expect(clippy::cast_possible_truncation, reason = "buffers are held below 4 GiB where they grow")]
#[inline]
const fn narrow(offset: usize) -> u32 {
    offset as u32
}
