//! Casts and checks.

use super::array::element;
use super::json::BYTES_FOR_ONE;
use super::{format, row};
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use crate::fault::FaultKind;
use crate::limits::CONTAINER_DEPTH_MAX;
use crate::table::Table;
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
            "lang.toArray", "An array of values.",
            (Param::any("values", "Its elements.").repeated()),
            Array, Pure, ["lang.toArray( 1, \"b\" )[ 1 ]" => "b", "array.length( lang.toArray() )" => "0"],
            "The same as `[ 1, \"b\" ]`. Arrays and hashes are copied.",
            |call| to_array(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "lang.toHash", "A hash of names and values.",
            (Param::any("values", "A name, its value, the next name, and so on.").repeated()),
            Hash, Pure, ["lang.toHash( \"a\", 1, \"b\", 2 )[ \"b\" ]" => "2"],
            "The same as `[ \"a\" => 1, \"b\" => 2 ]`. Of a name that stands twice the last value counts; a last name without \
             a value is a warning and has the empty string.",
            |call| to_hash(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "lang.dump", "A value as a text for people.",
            (Param::any("variable", "The value.")),
            String, Pure,
            ["lang.dump( [ \"a\" => 1, \"b\" => [ 2.5, \"x\" ] ] )" => "[ \"a\" => 1, \"b\" => [ 2.5, \"x\" ] ]",
             "lang.dump( \"it's\" )" => "\"it's\""],
            "As it would stand in a rule, on one line: strings in `\"` with escapes, arrays and hashes in `[ ]`.",
            |call| dump(call).unwrap_or_else(Answer::Fault)
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

fn to_array<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let items = call.arguments().iter().map(|value| element(call, value)).collect::<Result<_, _>>()?;
    Ok(Answer::Value(Value::array(items)))
}

fn to_hash<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let mut table = Table::default();
    for at in (0..call.argument_count()).step_by(2) {
        let key = call.string(at);
        let value = if let Some(value) = call.argument(at + 1) {
            element(call, value)?
        } else {
            call.warn("lang.toHash is given a name without a value");
            Value::EMPTY
        };
        table.insert(key, value);
    }
    Ok(Answer::Value(Value::hash(table)))
}

fn dump<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let value = call.argument(0).cloned().unwrap_or_default();
    let mut out = Vec::new();
    match put(&mut out, &value, call.memory_left(), CONTAINER_DEPTH_MAX) {
        Ok(()) => {
            call.burn((out.len() / BYTES_FOR_ONE) as u64)?;
            Ok(out.into())
        }
        Err(TooLong) => Err(call.out_of_memory()),
    }
}

/// What is put down would be longer than there is memory for.
struct TooLong;

fn put(out: &mut Vec<u8>, value: &Value, room: usize, depth: u32) -> Result<(), TooLong> {
    let below = depth.checked_sub(1).ok_or(TooLong)?;
    match value {
        Value::String(text) => quote(out, text, room)?,
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.borrow().iter().enumerate() {
                out.extend_from_slice(if at == 0 { b" " } else { b", " });
                put(out, item, room, below)?;
            }
            out.extend_from_slice(if items.borrow().is_empty() { b"]" } else { b" ]" });
        }
        Value::Hash(table) => {
            out.push(b'[');
            for (at, (key, value)) in table.borrow().iter().enumerate() {
                out.extend_from_slice(if at == 0 { b" " } else { b", " });
                quote(out, key, room)?;
                out.extend_from_slice(b" => ");
                put(out, value, room, below)?;
            }
            out.extend_from_slice(if table.borrow().is_empty() { b"]" } else { b" ]" });
        }
        number => out.extend_from_slice(&number.to_text()),
    }
    if out.len() > room { Err(TooLong) } else { Ok(()) }
}

/// As a literal of the language that gives the same bytes.
fn quote(out: &mut Vec<u8>, text: &[u8], room: usize) -> Result<(), TooLong> {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b' '..=b'~' => out.push(*byte),
            other => out.extend_from_slice(format!("\\x{other:02x}").as_bytes()),
        }
        if out.len() > room {
            return Err(TooLong);
        }
    }
    out.push(b'"');
    Ok(())
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
