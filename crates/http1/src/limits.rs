//! Every bound of the codec.

/// 64 KiB: above what browsers send with many cookies, far below what would hurt to hold for each connection.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Field lines in a head. Real heads hold 10 to 40; each costs a search in rules.
const FIELDS_MAX: usize = 128;

/// The highest `fields_max` that has effect: a head keeps 20 bytes for each field beside its text.
pub(crate) const FIELDS_CEILING: usize = 256;

/// 32 KiB: long query strings of forms and trackers end far below.
const TARGET_BYTES_MAX: usize = 32 * 1024;

/// A chunk's size line: 16 digits and an extension that nobody reads.
const CHUNK_LINE_BYTES_MAX: u32 = 256;

/// All chunk extensions of one body together: 1-byte chunks with long extensions would else make us read hundreds of
/// bytes for each byte of payload.
const CHUNK_EXTENSIONS_BYTES_MAX: u32 = 16 * 1024;

/// Trailers of a body: checksums and timings, no more.
const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// The longest method, in bytes; the longest registered one has 17.
pub(crate) const METHOD_BYTES_MAX: usize = 64;

/// Bounds of what is read from a peer. Passing one is a refusal, never a cut-off message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A whole head with its empty line, in bytes. Default 64 KiB.
    pub head_bytes_max: usize,
    /// Field lines in a head or in trailers; at most 256 has effect. Default 128.
    pub fields_max: usize,
    /// The request target, in bytes. Default 32 KiB.
    pub target_bytes_max: usize,
    /// One chunk's size line with its extension, without CR LF, in bytes. Default 256.
    pub chunk_line_bytes_max: u32,
    /// Extensions of all chunks of one body, in bytes. Default 16 KiB.
    pub chunk_extensions_bytes_max: u32,
    /// The trailer lines of a body, in bytes. Default 8 KiB.
    pub trailer_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: HEAD_BYTES_MAX,
            fields_max: FIELDS_MAX,
            target_bytes_max: TARGET_BYTES_MAX,
            chunk_line_bytes_max: CHUNK_LINE_BYTES_MAX,
            chunk_extensions_bytes_max: CHUNK_EXTENSIONS_BYTES_MAX,
            trailer_bytes_max: TRAILER_BYTES_MAX,
        }
    }
}

impl Limits {
    pub(crate) fn slots(&self) -> usize {
        self.fields_max.min(FIELDS_CEILING)
    }
}
