//! Parts of strings.

use super::{count, row};
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use crate::value::Value;
use memchr::memmem;
use std::ops::Range;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "string.length", "How many bytes a string has.",
            (Param::string("string", "The string.")),
            Integer, Pure, ["string.length( \"abc\" )" => "3", "string.len( \"\" )" => "0"],
            "Bytes, not characters.",
            |call| call.bytes(0).len().into()
        ),
        row!(
            "string.left", "The first bytes of a string.",
            (Param::string("string", "The string."), Param::integer("count", "How many bytes.")),
            String, Pure, ["string.left( \"abcdef\", 2 )" => "ab", "string.left( \"a\", -1 )" => ""],
            "All of it, if it has fewer.",
            |call| part(call, |_, count| 0..count)
        ),
        row!(
            "string.right", "The last bytes of a string.",
            (Param::string("string", "The string."), Param::integer("count", "How many bytes.")),
            String, Pure, ["string.right( \"abcdef\", 2 )" => "ef"],
            "All of it, if it has fewer.",
            |call| part(call, |length, count| length.saturating_sub(count)..length)
        ),
        row!(
            "string.skip", "All but the first bytes of a string.",
            (Param::string("string", "The string."), Param::integer("count", "How many to leave out.")),
            String, Pure, ["string.skip( \"abcdef\", 2 )" => "cdef"],
            "Nothing, if it has fewer.",
            |call| part(call, |length, count| count..length)
        ),
        row!(
            "string.drop", "All but the last bytes of a string.",
            (Param::string("string", "The string."), Param::integer("count", "How many to leave out.")),
            String, Pure, ["string.drop( \"abcdef\", 2 )" => "abcd"],
            "Nothing, if it has fewer.",
            |call| part(call, |length, count| 0..length.saturating_sub(count))
        ),
        row!(
            "string.substring", "The bytes of a string from one position to another, both included.",
            (Param::string("string", "The string."), Param::integer("base", "The first byte, from 0."),
             Param::integer("end", "The last byte.")),
            String, Pure,
            ["string.substring( \"This is a string\", 2, 8 )" => "is is a",
             "string.substring( \"abc\", 1, 99 )" => "bc", "string.substring( \"abc\", 2, 1 )" => ""],
            "What is beyond the string is left out; nothing, if `base` is behind `end`.",
            |call| {
                let end = count(call.integer(2).saturating_add(1));
                let base = count(call.integer(1));
                Answer::from(call.string(0).slice(base..end.max(base)))
            }
        ),
        row!(
            "string.trim", "A string without the blanks and control characters around it.",
            (Param::string("string", "The string.")),
            String, Pure, ["\"[\" . string.trim( \" a b\\n\" ) . \"]\"" => "[a b]"],
            "Those within stay.",
            |call| {
                let text = call.string(0);
                let is_kept = |byte: &u8| *byte > b' ' && *byte != 0x7f;
                let start = text.iter().position(is_kept).unwrap_or(text.len());
                let end = text.iter().rposition(is_kept).map_or(start, |last| last + 1);
                Answer::from(text.slice(start..end))
            }
        ),
        row!(
            "string.split", "The parts of a string between separators, as an array.",
            (Param::string("string", "The string."),
             Param::string("separator", "What stands between the parts; one blank unless told.").optional()),
            Array, Pure,
            ["string.split( \"a,b,,c\", \",\" )[ 3 ]" => "c", "array.length( string.split( \"abc\", \"\" ) )" => "3",
             "string.split( \"/a/b.html\", \".\" )[ -1 ]" => "html"],
            "One part more than there are separators. The empty separator gives single bytes.",
            split
        ),
    ]
}

fn part<H: Host>(call: &mut Call<'_, H>, range: impl Fn(usize, usize) -> Range<usize>) -> Answer {
    let text = call.string(0);
    let range = range(text.len(), count(call.integer(1)));
    Answer::from(text.slice(range))
}

fn split<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let text = call.string(0);
    let separator = call.optional_string(1).unwrap_or_else(|| " ".into());
    let parts =
        if separator.is_empty() { text.len() } else { memmem::find_iter(&text, &separator).count() + 1 };
    if parts.saturating_mul(size_of::<Value>()) > call.memory_left() {
        return Answer::Fault(call.out_of_memory());
    }
    let mut items = Vec::with_capacity(parts);
    if separator.is_empty() {
        items.extend((0..text.len()).map(|at| Value::from(text.slice(at..at + 1))));
    } else {
        let mut start = 0;
        for at in memmem::find_iter(&text, &separator) {
            items.push(Value::from(text.slice(start..at)));
            start = at + separator.len();
        }
        items.push(Value::from(text.slice(start..text.len())));
    }
    Answer::Value(Value::array(items))
}
