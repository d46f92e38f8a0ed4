//! The bounds of one run, by name.

/// What one run of a rule may use up. All bounds are faults when they are passed, never a hang.
#[derive(Clone, Copy, Debug)]
pub struct RunLimits {
    /// Instructions between two waits. A function call on long values counts one more for each 4 KiB of text or 64
    /// elements it is given (texts in elements count); arithmetic and comparisons count four times that, `foreach`
    /// one for 16 elements, a long name of an element sixteen times, an array or hash that is copied one for 64 bytes,
    /// a warning 32 and one for 16 bytes of its text.
    pub instructions_max: u64,
    /// Bytes of strings, arrays and hashes *made* during the run, in sum: what is freed is not given back, so
    /// that the bound needs no book of what is alive. Strings of 22 bytes and less do not count.
    pub memory_bytes_max: u64,
    /// Subs that call each other.
    pub sub_depth_max: u32,
    /// Whether a warning ends the run with [`crate::FaultKind::Strict`].
    pub strict: bool,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self { instructions_max: 100_000, memory_bytes_max: 64 << 20, sub_depth_max: 100, strict: false }
    }
}

/// Arrays and hashes inside each other, when one is copied.
pub(crate) const CONTAINER_DEPTH_MAX: u32 = 100;

/// Bytes of an array or hash that are copied for one instruction: small hashes inside each other take a microsecond for
/// hundred bytes.
pub(crate) const COPIED_BYTES_AN_INSTRUCTION: u64 = 64;

/// Instructions that a warning counts as: it is worded, kept and counted for people.
pub(crate) const WARNING_COST: u64 = 32;

/// Bytes of a warning's text for one instruction more: it may quote a value of megabytes, which is read and copied before
/// it can be cut.
pub(crate) const WARNED_BYTES_AN_INSTRUCTION: u64 = 16;

/// Patterns put together while running that one run, and a host for all its runs, keep compiled.
pub(crate) const PATTERN_CACHE_MAX: usize = 57;

/// Compiled size of a pattern that is put together while running, in bytes: a rule can have hundreds of them made.
pub(crate) const PATTERN_SIZE_RUNNING_MAX: usize = 128 << 10;

/// Instructions that putting a pattern together while running counts as, besides one for each of its bytes.
pub(crate) const PATTERN_COMPILE_COST: u64 = 250;

/// Instructions that a search with look-around or back-references counts as: nobody knows its steps, and thousands of hard ones would be a hang.
pub(crate) const PATTERN_STEPS_COST: u64 = 200;

/// Registers that are emptied for one instruction when a sub is called or a rule begins again.
pub(crate) const REGISTERS_AN_INSTRUCTION: u64 = 16;
