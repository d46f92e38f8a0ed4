//! `/proc/user_beancounters` and `/proc/bc/*/resources`: what a container holds, may hold and was refused.
//!
//! ```text
//! Version: 2.5
//!        uid  resource         held   maxheld   barrier     limit    failcnt
//!       116:  kmemsize      5486754   7904792  14372700  14790164          0
//!             tcpsndbuf      214360    946120   1720320   2703360          0
//! ```
//!
//! Kernels disagree about the columns' widths, so a line is split on white space. The uid stands only on the first line
//! of its container, and may be a name.

use serde::{Deserialize, Serialize};

/// Containers that are kept of one file; a node holds some hundreds.
pub const CONTAINERS_MAX: usize = 4096;

/// Rows that are kept of one container; kernels have 24.
pub const ROWS_MAX: usize = 64;

/// The longest name of a container or resource that is taken for one.
const NAME_BYTES_MAX: usize = 128;

/// From here a 64-bit kernel means "no limit".
const UNLIMITED_64: u64 = i64::MAX as u64;
/// What a 32-bit kernel (or a container moved from one) writes for it.
const UNLIMITED_32: u64 = i32::MAX as u64;

/// Resources whose barrier is a guarantee or that are only counted: nothing to alarm on.
const GUARANTEES: [&str; 3] = ["physpages", "vmguarpages", "oomguarpages"];

/// All containers of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beancounters {
    /// In the order of the file.
    pub containers: Vec<Held>,
    /// Lines that are not of the format.
    pub not_understood: u64,
    /// The first of them.
    pub first_not_understood: Option<String>,
    /// Containers and rows left out because there are too many.
    pub left_out: u64,
}

/// What one container holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its number or name; `0` is the node itself; empty where the file does not say.
    pub uid: String,
    /// Its resources in the order of the file, without place holders.
    pub rows: Vec<Row>,
}

/// One resource of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// By the kernel's name.
    pub resource: String,
    /// Held now.
    pub held: u64,
    /// The most that was held; some kernels begin anew with each day or reading.
    pub maxheld: u64,
    /// The soft line.
    pub barrier: u64,
    /// The hard line.
    pub limit: u64,
    /// Times that more was refused, since the container started.
    pub failcnt: u64,
}

/// Whether a barrier or limit means "none".
pub const fn is_unlimited(value: u64) -> bool {
    value >= UNLIMITED_64 || value == UNLIMITED_32
}

/// What the numbers of a resource count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Pages, of 4 KiB on the machines that have beancounters.
    Pages,
    /// Things.
    Count,
}

/// How bad it is for one resource (the levels of Virtuozzo's agent).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Zone {
    /// Fine.
    Green,
    /// Within a tenth of the barrier.
    Yellow,
    /// Beyond the barrier.
    Red,
    /// Something was refused since the reading before. The agent keeps this raised for five minutes.
    Black,
}

impl Row {
    /// What its numbers count.
    pub fn unit(&self) -> Unit {
        let name = self.resource.as_str();
        if name.ends_with("pages") {
            return Unit::Pages;
        }
        match name {
            "kmemsize" | "tcpsndbuf" | "tcprcvbuf" | "othersockbuf" | "dgramrcvbuf" | "dcachesize" => {
                Unit::Bytes
            }
            _ => Unit::Count,
        }
    }

    /// Its zone by what is held now. `None` where its barrier is no line to alarm on: a guarantee, unlimited, or 0.
    /// One reading cannot tell [`Zone::Black`].
    pub fn zone(&self) -> Option<Zone> {
        let is_guarantee = GUARANTEES.contains(&self.resource.as_str());
        if is_guarantee || self.barrier == 0 || is_unlimited(self.barrier) {
            return None;
        }
        // held > 0.9 barrier, without rounding
        let near = u128::from(self.held) * 10 > u128::from(self.barrier) * 9;
        Some(match self.held > self.barrier {
            true => Zone::Red,
            false if near => Zone::Yellow,
            false => Zone::Green,
        })
    }
}

impl Held {
    /// The row of that name.
    pub fn row(&self, resource: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.resource == resource)
    }
}

impl Beancounters {
    /// Reads a file, or lines of one. `uid` is whose rows those before the first uid are: `/proc/bc/116/resources` has
    /// no uid inside.
    pub fn read(text: &[u8], uid: &str) -> Self {
        let mut read = Self::default();
        for line in text.split(|&byte| byte == b'\n') {
            read.line(line, uid);
        }
        read
    }

    fn line(&mut self, line: &[u8], uid: &str) {
        let text = String::from_utf8_lossy(line.get(..line.len().min(1024)).unwrap_or_default());
        // copies from web pages have blanks that do not break
        let mut words = text.split_whitespace().peekable();
        let Some(&first) = words.peek() else { return };
        if matches!(first, "Version:" | "uid") {
            return;
        }
        if let Some(name) = first.strip_suffix(':') {
            if name.is_empty() || name.len() > NAME_BYTES_MAX {
                return self.bad(&text);
            }
            words.next();
            self.begin(name);
        }
        let Some(resource) = words.next().filter(|name| name.len() <= NAME_BYTES_MAX) else {
            return self.bad(&text);
        };
        let numbers: Vec<Option<u64>> = words.map(|word| word.parse().ok()).collect();
        let [Some(held), Some(maxheld), Some(barrier), Some(limit), Some(failcnt)] = numbers[..] else {
            return self.bad(&text);
        };
        // place holders of resources that are gone
        if resource == "dummy" {
            return;
        }
        if self.containers.is_empty() {
            self.begin(uid);
        }
        let row = Row { resource: resource.to_owned(), held, maxheld, barrier, limit, failcnt };
        match self.containers.last_mut() {
            Some(held) if held.rows.len() < ROWS_MAX && held.row(resource).is_none() => held.rows.push(row),
            _ => self.left_out += 1,
        }
    }

    fn begin(&mut self, uid: &str) {
        if self.containers.len() < CONTAINERS_MAX {
            self.containers.push(Held { uid: uid.to_owned(), rows: Vec::new() });
        } else {
            self.left_out += 1;
        }
    }

    fn bad(&mut self, text: &str) {
        self.not_understood += 1;
        if self.first_not_understood.is_none() {
            self.first_not_understood = Some(text.chars().take(120).collect());
        }
    }

    /// The container of that name.
    pub fn container(&self, uid: &str) -> Option<&Held> {
        self.containers.iter().find(|held| held.uid == uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(resource: &str, held: u64, barrier: u64) -> Row {
        Row { resource: resource.to_owned(), held, maxheld: held, barrier, limit: barrier, failcnt: 0 }
    }

    #[test]
    fn zones_are_drawn_at_nine_tenths_of_the_barrier_and_at_the_barrier() {
        assert_eq!(row("tcpsndbuf", 900, 1000).zone(), Some(Zone::Green));
        assert_eq!(row("tcpsndbuf", 901, 1000).zone(), Some(Zone::Yellow));
        assert_eq!(row("tcpsndbuf", 1000, 1000).zone(), Some(Zone::Yellow));
        assert_eq!(row("tcpsndbuf", 1001, 1000).zone(), Some(Zone::Red));
    }

    #[test]
    fn guarantees_and_unlimited_resources_have_no_zone() {
        for resource in GUARANTEES {
            assert_eq!(row(resource, 2000, 1000).zone(), None);
        }
        assert_eq!(row("tcpsndbuf", u64::MAX, UNLIMITED_64).zone(), None);
        assert_eq!(row("tcpsndbuf", u64::MAX, UNLIMITED_32).zone(), None);
        assert_eq!(row("privvmpages", 7, 0).zone(), None);
    }

    #[test]
    fn a_uid_is_a_name_and_columns_are_wherever_they_are() {
        let text = b"Version: 2.5\n uid resource held maxheld barrier limit failcnt\n\
            8d3e1c4e-22a5-4f2c-9c70-cd66b09af1ee: kmemsize 1 2 3 4 5\n dummy 0 0 0 0 0\n\ttcpsndbuf 6 7 8 9 10\n\
            12:  kmemsize 1 1 1 1 1\n";
        let read = Beancounters::read(text, "");
        assert_eq!(read.containers.len(), 2);
        assert_eq!(read.containers[0].uid, "8d3e1c4e-22a5-4f2c-9c70-cd66b09af1ee");
        assert_eq!(read.containers[0].rows.len(), 2);
        assert_eq!(read.containers[0].row("tcpsndbuf").unwrap().failcnt, 10);
        assert_eq!(read.not_understood, 0);
    }

    #[test]
    fn a_line_copied_from_a_web_page_has_other_blanks() {
        let read = Beancounters::read("tcpsndbuf\u{a0}\u{a0} 1 2\u{a0}3 4 5\r\n".as_bytes(), "");
        assert_eq!(read.containers[0].row("tcpsndbuf").unwrap().failcnt, 5);
    }

    #[test]
    fn lines_that_are_no_rows_are_counted_and_the_first_is_shown() {
        let text =
            b"tcpsndbuf 1 2 3\ntcpsndbuf 1 2 3 4 99999999999999999999\ntcpsndbuf -1 2 3 4 5\n\xff\xfe 1 2\n";
        let read = Beancounters::read(text, "7");
        assert!(read.containers.is_empty());
        assert_eq!(read.not_understood, 4);
        assert_eq!(read.first_not_understood.as_deref(), Some("tcpsndbuf 1 2 3"));
    }

    #[test]
    fn a_flood_of_containers_and_rows_is_left_out_and_counted() {
        let many = (0..5000).map(|n| format!("{n}: kmemsize 1 1 1 1 1")).collect::<Vec<_>>().join("\n");
        let read = Beancounters::read(many.as_bytes(), "");
        assert_eq!(read.containers.len(), CONTAINERS_MAX);
        assert!(read.left_out > 0);
        let rows = (0..100).map(|n| format!("r{n} 1 1 1 1 1")).collect::<Vec<_>>().join("\n");
        assert_eq!(Beancounters::read(rows.as_bytes(), "1").containers[0].rows.len(), ROWS_MAX);
    }
}
