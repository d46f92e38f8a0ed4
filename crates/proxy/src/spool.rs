//! Files for answers that clients take slowly: without a name, on a disk, read and written without holding up a worker.
//!
//! What was just written lies in the memory of the system, and a read that would have to wait for the disk is refused at
//! once; such a read, and every write (the system makes writers wait when the disk is behind), is done on a thread of the
//! runtime's pool. At most [`PLACES`] of them at a time are busy with the spool, so that a disk that hangs costs so many
//! threads and no more; an answer whose turn does not come moves nothing, and its time-outs decide.

use engine::SpoolShare;
use rustix::fs::FsWord;
use rustix::process::{Resource, getrlimit};
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Reads and writes under way in the process.
const PLACES: usize = 16;
/// `statfs` on file systems that are the machine's memory (`statfs(2)`).
const TMPFS_MAGIC: FsWord = 0x0102_1994;
const RAMFS_MAGIC: FsWord = 0x8584_58f6;

/// Who may read and write now.
#[derive(Clone)]
pub(crate) struct SpoolPlaces(Arc<Semaphore>);

impl Default for SpoolPlaces {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PLACES)))
    }
}

/// The file of one answer. It ends, and its room is given back, with the last use of it.
pub(crate) struct SpoolFile {
    file: File,
    share: Mutex<SpoolShare>,
}

impl SpoolFile {
    /// Makes one. Blocks.
    fn create(folder: &Path, share: SpoolShare) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        if is_among_the_last(file.as_raw_fd(), getrlimit(Resource::Nofile).current) {
            return Err(io::Error::other("the last quarter of the open files is for connections"));
        }
        if is_memory(rustix::fs::fstatfs(&file)?.f_type) {
            return Err(io::Error::other("the folder is in memory, not on a disk"));
        }
        Ok(Self { file, share: Mutex::new(share) })
    }

    /// Takes room for so many bytes more.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        self.share.lock().unwrap_or_else(PoisonError::into_inner).take(bytes)
    }

    /// Reads what lies in the system's memory; an error or 0 says nothing but that it does not.
    pub(crate) fn read_now(&self, room: &mut [u8], at: u64) -> io::Result<usize> {
        let flags = rustix::io::ReadWriteFlags::NOWAIT;
        Ok(rustix::io::preadv2(&self.file, &mut [IoSliceMut::new(room)], at, flags)?)
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

/// A write that is over: the bytes come back, with the file or why it has not got them.
pub(crate) type Written<B> = (B, io::Result<Arc<SpoolFile>>);

/// Something under way on another thread.
pub(crate) type Underway<T> = Pin<Box<dyn Future<Output = T>>>;

impl SpoolPlaces {
    /// Writes all of `bytes`, or none that counts.
    pub(crate) fn write<B: AsRef<[u8]> + Send + Default + 'static>(
        &self,
        target: Target,
        bytes: B,
    ) -> Underway<Written<B>> {
        let places = Arc::clone(&self.0);
        Box::pin(async move {
            let place = places.acquire_owned().await;
            let written = tokio::task::spawn_blocking(move || {
                let written = write(target, bytes.as_ref());
                drop(place);
                (bytes, written)
            });
            written.await.unwrap_or_else(|lost| (B::default(), Err(io::Error::other(lost))))
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
                let read = file.file.read_exact_at(&mut piece, at).map(|()| piece);
                drop(place);
                read
            });
            read.await.unwrap_or_else(|lost| Err(io::Error::other(lost)))
        })
    }
}

fn write(target: Target, bytes: &[u8]) -> io::Result<Arc<SpoolFile>> {
    let (file, at) = match target {
        Target::New(folder, share) => (Arc::new(SpoolFile::create(&folder, share)?), 0),
        Target::Old(file, at) => (file, at),
    };
    file.file.write_all_at(bytes, at)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

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
