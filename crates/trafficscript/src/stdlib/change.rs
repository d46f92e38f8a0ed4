//! New strings from old ones.

use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::byte_string::ByteString;
use crate::call::Call;
use memchr::memmem;

pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "string.replace", "A string with the first find of another replaced.",
            (Param::string("string", "Where to look."), Param::string("search", "What to look for."),
             Param::string("replacement", "What to put there.")),
            String, Pure, ["string.replace( \"aXbX\", \"X\", \"-\" )" => "a-bX"],
            "Unchanged, if `search` is not found or empty.",
            |call| replace(call, Letters::AsTheyAre, Finds::First)
        ),
        row!(
            "string.replaceI", "A string with the first find of another, in letters of any case, replaced.",
            (Param::string("string", "Where to look."), Param::string("search", "What to look for."),
             Param::string("replacement", "What to put there.")),
            String, Pure,
            ["string.replaceI( \"aXbX\", \"x\", \"-\" )" => "a-bX", "string.iReplace( \"AB\", \"ab\", \"c\" )" => "c"],
            "As `string.replace`; only ASCII letters have two cases.",
            |call| replace(call, Letters::AnyCase, Finds::First)
        ),
        row!(
            "string.replaceAll", "A string with all finds of another replaced.",
            (Param::string("string", "Where to look."), Param::string("search", "What to look for."),
             Param::string("replacement", "What to put there.")),
            String, Pure, ["string.replaceAll( \"aXbX\", \"X\", \"--\" )" => "a--b--"],
            "Finds do not overlap, and what was put there is not looked at again.",
            |call| replace(call, Letters::AsTheyAre, Finds::All)
        ),
        row!(
            "string.replaceAllI", "A string with all finds of another, in letters of any case, replaced.",
            (Param::string("string", "Where to look."), Param::string("search", "What to look for."),
             Param::string("replacement", "What to put there.")),
            String, Pure, ["string.replaceAllI( \"aXbx\", \"x\", \"-\" )" => "a-b-"],
            "As `string.replaceAll`; only ASCII letters have two cases.",
            |call| replace(call, Letters::AnyCase, Finds::All)
        ),
        row!(
            "string.lowercase", "A string with all letters in lower case.",
            (Param::string("string", "The string.")),
            String, Pure, ["string.lowercase( \"AbC\" )" => "abc"],
            "Only ASCII letters have two cases.",
            |call| mapped(call, u8::is_ascii_uppercase, <[u8]>::make_ascii_lowercase)
        ),
        row!(
            "string.uppercase", "A string with all letters in upper case.",
            (Param::string("string", "The string.")),
            String, Pure, ["string.uppercase( \"AbC\" )" => "ABC"],
            "Only ASCII letters have two cases.",
            |call| mapped(call, u8::is_ascii_lowercase, <[u8]>::make_ascii_uppercase)
        ),
        row!(
            "string.reverse", "A string backwards.",
            (Param::string("string", "The string.")),
            String, Pure, ["string.reverse( \"abc\" )" => "cba"],
            "Byte by byte.",
            |call| mapped(call, |_| true, <[u8]>::reverse)
        ),
        row!(
            "string.append", "Strings one after the other.",
            (Param::string("first", "The beginning."), Param::string("more", "What follows.").repeated()),
            String, Pure, ["string.append( \"a\", 1, \"b\" )" => "a1b"],
            "The same as joining them with `.`.",
            append
        ),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Letters {
    AsTheyAre,
    AnyCase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finds {
    First,
    All,
}

fn replace<H: Host>(call: &mut Call<'_, H>, letters: Letters, finds: Finds) -> Answer {
    let text = call.string(0);
    let (search, replacement) = (call.bytes(1), call.bytes(2));
    if search.is_empty() {
        return text.into();
    }
    // Found twice, so that no list of finds is kept: there may be as many as bytes.
    let lowered =
        (letters == Letters::AnyCase).then(|| (text.to_ascii_lowercase(), search.to_ascii_lowercase()));
    let (looked_at, looked_for) = match &lowered {
        Some((text, search)) => (text.as_slice(), search.as_slice()),
        None => (&*text, &*search),
    };
    let finder = memmem::Finder::new(looked_for);
    let most = if finds == Finds::First { 1 } else { usize::MAX };
    let found = finder.find_iter(looked_at).take(most).count();
    if found == 0 {
        return text.into();
    }
    let length = (text.len() - found * search.len()).saturating_add(found.saturating_mul(replacement.len()));
    if length > call.memory_left() {
        return Answer::Fault(call.out_of_memory());
    }
    let mut out = Vec::with_capacity(length);
    let mut start = 0;
    for at in finder.find_iter(looked_at).take(found) {
        out.extend_from_slice(text.get(start..at).unwrap_or(&[]));
        out.extend_from_slice(&replacement);
        start = at + search.len();
    }
    out.extend_from_slice(text.get(start..).unwrap_or(&[]));
    out.into()
}

/// The string itself, where no byte would change.
fn mapped<H: Host>(call: &mut Call<'_, H>, is_changed: fn(&u8) -> bool, change: fn(&mut [u8])) -> Answer {
    let text = call.string(0);
    if !text.iter().any(is_changed) {
        return text.into();
    }
    let mut bytes = text.to_vec();
    change(&mut bytes);
    bytes.into()
}

fn append<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let mut joined = ByteString::EMPTY;
    for at in 0..call.argument_count() {
        let more = call.bytes(at);
        if joined.len() + more.len() > call.memory_left() {
            return Answer::Fault(call.out_of_memory());
        }
        joined.append(&more);
    }
    joined.into()
}
