//! Files of the machine, as the catalog asks for them.

use engine::catalog::{FileFacts, Files};
use rustix::fs::OFlags;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file system.
pub(crate) struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error| words(&error))
    }

    fn read_up_to(&self, path: &Path, most: usize) -> Result<Vec<u8>, String> {
        // To open a pipe waits for somebody who writes into it, unless one asks not to wait.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let open = || OpenOptions::new().read(true).custom_flags(flags).open(path);
        let read = || {
            let file = open()?;
            let is_regular = file.metadata()?.is_file();
            let mut bytes = Vec::new();
            if is_regular {
                file.take(most as u64).read_to_end(&mut bytes)?;
            }
            Ok(is_regular.then_some(bytes))
        };
        let bytes = read().map_err(|error: std::io::Error| words(&error))?;
        bytes.ok_or_else(|| "it is no regular file".to_owned())
    }

    fn real_path(&self, path: &Path) -> Result<PathBuf, String> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        std::fs::canonicalize(path).map_err(|error| words(&error))
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    fn facts(&self, path: &Path) -> FileFacts {
        let Ok(metadata) = std::fs::metadata(path) else { return FileFacts::default() };
        let modified = metadata.modified().ok();
        let seconds = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        FileFacts {
            bytes: metadata.len(),
            modified: seconds.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX)),
            is_folder: metadata.is_dir(),
            is_for_everybody: metadata.permissions().mode() & 0o004 != 0,
            is_in_memory: proxy::is_in_memory(path),
        }
    }
}

/// An error of the system without its number.
pub(crate) fn words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// Writes beside the file and renames, so that a crash leaves the old text or the new one, never half of it.
pub(crate) fn replace(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".tmp");
    let beside = PathBuf::from(beside);
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(text)?;
    if let Ok(metadata) = std::fs::metadata(path) {
        file.set_permissions(metadata.permissions())?;
    }
    file.sync_all()?;
    std::fs::rename(&beside, path)
}
