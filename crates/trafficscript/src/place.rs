//! Reading and writing inside arrays and hashes.

#![warn(clippy::indexing_slicing)]

use crate::byte_string::ByteString;
use crate::table::Table;
use crate::value::{ENTRY_BYTES, Value};

/// The position an index means; a negative one counts from the end. `None` where there is none.
fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let at = if index < 0 { index.checked_add(length)? } else { index };
    if (0..length).contains(&at) { usize::try_from(at).ok() } else { None }
}

/// The element a key means, a container by reference, and what is odd about it.
pub(crate) fn read(container: &Value, key: &Value) -> (Value, Option<&'static str>) {
    match container {
        Value::Array(items) => {
            let items = items.borrow();
            let item = position(key.to_integer(), items.len()).and_then(|at| items.get(at));
            match item {
                Some(item) => (item.clone(), None),
                None if items.is_empty() && matches!(key, Value::String(_)) => (Value::EMPTY, None),
                None => (Value::EMPTY, Some("reading beyond the end of an array; the value is empty")),
            }
        }
        Value::Hash(table) => {
            let table = table.borrow();
            let value = match key {
                Value::String(key) => table.get(key),
                other => table.get(&other.to_text()),
            };
            (value.cloned().unwrap_or_default(), None)
        }
        Value::String(text) if text.is_empty() => (Value::EMPTY, None),
        _ => (Value::EMPTY, Some("a number or text has no elements; the value is empty")),
    }
}

/// Writes `value`, which nobody else holds, where the keys lead. The empty string becomes a hash, an empty array
/// does so under a key that is a string. Says how many bytes were added, or why nothing was written.
pub(crate) fn write(target: &mut Value, keys: &[Value], value: Value) -> Result<u64, &'static str> {
    let Some((key, inner)) = keys.split_first() else {
        *target = value;
        return Ok(0);
    };
    let becomes_hash = match &*target {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => matches!(key, Value::String(_)) && items.borrow().is_empty(),
        _ => false,
    };
    if becomes_hash {
        *target = Value::hash(Table::default());
    }
    match target {
        Value::Array(items) => {
            let mut items = items.borrow_mut();
            let length = items.len();
            match position(key.to_integer(), length).and_then(|at| items.get_mut(at)) {
                Some(item) => write(item, inner, value),
                None => Err("writing beyond the end of an array; it is left as it was"),
            }
        }
        Value::Hash(table) => {
            let key = key.to_text();
            let mut table = table.borrow_mut();
            if let Some(known) = table.get_mut(&key) {
                return write(known, inner, value);
            }
            let mut fresh = Value::EMPTY;
            let bytes = write(&mut fresh, inner, value)?;
            let added = bytes.saturating_add(ENTRY_BYTES).saturating_add(key.len() as u64);
            table.insert(ByteString::from(&*key), fresh);
            Ok(added)
        }
        _ => Err("a number or text has no elements to write to; it is left as it was"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_beyond_the_end_changes_nothing_and_negative_positions_count_from_the_end() {
        let mut items = Value::array(vec![1.into(), 2.into()]);
        assert!(write(&mut items, &[2.into()], 9.into()).is_err());
        assert!(write(&mut items, &[(-3).into()], 9.into()).is_err());
        assert!(write(&mut items, &[(-1).into()], 9.into()).is_ok());
        assert_eq!(read(&items, &1.into()).0.to_integer(), 9);
        assert!(read(&items, &2.into()).1.is_some());
    }

    #[test]
    fn the_empty_string_and_the_empty_array_become_a_hash_under_a_name() {
        for mut target in [Value::EMPTY, Value::array(vec![])] {
            write(&mut target, &["a".into(), "b".into()], 1.into()).unwrap();
            let inner = read(&target, &"a".into()).0;
            assert_eq!(read(&inner, &"b".into()).0.to_integer(), 1);
        }
        let mut number = Value::from(5);
        assert!(write(&mut number, &["a".into()], 1.into()).is_err());
    }
}
