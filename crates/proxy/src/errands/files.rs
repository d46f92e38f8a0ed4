//! What a file is, asked of the system on threads of its own: a disk may be slow, and a network's more so.

use super::failed;
use engine::errand::{ErrandError, FileState};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Looks under way in the process. One that hangs (a disk over a network) keeps its place as long as it hangs.
pub(super) const LOOKS_MAX: usize = 64;

/// Asks the system.
pub(super) struct Looker(Arc<Semaphore>);

impl Default for Looker {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKS_MAX)))
    }
}

impl Looker {
    /// See [`engine::errand::Errand::Stat`].
    pub(super) async fn stat(&self, root: PathBuf, path: Vec<u8>) -> Result<FileState, ErrandError> {
        let place = Arc::clone(&self.0).acquire_owned().await.map_err(failed)?;
        let looked = tokio::task::spawn_blocking(move || {
            let state = look_at_file(&root, &path);
            drop(place);
            state
        });
        looked.await.map_err(failed)
    }
}

/// What a file below a folder is, at once; see [`engine::errand::Errand::Stat`]. What cannot be looked at (a part of its
/// path may not be entered) is not there. May block: for whoever has no runtime to hold up.
pub fn look_at_file(root: &Path, path: &[u8]) -> FileState {
    look_inside(root, Path::new(OsStr::from_bytes(path))).unwrap_or_default()
}

fn look_inside(root: &Path, path: &Path) -> std::io::Result<FileState> {
    let root = root.canonicalize()?;
    let is_link = match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => {
            let folder = folder.canonicalize()?;
            folder.starts_with(&root) && folder.join(name).symlink_metadata()?.is_symlink()
        }
        _ => false,
    };
    let link = FileState { exists: is_link, is_link, ..FileState::default() };
    // Where a link leads nowhere, or away, there is the link and nothing behind it.
    let Ok(real) = path.canonicalize() else { return Ok(link) };
    if !real.starts_with(&root) {
        return Ok(link);
    }
    let behind = real.metadata()?;
    Ok(FileState {
        exists: true,
        is_file: behind.is_file(),
        is_folder: behind.is_dir(),
        is_link,
        has_bytes: behind.len() > 0,
        is_executable: behind.permissions().mode() & 0o111 != 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(root: &Path, path: &Path) -> FileState {
        look_at_file(root, path.as_os_str().as_bytes())
    }

    #[test]
    fn a_link_that_leads_out_of_the_folder_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("www"), folder.path().join("secret"));
        std::fs::create_dir(&root).unwrap();
        std::fs::write(&outside, "x").unwrap();
        std::fs::write(root.join("page"), "").unwrap();
        std::os::unix::fs::symlink(&outside, root.join("out")).unwrap();
        std::os::unix::fs::symlink("page", root.join("in")).unwrap();
        let page = FileState { exists: true, is_file: true, ..FileState::default() };
        assert_eq!(look(&root, &root.join("page")), page);
        assert_eq!(look(&root, &root.join("in")), FileState { is_link: true, ..page });
        let out = FileState { exists: true, is_link: true, ..FileState::default() };
        assert_eq!(look(&root, &root.join("out")), out);
        assert_eq!(look(&root, &root.join("../secret")), FileState::default());
        assert_eq!(look(&root, &root.join("page/below")), FileState::default());
        assert!(look(&root, &root).is_folder);
    }
}
