//! What bounds an evaluation. Each is reached by hostile files or requests only.

/// Bytes of one expanded text. Apache bounds paths only ([`PATH_MAX`]); other texts could double with each rule.
pub(crate) const EXPANDED_MAX: usize = 64 << 10;

/// Bytes of a path that a rule makes: twice Apache's longest request line. Beyond it the answer is 500.
pub(crate) const PATH_MAX: usize = 2 * 8190;

/// How often `[N]` begins again where the rule names no bound.
pub(crate) const AGAIN_MAX: i32 = 10_000;

/// Rules that are tried on one way of one evaluation, all rounds together; who asks bounds the evaluations. Apache has no such bound; beyond it the answer is 500.
/// After `[N]` each counts once more for [`BYTES_A_RULE`] of the path: one that grows with each round would be searched
/// for seconds.
pub(crate) const RULES_TRIED_MAX: u32 = 100_000;

/// See [`RULES_TRIED_MAX`].
pub(crate) const BYTES_A_RULE: usize = 32;

/// Searches of one request that may take too many steps and count as finding nothing: each takes milliseconds. Beyond it
/// the answer is 500.
pub(crate) const EXHAUSTED_MAX: u32 = 4;

/// Internal redirects of one request: Apache's `LimitInternalRecursion`. One more is a 500.
pub(crate) const INTERNAL_REDIRECTS_MAX: u32 = 10;

/// Unknown tests that are followed both ways, one after the other, before the verdict counts as undecidable.
pub(crate) const DECISIONS_MAX: usize = 16;

/// Ways that are followed for one request.
pub(crate) const WAYS_MAX: usize = 64;

/// Variables of the environment. Beyond it the answer is 500: who is let in may hang on one that found no room.
pub(crate) const VARIABLES_MAX: usize = 1_000;

/// Cookies of one answer. Beyond it the answer is 500.
pub(crate) const COOKIES_MAX: usize = 100;

/// Folders of one path that are asked for together: a path may have thousands, of which hardly any is there.
pub(crate) const QUESTIONS_AT_ONCE: usize = 8;

/// Expressions and sections within each other.
pub(crate) const DEPTH_MAX: usize = 20;

/// Fields that are named in `Vary` for one request; an expression may take names out of the request. Beyond it the answer
/// says `Vary: *`, so that no cache keeps it.
pub(crate) const VARY_FIELDS_MAX: usize = 100;

/// Bytes of such a name, with the same consequence.
pub(crate) const VARY_NAME_BYTES_MAX: usize = 128;
