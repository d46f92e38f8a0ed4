//! Files for answers that clients take slowly: without a name, on a disk, read and written without holding up a worker.
//!
//! What was just written lies in the memory of the system, and a read that would have to wait for the disk is refused at
//! once; such a read, every write (the system makes writers wait when the disk is behind) and the end of every file (its
//! blocks are freed then, for which a busy disk takes a second) is done on a thread of the runtime's pool. At most
//! [`PLACES`] of them at a time are busy with the spool, so that a disk that hangs costs so many threads and no more.

use bytes::Bytes;
use engine::SpoolShare;
use rustix::fs::{FsWord, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Resource, getrlimit};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Reads, writes and ends of files under way in the process.
pub(crate) const PLACES: usize = 16;
/// `statfs` on file systems that are the machine's memory (`statfs(2)`).
const TMPFS_MAGIC: FsWord = 0x0102_1994;
const RAMFS_MAGIC: FsWord = 0x8584_58f6;

/// Who may do something with the disk now.
#[derive(Clone)]
pub(crate) struct SpoolPlaces(Arc<Semaphore>);

impl Default for SpoolPlaces {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PLACES)))
    }
}

/// The file of one answer. After the last use of it, it ends on another thread, and its room is given back.
pub(crate) struct SpoolFile {
    /// `Some` up to the end.
    kept: Option<Kept>,
    places: SpoolPlaces,
}

/// A file and its room, which is free once the file has ended: dropped in this order. Making and dropping it blocks.
struct Kept {
    file: File,
    share: Mutex<SpoolShare>,
}

impl Kept {
    fn create(folder: &Path, share: SpoolShare) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        if is_among_the_last(file.as_raw_fd(), getrlimit(Resource::Nofile).current) {
            return Err(io::Error::other("the last quarter of the open files is for connections"));
        }
        if is_memory(rustix::fs::fstatfs(&file)?.f_type) {
            return Err(io::Error::other("the folder is in memory, not on a disk"));
        }
        // Nobody asks when it was last read, and a reader who notes that down may have to wait for the disk.
        fcntl_setfl(&file, fcntl_getfl(&file)? | OFlags::NOATIME)?;
        Ok(Self { file, share: Mutex::new(share) })
    }
}

impl SpoolFile {
    fn kept(&self) -> io::Result<&Kept> {
        self.kept.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Takes room for so many bytes more.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        self.kept().is_ok_and(|kept| kept.share.lock().unwrap_or_else(PoisonError::into_inner).take(bytes))
    }

    /// Reads what lies in the system's memory; an error or 0 says nothing but that it does not.
    pub(crate) fn read_now(&self, room: &mut [u8], at: u64) -> io::Result<usize> {
        let flags = rustix::io::ReadWriteFlags::NOWAIT;
        Ok(rustix::io::preadv2(&self.kept()?.file, &mut [IoSliceMut::new(room)], at, flags)?)
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        // Without a runtime the process ends, and nobody is held up.
        let (Some(kept), Ok(runtime)) = (self.kept.take(), Handle::try_current()) else { return };
        let places = Arc::clone(&self.places.0);
        runtime.spawn(async move {
            let place = places.acquire_owned().await;
            tokio::task::spawn_blocking(move || drop((kept, place)));
        });
    }
}

/// Whether a descriptor is beyond three quarters of those there may be. The system gives the lowest that is free, so as many
/// are in use: a client who finds none is refused, an answer that finds no file only makes its node wait.
fn is_among_the_last(descriptor: RawFd, limit: Option<u64>) -> bool {
    let number = u64::try_from(descriptor).unwrap_or(0);
    limit.is_some_and(|limit| number >= limit / 4 * 3)
}

/// Whether what is written there stays in the machine's memory; `false` where nobody can tell.
#[must_use]
pub fn is_in_memory(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|system| is_memory(system.f_type))
}

fn is_memory(file_system: FsWord) -> bool {
    matches!(file_system, TMPFS_MAGIC | RAMFS_MAGIC)
}

/// Where the first bytes go.
pub(crate) enum Target {
    /// Into a new file of this folder.
    New(PathBuf, SpoolShare),
    /// Behind what the file has.
    Old(Arc<SpoolFile>, u64),
}

/// Something under way on another thread.
pub(crate) type Underway<T> = Pin<Box<dyn Future<Output = T>>>;

impl SpoolPlaces {
    /// Writes all of `bytes`, or none that counts.
    pub(crate) fn write(&self, target: Target, bytes: Bytes) -> Underway<io::Result<Arc<SpoolFile>>> {
        let places = self.clone();
        Box::pin(async move {
            let place = Arc::clone(&places.0).acquire_owned().await;
            let written = tokio::task::spawn_blocking(move || {
                let written = write(target, &bytes, places);
                drop(place);
                written
            });
            written.await.unwrap_or_else(|lost| Err(io::Error::other(lost)))
        })
    }

    /// Reads so many bytes, however long the disk takes.
    pub(crate) fn read(&self, file: Arc<SpoolFile>, at: u64, bytes: usize) -> Underway<io::Result<Vec<u8>>> {
        let places = Arc::clone(&self.0);
        Box::pin(async move {
            let place = places.acquire_owned().await;
            // Made where it will be dropped: allocators keep what one thread makes and another gives back.
            let mut piece = vec![0; bytes];
            let read = tokio::task::spawn_blocking(move || {
                let read =
                    file.kept().and_then(|kept| kept.file.read_exact_at(&mut piece, at)).map(|()| piece);
                drop(place);
                read
            });
            read.await.unwrap_or_else(|lost| Err(io::Error::other(lost)))
        })
    }
}

fn write(target: Target, bytes: &[u8], places: SpoolPlaces) -> io::Result<Arc<SpoolFile>> {
    let (file, at) = match target {
        Target::New(folder, share) => {
            (Arc::new(SpoolFile { kept: Some(Kept::create(&folder, share)?), places }), 0)
        }
        Target::Old(file, at) => (file, at),
    };
    file.kept()?.file.write_all_at(bytes, at)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_drops_a_file_does_not_wait_for_the_disk() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (room, places) = (Arc::new(engine::SpoolRoom::default()), SpoolPlaces::default());
            let kept = Kept { file: tempfile::tempfile().unwrap(), share: Mutex::new(room.share(0)) };
            let all = u32::try_from(PLACES).unwrap();
            let hanging = Arc::clone(&places.0).acquire_many_owned(all).await.unwrap();
            drop(SpoolFile { kept: Some(kept), places: places.clone() });
            tokio::task::yield_now().await;
            assert_eq!(room.files(), 1, "it ends in its turn");
            drop(hanging);
            while room.files() > 0 {
                tokio::task::yield_now().await;
            }
        });
    }

    #[test]
    fn the_last_quarter_of_the_descriptors_is_kept() {
        assert!(!is_among_the_last(74, Some(100)));
        assert!(is_among_the_last(75, Some(100)));
        assert!(!is_among_the_last(1_000_000, None), "there is no limit");
    }

    #[test]
    fn a_folder_in_memory_is_told_from_one_on_a_disk() {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            assert!(is_in_memory(memory));
        }
        // Wherever this was checked out to: what the system's own program says of that place.
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let said = std::process::Command::new("stat").args(["-f", "-c", "%T"]).arg(here).output().unwrap();
        let kind = String::from_utf8(said.stdout).unwrap();
        let expected = matches!(kind.trim(), "tmpfs" | "ramfs");
        assert_eq!(is_in_memory(here), expected, "{kind}");
    }
}
