//! The rules that are open in the editor, and the catalogs they belong to.

use crate::disk::Disk;
use engine::Catalog;
use engine::builtins::builtins;
use engine::catalog::{Attachment, CheckedRule, FileFacts, Files, RuleStage, VirtualServer, check_rule};
use source::{Diagnostic, DiagnosticId, Severity, Source};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Documents that may be open at once; further ones are not looked at.
const DOCUMENTS_MAX: usize = 500;

/// Folders above a rule in which its catalog is looked for.
const FOLDERS_UP_MAX: usize = 8;

/// One text in the editor.
pub(super) struct Document {
    pub(super) source: Arc<Source>,
    pub(super) version: Option<i32>,
    /// As it was when the document was opened or saved.
    catalog: Option<Arc<Catalog>>,
}

/// All of them, by their URIs.
#[derive(Default)]
pub(super) struct Documents {
    open: BTreeMap<String, Document>,
}

impl Documents {
    pub(super) fn get(&self, uri: &str) -> Option<&Document> {
        self.open.get(uri)
    }

    /// A document was opened, or its text is another now.
    pub(super) fn set(&mut self, uri: &str, text: String, version: Option<i32>) {
        let known = self.open.get(uri).map(|document| document.catalog.clone());
        if known.is_none() && self.open.len() >= DOCUMENTS_MAX {
            return;
        }
        let name = path_of(uri).map_or_else(|| uri.to_owned(), |path| path.display().to_string());
        let source = Arc::new(Source::new(name, text));
        let catalog = known.unwrap_or_else(|| self.catalog(&source));
        self.open.insert(uri.to_owned(), Document { source, version, catalog });
    }

    /// The catalog may have changed beside the rule.
    pub(super) fn saved(&mut self, uri: &str) {
        let Some(source) = self.open.get(uri).map(|document| Arc::clone(&document.source)) else { return };
        let catalog = self.catalog(&source);
        if let Some(document) = self.open.get_mut(uri) {
            document.catalog = catalog;
        }
    }

    pub(super) fn close(&mut self, uri: &str) {
        self.open.remove(uri);
    }

    /// The catalog of a rule: the nearest `tidegate.toml` in a folder above it, if it has no mistakes.
    fn catalog(&self, source: &Source) -> Option<Arc<Catalog>> {
        let folders = Path::new(source.name()).ancestors().skip(1).take(FOLDERS_UP_MAX);
        let mut places = folders.map(|folder| folder.join(crate::check::DEFAULT_CATALOG));
        let place = places.find(|place| place.is_file())?;
        Catalog::load(&place, &Overlay(self), builtins()).catalog.map(Arc::new)
    }

    /// The rule that an open one imports by this name.
    pub(super) fn library(&self, importer: &Source, name: &str) -> Option<Arc<Source>> {
        let plain = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
        let stem = name.strip_suffix(".rts").unwrap_or(name);
        let path = Path::new(importer.name()).parent().filter(|_| plain)?.join(format!("{stem}.rts"));
        let text = Overlay(self).read(&path).ok()?;
        (text.len() <= engine::limits::RULE_BYTES_MAX)
            .then(|| Arc::new(Source::new(path.display().to_string(), text)))
    }

    /// What `tidegate check` says of a document.
    pub(super) fn check(&self, document: &Document) -> Vec<Diagnostic> {
        let stages = stages(document);
        let first = self.check_as(document, stages.first().copied().unwrap_or(RuleStage::Request));
        let is_misplaced = |diagnostic: &Diagnostic| diagnostic.id == DiagnosticId("wrong-stage");
        if !first.iter().any(is_misplaced) {
            return first;
        }
        // Nobody says which kind of rule this is: the kind in which it has the fewest mistakes, and the fewest calls
        // that do nothing.
        let errors = |found: &Vec<Diagnostic>| {
            let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
            (errors.count(), found.iter().filter(|diagnostic| is_misplaced(diagnostic)).count())
        };
        let others = stages.iter().skip(1).map(|stage| self.check_as(document, *stage));
        std::iter::once(first).chain(others).min_by_key(errors).unwrap_or_default()
    }

    fn check_as(&self, document: &Document, stage: RuleStage) -> Vec<Diagnostic> {
        let known = document.catalog.as_deref();
        let CheckedRule { diagnostics, .. } =
            check_rule(&document.source, stage, known, &Overlay(self), builtins());
        diagnostics
    }

    /// Names that may stand in quotes as the first argument of a function.
    pub(super) fn names(document: &Document, function: &str) -> Vec<String> {
        let Some(catalog) = &document.catalog else { return Vec::new() };
        if function.starts_with("rate.") {
            catalog.rate_classes.iter().map(|(name, _)| name.clone()).collect()
        } else if function.ends_with(".setBandwidthClass") {
            catalog.bandwidth_classes.iter().map(|(name, _)| name.clone()).collect()
        } else if function.starts_with("pool.") {
            catalog.pools.iter().map(|pool| pool.name.to_string()).collect()
        } else {
            Vec::new()
        }
    }
}

/// The kinds of rule a document may be: those that the catalog uses it as, or all.
fn stages(document: &Document) -> Vec<RuleStage> {
    let all = [
        RuleStage::Request,
        RuleStage::Response,
        RuleStage::Completion,
        RuleStage::RawRequest,
        RuleStage::RawResponse,
    ];
    let stem =
        Path::new(document.source.name()).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let holds = |rules: &[Attachment]| rules.iter().any(|attached| &*attached.rule.name == stem);
    let servers = || document.catalog.iter().flat_map(|catalog| &catalog.virtual_servers);
    let any = |rules: fn(&VirtualServer) -> &[Attachment]| servers().any(|server| holds(rules(server)));
    let used: Vec<RuleStage> = [
        (RuleStage::Request, any(|server| &server.request_rules)),
        (RuleStage::Response, any(|server| &server.response_rules)),
        (RuleStage::Completion, any(|server| &server.completion_rules)),
    ]
    .into_iter()
    .filter_map(|(stage, is_used)| is_used.then_some(stage))
    .collect();
    if used.is_empty() { all.to_vec() } else { used }
}

/// The disk, and over it what is open in the editor.
struct Overlay<'a>(&'a Documents);

impl Files for Overlay<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        let mut open = self.0.open.values();
        match open.find(|document| Path::new(document.source.name()) == path) {
            Some(document) => Ok(document.source.bytes().to_vec()),
            None => Disk.read(path),
        }
    }

    fn read_up_to(&self, path: &Path, most: usize) -> Result<Vec<u8>, String> {
        let mut open = self.0.open.values();
        match open.find(|document| Path::new(document.source.name()) == path) {
            Some(document) => Ok(document.source.bytes().iter().take(most).copied().collect()),
            None => Disk.read_up_to(path, most),
        }
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, String> {
        Disk.real_path(path)
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        Disk.list(folder)
    }

    fn facts(&self, path: &Path) -> FileFacts {
        Disk.facts(path)
    }
}

/// The file a URI names; `None` for one that is no file.
pub(super) fn path_of(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let path = rest.get(rest.find('/')?..)?;
    let mut bytes = Vec::with_capacity(path.len());
    let mut left = path.bytes();
    while let Some(byte) = left.next() {
        if byte == b'%' {
            let digits = [left.next()?, left.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

/// The URI of a file.
pub(super) fn uri_of(path: &str) -> String {
    let mut uri = "file://".to_owned();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.extend([format!("%{byte:02X}")]);
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_back_from_their_uris() {
        for path in ["/a/b.rts", "/with blank/ü%41.rts"] {
            assert_eq!(path_of(&uri_of(path)), Some(PathBuf::from(path)));
        }
        assert_eq!(path_of("file://host/a.rts"), Some(PathBuf::from("/a.rts")));
        for wrong in ["untitled:1", "file://", "file:///%f", "file:///%ff"] {
            assert_eq!(path_of(wrong), None, "{wrong}");
        }
    }
}
