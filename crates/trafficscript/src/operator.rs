//! Arithmetic and comparison of values. The coercions themselves are in `value`.

#![warn(clippy::arithmetic_side_effects)]

use crate::ast::{BinaryOperator, UnaryOperator};
use crate::value::{Number, Value};
use std::cmp::Ordering;

pub(crate) type Binary = BinaryOperator;

/// What an instruction does to one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    BitNot,
    Negate,
    /// A string becomes its numeric prefix: the value of `$i++` on the left.
    Number,
}

impl From<UnaryOperator> for Unary {
    fn from(operator: UnaryOperator) -> Self {
        match operator {
            UnaryOperator::Not => Self::Not,
            UnaryOperator::BitNot => Self::BitNot,
            UnaryOperator::Negate => Self::Negate,
        }
    }
}

pub(crate) const DIVISION_BY_ZERO: &str = "division by zero; the result is 0";
pub(crate) const CONTAINER_AS_SCALAR: &str = "an array or hash is used as a number or text";

/// The value of a unary operation.
pub(crate) fn unary(operator: Unary, operand: &Value) -> Value {
    match operator {
        Unary::Not => Value::from(!operand.truth()),
        Unary::BitNot => Value::Integer(!operand.to_integer()),
        Unary::Negate => match operand.to_number() {
            Number::Integer(value) => Value::Integer(value.wrapping_neg()),
            Number::Double(value) => Value::Double(-value),
        },
        Unary::Number => operand.to_number().into(),
    }
}

/// The value of a binary operation, and what is odd about it. Concatenation is not checked against any limit here.
#[inline]
pub(crate) fn binary(operator: Binary, left: &Value, right: &Value) -> (Value, Option<&'static str>) {
    let value = match operator {
        Binary::Equal => Value::from(left.equals(right)),
        Binary::NotEqual => Value::from(!left.equals(right)),
        Binary::Less => Value::from(left.compare(right) == Some(Ordering::Less)),
        Binary::Greater => Value::from(left.compare(right) == Some(Ordering::Greater)),
        Binary::LessOrEqual => Value::from(left.compare(right).is_some_and(Ordering::is_le)),
        Binary::GreaterOrEqual => Value::from(left.compare(right).is_some_and(Ordering::is_ge)),
        Binary::Concat => {
            let mut joined = left.to_text();
            match right {
                Value::String(more) => joined.append(more),
                other => joined.append(&other.to_text()),
            }
            Value::String(joined)
        }
        Binary::Add | Binary::Subtract | Binary::Multiply => {
            arithmetic(operator, left.to_number(), right.to_number())
        }
        Binary::Divide => match quotient(left.to_number(), right.to_number()) {
            Some(value) => value,
            None => return (Value::Integer(0), Some(DIVISION_BY_ZERO)),
        },
        Binary::Remainder => match remainder(left.to_integer(), right.to_integer()) {
            Some(rest) => Value::Integer(rest),
            None => return (Value::Integer(0), Some(DIVISION_BY_ZERO)),
        },
        _ => Value::Integer(bits(operator, left.to_integer(), right.to_integer())),
    };
    let odd = left.is_container() || right.is_container();
    (value, odd.then_some(CONTAINER_AS_SCALAR))
}

fn arithmetic(operator: Binary, left: Number, right: Number) -> Value {
    if let (Number::Integer(left), Number::Integer(right)) = (left, right) {
        return Value::Integer(match operator {
            Binary::Add => left.wrapping_add(right),
            Binary::Subtract => left.wrapping_sub(right),
            _ => left.wrapping_mul(right),
        });
    }
    let (left, right) = (left.to_double(), right.to_double());
    Value::Double(match operator {
        Binary::Add => left + right,
        Binary::Subtract => left - right,
        _ => left * right,
    })
}

/// The sign is that of the dividend; `None` for a zero divisor.
fn remainder(left: i64, right: i64) -> Option<i64> {
    // The one overflow, of the least integer by -1, has no rest.
    if right == -1 { Some(0) } else { left.checked_rem(right) }
}

/// An integer where two integers divide without rest, else a double; `None` for a zero divisor.
fn quotient(left: Number, right: Number) -> Option<Value> {
    if let (Number::Integer(left), Number::Integer(right)) = (left, right)
        && remainder(left, right)? == 0
    {
        // The one overflow wraps, as all integer arithmetic does.
        return Some(Value::Integer(left.checked_div(right).unwrap_or(left)));
    }
    let divisor = right.to_double();
    (divisor != 0.0).then(|| Value::Double(left.to_double() / divisor))
}

/// Shifts by less than 0 or more than 63 give 0.
fn bits(operator: Binary, left: i64, right: i64) -> i64 {
    let distance = u32::try_from(right).unwrap_or(u32::MAX);
    match operator {
        Binary::BitAnd => left & right,
        Binary::BitOr => left | right,
        Binary::BitXor => left ^ right,
        Binary::ShiftLeft => left.checked_shl(distance).unwrap_or(0),
        _ => left.checked_shr(distance).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(operator: Binary, left: impl Into<Value>, right: impl Into<Value>) -> String {
        binary(operator, &left.into(), &right.into()).0.to_text().to_string()
    }

    #[test]
    fn division_is_exact_or_a_fraction() {
        assert_eq!(of(Binary::Divide, 4, 2), "2");
        assert_eq!(of(Binary::Divide, 1, 2), "0.5");
        assert_eq!(of(Binary::Divide, "7", "2"), "3.5");
        assert_eq!(of(Binary::Divide, i64::MIN, -1), i64::MIN.to_string());
        assert_eq!(binary(Binary::Divide, &1.into(), &0.0.into()).1, Some(DIVISION_BY_ZERO));
        assert_eq!(binary(Binary::Remainder, &1.into(), &"x".into()).1, Some(DIVISION_BY_ZERO));
    }

    #[test]
    fn the_rest_of_a_division_has_the_sign_of_the_dividend() {
        assert_eq!(of(Binary::Remainder, 7, 3), "1");
        assert_eq!(of(Binary::Remainder, 3, 7), "3");
        assert_eq!(of(Binary::Remainder, -7, 3), "-1");
        assert_eq!(of(Binary::Remainder, i64::MIN, -1), "0");
    }

    #[test]
    fn text_counts_as_its_numeric_prefix_and_integers_wrap() {
        assert_eq!(of(Binary::Add, "10, 2.71828", 4), "14");
        assert_eq!(of(Binary::Add, "1.5", 1), "2.5");
        assert_eq!(of(Binary::Add, i64::MAX, 1), i64::MIN.to_string());
        assert_eq!(of(Binary::ShiftLeft, 1, 64), "0");
        assert_eq!(of(Binary::ShiftRight, -8, 1), "-4");
        assert_eq!(of(Binary::ShiftLeft, 1, -1), "0");
    }
}
