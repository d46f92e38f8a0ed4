//! The file of the keys of marks: `mark-keys` in the state folder, for its owner alone. Whoever can read it can forge
//! marks, so one that others can read is refused rather than used.

use crate::verdict::Mistake;
use anyhow::{Context, bail};
use engine::{Catalog, MARK_KEY_BYTES, MARK_KEYS_TEXT_BYTES_MAX, MarkKeys, WallTime};
use rustix::fs::OFlags;
use rustix::process::geteuid;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

const FILE: &str = "mark-keys";

/// Where the keys of a process live.
pub(crate) enum KeyStore {
    /// In memory: marks end with the process.
    Memory,
    /// In a file that other processes may use as well.
    File(KeyFile),
}

impl KeyStore {
    /// As the catalog says; `None` where no cookie is to be signed.
    pub(crate) fn of(catalog: &Catalog) -> Option<Self> {
        let mut marks = catalog.virtual_servers.iter().flat_map(|server| &server.marks.names);
        let is_needed = marks.any(|mark| mark.is_signed);
        let folder = catalog.state_folder.as_deref();
        is_needed.then(|| folder.map_or(Self::Memory, |folder| Self::File(KeyFile::in_folder(folder))))
    }

    /// The keys to go on with: those of the file, or those in force if they live in memory; made or followed by new
    /// ones where it is time.
    pub(crate) fn keys(
        &self,
        in_force: Option<&MarkKeys>,
        age: Duration,
        now: WallTime,
    ) -> anyhow::Result<MarkKeys> {
        match self {
            Self::File(file) => file.change(|keys| up_to_date(keys, age, now)),
            Self::Memory => match (up_to_date(in_force, age, now)?, in_force) {
                (Some(other), _) => Ok(other),
                (None, Some(in_force)) => Ok(in_force.clone()),
                (None, None) => fresh(now),
            },
        }
    }
}

/// Other keys, if there are none yet or the current one is old enough.
fn up_to_date(keys: Option<&MarkKeys>, age: Duration, now: WallTime) -> anyhow::Result<Option<MarkKeys>> {
    match keys {
        None => fresh(now).map(Some),
        Some(keys) if keys.due(age) <= now => Ok(Some(keys.rotated(secret()?, now))),
        Some(_) => Ok(None),
    }
}

fn fresh(now: WallTime) -> anyhow::Result<MarkKeys> {
    Ok(MarkKeys::new(secret()?, now))
}

/// New keys that make every mark void that was set before.
pub(crate) fn revoked(now: WallTime) -> anyhow::Result<MarkKeys> {
    Ok(MarkKeys::revoked(secret()?, now))
}

/// The current key steps back before its time.
pub(crate) fn rotated(keys: &MarkKeys, now: WallTime) -> anyhow::Result<MarkKeys> {
    Ok(keys.rotated(secret()?, now))
}

/// From the random source of the system.
fn secret() -> anyhow::Result<Zeroizing<[u8; MARK_KEY_BYTES]>> {
    let mut secret = Zeroizing::new([0; MARK_KEY_BYTES]);
    getrandom::fill(&mut *secret).context("the system gives no random bytes for a key")?;
    Ok(secret)
}

/// The file.
pub(crate) struct KeyFile {
    folder: PathBuf,
    pub(crate) path: PathBuf,
}

impl KeyFile {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), path: folder.join(FILE) }
    }

    /// Reads the keys, lets them be changed, and writes what came of it, while no other process does the same.
    pub(crate) fn change(
        &self,
        change: impl FnOnce(Option<&MarkKeys>) -> anyhow::Result<Option<MarkKeys>>,
    ) -> anyhow::Result<MarkKeys> {
        self.make_folder()?;
        let _held = self.lock()?;
        let keys = self.read()?;
        let changed = change(keys.as_ref())?;
        if let Some(changed) = &changed {
            self.write(changed).with_context(|| format!("cannot write {}", self.path.display()))?;
        }
        changed.or(keys).with_context(|| format!("there are no keys in {}", self.path.display()))
    }

    /// The keys that the file holds; `None` if there is no file.
    pub(crate) fn read(&self) -> anyhow::Result<Option<MarkKeys>> {
        let shown = self.path.display();
        // A link could lead to what others can write; a pipe would make us wait.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or_default();
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {shown}")),
        };
        let facts = file.metadata().with_context(|| format!("cannot read {shown}"))?;
        if !facts.is_file() {
            bail!(Mistake(format!("{shown} is no regular file")));
        }
        if facts.mode() & 0o077 != 0 {
            let mode = facts.mode() & 0o7777;
            bail!(Mistake(format!(
                "{shown} can be read or written by others (mode {mode:04o}), who could forge marks: chmod 600 it if \
                 you know that nobody did, else remove it; new keys are made then, and marks that are out end"
            )));
        }
        if facts.uid() != geteuid().as_raw() {
            bail!(Mistake(format!("{shown} belongs to another user, who could forge marks")));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(MARK_KEYS_TEXT_BYTES_MAX + 1));
        file.take(MARK_KEYS_TEXT_BYTES_MAX as u64 + 1)
            .read_to_end(&mut text)
            .with_context(|| format!("cannot read {shown}"))?;
        let keys = MarkKeys::parse(&text).map_err(|bad| {
            let help = "remove the file; new keys are made then, and marks that are out end";
            Mistake(format!("{shown}:{}:{}: {} ({help})", bad.line, bad.column, bad.what))
        })?;
        Ok(Some(keys))
    }

    fn make_folder(&self) -> anyhow::Result<()> {
        let shown = self.folder.display();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .with_context(|| format!("cannot make the state folder {shown}"))?;
        let facts = self.folder.metadata().with_context(|| format!("cannot look at {shown}"))?;
        if facts.mode() & 0o002 != 0 {
            bail!(Mistake(format!("everybody may write into the state folder {shown}: chmod o-w it")));
        }
        Ok(())
    }

    /// Held as long as the file that is returned is open.
    fn lock(&self) -> anyhow::Result<File> {
        let path = self.folder.join(".mark-keys.lock");
        let open = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let lock = open.with_context(|| format!("cannot write {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                lock.lock().with_context(|| format!("cannot lock {}", path.display()))?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        Ok(lock)
    }

    /// Beside it, then in its place: a crash leaves the old keys or the new ones, never half of them.
    fn write(&self, keys: &MarkKeys) -> std::io::Result<()> {
        let beside = self.folder.join(".mark-keys.new");
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(keys.to_text().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        File::open(&self.folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    const AGE: Duration = Duration::from_hours(24);
    const NOW: WallTime = WallTime(1_795_377_600_000_000);
    const TOMORROW: WallTime = WallTime(NOW.0 + 86_400_000_000);

    fn keys(store: &KeyStore, now: WallTime) -> anyhow::Result<MarkKeys> {
        store.keys(None, AGE, now)
    }

    #[test]
    fn keys_are_made_once_and_followed_by_others_when_they_are_old() {
        let here = tempfile::tempdir().unwrap();
        let folder = here.path().join("state/of/ours");
        let store = || KeyStore::File(KeyFile::in_folder(&folder));
        let first = keys(&store(), NOW).unwrap().names();
        assert_eq!(
            keys(&store(), WallTime(NOW.0 + 1)).unwrap().names(),
            first,
            "another process, a later start"
        );
        let second = keys(&store(), TOMORROW).unwrap().names();
        assert_eq!(second[1], first[0], "the old one verifies on");
        assert_eq!(keys(&store(), TOMORROW).unwrap().names(), second, "who comes late takes what was made");
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&folder.join(FILE)), mode(&folder)), (0o600, 0o700));
    }

    #[test]
    fn what_others_could_have_read_or_written_is_refused() {
        let here = tempfile::tempdir().unwrap();
        let store = KeyStore::File(KeyFile::in_folder(here.path()));
        keys(&store, NOW).unwrap();
        let path = here.path().join(FILE);
        for mode in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let why = keys(&store, NOW).unwrap_err();
            assert!(why.is::<Mistake>() && why.to_string().contains(&format!("(mode 0{mode:o})")), "{why}");
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let beside = here.path().join("beside");
        std::fs::rename(&path, &beside).unwrap();
        std::os::unix::fs::symlink(&beside, &path).unwrap();
        assert!(keys(&store, NOW).is_err(), "a link");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(keys(&store, NOW).unwrap_err().to_string().contains("no regular file"));
        std::fs::set_permissions(here.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(keys(&store, NOW).unwrap_err().to_string().contains("everybody may write"));
    }

    #[test]
    fn a_malformed_file_is_refused_with_its_place_and_stays() {
        let here = tempfile::tempdir().unwrap();
        let file = KeyFile::in_folder(here.path());
        let path = file.path.clone();
        std::fs::write(&path, "tidegate mark keys 1\ncurrent 2026-11-22T20:00:00Z short\n").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let why = keys(&KeyStore::File(file), NOW).unwrap_err().to_string();
        assert!(why.contains("mark-keys:2:30: expected a key"), "{why}");
        assert!(!why.contains("short"), "no message quotes a key");
        assert!(std::fs::read_to_string(path).unwrap().contains("short"));
    }

    #[test]
    fn keys_in_memory_grow_old_too() {
        let first = keys(&KeyStore::Memory, NOW).unwrap();
        let same = KeyStore::Memory.keys(Some(&first), AGE, NOW).unwrap();
        assert_eq!(same.names(), first.names());
        let next = KeyStore::Memory.keys(Some(&first), AGE, TOMORROW).unwrap();
        assert_eq!(next.names()[1], first.names()[0]);
        assert_ne!(keys(&KeyStore::Memory, NOW).unwrap().names(), first.names(), "no two are alike");
    }
}
