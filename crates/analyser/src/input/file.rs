//! Files, opened and recognised.

use super::FileCounts;
use super::order::LATE_SECONDS_MAX;
use super::packed::{self, Packing, Unpacked};
use accesslog::{BytesMeaning, Certainty, Facts, Layout, LineReader, Read, recognise};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::num::NonZeroUsize;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How input is to be read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The layout of all files, where somebody said it; otherwise each file is recognised.
    pub layout: Option<Layout>,
    /// Threads that read lines.
    pub threads: NonZeroUsize,
}

/// A file, and what somebody knows of it beside its lines.
#[derive(Clone, Debug)]
pub struct LogSource {
    /// Where it lies; `-` is standard input.
    pub path: PathBuf,
    /// The domain it belongs to.
    pub domain: Option<String>,
    /// How its lines are laid out, and who says so.
    pub layout: Option<(Layout, String)>,
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
    /// How it is packed.
    pub packing: Packing,
    /// The time of the earliest line at its start, in microseconds since 1970.
    pub first_unix_micros: Option<i64>,
    pub(super) file: Arc<File>,
}

impl LogFile {
    /// What the file's lines can say at all.
    pub fn facts(&self) -> Facts {
        self.layout.facts()
    }

    /// Whether its lines can be read from any place.
    pub(super) fn is_split(&self) -> bool {
        self.packing == Packing::None && !self.layout.is_stateful()
    }
}

/// What became of a file, for a report.
#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// Where it lies.
    pub path: String,
    /// The domain it belongs to, where a server's configuration or the file's place says so.
    pub domain: Option<String>,
    /// The name or text of its layout.
    pub format: String,
    /// Why this layout.
    pub format_reason: String,
    /// What its bytes are, as people say it.
    pub bytes_are: &'static str,
    /// Its size on disk, in bytes.
    pub disk_bytes: u64,
    /// What became of its lines.
    #[serde(flatten)]
    pub counts: FileCounts,
}

/// What bytes are, as people say it.
const fn bytes_are(meaning: BytesMeaning) -> &'static str {
    match meaning {
        BytesMeaning::BodyPromised => "the body as promised: an upper bound where clients broke off",
        BytesMeaning::BodySent => "the body as sent",
        BytesMeaning::AllSent => "all that was sent, head included",
        BytesMeaning::Unclear => "unclear: the body as promised (%b), or all that was sent (%O)",
        BytesMeaning::None => "not logged",
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
    /// Opens files and recognises their layouts. The files of an input are in the order of their first times, whatever
    /// they are called. A file that is given twice is read once, a folder stands for the files in it.
    ///
    /// # Errors
    ///
    /// The first file that cannot be opened, or whose lines no layout reads.
    pub fn open(paths: &[PathBuf], options: &Options) -> Result<Self, InputError> {
        let mut sources = Vec::with_capacity(paths.len());
        for path in paths {
            let is_folder = path.is_dir();
            let io_error = |error| InputError::Io { path: path.display().to_string(), error };
            let files = if is_folder { files_in(path).map_err(io_error)? } else { vec![path.clone()] };
            sources.extend(files.into_iter().map(|path| LogSource { path, domain: None, layout: None }));
        }
        let (input, problems) = Self::open_sources(&sources, options)?;
        match problems.into_iter().next() {
            Some(problem) => Err(problem),
            None => Ok(input),
        }
    }

    /// Opens files of which somebody knows more than their paths. Those that cannot be opened or recognised are left out
    /// and told.
    ///
    /// # Errors
    ///
    /// None can be opened and recognised: the first reason.
    pub fn open_sources(
        sources: &[LogSource],
        options: &Options,
    ) -> Result<(Self, Vec<InputError>), InputError> {
        let mut files: Vec<LogFile> = Vec::with_capacity(sources.len());
        let mut problems = Vec::new();
        let mut seen = BTreeSet::new();
        for source in sources {
            match look(source, options, &mut seen) {
                Ok(Some(file)) => files.push(file),
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        if files.is_empty() && !problems.is_empty() {
            return Err(problems.swap_remove(0));
        }
        files.sort_by_key(|file| file.first_unix_micros.unwrap_or(i64::MAX));
        for (index, file) in files.iter_mut().enumerate() {
            file.index = index;
        }
        Ok((Self { files, threads: options.threads }, problems))
    }

    /// The files, in the order in which they are read.
    pub fn files(&self) -> &[LogFile] {
        &self.files
    }

    /// What became of each file, for a report: of counts in the order of [`Input::files`].
    pub fn reports(&self, counts: &[FileCounts]) -> Vec<FileReport> {
        let report = |(file, counts): (&LogFile, &FileCounts)| FileReport {
            path: file.path.display().to_string(),
            domain: file.domain.clone(),
            format: file.layout.to_string(),
            format_reason: file.layout_reason.clone(),
            bytes_are: bytes_are(file.facts().bytes),
            disk_bytes: file.disk_bytes,
            counts: counts.clone(),
        };
        self.files.iter().zip(counts).map(report).collect()
    }

    /// What a reader of a report should know of the files: which of them overlap in time, as those of a rotation do that
    /// copies a log and then cuts it.
    pub fn notes(&self, counts: &[FileCounts]) -> Vec<String> {
        let mut notes = Vec::new();
        let mut last_of: BTreeMap<PathBuf, (i64, &LogFile)> = BTreeMap::new();
        for (file, counts) in self.files.iter().zip(counts) {
            let Some((first, last)) = counts.times else { continue };
            let before = last_of.entry(unrotated(&file.path)).or_insert((last, file));
            let overlap = before.0.saturating_sub(first) / 1_000_000;
            if before.1.index != file.index && overlap > LATE_SECONDS_MAX {
                notes.push(format!(
                    "{} begins {overlap} s before {} ends: lines may stand in both",
                    file.path.display(),
                    before.1.path.display(),
                ));
            }
            if last >= before.0 {
                *before = (last, file);
            }
        }
        notes
    }

    /// Bytes of all files on disk.
    pub fn disk_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.disk_bytes).sum()
    }
}

/// Looks at the start of a file; `None`: it was looked at before.
fn look(
    source: &LogSource,
    options: &Options,
    seen: &mut BTreeSet<(u64, u64)>,
) -> Result<Option<LogFile>, InputError> {
    let path = &source.path;
    let io_error = |error| InputError::Io { path: path.display().to_string(), error };
    let file = packed::open(path).map_err(io_error)?;
    let metadata = file.metadata().map_err(io_error)?;
    if !seen.insert((metadata.dev(), metadata.ino())) {
        return Ok(None);
    }
    let file = Arc::new(file);
    let mut start = [0; 16];
    let length = file.read_at(&mut start, 0).map_err(io_error)?;
    let mut sample = Vec::new();
    let mut from = Unpacked::new(Arc::clone(&file)).map_err(io_error)?;
    // What a torn file gives is a sample too; that it is torn is told when it is read.
    let _ = (&mut from).take(SAMPLE_BYTES).read_to_end(&mut sample);
    let said = options.layout.clone().map(|layout| (layout, "as said".to_owned()));
    let (layout, layout_reason) = match said.or_else(|| source.layout.clone()) {
        Some(said) => said,
        // A log that was rotated a moment ago.
        None if sample.is_empty() => (Layout::w3c(), "the file is empty".to_owned()),
        None => recognised(&sample)
            .ok_or_else(|| InputError::Unrecognised { path: path.display().to_string() })?,
    };
    Ok(Some(LogFile {
        index: 0,
        path: path.clone(),
        domain: source.domain.clone(),
        first_unix_micros: first_time(&layout, &sample),
        layout,
        layout_reason,
        disk_bytes: metadata.len(),
        packing: Packing::of(&start[..length]),
        file,
    }))
}

/// The files in a folder, not those in folders within it.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn recognised(sample: &[u8]) -> Option<(Layout, String)> {
    let best = recognise(sample).into_iter().next()?;
    let certainty = match best.certainty {
        Certainty::Certain => "certain",
        Certainty::Likely => "likely",
        Certainty::Guess => "a guess",
    };
    Some((best.layout, format!("{certainty}: {}", best.reason)))
}

/// What a file was called before it was rotated: `access.log.2.gz` and `access.log-20260101` were `access.log`.
fn unrotated(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for ending in [".gz", ".zst", ".bz2"] {
        if let Some(bare) = name.strip_suffix(ending) {
            name.truncate(bare.len());
        }
    }
    let bare = name.trim_end_matches(|other: char| other.is_ascii_digit()).len();
    if bare < name.len() && name[..bare].ends_with(['.', '-']) {
        name.truncate(bare - 1);
    }
    path.with_file_name(name)
}

/// The earliest time of a sample.
fn first_time(layout: &Layout, sample: &[u8]) -> Option<i64> {
    let mut reader = LineReader::new(layout);
    let lines = sample.split_inclusive(|byte| *byte == b'\n').take(FIRST_LINES);
    let times = lines.filter_map(|line| match reader.read(line) {
        Read::Line(line) => Some(line.at_unix_micros),
        Read::Comment | Read::Bad(_) => None,
    });
    times.min()
}

/// Bytes at the start of a file by which its layout is recognised.
const SAMPLE_BYTES: u64 = 256 * 1024;

/// Lines at the start of a file among which its first time is looked for: lines are not in strict order.
const FIRST_LINES: usize = 200;
