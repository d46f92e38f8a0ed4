//! Files that rules may read: those of the folder `extra` beside the catalog, read with it and kept in memory. A rule
//! asks for them by name, and a name that is not one of theirs is nothing: no path of a rule ever reaches a disk.

#[cfg(test)]
mod tests;

use crate::catalog::Files;
use crate::limits;
use md5::{Digest, Md5};
use source::{Diagnostic, DiagnosticId};
use std::collections::BTreeMap;
use std::path::Path;
use trafficscript::ByteString;

/// A file that is there and cannot be had.
const UNREADABLE: DiagnosticId = DiagnosticId("resource-left-out");

/// All of them, by the names of their files.
#[derive(Debug, Default)]
pub struct Resources(BTreeMap<String, Resource>);

/// A file as it was when the catalog was read.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) bytes: ByteString,
    /// Seconds since 1970; 0 where the file system does not tell.
    pub(crate) modified: i64,
    pub(crate) md5: [u8; 16],
}

impl Resources {
    /// Reads what lies in a folder, without folders in it. What cannot be read, or is too large, is left out with a
    /// warning.
    pub(crate) fn load(folder: &Path, files: &dyn Files, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut resources = BTreeMap::new();
        let mut room = limits::RESOURCES_BYTES_MAX;
        let mut paths = files.list(folder);
        paths.sort();
        for path in paths {
            let facts = files.facts(&path);
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if facts.is_folder || name.starts_with('.') {
                continue;
            }
            let mut leave_out = |why: String| {
                let message = format!("{} is left out, and no rule can read it: {why}", path.display());
                diagnostics.push(Diagnostic::warning(UNREADABLE, message));
            };
            if resources.len() >= limits::RESOURCES_MAX {
                leave_out(format!("there are more than {} files", limits::RESOURCES_MAX));
                break;
            }
            let most = room.min(limits::RESOURCE_BYTES_MAX);
            let too_large = |bytes: u64| {
                let one = limits::RESOURCE_BYTES_MAX >> 20;
                let all = limits::RESOURCES_BYTES_MAX >> 20;
                format!("it has {bytes} bytes; one file may have {one} MiB, all together {all} MiB")
            };
            if facts.bytes > most {
                leave_out(too_large(facts.bytes));
                continue;
            }
            match files.read(&path) {
                // It may have grown since it was looked at.
                Ok(bytes) if bytes.len() as u64 > most => leave_out(too_large(bytes.len() as u64)),
                Ok(bytes) => {
                    room -= bytes.len() as u64;
                    let md5 = Md5::digest(&bytes).into();
                    let bytes = ByteString::from(bytes);
                    resources.insert(name.to_owned(), Resource { bytes, modified: facts.modified, md5 });
                }
                Err(why) => leave_out(why),
            }
        }
        Self(resources)
    }

    /// The file of a name.
    pub(crate) fn get(&self, name: &[u8]) -> Option<&Resource> {
        self.0.get(std::str::from_utf8(name).ok()?)
    }
}
