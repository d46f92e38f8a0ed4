//! Regular expressions.

use super::row;
use crate::builtin::{Answer, Builtin, Host, Param};
use crate::byte_string::ByteString;
use crate::call::Call;
use crate::fault::FaultKind;
use pattern::{Case, Groups, Pattern};
use std::ops::Range;

pub(super) fn rows<H: Host>() -> Vec<Builtin<H>> {
    vec![
        row!(
            "string.regexmatch", "Whether a regular expression finds something in a string.",
            (Param::string("string", "Where to look."), Param::pattern("pattern", "A PCRE pattern."),
             Param::flags("flags", "`i`: letters of any case.").optional()),
            Truth, Changes,
            ["string.regexmatch( \"/a/b.mp3\", \"\\\\.mp3$\" )" => "1",
             "string.regexmatch( \"id=42;\", \"ID=([0-9]+)\", \"i\" ); $1 = $1 . \"!\";" => "42!"],
            "A success sets `$1` to `$9` to what the groups found (the empty string for those that took no part); \
             otherwise they stay. A literal pattern that is wrong is an error when the rule is loaded.",
            regexmatch
        ),
        row!(
            "string.regexsub", "A string with what a regular expression finds replaced.",
            (Param::string("string", "Where to look."), Param::pattern("pattern", "A PCRE pattern."),
             Param::string("replacement", "What to put there; `$1` to `$9` are what the groups found."),
             Param::flags("flags", "`g`: all finds, not only the first; `i`: letters of any case.").optional()),
            String, Pure,
            ["string.regexsub( \"http://www.example.com/a\", \".*?://(.*?)/.*\", \"$1\", \"i\" )" => "www.example.com",
             "string.regexsub( \"a1b2\", \"[0-9]\", \"<$0>\", \"g\" )" => "a<$0>b<$0>"],
            "Unchanged, if nothing is found. `$1` to `$9` of the rule are not set.",
            |call| regexsub(call).unwrap_or_else(Answer::Fault)
        ),
        row!(
            "string.regexescape", "A string as a regular expression that finds just that string.",
            (Param::string("string", "The string.")),
            String, Pure, ["string.regexescape( \"a.b_c\" )" => "a\\.b_c"],
            "A backslash stands before everything but ASCII letters, digits and `_`.",
            |call| {
                let text = call.bytes(0);
                let mut out = Vec::with_capacity(text.len() + 8);
                for byte in text.iter() {
                    if !byte.is_ascii_alphanumeric() && *byte != b'_' {
                        out.push(b'\\');
                    }
                    out.push(*byte);
                }
                out.into()
            }
        ),
    ]
}

fn regexmatch<H: Host>(call: &mut Call<'_, H>) -> Answer {
    let case = Case::of_flags(&call.bytes(2));
    let mut groups = Groups::default();
    let subject = call.bytes(0);
    let found = with_pattern(call, case, |call, pattern| {
        call.burn_search(pattern, subject.len())?;
        Ok(pattern.find_at(&subject, 0, &mut groups)?)
    });
    match found {
        Err(FaultKind::BadPattern(why)) => {
            call.warn(format!("bad regular expression: {why}"));
            false.into()
        }
        Err(kind) => Answer::Fault(kind),
        Ok(false) => false.into(),
        Ok(true) => {
            let subject = call.string(0);
            for number in 1..=9 {
                let range = groups.get(number).unwrap_or(0..0);
                call.captures().set(number, subject.slice(range));
            }
            true.into()
        }
    }
}

/// With the pattern of argument 1; without counting references where it was compiled with the rule.
#[inline]
pub(super) fn with_pattern<H: Host, T>(
    call: &mut Call<'_, H>,
    case: Case,
    run: impl FnOnce(&mut Call<'_, H>, &Pattern) -> Result<T, FaultKind>,
) -> Result<T, FaultKind> {
    if let Some(pattern) = call.prepared(case) {
        return run(call, pattern);
    }
    let pattern = call.pattern(1, case)?;
    run(call, &pattern)
}

fn regexsub<H: Host>(call: &mut Call<'_, H>) -> Result<Answer, FaultKind> {
    let flags = call.bytes(3);
    let (case, is_global) = (Case::of_flags(&flags), flags.contains(&b'g'));
    let text = call.string(0);
    let replacement = call.bytes(2);
    let room = call.memory_left();
    let replaced = with_pattern(call, case, |call, pattern| {
        call.burn_search(pattern, text.len())?;
        let mut groups = Groups::default();
        if !pattern.find_at(&text, 0, &mut groups)? {
            return Ok(Answer::from(text.clone()));
        }
        // The usual way to cut something out: all is found, one group is kept.
        if groups.whole() == (0..text.len())
            && let [b'$', digit @ b'1'..=b'9'] = *replacement
        {
            return Ok(Answer::from(text.slice(groups.get(usize::from(digit - b'0')).unwrap_or(0..0))));
        }
        let mut out = ByteString::EMPTY;
        let mut copied = 0;
        loop {
            let Range { start, end } = groups.whole();
            out.append(text.get(copied..start).unwrap_or(&[]));
            put(&mut out, &replacement, &text, &groups);
            copied = end;
            if out.len() > room {
                return Err(call.out_of_memory());
            }
            if !is_global {
                break;
            }
            // After an empty find the next one must be further on.
            let next = if end > start { end } else { end + 1 };
            call.burn_search(pattern, text.len().saturating_sub(next))?;
            if next > text.len() || !pattern.find_at(&text, next, &mut groups)? {
                break;
            }
        }
        out.append(text.get(copied..).unwrap_or(&[]));
        Ok(Answer::from(out))
    });
    match replaced {
        Err(FaultKind::BadPattern(why)) => {
            call.warn(format!("bad regular expression: {why}"));
            Ok(Answer::from(text))
        }
        done => done,
    }
}

/// Adds the replacement, with the groups in it.
fn put(out: &mut ByteString, replacement: &[u8], text: &[u8], groups: &Groups) {
    let mut rest = replacement;
    while let Some(at) = memchr::memchr(b'$', rest) {
        let (plain, after) = rest.split_at(at);
        out.append(plain);
        if let [b'$', digit @ b'1'..=b'9', more @ ..] = after {
            let range = groups.get(usize::from(digit - b'0')).unwrap_or(0..0);
            out.append(text.get(range).unwrap_or(&[]));
            rest = more;
        } else {
            out.append(b"$");
            rest = after.get(1..).unwrap_or(&[]);
        }
    }
    out.append(rest);
}
