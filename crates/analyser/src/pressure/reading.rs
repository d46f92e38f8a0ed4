//! One look at the machine: all that can be read, and what could not be and why.

use super::beancounters::Beancounters;
use super::cgroup::{self, Group, Version};
use super::kernel::{self, Stall, TcpMemory, Values};
use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What is read of one file at most. The greatest in use, the counters of a node with hundreds of containers, has
/// less than a megabyte.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Folders of `/proc/bc` that are looked into.
const BC_FOLDERS_MAX: usize = 4096;

/// Where the kernel's files are.
#[derive(Clone, Debug)]
pub struct Roots {
    /// `/proc`, or what was copied from one.
    pub proc: PathBuf,
    /// `/sys/fs/cgroup`.
    pub cgroup: PathBuf,
    /// Bytes of a page of that machine.
    pub page_bytes: u64,
}

impl Roots {
    /// With control groups where they are beside that `proc`: `../sys/fs/cgroup`.
    pub fn beside(proc: impl Into<PathBuf>, page_bytes: u64) -> Self {
        let proc = proc.into();
        let cgroup = proc.parent().unwrap_or(Path::new("/")).join("sys/fs/cgroup");
        Self { proc, cgroup, page_bytes }
    }
}

/// What was read at one moment. It can be kept and compared with the next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// When, in microseconds since 1970; `None` where nobody knows.
    pub at_unix_micros: Option<i64>,
    /// Which start of the machine it belongs to.
    pub boot: Boot,
    /// Where it comes from, and what could not be read.
    pub sources: Vec<Source>,
    /// Containers' counters.
    pub beancounters: Option<Beancounters>,
    /// TCP's memory.
    pub tcp: Option<TcpMemory>,
    /// The kernel's counters ([`kernel::COUNTERS`]).
    pub counters: Values,
    /// Stalls of the whole machine.
    pub stall: Option<Stall>,
    /// Control groups that hold something.
    pub groups: Vec<Group>,
}

/// Which start of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// `sys/kernel/random/boot_id`.
    pub id: Option<String>,
    /// `btime` of `stat`: seconds since 1970.
    pub started_unix_seconds: Option<u64>,
}

/// One place that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The path as it was opened.
    pub path: String,
    /// What came of it.
    pub state: SourceState,
    /// What to know or to do about it.
    pub note: Option<String>,
}

/// What came of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// It was read.
    Read,
    /// There is none; other kernels have it.
    Absent,
    /// It may not be read.
    Refused,
    /// It is not what it should be.
    Broken,
}

impl Boot {
    /// Whether two readings are of the same start. Where nothing is known they are taken for it; the counters
    /// themselves tell when they fall.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.id, &other.id, self.started_unix_seconds, other.started_unix_seconds) {
            (Some(a), Some(b), _, _) => a == b,
            // computed from the clock, so it moves a little when that is set
            (_, _, Some(a), Some(b)) => a.abs_diff(b) <= 5,
            _ => true,
        }
    }
}

impl Reading {
    /// Reads all there is below the roots.
    pub fn take(roots: &Roots, now_unix_micros: i64) -> Self {
        let mut reading = Self { at_unix_micros: Some(now_unix_micros), ..Self::default() };
        let proc = |name: &str| roots.proc.join(name);
        let text =
            |path: PathBuf| read_bounded(&path).ok().map(|text| String::from_utf8_lossy(&text).into_owned());
        reading.boot = Boot {
            id: text(proc("sys/kernel/random/boot_id")).map(|id| id.trim().chars().take(64).collect()),
            started_unix_seconds: text(proc("stat")).and_then(|text| {
                text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
            }),
        };
        reading.take_beancounters(roots);
        reading.take_tcp(roots);
        for name in ["net/netstat", "net/snmp"] {
            if let Some(text) = reading.source(&proc(name)) {
                kernel::read_counters(&text, &mut reading.counters);
            }
        }
        if let Some(text) = reading.source(&proc("pressure/memory")) {
            reading.stall = Stall::read(&text);
        }
        reading.take_groups(&roots.cgroup);
        reading
    }

    /// A file of beancounters alone; `name` is shown as the source.
    pub fn of_beancounters(name: &str, text: &[u8], at_unix_micros: Option<i64>) -> Self {
        let mut reading = Self { at_unix_micros, ..Self::default() };
        let read = Beancounters::read(text, "");
        let state = if read.containers.is_empty() { SourceState::Broken } else { SourceState::Read };
        reading.sources.push(Source { path: name.to_owned(), state, note: note_of(&read) });
        reading.beancounters = Some(read);
        reading
    }

    /// A copy of a file of beancounters: its moment is when it was last written.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_beancounters_file(path: &Path) -> std::io::Result<Self> {
        let written = std::fs::metadata(path)?.modified().ok();
        let at = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let at = at.and_then(|at| i64::try_from(at.as_micros()).ok());
        Ok(Self::of_beancounters(&path.display().to_string(), &read_bounded(path)?, at))
    }

    fn take_beancounters(&mut self, roots: &Roots) {
        let file = roots.proc.join("user_beancounters");
        if let Some(text) = self.source(&file) {
            let read = Beancounters::read(&text, "");
            if let Some(source) = self.sources.last_mut() {
                source.note = note_of(&read);
            }
            self.beancounters = Some(read);
            return;
        }
        // the newer interface: all at once, or one folder a container
        let folder = roots.proc.join("bc");
        let all = folder.join("resources");
        if all.exists()
            && let Some(text) = self.source(&all)
        {
            self.beancounters = Some(Beancounters::read(&text, ""));
            return;
        }
        let Ok(entries) = std::fs::read_dir(&folder) else { return };
        let mut names: Vec<_> =
            entries.flatten().take(BC_FOLDERS_MAX).map(|entry| entry.file_name()).collect();
        names.sort();
        let mut read = Beancounters::default();
        for name in names {
            let file = folder.join(&name).join("resources");
            let is_there = file.exists();
            if let Some(text) = is_there.then(|| self.source(&file)).flatten() {
                let one = Beancounters::read(&text, &name.to_string_lossy());
                read.containers.extend(one.containers);
                read.not_understood += one.not_understood;
                read.left_out += one.left_out;
            }
        }
        if !read.containers.is_empty() {
            self.beancounters = Some(read);
        }
    }

    fn take_tcp(&mut self, roots: &Roots) {
        let Some(sockstat) = self.source(&roots.proc.join("net/sockstat")) else { return };
        self.tcp = TcpMemory::read(&sockstat, roots.page_bytes);
        let lines = self.source(&roots.proc.join("sys/net/ipv4/tcp_mem"));
        let sizes = self.source(&roots.proc.join("sys/net/ipv4/tcp_wmem"));
        if let Some(tcp) = &mut self.tcp {
            tcp.lines_pages = lines.as_deref().and_then(kernel::three);
            tcp.send_buffer_bytes = sizes.as_deref().and_then(kernel::three);
        }
    }

    fn take_groups(&mut self, root: &Path) {
        let places = [
            (root.join("memory"), Version::V1),
            (root.to_path_buf(), Version::V2),
            (root.join("unified"), Version::V2),
        ];
        for (place, version) in places {
            if let Some(groups) = cgroup::walk(&place, version) {
                let note = match version {
                    Version::V1 => "counts only groups whose memory.kmem.tcp has, or had, a limit",
                    Version::V2 => "memory.stat `sock` of each group",
                };
                self.sources.push(Source {
                    path: place.display().to_string(),
                    state: SourceState::Read,
                    note: Some(note.to_owned()),
                });
                self.groups.extend(groups);
            }
        }
    }

    /// Reads a file and notes what came of it.
    fn source(&mut self, path: &Path) -> Option<Vec<u8>> {
        let read = read_bounded(path);
        let (state, note) = match &read {
            Ok(_) => (SourceState::Read, None),
            Err(error) if error.kind() == ErrorKind::NotFound => (SourceState::Absent, None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let what = "may not be read: run it as root (CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH), or give a copy";
                (SourceState::Refused, Some(what.to_owned()))
            }
            Err(error) => (SourceState::Broken, Some(error.to_string())),
        };
        self.sources.push(Source { path: path.display().to_string(), state, note });
        read.ok()
    }
}

fn note_of(read: &Beancounters) -> Option<String> {
    let mut notes = Vec::new();
    if read.containers.is_empty() {
        notes.push("no line of it is a row of counters".to_owned());
    }
    if let Some(first) = &read.first_not_understood {
        notes.push(format!(
            "{} lines not understood, the first: {}",
            read.not_understood,
            first.escape_default()
        ));
    }
    if read.left_out > 0 {
        notes.push(format!("{} containers or rows left out", read.left_out));
    }
    (!notes.is_empty()).then(|| notes.join("; "))
}

/// Reads a file up to [`FILE_BYTES_MAX`].
pub(super) fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_start_is_known_by_its_id_and_where_there_is_none_by_its_time() {
        let of = |id: Option<&str>, at| Boot { id: id.map(str::to_owned), started_unix_seconds: at };
        assert!(of(Some("a"), Some(1)).is_same(&of(Some("a"), Some(900))));
        assert!(!of(Some("a"), Some(1)).is_same(&of(Some("b"), Some(1))));
        assert!(of(None, Some(100)).is_same(&of(Some("a"), Some(101))));
        assert!(!of(None, Some(100)).is_same(&of(None, Some(900))));
        assert!(of(None, None).is_same(&of(Some("a"), Some(1))));
    }
}
