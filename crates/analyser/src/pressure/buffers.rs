//! How many slow downloads the send buffers hold.

use crate::human::count;
use serde::Serialize;

/// The least that a download which does not move keeps in send buffers: 64 kB, head of each packet included.
pub const SLOW_DOWNLOAD_BYTES_LEAST: u64 = 64 << 10;

/// The most that it keeps on kernels with beancounters (2.6 and 3.10, `tcp_wmem` as they ship it): 128 kB.
pub const SLOW_DOWNLOAD_BYTES_MOST: u64 = 128 << 10;

/// What limit and barrier of `tcpsndbuf` must leave between them for each TCP socket, so that every socket gets its
/// first packet (OpenVZ's consistency rules: `limit - barrier >= 2.5 KB * numtcpsock`).
pub const FIRST_PACKET_BYTES: u64 = 2560;

/// How much room there is for data on its way to slow clients, and how many downloads fill it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Whose: a container, or the machine.
    pub whose: String,
    /// Up to here programs may write without being made to wait.
    pub bytes: u64,
    /// How many simultaneous slow downloads that is.
    pub downloads: SlowDownloads,
    /// The same as a sentence.
    pub sentence: String,
}

/// A number of simultaneous slow downloads, as a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SlowDownloads {
    /// If each holds the most it can hold.
    pub least: u64,
    /// If each holds the least.
    pub most: u64,
}

/// So many simultaneous slow downloads fill a send buffer space of so many bytes, on kernels of the age that has
/// beancounters: 22 to 44 for 2,867,477 bytes.
pub const fn slow_downloads_that_fill(bytes: u64) -> SlowDownloads {
    downloads_that_fill(bytes, SLOW_DOWNLOAD_BYTES_LEAST, SLOW_DOWNLOAD_BYTES_MOST)
}

/// The same where a download holds between `each_least` and `each_most` bytes. Zero counts as one byte.
pub const fn downloads_that_fill(bytes: u64, each_least: u64, each_most: u64) -> SlowDownloads {
    let each_least = if each_least == 0 { 1 } else { each_least };
    let each_most = if each_most < each_least { each_least } else { each_most };
    SlowDownloads { least: bytes.div_ceil(each_most), most: bytes.div_ceil(each_least) }
}

impl Room {
    /// The room that a container's barrier of `tcpsndbuf` gives.
    pub(super) fn of_barrier(whose: &str, bytes: u64) -> Self {
        let downloads = slow_downloads_that_fill(bytes);
        let SlowDownloads { least, most } = downloads;
        let sentence = format!(
            "about {} to {} simultaneous slow downloads fill {whose}'s send buffers \
             ({} bytes, 64 to 128 kB each)",
            count(least),
            count(most),
            count(bytes)
        );
        Self { whose: whose.to_owned(), bytes, downloads, sentence }
    }

    /// The room of a machine: up to where the kernel stops to let windows grow (`tcp_mem`), each download between the
    /// usual and the greatest size of a socket's send buffer (`tcp_wmem`).
    pub(super) fn of_machine(bytes: u64, each: (u64, u64)) -> Self {
        let downloads = downloads_that_fill(bytes, each.0, each.1);
        let SlowDownloads { least, most } = downloads;
        let sentence = format!(
            "about {} to {} simultaneous slow downloads bring this machine's TCP memory to its pressure \
             line ({} bytes, {} to {} kB each)",
            count(least),
            count(most),
            count(bytes),
            each.0 >> 10,
            each.1 >> 10
        );
        Self { whose: "this machine".to_owned(), bytes, downloads, sentence }
    }
}

/// Whether barrier and limit of `tcpsndbuf` leave room for the first packet of each socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Consistency {
    /// What stands between barrier and limit.
    pub bytes: u64,
    /// Sockets that this is enough for.
    pub sockets: u64,
    /// Sockets that there may be (the barrier of `numtcpsock`), where the file says so.
    pub sockets_allowed: Option<u64>,
    /// Whether the rule holds; unknown without `numtcpsock`.
    pub holds: Option<bool>,
}

impl Consistency {
    pub(super) const fn of(barrier: u64, limit: u64, sockets_allowed: Option<u64>) -> Self {
        let bytes = limit.saturating_sub(barrier);
        let sockets = bytes / FIRST_PACKET_BYTES;
        let holds = match sockets_allowed {
            Some(allowed) => Some(sockets >= allowed),
            None => None,
        };
        Self { bytes, sockets, sockets_allowed, holds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_barrier_is_filled_by_22_to_44_slow_downloads() {
        assert_eq!(slow_downloads_that_fill(2_867_477), SlowDownloads { least: 22, most: 44 });
    }

    #[test]
    fn the_seeds_line_obeys_the_consistency_rule_for_480_sockets() {
        assert_eq!(Consistency::of(2_867_477, 4_096_277, None).sockets, 480);
        assert_eq!(Consistency::of(2_867_477, 4_096_277, Some(480)).holds, Some(true));
        assert_eq!(Consistency::of(2_867_477, 4_096_277, Some(481)).holds, Some(false));
    }

    #[test]
    fn no_size_divides_by_nothing() {
        assert_eq!(downloads_that_fill(10, 0, 0), SlowDownloads { least: 10, most: 10 });
        assert_eq!(slow_downloads_that_fill(0), SlowDownloads { least: 0, most: 0 });
    }
}
