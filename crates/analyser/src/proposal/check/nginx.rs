//! As much of nginx's language as our proposals use: words, quotations, blocks, and the directives they hold.

use super::Snippet;

/// A word, and whether it stood in quotation marks.
type Word = (String, bool);

enum Token {
    Word(Word),
    End,
    Open,
    Close,
}

/// Whether the snippets hold directives that we write, in the places where they may stand, and nothing else.
pub(super) fn holds(snippets: &[Snippet]) -> bool {
    snippets.iter().all(|snippet| {
        tokens(&snippet.text)
            .is_some_and(|tokens| directives(&mut tokens.into_iter(), snippet.place, 0).is_some())
    })
}

/// Words and marks; `None` for a quotation without an end.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            c if c.is_whitespace() => {}
            ';' => tokens.push(Token::End),
            '{' => tokens.push(Token::Open),
            '}' => tokens.push(Token::Close),
            '#' => while rest.next_if(|c| *c != '\n').is_some() {},
            '"' | '\'' => {
                let mut word = String::new();
                loop {
                    match rest.next()? {
                        '\\' => word.extend(['\\', rest.next()?]),
                        end if end == c => break,
                        other => word.push(other),
                    }
                }
                tokens.push(Token::Word((word, true)));
            }
            _ => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| !c.is_whitespace() && !";{}\"'#".contains(*c)) {
                    word.push(c);
                }
                tokens.push(Token::Word((word, false)));
            }
        }
    }
    Some(tokens)
}

/// Directives up to the end of the text, or of the block that they stand in.
fn directives(tokens: &mut impl Iterator<Item = Token>, place: &str, depth: usize) -> Option<()> {
    let mut words: Vec<Word> = Vec::new();
    loop {
        match tokens.next() {
            Some(Token::Word(word)) => words.push(word),
            Some(Token::End) => {
                is_directive(place, &words, false).then_some(())?;
                words.clear();
            }
            Some(Token::Open) => {
                is_directive(place, &words, true).then_some(())?;
                let name = words.first()?.0.clone();
                directives(tokens, &name, depth + 1)?;
                words.clear();
            }
            Some(Token::Close) => return (depth > 0 && words.is_empty()).then_some(()),
            None => return (depth == 0 && words.is_empty()).then_some(()),
        }
    }
}

fn is_directive(place: &str, words: &[Word], opens: bool) -> bool {
    let Some((name, was_quoted)) = words.first() else { return false };
    match (place, name.as_str(), words.len(), opens) {
        ("http", "map", 3, true) => is_variable(&words[2]),
        ("http", "geo", 2, true) => is_variable(&words[1]),
        ("http", "limit_req_zone", 4, false)
        | ("server", "limit_req", 3, false)
        | ("server", "limit_rate", 2, false)
        | ("server", "if", 2, true)
        | ("if", "return", 2, false) => !was_quoted,
        // a key and a value
        ("map" | "geo", _, 2, false) => true,
        _ => false,
    }
}

fn is_variable(word: &Word) -> bool {
    !word.1
        && word.0.strip_prefix('$').is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds_in(place: &'static str, text: &str) -> bool {
        holds(&[Snippet { place, text: text.to_owned() }])
    }

    #[test]
    fn what_we_write_holds_and_what_breaks_out_does_not() {
        assert!(holds_in("http", "map $uri $a {\n default 0;\n \"~^/a\\.b$\" 1;\n}\n"));
        assert!(holds_in("server", "if ($a) { return 403; }\nlimit_rate $a;"));
        for broken in [
            "map $uri $a { \"~a\" 1; ",
            "map $uri $a { \"~a 1; }",
            "root /;",
            "map $uri $a { a b c; }",
            "}",
            "x",
        ] {
            assert!(!holds_in("http", broken), "{broken}");
        }
        assert!(!holds_in("http", "map $uri $a { \"~a\" 1; } include /etc/passwd;"));
        assert!(!holds_in("server", "if ($a) { return 403; } proxy_pass http://x;"));
    }
}
