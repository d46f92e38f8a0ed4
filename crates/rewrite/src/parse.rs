//! Bytes to directives, as Apache reads an `.htaccess`.
//!
//! ```text
//! bytes ─ lines ─▶ logical lines ─ words ─▶ words ─ sections, directives ─▶ File
//! ```
//!
//! Texts are bytes: Apache compares bytes, and a file is rarely all of one encoding. What Apache answers 500 to for the
//! whole folder is an error here; what it takes is taken, and doubted elsewhere ([`crate::lint`]). All mistakes are
//! reported, each once.

mod access;
mod answer;
mod arguments;
mod environment;
mod flags;
mod folder;
mod guards;
mod header;
mod known;
mod lines;
mod reader;
mod rewriting;
mod sections;
mod template;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use template::substitution_template;

use crate::directive::File;
use reader::Reader;
use source::{Diagnostic, DiagnosticId, Source, Span};
use std::sync::Arc;

/// Longest file, in bytes.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// How many directives a file may hold.
pub const DIRECTIVES_MAX: usize = 20_000;

/// How deep sections may stand in each other.
pub const NESTING_MAX: usize = 32;

/// Reports of one file; what is beyond is counted only.
const REPORTS_MAX: usize = 200;

/// What reading came to.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What could be read; all of it if there is no error among the diagnostics.
    pub file: File,
    /// Everything that is wrong, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file.
///
/// ```
/// use source::Source;
/// use std::sync::Arc;
///
/// let text = "RewriteEngine On\nRewriteRule ^old$ /new [R=301,L]\n";
/// let parsed = rewrite::parse(&Arc::new(Source::new(".htaccess", text)));
/// assert!(parsed.diagnostics.is_empty());
/// assert_eq!(parsed.file.directives.len(), 2);
/// ```
pub fn parse(source: &Arc<Source>) -> Parsed {
    let mut reader = Reader::new(source);
    if source.bytes().len() > FILE_BYTES_MAX {
        let message = format!("the file has more than {FILE_BYTES_MAX} bytes");
        let help = "is it an .htaccess? Long lists of addresses belong into a map or in front of the server";
        let large = Diagnostic::error(DiagnosticId("htaccess-too-large"), message);
        reader.report(large.at(source, Span::new(0, 0), "this file").help(help));
        return reader.finish();
    }
    // Counted before anything is read: to compile patterns is dear, and would be for nothing.
    if let Some(line) = lines::Lines::new(source).nth(DIRECTIVES_MAX) {
        reader.too_many(&line);
        return reader.finish();
    }
    for line in lines::Lines::new(source) {
        reader.directive(&line);
    }
    reader.finish()
}
