//! Access log lines: what a line can say, how it is laid out, writing it and reading it.
//!
//! One [`Format`] is read once from the text of an Apache `LogFormat` and kept as a list of directives. The list
//! says how an [`Entry`] is written, and it says just as well what stands where in a line that is read back.
//!
//! ```text
//!   "%h %l %u %t \"%r\" ..." ── Format::parse ──▶ Format ── write(&Entry, &mut Vec<u8>) ──▶ one line, with newline
//! ```
//!
//! A [`Layout`] is how lines of anybody's log are laid out, of the same texts and of nginx's, W3C's and JSON's; a
//! [`LineReader`] says of each line what it says, borrowed from it, and of any other bytes why they are no line.
//! [`recognise`] finds the layout of a sample.
//!
//! What this room must not know: proxies, rules, findings. It reads no clock and opens no file; the caller hands
//! in moments, the offset of local time, and the buffer to append to.
//!
//! Laws: a written line has exactly one newline of its own (values never bring one, nor any other control byte);
//! [`unescape`] gives back the bytes of every escaped value; what a format writes its layout reads as the same entry.
//!
//! ```
//! use accesslog::Format;
//!
//! let format = Format::parse(r#"%h %t "%r" %>s %{class}x"#).unwrap();
//! assert_eq!(format.to_string(), r#"%h %t "%r" %>s %{class}x"#);
//! assert_eq!(Format::parse("%h %z").unwrap_err().at, 4);
//! ```

mod address;
mod digits;
mod directive;
mod entry;
mod escape;
mod format;
mod json;
mod layout;
mod line;
mod moment;
mod names;
mod number;
mod object;
mod own;
mod plan;
mod read;
mod recognise;
mod run;
mod scan_json;
mod slots;
mod strftime;
mod target;
mod text;
mod timestamp;
mod write;

pub use entry::{ConnectionState, Entry, FieldLookup, NoFields, TlsEntry};
pub use escape::{escape, unescape};
pub use format::{BadFormat, FORMAT_BYTES_MAX, Format, Unknowable};
pub use layout::{Json, Layout, NginxEscape};
pub use line::{BadLine, BytesMeaning, Client, Facts, Line, LineMoment, Mended, Said};
pub use own::Own;
pub use read::{LINE_BYTES_MAX, LineReader, Read};
pub use recognise::{Candidate, Certainty, recognise};
pub use text::{Escaping, Text};
pub use timestamp::LogTime;
