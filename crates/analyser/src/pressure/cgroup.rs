//! TCP memory of control groups: the successor of a container's `tcpsndbuf`.
//!
//! Version 2 says in `memory.stat` what sockets of a group hold (`sock`, bytes), version 1 counts refusals as
//! beancounters did (`memory.kmem.tcp.failcnt`), but only once a limit was set. All groups are walked, not only our own: the
//! program that is looked for runs in another.

use super::kernel::Stall;
use super::reading::read_bounded;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Folders that are looked into.
const FOLDERS_MAX: usize = 4096;

/// How deep the walk goes.
const DEPTH_MAX: usize = 16;

/// Groups that are kept of a reading: those that hold most.
const GROUPS_MAX: usize = 256;

/// A v1 limit from here on means "none" (the greatest number of pages, in bytes).
const UNLIMITED_V1: u64 = 0x7fff_ffff_ffff_0000;

/// What a control group says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// From the root of its hierarchy: `/system.slice/apache2.service`.
    pub path: String,
    /// Whose files it has.
    pub version: Version,
    /// Bytes that its TCP sockets hold (v2: all sockets).
    pub held_bytes: u64,
    /// The limit for them (v1); `None` if there is none.
    pub limit_bytes: Option<u64>,
    /// Times that more was refused (v1).
    pub failcnt: Option<u64>,
    /// Times that the group ran into its limit of memory of all kinds (v2, `max` of `memory.events`).
    pub memory_max: Option<u64>,
    /// Times that it ran out of memory (v2, `oom`).
    pub memory_oom: Option<u64>,
    /// How long its programs stood still for memory (v2).
    pub stall: Option<Stall>,
}

/// Which files a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// `memory.kmem.tcp.*`.
    V1,
    /// `memory.stat`, `memory.events`.
    V2,
}

/// Walks a hierarchy; `None` if there is none of that version.
pub(super) fn walk(root: &Path, version: Version) -> Option<Vec<Group>> {
    let (sign, read): (_, fn(&Path, String) -> Option<Group>) = match version {
        Version::V1 => ("memory.limit_in_bytes", read_v1),
        Version::V2 => ("cgroup.controllers", read_v2),
    };
    if !root.join(sign).exists() {
        return None;
    }
    let mut folders = vec![(root.to_path_buf(), String::new(), 0)];
    let mut groups = Vec::new();
    let mut looked = 0;
    while let Some((folder, path, depth)) = folders.pop() {
        looked += 1;
        let shown = if path.is_empty() { "/".to_owned() } else { path.clone() };
        groups.extend(read(&folder, shown).filter(Group::has_anything));
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            // not through links: the walk must end
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && depth < DEPTH_MAX && looked + folders.len() < FOLDERS_MAX {
                let name = entry.file_name();
                folders.push((entry.path(), format!("{path}/{}", name.to_string_lossy()), depth + 1));
            }
        }
    }
    groups.sort_by(|a, b| {
        (b.failcnt, b.held_bytes).cmp(&(a.failcnt, a.held_bytes)).then_with(|| a.path.cmp(&b.path))
    });
    groups.truncate(GROUPS_MAX);
    Some(groups)
}

impl Group {
    fn has_anything(&self) -> bool {
        let counts =
            [self.failcnt, self.memory_max, self.memory_oom, Some(self.held_bytes), self.limit_bytes];
        counts.iter().flatten().any(|&count| count > 0)
    }
}

fn number(folder: &Path, name: &str) -> Option<u64> {
    let text = read_bounded(&folder.join(name)).ok()?;
    String::from_utf8_lossy(&text).trim().parse().ok()
}

fn named(text: &[u8], name: &str) -> Option<u64> {
    let text = String::from_utf8_lossy(text);
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

fn read_v1(folder: &Path, path: String) -> Option<Group> {
    Some(Group {
        path,
        version: Version::V1,
        held_bytes: number(folder, "memory.kmem.tcp.usage_in_bytes")?,
        limit_bytes: number(folder, "memory.kmem.tcp.limit_in_bytes").filter(|limit| *limit < UNLIMITED_V1),
        failcnt: number(folder, "memory.kmem.tcp.failcnt"),
        memory_max: None,
        memory_oom: None,
        stall: None,
    })
}

fn read_v2(folder: &Path, path: String) -> Option<Group> {
    let held_bytes = named(&read_bounded(&folder.join("memory.stat")).ok()?, "sock")?;
    let events = read_bounded(&folder.join("memory.events")).unwrap_or_default();
    Some(Group {
        path,
        version: Version::V2,
        held_bytes,
        limit_bytes: None,
        failcnt: None,
        memory_max: named(&events, "max"),
        memory_oom: named(&events, "oom"),
        stall: read_bounded(&folder.join("memory.pressure")).ok().and_then(|text| Stall::read(&text)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{create_dir_all, write};

    #[test]
    fn the_group_that_holds_most_stands_first_in_both_versions() {
        let root = tempfile::tempdir().unwrap();
        for (path, held) in
            [("", 10), ("system.slice/apache2.service", 8_000_000), ("system.slice/cron.service", 0)]
        {
            let folder = root.path().join(path);
            create_dir_all(&folder).unwrap();
            write(folder.join("cgroup.controllers"), "memory\n").unwrap();
            write(folder.join("memory.stat"), format!("anon 5\nsock {held}\nsocket 3\n")).unwrap();
            write(folder.join("memory.events"), "low 0\nhigh 0\nmax 0\noom 0\n").unwrap();
        }
        let groups = walk(root.path(), Version::V2).unwrap();
        let shown: Vec<(&str, u64)> =
            groups.iter().map(|group| (group.path.as_str(), group.held_bytes)).collect();
        assert_eq!(shown, [("/system.slice/apache2.service", 8_000_000), ("/", 10)]);
        assert!(walk(root.path(), Version::V1).is_none());
    }

    #[test]
    fn a_group_of_version_1_counts_refusals() {
        let root = tempfile::tempdir().unwrap();
        write(root.path().join("memory.limit_in_bytes"), "9223372036854771712\n").unwrap();
        for (name, value) in [("usage_in_bytes", "4096"), ("limit_in_bytes", "8192"), ("failcnt", "17")] {
            write(root.path().join(format!("memory.kmem.tcp.{name}")), value).unwrap();
        }
        let groups = walk(root.path(), Version::V1).unwrap();
        assert_eq!(
            (groups[0].held_bytes, groups[0].limit_bytes, groups[0].failcnt),
            (4096, Some(8192), Some(17))
        );
    }
}
