//! Values, and every rule of coercion, in one place.

#![warn(clippy::arithmetic_side_effects)]
#![warn(clippy::indexing_slicing)]

use crate::byte_string::ByteString;
use crate::number;
use crate::table::Table;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

/// A value of the language.
///
/// Arrays and hashes are shared by reference; the machine copies them where the language says so (assignment, an
/// element of another container), so each has at most one container that holds it and no cycle can arise.
#[derive(Clone, Debug)]
pub enum Value {
    /// 64 bits; arithmetic wraps.
    Integer(i64),
    /// A number with a fraction.
    Double(f64),
    /// Bytes.
    String(ByteString),
    /// Values by position, from 0.
    Array(Rc<RefCell<Vec<Value>>>),
    /// Values by name, in the order the names were first written.
    Hash(Rc<RefCell<Table>>),
}

/// What an array or hash takes besides its elements, in bytes: counts of holders, its own fields, and the heads of two
/// allocations. Empty ones count too: a run could make as many as it likes of them, and each takes time.
pub(crate) const CONTAINER_BYTES: u64 = 64;
/// What an element of an array takes besides its text, in bytes.
pub(crate) const ELEMENT_BYTES: u64 = size_of::<Value>() as u64;
/// What an entry of a hash takes besides its key and value: two links of the index.
pub(crate) const ENTRY_BYTES: u64 = 64;

/// What a container is called where a text is wanted.
const ARRAY_TEXT: &str = "[array]";
const HASH_TEXT: &str = "[hash]";

/// A container that is nested deeper than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NestedTooDeep;

impl Value {
    /// The empty string: what an undefined variable, a missing header or element reads as.
    pub const EMPTY: Self = Self::String(ByteString::EMPTY);

    /// A new array.
    pub fn array(items: Vec<Self>) -> Self {
        Self::Array(Rc::new(RefCell::new(items)))
    }

    /// A new hash.
    pub fn hash(table: Table) -> Self {
        Self::Hash(Rc::new(RefCell::new(table)))
    }

    /// True for a number that is not zero, a string that is not empty (`"0"` too), a container that is not empty.
    #[inline]
    pub fn truth(&self) -> bool {
        match self {
            Self::Integer(value) => *value != 0,
            Self::Double(value) => *value != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::Array(items) => !items.borrow().is_empty(),
            Self::Hash(table) => !table.borrow().is_empty(),
        }
    }

    /// As an integer: fractions are rounded to the nearest (halves away from zero), a string counts as its numeric
    /// prefix, what is beyond 64 bits as the nearest that fits, a container as 0.
    pub fn to_integer(&self) -> i64 {
        match self {
            Self::Integer(value) => *value,
            other => other.to_number().to_integer(),
        }
    }

    /// As a double; a string counts as its numeric prefix, a container as 0.
    pub fn to_double(&self) -> f64 {
        self.to_number().to_double()
    }

    /// As a string. A double has at most six significant digits, a container is `[array]` or `[hash]`.
    #[inline]
    pub fn to_text(&self) -> ByteString {
        match self {
            Self::String(text) => text.clone(),
            other => other.other_to_text(),
        }
    }

    fn other_to_text(&self) -> ByteString {
        match self {
            Self::Integer(value) => ByteString::from(value.to_string()),
            Self::Double(value) => ByteString::from(number::format_short(*value)),
            Self::String(text) => text.clone(),
            Self::Array(_) => ByteString::from(ARRAY_TEXT),
            Self::Hash(_) => ByteString::from(HASH_TEXT),
        }
    }

    /// The kind of value, for messages.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Integer(_) => "integer",
            Self::Double(_) => "double",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Hash(_) => "hash",
        }
    }

    pub(crate) fn is_container(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Hash(_))
    }

    /// What arithmetic makes of it: a string becomes a double if there is a `.` in its numeric prefix.
    pub(crate) fn to_number(&self) -> Number {
        match self {
            Self::Integer(value) => Number::Integer(*value),
            Self::Double(value) => Number::Double(*value),
            Self::String(text) => number::prefix(text),
            Self::Array(_) | Self::Hash(_) => Number::Integer(0),
        }
    }

    /// **The** comparison: as doubles if either is one, else as integers if either is one, else byte by byte.
    /// `None` where a double is not a number.
    #[inline]
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => Some(left.cmp(right)),
            (Self::String(left), Self::String(right)) => Some(left.cmp(right)),
            (Self::Double(_), _) | (_, Self::Double(_)) => self.to_double().partial_cmp(&other.to_double()),
            (Self::Integer(_), _) | (_, Self::Integer(_)) => Some(self.to_integer().cmp(&other.to_integer())),
            _ => Some(self.to_text().cmp(&other.to_text())),
        }
    }

    /// Whether `==` holds.
    #[inline]
    pub fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(left), Self::String(right)) => left == right,
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }

    /// The value as it is stored: a container that somebody else holds is copied, all the way down.
    pub(crate) fn into_own(self) -> Result<Self, NestedTooDeep> {
        if self.is_shared() { self.deep_copy(crate::limits::CONTAINER_DEPTH_MAX) } else { Ok(self) }
    }

    /// Whether it is a container that somebody else holds, so that storing it takes a copy.
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        match self {
            Self::Array(items) => Rc::strong_count(items) > 1,
            Self::Hash(table) => Rc::strong_count(table) > 1,
            _ => false,
        }
    }

    /// Bytes that a copy of it takes; texts of elements are not copied.
    pub(crate) fn copied_bytes(&self) -> u64 {
        match self {
            Self::Integer(_) | Self::Double(_) | Self::String(_) => 0,
            Self::Array(items) => items.borrow().iter().fold(CONTAINER_BYTES, |sum, item| {
                sum.saturating_add(item.copied_bytes()).saturating_add(ELEMENT_BYTES)
            }),
            Self::Hash(table) => table.borrow().iter().fold(CONTAINER_BYTES, |sum, (key, value)| {
                sum.saturating_add(key.len() as u64)
                    .saturating_add(value.copied_bytes())
                    .saturating_add(ENTRY_BYTES)
            }),
        }
    }

    fn deep_copy(&self, depth: u32) -> Result<Self, NestedTooDeep> {
        let below = depth.checked_sub(1).ok_or(NestedTooDeep)?;
        Ok(match self {
            Self::Array(items) => Self::array(
                items.borrow().iter().map(|item| item.deep_copy(below)).collect::<Result<_, _>>()?,
            ),
            Self::Hash(table) => {
                let mut copy = Table::default();
                for (key, value) in table.borrow().iter() {
                    copy.insert(key.clone(), value.deep_copy(below)?);
                }
                Self::hash(copy)
            }
            scalar => scalar.clone(),
        })
    }

    /// Bytes of memory this value keeps alive, whoever else does; what is held twice counts twice.
    pub(crate) fn held_bytes(&self) -> u64 {
        match self {
            Self::Integer(_) | Self::Double(_) => 0,
            Self::String(text) => u64::from(text.shared_length()),
            Self::Array(items) => items.borrow().iter().fold(CONTAINER_BYTES, |sum, item| {
                sum.saturating_add(item.held_bytes()).saturating_add(ELEMENT_BYTES)
            }),
            Self::Hash(table) => table.borrow().iter().fold(CONTAINER_BYTES, |sum, (key, value)| {
                sum.saturating_add(key.len() as u64)
                    .saturating_add(value.held_bytes())
                    .saturating_add(ENTRY_BYTES)
            }),
        }
    }

    /// Bytes of memory this value alone keeps alive: what is charged to the run that made it.
    #[inline]
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Integer(_) | Self::Double(_) => 0,
            Self::String(text) => text.owned_bytes() as u64,
            Self::Array(_) | Self::Hash(_) => self.container_weight(),
        }
    }

    fn container_weight(&self) -> u64 {
        match self {
            Self::Array(items) if Rc::strong_count(items) == 1 => {
                let items = items.borrow();
                items.iter().fold(CONTAINER_BYTES, |sum, item| {
                    sum.saturating_add(item.weight()).saturating_add(ELEMENT_BYTES)
                })
            }
            Self::Hash(table) if Rc::strong_count(table) == 1 => {
                table.borrow().iter().fold(CONTAINER_BYTES, |sum, (key, value)| {
                    sum.saturating_add(key.len() as u64)
                        .saturating_add(value.weight())
                        .saturating_add(ENTRY_BYTES)
                })
            }
            _ => 0,
        }
    }
}

impl Default for Value {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// A number on its way through arithmetic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Double(f64),
}

impl Number {
    pub(crate) fn to_double(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "the language rounds here as C does")]
            Self::Integer(value) => value as f64,
            Self::Double(value) => value,
        }
    }

    pub(crate) fn to_integer(self) -> i64 {
        match self {
            Self::Integer(value) => value,
            Self::Double(value) => number::round(value),
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Integer(value) => Self::Integer(value),
            Number::Double(value) => Self::Double(value),
        }
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<bool> for Value {
    #[inline]
    fn from(value: bool) -> Self {
        Self::Integer(i64::from(value))
    }
}

impl From<ByteString> for Value {
    fn from(text: ByteString) -> Self {
        Self::String(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::String(ByteString::from(bytes))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(ByteString::from(text))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::String(ByteString::from(bytes))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(ByteString::from(text))
    }
}

/// A length or position as the language counts it.
impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Integer(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::from(text)
    }

    #[test]
    fn a_value_takes_three_words() {
        assert_eq!(size_of::<Value>(), 24);
    }

    #[test]
    fn the_published_casting_table_holds() {
        let rows: [(Value, i64, f64, &str); 8] = [
            (Value::from(14), 14, 14.0, "14"),
            (Value::from(3.25), 3, 3.25, "3.25"),
            (Value::from(3.75), 4, 3.75, "3.75"),
            (text("abcde"), 0, 0.0, "abcde"),
            (text("3.25"), 3, 3.25, "3.25"),
            (text("3.75"), 4, 3.75, "3.75"),
            (text("14str"), 14, 14.0, "14str"),
            (text("3.2.7"), 3, 3.2, "3.2.7"),
        ];
        for (value, integer, double, string) in rows {
            assert_eq!(value.to_integer(), integer, "{value:?}");
            assert!((value.to_double() - double).abs() < 1e-12, "{value:?}");
            assert_eq!(&*value.to_text(), string.as_bytes());
        }
    }

    #[test]
    fn comparisons_follow_the_stronger_number() {
        assert!(text("abc").equals(&Value::from(0)));
        assert!(text("3.75").equals(&Value::from(4)));
        assert!(!text("3.75").equals(&Value::from(4.0)));
        assert_eq!(text("9").compare(&text("10")), Some(Ordering::Greater));
        assert_eq!(text("9").compare(&Value::from(10)), Some(Ordering::Less));
        assert!(Value::from(0).equals(&text("")));
    }

    #[test]
    fn only_zero_and_the_empty_are_false() {
        assert!(text("0").truth() && Value::from(-1).truth() && Value::array(vec![Value::EMPTY]).truth());
        for value in
            [text(""), Value::from(0), Value::from(0.0), Value::array(vec![]), Value::hash(Table::default())]
        {
            assert!(!value.truth(), "{value:?}");
        }
    }

    #[test]
    fn a_shared_container_is_copied_all_the_way_down_and_an_own_one_is_not() {
        let inner = Value::array(vec![Value::from(1)]);
        let outer = Value::array(vec![inner]);
        let copy = outer.clone().into_own().unwrap();
        let first = |value: &Value| match value {
            Value::Array(items) => Rc::clone(items),
            _ => panic!("no array"),
        };
        let (left, right) = (first(&outer), first(&copy));
        assert!(!Rc::ptr_eq(&left, &right));
        assert!(!Rc::ptr_eq(&first(left.borrow().first().unwrap()), &first(right.borrow().first().unwrap())));
        drop((left, right, outer));
        assert_eq!(copy.weight(), 2 * (CONTAINER_BYTES + ELEMENT_BYTES), "two arrays and two elements");
    }
}
