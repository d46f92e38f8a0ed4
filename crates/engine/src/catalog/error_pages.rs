//! The operator's error pages: files by status, read when the catalog is loaded.

use super::check::{Checker, REPEATED, TOO_MANY, many};
use super::read::{At, BAD_VALUE, Named, OneOrMany, Slot, Text, shown};
use super::units::size_text;
use crate::error_pages::{ErrorPages, Form, Page, Statuses};
use crate::limits;
use source::DiagnosticId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that is no error page.
const UNUSABLE_ERROR_PAGE: DiagnosticId = DiagnosticId("unusable-error-page");

/// The files read so far, each once, and what they take together.
#[derive(Default)]
pub(super) struct PageFolder {
    read: BTreeMap<PathBuf, Option<Arc<Page>>>,
    bytes: usize,
}

impl Checker<'_> {
    /// The error pages of a virtual server; says what is wrong with them.
    pub(super) fn error_pages(&mut self, slot: &Slot<Named<OneOrMany<Text>>>) -> ErrorPages {
        let mut pages: Vec<(Statuses, Form, Arc<Page>)> = Vec::new();
        for (key, files) in super::check::named(slot) {
            let Some(statuses) = Statuses::read(&key.value) else {
                let message = format!("`{}` is no error", shown(&key.value));
                self.error(
                    BAD_VALUE,
                    message,
                    key.span,
                    "a status from 400 to 599, \"4xx\", \"5xx\" or \"default\"",
                );
                continue;
            };
            for file in many(files) {
                let Some(form) = self.form_of(file) else { continue };
                if pages.iter().any(|page| (page.0, page.1) == (statuses, form)) {
                    let message = format!("`{}` has two pages of one kind", key.value);
                    self.doubt(REPEATED, message, file.span, "the first one is used");
                } else if pages.len() == limits::ERROR_PAGES_MAX {
                    let message =
                        format!("a virtual server has at most {} error pages", limits::ERROR_PAGES_MAX);
                    self.error(TOO_MANY, message, file.span, "");
                    return ErrorPages::default();
                } else if let Some(page) = self.error_page(file) {
                    pages.push((statuses, form, page));
                }
            }
        }
        pages.sort_by_key(|(statuses, form, _)| (*statuses, *form));
        ErrorPages { pages }
    }

    /// What a file holds, by the end of its name.
    fn form_of(&mut self, file: &At<Text>) -> Option<Form> {
        let end = Path::new(&file.value.0).extension().and_then(|end| end.to_str()).unwrap_or_default();
        let form = match end.to_ascii_lowercase().as_str() {
            "html" | "htm" => Some(Form::Html),
            "json" => Some(Form::Json),
            "txt" => Some(Form::Text),
            _ => None,
        };
        if form.is_none() {
            let message = format!("it cannot be told what `{}` holds", shown(&file.value.0));
            self.error(UNUSABLE_ERROR_PAGE, message, file.span, "call it NAME.html, NAME.json or NAME.txt");
        }
        form
    }

    fn error_page(&mut self, file: &At<Text>) -> Option<Arc<Page>> {
        let path = self.folder.join(&file.value.0);
        if let Some(read) = self.pages.read.get(&path) {
            return read.clone();
        }
        let page = match self.read_page(&path) {
            Ok(page) => Some(Arc::new(page)),
            Err((why, help)) => {
                let message = format!("cannot use {}: {why}", shown(&file.value.0));
                self.error(UNUSABLE_ERROR_PAGE, message, file.span, help);
                None
            }
        };
        self.pages.read.insert(path, page.clone());
        page
    }

    fn read_page(&mut self, path: &Path) -> Result<Page, (String, &'static str)> {
        let most = limits::ERROR_PAGE_BYTES_MAX;
        let bytes = self.files.read_up_to(path, most + 1).map_err(|why| (why, ""))?;
        if bytes.len() > most {
            let why = format!("it is larger than {}", size_text(most as u64));
            return Err((
                why,
                "pages stay in memory: pictures and style sheets are better served from elsewhere",
            ));
        }
        self.pages.bytes += bytes.len();
        if self.pages.bytes > limits::ERROR_PAGES_BYTES_MAX {
            let all = size_text(limits::ERROR_PAGES_BYTES_MAX as u64);
            return Err((format!("all error pages together are larger than {all}"), ""));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Page::new(text)),
            Err(error) => {
                let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
                Err((format!("line {line} is not UTF-8"), "save it as UTF-8"))
            }
        }
    }
}
