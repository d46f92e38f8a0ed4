//! A value as it is kept: nothing of the run that made it, and nothing of its thread.

use std::sync::Arc;
use trafficscript::{ByteString, Table, Value};

/// Bytes that an entry costs besides its name and value: its place in the tree.
const ENTRY_BYTES: u64 = 96;

/// A value in a store.
#[derive(Clone, Debug)]
pub(crate) enum Stored {
    /// A string, or a number as the text it has.
    Text(ByteString),
    /// An array or a hash, written one value after the other.
    Packed(Arc<[u8]>),
    /// In a shadow: removed by a rule that observes.
    Gone,
}

impl Stored {
    /// The value as it is kept; `None` where that would take more than `bytes_max`.
    pub(crate) fn of(value: &Value, bytes_max: u64) -> Option<Self> {
        match value {
            Value::Array(_) | Value::Hash(_) => {
                let mut out = Vec::new();
                let most = usize::try_from(bytes_max).unwrap_or(usize::MAX);
                pack(value, &mut out, most).then(|| Self::Packed(out.into()))
            }
            scalar => {
                let text = scalar.to_text();
                let fits = text.len() as u64 <= bytes_max;
                // A piece of a long text would keep all of it alive.
                fits.then(|| Self::Text(ByteString::from(text.as_bytes())))
            }
        }
    }

    /// The value, made anew.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Packed(bytes) => unpack(&mut &bytes[..]),
            Self::Gone => Value::EMPTY,
        }
    }

    /// Bytes of the value.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Packed(bytes) => bytes.len(),
            Self::Gone => 0,
        }
    }

    /// What an entry with this value costs its store.
    pub(crate) fn cost(&self, key: &[u8]) -> u64 {
        (self.bytes() as u64).saturating_add(key.len() as u64).saturating_add(ENTRY_BYTES)
    }
}

const INTEGER: u8 = b'i';
const DOUBLE: u8 = b'd';
const STRING: u8 = b's';
const ARRAY: u8 = b'a';
const HASH: u8 = b'h';

/// Writes a value; false as soon as more than `bytes_max` are written. How deep values nest is bounded by the language.
fn pack(value: &Value, out: &mut Vec<u8>, bytes_max: usize) -> bool {
    match value {
        Value::Integer(number) => {
            out.push(INTEGER);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Double(number) => {
            out.push(DOUBLE);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::String(text) => {
            if text.len() > bytes_max {
                return false;
            }
            out.push(STRING);
            pack_text(text, out);
        }
        Value::Array(items) => {
            let items = items.borrow();
            out.push(ARRAY);
            pack_length(items.len(), out);
            if !items.iter().all(|item| pack(item, out, bytes_max)) {
                return false;
            }
        }
        Value::Hash(table) => {
            let table = table.borrow();
            out.push(HASH);
            pack_length(table.len(), out);
            for (key, item) in table.iter() {
                pack_text(key, out);
                if !pack(item, out, bytes_max) {
                    return false;
                }
            }
        }
    }
    out.len() <= bytes_max
}

fn pack_text(text: &[u8], out: &mut Vec<u8>) {
    pack_length(text.len(), out);
    out.extend_from_slice(text);
}

/// Strings and containers of the language are shorter than 4 GiB.
fn pack_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

/// Reads what [`pack`] wrote; what is missing reads as empty.
fn unpack(rest: &mut &[u8]) -> Value {
    match take::<1>(rest) {
        [INTEGER] => Value::Integer(i64::from_le_bytes(take(rest))),
        [DOUBLE] => Value::Double(f64::from_bits(u64::from_le_bytes(take(rest)))),
        [STRING] => Value::String(unpack_text(rest)),
        [ARRAY] => {
            let length = u32::from_le_bytes(take(rest));
            Value::array((0..length).map(|_| unpack(rest)).collect())
        }
        [HASH] => {
            let mut table = Table::default();
            for _ in 0..u32::from_le_bytes(take(rest)) {
                let key = unpack_text(rest);
                table.insert(key, unpack(rest));
            }
            Value::hash(table)
        }
        _ => Value::EMPTY,
    }
}

fn unpack_text(rest: &mut &[u8]) -> ByteString {
    let length = u32::from_le_bytes(take(rest)) as usize;
    let (text, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    *rest = after;
    ByteString::from(text)
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    if let Some((bytes, after)) = rest.split_first_chunk() {
        *rest = after;
        return *bytes;
    }
    *rest = &[];
    [0; N]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_come_back_as_they_were_and_numbers_in_them_keep_their_kind() {
        let mut table = Table::default();
        table.insert(ByteString::from("list"), Value::array(vec![Value::from(-7), Value::Double(0.1)]));
        table.insert(ByteString::from("none"), Value::array(Vec::new()));
        table.insert(ByteString::from("bytes"), Value::String(ByteString::from(&b"\0\xff"[..])));
        let hash = Value::hash(table);
        let back = Stored::of(&hash, 1000).unwrap().value();
        assert_eq!(format!("{back:?}"), format!("{hash:?}"));
    }

    #[test]
    fn what_is_too_long_is_told_before_all_of_it_is_written() {
        let many = Value::array(vec![Value::from(1); 1000]);
        assert!(Stored::of(&many, 9_005).is_some() && Stored::of(&many, 9_004).is_none());
        let long = Value::from("x".repeat(100).as_str());
        assert!(Stored::of(&long, 100).is_some() && Stored::of(&long, 99).is_none());
    }

    #[test]
    fn numbers_outside_of_containers_are_kept_as_their_text() {
        let kept = Stored::of(&Value::Double(2.0 / 3.0), 100).unwrap().value();
        assert!(matches!(&kept, Value::String(text) if &text[..] == b"0.666667"), "{kept:?}");
    }
}
