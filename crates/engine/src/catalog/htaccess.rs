//! The `.htaccess` files of a virtual server: read, parsed and put together by their prefixes.

mod doubts;
mod maps;

use super::check::{Checker, named};
use super::read::{At, BAD_VALUE, Reader, Say, Text, entries, shown};
use super::rules::UNREADABLE;
use super::{Files, Mode, Pool, said};
use crate::limits;
use doubts::Judge;
use maps::{declared_map, maps_of_file, read_at_most};
use rewrite::directive::MapSource;
use rewrite::{Facts, NamedMap, Outcome, PlacedFile, Site, SiteOptions};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use source::{Diagnostic, DiagnosticId, Severity, Source, Span};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::de::DeValue;

/// More files than can be meant.
const TOO_MANY: DiagnosticId = DiagnosticId("too-many");

/// The `.htaccess` files of a virtual server, in force together.
#[derive(Debug)]
pub struct Htaccess {
    site: Site,
    /// Of the files, in the order of the site, with the names that operators know them by. Never empty.
    files: Vec<(Arc<str>, Arc<Source>)>,
    /// Whether what they decide is done.
    pub(crate) mode: Mode,
    /// Where the files of the site are, for rules that ask for them.
    pub(crate) document_root: Option<PathBuf>,
}

impl Htaccess {
    /// One file by itself, for the whole of a site; what is wrong with it is reported. The name of its text is its path:
    /// maps that it names lie in the same folder.
    pub fn alone(
        source: &Arc<Source>,
        document_root: Option<PathBuf>,
        files: &dyn Files,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let parsed = rewrite::parse(source);
        diagnostics.extend(parsed.diagnostics);
        let maps = maps_of_file(files, &parsed.file, &[], diagnostics);
        if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            return None;
        }
        let options = SiteOptions { document_root: document_root.as_deref().map(path_bytes), maps };
        let placed = PlacedFile { prefix: b"/".to_vec(), file: Arc::new(parsed.file) };
        Some(Self {
            site: Site::new(&[placed], options),
            files: vec![(Arc::from(source.name()), Arc::clone(source))],
            mode: Mode::Enforce,
            document_root,
        })
    }

    /// What becomes of a request.
    pub(crate) fn evaluate(&self, facts: &dyn Facts) -> Outcome {
        self.site.evaluate(facts)
    }

    /// The text of a file by its number; of the first one where there is no such number.
    pub(crate) fn source(&self, file: usize) -> &Arc<Source> {
        let (_, source) = self.files.get(file).unwrap_or(&self.files[0]);
        source
    }

    /// The name of a file by its text.
    pub(crate) fn name_of(&self, source: &Arc<Source>) -> Option<&Arc<str>> {
        let mut files = self.files.iter();
        files.find(|(_, known)| Arc::ptr_eq(known, source)).map(|(name, _)| name)
    }

    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| &**name)
    }
}

/// Files by the prefixes of paths that they are for; a bare path is for all.
#[derive(Clone, Debug)]
pub(crate) struct HtaccessUse(Vec<(At<String>, At<Text>)>);

impl Say for HtaccessUse {
    fn expected() -> String {
        "the path of a file, or a table of prefixes and files: { \"/\" = \"a.htaccess\", \"/audio\" = \"b.htaccess\" }"
            .to_owned()
    }

    fn read(value: &DeValue<'_>, span: Span, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(table) = value.as_table() else {
            if value.as_str().is_none() {
                reader.wrong_type::<Self>(value, span);
                return None;
            }
            let path = Text::read(value, span, reader)?;
            return Some(Self(vec![(At { value: "/".to_owned(), span }, At { value: path, span })]));
        };
        let mut all = Vec::new();
        for (prefix, at, value) in entries(table) {
            if !is_prefix(prefix) {
                let why = format!("`{}` is not the prefix of a path", shown(prefix));
                reader.bad_text(at, why, "it begins with `/` and holds no `//`, `?`, `%`, `.` or `..` part");
            }
            if let Some(path) = reader.slot::<Text>(value).said() {
                all.push((At { value: prefix.to_owned(), span: at }, path.clone()));
            }
        }
        Some(Self(all))
    }
}

impl JsonSchema for HtaccessUse {
    fn schema_name() -> Cow<'static, str> {
        "HtaccessUse".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string" },
            { "type": "object", "additionalProperties": { "type": "string" } },
        ] })
    }
}

/// A folder as a URL names it, decoded.
fn is_prefix(text: &str) -> bool {
    let inner = text.trim_end_matches('/');
    text.starts_with('/')
        && !text.contains(['?', '#', '%'])
        && !text.chars().any(char::is_control)
        && inner.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."))
}

impl Checker<'_> {
    /// The files that a virtual server names, or `None` where it names none, or one that cannot be used.
    pub(super) fn htaccess(&mut self, table: &said::VirtualServer, pools: &[Pool]) -> Option<Arc<Htaccess>> {
        let document_root = self.document_root(table);
        let maps = self.maps(table);
        let said = table.htaccess.said()?;
        if let Some((prefix, _)) = said.value.0.get(limits::HTACCESS_FILES_MAX) {
            let message =
                format!("a virtual server has at most {} .htaccess files", limits::HTACCESS_FILES_MAX);
            self.error(TOO_MANY, message, prefix.span, "");
            return None;
        }
        let before = self.errors();
        let declared = maps.len();
        let mut options = SiteOptions { document_root: document_root.as_deref().map(path_bytes), maps };
        let (mut site, mut files) = (Vec::new(), Vec::new());
        for (prefix, path) in &said.value.0 {
            let Some(source) = self.read_htaccess(path) else { continue };
            let parsed = rewrite::parse(&source);
            self.diagnostics.extend(parsed.diagnostics);
            let judge = Judge { file: &parsed.file, root: document_root.as_deref(), table, pools };
            judge.doubts(self.diagnostics);
            let declared = options.maps.get(..declared).unwrap_or_default();
            let named = maps_of_file(self.files, &parsed.file, declared, self.diagnostics);
            options.maps.extend(named);
            let file = Arc::new(parsed.file);
            files.push((Arc::from(path.value.0.as_str()), source));
            site.push(PlacedFile { prefix: prefix.value.as_bytes().to_vec(), file });
        }
        self.diagnostics.extend(rewrite::lint_together(&site));
        if files.is_empty() || self.errors() > before {
            return None;
        }
        let site = Site::new(&site, options);
        let mode = *table.htaccess_mode.value()?;
        Some(Arc::new(Htaccess { site, files, mode, document_root }))
    }

    fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    fn read_htaccess(&mut self, path: &At<Text>) -> Option<Arc<Source>> {
        let at = self.folder.join(&path.value.0);
        match read_at_most(self.files, &at, rewrite::FILE_BYTES_MAX) {
            Ok(bytes) => Some(Arc::new(Source::new(at.display().to_string(), bytes))),
            Err(why) => {
                self.error(UNREADABLE, format!("cannot read {}: {why}", at.display()), path.span, "");
                None
            }
        }
    }

    fn document_root(&mut self, table: &said::VirtualServer) -> Option<PathBuf> {
        let said = table.document_root.said()?;
        let text = said.value.0.as_str();
        if !text.starts_with('/') || text.contains('\0') {
            let help = "it stands in front of the path of each request: document_root = \"/var/www/site\"";
            self.error(BAD_VALUE, "expected the whole path of a folder".to_owned(), said.span, help);
            return None;
        }
        Some(PathBuf::from(if text.trim_end_matches('/').is_empty() {
            "/"
        } else {
            text.trim_end_matches('/')
        }))
    }

    /// The maps that the catalog declares.
    fn maps(&mut self, table: &said::VirtualServer) -> Vec<NamedMap> {
        let mut maps = Vec::new();
        for (name, slot) in named(&table.rewrite_maps) {
            let Some(said) = slot.said() else { continue };
            let Some(source) = declared_map(&said.value.0) else {
                let message = format!("`{}` is no map", shown(&said.value.0));
                let help = "\"txt:FILE\", \"rnd:FILE\", \"int:tolower\", \"int:toupper\", \"int:escape\" or \
                            \"int:unescape\"";
                self.error(BAD_VALUE, message, said.span, help);
                continue;
            };
            let text = match &source {
                MapSource::File(_, path) => {
                    let path = self.folder.join(String::from_utf8_lossy(path).as_ref());
                    let read = read_at_most(self.files, &path, limits::REWRITE_MAP_BYTES_MAX);
                    read.unwrap_or_else(|why| {
                        let message = format!("cannot read {}: {why}", path.display());
                        self.error(UNREADABLE, message, said.span, "");
                        Vec::new()
                    })
                }
                _ => Vec::new(),
            };
            maps.push(NamedMap { name: name.value.clone().into_bytes(), source, text });
        }
        maps
    }
}

/// A path as bytes; what is no UTF-8 cannot have stood in a catalog.
fn path_bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}
