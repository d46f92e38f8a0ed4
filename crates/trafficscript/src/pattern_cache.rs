//! Patterns that rules put together while running, kept for the next run that puts the same together.

use crate::byte_string::ByteString;
use crate::limits::PATTERN_CACHE_MAX;
use pattern::{Case, Pattern};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// At most 57 compiled patterns; the oldest makes room. Shared by all runs that a host has going, on any thread: the
/// lock is held for one look over the list.
#[derive(Debug, Default)]
pub struct PatternCache(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    patterns: Vec<(ByteString, Case, Arc<Pattern>)>,
    /// Which one makes room next.
    oldest: usize,
}

impl PatternCache {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, text: &[u8], case: Case) -> Option<Arc<Pattern>> {
        let entries = self.entries();
        let found = entries.patterns.iter().find(|(known, how, _)| *how == case && known.as_bytes() == text);
        found.map(|(_, _, pattern)| Arc::clone(pattern))
    }

    pub(crate) fn keep(&self, text: &[u8], pattern: &Arc<Pattern>) {
        // A copy: the text may be a slice of something much longer.
        let entry = (ByteString::from(text), pattern.case(), Arc::clone(pattern));
        let mut entries = self.entries();
        if entries.patterns.len() < PATTERN_CACHE_MAX {
            entries.patterns.push(entry);
            return;
        }
        let at = entries.oldest;
        entries.oldest = (at + 1) % PATTERN_CACHE_MAX;
        if let Some(oldest) = entries.patterns.get_mut(at) {
            *oldest = entry;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_its_bound_and_the_oldest_makes_room() {
        let cache = PatternCache::default();
        let text = |number: usize| format!("a{number}");
        for number in 0..PATTERN_CACHE_MAX + 3 {
            let pattern = Pattern::new(text(number).as_bytes(), Case::Sensitive).unwrap();
            cache.keep(text(number).as_bytes(), &Arc::new(pattern));
        }
        assert_eq!(cache.entries().patterns.len(), PATTERN_CACHE_MAX);
        let is_known = |number| cache.find(text(number).as_bytes(), Case::Sensitive).is_some();
        assert!(!is_known(2) && is_known(3) && is_known(PATTERN_CACHE_MAX + 2));
        assert!(cache.find(b"a5", Case::Insensitive).is_none());
    }
}
