//! Access logs as they lie on a disk: found, opened, recognised, and their lines handed out.
//!
//! ```text
//!  paths ─ open ─▶ Input { files, each with its layout } ─ scan ─▶ a worker on each core, merged
//!                                                        └ in_order ─▶ one stream in time order
//! ```
//!
//! No line is dropped in silence: [`FileCounts`] has every reason with its number and the first few lines of it.

mod chunk;
mod count;
mod file;
mod order;
mod packed;
mod scan;

pub use count::{FileCounts, Sample};
pub use file::{FileReport, Input, InputError, LogFile, LogSource, Options};
pub use order::{HELD_BYTES_MAX, LATE_SECONDS_MAX, Ordered};
pub use packed::{Packing, unpacked};
pub use scan::{Scanned, Worker};

use std::sync::atomic::{AtomicBool, Ordering};

/// How somebody looks on while input is read, and stops it.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Becomes true when nothing more shall be read; what was read until then counts.
    pub cancel: &'a AtomicBool,
    /// Called now and then, by any thread, with the bytes that were read since the last call, as they lie on disk.
    pub progress: &'a (dyn Fn(u64) + Sync),
}

impl Watch<'_> {
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}
