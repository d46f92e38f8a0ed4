//! Certificates in time: what there is to say of their dates, and new ones in the place of those that were read.

use crate::disk::Disk;
use engine::Catalog;
use engine::builtins::builtins;
use engine::catalog::{FileFacts, Files, Loaded};
use proxy::{Clock, Running};
use std::path::{Path, PathBuf};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// The catalog at a path, with what there is to say of its certificates today.
pub(crate) fn load(path: &Path, files: &dyn Files) -> Loaded {
    let mut loaded = Catalog::load(path, files, builtins());
    if let Some(catalog) = &loaded.catalog {
        loaded.diagnostics.extend(catalog.certificate_doubts(Clock::system().now().wall));
    }
    loaded
}

/// Looks from time to time whether the files of certificates are still those that were read.
#[derive(Default)]
pub(crate) struct CertificateWatch {
    /// As they were at the last look.
    seen: Vec<(PathBuf, FileFacts)>,
    /// The day on which the dates were last told of.
    told_on: Option<i64>,
}

impl CertificateWatch {
    /// Puts new certificates in force, if they are good and nothing else of the catalog was changed: what an operator
    /// has not asked for is not done.
    pub(crate) fn look(&mut self, running: &mut Running, path: Option<&Path>) {
        let catalog = running.shared().catalog();
        self.tell_dates(&catalog, running.clock());
        let facts: Vec<_> =
            catalog.certificate_files().into_iter().map(|file| (file.to_owned(), Disk.facts(file))).collect();
        let (before, Some(path)) = (std::mem::replace(&mut self.seen, facts), path) else { return };
        let files =
            |facts: &[(PathBuf, FileFacts)]| facts.iter().map(|(file, _)| file.clone()).collect::<Vec<_>>();
        // After a reload other files may be named; those were read just now.
        if before == self.seen || files(&before) != files(&self.seen) {
            return;
        }
        let loaded = Catalog::load(path, &Disk, builtins());
        let Some(new) = loaded.catalog else {
            loaded.diagnostics.iter().for_each(crate::run::log);
            tracing::error!("the files of certificates have changed and cannot be used: the old ones stay");
            return;
        };
        let changes = catalog.outline.changes_to(&new.outline);
        let is_certificate = |name: &str| self.seen.iter().any(|(file, _)| *file == *Path::new(name));
        let is_ours = changes.added.is_empty()
            && changes.removed.is_empty()
            && changes.changed.iter().all(|part| part.kind == "file" && is_certificate(&part.name));
        if !is_ours {
            tracing::warn!(
                "the files of certificates have changed, and the catalog as well: both wait for a reload"
            );
        } else if !changes.is_empty() {
            match running.adopt(new) {
                Ok(()) => tracing::info!("new certificates are in force"),
                Err(error) => tracing::error!("the old certificates stay: {error}"),
            }
        }
    }

    /// Once a day.
    fn tell_dates(&mut self, catalog: &Catalog, clock: &Clock) {
        let now = clock.now().wall;
        let today = now.0.div_euclid(DAY);
        // At the start and at a reload they were told with the other diagnostics.
        if self.told_on.replace(today).is_some_and(|told_on| told_on != today) {
            catalog.certificate_doubts(now).iter().for_each(crate::run::log);
        }
    }
}
