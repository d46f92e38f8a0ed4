//! Files under a root, read with limits.

use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// Bytes of one configuration file that are read.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// Names in a folder that are looked at.
const FOLDER_NAMES_MAX: usize = 100_000;

/// Files that one pattern may name.
const MATCHES_MAX: usize = 10_000;

/// The folder that stands for `/`.
pub(super) struct Root {
    folder: PathBuf,
}

impl Root {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where a path of the machine lies.
    pub(super) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let inside = path.as_ref().components().filter(|part| matches!(part, Component::Normal(_)));
        let place = self.folder.join(inside.collect::<PathBuf>());
        // A link to an absolute path means one under the same root.
        match fs::read_link(&place) {
            Ok(target) if target.is_absolute() && !target.starts_with(&self.folder) => {
                let inside = target.components().filter(|part| matches!(part, Component::Normal(_)));
                self.folder.join(inside.collect::<PathBuf>())
            }
            _ => place,
        }
    }

    /// A text file; `None`: there is none, or it may not be read.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        let place = self.at(path);
        if !place.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        fs::File::open(place).ok()?.take(TEXT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Paths of the machine that a pattern names (`*` and `?` in any part), in the order of their names. A folder stands
    /// for all files in it.
    pub(super) fn matching(&self, pattern: &str) -> Vec<String> {
        let mut paths = vec![String::new()];
        for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
            let mut next = Vec::new();
            for path in paths {
                if part.contains(['*', '?']) {
                    let names =
                        self.names(&path).into_iter().filter(|name| fits(part.as_bytes(), name.as_bytes()));
                    next.extend(names.map(|name| format!("{path}/{name}")));
                } else {
                    next.push(format!("{path}/{part}"));
                }
            }
            next.truncate(MATCHES_MAX);
            paths = next;
        }
        paths.retain(|path| self.at(path).exists());
        let mut files = Vec::new();
        for path in paths {
            if self.at(&path).is_dir() {
                files.extend(self.names(&path).into_iter().map(|name| format!("{path}/{name}")));
            } else {
                files.push(path);
            }
        }
        files.truncate(MATCHES_MAX);
        files
    }

    /// The names in a folder, sorted.
    pub(super) fn names(&self, folder: &str) -> Vec<String> {
        names_in(&self.at(folder))
    }
}

/// What a log was rotated to, the newest first: `.1`, `.2.gz`, `-20260101`, `.20260101.zst`, packed or not.
pub(super) fn rotated(log: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (log.parent(), log.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let mut found: Vec<(SystemTime, PathBuf)> = names_in(folder)
        .into_iter()
        .filter(|other| other.strip_prefix(name).is_some_and(is_rotation))
        .filter_map(|other| {
            let path = folder.join(other);
            Some((fs::metadata(&path).ok()?.modified().ok()?, path))
        })
        .collect();
    found.sort_by(|left, right| right.cmp(left));
    found.into_iter().map(|(_, path)| path).collect()
}

fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<_> = names.take(FOLDER_NAMES_MAX).collect();
    names.sort();
    names
}

/// Whether this is what a rotation adds to a name.
fn is_rotation(ending: &str) -> bool {
    let bare =
        [".gz", ".zst", ".bz2"].iter().find_map(|packed| ending.strip_suffix(packed)).unwrap_or(ending);
    let digits = bare.strip_prefix(['.', '-']).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// Whether a name fits a pattern of letters, `*` and `?`. Takes at most the product of their lengths.
pub(super) fn fits(pattern: &[u8], name: &[u8]) -> bool {
    // Hidden names must be named.
    if name.starts_with(b".") && !pattern.starts_with(b".") {
        return false;
    }
    let (mut at, mut name_at, mut star) = (0, 0, None);
    while name_at < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, name_at));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[name_at] => {
                at += 1;
                name_at += 1;
            }
            _ => match &mut star {
                // The last star takes one byte more.
                Some((star_at, taken)) => {
                    *taken += 1;
                    (at, name_at) = (*star_at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_those_of_a_shell_do() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".a.conf", false),
            ("*.conf", "a.conf~", false),
            ("a?c*", "abcdef", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("", "", true),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn rotations_are_known_by_their_endings() {
        for ending in [".1", ".12.gz", "-20260101", ".20260101.zst", "-2026-01-01.bz2"] {
            assert!(is_rotation(ending), "{ending}");
        }
        for ending in ["", ".gz", ".old", "_ssl", ".1.txt"] {
            assert!(!is_rotation(ending), "{ending}");
        }
    }
}
