//! Files, opened and recognised.

use accesslog::{Candidate, Facts, Layout, recognise};
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// How input is to be read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The layout of all files, where somebody said it; otherwise each file is recognised.
    pub layout: Option<Layout>,
    /// Threads that read lines.
    pub threads: NonZeroUsize,
}

/// Access logs that are ready to be read.
#[derive(Debug)]
pub struct Input {
    pub(super) files: Vec<LogFile>,
    pub(super) threads: NonZeroUsize,
}

/// One file of an input.
#[derive(Debug)]
pub struct LogFile {
    /// Its place in [`Input::files`].
    pub index: usize,
    /// Where it lies.
    pub path: PathBuf,
    /// The domain it belongs to, where a server's configuration or the file's place says so.
    pub domain: Option<String>,
    /// How its lines are laid out.
    pub layout: Layout,
    /// Why this layout, as a sentence.
    pub layout_reason: String,
    /// Its size on disk when it was opened, in bytes.
    pub disk_bytes: u64,
    pub(super) file: File,
}

impl LogFile {
    /// What the file's lines can say at all.
    pub fn facts(&self) -> Facts {
        self.layout.facts()
    }
}

/// What cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// A file cannot be opened or read.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: String,
        /// Why not.
        error: io::Error,
    },
    /// No layout reads the lines of a file.
    #[error("{path}: the lines are of no log format that is known here; say it with --log-format")]
    Unrecognised {
        /// Which file.
        path: String,
    },
}

impl Input {
    /// Opens files and recognises their layouts.
    ///
    /// # Errors
    ///
    /// The first file that cannot be opened, or whose lines no layout reads.
    pub fn open(paths: &[PathBuf], options: &Options) -> Result<Self, InputError> {
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            files.push(open(path, files.len(), options)?);
        }
        Ok(Self { files, threads: options.threads })
    }

    /// The files, in the order in which they are read.
    pub fn files(&self) -> &[LogFile] {
        &self.files
    }

    /// Bytes of all files on disk.
    pub fn disk_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.disk_bytes).sum()
    }
}

fn open(path: &Path, index: usize, options: &Options) -> Result<LogFile, InputError> {
    let io_error = |error| InputError::Io { path: path.display().to_string(), error };
    let file = File::open(path).map_err(io_error)?;
    let disk_bytes = file.metadata().map_err(io_error)?.len();
    let (layout, layout_reason) = if let Some(layout) = &options.layout {
        (layout.clone(), "as said".to_owned())
    } else {
        let mut sample = vec![0; SAMPLE_BYTES];
        let length = file.read_at(&mut sample, 0).map_err(io_error)?;
        let best = recognise(&sample[..length]).into_iter().next();
        let Candidate { layout, lines_read, lines, .. } =
            best.ok_or_else(|| InputError::Unrecognised { path: path.display().to_string() })?;
        (layout, format!("{lines_read} of {lines} lines at the start read exactly"))
    };
    Ok(LogFile { index, path: path.to_owned(), domain: None, layout, layout_reason, disk_bytes, file })
}

/// Bytes at the start of a file by which its layout is recognised.
const SAMPLE_BYTES: usize = 256 * 1024;
