//! Casts and checks.

use super::{format, row};
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use crate::fault::FaultKind;
use crate::value::{Number, Value};
use std::cmp::Ordering;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "lang.toInt", "A value as an integer.",
            (Param::any("value", "The value.")),
            Integer, Pure,
            ["lang.toInt( \"10xxx\" )" => "10", "lang.toInt( 3.75 )" => "4", "lang.toInt( \"!!!\" )" => "0"],
            "Fractions are rounded to the nearest; of a string the longest numeric beginning counts.",
            |call| call.integer(0).into()
        ),
        row!(
            "lang.toDouble", "A value as a number with a fraction.",
            (Param::any("value", "The value.")),
            Double, Pure, ["lang.toDouble( \"3.2.7\" )" => "3.2"],
            "Of a string the longest numeric beginning counts.",
            |call| call.double(0).into()
        ),
        row!(
            "lang.toString", "A value as a string.",
            (Param::any("value", "The value.")),
            String, Pure, ["lang.toString( 1 / 3 )" => "0.333333"],
            "A double has six significant digits; `string.sprintf` gives more.",
            |call| call.string(0).into()
        ),
        row!(
            "lang.isArray", "Whether a value is an array.",
            (Param::any("value", "The value.")),
            Truth, Pure, ["lang.isArray( [ 1 ] )" => "1", "lang.isArray( \"a\" )" => "0"],
            "A hash is none.",
            |call| matches!(call.argument(0), Some(Value::Array(_))).into()
        ),
        row!(
            "lang.isHash", "Whether a value is a hash.",
            (Param::any("value", "The value.")),
            Truth, Pure, ["lang.isHash( [ \"a\" => 1 ] )" => "1", "lang.isHash( [] )" => "0"],
            "The empty array is none.",
            |call| matches!(call.argument(0), Some(Value::Hash(_))).into()
        ),
        row!(
            "lang.min", "The smaller of two values.",
            (Param::any("left", "One."), Param::any("right", "The other.")),
            Any, Pure, ["lang.min( 3, 2 )" => "2", "lang.min( \"10\", \"9\" )" => "10"],
            "Two strings are compared byte by byte, anything else as numbers.",
            |call| choose(call, Ordering::Less)
        ),
        row!(
            "lang.max", "The greater of two values.",
            (Param::any("left", "One."), Param::any("right", "The other.")),
            Any, Pure, ["lang.max( \"9\", \"10\" )" => "9", "lang.max( 2, \"4.8\" )" => "4.8"],
            "Two strings are compared byte by byte, anything else as numbers.",
            |call| choose(call, Ordering::Greater)
        ),
        row!(
            "lang.chr", "The byte of a number, as a string.",
            (Param::integer("code", "0 to 255; of others the low eight bits count.")),
            String, Pure, ["lang.chr( 65 )" => "A"],
            "The reverse of `lang.ord`.",
            |call| [format::byte(call.argument(0))].as_slice().into()
        ),
        row!(
            "lang.ord", "The number of a string's first byte.",
            (Param::string("string", "The string.")),
            Integer, Pure, ["lang.ord( \"A\" )" => "65", "lang.ord( \"\" )" => "0"],
            "0 for the empty string.",
            |call| i64::from(call.bytes(0).first().copied().unwrap_or(0)).into()
        ),
        row!(
            "lang.assert", "Ends the rule if something does not hold.",
            (Param::any("condition", "What should be true."), Param::string("text", "What to say if not.").optional()),
            Truth, Changes, ["lang.assert( 1 < 2, \"numbers are broken\" )" => "1"],
            "1 if it holds; otherwise the rule ends with a warning that holds the text.",
            |call| {
                if call.truth(0) {
                    return true.into();
                }
                let text = call.optional_string(1).unwrap_or_default();
                Answer::Fault(FaultKind::Assertion(text.to_string()))
            }
        ),
        row!(
            "lang.warn", "Says that something is odd.",
            (Param::string("text", "What.")),
            Nothing, Changes, ["lang.warn( \"no such page\" )" => ""],
            "The warning names the line; the rule goes on.",
            |call| {
                let text = call.string(0).to_string();
                call.warn(text);
                "".into()
            }
        ),
    ]
}

/// The left value where the order is the wanted one, else the right; beside a number a string is one too.
fn choose<H: Host>(call: &mut Call<'_, H>, wanted: Ordering) -> Answer {
    let (Some(left), Some(right)) = (call.argument(0), call.argument(1)) else { return "".into() };
    if let (Value::String(_), Value::String(_)) = (left, right) {
        let chosen = if left.compare(right) == Some(wanted) { left } else { right };
        return Answer::Value(chosen.clone());
    }
    let (left, right) = (left.to_number(), right.to_number());
    let order = match (left, right) {
        (Number::Integer(left), Number::Integer(right)) => Some(left.cmp(&right)),
        _ => left.to_double().partial_cmp(&right.to_double()),
    };
    Answer::Value(if order == Some(wanted) { left } else { right }.into())
}
