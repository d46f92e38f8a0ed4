//! Files and where they count.

use crate::directive::{DirectiveKind, File, MapSource};
use crate::load::Tests;
use crate::map::{Map, NamedMap};
use crate::section::Section;
use std::sync::Arc;

/// What is called the document root where none is configured. No request can name it: it has a NUL.
const HIDDEN_ROOT: &[u8] = b"/\0";

/// A file and the folder it stands in.
#[derive(Clone, Debug)]
pub struct PlacedFile {
    /// The path below which it counts, as in a URL; `/` for all.
    pub prefix: Vec<u8>,
    /// The file, read.
    pub file: Arc<File>,
}

/// What files cannot say of themselves.
#[derive(Clone, Debug, Default)]
pub struct SiteOptions {
    /// The folder that the path `/` is, absolute; `None` where no files are at hand.
    pub document_root: Option<Vec<u8>>,
    /// Maps that rules may ask, with their texts; they come before those that files name.
    pub maps: Vec<NamedMap>,
}

/// Files, compiled and ready to judge requests.
#[derive(Debug)]
pub struct Site {
    /// By length of prefix, so that parents come before their children.
    folders: Vec<Section>,
    root: Vec<u8>,
    has_files: bool,
    maps: Vec<Map>,
}

/// Where a section stands.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// Its name in the file system, with a `/` at its end; of a section within a file, what Apache takes for that.
    pub(crate) name: Vec<u8>,
    /// Its path in a URL, with a `/` at its end; `None` for a section within a file.
    pub(crate) prefix: Option<Vec<u8>>,
    /// `RewriteBase`
    pub(crate) base: Option<Vec<u8>>,
}

impl Site {
    /// Compiles files. Those with the same prefix count one after the other, in the order given.
    pub fn new(files: &[PlacedFile], options: SiteOptions) -> Self {
        let has_files = options.document_root.is_some();
        let mut root = options.document_root.unwrap_or_else(|| HIDDEN_ROOT.to_vec());
        if root.last() == Some(&b'/') {
            root.pop();
        }
        let mut tests = Tests::default();
        let mut maps: Vec<Map> = options.maps.into_iter().map(Map::new).collect();
        let mut folders = Vec::with_capacity(files.len());
        for (number, placed) in files.iter().enumerate() {
            let mut prefix = placed.prefix.clone();
            if prefix.last() != Some(&b'/') {
                prefix.push(b'/');
            }
            let folder =
                Folder { name: [root.as_slice(), &prefix].concat(), prefix: Some(prefix), base: None };
            folders.push(Section::new(&placed.file.directives, number, folder, &mut tests));
            maps.extend(built_in_maps(&placed.file));
        }
        folders.sort_by_key(|section: &Section| section.folder.name.len());
        Self { folders, root, has_files, maps }
    }

    /// The document root, without a slash at its end.
    pub(crate) fn root(&self) -> &[u8] {
        &self.root
    }

    /// Whether a document root is configured.
    pub(crate) fn has_files(&self) -> bool {
        self.has_files
    }

    /// What must not be shown of names in the file system.
    pub(crate) fn hidden_root(&self) -> &'static [u8] {
        if self.has_files { b"" } else { HIDDEN_ROOT }
    }

    pub(crate) fn map(&self, name: &[u8]) -> Option<&Map> {
        self.maps.iter().find(|map| map.name == name)
    }

    /// The folders a path lies in, the outermost first. A path that is a folder's without its slash lies in it.
    pub(crate) fn folders(&self, path: &[u8]) -> impl Iterator<Item = &Section> {
        self.folders.iter().filter(move |section| {
            let prefix = section.folder.prefix.as_deref().unwrap_or_default();
            path.starts_with(prefix) || prefix.strip_suffix(b"/") == Some(path)
        })
    }
}

/// The maps that a file names and that need no text.
fn built_in_maps(file: &File) -> impl Iterator<Item = Map> + '_ {
    file.directives.iter().filter_map(|directive| match &directive.kind {
        DirectiveKind::RewriteMap(map) if !matches!(map.source, MapSource::File(..)) => {
            Some(Map::new(NamedMap { name: map.name.clone(), source: map.source.clone(), text: Vec::new() }))
        }
        _ => None,
    })
}

impl Folder {
    /// A URL whose path begins with the folder's name gets `RewriteBase` in its place.
    pub(crate) fn base_in_url(&self, url: Vec<u8>, behind_scheme: usize) -> Vec<u8> {
        let host_end =
            url.iter().skip(behind_scheme).position(|byte| *byte == b'/').map(|at| behind_scheme + at + 1);
        let Some(host_end) = host_end else { return url };
        let (head, path) = url.split_at(host_end);
        let path = match (&self.base, self.name.strip_prefix(b"/")) {
            (Some(base), Some(name)) => exchange(path, name, base.get(1..).unwrap_or_default()),
            _ => None,
        };
        match path {
            Some(path) => [head, &path].concat(),
            None => url,
        }
    }

    /// A path that begins with the folder's name gets `RewriteBase` in its place; `None` if there is nothing to change.
    pub(crate) fn base_in_path(&self, path: &[u8]) -> Option<Vec<u8>> {
        exchange(path, &self.name, self.base.as_deref()?)
    }
}

fn exchange(path: &[u8], prefix: &[u8], with: &[u8]) -> Option<Vec<u8>> {
    let rest = path.strip_prefix(prefix.strip_suffix(b"/").unwrap_or(prefix))?.strip_prefix(b"/")?;
    let slash: &[u8] = if with.is_empty() || with.ends_with(b"/") { b"" } else { b"/" };
    Some([with, slash, rest].concat())
}
