//! Finding one string in another.

use super::{count, row};
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::call::Call;
use memchr::memmem;
use std::cmp::Ordering;

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "string.contains", "Whether a string holds another.",
            (Param::string("haystack", "Where to look."), Param::string("needle", "What to look for.")),
            Truth, Pure,
            ["string.contains( \"This is it\", \"is\" )" => "1", "string.contains( \"\", \"\" )" => "1"],
            "The empty needle is in every string.",
            |call| contains(call).into()
        ),
        row!(
            "string.containsI", "Whether a string holds another, in letters of any case.",
            (Param::string("haystack", "Where to look."), Param::string("needle", "What to look for.")),
            Truth, Pure, ["string.containsI( \"This is it\", \"IS\" )" => "1"],
            "As `string.contains`; only ASCII letters have two cases.",
            |call| find_caseless(&call.bytes(0), &call.bytes(1), 0).is_some().into()
        ),
        row!(
            "string.startsWith", "Whether a string begins with another.",
            (Param::string("string", "The whole."), Param::string("prefix", "Its beginning.")),
            Truth, Pure, ["string.startsWith( \"/images/a.png\", \"/images/\" )" => "1"],
            "Every string begins with the empty string.",
            |call| call.bytes(0).starts_with(&call.bytes(1)).into()
        ),
        row!(
            "string.startsWithI", "Whether a string begins with another, in letters of any case.",
            (Param::string("string", "The whole."), Param::string("prefix", "Its beginning.")),
            Truth, Pure, ["string.startsWithI( \"/Images/a.png\", \"/images/\" )" => "1"],
            "As `string.startsWith`; only ASCII letters have two cases.",
            |call| {
                let (whole, prefix) = (call.bytes(0), call.bytes(1));
                whole.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(&prefix)).into()
            }
        ),
        row!(
            "string.endsWith", "Whether a string ends with another.",
            (Param::string("string", "The whole."), Param::string("suffix", "Its end.")),
            Truth, Pure, ["string.endsWith( \"a.mp3\", \".mp3\" )" => "1"],
            "Every string ends with the empty string.",
            |call| call.bytes(0).ends_with(&call.bytes(1)).into()
        ),
        row!(
            "string.endsWithI", "Whether a string ends with another, in letters of any case.",
            (Param::string("string", "The whole."), Param::string("suffix", "Its end.")),
            Truth, Pure, ["string.endsWithI( \"a.MP3\", \".mp3\" )" => "1"],
            "As `string.endsWith`; only ASCII letters have two cases.",
            |call| {
                let (whole, suffix) = (call.bytes(0), call.bytes(1));
                let start = whole.len().checked_sub(suffix.len());
                start.and_then(|start| whole.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(&suffix)).into()
            }
        ),
        row!(
            "string.find", "Where a string holds another for the first time, or -1.",
            (Param::string("haystack", "Where to look."), Param::string("needle", "What to look for."),
             Param::integer("start", "Bytes to leave out at the beginning.").optional()),
            Integer, Pure,
            ["string.find( \"This is it!\", \"is\" )" => "2", "string.find( \"This is it!\", \"is\", 3 )" => "5",
             "string.find( \"a\", \"b\" )" => "-1"],
            "Positions count bytes from 0. The empty needle is found at `start`.",
            |call| position(find(&call.bytes(0), &call.bytes(1), count(call.integer(2))))
        ),
        row!(
            "string.findI", "Where a string holds another for the first time, in letters of any case, or -1.",
            (Param::string("haystack", "Where to look."), Param::string("needle", "What to look for."),
             Param::integer("start", "Bytes to leave out at the beginning.").optional()),
            Integer, Pure, ["string.findI( \"This is it!\", \"IT\" )" => "8"],
            "As `string.find`; only ASCII letters have two cases.",
            |call| position(find_caseless(&call.bytes(0), &call.bytes(1), count(call.integer(2))))
        ),
        row!(
            "string.findr", "Where a string holds another for the last time, or -1.",
            (Param::string("haystack", "Where to look."), Param::string("needle", "What to look for."),
             Param::integer("distance", "Bytes to leave out at the end.").optional()),
            Integer, Pure, ["string.findr( \"This is it!\", \"i\", 3 )" => "5"],
            "Positions count bytes from 0. The empty needle is found at the end of what is looked at.",
            |call| {
                let (haystack, needle) = (call.bytes(0), call.bytes(1));
                let end = haystack.len().checked_sub(count(call.integer(2)));
                position(end.and_then(|end| haystack.get(..end)).and_then(|part| memmem::rfind(part, &needle)))
            }
        ),
        row!(
            "string.count", "How often a string holds another.",
            (Param::string("haystack", "Where to look."), Param::string("needle", "What to look for."),
             Param::integer("start", "Bytes to leave out at the beginning.").optional()),
            Integer, Pure, ["string.count( \"aaaa\", \"aa\" )" => "2", "string.count( \"a\", \"\" )" => "0"],
            "Finds do not overlap. The empty needle is not counted.",
            |call| {
                let (haystack, needle) = (call.bytes(0), call.bytes(1));
                let part = haystack.get(count(call.integer(2))..).unwrap_or(&[]);
                if needle.is_empty() { 0.into() } else { memmem::find_iter(part, &needle).count().into() }
            }
        ),
        row!(
            "string.cmp", "Which of two strings comes first.",
            (Param::string("left", "One."), Param::string("right", "The other.")),
            Integer, Pure, ["string.cmp( \"a\", \"b\" )" => "-1", "string.cmp( \"a\", \"a\" )" => "0"],
            "-1, 0 or 1, byte by byte.",
            |call| order(call.bytes(0).cmp(&call.bytes(1)))
        ),
        row!(
            "string.icmp", "Which of two strings comes first, in letters of any case.",
            (Param::string("left", "One."), Param::string("right", "The other.")),
            Integer, Pure, ["string.icmp( \"A\", \"a\" )" => "0"],
            "As `string.cmp`, as if all ASCII letters were lower case.",
            |call| order(call.bytes(0).to_ascii_lowercase().cmp(&call.bytes(1).to_ascii_lowercase()))
        ),
        row!(
            "string.wildmatch", "Whether a whole string looks like a pattern with `?` and `*`.",
            (Param::string("string", "The whole."), Param::string("pattern", "`?` is one byte, `*` any number.")),
            Truth, Pure,
            ["string.wildmatch( \"www.example.com\", \"*.example.*\" )" => "1",
             "string.wildmatch( \"ab\", \"?\" )" => "0"],
            "All other bytes mean themselves.",
            wildmatch_counted
        ),
    ]
}

#[inline]
fn contains<H: Host>(call: &mut Call<'_, H>) -> bool {
    let (haystack, needle) = (call.bytes(0), call.bytes(1));
    holds(&haystack, &needle)
}

/// Substring search that prepares nothing where the haystack is so short that preparing would cost more.
#[inline]
fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    const SHORT: usize = 64;
    let Some(first) = needle.first() else { return true };
    let Some(last_start) = haystack.len().checked_sub(needle.len()) else { return false };
    if haystack.len() > SHORT {
        return memmem::find(haystack, needle).is_some();
    }
    let mut from = 0;
    while let Some(at) = haystack.get(from..=last_start).and_then(|starts| memchr::memchr(*first, starts)) {
        if haystack.get(from + at..).is_some_and(|rest| rest.starts_with(needle)) {
            return true;
        }
        from += at + 1;
    }
    false
}

fn find(haystack: &[u8], needle: &[u8], start: usize) -> Option<usize> {
    memmem::find(haystack.get(start..)?, needle).map(|at| start + at)
}

pub(super) fn find_caseless(haystack: &[u8], needle: &[u8], start: usize) -> Option<usize> {
    let part = haystack.get(start..)?.to_ascii_lowercase();
    memmem::find(&part, &needle.to_ascii_lowercase()).map(|at| start + at)
}

fn position(found: Option<usize>) -> Answer {
    found.map_or(Answer::from(-1), Answer::from)
}

fn order(order: Ordering) -> Answer {
    Answer::from(order as i32)
}

/// The part between two `*` is looked for at its earliest place: if that fails, no later one helps. A part with `?` is
/// compared byte by byte wherever it may stand, so `compared` is told of each such comparison, and may end it.
fn wildmatch<E>(text: &[u8], pattern: &[u8], mut compared: impl FnMut() -> Result<(), E>) -> Result<bool, E> {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let (Some(first), last) = (parts.next(), parts.next_back()) else { return Ok(false) };
    let Some(last) = last else { return Ok(text.len() == first.len() && looks_like(text, first)) };
    let Some(middle_length) = text.len().checked_sub(first.len() + last.len()) else { return Ok(false) };
    let (head, rest) = text.split_at(first.len());
    let (mut middle, tail) = rest.split_at(middle_length);
    if !looks_like(head, first) || !looks_like(tail, last) {
        return Ok(false);
    }
    for part in parts {
        let found = if part.contains(&b'?') {
            find_like(middle, part, &mut compared)?
        } else {
            memmem::find(middle, part)
        };
        match found.and_then(|at| middle.get(at + part.len()..)) {
            Some(after) => middle = after,
            None => return Ok(false),
        }
    }
    Ok(true)
}

fn find_like<E>(
    text: &[u8],
    part: &[u8],
    compared: &mut impl FnMut() -> Result<(), E>,
) -> Result<Option<usize>, E> {
    for (at, window) in text.windows(part.len()).enumerate() {
        let mut is_like = true;
        for (byte, wanted) in window.iter().zip(part) {
            compared()?;
            if *wanted != b'?' && byte != wanted {
                is_like = false;
                break;
            }
        }
        if is_like {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn looks_like(text: &[u8], part: &[u8]) -> bool {
    text.iter().zip(part).all(|(byte, wanted)| *wanted == b'?' || byte == wanted)
}

/// With each 512 comparisons counted as an instruction.
fn wildmatch_counted<H: Host>(call: &mut Call<'_, H>) -> Answer {
    const COMPARISONS_FOR_ONE: u32 = 512;
    let (text, pattern) = (call.bytes(0), call.bytes(1));
    let mut comparisons = 0_u32;
    let matched = wildmatch(&text, &pattern, || {
        comparisons += 1;
        if comparisons < COMPARISONS_FOR_ONE {
            return Ok(());
        }
        comparisons = 0;
        call.burn(1)
    });
    matched.map_or_else(Answer::Fault, Answer::from)
}

#[cfg(test)]
mod tests {
    use super::{holds, wildmatch};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_short_search_finds_what_the_long_one_finds(haystack in "[ab]{0,70}", needle in "[ab]{0,8}") {
            prop_assert_eq!(holds(haystack.as_bytes(), needle.as_bytes()), haystack.contains(&needle));
        }
    }

    #[test]
    fn stars_may_overlap_neither_end_nor_each_other() {
        for (text, pattern, holds) in [
            ("", "", true),
            ("", "*", true),
            ("a", "", false),
            ("aba", "a*a", true),
            ("a", "a*a", false),
            ("abcbc", "a*?c", true),
            ("abcd", "*b*c*", true),
            ("acb", "*b*c*", false),
            ("ab", "a*b*", true),
            ("abc", "**", true),
            ("axbxc", "a*x*x*c", true),
            ("axc", "a*x*x*c", false),
        ] {
            let matched = wildmatch(text.as_bytes(), pattern.as_bytes(), || Ok::<(), ()>(()));
            assert_eq!(matched, Ok(holds), "{text} {pattern}");
        }
    }
}
