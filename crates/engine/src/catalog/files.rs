//! Where the catalog's texts come from. The engine opens no files: its caller does.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// What a catalog is read from.
pub trait Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Why it cannot be read, in words for an operator.
    fn read(&self, path: &Path) -> Result<Vec<u8>, String>;

    /// The first bytes of a regular file, at most so many; what is no regular file (a device, a pipe) is an error.
    ///
    /// # Errors
    /// Why it cannot be read, in words for an operator.
    fn read_up_to(&self, path: &Path, most: usize) -> Result<Vec<u8>, String>;

    /// Where a path leads when all links on it are followed.
    ///
    /// # Errors
    /// Why nobody can tell, in words for an operator.
    fn real_path(&self, path: &Path) -> Result<PathBuf, String>;

    /// The paths of what lies in a folder, in any order; none if there is no such folder.
    fn list(&self, folder: &Path) -> Vec<PathBuf>;

    /// What is known of a file without reading it.
    fn facts(&self, path: &Path) -> FileFacts;
}

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// How long it is.
    pub bytes: u64,
    /// When it was last changed, in seconds since 1970; 0 where nobody knows.
    pub modified: i64,
    /// It is a folder.
    pub is_folder: bool,
    /// Everybody on the machine may read it; `false` where nobody knows.
    pub is_for_everybody: bool,
    /// What lies there takes the machine's memory (tmpfs, ramfs); `false` where nobody knows.
    pub is_in_memory: bool,
}

/// Files that are texts in memory: the embedded catalog, and tests.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(BTreeMap<PathBuf, Vec<u8>>);

impl MemoryFiles {
    /// Adds a file, or replaces it.
    #[must_use]
    pub fn with(mut self, path: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        self.0.insert(path.into(), text.into());
        self
    }

    /// Every file, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.0.iter().map(|(path, text)| (path.as_path(), text.as_slice()))
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn read_up_to(&self, path: &Path, most: usize) -> Result<Vec<u8>, String> {
        let mut bytes = self.read(path)?;
        bytes.truncate(most);
        Ok(bytes)
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, String> {
        // there are no links among texts in memory
        Ok(path.components().filter(|part| *part != Component::CurDir).collect())
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        self.0.keys().filter(|path| path.parent() == Some(folder)).cloned().collect()
    }

    fn facts(&self, path: &Path) -> FileFacts {
        let bytes = self.0.get(path).map_or(0, |text| text.len() as u64);
        FileFacts { bytes, ..FileFacts::default() }
    }
}
