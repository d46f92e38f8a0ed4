//! The words we do not use (docs/lexicon.md), in names, comments and prose.

use super::tree::File;
use super::{Finding, rust_text};

/// What not to say, and what to say.
const FORBIDDEN: [(&str, &str); 12] = [
    ("referrer", "referer"),
    ("referrers", "referers"),
    ("upstream", "node, node side"),
    ("downstream", "client side"),
    ("backend", "node, pool"),
    ("backends", "nodes, pools"),
    ("frontend", "virtual server"),
    ("middleware", "rule"),
    ("healthcheck", "monitor"),
    ("throttle", "rate class, bandwidth class"),
    ("throttled", "held, shaped"),
    ("ctx", "a name that says what it holds; `context` is the key of a class"),
];

/// Files whose subject is another's word: the list of words itself, and what quotes it.
const ALLOWED: [&str; 2] = ["docs/lexicon.md", "xtask/src/tidy/words.rs"];

/// Every forbidden word, at its line. String literals, code blocks and quoted code may hold anything: they speak of
/// other people's texts.
pub(super) fn check(file: &File) -> Vec<Finding> {
    // Pages made from the table of functions, whose texts are string literals.
    let is_made = file.path.starts_with("docs/manual/functions/");
    if is_made || ALLOWED.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let prose = if file.is_rust() {
        let masked = rust_text::mask(&file.text);
        let joined = masked.code.lines().zip(masked.comments.lines());
        joined.map(|(code, comment)| format!("{code} {}", without_quoted_code(comment))).collect()
    } else if file.is_markdown() {
        without_code_blocks(&file.text)
    } else {
        Vec::new()
    };
    let found = prose.iter().enumerate().flat_map(|(index, line)| {
        words(line).filter_map(move |word| {
            let (_, say) = FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == word)?;
            Some((index, word, *say))
        })
    });
    found
        .map(|(index, word, say)| {
            Finding::new(format!("{}:{}", file.path, index + 1), format!("do not say `{word}`; say: {say}"))
        })
        .collect()
}

/// The words of a line, in lower case; names are taken apart (`ctxMax`, `ctx_max`).
fn words(line: &str) -> impl Iterator<Item = String> {
    let mut found = vec![String::new()];
    let mut last_lower = false;
    for c in line.chars() {
        if !c.is_ascii_alphabetic() || (c.is_ascii_uppercase() && last_lower) {
            found.push(String::new());
        }
        if c.is_ascii_alphabetic()
            && let Some(word) = found.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
        last_lower = c.is_ascii_lowercase();
    }
    found.into_iter().filter(|word| !word.is_empty())
}

fn without_code_blocks(text: &str) -> Vec<String> {
    let mut in_block = false;
    let keep = |line: &str| {
        let fence = line.trim_start().starts_with("```");
        in_block ^= fence;
        if in_block || fence { String::new() } else { without_quoted_code(line) }
    };
    text.lines().map(keep).collect()
}

/// Every second part between backticks is code.
fn without_quoted_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&File { path: path.to_owned(), text: text.to_owned() }).len()
    }

    #[test]
    fn names_and_prose_are_checked_and_quoted_texts_are_not() {
        assert_eq!(count("a.rs", "fn f(ctx: u8) {} // from the upstream"), 2);
        assert_eq!(count("a.rs", "const RULE: &str = \"$referrer\"; // the seed says `$referrer`"), 0);
        assert_eq!(count("a.md", "The backend.\n```\nbackend\n```\nnginx says `upstream`."), 1);
        assert_eq!(count("a.rs", "let httpBackends = context;"), 1);
    }
}
