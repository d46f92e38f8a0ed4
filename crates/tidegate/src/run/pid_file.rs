//! The file that holds our number while we run.

use crate::disk::replace;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// The file; dropping it removes it, as long as our number stands in it.
pub(super) struct PidFile(PathBuf);

impl PidFile {
    pub(super) fn write(path: &Path) -> anyhow::Result<Self> {
        replace(path, number().as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(path.to_owned()))
    }
}

fn number() -> String {
    format!("{}\n", std::process::id())
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // After a hand-over the number of the process that follows stands there.
        if std::fs::read_to_string(&self.0).is_ok_and(|text| text == number()) {
            // A stale file hurts nobody who looks at the process, too.
            let _gone = std::fs::remove_file(&self.0);
        }
    }
}
