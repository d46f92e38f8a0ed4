//! Rust texts taken apart into code, comments and string literals, as far as these checks need it.

/// The same text three times, each of the same length in lines; what does not belong is blanked out.
pub(super) struct Masked {
    /// Code without comments and without the insides of string and character literals.
    pub(super) code: String,
    /// Comments only.
    pub(super) comments: String,
    /// Code and string literals, without comments.
    pub(super) code_with_strings: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Inside {
    Code,
    LineComment,
    /// How deep block comments are nested.
    BlockComment(u32),
    /// A string; the number of `#` of a raw one, `None` for one with escapes.
    String(Option<usize>),
}

/// Takes a text apart. Never fails: a text that is no Rust comes out as something harmless.
pub(super) fn mask(text: &str) -> Masked {
    let mut masked =
        Masked { code: String::new(), comments: String::new(), code_with_strings: String::new() };
    let mut inside = Inside::Code;
    let mut rest = text;
    let mut before = ' ';
    while !rest.is_empty() {
        let (piece, next) = step(rest, inside, before);
        for c in piece.chars() {
            let blank = if c == '\n' { '\n' } else { ' ' };
            let is_comment = matches!(inside, Inside::LineComment | Inside::BlockComment(_))
                || matches!(next, Inside::LineComment | Inside::BlockComment(_));
            let is_string = matches!(inside, Inside::String(_));
            masked.comments.push(if is_comment { c } else { blank });
            masked.code.push(if is_comment || is_string { blank } else { c });
            masked.code_with_strings.push(if is_comment { blank } else { c });
        }
        before = piece.chars().next_back().unwrap_or(' ');
        rest = &rest[piece.len()..];
        inside = next;
    }
    masked
}

/// The next piece of the text and what follows it is inside of.
fn step(rest: &str, inside: Inside, before: char) -> (&str, Inside) {
    let first = rest.chars().next().map_or(1, char::len_utf8);
    match inside {
        Inside::LineComment if rest.starts_with('\n') => (&rest[..1], Inside::Code),
        Inside::BlockComment(depth) if rest.starts_with("/*") => {
            (&rest[..2], Inside::BlockComment(depth + 1))
        }
        Inside::BlockComment(1) if rest.starts_with("*/") => (&rest[..2], Inside::Code),
        Inside::BlockComment(depth) if rest.starts_with("*/") => {
            (&rest[..2], Inside::BlockComment(depth - 1))
        }
        Inside::String(None) if rest.starts_with('\\') => {
            (&rest[..=rest[1..].chars().next().map_or(0, char::len_utf8)], inside)
        }
        Inside::String(None) if rest.starts_with('"') => (&rest[..1], Inside::Code),
        Inside::String(Some(hashes)) if rest.starts_with(&format!("\"{}", "#".repeat(hashes))) => {
            (&rest[..=hashes], Inside::Code)
        }
        Inside::Code => code_step(rest, first, before),
        _ => (&rest[..first], inside),
    }
}

fn code_step(rest: &str, first: usize, before: char) -> (&str, Inside) {
    if rest.starts_with("//") {
        return (&rest[..2], Inside::LineComment);
    }
    if rest.starts_with("/*") {
        return (&rest[..2], Inside::BlockComment(1));
    }
    if rest.starts_with('"') {
        return (&rest[..1], Inside::String(None));
    }
    let starts_word = !(before.is_alphanumeric() || before == '_');
    if starts_word && let Some(raw) = rest.strip_prefix('r').or_else(|| rest.strip_prefix("br")) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let length = rest.len() - raw.len() + hashes + 1;
            return (&rest[..length], Inside::String(Some(hashes)));
        }
    }
    if rest.starts_with('\'')
        && let Some(length) = character_literal(rest)
    {
        return (&rest[..length], Inside::Code);
    }
    (&rest[..first], Inside::Code)
}

/// The length of a character literal, or `None` where the quote begins a lifetime.
fn character_literal(rest: &str) -> Option<usize> {
    let inner = &rest[1..];
    if inner.starts_with('\\') {
        let close = inner.char_indices().skip(2).find(|(_, c)| *c == '\'')?.0;
        return Some(1 + close + 1);
    }
    let first = inner.chars().next()?.len_utf8();
    inner[first..].starts_with('\'').then_some(1 + first + 1)
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn code_comments_and_strings_come_apart() {
        let text = "let a = \"not // a comment\"; // but this\nlet b = r#\"raw \" here\"#; /* one /* two */ */ c('\"', 'x');";
        let masked = mask(text);
        assert!(masked.comments.contains("// but this") && !masked.comments.contains("not // a"));
        assert!(masked.code.contains("let a =") && !masked.code.contains("raw"));
        assert!(masked.code.contains("c('\"', 'x')"), "{}", masked.code);
        assert!(
            masked.code_with_strings.contains("raw \" here") && !masked.code_with_strings.contains("two")
        );
        assert_eq!(masked.code.lines().count(), text.lines().count());
    }

    #[test]
    fn a_lifetime_is_no_character() {
        let masked = mask("fn f<'a>(x: &'a str) { /* c */ g(\"'\"); }");
        assert!(masked.code.contains("fn f<'a>(x: &'a str)") && masked.comments.contains('c'));
    }
}
