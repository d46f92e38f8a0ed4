//! Hashes.

use super::array::{element, itself};
use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use crate::fault::FaultKind;
use crate::value::Value;

pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "hash.keys", "The names in a hash, as an array.",
            (Param::hash("hash", "The hash.")),
            Array, Pure, ["array.join( hash.keys( [ \"b\" => 1, \"a\" => 2 ] ) )" => "b a"],
            "In the order they were first written. An empty array and a warning for anything else.",
            |call| {
                let keys = call.hash(0).map(|table| table.borrow().iter().map(|(key, _)| key.clone().into()).collect());
                Answer::Value(Value::array(keys.unwrap_or_default()))
            }
        ),
        row!(
            "hash.values", "The values in a hash, as an array.",
            (Param::hash("hash", "The hash.")),
            Array, Pure, ["array.join( hash.values( [ \"b\" => 1, \"a\" => 2 ] ) )" => "1 2"],
            "In the order of `hash.keys`; arrays and hashes among them are copies. An empty array and a warning for \
             anything else.",
            |call| values(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "hash.contains", "Whether a hash has a name.",
            (Param::hash("hash", "The hash."), Param::string("key", "The name.")),
            Truth, Pure, ["hash.contains( [ \"a\" => \"\" ], \"a\" )" => "1", "hash.contains( [ \"a\" => 1 ], \"A\" )" => "0"],
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
        row!(
            "hash.empty", "Takes all names out of a hash.",
            (Param::hash("hash", "The hash; it is changed.")),
            Hash, Changes,
            ["$h = [ \"a\" => 1 ]; hash.empty( $h ); $1 = hash.count( $h );" => "0"],
            "Gives the hash. In a sub it empties the caller's hash, where `$h = [];` would only give the parameter a new \
             value.",
            |call| {
                if let Some(table) = call.hash(0) {
                    let old = table.take();
                    drop(old);
                }
                itself(call)
            }
        ),
    ]
}

fn values<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let Some(table) = call.hash(0) else { return Ok(Answer::Value(Value::array(Vec::new()))) };
    let table = table.borrow();
    let values = table.iter().map(|(_, value)| element(call, value)).collect::<Result<_, _>>()?;
    Ok(Answer::Value(Value::array(values)))
}
