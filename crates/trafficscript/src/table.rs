//! What a hash holds.

use crate::byte_string::ByteString;
use crate::value::Value;
use std::collections::BTreeMap;

/// Values by name, in the order the names were first written.
///
/// The index is a search tree: names come from clients, and a tree can neither be flooded with collisions nor does
/// it need a secret.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// A deleted entry leaves a gap, so that the positions of the others stay.
    entries: Vec<Option<(ByteString, Value)>>,
    /// Positions in `entries`.
    index: BTreeMap<ByteString, usize>,
}

impl Table {
    /// The value of a name.
    pub fn get(&self, key: &[u8]) -> Option<&Value> {
        let at = *self.index.get(key)?;
        self.entries.get(at)?.as_ref().map(|(_, value)| value)
    }

    /// The value of a name, to change it.
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut Value> {
        let at = *self.index.get(key)?;
        self.entries.get_mut(at)?.as_mut().map(|(_, value)| value)
    }

    /// Writes a value; gives back the one that was there. The name keeps its place in the order.
    pub fn insert(&mut self, key: ByteString, value: Value) -> Option<Value> {
        if let Some(old) = self.get_mut(&key) {
            return Some(std::mem::replace(old, value));
        }
        self.index.insert(key.clone(), self.entries.len());
        self.entries.push(Some((key, value)));
        None
    }

    /// Forgets a name.
    pub fn remove(&mut self, key: &[u8]) -> Option<Value> {
        let at = self.index.remove(key)?;
        let (_, value) = self.entries.get_mut(at)?.take()?;
        if self.entries.len() > 16 && self.index.len() < self.entries.len() / 2 {
            self.close_gaps();
        }
        Some(value)
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.index.clear();
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&ByteString, &Value)> {
        self.entries.iter().flatten().map(|(key, value)| (key, value))
    }

    fn close_gaps(&mut self) {
        self.entries.retain(Option::is_some);
        for (at, (key, _)) in self.entries.iter().flatten().enumerate() {
            if let Some(place) = self.index.get_mut(key.as_bytes()) {
                *place = at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_the_order_of_their_first_writing_over_many_deletions() {
        let mut table = Table::default();
        for number in 0..100_i64 {
            table.insert(ByteString::from(number.to_string()), Value::from(number));
        }
        for number in 0..97_i64 {
            assert!(table.remove(number.to_string().as_bytes()).is_some());
        }
        table.insert(ByteString::from("98"), Value::from(1));
        table.insert(ByteString::from("new"), Value::from(2));
        let names: Vec<String> = table.iter().map(|(key, _)| key.to_string()).collect();
        assert_eq!(names, ["97", "98", "99", "new"]);
        assert_eq!(table.get(b"98").map(Value::to_integer), Some(1));
        assert_eq!((table.len(), table.remove(b"none").is_none()), (4, true));
    }
}
