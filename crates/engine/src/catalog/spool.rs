//! Where slowed answers wait, and for how much of them there is room.

use super::check::Checker;
use super::said;
use source::{DiagnosticId, Span};
use std::path::{Path, PathBuf};

/// A folder that takes no slowed answers.
const SPOOL_FOLDER: DiagnosticId = DiagnosticId("spool-folder");

/// Where slowed answers of nodes wait, and how much of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolSettings {
    /// The folder of the files; relative to that of the catalog if it was said so.
    pub folder: PathBuf,
    /// Bytes of all files together; 0 uses none.
    pub bytes_max: u64,
    /// Bytes of one answer's file.
    pub answer_bytes_max: u64,
}

impl Default for SpoolSettings {
    fn default() -> Self {
        // A place on a disk by the Filesystem Hierarchy Standard, where `/tmp` often is not.
        Self { folder: PathBuf::from("/var/tmp"), bytes_max: 1 << 30, answer_bytes_max: 256 << 20 }
    }
}

impl Checker<'_> {
    /// What the settings say of it.
    pub(super) fn spool(&mut self, said: Option<&said::Settings>) -> SpoolSettings {
        let mut spool = SpoolSettings::default();
        if let Some(said) = said {
            if let Some(folder) = said.spool_folder.said() {
                spool.folder = self.folder.join(&folder.value.0);
                self.spool_folder(&spool.folder, folder.span);
            }
            spool.bytes_max = said.spool_max.value().map_or(spool.bytes_max, |size| size.0);
            spool.answer_bytes_max =
                said.spool_max_per_answer.value().map_or(spool.answer_bytes_max, |size| size.0);
        }
        spool
    }

    /// A folder that takes no files is found out at the first slowed answer otherwise, when nobody looks.
    fn spool_folder(&mut self, folder: &Path, span: Span) {
        let shown = folder.display();
        let problem = match self.files.real_path(folder) {
            Err(why) => Some(format!("slowed answers cannot wait in {shown}: {why}")),
            Ok(_) if self.files.facts(folder).is_in_memory => {
                Some(format!("slowed answers will not wait in {shown}: what lies there takes memory"))
            }
            Ok(_) => None,
        };
        if let Some(message) = problem {
            self.doubt(SPOOL_FOLDER, message, span, "name a folder on a disk; until then nodes wait");
        }
    }
}
