//! Arrays and hashes.

use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use crate::fault::FaultKind;
use crate::place;
use crate::value::Value;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "array.length", "How many elements an array has.",
            (Param::array("array", "The array.")),
            Integer, Pure, ["array.length( [ 1, [ 2, 3 ] ] )" => "2"],
            "0 and a warning for anything else.",
            |call| call.array(0).map_or(0, |items| items.borrow().len()).into()
        ),
        row!(
            "array.push", "Adds values at the end of an array.",
            (Param::array("array", "The array; it is changed."), Param::any("value", "What to add."),
             Param::any("more", "Further values.").repeated()),
            Array, Changes,
            ["$a = [ 1 ]; array.push( $a, 2, 3 ); $1 = array.join( $a, \",\" );" => "1,2,3"],
            "Gives the array. Arrays and hashes are added as copies.",
            |call| push(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "array.pop", "Takes the last element off an array.",
            (Param::array("array", "The array; it is changed.")),
            Any, Changes, ["$a = [ 1, 2 ]; $1 = array.pop( $a ) . array.length( $a );" => "21"],
            "The empty string, if there is none.",
            |call| {
                let last = call.array(0).and_then(|items| items.borrow_mut().pop());
                Answer::Value(last.unwrap_or_default())
            }
        ),
        row!(
            "array.join", "The elements of an array as one string.",
            (Param::array("array", "The array."),
             Param::string("separator", "What to put between them; one blank unless told.").optional()),
            String, Pure, ["array.join( [ 1, 2 ], \", \" )" => "1, 2"],
            "Elements that are arrays or hashes are a warning.",
            join
        ),
        row!(
            "array.contains", "Whether an element of an array equals a value.",
            (Param::array("array", "The array."), Param::any("value", "The value.")),
            Truth, Pure, ["array.contains( [ 1, \"b\" ], \"b\" )" => "1", "array.contains( [ [ 1 ] ], 1 )" => "0"],
            "As `==`; elements of elements are not looked at.",
            |call| {
                let (items, value) = (call.array(0), call.argument(1));
                let is_it = |item: &Value| value.is_some_and(|value| !item.is_container() && item.equals(value));
                items.is_some_and(|items| items.borrow().iter().any(is_it)).into()
            }
        ),
        row!(
            "array.sort", "Puts the elements of an array in the order of their texts.",
            (Param::array("array", "The array; it is changed."),
             Param::truth("reverse", "True for the opposite order.").optional()),
            Array, Changes,
            ["array.join( array.sort( [ 2, 10, 1 ] ) )" => "1 10 2",
             "array.join( array.sort( [ 2, 10, 1 ], true ) )" => "2 10 1"],
            "Gives the array. Byte by byte: 10 comes before 2.",
            |call| {
                let is_reverse = call.truth(1);
                if let Some(items) = call.array(0) {
                    let mut items = items.borrow_mut();
                    items.sort_by_cached_key(Value::to_text);
                    if is_reverse {
                        items.reverse();
                    }
                }
                itself(call)
            }
        ),
        row!(
            "hash.keys", "The names in a hash, as an array.",
            (Param::hash("hash", "The hash.")),
            Array, Pure, ["array.join( hash.keys( [ \"b\" => 1, \"a\" => 2 ] ) )" => "b a"],
            "In the order they were first written.",
            |call| {
                let keys = call.hash(0).map(|table| table.borrow().iter().map(|(key, _)| key.clone().into()).collect());
                Answer::Value(Value::array(keys.unwrap_or_default()))
            }
        ),
        row!(
            "hash.contains", "Whether a hash has a name.",
            (Param::hash("hash", "The hash."), Param::string("key", "The name.")),
            Truth, Pure, ["hash.contains( [ \"a\" => \"\" ], \"a\" )" => "1"],
            "Also where its value is empty.",
            |call| {
                let key = call.string(1);
                call.hash(0).is_some_and(|table| table.borrow().get(&key).is_some()).into()
            }
        ),
        row!(
            "hash.count", "How many names a hash has.",
            (Param::hash("hash", "The hash.")),
            Integer, Pure, ["hash.count( [ \"a\" => 1, \"b\" => 2 ] )" => "2"],
            "0 and a warning for anything else.",
            |call| call.hash(0).map_or(0, |table| table.borrow().len()).into()
        ),
        row!(
            "hash.delete", "Takes a name out of a hash.",
            (Param::hash("hash", "The hash; it is changed."), Param::string("key", "The name.")),
            Hash, Changes,
            ["$h = [ \"a\" => 1, \"b\" => 2 ]; hash.delete( $h, \"a\" ); $1 = array.join( hash.keys( $h ) );" => "b"],
            "Gives the hash. A name that is not there is no mistake.",
            |call| {
                let key = call.string(1);
                let removed = call.hash(0).and_then(|table| table.borrow_mut().remove(&key));
                drop(removed);
                itself(call)
            }
        ),
    ]
}

/// The first argument, by reference.
fn itself<H: Host>(call: &mut Call<'_, H>) -> Answer {
    Answer::Value(call.argument(0).cloned().unwrap_or_default())
}

fn push<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    if let Some(items) = call.array(0) {
        for value in call.arguments().iter().skip(1) {
            // The argument itself is held by its register: a container is always copied here.
            let (value, copied) = place::own(value.clone())?;
            let copied = usize::try_from(copied).unwrap_or(usize::MAX);
            call.charge(copied.saturating_add(size_of::<Value>()))?;
            items.borrow_mut().push(value);
        }
    }
    Ok(itself(call))
}

fn join<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let separator = call.optional_string(1).unwrap_or_else(|| " ".into());
    let Some(items) = call.array(0) else { return "".into() };
    let items = items.borrow();
    if items.iter().any(Value::is_container) {
        call.warn("array.join is given elements that are arrays or hashes");
    }
    let mut out = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(&separator);
        }
        out.extend_from_slice(&item.to_text());
        if out.len() > call.memory_left() {
            return Answer::Fault(call.out_of_memory());
        }
    }
    out.into()
}
