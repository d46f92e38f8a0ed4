//! What is kept between runs of `diagnose`, `apply` and `revert`: one folder of JSON files, each with its version, each
//! written whole or not at all.

use crate::disk::{replace, words};
use anyhow::{Context, anyhow, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The version of all files. One of another version is not read: what it holds is learnt again.
const VERSION: u32 = 1;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Where root keeps it, who has no home that others would look in.
const OF_ROOT: &str = "/var/lib/tidegate";

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct State {
    folder: PathBuf,
}

#[derive(Serialize)]
struct Written<'a, T> {
    version: u32,
    kept: &'a T,
}

#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

#[derive(Deserialize)]
struct Read_<T> {
    kept: T,
}

impl State {
    /// The folder that is asked for, or the one of this user.
    pub(crate) fn at(asked: Option<&Path>) -> anyhow::Result<Self> {
        let folder = match asked {
            Some(folder) => folder.to_owned(),
            None => usual_place(
                rustix::process::geteuid().is_root(),
                std::env::var_os("XDG_STATE_HOME"),
                std::env::var_os("HOME"),
            )
            .ok_or_else(|| anyhow!("nobody says where state is kept: name a folder with --state"))?,
        };
        Ok(Self { folder })
    }

    /// The folder, for messages.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is kept under a name; `None` if there is nothing, or it is of another version.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let path = self.folder.join(name);
        let mut bytes = Vec::new();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => bail!("cannot read {}: {}", path.display(), words(&error)),
        };
        file.take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("cannot read {}", path.display()))?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            bail!("{} is too long to be ours", path.display());
        }
        let broken = || format!("{} is broken; without it, what it held is learnt again", path.display());
        let versioned: Versioned = serde_json::from_slice(&bytes).with_context(broken)?;
        if versioned.version != VERSION {
            return Ok(None);
        }
        let read: Read_<T> = serde_json::from_slice(&bytes).with_context(broken)?;
        Ok(Some(read.kept))
    }

    /// Keeps something under a name; the folder is made for its owner alone, since logs are nobody else's business.
    pub(crate) fn write<T: Serialize>(&self, name: &str, kept: &T) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        make(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let text = serde_json::to_vec(&Written { version: VERSION, kept })?;
        replace(&path, &text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Forgets what is kept under a name.
    pub(crate) fn forget(&self, name: &str) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(anyhow!("cannot remove {}: {}", path.display(), words(&error)))
            }
            _ => Ok(()),
        }
    }

    /// The names in a folder of the state, without `.json`, the newest first.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?.strip_suffix(".json")?.to_owned();
                Some((entry.metadata().ok()?.modified().ok()?, name))
            })
            .collect();
        names.sort_by(|one, other| other.cmp(one));
        names.into_iter().map(|(_, name)| name).collect()
    }
}

fn make(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Where state of programs is kept by the XDG Base Directory Specification; for root where services keep it.
fn usual_place(is_root: bool, xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |text: OsString| Some(PathBuf::from(text)).filter(|path| path.is_absolute());
    if let Some(folder) = xdg.and_then(absolute) {
        return Some(folder.join("tidegate"));
    }
    if is_root {
        return Some(PathBuf::from(OF_ROOT));
    }
    Some(home.and_then(absolute)?.join(".local/state/tidegate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_lies_where_the_user_keeps_it_and_roots_where_services_do() {
        let place = |is_root, xdg: Option<&str>, home: Option<&str>| {
            usual_place(is_root, xdg.map(Into::into), home.map(Into::into))
        };
        assert_eq!(place(false, Some("/x"), Some("/h")), Some("/x/tidegate".into()));
        assert_eq!(place(false, Some("relative"), Some("/h")), Some("/h/.local/state/tidegate".into()));
        assert_eq!(place(true, None, Some("/root")), Some(OF_ROOT.into()));
        assert_eq!(place(false, None, None), None);
    }

    #[test]
    fn what_is_kept_comes_back_and_what_is_of_another_version_does_not() {
        let here = tempfile::tempdir().unwrap();
        let state = State::at(Some(&here.path().join("a/b"))).unwrap();
        assert_eq!(state.read::<u32>("n.json").unwrap(), None);
        state.write("n.json", &7_u32).unwrap();
        assert_eq!(state.read::<u32>("n.json").unwrap(), Some(7));
        std::fs::write(state.folder().join("n.json"), "{\"version\":99,\"kept\":8}").unwrap();
        assert_eq!(state.read::<u32>("n.json").unwrap(), None);
        std::fs::write(state.folder().join("n.json"), "{\"vers").unwrap();
        assert!(state.read::<u32>("n.json").is_err());
    }
}
