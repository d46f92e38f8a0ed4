//! A store that all workers share.

use super::stored::Stored;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use trafficscript::{ByteString, Value};

/// Parts of a store, each with a lock of its own; a call takes one of them at a time.
const SHARDS: usize = 64;

/// The store is full, and nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom {
    /// Bytes that it may hold.
    pub(crate) limit: u64,
}

/// Values by name: `data.*` or `data.local.*`. What rules that only observe write goes to a shadow, which they alone
/// read, before the store itself.
#[derive(Debug)]
pub struct DataStore {
    kept: Shards,
    shadow: Shards,
}

impl DataStore {
    /// An empty store of so many bytes; its shadow may hold as many.
    pub(crate) fn new(limit: u64) -> Self {
        Self { kept: Shards::new(limit), shadow: Shards::new(limit) }
    }

    /// Sets the limit. What is there stays; beyond the limit nothing is added.
    pub(crate) fn limit(&self, bytes: u64) {
        self.kept.limit.store(bytes, Ordering::Relaxed);
        self.shadow.limit.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn get(&self, key: &[u8], observes: bool) -> Option<Stored> {
        if observes && let Some(shadow) = self.shadow.get(key) {
            return (!matches!(shadow, Stored::Gone)).then_some(shadow);
        }
        self.kept.get(key)
    }

    pub(crate) fn set(&self, key: &ByteString, value: &Value, observes: bool) -> Result<(), NoRoom> {
        let shards = if observes { &self.shadow } else { &self.kept };
        let limit = shards.limit.load(Ordering::Relaxed);
        let stored = Stored::of(value, limit).ok_or(NoRoom { limit })?;
        shards.set(key, stored)
    }

    pub(crate) fn remove(&self, key: &ByteString, observes: bool) -> Result<(), NoRoom> {
        if observes {
            return self.shadow.set(key, Stored::Gone);
        }
        self.kept.remove(key);
        Ok(())
    }

    /// Forgets every name that begins so; for a rule that observes, those of the shadow.
    pub(crate) fn reset(&self, prefix: &[u8], observes: bool) {
        if observes { &self.shadow } else { &self.kept }.reset(prefix);
    }

    /// Bytes in use: names, values, and what an entry costs.
    pub fn bytes_used(&self) -> u64 {
        self.kept.used.load(Ordering::Relaxed)
    }

    /// Bytes that are left.
    pub fn bytes_free(&self) -> u64 {
        self.kept.limit.load(Ordering::Relaxed).saturating_sub(self.bytes_used())
    }
}

type Entries = BTreeMap<ByteString, Stored>;

/// A search tree cannot be flooded with collisions, and finds all names of a prefix.
#[derive(Debug)]
struct Shards {
    parts: Box<[Mutex<Entries>]>,
    used: AtomicU64,
    limit: AtomicU64,
}

impl Shards {
    fn new(limit: u64) -> Self {
        let parts = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { parts, used: AtomicU64::new(0), limit: AtomicU64::new(limit) }
    }

    fn shard(&self, key: &[u8]) -> MutexGuard<'_, Entries> {
        // Which part a name falls into decides only who waits for whom.
        let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let at = usize::try_from(hash >> 32).unwrap_or(0) % SHARDS;
        self.parts[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, key: &[u8]) -> Option<Stored> {
        self.shard(key).get(key).cloned()
    }

    fn set(&self, key: &ByteString, value: Stored) -> Result<(), NoRoom> {
        let new = value.cost(key);
        let key = ByteString::from(key.as_bytes());
        let mut shard = self.shard(&key);
        let old = shard.get(&key).map_or(0, |old| old.cost(&key));
        let limit = self.limit.load(Ordering::Relaxed);
        let exchange = |used: u64| {
            let after = used.saturating_sub(old).saturating_add(new);
            (after <= limit || new <= old).then_some(after)
        };
        // The entry's own cost changes only under this lock; the sum is of all shards.
        if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, exchange).is_err() {
            return Err(NoRoom { limit });
        }
        let old = shard.insert(key, value);
        // A long value is freed when nobody waits for it.
        drop(shard);
        drop(old);
        Ok(())
    }

    fn remove(&self, key: &[u8]) {
        let mut shard = self.shard(key);
        let old = shard.remove(key);
        if let Some(old) = &old {
            self.used.fetch_sub(old.cost(key), Ordering::Relaxed);
        }
        drop(shard);
        drop(old);
    }

    /// One part after the other: a name that is set meanwhile may stay.
    fn reset(&self, prefix: &[u8]) {
        for shard in &self.parts {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let gone: Entries = if prefix.is_empty() {
                std::mem::take(&mut *shard)
            } else {
                let begin = (Bound::Included(prefix), Bound::Unbounded);
                let keys = shard.range::<[u8], _>(begin).map(|(key, _)| key);
                let keys: Vec<ByteString> = keys.take_while(|key| key.starts_with(prefix)).cloned().collect();
                keys.into_iter().filter_map(|key| shard.remove_entry(key.as_bytes())).collect()
            };
            let freed: u64 = gone.iter().map(|(key, value)| value.cost(key)).sum();
            self.used.fetch_sub(freed, Ordering::Relaxed);
            drop(shard);
            drop(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    fn text(store: &DataStore, key: &str) -> Option<String> {
        store.get(key.as_bytes(), false).map(|stored| stored.value().to_text().to_string())
    }

    #[test]
    fn ten_threads_at_once_lose_no_byte_of_the_account() {
        let store = DataStore::new(200_000);
        let start = Barrier::new(10);
        std::thread::scope(|scope| {
            for thread in 0..10_u64 {
                let (store, start) = (&store, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut random = thread.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
                    for _ in 0..4_000 {
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        let key = ByteString::from(format!("{}/{}", random % 7, random % 499));
                        match random >> 60 {
                            0 => store.remove(&key, false).unwrap(),
                            1 if (random >> 50) % 64 == 0 => store.reset(&key.as_bytes()[..2], false),
                            2..=8 => {
                                let length = usize::try_from(random >> 32 & 0x1fff).unwrap();
                                let value = Value::from("v".repeat(length).as_str());
                                // Full or not: either way the account must hold.
                                let _room = store.set(&key, &value, false);
                            }
                            _ => {
                                let found = store.get(&key, false).map(|stored| stored.value().to_text());
                                assert!(found.is_none_or(|text| text.iter().all(|byte| *byte == b'v')));
                            }
                        }
                        assert!(store.bytes_used() <= 200_000);
                    }
                });
            }
        });
        let entries = store
            .kept
            .parts
            .iter()
            .map(|shard| shard.lock().unwrap().iter().map(|(key, value)| value.cost(key)).sum::<u64>());
        assert_eq!(entries.sum::<u64>(), store.bytes_used(), "what is there is what was counted");
        store.reset(b"", false);
        assert_eq!((store.bytes_used(), store.bytes_free()), (0, 200_000));
    }

    #[test]
    fn a_full_store_refuses_and_keeps_what_it_has() {
        let store = DataStore::new(300);
        let (a, b) = (ByteString::from("a"), ByteString::from("b"));
        store.set(&a, &Value::from("x".repeat(150).as_str()), false).unwrap();
        assert_eq!(store.set(&b, &Value::from("y"), false), Err(NoRoom { limit: 300 }));
        assert_eq!(store.set(&a, &Value::from("z".repeat(204).as_str()), false), Err(NoRoom { limit: 300 }));
        assert_eq!(text(&store, "a"), Some("x".repeat(150)), "the old value of a refused one stays");
        store.set(&a, &Value::from("short"), false).unwrap();
        store.set(&b, &Value::from("y"), false).unwrap();
        store.limit(10);
        assert_eq!(
            (text(&store, "b").as_deref(), store.bytes_free()),
            (Some("y"), 0),
            "a lower limit evicts nobody"
        );
        store.set(&a, &Value::from("less"), false).unwrap();
    }

    #[test]
    fn a_reset_forgets_the_names_of_a_prefix_and_no_others() {
        let store = DataStore::new(1 << 20);
        for name in ["ip/1", "ip/2", "ipx", "i", "ip/"] {
            store.set(&ByteString::from(name), &Value::from(1), false).unwrap();
        }
        store.reset(b"ip/", false);
        let left: Vec<_> =
            ["ip/1", "ip/2", "ipx", "i", "ip/"].map(|name| text(&store, name).is_some()).into();
        assert_eq!(left, [false, false, true, true, false]);
    }

    #[test]
    fn rules_that_observe_see_their_own_writing_over_the_store_and_nobody_else_does() {
        let store = DataStore::new(1 << 20);
        let (a, b) = (ByteString::from("a"), ByteString::from("b"));
        store.set(&a, &Value::from("real"), false).unwrap();
        store.set(&b, &Value::from("shadow"), true).unwrap();
        store.remove(&a, true).unwrap();
        assert!(store.get(b"a", true).is_none() && store.get(b"b", true).is_some());
        assert!(store.get(b"a", false).is_some() && store.get(b"b", false).is_none());
        store.reset(b"", true);
        assert!(store.get(b"a", true).is_some() && store.get(b"b", true).is_none());
    }
}
