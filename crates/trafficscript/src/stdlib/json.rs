//! JSON.

use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::byte_string::ByteString;
use crate::call::Call;
use crate::fault::FaultKind;
use crate::limits::CONTAINER_DEPTH_MAX;
use crate::table::Table;
use crate::value::{ENTRY_BYTES, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "json.serialize", "An array or hash as a JSON text.",
            (Param::any("object", "The array or hash; a number or string is written too.")),
            String, Pure,
            ["json.serialize( [ \"a\" => 1, \"b\" => [ 1.5, \"x\" ] ] )" => "{\"a\":1,\"b\":[1.5,\"x\"]}",
             "json.serialize( [] )" => "[]"],
            "Without blanks; names in the order they were first written. A string is a string also where it looks like a \
             number. A double has as many digits as it needs, and a `.`. Bytes that are no UTF-8 are a warning and become \
             U+FFFD; so does a double that is no number become `null`.",
            |call| serialize(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "json.deserialize", "The array or hash that a JSON text holds.",
            (Param::string("json_string", "The text, in UTF-8.")),
            Any, Pure,
            ["json.deserialize( '{\"a\":[1,2.5]}' )[ \"a\" ][ 1 ]" => "2.5",
             "json.deserialize( '[\"x\",true,null]' )[ 1 ]" => "1"],
            "Numbers without `.` and exponent are integers (doubles, if they have more than 64 bits), others doubles; \
             `true` is 1, `false` 0, `null` the empty string. Of a name that stands twice in an object the last value \
             counts. A text that is not JSON, that goes on behind its end, or that nests deeper than 100 is a warning and \
             the empty string. One that holds more than the rule has memory for ends the rule.",
            |call| deserialize(call).unwrap_or_else(Answer::Fault)
        ),
    ]
}

fn serialize<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let mut writer = Writer { out: Vec::new(), room: call.memory_left(), is_lossy: false };
    let value = call.argument(0).cloned().unwrap_or_default();
    match writer.value(&value, CONTAINER_DEPTH_MAX) {
        Err(Unwritten::TooLong) => return Err(call.out_of_memory()),
        Err(Unwritten::TooDeep) => return Err(FaultKind::NestedTooDeep(CONTAINER_DEPTH_MAX)),
        Ok(()) => {}
    }
    if writer.is_lossy {
        call.warn("json.serialize is given bytes that are no UTF-8, or a double that is no number");
    }
    call.burn((writer.out.len() / BYTES_FOR_ONE) as u64)?;
    Ok(writer.out.into())
}

/// Bytes written that count as an instruction: how much there is to write is not seen from outside.
pub(super) const BYTES_FOR_ONE: usize = 256;

struct Writer {
    out: Vec<u8>,
    room: usize,
    /// Whether something could not be written as it is.
    is_lossy: bool,
}

enum Unwritten {
    TooLong,
    TooDeep,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: u32) -> Result<(), Unwritten> {
        if self.out.len() > self.room {
            return Err(Unwritten::TooLong);
        }
        let below = depth.checked_sub(1).ok_or(Unwritten::TooDeep)?;
        match value {
            Value::Integer(value) => self.out.extend_from_slice(value.to_string().as_bytes()),
            Value::Double(value) => self.double(*value),
            Value::String(text) => self.text(text)?,
            Value::Array(items) => {
                self.out.push(b'[');
                for (at, item) in items.borrow().iter().enumerate() {
                    self.separate(at);
                    self.value(item, below)?;
                }
                self.out.push(b']');
            }
            Value::Hash(table) => {
                self.out.push(b'{');
                for (at, (key, value)) in table.borrow().iter().enumerate() {
                    self.separate(at);
                    self.text(key)?;
                    self.out.push(b':');
                    self.value(value, below)?;
                }
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    fn separate(&mut self, at: usize) {
        if at > 0 {
            self.out.push(b',');
        }
    }

    fn double(&mut self, value: f64) {
        self.is_lossy |= !value.is_finite();
        // What is not finite is written as `null`; writing to memory does not fail.
        let _ = serde_json::to_writer(&mut self.out, &value);
    }

    fn text(&mut self, text: &ByteString) -> Result<(), Unwritten> {
        if self.out.len().saturating_add(text.len()) > self.room {
            return Err(Unwritten::TooLong);
        }
        let shown = String::from_utf8_lossy(text);
        self.is_lossy |= matches!(shown, std::borrow::Cow::Owned(_));
        let _ = serde_json::to_writer(&mut self.out, &*shown);
        Ok(())
    }
}

fn deserialize<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let text = call.bytes(0);
    let room = Cell::new(call.memory_left() as u64);
    let seed = Seed { room: &room, depth: CONTAINER_DEPTH_MAX };
    let mut reader = serde_json::Deserializer::from_slice(&text);
    // Our own depth is counted in the seed.
    let read = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match read {
        Ok(value) => Ok(Answer::Value(value)),
        Err(_) if room.get() == 0 => Err(call.out_of_memory()),
        Err(why) => {
            call.warn(format!("json.deserialize is given a text that is no JSON: {why}"));
            Ok("".into())
        }
    }
}

/// Builds a value as it reads, and takes what it needs from `room`: 0 once there was too little.
#[derive(Clone, Copy)]
struct Seed<'a> {
    room: &'a Cell<u64>,
    depth: u32,
}

impl Seed<'_> {
    fn take<E: Error>(self, bytes: u64) -> Result<(), E> {
        let left = self.room.get().checked_sub(bytes).filter(|left| *left > 0);
        self.room.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| E::custom("it holds too much"))
    }

    fn below<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("it nests too deep"))?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "what is too great for an integer is a double")]
        let double = value as f64;
        Ok(i64::try_from(value).map_or(Value::Double(double), Value::Integer))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        self.take(text.len() as u64)?;
        Ok(text.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::EMPTY)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        self.take(size_of::<Value>() as u64)?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            self.take(size_of::<Value>() as u64)?;
            array.push(item);
        }
        Ok(Value::array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        self.take(size_of::<Value>() as u64)?;
        let mut table = Table::default();
        while let Some(key) = entries.next_key::<String>()? {
            self.take(ENTRY_BYTES.saturating_add(key.len() as u64))?;
            table.insert(ByteString::from(key), entries.next_value_seed(below)?);
        }
        Ok(Value::hash(table))
    }
}
