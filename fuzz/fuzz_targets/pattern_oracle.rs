//! A pattern and a subject, searched by us and by PCRE: what both take, both find in the same places. The corpus holds
//! the table of the dialect as texts (but for what docs/manual/choices.md decides otherwise): a byte of flags (1: any case, 2: the pattern and 4:
//! the subject are texts), the pattern's length, pattern, subject.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pcre2::bytes::RegexBuilder;
use pattern::{Case, Groups, Pattern};

/// Pieces that patterns are made of; a byte chooses one.
const PIECES: [&str; 95] = [
    "a",
    "b",
    "c",
    "A",
    "B",
    "x",
    "\\n",
    "1",
    " ",
    "-",
    "_",
    ".",
    ".*",
    ".*?",
    ".+",
    ".+?",
    "*",
    "+",
    "?",
    "*?",
    "+?",
    "??",
    "*+",
    "++",
    "?+",
    "{2}",
    "{1,2}",
    "{0,}",
    "{2,}?",
    "{1,3}+",
    "{x",
    "(",
    ")",
    "(?:",
    "(?=",
    "(?!",
    "(?<=",
    "(?<!",
    "(?>",
    "(?i)",
    "(?s)",
    "(?m)",
    "(?x)",
    "(?-i)",
    "(?i:",
    "(?s-m:",
    "(?<n>",
    "(?P<n>",
    "(?'m'",
    "\\1",
    "\\2",
    "\\g1",
    "\\g{1}",
    "\\g{-1}",
    "\\k<n>",
    "\\k{n}",
    "\\k'm'",
    "(?P=n)",
    "|",
    "^",
    "$",
    "\\A",
    "\\z",
    "\\Z",
    "\\b",
    "\\B",
    "\\d",
    "\\D",
    "\\w",
    "\\W",
    "\\s",
    "\\S",
    "\\h",
    "\\H",
    "\\v",
    "\\V",
    "\\R",
    "\\N",
    "[ab]",
    "[^a]",
    "[a-c]",
    "[[:alpha:]]",
    "[^[:digit:]]",
    "[]a]",
    "[^]a]",
    "[\\w-]",
    "[\\]\\\\]",
    "\\Qa.b\\E",
    "\\x41",
    "\\x{e4}",
    "\\101",
    "\\.",
    "\\/",
    "(?#c)",
    "(?(1)a|b)",
];
const LETTERS: &[u8] = b"aAbBcx1 \n\r_-.\xe4\x0b\xa0\x85";

fn pieces(choices: &[u8]) -> Vec<u8> {
    choices.iter().flat_map(|choice| PIECES[usize::from(*choice) % PIECES.len()].bytes()).collect()
}

fuzz_target!(|input: &[u8]| {
    let [flags, split, rest @ ..] = input else { return };
    let at = usize::from(*split) % (rest.len() + 1);
    let is_text = flags & 4 != 0;
    let (choices, subject) = rest.split_at(if is_text { at } else { at.min(24) });
    let pattern = if flags & 2 == 0 { pieces(choices) } else { choices.to_vec() };
    // PCRE is given its pattern as a string here: bytes that are none cannot be compared.
    let Ok(text) = std::str::from_utf8(&pattern) else { return };
    if !text.is_ascii() {
        return;
    }
    let letter = |byte: &u8| if is_text { *byte } else { LETTERS[usize::from(*byte) % LETTERS.len()] };
    let subject: Vec<u8> = subject.iter().take(40).map(letter).collect();
    let case = if flags & 1 == 0 { Case::Sensitive } else { Case::Insensitive };
    let Ok(ours) = Pattern::new(text.as_bytes(), case) else { return };
    let theirs = RegexBuilder::new().caseless(case == Case::Insensitive).build(text);
    // We take a few that PCRE refuses: a quantifier on an assertion, say.
    let Ok(theirs) = theirs else { return };
    let mut groups = Groups::default();
    let Ok(found) = ours.find_at(&subject, 0, &mut groups) else { return };
    let mut locations = theirs.capture_locations();
    let Ok(expected) = theirs.captures_read(&mut locations, &subject) else { return };
    assert_eq!(found, expected.is_some(), "{text:?} on {:?}", subject.escape_ascii().to_string());
    if found {
        for group in 0..=ours.group_count().min(9) {
            let there = locations.get(group).map(|(start, end)| start..end);
            assert_eq!(
                groups.get(group),
                there,
                "group {group} of {text:?} on {:?}",
                subject.escape_ascii().to_string()
            );
        }
    }
});
