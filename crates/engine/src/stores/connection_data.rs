//! What rules keep with a client's connection.

use super::stored::Stored;
use super::table::NoRoom;
use crate::limits;
use std::cell::RefCell;
use std::collections::BTreeMap;
use trafficscript::{ByteString, Value};

/// Values by name, of one connection; freed with it. Rules that only observe have a part of their own.
#[derive(Debug, Default)]
pub(crate) struct ConnectionData {
    kept: RefCell<Entries>,
    shadow: RefCell<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    entries: BTreeMap<ByteString, Stored>,
    bytes: u64,
}

impl ConnectionData {
    pub(crate) fn get(&self, key: &[u8], observes: bool) -> Option<Stored> {
        let shadow = observes.then(|| self.shadow.borrow().entries.get(key).cloned()).flatten();
        shadow.or_else(|| self.kept.borrow().entries.get(key).cloned())
    }

    pub(crate) fn set(&self, key: &ByteString, value: &Value, observes: bool) -> Result<(), NoRoom> {
        let limit = limits::CONNECTION_DATA_BYTES_MAX;
        let stored = Stored::of(value, limit).ok_or(NoRoom { limit })?;
        if observes { &self.shadow } else { &self.kept }.borrow_mut().set(key, stored, limit)
    }

    /// Bytes in use: names, values, and what an entry costs; the shadow's too.
    pub(crate) fn bytes(&self) -> u64 {
        self.kept.borrow().bytes.saturating_add(self.shadow.borrow().bytes)
    }
}

impl Entries {
    fn set(&mut self, key: &ByteString, value: Stored, limit: u64) -> Result<(), NoRoom> {
        let old = self.entries.get(key.as_bytes()).map_or(0, |old| old.cost(key));
        let after = self.bytes.saturating_sub(old).saturating_add(value.cost(key));
        if after > limit {
            return Err(NoRoom { limit });
        }
        self.bytes = after;
        self.entries.insert(ByteString::from(key.as_bytes()), value);
        Ok(())
    }
}
